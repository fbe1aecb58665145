"""From columns to items: which column is which field, and how its text becomes a value.

It maps and never checks what a vendor's rules check: that is the operation's own business. Nothing is
guessed where two columns could be meant; the error names them.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, cast

import attrs

from netaudience.cli.sources import Record, Records
from netaudience.cli.values import (
    BadValue,
    convert_to,
    number_or_text,
    to_list,
    to_whole_number,
    without_none,
)
from netaudience.errors import ConfigurationError, column_name
from netaudience.items import Field, Identifiers, Kind, Rows, WholeNumbers
from netaudience.jobs.naming import OBVIOUS
from netaudience.jobs.problems import plain

__all__ = ["Mapped", "map_records", "spread_of"]

Cells: TypeAlias = Sequence[object]

_ONLY_A_MAPPING: set[type] = {dict}


@attrs.frozen
class Mapped:
    """How records become items."""

    #: Makes an item of a record; raises `BadValue`.
    item: Callable[[Record], object]
    #: Gives a record back as the caller knows it.
    as_given: Callable[[object], object]
    #: A sentence on which columns are used, for whoever looks on.
    sentence: str


def map_records(  # noqa: PLR0913 - what a user may say about columns
    records: Records,
    kind: Kind,
    *,
    chosen: Sequence[str],
    by: str | None,
    typed: bool,
    skipped: Sequence[str] = (),
) -> Mapped:
    """Decide how the records of a source become items of this kind.

    Args:
        records: The source, its header read.
        kind: What the operation's items are.
        chosen: Columns as they were asked for: ``NAME``, or ``field=NAME``.
        by: Which identifier is meant, for operations that take more than one.
        typed: Whether text that looks like a number, a truth value or JSON becomes one, in profiles.
        skipped: Columns that do not go into profiles.

    Raises:
        ConfigurationError: a column is missing, or two could be meant.
    """
    as_given = _as_given(records.columns)
    form = f"{records.name} ({records.format})"
    if records.columns == ():
        return Mapped(lambda record: record.value, as_given, f"reading {form}: it is empty")
    if isinstance(kind, Rows):
        plan = _RowPlan(cast("Rows[object]", kind), _by_field(chosen), skipped, typed=typed)
        if records.format == "lines":
            raise ConfigurationError(
                f"{records.name}: {plan.wanted()}: give CSV with a header or JSON lines, "
                "and --format csv or --format jsonl where the name does not tell"
            )
        if records.columns is None:
            return Mapped(plan.of_json, as_given, f"reading {form}, fields by name")
        columns = plan.resolve(records.columns)
        return Mapped(columns.item, as_given, f"reading {form}: {columns.sentence()}")
    one = _one_of(kind)
    names = _obvious(by or kind.noun)
    wanted = _one_column(chosen)
    if records.columns is None:
        if wanted is not None and records.format == "lines":
            raise ConfigurationError(f"{records.name}: plain lines have no columns: leave --column out")
        read = _identifier_of_json(names, wanted, kind.noun)
        return Mapped(lambda record: one(read(record.value)), as_given, f"reading {form}")
    index = _identifier_column(records.columns, names, wanted, kind.noun, records.name)
    sentence = f"reading {form}: column {column_name(records.columns[index])!r} is the {by or kind.noun}"
    return Mapped(lambda record: one(cast("Cells", record.value)[index]), as_given, sentence)


def _as_given(columns: tuple[str, ...] | None) -> Callable[[object], object]:
    def as_given(value: object) -> object:
        if columns is None or not isinstance(value, list):
            return value
        cells = cast("list[str]", value)
        if len(cells) != len(columns) or len(set(columns)) != len(columns):
            return cells
        return dict(zip(columns, cells, strict=True))

    return as_given


def _one_of(kind: Kind) -> Callable[[object], object]:
    """Return what makes an identifier of a cell: text stays text, whole numbers become numbers."""
    if isinstance(kind, WholeNumbers):
        return lambda value: to_whole_number(value, kind.noun)
    if not isinstance(kind, Identifiers):
        raise ConfigurationError(f"The command cannot read items of the kind {type(kind).__name__}")
    return lambda value: value


def _obvious(noun: str) -> tuple[str, ...]:
    name = plain(noun)
    return OBVIOUS.get(name, (name, "id") if name.endswith("id") else (name,))


def _one_column(chosen: Sequence[str]) -> str | None:
    if len(chosen) > 1:
        raise ConfigurationError("--column names one column here: the one that holds the identifiers")
    return chosen[0] if chosen else None


def _by_field(chosen: Sequence[str]) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for text in chosen:
        field, equals, column = text.partition("=")
        if not (field and equals and column):
            raise ConfigurationError("--column is written field=COLUMN here, once for each field to rename")
        pairs[plain(field)] = column
    return pairs


def _among(columns: Sequence[str]) -> str:
    return (
        f"it has {', '.join(repr(column_name(column)) for column in columns)}"
        if columns
        else "it has no column"
    )


def _find(columns: Sequence[str], asked: str) -> int:
    """Return the column that somebody asked for by name.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    exact = [index for index, column in enumerate(columns) if column == asked]
    found = exact or [index for index, column in enumerate(columns) if plain(column) == plain(asked)]
    if len(found) == 1:
        return found[0]
    problem = "more than one column" if found else "no column"
    raise ConfigurationError(f"There is {problem} {asked!r}: {_among(columns)}")


def _identifier_column(
    columns: Sequence[str], names: Sequence[str], wanted: str | None, noun: str, source: str
) -> int:
    try:
        if wanted is not None:
            return _find(columns, wanted)
        found = [index for index, column in enumerate(columns) if plain(column) in names]
        if len(found) == 1:
            return found[0]
        if not found and len(columns) == 1:
            return 0
        problem = "More than one column could be" if found else "No column is plainly"
        raise ConfigurationError(f"{problem} the {noun}: say --column NAME; {_among(columns)}")  # noqa: TRY301 - told below with the file
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from error


def _identifier_of_json(names: Sequence[str], wanted: str | None, noun: str) -> Callable[[object], object]:
    @lru_cache(maxsize=128)
    def index(columns: tuple[str, ...]) -> int:
        return _identifier_column(columns, names, wanted, noun, "The line")

    def read(value: object) -> object:
        if not isinstance(value, dict):
            return value  # the operation's own check says what is wrong with a number
        row = cast("dict[str, object]", value)
        try:
            return row[tuple(row)[index(tuple(row))]]
        except ConfigurationError as error:
            raise BadValue(str(error)) from None

    return read


@attrs.frozen
class _Columns:
    """Which cells a row is made of."""

    names: tuple[str, ...]
    #: Wire name, index of the cell, conversion, and whether an empty cell leaves the field out.
    single: tuple[tuple[str, int, Callable[[object], object], bool], ...]
    #: The wire name of the mapping that takes the remaining columns, if one does.
    rest: str | None
    rest_columns: tuple[tuple[str, int], ...]
    rest_value: Callable[[object], object]
    #: Whether a row with nothing in those columns is a row without the mapping.
    rest_optional: bool = False

    def item(self, record: Record) -> object:
        return self.of_cells(cast("Cells", record.value))

    def of_cells(self, cells: Cells) -> object:
        item: dict[str, object] = {}
        for wire, index, convert, optional in self.single:
            cell = cells[index]
            if not (optional and (cell == "" or cell is None)):
                item[wire] = convert(cell)
        if self.rest is not None:
            value = self.rest_value
            # An empty cell says nothing about the user: the attribute is left as it is.
            rest = {name: value(cells[i]) for name, i in self.rest_columns if cells[i] != ""}
            if rest or not self.rest_optional:
                item[self.rest] = rest
        return item

    def sentence(self) -> str:
        parts = [f"{wire} from {self.names[index]!r}" for wire, index, _, _ in self.single]
        used = {index for _, index, _, _ in self.single} | {index for _, index in self.rest_columns}
        if self.rest is not None:
            parts.append(f"{self.rest} from {', '.join(repr(name) for name, _ in self.rest_columns)}")
        unused = [name for index, name in enumerate(self.names) if index not in used]
        return "; ".join([*parts, *([f"not used: {', '.join(map(repr, unused))}"] if unused else [])])


def spread_of(kind: Rows[Any]) -> Field | None:
    """Return the field that takes the columns that no other does: the first that is a mapping."""
    return next((field for field in kind.fields if set(field.types) == _ONLY_A_MAPPING), None)


class _RowPlan:
    """Finds the fields of a kind's rows among columns."""

    def __init__(
        self, kind: Rows[object], chosen: Mapping[str, str], skipped: Sequence[str], *, typed: bool
    ) -> None:
        self._kind = kind
        self._chosen = chosen
        self._skipped = {plain(name) for name in skipped}
        self._typed = typed
        self._hints = typing.get_type_hints(kind.row)
        self._spread = spread_of(kind)
        self._cached = lru_cache(maxsize=128)(self.resolve)
        known = {plain(name) for field in kind.fields for name in (field.name, field.wire)}
        for asked in chosen:
            if asked not in known:
                fields = ", ".join(field.name for field in kind.fields)
                raise ConfigurationError(
                    f"--column names a field that the rows do not have; they have {fields}"
                )

    def wanted(self) -> str:
        """Say what a row needs."""
        required = ", ".join(field.wire for field in self._kind.fields if field.required)
        return f"the rows need {required}"

    def of_json(self, record: Record) -> object:
        value = record.value
        if not isinstance(value, dict):
            raise BadValue(f"The line is no JSON object, and {self.wanted()}")
        row = cast("dict[str, object]", value)
        if not self._chosen and self._is_vendors(row):
            return row
        try:
            return self._cached(tuple(row)).of_cells(tuple(row.values()))
        except ConfigurationError as error:
            raise BadValue(str(error)) from None

    def _is_vendors(self, row: Mapping[str, object]) -> bool:
        """Return whether a row has the vendor's own names and types, so that there is nothing to do."""
        fields = self._kind.fields
        types = {field.wire: field.types for field in fields}
        complete = all(field.wire in row for field in fields if field.required)
        return complete and all(type(value) in types.get(name, ()) for name, value in row.items())

    def resolve(self, columns: tuple[str, ...]) -> _Columns:
        """Find each field's column.

        Raises:
            ConfigurationError: a required field has none, or more than one.
        """
        single: list[tuple[str, int, Callable[[object], object], bool]] = []
        missing: list[Field] = []
        for field in self._kind.fields:
            index = self._column_of(field, columns)
            if index is None:
                missing.append(field)
            else:
                convert = convert_to(field, self._hints[field.name], typed=self._typed)
                single.append((field.wire, index, convert, not field.required))
        for field in missing:
            if field.required and field is not self._spread:
                raise ConfigurationError(
                    f"No column is plainly {field.name}: say --column {field.name}=NAME; {_among(columns)}"
                )
        keys = self._kind.key_names
        if len(keys) > 1 and {field.name for field in missing}.issuperset(keys):
            raise ConfigurationError(
                f"No column is plainly {' or '.join(keys)}: say --column {keys[0]}=NAME; {_among(columns)}"
            )
        spread = self._spread if self._spread in missing else None
        used = {index for _, index, _, _ in single}
        rest = [
            (name, index)
            for index, name in enumerate(columns)
            if index not in used and plain(name) not in self._skipped
        ]
        if spread is None or not (rest or spread.required):
            return _Columns(columns, tuple(single), None, (), _unchanged)
        names = [name for name, _ in rest]
        if "" in names or len(set(names)) != len(names):
            raise ConfigurationError(
                f"Each column that goes into {spread.name} needs a name of its own; {_among(columns)}"
            )
        if not names:
            raise ConfigurationError(f"No column is left for {spread.name}; {_among(columns)}")
        value, optional = self._rest_value(spread), not spread.required
        return _Columns(columns, tuple(single), spread.wire, tuple(rest), value, optional)

    def _column_of(self, field: Field, columns: tuple[str, ...]) -> int | None:
        for name in (field.name, field.wire):
            if (asked := self._chosen.get(plain(name))) is not None:
                return _find(columns, asked)
        taken = {plain(column) for column in self._chosen.values()}
        names = {plain(field.name), plain(field.wire)}
        found = [
            index
            for index, column in enumerate(columns)
            if plain(column) in names and plain(column) not in taken
        ]
        keys = self._kind.key_names
        if not found and field.name in keys:
            obvious = _obvious(self._kind.noun if keys == (field.name,) else field.name)
            found = [
                index
                for index, column in enumerate(columns)
                if plain(column) in obvious and plain(column) not in taken
            ]
        if len(found) > 1:
            raise ConfigurationError(
                f"More than one column could be {field.name}: say --column {field.name}=NAME; "
                f"{_among(columns)}"
            )
        return found[0] if found else None

    def _rest_value(self, field: Field) -> Callable[[object], object]:
        values = typing.get_args(without_none(self._hints[field.name]))[1]
        origin = typing.get_origin(values)
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return to_list
        return number_or_text if self._typed and values is not str else _unchanged


def _unchanged(value: object) -> object:
    return value
