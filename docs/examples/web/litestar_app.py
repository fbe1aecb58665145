"""Litestar: one client for the whole application. Run it with ``uvicorn litestar_app:app``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from answers import answer_to
from litestar import Litestar, Request, Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from netaudience import NetaudienceError, NetmeraClient, Run, Settings

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()
Netmera = NamedDependency[NetmeraClient]
Runs = NamedDependency[asyncio.TaskGroup]


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Open the client with the application; at the end wait for its runs, then close it."""
    async with NetmeraClient.from_environment(settings=SETTINGS) as netmera, asyncio.TaskGroup() as runs:
        app.state.netmera, app.state.runs = netmera, runs
        yield


async def netmera_of(state: State) -> NetmeraClient:
    """Give a route the application's client, with the seconds that its caller waits."""
    netmera: NetmeraClient = state.netmera
    return netmera.with_options(deadline=10)


async def runs_of(state: State) -> asyncio.TaskGroup:
    """Give a route the application's runs."""
    runs: asyncio.TaskGroup = state.runs
    return runs


def not_done(_request: Request[object, object, State], error: Exception) -> Response[dict[str, str]]:
    """Answer with what became of it."""
    status, sentence, headers = answer_to(error)
    log.warning("answered %d: %s", status, error)
    return Response({"detail": sentence}, status_code=status, headers=headers)


@put("/users/{user:str}/tags/{tag:str}", status_code=204)
async def tag_user(user: FromPath[str], tag: FromPath[str], netmera: Netmera) -> None:
    """Tag one user."""
    await netmera.tag_users([user], tag=tag)


@get("/users/{user:str}")
async def read_user(user: FromPath[str], netmera: Netmera) -> dict[str, object]:
    """Read one user's profile."""
    profile = await netmera.get_profile_attributes(user)
    return dict(profile.profile)


@post("/tags/{tag:str}", status_code=202)
async def tag_users(tag: FromPath[str], data: JSONBody[list[str]], netmera: Netmera, runs: Runs) -> None:
    """Begin to tag many users, for as long as it takes."""
    netmera = netmera.with_options(deadline=None)
    runs.create_task(carry(netmera.tag_users(data, tag=tag)))


async def carry(run: Run[str]) -> None:
    """Carry a run to its end and write down what became of it."""
    try:
        report = await run.settled()
    except NetaudienceError:
        log.exception("the run broke off")
    else:
        log.info("%d of %d delivered", report.delivered, report.items)


app = Litestar(
    route_handlers=[tag_user, read_user, tag_users],
    lifespan=[lifespan],
    dependencies={"netmera": Provide(netmera_of), "runs": Provide(runs_of)},
    exception_handlers={NetaudienceError: not_done},
)
