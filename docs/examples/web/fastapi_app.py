"""FastAPI: one client for the whole application. Run it with ``uvicorn fastapi_app:app``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from answers import answer_to
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from netaudience import NetaudienceError, NetmeraClient, Run, Settings

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
    """Open the client with the application; at the end wait for its runs, then close it."""
    async with NetmeraClient.from_environment(settings=SETTINGS) as netmera, asyncio.TaskGroup() as runs:
        yield {"netmera": netmera, "runs": runs}


app = FastAPI(lifespan=lifespan)


def netmera_of(request: Request) -> NetmeraClient:
    """Give a route the application's client, with the seconds that its caller waits."""
    netmera: NetmeraClient = request.state.netmera
    return netmera.with_options(deadline=10)


def runs_of(request: Request) -> asyncio.TaskGroup:
    """Give a route the application's runs."""
    runs: asyncio.TaskGroup = request.state.runs
    return runs


Netmera = Annotated[NetmeraClient, Depends(netmera_of)]
Runs = Annotated[asyncio.TaskGroup, Depends(runs_of)]


@app.exception_handler(NetaudienceError)
async def not_done(_request: Request, error: Exception) -> JSONResponse:
    """Answer with what became of it."""
    status, sentence, headers = answer_to(error)
    log.warning("answered %d: %s", status, error)
    return JSONResponse({"detail": sentence}, status, headers)


@app.put("/users/{user}/tags/{tag}", status_code=204)
async def tag_user(user: str, tag: str, netmera: Netmera) -> None:
    """Tag one user."""
    await netmera.tag_users([user], tag=tag)


@app.get("/users/{user}")
async def read_user(user: str, netmera: Netmera) -> dict[str, object]:
    """Read one user's profile."""
    profile = await netmera.get_profile_attributes(user)
    return dict(profile.profile)


@app.post("/tags/{tag}", status_code=202)
async def tag_users(tag: str, users: list[str], netmera: Netmera, runs: Runs) -> None:
    """Begin to tag many users, for as long as it takes."""
    netmera = netmera.with_options(deadline=None)
    runs.create_task(carry(netmera.tag_users(users, tag=tag)))


async def carry(run: Run[str]) -> None:
    """Carry a run to its end and write down what became of it."""
    try:
        report = await run.settled()
    except NetaudienceError:
        log.exception("the run broke off")
    else:
        log.info("%d of %d delivered", report.delivered, report.items)
