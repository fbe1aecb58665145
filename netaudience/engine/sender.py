"""One request's life: a slot, an attempt, a verdict, and again until it is settled.

A wait (for the quota, a pause, a backoff) never holds a slot; every attempt takes a fresh one. What may
have happened is repeated only where repeating does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import cast

from netaudience.engine.pacing import Pacer
from netaudience.engine.retry import RetryPolicy, Waits
from netaudience.engine.transport import Transport, host_of, port_of
from netaudience.errors import (
    AccountError,
    AnswerLost,
    ConnectionFailed,
    LimitReached,
    NetaudienceError,
    ServerFault,
    Throttled,
    TransportError,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.events import Event, Hook, Paused, RequestEnded, next_run
from netaudience.outcomes import Report
from netaudience.wire import Prepared, Response, words_in

__all__ = ["Failure", "Sender"]

_log = logging.getLogger("netaudience")
#: Fewer attempts than the policy's: a proxy's page seldom changes by asking again, and where the vendor's
#: program fails on a request it is more often the request than the day.
_ATTEMPTS: Mapping[type[NetaudienceError], int] = {Unreadable: 2, ServerFault: 3}


class Failure:
    """A request that was given up: why, and whether the run can go on."""

    __slots__ = ("error", "response", "stops")

    def __init__(self, error: NetaudienceError, *, stops: bool = False) -> None:
        self.error = error
        #: True where nothing that follows could succeed either.
        self.stops = stops
        #: The last answer, where there was one: it may say which item is at fault.
        self.response: Response | None = None


class Sender:
    """Sends the requests of one operation until each has a verdict."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the engine meet here
        self,
        transport: Transport,
        pacer: Pacer,
        judge: Callable[[Response], VendorError | None],
        policy: RetryPolicy,
        may_repeat: Callable[[float], bool],
        tally: Report,
        *,
        reads: bool,
        hook: Hook | None = None,
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._judge = judge
        self._policy = policy
        #: Asked with the seconds since the first attempt: may what perhaps happened be sent again?
        self._may_repeat = may_repeat
        self._tally = tally
        #: True where the operation only reads: what is lost then is an answer, and nothing is in doubt.
        self._reads = reads
        self._hook = hook
        #: The number of the run, for those who watch; 0 where nobody does.
        self.run = 0 if hook is None else next_run()
        #: Answers lost in a row that may not be asked for again.
        self._lost = 0
        #: Set when the run stops: nothing more is sent.
        self.halted: NetaudienceError | None = None

    @property
    def watched(self) -> bool:
        """True where somebody wants to be told of events."""
        return self._hook is not None

    async def send(self, prepared: Prepared) -> Response | Failure:
        """Send the request until it is taken, refused for good, or given up."""
        pacer, tally = self._pacer, self._tally
        clock = asyncio.get_running_loop().time
        trouble: _Trouble | None = None
        successes, started = 0, 0.0
        while True:
            asked = clock()
            try:
                await pacer.acquire(prepared.records, patience=self._policy.throttle_patience)
            except LimitReached as full:
                return Failure(full, stops=True)
            response: Response | None = None
            ended: str | None = "CancelledError"
            sent = clock()
            tally.waited += sent - asked
            if self.halted is not None:
                pacer.release(prepared.records)
                return Failure(self.halted)
            if trouble is None:
                successes, started = pacer.successes, sent
            else:
                tally.retries += 1
            tally.requests += 1
            prepared.in_doubt = not self._reads
            try:
                response, error = await self._attempt(prepared)
                ended = None if error is None else type(error).__name__
            finally:
                pacer.release(prepared.records)
                if self._hook is not None:
                    self._told(prepared, sent, sent - asked, response, ended, repeated=trouble is not None)
            if error is None:
                self._lost = 0
                pacer.succeeded()
                return cast("Response", response)
            trouble = trouble or _Trouble(self._policy, successes)
            failure = self._decide(prepared, error, trouble, clock() - started)
            if failure is not None:
                failure.response = response
                return failure
            if trouble.wait:
                await asyncio.sleep(trouble.wait)

    async def _attempt(
        self, prepared: Prepared
    ) -> tuple[Response | None, TransportError | VendorError | None]:
        """Send the request once; return the answer, if one came, and what it amounts to, if no success."""
        try:
            response = await self._transport.send(prepared)
        except (TransportError, VendorError) as failed:
            return None, failed
        error = self._judge(response)
        if error is not None and (error.words or isinstance(error.code, str)):
            error = error.without(words_in(prepared.items))
        return response, error

    def _told(  # noqa: PLR0913 - what there is to tell
        self,
        prepared: Prepared,
        sent: float,
        waited: float,
        response: Response | None,
        ended: str | None,
        *,
        repeated: bool,
    ) -> None:
        """Tell of an attempt that is over."""
        self.tell(
            RequestEnded(
                self._tally.vendor,
                self._tally.operation,
                sent,
                asyncio.get_running_loop().time() - sent,
                None if response is None else response.status,
                prepared.records,
                prepared.size,
                waited,
                repeated,
                self.run,
                prepared.chunk,
                prepared.method,
                host_of(prepared.url),
                ended,
                port_of(prepared.url),
            )
        )

    def tell(self, event: Event) -> None:
        """Call the hook with an event, if there is one."""
        if self._hook is not None:
            try:
                self._hook(event)
            except Exception:  # noqa: BLE001 - a watcher's mistake is not the run's
                _log.exception("The hook for events raised")

    def _decide(
        self, prepared: Prepared, error: TransportError | VendorError, trouble: _Trouble, elapsed: float
    ) -> Failure | None:
        """Return why the request is given up, or None where it is to be sent again."""
        _log.debug("attempt failed: %s", error)
        trouble.wait = 0.0
        match error:
            case Throttled():
                prepared.in_doubt = trouble.in_doubt
                return self._throttled(error)
            case ConnectionFailed():
                prepared.in_doubt = trouble.in_doubt
                most = self._policy.attempts
            case Unavailable() if not error.may_have_happened:
                prepared.in_doubt = trouble.in_doubt
                most = self._policy.attempts
            case AnswerLost() | Unavailable() | Unreadable():
                trouble.in_doubt = prepared.in_doubt
                if not self._may_repeat(elapsed):
                    if isinstance(error, ServerFault):
                        return Failure(error)
                    # One lost answer says nothing; so many in a row, and no other answer, say that the
                    # vendor is down: the rest of the source must not go into doubt as well.
                    self._lost += 1
                    return Failure(error, stops=self._lost >= self._policy.attempts)
                most = min(_ATTEMPTS.get(type(error), self._policy.attempts), self._policy.attempts)
            case _:
                # A clear answer: the vendor is there, and did not do it. Refused words would have been
                # refused before, too; a closed account says nothing about an earlier attempt.
                stops = isinstance(error, AccountError)
                prepared.in_doubt = trouble.in_doubt and stops
                self._lost = 0
                self._pacer.succeeded()
                return Failure(error, stops=stops)
        trouble.attempts += 1
        if trouble.attempts >= most:
            # Not one answer from anybody since this request began: the vendor is down. A fault that it
            # owns up to is no outage: the next item may fare better.
            down = self._pacer.successes == trouble.successes and not isinstance(error, ServerFault)
            return Failure(error, stops=down)
        asked = error.retry_after if isinstance(error, VendorError) else None
        if asked is not None and asked > self._policy.throttle_patience:
            return Failure(error, stops=True)
        trouble.wait = trouble.waits.next(asked)
        return None

    def _throttled(self, error: Throttled) -> Failure | None:
        """Pause the whole quota, not this request alone; give up when patience ends."""
        pacer, policy = self._pacer, self._policy
        self._tally.throttles += 1
        pacer.throttled()
        asked = error.retry_after
        waited = asyncio.get_running_loop().time() - pacer.throttled_since
        if max(waited, asked or 0.0) > policy.throttle_patience:
            return Failure(error, stops=True)
        waits = Waits(policy)
        for _ in range(min(pacer.throttles_in_a_row, 12) - 1):
            waits.next()
        seconds = waits.next(asked)
        pacer.pause(seconds)
        self.tell(
            Paused(self._tally.vendor, self._tally.operation, asyncio.get_running_loop().time(), seconds)
        )
        _log.warning("%s; all requests of the quota wait %.1f s", error, seconds)
        return None


class _Trouble:
    """What is remembered of a request that did not succeed at once."""

    __slots__ = ("attempts", "in_doubt", "successes", "wait", "waits")

    def __init__(self, policy: RetryPolicy, successes: int) -> None:
        self.attempts = 0
        #: True from the first answer on that leaves open whether it happened.
        self.in_doubt = False
        #: The pacer's count of answers when the request was first sent.
        self.successes = successes
        self.wait = 0.0
        self.waits = Waits(policy)
