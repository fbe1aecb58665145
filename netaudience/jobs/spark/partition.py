"""Rows of a partition, carried by one attempt at a task: a job of one step over them.

Reading, mapping and rules are a job's, so that the same rows are the same bytes through this door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import attrs

from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.columns.duckdb import Batch, import_arrow
from netaudience.jobs.deliver.carry_out import carry_out
from netaudience.jobs.deliver.unkept import Unkept
from netaudience.jobs.extract.table import open_data
from netaudience.jobs.spark.memory import DIGEST, Memory, digest_of_row
from netaudience.jobs.spark.outcomes import Part, write_outcomes
from netaudience.jobs.spark.storage import Storage
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent

if TYPE_CHECKING:
    from netaudience.client import Client
    from netaudience.jobs.spark.options import Options
    from netaudience.jobs.spec.model import JobFile
    from netaudience.jobs.state.summary import StepSummary
    from netaudience.operations.dispatch import Operation


class CannotGoOn(Exception):
    """The vendor, the store or the source stopped the task, which another attempt may mend."""


class _Lines:
    """Keeps the lines of what was not delivered."""

    broken: str | None = None

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, lines: Sequence[bytes]) -> bool:
        """Take lines."""
        self.lines += lines
        return True


class Task(Protocol):
    """What is to be done with rows; it is pickled for the executors."""

    @property
    def memory(self) -> str | None:
        """The folder in which attempts at a task note what they send."""
        ...

    @property
    def run(self) -> str:
        """What tells the write from earlier ones with the same memory."""
        ...

    def carried(self) -> tuple[type[Client], Operation]:
        """Return the vendor and the operation."""
        ...

    def job(self, columns: Sequence[str]) -> JobFile:
        """Return the job of one step that carries rows with these columns."""
        ...


@attrs.frozen(kw_only=True)
class Carried:
    """What became of the rows of a partition, by one attempt."""

    rows: int = 0
    #: Of those that were delivered, what an earlier attempt had.
    known: int = 0
    #: What became of all; None where there were none, or nothing could be sent.
    step: StepSummary | None = None
    #: Those that were not delivered, as lines of dead letters.
    lines: Sequence[bytes] = ()
    #: Why nothing was sent, where no further attempt would mend that.
    refused: str = ""


class _Rows:
    """The rows of a partition, and where something remembers them what tells each from others."""

    def __init__(self, *, digested: bool) -> None:
        self._digested = digested
        self.count = 0
        self.digests: list[bytes] = []

    def read(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Give the batches, without a column of digests that they may have."""
        for batch in batches:
            self.count += batch.num_rows
            if self._digested:
                own = batch.column(DIGEST).to_pylist() if DIGEST in batch.schema.names else None
                self.digests += [
                    digest or b"" for digest in own or (digest_of_row(row) for row in batch.to_pylist())
                ]
            yield _plain(batch)


def _plain(batch: Batch) -> Batch:
    return batch.drop_columns([DIGEST]) if DIGEST in batch.schema.names else batch


def carry_rows(order: Task, batches: Iterator[Batch], task: str, attempt: int) -> Carried:
    """Carry the rows of a partition to their end.

    Args:
        order: What is to be done.
        batches: The rows; where they have a column `DIGEST`, it tells them from others.
        task: What tells the partition from others, and from the same of other batches.
        attempt: A number that no other attempt at a task has.

    Raises:
        CannotGoOn: it was stopped by what another attempt may mend.
    """
    first = next(batches, None)
    if first is None:
        return Carried()
    _, operation = order.carried()
    rows, lines = _Rows(digested=order.memory is not None), _Lines()
    memory: Memory | None = None
    schema = _plain(first).schema
    reader = import_arrow().RecordBatchReader.from_batches(schema, rows.read(chain([first], batches)))
    try:
        if order.memory is not None:
            repeatable = operation.facts.idempotent
            memory = Memory(order.memory, task, attempt, run=order.run, repeatable=repeatable)
        step = _sent(order, schema.names, reader, rows, memory, lines)
    except ConfigurationError as error:
        for _ in reader:
            pass  # so that all rows are counted
        return Carried(rows=rows.count, refused=str(error))
    except NetaudienceError as error:
        raise CannotGoOn(str(error)) from error
    if step.stopped is not None and step.stopped_code != ExitCode.GUARDED:
        raise CannotGoOn(step.stopped)
    known = 0 if memory is None else memory.before.delivered
    return Carried(rows=rows.count, known=known, step=step, lines=lines.lines)


def carry(
    options: Options, batches: Iterator[Batch], partition: int, attempt: int, batch: int | None = None
) -> Part:
    """Carry the rows of a partition, and write down those that were not delivered.

    Args:
        options: What is to be done.
        batches: The rows.
        partition: The number of the partition.
        attempt: A number that no other attempt at a task has.
        batch: The number of a stream's batch.

    Raises:
        CannotGoOn: it was stopped by what another attempt may mend.
    """
    task = f"{partition:05d}" if batch is None else f"{batch:012d}-{partition:05d}"
    carried = carry_rows(options, batches, task, attempt)
    step, file = carried.step, ""
    if step is None:
        return Part(partition=partition, rows=carried.rows, unsent=carried.rows, refused=carried.refused)
    if options.outcomes is not None:
        file = f"part-{task}-{attempt}.parquet"
        write_outcomes(Storage(options.outcomes), file, partition, carried.lines)
    return Part(
        partition=partition,
        rows=carried.rows,
        delivered=step.delivered - carried.known,
        known=carried.known,
        rejected=step.rejected,
        failed=step.failed,
        in_doubt=step.in_doubt,
        unsent=step.unsent,
        requests=step.requests,
        throttles=step.throttles,
        seconds=step.seconds,
        least=options.least(step.requests, step.total),
        file=file,
    )


def _sent(  # noqa: PLR0913, PLR0917 - what an attempt is made of
    order: Task, columns: Sequence[str], reader: Batch, rows: _Rows, memory: Memory | None, lines: _Lines
) -> StepSummary:
    job = order.job(columns)
    keeping = Unkept(job, lines, carried=order.carried())
    with open_data(reader, key=job.source.key) as table:  # which reads them all, before anything is sent
        if memory is not None:
            memory.compare(rows.digests)
            keeping.notes = memory
        summary = asyncio.run(
            carry_out(
                keeping,
                table=table,
                on_progress=None,
                consent=Consent(),
                grace=0.0,
                client_factory=None,
                signals=False,
            )
        )
    return summary.steps[0]
