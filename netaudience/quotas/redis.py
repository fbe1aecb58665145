"""The store for the processes of many machines: Redis or Valkey, which works an exchange out by itself.

One script is one trip, by the server's own clock. The state of a quota is one key, so a cluster may have it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from netaudience.engine.shared_quota import Ask, Reply
from netaudience.errors import ConfigurationError, QuotasLost
from netaudience.model.limits import Quota
from netaudience.quotas.step import State, figures_of, other_figures
from netaudience.quotas.store import PATIENCE, Kept, Opened, QuotaStore, WhenLost, kept, refuse_pickling

if TYPE_CHECKING:  # an extra
    from redis.asyncio import Redis

#: Seconds for which the state of a quota that nobody uses is kept at least.
_KEPT = 86_400.0
_CLOCK = (
    "local t = redis.call('TIME'); local now = tonumber(t[1]) + tonumber(t[2]) / 1000000; "
    "local raw = redis.call('GET', KEYS[1]); "
)
_READ = f"{_CLOCK} return cmsgpack.pack({{now, raw and cmsgpack.unpack(raw) or false}})"
_PAUSE = (
    f"{_CLOCK} if not raw then return 0 end; local state = cmsgpack.unpack(raw); "
    "state.not_before = now + tonumber(ARGV[1]); "
    "redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', redis.call('PTTL', KEYS[1])); return 1"
)


class RedisQuotas(QuotaStore):
    """Shares the quotas of accounts among all processes that name the same Redis or Valkey server."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "netaudience",
        lease: float = 3.0,
        when_lost: WhenLost = "wait",
        share: float | None = None,
    ) -> None:
        """Name the server; nothing is opened before the first request needs it.

        Args:
            url: As ``redis://user:password@host:6379/0``, or ``rediss://`` with TLS, or ``unix://``. It is
                shown nowhere.
            prefix: What the names of the keys begin with, where several systems use one server.
            lease: Seconds after which what a process was lent is free again, where it was killed.
            when_lost: Whether a process that cannot reach the server waits, or goes on with its share.
            share: That share of the limits, more than 0 and at most 1: a quarter for four processes.

        Raises:
            ConfigurationError: the URL is malformed, a figure is wrong, or the packages are not installed.
        """
        super().__init__(lease, when_lost, share)
        self.prefix = prefix
        self._url = url
        self._clients = _Clients(url)
        self._script = files("netaudience.quotas").joinpath("step.lua").read_text(encoding="utf-8")

    def __repr__(self) -> str:
        return f"<RedisQuotas {self.prefix}>"

    def __reduce__(self) -> str:
        """Refuse to be pickled.

        Raises:
            ConfigurationError: always.
        """
        refuse_pickling(self)

    def _figures(self) -> tuple[object, ...]:
        return self._url, self.prefix, self.lease, self.share

    async def _keys(self, server: Redis) -> list[bytes]:
        return [key async for key in cast("Any", server).scan_iter(match=self._key("*"))]

    def _key(self, key: str) -> str:
        return f"{self.prefix}:{{{key}}}"

    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        """Exchange in one trip; see `QuotaStore.exchange`."""
        longest = max((window.per for window in quota.windows), default=0.0)
        expires = round(1000 * max(_KEPT, 2 * longest))
        words: list[bytes | str | int] = [_packed(_facts(quota)), _packed(ask), os.urandom(6).hex(), expires]
        async with self._server(quota) as server:
            script = server.register_script(self._script)
            answer = await script(keys=[self._key(key)], args=words)
        reply = _unpacked(answer)
        reply.setdefault("again", None)
        return cast("Reply", reply)

    async def read(self) -> list[Kept]:
        """Return what is kept; see `QuotaStore.read`."""
        found: list[Kept] = []
        async with self._server() as server:
            script = server.register_script(_READ)
            for key in sorted(await self._keys(server)):
                now, state = _unpacked(await script(keys=[key]))
                if state:
                    name = key.decode().removeprefix(f"{self.prefix}:").strip("{}")
                    state["leases"] = state["leases"] or {}
                    found.append(kept(name, cast("State", state), now))
        return found

    async def pause(self, seconds: float) -> int:
        """Let no process send; see `QuotaStore.pause`."""
        async with self._server() as server:
            script = server.register_script(_PAUSE)
            return sum([int(await script(keys=[key], args=[seconds])) for key in await self._keys(server)])

    async def clear(self) -> int:
        """Forget all that is kept; see `QuotaStore.clear`."""
        async with self._server() as server:
            return sum([int(await server.delete(key)) for key in await self._keys(server)])

    async def aclose(self) -> None:
        """Close the connections of this event loop; see `QuotaStore.aclose`."""
        await self._clients.aclose()

    @asynccontextmanager
    async def _server(self, quota: Quota | None = None) -> AsyncGenerator[Redis, None]:
        """Give the server for the block.

        Raises:
            QuotasLost: it cannot be reached, or does not answer in time.
            ConfigurationError: it refuses us, or the figures of the quota.
        """
        from redis import exceptions  # noqa: PLC0415 - an extra

        try:
            async with (
                self._clients.use() as server,
                asyncio.timeout(None if quota is None else 2 * PATIENCE),
            ):
                yield server
        except (exceptions.AuthenticationError, exceptions.NoPermissionError):
            raise ConfigurationError(
                "The server of shared quotas refuses the user or the password of its URL: mend the URL, or "
                "allow that user to run scripts on the keys"
            ) from None
        except exceptions.ResponseError as error:
            if quota is not None and "OTHERFIGURES" in str(error):
                raise other_figures(quota) from None
            code = str(error).partition(" ")[0]
            raise QuotasLost(f"The server of shared quotas does not do what it is asked ({code})") from None
        except (exceptions.TimeoutError, TimeoutError):
            raise QuotasLost("The server of shared quotas does not answer in time") from None
        except (exceptions.RedisError, OSError):
            raise QuotasLost("The server of shared quotas cannot be reached") from None


class _Clients(Opened["Redis"]):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        try:
            import msgpack  # type: ignore[import-untyped] # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport, reportMissingTypeStubs] # an extra, looked for early
            import redis.asyncio  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]
        except ModuleNotFoundError:
            raise ConfigurationError(
                "Quotas in Redis need packages that are not installed: "
                "python3 -m pip install 'netaudience[redis]'"
            ) from None
        try:
            self.open()
        except ValueError:
            raise ConfigurationError(
                "The URL of shared quotas is malformed: write redis://user:password@host:6379/0"
            ) from None

    def open(self) -> Redis:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import ConnectionError as Closed  # noqa: PLC0415

        # A connection that was idle may have been closed: another is tried at once; the engine does the rest.
        retry = Retry(NoBackoff(), 1, supported_errors=(Closed,))
        made: Redis = cast("Any", Redis).from_url(
            self._url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=retry
        )
        return made

    async def close(self, what: Redis) -> None:
        await what.aclose()


def _facts(quota: Quota) -> dict[str, object]:
    """Return a quota as the script takes it."""
    windows: list[dict[str, object]] = []
    for window in quota.windows:
        whole, away = window.tickets()
        windows.append(
            {
                "whole": whole,
                "away": away,
                "per": window.per,
                "most": window.most,
                "records": window.counts == "records",
            }
        )
    fields: dict[str, object] = {
        "windows": windows,
        "in_flight": int(quota.in_flight),
        "reserve": quota.reserve,
        "figures": figures_of(quota),
    }
    if quota.ceiling is not None:
        fields["ceiling"] = quota.ceiling.value
    return fields


def _packed(value: object) -> bytes:
    import msgpack  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] # an extra

    return cast("bytes", cast("Any", msgpack).packb(value))


def _unpacked(value: object) -> Any:  # noqa: ANN401 - what the script packed
    import msgpack  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] # an extra

    return cast("Any", msgpack).unpackb(value)
