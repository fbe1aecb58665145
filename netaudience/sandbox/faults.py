"""Faults on purpose: one seeded mechanism for all that goes wrong between client and vendor.

A draw depends on the seed, the request's ordinal and the fault's place in the list, so a run can
be repeated as far as requests arrive in the same order. This module decides what goes wrong and
refuses to do it: bytes and sockets belong to the exchange.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from typing import Literal, TypeAlias, get_args

import attrs

from netaudience.sandbox.protocol import Json
from netaudience.sandbox.responses import check_retry_after

Kind: TypeAlias = Literal[
    "latency",  # wait `seconds` and up to `jitter` more, then go on
    "status",  # answer `status`, apply nothing
    "reset-before",  # close the connection, apply nothing
    "reset-after",  # apply, then close the connection instead of answering
    "poison",  # refuse whole every request that carries one of `ids`
    "blame",  # blame these `ids` in the vendor's own way and take the rest; a "poison" where it has none
    "lost",  # answer as if it were taken, and lose it in the vendor's queue, where the vendor works later
    "fail-200",  # refuse with HTTP 200, where the vendor is known to do so
    "html",  # 200 text/html as from a captive proxy, apply nothing
    "slow-body",  # apply, then dribble the body over `seconds`
    "truncated",  # apply, then answer JSON that is cut short
    "huge",  # apply, then answer `size` bytes
]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: The field that `kind=value` sets on a command line.
_MAIN_FIELD: Mapping[str, str] = {
    "status": "status",
    "latency": "seconds",
    "slow-body": "seconds",
    "huge": "size",
    "poison": "ids",
    "blame": "ids",
    "lost": "ids",
    "fail-200": "ids",
}


def _frozen(ids: Iterable[str]) -> frozenset[str]:
    return frozenset(ids)


@attrs.frozen(kw_only=True)
class Fault:
    """One thing that goes wrong, how often, and for which requests."""

    kind: Kind = attrs.field(kw_only=False)
    #: Probability per request in scope.
    share: float = 1.0
    status: int = 503
    #: The vendor's own error code; gives the error the vendor's own shape.
    code: int | None = None
    #: Sent verbatim; `date:SECONDS` gives an HTTP date that many seconds ahead.
    retry_after: str | None = None
    seconds: float = 0.0
    jitter: float = 0.0
    #: Only requests that carry one of these keys.
    ids: frozenset[str] = attrs.field(default=frozenset[str](), converter=_frozen)
    #: Bytes of a huge answer.
    size: int = 10_000_000
    vendor: str | None = None
    operation: str | None = None
    #: Only this many requests of its scope, after the first `after` of them.
    first: int | None = None
    after: int = 0

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}; the kinds are {', '.join(KINDS)}.")
        if not 0 <= self.share <= 1:
            raise ValueError(f"A fault's share is a probability from 0 to 1, not {self.share}.")
        if not 200 <= self.status <= 599:
            raise ValueError(f"A fault's status is from 200 to 599, not {self.status}.")
        for name in ("seconds", "jitter", "after", "first", "size"):
            value: float | None = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"A fault's {name} cannot be below zero: {value}.")
            if value is not None and not isfinite(value):
                raise ValueError(f"A fault's {name} is a finite number, not {value}.")
        if self.kind in {"poison", "blame"} and not self.ids:
            raise ValueError(f"A {self.kind} fault needs the ids it refuses, for example {self.kind}=id7.")
        if self.kind == "latency" and self.seconds == self.jitter == 0:
            raise ValueError("A latency fault needs seconds or jitter, for example latency=0.05.")
        if self.kind == "slow-body" and self.seconds == 0:
            raise ValueError("A slow-body fault needs seconds, for example slow-body=2.")
        check_retry_after(self.retry_after)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `status=429,share=0.01,retry_after=1`; `ids=` may stand more than once.

        Raises `ValueError` with a sentence.
        """
        fields: dict[str, Json] = {}
        ids: list[Json] = []
        for number, part in enumerate(text.split(",")):
            name, has_value, value = (piece.strip() for piece in part.partition("="))
            if number == 0:
                fields["kind"] = name
                name = _MAIN_FIELD.get(name, "") if has_value else "kind"
                if not name:
                    raise ValueError(f"The fault {fields['kind']!r} takes no value of its own: {text!r}.")
            elif not has_value:
                raise ValueError(f"Write name=value after the fault's kind, not {part!r} in {text!r}.")
            if name == "ids":
                ids.append(value)
            elif name != "kind":
                if name in fields:
                    raise ValueError(f"The fault names {name!r} twice: {text!r}.")
                fields[name] = value
        if ids:
            fields["ids"] = ids
        return cls.from_fields(fields)

    @classmethod
    def from_json(cls, value: Json) -> Fault:
        """Read a fault from a JSON object of its fields, or from a text as `parse` does."""
        match value:
            case str():
                return cls.parse(value)
            case dict():
                return cls.from_fields(value)
            case _:
                raise ValueError("A fault is a JSON object of its fields, or a text like 'status=503'.")

    @classmethod
    def from_fields(cls, fields: Mapping[str, Json]) -> Fault:
        """Read a fault from named values; numbers may be written as text."""
        known = {field.name for field in attrs.fields(cls)}
        for name in fields:
            if name not in known:
                raise ValueError(f"A fault has no field {name!r}; it has {', '.join(sorted(known))}.")
        kinds: Mapping[str, Kind] = {kind: kind for kind in KINDS}
        kind = _text(fields, "kind") or ""
        if kind not in kinds:
            raise ValueError(f"There is no fault {kind!r}; the kinds are {', '.join(KINDS)}.")
        return cls(
            kinds[kind],
            share=_number(fields, "share", 1.0),
            status=_whole(fields, "status", 503),
            code=_maybe_whole(fields, "code"),
            retry_after=_text(fields, "retry_after"),
            seconds=_number(fields, "seconds", 0.0),
            jitter=_number(fields, "jitter", 0.0),
            ids=frozenset(_texts(fields, "ids")),
            size=_whole(fields, "size", 10_000_000),
            vendor=_text(fields, "vendor"),
            operation=_text(fields, "operation"),
            first=_maybe_whole(fields, "first"),
            after=_whole(fields, "after", 0),
        )

    def concerns(self, vendor: str, names: Collection[str], keys: Iterable[str]) -> bool:
        """Whether a request is in this fault's scope; `names` are what its operation is called."""
        return (
            (self.vendor is None or self.vendor == vendor)
            and (self.operation is None or self.operation in names)
            and (not self.ids or not self.ids.isdisjoint(keys))
        )


@attrs.frozen
class Drawn:
    """What happens to one request."""

    #: Seconds to wait before anything is applied.
    latency: float = 0.0
    #: The first drawn fault that is not a latency.
    fault: Fault | None = None


class FaultPlan:
    """The faults of one sandbox, with the number of requests each has seen."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.faults: Sequence[Fault] = tuple(faults)
        self._seed = seed
        self._seen = [0] * len(self.faults)

    def draw(self, ordinal: int, vendor: str, names: Collection[str], keys: Iterable[str]) -> Drawn:
        """Decide what happens to a request."""
        latency = 0.0
        decisive: Fault | None = None
        for index, fault in enumerate(self.faults):
            if not fault.concerns(vendor, names, keys):
                continue
            number = self._seen[index]
            self._seen[index] += 1
            if number < fault.after or (fault.first is not None and number >= fault.after + fault.first):
                continue
            if fault.share < 1 and self._uniform(ordinal, index, "share") >= fault.share:
                continue
            if fault.kind == "latency":
                latency += fault.seconds + fault.jitter * self._uniform(ordinal, index, "jitter")
            elif decisive is None:
                decisive = fault
        return Drawn(latency, decisive)

    def _uniform(self, ordinal: int, index: int, purpose: str) -> float:
        """A number in [0, 1) that depends on nothing but its arguments and the seed."""
        text = f"{self._seed}/{ordinal}/{index}/{purpose}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") / 2**64


def _text(fields: Mapping[str, Json], name: str) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    if name == "retry_after" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"A fault's {name} is a text, not {value!r}.")


def _texts(fields: Mapping[str, Json], name: str) -> list[str]:
    value = fields.get(name)
    texts: list[str] = []
    for item in value if isinstance(value, list) else [value] if value is not None else []:
        if not isinstance(item, str) or not item:
            raise ValueError(f"A fault's {name} are non-empty texts.")
        texts.append(item)
    return texts


def _number(fields: Mapping[str, Json], name: str, default: float) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            return float(value)
        except ValueError:
            pass
    raise ValueError(f"A fault's {name} is a number, not {value!r}.")


def _whole(fields: Mapping[str, Json], name: str, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool) and isinstance(value, int | str):
        try:
            return int(value)
        except ValueError:
            pass
    raise ValueError(f"A fault's {name} is a whole number, not {value!r}.")


def _maybe_whole(fields: Mapping[str, Json], name: str) -> int | None:
    return None if fields.get(name) is None else _whole(fields, name, 0)
