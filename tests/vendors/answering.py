"""A small server that gives exact answers, one after the other, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
from aiohttp import web

__all__ = ["Answer", "Asked", "Server", "answering"]


@attrs.frozen
class Answer:
    """Status, headers and body as they go over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    #: Sent in chunks, without its length.
    chunked: bool = False


@attrs.frozen
class Asked:
    """What the server was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@attrs.define
class Server:
    """The server's address and what it has been asked so far."""

    url: str = ""
    requests: list[Asked] = attrs.field(factory=list[Asked])


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[Server]:
    """Run a server that gives these answers in turn, the last of them again and again."""
    server, script = Server(), list(answers)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        server.requests.append(
            Asked(request.method, request.path, dict(request.query), request.headers, body)
        )
        answer = script.pop(0) if len(script) > 1 else script[0]
        if not answer.chunked:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        if answer.body:
            await response.write(answer.body)
        await response.write_eof()
        return response

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
