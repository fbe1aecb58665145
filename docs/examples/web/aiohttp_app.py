"""aiohttp: one client for the whole application. Run it with ``python aiohttp_app.py``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler
from answers import answer_to

from netaudience import NetaudienceError, NetmeraClient, Run, Settings

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()
NETMERA = web.AppKey("netmera", NetmeraClient)
RUNS = web.AppKey("runs", asyncio.TaskGroup)
routes = web.RouteTableDef()


async def lifespan(app: web.Application) -> AsyncIterator[None]:
    """Open the client with the application; at the end wait for its runs, then close it."""
    async with NetmeraClient.from_environment(settings=SETTINGS) as netmera, asyncio.TaskGroup() as runs:
        app[NETMERA], app[RUNS] = netmera, runs
        yield


@web.middleware
async def not_done(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with what became of it."""
    try:
        return await handler(request)
    except NetaudienceError as error:
        status, sentence, headers = answer_to(error)
        log.warning("answered %d: %s", status, error)
        return web.json_response({"detail": sentence}, status=status, headers=headers)


@routes.put("/users/{user}/tags/{tag}")
async def tag_user(request: web.Request) -> web.Response:
    """Tag one user."""
    netmera = request.app[NETMERA].with_options(deadline=10)
    await netmera.tag_users([request.match_info["user"]], tag=request.match_info["tag"])
    return web.Response(status=204)


@routes.get("/users/{user}")
async def read_user(request: web.Request) -> web.Response:
    """Read one user's profile."""
    netmera = request.app[NETMERA].with_options(deadline=10)
    profile = await netmera.get_profile_attributes(request.match_info["user"])
    return web.json_response(dict(profile.profile))


@routes.post("/tags/{tag}")
async def tag_users(request: web.Request) -> web.Response:
    """Begin to tag many users, for as long as it takes."""
    run = request.app[NETMERA].tag_users(await request.json(), tag=request.match_info["tag"])
    request.app[RUNS].create_task(carry(run))
    return web.Response(status=202)


async def carry(run: Run[str]) -> None:
    """Carry a run to its end and write down what became of it."""
    try:
        report = await run.settled()
    except NetaudienceError:
        log.exception("the run broke off")
    else:
        log.info("%d of %d delivered", report.delivered, report.items)


def make() -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[not_done])
    app.add_routes(routes)
    app.cleanup_ctx.append(lifespan)
    return app


if __name__ == "__main__":
    web.run_app(make())
