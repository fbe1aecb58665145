"""What a web app answers when the vendor did not do what it was asked: one table for all routes."""

from __future__ import annotations

import math

from netaudience import (
    AnswerLost,
    ConnectionFailed,
    Failed,
    InDoubt,
    InvalidItem,
    NotFound,
    NotSent,
    Refused,
    Rejected,
    RunFailed,
    Throttled,
    Unavailable,
    Unreadable,
)

Answer = tuple[int, str, dict[str, str]]


def answer_to(error: Exception) -> Answer:
    """Return the status, a sentence for whoever asked, and headers."""
    match error:
        case RunFailed():  # a run over one user: its one outcome says it all
            return _answer_to_outcome(error)
        case NotSent():
            return _later("Nothing was sent", error.seconds)
        case ConnectionFailed():
            return _later("The vendor could not be reached; nothing was sent", None)
        case Throttled():
            return _later("The vendor asks for patience; nothing was done", error.retry_after)
        case Unavailable(may_have_happened=False):
            return _later("The vendor is out of order; nothing was done", error.retry_after)
        case NotFound():
            return 404, "The vendor does not know this user", {}
        case InvalidItem() | Refused():
            return 422, str(error), {}
        case AnswerLost() | Unavailable() | Unreadable():
            return 502, "The vendor's answer is missing: it may have been done, or not", {}
        case _:  # credentials, the account, our configuration: nothing that the caller can mend
            return 500, "This is for us to mend", {}


def _answer_to_outcome(failed: RunFailed) -> Answer:
    match failed.report.undelivered:
        case [Rejected(reason=reason) | Failed(reason=reason), *_]:
            return answer_to(reason)
        case [InDoubt(), *_]:
            return 502, "The vendor's answer is missing: it may have been done, or not", {}
        case _:
            return 500, "This is for us to mend", {}


def _later(sentence: str, seconds: float | None) -> Answer:
    return 503, sentence, {"Retry-After": str(math.ceil(5 if seconds is None else seconds))}
