"""C1: one awaited call after the other, as a web request makes them, against bare aiohttp and orjson.

The bare call encodes, sends, looks at the status and decodes; it paces nothing, retries nothing and types
nothing. What ours costs more is the price of a single call.
"""

from __future__ import annotations

import aiohttp
import orjson

from benchmarks.hand import HEADERS, open_session
from benchmarks.measure import median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import VendorClient

__all__ = ["MEASUREMENTS"]


async def _bare(session: aiohttp.ClientSession, method: str, url: str, **options: object) -> object:
    """Ask as a careful person does by hand."""
    async with session.request(method, url, **options) as response:  # type: ignore[arg-type] # its own options
        body = await response.read()
        if response.status != 200:
            raise RuntimeError(f"The sink answered with HTTP {response.status}")
        return orjson.loads(body or b"null")


async def _calls(plan: Plan) -> list[Result]:
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:
        touch, device = f"{sink.url}/touch", f"{sink.url}/device"

        async def bare_write(calls: int) -> None:
            for number in range(calls):
                body = orjson.dumps({"extId": f"customer-{number}"})
                await _bare(session, "POST", touch, data=body, headers=HEADERS)

        async def bare_read(calls: int) -> None:
            for number in range(calls):
                query = {"extId": f"customer-{number}"}
                await _bare(session, "GET", device, params=query, headers=HEADERS)

        async def write(calls: int) -> None:
            for number in range(calls):
                await client.touch(f"customer-{number}")

        async def read(calls: int) -> None:
            for number in range(calls):
                await client.look_up(f"customer-{number}")

        taken = await rounds(
            {
                "bare write": bare_write,
                "bare write again": bare_write,
                "write": write,
                "bare read": bare_read,
                "bare read again": bare_read,
                "read": read,
            },
            plan.pairs,
        )
    return [
        Result(
            id="C1",
            part=part,
            what=f"one awaited call that {part}s, CPU time, vs bare aiohttp",
            # What a call waits for the sink is none of ours, and would make the share look smaller.
            measured=median_ratio(taken[part], taken[f"bare {part}"], by="cpu"),
            promise=1.10,
            bound="at most",
            control=median_ratio(taken[f"bare {part}"], taken[f"bare {part} again"], by="cpu"),
            also={"x by the clock": median_ratio(taken[part], taken[f"bare {part}"])},
        )
        for part in ("write", "read")
    ]


MEASUREMENTS = (Measurement(("C1",), _calls, moody=True),)
