"""One window of a quota: its tickets, those that are on their way back, and the smoothing.

A ticket comes back one window after its request's answer, which keeps the window's promise by construction;
`aiolimiter` in front of the tickets only smooths the flow. It decides nothing about whose turn it is.
"""

from __future__ import annotations

import math
import time
from bisect import insort
from collections import deque
from typing import TYPE_CHECKING

from netaudience.model.limits import Quota, Window

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

#: The smoothing lets a burst of this share of a window through, so that a late timer is made up for.
_BURST = 0.05
#: The seconds of a window that smoothing leaves free, for the time that the answers take.
_SLACK = 0.5
#: A clock may count whole milliseconds, as uvloop's does, or coarser still, as Windows has it: an answer
#: came up to so much later than it says.
_TICK = max(0.001, time.get_clock_info("monotonic").resolution)


class QuotaWindow:
    """What a window lets through, and what of it is left."""

    __slots__ = (
        "_limiter",
        "_quota",
        "_returning",
        "_seconds",
        "_tickets",
        "_whole",
        "rate",
        "spare",
        "window",
    )

    def __init__(self, window: Window, quota: Quota) -> None:
        self.window = window
        self._quota = quota
        #: How many pass in a window at this moment.
        self.rate = window.most
        #: Whole tickets, and the seconds for which each is away after its answer.
        self._whole, self._seconds = window.tickets()
        #: Tickets that bulk leaves free.
        self.spare = quota.spare(self._whole)
        self._tickets = self._whole
        self._returning: deque[tuple[float, int]] = deque()
        self._limiter = self._smoothing()

    @property
    def returns(self) -> float:
        """Seconds after which a ticket that is out is back at the earliest."""
        return self.window.per

    def flows(self, records: int) -> bool:
        """Return whether the smoothing lets so much pass at once."""
        limiter = self._limiter
        return limiter is None or limiter.has_capacity(min(self._weight(records), limiter.max_rate))

    async def smooth(self, records: int) -> None:
        """Wait for the smoothing."""
        limiter = self._limiter
        if limiter is not None:
            # More than a burst at once is counted as a burst here; the tickets count it in full.
            await limiter.acquire(min(self._weight(records), limiter.max_rate))

    def has(self, now: float, records: int, *, keep: bool) -> bool:
        """Return whether there are tickets, the reserve kept free or not."""
        needed = self._needed(records, keep=keep)
        if self._tickets < needed:
            self._collect(now)
        return self._tickets >= needed

    def take(self, records: int) -> None:
        """Take the tickets."""
        self._tickets -= self._weight(records)

    def answered(self, now: float, records: int, *, unused: bool = False, arrives_by: float = 0.0) -> None:
        """Send the tickets of an answered request on their way back; at once where it was not sent.

        Args:
            now: This moment.
            records: How many records it carried.
            unused: Whether it was not sent.
            arrives_by: The moment up to which one that was given up may still arrive.
        """
        if unused:
            self._tickets += self._weight(records)
            return
        back = max(now, arrives_by) + _TICK + self._seconds, self._weight(records)
        if self._returning and self._returning[-1] > back:
            insort(self._returning, back)  # those that were given up come back later than others
        else:
            self._returning.append(back)

    def use_up(self, now: float) -> None:
        """Count all tickets as those of requests that are answered at this moment."""
        self._tickets = 0
        self._returning = deque([(now + _TICK + self._seconds, self._whole)])

    def room_at(self, records: int, *, keep: bool) -> float:
        """Return when enough tickets are back; infinite where that needs an answer first."""
        missing = self._needed(records, keep=keep) - self._tickets
        for at, weight in self._returning:
            missing -= weight
            if missing <= 0:
                return at
        return math.inf

    def away(self, now: float) -> int:
        """Return how many tickets are out, or on their way back."""
        self._collect(now)
        return self._whole - self._tickets

    def set_rate(self, rate: float) -> None:
        """Let more, or less, through from now on."""
        before = self._whole
        self.rate = rate
        self._whole, self._seconds = self.window.tickets(rate)
        self.spare = self._quota.spare(self._whole)
        self._tickets += self._whole - before
        self._limiter = self._smoothing()

    def _weight(self, records: int) -> int:
        # More than a window takes at all goes alone in one; the client packs no such request.
        return 1 if self.window.counts == "requests" else min(records, self._whole)

    def _needed(self, records: int, *, keep: bool) -> int:
        weight = self._weight(records)
        # What is larger than the share of bulk waits until the whole window is free, or it would for ever.
        return min(weight + self.spare, self._whole) if keep else weight

    def _collect(self, now: float) -> None:
        """Take back the tickets whose window has passed."""
        returning = self._returning
        while returning and returning[0][0] <= now:
            self._tickets += returning.popleft()[1]

    def _smoothing(self) -> AsyncLimiter | None:
        per = self.window.per
        if not self.window.smoothed:
            return None
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - costs a program's start

        # The tickets hold the limit: in front of them it is enough to spread a window's requests, and
        # spreading them over all of it would lose the time that the answers take.
        rate = self.rate * (1.0 + _SLACK / per)
        burst = max(2.0, rate * _BURST)
        return AsyncLimiter(burst, burst * per / rate)
