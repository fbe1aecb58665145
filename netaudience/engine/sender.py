"""One request's life: a slot, an attempt, a verdict, and again until it is settled.

A wait (for the quota, a pause, a backoff, a vendor that is down) never holds a slot; every attempt takes a
fresh one. What may have happened is repeated only where repeating does no harm. Where a request ends because
there is no time or nobody is there, its error says that nothing was sent only if that is so.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from netaudience.engine.cancellation import is_being_cancelled
from netaudience.engine.circuit_breaker import CircuitBreaker
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.engine.retry import RetryPolicy, Waits
from netaudience.engine.transport import Transport, host_of
from netaudience.errors import (
    AccountError,
    AnswerLost,
    CircuitOpen,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    JournalFailed,
    NetaudienceError,
    NotSent,
    ServerFault,
    Throttled,
    TransportError,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.model.surprises import not_read
from netaudience.model.wire import Prepared, Response, words_in
from netaudience.outcomes import Report, log_fields

if TYPE_CHECKING:
    from netaudience.engine.notifier import EventNotifier

_log = logging.getLogger("netaudience")
#: Fewer attempts than the policy's: a proxy's page seldom changes by asking again, and where the vendor's
#: program fails on a request it is more often the request than the day.
_ATTEMPTS: Mapping[type[NetaudienceError], int] = {Unreadable: 2, ServerFault: 3}
#: A timer may be this many seconds early.
_EARLY = 0.05
#: Seconds for which a request may be on its way to the vendor; assumed, for no end of that is known. Counting
#: what was given up for as long as its timeout would be surer still, and leave little of a small quota to a
#: web app whose callers go away.
_LONGEST_WAY = 5.0


class Failure:
    """A request that was given up: why, and whether the run can go on."""

    __slots__ = ("error", "response", "sent", "stops")

    def __init__(self, error: NetaudienceError, *, stops: bool = False, sent: bool = True) -> None:
        self.error = error
        #: False where the error is another's, for which this one did not leave: it says nothing of its items.
        self.sent = sent
        #: True where nothing that follows could succeed either.
        self.stops = stops
        #: The last answer, where there was one: it may say which item is at fault.
        self.response: Response | None = None


class Sender:
    """Sends the requests of one operation until each has a verdict."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the engine meet here
        self,
        transport: Transport,
        limiter: RateLimiter,
        judge: Callable[[Response], VendorError | None],
        policy: RetryPolicy,
        may_repeat: Callable[[float], bool],
        tally: Report,
        circuit: CircuitBreaker,
        clock: Callable[[], float],
        *,
        reads: bool,
        notifier: EventNotifier | None = None,
        deadline: float = math.inf,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._judge = judge
        self._policy = policy
        #: Asked with the seconds since the first attempt: may what perhaps happened be sent again?
        self._may_repeat: Callable[[float], bool] = may_repeat
        self._tally = tally
        self._circuit = circuit
        #: The loop's own: asking for the running loop costs a call of the system.
        self._clock = clock
        #: The moment on the loop's clock after which nothing leaves and no answer is waited for.
        self.deadline = deadline
        #: Whether its requests go before bulk ones, and fail at once where the vendor is down.
        self.urgent = False
        #: True where the operation only reads: what is lost then is an answer, and nothing is in doubt.
        self._reads = reads
        #: Tells those who watch; None where nobody does.
        self.notifier = notifier
        #: Answers lost in a row that may not be asked for again.
        self._lost = 0
        #: Asked before each attempt: raises where the run may be another process's by now.
        self.fence: Callable[[], None] | None = None
        #: Why the run stops: nothing more is sent then. Set by `halt` alone.
        self.halted: NetaudienceError | None = None

    def now(self) -> float:
        """Return the moment on the loop's clock."""
        return self._clock()

    def repeats(self, *, always: bool) -> None:
        """Say whether what perhaps happened may be sent again, in place of what the operation says."""

        def repeats(_seconds: float) -> bool:
            return always

        self._may_repeat = repeats

    def halt(self, error: NetaudienceError) -> None:
        """Stop the run: nothing more is sent."""
        self.halted = error
        self._circuit.nudge()  # who waits there for the vendor waits in vain

    async def send(self, prepared: Prepared) -> Response | Failure:  # noqa: C901, PLR0912, PLR0915 - each function more costs every request
        """Send the request until it is taken, refused for good, or given up."""
        limiter, tally, circuit, records = self._limiter, self._tally, self._circuit, prepared.records
        clock = self._clock
        way = min(prepared.timeout, _LONGEST_WAY)  # before a deadline cuts it
        trouble: _Trouble | None = None
        successes, started = 0, 0.0
        try:
            while True:
                asked = sent = clock()
                if (
                    circuit.open
                    or self.halted is not None
                    or not limiter.enter(sent, records, urgent=self.urgent, deadline=self.deadline)
                ):
                    slot = await self._slot(prepared, trouble)
                    if isinstance(slot, Failure):
                        return slot
                    asked, sent = slot, clock()
                    tally.waited += sent - asked
                if self.fence is not None and (lost := self._lost_run(self.fence)) is not None:
                    limiter.release(records, unused=True)
                    return _unsent(lost, trouble, stops=True)
                if trouble is None:
                    successes, started = limiter.successes, sent
                else:
                    tally.retries += 1
                tally.requests += 1
                prepared.in_doubt = not self._reads
                response: Response | None = None
                error: TransportError | VendorError | None = None
                given_up = True  # by whoever waits, or by a deadline: it may still be on its way then
                try:
                    if self.deadline == math.inf:
                        response = await self._transport.send(prepared)
                    else:
                        response = await self._send_in_time(prepared)
                    given_up = False
                    error = self._judge(response)
                except (TransportError, VendorError) as failed:
                    error = failed
                    given_up = clock() >= sent + prepared.timeout - _EARLY
                    _leave_frames(failed)
                except asyncio.CancelledError as cancelled:
                    if is_being_cancelled():
                        raise
                    error = _cancelled_by_others(prepared, cancelled)
                except ConfigurationError:
                    raise
                except Exception as surprise:
                    if response is None:
                        raise
                    error = not_read(surprise, tally.vendor, response.status)
                finally:
                    # What found no connection has not reached the vendor: its tickets are not used.
                    limiter.release(
                        records,
                        unused=isinstance(error, ConnectionFailed),
                        arrives_by=sent + way if given_up else 0.0,
                    )
                    if self.notifier is not None:
                        self.notifier.request_ended(
                            prepared, sent, sent - asked, response, error, repeated=trouble is not None
                        )
                if error is None:
                    assert response is not None  # noqa: S101 - who is asked which it is, is asked once per request
                    self._lost = 0
                    limiter.succeeded()
                    if circuit.failures:
                        self._alive()
                    return response
                if isinstance(error, VendorError) and (error.vendor_message or isinstance(error.code, str)):
                    error = error.without(words_in(prepared.items))
                trouble = trouble or _Trouble(self._policy, successes, self._silent_since(started))
                failure = self._decide(prepared, error, trouble, clock() - started)
                if failure is not None:
                    failure.response = response
                    return failure
                if trouble.wait:
                    await asyncio.sleep(trouble.wait)
        finally:
            if circuit.open:
                circuit.leave(prepared)

    def _lost_run(self, fence: Callable[[], None]) -> JournalFailed | None:
        """Return why the run must not be gone on with here, if that is so."""
        try:
            fence()
        except JournalFailed as error:
            self.halt(error)
            return error
        return None

    async def _slot(self, prepared: Prepared, trouble: _Trouble | None) -> float | Failure:
        """Wait for the vendor and for the quota; return since when for the quota, or why in vain."""
        limiter, circuit = self._limiter, self._circuit
        while True:
            if circuit.open and (failure := await self._wait_for_vendor(prepared, trouble)) is not None:
                return failure
            asked = self._clock()
            try:
                await limiter.acquire(
                    prepared.records,
                    patience=self._policy.throttle_patience,
                    urgent=self.urgent,
                    deadline=self.deadline,
                )
            except CircuitOpen:
                continue  # it opened while the request waited
            except NotSent as reason:
                return _unsent(reason, trouble)
            if self.halted is None and (not circuit.open or circuit.admits(prepared)):
                return asked
            limiter.release(prepared.records, unused=True)
            if self.halted is not None:
                return _unsent(self.halted, trouble)

    async def _wait_for_vendor(self, prepared: Prepared, trouble: _Trouble | None) -> Failure | None:
        """Wait until a vendor that is down is back, or the request is to find out; None when it may leave."""
        circuit = self._circuit
        attempts = 0 if trouble is None else trouble.attempts
        probes = circuit.failed_probes
        while self.halted is None:
            if circuit.admits(prepared):
                return None
            if self.urgent:
                return _unsent(circuit.refusal(), trouble)
            if circuit.back_at - self._clock() > self._policy.throttle_patience:
                return _unsent(circuit.refusal(), trouble, stops=True)
            # A probe that failed, failed for all who wait: none of them is more patient than one alone.
            tried, left = attempts + circuit.failed_probes - probes, self._patience_left()
            if left <= 0 or (tried >= self._policy.attempts and left == math.inf):
                return _unsent(circuit.refusal(), trouble, stops=True)
            try:
                async with asyncio.timeout_at(None if math.isinf(self.deadline) else self.deadline):
                    await circuit.change(prepared)
            except TimeoutError:
                return _unsent(
                    DeadlineExceeded(
                        f"The deadline came while {self._tally.vendor} was down. "
                        "Nothing of this request was sent: send it later"
                    ),
                    trouble,
                )
        return _unsent(self.halted, trouble)

    async def _send_in_time(self, prepared: Prepared) -> Response:
        """Send, and wait no longer than until the deadline, whatever the transport does first."""
        left = self.deadline - self._clock()
        prepared.timeout = max(0.0, min(prepared.timeout, left))
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self._transport.send(prepared)
        except TimeoutError as error:
            raise AnswerLost(
                f"The request went to {host_of(prepared.url)} and no whole answer came back in time: "
                "its deadline came first"
            ) from error

    def _decide(
        self, prepared: Prepared, error: TransportError | VendorError, trouble: _Trouble, elapsed: float
    ) -> Failure | None:
        """Return why the request is given up, or None where it is to be sent again."""
        _log.debug("attempt failed: %s", error, extra=self._fields(error))
        trouble.wait = 0.0
        trouble.error = error
        self._note_life(prepared, error, trouble)
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
                    # One lost answer says nothing; several in a row, and no other answer, say that the
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
                self._limiter.succeeded()
                return Failure(error, stops=stops)
        return self._again(prepared, error, trouble, most)

    def _again(
        self, prepared: Prepared, error: TransportError | VendorError, trouble: _Trouble, most: int
    ) -> Failure | None:
        """Count an attempt; say how long to wait for the next, or why there is none."""
        trouble.attempts += 1
        left = self._connects_for(error, trouble)
        if left <= 0:
            return Failure(error, stops=True)
        # Not one answer from anybody since this request began: the vendor is down. A fault that it
        # owns up to is no outage: the next item may fare better.
        down = self._limiter.successes == trouble.successes and not isinstance(error, ServerFault)
        patience = self._patience_left() if down else math.inf
        if patience <= 0 or (trouble.attempts >= most and patience == math.inf):
            return Failure(error, stops=down)
        left = min(left, patience)
        asked = error.retry_after if isinstance(error, VendorError) else None
        if asked is not None and asked > self._policy.throttle_patience:
            return Failure(error, stops=True)
        if self._circuit.open and self.urgent:
            return Failure(error)
        # Who is to find out whether the vendor is back waits there for that.
        if not self._circuit.probes(prepared):
            trouble.wait = min(trouble.waits.next(asked), left)
            if self._clock() + trouble.wait >= self.deadline:
                return Failure(error)
        return None

    def _connects_for(self, error: NetaudienceError, trouble: _Trouble) -> float:
        """Return the seconds for which a connection is tried that has never been made."""
        patience = self._policy.connection_patience
        if patience is None or not isinstance(error, ConnectionFailed):
            return math.inf
        if self._limiter.successes != trouble.successes or (self._limiter.successes and not self.urgent):
            return math.inf
        return trouble.silent_since + patience - self._clock()

    def _patience_left(self) -> float:
        """Return the seconds for which a vendor that does not answer is asked again; inf: attempts decide."""
        since, patience = self._circuit.silent_since, self._policy.outage_patience
        return math.inf if self.urgent or not patience or since is None else since + patience - self._clock()

    def _note_life(self, prepared: Prepared, error: TransportError | VendorError, trouble: _Trouble) -> None:
        """Tell the circuit whether somebody answered."""
        match error:
            case ServerFault():
                silent = False  # these are the vendor's own words about this very request
            case Unavailable() | TransportError():
                silent = True
            case _:
                silent = False
        if not silent:
            self._alive()
            return
        first, trouble.silent = not trouble.silent, True
        self._circuit.unreachable = isinstance(error, ConnectionFailed)
        asked = error.retry_after if isinstance(error, VendorError) else None
        if self._circuit.failed(prepared, self._policy, first=first, asked=asked):
            _log.warning(
                "%s is down: %d requests in a row got no answer from it, the last: %s; it is asked again "
                "with one request at a time",
                self._tally.vendor,
                self._circuit.failures,
                error,
                extra=self._fields(error),
            )
            if self.notifier is not None:
                self.notifier.circuit_changed(is_open=True)

    def _alive(self) -> None:
        """Take note of a sign of life."""
        if self._circuit.alive():
            _log.warning("%s is back", self._tally.vendor, extra=self._fields())
            if self.notifier is not None:
                self.notifier.circuit_changed(is_open=False)

    def _silent_since(self, started: float) -> float:
        """Return when the silence began in which a request fails that was first sent at a moment.

        Where requests before it failed as well, moments ago, none after them waits as long once more.
        """
        since, patience = self._circuit.silent_since, self._policy.connection_patience
        if since is None or patience is None or started - self._circuit.last_failed_at > patience:
            return started
        return since

    def _fields(self, error: NetaudienceError | None = None, wait: float | None = None) -> dict[str, object]:
        return log_fields(self._tally, 0 if self.notifier is None else self.notifier.run, error, wait)

    def _throttled(self, error: Throttled) -> Failure | None:
        """Pause the whole quota, not this request alone; give up when patience ends."""
        limiter, policy = self._limiter, self._policy
        self._tally.throttles += 1
        limiter.throttled()
        asked = error.retry_after
        waited = self._clock() - limiter.throttled_since
        if max(waited, asked or 0.0) > policy.throttle_patience:
            return Failure(error, stops=True)
        # One throttle is answered as the policy says; how many there are, only time bounds.
        waits = Waits(policy, counted=limiter.throttles_in_a_row == 1)
        for _ in range(min(limiter.throttles_in_a_row, 12) - 1):
            waits.next()
        seconds = waits.next(
            asked or None
        )  # who asks for nothing again and again means none the less a pause
        limiter.pause(seconds)
        if self.notifier is not None:
            self.notifier.paused(seconds)
        _log.warning(
            "%s; all requests of the quota wait %.1f s", error, seconds, extra=self._fields(error, seconds)
        )
        return None


class _Trouble:
    """What is remembered of a request that did not succeed at once."""

    __slots__ = ("attempts", "error", "in_doubt", "silent", "silent_since", "successes", "wait", "waits")

    def __init__(self, policy: RetryPolicy, successes: int, silent_since: float) -> None:
        self.attempts = 0
        #: What the last attempt came to.
        self.error: NetaudienceError | None = None
        #: True from the first attempt on that got no sign of life.
        self.silent = False
        #: Since when nobody has answered.
        self.silent_since = silent_since
        #: True from the first answer on that leaves open whether it happened.
        self.in_doubt = False
        #: The rate limiter's count of answers when the request was first sent.
        self.successes = successes
        self.wait = 0.0
        self.waits = Waits(policy, counted=not policy.outage_patience)


def _cancelled_by_others(prepared: Prepared, cancelled: asyncio.CancelledError) -> AnswerLost:
    """Tell of a request that was given up beneath us, while nobody wants the run to end."""
    _leave_frames(cancelled)
    error = AnswerLost(
        f"The request went to {host_of(prepared.url)}, and what carried it was cancelled by another part of "
        "the program: look at who closes or cancels the transport, and whether it was done before you send "
        "it again"
    )
    error.__cause__ = cancelled
    return error


def _leave_frames(error: BaseException | None) -> None:
    """Cut the tracebacks of an error that is kept: their frames hold the request, its headers and its body.

    A report keeps a thousand of them, and a crash reporter would show what the frames hold.
    """
    seen: set[int] = set()  # causes and contexts may lead in a circle
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _unsent(reason: NetaudienceError, trouble: _Trouble | None, *, stops: bool | None = None) -> Failure:
    """Return why a request does not leave: what it came to when it did leave before, else the reason."""
    if trouble is not None and trouble.error is not None and isinstance(reason, NotSent):
        # It was sent: nobody may be told that it was not. Whoever follows is told the reason in its turn.
        return Failure(trouble.error, stops=bool(stops))
    if stops is None:
        stops = isinstance(reason, NotSent)
    return Failure(reason, stops=stops, sent=False)
