"""JSON and JSON lines: a column for every name, its type told from all rows, its digits kept.

A line that is no JSON object is a row with a problem, where it stands. What is of several types, or longer
than a machine's number, stays text as it is written.
"""

# ruff: noqa: S608 - every name and text that stands in the SQL is quoted

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError
from netaudience.jobs.database import file_list, literal, quoted, telling
from netaudience.jobs.delimited import open_bytes
from netaudience.jobs.files import PROBLEM

if TYPE_CHECKING:
    import duckdb

__all__ = ["objects_relation"]

_MARK = b"\xef\xbb\xbf"


def objects_relation(
    paths: Sequence[Path], connection: duckdb.DuckDBPyConnection, scratch: Path, *, lines: bool
) -> str:
    """Return the SQL that reads the objects of files, and what is wrong with a row.

    Args:
        paths: The files.
        connection: Reads them to tell the types.
        scratch: Where temporary files go.
        lines: Whether every line is an object; otherwise a file may be one array as well.

    Raises:
        ConfigurationError: two names differ in nothing but their case.
        SourceFailed: a file cannot be read.
    """
    unmarked: list[Path] = []
    for path in paths:
        with telling(path.name):
            unmarked.append(_without_mark(path, scratch))
    function = "read_ndjson_objects" if lines else "read_json_objects"
    how = "ignore_errors = true" if lines else "format = 'auto'"
    # Some versions of DuckDB take a line with two objects for one, and fail when they look into it.
    line = "CASE WHEN json_valid(json) THEN json END"
    relation = f"SELECT {line} AS line FROM {function}({file_list(unmarked)}, {how})"
    with telling(paths[0].name):
        types = _types(relation, connection)
    # Every line is parsed once for all of its columns: once for each would take as many times the memory.
    given = "NULL"
    if PROBLEM in types:
        given = f"row_of.{quoted(PROBLEM)}"
    selected = [f"row_of.{quoted(name)} AS {quoted(name)}" for name in types if name != PROBLEM]
    selected.append(
        "CASE WHEN line IS NULL THEN 'the line is not JSON' "
        "WHEN json_type(line) != 'OBJECT' THEN 'the line is no JSON object' "
        f"ELSE {given} END AS {quoted(PROBLEM)}"
    )
    row = f"json_transform(line, {literal(json.dumps(types, ensure_ascii=False))})" if types else "NULL"
    return f"SELECT {', '.join(selected)} FROM (SELECT line, {row} AS row_of FROM ({relation}))"


def _without_mark(path: Path, scratch: Path) -> Path:
    """Return a file that does not begin with a byte order mark, which JSON does not know."""
    with open_bytes(path) as stream:
        if stream.read(len(_MARK)) != _MARK:
            return path
        number = sum(1 for _ in scratch.iterdir())
        copy = scratch / f"{number}.json"
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
    return copy


def _types(lines: str, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the type of every name that an object has, told from all objects.

    Raises:
        ConfigurationError: two names differ in nothing but their case.
    """
    objects = f"FROM ({lines}) WHERE json_type(line) = 'OBJECT'"
    rows = connection.execute(
        "SELECT name FROM ("
        "SELECT unnest(json_keys(line)) AS name, unnest(range(len(json_keys(line)))) AS place "
        f"{objects}) WHERE name != '' GROUP BY name ORDER BY min(place), name"
    ).fetchall()
    names = [str(name) for (name,) in rows]
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise ConfigurationError(
                f"The names {other!r} and {name!r} differ in nothing but their case: rename one of them"
            )
    if not names:
        return {}
    pointers = f"[{', '.join(literal(_pointer(name)) for name in names)}]"
    found = connection.execute(
        "SELECT place, list(kind) FILTER (WHERE kind != 'NULL'), bool_or(is_long) FROM ("
        "SELECT place, kind, bool_or(kind IN ('DOUBLE', 'BIGINT', 'UBIGINT') AND length(text) > 15 "
        "AND NOT regexp_matches(text, '[.eE]')) AS is_long FROM ("
        f"SELECT unnest(range({len(names)})) AS place, unnest(json_type(line, {pointers})) AS kind, "
        f"unnest(json_extract_string(line, {pointers})) AS text {objects}) GROUP BY place, kind"
        ") GROUP BY place ORDER BY place"
    ).fetchall()
    return {
        name: _type(set(kinds or ()), is_long=bool(is_long))
        for name, (_, kinds, is_long) in zip(names, found, strict=True)
    }


def _type(kinds: set[str], *, is_long: bool) -> str:
    """Return the type of a name whose values are of these kinds."""
    if kinds & {"OBJECT", "ARRAY"}:
        return "JSON"
    if kinds == {"BIGINT", "UBIGINT"}:
        return "HUGEINT"
    if len(kinds) == 1 and kinds <= {"BOOLEAN", "BIGINT", "UBIGINT"}:
        return next(iter(kinds))
    if kinds and kinds <= {"DOUBLE", "BIGINT", "UBIGINT"} and not is_long:
        return "DOUBLE"
    # What is of several types stays as it is written, and so does a whole number longer than a machine's.
    return "VARCHAR"


def _pointer(name: str) -> str:
    """Return the JSON pointer of a name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
