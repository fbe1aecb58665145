"""The headers that authenticate a request are asked for when it is made: a key that changes is not stale."""

from __future__ import annotations

import asyncio

from aiohttp import web
from parts import Vendor, vendor

from netaudience import NetmeraClient


class Rotating(NetmeraClient):
    """A client whose key is another one for every request, in the same mapping."""

    made = 0

    def headers(self):
        self.made += 1
        self._headers["X-netmera-api-key"] = f"key-{self.made}"
        return self._headers


def test_a_key_that_changes_goes_out_with_the_next_request(monkeypatch):
    seen = []

    async def serve(self, request):
        seen.append(request.headers["X-netmera-api-key"])
        return web.json_response({})

    async def go():
        async with vendor() as served, Rotating(api_key="first", base_url=served.url) as client:
            await client.tag_users(["a"], tag="x")
            await client.tag_users(["b"], tag="x")
            await client.tag_users(["a", "c"], tag="x")

    monkeypatch.setattr(Vendor, "serve", serve)
    asyncio.run(go())
    assert len(set(seen)) == 3, seen
