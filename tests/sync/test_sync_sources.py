"""Where a blocking client reads the caller's items: in the caller's thread, and never too far."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from types import SimpleNamespace

import pytest
from held import FREE, AtOnce, Held
from multidict import CIMultiDict

from netaudience import (
    ConfigurationError,
    DeadlineExceeded,
    EmptySource,
    RunFailed,
    Settings,
    SourceFailed,
    Unauthorized,
)
from netaudience.engine.loop_thread import Conversation, portal
from netaudience.model.wire import Response
from netaudience.sync import NetmeraClient


@pytest.fixture
def client():
    with NetmeraClient("key of the sources", settings=FREE, transport=AtOnce()) as made:
        yield made


class Lazy:
    """As a QuerySet is: it has a length, and reading it asks a database."""

    def __init__(self, items):
        self.items = items
        self.read_by = set()

    def __len__(self):
        raise AssertionError("nobody may ask: this alone would read everything")

    def __iter__(self):
        for item in self.items:
            self.read_by.add(threading.current_thread())
            yield item


def test_what_may_block_is_read_in_the_callers_thread(client):
    source = Lazy([f"id{number}" for number in range(2500)])
    report = client.tag_users(source, tag="x")
    assert (report.items, report.delivered, report.requests) == (2500, 2500, 3)
    assert source.read_by == {threading.current_thread()}


@pytest.mark.parametrize("make", [list, tuple, set, frozenset, iter, dict.fromkeys(()).__class__.fromkeys])
def test_every_kind_of_source_gives_all_its_items(client, make):
    given = make(["a", "b", "c"])
    if isinstance(given, dict):
        given = given.keys()
    assert client.tag_users(given, tag="x").delivered == 3


class Slow:
    """Takes longer than a page may: to begin, as a QuerySet that asks its database, or before an item."""

    def __init__(self, passes, begins, items):
        self.passes, self.begins, self.items = passes, begins, items

    def __iter__(self):
        if self.begins:
            self.passes(10)
        return self.slowly()

    def slowly(self):
        for item in self.items:
            if not self.begins:
                self.passes(10)
            yield item


@pytest.mark.parametrize("begins", [True, False], ids=["at its begin", "before each item"])
@pytest.mark.parametrize("count", [1, 70])
def test_a_source_that_is_slow_gives_all_its_items(client, monkeypatch, begins, count):
    """A process that stood still is the same: each look at the clock is late."""
    late = 0.0

    def passes(seconds=0.2):
        nonlocal late
        late += seconds
        return late

    monkeypatch.setattr("netaudience.operations.blocking.time", SimpleNamespace(monotonic=passes))
    report = client.tag_users(Slow(passes, begins, [f"id{number}" for number in range(count)]), tag="x")
    assert (report.items, report.delivered) == (count, count)


def test_a_call_for_each_of_a_generator(client):
    report = client.enable_push.each(f"id{number}" for number in range(1100))
    assert (report.delivered, report.requests) == (1100, 1100)


def test_a_source_that_raises_loses_nothing_that_it_gave_before(client):
    def source():
        yield from (f"id{number}" for number in range(700))
        raise LookupError("no more rows")

    with pytest.raises(RunFailed) as raised:
        client.tag_users(source(), tag="x")
    report = raised.value.report
    assert (report.items, report.delivered) == (700, 700)
    assert isinstance(report.stopped, SourceFailed)
    assert isinstance(report.stopped.__cause__, LookupError)


@pytest.mark.parametrize("error", [StopAsyncIteration, StopIteration])
def test_an_error_that_looks_like_an_end_is_none(client, error):
    class Source:
        def __init__(self):
            self.given = 0

        def __iter__(self):
            if error is StopIteration:
                raise StopIteration
            return self

        def __next__(self):
            self.given += 1
            if self.given == 3:
                raise error
            return "id"

    report = client.tag_users.settled(Source(), tag="x")
    assert isinstance(report.stopped, SourceFailed)
    assert error.__name__ in str(report.stopped.__cause__)


def test_what_cannot_be_iterated_begins_with_an_error_of_the_callers(client):
    class Broken:
        def __iter__(self):
            raise OSError("the cursor is closed")

    report = client.tag_users.settled(Broken(), tag="x")
    assert isinstance(report.stopped.__cause__, OSError)


async def _later():
    yield "a"


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        pytest.param(_later(), "cannot read: give an iterable", id="an async iterable"),
        pytest.param("abc", r"one str, not a list of items: write \[ext_id\]", id="a text"),
        pytest.param({"a": 1}, "one dict, not a list", id="a mapping"),
        pytest.param(5, "cannot be read item by item", id="a number"),
    ],
)
def test_what_is_no_source_is_refused(client, items, sentence):
    for read in (client.tag_users, client.tag_users.settled):
        with pytest.raises(ConfigurationError, match=sentence):
            read(items, tag="x")
    with (
        pytest.raises(ConfigurationError, match=sentence),
        client.tag_users.outcomes(items, tag="x"),
    ):
        raise AssertionError
    assert client._opened.sent == 0


def test_an_empty_source_is_an_error_and_is_none_where_it_is_meant(client):
    with pytest.raises(EmptySource):
        client.tag_users(iter(()), tag="x")
    settings = Settings(allow_empty=True)
    with NetmeraClient("key of the empty", settings=settings, transport=AtOnce()) as other:
        assert other.tag_users(iter(()), tag="x").ok


def test_an_operation_may_be_called_while_its_neighbour_reads(client):
    def source():
        for number in range(3):
            client.untag_users([f"id{number}"], tag="x")
            yield f"id{number}"

    assert client.tag_users(source(), tag="x").delivered == 3
    assert client._opened.sent == 4


@pytest.mark.parametrize("read", ["call", "settled", "outcomes"])
def test_what_is_read_while_the_run_is_stopped_is_counted(read):
    """The run is stopped while the caller reads a page: what it read never left, and is not forgotten."""
    given = []
    reading, stopped = threading.Event(), threading.Event()

    class Refusing(AtOnce):
        async def send(self, request):
            answer = await super().send(request)
            if self.sent < 10:
                return answer
            while not reading.is_set():
                await asyncio.sleep(0)
            stopped.set()
            return Response(401, CIMultiDict(), b"")

    def source():
        for number in range(10_000):
            if number == 1300:  # in the second page, while the last chunk of the first one is on its way
                reading.set()
                assert stopped.wait(timeout=10)
                for _ in range(20):
                    Conversation(portal(), _nothing).run()
            given.append(number)
            yield f"id{number}"

    settings = Settings(rate=1_000_000, max_rows=100, in_flight=2)
    with NetmeraClient(f"key of the {read}", settings=settings, transport=Refusing()) as client:
        match read:
            case "call":
                with pytest.raises(RunFailed) as raised:
                    client.tag_users(source(), tag="x")
                report = raised.value.report
            case "settled":
                report = client.tag_users.settled(source(), tag="x")
            case _:
                with client.tag_users.outcomes(source(), tag="x") as outcomes:
                    with pytest.raises(Unauthorized):
                        list(outcomes)
                    report = outcomes.report
    assert isinstance(report.stopped, Unauthorized)
    assert len(given) == report.items == report.settled + report.unsent
    assert 1300 < report.items <= 2000
    assert report.unsent > 500


async def _nothing(_):
    pass


def test_a_deadline_ends_a_run_between_two_pages():
    def source():
        for number in range(100_000):
            given.append(number)
            yield f"id{number}"

    given = []
    settings = Settings(rate=2, max_rows=100)
    with NetmeraClient("key of the late", settings=settings, transport=AtOnce()) as client:
        report = client.with_options(deadline=0.2).tag_users.settled(source(), tag="x")
    assert isinstance(report.stopped, DeadlineExceeded)
    assert len(given) == report.items == report.settled + report.unsent < 2000


def test_an_endless_source_is_read_no_further_than_its_items_are_sent():
    given = count()
    held = Held()
    settings = Settings(rate=1_000_000, max_rows=10, in_flight=2)
    with NetmeraClient("key of the endless", settings=settings, transport=held) as client:
        calls = threading.Thread(
            target=_closed, args=(client, (f"id{next(given)}" for _ in count())), daemon=True
        )
        calls.start()
        assert held.came.acquire(timeout=10)
        assert held.came.acquire(timeout=10)
        # Both requests are out and neither is answered: nobody asks for more. One page was read, or two.
        client.close()
        calls.join(timeout=10)
    assert next(given) <= 2 * 1000
    assert (held.under_way, held.cancelled) == (0, 2)


def _closed(client, source):
    with pytest.raises(Exception, match="closed by another thread"):
        client.tag_users(source, tag="x")
