"""Another's cancellation is a failure like any other; one's own passes. Nothing ends without a word."""

import asyncio
import concurrent.futures
import json
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run
from yarl import URL

from netaudience import (
    ConnectionFailed,
    Delivered,
    Failed,
    InDoubt,
    NetmeraClient,
    NotSent,
    Rejected,
    RunFailed,
    Settings,
    SourceFailed,
)
from netaudience.consumers import DeadLetters, DeadLettersFailed
from netaudience.engine.bearer_token import TokenTransport
from netaudience.errors import Refused
from netaudience.jobs.deliver.fan_out import FanOut
from netaudience.jobs.deliver.row_queue import RowQueue
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.map.items import MappedPage
from netaudience.jobs.state.summary import StepSummary
from netaudience.model.limits import Limit, assumed
from netaudience.model.wire import Prepared, Response
from netaudience.sync import NetmeraClient as BlockingNetmera


async def cancelled_elsewhere():
    """Await a task that somebody else cancels, as a pool that is closed does with its readers."""
    task = asyncio.ensure_future(asyncio.sleep(10))
    asyncio.get_running_loop().call_later(0.01, task.cancel)
    await task


async def items(count, at):
    for number in range(count):
        if number == at:
            await cancelled_elsewhere()
        yield f"k{number}"


async def pages(count, at):
    for first in range(0, count, 20):
        if first == at:
            await cancelled_elsewhere()
        yield [f"k{number}" for number in range(first, first + 20)]


def plain(count, at):
    for number in range(count):
        if number == at:
            raise asyncio.CancelledError  # as Future.result() does of an asyncio future
        yield f"k{number}"


class Unopened:
    """A source that is cancelled before it gives anything."""

    def __aiter__(self):
        raise asyncio.CancelledError

    async def __anext__(self):
        raise AssertionError


SOURCES = {"items": items, "pages": pages, "plain": plain}


@pytest.mark.parametrize("reading", ["awaited", "settled", "streamed", "journaled"])
@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_in_which_something_is_cancelled_has_failed(tmp_path, kind, reading):
    async def go():
        source = make_client(ScriptedVendor()).put(SOURCES[kind](100, 60))
        if reading == "awaited":
            with pytest.raises(RunFailed) as caught:
                await source
            return caught.value.report
        if reading == "settled":
            return await source.settled()
        if reading == "journaled":
            source = source.journaled(tmp_path / "run.sqlite")
        async with source as outcomes:
            told = []
            with pytest.raises(SourceFailed, match="raised CancelledError after 60 items"):
                async for outcome in outcomes:
                    told.append(outcome.position)
            assert sorted(told) == list(range(60))
        return outcomes.report

    report = run(go())
    assert not report.ok
    assert isinstance(report.stopped, SourceFailed)
    assert isinstance(report.stopped.__cause__, asyncio.CancelledError)
    assert (report.items, report.delivered, report.exhausted) == (60, 60, True)


def test_a_source_that_is_cancelled_before_it_begins_has_failed():
    report = run(make_client(ScriptedVendor()).put(Unopened()).settled())
    assert isinstance(report.stopped, SourceFailed)


def test_the_end_of_a_futures_executor_is_a_failed_source_too():
    def read():
        yield "k1"
        raise concurrent.futures.CancelledError

    report = run(make_client(ScriptedVendor()).put(read()).settled())
    assert (report.delivered, type(report.stopped)) == (1, SourceFailed)


def test_ones_own_cancellation_passes_through_a_source():
    ended = []

    async def endless():
        try:
            while True:
                yield "k1"
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def go():
        task = asyncio.create_task(make_client(ScriptedVendor()).put(endless()).settled())
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.wait((task,))
        return task.cancelled()

    assert run(go())
    assert ended == ["cancelled"]


@pytest.mark.parametrize(("idempotent", "outcome"), [(True, Delivered), (False, InDoubt)])
def test_a_request_that_is_cancelled_beneath_the_run_is_in_doubt(idempotent, outcome):
    class Breaking(ScriptedVendor):
        broke = False

        async def send(self, request):
            answer = await super().send(request)
            if not self.broke:
                self.broke = True
                await cancelled_elsewhere()
            return answer

    async def go():
        client = make_client(Breaking(), idempotent=idempotent)
        async with client.put([f"k{number}" for number in range(30)]) as outcomes:
            return [outcome async for outcome in outcomes], outcomes.report

    told, report = run(go())
    assert Counter(type(one) for one in told) == (
        {Delivered: 30} if outcome is Delivered else {Delivered: 20, InDoubt: 10}
    )
    assert report.settled == report.items == 30


def test_a_call_that_is_cancelled_beneath_itself_does_not_look_cancelled():
    class Breaking(ScriptedVendor):
        async def send(self, request):
            await cancelled_elsewhere()

    async def go():
        client = make_client(Breaking(), idempotent=False)
        async with (
            asyncio.TaskGroup() as group
        ):  # it would leave out a task that was cancelled, without a word
            group.create_task(client.one("k1"))

    with pytest.raises(ExceptionGroup) as caught:
        run(go())
    (error,) = caught.value.exceptions
    assert "cancelled by another part of the program" in str(error)


@settings(max_examples=examples(150), deadline=None)
@given(
    turns=st.integers(0, 60),
    which=st.integers(0, 3),
    idempotent=st.booleans(),
    journal=st.booleans(),
    keyed=st.booleans(),
)
def test_a_worker_that_somebody_cancels_stops_the_run_and_every_item_is_told_once(
    tmp_path_factory, turns, which, idempotent, journal, keyed
):
    path = tmp_path_factory.mktemp("journal") / "run.sqlite"
    count = 60
    rows = (
        [{"key": f"k{at % 40}", "value": at} for at in range(count)]
        if keyed
        else [f"k{at}" for at in range(count)]
    )

    async def go():
        vendor = ScriptedVendor(latency=0.1, jitter=0.1, seed=turns)
        limit = Limit(rows=assumed(5, "test"))
        carrying = make_client(vendor, idempotent=idempotent, keyed=keyed, limit=limit).put(iter(rows))
        if journal:
            carrying = carrying.journaled(path)
        told, error = [], None
        async with carrying as outcomes:

            async def cancel():
                for _ in range(turns):
                    await asyncio.sleep(0.01 if turns % 2 else 0)
                workers = [task for task in asyncio.all_tasks() if task.get_name() == "netaudience worker"]
                for task in workers[which : which + 1]:
                    task.cancel()
                return bool(workers[which : which + 1])

            cancelling = asyncio.create_task(cancel())
            try:
                async for outcome in outcomes:
                    told.append(outcome)
            except NotSent as stopped:
                error = stopped
            cancelled = await cancelling
        return vendor, told, error, cancelled, outcomes.report

    vendor, told, error, cancelled, report = run(go())
    positions = Counter(outcome.position for outcome in told)
    assert max(positions.values(), default=1) == 1
    assert report.settled + report.unsent == report.items
    assert len(told) == report.settled
    whole = len(told) == count and all(isinstance(outcome, Delivered) for outcome in told)
    assert report.ok == whole or (report.stopped is not None and cancelled)
    assert (error is None) == (report.stopped is None)
    if not whole:
        assert "cancelled a task of this run" in str(report.stopped)
    applied = sum(vendor.applied.values())
    delivered = sum(isinstance(outcome, Delivered) for outcome in told)
    assert delivered <= applied <= delivered + sum(isinstance(outcome, InDoubt) for outcome in told)


def test_a_batcher_whose_task_somebody_cancels_settles_everything_and_closes():
    async def go():
        sink = make_client(ScriptedVendor(latency=5)).put.batcher(linger=0.1)
        futures = [await sink.put(f"k{number}") for number in range(15)]
        await asyncio.sleep(1)
        closing = asyncio.create_task(sink.aclose())
        await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("netaudience batcher"):
                task.cancel()
        await closing  # nobody has cancelled who closes
        return await asyncio.gather(*futures)

    told = run(go())
    assert len(told) == 15
    assert {type(outcome) for outcome in told} <= {InDoubt, Failed}


@pytest.mark.parametrize("turns", range(6))
def test_a_batcher_whose_worker_somebody_cancels_goes_on_with_the_next_item(turns):
    async def go():
        sink = make_client(ScriptedVendor(latency=0.5)).put.batcher(linger=0.0)
        futures = [await sink.put(f"k{number}") for number in range(15)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            if task.get_name() == "netaudience worker":
                task.cancel()
        first = await asyncio.gather(*futures)
        again = await (await sink.put("k99"))
        await sink.aclose()
        return first, again

    first, again = run(go())
    assert len(first) == 15
    assert isinstance(again, Delivered)


class Tokens:
    """A vendor whose requests for a token are cancelled beneath it, so many times."""

    def __init__(self, cancelled):
        self.cancelled = cancelled
        self.sent = 0

    async def send(self, request):
        if "token" in str(request.url):
            if self.cancelled:
                self.cancelled -= 1
                await cancelled_elsewhere()
            return Response(200, {}, b'"token"')
        self.sent += 1
        return Response(200, {}, b"")

    async def aclose(self):
        pass


def token_transport(inner):
    return TokenTransport(
        inner,
        ask=lambda: Prepared("POST", URL("https://vendor.example/token"), {}, b"", 30.0, 1000),
        read=lambda response: (json.loads(response.body), 3600.0),
    )


def request():
    return Prepared("POST", URL("https://vendor.example/put"), {}, b"{}", 30.0, 1000)


def test_a_token_whose_request_is_cancelled_beneath_it_is_told_and_asked_for_again():
    async def go():
        inner = Tokens(cancelled=1)
        transport = token_transport(inner)
        first = await asyncio.gather(*(transport.send(request()) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in first] == [ConnectionFailed] * 3
        assert inner.sent == 0
        return await transport.send(request())

    assert run(go()).status == 200


def test_a_token_whose_task_somebody_cancels_cancels_none_of_those_who_wait():
    async def go():
        inner = Tokens(cancelled=1)
        transport = token_transport(inner)
        waiting = [asyncio.create_task(transport.send(request())) for _ in range(3)]
        await asyncio.sleep(0.005)
        for task in asyncio.all_tasks() - {asyncio.current_task(), *waiting}:
            task.cancel()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(one) for one in run(go())] == [ConnectionFailed] * 3


def test_a_hook_that_raises_a_cancellation_is_logged_like_any_other_mistake(caplog):
    def hook(_event):
        raise asyncio.CancelledError

    report = run(make_client(ScriptedVendor(), settings=Settings(on_event=hook)).put(["k1"]).settled())
    assert report.ok
    assert "The hook for events raised" in caplog.text


LETTER = Rejected(0, "id1", Refused("Netmera", 400, code=5016), "id1")
GIVEN = NetmeraClient("key").tag_users.given(tag="Sport")


@pytest.mark.parametrize("turns", range(4))
def test_dead_letters_whose_writer_somebody_cancels_are_told_to_those_who_wait(tmp_path, turns):
    release = threading.Event()

    def publish(_letter):
        release.wait(10)

    async def go():
        async with DeadLetters(publish) as dead_letters:
            keeping = [
                asyncio.create_task(dead_letters.may_acknowledge(LETTER, GIVEN, str(number)))
                for number in range(3)
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in asyncio.all_tasks():
                if task.get_name() == "netaudience dead letters":
                    task.cancel()
            release.set()
            return await asyncio.wait_for(asyncio.gather(*keeping, return_exceptions=True), 20)

    told = asyncio.run(go())
    assert all(one is True or isinstance(one, DeadLettersFailed) for one in told)
    if turns in {2, 3}:
        assert any(isinstance(one, DeadLettersFailed) for one in told)


def test_a_publisher_of_dead_letters_that_is_cancelled_has_failed():
    async def publish(_letter):
        await cancelled_elsewhere()

    async def go():
        async with DeadLetters(publish) as dead_letters:
            with pytest.raises(DeadLettersFailed, match="cancelled the keeping of dead letters"):
                await asyncio.wait_for(dead_letters.may_acknowledge(LETTER, GIVEN), 20)

    asyncio.run(go())


class Answering:
    async def send(self, _request, /):
        return Response(200, {}, b"")

    async def aclose(self):
        pass


def test_a_blocking_clients_source_that_raises_a_cancellation_has_failed():
    with BlockingNetmera("key", transport=Answering()) as client:
        report = client.tag_users.settled(plain(100, 60), tag="x")
    assert (report.delivered, type(report.stopped)) == (60, SourceFailed)


class FedRunner:
    """What a stage asks of a runner: it takes all that its feed gives."""

    def __init__(self):
        self.feed = RowQueue(None, lambda _: None, lambda *_: None)
        self.order = SimpleNamespace(name="step")
        self.summary = StepSummary(
            name="step", vendor="v", operation="o", mode="all", acknowledges="accepted"
        )
        self.taken = 0

    async def carry(self):
        async for page in self.feed.pages():
            self.taken += len(page)


def test_a_jobs_source_that_raises_a_cancellation_has_failed():
    def read():
        yield [[{"row": 1}, {"row": 2}]]
        raise asyncio.CancelledError

    runner = FedRunner()
    stage = FanOut([runner], read(), [lambda rows: MappedPage(["k1", "k2"], rows, [])], Threads())
    asyncio.run(asyncio.wait_for(stage.run(), 20))
    assert (runner.taken, runner.feed.complete) == (2, False)
    assert "raised CancelledError" in runner.summary.stopped


def test_rows_that_are_read_while_a_run_is_stopped_are_left_to_be_told():
    runner = FedRunner()

    def read():
        yield [[{"row": 1}, {"row": 2}]]

    class LateThreads(Threads):
        """Its threads begin when somebody has stopped the run since they were asked."""

        async def call(self, function):
            def late():
                runner.feed.close()
                return function()

            return await super().call(late)

    stage = FanOut([runner], read(), [lambda rows: MappedPage(["k1", "k2"], rows, [])], LateThreads())
    asyncio.run(asyncio.wait_for(stage.run(), 20))
    assert runner.taken == 0
    assert runner.feed.rows == 2
    assert [row for row, _ in runner.feed.left()] == [{"row": 1}, {"row": 2}]


def test_a_jobs_reading_that_somebody_cancels_has_failed_and_nobody_waits_for_more():
    release = threading.Event()

    def read():
        yield [[{"row": 1}, {"row": 2}]]
        release.wait(10)

    async def go():
        runner = FedRunner()
        stage = FanOut([runner], read(), [lambda rows: MappedPage(["k1", "k2"], rows, [])], Threads())
        running = asyncio.create_task(stage.run())
        while not runner.taken:
            await asyncio.sleep(0.001)
        for task in asyncio.all_tasks():
            if task.get_name() == "netaudience reader":
                task.cancel()
        await asyncio.wait_for(running, 20)
        release.set()
        return runner

    assert "raised CancelledError" in asyncio.run(go()).summary.stopped
