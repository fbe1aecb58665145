"""The sandbox's clock, which runs with real time or with a test's and can be advanced, and what waits for it.

Vendors accept first and work later; an effect is run when its vendor's delay has passed, in the order
of acceptance. Nothing here ever waits itself, and the clock never goes back.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TypeAlias

from netaudience.sandbox.protocol import SandboxUsageError

Effect: TypeAlias = Callable[[], None]


class Clock:
    """Seconds since the sandbox was made, and as many more as it was advanced.

    `monotonic` and `wall` tell the time: real time, unless a loop with a clock of its own does.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._started = monotonic()
        self.advanced = 0.0

    def now(self) -> float:
        """Seconds since the sandbox was made."""
        return self._monotonic() - self._started + self.advanced

    def wall(self) -> float:
        """The same moment in seconds since 1970."""
        return self._wall() + self.advanced

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once; raises `ValueError` for a time that cannot pass."""
        _check(seconds, "The clock is advanced by")
        self.advanced += seconds


class Effects:
    """What was accepted and does not show yet, by vendor."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delay: dict[str, float] = {}
        #: By vendor, and apart what a vendor does in the background, later than everything else.
        self._waiting: defaultdict[tuple[str, float], deque[tuple[float, Effect]]] = defaultdict(deque)

    @property
    def delay(self) -> Mapping[str, float]:
        """Seconds until an accepted change shows, by vendor; it shows at once where none is given."""
        return self._delay

    def set_delay(self, vendor: str, seconds: float) -> None:
        """Delay what is accepted from now on; raises `ValueError` for a time that cannot pass."""
        _check(seconds, "A delay is")
        self._delay[vendor] = seconds

    def accept(self, vendor: str, effect: Effect, later: float = 0.0) -> None:
        """Run an effect when its time has come and everything accepted before it has been run.

        What the vendor does `later`, seconds after its delay, waits for nothing but its like.
        """
        delay = self._delay.get(vendor, 0.0) + later
        waiting = self._waiting[vendor, later]
        if not delay and not waiting:
            effect()
            return
        due = self._clock.now() + delay
        waiting.append((max(due, waiting[-1][0]) if waiting else due, effect))

    def settle(self) -> None:
        """Run the effects whose time has come."""
        now = self._clock.now()
        for waiting in self._waiting.values():
            while waiting and waiting[0][0] <= now:
                waiting.popleft()[1]()

    def pending(self, vendor: str) -> int:
        """How many effects of a vendor wait."""
        return sum(len(waiting) for (name, _), waiting in self._waiting.items() if name == vendor)

    def clear(self) -> None:
        """Forget the effects that wait."""
        self._waiting.clear()


def _check(seconds: float, words: str) -> None:
    if not (isfinite(seconds) and seconds >= 0):
        raise SandboxUsageError(f"{words} a finite number of seconds, zero or more, not {seconds}.")
