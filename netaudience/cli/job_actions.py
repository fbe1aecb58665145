"""What the commands of job files do: ask the jobs' rooms, show what these say, and give the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from netaudience.cli.exit_codes import ExitCode, GuardRefused
from netaudience.cli.job_display import plan_lines, progress_of, run_row, runs_table
from netaudience.cli.job_options import Agreement, Manner
from netaudience.cli.outlet import StandardOutput, json_line
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs import guards
from netaudience.jobs.finishing import finished_already
from netaudience.jobs.job import Job
from netaudience.jobs.rundir import find_run, job_folder, runs_of
from netaudience.jobs.summary import Summary
from netaudience.jobs.words import Source
from netaudience.wire import load_json

__all__ = ["list_runs", "report_run", "resume_run", "retry_run", "run_new", "show_plan", "start_job"]

#: With ``--detailed-exitcode``: there is something to send.
_SOMETHING = 2


def start_job(path: Path, source: Source, vendor: str, operation: str) -> int:
    """Write a first job file.

    Raises:
        ConfigurationError: it is there already, or vendor, operation or source are wrong.
    """
    from netaudience.jobs.starting import write_first_job  # noqa: PLC0415 - needs the extra `files`

    if not source.files and source.sql is None:
        raise ConfigurationError("Say where the rows come from: --source FILE, or --sql")
    undecided = write_first_job(path, source, vendor, operation)
    for line in undecided:
        sys.stderr.write(f"to be decided: {line}\n")
    sys.stderr.write(f"{path} is written: look at it, then: netaudience plan {path}\n")
    return ExitCode.DELIVERED


def show_plan(path: Path, *, as_json: bool, detailed: bool) -> int:
    """Print what a job would send.

    Raises:
        NetaudienceError: there is no plan, for the reason that it tells.
    """
    output = StandardOutput()
    try:
        plan = Job.load(path).plan()
    except NetaudienceError as error:
        if not detailed:
            raise
        sys.stderr.write(f"error: {error}\n")  # 2 would say that there is something to send
        return ExitCode.FAILED
    if as_json:
        output.write([json_line(plan.to_json())])
    else:
        output.write([f"{line}\n".encode() for line in plan_lines(plan, path)])
    if output.broken is not None:
        raise NetaudienceError(f"Standard output cannot be written: {output.broken}")
    if detailed:
        return _SOMETHING if plan.items else ExitCode.DELIVERED
    return ExitCode.DELIVERED


def run_new(path: Path, digest: str | None, agreement: Agreement, manner: Manner) -> int:
    """Run a job.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    return _carry(Job.load(path), agreement, manner, digest=digest)


def resume_run(name: str, agreement: Agreement, manner: Manner) -> int:
    """Go on with a run.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    run = find_run(name)
    start = run.start()
    if (finished := finished_already(run, manner.in_doubt)) is not None:
        sys.stderr.write(f"The run {run.id} has come to its end: nothing of it is left to be sent\n")
        return _tell(finished, manner)
    return _carry(
        Job.load(start.file), agreement, manner, resume=str(run.path), reads_source=start.again is None
    )


def retry_run(name: str, agreement: Agreement, manner: Manner) -> int:
    """Send a run's undelivered rows again.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    run = find_run(name)
    return _carry(Job.load(run.start().file), agreement, manner, retry=str(run.path), reads_source=False)


def _carry(  # noqa: PLR0913 - what a run may be told
    job: Job,
    agreement: Agreement,
    manner: Manner,
    *,
    digest: str | None = None,
    resume: str | None = None,
    retry: str | None = None,
    reads_source: bool = True,
) -> int:
    """Run, show what is going on, and say at the end what became of it."""
    from netaudience.jobs.checking import open_checked  # noqa: PLC0415 - needs the extra `files`
    from netaudience.jobs.running import run_job  # noqa: PLC0415

    if not manner.grace >= 0:
        raise ConfigurationError("--grace must be a number of seconds, 0 or more")
    consent = guards.Consent(yes=agreement.yes, yes_delete=agreement.yes_delete)
    with contextlib.ExitStack() as stack:
        # Opened here, what is wrong with a column is told with its line.
        table = stack.enter_context(open_checked(job)) if reads_source else None
        shown = stack.enter_context(progress_of(quiet=manner.quiet, grace=manner.grace))
        last: Summary | None = None

        def progress(summary: Summary) -> None:
            nonlocal last
            last = summary
            shown(summary)

        try:
            summary = asyncio.run(
                run_job(
                    job,
                    table=table,
                    resume=resume,
                    retry=retry,
                    plan_digest=digest,
                    consent=consent,
                    in_doubt=manner.in_doubt,
                    grace=manner.grace,
                    on_progress=progress,
                )
            )
        except guards.GuardRefused as refusal:
            raise GuardRefused(str(refusal)) from refusal
        except KeyboardInterrupt:
            told = "while the source was looked at: nothing was sent"
            if last is not None:
                told = f"at the end of the run {last.run}: netaudience resume {last.run} completes its files"
            sys.stderr.write(f"interrupted {told}\n")
            raise
    return _tell(summary, manner)


def _tell(summary: Summary, manner: Manner) -> int:
    """Say what became of a run, and return the exit code."""
    for sentence in summary.sentences():
        sys.stderr.write(f"{sentence}\n")
    if manner.json:
        output = StandardOutput()
        output.write([json_line(load_json(summary.to_json()))])
        if output.broken is not None:
            raise NetaudienceError(f"Standard output cannot be written: {output.broken}")
    return summary.exit_code


def list_runs(path: Path | None, *, as_json: bool) -> int:
    """Print the runs that are kept.

    Raises:
        ConfigurationError: the job file is wrong.
    """
    folders = _folders() if path is None else [job_folder(Job.load(path))]
    rows = [run_row(run) for folder in folders for run in runs_of(folder)]
    rows.sort(key=lambda row: str(row["run"]), reverse=True)
    if as_json:
        StandardOutput().write([json_line(row) for row in rows])
    elif rows:
        runs_table(rows)
    else:
        sys.stderr.write("There are no runs here: name a job file, or run one\n")
    return ExitCode.DELIVERED


def _folders() -> list[Path]:
    try:
        return sorted(path for path in Path(".netaudience").iterdir() if path.is_dir())
    except OSError:
        return []


def report_run(name: str, *, show: bool) -> int:
    """Write a run's report and print its path.

    Raises:
        ConfigurationError: there is no such run, or nothing to report.
    """
    from netaudience.jobs.report import write_report  # noqa: PLC0415 - draws pictures

    path = write_report(find_run(name).path)
    sys.stdout.write(f"{path}\n")
    if show:
        import webbrowser  # noqa: PLC0415 - here only

        webbrowser.open(path.resolve().as_uri())
    return ExitCode.DELIVERED
