"""Spans and metrics for OpenTelemetry, from a client's events: ``Settings(on_event=Telemetry())``.

It needs ``opentelemetry-api`` alone, and does nothing where no SDK is set up. HTTP is reported in the stable
semantic conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), all else under
``netaudience.``. It refuses what could name a person or a secret: no key, path, query, body, header or text
of an error, which is told by its class.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock
from typing import TypeAlias

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanKind, StatusCode
except ImportError as missing:
    raise ImportError("Spans and metrics need OpenTelemetry: pip install 'netaudience[otel]'") from missing

from netaudience.events import (
    ChunkEnded,
    ChunkStarted,
    CircuitChanged,
    Event,
    Paused,
    RequestEnded,
    RunEnded,
    RunStarted,
)
from netaudience.integrations.uncounted import Uncounted, counts_of
from netaudience.outcomes import Counts

__all__ = ["Telemetry"]

_NAME = "netaudience"
#: The conventions whose names are used here.
_SCHEMA = "https://opentelemetry.io/schemas/1.27.0"
#: Advised by https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ for requests.
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
#: A wait for the quota may be nothing, or a vendor's pause of minutes.
_WAIT_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: A run is one call, or a night's work.
_RUN_SECONDS = (0.05, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 43200.0)
_CHUNK_ITEMS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
#: Runs at one time that have a span; more than ten thousand tasks that each have one.
_MOST_RUNS = 20_000
#: Sets of attributes that are kept made; a vendor that answers with ever new statuses must not fill memory.
_MOST_SETS = 4096

Attributes: TypeAlias = dict[str, str | int | float | bool]


class _Parent:
    """A span under which requests hang: a run's or a chunk's."""

    __slots__ = ("context", "resent", "span")

    def __init__(self, span: Span, context: Context) -> None:
        self.span = span
        self.context = context
        #: How often in a row a request of it has been sent again.
        self.resent = 0


class _Run:
    """A run that is under way."""

    __slots__ = ("chunks", "lasting", "parent", "recording", "started")

    def __init__(self, parent: _Parent, *, lasting: bool) -> None:
        self.parent = parent
        self.lasting = lasting
        self.recording = parent.span.is_recording()
        self.started = time.monotonic()
        #: The chunks that are under way and have a span, by number.
        self.chunks: dict[int, _Parent] = {}


class Telemetry:
    """The hook. One serves any number of clients, in any number of loops and threads.

    A run's span hangs under the span that is current where the run is awaited, its chunks' spans under it,
    its requests' spans under those; a call has no chunk. Where the sampler leaves a run out, nothing
    further is made of it.

    A chunk starts a trace of its own, linked to its run, where the run is lasting (a batcher), and where the
    run is older than `trace_seconds` or has given `trace_chunks` chunks: a trace of a hundred thousand spans,
    or of days, is one that no backend shows.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        *,
        trace_seconds: float = 600.0,
        trace_chunks: int = 1000,
    ) -> None:
        """Make the hook; providers that are set up later are found all the same.

        Args:
            tracer_provider: Makes the spans; the global provider if None.
            meter_provider: Makes the metrics; the global provider if None.
            trace_seconds: Age of a run after which its chunks have traces of their own.
            trace_chunks: Chunks of a run after which the next have traces of their own.
        """
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider, schema_url=_SCHEMA)
        self._meters = _Meters(metrics.get_meter(_NAME, meter_provider=meter_provider, schema_url=_SCHEMA))
        self._trace_seconds = trace_seconds
        self._trace_chunks = trace_chunks
        self._runs: dict[int, _Run] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Telemetry of {len(self._runs):,} runs under way>"

    def __call__(self, event: Event) -> None:
        """Make spans and metrics of an event."""
        match event:
            case RequestEnded():
                self._request(event)
                self._meters.request(event)
            case ChunkStarted():
                self._chunk_started(event)
            case ChunkEnded():
                self._chunk_ended(event)
                self._meters.chunk(event)
            case RunStarted():
                self._run_started(event)
            case RunEnded():
                self._run_ended(event)
                self._meters.run(event)
            case Paused():
                self._meters.paused(event)
            case CircuitChanged():
                self._meters.circuit(event)

    def _run_started(self, event: RunStarted) -> None:
        attributes = {**_names(event), "netaudience.run": event.run}
        if event.lasting:
            attributes["netaudience.lasting"] = True
        span = self._tracer.start_span("netaudience.run", attributes=attributes)
        run = _Run(_Parent(span, trace.set_span_in_context(span)), lasting=event.lasting)
        if event.lasting:
            # It tells that it began, and is what its chunks are linked to. A span of days would be exported
            # days later, and belong to whatever happened to open it.
            span.end()
        lost = None
        with self._lock:
            if len(self._runs) >= _MOST_RUNS:
                oldest = next((number for number, kept in self._runs.items() if not kept.lasting), None)
                lost = None if oldest is None else self._runs.pop(oldest)
            self._runs[event.run] = run
        if lost is not None:
            _end_all(lost)

    def _run_ended(self, event: RunEnded) -> None:
        with self._lock:
            run = self._runs.pop(event.run, None)
        if run is None:
            return
        span = run.parent.span
        if run.recording and not run.lasting:
            span.set_attribute("netaudience.items", event.items)
            _tell_outcomes(span, counts_of(event), event.error)
        _end_all(run)

    def _chunk_started(self, event: ChunkStarted) -> None:
        run = self._runs.get(event.run)
        if run is None:
            return
        apart = (
            run.lasting
            or event.chunk > self._trace_chunks
            or time.monotonic() - run.started > self._trace_seconds
        )
        if not apart and not run.recording:
            return
        linked = run.parent.span.get_span_context()
        span = self._tracer.start_span(
            "netaudience.chunk",
            # An empty context, not None: the worker's own has the span of whoever started the run.
            Context() if apart else run.parent.context,
            attributes={
                **_names(event),
                "netaudience.run": event.run,
                "netaudience.chunk": event.chunk,
                "netaudience.records": event.records,
            },
            links=[Link(linked)] if apart and linked.is_valid else None,
        )
        if span.is_recording():
            run.chunks[event.chunk] = _Parent(span, trace.set_span_in_context(span, Context()))

    def _chunk_ended(self, event: ChunkEnded) -> None:
        run = self._runs.get(event.run)
        chunk = None if run is None else run.chunks.pop(event.chunk, None)
        if chunk is not None:
            _tell_outcomes(chunk.span, counts_of(event), None)
            chunk.span.end()

    def _request(self, event: RequestEnded) -> None:
        run = self._runs.get(event.run)
        if run is None:
            return
        parent = run.chunks.get(event.chunk) if event.chunk else run.parent if run.recording else None
        if parent is None:
            return
        parent.resent = parent.resent + 1 if event.repeated else 0
        attributes: Attributes = {
            **_http(event),
            **_names(event),
            "http.request.body.size": event.size,
            "netaudience.records": event.records,
            "netaudience.quota.wait": event.waited,
        }
        if event.repeated:
            attributes["http.request.resend_count"] = parent.resent
        ended = time.time_ns()
        span = self._tracer.start_span(
            "netaudience.request",
            parent.context,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(event.seconds * 1e9),
        )
        if event.error is not None:
            # Judged by who knows the vendor: a 404 that answers a question is none, a 200 may be one.
            span.set_status(StatusCode.ERROR)
        span.end(ended)


def _end_all(run: _Run) -> None:
    """End the spans of a run that are still open."""
    for chunk in list(run.chunks.values()):
        chunk.span.end()
    run.chunks.clear()
    if not run.lasting:
        run.parent.span.end()


def _tell_outcomes(span: Span, counts: Counts, error: str | None) -> None:
    """Set what became of the items, and the status of an error where not all is well."""
    for outcome, count in counts.named().items():
        if count:
            span.set_attribute(f"netaudience.items.{outcome}", count)
    worst = "InDoubt" if counts.in_doubt else "Failed" if counts.failed else None
    worst = worst or ("Rejected" if counts.rejected else None)
    if error or worst:
        span.set_attribute("error.type", error or worst or "_OTHER")
        span.set_status(StatusCode.ERROR)


def _names(event: Event) -> Attributes:
    return {"netaudience.vendor": event.vendor, "netaudience.operation": event.operation}


def _http(event: RequestEnded) -> Attributes:
    """Return what the conventions ask for of a client's request, besides its URL, which may hold an id."""
    attributes: Attributes = {"http.request.method": event.method or "_OTHER", "server.address": event.host}
    if event.port:
        attributes["server.port"] = event.port
    if event.status is not None:
        attributes["http.response.status_code"] = event.status
    if event.error is not None:
        attributes["error.type"] = event.error
    return attributes


class _Meters:
    """The instruments."""

    def __init__(self, meter: metrics.Meter) -> None:
        self._seconds = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_REQUEST_SECONDS,
        )
        self._waits = meter.create_histogram(
            "netaudience.quota.wait",
            "s",
            "Time that a request waited for the account's quota before it left.",
            explicit_bucket_boundaries_advisory=_WAIT_SECONDS,
        )
        self._runs = meter.create_histogram(
            "netaudience.run.duration",
            "s",
            "Duration of runs and calls.",
            explicit_bucket_boundaries_advisory=_RUN_SECONDS,
        )
        self._chunks = meter.create_histogram(
            "netaudience.chunk.size",
            "{item}",
            "Items of a chunk.",
            explicit_bucket_boundaries_advisory=_CHUNK_ITEMS,
        )
        self._items = meter.create_counter("netaudience.items", "{item}", "Items by what became of them.")
        self._retries = meter.create_counter(
            "netaudience.retries", "{request}", "Requests that repeat an earlier one."
        )
        self._pauses = meter.create_counter(
            "netaudience.pauses", "{pause}", "Times that the vendor asked to slow down."
        )
        self._circuit = meter.create_gauge(
            "netaudience.circuit.open", "1", "1 while the vendor counts as down, else 0."
        )
        self._uncounted = Uncounted()
        self._sets: dict[object, Attributes] = {}

    def request(self, event: RequestEnded) -> None:
        """Count a request."""
        key = (event.vendor, event.operation, event.method, event.host, event.port, event.status, event.error)
        attributes = self._sets.get(key)
        if attributes is None:
            attributes = self._keep(key, {**_http(event), **_names(event)})
        names = self._named(event)
        self._seconds.record(event.seconds, attributes)
        self._waits.record(event.waited, names)
        if event.repeated:
            self._retries.add(1, names)

    def chunk(self, event: ChunkEnded) -> None:
        """Count the items of a chunk."""
        counts = self._uncounted.of_chunk(event)
        self._chunks.record(counts.rows, self._named(event))
        self._count(event, counts)

    def run(self, event: RunEnded) -> None:
        """Count a run, and its items that were in no chunk."""
        self._count(event, self._uncounted.at_the_end(event))
        names: Mapping[str, str | int | float | bool] = self._named(event)
        if event.error is not None:
            names = {**names, "error.type": event.error}
        self._runs.record(event.seconds, names)

    def paused(self, event: Paused) -> None:
        """Count a pause."""
        self._pauses.add(1, self._named(event))

    def circuit(self, event: CircuitChanged) -> None:
        """Set the state of a vendor's circuit; who notices it is one operation, whom it concerns are all."""
        self._circuit.set(int(event.open), {"netaudience.vendor": event.vendor})

    def _count(self, event: ChunkEnded | RunEnded, counts: Counts) -> None:
        for outcome, count in counts.named().items():
            if count:
                key = (event.vendor, event.operation, outcome)
                attributes = self._sets.get(key)
                if attributes is None:
                    attributes = self._keep(key, {**_names(event), "netaudience.outcome": outcome})
                self._items.add(count, attributes)

    def _named(self, event: Event) -> Attributes:
        key = (event.vendor, event.operation)
        return self._sets.get(key) or self._keep(key, _names(event))

    def _keep(self, key: object, attributes: Attributes) -> Attributes:
        if len(self._sets) >= _MOST_SETS:
            self._sets.clear()
        self._sets[key] = attributes
        return attributes
