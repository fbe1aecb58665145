"""Metrics as Prometheus reads them: names, labels, one registry for several hooks."""

import gc
import subprocess
import sys
import threading
import weakref

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import AnswerLost, RetryPolicy, Settings
from netaudience.events import CircuitChanged, RequestEnded, RunStarted
from netaudience.integrations import prometheus
from netaudience.integrations.prometheus import PrometheusMetrics
from netaudience.model.limits import Limit, assumed

PUT = {"vendor": "Scripted", "operation": "put"}
ONE = {"vendor": "Scripted", "operation": "one"}


@pytest.fixture
def registry():
    return CollectorRegistry()


def client(vendor, hook, **retry):
    settings = Settings(on_event=hook, retry=RetryPolicy(**retry))
    return make_client(vendor, limit=Limit(rows=assumed(2, "test")), settings=settings)


def test_the_metrics_of_a_run(registry):
    vendor = ScriptedVendor(faults=["429 later"], poison=["c"], latency=0.5)
    run(client(vendor, PrometheusMetrics(registry)).put(["a", "b", "c", ""]).settled())

    def value(name, **labels):
        return registry.get_sample_value(f"netaudience_{name}", {**PUT, **labels})

    statuses = ("200", "400", "429")
    assert [value("requests_total", status=status) for status in statuses] == [1, 1, 1]
    # One was rejected by the vendor, one by a rule, before it was packed.
    outcomes = ("delivered", "rejected", "failed")
    assert [value("items_total", outcome=outcome) for outcome in outcomes] == [2, 2, None]
    assert value("request_duration_seconds_count") == 3
    assert value("request_duration_seconds_sum") == pytest.approx(1.5, abs=1e-3)
    assert value("quota_wait_seconds_count") == 3
    assert value("retries_total") == 1
    assert value("pauses_total") == 1
    assert 2.0 <= value("pause_seconds_total") < 2.5
    assert (value("chunk_items_count"), value("chunk_items_sum")) == (2, 3)
    assert value("run_duration_seconds_count", error="") == 1


def test_the_metrics_of_calls(registry):
    vendor = ScriptedVendor(faults=["ok", "lost after"])
    made = client(vendor, PrometheusMetrics(registry), attempts=1)

    async def carry():
        await made.one("a")
        with pytest.raises(AnswerLost):
            await made.one("b")

    run(carry())
    for labels, name in (
        ({"outcome": "delivered"}, "items_total"),
        ({"outcome": "in_doubt"}, "items_total"),
        ({"status": "200"}, "requests_total"),
        ({"status": "AnswerLost"}, "requests_total"),
        ({"error": "AnswerLost"}, "run_duration_seconds_count"),
    ):
        assert registry.get_sample_value(f"netaudience_{name}", {**ONE, **labels}) == 1, labels


def test_the_circuit_is_the_vendors(registry):
    hook = PrometheusMetrics(registry)
    for state, operation in ((True, "put"), (False, "one")):
        hook(CircuitChanged("Scripted", operation, 0.0, state))
        assert registry.get_sample_value("netaudience_circuit_open", {"vendor": "Scripted"}) == state


def test_several_hooks_on_one_registry_count_together(registry):
    first, second = PrometheusMetrics(registry), PrometheusMetrics(registry)
    run(client(ScriptedVendor(), first).one("a"))
    run(client(ScriptedVendor(), second).one("a"))
    labels = {**ONE, "outcome": "delivered"}
    assert registry.get_sample_value("netaudience_items_total", labels) == 2


def test_hooks_of_other_registries_count_apart(registry):
    other = CollectorRegistry()
    PrometheusMetrics(other)
    run(client(ScriptedVendor(), PrometheusMetrics(registry)).one("a"))
    assert other.get_sample_value("netaudience_items_total", {**ONE, "outcome": "delivered"}) is None


def test_a_name_that_somebody_else_has_is_told(registry):
    Counter("netaudience_requests", "another's", registry=registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        PrometheusMetrics(registry)


def test_a_registry_that_nobody_uses_goes():
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    gone = weakref.ref(registry)
    del registry
    gc.collect()
    assert gone() is None


def test_a_vendor_that_answers_with_ever_new_statuses_does_not_fill_memory(registry, monkeypatch):
    monkeypatch.setattr(prometheus, "_MOST_SETS", 20)
    hook = PrometheusMetrics(registry)
    for status in range(100, 600):
        hook(RequestEnded("Scripted", "put", 0.0, 0.1, status, 1, 9, 0.0, False))
    assert len(hook._sets) <= 20
    assert registry.get_sample_value("netaudience_request_duration_seconds_count", PUT) == 500


def test_what_only_begins_is_not_counted(registry):
    hook = PrometheusMetrics(registry)
    before = generate_latest(registry)
    hook(RunStarted(1, "Scripted", "put"))
    assert generate_latest(registry) == before
    assert repr(hook) == "<PrometheusMetrics>"


def test_loops_in_several_threads_share_one_registry(registry):
    hook = PrometheusMetrics(registry)

    def carry():
        made = client(ScriptedVendor(latency=0.0), hook)

        async def many():
            for _ in range(20):
                await made.put(["a", "b", "c"])

        run(many())

    threads = [threading.Thread(target=carry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    labels = {**PUT, "outcome": "delivered"}
    assert registry.get_sample_value("netaudience_items_total", labels) == 4 * 20 * 3


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [("opentelemetry", "opentelemetry", "otel"), ("prometheus", "prometheus_client", "prometheus")],
)
def test_what_is_not_installed_is_told_with_its_extra(module, package, extra):
    code = f"import sys; sys.modules[{package!r}] = None; import netaudience.integrations.{module}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert f"pip install 'netaudience[{extra}]'" in done.stderr
    code = "import sys, netaudience; assert not {'opentelemetry', 'prometheus_client'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
