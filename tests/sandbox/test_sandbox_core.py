"""What every vendor's handlers can rely on: shared routes, paths, allowances, clock, delay and blame."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from yarl import URL

from netaudience.sandbox import Route, Sandbox, SandboxLimits, Window
from netaudience.sandbox.clock import Clock
from netaudience.sandbox.core import SandboxCore
from netaudience.sandbox.protocol import Call, Change, Json, Operation, Partial, SandboxUsageError, Setup
from netaudience.sandbox.responses import Answer, Refused, json_answer

pytestmark = pytest.mark.asyncio

ADD = Route("scripted", "add_things", "POST", "/{account}/things")
KEEP = Route("scripted", "keep_things", "POST", "/{workspace_id}/things?mode=keep")
#: Long enough that no test sees the end of it, unless it advances the clock.
LONG = 600.0


class Scripted:
    """A vendor whose accounts hold lists of things; a thing called "odd" is blamed."""

    name = "scripted"
    variables = ()
    rules = ()
    limits = SandboxLimits()
    limits_per_operation = False

    def __init__(self, limits: Mapping[str, SandboxLimits]) -> None:
        self.things: list[str] = []
        self.calls: list[Call] = []
        rare = limits.get("rare")
        erase = limits.get("erase", rare)
        self.operations = (
            Operation("addThings", "POST", "/{account}/things", self.add, limits=limits.get("addThings")),
            Operation("forget", "DELETE", "/things/{thing}", self.forget, allowance="rare", limits=rare),
            Operation("erase", "POST", "/erase", self.erase, allowance="rare", limits=erase),
            Operation("token", "POST", "/token", self.token, public=True),
        )

    def account(self, call: Call) -> str:
        if call.headers.get("X-Key", "") != "key":
            raise Refused(json_answer({"error": "who?"}, 401))
        return "account " + call.path.get("account", "")

    def add(self, call: Call) -> Change:
        self.calls.append(call)
        things: list[str] = [str(thing) for thing in self.read(call)]
        if not things:
            raise Refused(json_answer({"error": "nothing"}, 400))
        taken: list[str] = []

        def blame(blamed: frozenset[str]) -> Partial:
            taken.extend(thing for thing in things if thing not in blamed and thing != "odd")
            return Partial(json_answer({"taken": taken, "blamed": sorted(blamed)}), taken)

        def effect() -> None:
            self.things.extend(taken)

        return Change(things, lambda: blame(frozenset()), blame=blame, effect=effect)

    def read(self, call: Call) -> Sequence[Any]:
        return orjson.loads(call.body)

    def forget(self, call: Call) -> Change:
        self.calls.append(call)
        return Change([call.path["thing"]], lambda: json_answer({"forgot": call.path["thing"]}))

    def erase(self, call: Call) -> Change:
        return Change(["all"], Answer, records=int(call.query.get("records", "1")))

    def token(self, call: Call) -> Change:
        self.calls.append(call)
        return Change([], lambda: json_answer({"token": call.account}))

    def throttled(self, operation: Operation) -> Answer:
        return json_answer({"error": f"slower with {operation.name}"}, 429)

    def poisoned(self, operation: Operation) -> Answer:
        return json_answer({"error": f"poison in {operation.name}"}, 400)

    def failure(self, operation: Operation, status: int, code: int | None) -> Answer:
        return json_answer({"error": f"{operation.name} failed", "code": code}, status)

    def failure_in_200(self, operation: Operation) -> Answer:
        return json_answer({"error": f"{operation.name} did nothing"})

    def reset(self) -> None:
        self.things.clear()

    def seed(self, document: Json) -> None:
        raise SandboxUsageError("Nothing can be seeded.")

    def demo(self) -> None:
        """There is nothing to explore."""

    def counts(self) -> Mapping[str, int]:
        return {"things": len(self.things)}

    def keys(self, collection: str) -> Iterable[str]:
        return self.things

    def look(self, collection: str, key: str) -> object:
        return key if key in self.things else None


class ScriptedSandbox(Sandbox):
    def __init__(
        self, *arguments: Any, own: Mapping[str, SandboxLimits] | None = None, **settings: Any
    ) -> None:
        self.scripted = Scripted(own or {})
        super().__init__(*arguments, **settings)

    def _make_vendors(self, setup: Setup) -> tuple[Scripted, ...]:
        return (self.scripted,)


class Client:
    """What one account sends."""

    def __init__(self, sandbox: ScriptedSandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox, self.session = sandbox, session

    async def send(self, method: str, path: str, body: Any = None, key: str = "key") -> tuple[int, Any]:
        url = URL(self.sandbox.url("scripted") + path, encoded=True)
        async with self.session.request(method, url, json=body, headers={"X-Key": key}) as response:
            answer = await response.read()
            return response.status, (await response.json() if answer else None)

    async def add(self, *things: str, account: str = "a") -> tuple[int, Any]:
        return await self.send("POST", f"/{account}/things", list(things))

    async def admin(self, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        async with self.session.request(
            method, f"{self.sandbox.url()}/_sandbox/{path}", json=body
        ) as response:
            return await response.json()


@asynccontextmanager
async def scripted(*arguments: Any, **settings: Any) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        ScriptedSandbox(*arguments, **settings) as sandbox,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Client(sandbox, session)


async def test_several_routes_of_a_caller_are_one_route_of_the_vendor():
    async with scripted([ADD, KEEP], faults=["status=503,operation=keep_things,first=1"]) as client:
        assert [point.served.operation.public for point in client.sandbox.endpoints] == [False, True]
        assert client.sandbox.unserved() == ()
        assert [(await client.add("x"))[0] for _ in range(2)] == [503, 200]
        for name in ("add_things", "keep_things", "addThings"):
            assert client.sandbox.check("scripted", name, ["x"]).ok
        labels = [route["operation"] for route in (await client.admin(""))["routes"]]
        assert labels == ["add_things", "keep_things", "token"]


@pytest.mark.parametrize(
    ("segment", "thing"),
    [
        ("plain", "plain"),
        ("a%2Fb%2Bc%40x.org", "a/b+c@x.org"),
        ("a+b@x.org", "a+b@x.org"),
        ("%7Bcurly%7D@x.org", "{curly}@x.org"),
        ("100%25", "100%"),
        ("%252F", "%2F"),
        ("%C3%BC%20", "ü "),
    ],
)
async def test_a_parameter_of_the_path_is_decoded_once_as_one_segment(segment, thing):
    async with scripted() as client:
        assert await client.send("DELETE", f"/things/{segment}") == (200, {"forgot": thing})


async def test_only_a_public_operation_is_answered_without_an_account():
    async with scripted() as client:
        assert await client.send("POST", "/token", key="wrong") == (200, {"token": ""})
        assert (await client.send("POST", "/a/things", ["x"], key="wrong"))[0] == 401
        await client.add("x")
        assert client.sandbox.scripted.calls[-1].account == "account a"
        assert [use["account"] for use in (await client.admin("live"))["allowances"]] == [0, 1]


async def test_operations_of_one_allowance_share_it_and_the_others_have_their_own():
    own = {"rare": SandboxLimits.rate(2, LONG), "addThings": SandboxLimits.rate(1, LONG)}
    async with scripted(own=own) as client:
        statuses = [
            (await client.send("POST", "/erase"))[0],
            (await client.send("DELETE", "/things/x"))[0],
            (await client.send("POST", "/erase"))[0],
        ]
        assert statuses == [200, 200, 429]
        accounts = ["a", "b", "a", "b"]
        assert [(await client.add("x", account=each))[0] for each in accounts] == [200, 200, 429, 429]
        assert client.sandbox.scripted.things == ["x", "x"]
        for operation, ok in (("erase", False), ("forget", False), ("addThings", False), ("token", True)):
            assert client.sandbox.check("scripted", operation)["limit"].ok is ok


@pytest.mark.parametrize(
    ("limits", "forgets", "adds"),
    [
        ({}, 1, 9),
        ({"scripted/rare": SandboxLimits.rate(2, LONG)}, 2, 9),
        ({"scripted": SandboxLimits.rate(3, LONG)}, 3, 3),
        ({"scripted": SandboxLimits.rate(3, LONG), "scripted/rare": SandboxLimits()}, 9, 3),
    ],
    ids=["documented", "one allowance", "the vendor", "both"],
)
async def test_limits_are_replaced_for_a_vendor_or_for_one_allowance(limits, forgets, adds):
    async with scripted(own={"rare": SandboxLimits.rate(1, LONG)}, limits=limits) as client:
        statuses = [(await client.send("DELETE", "/things/x"))[0] for _ in range(9)]
        assert statuses.count(200) == forgets
        statuses = [(await client.add("x"))[0] for _ in range(9)]
        assert statuses.count(200) == adds


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"limits": {"other": SandboxLimits()}}, "The sandbox has no vendor 'other'"),
        (
            {"limits": {"scripted/rarely": SandboxLimits()}},
            "no limits 'scripted/rarely'; scripted has scripted, scripted/rare.",
        ),
        ({"own": {"erase": SandboxLimits.rate(5)}}, "The operations of scripted/rare disagree"),
        ({"delay": {"other": 1.0}}, "The sandbox has no vendor 'other'"),
        ({"delay": {"scripted": -1.0}}, "A delay is a finite number of seconds"),
        ({"delay": {"scripted": float("inf")}}, "A delay is a finite number of seconds"),
    ],
)
async def test_a_setting_that_cannot_hold_is_refused_at_once(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ScriptedSandbox(**settings)


async def test_records_are_counted_from_the_body_and_a_refused_body_weighs_nothing():
    own = {"addThings": SandboxLimits((Window(4, LONG, "records"),), retry_after="9")}
    async with scripted(own=own) as client:
        assert (await client.add())[0] == 400
        assert (await client.add("a", "b", "c"))[0] == 200
        assert await client.add("d", "e") == (429, {"error": "slower with addThings"})
        assert (await client.add("d"))[0] == 200
        assert client.sandbox.scripted.things == ["a", "b", "c", "d"]
        limit = client.sandbox.check("scripted", "addThings")["limit"]
        assert (limit.ok, "at most 6 records in 600 s" in limit.sentence) == (False, True)


async def test_a_change_says_its_own_weight():
    own = {"rare": SandboxLimits((Window(10, LONG, "records"),))}
    async with scripted(own=own) as client:
        sent = [await client.send("POST", f"/erase?records={count}") for count in (7, 4, 3)]
        assert [status for status, _ in sent] == [200, 429, 200]


async def test_an_advanced_clock_opens_the_windows_and_every_handler_reads_it():
    async with scripted(own={"rare": SandboxLimits.rate(1, 86_400.0)}) as client:
        statuses = []
        for seconds in (0, 80_000, 7_000):
            answer = await client.admin("clock", {"advance": seconds})
            statuses.append((await client.send("DELETE", "/things/x"))[0])
        assert statuses == [200, 429, 200]
        assert answer["clock"]["advanced"] == 87_000
        assert 87_000 <= client.sandbox.now() < 87_100
        first, last = client.sandbox.scripted.calls
        assert 87_000 <= last.now - first.now < 87_100
        assert 87_000 <= last.wall - time.time() + 100 < 87_200
        client.sandbox.reset()
        assert client.sandbox.now() >= 87_000


async def test_a_clock_of_the_callers_own_counts_the_windows():
    time_told = {"monotonic": 5.0, "wall": 1_000.0}
    clock = Clock(lambda: time_told["monotonic"], lambda: time_told["wall"])
    sandbox = SandboxCore(limits={"iterable/forget": SandboxLimits.rate(1, 60.0)}, clock=clock)
    meter = sandbox.meter(_served(sandbox, "iterable", "forget"), "1")
    assert (sandbox.now(), meter.arrive(sandbox.now()), meter.arrive(sandbox.now())) == (0.0, True, False)
    time_told["monotonic"] += 59.0
    sandbox.advance(1.0)
    assert (sandbox.now(), clock.wall(), meter.arrive(sandbox.now())) == (60.0, 1_001.0, True)


def _served(sandbox, vendor, name):
    (served,) = {
        point.served for point in sandbox.endpoints if point.vendor == vendor and name in point.names
    }
    return served


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("clock", {"advance": -1}, "The clock is advanced by a finite number of seconds"),
        ("clock", {"advance": True}, 'The clock takes {"advance": SECONDS}.'),
        ("clock", [1], 'The clock takes {"advance": SECONDS}.'),
        ("delay", {"scripted": "1"}, "Delays are a JSON object of seconds by vendor."),
        ("delay", [], "Delays are a JSON object of seconds by vendor."),
        ("delay", {"scripted": 1, "other": 1}, "The sandbox has no vendor 'other'"),
    ],
)
async def test_a_wrong_time_is_a_sentence_and_changes_nothing(path, body, sentence):
    async with scripted() as client:
        assert (await client.admin(path, body))["error"].startswith(sentence)
        live = await client.admin("live")
        assert (live["clock"]["advanced"], live["delay"]) == (0, {})


async def test_what_was_accepted_shows_after_the_delay_in_the_order_of_acceptance():
    async with scripted(delay={"scripted": 60.0}) as client:
        assert await client.add("slow") == (200, {"taken": ["slow"], "blamed": []})
        assert (await client.admin("delay", {"scripted": 0}))["delay"] == {"scripted": 0}
        await client.add("late")
        live = await client.admin("live")
        assert (live["pending"], live["state"]) == ({"scripted": 2}, {"scripted": {"things": 0}})
        # The promise of delivery is kept from the moment of acceptance.
        assert client.sandbox.check("scripted", "addThings", ["slow", "late"]).ok
        client.sandbox.advance(59)
        assert client.sandbox.pending() == {"scripted": 2}
        assert (await client.admin("clock", {"advance": 1}))["pending"] == {"scripted": 0}
        assert client.sandbox.scripted.things == ["slow", "late"]
        await client.add("at once")
        assert client.sandbox.scripted.things[2:] == ["at once"]


async def test_a_reset_forgets_what_waits():
    async with scripted(delay={"scripted": 60.0}) as client:
        await client.add("x")
        client.sandbox.reset()
        client.sandbox.advance(60)
        assert client.sandbox.scripted.things == []


async def test_a_handler_sees_the_state_of_its_own_moment():
    async with scripted(delay={"scripted": 60.0}) as client:
        await client.add("x")
        # As real time does: the clock goes on, and nobody asks the sandbox to settle.
        client.sandbox.clock.advance(60)
        await client.send("DELETE", "/things/y")
        assert client.sandbox.scripted.things == ["x"]


async def test_the_items_that_an_answer_blames_are_not_applied():
    async with scripted() as client:
        await client.add("good", "odd")
        report = client.sandbox.check("scripted", "addThings", ["good", "odd"])
        assert (report.applied, report.missing) == (1, ("odd",))


async def test_a_blame_takes_the_rest_in_the_vendors_own_way():
    async with scripted(faults=["blame=bad,ids=worse"]) as client:
        assert await client.add("good", "bad") == (200, {"taken": ["good"], "blamed": ["bad"]})
        assert await client.add("good") == (200, {"taken": ["good"], "blamed": []})
        assert client.sandbox.scripted.things == ["good", "good"]
        assert client.sandbox.check("scripted", "addThings", ["good"]).ok
        assert [entry.fault for entry in client.sandbox.ledger.requests] == ["blame", None]


async def test_a_blame_refuses_the_whole_request_where_the_vendor_blames_nobody():
    async with scripted(faults=["blame=x"]) as client:
        assert await client.send("DELETE", "/things/x") == (400, {"error": "poison in forget"})
        assert (await client.send("DELETE", "/things/y"))[0] == 200
        assert client.sandbox.check("scripted", "forget", ["y"]).ok


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("status=500,code=7", (500, {"error": "forget failed", "code": 7})),
        ("poison=x", (400, {"error": "poison in forget"})),
        ("fail-200=x", (200, {"error": "forget did nothing"})),
    ],
)
async def test_a_fault_has_the_shape_of_its_operation(fault, answer):
    async with scripted(faults=[fault]) as client:
        assert await client.send("DELETE", "/things/x") == answer
        assert client.sandbox.ledger.applied == {}


@pytest.mark.asyncio
async def test_a_token_route_is_there_whatever_routes_are_asked_for() -> None:
    """Without it no client could log in."""
    routes = [Route("fynd", "tags", "GET", "/tags")]
    async with Sandbox(routes) as sandbox:
        token = next(point for point in sandbox.endpoints if "oauth/token" in point.path)
        assert token.served is not None
        assert len(sandbox.endpoints) == 2
