"""Deadlines in virtual time: what cannot leave in time is not sent, is told so early, and leaves nothing."""

import asyncio
from contextlib import suppress

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import FAULTS, ScriptedVendor, make_client
from virtual_time import run

from netaudience import Delivered, Failed, FyndClient, NetmeraClient, RetryPolicy, RunFailed, Settings
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.errors import (
    AnswerLost,
    ConfigurationError,
    DeadlineExceeded,
    LimitReached,
    NetaudienceError,
    NotSent,
    Throttled,
    Unavailable,
)
from netaudience.model.limits import Limit, Quota, Window, assumed
from netaudience.model.wire import Response


def quota(rate=None, per=1.0, in_flight=4):
    windows = () if rate is None else (Window(assumed(rate, "test"), per),)
    return Quota("test", windows, in_flight=assumed(in_flight, "test"))


def ids(count):
    return [f"k{number}" for number in range(count)]


def clock():
    return asyncio.get_running_loop().time()


def pacer_of(client):
    return client._held[asyncio.get_running_loop()].limiters["test"]


async def paused(client):
    pacer_of(client).pause(60)


async def window_is_full(client):
    await client.one("before")


async def all_slots_taken(client):
    tasks = [asyncio.create_task(client.one("slow")) for _ in range(4)]
    await asyncio.sleep(0)
    client.background = tasks


async def behind_others(client):
    await client.one("before")
    client.background = [asyncio.create_task(client.one("waits")) for _ in range(3)]
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("prepare", "made", "at_once"),
    [
        pytest.param(paused, {}, True, id="a pause ends later"),
        pytest.param(window_is_full, {"rate": 1, "per": 60.0}, True, id="the window has room later"),
        pytest.param(behind_others, {"rate": 1, "per": 60.0}, True, id="behind others, the window full"),
        pytest.param(all_slots_taken, {}, False, id="nobody knows when a slot comes back"),
    ],
)
@pytest.mark.parametrize("kind", ["call", "run of one", "bulk run"])
def test_what_cannot_leave_in_time_is_not_sent_and_told_as_soon_as_that_is_known(
    prepare, made, at_once, kind
):
    vendor = ScriptedVendor(latency=0.05)
    client = make_client(vendor, quota=quota(**made))

    async def carry():
        await client.one("first")
        client.background = []
        if made:
            await asyncio.sleep(60)
        if prepare is all_slots_taken:
            vendor.latency = 30
        await prepare(client)
        before, asked = vendor.requests + vendor.in_flight, clock()
        view = client.with_options(deadline=2.0)
        with pytest.raises(DeadlineExceeded, match="Nothing of") as caught:
            match kind:
                case "call":
                    await view.one("late")
                case "run of one":
                    await view.put(["late"])
                case "bulk run":
                    await view.put(iter(ids(100)))
        took = clock() - asked
        assert took < 0.001 if at_once else took == pytest.approx(2.0, abs=0.01)
        assert (caught.value.seconds is not None) is at_once
        assert vendor.requests + vendor.in_flight == before
        for task in client.background:
            task.cancel()
        await asyncio.gather(*client.background, return_exceptions=True)
        assert pacer_of(client).in_flight == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


def test_a_pause_that_begins_while_they_wait_tells_all_of_them():
    client = make_client(ScriptedVendor(latency=30), quota=quota(in_flight=1))

    async def carry():
        first = asyncio.create_task(client.one("slow"))
        await asyncio.sleep(0)
        view = client.with_options(deadline=5)
        waiting = [asyncio.create_task(view.one(key)) for key in ids(50)]
        waiting.append(asyncio.create_task(view.put(iter(ids(50))).settled()))
        await asyncio.sleep(1)
        pacer_of(client).pause(100)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert clock() < 1.1
        report = answers.pop()
        assert {type(answer) for answer in answers} == {DeadlineExceeded}
        assert isinstance(report.stopped, DeadlineExceeded)
        await first

    run(carry())


def test_a_pause_tells_bulk_too_while_somebody_urgent_has_all_the_time_in_the_world():
    async def go():
        limiter = RateLimiter(quota(rate=1, per=3600.0))
        await limiter.acquire()
        limiter.release()
        patient = asyncio.create_task(limiter.acquire(urgent=True))
        late = asyncio.create_task(limiter.acquire(deadline=clock() + 4000))
        await asyncio.sleep(1)
        limiter.pause(5000)
        with pytest.raises(DeadlineExceeded):
            await late
        assert clock() < 1.1
        await patient

    run(go())


def test_where_there_is_room_a_deadline_that_is_over_is_told_all_the_same():
    async def go():
        limiter = RateLimiter(quota())
        with pytest.raises(DeadlineExceeded):
            await limiter.acquire(deadline=clock() - 0.001)
        assert limiter.in_flight == 0

    run(go())


@pytest.mark.parametrize("lane", ["calls", "bulk"])
def test_those_behind_others_are_told_when_the_deadline_comes(lane):
    vendor = ScriptedVendor(latency=0.05)
    client = make_client(vendor, quota=quota(rate=1), settings=Settings(deadline=10))

    async def carry():
        async def one(key):
            try:
                await (client.one(key) if lane == "calls" else client.put(iter([key])))
            except DeadlineExceeded:
                return clock()
            return None

        ends = await asyncio.gather(*(one(key) for key in ids(40)))
        return [end for end in ends if end is not None]

    ends = run(carry())
    assert vendor.requests == pytest.approx(10, abs=1)
    assert len(ends) == 40 - vendor.requests
    # One at a time is first in line and knows that the next ticket is too late; nobody waits any longer.
    assert all(8.9 < end <= 10.01 for end in ends)


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("kind", ["call", "run"])
def test_what_is_left_bounds_the_exchange_too(idempotent, kind):
    class Noting(ScriptedVendor):
        async def send(self, request):
            assert request.timeout <= 2
            return await super().send(request)

    vendor = Noting(latency=20)
    client = make_client(vendor, idempotent=idempotent, settings=Settings(deadline=2))

    async def carry():
        if kind == "call":
            with pytest.raises(AnswerLost, match="its deadline came first"):
                await client.one("k1")
        else:
            with pytest.raises(RunFailed) as caught:
                await client.put(["k1"])
            assert caught.value.report.in_doubt == 1
        assert clock() == pytest.approx(2, abs=0.01)
        assert pacer_of(client).in_flight == 0

    run(carry())


@pytest.mark.parametrize(
    ("faults", "error"),
    [(["503"] * 9, Unavailable), (["lost before"] * 9, AnswerLost), (["429 later"] * 9, Throttled)],
)
def test_no_retry_begins_that_would_come_too_late_and_the_last_real_error_is_told(faults, error):
    """What was sent is never reported as not sent."""
    vendor = ScriptedVendor(faults=faults)
    client = make_client(vendor, settings=Settings(deadline=1.5))

    async def carry():
        with pytest.raises(error):
            await client.one("k1")
        assert clock() < 1.5
        sent = vendor.requests
        report = await client.put(["k2"]).settled()
        assert isinstance(report.undelivered[0].reason, error if vendor.requests > sent else NotSent)
        assert clock() < 3.1

    run(carry())


def test_a_run_sends_what_it_can_and_says_what_it_did_not():
    vendor = ScriptedVendor(rate=2)
    client = make_client(vendor, quota=quota(rate=2), settings=Settings(deadline=5))

    async def carry():
        with pytest.raises(RunFailed) as caught:
            await client.put(iter(ids(1000)))
        assert clock() <= 5.01
        return caught.value

    failed = run(carry())
    report = failed.report
    assert isinstance(report.stopped, DeadlineExceeded)
    assert failed.__cause__ is report.stopped
    assert report.delivered == 10 * report.requests == pytest.approx(100, abs=10)
    assert report.delivered + report.failed == report.items < 1000
    assert not report.unsent
    assert {type(outcome.reason) for outcome in report.undelivered} == {DeadlineExceeded}
    assert not report.exhausted


def test_a_stream_of_outcomes_ends_with_the_deadline():
    client = make_client(ScriptedVendor(), quota=quota(rate=2), settings=Settings(deadline=3))

    async def carry():
        kinds = []
        with pytest.raises(DeadlineExceeded):
            async with client.put(iter(ids(1000))) as outcomes:
                async for outcome in outcomes:
                    kinds.append(type(outcome))
        return kinds

    assert set(run(carry())) == {Delivered, Failed}


@pytest.mark.parametrize("sent", [0, 7])
def test_a_source_that_gives_nothing_more_does_not_hold_a_run_beyond_its_deadline(sent):
    client = make_client(ScriptedVendor(), settings=Settings(deadline=3))

    async def endless():
        yield ids(sent * 10)
        await asyncio.sleep(10_000)

    async def carry():
        report = await client.put(endless()).settled()
        assert clock() == pytest.approx(3, abs=0.01)
        return report

    report = run(carry())
    assert isinstance(report.stopped, DeadlineExceeded)
    assert report.delivered == report.items == sent * 10


@pytest.mark.parametrize("count", [1, 10, 32, 100])
def test_a_run_that_is_done_in_time_is_not_stopped_by_a_deadline_that_comes_later(count):
    client = make_client(ScriptedVendor(latency=0.1), settings=Settings(deadline=1.0))

    async def carry():
        report = await client.put(ids(count))
        await asyncio.sleep(5)
        return report

    assert run(carry()).ok


def test_a_run_whose_last_answers_come_when_the_deadline_does_has_not_stopped_early():
    """All of the source was sent: what is lost is an answer, and nothing is left to stop."""
    client = make_client(ScriptedVendor(latency=5), settings=Settings(deadline=1))

    async def carry():
        return await client.put(ids(32)).settled()

    report = run(carry())
    assert (report.stopped, report.in_doubt, report.exhausted) == (None, 32, True)


def limit_reached():
    made = {"quota": quota(rate=1, per=86_400.0)}
    return make_client(ScriptedVendor(), limit=Limit(rows=assumed(1, "test")), **made), LimitReached


def deadline_exceeded():
    made = {"quota": quota(rate=1, per=60.0), "settings": Settings(deadline=10)}
    return make_client(ScriptedVendor(), limit=Limit(rows=assumed(1, "test")), **made), DeadlineExceeded


@pytest.mark.parametrize("make", [limit_reached, deadline_exceeded])
@pytest.mark.parametrize("source", [list, iter])
def test_a_run_of_which_nothing_was_sent_raises_that_and_one_of_which_some_was_carries_it(make, source):
    client, error = make()

    async def carry():
        with pytest.raises(RunFailed) as caught:
            await client.put(source(ids(3)))
        assert type(caught.value.__cause__) is error
        assert caught.value.report.delivered == 1
        with pytest.raises(error) as nothing:
            await client.put(source(ids(3)))
        assert nothing.value.seconds is not None
        report = await client.put(source(ids(3))).settled()
        assert (report.requests, type(report.stopped), report.failed) == (0, error, report.items)

    run(carry())


@pytest.mark.parametrize("kind", ["call", "run of one", "bulk run", "bulk stream"])
@pytest.mark.parametrize("why", ["paused", "window", "slots"])
def test_a_timeout_around_it_sends_nothing_and_leaves_nothing(kind, why):
    vendor = ScriptedVendor(latency=0.05 if why != "slots" else 30)
    client = make_client(vendor, quota=quota(rate=1, per=60.0) if why == "window" else quota(in_flight=1))

    async def ask():
        match kind:
            case "call":
                await client.one("late")
            case "run of one":
                await client.put(["late"])
            case "bulk run":
                await client.put(iter(ids(50)))
            case "bulk stream":
                async with client.put(iter(ids(50))) as outcomes:
                    async for _ in outcomes:
                        pass

    async def carry():
        if why == "slots":
            slow = asyncio.create_task(client.one("first"))
            await asyncio.sleep(0)
        else:
            await client.one("first")
            slow = asyncio.create_task(asyncio.sleep(0))
        limiter = pacer_of(client)
        if why == "paused":
            limiter.pause(30)
        await asyncio.sleep(0)
        started = clock()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask()
        assert clock() == pytest.approx(started + 1, abs=0.01)
        assert not limiter._urgent.waiters
        assert not limiter._bulk.waiters
        await slow
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert vendor.requests == 1
        assert limiter.in_flight == 0
        await client.one("after")  # the way is free: no slot and no ticket is lost
        assert clock() < started + 62

    run(carry())


def test_a_token_that_does_not_come_does_not_hold_a_call_beyond_its_deadline():
    class Slow(ScriptedVendor):
        async def send(self, request):
            await asyncio.sleep(1000)
            return Response(200, {}, b"{}")

    async def carry():
        fynd = FyndClient(
            "id",
            "secret",
            "1",
            "app",
            routes={"list_group_tags": "GET /user_group/tags"},
            transport=Slow(),
            settings=Settings(deadline=3),
        )
        with pytest.raises(AnswerLost, match="deadline"):
            await fynd.list_group_tags()
        assert clock() == pytest.approx(3, abs=0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


def test_a_division_does_not_wait_beyond_the_deadline_to_ask_again():
    """The vendor says "once more" of some items, again and again."""
    vendor = ScriptedVendor(retryable={"k1": 1000})
    patient = RetryPolicy(attempts=1000, first_wait=2.0)
    client = make_client(vendor, settings=Settings(deadline=5, retry=patient))

    async def carry():
        report = await client.put(ids(3)).settled()
        assert clock() <= 5
        return report

    report = run(carry())
    assert (report.delivered, report.failed) == (2, 1)
    assert isinstance(report.undelivered[0].reason, Unavailable)


def test_a_view_has_its_own_deadline_and_shares_all_else():
    vendor = ScriptedVendor()
    client = make_client(vendor, quota=quota(rate=1, per=60.0), settings=Settings(max_rows=3))
    view = client.with_options(deadline=1)
    patient = view.with_options(deadline=None)
    assert (client.settings.deadline, view.settings.deadline, patient.settings.deadline) == (None, 1, None)
    assert type(view) is type(client)
    assert view.settings.max_rows == 3

    async def carry():
        await view.one("k1")
        assert clock() < 1
        with pytest.raises(DeadlineExceeded):
            await view.one("k2")
        assert clock() < 1
        await patient.one("k3")
        assert clock() > 60
        assert view._held is client._held

    run(carry())


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_deadline_is_more_than_nothing(seconds):
    with pytest.raises(ConfigurationError, match="deadline must be a number of more than 0"):
        make_client(ScriptedVendor()).with_options(deadline=seconds)


@pytest.mark.parametrize("order", ["view first", "client first", "both closed", "in with blocks"])
def test_closing_a_view_closes_nothing_and_the_users_of_a_pacer_are_counted_right(order):
    class Counting(ScriptedVendor):
        closed = 0

        async def aclose(self):
            self.closed += 1

    vendor = Counting()

    async def carry():
        client = make_client(vendor)
        client._owned = True  # as if it had opened the transport itself
        view = client.with_options(deadline=5)
        await (view if order == "view first" else client).one("k1")
        limiter = pacer_of(client)
        for _ in range(100):
            await client.with_options(deadline=5).one("k2")
        await view.one("k3")
        assert pacer_of(client) is limiter
        assert limiter.users == 1
        if order == "in with blocks":
            async with client:
                async with client.with_options(deadline=1) as inner:
                    await inner.one("k4")
                assert (vendor.closed, limiter.users) == (0, 1)
                await client.one("k5")
        else:
            await view.aclose()
            assert (vendor.closed, limiter.users) == (0, 1)
            await client.aclose()
            if order == "both closed":
                await view.aclose()
        assert (vendor.closed, limiter.users) == (1, 0)
        assert limiter.idle

    run(carry())


def test_a_view_outlives_its_loop_as_a_client_does():
    vendor = ScriptedVendor()
    client = make_client(vendor)
    view = client.with_options(deadline=5)

    async def carry():
        await view.one("k1")
        await client.one("k2")
        return pacer_of(client)

    assert run(carry()) is not run(carry())


def test_a_real_client_has_views():
    netmera = NetmeraClient("key", transport=ScriptedVendor())
    assert netmera.with_options(deadline=0.5).settings.deadline == 0.5


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.sampled_from(FAULTS), max_size=30),
    st.none() | st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.05, 0.6]),
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.1, 1.0]),  # seconds after the one before
            st.sampled_from([0.01, 0.3, 1.0, 4.0, None]),  # its deadline
            st.sampled_from(["call", "one", "bulk"]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.booleans(),
)
def test_nothing_ends_after_its_deadline_and_not_sent_means_not_sent(
    faults, rate, in_flight, latency, asked, idempotent
):
    vendor = ScriptedVendor(faults=faults, rate=rate, latency=latency)
    client = make_client(
        vendor,
        quota=quota(rate, 1.0, in_flight),
        idempotent=idempotent,
        settings=Settings(retry=RetryPolicy(attempts=3, first_wait=0.2)),
    )

    async def one(number, seconds, kind):
        started = clock()
        view = client.with_options(deadline=seconds)
        items = [f"{number}-{at}" for at in range(25 if kind == "bulk" else 1)]
        error = report = None
        try:
            if kind == "call":
                await view.one(items[0])
            else:
                report = await view.put(items).settled()
        except NetaudienceError as raised:
            error = raised
        if seconds is not None:
            assert clock() <= started + seconds + 0.01
        if isinstance(error, NotSent):
            assert not vendor.applied[items[0], 0]
        if report is not None:
            assert report.settled == report.items
            for outcome in report.undelivered:
                if isinstance(outcome, Failed):
                    assert not vendor.applied[outcome.item, 0]
                if isinstance(outcome.reason, NotSent):
                    assert isinstance(outcome, Failed)

    async def carry():
        tasks = []
        for number, (wait, seconds, kind) in enumerate(asked):
            await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(number, seconds, kind)))
        await asyncio.gather(*tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with suppress(KeyError):
            limiter = pacer_of(client)
            assert not limiter.in_flight
            assert not limiter._urgent.waiters
            assert not limiter._bulk.waiters

    run(carry())
    assert not vendor.broken
