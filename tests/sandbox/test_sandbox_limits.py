"""Limits as a vendor counts them: every sliding window, every request in flight, per account."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.sandbox import Credentials, SandboxLimits, Window
from netaudience.sandbox.limits import Meter, StrictWindow

TAG = {"tag": "A", "extIds": ["id1"]}
#: Long enough that no test sees the end of it.
LONG = 600.0


@given(
    arrivals=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 4)), max_size=60),
    count=st.integers(1, 8),
    seconds=st.floats(0.1, 2),
)
def test_no_window_ever_holds_more_accepted_ones_and_none_is_refused_without_need(arrivals, count, seconds):
    window = StrictWindow(Window(count, seconds))
    now = 0.0
    accepted: list[tuple[float, int]] = []
    for gap, weight in arrivals:
        now += gap
        before = sum(taken for moment, taken in accepted if moment > now - seconds)
        assert window.used(now) == before
        fits = window.fits(now, weight)
        assert fits is (before + weight <= count)
        if fits:
            window.accept(now, weight)
            accepted.append((now, weight))


def test_the_window_is_open_again_one_length_after_the_first():
    meter = Meter(SandboxLimits.rate(2))
    assert [meter.arrive(now) for now in (0.0, 0.5, 0.9, 0.999, 1.0, 1.4, 1.5)] == [
        *(True, True, False, False),
        *(True, False, True),
    ]
    assert meter.requests[0].peak == 5


def test_a_refusal_for_the_requests_in_flight_leaves_the_window_alone():
    meter = Meter(SandboxLimits.rate(2, in_flight=1))
    assert meter.arrive(0.0)
    assert not meter.arrive(0.1)
    meter.leave()
    meter.leave()
    assert meter.arrive(0.2)
    assert (meter.refused, meter.peak_in_flight, meter.requests[0].peak) == (1, 2, 3)


def test_every_window_must_fit_and_a_refusal_by_one_uses_none():
    meter = Meter(SandboxLimits((Window(2, 1.0), Window(3, 100.0))))
    admitted = [meter.arrive(now) for now in (0.0, 0.1, 0.2, 1.5, 1.6, 99.0, 100.0)]
    # The third breaks the first window, the fifth and sixth the second; the seventh comes when the
    # first has left it.
    assert admitted == [True, True, False, True, False, False, True]


def test_records_are_weighed_and_too_many_give_the_request_back():
    meter = Meter(SandboxLimits((Window(2, 10.0), Window(100, 1.0, "records"))))
    assert meter.arrive(0.0)
    assert meter.weigh(0.0, 90, 0.0)
    assert meter.arrive(0.1)
    assert not meter.weigh(0.2, 11, 0.1)
    # The refused one used neither window: another request fits, and ten records do.
    assert meter.arrive(0.3)
    assert meter.weigh(0.3, 10, 0.3)
    assert not meter.arrive(0.4)
    assert (meter.refused, meter.records[0].peak) == (2, 111)


@pytest.mark.parametrize(
    "limits",
    [
        {"in_flight": -1},
        {"body_bytes": 0},
        {"retry_after": "date:x"},
        {"retry_after": "1\r\nX: y"},
    ],
)
def test_an_impossible_limit_is_refused(limits):
    with pytest.raises(ValueError, match=r"must be above zero|retry_after|line break"):
        SandboxLimits(**limits)


@pytest.mark.parametrize("window", [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
def test_an_impossible_window_is_refused(window):
    with pytest.raises(ValueError, match="must be above zero"):
        Window(*window)


@pytest.mark.asyncio
async def test_requests_above_the_window_get_a_429_and_are_not_applied(running):
    limits = {"netmera": SandboxLimits.rate(3, LONG, retry_after="date:7")}
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
        assert limit.sentence.startswith("1 request was refused for a limit: at most 4 requests in 600 s")


@pytest.mark.asyncio
async def test_every_key_has_its_own_allowance_and_a_wrong_one_uses_none(running):
    settings = {
        "limits": {"netmera": SandboxLimits.rate(1, LONG)},
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
