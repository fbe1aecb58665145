"""FastAPI and Starlette: one client for the whole application, and answers to what a vendor did not do.

It stands on Starlette, as FastAPI does, so it serves both.
"""

from __future__ import annotations

import logging

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
except ImportError as missing:
    raise ImportError(
        "The helpers for FastAPI and Starlette need one of them: pip install 'netaudience[fastapi]'"
    ) from missing

from netaudience.errors import NetaudienceError
from netaudience.integrations.answers import answer_to
from netaudience.integrations.app_client import AppClient

__all__ = ["AppClient", "add_answers"]

log = logging.getLogger(__name__)


def add_answers(app: Starlette) -> None:
    """Answer to every error of a vendor's client by the table of `answer_to`, whichever route raises it."""
    app.add_exception_handler(NetaudienceError, _answered)


async def _answered(_request: Request, error: Exception) -> Response:
    answer = answer_to(error)
    log.warning("Answered %d: %s", answer.status, error)
    return JSONResponse(answer.body, answer.status, answer.headers)
