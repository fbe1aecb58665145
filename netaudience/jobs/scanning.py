"""One reading of a source from its first row to its last: batches, row numbers, and what was set aside.

Rows are numbered as they come, whatever a step wants of them, so that a number means the same row in every
step and at every reading. Lines that are no rows are only known at the end, and are numbered after it.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from netaudience.jobs.database import Batch, batches, quoted, telling
from netaudience.jobs.delimited import lines_set_aside
from netaudience.jobs.files import PROBLEM
from netaudience.jobs.opening import Opened
from netaudience.jobs.selecting import SOURCE, Compiled, Selection, compile_selection, key_sql

__all__ = ["CONDITION_FAILS", "KEPT", "KEY", "Scan", "Wanted"]

KEY = "netaudience key"
KEPT = "netaudience kept"
CONDITION_FAILS = "the step's where cannot be computed from this row"


class Wanted:
    """Ascending numbers of rows, asked for range by range."""

    def __init__(self, numbers: Iterable[Sequence[tuple[int, str | None]]]) -> None:
        self._numbers = chain.from_iterable(numbers)
        self._next = next(self._numbers, None)

    def within(self, first: int, rows: int) -> list[tuple[int, str | None]]:
        """Return which of the rows are wanted, counted from the first of the range, and what is wrong."""
        found: list[tuple[int, str | None]] = []
        following = self._next
        while following is not None and following[0] < first + rows:
            if following[0] >= first:
                found.append((following[0] - first, following[1]))
            following = next(self._numbers, None)
        self._next = following
        return found


class Scan:
    """One reading."""

    def __init__(
        self,
        opened: Opened,
        key: Sequence[str],
        selections: Sequence[Selection],
        *,
        kept: Sequence[str] | None = None,
    ) -> None:
        """Make the query, and look at whether it is one.

        Raises:
            ConfigurationError: a column is missing, or an expression is no SQL.
        """
        self._opened = opened
        # A cursor has tables of its own for the lines that are no rows.
        self._connection = opened.cursor()
        self._name = opened.name
        self._columns = opened.columns
        self.compiled: list[Compiled] = []
        #: How many rows were read.
        self.rows = 0
        self._query = ""
        columns = {name: kind for name, kind in opened.columns.items() if name != PROBLEM}
        if columns:
            self.compiled = [
                compile_selection(at, selection, columns, self._connection)
                for at, selection in enumerate(selections)
            ]
            self._query = self._query_of(key, kept)

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Give the rows as Arrow batches, each with the number of its first row.

        Raises:
            SourceFailed: the source cannot be read any further.
        """
        if not self._query:
            return
        self._opened.verify()
        with telling(self._name):
            for batch in batches(self._connection, self._query):
                yield self.rows + 1, batch
                self.rows += batch.num_rows

    def set_aside(self) -> Iterator[tuple[int, str]]:
        """Give the lines that are no rows, each with its number and what is wrong with it."""
        yield from enumerate(chain(lines_set_aside(self._connection), self._other_lines()), self.rows + 1)

    def _other_lines(self) -> Iterator[str]:
        for query in self._opened.aside:
            cursor = self._connection.execute(query)
            while rows := cursor.fetchmany(1000):
                yield from (str(problem) for (problem,) in rows)

    def interrupt(self) -> None:
        """End the query that a thread waits for; that thread raises then."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give the reading free."""
        self._connection.close()

    def _query_of(self, key: Sequence[str], kept: Sequence[str] | None) -> str:
        problem = quoted(PROBLEM) if PROBLEM in self._columns else f"NULL::VARCHAR AS {quoted(PROBLEM)}"
        inner = [f"{key_sql(key, self._columns)} AS {quoted(KEY)}", problem]
        outer = ["*"]
        for compiled in self.compiled:
            # Expressions may end in a comment: what follows them stands on a line of its own.
            inner.extend(f"{sql}\nAS {quoted(name)}" for sql, name in compiled.inner)
            outer.extend(f"{sql} AS {quoted(name)}" for sql, name in compiled.outer)
        if kept is not None:
            (compiled,) = self.compiled
            parts = [
                f"{quoted(name)} := {quoted(own)}" for name, own, _, _ in compiled.fields if name in kept
            ]
            body = f"to_json(struct_pack({', '.join(parts)}))::VARCHAR" if parts else "'{}'"
            outer.append(f"{body} AS {quoted(KEPT)}")
        return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {SOURCE})"
