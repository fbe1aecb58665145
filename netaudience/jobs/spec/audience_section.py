"""The table [audience] of a job file: people who are to be one audience at several vendors.

It becomes a step for each vendor, a mirror: whoever comes into the source joins, whoever leaves it leaves.
Of each vendor the steps are made from its facts for ``join`` and ``leave``, and one identity is used there,
for whoever changed from one to the other would leave as the one and stay as the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import Section, listed
from netaudience.jobs.spec.model import KeptAudience, Step, Suppression
from netaudience.jobs.spec.people_section import column_of, columns_of, pairs_of, vendors_of
from netaudience.jobs.spec.suppression_section import channels_of, condition_of
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.spec.verb_steps import UNPLACED, mirrored, placed, step_of, unfit_place
from netaudience.model.digests import digest_of
from netaudience.model.verb_facts import IDENTITIES, Identity, VerbFacts, Way
from netaudience.vendors import names, verbs_of, whole_list_of

AUDIENCE = ("name", "vendors", "columns", "at", "by", "channels", "lists")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def audience_of(section: Section) -> KeptAudience:
    """Read an audience; what is wrong with it goes to the section's problems."""
    name = section.text("name")
    if name is None and "name" not in section:
        section.problems.add(section.path, '[audience] has no name: add name = "vip"')
    vendors = vendors_of(section)
    columns = columns_of(section, vendors)
    by, at = dict(pairs_of(section, "by")), dict(pairs_of(section, "at"))
    for vendor, identity in by.items():
        if identity not in IDENTITIES:
            section.wrong("by", f"by of {vendor} is one of {listed(IDENTITIES)}")
    for key, named in (("by", by), ("at", at)):
        for vendor in named.keys() - set(vendors) if vendors else ():
            section.wrong(key, f"{key} names {vendor}, which is none of the audience's vendors")
    audience = KeptAudience(
        name=name or "audience",
        vendors=vendors,
        columns=columns,
        at=at,
        by=cast("Mapping[str, Identity]", by),
        channels=channels_of(section, "channels"),
        lists=_lists_of(section, vendors),
    )
    for vendor in vendors:
        if problem := _problem(audience, vendor):
            section.wrong("vendors", problem)
    return audience


def _lists_of(section: Section, vendors: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read what has to be told for lists that are replaced as a whole, by the vendor."""
    found: dict[str, dict[str, str]] = {}
    for slug, value in section.table("lists").items():
        vendor = find_vendor(slug)
        facts = None if vendor is None or vendor.slug not in vendors else whole_list_of(vendor)
        if facts is None or vendor is None:
            section.wrong("lists", f"lists names {slug}, which is no vendor of the audience with such a list")
            continue
        table = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        given = {name: one for name, one in table.items() if isinstance(one, str) and one.strip()}
        if given.keys() != {*facts.needs}:
            section.wrong("lists", f"lists of {slug} says {listed(facts.needs)}, each as a text")
        found[vendor.slug] = given
    return found


def way_of(audience: KeptAudience, slug: str) -> Way:
    """Return the way into an audience at a vendor."""
    return _way_and_back(audience, cast("type[Client]", find_vendor(slug)))[0]


def _problem(audience: KeptAudience, vendor: str) -> str | None:
    """Say why an audience cannot be kept at a vendor, or None."""
    client = cast("type[Client]", find_vendor(vendor))
    facts = _facts(client)
    if facts is None:
        return f"what {client.vendor} can do for audiences is not written down: leave it out"
    joining, leaving = facts
    for one in (joining, leaving):
        if one.cannot:
            return f"{client.vendor} has no audience that could be kept: {one.cannot}; leave it out"
    if vendor in audience.at and (unfit := unfit_place(client, joining, audience.at[vendor])):
        return f"{unfit}: at of {vendor} is {joining.place}"
    try:
        _way_and_back(audience, client)
    except ConfigurationError as error:
        return str(error)
    return None


def _facts(vendor: type[Client]) -> tuple[VerbFacts, VerbFacts] | None:
    verbs = verbs_of(vendor)
    return (verbs["join"], verbs["leave"]) if {"join", "leave"} <= verbs.keys() else None


def _way_and_back(audience: KeptAudience, vendor: type[Client]) -> tuple[Way, Way]:
    """Return the way into an audience at a vendor, and the way out of it.

    Raises:
        ConfigurationError: nothing is known of people by which the vendor knows them.
    """
    verbs = verbs_of(vendor)
    chosen = audience.by.get(vendor.slug)
    takes = [way.takes for way in verbs["join"].ways]
    for forth in verbs["join"].ways:
        if chosen not in {None, forth.takes} or column_of(audience.columns, vendor.slug, forth.takes) is None:
            continue
        for back in verbs["leave"].ways:
            if back.takes == forth.takes:
                return forth, back
    wanted = listed(dict.fromkeys(takes)) if chosen is None or chosen not in takes else chosen
    raise ConfigurationError(
        f"{vendor.vendor} knows people of an audience by {wanted}: name the column in columns, or leave the "
        "vendor out"
    )


def audience_steps(
    audience: KeptAudience, suppression: Suppression | None = None
) -> tuple[KeptAudience, tuple[Step, ...]]:
    """Make the steps that keep an audience the same, and return the audience with their names.

    A place that has a number, and is not told by `KeptAudience.at`, is found or made when the steps are run.

    Args:
        audience: The audience.
        suppression: People who are in it nowhere.

    Raises:
        ConfigurationError: it cannot be kept at one of the vendors.
    """
    steps: dict[str, Step] = {}
    called = audience.name if _PLAIN.fullmatch(audience.name) else digest_of(audience.name, 6)
    for slug in audience.vendors:
        vendor = find_vendor(slug)
        if vendor is None:
            raise ConfigurationError(f"There is no vendor {slug!r}: it is one of {listed(names())}")
        if problem := _problem(audience, slug):
            raise ConfigurationError(problem)
        forth, back = _way_and_back(audience, vendor)
        column = column_of(audience.columns, vendor.slug, forth.takes) or ""
        place = audience.at.get(slug) or (UNPLACED if verbs_of(vendor)["join"].place else audience.name)
        step = mirrored(step_of(f"{slug}-{called}", vendor, forth, column, place=place), vendor, back, place)
        if suppression is not None:
            step = attrs.evolve(step, where=condition_of(step.where, suppression.match, audience.channels))
        steps[slug] = step
    named = {slug: step.name for slug, step in steps.items()}
    return attrs.evolve(audience, steps=named), tuple(steps.values())


def numbered(audience: KeptAudience) -> tuple[str, ...]:
    """Return the vendors at which it has a number that nobody has said: it has to be found, or made."""
    return tuple(
        slug
        for slug in audience.vendors
        if slug not in audience.at and (vendor := find_vendor(slug)) and verbs_of(vendor)["join"].place
    )


def with_places(steps: Sequence[Step], audience: KeptAudience, found: Mapping[str, str]) -> tuple[Step, ...]:
    """Return steps of which those of an audience have the numbers that it has at vendors."""
    by_name = {audience.steps[slug]: slug for slug in found}
    made: list[Step] = []
    for step in steps:
        slug = by_name.get(step.name)
        vendor = None if slug is None else find_vendor(slug)
        if slug is None or vendor is None:
            made.append(step)
        else:
            made.append(placed(step, vendor, _way_and_back(audience, vendor), found[slug]))
    return tuple(made)
