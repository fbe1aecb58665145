"""How Iterable's answers are judged as a whole: the HTTP status first, the code in the body second.

The status goes first because a failure is known to come with a code that reads ``Success``. The vendor's
words repeat what was sent, the caller's address and headers among it, so that few of them are told.
Source of the codes: https://github.com/Iterable/api-client
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from netaudience.errors import (
    Misconfigured,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreadable,
    VendorError,
)
from netaudience.model.verdicts import Judge, json_object, plain_words
from netaudience.model.wire import JsonValue, Response, load_json

VENDOR = "Iterable"
Body: TypeAlias = Mapping[str, JsonValue]

_REGION = (
    "Look at the key, which must be a server-side one, and at the region: a key works in the data centre "
    "of its project and gets this answer from the other"
)
_UNKNOWN = (
    "Iterable does not know this operation: look at the base URL; subscriptions one by one are enabled on "
    "request, so ask Iterable for those"
)
JUDGE = Judge(VENDOR, remedies={401: _REGION, 403: _REGION, 404: _UNKNOWN})

#: Statuses that no code makes plainer.
_PLAIN = frozenset({401, 403, 413, 429})
#: What a code stands for, under whatever other status: the vendor is known to put a refusal of one row under
#: a 500. The table of codes is open: others are judged by the status.
_CODES: Mapping[str, type[VendorError]] = {
    "BadApiKey": Unauthorized,
    "BadAuthorizationHeader": Unauthorized,
    "InvalidJwtPayload": Unauthorized,
    "JwtUserIdentifiersMismatched": Unauthorized,
    "Forbidden": Unauthorized,
    "Unauthorized": Unauthorized,
    # The project's schema is full: no further item with a new field can succeed.
    "UniqueFieldsLimitExceeded": Misconfigured,
    "BatchTooLarge": TooLarge,
    "RateLimitExceeded": Throttled,
    "DatabaseError": ServerFault,
    "NotFound": NotFound,
    "UnknownEmailError": NotFound,
    "UnknownUserIdError": NotFound,
    "error.users.noUserWithIdExists": NotFound,
    "BadJsonBody": Refused,
    "BadParams": Refused,
    "EmailAlreadyExists": Refused,
    "ExternalKeyConflict": Refused,
    "ForbiddenParamsError": Refused,
    "ForgottenUserError": Refused,
    "InvalidEmailAddressError": Refused,
    "InvalidUserIdError": Refused,
    "RequestFieldsTypesMismatched": Refused,
    "UserIdAlreadyExists": Refused,
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
#: Who or what is not there, in the words of a code that stands for much else, and of plain text: "No users
#: with userId 5 exist", "No user exists with userId 5", "Unable to delete list 5 in Project 2, which does not
#: exist.", "Invalid email list id". Reported.
_ABSENT = re.compile(
    r"no users? (?:exists? )?with .{1,99}|.{1,99} does not exist\.?|user not found|invalid email list id",
    re.IGNORECASE | re.DOTALL,
)
_NO_LIST = "error.lists.invalidListId"
_LIST_ID = "Look at list_id: the project has no list of that number"
#: What a success of our operations has: the envelope's code, a counter, or a user.
_SUCCESSES = frozenset(
    {
        *("channels", "code", "fields", "jobId", "jobs", "listId", "lists", "messages", "messageTypes"),
        *("successCount", "user"),
    }
)
#: The most fields that are named of those that a body has wrong.
_FAULTS = 3
#: How reads of lists are answered.
_TEXT = "text/plain"


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
    kind, remedy = _meaning(response, body, code)
    return JUDGE.failure(
        response,
        kind=kind,
        code=code_of(code),
        vendor_message=words,
        remedy=remedy or _CODE_REMEDIES.get(code or "", ""),
        own=code is not None,
    )


def _success(response: Response, body: Body | None) -> Unreadable | None:
    if body is None:
        if not response.truncated and (_is_told_in_text(response) or _is_list(response)):
            return None  # whether it fits what was asked is found out where it is read
        kind = response.content_type or "nothing"
        what = "The answer is too long or cut short" if response.truncated else f"No JSON object, but {kind}"
        return JUDGE.unreadable(response, what)
    code = body.get("code")
    if code is not None and code != "Success":
        # Nothing documents a failure with the status of a success: whether it was done is not known.
        return JUDGE.unreadable(response, "The status is that of a success, and the code is not")
    # The question for a user who does not exist is answered with an empty object.
    if body and not _SUCCESSES & body.keys():
        return JUDGE.unreadable(response, "The answer is JSON that Iterable is not known to send")
    return None


def _is_told_in_text(response: Response) -> bool:
    return response.content_type == _TEXT or (response.status == 202 and not response.body)


def _is_list(response: Response) -> bool:
    """Return whether an answer is a JSON list of texts."""
    try:
        body = load_json(response.body)
    except ValueError:
        return False
    return isinstance(body, list) and all(isinstance(part, str) for part in body)


def _meaning(response: Response, body: Body | None, code: str | None) -> tuple[type[VendorError] | None, str]:
    """Return what a failure's body says where that is more than its status, and what to do about it."""
    status = response.status
    said = plain_words(response).strip() if body is None else body.get("msg")
    said = said if isinstance(said, str) else ""
    if status < 400:
        return None, ""
    if _NO_LIST in said:
        # No other user of the run could be put on a list that there is not.
        return Misconfigured, _LIST_ID
    if status in _PLAIN:
        # A throttle is one under whatever status, for it closes no account.
        throttled = code == "RateLimitExceeded"
        return (Throttled, "") if throttled else (None, "")
    if code in {None, "BadParams"} and status < 500 and _ABSENT.fullmatch(said):
        return NotFound, ""
    if code == "GenericError" and status >= 500:
        return ServerFault, ""
    kind = _CODES.get(code or "")
    return kind, _REGION if kind is Unauthorized else ""


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
    return " ".join([message.partition(" body: ")[0], *_faults(body.get("params"))])


def _faults(params: JsonValue) -> list[str]:
    """Tell which fields of a body are wrong, and how: its params name them, and hold no values."""
    reasons: list[str] = []
    for field, found in params.items() if isinstance(params, Mapping) else ():
        first = found[0] if isinstance(found, list) and found else found
        why = first.get("msg") if isinstance(first, Mapping) else first
        if isinstance(why, str) and field.startswith("obj."):
            reasons.append(f"{field.rpartition('.')[2]}: {why}")
    return reasons[:_FAULTS]


def _mismatches(body: Body) -> str:
    """Tell which fields have another type in the project; the values are nobody's business."""
    params = body.get("params")
    errors = params.get("validationErrors") if isinstance(params, Mapping) else None
    if not isinstance(errors, Mapping):
        return ""
    reasons: list[str] = []
    for field, error in errors.items():
        expected = error.get("expectedType") if isinstance(error, Mapping) else None
        reasons.append(f"{field} must be {expected}" if isinstance(expected, str) else f"{field} is wrong")
    return ", ".join(reasons)
