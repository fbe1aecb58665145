"""Texts that are kept as one come out as they went in."""

import enum
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.model.kinds import Identifiers, WholeNumbers
from netaudience.model.texts import Texts
from netaudience.model.wire import dump_json, words_in

TEXTS = st.lists(st.text(), min_size=1)


def written(texts):
    """Return texts as they are kept when their request is written."""
    kept = Texts(texts)
    kept.let_go()
    return kept


def in_a_body(texts):
    """Return texts as they are kept when their request has them as they are."""
    kept = Texts(texts)
    kept.let_go(dump_json({"first": texts[:1], "note": "[", "ids": kept, "last": texts}))
    return kept


def not_in_a_body(texts):
    """Return texts as they are kept when their request has them in another form."""
    kept = Texts(texts)
    kept.let_go(dump_json({"ids": [{"id": text} for text in texts], "begins": [*texts[:-1], 1]}))
    return kept


def in_two_bodies(texts):
    """Return texts of which the request was written twice."""
    kept = in_a_body(texts)
    kept.let_go(dump_json([1, kept]))
    return kept


MADE = [Texts, written, in_a_body, not_in_a_body, in_two_bodies]


@pytest.mark.parametrize("make", MADE)
@given(texts=TEXTS)
def test_they_come_out_as_they_went_in(make, texts):
    kept = make(texts)
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


@pytest.mark.parametrize("make", MADE)
@given(texts=TEXTS)
def test_they_are_written_as_the_list_that_they_are(make, texts):
    assert dump_json({"ids": make(texts), "tag": "x"}) == dump_json({"ids": texts, "tag": "x"})
    assert dump_json([{"id": text} for text in make(texts)]) == dump_json([{"id": text} for text in texts])


def test_where_the_body_has_them_nothing_else_is_kept():
    texts = Texts([f"id-{number}" for number in range(100)])
    body = dump_json({"tag": "x", "ids": texts})
    texts.let_go(body)
    kept = [one for one in gc.get_referents(texts) if isinstance(one, bytes | list)]
    assert len(kept) == 1
    assert kept[0] is body


def test_what_was_let_go_of_may_be_filled_with_others():
    texts = ["a", "b"]
    kept = written(texts)
    texts[:] = ["c"]
    assert list(kept) == ["a", "b"]


@given(TEXTS)
def test_a_vendor_s_words_are_still_known_as_theirs(texts):
    assert words_in(written(texts)) == words_in(texts)


def test_none_of_them_is_shown():
    assert repr(Texts(["a@example.com", "b@example.com"])) == "<2 texts>"


def test_what_is_a_text_of_a_special_kind_comes_out_as_plain_text():
    class Plan(enum.StrEnum):
        FREE = "free"

    assert type(written([Plan.FREE])[0]) is str


@pytest.mark.parametrize(("count", "as_one"), [(1, False), (49, False), (50, True), (1000, True)])
def test_many_identifiers_are_kept_as_one_and_few_as_they_are(count, as_one):
    given_ids = [f"id-{number}" for number in range(count)]
    kept = Identifiers("ext id").kept(given_ids)
    assert (type(kept) is Texts, kept is given_ids) == (as_one, not as_one)
    assert kept == given_ids
    numbers = list(range(count))
    assert WholeNumbers("id").kept(numbers) is numbers


def test_the_garbage_collector_finds_no_text_behind_them():
    kept = written(["a", "b"])
    assert b'["a","b"]' in gc.get_referents(kept)
    assert [one for one in gc.get_referents(kept) if gc.is_tracked(one)] == [Texts]
