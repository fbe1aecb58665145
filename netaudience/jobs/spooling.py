"""Data that can be read only once, kept in a temporary file: standard input, Python's own, SQLite's rows.

Memory does not grow with it. What cannot be written as JSON becomes a row with a problem, and the rest goes
on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import sqlite3
import sys
import uuid
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, cast

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.database import import_arrow, telling
from netaudience.jobs.files import PROBLEM
from netaudience.jobs.values import number_of
from netaudience.wire import dump_json

__all__ = [
    "AnyData",
    "Records",
    "check_data",
    "digest_of",
    "is_sqlite",
    "spool_arrow",
    "spool_async",
    "spool_records",
    "spool_sqlite",
    "spool_stdin",
]

Records: TypeAlias = Iterable[Mapping[str, object]]
"""Rows as mappings of a column's name to its value."""

AnyData: TypeAlias = (
    Records | AsyncIterable[Mapping[str, object]] | AsyncIterable[list[Mapping[str, object]]] | Any
)
"""What Python has: mappings, one by one or in lists, at once or asynchronously; or anything that gives an
Arrow stream (``__arrow_c_stream__``), as the tables of Arrow, pandas, Polars and DuckDB do."""

_SQLITE = b"SQLite format 3\x00"


def check_data(data: object) -> None:
    """Refuse what is never meant as rows.

    Raises:
        ConfigurationError: a text, a mapping, or nothing that can be iterated.
    """
    if hasattr(data, "__arrow_c_stream__"):
        return
    if isinstance(data, AsyncIterable):
        raise ConfigurationError(
            "The data comes asynchronously: await gather_data(…) instead of open_data(…)"
        )
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        kind = type(cast("object", data)).__name__  # type: ignore[redundant-cast] # pyright's need
        raise ConfigurationError(
            f"A value of type {kind} is no source: give mappings of column to value, one for each row, "
            "or a table"
        )


class Spool:
    """A file of JSON lines that is written row by row."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add(self, record: object) -> None:
        """Write one row, or what is wrong with it."""
        try:
            line = _line(record)
        except (TypeError, ValueError, RecursionError):
            line = _problem(
                "the row holds a value that JSON cannot carry: bytes, an infinite number, an object"
            )
        self._file.write(line + b"\n")

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _line(record: object) -> bytes:
    if not isinstance(record, Mapping):
        return _problem(f"the row is no mapping of column to value, but {type(record).__name__}")
    row = dict(cast("Mapping[str, object]", record))
    if not row:
        return b"{}"
    try:
        return dump_json(row)
    except TypeError:  # dates, decimals and numbers of more than 64 bits take the longer way
        return json.dumps(row, default=_plain, allow_nan=False, ensure_ascii=False).encode()


def _plain(value: object) -> object:
    match value:
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            number = number_of(str(value))
            return str(number) if isinstance(number, Decimal) else number
        case uuid.UUID():
            return str(value)
        case Mapping():
            return dict(cast("Mapping[str, object]", value))
        case tuple() | set() | frozenset():
            return list(cast("Iterable[object]", value))
        case _ if hasattr(value, "item"):  # a number of numpy
            return cast("Any", value).item()
        case _:
            raise TypeError


def _problem(sentence: str) -> bytes:
    return json.dumps({PROBLEM: sentence}).encode()


def spool_records(records: Records, path: Path) -> None:
    """Write rows.

    Raises:
        SourceFailed: the data raised; the original error is the ``__cause__``.
    """
    with closing(Spool(path)) as spool:
        try:
            for record in records:
                spool.add(record)
        except NetaudienceError:
            raise
        except Exception as error:
            raise SourceFailed(f"The data raised {type(error).__name__} while it was read") from error


async def spool_async(records: AsyncIterable[object], path: Path) -> None:
    """Write rows that come asynchronously, one by one or in lists.

    Raises:
        SourceFailed: the data raised; the original error is the ``__cause__``.
    """
    with closing(Spool(path)) as spool:
        try:
            async for given in records:
                for record in cast("list[object]", given) if isinstance(given, list) else [given]:
                    spool.add(record)
        except Exception as error:
            raise SourceFailed(f"The data raised {type(error).__name__} while it was read") from error


def spool_arrow(data: object, path: Path) -> None:
    """Write an Arrow stream as Parquet, which keeps its types.

    Raises:
        SourceFailed: the stream broke.
    """
    arrow, parquet = import_arrow(), import_arrow("parquet")
    with telling("The data"):
        reader = arrow.RecordBatchReader.from_stream(data)
        with parquet.ParquetWriter(str(path), reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def spool_stdin(path: Path) -> None:
    """Write what standard input gives."""
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)


def is_sqlite(path: Path) -> bool:
    """Return whether a file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def spool_sqlite(database: Path, sql: str, path: Path) -> None:
    """Write the rows of a query to a SQLite file, in SQLite's own SQL.

    Raises:
        ConfigurationError: the query is wrong.
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise ConfigurationError(
                    "The source's SQL must be one SELECT: a job reads its source, and nothing else"
                )
            names = [str(column[0]) for column in cursor.description]
            spool_records((dict(zip(names, row, strict=True)) for row in _rows(cursor)), path)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ConfigurationError(
            f"The source's SQL cannot be run on {database.name}: SQLite says {error}"
        ) from error


def _rows(cursor: sqlite3.Cursor) -> Iterator[tuple[object, ...]]:
    while rows := cursor.fetchmany(1000):
        yield from rows


def digest_of(path: Path) -> str:
    """Return what tells a file's content from others."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
