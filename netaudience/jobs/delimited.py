"""CSV and TSV: every column is text, every file has its own header, and no line is lost without a word.

Nothing is guessed but the delimiter. A line that is no row is set aside and told; a quote that is never
closed, which would swallow the rows after it, stops the reading before it begins.
"""

# ruff: noqa: S608 - every name and text that stands in the SQL is quoted

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.database import another, file_list, import_arrow, literal, quoted, telling

if TYPE_CHECKING:
    import duckdb

__all__ = ["Delimited", "lines_set_aside", "open_bytes"]

_DELIMITERS = ",;\t|"
#: A header is looked for in so many bytes.
_HEAD = 1_000_000
#: Bytes of one row.
_LONGEST_LINE = 4_000_000
#: Bytes that are read at a time.
_CHUNK = 4_000_000
#: A row of more lines than this has a quote that is never closed.
_MOST_LINES = 10_000
#: What DuckDB calls the errors of a CSV, in words that say what to do.
_ERRORS = {
    "MISSING COLUMNS": "it has fewer cells than the header",
    "TOO MANY COLUMNS": "it has more cells than the header",
    "UNQUOTED VALUE": "its quotes are wrong: double the quotes that belong to the text",
    "LINE SIZE OVER MAXIMUM": "it is longer than any row should be: is a quote opened and never closed?",
    "INVALID ENCODING": "it is not UTF-8: convert the file with iconv",
}


@attrs.frozen
class _Head:
    """What the beginning of a file says about the whole."""

    columns: tuple[str, ...]
    delimiter: str
    #: Blank lines before the header.
    skip: int
    #: Lines of the header.
    lines: int


class Delimited:
    """Files of rows, united by the names of their columns."""

    def __init__(self, paths: Sequence[Path], *, tab: bool) -> None:
        """Read the headers.

        Raises:
            ConfigurationError: one of them cannot be read.
            SourceFailed: a file cannot be read.
        """
        heads = ((path, _head(path, tab=tab)) for path in paths)
        self._files = [(path, head) for path, head in heads if head is not None]

    def relation(self) -> str:
        """Return the SQL that reads all rows; empty where no file has a column."""
        columns = list(dict.fromkeys(name for _, head in self._files for name in head.columns))
        parts: list[str] = []
        for head, group in groupby(self._files, key=lambda pair: pair[1]):
            selected = ", ".join(
                quoted(name) if name in head.columns else f"NULL::VARCHAR AS {quoted(name)}"
                for name in columns
            )
            own = ", ".join(map(quoted, head.columns))
            # Without this, DuckDB looks only into the columns that a step reads, and casts while it reads:
            # which lines are rows, and so the number of each, would depend on the step.
            parts.append(
                f"SELECT {selected} FROM {_scan([path for path, _ in group], head)} "
                f"WHERE hash({own}) IS NOT NULL"
                + (f" AND {own} IS NOT NULL" if len(head.columns) == 1 else "")
            )
        return " UNION ALL ".join(parts)

    def verify(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Look at whether every line of every file is in a row, or set aside.

        DuckDB may leave out all that follows a quote which is never closed, and not say so.

        Raises:
            SourceFailed: lines are missing.
        """
        for path, head in self._files:
            with telling(path.name):
                lines, blank, ends = _physical_lines(path)
                missing = lines - head.skip - head.lines - _lines_of_rows(path, head, ends, connection)
            if missing > blank:
                where = _first_unclosed(path, head)
                at = "" if where is None else f", line {where:,}"
                raise SourceFailed(
                    f"{path.name}{at}: a quote is opened and not closed, and {missing:,} lines would be lost "
                    "in it: close it, or double the quotes that belong to the text, and run again"
                )


def lines_set_aside(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Give what is wrong with each line that is no row, of all that the connection has read."""
    if not _has_rejects(connection):
        return
    # A line has an error for each of its cells, and DuckDB may have read it more than once.
    cursor = connection.execute(
        "SELECT file_path, line, arg_min(error_type::VARCHAR, column_idx), "
        "max(length(csv_line) - length(replace(csv_line, chr(10), ''))) "
        "FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        "GROUP BY file_path, line ORDER BY file_path, line"
    )
    while rows := cursor.fetchmany(1000):
        for path, line, error, more in rows:
            reason = _ERRORS.get(error, "it is no row of a CSV")
            for number in range(line, line + 1 + (more or 0)):
                yield f"line {number:,} of {str(path).rpartition('/')[2]} is no row: {reason}"


def open_bytes(path: Path) -> Any:  # noqa: ANN401 - an Arrow stream
    """Open a file to read its bytes, unpacked."""
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    return import_arrow().input_stream(str(path), compression=compression)


def _scan(paths: Sequence[Path], head: _Head) -> str:
    own = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.columns)
    return (
        f"read_csv({file_list(paths)}, auto_detect = false, columns = {{{own}}}, "
        f"delim = {literal(head.delimiter)}, quote = '\"', escape = '\"', header = true, skip = {head.skip}, "
        f"store_rejects = true, rejects_limit = 0, max_line_size = {_LONGEST_LINE})"
    )


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors' AND temporary"
    ).fetchone()
    return bool(row and row[0])


def _physical_lines(path: Path) -> tuple[int, int, str]:
    """Return how many lines a file has, how many of them are blank, and what they end with."""
    feeds = returns = blank = 0
    last = b"\n"
    with open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK):
            if chunk.endswith(b"\r"):
                chunk += stream.read(1)
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            joined = last + chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if b"\n\n" in joined:
                blank += joined.split(b"\n")[1:-1].count(b"")
            last = joined[-1:]
    lines = feeds or returns
    return lines + (last != b"\n"), blank, "\n" if feeds else "\r"


def _lines_of_rows(path: Path, head: _Head, ends: str, connection: duckdb.DuckDBPyConnection) -> int:
    """Return in how many lines the rows of a file stand, and those that are set aside."""
    cursor = another(connection)
    try:
        text = f"concat_ws('', {', '.join(map(quoted, head.columns))})"
        rows = f"SELECT {text} AS text FROM {_scan([path], head)}"
        within = f"length(text) - length(replace(text, {literal(ends)}, ''))"
        # All is fetched, for only then has DuckDB written down what it has set aside.
        found = cursor.execute(f"SELECT count(*) + coalesce(sum({within}), 0) FROM ({rows})").fetchall()
        return int(found[0][0]) + sum(1 for _ in lines_set_aside(cursor))
    finally:
        cursor.close()


def _first_unclosed(path: Path, head: _Head) -> int | None:
    """Return the line of the first row whose quotes are wrong, as another reader of CSV sees it."""
    with open_bytes(path) as stream:
        text = io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8", errors="replace", newline="")
        reader = csv.reader(text, delimiter=head.delimiter, strict=True)
        line = 0
        try:
            for _ in reader:
                if reader.line_num - line > _MOST_LINES:
                    return line + 1
                line = reader.line_num
        except csv.Error:
            return line + 1
    return None


def _head(path: Path, *, tab: bool) -> _Head | None:
    """Read the header of a file; None where the file is empty."""
    with telling(path.name), open_bytes(path) as stream:
        raw: bytes = stream.read(_HEAD)
    # A character may be cut at the end of what was read.
    text = raw.decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    skip = 0
    while skip < len(lines) and not lines[skip].strip():
        skip += 1
    if skip == len(lines):
        return None
    rest = "".join(lines[skip:])
    delimiter = "\t" if tab else _likely_delimiter(rest)
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter, strict=True)
    try:
        cells = next(reader)
    except (csv.Error, StopIteration) as error:
        raise ConfigurationError(f"{path.name}: the header cannot be read: are its quotes closed?") from error
    columns = tuple(cell.strip() for cell in cells)
    _check_header(path, columns)
    return _Head(columns, delimiter, skip, reader.line_num)


def _check_header(path: Path, columns: Sequence[str]) -> None:
    for at, name in enumerate(columns, 1):
        if not name:
            raise ConfigurationError(f"{path.name}: column {at} has no name in the header: give it one")
        if "\ufffd" in name:
            raise ConfigurationError(f"{path.name}: the header is not UTF-8: convert the file with iconv")
    folded = [name.casefold() for name in columns]
    for name in columns:
        if folded.count(name.casefold()) > 1:
            raise ConfigurationError(
                f"{path.name}: the column {name!r} stands in the header twice: rename one"
            )


def _likely_delimiter(text: str) -> str:
    """Return the delimiter that divides the header into the most cells; a comma where none does."""

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=cells)
