"""The rows of a query to a SQLite file, kept as JSON lines: SQLite has a type for a value, not for a column.

A text that is not UTF-8 makes its row one with a problem; the others go on.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.extract.file_type import first_bytes
from netaudience.jobs.extract.query import check_twice
from netaudience.jobs.extract.spool import Spooled, Unwritable, spool_records

_SQLITE = b"SQLite format 3\x00"
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def is_sqlite(path: Path) -> bool:
    """Return whether a file is a SQLite database."""
    return first_bytes(path).startswith(_SQLITE)


def spool_sqlite(database: Path, sql: str, path: Path) -> Spooled:
    """Write the rows of a query to a SQLite file, in SQLite's own SQL.

    Raises:
        ConfigurationError: the query is wrong.
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = _text
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise ConfigurationError(
                    "The source's SQL must be one SELECT: a job reads its source, and nothing else",
                    key="sql",
                )
            names = [str(column[0]) for column in cursor.description]
            check_twice(names)
            return spool_records((dict(zip(names, row, strict=True)) for row in _rows(cursor)), path)
    except (sqlite3.Error, sqlite3.Warning) as error:
        # What SQLite quotes may be a text of the query.
        words = _QUOTED.sub("…", str(error))
        raise ConfigurationError(
            f"The source's SQL cannot be run on {database.name}: SQLite says {words}", key="sql"
        ) from None


def _text(raw: bytes) -> object:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Unwritable("holds text that is not UTF-8: write it anew in the database, or leave it out")


def _rows(cursor: sqlite3.Cursor) -> Iterator[tuple[object, ...]]:
    while rows := cursor.fetchmany(1000):
        yield from rows
