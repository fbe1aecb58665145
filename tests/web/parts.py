"""Real parts for the tests of the web: a vendor behind TLS, certificates, and a proxy from PyPI."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trustme
from aiohttp import web

from netaudience import NetmeraClient, RetryPolicy, Settings

DEVICES = b'{"extId":"id1","devices":[{"platform":"IOS"}]}'
ONCE = RetryPolicy(attempts=1)


class Vendor:
    """A server that answers every request with the devices of one user."""

    def __init__(self):
        self.requests = []
        #: Set when a request is here; it is answered when `answer` is set.
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        #: Who was no longer there when the answer came.
        self.left = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.asked.set()
        await self.answer.wait()
        self.left += request.transport is None or request.transport.is_closing()
        return web.Response(body=DEVICES, content_type="application/json")


@asynccontextmanager
async def vendor(context: ssl.SSLContext | None = None):
    """A vendor's server on localhost, behind TLS where there is a context."""
    served = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    served.url = f"{'http' if context is None else 'https'}://localhost:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()


class Authority:
    """A certificate authority of our own."""

    def __init__(self):
        self.ca = trustme.CA()

    def server(self, *names: str, client: Authority | None = None) -> ssl.SSLContext:
        """A server's context; with a client's authority it demands a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("localhost",))).configure_cert(context)
        if client is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            client.ca.configure_trust(context)
        return context

    def trusted(self, *, show: Authority | None = None) -> ssl.SSLContext:
        """A client's context that trusts this authority, and shows a certificate of another."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if show is not None:
            show.ca.issue_cert("client@example.org").configure_cert(context)
        return context


def client_of(url: str, **settings) -> NetmeraClient:
    return NetmeraClient("the-rest-key", base_url=url, settings=Settings(retry=ONCE, **settings))


@contextmanager
def proxy_server(folder: Path, *options: str) -> Iterator[int]:
    """proxy.py in a process of its own; gives its port."""
    told = folder / "port"
    command = [
        sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(told),
        "--num-workers", "1", "--num-acceptors", "1", "--local-executor", "1",
        "--data-dir", str(folder), "--log-file", str(folder / "log"), *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (told.exists() and told.read_text().strip()):
            assert process.poll() is None, "the proxy did not start"
            time.sleep(0.01)  # it tells nobody but this file
        yield int(told.read_text())
    finally:
        process.terminate()
        process.wait()


@contextmanager
def sandbox_process(*options: str) -> Iterator[str]:
    """The sandbox in a process of its own, so that this one has the client's sockets alone; gives its URL."""
    command = [sys.executable, "-m", "netaudience", "sandbox", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        (url,) = re.findall(r"NETAUDIENCE_NETMERA_BASE_URL=(\S+)/netmera", process.stdout.readline())
        yield url
    finally:
        process.terminate()
        process.communicate()


class RawVendor(asyncio.Protocol):
    """A server that costs next to nothing, for tests with ten thousand requests."""

    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(DEVICES),
        DEVICES,
    )
    open = most_open = requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        RawVendor.open += 1
        RawVendor.most_open = max(RawVendor.most_open, RawVendor.open)

    def connection_lost(self, error: Exception | None) -> None:
        RawVendor.open -= 1

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            RawVendor.requests += 1
            self.transport.write(self.answer)


@asynccontextmanager
async def raw_vendor():
    """A server of raw answers; gives its URL."""
    RawVendor.open = RawVendor.most_open = RawVendor.requests = 0
    loop = asyncio.get_running_loop()
    async with await loop.create_server(RawVendor, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def open_files() -> int:
    """The number of open files of this process, where the system tells it."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
