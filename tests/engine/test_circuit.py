"""A vendor that is down, in virtual time: calls are told at once, runs wait, one request finds out."""

import asyncio
import gc
import logging
import random
from contextlib import suppress

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import RetryPolicy, RunFailed, Settings
from netaudience.engine import circuit_breaker as module
from netaudience.engine.circuit_breaker import CircuitBreaker, circuit_breaker_for
from netaudience.errors import (
    AnswerLost,
    CircuitOpen,
    ConnectionFailed,
    DeadlineExceeded,
    NetaudienceError,
    Refused,
    ServerFault,
    Throttled,
    Unauthorized,
    Unavailable,
)
from netaudience.events import CircuitChanged
from netaudience.model.limits import Limit, Quota, Window, assumed
from netaudience.model.wire import Response


class Vendor(ScriptedVendor):
    """Down while `down` names a fault, and then it fails whatever is asked; counts what it was asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.down = None
        self.asked = []  # when, and what
        self.out = self.most_out = 0

    async def send(self, request):
        self.asked.append((asyncio.get_running_loop().time(), bytes(request.body)))
        if self.down:
            self.faults.appendleft(self.down)
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        try:
            return await super().send(request)
        finally:
            self.out -= 1


def quota(in_flight=8, rate=None, name="test"):
    windows = () if rate is None else (Window(assumed(rate, "test")),)
    return Quota(name, windows, in_flight=assumed(in_flight, "test"))


def ids(count):
    return [f"k{number}" for number in range(count)]


def clock():
    return asyncio.get_running_loop().time()


def circuit_of(client):
    return client._held[asyncio.get_running_loop()].circuit


async def open_it(client, vendor, fault="no connection"):
    """Five calls of their own fail, and the vendor counts as down."""
    before, vendor.down = vendor.down, fault
    await asyncio.gather(*(client.one(f"opens-{n}") for n in range(5)), return_exceptions=True)
    assert circuit_of(client).open
    vendor.down = before or fault


@pytest.mark.parametrize(
    ("fault", "error"),
    [("503", Unavailable), ("no connection", ConnectionFailed), ("lost before", AnswerLost)],
)
def test_calls_are_told_at_once_and_what_was_sent_ends_with_what_it_came_to(fault, error):
    vendor = Vendor(latency=0.1)
    client = make_client(vendor)
    vendor.down = fault

    async def carry():
        answers = await asyncio.gather(*(client.one(key) for key in ids(8)), return_exceptions=True)
        # All were sent: nobody is told that nothing was.
        assert {type(answer) for answer in answers} == {error}
        assert clock() < 0.8  # the first four had begun their first wait
        circuit, sent = circuit_of(client), len(vendor.asked)
        assert circuit.open
        circuit.probe_at = clock() + 7
        started = clock()
        for ask in (lambda: client.one("new"), lambda: client.put(["new"]), lambda: client.put(ids(10))):
            with pytest.raises(CircuitOpen, match="Scripted is down: 5 requests in a row") as caught:
                await ask()
            assert caught.value.seconds == pytest.approx(7, abs=0.1)
        assert clock() - started < 0.01
        assert len(vendor.asked) == sent

    run(carry())


def test_calls_that_wait_for_the_quota_are_told_when_it_opens():
    vendor = Vendor(latency=0.1)
    windows = (Window(assumed(5, "test"), 600.0),)
    client = make_client(
        vendor,
        quota=Quota("test", windows, in_flight=assumed(8, "test")),
        settings=Settings(retry=RetryPolicy(attempts=1)),
    )
    vendor.down = "no connection"

    async def carry():
        answers = await asyncio.gather(*(client.one(key) for key in ids(1000)), return_exceptions=True)
        kinds = [type(answer) for answer in answers]
        assert kinds[:5] == [ConnectionFailed] * 5
        assert kinds[5:] == [CircuitOpen] * 995
        assert clock() < 1  # and not when there is room in the window
        assert len(vendor.asked) == 5
        limiter = client._held[asyncio.get_running_loop()].limiters["test"]
        assert (limiter.in_flight, len(limiter._urgent.waiters)) == (0, 0)

    run(carry())


def test_the_call_that_opens_it_does_not_wait_before_it_says_so():
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, quota=quota(), settings=Settings(retry=RetryPolicy(first_wait=100)))
    vendor.down = "no connection"

    async def carry():
        async def one(key):
            with pytest.raises(ConnectionFailed):
                await client.one(key)
            return clock()

        random.seed(5)
        tasks = [asyncio.create_task(one(key)) for key in ids(5)]
        await asyncio.sleep(0.2)
        assert [task.done() for task in tasks].count(True) == 1  # the fifth to fail; the others wait already
        await asyncio.gather(*tasks)

    run(carry())


def test_who_has_seen_as_many_probes_fail_as_it_would_have_made_gives_up():
    """Also where the one that finds out has changed meanwhile."""
    vendor = Vendor()
    policy = RetryPolicy(first_wait=1, longest_wait=1)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        await open_it(client, vendor)
        first = asyncio.create_task(client.put(iter(ids(1000))).settled())
        await asyncio.sleep(0)
        second = asyncio.create_task(client.put(iter(ids(1000))).settled())
        circuit, before = circuit_of(client), len(vendor.asked)
        while circuit.failed_probes < 4:
            await asyncio.sleep(0.01)
        first.cancel()
        report = await second
        assert isinstance(report.stopped, CircuitOpen)
        assert policy.attempts <= len(vendor.asked) - before <= policy.attempts + 1
        await asyncio.gather(first, return_exceptions=True)

    run(carry())


@pytest.mark.parametrize("fault", ["503", "no connection", "lost before"])
@pytest.mark.parametrize("failures", [0, 5])
def test_a_run_waits_out_an_outage_that_is_shorter_than_its_patience(fault, failures):
    vendor = Vendor(latency=0.1)
    policy = RetryPolicy(attempts=3, longest_wait=5, outage_patience=300, circuit_failures=failures)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        vendor.down = fault
        asyncio.get_running_loop().call_later(250, setattr, vendor, "down", None)
        report = await client.put(iter(ids(1000))).settled()
        assert (report.delivered, report.stopped) == (1000, None)
        assert clock() < 250 + 15

    run(carry())


@pytest.mark.parametrize("fault", ["503", "no connection", "lost before"])
@pytest.mark.parametrize("count", [3, 1000])
@pytest.mark.parametrize("patience", [2, 20, 300])
def test_a_run_that_is_given_up_ends_with_its_patience_whatever_its_attempts(fault, count, patience):
    """Neither all attempts are made first, nor a last wait outlasts it: the display has told when it ends."""
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, settings=Settings(retry=RetryPolicy(outage_patience=patience)))

    async def carry():
        vendor.down = fault
        report = await client.put(iter(ids(count))).settled()
        assert isinstance(report.stopped, NetaudienceError)
        assert report.delivered == 0
        assert patience <= clock() < patience + 1

    run(carry())


@pytest.mark.parametrize("count", [3, 1000])
def test_a_connection_that_was_never_made_is_not_waited_for_as_long_as_an_outage(count):
    policy = RetryPolicy(outage_patience=300, connection_patience=10)
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        vendor.down = "no connection"
        running = asyncio.create_task(client.put(iter(ids(count))).settled())
        await asyncio.sleep(3)
        outage = client.outage()
        assert outage is not None
        assert outage.seconds + outage.left == pytest.approx(10)
        report = await running
        assert isinstance(report.stopped, ConnectionFailed)
        assert report.in_doubt == 0
        assert 10 <= clock() < 30
        # Who comes in its wake is not as patient once more.
        started = clock()
        with pytest.raises((ConnectionFailed, CircuitOpen)):
            await client.one("next")
        assert clock() - started < 1
        # Once something was answered, it is an outage.
        await asyncio.sleep(60)
        vendor.down = None
        await client.one("back")
        vendor.down = "no connection"
        asyncio.get_running_loop().call_later(200, setattr, vendor, "down", None)
        assert (await client.put(iter(ids(1000))).settled()).delivered == 1000
        # A single call waits out none.
        vendor.down, started = "no connection", clock()
        with pytest.raises(ConnectionFailed):
            await client.one("alone")
        assert clock() - started == pytest.approx(10, abs=0.5)

    run(carry())


@pytest.mark.parametrize("fault", ["503", "no connection"])
def test_a_run_stops_when_an_outage_outlasts_its_patience_and_tells_how_long_that_is(fault):
    vendor = Vendor(latency=0.1)
    policy = RetryPolicy(attempts=3, longest_wait=5, outage_patience=300)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        assert client.outage() is None
        await open_it(client, vendor, fault)
        running = asyncio.create_task(client.put(iter(ids(1000))).settled())
        await asyncio.sleep(100)
        outage = client.outage()
        assert outage is not None
        assert outage.seconds == pytest.approx(100, abs=10)
        assert outage.seconds + outage.left == pytest.approx(300)
        # A single call is reported at once.
        with pytest.raises(CircuitOpen):
            await client.one("new")
        report = await running
        assert isinstance(report.stopped, Unavailable | ConnectionFailed | CircuitOpen)
        assert 290 <= clock() < 300 + 15
        assert report.delivered == 0

    run(carry())


@pytest.mark.parametrize("fault", ["503", "no connection"])
def test_one_request_that_always_fails_does_not_open_it_alone(fault):
    class Poisoned(Vendor):
        async def send(self, request):
            self.down = fault if b"poison" in request.body else None
            return await super().send(request)

    client = make_client(Poisoned())

    async def carry():
        with pytest.raises(NetaudienceError):
            await client.one("poison")
        assert not circuit_of(client).open
        assert circuit_of(client).failures == 1
        await client.one("k1")
        assert circuit_of(client).failures == 0

    run(carry())


@pytest.mark.parametrize(
    ("sign", "error"),
    [
        ("ok", None),
        ("429", Throttled),
        ("fault", ServerFault),
        ("poison", Refused),
        ("401", Unauthorized),
    ],
)
def test_any_sign_of_life_begins_the_count_anew_and_closes_it(sign, error):
    vendor = Vendor(poison=["poison"], faulty=["fault"])
    once = RetryPolicy(attempts=1, throttle_patience=0)
    client = make_client(vendor, settings=Settings(retry=once))

    async def answered():
        vendor.down = "429" if sign == "429" else None
        vendor.unauthorized_after = 0 if sign == "401" else None
        if error is None:
            await client.one(sign)
        else:
            with pytest.raises(error):
                await client.one(sign)
        vendor.unauthorized_after = None

    async def failing(count):
        vendor.down = "no connection"
        for key in ids(count):
            with pytest.raises(ConnectionFailed):
                await client.one(key)

    async def carry():
        for _ in range(3):
            await failing(4)
            await answered()
            assert not circuit_of(client).open
            await asyncio.sleep(1)
        await failing(5)
        assert circuit_of(client).open
        await asyncio.sleep(1)
        await answered()
        assert not circuit_of(client).open
        await failing(4)
        assert not circuit_of(client).open

    run(carry())


def test_where_there_are_only_calls_the_first_one_after_the_wait_finds_out():
    vendor = Vendor(latency=0.2)
    client = make_client(vendor)

    async def carry():
        await open_it(client, vendor)
        circuit = circuit_of(client)
        waits = []
        for _ in range(6):
            circuit.probe_at = max(circuit.probe_at, clock() + 0.01)  # however short the jitter made it
            with pytest.raises(CircuitOpen):
                await client.one("too early")
            waits.append(circuit.probe_at - clock())
            await asyncio.sleep(waits[-1] + 0.001)
            before = len(vendor.asked)
            answers = await asyncio.gather(*(client.one(key) for key in ids(20)), return_exceptions=True)
            kinds = [type(answer) for answer in answers]
            assert kinds == [ConnectionFailed] + [CircuitOpen] * 19
            assert len(vendor.asked) == before + 1
            assert circuit.open
        vendor.down = None
        await asyncio.sleep(circuit.probe_at - clock() + 0.001)
        await client.one("finds out")
        await asyncio.gather(*(client.one(key) for key in ids(20)))

    run(carry())


def test_runs_wait_and_go_on_with_everything_when_the_vendor_is_back(caplog):
    events = []
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, quota=quota(), settings=Settings(on_event=events.append))

    async def carry():
        runs = [
            asyncio.create_task(client.put([f"{at}-{key}" for key in ids(2000)]).settled()) for at in range(3)
        ]
        await asyncio.sleep(1)
        vendor.down, down_since = "503", clock()
        await asyncio.sleep(5)
        vendor.down = None
        reports = await asyncio.gather(*runs)
        assert all(report.ok for report in reports)
        while_down = [at for at, _ in vendor.asked if down_since + 0.2 < at < down_since + 5]
        assert 2 <= len(while_down) < 40  # eight at one time would have tried about 50 times
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())
    assert len(vendor.applied) == 6000
    assert [event.open for event in events if isinstance(event, CircuitChanged)] == [True, False]
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage().partition(":")[0] for record in told] == [
        "Scripted is down",
        "Scripted is back",
    ]
    opened = told[0]
    assert (opened.vendor, opened.operation, opened.status, opened.wait_seconds) == (
        "Scripted",
        "put",
        503,
        None,
    )


def test_one_request_at_a_time_finds_out():
    vendor = Vendor(latency=0.5)
    client = make_client(vendor, quota=quota(in_flight=64))

    async def carry():
        vendor.down = "503"
        runs = [asyncio.create_task(client.put(iter(ids(5000))).settled()) for _ in range(4)]
        await asyncio.sleep(1.5)  # what was out when it opened has its answer
        vendor.most_out = 0
        await asyncio.sleep(20)
        assert vendor.most_out == 1
        for task in runs:
            task.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        assert not circuit_of(client)._waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


@pytest.mark.parametrize("fault", ["503", "no connection", "lost before"])
@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("runs", [1, 10])
def test_a_run_against_a_dead_vendor_ends_as_it_does_without_a_circuit(fault, idempotent, runs):
    def carried(failures):
        random.seed(5)
        vendor = Vendor()
        vendor.down = fault
        policy = RetryPolicy(circuit_failures=failures)
        client = make_client(
            vendor, quota=quota(in_flight=16), idempotent=idempotent, settings=Settings(retry=policy)
        )

        async def carry():
            reports = await asyncio.gather(*(client.put(iter(ids(100_000))).settled() for _ in range(runs)))
            return reports, clock(), len(vendor.asked)

        return run(carry())

    reports, took, asked = carried(5)
    without, took_without, asked_without = carried(0)
    for report, other in zip(reports, without, strict=True):
        assert type(report.stopped) is (type(other.stopped) if report.requests else CircuitOpen)
    assert all(report.settled == report.items < 2000 for report in reports)
    # Lost answers that may not be asked for again need no wait to prove it; who has sent nothing waits.
    assert took < max(2 * took_without, 90)
    assert asked < asked_without


def test_a_run_that_could_send_nothing_at_all_says_so():
    """Patience ends for those who only watched the probes of others, too."""
    vendor = Vendor()
    client = make_client(vendor)

    async def carry():
        await open_it(client, vendor)
        first = asyncio.create_task(client.put(iter(ids(1000))).settled())
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpen):
            await client.put(iter(ids(1000)))
        report = await first
        assert isinstance(report.stopped, ConnectionFailed | CircuitOpen)
        assert report.failed == report.items
        assert clock() < 240

    run(carry())


def test_a_request_that_finds_out_and_is_cancelled_hands_over():
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, quota=quota(in_flight=4))

    async def carry():
        await open_it(client, vendor)
        circuit = circuit_of(client)
        circuit.probe_at = clock() + 5
        runs = [asyncio.create_task(client.put(iter(ids(100))).settled()) for _ in range(5)]
        await asyncio.sleep(1)
        vendor.down = None
        # Several at once, the one that would find out among them.
        for task in runs[:3]:
            task.cancel()
        await asyncio.sleep(4.05)
        assert vendor.out == 1
        runs[3].cancel()  # in the middle of its request
        report = await runs[4]
        assert report.ok
        assert not circuit.open
        assert not circuit._waiting
        await asyncio.gather(*runs, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


def test_a_late_answer_of_somebody_else_closes_it_for_all():
    class Slow(Vendor):
        async def send(self, request):
            if b"slow" in request.body:
                await asyncio.sleep(3)
                return Response(200, {}, b"{}")
            return await super().send(request)

    vendor = Slow()
    client = make_client(vendor)

    async def carry():
        slow = asyncio.create_task(client.one("slow"))
        await open_it(client, vendor)
        circuit_of(client).probe_at = clock() + 100
        waiting = asyncio.create_task(client.put(iter(ids(50))).settled())
        await asyncio.sleep(0.1)
        vendor.down = None
        await slow
        assert (await waiting).ok
        assert clock() < 5

    run(carry())


@pytest.mark.parametrize("kind", ["deadline", "timeout"])
def test_a_run_that_waits_for_the_vendor_ends_at_its_deadline_and_leaves_nothing(kind):
    vendor = Vendor()
    client = make_client(vendor)

    async def carry():
        await open_it(client, vendor)
        circuit_of(client).probe_at = clock() + 100
        started, asked = clock(), len(vendor.asked)
        if kind == "deadline":
            with pytest.raises(DeadlineExceeded, match=r"Scripted was down|before the run"):
                await client.with_options(deadline=3).put(iter(ids(50)))
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await client.put(iter(ids(50)))
        assert clock() == pytest.approx(started + 3, abs=0.01)
        assert len(vendor.asked) == asked
        assert not circuit_of(client)._waiting
        assert circuit_of(client)._prober is None
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


def test_a_run_that_stops_does_not_wait_for_the_vendor():
    vendor = Vendor()
    client = make_client(vendor)

    async def carry():
        await open_it(client, vendor)
        circuit_of(client).probe_at = clock() + 1000
        async with client.put(iter(ids(500))) as outcomes:
            await asyncio.sleep(1)
            outcomes._pipeline._halt(Unauthorized("Scripted", 401))
            with suppress(Unauthorized):
                async for _ in outcomes:
                    pass
        assert clock() < 3
        assert not circuit_of(client)._waiting

    run(carry())


@pytest.mark.parametrize(("in_flight", "failures"), [(64, 5), (64, 2)])
def test_under_faults_at_random_a_run_comes_to_its_end(in_flight, failures):
    """Half of all requests fail, the vendor is not down, and the circuit opens all the same."""

    def carried(failures, seed):
        random.seed(seed)
        draw = random.Random(seed)
        events = []
        vendor = Vendor(faults=draw.choices(["ok", "503"], k=20_000), latency=0.1)
        policy = RetryPolicy(circuit_failures=failures, attempts=40)
        client = make_client(
            vendor, quota=quota(in_flight), settings=Settings(retry=policy, on_event=events.append)
        )

        async def carry():
            report = await client.put(ids(10_000))
            assert report.ok
            return clock()

        return run(carry()), sum(isinstance(event, CircuitChanged) and event.open for event in events)

    without = [carried(0, seed) for seed in range(2)]
    with_it = [carried(failures, seed) for seed in range(2)]
    assert sum(took for took, _ in with_it) < 4 * sum(took for took, _ in without)
    assert sum(opened for _, opened in with_it) > 0


@pytest.mark.parametrize("failures", [0, 1, 12])
def test_how_many_failures_open_it_is_set_and_nought_is_never(failures):
    vendor = Vendor()
    vendor.down = "no connection"
    policy = RetryPolicy(attempts=1, circuit_failures=failures)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        for at in range(30):
            if at == failures > 0:
                circuit_of(client).probe_at = clock() + 1000
            with pytest.raises(CircuitOpen if at >= failures > 0 else ConnectionFailed):
                await client.one(f"k{at}")

    run(carry())
    assert len(vendor.asked) == (failures or 30)


def test_who_has_switched_it_off_is_not_stopped_by_that_of_another():
    vendor = Vendor(latency=0.1)
    client = make_client(vendor, quota=quota(in_flight=5))
    other = make_client(
        vendor, quota=quota(in_flight=5), settings=Settings(retry=RetryPolicy(circuit_failures=0, attempts=3))
    )

    async def carry():
        vendor.down = "no connection"
        calls = [client.one(f"opens-{n}") for n in range(5)] + [other.one(f"waits-{n}") for n in range(20)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert circuit_of(client).open
        assert {type(answer) for answer in answers} == {ConnectionFailed}
        assert len([1 for _, body in vendor.asked if b"waits" in body]) == 60

    run(carry())


def test_all_clients_and_quotas_of_an_account_share_it_and_no_other_account():
    vendor = Vendor()

    async def carry():
        client = make_client(vendor)
        same = make_client(vendor, quota=quota(name="another"))
        stranger = make_client(vendor, account="b")
        await open_it(client, vendor)
        circuit_of(client).probe_at = clock() + 10
        vendor.down = None
        for told in (same, same.with_options(deadline=3), client.with_options(deadline=3)):
            with pytest.raises(CircuitOpen):
                await told.one("k1")
        await stranger.one("k1")

    run(carry())


def test_nothing_is_kept_of_ten_thousand_accounts():
    vendor = Vendor()

    async def carry():
        for number in range(10_000):
            circuit_breaker_for(f"account {number}", "Scripted").failures = 3
        gc.collect()
        kept = module._circuits[asyncio.get_running_loop()]
        assert len(kept) <= 1
        client = make_client(vendor)
        await client.one("k1")
        assert len(kept) == 1 + len([key for key in kept if key.startswith("account")])
        await client.aclose()
        del client
        gc.collect()
        assert not kept

    run(carry())


def test_a_circuit_needs_no_loop_before_it_is_asked():
    circuit = CircuitBreaker("Scripted")
    assert (circuit.open, repr(circuit)) == (False, "<Circuit closed, 0 failures in a row>")


@settings(max_examples=examples(600), deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.1, 8), st.sampled_from([None, "503", "no connection", "lost before"])),
        max_size=8,
    ),
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.05, 1.0]),  # seconds after the one before
            st.sampled_from(["call", "one", "bulk"]),
            st.none() | st.none() | st.sampled_from([0.0, 0.5, 3.0]),  # cancelled after so long
            st.none() | st.none() | st.sampled_from([0.3, 2.0, 10.0]),  # its deadline
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 5),
    st.integers(1, 6),
    st.none() | st.integers(2, 8),
)
def test_whatever_comes_nobody_sleeps_for_good_and_nothing_is_left(outages, asked, failures, in_flight, rate):
    vendor = Vendor(rate=rate, latency=0.05)
    policy = RetryPolicy(attempts=3, first_wait=0.2, longest_wait=2, circuit_failures=failures)
    client = make_client(vendor, quota=quota(in_flight, rate), settings=Settings(retry=policy))

    async def ask(number, kind, seconds):
        view = client.with_options(deadline=seconds)
        items = [f"{number}-{at}" for at in range(45 if kind == "bulk" else 1)]
        (answer,) = await asyncio.gather(
            view.one(items[0]) if kind == "call" else whole(view, items), return_exceptions=True
        )
        match answer:
            case CircuitOpen() | DeadlineExceeded():
                assert not any(vendor.applied[item, 0] for item in items)
            case RunFailed(report=report):
                assert report.settled == report.items
                assert report.requests
            case NetaudienceError() | None:
                pass
            case _:
                assert answer.ok

    async def whole(view, items):
        return await view.put(items)

    async def go_down():
        for seconds, fault in outages:
            vendor.down = fault
            await asyncio.sleep(seconds)
        vendor.down = None

    async def carry():
        await client.one("first")
        outage = asyncio.create_task(go_down())
        tasks = []
        for number, (wait, kind, cancelled_after, seconds) in enumerate(asked):
            await asyncio.sleep(wait)
            task = asyncio.create_task(ask(number, kind, seconds))
            if cancelled_after is not None:
                asyncio.get_running_loop().call_later(cancelled_after, task.cancel)
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert task.cancelled() or task.exception() is None
        await outage
        assert asyncio.all_tasks() == {asyncio.current_task()}
        circuit, limiter = circuit_of(client), client._held[asyncio.get_running_loop()].limiters["test"]
        assert not circuit._waiting
        assert circuit._prober is None
        assert not limiter.in_flight
        assert not limiter._urgent.waiters
        assert not limiter._bulk.waiters
        assert not circuit.open or circuit.probe_at - clock() <= 2
        await asyncio.sleep(3)
        await client.put(iter(ids(60)))

    run(carry())
    assert not vendor.broken


def test_bulk_of_one_item_a_request_waits_too():
    vendor = Vendor()
    client = make_client(vendor, limit=Limit(rows=assumed(1, "test")), quota=quota(rate=50))

    async def carry():
        task = asyncio.create_task(client.one.each(ids(200)).settled())
        await asyncio.sleep(1)
        vendor.down = "no connection"
        await asyncio.sleep(3)
        vendor.down = None
        return await task

    assert run(carry()).ok


def test_a_vendor_that_asks_for_days_ends_runs_and_is_asked_again_by_calls_before_that():
    vendor = Vendor()
    client = make_client(vendor, settings=Settings(retry=RetryPolicy(circuit_failures=1)))
    client.classify = lambda answer: (
        Unavailable("Scripted", 503, retry_after=100_000.0) if answer.status == 503 else None
    )

    async def carry():
        vendor.down = "503"
        with suppress(Unavailable):
            await client.one("k0")
        before = clock()
        report = await client.put(ids(100)).settled()
        assert clock() - before < 1
        assert isinstance(report.stopped, CircuitOpen)
        assert (report.delivered, report.requests) == (0, 0)
        with pytest.raises(CircuitOpen) as caught:
            await client.one("k1")
        assert caught.value.seconds <= 900
        vendor.down = None
        await asyncio.sleep(901)
        await client.one("k2")
        assert (await client.put(ids(100))).ok

    run(carry())
