"""MoEngage's requests, written from its own description of its routes and from nothing else.

Source: https://www.moengage.com/docs/api/user/track-user and, for the other routes,
https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from scripted_vendors import AT_ONCE, CLEAN, NAMES, NUMBERS, Golden, Scripted, Table

from netaudience.vendors.moengage import MoEngageClient
from netaudience.vendors.moengage.models import (
    Accepted,
    Device,
    DeviceSelection,
    Event,
    MergePair,
    MergeResponse,
    User,
)
from netaudience.wire import Response

_BASE = "https://api-02.moengage.com/v1/"
_WORKSPACE = "VJ0GSMESHMQA3L7WV1EEK3UR"


def moengage(*answers: Response, **options: Any) -> tuple[MoEngageClient, Scripted]:
    """Make a MoEngage client on a script."""
    transport = Scripted(*answers)
    options = {"data_center": "02", "settings": AT_ONCE, **options}
    return MoEngageClient(_WORKSPACE, "the-data-key", transport=transport, **options), transport


ACCEPTED = '{"status":"success","message":"Your request has been accepted and will be processed soon."}'
_ACCEPTED = Accepted("success", "Your request has been accepted and will be processed soon.")
_CREATED = '{"status":"success","operation":"created"}'


def _alone(operation: str, route: str, item: Any, body: str, **options: Any) -> Golden:
    return Golden(
        operation=operation,
        arguments=(item,),
        options=options,
        url=f"{_BASE}{route}/{_WORKSPACE}",
        body=body,
        answer=ACCEPTED,
        reads=_ACCEPTED,
    )


def _bulk(operation: str, items: list[Any], body: str, **options: Any) -> Golden:
    return Golden(
        operation=operation,
        arguments=(items,),
        options=options,
        url=f"{_BASE}transition/{_WORKSPACE}",
        body=body,
        answer=ACCEPTED,
    )


def _about(operation: str, route: str, item: Any, body: str, **stated: Any) -> Golden:
    stated = {"answer": ACCEPTED, "reads": _ACCEPTED, **stated}
    return Golden(
        operation=operation,
        arguments=(item,),
        url=f"{_BASE}{route}",
        query=[("app_id", _WORKSPACE)],
        body=body,
        **stated,
    )


_JOHN = (
    '{"type":"customer","customer_id":"john@example.com","attributes":{"name":"JohnDoe",'
    '"first_name":"John","platforms":[{"platform":"ANDROID","active":"true"}]}}'
)
_JOHNS = {
    "name": "JohnDoe",
    "first_name": "John",
    "platforms": [{"platform": "ANDROID", "active": True}],
}
_ARRAYS = (
    '{"type":"customer","customer_id":"123","attributes":{"removeValueFromArrayField":{},'
    '"addValueToArrayField":{"attribute1":["abc","def"],"attribute2":["a"],"attribute3":["123"]},'
    '"platforms":[{"platform":"iOS","active":"true"}]}}'
)
_ARRAYS_ROW = {
    "customer_id": "123",
    "attributes": {
        "removeValueFromArrayField": {},
        "addValueToArrayField": {"attribute1": ["abc", "def"], "attribute2": ["a"], "attribute3": ["123"]},
        "platforms": [{"platform": "iOS", "active": "true"}],
    },
}

USERS = [
    _alone("track_user", "customer", User("john@example.com", _JOHNS), _JOHN),
    _alone("track_user", "customer", _ARRAYS_ROW, _ARRAYS),
    _alone(
        "track_user",
        "customer",
        {
            "customer_id": "john@example.com",
            "attributes": {"points": 20, "expiry_date": "2020-05-31T03:47:35Z", "super_user": True},
        },
        '{"type":"customer","customer_id":"john@example.com","update_existing_only":true,'
        '"attributes":{"points":20,"expiry_date":"2020-05-31T03:47:35Z","super_user":true}}',
        update_existing_only=True,
    ),
    # The number is documented without the plus; what is false is a text like what is true.
    _alone(
        "track_user",
        "customer",
        {
            "customer_id": "123",
            "attributes": {"u_mb": "+918888444411", "platforms": [{"platform": "web", "active": False}]},
        },
        '{"type":"customer","customer_id":"123","attributes":{"u_mb":"918888444411",'
        '"platforms":[{"platform":"web","active":"false"}]}}',
    ),
    _alone("track_user", "customer", User("123"), '{"type":"customer","customer_id":"123"}'),
    _bulk(
        "import_users",
        [User("john@example.com", _JOHNS), _ARRAYS_ROW],
        f'{{"type":"transition","elements":[{_JOHN},{_ARRAYS}]}}',
    ),
    _bulk(
        "import_users",
        [User("123")],
        '{"type":"transition","elements":[{"type":"customer","customer_id":"123",'
        '"update_existing_only":true}]}',
        update_existing_only=True,
    ),
]

_DEVICE = (
    '{"type":"device","customer_id":"123","device_id":"96bd03b6-defc-4203-83d3-dc1c73080232",'
    '"attributes":{"platform":"ANDROID","push_id":"the-token","model":"Pixel 5","moe_push_opted":"True",'
    '"app_version":"1.2.3","os_version":"14","moe_gaid":"a-gaid"}}'
)
_DEVICE_ROW = Device(
    "123",
    "96bd03b6-defc-4203-83d3-dc1c73080232",
    "ANDROID",
    "the-token",
    model="Pixel 5",
    moe_push_opted=True,
    app_version="1.2.3",
    os_version="14",
    moe_gaid="a-gaid",
)
_TV = (
    '{"type":"device","customer_id":"123","device_id":"tv","attributes":{"platform":"TV","push_id":"t",'
    '"moe_push_opted":"False","idfv":"an-idfv"}}'
)
_TV_ROW = {
    "customer_id": "123",
    "device_id": "tv",
    "platform": "TV",
    "push_id": "t",
    "moe_push_opted": False,
    "idfv": "an-idfv",
}
DEVICES = [
    _alone("track_device", "device", _DEVICE_ROW, _DEVICE),
    _alone("track_device", "device", _TV_ROW, _TV),
    _bulk(
        "import_devices",
        [_DEVICE_ROW, _TV_ROW],
        f'{{"type":"transition","elements":[{_DEVICE},{_TV}]}}',
    ),
]

_ADDED = (
    '{"type":"event","customer_id":"123","actions":[{"action":"ProductAdded",'
    '"attributes":{"product":"Accessories","color":"Black","Brand":"Adidas"},"platform":"Android",'
    '"app_version":"1.2.3","user_time":"1708939453396","current_time":"1708939453396"}]}'
)
_ADDED_ROW = {
    "customer_id": "123",
    "action": "ProductAdded",
    "attributes": {"product": "Accessories", "color": "Black", "Brand": "Adidas"},
    "platform": "Android",
    "app_version": "1.2.3",
    "user_time": "1708939453396",
    "current_time": "1708939453396",
}
_CART = (
    '{"type":"event","customer_id":"john@example.com","device_id":"96bd03b6-defc-4203-83d3-dc1c73080232",'
    '"actions":[{"action":"Added to Cart","attributes":{"product":"Mobile","color":"white",'
    '"Brand":"Apple"},"platform":"iOS","app_version":"1.2.3","current_time":"2020-05-31T16:33:35Z",'
    '"user_timezone_offset":19800}]}'
)
_CART_ROW = Event(
    customer_id="john@example.com",
    device_id="96bd03b6-defc-4203-83d3-dc1c73080232",
    action="Added to Cart",
    attributes={"product": "Mobile", "color": "white", "Brand": "Apple"},
    platform="iOS",
    app_version="1.2.3",
    current_time="2020-05-31T16:33:35Z",
    user_timezone_offset=19800,
)
EVENTS = [
    _alone("track_event", "event", _ADDED_ROW, _ADDED),
    _alone("track_event", "event", _CART_ROW, _CART),
    _alone(
        "track_event",
        "event",
        {"customer_id": "123", "action": "seen", "platform": "TV", "moe_os_type": "Xbox"},
        '{"type":"event","customer_id":"123","actions":[{"action":"seen","platform":"TV",'
        '"moe_os_type":"Xbox"}]}',
    ),
    _bulk(
        "import_events",
        [_ADDED_ROW, _CART_ROW],
        f'{{"type":"transition","elements":[{_ADDED},{_CART}]}}',
    ),
]

NEIGHBOURS = [
    _about(
        "manage_devices",
        "devices/manage",
        DeviceSelection("123", [{"push_id": "the-token"}, {"moe_gaid": "a-gaid"}]),
        '{"user_identifier_type":"customer_id","user_identifier_value":"123","action_type":"block",'
        '"device_identifiers":[{"push_id":"the-token"},{"moe_gaid":"a-gaid"}],"reason":"stolen"}',
        options={"action": "block", "reason": "stolen"},
    ),
    _about(
        "manage_devices",
        "devices/manage",
        {"user_identifier_value": "123"},
        '{"user_identifier_type":"moengage_id","user_identifier_value":"123","action_type":"unblock"}',
        options={"action": "unblock", "all_devices": True, "by": "moengage_id"},
    ),
    _about(
        "delete_user",
        "customer/delete",
        "6416d1a318r98264512c0f89",
        '{"identity_type":"customer_id","identity_value":"6416d1a318r98264512c0f89"}',
        options={"confirm": True},
    ),
    _about(
        "delete_user",
        "customer/delete",
        "6416d1a318r98264512c0f89",
        '{"identity_type":"moengage_id","identity_value":"6416d1a318r98264512c0f89"}',
        options={"confirm": True, "by": "moengage_id"},
    ),
    _about(
        "merge_users",
        "customer/merge",
        [MergePair("one", "two"), {"merged_user": "three", "retained_user": "four"}],
        '{"merge_data":[{"merged_user":"one","retained_user":"two"},'
        '{"merged_user":"three","retained_user":"four"}]}',
        options={"confirm": True},
        answer=_CREATED,
        reads=MergeResponse("success", "created"),
    ),
    _about(
        "export_users",
        "customers/export",
        ["6416d1a318r98264512c0f89"],
        '{"data":{"identifiers":[{"identifier_type":"customer_id",'
        '"identifier":"6416d1a318r98264512c0f89"}],'
        '"user_fields_to_export":["last_name","customer_id","name"]}}',
        options={"user_fields": ["last_name", "customer_id", "name"]},
        answer='{"status":"success","type":"export_users","data":{"users_not_found":[],"users":['
        '{"user_attributes":{"last_name":"Doe","customer_id":"6416d1a318r98264512c0f89"}}]}}',
    ),
    _about(
        "export_users",
        "customers/export",
        ["62e79fb15ada55x123g987bu", "62e79fb15ada55x123g987bv"],
        '{"data":{"identifiers":[{"identifier_type":"id","identifier":"62e79fb15ada55x123g987bu"},'
        '{"identifier_type":"id","identifier":"62e79fb15ada55x123g987bv"}]}}',
        options={"by": "id"},
        answer='{"status":"success","type":"export_users","data":{"users":['
        '{"user_attributes":{}},{"user_attributes":{"name":"John"}}]}}',
    ),
]

GOLDEN = [*USERS, *DEVICES, *EVENTS, *NEIGHBOURS]

_ALONE = ("track_user", "track_device", "track_event", "manage_devices", "delete_user")
_IN_BULK = ("import_users", "import_devices", "import_events")
_FOR_GOOD = {"delete_user", "merge_users"}
_REPEATABLE = {
    *("track_user", "track_device", "import_users", "import_devices"),
    *("manage_devices", "delete_user", "export_users"),
}


def _records(most: int, known: str = "documented", in_flight: int = 16) -> dict[str, tuple[float, str]]:
    return {
        "records per minute": (most, known),
        "share used of records per minute": (0.9, "assumed"),
        "in flight": (in_flight, "assumed"),
    }


def _requests(most: int) -> dict[str, tuple[float, str]]:
    return {
        "requests per minute": (most, "documented"),
        "share used of requests per minute": (0.9, "assumed"),
        "in flight": (16, "assumed"),
    }


_IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=3, max_size=12
).filter(lambda text: text.casefold() not in {"uid", "n/a", "null", "none", "true", "false", "guest"})
_VALUES = st.booleans() | NUMBERS | CLEAN | st.lists(CLEAN, max_size=3)
_ATTRIBUTES = st.dictionaries(NAMES, _VALUES, max_size=3)
_TIMES = st.sampled_from(["2020-05-31T16:33:35Z", "1708939453396", "1590404615", "2020-05-31"])
_SYSTEMS = st.sampled_from(["ANDROID", "iOS", "web", "TV"])

ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "str": CLEAN,
    "User": st.fixed_dictionaries({"customer_id": _IDS}, optional={"attributes": _ATTRIBUTES}),
    "Device": st.fixed_dictionaries(
        {"customer_id": _IDS, "device_id": CLEAN, "platform": _SYSTEMS, "push_id": CLEAN},
        optional={"model": CLEAN, "moe_push_opted": st.booleans(), "idfv": CLEAN},
    ),
    "Event": st.fixed_dictionaries(
        {"customer_id": _IDS, "action": CLEAN.filter(lambda name: not name.startswith("moe_"))},
        optional={
            "attributes": _ATTRIBUTES,
            "platform": _SYSTEMS,
            "current_time": _TIMES,
            "user_timezone_offset": st.integers(-54_000, 54_000),
            "device_id": CLEAN,
        },
    ),
    "DeviceSelection": st.fixed_dictionaries(
        {
            "user_identifier_value": CLEAN,
            "device_identifiers": st.lists(st.fixed_dictionaries({"push_id": CLEAN}), min_size=1, max_size=3),
        }
    ),
    "MergePair": st.fixed_dictionaries({"merged_user": CLEAN, "retained_user": CLEAN}).filter(
        lambda pair: pair["merged_user"] != pair["retained_user"]
    ),
}

TABLE = Table(
    vendor=MoEngageClient,
    make=moengage,
    headers={
        "Authorization": "Basic VkowR1NNRVNITVFBM0w3V1YxRUVLM1VSOnRoZS1kYXRhLWtleQ==",
        "MOE-APPKEY": "VJ0GSMESHMQA3L7WV1EEK3UR",
    },
    golden=GOLDEN,
    marks={
        "idempotent": _REPEATABLE,
        "divisible": _REPEATABLE | {"import_events"},
        "destructive": _FOR_GOOD,
        "irreversible": _FOR_GOOD,
        "app_wide": set(),
    },
    shapes={
        **dict.fromkeys(_ALONE, ("call", None, 1)),
        **dict.fromkeys(_IN_BULK, ("batch", None, 1000)),
        "merge_users": ("batch", None, 50),
        "export_users": ("batch", None, 20),
    },
    quotas={
        "moengage users": _records(10_000),
        "moengage devices": _records(10_000),
        "moengage events": _records(30_000),
        # Of the two texts about bulk the lower one; nothing is said about devices.
        "moengage bulk users": _records(10_000),
        "moengage bulk devices": _records(10_000, "assumed"),
        "moengage bulk events": _records(30_000),
        "moengage deletes": _requests(5_000),
        "moengage device blocks": _requests(1_000),
        "moengage merges": _records(1_000, in_flight=1),
        "moengage exports": _records(1_000),
    },
    items=ITEMS,
    answers={
        **dict.fromkeys((*_ALONE, *_IN_BULK), ACCEPTED),
        "merge_users": _CREATED,
    },
)
