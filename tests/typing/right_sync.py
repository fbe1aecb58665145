"""Never run: the blocking clients as they are meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from netaudience import Report, Settings, SettledChunk
from netaudience.operations.blocking import BlockingPages, BlockingRun
from netaudience.outcomes import Delivered, Failed, InDoubt, Rejected
from netaudience.sync import (
    BlockingOutcomes,
    CleverTapClient,
    FyndClient,
    IterableClient,
    MoEngageClient,
    NetmeraClient,
)
from netaudience.vendors.clevertap.models import Profile as CleverTapProfile
from netaudience.vendors.clevertap.models import ProfilePage, ProfileUpload
from netaudience.vendors.fynd.models import (
    AttributeDefinition,
    AttributeDefinitionList,
    CustomerSearch,
    Deleted,
    UserAttribute,
    UserAttributeValue,
    UserAttributeValueDict,
)
from netaudience.vendors.iterable.models import GetUserResponse, IterableResponse, UserUpdate
from netaudience.vendors.moengage.models import Accepted, User, UserDict
from netaudience.vendors.netmera.models import (
    DeviceList,
    DeviceToken,
    DeviceTokenPage,
    ProfileUpdate,
    SegmentList,
    UserCount,
)


def a_batch_of_netmera(client: NetmeraClient) -> None:
    assert_type(client.tag_users(["a"], tag="x"), Report)
    assert_type(client.tag_users((str(number) for number in range(9)), tag="x"), Report)
    assert_type(client.tag_users.settled(["a"], tag="x"), Report)
    assert_type(client.tag_users.outcomes(["a"], tag="x"), BlockingRun[str])
    assert_type(
        client.tag_users.journaled("a.journal", source="s", on_doubt="resend")(["a"], tag="x"), Report
    )
    assert_type(client.delete_users_permanently(["a"], confirm=True), Report)
    assert_type(client.set_profile_attributes([ProfileUpdate("a", {"age": 24})]), Report)
    with client.tag_users.outcomes(["a"], tag="x") as outcomes:
        assert_type(outcomes, BlockingOutcomes[str])
        assert_type(outcomes.report, Report)
        assert_type(outcomes.chunks(), Iterator[SettledChunk[str]])
        for outcome in outcomes:
            assert_type(outcome, Delivered[str] | Rejected[str] | Failed[str] | InDoubt[str])
    with client.tag_users.journaled("a.journal").outcomes(["a"], tag="x") as outcomes:
        assert_type(next(outcomes).position, int)


def the_rest_of_netmera(client: NetmeraClient) -> None:
    assert_type(client.get_devices("a", only_push_permitted=True), DeviceList)
    assert_type(client.enable_push.each(["t"], by="device_token"), Report)
    assert_type(client.enable_push.each.settled(["a"]), Report)
    assert_type(client.enable_push.each.outcomes(["a"]), BlockingRun[str])
    assert_type(client.get_segments(), SegmentList)
    assert_type(client.count_users(), UserCount)
    assert_type(client.get_device_tokens(page_size=10), BlockingPages[DeviceTokenPage, DeviceToken])
    for device in client.get_device_tokens():
        assert_type(device, DeviceToken)
    for page in client.get_device_tokens().pages():
        assert_type(page, DeviceTokenPage)
    client.remove_email("a")


def iterable(client: IterableClient) -> None:
    update = UserUpdate(email="a@example.com")
    assert_type(client.bulk_update_users([update, {"userId": "1"}], create_new_fields=True), Report)
    assert_type(client.update_user(update), IterableResponse)
    assert_type(client.update_user.each([update]), Report)
    assert_type(client.get_user("a@example.com"), GetUserResponse)


def clevertap(client: CleverTapClient) -> None:
    assert_type(client.upload_profiles([ProfileUpload(identity="a", profile_data={})]), Report)
    assert_type(client.delete_profiles(["a"], by="guid", confirm=True), Report)
    rows = client.get_profiles(event_name="App Launched", from_date=20260101, to_date=20260131)
    assert_type(rows, BlockingPages[ProfilePage, CleverTapProfile])


def moengage(client: MoEngageClient) -> None:
    assert_type(client.follow_segment("VIPs").wait(timeout=60).user_count, int | None)
    users: list[User | UserDict] = [User("user-1"), {"customer_id": "user-2"}]
    assert_type(client.import_users(users, update_existing_only=True), Report)
    assert_type(client.import_users.outcomes(users), BlockingRun[User | UserDict])
    assert_type(client.track_user(User("user-1")), Accepted)
    assert_type(client.delete_user.each(["user-1"], by="moengage_id", confirm=True), Report)


def fynd(client: FyndClient) -> None:
    assert_type(client.search_customers(q="a"), CustomerSearch)
    assert_type(client.get_user_attribute("u1", definition_id="d1"), UserAttribute)
    assert_type(client.delete_attribute_definition("d1", confirm=True), Deleted)
    value: UserAttributeValueDict = {"user_id": "u1", "definition_id": "d1", "value": True}
    assert_type(client.set_user_attribute.each([value, UserAttributeValue("u1", "d1", 2.5)]), Report)
    found = client.list_attribute_definitions(name="n", page_size=10)
    assert_type(found, BlockingPages[AttributeDefinitionList, AttributeDefinition])


def lifecycle() -> None:
    with NetmeraClient("key", base_url="https://netmera.example.com") as client:
        assert_type(client, NetmeraClient)
    with IterableClient.from_environment(settings=Settings(rate=5)) as project:
        assert_type(project, IterableClient)
    CleverTapClient("a", "b", region="in1").close()
    MoEngageClient("workspace", "key", data_center="101").close()
    FyndClient("id", "secret", "559", "app").close()
