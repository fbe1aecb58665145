"""Slices, rounds and pairs: how two variants are compared on a machine whose speed wanders.

All variants do the same work in slices of about 0.15 s, in turn and in one process; the ratio, of the time
that one unit takes, is taken inside each round, then the median over the rounds. No figure of one slice is
ever given out alone.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

__all__ = ["Slice", "Work", "in_turn", "median_ratio", "rounds"]

#: Seconds of one slice: long beside a run's start, short beside the machine's changes of mood.
SLICE = 0.15

Work: TypeAlias = Callable[[int], Awaitable[None]]
"""Does so many units of work, one being a request."""


@attrs.frozen
class Slice:
    """How long one slice took."""

    #: Seconds by the clock.
    wall: float
    #: Seconds of this process's own CPU time.
    cpu: float
    #: How much work it did.
    units: int = 1


async def rounds(
    variants: Mapping[str, Work],
    pairs: int,
    *,
    slice_seconds: float = SLICE,
    least: int = 8,
    same_units: bool = True,
) -> dict[str, list[Slice]]:
    """Run all variants in turn, so many rounds.

    Args:
        variants: What to compare. One that stands there twice, as its own control, does the same both times.
        pairs: How many rounds.
        slice_seconds: How long a slice of the first variant is to take.
        least: The fewest units of a slice.
        same_units: Whether all do as much as the first of them. Without it each does what fills its own
            slice, so that a slow one does not make the rounds long, nor a start weigh more on a quick one.
    """
    names = list(variants)
    if same_units:
        units = dict.fromkeys(names, await _units(variants[names[0]], slice_seconds, least))
    else:
        counted = {
            work: await _units(work, slice_seconds, least) for work in dict.fromkeys(variants.values())
        }
        units = {name: counted[work] for name, work in variants.items()}
    for name in names:  # opens the connections and fills the caches
        await variants[name](units[name])
    return await in_turn(variants, units, pairs)


async def in_turn(
    variants: Mapping[str, Work], units: Mapping[str, int], pairs: int
) -> dict[str, list[Slice]]:
    """Run all variants in turn, so many rounds of so many units each, as they are: nothing is warmed up."""
    names = list(variants)
    taken: dict[str, list[Slice]] = {name: [] for name in names}
    order = random.Random(1)
    gc.freeze()  # the prepared items are no garbage: looking at them again and again would be noise
    for _ in range(pairs):
        # Drawn anew for each round, so that no variant always follows the same one.
        for name in order.sample(names, len(names)):
            gc.collect()  # a slice pays for its own garbage, not for that of the one before
            wall, cpu = time.perf_counter(), time.process_time()
            await variants[name](units[name])
            taken[name].append(Slice(time.perf_counter() - wall, time.process_time() - cpu, units[name]))
    gc.unfreeze()
    return taken


async def _units(work: Work, seconds: float, least: int) -> int:
    """Return how many units take about so long."""
    units = least
    while True:
        start = time.perf_counter()
        await work(units)
        took = time.perf_counter() - start
        if took >= seconds / 2:
            return max(least, round(units * seconds / took))
        units *= 2


def median_ratio(
    over: Sequence[Slice], under: Sequence[Slice], *, by: Literal["wall", "cpu"] = "wall"
) -> float:
    """Return the median of the ratios inside each round, of what one unit took.

    With the bar's slices over a variant's it says how fast the variant is: 1 is as fast as the bar.
    """
    return statistics.median(
        (one.wall / other.wall if by == "wall" else one.cpu / other.cpu) * (other.units / one.units)
        for one, other in zip(over, under, strict=True)
    )
