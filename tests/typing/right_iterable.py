"""Never run: every operation of Iterable as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import IterableClient, Report, Run, Settings
from netaudience.model.wire import JsonValue
from netaudience.vendors.iterable.models import (
    BrowserRegistration,
    DeviceReference,
    DeviceReferenceDict,
    DeviceRegistration,
    DeviceRegistrationDict,
    DoubleOptIn,
    EmailChange,
    EmailChangeDict,
    Event,
    EventDict,
    EventWithoutId,
    EventWithoutIdDict,
    FailedUpdates,
    GetUserResponse,
    IterableResponse,
    Merge,
    MergeDict,
    SentMessages,
    SubscriptionsResult,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TrackResult,
    User,
    UserBulkResult,
    UserReference,
    UserReferenceDict,
    UserUpdate,
    UserUpdateDict,
)
from netaudience.vendors.iterable.project import (
    Channel,
    ExportFile,
    ExportJobs,
    Forgotten,
    GetListsResponse,
    IterableList,
    ListMembers,
    MessageType,
    NewList,
    NewListDict,
)


async def every_call(client: IterableClient) -> None:
    update = UserUpdate(email="a@example.com", data_fields={"age": 24}, merge_nested_objects=True)
    assert_type(await client.update_user(update), IterableResponse)
    assert_type(await client.update_user(update, create_new_fields=False), IterableResponse)
    device = DeviceRegistration(token="t", platform="GCM", application_name="App", user_id="1")
    assert_type(await client.register_device_token(device), IterableResponse)
    assert_type(await client.disable_device(DeviceReference(token="t", user_id="1")), IterableResponse)
    assert_type(await client.disable_device(DeviceReference(token="t"), everywhere=True), IterableResponse)
    change = EmailChange(new_email="b@example.com", current_email="a@example.com")
    assert_type(await client.update_email(change), IterableResponse)
    assert_type(await client.delete_user("a@example.com"), IterableResponse)
    assert_type(await client.delete_user_by_user_id("1"), IterableResponse)
    assert_type(await client.forget_user("a@example.com"), IterableResponse)
    assert_type(await client.forget_user_by_user_id("1"), IterableResponse)
    found = await client.get_user("a@example.com")
    assert_type(found, GetUserResponse)
    assert_type(found.user, User | None)
    assert_type(await client.get_user_by_user_id("1"), GetUserResponse)
    assert_type(client.update_user.each([update]), Run[UserUpdate | UserUpdateDict])
    assert_type(client.get_user.each(["a@example.com"]), Run[str])
    assert_type(await client.forget_user.each(["a@example.com"]).settled(), Report)


async def what_a_project_has(client: IterableClient) -> None:
    lists = await client.get_lists()
    assert_type(lists, GetListsResponse)
    assert_type(lists.lists, Sequence[IterableList])
    assert_type((await client.create_list(NewList(name="VIP"))).list_id, int)
    new: NewListDict = {"name": "VIP"}
    assert_type(client.create_list.each([new]), Run[NewList | NewListDict])
    assert_type(await client.delete_list(1), IterableResponse)
    async for member in client.get_list_users(list_id=1, prefer_user_id=True):
        assert_type(member, str)
    assert_type(await client.preview_list_users(1, size=10), ListMembers)
    assert_type((await client.get_list_size(1)).count, int)
    assert_type(await client.get_list_size.each([1, 2]).settled(), Report)
    assert_type((await client.get_fields()).fields, Mapping[str, str])
    assert_type((await client.get_channels()).channels, Sequence[Channel])
    assert_type((await client.get_message_types()).message_types, Sequence[MessageType])
    assert_type("a@example.com" in await client.get_forgotten_users(), bool)
    assert_type(await client.get_forgotten_user_ids(), Forgotten)
    assert_type(await client.unforget_user("a@example.com"), IterableResponse)
    assert_type(await client.unforget_user_by_user_id("1"), IterableResponse)
    merge = Merge(source_user_id="1", destination_email="a@example.com")
    assert_type(await client.merge_users(merge, confirm=True), IterableResponse)
    assert_type(client.merge_users.each([merge], confirm=True), Run[Merge | MergeDict])
    await client.subscribe_user("a@example.com", group="emailList", group_id=1)
    await client.subscribe_user_by_user_id("1", group="messageType", group_id=1)
    await client.unsubscribe_user("a@example.com", group="messageChannel", group_id=1)
    await client.unsubscribe_user_by_user_id("1", group="emailList", group_id=1)
    started = await client.start_export(
        data_type="user", start="2026-01-01 00:00:00", end="2026-01-31 00:00:00"
    )
    assert_type(started.job_id, int)
    assert_type((await client.get_export_files(started.job_id)).files, Sequence[ExportFile])
    assert_type(await client.cancel_export(1), IterableResponse)
    one = [UserReference(user_id="1")]
    run = client.change_subscription(one, group="emailList", group_id=1, action="subscribe")
    assert_type(run, Run[UserReference | UserReferenceDict])


async def every_batch(client: IterableClient) -> None:
    users = [UserUpdate(user_id="1", prefer_user_id=True)]
    assert_type(await client.bulk_update_users(users), Report)
    assert_type(await client.bulk_update_users(users, create_new_fields=True), Report)
    updates = [SubscriptionUpdate(email="a@example.com", email_list_ids=[], unsubscribed_channel_ids=(1,))]
    assert_type(await client.bulk_update_subscriptions(updates), Report)
    assert_type(await client.subscribe_to_list(users, list_id=5), Report)
    assert_type(await client.subscribe_to_list(users, list_id=5, update_existing_users_only=True), Report)
    references = [UserReference(email="a@example.com")]
    assert_type(await client.unsubscribe_from_list(references, list_id=5), Report)
    assert_type(
        await client.unsubscribe_from_list(references, list_id=5, channel_unsubscribe=True, campaign_id=7),
        Report,
    )
    event = Event(event_name="bought", id="e1", user_id="1", created_at=1_700_000_000)
    assert_type(await client.track_events([event]), Report)
    without = EventWithoutId(event_name="bought", email="a@example.com", campaign_id=1, template_id=2)
    assert_type(await client.track_events_without_ids([without]), Report)
    assert_type(client.track_events([event]), Run[Event | EventDict])


async def every_neighbour(client: IterableClient) -> None:
    browser = BrowserRegistration(browser_token="t", user_id="1")
    assert_type(await client.register_browser_token(browser), IterableResponse)
    update = SubscriptionUpdate(user_id="1", email_list_ids=[])
    assert_type(await client.update_subscriptions(update), IterableResponse)
    assert_type(await client.subscribe_to_double_opt_in({"userId": "1", "messageTypeIds": [1]}), None)
    await client.subscribe_to_double_opt_in(DoubleOptIn(user_id="1", message_type_ids=[1]))
    event = Event(event_name="bought", id="e1", user_id="1")
    assert_type(await client.track_event(event), IterableResponse)
    without = EventWithoutId(event_name="bought", user_id="1")
    assert_type(await client.track_event_without_id(without), IterableResponse)
    assert_type(await client.get_sent_messages("1", by="user_id", limit=5), SentMessages)
    assert_type(await client.get_export_jobs(job_state="Running"), ExportJobs)


async def rows_by_the_vendors_names(client: IterableClient) -> None:
    user: UserUpdateDict = {"email": "a@example.com", "dataFields": {"age": 24}, "mergeNestedObjects": True}
    await client.update_user(user)
    await client.bulk_update_users([user, UserUpdate(user_id="1")])
    await client.subscribe_to_list([user], list_id=5)
    device: DeviceRegistrationDict = {"token": "t", "platform": "APNS", "applicationName": "A", "userId": "1"}
    await client.register_device_token(device)
    token: DeviceReferenceDict = {"token": "t", "email": "a@example.com"}
    await client.disable_device(token)
    change: EmailChangeDict = {"newEmail": "b@example.com", "currentUserId": "1"}
    await client.update_email(change)
    subscriptions: SubscriptionUpdateDict = {"userId": "1", "subscribedMessageTypeIds": [1]}
    await client.bulk_update_subscriptions([subscriptions])
    reference: UserReferenceDict = {"userId": "1"}
    await client.unsubscribe_from_list([reference], list_id=5)
    event: EventDict = {"eventName": "bought", "id": "e1", "userId": "1"}
    await client.track_events([event])
    without: EventWithoutIdDict = {"eventName": "bought", "email": "a@example.com"}
    await client.track_events_without_ids([without])


def answers(users: UserBulkResult, subscriptions: SubscriptionsResult, events: TrackResult) -> None:
    assert_type(users.success_count, int | None)
    assert_type(users.failed_updates, FailedUpdates)
    assert_type(users.failed_updates.invalid_data_user_ids, Sequence[str])
    assert_type(users.filtered_out_fields, Sequence[str])
    assert_type(subscriptions.valid_email_failures, Sequence[str])
    assert_type(events.disallowed_event_names, Sequence[str])
    assert_type(events.unknown, Mapping[str, JsonValue])


async def lifecycle() -> None:
    async with IterableClient("key", region="us", project_type="email") as client:
        assert_type(client, IterableClient)
    async with IterableClient.from_environment(settings=Settings(rate=5)) as client:
        assert_type(client, IterableClient)
    IterableClient("key", region="eu", project_type="hybrid", both_identifiers=True, project="shop")
    IterableClient("key", base_url="https://api.iterable.com")
