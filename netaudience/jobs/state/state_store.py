"""A job's folder in an object store: what a run knows survives the machine that it ran on.

A run works on its local folder. The store holds generations of it: objects that are written once, and one
object, ``state.json``, that names those of the newest generation and who holds the job. It is only written
where it still is what the writer has read, so that of two machines one is refused, and one that has lost the
job can save nothing more. No clock is compared: a holder is gone when its object has not changed for a lease.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import attrs

from netaudience.engine.lease import FileLock, revoke
from netaudience.errors import ConfigurationError, JournalFailed, NetaudienceError
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.run_folder import JobLock, holder_of, job_folder, private_folder
from netaudience.jobs.state.stored_copy import (
    Here,
    bring,
    copy_journal,
    digest_of,
    is_as_known,
    local_files,
    read_here,
    write_here,
)
from netaudience.jobs.state.stored_objects import (
    BEATS,
    REMEDY,
    Lost,
    StoredFile,
    StoredObjects,
    StoredState,
    epoch_of,
)
from netaudience.model.clock import clock

#: The share of a lease after which a holder that reaches nobody stops by itself.
_GIVES_UP = 0.5


class StateStore:
    """Holds a job in an object store, and saves its folder there; its methods block."""

    def __init__(self, job: JobFile) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            ConfigurationError: a package is missing.
        """
        self._job, self._folder, self._lease = job, job_folder(job), job.lease
        self._objects = StoredObjects(job.store or "", job.name, job.lease)
        self._local = FileLock(self._folder / "store.sqlite")
        self._state = StoredState(job=job.name)
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
        here = read_here(self._folder)
        known = state is not None and state.token in here.tokens
        if state is not None and state.holder and not known:
            version = self._wait_for(state, version)
        before = StoredState(job=self._job.name) if state is None else state
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
            write_here(self._folder, Here(tokens=(*here.tokens[-1:], token)))
        try:
            self._objects.check_conditions()
            self._version = self._objects.write(self._state, version)
        except NetaudienceError:
            raise
        except Lost:
            raise self._under_way("another machine") from None
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises
            raise ConfigurationError(
                f"The state in {self._objects.url} cannot be written ({type(error).__name__}): {REMEDY}"
            ) from None
        self._renewed = clock()
        if not known and state is not None:
            self._bring(state)
        write_here(self._folder, Here(tokens=(token,)))
        with suppress(Exception):  # what a killed process has begun to write; it does no harm
            named = {file.object for file in self._state.files.values()}
            old = [name for name in self._objects.names() if epoch_of(name) < self._state.epoch]
            self._objects.drop([name for name in old if name not in named])

    def _wait_for(self, state: StoredState, version: Mapping[str, str]) -> Mapping[str, str]:
        """Wait for a holder that may be gone: if it does not renew its lease in time, it is."""
        until = clock() + self._lease
        while clock() < until:
            if self._ended.wait(self._lease / BEATS):
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

    def _bring(self, state: StoredState) -> None:
        """Make the local folder what the store holds."""
        try:
            with JobLock(self._folder, self._job.name):
                bring(self._objects, state, self._folder)
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
        except Lost:
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
        while not self._ended.wait(self._lease / BEATS) and self.lost is None:
            try:
                with self._writing:
                    self._write(self._state)
            except Lost:
                self._lose("another machine has taken it")
            except Exception:  # noqa: BLE001 - the store may be back in time
                if clock() - self._renewed > self._lease * _GIVES_UP:
                    self._lose("the store was not reached for half of its lease")
        while self.lost is not None and not self._ended.wait(0.2):
            self._revoke()  # a journal that was opened since

    def _saves(self) -> None:
        """Save what a run has written down, as often as that takes little of the time."""
        wait = self._lease / BEATS
        while not self._ended.wait(wait) and self.lost is None:
            began = clock()
            with suppress(Exception):  # the next one saves it; a store that is gone ends the lease
                if self._run is not None:
                    self._save(whole=False)
            wait = max(self._lease / BEATS, 10 * (clock() - began))

    def _lose(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
            self._revoke()
            self._on_lost()

    def _revoke(self) -> None:
        if self._run is not None:
            for path in self._run.glob("*.sqlite"):
                revoke(path, "another machine")

    def _write(self, state: StoredState) -> None:
        """Write ``state.json`` anew; the caller holds the lock."""
        if self.lost is not None:
            raise Lost
        state = attrs.evolve(state, beat=self._state.beat + 1)
        began = clock()
        self._version = self._objects.write(state, self._version)
        self._state, self._renewed = state, began

    def _save(self, *, whole: bool) -> None:
        with self._saving:
            before, files = self._state.files, dict[str, StoredFile]()
            with Scratch() as scratch:
                for name, path in local_files(self._folder):
                    known = before.get(name)
                    # A memory is saved as it was when the run began: its journals tell the rest.
                    stays = not whole and name.startswith("snapshots/")
                    if known is not None and (stays or is_as_known(path, known)):
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

    def _saved(self, path: Path, known: StoredFile | None, copy: Path) -> StoredFile | None:
        """Write a file into an object, a journal that is open as a copy that is whole."""
        changed, taken = 0, path
        try:
            if path.suffix == ".sqlite" and path.with_name(f"{path.name}-wal").exists():
                copy_journal(path, copy)
                taken = copy
            else:
                changed = path.stat().st_mtime_ns
            size, digest = taken.stat().st_size, digest_of(taken)
        except FileNotFoundError:
            return None
        except sqlite3.Error:  # it is being made at this moment
            return known
        if known is not None and known.digest == digest:
            return attrs.evolve(known, changed=changed)
        name = f"{self._state.epoch}-{secrets.token_hex(12)}"
        self._objects.put(name, taken)
        return StoredFile(object=name, size=size, changed=changed, digest=digest)


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
