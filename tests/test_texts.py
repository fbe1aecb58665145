"""Texts that are kept as one come out as they went in."""

import enum
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.items import Identifiers, WholeNumbers
from netaudience.texts import Texts
from netaudience.wire import words_in

LINES = st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1), min_size=1)


@given(LINES)
def test_they_come_out_as_they_went_in(texts):
    kept = Texts(texts)
    assert len(kept) == len(texts)
    assert list(kept) == texts
    assert [kept[index] for index in range(-len(texts), len(texts))] == texts * 2
    assert kept[1:] == texts[1:]
    assert list(kept) == texts, "asked for one by one before, too"
    assert texts[0] in kept
    assert kept == texts == list(kept)
    assert kept == tuple(texts)
    assert kept != [*texts, "another"]
    assert kept != "".join(texts)
    with pytest.raises(IndexError):
        kept[len(texts)]


@given(LINES)
def test_a_vendor_s_words_are_still_known_as_theirs(texts):
    assert words_in(Texts(texts)) == words_in(texts)


def test_none_of_them_is_shown():
    assert repr(Texts(["a@example.com", "b@example.com"])) == "<2 texts>"


def test_what_is_a_text_of_a_special_kind_comes_out_as_plain_text():
    class Plan(enum.StrEnum):
        FREE = "free"

    assert type(Texts([Plan.FREE])[0]) is str


@pytest.mark.parametrize(("count", "as_one"), [(1, False), (49, False), (50, True), (1000, True)])
def test_many_identifiers_are_kept_as_one_and_few_as_they_are(count, as_one):
    given_ids = [f"id-{number}" for number in range(count)]
    kept = Identifiers("ext id").kept(given_ids)
    assert (type(kept) is Texts, kept is given_ids) == (as_one, not as_one)
    assert kept == given_ids
    numbers = list(range(count))
    assert WholeNumbers("id").kept(numbers) is numbers


def test_the_garbage_collector_finds_no_text_behind_them():
    assert gc.get_referents(Texts(["a" * 40, "b" * 40]))[0] == "a" * 40 + "\n" + "b" * 40
