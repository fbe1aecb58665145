"""Jobs as a destination of dlt: what a pipeline has loaded of a table is the source of a job.

dlt extracts, normalizes and keeps what is to be loaded, as files; for each of them a job is run as anywhere
else, with its mapping, its rules, its guards and its folder of runs. The job's own source is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

try:
    import dlt
    from dlt.common.destination.exceptions import DestinationTerminalException
except ImportError as missing:
    raise ImportError("The destination needs dlt: pip install 'netaudience[dlt]'") from missing

from netaudience.errors import ConfigurationError
from netaudience.jobs.job import Job
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.summary import JobFailed, Summary

if TYPE_CHECKING:
    from dlt.common.destination import Destination
    from dlt.common.schema import TTableSchema
    from dlt.destinations.impl.destination.configuration import CustomDestinationClientConfiguration
    from dlt.destinations.impl.destination.destination import DestinationClient

    from netaudience.client import ClientFactory
    from netaudience.jobs.spec.guards import Consent

__all__ = ["OnRejected", "destination"]

OnRejected: TypeAlias = Literal["fail", "keep"]
"""What rejected rows are for the pipeline: a failure that nobody repeats, or nothing."""

#: What a repetition would end with as well.
_ENDS_ALIKE = (ExitCode.UNAUTHORIZED, ExitCode.GUARDED)


def destination(
    jobs: Mapping[str, Job | str | Path],
    *,
    name: str = "netaudience",
    rejected: OnRejected = "fail",
    consent: Consent | None = None,
    client_factory: ClientFactory | None = None,
) -> Destination[CustomDestinationClientConfiguration, DestinationClient]:
    """Return a destination for ``dlt.pipeline(destination=…)``.

    A job runs for each file that dlt has made of its table, one after the other. What failed, was stopped
    or is in doubt raises, and dlt loads that file again, as a whole: at least once, then. What would end
    alike (wrong credentials, a guard, a mistake in the job) fails at once.

    Args:
        jobs: By the name of a table, its job or the path of its job file. Of the job's own source its key,
            its columns' types, its zone and a query over its files are kept.
        name: The name by which dlt keeps the pipeline's state and reads its configuration.
        rejected: ``fail`` fails the load of a file that has rejected rows, without a repetition; ``keep``
            goes on. Both ways they stand in the run's ``rejects.jsonl``.
        consent: What the caller agrees to, for operations that lose data.
        client_factory: Makes a step's client; from the environment if not given.

    Raises:
        ConfigurationError: a job file is wrong, or a job would take back what is not in one file.
    """
    loaded = {table: _checked(table, job) for table, job in jobs.items()}

    def deliver(path: object, table: TTableSchema) -> None:
        name = table.get("name") or ""
        job = loaded.get(name)
        if job is None:
            known = ", ".join(sorted(loaded)) or "none"
            raise DestinationTerminalException(
                f"There is no job for the table {name}: the destination was given jobs for {known}"
            )
        run = attrs.evolve(job, source=_source(job.source, str(path))).run(
            consent=consent, client_factory=client_factory, signals=False, report=False
        )
        try:
            summary = asyncio.run(run)
        except ConfigurationError as error:
            raise DestinationTerminalException(str(error)) from error
        if not summary.ok and not (rejected == "keep" and _only_rejected(summary)):
            failed = JobFailed(summary)
            if _only_rejected(summary) or summary.exit_code in _ENDS_ALIKE:
                raise DestinationTerminalException(str(failed)) from failed
            raise failed

    return dlt.destination(
        deliver,
        batch_size=0,
        loader_file_format="parquet",
        name=name,
        # Two runs of one job at one time are refused.
        loader_parallelism_strategy="table-sequential",
    )()


def _checked(table: str, job: Job | str | Path) -> Job:
    """Return the job of a table; one that compares whole sources is refused, for a file is a part of one."""
    job = job if isinstance(job, Job) else Job.load(job)
    if any(step.mode == "mirror" for step in job.steps):
        raise ConfigurationError(
            f'The job of the table {table} has a step with mode = "mirror", which would take back whatever '
            "is not in the one file that dlt loads: give it a mode of its own, or run that job by itself"
        )
    return job


def _source(source: Source, path: str) -> Source:
    """Return a job's source with one file of dlt's in place of what it reads by itself."""
    return Source(
        files=(str(Path(path).absolute()),),
        format="parquet",
        sql=source.sql if source.files else None,
        key=source.key,
        typed=source.typed,
        time_zone=source.time_zone,
    )


def _only_rejected(summary: Summary) -> bool:
    """Return whether the run came to its end, and nothing but rejected rows is amiss."""
    return summary.exit_code == ExitCode.UNDELIVERED and all(
        step.failed == step.in_doubt == step.unsent == 0 for step in summary.steps
    )
