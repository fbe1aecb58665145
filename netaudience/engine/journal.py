"""One run's memory on disk: which positions of its source are settled, and which were being sent.

A SQLite file, written before anybody is told. After a crash the same run with the same file sends only
what is not settled; what was being sent by an operation that must not be repeated is in doubt and is told
so. It refuses a file that belongs to another run, or that another process is using.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.outcomes import KINDS, Failed, SettledChunk, Undelivered
from netaudience.wire import dump_json

__all__ = ["AnotherRun", "Journal", "OnDoubt", "Positions"]

OnDoubt: TypeAlias = Literal["tell", "resend"]
"""What to do with items that were being sent when a process died: tell so, or send them again."""

_FORMAT = "netaudience journal 1"
#: Seconds after which a lease that is not renewed counts as given up, where its process cannot be asked.
_LEASE = 30.0
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settled (start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE sending (id INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE undelivered (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, item BLOB
);
CREATE TABLE lease (id INTEGER PRIMARY KEY CHECK (id = 1), host TEXT, process INTEGER, renewed REAL);
"""
_KNOWN_AS = {"account": "account (its credentials or its base URL)"}
#: Whether anything of the run is settled, or was being sent.
_TOUCHED = "SELECT EXISTS (SELECT 1 FROM settled) OR EXISTS (SELECT 1 FROM sending)"


class AnotherRun(ConfigurationError):
    """The file belongs to another run.

    Attributes:
        differs: In what the two differ.
    """

    def __init__(self, name: str, differs: Sequence[str]) -> None:
        self.differs = ", ".join(_KNOWN_AS.get(one, one) for one in differs)
        super().__init__(
            f"{name} is the journal of another run: it differs in {self.differs}. "
            "Give the run a journal of its own, or call it as it was called then"
        )


class Positions:
    """A set of positions as ranges that neither touch nor overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    def __len__(self) -> int:
        return sum(self._stops) - sum(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)

    def add(self, start: int, stop: int) -> None:
        """Add the positions from start up to, and without, stop."""
        starts, stops = self._starts, self._stops
        first = bisect_right(stops, start - 1)
        last = bisect_right(starts, stop)
        if first < last:
            start, stop = min(start, starts[first]), max(stop, stops[last - 1])
        starts[first:last] = [start]
        stops[first:last] = [stop]

    def remove(self, position: int) -> None:
        """Take one position out, if it is in."""
        at = bisect_right(self._starts, position) - 1
        if at < 0 or self._stops[at] <= position:
            return
        start, stop = self._starts[at], self._stops[at]
        parts = [(start, position), (position + 1, stop)]
        kept = [part for part in parts if part[0] < part[1]]
        self._starts[at : at + 1] = [start for start, _ in kept]
        self._stops[at : at + 1] = [stop for _, stop in kept]

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Give the ranges of the set that lie between start and stop, cut to them."""
        for at in range(bisect_right(self._stops, start), len(self._starts)):
            if self._starts[at] >= stop:
                return
            yield max(start, self._starts[at]), min(stop, self._stops[at])


class Journal:
    """One run's file. Its methods return when what they say is on disk.

    Raises:
        ConfigurationError: the file belongs to another run or to a living process, or it is no journal.
        JournalFailed: the file cannot be written: a full disk, a directory that is read-only.
    """

    def __init__(self, path: Path, facts: Mapping[str, str], *, on_doubt: OnDoubt = "tell") -> None:
        """Open or make the file.

        Args:
            path: Where it is.
            facts: What tells this run from others; compared with what the file says.
            on_doubt: What to do with what was being sent when the last process died.
        """
        self.path = path
        #: Positions that are delivered, rejected, or told to be in doubt.
        self.settled = Positions()
        #: Positions that were being sent when the last process died.
        self.doubtful = Positions()
        #: How many items are settled from before, by what became of them.
        self.before: dict[str, int] = {}
        self._sending = 0
        #: Whether there are items that have failed and may be sent again.
        self._failed = False
        is_new = not path.exists()
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        except sqlite3.Error as error:
            raise JournalFailed(self._sentence(error)) from error
        try:
            if is_new:
                path.chmod(0o600)  # it holds the rows that were not delivered
            self._open(facts, on_doubt, is_new=is_new)
        except (sqlite3.Error, OSError) as error:
            self._database.close()
            if isinstance(error, sqlite3.OperationalError | OSError):
                raise JournalFailed(self._sentence(error)) from error
            raise ConfigurationError(
                f"{path.name} is no journal of a run, or it is damaged ({error}): give the run another file"
            ) from error
        except BaseException:
            self._database.close()
            raise

    def __repr__(self) -> str:
        return f"<Journal {self.path.name}: {len(self.settled):,} positions settled>"

    def left(self, positions: range) -> tuple[list[int], range | list[int]]:
        """Return which of the positions are in doubt from before, and which no attempt has settled."""
        settled = list(self.settled.within(positions.start, positions.stop))
        doubtful = list(self.doubtful.within(positions.start, positions.stop))
        if not settled and not doubtful:
            return [], positions
        done = {position for start, stop in settled for position in range(start, stop)}
        doubt = [
            position for start, stop in doubtful for position in range(start, stop) if position not in done
        ]
        done.update(doubt)
        return doubt, [position for position in positions if position not in done]

    def renew(self) -> None:
        """Keep the lease."""
        with self._writing() as database:
            database.execute("UPDATE lease SET renewed = ?", (time.time(),))

    def record(
        self,
        chunks: Iterable[SettledChunk[Any]],
        answered: Iterable[range] = (),
        sending: Iterable[Sequence[int]] = (),
    ) -> list[range]:
        """Write down what became of items, and what is about to be sent, in one transaction.

        Args:
            chunks: What is settled; of these, what has failed may be sent again and counts as not settled.
            answered: What this method has returned for chunks that are not being sent any more.
            sending: The positions of each chunk that is about to be sent.

        Returns:
            For each chunk that is about to be sent, what `answered` wants of it.
        """
        settled: list[tuple[int, int]] = []
        undelivered: list[tuple[int, str, str, str, bytes | None]] = []
        for chunk in chunks:
            positions = chunk.positions
            if chunk.undelivered:
                undelivered.extend(map(_row, chunk.undelivered))
                failed = {one.position for one in chunk.undelivered if isinstance(one, Failed)}
                positions = [position for position in positions if position not in failed]
            settled.extend(_ranges(positions))
        noted: list[range] = []
        notes: list[tuple[int, int, int]] = []
        for positions in sending:
            first = self._sending + len(notes)
            notes.extend((first + at, *part) for at, part in enumerate(_ranges(positions)))
            noted.append(range(first, self._sending + len(notes)))
        with self._writing() as database:
            database.executemany("INSERT INTO settled VALUES (?, ?)", settled)
            if self._failed:
                database.executemany("DELETE FROM undelivered WHERE position >= ? AND position < ?", settled)
            if undelivered:
                database.executemany("INSERT OR REPLACE INTO undelivered VALUES (?, ?, ?, ?, ?)", undelivered)
            if over := [(ids.start, ids.stop) for ids in answered if ids]:
                database.executemany("DELETE FROM sending WHERE id >= ? AND id < ?", over)
            if notes:
                database.executemany("INSERT INTO sending VALUES (?, ?, ?)", notes)
        self._sending += len(notes)
        return noted

    def undelivered(self) -> Iterator[tuple[int, str, str, str, bytes | None]]:
        """Give position, kind, key, reason and item of what was not delivered, by position."""
        yield from self._database.execute("SELECT * FROM undelivered ORDER BY position")

    def close(self) -> None:
        """Give the file free."""
        with suppress(JournalFailed), self._writing() as database:  # a lease that stays runs out by itself
            database.execute("DELETE FROM lease")
        self._database.close()

    def _open(self, facts: Mapping[str, str], on_doubt: OnDoubt, *, is_new: bool) -> None:
        database = self._database
        # Written through to the operating system with every commit: a killed process loses nothing.
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_mode = WAL")
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'lease'").fetchone():
            self._check_lease()  # a process that was halted in the middle of writing keeps us from writing
        database.execute("BEGIN IMMEDIATE")
        try:
            if is_new or not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                wanted = {"format": _FORMAT, **facts}
                database.executemany("INSERT INTO facts VALUES (?, ?)", wanted.items())
            self._compare({"format": _FORMAT, **facts})
            self._check_lease()
            self._take_lease()
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._load(on_doubt)

    def _compare(self, facts: Mapping[str, str]) -> None:
        known = dict(self._database.execute("SELECT name, value FROM facts"))
        other = sorted(name for name in known.keys() | facts.keys() if known.get(name) != facts.get(name))
        if other == ["account"] and not self._database.execute(_TOUCHED).fetchone()[0]:
            # Nothing was taken so far: a key or a base URL that was wrong has been mended.
            self._database.execute("UPDATE facts SET value = ? WHERE name = 'account'", (facts["account"],))
            return
        if other:
            raise AnotherRun(self.path.name, other)

    def _check_lease(self) -> None:
        host, process = socket.gethostname(), os.getpid()
        for other, number, renewed in self._database.execute("SELECT host, process, renewed FROM lease"):
            here = other == host
            if (here and number != process and _lives(number)) or (
                not here and time.time() - renewed < _LEASE
            ):
                raise ConfigurationError(
                    f"{self.path.name} is in use by process {number} on {other}: a run has one process"
                )

    def _take_lease(self) -> None:
        mine = socket.gethostname(), os.getpid(), time.time()
        self._database.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)", mine)

    def _load(self, on_doubt: OnDoubt) -> None:
        database = self._database
        for start, stop in database.execute("SELECT start, stop FROM settled ORDER BY start"):
            self.settled.add(start, stop)
        for start, stop in database.execute("SELECT start, stop FROM sending ORDER BY start"):
            self.doubtful.add(start, stop)
        failed = "SELECT EXISTS (SELECT 1 FROM undelivered WHERE kind = 'failed')"
        self._failed = bool(database.execute(failed).fetchone()[0])
        (self._sending,) = database.execute("SELECT coalesce(max(id) + 1, 0) FROM sending").fetchone()
        if on_doubt == "resend":
            # What was told to be in doubt before goes out again too.
            self._forget_doubt()
            self.doubtful = Positions()
        kinds = "SELECT kind, count(*) FROM undelivered WHERE kind != 'failed' GROUP BY kind"
        self.before = dict(database.execute(kinds))
        self.before["delivered"] = len(self.settled) - sum(self.before.values())

    def _forget_doubt(self) -> None:
        database = self._database
        doubt = [
            row[0] for row in database.execute("SELECT position FROM undelivered WHERE kind = 'in doubt'")
        ]
        if not doubt:
            return
        for position in doubt:
            self.settled.remove(position)
        with self._writing() as database:
            database.execute("DELETE FROM undelivered WHERE kind = 'in doubt'")
            database.execute("DELETE FROM settled")
            database.executemany("INSERT INTO settled VALUES (?, ?)", self.settled)

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Hold one transaction.

        Raises:
            JournalFailed: it cannot be written.
        """
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise JournalFailed(self._sentence(error)) from error

    def _sentence(self, error: Exception) -> str:
        return (
            f"The journal {self.path.name} cannot be written ({error}): make room, or look at who may write "
            "there. What it has recorded is safe, and the same run goes on from it"
        )


def _ranges(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the ranges that ascending positions make."""
    if isinstance(positions, range) and positions.step == 1:
        if positions:
            yield positions.start, positions.stop
        return
    start = stop = None
    for position in sorted(positions):
        if position != stop:
            if start is not None and stop is not None:
                yield start, stop
            start = position
        stop = position + 1
    if start is not None and stop is not None:
        yield start, stop


def _row(outcome: Undelivered[Any]) -> tuple[int, str, str, str, bytes | None]:
    """Return what is written down of an item that was not delivered."""
    return (
        outcome.position,
        KINDS[type(outcome)],
        outcome.key,
        str(outcome.reason),
        _json(outcome.item),
    )


def _json(item: object) -> bytes | None:
    try:
        return dump_json(item)
    except (TypeError, ValueError):
        return json.dumps(repr(type(item))).encode()


def _lives(process: int) -> bool:
    """Return whether a process of this machine lives."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
