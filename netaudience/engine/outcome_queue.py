"""The settled chunks that a reader has not fetched yet, and who waits for whom at them.

A reader that is slow makes the workers wait; where nobody reads, nothing is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from netaudience.outcomes import SettledChunk

Item = TypeVar("Item")


class OutcomeQueue(Generic[Item]):
    """Settled chunks on their way to the reader."""

    __slots__ = ("_loop", "_most", "_reader", "_settled", "waiting")

    def __init__(self, most: int | None) -> None:
        """Make a queue.

        Args:
            most: Chunks that may wait for the reader; None where nobody reads, so that none is kept.
        """
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._settled: deque[SettledChunk[Item]] = deque()
        #: Workers that wait for a release or for the reader; and the reader, when it waits for them.
        self.waiting: list[asyncio.Future[None]] = []
        self._reader: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._settled)

    @property
    def full(self) -> bool:
        """Whether the workers have to wait for the reader."""
        return self._most is not None and len(self._settled) > self._most

    def put(self, settled: SettledChunk[Item]) -> None:
        """Keep a chunk for the reader, if there is one."""
        if self._most is not None:
            self._settled.append(settled)
            if self._reader is not None:
                self.wake_reader()

    def take(self) -> SettledChunk[Item] | None:
        """Return the next chunk, if there is one already."""
        if not self._settled:
            return None
        settled = self._settled.popleft()
        if self.waiting:
            self.wake_workers()
        return settled

    async def room(self) -> None:
        """Wait until the reader has fetched enough."""
        while self.full:
            await self.turn_of_worker()

    def turn_of_worker(self) -> asyncio.Future[None]:
        """Return what a worker waits for."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self.waiting.append(turn)
        return turn

    def turn_of_reader(self) -> asyncio.Future[None]:
        """Return what the reader waits for; no coroutine, for that would be one more for each chunk."""
        self._reader = self._loop.create_future()
        return self._reader

    def wake_workers(self) -> None:
        """Let the workers look again."""
        waiting, self.waiting = self.waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def wake_reader(self) -> None:
        """Let the reader look again."""
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)
