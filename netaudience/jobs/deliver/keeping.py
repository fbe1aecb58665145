"""What a run keeps of itself besides its counts: everything, in a folder of its own, or nothing.

A job keeps a journal, its rejects, what was delivered, a summary and a report, so that it can be gone on
with. A command keeps nothing: what was not delivered goes to its output at once. Who starts a run chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.jobs.state.known_rejects import KnownRejects
from netaudience.jobs.state.metrics import Metrics
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.operations.dispatch import Operation

if TYPE_CHECKING:
    from netaudience.jobs.deliver.order import OnAnswer, OnRow, TaskNotes
    from netaudience.jobs.deliver.step import StepRunner
    from netaudience.jobs.extract.table import Table


class Keeping(Protocol):
    """What a run keeps."""

    #: Where the rows go that were not delivered.
    @property
    def rejects(self) -> Rejects:
        """Take the rows that were not delivered."""
        ...

    @property
    def folder(self) -> Path:
        """Where the job keeps what it knows from one run to the next."""
        ...

    @property
    def run(self) -> str:
        """The run's id."""
        ...

    @property
    def again(self) -> RunFolder | None:
        """The run whose undelivered rows these are."""
        ...

    @property
    def sent(self) -> bool:
        """Whether an earlier attempt at the run may have sent something."""
        ...

    @property
    def notes(self) -> TaskNotes | None:
        """What remembers in the place of a journal."""
        ...

    @property
    def on_answer(self) -> OnAnswer | None:
        """Who wants to know what the vendor answers."""
        ...

    @property
    def on_row(self) -> OnRow | None:
        """Who wants to know what became of every row."""
        ...

    def operation(self, vendor: str, name: str) -> tuple[type[Client], Operation]:
        """Return a vendor and its operation.

        Raises:
            ConfigurationError: there is none of that name, or a run that keeps this cannot carry it.
        """
        ...

    def locked(self) -> AbstractContextManager[object]:
        """Keep other runs of the job away."""
        ...

    def find(self) -> Summary | None:
        """Find the runs that this one has to do with; return what became of it, if nothing of it is left."""
        ...

    def rows(self) -> tuple[JobFile, Table | None]:
        """Return the job as it is carried, and the rows where they are not the job's source."""
        ...

    @property
    def kept_source(self) -> Path | None:
        """Where an earlier attempt has kept what it fetched of the source.

        Raises:
            ConfigurationError: it has sent rows of it, and it is gone.
        """
        ...

    @property
    def beside(self) -> Path | None:
        """The folder in which what is fetched of the source can be kept without being copied."""
        ...

    def keep_source(self, fetched: Path) -> None:
        """Keep what was fetched of the source, so that the run can be gone on with.

        Raises:
            JournalFailed: it cannot be written.
        """
        ...

    def source(self, table: Table) -> str:
        """Return what tells the rows from others; this may read them all."""
        ...

    def count(self, table: Table) -> int | None:
        """Return how many rows there are, where that can be known before they are sent."""
        ...

    def rows_before(self) -> Sequence[int]:
        """Return how many rows the source had in the last runs."""
        ...

    def metrics(self) -> Mapping[str, Metrics]:
        """Return by step what earlier attempts have measured."""
        ...

    def costs(self) -> Mapping[str, StepSummary]:
        """Return by step what earlier attempts have cost."""
        ...

    def start(self, source: str, steps: Mapping[str, str], accounts: Mapping[str, str]) -> None:
        """Begin a run, or look whether it may be gone on with; nothing is sent before `sending`."""
        ...

    def begin(self, rows: int | None) -> Summary:
        """Count the attempt, and return the summary that it fills in."""
        ...

    def journal(self, step: str) -> Path | None:
        """Return where a step's journal is."""
        ...

    def known(self, step: str) -> KnownRejects:
        """Return the rows of a step that the last run has rejected as well."""
        ...

    def check_last(self, step: Step, operations: Mapping[str, Operation], memory: str) -> None:
        """Refuse to repeat what the last run of a step has sent, or may have.

        Args:
            step: The step.
            operations: By the names of their journals, what it does.
            memory: The run that has the step's memory open; empty where none has.

        Raises:
            GuardRefused: what must not be repeated would be.
        """
        ...

    def sending(self) -> None:
        """Take note that from now on something may have been sent.

        Raises:
            NetaudienceError: it cannot be written down; nothing was sent.
        """
        ...

    def opened(self) -> None:
        """Take note of journals that were opened since; nothing of them was sent.

        Raises:
            JournalFailed: it cannot be written down.
        """
        ...

    def drop(self) -> None:
        """Forget a run that has not begun to send."""
        ...

    def save(self, summary: Summary, metrics: Mapping[str, Metrics]) -> None:
        """Write down how far the run has come, in case that it is killed."""
        ...

    def left(self, runner: StepRunner) -> None:
        """Tell the rows that were read and have no outcome."""
        ...

    def finish(self, summary: Summary, reached: Mapping[str, int | None]) -> None:
        """Write down what became of the run; what cannot be written is reported in the summary."""
        ...

    def publish(self, summary: Summary) -> None:
        """Show what became of the run to whoever looks later; this may take a while."""
        ...


def carried_operation(vendor: str, name: str) -> tuple[type[Client], Operation]:
    """Return what a job can carry.

    Raises:
        ConfigurationError: there is none of that name, or it only asks.
    """
    client = find_vendor(vendor)
    if client is None:
        raise ConfigurationError(f"There is no vendor {vendor!r}: netaudience operations lists them")
    operation = find_operation(client, name)
    if isinstance(operation, str):
        raise ConfigurationError(operation)
    return client, operation
