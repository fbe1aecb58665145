"""A job's source as a table that can be read again and again: its columns, its rows, and what is wrong.

Rows come in the source's order, in pages, in memory that does not grow with the source, each with a number
that is the same at every reading. A row that cannot be read is told, and reading goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, Self, TypeAlias, TypedDict, cast

from netaudience.jobs.database import Batch, connect, import_arrow
from netaudience.jobs.files import PROBLEM
from netaudience.jobs.opening import Opened
from netaudience.jobs.scanning import CONDITION_FAILS, KEPT, KEY, Scan, Wanted
from netaudience.jobs.selecting import Compiled, Selection, key_sql, read_fields
from netaudience.jobs.spooling import (
    AnyData,
    Records,
    check_data,
    digest_of,
    spool_arrow,
    spool_async,
    spool_records,
)
from netaudience.jobs.words import Expression, Source

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "PAGE",
    "Page",
    "Selection",
    "SourceRow",
    "Table",
    "gather_data",
    "open_data",
    "open_source",
]

Scratch: TypeAlias = "tempfile.TemporaryDirectory[str]"

#: The most rows of a page.
PAGE = 1000
_KEY_COLUMNS = ["row", "key", "hash", "problem", "kept"]


class SourceRow(TypedDict):
    """One row as a step wants it."""

    #: Counted from 1 in the source's order. Lines of a CSV that are no rows are counted after all rows.
    row: int
    #: The key columns as text, a JSON array where there are several; empty where the source has no key.
    key: str
    #: Tells what is sent of the row from anything else; empty where `problem` stands.
    hash: str
    #: Values by the step's names, those that are NULL left out; a `BadValue` where one cannot be sent.
    fields: dict[str, object]
    #: Why this is no row that can be sent.
    problem: NotRequired[str]


Page: TypeAlias = list[SourceRow]


def open_source(source: Source, folder: Path, *, memory: str = "1GB") -> Table:
    """Open a job's source.

    Args:
        source: What the job says.
        folder: What its names are relative to.
        memory: How much memory DuckDB may use.

    Raises:
        ConfigurationError: a file, a column or the SQL is wrong.
        SourceFailed: it cannot be read.
    """
    scratch = _scratch()
    return Table(source, folder, scratch, memory=memory)


def open_data(data: AnyData, *, key: Sequence[str] = (), memory: str = "1GB") -> Table:
    """Open rows that Python has, as mappings or as an Arrow stream; see `gather_data` for asynchronous ones.

    They are kept in a temporary file, for a job reads its source more than once.

    Args:
        data: Mappings of a column's name to its value, or what has ``__arrow_c_stream__``: the tables of
            Arrow, pandas, Polars and DuckDB.
        key: The columns that together tell a row from others.
        memory: How much memory DuckDB may use.

    Raises:
        ConfigurationError: it is neither, or there is no such column.
        SourceFailed: the data raised.
    """
    check_data(data)
    scratch = _scratch()
    with _cleaning(scratch):
        if hasattr(data, "__arrow_c_stream__"):
            path = Path(scratch.name) / "data.parquet"
            spool_arrow(data, path)
        else:
            path = Path(scratch.name) / "data.ndjson"
            spool_records(cast("Records", data), path)
    return _table_of(path, key, scratch, memory)


async def gather_data(data: AnyData, *, key: Sequence[str] = (), memory: str = "1GB") -> Table:
    """Open rows that Python has, whether they come at once or asynchronously; see `open_data`.

    Raises:
        ConfigurationError: it is neither, or there is no such column.
        SourceFailed: the data raised.
    """
    if not isinstance(data, AsyncIterable):
        return await asyncio.to_thread(open_data, data, key=key, memory=memory)
    scratch = _scratch()
    with _cleaning(scratch):
        path = Path(scratch.name) / "data.ndjson"
        await spool_async(cast("AsyncIterable[object]", data), path)
    return await asyncio.to_thread(_table_of, path, key, scratch, memory)


def _scratch() -> Scratch:
    return tempfile.TemporaryDirectory(prefix="netaudience-", ignore_cleanup_errors=True)


@contextmanager
def _cleaning(scratch: Scratch) -> Generator[None, None, None]:
    """Take the temporary files away where an error comes."""
    try:
        yield
    except BaseException:
        scratch.cleanup()
        raise


def _table_of(path: Path, key: Sequence[str], scratch: Scratch, memory: str) -> Table:
    with _cleaning(scratch):
        digest = digest_of(path)
    return Table(
        Source(files=(str(path),), key=tuple(key)), Path(scratch.name), scratch, memory=memory, digest=digest
    )


class Table:
    """A source that was opened. It is read by one thread at a time; close it when it is done with."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        scratch: Scratch,
        *,
        memory: str,
        digest: str | None = None,
    ) -> None:
        """Open the source; `open_source` and `open_data` call it."""
        self._key = source.key
        self._scratch = scratch
        self._connection: duckdb.DuckDBPyConnection | None = None
        #: The readings under way.
        self._scans = set[Scan]()
        directory = Path(scratch.name)
        try:
            self._connection = connect(spill=directory, memory=memory)
            self._opened = Opened(self._connection, source, folder, directory, digest)
            #: The source's columns with their types, as DuckDB names those.
            self.columns = {name: kind for name, kind in self._opened.columns.items() if name != PROBLEM}
            if self.columns:
                key_sql(source.key, self.columns)
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
        """The columns that together tell a row from others."""
        return self._key

    def close(self) -> None:
        """Give memory and temporary files free."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._scratch.cleanup()

    def interrupt(self) -> None:
        """End what another thread reads at this moment: it raises there."""
        for scan in list(self._scans):
            scan.interrupt()

    def fingerprint(self) -> str:
        """Return what tells the source from others, and from itself after a change."""
        return hashlib.sha256(self._opened.facts().encode()).hexdigest()

    def check(self, selection: Selection) -> None:
        """Look at whether every column is there and every expression is SQL, without reading.

        Raises:
            ConfigurationError: one of them is not.
        """
        self._scan([selection]).close()

    def count(self, where: str | None = None) -> int:
        """Return how many rows `rows` gives, those that cannot be read among them."""
        return sum(batch.num_rows for batch in self.keys(Selection(fields={}, where=where)))

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
        wanted = [None if selection.only is None else Wanted(selection.only()) for selection in selections]
        with self._scanning(selections) as scan:
            for first, batch in scan.batches():
                for start in range(0, batch.num_rows, PAGE):
                    part = batch.slice(start, PAGE)
                    yield [
                        _page(part, first + start, one, numbers)
                        for one, numbers in zip(scan.compiled, wanted, strict=True)
                    ]
            for number, problem in scan.set_aside():
                row: SourceRow = {"row": number, "key": "", "hash": "", "fields": {}, "problem": problem}
                yield [[row] if numbers is None or numbers.within(number, 1) else [] for numbers in wanted]
            self._opened.check_unchanged()

    def keys(self, selection: Selection, kept: Sequence[str] = ()) -> Iterator[Batch]:
        """Read only what tells rows apart, as Arrow batches of row, key, hash, problem and kept.

        Args:
            selection: Which rows, and what the hash covers.
            kept: The fields that ``kept`` holds as a JSON object.
        """
        arrow = import_arrow()
        with self._scanning([selection], kept) as scan:
            for first, batch in scan.batches():
                yield _keys(batch, first, scan.compiled[0])
            for aside in _many(scan.set_aside(), PAGE):
                numbers, problems = zip(*aside, strict=True)
                nothing = arrow.nulls(len(aside), arrow.string())
                columns = [
                    arrow.array(numbers, arrow.int64()),
                    nothing,
                    arrow.array([0] * len(aside), arrow.uint64()),
                    arrow.array(problems, arrow.string()),
                    nothing,
                ]
                yield arrow.RecordBatch.from_arrays(columns, _KEY_COLUMNS)
            self._opened.check_unchanged()

    @contextmanager
    def _scanning(
        self, selections: Sequence[Selection], kept: Sequence[str] | None = None
    ) -> Generator[Scan, None, None]:
        with closing(self._scan(selections, kept)) as scan:
            self._scans.add(scan)
            try:
                yield scan
            finally:
                self._scans.discard(scan)

    def _scan(self, selections: Sequence[Selection], kept: Sequence[str] | None = None) -> Scan:
        return Scan(self._opened, self._key, selections, kept=kept)


def _many(numbered: Iterator[tuple[int, str]], most: int) -> Iterator[list[tuple[int, str]]]:
    while some := list(islice(numbered, most)):
        yield some


def _keys(batch: Batch, first: int, compiled: Compiled) -> Batch:
    """Make row, key, hash, problem and kept of a batch, without the rows that a condition leaves out."""
    arrow, compute = import_arrow(), import_arrow("compute")
    rows = arrow.array(range(first, first + batch.num_rows), arrow.int64())
    problems = batch.column(PROBLEM)
    held: Batch = None
    if compiled.condition is not None:
        # A condition that fails on a row is a problem of the row, and one that is NULL does not hold.
        condition = batch.column(compiled.condition)
        failed = compute.and_(condition.is_null(), problems.is_null())
        problems = compute.if_else(failed, arrow.scalar(CONDITION_FAILS), problems)
        held = compute.or_(compute.fill_null(condition.field(0), False), problems.is_valid())  # noqa: FBT003 - what fills
    columns = [rows, batch.column(KEY), batch.column(compiled.hash), problems, batch.column(KEPT)]
    made = arrow.RecordBatch.from_arrays(columns, _KEY_COLUMNS)
    return made if held is None else made.filter(held)


def _page(part: Batch, first: int, compiled: Compiled, wanted: Wanted | None) -> Page:
    """Make the rows of a step from a part of a batch."""
    numbers: Sequence[int] = range(part.num_rows)
    problems: list[str | None] = part.column(PROBLEM).to_pylist()
    if wanted is not None:
        found = wanted.within(first, part.num_rows)
        if not found:
            return []
        numbers = [number for number, _ in found]
        problems = [problems[number] or problem for number, problem in found]
        if len(found) < part.num_rows:
            part = part.take(import_arrow().array(numbers))
    keys, hashes = part.column(KEY).to_pylist(), part.column(compiled.hash).to_pylist()
    page: Page = [
        {"row": first + at, "key": key or "", "hash": f"{number:016x}", "fields": fields}
        for at, key, number, fields in zip(numbers, keys, hashes, read_fields(compiled, part), strict=True)
    ]
    if compiled.condition is None and not any(problems):
        return page
    holds = [True] * len(page)
    if compiled.condition is not None:
        condition = part.column(compiled.condition)
        holds = list(map(bool, condition.field(0).to_pylist()))
        computed: list[bool] = condition.is_valid().to_pylist()
        problems = [
            problem or (None if fine else CONDITION_FAILS)
            for problem, fine in zip(problems, computed, strict=True)
        ]
    for row, problem in zip(page, problems, strict=True):
        if problem is not None:
            row |= {"problem": problem, "hash": ""}
    return [row for row, held in zip(page, holds, strict=True) if held or "problem" in row]
