"""A feed remembers what is under way and nothing else, in whatever order it is settled."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from netaudience.engine.journal import Journal
from netaudience.errors import InvalidItem
from netaudience.jobs.deliver.row_queue import RowQueue
from netaudience.jobs.map.items import MappedPage
from netaudience.jobs.state.checkpoint import Checkpoint
from netaudience.outcomes import Rejected, SettledChunk

FACTS = {"vendor": "v"}


def page(first: int, count: int) -> MappedPage:
    rows = [
        {"row": number + 1, "key": f"id{number}", "hash": "", "fields": {}}
        for number in range(first, first + count)
    ]
    return MappedPage([row["key"] for row in rows], rows, [])  # type: ignore[arg-type]


def make_feed(path: Path, past: list[object]) -> RowQueue:
    return RowQueue(
        lambda: Checkpoint(path), lambda _bad: None, lambda row, before: past.append((row["row"], before))
    )


async def read(feed: RowQueue, pages: list[MappedPage]) -> list[object]:
    async def put() -> None:
        for each in pages:
            await feed.put(each)
        feed.end()

    putting = asyncio.create_task(put())
    items = [item async for given in feed.pages() for item in given]
    await putting
    return items


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(20))
async def test_rows_are_known_until_they_are_settled_and_forgotten_then(tmp_path: Path, seed: int) -> None:
    Journal(tmp_path / "j.sqlite", FACTS).close()
    chance = random.Random(seed)
    sizes = [chance.randrange(1, 30) for _ in range(20)]
    total = sum(sizes)
    feed = make_feed(tmp_path / "j.sqlite", [])
    items = await read(feed, [page(sum(sizes[:at]), size) for at, size in enumerate(sizes)])
    assert items == [f"id{number}" for number in range(total)]
    left = list(range(total))
    if seed % 2:
        chance.shuffle(left)
    while left:
        count = chance.randrange(1, 40)
        chunk, left = left[:count], left[count:]
        positions = range(chunk[0], chunk[0] + len(chunk)) if seed % 4 == 0 else chunk
        assert [row["row"] - 1 for row in feed.rows_of(positions)] == list(positions)
        assert [number - 1 for number in feed.numbers_of(positions)] == list(positions)
        feed.settled(positions)
    assert not feed._under_way
    assert feed.complete
    assert feed.left_at is None


@pytest.mark.asyncio
async def test_what_an_earlier_attempt_has_settled_is_passed_over_and_told(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    journal = Journal(path, FACTS)
    wrong = Rejected(13, "id13", InvalidItem("wrong"), "id13")
    journal.record([SettledChunk(list(range(10, 20)), range(10, 20), None, [wrong])])
    journal.close()
    past: list[tuple[int, object]] = []
    feed = make_feed(path, past)  # type: ignore[arg-type]
    await read(feed, [page(0, 15), page(15, 15)])
    assert [row for row, _ in past] == list(range(11, 21))
    assert [row for row, before in past if before is not None] == [14]
    feed.settled(range(10))
    feed.settled(range(20, 30))
    assert not feed._under_way


@pytest.mark.asyncio
async def test_a_feed_that_is_closed_lets_nobody_wait(tmp_path: Path) -> None:
    feed = make_feed(tmp_path / "none.sqlite", [])
    await feed.put(page(0, 5))
    await feed.put(page(5, 5))
    waiting = asyncio.create_task(feed.put(page(10, 5)))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.close()
    await waiting
    assert [item async for given in feed.pages() for item in given] == []
    assert (feed.rows, feed.given, feed.complete) == (15, 0, False)
