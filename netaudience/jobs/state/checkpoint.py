"""What a step's journal says of earlier attempts: which positions are settled, and what was not delivered.

It only reads, beside the engine, which alone writes the file. A file that is damaged is refused before
anything is sent, for without its memory nobody knows what was.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netaudience.dead_letter import Fate, Why
from netaudience.engine.positions import Positions
from netaudience.errors import ConfigurationError
from netaudience.jobs.state.diagnosis import cause_of, sentence_of

if TYPE_CHECKING:
    from netaudience.jobs.map.items import MappedPage


class Undelivered(NamedTuple):
    """An item that an earlier attempt has settled without delivering it."""

    position: int
    outcome: Fate
    key: str
    why: Why


def check_journal(path: Path, run: str) -> None:
    """Look whether a journal can be read to its end.

    Raises:
        ConfigurationError: it is missing, or it is damaged.
    """
    what_to_do = (
        "so nobody knows what the run has sent. Start a new run; what this one delivered is sent once "
        "more then"
    )
    if not path.exists():
        raise ConfigurationError(f"The journal {path.name} of the run {run} is missing, {what_to_do}")
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
            there = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'settled'"
            # Its tables are on the disk before it says that something is sent.
            if database.execute(there).fetchone() != (1,):
                verdict = "not whole"
    except sqlite3.Error as error:
        cause = cause_of(error, path)
        if cause != "damaged":
            reason = sentence_of(cause, path.name, remembers="what the run has sent", lost="")
            raise ConfigurationError(f"{reason}; then go on with the run {run} as before") from error
        verdict = "not whole"
    if verdict != "ok":
        raise ConfigurationError(f"The journal {path.name} of the run {run} is damaged, {what_to_do}")


class Past(Protocol):
    """What is known of earlier attempts, when their pages come by."""

    def settled_of(self, page: MappedPage) -> Iterator[tuple[int, int]]:
        """Give the positions of a page that are passed over."""
        ...

    def undelivered(self, start: int, stop: int) -> Iterator[Undelivered]:
        """Give what was settled in a range without being delivered, by position."""
        ...

    def close(self) -> None:
        """Say that all pages have come by."""
        ...


class Checkpoint:
    """What earlier attempts have settled; read when the engine has opened the journal, before it is fed."""

    def __init__(self, path: Path) -> None:
        self._database: sqlite3.Connection | None = None
        #: Positions that are passed over.
        self.settled = Positions()
        database = sqlite3.connect(path, timeout=5.0)
        try:
            for start, stop in database.execute("SELECT start, stop FROM settled ORDER BY start"):
                self.settled.add(start, stop)
            undelivered = "SELECT EXISTS (SELECT 1 FROM undelivered WHERE outcome != 'failed')"
            if database.execute(undelivered).fetchone()[0]:
                self._database = database
        finally:
            if self._database is None:
                database.close()

    def settled_of(self, page: MappedPage) -> Iterator[tuple[int, int]]:
        """Give the positions of a page that are passed over."""
        return self.settled.within(page.start, page.start + len(page.items))

    def undelivered(self, start: int, stop: int) -> Iterator[Undelivered]:
        """Give what was settled in a range without being delivered, by position."""
        if self._database is None:
            return
        rows = self._database.execute(
            "SELECT position, outcome, key, decider, reason, status, code, message FROM undelivered "
            "WHERE position >= ? AND position < ? AND outcome != 'failed' ORDER BY position",
            (start, stop),
        )
        for position, outcome, key, by, reason, status, code, message in rows.fetchall():
            parsed = None if code is None else json.loads(code)
            yield Undelivered(position, outcome, key, Why(by, reason, status, parsed, message))

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
