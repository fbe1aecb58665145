"""A run that is kept in a folder: journals, rejects, what was delivered, a summary and a report."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.client import Client
from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.state.checkpoint import check_journal
from netaudience.jobs.state.finalize import (
    finished_already,
    prune_runs,
    rows_before,
    tell_build,
    write_summary,
)
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.known_rejects import KnownRejects
from netaudience.jobs.state.metrics import Metrics, read_metrics, write_metrics
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.repeating import check_last_run, check_sent_again, touched, write_sent_again
from netaudience.jobs.state.replay import retry_of
from netaudience.jobs.state.run_folder import (
    JobLock,
    RunFolder,
    RunStart,
    job_folder,
    new_run,
    rejected_path,
    runs_of,
)
from netaudience.jobs.state.summary import StepSummary, Summary, read_costs, write_costs
from netaudience.operations.dispatch import Operation

if TYPE_CHECKING:
    from netaudience.jobs.deliver.step import StepRunner
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.state_store import StateStore

from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.order import OnAnswer, OnRow, TaskNotes

_log = logging.getLogger("netaudience")


class Kept:
    """A run that is kept in a folder: it can be gone on with, sent again and looked at."""

    notes: TaskNotes | None = None
    on_answer: OnAnswer | None = None
    on_row: OnRow | None = None

    def __init__(  # noqa: PLR0913 - the options of a run
        self,
        job: JobFile,
        *,
        resume: str | None,
        retry: str | None,
        in_doubt: OnDoubt,
        report: bool,
        store: StateStore | None = None,
    ) -> None:
        self._job = job
        self._resume = resume
        self._retry = retry
        self._in_doubt: OnDoubt = in_doubt
        self._report = report
        self._store = store
        self._loop = None if store is None else asyncio.get_running_loop()
        self._folder = job_folder(job)
        self._resumed: RunFolder | None = None
        self._again: RunFolder | None = None
        self._kept: RunFolder | None = None
        self._start: RunStart | None = None
        self._rejects: Rejects | None = None
        self._sent = False

    @property
    def folder(self) -> Path:
        """Where the job keeps what it knows from one run to the next."""
        return self._folder

    @property
    def again(self) -> RunFolder | None:
        """The run whose undelivered rows these are."""
        return self._again

    @property
    def sent(self) -> bool:
        """Whether an earlier attempt at the run may have sent something."""
        return self._sent

    @property
    def run(self) -> str:
        """The run's id."""
        return self._own.id

    @property
    def rejects(self) -> Rejects:
        """Take the rows that were not delivered."""
        if self._rejects is None:
            self._rejects = Rejects(self._own.rejects)
        return self._rejects

    @property
    def _own(self) -> RunFolder:
        if self._kept is None:
            raise ConfigurationError("The run has not begun")
        return self._kept

    @staticmethod
    def operation(vendor: str, name: str) -> tuple[type[Client], Operation]:
        """Return what a job can carry."""
        return carried_operation(vendor, name)

    def locked(self) -> AbstractContextManager[object]:
        """Keep other runs of the job away."""
        return JobLock(self._folder, self._job.name)

    def find(self) -> Summary | None:
        """Find the runs that this one has to do with; return what became of it, if nothing of it is left.

        Raises:
            ConfigurationError: there is none of that name, it is of another job, or has nothing to send.
        """
        retry = self._retry
        if self._resume is not None:
            self._resumed = self._find(self._resume)
            if self._resumed.start().source == "spark":
                raise ConfigurationError(
                    f"The run {self._resumed.id} was on Spark, where no run is gone on with: run the job "
                    "there again, which with changed-only sends what was not delivered"
                )
            if (finished := finished_already(self._resumed, self._in_doubt)) is not None:
                return finished
            retry = self._resumed.start().again
        if retry is not None:
            self._again = self._find(retry)
        return None

    def _find(self, name: str) -> RunFolder:
        run = find_run(name, [self._folder])
        start = run.start()
        if start.job != self._job.name:
            raise ConfigurationError(
                f"The run {run.id} is of the job {start.job!r}, not of {self._job.name!r}"
            )
        return run

    def rows(self) -> tuple[JobFile, Table | None]:
        """Return the job, and the undelivered rows of the run that is sent again.

        Raises:
            ConfigurationError: that run has none.
            GuardRefused: they were sent again before.
        """
        if self._again is None:
            return self._job, None
        this = "" if self._resumed is None else self._resumed.id
        check_sent_again(self._again.rejects, f"What the run {self._again.id} did not deliver", this=this)
        return retry_of(self._again, self._job, self._in_doubt)

    @property
    def kept_source(self) -> Path | None:
        """Where the run that is gone on with has kept what it fetched of the source.

        Raises:
            ConfigurationError: it has sent rows of it, and it is gone.
        """
        run = self._resumed
        if run is None:
            return None
        from netaudience.jobs.extract.fetch import is_fetched, kept_in  # noqa: PLC0415 - needs the extra `cli`

        if run.start().sending and is_fetched(self._job.source) and kept_in(run.source) is None:
            raise ConfigurationError(
                f"What the run {run.id} has read of its source is gone from its folder, so nobody knows "
                "which rows it has counted: start a new run"
            )
        return run.source

    @property
    def beside(self) -> Path | None:
        """The job's folder, where what is fetched of the source becomes the run's without being copied."""
        return self._folder

    def keep_source(self, fetched: Path) -> None:
        """Keep what was fetched of the source in the run's folder.

        Raises:
            JournalFailed: it cannot be written.
        """
        self._own.keep_source(fetched)

    @staticmethod
    def source(table: Table) -> str:
        """Return what tells the rows from others."""
        return table.fingerprint()

    @staticmethod
    def count(table: Table) -> int | None:
        """Return how many rows there are."""
        return table.count()

    def rows_before(self) -> Sequence[int]:
        """Return how many rows the source had in the last runs."""
        return rows_before(self._folder)

    def metrics(self) -> Mapping[str, Metrics]:
        """Return by step what earlier attempts have measured."""
        if self._resumed is not None:
            with contextlib.suppress(ConfigurationError):  # the report then begins with this attempt
                return read_metrics(self._resumed.path)
        return {}

    def costs(self) -> Mapping[str, StepSummary]:
        """Return by step what earlier attempts have cost, as far as they came to tell."""
        return {} if self._resumed is None else read_costs(self._resumed.costs)

    def start(self, source: str, steps: Mapping[str, str], accounts: Mapping[str, str]) -> None:
        """Begin a run, or look whether it may be gone on with.

        Args:
            source: What tells the rows from others.
            steps: By name, what tells each step from others.
            accounts: By the step's name, the account that it is sent to.

        Raises:
            ConfigurationError: the run to go on with was started with something else, or its memory is lost.
            JournalFailed: the run's folder cannot be made.
        """
        resumed = self._resumed
        if resumed is None:
            self._start = RunStart(
                job=self._job.name,
                file=str(self._job.path.resolve()),
                started=_now(),
                source=source,
                steps=dict(steps),
                again=None if self._again is None else self._again.id,
                accounts=dict(accounts),
                preflight=self._job.guards.preflight,
            )
            self._kept = new_run(self._folder)
            return
        self._start = start = resumed.start()
        self._kept = resumed
        if start.steps != steps:
            names = sorted(start.steps.keys() | steps.keys())
            other = ", ".join(name for name in names if start.steps.get(name) != steps.get(name))
            raise ConfigurationError(
                f"The job has changed since the run {resumed.id} began, in {other}: vendor, operation, "
                "arguments, fields, condition and mode of a step must be as they were. Put them back, or "
                "start a new run"
            )
        if start.source != source:
            raise ConfigurationError(
                f"The source has changed since the run {resumed.id} began at {start.started}, so its rows "
                "are no longer those that the run has counted. Put the files back as they were (content and "
                "time of change), or start a new run"
            )
        if start.sending:
            for name in steps:
                check_journal(resumed.journal(name), resumed.id)
        # What came to nothing, for the key or the address was wrong, is begun anew.
        self._sent = start.sending and any(touched(resumed.journal(name)) for name in steps)
        for name, account in accounts.items():
            if self._sent and start.accounts.get(name, account) != account:
                raise ConfigurationError(
                    f"The run of {name} was begun with another account (its credentials or its base URL), "
                    "and something was sent then: set it back, or start a new run; nothing was sent now"
                )
        start.accounts = dict(accounts)

    @property
    def _started(self) -> RunStart:
        if self._start is None:
            raise ConfigurationError("The run has not begun")
        return self._start

    def begin(self, rows: int | None) -> Summary:
        """Count the attempt, and return the summary that it fills in."""
        start, run = self._started, self._own
        start.attempts += 1
        run.remember(start)
        return Summary(
            run=run.id,
            job=self._job.name,
            file=str(self._job.path),
            folder=str(run.path),
            started=start.started,
            attempts=start.attempts,
            source_rows=rows,
            again=start.again,
        )

    def journal(self, step: str) -> Path | None:
        """Return where a step's journal is."""
        return self._own.journal(step)

    def known(self, step: str) -> KnownRejects:
        """Return the rows of a step that the last run has rejected as well."""
        if self._again is not None:
            return KnownRejects()
        return KnownRejects(rejected_path(self._folder, step), self._own.known_rejects(step))

    def check_last(self, step: Step, operations: Mapping[str, Operation], memory: str) -> None:
        """Refuse to repeat what the last run of a step has sent, or may have.

        Raises:
            GuardRefused: what must not be repeated would be.
        """
        if self._resumed is None and self._again is None and self._in_doubt != "resend":
            source = self._started.source if step.mode == "all" else None
            check_last_run(self._folder, self.run, step.name, operations, source=source, memory=memory)

    def sending(self) -> None:
        """Take note that from now on something may have been sent.

        Raises:
            JournalFailed: it cannot be written down.
        """
        if self._again is not None:
            write_sent_again(self._again.rejects, self.run)
        self._started.sending = True
        self._own.remember(self._started)
        if self._store is not None:
            self._store.follow(self._own.path, self._lost)

    def opened(self) -> None:
        """Take note of journals that were opened since.

        Raises:
            JournalFailed: they cannot be saved.
        """
        if self._store is not None:
            self._store.note()

    def _lost(self) -> None:
        """End the run from another thread: its job is another machine's by now."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is over
                self._loop.call_soon_threadsafe(self.rejects.on_broken)

    def drop(self) -> None:
        """Forget a run that has not begun to send."""
        if self._resumed is None and self._kept is not None:
            self._kept.delete()

    def save(self, summary: Summary, metrics: Mapping[str, Metrics]) -> None:
        """Write down how far the run has come, in case that it is killed."""
        self.rejects.flush()
        try:
            write_metrics(self._own.path, metrics)
            write_costs(self._own.costs, summary.steps)
        except OSError as error:
            _log.warning("What was measured could not be written: %s", error.strerror)

    def left(self, runner: StepRunner) -> None:
        """Do nothing: the journal knows what was sent, and going on with the run sends the rest."""

    def finish(self, summary: Summary, reached: Mapping[str, int | None]) -> None:
        """Write down what became of the run; what cannot be written is reported in the summary."""
        self.rejects.close(reached)
        if self.rejects.broken is not None:
            summary.unwritten.append(self.rejects.broken)
            summary.lacks_rejects = True
        write_summary(self._own, summary)

    def publish(self, summary: Summary) -> None:
        """Draw the report, tell the build, and take old runs away."""
        if self._store is not None:
            self._store.rest()
        if self._report:
            from netaudience.jobs.report.html import draw_report  # noqa: PLC0415 - draws pictures

            draw_report(self._own.path)
        for run in runs_of(self._folder):  # nobody reads those any more, and they hold all rows
            if run.id != self._own.id and run.source.is_dir() and finished_already(run, "resend") is not None:
                run.drop_source()
        tell_build(summary)
        prune_runs(self._job, self._folder, self._own)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
