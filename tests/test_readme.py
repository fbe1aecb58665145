"""The README's own code blocks, run against the sandbox."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [code.strip() for language, code in BLOCKS if language == "sh"]
CONSOLE = [
    line[2:]
    for language, code in BLOCKS
    if language == "console"
    for line in code.splitlines()
    if line.startswith("$ ")
]


def environment(sandbox):
    return {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.mark.parametrize("code", PYTHON, ids=[f"block {number}" for number in range(len(PYTHON))])
def test_a_block_of_python_runs_as_it_stands(code, netaudience_sandbox, tmp_path):
    if "def test_" in code:
        (tmp_path / "test_block.py").write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    else:
        command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command,
        env=environment(netaudience_sandbox),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_that_is_shown_carries_a_file(netaudience_sandbox, tmp_path):
    (command,) = [line for line in CONSOLE if line.startswith("netaudience netmera")]
    (tmp_path / "users.csv").write_text(
        "customer_id,name\r\n007,Ayşe\r\n12345678901234567890,Bob\r\n,nobody\r\n", encoding="utf-8-sig"
    )
    done = subprocess.run(
        command,
        shell=True,
        env=environment(netaudience_sandbox),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert netaudience_sandbox.check("netmera", "tag_users", ["007", "12345678901234567890"]).ok
    (rejected,) = (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    assert "is empty" in rejected


def test_the_job_that_is_shown_is_written_planned_and_run(netaudience_sandbox, tmp_path):
    init, plan, run = [line for line in CONSOLE if re.match("netaudience (init|plan|run)", line)]
    (tmp_path / "exports").mkdir()
    rows = "(values ('007', 'Ayşe', 41), ('12345678901234567890', 'Bob', 7)) as users(customer_id, name, age)"
    duckdb.sql(f"copy (select * from {rows}) to '{tmp_path}/exports/users.parquet'")
    for command in (init, plan, run):
        done = subprocess.run(
            command,
            shell=True,
            env=environment(netaudience_sandbox),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    keys = ["007", "12345678901234567890"]
    assert netaudience_sandbox.check("netmera", "set_profile_attributes", keys).ok


def test_the_two_commands_need_nothing_but_python():
    demo, tests = SHELL
    for command in (demo, tests):
        assert command.startswith("python3 -m venv .venv && .venv/bin/python -m pip install ")
    assert demo.endswith(".venv/bin/netaudience demo")
    assert tests.endswith(".venv/bin/python -m pytest -n 2")
