"""Parquet files as one relation: united by name, and only where no value is rounded by that.

The folders that a file stands in are no columns of it, unless the job says so.
"""

# ruff: noqa: S608 - every name and text that stands in the SQL is quoted

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import constant, file_list, import_arrow, quoted, telling
from netaudience.jobs.extract.files import Input, check_folders

if TYPE_CHECKING:
    import duckdb

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
#: Arrow's types of lengths of time, and what makes microseconds of one.
_MICROSECONDS = {
    "duration[s]": "* 1000000",
    "duration[ms]": "* 1000",
    "duration[us]": "",
    "duration[ns]": "// 1000",
}


def parquet_relation(inputs: Sequence[Input], connection: duckdb.DuckDBPyConnection) -> str:
    """Return the SQL that reads Parquet files.

    Raises:
        ConfigurationError: a column has types in two files of which none holds the values of the other.
        SourceFailed: a file cannot be read.
    """
    with telling(inputs[0].name):
        _check_types(inputs, connection)
        spans = _spans(inputs, connection)
    parts: list[str] = []
    for folders, group in groupby(inputs, key=lambda one: one.folders):
        paths = file_list([one.path for one in group])
        constants = "".join(f", {constant(value)} AS {quoted(name)}" for name, value in folders)
        parts.append(
            f"SELECT *{constants} FROM read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
        )
    every = " UNION ALL BY NAME ".join(parts)
    if not spans:
        return every
    return f"SELECT * REPLACE ({', '.join(f'{sql} AS {name}' for name, sql in spans.items())}) FROM ({every})"


def _spans(inputs: Sequence[Input], connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return by name the SQL of columns that hold lengths of time.

    Parquet knows none: Arrow and pandas write them as numbers of a unit, which stands beside them.

    Raises:
        ConfigurationError: files have other ones.
    """
    files = file_list([one.path for one in inputs])
    kept = f"SELECT file_name, value FROM parquet_kv_metadata({files}) WHERE key = 'ARROW:schema'"
    columns = {str(file): _columns(schema) for file, schema in connection.execute(kept).fetchall()}
    known: dict[str, tuple[str, Input]] = {}
    for one in inputs:
        for name, kind in columns.get(str(one.path), {}).items():
            other, first = known.setdefault(name, (kind, one))
            if kind != other and {kind, other} & _MICROSECONDS.keys():
                raise ConfigurationError(_other_spans(name, first, one))
    spans = {name: _MICROSECONDS[kind] for name, (kind, _) in known.items() if kind in _MICROSECONDS}
    for one in inputs if spans else ():
        if str(one.path) not in columns:
            raise ConfigurationError(_other_spans(min(spans), known[min(spans)][1], one))
    return {quoted(name): f"to_microseconds({quoted(name)} {sql})" for name, sql in spans.items()}


def _columns(schema: bytes) -> dict[str, str]:
    """Return Arrow's types of columns, by names as SQL compares them; none if it cannot read the schema."""
    try:
        fields = import_arrow("ipc").read_schema(BytesIO(b64decode(schema)))
    except (ValueError, OSError):  # it is Arrow's own, and the file can be read without
        return {}
    return {field.name.casefold(): str(field.type) for field in fields}


def _other_spans(name: str, first: Input, other: Input) -> str:
    return (
        f"The column {name!r} holds lengths of time in one of {first.name} and {other.name}, and numbers or "
        "another unit in the other: write the files alike, or give a job to each"
    )


def _check_types(inputs: Sequence[Input], connection: duckdb.DuckDBPyConnection) -> None:
    if len(inputs) == 1 and not inputs[0].folders:
        _check_names(inputs[0], connection)
        return
    alike = connection.execute(
        "SELECT min(file) FROM (SELECT file_name AS file, "
        "string_agg(concat_ws(' ', name, type, converted_type, logical_type, scale, num_children), ',') "
        "AS told "
        f"FROM parquet_schema({file_list([one.path for one in inputs])}) GROUP BY file_name) GROUP BY told"
    ).fetchall()
    by_path = {str(one.path): one for one in inputs}
    known: dict[str, tuple[str, Input]] = {}
    for (path,) in sorted(alike):
        one = by_path[str(path)]
        _check_names(one, connection)
        scan = f"read_parquet({file_list([one.path])}, hive_partitioning = false)"
        nulls = (
            f"SELECT name FROM parquet_schema({file_list([one.path])}) WHERE logical_type LIKE 'NullType%'"
        )
        empty = {str(name) for (name,) in connection.execute(nulls).fetchall()}
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        check_folders(one, (str(name) for name, *_ in described))
        for name, kind, *_ in described:
            if name in empty:
                continue
            other, first = known.setdefault(str(name).casefold(), (str(kind), one))
            if not _united(other, str(kind)):
                raise ConfigurationError(
                    f"The column {name!r} is {other} in {first.name} and {kind} in {one.name}, and one type "
                    "for both would change values: write the files alike, or give a job to each"
                )


def _check_names(one: Input, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse columns that SQL takes for one: DuckDB gives the second another name, or the first one's value.

    Raises:
        ConfigurationError: there are two.
    """
    schema = f"SELECT name, num_children FROM parquet_schema({file_list([one.path])})"
    nodes = iter(connection.execute(schema).fetchall()[1:])  # the first is what holds them all
    seen: dict[str, str] = {}
    for name, children in nodes:
        folded = str(name).casefold()
        if folded in seen:
            raise ConfigurationError(
                f"{one.name}: the columns {seen[folded]!r} and {name!r} are one to SQL, in which upper and "
                "lower case are alike: rename one"
            )
        seen[folded] = str(name)
        below = children or 0
        while below:
            below += (next(nodes)[1] or 0) - 1


def _united(one: str, other: str) -> bool:
    """Return whether a type holds the values of both."""
    if one == other or {one, other} <= _WHOLE:
        return True
    return one.startswith("DECIMAL(") and other.startswith("DECIMAL(")
