"""The straight line of an item: source, pack, pace, send, classify, settle, sink.

A fixed number of workers each pull the next chunk and carry it to its end; nothing is queued but the few
chunks of the page last read and the settled chunks that a reader has not fetched yet, both bounded, so
memory does not grow with the number of items. After `aclose` no task of the run is alive.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from netaudience.engine.bisection import Bisector
from netaudience.engine.chunker import Chunk, Chunker
from netaudience.engine.outcome_queue import OutcomeQueue
from netaudience.engine.recorder import JournalRecorder, Recorder
from netaudience.engine.run_plan import RunPlan
from netaudience.engine.sender import Sender
from netaudience.engine.source import Source
from netaudience.errors import (
    DeadlineExceeded,
    EmptySource,
    JournalFailed,
    NetaudienceError,
    NotSent,
    SourceFailed,
)
from netaudience.model.taking import chosen
from netaudience.outcomes import Failed, InDoubt, Report, SettledChunk, all_alike
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.engine.notifier import EventNotifier
    from netaudience.engine.recorder import Notes

Item = TypeVar("Item")
#: Items read at once from a source that never waits, where a chunk has fewer.
_PAGE = 32
#: Workers that let the reader go first, so that the memory of what it lets go of is used again. With rows,
#: which are objects that the garbage collector goes through, all do. With other items it would be called for
#: nothing: if all let go at one time and all begin then, what their requests hold is more than it waits for.
#: With few of these in a request none does: there is little to let go of, and a slow vendor's answers come in
#: bursts, of which all are looked at before whoever stepped aside sends again.
_STEPS_ASIDE = 8
#: Of a chunk of which nothing is noted before it is sent.
_UNNOTED = range(0)
#: Why items were not sent of which each is waited for.
UNSENT = NotSent("It was not sent before the batcher was closed")
_CANCELLED = (
    "Another part of the program cancelled a task of this run, and what was not sent by then was not sent at "
    "all: look at who cancels tasks that are not its own, and send the rest"
)


class Pipeline(Generic[Item]):
    """One run under way."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the engine meet here
        self,
        plan: RunPlan,
        source: Source[Item],
        chunker: Chunker[Item],
        sender: Sender,
        bisector: Bisector[Item],
        report: Report,
        *,
        streamed: bool,
        journal: Notes | None = None,
        on_settled: Callable[[SettledChunk[Item]], None] | None = None,
    ) -> None:
        self._source = source
        self._chunker = chunker
        self._sender = sender
        self._bisector = bisector
        self.report = report
        self._allow_empty = plan.allow_empty or on_settled is not None
        self._recorder: Recorder[Item] = (
            Recorder(self._publish)
            if journal is None
            else JournalRecorder(journal, self._publish, self._halt, repeatable=plan.idempotent)
        )
        #: Tells what became of a chunk, when that is written down.
        self._tell = self._recorder.tell
        self._alarm: asyncio.TimerHandle | None = None
        self._outcomes: OutcomeQueue[Item] = OutcomeQueue(plan.workers if streamed else None)
        #: Returns the next settled chunk for the reader, if there is one already.
        self.take_settled = self._outcomes.take
        #: Whoever waits for each single item, of what was never sent as well: a batcher.
        self._on_settled = on_settled
        self._page = max(chunker.rows, _PAGE)
        self._steps_aside = 0 if chunker.rows <= _PAGE else math.inf if chunker.keyed else _STEPS_ASIDE
        self._ready: deque[Chunk[Item]] = deque()
        self._reading = asyncio.Lock()
        self._reading_task: asyncio.Task[object] | None = None
        self._bug: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._started = self._clock()
        #: Chunks so far, counted where somebody watches; and whether the end was reported.
        self._chunks = 0
        self._left = False
        #: True from the moment on at which whoever runs this leaves: only then are tasks cancelled by us.
        self._leaving = False
        self._notifier = sender.notifier
        if self._notifier is not None:
            self._notifier.run_started(lasting=on_settled is not None)
        workers = plan.workers
        if source.length is not None:
            workers = max(1, min(workers, -(-source.length // chunker.rows)))
        report.workers = workers
        self._recorder.begin(report, sender)
        if not math.isinf(sender.deadline):
            self._alarm = self._loop.call_at(sender.deadline, self._overdue)
        #: Workers that there may be; and those that carry a chunk, while there are fewer.
        self._most, self._busy = workers, 0
        self._tasks: list[asyncio.Task[None]] = []
        self._alive = 0
        for _ in range(workers if on_settled is None else 1):
            self._hire()

    def _overdue(self) -> None:
        """Stop reading at the deadline, unless there is nothing left to read; what is out ends by itself."""
        source = self._source
        left = self._ready or self._chunker.waiting
        if self._alive and (left or not (source.exhausted or source.position == source.length)):
            run = f"{self.report.vendor} {self.report.operation}"
            self._halt(
                DeadlineExceeded(
                    f"The deadline came before the run of {run} was at the end of its source. "
                    "What was not sent by then was not sent at all: send it later, or give it more time"
                )
            )

    def _halt(self, error: NetaudienceError) -> None:
        if self._sender.halted is None:
            self._sender.halt(error)
        self._stop_reading()

    def _hire(self) -> None:
        self._alive += 1
        task = asyncio.create_task(self._work(), name="netaudience worker")
        task.add_done_callback(self._worker_ended)  # one that is cancelled before its first step runs nothing
        self._tasks.append(task)

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() and not self._leaving:
            self._halt(NotSent(_CANCELLED))
        self._alive -= 1
        self._outcomes.wake_workers()
        self._outcomes.wake_reader()

    async def _work(self) -> None:
        """Carry one chunk after the other from the source to the reader."""
        try:
            while True:
                chunk = self._ready.popleft() if self._ready else await self._next()
                if chunk is None:
                    break
                self._busy += 1
                if self._busy == len(self._tasks) < self._most:
                    self._hire()  # somebody has to wait for the next item of those who push
                try:
                    await self._carry(chunk)
                finally:
                    self._busy -= 1
                if self._outcomes.full:
                    await self._outcomes.room()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - told to the reader, by whom it is raised
            if self._bug is None:
                self._bug = error
            if self._sender.halted is None:
                self._sender.halt(SourceFailed("The run broke down"))
            self._stop_reading()

    async def _carry(self, chunk: Chunk[Item]) -> None:
        """Deliver one chunk and tell what became of it."""
        sent: range | None = _UNNOTED
        if self._recorder.notes and self._sender.halted is None:
            sent = await self._note(chunk)
        settled: Sequence[SettledChunk[Item]] = ()
        if sent is None:
            settled = self._unsent(chunk)
        else:
            started = 0.0 if self._notifier is None else self._began(chunk, self._notifier)
            try:
                settled = await self._bisector.deliver(chunk)
            except BaseException:
                settled = self._interrupted(chunk, sent)
                raise
            finally:
                if self._notifier is not None:
                    self._notifier.chunk_ended(chunk.prepared.chunk, self._clock() - started, settled)
            if sent is not _UNNOTED:
                self._recorder.answered(sent)
        self._chunker.release(chunk)
        if self._chunker.packable:
            self._source.wake()
        if self._outcomes.waiting:
            self._outcomes.wake_workers()
        if self._sender.halted is not None:
            self._stop_reading()
        for part in settled:
            self._tell(part)

    async def _note(self, chunk: Chunk[Item]) -> range | None:
        """Write down what is about to be sent, for a crash leaves that in doubt; None if it cannot be."""
        noted = self._recorder.note(chunk.positions)
        try:
            return await noted
        except asyncio.CancelledError:
            if noted.done() and not noted.cancelled() and (sent := noted.result()) is not None:
                self._recorder.answered(sent)  # it is written down, and was not sent
            self._leave_unsent(chunk)
            raise

    def _unsent(self, chunk: Chunk[Item]) -> Sequence[SettledChunk[Item]]:
        reason = self._sender.halted or JournalFailed("The journal cannot be written")
        undelivered = all_alike(Failed, chunk.items, chunk.positions, reason, self._chunker.key)
        return (SettledChunk(chunk.items, chunk.positions, None, undelivered),)

    async def _next(self) -> Chunk[Item] | None:
        """Read and pack until there is a chunk; None when there will be no more."""
        source, chunker = self._source, self._chunker
        if 0 < len(self._outcomes) <= self._steps_aside:
            await asyncio.sleep(0)  # the reader lets go of what is settled before as much is read anew
        while self._sender.halted is None:
            if self._ready:
                return self._ready.popleft()
            if source.exhausted and not chunker.waiting:
                return None
            parts = self._read_now() if source.immediate or source.exhausted else await self._read()
            if self._outcomes.full:
                await self._outcomes.room()
            if (
                not parts
                and chunker.holding
                and (chunker.full or (source.exhausted and not chunker.packable))
            ):
                await self._outcomes.turn_of_worker()
            elif not self._ready:
                await asyncio.sleep(0)  # a long stretch of rejected rows must not hold up the loop
        return None

    def _read_now(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Pack what waits, or the next page of a source that never waits."""
        source, chunker = self._source, self._chunker
        if source.exhausted:
            return self._packed(chunker.flush())
        if chunker.full:
            return self._packed(chunker.feed([], range(0)))
        return self._packed(chunker.feed(*self._new(self._recorder.read(source, self._page))))

    async def _read(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Pack what waits, or the next page of a source that has to be waited for."""
        source, chunker = self._source, self._chunker
        if chunker.full:
            return self._packed(chunker.feed([], range(0)))
        await self._reading.acquire()  # `async with` would be two coroutines more for each page
        try:
            if self._ready or source.exhausted or self._sender.halted is not None:
                return []  # another worker has read meanwhile
            page = await self._wait_for_source()
            parts = chunker.feed(*self._new(page))
            if source.take_due(leftover=chunker.packable):
                parts.extend(chunker.flush())
        finally:
            self._reading.release()
        return self._packed(parts)

    def _packed(
        self, parts: list[Chunk[Item] | SettledChunk[Item]]
    ) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Put chunks in line, and tell what was rejected.

        A page is packed as a whole before anything else is awaited: another worker may feed then.
        """
        for part in parts:
            if isinstance(part, Chunk):
                self._ready.append(part)
            else:
                self._tell(part)
        return parts

    async def _wait_for_source(self) -> Sequence[Item]:
        """Read a page; a run that stops meanwhile does not wait for what may never come."""
        task = self._reading_task = asyncio.current_task(self._loop)
        try:
            return await self._source.read(self._chunker.wanting, leftover=self._chunker.packable)
        except asyncio.CancelledError:
            if self._sender.halted is None or task is None or task.uncancel() > 0:
                raise
            return self._source.abandon()
        finally:
            self._reading_task = None

    def _stop_reading(self) -> None:
        if self._reading_task is not None:
            self._reading_task.cancel()
            self._reading_task = None

    def _new(self, page: Sequence[Item]) -> tuple[Sequence[Item], Sequence[int]]:
        """Count a page; return what of it no earlier attempt has settled, with its positions."""
        self.report.items += len(page)
        positions = self._source.positions(len(page))
        if self._recorder.before is None or not isinstance(positions, range):
            return page, positions
        position = positions.start
        doubtful, left = self._recorder.left(positions)
        if doubtful:
            items = chosen(page, [at - position for at in doubtful])
            reason = SourceFailed("It was being sent when the process died")
            undelivered = all_alike(InDoubt, items, doubtful, reason, self._chunker.key)
            self._tell(SettledChunk(items, doubtful, None, undelivered))
        if isinstance(left, range):
            return page, left
        return chosen(page, [at - position for at in left]), left

    def _publish(self, settled: SettledChunk[Item]) -> None:
        """Count a settled chunk, and keep it for the reader, if there is one."""
        report = self.report
        report.count(settled)
        report.in_turn = self._chunker.in_turn
        report.seconds = self._clock() - self._started
        if self._on_settled is not None:
            self._on_settled(settled)
        self._outcomes.put(settled)

    async def next_settled(self) -> SettledChunk[Item] | None:
        """Return the next settled chunk for the reader; None when all items are settled."""
        while not self._outcomes:
            if not self._alive:
                self._finish()
                break
            await self._outcomes.turn_of_reader()
        return self._outcomes.take()

    async def finished(self) -> None:
        """Wait until every item is settled."""
        while self._alive:
            await self._outcomes.turn_of_reader()
        self._finish()

    def _finish(self) -> None:
        """Settle what a stopped run has not sent; tell why it stopped."""
        if self._bug is not None:
            raise self._bug
        self._recorder.write()
        report, halted = self.report, self._sender.halted
        report.exhausted = self._source.exhausted
        if report.stopped is not None:
            return
        if halted is not None:
            report.stopped = halted
            self._settle_unsent(halted)
            self._recorder.write()
        elif self._source.error is not None:
            report.stopped = SourceFailed(
                f"The source raised {type(self._source.error).__name__} after {many(report.items, 'item')}; "
                "all of these are settled. Mend the source and send the rest"
            )
            report.stopped.__cause__ = self._source.error
        elif not report.items and not self._allow_empty:
            report.stopped = EmptySource(
                f"The source of {report.vendor} {report.operation} gave no item at all: "
                "look at where it comes from, or set allow_empty=True if that is meant"
            )

    def _settle_unsent(self, reason: NetaudienceError) -> None:
        parts = [SettledChunk(chunk.items, chunk.positions) for chunk in self._ready]
        self._ready.clear()
        parts.append(self._chunker.abandon())
        for part in parts:
            if part.items:
                part.undelivered = all_alike(Failed, part.items, part.positions, reason, self._chunker.key)
                self._tell(part)

    def _began(self, chunk: Chunk[Item], notifier: EventNotifier) -> float:
        """Number a chunk, and tell that it is on its way."""
        self._chunks += 1
        chunk.prepared.chunk = self._chunks
        notifier.chunk_started(self._chunks, len(chunk))
        return self._clock()

    def _interrupted(self, chunk: Chunk[Item], sent: range) -> Sequence[SettledChunk[Item]]:
        """Count a chunk whose delivery was cancelled, so that the report reconciles."""
        reason = SourceFailed(
            "The run was left before an answer came"
            if self._leaving
            else "The run broke before an answer came"
        )
        if chunk.divided is not None:
            # What is still out stays noted, or is sent again: it is not settled for the journal.
            self._recorder.keep(chunk.divided.settled)
        settled, unsent = self._bisector.interrupted(chunk, reason)
        for part in settled:
            self._count_interrupted(part)
        if not (settled and self._leaving):
            self._recorder.answered(sent)  # it waited and nothing of it is out, or what was out is reported
        for left in unsent:
            self._leave_unsent(left)
        return settled

    def _leave_unsent(self, chunk: Chunk[Item]) -> None:
        """Count a chunk that was about to be sent, or tell each item where somebody waits for it."""
        if self._leaving and self._on_settled is None:
            self.report.counts.unsent += len(chunk)
        else:
            reason = UNSENT if self._leaving else NotSent(_CANCELLED)
            undelivered = all_alike(Failed, chunk.items, chunk.positions, reason, self._chunker.key)
            self._count_interrupted(SettledChunk(chunk.items, chunk.positions, None, undelivered))

    def _count_interrupted(self, part: SettledChunk[Item]) -> None:
        if not self._leaving:  # somebody reads on, and is told of these as of all others
            self._tell(part)
            return
        self.report.count(part)
        if self._on_settled is not None:
            self._on_settled(part)

    async def aclose(self) -> None:
        """Leave the run: cancel what is under way, wait for it, and count what was not settled."""
        self._leaving = True
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:  # who leaves is perhaps cancelled once more: the tasks are over then all the same
            self._close()

    def _close(self) -> None:
        """Count what was not settled, let go of the journal and tell of the end, when no task is left."""
        if self._on_settled is not None:
            self._settle_unsent(UNSENT)  # but for what the source still holds: that is the batcher's
        unread: Sequence[Item] = () if self._on_settled is not None else self._source.abandon()
        self.report.items += len(unread)
        self.report.counts.unsent += len(self._chunker.abandon()) + len(unread)
        self.report.counts.unsent += sum(len(chunk) for chunk in self._ready)
        self._ready.clear()
        self.report.seconds = self.report.seconds or self._clock() - self._started
        self._recorder.close()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._notifier is not None and not self._left:
            self._left = True
            self._notifier.run_ended(self._recorder.before)
