"""Never run: every operation of CleverTap as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import CleverTapClient, Report, Run
from netaudience.bound import Pages
from netaudience.vendors.clevertap.models import (
    EventSummary,
    EventUpload,
    EventUploadDict,
    Platform,
    Profile,
    ProfilePage,
    ProfileUpload,
    ProfileUploadDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TokenUpload,
    TokenUploadDict,
)
from netaudience.wire import JsonValue


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
