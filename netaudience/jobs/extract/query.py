"""The SQL of a source: which files it names, whether it says an order, and what it must not be.

Files that a query names are read as the files of a job are: every column of a CSV is text. A query that
guesses types itself is refused, for it would take the zeros off an id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_duckdb, quoted, telling

if TYPE_CHECKING:
    import duckdb

#: Functions that guess the types of columns, unless one of the arguments says them.
_GUESSING = {
    "read_csv",
    "read_csv_auto",
    "sniff_csv",
    "read_json",
    "read_json_auto",
    "read_ndjson",
    "read_ndjson_auto",
}
_SAID = {"all_varchar", "columns", "types", "dtypes", "column_types"}


@attrs.frozen
class Query:
    """A query as it was parsed."""

    #: Without the semicolon at its end.
    text: str
    #: What stands where a table should: names of tables, and of files.
    tables: tuple[str, ...]
    #: Names of files that are arguments of functions.
    arguments: tuple[str, ...]
    #: True where the query says in which order its rows come.
    ordered: bool


def parse_query(sql: str, connection: duckdb.DuckDBPyConnection) -> Query:
    """Look at a query without running it.

    Raises:
        ConfigurationError: it is no single SELECT, or guesses types.
    """
    with telling("The source's SQL is wrong", sql, key="sql"):
        statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != import_duckdb().StatementType.SELECT:
        raise ConfigurationError(
            "The source's SQL must be one SELECT: a job reads its source, and nothing else", key="sql"
        )
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: Any = json.loads(cast("tuple[str]", row)[0])
    tables: list[str] = []
    arguments: list[str] = []
    is_ordered = False
    if not tree["error"]:  # some statements, such as PIVOT, cannot be looked into
        node = tree["statements"][0]["node"]
        kinds = {modifier["type"] for modifier in node.get("modifiers") or ()}
        is_ordered = "ORDER_MODIFIER" in kinds
        for part in _parts(node):
            if part.get("type") == "BASE_TABLE":
                tables.append(str(part["table_name"]))
            elif part.get("type") == "TABLE_FUNCTION":
                arguments.extend(_files_of(part["function"]))
    return Query(sql.strip().rstrip(";"), tuple(tables), tuple(arguments), is_ordered)


def ordered(query: Query, columns: list[str], key: tuple[str, ...]) -> str:
    """Return a query whose rows come in the same order at every reading.

    Without an ORDER BY of its own it is ordered by the key and then by every other column.
    """
    if query.ordered:
        return query.text
    names = list(dict.fromkeys([*(name for name in key if name in columns), *columns]))
    return f"SELECT * FROM (\n{query.text}\n) ORDER BY {', '.join(map(quoted, names))}"  # noqa: S608 - the job's own query


def check_twice(names: Sequence[str]) -> None:
    """Refuse the columns of a query two of which have one name.

    Raises:
        ConfigurationError: two have.
    """
    folded = [name.casefold() for name in names]
    for at, name in enumerate(names, 1):
        if folded.count(name.casefold()) > 1:
            raise ConfigurationError(
                f"The source's SQL gives two columns called {name!r}, one of which is number {at:,}: name "
                "them apart, such as users.id AS user_id",
                key="sql",
            )


def _parts(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        part = cast("dict[str, Any]", node)
        yield part
        for value in part.values():
            yield from _parts(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _parts(value)


def _files_of(function: dict[str, Any]) -> Iterator[str]:
    """Give the files that a function reads.

    Raises:
        ConfigurationError: it guesses types.
    """
    name = str(function["function_name"]).lower()
    # Here and below: the name that it has since DuckDB 2, and the one before.
    given: list[Any] = function.get("arguments") or function.get("children") or []
    if name in _GUESSING:
        said = {
            str(column).lower()
            for part in _parts(given)
            if part.get("type") == "COLUMN_REF"
            for column in cast("list[object]", part["column_names"])
        }
        said |= {str(argument.get("name", "")).lower() for argument in given}
        if not said & _SAID:
            raise ConfigurationError(
                f"The source's SQL calls {name}, which guesses types and takes the zeros off an id: name the "
                "file itself (FROM 'users.csv'), or say all_varchar = true, or columns = {…}",
                key="sql",
            )
    if name.startswith("read_") or name == "parquet_scan":
        for part in _parts(given[:1]):
            found = part.get("literal") or part.get("value")
            if isinstance(found, dict):
                constant = cast("dict[str, object]", found)
                text = constant.get("text") or constant.get("value")
                if isinstance(text, str):
                    yield text
