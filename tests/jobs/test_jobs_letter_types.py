"""The row of a dead letter is what it was when it is sent again: JSON's missing types are kept beside it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from netaudience.dead_letter import DeadLetter
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.state.letter_types import shown, typed, types_of

NOON = dt.datetime(2026, 3, 29, 12, 30, 15, 123456, tzinfo=dt.timezone(dt.timedelta(hours=3)))
LONG = Decimal("12345678901234567.89")


def sent_on(fields: dict[str, object]) -> DeadLetter:
    letter = DeadLetter(
        position=1, vendor="netmera", operation="x", outcome="failed", by="run", reason="why",
        row=shown(fields), types=types_of(fields) or None,
    )  # fmt: skip
    return DeadLetter.of_line(letter.to_line())


@pytest.mark.parametrize(
    "value",
    [
        "text", "1990-05-17", 17, 0.1, True, [1, "a"], {"a": {"b": 1}},
        dt.date(1990, 5, 17), NOON, NOON.replace(tzinfo=None), LONG,
        [NOON, None, "text"], [[LONG]], {"at": NOON, "plain": 1, "days": [dt.date(1, 1, 1)]},
    ],
)  # fmt: skip
def test_a_row_that_is_sent_again_is_what_it_was(value: object) -> None:
    letter = sent_on({"ext_id": "1", "value": value})
    again = typed(letter.row, letter.types or {})  # type: ignore[arg-type]
    assert again == {"ext_id": "1", "value": value}
    assert type(again["value"]) is type(value)


def test_what_json_carries_as_it_is_takes_no_place_in_the_line() -> None:
    assert b"types" not in sent_on({"a": 1, "b": ["x"], "c": {"d": None}}).to_line()


def test_a_value_that_could_not_be_sent_is_refused_until_it_is_mended() -> None:
    letter = sent_on({"ext_id": "1", "photo": BadValue("holds bytes", held=b"\xff\x00")})
    again = typed(letter.row, letter.types or {})  # type: ignore[arg-type]
    assert isinstance(again["photo"], BadValue)
    assert "mend it in the file" in again["photo"].reason
    assert typed({"ext_id": "1", "photo": "none"}, letter.types or {})["photo"] == "none"
    # And so it is the second time.
    assert types_of(again) == letter.types


@pytest.mark.parametrize(
    ("before", "mended", "after"),
    [
        (LONG, "17.25", Decimal("17.25")),
        (LONG, 17.25, 17.25),
        (dt.date(1990, 5, 17), "1990-05-18", dt.date(1990, 5, 18)),
        ([NOON, NOON], [NOON.isoformat()], [NOON]),
        ({"at": NOON}, "never", "never"),
    ],
)
def test_a_mended_value_is_of_the_type_that_it_was(before: object, mended: object, after: object) -> None:
    assert typed({"v": mended}, types_of({"v": before})) == {"v": after}


@pytest.mark.parametrize("text", ["17th of May", "", "1990-05-17T00:00:00Z and more"])
def test_a_day_that_is_none_any_more_is_refused(text: str) -> None:
    again = typed({"v": text}, {"v": "date"})["v"]
    assert isinstance(again, BadValue)
    assert text not in again.reason or not text


@pytest.mark.parametrize("types", [{"v": 17}, {"v": {"list": 1}}, {"v": {"unknown": 1}}, {"w": "date"}])
def test_types_that_nobody_here_has_written_change_nothing(types: dict[str, object]) -> None:
    assert typed({"v": ["x"]}, types) == {"v": ["x"]}  # type: ignore[arg-type]


def test_a_line_whose_types_are_no_object_is_no_letter() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reader of the file says where
        DeadLetter.of_line(sent_on({"v": NOON}).to_line().replace(b'{"v":"timestamp"}', b'"timestamp"'))
