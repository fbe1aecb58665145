"""Netmera's operations of the older page: each does what its page says, and refuses what its page refuses.

Where the API reference says otherwise, it is asked in `test_sandbox_netmera_facts`.
"""

from __future__ import annotations

import io

import orjson
import pytest

from netaudience.sandbox import Credentials, Device

pytestmark = pytest.mark.asyncio

STATE = "/_sandbox/state/netmera/users/"
UNKNOWN_USER = (400, 5016)

#: Operation, body, and what the user id1 of the demo state looks like afterwards.
WRITES = [
    ("tagUsers", {"tag": "News", "extIds": ["id1"]}, {"tags": ["News", "Sport"]}),
    ("untagUsers", {"tag": "Sport", "extIds": ["id1", "nobody"]}, {"tags": []}),
    ("setProfileAttributes", [{"extId": "id1", "profile": {"age": 24}}], {"profile.age": 24}),
    ("unsetProfileAttributes", [{"extId": "id1", "profile": ["age"]}], {"profile.age": None}),
    (
        "unsetProfileAttributes",
        [{"extId": "id1", "profile": ["email"]}],
        {"profile.email": "john.brown@example.com"},
    ),
    (
        "pushProfileAttributes",
        [
            {
                "extId": "id1",
                "profile": {"lastVisitedCategories": ["shopping", "books"], "favouriteBrands": ["a"]},
            }
        ],
        {"profile.lastVisitedCategories": ["shopping", "books"], "profile.favouriteBrands": ["a"]},
    ),
    (
        "pullProfileAttributes",
        [{"extId": "id1", "profile": {"lastVisitedCategories": ["shopping"], "favouriteBrands": ["a"]}}],
        {"profile.lastVisitedCategories": [], "profile.favouriteBrands": None},
    ),
    ("deleteProfileAttributes", [{"profile": ["name", "age"]}], {"profile.name": None}),
    (
        "deleteProfileAttributeValue",
        [{"key": "lastVisitedCategories", "value": "shopping"}, {"key": "name", "value": "John"}],
        {"profile.lastVisitedCategories": [], "profile.name": None},
    ),
    (
        "setCategoryPreferences",
        [
            {"extId": "id1", "category": "Shopping", "enable": False, "channel": "mobile"},
            {"extId": "id1", "category": "Shopping", "enable": True, "channel": "no such channel"},
        ],
        {"categories": {"Shopping": {"MOBILE": False}}},
    ),
    ("enableMail", {"extIds": ["id1"]}, {"mailPermitted": True}),
    ("disableMail", {"extIds": ["id1"]}, {"mailPermitted": False}),
    ("enableSms", {"extIds": ["id1"]}, {"smsPermitted": True}),
    ("disableSms", {"extIds": ["id1"]}, {"smsPermitted": False}),
    ("enableWhatsApp", {"extIds": ["id1"]}, {"whatsAppPermitted": True}),
    ("disableWhatsApp", {"extIds": ["id1"], "wpNumbers": ["+1"]}, {"whatsAppPermitted": False}),
    ("updateEmail", {"extId": "id1", "email": "new"}, {"profile.email": "new"}),
    ("updateEmail", {"extId": "id1", "email": ""}, {"profile.email": "john.brown@example.com"}),
    ("updateMsisdn", {"extId": "id1", "msisdn": "+90"}, {"msisdn": "+90"}),
    ("updateMsisdn", {"extId": "id1", "msisdn": ""}, {"msisdn": ""}),
    ("updateWhatsApp", {"extId": "id1", "wpNumber": "+1"}, {"wpNumber": "+1"}),
]

#: Bodies that are refused, with the code of the refusal.
REFUSED = [
    ("deleteUsersPermanently", {}, 2020),
    ("deleteUsersPermanently", {"extIds": []}, 2020),
    ("deleteUsersPermanently", {"extIds": "id1"}, 2004),
    ("deleteUsersPermanently", {"extIds": [1]}, 2004),
    ("deleteUsersPermanently", [], 2004),
    ("deleteUsersPermanently", {"extIds": [str(n) for n in range(1001)]}, 2004),
    ("enablePush", {}, 2020),
    ("disablePush", {"extId": ["id1"]}, 2004),
    ("tagUsers", {"extIds": ["id1"]}, 2020),
    ("tagUsers", {"tag": "A"}, 2020),
    ("tagUsers", {"tag": 5, "extIds": ["id1"]}, 2004),
    ("tagUsers", {"tag": ["A"], "extIds": ["id1"]}, 2004),
    ("tagUsers", {"tag": "A", "extIds": ["id1", ""]}, 2020),
    ("untagUsers", {"tag": "A", "extIds": [str(n) for n in range(1001)]}, 2004),
    ("setCategoryPreferences", {"extId": "id1", "category": "A", "enable": True}, 2009),
    ("setCategoryPreferences", [], 2020),
    ("setCategoryPreferences", ["id1"], 2004),
    ("setCategoryPreferences", [{"extId": "id1", "category": "A"}], 2020),
    ("setCategoryPreferences", [{"extId": "id1", "category": "A", "enable": "yes"}], 2004),
    ("setProfileAttributes", [{"profile": {"a": 1}}], 2009),
    ("setProfileAttributes", [{"extId": "id1"}], 2009),
    ("setProfileAttributes", [{"extId": "id1", "profile": ["a"]}], 2009),
    (
        "setProfileAttributes",
        [{"extId": str(number), "profile": {"a": 1}} for number in range(1001)],
        2004,
    ),
    ("unsetProfileAttributes", [{"extId": "id1", "profile": {"a": 1}}], 2009),
    ("pushProfileAttributes", [{"extId": "id1", "profile": {"a": 1}}], 2009),
    ("pullProfileAttributes", [{"profile": {"a": [1]}}], 2009),
    ("deleteProfileAttributeValue", [{"key": "name"}], 2020),
    ("deleteProfileAttributeValue", [{"key": "name", "value": 5}], 2004),
    ("sendPushApproval", [{}], 2020),
    ("sendPushApproval", [{"messageId": "1"}], 2004),
    ("sendPushApproval", [{"messageId": 1}, {"messageId": 77}], 5003),
    ("enableMail", {}, 2020),
    ("enableMail", {"extIds": ["id1"], "emailList": ["a@b"]}, 2020),
    ("disableMail", {"emailList": []}, 2020),
    ("enableSms", {"extIds": ["id1"], "msisdnList": ["+1"]}, 2020),
    ("disableSms", {}, 2020),
    ("enableWhatsApp", {}, 2020),
    ("disableWhatsApp", {"wpNumbers": "+1"}, 2004),
    ("updateEmail", {"extId": "id1"}, 2020),
    ("updateEmail", {"email": "a@b"}, 2020),
    ("updateMsisdn", {"extId": "id1", "msisdn": 90}, 2004),
]

#: Reads that are refused: operation, query, headers, code.
REFUSED_READS = [
    ("getCategoryPreferences", {"extId": "id1"}, {}, 2020),
    ("getCategoryPreferences", {"externalId": "nobody"}, {}, 5016),
    ("getCategoryPreferences", {"externalId": "id1", "pushPermitted": "True"}, {}, 2004),
    ("getCategoryPreferences", {"externalId": "id1", "categoryIds": "x"}, {}, 2004),
    ("getProfileAttributes", {"extId": "nobody"}, {}, 5016),
    ("getProfileAttributes", {}, {}, 2020),
    ("getDevices", {"extId": "id1", "pushPermitted": "1"}, {}, 2004),
    ("getDeviceTokens", {"max": "many"}, {}, 2004),
    ("getDeviceTokens", {"max": "0"}, {}, 2004),
    ("getDeviceTokens", {"offset": "-1"}, {}, 2004),
    ("getSegmentUsers", {}, {}, 2020),
    ("getSegmentUsers", {"id": "brand"}, {}, 2004),
    ("getSegmentUsers", {"id": "1"}, {}, 5042),
    ("getSegmentUsers", {"id": "5883", "offset": "500"}, {}, 2004),
    ("getSegment", {"id": "1"}, {}, 5042),
]


def _part(user, name):
    for step in name.split("."):
        user = user.get(step)
    return user


@pytest.mark.parametrize(("operation", "body", "after"), WRITES)
async def test_a_write_answers_200_without_a_body_and_changes_the_user(running, operation, body, after):
    async with running(demo=True) as box:
        reply = await box.post(operation, body)
        assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", "0")
        user = (await box.send("GET", STATE + "id1")).json
        assert {name: _part(user, name) for name in after} == after


@pytest.mark.parametrize(("operation", "body", "code"), REFUSED)
async def test_a_refused_write_names_its_code_and_changes_nothing(running, operation, body, code):
    async with running(demo=True) as box:
        before = (await box.send("GET", STATE + "id1")).json
        reply = await box.post(operation, body)
        assert (reply.status, reply.json["code"]) == (400, code), reply.body
        assert isinstance(reply.json["error"], str)
        assert (await box.send("GET", STATE + "id1")).json == before
        assert set(box.sandbox.netmera.users) == {"id1", "id2", "id3"}
        assert box.sandbox.ledger.applied == {}
        assert box.sandbox.netmera.messages == {1: False}


@pytest.mark.parametrize(("operation", "query", "headers", "code"), REFUSED_READS)
async def test_a_refused_read_names_its_code(running, operation, query, headers, code):
    async with running(demo=True) as box:
        reply = await box.get(operation, query, **headers)
        assert (reply.status, reply.json["code"]) == (400, code), reply.body


async def test_every_operation_wants_the_right_key_and_a_json_body(running):
    async with running(credentials=Credentials(netmera_keys=frozenset({"right"}))) as box:
        for operation in box.sandbox.netmera.operations:
            url = f"/netmera{operation.path}"
            for headers in ({}, {"X-netmera-api-key": "sandbox"}):
                reply = await box.send(operation.method, url, headers=headers)
                assert (reply.status, reply.json["code"]) == (403, 2010)
            if operation.method == "GET" or operation.name == "changeSegmentStatus":  # it has no body
                continue
            headers = {"x-NETMERA-api-key": "right", "Content-Type": "application/json"}
            reply = await box.send("POST", url, data=b'{"a": 1 // no', headers=headers)
            assert (reply.status, reply.json["code"]) == (400, 2009)
            headers["Content-Type"] = "text/plain"
            reply = await box.send("POST", url, data=b"{}", headers=headers)
            assert reply.status == 415
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert set(reply.json) == {"type", "title", "status", "detail", "instance"}


async def test_what_was_stored_comes_back_as_it_was_stored(running):
    profile = {
        "ünï": " x ",
        "dateOfBirth": 624315600000,
        "list": [1, 1.5, None, {"a": []}],
        "b": True,
    }
    async with running() as box:
        await box.post("setProfileAttributes", [{"extId": "new", "profile": profile}])
        reply = await box.get("getProfileAttributes", {"extId": "new"})
        assert reply.json == {"extId": "new", "profile": profile}


async def test_1000_unique_ids_are_taken_in_any_number_of_rows(running):
    rows = [{"extId": str(n % 1000), "profile": {"n": n}} for n in range(2500)]
    async with running() as box:
        assert (await box.post("setProfileAttributes", rows)).status == 200
        assert box.sandbox.netmera.users["499"].profile == {"n": 2499}


async def test_a_body_of_4_mb_is_taken(running):
    body = orjson.dumps([{"extId": "a", "profile": {"text": "x" * 4_000_000}}])
    async with running() as box:
        headers = {"X-netmera-api-key": "sandbox", "Content-Type": "application/json"}
        path = "/netmera/rest/3.0/setProfileAttributes"
        # aiohttp warns of a large body that is bytes.
        reply = await box.send("POST", path, data=io.BytesIO(body), headers=headers)
        assert reply.status == 200


async def test_deleted_users_are_gone_with_their_devices(running):
    async with running(demo=True) as box:
        reply = await box.post("deleteUsersPermanently", {"extIds": ["id1"]})
        assert (reply.status, reply.body) == (200, b"")
        box.sandbox.advance(60)
        assert set(box.sandbox.netmera.users) == {"id2", "id3"}
        assert (await box.get("getDeviceTokens")).json == {"total": 0, "devices": []}
        assert (await box.get("getProfileAttributes", {"extId": "id1"})).json["code"] == 5016


async def test_push_is_permitted_by_user_and_by_device(running):
    async with running(demo=True) as box:

        async def permitted(**query: str) -> list[str]:
            reply = await box.get("getDevices", {"extId": "id1", **query})
            return [device["token"] for device in reply.json["devices"]]

        assert await permitted(pushPermitted="true") == ["token-1"]
        assert await permitted(pushPermitted="false") == await permitted() == ["token-1", "token-2"]
        await box.post("enablePush", {"deviceToken": "token-2"})
        assert await permitted(pushPermitted="true") == ["token-1", "token-2"]
        await box.post("disablePush", {"extId": "id1"})
        assert await permitted(pushPermitted="true") == []
        assert (await box.post("enablePush", {"deviceToken": "unknown"})).body == b""
        assert (await box.post("enablePush", {"extId": "nobody"})).body == b""


async def test_categories_are_kept_by_channel_and_filtered(running):
    async with running(known_categories=["Shopping", "Promotion ", "Haber"]) as box:
        rows = [
            {"extId": "id1", "category": "Shopping", "enable": True},
            {"extId": "id1", "category": "Promotion ", "enable": False},
            {"extId": "id1", "category": "Unknown", "enable": True},
            {"extId": "id1", "category": "Shopping", "enable": False, "channel": "sms"},
        ]
        assert (await box.post("setCategoryPreferences", rows)).body == b""

        async def names(**query: str) -> list[str]:
            query = {"externalId": "id1", **query}
            reply = await box.get("getCategoryPreferences", query)
            return list(reply.json["categoryPreferences"])

        reply = await box.get("getCategoryPreferences", {"externalId": "id1", "channels": "SMS,web"})
        assert reply.json["categoryPreferences"] == {"Shopping": True, "Promotion ": False}
        assert reply.json["categoryChannelPreferences"]["Shopping"] == {"SMS": False, "WEB": True}
        assert await names(pushPermitted="true") == ["Shopping"]
        assert await names(pushPermitted="false") == ["Promotion "]
        assert await names(categoryIds="2,3") == ["Promotion "]


async def test_device_tokens_come_in_pages_with_absolute_links(running):
    async with running() as box:
        devices = [Device(f"t{number}") for number in range(25)]
        box.sandbox.netmera.add_user("id1", devices=devices)
        seen: list[str] = []
        sizes: list[int] = []
        page = (await box.get("getDeviceTokens")).json
        while True:
            assert page["total"] == 25
            sizes.append(len(page["devices"]))
            seen += [device["deviceToken"] for device in page["devices"]]
            if "nextPage" not in page:
                break
            # The host that served the request: who follows the link takes the key to a stranger.
            link, _, query = page["nextPage"].partition("?")
            assert link == "https://node-7.netmera.invalid/rest/3.0/getDeviceTokens"
            page = (await box.get("getDeviceTokens", dict(part.split("=") for part in query.split("&")))).json
        assert sizes == [10, 10, 5]
        assert seen == [device.token for device in devices]
        exact = (await box.get("getDeviceTokens", {"max": "25"})).json
        assert "nextPage" not in exact


async def test_a_message_is_approved_once(running):
    async with running(demo=True) as box:
        first = await box.post("sendPushApproval", [{"messageId": 1}])
        assert (first.status, first.body) == (200, b"")
        second = await box.post("sendPushApproval", [{"messageId": 1}])
        assert (second.status, second.json["code"]) == (400, 2103)


async def test_true_and_1_are_different_values(running):
    async with running() as box:
        await box.post("pushProfileAttributes", [{"extId": "a", "profile": {"list": [True, 1, 2]}}])
        await box.post("pullProfileAttributes", [{"extId": "a", "profile": {"list": [1]}}])
        body = (await box.get("getProfileAttributes", {"extId": "a"})).body
        assert orjson.loads(body)["profile"]["list"] == [True, 2]
        assert b"true" in body
