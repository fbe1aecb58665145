"""R1 to R3: ours beside what others offer for the same work, on the same sink, in the same rounds.

Each peer is used in the way that was fastest for it, makes its items as it goes, and says itself that all of
them arrived. One whose package is not installed is left out, and a sentence tells so.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
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

#: Runs of async_bulk beside one another, for each has one request under way.
_BULK_TASKS = 8
_WRAPPER = "iterablepythonwrapper"


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
async def _async_bulk(url: str) -> AsyncIterator[Work]:
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
            bounds = [chunks * task // _BULK_TASKS for task in range(_BULK_TASKS + 1)]
            await asyncio.gather(*map(some, bounds[:-1], bounds[1:]))

        yield all_of_them


class _Wrapper(Protocol):
    """What is used of iterablepythonwrapper's client, which has no types of its own."""

    base_uri: str

    def bulk_update_user(self, users: list[dict[str, object]]) -> Mapping[str, object]: ...

    def update_user(self, *, user_id: object, data_fields: object) -> Mapping[str, object]: ...


def _wrapper(url: str) -> _Wrapper:
    made = cast("_Wrapper", importlib.import_module(f"{_WRAPPER}.client").IterableApi("benchmark"))
    made.base_uri = url
    return made


async def _blocking(calls: Iterable[Callable[[], Mapping[str, object]]]) -> None:
    """Make one blocking call after another in a thread, as a script does; the loop lives on beside it."""

    def work() -> None:
        for call in calls:
            answer = call()
            if answer["code"] != 200:
                raise RuntimeError(f"The sink answered with HTTP {answer['code']}")

    # A proxy of the environment's is for the world outside, and this peer alone would ask it for the sink.
    with patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
        await asyncio.to_thread(work)


@asynccontextmanager
async def bulk_records(url: str) -> AsyncIterator[dict[str, Work]]:
    """R1: a thousand records in a request."""
    async with VendorClient(url) as client, AsyncExitStack() as stack:

        async def ours(chunks: int) -> None:
            await consume(client.write(records_made(chunks * CHUNK)))

        variants: dict[str, Work] = {"ours": ours}
        if _installed("R1", "async_bulk", "elasticsearch"):
            variants["async_bulk"] = await stack.enter_async_context(_async_bulk(url))
        if _installed("R1", _WRAPPER, f"{_WRAPPER}.client"):
            wrapper = _wrapper(url)

            async def wrapped(chunks: int) -> None:
                source = chunked(records_made(chunks * CHUNK), CHUNK)
                await _blocking(partial(wrapper.bulk_update_user, chunk) for chunk in source)

            variants[_WRAPPER] = wrapped
        yield variants


@asynccontextmanager
async def single_records(url: str) -> AsyncIterator[dict[str, Work]]:
    """R2: one record in a request."""
    target = f"{url}/record"

    def itself(record: dict[str, object]) -> object:
        return record

    async with VendorClient(url) as client, open_session() as session:

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
        if _installed("R2", _WRAPPER, f"{_WRAPPER}.client"):
            wrapper = _wrapper(url)

            async def wrapped(requests: int) -> None:
                await _blocking(
                    partial(wrapper.update_user, user_id=record["extId"], data_fields=record["profile"])
                    for record in records_made(requests)
                )

            variants[_WRAPPER] = wrapped
        yield variants


@asynccontextmanager
async def identifiers(url: str) -> AsyncIterator[dict[str, Work]]:
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
    return Measurement((promise,), run)


MEASUREMENTS = (
    _measurement(
        "R1",
        "1000 dict records per request",
        bulk_records,
        {
            "async_bulk": ("elasticsearch's async_bulk, several at once", 3.0),
            _WRAPPER: (f"{_WRAPPER}, blocking", 1.0),
        },
    ),
    _measurement(
        "R2",
        "1 record per request",
        single_records,
        {
            "aiometer": ("aiometer", 1.3),
            "gather": ("asyncio.gather over all of them", 1.0),
            _WRAPPER: (f"{_WRAPPER}, blocking", 1.0),
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
