"""Ctrl-C and SIGTERM during a run: first reading stops, then, after a little while, the run is left.

The first signal lets what is under way come to its end; the second, or the end of patience, cancels it. The
signal is remembered, for it is the exit code.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Interruption"]

#: Seconds that requests under way have after the first signal.
PATIENCE = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Handles the two signals while it is entered."""

    def __init__(
        self, stop: Callable[[], None], leave: Callable[[], object], *, patience: float = PATIENCE
    ) -> None:
        self._stop = stop
        self._leave = leave
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._handled: list[signal.Signals] = []
        #: The signal that came first, if one did.
        self.signal: signal.Signals | None = None

    def __enter__(self) -> Self:
        """Take the signals over; outside the main thread and on Windows that is not possible."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, self.interrupt, number)
            except (NotImplementedError, RuntimeError, ValueError):
                continue
            self._handled.append(number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        for number in self._handled:
            loop.remove_signal_handler(number)

    def interrupt(self, number: signal.Signals) -> None:
        """Act on a signal."""
        if self.signal is not None:
            self._leave()
            return
        self.signal = number
        sys.stderr.write(
            f"\ninterrupted: what is under way has {self._patience:g} s to come to its end; "
            "interrupt once more to leave it\n"
        )
        sys.stderr.flush()
        self._stop()
        self._timer = asyncio.get_running_loop().call_later(self._patience, self._leave)
