"""Whatever comes in, no error but the documented ones goes out, and no bad item takes another with it."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fuzzing import DATES, Answers, hostile, mutated
from scripted_vendors import Golden, Table, reply
from tables import EVERY, operation_of
from virtual_time import run

from netaudience import (
    CleverTapClient,
    IterableClient,
    MoEngageClient,
    NetaudienceError,
    NetmeraClient,
)
from netaudience.model import surprises
from netaudience.model.retry_after import retry_after
from netaudience.model.rows import Rows
from netaudience.outcomes import Report

#: How many, and the seconds of CPU after which it is given up: several times as many as it takes.
QUICK, SLOW = (1_000, 8.0), (20_000, 40.0)
QUICK_ITEMS, SLOW_ITEMS = (600, 8.0), (8_000, 40.0)
TURNS = 10**9


def client_of(table: Table, transport: Answers) -> Any:
    client, _ = table.make()
    client._transport = client.authorized(transport)
    client._opened = transport
    return client


async def answered(table: Table, golden: Golden, client: Any, transport: Answers) -> None:
    """Carry a golden request, whatever comes back; every item has an outcome."""
    transport.good = golden.answer.encode()
    operation = operation_of(table, golden)
    if operation.shape == "pages":
        read = 0
        async for _ in getattr(client, golden.operation)(*golden.arguments, **golden.options):
            read += 1
            if read > 50:  # as long as the answers name one, there is a next page
                return
    elif operation.shape == "batch":
        run_of = getattr(client, golden.operation)(*golden.arguments, **golden.options)
        complete(await run_of.settled())
    else:
        await golden.carry(client)


def complete(report: Report) -> None:
    assert report.settled + report.unsent == report.items
    if report.stopped is None:
        assert report.unsent == 0


def clocked(seconds: float) -> Callable[[], bool]:
    """Return what says whether there is time left; to ask for the CPU's costs more than an answer."""
    end = time.process_time() + seconds
    asked = itertools.count(1)
    return lambda: next(asked) % 100 > 0 or time.process_time() < end


def fuzz_answers(seed: int, count: int, seconds: float) -> int:
    cases = [(table, golden) for table in EVERY for golden in table.golden]
    rng = random.Random(seed)
    transport = Answers(seed)
    in_time = clocked(seconds)

    async def go() -> None:
        clients = {id(table): client_of(table, transport) for table in EVERY}
        while transport.sent < count and in_time():
            table, golden = rng.choice(cases)
            try:
                await answered(table, golden, clients[id(table)], transport)
            except NetaudienceError:
                pass
            except Exception as error:
                error.add_note(f"{table.vendor.slug} {golden.id}, answer {transport.sent} of seed {seed}")
                raise

    run(go(), most_turns=TURNS)
    return transport.sent


def test_no_answer_breaks_out():
    assert fuzz_answers(18, *QUICK) > 50


def by_itself(call: str) -> int:
    """Call something of this file in a process without the leak watch, which costs most of the time."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; from test_fuzz import *; print({call})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_no_answer_of_two_hundred_thousand_breaks_out():
    # Anew after each part: in one loop the vendors' daily limits would be used up, and nothing more be asked.
    assert by_itself("sum(fuzz_answers(2026 + part, *SLOW) for part in range(10))") >= 200_000


class Good(Answers):
    """Gives the sample of a success."""

    async def send(self, _request: Any, /) -> Any:
        self.sent += 1
        return Golden(operation="", url="", answer=self.good.decode()).response


def good_items(golden: Golden) -> list[Any]:
    first = golden.arguments[0]
    return list(first) if isinstance(first, list) else [first]


def plain_item(item: Any) -> Any:
    return dict(item) if isinstance(item, Mapping) else item


def fuzz_items(seed: int, count: int, seconds: float) -> int:
    cases = [
        (table, golden)
        for table in EVERY
        for golden in table.golden
        if golden.arguments and operation_of(table, golden).shape in {"batch", "call"}
    ]
    rng = random.Random(seed)
    transport = Good(seed)
    in_time = clocked(seconds)
    carried = 0

    async def go() -> None:
        nonlocal carried
        clients = {id(table): client_of(table, transport) for table in EVERY}
        while carried < count and in_time():
            table, golden = rng.choice(cases)
            operation = operation_of(table, golden)
            transport.good = table.answers.get(golden.operation, golden.answer).encode()
            client = clients[id(table)]
            kind = client.kind(operation, golden.options)
            wires = tuple(field.wire for field in kind.fields) if isinstance(kind, Rows) else ()
            good = plain_item(good_items(golden)[0])
            bad = [
                mutated(rng, good) if rng.random() < 0.5 else hostile(rng, wires)
                for _ in range(rng.choice((1, 2, 3, 60)))
            ]
            carried += len(bad)
            ask = getattr(client, golden.operation)
            try:
                if operation.shape == "call" and rng.random() < 0.3:
                    await ask(bad[0], **golden.options)
                    continue
                each = ask.each if operation.shape == "call" else ask
                at = rng.randrange(len(bad) + 1)
                report = await each([*bad[:at], good, *bad[at:]], **golden.options).settled()
            except NetaudienceError:
                continue
            except Exception as error:
                error.add_note(f"{table.vendor.slug} {golden.id}, item {carried} of seed {seed}")
                raise
            complete(report)
            # Where no token is had, say, a run stops, and the rest of its source is not read.
            assert report.items == len(bad) + 1 or report.stopped is not None
            # The good one is sent all the same: only what stands beside it is rejected for what it holds.
            rejected = {one.position for one in report.undelivered if type(one).__name__ == "Rejected"}
            assert at not in rejected, (
                table.vendor.slug,
                golden.id,
                [str(one) for one in report.undelivered],
            )

    run(go(), most_turns=TURNS)
    return carried


def test_no_item_breaks_out_or_takes_another_with_it():
    assert fuzz_items(18, *QUICK_ITEMS) > 50


@pytest.mark.slow
def test_no_item_of_eighty_thousand_breaks_out_or_takes_another_with_it():
    assert by_itself("sum(fuzz_items(2026 + part, *SLOW_ITEMS) for part in range(10))") >= 80_000


def test_the_fuzz_would_see_what_breaks_out(monkeypatch):
    def told_as_it_is(error: Exception, *_: object) -> Exception:
        raise error

    monkeypatch.setattr("netaudience.engine.sender.not_read", told_as_it_is)
    for table in EVERY:
        monkeypatch.setattr(
            table.vendor, "classify", lambda self, response: {}["no such field"], raising=True
        )
    with pytest.raises(KeyError):
        fuzz_answers(18, 50, 10.0)


def test_what_a_rule_did_not_think_of_is_told_of_its_item_and_logged_once(monkeypatch, caplog):
    monkeypatch.setattr(surprises, "_logged", set())
    table = EVERY[0]
    golden = next(one for one in table.golden if operation_of(table, one).shape == "batch" and one.arguments)
    good = good_items(golden)[0]
    transport = Good(1)
    transport.good = table.answers.get(golden.operation, golden.answer).encode()
    client = client_of(table, transport)
    kind = type(client.kind(operation_of(table, golden), golden.options))
    examine = kind.examine

    def fails(self, page):
        if any(item == "poison" for item in page):
            raise KeyError("jane@example.com")
        return examine(self, page)

    monkeypatch.setattr(kind, "examine", fails)

    async def go():
        ask = getattr(client, golden.operation)
        return await ask([good, "poison", good, "poison"], **golden.options).settled()

    report = run(go())
    assert [one.position for one in report.undelivered] == [1, 3]
    assert all("please report it" in str(one.reason) for one in report.undelivered)
    assert caplog.text.count("please report it") == 1
    assert "jane" not in caplog.text


ROWS = {
    "iterable": ("bulk_update_users", lambda value: {"email": "u@x.co", "dataFields": {"a": value}}),
    "moengage": ("import_users", lambda value: {"customer_id": "u12", "attributes": {"a": value}}),
    "netmera": ("set_profile_attributes", lambda value: {"extId": "u", "profile": {"a": value}}),
    "clevertap": ("upload_profiles", lambda value: {"identity": "u", "profileData": {"a": value}}),
}
TAKEN = b'{"status":"success","successCount":1,"failCount":0,"processed":1,"unprocessed":[]}'


class Taking(Answers):
    async def send(self, _request, /):
        return reply(200, TAKEN, "application/json")


CLIENTS = {
    "iterable": lambda: IterableClient("k", region="us", project_type="hybrid", transport=Taking(0)),
    "moengage": lambda: MoEngageClient("w", "k", data_center="01", transport=Taking(0)),
    "netmera": lambda: NetmeraClient("k", transport=Taking(0)),
    "clevertap": lambda: CleverTapClient("a", "p", region="in1", transport=Taking(0)),
}


def deep(levels):
    value = "end"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("vendor", ROWS)
@pytest.mark.parametrize(
    ("bad", "whole"),
    [("", True), ([], True), ("u@x.co", True), (["u@x.co"], True), (None, True), (7, True)]
    + [(deep(levels), False) for levels in (400, 1000, 5000)],
    ids=["empty text", "empty list", "text", "list", "None", "number", "400 deep", "1000 deep", "5000 deep"],
)
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_one_poisoned_item_is_rejected_alone(vendor, bad, whole, place):
    name, row = ROWS[vendor]
    poison, good = bad if whole else row(bad), row(1)
    items = {"alone": [poison], "first": [poison, good], "last": [good, poison]}[place]
    at = items.index(poison) if whole else {"alone": 0, "first": 0, "last": 1}[place]

    async def go():
        return await getattr(CLIENTS[vendor](), name)(items).settled()

    report = run(go())
    assert [(type(one).__name__, one.position) for one in report.undelivered] == [("Rejected", at)]
    assert report.delivered == len(items) - 1


@pytest.mark.parametrize("header", ["Retry-After", "Date"])
@pytest.mark.parametrize("value", DATES)
def test_whatever_a_header_says_is_no_error(header, value):
    answer = reply(503, b"")
    answer.headers["Retry-After"] = "Sat, 28 Nov 2026 00:00:00 GMT"
    answer.headers[header] = value
    asked = retry_after(answer)
    assert asked is None or asked >= 0


@pytest.mark.parametrize(
    "value",
    ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 +9999999999999999", "soon"],
)
def test_a_wait_until_a_day_that_there_is_not_is_none(value):
    answer = reply(503, b"")
    answer.headers["Retry-After"] = value
    assert retry_after(answer) is None
