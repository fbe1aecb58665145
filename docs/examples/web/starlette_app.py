"""Starlette: one client for the whole application. Run it with ``uvicorn starlette_app:app``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from answers import answer_to
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from netaudience import NetaudienceError, NetmeraClient, Run, Settings

log = logging.getLogger("app")
#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Open the client with the application; at the end wait for its runs, then close it."""
    async with NetmeraClient.from_environment(settings=SETTINGS) as netmera, asyncio.TaskGroup() as runs:
        yield {"netmera": netmera, "runs": runs}


async def not_done(_request: Request, error: Exception) -> Response:
    """Answer with what became of it."""
    status, sentence, headers = answer_to(error)
    log.warning("answered %d: %s", status, error)
    return JSONResponse({"detail": sentence}, status, headers)


async def tag_user(request: Request) -> Response:
    """Tag one user."""
    netmera = request.state.netmera.with_options(deadline=10)
    await netmera.tag_users([request.path_params["user"]], tag=request.path_params["tag"])
    return Response(status_code=204)


async def read_user(request: Request) -> Response:
    """Read one user's profile."""
    netmera = request.state.netmera.with_options(deadline=10)
    profile = await netmera.get_profile_attributes(request.path_params["user"])
    return JSONResponse(dict(profile.profile))


async def tag_users(request: Request) -> Response:
    """Begin to tag many users, for as long as it takes."""
    run = request.state.netmera.tag_users(await request.json(), tag=request.path_params["tag"])
    request.state.runs.create_task(carry(run))
    return Response(status_code=202)


async def carry(run: Run[str]) -> None:
    """Carry a run to its end and write down what became of it."""
    try:
        report = await run.settled()
    except NetaudienceError:
        log.exception("the run broke off")
    else:
        log.info("%d of %d delivered", report.delivered, report.items)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/users/{user}/tags/{tag}", tag_user, methods=["PUT"]),
        Route("/users/{user}", read_user),
        Route("/tags/{tag}", tag_users, methods=["POST"]),
    ],
    exception_handlers={NetaudienceError: not_done},
)
