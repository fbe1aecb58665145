"""What a run has sent, row by row, found out afterwards: its source read again, with what it has kept beside.

Nothing of the rows is kept by a run, so they are read and mapped once more. A step that remembers knows what
it has sent by its hash, so that a source which has changed since is looked through; of any other step the
source must be what it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.deliver import mappers
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.prepare import Prepared, Taking
from netaudience.jobs.extract.fetch import is_fetched, kept_in
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.plan.preflight import ask_vendor
from netaudience.jobs.state.checkpoint import Checkpoint
from netaudience.jobs.state.memories import find_memory
from netaudience.jobs.state.metrics import Metrics
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.same_user import earlier_of
from netaudience.jobs.state.sent import SentMemory

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import SourceRow
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.model import JobFile, Step
    from netaudience.jobs.state.run_folder import RunFolder, RunStart
    from netaudience.operations.schemas import Answers

_WHOLE = 1 << 32


class SentRow(NamedTuple):
    """A row that the vendor has taken."""

    row: SourceRow
    #: The key of its item.
    key: str
    #: The item: a row by the vendor's names, or an identifier.
    item: object


def kept_source(run: RunFolder, job: JobFile) -> Path | None:
    """Return where the rows are that a run has sent, where they are not in files of their own.

    Raises:
        ConfigurationError: they are gone.
    """
    if not is_fetched(job.source):
        return None
    if kept_in(run.source) is None:
        raise ConfigurationError(
            f"What the run {run.id} has read of its source was kept until a newer run came to its end: look "
            "at the newest one"
        )
    return run.source


def why_unknown(start: RunStart, step: Step, fingerprint: str) -> str | None:
    """Say why nobody knows what a run has sent by a step, or None.

    Args:
        start: What the run was started with.
        step: The step as it is now.
        fingerprint: What tells the source from others now.
    """
    if start.steps.get(step.name) != step.digest:
        return "the step has changed since the run: put it back as it was"
    if step.mode == "all" and fingerprint != start.source:
        return (
            "the source has changed since the run, so what was sent is not known any more; a step that "
            "is changed-only or mirror remembers it"
        )
    return None  # what remembers is looked for in the source, which may have changed


async def prepare_again(
    job: JobFile, step: Step, client: Client, start: RunStart, answers: Answers
) -> Prepared:
    """Return a step as a run has carried it; its vendor is asked for the schema if it was asked then."""
    _, operation = carried_operation(step.vendor, step.operation)
    prepared = Prepared(step, operation, client, Metrics(), step.digest)
    prepared.time_zone = job.source.time_zone
    if step.mode == "mirror" and step.removal is not None:
        _, prepared.removal = carried_operation(step.vendor, step.removal)
    if start.preflight:
        prepared.preflight = await ask_vendor(client, step, answers)
    return prepared


class SentRows:
    """What a step of a run has sent. One thread opens it, reads it and closes it."""

    def __init__(self, prepared: Prepared, run: RunFolder, table: Table, folder: Path) -> None:
        """Find what was sent.

        Args:
            prepared: The step, with what its vendor has told.
            run: The run.
            table: Its source.
            folder: Where the job keeps what it knows.

        Raises:
            ConfigurationError: what was sent is not known any more.
        """
        self._prepared = prepared
        self._run = run
        self._table = table
        #: How many rows its memory has as delivered, what was sent again afterwards among them; None where
        #: the step has no memory.
        self.delivered: int | None = None
        self._memory: SentMemory | None = None
        with ExitStack() as stack:
            if prepared.step.mode != "all":
                self._memory = self._remembered(folder, stack)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Give the memory free."""
        self._stack.close()

    def rows(self, share: float) -> Generator[SentRow]:
        """Give the delivered rows in the order of the source, as many as a share of them.

        Raises:
            ConfigurationError: the source cannot be read.
            SourceFailed: likewise.
        """
        prepared, memory = self._prepared, self._memory
        if memory is None:
            yield from self._journaled(share)
            return
        prepared.differences = memory.sent(self._table, prepared.step, self._chosen(share))
        yield from self._selected()

    def as_before(self) -> Generator[SentRow]:
        """Give the rows that a run has passed over, for an earlier one has sent them as they are."""
        prepared, memory = self._prepared, self._memory
        if memory is not None:
            effect = effect_of(prepared.step, prepared.operation, prepared.removal)
            prepared.differences = memory.before(self._table, prepared.step, effect)
            yield from self._selected()

    def _selected(self) -> Generator[SentRow]:
        """Read the rows that were found by what the step remembers."""
        prepared = self._prepared
        mapper = mappers.mapper_of(prepared)
        key_of = prepared.kind(prepared.operation, prepared.step.arguments).key
        for (page,) in self._table.read([mappers.selection_of_items(prepared)]):
            made = mapper(page)
            for row, item in zip(made.rows, made.items, strict=True):
                yield SentRow(row, key_of(item), item)

    def lost(self, share: float) -> int:
        """Return how many of these the source does not have any more as they were sent."""
        return 0 if self._memory is None else self._memory.lost(self._chosen(share))

    def takings(self) -> list[Taking]:
        """Return what a mirror has taken back."""
        if self._memory is not None:
            self._prepared.differences = self._memory.sent(self._table, self._prepared.step, lambda _: False)
        return list(self._prepared.takings())

    def taken_back(self, taking: Taking, share: float) -> Generator[SentRow]:
        """Give what was taken back, as much as a share of it."""
        prepared, chosen = self._prepared, self._chosen(share)
        mapper = mappers.removal_mapper_of(prepared, taking.operation)
        key_of = prepared.kind(taking.operation, taking.arguments).key
        for (page,) in prepared.removals(taking):
            made = mapper([row for row in page if chosen(row["row"])])
            for row, one in zip(made.rows, made.items, strict=True):
                yield SentRow(row, key_of(one), one)

    def _chosen(self, share: float) -> Callable[[int], bool]:
        return partial(_is_chosen, self._run.id, share)

    def _journaled(self, share: float) -> Generator[SentRow]:
        """Give the rows of a step that remembers nothing, as its journal tells their positions."""
        prepared, table, chosen = self._prepared, self._table, self._chosen(share)
        kind = prepared.kind(prepared.operation, prepared.step.arguments)
        if prepared.step.duplicates == "last":
            prepared.earlier = earlier_of(table, prepared.step, kind)
        journal = self._run.journal(prepared.step.name)
        if not journal.exists():
            return
        past = Checkpoint(journal)
        self._stack.callback(past.close)
        mapper = mappers.mapper_of(prepared)
        start = 0
        for (page,) in table.read([mappers.selection_of_items(prepared)]):
            made = mapper(page)
            stop = start + len(made.items)
            for first, last in past.settled.within(start, stop):
                others = {one.position for one in past.undelivered(first, last)}
                for position in range(first, last):
                    row = made.rows[position - start]
                    if position not in others and chosen(row["row"]):
                        item = made.items[position - start]
                        yield SentRow(row, kind.key(item), item)
            start = stop

    def _remembered(self, folder: Path, stack: ExitStack) -> SentMemory:
        """Open a copy of what the step remembers, and find in the source what it has sent."""
        prepared = self._prepared
        kept = find_memory(folder, prepared.step.name, prepared.client.home, None)
        if not kept.exists():
            raise ConfigurationError("what it has remembered of the run is gone")
        path = Path(stack.enter_context(Scratch(kept.parent, "verify-"))) / "verify.duckdb"
        shutil.copyfile(kept, path)
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{kept}.wal", f"{path}.wal")
        memory = stack.enter_context(SentMemory(path))
        if memory.run != self._run.id:
            raise ConfigurationError("a newer run of it has begun since: look at that one")
        effect = effect_of(prepared.step, prepared.operation, prepared.removal)
        self.delivered = memory.find(self._table, prepared.step, effect)
        return memory


def _is_chosen(run: str, share: float, row: int) -> bool:
    """Return whether a row is among those that are looked at: the same ones at each look."""
    return share >= 1 or crc32(f"{run} {row}".encode()) / _WHOLE < share
