"""What becomes of requests and runs: retries, pauses, stops, divisions, and the three readings."""

import asyncio
import logging
import math
import warnings
import weakref

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import (
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    Delivered,
    EmptySource,
    Failed,
    InDoubt,
    InvalidItem,
    LimitReached,
    NetmeraClient,
    Refused,
    Rejected,
    RetryPolicy,
    RunFailed,
    ServerFault,
    Settings,
    SourceFailed,
    Throttled,
    Unauthorized,
    Unavailable,
)
from netaudience.model.limits import Limit, Quota, Window, assumed


def limit(rows):
    return Limit(rows=assumed(rows, "test"))


def quota(in_flight=4, rate=None, per=1.0):
    return Quota(
        "test",
        () if rate is None else (Window(assumed(rate, "test"), per),),
        in_flight=assumed(in_flight, "test"),
    )


def ids(count):
    return [f"k{number}" for number in range(count)]


def test_awaiting_a_run_returns_the_report_or_raises_with_it():
    vendor = ScriptedVendor(poison=["k3"])
    client = make_client(vendor)

    async def carry():
        report = await client.put(ids(3))
        assert (report.ok, report.delivered, report.items) == (True, 3, 3)
        with pytest.raises(RunFailed, match="of 5 items, 4 accepted, 1 rejected") as caught:
            await client.put(ids(5))
        assert caught.value.report.rejected == 1
        report = await client.put(ids(5)).settled()
        assert (report.ok, report.stopped, report.rejected) == (False, None, 1)

    run(carry())


def test_a_run_is_read_once_and_warns_where_it_is_never_read():
    client = make_client(ScriptedVendor())

    async def carry():
        once = client.put(ids(1))
        await once
        with pytest.raises(ConfigurationError, match="read already"):
            await once

    run(carry())
    with pytest.warns(RuntimeWarning, match="never read, so nothing was sent"):
        client.put(ids(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del carry


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ("id1", r"Scripted put was given one str, not a list of items: write \[key\]"),
        (b"id1", "given one bytes"),
        ({"key": "id1"}, "given one dict"),
        (7, "value of type int, which cannot be read item by item"),
        (None, "value of type NoneType"),
    ],
)
def test_what_is_no_collection_of_items_is_refused_at_once(items, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make_client(ScriptedVendor()).put(items)


def test_an_empty_source_is_an_error_unless_it_is_meant():
    async def carry():
        with pytest.raises(EmptySource, match="gave no item at all: look at where it comes from"):
            await make_client(ScriptedVendor()).put([])
        report = await make_client(ScriptedVendor(), settings=Settings(allow_empty=True)).put(iter([]))
        assert report.ok

    run(carry())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_source_that_raises_half_way_forgets_nothing(asynchronous):
    vendor = ScriptedVendor()
    client = make_client(vendor)

    def broken():
        yield from ids(25)
        raise OSError("disk on fire at /home/somebody")

    async def broken_async():
        for item in broken():
            yield item

    async def carry():
        with pytest.raises(RunFailed) as caught:
            await client.put(broken_async() if asynchronous else broken())
        report = caught.value.report
        assert report.delivered == report.items == 25
        assert isinstance(report.stopped, SourceFailed)
        assert isinstance(report.stopped.__cause__, OSError)
        assert "The source raised OSError after 25 items" in str(report.stopped)
        assert "somebody" not in str(caught.value)

    run(carry())


@pytest.mark.parametrize("count", [1000, 999, 2, 3])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_one_poison_item_costs_few_requests_and_no_innocent_item(count, where):
    at = {"first": 0, "middle": count // 2, "last": count - 1}[where]
    vendor = ScriptedVendor(poison=[f"k{at}"])
    client = make_client(vendor, limit=limit(1000))

    async def carry():
        return await client.put(ids(count)).settled()

    report = run(carry())
    assert report.delivered == count - 1
    assert [outcome.position for outcome in report.undelivered] == [at]
    assert isinstance(report.undelivered[0], Rejected)
    assert vendor.requests <= 2 * math.ceil(math.log2(count)) + 1
    assert all(times == 1 for times in vendor.applied.values())


def test_halves_keep_the_order_of_the_items():
    vendor = ScriptedVendor(poison=["k5"])
    client = make_client(vendor, limit=limit(64), keyed=True)
    rows = [{"key": f"k{number % 16}", "value": number} for number in range(64)]
    rows = [row for row in rows if row["key"] != "k5" or row["value"] == 5]

    async def carry():
        return await client.put(rows).settled()

    report = run(carry())
    assert report.rejected == 1
    assert all(values == sorted(values) for values in vendor.order.values())


def test_a_chunk_of_which_all_is_wrong_does_not_cost_a_request_per_item():
    vendor = ScriptedVendor(poison=ids(5000))
    client = make_client(vendor, limit=limit(1000))

    async def carry():
        return await client.put(ids(5000)).settled()

    report = run(carry())
    assert vendor.requests <= 200
    assert isinstance(report.stopped, Refused)
    assert "requests in a row were refused for this reason and none was taken" in str(report.stopped)
    assert report.rejected + report.failed == report.items
    assert report.delivered == 0


def test_a_bad_stretch_in_a_good_run_does_not_stop_it():
    vendor = ScriptedVendor(poison=[f"k{number}" for number in range(2000, 3000)])
    client = make_client(vendor, limit=limit(1000))

    async def carry():
        return await client.put(ids(20_000)).settled()

    report = run(carry())
    assert report.stopped is None
    assert report.delivered == 19_000
    assert report.rejected + report.failed == 1000
    assert vendor.requests <= 100


@pytest.mark.parametrize(
    ("in_flight", "first", "every"), [(1, 3, 10), (12, 0, 256), (32, 255, 256), (32, 3, 10), (128, 0, 256)]
)
def test_bad_items_scattered_over_a_good_run_do_not_stop_it(in_flight, first, every):
    """However many chunks are searched at one time: each is refused nine times before a part is taken."""
    count = max(2560, in_flight * 256 + 1)
    bad = {f"k{number}" for number in range(first, count, every)}
    vendor = ScriptedVendor(poison=bad, in_flight=in_flight)
    client = make_client(vendor, limit=limit(256), quota=quota(in_flight=in_flight))

    async def carry():
        return await client.put(ids(count)).settled()

    report = run(carry())
    assert report.stopped is None
    assert (report.delivered, report.rejected) == (count - len(bad), len(bad))


def test_what_was_not_sent_because_others_were_refused_has_failed_and_is_not_rejected():
    vendor = ScriptedVendor(poison=ids(10_000))
    client = make_client(vendor, limit=limit(1))

    async def carry():
        return await client.put(ids(10_000)).settled()

    report = run(carry())
    assert report.stopped is not None
    assert report.rejected <= vendor.requests <= 110
    assert report.rejected + report.failed == report.items


def test_single_items_that_are_all_refused_stop_the_run():
    vendor = ScriptedVendor(poison=ids(5000))
    client = make_client(vendor)

    async def carry():
        return await client.one.each(ids(5000)).settled()

    report = run(carry())
    assert 100 <= vendor.requests <= 110
    assert isinstance(report.stopped, Refused)
    assert report.settled == report.items


def test_a_refused_chunk_is_divided_where_repeating_does_harm_too():
    """What was refused was not done: no item is there twice, and none is in doubt."""
    vendor = ScriptedVendor(poison=["k3"])
    client = make_client(vendor, idempotent=False)

    async def carry():
        return await client.put(ids(10)).settled()

    report = run(carry())
    assert (report.delivered, report.rejected, report.in_doubt) == (9, 1, 0)
    assert set(vendor.applied.values()) == {1}


def test_a_throttle_pauses_every_request_of_the_quota():
    vendor = ScriptedVendor(faults=["ok", "ok", "429 later"], latency=0.1)
    clients = [make_client(vendor) for _ in range(3)]

    async def carry():
        await asyncio.gather(
            *(client.put([f"{at}-{k}" for k in ids(100)]) for at, client in enumerate(clients))
        )

    run(carry())
    (throttled,) = vendor.throttled_at
    told = throttled + 0.05  # the way back
    assert not [moment for moment in vendor.arrivals if told + 0.05 < moment < told + 2]
    assert [moment for moment in vendor.arrivals if moment >= told + 2]
    assert not vendor.broken


def test_throttles_of_one_moment_are_one_throttle_and_not_eight():
    vendor = ScriptedVendor(faults=["429"] * 8, latency=0.1)
    client = make_client(vendor, quota=quota(in_flight=8))

    async def carry():
        await client.put(ids(80))
        return asyncio.get_running_loop().time()

    assert run(carry()) < 0.1 + 0.5 + 0.1 + 0.1  # there, the longest first wait, there again


def test_a_throttled_vendor_is_waited_for_but_not_for_ever():
    vendor = ScriptedVendor(faults=["429"] * 100_000)
    client = make_client(vendor, settings=Settings(retry=RetryPolicy(throttle_patience=120)))

    async def carry():
        report = await client.put(ids(100)).settled()
        return report, asyncio.get_running_loop().time()

    report, took = run(carry())
    assert isinstance(report.stopped, Throttled)
    assert report.failed == report.items > 0
    assert not report.exhausted
    assert 100 < took < 300
    assert report.throttles == report.requests < 100


@pytest.mark.parametrize(
    ("fault", "policy"),
    [
        ("429", RetryPolicy(first_wait=0.0, throttle_patience=600)),
        ("429 at once", RetryPolicy(throttle_patience=600)),
        ("no connection", RetryPolicy(first_wait=0.0, outage_patience=600)),
    ],
)
def test_what_only_time_ends_is_not_asked_without_a_pause(fault, policy):
    vendor = ScriptedVendor(faults=[fault] * 100_000)
    client = make_client(vendor, settings=Settings(retry=policy))

    async def carry():
        report = await client.put(iter(ids(4))).settled()
        return report, asyncio.get_running_loop().time()

    report, took = run(carry())
    assert report.stopped is not None
    assert 600 <= took < 700
    assert report.requests < 150


def test_a_wait_that_is_asked_for_and_too_long_stops_at_once():
    vendor = ScriptedVendor(faults=["429 later"] * 10)
    client = make_client(vendor, settings=Settings(retry=RetryPolicy(throttle_patience=1)))

    async def carry():
        return await client.put(ids(4)).settled()

    report = run(carry())
    assert isinstance(report.stopped, Throttled)
    assert vendor.requests == 1


def test_a_dead_vendor_stops_the_run_instead_of_every_chunk_waiting_in_turn():
    vendor = ScriptedVendor(faults=["no connection"] * 10_000)
    client = make_client(vendor)

    async def carry():
        report = await client.put(ids(100_000)).settled()
        return report, asyncio.get_running_loop().time()

    report, took = run(carry())
    assert isinstance(report.stopped, ConnectionFailed)
    assert report.failed == report.items < 200
    assert took < 120


def test_a_vendor_that_comes_back_in_time_gets_everything():
    vendor = ScriptedVendor(faults=["503"] * 8 + ["no connection"] * 4)
    client = make_client(vendor)

    async def carry():
        return await client.put(ids(200))

    report = run(carry())
    assert report.delivered == 200
    assert report.retries == 12
    assert all(times == 1 for times in vendor.applied.values())


def test_unauthorised_stops_the_run_and_nothing_more_is_sent():
    vendor = ScriptedVendor(unauthorized_after=3)
    client = make_client(vendor)

    async def carry():
        with pytest.raises(RunFailed, match="did not accept the credentials") as caught:
            await client.put(ids(100_000))
        return caught.value

    failed = run(carry())
    assert isinstance(failed.__cause__, Unauthorized)
    assert vendor.requests <= 3 + 4
    report = failed.report
    assert report.delivered == 30
    assert report.failed == report.items - 30


@pytest.mark.parametrize(
    ("fault", "idempotent", "outcome", "applied"),
    [
        ("lost after", True, Delivered, {2}),
        ("lost before", True, Delivered, {1}),
        ("lost after", False, InDoubt, {1}),
        ("lost before", False, InDoubt, {0}),
        ("500", False, InDoubt, {0, 1}),
        ("503", False, Delivered, {1}),
        ("no connection", False, Delivered, {1}),
        ("429", False, Delivered, {1}),
    ],
)
def test_what_may_have_happened_is_repeated_only_where_that_does_no_harm(fault, idempotent, outcome, applied):
    vendor = ScriptedVendor(faults=[fault])
    client = make_client(vendor, idempotent=idempotent)

    async def carry():
        async with client.put(["k1"]) as stream:
            return [told async for told in stream]

    (told,) = run(carry())
    assert type(told) is outcome
    assert vendor.applied["k1", 0] in applied


def test_a_read_whose_answer_is_lost_has_failed_for_it_changes_nothing():
    class Silent(ScriptedVendor):
        async def send(self, request):
            self.arrivals.append(0)
            raise AnswerLost("The request went out and no answer came back")

    vendor = Silent()
    netmera = NetmeraClient("key", transport=vendor)

    async def carry():
        return await netmera.get_devices.each(["id1"]).settled()

    report = run(carry())
    assert (report.failed, report.in_doubt) == (1, 0)
    assert vendor.requests == RetryPolicy().attempts


def test_an_error_that_is_kept_holds_no_frame_in_which_the_request_stands():
    class Lossy(ScriptedVendor):
        async def send(self, request):
            try:
                raise OSError("reset")  # noqa: TRY301 - it needs a frame of its own
            except OSError as error:
                raise AnswerLost("The request went out and no answer came back") from error

    client = make_client(Lossy(), idempotent=False)

    async def carry():
        return await client.put(ids(10)).settled()

    report = run(carry())
    reason = report.undelivered[0].reason
    assert isinstance(reason, AnswerLost)
    assert isinstance(reason.__cause__, OSError)
    assert reason.__traceback__ is reason.__cause__.__traceback__ is None


def test_what_found_no_connection_uses_up_no_quota():
    class Away(ScriptedVendor):
        async def send(self, request):
            if asyncio.get_running_loop().time() < 5:
                raise ConnectionFailed("Nothing was sent")
            return await super().send(request)

    vendor = Away()
    windows = (Window(assumed(3, "test"), per=86_400.0),)
    limited = Quota("day", windows, in_flight=assumed(1, "test"))
    client = make_client(vendor, limit=limit(1), quota=limited)

    async def carry():
        return await client.put(ids(3)).settled()

    report = run(carry())
    assert report.ok
    assert report.requests > vendor.requests == 3


def test_answers_lost_again_and_again_leave_the_items_in_doubt():
    vendor = ScriptedVendor(faults=["lost after"] * 50)
    client = make_client(vendor)

    async def carry():
        return await client.put(["k1"]).settled()

    report = run(carry())
    assert report.in_doubt == 1
    assert vendor.applied["k1", 0] == RetryPolicy().attempts


@pytest.mark.parametrize("keyed", [False, True], ids=["identifiers", "rows"])
@pytest.mark.parametrize("rows", [20, 60])
@pytest.mark.parametrize("size", [7, 20, 60, 130])
@pytest.mark.parametrize("distinct", [1000, 40], ids=["keys once", "keys again and again"])
def test_a_page_is_the_callers_own_list_who_may_fill_it_with_others(keyed, size, rows, distinct):
    vendor = ScriptedVendor(poison=["k11"], faults=["ok", "503", "lost before"])
    client = make_client(vendor, limit=limit(rows), keyed=keyed)
    keys = [f"k{number % distinct}" for number in range(500)]
    items = [{"key": key, "value": number} for number, key in enumerate(keys)] if keyed else keys

    async def pages():
        page = []
        for at in range(0, len(items), size):
            page[:] = items[at : at + size]
            yield page
            assert page == items[at : at + size], "the list was changed"
        page[:] = [None] * size

    async def carry():
        async with client.put(pages()) as outcomes:
            async for outcome in outcomes:
                told[outcome.position] = outcome
        assert outcomes.report.stopped is None

    told = {}
    run(carry())
    assert not vendor.broken
    assert [told[position].item for position in range(len(items))] == items
    poisoned = {position for position, key in enumerate(keys) if key == "k11"}
    assert {position for position, outcome in told.items() if isinstance(outcome, Rejected)} == poisoned
    assert sum(len(values) for values in vendor.order.values()) >= len(items) - len(poisoned)


@pytest.mark.parametrize("in_pages", [False, True])
def test_a_run_that_stops_does_not_wait_for_a_source_that_has_nothing_to_give(in_pages):
    client = make_client(ScriptedVendor(unauthorized_after=0))

    async def idle():
        if in_pages:
            yield ids(12)
        else:
            for item in ids(25):
                yield item
        await asyncio.Event().wait()

    async def carry():
        report = await client.put(idle()).settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return report

    report = run(carry())
    assert isinstance(report.stopped, Unauthorized)
    assert report.failed == report.items == (12 if in_pages else 25)
    assert not report.exhausted


def test_a_caller_that_leaves_while_its_source_is_idle_is_let_go():
    client = make_client(ScriptedVendor())

    async def idle():
        for item in ids(25):
            yield item
        await asyncio.Event().wait()

    async def carry():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                async with client.put(idle()) as stream:
                    async for _ in stream:
                        pass
        return stream.report

    report = run(carry())
    assert (report.items, report.delivered, report.unsent) == (25, 20, 5)


def test_a_stream_raises_at_its_end_what_stopped_the_run():
    client = make_client(ScriptedVendor(unauthorized_after=0))

    async def carry():
        outcomes = []
        with pytest.raises(Unauthorized):
            async with client.put(ids(20)) as stream:
                async for outcome in stream:
                    outcomes.append(outcome)
        return outcomes

    outcomes = run(carry())
    assert len(outcomes) == 20
    assert all(isinstance(outcome, Failed) for outcome in outcomes)


def test_a_single_call_raises_what_happened():
    vendor = ScriptedVendor(poison=["bad"], faults=["503", "ok", "ok", "lost after"])
    client = make_client(vendor, idempotent=False)

    async def carry():
        assert await client.one("k1") is None
        with pytest.raises(Refused, match='Scripted refused the request: HTTP 400, "poison"'):
            await client.one("bad")
        with pytest.raises(AnswerLost):
            await client.one("k2")
        with pytest.raises(InvalidItem, match="is empty"):
            await client.one("")

    run(carry())
    assert vendor.requests == 4


def test_a_single_call_that_is_cancelled_gives_its_slot_back():
    vendor = ScriptedVendor(latency=10)
    client = make_client(vendor, quota=quota(in_flight=1))

    async def carry():
        task = asyncio.create_task(client.one("k1"))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.one("k2")

    run(carry())
    assert not vendor.broken


def test_a_bug_in_the_transport_surfaces_and_leaves_nothing_behind():
    class Broken(ScriptedVendor):
        async def send(self, request):
            if self.requests >= 2:
                raise ZeroDivisionError
            return await super().send(request)

    client = make_client(Broken())

    async def carry():
        with pytest.raises(ZeroDivisionError):
            await client.put(ids(1000))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


@pytest.mark.slow
def test_ten_thousand_tasks_in_one_account():
    vendor = ScriptedVendor(in_flight=4, rate=2000)
    made = {"quota": quota(in_flight=4, rate=2000)}
    client = make_client(vendor, **made)

    async def carry():
        await asyncio.gather(*(client.put([key]) for key in ids(10_000)))

    run(carry())
    assert len(vendor.applied) == 10_000
    assert not vendor.broken


def test_no_key_and_no_word_of_the_vendor_that_could_be_a_person_is_logged(caplog):
    class Talkative(ScriptedVendor):
        async def send(self, request):
            answer = await super().send(request)
            answer.body = (
                b"jane.doe@example.com 905312345678 sk_live_abc123 is not welcome"
                if answer.status != 200
                else b""
            )
            return answer

    vendor = Talkative(faults=["429", "503", "500", "lost before"], poison=["jane.doe@example.com"])
    client = make_client(vendor)
    caplog.set_level(logging.DEBUG, "netaudience")

    async def carry():
        report = await client.put(["905312345678", "jane.doe@example.com"]).settled()
        return "\n".join(
            [str(report), repr(report), *map(str, report.undelivered), *map(repr, report.undelivered)]
        )

    told = run(carry()) + caplog.text
    assert "is not welcome" in told
    for secret in ("jane", "example.com", "5312345678", "sk_live"):
        assert secret not in told


def test_an_unavailable_vendor_whose_answer_may_have_happened_is_in_doubt_only_where_it_matters():
    vendor = ScriptedVendor(faults=["500"] * 100)
    client = make_client(vendor)

    async def carry():
        return await client.put(["k1"]).settled()

    report = run(carry())
    assert isinstance(report.undelivered[0], InDoubt)
    assert isinstance(report.undelivered[0].reason, Unavailable)


def test_a_day_that_is_used_up_stops_the_run_and_the_rest_is_not_sent():
    vendor = ScriptedVendor()
    windows = (Window(assumed(100, "test"), 86_400.0),)
    client = make_client(vendor, limit=limit(1), quota=Quota("forget", windows, in_flight=assumed(4, "test")))

    async def carry():
        return await client.put(ids(120)).settled()

    report = run(carry())
    assert (report.delivered, report.failed, report.requests) == (100, 20, 100)
    assert isinstance(report.stopped, LimitReached)
    assert report.settled == report.items
    assert "send the rest then" in report.sentence()


def test_a_call_on_which_the_vendors_program_fails_is_tried_three_times():
    vendor = ScriptedVendor(faulty=["k1"])
    client = make_client(vendor)

    async def carry():
        with pytest.raises(ServerFault, match="failed on the request"):
            await client.one("k1")
        await client.one("k2")

    run(carry())
    assert vendor.requests == 4


def test_an_answer_that_is_lost_leaves_nothing_in_doubt_where_the_operation_only_reads():
    vendor = ScriptedVendor(faults=["lost after"] * 9)
    client = make_client(vendor, acknowledges="answered", settings=Settings(retry=RetryPolicy(attempts=2)))

    async def carry():
        return await client.put(ids(3)).settled()

    report = run(carry())
    assert (report.failed, report.in_doubt) == (3, 0)


def test_a_rejected_item_is_told_with_the_page_that_documents_it():
    client = make_client(ScriptedVendor())

    async def carry():
        with pytest.raises(InvalidItem, match=r"See https://example\.com$"):
            await client.one("")
        return await client.put(["", "k1", "k\n2"]).settled()

    report = run(carry())
    assert report.requests == 1
    assert [str(outcome.reason).rpartition(". See ")[2] for outcome in report.undelivered] == [
        "https://example.com"
    ] * 2


@pytest.mark.parametrize("fault", ["500", "lost before"])
def test_a_vendor_that_is_down_does_not_put_the_whole_source_in_doubt(fault):
    vendor = ScriptedVendor(faults=[fault] * 1000)
    client = make_client(vendor, idempotent=False)

    async def carry():
        return await client.put(ids(5000)).settled()

    report = run(carry())
    assert isinstance(report.stopped, Unavailable | AnswerLost)
    assert 80 <= report.in_doubt <= 120  # eight chunks of ten, and what was out beside them
    assert report.in_doubt + report.failed == report.items < 5000


def test_single_lost_answers_do_not_stop_a_run():
    vendor = ScriptedVendor(faults=["lost before", "ok"] * 50)
    client = make_client(vendor, idempotent=False)

    async def carry():
        return await client.put(ids(1000)).settled()

    report = run(carry())
    assert (report.stopped, report.in_doubt, report.delivered) == (None, 500, 500)


def test_nothing_that_a_run_keeps_grows_with_the_number_of_its_chunks():
    client = make_client(ScriptedVendor(), limit=limit(1))
    most = {}

    async def carry():
        async with client.put(iter(ids(1_000))) as outcomes:
            async for _ in outcomes:
                for name, value in vars(outcomes._pipeline).items():
                    if hasattr(value, "__len__"):
                        most[name] = max(most.get(name, 0), len(value))

    run(carry())
    assert most["_ready"] > 0
    assert {name: size for name, size in most.items() if size > 100} == {}


def most_alive(items, **options):
    """Carry 160 times 40 items, 16 requests answered in one turn of the loop; return the most alive."""
    alive, most = weakref.WeakSet(), 0

    def watched():
        nonlocal most
        for number in range(160 * 40):
            item = items(number)
            alive.add(item)
            most = max(most, len(alive))
            yield item

    client = make_client(ScriptedVendor(), limit=limit(options.pop("rows")), quota=quota(16), **options)

    async def carry():
        async with client.put(watched()) as outcomes:
            async for _ in outcomes.chunks():
                pass
        assert outcomes.report.ok

    run(carry())
    return most


def test_rows_that_are_settled_are_let_go_of_before_others_are_read():
    class Row(dict):  # which can be referred to weakly, as a dict cannot
        __hash__ = object.__hash__

    most = most_alive(lambda number: Row(key=f"k{number}", value=number), rows=40, keyed=True)
    assert most <= (16 + 2) * 40, "16 requests are out, one is made, and one is looked at"


def test_identifiers_are_let_go_of_when_their_request_is_made():
    class Id(str):
        __slots__ = ("__weakref__",)

    assert most_alive(lambda number: Id(f"k{number}"), rows=80) <= 2 * 80


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.put([], unknown=1),
        lambda client: client.put.given(unknown=1),
        lambda client: client.one.each([], unknown=1),
        lambda client: client.one.given(unknown=1),
    ],
    ids=["batch", "batch given", "each", "call given"],
)
def test_an_argument_that_there_is_not_is_an_error_at_the_call(ask):
    with pytest.raises(TypeError, match="unknown"):
        ask(make_client(ScriptedVendor()))
