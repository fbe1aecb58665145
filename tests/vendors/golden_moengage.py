"""MoEngage's requests, written from its own description of its routes and from nothing else.

Source: https://www.moengage.com/docs/api/user/track-user and, for the other routes,
https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st
from scripted_vendors import AT_ONCE, CLEAN, NAMES, NUMBERS, Golden, Scripted, Table

from netaudience.model.odd_identifiers import oddity
from netaudience.model.wire import Response
from netaudience.vendors.moengage import MoEngageClient
from netaudience.vendors.moengage.consent_models import (
    Acknowledged,
    CategoryPreference,
    CategoryStatus,
    ChannelPreference,
    Connection,
    ErasureSubject,
    GdprAccepted,
    OptIn,
    PreferenceData,
    Preferences,
    PreferencesAccepted,
    SubscriptionCategories,
    SubscriptionCategory,
)
from netaudience.vendors.moengage.models import (
    Accepted,
    Device,
    DeviceSelection,
    Event,
    MergePair,
    MergeResponse,
    User,
)
from netaudience.vendors.moengage.segments import FileSegment, SegmentAccepted, SegmentFile, SegmentName

_BASE = "https://api-02.moengage.com/v1/"
_WORKSPACE = "VJ0GSMESHMQA3L7WV1EEK3UR"
_ID = "0d1e2f30-4a5b-4c6d-8e7f-90a1b2c3d4e5"


def moengage(*answers: Response, **options: Any) -> tuple[MoEngageClient, Scripted]:
    """Make a MoEngage client on a script."""
    transport = Scripted(*answers)
    options = {
        "data_center": "02",
        "settings": AT_ONCE,
        "unset_attributes": True,
        "db_name": "shop",
        **options,
    }
    client = MoEngageClient(_WORKSPACE, "the-data-key", transport=transport, **options)
    client._new_id = lambda: _ID  # type: ignore[method-assign] # so that it is known
    return client, transport


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
    # The vendor's own example of unsetting.
    _alone(
        "track_user",
        "customer",
        {
            "customer_id": "user123",
            "unset_attributes": [
                {"type": "equals", "attr": "first_name", "case_sensitive": False},
                {"type": "prefix", "attr": "temp_"},
            ],
        },
        '{"type":"customer","customer_id":"user123","unset_attributes":[{"type":"equals","attr":"first_name",'
        '"case_sensitive":false},{"type":"prefix","attr":"temp_"}]}',
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
    '"moe_push_opted":"False","moe_push_provisional_opted":"True","idfv":"an-idfv"}}'
)
_TV_ROW = {
    "customer_id": "123",
    "device_id": "tv",
    "platform": "TV",
    "push_id": "t",
    "moe_push_opted": False,
    "moe_push_provisional_opted": "True",
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
        '"device_identifiers":[{"push_id":"the-token"},{"moe_gaid":"a-gaid"}],"reason":"stolen",'
        '"client_reference_id":"case-1"}',
        options={"action": "block", "reason": "stolen", "client_reference_id": "case-1"},
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

_V5 = "https://api-02.moengage.com/v5/"
CONSENTS = [
    Golden(
        operation="request_erasure",
        arguments=({"ID": "user-1", "email": "john@example.com"},),
        options={"confirm": True, "submitted_time": "2026-11-28T09:00:00Z"},
        url=f"{_BASE}opengdpr_requests/{_WORKSPACE}",
        body='{"request_type":"erasure","submitted_time":"2026-11-28T09:00:00Z","identities":['
        '{"identity_type":"ID","identity_value":"user-1"},'
        '{"identity_type":"email","identity_value":"john@example.com"}],"api_version":"1.0"}',
        answer='{"status":"success","message":"Accepted","request_id":"a-receipt"}',
        reads=GdprAccepted("success", "Accepted", "a-receipt"),
    ),
    Golden(
        operation="request_erasure",
        arguments=(ErasureSubject(mobile="918888444411", gaid="g", idfa="i", user_secondary_id="s"),),
        options={"confirm": True, "submitted_time": dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)},
        url=f"{_BASE}opengdpr_requests/{_WORKSPACE}",
        body='{"request_type":"erasure","submitted_time":"2026-11-28T12:00:00Z","identities":['
        '{"identity_type":"user_secondary_id","identity_value":"s"},'
        '{"identity_type":"mobile","identity_value":"918888444411"},'
        '{"identity_type":"google_advertising_id","identity_value":"g"},'
        '{"identity_type":"advertising_identifier","identity_value":"i"}],"api_version":"1.0"}',
        answer='{"status":"success","request_id":"a-receipt"}',
        reads=GdprAccepted("success", None, "a-receipt"),
    ),
    Golden(
        operation="list_subscription_categories",
        options={"channel": "sms"},
        method="GET",
        url=f"{_V5}subscription-categories",
        query=[("channel", "sms")],
        answer='{"response_id":"r","type":"categories","data":[{"name":"offers","display_name":"Offers",'
        '"description":"d","channel":"sms","group":"g","status":"active"}]}',
        reads=SubscriptionCategories(
            "r", "categories", (SubscriptionCategory("offers", "Offers", "d", "sms", "g", "active"),)
        ),
    ),
    Golden(
        operation="get_subscription_preferences",
        arguments=("john@example.com",),
        options={"by": "email"},
        method="GET",
        url=f"{_V5}subscription-preferences",
        query=[
            ("user_identifier_type", "email"),
            ("user_identifier_value", "john@example.com"),
            ("channel", "email"),
        ],
        answer='{"response_id":"r","type":"t","data":{"user_id":"usr_1","is_globally_unsubscribed":false,'
        '"categories":[{"name":"offers","channel":"email","group":"g","status":"subscribed"}]}}',
        reads=Preferences(
            "r", "t", PreferenceData("usr_1", False, (CategoryStatus("offers", "email", "g", "subscribed"),))
        ),
    ),
    Golden(
        operation="set_subscription_preferences",
        arguments=({"user_identifier_value": "user-1", "is_globally_unsubscribed": True},),
        method="PATCH",
        url=f"{_V5}subscription-preferences",
        headers={"Idempotency-Key": _ID},
        body='{"user_identifier_type":"uid","user_identifier_value":"user-1","is_globally_unsubscribed":true,'
        '"channel":"email"}',
        status=202,
        answer='{"response_id":"r","type":"t","data":{"message":"Accepted"}}',
        reads=PreferencesAccepted("r", "t", {"message": "Accepted"}),
    ),
    Golden(
        operation="set_subscription_preferences",
        arguments=(
            ChannelPreference(
                "usr_1",
                is_globally_unsubscribed=False,
                categories={"offers": False},
                event_attributes={"from": "app"},
                request_id="mine",
            ),
        ),
        options={"by": "moe_user_id", "channel": "sms", "lift_unsubscribes": True},
        method="PATCH",
        url=f"{_V5}subscription-preferences",
        headers={"Idempotency-Key": _ID},
        body='{"user_identifier_type":"moe_user_id","user_identifier_value":"usr_1",'
        '"is_globally_unsubscribed":false,"categories":{"offers":false},"event_attributes":{"from":"app"},'
        '"request_id":"mine","channel":"sms"}',
        status=202,
        answer='{"response_id":"r"}',
        reads=PreferencesAccepted("r"),
    ),
    Golden(
        operation="set_category_preferences",
        arguments=(
            [
                {"customer_id": "user-1", "categories": {"offers": False}},
                CategoryPreference("user-2", unsubscribe_all=True),
            ],
        ),
        url=f"{_BASE}category-subscription/user-preferences",
        body='{"channel":"email","user_preferences":[{"customer_id":"user-1","categories":{"offers":false}},'
        '{"customer_id":"user-2","unsubscribe_all":true}]}',
        answer='{"message":"Accepted"}',
    ),
    Golden(
        operation="resubscribe",
        arguments=(["john@example.com", "ada@example.com"],),
        options={"confirm": True},
        url="https://api-02.moengage.com/emails/v1.0/bulk-resubscribe",
        body='{"recipients":["john@example.com","ada@example.com"],"esp":"SENDGRID","update_esp":false,'
        f'"request_id":"{_ID}"}}',
        status=202,
        answer='{"message":"Accepted","response_id":"r"}',
    ),
    Golden(
        operation="resubscribe",
        arguments=(["john@example.com"],),
        options={"confirm": True, "update_esp": True, "request_id": "mine"},
        url="https://api-02.moengage.com/emails/v1.0/bulk-resubscribe",
        body='{"recipients":["john@example.com"],"esp":"SENDGRID","update_esp":true,"request_id":"mine"}',
        status=202,
        answer='{"response_id":"r"}',
    ),
]
CONSENTS += [
    Golden(
        operation="set_opt_in_status",
        arguments=(row,),
        method="PUT",
        url="https://api-02.moengage.com/v1.0/opt-in-management/user-preferences",
        body=f'{{"user_preferences":{{{body},"channel":"email"}}}}',
        answer='{"message":"Updated"}',
        reads=Acknowledged("Updated"),
    )
    for row, body in (
        (
            {"customer_id": "user-1", "opt_in_status": "OPTED_OUT"},
            '"customer_id":"user-1","opt_in_status":"OPTED_OUT"',
        ),
        (
            {"customer_id": "user-1", "email_id": "john@example.com", "opt_in_status": "opted_out"},
            '"customer_id":"user-1","email_id":"john@example.com","opt_in_status":"opted_out"',
        ),
        (
            OptIn(email_id="john@example.com", categories={"offers": False}),
            '"email_id":"john@example.com","categories":{"offers":false}',
        ),
    )
]
CONSENTS += [
    Golden(
        operation="test_connection",
        url=f"{_BASE}integrations/authentication",
        answer='{"status":"success","app_name":"Shop"}',
        reads=Connection("success", "Shop"),
    )
]
_COHORT = {"cohort_id": "c1", "cohort_name": "VIPs", "partner": "shop"}
COHORTS = [
    Golden(
        operation="add_cohort_members",
        arguments=(["user-1", "user-2"],),
        options={**_COHORT, "cohort_description": "who buys"},
        url=f"{_BASE}integrations/cohortsync",
        body='{"action":"add_members","partner":"shop","parameters":{"cohort_name":"VIPs","cohort_id":"c1",'
        '"cohort_description":"who buys","members":[{"uid":"user-1"},{"uid":"user-2"}]}}',
        answer=ACCEPTED,
    ),
    Golden(
        operation="remove_cohort_members",
        arguments=(["user-1"],),
        options=_COHORT,
        url=f"{_BASE}integrations/cohortsync",
        body='{"action":"remove_members","partner":"shop","parameters":{"cohort_name":"VIPs",'
        '"cohort_id":"c1","members":[{"uid":"user-1"}]}}',
        answer=ACCEPTED,
    ),
]

_FILE = {
    "name": "VIPs",
    "attribute_name": "uid",
    "attribute_type": "string",
    "file_url": "https://files.example/vips.csv",
}
_FILE_JSON = (
    '{"name":"VIPs","attribute_name":"uid","attribute_type":"string",'
    '"file_url":"https://files.example/vips.csv"}'
)
_SEGMENT = {**_FILE, "expiry_time": 30}
_SEGMENT_JSON = f'{_FILE_JSON[:-1]},"expiry_time":30}}'
_TAKEN = '{"message":"Accepted","success":true,"cs_name":"VIPs","cs_id":"cs1"}'


def _segment(operation: str, path: str, item: Any, body: str, method: str) -> Golden:
    return Golden(
        operation=operation,
        arguments=(item,),
        method=method,
        url=f"https://api-02.moengage.com/v2/custom-segments/{path}",
        headers={"MOE-DBNAME": "shop"},
        body=body,
        status=202,
        answer=_TAKEN,
        reads=SegmentAccepted("Accepted", True, "VIPs", "cs1"),
    )


SEGMENTS = [
    _segment("create_file_segment", "file-segment", _SEGMENT, _SEGMENT_JSON, "POST"),
    _segment("create_file_segment", "file-segment", FileSegment(**_SEGMENT), _SEGMENT_JSON, "POST"),
    _segment(
        "add_segment_users",
        "file-segment/add-users",
        SegmentFile(**_FILE, callback_url="https://shop.example/told", emails=["a@example.com"], cs_id="cs1"),
        f'{_FILE_JSON[:-1]},"callback_url":"https://shop.example/told","emails":["a@example.com"],'
        '"cs_id":"cs1"}',
        "PUT",
    ),
    _segment("remove_segment_users", "file-segment/remove-users", _FILE, _FILE_JSON, "PUT"),
    _segment("replace_segment_users", "file-segment/replace", _FILE, _FILE_JSON, "PUT"),
    _segment("archive_segment", "archive", {"name": "VIPs"}, '{"name":"VIPs"}', "PATCH"),
    _segment(
        "unarchive_segment", "unarchive", SegmentName("VIPs", "cs1"), '{"name":"VIPs","cs_id":"cs1"}', "PATCH"
    ),
]

GOLDEN = [*USERS, *DEVICES, *EVENTS, *NEIGHBOURS, *CONSENTS, *COHORTS, *SEGMENTS]

_FILES_OF = {
    "name": CLEAN,
    "attribute_name": CLEAN,
    "attribute_type": st.sampled_from(["string", "double"]),
    "file_url": CLEAN.map(lambda text: f"https://files.example/{text}"),
}
_ALONE = ("track_user", "track_device", "track_event", "manage_devices", "delete_user")
_OF_ONE = ("request_erasure", "get_subscription_preferences", "set_subscription_preferences")
_COHORTS = ("add_cohort_members", "remove_cohort_members")
_FILES = ("add_segment_users", "remove_segment_users", "replace_segment_users")
_SEGMENTS = ("create_file_segment", *_FILES, "archive_segment", "unarchive_segment")
_IN_BULK = ("import_users", "import_devices", "import_events")
_FOR_GOOD = {"delete_user", "merge_users", "request_erasure"}
_REPEATABLE = {
    *("track_user", "track_device", "import_users", "import_devices"),
    *("manage_devices", "delete_user", "export_users"),
    *(*_FILES, "archive_segment", "unarchive_segment"),
    *(*_OF_ONE, *_COHORTS, "list_subscription_categories", "set_category_preferences"),
    *("set_opt_in_status", "test_connection"),
}


def _records(most: int, known: str = "documented", in_flight: int = 16) -> dict[str, tuple[float, str]]:
    return {
        "records per minute": (most, known),
        "share used of records per minute": (0.9, "assumed"),
        "in flight": (in_flight, "assumed"),
    }


_A_DAY = {"requests per day": (360_000, "documented")}


def _requests(most: int, known: str = "documented") -> dict[str, tuple[float, str]]:
    return {
        "requests per minute": (most, known),
        "share used of requests per minute": (0.9, "assumed"),
        "in flight": (16, "assumed"),
    }


#: Ids of three letters and more that the vendor's page forbids, the placeholders left out that nobody takes.
_FORBIDDEN = {
    *("unknown", "guest", "true", "false", "(empty)", "user_attribute_unique_id", "dummy_seller_code"),
    *("user_id", "userid", "uid", "customer_id", "null", "none", "n/a"),
}
_IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=3, max_size=12
).filter(lambda text: oddity(text) is None and text.casefold() not in _FORBIDDEN)
_VALUES = st.booleans() | NUMBERS | CLEAN | st.lists(CLEAN, min_size=1, max_size=3)
_ATTRIBUTES = st.dictionaries(NAMES, _VALUES, max_size=3)
_TIMES = st.sampled_from(["2020-05-31T16:33:35Z", "1708939453396", "1590404615", "2020-05-31"])
_SWITCHES = st.dictionaries(CLEAN, st.booleans(), min_size=1, max_size=2)
_SYSTEMS = st.sampled_from(["ANDROID", "iOS", "web", "TV", "Windows"])

ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "str": CLEAN,
    "User": st.fixed_dictionaries({"customer_id": _IDS}, optional={"attributes": _ATTRIBUTES}),
    "Device": st.fixed_dictionaries(
        {"customer_id": _IDS, "device_id": CLEAN, "platform": _SYSTEMS, "push_id": CLEAN},
        optional={"model": CLEAN, "brand": CLEAN, "moe_push_opted": st.booleans(), "idfv": CLEAN},
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
    "ErasureSubject": st.fixed_dictionaries({"ID": CLEAN}, optional={"email": st.just("a@example.com")}),
    "ChannelPreference": st.fixed_dictionaries(
        {"user_identifier_value": CLEAN, "is_globally_unsubscribed": st.just(True)},
        optional={"categories": _SWITCHES},
    ),
    "CategoryPreference": st.fixed_dictionaries(
        {"customer_id": _IDS, "categories": _SWITCHES}, optional={"unsubscribe_all": st.just(True)}
    ),
    "FileSegment": st.fixed_dictionaries({**_FILES_OF, "expiry_time": st.integers(1, 365)}),
    "SegmentFile": st.fixed_dictionaries(_FILES_OF),
    "OptIn": st.fixed_dictionaries(
        {"customer_id": _IDS, "opt_in_status": st.sampled_from(["DOUBLE_OPTED_IN", "OPTED_OUT"])},
        optional={"categories": _SWITCHES},
    ),
    "SegmentName": st.fixed_dictionaries({"name": CLEAN}),
    "resubscribe": st.sampled_from(["a@example.com", "b@example.com", "c@example.com"]),
    "add_cohort_members": _IDS,
    "remove_cohort_members": _IDS,
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
        "destructive": _FOR_GOOD | {"replace_segment_users", "archive_segment"},
        "irreversible": _FOR_GOOD,
        "app_wide": set(),
    },
    shapes={
        **dict.fromkeys(_ALONE, ("call", None, 1)),
        **dict.fromkeys(_IN_BULK, ("batch", None, 1000)),
        "merge_users": ("batch", None, 50),
        **dict.fromkeys((*_OF_ONE, *_SEGMENTS), ("call", None, 1)),
        **dict.fromkeys(_COHORTS, ("batch", None, 1000)),
        **dict.fromkeys(("list_subscription_categories", "test_connection"), ("query", None, 1)),
        "set_opt_in_status": ("call", None, 1),
        "set_category_preferences": ("batch", None, 50),
        "resubscribe": ("batch", None, 100),
        "export_users": ("batch", None, 20),
    },
    quotas={
        "moengage users": _records(10_000),
        "moengage devices": _records(10_000),
        "moengage events": _records(30_000),
        # Nothing is said about devices.
        "moengage bulk users": _records(60_000),
        "moengage bulk devices": _records(10_000, "assumed"),
        "moengage bulk events": _records(60_000),
        "moengage deletes": _requests(5_000),
        "moengage device blocks": _requests(1_000),
        "moengage merges": _records(1_000, in_flight=1),
        "moengage exports": _records(1_000),
        "moengage erasures": _requests(300, "assumed"),
        "moengage preferences": {**_requests(100), **_A_DAY},
        "moengage category preferences": {**_requests(100), **_A_DAY},
        "moengage resubscriptions": {**_requests(10), "requests per day": (14_400, "documented")},
        "moengage opt-ins": {**_requests(1000), **_A_DAY},
        "moengage connection": {**_requests(60, "assumed"), "in flight": (1, "assumed")},
        "moengage cohort syncs": _requests(300),
        "moengage segment files": {
            "requests per 3600 s": (10, "documented"),
            "share used of requests per 3600 s": (0.9, "assumed"),
            "requests per day": (100, "documented"),
            "in flight": (1, "assumed"),
        },
    },
    items=ITEMS,
    answers={
        **dict.fromkeys((*_ALONE, *_IN_BULK), ACCEPTED),
        "merge_users": _CREATED,
        **dict.fromkeys((*_COHORTS, "request_erasure"), ACCEPTED),
        **dict.fromkeys(
            ("get_subscription_preferences", "set_subscription_preferences", "list_subscription_categories"),
            '{"response_id":"r"}',
        ),
        **dict.fromkeys(("set_category_preferences", "set_opt_in_status"), '{"message":"Accepted"}'),
        "test_connection": '{"status":"success"}',
        **dict.fromkeys(_SEGMENTS, _TAKEN),
        "resubscribe": '{"response_id":"r"}',
    },
)
