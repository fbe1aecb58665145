"""The table of errors and statuses: each kind of error has its place in it."""

from __future__ import annotations

import pytest

from netaudience import (
    AnswerLost,
    CircuitOpen,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidItem,
    LimitReached,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from netaudience.integrations.answers import answer_to

MAYBE = "it may have been done, or not"
NOT_DONE = "nothing was"


@pytest.mark.parametrize(
    ("error", "status", "says", "retry_after"),
    [
        (LimitReached("The limit is used up", 12.3), 503, "Nothing was sent", "13"),
        (DeadlineExceeded("No time"), 503, "Nothing was sent", "5"),
        (CircuitOpen("The vendor is down", 0.2), 503, "Nothing was sent", "1"),
        (ConnectionFailed("No connection"), 503, NOT_DONE, "5"),
        (Throttled("Netmera", 429, retry_after=30.0), 503, NOT_DONE, "30"),
        (Unavailable("Netmera", 503), 503, NOT_DONE, "5"),
        (Unavailable("Netmera", 500, may_have_happened=True), 502, MAYBE, None),
        (ServerFault("Netmera", 500, may_have_happened=True), 502, MAYBE, None),
        (Unreadable("Netmera", 200, may_have_happened=True), 502, MAYBE, None),
        (AnswerLost("The request went out"), 502, MAYBE, None),
        (NotFound("Netmera", 400), 404, "does not know", None),
        (Refused("Netmera", 400, vendor_message="no"), 422, "refused", None),
        (InvalidItem("The ext id is empty"), 422, "empty", None),
        (Unauthorized("Netmera", 403), 500, "for us to mend", None),
        (ConfigurationError("The key is missing"), 500, "for us to mend", None),
        (ValueError("a bug"), 500, "for us to mend", None),
    ],
)
def test_what_is_answered(error, status, says, retry_after) -> None:
    answer = answer_to(error)
    assert answer.status == status
    assert says in answer.body["detail"]
    assert answer.headers.get("Retry-After") == retry_after
