"""Limits as a vendor counts them: every sliding window, every request in flight, per account."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.sandbox import Credentials, SandboxLimits
from netaudience.sandbox.limits import Meter, StrictWindow

TAG = {"tag": "A", "extIds": ["id1"]}
#: Long enough that no test sees the end of it.
LONG = 600.0


@given(
    gaps=st.lists(st.floats(0, 0.5), max_size=60),
    count=st.integers(1, 5),
    seconds=st.floats(0.1, 2),
)
def test_no_window_ever_holds_more_accepted_ones_and_none_is_refused_without_need(gaps, count, seconds):
    window = StrictWindow(count, seconds)
    now = 0.0
    accepted: list[float] = []
    for gap in gaps:
        now += gap
        before = sum(1 for moment in accepted if moment > now - seconds)
        admitted = window.admit(now)
        assert admitted is (before < count)
        if admitted:
            accepted.append(now)


def test_the_window_is_open_again_one_length_after_the_first():
    window = StrictWindow(2, 1.0)
    assert [window.admit(now) for now in (0.0, 0.5, 0.9, 0.999, 1.0, 1.4, 1.5)] == [
        *(True, True, False, False),
        *(True, False, True),
    ]
    assert window.peak == 5


def test_a_refusal_for_the_requests_in_flight_leaves_the_window_alone():
    meter = Meter(SandboxLimits(requests=2, seconds=1, in_flight=1))
    assert meter.arrive(0.0)
    assert not meter.arrive(0.1)
    meter.leave()
    meter.leave()
    assert meter.arrive(0.2)
    assert (meter.refused, meter.peak_in_flight, meter.window.peak) == (1, 2, 3)


@pytest.mark.parametrize(
    "limits",
    [
        {"requests": 0},
        {"seconds": 0},
        {"in_flight": -1},
        {"body_bytes": 0},
        {"retry_after": "date:x"},
        {"retry_after": "1\r\nX: y"},
    ],
)
def test_an_impossible_limit_is_refused(limits):
    with pytest.raises(ValueError, match=r"must be above zero|retry_after|line break"):
        SandboxLimits(**limits)


@pytest.mark.asyncio
async def test_requests_above_the_window_get_a_429_and_are_not_applied(running):
    limits = {"netmera": SandboxLimits(requests=3, seconds=LONG, retry_after="date:7")}
    async with running(limits=limits) as box:
        statuses = [(await box.post("tagUsers", TAG)).status for _ in range(3)]
        refused = await box.post("untagUsers", TAG)
        assert [*statuses, refused.status] == [200, 200, 200, 429]
        assert refused.headers["Content-Type"].startswith("text/plain")
        moment = parsedate_to_datetime(refused.headers["Retry-After"]).timestamp()
        assert 6 <= moment - time.time() <= 8
        # One allowance per key for all operations; the ledger counts the refused one as well.
        assert box.sandbox.netmera.users["id1"].tags == {"A"}
        assert [entry.status for entry in box.sandbox.ledger.requests] == [200, 200, 200, 429]
        limit = box.sandbox.check("netmera", "tagUsers")["limit"]
        assert not limit.ok
        assert limit.sentence.startswith("1 requests were refused for a limit: at most 4 in a window")


@pytest.mark.asyncio
async def test_every_key_has_its_own_allowance_and_a_wrong_one_uses_none(running):
    settings = {
        "limits": {"netmera": SandboxLimits(requests=1, seconds=LONG)},
        "credentials": Credentials(netmera_keys=frozenset({"a", "b"})),
    }
    async with running(**settings) as box:
        keys = ["wrong", "a", "b", "wrong", "a", "b"]
        statuses = [(await box.post("tagUsers", TAG, key=key)).status for key in keys]
        assert statuses == [403, 200, 200, 403, 429, 429]


@pytest.mark.asyncio
async def test_requests_in_flight_are_counted_while_they_wait(running):
    limits = {"netmera": SandboxLimits(in_flight=2, retry_after="3")}
    async with running(limits=limits, faults=["latency=0.1"]) as box:
        replies = await asyncio.gather(*(box.post("tagUsers", TAG) for _ in range(5)))
        assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
        assert {reply.headers.get("Retry-After") for reply in replies} == {None, "3"}
        # Nothing is in flight any more, so two are welcome again.
        replies = await asyncio.gather(*(box.post("tagUsers", TAG) for _ in range(2)))
        assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.asyncio
async def test_one_request_after_another_never_meets_a_limit_of_one(running):
    async with running(limits={"netmera": SandboxLimits(in_flight=1)}) as box:
        for fault in ("", "slow-body=0.01", "huge=100000", "truncated", "html"):
            box.sandbox.set_faults([fault] if fault else [])
            for _ in range(5):
                assert (await box.post("tagUsers", TAG)).status == 200
        assert box.sandbox.check("netmera", "tagUsers")["limit"].ok


@pytest.mark.asyncio
async def test_a_body_above_the_configured_size_gets_a_413(running):
    async with running(limits={"netmera": SandboxLimits(body_bytes=100)}) as box:
        assert (await box.post("tagUsers", TAG)).status == 200
        assert (await box.post("tagUsers", {"tag": "A", "extIds": ["x" * 100]})).status == 413
        assert set(box.sandbox.netmera.users) == {"id1"}
