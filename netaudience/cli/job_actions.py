"""What the commands of job files do: ask the jobs' rooms, show what these say, and give the exit code."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from netaudience.cli.display import looking, progress_of, tell, tell_summary
from netaudience.cli.job_display import plan_lines, plan_markdown, refused_row, run_lines, run_row
from netaudience.cli.job_options import Agreement, Manner
from netaudience.cli.output import Rejected, StandardOutput, json_line, width_of_output
from netaudience.cli.watching import watching
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs import Job
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.finalize import finished_already
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.refused import refused_runs
from netaudience.jobs.state.run_folder import runs_of
from netaudience.jobs.state.summary import Summary
from netaudience.model.wire import load_json
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.jobs.deliver.elsewhere import Session
    from netaudience.jobs.state.fetch_state import Whereabouts

#: With ``--detailed-exitcode``: there is something to send.
_SOMETHING = 2


def start_job(path: Path, source: Source, vendor: str, operation: str) -> int:
    """Write a first job file.

    Raises:
        ConfigurationError: it is there already, or vendor, operation or source are wrong.
    """
    from netaudience.jobs.plan.scaffold import write_first_job  # noqa: PLC0415 - needs the extra `cli`

    elsewhere = (source.sql, source.python, source.delta, source.iceberg)
    if not source.files and not any(elsewhere):
        raise ConfigurationError("Say where the rows come from: --source FILE, or --sql")
    undecided = write_first_job(path, source, vendor, operation)
    for line in undecided:
        tell(f"to be decided: {line}")
    tell(f"{path} is written: look at it, then: netaudience plan {path}")
    return ExitCode.DELIVERED


def show_plan(  # noqa: PLR0913 - the options of a plan
    path: Path,
    form: Literal["lines", "json", "markdown"],
    *,
    detailed: bool,
    preflight: bool,
    quiet: bool,
    full: bool = False,
) -> int:
    """Print what a job would send.

    Raises:
        NetaudienceError: there is no plan, for the reason that it tells.
    """
    output = StandardOutput()
    try:
        job = _whole(_unheld(Job.load(path), held=preflight), full=full)
        with looking(quiet=quiet) as shown:
            plan = job.plan(on_look=shown)
    except NetaudienceError as error:
        if not detailed:
            raise
        tell(f"error: {error}")  # 2 would say that there is something to send
        return ExitCode.FAILED
    if form == "json":
        output.write_all([json_line(plan.to_json())])
    else:
        width = width_of_output()
        lines = (
            plan_markdown(plan, path, held=preflight)
            if form == "markdown"
            else plan_lines(plan, path, width, held=preflight)
        )
        output.write_all([f"{line}\n".encode() for line in lines])
    if plan.stops:
        return ExitCode.GUARDED
    if detailed:
        return _SOMETHING if plan.items else ExitCode.DELIVERED
    return ExitCode.DELIVERED


def run_new(  # noqa: PLR0913 - the options of a run
    path: Path,
    digest: str | None,
    agreement: Agreement,
    manner: Manner,
    *,
    full: bool = False,
    first: float | None = None,
    after: float | None = None,
    on_spark: bool = False,
) -> int:
    """Run a job.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    job = _whole(load_job(path), full=full)
    if not on_spark:
        return carry_job(job, agreement, manner, digest=digest, first=first, after=after)
    from netaudience.jobs.spark.cluster import session  # noqa: PLC0415 - needs pyspark

    with session(job.name) as spark:
        return carry_job(job, agreement, manner, digest=digest, first=first, after=after, on=spark)


def load_job(path: str | Path) -> Job:
    """Read the file of a job that is to be run; if it is wrong, those whom it names are told as well."""
    from netaudience.jobs.notify.notifier import Notifier  # noqa: PLC0415 - costs a program's start

    try:
        return Job.load(path)
    except ConfigurationError as error:
        Notifier.of_broken(Path(path), error)
        raise


def resume_run(name: str, agreement: Agreement, manner: Manner) -> int:
    """Go on with a run.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    from netaudience.verbs.started import started_by  # noqa: PLC0415 - costs a program's start

    run = find_run(name)
    start = run.start()
    if (verb := started_by(run)) is not None:
        from netaudience.cli.verb_actions import resume_verb  # noqa: PLC0415 - likewise

        return resume_verb(str(run.path), verb, agreement, manner)
    if (finished := finished_already(run, manner.in_doubt)) is not None:
        tell(f"The run {run.id} has come to its end: nothing of it is left to be sent")
        return _tell(finished, manner)
    return carry_job(load_job(_file_of(name, start.file)), agreement, manner, resume=str(run.path))


def retry_run(name: str, agreement: Agreement, manner: Manner) -> int:
    """Send a run's undelivered rows again.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    if Path(name).is_file() and not name.endswith(".toml"):
        return _retry_file(Path(name), agreement, manner)
    from netaudience.verbs.started import started_by  # noqa: PLC0415 - costs a program's start

    run = find_run(name)
    if (verb := started_by(run)) is not None:
        raise ConfigurationError(
            f"The run {run.id} is one of netaudience {verb.action.verb}: mend the file of people and start "
            f"it anew, or go on with netaudience resume {run.id}"
        )
    return carry_job(load_job(_file_of(name, run.start().file)), agreement, manner, retry=str(run.path))


def _file_of(name: str, begun: str) -> str:
    """Return the job file of a run: the one that stands for it here, or else the one that it began with."""
    return name if name.endswith(".toml") else begun


def _retry_file(path: Path, agreement: Agreement, manner: Manner) -> int:
    """Send the dead letters of a file again; what is not delivered goes to standard output."""
    from netaudience.jobs.deliver.carry_out import carry_out  # noqa: PLC0415 - likewise
    from netaudience.jobs.deliver.unkept import Unkept  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.state.repeating import sending_again  # noqa: PLC0415 - likewise
    from netaudience.jobs.state.replay import letters_as_source  # noqa: PLC0415 - likewise

    output = StandardOutput()
    with contextlib.ExitStack() as stack:
        again = stack.enter_context(sending_again(path))
        shown = stack.enter_context(progress_of(quiet=manner.quiet, grace=manner.grace))
        job, table = letters_as_source(path, manner.in_doubt)
        watched = stack.enter_context(watching(manner, job, shown))
        if agreement.no_preflight:
            job = attrs.evolve(job, guards=attrs.evolve(job.guards, preflight=False))
        summary = asyncio.run(
            carry_out(
                Unkept(job, Rejected(output, output), on_sending=again.begin),
                table=table,
                on_progress=watched.on_progress,
                on_event=watched.on_event,
                consent=_consent(agreement),
                grace=manner.grace,
                client_factory=None,
            )
        )
        again.end(summary)
    return _tell(summary, manner)


def carry_job(  # noqa: PLR0913 - the options of a run
    job: Job,
    agreement: Agreement,
    manner: Manner,
    *,
    digest: str | None = None,
    resume: str | None = None,
    retry: str | None = None,
    first: float | None = None,
    after: float | None = None,
    on: Session | None = None,
) -> int:
    """Run, show what is going on, and say at the end what became of it."""
    if not manner.grace >= 0:
        raise ConfigurationError("--grace must be a number of seconds, 0 or more")
    consent = _consent(agreement)
    job = _unheld(job, held=not agreement.no_preflight)
    if not manner.quiet:
        _tell_of_looks(job, first, after)
    with (
        progress_of(quiet=manner.quiet, grace=manner.grace) as shown,
        watching(manner, job, shown) as watched,
    ):
        last: Summary | None = None

        def progress(summary: Summary) -> None:
            nonlocal last
            last = summary
            watched.on_progress(summary)

        try:
            summary = asyncio.run(
                job.run(
                    resume=resume,
                    retry=retry,
                    plan_digest=digest,
                    consent=consent,
                    in_doubt=manner.in_doubt,
                    grace=manner.grace,
                    on_progress=progress,
                    first=first,
                    verify_after=after,
                    on_event=watched.on_event,
                    on=on,
                )
            )
        except KeyboardInterrupt:
            when = "while the source was looked at: nothing was sent"
            if last is not None:
                when = f"at the end of the run {last.run}: netaudience resume {last.run} completes its files"
            tell(f"interrupted {when}")
            raise
    return _tell(summary, manner)


def _tell_of_looks(job: Job, first: float | None, after: float | None) -> None:
    """Say beforehand that a run waits, for it then stands still without a word."""
    if first is None and not any(step.verify for step in job.steps):
        return
    from netaudience.jobs.deliver.canary import settling  # noqa: PLC0415 - only where somebody looks

    if wait := settling(job) if after is None else after:
        what, rest = (
            ("what was delivered is", "")
            if first is None
            else ("the first rows are", ", then the rest is sent")
        )
        tell(f"{what} read back {duration(wait)} after the sending{rest}")


def _unheld(job: Job, *, held: bool) -> Job:
    """Return a job that is held to the vendor's schema only where the caller wants that as well."""
    return job if held else attrs.evolve(job, guards=attrs.evolve(job.guards, preflight=False))


def _whole(job: Job, *, full: bool) -> Job:
    """Return a job that reads all rows this time, where the caller wants that."""
    return attrs.evolve(job, source=attrs.evolve(job.source, full=True)) if full else job


def _consent(agreement: Agreement) -> Consent:
    return Consent(yes=agreement.yes, yes_delete=agreement.yes_delete, account=agreement.account)


def _tell(summary: Summary, manner: Manner) -> int:
    """Say what became of a run, and return the exit code."""
    tell_summary(summary, quiet=manner.quiet)
    if manner.json:
        output = StandardOutput()
        output.write([json_line(load_json(summary.to_json()))])
        if output.broken is not None:  # the code tells what became of the rows all the same
            tell(
                f"The summary could not be written to {output.name} ({output.broken}): it is in "
                f"{summary.folder}"
            )
    return summary.exit_code


def list_runs(path: Path | None, *, as_json: bool, where: bool = False) -> int:
    """Print the runs that are kept, or where they are.

    Raises:
        ConfigurationError: the job file is wrong, or what keeps its runs cannot be read.
    """
    from netaudience.jobs.state.fetch_state import fetch_state, where_state_is  # noqa: PLC0415 - costs a start

    if where:
        if path is None:
            raise ConfigurationError("Say whose runs are meant: netaudience runs JOB --where")
        return _tell_where(where_state_is(Job.load(path)), as_json=as_json)
    folders = _folders() if path is None else [fetch_state(Job.load(path))]
    rows = [run_row(run) for folder in folders for run in runs_of(folder)]
    rows += [refused_row(refused, folder) for folder in folders for refused in refused_runs(folder)]
    rows.sort(key=lambda row: (str(row["started"]), str(row["run"])), reverse=True)
    if as_json:
        StandardOutput().write_all([json_line(row) for row in rows])
    elif rows:
        StandardOutput().write_all([f"{line}\n".encode() for line in run_lines(rows, width_of_output())])
    else:
        tell("There are no runs here: name a job file, or run one")
    return ExitCode.DELIVERED


def _tell_where(found: Whereabouts, *, as_json: bool) -> int:
    if as_json:
        StandardOutput().write_all([json_line(attrs.asdict(found))])
        return ExitCode.DELIVERED
    saved = f", saved {found.saved} (generation {found.generation})" if found.saved else ""
    lines = [
        f"{found.place}: {many(found.files, 'file')} of {many(found.size, 'byte')}{saved}",
        f"held by {found.holder}" if found.holder else "held by nobody",
    ]
    StandardOutput().write_all([f"{line}\n".encode() for line in lines])
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
    from netaudience.jobs.report.html import write_report  # noqa: PLC0415 - draws pictures

    path = write_report(find_run(name).path)
    StandardOutput().write_all([f"{path}\n".encode()])
    if show:
        import webbrowser  # noqa: PLC0415 - here only

        webbrowser.open(path.resolve().as_uri())
    return ExitCode.DELIVERED


def print_exposures(folder: Path, *, owner: str, email: str | None) -> int:
    """Print the jobs that read models of dbt, as its project takes them.

    Raises:
        ConfigurationError: there is none, or one of them is wrong.
    """
    from netaudience.jobs.report.exposures import exposures  # noqa: PLC0415 - costs a program's start

    lines = exposures(folder, owner=owner, email=email)
    StandardOutput().write_all([f"{line}\n".encode() for line in lines])
    return ExitCode.DELIVERED
