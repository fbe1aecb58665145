"""A job's source as a table that can be read again and again: its columns, its rows, and what is wrong.

Rows come in the source's order, in pages, in memory that does not grow with the source, each with a number
that is the same at every reading. A row that cannot be read is reported, and reading goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar, cast

import attrs

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.duckdb import connect
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.connectors.watermark import EVERYTHING, Since
from netaudience.jobs.extract.fetch import Fetched, fetch, is_fetched, kept_in
from netaudience.jobs.extract.files import LINE, Aside
from netaudience.jobs.extract.frames import spool_frame
from netaudience.jobs.extract.page import Page, SourceRow, Whole, page_of
from netaudience.jobs.extract.scan import Scan, Staged, Wanted
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.extract.spool import (
    AnyData,
    Records,
    Spooled,
    check_data,
    spool_async,
    spool_records,
)
from netaudience.jobs.extract.view import Given, Opened
from netaudience.jobs.spec.diagnostics import no_column
from netaudience.jobs.spec.model import Expression, Source, Suppression
from netaudience.jobs.spec.suppression_section import KNOWN_CHANNELS, channel_of, fill_of, held_back, table_of
from netaudience.model.digests import digest_of, digest_of_file
from netaudience.plurals import many

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

#: The most rows of a page.
PAGE = 1000
#: What DuckDB may use beside a reading.
_LITTLE = "250MB"


def open_source(  # noqa: PLR0913 - what an opening may be told
    source: Source,
    folder: Path,
    *,
    memory: str = "1GB",
    kept: Path | None = None,
    beside: Path | None = None,
    stop: Stop | None = None,
    first: int | None = None,
    since: Since = EVERYTHING,
) -> Table:
    """Open a job's source; what can be read only once, or only from afar, is fetched first.

    Args:
        source: What the job says.
        folder: What its names are relative to.
        memory: How much memory DuckDB may use.
        kept: Where such a source was kept by an earlier attempt, which is read instead.
        beside: The folder in which it is fetched; the system's for temporary files where it is None.
        stop: Ends the fetching from another thread.
        first: Fetch no more rows than this, to look at the columns.
        since: From where it is read, where only what is new is.

    Raises:
        ConfigurationError: a file, a column or the SQL is wrong.
        SourceFailed: it cannot be read.
    """
    fetched = None if kept is None else kept_in(kept)
    scratch = Scratch(beside)
    if fetched is None and is_fetched(source):
        with _cleaning(scratch):
            place = Path(scratch.name) / "source"
            fetched = fetch(source, folder, place, stop=stop, first=first, since=since)
    return Table(source, folder, scratch, memory=memory, given=fetched)


def open_data(data: AnyData, *, key: Sequence[str] = (), memory: str = "1GB") -> Table:
    """Open rows that Python has, as mappings or as an Arrow stream; see `gather_data` for asynchronous ones.

    They are kept in a temporary file, for a job reads its source more than once.

    Args:
        data: Mappings of a column's name to its value, or what has ``__arrow_c_stream__``: the tables of
            Arrow, pandas, Polars and DuckDB.
        key: The columns that together identify a row.
        memory: How much memory DuckDB may use.

    Raises:
        ConfigurationError: it is neither, or there is no such column.
        SourceFailed: the data raised.
    """
    check_data(data)
    scratch = Scratch()
    with _cleaning(scratch):
        if hasattr(data, "__arrow_c_stream__"):
            spooled = spool_frame(data, Path(scratch.name))
        else:
            spooled = spool_records(cast("Records", data), Path(scratch.name) / "data.ndjson")
    return _table_of(spooled, key, scratch, memory)


async def gather_data(data: AnyData, *, key: Sequence[str] = (), memory: str = "1GB") -> Table:
    """Open rows that Python has, whether they come at once or asynchronously; see `open_data`.

    Raises:
        ConfigurationError: it is neither, or there is no such column.
        SourceFailed: the data raised.
    """
    if not isinstance(data, AsyncIterable):
        return await asyncio.to_thread(open_data, data, key=key, memory=memory)
    scratch = Scratch()
    with _cleaning(scratch):
        rows = cast("AsyncIterable[object]", data)
        spooled = await spool_async(rows, Path(scratch.name) / "data.ndjson")
    return await asyncio.to_thread(_table_of, spooled, key, scratch, memory)


@contextmanager
def _cleaning(scratch: Scratch) -> Generator[None, None, None]:
    """Take the temporary files away where an error comes."""
    try:
        yield
    except BaseException:
        scratch.cleanup()
        raise


def _table_of(spooled: Spooled, key: Sequence[str], scratch: Scratch, memory: str) -> Table:
    with _cleaning(scratch):
        spooled = attrs.evolve(spooled, digest=digest_of_file(spooled.path))
    return Table(Source(key=tuple(key)), Path(scratch.name), scratch, memory=memory, given=spooled)


def _closed_by(stack: ExitStack, generator: Iterator[T]) -> Iterator[T]:
    """Return what gives its connection free when the stack is left, however far it was read."""
    close: Callable[[], object] | None = getattr(generator, "close", None)
    if close is not None:  # a generator has it, another iterator need not
        stack.callback(close)
    return generator


class Table:
    """A source that was opened. It is read by one thread at a time; close it when it is done with."""

    #: Rows that came before what is open.
    _rows = 0
    #: What tells the list of people to whom nothing is sent from others, and what it holds back.
    _list = ""
    _held: Sequence[str] = ()

    def __init__(
        self,
        source: Source,
        folder: Path,
        scratch: Scratch,
        *,
        memory: str,
        given: Given | None = None,
    ) -> None:
        """Open the source; `open_source` and `open_data` call it."""
        self._key = source.key
        self._scratch = scratch
        self._source, self._folder, self._given = source, folder, given
        #: Where what was fetched of the source is kept, if anything was.
        self.fetched = given.folder if isinstance(given, Fetched) else None
        #: How far the source was read, where only what is new is read.
        self.reached = given.reached if isinstance(given, Fetched) else None
        #: Whether it holds no more than what is new.
        self.is_part = isinstance(given, Fetched) and given.since is not None
        self._read = given.note if isinstance(given, Fetched) else ""
        self._connection: duckdb.DuckDBPyConnection | None = None
        #: The readings under way.
        self._scans = set[Scan]()
        directory = Path(scratch.name)
        try:
            self._connection = connect(spill=directory, memory=memory)
            self._opened = Opened(self._connection, source, folder, directory, given)
            #: The source's columns with their types, as DuckDB names those.
            self.columns = self._opened.columns
            #: Columns that are not there, each with the key of the job that names it: nothing is read then.
            self.missing = [("typed", name) for name in self._opened.untyped]
            if source.suppression is not None:
                self._read_list(source.suppression, folder)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Table of {self.name}, {len(self.columns):,} columns>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What people call the source."""
        return self._opened.name

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that together identify a row."""
        return self._key

    @property
    def lines(self) -> int | None:
        """How many lines the files have, where they are lines and were read once; None where they are not."""
        return self._opened.lines

    @property
    def notes(self) -> list[str]:
        """What is worth reporting of the source once it was read."""
        return [*([self._read] if self._read else ()), *self._opened.notes, *self._held]

    def _read_list(self, suppression: Suppression, folder: Path) -> None:
        """Keep who is on the list beside the source, and say how many rows are theirs.

        Raises:
            ConfigurationError: the list cannot be read whole, or holds nobody.
        """
        connection = self._connection
        if connection is None or not self.columns:
            return
        matched, names, people = suppression.match, list[str](), 0
        for at in range(len(matched)):
            connection.execute(f"CREATE TABLE {table_of(at)} (value VARCHAR, channel VARCHAR)")
        known = {name.casefold() for name in self.columns}
        self.missing += [("match", name) for name in matched if name.casefold() not in known]
        if self.missing:
            return
        if suppression.files:
            held = self._read_part(
                connection, Source(files=suppression.files), folder, matched.values(), suppression.channel
            )
            if not any(
                connection.execute(f"FROM {table_of(at)} LIMIT 1").fetchall() for at in range(len(matched))
            ):
                raise ConfigurationError(
                    f"The suppression list {held[0]} holds nobody: look at the file, and at the columns of "
                    "match"
                )
            names.append(held[0])
            people += held[1]
        if suppression.vendors_own is not None and suppression.vendors_own.exists():
            opt_outs = Source(files=(str(suppression.vendors_own),))
            people += self._read_part(connection, opt_outs, folder, matched, "channel")[1]
            names.append("what vendors tell of their own opt-outs")
        elif suppression.ask:
            names.append(f"what {' and '.join(suppression.ask)} will tell of their own opt-outs")
        rows = self.count(held_back(matched))
        who = f"{' and '.join(names)} has {many(people, 'person')} to whom nothing is sent"
        self._held = [f"{who}: {many(rows, 'row of the source is theirs and is held back')}"]

    def _read_part(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        folder: Path,
        columns: Iterable[str],
        channel: str | None,
    ) -> tuple[str, int]:
        """Put a list of people beside the others, and return its name and how many they are.

        Raises:
            ConfigurationError: it cannot be read whole, or names a channel that there is not.
        """
        wanted = {str(at): Expression(column=name) for at, name in enumerate(columns)}
        count = len(wanted)
        if channel is not None:
            wanted["channel"] = Expression(column=channel)
        people = 0
        with open_source(source, folder) as table:
            for page in table.rows(wanted):
                rows = [row["fields"] for row in page]
                bad = next((why for row in page if (why := row.get("problem"))), None)
                channels = [channel_of(row.get("channel")) for row in rows]
                bad = bad or next((f"it names {one}" for one in channels if one not in KNOWN_CHANNELS), None)
                if bad:
                    raise ConfigurationError(f"The suppression list {table.name} cannot be read whole: {bad}")
                people += len(page)
                for at in range(count):
                    values = [None if (one := row.get(str(at))) is None else str(one) for row in rows]
                    connection.execute(fill_of(at), [values, channels])
            self._list += table.fingerprint()
            return table.name, people

    def close(self) -> None:
        """Give memory and temporary files free."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._scratch.cleanup()

    @property
    def tells_who_left(self) -> bool:
        """Whether it is known which rows have left the source since it was read the last time."""
        return isinstance(self._given, Fetched) and self._given.left is not None

    def left(self) -> Iterator[list[str]]:
        """Give the keys of rows that have left the source since then; some may have come back.

        Raises:
            SourceFailed: they cannot be read.
        """
        if isinstance(self._given, Fetched) and self._given.left is not None:
            given = attrs.evolve(self._given, rows=self._given.left, left=None)
            with Table(self._source, self._folder, Scratch(), memory=_LITTLE, given=given) as table:
                for page in table.rows({}):
                    yield [row["key"] for row in page if row["key"]]

    def interrupt(self) -> None:
        """End what another thread reads at this moment: it raises there."""
        for scan in list(self._scans):
            scan.interrupt()

    def fingerprint(self) -> str:
        """Return what tells the source from others, and from itself after a change."""
        return digest_of(self._opened.facts() + self._list)

    def check(self, selection: Selection) -> None:
        """Look at whether every column is there and every expression is SQL, without reading.

        Raises:
            ConfigurationError: one of them is not.
        """
        self._scan([selection]).close()

    def count(self, where: str | None = None) -> int:
        """Return how many rows `rows` gives, those that cannot be read among them."""
        with self.scanning(Selection(fields={}, where=where, hashed=False)) as scan:
            return scan.count(where)

    def rows(
        self, expressions: Mapping[str, Expression], where: str | None = None, *, salt: str = ""
    ) -> Iterator[Page]:
        """Read the rows for one step; see `read`."""
        for pages in self.read([Selection(fields=expressions, where=where, salt=salt)]):
            if pages[0]:
                yield pages[0]

    def read(self, selections: Sequence[Selection]) -> Iterator[list[Page]]:
        """Read the source once for many selections: a page for each of them at a time, some of them empty.

        Raises:
            ConfigurationError: a column is missing, or an expression is no SQL.
            SourceFailed: the source cannot be read any further, or has changed while it was read.
        """
        with ExitStack() as stack:
            scan = stack.enter_context(self._scanning(selections))
            raw = stack.enter_context(self._opened.raw(self._rows))
            wanted = [
                None if one.only is None else Wanted(_closed_by(stack, one.only())) for one in selections
            ]
            staged = [
                None if one.expected is None else Staged(_closed_by(stack, one.expected()))
                for one in selections
            ]
            for first, batch in scan.batches():
                self._opened.check_unchanged()
                for start in range(0, batch.num_rows, PAGE):
                    part = batch.slice(start, PAGE)
                    pages = [
                        page_of(part, first + start, one, numbers, raw)
                        for one, numbers in zip(scan.compiled, wanted, strict=True)
                    ]
                    stop = first + start + part.num_rows
                    for page, before in zip(pages, staged, strict=True):
                        if before is not None and not page.agrees(before, stop):
                            self._tell_changed()
                    yield list[Page](pages)
            if not all(before is None or before.is_over() for before in staged):
                self._tell_changed()
            made = [one.expressions for one in scan.compiled] or [one.fields for one in selections]
            for number, aside in scan.set_aside():
                rows = [_no_row(number, aside, fields) for fields in made]
                fits = [only is None or bool(only.within(number, 1)) for only in wanted]
                yield [[row] if fit else [] for row, fit in zip(rows, fits, strict=True)]
            self._opened.check_unchanged()

    def _tell_changed(self) -> NoReturn:
        self._opened.check_unchanged()
        raise SourceFailed(
            f"{self.name} does not give the rows any more that this run has compared with what was "
            "delivered: it was changed meanwhile, or a field's SQL gives something else at every reading, as "
            "now() and random() do. What was sent before is remembered as it was sent: start a new run"
        )

    @contextmanager
    def scanning(self, selection: Selection) -> Generator[Scan, None, None]:
        """Give a reading to which a comparison puts queries of its own.

        Raises:
            SourceFailed: the source has changed while it was read.
        """
        with self._scanning([selection]) as scan:
            yield scan
            self._opened.check_unchanged()

    @contextmanager
    def _scanning(self, selections: Sequence[Selection]) -> Generator[Scan, None, None]:
        for key, name in self.missing:
            raise ConfigurationError(f"The key {key}: {no_column(name, self.columns)}", key=key)
        with closing(self._scan(selections)) as scan:
            self._scans.add(scan)
            try:
                yield scan
            finally:
                self._scans.discard(scan)

    def _scan(self, selections: Sequence[Selection]) -> Scan:
        return Scan(self._opened, self._key, selections)


def _no_row(number: int, aside: Aside, fields: Mapping[str, Expression]) -> SourceRow:
    """Return a line that is no row in the place of one."""
    line: dict[str, object] = {LINE: aside.text}
    row: SourceRow = {"row": number, "key": "", "hash": "", "fields": line, "problem": aside.problem}
    row["place"] = aside.place
    row["whole"] = lambda: Whole(line, fields)
    return row
