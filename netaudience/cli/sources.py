"""Reads records from a file or from standard input: CSV, JSON lines, or plain lines.

A record is read, numbered and never changed: text stays text, with its leading zeros. What cannot be read
as a record comes out as a `BadRow`, and reading goes on; memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, NoReturn, TypeAlias

from netaudience.errors import ConfigurationError, SourceFailed

__all__ = ["BadRow", "Format", "Record", "Records", "open_records", "records_of"]

Format: TypeAlias = Literal["csv", "jsonl", "lines"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
#: Characters of one cell. A quote that is never closed would swallow the file otherwise.
LONGEST_CELL = 1_000_000
#: Bytes of one line; a file of one endless line must not fill the memory.
LONGEST_LINE = 16_000_000
_DELIMITERS = ",;\t"


class Record(NamedTuple):
    """One record as it was read."""

    #: Counted from 1, without the header and without blank lines.
    row: int
    #: The line of the file on which it begins, counted from 1.
    line: int
    #: The cells of a CSV row, the value of a JSON line, or the text of a plain line.
    value: object


class BadRow(NamedTuple):
    """Something that stands where a record should, and why it is none."""

    row: int
    line: int
    value: object
    reason: str


class Records:
    """The records of one source, read once from front to back."""

    def __init__(self, name: str, stream: BinaryIO, form: Format, delimiter: str | None) -> None:
        #: Bytes of the whole source, where that is known.
        self.size = _size(stream)
        #: True where reading does not wait for somebody to write.
        self.regular = self.size is not None
        self.name = name
        self.format = form
        self.stream = stream
        self._lines = _Lines(name, stream)
        #: True while a page is read, which may wait for somebody to write.
        self.being_read = False
        #: The names of the columns, for CSV.
        self.columns: tuple[str, ...] | None = None
        #: What stands between the cells, for CSV.
        self.delimiter = ""
        self._records = self._read(delimiter)

    def __repr__(self) -> str:
        return f"<Records of {self.name}, {self.format}>"

    def __iter__(self) -> Iterator[Record | BadRow]:
        """Read record by record.

        Raises:
            SourceFailed: the source is not text in UTF-8, or cannot be read any further.
        """
        return self._records

    @property
    def bytes_read(self) -> int:
        """How far reading has come."""
        return self._lines.bytes_read

    def close(self) -> None:
        """Close the source, unless a thread waits in it: closing would wait as well, perhaps for ever."""
        if not self.being_read:
            self.stream.close()

    def _read(self, delimiter: str | None) -> Iterator[Record | BadRow]:
        if self.format == "csv":
            return self._read_csv(delimiter)
        self._lines.peek()
        return _json_records(self._lines) if self.format == "jsonl" else _line_records(self._lines)

    def _read_csv(self, delimiter: str | None) -> Iterator[Record | BadRow]:
        csv.field_size_limit(LONGEST_CELL)
        header = self._lines.peek_header()
        if not header.strip():
            self.columns = ()
            return iter(())
        self.delimiter = delimiter or _likely_delimiter(header)
        reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        try:
            self.columns = tuple(cell.strip() for cell in next(reader))
        except csv.Error as error:
            words = f"{self.name}: the header cannot be read: {_csv_reason(error)}"
            raise ConfigurationError(words) from error

        return _csv_records(self._lines, reader, len(self.columns))


class _Lines:
    """Lines of text with their number, decoded one by one so that a wrong byte has an address."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name = name
        self._stream = stream
        self._ahead: list[str] = []
        self._counted = 0
        #: The line that was last given out.
        self.number = 0
        self.bytes_read = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._ahead:
            self.number += 1
            return self._ahead.pop(0)
        text = self._line()
        if not text:
            raise StopIteration
        self.number += 1
        return text

    def peek(self) -> str:
        """Return the first line and keep it; what is wrong with it is wrong with the file.

        Raises:
            ConfigurationError: it is no text in UTF-8, or cannot be read at all.
        """
        try:
            text = self._line()
        except SourceFailed as error:
            raise ConfigurationError(str(error)) from error
        if text:
            self._ahead.append(text)
        return text

    def peek_header(self) -> str:
        """Return the first line that is not blank, with those that a quoted line break adds to it."""
        header = self.peek()
        while self._ahead and not header.strip():
            self._ahead.pop()
            self.number += 1
            header = self.peek()
        while header.count('"') % 2 and len(header) < LONGEST_CELL and (more := self.peek()):
            header += more
        return header

    def _line(self) -> str:
        try:
            raw = self._stream.readline(LONGEST_LINE)
        except OSError as error:
            raise SourceFailed(f"{self._name} cannot be read any further: {error.strerror}") from error
        self._counted += bool(raw)
        self.bytes_read += len(raw)
        if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
            raise SourceFailed(
                f"{self._name}: line {self._counted:,} is longer than {LONGEST_LINE:,} bytes: "
                "is this a text file, with a line break after each record?"
            )
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise SourceFailed(
                f"{self._name}: line {self._counted:,} is not UTF-8: save the file as UTF-8, or convert it "
                "with iconv, and send the rest"
            ) from error
        return text.removeprefix("\ufeff") if self._counted == 1 else text


def open_records(source: str, form: Format | None = None, delimiter: str | None = None) -> Records:
    """Open a file, or standard input where the source is ``-``.

    Raises:
        ConfigurationError: it cannot be opened, or its beginning cannot be read.
    """
    path = Path(source)
    if delimiter is not None:
        delimiter = "\t" if delimiter in {"tab", "\\t"} else delimiter
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ConfigurationError("--delimiter must be one character, or the word tab")
    if form is None:
        form = _format_of(source, path)
    if delimiter is None and path.suffix.lower() == ".tsv":
        delimiter = "\t"
    if source == "-":
        # A file object of its own: a thread may be left waiting in it when the program ends.
        name = "standard input"
        stream: BinaryIO = open(sys.stdin.fileno(), "rb", closefd=False)  # noqa: SIM115 - closed with the records
    else:
        name = path.name
        stream = _open(source, path)
    try:
        return Records(name, stream, form, delimiter)
    except BaseException:
        stream.close()
        raise


def records_of(items: Sequence[str]) -> Records:
    """Return items from the command line as records.

    Raises:
        ConfigurationError: one of them is empty, or holds a line break.
    """
    if not all(items) or any("\n" in item or "\r" in item for item in items):
        raise ConfigurationError("--item must not be empty, nor hold a line break")
    return Records("--item", io.BytesIO("\n".join(items).encode()), "lines", None)


def _size(stream: BinaryIO) -> int | None:
    """Return the bytes of a source that does not grow while it is read; None for pipes and terminals."""
    if isinstance(stream, io.BytesIO):
        return len(stream.getbuffer())
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _format_of(source: str, path: Path) -> Format:
    if source != "-" and path.suffix.lower() == ".json":
        raise ConfigurationError(
            f"{path.name}: one JSON document is not read record by record: write one JSON value per line "
            "(jq -c '.[]') and say --format jsonl"
        )
    return _SUFFIXES.get(path.suffix.lower(), "lines")


def _open(source: str, path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            _refuse(f"{source} is a directory: name the file in it")
        return path.open("rb")
    except FileNotFoundError:
        _refuse(f"There is no file {source}: look at its name and at the directory you are in")
    except PermissionError:
        _refuse(f"{source} may not be read by this user: look at its permissions")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is not possible"
        _refuse(f"{source} cannot be opened: {why}")


def _refuse(sentence: str) -> NoReturn:
    raise ConfigurationError(sentence) from None


def _likely_delimiter(header: str) -> str:
    """Return the delimiter that divides the header into the most cells; a comma where none does."""

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=delimiter)))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=cells)


def _csv_records(lines: _Lines, reader: Iterator[list[str]], width: int) -> Iterator[Record | BadRow]:
    row = 0
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row += 1
            yield BadRow(row, line, None, _csv_reason(error))
            continue
        if not cells:  # a blank line
            continue
        row += 1
        if len(cells) == width:
            yield Record(row, line, cells)
        else:
            yield BadRow(row, line, cells, f"The row has {len(cells):,} cells, and the header has {width:,}")


def _csv_reason(error: csv.Error) -> str:
    words = str(error)
    if "field limit" in words:
        return f"A cell is longer than {LONGEST_CELL:,} characters: is a quote opened and never closed?"
    if "end of data" in words:
        return "A quote is opened and never closed: double the quotes that belong to the text"
    if "expected after" in words:
        return "Text follows a closing quote: double the quotes that belong to the text"
    if "new-line" in words:
        return "A bare carriage return stands between the cells: write the file with usual line breaks"
    return "The row is not valid CSV"


def _json_records(lines: _Lines) -> Iterator[Record | BadRow]:
    row = 0
    for text in lines:
        if not text.strip():
            continue
        row += 1
        try:
            value: object = json.loads(text, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            reason = f"The line is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno:,}"
            yield BadRow(row, lines.number, text.rstrip("\r\n"), reason)
        except (ValueError, RecursionError):
            reason = "The line is not JSON that can be sent: it holds a NaN, or is nested beyond measure"
            yield BadRow(row, lines.number, text.rstrip("\r\n"), reason)
        else:
            yield Record(row, lines.number, value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _line_records(lines: _Lines) -> Iterator[Record]:
    row = 0
    for text in lines:
        value = text.rstrip("\r\n")
        if value:
            row += 1
            yield Record(row, lines.number, value)
