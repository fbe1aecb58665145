"""CleverTap's lists of records: each record is stored or comes back with its code and its number."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio

HEADERS = {"X-CleverTap-Account-Id": "sandbox", "X-CleverTap-Passcode": "sandbox"}
NOW = 1_521_649_274
CASES = os.environ.get("NETAUDIENCE_CASES")


async def _send(box, path, records, **query):
    body = {"d": records}
    return await box.send("POST", f"/clevertap/1/{path}", json=body, headers=HEADERS, params=query)


async def _upload(box, *records, **query):
    reply = await _send(box, "upload", list(records), **query)
    assert reply.status == 200
    return reply.json


async def _profile(box, key):
    return (await box.send("GET", f"/_sandbox/state/clevertap/profiles/{key}")).json


def _profile_record(identity="1", /, **data):
    return {"type": "profile", "identity": identity, "ts": NOW, "profileData": data}


def _event_record(identity="1", name="Share", **data):
    return {"type": "event", "identity": identity, "evtName": name, "evtData": data}


def _token_record(object_id="o1", **data):
    return {"type": "token", "objectId": object_id, "tokenData": {"id": "t1", "type": "fcm", **data}}


def _recorded():
    if CASES is None:
        return []
    document = json.loads((Path(CASES) / "clevertap.json").read_bytes())
    return [case for case in document["cases"] if case["operation"] == "POST /1/upload"]


@pytest.mark.skipif(CASES is None, reason="NETAUDIENCE_CASES names no folder of recorded answers")
@pytest.mark.parametrize("case", _recorded(), ids=lambda case: case["id"])
async def test_a_recorded_upload_gets_the_recorded_answer(running, case):
    async with running() as box:
        asked = case["request"]
        reply = await _send(box, "upload", asked["body"]["d"], **asked["query"])
        assert (reply.status, reply.json) == (case["response"]["status"], case["response"]["body"])


#: A record that is at fault, and its code.
FAULTY = [
    (_profile_record(Email="$$$$$"), 515),
    (_profile_record(Email="a b@example.com"), 515),
    (_profile_record(Gender="X"), 514),
    (_profile_record(Phone="+44+441234"), 516),
    (_profile_record(Phone="35922333232"), 516),
    (_profile_record(Employed="yes"), 517),
    (_profile_record(Education="PhD"), 518),
    (_profile_record(Married="223"), 519),
    (_profile_record(Age="aa"), 520),
    (_profile_record(Age=-1), 520),
    (_profile_record(Age=True), 520),
    ({"type": "profile", "profileData": {}}, 523),
    ({"type": "profile", "identity": "", "profileData": {}}, 523),
    ({"type": "event", "evtName": "Share"}, 523),
    ({"type": "profile", "identity": "1"}, 524),
    ({"type": "other", "identity": "1"}, 524),
    ({"identity": "1", "profileData": {}}, 524),
    ("text", 524),
    ({**_profile_record(), "ts": 0}, 525),
    ({**_profile_record(), "ts": "1521649274"}, 525),
    ({**_event_record(), "ts": 1521649274000}, 525),
    ({**_profile_record(), "objectId": 5.5}, 526),
    ({**_event_record(), "objectId": ""}, 526),
    ({"type": "event", "identity": "1"}, 509),
    (_event_record(name=""), 509),
    ({**_event_record(), "evtData": ["x"]}, 512),
    (_event_record(name="App Launched"), 513),
    (_event_record(**{f"p{number}": 1 for number in range(257)}), 522),
    (_event_record(name="Discarded"), 528),
    ({"type": "token", "tokenData": {"id": "t", "type": "fcm"}}, 530),
    ({"type": "token", "objectId": "o1"}, 531),
    (_token_record(id=""), 532),
    (_token_record(type=None), 533),
    (_token_record(type="pigeon"), 534),
    (_token_record(keys="k"), 535),
    # The documents give bounds and no code for what is beyond them.
    (_profile_record(**{"a.b": 1}), 524),
    (_profile_record(**{"ü" * 61: 1}), 524),
    (_profile_record(text="ü" * 257), 524),
    (_profile_record(**{f"p{number}": 1 for number in range(257)}), 524),
    (_profile_record(points={"$set": 1}), 524),
    (_profile_record(points={"$delete": "yes"}), 524),
    (_profile_record(points={"$decr": "1"}), 524),
    (_profile_record(points={"$incr": "1"}), 524),
    (_profile_record(points={"$incr": True}), 524),
    (_profile_record(points={"$incr": 1, "$add": [1]}), 524),
    (_profile_record(points={"x": 1}), 524),
    (_event_record(**{"a$b": 1}), 512),
    (_event_record(text="x" * 513), 512),
]


@pytest.mark.parametrize(("record", "code"), FAULTY)
async def test_a_faulty_record_comes_back_and_the_others_are_stored(running, record, code):
    async with running() as box:
        await box.send("POST", "/_sandbox/state/clevertap", json={"discarded_events": ["Discarded"]})
        answer = await _upload(box, _profile_record("a", x=1), record, _profile_record("b", x=2))
        assert (answer["status"], answer["processed"], len(answer["unprocessed"])) == ("partial", 2, 1)
        blamed = answer["unprocessed"][0]
        assert (blamed["status"], blamed["code"], blamed["record"]) == ("fail", code, record)
        assert blamed["error"].endswith("Skipped record number : 2")
        assert set(box.sandbox.clevertap.profiles) == {"a", "b"}
        assert box.sandbox.check("clevertap", "upload", ["a", "b"]).ok
        alone = await _upload(box, record)
        assert (alone["status"], alone["processed"], len(alone["unprocessed"])) == ("fail", 0, 1)


WELL_FORMED = [
    _profile_record(Email="user@example.com", Gender="F", Phone="+35922333232", Age="18", Married="N"),
    _profile_record(**{"k" * 120: "ü" * 256, "MSG-email": False}),
    _profile_record(**{f"p{number}": 1 for number in range(256)}),
    {"type": "profile", "objectId": "o1", "profileData": {}},
    {"type": "profile", "GPID": "g1", "profileData": {"x": None}},
    {"FBID": "1515", "type": "event", "evtData": {"Name": "Jill"}, "evtName": "Web Event"},
    _event_record(**{f"p{number}": 1 for number in range(256)}),
    _event_record(name="Charged", Items=[{"a": 1}]),
    _token_record(type="chrome", keys={"p256dh": "x"}),
]


@pytest.mark.parametrize("record", WELL_FORMED)
async def test_a_good_record_is_taken(running, record):
    async with running() as box:
        answer = await _upload(box, record)
        assert answer == {"status": "success", "processed": 1, "unprocessed": []}
        assert len(box.sandbox.clevertap.profiles) == 1


async def test_a_blamed_record_is_not_always_what_was_sent(running):
    data = {"identity": 13, "Email": "user@example.com", "Phone": "+35922333232", "Age": "aa"}
    async with running() as box:
        blamed = (await _upload(box, _profile_record("13", **data)))["unprocessed"][0]
        expected = {**data, "identity": "13", "Phone": 35922333232}
        assert blamed["record"]["profileData"] == expected
        earlier = {**data, "Email": "1234"}
        blamed = (await _upload(box, _profile_record("13", **earlier)))["unprocessed"][0]
        assert blamed["record"]["profileData"] == earlier


async def test_uploads_change_one_profile(running):
    async with running() as box:
        await _upload(box, _profile_record("1", tags=["a"], points=2, name="Ada", gone="x"))
        await _upload(
            box,
            _profile_record(
                "1", tags={"$add": ["b", "a"]}, points={"$incr": 3}, new={"$incr": -1}, gone={"$remove": "x"}
            ),
            {**_event_record("1"), "ts": NOW},
            {**_event_record("1"), "ts": NOW - 10},
            {**_event_record("1"), "ts": NOW - 5},
            {"type": "profile", "identity": "1", "objectId": "o1", "profileData": {}},
            _token_record("o1"),
        )
        profile = await _profile(box, "1")
        assert profile["profileData"] == {
            "tags": ["a", "b"],
            "points": 5,
            "name": "Ada",
            "new": -1,
        }
        assert profile["events"] == {"Share": {"count": 3, "first_seen": NOW - 10, "last_seen": NOW}}
        assert profile["tokens"] == {"t1": "fcm"}
        # The objectId is another name of the same profile.
        assert await _profile(box, "o1") == profile
        assert len(box.sandbox.clevertap.profiles) == 1


async def test_a_list_keeps_its_last_100_values(running):
    async with running() as box:
        await _upload(box, _profile_record(numbers=list(range(101))))
        assert (await _profile(box, "1"))["profileData"]["numbers"] == list(range(1, 101))
        await _upload(box, _profile_record(numbers={"$add": [500]}))
        assert (await _profile(box, "1"))["profileData"]["numbers"] == [*range(2, 101), 500]


async def test_a_dry_run_answers_the_same_and_stores_nothing(running):
    records = [_profile_record("1", x=1), _profile_record("2", Age="aa")]
    async with running() as box:
        dry = await _upload(box, *records, dryRun="1")
        assert box.sandbox.clevertap.profiles == {}
        assert not box.sandbox.ledger.applied["clevertap", "upload"]
        assert await _upload(box, *records, dryRun="0") == dry
        assert set(box.sandbox.clevertap.profiles) == {"1"}


@pytest.mark.parametrize(
    ("path", "records", "status"),
    [
        ("upload", [_profile_record(str(number)) for number in range(1000)], 200),
        ("upload", [_profile_record(str(number)) for number in range(1001)], 400),
        ("upload", [_token_record(str(number)) for number in range(100)], 200),
        ("upload", [_token_record(str(number)) for number in range(101)], 400),
        ("subscribe", [{"type": "email", "value": "a"}] * 1001, 400),
        ("disassociate", [{"type": "phone", "value": "+35922333232"}] * 1001, 400),
        ("upload", None, 400),
        ("upload", {"type": "profile"}, 400),
    ],
    ids=["1000", "1001", "100 tokens", "101 tokens", "subscribe", "disassociate", "missing", "no list"],
)
async def test_the_number_of_records_is_limited(running, path, records, status):
    async with running() as box:
        reply = await _send(box, path, records)
        assert reply.status == status
        if status == 400:
            assert (reply.json["status"], reply.json["code"]) == ("fail", 400)
            assert box.sandbox.clevertap.profiles == {}
            assert not box.sandbox.ledger.applied


async def test_a_body_that_is_not_json_is_malformed(running):
    async with running() as box:
        for path in ("upload", "subscribe", "disassociate"):
            reply = await box.send("POST", f"/clevertap/1/{path}", data=b"{", headers=HEADERS)
            assert (reply.status, reply.json["error"]) == (400, "Malformed request")


@pytest.mark.parametrize("faults", [[], ["fail-200,vendor=clevertap"]], ids=["no record", "fault"])
async def test_a_whole_upload_may_fail_without_a_record(running, faults):
    async with running(faults=faults) as box:
        records = [_profile_record()] if faults else []
        answer = await _upload(box, *records)
        assert answer == {"status": "fail", "processed": 0, "unprocessed": []}


async def test_a_server_error_blames_one_record_and_may_pass(running):
    async with running(faults=["blame,ids=2,first=1"]) as box:
        records = [_profile_record(key, x=1) for key in "123"]
        answer = await _upload(box, *records)
        assert (answer["status"], answer["processed"]) == ("partial", 2)
        assert [(each["code"], each["record"]) for each in answer["unprocessed"]] == [(555, records[1])]
        assert answer["unprocessed"][0]["error"].endswith("Skipped record number : 2")
        assert set(box.sandbox.clevertap.profiles) == {"1", "3"}
        assert (await _upload(box, records[1]))["status"] == "success"
        assert box.sandbox.check("clevertap", "upload", ["1", "2", "3"]).ok


async def test_15_uploads_and_3_other_requests_are_in_flight(running):
    async with running(faults=["latency=0.3"]) as box:
        uploads = [_send(box, "upload", [_profile_record(str(number))]) for number in range(16)]
        others = [
            _send(box, "subscribe", [{"type": "email", "value": f"a{number}@b.c", "status": "Unsubscribe"}])
            for number in range(4)
        ]
        replies = await asyncio.gather(*uploads, *others)
        statuses = [reply.status for reply in replies]
        assert sorted(statuses[:16]) == [200] * 15 + [429]
        assert sorted(statuses[16:]) == [200] * 3 + [429]


SUBSCRIBE = [
    ({"type": "email", "value": "user@example.com", "status": "Unsubscribe"}, None),
    ({"type": "phone", "value": "+35922333232", "status": "Resubscribe"}, None),
    ({"type": "whatsapp", "value": "+35922333232", "status": "Unsubscribe"}, None),
    ({"type": "email", "value": "1234", "status": "Unsubscribe"}, 515),
    ({"type": "phone", "value": "1234", "status": "Unsubscribe"}, 516),
    ({"type": "phone", "status": "Unsubscribe"}, 523),
    ({"type": "push", "value": "x", "status": "Unsubscribe"}, 524),
    ({"type": "email", "value": "user@example.com", "status": "unsubscribe"}, 524),
]


@pytest.mark.parametrize(("record", "code"), SUBSCRIBE)
async def test_numbers_and_addresses_are_subscribed_one_by_one(running, record, code):
    async with running() as box:
        other = {"type": "email", "value": "other@example.com", "status": "Resubscribe"}
        answer = (await _send(box, "subscribe", [other, record])).json
        codes = [each["code"] for each in answer["unprocessed"]]
        assert codes == ([] if code is None else [code])
        assert answer["status"] == ("success" if code is None else "partial")
        if code is None:
            state = await box.send("GET", f"/_sandbox/state/clevertap/subscriptions/{record['value']}")
            assert state.json == {record["type"]: record["status"]}
        assert len(box.sandbox.clevertap.subscriptions) == answer["processed"]


async def test_a_number_is_taken_from_its_profile(running):
    number = "+35922333232"
    async with running() as box:
        await _upload(box, _profile_record(number, Phone=number, Name="Ada"))
        records = [{"type": "phone", "value": number}, {"type": "email", "value": "a@example.com"}]
        answer = (await _send(box, "disassociate", records)).json
        assert (answer["status"], answer["processed"]) == ("partial", 1)
        assert [each["code"] for each in answer["unprocessed"]] == [524]
        assert (await _profile(box, number))["profileData"] == {"Name": "Ada"}
        assert box.sandbox.clevertap.disassociated == {number}
