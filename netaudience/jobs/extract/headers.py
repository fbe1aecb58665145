"""The beginning of a CSV: what stands between its cells, which columns it has, and whether it names any.

Nothing is guessed but the delimiter. A first line that looks like data names no column, and is refused until
somebody says so; so is one that is a report's title. A column without a name is read only to see that nothing
stands in it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from _csv import Reader as _Reader

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import telling
from netaudience.jobs.extract.encodings import guessed
from netaudience.jobs.extract.file_type import open_input
from netaudience.jobs.extract.files import Input
from netaudience.jobs.formats._titles import header_of, title_problem
from netaudience.jobs.spec.model import Source

#: What stands between cells, where it is not said.
DELIMITERS = ",;\t|"
#: Signs that stand between cells somewhere, and are not tried.
_OTHERS = ",;\t|^~"
#: A header is looked for in this number of bytes, and the rows behind it are looked at to understand it.
_HEAD = 1_000_000
_ROWS = 200
#: The line in which Excel is told what stands between the cells of those that follow.
_SEP = re.compile(r'"?sep=([^\r\n])"?;*,*\s*', re.IGNORECASE)
#: What a column is called that has no name, before its number.
_UNNAMED = "netaudience column "
_NAMES = {"\t": "tab"}
#: This many lines at the beginning that begin with # are comments.
_COMMENTS = 2
#: This many rows that have as many words as the header say that blanks divide them.
_WORDS = 3
_BLANKS = 'write delimiter = " " (--delimiter " " in a command)'
#: What files are called in which this stands between cells.
_NAMED = {".psv": "|", ".ssv": ";"}
#: What no column is called: a number, an e-mail address, a telephone number, a UUID, a date.
_DATA = re.compile(
    r"[+-]?\.?[0-9][0-9 .,:/-]*(?:[eE][+-]?[0-9]+)?|[^@\s]+@[^@\s]+\.[^@\s]+"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,}"
)


@attrs.frozen
class Dialect:
    """How CSV is written, as far as somebody has said it."""

    delimiter: str | None
    quote: str
    header: bool | tuple[str, ...] | None
    #: Lines that stand before the header, or before the rows.
    skip: int = 0


@attrs.frozen
class Head:
    """What the beginning of a file says about the whole."""

    columns: tuple[str, ...]
    delimiter: str
    quote: str
    #: Lines before the header: blank ones, a title, Excel's word on the delimiter.
    skip: int
    #: Lines of the header; 0 where there is none.
    lines: int

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that have a name."""
        return tuple(name for name in self.columns if not is_unnamed(name))


def is_unnamed(name: str) -> bool:
    """Return whether a column is one that has no name in the file's header."""
    return name.startswith(_UNNAMED)


def dialect_of(source: Source, *, tab: bool) -> Dialect:
    """Return how a source's CSV is written.

    Raises:
        ConfigurationError: the delimiter or the quote is no single sign.
    """
    delimiter = (
        "\t" if source.delimiter in {"tab", "\\t"} or (tab and not source.delimiter) else source.delimiter
    )
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigurationError(
            'delimiter must be one sign, or the word tab: write delimiter = ";" (--delimiter in a command)',
            key="delimiter",
        )
    if len(source.quote) > 1 or source.quote == delimiter or source.quote in {"\r", "\n"}:
        raise ConfigurationError(
            "quote must be one sign that is not the delimiter, or an empty text for none", key="quote"
        )
    return Dialect(delimiter, source.quote, source.header, source.skip_lines)


def read_head(one: Input, dialect: Dialect) -> Head | None:
    """Read the header of a file; None where the file is empty.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
        SourceFailed: the file cannot be read.
    """
    with telling(one.name), closing(open_input(one)) as stream:
        raw = stream.read(_HEAD)
    # A character may be cut at the end of what was read. Some programs write the mark twice.
    text = raw.decode("utf-8", errors="replace").lstrip("\ufeff")
    lines = list(io.StringIO(text, newline=""))
    skip, said = dialect.skip, dialect.delimiter
    if skip < len(lines) and (found := _SEP.fullmatch(lines[skip])):
        skip, said = skip + 1, said or found[1]
    while skip < len(lines) and not lines[skip].strip():
        skip += 1
    if skip >= len(lines):
        return None
    if dialect.header is None and not dialect.skip:
        _check_comments(one, lines, skip)
    rest = "".join(lines[skip:])
    delimiter = said or _likely_delimiter(rest, dialect.quote, one.name)
    quoted = f"{dialect.quote} {dialect.quote}"  # a cell, a blank, and another one
    blank = said is None and bool(dialect.quote) and quoted in lines[skip]
    cells, taken, rows = _first_rows(one, _reader(rest, delimiter, dialect.quote), blank=blank)
    if isinstance(dialect.header, tuple) or dialect.header is False:
        columns = dialect.header or tuple(f"column{at}" for at in range(1, len(cells) + 1))
        return Head(columns, delimiter, dialect.quote, skip, 0)
    columns = tuple(cell.strip() for cell in cells)
    _check_text(one, columns, raw)
    if dialect.header is None and (problem := title_problem(columns, [(skip + at, row) for at, row in rows])):
        raise ConfigurationError(f"{one.name}: {problem}")
    if said is None:
        _check_delimiter(one, columns)
        if dialect.header is None:
            _check_blanks(one, columns, [row for _, row in rows])
    if dialect.header is None:
        # Before its names are compared: two equal cells of a row are no mistake of a header.
        _check_names(one, columns, rows[0][1] if rows else [])
    columns = tuple(name or f"{_UNNAMED}{at}" for at, name in enumerate(columns, 1))
    _check_header(one, columns, [row for _, row in rows], skip + taken)
    return Head(columns, delimiter, dialect.quote, skip, taken)


def _check_comments(one: Input, lines: Sequence[str], skip: int) -> None:
    """Refuse lines before the rows that begin as comments do; a single one may name the columns."""
    first = next((at for at, line in enumerate(lines[skip:], skip) if not line.startswith("#")), len(lines))
    if first - skip < _COMMENTS:
        return
    raise ConfigurationError(
        f"{one.name}: its first {first - skip:,} lines begin with #: if they are comments, say how many "
        f"lines come before the names of the columns, skip-lines = {first}, or {first - 1} if the last of "
        "them holds the names (--skip-lines in a command); if the first line names them, say header = true "
        "(--header)"
    )


def _first_rows(
    one: Input, reader: _Reader, *, blank: bool
) -> tuple[list[str], int, list[tuple[int, list[str]]]]:
    """Return the first row, in how many lines it stands, and rows that follow with the lines before each."""
    try:
        cells = next(reader)
    except (csv.Error, StopIteration) as error:
        remedy = f" If blanks stand between its cells, {_BLANKS}" if blank else ""
        raise ConfigurationError(
            f"{one.name}: the header cannot be read: are its quotes closed?{remedy}"
        ) from error
    taken = before = reader.line_num
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in islice(reader, _ROWS):
            rows.append((before, row))
            before = reader.line_num
    except csv.Error:
        pass  # it is told where the rows are read
    return cells, taken, rows


def fitting(one: Input, raw: bytes) -> str:
    """Return what to do about text that is not what it was taken for.

    Args:
        one: The file.
        raw: Some of its bytes, in which there is a wrong one.
    """
    if one.encoding != "UTF-8":
        return "say the encoding that it has"
    return f'write encoding = "{guessed(raw)}" if that is how it was saved (--encoding in a command)'


def _check_text(one: Input, columns: Sequence[str], raw: bytes) -> None:
    if any("\ufffd" in name for name in columns):
        remedy = fitting(one, raw)
        raise ConfigurationError(f"{one.name}: the header is not {one.encoding}: {remedy}", key="encoding")


def _check_header(one: Input, columns: Sequence[str], rows: Sequence[Sequence[str]], lines: int) -> None:
    own = header_of(["" if is_unnamed(name) else name for name in columns])
    instead = f"name all columns yourself with {own} and skip-lines = {lines}, which leaves the header out"
    for at, name in enumerate(columns):
        if is_unnamed(name) and any(row[at : at + 1] and row[at].strip() for row in rows):
            raise ConfigurationError(
                f"{one.name}: column {at + 1} has no name in the header, and holds values: give it one "
                f"(pandas leaves it out with index=False, R with row.names=FALSE), or {instead}"
            )
    folded = Counter(name.casefold() for name in columns)
    for name in columns:
        if folded[name.casefold()] > 1:
            raise ConfigurationError(
                f"{one.name}: the column {name!r} stands in the header twice: rename one, or {instead}"
            )


def _check_delimiter(one: Input, columns: Sequence[str]) -> None:
    """Refuse an only column whose name holds what may stand between cells."""
    found = [sign for sign in _OTHERS if len(columns) == 1 and sign in columns[0]]
    if found:
        sign = _NAMES.get(found[0], found[0])
        raise ConfigurationError(
            f"{one.name} would have one column only, and its header holds {sign}: say what stands between "
            f'the cells, delimiter = "{sign}" (--delimiter in a command)'
        )


def _check_blanks(one: Input, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Refuse an only column whose name and values all are of as many words."""
    words = len(columns[0].split()) if len(columns) == 1 else 0
    counts = [len(row[0].split()) for row in rows if len(row) == 1]
    if words < 2 or len(counts) < _WORDS or set(counts) != {words}:
        return
    if any("  " in line.strip() for line in (columns[0], *(row[0] for row in rows))):
        remedy = "if they are cells, export it with a sign between them, for any number of blanks is none"
    else:
        remedy = f"if they are cells, {_BLANKS}"
    raise ConfigurationError(
        f"{one.name} would have one column only, and all its lines have {words} words: {remedy}; if the "
        "column holds all of them, say header = true (--header)"
    )


def _check_names(one: Input, columns: Sequence[str], following: Sequence[str]) -> None:
    """Refuse a first line that looks like data."""
    data = [_DATA.fullmatch(name) is not None for name in columns]
    mails = any("@" in name for name, found in zip(columns, data, strict=True) if found)
    only = columns[0] if len(columns) == len(following) == 1 else ""
    alike = any(sign.isdigit() for sign in only) and _shape(only) == _shape(following[0])
    drawn = bool(columns[0]) and not any(map(str.isalnum, columns[0]))  # a line of stars or hyphens
    if data[0] or mails or alike or drawn:
        raise ConfigurationError(
            f"{one.name}: the first line looks like data, and not like the names of columns: write "
            "header = false if it is (its columns are column1, column2 and so on then), or header = true if "
            "those are names (--header in a command)"
        )


def _shape(text: str) -> str:
    """Return what two identifiers of one kind have in common: u1 and u27 are letters and digits."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text.strip()))


def _reader(text: str, delimiter: str, quote: str, *, strict: bool = True) -> _Reader:
    lines = io.StringIO(text, newline="")
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=strict)
    # As in the rows, a blank before a quotation mark does not belong to the cell.
    skip = delimiter != " "
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=strict, skipinitialspace=skip)


def _likely_delimiter(text: str, quote: str, name: str) -> str:
    """Return what divides the header into the most cells, of two the one that the name tells.

    Where nothing divides it, it is what divides most of the rows below, for it may be a title.
    """

    def cells(delimiter: str) -> int:
        try:
            return len(next(_reader(text, delimiter, quote, strict=False)))
        except csv.Error:
            return 0

    def rows(delimiter: str) -> int:
        try:
            return sum(len(row) > 1 for row in islice(_reader(text, delimiter, quote, strict=False), 20))
        except csv.Error:
            return 0

    named = [delimiter for suffix, delimiter in _NAMED.items() if suffix in Path(name.lower()).suffixes]
    tried: list[str] = [*named, *DELIMITERS]
    found = max(tried, key=cells)
    return found if cells(found) > 1 else max(tried, key=rows)
