"""A quota that processes share, in virtual time: the limit holds for all of them, and is used."""

import asyncio
import json

import pytest
from sharing import MemoryQuotas, Process, Server, quota
from virtual_time import run

from netaudience.engine import lent_tickets
from netaudience.errors import ConfigurationError, LimitReached

MANY = {"most_turns": 300_000}


async def share(processes, until, **options):
    await asyncio.gather(*(process.run(until, **options) for process in processes))
    for process in processes:
        await process.limiter.aclose()


def within(server, start, end):
    return sum(weight for at, weight in server.arrivals if start <= at < end)


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize(
    ("rate", "per", "trips"),
    [(5, 1.0, 3), (50, 1.0, 0.7), (300, 1.0, 0.3), (60, 60.0, 9), (0.5, 1.0, 9), (12.5, 1.0, 2)],
)
def test_the_limit_holds_for_all_and_is_used(processes, rate, per, trips):
    server, store = Server(max(1, int(rate)), per), MemoryQuotas()
    until = max(6.0, 3 * per, 10 / rate)

    async def go():
        shared = quota(rate, per, reserve=0.0, in_flight=100)
        await share(
            [Process(server, store, shared, seed=n, workers=80 // processes) for n in range(processes)], until
        )

    run(go(), **MANY)
    assert server.refused == 0
    ideal = (int(rate) if rate >= 1 else rate) / (1 + 0.05 / per) * until * 2 / 3 / per
    assert within(server, until / 3, until) >= 0.9 * ideal
    seconds = max(until, server.arrivals[-1][0])  # what waits when nothing new comes is sent as well
    assert store.trips <= max(trips * len(server.arrivals), 3 * processes * seconds)
    assert not store.state()["leases"]  # what was not used is back at once


def test_without_a_rate_the_slots_are_shared_and_go_back_and_forth():
    server, store = Server(), MemoryQuotas()

    async def go():
        made = [
            Process(server, store, quota(in_flight=12, reserve=0.0), seed=n, workers=12) for n in range(4)
        ]
        await share(made, 20)
        return [process.sent for process in made]

    sent = run(go(), **MANY)
    assert server.most_in_flight <= 12
    assert sum(sent) >= 0.8 * 12 * 20 / 0.051
    assert min(sent) >= 0.4 * max(sent)
    assert store.trips < sum(sent)


@pytest.mark.parametrize("rate", [20, 200])
def test_one_that_is_killed_costs_no_more_than_its_lease(rate):
    server, store = Server(rate), MemoryQuotas()

    async def go():
        made = [Process(server, store, quota(rate, reserve=0.0), seed=n, workers=10) for n in range(4)]
        running = asyncio.ensure_future(share(made[1:], 16))
        dying = asyncio.ensure_future(made[0].run(16))
        await asyncio.sleep(4.05)
        await made[0].kill()
        await asyncio.gather(running, dying)

    run(go(), **MANY)
    assert server.refused == 0
    assert within(server, 4, 9) >= 0.7 * rate * 5
    assert within(server, 10, 16) >= 0.85 * rate * 6


def test_a_store_that_is_down_lets_nothing_out_and_one_that_is_empty_lets_it_out_a_window_later():
    server, store = Server(20), MemoryQuotas()

    async def go():
        made = [Process(server, store, quota(20, reserve=0.0), seed=n) for n in range(3)]
        running = asyncio.ensure_future(share(made, 20))
        await asyncio.sleep(4)
        store.lost = True
        await asyncio.sleep(4)
        store.texts.clear()
        store.lost = False
        await running

    run(go(), **MANY)
    assert server.refused == 0
    assert within(server, 4.5, 8) == 0
    assert within(server, 10.5, 20) >= 0.85 * 20 * 9.5


def test_a_clock_that_goes_back_delays_and_lets_nothing_more_out():
    server, store = Server(20), MemoryQuotas()

    async def go():
        made = [Process(server, store, quota(20, reserve=0.0), seed=n) for n in range(3)]
        running = asyncio.ensure_future(share(made, 12))
        await asyncio.sleep(4)
        store.offset = 5.0  # as after the machine's start
        await running

    run(go(), **MANY)
    assert server.refused == 0
    assert within(server, 6, 12) >= 0.85 * 20 * 6


def test_a_machine_that_slept_has_nothing_left_of_what_it_was_lent(monkeypatch):
    """Its loop's clock stood still meanwhile, and the lease has passed."""
    server, store, slept = Server(20), MemoryQuotas(), 0.0

    monkeypatch.setattr(lent_tickets, "_slept", lambda: slept)
    server.now = lambda: asyncio.get_running_loop().time() + slept

    async def go():
        nonlocal slept
        made = [Process(server, store, quota(20, reserve=0.0), seed=n) for n in range(4)]
        running = asyncio.ensure_future(share(made, 30))
        for _ in range(10):
            await asyncio.sleep(2.53)
            slept += 3600
            store.offset += 3600
        await running

    run(go(), **MANY)
    assert server.refused == 0


def test_a_pause_that_one_is_told_holds_all():
    server, store = Server(), MemoryQuotas()

    async def go():
        made = [Process(server, store, quota(50, reserve=0.0), seed=n) for n in range(3)]
        running = asyncio.ensure_future(share(made, 12))
        await asyncio.sleep(3)
        made[0].limiter.pause(4.0)
        await running

    run(go(), **MANY)
    assert within(server, 3.5, 6.99) == 0
    assert within(server, 7.1, 12) >= 0.75 * 50 * 4.9


def test_records_are_weights():
    server, store = Server(300, 60.0), MemoryQuotas()

    async def go():
        shared = quota(300, 60.0, counts="records", reserve=0.0)
        made = [Process(server, store, shared, seed=n, records=[1, 3, 50, 100]) for n in range(4)]
        await share(made, 300)

    run(go(), **MANY)
    assert server.refused == 0
    assert within(server, 0, 300) >= 0.7 * 300 * 5


def test_calls_have_the_reserve_of_all_processes():
    server, store = Server(50), MemoryQuotas()

    async def go():
        shared = quota(50, reserve=0.1)
        bulk = [Process(server, store, shared, seed=n, workers=20) for n in range(3)]
        calls = Process(server, store, shared, seed=9, workers=1, urgent=True)
        await asyncio.gather(share(bulk, 30), share([calls], 30, every=0.3))
        return sorted(calls.waits[5:])  # nobody is lent anything of a new state in its first second

    waits = run(go(), **MANY)
    assert server.refused == 0
    assert len(waits) > 60
    assert waits[len(waits) // 2] < 0.02
    assert waits[int(len(waits) * 0.99)] < 0.15


def test_calls_at_random_moments_do_not_wait_for_the_next_bunch_of_bulk():
    """Now and then more of them come at one time than are kept free."""
    server, store = Server(50), MemoryQuotas()

    async def go():
        shared = quota(50, reserve=0.1)
        bulk = [Process(server, store, shared, seed=n, workers=30, way=(0.01, 0.01)) for n in range(3)]
        calls = Process(server, store, shared, seed=9, workers=20, way=(0.01, 0.01), urgent=True)
        await asyncio.gather(share(bulk, 120), share([calls], 120, every=4.0))
        return sorted(calls.waits[20:])

    waits = run(go(), most_turns=3_000_000)
    assert server.refused == 0
    assert len(waits) > 500
    assert waits[int(len(waits) * 0.99)] < 0.03
    assert within(server, 20, 120) >= 0.88 * 50 * 100


def test_a_rate_that_adapts_is_found_together():
    server, store = Server(40), MemoryQuotas()

    async def go():
        made = [
            Process(server, store, quota(10, ceiling=200, reserve=0.0), seed=n, workers=10) for n in range(4)
        ]
        await share(made, 90)

    run(go(), **MANY)
    accepted = within(server, 30, 90)
    assert accepted >= 0.8 * 40 * 60
    assert server.refused < 0.05 * len(server.arrivals)


def test_a_day_that_another_process_has_used_is_told():
    server, store = Server(), MemoryQuotas()

    async def go():
        first, second = (
            Process(server, store, quota(10, 86_400.0, reserve=0.0), workers=1) for _ in range(2)
        )
        for _ in range(10):
            await first.limiter.acquire(patience=900)
            first.limiter.release()
        await first.limiter.aclose()
        with pytest.raises(LimitReached, match="10 requests per day"):
            await second.limiter.acquire(patience=900)
        await second.limiter.aclose()

    run(go(), **MANY)


def test_other_figures_in_another_process_are_refused():
    server, store = Server(), MemoryQuotas()

    async def go():
        first = Process(server, store, quota(10)).limiter
        second = Process(server, store, quota(11)).limiter
        await first.acquire()
        with pytest.raises(ConfigurationError, match="Another process"):
            await second.acquire()
        first.release()
        await first.aclose()

    run(go(), **MANY)


def test_a_client_that_is_closed_does_not_wait_for_a_store_that_is_down():
    server, store = Server(), MemoryQuotas()

    async def go():
        loop = asyncio.get_running_loop()
        limiter = Process(server, store, quota(10)).limiter
        await limiter.acquire()
        store.lost = True
        limiter.release()
        closing = loop.time()
        await limiter.aclose()
        return loop.time() - closing

    assert run(go(), **MANY) <= 3.1


@pytest.mark.parametrize("seed", range(2))
def test_a_reply_that_is_lost_costs_nothing_and_breaks_nothing(seed):
    server, store = Server(40), MemoryQuotas(seed=seed, lossy=0.2)

    async def go():
        shared = quota(40, reserve=0.0, in_flight=30)
        await share([Process(server, store, shared, seed=n, workers=10) for n in range(4)], 20)

    run(go(), **MANY)
    assert server.refused == 0
    assert server.most_in_flight <= 30
    assert within(server, 10, 20) >= 0.8 * 40 * 10
    assert not store.state()["leases"]


@pytest.mark.parametrize(("rate", "each"), [(20, 5), (10, 2), (2, 0)])
@pytest.mark.parametrize("empty", [False, True])
def test_a_store_that_is_down_leaves_each_its_share_where_that_is_wanted(rate, each, empty, caplog):
    server, store = Server(rate), MemoryQuotas(share=1 / 4)

    async def go():
        made = [Process(server, store, quota(rate, reserve=0.0), seed=n) for n in range(4)]
        running = asyncio.ensure_future(share(made, 40))
        await asyncio.sleep(5)
        store.lost = True
        await asyncio.sleep(15)
        if empty:
            store.texts.clear()
        store.lost = False
        await running

    run(go(), **MANY)
    assert server.refused == 0
    assert within(server, 5.5, 7.5) == 0  # what was lent is not used again before its lease is over
    assert 0.7 * 4 * each * 9 <= within(server, 11, 20) <= 4 * each * 9 + 4
    assert within(server, 24, 40) >= 0.8 * rate * 16
    assert "This process has 25% of the limits until it is back" in caplog.text


def test_a_share_is_no_more_than_its_part_of_the_requests_at_one_time_and_of_the_records():
    server, store = Server(300, 60.0), MemoryQuotas(share=1 / 3)
    store.lost = True

    async def go():
        shared = quota(300, 60.0, counts="records", reserve=0.0, in_flight=9)
        made = [Process(server, store, shared, seed=n, records=[3, 50, 100], workers=8) for n in range(3)]
        larger = asyncio.ensure_future(made[0].limiter.acquire(101))
        running = asyncio.ensure_future(asyncio.gather(*(process.run(300) for process in made[1:])))
        await asyncio.sleep(290)
        assert not larger.done()  # it is larger than the share
        store.lost = False
        await larger
        made[0].limiter.release(101)
        await running
        for process in made:
            await process.limiter.aclose()

    run(go(), **MANY)
    assert server.refused == 0
    assert server.most_in_flight <= 9
    assert within(server, 0, 60) == 0
    assert within(server, 61, 240) >= 2 * 3 * 50


def test_a_pause_may_be_ended_before_its_time():
    server, store = Server(), MemoryQuotas()

    async def go():
        process = Process(server, store, quota(50, reserve=0.0))
        running = asyncio.ensure_future(share([process], 20))
        await asyncio.sleep(3)
        process.limiter.pause(3600)
        await asyncio.sleep(4)
        state = store.state()
        state["not_before"] = 0.0
        store.texts["a/test"] = json.dumps(state)
        await running

    run(go(), **MANY)
    assert within(server, 3.5, 7) == 0
    assert within(server, 8.5, 20) >= 0.75 * 50 * 11.5
