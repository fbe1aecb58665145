"""How much a test tries: a few examples or cases while one works on it, all with the slow tests."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ["examples", "mostly_slow"]

_ALL = os.environ.get("NETAUDIENCE_EXAMPLES") == "all"


def examples(number: int) -> int:
    """Return how many of so many examples are tried."""
    return number if _ALL else max(10, number // 5)


def mostly_slow(cases: Iterable[Any], at_once: Collection[object], *, unpack: bool = False) -> list[Any]:
    """Return a test's cases, all but those that are tried at once marked as slow.

    Args:
        cases: As `pytest.mark.parametrize` takes them.
        at_once: Which of them are few, quick, and alike enough to the others.
        unpack: Whether a case has the values of several arguments.
    """
    return [
        pytest.param(*(case if unpack else (case,)), marks=() if case in at_once else pytest.mark.slow)
        for case in cases
    ]
