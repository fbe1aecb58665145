"""Remembers whether an account's vendor is down, and lets one request at a time find out when it is back.

One `CircuitBreaker` belongs to one account and is shared by its clients and quotas in the loop. It opens
after a number of requests in a row that got no sign of life, and closes with the first one. It sends nothing,
judges no answer, and does not decide what becomes of a request that it keeps waiting.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from netaudience.engine.retry import RetryPolicy, Waits
from netaudience.errors import CircuitOpen


class _Queue(Protocol):
    """Where requests wait that are not sent yet."""

    def dismiss(self) -> None:
        """Send away all who are urgent and wait."""
        ...


class CircuitBreaker:
    """Open while the vendor is down. A request is told apart from others by any object of its own."""

    __slots__ = (
        "__weakref__",
        "_prober",
        "_vendor",
        "_waiting",
        "_waits",
        "back_at",
        "failed_probes",
        "failures",
        "last_failed_at",
        "open",
        "probe_at",
        "queues",
        "silent_since",
        "unreachable",
    )

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self.open = False
        #: Requests in a row without a sign of life, each counted once.
        self.failures = 0
        #: When the first of these failed, on the loop's clock; None while there is none.
        self.silent_since: float | None = None
        #: Whether the last of these found no connection.
        self.unreachable = False
        #: When the last of these failed.
        self.last_failed_at = -math.inf
        #: Probes since it opened that got no sign of life either.
        self.failed_probes = 0
        #: When the next probe may leave, on the loop's clock; and when the vendor says that it is back.
        self.probe_at = self.back_at = -math.inf
        #: Where the account's requests wait for their quotas.
        self.queues: WeakSet[_Queue] = WeakSet()
        self._prober: object | None = None
        self._waits: Waits | None = None
        self._waiting: OrderedDict[object, asyncio.Future[None]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Circuit {'open' if self.open else 'closed'}, {self.failures} failures in a row>"

    def refusal(self) -> CircuitOpen:
        """Return what a request is told that does not wait until the vendor is back."""
        wait = self.probe_at - asyncio.get_running_loop().time()
        known = wait > 0
        when = f"in {math.ceil(wait):,} s" if known else "soon"
        return CircuitOpen(
            f"{self._vendor} is down: {self.failures} requests in a row got no answer from it. "
            f"Nothing of this request was sent: send it again {when}",
            wait if known else None,
        )

    def probes(self, request: object) -> bool:
        """Return whether this is the request that finds out."""
        return self._prober is request

    def admits(self, request: object) -> bool:
        """Return whether the request may leave: the vendor is not down, or this is the one to find out."""
        if not self.open:
            return True
        if asyncio.get_running_loop().time() < self.probe_at:
            return False
        if self._prober is None:
            self._prober = request
        return self._prober is request

    async def change(self, request: object) -> None:
        """Sleep until the request may be admitted, or a probe has failed: ask again then.

        The first one who waits will be the next to find out; only that one looks at the clock.
        """
        loop = asyncio.get_running_loop()
        if self._prober is None:
            self._prober = request
        timer = loop.call_at(self.probe_at, self._wake, request) if self._prober is request else None
        future = self._waiting[request] = loop.create_future()
        try:
            await future
        finally:
            del self._waiting[request]
            if timer is not None:
                timer.cancel()

    def leave(self, request: object) -> None:
        """Take note that the request finds out nothing more; the next one who waits takes over."""
        if self._prober is not request:
            return
        # The role is handed on by name, not left to who wakes first: that one may be cancelled meanwhile,
        # and leaves in its turn.
        self._prober = next(iter(self._waiting), None)
        if self._prober is not None:
            self._wake(self._prober)

    def failed(self, request: object, policy: RetryPolicy, *, first: bool, asked: float | None) -> bool:
        """Take note of a request without a sign of life; return whether the vendor counts as down now.

        Args:
            request: The request.
            policy: How often, and how long to wait for the next probe.
            first: Whether it is the first time that this request fails: one alone proves nothing.
            asked: The seconds that the vendor asked to wait, if it did.
        """
        now = self.last_failed_at = asyncio.get_running_loop().time()
        if self.open:
            if self._prober is request and self._waits is not None:
                self.failed_probes += 1
                self._wait(now, policy, self._waits, asked)
                self.nudge()
            return False
        if self.silent_since is None:
            self.silent_since = now
        self.failures += first
        if not policy.circuit_failures or self.failures < policy.circuit_failures:
            return False
        self.open = True
        self.failed_probes = 0
        self._waits = Waits(policy, counted=not policy.outage_patience)
        self._wait(now, policy, self._waits, asked)
        for queue in tuple(self.queues):
            queue.dismiss()
        return True

    def _wait(self, now: float, policy: RetryPolicy, waits: Waits, asked: float | None) -> None:
        """Say when to ask next: as the vendor wishes, but once in a while whatever it wishes."""
        wait = waits.next(asked)
        if asked is None and policy.outage_patience and self.silent_since is not None:
            # Who is asked for the last time is asked when patience ends, and not long after.
            left = self.silent_since + policy.outage_patience - now
            wait = min(wait, left) if left > 0 else wait
        self.back_at = now + wait
        self.probe_at = now + min(wait, policy.throttle_patience)

    def alive(self) -> bool:
        """Take note of a sign of life; return whether the vendor counted as down until now."""
        self.failures, self.silent_since = 0, None
        if not self.open:
            return False
        self.open = False
        self._prober = self._waits = None
        self.nudge()
        return True

    def nudge(self) -> None:
        """Let all who wait look again."""
        for request in self._waiting:
            self._wake(request)

    def _wake(self, request: object) -> None:
        future = self._waiting.get(request)
        if future is not None and not future.done():
            future.set_result(None)


_circuits: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, CircuitBreaker]] = (
    WeakKeyDictionary()
)


def circuit_breaker_for(account: str, vendor: str) -> CircuitBreaker:
    """Return the circuit of an account in the running loop; it lives as long as somebody holds it."""
    here = _circuits.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    circuit = here.get(account)
    if circuit is None:
        circuit = here[account] = CircuitBreaker(vendor)
    return circuit
