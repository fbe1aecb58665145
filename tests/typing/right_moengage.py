"""Never run: every operation of MoEngage as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import MoEngageClient, Report, Run, Settings
from netaudience.vendors.moengage.models import (
    Accepted,
    Device,
    DeviceDict,
    DeviceSelection,
    Event,
    EventDict,
    ExportedUsers,
    GetUsersResponse,
    MergePair,
    MergePairDict,
    MergeResponse,
    User,
    UserDict,
)
from netaudience.wire import JsonValue


async def every_call(client: MoEngageClient) -> None:
    user = User("user-1", {"points": 20, "platforms": [{"platform": "iOS", "active": True}]})
    assert_type(await client.track_user(user), Accepted)
    assert_type(await client.track_user({"customer_id": "user-1"}, update_existing_only=True), Accepted)
    device = Device("user-1", "device-1", "ANDROID", "token", moe_push_opted=True)
    assert_type(await client.track_device(device), Accepted)
    assert_type(await client.track_event(Event(customer_id="user-1", action="seen")), Accepted)
    chosen = DeviceSelection("user-1", [{"push_id": "token"}])
    assert_type(await client.manage_devices(chosen, action="block", reason="stolen"), Accepted)
    everything = await client.manage_devices(
        {"user_identifier_value": "user-1"}, action="unblock", all_devices=True, by="customer_id"
    )
    assert_type(everything, Accepted)
    assert_type(everything.message, str | None)
    assert_type(await client.delete_user("user-1", confirm=True), Accepted)
    assert_type(client.delete_user.each(["user-1"], by="moengage_id", confirm=True), Run[str])
    assert_type(client.track_user.each([user]), Run[User | UserDict])


async def every_batch(client: MoEngageClient) -> None:
    users: list[User | UserDict] = [User("user-1"), {"customer_id": "user-2", "attributes": {"points": 5}}]
    assert_type(await client.import_users(users, update_existing_only=True), Report)
    device: DeviceDict = {"customer_id": "u1", "device_id": "d", "platform": "web", "push_id": "t"}
    assert_type(await client.import_devices([device]), Report)
    event: EventDict = {"customer_id": "user-1", "action": "seen", "attributes": {"price": 5}}
    assert_type(await client.import_events([event]), Report)
    pairs: list[MergePair | MergePairDict] = [
        MergePair("a1", "b1"),
        {"merged_user": "c1", "retained_user": "d1"},
    ]
    assert_type(await client.merge_users(pairs, confirm=True), Report)
    assert_type(await client.export_users(["user-1"]), Report)
    async with client.export_users(["user-1"], user_fields=["name"], by="id") as outcomes:
        async for chunk in outcomes.chunks():
            answer = chunk.result
            if isinstance(answer, GetUsersResponse):
                assert_type(answer.data, ExportedUsers)
                assert_type(answer.data.users[0].user_attributes, Mapping[str, JsonValue])
                assert_type(answer.data.users_not_found, Sequence[JsonValue])


def answers(merged: MergeResponse) -> None:
    assert_type(merged.operation, str | None)
    assert_type(merged.unknown, Mapping[str, JsonValue])


async def lifecycle() -> None:
    async with MoEngageClient("workspace", "key", data_center="101") as client:
        assert_type(client, MoEngageClient)
    async with MoEngageClient.from_environment() as client:
        assert_type(client, MoEngageClient)
    MoEngageClient(
        "workspace",
        "key",
        base_url="https://moengage.example.com",
        identity_resolution=["moe_mobile"],
        object_attributes=True,
        allow_truncation=True,
        send_app_key=False,
        settings=Settings(rate=5),
    )
