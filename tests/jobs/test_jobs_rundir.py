"""The folders of runs: found, locked, listed and deleted; and the files in them, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netaudience.dead_letter import DeadLetter
from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.run_folder import (
    JobLock,
    RunFolder,
    RunStart,
    file_name,
    job_folder,
    new_run,
    prune,
    replace,
    runs_of,
)
from netaudience.jobs.state.summary import JobFailed, StepSummary, Summary, read_summary

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
START = RunStart(job="nightly", file="/x/job.toml", started="then", source="s", steps={"tag": "d"})


def make_run(folder: Path, days_ago: float) -> RunFolder:
    run = new_run(folder, now=NOW - timedelta(days=days_ago))
    run.remember(START)
    return run


def test_a_job_keeps_its_runs_beside_its_file_unless_it_says_where(tmp_path: Path) -> None:
    job = Job(name="nightly", path=tmp_path / "job.toml", source=Source(), steps=())
    assert job_folder(job) == tmp_path / ".netaudience" / "nightly"
    other = Job(name="nightly", path=tmp_path / "job.toml", source=Source(), steps=(), folder=Path("kept"))
    assert job_folder(other) == tmp_path / "kept"


@pytest.mark.parametrize(
    "name", ["tag removal", "../../etc/passwd", "a/b", ".", "..", "", "ünïcode", "x" * 300, "CON:", "-rf"]
)
def test_a_name_never_leaves_its_folder_and_is_never_another_one(name: str) -> None:
    made = file_name(name)
    assert "/" not in made
    assert 0 < len(made) <= 61
    assert made[0] not in ".-"
    assert made != file_name(f"{name} ")
    assert file_name("plain-Name_1.0") == "plain-Name_1.0"


def test_a_run_is_told_by_its_time_and_is_for_its_owner_only(tmp_path: Path) -> None:
    run = make_run(tmp_path, 0)
    assert run.id.startswith("20261122-013000-")
    assert run.started == NOW
    assert run.start() == START
    assert run.path.stat().st_mode & 0o77 == 0
    assert (run.path / "run.json").stat().st_mode & 0o77 == 0


def test_a_run_is_found_by_path_id_beginning_and_as_the_latest(tmp_path: Path) -> None:
    old, new = make_run(tmp_path, 2), make_run(tmp_path, 1)
    (tmp_path / "runs" / "something else").mkdir()
    assert [run.id for run in runs_of(tmp_path)] == [new.id, old.id]
    for name in (str(old.path), old.id, old.id[:10]):
        assert find_run(name, [tmp_path]).id == old.id
    assert find_run("latest", [tmp_path]).id == new.id


def test_of_runs_that_begin_in_one_second_the_latest_is_the_last(tmp_path: Path) -> None:
    for _ in range(8):
        last = make_run(tmp_path, 0)
        assert find_run("latest", [tmp_path]) == last


@pytest.mark.parametrize(
    ("name", "words"),
    [("2026", "2 runs begin with '2026'"), ("nonsense", "the newest is 20261121-"), ("", "2 runs begin")],
)
def test_a_run_that_is_not_told_clearly_is_refused(tmp_path: Path, name: str, words: str) -> None:
    make_run(tmp_path, 2), make_run(tmp_path, 1)
    with pytest.raises(ConfigurationError, match=words):
        find_run(name, [tmp_path])


def test_where_there_are_no_runs_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="no job that is kept beside here has been run"):
        find_run("latest")


def test_runs_are_found_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / ".netaudience" / "nightly", 1)
    assert find_run(run.id).path.resolve() == run.path


def test_latest_is_of_one_job_and_a_job_stands_for_its_newest_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / ".netaudience" / "nightly", 3)
    tonight = make_run(tmp_path / ".netaudience" / "nightly", 2)
    other = make_run(tmp_path / ".netaudience" / "weekly", 1)
    with pytest.raises(ConfigurationError, match=f"here: nightly, weekly. Give .* newest is {other.id}"):
        find_run("latest")
    assert find_run("nightly").id == tonight.id
    assert find_run("weekly").id == other.id
    (tmp_path / "nightly.toml").write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        'arguments = { tag = "vip" }\nfields = { ext_id = "id" }\n'
    )
    assert find_run("nightly.toml").id == tonight.id
    (tmp_path / "nightly.toml").rename(tmp_path / "new.toml")
    with pytest.raises(ConfigurationError, match=r"new\.toml has no run yet: netaudience run new\.toml"):
        find_run("new.toml")


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_nothing_that_is_kept_is_readable_by_others(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "kept" / "nightly"
    folder.mkdir(parents=True, mode=0o755)  # made by hand, or by a version that let others in
    before = os.umask(umask)
    try:
        with JobLock(folder, "nightly"):
            run = make_run(folder, 1)
            replace(run.path / "metrics.json", b"{}")
            kept = [folder, *folder.rglob("*")]
            assert {"lock.sqlite", "running.json", "run.json", "metrics.json"} <= {path.name for path in kept}
            assert {path.name: oct(path.stat().st_mode & 0o77) for path in kept} == {
                path.name: "0o0" for path in kept
            }
    finally:
        os.umask(before)


def test_old_runs_are_deleted_by_count_and_by_age_and_nothing_else_is(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, days) for days in (100, 4, 3, 2, 1)][::-1]
    stranger = tmp_path / "runs" / "notes"
    stranger.mkdir()
    (tmp_path / "runs" / "20200101-000000-abcd").write_text("a file, and no run")
    unfinished = runs[3]
    finished = {run.id for run in runs} - {unfinished.id}
    deleted = prune(tmp_path, keep_runs=2, keep_days=90, finished=finished, now=NOW)
    assert set(deleted) == {runs[2].id, runs[4].id}
    assert [run.id for run in runs_of(tmp_path)] == [runs[0].id, runs[1].id, unfinished.id]
    assert stranger.exists()
    assert (tmp_path / "runs" / "20200101-000000-abcd").exists()


HOLDER = """
import sys
from pathlib import Path
from netaudience.jobs.state.run_folder import JobLock
with JobLock(Path(sys.argv[1]), "nightly"):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_job_has_one_run_at_a_time_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    with JobLock(tmp_path, "nightly"):
        words = rf"under way \(process {os.getpid()} on "
        with pytest.raises(ConfigurationError, match=words), JobLock(tmp_path, "nightly"):
            pass
    with JobLock(tmp_path, "nightly"):
        pass
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        words = rf"under way \(process {holder.pid} on "
        with pytest.raises(ConfigurationError, match=words), JobLock(tmp_path, "nightly"):
            pass
        holder.kill()
        holder.wait()
        with JobLock(tmp_path, "nightly"):
            pass


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    replace(path, b"before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"job": 7}', b"\xff"])
def test_a_start_that_cannot_be_read_is_told(tmp_path: Path, body: bytes) -> None:
    run = make_run(tmp_path, 0)
    (run.path / "run.json").write_bytes(body)
    with pytest.raises(ConfigurationError, match="start a new run"):
        run.start()


# The summary.


def step(**counts: object) -> StepSummary:
    return StepSummary(name="tag", vendor="netmera", operation="tag_users", **counts)  # type: ignore[arg-type]


def summary(*steps: StepSummary, **how: object) -> Summary:
    told = {"run": "20261122-013000-ab12", "job": "nightly", "file": "job.toml", "started": ""}
    return Summary(folder="/runs/1", steps=list(steps), **told, **how)  # type: ignore[arg-type]


WHOLE = {"total": 10, "delivered": 10, "exhausted": True}


@pytest.mark.parametrize(
    ("told", "code", "finished"),
    [
        (summary(step(**WHOLE)), 0, True),
        (summary(step(total=10, unchanged=10, exhausted=True)), 0, True),
        (summary(step(total=10, delivered=9, rejected=1, exhausted=True)), 3, True),
        (summary(step(total=10, delivered=9, in_doubt=1, exhausted=True)), 3, True),
        (summary(step(total=10, delivered=9, failed=1, exhausted=True)), 3, False),
        (summary(step(total=10, delivered=9, unsent=1, stopped="x", stopped_code=1)), 1, False),
        (summary(step(total=10, unsent=10, stopped="x", stopped_code=4)), 4, False),
        (summary(step(total=10, unsent=10, stopped="x", stopped_code=5)), 5, False),
        (summary(step(total=10, delivered=4, unsent=6), signal=15), 143, False),
        (summary(step(**WHOLE), signal=2), 130, False),
        (summary(step(**WHOLE), unwritten=["a full disk"]), 1, True),
        (summary(step(total=10, delivered=9, exhausted=True)), 1, True),  # a row is in no count
        (summary(step(**WHOLE), step(total=1, rejected=1, exhausted=True)), 3, True),
    ],
)
def test_what_became_of_a_run_is_told_by_a_number(told: Summary, code: int, *, finished: bool) -> None:
    assert told.exit_code == code
    assert told.finished is finished
    assert (told.resume_command is None) is finished
    assert told.ok is (code == 0)
    if code:
        with pytest.raises(JobFailed):
            told.raise_for_undelivered()
    else:
        assert told.raise_for_undelivered() is told


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = make_run(tmp_path, 0)
    assert read_summary(run.summary) is None
    written = summary(step(**WHOLE, reasons={"rejected": {"x": 1}}), source_rows=10, attempts=3, signal=2)
    replace(run.summary, written.to_json())
    assert read_summary(run.summary) == written
    run.summary.write_bytes(written.to_json()[:50])
    with pytest.raises(ConfigurationError, match=f"netaudience resume .*{run.id} writes it anew"):
        read_summary(run.summary)


def test_the_table_for_a_build_shows_text_as_it_is() -> None:
    told = summary(
        step(total=2, delivered=1, rejected=1, exhausted=True, reasons={"rejected": {"<b>|`x`\n# y": 1}})
    )
    text = told.markdown()
    assert "<b>" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert line.count("|") - line.count("\\|") == 5
    assert "netaudience retry /runs/1" in text


# The rejects.


def lines_of(path: Path) -> list[tuple[object, ...]]:
    return [(letter.step, letter.position, letter.outcome) for letter in DeadLetter.read(path)]


def letter(step: str, position: int, **how: object) -> DeadLetter:
    told = {"key": f"id{position}", "outcome": "rejected", "by": "source", "reason": "It is wrong", "row": {}}
    told |= {"step": step, "vendor": "netmera", "operation": "tag_users", **how}
    return DeadLetter(position=position, **told)  # type: ignore[arg-type]


def test_an_attempt_that_comes_less_far_keeps_what_was_told_of_later_rows(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    first = Rejects(path)
    for row in (1, 5, 9):
        first.write(letter("tag", row))
        first.write(letter("set", row))
    first.close({"tag": None, "set": None})
    assert path.stat().st_mode & 0o77 == 0

    second = Rejects(path)
    second.write(letter("tag", 1))
    second.close({"tag": 5, "set": None})
    assert lines_of(path) == [("tag", 1, "rejected"), ("tag", 9, "rejected")]

    third = Rejects(path)
    third.close({"tag": None, "set": None})
    assert not path.exists()


def test_an_attempt_that_was_killed_leaves_the_last_ones_file(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    first = Rejects(path)
    first.write(letter("tag", 1))
    first.close({"tag": None})
    killed = Rejects(path)
    killed.write(letter("tag", 2))
    killed.flush()
    assert killed._file is not None
    killed._file.close()  # as the system does
    assert lines_of(path) == [("tag", 1, "rejected")]


def test_a_line_that_was_mended_wrongly_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_text(f'{letter("tag", 1).to_line().decode().strip()}\n\n{{"step": \n')
    with pytest.raises(ConfigurationError, match=r"Line 3 of .* is no dead letter"):
        list(DeadLetter.read(path))


SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("folder = 3", 'folder must be text that is not empty, such as folder = "…"'),
        ('folder = ""', 'folder must be text that is not empty, such as folder = "…"'),
        ('folder = "s3://"', "folder must be a path, or name a bucket and a folder in it"),
        ('folder = "http://bucket/nightly"', "folder must be a path, or name a bucket and a folder in it"),
        ('folder = "s3://bucket/ni ght"', "folder must be a path, or name a bucket and a folder in it"),
        (f'folder = "s3://key:{SECRET}@bucket/nightly"', "without anything secret"),
        (f'folder = "az://bucket/nightly?sig={SECRET}"', "without anything secret"),
        ("lease = 30", 'lease is for a folder in an object store: leave it out, or say folder = "s3://…"'),
        ('folder = "kept"\nlease = 30', "lease is for a folder in an object store"),
        ('folder = "s3://bucket/nightly"\nlease = 2.9', "lease must be 3 seconds or more"),
        ('folder = "s3://bucket/nightly"\nlease = 0', "lease must be a number above 0"),
        ('folder = "s3://bucket/nightly"\nlease = "60s"', "lease must be a number above 0"),
        ('folder = "s3://bucket/nightly"\nlease = inf', "lease must be a number above 0"),
        ('folder = "s3://bucket/nightly"\nleese = 60', "did you mean lease?"),
    ],
)
def test_where_runs_cannot_be_kept_is_told_in_a_sentence(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        f'[runs]\n{lines}\n[source]\nfiles = "u.csv"\n[[step]]\nvendor = "netmera"\n'
        'operation = "enable_push"\n[step.fields]\next_id = "id"\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        Job.load(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{2 + lines.count(chr(10))}: ")
    assert told in line
    assert SECRET not in line
