"""The honest bar: what a competent person writes with aiohttp and orjson when nothing may go wrong.

A fixed number of workers pull chunks from one iterator and post them. It paces nothing, retries nothing,
keeps no order and remembers no item; whatever ours costs more than this is the price of doing so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import aiohttp
import orjson

from benchmarks.vendor import IN_FLIGHT

__all__ = ["HEADERS", "chunked", "open_session", "post", "post_all"]

Item = TypeVar("Item")
HEADERS = {"Content-Type": "application/json", "X-Api-Key": "benchmark"}


def open_session(in_flight: int = IN_FLIGHT) -> aiohttp.ClientSession:
    """Return a session as people make it: the defaults, and as many connections as workers."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight))


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut the items into lists."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


async def post(session: aiohttp.ClientSession, url: str, body: object) -> None:
    """Post one body, read the answer and look at its status."""
    async with session.post(url, data=orjson.dumps(body), headers=HEADERS) as response:
        await response.read()
        if response.status != 200:
            raise RuntimeError(f"The sink answered with HTTP {response.status}")


async def post_all(
    session: aiohttp.ClientSession,
    url: str,
    parts: Iterable[Item],
    body: Callable[[Item], object],
    in_flight: int = IN_FLIGHT,
) -> None:
    """Post every part, so many at one time."""
    source = iter(parts)

    async def work() -> None:
        for part in source:
            # Not by `post`: a loop that is written by hand has no function for it.
            async with session.post(url, data=orjson.dumps(body(part)), headers=HEADERS) as response:
                await response.read()
                if response.status != 200:
                    raise RuntimeError(f"The sink answered with HTTP {response.status}")

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())
