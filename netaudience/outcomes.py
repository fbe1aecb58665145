"""What happened to every single item: four outcomes, settled chunks of them, and the run's report.

A settled chunk keeps its items together with the few that were not delivered; an outcome per item is
made when somebody asks for it, because one object per item costs as much as sending the item.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

import attrs

from netaudience.errors import NetaudienceError, VendorError, mask
from netaudience.plurals import many

T = TypeVar("T")
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)

Acknowledgement: TypeAlias = Literal["applied", "accepted", "answered"]
"""What a success means: the change is made, it was taken and comes later, or a question is answered."""


class _MadeInC(type):
    """The class of a named tuple of which C makes a thousand at a time.

    A named tuple's `__new__` is Python's, and whatever passes it by costs a seventh of what an outcome does:
    it must not be there (benchmark P5). Whoever makes a single one by its fields comes by here.
    """

    _by_fields: Callable[..., object]

    def __call__(cls, *fields: object, **named: object) -> object:
        return cls._by_fields(cls, *fields, **named)


def _made_in_c(named_tuple: type[T]) -> type[T]:
    """Make the same class again, with no `__new__` of its own."""
    members = dict(vars(named_tuple))
    members["_by_fields"] = members.pop("__new__")
    members["__signature__"] = inspect.signature(named_tuple)
    members["__reduce__"] = _reduced
    return cast("type[T]", _MadeInC(named_tuple.__name__, named_tuple.__bases__, members))


def _reduced(outcome: tuple[object, ...]) -> tuple[type, tuple[object, ...]]:
    """Say how a copy is made, also by pickle: by the fields, as everybody does."""
    return type(outcome), tuple(outcome)


@_made_in_c
class Delivered(NamedTuple, Generic[Item_co]):
    """The vendor took the item."""

    #: Where the source yielded it, counted from 0.
    position: int
    item: Item_co
    #: The vendor's answer, for operations that read; None for the others.
    result: object = None

    def __repr__(self) -> str:
        return f"<Delivered item {self.position:,}>"


class Rejected(NamedTuple, Generic[Item_co]):
    """The item is wrong: the vendor refused it, or a documented rule did before it was sent."""

    position: int
    item: Item_co
    reason: NetaudienceError
    key: str = ""

    def __repr__(self) -> str:
        return f"<Rejected item {self.position:,}: {self.reason}>"

    def __str__(self) -> str:
        return _sentence("rejected", self)


class Failed(NamedTuple, Generic[Item_co]):
    """The item was not delivered through no known fault of its own; sending it again repeats nothing."""

    position: int
    item: Item_co
    reason: NetaudienceError
    key: str = ""

    def __repr__(self) -> str:
        return f"<Failed item {self.position:,}: {self.reason}>"

    def __str__(self) -> str:
        return _sentence("failed", self)


class InDoubt(NamedTuple, Generic[Item_co]):
    """The item was sent and nobody knows whether it was applied; sending it again may repeat it."""

    position: int
    item: Item_co
    reason: NetaudienceError
    key: str = ""

    def __repr__(self) -> str:
        return f"<InDoubt item {self.position:,}: {self.reason}>"

    def __str__(self) -> str:
        return _sentence("in doubt", self)


Undelivered: TypeAlias = Rejected[Item] | Failed[Item] | InDoubt[Item]
Outcome: TypeAlias = Delivered[Item] | Rejected[Item] | Failed[Item] | InDoubt[Item]

#: What each is called in files, labels and counts.
KINDS: Mapping[type, Literal["rejected", "failed", "in_doubt"]] = {
    Rejected: "rejected",
    Failed: "failed",
    InDoubt: "in_doubt",
}
#: Makes a delivered outcome of a tuple of all its fields.
_deliver = cast("Callable[[tuple[object, ...]], Delivered[Any]]", type.__call__.__get__(Delivered))


def _sentence(what: str, outcome: Rejected[Item] | Failed[Item] | InDoubt[Item]) -> str:
    reason = outcome.reason.reason if isinstance(outcome.reason, VendorError) else str(outcome.reason)
    by = f" by {outcome.reason.vendor}" if isinstance(outcome.reason, VendorError) else ""
    return f"Item {outcome.position:,} ({mask(outcome.key)}) {what}{by}: {reason}"


def all_alike(
    outcome: type[Rejected[Item] | Failed[Item] | InDoubt[Item]],
    items: Sequence[Item],
    positions: Sequence[int],
    reason: NetaudienceError,
    key: Callable[[object], str],
) -> list[Undelivered[Item]]:
    """Make the same outcome for each of the items; the reason tells none of their keys."""
    keys = [key(item) for item in items]
    if isinstance(reason, VendorError):
        reason = reason.without(set(keys))
    return [
        outcome(position, item, reason, one)
        for position, item, one in zip(positions, items, keys, strict=True)
    ]


class SettledChunk(Generic[Item]):
    """Items that were settled together: what happened to most, and to the few that differ."""

    __slots__ = ("items", "positions", "result", "undelivered", "warnings")

    def __init__(
        self,
        items: Sequence[Item],
        positions: Sequence[int],
        result: object = None,
        undelivered: Sequence[Undelivered[Item]] = (),
        warnings: Sequence[str] = (),
    ) -> None:
        #: As they were given; many identifiers are kept as one text and made again when they are looked at.
        self.items = items
        #: Where the source yielded each of the items.
        self.positions = positions
        #: The vendor's answer to the delivered ones, for operations that read.
        self.result = result
        #: The outcomes of those that were not delivered, by position.
        self.undelivered = undelivered
        #: What the vendor lost of the delivered ones, such as fields that it dropped.
        self.warnings = warnings

    def __repr__(self) -> str:
        return f"<SettledChunk of {len(self.items):,}, {len(self.undelivered):,} not delivered>"

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Outcome[Item]]:
        """Make the outcome of every item, by position."""
        fields = zip(self.positions, self.items, repeat(self.result), strict=False)
        delivered: Iterator[Delivered[Item]] = map(_deliver, fields)
        if not self.undelivered:
            return delivered
        if len(self.undelivered) == len(self.items):
            return iter(self.undelivered)
        others = {outcome.position: outcome for outcome in self.undelivered}
        return (others.get(outcome.position, outcome) for outcome in delivered)


#: How many undelivered items a report keeps; a stream of outcomes has them all.
KEPT = 1000
#: How many different reasons for each outcome, and warnings, a report counts apart.
REASONS = 200
Reasons: TypeAlias = dict[str, dict[str, int]]
"""By outcome, why rows were not delivered, and how many for each reason."""


def count_reason(reasons: Reasons, outcome: str, reason: str, times: int = 1) -> None:
    """Count a reason apart, or with all others where there are too many different ones."""
    _count(reasons.setdefault(outcome, {}), reason, "other reasons", times)


def add_reasons(reasons: Reasons, others: Reasons) -> None:
    """Add other reasons to these."""
    for outcome, counts in others.items():
        for reason, times in counts.items():
            count_reason(reasons, outcome, reason, times)


def commonest(reasons: Reasons) -> list[tuple[int, str, str]]:
    """Return number, outcome as people read it, and reason, the commonest first."""
    found = [
        (times, SHOWN.get(outcome, outcome), reason)
        for outcome, counts in reasons.items()
        for reason, times in counts.items()
    ]
    return sorted(found, key=lambda each: -each[0])


@attrs.define(kw_only=True)
class Counts:
    """What became of rows, or of items: each of them is in exactly one of these counts."""

    #: The vendor took them.
    delivered: int = 0
    #: They are at the vendor as they are, and were not sent again.
    unchanged: int = 0
    #: They are wrong: they do not map, or a documented rule or the vendor refuses them.
    rejected: int = 0
    #: They were not delivered through no known fault of their own.
    failed: int = 0
    #: They were sent, and nobody knows whether they were applied.
    in_doubt: int = 0
    #: They were never sent, because the run ended before their turn.
    unsent: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.delivered + self.unchanged + self.undelivered

    @property
    def undelivered(self) -> int:
        """Those that should have been delivered and were not, or perhaps not."""
        return self.rejected + self.failed + self.in_doubt + self.unsent

    def add(self, other: Counts) -> None:
        """Add what became of others."""
        self.delivered += other.delivered
        self.unchanged += other.unchanged
        self.rejected += other.rejected
        self.failed += other.failed
        self.in_doubt += other.in_doubt
        self.unsent += other.unsent

    def named(self) -> dict[str, int]:
        """Return each count by its name in files and labels."""
        return {name: getattr(self, name) for name in COUNTED}

    def shown(self, delivered: str = "delivered") -> dict[str, int]:
        """Return each count by the words that people read.

        Args:
            delivered: What a success is called.
        """
        shown = {SHOWN.get(name, name): count for name, count in self.named().items()}
        return {delivered: shown.pop("delivered"), **shown}

    def listed(self, delivered: str) -> str:
        """Return the counts that are not zero as a list in a sentence; what was delivered, always."""
        shown = self.shown(delivered).items()
        return ", ".join(f"{count:,} {words}" for words, count in shown if count or words == delivered)


#: The words that people read, where they are not the names.
SHOWN: Mapping[str, str] = {"in_doubt": "in doubt", "unsent": "not sent"}
#: The names of all counts.
COUNTED: tuple[str, ...] = tuple(field.name for field in attrs.fields(Counts))


@attrs.define(eq=False)
class Report:
    """What became of a run: counts that reconcile, reasons, and the first undelivered items.

    Its size does not grow with the number of items.
    """

    vendor: str
    operation: str
    #: What the vendor's success means for the delivered ones.
    acknowledges: Acknowledgement
    #: What the vendor answers with success and does not do, as the end of a sentence; it is in no count.
    unsaid: str = ""
    #: Items that the source yielded so far.
    items: int = 0
    #: What became of them; it may be read by the names of its counts here as well.
    counts: Counts = attrs.field(factory=Counts)
    #: Items that an earlier attempt at the run had settled; they are in the counts of what became of them.
    resumed: int = 0
    #: Requests sent, every attempt counted.
    requests: int = 0
    #: Requests that repeat an earlier one.
    retries: int = 0
    #: Answers that asked us to slow down.
    throttles: int = 0
    #: Chunks that were divided to find what the vendor refused.
    divisions: int = 0
    #: Items that waited for an earlier one of the same user.
    in_turn: int = 0
    #: Seconds from the start to the last settled chunk.
    seconds: float = 0.0
    #: Seconds that the run's workers spent waiting for the account's quota, added up over them.
    waited: float = 0.0
    #: How many workers waited.
    workers: int = 1
    #: Why the run ended before its source did, if it did.
    stopped: NetaudienceError | None = None
    #: True when the source was read to its end.
    exhausted: bool = False
    #: The first undelivered items, at most a thousand.
    undelivered: list[Undelivered[object]] = attrs.field(factory=list["Undelivered[object]"], repr=False)
    #: Why items were not delivered: by outcome, each reason with the number of items.
    reasons: Reasons = attrs.field(factory=dict[str, dict[str, int]])
    #: What the vendor lost although it took the items, with the number of answers that said so.
    warnings: Counter[str] = attrs.field(factory=Counter[str])

    def count(self, chunk: SettledChunk[Item]) -> None:
        """Fold one settled chunk into the counts."""
        undelivered = chunk.undelivered
        counts = self.counts
        counts.delivered += len(chunk.positions) - len(undelivered)
        for outcome in undelivered:
            match outcome:
                case Rejected():
                    counts.rejected += 1
                case Failed():
                    counts.failed += 1
                case InDoubt():
                    counts.in_doubt += 1
            if len(self.undelivered) < KEPT:
                self.undelivered.append(outcome)
            count_reason(self.reasons, KINDS[type(outcome)], str(outcome.reason))
        for warning in chunk.warnings:
            _count(self.warnings, warning, "other warnings")

    def absorb(self, other: Report) -> None:
        """Add what became of further items of the same operation."""
        self.counts.add(other.counts)
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.workers = max(self.workers, other.workers)
        self.stopped = other.stopped
        self.undelivered.extend(other.undelivered[: KEPT - len(self.undelivered)])
        add_reasons(self.reasons, other.reasons)
        for warning, count in other.warnings.items():
            _count(self.warnings, warning, "other warnings", count)

    @property
    def delivered(self) -> int:
        """Items that the vendor took."""
        return self.counts.delivered

    @property
    def rejected(self) -> int:
        """Items that are wrong."""
        return self.counts.rejected

    @property
    def failed(self) -> int:
        """Items that were not delivered through no known fault of their own."""
        return self.counts.failed

    @property
    def in_doubt(self) -> int:
        """Items that were sent and of which nobody knows whether they were applied."""
        return self.counts.in_doubt

    @property
    def unsent(self) -> int:
        """Items that the source yielded and that were never sent, because the run was left early."""
        return self.counts.unsent

    @property
    def settled(self) -> int:
        """Items whose fate is known or known to be unknown."""
        return self.counts.rows - self.counts.unsent

    @property
    def ok(self) -> bool:
        """True when the run went to the end of its source and every item was delivered."""
        return self.stopped is None and self.delivered == self.items

    @property
    def waiting_share(self) -> float:
        """The share of the workers' time that was spent waiting for the account's quota, 0 to 1."""
        return min(1.0, self.waited / (self.seconds * self.workers)) if self.seconds else 0.0

    def sentence(self) -> str:
        """Say in a sentence or two what became of the run."""
        counted = self.counts.listed(self.acknowledges)
        text = f"{self.vendor} {self.operation}: of {many(self.items, 'item')}, {counted}."
        if self.stopped is not None:
            rest = "" if self.exhausted else " The rest of the source was not read."
            text += f" The run stopped early: {self.stopped}.{rest}"
        elif self.undelivered:
            text += f" First: {self.undelivered[0]}"
        if self.warnings:
            more = len(self.warnings) - 1
            text += f" Warning: {next(iter(self.warnings))}" + (f" (and {more:,} more)." if more else ".")
        return text

    def __str__(self) -> str:
        return self.sentence()


def log_fields(
    report: Report, run: int, error: NetaudienceError | None = None, wait: float | None = None
) -> dict[str, object]:
    """Return what a log record says of a run besides its sentence; never an identifier, never a body."""
    return {
        "vendor": report.vendor,
        "operation": report.operation,
        "run": run,
        "status": error.status if isinstance(error, VendorError) else None,
        "wait_seconds": wait,
    }


#: The figures of a report that add up over several.
_ADDED = ("items", "resumed", "requests", "retries", "throttles", "divisions", "seconds", "waited", "in_turn")


def _count(counts: dict[str, int], what: str, others: str, times: int = 1) -> None:
    """Count apart what is known, and together what came after a number of different ones."""
    what = what if what in counts or len(counts) < REASONS else others
    counts[what] = counts.get(what, 0) + times


class RunFailed(NetaudienceError):
    """Not every item was delivered; `report` says what happened to each."""

    def __init__(self, report: Report) -> None:
        #: Counts, reasons and the first undelivered items of the run.
        self.report = report
        super().__init__(report)

    def __str__(self) -> str:
        return self.report.sentence()
