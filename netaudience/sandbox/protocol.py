"""What the sandbox's modules share: routes, rules, calls, changes, what a vendor is.

Frozen data and one protocol, no I/O. Nothing here knows a vendor, and nothing in this package
imports the library that it stands opposite to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import attrs
import orjson
from multidict import CIMultiDictProxy, MultiMapping

from netaudience.sandbox.responses import Answer, check_retry_after

#: A decoded JSON value.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

#: How we know a rule: the vendor wrote it, somebody saw it, or we had to choose.
Provenance: TypeAlias = Literal["documented", "reported", "assumed"]


def decode(body: bytes | str) -> Json:
    """Decode JSON; raises `ValueError` for anything else."""
    value: Json = orjson.loads(body)
    return value


class SandboxUsageError(ValueError):
    """The sandbox itself was asked for something it cannot do; the text is a sentence."""


@attrs.frozen
class Route:
    """One operation as the sandbox's caller knows it: method and path decide, `operation` names."""

    vendor: str
    operation: str
    method: str
    path: str


@attrs.frozen
class Rule:
    """One thing that the sandbox checks, limits or answers, and where we have it from."""

    text: str
    provenance: Provenance
    #: The public page the rule was read on, or the page that is silent about it.
    url: str
    #: The month in which that page was read, as ``2026-11``.
    read: str = ""


def dated(read: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Give rules that have no date of their own the month in which their pages were read."""
    return tuple(rule if rule.read else attrs.evolve(rule, read=read) for rule in rules)


@attrs.frozen
class Window:
    """One thing that an allowance counts: no span of `seconds` ever holds more than `count` of it."""

    count: int
    seconds: float = 1.0
    #: Requests are judged when they arrive; records, the entries of a body, when it was read.
    counts: Literal["requests", "records"] = "requests"

    def __attrs_post_init__(self) -> None:
        for name in ("count", "seconds"):
            value: float = getattr(self, name)
            if value <= 0:
                raise ValueError(f"A window's {name} must be above zero, not {value}.")


@attrs.frozen
class SandboxLimits:
    """What one account may do with one allowance; None means no limit."""

    #: All of them hold at once.
    windows: tuple[Window, ...] = ()
    #: Requests that are being answered at once.
    in_flight: int | None = None
    #: The Retry-After of a 429, verbatim; `date:SECONDS` gives an HTTP date that far ahead.
    retry_after: str | None = None
    #: Bytes of one body; a larger one gets a 413.
    body_bytes: int | None = None
    #: Whether every answer says in ``x-ratelimit-…`` how full the window is.
    shown: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("in_flight", "body_bytes"):
            value: float | None = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"A sandbox limit's {name} must be above zero, not {value}.")
        check_retry_after(self.retry_after)

    @classmethod
    def rate(
        cls,
        requests: int,
        seconds: float = 1.0,
        *,
        in_flight: int | None = None,
        retry_after: str | None = None,
        body_bytes: int | None = None,
    ) -> SandboxLimits:
        """The common case: a number of requests in any window of some seconds."""
        return cls((Window(requests, seconds),), in_flight, retry_after, body_bytes)


@attrs.frozen
class Call:
    """What a vendor may read of a request; while the account is asked for, body and account are empty."""

    headers: CIMultiDictProxy[str] = attrs.field(repr=False)
    query: MultiMapping[str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    #: The URL as it was asked, without its query: links in answers are built on it.
    url: str = attrs.field(repr=False)
    #: The parameters of the path's template, percent-decoded.
    path: Mapping[str, str] = attrs.field(repr=False)
    #: What `Vendor.account` gave; empty for a public operation.
    account: str = attrs.field(repr=False)
    #: The sandbox's clock, in seconds since the sandbox was made.
    now: float
    #: The same moment in seconds since 1970.
    wall: float


@attrs.frozen
class Partial:
    """An answer that takes some of a body's items and blames the others."""

    answer: Answer
    #: Those that were applied.
    keys: Sequence[str]
    values: Sequence[tuple[str, Mapping[str, Json]]] = ()


@attrs.frozen
class Change:
    """A request that is well formed and not yet applied; its functions run without an await."""

    #: One entry per item of the body, in its order: an id in two rows stands here twice.
    keys: Sequence[str]
    #: Applies the change and gives the answer; raises `Refused` before anything was changed.
    apply: Callable[[], Answer | Partial]
    #: The values by key, for operations whose rows carry some.
    values: Sequence[tuple[str, Mapping[str, Json]]] = ()
    #: Instead of `apply`: blames these keys as the vendor does and takes the rest. None where the
    #: vendor has no way to do so; the whole request is then refused.
    blame: Callable[[frozenset[str]], Partial] | None = None
    #: What becomes visible later, of what `apply` or `blame` took: run when the vendor's delay has
    #: passed on the sandbox's clock. None: they did it all.
    effect: Callable[[], None] | None = None
    #: The weight in windows that count records; None: one per key.
    records: int | None = None
    #: Seconds after the vendor's delay until the effect shows: what a vendor does in the background.
    later: float = 0.0


@attrs.frozen
class Operation:
    """One operation of a vendor's documents with the handler that serves it."""

    name: str
    method: str
    #: A template: `/api/users/{email}`.
    path: str
    #: Checks the body's shape and gives the change; raises `Refused`.
    prepare: Callable[[Call], Change]
    #: Rows carry values, so two requests in flight must never hold the same key.
    rows: bool = False
    #: Answered without an account.
    public: bool = False
    #: Operations of one allowance share a meter per account. Empty: the vendor's one for all, or one
    #: for this operation where it has limits of its own or the vendor has `limits_per_operation`.
    allowance: str = ""
    #: The limits of this operation's allowance; None: the vendor's.
    limits: SandboxLimits | None = None


@attrs.frozen
class Credentials:
    """What the sandbox lets in; several keys of one vendor see one state.

    Each key has a limit of its own, but at Iterable, whose limits are the project's.
    """

    netmera_keys: frozenset[str] = attrs.field(default=frozenset({"sandbox"}), repr=False)
    #: Passcode by account id.
    clevertap_passcodes: Mapping[str, str] = attrs.field(factory=lambda: {"sandbox": "sandbox"}, repr=False)
    iterable_keys: frozenset[str] = attrs.field(default=frozenset({"sandbox"}), repr=False)
    #: Data API key by workspace id.
    moengage_keys: Mapping[str, str] = attrs.field(factory=lambda: {"sandbox": "sandbox"}, repr=False)
    #: Secret by client id.
    fynd_clients: Mapping[str, str] = attrs.field(factory=lambda: {"sandbox": "sandbox"}, repr=False)


@attrs.frozen
class Setup:
    """What a vendor may be told when it is made, by the function ``make`` of its room."""

    credentials: Credentials = attrs.field(factory=Credentials)
    #: Netmera's; every category is known where there are none.
    known_categories: Iterable[str] | None = None
    #: The sandbox's clock, in seconds since it was made.
    now: Callable[[], float] | None = None
    #: Where a vendor puts what it calls back: the URL, and the JSON.
    callbacks: list[tuple[str, dict[str, Json]]] = attrs.field(factory=list[tuple[str, dict[str, Json]]])


class Vendor(Protocol):
    """One vendor's documents as a server."""

    @property
    def name(self) -> str:
        """The vendor's name, which is also the first segment of its paths."""
        ...

    @property
    def variables(self) -> tuple[str, ...]:
        """What its client reads besides the base URL, as in ``NETAUDIENCE_NETMERA_API_KEY``."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Everything that is checked, limited or answered."""
        ...

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that are served."""
        ...

    @property
    def limits(self) -> SandboxLimits:
        """The limits that hold unless the caller says otherwise."""
        ...

    @property
    def limits_per_operation(self) -> bool:
        """Whether an account has one allowance per operation instead of one for all."""
        ...

    def account(self, call: Call, /) -> str:
        """Name the account that a request speaks for; raises `Refused`."""
        ...

    def throttled(self, operation: Operation, /) -> Answer:
        """Answer a request above the limit."""
        ...

    def poisoned(self, operation: Operation, /) -> Answer:
        """Refuse a request whole because of one of its keys."""
        ...

    def failure(self, operation: Operation, status: int, code: int | None, /) -> Answer:
        """Answer with an HTTP status that a fault asked for, in the vendor's own shape."""
        ...

    def failure_in_200(self, operation: Operation, /) -> Answer | None:
        """Refuse with HTTP 200, where the vendor is known to do so."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...

    def seed(self, document: Json) -> None:
        """Add state from JSON; raises `ValueError` with a sentence."""
        ...

    def demo(self) -> None:
        """Add a little state that is worth exploring."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How much state there is, by collection."""
        ...

    def keys(self, collection: str) -> Iterable[str]:
        """The keys that `look` takes in a collection; none where it is only counted."""
        ...

    def look(self, collection: str, key: str) -> object:
        """One stored thing as JSON can say it, or None."""
        ...
