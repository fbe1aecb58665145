"""How Netmera's answers are judged: three shapes of errors, and a table of codes.

Keyed on (status, code), for some codes have more than one meaning. The table is the error page's; what to
do about each is ours. Codes that no operation can meet are judged by their status.
Source: https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/error-responses.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netaudience.errors import (
    Misconfigured,
    NotFound,
    QuotaExhausted,
    Refused,
    Unauthorized,
    Unreadable,
    VendorError,
)
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.verdicts import Judge, json_object, plain_words
from netaudience.model.wire import Response, load_json

_JUDGED: Mapping[tuple[int, int], type[VendorError]] = {
    # With HTTP 500 the same code is an error of the vendor's own.
    (400, 2001): NotFound,
    (400, 2021): Misconfigured,
    (400, 5008): Misconfigured,
    (400, 5016): NotFound,
    (400, 5003): NotFound,
    (400, 5042): NotFound,
    (400, 5021): QuotaExhausted,
    (400, 5022): QuotaExhausted,
    (400, 5023): Misconfigured,
    (401, 5007): Unauthorized,
    (403, 2010): Unauthorized,
    (403, 2021): Unauthorized,
    (403, 2022): Unauthorized,
    (403, 4000): Unauthorized,
    (500, 2104): Misconfigured,
    (500, 2105): Refused,
}
_REMEDIES: Mapping[tuple[int, int], str] = {
    (400, 2001): (
        "Netmera answers so where somebody of the request is not there, or to a segment of a connector, of "
        "which it lists no users: asking later does not help"
    ),
    (400, 5008): "Set up the approval of messages in Netmera's panel",
    (400, 5021): "The contract does not include this: ask Netmera, then send the rest",
    (400, 5022): "Ask Netmera for more, or send the rest when the quota is renewed",
    (400, 5023): "Define the app's schema in Netmera's panel",
    (403, 2010): "Use the app's REST API key (panel: Developers > API), not its SDK key",
    (403, 2021): "The address of this machine is not on the app's list of allowed addresses",
}

_KEY = "Look at the REST API key"
_JUDGE = Judge("Netmera", remedies={401: _KEY, 403: _KEY}, unknown_route=(404, 405, 501))


def classify(response: Response) -> VendorError | None:
    """Judge an answer of Netmera: None for a success, else what to do next.

    Source: https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/error-responses.md
    """
    status = response.status
    if status in {200, 204} and not response.body:
        return None
    code, words, own = _code_of(response)
    if status == 200 and code is None:
        return _unreadable(response)
    # 2105 comes with HTTP 500 and is a clear answer all the same.
    key = (status, code or 0)
    return _JUDGE.failure(
        response,
        kind=_JUDGED.get(key),
        code=code,
        vendor_message=words,
        remedy=_REMEDIES.get(key, ""),
        own=own,
    )


def blame_missing(response: Response, items: Sequence[Any]) -> ItemErrors:
    """Read who is not there, out of the answer to a request that asked for it.

    Of that answer no more is documented than the name of its list. Source: the reference,
    tags/remove-tags-from-users.
    """
    body = json_object(response) if response.status == 200 else None
    missing = body.get("notExist") if body is not None else None
    if not missing:
        return NOTHING  # older installations answer without a body
    listed: Sequence[object] = missing if isinstance(missing, list) else [missing]
    read = [one for one in listed if isinstance(one, str | int)]
    named = set(map(str, read))
    error = NotFound("Netmera", 200, vendor_message="there is no user of this id")
    refused: dict[int, VendorError] = {index: error for index, item in enumerate(items) if item in named}
    if len(items) == 1:  # whatever it is called there, it is the one
        return ItemErrors(refused={0: error})
    strange = len(read) < len(listed) or not named.issubset(items)
    return ItemErrors(refused=refused, unattributed=error if strange and len(refused) < len(items) else None)


def _unreadable(response: Response) -> Unreadable | None:
    """Judge a 200 with a body: JSON without an error code is a success, anything else is not."""
    if response.truncated:
        what = f"The answer is longer than {len(response.body):,} bytes"
    else:
        try:
            load_json(response.body)
        except ValueError:
            garbled = response.content_type.endswith("json")
            what = "The answer is JSON that is cut short or garbled" if garbled else _not_json(response)
        else:
            return None
    return _JUDGE.unreadable(response, what)


def _not_json(response: Response) -> str:
    return f"The answer is not JSON but {response.content_type or 'of no type'}"


def _code_of(response: Response) -> tuple[int | None, str, bool]:
    """Read code and words out of the three shapes that errors come in, and whether it is one of them.

    Successes tell no code.
    """
    # A success is read once more only where it might be an error in disguise, which is short.
    if not response.body or (response.status == 200 and b'"code"' not in response.body[:4096]):
        return None, "", False
    try:
        body = load_json(response.body)
    except ValueError:
        # Plain text for some operations.
        return None, plain_words(response) or response.content_type, False
    if not isinstance(body, Mapping):
        return None, "", False
    code, words = body.get("code"), body.get("error")
    if response.status == 200 and words is None:
        return None, "", False
    if words is None:  # RFC 9457 problem detail
        words = body.get("detail") or body.get("title")
    own = isinstance(words, str)
    return (code if isinstance(code, int) else None), words if isinstance(words, str) else "", own
