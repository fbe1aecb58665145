"""Users that stand in several rows of a step: how many rows in a row, and which of them is the last.

A user is whom an item is about, however the source tells its rows apart. All of it is kept on disk, for
nobody knows how many users a source has.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from netaudience.jobs.columns.duckdb import connect, telling
from netaudience.jobs.columns.projection import projector
from netaudience.jobs.map.items import mapper
from netaudience.jobs.state.snapshot import selection_of
from netaudience.model.texts import RowTexts

if TYPE_CHECKING:
    from netaudience.jobs.columns.selection import Problem
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.model import Step
    from netaudience.model.kinds import Kind

_CHAINS = """
SELECT coalesce(max(rows), 0), count(*), coalesce(sum(rows), 0)::BIGINT
FROM (SELECT count(*) AS rows FROM seen GROUP BY key HAVING count(*) > 1)
"""
_EARLIER = """
SELECT "row" FROM seen JOIN (SELECT key, max("row") AS last FROM seen GROUP BY key HAVING count(*) > 1)
USING (key) WHERE "row" < last ORDER BY "row"
"""
_AT_A_TIME = 100_000
_telling = telling("The users of the rows cannot be compared")


@attrs.frozen
class Chains:
    """Users that have several rows."""

    #: The most rows of one user; 0 where nobody has several.
    longest: int = 0
    users: int = 0
    #: All rows of these users.
    rows: int = 0


class Repeats:
    """Takes the users of all rows, and tells those that come again."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="netaudience-", ignore_cleanup_errors=True)
        folder = Path(self._scratch.name)
        self._connection = connect(folder / "users.duckdb", spill=folder / "spill")
        self._connection.execute('CREATE TABLE seen (key BLOB, "row" BIGINT)')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._scratch.cleanup()

    @_telling
    def add(self, keys: Sequence[str], numbers: Sequence[int]) -> None:
        """Take the users of some rows, and the numbers of these rows."""
        if keys:
            encoded = [key.encode("utf-8", "surrogatepass") for key in keys]
            self._connection.execute(
                "INSERT INTO seen SELECT unnest(?::BLOB[]), unnest(?::BIGINT[])", [encoded, list(numbers)]
            )

    @_telling
    def chains(self) -> Chains:
        """Return how many users have several rows."""
        ((longest, users, rows),) = self._connection.execute(_CHAINS).fetchall()
        return Chains(longest, users, rows)

    @_telling
    def earlier(self) -> array[int]:
        """Return the rows behind which another one of their user stands, ascending."""
        found = array("q")
        cursor = self._connection.execute(_EARLIER)
        while rows := cursor.fetchmany(_AT_A_TIME):
            found.extend(number for (number,) in rows)
        return found


def earlier_of(table: Table, step: Step, kind: Kind) -> Sequence[int]:
    """Read a source, and return the rows of a step behind which another one of their user stands.

    A row that cannot be sent stands for nobody.

    Raises:
        SourceFailed: it cannot be read.
    """
    selection = attrs.evolve(selection_of(step), hashed=False, item=projector(step, kind))
    make = mapper(step, kind)
    with Repeats() as repeats:
        for (page,) in table.read([selection]):
            made = make(page)
            items, rows = made.items, made.rows
            found: Sequence[int] | None = getattr(rows, "numbers", None)
            numbers = [row["row"] for row in rows] if found is None else found
            if isinstance(items, RowTexts):  # they were checked when they were made
                repeats.add(items.keys, numbers)
                continue
            problems = kind.check(items)
            fine = [index for index in range(len(items)) if index not in problems]
            repeats.add(kind.keys([items[index] for index in fine]), [numbers[index] for index in fine])
        return repeats.earlier()


def all_but(left_out: Sequence[int]) -> Callable[[], Iterator[list[tuple[int, Problem | None]]]]:
    """Return what gives the numbers of all rows but some, without an end, as a selection wants them."""

    def numbers() -> Iterator[list[tuple[int, Problem | None]]]:
        first = 1
        for number in left_out:
            yield from _between(first, number)
            first = number + 1
        while True:
            yield from _between(first, first + _AT_A_TIME)
            first += _AT_A_TIME

    return numbers


def _between(first: int, stop: int) -> Iterator[list[tuple[int, Problem | None]]]:
    for start in range(first, stop, _AT_A_TIME):
        yield [(number, None) for number in range(start, min(stop, start + _AT_A_TIME))]
