"""Real answers of the vendors, replayed over a real socket: what was published must read as it was meant.

The cases are not ours and are not in the project; NETAUDIENCE_CASES names their folder. A case whose
operation we do not have is skipped by its name.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import orjson
import pytest
from answering import Answer, Asked, answering
from replays import Replay, operations_for, replay_of
from scripted_vendors import Table
from tables import TABLES
from yarl import URL

from netaudience.client import Client
from netaudience.engine.transport import AiohttpTransport
from netaudience.errors import (
    AccountError,
    EmptySource,
    InvalidItem,
    Misconfigured,
    NetaudienceError,
    Refused,
    Throttled,
    TooLarge,
    Unavailable,
)
from netaudience.model.wire import Prepared, Response
from netaudience.outcomes import Failed, InDoubt, Rejected, Report

FOLDER = os.environ.get("NETAUDIENCE_CASES", "")
BY_SLUG = {table.vendor.slug: table for table in TABLES}

#: Cases whose request never leaves us, and why.
NEVER_SENT = {
    "iterable-vcr-post-api_users_registerDeviceToken-500": "the token is empty",
    "iterable-vcr-post-api_events_trackBulk-400": "the events have no name",
    "netmera-removeMsisdn-400": "the ext id is null",
    "netmera-removeWhatsApp-400": "the ext id is null",
    "clevertap-vcr-missing-behaves-like-validation-failure-failed-to-upload-the-profiles": (
        "the time is 0, which is what a missing one becomes"
    ),
    "iterable-vcr-post-api_users_disableDevice-400": "the token is null",
    "iterable-vcr-post-api_users_update-400": "the address is empty",
    "iterable-vcr-post-api_users_registerBrowserToken-400": "the address is empty",
    "iterable-vcr-post-api_events_track-400": "the event names nobody",
}
#: Cases without any item: a run over nothing is a mistake of the caller's, and sends nothing.
EMPTY = {"iterable-vcr-post-api_lists_unsubscribe-200-3", "iterable-vcr-post-api_users_bulkUpdate-400"}
#: Cases whose derived meaning is not ours, with what it is instead, and why.
READ_OTHERWISE: dict[str, tuple[type[NetaudienceError], str]] = {
    "moengage-post-event-workspace-id-415-unsupported-media-type": (
        Misconfigured,
        "the content type is the client's, not the item's: no other item would fare better",
    ),
}
#: Cases whose recorded request was sent by a client that does what we do not, and what that is.
SENT_OTHERWISE = {
    "moengage-bulk-200": "users and events in one request; a run carries one kind of item",
    "netmera-addMsisdn": "the number is masked",
    "netmera-untagUsers": "we ask for the ids that do not exist",
    "netmera-updateWhatsApp": "an older installation takes a list",
    "iterable-vcr-post-api_lists_unsubscribe-200": "we say in every request that the channel is kept",
}
#: Query parameters of other clients that say what is so without them.
NEEDLESS = {"dryRun": "0"}


def cases() -> list[Any]:
    if not FOLDER:
        return [pytest.param(None, marks=pytest.mark.skip(reason="NETAUDIENCE_CASES is not set"))]
    found = [
        case
        for slug in BY_SLUG
        for case in orjson.loads((Path(FOLDER) / f"{slug}.json").read_bytes())["cases"]
    ]
    return [
        pytest.param(
            case,
            id=case["id"],
            marks=()
            if operations_for(case)
            else pytest.mark.skip(reason=f"{case['operation']} is not one of our operations"),
        )
        for case in found
    ]


CASES = cases()


def answer_of(case: dict[str, Any]) -> Answer:
    response = case["response"]
    body = response["body"]
    raw = b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)
    # A masked body is of another length than the recorded one.
    headers = {name: value for name, value in response["headers"].items() if name.lower() != "content-length"}
    return Answer(response["status"], headers, raw)


def over_a_socket(table: Table, transport: AiohttpTransport, server_url: str) -> Client:
    """Return the table's client, its requests sent to a server of this machine."""
    client, script = table.make()
    scripted = script.send

    async def send(request: Prepared) -> Response:
        assert isinstance(request.url, URL)
        if "/oauth/" in request.url.path:  # a token, which the recordings begin after
            return await scripted(request)
        request.url = URL(server_url + request.url.raw_path_qs, encoded=True)
        return await transport.send(request)

    script.send = send  # type: ignore[method-assign] # the one door through which its requests go
    # A throttled run ends at once instead of being patient.
    patience = attrs.evolve(client.settings.retry, throttle_patience=1e-9)
    # The recordings' addresses and numbers are masked or made up, which a run would say before it sent them.
    client.settings = attrs.evolve(client.settings, rate=None, retry=patience, odd_identifiers="send")
    return client


@pytest.mark.parametrize("case", CASES)
@pytest.mark.asyncio
async def test_a_published_answer_is_read_as_it_was_meant(case: dict[str, Any]) -> None:
    replay = replay_of(case)
    transport = AiohttpTransport(trust_env=False, connect_timeout=5.0)
    try:
        async with answering(answer_of(case)) as server:
            client = over_a_socket(BY_SLUG[case["vendor"]], transport, server.url)
            bound = getattr(client, replay.operation.name)
            if replay.items is None:
                await ask(case, replay, bound)
            elif case["id"] in EMPTY:
                assert replay.items == []
                report = await bound(replay.items, **replay.options).settled()
                assert isinstance(report.stopped, EmptySource)
                assert server.requests == []
                return
            else:
                run = bound if replay.operation.shape == "batch" else bound.each
                judge(case, replay, await run(replay.items, **replay.options).settled())
    finally:
        await transport.aclose()
    if case["id"] in NEVER_SENT:
        assert server.requests == []
    else:
        compare(case, server.requests)


async def ask(case: dict[str, Any], replay: Replay, bound: Any) -> None:
    """Ask a question that takes no item; what it gives must be what the answer holds."""
    in_pages = replay.operation.shape == "pages"
    if case["meaning"]["outcome"] == "rejected":
        asked = bound(**replay.options)
        with pytest.raises(Refused):
            await (anext(asked.pages()) if in_pages else asked)
        return
    if case["meaning"]["outcome"] == "pending":
        pytest.skip("it is asked for again until it is ready, which one recorded answer never is")
    assert case["meaning"]["outcome"] == "success"
    if in_pages:
        async with aclosing(bound(**replay.options).pages()) as pages:
            page = await anext(pages)
        # The first answer of a cursor has no rows yet.
        lists = [value for value in case["response"]["body"].values() if isinstance(value, list)]
        assert len(replay.operation.rows(page)) == sum(map(len, lists))
    else:
        assert await bound(**replay.options) is not None


def judge(case: dict[str, Any], replay: Replay, report: Report) -> None:
    """Compare what became of each item with what the case says of it."""
    meaning, items = case["meaning"], replay.items or []
    undelivered = {outcome.position: outcome for outcome in report.undelivered}
    reasons = {type(outcome.reason) for outcome in report.undelivered}
    assert (report.items, report.delivered) == (len(items), len(items) - len(undelivered))
    if case["id"] in NEVER_SENT:
        assert {type(outcome) for outcome in undelivered.values()} == {Rejected}
        assert len(undelivered) == len(items)
        assert reasons == {InvalidItem}
        return
    if case["id"] in READ_OTHERWISE:
        kind, _ = READ_OTHERWISE[case["id"]]
        assert type(report.stopped) is kind
        assert report.delivered == 0
        return
    match meaning["outcome"]:
        case "success" | "accepted":
            assert report.ok
        case "rejected" | "all_items_failed" | "partial":
            blamed = {failed["index"] for failed in meaning["failed_items"] if "index" in failed}
            assert undelivered.keys() == (blamed or set(range(len(items))))
            assert {type(outcome) for outcome in undelivered.values()} == {Rejected}
            assert all(issubclass(reason, Refused) for reason in reasons)
            assert report.stopped is None
        case "payload_too_large":
            assert {type(outcome) for outcome in undelivered.values()} == {Rejected}
            assert reasons == {TooLarge}
        case "auth":
            # Credentials, or what the vendor has against the account: both stop the run.
            assert isinstance(report.stopped, AccountError)
            assert report.delivered == 0
        case "rate_limited":
            assert report.throttles
            assert isinstance(report.stopped, Throttled) or reasons == {Throttled}
            assert report.delivered == 0
        case "server_error":
            assert {type(outcome) for outcome in undelivered.values()} <= {Failed, InDoubt}
            assert all(issubclass(reason, Unavailable) for reason in reasons)
            assert len(undelivered) == len(items)
        case other:
            pytest.fail(f"no test says what {other!r} means for {case['operation']}")


def compare(case: dict[str, Any], requests: list[Asked]) -> None:
    """Compare what was asked with what was recorded, where something was."""
    recorded, request = case["request"], requests[0]
    method, _, path = case["operation"].partition(" ")
    assert request.method == method
    sent, wanted = request.path.split("/"), path.split("/")
    assert len(sent) == len(wanted)
    assert all(part == want or want.startswith("{") for part, want in zip(sent, wanted, strict=True))
    if "url" in recorded and wanted[-1].startswith("{"):
        assert unquote(sent[-1]) == unquote(recorded["url"].rpartition("/")[2])
    if recorded["body"] is not None and case["id"] not in SENT_OTHERWISE:
        assert len(requests) == 1
        assert orjson.loads(request.body) == recorded["body"]
        query = {
            name: value for name, value in (recorded["query"] or {}).items() if NEEDLESS.get(name) != value
        }
        assert request.query.keys() == query.keys()


@pytest.mark.skipif(not FOLDER, reason="NETAUDIENCE_CASES is not set")
def test_the_exceptions_are_of_cases_that_there_are() -> None:
    told = {case.values[0]["id"] for case in CASES}
    assert {*NEVER_SENT, *EMPTY, *READ_OTHERWISE, *SENT_OTHERWISE} <= told


@pytest.mark.skipif(not FOLDER, reason="NETAUDIENCE_CASES is not set")
def test_every_vendor_has_cases_that_are_ours() -> None:
    ours = [case.values[0]["vendor"] for case in CASES if operations_for(case.values[0])]
    assert set(ours) == set(BY_SLUG)
    assert len(ours) >= 80
