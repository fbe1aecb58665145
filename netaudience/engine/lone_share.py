"""The share of a shared quota with which a process goes on while the store is lost.

It begins with nothing, for all of the share may just have been used. Nothing is rounded in its favour: a
request that is larger than the share waits for the store, and so does every one where the share is less than
one request a window, for several such processes might send theirs at once.
"""

from __future__ import annotations

import math

from netaudience.engine.quota_window import QuotaWindow
from netaudience.model.limits import Quota, Window, assumed


class LoneShare:
    """What a process lets through by itself."""

    def __init__(self, quota: Quota, share: float, rate: float, now: float, out: int) -> None:
        """Begin.

        Args:
            quota: The shared quota.
            share: The share of it, more than 0 and at most 1.
            rate: What the first window let through last, which may have adapted.
            now: This moment on the loop's clock.
            out: Requests that are out; nothing follows them before all are answered.
        """
        self._most = max(1, math.floor(int(quota.in_flight) * share + 1e-9))
        self._out = self._before = out
        self._windows = [
            QuotaWindow(
                Window(
                    assumed((rate if index == 0 else window.most) * share, "while the store is lost"),
                    window.per,
                    window.counts,
                ),
                quota,
            )
            for index, window in enumerate(quota.windows)
        ]
        self._use_up(now)

    def has(self, now: float, records: int, *, keep: bool) -> bool:
        """Return whether a request may go."""
        return self._open(records) and all(window.has(now, records, keep=keep) for window in self._windows)

    def take(self, records: int) -> None:
        """Take what a request needs."""
        self._out += 1
        for window in self._windows:
            window.take(records)

    def answered(self, now: float, records: int, *, unused: bool, arrives_by: float) -> None:
        """Send the tickets of an answered request on their way back; see `QuotaWindow.answered`."""
        self._out -= 1
        if not self._before:
            for window in self._windows:
                window.answered(now, records, unused=unused, arrives_by=arrives_by)
            return
        self._before -= 1
        self._use_up(max(now, arrives_by))

    def room_at(self, records: int, *, keep: bool) -> float:
        """Return when there is room; infinite where that needs an answer first, or the store."""
        if not self._open(records):
            return math.inf
        return max((window.room_at(records, keep=keep) for window in self._windows), default=math.inf)

    def _open(self, records: int) -> bool:
        if self._before or self._out >= self._most:
            return False
        return all(
            window.rate >= 1 and (window.window.counts == "requests" or records <= window.rate)
            for window in self._windows
        )

    def _use_up(self, now: float) -> None:
        for window in self._windows:
            window.use_up(now)
