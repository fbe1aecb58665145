"""Never run: every operation of Netmera as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import NetmeraClient, Report, Run
from netaudience.bound import Pages
from netaudience.vendors.netmera.models import (
    AttributeDefinition,
    AttributeDefinitions,
    AttributeValue,
    CategoryPreference,
    CategoryPreferences,
    Device,
    DeviceList,
    DeviceTokenPage,
    EmailUpdate,
    MsisdnUpdate,
    Profile,
    ProfileKeys,
    ProfileUpdate,
    ProfileValues,
    SegmentList,
    SegmentUsers,
    UserCount,
    UserEvent,
    UserEventDict,
    UserRegistration,
    UserRegistrationDict,
    WhatsAppUpdate,
)
from netaudience.wire import JsonValue


async def users(client: NetmeraClient) -> None:
    registered = [UserRegistration(ext_id="a", platform="IOS", tags=["Sport"], profile={"age": 24})]
    assert_type(await client.register_users(registered), Report)
    named: UserRegistrationDict = {"msisdn": "+905321234567"}
    both: list[UserRegistration | UserRegistrationDict] = [named, *registered]
    assert_type(client.register_users(both), Run[UserRegistration | UserRegistrationDict])
    assert_type(await client.delete_users(["a"], confirm=True), Report)
    assert_type(await client.delete_users_permanently(["a"], confirm=True), Report)
    assert_type(await client.tag_users(["a"], tag="x"), Report)
    assert_type(await client.untag_users(["a"], tag="x", more_tags=("y",)), Report)
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
    assert_type(await client.push_profile_attributes([ProfileValues("a", {"list": ["x"]})]), Report)
    assert_type(await client.pull_profile_attributes([ProfileValues("a", {"list": ["x"]})]), Report)
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
    assert_type(client.get_device_tokens(), Pages[DeviceTokenPage, Device])
    assert_type(await client.get_segments(os="IOS"), SegmentList)
    assert_type(await client.get_segment_users("5883", os="ANDROID"), SegmentUsers)
    assert_type(await client.send_push_approval.each([97]), Report)
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
    assert_type(await client.update_whats_app.each([WhatsAppUpdate("a", ["+905321234567"])]), Report)
    await client.remove_email("a")
    await client.remove_msisdn("a")
    assert_type(client.remove_whats_app.each(["a"]), Run[str])
    assert_type(await client.add_email(["a@example.com"]), Report)
    assert_type(await client.add_msisdn(["+905321234567"]), Report)
