"""What every vendor can do for every verb, as a table of Markdown: written from the facts, never by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from netaudience.client import Client
from netaudience.model.verb_facts import CHANNELS, Channel, Verb, VerbFacts, Way, key_of
from netaudience.plurals import many
from netaudience.vendors import clients, verbs_of
from netaudience.verbs.asking import shown_by

_HEADS = ("Vendor", "Known by", "Operation", "Done", "Whom it does not know", "A second look")
_UNKNOWN = {"told": "reported: *nothing there*", "accepted": "accepted like anybody"}
#: A longer time is reported in days.
_HOURS = 48


def matrix(verb: Verb) -> str:
    """Return the table of a verb, and below it what else is to be known of each vendor."""
    channels: tuple[Channel | None, ...] = (None, *CHANNELS)
    named = [
        (client, channel, facts)
        for client in clients()
        for channel in channels
        if (facts := verbs_of(client).get(key_of(verb, channel))) is not None
    ]
    heads = [*_HEADS, *(["Comes back"] if verb == "erase" else [])]
    by_channel = any(channel is not None for _, channel, _ in named)
    heads[1:1] = ["Channel"] if by_channel else []
    lines = [_line(heads), _line(["---"] * len(heads))]
    for client, channel, facts in named:
        for cells in _rows(client, facts):
            cells[1:1] = [channel or ""] if by_channel else []
            lines.append(_line(cells[: len(heads)]))
    ways = dict.fromkeys(
        f"- **{client.vendor}**: {sentence}." for client, _, facts in named for sentence in _notes(facts)
    )
    return "\n".join([*lines, "", *ways, ""])


def _rows(client: type[Client], facts: VerbFacts) -> Iterator[list[str]]:
    name = f"[{client.vendor}]({facts.docs})"
    if facts.cannot:
        yield [name, "", "**by hand**", "", "", "", ""]
    for way in facts.ways:
        yield [
            name,
            way.takes,
            f"`{way.operation}`",
            "no time is stated" if way.within is None else f"within {period(way.within)}",
            _UNKNOWN[way.unknown],
            _look(client, way),
            facts.comes_back or "no",
        ]


def _look(client: type[Client], way: Way) -> str:
    shown = shown_by(client, way)
    if shown is None:
        return "none: ask the vendor" + (", by its receipt" if way.receipt is not None else "")
    return f"`{shown[1]}`" + ("" if shown[0].proves else ", which proves nothing")


def _notes(facts: VerbFacts) -> Iterator[str]:
    if facts.cannot:
        yield f"{facts.cannot}. By hand: {facts.by_hand}"
    if facts.taken == "every":
        yield "a person is named by every id that is known"
    if facts.place:
        yield f"it needs {facts.place}, by `--at`"
    yield from (f"by {way.takes}, {way.reaches}" for way in facts.ways if way.reaches)
    yield from (
        f"by {way.takes}, it may compare letter by letter: an address that is not in lower case is in doubt"
        for way in facts.ways
        if way.as_stored
    )
    yield from facts.notes


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def period(time: timedelta) -> str:
    """Return a time as a vendor's page has it: 48 hours stay hours."""
    hours = time.total_seconds() / 3600
    if hours > _HOURS:
        count, what = time.days, "day"
    elif hours >= 1:
        count, what = round(hours), "hour"
    else:
        count, what = round(hours * 60), "minute"
    return many(count, what)
