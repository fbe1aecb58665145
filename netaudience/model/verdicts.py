"""What an answer that is no success means: one judge for all vendors.

A vendor reads its own bodies and says which error its code stands for; what is left is HTTP, and that is
the same everywhere but for the few statuses that a vendor states. Here alone an error is given the wait that
the answer asks for, and is said to have perhaps happened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import attrs

from netaudience.errors import (
    Misconfigured,
    Refused,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.model.retry_after import retry_after
from netaudience.model.wire import JsonValue, Response, load_json

_LONGEST_WORDS = 300
_BASE_URL = "The base URL leads to something that does not know this operation: look at it"
_REDIRECT = "The base URL leads to a redirect, which is not followed: set it to where that leads"
#: What a gateway answers that gave up waiting for whom it had passed the request on to: Envoy's idle
#: timeout, a client of its own that went away.
_GAVE_UP = frozenset({408, 499})
#: What the program itself answers when it fails. The other statuses above 500 are of what stands before it.
_FAULT = 500


@attrs.frozen
class Judge:
    """How the failures of one vendor are judged."""

    #: The vendor's name as people write it.
    vendor: str
    #: What to do about 401 and 403, and about a route that is not known.
    remedies: Mapping[int, str] = attrs.field(factory=dict[int, str], kw_only=True)
    #: The statuses by which the vendor says that it does not know the operation.
    unknown_route: Collection[int] = attrs.field(default=(404, 405), kw_only=True)

    def failure(  # noqa: PLR0913 - what an answer may tell
        self,
        response: Response,
        *,
        kind: type[VendorError] | None = None,
        code: int | str | None = None,
        vendor_message: str = "",
        meant: int | None = None,
        remedy: str = "",
        own: bool = False,
    ) -> VendorError:
        """Judge an answer that is no success.

        Args:
            response: The answer.
            kind: What the vendor's own code stands for. It is believed whatever the status is: who names
                the row's fault under a 500 has looked at the row.
            code: The vendor's own code, where the body tells one.
            vendor_message: What the vendor says, in its own words.
            meant: The status to judge by, where the body gives another than the answer has.
            remedy: What to do about it.
            own: Whether the body is one that the vendor itself writes: its program failed on this request
                then, where a page of a gateway says that there is no program.
        """
        judged_by = response.status if meant is None else meant
        if 300 <= judged_by < 400:
            code, vendor_message = None, ""
        if kind is None:
            kind, usual = self._by_status(judged_by, own=own)
            remedy = remedy or usual
        return kind(
            self.vendor,
            response.status,
            code=code,
            vendor_message=vendor_message,
            remedy=remedy,
            may_have_happened=_perhaps(kind, judged_by),
            retry_after=retry_after(response, throttled=kind is Throttled),
        )

    def _by_status(self, status: int, *, own: bool) -> tuple[type[VendorError], str]:
        """Return what a status means that no code makes plainer, and what to do about it."""
        kind: type[VendorError] = Unreadable
        remedy = ""
        if status in {401, 403}:
            kind, remedy = Unauthorized, self.remedies.get(status, "")
        elif status in self.unknown_route:
            kind, remedy = Misconfigured, self.remedies.get(status, _BASE_URL)
        elif status in _GAVE_UP or status == 425:
            kind = Unavailable
        elif status == 413:
            kind = TooLarge
        elif status == 429:
            kind = Throttled
        elif 300 <= status < 400:
            kind, remedy = Misconfigured, _REDIRECT
        elif 400 <= status < 500:
            kind = Refused
        elif status >= 500:
            kind = ServerFault if own and status == _FAULT else Unavailable
        return kind, remedy

    def unreadable(self, response: Response, what: str, *, vendor_message: str = "") -> Unreadable:
        """Judge a success that the vendor would not have written so; say what it is instead."""
        return Unreadable(
            self.vendor,
            response.status,
            vendor_message=vendor_message,
            remedy=f"{what}: look at the base URL, and at a proxy that may answer in the vendor's place",
            may_have_happened=True,
        )


def _perhaps(kind: type[VendorError], status: int) -> bool:
    """Return whether a request that was answered so may have been carried out all the same.

    A refusal, a throttle and a closed account are clear words. What a gateway says in the vendor's place is
    none, whatever its status: it may have passed the request on, and lost the answer.
    """
    if issubclass(kind, Unavailable):
        return issubclass(kind, ServerFault) or status >= 500 or status in _GAVE_UP
    return issubclass(kind, Unreadable)


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
