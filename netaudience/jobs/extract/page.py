"""A page of a step's rows: columns of a batch, out of which a row is made when somebody looks at it.

Nearly all rows are sent as the text that the query made of them, and nobody looks at them again. So a page
keeps the batch that it is part of, and knows which of its places are rows of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, NotRequired, TypeAlias, TypedDict, cast, overload

from netaudience.dead_letter import By
from netaudience.jobs.columns.comparison import CONDITION_FAILS
from netaudience.jobs.columns.duckdb import Batch, import_arrow, numbers_of
from netaudience.jobs.columns.selection import KEY, Compiled, Problem, read_fields, read_whole
from netaudience.jobs.extract.files import LINE, TEXT, Raw
from netaudience.jobs.extract.scan import Staged, Wanted
from netaudience.jobs.formats import PROBLEM
from netaudience.jobs.spec.model import Expression

#: This many rows of a page are made one by one; who looks at more looks at most of them.
_FEW = 20


class Whole(NamedTuple):
    """A row as it came, and what each field is made of."""

    row: Mapping[str, object]
    fields: Mapping[str, Expression]


class SourceRow(TypedDict):
    """One row as a step wants it."""

    #: Counted from 1 in the source's order. Lines of a CSV that are no rows are counted after all rows.
    row: int
    #: The key columns as text, a JSON array where there are several; empty where the source has no key.
    key: str
    #: Tells what is sent of the row from anything else; empty where `problem` stands, or nobody asks.
    hash: str
    #: Values by the step's names, those that are NULL left out; a `BadValue` where one cannot be sent.
    fields: dict[str, object]
    #: Why this is no row that can be sent.
    problem: NotRequired[str]
    #: Who says so, where it is not the source.
    by: NotRequired[By]
    #: Where it stands, if it is no row: which line of which file.
    place: NotRequired[str]
    #: Its row in the first source, where this one is a file of dead letters.
    source_position: NotRequired[int]
    #: Gives the row as it came, where its fields are not all that it holds.
    whole: NotRequired[Callable[[], Whole]]


Page: TypeAlias = Sequence[SourceRow]
"""Rows of one step, in their order: a list, or a `BatchPage`."""


class Items(NamedTuple):
    """What SQL has made of the rows of a page."""

    #: The key of each, as the engine knows it.
    keys: list[str]
    #: The JSON of each: lines as one object where none is odd; None where the keys are all that is sent.
    texts: list[bytes] | bytes | None
    #: The rows that Python has to make, for which nothing is meant by what stands there.
    odd: list[int]


class BatchPage(Sequence[SourceRow]):
    """Rows of a batch; those of them that are made in SQL have a key and a text as well."""

    __slots__ = ("_batch", "_compiled", "_first", "_looks", "_made", "_places", "_problems")

    def __init__(
        self,
        batch: Batch,
        first: int,
        compiled: Compiled,
        places: Sequence[int],
        problems: Mapping[int, Problem],
    ) -> None:
        self._batch = batch
        #: The number of the batch's first row.
        self._first = first
        self._compiled = compiled
        #: Which rows of the batch are of the page.
        self._places = places
        #: By place, why a row cannot be sent.
        self._problems = problems
        #: How many rows were looked at one by one, and all of them once that were many.
        self._looks = 0
        self._made: list[SourceRow] | None = None

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> SourceRow: ...

    @overload
    def __getitem__(self, index: slice) -> BatchPage: ...

    def __getitem__(self, index: int | slice) -> SourceRow | BatchPage:
        if isinstance(index, slice):
            return self.chosen(self._places[index])
        self._looks += 1
        if self._made is None and self._looks > _FEW:
            self._made = list(self)
        if self._made is not None:
            return self._made[index]
        place = self._places[index]
        (row,) = self._rows(self._batch.slice(place, 1), range(place, place + 1))
        return row

    def __iter__(self) -> Iterator[SourceRow]:
        if len(self) == self._batch.num_rows:
            return self._rows(self._batch, range(len(self)))
        if len(self) > self._batch.num_rows // 2:
            rows = list(self._rows(self._batch, range(self._batch.num_rows)))
            return (rows[place] for place in self._places)
        parts = (self._rows(self._batch.slice(place, 1), range(place, place + 1)) for place in self._places)
        return chain.from_iterable(parts)

    def chosen(self, places: Sequence[int]) -> BatchPage:
        """Return the rows at some places of the batch."""
        return BatchPage(self._batch, self._first, self._compiled, places, self._problems)

    def without(self, indices: Sequence[int]) -> BatchPage:
        """Return all rows but those at these places of the page."""
        if not indices:
            return self
        left_out = set(indices)
        return self.chosen([place for at, place in enumerate(self._places) if at not in left_out])

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each row."""
        first = self._first
        if isinstance(self._places, range):
            return range(first + self._places.start, first + self._places.stop)
        return [first + place for place in self._places]

    def agrees(self, staged: Staged, stop: int) -> bool:
        """Return whether the rows, those left out that have a problem, are what they were when compared.

        Args:
            staged: What they were.
            stop: The number of the first row behind the batch.
        """
        places = self._places
        if self._problems:
            places = [place for place in places if place not in self._problems]
        numbers = self.chosen(places).numbers
        return staged.agree(stop, numbers, self._of_places(self._compiled.check, places))

    @property
    def items(self) -> Items | None:
        """What SQL has made of the rows; None where all are made by Python."""
        item = self._compiled.item
        if item is None:
            return None
        columns = [self._of_places(name, self._places) for name in item if name is not None]
        odd = (
            {at for at, place in enumerate(self._places) if place in self._problems}
            if self._problems
            else set[int]()
        )
        if columns[-1].null_count:
            odd.update(at for at, there in enumerate(columns[-1].is_valid().to_pylist()) if not there)
        keys = _texts_of(columns[0])
        if len(columns) == 1:
            return Items(keys, None, sorted(odd))
        if not odd:
            return Items(keys, bytes(_bytes_of(columns[1])), [])
        lines: list[bytes | None] = columns[1].view(_binary(columns[1])).to_pylist()
        return Items(keys, [line[:-1] if line else b"" for line in lines], sorted(odd))

    def _of_places(self, name: str, places: Sequence[int]) -> Batch:
        column = self._batch.column(name)
        if len(places) == self._batch.num_rows:
            return column
        if isinstance(places, range):
            return column.slice(places.start, len(places))
        return column.take(numbers_of(places))

    def _rows(self, batch: Batch, places: range) -> Iterator[SourceRow]:
        keys = batch.column(KEY).to_pylist()
        compiled, problems = self._compiled, self._problems
        hashes: Sequence[int | None] = [None] * len(places)
        if compiled.hash:
            hashes = batch.column(compiled.hash).to_pylist()
        for place, key, number, fields in zip(
            places, keys, hashes, read_fields(compiled, batch), strict=True
        ):
            digest = "" if number is None else f"{number:016x}"
            row: SourceRow = {"row": self._first + place, "key": key or "", "hash": digest, "fields": fields}
            if compiled.whole:
                row["whole"] = partial(_whole, compiled, batch, place - places.start)
            if (problem := problems.get(place)) is not None:
                row["problem"], row["by"], row["hash"] = problem.reason, problem.by, ""
                if problem.text is not None:
                    line: dict[str, object] = {LINE: problem.text}
                    row["fields"], row["whole"] = line, partial(Whole, line, compiled.expressions)
                if problem.place:
                    row["place"] = problem.place
            yield row


def _whole(compiled: Compiled, batch: Batch, at: int) -> Whole:
    return Whole(read_whole(compiled, batch.slice(at, 1)), compiled.expressions)


def page_of(
    batch: Batch, first: int, compiled: Compiled, wanted: Wanted | None, raw: Raw | None = None
) -> BatchPage:
    """Return the rows of a step in a batch.

    Args:
        batch: Rows of the source.
        first: The number of the first of them.
        compiled: What the step wants of each.
        wanted: Which of them it wants; all that its condition does not leave out where it is None.
        raw: Gives the line that a row is, by its number, where the rows are lines of JSON.
    """
    places: Sequence[int] = range(batch.num_rows)
    problems: dict[int, Problem] = {}
    if wanted is not None:
        found = wanted.within(first, batch.num_rows)
        places = [place for place, _ in found]
        if len(places) == batch.num_rows:
            places = range(batch.num_rows)
        problems = {place: problem for place, problem in found if problem is not None}
    reasons = batch.column(PROBLEM)
    if reasons.null_count < batch.num_rows:
        held = batch.column(TEXT).to_pylist() if TEXT in batch.schema.names else None
        for place, problem in enumerate(reasons.to_pylist()):
            if problem is not None:
                text = None if held is None else held[place]
                where = ""
                if raw is not None and text is not None:
                    line, where = raw(first + place)
                    text = text or line
                problems[place] = Problem(problem, text=text, place=where)
    if compiled.condition is not None:
        condition = batch.column(compiled.condition)
        if condition.null_count:
            computed: list[bool] = condition.is_valid().to_pylist()
            failed = {place: Problem(CONDITION_FAILS) for place, fine in enumerate(computed) if not fine}
            problems = failed | problems
        holds: list[bool | None] = condition.field(0).to_pylist()
        places = [place for place in places if holds[place] or place in problems]
        if len(places) == batch.num_rows:
            places = range(batch.num_rows)
    return BatchPage(batch, first, compiled, places, problems)


def _binary(column: Batch) -> Batch:
    arrow = import_arrow()
    return arrow.large_binary() if _is_wide(column) else arrow.binary()


def _is_wide(column: Batch) -> bool:
    """Return whether the texts of a column may be longer, all together, than 2 GB."""
    return bool(column.type == import_arrow().large_string())


def _bytes_of(column: Batch) -> memoryview:
    """Return all texts of a column as the one object that Arrow keeps them as; what is NULL has no byte."""
    _, ends, texts = column.buffers()
    found: Any = memoryview(ends).cast("q" if _is_wide(column) else "i")
    first, last = cast("tuple[int, int]", (found[column.offset], found[column.offset + len(column)]))
    return memoryview(texts)[first:last] if last > first else memoryview(b"")


def _texts_of(column: Batch) -> list[str]:
    """Return the texts of a column of lines; to make them one by one takes Arrow ten times as long."""
    if not column.null_count:
        texts = str(_bytes_of(column), "utf-8").split("\n")
        if len(texts) == len(column) + 1:
            texts.pop()
            return texts
    return [line and line[:-1] for line in column.to_pylist()]  # a line may end within a key
