"""Cancels requests that take too long, with one timer for all of them.

It knows tasks and moments, nothing of HTTP, and judges nothing: whoever was cancelled says what that means.
"""

from __future__ import annotations

import asyncio
import math
from typing import TypeAlias

Waiting: TypeAlias = "asyncio.Task[object] | None"
"""The task that waits for a request; None where it runs in none."""


class TimeoutWatchdog:
    """Cancels overdue requests with one timer for all of them.

    A timeout of aiohttp's own costs 8 % of a request, a timer for each request about 3 %. A task waits for
    one request at a time, so that it stands for its request here.
    """

    __slots__ = ("_looks_at", "_out", "_overdue", "_timer")

    def __init__(self) -> None:
        #: The moment at which each request is overdue, and how often its task had been cancelled before.
        self._out: dict[Waiting, tuple[float, int]] = {}
        #: The tasks that were cancelled here, and how often before.
        self._overdue: dict[Waiting, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = math.inf

    def enter(self, loop: asyncio.AbstractEventLoop, task: Waiting, timeout: float) -> None:
        """Cancel the task after a number of seconds, unless it leaves before."""
        deadline = loop.time() + timeout
        self._out[task] = deadline, 0 if task is None else task.cancelling()
        if deadline < self._looks_at:
            self._look_at(loop, deadline)

    def leave(self, task: Waiting) -> None:
        """Let the task go."""
        # The timer is left to run out: renewing it for each request is what it is there to avoid.
        self._out.pop(task, None)
        if self._overdue:
            self._overdue.pop(task, None)

    def absorbs(self, task: Waiting) -> bool:
        """Return whether a cancellation was ours alone, and undo it then, as `asyncio.timeout` does."""
        before = self._overdue.pop(task, None)
        return task is not None and before is not None and task.uncancel() <= before

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._looks_at = math.inf

    def _look_at(self, loop: asyncio.AbstractEventLoop, moment: float) -> None:
        self.stop()
        self._looks_at = moment
        self._timer = loop.call_at(moment, self._look)

    def _look(self) -> None:
        self.stop()
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task, before in [(task, before) for task, (at, before) in self._out.items() if at <= now]:
            # The task is suspended in `send`, so that is where the cancellation arrives.
            del self._out[task]
            if task is not None:
                self._overdue[task] = before
                task.cancel()
        if self._out:
            self._look_at(loop, min(at for at, _ in self._out.values()))
