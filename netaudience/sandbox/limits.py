"""Limits counted strictly, as a vendor would: every sliding window, every request in flight.

A meter belongs to one account and one allowance. It counts and judges; it never waits, and it keeps
the peaks, so that "the limit was never exceeded" can be said from the server's side.
"""

from __future__ import annotations

import math
from collections import deque

from netaudience.sandbox.protocol import SandboxLimits, Window


class _Log:
    """What came in the last window, with its sum."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: deque[tuple[float, int]] = deque()
        self._sum = 0

    def sum(self, now: float) -> int:
        while self._entries and self._entries[0][0] <= now - self._seconds:
            self._sum -= self._entries.popleft()[1]
        return self._sum

    def lasts(self, now: float) -> float:
        return self._entries[-1][0] + self._seconds - now if self.sum(now) else 0.0

    def add(self, now: float, weight: int) -> None:
        self._entries.append((now, weight))
        self._sum += weight

    def remove(self, moment: float, weight: int) -> None:
        # It may have slid out already: the clock can have been advanced meanwhile.
        if (moment, weight) in self._entries:
            self._entries.remove((moment, weight))
            self._sum -= weight


class StrictWindow:
    """A sliding log of arrivals: no window of the given length ever holds more accepted ones."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._arrived = _Log(window.seconds)
        self._accepted = _Log(window.seconds)
        #: The most that arrived within any window, refused ones included.
        self.peak = 0

    def fits(self, now: float, weight: int = 1) -> bool:
        """Count an arrival; False if it and the accepted ones of the preceding seconds are too many."""
        self._arrived.add(now, weight)
        self.peak = max(self.peak, self._arrived.sum(now))
        return self._accepted.sum(now) + weight <= self.window.count

    def accept(self, now: float, weight: int = 1) -> None:
        """Take an arrival that fits."""
        self._accepted.add(now, weight)

    def withdraw(self, moment: float) -> None:
        """Take an acceptance back: the request was refused for another reason."""
        self._accepted.remove(moment, 1)

    def used(self, now: float) -> int:
        """How much of the window's count is taken."""
        return self._accepted.sum(now)

    def empty_in(self, now: float) -> float:
        """Seconds until nothing that was accepted is within the window."""
        return self._accepted.lasts(now)

    def arrived(self, now: float) -> int:
        """How much came within the window, refused ones included."""
        return self._arrived.sum(now)


class Meter:
    """One account's use of one allowance."""

    def __init__(self, limits: SandboxLimits) -> None:
        self.limits = limits
        windows = [StrictWindow(window) for window in limits.windows]
        self.requests = tuple(window for window in windows if window.window.counts == "requests")
        self.records = tuple(window for window in windows if window.window.counts == "records")
        self._last_second = _Log(1.0)
        #: The most requests that came in any second, refused ones included.
        self.peak_in_a_second = 0
        self.in_flight = 0
        #: The most requests that were being answered at once, refused ones included.
        self.peak_in_flight = 0
        self.refused = 0

    def arrive(self, now: float) -> bool:
        """Count an arrival and say whether it is within the limits; every arrival must leave."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        self._last_second.add(now, 1)
        self.peak_in_a_second = max(self.peak_in_a_second, self._last_second.sum(now))
        # Every window counts the arrival, whatever the others say of it.
        fitting = [window.fits(now) for window in self.requests]
        admitted = all(fitting) and (self.limits.in_flight is None or self.in_flight <= self.limits.in_flight)
        if not admitted:
            self.refused += 1
            return False
        for window in self.requests:
            window.accept(now)
        return True

    def weigh(self, now: float, records: int, arrived: float) -> bool:
        """Count the records of the request that arrived at `arrived`, and say whether they fit."""
        fitting = [window.fits(now, records) for window in self.records]
        if not all(fitting):
            for window in self.requests:
                window.withdraw(arrived)
            self.refused += 1
            return False
        for window in self.records:
            window.accept(now, records)
        return True

    def leave(self) -> None:
        """Count the end of a request."""
        self.in_flight -= 1

    def headers(self, now: float) -> dict[str, str]:
        """The fullest window as ``x-ratelimit-…``; nothing where no window is reported."""
        windows = (*self.requests, *self.records) if self.limits.shown else ()
        if not windows:
            return {}
        fullest = min(windows, key=lambda window: window.window.count - window.used(now))
        return {
            "x-ratelimit-limit": str(fullest.window.count),
            "x-ratelimit-remaining": str(max(0, fullest.window.count - fullest.used(now))),
            "x-ratelimit-reset": str(math.ceil(fullest.empty_in(now))),
        }

    def rate(self, now: float) -> int:
        """Requests of the last second, refused ones included."""
        return self._last_second.sum(now)
