"""Never run: every operation as it is meant to be used, for the type checkers to agree with.

What a call gives is asserted, so that a signature that decays to Any is an error here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import assert_type

from netaudience import (
    Batcher,
    CleverTapClient,
    ClientBatcher,
    Delivered,
    Failed,
    InDoubt,
    NetmeraClient,
    Outcome,
    Outcomes,
    Rejected,
    Report,
    Run,
    Settings,
    SettledChunk,
)
from netaudience.client import Client
from netaudience.errors import NetaudienceError
from netaudience.model.wire import JsonValue
from netaudience.operations.bound import Pages
from netaudience.operations.dispatch import Operation
from netaudience.vendors import clients
from netaudience.vendors.netmera.models import (
    AttributeValue,
    AttributeValueDict,
    CategoryPreference,
    CategoryPreferenceDict,
    CategoryPreferences,
    DeviceList,
    DeviceToken,
    DeviceTokenPage,
    EmailUpdate,
    MsisdnUpdate,
    Profile,
    ProfileKeys,
    ProfileUpdate,
    ProfileUpdateDict,
    ProfileValues,
    SegmentList,
    SegmentUser,
    SegmentUsers,
    WhatsAppUpdate,
)


async def every_read(client: NetmeraClient) -> None:
    assert_type(await client.get_category_preferences("id1"), CategoryPreferences)
    assert_type(await client.get_category_preferences("id1", push_permitted=False), CategoryPreferences)
    assert_type(await client.get_profile_attributes("id1"), Profile)
    assert_type(await client.get_devices("x"), DeviceList)
    assert_type(await client.get_devices("x", only_push_permitted=True), DeviceList)
    assert_type(await client.get_segments(), SegmentList)
    assert_type(client.get_segment_users(segment_id=5883), Pages[SegmentUsers, SegmentUser])
    assert_type(client.get_device_tokens(page_size=10, offset=20), Pages[DeviceTokenPage, DeviceToken])
    async for row in client.get_device_tokens():
        assert_type(row, DeviceToken)
        assert_type(row.push_permitted, bool | None)
        assert_type(row.unknown, Mapping[str, JsonValue])
    async for page in client.get_device_tokens().pages():
        assert_type(page, DeviceTokenPage)
        assert_type(page.devices, Sequence[DeviceToken])


async def every_batch(client: NetmeraClient) -> None:
    assert_type(await client.tag_users(["a"], tag="x"), Report)
    assert_type(await client.untag_users(["a"], tag="x"), Report)
    assert_type(await client.delete_users_permanently(["a"], confirm=True), Report)
    assert_type(await client.set_category_preferences([CategoryPreference("a", "c", enable=True)]), Report)
    profile: dict[str, JsonValue] = {"age": 24, "list": [1, None], "map": {"a": True}}
    assert_type(await client.set_profile_attributes([ProfileUpdate("a", profile)]), Report)
    assert_type(await client.unset_profile_attributes([ProfileKeys("a", ["age"])]), Report)
    assert_type(await client.push_profile_attributes([ProfileValues("a", profile={"list": ["x"]})]), Report)
    assert_type(await client.pull_profile_attributes([ProfileValues("a", profile={"list": ["x"]})]), Report)
    assert_type(await client.delete_profile_attributes_of_all_users(["age"], confirm=True), Report)
    values = [AttributeValue("a", "b")]
    assert_type(await client.delete_profile_attribute_value_of_all_users(values, confirm=True), Report)
    assert_type(await client.enable_mail(["a"]), Report)
    assert_type(await client.disable_mail(["a@example.com"], by="email"), Report)
    assert_type(await client.enable_sms(["a"], by="ext_id"), Report)
    assert_type(await client.disable_sms(["+90"], by="msisdn"), Report)
    assert_type(await client.enable_whats_app(["+90"], by="wp_number"), Report)
    assert_type(await client.disable_whats_app(["a"], wp_numbers=["+90"]), Report)


async def rows_by_the_vendors_names(client: NetmeraClient) -> None:
    named: list[ProfileUpdateDict] = [{"extId": "a", "profile": {"age": 24}}]
    assert_type(await client.set_profile_attributes(named), Report)
    preference: CategoryPreferenceDict = {"extId": "a", "category": "c", "enable": True}
    preferences: list[CategoryPreference | CategoryPreferenceDict]
    preferences = [preference, CategoryPreference("a", "c", enable=True)]
    assert_type(await client.set_category_preferences(preferences), Report)
    value: AttributeValueDict = {"key": "a", "value": "b"}
    assert_type(await client.delete_profile_attribute_value_of_all_users([value], confirm=True), Report)
    await client.update_email({"extId": "a", "email": "a@example.com"})
    await client.update_msisdn({"extId": "a", "msisdn": "+90"})
    await client.update_whats_app({"extId": "a", "wpNumber": "+90"})


async def every_call(client: NetmeraClient) -> None:
    await client.enable_push("a")
    await client.disable_push("token", by="device_token")
    await client.send_push_approval(97)
    await client.update_email(EmailUpdate("a", "a@example.com"))
    await client.update_msisdn(MsisdnUpdate("a", "+90"))
    await client.update_whats_app(WhatsAppUpdate("a", "+90"))
    assert_type(client.get_devices.each(["a"], only_push_permitted=True), Run[str])
    assert_type(await client.send_push_approval.each([1, 2]), Report)
    assert_type(await client.enable_push.each(["a"], by="device_token").settled(), Report)


async def sources(client: NetmeraClient) -> None:
    async def one_by_one() -> AsyncIterator[str]:
        yield "a"

    async def page_by_page() -> AsyncIterator[list[str]]:
        yield ["a", "b"]

    assert_type(client.tag_users((name for name in "ab"), tag="x"), Run[str])
    assert_type(client.tag_users({"a", "b"}, tag="x"), Run[str])
    assert_type(client.tag_users(one_by_one(), tag="x"), Run[str])
    await client.tag_users(page_by_page(), tag="x")


def key_of(outcome: Outcome[str]) -> str:
    """Return what names an outcome; the match is exhaustive, or this has no return."""
    match outcome:
        case Delivered(_, item):
            return str(item)  # mypy takes the item of a narrowed outcome for Any
        case Rejected() | Failed() | InDoubt():
            assert_type(outcome.reason, NetaudienceError)
            return outcome.key


async def streams(client: CleverTapClient) -> None:
    run = client.demerge(["a"])
    assert_type(run, Run[str])
    async with run as outcomes:
        assert_type(outcomes, Outcomes[str])
        async for outcome in outcomes:
            assert_type(outcome, Outcome[str])
            key_of(outcome)
        async for chunk in outcomes.chunks():
            assert_type(chunk, SettledChunk[str])
            for settled in chunk:
                assert_type(settled, Outcome[str])
        assert_type(outcomes.report, Report)


async def lifecycle() -> None:
    async with NetmeraClient("key", settings=Settings(rate=5, in_flight=2)) as netmera:
        assert_type(netmera, NetmeraClient)
        assert_type(netmera.with_options(deadline=0.5), NetmeraClient)
    async with CleverTapClient.from_environment() as clevertap:
        assert_type(clevertap, CleverTapClient)
    assert_type(NetmeraClient.operations(), dict[str, Operation])
    assert_type(clients(), tuple[type[Client], ...])
    CleverTapClient("a", "b", region="in1", account_time_zone="Europe/Istanbul")
    CleverTapClient("a", "b", base_url="https://api.clevertap.com")


async def batchers(netmera: NetmeraClient) -> None:
    async with netmera.tag_users.given(tag="x").batcher(linger=0.1, coalesce=True) as sink:
        assert_type(sink, Batcher[str])
        future = await sink.put("a")
        assert_type(future, asyncio.Future[Outcome[str]])
        assert_type(await future, Outcome[str])
        assert_type(sink.report, Report)
    await netmera.tag_users.given(tag="x")(["a"])
    await netmera.get_devices.given(only_push_permitted=True)("a")
    async with netmera.set_profile_attributes.batcher(when_full="raise") as rows:
        await rows.put({"extId": "a", "profile": {"age": 1}})
        await rows.put(ProfileUpdate("a", {"age": 1}))
    async with netmera.batcher() as changes:
        assert_type(changes, ClientBatcher)
        one = await changes.put(netmera.tag_users.given(tag="x"), "a")
        assert_type(one, asyncio.Future[Outcome[str]])
        await changes.put(netmera.update_email, EmailUpdate("a", "b"))
        row: ProfileUpdateDict = {"extId": "a", "profile": {"age": 1}}
        await changes.put(netmera.set_profile_attributes, row)
        await changes.put(netmera.enable_push, "a")
