"""P1 to P5: how fast items go through, against the hand-written loop on the same items.

Nothing is limited here and no answer is a failure: what is measured is the engine's own cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import cycle, islice
from random import Random
from typing import TypeVar

from benchmarks.hand import chunked, open_session, post_all
from benchmarks.measure import Slice, Work, median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import CHUNK, Record, VendorClient
from netaudience import Delivered, Run

__all__ = ["MEASUREMENTS", "consume", "ids", "records_made", "tag_body"]

Item = TypeVar("Item")
#: Chunks of prepared records that differ; more than are ever on the way at one time, so that no key waits
#: for itself.
_DISTINCT = 64
#: Numbers in no order, made when they are first needed; more than a slice takes.
_MANY = 500_000
_SHUFFLED: list[int] = []


def ids(chunks: int) -> Iterator[str]:
    """Make so many thousand identifiers."""
    # Made as they are read, as from a cursor or a file: what an item costs to make is part of every loop.
    return (f"customer-{number:08d}" for number in range(chunks * CHUNK))


def records_made(count: int, *, start: int = 0) -> Iterator[dict[str, object]]:
    """Make so many records, each with a key of its own."""
    return (
        {"extId": f"customer-{number:08d}", "profile": {"city": "Izmir", "visits": number % 97}}
        for number in range(start, start + count)
    )


def _shuffled(count: int) -> Iterator[dict[str, object]]:
    """Make so many records whose keys come in no order, the same ones each time."""
    numbers = _SHUFFLED or list(range(_MANY))
    if not _SHUFFLED:
        Random(1).shuffle(numbers)
        _SHUFFLED.extend(numbers)
    return (
        {"extId": f"customer-{number:08d}", "profile": {"city": "Izmir", "visits": number % 97}}
        for number in islice(cycle(numbers), count)
    )


def _first(items: Sequence[Item], count: int) -> Iterator[Item]:
    return islice(cycle(items), count)


async def consume(run: Run[Item]) -> None:
    """Read settled chunks and look at no item."""
    async with run as outcomes:
        async for _ in outcomes.chunks():
            pass
        _check(outcomes.report.ok)


async def _look_at_all(run: Run[Item]) -> None:
    """Look at the outcome of every item."""
    delivered = 0
    async with run as outcomes:
        async for chunk in outcomes.chunks():
            for outcome in chunk:
                if isinstance(outcome, Delivered):
                    delivered += 1
        _check(delivered == outcomes.report.items)


async def _look_at_failures(run: Run[Item]) -> None:
    """Look at the outcomes of those items that were not delivered."""
    undelivered = 0
    async with run as outcomes:
        async for chunk in outcomes.chunks():
            for _ in chunk.undelivered:
                undelivered += 1
        _check(not undelivered and outcomes.report.ok)


def _check(good: bool) -> None:  # noqa: FBT001 - a single statement about the run
    if not good:
        raise RuntimeError("The run did not deliver every item, so its time says nothing")


async def _pages(items: Iterator[Item]) -> AsyncIterator[list[Item]]:
    for page in chunked(items, CHUNK):
        yield page


async def _one_by_one(items: Iterator[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


def _twice(bar: Work) -> dict[str, Work]:
    """Return the bar and its control, which is the bar again."""
    return {"hand": bar, "hand again": bar}


def _results(
    taken: dict[str, list[Slice]], rows: Sequence[tuple[str, str | None, str, str, float]]
) -> list[Result]:
    control = median_ratio(taken["hand"], taken["hand again"])
    return [
        Result(
            id=promise,
            part=part,
            what=what,
            measured=median_ratio(taken["hand"], taken[name]),
            promise=least,
            bound="at least",
            control=control,
        )
        for promise, part, name, what, least in rows
        if name in taken
    ]


def tag_body(chunk: list[str]) -> object:
    """Return what is posted for a chunk of identifiers."""
    return {"tag": "Sport", "extIds": chunk}


async def _ids_in_chunks(plan: Plan) -> list[Result]:
    """P1, P4 and P5 in the same rounds: a thousand identifiers in a request."""
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:

        async def hand(chunks: int) -> None:
            await post_all(session, f"{sink.url}/tag", chunked(ids(chunks), CHUNK), tag_body)

        readings: dict[str, tuple[str, Work]] = {
            "chunks": ("P1", lambda chunks: consume(client.tag(ids(chunks)))),
            "pages": ("P4", lambda chunks: consume(client.tag(_pages(ids(chunks))))),
            "one by one": ("P4", lambda chunks: consume(client.tag(_one_by_one(ids(chunks))))),
            "all": ("P5", lambda chunks: _look_at_all(client.tag(ids(chunks)))),
            "failures": ("P5", lambda chunks: _look_at_failures(client.tag(ids(chunks)))),
        }
        wanted = {name: work for name, (promise, work) in readings.items() if promise in plan.wanted}
        taken = await rounds(_twice(hand) | wanted, plan.pairs)
    return _results(
        taken,
        (
            ("P1", None, "chunks", "1000 ids per request, chunks consumed, vs hand loop", 0.92),
            ("P4", "pages", "pages", "async source in pages of 1000, vs hand loop", 0.94),
            ("P4", "items", "one by one", "async source item by item, vs hand loop", 0.50),
            ("P5", "all", "all", "every item's outcome looked at, vs hand loop", 0.65),
            ("P5", "failures", "failures", "only failures looked at, vs hand loop", 0.92),
        ),
    )


async def _one_record(plan: Plan) -> list[Result]:
    """P2: one record in a request."""
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:

        async def hand(requests: int) -> None:
            await post_all(session, f"{sink.url}/record", records_made(requests), lambda record: record)

        async def ours(requests: int) -> None:
            await consume(client.write_one.each(records_made(requests)))

        taken = await rounds(_twice(hand) | {"ours": ours}, plan.pairs)
    return _results(taken, [("P2", None, "ours", "1 record per request, vs hand loop", 0.94)])


async def _records(plan: Plan) -> list[Result]:
    """P3: a thousand records in a request, as dicts against the hand loop, as attrs rows against dicts."""
    dicts = list(records_made(_DISTINCT * CHUNK))
    rows = [Record(str(row["extId"]), {"city": "Izmir", "visits": 7}) for row in dicts]
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:

        async def hand(chunks: int) -> None:
            source = chunked(records_made(chunks * CHUNK), CHUNK)
            await post_all(session, f"{sink.url}/records", source, lambda chunk: chunk)

        async def ours(chunks: int) -> None:
            await consume(client.write(records_made(chunks * CHUNK)))

        async def hand_shuffled(chunks: int) -> None:
            source = chunked(_shuffled(chunks * CHUNK), CHUNK)
            await post_all(session, f"{sink.url}/records", source, lambda chunk: chunk)

        async def shuffled(chunks: int) -> None:
            await consume(client.write(_shuffled(chunks * CHUNK)))

        async def as_dicts(chunks: int) -> None:
            await consume(client.write(_first(dicts, chunks * CHUNK)))

        async def as_rows(chunks: int) -> None:
            await consume(client.write(_first(rows, chunks * CHUNK)))

        ordered = {"ours": ours, "dicts": as_dicts, "attrs": as_rows}
        taken = await rounds(
            _twice(hand) | ordered | {"hand shuffled": hand_shuffled, "shuffled": shuffled}, plan.pairs
        )
    control = median_ratio(taken["hand"], taken["hand again"])
    what = "1000 dict records per request, order of a key kept, vs hand loop; keys come"
    in_order_and_not = (
        Result(
            id="P3",
            part=part,
            what=f"{what} {come}",
            measured=median_ratio(taken[bar], taken[name]),
            promise=0.75,
            bound="at least",
            control=control,
        )
        for part, come, bar, name in (
            ("dicts", "in their order", "hand", "ours"),
            ("shuffled", "in no order", "hand shuffled", "shuffled"),
        )
    )
    return [
        *in_order_and_not,
        Result(
            id="P3",
            part="attrs",
            what="attrs records, CPU time, vs dict records (both ours)",
            measured=median_ratio(taken["attrs"], taken["dicts"], by="cpu"),
            promise=1.3,
            bound="at most",
            control=median_ratio(taken["hand"], taken["hand again"], by="cpu"),
        ),
    ]


MEASUREMENTS = (
    Measurement(("P1", "P4", "P5"), _ids_in_chunks, moody=True),
    Measurement(("P2",), _one_record, moody=True),
    Measurement(("P3",), _records, moody=True),
)
