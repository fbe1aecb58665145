"""Litestar: one client for the whole application. Run it with ``uvicorn litestar_app:app``."""

from __future__ import annotations

import logging

from litestar import Litestar, Request, Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from netaudience import NetaudienceError, NetmeraClient, Settings
from netaudience.integrations.answers import answer_to
from netaudience.integrations.app_client import AppClient

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()

netmera = AppClient(lambda: NetmeraClient.from_environment(settings=SETTINGS), deadline=10)
Netmera = NamedDependency[NetmeraClient]


async def netmera_of() -> NetmeraClient:
    """Give a route the application's client."""
    return await netmera.client()


def not_done(_request: Request[object, object, State], error: Exception) -> Response[dict[str, str]]:
    """Answer with what became of it."""
    answer = answer_to(error)
    log.warning("answered %d: %s", answer.status, error)
    return Response(answer.body, status_code=answer.status, headers=answer.headers)


@put("/users/{user:str}/tags/{tag:str}", status_code=204)
async def tag_user(user: FromPath[str], tag: FromPath[str], client: Netmera) -> None:
    """Tag one user."""
    await client.tag_users([user], tag=tag)


@get("/users/{user:str}")
async def read_user(user: FromPath[str], client: Netmera) -> dict[str, object]:
    """Read one user's profile."""
    profile = await client.get_profile_attributes(user)
    return dict(profile.profile)


@post("/tags/{tag:str}", status_code=202)
async def tag_users(tag: FromPath[str], data: JSONBody[list[str]]) -> None:
    """Begin to tag many users, for as long as it takes."""
    netmera.begin(netmera.unhurried().tag_users(data, tag=tag))


app = Litestar(
    route_handlers=[tag_user, read_user, tag_users],
    lifespan=[netmera.lifespan],
    dependencies={"client": Provide(netmera_of)},
    exception_handlers={NetaudienceError: not_done},
)
