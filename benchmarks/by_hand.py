"""The job of J1 as a good engineer writes it by hand: Parquet to Netmera, and nothing may go wrong.

It reads by Arrow, writes by orjson, and sends eight requests at a time by aiohttp. It keeps no journal,
checks no row, retries nothing and cannot go on where it was stopped.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import aiohttp
import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

IN_FLIGHT = 8
ROWS = 1000


def bodies(path: str) -> Iterator[bytes]:
    """Give the body of each request."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS):
        joined = batch.column("joined").cast(pa.timestamp("ms")).cast(pa.int64())
        rows = batch.set_column(batch.schema.get_field_index("joined"), "joined", joined).to_pylist()
        updates = [
            {
                "extId": row.pop("id"),
                "profile": {name: value for name, value in row.items() if value is not None},
            }
            for row in rows
        ]
        yield orjson.dumps(updates)


async def main(path: str, url: str) -> None:
    """Send all rows of a file."""
    source = bodies(path)
    headers = {"Content-Type": "application/json", "X-netmera-api-key": "benchmark"}

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def work() -> None:
            for body in source:
                async with session.post(
                    f"{url}/rest/3.0/setProfileAttributes", data=body, headers=headers
                ) as response:
                    await response.read()
                    if response.status != 200:
                        raise RuntimeError(f"Netmera answered with HTTP {response.status}")

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
