"""How a step's requests went over time, for its report: the hook that is called with every event.

Its memory does not grow with the run, and an event costs about a microsecond. It keeps no identifier, no
body and no outcome of an item: what became of the rows is the summary's.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import attrs

from netaudience.errors import ConfigurationError
from netaudience.events import Event, Paused, RequestEnded
from netaudience.jobs.state.run_folder import replace
from netaudience.model.limits import Quota, Window, assumed
from netaudience.model.wire import JsonValue, dump_json, load_json, structure

#: A percentile is at most this share away from the exact one (the sketch of https://arxiv.org/abs/1908.10693).
ACCURACY = 0.02
#: Slices of time; when a run needs more, two neighbours become one.
MOST_SLICES = 600
#: Pauses that are told apart; when there are more, those closest to each other become one.
MOST_PAUSES = 200
MOST_SLOW = 20
#: The file of a run's folder.
FILE = "metrics.json"

_GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_SCALE = 1 / math.log(_GROWTH)
#: Seconds; what was faster counts as this.
_FASTEST = 1e-6
_OFFSET = -math.log(_FASTEST) * _SCALE
_log = math.log


def _middle(index: int) -> float:
    """Return the seconds that are nearest, by share, to all that falls into a bin."""
    return math.exp((index - _OFFSET) / _SCALE) * 2 * _GROWTH / (_GROWTH + 1)


class Latencies:
    """How many requests took how long, in bins that grow by the same share."""

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._counts = dict(sorted(counts.items()))

    def __len__(self) -> int:
        return sum(self._counts.values())

    def percentile(self, share: float) -> float | None:
        """Return the seconds within which this share of the requests ended; None where there was none."""
        left = max(1, math.ceil(len(self) * share - 1e-9))
        for index, count in self._counts.items():
            left -= count
            if left <= 0:
                return _middle(index)
        return None

    def histogram(self, together: int = 3) -> tuple[list[float], list[int]]:
        """Return the edges in seconds of columns, each of some bins, and the requests in each column."""
        columns: dict[int, int] = {}
        for index, count in self._counts.items():
            columns[index // together] = columns.get(index // together, 0) + count
        if not columns:
            return [], []
        places = range(min(columns), max(columns) + 1)
        edges = [math.exp((place * together - _OFFSET) / _SCALE) for place in (*places, places.stop)]
        return edges, [columns.get(place, 0) for place in places]


@attrs.define
class Slice:
    """What was sent in a span of time. All are sums, so that two slices become one by adding."""

    requests: int = 0
    #: Items of the requests that were answered with HTTP 2xx.
    items: int = 0
    #: Answers with HTTP 429.
    throttled: int = 0
    #: Other answers below 500 that are no 2xx.
    refused: int = 0
    #: Answers with HTTP 5xx.
    faults: int = 0
    #: Requests without an answer.
    unanswered: int = 0
    #: Requests that repeat an earlier one.
    repeated: int = 0
    #: Bytes of the bodies.
    size: int = 0
    #: Seconds until the answers, added up: divided by the span, the requests in flight.
    seconds: float = 0.0
    #: Seconds that the requests waited for the quota before they left, added up.
    waited: float = 0.0
    latencies: dict[int, int] = attrs.field(factory=dict[int, int])

    @property
    def succeeded(self) -> int:
        """Answers with HTTP 2xx."""
        return self.requests - self.throttled - self.refused - self.faults - self.unanswered

    def add(self, other: Slice) -> None:
        """Take another slice into this one."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        mine = self.latencies
        for index, count in other.latencies.items():
            mine[index] = mine.get(index, 0) + count


_SUMS = tuple(field.name for field in attrs.fields(Slice) if field.name != "latencies")


@attrs.define
class Pause:
    """A span in which nothing of the quota left, because the vendor asked to slow down."""

    #: Seconds since the start.
    start: float
    end: float
    #: Seconds of the span that were a pause: all, unless neighbours had to become one.
    seconds: float
    #: How many answers asked for it.
    asked: int = 1


@attrs.frozen
class SlowRequest:
    """One of the requests that took longest."""

    #: Seconds until its answer, or until there was none.
    seconds: float
    #: Seconds since the start when it left.
    at: float
    status: int | None = None
    records: int = 0
    size: int = 0
    repeated: bool = False


@attrs.frozen
class Attempt:
    """A process that carried the run: where it begins in the metrics, and when that was."""

    #: Seconds since the start; the time between two attempts is left out.
    at: float
    #: Seconds since 1970.
    wall: float


@attrs.frozen
class Ceiling:
    """A limit that the step was bound by."""

    value: float
    #: Seconds of its window.
    per: float = 1.0
    counts: Literal["requests", "records"] = "requests"
    #: documented, reported or assumed.
    provenance: str = "assumed"
    #: True where the rate feels its way up to this.
    adapts: bool = False

    @property
    def rate(self) -> float:
        """The number per second."""
        return self.value / self.per

    @property
    def label(self) -> str:
        """The rate, for example ``10 requests per second``."""
        return Window(assumed(self.value, "read from a file"), self.per, self.counts).at(self.value)


@attrs.define
class _Saved:
    width: float
    slices: list[Slice]
    statuses: dict[str, int]
    slowest: list[SlowRequest]
    pauses: list[Pause]
    attempts: list[Attempt]
    ceilings: list[Ceiling]
    in_flight: int | None = None
    throttles: int = 0


class Metrics:
    """The hook of one step: give it as ``Settings(on_event=metrics)``.

    Args:
        start: Seconds of the loop's clock from which time is counted; give the same to all steps of a
            run, so that their pictures have one time. The first event's where it is not set.
        wall: Seconds since 1970 at the same moment; now, where it is not set.
    """

    __slots__ = (
        "_bar",
        "_slowest",
        "_start",
        "_tie",
        "_wall",
        "attempts",
        "ceilings",
        "counting",
        "in_flight",
        "pauses",
        "slices",
        "statuses",
        "throttles",
        "width",
    )

    def __init__(self, start: float | None = None, *, wall: float | None = None) -> None:
        self._start = start
        #: Whether requests are counted: what a preflight asks before rows are sent is none of theirs.
        self.counting = True
        self._wall = time.time() if wall is None else wall
        #: Seconds of a slice.
        self.width = 1.0
        self.slices: list[Slice] = []
        #: Answers by HTTP status; None where there was no answer.
        self.statuses: dict[int | None, int] = {}
        self.pauses: list[Pause] = []
        #: How often the vendor asked to slow down.
        self.throttles = 0
        self.attempts = [Attempt(0.0, self._wall)]
        self.ceilings: list[Ceiling] = []
        #: The most requests at one time.
        self.in_flight: int | None = None
        # A heap whose first is the fastest of the slowest; the number decides between equals.
        self._slowest: list[tuple[float, int, SlowRequest]] = []
        self._bar = -1.0
        self._tie = 0

    def __repr__(self) -> str:
        return f"<Metrics of {self.total().requests:,} requests in {len(self.slices):,} slices>"

    def __call__(self, event: Event) -> None:  # noqa: C901 - a call would cost as much as all branches
        """Count an event. This is called for every request, so it does as little as possible."""
        if type(event) is not RequestEnded or not self.counting:
            if type(event) is Paused and self.counting:
                self._paused(event)
            return
        _vendor, _operation, sent, seconds, status, records, size, waited, repeated, *_ = event
        start = self._start
        if start is None:
            start = self._start = sent - waited
        index = int((sent - start) / self.width)
        try:
            part = self.slices[index]
        except IndexError:
            part = self._slice(sent - start)
        if index < 0:  # the first event of all was not the first to leave
            part = self.slices[0]
        part.requests += 1
        part.seconds += seconds
        part.waited += waited
        part.size += size
        if status is None:
            part.unanswered += 1
        elif status < 300:
            part.items += records
        elif status == 429:
            part.throttled += 1
        elif status < 500:
            part.refused += 1
        else:
            part.faults += 1
        if repeated:
            part.repeated += 1
        latencies = part.latencies
        place = int(_log(seconds) * _SCALE + _OFFSET) if seconds > _FASTEST else 0
        latencies[place] = latencies.get(place, 0) + 1
        statuses = self.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if seconds > self._bar:
            self._keep(SlowRequest(seconds, max(0.0, sent - start), status, records, size, repeated))

    def limited_by(self, quota: Quota) -> None:
        """Take note of the limits that the client keeps, for the report: ``client.quota(operation)``."""
        self.ceilings = [
            Ceiling(
                window.most if quota.ceiling is None else quota.ceiling.value,
                window.per,
                window.counts,
                str((quota.ceiling or window.figure).provenance),
                quota.ceiling is not None,
            )
            for window in quota.windows
        ]
        self.in_flight = int(quota.in_flight)

    @property
    def seconds(self) -> float:
        """Seconds from the start to the end of the last slice."""
        return len(self.slices) * self.width

    @property
    def slowest(self) -> list[SlowRequest]:
        """The requests that took longest, the slowest first."""
        return [request for _, _, request in sorted(self._slowest, key=lambda kept: (-kept[0], kept[1]))]

    def total(self) -> Slice:
        """Return the sums of all slices."""
        return added(self.slices)

    def coarser(self, most: int) -> tuple[float, list[Slice]]:
        """Return the seconds of a slice, and at most a number of slices with the same sums."""
        times = max(1, math.ceil(len(self.slices) / most))
        parts = [added(self.slices[at : at + times]) for at in range(0, len(self.slices), times)]
        return self.width * times, parts

    def to_json(self) -> dict[str, JsonValue]:
        """Return everything as JSON values."""
        slices: list[JsonValue] = []
        for part in self.slices:
            sums: dict[str, JsonValue] = {name: value for name in _SUMS if (value := getattr(part, name))}
            sums["latencies"] = {str(index): count for index, count in part.latencies.items()}
            slices.append(sums)
        return {
            "width": self.width,
            "slices": slices,
            "statuses": {
                "" if status is None else str(status): count for status, count in self.statuses.items()
            },
            "slowest": [attrs.asdict(request) for request in self.slowest],
            "pauses": [attrs.asdict(pause) for pause in self.pauses],
            "throttles": self.throttles,
            "attempts": [attrs.asdict(attempt) for attempt in self.attempts],
            "ceilings": [attrs.asdict(ceiling) for ceiling in self.ceilings],
            "in_flight": self.in_flight,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Metrics:
        """Read what `to_json` gave.

        Raises:
            ValueError: it is something else.
        """
        saved = structure(value, _Saved)
        if not (saved.width > 0 and saved.attempts and len(saved.slices) <= MOST_SLICES):
            raise ValueError("the metrics have no width, no attempt, or too many slices")
        made = cls(0.0, wall=saved.attempts[0].wall)
        made.width, made.slices = saved.width, saved.slices
        made.statuses = {int(status) if status else None: count for status, count in saved.statuses.items()}
        made.pauses, made.throttles = saved.pauses, saved.throttles
        made.attempts, made.ceilings, made.in_flight = saved.attempts, saved.ceilings, saved.in_flight
        for request in saved.slowest[:MOST_SLOW]:
            made._keep(request)
        return made

    def resume(self, start: float, *, wall: float | None = None) -> None:
        """Go on after what an earlier process counted.

        The time between the two is left out: a pause for the night would press the run into a corner.

        Args:
            start: Seconds of this loop's clock from which this attempt counts.
            wall: Seconds since 1970 at that moment; now, where it is not set.
        """
        self.counting = True
        before = self.seconds
        self._start = start - before
        if self.attempts[-1].at == before:  # it sent nothing
            self.attempts.pop()
        self.attempts.append(Attempt(before, time.time() if wall is None else wall))

    def _slice(self, at: float) -> Slice:
        """Return the slice of a moment that has none yet: make it, and make all wider where needed."""
        while at / self.width >= MOST_SLICES:
            self._widen()
        index = max(0, int(at / self.width))
        slices = self.slices
        slices.extend(Slice() for _ in range(index + 1 - len(slices)))
        return slices[index]

    def _widen(self) -> None:
        self.slices = [added(self.slices[at : at + 2]) for at in range(0, len(self.slices), 2)]
        self.width *= 2

    def _keep(self, request: SlowRequest) -> None:
        self._tie += 1
        kept = (request.seconds, self._tie, request)
        if len(self._slowest) < MOST_SLOW:
            heapq.heappush(self._slowest, kept)
        else:
            heapq.heapreplace(self._slowest, kept)
        if len(self._slowest) == MOST_SLOW:
            self._bar = self._slowest[0][0]

    def _paused(self, event: Paused) -> None:
        """Add a pause; those that overlap are one, for the quota waits for the longest."""
        self.throttles += 1
        if self._start is None:
            self._start = event.at
        start, pauses = max(0.0, event.at - self._start), self.pauses
        end = start + event.seconds
        if pauses and start <= pauses[-1].end:
            last = pauses[-1]
            last.asked += 1
            last.seconds += max(0.0, end - last.end)
            last.end = max(last.end, end)
            return
        pauses.append(Pause(start, end, event.seconds))
        if len(pauses) > MOST_PAUSES:
            gaps = [after.start - before.end for before, after in pairwise(pauses)]
            at = gaps.index(min(gaps))
            first, second = pauses[at : at + 2]
            pauses[at : at + 2] = [
                Pause(first.start, second.end, first.seconds + second.seconds, first.asked + second.asked)
            ]


def added(slices: Iterable[Slice]) -> Slice:
    """Return the sum of slices."""
    total = Slice()
    for part in slices:
        total.add(part)
    return total


def write_metrics(folder: Path, steps: Mapping[str, Metrics]) -> Path:
    """Write the metrics of a run's steps, by name, into its folder: the whole file or none of it."""
    path = folder / FILE
    replace(path, dump_json({"steps": {name: metrics.to_json() for name, metrics in steps.items()}}))
    return path


def read_metrics(folder: Path) -> dict[str, Metrics]:
    """Read the metrics of a run's steps; none where nothing was measured.

    Raises:
        ConfigurationError: the file is something else.
    """
    try:
        body = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        whole = load_json(body)
        steps = whole.get("steps") if isinstance(whole, Mapping) else None
        if not isinstance(steps, Mapping):
            raise ValueError("no steps")  # noqa: TRY004, TRY301 - told below like every other mistake
        return {name: Metrics.from_json(value) for name, value in steps.items()}
    except ValueError as error:
        raise ConfigurationError(
            f"The {FILE} of the run {folder.name} cannot be read: {error}. "
            "Delete it: the report is then made without pictures over time"
        ) from error
