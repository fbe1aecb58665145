"""Finds the files that a source names, and knows which names mean which format.

Every file is found once, in the order of the names; a pattern that names no file is refused.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.formats import Format, readers

#: The only column of plain lines.
LINE = "line"
#: The column that holds what is no row, as it stands in the source.
TEXT = "netaudience text"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".psv": "csv",
    ".ssv": "csv",
    ".txt": "lines",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = {".gz", ".zst", ".zip"}


@attrs.frozen
class Files:
    """The files of a source, found."""

    paths: tuple[Path, ...]
    #: What people call the source.
    name: str
    #: What the names are relative to.
    folder: Path | None = None


@attrs.frozen
class Input:
    """One file as it is read, which may be a copy of the one that the source names."""

    path: Path
    #: What people call the file.
    name: str
    format: Format
    #: How it is packed, as DuckDB says it.
    packing: Literal["none", "gzip", "zstd"] = "none"
    #: How its text was written, where it was not UTF-8.
    encoding: str = "UTF-8"
    #: Lines of the source that stand before it.
    before: int = 0
    #: The columns that its folders are, with their values, where those are wanted.
    folders: tuple[tuple[str, str | None], ...] = ()


@attrs.frozen
class Block:
    """Some rows of a stream, as a file."""

    file: Input
    #: The columns of the stream that are known already.
    columns: tuple[str, ...] = ()


class Aside(NamedTuple):
    """A line that is no row."""

    #: Why, alike for all lines of which it is so.
    problem: str
    #: What stands in it.
    text: str = ""
    #: Which line of which file it is, where that is known.
    place: str = ""


Raw: TypeAlias = Callable[[int], tuple[str, str]]
"""Gives by a row's number what stands in its line, and which line of which file it is."""


def find_files(patterns: Sequence[str], folder: Path) -> Files:
    """Find the files that patterns name, each once, in the order of the patterns and then of the names.

    Raises:
        ConfigurationError: a pattern names no file.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        whole = folder / Path(pattern).expanduser()
        if whole.is_file():
            found = [whole]
        else:
            names = glob.glob(str(Path(pattern).expanduser()), root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
            found = [path for path in (folder / name for name in sorted(names)) if path.is_file()]
        if not found:
            raise ConfigurationError(_nothing(pattern, whole, folder))
        paths.update(dict.fromkeys(found))
    return Files(tuple(paths), named(patterns), folder)


def named(patterns: Sequence[str]) -> str:
    """Return what people call the files of patterns."""
    return patterns[0] if len(patterns) == 1 else f"{patterns[0]} and {len(patterns) - 1:,} more"


def folders_of(path: Path, folder: Path | None) -> tuple[tuple[str, str | None], ...]:
    """Return the names and values of folders such as ``country=TR``, those above the job's left out."""
    within = path.relative_to(folder) if folder is not None and path.is_relative_to(folder) else path
    pairs = (part.partition("=") for part in within.parts[:-1])
    return tuple((unquote(name), _folder_value(value)) for name, sign, value in pairs if sign and name)


def _folder_value(text: str) -> str | None:
    """Return what a folder says; None for what Hive and Spark write where there is no value."""
    return None if text == "__HIVE_DEFAULT_PARTITION__" else unquote(text)


def check_folders(one: Input, columns: Iterable[str]) -> None:
    """Refuse folders that would take the place of a column.

    Raises:
        ConfigurationError: one would.
    """
    own = {name.casefold() for name in columns}
    for name, _ in one.folders:
        if name.casefold() in own:
            raise ConfigurationError(
                f"{one.name} has a column {name!r}, and so has its folder: leave hive out of [source], or "
                "rename one of them",
                key="hive",
            )


def _nothing(pattern: str, whole: Path, folder: Path) -> str:
    if whole.is_dir():
        return f"{pattern} is a folder: name the files in it, such as {pattern.rstrip('/')}/*.csv"
    where = folder.name or "the folder of the job"
    return f"{pattern} names no file in {where}: names are relative to the job file"


def has_format(name: str) -> bool:
    """Return whether a name is that of a file which a job can read."""
    path = Path(name)
    return format_of(path) is not None or path.suffix.lower() in _PACKED


def format_of(path: Path) -> Format | None:
    """Return what a file is, from its name; None where the name does not say."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if not suffixes:
        return None
    by_rows = (name for name, reader in readers().items() if suffixes[-1] in reader.SUFFIXES)
    return _SUFFIXES.get(suffixes[-1]) or next(by_rows, None)
