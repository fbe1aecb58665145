"""The tickets and slots of a quota that processes share, as one of them is lent them.

It stands where `QuotaWindow` stands in a process that is alone, for all windows at once. What is lent comes
by an exchange with the store for several requests, and holds from moments that the store has told. A task
carries the exchanges on while anything is lent, wanted or to be told, and ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import Callable

from netaudience.engine.lone_share import LoneShare
from netaudience.engine.shared_quota import Ask, Reply, SharedQuotas
from netaudience.errors import ConfigurationError, QuotasLost
from netaudience.model.clock import clock
from netaudience.model.limits import Quota, Window, assumed

_log = logging.getLogger("netaudience.quotas")
#: Seconds within which those who wait are asked for together.
_TICK = 0.02
#: Seconds after which what nobody has use for is given back.
_IDLE = 0.05
#: The most waiters that are reported at once.
_MOST_TOLD = 64
#: An exchange brings about this many tickets, and permits are lent ahead for that long, in seconds.
_TICKETS = 6
_LEAST_AHEAD, _MOST_AHEAD = 0.05, 0.4
#: The longest wait before a store that cannot be reached is asked again.
_LONGEST_RETRY = 0.5
#: The longest pause after which it is asked whether there still is one.
_LONGEST_PAUSE = 1.0
#: The most moments of answers, not reported yet, that are kept apart.
_MOST_MOMENTS = 1000


class LentTickets:
    """What a process may take of a shared quota."""

    def __init__(
        self,
        quota: Quota,
        quotas: SharedQuotas,
        key: str,
        waiting: Callable[[], tuple[list[int], list[int]]],
        heard: Callable[[float | None], None],
    ) -> None:
        """Prepare; nothing is asked for before somebody waits.

        Args:
            quota: The quota.
            quotas: The store.
            key: The name of the account's quota in it.
            waiting: Returns the records of the urgent and the bulk requests that wait.
            heard: Called with the moment before which nobody may send, where an exchange has told it.
        """
        self.rate = quota.windows[0].most if quota.windows else math.inf
        self.spare = 0
        #: Nothing that is out here keeps the next from being lent: the store says when there is room.
        self.returns = 0.0
        self._quota, self._quotas, self._key = quota, quotas, key
        self._waiting, self._heard = waiting, heard
        self._windows = quota.windows or (Window(assumed(math.inf, "no rate")),)
        self._counted = len(quota.windows)
        self._id = f"{socket.gethostname()} {os.getpid()} {os.urandom(6).hex()}"
        self._epoch = ""
        #: Tickets that hold by now, by window, and permits that will: when, and for how many records.
        self._pool = [0] * self._counted
        self._permits = 0
        self._ahead: list[tuple[float, int]] = []
        #: Slots that are lent, requests that are out, and their tickets.
        self._slots = 0
        self._used = 0
        self._out = [0] * self._counted
        #: Until when it holds what it was lent, and for how long the machine had slept then.
        self._lease_until = -math.inf
        self._slept = 0.0
        self._answered: dict[float, list[int]] = {}
        #: Whether some of it was not used after all.
        self._unused = False
        self._successes = self._throttled = 0
        #: Until when nobody may send, where that is to be told.
        self._pause_until = 0.0
        #: What it sends with while the store is lost, where that is wanted.
        self._alone: LoneShare | None = None
        self._sharing = 0
        #: How many waited when it was asked last, and were given nothing; when it was, and when to ask again.
        self._known = (0, 0)
        self._asked_at = self._again_at = -math.inf
        #: Since when there is room again, where the store knows that; and the window that is full.
        self._room = math.inf
        self._full = 0
        self._horizon = _LEAST_AHEAD
        self._problem: ConfigurationError | None = None
        self._talk: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        # What is answered is reported soon enough for its ticket to be lent ahead.
        self._report_after = min([0.25, *(window.per / 4 for window in quota.windows)])

    @property
    def window(self) -> Window:
        """The window that is full."""
        return self._windows[self._full]

    def flows(self, records: int) -> bool:  # noqa: ARG002 - permits come smoothed
        """Return True: permits come with the moments at which they hold."""
        return True

    async def smooth(self, records: int) -> None:
        """Wait for nothing."""

    def has(self, now: float, records: int, *, keep: bool) -> bool:
        """Return whether what a request needs is lent by now."""
        if self._problem is not None:
            raise self._problem
        if self._alone is not None:
            return self._alone.has(now, records, keep=keep)
        if self._passed(now) or self._used >= self._slots:
            return False
        if not self._counted:
            return self._used < self._fair()
        while self._ahead and self._ahead[0][0] <= now:
            _, lent = self._ahead.pop(0)
            self._permits += 1
            self._pool = [pool + need for pool, need in zip(self._pool, self._needs(lent), strict=True)]
        needs = self._needs(records)
        return self._permits > 0 and all(pool >= need for pool, need in zip(self._pool, needs, strict=True))

    def take(self, records: int) -> None:
        """Take what a request needs."""
        self._used += 1
        needs = self._needs(records)
        self._out = [out + need for out, need in zip(self._out, needs, strict=True)]
        if self._alone is not None:
            self._alone.take(records)
        elif self._counted:
            self._permits -= 1
            self._pool = [pool - need for pool, need in zip(self._pool, needs, strict=True)]

    def answered(self, now: float, records: int, *, unused: bool = False, arrives_by: float = 0.0) -> None:
        """Take note of an answer, which is told the store soon; see `QuotaWindow.answered`."""
        self._used -= 1
        needs = self._needs(records)
        self._out = [out - need for out, need in zip(self._out, needs, strict=True)]
        if self._alone is not None:
            self._alone.answered(now, records, unused=unused, arrives_by=arrives_by)
        if unused:
            self._unused = True
        elif self._counted:
            # Rounded up: an answer never came earlier than it is told.
            self._note_answer(math.ceil(max(now, arrives_by) * 1000) / 1000, needs)
        self._speak()

    def _note_answer(self, moment: float, needs: list[int]) -> None:
        counts = self._answered.setdefault(moment, [0] * self._counted)
        counts[:] = [count + need for count, need in zip(counts, needs, strict=True)]
        if len(self._answered) > _MOST_MOMENTS:
            # Told as later than it was, and no more of it than a window ago.
            early = sorted(self._answered)[: _MOST_MOMENTS // 2]
            longest = max(window.tickets()[1] for window in self._quota.windows)
            for at in early:
                merged = self._answered.pop(at)
                if at + longest > moment:
                    last = self._answered.setdefault(early[-1], [0] * self._counted)
                    last[:] = [count + more for count, more in zip(last, merged, strict=True)]

    def room_at(self, records: int, *, keep: bool) -> float:
        """Return when a permit holds, or when there is room as far as the store knows; else infinite."""
        self._speak()
        if self._alone is not None:
            return self._alone.room_at(records, keep=keep)
        now = asyncio.get_running_loop().time()
        if self._ahead and now < min(self._ahead[0][0], self._lease_until):
            return self._ahead[0][0]
        # What has passed is no use to wait for: who waits is woken by what the store answers.
        return self._room if self._room > now else math.inf

    def away(self, now: float) -> int:  # noqa: ARG002 - the store's own clock counts
        """Return how much is out, or to be told."""
        return sum(self._out) + self._used + (self._talk is not None)

    def succeeded(self) -> None:
        """Take note of an answer that was neither a throttle nor an outage."""
        self._successes += 1

    def throttled(self) -> None:
        """Take note that the vendor asked us to slow down."""
        self._throttled += 1
        self._speak()

    def paused(self, seconds: float) -> None:
        """Tell all processes that nobody may send for so long."""
        self._pause_until = max(self._pause_until, asyncio.get_running_loop().time() + seconds)
        self._speak()

    def called(self) -> None:
        """Take note that somebody came who waits."""
        self._speak()

    async def aclose(self) -> None:
        """Tell the store what is left to tell, and give back what is not used.

        A store that cannot be reached is not waited for longer than what is lent is lent.
        """
        until = asyncio.get_running_loop().time() + self._quotas.lease
        report_after, self._report_after = self._report_after, 0.0
        while self._talk is not None and not self._used:
            if asyncio.get_running_loop().time() >= until:
                self._talk.cancel()
            self._asked_at = -math.inf
            self._news.set()
            await asyncio.wait([self._talk], timeout=_TICK)
        self._report_after = report_after
        await self._quotas.aclose()

    def _passed(self, now: float) -> bool:
        """Return whether what was lent is others' by now."""
        return now + _slept() - self._slept >= self._lease_until

    def _fair(self) -> float:
        """Return how many slots it may use, where others wait for some."""
        return math.ceil(int(self._quota.in_flight) / (1 + self._sharing)) if self._sharing else math.inf

    def _needs(self, records: int) -> list[int]:
        return [
            1 if window.counts == "requests" else min(records, window.tickets()[0])
            for window in self._quota.windows
        ]

    def _wants(self) -> tuple[list[int], list[int]]:
        """Return the records of those who wait and have no permit yet."""
        urgent, bulk = self._waiting()
        held = self._permits + len(self._ahead)
        if not self._counted:
            held = max(0, int(min(self._slots, self._fair())) - self._used)
        return urgent[held:][:_MOST_TOLD], bulk[max(0, held - len(urgent)) :][:_MOST_TOLD]

    def _speak(self) -> None:
        """Let the talk look whether there is something to say."""
        self._news.set()
        if self._talk is None:
            self._news.clear()
            self._talk = asyncio.get_running_loop().create_task(self._carry_on())

    async def _carry_on(self) -> None:
        """Exchange with the store whenever it is time to, until there is nothing left to say."""
        loop = asyncio.get_running_loop()
        failures = 0
        try:
            while (due := self._due(loop.time())) is not None:
                self._news.clear()
                if due > loop.time():
                    timer = loop.call_at(due, self._news.set)
                    await self._news.wait()
                    timer.cancel()
                    continue
                try:
                    await self._exchange(loop)
                    failures = 0
                except QuotasLost as lost:
                    failures += 1
                    self._go_on_without(loop.time(), lost, failures)
                    await asyncio.sleep(min(_LONGEST_RETRY, 0.02 * 2 ** min(failures, 6)))
                except ConfigurationError as problem:
                    self._problem = problem
                    self._heard(None)
                    return
        finally:
            self._talk = None

    def _go_on_without(self, now: float, lost: QuotasLost, failures: int) -> None:
        """Say that the store is lost; go on with the share of the rate that is for then, if there is one."""
        share = self._quotas.share
        if failures == 1:
            until = "Nothing is sent" if share is None else f"This process has {share:.0%} of the limits"
            _log.warning("%s. %s until it is back", lost, until)
        if share is None or self._alone is not None or not self._passed(now):
            return
        self._forget_lent()
        self._alone = LoneShare(self._quota, share, self.rate, now, self._used)
        self._heard(None)

    def _forget_lent(self) -> None:
        """Use no more of what was lent: the store counts all of it as used, and gives the slots away."""
        self._permits, self._slots, self._ahead = 0, 0, []
        self._pool = [0] * self._counted

    def _due(self, now: float) -> float | None:
        """Return when to speak next; None where there is nothing to say."""
        due = math.inf
        urgent, bulk = self._wants()
        someone = any(self._waiting())
        if urgent or bulk:
            known_urgent, known = self._known
            if len(urgent) > known_urgent or self._passed(now):
                due = self._asked_at
            elif not known:
                # Where some were given nothing, there is nothing for those who came later either.
                due = self._asked_at + _TICK
            due = min(due, self._again_at)
        if self._answered:
            due = min(due, min(self._answered) + self._report_after)
        idle = self._slots - self._used
        if self._unused or (not someone and (idle > 0 or self._permits or self._ahead)):
            due = min(due, self._asked_at + _IDLE)
        if idle > 0 and self._slots > self._fair():
            due = min(due, self._asked_at + _TICK)
        if self._pause_until > now or self._throttled:
            due = now
        if self._slots or self._used:
            due = min(due, self._asked_at + self._quotas.lease / 3)
        return None if math.isinf(due) and due > 0 else due

    async def _exchange(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        slept = _slept()
        if self._passed(now):
            self._forget_lent()
        someone = any(self._waiting())
        if not someone:
            self._permits, self._ahead, self._pool = 0, [], [0] * self._counted
        lent = self._permits + len(self._ahead)
        keeps = min(self._fair(), self._slots) if someone else 0
        # Those that are given back are used no more, whatever becomes of the reply.
        self._slots = max(min(self._slots, self._used + lent), int(keeps))
        idle = max(0, self._slots - self._used - lent) if self._counted else 0
        holds = [out + pool for out, pool in zip(self._out, self._pool, strict=True)]
        for _, records in self._ahead:
            holds = [count + need for count, need in zip(holds, self._needs(records), strict=True)]
        urgent, bulk = self._wants()
        answered, self._answered = self._answered, {}
        successes, throttled, pause_until = self._successes, self._throttled, self._pause_until
        ask = Ask(
            id=self._id,
            epoch=self._epoch,
            lease=self._quotas.lease,
            in_flight=self._used,
            slots=max(self._slots, self._used),
            idle=idle,
            holds=holds,
            answered=[(now - moment, counts) for moment, counts in answered.items()],
            urgent=urgent,
            bulk=bulk,
            ahead=self._horizon,
            successes=successes,
            throttled=throttled,
            pause=max(0.0, pause_until - now),
            alone=self._alone is not None,
        )
        try:
            reply = await self._quotas.exchange(self._key, self._quota, ask)
        except BaseException:
            # Whether it was taken note of is not known: it is told again, with what has come since.
            for moment, counts in answered.items():
                self._note_answer(moment, counts)
            raise
        self._successes -= successes
        self._throttled -= throttled
        self._unused = False
        if self._pause_until == pause_until:
            self._pause_until = 0.0
        self._slept = slept
        self._hear(loop.time(), now, ask, reply)

    def _hear(self, now: float, asked: float, ask: Ask, reply: Reply) -> None:
        """Take what the store has lent."""
        self._epoch, self._slots, self._sharing = reply["epoch"], reply["slots"], reply["sharing"]
        # The spans are from the store's moment, which was before this one; the lease from after it was asked.
        self._lease_until = asked + self._quotas.lease
        self._asked_at = now
        self._alone = None
        self.rate, self._full = reply["rate"], reply["full"]
        if self._counted:
            starts = [*zip(reply["urgent"], ask["urgent"], strict=False)]
            starts += zip(reply["bulk"], ask["bulk"], strict=False)
            self._ahead = sorted([*self._ahead, *((now + start, records) for start, records in starts)])
            per = self._quota.windows[0].per
            ahead = max(_LEAST_AHEAD, _TICKETS * (1 + self._sharing) * per / max(self.rate, 0.01))
            self._horizon = min(ahead, _MOST_AHEAD, per / 4)
        left = len(ask["urgent"]) - len(reply["urgent"]), len(ask["bulk"]) - len(reply["bulk"])
        self._known = left[0], sum(left)
        again = reply["again"]
        self._room = math.inf
        # A pause may be ended before its time.
        self._again_at = now + max(min(reply["pause"], _LONGEST_PAUSE), self._horizon / 2)
        if again is not None and again > self._horizon:
            # Nothing comes before: it is asked in time for what is lent ahead.
            self._room = now + again
            self._again_at = max(self._again_at, now + again - self._horizon / 2)
        self._heard(max(now + reply["pause"] if reply["pause"] else 0.0, self._pause_until))


def _slept() -> float:
    """Return for how long the machine has slept, while the loop's clock stood still, since some moment."""
    return clock() - time.monotonic()
