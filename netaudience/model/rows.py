"""What a row is that has a key and fields: how a page of rows is checked, column by column, and named."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter
from types import UnionType
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, Union, cast

import attrs
import orjson

from netaudience.errors import InvalidItem
from netaudience.model.kinds import FINE, Examined, search
from netaudience.model.scalars import Unwritable
from netaudience.model.taking import NOT_FINITE, Taken, Writer
from netaudience.model.texts import RowTexts
from netaudience.model.validators import Rule, as_meant
from netaudience.model.value_forms import ISO, ValueForm, field_form
from netaudience.model.wire import OPTIONS, finite, has_null, writer_of
from netaudience.plurals import many

if TYPE_CHECKING:  # pyright takes a protocol's property for fulfilled by a property alone
    _kept_property = property
else:
    _kept_property = cached_property

T = TypeVar("T")
Item = TypeVar("Item")
_SEVERAL = 2
#: What can be filled anew within a row.
_HOLDERS = frozenset({dict, list})
_NOT_FINITE = f"The item cannot be written as JSON: {NOT_FINITE}"
_AMBIGUOUS = (
    "The item holds null, and its source gave one object for several rows, so that it may have been a number "
    "that JSON has none for: give a new dict for each row"
)
#: What JSON has types for, besides lists and objects.
_JSON = frozenset({str, int, float, bool, type(None)})


def _all_of(types: Collection[type], values: Sequence[object]) -> bool:
    """Return whether each value is of one of these very types."""
    kinds = list(map(type, values))
    return sum(map(kinds.count, types)) == len(kinds)  # counting the few is quicker than looking up each


@attrs.frozen(eq=False, repr=False)
class Field:
    """One field of a row: its names, whether it must be there, and what it may hold."""

    name: str
    wire: str
    required: bool
    #: The plain types that its JSON values have; nothing else is let through.
    types: frozenset[type]
    #: What it must hold besides its type.
    rule: Rule | None
    #: How the vendor writes its values.
    form: ValueForm
    #: Whether the field names that form itself.
    named: bool = False

    @property
    def only_texts(self) -> bool:
        """True where its rule alone lets through nothing but texts that are not empty."""
        return self.rule is not None and self.rule.only_texts


def _written_else(field: Field, row: Mapping[str, object]) -> str:
    """Say that a field which is missing is there in another spelling; the row's own names are not shown."""
    plain = {"".join(filter(str.isalnum, str(name))).casefold() for name in row}
    meant = {"".join(filter(str.isalnum, name)).casefold() for name in (field.wire, field.name)}
    return ": it is there in another spelling, and a dict has the vendor's own" if plain & meant else ""


#: Says what is wrong with a row as a whole, given by the vendor's names, or None.
RowRule: TypeAlias = Callable[[Mapping[str, object]], str | None]


@attrs.frozen
class NamesRule:
    """A rule for a row as a whole that looks at which fields it has, and at objects, but at no plain value.

    Whether a row of plain values keeps it can then be said of columns. It is made of conditions of which each
    asks for a least or a greatest number of some fields, and so of the entries of a mapping.
    """

    #: Says what is wrong with a row.
    rule: RowRule
    #: The fields and entries at whose values it looks all the same.
    looks_at: Collection[str] = frozenset()
    #: The characters beyond which it looks at a text, too, wherever that stands.
    longest: int | None = None

    def __call__(self, row: Mapping[str, object]) -> str | None:
        """Return what is wrong with a row, or None."""
        return self.rule(row)


class Rows(Generic[T]):
    """Items that are rows: instances of an attrs class, or mappings by the vendor's own names.

    A mapping is checked by the same rules as the class; an instance's fields were checked when it was made.
    """

    keyed = True

    def __init__(  # noqa: PLR0913 - what tells one kind of row from another
        self,
        row: type[T],
        *,
        key: str | Sequence[str],
        noun: str = "ext id",
        case_insensitive: Collection[str] = (),
        rule: RowRule | None = None,
        lenient: RowRule | None = None,
        unique_per_request: bool = False,
        beside: str | None = None,
    ) -> None:
        """State what the rows are.

        Args:
            row: The attrs class of the rows.
            key: The field that names the user, or several of which the first that is set does.
            noun: What the key is called in a message.
            case_insensitive: Those of the key's fields that the vendor compares without regard to case.
            rule: What must hold for a row as a whole; asked of instances and of mappings.
            lenient: What must hold instead where odd identifiers are sent, where that is another.
            unique_per_request: Whether two rows of one key must never go in one request.
            beside: The mapping among the fields whose entries the vendor has beside the other fields: a dict
                may have them there as well.
        """
        self.noun = noun
        self.row = row
        self.unique_per_request = unique_per_request
        #: The names of the fields that may be the key, the first that is set being it.
        self.key_names = (key,) if isinstance(key, str) else tuple(key)
        self.rule = rule
        self._lenient = lenient
        self._beside = beside
        self._odd = False
        attributes = attrs.fields(cast("type[attrs.AttrsInstance]", row))
        self._wire_names = {field.name: field.metadata.get("wire", field.name) for field in attributes}
        self._wire_keys: tuple[str, ...] = tuple(self._wire_names[name] for name in self.key_names)
        self._wire_key = self._wire_keys[0]
        self._case_insensitive = frozenset(self._wire_names[name] for name in case_insensitive)
        #: One field that is always there and never folded: its keys are read the quick way.
        self._simple = len(self._wire_keys) == 1 and not self._case_insensitive

    @property
    def wire_keys(self) -> tuple[str, ...]:
        """The vendor's names of the fields that may be the key, the first that is set being it."""
        return self._wire_keys

    @property
    def case_insensitive_keys(self) -> frozenset[str]:
        """Those of them that the vendor compares without regard to case."""
        return self._case_insensitive

    def ruled(self, rule: RowRule | None) -> Rows[T]:
        """Return the same kind of rows under another rule for the row as a whole."""
        other = copy.copy(self)
        other.rule = rule
        other.__dict__.pop("_tolerant", None)
        return other

    def under(self, *, by: object = None, odd: bool = False) -> Rows[T]:  # noqa: ARG002 - asked of all kinds
        """Return the same kind of rows, odd identifiers let through or not."""
        return self._tolerant if odd else self

    @cached_property
    def _tolerant(self) -> Rows[T]:
        other = copy.copy(self)
        other._odd = True  # noqa: SLF001 - of a copy of itself
        other.rule = self._lenient or self.rule
        for derived in ("fields", "_required", "_fields_by_wire_name", "_unasked"):
            other.__dict__.pop(derived, None)
        other.__dict__["_tolerant"] = other
        return other

    def within(self, time_zone: dt.tzinfo) -> Rows[T]:
        """Return the same kind of rows, whose moments without a zone are meant in this one."""
        return self.with_fields(
            attrs.evolve(field, form=field.form.within(time_zone)) for field in self.fields
        )

    def with_fields(self, fields: Iterable[Field]) -> Rows[T]:
        """Return the same kind of rows, whose fields have other forms or rules."""
        other = copy.copy(self)
        other.fields = tuple(fields)
        for derived in ("_fields_by_wire_name", "default"):
            vars(other).pop(derived, None)
        return other

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The row's fields, read from the class when they are first needed."""
        hints = typing.get_type_hints(self.row)
        found: list[Field] = []
        for attribute in attrs.fields(cast("type[attrs.AttrsInstance]", self.row)):
            types = frozenset(_plain_types(hints[attribute.name]))
            found.append(
                Field(
                    name=attribute.name,
                    wire=self._wire_names[attribute.name],
                    required=attribute.default is attrs.NOTHING,
                    types=types,
                    rule=self._rule_of(attribute.validator),
                    form=field_form(attribute.metadata.get("form"), types),
                    named="form" in attribute.metadata,
                )
            )
        return tuple(found)

    def _rule_of(self, validator: object) -> Rule | None:
        if not isinstance(validator, Rule):
            return None
        return validator.lenient if self._odd and validator.lenient is not None else validator

    @cached_property
    def _unasked(self) -> tuple[tuple[str, Callable[[object], object], Rule], ...]:
        """What instances were not asked when they were made, for it depends on the account."""
        return tuple(
            (field.wire, attrgetter(field.name), field.rule)
            for field in self.fields
            if field.rule is not None and field.rule.lenient is not None
        )

    @_kept_property
    def default(self) -> Writer:
        """What writes values within the rows that JSON has no type for: the form of the row's mapping."""
        forms = [field.form for field in self.fields if dict in field.types]
        return writer_of((forms[0] if forms else ISO).part)

    @cached_property
    def _required(self) -> int:
        return sum(field.required for field in self.fields)

    @cached_property
    def _fields_by_wire_name(self) -> Mapping[str, Field]:
        return {field.wire: field for field in self.fields}

    def mapping(self, item: T | Mapping[str, object]) -> Mapping[str, object]:
        """Return a row by the vendor's names, without the fields that are not set."""
        if isinstance(item, Mapping):
            return cast("Mapping[str, object]", item)
        values = ((wire, getattr(item, name)) for name, wire in self._wire_names.items())
        return {wire: value for wire, value in values if value is not None}

    def like(self, item: T | Mapping[str, object], mapping: Mapping[str, object]) -> T:
        """Return a row given by the vendor's names in the form that another row has."""
        if isinstance(item, Mapping):
            return cast("T", dict(mapping))
        return self.row(**{name: mapping.get(wire) for name, wire in self._wire_names.items()})

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which rows."""
        return self._problems(page, fine=self._sound(page))

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return what is wrong with which rows, and where nothing is, the key of each."""
        given: object = page
        if isinstance(given, RowTexts):
            return FINE, given.keys, page, page  # checked by whoever made them
        if isinstance(given, Taken):
            taken: Taken[Item] = cast("Taken[Item]", given)  # pyright: ignore[reportUnnecessaryCast] # mypy needs it
        else:
            taken = Taken(self.default)
            taken.extend(page)
        texts, problems = self._look_through(taken)
        return problems, texts.keys, cast("Sequence[Item]", texts), None

    def _look_through(
        self, taken: Taken[Item], *, is_anew: bool = False
    ) -> tuple[RowTexts, Mapping[int, InvalidItem]]:
        """Check rows that were taken; return their texts, and what is wrong with which.

        Their objects are looked at, which is far quicker than to read the texts; and where these may have
        been changed since, or seem wrong, the texts all the same. Rows that were written anew once are not
        again: one may be wrong for another reason.
        """
        rows: Sequence[object] = list(taken) if taken.looked_through else taken.objects
        problems, keys, columns = self._look(rows)
        if problems and not is_anew and (anew := self._anew(taken, problems)) is not taken:
            return self._look_through(anew, is_anew=True)
        reused = not taken.looked_through and self._reused(taken, keys, columns)
        if reused:
            rows = list(taken)
            problems, keys, columns = self._look(rows)
        elif problems and not taken.looked_through:
            rows = [taken.row(index) if index in problems else row for index, row in enumerate(rows)]
            problems, keys, columns = self._look(rows)
        found = dict(problems)
        lines = taken.lines
        if not taken.looked_through and has_null(lines):
            for index in _not_finite(taken, surely=reused):
                found.setdefault(index, InvalidItem(_AMBIGUOUS if reused else _NOT_FINITE))
        for index, reason in taken.reasons.items():
            if index not in problems:
                found[index] = InvalidItem(f"The item cannot be written as JSON: {reason}")
        given: list[object] | None
        if columns is None or found:
            given = taken.shown()
        else:
            given = taken.objects if self._instances(taken.objects) else None
        return RowTexts.of_lines(keys, lines, given), found or FINE

    def _look(
        self, rows: Sequence[object]
    ) -> tuple[Mapping[int, InvalidItem], Sequence[str], Mapping[str, Sequence[object]] | None]:
        """Return what is wrong with which rows, the key of each, and the columns if nothing can be wrong."""
        columns = self._columns(rows)
        problems = self._problems(rows, fine=columns is not None)
        keys: Sequence[str] = ()
        if problems:
            keys = [self.key(item) for item in rows]
        elif columns is not None and not self._instances(rows):
            keys = self._key_column(columns)
        elif columns is not None and self._simple:
            # The rule of a key that was not asked before has its column already.
            keys = cast("Sequence[str]", columns.get(self._wire_key, ()))
            keys = keys or tuple(map(attrgetter(self.key_names[0]), rows))
        return problems, keys or self.keys(rows), columns

    def _instances(self, rows: Sequence[object]) -> bool:
        """Return whether rows in which nothing is wrong are instances of the class: then all of them are."""
        return bool(rows) and type(rows[0]) is self.row

    def _reused(
        self, taken: Taken[Item], keys: Sequence[str], columns: Mapping[str, Sequence[object]] | None
    ) -> bool:
        """Return whether one object was given for several rows, and changed in between.

        Rows of different keys are different objects. Of the lists and objects within them one that is filled
        anew is met again in the next row or in the last.
        """
        if len(keys) < _SEVERAL:
            return False
        if len(set(keys)) < len(keys) and len(set(map(id, taken.objects))) < len(keys):
            return True
        for column in (columns or {}).values():
            one = column[0]
            if type(one) in _HOLDERS and (one is column[1] or one is column[-1]):
                text = orjson.dumps(one, self.default, OPTIONS)
                if taken.lines.count(text) < len(keys):
                    return True
        return False

    def _anew(self, taken: Taken[Item], problems: Collection[int]) -> Taken[Item]:
        """Write rows that seem wrong anew: texts as they were meant, and times of events in their form."""
        mended: dict[int, object] = {}
        for index in problems:
            item = taken.objects[index]
            if index in taken.reasons or not isinstance(item, dict | self.row):
                continue
            if isinstance(item, dict):
                row = cast("dict[str, object]", taken.row(index))
                times = self._times(cast("dict[str, object]", item), row)
                own = self._gathered({**row, **self._meant(row), **times})
                if own != row:
                    mended[index] = own
            elif meant := self._meant(self.mapping(item)):
                with contextlib.suppress(InvalidItem):
                    mended[index] = self.like(item, {**self.mapping(item), **meant})
        return taken.replaced(mended) if mended else taken

    def _meant(self, row: Mapping[str, object]) -> Mapping[str, object]:
        """Return fields that are not written as they were meant, such as an address with blanks around."""
        fields = ((field.wire, field.rule) for field in self.fields if field.wire in row)
        meant = {wire: as_meant(rule, row[wire]) for wire, rule in fields}
        return {wire: value for wire, value in meant.items() if value != row[wire]}

    def _gathered(self, row: dict[str, object]) -> dict[str, object]:
        """Return a row whose fields that the vendor has beside the others stand in the field for them."""
        into, known = self._beside, self._fields_by_wire_name
        if (
            into is None
            or into in row
            or not all(field.wire in row for field in self.fields if field.required)
        ):
            return row
        strange = {name: value for name, value in row.items() if name not in known}
        own = {name: value for name, value in row.items() if name in known}
        return {**own, into: strange} if strange else row

    def _times(self, item: Mapping[str, object], row: Mapping[str, object]) -> Mapping[str, object]:
        """Return times of events that were written in the form of the other values, in their own.

        The object may have been filled anew since it was written: its value must be the one that was.
        """
        found: dict[str, object] = {}
        for field in self.fields:
            value = item.get(field.wire)
            if not field.named or dict in field.types or type(value) in _JSON:
                continue
            with contextlib.suppress(Unwritable):
                if self.default(value) == row.get(field.wire):
                    found[field.wire] = field.form.write(value)
        return found

    def _problems(self, page: Sequence[object], *, fine: bool) -> Mapping[int, InvalidItem]:
        problems: dict[int, str] = {} if fine else dict(self._wrong(page))
        if self.rule is not None:
            for index, item in enumerate(page):
                if index not in problems and (problem := self.rule(self.mapping(cast("T", item)))):
                    problems[index] = problem
        return {index: InvalidItem(problem) for index, problem in problems.items()} or FINE

    def _wrong(self, page: Sequence[object]) -> Iterator[tuple[int, str]]:
        """Give what is wrong with which rows, those of the same columns asked together."""
        alike: dict[tuple[object, ...] | None, list[int]] = {}
        for index, item in enumerate(page):
            columns = tuple(cast("dict[object, object]", item)) if type(item) is dict else None
            alike.setdefault(columns, []).append(index)
        for places in alike.values():
            if len(alike) == 1 or not self._sound([page[index] for index in places]):
                yield from search(page, places, self._sound, self._problem)

    def _sound(self, rows: Sequence[object]) -> bool:
        return self._columns(rows) is not None

    def _columns(self, page: Sequence[object]) -> Mapping[str, Sequence[object]] | None:
        """Return the columns of a page with which surely nothing is wrong, asked by column and not by row.

        None where something may be wrong. Of instances, which were checked before, only those that were not.
        """
        if not page:
            return {}
        if type(page[0]) is self.row and _all_of((self.row,), page):
            return self._instance_columns(page)
        rows = cast("Sequence[dict[str, object]]", page)
        try:
            # A table's rows have the same columns: those of the first, or the slow way is taken.
            known = [self._fields_by_wire_name[name] for name in rows[0]]
            if not known or sum(field.required for field in known) != self._required:
                return None  # an empty row, or what is none and has nothing in it either
            # Tuples, for that is what is made of the column of keys while its rows are on their way.
            columns = [tuple(map(itemgetter(field.wire), rows)) for field in known]
            if list(map(len, rows)).count(len(known)) != len(rows):
                return None
        except (KeyError, TypeError, IndexError):
            return None
        for field, column in zip(known, columns, strict=True):
            rule = field.rule
            if not field.only_texts and not _all_of(field.types, column):
                return None
            if rule is not None and not rule.all_valid(column):
                return None
        return {field.wire: column for field, column in zip(known, columns, strict=True)}

    def _instance_columns(self, page: Sequence[object]) -> Mapping[str, Sequence[object]] | None:
        columns: dict[str, Sequence[object]] = {}
        for wire, value_of, rule in self._unasked:
            values = columns[wire] = tuple(map(value_of, page))
            if None in values:
                values = tuple(value for value in values if value is not None)
            if values and not rule.all_valid(values):
                return None
        return columns

    def _key_column(self, columns: Mapping[str, Sequence[object]]) -> Sequence[str]:
        """Return the column that is each row's key; nothing where that differs from row to row."""
        for wire in self._wire_keys:
            column = columns.get(wire)
            if column is None:
                continue
            checked = self._fields_by_wire_name[wire].only_texts
            if not checked and not (all(column) and _all_of({str}, column)):
                break
            keys = cast("Sequence[str]", column)
            return [key.lower() for key in keys] if wire in self._case_insensitive else keys
        return ()

    def _problem(self, item: object) -> str | None:
        """Return what is wrong with one row, or None."""
        if isinstance(item, self.row):
            asked = ((rule, value_of(item)) for _, value_of, rule in self._unasked)
            return next(
                filter(None, (rule.why_invalid(value) for rule, value in asked if value is not None)), None
            )
        if not isinstance(item, dict):
            return (
                f"A row must be a {self.row.__name__} or a dict by the vendor's names, "
                f"not {type(item).__name__}"
            )
        mapping = cast("dict[str, object]", item)
        for field in self.fields:
            value = mapping.get(field.wire, attrs.NOTHING)
            if value is attrs.NOTHING:
                if field.required:
                    missing = f"The row has no {field.wire!r}, which the vendor requires"
                    return missing + _written_else(field, mapping)
                continue
            # Most values have a type that is named; the others may be of a kind of it, true is no number.
            if type(value) not in field.types and (
                isinstance(value, bool) or not isinstance(value, tuple(field.types))
            ):
                wanted = " or ".join(sorted(kind.__name__ for kind in field.types))
                return f"The row's {field.wire!r} must be {wanted}, not {type(value).__name__}"
            if field.rule is not None and (problem := field.rule.why_invalid(value)):
                return problem
        if strange := len(mapping.keys() - self._fields_by_wire_name.keys()):
            known = ", ".join(self._fields_by_wire_name)
            return f"The row has {many(strange, 'field')} more than the vendor documents, which are {known}"
        return None

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return each row's key."""
        if not self._simple:
            return [self.key(item) for item in page]
        wire, name = self._wire_key, self.key_names[0]
        try:
            return [item[wire] for item in cast("Sequence[dict[str, str]]", page)]
        except TypeError:  # not all of them are mappings
            return [
                cast("dict[str, str]", item)[wire] if type(item) is dict else getattr(item, name)
                for item in page
            ]

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return the rows as they are."""
        return items

    def key(self, item: object, /) -> str:
        """Return a row's key for a message, whatever is wrong with the row."""
        for name, wire in zip(self.key_names, self._wire_keys, strict=True):
            value = (
                cast("Mapping[str, object]", item).get(wire)
                if isinstance(item, Mapping)
                else getattr(item, name, None)
            )
            if value is not None and value != "":
                return str(value).lower() if wire in self._case_insensitive else str(value)
        return ""


def _not_finite(taken: Taken[Item], *, surely: bool) -> Iterator[int]:
    """Give which rows hold null where a number may have stood that JSON has none for."""
    for index, text in enumerate(taken.lines.split(b"\n")[:-1]):
        # One that has no text at all is another matter: its line says null as well.
        if b"null" in text and index not in taken.reasons and (surely or not finite(taken.objects[index])):
            yield index


def _plain_types(hint: object) -> tuple[type, ...]:
    origin = typing.get_origin(hint)
    if origin in {Union, UnionType}:
        return tuple(kind for part in typing.get_args(hint) for kind in _plain_types(part))
    plain = cast("type", origin or hint)
    if plain is type(None):
        return ()
    if issubclass(plain, Mapping):
        return (dict,)
    if plain is not str and issubclass(plain, Sequence):
        return (list, tuple)
    return (plain,)  # pyright: ignore[reportUnknownVariableType] # narrowed by what it is not
