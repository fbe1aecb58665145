"""P8: a server that takes 50 ms for each answer, 32 requests in flight, against the hand-written loop.

What counts is that no slot stays empty between an answer and the next request. A slice here is six times
32 requests, for a shorter one would measure the start of a run.
"""

from __future__ import annotations

from benchmarks.hand import open_session, post_all
from benchmarks.measure import median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import IN_FLIGHT, VendorClient

__all__ = ["MEASUREMENTS"]


async def _slow_server(plan: Plan) -> list[Result]:
    async with (
        serve(plan, Behaviour(delay=0.05)) as sink,
        open_session() as session,
        VendorClient(sink.url) as client,
    ):

        async def hand(requests: int) -> None:
            ids = [f"customer-{number:06d}" for number in range(requests)]
            await post_all(session, f"{sink.url}/touch", ids, lambda ext_id: {"extId": ext_id})

        async def ours(requests: int) -> None:
            async with client.touch.each(f"customer-{number:06d}" for number in range(requests)) as outcomes:
                async for _ in outcomes.chunks():
                    pass

        taken = await rounds(
            {"hand": hand, "hand again": hand, "ours": ours},
            plan.pairs,
            slice_seconds=0.1,
            least=6 * IN_FLIGHT,
        )
    return [
        Result(
            id="P8",
            what="50 ms server, 32 in flight, 1 item per request, vs hand loop",
            measured=median_ratio(taken["hand"], taken["ours"]),
            promise=0.97,
            bound="at least",
            control=median_ratio(taken["hand"], taken["hand again"]),
        )
    ]


MEASUREMENTS = (Measurement(("P8",), _slow_server),)
