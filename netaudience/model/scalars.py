"""Scalars of Python, numpy and pandas as JSON has them: numbers with all their digits, or none at all."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from enum import Enum
from typing import SupportsIndex, cast

#: The whole numbers that JSON writers and readers of most languages take.
SMALLEST, LARGEST = -(2**63), 2**64 - 1
#: Whole numbers up to here have a floating number of their own.
_EXACT = 2**53
#: How numpy names its dates: those of these units have no time of day.
_DATE_UNITS = frozenset({"Y", "M", "W", "D"})
_MOST_DIGITS = 400
_TOO_LONG = "has more digits than a number of JSON keeps: cast it to varchar or to double in SQL"


class Unwritable(ValueError):
    """A value has no exact form at the vendor."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"a value of it {reason}")
        #: A sentence that completes "the field …": it begins with a verb and repeats no value.
        self.reason = reason


def is_missing(value: object) -> bool:
    """Return whether a value says that there is none, as None, and the NaT and NA of numpy and pandas, do."""
    if value is None:
        return True
    kind = type(value)
    if kind.__module__.startswith("pandas."):
        return kind.__name__ in {"NaTType", "NAType"}
    return (
        kind.__module__ == "numpy" and kind.__name__ in {"datetime64", "timedelta64"} and str(value) == "NaT"
    )


def plain_of(value: object) -> object:
    """Return a scalar as Python's own: an Enum's value, numpy's numbers and dates; None for NaT and NA.

    What is Python's own already, or nothing that is known, comes back as it is.
    """
    if isinstance(value, Enum):
        return plain_of(value.value)
    if is_missing(value):
        return None
    if type(value).__module__ != "numpy" or type(value).__name__ == "ndarray" or isinstance(value, bytes):
        return value
    if isinstance(value, str | float):
        return str.__str__(value) if isinstance(value, str) else float(value)
    return from_numpy(value)


def number_of(text: str) -> int | float | Decimal:
    """Return a number that is written in digits: with a fraction as a float where that is exact.

    What a number of JSON does not hold comes as a `Decimal`, which is fit for a text alone.
    """
    number = Decimal(text)
    try:
        return exact_number(number)
    except Unwritable:
        return number


def text_of(value: object) -> str:
    """Return a value as text, with all its digits and nothing added.

    Raises:
        Unwritable: it is no text, and no number that is surely exact.
    """
    match value:
        case Enum():
            return text_of(value.value)
        case str() | uuid.UUID():
            return str.__str__(value) if isinstance(value, str) else str(value)
        case bool():
            raise Unwritable("is true or false, and the vendor wants text: cast it in SQL")
        case int():
            return str(int(value))
        case Decimal():
            return _digits(value)
        case float():
            return _float_text(value)
        case dt.date() | dt.time():
            return time_text(value) if isinstance(value, dt.time) else value.isoformat()
        case _ if type(value).__module__ == "numpy" and type(value).__name__ != "ndarray":
            return text_of(from_numpy(value))
        case _:
            raise Unwritable("is no text, and the vendor wants text: cast it in SQL")


def whole(value: int) -> int:
    """Return a whole number that JSON keeps.

    Raises:
        Unwritable: it has more than 64 bits.
    """
    if not SMALLEST <= value <= LARGEST:
        raise Unwritable(_TOO_LONG)
    return int(value)


def finite(value: float) -> float:
    """Return a number that is one.

    Raises:
        Unwritable: it is infinite, or not a number.
    """
    if not math.isfinite(value):
        raise Unwritable("is an infinite number, or not a number")
    return value


def exact_number(value: Decimal) -> int | float:
    """Return a decimal as a number: 5.00 stays a fraction, for others of its column are."""
    if not value.is_finite():
        raise Unwritable("is an infinite number, or not a number")
    exponent = cast("int", value.as_tuple().exponent)
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise Unwritable("is larger or smaller than any number of JSON")
    if exponent >= 0:
        return whole(int(value))
    near = float(value)
    if not math.isfinite(near) or Decimal(repr(near)) != value:
        raise Unwritable(_TOO_LONG)
    return near


def _digits(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        raise Unwritable("is an infinite number, or beyond all measure")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise Unwritable("is an infinite number, or not a number")
    if abs(value) >= _EXACT:
        raise Unwritable(
            "is a floating number too large to be exact, and the vendor wants text: keep it as text where it "
            "comes from"
        )
    return str(int(value)) if value.is_integer() else format(Decimal(repr(float(value))), "f")


def time_text(value: dt.time) -> str:
    """Return a time of day by ISO 8601, its fraction without zeros at the end."""
    text = value.isoformat()
    if value.microsecond:
        head, dot, tail = text.partition(".")
        text = head + dot + tail[:6].rstrip("0") + tail[6:]
    return text


def strange(value: object) -> str:
    """Return why a value of this type has no form."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "holds bytes, which JSON cannot carry: write hex(…) or base64(…)"
    if isinstance(value, dt.timedelta):
        return "is a length of time, for which no vendor has a form: write a number of seconds, or text"
    return f"is of the type {type(value).__name__}, for which no vendor has a form: write text, or a number"


def from_numpy(value: object) -> object:
    """Return a scalar of numpy as Python's own.

    A float goes by its shortest text, which knows of no other width, and a date by its text as well: `item`
    makes a number of it where its unit is nanoseconds.
    """
    name = type(value).__name__
    if name == "datetime64":
        return _numpy_date(value)
    if name in {"bool", "bool_"}:
        return bool(value)
    if hasattr(value, "__index__"):
        return int(cast("SupportsIndex", value).__index__())
    if name == "longdouble":
        return Decimal(str(value))
    if name.startswith("float") or name in {"half", "single"}:
        return float(str(value))
    raise Unwritable(strange(value))


def _numpy_date(value: object) -> dt.date | dt.datetime:
    text = str(value)
    unit = str(cast("object", getattr(value, "dtype", ""))).partition("[")[2].partition("]")[0]
    try:
        if unit.lstrip("0123456789") not in _DATE_UNITS:
            return dt.datetime.fromisoformat(text)
        return dt.date.fromisoformat({4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text))
    except ValueError:
        raise Unwritable("lies outside of the years 1 to 9999") from None
