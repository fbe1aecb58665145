"""Asks the sandbox's Iterable as a client would: one call, and a user read back."""

from __future__ import annotations

import io

import orjson

JOHN = "john.brown@example.com"
DEVICE = {"token": "t", "platform": "GCM", "applicationName": "app"}


async def send(box, route, body, method="POST", key="sandbox"):
    headers = {"Api-Key": key, "Content-Type": "application/json"}
    if body is None:
        return await box.send(method, f"/iterable/api/{route}", headers=headers)
    # aiohttp warns of a large body that is bytes.
    data = io.BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
    return await box.send(method, f"/iterable/api/{route}", data=data, headers=headers)


async def read(box, **query):
    route = "getByEmail" if "email" in query else "byUserId"
    path = f"/iterable/api/users/{route}"
    reply = await box.send("GET", path, params=query, headers={"Api-Key": "sandbox"})
    assert reply.status == 200, reply.body
    return reply.json.get("user")
