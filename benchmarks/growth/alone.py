"""A process of its own whose memory is measured: it sends identifiers and prints the peak that it took.

Either by the hand-written loop or by ours, for one account or for many at one time.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Literal, TypeAlias

import attrs
import cyclopts

from benchmarks.event_loops import runner
from benchmarks.growth.work import consumed, ids, tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.memory import own_peak
from benchmarks.plan import LoopName, Plan, Sink
from benchmarks.vendor import CHUNK, IN_FLIGHT, VendorClient
from netaudience import Settings

__all__ = ["Load", "Who", "peak_memory"]

Who: TypeAlias = Literal["hand", "ours"]


@attrs.frozen
class Load:
    """What a process sends."""

    #: How many, over all accounts.
    items: int
    #: How many, at one time, each with a session or a client of its own.
    accounts: int = 1
    #: Requests at one time, over all accounts.
    in_flight: int = IN_FLIGHT
    #: Identifiers in a request.
    rows: int = CHUNK


async def peak_memory(plan: Plan, sink: Sink, who: Who, load: Load) -> float:
    """Return the peak of resident memory of a process that sends so much, in MiB.

    Raises:
        RuntimeError: the process broke down.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.growth.alone", sink.url, who, plan.loop),
        *(str(value) for value in attrs.astuple(load)),
        stdout=asyncio.subprocess.PIPE,
    )
    peak, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("The run whose memory is measured broke down: standard error tells why")
    return int(peak) / 1024


async def _send(url: str, who: Who, load: Load) -> None:
    """Send the items of all accounts at one time."""
    share, slots = load.items // load.accounts, load.in_flight // load.accounts
    async with AsyncExitStack() as opened, asyncio.TaskGroup() as group:
        for number in range(load.accounts):
            if who == "hand":
                session = await opened.enter_async_context(open_session(slots))
                posted = post_all(session, f"{url}/tag", chunked(ids(share), load.rows), tag_body, slots)
                group.create_task(posted)
            else:
                settings = Settings(in_flight=slots, max_rows=load.rows)
                client = VendorClient(url, account=f"account-{number}", settings=settings)
                await opened.enter_async_context(client)
                group.create_task(consumed(client.tag(ids(share))))


def main(url: str, who: Who, loop: LoopName, *load: int) -> None:
    """Send identifiers and print the peak of memory in KiB.

    Args:
        url: The sink's.
        who: The hand-written loop or ours.
        loop: The event loop.
        load: Items, accounts, requests at one time and identifiers in a request.
    """
    with runner(loop) as started:
        started.run(_send(url, who, Load(*load)))
    print(own_peak())


if __name__ == "__main__":
    cyclopts.run(main)
