"""What those who watch are told, in whose context, and that a watcher's mistake is nobody else's."""

import asyncio
import logging
from contextvars import ContextVar

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import AnswerLost, Refused, RetryPolicy, RunFailed, Settings, Unavailable, Unreadable
from netaudience.engine.bearer_token import TokenTransport
from netaudience.events import (
    ChunkEnded,
    ChunkStarted,
    Paused,
    RequestEnded,
    RunEnded,
    RunStarted,
    hooks,
)
from netaudience.model.limits import Limit, assumed
from netaudience.model.wire import Prepared, Request, Response

ONCE = RetryPolicy(attempts=1)
ASKED = ContextVar("ASKED", default="nobody")


def watched(vendor, hook, retry=None, **how):
    settings = Settings(on_event=hook, retry=retry or RetryPolicy())
    return make_client(vendor, limit=Limit(rows=assumed(2, "test")), settings=settings, **how)


def names(events):
    return [type(event).__name__ for event in events]


def counts(event):
    return (event.delivered, event.rejected, event.failed, event.in_doubt)


def test_a_run_is_told_from_its_beginning_to_its_end():
    told = []
    client = watched(ScriptedVendor(faults=["429"]), told.append)
    run(client.put(["a", "b", "c"]).settled())
    assert isinstance(told[0], RunStarted)
    assert isinstance(told[-1], RunEnded)
    assert counts(told[-1]) == (3, 0, 0, 0)
    assert told[-1].items == 3
    chunks = {event.chunk: event.records for event in told if isinstance(event, ChunkStarted)}
    assert chunks == {1: 2, 2: 1}
    assert {event.chunk: counts(event)[0] for event in told if isinstance(event, ChunkEnded)} == chunks
    requests = [event for event in told if isinstance(event, RequestEnded)]
    assert sorted((event.chunk, event.repeated, event.error) for event in requests) in (
        [(1, False, "Throttled"), (1, True, None), (2, False, None)],
        [(1, False, None), (2, False, "Throttled"), (2, True, None)],
    )
    assert {(event.method, event.host, event.port) for event in requests} == {("POST", "vendor.example", 443)}
    assert len([event for event in told if isinstance(event, Paused)]) == 1
    assert len({event.run for event in told if not isinstance(event, Paused)}) == 1


@pytest.mark.parametrize(
    ("vendor", "error", "outcome"),
    [
        (ScriptedVendor(), None, (1, 0, 0, 0)),
        (ScriptedVendor(poison=["a"]), Refused, (0, 1, 0, 0)),
        (ScriptedVendor(faults=["503"]), Unavailable, (0, 0, 1, 0)),
        (ScriptedVendor(faults=["lost after"]), AnswerLost, (0, 0, 0, 1)),
    ],
    ids=["taken", "refused", "unavailable", "lost"],
)
def test_a_call_is_told_as_what_became_of_it(vendor, error, outcome):
    told = []
    client = watched(vendor, told.append, ONCE)

    async def carry():
        if error is None:
            await client.one("a")
        else:
            with pytest.raises(error):
                await client.one("a")

    run(carry())
    assert names(told) == ["RunStarted", "RequestEnded", "RunEnded"]
    assert counts(told[-1]) == outcome
    assert told[-1].items == 1
    assert (told[-1].error is None) is (error is None)


def test_a_call_whose_answer_cannot_be_read_is_in_doubt():
    class Mumbling(ScriptedVendor):
        async def send(self, request):
            return Response(200, {}, b"{")

    told = []
    client = watched(Mumbling(), told.append, ONCE)
    type(client).one.function = lambda *_: Request(json={"rows": []}, answer=dict)

    async def carry():
        with pytest.raises(Unreadable):
            await client.one("a")

    run(carry())
    assert counts(told[-1]) == (0, 0, 0, 1)


@pytest.mark.parametrize("times", [1, 2])
def test_the_end_is_told_even_to_those_who_are_cancelled_while_they_leave(times):
    told = []
    client = watched(ScriptedVendor(latency=10.0), told.append)

    async def carry():
        task = asyncio.create_task(client.put(["a", "b", "c"]).settled())
        await asyncio.sleep(1)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())
    assert names(told).count("RunEnded") == 1
    assert isinstance(told[-1], RunEnded)
    assert names(told).count("ChunkStarted") == names(told).count("ChunkEnded") == 2
    assert counts(told[-1]) == (0, 0, 0, 3)


def test_what_an_earlier_attempt_had_settled_is_not_told_again(tmp_path):
    told = []
    client = watched(ScriptedVendor(poison=["b"], faults=["ok", "ok"]), told.append, ONCE)
    items = ["a", "b", "c", "d", "e"]

    async def attempt():
        await client.put(items).journaled(tmp_path / "journal").settled()

    run(attempt())
    assert counts(told[-1]) == (4, 1, 0, 0)
    told.clear()
    run(attempt())
    assert counts(told[-1]) == (0, 0, 0, 0)
    assert told[-1].items == 0
    assert "ChunkStarted" not in names(told)


# In whose context.


class Watcher(logging.Handler):
    """Writes down who asked, wherever it is called: as a hook, and as a handler of the log."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def note(self, where):
        self.seen.setdefault(where, set()).add(ASKED.get())

    def __call__(self, event):
        self.note(type(event).__name__)

    def emit(self, record):
        self.note("log")

    def filter(self, record):
        self.note("filter")
        return True


class Noting(ScriptedVendor):
    """A vendor that sees who asked, as a transport sees it that adds a header of a trace."""

    watcher = None

    async def send(self, request):
        self.watcher.note("transport")
        return await super().send(request)


@pytest.fixture
def watcher():
    watcher, log = Watcher(), logging.getLogger("netaudience")
    before = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(watcher)
    yield watcher
    log.removeHandler(watcher)
    log.setLevel(before)


def reading(client, how):
    async def streamed():
        async with client.put(["a", "b", "c"]) as outcomes:
            async for _ in outcomes:
                pass

    return {
        "settled": client.put(["a", "b", "c"]).settled,
        "streamed": streamed,
        "each": client.one.each(["a", "b"]).settled,
        "call": lambda: client.one("a"),
    }[how]


@pytest.mark.parametrize("how", ["settled", "streamed", "each", "call"])
@pytest.mark.filterwarnings("ignore:The run of:RuntimeWarning")
def test_who_asked_is_seen_wherever_we_are_called(watcher, how):
    vendor = Noting(faults=["429", "503"])
    vendor.watcher = watcher
    client = watched(vendor, watcher)

    async def asked_by(name):
        ASKED.set(name)
        await reading(client, how)()

    async def both():
        await asked_by_task("first")
        await asked_by_task("second")

    def asked_by_task(name):
        return asyncio.create_task(asked_by(name))

    run(both())
    everywhere = {"RunStarted", "RequestEnded", "RunEnded", "transport"}
    if how != "call":
        everywhere |= {"ChunkStarted", "ChunkEnded"}
    for where in everywhere:
        assert watcher.seen[where] == {"first", "second"}, where
    for where in ("log", "filter", "Paused"):
        assert watcher.seen[where] == {"first"}, where


def test_who_asked_is_seen_where_a_token_is_fetched(watcher):
    class Inner:
        async def send(self, request):
            watcher.note(request.method)
            return Response(200, {}, b"")

        async def aclose(self):
            pass

    def request(method):
        return Prepared(method, "", {}, None, 1.0, 1)

    transport = TokenTransport(Inner(), ask=lambda: request("TOKEN"), read=lambda _: ("t", 60.0))

    async def carry():
        ASKED.set("first")
        await transport.send(request("GET"))

    run(carry())
    assert watcher.seen == {"TOKEN": {"first"}, "GET": {"first"}, "log": {"first"}, "filter": {"first"}}


# Watchers' mistakes.


def test_a_hook_that_raises_harms_nobody(caplog):
    def raise_always(event):
        raise RuntimeError("the watcher's own mistake")

    client = watched(ScriptedVendor(faults=["429"]), raise_always)

    async def carry():
        await client.put(["a", "b", "c"])
        await client.one("a")

    with caplog.at_level(logging.ERROR, "netaudience"):
        run(carry())
    assert "The hook for events raised" in caplog.text
    fields = {
        (record.vendor, record.operation, record.status, record.wait_seconds) for record in caplog.records
    }
    assert fields == {("Scripted", "put", None, None), ("Scripted", "one", None, None)}


def test_several_hooks_are_called_in_their_order_whatever_one_raises():
    told = []

    def wrong(event):
        told.append("wrong")
        raise ValueError("wrong")

    one = hooks(wrong, lambda event: told.append("right"))
    with pytest.raises(ValueError, match="wrong"):
        one(RunStarted(1, "Netmera", "tag_users"))
    assert told == ["wrong", "right"]
    with pytest.raises(ExceptionGroup, match="Several hooks raised"):
        hooks(wrong, wrong)(RunStarted(1, "Netmera", "tag_users"))
    hooks()(RunStarted(1, "Netmera", "tag_users"))


def test_nobody_watches_and_nothing_is_made(monkeypatch):
    """Without a hook there is nobody who tells, and so no event and no number."""

    def made(*_):
        raise AssertionError("somebody would tell nobody")

    monkeypatch.setattr("netaudience.engine.notifier.EventNotifier.__init__", made)
    client = watched(ScriptedVendor(faults=["429"], poison=["b"]), None)

    async def carry():
        with pytest.raises(RunFailed):
            await client.put(["a", "b", "c"])
        await client.one("a")

    run(carry())
