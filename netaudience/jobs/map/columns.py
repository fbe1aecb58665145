"""Which column of a source is which field of an operation: what is plain by its name, and what must be said.

The command and the first job file find columns here. Nothing is guessed where two columns could be meant, or
where the only one says that it is something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import attrs

from netaudience.errors import ConfigurationError, column_name
from netaudience.jobs.map.aliases import OBVIOUS
from netaudience.jobs.spec.diagnostics import listed, plain
from netaudience.jobs.spec.model import Expression
from netaudience.jobs.spec.validate import item_field, never_unset
from netaudience.model.rows import Field, Rows
from netaudience.model.value_forms import unset_of
from netaudience.operations.dispatch import Operation

_ONLY_A_MAPPING: set[type] = {dict}
#: What pandas calls the numbers of its rows in Parquet, which say nothing of a user.
_INDEX = re.compile(r"__index_level_[0-9]+__")


@attrs.frozen(kw_only=True)
class Place:
    """Where a field is in the source."""

    #: The field, as a step calls it.
    name: str
    #: What it is called in a sentence, and by ``--column``.
    called: str
    #: None where no column is plainly the field.
    column: str | None
    required: bool
    #: Columns of which each could be it.
    doubtful: tuple[str, ...] = ()
    #: The field of a row; None for the one identifier of an operation.
    field: Field | None = None


@attrs.frozen(kw_only=True)
class Columns:
    """The columns of a source, told apart."""

    operation: Operation
    columns: tuple[str, ...]
    places: tuple[Place, ...]
    #: The field that takes the columns that no other does, where there is one.
    spread: Field | None = None
    #: Those columns.
    rest: tuple[str, ...] = ()
    #: Columns that are not sent.
    unused: tuple[str, ...] = ()
    #: The column that names the user, where one plainly does.
    key: str | None = None

    def fields(self, unset: Sequence[str] = ()) -> dict[str, Expression]:
        """Return the fields of a step.

        Args:
            unset: Columns of which an empty cell takes the user's entry away.

        Raises:
            ConfigurationError: a required field has no column, or more than one; or an empty cell of a column
                takes nothing away.
        """
        for place in self.places:
            self._look_at(place)
        kind = self.operation.kind
        found = {place.name: place.column for place in self.places if place.column is not None}
        if isinstance(kind, Rows):
            keys = kind.key_names
            if len(keys) > 1 and not found.keys() & set(keys):
                raise ConfigurationError(
                    f"No column is plainly {' or '.join(keys)}: say --column {keys[0]}=NAME; {self._among()}"
                )
        spread = self.spread
        if spread is not None:
            if "" in self.rest:
                raise ConfigurationError(
                    f"Each column that goes into {spread.name} needs a name of its own; {self._among()}"
                )
            rest = {f"{spread.name}.{column}": column for column in self.rest}
            if not rest and spread.required and not any("." in name for name in found):
                raise ConfigurationError(f"No column is left for {spread.name}; {self._among()}")
            if twice := sorted(rest.keys() & found.keys()):
                called = column_name(twice[0])
                raise ConfigurationError(
                    f"More than one column could be {called}: rename one of them; {self._among()}"
                )
            found |= rest
        gone = {self._taken_away(column) for column in unset}
        return {name: Expression(column=column, unset=column in gone) for name, column in found.items()}

    def _taken_away(self, name: str) -> str:
        """Return the column whose empty cells take an entry away.

        Raises:
            ConfigurationError: they do not.
        """
        kind: object = self.operation.kind
        spread = self.spread
        entries = [place.column for place in self.places if "." in place.name and place.column is not None]
        columns = [*self.rest, *entries]
        column = next((one for one in columns if plain(one) == plain(name)), None)
        if column is None:
            among = listed([column_name(one) for one in columns]) or "none"
            into = "a mapping" if spread is None else spread.name
            raise ConfigurationError(
                f"--unset {name}: no column of that name goes into {into}: it has {among}"
            )
        row = cast("Rows[object]", kind).row if isinstance(kind, Rows) else object
        if spread is None or not unset_of(row, spread.name):
            raise ConfigurationError(f"--unset {name}: {never_unset('cell')}")
        return column

    def sentence(self) -> str:
        """Say which columns are used for what."""
        found = [place for place in self.places if place.column is not None]
        if not isinstance(self.operation.kind, Rows):
            parts = [f"column {column_name(str(place.column))!r} is the {place.called}" for place in found]
        else:
            parts = [f"{place.name} from {column_name(str(place.column))!r}" for place in found]
        if self.spread is not None and self.rest:
            parts.append(f"{self.spread.name} from {_listed(self.rest)}")
        if self.unused:
            parts.append(f"not used: {_listed(self.unused)}")
        return "; ".join(parts)

    def _look_at(self, place: Place) -> None:
        """Refuse a place that is not plain."""
        say = "NAME" if place.field is None else f"{place.name}=NAME"
        called = f"the {place.called}" if place.field is None else place.name
        if place.doubtful:
            raise ConfigurationError(
                f"More than one column could be {called}: say --column {say}; {self._among()}"
            )
        if place.column is None and place.required:
            raise ConfigurationError(f"No column is plainly {called}: say --column {say}; {self._among()}")

    def _among(self) -> str:
        return _among(self.columns)


def spread_of(kind: Rows[Any]) -> Field | None:
    """Return the field that takes the columns that no other does: the first that is a mapping."""
    return next((field for field in kind.fields if set(field.types) == _ONLY_A_MAPPING), None)


def find_columns(
    operation: Operation,
    columns: Sequence[str],
    *,
    chosen: Sequence[str] = (),
    by: str | None = None,
    skipped: Sequence[str] = (),
) -> Columns:
    """Find each field's column.

    Args:
        operation: What the rows are for.
        columns: The columns of the source.
        chosen: Columns as somebody has named them: ``NAME``, or ``field=NAME``.
        by: Which identifier is meant, for operations that take more than one.
        skipped: Columns that are not sent at all.

    Raises:
        ConfigurationError: what was named is not there, or is to be sent and not sent.
    """
    if skipped:
        return _without(operation, columns, chosen, by, [_named(columns, name) for name in skipped])
    if isinstance(operation.kind, Rows):
        return _Fields(operation, columns, chosen).find()
    if len(chosen) > 1:
        raise ConfigurationError("--column names one column here: the one that holds the identifiers")
    called = (by or operation.kind.noun).replace("_", " ")
    place = Place(
        name=item_field(operation), called=called, column=None, required=True
    )  # fmt: skip
    column: str | None
    doubtful: tuple[str, ...] = ()
    if chosen:
        column = _named(columns, chosen[0].rpartition("=")[2])
    else:
        column, doubtful = _plainly(columns, [plain(called)], _called(called))
        if column is None and not doubtful and len(columns) == 1 and not _is_another(columns[0], called):
            column = columns[0]
    place = attrs.evolve(place, column=column, doubtful=doubtful)
    unused = tuple(name for name in columns if name != column)
    return Columns(
        operation=operation, columns=tuple(columns), places=(place,), unused=unused, key=column
    )  # fmt: skip


def _without(
    operation: Operation,
    columns: Sequence[str],
    chosen: Sequence[str],
    by: str | None,
    skipped: Sequence[str],
) -> Columns:
    """Find each field's column among those that are not skipped.

    Raises:
        ConfigurationError: what was named is not there, or is skipped.
    """
    for text in chosen:
        column = _named(columns, text.rpartition("=")[2])
        if column in skipped:
            raise ConfigurationError(f"--column sends {column_name(column)!r}, and --skip does not: say one")
    kept = find_columns(operation, [name for name in columns if name not in skipped], chosen=chosen, by=by)
    unused = tuple(name for name in columns if name in {*kept.unused, *skipped})
    return attrs.evolve(kept, columns=tuple(columns), unused=unused)


def _plainly(
    columns: Sequence[str], names: Sequence[str], others: Sequence[str] = ()
) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of one of the names, or else of the others; or several that could be it."""
    for known in (names, others):
        found = tuple(column for column in columns if plain(column) in known)
        if found:
            return (found[0], ()) if len(found) == 1 else (None, found)
    return None, ()


def _called(noun: str) -> tuple[str, ...]:
    name = plain(noun)
    return OBVIOUS.get(name, (name, "id") if name.endswith("id") else (name,))


def _is_another(column: str, noun: str) -> bool:
    """Return whether a column says that it is another identifier than the one that is wanted."""
    name = plain(column)
    return name not in _called(noun) and any(name in names for names in OBVIOUS.values())


def _among(columns: Sequence[str]) -> str:
    return f"it has {_listed(columns)}" if columns else "it has no column"


def _listed(columns: Sequence[str]) -> str:
    return listed(repr(column_name(column)) for column in columns)


def _named(columns: Sequence[str], asked: str) -> str:
    """Return the column that somebody asked for by name.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    exact = [column for column in columns if column == asked]
    found = exact or [column for column in columns if plain(column) == plain(asked)]
    if len(found) == 1:
        return found[0]
    problem = "more than one column" if found else "no column"
    raise ConfigurationError(f"There is {problem} {asked!r}: {_among(columns)}")


class _Fields:
    """Finds the fields of an operation's rows."""

    def __init__(self, operation: Operation, columns: Sequence[str], chosen: Sequence[str]) -> None:
        self._operation = operation
        self._columns = columns
        self._kind = kind = cast("Rows[object]", operation.kind)
        self._known = {plain(name): field for field in kind.fields for name in (field.name, field.wire)}
        #: By the step's name: the columns that somebody has named.
        self._chosen: dict[str, str] = {}
        for text in chosen:
            name, equals, column = text.partition("=")
            if not (name and equals and column):
                raise ConfigurationError(
                    "--column is written field=COLUMN here, once for each field to rename"
                )
            self._chosen[self._step_name(name)] = _named(columns, column)
        for column in columns:
            if column not in self._chosen.values() and (entry := self._entry(column)):
                self._chosen.setdefault(entry, column)
        self._free = [column for column in columns if column not in self._chosen.values()]

    def _step_name(self, asked: str) -> str:
        """Return the name of a field, or of an entry of one, as a step says it."""
        field = self._known.get(plain(asked))
        if field is not None:
            return field.name
        if entry := self._entry(asked):
            return entry
        fields = ", ".join(field.name for field in self._kind.fields)
        raise ConfigurationError(f"--column names a field that the rows do not have; they have {fields}")

    def _entry(self, asked: str) -> str:
        """Return the name of an entry of a field, as in profile.age; nothing where it is none."""
        head, _, entry = asked.partition(".")
        field = self._known.get(plain(head))
        return f"{field.name}.{entry}" if field is not None and dict in field.types and entry else ""

    def find(self) -> Columns:
        """Find them, and what is left for a mapping."""
        kind = self._kind
        spread = spread_of(kind)
        places: list[Place] = []
        key: str | None = None
        for field in kind.fields:
            place = self._place(field)
            if field.name in kind.key_names and key is None:
                key = place.column
            if field is not spread or place.column is not None or place.doubtful:
                places.append(place)
        if any(place.field is spread for place in places):
            spread = None
        entries = [
            Place(name=name, called=name, column=column, required=False)
            for name, column in self._chosen.items()
            if "." in name and name.partition(".")[0] not in self._chosen
        ]
        used = {place.column for place in [*places, *entries]}
        left = [column for column in self._columns if column not in used]
        rest = [column for column in left if spread is not None and not _INDEX.fullmatch(column)]
        if spread is not None and not spread.required and not rest:
            spread = None
        return Columns(
            operation=self._operation,
            columns=tuple(self._columns),
            places=(*places, *entries),
            spread=spread,
            rest=tuple(rest),
            unused=tuple(column for column in left if column not in rest),
            key=key,
        )

    def _place(self, field: Field) -> Place:
        keys = self._kind.key_names
        column, doubtful = self._chosen.get(field.name), tuple[str, ...]()
        if column is None:
            others: tuple[str, ...] = ()
            if keys == (field.name,):
                others = _called(self._kind.noun)
            elif field.name in keys:
                # Of several identifiers none is simply "the id", but the one that people call so.
                others = OBVIOUS.get(plain(field.name), ())
            # A column that is another field's by its name is nobody else's: no value goes out as two fields.
            others = tuple(name for name in others if self._known.get(name, field) is field)
            column, doubtful = _plainly(self._free, [plain(field.name), plain(field.wire)], others)
        return Place(
            name=field.name,
            called=field.name,
            column=column,
            doubtful=doubtful,
            required=field.required,
            field=field,
        )
