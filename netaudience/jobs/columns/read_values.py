"""From a column's type to values of Python: what each of DuckDB's types becomes, with nothing lost.

Dates come as dates, moments as moments, decimals as decimals, at the top and within lists and structs: one
rule judges them, `ValueForm.write`. What Python has no value for is a `BadValue`.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import TypeAlias, cast

import attrs

from netaudience.jobs.columns.duckdb import literal, quoted
from netaudience.jobs.columns.sql_types import SqlType, sql_type, time_text


@attrs.frozen
class BadValue:
    """What stands in a row in place of a value that cannot be sent."""

    #: A sentence that completes "the field …": it begins with a verb.
    reason: str
    #: What it is, as a dead letter shows it.
    held: object = attrs.field(default=None, repr=False)


#: Makes a value of Python of what a batch holds; None where that is one already.
Reader: TypeAlias = Callable[[object], object]

#: Stands in no text, and here before a day or a point in time in JSON, which has no type for them.
TYPED = "\ufdd0"
_TYPED_IN_JSON = "\\ufdd0"

_ENDLESS = BadValue("is an infinite point in time")
_TOO_FAR = BadValue("lies outside of the years 1 to 9999")
_BYTES = BadValue("holds bytes, which JSON cannot carry: write hex(…) or base64(…)")
#: Digits of whole numbers that surely fit into 64 bits.
_SHORT = 18
#: orjson writes no more than 254 levels, and a row has some of its own.
_DEEPEST = 200
_NO_JSON = BadValue("is nested beyond measure, or is no JSON")
_TWICE = BadValue("holds an object that names something twice: keep one")


def outward(kind: str, expression: str) -> tuple[str, Reader | None]:
    """Return the SQL that gives a column as text or as plain numbers, and what reads its values then.

    Args:
        kind: DuckDB's name of the type.
        expression: The SQL of the column.
    """
    found = sql_type(kind)
    sql, reader = _outward(found, f"({expression})", 0)
    return (f"({sql})::VARCHAR" if found.parts else sql), reader and _safely(reader)


def _safely(reader: Reader) -> Reader:
    def read(value: object) -> object:
        return None if value is None else reader(value)

    return read


def _outward(kind: SqlType, value: str, depth: int) -> tuple[str, Reader | None]:
    match kind.family:
        case "truth" | "whole" | "double":
            return value, None
        case "moment":
            return _iso(kind, value), partial(_point_in_time, dt.datetime)
        case "time":
            return time_text(value), None
        case "bytes":
            return f"({value})::VARCHAR", lambda text: attrs.evolve(_BYTES, held=text)
        case "list" | "struct" | "map":
            return _nested(kind, value, depth)
        case "other":
            return f"to_json({value})::VARCHAR", parse_json
        case _:
            return f"{value}::VARCHAR", _OF_TEXT.get(kind.family)


def _nested(kind: SqlType, value: str, depth: int) -> tuple[str, Reader]:
    """Return the SQL of the JSON of what holds others, in which each of those is as it comes outward."""
    one = quoted(f"netaudience entry {depth}")
    if kind.family == "list":
        sql, read = _outward(kind.parts[0][1], one, depth + 1)
        return f"to_json(list_transform({value}, lambda {one}: {sql}))", _list_reader(read)
    if kind.family == "map":
        sql, read = _outward(kind.parts[1][1], one, depth + 1)
        keys = f"list_transform(map_keys({value}), lambda {one}: {one}::VARCHAR)"
        values = f"list_transform(map_values({value}), lambda {one}: {sql})"
        pairs = f"to_json([to_json({keys}), to_json({values})])"
        return f"CASE WHEN {value} IS NOT NULL THEN {pairs} END", _map_reader(read)
    members: list[str] = []
    readers: list[tuple[str, Reader | None]] = []
    for name, part in kind.parts:
        sql, reader = _outward(part, f"{value}[{literal(name)}]", depth)
        members.append(f"{literal(name)}: {sql}")
        readers.append((name, reader))
    return f"CASE WHEN {value} IS NOT NULL THEN to_json({{{', '.join(members)}}}) END", _struct_reader(
        readers
    )


def _iso(kind: SqlType, value: str) -> str:
    # The cast writes a blank where ISO 8601 has a T, and +00 where it has +00:00.
    text = f"replace({value}::VARCHAR, ' ', 'T')"
    return f"regexp_replace({text}, '\\+00$', '+00:00')" if kind.zoned else text


def _point_in_time(kind: type[dt.date], value: object) -> object:
    text = cast("str", value)
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return attrs.evolve(_ENDLESS if text.endswith("infinity") else _TOO_FAR, held=text)


def _single(value: object) -> float:
    """Return a number of 32 bits by its shortest text, which is not always the one that DuckDB gives."""
    number = float(cast("str", value))
    for digits in (6, 7, 8):
        near = float(f"{number:.{digits}g}")
        try:
            if struct.pack("f", near) == struct.pack("f", number):
                return near
        except OverflowError:
            continue
    return number


def _list_reader(read: Reader | None) -> Reader:
    def read_list(value: object) -> object:
        found = _parsed(value)
        if read is None or not isinstance(found, list):
            return found
        return _whole([part if part is None else read(part) for part in cast("list[object]", found)])

    return read_list


def _map_reader(read: Reader | None) -> Reader:
    def read_map(value: object) -> object:
        found = _parsed(value)
        if not isinstance(found, list):
            return found
        keys, values = cast("list[list[object]]", found)
        if read is not None:
            values = [part if part is None else read(part) for part in values]
        return _whole(dict(zip(keys, values, strict=True)))

    return read_map


def _struct_reader(readers: list[tuple[str, Reader | None]]) -> Reader:
    def read_struct(value: object) -> object:
        found = _parsed(value)
        if not isinstance(found, dict):
            return found
        given = cast("dict[str, object]", found)
        for name, read in readers:
            part = given.get(name)
            if read is not None and part is not None:
                given[name] = read(part)
        return _whole(given)

    return read_struct


def _whole(value: list[object] | dict[object, object] | dict[str, object]) -> object:
    """Return what holds others, or what is wrong with one of them."""
    parts = value if isinstance(value, list) else value.values()
    bad = next((part for part in parts if isinstance(part, BadValue)), None)
    if bad is None:
        return value
    if isinstance(value, list):
        return attrs.evolve(bad, held=list(map(_held, value)))
    return attrs.evolve(bad, held={name: _held(part) for name, part in value.items()})


def _held(value: object) -> object:
    return value.held if isinstance(value, BadValue) else value


def _parsed(value: object) -> object:
    """Return what the JSON of a part says; a part that is within another is read already."""
    return value if not isinstance(value, str) else parse_json(value)


def parse_json(value: object) -> object:
    """Return what a JSON text says, with all digits; what is no text comes back as it is."""
    if not isinstance(value, str):
        return value
    # Most values are plain texts and whole numbers, which need no parser.
    if value.startswith('"') and "\\" not in value and TYPED not in value:
        return value[1:-1]
    if value.isdecimal() and len(value) <= _SHORT:
        return int(value)
    try:
        found: object = _JSON.decode(value)
        if value.count("[") + value.count("{") > _DEEPEST and _is_deep(found):
            return attrs.evolve(_NO_JSON, held=value)
        return _typed(found) if TYPED in value or _TYPED_IN_JSON in value else found
    except _NamedTwice:
        return attrs.evolve(_TWICE, held=value)
    except (ValueError, RecursionError):
        return attrs.evolve(_NO_JSON, held=value)


def _parts_of(value: object) -> Iterable[object]:
    """Return what an object or a list holds."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _is_deep(value: object) -> bool:
    """Return whether a value is nested deeper than any writer of JSON takes; it is asked level by level."""
    level = [value]
    for _ in range(_DEEPEST):
        parts = (_parts_of(part) for part in level)
        level = [one for part in parts for one in part]
        if not level:
            return False
    return True


def _typed(value: object) -> object:
    """Return what stood in a row of Python, days and points in time as such."""
    match value:
        case str() if value.startswith(TYPED):
            text = value.removeprefix(TYPED)
            return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)
        case dict():
            return {name: _typed(part) for name, part in cast("dict[str, object]", value).items()}
        case list():
            return [_typed(part) for part in cast("list[object]", value)]
        case _:
            return value


def _fraction(text: str) -> float | Decimal:
    """Return a number with a fraction or an exponent: as it is written, where a float does not hold it."""
    near, exact = float(text), Decimal(text)
    return near if Decimal(repr(near)) == exact else exact


class _NamedTwice(ValueError):
    """An object names something twice, so that one of its values would be lost."""


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NamedTwice
    return found


#: One reader for all values: each of its own would cost as much as the reading.
_JSON = json.JSONDecoder(parse_float=_fraction, object_pairs_hook=_members)
#: What reads the text of a value, by the family of its type.
_OF_TEXT: dict[str, Reader] = {
    "single": _single,
    "big": lambda text: int(cast("str", text)),
    "decimal": lambda text: Decimal(cast("str", text)),
    "date": partial(_point_in_time, dt.date),
    "json": parse_json,
}


def json_text(expression: str) -> str:
    """Return the SQL of a JSON value as text: a text without its quotes, a number with its digits.

    A whole number is the same one with a fraction of zeros: 1042 is 1042.0.
    """
    text = f"({expression})::VARCHAR"
    return (
        f"CASE WHEN starts_with({text}, '\"') THEN ({expression})->>'$' "
        f"WHEN regexp_full_match({text}, '-?[0-9]+\\.0+') THEN split_part({text}, '.', 1) ELSE {text} END"
    )
