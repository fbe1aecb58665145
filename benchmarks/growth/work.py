"""What is sent in every growth: generated identifiers and records, and the reading of a run of ours.

Items are made as they are read, alike for the hand-written loop and for ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from netaudience import Run

__all__ = ["consumed", "ids", "records", "tag_body"]

Item = TypeVar("Item")


def ids(count: int) -> Iterator[str]:
    """Make so many identifiers."""
    return (f"customer-{number:08d}" for number in range(count))


def records(count: int) -> Iterator[dict[str, object]]:
    """Make so many records with a key and two attributes."""
    return (
        {"extId": f"customer-{number:08d}", "profile": {"city": "Izmir", "visits": number % 97}}
        for number in range(count)
    )


def tag_body(chunk: list[str]) -> object:
    """Make the body that the benchmark's vendor makes of identifiers."""
    return {"tag": "Sport", "extIds": chunk}


async def consumed(run: Run[Item]) -> None:
    """Read a run's settled chunks.

    Raises:
        RuntimeError: not every item was delivered.
    """
    async with run as outcomes:
        async for _ in outcomes.chunks():
            pass
        if not outcomes.report.ok:
            raise RuntimeError("The run did not deliver every item, so its time says nothing")
