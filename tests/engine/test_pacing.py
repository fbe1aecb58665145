"""The account's quota in virtual time: windows, requests in flight, pauses, adaptation, fairness."""

import asyncio
import math
import random
from contextlib import asynccontextmanager

import pytest
from virtual_time import run

from netaudience.engine.quota_window import QuotaWindow
from netaudience.engine.rate_limiter import RateLimiter, rate_limiter_for
from netaudience.errors import ConfigurationError, LimitReached
from netaudience.model.limits import Quota, Window, assumed


def quota(rate=None, per=1.0, in_flight=64, ceiling=None):
    def figure(value):
        return None if value is None else assumed(value, "test")

    windows = () if rate is None else (Window(figure(rate), per),)
    return Quota("test", windows, in_flight=figure(in_flight), ceiling=figure(ceiling))


@asynccontextmanager
async def slot(limiter, records=1):
    await limiter.acquire(records)
    try:
        yield
    finally:
        limiter.release(records)


class Server:
    """Counts what arrives, after a way whose length varies."""

    def __init__(self, latency=0.05, jitter=0.03, limit=None, per=1.0):
        self.latency, self.jitter, self.limit, self.per = latency, jitter, limit, per
        self.arrivals, self.accepted, self.refused = [], [], 0
        self.random = random.Random(1)

    async def request(self, limiter):
        loop = asyncio.get_running_loop()
        async with slot(limiter):
            await asyncio.sleep((self.latency + self.random.uniform(0, self.jitter)) / 2)
            now = loop.time()
            self.arrivals.append(now)
            recent = [then for then in self.accepted[-(self.limit or 1) - 1 :] if now - then < self.per]
            throttled = self.limit is not None and len(recent) >= self.limit
            if throttled:
                self.refused += 1
            else:
                self.accepted.append(now)
            await asyncio.sleep((self.latency + self.random.uniform(0, self.jitter)) / 2)
        return not throttled

    def most_in_a_window(self, per):
        most = start = 0
        for end, now in enumerate(self.arrivals):
            while now - self.arrivals[start] >= per - 1e-9:
                start += 1
            most = max(most, end - start + 1)
        return most


@pytest.mark.parametrize(
    ("rate", "per", "in_flight"), [(500, 1, 64), (10, 1, 8), (3, 1, 8), (100, 60, 4), (1, 5, 2)]
)
def test_no_window_sees_more_than_the_quota_and_the_rate_is_used(rate, per, in_flight):
    server = Server()
    count = min(rate * 4, 900)

    async def carry():
        limiter = RateLimiter(quota(rate, per, in_flight))
        work = iter(range(count))

        async def worker():
            for _ in work:
                await server.request(limiter)

        await asyncio.gather(*(worker() for _ in range(in_flight + 5)))
        return asyncio.get_running_loop().time()

    took = run(carry())
    assert len(server.arrivals) == count
    assert server.most_in_a_window(per) <= rate
    ideal = (count - 1) * per / rate
    slowest = count * 0.08 / in_flight  # where requests in flight bind before the rate does
    assert took <= max(ideal, slowest) * 1.1 + per * 0.2 + 0.2


def test_never_more_in_flight_than_allowed():
    most = 0

    async def carry():
        nonlocal most
        limiter = RateLimiter(quota(in_flight=3))

        async def one():
            nonlocal most
            async with slot(limiter):
                most = max(most, limiter.in_flight)
                await asyncio.sleep(0.1)

        await asyncio.gather(*(one() for _ in range(50)))
        assert limiter.in_flight == 0

    run(carry())
    assert most == 3


def test_a_pause_holds_everybody_and_may_be_prolonged():
    passed = []

    async def carry():
        limiter = RateLimiter(quota())
        loop = asyncio.get_running_loop()

        async def one():
            async with slot(limiter):
                passed.append(loop.time())

        limiter.pause(5)
        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(1)
        limiter.pause(9)
        await asyncio.gather(*tasks)

    run(carry())
    assert len(passed) == 4
    assert all(10 <= moment < 10.01 for moment in passed)


def test_waiters_pass_in_the_order_in_which_they_came():
    order = []

    async def carry():
        limiter = RateLimiter(quota(rate=5, in_flight=2))

        async def one(number):
            async with slot(limiter):
                order.append(number)
                await asyncio.sleep(0.05)

        await asyncio.gather(*(one(number) for number in range(40)))

    run(carry())
    assert order == list(range(40))


def test_ten_thousand_waiters_of_whom_half_give_up():
    async def carry():
        limiter = RateLimiter(quota(rate=1000, in_flight=50))

        async def one():
            async with slot(limiter):
                await asyncio.sleep(0.01)
                return True

        tasks = [asyncio.create_task(one()) for _ in range(10_000)]
        await asyncio.sleep(0.5)
        for task in tasks[1::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.in_flight == 0
        assert all(result is True for result in results[::2])
        async with slot(limiter):  # nobody blocks the way
            pass

    run(carry())


def test_an_adaptive_rate_finds_what_the_vendor_takes():
    """The figures of an unknown limit: it takes 40 a second, we begin with 10 and stop at 200."""
    server = Server(limit=40)
    marks = {}

    async def carry():
        limiter = RateLimiter(quota(rate=10, ceiling=200))
        loop = asyncio.get_running_loop()

        async def worker():
            while loop.time() < 120:
                if await server.request(limiter):
                    limiter.succeeded()
                else:
                    limiter.throttled()
                    limiter.pause(random.Random(3).uniform(0, 0.5))
                if loop.time() >= 30 and not marks:
                    marks.update(accepted=len(server.accepted), refused=server.refused)

        await asyncio.gather(*(worker() for _ in range(16)))

    run(carry())
    accepted, refused = len(server.accepted) - marks["accepted"], server.refused - marks["refused"]
    assert accepted >= 0.85 * 40 * 90
    assert refused < 0.02 * (accepted + refused)


@pytest.mark.parametrize("rate", [0.5, 10])
def test_an_adaptive_rate_never_passes_its_ceiling_and_never_dies(rate):
    async def carry():
        limiter = RateLimiter(quota(rate=rate, ceiling=20))
        rates = []
        for at in range(400):
            async with slot(limiter):
                await asyncio.sleep(0.01)
            (limiter.throttled if 100 < at < 120 else limiter.succeeded)()
            rates.append(limiter.rate)
            await asyncio.sleep(0.2)
        return rates

    rates = run(carry())
    assert max(rates) <= 20
    assert min(rates) >= 0.25
    assert rates[-1] > min(rates)


def test_no_rate_is_no_wait():
    async def carry():
        limiter = RateLimiter(quota())
        for _ in range(1000):
            async with slot(limiter):
                pass
        assert math.isinf(limiter.rate)
        return asyncio.get_running_loop().time()

    assert run(carry()) < 0.01


def test_one_account_has_one_pacer_and_different_figures_are_refused():
    async def carry():
        first = rate_limiter_for("account", quota(rate=5))
        assert rate_limiter_for("account", quota(rate=5)) is first
        assert rate_limiter_for("other", quota(rate=5)) is not first
        with pytest.raises(ConfigurationError, match="give both the same settings"):
            rate_limiter_for("account", quota(rate=6))
        first.users = 0
        assert rate_limiter_for("account", quota(rate=6)) is not first

    run(carry())


def test_a_pacer_is_not_forgotten_while_its_window_runs():
    async def carry():
        limiter = rate_limiter_for("account", quota(rate=5, per=60))
        async with slot(limiter):
            pass
        limiter.users = 0
        assert not limiter.idle
        assert rate_limiter_for("account", quota(rate=5, per=60)) is limiter
        limiter.users = 0
        await asyncio.sleep(61)
        assert limiter.idle

    run(carry())


def test_a_window_of_records_sees_no_more_records_than_it_has_room_for():
    """What a request weighs is what it carries; requests of all weights keep the window."""
    seed = random.Random(5)
    weights = [seed.choice([1, 3, 50, 100]) for _ in range(120)]
    arrivals = []

    async def send(limiter, weight):
        async with slot(limiter, weight):
            await asyncio.sleep(seed.uniform(0.01, 0.2))
            arrivals.append((asyncio.get_running_loop().time(), weight))
            await asyncio.sleep(seed.uniform(0.01, 0.2))

    async def go():
        window = Window(assumed(300, "test"), 60.0, "records")
        limiter = RateLimiter(Quota("test", (window,), in_flight=assumed(8, "test")))
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(send(limiter, weight) for weight in weights))
        return asyncio.get_running_loop().time() - started

    seconds = run(go())
    for at, _ in arrivals:
        assert sum(weight for then, weight in arrivals if at - 60 < then <= at) <= 300
    least = (sum(weights) - 300) / 300 * 60
    assert least * 0.9 < seconds < least * 1.35 + 60


def test_every_window_holds():
    async def go():
        windows = (Window(assumed(3, "test")), Window(assumed(10, "test"), 30.0))
        limiter = RateLimiter(Quota("test", windows, in_flight=assumed(5, "test")))
        times = []
        for _ in range(22):
            async with slot(limiter):
                times.append(asyncio.get_running_loop().time())
        return times

    times = run(go())
    for at in times:
        assert sum(at - 1 < then <= at for then in times) <= 3
        assert sum(at - 30 < then <= at for then in times) <= 10
    assert times[-1] - times[0] < 66


def test_a_share_of_a_limit_leaves_the_rest_to_others():
    async def go():
        window = Window(assumed(3, "test"), share=assumed(0.9, "test"))
        limiter = RateLimiter(Quota("test", (window,), in_flight=assumed(50, "test")))
        started = asyncio.get_running_loop().time()
        for _ in range(271):
            async with slot(limiter):
                pass
        return asyncio.get_running_loop().time() - started

    assert run(go()) == pytest.approx(100, rel=0.03)  # 2.7 a second, which are no whole tickets


def test_a_day_that_is_used_up_is_told_instead_of_waited_for():
    async def go():
        windows = (Window(assumed(3, "test")), Window(assumed(1000, "test"), 86_400.0))
        limiter = RateLimiter(Quota("forget", windows, in_flight=assumed(5, "test")))
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(1000):
            await limiter.acquire(patience=900)
            limiter.release()
        seconds = loop.time() - started
        with pytest.raises(LimitReached) as caught:
            await limiter.acquire(patience=900)
        assert limiter.in_flight == 0
        await asyncio.sleep(86_400 - seconds)
        await limiter.acquire(patience=900)  # the first of the day before are back
        limiter.release()
        return seconds, caught.value

    seconds, error = run(go())
    assert seconds < 340
    assert error.seconds == pytest.approx(86_400 - seconds, abs=2)
    assert str(error) == (
        "The limit of 1,000 requests per day of the quota 'forget' is used up: there is room again in "
        "24 hours. Nothing of this request was sent: send the rest then"
    )


def test_those_who_wait_behind_one_that_is_told_are_told_too():
    async def go():
        window = Window(assumed(1, "test"), 86_400.0)
        limiter = RateLimiter(Quota("test", (window,), in_flight=assumed(5, "test")))
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire(patience=900)) for _ in range(50)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        limiter.release()
        return answers

    assert {type(answer) for answer in run(go())} == {LimitReached}


def test_more_records_than_a_window_has_go_alone():
    async def go():
        window = Window(assumed(10, "test"), 60.0, "records")
        limiter = RateLimiter(Quota("test", (window,), in_flight=assumed(5, "test")))
        loop = asyncio.get_running_loop()
        times = []
        for records in (500, 1, 500):
            await limiter.acquire(records)
            times.append(loop.time())
            limiter.release(records)
        return times

    first, second, third = run(go())
    assert second - first == pytest.approx(60, abs=1)
    assert third - second == pytest.approx(60, abs=1)


def test_waiters_that_are_cancelled_at_once_leave_the_way_free():
    async def go():
        limiter = RateLimiter(quota(in_flight=1))
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(answer) for answer in answers} == {asyncio.CancelledError}
        limiter.release()
        await asyncio.wait_for(limiter.acquire(), 1)

    run(go())


@pytest.mark.parametrize("why", ["a ticket comes back", "a pause ends"])
def test_nobody_waits_for_what_came_while_the_clock_was_read(monkeypatch, why):
    """Between two looks at the clock there may be room again; nobody else would wake the one who waits."""

    async def go():
        loop = asyncio.get_running_loop()
        real, started = loop.time, loop.time()
        looks = iter([61.9, 61.9])  # the first two looks are just before the moment, all others after it
        monkeypatch.setattr(loop, "time", lambda: started + next(looks, 62.1 + real() - started))
        if why == "a ticket comes back":
            limiter = RateLimiter(quota(rate=1, per=62.0))
            limiter._windows[0].take(1)
            limiter._windows[0].answered(started, 1)
        else:
            limiter = RateLimiter(quota())
            limiter._not_before = started + 62.0
        with pytest.raises(StopIteration):  # it goes through in one step, and waits for nothing
            limiter.acquire().send(None)

    asyncio.run(go())


def test_a_clock_of_whole_milliseconds_keeps_the_window_too():
    """As uvloop's is: what it calls 10.000 may be nearly 10.001, and the vendor's window begins then."""
    made = quota(rate=1)
    allowance = QuotaWindow(made.windows[0], made)
    allowance.take(1)
    allowance.answered(10.0, 1)
    assert not allowance.has(11.0, 1, keep=False)
    assert allowance.room_at(1, keep=False) == pytest.approx(11.001)
    assert allowance.has(11.0011, 1, keep=False)
