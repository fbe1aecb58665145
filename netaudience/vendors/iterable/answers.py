"""How Iterable's answers are judged as a whole: the HTTP status first, the code in the body second.

The status goes first because a failure is known to come with a code that reads ``Success``. The vendor's
words repeat what was sent, the caller's address and headers among it, so that few of them are told.
Source of the codes: https://github.com/Iterable/api-client
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from netaudience.engine.retry import retry_after
from netaudience.errors import (
    Misconfigured,
    NotFound,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreadable,
    VendorError,
)
from netaudience.judging import by_status, json_object, plain_words, unreadable
from netaudience.wire import JsonValue, Response

__all__ = ["VENDOR", "Body", "classify", "code_of"]

VENDOR = "Iterable"
Body: TypeAlias = Mapping[str, JsonValue]

_REGION = (
    "Look at the key, which must be a server-side one, and at the region: a key works in the data centre "
    "of its project and gets this answer from the other"
)
_REMEDIES = {401: _REGION, 403: _REGION}

#: Statuses that no code makes plainer.
_PLAIN = frozenset({401, 403, 413, 429})
#: Codes that say more than another 4xx does. The table of codes is open: others are judged by the status.
_CODES: Mapping[str, type[VendorError]] = {
    "BadApiKey": Unauthorized,
    "BadAuthorizationHeader": Unauthorized,
    "InvalidJwtPayload": Unauthorized,
    "Forbidden": Unauthorized,
    "Unauthorized": Unauthorized,
    # The project's schema is full: no further item with a new field can succeed.
    "UniqueFieldsLimitExceeded": Misconfigured,
    "BatchTooLarge": TooLarge,
    "NotFound": NotFound,
    "UnknownEmailError": NotFound,
    "UnknownUserIdError": NotFound,
    "error.users.noUserWithIdExists": NotFound,
}
_CODE_REMEDIES: Mapping[str, str] = {
    "UniqueFieldsLimitExceeded": (
        "The project has as many user fields as it may have: send fewer new ones, or archive some in Iterable"
    ),
    "ForgottenUserError": "Iterable takes nothing about a user who was forgotten, until it is unforgotten",
    "ExternalKeyConflict": "The email and the userId belong to different users: find out which one is right",
    "EmailAlreadyExists": "Another user has the new address: look at both of them in Iterable",
    "UnknownUserIdError": "An email-based project makes a user of a userId only with preferUserId",
}
#: Codes whose words repeat the identifier, and say nothing besides that the code does not.
_ECHOING = frozenset(
    {
        "EmailAlreadyExists",
        "ExternalKeyConflict",
        "ForgottenUserError",
        "InvalidEmailAddressError",
        "InvalidUserIdError",
        "UnknownEmailError",
        "UnknownUserIdError",
        "UserIdAlreadyExists",
    }
)
_WORD = re.compile(r"[A-Za-z]{1,31}")
#: The answer, in plain text, to a question for a user who is not there. Reported.
_NO_USER = b"No user with that id exists!"
_NO_LIST = "error.lists.invalidListId"
#: What a success of our operations has: the envelope's code, a counter, or a user.
_SUCCESSES = frozenset({"code", "successCount", "user"})


def classify(response: Response) -> VendorError | None:
    """Judge an answer of Iterable: None for a success, else what to do next.

    It is asked about whole answers; what a success says about single items is read by `blame`.
    """
    body = json_object(response)
    if 200 <= response.status < 300:
        return _success(response, body)
    code = None if body is None else body.get("code")
    code = code if isinstance(code, str) else None
    words = plain_words(response) if body is None else _words(body, code)
    error = _by_code(response, body, code, words) if response.status >= 400 else None
    if error is None:
        error = by_status(VENDOR, response, code=code_of(code), words=words, remedies=_REMEDIES)
        error.remedy = error.remedy or _CODE_REMEDIES.get(code or "", "")
    return error


def _success(response: Response, body: Body | None) -> Unreadable | None:
    if body is None:
        kind = response.content_type or "nothing"
        what = "The answer is too long or cut short" if response.truncated else f"No JSON object, but {kind}"
        return unreadable(VENDOR, response, what)
    code = body.get("code")
    if code is not None and code != "Success":
        # Nothing documents a failure with the status of a success: whether it was done is not known.
        return unreadable(VENDOR, response, "The status is that of a success, and the code is not")
    # The question for a user who does not exist is answered with an empty object.
    if body and not _SUCCESSES & body.keys():
        return unreadable(VENDOR, response, "The answer is JSON that Iterable is not known to send")
    return None


def _by_code(response: Response, body: Body | None, code: str | None, words: str) -> VendorError | None:
    """Judge a failure by what its body says, where that says more than the status does."""
    status, wait = response.status, retry_after(response)
    if code == "DatabaseError" or (code == "GenericError" and status >= 500):
        return ServerFault(VENDOR, status, code=code, words=words, may_have_happened=True, retry_after=wait)
    if status >= 500:
        return None
    if code == "RateLimitExceeded":
        return Throttled(VENDOR, status, code=code, words=words, retry_after=wait)
    if body is not None and _NO_LIST in str(body.get("msg")):
        # No other user of the run could be put on a list that there is not.
        return Misconfigured(VENDOR, status, remedy="Look at list_id: the project has no list of that number")
    if body is None and response.body.strip() == _NO_USER:
        return NotFound(VENDOR, status, words=words)
    kind = None if status in _PLAIN else _CODES.get(code or "")
    if kind is None:
        return None
    remedy = _REGION if kind is Unauthorized else _CODE_REMEDIES.get(code or "", "")
    return kind(VENDOR, status, code=code_of(code), words=words, remedy=remedy)


def code_of(code: str | None) -> str | None:
    """Return a code as it is told: that of a failure, and one word."""
    # Success is known to stand in failures, where it would only confuse.
    return code if code is not None and code != "Success" and _WORD.fullmatch(code) else None


def _words(body: Body, code: str | None) -> str:
    """Return what may be told of the vendor's words."""
    if code == "RequestFieldsTypesMismatched":
        return _mismatches(body)
    if code in _ECHOING:
        return ""
    message = body.get("msg")
    if not isinstance(message, str):
        return ""
    # What follows is the request as it came, in full and with its headers.
    return message.partition(" body: ")[0]


def _mismatches(body: Body) -> str:
    """Tell which fields have another type in the project; the values are nobody's business."""
    params = body.get("params")
    errors = params.get("validationErrors") if isinstance(params, Mapping) else None
    if not isinstance(errors, Mapping):
        return ""
    told: list[str] = []
    for field, error in errors.items():
        expected = error.get("expectedType") if isinstance(error, Mapping) else None
        told.append(f"{field} must be {expected}" if isinstance(expected, str) else f"{field} is wrong")
    return ", ".join(told)
