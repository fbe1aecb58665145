"""The vendors' own opt-outs of people, where a vendor tells them: whoever left by a link of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.plan.own_opt_outs import own_opt_outs, told_by
from netaudience.model.verb_facts import CHANNELS, Channel, Identity
from netaudience.vendors import names
from netaudience.verbs.consent import at_vendor
from netaudience.verbs.people import Person, open_people, read_people
from netaudience.verbs.plan import slugs_of
from netaudience.verbs.subject import Columns, Subject, find_columns

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.spec.model import Source


@attrs.frozen(kw_only=True)
class OptedOut:
    """Somebody who has opted out at a vendor."""

    #: The row, counted from 1, and what the person is known by, by the column.
    row: int
    known_by: Mapping[str, str] = attrs.field(repr=False)
    vendor: str
    channel: Channel


@attrs.frozen(kw_only=True)
class OptOutsFound:
    """What vendors tell of the opt-outs of people."""

    found: tuple[OptedOut, ...]
    columns: Columns
    #: Vendors that were asked, and those that tell nobody's opt-outs.
    asked: tuple[str, ...]
    silent: tuple[str, ...]
    #: By vendor, how many questions had no answer, and why.
    no_answer: Mapping[str, int]
    reasons: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """True where every vendor that tells has answered."""
        return not self.no_answer


async def find_opt_outs(
    people: str | Path | Source | Iterable[Subject],
    *,
    channels: Sequence[Channel] = CHANNELS,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    client_factory: ClientFactory | None = None,
) -> OptOutsFound:
    """Ask vendors which of these people have opted out there; nothing is changed.

    Args:
        people: A file with a column for each id, or subjects.
        channels: Of what.
        vendors: By their names in commands; those of the environment if not given.
        columns: Columns of a file that their names do not tell.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: a vendor or a column is not there, or a row cannot be read.
    """
    with open_people(people) as (table, _):
        known = find_columns(list(table.columns), names(), columns)
        read = await asyncio.to_thread(read_people, table, known)
    if broken := next((person for person in read if person.problem is not None), None):
        raise ConfigurationError(f"Row {broken.row} cannot be read: {broken.problem}; mend it first")
    slugs = slugs_of(vendors)
    telling = {slug: told_by(slug) & {*channels} for slug in slugs}
    found: list[OptedOut] = []
    no_answer: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for slug, slug_channels in telling.items():
        asked: list[tuple[Person, Channel]] = [
            (one, each) for one in read for each in channels if each in slug_channels
        ]
        for person, channel, off in await own_opt_outs(slug, asked, at_vendor(known, slug), client_factory):
            if isinstance(off, str):
                no_answer[slug] = no_answer.get(slug, 0) + 1
                reasons.setdefault(slug, off)
            elif off:
                found.append(OptedOut(row=person.row, known_by=person.known_by, vendor=slug, channel=channel))
    return OptOutsFound(
        found=tuple(found),
        columns=known,
        asked=tuple(slug for slug in slugs if telling[slug]),
        silent=tuple(slug for slug in slugs if not telling[slug]),
        no_answer=no_answer,
        reasons=reasons,
    )
