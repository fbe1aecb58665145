"""A run whose job's state is in an object store: taken before it, saved after it, and let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import JournalFailed
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.finalize import write_summary
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import Summary

if TYPE_CHECKING:
    from netaudience.jobs.state.state_store import StateStore

_log = logging.getLogger("netaudience")


@asynccontextmanager
async def stored(job: JobFile) -> AsyncGenerator[StateStore | None, None]:
    """Hold a job in its object store; nothing is done where its state is kept in a folder.

    Raises:
        ConfigurationError: another machine has it, or the store cannot be used.
        JournalFailed: the local folder cannot be written.
    """
    if job.store is None:
        yield None
        return
    from netaudience.jobs.state.state_store import StateStore  # noqa: PLC0415 - costs a program's start

    store, threads = StateStore(job), Threads()
    taking = asyncio.ensure_future(threads.call(store.take))
    try:
        await asyncio.shield(taking)
    except asyncio.CancelledError:
        store.give_up_waiting()
        await threads.wait()
        store.release()
        raise
    try:
        yield store
    finally:
        try:
            await asyncio.shield(asyncio.ensure_future(threads.call(store.release)))
        except JournalFailed as error:
            _log.warning("%s", error)
        finally:
            await threads.wait()


async def keep_state(store: StateStore | None, summary: Summary) -> None:
    """Save what a run has left; where that is not possible, its summary says so."""
    if store is None:
        return
    try:
        await Threads().call(store.save)
    except JournalFailed as error:
        summary.unwritten.append(str(error))
        if summary.run:
            write_summary(RunFolder(Path(summary.folder)), summary)
