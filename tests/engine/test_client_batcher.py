"""A batcher of many operations: one order per user, and changes that become one."""

import asyncio
import json
import random
from collections import Counter, defaultdict
from contextvars import ContextVar

import attrs
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from netaudience import (
    AnswerLost,
    BatcherClosed,
    BatcherFull,
    ClientBatcher,
    ConfigurationError,
    ConnectionFailed,
    Delivered,
    Failed,
    InDoubt,
    Rejected,
    RetryPolicy,
    Settings,
    Throttled,
    Unauthorized,
    Unavailable,
)
from netaudience.client import Client
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, assumed
from netaudience.model.rows import Rows
from netaudience.model.validators import identifier, json_object
from netaudience.model.wire import Request, Response
from netaudience.operations.declare import batch, call


@attrs.frozen
class Update:
    id: str = attrs.field(validator=identifier("id"))
    values: dict = attrs.field(validator=json_object("values"))


class Store:
    """A vendor that keeps users: their values and their tags, and the order in which they were changed."""

    def __init__(self, faults=(), latency=0.05, jitter=0.0, seed=0):
        self.faults = list(faults)
        self.latency, self.jitter, self.random = latency, jitter, random.Random(seed)
        self.users = {}
        self.log = defaultdict(list)
        self.requests = []
        self.out = Counter()
        self.broken = []

    async def send(self, request):
        name = str(request.url).rsplit("/", 1)[1]
        body = json.loads(request.body)
        self.requests.append((name, body))
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "no connection":
            raise ConnectionFailed("No connection could be made")
        keys = {item["id"] if isinstance(item, dict) else item for item in body["items"]}
        for key in keys:
            self.out[key, name] += 1
            if sum(count > 0 for (one, _), count in self.out.items() if one == key) > 1:
                self.broken.append(f"{key} is out in two operations")
        try:
            await asyncio.sleep(self.latency + self.random.uniform(0, self.jitter))
            if fault in {"401", "429", "503"}:
                return Response(int(fault), {}, b"")
            if fault != "lost before":
                for item in body["items"]:
                    self.apply(name, item, body.get("tag"))
        finally:
            for key in keys:
                self.out[key, name] -= 1
        if fault.startswith("lost"):
            raise AnswerLost("no answer")
        return Response(200, {}, b"")

    async def aclose(self):
        pass

    def apply(self, name, item, tag=None):
        apply(self.users, name, item, tag)
        self.log[item["id"] if isinstance(item, dict) else item].append((name, tag or item))


def apply(users, name, item, tag):
    key = item["id"] if isinstance(item, dict) else item
    user = users.setdefault(key, {"values": {}, "tags": set()})
    match name:
        case "update":
            user["values"].update(item["values"])
        case "tag" | "tag_one":
            user["tags"].add(tag)
        case "untag":
            user["tags"].discard(tag)
        case "delete":
            del users[key]


QUOTA = Quota("test", in_flight=assumed(3, "test"))


FACTS = {
    "limit": Limit(rows=assumed(4, "test")),
    "quota": QUOTA,
    "idempotent": True,
    "docs": "https://example.com",
}


class StoreClient(Client):
    vendor = "Store"
    slug = "store"

    def headers(self):
        return {}

    def classify(self, response):
        match response.status:
            case 200:
                return None
            case 401:
                return Unauthorized("Store", 401)
            case 429:
                return Throttled("Store", 429)
            case _:
                return Unavailable("Store", response.status, may_have_happened=True)

    @batch("POST", "/update", items=Rows(Update, key="id", noun="id"), coalesces="merge", **FACTS)
    def update(self, rows) -> Request[None]:
        return Request(json={"items": rows})

    @batch("POST", "/tag", items=Identifiers("id"), coalesces="replace", opposite="untag", **FACTS)
    def tag(self, ids, *, tag: str) -> Request[None]:
        return Request(json={"items": ids, "tag": tag})

    @batch("POST", "/untag", items=Identifiers("id"), coalesces="replace", opposite="tag", **FACTS)
    def untag(self, ids, *, tag: str) -> Request[None]:
        return Request(json={"items": ids, "tag": tag})

    @batch("POST", "/delete", items=Identifiers("id"), **FACTS)
    def delete(self, ids) -> Request[None]:
        return Request(json={"items": ids})

    @call(
        "POST", "/tag_one", items=Identifiers("id"), quota=QUOTA, idempotent=True, docs="https://example.com"
    )
    def tag_one(self, one, *, tag: str) -> Request[None]:
        return Request(json={"items": [one], "tag": tag})


def make_client(store, account="a", **options):
    return StoreClient(
        base_url="https://store.example", account=account, transport=store, settings=Settings(**options)
    )


def now():
    return asyncio.get_running_loop().time()


def update(key, **values):
    return {"id": key, "values": values}


def test_one_users_changes_go_in_the_order_in_which_they_were_put():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.1) as sink:
            futures = [
                await sink.put(client.update, update("1", a=1)),
                await sink.put(client.delete, "1"),
                await sink.put(client.update, update("1", b=2)),
                await sink.put(client.tag.given(tag="x"), "1"),
                await sink.put(client.tag_one.given(tag="y"), "1"),
                await sink.put(client.update, update("2", a=3)),
            ]
            assert {type(await future) for future in futures} == {Delivered}
        return sink

    sink = run(carry())
    assert store.users == {
        "1": {"values": {"b": 2}, "tags": {"x", "y"}},
        "2": {"values": {"a": 3}, "tags": set()},
    }
    assert [name for name, _ in store.log["1"]] == ["update", "delete", "update", "tag", "tag_one"]
    assert sink.reports["update"].delivered == 3
    assert sink.reports["tag"].items == 1
    assert store.broken == []


def test_users_do_not_wait_for_one_another():
    store = Store(latency=1.0)
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.0) as sink:
            await sink.put(client.update, update("1", a=1))
            await sink.put(client.delete, "1")
            other = await sink.put(client.tag.given(tag="x"), "2")
            await other
            assert now() == pytest.approx(1.0, abs=0.05)

    run(carry())


def test_the_same_operation_with_other_arguments_keeps_the_order_too():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.1) as sink:
            await sink.put(client.tag.given(tag="x"), "1")
            await sink.put(client.untag.given(tag="y"), "1")
            await sink.put(client.tag.given(tag="y"), "1")

    run(carry())
    assert [(name, tag) for name, tag in store.log["1"]] == [("tag", "x"), ("untag", "y"), ("tag", "y")]


async def settled(*futures):
    return [type(await future) for future in futures]


def test_changes_that_wait_together_become_one():
    store = Store()
    client = make_client(store)
    sport, other = client.tag.given(tag="sport"), client.tag.given(tag="other")
    no_sport = client.untag.given(tag="sport")

    async def carry():
        async with client.batcher(linger=0.1, coalesce=True) as sink:
            merged = [
                await sink.put(client.update, update("1", a=value, **{f"b{value}": 1})) for value in range(3)
            ]
            first = await merged[0]
            assert [await future is first for future in merged] == [True] * 3
            assert first.item == update("1", a=2, b0=1, b1=1, b2=1)

            opposites = [await sink.put(what, "1") for what in (sport, no_sport, sport, no_sport)]
            opposites.append(await sink.put(other, "2"))
            assert await settled(*opposites) == [Delivered] * 5
            assert await opposites[0] is await opposites[3]
            assert sink.coalesced == 5

    run(carry())
    assert [name for name, _ in store.requests] == ["update", "untag", "tag"]
    assert store.users["1"]["tags"] == set()


def test_nothing_becomes_one_across_a_delete():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.1, coalesce=True) as sink:
            await sink.put(client.update, update("1", a=1))
            await sink.put(client.delete, "1")
            await sink.put(client.update, update("1", b=1))
            await sink.put(client.update, update("1", c=1))

    run(carry())
    assert [name for name, _ in store.log["1"]] == ["update", "delete", "update"]
    assert store.users["1"]["values"] == {"b": 1, "c": 1}


def test_what_stands_in_line_becomes_one_as_well():
    store = Store(latency=1.0)
    client = make_client(store)
    sport, no_sport = client.tag.given(tag="sport"), client.untag.given(tag="sport")

    async def carry():
        async with client.batcher(linger=0.0, coalesce=True) as sink:
            first = await sink.put(client.delete, "1")
            await asyncio.sleep(0.5)  # it is out: the rest stands behind it
            futures = [
                await sink.put(client.update, update("1", a=1)),
                await sink.put(client.update, update("1", b=1)),
                await sink.put(sport, "1"),
                await sink.put(no_sport, "1"),
                await sink.put(sport, "1"),
            ]
            assert await settled(first, *futures) == [Delivered] * 6
            assert sink.coalesced == 3

    store.users["1"] = {"values": {}, "tags": set()}
    run(carry())
    assert [name for name, _ in store.log["1"]] == ["delete", "update", "tag"]


def test_an_opposite_of_what_is_out_already_is_sent():
    store = Store(latency=1.0)
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.0, coalesce=True) as sink:
            await sink.put(client.tag.given(tag="sport"), "1")
            await asyncio.sleep(0.5)
            await sink.put(client.untag.given(tag="sport"), "1")

    run(carry())
    assert [name for name, _ in store.log["1"]] == ["tag", "untag"]


def test_an_opposite_with_other_arguments_is_none():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.1, coalesce=True) as sink:
            await sink.put(client.tag.given(tag="sport"), "1")
            await sink.put(client.untag.given(tag="music"), "1")

    run(carry())
    assert [name for name, _ in store.log["1"]] == ["tag", "untag"]


def test_a_change_that_breaks_a_rule_is_rejected_and_holds_up_nobody():
    client = make_client(Store())

    async def carry():
        async with client.batcher(linger=0.1, coalesce=True) as sink:
            wrong = [await sink.put(client.update, {"id": "1", "strange": 1}) for _ in range(2)]
            wrong.append(await sink.put(client.update, "text"))
            right = await sink.put(client.update, update("1", a=1))
            assert await settled(*wrong, right) == [Rejected] * 3 + [Delivered]

    run(carry())


def test_it_takes_changes_of_one_account_and_with_all_their_arguments():
    client, other = make_client(Store()), make_client(Store(), account="b")

    async def carry():
        async with client.batcher() as sink:
            with pytest.raises(ConfigurationError, match="takes changes of one account"):
                await sink.put(other.delete, "1")
            with pytest.raises(TypeError, match="tag"):
                await sink.put(client.tag, "1")
        with pytest.raises(BatcherClosed):
            await sink.put(client.delete, "1")
        for options in ({"linger": -1}, {"max_pending": 0}):
            with pytest.raises(ConfigurationError):
                client.batcher(**options)

    run(carry())


def test_a_full_one_waits_or_raises():
    store = Store(latency=1.0)
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=100.0, max_pending=2) as sink:
            futures = [await sink.put(client.update, update(str(number), a=1)) for number in range(6)]
            assert now() < 10  # nothing lingered: nothing more could come
            assert sink.pending == 2
            await sink.flush()
            assert all(future.done() for future in futures)
        async with client.batcher(linger=0.1, max_pending=1, when_full="raise") as sink:
            await sink.put(client.delete, "1")
            with pytest.raises(BatcherFull, match="holds 1 changes"):
                await sink.put(client.delete, "2")

    run(carry())


def test_flush_carries_whole_lines_to_their_end():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=100.0) as sink:
            futures = []
            for number in range(5):
                futures.append(await sink.put(client.update, update("1", a=number)))
                futures.append(await sink.put(client.tag.given(tag=f"t{number}"), "1"))
            await sink.flush()
            assert all(future.done() for future in futures)
            assert now() < 5
            late = await sink.put(client.update, update("1", a=9))
            await asyncio.sleep(50)
            assert not late.done()

    run(carry())


def test_many_lanes_are_put_away_when_they_are_idle_and_stay_in_the_reports():
    store = Store()
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.0) as sink:
            for number in range(300):
                await (await sink.put(client.tag.given(tag=f"t{number}"), "1"))
            assert len(sink._lanes) <= 66
            assert sink._turns == {}
        assert sink.reports["tag"].delivered == 300

    run(carry())


def test_wrong_credentials_close_the_operation_and_leave_no_future_open():
    store = Store(faults=["401"])
    client = make_client(store)

    async def carry():
        async with client.batcher(linger=0.0) as sink:
            futures = [
                await sink.put(client.update, update("1", a=1)),
                await sink.put(client.delete, "1"),
                await sink.put(client.update, update("1", a=1)),
            ]
            first, second, third = [await future for future in futures]
            assert isinstance(first, Failed)
            assert isinstance(second, Delivered)  # by now the credentials are accepted again
            assert isinstance(third, Failed)
            with pytest.raises(BatcherClosed, match="stopped: Store did not accept the credentials"):
                await sink.put(client.update, update("2", a=1))
        assert sink.reports["update"].failed == 2

    run(carry())


@pytest.mark.parametrize("how", ["timeout", "zero", "cancelled"])
def test_closing_that_is_cut_short_settles_every_future(how):
    store = Store(latency=1000.0)
    client = make_client(store, timeout=10_000)

    async def carry():
        sink = client.batcher(linger=0.0)
        futures = [
            await sink.put(client.update, update("1", a=1)),
            await sink.put(client.delete, "1"),
            await sink.put(client.update, update("1", a=1)),
        ]
        await asyncio.sleep(1.0)
        closing = asyncio.create_task(sink.aclose({"timeout": 3.0, "zero": 0}.get(how)))
        if how == "cancelled":
            await asyncio.sleep(1.0)
            closing.cancel()
        await asyncio.wait([closing])
        assert [type(future.result()) for future in futures] == [InDoubt, Failed, Failed]
        assert sink.pending == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(carry())


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["update", "tag a", "untag a", "tag b", "untag b", "delete"]), st.integers(0, 2)
        ),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 4])),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=50,
)


@settings(max_examples=examples(150), deadline=None)
@given(
    actions=ACTIONS,
    faults=st.lists(
        st.sampled_from(["ok", "429", "503", "no connection", "lost before", "lost after"]), max_size=10
    ),
    coalesce=st.booleans(),
    linger=st.sampled_from([0.0, 0.1, 1.0]),
    max_pending=st.sampled_from([1, 4, 1000]),
    seed=st.integers(0, 1000),
)
def test_the_users_end_up_as_if_each_change_had_been_made_alone_and_in_turn(
    actions, faults, coalesce, linger, max_pending, seed
):
    store = Store(faults, jitter=0.2, seed=seed)
    client = make_client(store, account=f"mixed {seed}", retry=RetryPolicy(attempts=20))
    expected, order = {}, defaultdict(list)
    futures = []

    async def carry():
        async with client.batcher(linger=linger, max_pending=max_pending, coalesce=coalesce) as sink:
            for number, (what, argument) in enumerate(actions):
                match what:
                    case "wait":
                        await asyncio.sleep(argument / 10)
                        continue
                    case "flush":
                        await sink.flush()
                        assert all(future.done() for future in futures)
                        continue
                    case "update":
                        item, tag, name = update(str(argument), **{f"v{number % 3}": number}), None, what
                        operation = client.update
                    case "delete":
                        item, tag, name, operation = str(argument), None, what, client.delete
                        expected.setdefault(item, {"values": {}, "tags": set()})
                        store.users.setdefault(item, {"values": {}, "tags": set()})
                    case _:
                        name, tag = what.split()
                        item, operation = str(argument), getattr(client, name).given(tag=tag)
                futures.append(await sink.put(operation, item))
                apply(expected, name, item, tag)
                order[str(argument)].append((name, tag or item))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sink.pending == 0
        assert sink._turns == {}
        return sink

    real_apply = store.apply

    def forgiving(name, item, tag=None):
        if name == "delete" and item not in store.users:
            store.users[item] = {"values": {}, "tags": set()}  # a repeated deletion
        real_apply(name, item, tag)

    store.apply = forgiving
    sink = run(carry())
    assert {type(future.result()) for future in futures} <= {Delivered}
    assert store.broken == []
    # A user without anything is as good as none.
    empty = {"values": {}, "tags": set()}
    assert {key: user for key, user in store.users.items() if user != empty} == {
        key: user for key, user in expected.items() if user != empty
    }
    if not coalesce:
        for key, made in order.items():
            first = list(dict.fromkeys(map(repr, store.log[key])))
            assert first == list(dict.fromkeys(map(repr, made)))
    assert sum(report.delivered for report in sink.reports.values()) + sink.coalesced == len(futures)


def test_requests_are_sent_in_the_context_of_whoever_made_the_batcher():
    who = ContextVar("who", default="nobody")
    seen = []

    class Watching(Store):
        async def send(self, request):
            seen.append(who.get())
            return await super().send(request)

    client = make_client(Watching())

    async def put(sink, name):
        who.set(name)
        await sink.put(*((client.delete, "1") if isinstance(sink, ClientBatcher) else ("1",)))

    async def carry():
        who.set("maker")
        for sink in (client.batcher(linger=0.0), client.tag.given(tag="x").batcher(linger=0.0)):
            who.set("somebody else")
            for name in ("producer", "another"):
                await asyncio.create_task(put(sink, name))
                await sink.flush()
            await sink.aclose()
            who.set("maker")

    run(carry())
    assert seen == ["maker"] * 4
