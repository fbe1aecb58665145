"""What JSON has no type for, kept beside the row of a dead letter, so that a row sent again is what it was.

A day is a text in the letter, and a day again when the letter is read; a value that could not be sent at all
is refused for as long as nobody has mended it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

from netaudience.dead_letter import plain
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.spec.model import Expression
from netaudience.model.wire import JsonValue

_READERS: Mapping[str, Callable[[str], object]] = {
    "timestamp": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "decimal": Decimal,
}
_UNMENDED = BadValue("is as it was when it could not be sent: mend it in the file, or take it out")


def shown(fields: Mapping[str, object]) -> JsonValue:
    """Return the fields as a letter shows them: what could not be sent as it came."""
    return plain(
        {name: value.held if isinstance(value, BadValue) else value for name, value in fields.items()}
    )


def types_of(fields: Mapping[str, object]) -> Mapping[str, JsonValue]:
    """Return by field what its JSON does not say of its value; nothing of what JSON carries as it is."""
    return {name: kind for name, value in fields.items() if (kind := _type_of(value)) is not None}


def made_of(
    made: Mapping[str, Expression], row: Mapping[str, object], fields: Mapping[str, object]
) -> Mapping[str, JsonValue] | None:
    """Return what each field is made of, as a letter tells it; None where the row is by its fields alone.

    Args:
        made: What the step says of each field.
        row: The row as it came.
        fields: What was made of it, a value for each field that is not empty.
    """
    types: dict[str, JsonValue] = {}
    for name, expression in made.items():
        if expression.unset and expression.column is not None:
            types[name] = {"column": expression.column, "unset": True}
        elif expression.column is not None:
            types[name] = expression.column
        elif expression.sql is None:
            types[name] = {"value": expression.value}
        else:
            value = fields.get(name)
            held = value.held if isinstance(value, BadValue) else value
            kind = _type_of(value)
            types[name] = {"sql": expression.sql, "value": plain(held)} | ({"type": kind} if kind else {})
            if expression.unset:
                types[name] = cast("dict[str, JsonValue]", types[name]) | {"unset": True}
    plainly = all(name == column for name, column in types.items())
    return None if plainly and types.keys() >= row.keys() else types


def fields_from(
    made: Mapping[str, JsonValue], row: Mapping[str, object], *, mended: bool
) -> tuple[dict[str, object], dict[str, Expression]]:
    """Return the fields that a letter tells, and those that SQL has to make anew because the row was mended.

    Args:
        made: What the letter says of each field.
        row: The row, its values as they were before they were written.
        mended: Whether it is not as it was written.
    """
    fields: dict[str, object] = {}
    anew: dict[str, Expression] = {}
    for name, kind in made.items():
        match kind:
            case str():
                fields[name] = row.get(kind)
            case {"column": str(column)}:
                fields[name] = row.get(column)
            case {"sql": str(sql)} if mended:
                anew[name] = Expression(sql=sql, unset=unsets(kind))
            case {"value": value}:
                fields[name] = _typed(value, cast("Mapping[str, JsonValue]", kind).get("type"))
            case _:
                fields[name] = BadValue("is given in a way that nobody knows: write the name of a column")
    return fields, anew


def expressions_of(made: Mapping[str, JsonValue]) -> dict[str, Expression]:
    """Return what a letter says of each field, as a step says it."""
    return {
        name: Expression(column=kind)
        if isinstance(kind, str)
        else Expression(
            column=_text(kind.get("column")),
            sql=_text(kind.get("sql")),
            value=kind.get("value") if "sql" not in kind else None,
            unset=unsets(kind),
        )
        for name, kind in made.items()
        if isinstance(kind, str | dict)
    }


def unsets(kind: object) -> bool:
    """Return whether an empty value of a field, as a letter tells it, takes the attribute away."""
    return isinstance(kind, Mapping) and cast("Mapping[str, object]", kind).get("unset") is True


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def typed(fields: Mapping[str, object], types: Mapping[str, JsonValue]) -> dict[str, object]:
    """Return the fields of a letter as they were before they were written, mended ones as they stand now."""
    return {name: _typed(value, types.get(name)) for name, value in fields.items()}


def _type_of(value: object) -> JsonValue:
    match value:
        case BadValue():
            return {"unfit": plain(value.held)}
        case dt.datetime():
            return "timestamp"
        case dt.date():
            return "date"
        case Decimal():
            return "decimal" if isinstance(plain(value), str) else None
        case list() | tuple():
            parts = [_type_of(part) for part in cast("list[object]", value)]
            return {"list": parts} if any(part is not None for part in parts) else None
        case Mapping():
            types = types_of(cast("Mapping[str, object]", value))
            return {"object": types} if types else None
        case _:
            return None


def _typed(value: object, stated: JsonValue) -> object:
    match stated:
        case str():
            return _read(value, stated)
        case {"unfit": before}:
            return BadValue(_UNMENDED.reason, held=value) if value == before else value
        case {"list": [*parts]} if isinstance(value, list):
            values = cast("list[object]", value)
            # Where one was added or taken out, they are what they all were.
            known = parts if len(parts) == len(values) else [parts[0]] * len(values) if parts else []
            return [_typed(part, kind) for part, kind in zip(values, known, strict=True)]
        case {"object": {**inner}} if isinstance(value, Mapping):
            return typed(cast("Mapping[str, object]", value), cast("Mapping[str, JsonValue]", inner))
        case _:
            return value


def _read(value: object, kind: str) -> object:
    if not isinstance(value, str) or kind not in _READERS:
        return value  # a number in the place of a long one, or the letter of another version
    try:
        return _READERS[kind](value)
    except (ValueError, InvalidOperation):
        return BadValue(f"is no {kind} any more: write it as it was written, or take it out", held=value)
