"""Thousands of cancellations at random moments leave nothing behind: no task, no slot, no ticket, no doubt.

Calls, runs, streams, journals and batchers of one client are cancelled in turn, by whoever awaits them. Then
all that the client may have on its way at one time is on its way again, and nothing of it waits for long.
"""

import asyncio
import random
import re

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import RetryPolicy, Settings
from netaudience.engine.pipeline import Pipeline
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.errors import NetaudienceError
from netaudience.model.limits import Quota, Window, assumed

RATE, IN_FLIGHT, ROWS = 20, 3, 10
#: How often one client is cancelled before it is looked at.
EACH = 20
FAULTS = ("ok",) * 6 + ("429", "503", "500", "no connection", "lost before", "lost after")


class Counting(ScriptedVendor):
    """Knows how many requests were out at one time."""

    most = 0

    async def send(self, request):
        self.most = max(self.most, self.in_flight + 1)
        return await super().send(request)


def source(rng, count):
    async def slow():
        for number in range(count):
            await asyncio.sleep(0.002)
            yield f"k{number}"

    return (
        rng.choice([list, iter, lambda of: of])([f"k{n}" for n in range(count)])
        if rng.random() < 0.7
        else slow()
    )


async def call(client, rng, reports, path):
    await client.one("k1")


async def awaited(client, rng, reports, path):
    await client.put(source(rng, 100))


async def each(client, rng, reports, path):
    await client.one.each(source(rng, 20)).settled()


async def streamed(client, rng, reports, path):
    async with client.put(source(rng, 100)) as outcomes:
        reports.append(outcomes.report)
        async for _ in outcomes:
            pass


async def journaled(client, rng, reports, path):
    async with client.put(source(rng, 100)).journaled(path) as outcomes:
        reports.append(outcomes.report)
        async for _ in outcomes.chunks():
            pass


async def batched(client, rng, reports, path):
    async with client.put.batcher(linger=0.05) as sink:
        answers = [await sink.put(f"k{number}") for number in range(30)]
        await asyncio.gather(*answers)


#: A journal waits for the disk, which no virtual time makes faster, so there are few of them.
WAYS = (call, awaited, each, streamed, batched) * 5 + (journaled,)


def cancel_again_and_again(seed, count, folder):
    """Cancel so often; return how often that was before the end."""
    rng = random.Random(seed)
    folder.mkdir(exist_ok=True)
    early = 0

    async def go(loop_number):
        nonlocal early
        idempotent = rng.random() < 0.5
        vendor = Counting(
            faults=rng.choices(FAULTS, k=200), rate=RATE, in_flight=IN_FLIGHT, jitter=0.1, seed=rng.random()
        )
        quota = Quota("test", (Window(assumed(RATE, "test"), 1.0),), in_flight=assumed(IN_FLIGHT, "test"))
        client = make_client(
            vendor, quota=quota, idempotent=idempotent, settings=Settings(retry=RetryPolicy(attempts=3))
        )
        for number in range(EACH):
            reports = []
            way = rng.choice(WAYS)
            path = folder / f"{loop_number}-{number}.sqlite"
            task = asyncio.create_task(way(client, rng, reports, path))
            for _ in range(rng.choice((0, 1, 2, 5, 20))):
                await asyncio.sleep(0)
            await asyncio.sleep(rng.choice((0.0, rng.uniform(0, 0.2), rng.uniform(0, 3.0))))
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(ended, asyncio.CancelledError):
                early += 1
            else:  # it had come to its end before
                assert ended is None or isinstance(ended, NetaudienceError), (way.__name__, ended)
                assert task.done()
            assert task.cancelling() == 0 or task.cancelled() or ended is None, f"{way.__name__} went on"
            for report in reports:
                assert report.settled + report.unsent == report.items
            assert asyncio.all_tasks() == {asyncio.current_task()}, way.__name__
            assert vendor.in_flight == 0
        vendor.faults.clear()
        vendor.most = 0
        await asyncio.sleep(60)  # what a throttle asks for has passed
        began = asyncio.get_running_loop().time()
        report = await client.put([f"new{number}" for number in range(3 * RATE * ROWS)]).settled()
        assert report.delivered == 3 * RATE * ROWS
        assert vendor.most == IN_FLIGHT, "a slot has not come back"
        assert asyncio.get_running_loop().time() - began < 60 * 0.4 / IN_FLIGHT, "a ticket has not come back"
        assert not vendor.broken
        await client.aclose()

    for loop_number in range(count // EACH):
        run(go(loop_number), most_turns=20_000)
    return early


def test_what_is_cancelled_leaves_nothing_behind(tmp_path):
    assert cancel_again_and_again(1, 100, tmp_path) > 50


@pytest.mark.slow
def test_what_is_cancelled_four_thousand_times_leaves_nothing_behind(tmp_path):
    assert sum(cancel_again_and_again(seed, 420, tmp_path / str(seed)) for seed in range(10)) > 3000


def no_slot_back(patch):
    release = RateLimiter.release

    def forgetful(self, *given, **named):
        if not asyncio.current_task().cancelling():
            release(self, *given, **named)

    patch.setattr(RateLimiter, "release", forgetful)


def no_task_ended(patch):
    async def aclose(self):
        self._leaving = True
        self._close()

    patch.setattr(Pipeline, "aclose", aclose)


def no_cancellation_told(patch):
    patch.setattr("netaudience.engine.sender.is_being_cancelled", lambda: False)


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        (no_slot_back, "a slot has not come back|deadlock"),
        (no_task_ended, r"asyncio\.all_tasks|Report\("),
        (no_cancellation_told, "went on|deadlock|livelock"),
    ],
)
def test_the_cancellations_would_see(monkeypatch, tmp_path, broken, seen):
    broken(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError)) as caught:
        cancel_again_and_again(1, 200, tmp_path)
    assert re.search(seen, f"{caught.value} {caught.traceback[-1].statement}")
