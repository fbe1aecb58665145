"""CleverTap's reads by cursor and its deletions, which take effect later."""

from __future__ import annotations

import pytest
from yarl import URL

pytestmark = pytest.mark.asyncio

HEADERS = {"X-CleverTap-Account-Id": "sandbox", "X-CleverTap-Passcode": "sandbox"}
PROFILES = "/clevertap/1/profiles.json"
RANGE = {"event_name": "App Launched", "from": 20150810, "to": 20351025}


async def _begin(box, body=RANGE, **query):
    return await box.send("POST", PROFILES, json=body, headers=HEADERS, params=query)


async def _page(box, cursor):
    url = URL(f"{box.sandbox.url()}{PROFILES}?cursor={cursor}", encoded=True)
    async with box.session.get(url, headers=HEADERS) as response:
        return response.status, await response.json()


async def _fill(box, count):
    profiles = [
        {"type": "profile", "identity": f"p{number}", "profileData": {"n": number}} for number in range(count)
    ]
    await box.send("POST", "/_sandbox/state/clevertap", json={"profiles": profiles})


@pytest.mark.parametrize(("count", "sizes"), [(5, [2, 2, 1]), (4, [2, 2, None]), (0, [None])])
async def test_pages_follow_until_there_is_no_next_cursor(running, count, sizes):
    async with running() as box:
        if count:
            await _fill(box, count)
        first = await _begin(box, batch_size="2")
        assert first.json["status"] == "success"
        cursor = first.json["cursor"]
        seen, found = [], []
        while cursor is not None:
            status, page = await _page(box, cursor)
            assert (status, page["status"]) == (200, "success")
            # None: the last page may say nothing about records at all.
            found.append(len(page["records"]) if "records" in page else None)
            seen += [record["identity"] for record in page.get("records", [])]
            cursor = page.get("next_cursor")
        assert found == sizes
        assert seen == [f"p{number}" for number in range(count)]


async def test_a_cursor_is_sent_as_it_came(running):
    async with running() as box:
        await _fill(box, 3)
        cursor = (await _begin(box, batch_size="1")).json["cursor"]
        assert cursor.endswith("%3D%3D")
        status, page = await _page(box, cursor)
        assert status == 200
        assert page["next_cursor"].endswith("%3D%3D")
        assert page["previous_cursor"].endswith("==")
        # Asked once more it gives the same page; encoded once more it is no cursor.
        assert await _page(box, cursor) == (200, page)
        status, refused = await _page(box, cursor.replace("%", "%25"))
        assert (status, refused["status"], refused["code"]) == (400, "fail", 400)
        assert (await _page(box, ""))[0] == 400


async def test_a_cursor_lives_four_days(running):
    async with running() as box:
        await _fill(box, 1)
        cursor = (await _begin(box)).json["cursor"]
        box.sandbox.advance(4 * 86_400 - 60)
        assert (await _page(box, cursor))[0] == 200
        box.sandbox.advance(61)
        assert (await _page(box, cursor))[0] == 400


async def test_a_page_may_still_be_in_progress(running):
    async with running(faults=["status=200,code=2,operation=getProfiles,first=1"]) as box:
        await _fill(box, 1)
        cursor = (await _begin(box)).json["cursor"]
        status, page = await _page(box, cursor)
        assert (status, page) == (200, {"status": "fail", "error": "Request still in progress", "code": 2})
        status, page = await _page(box, cursor)
        assert [record["identity"] for record in page["records"]] == ["p0"]


async def test_an_event_and_its_days_choose_profiles(running):
    async with running() as box:
        event = {"type": "event", "evtName": "Share", "evtData": {}}
        records = [
            {**event, "identity": "early", "ts": 1439164800},  # 2015-08-10
            {**event, "identity": "late", "ts": 1445731200},  # 2015-10-25
            {"type": "profile", "identity": "never", "profileData": {}},
        ]
        await box.send("POST", "/clevertap/1/upload", json={"d": records}, headers=HEADERS)

        async def chosen(first, last):
            body = {"event_name": "Share", "from": first, "to": last}
            _, page = await _page(box, (await _begin(box, body)).json["cursor"])
            return [record["identity"] for record in page.get("records", [])]

        assert await chosen(20150810, 20151025) == ["early", "late"]
        assert await chosen(20150811, 20151025) == ["late"]
        assert await chosen(20150810, 20151024) == ["early"]
        assert await chosen(20160101, 20170101) == []


@pytest.mark.parametrize(
    ("body", "batch"),
    [
        ({}, "50"),
        ({**RANGE, "event_name": ""}, "50"),
        ({**RANGE, "from": "20150810"}, "50"),
        ({**RANGE, "to": 2015}, "50"),
        ([], "50"),
        (RANGE, "5001"),
        (RANGE, "0"),
        (RANGE, "many"),
    ],
)
async def test_a_wrong_read_is_refused(running, body, batch):
    async with running() as box:
        reply = await _begin(box, body, batch_size=batch)
        assert (reply.status, reply.json["status"], reply.json["code"]) == (400, "fail", 400)
        assert (await _begin(box, batch_size="5000")).status == 200


async def _delete(box, body):
    return await box.send("POST", "/clevertap/1/delete/profiles.json", json=body, headers=HEADERS)


@pytest.mark.parametrize(
    "body", [{"identity": "client-19827239"}, {"guid": ["a8ffcbc9-a747-4ee3-a791-c5e58ad03097"]}]
)
async def test_a_profile_is_deleted_by_either_id_later(running, body):
    async with running(demo=True, delay={"clevertap": 3600}) as box:
        reply = await _delete(box, body)
        assert (reply.status, reply.json) == (200, {"status": "success"})
        assert set(box.sandbox.clevertap.profiles) == {"client-19827239", "5555555555"}
        box.sandbox.advance(3600)
        assert set(box.sandbox.clevertap.profiles) == {"5555555555"}
        assert (await _delete(box, body)).json == {"status": "success"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identity": "a", "guid": "b"},
        {"identity": []},
        {"identity": [1]},
        {"guid": {"a": 1}},
        {"identity": [str(number) for number in range(101)]},
        {"identities": ["a"]},
    ],
)
async def test_a_wrong_deletion_is_refused_whole(running, body):
    async with running(demo=True) as box:
        reply = await _delete(box, body)
        assert (reply.status, reply.json["status"], reply.json["code"]) == (400, "fail", 400)
        assert len(box.sandbox.clevertap.profiles) == 2
        assert box.sandbox.clevertap.deleted == set()


async def test_a_demerge_takes_effect_later(running):
    async with running(delay={"clevertap": 60}) as box:
        assert (await box.demerge(["a"])).json == {"status": "success"}
        assert box.sandbox.clevertap.demerged == set()
        box.sandbox.advance(60)
        assert box.sandbox.clevertap.demerged == {"a"}


async def test_both_halves_of_a_read_share_three_in_flight(running):
    async with running() as box:
        allowances = {operation.name: operation.allowance for operation in box.sandbox.clevertap.operations}
        assert allowances["beginProfiles"] == allowances["getProfiles"] == "profiles"
        assert box.sandbox.limits_of("clevertap", "profiles").in_flight == 3
        assert box.sandbox.limits_of("clevertap", "upload").in_flight == 15


@pytest.mark.parametrize(
    "document",
    [
        {
            "profiles": [
                {"type": "profile", "identity": "good", "profileData": {}},
                {"type": "profile", "profileData": {}},
            ]
        },
        {"profiles": {"identity": "a"}},
        {"demerged": ["a"], "nothing": []},
        [],
    ],
)
async def test_a_wrong_seed_is_refused_with_a_sentence(running, document):
    async with running() as box:
        reply = await box.send("POST", "/_sandbox/state/clevertap", json=document)
        assert reply.status == 400
        assert "CleverTap" in reply.json["error"]
        assert box.sandbox.clevertap.demerged == set()
        assert box.sandbox.clevertap.profiles == {}
