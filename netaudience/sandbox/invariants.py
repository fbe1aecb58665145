"""The sandbox's verdict on a run: four named checks, each with a sentence.

It reads the ledger and the meters and judges; it knows nothing of HTTP and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nsmallest

import attrs

from netaudience.sandbox.ledger import Ledger, Place
from netaudience.sandbox.limits import Meter

#: Missing and unexpected keys that a report names.
NAMED = 10


@attrs.frozen
class Check:
    """One promise, and whether it held."""

    name: str
    ok: bool
    sentence: str


@attrs.frozen
class CheckReport:
    """All checks of one operation."""

    vendor: str
    operation: str
    checks: tuple[Check, ...]
    #: None where no expected keys were given.
    expected: int | None
    #: Distinct keys applied.
    applied: int
    #: Items applied, repetitions included.
    applications: int
    more_than_once: int
    #: Up to ten of each, the first in their own order.
    missing: tuple[str, ...] = attrs.field(repr=False)
    unexpected: tuple[str, ...] = attrs.field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)

    def __getitem__(self, name: str) -> Check:
        """The check of that name."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def to_json(self) -> dict[str, object]:
        """The report as JSON can say it."""
        return {"ok": self.ok, **attrs.asdict(self)}


def examine(
    ledger: Ledger, meters: Iterable[Meter], place: Place, expected: Iterable[str] | None
) -> CheckReport:
    """Check what reached one operation; `expected` are the keys that should have."""
    counts: Mapping[str, int] = ledger.applied.get(place, {})
    wanted: frozenset[str] | None = None if expected is None else frozenset(expected)
    missing: list[str] = []
    unexpected: list[str] = []
    checks: list[Check] = []
    if wanted is not None:
        missing = list(wanted.difference(counts))
        unexpected = [key for key in counts if key not in wanted]
        checks.append(_applied(len(wanted), len(missing), len(unexpected)))
    checks.append(_order(ledger, place))
    checks.append(_overlap(ledger, place))
    checks.append(_limit(tuple(meters)))
    return CheckReport(
        vendor=place[0],
        operation=place[1],
        checks=tuple(checks),
        expected=None if wanted is None else len(wanted),
        applied=len(counts),
        applications=sum(counts.values()),
        more_than_once=sum(1 for count in counts.values() if count > 1),
        missing=tuple(nsmallest(NAMED, missing)),
        unexpected=tuple(nsmallest(NAMED, unexpected)),
    )


def _applied(expected: int, missing: int, unexpected: int) -> Check:
    if not missing and not unexpected:
        return Check(
            "applied",
            ok=True,
            sentence=f"All {expected:,} expected keys were applied, and no other.",
        )
    sentence = f"{missing:,} of {expected:,} expected keys were not applied, {unexpected:,} others were."
    return Check("applied", ok=False, sentence=sentence)


def _order(ledger: Ledger, place: Place) -> Check:
    attribute = ledger.order.attribute
    if attribute is None:
        return Check("order", ok=True, sentence="Not watched: the sandbox was given no order_attribute.")
    inversions = ledger.order.inversions[place]
    if not inversions:
        return Check("order", ok=True, sentence=f"The attribute {attribute!r} never fell for any key.")
    often = "once" if inversions == 1 else f"{inversions:,} times"
    return Check("order", ok=False, sentence=f"The attribute {attribute!r} fell {often}.")


def _overlap(ledger: Ledger, place: Place) -> Check:
    overlaps = ledger.overlap.overlaps[place]
    if not overlaps:
        return Check("overlap", ok=True, sentence="No two requests in flight carried rows of the same key.")
    requests = "1 request" if overlaps == 1 else f"{overlaps:,} requests"
    sentence = f"{requests} carried rows of a key that another one in flight carried too."
    return Check("overlap", ok=False, sentence=sentence)


def _limit(meters: tuple[Meter, ...]) -> Check:
    refused = sum(meter.refused for meter in meters)
    peaks = _peaks(meters)
    # A peak above a limit is always a refusal too, so the refusals alone decide.
    if not refused:
        return Check("limit", ok=True, sentence=f"No request was refused for a limit: {peaks}.")
    counted = "1 request was" if refused == 1 else f"{refused:,} requests were"
    return Check("limit", ok=False, sentence=f"{counted} refused for a limit: {peaks}.")


def _peaks(meters: tuple[Meter, ...]) -> str:
    """The most that any account did, in every window that is limited, or else in a second."""
    most: dict[tuple[str, float], int] = {}
    for meter in meters:
        for counted in (*meter.requests, *meter.records):
            place = (counted.window.counts, counted.window.seconds)
            most[place] = max(most.get(place, 0), counted.peak)
    if not most:
        most["requests", 1.0] = max((meter.peak_in_a_second for meter in meters), default=0)
    windows = ", ".join(f"{peak:,} {what} in {seconds:g} s" for (what, seconds), peak in most.items())
    in_flight = max((meter.peak_in_flight for meter in meters), default=0)
    return f"at most {windows} and {in_flight:,} in flight"
