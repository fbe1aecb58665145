"""The bodies that the vendors' own pages show, value for value: each is what an operation sends.

Where a page's sample and its text differ, the sample stands here as it is, and what is sent besides is said.
The golden requests have what no page shows.
"""

from __future__ import annotations

from typing import Any

import pytest
from tables import TABLES

from netaudience.model.wire import load_json
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
        "moengage": {"track_user"},
    }
    shown = {tuple(sample[0].split()) for sample in SAMPLES}
    assert shown == {(slug, name) for slug, names in pages.items() for name in names}
