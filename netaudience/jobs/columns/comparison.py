"""The rows of a step as SQL that a comparison is made of: key, a hash of what is sent, and the effect.

What only rows that differ need is a column of the outer query, and is computed for those alone.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from netaudience.jobs.columns.duckdb import literal, quoted
from netaudience.jobs.columns.effects import Effect, entry_name
from netaudience.jobs.columns.hashing import Part, check_sql, constant_part, define_canonical, hash_sql
from netaudience.jobs.columns.selection import KEY, SOURCE, Selection, find_column, key_sql, type_of, wrap
from netaudience.jobs.columns.typed import Columns

if TYPE_CHECKING:
    import duckdb

CONDITION_FAILS = "the step's where cannot be computed from this row"

_ROW, _PROBLEM, _WHERE, _HASH = (
    quoted(f"netaudience {name}") for name in ("row", "problem", "where", "hash")
)
_KEY = quoted(KEY)


@attrs.frozen
class Asking:
    """What a step's rows ask for, as SQL."""

    #: A query of all rows of the step, each with its number and its hash, and of what `outer` needs.
    inner: str
    #: The number and the hash of a row.
    row: str
    hash: str
    #: By name the other columns, over the inner ones.
    outer: Mapping[str, str]


def asking_sql(  # noqa: PLR0913, PLR0917 - what the SQL is made of
    selection: Selection,
    effect: Effect,
    key: Sequence[str],
    columns: Columns,
    problem: str,
    connection: duckdb.DuckDBPyConnection,
) -> Asking:
    """Return the SQL of a step's rows over the view `SOURCE`.

    Args:
        selection: What is sent of a row, and which rows.
        effect: How the effect of a row is known.
        key: The columns that identify a row.
        columns: The source's columns.
        problem: The SQL of what is wrong with a row.
        connection: Tells the types of expressions, and is where the query may run.

    Raises:
        ConfigurationError: a column is missing, or an expression is no SQL.
    """
    inner = [f"{key_sql(key, columns)} AS {_KEY}", f"{problem} AS {_PROBLEM}"]
    parts: dict[str, Part] = {}
    for number, (name, expression) in enumerate(selection.fields.items()):
        own = quoted(f"netaudience {number}")
        if expression.column is not None:
            column = find_column(expression.column, columns, f"The field {name!r}")
            inner.append(f"{columns.sql(column)} AS {own}")
            parts[name] = Part(columns[column], own, is_text=name in selection.texts)
        elif expression.sql is not None:
            kind = type_of(expression.sql, f"The SQL of the field {name!r}", columns, connection)
            # Expressions may end in a comment: what follows them stands on a line of its own.
            sql = f"(\n{expression.sql}\n)"
            wrapped = wrap(sql, columns, connection)
            inner.append(f"{wrapped or sql} AS {own}")
            value, fails = (own, None) if wrapped is None else (f"{own}.v", f"{own} IS NULL")
            parts[name] = Part(kind, value, fails, is_text=name in selection.texts)
        else:
            parts[name] = constant_part(expression.value)
    if selection.where is not None:
        sql = f"(\n{selection.where}\n)::BOOLEAN"
        inner.append(f"{wrap(sql, columns, connection) or f'struct_pack(v := {sql})'} AS {_WHERE}")
    rows = f"SELECT row_number() OVER () AS {_ROW}, * FROM (SELECT {', '.join(inner)} FROM {SOURCE})"
    if selection.where is not None:
        failed = f"coalesce({_PROBLEM}, CASE WHEN {_WHERE} IS NULL THEN {literal(CONDITION_FAILS)} END)"
        held = f"coalesce({_WHERE}.v, {_WHERE} IS NULL OR {_PROBLEM} IS NOT NULL)"
        rows = f"SELECT * REPLACE ({failed} AS {_PROBLEM}) FROM ({rows}) WHERE {held}"
    digest = hash_sql(_KEY, parts, selection.salt)
    define_canonical(connection, digest)
    fit = f"CASE WHEN {_PROBLEM} IS NULL AND {_KEY} IS NOT NULL THEN {digest} END"
    return Asking(f"SELECT *, {fit} AS {_HASH} FROM ({rows})", _ROW, _HASH, _outer(effect, parts))


def _outer(effect: Effect, parts: Mapping[str, Part]) -> dict[str, str]:
    """Return the columns that are computed for rows that differ."""
    lacking = [f"NOT ({' OR '.join(parts[name].present for name in names)})" for names in effect.needs]
    reports = {
        "id": f"md5_number({_KEY})",
        "check": check_sql(_KEY, parts),
        "problem": f"coalesce({_PROBLEM}, CASE WHEN {_KEY} IS NULL THEN 'its key is empty' END)",
        "nothing": " OR ".join(lacking) or "false",
        "kept": "NULL",
        "target": "NULL",
        "entries": "NULL",
    }
    if not effect.remembered:
        return reports
    kept = ", ".join(f"{literal(name)}: {parts[name].plain}" for name in effect.kept)
    target = f"coalesce({', '.join(_named(name, parts[name], exact) for name, exact in effect.target)})"
    return {
        **reports,
        "kept": f"CASE WHEN {target} IS NOT NULL THEN to_json({{{kept}}})::VARCHAR END",
        "target": f"md5_number({target})",
        "entries": _entries(effect, parts),
    }


def _named(name: str, part: Part, exact: bool) -> str:  # noqa: FBT001 - as the kind says
    """Return the SQL of an identity with the name of its field; NULL where it has none."""
    return f"({literal(name + ' ')} || {part.text if exact else f'lower({part.text})'})"


def _entries(effect: Effect, parts: Mapping[str, Part]) -> str:
    """Return the SQL of the list of entries that a row asks for; one without a name is the whole effect."""
    named = {name: literal(entry_name(*where)) for name, where in effect.entries.items()}
    single = [f"CASE WHEN {parts[name].present} THEN {entry} END" for name, entry in named.items()]
    lists = [f"[entry FOR entry IN [{', '.join(single)}] IF entry IS NOT NULL]"] if single else []
    for name in effect.mappings:
        before = literal(entry_name(name, ""))
        lists.append(f"coalesce([{before} || entry FOR entry IN json_keys({parts[name].plain})], [])")
    if not lists:
        return "['']"
    return lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"
