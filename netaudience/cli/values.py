"""Text into values: truth values, whole numbers, lists and JSON, for fields that are no text.

What is no text already (from JSON lines) passes as it is. Nothing is guessed: text that is not plainly what
the field holds is a `BadValue`, whose sentence does not repeat it.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from typing import Union, cast

from netaudience.items import Field
from netaudience.jobs.converting import TRUTHS, from_json

__all__ = ["BadValue", "convert_to", "number_or_text", "to_list", "to_whole_number", "without_none"]

_WHOLE = re.compile(r"-?[0-9]{1,18}")
#: Numbers as JSON writes them, as long as they keep their digits; leading zeros make it text.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")


class BadValue(ValueError):
    """A cell that is not what its field holds; the text is a sentence."""


def convert_to(field: Field, hint: object = None, *, typed: bool = False) -> Callable[[object], object]:
    """Return what turns a cell into a value of the field.

    Args:
        field: The field.
        hint: Its annotation, where it has one.
        typed: Whether text in a field of any kind becomes the number, truth value or JSON that it looks like.
    """
    name, kinds = field.name, field.types
    if str in kinds:  # whatever else it may hold, it may hold the text
        return number_or_text if typed and len(kinds) > 1 else _unchanged
    if bool in kinds:
        return lambda value: _to_truth(value, name)
    if float in kinds:
        return lambda value: _to_number(value, name)
    if int in kinds:
        return lambda value: to_whole_number(value, name)
    if dict in kinds:
        return lambda value: _to_object(value, name)
    if list in kinds:
        if typing.get_args(without_none(hint))[:1] == (int,):
            return lambda value: _to_whole_numbers(value, name)
        return to_list
    return _unchanged


def without_none(hint: object) -> object:
    """Return the annotation of a field that may be None without the None."""
    if typing.get_origin(hint) in {Union, types.UnionType}:
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(parts) == 1:
            return cast("object", parts[0])
    return hint


def _unchanged(value: object) -> object:
    return value


def _to_truth(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    truth = TRUTHS.get(value.strip().lower())
    if truth is None:
        raise BadValue(f"The cell for {name} is not true or false (1, 0, yes and no are understood as well)")
    return truth


def to_whole_number(value: object, name: str) -> object:
    """Return text as a whole number.

    Raises:
        BadValue: it is none.
    """
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value.strip()):
        raise BadValue(f"The cell for {name} is not a whole number")
    return int(value)


def _to_number(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    if not _NUMBER.fullmatch(value.strip()):
        raise BadValue(f"The cell for {name} is not a number such as 17 or 0.5")
    return float(value) if "." in value else int(value)


def _to_whole_numbers(value: object, name: str) -> object:
    found = to_list(value)
    return (
        [to_whole_number(part, name) for part in cast("list[object]", found)]
        if isinstance(found, list)
        else found
    )


def _to_object(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    found = from_json(value)
    if not isinstance(found, dict):
        raise BadValue(f'The cell for {name} is not a JSON object such as {{"name": "value"}}')
    return cast("dict[str, object]", found)


def to_list(value: object) -> object:
    """Return a JSON array, or text that is separated by semicolons, as a list.

    Raises:
        BadValue: it begins like a JSON array and is none.
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        found = from_json(value)
        if not isinstance(found, list):
            raise BadValue("A cell begins like a JSON array and is none")
        return cast("list[object]", found)
    return [part.strip() for part in value.split(";") if part.strip()]


def number_or_text(value: object) -> object:
    """Return text that is plainly a number, a truth value, an array or an object as such; else as it is."""
    if not isinstance(value, str):
        return value
    if value in {"true", "false"}:
        return value == "true"
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if value[:1] in {"[", "{"}:
        found = from_json(value)
        return value if found is None else found
    return value
