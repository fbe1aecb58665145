"""R1 to R3: ours beside what others offer for the same work, on the same sink, in the same rounds.

Each peer is used in the way that was fastest for it, makes its items as it goes, and says itself that all of
them arrived. One whose package is not installed is left out, and a sentence tells so.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise
from typing import Protocol, TypeAlias, TypeVar, cast
from unittest.mock import patch

import aiohttp

from benchmarks.hand import chunked, open_session, post, post_all
from benchmarks.measure import Work, median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.throughput import consume, ids, records_made, tag_body
from benchmarks.vendor import CHUNK, IN_FLIGHT, VendorClient

__all__ = ["MEASUREMENTS", "bulk_records", "identifiers", "single_records"]

Part = TypeVar("Part")
Variants: TypeAlias = AbstractAsyncContextManager[dict[str, Work]]
"""Ours and its peers by their names, ready to be given so many requests' worth of work."""

#: Runs of async_bulk, and threads of the blocking peer: each has one request under way. Of 1, 2, 4 and 8 this
#: is the fastest for the blocking one (2.5 times the single records of one thread), and async_bulk, which is
#: busy with its items and waits for nothing, takes the same time with any of them.
_AT_ONCE = 8
_WRAPPER = "iterablepythonwrapper"
_WRAPPER_CLIENT = f"{_WRAPPER}.client"
_Answer: TypeAlias = Mapping[str, object]


def _installed(promise: str, peer: str, package: str) -> bool:
    """Tell whether a peer can be measured, and say so on standard error if not."""
    try:
        importlib.import_module(package)
    except ImportError as problem:
        print(
            f"{promise} is measured without {peer}: {problem}. `pip install 'netaudience[bench]'` brings it.",
            file=sys.stderr,
        )
        return False
    return True


def _shares(units: int) -> Iterator[tuple[int, int]]:
    """Cut so many units into as many shares as are worked on at one time."""
    return pairwise(units * share // _AT_ONCE for share in range(_AT_ONCE + 1))


async def _gathered(
    session: aiohttp.ClientSession, url: str, parts: Iterable[Part], body: Callable[[Part], object]
) -> None:
    """Post as most people do: a coroutine for each part, all at once; the connector holds them back."""
    await asyncio.gather(*(post(session, url, body(part)) for part in parts))


async def _metered(
    session: aiohttp.ClientSession, url: str, parts: Iterable[Part], body: Callable[[Part], object]
) -> None:
    """Post with aiometer, which asks for the whole list."""
    import aiometer  # noqa: PLC0415 - an extra, imported where it was found

    async def one(part: Part) -> None:
        await post(session, url, body(part))

    await aiometer.run_on_each(one, list(parts), max_at_once=IN_FLIGHT)


@asynccontextmanager
async def _async_bulk(url: str) -> AsyncGenerator[Work, None]:
    """Index records with elasticsearch's helper, encoded by orjson, over its aiohttp node."""
    from elasticsearch import AsyncElasticsearch, OrjsonSerializer  # noqa: PLC0415 - an extra, as above
    from elasticsearch.helpers import async_bulk  # noqa: PLC0415 - likewise

    async with AsyncElasticsearch(url, serializer=OrjsonSerializer()) as client:

        async def some(start: int, end: int) -> None:
            records = records_made((end - start) * CHUNK, start=start * CHUNK)
            taken, _ = await async_bulk(client, records, chunk_size=CHUNK, index="people")
            if taken != (end - start) * CHUNK:
                raise RuntimeError("async_bulk did not deliver every item, so its time says nothing")

        async def all_of_them(chunks: int) -> None:
            async with asyncio.TaskGroup() as group:
                for start, end in _shares(chunks):
                    group.create_task(some(start, end))

        yield all_of_them


class _IterableApi(Protocol):
    """What is used of iterablepythonwrapper's client, which has no types of its own."""

    base_uri: str

    def bulk_update_user(self, users: list[dict[str, object]]) -> _Answer: ...

    def update_user(self, *, user_id: object, data_fields: object) -> _Answer: ...


@contextmanager
def _wrapper(
    url: str, calls: Callable[[_IterableApi, int, int], Iterator[_Answer]]
) -> Generator[Work, None, None]:
    """Make its blocking calls in threads; the event loop lives on beside them.

    Args:
        url: Where the sink is.
        calls: Makes the calls of the units from one number up to another, one after the other.
    """
    made = importlib.import_module(_WRAPPER_CLIENT).IterableApi("benchmark")
    client = cast("_IterableApi", made)
    client.base_uri = url

    def work(start: int, end: int) -> None:
        for answer in calls(client, start, end):
            if answer["code"] != 200:
                raise RuntimeError(f"The sink answered with HTTP {answer['code']}")

    async def in_threads(units: int) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, work, start, end) for start, end in _shares(units)))

    # A proxy of the environment's is for the world outside, and this peer alone would ask it for the sink.
    with ThreadPoolExecutor(_AT_ONCE) as pool, patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
        yield in_threads


def _bulk_calls(client: _IterableApi, start: int, end: int) -> Iterator[_Answer]:
    records = records_made((end - start) * CHUNK, start=start * CHUNK)
    return map(client.bulk_update_user, chunked(records, CHUNK))


def _single_calls(client: _IterableApi, start: int, end: int) -> Iterator[_Answer]:
    for record in records_made(end - start, start=start):
        yield client.update_user(user_id=record["extId"], data_fields=record["profile"])


@asynccontextmanager
async def bulk_records(url: str) -> AsyncGenerator[dict[str, Work], None]:
    """R1: a thousand records in a request."""
    async with VendorClient(url) as client, AsyncExitStack() as stack:

        async def ours(chunks: int) -> None:
            await consume(client.write(records_made(chunks * CHUNK)))

        variants: dict[str, Work] = {"ours": ours}
        if _installed("R1", "async_bulk", "elasticsearch"):
            variants["async_bulk"] = await stack.enter_async_context(_async_bulk(url))
        if _installed("R1", _WRAPPER, _WRAPPER_CLIENT):
            variants[_WRAPPER] = stack.enter_context(_wrapper(url, _bulk_calls))
        yield variants


@asynccontextmanager
async def single_records(url: str) -> AsyncGenerator[dict[str, Work], None]:
    """R2: one record in a request."""
    target = f"{url}/record"

    def itself(record: dict[str, object]) -> object:
        return record

    async with VendorClient(url) as client, open_session() as session, AsyncExitStack() as stack:

        async def ours(requests: int) -> None:
            await consume(client.write_one.each(records_made(requests)))

        async def hand(requests: int) -> None:
            await post_all(session, target, records_made(requests), itself)

        async def gathered(requests: int) -> None:
            await _gathered(session, target, records_made(requests), itself)

        async def metered(requests: int) -> None:
            await _metered(session, target, records_made(requests), itself)

        variants: dict[str, Work] = {"ours": ours, "hand": hand, "gather": gathered}
        if _installed("R2", "aiometer", "aiometer"):
            variants["aiometer"] = metered
        if _installed("R2", _WRAPPER, _WRAPPER_CLIENT):
            variants[_WRAPPER] = stack.enter_context(_wrapper(url, _single_calls))
        yield variants


@asynccontextmanager
async def identifiers(url: str) -> AsyncGenerator[dict[str, Work], None]:
    """R3: a thousand identifiers in a request."""
    target = f"{url}/tag"
    async with VendorClient(url) as client, open_session() as session:

        async def ours(chunks: int) -> None:
            await consume(client.tag(ids(chunks)))

        async def hand(chunks: int) -> None:
            await post_all(session, target, chunked(ids(chunks), CHUNK), tag_body)

        async def gathered(chunks: int) -> None:
            await _gathered(session, target, chunked(ids(chunks), CHUNK), tag_body)

        async def metered(chunks: int) -> None:
            await _metered(session, target, chunked(ids(chunks), CHUNK), tag_body)

        variants: dict[str, Work] = {"ours": ours, "hand": hand, "gather": gathered}
        if _installed("R3", "aiometer", "aiometer"):
            variants["aiometer"] = metered
        yield variants


async def _beside(
    promise: str,
    work: str,
    variants_of: Callable[[str], Variants],
    peers: Mapping[str, tuple[str, float]],
    plan: Plan,
) -> list[Result]:
    async with serve(plan) as sink, variants_of(sink.url) as variants:
        again = {"ours again": variants["ours"]}
        taken = await rounds(variants | again, plan.pairs, same_units=False)
    return [
        Result(
            id=promise,
            part=part,
            what=f"{work}, vs {what}",
            measured=median_ratio(taken[part], taken["ours"]),
            promise=least,
            bound="at least",
            control=median_ratio(taken["ours again"], taken["ours"]),
            also={"x in CPU": median_ratio(taken[part], taken["ours"], by="cpu")},
        )
        for part, (what, least) in peers.items()
        if part in taken
    ]


def _measurement(
    promise: str, work: str, variants_of: Callable[[str], Variants], peers: Mapping[str, tuple[str, float]]
) -> Measurement:
    run: Callable[[Plan], Coroutine[object, None, list[Result]]] = partial(
        _beside, promise, work, variants_of, peers
    )
    return Measurement((promise,), run, moody=True)


MEASUREMENTS = (
    _measurement(
        "R1",
        "1000 dict records per request",
        bulk_records,
        {
            "async_bulk": ("elasticsearch's async_bulk, several at once", 3.0),
            _WRAPPER: (f"{_WRAPPER}, in threads", 1.0),
        },
    ),
    _measurement(
        "R2",
        "1 record per request",
        single_records,
        {
            "aiometer": ("aiometer", 1.3),
            "gather": ("asyncio.gather over all of them", 1.0),
            _WRAPPER: (f"{_WRAPPER}, in threads", 1.0),
            # Not a promise of its own: what P2 promises, beside the peers.
            "hand": ("hand loop", 0.94),
        },
    ),
    _measurement(
        "R3",
        "1000 ids per request",
        identifiers,
        {
            "gather": ("asyncio.gather over all chunks", 1.0),
            "aiometer": ("aiometer over chunks", 1.0),
            # As above, with what P1 promises.
            "hand": ("hand loop", 0.92),
        },
    ),
)
