"""aiohttp: one client for the whole application. Run it with ``python aiohttp_app.py``."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from netaudience import NetaudienceError, NetmeraClient, Settings
from netaudience.integrations.answers import answer_to
from netaudience.integrations.app_client import AppClient

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()

netmera = AppClient(lambda: NetmeraClient.from_environment(settings=SETTINGS), deadline=10)
routes = web.RouteTableDef()


@web.middleware
async def not_done(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with what became of it."""
    try:
        return await handler(request)
    except NetaudienceError as error:
        answer = answer_to(error)
        log.warning("answered %d: %s", answer.status, error)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)


@routes.put("/users/{user}/tags/{tag}")
async def tag_user(request: web.Request) -> web.Response:
    """Tag one user."""
    client = await netmera.client()
    await client.tag_users([request.match_info["user"]], tag=request.match_info["tag"])
    return web.Response(status=204)


@routes.get("/users/{user}")
async def read_user(request: web.Request) -> web.Response:
    """Read one user's profile."""
    client = await netmera.client()
    profile = await client.get_profile_attributes(request.match_info["user"])
    return web.json_response(dict(profile.profile))


@routes.post("/tags/{tag}")
async def tag_users(request: web.Request) -> web.Response:
    """Begin to tag many users, for as long as it takes."""
    users = await request.json()
    netmera.begin(netmera.unhurried().tag_users(users, tag=request.match_info["tag"]))
    return web.Response(status=202)


def make() -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[not_done])
    app.add_routes(routes)
    app.cleanup_ctx.append(netmera.lifespan)
    return app


if __name__ == "__main__":
    web.run_app(make())
