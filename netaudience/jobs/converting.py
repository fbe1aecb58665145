"""Values of a source into values of a field: text stays text, and numbers keep their digits.

Nothing is guessed: what is not plainly what the field holds becomes a `BadValue`, whose sentence does not
repeat it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import cast

from netaudience.jobs.values import BadValue

__all__ = ["TRUTHS", "convert", "from_json", "to_list", "to_text", "to_whole", "untyped"]

#: What people write for true and false.
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
#: Whole numbers up to here have a floating number of their own.
_EXACT = 2**53
#: The whole numbers that JSON writers and readers of most languages take.
_LEAST, _MOST = -(2**63), 2**64 - 1


def convert(value: object, types: Collection[type]) -> object:
    """Return a value as one of the types that a field holds.

    Args:
        value: A value of a source, or a `BadValue`, which stays one.
        types: The plain types of the field.
    """
    if isinstance(value, BadValue):
        return value
    if type(value) in types and not isinstance(value, Decimal):
        return untyped(value)
    for kind, read in _READERS.items():
        if kind in types:
            return read(value)
    return untyped(value)


def to_text(value: object) -> object:
    """Return an identifier or a number as text, with all its digits and nothing added."""
    match value:
        case str() | BadValue():
            return value
        case bool():
            return BadValue("is true or false, and the vendor wants text: cast it in SQL")
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case float() if abs(value) >= _EXACT:
            return BadValue(
                "is a floating number too large to be exact, and the vendor wants text: keep it as text "
                "where it comes from"
            )
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
        case _:
            return BadValue("is no text, and the vendor wants text: cast it in SQL")


def to_whole(value: object) -> object:
    """Return a whole number."""
    match value:
        case BadValue():
            return value
        case bool():
            return BadValue("is true or false, and the vendor wants a whole number")
        case int() if _LEAST <= value <= _MOST:
            return value
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case str() if _WHOLE.fullmatch(value.strip()):
            return to_whole(int(value))
        case _:
            return BadValue("is not a whole number")


def to_number(value: object) -> object:
    """Return a number."""
    match value:
        case BadValue():
            return value
        case bool():
            return BadValue("is true or false, and the vendor wants a number")
        case int() | float():
            return value
        case Decimal():
            return untyped(value)
        case str() if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value.strip()):
            return float(value)
        case _:
            return BadValue("is not a number")


def to_truth(value: object) -> object:
    """Return true or false."""
    if isinstance(value, bool | BadValue):
        return value
    truth = TRUTHS.get(str(value).strip().lower())
    return (
        BadValue("is not true or false (1, 0, yes and no are understood as well)") if truth is None else truth
    )


def to_list(value: object) -> object:
    """Return a list: a JSON array, or text that is separated by semicolons."""
    match value:
        case BadValue():
            return value
        case list() | tuple():
            return list(cast("list[object]", value))
        case str() if value.lstrip().startswith("["):
            found = from_json(value)
            return found if isinstance(found, list) else BadValue("begins like a JSON array and is none")  # pyright: ignore[reportUnknownVariableType] # whatever JSON holds
        case str():
            return [part.strip() for part in value.split(";") if part.strip()]
        case _:
            return BadValue("is no list: write a JSON array, or text with semicolons between")


def to_object(value: object) -> object:
    """Return a mapping: one already, or a JSON object."""
    if isinstance(value, dict | BadValue):
        return cast("object", value)
    found = from_json(value) if isinstance(value, str) else None
    return found if isinstance(found, dict) else BadValue('is no JSON object such as {"name": "value"}')  # pyright: ignore[reportUnknownVariableType] # whatever JSON holds


def untyped(value: object) -> object:
    """Return a value of any type as it is, unless JSON cannot carry it exactly."""
    if isinstance(value, Decimal) or (
        isinstance(value, int) and not isinstance(value, bool) and not _LEAST <= value <= _MOST
    ):
        return BadValue("has more digits than a number of JSON keeps: cast it to varchar or to double in SQL")
    return value


def from_json(text: str) -> object:
    """Return what a JSON text holds; None where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


#: By what a field holds, the more telling types first.
_READERS: dict[type, Callable[[object], object]] = {
    bool: to_truth,
    int: to_whole,
    float: to_number,
    dict: to_object,
    list: to_list,
    str: to_text,
}
