"""Asks the sandbox's MoEngage as a client would: bodies, credentials, paths, and the export."""

from __future__ import annotations

import base64
import io

import orjson

ACCEPTED = {
    "status": "success",
    "message": "Your request has been accepted and will be processed soon.",
    "request_id": "kXwpDESb",
}
CUSTOMER = {"type": "customer", "customer_id": "id1"}
DEVICE = {
    "type": "device",
    "customer_id": "id1",
    "device_id": "d1",
    "attributes": {"platform": "ANDROID", "push_id": "p"},
}
EVENT = {"type": "event", "customer_id": "id1", "actions": [{"action": "Bought"}]}

OPERATIONS = [
    "customer",
    "device",
    "event",
    "transition",
    "customer/delete",
    "customer/merge",
    "customers/export",
    "devices/manage",
]


def authorization(workspace="sandbox", key="sandbox"):
    encoded = base64.b64encode(f"{workspace}:{key}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def path(route, workspace="sandbox"):
    in_query = "/" in route
    return f"/moengage/v1/{route}?app_id={workspace}" if in_query else f"/moengage/v1/{route}/{workspace}"


async def post(box, route, body, **headers):
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Content-Type": "application/json", **authorization(), **headers}
    # aiohttp warns of a large body that is bytes.
    return await box.send("POST", path(route), data=io.BytesIO(data), headers=headers)


async def export(box, *customer_ids, kind="customer_id", **more):
    identifiers = [{"identifier_type": kind, "identifier": each} for each in customer_ids]
    reply = await post(box, "customers/export", {"data": {"identifiers": identifiers, **more}})
    assert (reply.status, reply.json["status"], reply.json["type"]) == (200, "success", "export_users")
    return reply.json["data"]


async def stored(box, customer_id):
    users = (await export(box, customer_id))["users"]
    return users[0]["user_attributes"] if users else None
