"""Never run: every operation of MoEngage as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import MoEngageClient, Report, Run, Settings
from netaudience.model.wire import JsonValue
from netaudience.operations.later import Later
from netaudience.vendors.moengage.consent_models import (
    Acknowledged,
    CategoryPreference,
    CategoryPreferenceDict,
    ChannelPreference,
    ChannelPreferenceDict,
    ErasureSubject,
    ErasureSubjectDict,
    GdprAccepted,
    OptIn,
    OptInDict,
    Preferences,
    PreferencesAccepted,
    SubscriptionCategories,
)
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
from netaudience.vendors.moengage.segments import (
    FileSegmentDict,
    SegmentAccepted,
    SegmentCallback,
    SegmentFile,
    SegmentFileDict,
    SegmentName,
)


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


async def consents(client: MoEngageClient) -> None:
    subject: ErasureSubjectDict = {"ID": "user-1"}
    assert_type(await client.request_erasure(subject, confirm=True), GdprAccepted)
    assert_type(
        await client.request_erasure(ErasureSubject(email="a@example.com"), confirm=True), GdprAccepted
    )
    assert_type(await client.list_subscription_categories(channel="sms"), SubscriptionCategories)
    assert_type(await client.get_subscription_preferences("user-1", by="uid"), Preferences)
    off: ChannelPreferenceDict = {"user_identifier_value": "user-1", "is_globally_unsubscribed": True}
    assert_type(await client.set_subscription_preferences(off), PreferencesAccepted)
    on = ChannelPreference("user-1", is_globally_unsubscribed=False)
    assert_type(await client.set_subscription_preferences(on, lift_unsubscribes=True), PreferencesAccepted)
    assert_type(await client.change_categories("user-1", {"offers": False}), PreferencesAccepted | None)
    row: CategoryPreferenceDict = {"customer_id": "user-1", "unsubscribe_all": True}
    assert_type(
        await client.set_category_preferences([row, CategoryPreference("user-2", {"a": True})]), Report
    )
    assert_type(await client.resubscribe(["a@example.com"], confirm=True), Report)
    members = client.add_cohort_members(["user-1"], cohort_id="c", cohort_name="n", partner="p")
    assert_type(await members, Report)
    gone = client.remove_cohort_members(["user-1"], cohort_id="c", cohort_name="n", partner="p")
    assert_type(gone, Run[str])


async def opt_ins(client: MoEngageClient) -> None:
    assert_type(await client.set_opt_in_status(OptIn("user-1", opt_in_status="OPTED_OUT")), Acknowledged)
    opt_in: OptInDict = {"email_id": "a@example.com", "categories": {"offers": False}}
    await client.set_opt_in_status(opt_in)
    assert_type((await client.test_connection()).app_name, str | None)


async def segments(client: MoEngageClient) -> None:
    segment: FileSegmentDict = {
        "name": "n",
        "attribute_name": "uid",
        "attribute_type": "string",
        "file_url": "https://a.example/f.csv",
        "expiry_time": 30,
    }
    assert_type(await client.create_file_segment(segment), SegmentAccepted)
    file: SegmentFileDict = {
        "name": "n",
        "attribute_name": "uid",
        "attribute_type": "string",
        "file_url": "https://a.example/f.csv",
    }
    assert_type(await client.add_segment_users(file), SegmentAccepted)
    assert_type(await client.remove_segment_users(file), SegmentAccepted)
    assert_type(await client.replace_segment_users(SegmentFile(**file)), SegmentAccepted)
    assert_type(await client.archive_segment({"name": "n"}), SegmentAccepted)
    assert_type(await client.unarchive_segment(SegmentName("n")), SegmentAccepted)
    later = client.follow_segment("n")
    assert_type(later, Later[SegmentCallback])
    assert_type((await later.settled(timeout=60)).user_count, int | None)
    assert_type(client.receive_segment_callback(b"{}"), SegmentCallback)


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
