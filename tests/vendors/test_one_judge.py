"""One judge for all vendors: what waits, what perhaps happened and what is divided, is the same everywhere.

No vendor has a line of its own here, but for the body in which it tells an error.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from scripted_vendors import Golden, Table, but_for_tokens, reply
from tables import EVERY, TABLES, every_golden, operation_of
from test_contract_runs import others, taking_all
from virtual_time import run

from netaudience import InDoubt, Rejected, RetryPolicy, ServerFault, Settings, Throttled, Unavailable
from netaudience.model.wire import Prepared, Response

#: How each vendor writes that its program failed.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "netmera": {"code": 2001, "error": "Internal server error"},
    "iterable": {"code": "GenericError", "msg": "Internal server error", "params": None},
    "clevertap": {"status": "fail", "error": "Internal error", "code": 500},
    "moengage": {"status": "fail", "error": {"type": "ServerError", "message": "Internal Server Error"}},
    "fynd": {"message": "Internal server error", "code": "ERROR"},
}
#: How each refuses a request of which one row is wrong.
REFUSALS: Mapping[str, Mapping[str, Any]] = {
    "netmera": {"code": 2009, "error": "Invalid JSON"},
    "iterable": {"code": "BadJsonBody", "msg": "Invalid JSON body", "params": None},
    "clevertap": {"status": "fail", "error": "Malformed request", "code": 400},
    "moengage": {"status": "fail", "error": {"type": "Malformed JSON", "message": "Could not decode"}},
    "fynd": {"message": "Validation failed", "code": "ERROR"},
}
#: The table of a vendor's codes, a key that it does not have yet, and the answer that tells the code.
CODES: list[Any] = [
    ("netmera", "_JUDGED", (400, 7777), reply(400, {"code": 7777, "error": "slow"}, Retry_After="9")),
    ("iterable", "_CODES", "SlowDown", reply(400, {"code": "SlowDown", "msg": "slow"}, Retry_After="9")),
    (
        "moengage",
        "_JUDGED",
        "slowdown",
        reply(400, {"status": "fail", "error": {"type": "Slow down", "message": ""}}, Retry_After="9"),
    ),
]
vendors = pytest.mark.parametrize("table", TABLES, ids=[table.vendor.slug for table in TABLES])


def judged(table: Table, response: Response) -> Any:
    client, _ = table.make()
    error = client.classify(response)
    assert error is not None
    return error


@pytest.mark.parametrize(("slug", "name", "key", "response"), CODES)
def test_a_code_that_is_put_into_a_table_as_throttled_keeps_its_wait(
    slug: str, name: str, key: Any, response: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = next(table for table in TABLES if table.vendor.slug == slug)
    codes = getattr(import_module(f"netaudience.vendors.{slug}.answers"), name)
    assert key not in codes
    monkeypatch.setitem(codes, key, Throttled)
    error = judged(table, response)
    assert (type(error), error.retry_after, error.may_have_happened) == (Throttled, 9.0, False)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"Retry_After": "9"}, 9.0),
        ({"X_RateLimit_Reset": "9"}, 9.0),
        ({"x_ratelimit_reset": "1445412510", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"x_ratelimit_reset": "1445412510000", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"x_ratelimit_reset": "1445412470", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry_After": "7", "X_RateLimit_Reset": "9"}, 7.0),
        ({"X_RateLimit_Reset": "soon"}, None),
    ],
)
@vendors
def test_a_throttle_tells_how_long_to_wait(
    table: Table, told: Mapping[str, str], seconds: float | None
) -> None:
    assert judged(table, reply(429, b"", "", **told)).retry_after == seconds


@pytest.mark.parametrize(
    "told",
    [
        {"X_RateLimit_Reset": "40"},
        # The moment, by the vendor's own clock.
        {"X_RateLimit_Reset": "1445412520", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"Retry_After": "40"},
    ],
    ids=["seconds", "moment", "retry-after"],
)
@vendors
def test_a_client_waits_until_the_window_is_empty(table: Table, told: Mapping[str, str]) -> None:
    golden = next(
        one for one in table.golden if operation_of(table, one).shape in {"batch", "call"} and not one.before
    )

    async def send() -> float:
        patient = Settings(rate=1_000_000, retry=RetryPolicy(attempts=2, first_wait=0))
        client, transport = table.make(reply(429, b"", "", **told), golden.response, settings=patient)
        await golden.carry(client)
        assert len(transport.sent) == 2
        return asyncio.get_running_loop().time()

    assert 40 <= run(send()) < 41


@vendors
def test_what_is_left_of_a_quota_delays_nothing_but_a_throttle(table: Table) -> None:
    assert judged(table, reply(503, b"", "", X_RateLimit_Reset="9")).retry_after is None


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 520, 522, 524])
@vendors
def test_what_a_gateway_says_leaves_open_what_happened(table: Table, status: int) -> None:
    error = judged(table, reply(status, b"upstream connect error or disconnect", "text/plain"))
    assert (type(error), error.may_have_happened) == (Unavailable, True)


@vendors
def test_a_fault_in_the_vendors_own_words_is_a_sign_of_life(table: Table) -> None:
    error = judged(table, reply(500, FAULTS[table.vendor.slug]))
    assert (type(error), error.may_have_happened) == (ServerFault, True)


def changing(*, idempotent: bool) -> list[Any]:
    """Return one golden of each batch that changes something, and is repeatable or is not."""
    found = {
        (case.values[0].vendor.slug, case.values[1].operation): case
        for case in every_golden("batch")
        if case.values[0] is not EVERY[-1]
    }
    return [
        case
        for case in found.values()
        if (facts := operation_of(*case.values).facts).idempotent is idempotent
        and facts.acknowledges != "answered"
    ]


def answering(table: Table, golden: Golden, status: int, body: Any, wrong: str) -> Any:
    """Return a vendor that answers so where a request holds a word, and takes all others."""
    take = taking_all(table, golden)

    async def send(request: Prepared) -> Response:
        assert request.body is not None
        return reply(status, body) if wrong.encode() in request.body else await take(request)

    return send


async def carried(table: Table, golden: Golden, status: int, body: Any) -> Any:
    client, transport = table.make()
    items = others(client, golden, 8)
    # A telephone number is written in one form, whatever form it came in.
    wrong = re.sub(r"^\+|\s", "", client.kind(operation_of(table, golden)).key(items[5]))
    judged_so = answering(table, golden, status, body, wrong)
    # The one door through which its requests go.
    transport.send = but_for_tokens(transport.send, judged_so)  # type: ignore[method-assign]
    return await getattr(client, golden.operation)(items, **golden.options).settled()


def test_there_are_batches_of_both_kinds() -> None:
    assert len(changing(idempotent=True)) > 20
    assert len(changing(idempotent=False)) >= 5


@pytest.mark.parametrize(("table", "golden"), [*changing(idempotent=False), *changing(idempotent=True)])
@pytest.mark.asyncio
async def test_a_refusal_is_divided_whatever_the_operation_is(table: Table, golden: Golden) -> None:
    report = await carried(table, golden, 400, REFUSALS[table.vendor.slug])
    assert [(type(told), told.position) for told in report.undelivered] == [(Rejected, 5)]
    assert (report.delivered, report.stopped) == (7, None)


@pytest.mark.parametrize(("table", "golden"), changing(idempotent=True))
@pytest.mark.asyncio
async def test_a_fault_that_one_row_causes_is_divided_down_to_it(table: Table, golden: Golden) -> None:
    report = await carried(table, golden, 500, FAULTS[table.vendor.slug])
    assert [(type(told), told.position) for told in report.undelivered] == [(InDoubt, 5)]
    assert (report.delivered, report.stopped) == (7, None)


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize(("table", "golden"), changing(idempotent=False))
@pytest.mark.asyncio
async def test_what_must_not_be_repeated_is_in_doubt_after_one_request(
    table: Table, golden: Golden, status: int
) -> None:
    report = await carried(table, golden, status, FAULTS[table.vendor.slug] if status == 500 else b"down")
    assert (report.requests, report.in_doubt) == (1, 8)
