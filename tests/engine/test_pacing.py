"""The account's quota in virtual time: windows, requests in flight, pauses, adaptation, fairness."""

import asyncio
import math
import random

import pytest
from virtual_time import run

from netaudience.engine.pacing import Pacer, pacer_for
from netaudience.errors import ConfigurationError
from netaudience.limits import Quota, assumed


def quota(rate=None, per=1.0, in_flight=64, ceiling=None):
    def figure(value):
        return None if value is None else assumed(value, "test")

    return Quota("test", rate=figure(rate), per=per, in_flight=figure(in_flight), ceiling=figure(ceiling))


class Server:
    """Counts what arrives, after a way whose length varies."""

    def __init__(self, latency=0.05, jitter=0.03, limit=None, per=1.0):
        self.latency, self.jitter, self.limit, self.per = latency, jitter, limit, per
        self.arrivals, self.accepted, self.refused = [], [], 0
        self.random = random.Random(1)

    async def request(self, pacer):
        loop = asyncio.get_running_loop()
        async with pacer:
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
        pacer = Pacer(quota(rate, per, in_flight))
        work = iter(range(count))

        async def worker():
            for _ in work:
                await server.request(pacer)

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
        pacer = Pacer(quota(in_flight=3))

        async def one():
            nonlocal most
            async with pacer:
                most = max(most, pacer.in_flight)
                await asyncio.sleep(0.1)

        await asyncio.gather(*(one() for _ in range(50)))
        assert pacer.in_flight == 0

    run(carry())
    assert most == 3


def test_a_pause_holds_everybody_and_may_be_prolonged():
    passed = []

    async def carry():
        pacer = Pacer(quota())
        loop = asyncio.get_running_loop()

        async def one():
            async with pacer:
                passed.append(loop.time())

        pacer.pause(5)
        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(1)
        pacer.pause(9)
        await asyncio.gather(*tasks)

    run(carry())
    assert len(passed) == 4
    assert all(10 <= moment < 10.01 for moment in passed)


def test_waiters_pass_in_the_order_in_which_they_came():
    order = []

    async def carry():
        pacer = Pacer(quota(rate=5, in_flight=2))

        async def one(number):
            async with pacer:
                order.append(number)
                await asyncio.sleep(0.05)

        await asyncio.gather(*(one(number) for number in range(40)))

    run(carry())
    assert order == list(range(40))


def test_ten_thousand_waiters_of_whom_half_give_up():
    async def carry():
        pacer = Pacer(quota(rate=1000, in_flight=50))

        async def one():
            async with pacer:
                await asyncio.sleep(0.01)
                return True

        tasks = [asyncio.create_task(one()) for _ in range(10_000)]
        await asyncio.sleep(0.5)
        for task in tasks[1::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert pacer.in_flight == 0
        assert all(result is True for result in results[::2])
        async with pacer:  # nobody blocks the way
            pass

    run(carry())


def test_an_adaptive_rate_finds_what_the_vendor_takes():
    """The figures of an unknown limit: it takes 40 a second, we begin with 10 and stop at 200."""
    server = Server(limit=40)
    marks = {}

    async def carry():
        pacer = Pacer(quota(rate=10, ceiling=200))
        loop = asyncio.get_running_loop()

        async def worker():
            while loop.time() < 120:
                if await server.request(pacer):
                    pacer.succeeded()
                else:
                    pacer.throttled()
                    pacer.pause(random.Random(3).uniform(0, 0.5))
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
        pacer = Pacer(quota(rate=rate, ceiling=20))
        rates = []
        for at in range(400):
            async with pacer:
                await asyncio.sleep(0.01)
            (pacer.throttled if 100 < at < 120 else pacer.succeeded)()
            rates.append(pacer.rate)
            await asyncio.sleep(0.2)
        return rates

    rates = run(carry())
    assert max(rates) <= 20
    assert min(rates) >= 0.25
    assert rates[-1] > min(rates)


def test_no_rate_is_no_wait():
    async def carry():
        pacer = Pacer(quota())
        for _ in range(1000):
            async with pacer:
                pass
        assert math.isinf(pacer.rate)
        return asyncio.get_running_loop().time()

    assert run(carry()) < 0.01


def test_one_account_has_one_pacer_and_different_figures_are_refused():
    async def carry():
        first = pacer_for("account", quota(rate=5))
        assert pacer_for("account", quota(rate=5)) is first
        assert pacer_for("other", quota(rate=5)) is not first
        with pytest.raises(ConfigurationError, match="give both the same settings"):
            pacer_for("account", quota(rate=6))
        first.users = 0
        assert pacer_for("account", quota(rate=6)) is not first

    run(carry())


def test_a_pacer_is_not_forgotten_while_its_window_runs():
    async def carry():
        pacer = pacer_for("account", quota(rate=5, per=60))
        async with pacer:
            pass
        pacer.users = 0
        assert not pacer.idle
        assert pacer_for("account", quota(rate=5, per=60)) is pacer
        pacer.users = 0
        await asyncio.sleep(61)
        assert pacer.idle

    run(carry())
