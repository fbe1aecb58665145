"""A run that leaves nothing behind, as a command's: what was not delivered is reported at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.guards import no_rows
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.state.known_rejects import KnownRejects
from netaudience.jobs.state.letters import Letters, Outlet
from netaudience.jobs.state.metrics import Metrics
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.operations.dispatch import Operation

if TYPE_CHECKING:
    from netaudience.jobs.deliver.step import StepRunner
    from netaudience.jobs.extract.table import Table

from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.order import OnAnswer, OnRow, TaskNotes


class Unkept:
    """A run that leaves nothing behind: what was not delivered is reported at once, and that is all."""

    again: RunFolder | None = None
    kept_source: Path | None = None
    beside: Path | None = None
    run = ""
    sent = False
    on_row: OnRow | None = None
    notes: TaskNotes | None = None

    def __init__(
        self,
        job: JobFile,
        outlet: Outlet | Rejects,
        *,
        carried: tuple[type[Client], Operation] | None = None,
        on_answer: OnAnswer | None = None,
        on_sending: Callable[[], object] = lambda: None,
    ) -> None:
        """Say where undelivered rows go.

        Args:
            job: What is carried.
            outlet: Takes the rows that were not delivered, as lines, or a file of them.
            carried: The vendor and the operation of the one step, which may be one that asks.
            on_answer: Is given what the vendor answers.
            on_sending: Called before anything is sent.
        """
        self._job = job
        self._carried = carried
        self.rejects: Rejects = outlet if isinstance(outlet, Rejects) else Letters(outlet)
        self.on_answer = on_answer
        self._on_sending = on_sending
        #: By step, how many rows were read.
        self._read: dict[str, int] = {}

    @property
    def folder(self) -> Path:
        """There is none.

        Raises:
            ConfigurationError: somebody asks for it.
        """
        raise ConfigurationError(
            "A command does not know what was delivered before, so it sends all rows: write a job file for "
            "changed-only or mirror"
        )

    def operation(self, vendor: str, name: str) -> tuple[type[Client], Operation]:
        """Return what is carried."""
        return self._carried or carried_operation(vendor, name)

    @staticmethod
    def locked() -> AbstractContextManager[object]:
        """Lock nothing: two commands have nothing in common."""
        return contextlib.nullcontext()

    @staticmethod
    def find() -> Summary | None:
        """Find nothing: there is no other run."""
        return None

    def rows(self) -> tuple[JobFile, Table | None]:
        """Return the job; its rows are its source's."""
        return self._job, None

    def keep_source(self, fetched: Path) -> None:
        """Do nothing: nobody goes on with a command."""

    @staticmethod
    def source(table: Table) -> str:
        """Return nothing: nobody compares the rows with others."""
        del table
        return ""

    def count(self, table: Table) -> int | None:
        """Return how many rows there are; of what is read while it is written nobody knows."""
        return None if "-" in self._job.source.files else table.count()

    @staticmethod
    def rows_before() -> Sequence[int]:
        """Return nothing: nobody remembers."""
        return ()

    @staticmethod
    def metrics() -> Mapping[str, Metrics]:
        """Return nothing: there is no earlier attempt."""
        return {}

    @staticmethod
    def costs() -> Mapping[str, StepSummary]:
        """Return nothing: there is no earlier attempt."""
        return {}

    def start(self, source: str, steps: Mapping[str, str], accounts: Mapping[str, str]) -> None:
        """Do nothing: there is nothing to begin."""

    def begin(self, rows: int | None) -> Summary:
        """Return the summary that the run fills in."""
        return Summary(run="", job=self._job.name, file="", folder="", started=_now(), source_rows=rows)

    @staticmethod
    def journal(step: str) -> Path | None:
        """Return that there is none."""
        del step
        return None

    @staticmethod
    def known(step: str) -> KnownRejects:
        """Return that nobody remembers any."""
        del step
        return KnownRejects(None)

    def check_last(self, step: Step, operations: Mapping[str, Operation], memory: str) -> None:
        """Do nothing: nobody remembers."""

    def sending(self) -> None:
        """Tell whoever wants to know."""
        self._on_sending()

    def opened(self) -> None:
        """Do nothing."""

    def drop(self) -> None:
        """Do nothing."""

    def save(self, summary: Summary, metrics: Mapping[str, Metrics]) -> None:
        """Do nothing."""

    def left(self, runner: StepRunner) -> None:
        """Tell every row that was read and has no outcome: nobody will ask for it otherwise."""
        self._read[runner.summary.name] = runner.feed.rows
        runner.tell_left()

    def finish(self, summary: Summary, reached: Mapping[str, int | None]) -> None:
        """Say what could not be reported, and which rows nobody has looked at."""
        self.rejects.close(reached)
        if summary.signal is not None:
            summary.notes.append("The run was interrupted: what was under way was settled, or is in doubt.")
        for step in summary.steps:
            if step.exhausted and not step.total and not self._job.guards.allow_empty:
                step.stop(no_rows())
            read = self._read.get(step.name, step.total)
            if read < step.total:
                summary.notes.append(f"The rows after row {read:,} were not read: send those that follow.")
        if self.rejects.broken is not None:
            summary.unwritten.append(self.rejects.broken)
            summary.lacks_rejects = True

    def publish(self, summary: Summary) -> None:
        """Do nothing: the command shows the summary."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
