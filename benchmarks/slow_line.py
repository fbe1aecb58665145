"""A line in a process of its own: what goes over it arrives later, each way by a time that is drawn anew."""

from __future__ import annotations

import asyncio
import random
import sys
import threading

import cyclopts


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float, jitter: float
) -> None:
    """Carry bytes in their order, each piece so much later; the end too."""
    loop = asyncio.get_running_loop()
    due = 0.0
    draw = random.Random(id(writer))

    def hand_on(piece: bytes) -> None:
        if writer.is_closing():
            return
        if piece:
            writer.write(piece)
        else:
            writer.close()

    while True:
        try:
            piece = await reader.read(1 << 16)
        except ConnectionError:
            piece = b""
        due = max(due, loop.time() + latency + jitter * draw.random())
        loop.call_at(due, hand_on, piece)
        if not piece:
            return


async def _serve(to: int, latency: float, jitter: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(
            _carry(reader, far_writer, latency, jitter), _carry(far_reader, writer, latency, jitter)
        )

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await over.wait()
    server.close()


def main(to: int, *, latency: float = 0.025, jitter: float = 0.015) -> None:
    """Carry what comes to a port that is printed on to another, until standard input is closed.

    Args:
        to: The port to carry it to.
        latency: Seconds that each way takes.
        jitter: Up to so many seconds more.
    """
    asyncio.run(_serve(to, latency, jitter))


if __name__ == "__main__":
    cyclopts.run(main)
