"""The folders of a job and of its runs: how they are called, found, listed, and at last deleted.

One job has one run at a time: the lock is held by the system for as long as the process lives, so a killed
one leaves nothing behind. Nothing is deleted here that does not look like a run of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import attrs

from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.words import JobFile
from netaudience.wire import dump_json, load_json, structure

__all__ = [
    "JobLock",
    "RunFolder",
    "RunStart",
    "find_run",
    "job_folder",
    "new_run",
    "prune",
    "runs_of",
    "snapshot_path",
]

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,60}")
_FORMAT = "netaudience run 1"


def job_folder(job: JobFile) -> Path:
    """Return where a job keeps its runs and snapshots."""
    if job.folder is None:
        return job.path.parent / ".netaudience" / file_name(job.name)
    return job.path.parent / job.folder.expanduser()


def snapshot_path(folder: Path, step: str) -> Path:
    """Return where it is kept what a step has delivered."""
    return folder / "snapshots" / f"{file_name(step)}.duckdb"


def file_name(name: str) -> str:
    """Return a name as part of a path: itself where it is plain, else one that no other name has."""
    if _SAFE.fullmatch(name):
        return name
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40]
    return f"{plain or 'step'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@attrs.define(kw_only=True)
class RunStart:
    """What a run was started with; another attempt at it must be started with the same."""

    job: str
    #: The job file, as an absolute path.
    file: str
    #: When the first attempt began, in UTC.
    started: str
    #: What tells the source from others.
    source: str
    #: By step, what tells the step from others.
    steps: dict[str, str]
    #: How often a process has carried the run.
    attempts: int = 0
    #: True from the moment on at which something may have been sent: then its journals must be there.
    sending: bool = False
    #: The run whose undelivered rows these are, for a run that sends those again.
    again: str | None = None
    format: str = _FORMAT


@attrs.frozen
class RunFolder:
    """One run's folder. Its name is the run's id."""

    path: Path

    @property
    def id(self) -> str:
        """The run's id: when it was started in UTC, and four characters that tell it from others."""
        return self.path.name

    @property
    def summary(self) -> Path:
        """The counts."""
        return self.path / "summary.json"

    @property
    def costs(self) -> Path:
        """What the attempts have cost, written down every few seconds."""
        return self.path / "costs.json"

    @property
    def rejects(self) -> Path:
        """What was not delivered, a line for each row."""
        return self.path / "rejects.jsonl"

    @property
    def report(self) -> Path:
        """The page with the pictures."""
        return self.path / "report.html"

    def journal(self, step: str) -> Path:
        """Return where the memory of a step is."""
        return self.path / f"{file_name(step)}.sqlite"

    def delete(self) -> None:
        """Delete the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def started(self) -> datetime:
        """When the run was started, as its id says."""
        return datetime.strptime(self.id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)

    def start(self) -> RunStart:
        """Read what the run was started with.

        Raises:
            ConfigurationError: it is not there, or it cannot be read.
        """
        try:
            start = structure(load_json((self.path / "run.json").read_bytes()), RunStart)
        except FileNotFoundError as error:
            raise ConfigurationError(f"{self.path} is no folder of a run: it has no run.json") from error
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The run.json of the run {self.id} cannot be read ({_cause(error)}), so nobody knows what "
                "it was started with: start a new run"
            ) from error
        if start.format != _FORMAT:
            raise ConfigurationError(
                f"The run {self.id} was written by another version of netaudience ({start.format}): go on "
                "with that version, or start a new run"
            )
        return start

    def remember(self, start: RunStart) -> None:
        """Write down what the run was started with.

        Raises:
            JournalFailed: the folder cannot be written.
        """
        try:
            replace(self.path / "run.json", dump_json(attrs.asdict(start)))
        except OSError as error:
            raise _unwritable(self.path, error) from error


class JobLock:
    """Holds a job while one of its runs is under way: ``with JobLock(folder, "nightly"):``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            ConfigurationError: another process has it.
            JournalFailed: the folder cannot be made or written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / ".gitignore").write_bytes(b"*\n")  # what is kept here are customers' rows
            database = sqlite3.connect(self._folder / "lock.sqlite", isolation_level=None, timeout=0)
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(self._folder, error) from error
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            database.close()
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise ConfigurationError(
                    f"Another run of the job {self._name!r} is under way{self._holder()}: wait until it is "
                    "over, or stop it; two would send the same rows twice"
                ) from error
            raise _unwritable(self._folder, error) from error
        self._database = database
        with contextlib.suppress(OSError):  # it is for people only
            self._told.write_bytes(dump_json({"process": os.getpid(), "host": socket.gethostname()}))
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        with contextlib.suppress(OSError):
            self._told.unlink()
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def _told(self) -> Path:
        return self._folder / "running.json"

    def _holder(self) -> str:
        try:
            told = load_json(self._told.read_bytes())
        except (OSError, ValueError):
            return ""
        return f" (process {told['process']} on {told['host']})" if isinstance(told, dict) else ""


def new_run(folder: Path, *, now: datetime | None = None) -> RunFolder:
    """Make the folder of a new run.

    Raises:
        JournalFailed: it cannot be made.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    newest = next((run.started for run in _folders(folder)), None)
    if newest is not None and newest >= moment.replace(microsecond=0):
        moment = newest + timedelta(seconds=1)  # of two runs of one second it must be known which is newer
    path = folder / "runs" / f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True)
        path.chmod(0o700)  # it holds the rows that were not delivered
    except OSError as error:
        raise _unwritable(folder, error) from error
    return RunFolder(path)


def runs_of(folder: Path) -> list[RunFolder]:
    """Return the runs that are kept in a job's folder, the newest first."""
    return [run for run in _folders(folder) if (run.path / "run.json").is_file()]


def find_run(name: str, folders: Iterable[Path] = ()) -> RunFolder:
    """Return a run by the path of its folder, its id, the beginning of its id, or ``latest``.

    Args:
        name: What the user says.
        folders: The jobs' folders to look in; those below ``.netaudience`` here where none is given.

    Raises:
        ConfigurationError: there is none, or there are several.
    """
    path = Path(name).expanduser()
    if (path / "run.json").is_file():
        return RunFolder(path.resolve())
    known = [run for folder in folders or _folders_here() for run in runs_of(folder)]
    known.sort(key=lambda run: run.id, reverse=True)
    if name == "latest" and known:
        return known[0]
    found = [run for run in known if run.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{len(found)} runs begin with {name!r}: give more of the id, such as {found[0].id}"
        )
    if path.suffix == ".toml":
        raise ConfigurationError(
            f"{name} is a job file, not a run of it: netaudience runs {name} lists its runs, and "
            f"netaudience run {name} starts a new one"
        )
    if not known:
        raise ConfigurationError(
            f"There is no run {name!r}: no job that is kept beside here has been run. Go to the folder of "
            "the job file, or give the path of the run's folder; netaudience run JOB starts a first one"
        )
    raise ConfigurationError(
        f"There is no run {name!r}: the newest is {known[0].id}. Give its id or the path of its folder"
    )


def prune(
    folder: Path, *, keep_runs: int, keep_days: int, finished: set[str], now: datetime | None = None
) -> list[str]:
    """Delete runs beyond the newest so many, and those that are older than so many days; return their ids.

    A run that is not finished counts by its age only: it may still be gone on with.
    """
    oldest = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    deleted: list[str] = []
    for place, run in enumerate(_folders(folder)):
        if (place >= keep_runs and run.id in finished) or run.started < oldest:
            run.delete()
            deleted.append(run.id)
    return deleted


def replace(path: Path, body: bytes) -> None:
    """Write a file whole or not at all, readable for its owner only."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            part.chmod(0o600)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _folders(folder: Path) -> list[RunFolder]:
    try:
        paths = [path for path in (folder / "runs").iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return []
    return [RunFolder(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def _folders_here() -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(path for path in Path(".netaudience").iterdir() if path.is_dir())


def _unwritable(path: Path, error: Exception) -> JournalFailed:
    return JournalFailed(
        f"{path} cannot be written ({_cause(error)}): make room, look at who may write there, or set another "
        "folder in [runs]"
    )


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
