"""The folders of a job and of its runs: how they are called, found, listed, and at last deleted.

One job has one run at a time: the lock is held by the system for as long as the process lives, so a killed
one leaves nothing behind. Nothing is deleted here that does not look like a run of ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import sqlite3
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import attrs

from netaudience.engine.lease import FileLock
from netaudience.engine.record_count import keep_name
from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.spec.model import JobFile
from netaudience.model.digests import digest_of
from netaudience.model.wire import dump_json, load_json, structure

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,60}")
_FORMAT = "netaudience run 1"


def job_folder(job: JobFile) -> Path:
    """Return where a job keeps its runs and snapshots."""
    if job.folder is None:
        return job.path.parent / ".netaudience" / file_name(job.name)
    return job.path.parent / job.folder.expanduser()


def rejected_path(folder: Path, step: str) -> Path:
    """Return where it is kept which rows the last run of a step has rejected."""
    return folder / "snapshots" / f"{file_name(step)}.rejected"


def file_name(name: str) -> str:
    """Return a name as part of a path: itself where it is plain, else one that no other name has."""
    if _SAFE.fullmatch(name):
        return name
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40]
    return f"{plain or 'step'}-{digest_of(name, 6)}"


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
    #: By step, the account that it is sent to.
    accounts: dict[str, str] = attrs.field(factory=dict[str, str])
    #: Whether the steps were held to the vendor's schema.
    preflight: bool = True
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

    @property
    def verified(self) -> Path:
        """What a look afterwards has shown."""
        return self.path / "verify.json"

    @property
    def differing(self) -> Path:
        """The rows that were delivered and are not there as they were sent, a line for each."""
        return self.path / "verify.jsonl"

    @property
    def unrepaired(self) -> Path:
        """What of these was sent again and was not delivered either."""
        return self.path / "repair.jsonl"

    @property
    def source(self) -> Path:
        """What was fetched of the source, for as long as the run can be gone on with."""
        return self.path / "source"

    def keep_source(self, fetched: Path) -> None:
        """Keep what was fetched of the source; where the folder is on the same disk, nothing is copied.

        Raises:
            JournalFailed: it cannot be written.
        """
        if fetched == self.source:
            return
        part = self.path / "source.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(self.source, ignore_errors=True)
            shutil.copytree(fetched, part, copy_function=_link)
            part.rename(self.source)
        except (OSError, shutil.Error) as error:
            raise _unwritable(self.path, error) from error

    def drop_source(self) -> None:
        """Take away what was fetched of the source."""
        shutil.rmtree(self.source, ignore_errors=True)

    def journal(self, step: str) -> Path:
        """Return where the memory of a step is."""
        return self.path / f"{file_name(step)}.sqlite"

    def known_rejects(self, step: str) -> Path:
        """Return where it is kept which rows of a step the run before this one has rejected."""
        return self.path / f"{file_name(step)}.rejected"

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
        self._lock = FileLock(folder / "lock.sqlite")

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            ConfigurationError: another process has it.
            JournalFailed: the folder cannot be made or written.
        """
        try:
            private_folder(self._folder)
            _private_file(self._folder / ".gitignore").write_bytes(b"*\n")  # here are customers' rows
            free = self._lock.take()
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(self._folder, error) from error
        if not free:
            holder = holder_of(self._folder)
            where = f" ({holder})" if holder else ""
            raise ConfigurationError(
                f"Another run of the job {self._name!r} is under way{where}: wait until it is "
                "over, or stop it; two would send the same rows twice"
            )
        with contextlib.suppress(OSError):  # it is for people only
            _private_file(self._running).write_bytes(
                dump_json({"process": os.getpid(), "host": socket.gethostname()})
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        with contextlib.suppress(OSError):
            self._running.unlink()
        self._lock.release()

    @property
    def _running(self) -> Path:
        return self._folder / "running.json"


def holder_of(folder: Path) -> str:
    """Return which process says that a run of a job is its own, for a sentence; empty where none does."""
    try:
        running = load_json((folder / "running.json").read_bytes())
    except (OSError, ValueError):
        return ""
    return f"process {running['process']} on {running['host']}" if isinstance(running, dict) else ""


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
        private_folder(path.parent)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise _unwritable(folder, error) from error
    for made in (path, path.parent, folder):  # what is written there is to be found after a power cut
        keep_name(made)
    return RunFolder(path)


def runs_of(folder: Path) -> list[RunFolder]:
    """Return the runs that are kept in a job's folder, the newest first."""
    return [run for run in _folders(folder) if (run.path / "run.json").is_file()]


def prune(  # noqa: PLR0913 - what is kept, and what is known
    folder: Path,
    *,
    keep_runs: int,
    keep_days: int,
    finished: set[str],
    spared: Collection[str] = (),
    now: datetime | None = None,
) -> list[str]:
    """Delete all but the newest runs, and those that are older than a number of days; return their ids.

    A run that is not finished counts by its age only: it may still be gone on with. A run's age is told from
    the newest before it as well as from the clock, so that a clock that is set wrong, or a job that was not
    run for long, takes away no more than what is old among the runs.

    Args:
        folder: The job's folder.
        keep_runs: How many stay.
        keep_days: For how long they stay.
        finished: Those of which nothing is left to be sent.
        spared: Those that are in hand, and stay however old they are.
        now: What the clock says.
    """
    runs = _folders(folder)
    moments = [now or datetime.now(UTC), *(run.started for run in runs if run.id not in spared)][:2]
    oldest = min(moments) - timedelta(days=keep_days)
    deleted: list[str] = []
    for place, run in enumerate(runs):
        if run.id in spared:
            continue
        if (place >= keep_runs and run.id in finished) or run.started < oldest:
            run.delete()
            deleted.append(run.id)
    return deleted


def private_folder(path: Path) -> None:
    """Make a folder that only its owner may look into: what is kept there are customers' rows.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close_to_others(path)  # it may be there already, from a time when everybody could look into it


def _close_to_others(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & 0o077:
        path.chmod(mode & 0o700)


def _private_file(path: Path) -> Path:
    """Make a file that only its owner may read; what a database writes beside one has the same rights."""
    path.touch(mode=0o600)
    _close_to_others(path)
    return path


def replace(path: Path, body: bytes) -> None:
    """Write a file whole or not at all, readable for its owner only."""
    part = path.with_name(f"{path.name}.part")
    try:
        with _private_file(part).open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _link(one: str, other: str) -> str:
    try:
        os.link(one, other)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(one, other)
    return other


def _folders(folder: Path) -> list[RunFolder]:
    try:
        paths = [path for path in (folder / "runs").iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return []
    return [RunFolder(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def folders_here() -> Iterator[Path]:
    """Give the folders of the jobs that are kept beside here."""
    with contextlib.suppress(OSError):
        yield from sorted(path for path in Path(".netaudience").iterdir() if path.is_dir())


def _unwritable(path: Path, error: Exception) -> JournalFailed:
    return JournalFailed(
        f"{path} cannot be written ({_cause(error)}): make room, look at who may write there, or set another "
        "folder in [runs]"
    )


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
