"""A job's folder in an object store: what a run knows survives the machine that it ran on.

A run works on its local folder. The store holds generations of it: objects that are written once, and one
object, ``state.json``, that names those of the newest generation and who holds the job. It is only written
where it still is what the writer has read, so that of two machines one is refused, and one that has lost the
job can save nothing more. No clock is compared: a holder is gone when its object has not changed for a lease.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from netaudience.engine.lease import FileLock, revoke
from netaudience.errors import ConfigurationError, JournalFailed, NetaudienceError
from netaudience.jobs.connectors.objects import open_store
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.run_folder import (
    JobLock,
    holder_of,
    job_folder,
    private_folder,
    replace,
)
from netaudience.model.wire import dump_json, load_json, structure

__all__ = ["StateStore", "Whereabouts", "fetch_state", "where_state_is"]

_FORMAT = "netaudience state 1"
_ROOT = re.compile(r"([a-z0-9]+://[^/]+)/?(.*)")
#: What is of one machine and one process alone, or half written.
_LOCAL = re.compile(
    r"lock\.sqlite.*|store\.sqlite.*|store\.json|running\.json|\.gitignore|.*(-lock|-shm|-wal|-count|\.part)"
)
_BLOCK = 1 << 20
_ALL = 1 << 62
#: Of a lease: how often it is renewed in it, and the share of it after which a holder that reaches nobody
#: stops by itself.
_BEATS, _GIVES_UP = 6, 0.5
_REMEDY = "look at its name, and at the store's variables (AWS_…, GOOGLE_… or AZURE_…) for the access to it"


@attrs.frozen(kw_only=True)
class _File:
    """One file of a generation."""

    #: The object's name below ``files/``; nobody else ever writes one of that name.
    object: str
    size: int
    #: The local file's time of change; 0 where the object is a copy of one that was being written.
    changed: int
    digest: str


@attrs.define(kw_only=True)
class _State:
    """What ``state.json`` holds."""

    job: str
    #: Counts those who have taken the job.
    epoch: int = 0
    #: Who holds it, for people; empty where nobody does.
    holder: str = ""
    #: What tells that holder, and the folder he worked in, from all others.
    token: str = ""
    #: Counts the renewals, so that each writes another object.
    beat: int = 0
    generation: int = 0
    saved: str = ""
    files: dict[str, _File] = attrs.field(factory=dict[str, _File])
    format: str = _FORMAT


@attrs.frozen(kw_only=True)
class _Here:
    """What a local folder remembers of the store."""

    #: With which of these the store holds nothing that the folder has not.
    tokens: tuple[str, ...] = ()
    #: The generation that was only looked at, as ``epoch.generation``.
    copied: str = ""


@attrs.frozen(kw_only=True)
class Whereabouts:
    """Where a job's state is, and who holds the job."""

    place: str
    generation: int
    saved: str
    holder: str
    files: int
    size: int


class _Lost(Exception):
    """Somebody else has written the object meanwhile."""


class _Objects:
    """The objects of one job."""

    def __init__(self, url: str, job: str, lease: float) -> None:
        found = _ROOT.fullmatch(url)
        assert found is not None  # noqa: S101 - a job file is held to it
        root, path = found.groups()
        self.url = url
        self._job = job
        self._prefix = path.rstrip("/") + "/" if path.rstrip("/") else ""
        self._obstore = need("obstore", "'netaudience[objects]'", "A folder in an object store")
        self._errors = need("obstore.exceptions", "'netaudience[objects]'", "A folder in an object store")
        limit = timedelta(seconds=max(2.0, lease / _BEATS))
        self._store = open_store(root, retry_config={"max_retries": 3, "retry_timeout": limit})

    def read(self) -> tuple[_State | None, Mapping[str, str]]:
        """Read who holds the job and what is there, and what its next writing must find.

        Raises:
            ConfigurationError: the store cannot be read, or it holds something else.
        """
        try:
            answer = self._obstore.get(self._store, self._prefix + "state.json")
            body, meta = bytes(answer.bytes()), answer.meta
        except FileNotFoundError:
            return None, {}
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises
            raise self._unreachable(error) from None
        try:
            state = structure(load_json(body), _State)
        except ValueError as error:
            raise ConfigurationError(
                f"state.json in {self.url} is none of netaudience's, or it is damaged: name another folder"
            ) from error
        if state.format != _FORMAT:
            raise ConfigurationError(
                f"The state in {self.url} was written by another version of netaudience ({state.format}): "
                "go on with that version, or name another folder"
            )
        if state.job != self._job:
            raise ConfigurationError(
                f"{self.url} holds the state of the job {state.job!r}: give each job a folder of its own"
            )
        return state, _version(meta)

    def write(self, state: _State, version: Mapping[str, str]) -> Mapping[str, str]:
        """Write ``state.json`` where it still is what was read.

        Raises:
            _Lost: it is not.
            Exception: the store cannot be written.
        """
        name, body = self._prefix + "state.json", dump_json(attrs.asdict(state))
        mode: object = dict(version) if version else "create"
        try:
            return _version(self._obstore.put(self._store, name, body, mode=mode))
        except (self._errors.AlreadyExistsError, self._errors.PreconditionError):
            # A writing that was repeated because its answer was lost finds what it has written itself.
            found, now = self.read()
            if found is not None and (found.token, found.beat) == (state.token, state.beat):
                return now
            raise _Lost from None

    def check_conditions(self) -> None:
        """Make sure that the store refuses to write what is there already, and what is not as it was read.

        Some know the one condition and not the other.

        Raises:
            ConfigurationError: it writes all the same.
        """
        name, own = f"{self._prefix}files/condition", secrets.token_bytes(8)
        before = _version(self._obstore.put(self._store, name, own + b"1"))
        self._obstore.put(self._store, name, own + b"2")
        conditions: dict[str, object] = {"If-None-Match": "create", "If-Match": dict(before)}
        for condition, mode in conditions.items():
            with suppress(self._errors.AlreadyExistsError, self._errors.PreconditionError):
                self._obstore.put(self._store, name, own, mode=mode)
                raise ConfigurationError(
                    f"The store of {self.url} writes over what it was told to leave ({condition}), so "
                    "nothing would keep two machines apart: name a folder in a store that keeps to it"
                )

    def put(self, name: str, path: Path) -> None:
        """Write an object that nobody writes over."""
        self._obstore.put(self._store, f"{self._prefix}files/{name}", path)

    def get(self, file: _File, to: Path) -> None:
        """Read an object into a file.

        Raises:
            FileNotFoundError: it is gone, for there is a newer generation.
            ConfigurationError: it is not what was written.
        """
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = hashlib.sha256()
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            for chunk in self._obstore.get(self._store, f"{self._prefix}files/{file.object}").stream():
                digest.update(chunk)
                out.write(chunk)
        if digest.hexdigest() != file.digest:
            raise ConfigurationError(
                f"{file.object} in {self.url} is not what was written there: put the bucket back as it was, "
                "or name another folder, which sends all rows"
            )
        os.utime(to, ns=(file.changed or time.time_ns(), file.changed or time.time_ns()))

    def drop(self, names: list[str]) -> None:
        """Take away what no generation names any more; what stays is taken away later."""
        with suppress(Exception):
            if names:
                self._obstore.delete(self._store, [f"{self._prefix}files/{name}" for name in names])

    def names(self) -> Iterator[str]:
        """Give the names of all objects that files were written into."""
        root = f"{self._prefix}files/"
        for metas in self._obstore.list(self._store, root):
            yield from (str(meta["path"]).removeprefix(root) for meta in metas)

    def _unreachable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"The state in {self.url} cannot be read ({type(error).__name__}): {_REMEDY}"
        )


class StateStore:
    """Holds a job in an object store, and saves its folder there; its methods block."""

    def __init__(self, job: JobFile) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            ConfigurationError: a package is missing.
        """
        self._job, self._folder, self._lease = job, job_folder(job), job.lease
        self._objects = _Objects(job.store or "", job.name, job.lease)
        self._local = FileLock(self._folder / "store.sqlite")
        self._state = _State(job=job.name)
        self._version: Mapping[str, str] = {}
        self._ended = threading.Event()
        #: One writing of ``state.json`` at a time, and one saving.
        self._writing, self._saving = threading.Lock(), threading.Lock()
        self._renewed = 0.0
        self._threads: list[threading.Thread] = []
        self._held = False
        self._run: Path | None = None
        self._on_lost: Callable[[], object] = lambda: None
        #: Why the job is not this process's any more.
        self.lost: str | None = None

    def take(self) -> None:
        """Take the job, and bring its folder to what the store holds.

        Raises:
            ConfigurationError: somebody else has it, or the store cannot be used.
            JournalFailed: the local folder cannot be written.
        """
        _lock(self._local, self._folder, self._job.name)
        try:
            self._take()
        except BaseException:
            self._local.release()
            raise
        self._held = True
        for work in (self._beats, self._saves):
            thread = threading.Thread(target=work, name="netaudience state", daemon=True)
            thread.start()
            self._threads.append(thread)

    def give_up_waiting(self) -> None:
        """End a `take` that waits in another thread."""
        self._ended.set()

    def _take(self) -> None:
        state, version = self._objects.read()
        here = _read_here(self._folder)
        known = state is not None and state.token in here.tokens
        if state is not None and state.holder and not known:
            version = self._wait_for(state, version)
        before = _State(job=self._job.name) if state is None else state
        token = secrets.token_hex(16)
        self._state = attrs.evolve(
            before,
            epoch=before.epoch + 1,
            holder=f"process {os.getpid()} on {socket.gethostname()}",
            token=token,
            beat=before.beat + 1,
        )
        private_folder(self._folder)
        if known or state is None:
            # Whatever comes between the two writings: this folder is what the store's newest holder had.
            _write_here(self._folder, _Here(tokens=(*here.tokens[-1:], token)))
        try:
            self._objects.check_conditions()
            self._version = self._objects.write(self._state, version)
        except NetaudienceError:
            raise
        except _Lost:
            raise self._under_way("another machine") from None
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises
            raise ConfigurationError(
                f"The state in {self._objects.url} cannot be written ({type(error).__name__}): {_REMEDY}"
            ) from None
        self._renewed = _clock()
        if not known and state is not None:
            self._bring(state)
        _write_here(self._folder, _Here(tokens=(token,)))
        with suppress(Exception):  # what a killed process has begun to write; it does no harm
            named = {file.object for file in self._state.files.values()}
            old = [name for name in self._objects.names() if _epoch(name) < self._state.epoch]
            self._objects.drop([name for name in old if name not in named])

    def _wait_for(self, state: _State, version: Mapping[str, str]) -> Mapping[str, str]:
        """Wait for a holder that may be gone: if it does not renew its lease in time, it is."""
        until = _clock() + self._lease
        while _clock() < until:
            if self._ended.wait(self._lease / _BEATS):
                raise ConfigurationError("The wait for the job was ended")
            now, found = self._objects.read()
            if now is None or (now.token, now.beat) != (state.token, state.beat):
                raise self._under_way(state.holder)
            version = found
        return version

    def _under_way(self, holder: str) -> ConfigurationError:
        return ConfigurationError(
            f"Another run of the job {self._job.name!r} is under way ({holder}): wait until it is over, or "
            "stop it; two would send the same rows twice"
        )

    def _bring(self, state: _State) -> None:
        """Make the local folder what the store holds."""
        try:
            with JobLock(self._folder, self._job.name):
                _bring(self._objects, state, self._folder)
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"{self._objects.url} lacks objects that its state.json names: put the bucket back as it "
                "was, or name another folder, which sends all rows"
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise JournalFailed(f"{self._folder} cannot be written ({error}): make room there") from error

    def follow(self, run: Path, on_lost: Callable[[], object]) -> None:
        """Save the folder before a run begins to send, and what it writes down from now on.

        Args:
            run: The run's folder, whose journals end where the job is lost.
            on_lost: Called from another thread when it is.

        Raises:
            JournalFailed: it cannot be saved; nothing was sent.
        """
        self.save()
        self._on_lost = on_lost
        self._run = run

    def note(self) -> None:
        """Save the journals that a run has opened since.

        Raises:
            JournalFailed: they cannot be saved; nothing of them was sent.
        """
        self._guarded(whole=False)

    def save(self) -> None:
        """Save the folder as it is, a new generation.

        Raises:
            JournalFailed: that is not possible, or the job is somebody else's by now.
        """
        self._guarded(whole=True)

    def _guarded(self, *, whole: bool) -> None:
        try:
            self._save(whole=whole)
        except NetaudienceError:
            raise
        except Exception as error:  # noqa: BLE001 - likewise
            why = self.lost or type(error).__name__
            raise JournalFailed(
                f"The run's state could not be saved in {self._objects.url} ({why}): look at the access "
                "to it. What this machine has is whole: go on with the run here"
            ) from None

    def rest(self) -> None:
        """Stop to follow a run that has ended."""
        self._run = None

    def release(self) -> None:
        """Save the folder, and let others have the job.

        Raises:
            JournalFailed: it could not be saved.
        """
        if not self._held:
            return
        self._held, self._run = False, None
        try:
            self.save()
            with self._writing:
                self._write(attrs.evolve(self._state, holder=""))
        except _Lost:
            self._lose("another machine has taken it")
        except NetaudienceError:
            raise
        except Exception:  # noqa: BLE001 - it passes by itself, after its lease
            self._ended.set()
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()
            self._local.release()

    # What goes on beside the run.

    def _beats(self) -> None:
        """Renew the lease until it is over, or lost."""
        while not self._ended.wait(self._lease / _BEATS) and self.lost is None:
            try:
                with self._writing:
                    self._write(self._state)
            except _Lost:
                self._lose("another machine has taken it")
            except Exception:  # noqa: BLE001 - the store may be back in time
                if _clock() - self._renewed > self._lease * _GIVES_UP:
                    self._lose("the store was not reached for half of its lease")
        while self.lost is not None and not self._ended.wait(0.2):
            self._revoke()  # a journal that was opened since

    def _saves(self) -> None:
        """Save what a run has written down, as often as that takes little of the time."""
        wait = self._lease / _BEATS
        while not self._ended.wait(wait) and self.lost is None:
            began = _clock()
            with suppress(Exception):  # the next one saves it; a store that is gone ends the lease
                if self._run is not None:
                    self._save(whole=False)
            wait = max(self._lease / _BEATS, 10 * (_clock() - began))

    def _lose(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
            self._revoke()
            self._on_lost()

    def _revoke(self) -> None:
        if self._run is not None:
            for path in self._run.glob("*.sqlite"):
                revoke(path, "another machine")

    def _write(self, state: _State) -> None:
        """Write ``state.json`` anew; the caller holds the lock."""
        if self.lost is not None:
            raise _Lost
        state = attrs.evolve(state, beat=self._state.beat + 1)
        began = _clock()
        self._version = self._objects.write(state, self._version)
        self._state, self._renewed = state, began

    def _save(self, *, whole: bool) -> None:
        with self._saving:
            before, files = self._state.files, dict[str, _File]()
            with Scratch() as scratch:
                for name, path in _local_files(self._folder):
                    known = before.get(name)
                    # A memory is saved as it was when the run began: its journals tell the rest.
                    stays = not whole and name.startswith("snapshots/")
                    if known is not None and (stays or _is_as_known(path, known)):
                        files[name] = known
                    elif not stays and (saved := self._saved(path, known, Path(scratch) / "copy")):
                        files[name] = saved
            if files == before:
                return
            with self._writing:
                saved_at = datetime.now(UTC).isoformat(timespec="seconds")
                generation = self._state.generation + 1
                self._write(attrs.evolve(self._state, files=files, generation=generation, saved=saved_at))
            named = {file.object for file in files.values()}
            self._objects.drop([one.object for one in before.values() if one.object not in named])

    def _saved(self, path: Path, known: _File | None, copy: Path) -> _File | None:
        """Write a file into an object, a journal that is open as a copy that is whole."""
        changed, taken = 0, path
        try:
            if path.suffix == ".sqlite" and path.with_name(f"{path.name}-wal").exists():
                _copy_journal(path, copy)
                taken = copy
            else:
                changed = path.stat().st_mtime_ns
            size, digest = taken.stat().st_size, _digest(taken)
        except FileNotFoundError:
            return None
        except sqlite3.Error:  # it is being made at this moment
            return known
        if known is not None and known.digest == digest:
            return attrs.evolve(known, changed=changed)
        name = f"{self._state.epoch}-{secrets.token_hex(12)}"
        self._objects.put(name, taken)
        return _File(object=name, size=size, changed=changed, digest=digest)


def fetch_state(job: JobFile) -> Path:
    """Return a job's folder to look at, brought to what the store holds where its state is in one.

    Raises:
        ConfigurationError: the store cannot be used.
        JournalFailed: the local folder cannot be written.
    """
    folder = job_folder(job)
    if job.store is None:
        return folder
    objects = _Objects(job.store, job.name, job.lease)
    private_folder(folder)
    lock = FileLock(folder / "store.sqlite")
    if not lock.take():
        return folder  # a run of this folder is under way, and knows best
    try:
        for _ in range(5):
            state, _version = objects.read()
            here = _read_here(folder)
            if state is None or state.token in here.tokens:
                return folder
            copied = f"{state.epoch}.{state.generation}"
            if here.copied == copied:
                return folder
            try:
                with JobLock(folder, job.name):
                    _bring(objects, state, folder)
            except FileNotFoundError:  # there is a newer generation meanwhile
                continue
            _write_here(folder, _Here(copied=copied))
            return folder
    finally:
        lock.release()
    raise ConfigurationError(
        f"The state in {job.store} changes faster than it can be read: wait until the run is over"
    )


def where_state_is(job: JobFile) -> Whereabouts:
    """Return where a job's state is and who holds the job.

    Raises:
        ConfigurationError: the store cannot be used.
    """
    if job.store is None:
        folder = job_folder(job)
        files = [path.stat().st_size for _, path in _local_files(folder)]
        return Whereabouts(
            place=str(folder),
            generation=0,
            saved="",
            holder=holder_of(folder),
            files=len(files),
            size=sum(files),
        )
    state, _ = _Objects(job.store, job.name, job.lease).read()
    state = state or _State(job=job.name)
    return Whereabouts(
        place=job.store,
        generation=state.generation,
        saved=state.saved,
        holder=state.holder,
        files=len(state.files),
        size=sum(file.size for file in state.files.values()),
    )


def _bring(objects: _Objects, state: _State, folder: Path) -> None:
    """Make a folder what a generation holds: all of it is there before anything of it takes a place.

    Raises:
        OSError: an object is gone, or the folder cannot be written.
    """
    _write_here(folder, _Here())  # until all of it is there
    part = folder / "store.part"
    shutil.rmtree(part, ignore_errors=True)
    private_folder(part)
    for name, file in state.files.items():
        objects.get(file, part / _checked(name, objects.url))
    for name, path in list(_local_files(folder)):
        if name not in state.files:
            path.unlink(missing_ok=True)
    for name in state.files:
        target = folder / name
        private_folder(target.parent)
        for beside in ("-wal", "-shm", "-count"):  # of the file that was there
            target.with_name(target.name + beside).unlink(missing_ok=True)
        (part / name).replace(target)
    for run in (folder / "runs").glob("*"):
        if run.is_dir() and not any(name.startswith(f"runs/{run.name}/") for name in state.files):
            shutil.rmtree(run, ignore_errors=True)
    shutil.rmtree(part, ignore_errors=True)


def _checked(name: str, url: str) -> str:
    if name.startswith("/") or ".." in Path(name).parts or _LOCAL.fullmatch(Path(name).name):
        raise ConfigurationError(f"state.json in {url} names files that no run writes: name another folder")
    return name


def _local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of a job's folder that other machines need."""
    found = [*folder.glob("*"), *(folder / "snapshots").glob("*"), *(folder / "runs").glob("*/**/*")]
    for path in sorted(found):
        if path.is_file() and not path.is_symlink() and not _LOCAL.fullmatch(path.name):
            name = path.relative_to(folder).as_posix()
            if ".part/" not in name and ".tmp/" not in name:
                yield name, path


def _is_as_known(path: Path, known: _File) -> bool:
    try:
        told = path.stat()
    except FileNotFoundError:
        return False
    beside = path.with_name(f"{path.name}-wal")
    return (told.st_size, told.st_mtime_ns) == (known.size, known.changed) and not beside.exists()


def _copy_journal(path: Path, to: Path) -> None:
    """Copy a journal that is open; nobody holds the copy.

    What is sent after it was copied is not in it. So whoever goes on from the copy has all that is not
    settled there as what was being sent: told to be in doubt where it must not be repeated, else sent once
    more.
    """
    to.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as source,
        closing(sqlite3.connect(to, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("DELETE FROM lease")
        copy.execute("INSERT INTO sending (start, stop) VALUES (0, ?)", (_ALL,))
        copy.execute("UPDATE written SET closed = 1")  # the count beside it is of another file


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _version(meta: Any) -> Mapping[str, str]:  # noqa: ANN401 - obstore's
    return {name: str(meta[name]) for name in ("e_tag", "version") if meta.get(name) is not None}


def _epoch(name: str) -> int:
    """Return who has written an object; a name that is none of ours is as of nobody."""
    first = name.partition("-")[0]
    return int(first) if first.isdecimal() else 1 << 62


def _lock(lock: FileLock, folder: Path, job: str) -> None:
    try:
        private_folder(folder)
        free = lock.take()
    except (OSError, sqlite3.Error) as error:
        raise JournalFailed(f"{folder} cannot be written ({error}): look at who may write there") from error
    if not free:
        holder = holder_of(folder) or "another process of this machine"
        raise ConfigurationError(
            f"Another run of the job {job!r} is under way ({holder}): wait until it is over, or stop it; two "
            "would send the same rows twice"
        )


def _read_here(folder: Path) -> _Here:
    try:
        return structure(load_json((folder / "store.json").read_bytes()), _Here)
    except (OSError, ValueError):
        return _Here()


def _write_here(folder: Path, here: _Here) -> None:
    replace(folder / "store.json", dump_json(attrs.asdict(here)))


def _clock() -> float:
    """Return seconds of a clock that goes on while the machine sleeps."""
    with suppress(AttributeError, OSError):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time()
