"""Carries the items of one source through a run, and writes down what became of those not delivered.

It reads settled chunks, so memory stays flat, and it answers for every row: whatever happens on the way, a
row that was read ends in exactly one count of the tally.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import cast

import attrs

from netaudience.bound import BoundBatch, BoundCall
from netaudience.cli.feed import Feed
from netaudience.cli.mapping import Mapped
from netaudience.cli.outlet import Outlet, json_line
from netaudience.cli.progress import Progress
from netaudience.cli.sources import BadRow, Record, Records
from netaudience.cli.tally import Tally
from netaudience.client import Client
from netaudience.engine.run import Outcomes, Run
from netaudience.errors import EmptySource, NetaudienceError, SourceFailed, VendorError
from netaudience.jobs.signals import Interruption
from netaudience.outcomes import Failed, InDoubt, Rejected, Report, SettledChunk, Undelivered
from netaudience.work import Operation

__all__ = ["Job", "carry"]

_KINDS: Mapping[type, str] = {Rejected: "rejected", Failed: "failed", InDoubt: "in_doubt"}
_NEVER_SENT = "The run was interrupted before this row was sent"
_PERHAPS_SENT = "The run was left while this row was on its way, or was about to be sent"


@attrs.frozen(kw_only=True)
class Job:
    """One run of the command."""

    client: Client
    operation: Operation
    #: The operation's own arguments.
    arguments: Mapping[str, object]
    records: Records
    mapped: Mapped
    #: Where undelivered items go.
    rejects: Outlet
    #: Where answers go, and undelivered items when their own outlet breaks.
    output: Outlet
    #: Rows that were counted before, where somebody did.
    counted: int | None = None
    allow_empty: bool = False
    #: Whether answers are written that are no more than a receipt.
    receipts: bool = False
    #: Seconds that requests under way have after the first signal.
    patience: float = 5.0

    @property
    def shows_answers(self) -> bool:
        """Whether what the vendor answers is what the caller wants, or asked for."""
        return self.receipts or self.operation.facts.acknowledges == "answered"


async def carry(job: Job, progress: Progress) -> Tally:
    """Carry every item to its end; never raises for what happens to items."""
    carrier = _Carrier(job)
    showing = asyncio.create_task(_show(progress, carrier), name="netaudience progress")
    try:
        await carrier.carry()
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        progress.close(carrier.tally, carrier.feed.share_read)
    return carrier.tally


async def _show(progress: Progress, carrier: _Carrier) -> None:
    while True:
        await asyncio.sleep(progress.interval)
        progress.update(carrier.tally, carrier.feed.share_read)


class _Carrier:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._vendor = job.client.vendor
        page_rows = max(100, job.client.limits(job.operation)[0])
        self.feed = Feed(job.records, job.mapped, self._bad, page_rows=page_rows, most=job.counted)
        operation = job.operation
        report = Report(job.client.vendor, operation.name, operation.facts.acknowledges)
        self.tally = Tally(report, written_to=job.rejects.name)
        self._outcomes: Outcomes[object] | None = None
        self._in_doubt_written = 0

    def _interrupted(self, _number: signal.Signals) -> None:
        """Stop reading at the first signal, and say so."""
        sys.stderr.write(
            f"\ninterrupted: what is under way has {self._job.patience:g} s to come to its end; "
            "interrupt once more to leave it\n"
        )
        sys.stderr.flush()
        self.feed.stop()

    async def carry(self) -> None:
        """Carry the job to its end, or to an interruption."""
        async with aclosing(self.feed.pages()) as pages:
            run = self._start(pages)
            consumer = asyncio.create_task(self._consume(run), name="netaudience reader of outcomes")
            with Interruption(self._interrupted, consumer.cancel, grace=self._job.patience) as interruption:
                try:
                    await consumer
                except asyncio.CancelledError:
                    if interruption.signal is None:
                        raise
                    if self._outcomes is not None:
                        await self._read(self._outcomes)  # what was settled before the run was left
            tally = self.tally
            tally.given = self.feed.given
            tally.signal = interruption.signal
            tally.read_whole = self.feed.ended
            self._account_for_the_rest()
            if self.feed.ended and not tally.rows and not self._job.allow_empty:
                tally.stopped = EmptySource(
                    f"{self._job.records.name} has no row at all, and nothing was sent: look at where it "
                    "comes from, or say --allow-empty if that is meant"
                )

    def _start(self, pages: AsyncIterator[list[object]]) -> Run[object]:
        bound: object = getattr(self._job.client, self._job.operation.name)
        if isinstance(bound, BoundBatch):
            return cast("BoundBatch[object, ...]", bound)(pages, **self._job.arguments)
        return cast("BoundCall[object, ..., object]", bound).each(pages, **self._job.arguments)

    async def _consume(self, run: Run[object]) -> None:
        async with run as outcomes:
            self._outcomes = outcomes
            self.tally.report = outcomes.report
            await self._read(outcomes)

    async def _read(self, outcomes: Outcomes[object]) -> None:
        try:
            async for chunk in outcomes.chunks():
                self._settled(chunk)
        except SourceFailed as error:
            # The engine says that the source broke; its cause says where and what to do.
            self.tally.stopped = error.__cause__ if isinstance(error.__cause__, NetaudienceError) else error
        except NetaudienceError as error:
            self.tally.stopped = error

    def _settled(self, chunk: SettledChunk[object]) -> None:
        """Write down what is worth it of a settled chunk, and forget its records."""
        under_way = self.feed.under_way
        self._reject(
            [self._undelivered(under_way.pop(outcome.position), outcome) for outcome in chunk.undelivered]
        )
        # They are written; the report has room again for those of a run that is left.
        self.tally.report.undelivered.clear()
        self.tally.given = self.feed.given
        popped = [under_way.pop(position, None) for position in chunk.positions]
        delivered = [record for record in popped if record is not None]
        if delivered and chunk.result is not None and self._job.shows_answers:
            line = self._answer(delivered, chunk)
            if not self._job.output.write([line]):
                self._output_broke(self._job.output)

    def _account_for_the_rest(self) -> None:
        """Give every row that is still under way its outcome: the run ended before it did."""
        tally = self.tally
        known = {outcome.position: outcome for outcome in tally.report.undelivered}
        unknown = tally.report.in_doubt - self._in_doubt_written - len(known)
        lines: list[bytes] = []
        for position, record in self.feed.under_way.items():
            if (outcome := known.get(position)) is not None:
                lines.append(self._undelivered(record, outcome))
            elif tally.stopped is not None:
                tally.unsent_failed += 1
                lines.append(self._line(record, "failed", self._key(record), tally.stopped))
            elif unknown > 0:
                # More is in doubt than the report remembers by name: none of the rest is surely unsent.
                lines.append(self._line(record, "in_doubt", self._key(record), SourceFailed(_PERHAPS_SENT)))
            else:
                lines.append(self._line(record, "skipped", self._key(record), SourceFailed(_NEVER_SENT)))
        if unknown > 0 and tally.stopped is None:
            tally.perhaps_in_doubt = len(self.feed.under_way) - len(known) - unknown
        self.feed.under_way.clear()
        self._reject(lines)

    def _bad(self, rows: Sequence[BadRow]) -> None:
        """Count and write down rows that did not become items."""
        lines: list[bytes] = []
        for row in rows:
            self.tally.count_bad(row.reason)
            record = Record(row.row, row.line, row.value)
            lines.append(self._line(record, "rejected", "", SourceFailed(row.reason)))
        self._reject(lines)

    def _reject(self, lines: Sequence[bytes]) -> None:
        job = self._job
        if not lines:
            return
        if job.rejects.write(lines):
            self.tally.written += len(lines)
            return
        self._output_broke(job.rejects)
        if job.rejects is not job.output and not job.output.write(lines):
            self._output_broke(job.output)

    def _output_broke(self, outlet: Outlet) -> None:
        """Read nothing more: what happens to further items could not be told."""
        self.feed.stop()
        self.tally.unread |= outlet.unread
        if outlet.broken is not None and self.tally.unwritten is None:
            rest = " Further ones went to standard output." if outlet is not self._job.output else ""
            self.tally.unwritten = (
                f"{outlet.name} cannot be written ({outlet.broken}), so reading was stopped and what was "
                f"under way was settled.{rest} Mend it, and send the rows that follow"
            )

    def _key(self, record: Record) -> str:
        return self._job.operation.kind.key(self._job.mapped.item(record))

    def _undelivered(self, record: Record, outcome: Undelivered[object]) -> bytes:
        self._in_doubt_written += isinstance(outcome, InDoubt)
        return self._line(record, _KINDS[type(outcome)], outcome.key, outcome.reason)

    def _line(self, record: Record, outcome: str, key: str, reason: NetaudienceError) -> bytes:
        """Return what the caller needs to mend an item and to send it again: their own data, our reason."""
        vendors = reason if isinstance(reason, VendorError) else None
        return json_line(
            {
                "row": record.row,
                "line": record.line,
                "outcome": outcome,
                "key": key,
                "item": self._job.mapped.as_given(record.value),
                "vendor": self._vendor,
                "status": vendors.status if vendors else None,
                "code": vendors.code if vendors else None,
                "reason": vendors.reason if vendors else str(reason),
            }
        )

    def _answer(self, records: Sequence[Record], chunk: SettledChunk[object]) -> bytes:
        """Return one answer: to a row, or to all rows of a request."""
        if self._job.operation.shape == "batch":
            return json_line(
                {
                    "rows": [record.row for record in records],
                    "outcome": "delivered",
                    "result": chunk.result,
                }
            )
        (record,) = records
        key = self._job.operation.kind.key(chunk.items[0])
        told = {"row": record.row, "line": record.line, "outcome": "delivered", "key": key}
        return json_line({**told, "result": chunk.result})
