"""What an answer means by its HTTP status alone, for every vendor's `classify` to fall back on.

A vendor judges its own bodies and codes first; what is left is HTTP, and that is the same everywhere but
for the few statuses that a vendor states.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from netaudience.engine.retry import retry_after
from netaudience.errors import (
    Misconfigured,
    Refused,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.wire import JsonValue, Response, load_json

__all__ = ["by_status", "json_object", "plain_words", "unreadable"]

_LONGEST_WORDS = 300


def by_status(  # noqa: PLR0913 - what a vendor may state
    vendor: str,
    response: Response,
    *,
    code: int | str | None,
    words: str,
    meant: int | None = None,
    remedies: Mapping[int, str],
    unknown_route: Collection[int] = (404, 405),
    not_passed_on: Collection[int] = (),
) -> VendorError:
    """Judge an answer that is no success.

    Args:
        vendor: The vendor's name as people write it.
        response: The answer.
        code: The vendor's own code, where the body tells one.
        words: The vendor's own words.
        meant: The status to judge by, where the body gives another than the answer has.
        remedies: What to do about 401 and 403.
        unknown_route: The statuses by which the vendor says that it does not know the operation.
        not_passed_on: The statuses above 500 of requests that surely were not carried out.
    """
    status = response.status
    judged_by = status if meant is None else meant
    wait = retry_after(response)
    match judged_by:
        case 401 | 403:
            remedy = remedies.get(judged_by, "")
            return Unauthorized(vendor, status, code=code, words=words, remedy=remedy)
        case _ if judged_by in unknown_route:
            remedy = "The base URL leads to something that does not know this operation: look at it"
            return Misconfigured(vendor, status, code=code, words=words, remedy=remedy)
        case 408 | 425:
            return Unavailable(vendor, status, code=code, words=words, retry_after=wait)
        case 413:
            return TooLarge(vendor, status, code=code, words=words)
        case 429:
            return Throttled(vendor, status, code=code, words=words, retry_after=wait)
        case _ if 300 <= judged_by < 400:
            remedy = "The base URL leads to a redirect, which is not followed: set it to where that leads"
            return Misconfigured(vendor, status, remedy=remedy)
        case _ if 400 <= judged_by < 500:
            return Refused(vendor, status, code=code, words=words)
        case _ if judged_by >= 500:
            perhaps = judged_by not in not_passed_on
            return Unavailable(
                vendor, status, code=code, words=words, may_have_happened=perhaps, retry_after=wait
            )
        case _:
            return Unreadable(vendor, status, code=code, words=words, may_have_happened=True)


def unreadable(vendor: str, response: Response, what: str, *, words: str = "") -> Unreadable:
    """Judge a success that the vendor would not have written so; say what it is instead."""
    return Unreadable(
        vendor,
        response.status,
        words=words,
        remedy=f"{what}: look at the base URL, and at a proxy that may answer in the vendor's place",
        may_have_happened=True,
    )


def json_object(response: Response) -> Mapping[str, JsonValue] | None:
    """Return an answer's JSON object; None where it has none, or is longer than what was read of it."""
    if response.truncated:
        return None
    try:
        body = load_json(response.body)
    except ValueError:
        return None
    return body if isinstance(body, Mapping) else None


def plain_words(response: Response) -> str:
    """Return the beginning of an answer that is plain text; a page of HTML says nothing worth repeating."""
    if response.content_type != "text/plain":
        return ""
    text = response.body[:_LONGEST_WORDS].decode(errors="replace")
    if len(response.body) <= _LONGEST_WORDS and not response.truncated:
        return text
    # The last word is perhaps cut, and the beginning of a key may look like a plain word.
    return re.sub(r"\S*$", "", text)
