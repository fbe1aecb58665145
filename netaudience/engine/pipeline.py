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

from netaudience.engine.division import Divider
from netaudience.engine.packing import Chunk, Packer
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
from netaudience.outcomes import Failed, InDoubt, Report, SettledChunk, all_alike

if TYPE_CHECKING:
    from netaudience.engine.journal import Journal  # made by whoever has one: most programs need no SQLite
    from netaudience.engine.teller import Teller

__all__ = ["UNSENT", "Pipeline"]

Item = TypeVar("Item")
#: Items read at once from a source that never waits, where a chunk has fewer.
_PAGE = 32
#: So many workers let the reader go first, so that the memory of what it lets go of is used again. With rows,
#: which are objects that the garbage collector goes through, all do. With other items it would be called for
#: nothing: if all let go at one time and all begin then, what their requests hold is more than it waits for.
#: With few of these in a request none does: there is little to let go of, and a slow vendor's answers come in
#: bursts, of which all are looked at before whoever stepped aside sends again.
_STEPS_ASIDE = 8
#: Seconds between two beats of a journal's lease.
_HEARTBEAT = 5.0
#: Of a chunk of which nothing is noted before it is sent.
_UNNOTED = range(0)
#: Why items were not sent of which each is waited for.
UNSENT = NotSent("It was not sent before the batcher was closed")


class Pipeline(Generic[Item]):
    """One run under way."""

    def __init__(  # noqa: PLR0913 - the parts of the engine meet here
        self,
        source: Source[Item],
        packer: Packer[Item],
        sender: Sender,
        divider: Divider[Item],
        report: Report,
        *,
        workers: int,
        streamed: bool,
        allow_empty: bool,
        journal: Journal | None = None,
        repeatable: bool = True,
        told: Callable[[SettledChunk[Item]], None] | None = None,
    ) -> None:
        self._source = source
        self._packer = packer
        self._sender = sender
        self._divider = divider
        self.report = report
        self._allow_empty = allow_empty
        self._journal = journal
        #: Whether a chunk may be sent again after a crash, so that sending it needs no note beforehand.
        self._repeatable = repeatable
        self._unrecorded: list[SettledChunk[Item]] = []
        self._answered: list[range] = []
        #: Chunks that wait until it is written down that they are about to be sent.
        self._noted: list[tuple[Sequence[int], asyncio.Future[range | None]]] = []
        #: Whether what is to be written down is written in the loop's next turn.
        self._writes = False
        self._heart: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._most_unread = workers if streamed else None
        #: Whoever waits for each single item, of what was never sent as well: a batcher.
        self._told = told
        self._page = max(packer.rows, _PAGE)
        self._steps_aside = math.inf if packer.ordered else _STEPS_ASIDE if packer.rows > _PAGE else 0
        self._ready: deque[Chunk[Item]] = deque()
        self._settled: deque[SettledChunk[Item]] = deque()
        self._reading = asyncio.Lock()
        self._reading_task: asyncio.Task[object] | None = None
        #: Workers that wait for a release or for the reader; and the reader, when it waits for them.
        self._waiting: list[asyncio.Future[None]] = []
        self._reader: asyncio.Future[None] | None = None
        self._bug: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._started = self._clock()
        #: Chunks so far, counted where somebody watches; and whether the end was told.
        self._chunks = 0
        self._left = False
        self._before = {} if journal is None else journal.before
        self._teller = sender.teller
        if self._teller is not None:
            self._teller.run_started(lasting=told is not None)
        if source.length is not None:
            workers = max(1, min(workers, -(-source.length // packer.rows)))
        report.workers = workers
        if journal is not None:
            self._go_on_from(journal)
        if not math.isinf(sender.deadline):
            self._alarm = self._loop.call_at(sender.deadline, self._overdue)
        #: Workers that there may be; and those that carry a chunk, while there are fewer.
        self._most, self._busy = workers, 0
        self._tasks: list[asyncio.Task[None]] = []
        self._alive = 0
        for _ in range(workers if told is None else 1):
            self._hire()

    def _go_on_from(self, journal: Journal) -> None:
        """Count what an earlier attempt has settled, and keep the journal's lease."""
        report, before = self.report, journal.before
        report.delivered = before.get("delivered", 0)
        report.rejected = before.get("rejected", 0)
        report.in_doubt = before.get("in doubt", 0)
        report.resumed = report.settled
        self._beat()

    def _beat(self) -> None:
        if self._journal is not None:
            try:
                self._journal.renew()
            except JournalFailed as error:
                self._halt(error)
            self._heart = self._loop.call_later(_HEARTBEAT, self._beat)

    def _overdue(self) -> None:
        """Stop reading at the deadline, unless there is nothing left to read; what is out ends by itself."""
        source = self._source
        left = self._ready or self._packer.waiting
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
        self._tasks.append(asyncio.create_task(self._work(), name="netaudience worker"))

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
                if self._most_unread is not None and len(self._settled) > self._most_unread:
                    await self._room()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - told to the reader, by whom it is raised
            if self._bug is None:
                self._bug = error
            if self._sender.halted is None:
                self._sender.halt(SourceFailed("The run broke down"))
            self._stop_reading()
        finally:
            self._alive -= 1
            self._wake_workers()
            self._wake_reader()

    async def _carry(self, chunk: Chunk[Item]) -> None:
        """Deliver one chunk and tell what became of it."""
        sent: range | None = _UNNOTED
        if self._journal is not None and not self._repeatable and self._sender.halted is None:
            sent = await self._note(chunk)
        settled: Sequence[SettledChunk[Item]] = ()
        if sent is None:
            settled = self._unsent(chunk)
        else:
            started = 0.0 if self._teller is None else self._began(chunk, self._teller)
            try:
                settled = await self._divider.deliver(chunk)
            except BaseException:
                settled = self._interrupted(chunk, sent)
                raise
            finally:
                if self._teller is not None:
                    self._teller.chunk_ended(chunk.prepared.chunk, self._clock() - started, settled)
            if self._journal is not None:
                self._answered.append(sent)
        self._packer.release(chunk)
        if self._packer.packable:
            self._source.stir()
        if self._waiting:
            self._wake_workers()
        if self._sender.halted is not None:
            self._stop_reading()
        for part in settled:
            self._tell(part)

    async def _note(self, chunk: Chunk[Item]) -> range | None:
        """Write down what is about to be sent, for a crash leaves that in doubt; None if it cannot be."""
        noted: asyncio.Future[range | None] = self._loop.create_future()
        self._noted.append((chunk.positions, noted))
        self._write_soon()
        try:
            return await noted
        except asyncio.CancelledError:
            if noted.done() and not noted.cancelled() and (sent := noted.result()) is not None:
                self._answered.append(sent)  # it is written down, and was not sent
            self.report.skipped += len(chunk)
            raise

    def _unsent(self, chunk: Chunk[Item]) -> Sequence[SettledChunk[Item]]:
        reason = self._sender.halted or JournalFailed("The journal cannot be written")
        undelivered = all_alike(Failed, chunk.items, chunk.positions, reason, self._packer.key)
        return (SettledChunk(chunk.items, chunk.positions, None, undelivered),)

    async def _next(self) -> Chunk[Item] | None:
        """Read and pack until there is a chunk; None when there will be no more."""
        source, packer = self._source, self._packer
        if 0 < len(self._settled) <= self._steps_aside:
            await asyncio.sleep(0)  # the reader lets go of what is settled before as much is read anew
        while self._sender.halted is None:
            if self._ready:
                return self._ready.popleft()
            if source.exhausted and not packer.waiting:
                return None
            parts = self._read_now() if source.immediate or source.exhausted else await self._read()
            if self._most_unread is not None and len(self._settled) > self._most_unread:
                await self._room()
            if not parts and packer.holding and (packer.full or (source.exhausted and not packer.packable)):
                await self._wait_as_worker()
            elif not self._ready:
                await asyncio.sleep(0)  # a long stretch of rejected rows must not hold up the loop
        return None

    def _read_now(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Pack what waits, or the next page of a source that never waits."""
        source, packer = self._source, self._packer
        if source.exhausted:
            return self._packed(packer.flush())
        if packer.full:
            return self._packed(packer.feed([], range(0)))
        return self._packed(packer.feed(*self._new(source.read_now(self._page))))

    async def _read(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Pack what waits, or the next page of a source that has to be waited for."""
        source, packer = self._source, self._packer
        if packer.full:
            return self._packed(packer.feed([], range(0)))
        await self._reading.acquire()  # `async with` would be two coroutines more for each page
        try:
            if self._ready or source.exhausted or self._sender.halted is not None:
                return []  # another worker has read meanwhile
            page = await self._wait_for_source()
            parts = packer.feed(*self._new(page), lent=source.lent)
            if source.take_due(leftover=packer.packable):
                parts.extend(packer.flush())
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

    async def _wait_for_source(self) -> list[Item]:
        """Read a page; a run that stops meanwhile does not wait for what may never come."""
        task = self._reading_task = asyncio.current_task(self._loop)
        try:
            return await self._source.read(self._packer.wanting, leftover=self._packer.packable)
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

    def _new(self, page: list[Item]) -> tuple[list[Item], range | list[int]]:
        """Count a page; return what of it no earlier attempt has settled, with its positions."""
        self.report.items += len(page)
        positions = self._source.positions(len(page))
        if self._journal is None or not isinstance(positions, range):
            return page, positions
        position = positions.start
        doubtful, left = self._journal.left(positions)
        if doubtful:
            items = [page[at - position] for at in doubtful]
            reason = SourceFailed("It was being sent when the process died")
            undelivered = all_alike(InDoubt, items, doubtful, reason, self._packer.key)
            self._tell(SettledChunk(items, doubtful, None, undelivered))
        if isinstance(left, range):
            return page, left
        return [page[at - position] for at in left], left

    def _tell(self, settled: SettledChunk[Item]) -> None:
        """Tell what became of a chunk, when that is written down."""
        if self._journal is None:
            self._publish(settled)
            return
        self._write_soon()
        self._unrecorded.append(settled)

    def _write_soon(self) -> None:
        """Write in the loop's next turn, when all workers that can go on have said what they have."""
        if not self._writes:
            self._writes = True
            self._loop.call_soon(self._record)

    def _record(self) -> None:
        """Write down what was settled and what is about to be sent, in one go; then tell it."""
        self._writes = False
        settled, self._unrecorded = self._unrecorded, []
        answered, self._answered = self._answered, []
        # Who was cancelled meanwhile sends nothing.
        noted, self._noted = [one for one in self._noted if not one[1].done()], []
        if self._journal is None or not (settled or answered or noted):
            return
        sent: Sequence[range | None]
        try:
            sent = self._journal.record(settled, answered, [positions for positions, _ in noted])
        except JournalFailed as error:
            self._halt(error)  # what happened is told all the same
            sent = [None] * len(noted)
        for (_, future), written in zip(noted, sent, strict=True):
            future.set_result(written)
        for part in settled:
            self._publish(part)

    def _publish(self, settled: SettledChunk[Item]) -> None:
        """Count a settled chunk, and keep it for the reader, if there is one."""
        self.report.count(settled)
        self.report.seconds = self._clock() - self._started
        if self._told is not None:
            self._told(settled)
        if self._most_unread is not None:
            self._settled.append(settled)
            if self._reader is not None:
                self._wake_reader()

    async def _room(self) -> None:
        """Wait until the reader has fetched enough."""
        while self._most_unread is not None and len(self._settled) > self._most_unread:
            await self._wait_as_worker()

    def take_settled(self) -> SettledChunk[Item] | None:
        """Return the next settled chunk for the reader, if there is one already."""
        if not self._settled:
            return None
        settled = self._settled.popleft()
        if self._waiting:
            self._wake_workers()
        return settled

    async def next_settled(self) -> SettledChunk[Item] | None:
        """Return the next settled chunk for the reader; None when all items are settled."""
        while not self._settled:
            if not self._alive:
                self._finish()
                break
            await self._turn_of_reader()
        return self.take_settled()

    async def finished(self) -> None:
        """Wait until every item is settled."""
        while self._alive:
            await self._turn_of_reader()
        self._finish()

    def _finish(self) -> None:
        """Settle what a stopped run has not sent; tell why it stopped."""
        if self._bug is not None:
            raise self._bug
        self._record()
        report, halted = self.report, self._sender.halted
        report.exhausted = self._source.exhausted
        if report.stopped is not None:
            return
        if halted is not None:
            report.stopped = halted
            self._settle_unsent(halted)
        elif self._source.error is not None:
            report.stopped = SourceFailed(
                f"The source raised {type(self._source.error).__name__} after {report.items:,} items; "
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
        parts.append(self._packer.abandon())
        for part in parts:
            if part.items:
                part.undelivered = all_alike(Failed, part.items, part.positions, reason, self._packer.key)
                self._tell(part)

    def _began(self, chunk: Chunk[Item], teller: Teller) -> float:
        """Number a chunk, and tell that it is on its way."""
        self._chunks += 1
        chunk.prepared.chunk = self._chunks
        teller.chunk_started(self._chunks, len(chunk))
        return self._clock()

    def _interrupted(self, chunk: Chunk[Item], sent: range) -> Sequence[SettledChunk[Item]]:
        """Count a chunk whose delivery was cancelled, so that the report reconciles."""
        reason = SourceFailed("The run was left before an answer came")
        if self._journal is not None and chunk.divided is not None:
            # What is still out stays noted, or is sent again: it is not settled for the journal.
            self._unrecorded.extend(chunk.divided.settled)
            chunk.divided.settled.clear()
        settled, unsent = self._divider.interrupted(chunk, reason)
        for part in settled:
            self._count_interrupted(part)
        if not settled:
            self._answered.append(sent)  # it waited, and nothing of it is out
        for left in unsent:
            if self._told is None:
                self.report.skipped += len(left)
            else:
                undelivered = all_alike(Failed, left.items, left.positions, UNSENT, self._packer.key)
                self._count_interrupted(SettledChunk(left.items, left.positions, None, undelivered))
        return settled

    def _count_interrupted(self, part: SettledChunk[Item]) -> None:
        self.report.count(part)
        if self._told is not None:
            self._told(part)

    async def aclose(self) -> None:
        """Leave the run: cancel what is under way, wait for it, and count what was not settled."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:  # who leaves is perhaps cancelled once more: the tasks are over then all the same
            self._close()

    def _close(self) -> None:
        """Count what was not settled, let go of the journal and tell of the end, when no task is left."""
        if self._told is not None:
            self._settle_unsent(UNSENT)  # but for what the source still holds: that is the batcher's
        unread = [] if self._told is not None else self._source.abandon()
        self.report.items += len(unread)
        self.report.skipped += len(self._packer.abandon()) + len(unread)
        self.report.skipped += sum(len(chunk) for chunk in self._ready)
        self._ready.clear()
        self.report.seconds = self.report.seconds or self._clock() - self._started
        if self._journal is not None:
            self._record()
            if self._heart is not None:
                self._heart.cancel()
            self._journal.close()
            self._journal = None
        if self._alarm is not None:
            self._alarm.cancel()
        if self._teller is not None and not self._left:
            self._left = True
            self._teller.run_ended(self._before)

    async def _wait_as_worker(self) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future

    def _wake_workers(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _turn_of_reader(self) -> asyncio.Future[None]:
        """Return what the reader waits for; no coroutine, for that would be one more for each chunk."""
        self._reader = self._loop.create_future()
        return self._reader

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)
