"""Keeps an account's quota: requests in flight, requests or records per window, and "not before".

One `Pacer` belongs to one account and one allowance, and is shared by every client of that account in
the loop. Its promise: in no window of the quota's length does the vendor *receive* more requests, or
records, than the quota allows. It is kept by tickets that come back one window after their answer, because
a request has reached the vendor before its answer is here; `aiolimiter` in front of them only smooths the
flow. The pacer never sends, retries or judges anything.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError, LimitReached
from netaudience.limits import Quota, Window

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Pacer", "pacer_for"]

#: The smoothing lets a burst of this share of a window through, so that a late timer is made up for.
_BURST = 0.05
#: The seconds of a window that smoothing leaves free, for the time that the answers take.
_SLACK = 0.5
#: A longer window is not smoothed: who has a day's allowance may use it at once.
_LONGEST_SMOOTHED = 60.0
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
        self._windows = [_Allowance(window, adapts=quota.ceiling is not None) for window in quota.windows]
        self._not_before = 0.0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._wake_up: asyncio.Future[None] | None = None
        self._adapt = (
            None if quota.ceiling is None else _Adaptation(quota.windows[0].most, quota.ceiling.value)
        )

    def __repr__(self) -> str:
        rates = ", ".join(f"{allowance.rate:g} {allowance.window.unit}" for allowance in self._windows)
        return f"<Pacer {self.quota.name}: {rates or 'no rate'}, {self.in_flight} of {self._most} in flight>"

    @property
    def rate(self) -> float:
        """What the first window lets through at this moment; infinite where nothing limits it."""
        return self._windows[0].rate if self._windows else math.inf

    @property
    def idle(self) -> bool:
        """True where forgetting this pacer could break no promise."""
        now = asyncio.get_running_loop().time()
        return (
            not self.users
            and not self.in_flight
            and not self._waiters
            and self._not_before <= now
            and all(allowance.untouched(now) for allowance in self._windows)
        )

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
            allowance = self._windows[0]
            now = asyncio.get_running_loop().time()
            self._set_rate(allowance, self._adapt.succeeded(now, allowance.window.per))

    def throttled(self) -> None:
        """Take note that the vendor asked us to slow down."""
        now = asyncio.get_running_loop().time()
        if not self.throttles_in_a_row:
            self.throttled_since = now
        # What was out already when the pause began is no further sign: it makes no longer pause.
        if now >= self._not_before:
            self.throttles_in_a_row += 1
        if self._adapt is not None:
            allowance = self._windows[0]
            self._set_rate(allowance, self._adapt.throttled(now, allowance.window.per))

    async def acquire(self, records: int = 1, *, patience: float = math.inf) -> None:
        """Wait for the quota. Every acquire that returns must be answered by a `release` of as much.

        Args:
            records: How many records the request carries.
            patience: The longest wait for a window, in seconds, that makes sense.

        Raises:
            LimitReached: a window has no room for longer than that.
        """
        loop = asyncio.get_running_loop()
        flows = not self._waiters and all(window.flows(records) for window in self._windows)
        if flows and self._take(loop.time(), records):
            for window in self._windows:
                await window.smooth(records)  # has the capacity, so it does not wait
        else:
            await self._queue(loop, records, patience)

    def release(self, records: int = 1) -> None:
        """Give the slot back: the answer is here, or there will be none."""
        self.in_flight -= 1
        if self._windows:
            now = asyncio.get_running_loop().time()
            for window in self._windows:
                window.answered(now, records)
        if self._waiters:
            self._wake()

    async def _queue(self, loop: asyncio.AbstractEventLoop, records: int, patience: float) -> None:
        """Wait behind those who came first; only the first in the queue looks at the clock.

        A thousand waiters at the limiter would cost as much as a request each time one of them passes.
        """
        turn: asyncio.Future[None] = loop.create_future()
        waiters = self._waiters
        waiters.append(turn)
        try:
            if waiters[0] is not turn:
                await turn
            for window in self._windows:
                await window.smooth(records)
            while not self._take(loop.time(), records):
                await self._change(loop, records, patience)
        finally:
            # Where several are cancelled at once, the first has taken the others out already.
            if waiters and waiters[0] is turn:
                waiters.popleft()
                while waiters and waiters[0].cancelled():
                    waiters.popleft()
                if waiters and not waiters[0].done():
                    waiters[0].set_result(None)

    def _take(self, now: float, records: int) -> bool:
        """Take a slot, and the tickets of every window, if all are there."""
        if self.in_flight >= self._most or now < self._not_before:
            return False
        windows = self._windows
        for window in windows:
            if not window.has(now, records):
                return False
        for window in windows:
            window.take(now, records)
        self.in_flight += 1
        return True

    async def _change(self, loop: asyncio.AbstractEventLoop, records: int, patience: float) -> None:
        """Sleep until something may have changed: a ticket, a slot, the end of a pause.

        Raises:
            LimitReached: a window has no room for longer than the patience.
        """
        now = loop.time()
        until = math.inf
        if now < self._not_before:
            until = self._not_before
        elif self.in_flight < self._most:
            full = [window for window in self._windows if not window.has(now, records)]
            if not full:
                return  # the clock has moved on since it was last looked at: nothing is left to wait for
            for window in full:
                until = min(until, self._room_at(window, now, records, patience))
        self._wake_up = loop.create_future()
        timer = None if math.isinf(until) else loop.call_at(until, self._wake)
        try:
            await self._wake_up
        finally:
            self._wake_up = None
            if timer is not None:
                timer.cancel()

    def _room_at(self, window: _Allowance, now: float, records: int, patience: float) -> float:
        """Return when a window that is full has room again; infinite where that is not known."""
        at = window.room_at(records)
        # What is still out gives its tickets back a whole window after its answer.
        wait = (now + window.window.per if math.isinf(at) else at) - now
        if wait > patience:
            raise LimitReached(
                f"The limit of {window.window.figure.value:,.0f} {window.window.unit} of the quota "
                f"{self.quota.name!r} is used up: there is room again in {_span(wait)}. "
                "Nothing of this request was sent: send the rest then",
                wait,
            )
        return at

    def _wake(self) -> None:
        if self._wake_up is not None and not self._wake_up.done():
            self._wake_up.set_result(None)

    def _set_rate(self, allowance: _Allowance, rate: float) -> None:
        if rate != allowance.rate:
            allowance.set_rate(rate)
            self._wake()


class _Allowance:
    """One window of a quota: its tickets, those that are on their way back, and the smoothing."""

    __slots__ = ("_adapts", "_limiter", "_returning", "_seconds", "_tickets", "_whole", "rate", "window")

    def __init__(self, window: Window, *, adapts: bool) -> None:
        self.window = window
        #: How many pass in a window at this moment.
        self.rate = window.most
        self._adapts = adapts
        #: Whole tickets, and the seconds for which each is away: a share of a ticket is told by time.
        self._whole, self._seconds = self._whole_tickets()
        self._tickets = self._whole
        self._returning: deque[tuple[float, int]] = deque()
        self._limiter = self._smoothing()

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

    def has(self, now: float, records: int) -> bool:
        """Return whether there are tickets."""
        weight = self._weight(records)
        if self._tickets < weight:
            self._collect(now)
        return self._tickets >= weight

    def take(self, now: float, records: int) -> None:
        """Take the tickets."""
        weight = self._weight(records)
        self._tickets -= weight
        if self._adapts:
            # An adaptive rate is our guess: there is no window to guarantee, and waiting for the
            # answer would cost a share of the rate.
            self._returning.append((now + self._seconds, weight))

    def answered(self, now: float, records: int) -> None:
        """Send the tickets of an answered request on their way back."""
        if not self._adapts:
            self._returning.append((now + self._seconds, self._weight(records)))

    def room_at(self, records: int) -> float:
        """Return when enough tickets are back; infinite where that needs an answer first."""
        missing = self._weight(records) - self._tickets
        for at, weight in self._returning:
            missing -= weight
            if missing <= 0:
                return at
        return math.inf

    def untouched(self, now: float) -> bool:
        """Return whether no ticket is away."""
        self._collect(now)
        return not self._returning

    def set_rate(self, rate: float) -> None:
        """Let more, or less, through from now on."""
        before = self._whole
        self.rate = rate
        self._whole, self._seconds = self._whole_tickets()
        self._tickets += self._whole - before
        self._limiter = self._smoothing()

    def _weight(self, records: int) -> int:
        # More than a window takes at all goes alone in one; the client packs no such request.
        return 1 if self.window.counts == "requests" else min(records, self._whole)

    def _collect(self, now: float) -> None:
        """Take back the tickets whose window has passed."""
        returning = self._returning
        while returning and returning[0][0] <= now:
            self._tickets += returning.popleft()[1]

    def _whole_tickets(self) -> tuple[int, float]:
        whole = max(1, math.ceil(self.rate - 1e-9))
        return whole, self.window.per * whole / self.rate

    def _smoothing(self) -> AsyncLimiter | None:
        per = self.window.per
        if per > _LONGEST_SMOOTHED:
            return None
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - costs a program's start

        # The tickets hold a known limit: in front of them it is enough to spread a window's requests,
        # and spreading them over all of it would lose the time that the answers take.
        rate = self.rate * (1.0 if self._adapts else 1.0 + _SLACK / per)
        burst = max(2.0, rate * _BURST)
        return AsyncLimiter(burst, burst * per / rate)


def _span(seconds: float) -> str:
    """Return a span of time as people say it."""
    for length, name in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * length:
            return f"{math.ceil(seconds / length):,} {name}"
    return f"{math.ceil(seconds):,} seconds"


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


_pacers: dict[asyncio.AbstractEventLoop, dict[tuple[str, str], Pacer]] = {}


def pacer_for(account: str, quota: Quota) -> Pacer:
    """Return the pacer of an account's quota in the running loop, the same one for every client.

    Raises:
        ConfigurationError: another client of the account uses the quota with other figures.
    """
    loop = asyncio.get_running_loop()
    here = _pacers.get(loop)
    if here is None:
        # A pacer's limiter holds on to its loop, so a weak reference alone would keep them both.
        for ended in [known for known in list(_pacers) if known.is_closed()]:
            _pacers.pop(ended, None)
        here = _pacers[loop] = {}
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
