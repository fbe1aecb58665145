"""The store for the processes of one machine: a file of SQLite, and the machine's own clock; no server."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from netaudience.engine.shared_quota import Ask, Reply
from netaudience.errors import QuotasLost
from netaudience.model.clock import clock
from netaudience.model.limits import Quota
from netaudience.quotas.step import State, exchange
from netaudience.quotas.store import PATIENCE, Kept, Opened, QuotaStore, WhenLost, kept, paused

#: Seconds between two looks at a file that another process holds.
_LOOK = 0.001


class SqliteQuotas(QuotaStore):
    """Shares the quotas of accounts among the processes of one machine that name the same file."""

    def __init__(
        self,
        path: str | Path,
        *,
        lease: float = 3.0,
        when_lost: WhenLost = "wait",
        share: float | None = None,
    ) -> None:
        """Name the file; it is made when the first request needs it.

        Args:
            path: The file, on a disk of this machine; its folder exists.
            lease: Seconds after which what a process was lent is free again, where it was killed.
            when_lost: Whether a process that cannot use the file waits, or goes on with its share.
            share: That share of the limits, more than 0 and at most 1: a quarter for four processes.

        Raises:
            ConfigurationError: the lease is not at least half a second, or the share is missing or none.
        """
        super().__init__(lease, when_lost, share)
        self.path = Path(path)
        self._files = _Files(self.path)

    def __repr__(self) -> str:
        return f"<SqliteQuotas in {self.path.name}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes another one: what is open stays here."""
        when_lost = "wait" if self.share is None else "share"
        return _remade, (self.path, self.lease, when_lost, self.share)

    def _figures(self) -> tuple[object, ...]:
        return self.path, self.lease, self.share

    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        """Exchange in one transaction; see `QuotaStore.exchange`."""
        async with self._transaction() as database:  # nothing is awaited in it
            row = database.execute("SELECT state FROM quotas WHERE name = ?", (key,)).fetchone()
            known: State | None = None if row is None else json.loads(row[0])
            state, reply = exchange(known, clock(), quota, ask, epoch=os.urandom(6).hex())
            _write(database, key, state)
        return reply

    async def read(self) -> list[Kept]:
        """Return what is kept; see `QuotaStore.read`."""
        async with self._transaction() as database:
            rows = database.execute("SELECT name, state FROM quotas ORDER BY name").fetchall()
        return [kept(name, json.loads(state), clock()) for name, state in rows]

    async def pause(self, seconds: float) -> int:
        """Let no process send; see `QuotaStore.pause`."""
        async with self._transaction() as database:
            rows = database.execute("SELECT name, state FROM quotas").fetchall()
            for name, state in rows:
                _write(database, name, paused(json.loads(state), clock(), seconds))
        return len(rows)

    async def clear(self) -> int:
        """Forget all that is kept; see `QuotaStore.clear`."""
        async with self._transaction() as database:
            return database.execute("DELETE FROM quotas").rowcount

    async def aclose(self) -> None:
        """Close the file in this event loop; see `QuotaStore.aclose`."""
        await self._files.aclose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[sqlite3.Connection, None]:
        """Hold the file for the block.

        Raises:
            QuotasLost: it cannot be used, or another process holds it for too long.
        """
        until = time.monotonic() + PATIENCE
        try:
            async with self._files.use() as database:
                while database.in_transaction or not _begin(database):
                    if time.monotonic() > until:
                        raise QuotasLost(
                            "The file of shared quotas is held by another process that does not go on"
                        )
                    await asyncio.sleep(_LOOK)
                with database:
                    yield database
        except sqlite3.Error as error:
            await self._files.aclose()
            raise QuotasLost(f"The file of shared quotas cannot be used: {error}") from None


class _Files(Opened[sqlite3.Connection]):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None, timeout=0.0)
        try:
            # What is lost with the machine's power is lost with all its processes.
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=OFF")
            database.execute("CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, state TEXT NOT NULL)")
        except BaseException:
            database.close()
            raise
        return database

    async def close(self, what: sqlite3.Connection) -> None:
        what.close()


def _remade(path: Path, lease: float, when_lost: WhenLost, share: float | None) -> SqliteQuotas:
    return SqliteQuotas(path, lease=lease, when_lost=when_lost, share=share)


def _begin(database: sqlite3.Connection) -> bool:
    """Begin a transaction; return False where another process is in one."""
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


def _write(database: sqlite3.Connection, key: str, state: State) -> None:
    database.execute("INSERT OR REPLACE INTO quotas VALUES (?, ?)", (key, json.dumps(state)))
