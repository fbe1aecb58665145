"""Standard input as a table that is read once, while it is written: rows are sent as they come.

Each block of rows is read as a file is, by the same reader. What can only be read as a whole (an array of
JSON, Parquet, Excel, a zip, a query, typed columns) is kept in a temporary file first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.columns.typed import Columns
from netaudience.jobs.extract.blocks import Blocks, Pipe
from netaudience.jobs.extract.delimited import Findings
from netaudience.jobs.extract.fetch import fetch_pipe
from netaudience.jobs.extract.file_type import is_text
from netaudience.jobs.extract.files import Aside, Block, Input
from netaudience.jobs.extract.headers import DELIMITERS, dialect_of, read_head
from netaudience.jobs.extract.page import Page
from netaudience.jobs.extract.scan import Scan
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.extract.table import Table
from netaudience.jobs.extract.view import Opened
from netaudience.jobs.formats import Format
from netaudience.jobs.spec.model import Source
from netaudience.jobs.spec.source_section import known_encoding

_NAME = "standard input"
_STREAMED = {"csv", "tsv", "lines", "ndjson"}
_ONCE = "Standard input is read once, while it is written, and not counted before: give a file instead"


def open_stream(source: Source, *, expecting: Sequence[str] = (), memory: str = "1GB") -> Table:
    """Open standard input, and wait for its first row.

    Args:
        source: What is said of it; it is plain lines where it says no format.
        expecting: Columns of JSON lines that may come later than the first row.
        memory: How much memory DuckDB may use.

    Returns:
        A `StreamTable`, or a table that can be read again, of what had to be kept in a file.

    Raises:
        ConfigurationError: its beginning cannot be read.
        SourceFailed: it cannot be read.
    """
    source = attrs.evolve(source, files=("-",), format=source.format or "lines")
    pipe, scratch = Pipe(), Scratch()
    with ExitStack() as undo:
        undo.callback(scratch.cleanup)
        undo.callback(pipe.close)
        streamed = source.format in _STREAMED and source.sql is None and not source.typed
        if streamed and is_text(pipe.peek()):
            opened: Table = StreamTable(source, pipe, scratch, expecting=expecting, memory=memory)
        else:
            fetched = fetch_pipe(source, Path(scratch.name), pipe)
            opened = Table(source, Path.cwd(), scratch, memory=memory, given=fetched)
        undo.pop_all()
    return opened


class _BlockScan(Scan):
    """A reading of a block, whose rows are numbered on from those before it."""

    #: The number of the last row or line.
    last = 0

    def number_from(self, rows: int) -> None:
        """Say how many rows came before."""
        self.rows = rows

    def set_aside(self) -> Iterator[tuple[int, Aside]]:
        """Give the lines that are no rows."""
        self.last = self.rows
        for number, aside in super().set_aside():
            self.last = number
            yield number, aside


class StreamTable(Table):
    """Standard input; its rows are read once, in blocks."""

    def __init__(
        self,
        source: Source,
        pipe: Pipe,
        scratch: Scratch,
        *,
        expecting: Sequence[str] = (),
        memory: str = "1GB",
    ) -> None:
        """Read the first block; `open_stream` calls it."""
        self._source = source
        self._pipe = pipe
        self._directory = Path(scratch.name)
        self._format: Format = cast("Format", source.format)
        self._blocks = Blocks(pipe, None if source.encoding is None else known_encoding(source.encoding))
        #: What stands around cells and between them, where rows may be of many lines.
        self._quote: str | None = None
        self._delimiters: Sequence[str] = DELIMITERS
        if self._format in {"csv", "tsv"}:
            self._dialect = dialect_of(source, tab=self._format == "tsv")
            self._quote, self._delimiters = self._dialect.quote, self._dialect.delimiter or DELIMITERS
        #: The header as it was written, which stands before every block.
        self._header = b""
        self._lines = self._rows = 0
        self._notes: list[str] = []
        #: What is to be reported of the blocks before the one that is open.
        self._past = Findings(_NAME)
        self._taken = False
        self._reading: _BlockScan | None = None
        columns = tuple(expecting) if self._format == "ndjson" else ()
        first = self._first(columns)
        super().__init__(source, self._directory, scratch, memory=memory, given=first)
        if self._quote is not None:
            self._settle(first.file)

    def __repr__(self) -> str:
        return f"<StreamTable of {self.name}, {len(self.columns):,} columns>"

    @property
    def lines(self) -> int | None:
        """How many lines came so far."""
        return self._lines

    @property
    def notes(self) -> list[str]:
        """What is worth reporting of the rows that came so far."""
        return [*self._notes, *sum(self._opened.findings, self._past).notes]

    def fingerprint(self) -> str:
        """Refuse: nothing tells a stream from others before its end.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(_ONCE)

    def count(self, where: str | None = None) -> int:
        """Refuse: how many rows a stream has is not known before its end.

        Raises:
            ConfigurationError: always.
        """
        del where
        raise ConfigurationError(_ONCE)

    def interrupt(self) -> None:
        """End what another thread reads, or waits for, at this moment: it raises there."""
        self._pipe.interrupt()
        super().interrupt()

    def close(self) -> None:
        """Give memory and temporary files free; standard input stays open."""
        self._pipe.close()
        super().close()

    def read(self, selections: Sequence[Selection]) -> Iterator[list[Page]]:
        """Read all rows, once; see `Table.read`.

        Raises:
            ConfigurationError: it was read before, a column is missing, or an expression is no SQL.
            SourceFailed: it cannot be read any further.
        """
        if self._taken:
            raise ConfigurationError(_ONCE)
        self._taken = True
        while True:
            yield from super().read(selections)
            if self._reading is not None:
                self._rows = self._reading.last
            block = self._next(tuple(self.columns))
            if block is None:
                return
            self._open(block)

    def _scan(self, selections: Sequence[Selection]) -> Scan:
        self._reading = _BlockScan(self._opened, self._key, selections)
        self._reading.number_from(self._rows)
        return self._reading

    def _next(self, columns: tuple[str, ...]) -> Block | None:
        """Return the next rows; None at the end."""
        rows = self._blocks.block(self._quote, self._delimiters)
        return self._block(rows, columns) if rows else None

    def _first(self, columns: tuple[str, ...]) -> Block:
        """Return the rows that came first, with the header behind all that stands before it."""
        rows, first = b"", self._block(b"", columns)
        while more := self._blocks.block(self._quote, self._delimiters):
            rows += more
            self._lines = 0
            first = self._block(rows, columns)
            if self._quote is None or read_head(first.file, self._dialect) is not None:
                break
        return first

    def _block(self, rows: bytes, columns: tuple[str, ...]) -> Block:
        path = self._directory / "block"
        path.write_bytes(self._header + rows)
        before = self._lines - len(self._header.splitlines())
        self._lines += len(rows.splitlines())
        return Block(Input(path, _NAME, self._format, before=before), columns)

    def _open(self, block: Block) -> None:
        """Take a block in the place of the one before."""
        if self._connection is None:
            raise ConfigurationError(_ONCE)
        opened = Opened(self._connection, self._source, self._directory, self._directory, block)
        new = [name for name in opened.columns if name not in self.columns]
        if new:
            self._notes.append(
                f"{_NAME}: {', '.join(map(repr, new))} came first after row {self._rows:,}, when it was "
                "settled what is sent: name it, or give a file"
            )
            self.columns = Columns({**self.columns, **{name: opened.columns[name] for name in new}})
        self._past = sum(self._opened.findings, self._past)
        self._opened = opened

    def _settle(self, first: Input) -> None:
        """Keep to what the first block has shown of how the rows are written."""
        head = read_head(first, self._dialect)
        if head is None:
            return
        self._delimiters = head.delimiter
        if head.lines:
            lines = first.path.read_bytes().splitlines(keepends=True)
            self._header = b"".join(lines[: head.skip + head.lines])
        header = True if head.lines else head.columns
        # What stands before the rows is repeated with the header, or is over.
        skip = self._source.skip_lines if head.lines else 0
        self._source = attrs.evolve(self._source, delimiter=head.delimiter, header=header, skip_lines=skip)
