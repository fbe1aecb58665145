"""Which offsets of a log's partitions are settled, so that a consumer commits no further than that.

Pure bookkeeping for logs that are read in order and acknowledged by a position, as Kafka's are: no I/O, no
loop, no broker. It refuses to guess: what was not taken in cannot be settled, and what a partition had in
hand when it was taken away counts for nothing when it comes back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

from netaudience.errors import ConfigurationError

Partition = TypeVar("Partition", bound=Hashable)


class _Offsets:
    """One partition as it is assigned now."""

    __slots__ = ("committed", "last", "pending")

    def __init__(self, first: int) -> None:
        #: Taken and not settled, in the order in which they came. An `OrderedDict`, because the first key of
        #: a dict that is emptied from its front is found only by walking over what was removed.
        self.pending: OrderedDict[int, None] = OrderedDict()
        self.last = first - 1
        self.committed = first

    def resume(self) -> int:
        """Return where reading would have to go on, if it ended now."""
        return next(iter(self.pending), self.last + 1)


class Taken(NamedTuple):
    """One offset in hand; `OffsetTracker.settle` takes it back."""

    offset: int
    #: The assignment that it belongs to: a later one of the same partition is another.
    assignment: _Offsets

    def __repr__(self) -> str:
        return f"<Taken offset {self.offset:,}>"


class OffsetTracker(Generic[Partition]):
    """Knows up to where everything is settled, per partition, however the events settle.

    A partition is whatever names one: Kafka's ``TopicPartition``, or a number. Its offsets come in rising
    order, begin anywhere and may have gaps; they settle in any order. Memory is bound to what is in hand,
    and every step takes constant time::

        taken = tracker.take(partition, record.offset)
        if taken is not None:  # None: it is in hand already, or was settled
            ...                # deliver it, and then
            tracker.settle(taken)

        offsets = tracker.committable()
        await consumer.commit(offsets)
        tracker.committed(offsets)
    """

    def __init__(self) -> None:
        self._partitions: dict[Partition, _Offsets] = {}

    def __repr__(self) -> str:
        pending = sum(len(offsets.pending) for offsets in self._partitions.values())
        return f"<OffsetTracker of {len(self._partitions):,} partitions, {pending:,} in hand>"

    def take(self, partition: Partition, offset: int) -> Taken | None:
        """Take an offset in; None where it came before, so that its event must not be delivered again.

        The first one of a partition says where it begins. Whoever reads a partition again from an earlier
        offset forgets it first.
        """
        offsets = self._partitions.get(partition)
        if offsets is None:
            offsets = self._partitions[partition] = _Offsets(offset)
        if offset <= offsets.last:
            return None
        offsets.last = offset
        offsets.pending[offset] = None
        return Taken(offset, offsets)

    def settle(self, taken: Taken) -> None:
        """Note that the event of an offset is settled: delivered, or kept among the dead letters.

        One that was in hand when its partition was forgotten counts for nothing, and is no mistake.

        Raises:
            ConfigurationError: it was settled before.
        """
        try:
            del taken.assignment.pending[taken.offset]
        except KeyError:
            raise ConfigurationError(
                f"Offset {taken.offset:,} was settled before: settle each event once, with its outcome"
            ) from None

    def committable(self) -> dict[Partition, int]:
        """Return how far each partition may be committed, where that has moved since it was last `committed`.

        Each value is the offset **to go on from**: that of the first event that is not settled, or one above
        the last of all. It is what Kafka means by a committed offset, and goes to ``commit`` as it is: nobody
        adds one.
        """
        return {
            partition: resume
            for partition, offsets in self._partitions.items()
            if (resume := offsets.resume()) > offsets.committed
        }

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Note that a commit of what `committable` gave went through; after one that failed, do not."""
        for partition, resume in offsets.items():
            known = self._partitions.get(partition)
            if known is not None:
                known.committed = max(known.committed, resume)

    def pending(self, partition: Partition) -> int:
        """Return how many events of a partition are in hand: taken in and not settled."""
        offsets = self._partitions.get(partition)
        return 0 if offsets is None else len(offsets.pending)

    def forget(self, partition: Partition) -> None:
        """Forget a partition that was taken away, or that is read again from an earlier offset."""
        self._partitions.pop(partition, None)
