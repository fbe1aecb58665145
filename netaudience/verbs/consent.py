"""Whether people may be written to again: each has agreed to it later than opting out.

What tells of an opt-out is a list, the receipts of what was done here, and vendors themselves. A vendor tells
no time, so its opt-out stands until somebody says when it was. Nothing is assumed in favour of writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError
from netaudience.jobs.plan.own_opt_outs import own_opt_outs
from netaudience.jobs.spec.diagnostics import listed, no_column, plain
from netaudience.jobs.spec.model import Expression, Source
from netaudience.model.verb_facts import CHANNELS
from netaudience.vendors import names
from netaudience.verbs.people import Person, read_people
from netaudience.verbs.subject import Columns, find_columns, same

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.action import Action
    from netaudience.model.verb_facts import Channel, Identity
    from netaudience.verbs.receipts import Receipts

_AGREED = (
    "consentedat",
    "consentat",
    "consent",
    "agreedat",
    "optedinat",
    "optinat",
    "onaytarihi",
    "izintarihi",
)
_OPTED_OUT = (
    "optedoutat",
    "optoutat",
    "optedout",
    "unsubscribedat",
    "time",
    "date",
    "createdat",
    "updatedat",
    "rettarihi",
    "tarih",
)
#: Later than any consent.
_NOBODY_KNOWS_WHEN = datetime.max.replace(tzinfo=UTC)


def consent_column(columns: Sequence[str], chosen: str | None) -> str:
    """Return the column that says when people agreed.

    Raises:
        ConfigurationError: there is none, or several could be meant.
    """
    if chosen is not None:
        found = [column for column in columns if column.casefold() == chosen.casefold()]
        if not found:
            raise ConfigurationError(f"The time of the consent: {no_column(chosen, columns)}")
        return found[0]
    meant = [column for column in columns if plain(column) in _AGREED]
    if len(meant) != 1:
        which = f"{listed(meant)} could each be it" if meant else "no column does"
        raise ConfigurationError(
            f"unsuppress needs to know when each person has agreed to be written to, and {which}: call the "
            "column consented_at, or name it with --consent-column"
        )
    return meant[0]


def moment_of(value: object, *, end: bool = False) -> datetime | None:
    """Return a time as it stands in a file; UTC where it has no zone. Of a day its beginning, or its end."""
    if isinstance(value, str):
        try:
            text = value.strip()
            value = (
                date.fromisoformat(text) if len(text) == len("2026-01-01") else datetime.fromisoformat(text)
            )
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        first = datetime.combine(value, time(), UTC)
        return first + timedelta(days=1) - timedelta(microseconds=1) if end else first
    return None


class OptOuts:
    """Opt-outs that are known here: of a list, and of receipts."""

    def __init__(self) -> None:
        #: By channel, what and value: the last time.
        self._last: dict[tuple[str, str, str], datetime] = {}
        self._receipts: Receipts | None = None

    def add_list(self, path: Path) -> None:
        """Read a list: a file of people, with columns `channel` and `opted_out_at` if it has them.

        Whoever stands in it without a channel has opted out of all; without a time, nobody knows when.

        Raises:
            ConfigurationError: it cannot be read whole.
        """
        from netaudience.jobs.extract.table import open_source  # noqa: PLC0415 - needs the extra `cli`

        with open_source(Source(files=(str(path.expanduser().resolve()),)), Path.cwd()) as table:
            columns = find_columns(list(table.columns), names())
            channel_at = next((one for one in table.columns if plain(one) == "channel"), None)
            time_at = next((one for one in table.columns if plain(one) in _OPTED_OUT), None)
            times = times_of(table, time_at, end=True)
            channels = {} if channel_at is None else _values(table, channel_at)
            for person in read_people(table, columns):
                if person.problem is not None:
                    raise ConfigurationError(f"{path} cannot be read whole: {person.problem}")
                said = str(channels.get(person.row) or "").strip().lower()
                if said and said not in CHANNELS:
                    raise ConfigurationError(
                        f"Row {person.row} of {path} names the channel {said!r}: it is {listed(CHANNELS)}"
                    )
                when = times.get(person.row) or _NOBODY_KNOWS_WHEN
                for channel in [said] if said else CHANNELS:
                    for kind, value in _known(person, columns):
                        self._note(channel, kind, value, when)

    def add_receipts(self, receipts: Receipts) -> None:
        """Take the opt-outs that were asked for here, whatever became of them."""
        self._receipts = receipts
        for line in receipts.lines:
            if line["kind"] == "verdict" and line["verb"] == "suppress":
                when = datetime.fromisoformat(line["time"])
                for kind, digest in line["subject"].items():
                    self._note(line["channel"], kind, digest, when)

    def last(self, channel: str, person: Person, columns: Columns) -> datetime | None:
        """Return when a person has last opted out of a channel, by any id; None where nothing says so."""
        digests = list(_known(person, columns))
        if self._receipts is not None:
            digests += self._receipts.key.person(person, columns).items()
        return max(
            (self._last[at] for kind, value in digests if (at := (channel, kind, value)) in self._last),
            default=None,
        )

    def _note(self, channel: str, kind: str, value: str, when: datetime) -> None:
        at = channel, kind, value
        self._last[at] = max(when, self._last.get(at, when))


def _known(person: Person, columns: Columns) -> Iterable[tuple[str, str]]:
    for kind, column in columns.named().items():
        if column in person.known_by:
            yield kind, same(kind, person.known_by[column])


def _values(table: Table, column: str) -> dict[int, object]:
    return {
        row["row"]: row["fields"].get(column)
        for page in table.rows({column: Expression(column=column)})
        for row in page
    }


def times_of(table: Table, column: str | None, *, end: bool = False) -> dict[int, datetime | None]:
    """Return the times of a column by the number of the row; None where what stands there is no time."""
    if column is None:
        return {}
    given = ((row, value) for row, value in _values(table, column).items() if str(value or "").strip())
    return {row: moment_of(value, end=end) for row, value in given}


async def refusals(  # noqa: PLR0913, PLR0917 - what there is to be known
    action: Action,
    people: Sequence[Person],
    columns: Columns,
    vendors: Sequence[str],
    agreed: Mapping[int, datetime | None],
    opt_outs: OptOuts,
    client_factory: ClientFactory | None,
    now: datetime | None = None,
) -> dict[int, dict[str, str]]:
    """Say who must not be written to again, and why: by the row, and by ``VENDOR CHANNEL``.

    Args:
        action: What is to be done.
        people: The people.
        columns: What they are known by.
        vendors: Where, by the vendors' names in commands.
        agreed: When each has agreed, by the row.
        opt_outs: What is known here.
        client_factory: Makes a vendor's client; from the environment if not given.
        now: What the clock says.

    Raises:
        ConfigurationError: credentials are missing.
    """
    now = now or datetime.now(UTC)
    refused: dict[int, dict[str, str]] = {}
    unknown: list[tuple[Person, Channel]] = []
    for person in people:
        when, unread = agreed.get(person.row), person.row in agreed
        for channel in action.channels:
            last = opt_outs.last(channel, person, columns)
            if last is None and when is not None and when <= now:
                unknown.append((person, channel))
            why = _NO_TIME if when is None and unread else _why_not(when, last, now)
            if why is not None:
                refused.setdefault(person.row, {}).update({f"{vendor} {channel}": why for vendor in vendors})
    for slug in vendors:
        for person, channel, why in await _own(slug, unknown, columns, client_factory):
            if why is not None:
                refused.setdefault(person.row, {})[f"{slug} {channel}"] = why
    return refused


_NO_TIME = (
    "what stands in the column of consents is no time: write it as 2026-03-12, or 2026-03-12T09:30:00+03:00"
)


def _why_not(agreed: datetime | None, last: datetime | None, now: datetime) -> str | None:
    if agreed is None:
        return "the row does not say when the person has agreed"
    if agreed > now:
        return "the consent lies in the future"
    if last == _NOBODY_KNOWS_WHEN:
        return "the person is on the list of opt-outs, which does not say since when"
    if last is not None and agreed <= last:
        return f"the person has opted out at {last.isoformat(timespec='seconds')} and has not agreed since"
    return None


_VENDORS_OWN = (
    "the vendor shows an opt-out and nobody knows since when: ask the person again, or give it with its time "
    "by --opt-outs"
)


def at_vendor(columns: Columns, slug: str) -> Callable[[Person, Identity], str | None]:
    """Return what says by what somebody is known at a vendor."""
    return lambda person, takes: person.known_by.get(columns.column(takes, slug) or "")


async def _own(
    slug: str, asked: Sequence[tuple[Person, Channel]], columns: Columns, client_factory: ClientFactory | None
) -> list[tuple[Person, Channel, str | None]]:
    """Ask a vendor for its own opt-outs, where it tells them, and say why each stands in the way."""
    answers = await own_opt_outs(slug, asked, at_vendor(columns, slug), client_factory)
    return [
        (
            person,
            channel,
            _VENDORS_OWN if off is True else f"the vendor was asked for opt-outs: {off}",
        )
        for person, channel, off in answers
        if off
    ]
