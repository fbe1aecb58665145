"""Which store of shared quotas a URL or the name of a file means."""

from __future__ import annotations

from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.quotas.postgresql import PostgresqlQuotas
from netaudience.quotas.redis import RedisQuotas
from netaudience.quotas.sqlite import SqliteQuotas
from netaudience.quotas.store import QuotaStore, WhenLost


def quotas_at(
    where: str | Path, *, lease: float = 3.0, when_lost: WhenLost = "wait", share: float | None = None
) -> QuotaStore:
    """Return the store that a URL names: a file of this machine, Redis or Valkey, or PostgreSQL.

    Args:
        where: A file, also as ``sqlite:///var/lib/quotas.db``; ``redis://…``, ``rediss://…`` or ``unix://…``;
            ``postgresql://…``. It is shown nowhere, for it may hold a password.
        lease: Seconds after which what a process was lent is free again, where it was killed.
        when_lost: Whether a process that cannot use the store waits, or goes on with its share.
        share: That share of the limits, more than 0 and at most 1.

    Raises:
        ConfigurationError: there is no such kind of URL, a figure is wrong, or a package is missing.
    """
    kind, separator, rest = str(where).partition("://")
    if not separator:
        return SqliteQuotas(where, lease=lease, when_lost=when_lost, share=share)
    match kind:
        case "sqlite":
            return SqliteQuotas(rest, lease=lease, when_lost=when_lost, share=share)
        case "redis" | "rediss" | "valkey" | "valkeys" | "unix":
            url = f"{kind.replace('valkey', 'redis')}://{rest}"
            return RedisQuotas(url, lease=lease, when_lost=when_lost, share=share)
        case "postgresql" | "postgres":
            return PostgresqlQuotas(str(where), lease=lease, when_lost=when_lost, share=share)
        case _:
            raise ConfigurationError(
                "Shared quotas are kept in a file of this machine, redis://… or postgresql://…: there is no "
                "other kind of URL"
            )
