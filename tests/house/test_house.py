"""What a stranger's task costs: each patch is applied to a copy of the package, works there, and is small.

A patch that does not apply any more is written anew; one that needs more files than its bound says that the
house has got worse at that task, and the house is mended, not the bound.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: A task and how many files it may need, beside tests and the page that is generated.
TASKS = {"sixth-vendor": 2, "throttled-code": 1, "limit": 1, "source-kind": 1, "count": 1}
#: Written by `netaudience operations --markdown`.
GENERATED = {"docs/operations.md"}


def touched(patch: Path) -> set[str]:
    """Return the files that a patch changes or makes."""
    named = re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for name in named if not name.startswith("tests/")} - GENERATED


def test_every_patch_has_its_bound_and_its_check() -> None:
    assert {patch.stem for patch in HERE.glob("*.patch")} == set(TASKS)
    checks = {check.stem.replace("_", "-") for check in (HERE / "checks").glob("*.py")}
    assert checks == set(TASKS)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git applies the patches")
@pytest.mark.parametrize("task", TASKS)
def test_a_strangers_task_needs_few_files_and_works(task: str, tmp_path: Path) -> None:
    patch = HERE / f"{task}.patch"
    files = touched(patch)
    assert 0 < len(files) <= TASKS[task], sorted(files)

    copy = tmp_path / "netaudience"
    shutil.copytree(ROOT / "netaudience", copy, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "error"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    check = (sys.executable, str(HERE / "checks" / f"{task.replace('-', '_')}.py"))
    without = run(*check)
    assert without.returncode == 1, without  # the check can fail
    applied = run("git", "apply", "-C1", str(patch))
    assert applied.returncode == 0, applied.stderr
    ended = run(*check)
    assert ended.returncode == 0, ended.stdout + ended.stderr
