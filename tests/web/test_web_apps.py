"""The examples under their real servers: statuses, many at once, clients that leave, SIGTERM meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from examples import mostly_slow
from parts import vendor

from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits

pytestmark = pytest.mark.asyncio
ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples" / "web"
#: Quicker than the careful guess, and everything as the examples have it.
SETTINGS = (
    "from netaudience import Settings; import {app} as home; home.SETTINGS = Settings(rate=200, in_flight=8)"
)
UVICORN = (
    SETTINGS
    + """
import uvicorn
uvicorn.run(home.app, port=0, http="h11", ws="none", loop="asyncio")
"""
)
AIOHTTP = (
    SETTINGS
    + """
from aiohttp import web
web.run_app(home.make(), host="127.0.0.1", port=0)
"""
)
APPS = {
    "fastapi": UVICORN.format(app="fastapi_app"),
    "starlette": UVICORN.format(app="starlette_app"),
    "litestar": UVICORN.format(app="litestar_app"),
    "aiohttp": AIOHTTP.format(app="aiohttp_app"),
}
each_app = pytest.mark.parametrize("name", mostly_slow(APPS, ["fastapi", "aiohttp"]))
#: uvicorn hands the signal on when it is done, aiohttp does not.
EXIT_CODES = {"aiohttp": 0}


class App:
    """An application in a process of its own, which takes every warning for an error."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.process = process
        self.told: list[str] = []
        self.news = asyncio.Event()
        self.url = ""
        # Read all the time: a process whose output nobody takes stands still.
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for line in self.process.stdout:
            self.told.append(line.decode())
            self.news.set()
        self.news.set()

    async def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the application says so."""
        while not (found := re.search(pattern, "".join(self.told))):
            assert not self.reading.done(), "".join(self.told)
            self.news.clear()
            await self.news.wait()
        return found

    async def end(self) -> str:
        """Wait for the end; return all that was said."""
        await self.reading
        await self.process.wait()
        return "".join(self.told)


@asynccontextmanager
async def running(name: str, base_url: str):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)]),
        "PYTHONUNBUFFERED": "1",
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": base_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-W", "error", "-c", APPS[name],
        env=environment, cwd=EXAMPLES, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    app = App(process)
    try:
        async with asyncio.timeout(60):
            found = await app.wait_for(r"unning on http://[^:]+:(\d+)")
            app.url = f"http://127.0.0.1:{found.group(1)}"
            yield app
    finally:
        if process.returncode is None:
            process.kill()
        await app.end()


def clean(name: str, app: App, told: str) -> None:
    """Demand an end as the server means it, and not a word of anything left open."""
    assert app.process.returncode == EXIT_CODES.get(name, -signal.SIGTERM), told
    for word in ("Traceback", "Unclosed", "unclosed", "destroyed", "Warning", "never retrieved", "forgotten"):
        assert word not in told, told


@each_app
async def test_routes_statuses_and_two_hundred_at_once(name) -> None:
    with BackgroundSandbox(Sandbox(limits={"netmera": SandboxLimits.rate(200)})) as sandbox:
        users = [f"user-{number}" for number in range(200)]
        sandbox.seed("netmera", {"users": [{"extId": user} for user in users]})
        async with running(name, sandbox.url("netmera")) as app, aiohttp.ClientSession(app.url) as http:

            async def ask(method: str, path: str, **options) -> tuple[int, str]:
                async with http.request(method, path, **options) as answer:
                    return answer.status, await answer.text()

            assert (
                await asyncio.gather(*(ask("PUT", f"/users/{user}/tags/Sport") for user in users))
                == [(204, "")] * 200
            )
            assert sandbox.check("netmera", "tagUsers", users).ok
            assert (await ask("GET", "/users/user-1"))[0] == 200

            assert (await ask("POST", "/tags/News", json=users))[0] == 202
            while "News" not in sandbox.netmera.users["user-199"].tags:
                await asyncio.sleep(0.01)  # a run tells its end to the log alone

            sandbox.set_faults("poison=user-7")
            status, told = await ask("PUT", "/users/user-7/tags/Sport")
            assert (status, "refused the request" in told) == (422, True)
            assert "user-7" not in told
            sandbox.set_faults("status=403,code=2010")
            assert (await ask("GET", "/users/user-1")) == (500, '{"detail":"This is for us to mend"}') or (
                name == "aiohttp"
            )
            sandbox.set_faults()

            app.process.send_signal(signal.SIGTERM)
            clean(name, app, await app.end())


async def leave(url: str, path: str, before_leaving) -> None:
    """Ask, and hang up as soon as something has happened."""
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await before_leaving()
    writer.close()
    await writer.wait_closed()


@each_app
async def test_clients_that_leave_and_sigterm_in_the_middle(name) -> None:
    async with asyncio.timeout(60), vendor() as netmera, running(name, netmera.url) as app:

        async def asked(times: int) -> None:
            while len(netmera.requests) < times:
                netmera.asked.clear()
                await netmera.asked.wait()

        # As many clients as there are slots hang up while the vendor takes its time.
        netmera.answer.clear()
        await asyncio.gather(*(leave(app.url, f"/users/{number}", lambda: asked(8)) for number in range(8)))
        netmera.answer.set()

        async with aiohttp.ClientSession(app.url) as http:
            # Every slot is there again.
            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(read(http, f"/users/again-{number}"))

            netmera.answer.clear()
            before = len(netmera.requests)
            calls = [asyncio.create_task(read(http, f"/users/late-{number}")) for number in range(5)]
            async with http.post("/tags/News", json=["user-1"]) as answer:
                assert answer.status == 202
            await asked(before + 6)
            app.process.send_signal(signal.SIGTERM)
            await refuses(app.url)
            assert not any(call.done() for call in calls)
            netmera.answer.set()
            await asyncio.gather(*calls)
        clean(name, app, await app.end())
    assert netmera.left == 0, "no handler was cancelled because its client had left"
    assert len(netmera.requests) == before + 6, "the run in the background was carried to its end too"


async def read(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 200, await answer.text()


async def refuses(url: str) -> None:
    """Wait until nobody listens there any more.

    Tried by taking the port, not by connecting: Python 3.11 tells a traceback of a client that came in the
    moment in which it closed.
    """
    host, port = url.removeprefix("http://").split(":")
    while True:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind((host, int(port)))
            except OSError:
                await asyncio.sleep(0.01)  # nothing tells when a port is closed
            else:
                return
