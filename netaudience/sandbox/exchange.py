"""The life of one request: counted, read, delayed, applied or not, answered or not.

Everything that waits happens before the change is applied, and a change is applied without an
await, so what the ledger says about order and overlap is what really happened.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import attrs
from aiohttp import web

from netaudience.sandbox.answers import Answer, Refused, text_answer, with_retry_after
from netaudience.sandbox.core import Endpoint, SandboxCore, Served
from netaudience.sandbox.faults import Fault
from netaudience.sandbox.ledger import Entry
from netaudience.sandbox.limits import Meter
from netaudience.sandbox.words import Call, Change, Partial

#: Pieces that a slow body comes in, and bytes of each piece of a huge one.
SLOW_PIECES = 8
HUGE_PIECE = 65_536

CAPTIVE_PORTAL = Answer(
    200,
    b"<!doctype html><html><head><title>Sign in to the network</title></head>"
    b"<body><p>Please accept the terms of use.</p></body></html>",
    "text/html",
)


@attrs.define
class _Flight:
    """One request being served; it leaves once, before the last of its answer does."""

    core: SandboxCore
    served: Served
    ordinal: int
    #: On the sandbox's clock.
    arrived: float
    began: float = attrs.field(factory=time.monotonic)
    meter: Meter | None = None
    keys: Sequence[str] = ()
    _carried: frozenset[str] = frozenset()
    _recorded: bool = False

    def carry(self, keys: Sequence[str]) -> None:
        """Remember the request's keys, and that its rows are in flight."""
        self.keys = keys
        if self.served.operation.rows:
            self._carried = frozenset(keys)
            self.core.ledger.overlap.enter(self.served.place, self._carried)

    def record(self, status: int | None, fault: Fault | None = None) -> None:
        """Log the request, once."""
        if self._recorded:
            return
        self._recorded = True
        entry = Entry(
            ordinal=self.ordinal,
            arrived=self.arrived,
            vendor=self.served.vendor.name,
            operation=self.served.operation.name,
            status=status,
            keys=len(self.keys),
            fault=None if fault is None else fault.kind,
            duration=time.monotonic() - self.began,
        )
        self.core.ledger.record(entry)

    def leave(self) -> None:
        """End the request's time in flight; the client may send the next one now."""
        if self.meter is not None:
            self.meter.leave()
            self.meter = None
        if self._carried:
            self.core.ledger.overlap.leave(self.served.place, self._carried)
            self._carried = frozenset()


async def serve(
    core: SandboxCore, endpoint: Endpoint, served: Served, request: web.Request
) -> web.StreamResponse:
    """Serve one request of an operation that has a handler."""
    flight = _Flight(core, served, core.ledger.number(), core.now())
    try:
        call = Call(
            headers=request.headers,
            query=request.query,
            body=b"",
            url=str(request.url.with_query(None)),
            # Percent-decoded, each as one segment.
            path=dict(request.match_info),
            account="",
            now=flight.arrived,
            wall=core.clock.wall(),
        )
        account = "" if served.operation.public else served.vendor.account(call)
        flight.meter = core.meter(served, account)
        admitted = flight.meter.arrive(flight.arrived)
        body = await request.read()
        _refuse_above_limits(served, flight.meter, body, admitted=admitted)
        call = attrs.evolve(call, body=body, account=account)
        return await _serve_admitted(flight, flight.meter, endpoint, request, call)
    except Refused as refusal:
        flight.record(refusal.answer.status)
        return _response(refusal.answer)
    finally:
        flight.leave()
        # What comes here unrecorded was cut off: a client that went away, a sandbox that closes.
        flight.record(None)


async def _serve_admitted(
    flight: _Flight, meter: Meter, endpoint: Endpoint, request: web.Request, call: Call
) -> web.StreamResponse:
    vendor = flight.served.vendor
    # What a handler reads of the state while it prepares must be the state of now.
    flight.core.effects.settle()
    change: Change | Refused
    try:
        change = flight.served.operation.prepare(call)
    except Refused as refusal:
        change = refusal
    else:
        records = len(change.keys) if change.records is None else change.records
        if not meter.weigh(flight.core.now(), records, flight.arrived):
            raise Refused(_throttled(flight.served, meter))
        flight.carry(change.keys)
    drawn = flight.core.plan.draw(flight.ordinal, vendor.name, endpoint.names, flight.keys)
    if drawn.latency:
        await asyncio.sleep(drawn.latency)
    fault = drawn.fault
    if fault is not None and fault.kind == "reset-before":
        return _abort(flight, request, fault)
    instead = None if fault is None else _answer_instead(flight.served, fault)
    if instead is not None:
        flight.record(instead.status, fault)
        return _response(instead)
    return await _deliver(flight, request, _apply(flight, change, fault), fault)


async def _deliver(
    flight: _Flight, request: web.Request, answer: Answer, fault: Fault | None
) -> web.StreamResponse:
    """Send the answer to an applied request, or do to it what a fault says."""
    match fault:
        case Fault(kind="reset-after"):
            return _abort(flight, request, fault)
        case Fault(kind="slow-body"):
            flight.record(answer.status, fault)
            return await _dribble(flight, request, answer, fault.seconds)
        case Fault(kind="truncated"):
            flight.record(answer.status, fault)
            return _response(_truncated(answer))
        case Fault(kind="huge"):
            flight.record(200, fault)
            return await _flood(flight, request, fault.size)
        case Fault(kind="blame"):
            flight.record(answer.status, fault)
            return _response(answer)
        case _:
            # No fault, or one that this vendor has no shape for.
            flight.record(answer.status)
            return _response(answer)


def _apply(flight: _Flight, change: Change | Refused, fault: Fault | None) -> Answer:
    if isinstance(change, Refused):
        return change.answer
    core, place = flight.core, flight.served.place
    core.effects.settle()
    try:
        outcome = _outcome(flight.served, change, fault)
    except Refused as refusal:
        return refusal.answer
    if not isinstance(outcome, Partial):
        outcome = Partial(outcome, change.keys, change.values)
    core.ledger.apply(place, outcome.keys, outcome.values)
    if change.effect is not None:
        core.effects.accept(place[0], change.effect)
    return outcome.answer


def _outcome(served: Served, change: Change, fault: Fault | None) -> Answer | Partial:
    if fault is None or fault.kind != "blame":
        return change.apply()
    if change.blame is None:
        raise Refused(served.vendor.poisoned(served.operation))
    return change.blame(fault.ids.intersection(change.keys))


def _answer_instead(served: Served, fault: Fault) -> Answer | None:
    """The answer of a fault that applies nothing; None for the other faults."""
    match fault.kind:
        case "status":
            failure = served.vendor.failure(served.operation, fault.status, fault.code)
            return with_retry_after(failure, fault.retry_after)
        case "poison":
            return served.vendor.poisoned(served.operation)
        case "fail-200":
            return served.vendor.failure_in_200(served.operation)
        case "html":
            return CAPTIVE_PORTAL
        case _:
            return None


def _refuse_above_limits(served: Served, meter: Meter, body: bytes, *, admitted: bool) -> None:
    if not admitted:
        raise Refused(_throttled(served, meter))
    if meter.limits.body_bytes is not None and len(body) > meter.limits.body_bytes:
        raise Refused(text_answer("413 Content Too Large", 413))


def _throttled(served: Served, meter: Meter) -> Answer:
    return with_retry_after(served.vendor.throttled(served.operation), meter.limits.retry_after)


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    if answer.content_type is not None:
        response.content_type = answer.content_type
    return response


def _abort(flight: _Flight, request: web.Request, fault: Fault) -> web.StreamResponse:
    """Close the connection; the response that a handler must return goes nowhere."""
    flight.leave()
    flight.record(None, fault)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _truncated(answer: Answer) -> Answer:
    """JSON that ends in the middle; an empty answer becomes the beginning of one."""
    whole = answer.body or json.dumps({"status": "success"}).encode()
    return Answer(answer.status, whole[: len(whole) // 2], "application/json")


async def _dribble(
    flight: _Flight, request: web.Request, answer: Answer, seconds: float
) -> web.StreamResponse:
    """Send the headers at once and the body in pieces; an empty one still takes its time to end."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    if answer.content_type is not None:
        response.content_type = answer.content_type
    await response.prepare(request)
    size = max(1, -(-len(answer.body) // SLOW_PIECES))
    try:
        for number in range(SLOW_PIECES):
            await asyncio.sleep(seconds / SLOW_PIECES)
            if number == SLOW_PIECES - 1:
                flight.leave()
            await response.write(answer.body[number * size : (number + 1) * size])
        await response.write_eof()
    except ConnectionError:
        # The client did not wait for the end, which is what this fault is there to find out.
        pass
    return response


async def _flood(flight: _Flight, request: web.Request, size: int) -> web.StreamResponse:
    """Stream a JSON text of the asked size."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    piece = b" " * HUGE_PIECE
    try:
        for start in range(0, size, HUGE_PIECE):
            await response.write(piece[: size - start])
        flight.leave()
        await response.write_eof()
    except ConnectionError:
        # The client hung up on so much, as it should.
        pass
    return response
