"""What a job writes is for its owner alone, and nothing of it lies about after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import pytest
from job_runs import SET, make_job, people, run, write_rows

from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Guards, Source
from netaudience.jobs.state.snapshot import Snapshot
from netaudience.sandbox import Sandbox

pytest.importorskip("duckdb")


@pytest.fixture(autouse=True)
def _open_to_all():
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): oct(path.stat().st_mode & 0o077) for path in folder.rglob("*")}


def test_all_that_is_beside_a_memory_while_it_is_written_is_private(tmp_path: Path) -> None:
    write_rows(tmp_path, people(5000))
    source = Source(files=("users.csv",), key=("user_id",))
    step = attrs.evolve(SET, mode="changed-only")
    kept = tmp_path / "kept"
    kept.mkdir()
    with Snapshot(kept / "set.duckdb") as snapshot, open_source(source, tmp_path) as table:
        found = snapshot.differences(table, step, "one", Effect())
        for page in found.rows():
            snapshot.commit([row["row"] for row in page])
        seen = modes(kept)
        assert set(seen) >= {"set.duckdb", "set.duckdb.wal"}
        assert set(seen.values()) == {"0o0"}
    with Snapshot(kept / "set.duckdb") as snapshot:
        snapshot.open_run(is_open=True)
        assert set(modes(kept).values()) == {"0o0"}


@pytest.mark.asyncio
async def test_folders_and_files_of_a_job_are_private(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(300), "id00007": "many"})
    step = attrs.evolve(SET, mode="mirror", removal="unset_profile_attributes")
    job = make_job(tmp_path, step, guards=Guards(max_rejected=None))
    async with Sandbox() as sandbox:
        first = await run(job, sandbox, report=True)
        await run(job, sandbox, retry=first.run)
    assert {name for name, mode in modes(tmp_path / ".netaudience").items() if mode != "0o0"} == set()


KILLED = """
import os, signal
from netaudience.jobs.extract.table import open_data
table = open_data([{"user_id": "a@example.com"}] * 100)
print(table._scratch.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_spooled_is_taken_away_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "netaudience-somebody-else").mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Path(killed.stdout.strip())
    assert left.parent == tmp_path
    assert left.exists()
    assert left.stat().st_mode & 0o077 == 0
    with Scratch() as first, Scratch() as second:
        assert not left.exists()
        assert Path(first).exists(), "a living process holds it"
        assert Path(second).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["netaudience-somebody-else"]
