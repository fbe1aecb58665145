"""Everything that can go wrong, named by what the caller does next.

::

    NetaudienceError
    ├── ConfigurationError      mend the program, the file or the environment; nothing was sent
    │   └── EmptySource         look at where the items come from
    ├── InvalidItem             mend this item; it was not sent
    │   └── ItemTooLarge        make this item smaller
    ├── SourceFailed            mend the source; what it gave before is settled
    ├── JournalFailed           make room for the run's memory, then go on from it
    ├── NotSent                 nothing was sent: send it later (a run raises it if none of it was sent)
    │   ├── LimitReached        when the account's allowance has room again
    │   ├── DeadlineExceeded    with more time, or not at all
    │   └── CircuitOpen         when the vendor is back
    ├── BatcherFull             take fewer items in, or wait for room
    ├── BatcherClosed           make a new batcher; the item was not taken
    ├── TransportError
    │   ├── ConnectionFailed    nothing was sent: safe to send again
    │   └── AnswerLost          sent, and no answer came: the outcome is unknown
    ├── VendorError             the vendor answered, and the answer is not a success
    │   ├── Throttled           wait
    │   ├── Unavailable         try again later
    │   │   └── ServerFault     look at the item, or tell the vendor
    │   ├── AccountError        the run stops: nothing further can succeed
    │   │   ├── Unauthorized    mend the credentials (or the region)
    │   │   ├── QuotaExhausted  buy more, or wait for the next period
    │   │   └── Misconfigured   mend the account, the app or the base URL
    │   ├── Refused             mend the item
    │   │   ├── TooLarge        send fewer or smaller items
    │   │   └── NotFound        the vendor does not know what the item names
    │   └── Unreadable          the answer is not what the vendor documents
    └── RunFailed               read the report that it carries; it stands in `outcomes`, beside it

A message is a sentence with the vendor, the status and the vendor's own words. It never holds a
credential, an e-mail address or an identifier: `scrub` and `mask` see to that.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from typing import ClassVar, Self

__all__ = [
    "AccountError",
    "AnswerLost",
    "BatcherClosed",
    "BatcherFull",
    "CircuitOpen",
    "ConfigurationError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "EmptySource",
    "InvalidItem",
    "ItemTooLarge",
    "JournalFailed",
    "LimitReached",
    "Misconfigured",
    "NetaudienceError",
    "NotFound",
    "NotSent",
    "QuotaExhausted",
    "Refused",
    "ServerFault",
    "SourceFailed",
    "Throttled",
    "TooLarge",
    "TransportError",
    "Unauthorized",
    "Unavailable",
    "Unreadable",
    "VendorError",
    "column_name",
    "leave_out",
    "mask",
    "scrub",
]

# Patterns are compiled when the first error needs them, and `re` keeps them: not at a program's start.
_SAFE_WORD = r"""^["'(\[]*(?:[A-Za-z][A-Za-z_-]{0,30}|[0-9]{1,3})["')\],.:;!?]*$"""
#: What is no name of a column, but an address or a number.
_DATA = r"@|\d{5}"
_LONGEST_WORDS = 200
_LARGEST_CODE = 1_000_000


def scrub(words: str) -> str:
    """Return a vendor's words with everything that could name a person or a secret left out.

    An allow-list: a token stays only if it is a plain word or a number of up to three digits. A name
    that is a plain word cannot be told from one; `VendorError.without` takes out those that were sent.
    """
    tokens = [token if re.match(_SAFE_WORD, token) else "…" for token in words.split()]
    text = re.sub(r"…(?: …)+", "…", " ".join(tokens))
    return text if len(text) <= _LONGEST_WORDS else text[: _LONGEST_WORDS - 1] + "…"


def _scrub_code(code: int | str | None) -> str | None:
    # Never cut before it is scrubbed: the beginning of a key may look like a word.
    return None if code is None else scrub(str(code))


def mask(key: object) -> str:
    """Return the last two characters of an identifier, enough to find it beside its position."""
    text = str(key)
    return f"…{text[-2:]}" if len(text) > 4 and text.isprintable() else "…"


def leave_out(words: str, keys: Collection[str]) -> str:
    """Return a vendor's words without those that are one of these keys, in whatever case."""
    folded = {key.casefold() for key in keys}
    told = words.split()
    kept = ["…" if word.strip("\"'()[].,:;!?").casefold() in folded else word for word in told]
    return words if kept == told else " ".join(kept)


def column_name(name: str) -> str:
    """Return a column's name as it may be shown: a file without a header has a row in its place."""
    return mask(name) if re.search(_DATA, name) else name


class NetaudienceError(Exception):
    """The base of every error that this package raises on purpose."""


class ConfigurationError(NetaudienceError):
    """The program, the file or the environment is wrong; nothing was sent."""


class EmptySource(ConfigurationError):
    """The source gave no item at all, which is more often a broken export than a quiet day."""


class InvalidItem(NetaudienceError):
    """An item breaks a documented rule; it was rejected without being sent."""

    #: The page that documents the rule, or the operation that the item was meant for.
    docs: str = ""

    def see(self, docs: str) -> Self:
        """Return the error with the page that documents it, where it has none yet."""
        self.docs = self.docs or docs
        return self

    def __str__(self) -> str:
        sentence = super().__str__()
        return f"{sentence}. See {self.docs}" if self.docs else sentence


class ItemTooLarge(InvalidItem):
    """A single item is larger than a request may be; it was rejected without being sent."""


class SourceFailed(NetaudienceError):
    """The source raised while it was read; the original error is the ``__cause__``."""


class JournalFailed(NetaudienceError):
    """The run's memory on disk cannot be written: the run stops, and what it has recorded is safe."""


class NotSent(NetaudienceError):
    """Nothing of the request was sent, through no fault of its own: sending it later repeats nothing."""

    def __init__(self, sentence: str, seconds: float | None = None) -> None:
        #: Seconds after which it makes sense to ask again, where that is known: a web app's ``Retry-After``.
        self.seconds = seconds
        super().__init__(sentence, seconds)

    def __str__(self) -> str:
        return str(self.args[0])


class LimitReached(NotSent):
    """The account's allowance has no room for longer than anybody should wait."""


class DeadlineExceeded(NotSent):
    """The request could not leave before its deadline."""


class CircuitOpen(NotSent):
    """The vendor is down: it is asked again with one request at a time, and this is not the one."""


class BatcherFull(NetaudienceError):
    """So many items are on their way that no more are taken; this one was not."""


class BatcherClosed(NetaudienceError):
    """The batcher takes nothing more; this item was not taken."""


class TransportError(NetaudienceError):
    """No complete answer came back."""


class ConnectionFailed(TransportError):
    """No connection could be made: nothing was sent, so sending again repeats nothing."""


class AnswerLost(TransportError):
    """The request went out and no answer came: the vendor may or may not have applied it."""


class VendorError(NetaudienceError):
    """The vendor answered, and the answer is not a success."""

    #: What the vendor did, in the sentence that the error makes.
    verb: ClassVar[str] = "answered"

    def __init__(  # noqa: PLR0913 - what an answer tells
        self,
        vendor: str,
        status: int,
        *,
        code: int | str | None = None,
        words: str = "",
        remedy: str = "",
        may_have_happened: bool = False,
        retry_after: float | None = None,
    ) -> None:
        #: The vendor's name as people write it.
        self.vendor = vendor
        #: The HTTP status of the answer.
        self.status = status
        #: The vendor's own error code, where the answer carries one; scrubbed where it is no number.
        self.code = code if isinstance(code, int) and abs(code) < _LARGEST_CODE else _scrub_code(code)
        #: The vendor's own words, scrubbed.
        self.words = scrub(words)
        #: What to do about it, where that is known.
        self.remedy = remedy
        #: True where the vendor may have applied the request although it answered so.
        self.may_have_happened = may_have_happened
        #: Seconds that the vendor asks to wait, where it says so.
        self.retry_after = retry_after
        super().__init__(vendor, status, self.code)

    @property
    def reason(self) -> str:
        """The answer without its subject: status, code, words and remedy."""
        parts = [f"HTTP {self.status}"]
        if self.code is not None:
            parts.append(f"code {self.code}")
        if self.words:
            parts.append(f'"{self.words}"')
        text = ", ".join(parts)
        return f"{text}. {self.remedy}" if self.remedy else text

    def without(self, keys: Collection[str]) -> Self:
        """Return the error with every word left out of it that is one of these keys, in whatever case."""
        words = leave_out(self.words, keys) if self.words else ""
        code = leave_out(self.code, keys) if isinstance(self.code, str) else self.code
        if (words, code) == (self.words, self.code):
            return self
        told = copy.copy(self)
        told.words, told.code = words, code
        told.args = (self.vendor, self.status, code)
        return told

    def __str__(self) -> str:
        return f"{self.vendor} {self.verb}: {self.reason}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_restore, (type(self), self.__dict__.copy()))


def _restore(cls: type[VendorError], state: dict[str, object]) -> VendorError:
    """Rebuild a pickled error (a worker process hands its report to its parent)."""
    error = cls.__new__(cls, state["vendor"], state["status"], state["code"])
    error.__dict__.update(state)
    return error


class Throttled(VendorError):
    """The vendor asks us to slow down; the request was not applied."""

    verb = "throttled the request"


class Unavailable(VendorError):
    """The vendor, or something in front of it, is out of order for now."""

    verb = "is unavailable"


class ServerFault(Unavailable):
    """The vendor's program failed on this very request, and says so in words of its own."""

    verb = "failed on the request"


class AccountError(VendorError):
    """Nothing further of this run can succeed until the account is mended: the run stops."""

    verb = "does not serve this account"


class Unauthorized(AccountError):
    """The credentials are wrong, revoked, of another region, or not allowed from here."""

    verb = "did not accept the credentials"


class QuotaExhausted(AccountError):
    """The contract's allowance is used up; asking again would not help."""

    verb = "says that the quota is used up"


class Misconfigured(AccountError):
    """The account, the app, the route or the base URL is not set up for this request."""

    verb = "cannot serve this request as things are set up"


class Refused(VendorError):
    """The vendor refused the request for what it says."""

    verb = "refused the request"


class TooLarge(Refused):
    """The vendor refused the request for its size."""

    verb = "refused the request as too large"


class NotFound(Refused):
    """The vendor does not know what the item names."""

    verb = "did not find what the request names"


class Unreadable(VendorError):
    """The answer is not what the vendor documents (a proxy's page, cut JSON, far too many bytes)."""

    verb = "gave an answer that cannot be read"
