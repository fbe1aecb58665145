"""Processes that share a quota, each a rate limiter of its own, over a store in memory; in virtual time."""

import asyncio
import json
import random

from netaudience.engine.rate_limiter import RateLimiter
from netaudience.errors import QuotasLost
from netaudience.model.limits import Quota, Window, assumed
from netaudience.quotas.step import exchange


def quota(rate=None, per=1.0, *, in_flight=50, ceiling=None, reserve=0.1, counts="requests", share=None):
    share = None if share is None else assumed(share, "test")
    windows = () if rate is None else (Window(assumed(rate, "test"), per, counts, share),)
    most = None if ceiling is None else assumed(ceiling, "test")
    return Quota("test", windows, in_flight=assumed(in_flight, "test"), ceiling=most, reserve=reserve)


class MemoryQuotas:
    """A store that exchanges after a way, whose clock is another than that of the processes."""

    def __init__(self, *, lease=3.0, latency=0.002, offset=1e6, seed=0, share=None, lossy=0.0):
        self.lease, self.latency, self.offset, self.share = lease, latency, offset, share
        #: The share of replies that are lost, although the store has taken note.
        self.lossy = lossy
        self.random = random.Random(seed)
        self.texts = {}
        self.trips = 0
        self.lost = False

    async def exchange(self, key, quota, ask):
        self.trips += 1
        await asyncio.sleep(self.random.uniform(0, self.latency))
        if self.lost:
            raise QuotasLost("The store is down")
        now = asyncio.get_running_loop().time() + self.offset
        text = self.texts.get(key)
        state = None if text is None else json.loads(text)
        state, reply = exchange(state, now, quota, json.loads(json.dumps(ask)), epoch=f"e{self.trips}")
        self.texts[key] = json.dumps(state)
        check(state, quota)
        await asyncio.sleep(self.random.uniform(0, self.latency))
        if self.random.random() < self.lossy:
            raise QuotasLost("The reply is lost")
        return reply

    async def aclose(self):
        pass

    def state(self, key="a/test"):
        return json.loads(self.texts[key])


def check(state, quota):
    """Tickets and slots are conserved, whatever is reported."""
    leases = state["leases"].values()
    for index, window in enumerate(state["windows"]):
        back = sum(count for _, count in window["back"])
        out = sum(lease["out"][index] for lease in leases)
        assert window["free"] + back + out == window["whole"]
        assert all(count > 0 for _, count in window["back"])
    assert state["slots"] + sum(lease["slots"] for lease in leases) == int(quota.in_flight)
    assert all(lease["slots"] >= 0 and min([0, *lease["out"]]) == 0 for lease in leases)


class Server:
    """What arrives of all processes, and what it takes."""

    def __init__(self, most=None, per=1.0):
        self.most, self.per = most, per
        self.now = lambda: asyncio.get_running_loop().time()
        self.arrivals, self.refused, self.in_flight, self.most_in_flight = [], 0, 0, 0

    def take(self, records=1):
        now = self.now()
        recent = 0
        for at, weight in reversed(self.arrivals):
            if now - at >= self.per - 1e-9:
                break
            recent += weight
        if self.most is not None and recent + records > self.most:
            self.refused += 1
            return False
        self.arrivals.append((now, records))
        return True


class Process:
    """One that sends as fast as it may until it is killed or stopped."""

    def __init__(
        self, server, store, quota, *, workers=8, seed=0, way=(0.001, 0.05), urgent=False, records=None
    ):
        self.server, self.workers, self.way, self.urgent = server, workers, way, urgent
        self.random, self.records = random.Random(seed), records
        self.limiter = RateLimiter(quota, store, "a")
        self.waits, self.sent = [], 0
        self.tasks = []

    async def run(self, until, *, every=0.0):
        self.tasks = [asyncio.ensure_future(self._work(until, every)) for _ in range(self.workers)]
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def kill(self):
        """End without a word, what is on its way arrives all the same."""
        talk = self.limiter._shared._talk
        for task in [*self.tasks, *([talk] if talk else [])]:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _work(self, until, every):
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            if every:
                await asyncio.sleep(self.random.uniform(0, 2 * every))
            asked = loop.time()
            records = 1 if self.records is None else self.random.choice(self.records)
            await self.limiter.acquire(records, urgent=self.urgent)
            self.waits.append(loop.time() - asked)
            answer = loop.create_future()
            loop.call_later(self.random.uniform(*self.way), self._arrive, records, answer)
            taken = await answer
            self.limiter.release(records)
            if taken:
                self.limiter.succeeded()
            else:
                self.limiter.throttled()
                self.limiter.pause(self.random.uniform(0, 0.3))

    def _arrive(self, records, answer):
        server = self.server
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        taken = server.take(records)
        self.sent += 1
        asyncio.get_running_loop().call_later(self.random.uniform(*self.way), self._answer, taken, answer)

    def _answer(self, taken, answer):
        self.server.in_flight -= 1
        if not answer.done():
            answer.set_result(taken)
