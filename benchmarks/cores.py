"""Which processor core the sink has and which the client, so that neither takes the other's time.

Where the system does not offer it, or there is one core only, nothing is pinned.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["pin", "pinned", "sink_and_client"]


def sink_and_client() -> tuple[int, int] | tuple[None, None]:
    """Return a core for the sink and another for the client, where there are two."""
    if sys.platform != "linux":
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Keep this process, and those that it starts, on one core."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on one core."""
    if core is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
