"""The tables [[verb]] of a job file: what is to become of people at several vendors, as steps of the job.

Each becomes a step for every vendor, channel and way of knowing people, made from the vendor's facts. What a
vendor cannot do stops the file, for nobody would do it: a file names the vendors that can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast, get_args

import attrs

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Mode, Source, Step
from netaudience.jobs.spec.people_section import column_of, columns_of, pairs_of, vendors_of
from netaudience.jobs.spec.suppression_section import condition_of
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.spec.verb_steps import step_of, untold, ways_of
from netaudience.model.verb_facts import Channel, Identity, Verb, key_of
from netaudience.vendors import verbs_of

VERB = ("verb", "vendors", "channels", "audience", "attributes", "columns", "at", "where", "mode")
VERB_MODES = ("all", "changed-only")
_BY_HAND = (
    "who is written to again has agreed to it, which somebody says each time: netaudience unsuppress, with "
    "--yes-opt-in"
)
#: What is done for people on a list of those to whom nothing is sent as well: it only takes away.
_TAKES = frozenset[Verb]({"erase", "suppress", "leave"})


def verb_steps(file: Section, source: Source, names: set[str]) -> tuple[Step, ...]:
    """Make the steps of all that is to become of people; what is wrong goes to the file's problems.

    Args:
        file: The whole file.
        source: Where its rows come from.
        names: Those of the steps that are there already; the names of these are added.
    """
    value = file.get("verb")
    given = cast("list[object]", value if isinstance(value, list) else [] if value is None else [value])
    steps: list[Step] = []
    for index, one in enumerate(given):
        at = (*file.place("verb"), index) if isinstance(value, list) else file.place("verb")
        if not isinstance(one, dict):
            file.problems.add(at, "a verb is a table: begin it with a line [[verb]]")
            continue
        values = cast("dict[str, object]", one)
        section = Section(values, at, file.problems, known=VERB, name="[[verb]]")
        for step in _steps_of_verb(section, source):
            if step.name.casefold() in names:
                section.wrong("verb", f"{step.name} is there twice: one verb says what is done there")
            names.add(step.name.casefold())
            steps.append(step)
    return tuple(steps)


def _steps_of_verb(section: Section, source: Source) -> list[Step]:
    """Make the steps of a verb; what is wrong goes to the section's problems."""
    vendors, problems = vendors_of(section), len(section.problems)
    columns = columns_of(section, vendors)
    mode = cast("Mode", section.choice("mode", VERB_MODES) or "all")
    if mode != "all" and not source.key:
        section.wrong("mode", f'{mode} needs to know rows again: add key = "COLUMN" to [source]')
    if source.incremental is not None and mode == "all":
        section.wrong("mode", 'incremental gives some rows twice: add mode = "changed-only"')
    where = section.text("where")
    action = _action(section)
    if action is None or len(section.problems) > problems:
        return []
    if source.suppression is not None and action.verb not in _TAKES:
        where = condition_of(where, source.suppression.match)
    steps: list[Step] = []
    for slug in vendors:
        vendor = cast("type[Client]", find_vendor(slug))
        for channel in action.parts:
            steps += _steps(section, action, channel, vendor, partial(column_of, columns, slug))
    return [
        attrs.evolve(
            step, mode=mode, where=step.where if where is None else f"(\n{where}\n) and {step.where}"
        )
        for step in steps
    ]


def _action(section: Section) -> Action | None:
    verb = section.choice("verb", get_args(Verb))
    if verb is None:
        if "verb" not in section:
            section.problems.add(section.path, '[[verb]] does not say what is done: add verb = "suppress"')
        return None
    if verb == "unsuppress":
        section.wrong("verb", _BY_HAND)
        return None
    try:
        return Action(
            verb=cast("Verb", verb),
            channels=cast("tuple[Channel, ...]", section.texts("channels")),
            audience=section.text("audience"),
            attributes=_attributes(section, verb),
            places=dict(pairs_of(section, "at")),
        )
    except ConfigurationError as error:
        section.wrong("verb", str(error))
        return None


def _attributes(section: Section, verb: str) -> dict[str, str | None]:
    if isinstance(section.get("attributes"), dict):
        return dict(pairs_of(section, "attributes"))
    return {name: None if verb == "unset" else name for name in section.texts("attributes")}


def _steps(
    section: Section,
    action: Action,
    channel: Channel | None,
    vendor: type[Client],
    column: Callable[[Identity], str | None],
) -> Iterator[Step]:
    called = key_of(action.verb, channel)
    facts = verbs_of(vendor).get(called)
    if facts is None or facts.cannot:
        why = "nobody has written down how" if facts is None else f"{facts.cannot}. By hand: {facts.by_hand}"
        section.wrong("vendors", f"{vendor.vendor} cannot {called}: {why}; leave it out")
        return
    unsaid = untold(action, channel, vendor, facts, 'at = {{ "{}" = … }}')
    if unsaid is not None:
        section.wrong("at", f"{vendor.vendor}: {unsaid}")
        return
    ways = list(ways_of(facts, column))
    if not ways:
        takes = " or ".join(dict.fromkeys(way.takes for way in facts.ways))
        section.wrong("columns", f"{vendor.vendor} knows people by {takes} for {called}: name the column")
    for way, name, before in ways:
        yield step_of(
            f"{vendor.slug}-{called.replace(' ', '-')}-by-{way.takes}",
            vendor,
            way,
            name,
            before=before,
            place=action.place(vendor.slug, channel),
            attributes=action.attributes,
        )
