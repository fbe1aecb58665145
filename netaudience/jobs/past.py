"""What a step's journal says of earlier attempts: which positions are settled, and what was not delivered.

It only reads, beside the engine, which alone writes the file. A file that is damaged is refused before
anything is sent, for without its memory nobody knows what was.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from netaudience.engine.journal import Positions
from netaudience.errors import ConfigurationError

__all__ = ["Past", "Undelivered", "check_journal"]

#: How an answer's sentence tells its status, code and words.
_ANSWER = re.compile(r'HTTP (?P<status>\d{3})(?:, code (?P<code>[^,."]+))?(?:, "(?P<words>[^"]*)")?')


class Undelivered(NamedTuple):
    """An item that an earlier attempt has settled without delivering it."""

    position: int
    kind: str
    key: str
    reason: str

    @property
    def answer(self) -> tuple[int | None, str | None, str | None]:
        """The vendor's status, code and words, where the reason tells them."""
        found = _ANSWER.search(self.reason)
        if found is None:
            return None, None, None
        return int(found["status"]), found["code"], found["words"]


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
            database.execute("SELECT count(*) FROM settled").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise ConfigurationError(
                f"The journal {path.name} of the run {run} cannot be read ({error}): make room, or look at "
                "who may read and write there; then go on with the run as before"
            ) from error
        verdict = "no table"
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(
            f"The journal {path.name} of the run {run} is damaged ({error}), {what_to_do}"
        ) from error
    if verdict not in {"ok", "no table"}:  # a process that was killed before its first word left no table
        raise ConfigurationError(f"The journal {path.name} of the run {run} is damaged, {what_to_do}")


class Past:
    """What earlier attempts have settled; read when the engine has opened the journal, before it is fed."""

    def __init__(self, path: Path) -> None:
        self._database: sqlite3.Connection | None = None
        #: Positions that are passed over.
        self.settled = Positions()
        database = sqlite3.connect(path, timeout=5.0)
        try:
            for start, stop in database.execute("SELECT start, stop FROM settled ORDER BY start"):
                self.settled.add(start, stop)
            undelivered = "SELECT EXISTS (SELECT 1 FROM undelivered WHERE kind != 'failed')"
            if database.execute(undelivered).fetchone()[0]:
                self._database = database
        finally:
            if self._database is None:
                database.close()

    def undelivered(self, start: int, stop: int) -> Iterator[Undelivered]:
        """Give what was settled in a range without being delivered, by position."""
        if self._database is None:
            return
        rows = self._database.execute(
            "SELECT position, kind, key, reason FROM undelivered "
            "WHERE position >= ? AND position < ? AND kind != 'failed' ORDER BY position",
            (start, stop),
        )
        for row in rows.fetchall():
            yield Undelivered(*row)

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
