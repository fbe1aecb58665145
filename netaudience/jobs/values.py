"""From a column's type to a value that JSON can carry: what each of DuckDB's types becomes.

Nothing is rounded and nothing is guessed. A value that JSON cannot carry exactly is a `BadValue`, whose
sentence does not repeat it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn, TypeAlias

import attrs

__all__ = ["BadValue", "Reader", "number_of", "outward"]


@attrs.frozen
class BadValue:
    """What stands in a row in place of a value that cannot be sent."""

    #: A sentence that completes "the field …": it begins with a verb.
    reason: str


#: Makes a JSON value of what a batch holds; None where that is one already.
Reader: TypeAlias = Callable[[object], object]

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_EXACT = {"HUGEINT", "UHUGEINT", "BIGNUM", "VARINT"}
_TEXT = {"VARCHAR", "UUID", "ENUM", "TIME", "TIME_NS", "TIME WITH TIME ZONE", "INTERVAL"}
_NO_VALUE = {"BLOB", "BIT", "GEOMETRY"}
#: The whole numbers that the JSON writer takes.
_LEAST, _MOST = -(2**63), 2**64 - 1


def outward(kind: str, expression: str) -> tuple[str, Reader | None]:
    """Return the SQL that gives a column as plain JSON types, and what reads its values then.

    Args:
        kind: DuckDB's name of the type.
        expression: The SQL of the column.
    """
    plain = kind.partition("(")[0].strip()
    if kind.endswith("]") or plain in {"STRUCT", "MAP", "UNION", "VARIANT"}:
        return f"to_json({expression})::VARCHAR", _json
    if plain == "JSON":
        return f"({expression})::VARCHAR", _json
    if plain in _WHOLE or plain == "BOOLEAN":
        return expression, None
    if plain in {"FLOAT", "DOUBLE"}:
        return f"({expression})::DOUBLE", _finite
    if plain == "DECIMAL" or plain in _EXACT:
        return f"({expression})::VARCHAR", _decimal
    if plain == "DATE":
        return f"({expression})::VARCHAR", _moment
    if plain.startswith("TIMESTAMP"):
        return _iso(plain, expression), _moment
    if plain in _NO_VALUE:
        return f"CASE WHEN ({expression}) IS NOT NULL THEN '' END", _binary
    return f"({expression})::VARCHAR", None


def _iso(plain: str, expression: str) -> str:
    # The cast writes a blank where ISO 8601 has a T, and +00 where it has +00:00.
    text = f"replace(({expression})::VARCHAR, ' ', 'T')"
    if plain in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"}:
        zoned = f"regexp_replace({text}, '\\+00$', '+00:00')"
        return f"CASE WHEN isfinite({expression}) THEN {zoned} ELSE {text} END"
    return text


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return BadValue("is an infinite number, or not a number")
    return value


def _moment(value: object) -> object:
    if isinstance(value, str) and value.endswith("infinity"):
        return BadValue("is an infinite point in time")
    return value


def _binary(value: object) -> object:
    return (
        None if value is None else BadValue("holds bytes, which JSON cannot carry: write hex(…) or base64(…)")
    )


def _decimal(value: object) -> object:
    return value if value is None else number_of(str(value))


def number_of(text: str) -> int | float | Decimal:
    """Return a number exactly: whole ones whatever their length, fractions as floats where those are exact.

    What neither holds comes as a `Decimal`, which is fit for a text and not for a number of JSON.
    """
    number = Decimal(text)
    if number == number.to_integral_value():
        whole = int(number)
        return whole if _LEAST <= whole <= _MOST else number
    near = float(number)
    return near if Decimal(repr(near)) == number else number


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found: object = json.loads(value, parse_int=_whole, parse_float=float, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return BadValue("holds a number that JSON cannot carry, or is nested beyond measure")
    return found


def _whole(text: str) -> int:
    number = int(text)
    if not _LEAST <= number <= _MOST:
        raise ValueError
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
