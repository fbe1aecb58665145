"""What the sandbox answers, as aiohttp's server sends it: whole, in pieces, endless, or not at all.

It decides nothing: what a request comes to is known here already, and only its bytes are left to go wrong.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from netaudience.sandbox.core import Endpoint, SandboxCore, Served
from netaudience.sandbox.exchange import Asked, Flight, exchange
from netaudience.sandbox.faults import Fault
from netaudience.sandbox.responses import Answer

#: Pieces that a slow body comes in, and bytes of each piece of a huge one.
SLOW_PIECES = 8
HUGE_PIECE = 65_536


async def serve(
    core: SandboxCore, endpoint: Endpoint, served: Served, request: web.Request
) -> web.StreamResponse:
    """Serve one request of an operation that has a handler."""
    with Flight(core, served) as flight:
        asked = Asked(
            headers=request.headers,
            query=request.query,
            url=str(request.url.with_query(None)),
            # Percent-decoded, each as one segment.
            path=dict(request.match_info),
            read=request.read,
        )
        reply = await exchange(flight, endpoint, asked)
        if reply.answer is None:
            return _abort(request)
        match reply.fault:
            case Fault(kind="slow-body", seconds=seconds):
                return await _dribble(flight, request, reply.answer, seconds)
            case Fault(kind="huge", size=size):
                return await _flood(flight, request, size)
            case _:
                return _response(reply.answer)


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    if answer.content_type is not None:
        response.content_type = answer.content_type
    return response


def _abort(request: web.Request) -> web.StreamResponse:
    """Close the connection; the response that a handler must return goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _dribble(
    flight: Flight, request: web.Request, answer: Answer, seconds: float
) -> web.StreamResponse:
    """Send the headers at once and the body in pieces; an empty one still takes its time to end."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    if answer.content_type is not None:
        response.content_type = answer.content_type
    await response.prepare(request)
    size = max(1, -(-len(answer.body) // SLOW_PIECES))
    try:
        for number in range(SLOW_PIECES):
            await asyncio.sleep(seconds / SLOW_PIECES)
            if number == SLOW_PIECES - 1:
                flight.leave()
            await response.write(answer.body[number * size : (number + 1) * size])
        await response.write_eof()
    except ConnectionError:
        # The client did not wait for the end, which is what this fault is there to find out.
        pass
    return response


async def _flood(flight: Flight, request: web.Request, size: int) -> web.StreamResponse:
    """Stream a JSON text of the asked size."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    piece = b" " * HUGE_PIECE
    try:
        for start in range(0, size, HUGE_PIECE):
            await response.write(piece[: size - start])
        flight.leave()
        await response.write_eof()
    except ConnectionError:
        # The client hung up on so much, as it should.
        pass
    return response
