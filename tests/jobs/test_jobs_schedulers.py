"""The examples for schedulers do what they say: delivered is green, and anything else is red.

Their packages do not get on in one environment, so decorators of their names stand in for theirs here. The
slow tests start the schedulers themselves, one in each environment that `nox -s schedulers` makes.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
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


#: By scheduler: its example, and the commands by which its own documentation starts it once, the last of
#: which ends as the run did.
COMMANDS = {
    "airflow": (
        "airflow_dag",
        ["airflow", "db", "migrate"],
        ["airflow", "dags", "reserialize"],
        ["airflow", "dags", "test", "nightly_audience"],
    ),
    "dagster": (
        "dagster_asset",
        ["dagster", "asset", "materialize", "--select", "audience", "-f", str(EXAMPLES / "dagster_asset.py")],
    ),
    "prefect": ("prefect_flow", ["python", str(EXAMPLES / "prefect_flow.py")]),
}


def run_scheduler(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a scheduler's own command, with what it remembers in a folder; give the last command's end."""
    scripts = Path(sys.executable).parent
    home = folder / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGSTER_HOME": str(home),
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The server that Prefect starts for a flow stumbles where it is stopped before these have started.
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    _, *before, last = COMMANDS[name]
    for command in before:
        subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)
    return subprocess.run(
        last,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundSandbox]:
    (tmp_path / "job.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    with BackgroundSandbox() as running:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", running.url("netmera"))
        yield running


@pytest.fixture
def stood_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {example for example, *_ in COMMANDS.values()}


def test_what_the_page_shows_of_an_example_stands_in_it() -> None:
    page = (EXAMPLES.parent.parent / "scheduling.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert shown
    for excerpt in shown:
        assert any(excerpt in path.read_text(encoding="utf-8") for path in EXAMPLES.parent.rglob("*.py"))


@pytest.mark.usefixtures("stood_in")
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


@pytest.mark.usefixtures("stood_in")
@pytest.mark.parametrize("name", ["airflow_dag", "dagster_asset", "prefect_flow"])
def test_an_example_is_red_when_a_row_was_not_delivered(
    name: str, sandbox: BackgroundSandbox, tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text("user_id\nid1\n\tx\x01\n")
    with pytest.raises(JobFailed, match="1 rejected"):
        run_example(name)
    assert sandbox.check("netmera", "tag_users", ["id1"]).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("last_row", "green"), [("id2", True), ("\tx\x01", False)], ids=["green", "red"])
def test_a_scheduler_runs_its_example_and_shows_its_end(
    name: str, last_row: str, green: bool, sandbox: BackgroundSandbox, tmp_path: Path
) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is in an environment of its own: nox -s 'schedulers({name})'")
    (tmp_path / "users.csv").write_text(f"user_id\nid1\n{last_row}\n")
    ended = run_scheduler(name, tmp_path)
    assert (ended.returncode == 0) is green, ended.stdout[-4000:]
    assert ("JobFailed" in ended.stdout) is not green, ended.stdout[-4000:]
    assert sandbox.check("netmera", "tag_users", ["id1", "id2"] if green else ["id1"]).ok
