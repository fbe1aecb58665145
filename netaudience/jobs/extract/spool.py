"""Data that can be read only once, kept in a temporary file of JSON lines: standard input, Python's own.

Memory does not grow with it. A value that cannot be written makes its row one with a problem, which keeps
what else it holds, and the rest goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.columns.read_values import TYPED
from netaudience.jobs.extract.blocks import Pipe
from netaudience.jobs.formats import PROBLEM
from netaudience.model.scalars import plain_of, text_of
from netaudience.model.wire import dump_json

Records: TypeAlias = Iterable[Mapping[str, object]]
"""Rows as mappings of a column's name to its value."""

AnyData: TypeAlias = (
    Records | AsyncIterable[Mapping[str, object]] | AsyncIterable[list[Mapping[str, object]]] | Any
)
"""What Python has: mappings, one by one or in lists, at once or asynchronously; or anything that gives an
Arrow stream (``__arrow_c_stream__``), as the tables of Arrow, pandas, Polars and DuckDB do."""

#: The file that standard input is kept in.
PIPE = "standard-input"
_UNFIT = "holds a value that JSON cannot carry: bytes, an infinite number, an object"


@attrs.frozen
class Spooled:
    """What is known of data besides the file that it was written to."""

    path: Path
    #: DuckDB's types of the columns that hold days or points in time.
    kinds: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: What tells the content from others.
    digest: str | None = None


class Unwritable(ValueError):
    """A value that has no form in JSON; the text completes "the column …"."""


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
        self._path = path
        self._file = path.open("wb")
        #: The kinds of days and points in time that each column holds.
        self._kinds: dict[str, set[str]] = {}

    def add(self, record: object) -> None:
        """Write one row, or what is wrong with it."""
        self._file.write(self._line(record) + b"\n")

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def spooled(self) -> Spooled:
        """Return what is known of the rows."""
        kinds: dict[str, str] = {}
        for name, found in self._kinds.items():
            if len(found) == 1:
                kinds[name] = next(iter(found))
            elif found == {"DATE", "TIMESTAMP"}:
                kinds[name] = "TIMESTAMP"
            else:
                kinds[name] = "JSON"
        return Spooled(self._path, kinds)

    def _line(self, record: object) -> bytes:
        if not isinstance(record, Mapping):
            return _problem(f"the row is no mapping of column to value, but {type(record).__name__}")
        row = dict(cast("Mapping[str, object]", record))
        if not row:
            return b"{}"
        try:
            return dump_json(row)
        except (TypeError, ValueError, RecursionError):  # days, decimals, numbers of more than 64 bits
            return self._piece_by_piece(row)

    def _piece_by_piece(self, row: Mapping[str, object]) -> bytes:
        parts: list[str] = []
        problem = ""
        for name, value in row.items():
            try:
                text = self._text(str(name), value)
            except Unwritable as error:
                problem = problem or f"the column {str(name)!r} {error}"
            except (TypeError, ValueError, RecursionError):
                problem = problem or f"the column {str(name)!r} {_UNFIT}"
            else:
                parts.append(f"{json.dumps(str(name))}: {text}")
        if problem:
            parts.append(f"{json.dumps(PROBLEM)}: {json.dumps(problem)}")
        return f"{{{', '.join(parts)}}}".encode()

    def _text(self, name: str, value: object) -> str:
        plain = plain_of(value)
        match plain:
            case dt.datetime():
                kind = "TIMESTAMP" if plain.tzinfo is None else "TIMESTAMP WITH TIME ZONE"
            case dt.date():
                kind = "DATE"
            case _:
                return _json(plain)
        self._kinds.setdefault(name, set()).add(kind)
        return _json(plain)


def _json(value: object) -> str:
    """Return a value as JSON with all its digits, days and points in time marked as such."""
    plain = plain_of(value)
    match plain:
        case Unwritable():
            raise plain
        case None | str() | bool() | int() | float():
            return json.dumps(plain, ensure_ascii=False, allow_nan=False)
        case Decimal() if plain.is_finite():
            return format(plain, "f")
        case dt.date():
            return f'"{TYPED}{plain.isoformat()}"'
        case dt.time() | uuid.UUID():
            return f'"{text_of(plain)}"'
        case Mapping():
            pairs = cast("Mapping[object, object]", plain).items()
            return f"{{{', '.join(f'{json.dumps(str(name))}: {_json(one)}' for name, one in pairs)}}}"
        case set() | frozenset():
            return f"[{', '.join(sorted(map(_json, cast('Iterable[object]', plain))))}]"
        case _ if isinstance(plain, list | tuple) or type(plain).__name__ == "ndarray":
            return f"[{', '.join(map(_json, cast('Iterable[object]', plain)))}]"
        case _:
            return dump_json(plain).decode()


def _problem(sentence: str) -> bytes:
    return json.dumps({PROBLEM: sentence}).encode()


def spool_records(records: Records, path: Path) -> Spooled:
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
        return spool.spooled()


async def spool_async(records: AsyncIterable[object], path: Path) -> Spooled:
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
        return spool.spooled()


def spool_stdin(scratch: Path, pipe: Pipe | None = None) -> Path:
    """Write what standard input gives to a file."""
    path = scratch / PIPE
    pipe = pipe or Pipe()
    with closing(pipe), path.open("wb") as file:
        while chunk := pipe.read():
            file.write(chunk)
    return path
