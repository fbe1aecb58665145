"""The sandbox on a real port: an aiohttp server around the core, loud about every unknown URL.

`async with Sandbox() as sandbox` opens and closes it; `serve` does so for a command line.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from netaudience.sandbox.admin import Admin
from netaudience.sandbox.core import Endpoint, SandboxCore
from netaudience.sandbox.delivery import serve as serve_request
from netaudience.sandbox.page import page

log = logging.getLogger("netaudience")

#: A list of expected keys may be long; 512 MB are about 25 million of them.
MAX_BODY_BYTES = 512 * 1024 * 1024
#: Seconds that requests in flight have to end when the sandbox closes.
CLOSING_SECONDS = 0.2
#: Seconds that somebody who is called back has to answer.
CALLBACK_SECONDS = 5.0


class Sandbox(SandboxCore):
    """The vendors' documents as an HTTP server; its arguments are those of `SandboxCore`."""

    _runner: web.AppRunner | None = None
    _serving: set[asyncio.Task[Any] | None]

    async def __aenter__(self) -> Self:
        """Listen; raises `OSError` where the port is taken."""
        if self._runner is not None:
            raise RuntimeError("This sandbox is running already.")
        self._serving = set()
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", page)
        Admin(self).mount(app)
        for endpoint in self.endpoints:
            # A segment is whatever stands between two slashes: aiohttp's own pattern knows no braces.
            template = re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", endpoint.path.partition("?")[0])
            app.router.add_route(endpoint.method, f"/{endpoint.vendor}{template}", self._handler(endpoint))
        app.router.add_route("*", "/{path:.*}", self._unknown)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self._wanted_port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and close all connections; state and ledger can still be read."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        await runner.cleanup()
        # aiohttp lets a handler go on when its client has gone away, and forgets it.
        serving = [task for task in self._serving if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    @property
    def port(self) -> int:
        """The port that the sandbox listens on."""
        if self._runner is None:
            raise RuntimeError("The sandbox is not running: enter it with `async with` first.")
        address: tuple[str, int] = self._runner.addresses[0]
        return address[1]

    def url(self, vendor: str = "") -> str:
        """The base URL for a vendor's client; without a vendor, the server's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        origin = f"http://{host}:{self.port}"
        return f"{origin}/{self.vendor(vendor).name}" if vendor else origin

    async def call_back(self) -> None:
        """Post what vendors call back to addresses of this machine; also done after each request."""
        waiting = list(self.callbacks)
        self.callbacks.clear()
        if not waiting:
            return
        async with ClientSession(timeout=ClientTimeout(total=CALLBACK_SECONDS)) as session:
            for url, body in waiting:
                if _is_here(url):
                    with suppress(ClientError, TimeoutError):
                        async with session.post(url, json=body):
                            pass

    def environment(self) -> dict[str, str]:
        """The variables that lead every vendor's client here, while the sandbox is open."""
        found: dict[str, str] = {}
        for name, vendor in self.vendors.items():
            prefix = f"NETAUDIENCE_{name.upper()}"
            found |= {f"{prefix}_{variable}": "sandbox" for variable in vendor.variables}
            found[f"{prefix}_BASE_URL"] = self.url(name)
        return found

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        served = endpoint.served
        if served is None:

            async def nobody(_request: web.Request) -> web.StreamResponse:
                asked = f"{endpoint.vendor} {_called(endpoint)} ({endpoint.method} {endpoint.path})"
                return _loud(f"{asked} has no handler in the sandbox.")

            return nobody

        async def handler(request: web.Request) -> web.StreamResponse:
            task = asyncio.current_task()
            self._serving.add(task)
            try:
                return await serve_request(self, endpoint, served, request)
            finally:
                self._serving.discard(task)
                if self.callbacks:
                    calling = asyncio.create_task(self.call_back())
                    self._serving.add(calling)
                    calling.add_done_callback(self._serving.discard)

        return handler

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        asked = f"{request.method} {request.path}"
        paths = {f"{each.method} /{each.vendor}{each.path}": each for each in self.endpoints}
        same_path = [name for name in paths if name.partition(" ")[2] == request.path]
        if same_path:
            return _loud(f"The sandbox has no {asked}; that path takes {' or '.join(same_path)}.")
        nearest = get_close_matches(asked, paths, n=1, cutoff=0.0)
        if not nearest:
            return _loud(f"The sandbox has no {asked}; no route is mounted.")
        called = _called(paths[nearest[0]])
        return _loud(f"The sandbox has no {asked}; the nearest is {nearest[0]} ({called}).")


def _called(endpoint: Endpoint) -> str:
    return " or ".join(endpoint.commands or endpoint.names[:1])


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _loud(sentence: str) -> web.Response:
    # The asked path may hold a user's id, so the log says only that something is missing.
    log.warning("The sandbox answered 501: it was asked for something that it does not serve.")
    return web.json_response({"error": sentence}, status=501)


async def serve(sandbox: Sandbox, ready: Callable[[Sandbox], None]) -> None:
    """Run until cancelled, or until SIGINT or SIGTERM; `ready` is called when the port is open."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    handled: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            # Windows, or a loop outside the main thread: cancellation remains.
            continue
        handled.append(number)
    try:
        async with sandbox:
            ready(sandbox)
            await stop.wait()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
