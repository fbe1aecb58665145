"""Sends what is to be reported: a POST to a webhook, a ping to a health check. No sentence holds an address.

It goes by the standard library, in a thread, and a run never fails of it.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from netaudience.jobs.notify.events import Ended
from netaudience.model.wire import JsonValue, dump_json

#: Seconds that a receiver has to answer, and those before each attempt.
_TIMEOUT = 10.0
_WAITS = (0.0, 1.0, 3.0)
_HEADLINES = {
    "failure": "failed",
    "guard": "was stopped by a guard",
    "rejects": "has new rejected rows",
    "recovery": "is well again",
    "nothing": "has ended",
}
#: Steps and reasons that a text shows.
_MOST = 20
FORMAT = "netaudience alert 1"


def message_of(ended: Ended, form: str) -> JsonValue:
    """Return what a webhook is sent.

    Args:
        ended: The run.
        form: ``slack``: a text alone, as Slack, Mattermost and Rocket.Chat take it; ``json``: the facts too.
    """
    head = f"netaudience: {ended.job} {_HEADLINES[ended.event]} (exit code {ended.exit_code})"
    text = "\n".join([head, *(f"• {sentence}" for sentence in ended.sentences()[:_MOST])])
    if form == "slack":
        return {"text": text}
    summary = ended.summary
    steps: list[JsonValue] = [] if summary is None else [
        {
            "step": step.name, "vendor": step.vendor, "operation": step.operation, "rows": step.total,
            **step.named(), "known": step.known, "stopped": step.stopped,
        }
        for step in summary.steps
    ]  # fmt: skip
    return {
        "format": FORMAT,
        "event": ended.event,
        "job": ended.job,
        "run": ended.run or None,
        "attempt": None if summary is None else summary.attempts,
        "exit_code": ended.exit_code,
        "started": None if summary is None else summary.started,
        "ended": None if summary is None else summary.ended,
        "steps": steps,
        "resume": None if summary is None else summary.resume_command,
        "retry": None if summary is None else summary.retry_command,
        "text": text,
    }


def post(url: str, message: JsonValue, *, sleep: Callable[[float], object] = time.sleep) -> str | None:
    """Send a message; return what went wrong, for a sentence to say."""
    return _send(url, dump_json(message), sleep)


def ping(url: str) -> str | None:
    """Tell a health check; return what went wrong, for a sentence to say."""
    return _send(url, None, time.sleep)


def _send(url: str, body: bytes | None, sleep: Callable[[float], object]) -> str | None:
    problem: str | None = None
    for wait in _WAITS:
        sleep(wait)
        problem, again = _attempt(url, body)
        if not again:
            break
    return problem


def _attempt(url: str, body: bytes | None) -> tuple[str | None, bool]:
    """Return what went wrong, and whether it is worth to try again."""
    if not url.startswith(("https://", "http://")):
        return "its address does not begin with https://", False
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - looked at above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - likewise
            return None, False
    except urllib.error.HTTPError as error:
        with error:
            return f"HTTP {error.code}", error.code == http.client.TOO_MANY_REQUESTS or error.code >= 500
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return type(reason).__name__, not isinstance(error, ValueError)
