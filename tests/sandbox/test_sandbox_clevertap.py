"""CleverTap's demerge: taken or refused whole, three in flight, and a failure under HTTP 200."""

from __future__ import annotations

import asyncio

import pytest

from netaudience.sandbox import Credentials

pytestmark = pytest.mark.asyncio

SUCCESS = {"status": "success"}


async def test_a_list_is_accepted(running):
    async with running() as box:
        reply = await box.demerge(["client-19827239", "client-1", "client-1"])
        assert (reply.status, reply.json) == (200, SUCCESS)
        assert box.sandbox.clevertap.demerged == {"client-19827239", "client-1"}
        reply = await box.send("GET", "/_sandbox/state/clevertap/demerged/client-1")
        assert reply.json == {"identity": "client-1", "demerge": "accepted"}


@pytest.mark.parametrize(
    "identities",
    [None, [], "client-1", [1], ["a", ""], [str(number) for number in range(101)]],
    ids=["missing", "empty", "text", "number", "empty text", "101"],
)
async def test_a_bad_list_is_refused_whole(running, identities):
    async with running() as box:
        reply = await box.demerge(identities)
        assert (reply.status, reply.json["status"], reply.json["code"]) == (400, "fail", 400)
        assert box.sandbox.clevertap.demerged == set()


async def test_100_identities_are_taken(running):
    async with running() as box:
        assert (await box.demerge([str(number) for number in range(100)])).json == SUCCESS


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_another_body_is_refused(running, body):
    async with running() as box:
        headers = {"X-CleverTap-Account-Id": "sandbox", "X-CleverTap-Passcode": "sandbox"}
        path = "/clevertap/1/demerge/profiles.json"
        reply = await box.send("POST", path, data=body, headers=headers)
        assert (reply.status, reply.json["status"]) == (400, "fail")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CleverTap-Passcode": "wrong"},
        {"X-CleverTap-Account-Id": "other"},
        {"X-CleverTap-Passcode": ""},
    ],
)
async def test_wrong_credentials_answer_401(running, headers):
    async with running() as box:
        reply = await box.demerge(["a"], **headers)
        assert reply.status == 401
        assert reply.json == {"status": "fail", "error": "Invalid Credentials", "code": 401}


async def test_the_fourth_request_in_flight_is_refused_and_each_account_has_its_own_three(running):
    accounts = {"sandbox": "sandbox", "second": "secret"}
    settings = {
        "faults": ["latency=0.15"],
        "credentials": Credentials(clevertap_passcodes=accounts),
    }
    async with running(**settings) as box:
        second = {"X-CleverTap-Account-Id": "second", "X-CleverTap-Passcode": "secret"}
        first_account = [box.demerge([f"a{number}"]) for number in range(4)]
        second_account = [box.demerge([f"b{number}"], **second) for number in range(3)]
        replies = await asyncio.gather(*first_account, *second_account)
        assert sorted(reply.status for reply in replies) == [200] * 6 + [429]
        refused = next(reply for reply in replies if reply.status == 429)
        error = {"status": "fail", "error": "Too many concurrent requests", "code": 429}
        assert refused.json == error
        limit = box.sandbox.check("clevertap", "demerge")["limit"]
        assert not limit.ok
        assert "4 in flight" in limit.sentence


async def test_a_failure_may_come_with_http_200(running):
    async with running(faults=["fail-200=bad"]) as box:
        reply = await box.demerge(["good", "bad"])
        assert (reply.status, reply.json["status"]) == (200, "fail")
        assert (await box.demerge(["good"])).json == SUCCESS
        assert box.sandbox.clevertap.demerged == {"good"}
        # Netmera is not known to do so: there the fault has no shape and changes nothing.
        assert (await box.post("tagUsers", {"tag": "A", "extIds": ["bad"]})).body == b""


async def test_a_poisoned_identity_refuses_the_whole_list(running):
    async with running(faults=["poison=bad"]) as box:
        reply = await box.demerge(["good", "bad"])
        assert (reply.status, reply.json["status"], reply.json["code"]) == (400, "fail", 400)
        assert box.sandbox.clevertap.demerged == set()
