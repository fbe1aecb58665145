"""Starlette: one client for the whole application. Run it with ``uvicorn starlette_app:app``."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from netaudience import NetmeraClient, Settings
from netaudience.integrations.fastapi import AppClient, add_answers

#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()

netmera = AppClient(lambda: NetmeraClient.from_environment(settings=SETTINGS), deadline=10)


async def tag_user(request: Request) -> Response:
    """Tag one user."""
    client = await netmera.client()
    await client.tag_users([request.path_params["user"]], tag=request.path_params["tag"])
    return Response(status_code=204)


async def read_user(request: Request) -> Response:
    """Read one user's profile."""
    client = await netmera.client()
    profile = await client.get_profile_attributes(request.path_params["user"])
    return JSONResponse(dict(profile.profile))


async def tag_users(request: Request) -> Response:
    """Begin to tag many users, for as long as it takes."""
    users = await request.json()
    netmera.begin(netmera.unhurried().tag_users(users, tag=request.path_params["tag"]))
    return Response(status_code=202)


app = Starlette(
    lifespan=netmera.lifespan,
    routes=[
        Route("/users/{user}/tags/{tag}", tag_user, methods=["PUT"]),
        Route("/users/{user}", read_user),
        Route("/tags/{tag}", tag_users, methods=["POST"]),
    ],
)
add_answers(app)
