"""The script that begins a vendor writes what the house's test tries, under the name that was asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "docs" / "new_vendor.py"


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--root", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_writes_a_client_and_a_sandbox_that_are_python(tmp_path):
    ended = run(tmp_path, "newco", "--name", "NewCo")
    assert ended.returncode == 0, ended.stderr
    client = (tmp_path / "netaudience" / "vendors" / "newco.py").read_text(encoding="utf-8")
    server = (tmp_path / "netaudience" / "sandbox" / "newco" / "__init__.py").read_text(encoding="utf-8")
    for text in (client, server):
        compile(text, "written", "exec")
        assert "acme" not in text.lower()
    assert "class NewCoClient(Client):" in client
    assert "``NETAUDIENCE_NEWCO_API_KEY``" in client
    assert 'name = "newco"' in server


@pytest.mark.parametrize("words", [["Newco"], ["new-co"], ["newco", "--name", "Other"]])
def test_a_name_that_is_none_is_refused(tmp_path, words):
    ended = run(tmp_path, *words)
    assert ended.returncode == 2
    assert "lower-case letters" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(tmp_path):
    assert run(tmp_path, "newco").returncode == 0
    ended = run(tmp_path, "newco")
    assert ended.returncode == 2
    assert "is there already" in ended.stderr


@pytest.mark.slow  # needs the linter, which the work on it brings
def test_what_it_writes_passes_the_project_s_lint(tmp_path):
    run(tmp_path, "newco")
    (tmp_path / "netaudience" / "vendors" / "__init__.py").write_text('"""Vendors."""\n')
    for command in (["check"], ["format", "--check"]):
        config = str(SCRIPT.parent.parent / "pyproject.toml")
        lint = [sys.executable, "-m", "ruff", *command, "--config", config, str(tmp_path)]
        ended = subprocess.run(lint, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout


@pytest.mark.slow  # a type checker reads the package
def test_what_it_writes_passes_the_project_s_types(tmp_path):
    shutil.copytree(SCRIPT.parent.parent / "netaudience", tmp_path / "netaudience")
    run(tmp_path, "newco")
    config = str(SCRIPT.parent.parent / "pyproject.toml")
    names = ["netaudience.vendors.newco", "netaudience.sandbox.newco"]
    words = [word for name in names for word in ("--module", name)]
    command = [sys.executable, "-m", "mypy", "--config-file", config, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
