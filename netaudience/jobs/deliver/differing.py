"""What a look afterwards has found not to be as it was sent, as dead letters beside the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, cast

from netaudience.dead_letter import Fate, Why
from netaudience.jobs.deliver.letter import letter_of
from netaudience.jobs.deliver.order import Order
from netaudience.jobs.spec.guards import RejectedGuard
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.repeating import mark_of
from netaudience.jobs.state.run_folder import RunFolder

if TYPE_CHECKING:
    from netaudience.jobs.deliver.prepare import Prepared, Taking
    from netaudience.jobs.deliver.sent_rows import SentRow

_SENTENCES: Mapping[str, str] = {
    "different": "The vendor has taken it, and shows something else",
    "gone": "The vendor has taken it, and shows nobody whom it is about",
    "not_yet": "The vendor does not show it yet, and may still be at it",
}
_SENTENCES_OF_REMOVALS: Mapping[str, str] = {
    "different": "The vendor has taken it, and still shows what was to be taken back",
    "not_yet": "The vendor still shows what is to be taken back, and may still be at it",
}


def order_of(prepared: Prepared, taking: Taking | None, job: JobFile) -> Order:
    """Return what the rows of a step were for, or those that it took back."""
    step = prepared.step
    name = step.name if taking is None else taking.name
    return Order(
        name=name,
        client=prepared.client,
        operation=prepared.operation if taking is None else taking.operation,
        arguments=step.arguments if taking is None else taking.arguments,
        mode=step.mode,
        source="",
        guard=RejectedGuard(name, job.guards.max_rejected),
        remembers=step.mode != "all",
        time_zone=prepared.time_zone,
    )


class Differing:
    """Writes the rows that are not as they were sent, in the place of those of an earlier look."""

    def __init__(self, run: RunFolder) -> None:
        self._path = run.differing
        self._part = run.differing.with_name(f"{run.differing.name}.part")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is not None or not self.written:
            self._part.unlink(missing_ok=True)
        mark_of(self._path).unlink(missing_ok=True)  # the list is another one now
        if kind is None and self.written:
            self._part.replace(self._path)
        elif kind is None:
            self._path.unlink(missing_ok=True)

    def tell(self, order: Order, row: SentRow, seen: str, *, takes_back: bool) -> None:
        """Write down a row that is not as it was sent; any other is left out.

        Args:
            order: What the row was for.
            row: The row.
            seen: What was seen of it.
            takes_back: Whether it was to be taken back.
        """
        sentences = _SENTENCES_OF_REMOVALS if takes_back else _SENTENCES
        if seen in sentences:
            letter = letter_of(order, row.row, row.key, cast("Fate", seen), Why("vendor", sentences[seen]))
            self._file.write(letter.to_line())
            self.written += 1
