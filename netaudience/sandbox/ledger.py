"""What reached the sandbox: a log of requests, how often each key was applied, two watches.

The log is a ring without bodies or keys; of the last few requests the bodies are kept as well, to be looked
at. Keys are counted per operation, because "every item exactly where it belongs" is the promise that the
sandbox is there to check.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from netaudience.sandbox.protocol import Json

#: A vendor's name and an operation's.
Place: TypeAlias = tuple[str, str]

LOG_LENGTH = 1000
#: How many of the last requests are shown, with how many bytes of their bodies.
SHOWN = 50
_SHOWN_BYTES = 16_384


@attrs.frozen
class Entry:
    """One request as the log keeps it."""

    ordinal: int
    #: On the sandbox's clock.
    arrived: float
    vendor: str
    operation: str
    #: None where the connection was closed instead of answered.
    status: int | None
    keys: int
    fault: str | None
    #: Real seconds until the answer was ready.
    duration: float


@attrs.frozen
class Body:
    """What one request carried."""

    ordinal: int
    #: Of all of it; the text may be its beginning alone.
    size: int
    text: bytes = attrs.field(repr=False)


class OrderWatch:
    """Follows one attribute's value per key; it must never fall.

    A body is read from its first row to its last, and what it leaves behind is compared with what
    the request before it left: a chunk that is sent again after a lost answer is no inversion.
    """

    def __init__(self, attribute: str | None) -> None:
        self.attribute = attribute
        self.inversions: Counter[Place] = Counter()
        self._last: defaultdict[Place, dict[str, float]] = defaultdict(dict[str, float])

    def applied(self, place: Place, values: Iterable[tuple[str, Mapping[str, Json]]]) -> None:
        """Look at the rows of one applied request."""
        if self.attribute is None:
            return
        left_behind: dict[str, float] = {}
        for key, row in values:
            for number in _numbers(row.get(self.attribute)):
                if number < left_behind.get(key, number):
                    self.inversions[place] += 1
                left_behind[key] = number
        last = self._last[place]
        for key, number in left_behind.items():
            if number < last.get(key, number):
                self.inversions[place] += 1
        last.update(left_behind)


class OverlapWatch:
    """Follows which keys are in flight, for operations whose rows carry values.

    A request whose client gave up is in flight until the server is done with it: its repetition
    counts as an overlap, because the vendor could apply the two in either order.
    """

    def __init__(self) -> None:
        self.overlaps: Counter[Place] = Counter()
        self._in_flight: defaultdict[Place, set[str]] = defaultdict(set[str])

    def enter(self, place: Place, keys: frozenset[str]) -> None:
        """Count a request whose keys meet those of another one."""
        in_flight = self._in_flight[place]
        if not in_flight.isdisjoint(keys):
            self.overlaps[place] += 1
        in_flight |= keys

    def leave(self, place: Place, keys: frozenset[str]) -> None:
        """Forget a request's keys.

        After an overlap the other request's keys go too: the count may then be low, never zero.
        """
        self._in_flight[place] -= keys


class Ledger:
    """Everything that the sandbox remembers about its requests."""

    def __init__(self, order_attribute: str | None) -> None:
        self.requests: deque[Entry] = deque(maxlen=LOG_LENGTH)
        self.bodies: deque[Body] = deque(maxlen=SHOWN)
        #: Applications by key: one per item, so an id in two rows counts twice.
        self.applied: defaultdict[Place, Counter[str]] = defaultdict(Counter[str])
        self.statuses: defaultdict[Place, Counter[str]] = defaultdict(Counter[str])
        self.order = OrderWatch(order_attribute)
        self.overlap = OverlapWatch()
        self._ordinal = 0

    def number(self) -> int:
        """The ordinal of the request that has just come in, from 1."""
        self._ordinal += 1
        return self._ordinal

    def keep(self, ordinal: int, body: bytes) -> None:
        """Keep the beginning of a body."""
        self.bodies.append(Body(ordinal, len(body), body[:_SHOWN_BYTES]))

    def record(self, entry: Entry) -> None:
        """Log a request that was answered, or whose connection was closed."""
        self.requests.append(entry)
        status = "reset" if entry.status is None else str(entry.status)
        self.statuses[entry.vendor, entry.operation][status] += 1

    def apply(
        self, place: Place, keys: Sequence[str], values: Iterable[tuple[str, Mapping[str, Json]]]
    ) -> None:
        """Count a change that was applied."""
        self.applied[place].update(keys)
        self.order.applied(place, values)


def _numbers(value: Json) -> list[float]:
    """The numbers of an attribute: itself, or those of an array that is pushed."""
    candidates: list[Json] = value if isinstance(value, list) else [value]
    return [item for item in candidates if isinstance(item, int | float) and not isinstance(item, bool)]
