"""Takes items one at a time and carries them in full requests; every item has a future of its outcome.

While items are on their way a pipeline carries them; when all are settled it ends, so an idle batcher costs
nothing. A pipeline that stops because the vendor is down fails what it had, and the next item begins a new
one; where nothing further can succeed (wrong credentials, say) the batcher takes nothing more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import copy_context
from copy import deepcopy
from typing import Generic, TypeAlias, TypeVar

from netaudience.engine.batcher_base import BatcherBase, WhenFull
from netaudience.engine.pipeline import UNSENT, Pipeline
from netaudience.engine.source import PushSource
from netaudience.errors import (
    AccountError,
    BatcherClosed,
    BatcherFull,
    NetaudienceError,
)
from netaudience.model.taking import Writer
from netaudience.outcomes import Failed, Outcome, Report, SettledChunk, all_alike
from netaudience.plurals import many

_log = logging.getLogger("netaudience")

Item = TypeVar("Item")
#: Starts a pipeline over a source; tells of every settled chunk.
Start: TypeAlias = Callable[[PushSource[Item], Callable[[SettledChunk[Item]], None]], Pipeline[Item]]
#: Returns the one item that stands for an earlier and a later one, or None where there is none.
Combine: TypeAlias = Callable[[Item, Item], Item | None]

#: Called with every settled chunk, and with how many futures that settled.
Watch: TypeAlias = Callable[[SettledChunk[Item], int], None]
#: The futures of one item's outcome.
Futures: TypeAlias = "list[asyncio.Future[Outcome[Item]]]"


class Batcher(BatcherBase, Generic[Item]):
    """A sink for single items of one operation. Use it as an async context manager, or call `aclose`.

    ::

        async with netmera.set_profile_attributes.batcher(linger=0.2) as sink:
            future = await sink.put({"extId": "1", "profile": {"city": "Izmir"}})
            outcome = await future

    A request is sent when it is full, in rows, keys or bytes, or when its first item has waited for
    `linger` seconds. Items of one user go in the order in which they were put, over retries and divided
    requests as well. Nothing is dropped: every future gets an outcome, whichever way the batcher ends.
    """

    def __init__(  # noqa: PLR0913 - the options of a batcher
        self,
        name: str,
        start: Start[Item],
        report: Report,
        key: Callable[[object], str],
        write: Writer | None = None,
        *,
        linger: float,
        max_pending: int,
        when_full: WhenFull,
        combine: Combine[Item] | None = None,
        watch: Watch[Item] | None = None,
    ) -> None:
        """Prepare a batcher; nothing is started before the first item.

        Raises:
            ConfigurationError: a figure makes no sense.
        """
        super().__init__(linger=linger, max_pending=max_pending, when_full=when_full)
        self._name = name
        self._start = start
        #: A report of nothing.
        self.blank_report = report
        self._past = deepcopy(report)
        self._key = key
        self._source: PushSource[Item] = PushSource(linger, write)
        self._combine = combine
        #: Whether an item is copied when it is put: one that another may be merged with is looked at later.
        self._copies = combine is not None and write is not None
        #: The futures of what was put and is not settled, by position; several where items were combined.
        self._futures: dict[int, asyncio.Future[Outcome[Item]] | list[asyncio.Future[Outcome[Item]]]] = {}
        #: Where a user's waiting item stands, while items are combined.
        self._standing: dict[str, int] = {}
        self._watch = watch
        #: Items that never went out by themselves, because another one stood for them as well.
        self.coalesced = 0
        #: The workers run in the context of whoever made the batcher, not of whoever puts the first item.
        self._context = copy_context()
        self._pipeline: Pipeline[Item] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed: BaseException | bool = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<Batcher of {self._name}: {state}, {self.pending:,} pending>"

    @property
    def report(self) -> Report:
        """What became of the items so far; those that were combined count once."""
        report = deepcopy(self._past)
        if self._pipeline is not None:
            report.absorb(self._pipeline.report)
        return report

    async def put(self, item: Item) -> asyncio.Future[Outcome[Item]]:
        """Take an item when there is room, and return the future of its outcome.

        The future never raises: it gives `Delivered`, `Rejected`, `Failed` or `InDoubt`. Cancelling it does
        not take the item back.

        Raises:
            BatcherFull: there is no room, and the batcher was told to raise then.
            BatcherClosed: it takes nothing more. The item was not taken.
        """
        if self._room.crowded:
            await self._wait_for_room()
        return self._take_one(item)

    def put_nowait(self, item: Item) -> asyncio.Future[Outcome[Item]]:
        """Take an item at once, and return the future of its outcome.

        Raises:
            BatcherFull: there is no room.
            BatcherClosed: it takes nothing more.
        """
        if self._room.full and not self._closed:
            raise self._full_up()
        return self._take_one(item)

    def take(self, item: Item, futures: Futures[Item]) -> int:
        """Take an item for whoever holds these futures, whether there is room or not; return its position.

        Raises:
            BatcherClosed: it takes nothing more.
        """
        self.check()
        if self._copies:
            item = copied(item)
        self._room.taken += len(futures)
        position = None if self._combine is None else self._combined(item, futures, self._combine)
        if position is None:
            position = self._source.put(item)
            self._futures[position] = futures
            self.coalesced += len(futures) - 1
            if self._combine is not None:
                self._standing[self._key(item)] = position
        if self._task is None:
            self._task = asyncio.create_task(
                self._carry(), name=f"netaudience batcher of {self._name}", context=self._context.copy()
            )
        return position

    def take_back(self, position: int) -> Futures[Item] | None:
        """Take an item back that still waits, with its futures; None where it is on its way."""
        if self._source.find(position) is None:
            return None
        self._source.withdraw(position)
        one = self._futures.pop(position)
        futures = one if isinstance(one, list) else [one]
        self.coalesced -= len(futures) - 1
        self._settled(len(futures))
        return futures

    def unsettled(self) -> Futures[Item]:
        """Return the futures of what was put and is not settled."""
        return [
            future
            for one in self._futures.values()
            for future in (one if isinstance(one, list) else (one,))
            if not future.done()
        ]

    def check(self) -> None:
        """Demand that it still takes items.

        Raises:
            BatcherClosed: it does not.
        """
        if self._closed:
            raise self._refusal()

    @property
    def idle(self) -> bool:
        """True where nothing is on its way, and nothing waits to be."""
        return self._task is None

    @property
    def still(self) -> bool:
        """True where all that was put waits to be sent, and nothing is on its way."""
        return len(self._source) == len(self._futures)

    def go(self) -> None:
        """Send what waits now."""
        self._source.go()

    def flush_begins(self) -> None:
        """Let nothing linger until `flush_ends` is called as often."""
        self._source.flush_begins()

    def flush_ends(self) -> None:
        """Let items linger again."""
        self._source.flush_ends()

    async def flush(self) -> None:
        """Send what waits without lingering, and return when all that was put before is settled."""
        futures = self.unsettled()
        if futures:
            self.flush_begins()
            try:
                await asyncio.wait(futures)
            finally:
                self.flush_ends()

    async def aclose(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it settles what is left
        """Take nothing more, send what waits without lingering, and settle every item.

        Args:
            timeout: Seconds after which it waits no longer: what is on its way is in doubt then, and what
                was not sent has failed. None waits as long as the vendor may need.
        """
        self._closed = self._closed or True
        self._room.open()
        self._source.flush_begins()
        task = self._task
        try:
            if task is not None:
                # Awaiting the task itself would hand a cancellation of it on to who closes.
                await asyncio.wait((task,), timeout=timeout)
        finally:
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait((task,))
            self._source.close()
        if isinstance(self._closed, Exception) and not isinstance(self._closed, NetaudienceError):
            raise self._closed

    def _take_one(self, item: Item) -> asyncio.Future[Outcome[Item]]:
        future: asyncio.Future[Outcome[Item]] = asyncio.get_running_loop().create_future()
        if self._combine is not None or self._closed or self._task is None:
            self.take(item, [future])
        else:  # the way of nearly every item, which makes no list
            self._room.taken += 1
            self._futures[self._source.put(item)] = future
        return future

    def _combined(self, item: Item, futures: Futures[Item], combine: Combine[Item]) -> int | None:
        """Let an item that waits already stand for this one as well, where one can; return its position."""
        position = self._standing.get(self._key(item))
        earlier = None if position is None else self._source.find(position)
        if position is None or earlier is None:
            return None
        both = combine(earlier, item)
        if both is None:
            return None
        self._source.replace(position, both)
        one = self._futures[position]
        self._futures[position] = [*(one if isinstance(one, list) else (one,)), *futures]
        self.coalesced += len(futures)
        return position

    async def _carry(self) -> None:
        """Carry what is put until nothing is left to carry."""
        try:
            while self._source:
                await self._carry_until_settled()
        finally:
            self._task = None
            self._fail(UNSENT)

    async def _carry_until_settled(self) -> None:
        """Run one pipeline, until every item is settled or it stops."""
        source = self._source
        source.open()
        try:
            pipeline = self._pipeline = self._start(source, self._settle)
        except Exception as error:  # noqa: BLE001 - the next one would fail alike
            self._break_down(error)
            return
        try:
            await pipeline.finished()
        except Exception as error:  # noqa: BLE001 - what is wrong with the program is told when it is closed
            self._break_down(error)
        finally:
            await pipeline.aclose()
            self._pipeline = None
            self._past.absorb(pipeline.report)
        stopped = pipeline.report.stopped
        if isinstance(stopped, AccountError):
            self._break_down(stopped)
        elif stopped is not None:
            _log.warning("The batcher stopped and goes on with the next item: %s", stopped)

    def _break_down(self, error: Exception) -> None:
        """Take nothing more: nothing that follows could succeed."""
        self._closed = error
        self._fail(error if isinstance(error, NetaudienceError) else UNSENT)
        self._room.open()

    def _fail(self, reason: NetaudienceError) -> None:
        """Settle what waits and will never be sent, when the batcher is at its end."""
        items = self._source.abandon()
        if items:
            positions = self._source.positions(len(items))
            undelivered = all_alike(Failed, items, positions, reason, self._key)
            chunk = SettledChunk(items, positions, None, undelivered)
            self._past.items += len(items)
            self._past.count(chunk)
            self._settle(chunk)

    def _settle(self, chunk: SettledChunk[Item]) -> None:
        """Give each future of a chunk its outcome."""
        futures, standing = self._futures, self._standing
        count = 0
        for outcome in chunk:
            one = futures.pop(outcome.position)
            if isinstance(one, list):
                count += len(one)
                for future in one:
                    if not future.done():
                        future.set_result(outcome)
            else:
                count += 1
                if not one.done():
                    one.set_result(outcome)
            if standing:
                key = self._key(outcome.item)
                if standing.get(key) == outcome.position:
                    del standing[key]
        self._settled(count)
        if self._watch is not None:
            self._watch(chunk, count)

    def _settled(self, count: int) -> None:
        self._room.leave(count)
        if not self._room.taken:
            self._source.end()

    async def _wait_for_room(self) -> None:
        self.check()
        if self._when_full == "raise":
            raise self._full_up()
        if self.still:
            self.go()  # nothing is on its way, and nothing more can come: why linger?
        await self._room.enter()

    def _full_up(self) -> BatcherFull:
        return BatcherFull(
            f"The batcher of {self._name} holds {many(self._room.most, 'item that is')} not settled: "
            "wait for some of their futures, or raise max_pending"
        )

    def _refusal(self) -> BatcherClosed:
        if isinstance(self._closed, NetaudienceError):
            refusal = BatcherClosed(f"The batcher of {self._name} stopped: {self._closed}")
        else:
            refusal = BatcherClosed(f"The batcher of {self._name} is closed: it takes nothing more")
        if isinstance(self._closed, BaseException):
            refusal.__cause__ = self._closed
        return refusal


def copied(item: Item) -> Item:
    """Return a copy of an item that is looked at later, when its owner may have changed it."""
    try:
        return deepcopy(item)
    except Exception:  # noqa: BLE001 - what cannot be copied cannot be written either, and is rejected for that
        return item
