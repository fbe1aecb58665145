"""Finds the rate that a vendor takes and does not document.

Pure arithmetic over the moments at which answers came and the tickets that were out then; it holds nothing
back itself. A ticket is out from its request until a window after the answer, so that what is out is what the
rate let through, however long the answers take.
"""

from __future__ import annotations

import math

#: An adaptive rate never falls below this many requests per window.
_SLOWEST = 0.25
#: After a throttle the rate returns to this share of what the vendor took before it.
_AIM = 0.97
#: Windows in which the rate returns from a half to its aim.
_RECOVERY = 2
#: Windows after a throttle before the rate feels its way further up.
_PLATEAU = 30


class AdaptiveRate:
    """Finds an undocumented rate: halves on a throttle, returns to what was taken, then feels further."""

    def __init__(self, start: float, ceiling: float) -> None:
        self._rate = min(start, ceiling)
        self._ceiling = ceiling
        #: The rate to return to after a throttle; none yet.
        self._aim = math.inf
        self._changed = -math.inf
        self._halved = -math.inf

    @property
    def memory(self) -> list[float]:
        """What it goes by: the rate, the rate to return to, and when it was changed and halved."""
        return [self._rate, self._aim, self._changed, self._halved]

    @classmethod
    def remembered(cls, memory: list[float], ceiling: float) -> AdaptiveRate:
        """Return the one whose memory this is."""
        made = cls(memory[0], ceiling)
        made._rate, made._aim, made._changed, made._halved = memory
        return made

    def throttled(self, now: float, per: float, away: int) -> float:
        """Take note of a throttle; return the rate from now on.

        Args:
            now: This moment.
            per: The seconds of a window.
            away: The tickets that are out, that of the throttled request among them.
        """
        # Answers to what was already out when the rate fell say nothing about the new rate.
        if now - self._halved >= per:
            # What the vendor took in the last window is the best estimate of what it takes.
            self._aim = _AIM * min(self._rate, max(away - 1, self._rate / 2))
            self._rate = max(_SLOWEST, self._rate / 2)
            self._halved = self._changed = now
        return self._rate

    def succeeded(self, now: float, per: float, away: int) -> float:
        """Take note of an answer; return the rate from now on. The arguments are those of `throttled`."""
        if now - self._changed < per:
            return self._rate
        self._changed = now
        if math.isinf(self._aim):
            rate = self._rate * 1.5
        elif self._rate < self._aim:
            rate = min(self._aim, self._rate + max(self._aim / 2 / _RECOVERY, 0.1))
        elif now - self._halved > _PLATEAU * per:
            rate = self._rate * 1.03 + 0.1
        else:
            rate = self._rate
        # A source that is slower than the rate proves nothing about a higher one.
        if away >= max(1, math.floor(self._rate)) * 0.7:
            self._rate = min(rate, self._ceiling)
        return self._rate
