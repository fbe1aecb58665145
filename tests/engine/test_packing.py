"""Packing, without a loop: chunks keep the limits, nothing is lost, and one key keeps its order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import KeyedRows

from netaudience.engine.chunker import Chunk, Chunker
from netaudience.engine.run_plan import RunPlan
from netaudience.errors import ItemTooLarge
from netaudience.model.kinds import Identifiers
from netaudience.model.texts import Texts
from netaudience.model.wire import Prepared
from netaudience.outcomes import SettledChunk


def encode(items):
    return Prepared("POST", "/", {}, json.dumps(list(items)).encode(), 1, 1)


def drive(chunker, pages, release_after=0):
    """Feed the pages; release each chunk when so many others were cut after it."""
    chunks, rejected, out, position = [], [], [], 0

    def take(parts):
        for part in list(parts):
            if isinstance(part, Chunk):
                chunks.append(part)
                out.append(part)
            else:
                rejected.extend(part.undelivered)
            while len(out) > release_after:
                chunker.release(out.pop(0))

    for page in pages:
        while chunker.full:
            chunker.release(out.pop(0))
            take(chunker.feed([], range(0)))
        take(chunker.feed(tuple(page), range(position, position + len(page))))
        position += len(page)
    while chunker.waiting:
        if chunker.holding and out:
            chunker.release(out.pop(0))
        take(chunker.flush())
    return chunks, rejected


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=15), max_size=12),
    st.integers(1, 10),
    st.none() | st.integers(1, 10),
    st.none() | st.integers(40, 200),
    st.integers(0, 6),
    st.booleans(),
)
def test_chunks_keep_every_limit_and_lose_nothing(pages, rows, keys, most_bytes, release_after, keyed):
    position = 0
    fed = []
    for page in pages:
        for index, key in enumerate(page):
            page[index] = {"key": f"k{key}", "value": position} if keyed else f"k{key}"
            fed.append(page[index])
            position += 1
    kind = KeyedRows() if keyed else Identifiers("key")
    chunker = Chunker(RunPlan(kind=kind, rows=rows, keys=keys, max_bytes=most_bytes), encode)
    chunks, rejected = drive(chunker, pages, release_after)

    several = len(fed) - len({item["key"] if keyed else item for item in fed})
    assert chunker.in_turn <= several, "a row waits once, however often it is looked at"

    placed = {at: item for chunk in chunks for at, item in zip(chunk.positions, chunk.items, strict=True)}
    placed.update((outcome.position, outcome.item) for outcome in rejected)
    assert [placed[at] for at in range(position)] == fed
    assert sum(map(len, chunks)) + len(rejected) == position
    for chunk in chunks:
        assert 1 <= len(chunk) <= rows
        assert most_bytes is None or chunk.prepared.size <= most_bytes
        assert chunk.prepared.body == json.dumps(list(chunk.items)).encode()
        if keys is not None:
            assert len({item["key"] if keyed else item for item in chunk.items}) <= keys
    for outcome in rejected:
        assert isinstance(outcome.reason, ItemTooLarge)
        assert most_bytes is not None
        assert len(json.dumps([outcome.item])) > most_bytes
    if keyed:
        last = {}
        for chunk in chunks:
            for item in chunk.items:
                assert last.get(item["key"], -1) < item["value"]
                last[item["key"]] = item["value"]


def test_full_chunks_where_only_rows_bind():
    chunker = Chunker(RunPlan(kind=Identifiers("key"), rows=10), encode)
    chunks, _ = drive(chunker, [[f"k{n}" for n in range(at, at + 7)] for at in range(0, 70, 7)])
    assert [len(chunk) for chunk in chunks] == [10] * 7


def test_a_key_in_an_unsettled_chunk_is_held_back_and_others_pass():
    chunker = Chunker(RunPlan(kind=KeyedRows(), rows=2), encode)
    rows = [{"key": key, "value": at} for at, key in enumerate("abacd")]
    first, second = list(chunker.feed(rows, range(len(rows))))
    assert [row["value"] for row in first.items] == [0, 1]
    assert [row["value"] for row in second.items] == [3, 4]
    assert list(chunker.flush()) == []
    chunker.release(second)
    assert list(chunker.flush()) == []
    chunker.release(first)
    (third,) = chunker.flush()
    assert [row["value"] for row in third.items] == [2]
    assert list(third.positions) == [2]


def test_one_hot_key_stops_the_intake_instead_of_piling_up():
    chunker = Chunker(RunPlan(kind=KeyedRows(), rows=3), encode)
    list(chunker.feed([{"key": "hot", "value": at} for at in range(3)], range(3)))
    assert not chunker.full
    list(chunker.feed([{"key": "hot", "value": at} for at in range(3, 6)], range(3, 6)))
    assert chunker.full


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ("", "is empty"),
        ("a\nb", "line break"),
        (7, "must be text, not int"),
        (None, "must be text, not NoneType"),
        (b"raw", "must be text, not bytes"),
        ("\ud800", "half a character"),
    ],
)
def test_a_bad_identifier_costs_no_request_and_no_neighbour(item, sentence):
    chunker = Chunker(RunPlan(kind=Identifiers("ext id"), rows=3), encode)
    rejected, chunk = list(chunker.feed(["a", item, "b", "c"], range(10, 14)))
    assert isinstance(rejected, SettledChunk)
    (outcome,) = rejected.undelivered
    assert outcome.position == 11
    assert sentence in str(outcome)
    assert chunk.items == ["a", "b", "c"]
    assert list(chunk.positions) == [10, 12, 13]


def test_an_item_that_is_no_json_is_rejected_alone():
    chunker = Chunker(RunPlan(kind=KeyedRows(), rows=4), encode)
    rows = [{"key": f"k{at}", "value": at} for at in range(4)]
    rows[2]["value"] = {1, 2}
    rejected, *_ = list(chunker.feed(rows, range(len(rows))))
    assert [outcome.position for outcome in rejected.undelivered] == [2]
    assert "cannot be written as JSON" in str(rejected.undelivered[0])
    (chunk,) = chunker.flush()
    assert list(chunk.positions) == [0, 1, 3]


@pytest.mark.parametrize("rows", [1, 3, 8])
@pytest.mark.parametrize("keys", ["abcdefgh", "hgfedcba", "abcabcab", "aaaaaaaa"])
def test_a_page_that_is_cut_at_once_is_cut_as_one_by_one(rows, keys):
    """Chunks, their positions and what is held back are the same, however the page came."""

    def carried(pages):
        chunker = Chunker(RunPlan(kind=KeyedRows(), rows=rows, max_bytes=200), encode)
        return [
            [(item["key"], item["value"], at) for item, at in zip(chunk.items, chunk.positions, strict=True)]
            for chunk in drive(chunker, pages, release_after=2)[0]
        ]

    items = [{"key": key, "value": at} for at, key in enumerate(keys)]
    whole, single = carried([items]), carried([[item] for item in items])
    for key in set(keys):
        order = [
            [value for chunk in chunks for (name, value, _) in chunk if name == key]
            for chunks in (whole, single)
        ]
        assert order[0] == order[1] == sorted(order[0])
    assert sorted(at for chunk in whole for *_, at in chunk) == list(range(len(items)))


def test_a_row_that_is_too_large_ends_the_quick_way_and_nothing_else():
    chunker = Chunker(RunPlan(kind=KeyedRows(), rows=1, max_bytes=40), encode)
    rows = [{"key": f"k{at}", "value": "x" * (60 if at == 2 else 1)} for at in range(5)]
    chunks, rejected = drive(chunker, [rows], release_after=10)
    assert [chunk.positions[0] for chunk in chunks] == [0, 1, 3, 4]
    assert [outcome.position for outcome in rejected] == [2]


@pytest.mark.parametrize(
    ("pages", "written"),
    [([100], 1), ([100] * 3, 3), ([250], 4), ([60, 60], 3)],
    ids=["one request", "a request each", "two and a half", "more than one and less than two"],
)
def test_identifiers_that_are_looked_through_and_fill_a_request_are_written_once(monkeypatch, pages, written):
    times = []

    def counted(texts):
        times.append(len(texts))
        return Texts(texts)

    monkeypatch.setattr("netaudience.model.kinds.Texts", counted)
    chunker = Chunker(RunPlan(kind=Identifiers("key"), rows=100), encode)
    chunks, _ = drive(chunker, [[f"k{number}" for number in range(count)] for count in pages])
    assert sum(map(len, chunks)) == sum(pages)
    assert len(times) == written
