"""What is wrong with a memory is told by what it is, and the advice makes nothing worse."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
from job_runs import SET, people, write_rows

from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.checkpoint import check_journal
from netaudience.jobs.state.diagnosis import cause_of, sentence_of
from netaudience.jobs.state.snapshot import Snapshot

duckdb = pytest.importorskip("duckdb")

STEP = attrs.evolve(SET, mode="changed-only")
CAUSES = ("in use", "rights", "space", "memory", "handles", "damaged", "unknown")


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A memory that has delivered something."""
    path = tmp_path / "set.duckdb"
    write_rows(tmp_path, people(20_000))
    for name in ("one", "two"):
        compare(path, name)
    return path


def compare(path: Path, run: str) -> int:
    """Compare the source with a memory, as a run does, and deliver all of it; return what was to be sent."""
    source = Source(files=("users.csv",), key=("user_id",))
    with Snapshot(path) as snapshot, open_source(source, path.parent) as table:
        found = snapshot.differences(table, STEP, run, Effect())
        rows = [row["row"] for page in found.rows() for row in page]
        snapshot.commit(rows)
    return len(rows)


@pytest.mark.slow
def test_one_bit_that_is_another_is_damage_wherever_it_stands(memory: Path) -> None:
    good, chance, told = memory.read_bytes(), random.Random(4), set[str]()
    for _ in range(12):
        bad = bytearray(good)
        bad[chance.randrange(12_288, len(bad))] ^= 1 << chance.randrange(8)
        memory.write_bytes(bad)
        try:
            assert compare(memory, "three") == 0, "what nobody reads may be anything"
        except (ConfigurationError, JournalFailed) as error:
            told.add(str(error))
    assert told
    for sentence in told:
        assert "is damaged: put back a copy" in sentence
        assert "in use" not in sentence
        assert "move it away, and keep it" in sentence
    memory.write_bytes(good)
    assert compare(memory, "four") == 0


#: A process that dies with what it has written last beside its memory.
DYING = """
import os, sys
from pathlib import Path
from netaudience.jobs.state.snapshot import Snapshot
memory = Snapshot(Path(sys.argv[1]))
memory.keep_reading("{}")
os._exit(0)
"""


def test_one_bit_that_is_another_in_what_was_written_last_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "set.duckdb"
    Snapshot(path).close()
    subprocess.run([sys.executable, "-c", DYING, str(path)], check=True)
    log = tmp_path / "set.duckdb.wal"
    good, written = path.read_bytes(), log.read_bytes()
    told = dict[str, int]()
    for bit in range(0, 8 * len(written), 13):
        path.write_bytes(good)
        log.write_bytes(
            written[: bit // 8] + bytes([written[bit // 8] ^ 1 << bit % 8]) + written[bit // 8 + 1 :]
        )
        try:
            Snapshot(path).close()
        except ConfigurationError as error:
            told[str(error)] = told.get(str(error), 0) + 1
    (sentence,) = told
    assert "is damaged: put back a copy" in sentence
    assert told[sentence] > 60


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to hold a header" * 300])
def test_what_is_no_database_is_told_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.duckdb"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is damaged"):
        Snapshot(path)


HOLDER = """
import sys
from pathlib import Path
from netaudience.jobs.state.snapshot import Snapshot
with Snapshot(Path(sys.argv[1])):
    print("opened", flush=True)
    sys.stdin.read()
"""


def test_a_memory_that_another_process_has_is_in_use(memory: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(memory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(ConfigurationError, match="is in use by another process"):
                Snapshot(memory)
        finally:
            other.communicate()
    Snapshot(memory).close()


def test_words_of_an_error_decide_nothing(memory: Path) -> None:
    assert cause_of(duckdb.IOException("block, lock, no space left, Permission denied"), memory) == "unknown"
    assert cause_of(duckdb.OutOfMemoryException("could not allocate block"), memory) == "memory"
    assert cause_of(MemoryError(), memory) == "memory"
    assert cause_of(OSError(24, "lock"), memory) == "handles"
    assert cause_of(PermissionError(13, "lock"), memory) == "rights"
    assert cause_of(duckdb.ConnectionException("another configuration"), memory) == "in use"


def test_a_full_disk_rights_and_open_files_are_told_apart(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = duckdb.IOException("it failed")
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
        assert cause_of(error, memory) == "space"
    with monkeypatch.context() as others:
        others.setattr(os, "access", lambda *_: False)
        assert cause_of(error, memory) == "rights"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        assert cause_of(error, memory) == "handles"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("cause", CAUSES)
def test_only_of_what_is_damaged_somebody_is_told_to_move_it(cause) -> None:
    told = sentence_of(cause, "set.duckdb", remembers="what was delivered", lost="all is sent again")
    assert ("move it away" in told) == (cause == "damaged")
    assert ("all is sent again" in told) == (cause == "damaged")
    assert "delete" not in told


def test_a_journal_that_is_damaged_or_none_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "tag.sqlite"
    path.write_bytes(b"locked" * 1000)
    with pytest.raises(ConfigurationError, match="is damaged, so nobody knows"):
        check_journal(path, "r")
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE another (x)")
    database.close()
    with pytest.raises(ConfigurationError, match="is damaged, so nobody knows"):
        check_journal(path, "r")


def test_a_comparison_that_cannot_be_written_down_is_told_of_the_memory(tmp_path: Path) -> None:
    """DuckDB then fails once more when the file is let go of, which must not be what is reported."""
    write_rows(tmp_path, people(20_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    source = Source(files=("users.csv",), key=("user_id",))
    with Snapshot(tmp_path / "set.duckdb") as snapshot, open_source(source, tmp_path) as table:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
        try:
            with pytest.raises(JournalFailed, match=r"set\.duckdb"):
                snapshot.differences(table, STEP, "one", Effect())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with Snapshot(tmp_path / "set.duckdb") as snapshot, open_source(source, tmp_path) as table:
        assert snapshot.differences(table, STEP, "two", Effect()).added == 20_000
