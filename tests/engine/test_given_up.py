"""A request that is given up may still reach the vendor: it counts for as long as it may be on its way."""

import asyncio
import random

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import ConnectionFailed, DeadlineExceeded, NetaudienceError, RetryPolicy, Settings
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.errors import AnswerLost
from netaudience.model.limits import Limit, Quota, Window, assumed
from netaudience.model.wire import Response

TIMEOUT = 5.0


class FarAway(ScriptedVendor):
    """A vendor at the end of a slow way: what has left arrives, whether somebody waits for it or not."""

    def __init__(self, rate, per, slowest, seed):
        super().__init__(rate=rate, per=per)
        self.slowest = slowest
        self.way = random.Random(seed)

    async def send(self, request):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def arrive():
            self._arrive(loop.time(), 1)
            if not answer.done():
                answer.set_result(Response(200, {}, b""))

        loop.call_later(self.way.random() * self.slowest, arrive)
        try:
            async with asyncio.timeout(request.timeout):
                return await answer
        except TimeoutError:
            raise AnswerLost("no answer in time") from None


@settings(max_examples=examples(60), deadline=None)
@given(
    rate=st.integers(1, 6),
    per=st.sampled_from([1.0, 3.0]),
    slowest=st.floats(0.0, TIMEOUT),
    patience=st.lists(st.floats(0.05, 4.0), min_size=1, max_size=6),
    how=st.sampled_from(["cancel", "deadline", "both"]),
    seed=st.integers(0, 99),
)
def test_no_window_has_too_many_whatever_is_given_up(rate, per, slowest, patience, how, seed):
    vendor = FarAway(rate, per, slowest, seed)
    quota = Quota("test", (Window(assumed(rate, "test"), per=per),), in_flight=assumed(20, "test"))
    client = make_client(
        vendor, quota=quota, limit=Limit(rows=assumed(1, "test")), settings=Settings(timeout=TIMEOUT)
    )

    async def user(number):
        for turn in range(8):
            seconds = patience[(number + turn) % len(patience)]
            try:
                if how == "cancel" or (how == "both" and turn % 2):
                    async with asyncio.timeout(seconds):
                        await client.one(f"k{number}")
                else:
                    await client.with_options(deadline=seconds).one(f"k{number}")
            except (NetaudienceError, TimeoutError):
                await asyncio.sleep(0.02)

    async def go():
        await asyncio.gather(*(user(number) for number in range(6)))
        await asyncio.sleep(2 * TIMEOUT)

    run(go())
    assert vendor.broken == []
    assert vendor.requests


QUOTA = Quota("one", (Window(assumed(1, "test")),), in_flight=assumed(5, "test"))


@pytest.mark.parametrize(
    ("way", "free_at"),
    [
        ({}, 1.0),
        ({"unused": True}, 0.0),
        ({"arrives_by": 4.0}, 5.0),
        ({"arrives_by": 0.0}, 1.0),
    ],
)
def test_when_a_ticket_comes_back(way, free_at):
    async def go():
        limiter = RateLimiter(QUOTA)
        await limiter.acquire()
        limiter.release(**way)
        await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert run(go()) == pytest.approx(free_at, abs=0.05)


def test_one_that_comes_back_late_holds_up_none_of_the_others():
    quota = Quota("two", (Window(assumed(2, "test")),), in_flight=assumed(5, "test"))

    async def go():
        limiter = RateLimiter(quota)
        await limiter.acquire()
        await limiter.acquire()
        limiter.release(arrives_by=30.0)
        limiter.release()
        times = []
        for _ in range(3):
            await limiter.acquire()
            times.append(asyncio.get_running_loop().time())
            limiter.release()
        return times

    assert run(go()) == pytest.approx([1, 2, 3], abs=0.1)


@pytest.mark.parametrize(
    ("error", "free_at"),
    [
        (ConnectionFailed("no connection"), 0.0),  # nothing has left
        (AnswerLost("the vendor closed the connection"), 1.0),  # nothing of it can come any more
    ],
)
def test_what_the_vendor_itself_has_ended_is_not_waited_for(error, free_at):
    class Failing(ScriptedVendor):
        async def send(self, request):
            if self.faults.popleft() == "fail":
                raise error
            return Response(200, {}, b"")

    retry = RetryPolicy(attempts=1)
    client = make_client(
        Failing(faults=["fail", "ok"]), quota=QUOTA, idempotent=False, settings=Settings(retry=retry)
    )

    async def go():
        with pytest.raises(type(error)):
            await client.with_options(deadline=2).one("k1")
        await client.one("k2")
        return asyncio.get_running_loop().time()

    assert run(go()) == pytest.approx(free_at, abs=0.1)


def test_a_call_that_is_too_early_is_told_how_long_to_wait():
    client = make_client(FarAway(1, 1.0, 3.0, 1), quota=QUOTA, settings=Settings(timeout=TIMEOUT))

    async def go():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.one("k1")
        with pytest.raises(DeadlineExceeded) as caught:
            await client.with_options(deadline=2).one("k1")
        return caught.value.seconds

    assert run(go()) == pytest.approx(TIMEOUT + 1, abs=0.1)
