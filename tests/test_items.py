"""What is wrong with an item is found before it is sent, and told without repeating the item."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import attrs
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from netaudience.errors import InvalidItem, mask
from netaudience.model.kinds import Identifiers, Nothing, WholeNumbers
from netaudience.model.rows import Rows
from netaudience.model.validators import (
    email,
    flag,
    identifier,
    json_object,
    one_of,
    text,
    texts,
    value_lists,
    whole_number,
)
from netaudience.model.wire import dump_json, wire_name

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(300))


@attrs.frozen
class Everything:
    """A row with one field of every rule."""

    ext_id: str = attrs.field(validator=identifier("ext id"), metadata=wire_name("extId"))
    name: str = attrs.field(validator=text("name"))
    names: list[str] = attrs.field(validator=texts("names"))
    enable: bool = attrs.field(validator=flag("enable"))
    number: int = attrs.field(validator=whole_number("number"))
    profile: dict[str, Any] = attrs.field(validator=json_object("profile"))
    lists: dict[str, list[Any]] = attrs.field(validator=value_lists("lists"))
    channel: str | None = attrs.field(
        default=None, validator=one_of("channel", "SMS", "EMAIL"), metadata=wire_name("Channel")
    )


@attrs.frozen
class Preference:
    """A row as a vendor has it: a key, a personal value, and what may be left out."""

    ext_id: str = attrs.field(validator=identifier("ext id"), metadata=wire_name("extId"), repr=mask)
    category: str = attrs.field(validator=text("category"))
    enable: bool = attrs.field(validator=flag("enable"))
    channel: str | None = attrs.field(default=None, validator=one_of("channel", "SMS", "EMAIL"))
    profile: Mapping[str, Any] | None = attrs.field(
        default=None, validator=json_object("profile"), repr=False
    )


EVERYTHING = Rows(Everything, key="ext_id")
PREFERENCES = Rows(Preference, key="ext_id")
GOOD = {
    "ext_id": "id1",
    "name": "n",
    "names": ["a"],
    "enable": True,
    "number": 0,
    "profile": {"a": 1},
    "lists": {"a": [1]},
    "channel": "sms",
}


class Plan(StrEnum):
    """Texts of a special kind, which JSON knows as texts."""

    FREE = "free"


class Number(Enum):
    """No text, though JSON writes its value."""

    ONE = "1"


# Item, what its sentence holds; None where the item is good.
IDENTIFIED = [
    ("id1", None),
    ("0", None),
    ("a b", None),
    ("O'Neill", None),
    ("a+b", None),
    ("1E+", None),
    ("nano", None),
    ("banana", None),
    ("Null Island", None),
    ("--", None),
    ("1008.0", None),
    (" ", "white space at an end"),
    (" 1002", "white space at an end"),
    ("1003 ", "white space at an end"),
    ("\u00a01004", "white space at an end"),
    ("1004\u202f", "white space at an end"),
    ("\u30001004", "white space at an end"),
    ("1005\u200b", "sign that nobody sees"),
    ("\u200f1006", "sign that nobody sees"),
    ("10\u00ad06", "sign that nobody sees"),
    ("\ufeffcustomer_id", "sign that nobody sees"),
    ("\u202a1006\u202c", "sign that nobody sees"),
    ("10\u206006", "sign that nobody sees"),
    ("NULL", "placeholder"),
    ("nUll", "placeholder"),
    ("nan", "placeholder"),
    ("None", "placeholder"),
    ("N/A", "placeholder"),
    ("#N/A", "placeholder"),
    ("undefined", "placeholder"),
    ("-", "placeholder"),
    ("(null)", "placeholder"),
    ("NaT", "placeholder"),
    ("<NA>", "placeholder"),
    ("1.00E+09", "its digits are lost"),
    ("9,05321e+11", "its digits are lost"),
    ("1E+09", "its digits are lost"),
    ("'1009", "marks of a text"),
    ('="00123"', "marks of a text"),
    ("ünïcode ☃ 😀", None),
    ("a" * 10_000, None),
    ('say "id1"', None),
    ("DOMAIN\\id1", None),
    ("a\u0001b", "control character"),
    (Plan.FREE, None),
    ("", "is empty: leave the row out"),
    ("a\nb", "line break"),
    ("a\r", "line break"),
    ("\ta", "control character"),
    ("a\0", "control character"),
    ("a\x7f", "control character"),
    ("\x85a", "control character"),
    ("\u2029", "line break"),
    ("\ud83d", "lone surrogate"),
    (5, "must be text, not int: write it as a string"),
    (0, "must be text, not int"),
    (True, "must be text, not bool"),
    (1.5, "must be text, not float"),
    (None, "must be text, not NoneType"),
    (b"id1", "must be text, not bytes"),
    (["id1"], "must be text, not list"),
    ({"extId": "id1"}, "must be text, not dict"),
    (UUID(int=1), "must be text, not UUID"),
    (date(2026, 1, 1), "must be text, not date"),
    (Number.ONE, "must be text, not Number"),
    (object(), "must be text, not object"),
]


@pytest.mark.parametrize(("item", "told"), IDENTIFIED)
@pytest.mark.parametrize("others", [[], ["good", "bést"]])
def test_an_identifier(item, told, others) -> None:
    problems = Identifiers("ext id").check([*others, item, *others])
    if told is None:
        assert problems == {}
        return
    assert list(problems) == [len(others)]
    assert type(problems[len(others)]) is InvalidItem
    assert str(problems[len(others)]).startswith("An ext id ")
    assert told in str(problems[len(others)])


@pytest.mark.parametrize(
    "control", [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]
)
def test_every_line_break_and_control_character_is_found(control) -> None:
    (problem,) = Identifiers("ext id").under(odd=True).check([f"a{control}b"]).values()
    assert "control character" in str(problem)


@pytest.mark.parametrize("item", [item for item, told in IDENTIFIED if told and isinstance(item, str)])
@pytest.mark.parametrize("others", [0, 100])
def test_odd_identifiers_are_sent_where_they_are_meant(item, others) -> None:
    strict, kind = Identifiers("ext id"), Identifiers("ext id").under(odd=True)
    page = ["good"] * others + [item] + ["bést"] * others
    odd = "odd-identifiers" in str(strict.check(page)[others])
    assert bool(kind.examine(page)[0]) is not odd


@pytest.mark.parametrize("item", ["NULL", "1003 ", "'1009"])
def test_odd_identifiers_of_rows_are_rejected_or_sent(item) -> None:
    for row in (Preference(item, "news", enable=True), {"extId": item, "category": "news", "enable": True}):
        page = [*[Preference("id1", "news", enable=True)] * 200, row]
        assert set(PREFERENCES.check([row])) == {0}
        assert set(PREFERENCES.check([row, row])) == {0, 1}
        assert set(PREFERENCES.examine(page)[0]) == {200}
        assert PREFERENCES.under(odd=True).check(page) == {}
        assert PREFERENCES.ruled(None).under(odd=True).examine(page)[1][-1] == item


def test_what_an_argument_says_of_identifiers_decides_their_rule() -> None:
    kind = Identifiers("user", by={"email": email("email")})
    assert kind.check(["id1"]) == kind.under(by="ext_id").check(["id1"]) == {}
    assert "one @ and a domain" in str(kind.under(by="email").check(["id1"])[0])
    assert kind.under(by=["email"]) is kind


@pytest.mark.parametrize("halves", [["\ud83d", "\ude00"], ["a\ud83d", "\ude00b"]])
def test_two_halves_of_a_character_do_not_make_one(halves) -> None:
    assert set(Identifiers("ext id").check(halves)) == {0, 1}


@STEADY
@given(st.lists(st.sampled_from([item for item, _ in IDENTIFIED]), max_size=6))
def test_a_page_is_judged_as_its_items_are(page: list[object]) -> None:
    kind = Identifiers("identity")
    apart = {index: str(kind.check([item]).get(0)) for index, item in enumerate(page) if kind.check([item])}
    together = {index: str(problem) for index, problem in kind.check(page).items()}
    assert together == apart


@STEADY
@given(st.lists(st.sampled_from([item for item, _ in IDENTIFIED]), max_size=3), st.sampled_from([0, 40, 200]))
def test_one_look_finds_what_a_check_finds_and_keeps_what_is_good(page: list[object], others: int) -> None:
    kind = Identifiers("identity")
    page = ["good"] * (others // 2) + page + ["good"] * (others // 2)
    problems, keys, carried, kept = kind.examine(page)
    assert carried is page
    assert {index: str(problem) for index, problem in problems.items()} == {
        index: str(problem) for index, problem in kind.check(page).items()
    }
    assert not keys
    if problems:
        assert kept is None
    else:
        assert list(kept) == page
        assert dump_json(kept) == dump_json(page)


@pytest.mark.parametrize(("noun", "article"), [("ext id", "An ext id"), ("segment id", "A segment id")])
def test_the_noun_has_its_article(noun, article) -> None:
    assert str(Identifiers(noun).check([""])[0]).startswith(article)


def test_keys_of_identifiers_are_themselves() -> None:
    kind = Identifiers("ext id")
    assert kind.keys(["b", "a", "b"]) == ["b", "a", "b"]
    assert [kind.key(item) for item in ("a", 5, None)] == ["a", "", ""]
    assert not kind.keyed


@pytest.mark.parametrize(
    ("item", "good"),
    [
        *((0, True), (97, True), (2**63 - 1, True)),
        *(
            (2**63, False),
            (-1, False),
            (True, False),
            (1.0, False),
            ("1", False),
            (None, False),
            ([1], False),
        ),
    ],
)
def test_a_whole_number(item, good) -> None:
    problems = WholeNumbers("message id").check([1, item])
    assert (problems == {}) is good
    if not good:
        assert str(problems[1]) == "A message id must be a whole number that is not negative"


def test_keys_of_numbers_are_text() -> None:
    assert WholeNumbers("message id").keys([1, 20]) == ["1", "20"]
    assert WholeNumbers("message id").key(7) == "7"


def test_the_key_of_a_monstrous_number_is_no_crash() -> None:
    assert isinstance(WholeNumbers("message id").key(10**5000), str)


def test_nothing_is_wrong_with_nothing() -> None:
    kind = Nothing()
    assert (kind.check([1]), kind.keys([1]), kind.key(1), kind.keyed) == ({}, (), "", False)


# Field, value, good.
VALUES = [
    ("ext_id", "", False),
    ("ext_id", "a\nb", False),
    ("ext_id", 5, False),
    ("ext_id", "\ud800", False),
    ("name", "", False),
    ("name", None, False),
    ("name", ["n"], False),
    ("names", [], False),
    ("names", [""], False),
    ("names", "ab", False),
    ("names", [1], False),
    ("names", ("a", "b"), True),
    ("names", {"a"}, False),
    ("names", {"a": 1}, False),
    ("names", b"ab", False),
    ("enable", False, True),
    ("enable", 1, False),
    ("enable", "true", False),
    ("enable", "a.b@example.com", False),
    ("names", "a.b@example.com", False),
    ("number", "a.b@example.com", False),
    ("profile", "a.b@example.com", False),
    ("channel", "a.b@example.com", False),
    ("enable", None, False),
    ("number", 5, True),
    ("number", -1, False),
    ("number", True, False),
    ("number", 1.0, False),
    ("profile", {}, False),
    ("profile", {"": 1}, True),
    ("profile", {"a": None, "b": [1, {"c": 2.5}]}, True),
    ("profile", [("a", 1)], False),
    ("profile", "a", False),
    ("lists", {"a": []}, False),
    ("lists", {"a": "b"}, False),
    ("lists", {"a": {"b": 1}}, False),
    ("lists", {"a": (1, 2)}, True),
    ("lists", {}, False),
    ("channel", "EMAIL", True),
    ("channel", "eMail", True),
    ("channel", "PIGEON", False),
    ("channel", "", False),
    ("channel", 5, False),
]


def named(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row by the vendor's names."""
    wire = {"ext_id": "extId", "channel": "Channel"}
    return {wire.get(name, name): value for name, value in values.items()}


@pytest.mark.parametrize(("field", "value", "good"), VALUES)
def test_a_field_is_checked_alike_in_a_class_and_by_the_vendors_name(field, value, good) -> None:
    values = {**GOOD, field: value}
    problems = EVERYTHING.check([named(GOOD), named(values)])
    assert (problems == {}) is good
    if good:
        Everything(**values)
        return
    assert set(problems) == {1}
    with pytest.raises(InvalidItem) as caught:
        Everything(**values)
    for sentence in (str(caught.value), str(problems[1])):
        assert sentence
        assert "example" not in sentence


@pytest.mark.parametrize("field", [name for name in GOOD if name != "channel"])
def test_a_missing_field_is_named(field) -> None:
    wanted = next(iter(named({field: 0})))
    row = {name: value for name, value in named(GOOD).items() if name != wanted}
    problem = EVERYTHING.check([row])[0]
    assert str(problem) == f"The row has no {wanted!r}, which the vendor requires"


@pytest.mark.parametrize("spelling", ["EXT_ID", "ext-id", "extid", "ext_id"])
def test_a_field_that_is_there_in_another_spelling_is_told_as_such(spelling) -> None:
    row = {spelling if name == "extId" else name: value for name, value in named(GOOD).items()}
    problem = str(EVERYTHING.check([row])[0])
    assert problem.startswith(
        "The row has no 'extId', which the vendor requires: it is there in another spelling"
    )
    assert spelling not in problem.replace("extId", "")


class Channel(StrEnum):
    """A text that is a member of an enumeration, as callers have them."""

    SMS = "SMS"


PREFERENCE = {"extId": "a", "category": "c", "enable": True}


def test_a_misspelt_field_is_refused() -> None:
    problems = PREFERENCES.check([{**PREFERENCE, "chanel": "SMS"}])
    assert set(problems) == {0}


def test_a_field_too_many_is_refused_and_the_known_ones_are_named() -> None:
    problems = PREFERENCES.check([{**PREFERENCE, "channel": "SMS", "secret-77": 1}])
    assert "extId, category, enable, channel, profile" in str(problems[0])
    assert "secret-77" not in str(problems[0])


def test_null_is_never_sent_for_a_field_that_is_left_out() -> None:
    assert "NoneType" in str(PREFERENCES.check([{**PREFERENCE, "channel": None}])[0])
    assert dump_json(Preference("a", "c", enable=True)) == dump_json(PREFERENCE)


def test_a_text_of_an_enumeration_is_taken_by_both() -> None:
    Preference("a", "c", enable=True, channel=Channel.SMS)
    assert PREFERENCES.check([{**PREFERENCE, "channel": Channel.SMS}]) == {}


def test_another_dict_is_taken_by_both() -> None:
    Preference("a", "c", enable=True, profile=OrderedDict(age=24))
    assert PREFERENCES.check([{**PREFERENCE, "profile": OrderedDict(age=24)}]) == {}


@pytest.mark.parametrize("row", ["id1", 5, None, ("id1", {})])
def test_what_is_no_row_is_refused_by_its_type(row) -> None:
    problems = PREFERENCES.check([row, PREFERENCE])
    assert list(problems) == [0]
    assert f"not {type(row).__name__}" in str(problems[0])


def test_rows_have_keys_whatever_is_wrong_with_them() -> None:
    kind = PREFERENCES
    preference = Preference("b", "c", enable=True)
    assert kind.keyed
    assert kind.keys([{**PREFERENCE, "extId": "a"}]) == ["a"]
    assert kind.keys([preference, {**PREFERENCE, "extId": "a"}, preference]) == ["b", "a", "b"]
    assert [kind.key(row) for row in (preference, PREFERENCE, {}, "x", None, 5)] == ["b", "a", "", "", "", ""]


def test_bad_keys_are_found_beside_good_rows_and_instances() -> None:
    page = [PREFERENCE, {**PREFERENCE, "extId": ""}, Preference("b", "c", enable=True)]
    problems = PREFERENCES.check([*page, {**PREFERENCE, "extId": "a\tb"}])
    assert set(problems) == {1, 3}


def test_a_rows_repr_shows_no_identifier_and_no_value() -> None:
    shown = repr(Preference("customer-77", "c", enable=True, profile={"email": "a.b@example.com"}))
    assert "customer" not in shown
    assert "example" not in shown
