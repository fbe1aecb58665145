"""The store for who has PostgreSQL: one row for each quota, and the server's own clock.

An exchange reads the row, works the new state out and writes it where nobody else has meanwhile; else again.
So nobody ever holds a lock while he thinks, and one that is stopped in the middle stops nobody.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from netaudience.engine.shared_quota import Ask, Reply
from netaudience.errors import ConfigurationError, QuotasLost
from netaudience.model.limits import Quota
from netaudience.quotas.step import State, exchange
from netaudience.quotas.store import (
    PATIENCE,
    Kept,
    Opened,
    QuotaStore,
    WhenLost,
    kept,
    paused,
    refuse_pickling,
)

if TYPE_CHECKING:  # an extra
    import asyncpg

T = TypeVar("T")
# What a crash of the server loses is treated as lost; to be quick matters more.
_TABLE = (
    "CREATE UNLOGGED TABLE IF NOT EXISTS netaudience_quotas "
    "(name text PRIMARY KEY, state text NOT NULL, version bigint NOT NULL) WITH (fillfactor = 50)"
)
_NOW = "extract(epoch from clock_timestamp())::float8"
_READ = (  # our own words
    f"SELECT kept.state, kept.version, {_NOW} FROM (SELECT 1) AS one "  # noqa: S608
    "LEFT JOIN netaudience_quotas AS kept ON kept.name = $1"
)
_MAKE = "INSERT INTO netaudience_quotas VALUES ($1, $2, 0) ON CONFLICT DO NOTHING"
_WRITE = (
    "UPDATE netaudience_quotas SET state = $2, version = version + 1 WHERE name = $1 AND version = $3::bigint"
)


class PostgresqlQuotas(QuotaStore):
    """Shares the quotas of accounts among all processes that name the same database of PostgreSQL."""

    def __init__(
        self, url: str, *, lease: float = 3.0, when_lost: WhenLost = "wait", share: float | None = None
    ) -> None:
        """Name the database; nothing is opened before the first request needs it.

        Args:
            url: As ``postgresql://user:password@host:5432/database``. It is shown nowhere. The table
                ``netaudience_quotas`` is made where it is missing.
            lease: Seconds after which what a process was lent is free again, where it was killed.
            when_lost: Whether a process that cannot reach the server waits, or goes on with its share.
            share: That share of the limits, more than 0 and at most 1: a quarter for four processes.

        Raises:
            ConfigurationError: a figure is wrong, or the package is not installed.
        """
        super().__init__(lease, when_lost, share)
        try:
            import asyncpg  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] # an extra, looked for early
        except ModuleNotFoundError:
            raise ConfigurationError(
                "Quotas in PostgreSQL need a package that is not installed: "
                "python3 -m pip install 'netaudience[postgresql]'"
            ) from None
        self._url = url
        self._lines = _Lines(url)

    def __repr__(self) -> str:
        return "<PostgresqlQuotas>"

    def __reduce__(self) -> str:
        """Refuse to be pickled.

        Raises:
            ConfigurationError: always.
        """
        refuse_pickling(self)

    def _figures(self) -> tuple[object, ...]:
        return self._url, self.lease, self.share

    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        """Exchange in two trips; see `QuotaStore.exchange`."""
        epoch = os.urandom(6).hex()

        def step(state: State | None, now: float) -> tuple[State, Reply]:
            return exchange(state, now, quota, ask, epoch=epoch)

        async with self._server() as server:
            return await _change(server, key, step)

    async def read(self) -> list[Kept]:
        """Return what is kept; see `QuotaStore.read`."""
        async with self._server() as server:
            rows = await server.fetch(f"SELECT name, state, {_NOW} FROM netaudience_quotas ORDER BY name")  # noqa: S608 - our own words
        return [kept(name, json.loads(state), now) for name, state, now in rows]

    async def pause(self, seconds: float) -> int:
        """Let no process send; see `QuotaStore.pause`."""

        def step(state: State | None, now: float) -> tuple[State | None, bool]:
            return (None, False) if state is None else (paused(state, now, seconds), True)

        async with self._server() as server:
            names = await server.fetch("SELECT name FROM netaudience_quotas")
            return sum([await _change(server, name, step) for (name,) in names])

    async def clear(self) -> int:
        """Forget all that is kept; see `QuotaStore.clear`."""
        async with self._server() as server:
            return int((await server.execute("DELETE FROM netaudience_quotas")).split()[-1])

    async def aclose(self) -> None:
        """Close the connection of this event loop; see `QuotaStore.aclose`."""
        await self._lines.aclose()

    @asynccontextmanager
    async def _server(self) -> AsyncGenerator[asyncpg.Connection, None]:
        """Give the connection for the block, to one at a time.

        Raises:
            QuotasLost: the server cannot be reached, or does not answer in time.
            ConfigurationError: it refuses us.
        """
        import asyncpg  # noqa: PLC0415 - an extra

        refused = (
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.InsufficientPrivilegeError,
        )
        async with self._lines.use() as line:
            try:
                async with line.turn, asyncio.timeout(2 * PATIENCE):
                    yield await line.connection()
            except BaseException as error:
                if not isinstance(error, ConfigurationError):
                    line.drop()  # what it is in the middle of is nobody's any more
                if isinstance(error, refused):
                    raise ConfigurationError(
                        "The database of shared quotas refuses the user, the password or the database of its "
                        "URL: mend it, or let that user make and write the table netaudience_quotas"
                    ) from None
                if isinstance(error, ValueError | asyncpg.InterfaceError) and line.malformed:
                    raise ConfigurationError(
                        "The URL of shared quotas is malformed: write "
                        "postgresql://user:password@host:5432/database"
                    ) from None
                if isinstance(error, TimeoutError):
                    raise QuotasLost("The database of shared quotas does not answer in time") from None
                if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
                    raise QuotasLost("The database of shared quotas cannot be reached") from None
                raise


class _Line:
    """The connection of an event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self.turn = asyncio.Lock()
        #: Whether what goes wrong is the URL itself.
        self.malformed = False

    async def connection(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            import asyncpg  # noqa: PLC0415 - an extra

            self.malformed = True
            made = await asyncpg.connect(self._url, timeout=2 * PATIENCE, command_timeout=PATIENCE)
            self.malformed = False
            self._connection = made
            if await made.fetchval("SELECT to_regclass('netaudience_quotas')") is None:
                await made.execute(_TABLE)
        return self._connection

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=PATIENCE)


class _Lines(Opened[_Line]):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def open(self) -> _Line:
        return _Line(self._url)

    async def close(self, what: _Line) -> None:
        await what.close()


async def _change(
    server: asyncpg.Connection,
    key: str,
    step: Callable[[State | None, float], tuple[State | None, T]],
) -> T:
    """Work a new state out of the one that is kept, again as long as somebody else is quicker."""
    while True:
        row = await server.fetchrow(_READ, key)
        assert row is not None  # noqa: S101 - of a join from one row
        text, version, now = row
        state, answer = step(None if text is None else json.loads(text), now)
        if state is None:
            return answer
        if version is None:
            done = await server.execute(_MAKE, key, json.dumps(state))
        else:
            done = await server.execute(_WRITE, key, json.dumps(state), version)
        if done.endswith(" 1"):
            return answer
