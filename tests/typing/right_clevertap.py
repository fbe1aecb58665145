"""Never run: every operation of CleverTap as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import CleverTapClient, Report, Run
from netaudience.model.wire import JsonValue
from netaudience.operations.bound import Pages
from netaudience.vendors.clevertap.models import (
    ApiSegment,
    Count,
    CustomList,
    EventPage,
    EventRecord,
    EventSummary,
    EventUpload,
    EventUploadDict,
    NewApiSegment,
    Platform,
    Profile,
    ProfileFound,
    ProfilePage,
    ProfileUpload,
    ProfileUploadDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TokenUpload,
    TokenUploadDict,
)


async def every_question(client: CleverTapClient) -> None:
    found = await client.get_profile("a", by="email")
    assert_type(found, ProfileFound)
    assert_type(found.record, Profile)
    assert_type(await client.get_profile.each(["a"]).settled(), Report)
    count = await client.count_profiles(event_name="App Launched", from_date=20260101, to_date=20260131)
    assert_type(count, Count)
    assert_type(count.count, int | None)
    assert_type(await client.count_events(event_name="Charged", from_date=20260101, to_date=20260131), Count)
    made = await client.create_custom_list(members=["a"], name="VIP", email="a@example.com", creator="me")
    assert_type(made, CustomList)
    made = await client.replace_custom_list(
        members=["a"], name="VIP", email="a@example.com", creator="me", by="guid"
    )
    assert_type(made.segment_id, int | None)


async def every_batch(client: CleverTapClient) -> None:
    assert_type(await client.demerge(["a"]), Report)
    assert_type(await client.delete_profiles(["a"], confirm=True), Report)
    assert_type(await client.delete_profiles(["a"], by="guid", confirm=True), Report)
    data: dict[str, JsonValue] = {"Name": "x", "Tags": {"$remove": ["a"]}, "DOB": "$D_630720000"}
    rows = [ProfileUpload(identity="a", profile_data=data, ts=1468308340)]
    assert_type(await client.upload_profiles(rows), Report)
    assert_type(await client.upload_profile_changes(rows), Report)
    assert_type(await client.upload_events([EventUpload(fbid="a", name="Seen", data={"a": 1})]), Report)
    assert_type(await client.upload_device_tokens([TokenUpload("o", "t", "fcm", {"auth": "x"})]), Report)
    subscriptions = [SubscriptionUpdate("phone", "+905321234567", "Unsubscribe")]
    assert_type(await client.set_subscription(subscriptions), Report)
    assert_type(client.disassociate_phone_numbers(["+905321234567"]), Run[str])


async def rows_by_the_vendors_names(client: CleverTapClient) -> None:
    profile: ProfileUploadDict = {"objectId": "a", "profileData": {"Name": "x"}}
    profiles: list[ProfileUpload | ProfileUploadDict] = [profile, ProfileUpload(gpid="b", profile_data={})]
    assert_type(client.upload_profiles(profiles), Run[ProfileUpload | ProfileUploadDict])
    assert_type(await client.upload_profile_changes([profile]), Report)
    event: EventUploadDict = {"identity": "a", "evtName": "Seen", "evtData": {"a": [1]}, "ts": 1468308340}
    assert_type(await client.upload_events([event]), Report)
    token: TokenUploadDict = {"objectId": "o", "id": "t", "type": "fcm"}
    assert_type(await client.upload_device_tokens([token]), Report)
    subscription: SubscriptionUpdateDict = {"type": "email", "value": "a", "status": "Resubscribe"}
    assert_type(await client.set_subscription([subscription]), Report)


async def every_read(client: CleverTapClient) -> None:
    rows = client.get_profiles(event_name="App Launched", from_date=20260101, to_date=20260131, page_size=23)
    assert_type(rows, Pages[ProfilePage, Profile])
    async for row in rows:
        assert_type(row, Profile)
        assert_type(row.identity, str | None)
        assert_type(row.profile_data, Mapping[str, JsonValue])
        assert_type(row.events, Mapping[str, EventSummary])
        assert_type(row.platforms, Sequence[Platform])
    async for page in rows.pages():
        assert_type(page.next_cursor, str | None)
    events = client.get_events(event_name="Charged", from_date=20260101, to_date=20260131)
    assert_type(events, Pages[EventPage, EventRecord])


async def segments_by_api(client: CleverTapClient) -> None:
    assert_type(await client.create_api_segment(NewApiSegment("VIP", "SEG1")), ApiSegment)
    run = client.update_api_segment(["a"], instruction={"key": "value"}, segment_id="SEG1")
    assert_type(await run, Report)
