"""Which of a run's items a meter has not counted yet: chunks count while the run goes on, its end the rest.

What was rejected before it was packed, or never sent, is in no chunk. It refuses to keep more than a bounded
number of runs, so that runs whose end nobody tells cannot pile up.
"""

from __future__ import annotations

from threading import Lock
from typing import TypeAlias

from netaudience.events import ChunkEnded, RunEnded

__all__ = ["OUTCOMES", "Counts", "Uncounted"]

OUTCOMES = ("delivered", "rejected", "failed", "in_doubt")
Counts: TypeAlias = tuple[int, int, int, int]
"""Items by outcome, in the order of `OUTCOMES`."""

#: Runs at one time of which it is known what was counted; more than ten thousand tasks that each have one.
_MOST_RUNS = 20_000


class Uncounted:
    """Tells apart what of a run was counted and what was not. Loops in several threads may share one."""

    def __init__(self) -> None:
        self._counted: dict[int, Counts] = {}
        self._lock = Lock()

    def of_chunk(self, event: ChunkEnded) -> Counts:
        """Return the counts of a chunk, and take note that they are counted."""
        counts = (event.delivered, event.rejected, event.failed, event.in_doubt)
        with self._lock:
            before = self._counted.get(event.run)
            if before is None and len(self._counted) >= _MOST_RUNS:
                del self._counted[next(iter(self._counted))]
            one, two, three, four = before or (0, 0, 0, 0)
            self._counted[event.run] = (
                one + event.delivered,
                two + event.rejected,
                three + event.failed,
                four + event.in_doubt,
            )
        return counts

    def at_the_end(self, event: RunEnded) -> Counts:
        """Return the counts of what was in no chunk, and forget the run."""
        with self._lock:
            one, two, three, four = self._counted.pop(event.run, (0, 0, 0, 0))
        # A counter never goes down, whatever the sums say.
        return (
            max(0, event.delivered - one),
            max(0, event.rejected - two),
            max(0, event.failed - three),
            max(0, event.in_doubt - four),
        )
