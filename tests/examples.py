"""How many examples a property is tried with: a few while one works on it, all with the slow tests."""

from __future__ import annotations

import os

__all__ = ["examples"]

_ALL = os.environ.get("NETAUDIENCE_EXAMPLES") == "all"


def examples(number: int) -> int:
    """Return how many of so many examples are tried."""
    return number if _ALL else max(10, number // 5)
