"""The hand-written loop and others on the same work, in the same rounds, with the loop against itself.

Whatever is compared here is given the same units, and the control comes with it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Literal

import attrs

from benchmarks.growth.results import GrowthPlan
from benchmarks.measure import Slice, Work, in_turn, median_ratio, rounds
from benchmarks.plan import CONTROL_BAND

__all__ = ["Compared", "compare"]

_AGAIN = "hand again"


@attrs.frozen
class Compared:
    """What rounds of some variants gave; `hand` is among them."""

    taken: Mapping[str, list[Slice]]
    #: Units of work in each slice.
    units: int

    @property
    def rounds(self) -> int:
        """How many there were."""
        return len(self.taken[_AGAIN])

    @property
    def control(self) -> float:
        """The speed of the hand-written loop as a ratio to itself."""
        return self.ratio(_AGAIN)

    def ratio(self, name: str, bar: str = "hand", *, by: Literal["wall", "cpu"] = "wall") -> float:
        """Return the speed of a variant as a ratio to that of the bar."""
        return median_ratio(self.taken[bar], self.taken[name], by=by)

    # A variant's own median would be of other moments than that of the bar, and a machine's speed wanders.

    def cpu(self, name: str) -> float:
        """Return the microseconds of CPU time that a unit costs: what the bar takes, times the ratio."""
        bar = statistics.median(one.cpu for one in self.taken["hand"])
        return bar / self.units * 1e6 / self.ratio(name, by="cpu")

    def speed(self, name: str) -> float:
        """Return the units per second: those of the bar, times the ratio."""
        bar = statistics.median(one.wall for one in self.taken["hand"])
        return self.units / bar * self.ratio(name)


async def compare(
    plan: GrowthPlan,
    variants: Mapping[str, Work],
    *,
    least: int = 8,
    units: int | None = None,
    pairs: int | None = None,
) -> Compared:
    """Run the variants in turn, and once more if the control says that the machine was too restless.

    Args:
        plan: How thoroughly.
        variants: What to compare; `hand` is the bar.
        least: The fewest units of a slice.
        units: The units of a slice, where they are given: nothing is warmed up then, and nothing repeated.
        pairs: How many rounds; the plan's if None.
    """
    pairs = pairs or plan.pairs
    all_variants = {"hand": variants["hand"], _AGAIN: variants["hand"], **variants}
    if units is not None:
        return Compared(await in_turn(all_variants, dict.fromkeys(all_variants, units), pairs), units)
    done = 0

    async def noting(count: int) -> None:
        nonlocal done
        done = count
        await variants["hand"](count)

    for _attempt in range(min(2, pairs)):  # one round says too little to be measured again
        taken = await rounds(
            {**all_variants, _AGAIN: noting}, pairs, slice_seconds=plan.slice_seconds, least=least
        )
        compared = Compared(taken, done)
        if CONTROL_BAND[0] <= compared.control <= CONTROL_BAND[1]:
            break
    return compared
