"""Load for hours in a minute: a vendor's client, the sandbox's own judging, and a way between the two.

The sandbox stands behind the package's `Transport` seam, in one process and without a socket, and its
clock is the loop's: virtual time drives both. What is checked afterwards is what the *sandbox* counted.
Each check gives sentences about what is wrong; there are none where nothing is.
"""

import asyncio
import gc
import math
import random
import re
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

import attrs
from multidict import CIMultiDict, CIMultiDictProxy

from netaudience import Failed, InDoubt, Rejected, RetryPolicy, Settings
from netaudience.engine import circuit_breaker as circuit
from netaudience.engine import rate_limiter as pacing
from netaudience.errors import AnswerLost, ConnectionFailed, NotSent
from netaudience.events import CircuitChanged, Paused
from netaudience.model.limits import Quota
from netaudience.model.wire import Response
from netaudience.sandbox import Fault, SandboxLimits, Window
from netaudience.sandbox.clock import Clock
from netaudience.sandbox.core import SandboxCore
from netaudience.sandbox.exchange import Asked, Flight, exchange

#: Seconds of one way between the client and the sandbox, and of the jitter on top.
LATENCY, JITTER = (0.02, 0.08), 0.03
#: Seconds from leaving to the answer, on average.
ROUND_TRIP = sum(LATENCY) + JITTER
WALL = 1_700_000_000.0

#: What goes wrong all the time, by chance.
FAULTS = (
    Fault("status", status=429, retry_after="2", share=0.0004),
    Fault("status", status=503, share=0.002),
    Fault("reset-before", share=0.001),
    Fault("reset-after", share=0.001),
)
SLOW = Fault("latency", seconds=1.0, jitter=0.5)
DOWN = Fault("status", status=503)
#: Patient enough for an outage of half a minute: eight attempts, each wait drawn from nothing to its
#: bound, may be over before it is.
PATIENT = RetryPolicy(attempts=20)


#: What an item was told to be.
DELIVERED, NOT_SENT, TWICE = 1, 5, 9
TOLD = {Rejected: 2, Failed: 3, InDoubt: 4}


class Way:
    """A `Transport` that carries requests to a sandbox in the same process, and takes its time."""

    def __init__(self, core: SandboxCore, seed: int) -> None:
        self._core = core
        self._random = random.Random(seed)
        self._routes = [
            (
                point.method,
                re.compile(f"/{point.vendor}" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", point.path)),
                point,
            )
            # What stands in a path literally goes before what may stand there.
            for point in sorted(core.endpoints, key=lambda point: "{" in point.path)
        ]
        self._find = lru_cache(maxsize=64)(self._route)
        #: True while nobody takes connections, and how many were refused then.
        self.cut = False
        self.refused = 0

    async def aclose(self) -> None:
        pass

    async def send(self, request, /):
        await asyncio.sleep(self.seconds())
        if self.cut:
            self.refused += 1
            raise ConnectionFailed("No connection could be made")
        endpoint, path, query, url = self._find(request.method, request.url)

        async def read():
            return request.body or b""

        headers = CIMultiDictProxy(CIMultiDict(request.headers))
        with Flight(self._core, endpoint.served) as flight:
            reply = await exchange(flight, endpoint, Asked(headers, query, url, path, read))
        await asyncio.sleep(self.seconds())
        return self.answered(reply)

    def answered(self, reply):
        answer = reply.answer
        if answer is None:
            raise AnswerLost("The request went out and no answer came back")
        headers = CIMultiDict(answer.headers)
        if answer.content_type is not None:
            headers["Content-Type"] = answer.content_type
        return Response(answer.status, headers, answer.body)

    def seconds(self) -> float:
        return self._random.uniform(*LATENCY) + self._random.uniform(0, JITTER)

    def _route(self, method, url):
        for known, pattern, endpoint in self._routes:
            if known == method and (match := pattern.fullmatch(url.path)):
                return endpoint, match.groupdict(), url.query, str(url.with_query(None))
        raise AssertionError(f"The sandbox has no {method} {url.path}")


@attrs.frozen
class Load:
    """An operation under its documented limit, and what is sent through it."""

    #: Makes the client of a vendor, given its settings and transport.
    client: Callable
    operation: str
    #: The sandbox's name of the allowance.
    allowance: str
    #: The item at a position, and the key under which the sandbox's ledger counts it.
    item: Callable[[int], object]
    key: Callable[[int], str]
    settings: Settings
    #: Makes the run of a source, given the client's operation.
    run: Callable = lambda operation, source: operation(source)
    #: The most items that are sent; the time is the end where there is no number.
    items: float = math.inf
    #: Prepares the sandbox.
    seed: Callable[[SandboxCore], None] = lambda core: None

    def facts(self):
        """The quota as the client has it, and whether the operation may be repeated."""
        client = self.client(self.settings, transport=_NOWHERE)
        operation = client.operations()[self.operation]
        return client.quota(operation), operation.facts.idempotent


#: No request goes there.
_NOWHERE = object()


@attrs.frozen
class Called:
    """A single call beside the run."""

    number: int
    #: When it was made, and the seconds until its answer, or until it was told that there is none.
    at: float
    seconds: float
    #: What it was told, as of an item.
    told: int
    #: Attempts after the first one.
    retries: int = 0


@attrs.define
class Soak:
    """One load under way, and what was seen of it."""

    load: Load
    quota: Quota
    idempotent: bool
    core: SandboxCore
    way: Way
    seconds: float
    #: Seconds of a minute; less where an hour of them is too many requests.
    minute: float
    #: When the load began and ended, on the loop's clock.
    began: float = 0.0
    ended: float = 0.0
    #: What the sandbox accepted in each whole minute.
    minutes: list[int] = attrs.field(factory=list)
    #: Spans in which something held the account up that is no pacing: from, to.
    disturbed: list[tuple[float, float]] = attrs.field(factory=list)
    #: When the circuit opened and closed.
    circuit: list[tuple[float, bool]] = attrs.field(factory=list)
    #: What each item was told to be, by position; 0 is nothing.
    told: bytearray = attrs.field(factory=bytearray)
    report: object = None
    #: Bytes: the most that was traced in the second ten minutes, and in the last.
    memory: dict[str, int] = attrs.field(factory=dict)
    left: list[str] = attrs.field(factory=list)
    #: The single calls beside the run.
    calls: list[Called] = attrs.field(factory=list)

    @property
    def window(self):
        """The window that binds first: the quota's shortest."""
        return self.quota.windows[0]

    @property
    def meter(self):
        (meter,) = self.core.meters().values()
        return meter

    @property
    def applied(self) -> Counter:
        (applied,) = self.core.ledger.applied.values()
        return applied

    def watch(self, event) -> None:
        settled = 2 * self.window.per
        match event:
            case Paused():
                self.disturbed.append((event.at, event.at + event.seconds + settled))
            case CircuitChanged():
                self.circuit.append((event.at, event.open))
                if not event.open:
                    opened = self.circuit[-2][0]
                    self.disturbed.append((opened, event.at + settled))

    def is_quiet(self, start, end) -> bool:
        """Whether nothing held the account up in a span of the loop's clock."""
        return not any(begun < end and over > start for begun, over in self.disturbed)

    def quiet(self) -> dict[int, int]:
        """The whole minutes in which nothing held the account up, but for the first and the last."""
        return {
            number: count
            for number, count in enumerate(self.minutes[1:-1], start=1)
            if self.is_quiet(self.began + number * self.minute, self.began + (number + 1) * self.minute)
        }


def limits_of(quota, minute) -> SandboxLimits:
    """The strictest limits that the rate limiter promises to keep, and a minute that only counts.

    Documented figures are used to nine tenths. A sandbox that let the whole figure through would see no
    mistake that is smaller than the tenth; so it lets through what the client may use, and not one more.
    Where that is no whole number, so many whole ones have that much more time.
    """
    windows = []
    for window in quota.windows:
        whole = -(-window.most // 1)
        windows.append(Window(int(whole), window.per * whole / window.most, window.counts))
    return SandboxLimits((*windows, Window(10**9, minute, quota.windows[0].counts)), retry_after="5")


async def soak(  # the settings of one soak
    load,
    *,
    minutes,
    minute=60.0,
    faults=FAULTS,
    weather=(),
    seed=1,
    way=Way,
    traced=False,
    remember=True,
    calls=False,
):
    """Send for so many minutes. `weather`: from (minute), seconds, faults or None for a cut line."""
    random.seed(seed)  # the waits between two attempts are drawn from the module's own generator
    loop = asyncio.get_running_loop()
    quota, idempotent = load.facts()
    core = SandboxCore(
        faults=faults,
        seed=seed,
        limits={load.allowance: limits_of(quota, minute)},
        clock=Clock(loop.time, lambda: WALL + loop.time()),
    )
    load.seed(core)
    result = Soak(load, quota, idempotent, core, way(core, seed), minutes * minute, minute)
    await _carry(result, faults, weather, traced=traced, remember=remember, calls=calls)
    await _look_for_leftovers(result, loop)
    return result


async def _carry(result, faults, weather, *, traced, remember, calls):
    load, loop = result.load, asyncio.get_running_loop()
    settings = attrs.evolve(load.settings, on_event=result.watch)
    async with load.client(settings, transport=result.way) as client:
        result.began = loop.time()
        until = result.began + result.seconds
        beside = [asyncio.create_task(_count(result)), asyncio.create_task(_blow(result, faults, weather))]
        if traced:
            beside.append(asyncio.create_task(_trace(result)))
        if calls:
            beside.append(asyncio.create_task(_call_every_second(result, settings)))

        def source():
            position = 0
            while loop.time() < until and position < load.items:
                yield load.item(position)
                position += 1

        async with load.run(getattr(client, load.operation), source()) as outcomes:
            async for chunk in outcomes.chunks():
                if remember:
                    _remember(result.told, chunk)
        result.report = outcomes.report
        result.ended = loop.time()
        await asyncio.gather(*beside)


def _remember(told, chunk):
    for position in chunk.positions:
        if position >= len(told):
            told.extend(bytes(position + 1 - len(told)))
        told[position] = TWICE if told[position] else DELIVERED
    for outcome in chunk.undelivered:
        told[outcome.position] = TOLD[type(outcome)]


async def _until(moment):
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


async def _count(result):
    for number in range(1, round(result.seconds / result.minute) + 1):
        await _until(result.began + number * result.minute)
        meter = result.meter
        (*_, window) = meter.requests or meter.records
        result.minutes.append(window.used(result.core.now()))


async def _blow(result, faults, weather):
    for start, seconds, spell in weather:
        await _until(result.began + start * result.minute)
        settled = 2 * result.window.per
        result.disturbed.append(
            (result.began + start * result.minute, result.began + start * result.minute + seconds + settled)
        )
        if spell is None:
            result.way.cut = True
        else:
            result.core.set_faults([*spell, *faults])
        await asyncio.sleep(seconds)
        result.way.cut = False
        result.core.set_faults(faults)


async def _call_every_second(result, settings):
    """Carry single items through a client of its own, as a web application beside the nightly job does."""
    load, clock = result.load, asyncio.get_running_loop().time

    async def one(client, number):
        at, told, retries = clock(), NOT_SENT, 0
        with suppress(NotSent):
            report = await getattr(client, load.operation)([load.item(-number - 1)]).settled()
            if not isinstance(report.stopped, NotSent):
                told = DELIVERED if report.ok else TOLD[type(report.undelivered[0])]
            retries = report.retries
        result.calls.append(Called(number, at, clock() - at, told, retries))

    async with load.client(settings, transport=result.way) as client, asyncio.TaskGroup() as calls:
        for number in range(int(result.seconds)):
            await _until(result.began + number)
            calls.create_task(one(client, number))


async def _trace(result):
    result.core.ledger.requests = deque(maxlen=10)  # full at once
    tracemalloc.start()
    try:
        for name, start, end in (("second ten minutes", 10, 20), ("last ten minutes", -10, 0)):
            base = result.began if start > 0 else result.began + result.seconds
            await _until(base + start * result.minute)
            gc.collect()
            tracemalloc.reset_peak()
            await _until(base + end * result.minute - 1)
            result.memory[name] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def _look_for_leftovers(result, loop):
    """What is left when the client is closed and the quota's windows have passed."""
    result.report.undelivered.clear()  # a reason's traceback holds on to the sender that met it
    result.left += [f"the task {task}" for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    result.left += [f"the timer {timer}" for timer in loop._scheduled if not timer.cancelled()]
    await asyncio.sleep(2 * max(window.per for window in result.quota.windows))
    gc.collect()
    limiters = pacing._limiters[loop].by_name
    result.left += [f"the rate limiter {limiter}" for limiter in limiters.values() if not limiter.idle]
    result.left += [f"the circuit {circuit}" for circuit in circuit._circuits[loop].values()]
