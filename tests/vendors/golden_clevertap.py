"""CleverTap's requests, written from its pages and from nothing else.

Sources: https://developer.clevertap.com/docs/demerge-user-profile-api
https://developer.clevertap.com/docs/upload-user-profiles-api
https://developer.clevertap.com/docs/upload-events-api
https://developer.clevertap.com/docs/upload-device-tokens-api
https://developer.clevertap.com/docs/delete-user-profile-api
https://developer.clevertap.com/docs/get-user-profiles-api
https://developer.clevertap.com/docs/subscribe-api
https://developer.clevertap.com/docs/disassociate-api
https://developer.clevertap.com/docs/custom-list-endpoints
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from hypothesis import strategies as st
from scripted_vendors import CLEAN, EMAILS, Golden, Table, clevertap

from netaudience import CleverTapClient
from netaudience.client import Client
from netaudience.vendors.clevertap.models import (
    ApiSegment,
    Count,
    CustomList,
    EventPage,
    EventSummary,
    EventUpload,
    ListTaken,
    NewApiSegment,
    Platform,
    Profile,
    ProfileFound,
    ProfilePage,
    ProfileUpload,
    SubscriptionUpdate,
    TokenUpload,
)

_BASE = "https://in1.api.clevertap.com/1/"
_SUCCESS = '{"status":"success"}'


class FirstPage(Golden):
    """Reads one page: the next is asked for in another way, as `test_clevertap` shows."""

    async def carry(self, client: Client) -> object:
        async with aclosing(getattr(client, self.operation)(**self.options).pages()) as pages:
            return await anext(pages)


def _uploaded(count: int) -> str:
    return f'{{"status":"success","processed":{count},"unprocessed":[]}}'


def _records(operation: str, items: list[Any], body: str, path: str = "upload") -> Golden:
    return Golden(
        operation=operation, arguments=(items,), url=_BASE + path, body=body, answer=_uploaded(len(items))
    )


#: The delete page's field is the singular ``identity``; the demerge's is the plural.
LISTS = [
    Golden(
        operation="demerge",
        arguments=(["client-19827239", "a@example.com"],),
        url=_BASE + "demerge/profiles.json",
        body='{"identities":["client-19827239","a@example.com"]}',
        answer=_SUCCESS,
    ),
    Golden(
        operation="delete_profiles",
        arguments=(["client-19827239", "a@example.com"],),
        options={"confirm": True},
        url=_BASE + "delete/profiles.json",
        body='{"identity":["client-19827239","a@example.com"]}',
        answer=_SUCCESS,
    ),
    Golden(
        operation="delete_profiles",
        arguments=(["df2e224d90874887b4d61153ef3a2508"],),
        options={"by": "guid", "confirm": True},
        url=_BASE + "delete/profiles.json",
        body='{"guid":["df2e224d90874887b4d61153ef3a2508"]}',
        answer=_SUCCESS,
    ),
]

_PROFILES = (
    '{"d":[{"type":"profile","identity":"client-19827239","ts":1468308340,"profileData":'
    '{"Name":"Jack Montana","Email":"jack@example.com","Phone":"+14155551234","Gender":"M",'
    '"Customer Type":"Platinum","DOB":"$D_630720000","MSG-sms":false,"Tags":["a","b"]}},'
    '{"type":"profile","objectId":"-2ce3cca260664f70b82b1c6bb505f462","profileData":{"Name":"Jill"}},'
    '{"type":"profile","FBID":"34322423","profileData":{"Tags":{"$remove":["b"]}}},'
    '{"type":"profile","GPID":"1097","profileData":{"Phone":14155551234}}]}'
)
_DATA = {
    "Name": "Jack Montana",
    "Email": "jack@example.com",
    "Phone": "+1 (415) 555-1234",
    "Gender": "M",
    "Customer Type": "Platinum",
    "DOB": "$D_630720000",
    "MSG-sms": False,
    "Tags": ["a", "b"],
}
_OBJECT_ID = "-2ce3cca260664f70b82b1c6bb505f462"

PROFILES = [
    _records(
        "upload_profiles",
        [
            {"identity": "client-19827239", "ts": 1468308340, "profileData": _DATA},
            {"objectId": _OBJECT_ID, "profileData": {"Name": "Jill"}},
            {"FBID": "34322423", "profileData": {"Tags": {"$remove": ["b"]}}},
            {"GPID": "1097", "profileData": {"Phone": 14155551234}},
        ],
        _PROFILES,
    ),
    _records(
        "upload_profiles",
        [
            ProfileUpload(identity="client-19827239", ts=1468308340, profile_data=_DATA),
            ProfileUpload(object_id=_OBJECT_ID, profile_data={"Name": "Jill"}),
            ProfileUpload(fbid="34322423", profile_data={"Tags": {"$remove": ["b"]}}),
            ProfileUpload(gpid="1097", profile_data={"Phone": 14155551234}),
        ],
        _PROFILES,
    ),
    _records(
        "upload_profile_changes",
        [
            {"identity": "a", "profileData": {"Visits": {"$incr": 1}, "Tags": {"$add": ["c"]}, "Age": 30}},
            ProfileUpload(identity="b", profile_data={"Score": {"$incr": -2.5}}),
        ],
        '{"d":[{"type":"profile","identity":"a","profileData":{"Visits":{"$incr":1},"Tags":{"$add":["c"]},'
        '"Age":30}},{"type":"profile","identity":"b","profileData":{"Score":{"$incr":-2.5}}}]}',
    ),
]

_EVENTS = (
    '{"d":[{"type":"event","identity":"client-19827239","evtName":"Charged","ts":1468308340,"evtData":'
    '{"Amount":300,"Payment mode":"Credit Card","Items":[{"Category":"books","Title":"C++ in a week"}]}},'
    '{"type":"event","FBID":"1515","evtName":"Web Event"}]}'
)
_CHARGED = {
    "Amount": 300,
    "Payment mode": "Credit Card",
    "Items": [{"Category": "books", "Title": "C++ in a week"}],
}

EVENTS = [
    _records(
        "upload_events",
        [
            {"identity": "client-19827239", "evtName": "Charged", "ts": 1468308340, "evtData": _CHARGED},
            {"FBID": "1515", "evtName": "Web Event"},
        ],
        _EVENTS,
    ),
    _records(
        "upload_events",
        [
            EventUpload(identity="client-19827239", name="Charged", ts=1468308340, data=_CHARGED),
            EventUpload(fbid="1515", name="Web Event"),
        ],
        _EVENTS,
    ),
]

_TOKENS = (
    '{"d":[{"type":"token","objectId":"o1","tokenData":{"id":"frfsgvrwe:APfdsafsgdfsgghfgfgjkhfsfgdhjhbvc",'
    '"type":"fcm"}},{"type":"token","objectId":"o2","tokenData":{"id":"https://push.example.com/1",'
    '"type":"chrome","keys":{"p256dh":"BLc","auth":"QA"}}}]}'
)
_TOKEN = "frfsgvrwe:APfdsafsgdfsgghfgfgjkhfsfgdhjhbvc"
_KEYS = {"p256dh": "BLc", "auth": "QA"}

TOKENS = [
    _records(
        "upload_device_tokens",
        [
            {"objectId": "o1", "id": _TOKEN, "type": "fcm"},
            {"objectId": "o2", "id": "https://push.example.com/1", "type": "chrome", "keys": _KEYS},
        ],
        _TOKENS,
    ),
    _records(
        "upload_device_tokens",
        [
            TokenUpload("o1", _TOKEN, "fcm"),
            TokenUpload("o2", "https://push.example.com/1", "chrome", _KEYS),
        ],
        _TOKENS,
    ),
]

_SUBSCRIPTIONS = (
    '{"d":[{"type":"phone","value":"+919213231415","status":"Unsubscribe"},'
    '{"type":"email","value":"jack+news@example.com","status":"Resubscribe"},'
    '{"type":"whatsapp","value":"+919213231416","status":"Unsubscribe"}]}'
)

ADDRESSES = [
    _records(
        "set_subscription",
        [
            {"type": "phone", "value": "+91 92132 31415", "status": "Unsubscribe"},
            {"type": "email", "value": "jack+news@example.com", "status": "Resubscribe"},
            {"type": "whatsapp", "value": "+919213231416", "status": "Unsubscribe"},
        ],
        _SUBSCRIPTIONS,
        "subscribe",
    ),
    _records(
        "set_subscription",
        [
            SubscriptionUpdate("phone", "+91 92132 31415", "Unsubscribe"),
            SubscriptionUpdate("email", "jack+news@example.com", "Resubscribe"),
            SubscriptionUpdate("whatsapp", "+919213231416", "Unsubscribe"),
        ],
        _SUBSCRIPTIONS,
        "subscribe",
    ),
    _records(
        "disassociate_phone_numbers",
        ["+91 92132 31415"],
        '{"d":[{"type":"phone","value":"+919213231415"}]}',
        "disassociate",
    ),
]

READS = [
    FirstPage(
        operation="get_profiles",
        options={
            "event_name": "App Launched",
            "from_date": 20150810,
            "to_date": 20151025,
            "page_size": 5000,
        },
        url=_BASE + "profiles.json",
        query=[("batch_size", "5000")],
        body='{"event_name":"App Launched","from":20150810,"to":20151025}',
        answer='{"status":"success","cursor":"ZiZi%3D%3D"}',
        reads=ProfilePage(status="success", cursor="ZiZi%3D%3D"),
    )
]

READS += [
    FirstPage(
        operation="get_profiles",
        options={
            "event_name": "Charged",
            "from_date": 20150810,
            "to_date": 20150810,
            "event_properties": [{"name": "value", "operator": "equals", "value": 3}],
            "app": True,
        },
        url=_BASE + "profiles.json",
        query=[("batch_size", "1150"), ("app", "true")],
        body='{"event_name":"Charged","from":20150810,"to":20150810,'
        '"event_properties":[{"name":"value","operator":"equals","value":3}]}',
        answer='{"status":"success","cursor":"ZiZi%3D%3D"}',
        reads=ProfilePage(status="success", cursor="ZiZi%3D%3D"),
    ),
    FirstPage(
        operation="get_events",
        options={
            "event_name": "Charged",
            "from_date": 20150810,
            "to_date": 20151025,
            "page_size": 100,
            "event_properties": [{"name": "value", "operator": "equals", "value": 3}],
        },
        url=_BASE + "events.json",
        query=[("batch_size", "100")],
        body='{"event_name":"Charged","from":20150810,"to":20151025,'
        '"event_properties":[{"name":"value","operator":"equals","value":3}]}',
        answer='{"status":"success","cursor":"ZiZi%3D%3D"}',
        reads=EventPage(status="success", cursor="ZiZi%3D%3D"),
    ),
]
SEGMENTS = [
    Golden(
        operation="create_api_segment",
        arguments=(segment,),
        url="https://in1.api.clevertap.com/api/createSegment",
        body='[{"segment_name":"Premium_Users","customer_segment_id":"SEG12345"}]',
        answer='{"status":"success"}',
        reads=ApiSegment("success"),
    )
    for segment in (
        NewApiSegment("Premium_Users", "SEG12345"),
        {"segment_name": "Premium_Users", "customer_segment_id": "SEG12345"},
    )
]
SEGMENTS += [
    Golden(
        operation="update_api_segment",
        arguments=(["CT123456", "CT123457"],),
        options={"instruction": {"whatever": "the page says"}, **options},
        url="https://in1.api.clevertap.com/api/updateSegment",
        body=f'{{"bulk_profiles":[{{"user_profiles":[{{"{by}":"CT123456"}},{{"{by}":"CT123457"}}],'
        f'"segments":[{{{segment},"whatever":"the page says"}}]}}]}}',
        answer='{"status":"success"}',
        reads=ListTaken("success"),
    )
    for options, by, segment in (
        ({"segment_id": "SEG12345"}, "identity", '"customer_segment_id":"SEG12345"'),
        ({"segment_id": "17", "segment_by": "ct_segment_id", "by": "guid"}, "guid", '"ct_segment_id":"17"'),
    )
]

_RECORD = (
    '{"status":"success","record":{"email":"a@example.com","profileData":{"Last Score":308},'
    '"events":{"App Launched":{"count":10,"first_seen":1457271567,"last_seen":1458041215}},'
    '"platformInfo":[{"platform":"iOS","objectId":"-1a063854"}]}}'
)
ONE = [
    Golden(
        operation="get_profile",
        arguments=(user,),
        options=options,
        method="GET",
        url=_BASE + "profile.json",
        query=[(name, user)],
        answer=_RECORD,
        reads=ProfileFound(
            status="success",
            record=Profile(
                email="a@example.com",
                profile_data={"Last Score": 308},
                events={"App Launched": EventSummary(10, 1457271567, 1458041215)},
                platforms=(Platform(platform="iOS", object_id="-1a063854"),),
            ),
        ),
    )
    for user, options, name in (
        ("client-19827239", {}, "identity"),
        ("a+b@example.com", {"by": "email"}, "email"),
        ("-1a063854", {"by": "objectId"}, "objectId"),
    )
]

COUNTS = [
    Golden(
        operation=operation,
        options={"event_name": "choseNewFavoriteFood", "from_date": 20150810, "to_date": 20151025},
        url=f"{_BASE}counts/{path}.json",
        body='{"event_name":"choseNewFavoriteFood","from":20150810,"to":20151025}',
        answer='{"status":"success","count":7138}',
        reads=Count(status="success", count=7138),
    )
    for operation, path in (("count_profiles", "profiles"), ("count_events", "events"))
]

_HOST = "https://in1.api.clevertap.com/"
_SIGNED = "https://files.example.com/list/a%20b.csv?X-Amz-Signature=0a%2Fb&X-Amz-Expires=86400"
CUSTOM_LISTS = [
    Golden(
        operation=operation,
        options={
            "members": ["client-1", 'with, "signs"', "client-1"],
            "name": "VIP",
            "email": "ops@example.com",
            "creator": "nightly job",
            **options,
        },
        url=_HOST + "upload_custom_list_segment_completed",
        body=(
            '{"name":"VIP","email":"ops@example.com","filename":"netaudience.csv","creator":"nightly job",'
            f'"url":"{_SIGNED}","replace":{replace}}}'
        ),
        answer='{"status":"success","Segment ID":1458}',
        reads=CustomList(status="success", segment_id=1458),
        before=[
            Golden(
                operation=operation,
                url=_HOST + "get_custom_list_segment_url",
                answer=f'{{"status":"success","presignedS3URL":"{_SIGNED}","expiry":"7 May, 01:29 PM"}}',
            ),
            # To another host, as it was signed, and with none of the account's headers.
            Golden(
                operation=operation,
                method="PUT",
                url="https://files.example.com/list/a%20b.csv",
                query=[("X-Amz-Signature", "0a/b"), ("X-Amz-Expires", "86400")],
                headers={"Content-Type": "text/csv"},
                content=f'Type,Identity\n{kind},client-1\n{kind},"with, ""signs"""\n',
            ),
        ],
    )
    for operation, options, kind, replace in (
        ("create_custom_list", {}, "i", "false"),
        ("replace_custom_list", {"by": "guid"}, "g", "true"),
    )
]

GOLDEN = [*LISTS, *PROFILES, *EVENTS, *TOKENS, *ADDRESSES, *READS, *SEGMENTS, *ONE, *COUNTS, *CUSTOM_LISTS]

#: Names that are legal, and values of every kind.
_NAMES = st.text("abcğ é-_()", min_size=1, max_size=8)
_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_DATES = st.integers(0, 9_999_999_999).map("$D_{}".format)
#: What begins so is a date to the vendor, and must be one.
_TEXTS = CLEAN.filter(lambda text: not text.startswith("$D_"))
_VALUES = st.booleans() | _NUMBERS | _TEXTS | _DATES | st.lists(_TEXTS, max_size=3)
_PROPERTIES = st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=3)
_PHONES = st.integers(5_300_000_000, 5_599_999_999).map("+90 {}".format)
_SECONDS = st.integers(1, 9_999_999_999)


def _named(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Return rows with one of the four identifiers."""
    return st.one_of(
        *(
            st.fixed_dictionaries({name: CLEAN, **required}, optional=optional)
            for name in ("identity", "objectId", "FBID", "GPID")
        )
    )


_OPERATORS = st.one_of(
    st.fixed_dictionaries({"$incr": _NUMBERS}),
    *(st.fixed_dictionaries({name: st.lists(CLEAN, min_size=1, max_size=3)}) for name in ("$add", "$remove")),
)

ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "str": CLEAN,
    "disassociate_phone_numbers": _PHONES,
    "ProfileUpload": _named(
        {
            "profileData": st.builds(
                lambda data, phone: data | phone,
                _PROPERTIES,
                st.fixed_dictionaries({}, optional={"Phone": _PHONES}),
            )
        },
        ts=_SECONDS,
    ),
    "upload_profile_changes": _named(
        {"profileData": st.dictionaries(_NAMES, _VALUES | _OPERATORS, min_size=1, max_size=3)}, ts=_SECONDS
    ),
    "EventUpload": _named({"evtName": CLEAN}, evtData=_PROPERTIES, ts=_SECONDS),
    "TokenUpload": st.fixed_dictionaries(
        {"objectId": CLEAN, "id": CLEAN, "type": st.sampled_from(["apns", "fcm", "gcm"])},
        optional={"keys": st.dictionaries(CLEAN, CLEAN, min_size=1, max_size=2)},
    ),
    "NewApiSegment": st.fixed_dictionaries({"segment_name": CLEAN, "customer_segment_id": CLEAN}),
    "SubscriptionUpdate": st.fixed_dictionaries(
        {"type": st.just("email"), "value": EMAILS, "status": st.sampled_from(["Unsubscribe", "Resubscribe"])}
    )
    | st.fixed_dictionaries(
        {
            "type": st.sampled_from(["phone", "whatsapp"]),
            "value": _PHONES,
            "status": st.sampled_from(["Unsubscribe", "Resubscribe"]),
        }
    ),
}

_UPLOADS = (
    *("upload_profiles", "upload_profile_changes", "upload_events", "upload_device_tokens"),
    *("set_subscription", "disassociate_phone_numbers"),
)

TABLE = Table(
    vendor=CleverTapClient,
    make=clevertap,
    headers={"X-CleverTap-Account-Id": "PROJECT", "X-CleverTap-Passcode": "PASS-CODE"},
    golden=GOLDEN,
    marks={
        "idempotent": {
            *("upload_profiles", "upload_device_tokens", "set_subscription", "disassociate_phone_numbers"),
            *("get_profiles", "get_profile", "count_profiles", "count_events", "replace_custom_list"),
            *("get_events", "update_api_segment"),
        },
        "destructive": {"delete_profiles", "replace_custom_list"},
        "irreversible": {"delete_profiles"},
        # Subscriptions act on the numbers and addresses that are named, and on no others.
        "app_wide": set(),
    },
    shapes={
        "demerge": ("batch", 100, 100),
        "delete_profiles": ("batch", 100, 100),
        **dict.fromkeys(_UPLOADS, ("batch", None, 1000)),
        "upload_device_tokens": ("batch", None, 100),
        "get_profiles": ("pages", None, 1),
        "get_events": ("pages", None, 1),
        "create_api_segment": ("call", None, 1),
        "update_api_segment": ("batch", None, 100),
        "get_profile": ("call", None, 1),
        **dict.fromkeys(
            ("count_profiles", "count_events", "create_custom_list", "replace_custom_list"),
            ("query", None, 1),
        ),
    },
    quotas={
        "clevertap demerge": {"in flight": (2, "assumed")},
        "clevertap delete": {"in flight": (2, "assumed")},
        "clevertap profiles": {"in flight": (2, "assumed")},
        "clevertap upload": {"in flight": (12, "assumed")},
        "clevertap profile count": {"in flight": (2, "assumed")},
        "clevertap event count": {"in flight": (2, "assumed")},
        "clevertap events": {"in flight": (2, "assumed")},
        "clevertap create segment": {"in flight": (2, "assumed")},
        "clevertap update segment": {"in flight": (2, "assumed")},
        "clevertap custom list": {"in flight": (2, "assumed")},
        "clevertap subscribe": {"in flight": (2, "assumed")},
        "clevertap disassociate": {"in flight": (2, "assumed")},
    },
    items=ITEMS,
    more={
        # The first answer has a cursor alone.
        "get_profiles": lambda number, full: {
            "status": "success",
            "cursor": f"c{number}",
            "next_cursor": f"c{number}",
            "records": [{"identity": "a"}] if full else [],
        },
        "get_events": lambda number, full: {
            "status": "success",
            "cursor": f"c{number}",
            "next_cursor": f"c{number}",
            "records": [{"ts": 20151024115244}] if full else [],
        },
    },
    # Without counts: how many records there are in a request is not known here.
    answers={
        **dict.fromkeys(("demerge", "delete_profiles", *_UPLOADS), _SUCCESS),
        **dict.fromkeys(("get_profiles", "get_events"), '{"status":"success","cursor":"ZiZi%3D%3D"}'),
        **dict.fromkeys(("create_api_segment", "update_api_segment"), '{"status":"success"}'),
    },
)
