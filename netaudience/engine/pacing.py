"""Keeps an account's quota: requests in flight, requests per window, and "not before".

One `Pacer` belongs to one account and one allowance, and is shared by every client of that account in
the loop. Its promise: in no window of the quota's length does the vendor *receive* more requests than
the quota allows. It is kept by tickets that come back one window after their answer, because a request
has reached the vendor before its answer is here; `aiolimiter` in front of them only smooths the flow.
The pacer never sends, retries or judges anything.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from netaudience.errors import ConfigurationError
from netaudience.limits import Quota

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Pacer", "pacer_for"]

#: The smoothing lets a burst of this share of a window through, so that a late timer is made up for.
_BURST = 0.05
#: How much faster than the limit a window's requests may leave.
_SPREAD = 1.5
#: An adaptive rate never falls below this many requests per window.
_SLOWEST = 0.25
#: After a throttle the rate returns to this share of what the vendor took before it.
_AIM = 0.97
#: Windows in which the rate returns from a half to its aim.
_RECOVERY = 2
#: Windows after a throttle before the rate feels its way further up.
_PLATEAU = 30


class Pacer:
    """The turnstile of one account's quota. Waiters pass in the order in which they came."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        #: How many clients hold on to this pacer.
        self.users = 0
        #: Requests that are out and not yet answered.
        self.in_flight = 0
        #: Throttles in a row without an answer that was none, and when the first of them came.
        self.throttles_in_a_row = 0
        self.throttled_since = 0.0
        #: Counts the answers that were no throttle and no outage: "is the vendor there at all?".
        self.successes = 0
        self._most = int(quota.in_flight)
        self._per = quota.per
        self._rate = math.inf if quota.rate is None else quota.rate.value
        self._tickets = self._whole_tickets()
        self._returning: deque[float] = deque()
        self._smooth = self._smoothing()
        self._not_before = 0.0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._wake_up: asyncio.Future[None] | None = None
        self._adapt = None if quota.ceiling is None else _Adaptation(self._rate, quota.ceiling.value)

    def __repr__(self) -> str:
        rate = "no rate" if math.isinf(self._rate) else f"{self._rate:g} per {self._per:g} s"
        return f"<Pacer {self.quota.name}: {rate}, {self.in_flight} of {self._most} in flight>"

    @property
    def rate(self) -> float:
        """Requests per window at this moment; infinite where nothing limits them."""
        return self._rate

    @property
    def idle(self) -> bool:
        """True where forgetting this pacer could break no promise."""
        loop = asyncio.get_running_loop()
        self._collect(loop.time())
        return (
            not self.users
            and not self.in_flight
            and not self._returning
            and not self._waiters
            and self._not_before <= loop.time()
        )

    async def __aenter__(self) -> None:
        """Wait for a slot in which one request may be out: ``async with pacer: ...``."""
        await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the slot back."""
        self.release()

    def pause(self, seconds: float) -> None:
        """Let nothing out before so many seconds have passed."""
        loop = asyncio.get_running_loop()
        self._not_before = max(self._not_before, loop.time() + seconds)
        self._wake()

    def succeeded(self) -> None:
        """Take note of an answer that was neither a throttle nor an outage."""
        self.successes += 1
        self.throttles_in_a_row = 0
        if self._adapt is not None:
            self._set_rate(self._adapt.succeeded(asyncio.get_running_loop().time(), self._per))

    def throttled(self) -> None:
        """Take note that the vendor asked us to slow down."""
        now = asyncio.get_running_loop().time()
        if not self.throttles_in_a_row:
            self.throttled_since = now
        # What was out already when the pause began is no further sign: it makes no longer pause.
        if now >= self._not_before:
            self.throttles_in_a_row += 1
        if self._adapt is not None:
            self._set_rate(self._adapt.throttled(now, self._per))

    async def acquire(self) -> None:
        """Wait for the quota. Every acquire that returns must be answered by a `release`."""
        loop = asyncio.get_running_loop()
        smooth = self._smooth
        if self._waiters or (smooth is not None and not smooth.has_capacity()) or not self._take(loop.time()):
            await self._queue(loop)
        elif smooth is not None:
            await smooth.acquire()  # has the capacity, so it does not wait

    def release(self) -> None:
        """Give the slot back: the answer is here, or there will be none."""
        self.in_flight -= 1
        if self._tickets is not None and self._adapt is None:
            self._returning.append(asyncio.get_running_loop().time() + self._per)
        if self._waiters:
            self._wake()

    async def _queue(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait behind those who came first; only the first in the queue looks at the clock.

        A thousand waiters at the limiter would cost as much as a request each time one of them passes.
        """
        turn: asyncio.Future[None] = loop.create_future()
        waiters = self._waiters
        waiters.append(turn)
        try:
            if waiters[0] is not turn:
                await turn
            if self._smooth is not None:
                await self._smooth.acquire()
            while not self._take(loop.time()):
                await self._change(loop)
        finally:
            if waiters[0] is turn:
                waiters.popleft()
                while waiters and waiters[0].cancelled():
                    waiters.popleft()
                if waiters and not waiters[0].done():
                    waiters[0].set_result(None)

    def _take(self, now: float) -> bool:
        """Take a slot and a ticket if both are there."""
        if self.in_flight >= self._most or now < self._not_before:
            return False
        if self._tickets is not None:
            if self._tickets <= 0:
                self._collect(now)
                if self._tickets <= 0:
                    return False
            self._tickets -= 1
            if self._adapt is not None:
                # An adaptive rate is our guess: there is no window to guarantee, and waiting for the
                # answer would cost a share of the rate.
                self._returning.append(now + self._per)
        self.in_flight += 1
        return True

    def _collect(self, now: float) -> None:
        """Take back the tickets whose window has passed."""
        returning = self._returning
        while returning and returning[0] <= now:
            returning.popleft()
            if self._tickets is not None:
                self._tickets += 1

    async def _change(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sleep until something may have changed: a ticket, a slot, the end of a pause."""
        now = loop.time()
        until = math.inf
        if now < self._not_before:
            until = self._not_before
        elif self.in_flight < self._most and self._returning:
            until = self._returning[0]
        self._wake_up = loop.create_future()
        timer = None if math.isinf(until) else loop.call_at(until, self._wake)
        try:
            await self._wake_up
        finally:
            self._wake_up = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._wake_up is not None and not self._wake_up.done():
            self._wake_up.set_result(None)

    def _whole_tickets(self) -> int | None:
        return None if math.isinf(self._rate) else max(1, int(self._rate))

    def _smoothing(self) -> AsyncLimiter | None:
        if math.isinf(self._rate):
            return None
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - costs a program's start

        # The tickets hold a known limit: in front of them it is enough to spread a window's requests,
        # and spreading them over all of it would lose the time that the answers take.
        rate = self._rate * (_SPREAD if self.quota.ceiling is None else 1.0)
        burst = max(2.0, rate * _BURST)
        return AsyncLimiter(burst, burst * self._per / rate)

    def _set_rate(self, rate: float) -> None:
        if rate == self._rate:
            return
        before = self._whole_tickets() or 0
        self._rate = rate
        if self._tickets is not None:
            self._tickets += (self._whole_tickets() or 0) - before
        self._smooth = self._smoothing()
        self._wake()


class _Adaptation:
    """Finds an undocumented rate: halves on a throttle, returns to what was taken, then feels further."""

    def __init__(self, start: float, ceiling: float) -> None:
        self._rate = min(start, ceiling)
        self._ceiling = ceiling
        #: The rate to return to after a throttle; none yet.
        self._aim = math.inf
        self._changed = -math.inf
        self._halved = -math.inf
        self._taken: deque[float] = deque()

    def throttled(self, now: float, per: float) -> float:
        # Answers to what was already out when the rate fell say nothing about the new rate.
        if now - self._halved >= per:
            self._forget(now - per)
            # What the vendor took in the last window is the best estimate of what it takes.
            self._aim = _AIM * max(len(self._taken), self._rate / 2)
            self._rate = max(_SLOWEST, self._rate / 2)
            self._halved = self._changed = now
        return self._rate

    def succeeded(self, now: float, per: float) -> float:
        self._taken.append(now)
        if now - self._changed < per:
            return self._rate
        self._forget(now - per)
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
        if len(self._taken) >= self._rate * 0.7:
            self._rate = min(rate, self._ceiling)
        return self._rate

    def _forget(self, before: float) -> None:
        while self._taken and self._taken[0] <= before:
            self._taken.popleft()


_pacers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Pacer]] = WeakKeyDictionary()


def pacer_for(account: str, quota: Quota) -> Pacer:
    """Return the pacer of an account's quota in the running loop, the same one for every client.

    Raises:
        ConfigurationError: another client of the account uses the quota with other figures.
    """
    loop = asyncio.get_running_loop()
    here = _pacers.setdefault(loop, {})
    pacer = here.get((account, quota.name))
    if pacer is None:
        # Many tenants in one process: forget those who left and owe nothing.
        for key in [key for key, known in here.items() if known.idle]:
            del here[key]
        pacer = here[account, quota.name] = Pacer(quota)
    elif pacer.quota != quota:
        if not pacer.idle:
            raise ConfigurationError(
                f"Two clients of one account ask for different figures of the quota {quota.name!r}: "
                "give both the same settings, for the vendor counts them together"
            )
        pacer = here[account, quota.name] = Pacer(quota)
    pacer.users += 1
    return pacer
