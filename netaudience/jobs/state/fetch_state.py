"""A job's state to look at, wherever it is kept: brought here, or only told of. Nobody is kept from it."""

from __future__ import annotations

from pathlib import Path

import attrs

from netaudience.engine.lease import FileLock
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.run_folder import JobLock, holder_of, job_folder, private_folder
from netaudience.jobs.state.stored_copy import Here, bring, local_files, read_here, write_here
from netaudience.jobs.state.stored_objects import StoredObjects, StoredState


@attrs.frozen(kw_only=True)
class Whereabouts:
    """Where a job's state is, and who holds the job."""

    place: str
    generation: int
    saved: str
    holder: str
    files: int
    size: int


def fetch_state(job: JobFile) -> Path:
    """Return a job's folder to look at, brought to what the store holds where its state is in one.

    Raises:
        ConfigurationError: the store cannot be used.
        JournalFailed: the local folder cannot be written.
    """
    folder = job_folder(job)
    if job.store is None:
        return folder
    objects = StoredObjects(job.store, job.name, job.lease)
    private_folder(folder)
    lock = FileLock(folder / "store.sqlite")
    if not lock.take():
        return folder  # a run of this folder is under way, and knows best
    try:
        for _ in range(5):
            state, _version = objects.read()
            here = read_here(folder)
            if state is None or state.token in here.tokens:
                return folder
            copied = f"{state.epoch}.{state.generation}"
            if here.copied == copied:
                return folder
            try:
                with JobLock(folder, job.name):
                    bring(objects, state, folder)
            except FileNotFoundError:  # there is a newer generation meanwhile
                continue
            write_here(folder, Here(copied=copied))
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
        files = [path.stat().st_size for _, path in local_files(folder)]
        return Whereabouts(
            place=str(folder),
            generation=0,
            saved="",
            holder=holder_of(folder),
            files=len(files),
            size=sum(files),
        )
    state, _ = StoredObjects(job.store, job.name, job.lease).read()
    state = state or StoredState(job=job.name)
    return Whereabouts(
        place=job.store,
        generation=state.generation,
        saved=state.saved,
        holder=state.holder,
        files=len(state.files),
        size=sum(file.size for file in state.files.values()),
    )
