"""Every kind of fault: what the client sees, and whether the change was applied."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
import pytest

from netaudience.sandbox import Fault
from netaudience.sandbox.faults import KINDS, FaultPlan

TAG = {"tag": "A", "extIds": ["id1", "id2"]}


def _applied(box) -> bool:
    return set(box.sandbox.netmera.users) == {"id1", "id2"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body", "applied"),
    [
        ("status=503", 503, "text/plain", "503 Service Unavailable", False),
        ("status=429", 429, "text/plain", "429 Too Many Requests", False),
        (
            "status=500",
            500,
            "application/json",
            {"code": 2001, "error": "Internal Server Error"},
            False,
        ),
        (
            "status=400,code=5022",
            400,
            "application/json",
            {"code": 5022, "error": "Bad Request"},
            False,
        ),
        ("html", 200, "text/html", None, False),
        ("poison=id2", 400, "application/json", None, False),
        ("poison=id3", 200, None, "", True),
        ("latency=0.001,jitter=0.001", 200, None, "", True),
        ("slow-body=0.01", 200, None, "", True),
        ("status=503,share=0", 200, None, "", True),
        ("status=503,vendor=clevertap", 200, None, "", True),
        ("status=503,operation=untagUsers", 200, None, "", True),
        ("status=503,operation=tagUsers,vendor=netmera,ids=id1", 503, "text/plain", None, False),
    ],
)
async def test_what_a_client_sees_and_what_is_applied(running, fault, status, content_type, body, applied):
    async with running(faults=[fault]) as box:
        reply = await box.post("tagUsers", TAG)
        assert reply.status == status
        if content_type is not None:
            assert reply.headers["Content-Type"].partition(";")[0] == content_type
        if isinstance(body, str):
            assert reply.body.decode() == body
        elif body is not None:
            assert reply.json == body
        assert _applied(box) is applied
        assert (box.sandbox.ledger.applied != {}) is applied
        assert box.sandbox.ledger.requests[-1].status == status


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "applied"), [("reset-before", False), ("reset-after", True)])
async def test_a_reset_closes_the_connection(running, kind, applied):
    async with running(faults=[kind]) as box:
        with pytest.raises(aiohttp.ClientConnectionError):
            await box.post("tagUsers", TAG)
        assert _applied(box) is applied
        entry = box.sandbox.ledger.requests[-1]
        assert (entry.status, entry.fault) == (None, kind)


@pytest.mark.asyncio
async def test_truncated_json_is_applied_and_unreadable(running):
    async with running(faults=["truncated"], demo=True) as box:
        for reply in (
            await box.post("tagUsers", TAG),
            await box.get("getProfileAttributes", {"extId": "id1"}),
        ):
            assert reply.status == 200
            with pytest.raises(orjson.JSONDecodeError):
                orjson.loads(reply.body)
        assert box.sandbox.netmera.users["id2"].tags == {"A"}


@pytest.mark.asyncio
async def test_a_huge_answer_has_the_asked_size_or_is_cut_off_by_the_client(running):
    async with running(faults=["huge=1000000"]) as box:
        assert len((await box.post("tagUsers", TAG)).body) == 1_000_000
        assert _applied(box)
        box.sandbox.set_faults(["huge=500000000"])
        url = box.sandbox.url("netmera") + "/rest/3.0/tagUsers"
        headers = {"X-netmera-api-key": "sandbox"}
        async with box.session.post(url, json=TAG, headers=headers) as response:
            await response.content.readexactly(1000)
            response.close()
        box.sandbox.set_faults([])
        assert (await box.post("tagUsers", TAG)).status == 200


@pytest.mark.asyncio
async def test_a_slow_body_sends_its_headers_at_once_and_then_all_of_it(running):
    async with running(faults=["slow-body=0.08"], demo=True) as box:
        url = box.sandbox.url("netmera") + "/rest/3.0/getProfileAttributes?extId=id1"
        started = time.monotonic()
        async with box.session.get(url, headers={"X-netmera-api-key": "sandbox"}) as response:
            assert (await response.json())["extId"] == "id1"
        assert time.monotonic() - started >= 0.08


@pytest.mark.asyncio
async def test_latency_is_time_in_flight_before_the_change(running):
    async with running(faults=["latency=0.1"]) as box:
        started = time.monotonic()
        await asyncio.gather(*(box.post("tagUsers", TAG) for _ in range(3)))
        assert time.monotonic() - started >= 0.1
        assert "3 in flight" in box.sandbox.check("netmera", "tagUsers")["limit"].sentence


@pytest.mark.asyncio
async def test_retry_after_goes_out_verbatim_or_as_a_date(running):
    async with running(faults=["status=429,retry_after=1"]) as box:
        assert (await box.post("tagUsers", TAG)).headers["Retry-After"] == "1"
        box.sandbox.set_faults([Fault("status", retry_after="date:30")])
        before = time.time()
        moment = parsedate_to_datetime((await box.post("tagUsers", TAG)).headers["Retry-After"])
        assert before + 30 <= moment.timestamp() <= time.time() + 31


@pytest.mark.asyncio
async def test_a_burst_hits_the_requests_of_its_scope_only(running):
    async with running(faults=["status=503,operation=tagUsers,after=1,first=2"]) as box:
        statuses = []
        for _ in range(5):
            await box.post("untagUsers", TAG)
            statuses.append((await box.post("tagUsers", TAG)).status)
        assert statuses == [200, 503, 503, 200, 200]


@pytest.mark.asyncio
async def test_the_first_of_several_faults_decides_and_latencies_add_up(running):
    async with running(faults=["latency=0.02", "status=502", "latency=0.03", "status=503"]) as box:
        started = time.monotonic()
        assert (await box.post("tagUsers", TAG)).status == 502
        assert time.monotonic() - started >= 0.05


def test_a_share_is_drawn_from_the_seed_and_the_ordinal():
    fault = Fault("status", share=0.3)

    def drawn(seed: int) -> list[bool]:
        plan = FaultPlan([fault], seed)
        return [plan.draw(n, "netmera", ["tagUsers"], ()).fault is not None for n in range(2000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 500 < sum(drawn(1)) < 700


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "status=429,share=0.01,retry_after=1",
            Fault("status", status=429, share=0.01, retry_after="1"),
        ),
        ("latency,seconds=0.05,jitter=0.03", Fault("latency", seconds=0.05, jitter=0.03)),
        ("latency=0.05", Fault("latency", seconds=0.05)),
        ("reset-after, first=3, after=10", Fault("reset-after", first=3, after=10)),
        ("poison=a,ids=b,vendor=netmera", Fault("poison", ids=frozenset("ab"), vendor="netmera")),
        ("huge=5", Fault("huge", size=5)),
        ("status", Fault("status")),
        ("status,retry_after=date:2.5", Fault("status", retry_after="date:2.5")),
    ],
)
def test_a_fault_is_read_from_a_text(text, fault):
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is no fault ''"),
        ("boom", "There is no fault 'boom'; the kinds are latency"),
        ("html=3", "The fault 'html' takes no value of its own"),
        ("status=many", "A fault's status is a whole number, not 'many'"),
        ("status=99", "A fault's status is from 200 to 599, not 99"),
        ("status=0", "A fault's status is from 200 to 599, not 0"),
        ("status=503,share=2", "A fault's share is a probability from 0 to 1, not 2.0"),
        ("status=503,share=nan", "A fault's share is a probability"),
        ("status=503,share", "Write name=value after the fault's kind, not 'share'"),
        ("status=503,shrae=1", "A fault has no field 'shrae'; it has after"),
        ("status=503,first=-1", "A fault's first cannot be below zero"),
        ("status=503,retry_after=date:soon", "Write retry_after=date:SECONDS"),
        ("latency", "A latency fault needs seconds or jitter"),
        ("latency=-1", "A fault's seconds cannot be below zero"),
        ("latency=inf", "A fault's seconds is a finite number"),
        ("slow-body", "A slow-body fault needs seconds"),
        ("poison", "A poison fault needs the ids"),
        ("poison=", "A fault's ids are non-empty texts"),
        ("status=503,share=x", "A fault's share is a number, not 'x'"),
        ("status=503,status=429", "The fault names 'status' twice"),
    ],
)
def test_a_bad_text_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=r"^") as raised:
        Fault.parse(text)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    "value",
    [5, None, {}, {"kind": 5}, {"kind": "status", "share": True}, {"kind": "poison", "ids": [1]}],
)
def test_bad_json_is_refused(value):
    with pytest.raises(ValueError, match="fault"):
        Fault.from_json(value)


def test_every_kind_can_be_made():
    for kind in KINDS:
        assert Fault(kind, seconds=1, ids=frozenset({"a"})).kind == kind
