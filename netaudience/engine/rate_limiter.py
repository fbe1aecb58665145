"""Keeps an account's quota: requests in flight, requests or records per window, and "not before".

One `RateLimiter` belongs to one account and one allowance, and is shared by every client of that account in
the loop. Its promise: in no window of the quota's length does the vendor *receive* more requests, or
records, than the quota allows. It is kept by tickets that come back one window after their answer, because
a request has reached the vendor before its answer is here (`quota_window.py`); one that is given up
before its answer may still be on its way, and counts as long as it may be. It never sends, retries or judges.

There are two lanes. Who is urgent goes before all bulk, and may use the share of the quota that bulk leaves
free (`Quota.reserve`). Bulk is not starved: a bulk request that ten urgent ones have gone past is next, and
for this once needs the reserve no more, so that of what passes one in eleven is bulk, however much is urgent.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice

from netaudience.engine.adaptive_rate import AdaptiveRate
from netaudience.engine.lent_tickets import LentTickets
from netaudience.engine.quota_window import QuotaWindow
from netaudience.engine.shared_quota import SharedQuotas
from netaudience.engine.tickets import Tickets
from netaudience.errors import CircuitOpen, ConfigurationError, DeadlineExceeded, LimitReached
from netaudience.model.limits import Quota

#: This many rate limiters are kept whether anybody needs them or not.
_FEW = 64
#: This many urgent requests go past a bulk one that waits, and no more.
_MOST_PASSING = 10
#: Who shares a quota tells of at most this many that wait, and what is lent them, and no more.
_MOST_TOLD = 256


class _Lane:
    """Those who wait, in the order in which they came; only the first of them looks at the clock."""

    __slots__ = ("urgent", "waiters", "wake_up")

    def __init__(self, *, urgent: bool) -> None:
        self.urgent = urgent
        #: Who leaves is gone at once, wherever in the line: those behind a long pause may be many.
        #: Each with the records of its request.
        self.waiters: OrderedDict[asyncio.Future[None], int] = OrderedDict()
        #: Where the first one sleeps.
        self.wake_up: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.wake_up is not None and not self.wake_up.done():
            self.wake_up.set_result(None)


class RateLimiter:
    """The turnstile of one account's quota. Waiters of one lane pass in the order in which they came."""

    def __init__(self, quota: Quota, quotas: SharedQuotas | None = None, account: str = "") -> None:
        self.quota = quota
        #: Where processes share it; None where this one is alone.
        self.quotas = quotas
        #: How many clients hold on to this rate limiter.
        self.users = 0
        #: Requests that are out and not yet answered.
        self.in_flight = 0
        #: Throttles in a row without an answer that was none, and when the first of them came.
        self.throttles_in_a_row = 0
        self.throttled_since = 0.0
        #: Counts the answers that were no throttle and no outage: "is the vendor there at all?".
        self.successes = 0
        self._most = int(quota.in_flight)
        self._most_bulk = self._most - quota.spare(self._most)
        #: What is kept free for the urgent is there for bursts: they are not spread then.
        self._bursts = quota.reserve > 0
        self._shared = (
            None
            if quotas is None
            else LentTickets(quota, quotas, f"{account}/{quota.name}", self._waiting, self._heard)
        )
        self._windows: Sequence[Tickets] = (
            [QuotaWindow(window, quota) for window in quota.windows]
            if self._shared is None
            else [self._shared]
        )
        self._not_before = 0.0
        self._urgent = _Lane(urgent=True)
        self._bulk = _Lane(urgent=False)
        #: Urgent requests that have gone past the first bulk one that waits.
        self._passed_by = 0
        #: How often all who were urgent were sent away.
        self._dismissals = 0
        self._adapt = (
            None
            if quota.ceiling is None or quotas is not None
            else AdaptiveRate(quota.windows[0].most, quota.ceiling.value)
        )

    def __repr__(self) -> str:
        rates = ", ".join(f"{allowance.window.at(allowance.rate)}" for allowance in self._windows)
        busy = f"{self.in_flight} of {self._most} in flight"
        return f"<RateLimiter {self.quota.name}: {rates or 'no rate'}, {busy}>"

    @property
    def rate(self) -> float:
        """What the first window lets through at this moment; infinite where nothing limits it."""
        return self._windows[0].rate if self._windows else math.inf

    @property
    def idle(self) -> bool:
        """True where forgetting this rate limiter could break no promise."""
        now = asyncio.get_running_loop().time()
        return (
            not self.users
            and not self.in_flight
            and not self._urgent.waiters
            and not self._bulk.waiters
            and self._not_before <= now
            and not any(window.away(now) for window in self._windows)
        )

    def pause(self, seconds: float) -> None:
        """Let nothing out for a number of seconds."""
        loop = asyncio.get_running_loop()
        self._not_before = max(self._not_before, loop.time() + seconds)
        if self._shared is not None:
            self._shared.paused(seconds)
        # Both: who has not so much time fails at once.
        self._urgent.wake()
        self._bulk.wake()

    def succeeded(self) -> None:
        """Take note of an answer that was neither a throttle nor an outage."""
        self.successes += 1
        self.throttles_in_a_row = 0
        if self._adapt is not None:
            now = asyncio.get_running_loop().time()
            self._set_rate(self._adapt.succeeded(now, *self._let_out(now)))
        elif self._shared is not None:
            self._shared.succeeded()

    def throttled(self) -> None:
        """Take note that the vendor asked us to slow down."""
        now = asyncio.get_running_loop().time()
        if not self.throttles_in_a_row:
            self.throttled_since = now
        # What was out already when the pause began is no further sign: it makes no longer pause.
        if now >= self._not_before:
            self.throttles_in_a_row += 1
        if self._adapt is not None:
            self._set_rate(self._adapt.throttled(now, *self._let_out(now)))
        elif self._shared is not None:
            self._shared.throttled()

    def enter(self, now: float, records: int = 1, *, urgent: bool, deadline: float) -> bool:
        """Take what a request needs, where it is there at once and nothing is to be smoothed.

        It saves the common request the coroutines of `acquire` (benchmark P2); a `release` of as much must
        follow too.
        """
        if now >= deadline:
            return False
        if self._windows:
            return urgent and self._bursts and self._at_once(now, records, urgent)
        if self._urgent.waiters or self._bulk.waiters:
            return self._at_once(now, records, urgent)
        return self._take(now, records, keep=not urgent)

    async def acquire(
        self,
        records: int = 1,
        *,
        patience: float = math.inf,
        urgent: bool = False,
        deadline: float = math.inf,
    ) -> None:
        """Wait for the quota. Every acquire that returns must be answered by a `release` of as much.

        Args:
            records: How many records the request carries.
            patience: The longest wait for a window, in seconds, that makes sense.
            urgent: Whether it goes before bulk, and may use what bulk leaves free.
            deadline: The moment on the loop's clock after which it is no use.

        Raises:
            LimitReached: a window has no room for longer than the patience.
            DeadlineExceeded: there is no room before the deadline; told as soon as that is known.
            CircuitOpen: it is urgent, and `dismiss` was called while it waited.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < deadline and self._at_once(now, records, urgent):
            if not (urgent and self._bursts):
                for window in self._windows:
                    await window.smooth(records)  # has the capacity, so it does not wait
            return
        lane = self._urgent if urgent else self._bulk
        if math.isinf(deadline):
            await self._queue(loop, lane, records, patience, deadline)
            return
        if now >= deadline:
            raise self._too_late()
        self._room_at(now, lane, records, patience, deadline)  # who comes too late anyway does not wait
        try:
            async with asyncio.timeout_at(deadline):
                await self._queue(loop, lane, records, patience, deadline)
        except TimeoutError:
            raise self._too_late() from None

    def release(self, records: int = 1, *, unused: bool = False, arrives_by: float = 0.0) -> None:
        """Give the slot back: the answer is here, or there will be none; or it was not used after all.

        Args:
            records: How many records the request carried.
            unused: Whether it was not sent.
            arrives_by: The moment up to which one that was given up may still reach the vendor, and counts.
        """
        self.in_flight -= 1
        if self._windows:
            now = asyncio.get_running_loop().time()
            for window in self._windows:
                window.answered(now, records, unused=unused, arrives_by=arrives_by)
        if self._bulk.waiters or self._urgent.waiters:
            self._next().wake()

    async def aclose(self) -> None:
        """Give back what other processes may use, where nobody needs this rate limiter any more."""
        if self._shared is not None and not self.users:
            await self._shared.aclose()

    def dismiss(self) -> None:
        """Send away all who are urgent and wait: the vendor is down, and nobody waits for that."""
        self._dismissals += 1
        for turn in list(self._urgent.waiters)[1:]:
            if not turn.done():
                turn.set_exception(_dismissed())
        # The first one has had its turn, and may be awake already, or at the smoothing: it looks itself.
        self._urgent.wake()

    def _at_once(self, now: float, records: int, urgent: bool) -> bool:  # noqa: FBT001 - once per request
        """Take what a request needs if it is all there, and nobody is to go first."""
        bulk = self._bulk.waiters
        if self._urgent.waiters or (bulk and (not urgent or self._passed_by >= _MOST_PASSING)):
            return False
        if not (urgent and self._bursts):
            for window in self._windows:
                if not window.flows(records):
                    return False
        if not self._take(now, records, keep=not urgent):
            return False
        if bulk:
            self._passed_by += 1
        return True

    async def _queue(
        self, loop: asyncio.AbstractEventLoop, lane: _Lane, records: int, patience: float, deadline: float
    ) -> None:
        """Wait behind those who came first; only the first in a lane looks at the clock.

        A thousand waiters at the limiter would cost as much as a request each time one of them passes.
        """
        turn: asyncio.Future[None] = loop.create_future()
        waiters, dismissals = lane.waiters, self._dismissals
        waiters[turn] = records
        if self._shared is not None:
            self._shared.called()
        try:
            if next(iter(waiters)) is not turn:
                await turn
            if not (lane.urgent and self._bursts):
                for window in self._windows:
                    await window.smooth(records)
            while True:
                if lane.urgent and self._dismissals != dismissals:
                    raise _dismissed()
                if self._next() is lane and self._take(loop.time(), records, keep=self._keeps(lane)):
                    break
                await self._change(loop, lane, records, patience, deadline)
            if not lane.urgent:
                self._passed_by = 0
            elif self._bulk.waiters:
                self._passed_by += 1
        finally:
            self._leave(lane, turn)

    def _leave(self, lane: _Lane, turn: asyncio.Future[None]) -> None:
        """Leave a lane, passed or not, and let those go on for whom that makes a difference."""
        waiters = lane.waiters
        was_first = next(iter(waiters)) is turn
        del waiters[turn]
        if not self._bulk.waiters:
            self._passed_by = 0
        if not was_first:
            return
        if waiters:
            first = next(iter(waiters))
            # One that is cancelled, or told that it is too late, leaves in its turn and hands on.
            if not first.done():
                first.set_result(None)
        self._next().wake()  # the first of the other lane, perhaps

    def _next(self) -> _Lane:
        """Return the lane whose first waiter is to pass before any other."""
        if self._urgent.waiters and not (self._bulk.waiters and self._passed_by >= _MOST_PASSING):
            return self._urgent
        return self._bulk

    def _keeps(self, lane: _Lane) -> bool:
        """Return whether the first waiter of a lane leaves the reserve free."""
        return not lane.urgent and self._passed_by < _MOST_PASSING

    def _take(self, now: float, records: int, *, keep: bool) -> bool:
        """Take a slot, and the tickets of every window, if all are there, the reserve kept free or not."""
        if self.in_flight >= (self._most_bulk if keep else self._most) or now < self._not_before:
            return False
        windows = self._windows
        for window in windows:
            if not window.has(now, records, keep=keep):
                return False
        for window in windows:
            window.take(records)
        self.in_flight += 1
        return True

    async def _change(
        self, loop: asyncio.AbstractEventLoop, lane: _Lane, records: int, patience: float, deadline: float
    ) -> None:
        """Sleep until something may have changed: a ticket, a slot, the end of a pause, whose turn it is.

        Raises:
            LimitReached: a window has no room for longer than the patience.
            DeadlineExceeded: there is no room before the deadline.
        """
        now = loop.time()
        until = self._room_at(now, lane, records, patience, deadline)
        if until <= now:
            return  # the clock has moved on since it was last looked at: nothing is left to wait for
        lane.wake_up = loop.create_future()
        timer = None if math.isinf(until) else loop.call_at(until, lane.wake)
        try:
            await lane.wake_up
        finally:
            lane.wake_up = None
            if timer is not None:
                timer.cancel()

    def _room_at(self, now: float, lane: _Lane, records: int, patience: float, deadline: float) -> float:
        """Return when to look again: now, at a moment that is known, or never without being woken.

        Raises:
            LimitReached: a window has no room for longer than the patience.
            DeadlineExceeded: there is no room before the deadline.
        """
        if now < self._not_before:
            if self._not_before > deadline:
                raise self._too_late(self._not_before - now)
            return self._not_before
        if lane.waiters and self._next() is not lane:
            return math.inf
        keep = self._keeps(lane)
        if self.in_flight >= (self._most_bulk if keep else self._most):
            return math.inf
        full = [window for window in self._windows if not window.has(now, records, keep=keep)]
        until = math.inf if full else now
        for window in full:
            at = window.room_at(records, keep=keep)
            # What is still out gives its tickets back a whole window after its answer.
            wait = (now + window.returns if math.isinf(at) else at) - now
            if wait > patience:
                raise self._used_up(window, wait, keep=keep)
            if now + wait > deadline:
                raise self._too_late(wait)
            until = min(until, at)
        return until

    def _used_up(self, window: Tickets, wait: float, *, keep: bool) -> LimitReached:
        kept = ", but for the share that is reserved for single calls" if keep and window.spare else ""
        return LimitReached(
            f"The limit of {window.window.at(window.window.figure.value)} of the quota "
            f"{self.quota.name!r} is used up{kept}: there is room again in {_span(wait)}. "
            "Nothing of this request was sent: send the rest then",
            wait,
        )

    def _too_late(self, wait: float | None = None) -> DeadlineExceeded:
        if wait is None:
            what = f"The deadline came while the request waited for the quota {self.quota.name!r}"
        else:
            name = self.quota.name
            what = f"The quota {name!r} has no room for another {_span(wait)}, and the deadline is earlier"
        return DeadlineExceeded(
            f"{what}. Nothing of this request was sent: send it later, or give it more time", wait
        )

    def _let_out(self, now: float) -> tuple[float, int]:
        """Return the seconds of the window that adapts, and how many of its tickets are away."""
        window = self._windows[0]
        return window.window.per, window.away(now)

    def _set_rate(self, rate: float) -> None:
        window = self._windows[0]
        if rate != window.rate and isinstance(window, QuotaWindow):
            window.set_rate(rate)
            self._next().wake()

    def _waiting(self) -> tuple[list[int], list[int]]:
        """Return the records of those who wait first, the urgent and the bulk ones."""
        urgent, bulk = self._urgent.waiters, self._bulk.waiters
        return list(islice(urgent.values(), _MOST_TOLD)), list(islice(bulk.values(), _MOST_TOLD))

    def _heard(self, not_before: float | None) -> None:
        """Go on with what the store of a shared quota lent, after a pause that any process was told."""
        if not_before is not None:
            self._not_before = not_before
        self._urgent.wake()
        self._bulk.wake()


def _dismissed() -> CircuitOpen:
    return CircuitOpen("The vendor is down since the request waits. Nothing of it was sent: send it later")


def _span(seconds: float) -> str:
    """Return a span of time as people say it."""
    if seconds < 2:
        return f"{seconds:.2g} seconds"
    for length, name in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * length:
            return f"{math.ceil(seconds / length):,} {name}"
    return f"{math.ceil(seconds):,} seconds"


class _Pacers:
    """The rate limiters of one event loop, by account and quota."""

    __slots__ = ("by_name", "sweep_at")

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], RateLimiter] = {}
        #: How many there may be before those are forgotten that nobody needs.
        self.sweep_at = _FEW

    def make(self, name: tuple[str, str], quota: Quota, quotas: SharedQuotas | None) -> RateLimiter:
        """Make one; where there are many, forget those that owe nothing and whose users have left."""
        if len(self.by_name) >= self.sweep_at:
            for known in [known for known, limiter in self.by_name.items() if limiter.idle]:
                del self.by_name[known]
            # Not before there are twice as many: many tenants would all be looked at for each new one.
            self.sweep_at = max(_FEW, 2 * len(self.by_name))
        limiter = self.by_name[name] = RateLimiter(quota, quotas, name[0])
        return limiter


_limiters: dict[asyncio.AbstractEventLoop, _Pacers] = {}


def rate_limiter_for(account: str, quota: Quota, quotas: SharedQuotas | None = None) -> RateLimiter:
    """Return the rate limiter of an account's quota in the running loop, the same one for every client.

    Raises:
        ConfigurationError: another client of the account uses the quota with other figures.
    """
    loop = asyncio.get_running_loop()
    here = _limiters.get(loop)
    if here is None:
        # A rate limiter's own limiter holds on to its loop, so a weak reference alone would keep them both.
        for ended in [known for known in list(_limiters) if known.is_closed()]:
            _limiters.pop(ended, None)
        here = _limiters[loop] = _Pacers()
    name = account, quota.name
    limiter = here.by_name.get(name)
    if limiter is None:
        limiter = here.make(name, quota, quotas)
    elif limiter.quota != quota or limiter.quotas != quotas:
        if not limiter.idle:
            raise ConfigurationError(
                f"Two clients of one account ask for different figures of the quota {quota.name!r}, or share "
                "it in different places: give both the same settings, for the vendor counts them together"
            )
        limiter = here.make(name, quota, quotas)
    limiter.users += 1
    return limiter
