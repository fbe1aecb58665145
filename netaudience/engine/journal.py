"""One run's memory on disk: which positions of its source are settled, and which were being sent.

A SQLite file, written before anybody is told. After a crash the same run with the same file sends only
what is not settled; what was being sent by an operation that must not be repeated is in doubt and is reported
so. It refuses a file that belongs to another run, or that another process is using.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from netaudience.dead_letter import Why
from netaudience.engine.lease import LEASE_SCHEMA, FileLock, Lease, LeaseLost, holder_in, make_private
from netaudience.engine.positions import Positions, left_of, ranges
from netaudience.engine.record_count import RecordCount, keep_name
from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.model.wire import dump_json
from netaudience.outcomes import KINDS, Counts, Failed, SettledChunk, Undelivered

OnDoubt: TypeAlias = Literal["tell", "resend"]
"""What to do with items that were being sent when a process died: tell so, or send them again."""

_FORMAT = "netaudience journal 3"
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settled (start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE sending (id INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE undelivered (
    position INTEGER PRIMARY KEY, outcome TEXT NOT NULL, key TEXT NOT NULL, decider TEXT NOT NULL,
    reason TEXT NOT NULL, status INTEGER, code TEXT, message TEXT, item BLOB
);
CREATE TABLE written (
    id INTEGER PRIMARY KEY CHECK (id = 1), records INTEGER NOT NULL, closed INTEGER NOT NULL
);
INSERT INTO written VALUES (1, 0, 0);
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


class Journal:
    """One run's file. Its methods return when what they say is on disk.

    Raises:
        ConfigurationError: the file belongs to another run or to a living process, or it is no journal.
        JournalFailed: the file cannot be written: a full disk, a directory that is read-only.
    """

    def __init__(
        self, path: Path, facts: Mapping[str, str], *, on_doubt: OnDoubt = "tell", once: bool = False
    ) -> None:
        """Open or make the file.

        Args:
            path: Where it is.
            facts: What tells this run from others; compared with what the file says.
            on_doubt: What to do with what was being sent when the last process died.
            once: Whether what it notes must not be sent twice: each record is on the disk before the method
                returns then, so that a power cut loses none, and what is lost of the file is noticed.
        """
        self.path = path
        self._once = once
        #: Positions that are delivered, rejected, or reported as in doubt.
        self.settled = Positions()
        #: Positions that were being sent when the last process died.
        self.doubtful = Positions()
        #: What became of the items that are settled from before.
        self.before = Counts()
        self._sending = 0
        #: Whether there are items that have failed and may be sent again.
        self._failed = False
        self._records = 0
        self._lock = FileLock(path.with_name(f"{path.name}-lock"))
        self._count = RecordCount(path.with_name(f"{path.name}-count"))
        try:
            if not self._lock.take():
                raise self._in_use(holder_in(path))
            # It holds the rows that were not delivered; what SQLite writes beside it has the same rights.
            self._database = sqlite3.connect(make_private(path), isolation_level=None, timeout=5.0)
        except (sqlite3.Error, OSError) as error:
            self._lock.release()
            raise JournalFailed(self._sentence(error)) from error
        self._lease = Lease(self._database)
        try:
            self._open(facts, on_doubt)
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            if isinstance(error, sqlite3.OperationalError | OSError):
                raise JournalFailed(self._sentence(error)) from error
            raise ConfigurationError(
                f"{path.name} is no journal of a run, or it is damaged ({error}): give the run another file"
            ) from error
        except BaseException:
            self._let_go()
            raise

    def __repr__(self) -> str:
        return f"<Journal {self.path.name}: {len(self.settled):,} positions settled>"

    def left(self, positions: range) -> tuple[list[int], range | list[int]]:
        """Return which of the positions are in doubt from before, and which no attempt has settled."""
        return left_of(positions, self.settled, self.doubtful)

    def renew(self) -> None:
        """Keep the lease."""
        with self._writing():
            pass

    def check(self) -> None:
        """Make sure that the run is still this one's, before a request of it is sent once more.

        Raises:
            JournalFailed: another process may have taken it.
        """
        if not self._lease.fresh:
            self.renew()

    def held_up(self, seconds: float) -> None:
        """Leave out a time in which the caller's own code kept the lease from being renewed."""
        self._lease.held_up(seconds)

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
        undelivered: list[tuple[object, ...]] = []
        for chunk in chunks:
            positions = chunk.positions
            if chunk.undelivered:
                undelivered.extend(map(_row, chunk.undelivered))
                failed = {one.position for one in chunk.undelivered if isinstance(one, Failed)}
                positions = [position for position in positions if position not in failed]
            settled.extend(ranges(positions))
        noted: list[range] = []
        notes: list[tuple[int, int, int]] = []
        for positions in sending:
            first = self._sending + len(notes)
            notes.extend((first + at, *part) for at, part in enumerate(ranges(positions)))
            noted.append(range(first, self._sending + len(notes)))
        with self._writing() as database:
            database.executemany("INSERT INTO settled VALUES (?, ?)", settled)
            if self._failed:
                database.executemany("DELETE FROM undelivered WHERE position >= ? AND position < ?", settled)
            if undelivered:
                database.executemany(
                    "INSERT OR REPLACE INTO undelivered VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", undelivered
                )
            if over := [(ids.start, ids.stop) for ids in answered if ids]:
                database.executemany("DELETE FROM sending WHERE id >= ? AND id < ?", over)
            if notes:
                database.executemany("INSERT INTO sending VALUES (?, ?, ?)", notes)
            database.execute("UPDATE written SET records = records + 1")
        self._records += 1
        self._tell_count()
        self._sending += len(notes)
        return noted

    def close(self) -> None:
        """Give the file free."""
        with suppress(JournalFailed, sqlite3.Error):  # a lease that stays passes by itself
            with self._writing() as database:
                self._lease.give_back()
                database.execute("UPDATE written SET closed = 1")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._count.remove()  # the file is whole by itself
        self._let_go()

    def _let_go(self) -> None:
        self._database.close()
        self._count.close()
        self._lock.release()

    def _tell_count(self) -> None:
        try:
            self._count.write(self._records)
        except OSError as error:
            raise JournalFailed(self._sentence(error)) from error

    def _open(self, facts: Mapping[str, str], on_doubt: OnDoubt) -> None:
        database = self._database
        # What is known so far is on the disk before anything is sent.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA fullfsync = ON")
        database.execute("PRAGMA journal_mode = WAL")
        if not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            self._make(facts)
        with _transaction(database):
            self._compare({"format": _FORMAT, **facts})
            if (holder := self._lease.holder()) is not None:
                raise self._in_use(holder)
            self._check_whole()
            self._lease.take()
            database.execute("UPDATE written SET closed = 0")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is copied without its side files says so
        if not self._once:
            # Written through to the operating system with every commit: a killed process loses nothing, and
            # what a power cut takes away is sent once more, which does no harm.
            database.execute("PRAGMA synchronous = NORMAL")
        self._load(on_doubt)

    def _make(self, facts: Mapping[str, str]) -> None:
        """Write what a new file holds."""
        if self._once:
            self._check_count(closed=True)
            self._count.open(0)  # first of all: from now on a file without it is not whole
        with _transaction(self._database) as database:
            for statement in (*_SCHEMA.split(";"), LEASE_SCHEMA):
                database.execute(statement)
            wanted = {"format": _FORMAT, **facts}
            database.executemany("INSERT INTO facts VALUES (?, ?)", wanted.items())
        keep_name(self.path)

    def _compare(self, facts: Mapping[str, str]) -> None:
        known = dict(self._database.execute("SELECT name, value FROM facts"))
        other = sorted(name for name in known.keys() | facts.keys() if known.get(name) != facts.get(name))
        if other == ["account"] and not self._database.execute(_TOUCHED).fetchone()[0]:
            # Nothing was taken so far: a key or a base URL that was wrong has been mended.
            self._database.execute("UPDATE facts SET value = ? WHERE name = 'account'", (facts["account"],))
            return
        if other:
            raise AnotherRun(self.path.name, other)

    def _check_whole(self) -> None:
        """Look whether what was written last is there: SQLite passes over what is damaged or missing.

        Raises:
            ConfigurationError: it is not.
        """
        self._records, closed = self._database.execute("SELECT records, closed FROM written").fetchone()
        if self._once:
            self._check_count(closed=bool(closed))
            self._count.open(self._records)

    def _check_count(self, *, closed: bool) -> None:
        try:
            count = self._count.read()
        except ValueError:
            count = sys.maxsize
        if (self._records < count) if count is not None else not closed:
            raise ConfigurationError(
                f"{self.path.name} lacks what was written last: the files beside it that begin with its name "
                "were not copied with it, or are damaged, so nobody knows what was sent. Put them back, or "
                "start anew with another file; what this one has delivered is then sent once more"
            )

    def _in_use(self, holder: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.path.name} is in use by {holder}: a run has one process, and carries one run at a time"
        )

    def _load(self, on_doubt: OnDoubt) -> None:
        database = self._database
        for start, stop in database.execute("SELECT start, stop FROM settled ORDER BY start"):
            self.settled.add(start, stop)
        for start, stop in database.execute("SELECT start, stop FROM sending ORDER BY start"):
            self.doubtful.add(start, stop)
        failed = "SELECT EXISTS (SELECT 1 FROM undelivered WHERE outcome = 'failed')"
        self._failed = bool(database.execute(failed).fetchone()[0])
        (self._sending,) = database.execute("SELECT coalesce(max(id) + 1, 0) FROM sending").fetchone()
        if on_doubt == "resend" or not self._once:
            # What was reported as in doubt before goes out again too; where repeating does no harm, unasked.
            self._forget_doubt()
            self.doubtful = Positions()
        kinds = "SELECT outcome, count(*) FROM undelivered WHERE outcome != 'failed' GROUP BY outcome"
        self.before = Counts(**dict(database.execute(kinds)))
        self.before.delivered = len(self.settled) - self.before.rows

    def _forget_doubt(self) -> None:
        database = self._database
        doubt = [
            row[0] for row in database.execute("SELECT position FROM undelivered WHERE outcome = 'in_doubt'")
        ]
        if not doubt:
            return
        for position in doubt:
            self.settled.remove(position)
        with self._writing() as database:
            database.execute("DELETE FROM undelivered WHERE outcome = 'in_doubt'")
            database.execute("DELETE FROM settled")
            database.executemany("INSERT INTO settled VALUES (?, ?)", self.settled)

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Hold one transaction.

        Raises:
            JournalFailed: it cannot be written.
        """
        if self._once and self._lease.passed:
            raise self._lost("this process stood still for longer than others wait for it")
        try:
            with _transaction(self._database) as database:
                self._lease.renew()
                yield database
        except LeaseLost:
            raise self._lost("another process has taken it over") from None
        except sqlite3.Error as error:
            raise JournalFailed(self._sentence(error)) from error

    def _lost(self, why: str) -> JournalFailed:
        return JournalFailed(
            f"The journal {self.path.name} is not this run's any more, for {why}. Nothing more is sent: look "
            "at who carries the run now, and go on with it when nobody does"
        )

    def _sentence(self, error: Exception) -> str:
        return (
            f"The journal {self.path.name} cannot be written ({error}): make room, or look at who may write "
            "there. What it has recorded is safe, and the same run goes on from it"
        )


def _row(outcome: Undelivered[Any]) -> tuple[object, ...]:
    """Return what is written down of an item that was not delivered."""
    why = Why.of(outcome.reason)
    code = None if why.code is None else json.dumps(why.code)  # a number stays one
    columns = why.by, why.reason, why.status, code, why.message
    return (outcome.position, KINDS[type(outcome)], outcome.key, *columns, _json(outcome.item))


def _json(item: object) -> bytes | None:
    try:
        return dump_json(item)
    except Exception:  # noqa: BLE001 - it was rejected for that, whatever it is
        return json.dumps(repr(type(item))).encode()


@contextmanager
def _transaction(database: sqlite3.Connection) -> Generator[sqlite3.Connection, None, None]:
    """Do all of it, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
        raise
