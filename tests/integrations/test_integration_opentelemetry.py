"""Spans and metrics as an SDK gets them: their tree, their names, and that nothing piles up."""

import asyncio
import threading
from collections import Counter

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import AnswerLost, RetryPolicy, Settings
from netaudience.events import (
    ChunkEnded,
    ChunkStarted,
    CircuitChanged,
    RequestEnded,
    RunEnded,
    RunStarted,
)
from netaudience.integrations import opentelemetry, uncounted
from netaudience.integrations.opentelemetry import Telemetry
from netaudience.model.limits import Limit, assumed


class Watched:
    """A hook with an SDK behind it, and what the SDK got."""

    def __init__(self, sampler=None, **how):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.hook = Telemetry(self.tracers, self.meters, **how)

    def client(self, vendor, *, rows=2, **how):
        settings = Settings(on_event=self.hook, retry=how.pop("retry", RetryPolicy()))
        return make_client(vendor, limit=Limit(rows=assumed(rows, "test")), settings=settings, **how)

    def spans(self, name=None):
        return [span for span in self.exporter.get_finished_spans() if name in {None, span.name}]

    def metrics(self):
        """Return the points of each metric by its name: attributes as a sorted tuple, and the value."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: {
                tuple(sorted((point.attributes or {}).items())): getattr(point, "value", None)
                if hasattr(point, "value")
                else (point.count, point.sum)
                for point in metric.data.data_points
            }
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def parents(spans):
    """Return the names of child and parent of every span."""
    by_id = {span.context.span_id: span.name for span in spans}
    return Counter((span.name, by_id.get(span.parent.span_id) if span.parent else None) for span in spans)


def test_a_runs_spans_hang_under_the_callers():
    watched = Watched()
    client = watched.client(ScriptedVendor())

    async def serve():
        with watched.tracers.get_tracer("web").start_as_current_span("GET /"):
            await client.put(["a", "b", "c"])

    run(serve())
    spans = watched.spans()
    assert parents(spans) == {
        ("netaudience.request", "netaudience.chunk"): 2,
        ("netaudience.chunk", "netaudience.run"): 2,
        ("netaudience.run", "GET /"): 1,
        ("GET /", None): 1,
    }
    assert len({span.context.trace_id for span in spans}) == 1
    (whole,) = watched.spans("netaudience.run")
    assert whole.kind is SpanKind.INTERNAL
    assert whole.status.status_code is StatusCode.UNSET
    assert dict(whole.attributes) == {
        "netaudience.vendor": "Scripted",
        "netaudience.operation": "put",
        "netaudience.run": whole.attributes["netaudience.run"],
        "netaudience.items": 3,
        "netaudience.items.delivered": 3,
    }
    assert sorted(
        chunk.attributes["netaudience.records"] for chunk in watched.spans("netaudience.chunk")
    ) == [
        1,
        2,
    ]


def test_a_call_has_no_chunk():
    watched = Watched()
    run(watched.client(ScriptedVendor()).one("a"))
    assert parents(watched.spans()) == {
        ("netaudience.request", "netaudience.run"): 1,
        ("netaudience.run", None): 1,
    }


def test_a_request_is_told_in_the_conventions_of_http():
    watched = Watched()
    run(watched.client(ScriptedVendor(latency=0.5)).one("a"))
    (request,) = watched.spans("netaudience.request")
    assert request.kind is SpanKind.CLIENT
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "vendor.example",
        "server.port": 443,
        "http.request.body.size": len(b'{"rows":["a"]}'),
        "netaudience.vendor": "Scripted",
        "netaudience.operation": "one",
        "netaudience.records": 1,
        "netaudience.quota.wait": 0.0,
    }
    assert (request.end_time - request.start_time) / 1e9 == pytest.approx(0.5, abs=1e-3)
    assert request.instrumentation_scope.name == "netaudience"
    assert request.instrumentation_scope.schema_url.startswith("https://opentelemetry.io/schemas/")


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (["429", "503"], [("Throttled", 429, None), ("Unavailable", 503, 1), (None, 200, 2)]),
        (["lost before"], [("AnswerLost", None, None), (None, 200, 1)]),
        (["no connection"], [("ConnectionFailed", None, None), (None, 200, 1)]),
    ],
)
def test_an_attempt_that_fails_is_an_error_and_the_next_is_counted(faults, told):
    watched = Watched()
    run(watched.client(ScriptedVendor(faults=faults)).put(["a", "b"]).settled())
    requests = sorted(watched.spans("netaudience.request"), key=lambda span: span.end_time)
    names = ("error.type", "http.response.status_code", "http.request.resend_count")
    assert [tuple(span.attributes.get(name) for name in names) for span in requests] == told
    for request, (error, *_) in zip(requests, told, strict=True):
        assert request.status.status_code is (StatusCode.ERROR if error else StatusCode.UNSET)
        assert request.status.description is None
        assert request.events == ()
    (whole,) = watched.spans("netaudience.run")
    assert whole.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("how", "error", "outcome"),
    [
        ({"poison": ["a"]}, "Rejected", "rejected"),
        ({"faults": ["lost after"]}, "InDoubt", "in_doubt"),
        ({"faults": ["503"]}, "Failed", "failed"),
    ],
)
def test_a_run_is_no_success_unless_every_item_was_delivered(how, error, outcome):
    watched = Watched()
    client = watched.client(ScriptedVendor(**how), rows=1, retry=RetryPolicy(attempts=1))
    run(client.put(["a"]).settled())
    for name in ("netaudience.run", "netaudience.chunk"):
        (span,) = watched.spans(name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes[f"netaudience.items.{outcome}"] == 1
    assert span.attributes["error.type"] == error


def test_what_stopped_a_run_is_told_by_its_class():
    watched = Watched()
    client = watched.client(ScriptedVendor(unauthorized_after=1), rows=1)
    run(client.put([f"k{number}" for number in range(20)]).settled())
    (whole,) = watched.spans("netaudience.run")
    assert whole.attributes["error.type"] == "Unauthorized"


def test_a_cancelled_run_leaves_no_span_open():
    watched = Watched()
    client = watched.client(ScriptedVendor(latency=10.0))

    async def carry():
        task = asyncio.create_task(client.put(["a", "b", "c"]).settled())
        call = asyncio.create_task(client.one("a"))
        await asyncio.sleep(1)
        task.cancel()
        call.cancel()
        await asyncio.wait([task, call])

    run(carry())
    assert Counter(span.name for span in watched.spans()) == {
        "netaudience.run": 2,
        "netaudience.chunk": 2,
        "netaudience.request": 3,
    }
    assert {span.attributes["error.type"] for span in watched.spans("netaudience.request")} == {
        "CancelledError"
    }
    assert repr(watched.hook) == "<Telemetry of 0 runs under way>"


# Traces that would not end.


def chunk_events(hook, number, chunk):
    hook(ChunkStarted(number, chunk, "Scripted", "put", 1))
    hook(RequestEnded("Scripted", "put", 0.0, 0.1, 200, 1, 9, 0.0, False, number, chunk, "POST", "h"))
    hook(ChunkEnded(number, chunk, "Scripted", "put", 0.1, 1, 0, 0, 0))


def end(number, delivered=1, error=None):
    return RunEnded(number, "Scripted", "put", 1.0, delivered, delivered, 0, 0, 0, 0, error)


def check_apart(watched, run_span, count):
    """Check that so many chunks have traces of their own, each linked to the run."""
    chunks = [span for span in watched.spans("netaudience.chunk") if span.parent is None]
    assert len(chunks) == len({span.context.trace_id for span in chunks}) == count
    for chunk in chunks:
        assert chunk.context.trace_id != run_span.context.trace_id
        assert [link.context.span_id for link in chunk.links] == [run_span.context.span_id]
        (request,) = [
            span
            for span in watched.spans("netaudience.request")
            if span.context.trace_id == chunk.context.trace_id
        ]
        assert request.parent.span_id == chunk.context.span_id


def test_a_lasting_run_tells_that_it_began_and_its_chunks_stand_alone():
    watched = Watched()
    with watched.tracers.get_tracer("web").start_as_current_span("startup"):
        watched.hook(RunStarted(7, "Scripted", "put", lasting=True))
        (began,) = watched.spans("netaudience.run")  # it is over at once
        assert began.attributes["netaudience.lasting"] is True
        for chunk in (1, 2, 3):
            chunk_events(watched.hook, 7, chunk)
    watched.hook(end(7, 3))
    check_apart(watched, began, 3)
    assert len(watched.spans("netaudience.run")) == 1
    assert watched.metrics()["netaudience.items"] == {
        (
            ("netaudience.operation", "put"),
            ("netaudience.outcome", "delivered"),
            ("netaudience.vendor", "Scripted"),
        ): 3
    }


@pytest.mark.parametrize("how", ["many", "old"])
def test_a_long_run_is_not_one_trace(how, monkeypatch):
    watched = Watched(trace_seconds=60.0, trace_chunks=3 if how == "many" else 1000)
    now = 0.0
    monkeypatch.setattr(opentelemetry.time, "monotonic", lambda: now)
    watched.hook(RunStarted(7, "Scripted", "put"))
    for chunk in range(1, 6):
        if how == "old":
            now = 19.0 * chunk
        chunk_events(watched.hook, 7, chunk)
    watched.hook(end(7, 5))
    (whole,) = watched.spans("netaudience.run")
    inside = [span for span in watched.spans("netaudience.chunk") if span.parent]
    assert {span.context.trace_id for span in inside} == {whole.context.trace_id}
    assert len(inside) == 3
    check_apart(watched, whole, 2)


def test_runs_that_nobody_ends_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(opentelemetry, "_MOST_RUNS", 10)
    monkeypatch.setattr(uncounted, "_MOST_RUNS", 10)
    watched = Watched()
    watched.hook(RunStarted(1000, "Scripted", "put", lasting=True))
    for number in range(50):
        watched.hook(RunStarted(number, "Scripted", "put"))
        watched.hook(ChunkStarted(number, 1, "Scripted", "put", 1))
        watched.hook(ChunkEnded(number, 2, "Scripted", "put", 0.1, 1, 0, 0, 0))
    assert repr(watched.hook) == "<Telemetry of 10 runs under way>"
    assert len(watched.spans("netaudience.run")) == 1 + 41
    assert len(watched.spans("netaudience.chunk")) == 41
    chunk_events(watched.hook, 1000, 1)  # the one that lasts is not given up for them
    assert len([span for span in watched.spans("netaudience.chunk") if span.links]) == 1
    watched.hook(end(3))
    assert len(watched.hook._meters._uncounted._counted) <= 10


def test_events_of_runs_that_it_has_not_seen_begin_are_no_trouble():
    watched = Watched()
    chunk_events(watched.hook, 9, 1)
    watched.hook(end(9))
    assert watched.spans() == []
    assert sum(watched.metrics()["netaudience.items"].values()) == 1


def test_sampled_out_is_left_out():
    watched = Watched(ALWAYS_OFF)
    started = []
    tracer = watched.hook._tracer
    make = tracer.start_span
    watched.hook._tracer = type(
        "Counting",
        (),
        {"start_span": lambda _, name, *a, **k: (started.append(name), make(name, *a, **k))[1]},
    )()
    client = watched.client(ScriptedVendor())

    async def carry():
        await client.put(["a", "b", "c"])
        await client.one("a")

    run(carry())
    assert watched.spans() == []
    assert started == ["netaudience.run", "netaudience.run"]  # the sampler is asked once for each
    assert sum(watched.metrics()["netaudience.items"].values()) == 4


def test_without_an_sdk_it_does_nothing():
    """The global providers are the API's own here, as where nobody has set up any."""
    assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
    hook = Telemetry()
    client = make_client(ScriptedVendor(faults=["429"]), settings=Settings(on_event=hook))

    async def carry():
        await client.put(["a", "b", "c"])
        await client.one("a")

    run(carry())
    assert repr(hook) == "<Telemetry of 0 runs under way>"


# Metrics.


def points(**names):
    return tuple(sorted((f"netaudience.{name}", value) for name, value in names.items()))


PUT = {"vendor": "Scripted", "operation": "put"}


def test_the_metrics_of_a_run():
    watched = Watched()
    vendor = ScriptedVendor(faults=["429"], poison=["c"], latency=0.5)
    run(watched.client(vendor, rows=2).put(["a", "b", "c", ""]).settled())
    metrics = watched.metrics()
    assert metrics["netaudience.items"] == {
        points(**PUT, outcome="delivered"): 2,
        points(**PUT, outcome="rejected"): 2,  # one by the vendor, one by a rule, before it was packed
    }
    assert metrics["netaudience.pauses"] == {points(**PUT): 1}
    assert metrics["netaudience.retries"] == {points(**PUT): 1}
    assert metrics["netaudience.chunk.size"] == {points(**PUT): (2, 3)}
    assert metrics["netaudience.run.duration"][points(**PUT)][0] == 1
    assert metrics["netaudience.quota.wait"][points(**PUT)][0] == 3
    http = {
        tuple(dict(labels).get(name) for name in ("http.response.status_code", "error.type")): count
        for labels, (count, _) in metrics["http.client.request.duration"].items()
    }
    assert http == {(200, None): 1, (400, "Refused"): 1, (429, "Throttled"): 1}
    (labels, *_) = metrics["http.client.request.duration"]
    assert {name for name, _ in labels} >= {"http.request.method", "server.address", "server.port"}


def test_the_metrics_of_calls():
    watched = Watched()
    client = watched.client(ScriptedVendor(faults=["ok", "lost after"]), retry=RetryPolicy(attempts=1))

    async def carry():
        await client.one("a")
        with pytest.raises(AnswerLost):
            await client.one("b")

    run(carry())
    one = {**PUT, "operation": "one"}
    metrics = watched.metrics()
    assert metrics["netaudience.items"] == {
        points(**one, outcome="delivered"): 1,
        points(**one, outcome="in_doubt"): 1,
    }
    assert {dict(labels).get("error.type") for labels in metrics["netaudience.run.duration"]} == {
        None,
        "AnswerLost",
    }


def test_the_circuit_is_the_vendors():
    watched = Watched()
    vendor = (("netaudience.vendor", "Scripted"),)
    watched.hook(CircuitChanged("Scripted", "put", 0.0, open=True))
    assert watched.metrics()["netaudience.circuit.open"] == {vendor: 1}
    watched.hook(CircuitChanged("Scripted", "one", 1.0, open=False))
    assert watched.metrics()["netaudience.circuit.open"] == {vendor: 0}


def test_the_buckets_are_the_conventions():
    watched = Watched()
    chunk_events(watched.hook, 1, 1)
    (resource,) = watched.reader.get_metrics_data().resource_metrics
    (scope,) = resource.scope_metrics
    bounds = {metric.name: metric.data.data_points[0] for metric in scope.metrics}
    told = bounds["http.client.request.duration"].explicit_bounds
    assert tuple(told) == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def test_a_vendor_that_answers_with_ever_new_statuses_does_not_fill_memory(monkeypatch):
    monkeypatch.setattr(opentelemetry, "_MOST_SETS", 20)
    watched = Watched()
    for status in range(100, 600):
        watched.hook(RequestEnded("Scripted", "put", 0.0, 0.1, status, 1, 9, 0.0, False))
    assert len(watched.hook._meters._sets) <= 20


def test_loops_in_several_threads_share_one_hook():
    watched = Watched()

    def carry():
        async def many():
            client = watched.client(ScriptedVendor(latency=0.0, seed=threading.get_ident()))
            for _ in range(20):
                await client.put(["a", "b", "c"])
                await client.one("a")

        run(many())

    threads = [threading.Thread(target=carry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(watched.metrics()["netaudience.items"].values()) == 4 * 20 * 4
    assert len(watched.spans("netaudience.run")) == 4 * 20 * 2
    assert len(watched.spans("netaudience.request")) == 4 * 20 * 3
    assert repr(watched.hook) == "<Telemetry of 0 runs under way>"


@pytest.mark.slow
def test_thousands_of_calls_at_once_have_a_span_each():
    watched = Watched()
    client = watched.client(ScriptedVendor(), retry=RetryPolicy())

    async def many():
        await asyncio.gather(*(client.one(f"k{number}") for number in range(3000)))

    run(many())
    assert len(watched.spans("netaudience.run")) == 3000
    assert parents(watched.spans())["netaudience.request", "netaudience.run"] == 3000
