"""What a run has sent, row by row, found out afterwards: its source read again, with its journal beside it.

Nothing of the rows is kept by a run, so they are read and mapped once more. That is what was sent only if
source and step are still what they were; otherwise it is refused, and said.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from netaudience.errors import ConfigurationError
from netaudience.jobs.deliver import mappers
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.state.checkpoint import Checkpoint
from netaudience.jobs.state.memories import find_memory
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.same_user import earlier_of
from netaudience.jobs.state.snapshot import Snapshot

if TYPE_CHECKING:
    from netaudience.jobs.deliver.prepare import Prepared
    from netaudience.jobs.extract.table import SourceRow, Table
    from netaudience.jobs.state.run_folder import RunFolder

__all__ = ["SentRow", "is_chosen", "sent_rows"]

_WHOLE = 1 << 32


class SentRow(NamedTuple):
    """A row that the vendor has taken."""

    row: SourceRow
    #: The key of its item.
    key: str
    #: The item: a row by the vendor's names, or an identifier.
    item: object


def sent_rows(prepared: Prepared, run: RunFolder, table: Table, folder: Path) -> Generator[SentRow]:
    """Give the rows of a step that a run has delivered, in the order of the source.

    Args:
        prepared: The step, with what its vendor has told.
        run: The run.
        table: Its source, which must be what it was.
        folder: Where the job keeps what it knows.

    Raises:
        ConfigurationError: what was sent is not known any more.
    """
    with ExitStack() as stack:
        _find_rows(prepared, run, table, folder, stack)
        journal = run.journal(prepared.step.name)
        if not journal.exists():
            return
        past = Checkpoint(journal)
        stack.callback(past.close)
        mapper = mappers.mapper_of(prepared)
        key_of = prepared.kind(prepared.operation, prepared.step.arguments).key
        start = 0
        for (page,) in table.read([mappers.selection_of_items(prepared)]):
            made = mapper(page)
            stop = start + len(made.items)
            for first, last in past.settled.within(start, stop):
                others = {one.position for one in past.undelivered(first, last)}
                for position in range(first, last):
                    if position not in others:
                        item = made.items[position - start]
                        yield SentRow(made.rows[position - start], key_of(item), item)
            start = stop


def _find_rows(prepared: Prepared, run: RunFolder, table: Table, folder: Path, stack: ExitStack) -> None:
    """Find which rows of the source the run was to send."""
    step = prepared.step
    if step.mode == "all":
        if step.duplicates == "last":
            kind = prepared.kind(prepared.operation, step.arguments)
            prepared.earlier = earlier_of(table, step, kind)
        return
    kept = find_memory(folder, step.name, prepared.client.home, None)
    if not kept.exists():
        raise ConfigurationError("what it has remembered of the run is gone")
    path = Path(stack.enter_context(Scratch(kept.parent, "verify-"))) / "verify.duckdb"
    shutil.copyfile(kept, path)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{kept}.wal", f"{path}.wal")
    snapshot = stack.enter_context(Snapshot(path))
    if snapshot.run != run.id:
        raise ConfigurationError("a newer run of it has begun since: look at that one")
    effect = effect_of(step, prepared.operation, prepared.removal)
    prepared.differences = snapshot.differences(table, step, run.id, effect)


def is_chosen(run: str, row: int, share: float) -> bool:
    """Return whether a row is among those that are looked at: the same ones at each look."""
    return share >= 1 or crc32(f"{run} {row}".encode()) / _WHOLE < share
