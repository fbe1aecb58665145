"""Which records of a CleverTap upload failed: found by what the vendor gives back, or left open.

The answers are of the forms that were recorded from the live upload, and of forms that only a proxy or a
bug would write: none of these may let a record pass for delivered.
Source: https://developer.clevertap.com/docs/api-errors
"""

from __future__ import annotations

from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_vendors import Scripted, clevertap, reply

from netaudience import CleverTapClient, InDoubt, Rejected, Settings
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import Refused, Unavailable, Unreadable
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.wire import Response, load_json
from netaudience.vendors.clevertap.answers import blame_list, blame_records, classify
from netaudience.vendors.clevertap.records import (
    event_record,
    phone_record,
    profile_record,
    subscription_record,
    token_record,
)


def profile(identity: str, **data: Any) -> dict[str, Any]:
    return {"identity": identity, "profileData": {"Name": "John Rush", **data}}


def given_back(record: Any, code: Any = 515, text: str = "Email is not valid.") -> dict[str, Any]:
    return {"status": "fail", "code": code, "error": text, "record": record}


def numbered(record: Any, number: int) -> dict[str, Any]:
    return given_back(record, text=f"Age is invalid.Skipped record number : {number}")


def envelope(processed: Any, *unprocessed: Any, status: str = "partial") -> Response:
    return reply(200, {"status": status, "processed": processed, "unprocessed": list(unprocessed)})


def blamed(response: Response, items: list[Any], record_of: Any = profile_record) -> ItemErrors:
    return blame_records(record_of)(response, items)


THREE = [profile("3"), profile("4", Phone="+35922333232"), profile("5", Age="aa")]
SENT = [dict(profile_record(item)) for item in THREE]


def test_a_success_blames_nobody() -> None:
    assert blamed(envelope(3, status="success"), THREE) == NOTHING
    assert blamed(reply(200, {"status": "success"}), THREE) == NOTHING
    assert blamed(reply(200, {"status": "success", "unprocessed": []}), THREE) == NOTHING


def test_the_record_that_is_given_back_is_refused_and_the_others_are_not() -> None:
    blame = blamed(envelope(2, numbered(SENT[1], 2)), THREE)
    assert set(blame.refused) == {1}
    assert blame.unattributed is None
    error = blame.refused[1]
    assert (type(error), error.status, error.code) == (Refused, 200, 515)
    assert error.vendor_message == "Age is invalid."


# How the vendor changes a record that it gives back, as recorded: types, and nothing else.
CHANGED = [
    {**SENT[1], "identity": 4},
    {**SENT[1], "profileData": {**SENT[1]["profileData"], "Phone": 35922333232}},
    {"identity": "4", "type": "profile"},
    {**SENT[1], "ts": 1521649266},
]


@pytest.mark.parametrize("echo", CHANGED)
@pytest.mark.parametrize("number", [None, 2, 1, 3, 0, 99])
def test_the_identifier_finds_a_record_whatever_its_number_says(echo, number) -> None:
    entry = given_back(echo) if number is None else numbered(echo, number)
    blame = blamed(envelope(2, entry), THREE)
    assert (set(blame.refused), blame.unattributed) == ({1}, None)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "4",
        5,
        [],
        {},
        given_back(None),
        given_back("4"),
        given_back([]),
        given_back({}),
        given_back({"identity": "6"}),
        given_back({"objectId": "4"}),
        given_back({"identity": None}),
        # The number alone is not relied on: nothing documents it.
        numbered(None, 2),
        numbered({"identity": "6"}, 2),
        {"error": "Skipped record number : 2"},
    ],
)
def test_what_cannot_be_matched_leaves_all_of_them_open(entry) -> None:
    blame = blamed(envelope(2, entry), THREE)
    assert (blame.refused, blame.retryable) == ({}, {})
    assert blame.unattributed is not None


def test_what_can_be_matched_is_named_beside_what_cannot() -> None:
    blame = blamed(envelope(1, given_back(SENT[0]), given_back({"identity": "6"})), THREE)
    assert set(blame.refused) == {0}
    assert type(blame.unattributed) is Refused


def test_a_record_that_is_given_back_twice_stands_for_another() -> None:
    blame = blamed(envelope(1, given_back(SENT[0]), given_back(SENT[0])), THREE)
    assert set(blame.refused) == {0}
    assert blame.unattributed is not None


@pytest.mark.parametrize(
    ("processed", "status"),
    [
        (1, "partial"),
        (0, "partial"),
        (3, "partial"),
        (0, "success"),
        (4, "success"),
        (-1, "fail"),
    ],
)
def test_counts_that_do_not_add_up_leave_the_others_open(processed, status) -> None:
    blame = blamed(envelope(processed, given_back(SENT[0]), status=status), THREE)
    assert set(blame.refused) == {0}
    assert isinstance(blame.unattributed, Unreadable)
    assert blame.unattributed.may_have_happened


@pytest.mark.parametrize("processed", [None, "2", True, 2.0])
def test_where_nothing_is_counted_the_others_are_not_asked_one_by_one(processed) -> None:
    blame = blamed(envelope(processed, given_back(SENT[0])), THREE)
    assert (set(blame.refused), blame.unattributed) == ({0}, None)
    assert isinstance(blame.unread, Unreadable)
    assert blame.unread.may_have_happened


def test_one_record_more_given_back_than_failed_leaves_nobody_open() -> None:
    """The counts say what became of all of them, whatever else the answer repeats."""
    blame = blamed(envelope(2, given_back(SENT[0]), given_back(SENT[0])), THREE)
    assert (set(blame.refused), blame.unattributed) == ({0}, None)
    blame = blamed(envelope(2, given_back({"identity": "6"}), given_back(SENT[1])), THREE)
    assert (set(blame.refused), blame.unattributed) == ({1}, None)


@pytest.mark.parametrize("processed", [0, 2, 4])
def test_a_success_that_counts_others_than_were_sent_is_none(processed) -> None:
    assert isinstance(blamed(envelope(processed, status="success"), THREE).unattributed, Unreadable)


def test_all_given_back_needs_no_count() -> None:
    body = {"status": "fail", "unprocessed": [given_back(record) for record in SENT]}
    blame = blamed(reply(200, body), THREE)
    assert (set(blame.refused), blame.unattributed) == ({0, 1, 2}, None)


FINAL = [509, *range(512, 521), *range(522, 527), 528, *range(530, 536)]


@pytest.mark.parametrize("code", [*FINAL, None, 400, 429, 500, "515", True, [], 2**63])
def test_codes_of_records_are_final(code) -> None:
    blame = blamed(envelope(2, given_back(SENT[1], code)), THREE)
    assert (set(blame.refused), set(blame.retryable)) == ({1}, set())


def test_the_vendors_own_trouble_is_asked_again() -> None:
    blame = blamed(envelope(2, given_back(SENT[1], 555, "Miscellaneous server error")), THREE)
    assert (blame.refused, set(blame.retryable), blame.unattributed) == ({}, {1}, None)
    error = blame.retryable[1]
    assert isinstance(error, Unavailable)
    assert not error.may_have_happened


@pytest.mark.parametrize(
    "response",
    [
        reply(200),
        reply(204),
        reply(200, b"<html>", "text/html"),
        reply(200, b'{"status":"par', "application/json"),
        reply(200, []),
        reply(200, None),
        reply(200, {"unprocessed": [given_back(SENT[0])]}),
        Response(200, reply(200).headers, b'{"status":"success"}', truncated=True),
    ],
)
def test_an_answer_that_cannot_be_read_blames_nobody_by_name(response) -> None:
    assert blamed(response, THREE).refused == {}


# Events: a user has many, so the identifier alone does not tell which.


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"identity": "4", "evtName": name, "evtData": data}


EVENTS = [event("Seen"), event("Charged", Amount=300), event("Seen"), event("Charged", Amount=301.5)]
EVENTS_SENT = [dict(event_record(item)) for item in EVENTS]


@pytest.mark.parametrize(
    ("echo", "number", "index"),
    [
        (EVENTS_SENT[1], None, 1),
        (EVENTS_SENT[3], None, 3),
        ({**EVENTS_SENT[1], "identity": 4}, None, 1),
        ({**EVENTS_SENT[1], "evtData": {"Amount": "300"}}, None, 1),
        # The whole outvotes the number.
        (EVENTS_SENT[1], 4, 1),
        # Equal events are told apart by their number, if it is the number of one of them.
        (EVENTS_SENT[0], 1, 0),
        (EVENTS_SENT[0], 3, 2),
        (EVENTS_SENT[0], 2, None),
        (EVENTS_SENT[0], 5, None),
        (EVENTS_SENT[0], None, None),
        # The vendor has changed the record beyond recognition: its number must be one of the user's.
        ({**EVENTS_SENT[0], "evtData": {"Amount": 1}}, 1, 0),
        ({**EVENTS_SENT[0], "evtData": {"Amount": 1}}, None, None),
        ({**EVENTS_SENT[0], "identity": "5"}, 1, None),
        ({**EVENTS_SENT[1], "evtData": {"Amount": True}}, None, None),
        ({**EVENTS_SENT[1], "evtData": {"Amount": [300]}}, None, None),
        ({**EVENTS_SENT[1], "evtData": None}, None, None),
    ],
)
def test_an_event_is_found_by_the_whole_of_it(echo, number, index) -> None:
    entry = given_back(echo) if number is None else numbered(echo, number)
    blame = blamed(envelope(3, entry), EVENTS, event_record)
    assert list(blame.refused) == ([] if index is None else [index])
    assert (blame.unattributed is None) is (index is not None)


@pytest.mark.parametrize(
    ("record_of", "items", "echo"),
    [
        (
            token_record,
            [{"objectId": "1", "id": "t", "type": "fcm"}, {"objectId": "2", "id": "t", "type": "fcm"}],
            {"type": "token", "objectId": 2, "tokenData": {"id": "t", "type": "fcm"}},
        ),
        (
            subscription_record,
            [
                {"type": "email", "value": "a@example.com", "status": "Unsubscribe"},
                {"type": "phone", "value": "+90 532 123 45 67", "status": "Unsubscribe"},
            ],
            {"type": "phone", "value": 905321234567, "status": "Unsubscribe"},
        ),
        (
            phone_record,
            ["+905321234566", "+90 532 123 45 67"],
            {"type": "phone", "value": "+905321234567"},
        ),
    ],
)
def test_records_of_other_lists_are_found_too(record_of, items, echo) -> None:
    blame = blamed(envelope(1, given_back(echo)), items, record_of)
    assert (set(blame.refused), blame.unattributed) == ({1}, None)


def test_the_echo_of_a_record_is_never_told() -> None:
    item = profile("customer-77", Email="a.b@example.com")
    entry = given_back(profile_record(item), text="customer-77 has a.b@example.com")
    blame = blamed(envelope(0, entry, given_back({"identity": "client-88"}, text="client-88")), [item])
    assert set(blame.refused) == {0}
    for error in blame.refused.values():
        for told in (str(error), repr(error), str(vars(error))):
            assert "customer-77" not in told
            assert "client-88" not in told
            assert "example" not in told


#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(200))
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.floats(allow_nan=False)
    | st.text("4d x", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["record", "identity", "error", "code", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@STEADY
@given(
    st.sets(st.integers(0, 10**6), min_size=1, max_size=12)
    .map(sorted)
    .flatmap(lambda ids: st.tuples(st.just(ids), st.permutations(ids), st.integers(1, len(ids)))),
    st.data(),
)
def test_exactly_those_that_are_given_back_are_blamed(drawn, data) -> None:
    """In whatever order and with whatever types and numbers they come."""
    ids, shuffled, count = drawn
    items = [profile(str(number), Age=number) for number in ids]
    entries = []
    for number in shuffled[:count]:
        echo = dict(profile_record(items[ids.index(number)]))
        echo["identity"] = data.draw(st.sampled_from([number, str(number)]))
        echo["profileData"] = data.draw(
            st.sampled_from([echo["profileData"], {"Age": str(number)}, {}, None])
        )
        told = data.draw(st.none() | st.integers(0, 20))
        entries.append(given_back(echo) if told is None else numbered(echo, told))
    blame = blamed(envelope(len(ids) - count, *entries), items)
    assert set(blame.refused) == {ids.index(number) for number in shuffled[:count]}
    assert (blame.retryable, blame.unattributed) == ({}, None)


@STEADY
@given(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["success", "partial", "fail"]) | ANYTHING},
        optional={
            "processed": st.integers(-1, 4) | ANYTHING,
            "unprocessed": st.lists(ANYTHING | st.sampled_from([given_back(one) for one in SENT]), max_size=4)
            | ANYTHING,
            "code": st.sampled_from([2, 400, 515, 555]) | ANYTHING,
        },
    )
)
def test_no_answer_that_gives_a_record_back_passes_for_a_success(body) -> None:
    response = reply(200, body)
    verdict = classify(response)
    blame = blamed(response, THREE)
    assert not set(blame.refused) & set(blame.retryable)
    if verdict is None and not blame:
        assert body["status"] == "success"
        assert not isinstance(body.get("unprocessed"), list) or body["unprocessed"] == []
        assert not isinstance(body.get("processed"), int) or body["processed"] in {3, True, False}
    if blame.unattributed is None and verdict is None:
        given = body.get("unprocessed")
        assert len(blame.refused) + len(blame.retryable) == (len(given) if isinstance(given, list) else 0)


# What becomes of the items.


def patient(*answers: Response) -> tuple[CleverTapClient, Scripted]:
    """Make a client that asks again, without waiting."""
    transport = Scripted(*answers)
    settings = Settings(retry=RetryPolicy(attempts=3, first_wait=0))
    return CleverTapClient("P", "C", region="in1", settings=settings, transport=transport), transport


def sent_identities(transport: Scripted) -> list[list[Any]]:
    return [
        [record["identity"] for record in load_json(sent.body)["d"]]  # type: ignore[arg-type,index,call-overload,union-attr]
        for sent in transport.sent
    ]


@pytest.mark.asyncio
async def test_the_one_at_fault_is_rejected_and_the_others_are_delivered() -> None:
    client, transport = clevertap(envelope(2, numbered(SENT[1], 2)))
    report = await client.upload_profiles(THREE).settled()
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(1, Rejected)]
    assert (report.delivered, report.requests, len(transport.sent)) == (2, 1, 1)


@pytest.mark.asyncio
async def test_a_failure_of_every_record_costs_one_request() -> None:
    client, transport = clevertap(envelope(0, *map(given_back, SENT), status="fail"))
    report = await client.upload_profiles(THREE).settled()
    assert [type(outcome) for outcome in report.undelivered] == [Rejected] * 3
    assert len(transport.sent) == 1


@pytest.mark.asyncio
async def test_a_record_in_the_vendors_trouble_is_sent_again_alone() -> None:
    client, transport = patient(
        envelope(2, given_back(EVENTS_SENT[1], 555)),
        envelope(0, given_back(EVENTS_SENT[1], 555)),
        envelope(1),
    )
    items = [event("Seen"), EVENTS[1], {**EVENTS[1], "identity": "5"}]
    report = await client.upload_events(items).settled()
    assert (report.delivered, report.undelivered) == (3, [])
    assert sent_identities(transport) == [["4", "4", "5"], ["4"], ["4"]]


@pytest.mark.asyncio
async def test_profiles_that_are_not_named_are_asked_one_by_one() -> None:
    client, transport = clevertap(
        envelope(2, given_back({"identity": "?"})),
        envelope(1, status="success"),
        envelope(1, given_back({"identity": "?"})),
        envelope(0, given_back({"identity": "?"}), status="fail"),
        envelope(1, status="success"),
    )
    report = await client.upload_profiles(THREE).settled()
    assert sent_identities(transport) == [["3", "4", "5"], ["3"], ["4", "5"], ["4"], ["5"]]
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(1, Rejected)]


@pytest.mark.parametrize(
    ("operation", "items"),
    [("upload_events", EVENTS), ("upload_profile_changes", [*THREE, profile("6", Visits={"$incr": 1})])],
)
@pytest.mark.parametrize(
    "answer",
    [
        envelope(3, given_back({"identity": "?"})),
        envelope(3, status="success"),
        # To halve it would send again what it has taken.
        envelope(3, status="fail"),
    ],
)
@pytest.mark.asyncio
async def test_what_must_not_be_repeated_is_in_doubt_instead(operation, items, answer) -> None:
    client, transport = clevertap(answer)
    report = await getattr(client, operation)(items).settled()
    assert [type(outcome) for outcome in report.undelivered] == [InDoubt] * 4
    assert len(transport.sent) == 1


@pytest.mark.parametrize("operation", ["upload_profiles", "upload_profile_changes"])
@pytest.mark.asyncio
async def test_a_request_that_is_refused_whole_is_halved(operation) -> None:
    refused = envelope(0, status="fail")
    client, transport = clevertap(
        refused, envelope(1, status="success"), refused, refused, envelope(1, status="success")
    )
    report = await getattr(client, operation)(THREE).settled()
    assert sent_identities(transport) == [["3", "4", "5"], ["3"], ["4", "5"], ["4"], ["5"]]
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(1, Rejected)]


@pytest.mark.asyncio
async def test_a_success_that_took_nothing_is_no_delivery() -> None:
    client, _ = clevertap(envelope(0, status="success"))
    report = await client.upload_profiles(THREE[:1]).settled()
    assert [type(outcome) for outcome in report.undelivered] == [InDoubt]


# Lists of identities: they are documented to say nothing of single ones.


@pytest.mark.parametrize("operation", ["demerge", "delete_profiles"])
@pytest.mark.parametrize(
    "answer",
    [
        envelope(1, given_back({"identity": "b"})),
        envelope(0, status="partial"),
        envelope(1, status="fail"),
        envelope(1, given_back({"identity": "b"}), status="success"),
    ],
)
@pytest.mark.asyncio
async def test_a_list_of_which_records_are_told_is_in_doubt(operation, answer) -> None:
    client, _ = clevertap(answer)
    options = {"confirm": True} if operation == "delete_profiles" else {}
    report = await getattr(client, operation)(["a", "b"], **options).settled()
    assert [type(outcome) for outcome in report.undelivered] == [InDoubt] * 2


def test_a_list_that_was_taken_blames_nobody() -> None:
    for answer in (reply(200, {"status": "success"}), envelope(2, status="success"), reply(204)):
        assert blame_list(answer, ["a", "b"]) == NOTHING
