"""One operation over the rows that its feed gives: a run of the engine with a journal, and its counts.

It answers for every row: whatever happens on the way, a row ends in exactly one count of the summary. What
was not delivered is written to the rejects with the row that it was made of.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from netaudience.client import Client
from netaudience.dead_letter import Fate, Why
from netaudience.engine.bisection import GONE
from netaudience.engine.journal import AnotherRun
from netaudience.engine.run import Outcomes, Run
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound, SourceFailed
from netaudience.jobs.deliver.letter import letter_of
from netaudience.jobs.deliver.order import OnRow, Order, RowFate
from netaudience.jobs.deliver.row_queue import RowQueue
from netaudience.jobs.state.checkpoint import Checkpoint, Past, Undelivered
from netaudience.jobs.state.crash import crash_of
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.summary import StepSummary
from netaudience.operations.bound import BoundBatch, BoundCall
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import (
    KEPT,
    KINDS,
    InDoubt,
    Reasons,
    Report,
    SettledChunk,
    add_reasons,
    count_reason,
)

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import SourceRow
    from netaudience.jobs.map.items import RejectedRow

_log = logging.getLogger("netaudience")
_INTERRUPTED = "The run was interrupted before this row was sent"
_PERHAPS_SENT = "The run was left while this row was on its way, or was about to be sent"


class StepRunner:
    """Carries one order."""

    def __init__(self, order: Order, rejects: Rejects, on_guard: Callable[[], object]) -> None:
        self.order = order
        self.feed = RowQueue(_past_of(order), self._bad, self._past)
        self._rejects = rejects
        #: Called when a guard stops the step.
        self._on_guard = on_guard
        self._run: Run[object] | None = None
        self._outcomes: Outcomes[object] | None = None
        #: Of rows that the engine has not judged in this attempt.
        self._other_reasons: Reasons = {}
        #: Positions of rows in doubt that were written down, as far as a report remembers any.
        self._in_doubt_written = set[int]()
        #: Rows in doubt that were written down in this attempt.
        self._doubts_settled = 0
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
            unsaid=operation.facts.unsaid,
        )

    async def open(self) -> None:
        """Open the journal; nothing is sent before the feed gives something.

        Raises:
            ConfigurationError: the arguments are wrong, or the journal is of another run or in use.
            JournalFailed: the journal cannot be written.
        """
        order = self.order
        run = _start(order.client, order.operation, self.feed.pages(), order.arguments)
        if order.journal is not None:
            run.journaled(order.journal, source=order.source, on_doubt=order.in_doubt)
        elif order.notes is not None:
            run.noted(order.notes)
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
        except Exception as error:  # noqa: BLE001 - a mistake of ours stops this step, and no other one
            self.crash(error)
        finally:
            if not self.feed.complete:
                self.feed.close()

    def crash(self, error: Exception) -> None:
        """Stop for a mistake of ours; other steps go on."""
        journal = self.order.journal
        self.summary.stop(crash_of(error, None if journal is None else journal.parent))
        self.feed.close()

    async def close(self) -> None:
        """Leave the run: what is still under way is cancelled, and told."""
        if self._run is None:
            return
        run, self._run = self._run, None
        await run.__aexit__(None, None, None)
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 - what was settled is read by then, and must be reported
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
        summary.reasons = {}
        add_reasons(summary.reasons, report.reasons)
        add_reasons(summary.reasons, self._other_reasons)
        summary.rejected += feed.bad
        summary.unchanged, summary.unsent = self.order.unchanged, 0
        summary.known = self.order.known.count
        outage = None if at_the_end else self.order.client.outage()
        summary.silent_seconds, summary.gives_up_in = outage or (None, None)
        if not at_the_end:
            summary.total = self.order.rows or feed.rows + summary.unchanged
            return
        summary.exhausted = feed.complete
        if feed.complete:
            # Each of these is counted by itself, so that the sum says whether a row was lost.
            summary.total = feed.rows + summary.unchanged
            summary.unsent = report.unsent
            return
        # An earlier attempt may have come further than this one has read.
        summary.total = max(self.order.rows or 0, feed.rows + summary.unchanged, summary.rows)
        summary.unsent = summary.total - summary.rows

    def tell_left(self) -> None:
        """Write down the rows that were read and have no outcome, when the run has ended."""
        outcome, why = "unsent", Why("run", self.summary.stopped or _INTERRUPTED)
        if self._report.in_doubt > self._doubts_settled:
            # More is in doubt than a report remembers by name: none of the rest is surely unsent.
            outcome, why = "in_doubt", Why("run", _PERHAPS_SENT)
        for row, item in self.feed.left():
            self._write(row, self.order.operation.kind.key(item), cast("Fate", outcome), why)

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
                if isinstance(outcome, InDoubt):
                    self._doubts_settled += 1
                    if len(self._in_doubt_written) < KEPT:
                        self._in_doubt_written.add(outcome.position)
                not_there = isinstance(outcome.reason, NotFound)
                kind = KINDS[type(outcome)]
                self._write(row, outcome.key, kind, Why.of(outcome.reason), not_there=not_there)
        if self.order.on_row is not None:
            self._tell_delivered(chunk, self.order.on_row)
        answers = self.order.on_answer
        if answers is not None and chunk.result is not None:
            others = {outcome.position for outcome in undelivered}
            delivered = [position for position in chunk.positions if position not in others]
            answers(chunk, list(self.feed.rows_of(delivered)))
        self.feed.settled(chunk.positions)
        if undelivered:
            self._guard()

    def _remember(self, chunk: SettledChunk[object]) -> None:
        others = {outcome.position: type(outcome) for outcome in chunk.undelivered}
        if not self.order.again:
            # Nobody looks at what the rows hold.
            delivered = [position for position in chunk.positions if position not in others]
            self._delivered.extend(self.feed.numbers_of(delivered if others else chunk.positions))
            doubtful = [position for position in chunk.positions if others.get(position) is InDoubt]
            self._doubtful.extend(self.feed.numbers_of(doubtful))
            return
        for position, row in zip(chunk.positions, self.feed.rows_of(chunk.positions), strict=True):
            kind = others.get(position)
            if kind is None:
                self._took(row)
            elif kind is InDoubt:
                self._doubtful.append(self._called(row))

    def _tell_delivered(self, chunk: SettledChunk[object], on_row: OnRow) -> None:
        others = {outcome.position for outcome in chunk.undelivered}
        delivered = [position for position in chunk.positions if position not in others]
        for number in self.feed.numbers_of(delivered):
            on_row(
                RowFate(
                    self.order.name,
                    number,
                    "delivered",
                    result=chunk.result,
                    not_there=GONE in chunk.warnings,
                )
            )

    def _tell_what_was_left(self) -> None:
        """Write down what a run that was left has told of in its report only, as far as it remembers."""
        for outcome in self._report.undelivered:
            if isinstance(outcome, InDoubt) and outcome.position not in self._in_doubt_written:
                for row in list(self.feed.rows_of([outcome.position])):
                    self._doubts_settled += 1
                    self._in_doubt_written.add(outcome.position)
                    self.feed.settled([outcome.position])
                    self._doubtful += [self._called(row)] if self.order.remembers else []
                    self._write(row, outcome.key, "in_doubt", Why.of(outcome.reason))

    def _bad(self, rows: Sequence[RejectedRow]) -> None:
        for row in rows:
            count_reason(self._other_reasons, "rejected", row.reason)
            self._write(row.source, row.key, "rejected", Why(row.by, row.reason))
        self._guard()

    def _past(self, row: SourceRow, before: Undelivered | None) -> None:
        if before is None:
            if self.order.remembers:
                self._took(row)
            if self.order.on_row is not None:
                self.order.on_row(RowFate(self.order.name, row["row"], "delivered"))
            return
        if before.outcome == "in_doubt" and self.order.remembers:
            self._doubtful.append(self._called(row))
        count_reason(self._other_reasons, before.outcome, before.why.reason)
        self._write(row, before.key, before.outcome, before.why)

    def _took(self, row: SourceRow) -> None:
        """Remember a row that the vendor has taken; what it holds, only if that is what the source holds."""
        mended = self.order.again and not row["hash"]
        (self._doubtful if mended else self._delivered).append(self._called(row))

    def _called(self, row: SourceRow) -> int | str:
        return row["key"] if self.order.again else row["row"]

    def _write(self, row: SourceRow, key: str, outcome: Fate, why: Why, *, not_there: bool = False) -> None:
        """Write down a row that was not delivered."""
        if self.order.on_row is not None:
            self.order.on_row(RowFate(self.order.name, row["row"], outcome, why, not_there=not_there))
        if outcome == "rejected":
            self.order.known.add(row["key"] or key, row["fields"], why.reason)
        self._rejects.write(letter_of(self.order, row, key, outcome, why))

    def _guard(self) -> None:
        report, feed = self._report, self.feed
        # A row is judged twice, here and by the vendor: of what is on its way the second verdict is still to
        # come, so the share is told too low for a moment, and never too high.
        judged = max(feed.given, report.settled) + feed.bad
        order = self.order
        refusal = order.guard.refuses(
            report.rejected + feed.bad,
            judged,
            rows=order.rows,
            unchanged=order.unchanged,
            known=order.known.count,
        )
        if refusal is not None and self.summary.stopped is None:
            self.summary.stop(refusal)
            self._on_guard()


def _past_of(order: Order) -> Callable[[], Past] | None:
    """Return what tells of earlier attempts; a journal is asked when the engine has opened it."""
    journal, notes = order.journal, order.notes
    if journal is not None:
        return lambda: Checkpoint(journal)
    return None if notes is None else lambda: notes


def _start(
    client: Client,
    operation: Operation,
    pages: AsyncIterator[Sequence[object]],
    arguments: Mapping[str, object],
) -> Run[object]:
    given = operation.with_consent(arguments)  # the guards have asked
    bound: object = getattr(client, operation.name)
    if isinstance(bound, BoundBatch):
        return cast("BoundBatch[object, ...]", bound)(pages, **given)
    return cast("BoundCall[object, ..., object]", bound).each(pages, **given)
