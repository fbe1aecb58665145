"""Iterable's requests, written from its page of users and devices, its specification and its own client.

Where the page's sample sends an email and a userId although its text forbids that, the text is followed.
Sources: https://support.iterable.com/hc/articles/205730249, https://github.com/Iterable/api-client
"""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st
from scripted_vendors import AT_ONCE, CLEAN, NAMES, SCALARS, Golden, Scripted, Table

from netaudience import IterableClient
from netaudience.vendors.iterable.models import (
    DeviceReference,
    DeviceRegistration,
    EmailChange,
    Event,
    EventWithoutId,
    GetUserResponse,
    IterableResponse,
    SubscriptionUpdate,
    User,
    UserReference,
    UserUpdate,
)
from netaudience.wire import Response

_BASE = "https://api.iterable.com/api/"
_SUCCESS = '{"msg":"","code":"Success","params":null}'
_TAKEN = IterableResponse(code="Success")


def iterable(*answers: Response, **options: Any) -> tuple[IterableClient, Scripted]:
    """Make an Iterable client on a script."""
    transport = Scripted(*answers)
    options = {"region": "us", "settings": AT_ONCE, **options}
    return IterableClient("the-project-key", transport=transport, **options), transport


def taken(count: int, **lists: Any) -> str:
    """Return the answer to a bulk request of which everything was taken."""
    more = "".join(f',"{name}":[]' for name in lists)
    return f'{{"successCount":{count},"failCount":0,"invalidEmails":[]{more}}}'


def _call(operation: str, path: str, item: Any, body: str, **options: Any) -> Golden:
    return Golden(
        operation=operation,
        arguments=(item,),
        options=options,
        url=_BASE + path,
        body=body,
        answer=_SUCCESS,
        reads=_TAKEN,
    )


def _bulk(operation: str, path: str, items: list[Any], body: str, **options: Any) -> Golden:
    return Golden(
        operation=operation,
        arguments=(items,),
        options=options,
        url=_BASE + path,
        body=body,
        answer=taken(len(items)),
    )


_CAT = '{"email":"user@example.com","dataFields":{"catName":"Jimmy"},"mergeNestedObjects":true}'
_CAT_ROW = {"email": "user@example.com", "dataFields": {"catName": "Jimmy"}, "mergeNestedObjects": True}
_DEVICE = (
    '{{"device":{{"token":"sampleToken123","platform":"APNS","applicationName":"Pizza Tracker",'
    '"dataFields":{{"phoneModel":"iPhone 6 Plus"}}}},{user}}}'
)
_DEVICE_ROW = {
    "token": "sampleToken123",
    "platform": "APNS",
    "applicationName": "Pizza Tracker",
    "dataFields": {"phoneModel": "iPhone 6 Plus"},
}

MISSION = [
    _call("update_user", "users/update", _CAT_ROW, _CAT),
    _call(
        "update_user",
        "users/update",
        UserUpdate(email="user@example.com", data_fields={"catName": "Jimmy"}, merge_nested_objects=True),
        _CAT,
    ),
    *(
        _call(
            "update_user",
            "users/update",
            UserUpdate(user_id="298398", prefer_user_id=True),
            f'{{"userId":"298398","preferUserId":true,"createNewFields":{str(create).lower()}}}',
            create_new_fields=create,
        )
        for create in (True, False)
    ),
    _call(
        "register_device_token",
        "users/registerDeviceToken",
        {**_DEVICE_ROW, "email": "user@example.com"},
        _DEVICE.format(user='"email":"user@example.com"'),
    ),
    _call(
        "register_device_token",
        "users/registerDeviceToken",
        DeviceRegistration(
            token="sampleToken123",
            platform="APNS",
            application_name="Pizza Tracker",
            data_fields={"phoneModel": "iPhone 6 Plus"},
            user_id="298398",
            prefer_user_id=True,
        ),
        _DEVICE.format(user='"userId":"298398","preferUserId":true'),
    ),
    _call(
        "register_device_token",
        "users/registerDeviceToken",
        DeviceRegistration(token="t", platform="GCM", application_name="App", email="user@example.com"),
        '{"device":{"token":"t","platform":"GCM","applicationName":"App"},"email":"user@example.com"}',
    ),
    _call(
        "disable_device",
        "users/disableDevice",
        {"token": "sampleToken123", "email": "user@example.com"},
        '{"token":"sampleToken123","email":"user@example.com"}',
    ),
    _call(
        "disable_device",
        "users/disableDevice",
        DeviceReference(token="sampleToken123", user_id="2"),
        '{"token":"sampleToken123","userId":"2"}',
    ),
    _call(
        "disable_device",
        "users/disableDevice",
        DeviceReference(token="sampleToken123"),
        '{"token":"sampleToken123"}',
        everywhere=True,
    ),
]

_TWO_ROWS = [
    {"email": "a@example.com", "dataFields": {"age": 24}},
    {"userId": "u1", "preferUserId": True, "mergeNestedObjects": False},
]
_TWO_UPDATES = [
    UserUpdate(email="a@example.com", data_fields={"age": 24}),
    UserUpdate(user_id="u1", prefer_user_id=True, merge_nested_objects=False),
]
_TWO = (
    '[{"email":"a@example.com","dataFields":{"age":24}},'
    '{"userId":"u1","preferUserId":true,"mergeNestedObjects":false}]'
)
_TWO_REFERENCES = '[{"email":"a@example.com"},{"userId":"u1"}]'

USERS = [
    _bulk("bulk_update_users", "users/bulkUpdate", _TWO_ROWS, f'{{"users":{_TWO}}}'),
    _bulk(
        "bulk_update_users",
        "users/bulkUpdate",
        _TWO_UPDATES,
        f'{{"users":{_TWO},"createNewFields":false}}',
        create_new_fields=False,
    ),
    _call(
        "update_email",
        "users/updateEmail",
        {"currentEmail": "a@example.com", "newEmail": "a@example.org"},
        '{"currentEmail":"a@example.com","newEmail":"a@example.org"}',
    ),
    _call(
        "update_email",
        "users/updateEmail",
        EmailChange(new_email="a@example.org", current_user_id="u1"),
        '{"currentUserId":"u1","newEmail":"a@example.org"}',
    ),
    _call("forget_user", "users/forget", "a@example.com", '{"email":"a@example.com"}'),
    _call("forget_user_by_user_id", "users/forget", "u1", '{"userId":"u1"}'),
    Golden(
        operation="delete_user",
        arguments=("a+b/c@example.com",),
        method="DELETE",
        url=f"{_BASE}users/a%2Bb%2Fc%40example.com",
        answer=_SUCCESS,
        reads=_TAKEN,
    ),
    Golden(
        operation="delete_user_by_user_id",
        arguments=("u/1 a?b#c",),
        method="DELETE",
        url=f"{_BASE}users/byUserId/u%2F1%20a%3Fb%23c",
        answer=_SUCCESS,
        reads=_TAKEN,
    ),
    Golden(
        operation="get_user",
        arguments=("a+b@example.com",),
        method="GET",
        url=f"{_BASE}users/getByEmail",
        query=[("email", "a+b@example.com")],
        answer='{"user":{"email":"a+b@example.com","userId":"u1","dataFields":{"age":24}}}',
        reads=GetUserResponse(user=User(email="a+b@example.com", user_id="u1", data_fields={"age": 24})),
    ),
    Golden(
        operation="get_user_by_user_id",
        arguments=("u/1&a=b",),
        method="GET",
        url=f"{_BASE}users/byUserId",
        query=[("userId", "u/1&a=b")],
        answer="{}",
        reads=GetUserResponse(),
    ),
]

_SUBSCRIPTIONS = (
    '[{"email":"a@example.com","emailListIds":[],"unsubscribedChannelIds":[1,2],'
    '"validateChannelAlignment":false},'
    '{"userId":"u1","unsubscribedMessageTypeIds":[3],"subscribedMessageTypeIds":[4],"campaignId":5,'
    '"templateId":6}]'
)

SUBSCRIPTIONS = [
    _bulk(
        "bulk_update_subscriptions",
        "users/bulkUpdateSubscriptions",
        [
            # An empty list is sent, for it overwrites; what is None is not.
            SubscriptionUpdate(
                email="a@example.com",
                email_list_ids=[],
                unsubscribed_channel_ids=[1, 2],
                validate_channel_alignment=False,
            ),
            SubscriptionUpdate(
                user_id="u1",
                unsubscribed_message_type_ids=[3],
                subscribed_message_type_ids=[4],
                campaign_id=5,
                template_id=6,
            ),
        ],
        f'{{"updateSubscriptionsRequests":{_SUBSCRIPTIONS}}}',
    ),
    _bulk(
        "bulk_update_subscriptions",
        "users/bulkUpdateSubscriptions",
        [
            {
                "email": "a@example.com",
                "emailListIds": [],
                "unsubscribedChannelIds": [1, 2],
                "validateChannelAlignment": False,
            },
            {
                "userId": "u1",
                "unsubscribedMessageTypeIds": [3],
                "subscribedMessageTypeIds": [4],
                "campaignId": 5,
                "templateId": 6,
            },
        ],
        f'{{"updateSubscriptionsRequests":{_SUBSCRIPTIONS}}}',
    ),
    _bulk(
        "subscribe_to_list",
        "lists/subscribe",
        _TWO_ROWS,
        f'{{"listId":58508,"subscribers":{_TWO}}}',
        list_id=58508,
    ),
    _bulk(
        "subscribe_to_list",
        "lists/subscribe",
        _TWO_UPDATES,
        f'{{"listId":58508,"subscribers":{_TWO},"updateExistingUsersOnly":true}}',
        list_id=58508,
        update_existing_users_only=True,
    ),
    # That only the list is meant is said each time: the other meaning is nearly a global opt-out.
    _bulk(
        "unsubscribe_from_list",
        "lists/unsubscribe",
        [{"email": "a@example.com"}, {"userId": "u1"}],
        f'{{"listId":58508,"subscribers":{_TWO_REFERENCES},"channelUnsubscribe":false}}',
        list_id=58508,
    ),
    _bulk(
        "unsubscribe_from_list",
        "lists/unsubscribe",
        [UserReference(email="a@example.com"), UserReference(user_id="u1")],
        f'{{"listId":58508,"subscribers":{_TWO_REFERENCES},"channelUnsubscribe":true,"campaignId":7}}',
        list_id=58508,
        channel_unsubscribe=True,
        campaign_id=7,
    ),
]

_BOUGHT = (
    '{{"events":[{{"eventName":"bought","email":"a@example.com"{id},"createdAt":1700000000,'
    '"dataFields":{{"price":5}},"campaignId":7,"templateId":8}},{{"eventName":"left","userId":"u1"{other}}}]}}'
)
_WITH_IDS = _BOUGHT.format(id=',"id":"e1"', other=',"id":"e2"')
_WITHOUT_IDS = _BOUGHT.format(id="", other="")
_BOUGHT_ROW = {
    "eventName": "bought",
    "email": "a@example.com",
    "createdAt": 1_700_000_000,
    "dataFields": {"price": 5},
    "campaignId": 7,
    "templateId": 8,
}
_LEFT_ROW = {"eventName": "left", "userId": "u1"}
_BOUGHT_FIELDS: dict[str, Any] = {
    "event_name": "bought",
    "email": "a@example.com",
    "created_at": 1_700_000_000,
    "data_fields": {"price": 5},
    "campaign_id": 7,
    "template_id": 8,
}

EVENTS = [
    _bulk(
        "track_events",
        "events/trackBulk",
        [{**_BOUGHT_ROW, "id": "e1"}, {**_LEFT_ROW, "id": "e2"}],
        _WITH_IDS,
    ),
    _bulk(
        "track_events",
        "events/trackBulk",
        [Event(**_BOUGHT_FIELDS, id="e1"), Event(event_name="left", user_id="u1", id="e2")],
        _WITH_IDS,
    ),
    _bulk("track_events_without_ids", "events/trackBulk", [_BOUGHT_ROW, _LEFT_ROW], _WITHOUT_IDS),
    _bulk(
        "track_events_without_ids",
        "events/trackBulk",
        [EventWithoutId(**_BOUGHT_FIELDS), EventWithoutId(event_name="left", user_id="u1")],
        _WITHOUT_IDS,
    ),
]

GOLDEN = [*MISSION, *USERS, *SUBSCRIPTIONS, *EVENTS]

_EMAILS = st.text("abcXğ.+'/ \"", min_size=1, max_size=8).map(lambda local: f"{local}@example.com")
_USER_IDS = st.text(string.ascii_letters + string.digits + " /+%\"'\\.", min_size=1, max_size=52).filter(
    lambda user_id: not user_id.endswith(" ") and user_id not in {".", ".."}
)
_DATA = st.dictionaries(NAMES, SCALARS, max_size=3)
_IDS = st.lists(st.integers(0, 2**63 - 1), max_size=3)
_FLAGS = {"preferUserId": st.booleans()}


def _rows(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[Any]:
    """Return rows that name their user once."""
    return st.one_of(
        st.fixed_dictionaries({**required, "email": _EMAILS}, optional=optional),
        st.fixed_dictionaries({**required, "userId": _USER_IDS}, optional=optional),
    )


_EVENT_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "createdAt": st.integers(0, 2**40),
    "dataFields": _DATA,
    "campaignId": st.integers(0, 2**40),
    "templateId": st.integers(0, 2**40),
}
_NUMBERS = {
    "emailListIds": _IDS,
    "unsubscribedChannelIds": _IDS,
    "unsubscribedMessageTypeIds": _IDS,
    "subscribedMessageTypeIds": _IDS,
}
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "UserUpdate": _rows({}, {"dataFields": _DATA, **_FLAGS, "mergeNestedObjects": st.booleans()}),
    "UserReference": _rows({}, {}),
    "DeviceRegistration": _rows(
        {
            "token": CLEAN,
            "platform": st.sampled_from(["APNS", "APNS_SANDBOX", "GCM"]),
            "applicationName": CLEAN,
        },
        {"dataFields": _DATA, **_FLAGS},
    ),
    "DeviceReference": _rows({"token": CLEAN}, {}),
    "SubscriptionUpdate": _rows({}, {**_NUMBERS, "validateChannelAlignment": st.booleans()}),
    "EmailChange": st.fixed_dictionaries({"newEmail": _EMAILS, "currentEmail": _EMAILS}),
    "Event": _rows({"eventName": CLEAN, "id": CLEAN}, _EVENT_FIELDS),
    "EventWithoutId": _rows({"eventName": CLEAN}, _EVENT_FIELDS),
    "delete_user": _EMAILS,
    "delete_user_by_user_id": _USER_IDS,
    "forget_user": _EMAILS,
    "forget_user_by_user_id": _USER_IDS,
    "get_user": _EMAILS,
    "get_user_by_user_id": _USER_IDS,
}

_ALL = set(IterableClient.operations())
_BATCHES = {
    *("bulk_update_users", "bulk_update_subscriptions", "subscribe_to_list", "unsubscribe_from_list"),
    *("track_events", "track_events_without_ids"),
}


def _stated(rate: int, in_flight: int) -> dict[str, tuple[float, str]]:
    return {
        "requests per second": (rate, "documented"),
        "share used of requests per second": (0.9, "assumed"),
        "in flight": (in_flight, "assumed"),
    }


def _felt(rate: int, in_flight: int) -> dict[str, tuple[float, str]]:
    return {
        "requests per second": (rate, "assumed"),
        "ceiling of requests per second": (2 * rate, "assumed"),
        "in flight": (in_flight, "assumed"),
    }


TABLE = Table(
    vendor=IterableClient,
    make=iterable,
    headers={"Api-Key": "the-project-key"},
    golden=GOLDEN,
    marks={
        "idempotent": _ALL - {"update_email", "track_events_without_ids"},
        "divisible": _ALL - {"update_email"},
        "destructive": {
            *("delete_user", "delete_user_by_user_id", "forget_user", "forget_user_by_user_id"),
        },
        "irreversible": set(),
        "app_wide": set(),
    },
    shapes={name: ("batch", None, 1000) if name in _BATCHES else ("call", None, 1) for name in _ALL},
    quotas={
        "iterable users/update": _stated(500, 50),
        "iterable users/registerDeviceToken": _stated(500, 50),
        "iterable users/disableDevice": _felt(100, 50),
        "iterable users/bulkUpdate": _stated(5, 16),
        "iterable users/bulkUpdateSubscriptions": _felt(10, 16),
        "iterable lists/subscribe": _felt(10, 16),
        "iterable lists/unsubscribe": _felt(10, 16),
        "iterable users/updateEmail": _felt(10, 50),
        "iterable DELETE users/{email}": _stated(100, 50),
        "iterable DELETE users/byUserId/{userId}": _stated(100, 50),
        "iterable GET users/getByEmail": _stated(100, 50),
        "iterable GET users/byUserId": _stated(100, 50),
        "iterable users/forget": {**_stated(3, 50), "requests per day": (1000, "documented")},
        "iterable events/trackBulk": _stated(10, 16),
    },
    items=ITEMS,
    answers={
        name: taken(1) if name in _BATCHES else "{}" if name.startswith("get_") else _SUCCESS for name in _ALL
    },
)
