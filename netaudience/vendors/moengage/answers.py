"""How MoEngage's answers are judged: by their ``error.type`` first, then by their status.

One route tells authentication as 409 and a suspended account as 400, another has no ``error`` object at
all. The request id of an error is left out: as it is new in each answer, no two would count as one reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from netaudience.errors import (
    Misconfigured,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    VendorError,
)
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.verdicts import Judge, json_object, plain_words
from netaudience.model.wire import JsonValue, Response, load_json

_VENDOR = "MoEngage"

#: Types as they are told, in lower case and without all that is no letter: the vendor writes
#: "PayloadTooLarge" and "Payload too large", "Authentication required" with a full stop and without.
_JUDGED: Mapping[str, type[VendorError]] = {
    "authenticationrequired": Unauthorized,
    "authenticationmismatch": Unauthorized,
    "invalidparams": Misconfigured,
    "paramsrequired": Misconfigured,
    "blockedclient": Misconfigured,
    "blacklisted": Misconfigured,
    "accountsuspended": Misconfigured,
    "accounttemporarilysuspended": Misconfigured,
    "mediatypeerror": Misconfigured,
    "unsupportedmediatype": Misconfigured,
    "missingheadervalue": Misconfigured,
    "ratelimiterror": Throttled,
    "ratelimitsexceeded": Throttled,
    "ratelimitexceeded": Throttled,
    "payloadtoolarge": TooLarge,
    "servererror": ServerFault,
    "missingattributeerror": Refused,
    "arrayfielderror": Refused,
    "attributeerror": Refused,
    "valueerror": Refused,
    "typeerror": Refused,
    "malformedjson": Refused,
    "bodytypeisnotjson": Refused,
    "emptyrequestbody": Refused,
    "limitbreached": Refused,
}
#: What words say that stand under titles and codes of all sorts: about segments, opt-ins, and the project.
_WORDS: Mapping[str, type[VendorError]] = {
    "already exists": Refused,
    "Segment not found": NotFound,
    "No users found": NotFound,
    "MOE-PROJECT-CODE header missing": Misconfigured,
}
#: Codes of the routes that tell a code and no type.
_CODED: Mapping[str, type[VendorError]] = {
    "badargument": Refused,
    "notfound": NotFound,
    "unauthorized": Unauthorized,
    "forbidden": Unauthorized,
    # An address of several users, or a key that was used with another body.
    "conflict": Refused,
    "toomanyrequests": Throttled,
}
_KEY = (
    "Look at the workspace id, at the key, which must be that of the Data tile (Settings > Account > APIs), "
    "and at the data center: no other knows the workspace"
)
_ACCOUNT = "Ask MoEngage about the account, then send the rest"
_JUDGE = Judge(_VENDOR, remedies={401: _KEY, 403: _ACCOUNT})
_MEDIA = "What stands between this program and MoEngage changes the Content-Type, which was application/json"
_MEDIA_STATUS = 415
_PROJECT = "The workspace has projects: give the client its project_code (NETAUDIENCE_MOENGAGE_PROJECT_CODE)"
_REMEDIES: Mapping[str, str] = {
    "authenticationrequired": _KEY,
    "authenticationmismatch": _KEY,
    "invalidparams": _KEY,
    "paramsrequired": _KEY,
    "mediatypeerror": _MEDIA,
    "unsupportedmediatype": _MEDIA,
    "missingheadervalue": _MEDIA,
}


@attrs.frozen
class _Stated:
    """What a body says."""

    #: ``success``, ``fail`` or nothing.
    status: str = ""
    type: str = ""
    vendor_message: str = ""
    #: Whether the type is a code, and the status says nothing more.
    coded: bool = False

    @property
    def plain_type(self) -> str:
        return "".join(letter for letter in self.type.lower() if letter.isalpha())


def classify(response: Response) -> VendorError | None:
    """Judge an answer of MoEngage: None for a success, else what to do next.

    Source: https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
    """
    stated = _stated(response)
    if not 200 <= response.status < 300:
        return _failed(response, stated)
    if stated.status == "success":
        return None
    if stated.status in _FAILURES:
        return _failed(response, stated, meant=400)
    if response.truncated:
        what = f"The answer is longer than {len(response.body):,} bytes"
    else:
        what = f"Neither success nor fail was reported, but {response.content_type or 'nothing'}"
    return _JUDGE.unreadable(response, what, vendor_message=stated.vendor_message)


#: The specification writes one word in the examples and another in the descriptions.
_FAILURES = frozenset({"fail", "failure"})


def _failed(response: Response, stated: _Stated, *, meant: int | None = None) -> VendorError:
    status, kind = response.status, stated.plain_type
    judged = _CODED.get(kind) if stated.coded else _JUDGED.get(kind)
    if not stated.coded and kind == "notfound" and (status >= 500 or 400 in {status, meant}):
        judged = NotFound  # an unknown user; a 404 would rather say that the route is not known
    if judged is not None:
        remedy = _REMEDIES.get(kind, _ACCOUNT if judged is Misconfigured else "")
        return _JUDGE.failure(
            response,
            kind=judged,
            code=stated.type or None,
            vendor_message=stated.vendor_message,
            meant=meant,
            remedy=remedy,
        )
    if status == _MEDIA_STATUS:
        return _JUDGE.failure(
            response, kind=Misconfigured, vendor_message=stated.vendor_message, remedy=_MEDIA
        )
    if judged := next((kind for words, kind in _WORDS.items() if words in stated.vendor_message), None):
        remedy = _PROJECT if judged is Misconfigured else ""
        return _JUDGE.failure(
            response, kind=judged, vendor_message=stated.vendor_message, meant=meant, remedy=remedy
        )
    if status == 409:
        meant = 401  # one route tells authentication so, and none tells anything else
    words = f"{stated.type}: {stated.vendor_message}" if stated.type else stated.vendor_message
    # Of the route that tells a title and no type, the status is all that says what it is.
    return _JUDGE.failure(response, vendor_message=words, meant=meant, own=stated.status in _FAILURES)


def _stated(response: Response) -> _Stated:
    """Read an answer's body, whatever it is: the two shapes of failures, successes, plain text."""
    body = json_object(response)
    if body is None:
        return _Stated(vendor_message=plain_words(response))
    status, error = _text(body, "status").lower(), body.get("error")
    if isinstance(error, Mapping):
        # An error is none the less one where the status beside it is missing, or says something else.
        kind, code = _text(error, "type"), _text(error, "code") or _text(error, "err_code")
        details = error.get("details")
        texts = (_text(error, "message"), _text(details, "message") if isinstance(details, Mapping) else "")
        return _Stated("fail", kind or code, ": ".join(filter(None, texts)), coded=not kind)
    if not status and body.get("success") is True:
        status = "success"  # the routes about segments
    if not status and (_text(body, "response_id") or set(body) == {"message"}):
        status = "success"  # the routes about consents have no such word
    title, description = _text(body, "title"), _text(body, "description")
    return (
        _Stated(status, title, description)
        if title
        else _Stated(status, vendor_message=_text(body, "message"))
    )


def _text(body: Mapping[str, JsonValue], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


_NOT_KNOWN = "MoEngage does not know the user: look at the identifier, and at what it is said to be"
_FEWER = "The answer holds fewer users than were asked for, and does not name the others"


def blame_export(response: Response, items: Sequence[str]) -> ItemErrors:
    """Read which of the users that were asked about are not known.

    A user who is found is not matched with an item: the fields that were asked for need not hold the
    identifier. So users are counted; where some are neither found nor named, each is asked about again.
    """
    if not 200 <= response.status < 300:
        return NOTHING  # a refusal names nobody
    body = cast("Mapping[str, JsonValue]", load_json(response.body))  # judged a success before
    data = body.get("data")
    if not isinstance(data, Mapping):
        return ItemErrors(unread=_JUDGE.unreadable(response, "The answer holds no users"))
    users, missing = data.get("users"), data.get("users_not_found")
    named = {_identifier(entry) for entry in missing} if isinstance(missing, list) else set[str]()
    asked = set(items)
    unknown = NotFound(_VENDOR, response.status, remedy=_NOT_KNOWN)
    refused: dict[int, VendorError] = {index: unknown for index, item in enumerate(items) if item in named}
    found = len(users) if isinstance(users, list) else 0
    if found == len(asked - named) and refused:
        return ItemErrors(refused=refused)  # whoever else is not known: it is known what became of all
    if not named <= asked:
        # Somebody is not known whom nobody asked about: an identifier was changed on the way.
        return ItemErrors(refused=refused, unattributed=unknown)
    if found < len(asked - named):
        return ItemErrors(refused=refused, unattributed=NotFound(_VENDOR, response.status, remedy=_FEWER))
    if found > len(asked - named):
        return ItemErrors(refused=refused, warnings=["An answer holds more users than were asked for"])
    return ItemErrors(refused=refused)


def _identifier(entry: JsonValue) -> str:
    """Return the identifier of one who was not found: an object's, or the text itself."""
    value = entry.get("identifier") if isinstance(entry, Mapping) else entry
    return value if isinstance(value, str) else ""
