"""Never run: every operation of Netmera as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import assert_type

from netaudience import NetmeraClient, Report, Run
from netaudience.model.wire import JsonValue
from netaudience.operations.bound import Pages
from netaudience.vendors.netmera.models import (
    AttributeDefinition,
    AttributeDefinitions,
    AttributeValue,
    CategoryPreference,
    CategoryPreferences,
    DeviceList,
    DeviceToken,
    DeviceTokenPage,
    EmailUpdate,
    EventDefinition,
    EventDefinitions,
    MsisdnUpdate,
    Profile,
    ProfileKeys,
    ProfileUpdate,
    ProfileValues,
    PushCategories,
    SegmentList,
    SegmentUser,
    SegmentUsers,
    UserCount,
    UserEvent,
    UserEventDict,
    UserRegistration,
    UserRegistrationDict,
    WhatsAppUpdate,
)
from netaudience.vendors.netmera.promotions import PromotionCode, Tester
from netaudience.vendors.netmera.segment_models import (
    SegmentChange,
    SegmentChangeDict,
    SegmentDefinition,
    SegmentDefinitionDict,
    SegmentState,
    ValueCounts,
)


async def users(client: NetmeraClient) -> None:
    registered = [UserRegistration(ext_id="a", platform="IOS", tags=["Sport"], profile={"age": 24})]
    assert_type(await client.register_users(registered), Report)
    named: UserRegistrationDict = {"msisdn": "+905321234567"}
    both: list[UserRegistration | UserRegistrationDict] = [named, *registered]
    assert_type(client.register_users(both), Run[UserRegistration | UserRegistrationDict])
    assert_type(await client.delete_users(["a"], confirm=True), Report)
    assert_type(await client.delete_users_permanently(["a"], confirm=True), Report)
    assert_type(await client.tag_users(["a"], tag="x"), Report)
    assert_type(await client.untag_users(["a"], tag="x"), Report)
    assert_type(await client.set_category_preferences([CategoryPreference("a", "c", enable=True)]), Report)
    assert_type(await client.get_category_preferences("a", push_permitted=True), CategoryPreferences)
    assert_type(await client.fire_events([UserEvent("a", "Seen", {"itemId": "4234"})]), Report)
    event: UserEventDict = {"extId": "a", "name": "Seen", "attributes": {"itemId": "4234"}}
    assert_type(await client.fire_events([event]), Report)


async def profiles(client: NetmeraClient) -> None:
    profile: dict[str, JsonValue] = {"age": 24}
    assert_type(await client.get_profile_attributes("a"), Profile)
    assert_type(await client.set_profile_attributes([ProfileUpdate("a", profile)]), Report)
    assert_type(await client.unset_profile_attributes([ProfileKeys("a", ["age"])]), Report)
    assert_type(await client.push_profile_attributes([ProfileValues("a", profile={"list": ["x"]})]), Report)
    assert_type(await client.pull_profile_attributes([ProfileValues("a", profile={"list": ["x"]})]), Report)
    assert_type(await client.delete_profile_attributes_of_all_users(["age"], confirm=True), Report)
    values = [AttributeValue("a", "b")]
    assert_type(await client.delete_profile_attribute_value_of_all_users(values, confirm=True), Report)
    definitions = await client.get_attribute_definitions()
    assert_type(definitions, AttributeDefinitions)
    assert_type(definitions.custom, Sequence[AttributeDefinition])
    assert_type(definitions.custom[0].array, bool | None)
    assert_type(definitions.unknown, Mapping[str, JsonValue])


async def devices(client: NetmeraClient) -> None:
    assert_type(await client.enable_push.each(["a"]), Report)
    assert_type(await client.disable_push.each(["t"], by="device_token").settled(), Report)
    assert_type(await client.get_devices("a"), DeviceList)
    assert_type(client.get_device_tokens(), Pages[DeviceTokenPage, DeviceToken])
    assert_type(await client.send_push_approval.each([97]), Report)


async def segments(client: NetmeraClient) -> None:
    assert_type(await client.get_segments(), SegmentList)
    assert_type(await client.get_segment(5883), SegmentState)
    assert_type(client.get_segment_users(segment_id=5883), Pages[SegmentUsers, SegmentUser])
    made = SegmentDefinition(name="a", profile=[{"type": "PROFILE"}])
    assert_type(await client.create_segment(made), SegmentState)
    named: SegmentDefinitionDict = {"segmentName": "a", "pushEnabled": True}
    assert_type(await client.create_segment.each([named]), Report)
    changed: SegmentChangeDict = {"segmentId": 5, "segmentName": "a", "pushEnabled": True}
    assert_type(await client.update_segment(changed), SegmentState)
    assert_type(
        await client.update_segment(SegmentChange(segment_id=5, name="a", push_enabled=True)), SegmentState
    )
    assert_type(await client.delete_segment(5), SegmentState)
    assert_type(client.reopen_segment.each([5]), Run[int])
    assert_type(await client.count_targeted_users(tag="Sport"), UserCount)
    assert_type(await client.count_users_by_value(profile="city"), ValueCounts)
    categories = await client.get_push_categories()
    assert_type(categories, PushCategories)
    assert_type(categories.names, Sequence[str])
    events = await client.get_event_definitions()
    assert_type(events, EventDefinitions)
    assert_type(events.custom, Sequence[EventDefinition])
    count = await client.count_users()
    assert_type(count, UserCount)
    assert_type(count.count, int | None)


async def contacts(client: NetmeraClient) -> None:
    assert_type(await client.enable_mail(["a"]), Report)
    assert_type(await client.disable_mail(["a@example.com"], by="email"), Report)
    assert_type(await client.enable_sms(["a"]), Report)
    assert_type(await client.disable_sms(["+905321234567"], by="msisdn"), Report)
    assert_type(await client.enable_whats_app(["+905321234567"], by="wp_number"), Report)
    assert_type(await client.disable_whats_app(["a"]), Report)
    assert_type(await client.update_email.each([EmailUpdate("a", "a@example.com")]), Report)
    assert_type(await client.update_msisdn.each([MsisdnUpdate("a", "+905321234567")]), Report)
    assert_type(await client.update_whats_app.each([WhatsAppUpdate("a", "+905321234567")]), Report)
    await client.remove_email("a")
    await client.remove_msisdn("a")
    assert_type(client.remove_whats_app.each(["a"]), Run[str])
    assert_type(await client.add_email(["a@example.com"]), Report)
    assert_type(await client.add_msisdn(["+905321234567"]), Report)
    codes = [PromotionCode("a", "SUMMER-1")]
    ends = datetime(2026, 12, 31, tzinfo=UTC)
    assert_type(await client.add_promotion_codes(codes, promotion="Summer", expiry_date=ends), Report)
    assert_type(await client.add_testers([Tester("a"), {"email": "a@example.com"}]), Report)
