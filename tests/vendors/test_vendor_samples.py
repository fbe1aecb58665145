"""The bodies that the vendors' own pages show, value for value: each is what an operation sends.

Where a page's sample and its text differ, the sample stands here as it is, and what is sent besides is said.
The golden requests have what no page shows.
"""

from __future__ import annotations

from typing import Any

import pytest
from tables import TABLES

from netaudience.model.wire import dump_json, load_json
from netaudience.outcomes import Report

BY_SLUG = {table.vendor.slug: table for table in TABLES}
ADDRESS, ID, TAG = "your_email@example.com", "your_extId", {"tag": "Sport"}
_CONFIRM: dict[str, Any] = {"confirm": True}
_OF_BOTH = {"both_identifiers": True, "project_type": "email"}

#: Vendor and operation, its items and options, the body on the page, and how the client is set up.
SAMPLES: list[tuple[str, Any, dict[str, Any], str, dict[str, Any]]] = [
    ("netmera delete_users_permanently", ["externalid"], _CONFIRM, '{"extIds":["externalid"]}', {}),
    ("netmera enable_push", "id_in_my_system_1", {}, '{"extId":"id_in_my_system_1"}', {}),
    (
        "netmera enable_push", "my_device_token", {"by": "device_token"},
        '{"deviceToken":"my_device_token"}', {},
    ),
    ("netmera disable_push", "id_in_my_system_1", {}, '{"extId":"id_in_my_system_1"}', {}),
    (
        "netmera disable_push", "my_device_token", {"by": "device_token"},
        '{"deviceToken":"my_device_token"}', {},
    ),
    ("netmera tag_users", ["id1", "id2"], TAG, '{"tag":"Sport","extIds":["id1","id2"]}', {}),
    # The page shows no checkExistence: it is what tells who is unknown.
    (
        "netmera untag_users", ["id1", "id2"], TAG,
        '{"tag":"Sport","extIds":["id1","id2"],"checkExistence":true}', {},
    ),
    (
        "netmera set_category_preferences",
        [
            {"extId": "id1", "category": "Shopping", "enable": True},
            {"extId": "id1", "category": "Promotion", "enable": False},
        ],
        {},
        """[{"extId":"id1","category":"Shopping","enable":true},
            {"extId":"id1","category":"Promotion","enable":false}]""",
        {},
    ),
    (
        "netmera set_profile_attributes",
        [{"extId": "id1", "profile": {"age": 24}}, {"extId": "id2", "profile": {"name": "John"}}], {},
        '[{"extId":"id1","profile":{"age":24}},{"extId":"id2","profile":{"name":"John"}}]', {},
    ),
    (
        "netmera unset_profile_attributes",
        [{"extId": "id1", "profile": ["age"]}, {"extId": "id2", "profile": ["age", "name"]}], {},
        '[{"extId":"id1","profile":["age"]},{"extId":"id2","profile":["age","name"]}]', {},
    ),
    (
        "netmera push_profile_attributes",
        [{"extId": "id1", "profile": {"lastVisitedCategories": ["shopping"]}}], {},
        '[{"extId":"id1","profile":{"lastVisitedCategories":["shopping"]}}]', {},
    ),
    (
        "netmera pull_profile_attributes",
        [{"extId": "id1", "profile": {"lastVisitedCategories": ["promotion"]}}], {},
        '[{"extId":"id1","profile":{"lastVisitedCategories":["promotion"]}}]', {},
    ),
    (
        "netmera delete_profile_attributes_of_all_users", ["name", "age"], _CONFIRM,
        '[{"profile":["name","age"]}]', {},
    ),
    (
        "netmera delete_profile_attribute_value_of_all_users",
        [{"key": "lastVisitedProducts", "value": "shirt"}], _CONFIRM,
        '[{"key":"lastVisitedProducts","value":"shirt"}]', {},
    ),
    ("netmera send_push_approval", 0, {}, '[{"messageId":0}]', {}),
    *(
        (f"netmera {verb}_{channel}", [ID], {}, f'{{"extIds":["{ID}"]}}', {})
        for verb in ("enable", "disable")
        for channel in ("mail", "sms")
    ),
    # The page has a word in the place of the address.
    (
        "netmera update_email", {"extId": ID, "email": ADDRESS}, {},
        f'{{"extId":"{ID}","email":"{ADDRESS}"}}', {},
    ),
    (
        "netmera update_msisdn", {"extId": ID, "msisdn": "+905321234567"}, {},
        f'{{"extId":"{ID}","msisdn":"+905321234567"}}', {},
    ),
    # The page's numbers are those of no country.
    (
        "netmera enable_whats_app", ["your-extId"], {"wp_numbers": ["+14155552671", "+14155552672"]},
        '{"extIds":["your-extId"],"wpNumbers":["+14155552671","+14155552672"]}', {},
    ),
    (
        "netmera disable_whats_app", ["your-extId"], {"wp_numbers": ["+14155552671"]},
        '{"extIds":["your-extId"],"wpNumbers":["+14155552671"]}', {},
    ),
    (
        "iterable update_user",
        {"email": "user@example.com", "dataFields": {"catName": "Jimmy"}, "mergeNestedObjects": True}, {},
        '{"email":"user@example.com","dataFields":{"catName":"Jimmy"},"mergeNestedObjects":true}', {},
    ),
    # Both identifiers, which the page's text forbids.
    (
        "iterable register_device_token",
        {
            "email": "user@example.com", "userId": "298398", "token": "sampleToken123", "platform": "APNS",
            "applicationName": "Pizza Tracker", "dataFields": {"phoneModel": "iPhone 6 Plus"},
        },
        {},
        """{"email":"user@example.com","device":{"token":"sampleToken123","platform":"APNS",
            "applicationName":"Pizza Tracker","dataFields":{"phoneModel":"iPhone 6 Plus"}},
            "userId":"298398"}""",
        _OF_BOTH,
    ),
    (
        "iterable disable_device",
        {"token": "sampleToken123", "email": "user@example.com", "userId": "2"}, {},
        '{"token":"sampleToken123","email":"user@example.com","userId":"2"}', _OF_BOTH,
    ),
    (
        "clevertap demerge", ["client-19827239", "user@example.com"], {},
        '{"identities":["client-19827239","user@example.com"]}', {},
    ),
    (
        "moengage track_user", {"attributes": {"moe_mobile": "918888444411", "first_name": "John"}}, {},
        '{"type":"customer","attributes":{"moe_mobile":"918888444411","first_name":"John"}}',
        {"identity_resolution": ("moe_mobile",)},
    ),
    (
        "moengage track_user",
        {
            "customer_id": "sam",
            "attributes": {
                "name": "John", "points": 20, "expiry_date": "2020-05-31T03:47:35Z", "super_user": True,
                "user_persona": "browsers",
            },
        },
        {},
        """{"type":"customer","customer_id":"sam","attributes":{"name":"John","points":20,
            "expiry_date":"2020-05-31T03:47:35Z","super_user":true,"user_persona":"browsers"}}""",
        {},
    ),
    # The vendor's own files: https://github.com/moengage/moengage-documentation/tree/main/api
    (
        "moengage track_user",
        {
            "customer_id": "123",
            "attributes": {
                "removeValueFromArrayField": {},
                "addValueToArrayField": {"attribute1": ["abc", "def"], "attribute3": ["123"]},
                "platforms": [{"platform": "iOS", "active": "true"}],
            },
        },
        {},
        """{"type":"customer","customer_id":"123","attributes":{"removeValueFromArrayField":{},
            "addValueToArrayField":{"attribute1":["abc","def"],"attribute3":["123"]},
            "platforms":[{"platform":"iOS","active":"true"}]}}""",
        {},
    ),
    (
        "moengage track_event",
        {
            "customer_id": "123", "action": "ProductAdded", "attributes": {"product": "Accessories"},
            "platform": "Android", "app_version": "1.2.3", "user_time": "1708939453396",
            "current_time": "1708939453396",
        },
        {},
        """{"type":"event","customer_id":"123","actions":[{"action":"ProductAdded",
            "attributes":{"product":"Accessories"},"platform":"Android","app_version":"1.2.3",
            "user_time":"1708939453396","current_time":"1708939453396"}]}""",
        {},
    ),
    (
        "moengage import_devices",
        [
            {
                "customer_id": "OTBoS", "device_id": "OTBoS", "brand": "Mi", "platform": "Windows",
                "push_id": "p1",
            }
        ],
        {},
        """{"type":"transition","elements":[{"type":"device","customer_id":"OTBoS","device_id":"OTBoS",
            "attributes":{"brand":"Mi","platform":"Windows","push_id":"p1"}}]}""",
        {},
    ),
    (
        "moengage import_events",
        [
            {
                "customer_id": "john@example.com", "action": "Purchase", "platform": "iOS",
                "attributes": {"product": "MacBook Air"}, "current_time": 1590404615,
                "user_timezone_offset": 19800,
            }
        ],
        {},
        """{"type":"transition","elements":[{"type":"event","customer_id":"john@example.com","actions":[
            {"action":"Purchase","attributes":{"product":"MacBook Air"},"platform":"iOS",
            "current_time":1590404615,"user_timezone_offset":19800}]}]}""",
        {},
    ),
    (
        "moengage add_cohort_members", ["mm1UR87z4T", "AtCxliflui"],
        {"partner": "6HNBXFm7ZS", "cohort_name": "Partner_Name", "cohort_id": "JKTAuqTRhC"},
        """{"action":"add_members","partner":"6HNBXFm7ZS","parameters":{"cohort_name":"Partner_Name",
            "cohort_id":"JKTAuqTRhC","members":[{"uid":"mm1UR87z4T"},{"uid":"AtCxliflui"}]}}""",
        {},
    ),
    (
        "moengage request_erasure", {"email": "johndoe@example.com"},
        {"submitted_time": "2018-10-05T15:00:00Z", **_CONFIRM},
        """{"request_type":"erasure","submitted_time":"2018-10-05T15:00:00Z","identities":[
            {"identity_type":"email","identity_value":"johndoe@example.com"}],"api_version":"1.0"}""",
        {},
    ),
    *(
        (
            f"moengage {operation}",
            {
                "name": "custom_segment_unique_name", "attribute_name": "unique_identifier",
                "attribute_type": "string", "file_url": "https://s3.amazonaws.com/Sample_GAIDs.csv",
                "callback_url": "http://example.com/moengage-callback", "emails": ["user1@example.com"],
                **more,
            },
            {},
            """{"name":"custom_segment_unique_name","attribute_name":"unique_identifier",
                "attribute_type":"string","file_url":"https://s3.amazonaws.com/Sample_GAIDs.csv",
                "callback_url":"http://example.com/moengage-callback","emails":["user1@example.com"],"""
            + dump_json(more).decode()[1:],
            {},
        )
        for operation, more in (
            ("create_file_segment", {"expiry_time": 30}),
            ("add_segment_users", {"cs_id": "<unique cs id>"}),
            ("remove_segment_users", {"cs_id": "<unique cs id>"}),
            ("replace_segment_users", {"cs_id": "<unique cs id>"}),
        )
    ),
    (
        "moengage set_category_preferences",
        [
            {
                "customer_id": "john@example.com", "unsubscribe_all": False,
                "categories": {"Promotional": False, "Special Offers": True},
            }
        ],
        {"lift_unsubscribes": True},
        """{"channel":"email","user_preferences":[{"customer_id":"john@example.com",
            "categories":{"Promotional":false,"Special Offers":true},"unsubscribe_all":false}]}""",
        {},
    ),
    (
        "moengage set_opt_in_status",
        {
            "customer_id": "ID_uid", "email_id": "john@example.com", "opt_in_status": "DOUBLE_OPTED_IN",
            "categories": {"category_1": True, "category_2": False},
        },
        {},
        """{"user_preferences":{"customer_id":"ID_uid","email_id":"john@example.com",
            "categories":{"category_1":true,"category_2":false},"opt_in_status":"DOUBLE_OPTED_IN",
            "channel":"email"}}""",
        {},
    ),
    (
        "moengage resubscribe", ["jane@domain.com", "mike@example.com"],
        {"update_esp": True, "request_id": "636b77e6e2cf83277195fb60", **_CONFIRM},
        """{"recipients":["jane@domain.com","mike@example.com"],"update_esp":true,"esp":"SENDGRID",
            "request_id":"636b77e6e2cf83277195fb60"}""",
        {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("called", "given", "options", "sample", "setting"), SAMPLES, ids=[sample[0] for sample in SAMPLES]
)
@pytest.mark.asyncio
async def test_what_a_page_shows_is_what_is_sent(called, given, options, sample, setting) -> None:
    slug, name = called.split()
    table = BY_SLUG[slug]
    answer = next(golden.response for golden in table.golden if golden.operation == name)
    client, transport = table.make(answer, **setting)
    told = await getattr(client, name)(given, **options)
    assert not isinstance(told, Report) or told.delivered == len(given)
    (sent,) = transport.sent
    assert load_json(sent.body or b"") == load_json(sample.encode())


def test_every_writing_operation_of_the_pages_has_its_sample() -> None:
    pages = {
        "netmera": {
            *("delete_users_permanently", "enable_push", "disable_push", "tag_users", "untag_users"),
            *("set_category_preferences", "set_profile_attributes", "unset_profile_attributes"),
            *("push_profile_attributes", "pull_profile_attributes"),
            *("delete_profile_attributes_of_all_users", "delete_profile_attribute_value_of_all_users"),
            *("send_push_approval", "enable_mail", "disable_mail", "update_email", "enable_sms"),
            # The sample of updateWhatsApp is what newer installations refuse.
            *("disable_sms", "update_msisdn", "enable_whats_app", "disable_whats_app"),
        },
        "iterable": {"update_user", "register_device_token", "disable_device"},
        "clevertap": {"demerge"},
        "moengage": {
            *("track_user", "track_event", "import_devices", "import_events", "add_cohort_members"),
            *("request_erasure", "create_file_segment", "add_segment_users", "remove_segment_users"),
            *("replace_segment_users", "set_category_preferences", "set_opt_in_status", "resubscribe"),
        },
    }
    shown = {tuple(sample[0].split()) for sample in SAMPLES}
    assert shown == {(slug, name) for slug, names in pages.items() for name in names}
