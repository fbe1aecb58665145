"""Metrics for Prometheus, from the events that a client tells: ``Settings(on_event=PrometheusMetrics())``.

Labels are the vendor, the operation and few words beside them, never an item's key. It serves no page:
``prometheus_client`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, write_to_textfile
except ImportError as missing:
    raise ImportError("Metrics need prometheus-client: pip install 'netaudience[prometheus]'") from missing

from netaudience.events import ChunkEnded, CircuitChanged, Event, Paused, RequestEnded, RunEnded
from netaudience.integrations.uncounted import Uncounted
from netaudience.outcomes import Counts

__all__ = ["MetricsFile", "PrometheusMetrics"]

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
#: A wait for the quota may be nothing, or a vendor's pause of minutes.
_WAIT_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: A run is one call, or a night's work.
_RUN_SECONDS = (0.05, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 43200.0)
_CHUNK_ITEMS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
#: Sets of labels that are kept looked up; a vendor that answers with ever new statuses must not fill memory.
_MOST_SETS = 4096

_Child: TypeAlias = Callable[[float], None]


class PrometheusMetrics:
    """The hook. One serves any number of clients, in any number of loops and threads.

    Several hooks on one registry share its metrics.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the metrics, unless an earlier hook has.

        Args:
            registry: Where they are read; the process's own if not given.

        Raises:
            ValueError: the registry has a metric of one of these names from somebody else.
        """
        self._meters = _meters_of(registry)
        self._uncounted = Uncounted()
        self._sets: dict[object, tuple[_Child, ...]] = {}

    def __repr__(self) -> str:
        return "<PrometheusMetrics>"

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RequestEnded():
                self._request(event)
            case ChunkEnded():
                counts = self._uncounted.of_chunk(event)
                (size,) = self._children(("chunk", event.vendor, event.operation), self._of_chunk)
                size(counts.rows)
                self._count(event, counts)
            case RunEnded():
                self._count(event, self._uncounted.at_the_end(event))
                key = ("run", event.vendor, event.operation, event.error or "")
                (seconds,) = self._children(key, self._of_run)
                seconds(event.seconds)
            case Paused():
                pauses, seconds = self._children(("pause", event.vendor, event.operation), self._of_pause)
                pauses(1)
                seconds(event.seconds)
            case CircuitChanged():
                # Who notices it is one operation, whom it concerns are all of the vendor.
                self._meters.circuit_open.labels(event.vendor).set(event.open)
            case _:
                pass  # what began is counted when it ends

    def _request(self, event: RequestEnded) -> None:
        status = event.error or "none" if event.status is None else str(event.status)
        key = ("request", event.vendor, event.operation, status)
        requests, seconds, waits, retries = self._children(key, self._of_request)
        requests(1)
        seconds(event.seconds)
        waits(event.waited)
        if event.repeated:
            retries(1)

    def _count(self, event: ChunkEnded | RunEnded, counts: Counts) -> None:
        for outcome, count in counts.named().items():
            if count:
                (items,) = self._children(("items", event.vendor, event.operation, outcome), self._of_items)
                items(count)

    def _children(
        self, key: tuple[str, ...], look_up: Callable[..., tuple[_Child, ...]]
    ) -> tuple[_Child, ...]:
        """Return what counts under these labels, looked up once: that costs more than counting."""
        found = self._sets.get(key)
        if found is None:
            if len(self._sets) >= _MOST_SETS:
                self._sets.clear()
            found = self._sets[key] = look_up(*key[1:])
        return found

    def _of_request(self, vendor: str, operation: str, status: str) -> tuple[_Child, ...]:
        meters = self._meters
        return (
            meters.requests.labels(vendor, operation, status).inc,
            meters.request_duration.labels(vendor, operation).observe,
            meters.quota_wait.labels(vendor, operation).observe,
            meters.retries.labels(vendor, operation).inc,
        )

    def _of_chunk(self, vendor: str, operation: str) -> tuple[_Child, ...]:
        return (self._meters.chunk_items.labels(vendor, operation).observe,)

    def _of_run(self, vendor: str, operation: str, error: str) -> tuple[_Child, ...]:
        return (self._meters.run_duration.labels(vendor, operation, error).observe,)

    def _of_pause(self, vendor: str, operation: str) -> tuple[_Child, ...]:
        meters = self._meters
        return (
            meters.pauses.labels(vendor, operation).inc,
            meters.pause_seconds.labels(vendor, operation).inc,
        )

    def _of_items(self, vendor: str, operation: str, outcome: str) -> tuple[_Child, ...]:
        return (self._meters.items.labels(vendor, operation, outcome).inc,)


class MetricsFile(PrometheusMetrics):
    """The hook of a program that ends: its metrics go into a file, for whoever scrapes the machine.

    The textfile collector of Prometheus's node exporter reads it:
    https://github.com/prometheus/node_exporter#textfile-collector
    """

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is written by `write` alone.

        Args:
            path: The file, whose name ends with ``.prom`` where the node exporter reads it.
        """
        self._registry = CollectorRegistry()
        self.path = Path(path)
        super().__init__(self._registry)

    def __repr__(self) -> str:
        return f"<MetricsFile {self.path.name}>"

    def write(self) -> None:
        """Write the file whole or not at all, with the moment at which the program ended.

        Raises:
            OSError: it cannot be written.
        """
        name = "netaudience_ended_timestamp_seconds"
        Gauge(name, "When the program ended.", registry=self._registry).set_to_current_time()
        write_to_textfile(str(self.path), self._registry)


class _Meters(NamedTuple):
    """The metrics of one registry."""

    requests: Counter
    request_duration: Histogram
    quota_wait: Histogram
    retries: Counter
    items: Counter
    chunk_items: Histogram
    run_duration: Histogram
    pauses: Counter
    pause_seconds: Counter
    circuit_open: Gauge


_made: WeakKeyDictionary[CollectorRegistry, _Meters] = WeakKeyDictionary()
_making = Lock()


def _meters_of(registry: CollectorRegistry) -> _Meters:
    """Return the metrics of a registry, made at the first time."""
    with _making:
        found = _made.get(registry)
        if found is None:
            found = _made[registry] = _make(registry)
        return found


def _make(registry: CollectorRegistry) -> _Meters:
    labels = ("vendor", "operation")
    return _Meters(
        Counter(
            "netaudience_requests",
            "Requests by HTTP status, or by the class of the error where no answer came.",
            (*labels, "status"),
            registry=registry,
        ),
        Histogram(
            "netaudience_request_duration_seconds",
            "Duration of requests.",
            labels,
            registry=registry,
            buckets=_REQUEST_SECONDS,
        ),
        Histogram(
            "netaudience_quota_wait_seconds",
            "Time that a request waited for the account's quota before it left.",
            labels,
            registry=registry,
            buckets=_WAIT_SECONDS,
        ),
        Counter("netaudience_retries", "Requests that repeat an earlier one.", labels, registry=registry),
        Counter(
            "netaudience_items",
            "Items by what became of them.",
            (*labels, "outcome"),
            registry=registry,
        ),
        Histogram(
            "netaudience_chunk_items", "Items of a chunk.", labels, registry=registry, buckets=_CHUNK_ITEMS
        ),
        Histogram(
            "netaudience_run_duration_seconds",
            "Duration of runs and calls, by the class of the error that ended them early.",
            (*labels, "error"),
            registry=registry,
            buckets=_RUN_SECONDS,
        ),
        Counter("netaudience_pauses", "Times that the vendor asked to slow down.", labels, registry=registry),
        Counter("netaudience_pause_seconds", "Time for which it asked, added up.", labels, registry=registry),
        Gauge(
            "netaudience_circuit_open",
            "1 while the vendor counts as down, else 0.",
            ("vendor",),
            registry=registry,
            multiprocess_mode="livemax",
        ),
    )
