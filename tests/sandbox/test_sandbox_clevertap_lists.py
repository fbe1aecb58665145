"""CleverTap's single read, counts and custom lists, asked over HTTP as the vendor documents them.

Sources, read 2026-11: https://developer.clevertap.com/docs/get-user-profiles-api and
https://developer.clevertap.com/docs/custom-list-endpoints
"""

from __future__ import annotations

import orjson
import pytest
from yarl import URL

pytestmark = pytest.mark.asyncio

OURS = {"X-CleverTap-Account-Id": "sandbox", "X-CleverTap-Passcode": "sandbox"}
SINCE = {"event_name": "App Launched", "from": 20260101, "to": 20261231}


async def ask(box, method, path, body=None, headers=OURS):
    data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
    return await box.send(method, f"/clevertap{path}", data=data, headers=headers)


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("identity=client-19827239", {"Email": "john.brown@example.com", "favoriteFood": "pizza"}),
        ("email=john.brown@example.com", {"Email": "john.brown@example.com", "favoriteFood": "pizza"}),
        (
            "objectId=a8ffcbc9-a747-4ee3-a791-c5e58ad03097",
            {"Email": "john.brown@example.com", "favoriteFood": "pizza"},
        ),
        ("identity=5555555555", {"favoriteColor": "blue"}),
    ],
)
async def test_one_profile_is_read_by_one_of_three_ids(running, query, data):
    async with running(demo=True) as box:
        reply = await ask(box, "GET", f"/1/profile.json?{query}")
        assert reply.json["status"] == "success"
        assert reply.json["record"]["profileData"] == data


async def test_a_profile_that_is_not_there_and_a_question_without_an_id_fail(running):
    async with running(demo=True) as box:
        reply = await ask(box, "GET", "/1/profile.json?identity=nobody")
        assert (reply.status, reply.json["status"]) == (200, "fail")
        assert (await ask(box, "GET", "/1/profile.json")).status == 400
        assert (await ask(box, "GET", "/1/profile.json?identity=a&email=b")).status == 400


async def test_a_count_is_told_at_once_or_when_it_is_ready(running):
    async with running(demo=True) as box:
        reply = await ask(box, "POST", "/1/counts/profiles.json", SINCE)
        assert reply.json == {"status": "success", "count": 2}
        box.sandbox.clevertap.slow_counts = 2
        first = (await ask(box, "POST", "/1/counts/events.json", SINCE)).json
        assert first["status"] == "partial"
        second = (await ask(box, "GET", f"/1/counts/events.json?req_id={first['req_id']}")).json
        assert second["status"] == "partial"
        third = (await ask(box, "GET", f"/1/counts/events.json?req_id={second['req_id']}")).json
        assert third == {"status": "success", "count": 2}
        assert (await ask(box, "GET", "/1/counts/events.json?req_id=1")).status == 400


async def listed(box, file, **more):
    signed = (await ask(box, "POST", "/get_custom_list_segment_url")).json["presignedS3URL"]
    put = await box.send("PUT", URL(signed).raw_path_qs, data=file)
    assert put.status == 200
    body = {"name": "VIP", "email": "a@example.com", "filename": "f.csv", "creator": "me", "url": signed}
    return await ask(box, "POST", "/upload_custom_list_segment_completed", {**body, **more})


FILE = b"Type,Identity\ni,client-19827239\ng,a8ffcbc9-a747-4ee3-a791-c5e58ad03097\ni,nobody\n"


async def test_a_custom_list_has_those_who_are_profiles(running):
    async with running(demo=True) as box:
        assert (await listed(box, FILE)).json == {"status": "success", "Segment ID": 1}
        assert box.sandbox.clevertap.segments["VIP"].members == {
            "client-19827239",
            "a8ffcbc9-a747-4ee3-a791-c5e58ad03097",
        }
        again = await listed(box, FILE)
        assert (again.status, again.json["error"]) == (400, "duplicate_name")
        assert (await listed(box, b"Type,Identity\ni,5555555555\n", replace=True)).json["Segment ID"] == 1
        assert box.sandbox.clevertap.segments["VIP"].members == {"5555555555"}


async def test_a_file_that_is_none_is_a_success_and_nobody_is_a_member(running):
    async with running(demo=True) as box:
        assert (await listed(box, b"identity\nclient-19827239\n")).json["status"] == "success"
        segment = box.sandbox.clevertap.segments["VIP"]
        assert (segment.usable, segment.members) == (False, frozenset())


@pytest.mark.parametrize("headers", [OURS, {"Authorization": "Bearer x"}])
async def test_a_signed_address_refuses_headers_that_it_was_not_signed_for(running, headers):
    async with running() as box:
        signed = (await ask(box, "POST", "/get_custom_list_segment_url")).json["presignedS3URL"]
        reply = await box.send("PUT", URL(signed).raw_path_qs, data=FILE, headers=headers)
        assert reply.status == 403


async def test_a_signed_address_lives_a_day_and_is_not_to_be_guessed(running):
    async with running() as box:
        signed = URL((await ask(box, "POST", "/get_custom_list_segment_url")).json["presignedS3URL"])
        assert (await box.send("PUT", signed.raw_path, data=FILE)).status == 403
        box.sandbox.advance(86_401)
        assert (await box.send("PUT", signed.raw_path_qs, data=FILE)).status == 403


async def test_operators_count_down_and_take_away(running):
    async with running() as box:
        record = {"type": "profile", "identity": "a", "profileData": {"n": 5, "Gender": "M", "tags": ["x"]}}
        change = {"n": {"$decr": 2}, "Gender": {"$delete": 1}, "tags": {"$remove": ["x"]}}
        for data in (record, {**record, "profileData": change}):
            assert (await ask(box, "POST", "/1/upload", {"d": [data]})).json["status"] == "success"
        assert (await ask(box, "GET", "/1/profile.json?identity=a")).json["record"]["profileData"] == {"n": 3}


async def test_events_are_exported_page_by_page_as_they_were_uploaded(running):
    events = [
        {"type": "event", "identity": "a", "evtName": "Charged", "evtData": {"n": n}, "ts": 1782864000 + n}
        for n in range(3)
    ]
    async with running() as box:
        assert (await ask(box, "POST", "/1/upload", {"d": events})).json["processed"] == 3
        wanted = {**SINCE, "event_name": "Charged"}
        cursor = (await ask(box, "POST", "/1/events.json?batch_size=2", wanted)).json["cursor"]
        first = (await ask(box, "GET", URL(f"/1/events.json?cursor={cursor}", encoded=True))).json
        assert [one["event_props"] for one in first["records"]] == [{"n": 0}, {"n": 1}]
        assert first["records"][0]["ts"] == 20260701000000
        last = await ask(box, "GET", URL(f"/1/events.json?cursor={first['next_cursor']}", encoded=True))
        assert [one["event_props"] for one in last.json["records"]] == [{"n": 2}]
        assert "next_cursor" not in last.json
        box.sandbox.advance(4 * 3600)
        late = await ask(box, "GET", URL(f"/1/events.json?cursor={cursor}", encoded=True))
        assert late.status == 400


async def test_a_segment_by_api_is_made_once_and_passes_over_who_is_not_known(running):
    made = [{"segment_name": "VIP", "customer_segment_id": "SEG1"}]
    entry = {
        "user_profiles": [{"identity": "5555555555"}, {"identity": "nobody"}],
        "segments": [{"customer_segment_id": "SEG1", "any": "word"}, {"customer_segment_id": "none"}],
    }
    async with running(demo=True) as box:
        assert (await ask(box, "POST", "/api/createSegment", made)).json["status"] == "success"
        assert (await ask(box, "POST", "/api/createSegment", made)).status == 409
        assert (await ask(box, "POST", "/api/createSegment", [])).status == 400
        reply = await ask(box, "POST", "/api/updateSegment", {"bulk_profiles": [entry]})
        assert reply.json == {"status": "success"}
        shown = box.sandbox.clevertap.look("api_segments", "SEG1")
        assert shown["instructions"] == {"5555555555": {"any": "word"}}
        assert (await ask(box, "POST", "/api/updateSegment", {})).status == 400
