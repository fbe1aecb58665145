"""One account's quota for all processes that use the account: where they keep what is taken of it."""

from netaudience.engine.shared_quota import SharedQuotas
from netaudience.quotas.at import quotas_at
from netaudience.quotas.postgresql import PostgresqlQuotas
from netaudience.quotas.redis import RedisQuotas
from netaudience.quotas.sqlite import SqliteQuotas

__all__ = ["PostgresqlQuotas", "RedisQuotas", "SharedQuotas", "SqliteQuotas", "quotas_at"]
