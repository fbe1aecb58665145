"""The examples for schedulers do what they say: delivered is green, and anything else is red.

The schedulers are not installed for this: decorators of their names stand in for theirs.
"""

from __future__ import annotations

import asyncio
import inspect
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from netaudience.jobs.state.run_folder import runs_of
from netaudience.jobs.state.summary import JobFailed
from netaudience.sandbox import BackgroundSandbox

pytest.importorskip("duckdb")

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "schedulers"
JOB = """
name = "nightly"
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Sport" }
[step.fields]
ext_id = "user_id"
"""


def decorator(*given: object, **_options: object) -> object:
    """Stand in for ``@name`` and for ``@name(...)``."""
    return given[0] if given else lambda function: function


def stand_ins() -> dict[str, ModuleType]:
    def module(name: str, **words: object) -> ModuleType:
        made = ModuleType(name)
        made.__dict__.update(words)
        return made

    return {
        "airflow": module("airflow"),
        "airflow.sdk": module("airflow.sdk", dag=decorator, task=decorator),
        "dagster": module("dagster", asset=decorator, MaterializeResult=SimpleNamespace),
        "prefect": module("prefect", flow=decorator),
    }


def run_example(name: str) -> object:
    """Do what the scheduler does with a file."""
    words = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    entry: Callable[[], object] | None = words.get("audience") or words.get("nightly_audience")
    assert entry is not None
    if inspect.iscoroutinefunction(entry):
        return asyncio.run(entry())
    return None  # Airflow's file calls it itself


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundSandbox]:
    (tmp_path / "job.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)
    with BackgroundSandbox() as running:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", running.url("netmera"))
        yield running


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"airflow_dag", "dagster_asset", "prefect_flow"}


@pytest.mark.parametrize("name", ["airflow_dag", "dagster_asset", "prefect_flow"])
def test_an_example_runs_the_job_and_is_green(name: str, sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\nid1\nid2\n")
    answer = run_example(name)
    assert sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok
    (run,) = runs_of(tmp_path / ".netaudience" / "nightly")
    match name:
        case "prefect_flow":
            assert answer == run.id
        case "dagster_asset":
            assert list(vars(answer)["metadata"].values()) == [2]


@pytest.mark.parametrize("name", ["airflow_dag", "dagster_asset", "prefect_flow"])
def test_an_example_is_red_when_a_row_was_not_delivered(
    name: str, sandbox: BackgroundSandbox, tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text("user_id\nid1\n\tx\x01\n")
    with pytest.raises(JobFailed, match="1 rejected"):
        run_example(name)
    assert sandbox.check("netmera", "tag_users", ["id1"]).ok
