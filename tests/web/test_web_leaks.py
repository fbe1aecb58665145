"""Ten thousand clients and ten thousand calls: what is over leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections import Counter

import pytest
from parts import ONCE, RawVendor, open_files, raw_vendor

from netaudience import NetmeraClient, Settings
from netaudience.engine import rate_limiter as pacing

pytestmark = pytest.mark.asyncio
#: More than any rate that the tests reach: what is measured is not the rate limiter.
FREE = Settings(retry=ONCE, rate=1_000_000)


def standing() -> dict[str, int]:
    """What there is of everything that could leak."""
    gc.collect()
    kinds = Counter(type(thing).__name__ for thing in gc.get_objects())
    ours = {name: count for name, count in kinds.items() if name in _OURS}
    return {
        "objects": len(gc.get_objects()),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": open_files(),
        **ours,
    }


_OURS = {
    "AiohttpTransport",
    "ClientSession",
    "NetmeraClient",
    "RateLimiter",
    "TCPConnector",
    "_Here",
    "TimeoutWatchdog",
}


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What there is more of; the interpreter's own few objects apart."""
    more = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in more.items() if count > (100 if name == "objects" else 0)}


@pytest.mark.slow
async def test_ten_thousand_clients_that_ask_nothing_leave_nothing() -> None:
    async def cycles(first: int, last: int) -> None:
        for number in range(first, last):
            async with NetmeraClient(f"key-{number}", settings=FREE):
                pass

    await cycles(0, 2_000)
    before, blocks = standing(), sys.getallocatedblocks()
    await cycles(2_000, 10_000)
    assert not grown(before, standing())
    assert sys.getallocatedblocks() - blocks < 500


@pytest.mark.parametrize(
    ("first", "last"),
    [(200, 1_000), pytest.param(2_000, 10_000, marks=pytest.mark.slow)],
)
async def test_clients_that_ask_once_leave_nothing(first, last) -> None:
    async def cycles(numbers: range) -> None:
        for number in numbers:
            # The same few accounts: a rate limiter is remembered until its windows have passed.
            async with NetmeraClient(f"key-{number % 10}", base_url=url, settings=FREE) as netmera:
                await netmera.get_devices("id1")

    async with raw_vendor() as url:
        await cycles(range(first))
        before = standing()
        await cycles(range(first, last))
        # The server hears of the last connection's end a little later.
        async with asyncio.timeout(10):
            while RawVendor.open:
                await asyncio.sleep(0)
        assert not grown(before, standing())
        assert RawVendor.requests == last


async def test_departed_accounts_are_forgotten() -> None:
    loop = asyncio.get_running_loop()
    async with raw_vendor() as url:
        for number in range(300):
            # Its window is short: nothing is owed when the next account comes.
            settings = Settings(retry=ONCE, in_flight=number % 3 + 1)
            async with NetmeraClient(f"key-{number}", base_url=url, settings=settings) as netmera:
                await netmera.get_devices("id1")
        limiters = pacing._limiters[loop].by_name.values()
        assert [limiter for limiter in limiters if limiter.users or limiter.in_flight] == []


@pytest.mark.slow
async def test_ten_thousand_calls_at_once_need_no_more_sockets_than_are_in_flight() -> None:
    settings = Settings(retry=ONCE, rate=1_000_000, in_flight=20)
    async with raw_vendor() as url, NetmeraClient("key", base_url=url, settings=settings) as netmera:
        await netmera.get_devices("id1")
        before = standing()
        devices = await asyncio.gather(*(netmera.get_devices("id1") for _ in range(10_000)))
        assert {found.ext_id for found in devices} == {"id1"}
        del devices
        assert RawVendor.requests == 10_001
        assert RawVendor.most_open <= 20
        after = standing()
        assert after["tasks"] == 1
        assert after["files"] - before["files"] <= 2 * 19, "both ends of the connections are here"


async def test_calls_that_are_cancelled_at_any_moment_give_their_slots_back() -> None:
    settings = Settings(retry=ONCE, rate=1_000_000, in_flight=5)
    async with raw_vendor() as url, NetmeraClient("key", base_url=url, settings=settings) as netmera:
        for turns in range(60):
            calls = [asyncio.create_task(netmera.get_devices("id1")) for _ in range(12)]
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        (limiter,) = netmera._held[asyncio.get_running_loop()].limiters.values()
        assert limiter.in_flight == 0
        # All five slots are there.
        await asyncio.gather(*(netmera.get_devices("id1") for _ in range(50)))
        assert len(asyncio.all_tasks()) == 1
