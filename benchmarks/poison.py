"""P10: one item in a thousand that the vendor refuses together with its whole chunk.

Counted, not timed: how many requests find it, and whether all others are delivered. The control is a
chunk without such an item, which takes one request.
"""

from __future__ import annotations

import math

from benchmarks.plan import Measurement, Plan, Result, Sink, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import CHUNK, VendorClient
from netaudience import Report

__all__ = ["MEASUREMENTS"]

_POISON = "poisonous"


async def _send(sink: Sink, at: int | None) -> tuple[int, Report]:
    """Send a chunk with the poison there; return how many requests the sink saw."""
    before = (await sink.stats())["requests"]
    ids = [_POISON if number == at else f"customer-{number:06d}" for number in range(CHUNK)]
    async with VendorClient(sink.url) as client:
        report = await client.tag(ids).settled()
    return (await sink.stats())["requests"] - before, report


async def _refused_chunk(plan: Plan) -> list[Result]:
    async with serve(plan, Behaviour(poison=_POISON)) as sink:
        clean, _ = await _send(sink, None)
        found = [await _send(sink, at) for at in range(0, CHUNK, 111 if plan.quick else 27)]
    delivered = min(report.delivered for _, report in found)
    rejected = {report.rejected for _, report in found}
    return [
        Result(
            id="P10",
            what=f"one poison item in {CHUNK}: requests at the worst of {len(found)} places",
            measured=max(requests for requests, _ in found),
            promise=2 * math.ceil(math.log2(CHUNK)) + 1,
            bound="at most",
            control=clean,
            unit="requests",
            also={"delivered": delivered},
            also_holds=delivered == CHUNK - 1 and rejected == {1},
        )
    ]


MEASUREMENTS = (Measurement(("P10",), _refused_chunk),)
