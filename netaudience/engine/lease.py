"""Who holds a file, while he lives: a lock that the system keeps, and a lease for where it does not reach.

A process that dies gives its lock back at once, whatever its number is used for later. Where the same file is
seen by two machines the lock may not be seen by both: there the lease says who holds it, under a name that
nobody else has, until it has not been renewed for a while.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from netaudience.model.clock import clock

#: Seconds after which a lease that is not renewed has passed.
_PASSES = 30.0
#: A lease that was renewed within this many seconds is not renewed for a request.
_FRESH = 10.0
LEASE_SCHEMA = """
CREATE TABLE lease (id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT, machine TEXT, renewed REAL)
"""


def make_private(path: Path) -> Path:
    """Make a file that its owner alone may read, unless it is there.

    One that is there is not opened: to close it again would give back what SQLite has locked of it.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return path


class FileLock:
    """A file's lock, which ends with the process: for two processes, two containers and two tasks alike."""

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: A file that is there for the lock alone.
        """
        self._path = path
        self._database: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<FileLock {self._path.name}: {'free' if self._database is None else 'held'}>"

    def take(self) -> bool:
        """Take the lock, and return whether that was possible: somebody else may have it.

        Raises:
            OSError: the file cannot be made.
            sqlite3.Error: it cannot be locked.
        """
        while True:
            file = _number(make_private(self._path))
            database = sqlite3.connect(self._path, isolation_level=None, timeout=0, check_same_thread=False)
            try:
                database.execute("PRAGMA journal_mode = MEMORY")  # nothing is ever written there
                database.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                database.close()
                if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    return False
                raise
            if file is not None and file == _number(self._path):
                self._database = database
                return True
            database.close()  # its last holder has taken the file away meanwhile

    def release(self) -> None:
        """Give the lock back, if it is held, and take its file away."""
        if self._database is not None:
            with suppress(OSError):  # a system may not take away what is open
                self._path.unlink()
            self._database.close()
            self._database = None


class LeaseLost(Exception):
    """The file is somebody else's by now, or may be."""


class Lease:
    """The one row that says whose a database is."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        #: Nobody else has this name: a process's number is used again, and two containers may share a host's.
        self._name = f"process {os.getpid()} on {socket.gethostname()} {secrets.token_hex(8)}"
        self._renewed = clock()

    def holder(self) -> str | None:
        """Return who holds it besides us; None where nobody does any more.

        Ask only with the file's lock in hand: no process of this machine has it then.
        """
        for name, machine, renewed in self._database.execute("SELECT holder, machine, renewed FROM lease"):
            if name != self._name and machine != _machine() and time.time() - renewed < _PASSES:
                return str(name).rpartition(" ")[0]
        return None

    def take(self) -> None:
        """Make it ours."""
        row = self._name, _machine(), time.time()
        self._database.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)", row)
        self._renewed = clock()

    def renew(self) -> None:
        """Keep it, within a transaction.

        Raises:
            LeaseLost: somebody else has taken it.
        """
        mine = "UPDATE lease SET renewed = ? WHERE holder = ?"
        if self._database.execute(mine, (time.time(), self._name)).rowcount != 1:
            raise LeaseLost
        self._renewed = clock()

    def give_back(self) -> None:
        """Let others have it, if it is still ours."""
        self._database.execute("DELETE FROM lease WHERE holder = ?", (self._name,))

    @property
    def fresh(self) -> bool:
        """True where nobody can have taken it since it was renewed."""
        return clock() - self._renewed < _FRESH

    @property
    def passed(self) -> bool:
        """True where it was not renewed for so long that another machine may have taken it."""
        return clock() - self._renewed > _PASSES

    def held_up(self, seconds: float) -> None:
        """Leave out a time in which it could not be renewed, though nothing stood still."""
        self._renewed += seconds


def holder_in(path: Path) -> str:
    """Return who says in a database that it is his, for a sentence."""
    with suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            for (name,) in database.execute("SELECT holder FROM lease"):
                return str(name).rpartition(" ")[0]
        finally:
            database.close()
    return "another process"


def revoke(path: Path, holder: str) -> None:
    """Take a database from whoever says that it is his, who then writes nothing more into it."""
    with suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=1.0)
        try:
            with database:
                database.execute("UPDATE lease SET holder = ?", (f"{holder} {secrets.token_hex(8)}",))
        finally:
            database.close()


def _number(path: Path) -> int | None:
    """Return what tells a file from another one of its name."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


@cache
def _machine() -> str:
    """Return what tells this machine, until it starts anew, from others: its containers are of it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return socket.gethostname()
