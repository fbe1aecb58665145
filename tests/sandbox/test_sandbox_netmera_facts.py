"""What Netmera's API reference says beyond the older page, one row for each statement, against the sandbox.

Source: https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference (read 2026-11). The
page of each statement is beside its rule in `netaudience.sandbox.netmera.provenance`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from netaudience.sandbox import Device

pytestmark = pytest.mark.asyncio

STATE = "/_sandbox/state/netmera/"
TEXT = (400, b"Please provide a wpNumber.")
EMPTY = (200, b"")
LATER = (400, 2001)

USERS: list[dict[str, Any]] = [
    {
        "extId": "id1",
        "email": "a@example.com",
        "msisdn": "+905321234567",
        "wpNumber": "+905321234567",
        "profile": {"age": 30, "list": ["x"]},
        "tags": ["Sport"],
        "devices": [{"token": "t1"}, {"token": "t2", "pushPermitted": False}],
    },
    {"extId": "id2", "email": "b@example.com", "msisdn": "+905320000000"},
]
DEFINED = {
    "attributes": [
        {"code": "age", "dataType": "INT"},
        {"code": "born", "dataType": "DATE"},
        {"code": "vip", "dataType": "BOOLEAN"},
        {"code": "city"},
        {"code": "list", "array": True},
    ]
}
EVENTS = {"events": [{"code": "ea", "name": "Share", "attributes": [{"code": "item", "mandatory": True}]}]}


@attrs.frozen
class Fact:
    """A request, its answer, and what users look like afterwards."""

    operation: str
    body: Any
    #: A status with a body, or with the code that it tells.
    answer: tuple[int, Any] = EMPTY
    #: User, then a path into what the admin route shows, and what stands there.
    after: tuple[tuple[str, str, Any], ...] = ()
    #: What is seeded besides the users.
    seed: dict[str, Any] = attrs.field(factory=dict)


def _profile(value: dict[str, Any], ext_id: str = "id1") -> list[dict[str, Any]]:
    return [{"extId": ext_id, "profile": value}]


FACTS = {
    # users
    "an unknown id sinks a permanent deletion": Fact(
        "deleteUsersPermanently", {"extIds": ["id1", "nobody"]}, LATER, (("id1", "tracked", True),)
    ),
    "newer builds have another code": Fact(
        "deleteUsersPermanently", {"extIds": ["nobody"]}, (400, 5016), (), {"app": {"gone_code": 5016}}
    ),
    "without activation it is deleteUsers": Fact(
        "deleteUsersPermanently",
        {"extIds": ["id1"]},
        EMPTY,
        (("id1", "tracked", False),),
        {"app": {"erases": False}},
    ),
    "deleteUsers untracks": Fact("deleteUsers", {"extIds": ["id1"]}, EMPTY, (("id1", "tracked", False),)),
    "deleteUsers without ids is an error of the vendor's": Fact("deleteUsers", {}, (500, 2001)),
    "deleteUsers ignores unknown ids": Fact(
        "deleteUsers", {"extIds": ["nobody"]}, EMPTY, (("nobody", "", None),)
    ),
    "one invalid row refuses all": Fact(
        "registerUsers",
        [{"extId": "id3", "platform": "IOS"}, {"extId": "id4"}],
        (400, 2020),
        (("id3", "", None),),
    ),
    "an unknown platform is invalid": Fact(
        "registerUsers", [{"extId": "id3", "platform": "BEOS"}], (400, 2020)
    ),
    "an empty array of registrations": Fact("registerUsers", [], (400, 2020)),
    "registering tracks again": Fact(
        "registerUsers",
        [{"extId": "id1", "platform": "IOS", "tags": ["New"]}],
        EMPTY,
        (("id1", "tags", ["New", "Sport"]),),
    ),
    # tags
    "untag names nobody unless asked": Fact("untagUsers", {"tag": "Sport", "extIds": ["id1", "nobody"]}),
    "untag names who is not there": Fact(
        "untagUsers",
        {"tag": "Sport", "extIds": ["id1", "nobody"], "checkExistence": True},
        (200, {"notExist": ["nobody"]}),
        (("id1", "tags", []),),
    ),
    # push
    "an unknown token does nothing": Fact("disablePush", {"deviceToken": "nobody"}),
    "of both selectors the id counts": Fact(
        "enablePush",
        {"extId": "id1", "deviceToken": "nobody"},
        EMPTY,
        (("id1", "devices.1.pushPermitted", True),),
    ),
    # categories
    "an entry without a category": Fact("setCategoryPreferences", [{"extId": "id1", "enable": False}]),
    "an entry with an unknown channel": Fact(
        "setCategoryPreferences",
        [{"extId": "id1", "category": "A", "enable": True, "channel": "FAX"}],
        EMPTY,
        (("id1", "categories", {}),),
    ),
    # attributes
    "an undefined key is dropped": Fact(
        "setProfileAttributes",
        _profile({"Age": 5, "vip": True}),
        EMPTY,
        (("id1", "profile.Age", None), ("id1", "profile.vip", True)),
        DEFINED,
    ),
    "a wrong type is dropped": Fact(
        "setProfileAttributes",
        _profile({"age": "31", "born": "1990-05-17", "vip": "true", "list": "y", "city": 5}),
        EMPTY,
        (("id1", "profile.age", 30), ("id1", "profile.born", None), ("id1", "profile.list", ["x"])),
        DEFINED,
    ),
    "a date is a number of milliseconds": Fact(
        "setProfileAttributes",
        _profile({"born": 642902400000}),
        EMPTY,
        (("id1", "profile.born", 642902400000),),
        DEFINED,
    ),
    "null is dropped": Fact(
        "setProfileAttributes", _profile({"age": None}), EMPTY, (("id1", "profile.age", 30),)
    ),
    "an array is replaced whole": Fact(
        "setProfileAttributes", _profile({"list": ["y"]}), EMPTY, (("id1", "profile.list", ["y"]),), DEFINED
    ),
    "an invalid entry is skipped": Fact(
        "setProfileAttributes",
        [{"profile": {"age": 1}}, *_profile({"age": 2})],
        EMPTY,
        (("id1", "profile.age", 2),),
    ),
    "all entries invalid": Fact("setProfileAttributes", [{"extId": "id1", "profile": 5}], (400, 2009)),
    "an app that rejects": Fact(
        "setProfileAttributes",
        [{"profile": {"age": 1}}, *_profile({"age": 2})],
        (400, 2009),
        (("id1", "profile.age", 30),),
        {"app": {"rejects_invalid": True}},
    ),
    "a single object as body": Fact(
        "unsetProfileAttributes", {"extId": "id1", "profile": ["age"]}, (400, 2009)
    ),
    "unset without names": Fact(
        "unsetProfileAttributes",
        [{"extId": "id1"}, {"extId": "id1", "profile": []}],
        EMPTY,
        (("id1", "profile.age", 30),),
    ),
    "unset leaves the e-mail": Fact(
        "unsetProfileAttributes",
        [{"extId": "id1", "profile": ["email"]}],
        EMPTY,
        (("id1", "profile.email", "a@example.com"),),
    ),
    "push is a set": Fact(
        "pushProfileAttributes",
        _profile({"list": ["x", "y", "y"]}),
        EMPTY,
        (("id1", "profile.list", ["x", "y"]),),
    ),
    "push makes an attribute": Fact(
        "pushProfileAttributes", _profile({"new": [1]}), EMPTY, (("id1", "profile.new", [1]),)
    ),
    "push by a device": Fact(
        "pushProfileAttributes",
        [{"deviceToken": "t1", "profile": {"list": ["y"]}}],
        EMPTY,
        (("id1", "profile.list", ["x", "y"]),),
    ),
    "pull of the last value": Fact(
        "pullProfileAttributes",
        _profile({"list": ["x"], "other": [1]}),
        EMPTY,
        (("id1", "profile.list", []), ("id1", "profile.other", None)),
    ),
    "a deletion for all is not looked at": Fact("deleteProfileAttributes", {"anything": 1}),
    "a misspelt key of all users": Fact(
        "deleteProfileAttributes", [{"profile": ["aeg"]}], EMPTY, (("id1", "profile.age", 30),)
    ),
    # contacts
    "permissions ignore who is not there": Fact(
        "enableMail", {"emailList": ["nobody@example.com"]}, EMPTY, (("id1", "mailPermitted", None),)
    ),
    "an unknown id makes no user": Fact("enableSms", {"extIds": ["nobody"]}, EMPTY, (("nobody", "", None),)),
    "one address that is none": Fact(
        "enableMail",
        {"emailList": ["a@example.com", "no address"]},
        (400, 6000),
        (("id1", "mailPermitted", None),),
    ),
    "a number as it is stored": Fact(
        "disableSms", {"msisdnList": ["+905321234567"]}, EMPTY, (("id1", "smsPermitted", False),)
    ),
    "a number in another way of writing": Fact(
        "disableSms", {"msisdnList": ["905321234567"]}, EMPTY, (("id1", "smsPermitted", None),)
    ),
    "an address means everybody who has it": Fact(
        "disableMail",
        {"emailList": ["a@example.com"]},
        EMPTY,
        (("id1", "mailPermitted", False), ("id3", "mailPermitted", False)),
        {"users": [{"extId": "id3", "email": "a@example.com"}]},
    ),
    "an address is taken from another": Fact(
        "updateEmail",
        {"extId": "id2", "email": "a@example.com"},
        EMPTY,
        (("id1", "profile.email", None), ("id2", "profile.email", "a@example.com")),
    ),
    "an address may be shared": Fact(
        "updateEmail",
        {"extId": "id2", "email": "a@example.com"},
        EMPTY,
        (("id1", "profile.email", "a@example.com"), ("id2", "profile.email", "a@example.com")),
        {"app": {"shared_addresses": True}},
    ),
    "an unknown user of an address": Fact(
        "updateEmail",
        {"extId": "nobody", "email": "a@example.com"},
        EMPTY,
        (("nobody", "", None), ("id1", "profile.email", "a@example.com")),
    ),
    "the form of an address is not checked": Fact(
        "updateEmail", {"extId": "id1", "email": "none"}, EMPTY, (("id1", "profile.email", "none"),)
    ),
    "an empty address": Fact(
        "updateEmail", {"extId": "id1", "email": " "}, EMPTY, (("id1", "profile.email", "a@example.com"),)
    ),
    "a missing address": Fact("updateEmail", {"extId": "id1"}, (400, 2020)),
    "a number is taken from another": Fact(
        "updateMsisdn",
        {"extId": "id2", "msisdn": "+905321234567"},
        EMPTY,
        (("id1", "msisdn", None), ("id2", "msisdn", "+905321234567")),
    ),
    "an empty number": Fact("updateMsisdn", {"extId": "id1", "msisdn": ""}, EMPTY, (("id1", "msisdn", ""),)),
    "a WhatsApp number": Fact(
        "updateWhatsApp",
        {"extId": "id2", "wpNumber": "+905321234567"},
        EMPTY,
        (("id2", "wpNumber", "+905321234567"), ("id1", "wpNumber", None)),
    ),
    "the older list of numbers": Fact("updateWhatsApp", {"extId": "id1", "wpNumbers": ["+1"]}, TEXT),
    "a number without a plus": Fact("updateWhatsApp", {"extId": "id1", "wpNumber": "90"}, TEXT),
    "an empty WhatsApp number": Fact("updateWhatsApp", {"extId": "id1", "wpNumber": ""}, TEXT),
    "an older installation": Fact(
        "updateWhatsApp",
        {"extId": "id1", "wpNumbers": ["+1"]},
        EMPTY,
        (("id1", "wpNumber", "+1"),),
        {"app": {"older": True}},
    ),
    "a contact that a user has": Fact("addEmail", {"emailList": ["a@example.com", "nonsense"]}),
    # events
    "an event that is not defined": Fact(
        "fireEvents", [{"extId": "id1", "name": "share", "item": 1}], (400, 2004), (), EVENTS
    ),
    "an event without what it needs": Fact(
        "fireEvents", [{"extId": "id1", "name": "Share", "Item": 1}], (400, 2020), (), EVENTS
    ),
    "an event by its code": Fact(
        "fireEvents", [{"extId": "id1", "name": "ea", "item": 1}], EMPTY, (), EVENTS
    ),
}


def _part(user: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        user = user[int(step)] if isinstance(user, list) else user.get(step)
    return user


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
async def test_a_statement_of_the_reference(running, fact):
    async with running(known_categories=["A"]) as box:
        users = [*USERS, *fact.seed.get("users", [])]
        await box.send("POST", f"{STATE[:-1]}", json={**fact.seed, "users": users})
        reply = await box.post(fact.operation, fact.body)
        told = reply.body
        if isinstance(fact.answer[1], int):
            told = reply.json["code"]
        elif isinstance(fact.answer[1], dict):
            told = reply.json
        assert (reply.status, told) == fact.answer, reply.body
        for ext_id, path, wanted in fact.after:
            found = await box.send("GET", f"{STATE}users/{ext_id}")
            assert (_part(found.json, path) if found.status == 200 else None) == wanted, path


async def test_an_erasure_takes_a_minute_and_fails_the_second_time(running):
    async with running(demo=True) as box:
        assert (await box.post("deleteUsersPermanently", {"extIds": ["id1", "id2"]})).body == b""
        box.sandbox.advance(59)
        assert "id1" in box.sandbox.netmera.users
        # What came later does not wait for it.
        await box.post("tagUsers", {"tag": "A", "extIds": ["id3"]})
        assert box.sandbox.netmera.users["id3"].tags == {"A"}
        box.sandbox.advance(1)
        assert set(box.sandbox.netmera.users) == {"id3"}
        again = await box.post("deleteUsersPermanently", {"extIds": ["id1", "id2"]})
        assert (again.status, again.json["code"]) == LATER
        assert "retry later" in again.json["error"]


async def test_who_is_not_tracked_is_read_and_not_counted(running):
    async with running(demo=True) as box:
        await box.post("deleteUsers", {"extIds": ["id1"]})
        assert (await box.get("getProfileAttributes", {"extId": "id1"})).json["profile"]["name"] == "John"
        assert (await box.get("count-user")).json == {"count": 0}
        await box.post("setProfileAttributes", _profile({"age": 1}))
        assert (await box.get("count-user")).json == {"count": 1}


async def test_attributes_are_read_by_a_device_too(running):
    async with running(demo=True) as box:
        reply = await box.get("getProfileAttributes", {"deviceToken": "token-1"})
        assert (reply.json["extId"], reply.json["profile"]["name"]) == (None, "John")


async def test_only_attributes_that_are_defined_come_back(running):
    async with running() as box:
        user = {"extId": "id1", "profile": {"name": "John", "age": 34}, "email": "john.brown@example.com"}
        await box.send("POST", STATE[:-1], json={"users": [user]})
        await box.send("POST", STATE[:-1], json={"attributes": [{"code": "age", "dataType": "INT"}]})
        profile = (await box.get("getProfileAttributes", {"extId": "id1"})).json["profile"]
        assert profile == {"age": 34, "email": "john.brown@example.com"}


async def test_nobody_has_no_devices(running):
    async with running() as box:
        assert (await box.get("getDevices", {"extId": "nobody"})).json == {"extId": "nobody", "devices": []}


@pytest.mark.parametrize(
    ("older", "shapes"),
    [
        (
            False,
            [
                {"installationId": "i1", "platform": "IOS", "extId": "id1", "deviceToken": "t1"},
                {"installationId": "i2", "platform": "ANDROID", "extId": "id1", "deviceToken": "t2"},
                {"installationId": "i3", "platform": "ANDROID"},
            ],
        ),
        (True, [{"platform": "IOS", "token": "t1", "deviceModel": "Pixel 5", "pushPermitted": True}]),
    ],
)
async def test_every_installation_is_listed(running, older, shapes):
    async with running() as box:
        state = box.sandbox.netmera
        state.app.older = older
        gone = Device("t2", installed=False, installation_id="i2")
        state.add_user("id1", devices=[Device("t1", "IOS", installation_id="i1"), gone])
        state.add_device(None, Device(None, installation_id="i3"))
        listed = (await box.get("getDeviceTokens")).json
        assert listed["total"] == 3
        assert listed["devices"][: len(shapes)] == shapes
        devices = (await box.get("getDevices", {"extId": "id1"})).json["devices"]
        assert [device["token"] for device in devices] == ["t1"]


async def test_a_registration_without_a_token_is_an_installation(running):
    async with running() as box:
        for _ in range(2):
            await box.post("registerUsers", [{"extId": "a", "platform": "IOS"}])
        (row,) = (await box.get("getDeviceTokens")).json["devices"]
        assert (row["extId"], row["platform"]) == ("a", "IOS")
        assert "deviceToken" not in row


# Segments.


async def _page(box, **query):
    return (await box.get("getSegmentUsers", query)).json


async def test_segments_are_the_newest_that_are_ready(running):
    async with running() as box:
        state = box.sandbox.netmera
        for number in range(1003):
            state.add_segment(number, f"s{number}")
        state.add_segment(2000, "crm", segment_type="CONNECTORS_SEGMENT")
        state.add_segment(2001, "waits").calculation = "WAITING_CALCULATE"
        state.add_segment(2002, "deleted").status = "DELETED"
        listed = (await box.get("getSegments")).json["list"]
        assert listed[0] == {"id": 2000, "name": "crm", "userCount": None, "type": "CONNECTORS_SEGMENT"}
        assert listed[1] == {"id": 1002, "name": "s1002", "userCount": 0, "type": "STANDARD"}
        assert len(listed) == 1000
        users = await box.get("getSegmentUsers", {"id": "2000"})
        assert (users.status, users.json["code"]) == LATER


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        ({}, [100, 100, 50]),
        ({"max": "1"}, [100, 100, 50]),
        ({"max": "150"}, [150, 100]),
        ({"max": "5000"}, [250]),
    ],
)
async def test_the_users_of_a_segment_come_in_pages(running, asked, sizes):
    async with running() as box:
        state = box.sandbox.netmera
        state.add_segment(5, "five", [f"u{number}" for number in range(250)])
        state.add_user("u0", msisdn="+905312345678", email="u0@example.com")
        seen: list[dict[str, str]] = []
        found = []
        query = {"id": "5", **asked}
        while query:
            page = await _page(box, **query)
            assert page["name"] == "five"
            found.append(len(page["list"]))
            seen += page["list"]
            link = urlsplit(page.get("nextPage", ""))
            assert link.netloc in {"", "node-7.netmera.invalid"}
            query = {name: value for name, (value,) in parse_qs(link.query).items()}
        assert found == sizes
        assert [row["externalId"] for row in seen] == [f"u{number}" for number in range(250)]
        assert seen[0] == {"externalId": "u0", "msisdn": "905312345678", "email": "u0@example.com"}


def _in(city: str) -> list[dict[str, Any]]:
    return [{"type": "PROFILE", "expression": {"code": "city", "operator": "CONTAINS", "values": [city]}}]


async def test_a_segment_lives(running):
    """It is made, calculated, changed, deleted and reopened."""
    async with running(delay={"netmera": 5}) as box:
        state = box.sandbox.netmera
        state.add_user("a", tags=["Sport"], profile={"city": "Izmir"})
        state.add_user("b", profile={"city": ["Izmir", "Ankara"]})
        state.add_user("c", tags=["Sport"])
        made = await box.post("createSegment", {"segment": {"segmentName": "izmir"}, "profile": _in("Izmir")})
        assert made.json == {
            "id": 1, "name": "izmir", "status": "ACTIVE", "segmentStatus": "WAITING_CALCULATE",
            "userCount": None, "createdBy": "REST",
        }  # fmt: skip
        assert (await box.get("getSegments")).json == {"list": []}
        box.sandbox.advance(5)
        ready = (await box.get("getSegment", {"id": "1"})).json
        assert (ready["segmentStatus"], ready["userCount"]) == ("READY", 2)
        tag = {"type": "TAG", "logic": "AND", "code": str(state.tag_ids["Sport"])}
        tree = {"id": "1", "type": "GROUP", "logic": "AND", "conditions": [tag, *_in("Izmir")]}
        change = {"segment": {"segmentId": 1, "segmentName": "izmir 2"}, "targetJson": tree}
        changed = (await box.post("updateSegment", change)).json
        assert (changed["name"], changed["segmentStatus"]) == ("izmir 2", "WAITING_CALCULATE")
        box.sandbox.advance(5)
        assert [row["externalId"] for row in (await _page(box, id="1"))["list"]] == ["a"]

        async def status(word: str) -> tuple[str, str]:
            headers = {"X-netmera-api-key": "sandbox"}
            path = f"/netmera/rest/3.0/changeSegmentStatus?id=1&status={word}"
            told = (await box.send("POST", path, headers=headers)).json
            return told["status"], told["segmentStatus"]

        assert await status("DELETED") == ("DELETED", "WAITING_DELETED")
        assert (await box.get("getSegments")).json == {"list": []}
        assert await status("ACTIVE") == ("ACTIVE", "WAITING_CALCULATE")
        box.sandbox.advance(5)
        assert (await box.get("getSegments")).json["list"][0]["userCount"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"segment": {"segmentName": "a"}}, 2020),
        ({"segment": {"segmentName": "taken"}, "pushEnabled": True}, 5025),
        ({"segment": {"segmentName": "too many"}, "pushEnabled": True}, 5022),
        ({"segment": {}, "pushEnabled": True}, 2020),
        ({"pushEnabled": True}, 2020),
    ],
)
async def test_a_segment_that_is_refused(running, body, code):
    async with running() as box:
        box.sandbox.netmera.add_segment(1, "taken")
        box.sandbox.netmera.app.segments = 1
        reply = await box.post("createSegment", body)
        assert (reply.status, reply.json["code"]) == (400, code)
        assert list(box.sandbox.netmera.segments) == [1]


TARGETS = [
    ({"tag": "Sport"}, 2),
    ({"tag": ["Sport", "News"]}, 3),
    ({"tag": {"$and": ["Sport", "News"]}}, 1),
    ({"tag": {"$not": "Sport"}}, 2),
    ({"segment": "some"}, 1),
    ({"profile": {"city": "Izmir"}}, 2),
    ({"profile": {"city": ["Izmir", "Ankara"]}, "tag": "Sport"}, 2),
    ({"profile": {"city": "Izmir"}, "tag": "Sport"}, 1),
]


@pytest.mark.parametrize(("target", "count"), TARGETS)
async def test_targets_are_counted(running, target, count):
    async with running() as box:
        state = box.sandbox.netmera
        state.add_user("a", tags=["Sport"], profile={"city": "Izmir"})
        state.add_user("b", tags=["Sport", "News"], profile={"city": "Ankara"})
        state.add_user("c", tags=["News"])
        state.add_user("d", profile={"city": ["Izmir"]})
        state.add_user("e", tags=["Sport"], profile={"city": "Izmir"}).tracked = False
        state.add_segment(1, "some", ["a"])
        assert (await box.post("targeting/count", {"target": target})).json == {"count": count}


async def test_users_are_counted_by_value(running):
    async with running() as box:
        state = box.sandbox.netmera
        state.add_user("a", profile={"city": "Izmir"}, devices=[Device("t", "IOS")])
        state.add_user("b", profile={"city": "Izmir"})
        state.add_user("c", profile={"city": "Ankara"})
        counted = (await box.post("targeting/count-batch", {"groupBy": {"profile": "city"}})).json
        assert list(counted["counts"].items()) == [("Izmir", 2), ("Ankara", 1)]
        some = {"groupBy": {"profile": "city"}, "values": ["Ankara"]}
        assert (await box.post("targeting/count-batch", some)).json == {"counts": {"Ankara": 1}}
        by_platform = {"groupBy": {"installation": "platform"}}
        assert (await box.post("targeting/count-batch", by_platform)).json == {"counts": {"IOS": 1}}
        for wrong in ({}, {"groupBy": {}}, {"groupBy": {"profile": "a", "installation": "b"}}):
            assert (await box.post("targeting/count-batch", wrong)).status == 400


async def test_the_app_tells_its_categories_attributes_and_events(running):
    async with running(known_categories=["Shopping", "News"]) as box:
        await box.send("POST", STATE[:-1], json={**DEFINED, **EVENTS})
        categories = (await box.get("getPushCategories")).json
        assert categories == {"categories": [{"1": "Shopping"}, {"2": "News"}]}
        attributes = (await box.get("app/profile-attributes")).json
        assert [each["code"] for each in attributes["standardProfileAttributes"]] == ["email", "msisdn"]
        custom = {each["code"]: each for each in attributes["customProfileAttributes"]}
        assert (custom["age"]["dataType"], custom["list"]["array"]) == ("INT", True)
        events = (await box.get("app/events")).json
        assert events["standardEvents"] == []
        (event,) = events["customEvents"]
        assert (event["code"], event["attributes"][0]["mandatory"]) == ("ea", True)


async def test_what_is_lost_in_the_queue_answers_as_if_it_were_not(running):
    async with running(faults=["lost=a@example.com"]) as box:
        reply = await box.post("addEmail", {"emailList": ["a@example.com"]})
        assert (reply.status, reply.body) == EMPTY
        assert box.sandbox.netmera.contacts == {}
        assert not box.sandbox.check("netmera", "addEmail", ["a@example.com"]).ok
