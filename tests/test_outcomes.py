"""Every item has one outcome, the counts reconcile, and nothing that is reported names a person."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from netaudience.errors import AnswerLost, InvalidItem, Refused, Unauthorized
from netaudience.outcomes import (
    COUNTED,
    KEPT,
    KINDS,
    REASONS,
    Counts,
    Delivered,
    Failed,
    InDoubt,
    Rejected,
    Report,
    SettledChunk,
)

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(100))
REFUSED = Refused("Netmera", 400, code=5016, vendor_message="user not found")
UNDELIVERED = [Rejected, Failed, InDoubt]


def report(**fields: Any) -> Report:
    counts = Counts(**{name: fields.pop(name) for name in COUNTED if name in fields})
    return Report("Netmera", "tag_users", "accepted", counts=counts, **fields)


def test_every_row_is_in_exactly_one_count() -> None:
    counts = Counts(delivered=1, unchanged=2, rejected=4, failed=8, in_doubt=16, unsent=32)
    assert (counts.rows, counts.undelivered) == (63, 60)
    assert sum(counts.named().values()) == sum(counts.shown("accepted").values()) == counts.rows
    counts.add(counts)
    assert (counts.rows, counts.unsent) == (126, 64)
    assert counts.listed("accepted") == (
        "2 accepted, 4 unchanged, 8 rejected, 16 failed, 32 in doubt, 64 not sent"
    )
    assert Counts(rejected=1).listed("applied") == "0 applied, 1 rejected"


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (
            Rejected(41_204, "customer-77", REFUSED, "customer-77"),
            'Item 41,204 (…77) rejected by Netmera: HTTP 400, code 5016, "user not found"',
        ),
        (
            Failed(0, {"extId": "id1"}, InvalidItem("An ext id is empty"), ""),
            "Item 0 (…) failed: An ext id is empty",
        ),
        (
            InDoubt(1, "customer-78", AnswerLost("No answer came"), "customer-78"),
            "Item 1 (…78) in doubt: No answer came",
        ),
    ],
)
def test_an_outcome_is_a_sentence(outcome, sentence) -> None:
    assert str(outcome) == sentence


@pytest.mark.parametrize("kind", UNDELIVERED)
def test_no_outcome_shows_its_item(kind) -> None:
    outcome = kind(3, {"email": "a.b@example.com"}, REFUSED, "customer-77")
    for shown in (str(outcome), repr(outcome), f"{outcome}"):
        assert "example" not in shown
        assert "customer" not in shown
    assert repr(outcome) == f"<{kind.__name__} item 3: {REFUSED}>"
    assert repr(Delivered(1_000, "customer-77", {"a": "b"})) == "<Delivered item 1,000>"


@pytest.mark.parametrize("kind", UNDELIVERED)
def test_an_outcome_survives_a_process(kind) -> None:
    again = pickle.loads(pickle.dumps(kind(3, "id1", REFUSED, "id1")))
    assert type(again) is kind
    assert (again.position, again.item, again.key, str(again.reason)) == (3, "id1", "id1", str(REFUSED))


def test_a_delivered_item_is_a_named_tuple_however_it_was_made() -> None:
    made = next(iter(SettledChunk(["id1"], [3], {"a": 1})))
    for one in (
        Delivered(3, "id1", {"a": 1}),
        Delivered(position=3, item="id1", result={"a": 1}),
        Delivered._make([3, "id1", {"a": 1}]),
        Delivered(4, "id2", {"a": 1})._replace(position=3, item="id1"),
        copy.copy(made),
        pickle.loads(pickle.dumps(made)),
    ):
        assert type(one) is type(made) is Delivered
        assert one == made == (3, "id1", {"a": 1})
    assert list(inspect.signature(Delivered).parameters) == ["position", "item", "result"]
    assert made._asdict() == {"position": 3, "item": "id1", "result": {"a": 1}}
    assert Delivered(3, "id1").result is None
    assert not isinstance(Rejected(3, "id1", REFUSED), Delivered)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'item'"):
        Delivered(3)
    match made:
        case Delivered(position, item):
            assert (position, item) == (3, "id1")
        case _:
            pytest.fail("a delivered item is a Delivered")


def test_a_kind_of_delivered_item_is_made_by_its_fields_too() -> None:
    class Confirmed(Delivered[str]):
        __slots__ = ()

    assert type(Confirmed(3, "id1")) is Confirmed
    assert Confirmed(3, item="id1") == Delivered(3, "id1")


def test_the_four_outcomes_are_matched_by_their_fields() -> None:
    match Rejected(3, "id1", REFUSED, "key"):
        case Rejected(position, item, reason, key):
            assert (position, item, reason, key) == (3, "id1", REFUSED, "key")
        case _:
            pytest.fail("a rejected item is a Rejected")
    assert set(KINDS) == set(UNDELIVERED)


@STEADY
@given(st.lists(st.sampled_from([None, *UNDELIVERED]), max_size=12), st.integers(0, 100))
def test_a_chunk_gives_each_item_its_one_outcome_in_order(kinds: list[Any], start: int) -> None:
    items = [f"id{index}" for index in range(len(kinds))]
    positions = range(start, start + len(kinds))
    undelivered = [
        kind(start + index, items[index], REFUSED, items[index])
        for index, kind in enumerate(kinds)
        if kind is not None
    ]
    chunk = SettledChunk(items, positions, "answer", undelivered)
    outcomes = list(chunk)
    assert [type(outcome) for outcome in outcomes] == [kind or Delivered for kind in kinds]
    assert [outcome.position for outcome in outcomes] == list(positions)
    assert [outcome.item for outcome in outcomes] == items
    assert list(chunk) == outcomes
    assert len(chunk) == len(items)
    assert {outcome.result for outcome in outcomes if isinstance(outcome, Delivered)} <= {"answer"}
    counted = report(items=len(items))
    counted.count(chunk)
    assert counted.settled == len(items)
    assert counted.delivered == kinds.count(None)
    assert (counted.rejected, counted.failed, counted.in_doubt) == tuple(map(kinds.count, UNDELIVERED))
    assert sum(sum(times.values()) for times in counted.reasons.values()) == len(undelivered)
    assert counted.ok is (not undelivered)


def test_a_chunk_shows_counts_only() -> None:
    chunk = SettledChunk(["a.b@example.com"] * 1_200, range(1_200))
    assert repr(chunk) == "<SettledChunk of 1,200, 0 not delivered>"


def test_a_report_does_not_grow_with_the_items() -> None:
    counted = report()
    for index in range(KEPT + 10):
        reason = InvalidItem(f"reason {index}")
        counted.count(SettledChunk([index], [index], None, [Rejected(index, index, reason, "")]))
    assert counted.rejected == KEPT + 10
    assert [outcome.position for outcome in counted.undelivered] == list(range(KEPT))
    assert len(counted.reasons["rejected"]) == REASONS + 1
    assert counted.reasons["rejected"]["other reasons"] == KEPT + 10 - REASONS
    assert counted.reasons["rejected"]["reason 0"] == 1


def test_a_known_reason_is_counted_apart_however_late_it_comes() -> None:
    counted = report()
    for index in [*range(REASONS + 5), 0, 0]:
        reason = InvalidItem(f"reason {index}")
        counted.count(SettledChunk([index], [index], None, [Failed(index, index, reason, "")]))
    assert counted.reasons["failed"]["reason 0"] == 3


def test_one_reason_of_two_kinds_is_two_reasons() -> None:
    counted = report()
    outcomes = [Rejected(0, "a", REFUSED, ""), InDoubt(1, "b", REFUSED, "")]
    counted.count(SettledChunk(["a", "b"], range(2), None, outcomes))
    assert counted.reasons == {"rejected": {str(REFUSED): 1}, "in_doubt": {str(REFUSED): 1}}


STOPPED = Unauthorized("Netmera", 403, code=2010)
TOLD = 'Item 7 (…77) rejected by Netmera: HTTP 400, code 5016, "user not found"'
UNREAD = "The rest of the source was not read."
FIRST = [Rejected(7, "customer-77", REFUSED, "customer-77")]


@pytest.mark.parametrize(
    ("counts", "ok", "sentence"),
    [
        (
            {"items": 1_000, "delivered": 1_000},
            True,
            "Netmera tag_users: of 1,000 items, 1,000 accepted.",
        ),
        ({}, True, "Netmera tag_users: of 0 items, 0 accepted."),
        (
            {"items": 3, "delivered": 2, "rejected": 1, "undelivered": FIRST},
            False,
            f"Netmera tag_users: of 3 items, 2 accepted, 1 rejected. First: {TOLD}",
        ),
        (
            {"items": 9, "failed": 2, "in_doubt": 3, "unsent": 4, "undelivered": FIRST},
            False,
            f"Netmera tag_users: of 9 items, 0 accepted, 2 failed, 3 in doubt, 4 not sent. First: {TOLD}",
        ),
        (
            {"items": 5, "delivered": 5, "stopped": STOPPED},
            False,
            f"Netmera tag_users: of 5 items, 5 accepted. The run stopped early: {STOPPED}. {UNREAD}",
        ),
        (
            {"items": 5, "delivered": 5, "stopped": STOPPED, "exhausted": True},
            False,
            f"Netmera tag_users: of 5 items, 5 accepted. The run stopped early: {STOPPED}.",
        ),
        ({"items": 5, "delivered": 4}, False, "Netmera tag_users: of 5 items, 4 accepted."),
    ],
)
def test_a_report_says_what_became_of_the_run(counts, ok, sentence) -> None:
    told = report(**counts)
    assert told.ok is ok
    assert str(told) == told.sentence() == sentence


def test_a_report_shows_no_item() -> None:
    told = report(items=1, rejected=1, undelivered=[Rejected(0, "a.b@example.com", REFUSED, "customer-77")])
    assert "example" not in f"{told!r}{told}"
    assert "customer" not in f"{told!r}{told}"


@pytest.mark.parametrize(
    ("waited", "seconds", "workers", "share"),
    [(0.0, 0.0, 1, 0.0), (5.0, 10.0, 1, 0.5), (5.0, 10.0, 2, 0.25), (30.0, 10.0, 2, 1.0)],
)
def test_the_share_that_was_waited(waited, seconds, workers, share) -> None:
    assert report(waited=waited, seconds=seconds, workers=workers).waiting_share == share
