"""The life of one request: counted, read, delayed, applied or not, and what is answered, if anything.

Everything that waits happens before the change is applied, and a change is applied without an
await, so what the ledger says about order and overlap is what really happened. There is no socket
here: how the bytes of an answer go out is `delivery`'s business, or that of who needs no bytes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

import attrs
from multidict import CIMultiDictProxy, MultiMapping

from netaudience.sandbox.core import Endpoint, SandboxCore, Served
from netaudience.sandbox.faults import Fault
from netaudience.sandbox.ledger import Entry
from netaudience.sandbox.limits import Meter
from netaudience.sandbox.protocol import Call, Change, Partial
from netaudience.sandbox.responses import Answer, Refused, text_answer, with_retry_after

CAPTIVE_PORTAL = Answer(
    200,
    b"<!doctype html><html><head><title>Sign in to the network</title></head>"
    b"<body><p>Please accept the terms of use.</p></body></html>",
    "text/html",
)


@attrs.frozen
class Asked:
    """A request as it came in, its body still to be read."""

    headers: CIMultiDictProxy[str] = attrs.field(repr=False)
    query: MultiMapping[str] = attrs.field(repr=False)
    #: Without the query.
    url: str = attrs.field(repr=False)
    #: The parameters of the path's template, percent-decoded.
    path: Mapping[str, str] = attrs.field(repr=False)
    read: Callable[[], Awaitable[bytes]] = attrs.field(repr=False)


@attrs.frozen
class Reply:
    """What a request comes to."""

    #: None: the connection is closed instead.
    answer: Answer | None
    #: What is done to the answer's bytes on their way, where they do not go out at once.
    fault: Fault | None = None


@attrs.define
class Flight:
    """One request being served, from its arrival on; it leaves once, before the last of its answer does."""

    core: SandboxCore
    served: Served
    ordinal: int = attrs.field(init=False)
    #: On the sandbox's clock.
    arrived: float = attrs.field(init=False)
    began: float = attrs.field(factory=time.monotonic)
    meter: Meter | None = None
    keys: Sequence[str] = ()
    _carried: frozenset[str] = frozenset()
    _recorded: bool = False

    def __attrs_post_init__(self) -> None:
        self.ordinal = self.core.ledger.number()
        self.arrived = self.core.now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, however it ends."""
        self.leave()
        # What comes here unrecorded was cut off: a client that went away, a sandbox that closes.
        self.record(None)

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


async def exchange(flight: Flight, endpoint: Endpoint, asked: Asked) -> Reply:
    """Serve a request of an operation that has a handler, and log it."""
    core, served = flight.core, flight.served
    try:
        call = Call(
            headers=asked.headers,
            query=asked.query,
            body=b"",
            url=asked.url,
            path=asked.path,
            account="",
            now=flight.arrived,
            wall=core.clock.wall(),
        )
        account = "" if served.operation.public else served.vendor.account(call)
        flight.meter = core.meter(served, account)
        admitted = flight.meter.arrive(flight.arrived)
        body = await asked.read()
        if body and not served.operation.public:  # those ask for a token, with what nobody is to see
            core.ledger.keep(flight.ordinal, body)
        _refuse_above_limits(served, flight.meter, body, admitted=admitted)
        call = attrs.evolve(call, body=body, account=account)
        meter = flight.meter
        reply = await _serve_admitted(flight, meter, endpoint, call)
        return attrs.evolve(reply, answer=reply.answer and _with_limits(reply.answer, meter, core.now()))
    except Refused as refusal:
        flight.record(refusal.answer.status)
        answer = refusal.answer
        return Reply(answer if flight.meter is None else _with_limits(answer, flight.meter, core.now()))


async def _serve_admitted(flight: Flight, meter: Meter, endpoint: Endpoint, call: Call) -> Reply:
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
        return _abort(flight, fault)
    instead = None if fault is None else _answer_instead(flight.served, fault)
    if instead is not None:
        flight.record(instead.status, fault)
        return Reply(instead)
    return _reply(flight, _apply(flight, change, fault), fault)


def _reply(flight: Flight, answer: Answer, fault: Fault | None) -> Reply:
    """The answer to an applied request, or what a fault makes of it."""
    match fault:
        case Fault(kind="reset-after"):
            return _abort(flight, fault)
        case Fault(kind="slow-body"):
            flight.record(answer.status, fault)
            return Reply(answer, fault)
        case Fault(kind="truncated"):
            flight.record(answer.status, fault)
            return Reply(_truncated(answer))
        case Fault(kind="huge"):
            flight.record(200, fault)
            return Reply(Answer(200, content_type="application/json"), fault)
        case Fault(kind="blame" | "lost"):
            flight.record(answer.status, fault)
            return Reply(answer)
        case _:
            # No fault, or one that this vendor has no shape for.
            flight.record(answer.status)
            return Reply(answer)


def _abort(flight: Flight, fault: Fault) -> Reply:
    flight.leave()
    flight.record(None, fault)
    return Reply(None, fault)


def _apply(flight: Flight, change: Change | Refused, fault: Fault | None) -> Answer:
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
    if fault is not None and fault.kind == "lost" and change.effect is not None:
        return outcome.answer
    core.ledger.apply(place, outcome.keys, outcome.values)
    if change.effect is not None:
        core.effects.accept(place[0], change.effect, change.later)
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


def _with_limits(answer: Answer, meter: Meter, now: float) -> Answer:
    """Add how full the window is, where the vendor tells."""
    headers = meter.headers(now)
    return attrs.evolve(answer, headers={**answer.headers, **headers}) if headers else answer


def _throttled(served: Served, meter: Meter) -> Answer:
    return with_retry_after(served.vendor.throttled(served.operation), meter.limits.retry_after)


def _truncated(answer: Answer) -> Answer:
    """JSON that ends in the middle; an empty answer becomes the beginning of one."""
    whole = answer.body or json.dumps({"status": "success"}).encode()
    return Answer(answer.status, whole[: len(whole) // 2], "application/json")
