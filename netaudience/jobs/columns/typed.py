"""The columns of a source: what their values are as they are sent, and which SQL reads those.

Where a job writes SQL it may see another type: the columns of JSON are of one type each there, and a typed
column of a CSV is still text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netaudience.jobs.columns.duckdb import quoted

if TYPE_CHECKING:
    import duckdb

_WHOLE = "-?(0|[1-9][0-9]{0,17})"
#: What a floating number keeps: 15 digits, the last one of which says something.
_FRACTION = "-?(0|[1-9][0-9]{0,14})\\.[0-9]{0,14}[1-9]"


class Columns(dict[str, str]):
    """The names of columns with DuckDB's types of their values as they are sent."""

    def __init__(self, kinds: Mapping[str, str], read: Mapping[str, str] | None = None) -> None:
        """Take the types.

        Args:
            kinds: The type of every column.
            read: The SQL that reads a column's values, where it is not the column's own name.
        """
        super().__init__(kinds)
        self._read = read or {}

    @property
    def alike(self) -> list[str]:
        """Names that differ from another in nothing but their case, which SQL cannot tell apart."""
        folded = [name.casefold() for name in self]
        return [name for name in self if folded.count(name.casefold()) > 1]

    def sql(self, name: str) -> str:
        """Return the SQL that reads a column's values as they are sent."""
        return self._read.get(name) or quoted(name)


def typed_columns(
    columns: Columns, wanted: tuple[str, ...], view: str, connection: duckdb.DuckDBPyConnection
) -> Columns:
    """Return columns in which those of text that hold nothing but numbers, truths or JSON are such.

    Each is decided as a whole, and stays text where a single value would lose a digit or a zero.

    Args:
        columns: All columns.
        wanted: Those that are looked at.
        view: Where they are read.
        connection: Reads them.
    """
    texts = [name for name in wanted if columns[name] == "VARCHAR"]
    if not texts:
        return columns
    asked: list[str] = []
    for name in texts:
        own = columns.sql(name)
        plain = f"regexp_full_match({own}, '{_WHOLE}')"
        fraction = f"(regexp_full_match({own}, '{_FRACTION}') AND length(replace({own}, '-', '')) <= 16)"
        nested = f"(regexp_matches({own}, '^[{{\\[]') AND json_valid({own}))"
        asked.append(
            f"bool_and({plain} OR {fraction}) OR bool_and({own} IN ('true', 'false')) OR bool_and({nested})"
        )
    row = connection.execute(f"SELECT {', '.join(asked)} FROM {view}").fetchone()  # noqa: S608 - names are quoted
    found = [name for name, fits in zip(texts, row or (), strict=True) if fits]
    kinds = {**columns, **dict.fromkeys(found, "JSON")}
    read = {name: columns.sql(name) for name in columns}
    read.update({name: f"({columns.sql(name)})::JSON" for name in found})
    return Columns(kinds, read)
