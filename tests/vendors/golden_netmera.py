"""Netmera's requests, written from its pages, and from the file behind them where they are silent.

Sources: https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/user-and-device-management.md
https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference, which outranks it
https://github.com/ecemnaz1/netmera-rest-api
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from scripted_vendors import CLEAN, EMAILS, NAMES, SCALARS, Golden, Table, netmera

from netaudience import NetmeraClient
from netaudience.vendors.netmera.models import (
    AttributeDefinition,
    AttributeDefinitions,
    AttributeValue,
    CategoryPreference,
    CategoryPreferences,
    Device,
    DeviceList,
    DeviceToken,
    EmailUpdate,
    EventDefinition,
    EventDefinitions,
    MsisdnUpdate,
    Profile,
    ProfileKeys,
    ProfileUpdate,
    ProfileValues,
    PushCategories,
    Segment,
    SegmentList,
    SegmentUser,
    UserCount,
    UserEvent,
    UserRegistration,
    WhatsAppUpdate,
)
from netaudience.vendors.netmera.promotions import PromotionCode, Tester
from netaudience.vendors.netmera.segment_models import (
    SegmentChange,
    SegmentDefinition,
    SegmentState,
    ValueCounts,
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
    _post("tag_users", "tagUsers", _TWO, '{"tag":"Spor ğ","extIds":["id1","id2"]}', tag="Spor ğ"),
    # A public client of Netmera's posts this one to tagUsers, and so adds the tag again.
    _post(
        "untag_users",
        "untagUsers",
        _TWO,
        '{"tag":"Sport","extIds":["id1","id2"],"checkExistence":true}',
        tag="Sport",
    ),
]

PROMOTIONS = [
    _post(
        "add_promotion_codes",
        "promotion/add",
        [{"extId": "id1", "code": "SUMMER-1"}, PromotionCode("id2", "SUMMER-2")],
        '{"name":"Summer","expiryDate":1790000000000,"codes":[{"extId":"id1","code":"SUMMER-1"},'
        '{"extId":"id2","code":"SUMMER-2"}]}',
        promotion="Summer",
        expiry_date=expiry,
    )
    for expiry in (1790000000000, datetime.fromtimestamp(1790000000, UTC))
]
PROMOTIONS += [
    _post(
        "add_testers",
        "addTesters",
        [{"extId": "id1"}, Tester(email="user@example.com")],
        '[{"extId":"id1"},{"email":"user@example.com"}]',
    )
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
        answer='{"categoryPreferences":{"Discounts ":true,"Haftalik Bülten":false}}',
        reads=CategoryPreferences({"Discounts ": True, "Haftalik Bülten": False}),
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
    _get(
        "get_category_preferences",
        "getCategoryPreferences",
        "exid",
        options={"category_ids": [3, 5], "channels": ["SMS", "WEB"]},
        query=[("externalId", "exid"), ("categoryIds", "3,5"), ("channels", "SMS,WEB")],
        answer="{}",
        reads=CategoryPreferences(),
    ),
    _get(
        "get_push_categories",
        "getPushCategories",
        answer='{"categories":[{"1":"announcements"},{"3":"Haftalik Bülten"}]}',
        reads=PushCategories(({"1": "announcements"}, {"3": "Haftalik Bülten"})),
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
    _get(
        "get_profile_attributes",
        "getProfileAttributes",
        "t-1",
        options={"by": "device_token"},
        query=[("deviceToken", "t-1")],
        answer='{"extId":null,"profile":{"age":34}}',
        reads=Profile(None, {"age": 34}),
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
        [ProfileValues("id1", profile={"lastVisitedCategories": ["shopping"]})],
        _PUSH,
    ),
    _post(
        "push_profile_attributes",
        "pushProfileAttributes",
        [ProfileValues(device_token="t-1", profile={"lastVisitedCategories": ["shopping"]})],
        '[{"deviceToken":"t-1","profile":{"lastVisitedCategories":["shopping"]}}]',
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
        [ProfileValues("id1", profile={"lastVisitedCategories": ["promotion"]})],
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
            '{"total":2,"devices":[{"installationId":"i-1","platform":"ANDROID","extId":"id1",'
            '"deviceToken":"abc123pushToken"},{"installationId":"i-2","platform":"IOS"}]}'
        ),
        reads=[DeviceToken("i-1", "ANDROID", "id1", "abc123pushToken"), DeviceToken("i-2", "IOS")],
    ),
    # The older page's sample.
    _get(
        "get_device_tokens",
        "getDeviceTokens",
        options={"page_size": 10},
        query=[("max", "10"), ("offset", "0")],
        answer=(
            '{"total":158329,"devices":[{"platform":"ANDROID","token":"abc123pushToken",'
            '"deviceModel":"Pixel 6","pushPermitted":true}]}'
        ),
        reads=[
            DeviceToken(
                platform="ANDROID", device_token="abc123pushToken", model="Pixel 6", push_permitted=True
            )
        ],
    ),
    _get(
        "get_device_tokens",
        "getDeviceTokens",
        options={"page_size": 10, "offset": 30},
        query=[("max", "10"), ("offset", "30")],
        answer='{"total":30,"devices":[]}',
        reads=[],
    ),
    _post("send_push_approval", "sendPushApproval", 97, '[{"messageId":97}]'),
]


_OS = {"X-netmera-os": "IOS"}
_STATE = (
    '{"id":77,"name":"izmir","status":"ACTIVE","segmentStatus":"WAITING_CALCULATE","userCount":null,'
    '"createdBy":"REST"}'
)
_WAITING = SegmentState(77, "izmir", "ACTIVE", "WAITING_CALCULATE", None, "REST")
_IN_IZMIR: dict[str, Any] = {
    "type": "PROFILE",
    "expression": {"code": "city", "operator": "CONTAINS", "values": ["Izmir"]},
}
_CONDITION = '{"type":"PROFILE","expression":{"code":"city","operator":"CONTAINS","values":["Izmir"]}}'


def _segment(operation: str, path: str, item: Any, body: str) -> Golden:
    return Golden(
        operation=operation, arguments=(item,), url=_BASE + path, body=body, answer=_STATE, reads=_WAITING
    )


def _status(operation: str, status: str, answer: str, reads: SegmentState) -> Golden:
    return Golden(
        operation=operation,
        arguments=(77,),
        url=f"{_BASE}changeSegmentStatus",
        query=[("id", "77"), ("status", status)],
        answer=answer,
        reads=reads,
    )


SEGMENTS = [
    _get(
        "get_segments",
        "getSegments",
        headers=_OS,
        answer=(
            '{"list":[{"id":5883,"name":"segment","userCount":16572,"type":"PRODUCT_SEGMENT"},'
            '{"id":5884,"name":"crm","userCount":null,"type":"CONNECTORS_SEGMENT"}]}'
        ),
        reads=SegmentList(
            (
                Segment(5883, "segment", 16572, "PRODUCT_SEGMENT"),
                Segment(5884, "crm", None, "CONNECTORS_SEGMENT"),
            )
        ),
    ),
    _get(
        "get_segment",
        "getSegment",
        77,
        query=[("id", "77")],
        answer='{"id":77,"name":"izmir","status":"ACTIVE","segmentStatus":"READY","userCount":12}',
        reads=SegmentState(77, "izmir", "ACTIVE", "READY", 12),
    ),
    _get(
        "get_segment_users",
        "getSegmentUsers",
        options={"segment_id": 5883},
        headers=_OS,
        query=[("id", "5883"), ("max", "1000")],
        answer=_SEGMENT_USERS,
        reads=[
            SegmentUser("user_123", "905312345678", "user@example.com"),
            SegmentUser(msisdn="905312345679"),
        ],
    ),
    _segment(
        "create_segment",
        "createSegment",
        {"segmentName": "izmir", "profile": [_IN_IZMIR]},
        f'{{"segment":{{"segmentName":"izmir"}},"profile":[{_CONDITION}]}}',
    ),
    _segment(
        "create_segment",
        "createSegment",
        SegmentDefinition(
            name="izmir",
            description="All of Izmir",
            tags=[{"type": "TAG", "logic": "AND", "code": 12}],
            tag_condition_type="AND",
            profile=[_IN_IZMIR],
            profile_condition_type="OR",
            push_enabled=True,
        ),
        '{"segment":{"segmentName":"izmir","segmentDescription":"All of Izmir","tagConditionType":"AND",'
        f'"profileConditionType":"OR"}},"profile":[{_CONDITION}],"pushEnabled":true,'
        '"tags":[{"type":"TAG","logic":"AND","code":12}]}',
    ),
    _segment(
        "update_segment",
        "updateSegment",
        {"segmentId": 77, "segmentName": "izmir", "profile": [_IN_IZMIR]},
        f'{{"segment":{{"segmentId":77,"segmentName":"izmir"}},"profile":[{_CONDITION}]}}',
    ),
    _segment(
        "update_segment",
        "updateSegment",
        SegmentChange(
            segment_id=77,
            name="izmir",
            target={"id": "1", "type": "GROUP", "logic": "AND", "conditions": [_IN_IZMIR]},
        ),
        '{"segment":{"segmentId":77,"segmentName":"izmir"},'
        f'"targetJson":{{"id":"1","type":"GROUP","logic":"AND","conditions":[{_CONDITION}]}}}}',
    ),
    _status(
        "delete_segment",
        "DELETED",
        '{"id":77,"name":"izmir","status":"DELETED","segmentStatus":"WAITING_DELETED","userCount":12}',
        SegmentState(77, "izmir", "DELETED", "WAITING_DELETED", 12),
    ),
    _status("reopen_segment", "ACTIVE", _STATE, _WAITING),
    Golden(
        operation="count_targeted_users",
        options={"tag": ["Sport", "News"], "profile": {"city": {"$not": "Izmir"}}},
        url=f"{_BASE}targeting/count",
        body='{"target":{"profile":{"city":{"$not":"Izmir"}},"tag":["Sport","News"]}}',
        answer='{"count":184523}',
        reads=UserCount(184523),
    ),
    Golden(
        operation="count_users_by_value",
        options={"profile": "city", "values": ["15", "23"]},
        url=f"{_BASE}targeting/count-batch",
        body='{"groupBy":{"profile":"city"},"values":["15","23"]}',
        answer='{"counts":{"15":9210,"23":4487}}',
        reads=ValueCounts({"15": 9210, "23": 4487}),
    ),
    Golden(
        operation="count_users_by_value",
        options={"installation": "platform"},
        url=f"{_BASE}targeting/count-batch",
        body='{"groupBy":{"installation":"platform"}}',
        answer='{"counts":{"IOS":3}}',
        reads=ValueCounts({"IOS": 3}),
    ),
    _get("count_users", "count-user", answer='{"count":184523}', reads=UserCount(184523)),
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


_NUMBERS = ["+905312345678", "+905312345679"]
_EMAIL = '{"extId":"your_extId","email":"a@example.com"}'
_MSISDN = '{"extId":"your_extId","msisdn":"+905312345678"}'
_WHATS_APP = '{"extId":"your_extId","wpNumber":"+905312345678"}'

CONTACTS = [
    *_permissions("mail", "Mail", "email", "emailList"),
    *_permissions("sms", "Sms", "msisdn", "msisdnList"),
    *_permissions("whats_app", "WhatsApp", "wp_number", "wpNumbers"),
    *(
        _post(
            f"{verb}_whats_app",
            f"{verb}WhatsApp",
            ["your-extId"],
            '{"extIds":["your-extId"],"wpNumbers":["+905312345678","+905312345679"]}',
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
        {"extId": "your_extId", "wpNumber": "+90 531 234 56 78"},
        _WHATS_APP,
    ),
    _post(
        "update_whats_app",
        "updateWhatsApp",
        WhatsAppUpdate("your_extId", "+905312345678"),
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
    _get(
        "get_event_definitions",
        "app/events",
        answer=(
            '{"standardEvents":[{"code":"n:lg","name":"Login","attributes":[{"code":"ea","name":"channel",'
            '"dataType":"STRING","mandatory":true}]}],"customEvents":[{"name":"Share","extra":1}]}'
        ),
        reads=EventDefinitions(
            standard=(
                EventDefinition(
                    "n:lg",
                    "Login",
                    attributes=(
                        AttributeDefinition(code="ea", name="channel", data_type="STRING", mandatory=True),
                    ),
                ),
            ),
            custom=(EventDefinition(name="Share", unknown={"extra": 1}),),
        ),
    ),
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

GOLDEN = [*USERS, *PROMOTIONS, *CATEGORIES, *PROFILES, *READS, *SEGMENTS, *CONTACTS, *BULK]

_DELETES_EVERYWHERE = {
    "delete_profile_attributes_of_all_users",
    "delete_profile_attribute_value_of_all_users",
}
_BY_EXT_ID = (
    *("delete_users_permanently", "tag_users", "untag_users", "set_category_preferences"),
    *("set_profile_attributes", "unset_profile_attributes", "push_profile_attributes"),
    *("pull_profile_attributes", "enable_mail", "disable_mail", "enable_sms"),
    *("disable_sms", "enable_whats_app", "disable_whats_app", "register_users", "delete_users"),
    *("fire_events", "add_promotion_codes"),
)
_ONE_AT_A_TIME = (
    *("enable_push", "disable_push", "get_category_preferences", "get_profile_attributes"),
    *("get_devices", "get_segment", "send_push_approval", "update_email"),
    *("create_segment", "update_segment", "delete_segment", "reopen_segment"),
    *("update_msisdn", "update_whats_app", "remove_email", "remove_msisdn", "remove_whats_app"),
)
SHAPES: dict[str, tuple[str, int | None, int]] = {
    **dict.fromkeys(_BY_EXT_ID, ("batch", 1000, 1000)),
    **dict.fromkeys((*_DELETES_EVERYWHERE, "add_email", "add_msisdn", "add_testers"), ("batch", None, 1000)),
    **dict.fromkeys(_ONE_AT_A_TIME, ("call", None, 1)),
    **dict.fromkeys(
        (
            *("get_segments", "count_users", "count_targeted_users", "count_users_by_value"),
            *("get_attribute_definitions", "get_event_definitions", "get_push_categories"),
        ),
        ("query", None, 1),
    ),
    **dict.fromkeys(("get_device_tokens", "get_segment_users"), ("pages", None, 1)),
}
_READS = tuple(name for name in SHAPES if name.startswith(("get_", "count_")))
_REPEATABLE = SHAPES.keys() - {
    *("send_push_approval", "fire_events", "create_segment", "add_promotion_codes")
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
    "EmailUpdate": st.fixed_dictionaries({"extId": CLEAN, "email": EMAILS}),
    "MsisdnUpdate": st.fixed_dictionaries({"extId": CLEAN, "msisdn": NUMBERS_IN_USE}),
    "WhatsAppUpdate": st.fixed_dictionaries({"extId": CLEAN, "wpNumber": NUMBERS_IN_USE}),
    "SegmentDefinition": st.fixed_dictionaries({"segmentName": CLEAN, "pushEnabled": st.booleans()}),
    "SegmentChange": st.fixed_dictionaries(
        {"segmentId": st.integers(0, 2**63 - 1), "segmentName": CLEAN, "pushEnabled": st.booleans()}
    ),
    **dict.fromkeys(("get_segment", "delete_segment", "reopen_segment"), st.integers(0, 2**63 - 1)),
    "send_push_approval": st.integers(0, 2**63 - 1),
    "email": EMAILS,
    "msisdn": NUMBERS_IN_USE,
    "wp_number": NUMBERS_IN_USE,
    "add_email": EMAILS,
    "add_msisdn": NUMBERS_IN_USE,
    "UserRegistration": st.fixed_dictionaries(
        {"msisdn": NUMBERS_IN_USE},
        optional={
            "extId": CLEAN,
            "platform": st.sampled_from(["IOS", "ANDROID"]),
            "deviceToken": CLEAN,
            "email": EMAILS,
            "tags": st.lists(CLEAN, min_size=1, max_size=3),
            "profile": st.dictionaries(NAMES, SCALARS, min_size=1, max_size=3),
        },
    ),
    "PromotionCode": st.fixed_dictionaries({"extId": CLEAN, "code": CLEAN}),
    "Tester": st.fixed_dictionaries({"extId": CLEAN}) | st.fixed_dictionaries({"email": EMAILS}),
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
        "destructive": {"delete_users_permanently", *_DELETES_EVERYWHERE},
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
    more={
        "get_device_tokens": lambda number, full: {
            "total": 5,
            "devices": [{"installationId": "i-1", "platform": "IOS"}] if full else [],
            "nextPage": f"https://node/rest/3.0/getDeviceTokens?offset={number * 100}&max=100",
        },
        "get_segment_users": lambda number, full: {
            "name": "brand",
            "list": [{"externalId": "user_123"}] if full else [],
            "nextPage": f"https://node/rest/3.0/getSegmentUsers?id=5883&max=1000&offset=t{number}",
        },
    },
    unknown={"get_attribute_definitions": {"new"}, "get_event_definitions": {"extra"}},
    answers={**dict.fromkeys(_READS, "{}"), "untag_users": '{"notExist":[]}'},
)
