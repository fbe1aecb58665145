"""Everything that can go wrong, named by what the caller does next.

::

    NetaudienceError
    ├── ConfigurationError      mend the program, the file or the environment; nothing was sent
    │   └── EmptySource         look at where the items come from
    ├── GuardRefused            look at what the guard of a job saw; change the guard if that is meant
    ├── InvalidItem             mend this item; it was not sent
    │   └── ItemTooLarge        make this item smaller
    ├── SourceFailed            mend the source; what it gave before is settled
    ├── JournalFailed           make room for the run's memory, then go on from it
    ├── NotSent                 nothing was sent: send it later (a run raises it if none of it was sent)
    │   ├── LimitReached        when the account's allowance has room again
    │   ├── DeadlineExceeded    with more time, or not at all
    │   └── CircuitOpen         when the vendor is back
    ├── QuotasLost              mend the store of shared quotas; the engine asks it again until it is back
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
    "GuardRefused",
    "InvalidItem",
    "ItemTooLarge",
    "JournalFailed",
    "LimitReached",
    "Misconfigured",
    "NetaudienceError",
    "NotFound",
    "NotSent",
    "QuotaExhausted",
    "QuotasLost",
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
    "bare",
    "column_name",
    "leave_out",
    "mask",
    "scrub",
    "visible",
]

# Patterns are compiled when the first error needs them, and `re` keeps them: not at a program's start.
_OPENING, _CLOSING = r"""["'(\[<\u2018\u201c]*""", r"""["')\]>.,:;!?\u2019\u201d]*"""
_PLAIN_WORD = r"[A-Za-z][A-Za-z_-]{0,30}"
#: A part of joined words: all its letters are of one case, or it is written like JsonBody. A key is not.
_PART = r"(?:[a-z]+|[A-Z]+s?|[A-Z]?[a-z]+(?:[A-Z]{1,4}[a-z]+)+|[A-Z][a-z]+)"
_JOINED = (
    rf"/?(?![\w/,-]*[A-Za-z]{{25}})(?=[\w/,-]{{3,60}}\b)"
    rf"{_PART}(?:[_-]{_PART})*(?:[/,]{_PART}(?:[_-]{_PART})*)+"
)
_SAFE_WORD = "|".join(
    (
        rf"{_PLAIN_WORD}(?:\(s\))?",
        # doesn't, it's, they're: O'Brien is none.
        r"[A-Za-z]{1,30}(?:n['\u2019]t|['\u2019](?:s|re|ve|ll))",
        # path/query, INT,STRING; CleverTap writes its last sentence right behind the one before.
        rf"(?:{_JOINED}|{_PLAIN_WORD})(?:\.{{1,2}}Skipped)?",
        r"error(?:\.[a-z]{1,20}){1,2}\.[A-Za-z]{1,40}",
        # A count, and a limit, which is a round number; with a unit or without.
        r"(?:[0-9]{1,3}(?:\.[0-9])?|[0-9]{1,3}(?:,000){1,3})(?:%|[kKMG]i?B|bytes|ms|s|min|h)?",
        r"(?i:utf-?8|sha-?(?:1|256|512)|md5|base64|oauth2|http/[12](?:\.[01])?|e\.164|ipv[46]|e\.g|i\.e)",
    )
)
_SAFE_TOKEN = rf"{_OPENING}(?:{_SAFE_WORD}){_CLOSING}|[:;,.!?&|/=<>+*\u2013\u2014-]{{1,2}}"
#: Words that turn a sentence round: they are nobody's, whatever a request carried.
_NEGATION = r"(?i:no|not|nor|non|none|never|neither|cannot|without|\w+n['\u2019]t)"
#: What is no name of a column, but an address or a number.
_DATA = r"@|\d{5}"
#: What moves a terminal's cursor, colours it or turns its text around: control characters but the line break
#: and the tab, and marks of direction that reach beyond themselves.
_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_LONGEST_WORDS = 200
_LARGEST_CODE = 1_000_000


def visible(text: str) -> str:
    """Return a text as a terminal may show it: what would command it is written as JSON escapes it."""
    if text.isprintable():
        return text
    return re.sub(_CONTROL, lambda found: f"\\u{ord(found.group()):04x}", text)


def scrub(words: str) -> str:
    """Return a vendor's words with everything that could name a person or a secret left out.

    An allow-list: a token stays only if it is a plain word, several that are joined, a short number, or a
    round one. A name that is a plain word cannot be told from one; `VendorError.without` takes out those
    that were sent.
    """
    tokens = [token if re.fullmatch(_SAFE_TOKEN, token) else "…" for token in words.split()]
    text = re.sub(r"…(?: …)+", "…", " ".join(tokens))
    return text if len(text) <= _LONGEST_WORDS else text[: _LONGEST_WORDS - 1] + "…"


def _scrub_code(code: int | str | None) -> str | None:
    # Never cut before it is scrubbed: the beginning of a key may look like a word.
    return None if code is None else scrub(str(code))


def mask(key: object) -> str:
    """Return the last two characters of an identifier, enough to find it beside its position."""
    text = str(key)
    return f"…{text[-2:]}" if len(text) > 4 and text.isprintable() else "…"


def bare(word: str) -> str:
    """Return a word without the marks around it."""
    return word.strip("\"'()[]<>.,:;!?\u2018\u2019\u201c\u201d")


def leave_out(words: str, keys: Collection[str]) -> str:
    """Return a vendor's words without those that are one of these keys, in whatever case.

    Of several that are joined one goes and the others stay; a negation stays always.
    """
    folded = {key.casefold() for key in keys}
    parts = words.split()
    kept = [_left_of(word, folded) for word in parts]
    return words if kept == parts else " ".join(kept)


def _left_of(word: str, folded: Collection[str]) -> str:
    plain = bare(word).casefold()
    if re.fullmatch(_NEGATION, plain):
        return word
    if plain in folded:
        return "…"
    return re.sub(r"[\w-]+", lambda part: "…" if part[0].casefold() in folded else part[0], word)


def column_name(name: str) -> str:
    """Return a column's name as it may be shown: a file without a header has a row in its place."""
    return mask(name) if re.search(_DATA, name) else name


class NetaudienceError(Exception):
    """The base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        """Return the sentence; a name in it, of a file or a column, commands no terminal."""
        return visible(super().__str__())


class ConfigurationError(NetaudienceError):
    """The program, the file or the environment is wrong; nothing was sent.

    Attributes:
        key: The key of the job's source that it is about, where it is about one.
    """

    def __init__(self, sentence: str, *, key: str | None = None) -> None:
        self.key = key
        super().__init__(sentence)


class EmptySource(ConfigurationError):
    """The source gave no item at all, which is more often a broken export than a quiet day."""


class GuardRefused(NetaudienceError):
    """A guard stopped the run: look at what it saw, and change the guard only if that is meant."""


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
        return visible(str(self.args[0]))


class LimitReached(NotSent):
    """The account's allowance has no room for longer than anybody should wait."""


class DeadlineExceeded(NotSent):
    """The request could not leave before its deadline."""


class CircuitOpen(NotSent):
    """The vendor is down: it is asked again with one request at a time, and this is not the one."""


class QuotasLost(NetaudienceError):
    """The store of shared quotas cannot be reached, and took note of nothing."""


class BatcherFull(NetaudienceError):
    """Too many items are on their way: this one was not taken."""


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
        vendor_message: str = "",
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
        #: What the vendor says, in its own words, scrubbed.
        self.vendor_message = scrub(vendor_message)
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
        if self.vendor_message:
            parts.append(f'"{self.vendor_message}"')
        text = ", ".join(parts)
        return f"{text}. {self.remedy}" if self.remedy else text

    def without(self, keys: Collection[str]) -> Self:
        """Return the error with every word left out of it that is one of these keys, in whatever case."""
        words = leave_out(self.vendor_message, keys) if self.vendor_message else ""
        code = leave_out(self.code, keys) if isinstance(self.code, str) else self.code
        if (words, code) == (self.vendor_message, self.code):
            return self
        copied = copy.copy(self)
        copied.vendor_message, copied.code = words, code
        copied.args = (self.vendor, self.status, code)
        return copied

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
