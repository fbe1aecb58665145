"""What a run has sent by a step that remembers, found in the source as it is now, wherever it stands there.

A row is known by the hash over its key and its content that went out: so a source that was sorted, or has
grown, is no hindrance, and a row that holds something else by now is reported. It works on a copy of the
step's memory.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, cast

import attrs

from netaudience.jobs.columns.duckdb import another, telling
from netaudience.jobs.extract.table import PAGE, Table
from netaudience.jobs.spec.model import Step
from netaudience.jobs.state import diff_sql
from netaudience.jobs.state.diff_sql import HERE
from netaudience.jobs.state.snapshot import Differences, Snapshot, salted, selection_of

if TYPE_CHECKING:
    from netaudience.jobs.columns.comparison import Asking
    from netaudience.jobs.columns.effects import Effect
    from netaudience.jobs.columns.selection import Problem

Chosen = Callable[[int], bool]

#: What the staged run has delivered, and what it has taken back; the rest of both is none of our business.
_DELIVERED = f"""
{diff_sql.RANGES}
CREATE OR REPLACE TABLE taken AS
SELECT "row", hash FROM pending ASOF JOIN (FROM ranges WHERE kind = 0) AS done ON pending."row" >= done.first
WHERE "row" < stop AND problem IS NULL;
DELETE FROM removals WHERE "row" NOT IN (
    SELECT "row" FROM removals ASOF JOIN (FROM ranges WHERE kind = 1) AS done ON removals."row" >= done.first
    WHERE "row" < stop
);
CREATE OR REPLACE TABLE sent ("row" BIGINT NOT NULL, now BIGINT);
CREATE OR REPLACE TABLE before (now BIGINT NOT NULL);
"""


def _find(asking: Asking) -> str:
    """Return the SQL that finds the rows as they were sent; the last of those that are the same."""
    return f"""
INSERT INTO {HERE}.main.sent
SELECT taken."row", max(source.now)
FROM {HERE}.main.taken AS taken
LEFT JOIN (SELECT {asking.row} AS now, {asking.hash} AS hash FROM ({asking.inner})) AS source USING (hash)
GROUP BY taken."row"
"""


def _find_before(asking: Asking) -> str:
    """Return the SQL that finds the rows that earlier runs have sent as they are."""
    return f"""
INSERT INTO {HERE}.main.before
SELECT {asking.row} FROM ({asking.inner})
WHERE {asking.hash} IN (SELECT hash FROM {HERE}.main.state WHERE hash IS NOT NULL)
"""


class SentMemory(Snapshot):
    """A copy of a step's memory, in which what the staged run has sent is looked for."""

    def find(self, table: Table, step: Step, effect: Effect) -> int:
        """Look for what was delivered; return how many rows that were.

        Raises:
            ConfigurationError: a column is missing.
            SourceFailed: the source cannot be read.
        """
        selection = salted(selection_of(step), effect)
        with self._writing() as connection:
            connection.execute(_DELIVERED)
        with self._beside(table, selection) as scan, telling(table.name):
            scan.connection.execute(_find(scan.asking(selection, effect)))
        with self._telling():
            return int(self._connection.execute("SELECT count(*) FROM sent").fetchall()[0][0])

    def sent(self, table: Table, step: Step, chosen: Chosen) -> Differences:
        """Return what was delivered and is there as it was sent.

        Args:
            table: The source.
            step: What is read of it.
            chosen: Says of the number that a row had for the run whether it is wanted.
        """

        def numbers() -> Iterator[list[tuple[int, Problem | None]]]:
            for rows in self._pages('SELECT now, "row" FROM sent WHERE now IS NOT NULL ORDER BY now'):
                yield [(now, None) for now, row in cast("list[tuple[int, int]]", rows) if chosen(row)]

        found = self.staged(table, selection_of(step))
        return attrs.evolve(
            found, selection=attrs.evolve(found.selection, only=numbers, expected=None), table=table,
            snapshot=self,
        )  # fmt: skip

    def before(self, table: Table, step: Step, effect: Effect) -> Differences:
        """Return the rows that earlier runs have delivered, and that are there as they were sent.

        Raises:
            SourceFailed: the source cannot be read.
        """
        selection = salted(selection_of(step), effect)
        with self._beside(table, selection) as scan, telling(table.name):
            scan.connection.execute(_find_before(scan.asking(selection, effect)))

        def numbers() -> Iterator[list[tuple[int, Problem | None]]]:
            for rows in self._pages("SELECT now FROM before ORDER BY now"):
                yield [(now, None) for (now,) in cast("list[tuple[int]]", rows)]

        found = self.staged(table, selection_of(step))
        chosen = attrs.evolve(found.selection, only=numbers, expected=None)
        return attrs.evolve(found, selection=chosen, table=table, snapshot=self)

    def lost(self, chosen: Chosen) -> int:
        """Return how many chosen rows were delivered that the source does not have any more as they were."""
        pages = self._pages('SELECT "row" FROM sent WHERE now IS NULL')
        return sum(chosen(cast("int", row)) for rows in pages for (row,) in rows)

    def _pages(self, query: str) -> Iterator[list[tuple[object, ...]]]:
        with self._telling(), closing(another(self._connection)) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(10 * PAGE):
                yield rows
