"""One partition of a frame, carried by one attempt at its task: a job of one step over its rows.

Reading, mapping and rules are a job's, so that the same rows are the same bytes through this door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.columns.duckdb import Batch, import_arrow
from netaudience.jobs.deliver.runner import carry_out
from netaudience.jobs.deliver.unkept import Unkept
from netaudience.jobs.extract.table import open_data
from netaudience.jobs.spec.guards import Consent
from netaudience.spark.memory import Memory, digest_of_row
from netaudience.spark.outcomes import Part, write_outcomes
from netaudience.spark.storage import Storage

if TYPE_CHECKING:
    from netaudience.jobs.deliver.order import RowFate
    from netaudience.jobs.state.summary import StepSummary
    from netaudience.spark.options import Options

__all__ = ["CannotGoOn", "carry"]


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


class _Unsent:
    """The rows of a partition without those that an earlier attempt has delivered."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory
        self.rows = self.known = 0
        #: By its number in what is sent, from 1, what tells a row from others.
        self._digests: list[bytes] = []

    def read(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Give the batches that are to be sent."""
        for batch in batches:
            self.rows += batch.num_rows
            if self._memory is None:
                yield batch
                continue
            digests = [digest_of_row(row) for row in batch.to_pylist()]
            wanted = [not self._memory.knows(digest) for digest in digests]
            self.known += wanted.count(False)
            self._digests += [digest for digest, keep in zip(digests, wanted, strict=True) if keep]
            yield batch.filter(import_arrow().array(wanted, import_arrow().bool_()))

    def told(self, fate: RowFate) -> None:
        """Note a row that was delivered."""
        if self._memory is not None and fate.outcome == "delivered":
            self._memory.note(self._digests[fate.row - 1])


def carry(
    options: Options, batches: Iterator[Batch], partition: int, attempt: int, batch: int | None = None
) -> Part:
    """Carry the rows of a partition to their end.

    Args:
        options: What is to be done.
        batches: The rows.
        partition: The number of the partition.
        attempt: A number that no other attempt at a task has.
        batch: The number of a stream's batch.

    Raises:
        CannotGoOn: it was stopped by what another attempt may mend.
    """
    first = next(batches, None)
    if first is None:
        return Part(partition=partition)
    task = f"{partition:05d}" if batch is None else f"{batch:012d}-{partition:05d}"
    memory = None if options.memory is None else Memory(options.memory, task, attempt)
    rows, lines = _Unsent(memory), _Lines()
    reader = import_arrow().RecordBatchReader.from_batches(first.schema, rows.read(chain([first], batches)))
    try:
        step = _sent(options, first.schema.names, reader, rows, lines)
    except ConfigurationError as error:
        for _ in reader:
            pass  # so that all rows are counted
        return Part(partition=partition, rows=rows.rows, unsent=rows.rows, refused=str(error))
    except NetaudienceError as error:
        raise CannotGoOn(str(error)) from error
    finally:
        if memory is not None:
            memory.flush()
    if step.stopped is not None:
        raise CannotGoOn(step.stopped)
    file = ""
    if options.outcomes is not None:
        file = f"part-{task}-{attempt}.parquet"
        write_outcomes(Storage(options.outcomes), file, partition, lines.lines)
    return Part(
        partition=partition,
        rows=rows.rows,
        delivered=step.delivered,
        known=rows.known,
        rejected=step.rejected,
        failed=step.failed,
        in_doubt=step.in_doubt,
        unsent=step.unsent,
        requests=step.requests,
        throttles=step.throttles,
        file=file,
    )


def _sent(
    options: Options, columns: Sequence[str], reader: Batch, rows: _Unsent, lines: _Lines
) -> StepSummary:
    job = options.job(columns)
    keeping = Unkept(job, lines, carried=options.carried())
    keeping.on_row = rows.told
    with open_data(reader) as table:
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
