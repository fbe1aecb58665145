"""Positions of a source as ranges: a million that lie side by side are one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence


class Positions:
    """A set of positions as ranges that neither touch nor overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    def __len__(self) -> int:
        return sum(self._stops) - sum(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)

    def add(self, start: int, stop: int) -> None:
        """Add the positions from start up to, and without, stop."""
        starts, stops = self._starts, self._stops
        first = bisect_right(stops, start - 1)
        last = bisect_right(starts, stop)
        if first < last:
            start, stop = min(start, starts[first]), max(stop, stops[last - 1])
        starts[first:last] = [start]
        stops[first:last] = [stop]

    def remove(self, position: int) -> None:
        """Take one position out, if it is in."""
        at = bisect_right(self._starts, position) - 1
        if at < 0 or self._stops[at] <= position:
            return
        start, stop = self._starts[at], self._stops[at]
        parts = [(start, position), (position + 1, stop)]
        kept = [part for part in parts if part[0] < part[1]]
        self._starts[at : at + 1] = [start for start, _ in kept]
        self._stops[at : at + 1] = [stop for _, stop in kept]

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Give the ranges of the set that lie between start and stop, cut to them."""
        for at in range(bisect_right(self._stops, start), len(self._starts)):
            if self._starts[at] >= stop:
                return
            yield max(start, self._starts[at]), min(stop, self._stops[at])


def left_of(positions: range, settled: Positions, doubtful: Positions) -> tuple[list[int], range | list[int]]:
    """Return which of the positions are in doubt and not settled, and which are neither."""
    known = list(settled.within(positions.start, positions.stop))
    unclear = list(doubtful.within(positions.start, positions.stop))
    if not known and not unclear:
        return [], positions
    done = {position for start, stop in known for position in range(start, stop)}
    doubt = [position for start, stop in unclear for position in range(start, stop) if position not in done]
    done.update(doubt)
    return doubt, [position for position in positions if position not in done]


def ranges(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the ranges that ascending positions make."""
    if isinstance(positions, range) and positions.step == 1:
        if positions:
            yield positions.start, positions.stop
        return
    start = stop = None
    for position in sorted(positions):
        if position != stop:
            if start is not None and stop is not None:
                yield start, stop
            start = position
        stop = position + 1
    if start is not None and stop is not None:
        yield start, stop
