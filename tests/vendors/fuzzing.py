"""Answers and items that nobody would think of, the same ones for the same seed."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import random
from collections import UserDict
from typing import Any

from multidict import CIMultiDict

from netaudience.model.wire import Response

__all__ = ["DATES", "Answers", "hostile", "mutated"]

STATUSES = (
    200,
    200,
    200,
    201,
    204,
    207,
    301,
    400,
    401,
    403,
    404,
    408,
    409,
    413,
    422,
    425,
    429,
    500,
    502,
    503,
    599,
)
WORDS = (
    *("success", "Success", "fail", "error", "errors", "code", "msg", "message", "status", "params", "data"),
    *("failCount", "successCount", "failedUpdates", "invalidEmails", "unprocessed", "processed", "record"),
    *(
        "cursor",
        "next_cursor",
        "records",
        "jobStatus",
        "items",
        "access_token",
        "expires_in",
        "",
        "null",
        "0",
    ),
    *("id", "next"),
)
DATES = (
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2024 00:00:00 +9999999999999999",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    "Thu, 32 Foo 2026 25:61:61",
    "9" * 400,
    "-1",
    "1e309",
    "nan",
    "٣",
    "0x10",
    "\ud800",
    "2026-11-28T00:00:00Z",
    "Sat, 28 Nov 2026 00:00:00 GMT",
    "2",
    "",
)


class Odd:
    """Raises whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("asked for an attribute")

    def __len__(self) -> int:
        raise KeyError("asked for its length")

    def __str__(self) -> str:
        raise ZeroDivisionError("asked for its text")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise IndexError("asked whether it is the same")

    __hash__ = None  # type: ignore[assignment] # it has none


class OddText(str):
    """A text that is none when it is looked at."""

    __slots__ = ()

    def strip(self, *_: Any) -> str:
        raise LookupError("asked for a text without blanks")

    def isprintable(self) -> bool:
        raise OverflowError("asked whether it can be shown")


def nested(rng: random.Random, depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def scalar(rng: random.Random) -> Any:
    return rng.choice(
        (
            *(None, True, False, 0, -1, 1, 2**63, -(2**64), 10**400, 0.0, -0.0, 1e308, math.inf, math.nan),
            *(
                "",
                " ",
                "a",
                "0",
                "-1",
                "\x00",
                "\ud800",
                "\u202e",
                "x" * 5000,
                "a@b",
                "a@b.co",
                "+905301234567",
            ),
            *("$D_9", "$D_" + "9" * 400, "null", "NULL", "1.00E+09", '="001"', "🙂" * 300, "9" * 5000),
        )
    )


def tree(rng: random.Random, depth: int = 0) -> Any:
    """Return a value that JSON has a type for."""
    kind = rng.random()
    if depth > 4 or kind < 0.5:
        return scalar(rng)
    if kind < 0.75:
        return [tree(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(WORDS): tree(rng, depth + 1) for _ in range(rng.randrange(4))}


def hostile(rng: random.Random, wires: tuple[str, ...] = ()) -> Any:
    """Return something that is hardly an item: of another type, nested, cyclic, or with an odd value."""
    match rng.randrange(14):
        case 0:
            return scalar(rng)
        case 1:
            return nested(rng, rng.choice((1, 30, 200, 400, 1000, 3000)))
        case 2:
            return Odd()
        case 3:
            return {rng.choice(wires or WORDS): Odd()}
        case 4:
            cycle: list[Any] = []
            cycle.append(cycle)
            return {rng.choice(wires or WORDS): cycle}
        case 5:
            return {rng.choice((1, None, ("a",), OddText("k"), "\ud800", b"k")): scalar(rng)}
        case 6:
            return rng.choice(
                (b"bytes", bytearray(b"b"), memoryview(b"m"), {1, 2}, frozenset({"a"}), range(3), object)
            )
        case 7:
            return rng.choice(
                (decimal.Decimal("NaN"), decimal.Decimal("1e400"), dt.datetime.max, dt.date.min, 1j)  # noqa: DTZ901 - no zone
            )
        case 8:
            return UserDict({rng.choice(wires or WORDS): scalar(rng)})
        case 9:
            return OddText("id1")
        case 10:
            return rng.choice(([], {}, (), "", [""], [{}]))
        case 11:
            return {name: OddText("x") for name in wires[:3]}
        case _:
            return {
                name: tree(rng) for name in rng.sample(wires, min(len(wires), rng.randrange(1, 5)))
            } or tree(rng)


def mutated(rng: random.Random, item: Any) -> Any:
    """Return a good item with one thing wrong with it."""
    if isinstance(item, dict) and item:
        return {**item, rng.choice(list(item)): rng.choice((hostile, scalar, tree))(rng)}
    return hostile(rng)


class Answers:
    """A transport that gives an answer that nobody would think of, often near to a good one."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.good = b""
        self.sent = 0

    async def aclose(self) -> None:
        pass

    async def send(self, _request: Any, /) -> Response:
        self.sent += 1
        rng = self.rng
        headers: CIMultiDict[str] = CIMultiDict()
        if rng.random() < 0.7:
            types = ("application/json", "text/html", "text/plain", "", ";", "a/b;c=\ud800")
            headers["Content-Type"] = rng.choice(types)
        for name in ("Retry-After", "Date", "X-RateLimit-Reset"):
            if rng.random() < 0.2:
                headers[name] = rng.choice(DATES)
        return Response(rng.choice(STATUSES), headers, self._body(), truncated=rng.random() < 0.05)

    def _body(self) -> bytes:
        rng, good = self.rng, self.good
        match rng.randrange(8):
            case 0:
                return good
            case 1 if good:
                return good[: rng.randrange(len(good))]
            case 2 if good:
                content = bytearray(good)
                content[rng.randrange(len(content))] = rng.randrange(256)
                return bytes(content)
            case 3:
                return rng.randbytes(rng.randrange(40))
            case 4:
                return rng.choice(
                    (
                        b"",
                        b"<html>",
                        b"null",
                        b"[]",
                        b"{}",
                        b"[" * 5000,
                        b'{"a":' * 3000,
                        b"\xff\xfe",
                        b"1e999",
                    )
                )
            case 5 if good[:1] in {b"{", b"["}:  # some are lines of text
                return json.dumps(_changed(rng, json.loads(good))).encode()
            case _:
                return json.dumps(tree(rng)).encode()


def _changed(rng: random.Random, value: Any) -> Any:
    """Return an answer's JSON with one value in it exchanged."""
    if rng.random() < 0.3 or not isinstance(value, dict | list) or not value:
        return tree(rng)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    name = rng.choice(list(value))
    return {**value, name: _changed(rng, value[name])}
