"""A limit that the vendor has lowered is kept by every run, and stands on the page of operations."""

import asyncio
import subprocess
import sys

from netaudience import NetmeraClient
from netaudience.sandbox import BackgroundSandbox


async def tag(url: str) -> None:
    async with NetmeraClient("sandbox", base_url=url) as netmera:
        report = await netmera.tag_users([f"id{n}" for n in range(1200)], tag="Sport")
    assert (report.delivered, report.requests) == (1200, 3), report


with BackgroundSandbox() as sandbox:
    asyncio.run(tag(sandbox.url("netmera")))
command = [sys.executable, "-m", "netaudience", "operations", "netmera", "--markdown"]
page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
(line,) = (line for line in page.splitlines() if "[`tag_users`]" in line)
assert "keys 500 (documented)" in line, line
