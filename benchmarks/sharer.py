"""One process of those that share an account: it sends as fast as it may, or a call now and then.

When it is ready it prints a line, and begins when it is given one; at its end it prints what it saw, as JSON.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator

import cyclopts
import orjson

from benchmarks.vendor import VendorClient
from netaudience import Settings
from netaudience.engine.shared_quota import Ask, Reply, SharedQuotas
from netaudience.model.limits import Quota
from netaudience.quotas import quotas_at

_IN_FLIGHT = 100


class _Counted:
    """A store whose trips are counted."""

    def __init__(self, store: SharedQuotas) -> None:
        self.store, self.lease, self.share = store, store.lease, store.share
        self.trips = 0

    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        self.trips += 1
        return await self.store.exchange(key, quota, ask)

    async def aclose(self) -> None:
        await self.store.aclose()


async def _share(  # noqa: PLR0913, PLR0917 - the options of a process
    url: str, where: str, rate: float, seconds: float, calls: float, reserve: float
) -> dict[str, object]:
    store = _Counted(quotas_at(where)) if where else None
    settings = Settings(rate=rate, in_flight=_IN_FLIGHT, quotas=store, account="shared", reserve=reserve)
    waits: list[float] = []
    sent = 0
    async with VendorClient(url, settings=settings) as client:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        end = time.perf_counter() + seconds

        def source() -> Iterator[str]:
            number = 0
            while time.perf_counter() < end:
                yield f"customer-{number:06d}"
                number += 1

        async def call(number: int) -> None:
            started = time.perf_counter()
            await client.touch(f"caller-{number:06d}")
            waits.append(time.perf_counter() - started)

        if calls:
            await asyncio.sleep(2.0)  # nobody is lent anything of a new state in its first second
            draw = random.Random(1)
            async with asyncio.TaskGroup() as group:
                while time.perf_counter() < end:
                    group.create_task(call(sent))
                    sent += 1
                    await asyncio.sleep(draw.expovariate(calls))
        else:
            sent = (await client.touch.each(source()).settled()).delivered
    return {"sent": sent, "trips": store.trips if store else 0, "waits": waits}


def main(  # noqa: PLR0913 - the options of a process
    url: str, where: str, rate: float, seconds: float, *, calls: float = 0.0, reserve: float = 0.0
) -> None:
    """Share an account.

    Args:
        url: The sink, or the line to it.
        where: The store; empty where this process is alone.
        rate: Requests a second of the account.
        seconds: How long.
        calls: Calls a second at random moments, in place of a bulk run.
        reserve: What bulk leaves free for calls.
    """
    print(orjson.dumps(asyncio.run(_share(url, where, rate, seconds, calls, reserve))).decode(), flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
