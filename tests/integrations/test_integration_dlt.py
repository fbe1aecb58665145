"""The destination for dlt, by dlt's own pipelines, against the sandbox on a socket."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from netaudience import ConfigurationError
from netaudience.sandbox import BackgroundSandbox

dlt = pytest.importorskip("dlt")
from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: E402 - where dlt is

from netaudience.jobs.dlt import destination  # noqa: E402 - likewise

DOCS = Path(__file__).parent.parent.parent / "docs"
EXAMPLE = DOCS / "examples" / "dlt" / "pipeline.py"
TAGS = """
[source]
files = "nothing.csv"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Sport" }
[step.fields]
ext_id = "user_id"
[guards]
max-rejected = "90%"
"""
PROFILES = """
[source]
files = "nothing.csv"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
[step.fields]
ext_id = "id"
"profile.city" = "city"
"profile.age" = "age"
"profile.seen" = "seen"
"""
# Of dlt's own, and of what it stands on.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    (tmp_path / "tags.toml").write_text(TAGS, encoding="utf-8")
    (tmp_path / "profiles.toml").write_text(PROFILES, encoding="utf-8")
    with BackgroundSandbox() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def load(rows, table, to, pipeline="audience", **settings):
    return dlt.pipeline(pipeline, destination=to, **settings).run(rows, table_name=table)


def test_each_table_is_a_jobs_source_and_its_values_keep_their_types(sandbox):
    to = destination({"leavers": "tags.toml", "people": "profiles.toml"})
    seen = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    @dlt.source
    def shop():
        yield dlt.resource([{"user_id": "007"}, {"user_id": "id2"}], name="leavers")
        yield dlt.resource([{"id": "id3", "city": "İzmir", "age": 41, "seen": seen}], name="people")

    info = dlt.pipeline("shop", destination=to).run(shop())
    assert not info.has_failed_jobs
    assert sandbox.check("netmera", "tag_users", ["007", "id2"]).ok
    profile = sandbox.netmera.users["id3"].profile
    assert (profile["city"], profile["age"]) == ("İzmir", 41)
    assert profile["seen"] == round(seen.timestamp() * 1000)  # the form that Netmera's page gives a date


def test_rejected_rows_fail_the_load_once_or_are_kept(sandbox, tmp_path):
    rows = [{"user_id": "id1"}, {"user_id": "\tx\x01"}]
    with pytest.raises(PipelineStepFailed, match="1 rejected"):
        load(rows, "leavers", destination({"leavers": "tags.toml"}))
    (letters,) = tmp_path.glob(".netaudience/tags/runs/*/rejects.jsonl")  # nobody repeated it
    (letter,) = map(json.loads, letters.read_text(encoding="utf-8").splitlines())
    assert letter["row"]["user_id"] == "\tx\x01"
    info = load(rows, "leavers", destination({"leavers": "tags.toml"}, rejected="keep"), "kept")
    assert not info.has_failed_jobs
    assert len(list(tmp_path.glob(".netaudience/tags/runs/*/rejects.jsonl"))) == 2


def test_what_would_end_alike_is_not_repeated(sandbox, tmp_path):
    sandbox.set_faults("status=401")
    with pytest.raises(PipelineStepFailed, match="401"):
        load([{"user_id": "id1"}], "leavers", destination({"leavers": "tags.toml"}))
    assert len(list(tmp_path.glob(".netaudience/tags/runs/*"))) == 1


def test_what_failed_for_now_is_loaded_again_by_dlt(sandbox, tmp_path):
    sandbox.set_faults("status=404,first=1")  # nothing that the engine repeats, and nothing about a row
    load([{"user_id": "id1"}], "leavers", destination({"leavers": "tags.toml"}))
    assert sandbox.check("netmera", "tag_users", ["id1"]).ok
    assert len(list(tmp_path.glob(".netaudience/tags/runs/*"))) == 2


def test_a_table_without_a_job_and_a_column_that_is_not_there_are_told(sandbox):
    with pytest.raises(PipelineStepFailed, match="no job for the table others"):
        load([{"user_id": "id1"}], "others", destination({"leavers": "tags.toml"}))
    with pytest.raises(PipelineStepFailed, match="user_id"):
        load([{"user": "id1"}], "leavers", destination({"leavers": "tags.toml"}), "columns")


def test_a_job_that_takes_back_is_refused_before_anything_is_loaded(sandbox, tmp_path):
    mode = 'mode = "mirror"\nremoval = "untag_users"\nremoval_arguments = { tag = "Sport" }'
    mirror = TAGS.replace('operation = "tag_users"', f'operation = "tag_users"\n{mode}')
    mirror = mirror.replace("[source]", '[source]\nkey = "user_id"')
    (tmp_path / "mirror.toml").write_text(mirror, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="take back whatever is not in the one file"):
        destination({"leavers": "mirror.toml"})


def test_the_example_runs_and_the_page_shows_a_piece_of_it(sandbox, tmp_path):
    (tmp_path / "job.toml").write_text(TAGS, encoding="utf-8")
    (tmp_path / "leavers.csv").write_text("user_id\nid1\nid2\n", encoding="utf-8")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok
    page = (DOCS / "scheduling.md").read_text(encoding="utf-8").partition("## In a pipeline of dlt")[2]
    (shown,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert shown in EXAMPLE.read_text(encoding="utf-8")
