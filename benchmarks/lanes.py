"""L1: how long a call takes while a bulk run uses the account up, and what keeping it short costs the run.

A bulk run and five calls a second share 50 requests a second at a strict sink. Without lanes a call stands
behind the run's workers; with them it goes before, and with a reserve there is room for it at once.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Iterator

import attrs

from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import VendorClient
from netaudience import Settings

__all__ = ["MEASUREMENTS"]

_RATE = 50
_CALLS_PER_SECOND = 5
_RESERVE = 0.1
_IN_FLIGHT = 32


@attrs.frozen
class _Taken:
    """What one account saw."""

    #: Seconds of each call, from the moment it is awaited.
    calls: list[float]
    #: Requests of the bulk run a second.
    bulk: float
    over_limit: int

    def percentile(self, share: float) -> float:
        """Return how long so large a share of the calls took at most, in milliseconds."""
        return 1000 * sorted(self.calls)[min(len(self.calls) - 1, int(share * len(self.calls)))]


async def _account(plan: Plan, seconds: float, *, lanes: bool, reserve: float = 0.0) -> _Taken:
    """Run both side by side for so long, after two seconds in which the run fills the window."""
    warm_up = 2.0
    settings = Settings(rate=_RATE, in_flight=_IN_FLIGHT, reserve=reserve)
    async with (
        serve(plan, Behaviour(limit=_RATE, delay=0.02, track=True)) as sink,
        VendorClient(sink.url, settings=settings) as client,
    ):
        begin = time.perf_counter()
        end = begin + warm_up + seconds

        def source() -> Iterator[str]:
            number = 0
            while time.perf_counter() < end:
                yield f"customer-{number:06d}"
                number += 1

        async def call(number: int) -> float:
            started = time.perf_counter()
            if lanes:
                await client.touch(f"caller-{number:06d}")
            else:
                # A source whose length nobody knows may be long, so this one request is bulk.
                await client.touch.each(iter([f"caller-{number:06d}"]))
            return time.perf_counter() - started

        async def ask() -> list[float]:
            await asyncio.sleep(warm_up)
            draw, tasks = random.Random(1), list[asyncio.Task[float]]()
            while time.perf_counter() < end - 1:
                tasks.append(asyncio.create_task(call(len(tasks))))
                # As people come: at random, and never in step with the windows.
                await asyncio.sleep(draw.expovariate(_CALLS_PER_SECOND))
            return await asyncio.gather(*tasks)

        report, calls = await asyncio.gather(client.touch.each(source()).settled(), ask())
        counts = await sink.stats()
    return _Taken(calls, report.delivered / (time.perf_counter() - begin), counts["over_limit"])


async def _lanes(plan: Plan) -> list[Result]:
    # All at the same time: each is an account of its own, and the machine's moods meet all of them.
    seconds = 8 if plan.quick else 40
    one_lane, again, two_lanes, reserved = await asyncio.gather(
        _account(plan, seconds, lanes=False),
        _account(plan, seconds, lanes=False),
        _account(plan, seconds, lanes=True),
        _account(plan, seconds, lanes=True, reserve=_RESERVE),
    )
    control = statistics.median(again.calls) / statistics.median(one_lane.calls)

    def row(part: str, what: str, taken: _Taken, measured: float, promise: float) -> Result:
        return Result(
            id="L1",
            part=part,
            what=what,
            measured=measured,
            promise=promise,
            bound="at most",
            control=control,
            also={
                "ms p50": round(taken.percentile(0.5), 1),
                "ms p99": round(taken.percentile(0.99), 1),
                "calls": len(taken.calls),
                "bulk requests/s": round(taken.bulk, 2),
                "429s": taken.over_limit,
            },
            also_holds=not taken.over_limit,
        )

    def share(taken: _Taken) -> float:
        return taken.percentile(0.5) / one_lane.percentile(0.5)

    return [
        row(
            "one lane", "a call beside a bulk run at 50/s, no lanes: the bar", one_lane, share(one_lane), 1.0
        ),
        row("lanes", "with lanes, median call vs one lane", two_lanes, share(two_lanes), 0.2),
        row("reserve", "with lanes and reserve=0.1, median call vs one lane", reserved, share(reserved), 0.1),
        Result(
            id="L1",
            part="cost",
            what="what the reserve costs: the bulk run's rate vs the same without one",
            measured=reserved.bulk / two_lanes.bulk,
            promise=1 - 2 * _RESERVE,
            bound="at least",
            control=again.bulk / one_lane.bulk,
        ),
    ]


MEASUREMENTS = (Measurement(("L1",), _lanes),)
