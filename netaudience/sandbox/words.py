"""The words that the sandbox's modules share: routes, rules, calls, changes, what a vendor is.

Frozen data and one protocol, no I/O. Nothing here knows a vendor, and nothing in this package
imports the library that it stands opposite to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import attrs
import orjson
from multidict import CIMultiDictProxy, MultiMapping

from netaudience.sandbox.answers import Answer, check_retry_after

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


@attrs.frozen
class Call:
    """What a vendor's handler may read of a request."""

    headers: CIMultiDictProxy[str]
    query: MultiMapping[str]
    body: bytes = attrs.field(repr=False)
    #: The URL as it was asked, without its query: links in answers are built on it.
    url: str


@attrs.frozen
class Change:
    """A request that is well formed and not yet applied; `apply` runs without an await."""

    #: One entry per item of the body, in its order: an id in two rows stands here twice.
    keys: Sequence[str]
    #: Applies the change and gives the answer; raises `Refused` before anything was changed.
    apply: Callable[[], Answer]
    #: The values by key, for operations whose rows carry some.
    values: Sequence[tuple[str, Mapping[str, Json]]] = ()


@attrs.frozen
class Operation:
    """One operation of a vendor's documents with the handler that serves it."""

    name: str
    method: str
    path: str
    #: Checks the body's shape and gives the change; raises `Refused`.
    prepare: Callable[[Call], Change]
    #: Rows carry values, so two requests in flight must never hold the same key.
    rows: bool = False


@attrs.frozen
class SandboxLimits:
    """What one account may do at one vendor; None means no limit."""

    #: Requests accepted in any `seconds`.
    requests: int | None = None
    seconds: float = 1.0
    #: Requests that are being answered at once.
    in_flight: int | None = None
    #: The Retry-After of a 429, verbatim; `date:SECONDS` gives an HTTP date that far ahead.
    retry_after: str | None = None
    #: Bytes of one body; a larger one gets a 413.
    body_bytes: int | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("requests", "seconds", "in_flight", "body_bytes"):
            value: float | None = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"A sandbox limit's {name} must be above zero, not {value}.")
        check_retry_after(self.retry_after)


@attrs.frozen
class Credentials:
    """What the sandbox lets in; several keys of one vendor see one state and have a limit each."""

    netmera_keys: frozenset[str] = attrs.field(default=frozenset({"sandbox"}), repr=False)
    #: Passcode by account id.
    clevertap_passcodes: Mapping[str, str] = attrs.field(factory=lambda: {"sandbox": "sandbox"}, repr=False)


class Vendor(Protocol):
    """One vendor's documents as a server."""

    @property
    def name(self) -> str:
        """The vendor's name, which is also the first segment of its paths."""
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

    def account(self, headers: CIMultiDictProxy[str]) -> str:
        """Name the account that a request speaks for; raises `Refused`."""
        ...

    def throttled(self) -> Answer:
        """Answer a request above the limit."""
        ...

    def poisoned(self) -> Answer:
        """Refuse a request whole because of one of its keys."""
        ...

    def failure(self, status: int, code: int | None) -> Answer:
        """Answer with an HTTP status that a fault asked for, in the vendor's own shape."""
        ...

    def failure_in_200(self) -> Answer | None:
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

    def look(self, collection: str, key: str) -> object:
        """One stored thing as JSON can say it, or None."""
        ...
