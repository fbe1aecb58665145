"""B1: what putting single items into a batcher costs, beside a batcher written by hand for the same work.

Thirty-two producers put identifiers one at a time and look at every outcome. The bar is an `asyncio.Queue`
with one task that fills chunks from it, and a future per item; it keeps no limit, retries nothing and loses
what is in it when it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import Awaitable, Callable

import aiohttp
import orjson

from benchmarks.hand import open_session
from benchmarks.measure import Slice, median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import CHUNK, VendorClient
from netaudience import Delivered

__all__ = ["MEASUREMENTS"]

_PRODUCERS = 32
_LINGER = 0.05
_IN_FLIGHT = 8

Put = Callable[[str], Awaitable[asyncio.Future[object]]]


async def _produce(put: Put, items: int, good: Callable[[object], bool]) -> None:
    """Put so many items from all producers, and look at every outcome."""

    async def one(name: int) -> None:
        share = items // _PRODUCERS
        futures = [await put(f"customer-{name:02d}-{number:08d}") for number in range(share)]
        for future in futures:
            if not good(await future):
                raise RuntimeError("An item was not delivered, so the time says nothing")

    await asyncio.gather(*(one(name) for name in range(_PRODUCERS)))


class _HandWritten:
    """What people write today: a queue, a future per item, and a loop that fills chunks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._queue: asyncio.Queue[tuple[str, asyncio.Future[object]]] = asyncio.Queue(10_000)
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._sending: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._fill())

    async def put(self, item: str) -> asyncio.Future[object]:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        await self._queue.put((item, future))
        return future

    async def aclose(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _fill(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = [await self._queue.get()]
            deadline = loop.time() + _LINGER
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    while len(chunk) < CHUNK:
                        chunk.append(await self._queue.get())
            await self._slots.acquire()
            task = asyncio.create_task(self._send(chunk))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, chunk: list[tuple[str, asyncio.Future[object]]]) -> None:
        try:
            body = orjson.dumps({"tag": "Sport", "extIds": [item for item, _ in chunk]})
            async with self._session.post(
                self._url, data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                await answer.read()
                for _, future in chunk:
                    future.set_result(answer.status == 200)
        finally:
            self._slots.release()


async def _put_one_by_one(plan: Plan) -> list[Result]:
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:

        async def hand(chunks: int) -> None:
            batcher = _HandWritten(session, f"{sink.url}/tag")
            try:
                await _produce(batcher.put, chunks * CHUNK, bool)
            finally:
                await batcher.aclose()

        async def ours(chunks: int) -> None:
            async with client.tag.given(tag="Sport").batcher(linger=_LINGER) as batcher:
                await _produce(batcher.put, chunks * CHUNK, lambda outcome: isinstance(outcome, Delivered))  # type: ignore[arg-type] # a future of an outcome is one of an object to who reads it

        units: list[int] = []

        async def counted(chunks: int) -> None:
            units.append(chunks)
            await ours(chunks)

        taken: dict[str, list[Slice]] = await rounds(
            {"hand": hand, "hand again": hand, "ours": counted}, plan.pairs
        )
    cost = statistics.median(one.cpu for one in taken["ours"]) / (units[-1] * CHUNK) * 1e6
    by_hand = median_ratio(taken["hand"], taken["ours"], by="cpu")
    return [
        Result(
            id="B1",
            what="CPU per item put by 32 producers, its share of the request and its outcome included",
            measured=cost,
            promise=15.0,
            bound="at most",
            unit="µs",
            control=median_ratio(taken["hand"], taken["hand again"], by="cpu"),
            also={"x of the speed of a batcher written by hand": round(by_hand, 3)},
        )
    ]


MEASUREMENTS = (Measurement(("B1",), _put_one_by_one, moody=True),)
