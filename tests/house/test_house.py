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


#: What users import by way of the rooms above them, or of a name that stands in no page.
BEHIND = {"netaudience.errors", "netaudience.vendors"}
#: Pages for those who work on the package.
OURS = {"architecture.md", "contributing.md", "new_vendor.py", "conf.py", "_operations.py"}


def imported_in(page: Path) -> set[str]:
    return set(
        re.findall(r"(?:from|import|automodule::) (netaudience[\w.]*)", page.read_text(encoding="utf-8"))
    )


def test_what_users_are_shown_to_import_is_public_and_nothing_else_is() -> None:
    docs = [page for page in (ROOT / "docs").rglob("*") if page.suffix in {".md", ".py"}]
    pages = [page for page in docs if page.name not in OURS and page.parent.name != "decisions"]
    shown = set().union(*(imported_in(page) for page in (ROOT / "README.md", *pages)))
    public = {
        ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for module in (ROOT / "netaudience").rglob("*.py")
        if re.search(r"^__all__", module.read_text(encoding="utf-8"), re.MULTILINE)
    }
    vendors = {name for name in public if re.fullmatch(r"netaudience\.vendors\.[a-z]+", name)}
    assert public - vendors - BEHIND == {name.rstrip(".") for name in shown}


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
