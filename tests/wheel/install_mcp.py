"""The extra `mcp`: the installed command answers the SDK's own client, and offers no `run` by itself."""

import asyncio
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters


async def main() -> None:
    command = str(Path(sys.executable).parent / "netaudience")
    server = StdioServerParameters(command=command, args=["mcp", "--folder", "."])
    async with Client(server) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
    assert "plan" in offered, offered
    assert "run" not in offered, offered


asyncio.run(main())
