"""P7: the peak of memory does not depend on how many items a run has.

Each run is a process of its own, which sends generated identifiers, reads the stream of outcomes and
prints the peak of its resident memory. The control is the small run against the small run.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from pathlib import Path

import cyclopts

from benchmarks.event_loops import runner
from benchmarks.plan import LoopName, Measurement, Plan, Result, Sink, serve
from benchmarks.vendor import VendorClient

__all__ = ["MEASUREMENTS", "own_peak"]

_SMALL = 100_000


async def _flat(plan: Plan) -> list[Result]:
    large = 1_000_000 if plan.quick else 10_000_000
    async with serve(plan) as sink:
        small = [await _peak(plan, sink, _SMALL) for _ in range(4)]
        peak = await _peak(plan, sink, large)
    return [
        Result(
            id="P7",
            what=f"peak memory at {large:,} ids vs {_SMALL:,}, outcomes streamed",
            measured=peak / statistics.median(small),
            promise=1.05,
            bound="at most",
            control=(small[1] + small[3]) / (small[0] + small[2]),
        )
    ]


async def _peak(plan: Plan, sink: Sink, items: int) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.memory", sink.url, str(items), "--loop", plan.loop),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("The run whose memory is measured broke down: standard error tells why")
    return int(told)


def own_peak() -> int:
    """Return the peak of this process's resident memory, in KiB on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its figure starts at what the parent process had.
        return next(
            int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
    import resource  # noqa: PLC0415 - not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def _stream(url: str, items: int) -> None:
    async with (
        VendorClient(url) as client,
        client.tag(f"customer-{number:08d}" for number in range(items)) as outcomes,
    ):
        delivered = 0
        async for chunk in outcomes.chunks():
            delivered += len(chunk) - len(chunk.undelivered)
    if delivered != items:
        raise RuntimeError(f"Of {items:,} items {delivered:,} were delivered")


def main(url: str, items: int, *, loop: LoopName = "asyncio") -> None:
    """Send so many identifiers and print the peak of memory.

    Args:
        url: The sink's.
        items: How many.
        loop: The event loop.
    """
    with runner(loop) as started:
        started.run(_stream(url, items))
    print(own_peak())


MEASUREMENTS = (Measurement(("P7",), _flat),)

if __name__ == "__main__":
    cyclopts.run(main)
