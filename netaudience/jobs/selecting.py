"""What one step reads of a source, as SQL: its fields, its condition, and a hash over what is sent.

An expression that fails on a row is told of that row alone. The hash covers the values that go out, the
names they go out by, and what the caller adds: so a changed mapping sends again.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from netaudience.errors import ConfigurationError, column_name
from netaudience.jobs.database import Batch, import_duckdb, literal, quoted, telling
from netaudience.jobs.values import BadValue, Reader, outward
from netaudience.jobs.words import Expression
from netaudience.wire import JsonValue

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "SOURCE",
    "Compiled",
    "Selection",
    "compile_selection",
    "find_column",
    "key_sql",
    "read_fields",
    "salt_of",
]

#: The view that everything is read from; every connection has its own, in the order of its catalogs.
SOURCE = 'temp.main."netaudience source"'

_FAILS = "cannot be computed: its SQL fails on this row (try_cast gives NULL instead)"


@attrs.frozen(kw_only=True)
class Selection:
    """What one step wants of every row."""

    fields: Mapping[str, Expression]
    #: An SQL condition; rows that do not hold are left out.
    where: str | None = None
    #: What the hash covers besides the fields: the operation and its arguments.
    salt: str = ""
    #: The numbers of the rows that are wanted, ascending, with what is wrong with them; all rows where it
    #: is None.
    only: Callable[[], Iterable[Sequence[tuple[int, str | None]]]] | None = None


def salt_of(operation: str, arguments: Mapping[str, JsonValue]) -> str:
    """Return a salt that tells an operation and its arguments from others."""
    return json.dumps([operation, arguments], sort_keys=True, ensure_ascii=False, default=str)


@attrs.frozen
class Compiled:
    """A selection as columns of a query."""

    #: The columns of the inner query: SQL and name.
    inner: Sequence[tuple[str, str]]
    #: The columns of the outer one, which may name the inner ones.
    outer: Sequence[tuple[str, str]]
    #: Each field's name, its column, whether it is wrapped because it may fail, and what reads its values.
    fields: Sequence[tuple[str, str, bool, Reader | None]]
    #: Constants, the same in every row.
    constants: Mapping[str, JsonValue]
    #: The column that says whether the row is wanted, if there is a condition.
    condition: str | None
    #: The column of the hash.
    hash: str


def compile_selection(
    at: int, selection: Selection, columns: Mapping[str, str], connection: duckdb.DuckDBPyConnection
) -> Compiled:
    """Turn a selection into SQL over the view `SOURCE`.

    Args:
        at: Its number among the selections that are read together.
        selection: What is wanted.
        columns: The source's columns and their types.
        connection: Tells the types of expressions.

    Raises:
        ConfigurationError: a column is missing, or an expression is no SQL.
    """
    prefix = f"netaudience {at} "
    inner: list[tuple[str, str]] = []
    fields: list[tuple[str, str, bool, Reader | None]] = []
    constants: dict[str, JsonValue] = {}
    hashed: list[str] = []
    for number, (name, expression) in enumerate(selection.fields.items()):
        own = f"{prefix}{number}"
        if expression.column is not None:
            column = find_column(expression.column, columns, f"The field {name!r}")
            sql, reader = outward(columns[column], quoted(column))
            inner.append((sql, own))
            fields.append((name, own, False, reader))
        elif expression.sql is not None:
            kind = type_of(expression.sql, f"The SQL of the field {name!r}", columns, connection)
            sql, reader = outward(kind, f"(\n{expression.sql}\n)")
            wrapped = wrap(sql, columns, connection)
            inner.append((wrapped or sql, own))
            fields.append((name, own, wrapped is not None, reader))
        else:
            constants[name] = expression.value
            continue
        hashed.append(f"{literal(name)}: {quoted(own)}")
    condition = None
    if selection.where is not None:
        condition = f"{prefix}where"
        kind = type_of(selection.where, "The SQL of the step's where", columns, connection)
        if kind != "BOOLEAN":
            raise ConfigurationError(
                f"The SQL of the step's where is {kind}: it must be true or false for a row"
            )
        sql = f"(\n{selection.where}\n)::BOOLEAN"
        wrapped = wrap(sql, columns, connection) or f"struct_pack(v := {sql})"
        inner.append((wrapped, condition))
    salt = json.dumps([selection.salt, sorted(constants.items(), key=lambda pair: pair[0])], default=str)
    body = f"to_json({{{', '.join(sorted(hashed))}}})::VARCHAR" if hashed else "''"
    hash_column = f"{prefix}hash"
    outer = [(f"md5_number_lower({body} || {literal(salt)})", hash_column)]
    return Compiled(inner, outer, fields, constants, condition, hash_column)


def read_fields(compiled: Compiled, batch: Batch) -> list[dict[str, object]]:
    """Return the fields of every row of a batch; what is NULL is left out."""
    columns = [_values(batch.column(own), wrapped, reader) for _, own, wrapped, reader in compiled.fields]
    names = [name for name, _, _, _ in compiled.fields]
    constants = compiled.constants
    return [
        {**constants, **{name: value for name, value in zip(names, row, strict=True) if value is not None}}
        for row in (zip(*columns, strict=True) if columns else [()] * batch.num_rows)
    ]


def _values(column: Batch, wrapped: bool, reader: Reader | None) -> list[object]:  # noqa: FBT001 - as it was compiled
    if not wrapped:
        values: list[object] = column.to_pylist()
        return values if reader is None else list(map(reader, values))
    inside = column.field(0).to_pylist()
    values = inside if reader is None else list(map(reader, inside))
    if column.null_count:
        failed = BadValue(_FAILS)
        values = [
            value if valid else failed
            for value, valid in zip(values, column.is_valid().to_pylist(), strict=True)
        ]
    return values


def find_column(name: str, columns: Mapping[str, str], who: str) -> str:
    """Return a column of the source by its name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name in columns:
        return name
    folded = {column.casefold(): column for column in columns}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    meant = f"did you mean {column_name(folded[near[0]])!r}? " if near else ""
    told = ", ".join(map(column_name, list(columns)[:30])) or "none"
    raise ConfigurationError(
        f"{who} is made of the column {name!r}, which the source does not have: {meant}It has {told}"
    )


def key_sql(key: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the SQL of a row's key as text: a column's value, or a JSON array of several; NULL if one is.

    Raises:
        ConfigurationError: there is no such column.
    """
    if not key:
        return "NULL::VARCHAR"
    names = [find_column(name, columns, "The key of the source") for name in key]
    texts = [f"nullif(({outward(columns[name], quoted(name))[0]})::VARCHAR, '')" for name in names]
    if len(texts) == 1:
        return texts[0]
    missing = " OR ".join(f"{text} IS NULL" for text in texts)
    return f"CASE WHEN NOT ({missing}) THEN to_json([{', '.join(texts)}])::VARCHAR END"


def type_of(sql: str, what: str, columns: Mapping[str, str], connection: duckdb.DuckDBPyConnection) -> str:
    """Return the type of an expression, which makes one value of one row.

    Raises:
        ConfigurationError: it does not.
    """
    with telling(f"{what} is wrong", sql, 1):
        kinds = _types(f"\n{sql}\n", columns, connection)
    if len(kinds) != 1:
        raise ConfigurationError(f"{what} is wrong: it makes more than one value of a row")
    return kinds[0]


def wrap(sql: str, columns: Mapping[str, str], connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the SQL that is NULL where an expression fails; None where DuckDB cannot tell."""
    wrapped = f"try(struct_pack(v := {sql}))"
    try:
        _types(wrapped, columns, connection)
    except import_duckdb().BinderException:  # random(), or a query within the expression
        return None
    return wrapped


def _types(sql: str, columns: Mapping[str, str], connection: duckdb.DuckDBPyConnection) -> list[str]:
    # The column beside it makes DuckDB refuse what sums up rows.
    beside = quoted(next(iter(columns)))
    rows = connection.execute(f"DESCRIBE SELECT {beside}, ({sql}) FROM {SOURCE}").fetchall()
    return [str(row[1]) for row in rows[1:]]
