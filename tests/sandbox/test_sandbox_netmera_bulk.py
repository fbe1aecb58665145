"""Netmera's operations beside those of the page: registrations, contacts, events, two reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio

EMPTY = (200, b"", "0")
CASES = os.environ.get("NETAUDIENCE_CASES")


def _recorded():
    """The recorded writes; what a read answers depends on the state."""
    if CASES is None:
        return []
    document = json.loads((Path(CASES) / "netmera.json").read_bytes())
    return [
        case
        for case in document["cases"]
        if case["operation"].startswith("POST") and not isinstance(case["response"]["body"], dict)
    ]


@pytest.mark.skipif(CASES is None, reason="NETAUDIENCE_CASES names no folder of recorded answers")
@pytest.mark.parametrize("case", _recorded(), ids=lambda case: case["id"])
async def test_a_recorded_write_gets_the_recorded_answer(running, case):
    async with running() as box:
        operation = case["operation"].rpartition("/")[2]
        served = {each.name for each in box.sandbox.netmera.operations}
        if operation not in served:
            pytest.skip(f"{case['operation']} is not one of the sandbox's operations")
        body = case["request"]["body"]
        if body == {"emailList": ["your-email"]}:
            pytest.skip("the address is a placeholder, and one that is none is refused by the reference")
        # What the older page says, and everybody is there.
        box.sandbox.netmera.app.older = operation == "updateWhatsApp"
        for ext_id in body.get("extIds", []) if isinstance(body, dict) else []:
            box.sandbox.netmera.add_user(ext_id)
        reply = await box.post(operation, body)
        expected = case["response"]
        assert (reply.status, reply.body) == (expected["status"], (expected["body"] or "").encode())


def _empty(reply):
    return (reply.status, reply.body, reply.headers["Content-Length"])


async def test_users_are_registered_with_what_their_rows_bring(running):
    rows = [
        {
            "extId": "new",
            "platform": "IOS",
            "deviceToken": "t1",
            "email": "new@example.com",
            "msisdn": "+905312345678",
            "tags": ["A"],
            "profile": {"age": 3},
        },
        {"extId": "id1", "msisdn": "+901112223344", "tags": ["News"], "profile": {"age": 35}},
    ]
    async with running(demo=True) as box:
        assert _empty(await box.post("registerUsers", rows)) == EMPTY
        new = (await box.send("GET", "/_sandbox/state/netmera/users/new")).json
        assert (new["tags"], new["msisdn"]) == (["A"], "+905312345678")
        assert new["profile"] == {"age": 3, "email": "new@example.com"}
        assert [(device["token"], device["platform"]) for device in new["devices"]] == [("t1", "IOS")]
        # What the row does not name is left as it was.
        known = (await box.send("GET", "/_sandbox/state/netmera/users/id1")).json
        assert (known["tags"], known["msisdn"]) == (["News", "Sport"], "+901112223344")
        assert known["profile"]["name"] == "John"
        assert known["profile"]["age"] == 35
        assert box.sandbox.check("netmera", "registerUsers", ["new", "id1"]).ok


async def test_a_row_without_a_user_is_a_contact_and_a_device(running):
    rows = [{"platform": "ANDROID", "deviceToken": "t1"}, {"msisdn": "+905312345678"}]
    async with running() as box:
        assert _empty(await box.post("registerUsers", rows)) == EMPTY
        assert box.sandbox.netmera.users == {}
        assert list(box.sandbox.netmera.devices) == ["t1"]
        reply = await box.send("GET", "/_sandbox/state/netmera/contacts/+905312345678")
        assert reply.json == {"contact": "+905312345678", "permissions": {}}
        # The device finds its user later, moves with its token, and is gone with its user.
        await box.post("registerUsers", [{"extId": "old", "platform": "IOS", "deviceToken": "t1"}])
        await box.post("registerUsers", [{"extId": "a", "platform": "IOS", "deviceToken": "t1"}])
        assert box.sandbox.netmera.users["old"].devices == ()
        await box.post("deleteUsersPermanently", {"extIds": ["a"]})
        box.sandbox.advance(60)
        assert box.sandbox.netmera.devices == {}


INVALID = [
    {"extId": "a"},
    {"extId": "a", "email": "a@example.com"},
    {"extId": 5, "platform": "IOS"},
    {"extId": "a", "platform": "IOS", "tags": ["x", 1]},
    {"extId": "a", "platform": "IOS", "profile": ["x"]},
    {"extId": "a", "msisdn": 90},
    {"extId": "a", "platform": ""},
    {"extId": "a", "platform": "BEOS"},
    "a",
]


@pytest.mark.parametrize("row", INVALID)
async def test_an_invalid_row_refuses_all(running, row):
    async with running() as box:
        good = {"extId": "good", "platform": "IOS"}
        for body in ([row], [row, good], [good, row]):
            reply = await box.post("registerUsers", body)
            assert (reply.status, reply.json["code"]) == (400, 2020)
        assert box.sandbox.netmera.users == {}
        assert box.sandbox.check("netmera", "registerUsers", [])["applied"].ok


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 2020),
        ({}, 2009),
        ([{"extId": str(number), "platform": "IOS"} for number in range(1001)], 2004),
    ],
    ids=["no row", "no list", "1001 ids"],
)
async def test_a_registration_without_rows_or_with_too_many_is_refused(running, body, code):
    async with running() as box:
        reply = await box.post("registerUsers", body)
        assert (reply.status, reply.json["code"]) == (400, code)
        assert box.sandbox.netmera.users == {}


@pytest.mark.parametrize(
    ("operation", "field", "enable", "empty"),
    [
        ("removeEmail", "profile.email", "enableMail", None),
        ("removeMsisdn", "msisdn", "enableSms", None),
        ("removeWhatsApp", "wpNumber", "enableWhatsApp", None),
    ],
)
async def test_a_contact_is_removed_later_and_its_permission_is_kept(
    running, operation, field, enable, empty
):
    async with running() as box:
        box.sandbox.netmera.add_user("id1", email="user@example.com", msisdn="+90531", wp_number="+90531")

        async def stored():
            user = (await box.send("GET", "/_sandbox/state/netmera/users/id1")).json
            kept = (user["mailPermitted"], user["smsPermitted"], user["whatsAppPermitted"])
            for step in field.split("."):
                user = user.get(step)
            return user, kept

        await box.post(enable, {"extIds": ["id1"]})
        before, permissions = await stored()
        assert before
        assert True in permissions
        await box.send("POST", "/_sandbox/delay", json={"netmera": 5})
        assert _empty(await box.post(operation, {"extId": "id1"})) == EMPTY
        assert await stored() == (before, permissions)
        box.sandbox.advance(5)
        assert await stored() == (empty, permissions)
        assert _empty(await box.post(operation, {"extId": "nobody"})) == EMPTY


@pytest.mark.parametrize("operation", ["removeEmail", "removeMsisdn", "removeWhatsApp"])
@pytest.mark.parametrize("body", [{}, {"extId": None}, {"extId": ""}, {"extId": ["id1"]}, []])
async def test_a_removal_without_a_user_id_is_refused_in_plain_text(running, operation, body):
    async with running() as box:
        reply = await box.post(operation, body)
        assert (reply.status, reply.body) == (400, b"Please provide an external id.")
        assert reply.headers["Content-Type"].startswith("text/plain")
        assert not box.sandbox.ledger.applied


@pytest.mark.parametrize(
    ("operation", "body", "contact"),
    [
        ("addEmail", {"emailList": ["a@example.com"]}, "a@example.com"),
        ("addMsisdn", {"msisdnList": ["+905312345678"]}, "+905312345678"),
    ],
)
async def test_contacts_are_added_without_a_user(running, operation, body, contact):
    async with running() as box:
        assert _empty(await box.post(operation, body)) == EMPTY
        assert box.sandbox.netmera.users == {}
        assert box.sandbox.netmera.contacts == {contact: {}}
        assert box.sandbox.check("netmera", operation, [contact]).ok


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("addEmail", {}, 2020),
        ("addEmail", {"emailList": []}, 2020),
        ("addEmail", {"emailList": "a@example.com"}, 2004),
        ("addMsisdn", {"msisdnList": ["905312345678"]}, 2004),
        ("addMsisdn", {"msisdnList": ["+905312345678", "+x90"]}, 2004),
        ("fireEvents", [{"extId": "id1"}], 2020),
        ("fireEvents", [{"name": "Share"}], 2020),
        ("fireEvents", {"extId": "id1", "name": "Share"}, 2009),
        ("fireEvents", [{"extId": str(number), "name": "Share"} for number in range(1001)], 2004),
    ],
)
async def test_a_refused_write_stores_nothing(running, operation, body, code):
    async with running() as box:
        reply = await box.post(operation, body)
        assert (reply.status, reply.json["code"]) == (400, code)
        assert box.sandbox.netmera.contacts == {}
        assert box.sandbox.netmera.events == {}


async def test_events_are_counted_by_user_and_name(running):
    rows = [
        {"extId": "id1", "name": "ShareEvent", "itemId": "4234"},
        {"extId": "id1", "name": "ShareEvent"},
        {"extId": "id2", "name": "OrderCancelEvent"},
    ]
    async with running() as box:
        assert _empty(await box.post("fireEvents", rows)) == EMPTY
        reply = await box.send("GET", "/_sandbox/state/netmera/events/id1")
        assert reply.json == {"ShareEvent": 2}
        assert box.sandbox.vendor("netmera").counts()["events"] == 3
        # An event that is sent again is a second event: that is what a client must not do.
        await box.post("fireEvents", rows[:1])
        assert box.sandbox.check("netmera", "fireEvents", ["id1", "id2"]).applications == 4


async def test_users_who_permit_push_are_counted_once(running):
    async with running(demo=True) as box:
        assert (await box.get("count-user")).json == {"count": 1}
        await box.post("enablePush", {"deviceToken": "token-2"})
        assert (await box.get("count-user")).json == {"count": 1}
        await box.post("disablePush", {"extId": "id1"})
        assert (await box.get("count-user")).json == {"count": 0}


async def test_the_attributes_of_the_app_are_listed_without_valueless_fields(running):
    defined = [
        {"code": "age", "dataType": "LONG"},
        {"code": "list", "dataType": "BOOLEAN", "array": True},
        {"code": "name"},
    ]
    async with running() as box:
        # One that takes every attribute has no panel, and tells of none.
        assert (await box.get("app/profile-attributes")).status == 404
        assert (await box.get("app/events")).status == 404
        await box.send("POST", "/_sandbox/state/netmera", json={"attributes": defined})
        answer = (await box.get("app/profile-attributes")).json
        assert set(answer) == {"standardProfileAttributes", "customProfileAttributes"}
        custom = {each["name"]: each for each in answer["customProfileAttributes"]}
        assert set(custom) == {"age", "list", "name"}
        assert (custom["age"]["dataType"], custom["list"]["dataType"]) == ("LONG", "BOOLEAN")
        assert custom["list"]["array"] is True
        assert "array" not in custom["age"]


async def test_what_a_write_of_the_page_changes_shows_after_the_delay(running):
    async with running(demo=True, delay={"netmera": 60}) as box:
        assert _empty(await box.post("tagUsers", {"tag": "A", "extIds": ["id2"]})) == EMPTY
        push = [{"extId": "id2", "profile": {"favouriteBrands": ["a"]}}]
        assert _empty(await box.post("pushProfileAttributes", push)) == EMPTY
        # Refused at once, though it would take effect later.
        assert (await box.post("pushProfileAttributes", [{"extId": "id2"}])).json["code"] == 2009
        user = box.sandbox.netmera.users["id2"]
        assert (user.tags, user.profile) == (frozenset(), {"name": "Ada"})
        box.sandbox.advance(61)
        user = box.sandbox.netmera.users["id2"]
        assert (user.tags, user.profile) == ({"A"}, {"name": "Ada", "favouriteBrands": ["a"]})


async def test_a_promotion_is_read_in_its_order_and_gives_nothing_without_a_date(running):
    codes = [{"extId": "id1", "code": "C-1"}, {"extId": "nobody", "code": "C-2"}]
    async with running() as box:
        box.sandbox.netmera.add_user("id1", email="user@example.com")
        late = await box.post("promotion/add", {"codes": codes, "name": "Summer", "expiryDate": 1})
        assert (late.status, late.json["code"]) == (400, 2009)
        for body in ({"name": "Summer"}, {"name": "Summer", "codes": codes, "expiryDate": 1}):
            assert (await box.post("promotion/add", {"codes": codes, **body})).status == 400
        undated = await box.post("promotion/add", {"name": "Summer", "codes": codes})
        assert undated.status == 200
        assert box.sandbox.netmera.look("promotions", "Summer") is None
        for date in (1790000000000, 1800000000000):
            body = {"name": "Summer", "expiryDate": date, "codes": codes}
            assert (await box.post("promotion/add", body)).status == 200
        shown = box.sandbox.netmera.look("promotions", "Summer")
        assert shown == {"expiry": 1790000000000, "codes": {"id1": ["C-1", "C-1"]}}


async def test_test_devices_are_taken_of_whoever_is_known(running):
    async with running() as box:
        box.sandbox.netmera.add_user("id1", email="user@example.com")
        box.sandbox.netmera.add_user("id2")
        entries = [{"email": "user@example.com"}, {"extId": "nobody"}, {}]
        assert (await box.post("addTesters", entries)).status == 200
        assert box.sandbox.netmera.testers == {"id1"}
