"""What an app answers when the vendor did not do what it was asked: one table for all frameworks.

It speaks to whoever asked the app, who can neither mend our credentials nor be told of them. It refuses to
guess: an error that it does not know is one for us to mend.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from netaudience.errors import (
    AnswerLost,
    ConnectionFailed,
    InvalidItem,
    NotFound,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    Unreadable,
)
from netaudience.outcomes import Failed, InDoubt, Rejected, RunFailed

__all__ = ["Answer", "answer_to"]

#: Seconds that are asked for where nobody knows how long it takes.
_SOON = 5.0
_OURS = "This is for us to mend"
_MAYBE = "The vendor's answer is missing: it may have been done, or not"


class Answer(NamedTuple):
    """What to answer, over HTTP or otherwise."""

    #: The status of HTTP.
    status: int
    #: For whoever asked: it holds no identifier and no secret.
    sentence: str
    #: Whole seconds after which it may be asked again, for nothing was done; None where that is no remedy.
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of HTTP that belong to it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def body(self) -> dict[str, str]:
        """A body to be written as JSON."""
        return {"detail": self.sentence}


def answer_to(error: Exception) -> Answer:
    """Return what to answer to an error of a call or a run; the error itself is for our log."""
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
            return Answer(404, "The vendor does not know this user")
        case InvalidItem() | Refused():
            return Answer(422, str(error))
        case AnswerLost() | Unavailable() | Unreadable():
            return Answer(502, _MAYBE)
        case _:  # credentials, the account, our configuration: nothing that the caller can mend
            return Answer(500, _OURS)


def _answer_to_outcome(failed: RunFailed) -> Answer:
    match failed.report.undelivered:
        case [Rejected(reason=reason) | Failed(reason=reason), *_]:
            return answer_to(reason)
        case [InDoubt(), *_]:
            return Answer(502, _MAYBE)
        case _:
            return Answer(500, _OURS)


def _later(sentence: str, seconds: float | None) -> Answer:
    return Answer(503, sentence, math.ceil(_SOON if seconds is None else seconds))
