"""Netmera's requests, written from its pages, and from the file behind them where they are silent.

Sources: https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/user-and-device-management.md
https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/events.md
https://github.com/ecemnaz1/netmera-rest-api
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from scripted_vendors import CLEAN, NAMES, SCALARS, Golden, Table, netmera

from netaudience import NetmeraClient
from netaudience.vendors.netmera.models import (
    AttributeDefinition,
    AttributeDefinitions,
    AttributeValue,
    CategoryPreference,
    CategoryPreferences,
    Device,
    DeviceList,
    EmailUpdate,
    MsisdnUpdate,
    Profile,
    ProfileKeys,
    ProfileUpdate,
    ProfileValues,
    Segment,
    SegmentList,
    SegmentUser,
    SegmentUsers,
    UserCount,
    UserEvent,
    UserRegistration,
    WhatsAppUpdate,
)

_BASE = "https://restapi.netmera.com/rest/3.0/"


def _post(operation: str, path: str, item: Any, body: str, **options: Any) -> Golden:
    return Golden(operation=operation, arguments=(item,), options=options, url=_BASE + path, body=body)


def _get(operation: str, path: str, *item: Any, **stated: Any) -> Golden:
    return Golden(operation=operation, arguments=item, url=_BASE + path, method="GET", **stated)


_TWO = ["id1", "id2"]
_IDS = '{"extIds":["id1","id2"]}'

USERS = [
    _post(
        "delete_users_permanently",
        "deleteUsersPermanently",
        ["externalid", "123456"],
        '{"extIds":["externalid","123456"]}',
        confirm=True,
    ),
    _post("enable_push", "enablePush", "id_in_my_system_1", '{"extId":"id_in_my_system_1"}'),
    _post(
        "enable_push",
        "enablePush",
        "my_device_token",
        '{"deviceToken":"my_device_token"}',
        by="device_token",
    ),
    _post("disable_push", "disablePush", "id_in_my_system_1", '{"extId":"id_in_my_system_1"}'),
    _post(
        "disable_push",
        "disablePush",
        "my_device_token",
        '{"deviceToken":"my_device_token"}',
        by="device_token",
    ),
    _post("tag_users", "tagUsers", _TWO, '{"tag":"Sport","extIds":["id1","id2"]}', tag="Sport"),
    _post(
        "tag_users",
        "tagUsers",
        _TWO,
        '{"tag":["Sport","Spor ğ","x"],"extIds":["id1","id2"]}',
        tag="Sport",
        more_tags=["Spor ğ", "x"],
    ),
    # A public client of Netmera's posts this one to tagUsers, and so adds the tag again.
    _post("untag_users", "untagUsers", _TWO, '{"tag":"Sport","extIds":["id1","id2"]}', tag="Sport"),
    _post(
        "untag_users",
        "untagUsers",
        _TWO,
        '{"tag":["Sport","x"],"extIds":["id1","id2"]}',
        tag="Sport",
        more_tags=("x",),
    ),
]

_CATEGORIES = (
    '[{"extId":"id1","category":"Shopping","enable":true},'
    '{"extId":"id1","category":"Promotion ","enable":false,"channel":"SMS"}]'
)

CATEGORIES = [
    _post(
        "set_category_preferences",
        "setCategoryPreferences",
        [
            {"extId": "id1", "category": "Shopping", "enable": True},
            {"extId": "id1", "category": "Promotion ", "enable": False, "channel": "SMS"},
        ],
        _CATEGORIES,
    ),
    _post(
        "set_category_preferences",
        "setCategoryPreferences",
        [
            CategoryPreference("id1", "Shopping", enable=True),
            CategoryPreference("id1", "Promotion ", enable=False, channel="SMS"),
        ],
        _CATEGORIES,
    ),
    _get(
        "get_category_preferences",
        "getCategoryPreferences",
        "exid",
        query=[("externalId", "exid")],
        answer='{"categoryPreferences":{"Discounts ":true,"Haftalık Bülten":false}}',  # noqa: RUF001 - Turkish
        reads=CategoryPreferences({"Discounts ": True, "Haftalık Bülten": False}),  # noqa: RUF001 - Turkish
    ),
    _get(
        "get_category_preferences",
        "getCategoryPreferences",
        "exid",
        options={"push_permitted": False},
        query=[("externalId", "exid"), ("pushPermitted", "false")],
        answer='{"categoryPreferences":{},"categoryChannelPreferences":{"News":{"SMS":true}}}',
        reads=CategoryPreferences({}, {"News": {"SMS": True}}),
    ),
    _get(
        "get_category_preferences",
        "getCategoryPreferences",
        "exid",
        options={"push_permitted": True},
        query=[("externalId", "exid"), ("pushPermitted", "true")],
        answer="{}",
        reads=CategoryPreferences(),
    ),
]

_SET = '[{"extId":"id1","profile":{"age":24}},{"extId":"id2","profile":{"name":"John"}}]'
_UNSET = '[{"extId":"id1","profile":["age"]},{"extId":"id2","profile":["age","name"]}]'
_PUSH = '[{"extId":"id1","profile":{"lastVisitedCategories":["shopping"]}}]'
_PULL = '[{"extId":"id1","profile":{"lastVisitedCategories":["promotion"]}}]'
_VALUE = '[{"key":"lastVisitedProducts","value":"shirt"}]'

PROFILES = [
    _get(
        "get_profile_attributes",
        "getProfileAttributes",
        "id1",
        query=[("extId", "id1")],
        answer=(
            '{"extId":"id1","profile":{"name":"John","surname":"Brown","dateOfBirth":624315600000,'
            '"email":"john.brown@example.com","age":34,"isSubscribed":true}}'
        ),
        reads=Profile(
            "id1",
            {
                "name": "John",
                "surname": "Brown",
                "dateOfBirth": 624315600000,
                "email": "john.brown@example.com",
                "age": 34,
                "isSubscribed": True,
            },
        ),
    ),
    _post(
        "set_profile_attributes",
        "setProfileAttributes",
        [{"extId": "id1", "profile": {"age": 24}}, {"extId": "id2", "profile": {"name": "John"}}],
        _SET,
    ),
    _post(
        "set_profile_attributes",
        "setProfileAttributes",
        [ProfileUpdate("id1", {"age": 24}), ProfileUpdate("id2", {"name": "John"})],
        _SET,
    ),
    _post(
        "unset_profile_attributes",
        "unsetProfileAttributes",
        [{"extId": "id1", "profile": ["age"]}, {"extId": "id2", "profile": ["age", "name"]}],
        _UNSET,
    ),
    _post(
        "unset_profile_attributes",
        "unsetProfileAttributes",
        [ProfileKeys("id1", ["age"]), ProfileKeys("id2", ("age", "name"))],
        _UNSET,
    ),
    _post(
        "push_profile_attributes",
        "pushProfileAttributes",
        [{"extId": "id1", "profile": {"lastVisitedCategories": ["shopping"]}}],
        _PUSH,
    ),
    _post(
        "push_profile_attributes",
        "pushProfileAttributes",
        [ProfileValues("id1", {"lastVisitedCategories": ["shopping"]})],
        _PUSH,
    ),
    _post(
        "pull_profile_attributes",
        "pullProfileAttributes",
        [{"extId": "id1", "profile": {"lastVisitedCategories": ["promotion"]}}],
        _PULL,
    ),
    _post(
        "pull_profile_attributes",
        "pullProfileAttributes",
        [ProfileValues("id1", {"lastVisitedCategories": ["promotion"]})],
        _PULL,
    ),
    _post(
        "delete_profile_attributes_of_all_users",
        "deleteProfileAttributes",
        ["name", "age"],
        '[{"profile":["name","age"]}]',
        confirm=True,
    ),
    _post(
        "delete_profile_attribute_value_of_all_users",
        "deleteProfileAttributeValue",
        [{"key": "lastVisitedProducts", "value": "shirt"}],
        _VALUE,
        confirm=True,
    ),
    _post(
        "delete_profile_attribute_value_of_all_users",
        "deleteProfileAttributeValue",
        [AttributeValue("lastVisitedProducts", "shirt")],
        _VALUE,
        confirm=True,
    ),
]

_DEVICES = (
    '{"extId":"id1","devices":[{"platform":"ANDROID","token":"a1b2c3d4e5f6g7","deviceModel":"Pixel 5",'
    '"pushPermitted":true}]}'
)
_PIXEL = Device("ANDROID", "a1b2c3d4e5f6g7", "Pixel 5", push_permitted=True)
_SEGMENT_USERS = (
    '{"name":"brand","list":[{"externalId":"user_123","msisdn":"905312345678",'
    '"email":"user@example.com"},{"msisdn":"905312345679"}]}'
)

READS = [
    _get(
        "get_devices",
        "getDevices",
        "id1",
        query=[("extId", "id1")],
        answer=_DEVICES,
        reads=DeviceList("id1", (_PIXEL,)),
    ),
    # false means "all" to the vendor, as leaving it out does: it is never sent.
    _get(
        "get_devices",
        "getDevices",
        "id1",
        options={"only_push_permitted": False},
        query=[("extId", "id1")],
        answer=_DEVICES,
        reads=DeviceList("id1", (_PIXEL,)),
    ),
    _get(
        "get_devices",
        "getDevices",
        "id1",
        options={"only_push_permitted": True},
        query=[("extId", "id1"), ("pushPermitted", "true")],
        answer=_DEVICES,
        reads=DeviceList("id1", (_PIXEL,)),
    ),
    _get(
        "get_device_tokens",
        "getDeviceTokens",
        query=[("max", "100"), ("offset", "0")],
        answer=(
            '{"total":1,"devices":[{"platform":"ANDROID","token":"abc123pushToken",'
            '"deviceModel":"Pixel 6","pushPermitted":true,"installationId":"i-1"}]}'
        ),
        reads=[Device("ANDROID", "abc123pushToken", "Pixel 6", True, "i-1")],
    ),
    _get(
        "get_device_tokens",
        "getDeviceTokens",
        options={"page_size": 10, "offset": 30},
        query=[("max", "10"), ("offset", "30")],
        answer='{"total":30,"devices":[]}',
        reads=[],
    ),
    *(
        _get(
            "get_segments",
            "getSegments",
            options={"os": os},
            headers={"X-netmera-os": os},
            answer='{"list":[{"id":5883,"name":"segment","userCount":16572,"type":"PRODUCT_SEGMENT"}]}',
            reads=SegmentList((Segment(5883, "segment", 16572, "PRODUCT_SEGMENT"),)),
        )
        for os in ("IOS", "ANDROID")
    ),
    _get(
        "get_segment_users",
        "getSegmentUsers",
        "5883",
        options={"os": "IOS"},
        headers={"X-netmera-os": "IOS"},
        query=[("id", "5883")],
        answer=_SEGMENT_USERS,
        reads=SegmentUsers(
            "brand",
            (
                SegmentUser("user_123", "905312345678", "user@example.com"),
                SegmentUser(msisdn="905312345679"),
            ),
        ),
    ),
    _post("send_push_approval", "sendPushApproval", 97, '[{"messageId":97}]'),
]


def _permissions(channel: str, path: str, other: str, list_name: str) -> list[Golden]:
    entries = ["+905312345678", "+905312345679"] if other != "email" else ["a@example.com"]
    listed = str(entries).replace("'", '"')
    return [
        golden
        for verb in ("enable", "disable")
        for golden in (
            _post(f"{verb}_{channel}", f"{verb}{path}", _TWO, _IDS),
            _post(f"{verb}_{channel}", f"{verb}{path}", _TWO, _IDS, by="ext_id"),
            _post(f"{verb}_{channel}", f"{verb}{path}", entries, f'{{"{list_name}":{listed}}}', by=other),
        )
    ]


_NUMBERS = ["+1234567890", "+1234567891"]
_EMAIL = '{"extId":"your_extId","email":"a@example.com"}'
_MSISDN = '{"extId":"your_extId","msisdn":"+905312345678"}'
_WHATS_APP = '{"extId":"your_extId","wpNumbers":["+1234567890"]}'

CONTACTS = [
    *_permissions("mail", "Mail", "email", "emailList"),
    *_permissions("sms", "Sms", "msisdn", "msisdnList"),
    *_permissions("whats_app", "WhatsApp", "wp_number", "wpNumbers"),
    *(
        _post(
            f"{verb}_whats_app",
            f"{verb}WhatsApp",
            ["your-extId"],
            '{"extIds":["your-extId"],"wpNumbers":["+1234567890","+1234567891"]}',
            wp_numbers=_NUMBERS,
        )
        for verb in ("enable", "disable")
    ),
    _post("update_email", "updateEmail", {"extId": "your_extId", "email": "a@example.com"}, _EMAIL),
    _post("update_email", "updateEmail", EmailUpdate("your_extId", "a@example.com"), _EMAIL),
    _post("update_msisdn", "updateMsisdn", {"extId": "your_extId", "msisdn": "+905312345678"}, _MSISDN),
    _post("update_msisdn", "updateMsisdn", MsisdnUpdate("your_extId", "+905312345678"), _MSISDN),
    _post(
        "update_whats_app",
        "updateWhatsApp",
        {"extId": "your_extId", "wpNumbers": ["+1234567890"]},
        _WHATS_APP,
    ),
    _post(
        "update_whats_app",
        "updateWhatsApp",
        WhatsAppUpdate("your_extId", ["+1234567890"]),
        _WHATS_APP,
    ),
]

_REGISTERED = (
    '[{"extId":"id1","platform":"IOS","deviceToken":"9E9F","email":"a@example.com","tags":["Sport"],'
    '"profile":{"age":24}},{"msisdn":"+905312345678"}]'
)
_SHARED = '[{"extId":"id_in_my_system_1","name":"ShareEvent","itemId":"4234","channel":"Facebook"}]'
_CANCELLED = (
    '[{"extId":"id_in_my_system_1","name":"OrderCancelEvent","paymentMethod":"Credit Card","subTotal":20.0,'
    '"itemCount":4,"grandTotal":35.0},{"extId":"id2","name":"Plain"}]'
)
_DEFINED = (
    '{"standardProfileAttributes":[{"code":"na","dataType":"STRING","name":"name","label":"Name",'
    '"locked":true,"array":false}],"customProfileAttributes":[{"name":"favorites","array":true,'
    '"options":["a"],"order":3,"new":1}]}'
)

BULK = [
    _post(
        "register_users",
        "registerUsers",
        [
            {
                "extId": "id1",
                "platform": "IOS",
                "deviceToken": "9E9F",
                "email": "a@example.com",
                "tags": ["Sport"],
                "profile": {"age": 24},
            },
            {"msisdn": "+90 531 234 56 78"},
        ],
        _REGISTERED,
    ),
    _post(
        "register_users",
        "registerUsers",
        [
            UserRegistration(
                ext_id="id1",
                platform="IOS",
                device_token="9E9F",
                email="a@example.com",
                tags=["Sport"],
                profile={"age": 24},
            ),
            UserRegistration(msisdn="+90 (531) 234-5678"),
        ],
        _REGISTERED,
    ),
    _post("delete_users", "deleteUsers", _TWO, _IDS, confirm=True),
    # The vendor's own two examples: an event's attributes stand beside its name.
    _post(
        "fire_events",
        "fireEvents",
        [
            {
                "extId": "id_in_my_system_1",
                "name": "ShareEvent",
                "attributes": {"itemId": "4234", "channel": "Facebook"},
            }
        ],
        _SHARED,
    ),
    _post(
        "fire_events",
        "fireEvents",
        [
            UserEvent(
                "id_in_my_system_1",
                "OrderCancelEvent",
                {"paymentMethod": "Credit Card", "subTotal": 20.0, "itemCount": 4, "grandTotal": 35.0},
            ),
            UserEvent("id2", "Plain"),
        ],
        _CANCELLED,
    ),
    *(
        _post(f"remove_{name}", path, "your_extId", '{"extId":"your_extId"}')
        for name, path in (
            ("email", "removeEmail"),
            ("msisdn", "removeMsisdn"),
            ("whats_app", "removeWhatsApp"),
        )
    ),
    _post("add_email", "addEmail", ["a@example.com"], '{"emailList":["a@example.com"]}'),
    _post("add_msisdn", "addMsisdn", ["+90 531 234 5678"], '{"msisdnList":["+905312345678"]}'),
    _get("count_users", "count-user", answer='{"count":184523}', reads=UserCount(184523)),
    _get(
        "get_attribute_definitions",
        "app/profile-attributes",
        answer=_DEFINED,
        reads=AttributeDefinitions(
            standard=(
                AttributeDefinition(
                    code="na", data_type="STRING", name="name", label="Name", locked=True, array=False
                ),
            ),
            custom=(
                AttributeDefinition(name="favorites", array=True, options=["a"], order=3, unknown={"new": 1}),
            ),
        ),
    ),
]

GOLDEN = [*USERS, *CATEGORIES, *PROFILES, *READS, *CONTACTS, *BULK]

_DELETES_EVERYWHERE = {
    "delete_profile_attributes_of_all_users",
    "delete_profile_attribute_value_of_all_users",
}
_BY_EXT_ID = (
    *("delete_users_permanently", "tag_users", "untag_users", "set_category_preferences"),
    *("set_profile_attributes", "unset_profile_attributes", "push_profile_attributes"),
    *("pull_profile_attributes", "enable_mail", "disable_mail", "enable_sms"),
    *("disable_sms", "enable_whats_app", "disable_whats_app", "register_users", "delete_users"),
    "fire_events",
)
_ONE_AT_A_TIME = (
    *("enable_push", "disable_push", "get_category_preferences", "get_profile_attributes"),
    *("get_devices", "get_segment_users", "send_push_approval", "update_email"),
    *("update_msisdn", "update_whats_app", "remove_email", "remove_msisdn", "remove_whats_app"),
)
SHAPES: dict[str, tuple[str, int | None, int]] = {
    **dict.fromkeys(_BY_EXT_ID, ("batch", 1000, 1000)),
    **dict.fromkeys((*_DELETES_EVERYWHERE, "add_email", "add_msisdn"), ("batch", None, 1000)),
    **dict.fromkeys(_ONE_AT_A_TIME, ("call", None, 1)),
    **dict.fromkeys(("get_segments", "count_users", "get_attribute_definitions"), ("query", None, 1)),
    "get_device_tokens": ("pages", None, 1),
}
_READS = tuple(name for name in SHAPES if name.startswith(("get_", "count_")))
_REPEATABLE = SHAPES.keys() - {
    *("push_profile_attributes", "send_push_approval", "fire_events"),
    *("add_email", "add_msisdn"),  # what a repeated contact does is not documented
}

#: Turkish mobile numbers.
NUMBERS_IN_USE = st.integers(5_300_000_000, 5_599_999_999).map("+90{}".format)
# What an item of each kind may be, by the vendor's names.
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "str": CLEAN,
    "CategoryPreference": st.fixed_dictionaries(
        {"extId": CLEAN, "category": CLEAN, "enable": st.booleans()},
        optional={"channel": st.sampled_from(["SMS", "email"])},
    ),
    "ProfileUpdate": st.fixed_dictionaries(
        {"extId": CLEAN, "profile": st.dictionaries(NAMES, SCALARS, min_size=1, max_size=3)}
    ),
    "ProfileKeys": st.fixed_dictionaries(
        {"extId": CLEAN, "profile": st.lists(CLEAN, min_size=1, max_size=3)}
    ),
    "ProfileValues": st.fixed_dictionaries(
        {
            "extId": CLEAN,
            "profile": st.dictionaries(
                NAMES, st.lists(SCALARS, min_size=1, max_size=3), min_size=1, max_size=2
            ),
        }
    ),
    "AttributeValue": st.fixed_dictionaries({"key": CLEAN, "value": CLEAN}),
    "EmailUpdate": st.fixed_dictionaries({"extId": CLEAN, "email": CLEAN}),
    "MsisdnUpdate": st.fixed_dictionaries({"extId": CLEAN, "msisdn": CLEAN}),
    "WhatsAppUpdate": st.fixed_dictionaries(
        {"extId": CLEAN, "wpNumbers": st.lists(CLEAN, min_size=1, max_size=3)}
    ),
    "send_push_approval": st.integers(0, 2**63 - 1),
    "add_msisdn": NUMBERS_IN_USE,
    "UserRegistration": st.fixed_dictionaries(
        {"msisdn": NUMBERS_IN_USE},
        optional={
            "extId": CLEAN,
            "platform": st.sampled_from(["IOS", "ANDROID"]),
            "deviceToken": CLEAN,
            "email": CLEAN,
            "tags": st.lists(CLEAN, min_size=1, max_size=3),
            "profile": st.dictionaries(NAMES, SCALARS, min_size=1, max_size=3),
        },
    ),
    "UserEvent": st.fixed_dictionaries(
        {"extId": CLEAN, "name": CLEAN},
        optional={"attributes": st.dictionaries(NAMES, SCALARS, max_size=3)},
    ),
}

TABLE = Table(
    vendor=NetmeraClient,
    make=netmera,
    headers={"X-netmera-api-key": "the-rest-key"},
    golden=GOLDEN,
    marks={
        "idempotent": _REPEATABLE,
        "divisible": _REPEATABLE,
        "destructive": {"delete_users_permanently", "delete_users", *_DELETES_EVERYWHERE},
        "irreversible": {"delete_users_permanently"},
        "app_wide": _DELETES_EVERYWHERE,
    },
    shapes=SHAPES,
    quotas={
        "netmera": {
            "requests per second": (10, "assumed"),
            "ceiling of requests per second": (20, "assumed"),
            "in flight": (8, "assumed"),
        }
    },
    items=ITEMS,
    answers=dict.fromkeys(_READS, "{}"),
)
