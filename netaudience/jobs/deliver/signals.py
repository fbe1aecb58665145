"""SIGINT and SIGTERM while a job runs: the first ends the reading, the second, or the end of grace, the run.

The signals are taken over in the main thread only, and given back as they were: a scheduler that runs a job
in its own process has handlers too.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self, TypeAlias

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class Interruption:
    """Handles the two signals while it is entered."""

    def __init__(
        self,
        stop: Callable[[signal.Signals], object],
        leave: Callable[[], object],
        *,
        grace: float,
    ) -> None:
        """Say what is to happen.

        Args:
            stop: Called at the first signal: read nothing more.
            leave: Called at the second, and when grace is over: leave what is still under way.
            grace: Seconds between the two.
        """
        self._stop = stop
        self._leave = leave
        self._grace = grace
        self._timer: asyncio.TimerHandle | None = None
        self._before: dict[signal.Signals, _Handler] = {}
        #: The signal that came first, if one did.
        self.signal: signal.Signals | None = None

    def __enter__(self) -> Self:
        """Take the signals over; outside the main thread and on Windows that is not possible."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            before = signal.getsignal(number)
            try:
                loop.add_signal_handler(number, self.interrupt, number)
            except (NotImplementedError, RuntimeError, ValueError):
                continue
            self._before[number] = before
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back to whoever had them."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        for number, before in self._before.items():
            loop.remove_signal_handler(number)
            if before is not None:
                with contextlib.suppress(ValueError, OSError):
                    signal.signal(number, before)

    def interrupt(self, number: signal.Signals) -> None:
        """Act on a signal."""
        if self.signal is not None:
            self._leave()
            return
        self.signal = number
        self._timer = asyncio.get_running_loop().call_later(self._grace, self._leave)
        self._stop(number)
