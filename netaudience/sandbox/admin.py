"""The sandbox's own routes under /_sandbox/: look at it, judge a run, change faults, seed, reset.

They speak JSON without credentials, so a sandbox belongs on a loopback address, and what a browser sends for
a page of another site is refused (403); every mistake in a request is answered 400 with one sentence.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address

import attrs
import orjson
from aiohttp import web

from netaudience.sandbox import overview
from netaudience.sandbox.core import SandboxCore
from netaudience.sandbox.faults import Fault
from netaudience.sandbox.ledger import SHOWN
from netaudience.sandbox.protocol import Json, SandboxUsageError, decode

PREFIX = "/_sandbox"

_Handler = Callable[[web.Request], Awaitable[web.Response]]


class Admin:
    """The administrator's view of one sandbox."""

    def __init__(self, core: SandboxCore) -> None:
        self._core = core

    def mount(self, app: web.Application) -> None:
        """Add the routes to an application."""
        routes: Mapping[tuple[str, str], _Handler] = {
            ("GET", "/"): self._overview,
            ("GET", "/live"): self._live,
            ("GET", "/requests"): self._requests,
            ("GET", r"/requests/{ordinal:\d+}"): self._body,
            ("POST", "/check"): self._check,
            ("POST", "/faults"): self._faults,
            ("POST", "/clock"): self._clock,
            ("POST", "/delay"): self._delay,
            ("POST", "/reset"): self._reset,
            ("POST", "/state/{vendor}"): self._seed,
            ("GET", "/state/{vendor}/{collection}"): self._keys,
            ("GET", "/state/{vendor}/{collection}/{key:[^/]+}"): self._look,
        }
        for (method, path), handler in routes.items():
            app.router.add_route(method, PREFIX + path, _sentences(handler, self._core.host))

    async def _overview(self, _request: web.Request) -> web.Response:
        return _json({**overview.standing(self._core), **overview.moving(self._core)})

    async def _live(self, _request: web.Request) -> web.Response:
        """What moves, with the last requests: what the page asks for again and again."""
        last = overview.last_requests(self._core, SHOWN)
        return _json({**overview.moving(self._core), "last_requests": last})

    async def _requests(self, _request: web.Request) -> web.Response:
        return _json([attrs.asdict(entry) for entry in self._core.ledger.requests])

    async def _body(self, request: web.Request) -> web.Response:
        found = overview.body_of(self._core, int(request.match_info["ordinal"]))
        if found is None:
            kept = f"Bodies are kept of the last {SHOWN} requests that had one, and of none for a token."
            return _json({"error": kept}, 404)
        return _json(found)

    async def _check(self, request: web.Request) -> web.Response:
        missing = [name for name in ("vendor", "operation") if name not in request.query]
        if missing:
            raise ValueError(f"Say {' and '.join(missing)} in the query: ?vendor=…&operation=….")
        # Cut at \n alone: str.splitlines would also cut inside a key that holds another separator.
        lines = (await request.read()).decode().split("\n")
        expected = [line.removesuffix("\r") for line in lines if line.strip()]
        report = self._core.check(request.query["vendor"], request.query["operation"], expected or None)
        return _json(report.to_json())

    async def _faults(self, request: web.Request) -> web.Response:
        document = decode(await request.read())
        if not isinstance(document, list):
            raise SandboxUsageError("Faults are a JSON list; an empty one ends all faults.")
        self._core.set_faults(Fault.from_json(item) for item in document)
        return _json({"faults": overview.faults(self._core)})

    async def _clock(self, request: web.Request) -> web.Response:
        document = decode(await request.read())
        seconds = document.get("advance") if isinstance(document, dict) else None
        self._core.advance(_seconds(seconds, 'The clock takes {"advance": SECONDS}.'))
        return _json({"clock": overview.clock(self._core), "pending": dict(self._core.pending())})

    async def _delay(self, request: web.Request) -> web.Response:
        document = decode(await request.read())
        sentence = "Delays are a JSON object of seconds by vendor."
        if not isinstance(document, dict):
            raise SandboxUsageError(sentence)
        self._core.set_delay({name: _seconds(value, sentence) for name, value in document.items()})
        return _json({"delay": dict(self._core.effects.delay)})

    async def _reset(self, _request: web.Request) -> web.Response:
        self._core.reset()
        return _json({"reset": True})

    async def _seed(self, request: web.Request) -> web.Response:
        vendor = self._core.vendor(request.match_info["vendor"])
        vendor.seed(decode(await request.read()))
        return _json(dict(vendor.counts()))

    async def _keys(self, request: web.Request) -> web.Response:
        vendor = self._core.vendor(request.match_info["vendor"])
        containing = request.query.get("containing", "")
        return _json(overview.keys(vendor, request.match_info["collection"], containing))

    async def _look(self, request: web.Request) -> web.Response:
        vendor = self._core.vendor(request.match_info["vendor"])
        collection = request.match_info["collection"]
        found = vendor.look(collection, request.match_info["key"])
        if found is None:
            return _json({"error": f"{vendor.name} holds nothing of that key in {collection}."}, 404)
        return _json(found)


def _seconds(value: Json, sentence: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SandboxUsageError(sentence)
    return value


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _refusal(request: web.Request, own: str) -> str | None:
    """Return why a request is not one of a person or a program that was told of this sandbox.

    A page of another site may have a browser send one here, without asking (a form, `fetch` with no-cors), or
    a name of that site may lead here (DNS rebinding). Addresses are no names, and cannot be led anywhere.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return "A browser sent this for a page of another site: open the sandbox's own page instead."
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        return "This was sent for a page of another site: open the sandbox's own page instead."
    name = request.host.rpartition(":")[0] if re.search(r":\d+$", request.host) else request.host
    known = {own, "localhost", socket.gethostname()}
    if name.lower() not in {each.lower() for each in known} and not _is_address(name.strip("[]")):
        return "The sandbox is not known by this name: ask it by its address, or as localhost."
    return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _sentences(handler: _Handler, own: str) -> _Handler:
    async def answered(request: web.Request) -> web.Response:
        if (refused := _refusal(request, own)) is not None:
            return _json({"error": refused}, 403)
        try:
            return await handler(request)
        except ValueError as mistake:
            return _json({"error": str(mistake)}, 400)

    return answered
