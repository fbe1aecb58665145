"""Which of a run's items a meter has not counted yet: chunks count while the run goes on, its end the rest.

What was rejected before it was packed, or never sent, is in no chunk. It refuses to keep more than a bounded
number of runs, so that runs whose end nobody tells cannot pile up.
"""

from __future__ import annotations

from threading import Lock

from netaudience.events import ChunkEnded, RunEnded
from netaudience.outcomes import Counts

#: Runs at one time of which it is known what was counted; more than ten thousand tasks that each have one.
_MOST_RUNS = 20_000


class Uncounted:
    """Tells apart what of a run was counted and what was not. Loops in several threads may share one."""

    def __init__(self) -> None:
        self._counted: dict[int, Counts] = {}
        self._lock = Lock()

    def of_chunk(self, event: ChunkEnded) -> Counts:
        """Return the counts of a chunk, and take note that they are counted."""
        counts = counts_of(event)
        with self._lock:
            before = self._counted.get(event.run)
            if before is None:
                if len(self._counted) >= _MOST_RUNS:
                    del self._counted[next(iter(self._counted))]
                before = self._counted[event.run] = Counts()
            before.add(counts)
        return counts

    def at_the_end(self, event: RunEnded) -> Counts:
        """Return the counts of what was in no chunk, and forget the run."""
        with self._lock:
            before = self._counted.pop(event.run, Counts()).named()
        # A counter never goes down, whatever the sums say.
        return Counts(
            **{name: max(0, count - before[name]) for name, count in counts_of(event).named().items()}
        )


def counts_of(event: ChunkEnded | RunEnded) -> Counts:
    """Return the counts that an event tells; of a chunk nothing is unsent."""
    return Counts(
        delivered=event.delivered,
        rejected=event.rejected,
        failed=event.failed,
        in_doubt=event.in_doubt,
        unsent=event.unsent if isinstance(event, RunEnded) else 0,
    )
