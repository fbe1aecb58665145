"""Limits counted strictly, as a vendor would: every sliding window, every request in flight.

A meter belongs to one account. It counts and judges; it never waits, and it keeps the peaks, so
that "the limit was never exceeded" can be said from the server's side.
"""

from __future__ import annotations

from collections import deque

from netaudience.sandbox.words import SandboxLimits


class StrictWindow:
    """A sliding log of arrivals: no window of the given length ever holds more accepted ones."""

    def __init__(self, count: int | None, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._arrived: deque[float] = deque()
        self._accepted: deque[float] = deque()
        #: The most arrivals that any window held, refused ones included.
        self.peak = 0

    def admit(self, now: float) -> bool:
        """Count an arrival; False if `count` accepted ones came in the preceding seconds."""
        self._slide(self._arrived, now)
        self._arrived.append(now)
        self.peak = max(self.peak, len(self._arrived))
        if self._count is None:
            return True
        self._slide(self._accepted, now)
        if len(self._accepted) >= self._count:
            return False
        self._accepted.append(now)
        return True

    def withdraw(self) -> None:
        """Take the last acceptance back: the request was refused for another reason."""
        if self._accepted:
            self._accepted.pop()

    def _slide(self, log: deque[float], now: float) -> None:
        while log and log[0] <= now - self._seconds:
            log.popleft()


class Meter:
    """One account's use of its allowance."""

    def __init__(self, limits: SandboxLimits) -> None:
        self.limits = limits
        self.window = StrictWindow(limits.requests, limits.seconds)
        self.in_flight = 0
        #: The most requests that were being answered at once, refused ones included.
        self.peak_in_flight = 0
        self.refused = 0

    def arrive(self, now: float) -> bool:
        """Count an arrival and say whether it is within the limits; every arrival must leave."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        admitted = self.window.admit(now)
        if self.limits.in_flight is not None and self.in_flight > self.limits.in_flight:
            if admitted:
                self.window.withdraw()
            admitted = False
        if not admitted:
            self.refused += 1
        return admitted

    def leave(self) -> None:
        """Count the end of a request."""
        self.in_flight -= 1
