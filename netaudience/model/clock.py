"""A clock that nobody sets, and that goes on while the machine sleeps.

The event loop's own stands still meanwhile, so it cannot say whether what was lent for a while still holds.
"""

from __future__ import annotations

import time
from contextlib import suppress


def clock() -> float:
    """Return its seconds; all processes of a machine see the same ones."""
    with suppress(AttributeError, OSError):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    with suppress(AttributeError, OSError):
        return time.clock_gettime(time.CLOCK_MONOTONIC)  # elsewhere it goes on by itself
    return time.monotonic()
