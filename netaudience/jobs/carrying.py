"""One operation over the rows that its feed gives: a run of the engine with a journal, and its counts.

It answers for every row: whatever happens on the way, a row ends in exactly one count of the summary. What
was not delivered is written to the rejects with the row that it was made of.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from netaudience.bound import BoundBatch, BoundCall
from netaudience.client import Client
from netaudience.engine.journal import AnotherRun, OnDoubt
from netaudience.engine.run import Outcomes, Run
from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.feed import Feed
from netaudience.jobs.guards import RejectedGuard
from netaudience.jobs.past import Undelivered
from netaudience.jobs.rejects import Origin, Rejects
from netaudience.jobs.summary import StepSummary
from netaudience.outcomes import KEPT, KINDS, REASONS, InDoubt, Report, SettledChunk
from netaudience.work import Operation

if TYPE_CHECKING:
    from netaudience.jobs.mapping import RejectedRow
    from netaudience.jobs.sources import SourceRow

__all__ = ["Carrier", "Order"]

_log = logging.getLogger("netaudience")


@attrs.frozen(kw_only=True)
class Order:
    """What is to be carried."""

    #: The name that it has in the summary and in the rejects.
    name: str
    client: Client
    operation: Operation
    arguments: Mapping[str, object]
    mode: str = "all"
    journal: Path
    #: What tells the source and the mapping from others.
    source: str
    in_doubt: OnDoubt = "tell"
    guard: RejectedGuard
    #: Rows that are at the vendor as they are.
    unchanged: int = 0
    #: Rows of the step, the unchanged among them, where they were counted beforehand.
    rows: int | None = None
    #: Whether somebody wants to know which rows were delivered.
    remembers: bool = False
    #: Whether these are rows that an earlier run has read and not delivered.
    again: bool = False
    #: What earlier attempts at the run have told.
    earlier: StepSummary | None = None


class Carrier:
    """Carries one order."""

    def __init__(self, order: Order, rejects: Rejects, on_guard: Callable[[], object]) -> None:
        self.order = order
        self.feed = Feed(order.journal, self._bad, self._past)
        self._rejects = rejects
        #: Called when a guard stops the step.
        self._on_guard = on_guard
        self._run: Run[object] | None = None
        self._outcomes: Outcomes[object] | None = None
        #: Of rows that the engine has not judged in this attempt.
        self._other_reasons: Counter[str] = Counter()
        #: Positions of rows in doubt that were written down, as far as a report remembers any.
        self._in_doubt_written = set[int]()
        #: Rows that were delivered, and rows in doubt, since somebody has asked.
        self._delivered: list[int | str] = []
        self._doubtful: list[int | str] = []
        operation = order.operation
        self.summary = StepSummary(
            name=order.name,
            vendor=order.client.slug,
            operation=operation.name,
            mode=order.mode,
            acknowledges=operation.facts.acknowledges,
        )

    async def open(self) -> None:
        """Open the journal; nothing is sent before the feed gives something.

        Raises:
            ConfigurationError: the arguments are wrong, or the journal is of another run or in use.
            JournalFailed: the journal cannot be written.
        """
        order = self.order
        run = _start(order.client, order.operation, self.feed.pages(), order.arguments)
        run.journaled(order.journal, source=order.source, on_doubt=order.in_doubt)
        try:
            self._run, self._outcomes = run, await run.__aenter__()
        except AnotherRun as error:
            raise ConfigurationError(
                f"The run of {order.name} was begun with another {error.differs}, and something was sent "
                "then: set it back, or start a new run; nothing was sent now"
            ) from error

    async def carry(self) -> None:
        """Carry what the feed gives to its end; never raises for what happens to rows."""
        try:
            await self._read()
        finally:
            if not self.feed.complete:
                self.feed.close()

    async def close(self) -> None:
        """Leave the run: what is still under way is cancelled, and told."""
        if self._run is None:
            return
        run, self._run = self._run, None
        await run.__aexit__(None, None, None)
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 - what was settled is read by then, and must be told
            extra = {"vendor": self.order.client.vendor, "operation": self.order.operation.name}
            _log.error("A run broke down while it was left: %s", type(error).__name__, extra=extra)

    def take_delivered(self) -> tuple[list[int | str], list[int | str]]:
        """Return the rows that were delivered, and those in doubt, since the last time.

        They are told by their numbers; those of an earlier run that are sent again, by their keys.
        """
        delivered, self._delivered = self._delivered, []
        doubtful, self._doubtful = self._doubtful, []
        if not self.order.operation.facts.idempotent:
            # Sent again they might be there twice: they are told, and it is for people to send them again.
            return [*delivered, *doubtful], []
        return delivered, doubtful

    def count(self, *, at_the_end: bool) -> None:
        """Bring the summary up to date."""
        summary, feed, report = self.summary, self.feed, self._report
        summary.take(report, self.order.earlier)
        summary.reasons = _added(report.reasons, self._other_reasons)
        summary.delivered = report.delivered
        summary.rejected = report.rejected + feed.bad
        summary.failed, summary.in_doubt = report.failed, report.in_doubt
        summary.unchanged = self.order.unchanged
        if not at_the_end:
            summary.rows = self.order.rows or feed.rows + summary.unchanged
            return
        summary.exhausted = feed.complete
        if feed.complete:
            # Each of these is counted by itself, so that the sum says whether a row was lost.
            summary.rows = feed.rows + summary.unchanged
            summary.skipped = report.skipped
            return
        settled = report.settled + feed.bad + summary.unchanged
        # An earlier attempt may have come further than this one has read.
        summary.rows = max(self.order.rows or 0, feed.rows + summary.unchanged, settled)
        summary.skipped = summary.rows - settled

    @property
    def _report(self) -> Report:
        if self._outcomes is not None:
            return self._outcomes.report
        return self.order.operation.report(self.order.client)

    async def _read(self) -> None:
        if self._outcomes is None:
            return
        try:
            async for chunk in self._outcomes.chunks():
                self._settled(chunk)
        except SourceFailed as error:
            # The engine says that the source broke; its cause says where and what to do.
            self.summary.stop(error.__cause__ if isinstance(error.__cause__, NetaudienceError) else error)
        except NetaudienceError as error:
            self.summary.stop(error)
        self._tell_what_was_left()

    def _settled(self, chunk: SettledChunk[object]) -> None:
        undelivered = chunk.undelivered
        if self.order.remembers:
            self._remember(chunk)
        if undelivered:
            rows = self.feed.rows_of([outcome.position for outcome in undelivered])
            for outcome, row in zip(undelivered, rows, strict=True):
                if isinstance(outcome, InDoubt) and len(self._in_doubt_written) < KEPT:
                    self._in_doubt_written.add(outcome.position)
                self._rejects.undelivered(
                    self.summary.name,
                    row["row"],
                    outcome.key,
                    KINDS[type(outcome)],
                    outcome.reason,
                    row["fields"],
                    self._origin(row),
                )
        self.feed.settled(chunk.positions)
        if undelivered:
            self._guard()

    def _remember(self, chunk: SettledChunk[object]) -> None:
        others = {outcome.position: type(outcome) for outcome in chunk.undelivered}
        for position, row in zip(chunk.positions, self.feed.rows_of(chunk.positions), strict=True):
            kind = others.get(position)
            if kind is None:
                self._took(row)
            elif kind is InDoubt:
                self._doubtful.append(self._called(row))

    def _tell_what_was_left(self) -> None:
        """Write down what a run that was left has told of in its report only, as far as it remembers."""
        for outcome in self._report.undelivered:
            if isinstance(outcome, InDoubt) and outcome.position not in self._in_doubt_written:
                for row in self.feed.rows_of([outcome.position]):
                    self._doubtful += [self._called(row)] if self.order.remembers else []
                    self._rejects.undelivered(
                        self.summary.name,
                        row["row"],
                        outcome.key,
                        "in doubt",
                        outcome.reason,
                        row["fields"],
                        self._origin(row),
                    )

    def _bad(self, rows: Sequence[RejectedRow]) -> None:
        for row in rows:
            self._count_reason(f"rejected: {row.reason}")
            # Of a row of another run nobody knows here whether it was mended.
            origin = Origin(row.key, "" if self.order.again else None) if self.order.remembers else None
            self._rejects.wrong(self.summary.name, row.row, row.key, row.reason, row.fields, origin)
        self._guard()

    def _past(self, row: SourceRow, before: Undelivered | None) -> None:
        if before is None:
            if self.order.remembers:
                self._took(row)
            return
        if before.kind == "in doubt" and self.order.remembers:
            self._doubtful.append(self._called(row))
        self._count_reason(f"{before.kind}: {before.reason}")
        self._rejects.undelivered_before(
            self.summary.name, row["row"], before, row["fields"], self._origin(row)
        )

    def _took(self, row: SourceRow) -> None:
        """Remember a row that the vendor has taken; what it holds, only if that is what the source holds."""
        mended = self.order.again and not row["hash"]
        (self._doubtful if mended else self._delivered).append(self._called(row))

    def _called(self, row: SourceRow) -> int | str:
        return row["key"] if self.order.again else row["row"]

    def _origin(self, row: SourceRow) -> Origin | None:
        if not self.order.remembers:
            return None
        return Origin(row["key"], row["hash"] if self.order.again else None)

    def _count_reason(self, reason: str) -> None:
        known = reason in self._other_reasons or len(self._other_reasons) < REASONS
        self._other_reasons[reason if known else "other reasons"] += 1

    def _guard(self) -> None:
        report, feed = self._report, self.feed
        # A row is judged twice, here and by the vendor: of what is on its way the second verdict is still to
        # come, so the share is told too low for a moment, and never too high.
        judged = max(feed.given, report.settled) + feed.bad
        refusal = self.order.guard.refuses(report.rejected + feed.bad, judged)
        if refusal is not None and self.summary.stopped is None:
            self.summary.stop(refusal)
            self._on_guard()


def _start(
    client: Client, operation: Operation, pages: AsyncIterator[list[object]], arguments: Mapping[str, object]
) -> Run[object]:
    given = dict(arguments)
    if operation.facts.destructive and "confirm" in operation.signature.parameters:
        given["confirm"] = True  # the guards have asked
    bound: object = getattr(client, operation.name)
    if isinstance(bound, BoundBatch):
        return cast("BoundBatch[object, ...]", bound)(pages, **given)
    return cast("BoundCall[object, ..., object]", bound).each(pages, **given)


def _added(one: Counter[str], other: Counter[str]) -> dict[str, int]:
    return dict((one + other).most_common(REASONS))
