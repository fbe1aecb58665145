"""A running sandbox with a plain aiohttp session: these tests never use the library's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import attrs
import orjson
import pytest

from netaudience.sandbox import Sandbox

NETMERA_HEADERS = {"X-netmera-api-key": "sandbox"}
CLEVERTAP_HEADERS = {"X-CleverTap-Account-Id": "sandbox", "X-CleverTap-Passcode": "sandbox"}


@attrs.frozen
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@attrs.frozen
class Box:
    """A sandbox and a session."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        url = path if path.startswith("http") else self.sandbox.url() + path
        async with self.session.request(method, url, **options) as response:
            return Reply(response.status, await response.read(), response.headers)

    async def post(self, operation: str, body: Any, key: str = "sandbox") -> Reply:
        path = f"/netmera/rest/3.0/{operation}"
        return await self.send("POST", path, json=body, headers={"X-netmera-api-key": key})

    async def get(self, operation: str, query: Any = None, **headers: str) -> Reply:
        path = f"/netmera/rest/3.0/{operation}"
        return await self.send("GET", path, params=query or {}, headers={**NETMERA_HEADERS, **headers})

    async def demerge(self, identities: Any, **headers: str) -> Reply:
        body = {"identities": identities}
        headers = {**CLEVERTAP_HEADERS, **headers}
        return await self.send("POST", "/clevertap/1/demerge/profiles.json", json=body, headers=headers)


Running: TypeAlias = Callable[..., AbstractAsyncContextManager[Box]]


@asynccontextmanager
async def _running(*arguments: Any, **settings: Any) -> AsyncIterator[Box]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        Sandbox(*arguments, **settings) as sandbox,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Box(sandbox, session)


@pytest.fixture
def running() -> Running:
    """`async with running(**settings) as box` starts a sandbox and a session."""
    return _running
