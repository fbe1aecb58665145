"""The vendor's JSON text of a column's values in SQL: what `ValueForm.write` says, for whole columns.

It is exact or it is not said: `odd_of` names the values that the rule of Python has to judge, and a type for
which there is no SQL is left to it altogether. One test holds both against each other.
"""

from __future__ import annotations

import datetime as dt

import orjson

from netaudience.jobs.columns.duckdb import literal, quoted
from netaudience.jobs.columns.read_values import TYPED
from netaudience.jobs.columns.sql_types import SqlType, sql_type, time_text
from netaudience.model.value_forms import TEXT, Epoch, Iso, TimeForm, ValueForm

_NO_VALUE = "NULL::VARCHAR"
#: Floats that all writers of JSON write alike; tiny and huge ones have several shortest forms.
_USUAL_FLOATS = (1e-5, 1e15)
_EXACT = 2**53
#: This many digits a float holds, whichever they are.
_SURE_DIGITS = 15
#: Whole numbers of this many signs are within 64 bits, whichever they are.
_SURE_WHOLE = 18
#: Powers of ten up to here are exact as floats, so that the division by one of them is.
_EXACT_SCALE = 22
#: Microseconds from the year 1 to 1970.
_YEAR_ONE = 62_135_596_800_000_000
#: A time zone's offset an hour from UTC is added to these safely, and Python and ICU agree on its history.
_DAYS, _ZONED_DAYS = ("0001-01-02", "9999-12-30"), ("1970-01-02", "2037-12-30")


def sql_of(form: ValueForm, kind: str, expression: str) -> str | None:
    """Return the SQL of a value as the vendor's JSON text, NULL where it is no value.

    It holds for all values but those of `odd_of`, whose result means nothing.

    Args:
        form: How the vendor writes it.
        kind: DuckDB's name of the type.
        expression: The SQL of the column.

    Returns:
        An expression of the type VARCHAR; None where only Python can say it.
    """
    return _text(form, sql_type(kind), f"({expression})", 0)


def odd_of(form: ValueForm, kind: str, expression: str) -> str | None:
    """Return an SQL condition that holds for the values that `ValueForm.write` must judge, or write.

    Returns:
        None where there are none; the condition may be NULL, which is as good as false.
    """
    return _odd(form, sql_type(kind), f"({expression})", 0)


def _text(form: ValueForm, kind: SqlType, value: str, depth: int) -> str | None:
    if form.text and kind.family not in {"time", "null", "other"}:
        return _identifier(kind, value)
    match kind.family:
        case "truth" | "whole" | "big":
            return f"{value}::VARCHAR"
        case "single" | "double" | "decimal":
            return _number(kind, value)
        case "text":
            return _quoted(f"{value}::VARCHAR")
        case "time":
            return _quoted(time_text(value))
        case "date" | "moment":
            return _time(form, kind, value)
        case "json":
            inside = _inside(value)
            text = f"CASE json_type({value}) WHEN 'VARCHAR' THEN {_quoted(inside)}"
            return f"{text} WHEN 'NULL' THEN NULL ELSE {inside} END"
        case "list" | "struct" | "map":
            return _holder(form, kind, value, depth)
        case "bytes" | "null":
            return _NO_VALUE
        case _:
            return None


def _inside(value: str) -> str:
    """Return the SQL of the text within a text of JSON, or of a number as it is written there."""
    return f"({value}->>'$')"


def _quoted(text: str) -> str:
    return f"to_json({text})::VARCHAR"


def _number(kind: SqlType, value: str) -> str:
    if kind.family == "double":
        return _quoted(value)
    if kind.family == "decimal":
        if not kind.scale:
            return f"{value}::VARCHAR"
        if kind.scale <= _EXACT_SCALE:
            return _quoted(f"{value}::DOUBLE")
    return _quoted(f"{value}::VARCHAR::DOUBLE")


def _identifier(kind: SqlType, value: str) -> str:
    match kind.family:
        case "text" | "whole" | "big" | "date":
            return _quoted(f"{value}::VARCHAR")
        case "decimal":
            return _quoted(f"rtrim(rtrim({value}::VARCHAR, '0'), '.')" if kind.scale else f"{value}::VARCHAR")
        case "single" | "double":
            whole = f"{value} = trunc({value})"
            return _quoted(
                f"CASE WHEN {whole} THEN try_cast({value} AS BIGINT)::VARCHAR ELSE {_number(kind, value)} END"
            )
        case "json":
            return f"CASE WHEN json_type({value}) <> 'NULL' THEN {_quoted(_inside(value))} END"
        case _:
            return _NO_VALUE


def _time(form: ValueForm, kind: SqlType, value: str) -> str | None:
    how: TimeForm | None = form.moment
    if how is None:
        return _NO_VALUE
    if kind.family == "date":
        if form.date is None:
            return _quoted(f"{value}::VARCHAR")
        how, moment = form.date, f"{value}::TIMESTAMP"
    else:
        found = _utc(form, kind, value)
        if found is None:
            return None
        moment = found
    if isinstance(how, Epoch):
        # Counted from the year 1: a division cuts towards zero, and a moment before 1970 is cut down.
        micros = 1000 if how.unit == "ms" else 1_000_000
        number = f"(epoch_us({moment}) + {_YEAR_ONE}) // {micros} - {_YEAR_ONE // micros}"
        text = f"'{how.prefix}' || ({number})::VARCHAR"
        written = _quoted(text) if how.prefix else f"({number})::VARCHAR"
    elif isinstance(how, Iso):
        written = f"""'"' || strftime({moment}, '%Y-%m-%d{how.between}%H:%M:%S{how.ending}') || '"'"""
    else:
        return None
    # Beyond these years the functions fail, also where nobody looks at their result.
    return f"CASE WHEN {_within(form, kind, value)} THEN {written} END"


def _offset(zone: dt.tzinfo) -> dt.timedelta | None:
    """Return the offset of a time zone that has one and the same at all times; None for others."""
    return zone.utcoffset(None)


def _utc(form: ValueForm, kind: SqlType, value: str) -> str | None:
    """Return the SQL of a moment as a timestamp in UTC."""
    if kind.zoned:
        return f"timezone('UTC', {value})"
    moment = value if kind.name == "TIMESTAMP" else f"make_timestamp(epoch_us({value}))"
    offset = _offset(form.time_zone)
    if offset is not None:
        return f"({moment} - INTERVAL ({offset.total_seconds():.0f}) SECOND)" if offset else moment
    key = _zone_name(form.time_zone)
    return None if key is None else f"timezone('UTC', timezone({literal(key)}, {moment}))"


def _zone_name(zone: dt.tzinfo) -> str | None:
    name: object = getattr(zone, "key", None)
    return name if isinstance(name, str) else None


def _within(form: ValueForm, kind: SqlType, value: str) -> str:
    """Return the condition that a date, or a moment, lies where SQL and Python surely agree."""
    # Nanoseconds reach from 1677 to 2262, so that the other years are none that they compare with.
    if kind.name == "TIMESTAMPTZ_NS":
        return f"isfinite({value}::TIMESTAMPTZ)"
    if kind.name == "TIMESTAMP_NS" and _is_fixed(form, kind):
        return f"isfinite({value})"
    first, last = _DAYS if _is_fixed(form, kind) else _ZONED_DAYS
    zone = " 00:00:00+00" if kind.zoned else ""
    return f"{value} BETWEEN '{first}{zone}' AND '{last}{zone}'"


def _is_fixed(form: ValueForm, kind: SqlType) -> bool:
    return kind.family == "date" or kind.zoned or _offset(form.time_zone) is not None


def _holder(form: ValueForm, kind: SqlType, value: str, depth: int) -> str | None:
    one = quoted(f"netaudience entry {depth}")
    if kind.family == "struct":
        members: list[str] = []
        for name, part in kind.parts:
            text = _text(form, part, f"{value}[{literal(name)}]", depth)
            if text is None:
                return None
            members.append(f"{literal(orjson.dumps(name).decode() + ':')} || coalesce({text}, 'null')")
        listed = " || ',' || ".join(members)
        return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {listed} || '}}' END"
    part = kind.parts[-1][1]
    if kind.family == "map":
        text = _text(form, part, f"{one}.value", depth + 1)
        name = _quoted(f"{one}.key::VARCHAR")
        entry, entries, marks = f"{name} || ':' || coalesce({text}, 'null')", f"map_entries({value})", "{}"
    else:
        text = _text(_entry_form(form, part), part, one, depth + 1)
        entry, entries, marks = f"coalesce({text}, 'null')", value, "[]"
    if text is None:
        return None
    joined = f"array_to_string(list_transform({entries}, lambda {one}: {entry}), ',')"
    return f"'{marks[0]}' || {joined} || '{marks[1]}'"


def _entry_form(form: ValueForm, part: SqlType) -> ValueForm:
    """Return the form of a list's entries: numbers are texts where the vendor's lists hold texts."""
    numbers = {"truth", "whole", "big", "single", "double", "decimal"}
    texts = form.lists is not None and form.lists.distinct_texts and part.family in numbers
    return TEXT if texts else form


def _odd(form: ValueForm, kind: SqlType, value: str, depth: int) -> str | None:
    if form.text and kind.family in {"truth", "moment", "list", "struct", "map"}:
        return f"{value} IS NOT NULL"
    match kind.family:
        case "big":
            return None if form.text else f"length({value}::VARCHAR) > {_SURE_WHOLE}"
        case "single" | "double":
            return _odd_float(form, kind, value)
        case "decimal":
            return None if form.text else _odd_decimal(kind, value)
        case "date" | "moment":
            return _odd_time(form, kind, value)
        case "json":
            known = "'VARCHAR', 'BIGINT', 'UBIGINT', 'NULL'" + ("" if form.text else ", 'BOOLEAN'")
            return f"(json_type({value}) NOT IN ({known}) OR starts_with({_inside(value)}, '{TYPED}'))"
        case "list" | "struct" | "map":
            return _odd_holder(form, kind, value, depth)
        case "bytes":
            return f"{value} IS NOT NULL"
        case _:
            return None


def _odd_float(form: ValueForm, kind: SqlType, value: str) -> str:
    least, most = _USUAL_FLOATS
    most = min(_EXACT, most) if form.text else most
    odd = f"NOT isfinite({value}) OR abs({value}) >= {most:.0f} OR ({value} <> 0 AND abs({value}) < {least})"
    if kind.family == "single":
        # Where a number has few digits, DuckDB may write them all although fewer would tell it.
        text = f"{value}::VARCHAR"
        odd += f" OR (length({text}) > 8 AND {text}::DOUBLE = {value}::DOUBLE)"
    return f"({odd})"


def _odd_decimal(kind: SqlType, value: str) -> str | None:
    if not kind.scale:
        return f"length({value}::VARCHAR) > {_SURE_WHOLE}"
    digits = f"ltrim(replace(replace({value}::VARCHAR, '-', ''), '.', ''), '0')"
    return f"(length({digits}) > {_SURE_DIGITS} OR ({value} <> 0 AND abs({value}) < {_USUAL_FLOATS[0]}))"


def _odd_time(form: ValueForm, kind: SqlType, value: str) -> str:
    if form.moment is None and not form.text:
        return f"{value} IS NOT NULL"
    odd = f"NOT ({_within(form, kind, value)})"
    if _is_fixed(form, kind):
        return odd
    # A time that the clocks pass twice, or never, is near a change of the offset.
    zone, moment = literal(_zone_name(form.time_zone) or "UTC"), f"make_timestamp(epoch_us({value}))"
    after, before = (f"epoch_us(timezone({zone}, {moment} {sign} INTERVAL 1 DAY))" for sign in ("+", "-"))
    return f"CASE WHEN {odd} THEN true ELSE {after} - {before} <> 172800000000 END"


def _odd_holder(form: ValueForm, kind: SqlType, value: str, depth: int) -> str | None:
    one = quoted(f"netaudience entry {depth}")
    if kind.family == "struct":
        found = [_odd(form, part, f"{value}[{literal(name)}]", depth) for name, part in kind.parts]
        return " OR ".join(f"({odd})" for odd in found if odd is not None) or None
    part = kind.parts[-1][1]
    entries = f"map_values({value})" if kind.family == "map" else value
    inner = form if kind.family == "map" else _entry_form(form, part)
    odd = _odd(inner, part, one, depth + 1)
    found = [] if odd is None else [f"len(list_filter({entries}, lambda {one}: {odd})) > 0"]
    rule = form.lists
    if rule is not None and kind.family == "list":
        found.append(f"len({value}) > {rule.most}")
        if rule.filled:
            found.append(f"len({value}) = 0")
        if rule.distinct_texts:
            found.append(f"len(list_distinct({value})) <> len({value})")
        elif rule.one_type:
            found.append(f"len(list_filter({value}, lambda {one}: {one} IS NULL)) > 0")
        if part.family in {"json", "struct", "map", "list"}:
            found.append(f"len({value}) > 0")
    return " OR ".join(f"({one})" for one in found) or None
