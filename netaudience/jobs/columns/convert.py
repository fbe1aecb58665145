"""Values of a source into values of a field: text stays text, and numbers keep their digits.

Nothing is guessed: what is not plainly what the field holds becomes a `BadValue`, whose sentence does not
repeat it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import cast

from netaudience.jobs.columns.read_values import BadValue, parse_json
from netaudience.model.rows import Field
from netaudience.model.scalars import LARGEST, SMALLEST, Unwritable
from netaudience.model.value_forms import TEXT, TimeForm, ValueForm

#: What people write for true and false.
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A blank before an offset, which one vendor writes and ISO 8601 does not know.
_OFFSET = re.compile(r"\s+([+-][0-9]{2}:?[0-9]{2})$")
#: Whole numbers up to here have a floating number of their own.
_EXACT = 2**53


def convert(value: object, field: Field, form: ValueForm | None = None) -> object:
    """Return a value as one of the types that a field holds, in the vendor's form.

    Args:
        value: A value of a source, or a `BadValue`, which stays one.
        field: The field.
        form: The form in this row, where it is not the same in all.
    """
    types, form = field.types, form or field.form
    if type(value) is str and str not in types:
        moment = form.moment if int in types else None
        value = _read(value, types) if moment is None else _to_time(value, moment)
    value = write(form, value)
    return value if value is None or type(value) in types else _read(value, types)


def write(form: ValueForm, value: object) -> object:
    """Return a value in the vendor's form; a `BadValue` that says why where it has none."""
    if isinstance(value, BadValue):
        return value
    try:
        return form.write(value)
    except Unwritable as error:
        return BadValue(error.reason)


def _read(value: object, types: Collection[type]) -> object:
    return next((read(value) for kind, read in _READERS.items() if kind in types), value)


def to_text(value: object) -> object:
    """Return an identifier or a number as text, with all its digits and nothing added."""
    return write(TEXT, value)


def to_whole(value: object) -> object:
    """Return a whole number."""
    match value:
        case BadValue():
            return value
        case bool():
            return BadValue("is true or false, and the vendor wants a whole number")
        case int() if SMALLEST <= value <= LARGEST:
            return value
        case Decimal() if value == value.to_integral_value():
            return to_whole(int(value))
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case str() if _WHOLE.fullmatch(value.strip()):
            return to_whole(int(value))
        case _:
            return BadValue("is not a whole number")


def read_time(text: str, *, counted: bool) -> object:
    """Return the date or the moment that a text is; the number of milliseconds where the vendor has such."""
    text = text.strip()
    if counted and re.fullmatch(r"-?[0-9]{9,18}", text):
        return int(text)
    text = _OFFSET.sub(r"\1", text)
    try:
        return dt.date.fromisoformat(text) if _DAY.fullmatch(text) else dt.datetime.fromisoformat(text)
    except ValueError:
        return text


def _to_time(text: str, moment: TimeForm) -> object:
    """Return what a text is of a field that is a time, and a number at the vendor."""
    number = to_whole(text)
    found = read_time(text, counted=False) if isinstance(number, BadValue) else number
    if isinstance(found, str):
        return BadValue(f"is no time such as 2026-01-31T12:00:00Z, and no {moment.name}")
    return found


def to_number(value: object) -> object:
    """Return a number."""
    match value:
        case BadValue():
            return value
        case bool():
            return BadValue("is true or false, and the vendor wants a number")
        case int() | float():
            return value
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


def from_json(text: str) -> object:
    """Return what a JSON text holds, with all digits; None where it is none."""
    found = parse_json(text)
    return None if isinstance(found, BadValue) else found


#: By what a field holds, the more telling types first.
_READERS: dict[type, Callable[[object], object]] = {
    bool: to_truth,
    int: to_whole,
    float: to_number,
    dict: to_object,
    list: to_list,
    str: to_text,
}
