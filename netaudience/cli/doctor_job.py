"""Looks at what a job names besides its vendors: its source, its state, where its results and alerts go.

A query is asked for a row, a folder of objects for its names; nothing is written and nobody is told anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netaudience.cli.findings import Finding, wrong
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.secrets import read
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.jobs import Job
    from netaudience.jobs.connectors.rows import Stop

#: Seconds that each thing has for its answer.
_PATIENCE = 30.0


async def look_at_job(job: Job, patience: float = _PATIENCE) -> list[Finding]:
    """Look at what a job names.

    Args:
        job: The job.
        patience: Seconds that each thing has for its answer.
    """
    looks: list[tuple[str, Callable[[Job, Stop], str]]] = [("source", _source)]
    if job.store is not None:
        looks.append(("state", _state))
    if job.results is not None and job.results.connection is not None:
        looks.append(("results", _results))
    found = [await _within(job, check, look, patience) for check, look in looks]
    return [*found, *_notified(job)]


async def _within(job: Job, check: str, look: Callable[[Job, Stop], str], patience: float) -> Finding:
    """Look in a thread, for as long as somebody waits for it."""
    from netaudience.jobs.connectors.rows import Stop  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.deliver.threads import Threads  # noqa: PLC0415 - likewise

    stop = Stop()
    try:
        finding = await asyncio.wait_for(Threads().call(lambda: look(job, stop)), patience)
    except NetaudienceError as error:
        return wrong("job", check, error)
    except TimeoutError:
        stop()
        finding = f"nothing came within {patience:g} s: look at what runs there, and at the way to it"
        return Finding("job", check, "wrong", finding, ExitCode.FAILED)
    return Finding("job", check, "ok", finding)


def _source(job: Job, stop: Stop) -> str:
    from netaudience.jobs.connectors.functions import find_function  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.connectors.objects import find_objects, is_object  # noqa: PLC0415 - likewise
    from netaudience.jobs.plan.validate_source import open_checked  # noqa: PLC0415 - likewise

    source = job.source
    if "-" in source.files:
        return "standard input, which is not looked at before a run"
    if source.python is not None:
        find_function(source.python, job.path.parent, key="python")
        return f"{source.python} is there; it was not called"
    objects = [name for name in source.files if is_object(name)]
    if objects:
        found = [(name, len(find_objects(name, stop))) for name in objects]
        for name, count in found:
            if not count:
                raise ConfigurationError(f"{name} names no object: look at the bucket and the path")
        return f"{many(sum(count for _, count in found), 'object')} of that name can be found"
    with open_checked(job, stop=stop, first=1) as table:
        return f"{table.name} can be read, and has {many(len(table.columns), 'column')}"


def _state(job: Job, stop: Stop) -> str:
    from netaudience.jobs.connectors.objects import find_objects  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.state.fetch_state import where_state_is  # noqa: PLC0415 - costs a program's start

    find_objects(f"{job.store}/*", stop)  # a bucket that is not there has no state either
    found = where_state_is(job)
    held = f"held by {found.holder}" if found.holder else "held by nobody"
    return f"{found.place} can be read, and is {held}"


def _results(job: Job, stop: Stop) -> str:
    from netaudience.jobs.connectors.databases import open_connection  # noqa: PLC0415 - costs a program's start

    results = job.results
    if results is None or results.connection is None:
        raise ConfigurationError("The job has no results in a database")
    with open_connection(results.connection, results.uri, job.path.parent, stop, key="uri"):
        return f"{results.connection} answers; nothing was written"


def _notified(job: Job) -> Iterator[Finding]:
    """Look whether the addresses of alerts are there; nobody is alerted."""
    for check, secret in (("webhook", job.notify.webhook), ("healthcheck", job.notify.healthcheck)):
        if secret is None:
            continue
        try:
            there = read(secret, job.path.parent, check) is not None
        except ConfigurationError as error:
            yield wrong("job", check, error)
            continue
        if there:
            yield Finding("job", check, "ok", f"{secret.name} is set; nothing was sent")
        else:
            finding = f"{secret.name} is not set: set it to the address of the {check}, or leave that out"
            yield Finding("job", check, "wrong", finding, ExitCode.USAGE)
    if job.notify.on_end is not None:
        from netaudience.jobs.connectors.functions import find_function  # noqa: PLC0415 - costs a program's start

        try:
            find_function(job.notify.on_end, job.path.parent, key="on_end")
        except ConfigurationError as error:
            yield wrong("job", "on-end", error)
        else:
            yield Finding("job", "on-end", "ok", f"{job.notify.on_end} is there; it was not called")
