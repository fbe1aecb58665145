"""The batcher: when a request closes, what every future gets, and how it ends."""

import asyncio
import gc
from collections import defaultdict

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import FAULTS, ScriptedVendor, make_client
from virtual_time import run

from netaudience import (
    AnswerLost,
    BatcherClosed,
    BatcherFull,
    ConfigurationError,
    ConnectionFailed,
    Delivered,
    Failed,
    InDoubt,
    NotSent,
    Rejected,
    RetryPolicy,
    Settings,
    Unauthorized,
)
from netaudience.model.limits import Limit, Quota, assumed

QUICK = Settings(retry=RetryPolicy(attempts=3))


def now():
    return asyncio.get_running_loop().time()


def ids(count, start=0):
    return [f"k{number}" for number in range(start, start + count)]


async def put_all(sink, items):
    return [await sink.put(item) for item in items]


async def outcomes(futures):
    return [await future for future in futures]


def test_a_request_goes_when_it_is_full_or_its_first_item_has_lingered():
    vendor = ScriptedVendor(latency=0.0)
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=2.0) as sink:
            full = await put_all(sink, ids(10))
            await asyncio.sleep(0.5)
            assert all(future.done() for future in full)
            late = await put_all(sink, ids(3, 10))
            await asyncio.sleep(1.0)
            late += await put_all(sink, ids(2, 13))
            assert all(isinstance(one, Delivered) for one in await outcomes(late))
        return sink

    sink = run(carry())
    assert vendor.arrivals == pytest.approx([0.0, 2.5], abs=0.01)
    assert (sink.report.items, sink.report.delivered, sink.report.requests) == (15, 15, 2)
    assert [value for key in ids(15) for value in vendor.order[key]] == [0] * 15


def test_what_is_over_a_full_request_lingers_from_its_own_time_at_the_longest():
    vendor = ScriptedVendor(latency=0.0)
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=2.0) as sink:
            await put_all(sink, ids(1))
            await asyncio.sleep(1.5)
            futures = await put_all(sink, ids(12, 1))
            began = now()
            await outcomes(futures)
            assert now() - began <= 2.0

    run(carry())
    assert len(vendor.arrivals) == 2


def test_bytes_close_a_request_too():
    vendor = ScriptedVendor(latency=0.0, most_bytes=60)
    client = make_client(vendor, settings=Settings(max_bytes=60))

    async def carry():
        async with client.put.batcher(linger=1.0) as sink:
            got = await outcomes(await put_all(sink, ["a" * 20, "b" * 20, "c" * 20, "d" * 90]))
            assert [type(one) for one in got] == [Delivered, Delivered, Delivered, Rejected]

    run(carry())
    assert vendor.broken == []


def test_flush_sends_what_waits_and_returns_when_it_is_settled():
    vendor = ScriptedVendor(latency=1.0)
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=100.0) as sink:
            await sink.flush()
            futures = await put_all(sink, ids(3))
            await sink.flush()
            assert all(future.done() for future in futures)
            assert now() == pytest.approx(1.0, abs=0.01)
            later = await sink.put("late")
            await asyncio.sleep(50)
            assert not later.done()  # it lingers again

    run(carry())


def test_a_flush_does_not_wait_for_rows_that_an_earlier_one_of_their_user_holds_back_longer_than_needed():
    vendor = ScriptedVendor(latency=1.0)
    client = make_client(vendor, keyed=True)

    async def carry():
        async with client.put.batcher(linger=100.0) as sink:
            first = [await sink.put({"key": "a", "value": value}) for value in range(3)]
            await sink.flush()
            again = [await sink.put({"key": "a", "value": value}) for value in (3, 4)]
            flush = asyncio.create_task(sink.flush())
            await asyncio.sleep(0.5)
            again.append(await sink.put({"key": "a", "value": 5}))
            await flush
            assert all(future.done() for future in [*first, *again[:2]])
        assert again[2].done()
        assert vendor.order["a"] == [0, 1, 2, 3, 4, 5]
        assert now() < 5

    run(carry())
    assert vendor.broken == []


def test_a_row_that_was_held_back_lingers_no_longer_than_the_linger():
    vendor = ScriptedVendor(latency=1.0)
    client = make_client(vendor, keyed=True)

    async def carry():
        async with client.put.batcher(linger=2.0) as sink:
            await sink.put({"key": "a", "value": 0})
            await asyncio.sleep(2.5)  # the first is out
            second = await sink.put({"key": "a", "value": 1})
            await sink.put({"key": "b", "value": 1})
            await asyncio.wait_for(second, 4.0)
            third = await sink.put({"key": "a", "value": 2})
            await asyncio.wait_for(third, 4.0)

    run(carry())
    assert vendor.order["a"] == [0, 1, 2]


def test_a_full_batcher_makes_puts_wait_in_their_order_and_drops_nothing():
    vendor = ScriptedVendor(latency=1.0)
    client = make_client(vendor)
    taken = []

    async def produce(sink, name):
        for number in range(10):
            await sink.put(f"{name}{number}")
            taken.append((name, number))

    async def carry():
        async with client.put.batcher(linger=0.1, max_pending=7) as sink:
            tasks = [asyncio.create_task(produce(sink, name)) for name in "abc"]
            highest = 0
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.05)
                highest = max(highest, sink.pending)
            assert highest == 7
        assert sink.report.delivered == 30

    run(carry())
    assert len(vendor.applied) == 30
    for name in "abc":
        assert [number for one, number in taken if one == name] == list(range(10))


def test_a_full_batcher_raises_where_it_was_told_to():
    client = make_client(ScriptedVendor(latency=1.0))

    async def carry():
        async with client.put.batcher(max_pending=2, when_full="raise", linger=0.1) as sink:
            futures = await put_all(sink, ids(2))
            with pytest.raises(BatcherFull, match="holds 2 items that are not settled: wait for some"):
                await sink.put("k2")
            with pytest.raises(BatcherFull):
                sink.put_nowait("k2")
            await outcomes(futures)
            assert isinstance(await sink.put_nowait("k2"), Delivered)

    run(carry())


def test_puts_that_are_cancelled_while_they_wait_for_room_take_nobody_elses():
    client = make_client(ScriptedVendor(latency=1.0))

    async def carry():
        async with client.put.batcher(max_pending=1, linger=0.0) as sink:
            await sink.put("k0")
            waiting = [asyncio.create_task(sink.put(f"k{number}")) for number in (1, 2, 3)]
            await asyncio.sleep(0.5)
            waiting[0].cancel()
            await asyncio.sleep(0.51)  # k2 was let in and has not run yet, or has
            waiting[1].cancel()
            await asyncio.wait(waiting)
            outcome = await waiting[2].result()
            assert outcome.item == "k3"

    run(asyncio.wait_for(carry(), 20))


def test_a_put_that_is_let_in_and_cancelled_in_one_turn_lets_the_next_in():
    client = make_client(ScriptedVendor(latency=1.0))

    async def carry():
        async with client.put.batcher(max_pending=1, linger=0.0) as sink:
            first = await sink.put("k0")
            second = asyncio.create_task(sink.put("k1"))
            third = asyncio.create_task(sink.put("k2"))
            first.add_done_callback(lambda _: second.cancel())
            await asyncio.wait([second])
            assert (await (await asyncio.wait_for(third, 10))).item == "k2"

    run(carry())


def test_each_future_gets_its_own_outcome():
    vendor = ScriptedVendor(poison=["k3"])
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=0.1) as sink:
            futures = await put_all(sink, [*ids(5), "", "k5"])
            got = await outcomes(futures)
        assert [type(one).__name__ for one in got] == [
            *("Delivered", "Delivered", "Delivered", "Rejected", "Delivered", "Rejected", "Delivered")
        ]
        assert [one.position for one in got] == list(range(7))
        assert [one.item for one in got] == [*ids(5), "", "k5"]

    run(carry())


def test_a_future_that_its_owner_cancels_takes_nothing_back_and_harms_nobody():
    vendor = ScriptedVendor()
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=0.1) as sink:
            first, second = await put_all(sink, ids(2))
            first.cancel()
            assert isinstance(await second, Delivered)
        assert sink.pending == 0

    run(carry())
    assert len(vendor.applied) == 2


def test_a_vendor_that_is_down_fails_what_is_pending_and_the_next_item_is_tried_again():
    vendor = ScriptedVendor(faults=["no connection"] * 3)
    client = make_client(vendor, settings=QUICK)

    async def carry():
        async with client.put.batcher(linger=0.1) as sink:
            got = await outcomes(await put_all(sink, ids(3)))
            assert {type(one) for one in got} == {Failed}
            assert isinstance(got[0].reason, ConnectionFailed)
            assert isinstance(await (await sink.put("k9")), Delivered)
        assert (sink.report.items, sink.report.failed, sink.report.delivered) == (4, 3, 1)

    run(carry())


def test_wrong_credentials_end_it_for_good():
    vendor = ScriptedVendor(unauthorized_after=1)
    client = make_client(vendor)

    async def carry():
        async with client.put.batcher(linger=0.1, max_pending=4) as sink:
            await outcomes(await put_all(sink, ids(2)))
            futures = await put_all(sink, ids(4, 2))
            waiting = asyncio.create_task(sink.put("k9"))
            got = await outcomes(futures)
            assert {type(one) for one in got} == {Failed}
            assert isinstance(got[0].reason, Unauthorized)
            let_in = await (await waiting)  # there was room before it was known
            assert isinstance(let_in, Failed)
            assert isinstance(let_in.reason, Unauthorized)
            with pytest.raises(BatcherClosed, match="stopped: Scripted did not accept") as caught:
                await sink.put("k8")
            assert isinstance(caught.value.__cause__, Unauthorized)

    run(carry())
    assert vendor.requests == 2


def test_a_closed_batcher_takes_nothing():
    client = make_client(ScriptedVendor())

    async def carry():
        sink = client.put.batcher(linger=50.0)
        future = await sink.put("k1")
        await sink.aclose()
        assert isinstance(future.result(), Delivered)
        with pytest.raises(BatcherClosed, match="is closed: it takes nothing more"):
            await sink.put("k2")
        await sink.aclose()
        assert now() < 1

    run(carry())


def test_producers_that_wait_for_room_are_told_when_it_closes():
    client = make_client(ScriptedVendor(latency=1.0))

    async def carry():
        sink = client.put.batcher(max_pending=1, linger=0.0)
        await sink.put("k0")
        waiting = [asyncio.create_task(sink.put(f"k{number}")) for number in (1, 2)]
        await asyncio.sleep(0.1)
        await sink.aclose()
        for task in waiting:
            with pytest.raises(BatcherClosed):
                await task

    run(carry())


def left_how(sink, how):
    match how:
        case "timeout":
            return sink.aclose(timeout=3.0)
        case "zero":
            return sink.aclose(timeout=0)
        case _:
            return sink.aclose()


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("how", ["timeout", "zero", "cancelled"])
def test_closing_that_is_cut_short_settles_every_future(how, repeatable):
    """One request is out and is never answered; others wait behind it."""
    vendor = ScriptedVendor(latency=1000.0)
    client = make_client(
        vendor,
        quota=Quota("test", in_flight=assumed(1, "test")),
        idempotent=repeatable,
        settings=Settings(timeout=10_000),
    )

    async def carry():
        sink = client.put.batcher(linger=0.0)
        futures = await put_all(sink, ids(25))
        await asyncio.sleep(1.0)
        closing = asyncio.create_task(left_how(sink, how))
        if how == "cancelled":
            await asyncio.sleep(1.0)
            closing.cancel()
        await asyncio.wait([closing])
        assert all(future.done() for future in futures)
        got = [future.result() for future in futures]
        assert [type(one) for one in got] == [InDoubt] * 10 + [Failed] * 15
        assert isinstance(got[-1].reason, NotSent)
        assert now() == pytest.approx({"timeout": 4.0, "zero": 1.0, "cancelled": 2.0}[how], abs=0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        counts = sink.report
        assert (counts.items, counts.in_doubt, counts.failed) == (25, 10, 15)

    run(carry())


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
def test_a_body_that_ends_badly_still_sends_what_was_put(error):
    vendor = ScriptedVendor(latency=1.0)
    client = make_client(vendor)

    async def carry():
        with pytest.raises(error):
            async with client.put.batcher(linger=100.0) as sink:
                futures = await put_all(sink, ids(15))
                raise error
        assert [type(one.result()) for one in futures] == [Delivered] * 15

    run(carry())


def test_a_body_that_ends_badly_waits_half_a_minute_at_the_longest():
    client = make_client(ScriptedVendor(latency=1000.0), settings=Settings(timeout=10_000))

    async def carry():
        with pytest.raises(ValueError, match="mine"):
            async with client.put.batcher(linger=0.0) as sink:
                future = await sink.put("k1")
                raise ValueError("mine")
        assert isinstance(future.result(), InDoubt)
        assert now() == pytest.approx(30.0, abs=0.1)

    run(carry())


def test_what_is_wrong_with_the_program_is_told_when_it_closes_and_hangs_nobody():
    vendor = ScriptedVendor()
    vendor.send = None  # a transport of one's own that is none
    client = make_client(vendor)

    async def carry():
        sink = client.put.batcher(linger=0.0)
        future = await sink.put("k1")
        assert isinstance(await future, InDoubt)
        await asyncio.sleep(0.01)
        with pytest.raises(BatcherClosed):
            await sink.put("k2")
        with pytest.raises(TypeError):
            await sink.aclose()

    run(carry())


def test_an_idle_batcher_has_no_task_and_no_timer():
    client = make_client(ScriptedVendor())

    async def carry():
        sink = client.put.batcher(linger=0.1)
        for key in ids(3):
            assert isinstance(await (await sink.put(key)), Delivered)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(1)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        await sink.aclose()

    run(carry())


def test_a_batcher_keeps_no_memory_of_what_is_settled():
    client = make_client(ScriptedVendor(latency=0.0), keyed=False)

    async def carry():
        async with client.put.batcher(linger=0.01, coalesce=False) as sink:
            for start in range(0, 3000, 100):
                await outcomes(await put_all(sink, ids(100, start)))
            gc.collect()
            assert (sink._futures, sink._standing, len(sink._source)) == ({}, {}, 0)

    run(carry())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"linger": -1}, "linger must be 0 seconds or more, not -1"),
        ({"linger": float("nan")}, "linger must be 0"),
        ({"max_pending": 0}, "max_pending must be 1 item or more, not 0"),
        ({"coalesce": True}, "Each item of Scripted put counts"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(options, sentence):
    client = make_client(ScriptedVendor())
    with pytest.raises(ConfigurationError, match=sentence):
        client.put.batcher(**options)


def test_a_call_has_a_batcher_too():
    vendor = ScriptedVendor()
    client = make_client(vendor)

    async def carry():
        async with client.one.batcher() as sink:
            got = await outcomes(await put_all(sink, ids(5)))
        assert {type(one) for one in got} == {Delivered}

    run(carry())
    assert vendor.requests == 5


def test_an_answer_that_is_lost_leaves_in_doubt_what_must_not_be_repeated():
    vendor = ScriptedVendor(faults=["lost after"])
    client = make_client(vendor, idempotent=False)

    async def carry():
        async with client.put.batcher(linger=0.0) as sink:
            outcome = await (await sink.put("k1"))
        assert isinstance(outcome, InDoubt)
        assert isinstance(outcome.reason, AnswerLost)

    run(carry())


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 6)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.01, 0.3, 2.0])),
        st.tuples(st.just("flush"), st.booleans()),
        st.tuples(st.just("cancel future"), st.integers(0, 40)),
    ),
    max_size=60,
)


@settings(max_examples=examples(120), deadline=None)
@given(
    producers=st.lists(EVENTS, min_size=1, max_size=3),
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    poison=st.sets(st.integers(0, 6), max_size=2),
    keyed=st.booleans(),
    idempotent=st.booleans(),
    rows=st.integers(1, 5),
    in_flight=st.integers(1, 4),
    linger=st.sampled_from([0.0, 0.1, 1.0]),
    max_pending=st.sampled_from([1, 3, 1000]),
    ending=st.sampled_from(["normal", "timeout", "zero", "cancelled"]),
    seed=st.integers(0, 1000),
)
def test_every_item_gets_one_outcome_that_is_true_in_the_order_of_its_user(
    producers, faults, poison, keyed, idempotent, rows, in_flight, linger, max_pending, ending, seed
):
    vendor = ScriptedVendor(
        faults=faults,
        poison=[f"k{number}" for number in poison],
        most_rows=rows,
        in_flight=in_flight,
        jitter=0.2,
        seed=seed,
    )
    client = make_client(
        vendor,
        limit=Limit(rows=assumed(rows, "test")),
        quota=Quota("test", in_flight=assumed(in_flight, "test")),
        keyed=keyed,
        idempotent=idempotent,
        settings=Settings(retry=RetryPolicy(attempts=4)),
        account=f"batcher {seed}",
    )
    put = defaultdict(list)  # key: (value, future), in the order in which they were taken
    refused = []

    async def produce(sink, events, value):
        for what, argument in events:
            match what:
                case "put":
                    key = f"k{argument}"
                    value[0] += 1
                    mine = value[0]
                    item = {"key": key, "value": mine} if keyed else f"{key}-{mine}"
                    try:
                        future = await sink.put(item)
                    except BatcherClosed:
                        refused.append(item)
                        continue
                    put[key].append((mine, future))
                case "wait":
                    await asyncio.sleep(argument)
                case "flush":
                    before = [future for made in put.values() for _, future in made]
                    await sink.flush()
                    assert all(future.done() for future in before)
                case _:
                    futures = [future for made in put.values() for _, future in made]
                    if argument < len(futures):
                        futures[argument].cancel()

    async def carry():
        sink = client.put.batcher(linger=linger, max_pending=max_pending)
        value = [0]
        tasks = [asyncio.create_task(produce(sink, events, value)) for events in producers]
        if ending == "normal":
            await asyncio.gather(*tasks)
        else:
            await asyncio.sleep(0.4)
        closing = asyncio.create_task(left_how(sink, ending))
        if ending == "cancelled":
            await asyncio.sleep(0.05)
            closing.cancel()
        await asyncio.wait([closing])
        await asyncio.gather(*tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sink.pending == 0
        return sink

    sink = run(carry())
    assert [problem for problem in vendor.broken if problem != "one key in flight in two requests"] == []
    if keyed:
        assert vendor.broken == []
    counted = defaultdict(int)
    for key, made in put.items():
        sent = []
        for mine, future in made:
            assert future.done()
            if future.cancelled():
                continue
            outcome = future.result()
            counted[type(outcome)] += 1
            applied = vendor.applied[key if keyed else f"{key}-{mine}", mine if keyed else 0]
            match outcome:
                case Delivered():
                    assert applied >= 1
                    sent.append(mine)
                case Rejected() | Failed():
                    assert applied == 0
            if not idempotent:
                assert applied <= 1
        if keyed:
            # In the order of their first application; a repeated request applies a stretch once more.
            first = list(dict.fromkeys(vendor.order[key]))
            assert first == sorted(first)
    report = sink.report
    assert report.items == sum(map(len, put.values()))
    assert report.settled == report.items
    assert report.unsent == 0
