"""What others see of a job's run: events, a file of metrics, spans, lineage; each by the real package."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.transport.file import FileConfig, FileTransport
from opentelemetry import trace
from prometheus_client.parser import text_string_to_metric_families

from netaudience.cli import main
from netaudience.errors import GuardRefused
from netaudience.events import RequestEnded, RunEnded
from netaudience.jobs import Job, Lineage

JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Gold" }
rate = 1000
fields = { ext_id = "user_id" }
[guards]
max-rejected = "90%"
"""


@pytest.fixture
def job(tmp_path: Path, netaudience_sandbox, monkeypatch: pytest.MonkeyPatch) -> Job:
    for name, value in netaudience_sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("user_id\ncustomer-1\ncustomer-2\nNULL\n", encoding="utf-8")
    (tmp_path / "job.toml").write_text(JOB, encoding="utf-8")
    return Job.load("job.toml")


def events(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def lineage(tmp_path: Path):
    """A client that writes each event as a line of a file."""
    path = tmp_path / "lineage.jsonl"
    return path, OpenLineageClient(transport=FileTransport(FileConfig(str(path), append=True)))


@pytest.mark.asyncio
async def test_a_hook_sees_the_events_of_all_steps(job):
    seen = []
    summary = await job.run(signals=False, report=False, on_event=seen.append)
    (ended,) = [event for event in seen if isinstance(event, RunEnded)]
    assert (
        (ended.delivered, ended.rejected) == (2, 1) == (summary.steps[0].delivered, summary.steps[0].rejected)
    )
    assert [event.status for event in seen if isinstance(event, RequestEnded)] == [200]
    assert summary.steps[0].requests == 1  # and the run's own measuring goes on


@pytest.mark.asyncio
async def test_a_hook_that_raises_changes_nothing(job, caplog):
    def broken(_: object) -> None:
        raise RuntimeError

    assert (await job.run(signals=False, report=False, on_event=broken)).steps[0].delivered == 2
    assert "The hook for events raised" in caplog.text


@pytest.mark.asyncio
async def test_lineage_tells_what_was_read_where_it_went_and_how_it_ended(job, lineage, tmp_path):
    path, client = lineage
    summary = await job.run(signals=False, report=False, on_progress=Lineage(job, client=client))
    started, ended = events(path)
    assert (started["eventType"], ended["eventType"]) == ("START", "FAIL")  # a row was not delivered
    assert started["run"]["runId"] == ended["run"]["runId"]
    assert ended["job"] | {"facets": None} == {"namespace": "netaudience", "name": "job", "facets": None}
    (read,) = ended["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(tmp_path / "users.csv"))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 3
    (written,) = ended["outputs"]
    assert (written["namespace"], written["name"]) == ("netmera", "tag_users")
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 2
    counts = written["outputFacets"]["netaudience_counts"]
    assert (counts["delivered"], counts["rejected"], counts["unsent"]) == (2, 1, 0)
    assert "1 rejected" in ended["run"]["facets"]["errorMessage"]["message"]
    assert summary.exit_code == 3
    assert "customer-" not in path.read_text(encoding="utf-8")


@pytest.mark.asyncio
async def test_a_good_run_is_complete_and_a_refused_one_has_no_event(job, lineage, tmp_path):
    path, client = lineage
    (tmp_path / "users.csv").write_text("user_id\ncustomer-1\n", encoding="utf-8")
    assert (await job.run(signals=False, report=False, on_progress=Lineage(job, client=client))).ok
    assert [event["eventType"] for event in events(path)] == ["START", "COMPLETE"]
    (tmp_path / "users.csv").write_text("user_id\n", encoding="utf-8")
    with pytest.raises(GuardRefused):
        await job.run(signals=False, report=False, on_progress=Lineage(job, client=client))
    assert len(events(path)) == 2


@pytest.mark.asyncio
async def test_a_server_of_lineage_that_is_down_stops_nothing(job, caplog):
    nowhere = {"type": "http", "url": "http://127.0.0.1:1", "retry": {"total": 0}}
    client = OpenLineageClient(config={"transport": nowhere})
    summary = await job.run(signals=False, report=False, on_progress=Lineage(job, client=client))
    assert summary.steps[0].delivered == 2
    assert "OpenLineage did not take the event" in caplog.text


def test_the_command_writes_a_file_of_metrics(job, tmp_path):
    assert main(["run", "job.toml", "--quiet", "--metrics-file", "netaudience.prom"]) == 3
    text = (tmp_path / "netaudience.prom").read_text(encoding="utf-8")
    samples = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["netaudience_items_total", "delivered"] == 2
    assert samples["netaudience_items_total", "rejected"] == 1
    assert samples["netaudience_ended_timestamp_seconds", None] > 1e9


def test_a_file_of_metrics_that_cannot_be_written_is_told_and_the_code_stays(job, capsys):
    assert main(["run", "job.toml", "--quiet", "--metrics-file", "missing/netaudience.prom"]) == 3
    assert "The metrics could not be written to missing/netaudience.prom" in capsys.readouterr().err


def test_the_command_sends_lineage(job, tmp_path, monkeypatch):
    told = {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(told))
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "nights")
    assert main(["run", "job.toml", "--quiet", "--lineage"]) == 3
    assert [event["job"]["namespace"] for event in events(tmp_path / "events.jsonl")] == ["nights"] * 2


def test_the_command_makes_spans(job, monkeypatch):
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as a program sets it up
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", lambda name, **_: provider.get_tracer(name))
    assert main(["run", "job.toml", "--quiet", "--otel"]) == 3
    names = {span.name for span in exporter.get_finished_spans()}
    assert names == {"netaudience.run", "netaudience.chunk", "netaudience.request"}


@pytest.mark.parametrize(
    ("flag", "module", "package", "ours"),
    [
        ("--lineage", "openlineage.client", "openlineage", "netaudience.jobs.report.lineage"),
        ("--otel", "opentelemetry", "otel", "netaudience.integrations.opentelemetry"),
        ("--metrics-file=x.prom", "prometheus_client", "prometheus", "netaudience.integrations.prometheus"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_sent(
    job, monkeypatch, capsys, netaudience_sandbox, flag, module, package, ours
):
    monkeypatch.delitem(sys.modules, ours, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["run", "job.toml", "--quiet", flag]) == 2
    assert f"pip install 'netaudience[{package}]'" in capsys.readouterr().err
    assert not netaudience_sandbox.ledger.requests
