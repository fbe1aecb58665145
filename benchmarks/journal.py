"""P11: the journal on against off, a thousand identifiers in a request.

With it every settled chunk is on disk before anybody is told, and what must not be repeated is written down
before it is sent as well. Each run has a file of its own, as it does in real life; making it is part of the
run. The control is the run without a journal against itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.measure import Slice, Work, median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import CHUNK, VendorClient
from netaudience import Run

__all__ = ["MEASUREMENTS"]

#: Seconds of a slice: a run's file is made and closed once, which is seen in a short one and not in a run.
_SLICE = 0.5
_LEAST = 0.8


def _ids(chunks: int) -> Iterator[str]:
    return (f"customer-{number:08d}" for number in range(chunks * CHUNK))


async def _consume(run: Run[str]) -> None:
    """Read settled chunks and look at no item."""
    async with run as outcomes:
        async for _ in outcomes.chunks():
            pass
        if not outcomes.report.ok:
            raise RuntimeError("The run did not deliver every item, so its time says nothing")


async def _on_and_off(plan: Plan) -> list[Result]:
    files = count()
    with tempfile.TemporaryDirectory(prefix="netaudience-benchmark-") as folder:

        def journal() -> Path:
            return Path(folder) / f"{next(files)}.sqlite"

        async with serve(plan) as sink, VendorClient(sink.url) as client:

            async def off(chunks: int) -> None:
                await _consume(client.tag(_ids(chunks)))

            async def on(chunks: int) -> None:
                await _consume(client.tag(_ids(chunks)).journaled(journal()))

            async def noted(chunks: int) -> None:
                await _consume(client.tag_once(_ids(chunks)).journaled(journal()))

            variants: dict[str, Work] = {"off": off, "off again": off, "on": on, "noted": noted}
            taken = await rounds(variants, plan.pairs, slice_seconds=_SLICE)
    return [
        _result(taken, "on", "repeatable", "settled chunks journaled, vs no journal"),
        _result(taken, "noted", "once", "what must not be repeated, noted before it is sent, vs no journal"),
    ]


def _result(taken: dict[str, list[Slice]], name: str, part: str, what: str) -> Result:
    return Result(
        id="P11",
        part=part,
        what=f"{CHUNK} ids per request, {what}",
        measured=median_ratio(taken["off"], taken[name]),
        promise=_LEAST,
        bound="at least",
        control=median_ratio(taken["off"], taken["off again"]),
    )


MEASUREMENTS = (Measurement(("P11",), _on_and_off, moody=True),)
