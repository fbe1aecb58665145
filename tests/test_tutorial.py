"""The tutorial, walked through as it is written: each command, its exit code, and the lines that it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
#: Some rows are not delivered while one has no id: the text says so.
CODES = {"netmera": 3, "retry": 0, "init": 0, "plan": 0, "run": 3, "runs": 0, "report": 0}


def steps() -> list[tuple[str, list[str]]]:
    """Return each command of the page, with the lines that stand below it."""
    found: list[tuple[str, list[str]]] = []
    for language, text in BLOCKS:
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text, (path.name, before)
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def environment(netaudience_sandbox) -> dict[str, str]:
    return {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": netaudience_sandbox.url("netmera"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }


def test_every_step_does_what_the_page_says(environment, netaudience_sandbox, tmp_path):
    (users,) = [text for _, text in BLOCKS if text.startswith("customer_id,")]
    (tmp_path / "users.csv").write_text(users, encoding="utf-8")
    for number, (command, shown) in enumerate(steps()):
        ended = subprocess.run(
            command.split(), env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        mended = number > 4
        assert ended.returncode == (0 if mended else CODES[command.split()[1]]), (command, ended.stderr)
        for line in shown:
            assert line.rstrip() in ended.stdout + ended.stderr, (command, ended.stdout + ended.stderr)
        # What the reader is told to do by hand after this step.
        match number:
            case 0:
                replace(tmp_path / "rejects.jsonl", '"customer_id":null', '"customer_id":"1005"')
            case 2:
                replace(tmp_path / "job.toml", '# mode = "changed-only"', 'mode = "changed-only"')
            case 4:
                replace(tmp_path / "users.csv", "\n,Emre", "\n1005,Emre")
                replace(tmp_path / "users.csv", "Bob,Ankara", "Bob,Istanbul")
    users = netaudience_sandbox.netmera.users
    assert users["1005"].tags == {"Sport"}
    assert users["1002"].profile["city"] == "Istanbul"


def test_its_program_runs(environment):
    (code,) = [text for language, text in BLOCKS if language == "python"]
    command = [sys.executable, "-W", "error", "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, "2 accepted" in ended.stdout) == (0, True), ended
