"""What a run of every batch operation keeps: as few requests as the limits allow, and no secret in sight.

No vendor is named here: all are known by their tables.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest
from scripted_vendors import Golden, Table, but_for_tokens, reply
from tables import EVERY, every_golden, operation_of

from netaudience.client import Client
from netaudience.errors import VendorError
from netaudience.model.rows import Rows
from netaudience.model.wire import Prepared, Response, load_json
from netaudience.outcomes import RunFailed

MANY = 1001


def renamed(value: str, number: int) -> str:
    """Return another identifier of the same form."""
    if "@" in value:
        return f"user{number}@{value.partition('@')[2]}"
    if value.startswith("+"):
        return f"{value[:-4]}{number:04}"
    return f"{value}{number}"


def others(client: Client, golden: Golden, count: int) -> list[Any]:
    """Return so many items like the golden's first, each of another user."""
    kind = client.kind(operation_of_client(client, golden))
    first = golden.arguments[0][0] if isinstance(golden.arguments[0], list) else golden.arguments[0]
    if not isinstance(kind, Rows):
        return [
            renamed(first, number) if isinstance(first, str) else first + number for number in range(count)
        ]
    row, key = dict(kind.mapping(first)), kind.key(first)
    fields = [name for name, value in row.items() if isinstance(value, str) and value.lower() == key.lower()]
    inside = [name for name, value in row.items() if isinstance(value, Mapping) and key in value.values()]
    assert fields or inside

    def other(number: int) -> dict[str, Any]:
        new = renamed(key, number)
        named = {
            name: {**row[name], **{part: new for part, value in row[name].items() if value == key}}
            for name in inside
        }
        return {**row, **named, **dict.fromkeys(fields, new)}

    return [other(number) for number in range(count)]


def operation_of_client(client: Client, golden: Golden) -> Any:
    return client.operations()[golden.operation]


def taking_all(table: Table, golden: Golden) -> Callable[[Prepared], Awaitable[Response]]:
    """Return a vendor that takes everything, and says how much it took where it counts."""
    text = table.answers.get(golden.operation) or golden.answer
    told = load_json(text.encode()) if text else None

    async def send(request: Prepared) -> Response:
        body: Any = told
        if isinstance(body, dict):
            # A truth value is no count, though it equals 1.
            counts = (name for name, value in body.items() if value == 1 and not isinstance(value, bool))
            body = {**body, **dict.fromkeys(counts, request.records)}
        return reply(golden.status) if body is None else reply(golden.status, body)

    return send


def of_batches_that_change() -> list[Any]:
    """Leave out those that read: their answer would have to name each of the items."""
    cases = every_golden("batch")
    return [case for case in cases if operation_of(*case.values).facts.acknowledges != "answered"]


@pytest.mark.parametrize(("table", "golden"), of_batches_that_change())
@pytest.mark.asyncio
async def test_a_thousand_and_one_items_make_as_few_requests_as_the_limits_allow(
    table: Table, golden: Golden
) -> None:
    client, transport = table.make()
    requests: list[Prepared] = []
    take = taking_all(table, golden)

    async def send(request: Prepared) -> Response:
        requests.append(request)
        return await take(request)

    transport.send = but_for_tokens(transport.send, send)
    operation = operation_of(table, golden)
    items = others(client, golden, MANY)
    assert not client.kind(operation).check(items)
    _, _, rows = table.shapes[golden.operation]
    report = await getattr(client, golden.operation)(items, **golden.options)
    assert (report.items, report.delivered, report.requests) == (MANY, MANY, len(requests))
    weights = [request.records for request in requests]
    assert sum(weights) == MANY
    assert max(weights) <= rows
    most = operation.facts.limit.bytes
    sizes = [request.size for request in requests]
    fewest = math.ceil(MANY / rows)
    if most is None or max(sizes) < 0.8 * most.value:
        assert len(sizes) == fewest
    else:
        assert max(sizes) <= most.value
        # All but the last are nearly full.
        assert min(sizes[:-1]) > 0.7 * most.value


@pytest.mark.parametrize(("table", "golden"), every_golden("batch", "call"))
def test_a_chunk_is_no_larger_than_a_window_of_records(table: Table, golden: Golden) -> None:
    operation = operation_of(table, golden)
    client, _ = table.make()
    client.settings = attrs.evolve(client.settings, rate=None)
    windows = [window for window in operation.facts.quota.windows if window.counts == "records"]
    assert all(client.run_plan(operation, client.kind(operation)).rows <= window.most for window in windows)


# Nothing secret.


def secrets_of(table: Table) -> set[str]:
    """Return what authenticates a client: what its headers hold, and the words in it."""
    return {word for value in table.headers.values() for word in (value, *value.split()) if len(word) > 6}


def identifiers_of(golden: Golden) -> set[str]:
    """Return what names people in a golden's items: texts with an at sign, and telephone numbers."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for part in value.values():
                look(part)
        elif isinstance(value, list | tuple):
            for part in value:
                look(part)
        elif isinstance(value, str) and re.search(r"@|\+\d{6}", value):
            found.add(value)

    for argument in golden.arguments:
        for item in argument if isinstance(argument, list) else [argument]:
            look(attrs.asdict(item) if attrs.has(type(item)) else item)
    return found


def holds(text: str, secrets: set[str]) -> set[str]:
    return {secret for secret in secrets if secret in text}


@pytest.mark.parametrize("table", EVERY, ids=[table.vendor.slug for table in EVERY])
def test_a_client_shows_no_secret(table: Table) -> None:
    client, _ = table.make()
    shown = [repr(client), str(client), repr(client.settings)]
    shown += [repr(getattr(client, name)) for name in table.vendor.operations()]
    assert holds(" ".join(shown), secrets_of(table)) == set()


@pytest.mark.parametrize(("table", "golden"), every_golden())
@pytest.mark.asyncio
async def test_what_is_read_is_not_shown(
    table: Table, golden: Golden, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "netaudience")
    client, transport = table.make(*golden.responses)
    given = await golden.carry(client)
    if operation_of(table, golden).facts.spooled:
        given = None  # bare identifiers, one after the other, have nothing that could hide them
    shown = f"{given!r} {transport.sent!r} {golden.responses!r} {caplog.text}"
    assert holds(shown, secrets_of(table) | identifiers_of(golden)) == set()
    assert not re.search(r"[\w.]+@[\w.]+\.\w", shown)


@pytest.mark.parametrize(
    ("table", "golden"),
    # One of each operation: an answer is judged by who sent it, not by what was asked.
    list({case.values[1].operation: case for case in reversed(every_golden())}.values()),
)
@pytest.mark.asyncio
async def test_an_error_repeats_no_secret(
    table: Table, golden: Golden, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor that repeats the request in its answer, credentials and all, is not repeated by us."""
    caplog.set_level(logging.DEBUG, "netaudience")
    # A key that is a plain word cannot be told from one; those that vendors give hold digits.
    keys = {secret for secret in secrets_of(table) if re.search(r"\d", secret)} | {"ab12cd34ef56"}
    secrets = keys | identifiers_of(golden) | {"someone@example.org", "+905551112233"}
    words = " ".join(sorted(secrets))
    body = {
        **dict.fromkeys(("error", "msg", "message", "title", "detail", "description", "code", "type"), words),
        "status": "fail",
        "params": {"ip": words},
        "failedUpdates": {"invalidEmails": [words]},
    }
    for status in (400, 401, 403, 404, 409, 413, 429, 500, 503):
        caplog.clear()
        # Longer than a run's patience, so that a throttled one ends at once.
        client, _ = table.make(*[reply(status, body, Retry_After="1000")] * 20)
        shown = ""
        try:
            shown = repr(await golden.carry(client))
        except RunFailed as failed:
            report = failed.report
            reasons = [outcome.reason for outcome in report.undelivered]
            shown = f"{failed} {failed!r} {report!r} {report.reasons} {report.undelivered} {reasons!r}"
            shown += f"{report.warnings}"
        except VendorError as error:
            shown = f"{error} {error!r} {error.reason} {error.args}"
        assert holds(f"{shown} {caplog.text}", secrets) == set(), status
