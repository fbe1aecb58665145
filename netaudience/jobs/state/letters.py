"""The rows that a command did not deliver, each told the moment that its fate is known.

Nothing else will remember them: where their outlet breaks, reading stops, and what is settled still goes to
another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from netaudience.dead_letter import DeadLetter
from netaudience.jobs.state.rejects import Rejects


class Outlet(Protocol):
    """Takes lines until it breaks."""

    @property
    def broken(self) -> str | None:
        """Why nothing more can be written, in a sentence, if so."""
        ...

    def write(self, lines: Sequence[bytes]) -> bool:
        """Write lines; return whether all of them were taken where they belong."""
        ...


class Letters(Rejects):
    """Writes the undelivered rows of a run that keeps nothing."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(Path("rejects"))
        self._outlet = outlet

    def write(self, letter: DeadLetter) -> None:
        """Write a row at once; a command has one step, which has no name."""
        self.written += 1
        if not self._outlet.write([attrs.evolve(letter, step="").to_line()]):
            self.on_broken()

    def flush(self) -> None:
        """Do nothing: every line is written at once."""

    def close(self, reached: Mapping[str, int | None]) -> None:
        """Say what could not be written."""
        del reached
        self.broken = self._outlet.broken
