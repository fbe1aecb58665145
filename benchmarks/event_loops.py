"""Which event loop a measurement runs in: asyncio's own, or uvloop."""

from __future__ import annotations

import asyncio

from benchmarks.plan import LoopName

__all__ = ["runner"]


def runner(loop: LoopName) -> asyncio.Runner:
    """Return a runner of that event loop."""
    if loop == "asyncio":
        return asyncio.Runner()
    import uvloop  # noqa: PLC0415 - only where it is asked for

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
