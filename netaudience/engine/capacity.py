"""Room for a number of items at one time, given to those who wait for it in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque


class CapacityGate:
    """Counts who is in. `enter` waits for room; `take` counts somebody in, whether there is room or not."""

    __slots__ = ("_granted", "_queue", "most", "taken")

    def __init__(self, most: int) -> None:
        #: How many may be in.
        self.most = most
        #: How many are in.
        self.taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        #: Those who were let in and have not come yet.
        self._granted = 0

    @property
    def full(self) -> bool:
        """True where nobody else may come in."""
        return self.taken + self._granted >= self.most

    @property
    def crowded(self) -> bool:
        """True where a newcomer would have to wait."""
        return self.taken + self._granted >= self.most or bool(self._queue)

    async def enter(self) -> None:
        """Wait for room; `take` must follow at once."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._granted -= 1
                self._let_in()
            raise
        self._granted -= 1

    def leave(self, count: int) -> None:
        """Let some out, and others in."""
        self.taken -= count
        self._let_in()

    def open(self) -> None:
        """Let in all who wait: they are told something else there."""
        self.most = self.taken + self._granted + len(self._queue)
        self._let_in()

    def _let_in(self) -> None:
        while self._queue and not self.full:
            turn = self._queue.popleft()
            if not turn.done():
                self._granted += 1
                turn.set_result(None)
