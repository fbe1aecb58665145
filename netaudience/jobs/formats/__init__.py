"""Formats that are read row by row in Python: a file here is one, by its own name, and no list names it.

It states ``SUFFIXES`` and has a function ``rows``; the rows then go the way of all others. A file whose name
begins with an underscore is no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, TypeAlias, cast

Format: TypeAlias = str
"""How a file is written: one of `FORMATS`."""


#: A row that says here why it is none is rejected, with all else that it holds.
PROBLEM = "netaudience problem"


class Asked(Protocol):
    """What a job says of how its files are written."""

    @property
    def encoding(self) -> str | None:
        """How text was written; UTF-8 where it is not said."""
        ...

    @property
    def header(self) -> bool | tuple[str, ...] | None:
        """Whether the first row names the columns, or the names themselves."""
        ...

    @property
    def skip_lines(self) -> int:
        """How many rows stand before the header."""
        ...

    @property
    def sheet(self) -> str | None:
        """Which sheet of a workbook; its first one where it is not said."""
        ...


class Reader(Protocol):
    """What a file of this room has."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of a module
        """The ends of names that mean this format."""
        ...

    def rows(self, path: Path, name: str, asked: Asked, /) -> Iterator[Mapping[str, object]]:
        """Give the rows of an unpacked file that people call by a name.

        Raises:
            ConfigurationError: it cannot be read as the job says, or a package is missing.
            SourceFailed: it is not what it should be.
        """
        ...


_HERE = tuple(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
#: Those that DuckDB reads, and those of this room.
FORMATS: tuple[Format, ...] = ("csv", "tsv", "lines", "json", "ndjson", "parquet", *_HERE)


@cache
def readers() -> Mapping[Format, Reader]:
    """Return the readers of this room by their formats."""
    return {name: cast("Reader", import_module(f"{__name__}.{name}")) for name in _HERE}


def notes_of(reader: Reader, path: Path, name: str, asked: Asked) -> list[str]:
    """Return what a reader has to tell of a file beside its rows, if it has a function ``notes``."""
    notes: Callable[[Path, str, Asked], list[str]] | None = getattr(reader, "notes", None)
    return [] if notes is None else notes(path, name, asked)
