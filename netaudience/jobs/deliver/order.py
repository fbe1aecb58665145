"""What a step is told to carry, and who is told of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

import attrs

from netaudience.client import Client
from netaudience.dead_letter import Fate, Why
from netaudience.engine.journal import OnDoubt
from netaudience.engine.recorder import Notes
from netaudience.jobs.spec.guards import RejectedGuard
from netaudience.jobs.state.checkpoint import Past
from netaudience.jobs.state.known_rejects import KnownRejects
from netaudience.jobs.state.summary import StepSummary
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import SettledChunk

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import SourceRow

OnAnswer: TypeAlias = "Callable[[SettledChunk[object], Sequence[SourceRow]], object]"
"""Is given a settled chunk that has an answer, and the rows that the vendor took."""


class TaskNotes(Notes, Past, Protocol):
    """What a run notes in another place than a journal of its own, and what it finds there."""


class RowFate(NamedTuple):
    """What became of one row of a step."""

    step: str
    #: Its number in the source.
    row: int
    outcome: Literal["delivered"] | Fate
    #: Why it was not delivered.
    why: Why | None = None
    #: What the vendor has answered to it, if it was in this attempt.
    result: object = None
    #: Whether the vendor has said that whom it names is not there.
    not_there: bool = False


OnRow: TypeAlias = Callable[[RowFate], object]
"""Called for every row whose fate is known, also of those that an earlier attempt has settled."""


@attrs.frozen(kw_only=True)
class Order:
    """What is to be carried."""

    #: The name that it has in the summary and in the rejects.
    name: str
    client: Client
    operation: Operation
    arguments: Mapping[str, object]
    mode: str = "all"
    journal: Path | None = None
    #: What does the same as a journal, in its place.
    notes: TaskNotes | None = None
    #: What tells the source and the mapping from others.
    source: str
    in_doubt: OnDoubt = "tell"
    guard: RejectedGuard
    #: The zone of points in time that say none.
    time_zone: str | None = None
    #: What the last run has rejected.
    known: KnownRejects = attrs.field(factory=KnownRejects)
    #: Rows that are at the vendor as they are.
    unchanged: int = 0
    #: Rows of the step, the unchanged among them, where they were counted beforehand.
    rows: int | None = None
    #: Whether somebody wants to know which rows were delivered.
    remembers: bool = False
    #: Whether these are rows that an earlier run has read and not delivered.
    again: bool = False
    #: Who wants to know what the vendor answers.
    on_answer: OnAnswer | None = None
    #: Who wants to know of every row.
    on_row: OnRow | None = None
    #: What earlier attempts at the run have told.
    earlier: StepSummary | None = None
