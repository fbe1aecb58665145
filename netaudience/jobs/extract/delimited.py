"""CSV and plain lines: every column is text, every file has its own header, and no line is lost untold.

A line that is no row is set aside and told; a quote that is never closed, which would swallow the rows after
it, stops the reading before it begins. A header that stands again further down is no row either.
"""

# ruff: noqa: S608 - every name and text that stands in the SQL is quoted

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import attrs

from netaudience.errors import SourceFailed
from netaudience.jobs.columns.duckdb import (
    another,
    constant,
    file_list,
    import_duckdb,
    literal,
    quoted,
    telling,
)
from netaudience.jobs.extract.file_type import open_input
from netaudience.jobs.extract.files import LINE, Aside, Input, check_folders
from netaudience.jobs.extract.headers import Head, dialect_of, fitting, is_unnamed, read_head
from netaudience.jobs.formats import PROBLEM
from netaudience.jobs.spec.model import Source
from netaudience.plurals import many

if TYPE_CHECKING:
    import duckdb

#: Stands in no text, so that a line is one cell.
_NOTHING = "\x1f\x1e\x1d\x1c"
#: Bytes of one row.
_LONGEST_LINE = 4_000_000
#: Bytes that are read at a time.
_CHUNK = 4_000_000
#: A row of more lines than this has a quote that is never closed.
_MOST_LINES = 10_000
#: A row of more lines than this is reported.
_MANY_LINES = 20
#: What DuckDB calls the errors of a CSV, in words that say what to do.
_ERRORS = {
    "MISSING COLUMNS": 'it has fewer cells than the header: fill it up, or write short-rows = "fill" '
    "(--short-rows fill in a command) if empty cells at the end are not written",
    "TOO MANY COLUMNS": "it has more cells than the header: quote what holds the delimiter",
    "UNQUOTED VALUE": "its quotes are wrong: double the quotes that belong to the text",
    "LINE SIZE OVER MAXIMUM": "it is longer than any row should be: is a quote opened and never closed?",
}
_ENCODING = "INVALID ENCODING"
#: All that is white space, as a text of SQL, and how a cell is found that has some at an end; of a row, too,
#: whose cells stand side by side.
_WHITE = literal("".join(filter(str.isspace, map(chr, range(0x3001)))))
_SPACE = r"[\s\x{1C}-\x{1E}\x{B}\x{85}\p{Z}]"
_BETWEEN = "\x1f"
_PADDED = f"^{_SPACE}|{_SPACE}$"
_PADDED_AMONG = f"{_BETWEEN}{_SPACE}|{_SPACE}{_BETWEEN}"
#: What databases, data frames and spreadsheets write where there is nothing, and nobody means as a text.
_END = re.compile(rb"\r\n?|\n")
_MARKED = ", ".join(map(literal, ("\\N", "#N/A", "NULL", "(null)", "NaN", "nan", "<NA>")))


@attrs.define
class Findings:
    """What is worth reporting of a file's rows, or of those of a stream that came so far."""

    name: str
    #: How many rows have many lines, and the most lines of one.
    long: int = 0
    longest: int = 0
    #: Marks of nothing, and the cells of each column that hold one.
    marks: set[str] = attrs.field(factory=set[str])
    marked: Counter[str] = attrs.field(factory=Counter[str])
    #: The cells of each column that have white space at an end.
    padded: Counter[str] = attrs.field(factory=Counter[str])

    def __add__(self, other: Findings) -> Findings:
        """Return what is to be reported of both as one."""
        return Findings(
            self.name,
            self.long + other.long,
            max(self.longest, other.longest),
            self.marks | other.marks,
            self.marked + other.marked,
            self.padded + other.padded,
        )

    @property
    def notes(self) -> list[str]:
        """The sentences."""
        findings: list[str] = []
        if self.marked:
            marks = ", ".join(map(literal, sorted(self.marks)))
            findings.append(
                f"{self.name}: {many(self.marked.total(), 'cell holds')} {marks}, "
                f"{_most_in(self.marked)}, and a field that is made of one, unless it is the identifier, is "
                f"sent that text: write nulls = [{marks}] in [source] (--null in a command) if there is "
                "nothing in such a cell, or "
                "nulls = [''] if it is meant"
            )
        if self.padded:
            findings.append(
                f"{self.name}: {many(self.padded.total(), 'cell has')} white space at an end, "
                f"{_most_in(self.padded)}: write trim = true in [source] (--trim in a command) to "
                "take it off, or trim = false if it is meant"
            )
        if self.long:
            findings.append(
                f"{self.name}: {self.long:,} of its rows take more than {_MANY_LINES} lines each, the "
                f"longest {self.longest:,}: look whether a quote was opened by mistake"
            )
        return findings


class Delimited:
    """Files of rows, united by the names of their columns."""

    def __init__(self, inputs: Sequence[Input], source: Source) -> None:
        """Read the headers.

        Raises:
            ConfigurationError: one of them cannot be read.
            SourceFailed: a file cannot be read.
        """
        self.plain = inputs[0].format == "lines"
        if self.plain:
            heads = ((one, Head((LINE,), _NOTHING, "", 0, 0)) for one in inputs)
            self._files: list[tuple[Input, Head]] = list(heads)
        else:
            dialect = dialect_of(source, tab=inputs[0].format == "tsv")
            read = ((one, read_head(one, dialect)) for one in inputs)
            self._files = [(one, head) for one, head in read if head is not None]
        for one, head in self._files:
            check_folders(one, head.columns)
        #: The files, by the paths that are read.
        self.inputs = {str(one.path): one for one, _ in self._files}
        #: Lines of all files, once they were looked at.
        self.lines = 0
        self._nulls = source.nulls
        self._trim, self._fill = source.trim, source.short_rows == "fill"
        #: What is worth reporting of each, once it was looked at.
        self.findings: list[Findings] = []

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        own = dict.fromkeys(name for _, head in self._files for name in head.named)
        return list(own | dict.fromkeys(name for one, _ in self._files for name, _ in one.folders))

    def relation(self) -> str:
        """Return the SQL that reads all rows, and what is wrong with each; empty where there is no column."""
        parts: list[str] = []
        for (head, _, folders), group in groupby(
            self._files, key=lambda pair: (pair[1], pair[0].packing, pair[0].folders)
        ):
            known = {name: self._value(name) for name in head.named}
            if (only := _only(head)) is not None:
                known[only] = self._value(only, "")
            known |= {name: f"{constant(value)} AS {quoted(name)}" for name, value in folders}
            selected = ", ".join(
                known.get(name) or f"NULL::VARCHAR AS {quoted(name)}" for name in self.columns
            )
            problem = f"{_problem(head)} AS {quoted(PROBLEM)}"
            own = ", ".join(map(quoted, head.columns))
            # Without this, DuckDB looks only into the columns that a step reads, and casts while it reads:
            # which lines are rows, and so the number of each, would depend on the step.
            parts.append(
                f"SELECT {selected}, {problem} FROM {self._scan([one for one, _ in group], head)} "
                f"WHERE hash({own}) IS NOT NULL"
                + (f" AND {own} IS NOT NULL" if _only(head) is not None else "")
            )
        return " UNION ALL ".join(parts)

    def _value(self, name: str, *empty: str) -> str:
        """Return the SQL of a column, which is NULL where a cell says so."""
        cell = quoted(name)
        if self._trim:
            # To trim what needs it not takes ten times as long as to ask for that.
            cell = f"CASE WHEN {_matches(cell, _PADDED)} THEN trim({cell}, {_WHITE}) ELSE {cell} END"
        nothing = dict.fromkeys([*empty, *([""] if self._trim else ()), *self._nulls])
        if not nothing:
            return cell
        marks = ", ".join(map(literal, nothing))
        return f"CASE WHEN {cell} NOT IN ({marks}) THEN {cell} END AS {quoted(name)}"

    def _scan(self, inputs: Sequence[Input], head: Head) -> str:
        return _scan(inputs, head, fill=self._fill)

    def verify(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> bool:
        """Look at whether every line of every file is in a row, or set aside.

        DuckDB may leave out all that follows a quote which is never closed, and not say so.

        Args:
            connection: Reads them.
            scratch: Where copies go, of files whose lines end in different ways.

        Returns:
            Whether there are such files, so that the relation is another one now.

        Raises:
            SourceFailed: lines are missing.
        """
        if self.plain:
            return False
        mended = False
        for number, (one, head) in enumerate(self._files):
            with telling(one.name):
                lines, blank, ends = _physical_lines(one)
                expected = lines - head.skip - head.lines
                found, findings, lost = 0, Findings(one.name), True
                try:
                    found, findings = self._lines_of_rows(one, head, ends, connection)
                    lost = len(ends) > 1 and expected - found > blank
                except import_duckdb().InvalidInputException as error:
                    if "state machine" not in str(error):
                        raise
                if lost:
                    copy, own = _with_one_end(one, head, scratch)
                    found, findings = self._lines_of_rows(copy, own, ends, connection)
                    self._files[number] = (copy, own)
                    self.inputs[str(copy.path)] = copy
                    mended = True
            missing = expected - found
            if missing > blank:
                where = _first_unclosed(one, head)
                at = "" if where is None else f", line {where + one.before:,}"
                raise SourceFailed(
                    f"{one.name}{at}: a quote is opened and not closed, and {many(missing, 'line')} would be "
                    "lost in it: close it, or double the quotes that belong to the text, and run again"
                )
            self.lines += lines
            self.findings.append(findings)
        return mended

    def _lines_of_rows(
        self, one: Input, head: Head, ends: set[str], connection: duckdb.DuckDBPyConnection
    ) -> tuple[int, Findings]:
        """Return in how many lines the rows of a file stand, and those that are set aside; and the rest."""
        cursor = another(connection)
        try:
            text = f"concat_ws({literal(_BETWEEN)}, '', {', '.join(map(quoted, head.columns))}, '')"
            marked = " OR ".join(f"{quoted(name)} IN ({_MARKED})" for name in self._doubtful(head)) or "false"
            padded = "false" if self._trim is not None or self.plain else _matches("text", _PADDED_AMONG)
            rows = f"SELECT {text} AS text, {marked} AS marked FROM {self._scan([one], head)}"
            within = _count_ends("text", ends)
            # All is fetched, for only then has DuckDB written down what it has set aside.
            ((count, longest, long, is_marked, is_padded),) = cursor.execute(
                "SELECT count(*) + coalesce(sum(within), 0), coalesce(max(within), 0) + 1, "
                f"count(*) FILTER (WHERE within >= {_MANY_LINES}), coalesce(bool_or(marked), false), "
                f"coalesce(bool_or({padded}), false) "
                f"FROM (SELECT text, marked, {within} AS within FROM ({rows}))"
            ).fetchall()
            aside = sum(1 for _ in lines_set_aside(cursor, self.inputs))
            findings = Findings(one.name, int(long), int(longest))
            for name, number, seen in (
                self._cells(one, head, f"cell IN ({_MARKED})", cursor) if is_marked else ()
            ):
                findings.marked[name] = number
                findings.marks.update(seen)
            for name, number, _ in (
                self._cells(one, head, _matches("cell", _PADDED), cursor) if is_padded else ()
            ):
                findings.padded[name] = number
            return int(count) + aside, findings
        finally:
            cursor.close()

    def _doubtful(self, head: Head) -> Sequence[str]:
        """Return the columns in which a mark of nothing would be sent as a text, and nobody has said so."""
        return () if self._nulls or self.plain else head.named

    def _cells(
        self, one: Input, head: Head, condition: str, cursor: duckdb.DuckDBPyConnection
    ) -> list[tuple[str, int, list[str]]]:
        """Return how many cells of each column are such, most first, with a few of what they hold."""
        names = ", ".join(map(literal, head.named))
        return cursor.execute(
            "SELECT name, count(*), list(DISTINCT cell)[:10] FROM "
            f"(SELECT unnest([{', '.join(map(quoted, head.named))}]) AS cell, unnest([{names}]) AS name "
            f"FROM {self._scan([one], head)}) WHERE {condition} GROUP BY name "
            f"ORDER BY count(*) DESC, list_position([{names}], name)"
        ).fetchall()


def _most_in(cells: Counter[str]) -> str:
    ((name, most),) = cells.most_common(1)
    count = cells.total()
    return f"{'' if count == 1 else 'all ' if most == count else f'{most:,} of them '}in column {name!r}"


def lines_set_aside(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, Input]) -> Iterator[Aside]:
    """Give what is wrong with each line that is no row, of all that the connection has read.

    Args:
        connection: What has read.
        inputs: The files by the paths that were read.
    """
    if not _has_rejects(connection):
        return
    # A line has an error for each of its cells, and DuckDB may have read it more than once.
    cursor = connection.execute(
        "SELECT file_path, line, arg_min(error_type::VARCHAR, coalesce(column_idx, 0)), "
        "max(length(text) - length(replace(text, chr(10), ''))), "
        "any_value(trim(csv_line, chr(13) || chr(10))), "
        "any_value(line_byte_position) "
        # Where lines end as Windows writes it, DuckDB gives the end of the one before as well.
        r"FROM (SELECT *, regexp_replace(trim(csv_line, chr(13) || chr(10)), '\r\n?', chr(10), 'g') AS text "
        "FROM reject_errors) "
        "JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path, line ORDER BY file_path, line"
    )
    remedies: dict[str, str] = {}
    places: dict[str, _Places] = {}
    with ExitStack() as stack:
        while rows := cursor.fetchmany(1000):
            for path, row, error, more, text, position in rows:
                one = inputs.get(str(path)) or Input(Path(path), Path(path).name, "csv")
                reason = _ERRORS.get(error, "it is no row of a CSV")
                if error == _ENCODING:
                    if path not in remedies:
                        remedies[path] = f"it is not {one.encoding}: {fitting(one, _undecodable(one))}"
                    reason = remedies[path]
                if path not in places:
                    places[path] = stack.enter_context(closing(_Places(one)))
                # What DuckDB calls a line is a row, which may stand in several.
                line = places[path].line(position, row)
                further = 0 if one.format == "lines" else more or 0
                parts = [text or "", *(text or "").replace("\r", "\n").split("\n")[1:]]
                for number in range(1 + further):
                    where = f"line {line + number + one.before:,} of {one.name}"
                    # The first line has the text of all, so that it can be mended there.
                    part = parts[number] if number < len(parts) else ""
                    yield Aside(f"a line is no row: {reason}", part, where)


def _with_one_end(one: Input, head: Head, scratch: Path) -> tuple[Input, Head]:
    """Return a copy of a file in which all rows end alike, and its head; what is quoted stays as it is."""
    copy = scratch / f"ends-{sum(1 for _ in scratch.iterdir())}"
    sign = head.quote.encode()
    inside = False
    before = head.skip + head.lines
    with closing(open_input(one)) as stream, copy.open("wb") as file:
        chunk = stream.read(_CHUNK)
        places = [found.end() for found in islice(_END.finditer(chunk), before)]
        chunk = chunk[places[-1] if places else 0 :]
        # The first line tells DuckDB how lines end; the names are known, and may have line ends within.
        file.write(head.delimiter.encode() * (len(head.columns) - 1) + b"\n")
        while chunk:
            if chunk.endswith(b"\r"):
                chunk += stream.read(1)
            parts = chunk.split(sign) if sign else [chunk]
            for at, part in enumerate(parts):
                file.write(part if inside else _END.sub(b"\n", part))
                if at < len(parts) - 1:
                    file.write(sign)
                    inside = not inside
            chunk = stream.read(_CHUNK)
    own = attrs.evolve(head, skip=0 if head.lines else 1, lines=min(head.lines, 1))
    return attrs.evolve(one, path=copy, packing="none", before=one.before + before - 1), own


class _Places:
    """The lines of places in a file, asked for in their order."""

    def __init__(self, one: Input) -> None:
        self._one = one
        self._stream: BinaryIO | None = None
        self._read = self._feeds = self._returns = 0

    def line(self, position: int | None, row: int) -> int:
        """Return the line that begins at a byte; the row's own number where that is not known."""
        if position is None or position < self._read:
            return row
        try:
            if self._stream is None:
                self._stream = open_input(self._one)
            while self._read < position:
                chunk = self._stream.read(min(_CHUNK, position - self._read))
                if not chunk:
                    return row
                self._read += len(chunk)
                self._feeds += chunk.count(b"\n")
                self._returns += chunk.count(b"\r")
        except OSError:
            return row
        return (self._feeds or self._returns) + 1

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()


def _undecodable(one: Input) -> bytes:
    """Return lines of a file that are not in ASCII, from where there are the first of them."""
    try:
        with closing(open_input(one)) as stream:
            while chunk := stream.read(_CHUNK):
                if not chunk.isascii():
                    return b"\n".join(line for line in chunk.split(b"\n") if not line.isascii())[:100_000]
    except OSError:
        pass
    return b""


def _problem(head: Head) -> str:
    """Return the SQL that says why a row is none.

    It is the header once more, with a mark before it or without, or holds a value that has no name.
    """
    if not head.lines:
        return "NULL::VARCHAR"
    first, *others = head.columns
    same = [f"trim(replace({_filled(first)}, '\ufeff', '')) = {_expected(first)}"]
    same += [f"trim({_filled(name)}) = {_expected(name)}" for name in others]
    cases = [f"WHEN {' AND '.join(same)} THEN 'the header stands here again: files were joined'"]
    cases += [
        f"WHEN trim({_filled(name)}) <> '' "
        f"THEN 'column {at} has no name in the header, and holds a value here'"
        for at, name in enumerate(head.columns, 1)
        if is_unnamed(name)
    ]
    return f"CASE {' '.join(cases)} END"


def _filled(name: str) -> str:
    return f"coalesce({quoted(name)}, '')" if is_unnamed(name) else quoted(name)


def _expected(name: str) -> str:
    return literal("" if is_unnamed(name) else name)


def _only(head: Head) -> str | None:
    """Return the only column of a file that has one: there a blank line is no row, and an empty cell is."""
    return head.columns[0] if len(head.columns) == 1 else None


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {literal(pattern)})"


def _scan(inputs: Sequence[Input], head: Head, *, fill: bool) -> str:
    own = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.columns)
    strict = "false" if head.delimiter == _NOTHING else "true"
    told_apart = "allow_quoted_nulls = false, " if _only(head) is not None else ""
    # DuckDB cannot fill up what several threads read, where a cell has several lines.
    filled = "null_padding = true, parallel = false, " if fill and _only(head) is None else ""
    return (
        f"read_csv({file_list([one.path for one in inputs])}, auto_detect = false, columns = {{{own}}}, "
        f"delim = {literal(head.delimiter)}, quote = {literal(head.quote)}, escape = {literal(head.quote)}, "
        f"{told_apart}{filled}header = {'true' if head.lines else 'false'}, skip = {head.skip}, "
        f"compression = {literal(inputs[0].packing)}, hive_partitioning = false, strict_mode = {strict}, "
        f"store_rejects = true, rejects_limit = 0, max_line_size = {_LONGEST_LINE})"
    )


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors' AND temporary"
    ).fetchone()
    return bool(row and row[0])


def _physical_lines(one: Input) -> tuple[int, int, set[str]]:
    """Return how many lines a file has, how many of them are blank, and what they end with."""
    feeds = returns = pairs = blank = 0
    last = b"\n"
    with closing(open_input(one)) as stream:
        while chunk := stream.read(_CHUNK):
            if chunk.endswith(b"\r"):
                chunk += stream.read(1)
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n")
            joined = last + chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if b"\n\n" in joined:
                blank += joined.split(b"\n")[1:-1].count(b"")
            last = joined[-1:]
    counts = {"\r\n": pairs, "\n": feeds - pairs, "\r": returns - pairs}
    lines = feeds + returns - pairs
    return lines + (last != b"\n"), blank, {end for end, count in counts.items() if count}


def _count_ends(text: str, ends: set[str]) -> str:
    """Return the SQL of how many lines end within a text."""
    if "\r" in ends and len(ends) > 1:
        text = f"replace({text}, chr(13) || chr(10), chr(10))"
        return f"length({text}) - length(translate({text}, chr(13) || chr(10), ''))"
    end = "chr(13)" if "\r" in ends else "chr(10)"
    return f"length({text}) - length(replace({text}, {end}, ''))"


def _first_unclosed(one: Input, head: Head) -> int | None:
    """Return the line of the first row whose quotes are wrong, as another reader of CSV sees it."""
    if not head.quote:
        return None
    with closing(open_input(one)) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        for _ in range(head.skip):
            text.readline()
        reader = csv.reader(text, delimiter=head.delimiter, quotechar=head.quote, strict=True)
        line = 0
        try:
            for _ in reader:
                if reader.line_num - line > _MOST_LINES:
                    return head.skip + line + 1
                line = reader.line_num
        except csv.Error:
            return head.skip + line + 1
    return None
