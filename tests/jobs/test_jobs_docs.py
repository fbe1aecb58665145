"""The page about jobs and its examples say what is so: files are read, planned and run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from netaudience.cli import main
from netaudience.jobs import Job
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.model import Guards
from netaudience.sandbox import BackgroundSandbox

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "jobs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
EXAMPLES = sorted((DOCS / "examples" / "jobs").glob("*.toml"))


def block(language: str) -> str:
    (text,) = [text for kind, text in BLOCKS if kind == language]
    return text


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DOCS / "examples" / "jobs", tmp_path / "jobs"))


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_an_example_is_planned_without_an_account(
    examples: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("NETAUDIENCE_")]:
        monkeypatch.delenv(variable)
    plan = Job.load(examples / name).plan()
    assert plan.stops == ()
    for step in plan.steps:
        assert step.rejected == 0
        assert step.sends.items
        assert step.sends.body is not None


def test_there_are_examples_of_every_mode() -> None:
    modes = {step.mode for path in EXAMPLES for step in Job.load(path).steps}
    assert modes == {"all", "changed-only", "mirror"}


def test_the_file_on_the_page_is_a_job_and_says_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(block("toml"), encoding="utf-8")
    Job.load(path)
    default = {field.name: field.default for field in attrs.fields(Job)}
    assert f"keep = {default['keep_runs']} " in PAGE
    assert f"keep-days = {default['keep_days']}\n" in PAGE
    guards = Guards()
    bounds = (guards.max_removals, guards.max_rejected, guards.max_different)
    shares = [share.share for share in bounds if share is not None]
    told = re.findall(r"(\d+)% if it is left out", PAGE)
    assert [int(share) / 100 for share in told] == shares
    assert guards.max_deviation is None


def test_every_command_and_flag_on_the_page_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line.removeprefix("$ ") for line in block("console").splitlines()]
    commands += re.findall(r"^\| `(netaudience [^`]+)`", PAGE, re.MULTILINE)
    named = {command.split()[1]: command for command in commands if command.startswith("netaudience ")}
    assert set(named) == {"init", "plan", "run", "resume", "retry", "verify", "runs", "report"}
    flags = set(re.findall(r"(?<!-)--[a-z][a-z-]+", PAGE)) - {"--source", "--vendor", "--operation"}
    shown = ""
    for name, command in named.items():
        assert main([name, "--help"]) == 0
        helped = capsys.readouterr().out
        assert all(flag in helped for flag in re.findall(r"(?<!-)--[a-z][a-z-]+", command))
        shown += helped
    assert main(["netmera", "set-profile-attributes", "--help"]) == 0  # one command
    shown += capsys.readouterr().out
    assert [flag for flag in flags if flag not in shown] == []


def test_the_python_on_the_page_runs(examples: Path) -> None:
    (examples / "profiles.toml").rename(examples / "job.toml")
    with BackgroundSandbox() as sandbox:
        environment = {
            **os.environ,
            "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
            "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
            "MPLCONFIGDIR": str(examples),
        }
        done = subprocess.run(
            [sys.executable, "-c", block("python")],
            env=environment,
            cwd=examples,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        profiles = {name: user.profile for name, user in sandbox.netmera.users.items()}
    assert profiles == {
        "00041": {"city": "Izmir", "age": 34, "source": "warehouse"},
        "00042": {"city": "Ankara", "age": 27, "source": "warehouse"},
        "12345678901234567890": {"city": "Bursa", "age": 51, "source": "warehouse"},
    }


def test_the_exit_codes_on_the_page_are_those_of_the_command() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}
