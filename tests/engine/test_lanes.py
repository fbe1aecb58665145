"""Two lanes in one quota: who goes first, what is kept free, and that nobody waits for ever."""

import asyncio
import math
import random
from itertools import pairwise

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import Settings
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.errors import ConfigurationError, LimitReached
from netaudience.model.limits import Limit, Quota, Window, assumed


def quota(rate=None, per=1.0, in_flight=64, ceiling=None, reserve=0.0, counts="requests"):
    windows = () if rate is None else (Window(assumed(rate, "test"), per, counts),)
    most = None if ceiling is None else assumed(ceiling, "test")
    return Quota("test", windows, in_flight=assumed(in_flight, "test"), ceiling=most, reserve=reserve)


class Counter:
    """Lets requests through a rate limiter and counts what the vendor would see."""

    def __init__(self, limiter, latency=0.05, seed=0):
        self.limiter, self.latency, self.random = limiter, latency, random.Random(seed)
        self.arrivals = []
        self.passed = []
        self.most_in_flight = 0
        self.started = asyncio.get_running_loop().time()

    async def request(self, name, *, urgent, records=1):
        loop = asyncio.get_running_loop()
        await self.limiter.acquire(records, urgent=urgent)
        self.passed.append((name, urgent, loop.time() - self.started))
        self.most_in_flight = max(self.most_in_flight, self.limiter.in_flight)
        try:
            await asyncio.sleep(self.latency * self.random.uniform(0.2, 1))
            self.arrivals.append((loop.time(), records))
            await asyncio.sleep(self.latency * self.random.uniform(0.2, 1))
        finally:
            self.limiter.release(records)

    def most_in_a_window(self, per):
        return max(
            sum(weight for then, weight in self.arrivals if at - per + 1e-9 < then <= at)
            for at, _ in self.arrivals
        )


async def settle():
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_an_urgent_request_goes_before_the_bulk_that_waits():
    async def go():
        counter = Counter(RateLimiter(quota(rate=10, in_flight=100)))
        bulk = [asyncio.create_task(counter.request(n, urgent=False)) for n in range(60)]
        await asyncio.sleep(2)
        asked = asyncio.get_running_loop().time()
        await counter.limiter.acquire(urgent=True)
        waited = asyncio.get_running_loop().time() - asked
        counter.limiter.release()
        await asyncio.gather(*bulk)
        return waited, [name for name, _, _ in counter.passed]

    waited, order = run(go())
    assert waited < 0.3  # beside the four seconds of those who were there before
    assert order == list(range(60))


def test_each_lane_keeps_its_order():
    async def go():
        counter = Counter(RateLimiter(quota(rate=20, in_flight=3, reserve=0.2)))
        draw = random.Random(3)
        tasks = []
        for number in range(120):
            tasks.append(asyncio.create_task(counter.request(number, urgent=draw.random() < 0.3)))
            await asyncio.sleep(draw.choice([0, 0, 0.02]))
        await asyncio.gather(*tasks)
        return counter.passed

    passed = run(go())
    for lane in (True, False):
        names = [name for name, urgent, _ in passed if urgent is lane]
        assert names == sorted(names)


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.01, 1), (0.1, 1), (0.25, 3), (0.99, 9)])
def test_bulk_leaves_the_reserve_free_in_every_window_and_in_flight(share, kept):
    """Ten tickets, ten slots: bulk takes what is not reserved, urgent all the rest at once."""

    async def go(*, slots):
        made = quota(in_flight=10, reserve=share) if slots else quota(rate=10, per=600, reserve=share)
        limiter = RateLimiter(made)
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(12)]
        await settle()
        bulk = sum(task.done() for task in waiting)
        urgent = [asyncio.create_task(limiter.acquire(urgent=True)) for _ in range(12)]
        await settle()
        passed = sum(task.done() for task in urgent)
        for task in (*waiting, *urgent):
            task.cancel()
        return bulk, passed

    assert run(go(slots=True)) == (10 - kept, kept)
    assert run(go(slots=False)) == (10 - kept, kept)


def test_a_burst_of_urgent_requests_is_not_spread_where_room_is_kept_for_it():
    async def go(reserve):
        counter = Counter(RateLimiter(quota(rate=60, per=60.0, in_flight=60, reserve=reserve)))
        bulk = [asyncio.create_task(counter.request(n, urgent=False)) for n in range(300)]
        await asyncio.sleep(130)
        asked = asyncio.get_running_loop().time()
        await asyncio.gather(*(counter.request(n, urgent=True) for n in range(10)))
        waited = asyncio.get_running_loop().time() - asked
        for task in bulk:
            task.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)
        return waited, counter.most_in_a_window(60.0)

    assert run(go(0.2)) == (pytest.approx(0.06, abs=0.05), pytest.approx(60, abs=12))
    assert run(go(0.0))[0] > 5


def test_a_burst_that_had_to_wait_is_not_spread_either():
    async def go():
        counter = Counter(RateLimiter(quota(rate=60, per=60.0, in_flight=60, reserve=0.2)))
        counter.limiter.pause(1)
        await asyncio.gather(*(counter.request(n, urgent=True) for n in range(12)))
        return asyncio.get_running_loop().time()

    assert run(go()) < 1.2


def test_bulk_goes_on_when_the_urgent_one_before_it_gives_up():
    async def go():
        limiter = RateLimiter(quota(rate=1, per=60.0))
        await limiter.acquire()
        limiter.release()
        urgent = asyncio.create_task(limiter.acquire(urgent=True))
        await settle()
        bulk = asyncio.create_task(limiter.acquire())
        await settle()
        urgent.cancel()
        await bulk
        return asyncio.get_running_loop().time()

    assert run(go()) == pytest.approx(60, abs=0.1)


def test_those_who_passed_one_that_gave_up_are_not_counted_for_the_next():
    async def go():
        limiter = RateLimiter(quota(in_flight=2, reserve=0.5))
        await limiter.acquire()
        gone = asyncio.create_task(limiter.acquire())
        await settle()
        for _ in range(9):
            await limiter.acquire(urgent=True)
            limiter.release()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        bulk = asyncio.create_task(limiter.acquire())
        await settle()
        for _ in range(9):
            await limiter.acquire(urgent=True)
            limiter.release()
            await settle()
            assert not bulk.done()
        await limiter.acquire(urgent=True)
        limiter.release()
        await asyncio.wait_for(bulk, 1)  # the tenth

    run(go())


@pytest.mark.parametrize("reserve", [0.0, 0.3])
def test_bulk_is_not_starved_by_urgent_requests_that_would_fill_the_quota(reserve):
    async def go():
        counter = Counter(RateLimiter(quota(rate=20, in_flight=30, reserve=reserve)))

        async def keep_asking(*, urgent):
            while True:
                await counter.request("x", urgent=urgent)

        tasks = [asyncio.create_task(keep_asking(urgent=at >= 10)) for at in range(50)]
        await asyncio.sleep(60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return counter

    counter = run(go())
    bulk = [at for at, (_, urgent, _) in enumerate(counter.passed) if not urgent]
    assert max(after - before for before, after in pairwise(bulk)) <= 11
    assert len(bulk) >= len(counter.passed) / 12
    assert counter.most_in_a_window(1.0) <= 20


@pytest.mark.parametrize("urgent", [True, False])
def test_a_thousand_waiters_do_not_each_look_at_the_clock(monkeypatch, urgent):
    looks = 0
    take = RateLimiter._take

    def counted(*args, **kwargs):
        nonlocal looks
        looks += 1
        return take(*args, **kwargs)

    monkeypatch.setattr(RateLimiter, "_take", counted)

    async def go():
        counter = Counter(RateLimiter(quota(rate=500, in_flight=20, reserve=0.1)))
        requests = [counter.request(n, urgent=urgent) for n in range(1000)]
        requests += [counter.request(n, urgent=not urgent) for n in range(100)]
        await asyncio.gather(*requests)

    run(go())
    assert looks < 4 * 1100


@st.composite
def mixes(draw):
    rate = draw(st.none() | st.integers(1, 12))
    return {
        "rate": rate,
        "per": draw(st.sampled_from([0.5, 1.0, 20.0])),
        "in_flight": draw(st.integers(1, 6)),
        "reserve": draw(st.sampled_from([0.0, 0.1, 0.5, 0.9])),
        "counts": draw(st.sampled_from(["requests", "records"])),
        "latency": draw(st.sampled_from([0.0, 0.05, 0.7])),
        "requests": draw(
            st.lists(
                st.tuples(
                    st.sampled_from([0.0, 0.0, 0.01, 0.3]),  # seconds after the one before
                    st.booleans(),  # urgent
                    st.integers(1, 5),  # records
                    st.none() | st.none() | st.sampled_from([0.0, 0.2, 1.7]),  # cancelled after so long
                    st.none() | st.none() | st.sampled_from([0.0, 0.3, 4.0]),  # seconds to its deadline
                ),
                max_size=60,
            )
        ),
        "pauses": draw(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([0.1, 2.0])), max_size=3)),
        "dismissed": draw(st.none() | st.none() | st.floats(0, 3)),
    }


@settings(max_examples=examples(200), deadline=None)
@given(mixes())
def test_any_mix_keeps_the_quota_and_leaves_nothing_behind(mix):
    async def one(counter, waiting, spec):
        _, urgent, records, _, left = spec
        loop = asyncio.get_running_loop()
        deadline = math.inf if left is None else loop.time() + left
        try:
            await counter.limiter.acquire(records, urgent=urgent, deadline=deadline)
        finally:
            waiting.discard(asyncio.current_task())
        assert loop.time() <= deadline + 1e-3
        counter.most_in_flight = max(counter.most_in_flight, counter.limiter.in_flight)
        try:
            await asyncio.sleep(counter.latency)
            counter.arrivals.append((loop.time(), records if mix["counts"] == "records" else 1))
        finally:
            counter.limiter.release(records)

    async def go():
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(
            quota(mix["rate"], mix["per"], mix["in_flight"], None, mix["reserve"], mix["counts"])
        )
        counter = Counter(limiter, mix["latency"])
        tasks, waiting = [], set()
        for at, seconds in mix["pauses"]:
            loop.call_later(at, limiter.pause, seconds)
        if mix["dismissed"] is not None:
            loop.call_later(mix["dismissed"], limiter.dismiss)
        for spec in mix["requests"]:
            await asyncio.sleep(spec[0])
            task = asyncio.create_task(one(counter, waiting, spec))
            waiting.add(task)
            tasks.append(task)
            if spec[3] is not None:
                loop.call_later(spec[3], task.cancel)
        answers = await asyncio.gather(*tasks, return_exceptions=True)  # a deadlock would be reported
        assert not limiter.in_flight
        assert not limiter._urgent.waiters
        assert not limiter._bulk.waiters
        for spec, answer in zip(mix["requests"], answers, strict=True):
            if spec[3] is None and spec[4] is None and (not spec[1] or mix["dismissed"] is None):
                assert answer is None
        await asyncio.sleep(100)
        assert limiter.idle
        # Nothing of it is lost: all of the quota is there again.
        for _ in range(mix["in_flight"] if mix["rate"] is None else min(mix["rate"], mix["in_flight"])):
            await asyncio.wait_for(limiter.acquire(urgent=True), 15)
        return counter

    counter = run(go())
    assert counter.most_in_flight <= mix["in_flight"]
    if mix["rate"] is not None:
        for at, _ in counter.arrivals:
            weights = [weight for then, weight in counter.arrivals if at - mix["per"] + 1e-6 < then <= at]
            # What alone is more than a window goes alone.
            assert sum(min(weight, mix["rate"]) for weight in weights) <= mix["rate"]


def test_a_slot_that_was_not_used_gives_its_tickets_back_at_once():
    async def go():
        limiter = RateLimiter(quota(rate=1, per=600))
        loop = asyncio.get_running_loop()
        started = loop.time()
        await limiter.acquire()
        waiting = asyncio.create_task(limiter.acquire(urgent=True))
        await settle()
        limiter.release(unused=True)
        await waiting
        return loop.time() - started

    assert run(go()) < 1


def test_bulk_that_weighs_more_than_its_share_waits_for_a_whole_window_and_not_for_ever():
    async def go():
        limiter = RateLimiter(quota(rate=10, per=10.0, reserve=0.5, counts="records"))
        loop = asyncio.get_running_loop()
        started = loop.time()
        await limiter.acquire(2, urgent=True)
        limiter.release(2)
        await limiter.acquire(9)
        return loop.time() - started

    assert run(go()) == pytest.approx(10, abs=0.1)


def test_where_records_are_counted_a_bulk_request_is_no_larger_than_its_share():
    vendor = ScriptedVendor(counts="records", rate=10, per=10.0)
    made = {"limit": Limit(rows=assumed(10, "test")), "quota": quota(10, 10.0, counts="records")}
    client = make_client(vendor, **made, settings=Settings(reserve=0.3))

    async def carry():
        bulk = asyncio.create_task(client.put([f"k{n}" for n in range(28)]).settled())
        await asyncio.sleep(25)
        asked = asyncio.get_running_loop().time()
        await client.put(["now"])
        assert asyncio.get_running_loop().time() - asked < 0.1
        return await bulk

    report = run(carry())
    assert report.ok
    assert report.requests == 4
    assert not vendor.broken


def test_what_is_kept_free_follows_a_rate_that_adapts():
    async def go():
        limiter = RateLimiter(quota(rate=20, ceiling=40, reserve=0.25))
        spare = [limiter._windows[0].spare]
        for _ in range(8):
            limiter.throttled()
            await asyncio.sleep(1.1)
            spare.append(limiter._windows[0].spare)
            await asyncio.wait_for(limiter.acquire(), 60)  # bulk lives, however slow it is
            limiter.release()
        return spare

    spare = run(go())
    assert spare[:3] == [5, 3, 2]
    assert spare[-1] == 0


def test_a_day_of_which_only_the_reserve_is_left_is_told_so():
    async def go():
        limiter = RateLimiter(quota(rate=10, per=86_400.0, reserve=0.2))
        for _ in range(8):
            await limiter.acquire(patience=900)
            limiter.release()
        with pytest.raises(LimitReached, match="but for the share that is reserved for single calls"):
            await limiter.acquire(patience=900)
        for _ in range(2):
            await limiter.acquire(patience=900, urgent=True)
            limiter.release()
        with pytest.raises(LimitReached, match="is used up: there is room"):
            await limiter.acquire(patience=900, urgent=True)

    run(go())


def test_two_clients_of_one_account_with_different_reserves_are_refused():
    vendor = ScriptedVendor()

    async def carry():
        async with make_client(vendor) as first, make_client(vendor, settings=Settings(reserve=0.1)) as other:
            await first.one("k1")
            with pytest.raises(ConfigurationError, match="give both the same settings"):
                await other.one("k2")

    run(carry())


@pytest.mark.parametrize("share", [-0.1, 1.0, 2, math.nan])
def test_a_reserve_is_a_share(share):
    with pytest.raises(ConfigurationError, match="at least 0 and less than 1"):
        Settings(reserve=share)
    with pytest.raises(ConfigurationError, match="at least 0 and less than 1"):
        quota(reserve=share)


@pytest.mark.parametrize(
    ("ask", "lanes"),
    [
        (lambda client: client.one("k1"), [True]),
        (lambda client: client.put(["k1"]), [True]),
        (lambda client: client.put([f"k{n}" for n in range(10)]), [True]),
        (lambda client: client.put({"k1", "k2"}), [True]),
        (lambda client: client.put([f"k{n}" for n in range(11)]), [False, False]),
        (lambda client: client.put(iter(["k1"])), [False]),
        (lambda client: client.one.each(["k1"]), [True]),
        (lambda client: client.one.each(["k1", "k2"]), [False, False]),
    ],
)
def test_calls_and_runs_of_one_request_are_urgent(monkeypatch, ask, lanes):
    seen = []
    enter = RateLimiter.enter

    def spy(self, now, records=1, **options):
        seen.append(options["urgent"])
        return enter(self, now, records, **options)

    monkeypatch.setattr(RateLimiter, "enter", spy)
    client = make_client(ScriptedVendor())

    async def carry():
        await ask(client)

    run(carry())
    assert seen == lanes
