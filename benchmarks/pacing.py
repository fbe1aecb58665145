"""P6, P9 and P13: how near a limit we go without breaking it, with a sink that counts strictly.

The bar is arithmetic: K requests at R per second take at least (K - 1) / R seconds. The control is the
same run a second time, or the same run without faults.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator

from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import VendorClient
from netaudience import Report, Settings

__all__ = ["MEASUREMENTS"]


def _ids(count: int) -> list[str]:
    return [f"customer-{number:06d}" for number in range(count)]


async def _timed(url: str, settings: Settings, requests: int) -> tuple[float, Report]:
    """Send so many requests of one item; return the time against the limit's minimum."""
    async with VendorClient(url, settings=settings) as client:
        # Known beforehand, as a user knows it; the first request has no connection to wait for then.
        least = (requests - 1) / (settings.rate or 1.0)
        start = time.perf_counter()
        report = await client.touch.each(_ids(requests)).settled()
        return (time.perf_counter() - start) / least, report


async def _strict(plan: Plan) -> list[Result]:
    """P6: 500/s in a strict sliding window, at once and over a slow line."""
    lines = (
        ("fast", "500/s strict window, time vs (K-1)/R", Behaviour(limit=500, track=True), 1.02),
        (
            "slow",
            "the same with 50 ms latency and 0-30 ms jitter",
            Behaviour(limit=500, delay=0.05, jitter=0.03, track=True),
            1.05,
        ),
    )
    results: list[Result] = []
    for part, what, behaviour, most in lines:
        times: list[float] = []
        refused = window = lost = 0
        for _ in range(2 if plan.quick else 5):
            async with serve(plan, behaviour) as sink:
                taken, report = await _timed(sink.url, Settings(rate=500, in_flight=64), 1750)
                counts = await sink.stats()
            times.append(taken)
            refused += counts["over_limit"]
            window = max(window, counts["most_in_a_window"])
            lost += report.items - report.delivered
        results.append(
            Result(
                id="P6",
                part=part,
                what=what,
                measured=statistics.median(times),
                promise=most,
                bound="at most",
                control=times[1] / times[0],
                also={"429s": refused, "most in a window": window, "lost": lost},
                also_holds=not refused and not lost,
            )
        )
    return results


async def _faulty(plan: Plan) -> list[Result]:
    """P9: one request in a hundred is answered 429 or 503 with ``Retry-After: 1``."""
    # The rate with which Netmera's client starts. Each such 429 stops the whole account for a second, so at
    # half of one in a hundred nobody could promise a tenth above about 20 per second.
    rate = 10
    requests = 110 if plan.quick else 290
    settings = Settings(rate=rate, in_flight=8)
    async with (
        serve(plan, Behaviour(faults=1, track=True)) as faulty,
        serve(plan, Behaviour(track=True)) as sound,
    ):
        (taken, report), (control, _) = await asyncio.gather(
            _timed(faulty.url, settings, requests), _timed(sound.url, settings, requests)
        )
        counts = await faulty.stats()
    lost = max(requests - report.delivered, requests - counts["taken"])
    return [
        Result(
            id="P9",
            what=f"1 % answered 429 or 503 with Retry-After: 1, at {rate}/s, time vs (K-1)/R",
            measured=taken,
            promise=1.10,
            bound="at most",
            control=control,
            also={"faults": counts["faults"], "lost": lost, "sent after success": counts["taken_again"]},
            also_holds=not lost and not counts["taken_again"] and counts["faults"] > 0,
        )
    ]


async def _unknown(plan: Plan) -> list[Result]:
    """P13: a limit that nobody told us; it is found, and used."""
    warm_up, measured, limit = (15, 15, 40) if plan.quick else (30, 30, 40)

    async def account() -> tuple[float, float]:
        async with (
            serve(plan, Behaviour(limit=limit, track=True)) as sink,
            VendorClient(sink.url) as client,
        ):
            end = time.perf_counter() + warm_up + measured

            def source() -> Iterator[str]:
                number = 0
                while time.perf_counter() < end:
                    yield f"customer-{number:06d}"
                    number += 1

            async def watch() -> tuple[dict[str, int], dict[str, int]]:
                await asyncio.sleep(warm_up)
                before = await sink.stats()
                await asyncio.sleep(measured)
                return before, await sink.stats()

            _, (before, after) = await asyncio.gather(
                client.touch_at_unknown_rate.each(source()).settled(), watch()
            )
            requests = after["requests"] - before["requests"]
            refused = after["over_limit"] - before["over_limit"]
            return (requests - refused) / (limit * measured), refused / max(1, requests)

    # Two accounts side by side: each is the other's control.
    (used, refused), (used_again, refused_again) = await asyncio.gather(account(), account())
    refused = max(refused, refused_again)
    return [
        Result(
            id="P13",
            what=f"unknown limit of {limit}/s, start 10/s, after {warm_up} s: share of it used",
            measured=min(used, used_again),
            promise=0.85,
            bound="at least",
            control=used_again / used if used else 0.0,
            unit="share",
            also={"share refused": refused},
            also_holds=refused < 0.02,
        )
    ]


MEASUREMENTS = (
    Measurement(("P6",), _strict),
    Measurement(("P9",), _faulty),
    Measurement(("P13",), _unknown),
)
