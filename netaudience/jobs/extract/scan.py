"""One reading of a source from its first row to its last: batches, row numbers, and what was set aside.

Rows are numbered as they come, whatever a step wants of them, so that a number means the same row in every
step and at every reading. Lines that are no rows are only known at the end, and are numbered after it.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from netaudience.jobs.columns.comparison import Asking, asking_sql
from netaudience.jobs.columns.duckdb import Batch, batches, numbers_of, quoted, telling
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.columns.selection import (
    KEY,
    SOURCE,
    Compiled,
    Problem,
    Selection,
    compile_selection,
    key_sql,
)
from netaudience.jobs.extract.files import TEXT, Aside
from netaudience.jobs.extract.view import Opened
from netaudience.jobs.formats import PROBLEM

if TYPE_CHECKING:
    import duckdb


class Wanted:
    """Ascending numbers of rows, asked for range by range."""

    def __init__(self, numbers: Iterable[Sequence[tuple[int, Problem | None]]]) -> None:
        self._numbers = chain.from_iterable(numbers)
        self._next = next(self._numbers, None)

    def within(self, first: int, rows: int) -> list[tuple[int, Problem | None]]:
        """Return which of the rows are wanted, counted from the first of the range, and what is wrong."""
        found: list[tuple[int, Problem | None]] = []
        following = self._next
        while following is not None and following[0] < first + rows:
            if following[0] >= first:
                found.append((following[0] - first, following[1]))
            following = next(self._numbers, None)
        self._next = following
        return found


class Staged:
    """What rows were when they were compared, asked for range by range while they are read again."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        #: What nobody has asked for yet of the batch that was given last.
        self._rest: Batch | None = None

    def agree(self, stop: int, numbers: Sequence[int], checks: Batch) -> bool:
        """Return whether the rows up to a number, those before it that were asked for left out, are these.

        Arrow compares them, for there are as many as the source has rows (J2).

        Args:
            stop: The number before which they end.
            numbers: Their numbers.
            checks: Their checks.
        """
        asked, at = numbers_of(numbers), 0
        while (batch := self._at_hand()) is not None:
            rows = batch.column(0)
            many = bisect_left(rows, stop, key=lambda number: number.as_py())
            if not asked.slice(at, many).equals(rows.slice(0, many)):
                return False
            if not checks.slice(at, many).equals(batch.column(1).slice(0, many)):
                return False
            at += many
            self._rest = rest = batch.slice(many)
            if rest.num_rows:
                break
        return at == len(numbers)

    def is_over(self) -> bool:
        """Return whether no row is left that nobody has asked for."""
        return self._at_hand() is None

    def _at_hand(self) -> Batch | None:
        while self._rest is None or not self._rest.num_rows:
            self._rest = next(self._batches, None)
            if self._rest is None:
                return None
        return self._rest


class Scan:
    """One reading."""

    def __init__(
        self,
        opened: Opened,
        key: Sequence[str],
        selections: Sequence[Selection],
    ) -> None:
        """Make the query, and look at whether it is one.

        Raises:
            ConfigurationError: a column is missing, or an expression is no SQL.
        """
        self._opened = opened
        self._key = key
        # A cursor has tables of its own for the lines that are no rows.
        sql = any(
            one.where is not None or any(field.sql is not None for field in one.fields.values())
            for one in selections
        )
        self._connection = opened.cursor(sql=sql)
        self._name = opened.name
        self._columns = opened.columns
        self.compiled: list[Compiled] = []
        #: How many rows were read.
        self.rows = 0
        self._query = ""
        if opened.columns:
            self.compiled = [
                compile_selection(at, selection, opened.columns, self._connection)
                for at, selection in enumerate(selections)
            ]
            self._query = self._query_of(key)

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Give the rows as Arrow batches, each with the number of its first row.

        Raises:
            SourceFailed: the source cannot be read any further.
        """
        if not self._query:
            return
        self._opened.verify(self._connection)
        with telling(self._name):
            # Each thread holds a part of the file decoded, and the vendor is slower than one of them.
            self._connection.execute("SET threads = 1")
            for batch in batches(self._connection, self._query):
                yield self.rows + 1, batch
                self.rows += batch.num_rows

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """Where the reading takes place."""
        return self._connection

    def asking(self, selection: Selection, effect: Effect) -> Asking:
        """Return the rows of a step as SQL that a comparison is made of; it runs in `connection`.

        Raises:
            ConfigurationError: a column is missing, or an expression is no SQL.
            SourceFailed: lines of the source would be lost without a word.
        """
        self._opened.verify(self._connection)
        problem = quoted(PROBLEM) if self._opened.tells_problems else "NULL::VARCHAR"
        return asking_sql(selection, effect, self._key, self._columns, problem, self._connection)

    def count(self, where: str | None) -> int:
        """Return how many rows a condition holds for, those that cannot be read among them."""
        rows = 0
        with telling(self._name):
            if self._query:
                asking = self.asking(Selection(fields={}, where=where), Effect())
                rows = self._connection.execute(f"SELECT count(*) FROM ({asking.inner})").fetchall()[0][0]
            return rows + sum(1 for _ in self._opened.set_aside(self._connection))

    def set_aside(self) -> Iterator[tuple[int, Aside]]:
        """Give the lines that are no rows, each with its number and what is wrong with it."""
        with telling(self._name):
            for at, problem in enumerate(self._opened.set_aside(self._connection), 1):
                if at == 1 and not self.rows and self._query:
                    self.rows = self._connection.execute(f"SELECT count(*) FROM {SOURCE}").fetchall()[0][0]
                yield self.rows + at, problem

    def interrupt(self) -> None:
        """End the query that a thread waits for; that thread raises then."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give the reading free."""
        self._connection.close()

    def _query_of(self, key: Sequence[str]) -> str:
        problem = quoted(PROBLEM) if self._opened.tells_problems else f"NULL::VARCHAR AS {quoted(PROBLEM)}"
        computed = ["*"]
        text = [quoted(TEXT)] if self._opened.tells_texts else []
        inner = [f"{key_sql(key, self._columns)} AS {quoted(KEY)}", problem, *text]
        outer = [quoted(KEY), quoted(PROBLEM), *text]
        for compiled in self.compiled:
            computed.extend(f"{sql} AS {quoted(name)}" for sql, name in compiled.computed)
            # Expressions may end in a comment: what follows them stands on a line of its own.
            inner.extend(f"{sql}\nAS {quoted(name)}" for sql, name in (*compiled.inner, *compiled.hidden))
            outer.extend(quoted(name) for _, name in compiled.inner)
            outer.extend(f"{sql} AS {quoted(name)}" for sql, name in compiled.outer)
        once = f"(SELECT {', '.join(computed)} FROM {SOURCE})"
        return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {once})"
