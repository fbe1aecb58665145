"""The commands of job files: init, plan, run, resume, retry, runs and report, with their words and flags.

What they do is in `job_actions`, which is imported when one of them is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from netaudience.cli.job_options import Agreement, Manner
from netaudience.cli.menu import Menu
from netaudience.cli.options import FLAG, FLAT, GUARDS, SOURCE, Diagnosis, Written
from netaudience.errors import ConfigurationError

JOBS = Group("Jobs", sort_key=0)


def add_jobs(menu: Menu) -> None:
    """Add the commands of job files."""
    for command in (_init, _plan, _run, _resume, _retry, _verify, _runs, _report, _exposures):
        name = command.__name__.removeprefix("_")
        menu.command(command, name=name, group=JOBS, help_format="markdown")


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
    written: Annotated[Written, FLAT] = Written(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Write a first job file from a source's columns and an operation's fields; nothing is sent.

    Args:
        job: The job file to write; one that is there is never written over.
        vendor: The vendor's name in commands, such as netmera.
        operation: The operation's name; netaudience operations lists them.
        source: A file or glob: CSV, TSV, JSON, NDJSON or Parquet, gzip and zstd too, here or in an object
            store (s3://…); may be repeated.
        sql: A query instead of files, or over them as the table source.
        database: A DuckDB or SQLite file whose tables the query may name.
        key: The column that identifies a row; may be repeated.
    """
    from netaudience.cli.job_actions import start_job  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.spec.model import Source  # noqa: PLC0415

    diagnosis.apply()
    named = written.applied(Source(files=source, sql=sql, database=database, key=key))
    return start_job(job, named, vendor, operation)


def _plan(  # noqa: PLR0913, D417 - flags in groups have their own words
    job: Path,
    /,
    *,
    json: Annotated[bool, FLAG] = False,
    markdown: Annotated[bool, FLAG] = False,
    detailed_exitcode: Annotated[bool, FLAG] = False,
    no_preflight: Annotated[bool, FLAG] = False,
    full: Annotated[bool, FLAG] = False,
    quiet: Annotated[bool, FLAG] = False,
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Say what a job would send, without sending anything and, if need be, without credentials.

    Rows, items, requests, bytes, rejected rows, what was added, changed and removed, the time at the vendor's
    limits and the limit that decides on it, the first request's body, and a digest for run --plan.

    With --detailed-exitcode: 0 there is nothing to send, 2 there is something to send, 1 the plan failed.

    Args:
        job: The job file.
        json: Print the plan as JSON.
        markdown: Print the plan as Markdown for a pull request, without any value of a row.
        no_preflight: Do not ask the vendor for its schema, to which names and types are held otherwise.
        full: Read all rows of a source of which otherwise only what is new is read.
        detailed_exitcode: Tell by the exit code whether there is something to send.
        quiet: Show no progress while the source is read.
    """
    from netaudience.cli.job_actions import show_plan  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    if json and markdown:
        raise ConfigurationError("Say either --json or --markdown")
    form: Literal["lines", "json", "markdown"] = "json" if json else "markdown" if markdown else "lines"
    return show_plan(
        job, form, detailed=detailed_exitcode, preflight=not no_preflight, quiet=quiet, full=full
    )


def _run(  # noqa: PLR0913, D417 - flags in groups have their own words
    job: Path,
    /,
    *,
    plan: Annotated[str | None, Parameter(group=GUARDS)] = None,
    full: Annotated[bool, Parameter(group=SOURCE), FLAG] = False,
    first: Annotated[str | None, Parameter(group=GUARDS)] = None,
    after: Annotated[str | None, Parameter(group=GUARDS)] = None,
    on: Literal["spark"] | None = None,
    agreement: Annotated[Agreement, FLAT] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Run a job: a new run, with a folder of its own.

    With --first the first rows of each step are delivered and read back before the rest is sent: where
    more of them are something else than max-different allows, or are rejected than max-rejected does, the run
    stops there with exit code 5, and resume goes on with it.

    Args:
        job: The job file.
        plan: The digest of the plan that was looked at; anything else is refused.
        full: Read all rows of a source of which otherwise only what is new is read.
        first: A number of rows such as 100, or a share of them such as 1%.
        after: How long to wait before delivered rows are read back, such as 60s; as long as the vendor
            says that it takes, and a minute at the most, if not given.
        on: Let the executors of Spark read and send: the source is a table, a query or files of its own.
    """
    from netaudience.cli.amounts import first_of, seconds_of  # noqa: PLC0415 - costs a program's start
    from netaudience.cli.job_actions import run_new  # noqa: PLC0415

    diagnosis.apply()
    return run_new(
        job,
        plan,
        agreement,
        manner,
        full=full,
        first=None if first is None else first_of(first),
        after=None if after is None else seconds_of(after, "--after"),
        on_spark=on is not None,
    )


def _verify(  # noqa: PLR0913, D417 - flags in groups have their own words
    run: str,
    /,
    *,
    share: Annotated[str, Parameter(show_default=False)] = "1%",
    all: Annotated[bool, FLAG] = False,  # noqa: A002 - the flag's name
    after: Annotated[str, Parameter(show_default=False)] = "0s",
    repair: Annotated[bool, FLAG] = False,
    agreement: Annotated[Agreement, FLAT] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Read back what a run has delivered, by the vendor's own look-up, and compare it with what was sent.

    It counts the rows that landed, that are not there yet, that are something else, whose users are gone,
    and what cannot be read. What differs is in the run's verify.jsonl, and in its report. The exit code is 3
    where something differs.

    Args:
        run: The run's id, the path of its folder, or latest.
        share: The share of the delivered rows that are looked at, such as 1%; a few at least.
        all: Look at all of them.
        after: How long to wait before, such as 60s or 5m.
        repair: Send again what differs, under the job's guards.
    """
    from netaudience.cli.amounts import seconds_of, share_of  # noqa: PLC0415 - costs a program's start
    from netaudience.cli.verify import look_at_run  # noqa: PLC0415

    diagnosis.apply()
    wanted = 1.0 if all else share_of(share, "--share")
    return look_at_run(run, wanted, seconds_of(after, "--after"), agreement, manner, repair=repair)


def _resume(  # noqa: D417 - flags in groups have their own words
    run: str,
    /,
    *,
    agreement: Annotated[Agreement, FLAT] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
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
    agreement: Annotated[Agreement, FLAT] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Send the rejected and failed rows of a run again, as a new run.

    They are read from the run's rejects.jsonl, where they may be mended before. Rows in doubt are sent again
    where the operation is safe to repeat, or with --in-doubt resend.

    Args:
        run: The run's id, the path of its folder, or latest; or a file of dead letters, such as a command's
            rejects.
    """
    from netaudience.cli.job_actions import retry_run  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return retry_run(run, agreement, manner)


def _runs(  # noqa: D417 - flags in groups have their own words
    job: Path | None = None,
    /,
    *,
    json: Annotated[bool, FLAG] = False,
    where: Annotated[bool, FLAG] = False,
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """List the runs that are kept, the newest first.

    Args:
        job: The job file; without it, the runs of all jobs whose files are in this directory.
        json: Print JSON lines instead of a table.
        where: Say instead where the job's runs are kept, and which machine has the job now.
    """
    from netaudience.cli.job_actions import list_runs  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return list_runs(job, as_json=json, where=where)


def _report(  # noqa: D417 - flags in groups have their own words
    run: str,
    /,
    *,
    open: Annotated[bool, FLAG] = False,  # noqa: A002 - the flag's name
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Write a run's report.html anew, and print its path.

    Args:
        run: The run's id, the path of its folder, or latest.
        open: Show it in a browser.
    """
    from netaudience.cli.job_actions import report_run  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return report_run(run, show=open)


def _exposures(  # noqa: D417 - flags in groups have their own words
    folder: Path = Path(),
    /,
    *,
    owner: str = "netaudience",
    email: str | None = None,
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Print the job files of a folder that read models of dbt as exposures, in YAML for the dbt project.

    Args:
        folder: Where the job files are; this directory if not given.
        owner: Who answers for them.
        email: Where whoever that is can be reached.
    """
    from netaudience.cli.job_actions import print_exposures  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return print_exposures(folder, owner=owner, email=email)
