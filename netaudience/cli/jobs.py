"""The commands of job files: init, plan, run, resume, retry, runs and report, with their words and flags.

What they do is in `job_actions`, which is imported when one of them is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from netaudience.cli.job_options import Agreement, Manner
from netaudience.cli.options import GUARDS, SOURCE, Diagnosis

__all__ = ["add_jobs"]

JOBS = Group("Jobs", sort_key=0)
_flag = Parameter(negative="", show_default=False)
_flat = Parameter(name="*")


def add_jobs(app: App) -> None:
    """Add the commands of job files."""
    for command in (_init, _plan, _run, _resume, _retry, _runs, _report):
        app.command(command, name=command.__name__.removeprefix("_"), group=JOBS)


def _init(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    job: Path,
    /,
    *,
    vendor: str,
    operation: str,
    source: Annotated[tuple[str, ...], Parameter(group=SOURCE, negative="", show_default=False)] = (),
    sql: Annotated[str | None, Parameter(group=SOURCE)] = None,
    database: Annotated[str | None, Parameter(group=SOURCE)] = None,
    key: Annotated[tuple[str, ...], Parameter(group=SOURCE, negative="", show_default=False)] = (),
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Write a first job file from a source's columns and an operation's fields; nothing is sent.

    Args:
        job: The job file to write; one that is there is never written over.
        vendor: The vendor's name in commands, such as netmera.
        operation: The operation's name; netaudience operations lists them.
        source: A file or glob: CSV, TSV, JSON, NDJSON or Parquet, gzip and zstd too; may be repeated.
        sql: A query instead of files, or over them as the table source.
        database: A DuckDB or SQLite file whose tables the query may name.
        key: The column that tells a row from others; may be repeated.
    """
    from netaudience.cli.job_actions import start_job  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.words import Source  # noqa: PLC0415

    diagnosis.apply()
    return start_job(job, Source(files=source, sql=sql, database=database, key=key), vendor, operation)


def _plan(  # noqa: D417 - flags in groups have their own words
    job: Path,
    /,
    *,
    json: Annotated[bool, _flag] = False,
    detailed_exitcode: Annotated[bool, _flag] = False,
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Say what a job would send, without sending anything and, if need be, without credentials.

    Rows, items, requests, bytes, rejected rows, what was added, changed and removed, the time at the vendor's
    limits and the limit that decides on it, the first request's body, and a digest for run --plan.

    With --detailed-exitcode: 0 there is nothing to send, 2 there is something to send, 1 the plan failed.

    Args:
        job: The job file.
        json: Print the plan as JSON.
        detailed_exitcode: Tell by the exit code whether there is something to send.
    """
    from netaudience.cli.job_actions import show_plan  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return show_plan(job, as_json=json, detailed=detailed_exitcode)


def _run(  # noqa: D417 - flags in groups have their own words
    job: Path,
    /,
    *,
    plan: Annotated[str | None, Parameter(group=GUARDS)] = None,
    agreement: Annotated[Agreement, _flat] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, _flat] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Run a job: a new run, with a folder of its own.

    Args:
        job: The job file.
        plan: The digest of the plan that was looked at; anything else is refused.
    """
    from netaudience.cli.job_actions import run_new  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return run_new(job, plan, agreement, manner)


def _resume(  # noqa: D417 - flags in groups have their own words
    run: str,
    /,
    *,
    agreement: Annotated[Agreement, _flat] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, _flat] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Go on with a run that did not come to its end; what is settled is not sent again.

    Args:
        run: The run's id, the path of its folder, or latest.
    """
    from netaudience.cli.job_actions import resume_run  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return resume_run(run, agreement, manner)


def _retry(  # noqa: D417 - flags in groups have their own words
    run: str,
    /,
    *,
    agreement: Annotated[Agreement, _flat] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, _flat] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Send the rejected and failed rows of a run again, as a new run.

    They are read from the run's rejects.jsonl, where they may be mended before. Rows in doubt are sent again
    where the operation is safe to repeat, or with --in-doubt resend.

    Args:
        run: The run's id, the path of its folder, or latest.
    """
    from netaudience.cli.job_actions import retry_run  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return retry_run(run, agreement, manner)


def _runs(  # noqa: D417 - flags in groups have their own words
    job: Path | None = None,
    /,
    *,
    json: Annotated[bool, _flag] = False,
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """List the runs that are kept, the newest first.

    Args:
        job: The job file; without it, the runs of all jobs whose files are in this directory.
        json: Print JSON lines instead of a table.
    """
    from netaudience.cli.job_actions import list_runs  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return list_runs(job, as_json=json)


def _report(  # noqa: D417 - flags in groups have their own words
    run: str,
    /,
    *,
    open: Annotated[bool, _flag] = False,  # noqa: A002 - the flag's name
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Write a run's report.html anew, and print its path.

    Args:
        run: The run's id, the path of its folder, or latest.
        open: Show it in a browser.
    """
    from netaudience.cli.job_actions import report_run  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return report_run(run, show=open)
