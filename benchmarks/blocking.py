"""S1: what a blocking client costs beside the asyncio one, for one call after another and for a generator.

In CPU time of the process: by the clock a thread that sleeps between its turns is favoured on a busy machine.

The asyncio client runs in the benchmark's own loop, the blocking one in its thread while this loop stands
still. Both have one connection for the calls; the generator is read in the waiting thread, a page at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import CHUNK, VendorClient
from netaudience.sync import BlockingClient

__all__ = ["MEASUREMENTS"]


class _BlockingVendorClient(BlockingClient, VendorClient):
    """The benchmark's vendor, as blocking code has it."""


def _ids(items: int) -> Iterator[str]:
    return (f"customer-{number:08d}" for number in range(items))


async def _beside_the_loop(plan: Plan) -> list[Result]:
    async with serve(plan) as sink, VendorClient(sink.url) as client:
        with _BlockingVendorClient(sink.url) as blocking:

            async def calls(number: int) -> None:
                for ext_id in _ids(number):
                    await client.touch(ext_id)

            async def blocking_calls(number: int) -> None:
                for ext_id in _ids(number):
                    blocking.touch(ext_id)

            async def run(chunks: int) -> None:
                await client.tag(_ids(chunks * CHUNK))

            async def blocking_run(chunks: int) -> None:
                blocking.tag(_ids(chunks * CHUNK))

            one = await rounds({"loop": calls, "loop again": calls, "blocking": blocking_calls}, plan.pairs)
            many = await rounds({"loop": run, "loop again": run, "blocking": blocking_run}, plan.pairs)
    return [
        Result(
            id="S1",
            part=part,
            what=what,
            measured=median_ratio(taken["loop"], taken["blocking"], by="cpu"),
            promise=promise,
            bound="at least",
            control=median_ratio(taken["loop"], taken["loop again"], by="cpu"),
            also={"by the clock": median_ratio(taken["loop"], taken["blocking"])},
        )
        for part, what, promise, taken in (
            ("call", "one blocking call after another, vs the same awaited", 0.7, one),
            ("generator", "a blocking run over a generator, vs the same awaited", 0.7, many),
        )
    ]


MEASUREMENTS = (Measurement(("S1",), _beside_the_loop, moody=True),)
