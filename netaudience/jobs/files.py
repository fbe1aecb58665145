"""Finds the files that a source names, and tells from their names what they are.

Every file is read once, in the order of the names; a pattern that names no file is refused.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from netaudience.errors import ConfigurationError

__all__ = ["PROBLEM", "Files", "Format", "find_files", "format_of", "has_format"]

Format: TypeAlias = Literal["csv", "tsv", "json", "ndjson", "parquet"]

#: The column that says why a row is none.
PROBLEM = "netaudience problem"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED = {".gz", ".zst"}


@attrs.frozen
class Files:
    """The files of a source, found."""

    paths: tuple[Path, ...]
    format: Format
    #: What people call the source.
    name: str


def find_files(patterns: Sequence[str], folder: Path, form: str | None) -> Files:
    """Find the files that patterns name, each once, in the order of the patterns and then of the names.

    Raises:
        ConfigurationError: a pattern names no file, or it cannot be told what the files are.
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
            raise ConfigurationError(
                f"{pattern} names no file in {folder.name or 'the folder of the job'}: names are relative to "
                "the job file"
            )
        paths.update(dict.fromkeys(found))
    name = patterns[0] if len(patterns) == 1 else f"{patterns[0]} and {len(patterns) - 1:,} more"
    if form is not None:
        known: dict[str, Format] = {one: one for one in _SUFFIXES.values()}
        if form not in known:
            raise ConfigurationError(f"There is no format of that name: it is one of {', '.join(known)}")
        return Files(tuple(paths), known[form], name)
    forms: set[Format] = {format_of(path) for path in paths}
    if len(forms) > 1:
        told = ", ".join(sorted(forms))
        raise ConfigurationError(f"{name}: the files are of different formats ({told}): give one job to each")
    return Files(tuple(paths), forms.pop(), name)


def has_format(name: str) -> bool:
    """Return whether a name is that of a file which a job can read."""
    try:
        format_of(Path(name))
    except ConfigurationError:
        return False
    return True


def format_of(path: Path) -> Format:
    """Return what a file is, from its name.

    Raises:
        ConfigurationError: the name does not tell.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    form = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if form is None:
        raise ConfigurationError(
            f"{path.name}: its name does not tell what it is: say format (csv, tsv, json, ndjson or parquet)"
        )
    return form
