"""What one step reads of a source, as SQL: its fields, its condition, and a hash over what is sent.

An expression that fails on a row is told of that row alone. The hash covers the values that go out, the
names they go out by, and what the caller adds: so a changed mapping sends again.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import attrs

from netaudience.dead_letter import By
from netaudience.errors import ConfigurationError, column_name
from netaudience.jobs.columns.duckdb import Batch, import_duckdb, quoted, telling
from netaudience.jobs.columns.hashing import Part, check_sql, constant_part, define_canonical, hash_sql
from netaudience.jobs.columns.projection import Column, Projector
from netaudience.jobs.columns.read_values import BadValue, Reader, json_text, outward
from netaudience.jobs.columns.typed import Columns
from netaudience.jobs.spec.diagnostics import no_column
from netaudience.jobs.spec.model import Expression
from netaudience.model.wire import JsonValue

if TYPE_CHECKING:
    import duckdb

#: The view that everything is read from; every connection has its own, in the order of its catalogs.
SOURCE = 'temp.main."netaudience source"'
#: The column of a row's key as text.
KEY = "netaudience key"

_FAILS = "cannot be computed: its SQL fails on this row (try_cast gives NULL instead)"


class Problem(NamedTuple):
    """Why a row cannot be sent."""

    reason: str
    #: Who decided it.
    by: By = "source"
    #: What stands there, where it is no row, and which line of which file that is.
    text: str | None = None
    place: str = ""


Only: TypeAlias = Callable[[], Iterator[Sequence[tuple[int, Problem | None]]]]
"""Gives the numbers of rows, ascending, with what is wrong with them."""

Expected: TypeAlias = Callable[[], Iterator[Batch]]
"""Gives, as batches of two columns, the numbers of rows, ascending, and the check that each must have."""


@attrs.frozen(kw_only=True)
class Selection:
    """What one step wants of every row."""

    fields: Mapping[str, Expression]
    #: An SQL condition; rows that do not hold are left out.
    where: str | None = None
    #: What the hash covers besides the key and the fields: the operation and its arguments.
    salt: str = ""
    #: The fields that are sent as text, of whatever type their column is.
    texts: Collection[str] = ()
    #: False where nobody asks for hashes, which cost more than reading.
    hashed: bool = True
    #: What makes the items of the rows in SQL; None where they are made of the fields, row by row.
    item: Projector | None = None
    #: The numbers of the rows that are wanted, ascending, with what is wrong with them; all rows where it
    #: is None.
    only: Only | None = None
    #: The checks of all rows that were compared, those without that have a problem; the reading breaks off
    #: at the first that is another. None where nothing was compared.
    expected: Expected | None = None
    #: Whether somebody may want a row as it came, with all columns of the source.
    whole: bool = False


def salt_of(operation: str, arguments: Mapping[str, JsonValue]) -> str:
    """Return a salt that tells an operation and its arguments from others."""
    return json.dumps([operation, arguments], sort_keys=True, ensure_ascii=False, default=str)


@attrs.frozen
class Compiled:
    """A selection as columns of a query."""

    #: The columns of the innermost query: expressions that are computed once, and their names.
    computed: Sequence[tuple[str, str]]
    #: The columns of the inner query: SQL and name.
    inner: Sequence[tuple[str, str]]
    #: Columns of the inner query that only the outer one looks at.
    hidden: Sequence[tuple[str, str]]
    #: The columns of the outer one, which may name the inner ones.
    outer: Sequence[tuple[str, str]]
    #: Each field's name, its column, whether it is wrapped because it may fail, and what reads its values.
    fields: Sequence[tuple[str, str, bool, Reader | None]]
    #: Constants, the same in every row.
    constants: Mapping[str, JsonValue]
    #: The column that says whether the row is wanted, if there is a condition.
    condition: str | None
    #: The column of the hash; empty where nobody asks for it.
    hash: str
    #: The column of the check; empty where nothing was compared.
    check: str
    #: The columns of the item's key and of its text, if items are made in SQL; the second may be missing.
    item: tuple[str, str | None] | None = None
    #: What each field is made of; a column by the name that the source has.
    expressions: Mapping[str, Expression] = attrs.field(factory=dict[str, Expression])
    #: Each column of the source, where rows are wanted as they came: its name, its column here, its reader,
    #: and whether it is there where it holds nothing.
    whole: Sequence[tuple[str, str, Reader | None, bool]] = ()


def compile_selection(
    at: int, selection: Selection, columns: Columns, connection: duckdb.DuckDBPyConnection
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
    computed: list[tuple[str, str]] = []
    inner: list[tuple[str, str]] = []
    values: dict[str, Column] = {}
    fields: list[tuple[str, str, bool, Reader | None]] = []
    constants: dict[str, JsonValue] = {}
    expressions = {name: _resolved(name, one, columns) for name, one in selection.fields.items()}
    for number, (name, expression) in enumerate(expressions.items()):
        own = f"{prefix}{number}"
        if (column := expression.column) is not None:
            sql, reader = outward(columns[column], columns.sql(column))
            values[name] = Column(columns[column], columns.sql(column))
            inner.append((sql, own))
            fields.append((name, own, False, reader))
        elif expression.sql is not None:
            kind = type_of(expression.sql, f"The SQL of the field {name!r}", columns, connection)
            wrapped = wrap(f"(\n{expression.sql}\n)", columns, connection)
            once = f"{prefix}computed {number}"
            computed.append((wrapped or f"(\n{expression.sql}\n)", once))
            value = quoted(once) if wrapped is None else f"struct_extract({quoted(once)}, 'v')"
            sql, reader = outward(kind, value)
            if wrapped is not None:
                sql = f"CASE WHEN {quoted(once)} IS NOT NULL THEN struct_pack(v := {sql}) END"
            values[name] = Column(kind, value, None if wrapped is None else f"{quoted(once)} IS NOT NULL")
            inner.append((sql, own))
            fields.append((name, own, wrapped is not None, reader))
        else:
            constants[name] = expression.value
            continue
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
    outer: list[tuple[str, str]] = []
    hidden: list[tuple[str, str]] = []
    if selection.hashed or selection.expected is not None:
        made = _parts(values, prefix, hidden, selection.texts)
        parts = {name: made.get(name) or constant_part(constants[name]) for name in expressions}
        outer += _digests(selection, parts, prefix, connection)
    item = _item(selection, values, prefix, inner, hidden, outer)
    whole = _whole(columns, prefix, inner) if selection.whole else ()
    return Compiled(
        computed,
        inner,
        hidden,
        outer,
        fields,
        constants,
        condition,
        f"{prefix}hash" if selection.hashed else "",
        f"{prefix}check" if selection.expected is not None else "",
        item,
        expressions,
        whole,
    )


def _resolved(name: str, expression: Expression, columns: Columns) -> Expression:
    """Return what a field is made of, a column by the name that the source has."""
    if expression.column is None:
        return expression
    return attrs.evolve(expression, column=find_column(expression.column, columns, f"The field {name!r}"))


def _whole(
    columns: Columns, prefix: str, inner: list[tuple[str, str]]
) -> list[tuple[str, str, Reader | None, bool]]:
    """Add the columns of the source that are not read for a field."""
    known = dict(inner)
    whole: list[tuple[str, str, Reader | None, bool]] = []
    for number, (name, kind) in enumerate(columns.items()):
        sql, reader = outward(kind, columns.sql(name))
        if sql not in known:
            known[sql] = f"{prefix}whole {number}"
            inner.append((sql, known[sql]))
        # An object of JSON that does not name something is one without it.
        whole.append((name, known[sql], reader, kind != "JSON"))
    return whole


def _parts(
    values: Mapping[str, Column], prefix: str, hidden: list[tuple[str, str]], texts: Collection[str]
) -> dict[str, Part]:
    """Return the fields as hash and check are made of them, whose values become hidden columns."""
    parts: dict[str, Part] = {}
    for number, (name, column) in enumerate(values.items()):
        own, fails = f"{prefix}value {number}", f"{prefix}fails {number}"
        hidden.append((column.sql, own))
        if column.computed is not None:
            hidden.append((f"NOT ({column.computed})", fails))
        failing = None if column.computed is None else quoted(fails)
        parts[name] = Part(column.kind, quoted(own), failing, is_text=name in texts)
    return parts


def _digests(
    selection: Selection, parts: Mapping[str, Part], prefix: str, connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[str, str]]:
    """Give the columns of what a row is known again by."""
    if selection.expected is not None:
        yield check_sql(quoted(KEY), parts), f"{prefix}check"
    if selection.hashed:
        digest = hash_sql(quoted(KEY), parts, selection.salt)
        define_canonical(connection, digest)
        yield digest, f"{prefix}hash"


def _item(  # noqa: PLR0913, PLR0917 - what a query is made of
    selection: Selection,
    values: Mapping[str, Column],
    prefix: str,
    inner: list[tuple[str, str]],
    hidden: list[tuple[str, str]],
    outer: list[tuple[str, str]],
) -> tuple[str, str | None] | None:
    """Add the columns of the items, if they are made in SQL."""
    made = None if selection.item is None else selection.item(values, f"{prefix}part ")
    if made is None:
        return None
    key, text = f"{prefix}item key", f"{prefix}item"
    inner.append((f"{made.key} || '\n'", key))  # lines are parted all at once
    if made.text is None:
        return key, None
    hidden.extend(made.parts)
    outer.append((made.text, text))
    return key, text


def read_whole(compiled: Compiled, batch: Batch) -> dict[str, object]:
    """Return the one row of a batch as it came."""
    found: dict[str, object] = {}
    for name, own, reader, always in compiled.whole:
        (value,) = _values(batch.column(own), wrapped=False, reader=reader)
        if value is not None or always:
            found[name] = value
    return found


def read_fields(compiled: Compiled, batch: Batch) -> list[dict[str, object]]:
    """Return the fields of every row of a batch; what is NULL is left out."""
    columns = [
        _values(batch.column(own), wrapped=wrapped, reader=reader)
        for _, own, wrapped, reader in compiled.fields
    ]
    names = [name for name, _, _, _ in compiled.fields]
    constants = compiled.constants
    return [
        {**constants, **{name: value for name, value in zip(names, row, strict=True) if value is not None}}
        for row in (zip(*columns, strict=True) if columns else [()] * batch.num_rows)
    ]


def _values(column: Batch, *, wrapped: bool, reader: Reader | None) -> list[object]:
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


def find_column(name: str, columns: Mapping[str, str], who: str, *, key: str | None = None) -> str:
    """Return a column of the source by its name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name in columns:
        return name
    alike = [column for column in columns if column.casefold() == name.casefold()]
    if len(alike) > 1:
        raise ConfigurationError(f"{who} is made of the column {name!r}: {alike_in_case(alike)}", key=key)
    if alike:
        return alike[0]
    raise ConfigurationError(f"{who}: {no_column(name, columns)}", key=key)


def alike_in_case(names: Sequence[str]) -> str:
    """Return what is wrong with names that SQL cannot tell apart."""
    spelled = " and ".join(repr(column_name(name)) for name in names)
    return (
        f"the names {spelled} differ in nothing but their case: name one of them exactly, as a column, or "
        "rename it where it comes from"
    )


def key_sql(key: Sequence[str], columns: Columns) -> str:
    """Return the SQL of a row's key as text: a column's value, or a JSON array of several; NULL if one is.

    Raises:
        ConfigurationError: there is no such column.
    """
    if not key:
        return "NULL::VARCHAR"
    names = [find_column(name, columns, "The key of the source", key="key") for name in key]
    texts = [f"nullif({_text(columns[name], columns.sql(name))}, '')" for name in names]
    if len(texts) == 1:
        return texts[0]
    missing = " OR ".join(f"{text} IS NULL" for text in texts)
    return f"CASE WHEN NOT ({missing}) THEN to_json([{', '.join(texts)}])::VARCHAR END"


def _text(kind: str, expression: str) -> str:
    text = json_text(expression) if kind == "JSON" else f"({outward(kind, expression)[0]})::VARCHAR"
    if kind.partition("(")[0] not in {"JSON", "FLOAT", "DOUBLE", "DECIMAL"}:
        return text
    # A key that turns from 1 into 1.0, as numbers do when one of them has a fraction, is the same key.
    number = f"try_cast({text} AS DOUBLE)"
    whole = f"abs({number}) < 9e15 AND {number} = trunc({number})"
    if kind == "JSON":
        whole = f"json_type({expression}) = 'DOUBLE' AND {whole}"
    return f"CASE WHEN {whole} THEN {number}::BIGINT::VARCHAR ELSE {text} END"


def type_of(sql: str, what: str, columns: Columns, connection: duckdb.DuckDBPyConnection) -> str:
    """Return the type of an expression, which makes one value of one row.

    Raises:
        ConfigurationError: it does not.
    """
    try:
        with telling(f"{what} is wrong", sql, 1):
            kinds = _types(f"\n{sql}\n", columns, connection)
    except ConfigurationError as error:
        words = set(re.findall(r"\w+", sql.casefold()))
        alike = [name for name in columns.alike if words & set(re.findall(r"\w+", name.casefold()))]
        if alike:
            raise ConfigurationError(f"{what} is wrong: {alike_in_case(alike)}") from error
        raise
    if len(kinds) != 1:
        raise ConfigurationError(f"{what} is wrong: it makes more than one value of a row")
    return kinds[0]


def wrap(sql: str, columns: Columns, connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the SQL that is NULL where an expression fails; None where DuckDB cannot tell."""
    wrapped = f"try(struct_pack(v := {sql}))"
    try:
        _types(wrapped, columns, connection)
    except import_duckdb().BinderException:  # random(), or a query within the expression
        return None
    return wrapped


def _types(sql: str, columns: Columns, connection: duckdb.DuckDBPyConnection) -> list[str]:
    # The column beside it makes DuckDB refuse what sums up rows.
    beside = columns.sql(next(iter(columns)))
    rows = connection.execute(f"DESCRIBE SELECT {beside}, ({sql}) FROM {SOURCE}").fetchall()
    return [str(row[1]) for row in rows[1:]]
