"""How Fynd's answers are judged, and how the answer to the request for a token is read.

The page shows no error; the SDKs know one body for all of them. A success is a JSON object, always: what
says that it did not succeed, or is no object, is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from netaudience.errors import NotFound, Refused, Unavailable, VendorError
from netaudience.model.verdicts import Judge, json_object, plain_words
from netaudience.model.wire import JsonValue, Response
from netaudience.vendors.fynd.facts import VENDOR

_TOKEN = re.compile(r"[!-~]+")
_REMEDIES: Mapping[int, str] = {
    401: "A token that was just fetched is not accepted: look at company id and application id, and at "
    "whether the client belongs to the company",
    403: "The client may not do this: look at its scopes and permissions",
}
_CLIENT = (
    "No token is given to this client: look at client id, client secret and company id, and at the base URL"
)
_JUDGE = Judge(VENDOR, remedies=_REMEDIES)
_TOKEN_JUDGE = Judge(VENDOR, remedies={401: _CLIENT})
_NOT_THERE = "What the path names is not there (a deletion that is sent a second time is answered so as well)"


def classify(response: Response) -> VendorError | None:
    """Judge an answer of Fynd: None for a success, else what to do next.

    Source of the error's body: https://github.com/gofynd/fdk-client-python (APIError)
    """
    status, body = response.status, json_object(response)
    if 200 <= status < 300:
        if body is None:
            return _JUDGE.unreadable(response, _what(response))
        success = body.get("success")
        if success is False or (isinstance(success, str) and success.lower() == "false"):
            code, words = _code_of(body, response)
            return _JUDGE.failure(response, kind=Refused, code=code, vendor_message=words)
        return None
    code, words = _code_of(body, response)
    own = body is not None and not body.keys().isdisjoint({"message", "code", "error"})
    if status == 404 and own:
        # The vendor's own words are about what the path names. A 404 without them comes from something
        # that does not know the path at all.
        return _JUDGE.failure(response, kind=NotFound, code=code, vendor_message=words, remedy=_NOT_THERE)
    return _JUDGE.failure(response, code=code, vendor_message=words, own=own)


def read_token(response: Response) -> tuple[str, float]:
    """Take the token and its life in seconds out of an answer; infinite where the answer does not say.

    Raises:
        VendorError: there is none. Nothing of the operation that needs it was sent.
    """
    status, body = response.status, json_object(response)
    if 200 <= status < 300:
        token = None if body is None else body.get("access_token")
        if body is None or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            remedy = (
                "The answer to the request for a token holds none: look at the base URL, and at a proxy "
                "that may answer in the vendor's place"
            )
            raise Unavailable(VENDOR, status, remedy=remedy)
        return token, _seconds(body.get("expires_in"))
    code, words = _code_of(body, response)
    error = _TOKEN_JUDGE.failure(
        response,
        code=code,
        vendor_message=words,
        # Nothing but the credentials is in the request, so nothing else can be what is refused.
        meant=401 if status in {400, 403, 422} else None,
    )
    error.may_have_happened = False
    raise error


def _seconds(life: JsonValue) -> float:
    """Return the life of a token; without one it is kept until the vendor no longer accepts it."""
    if isinstance(life, int | float) and not isinstance(life, bool) and life > 0:
        return float(life)
    return math.inf


def _what(response: Response) -> str:
    if response.truncated:
        return f"The answer is longer than {len(response.body):,} bytes"
    if not response.body:
        return "The answer is empty"
    if response.content_type.endswith("json"):
        return "The answer is no whole JSON object"
    return f"The answer is not JSON but {response.content_type or 'of no type'}"


def _code_of(body: Mapping[str, JsonValue] | None, response: Response) -> tuple[int | str | None, str]:
    """Read code and words out of the vendor's error."""
    if body is None:
        return None, plain_words(response)
    code, words = body.get("code"), body.get("message") or body.get("error")
    return (
        code if isinstance(code, int | str) and not isinstance(code, bool) and code != "" else None,
        words if isinstance(words, str) else "",
    )
