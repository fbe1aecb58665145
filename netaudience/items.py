"""What an item of a run is: a bare identifier, or a row with a key; how it is checked and named.

Checking happens before anything is sent, for a whole page of items at once: the common page, in which
nothing is wrong, costs a few operations on the page and none per item.
"""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter
from types import UnionType
from typing import Generic, Protocol, TypeAlias, TypeVar, Union, cast

import attrs

from netaudience.errors import InvalidItem
from netaudience.rules import Rule, both, identifier, whole_number
from netaudience.wire import Texts

__all__ = [
    "Field",
    "Identifiers",
    "Kind",
    "Nothing",
    "RowRule",
    "Rows",
    "WholeNumbers",
]

T = TypeVar("T")
Item = TypeVar("Item")
#: So few items are asked one by one.
_FEW = 125
#: So many texts are worth being kept as one.
_MANY = 50
#: No page has a problem, most of the time: one shared answer for it.
_FINE: Mapping[int, InvalidItem] = {}


#: What is wrong with which items of a page, by index. Where nothing is: the key of each, if the order of one
#: key's items matters; and the page in the form in which it is written and kept, if that is made by then.
Examined: TypeAlias = tuple[Mapping[int, InvalidItem], Sequence[str], Sequence[Item] | None]


class Kind(Protocol):
    """What the pipeline asks about the items of an operation."""

    #: What one item is called in a message, for example ``ext id``.
    noun: str
    #: True where an item carries a value, so that the order of one key's items matters.
    ordered: bool
    #: True where two items of one key never go in one request, because the vendor's answer names keys.
    apart: bool

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which items of the page, by index."""
        ...

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the key of each item of a page that was checked."""
        ...

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return all that one look at a page finds out."""
        ...

    def key(self, item: object, /) -> str:
        """Return one item's key for a message, whatever is wrong with the item."""
        ...

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return items that were checked in the form in which they are written and kept."""
        ...


def _search(
    page: Sequence[object],
    places: Sequence[int],
    fine: Callable[[Sequence[object]], bool],
    problem: Callable[[object], str | None],
) -> Iterator[tuple[int, str]]:
    """Give what is wrong with which items, of which something perhaps is, at these places of a page.

    Halves in which surely nothing is wrong are asked as a whole: one bad item does not make a thousand dear.
    """
    while len(places) > _FEW:
        middle = len(places) // 2
        first, places = places[:middle], places[middle:]
        if not fine([page[index] for index in first]):
            yield from _search(page, first, fine, problem)
            if fine([page[index] for index in places]):
                return
    for index in places:
        if told := problem(page[index]):
            yield index, told


def _all_of(types: Collection[type], values: Sequence[object]) -> bool:
    """Return whether each value is of one of these very types."""
    kinds = list(map(type, values))
    return sum(map(kinds.count, types)) == len(kinds)  # counting the few is quicker than looking up each


def _broken(
    rule: Rule, page: Sequence[object], kept: Sequence[object] | None = None
) -> Mapping[int, InvalidItem]:
    """Return what is wrong with which values, by index; the form in which they are kept may tell sooner."""
    if rule.fine(page if kept is None else kept):
        return _FINE
    found = _search(page, range(len(page)), rule.fine, rule.problem)
    return {index: InvalidItem(problem) for index, problem in found}


class _Plain:
    """What items share that are no rows: asking for their keys needs no look at them."""

    ordered = False
    apart = False

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which items."""
        raise NotImplementedError

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the key of each item."""
        raise NotImplementedError

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return what is wrong with which items, and the keys where the order of a key's items matters."""
        return self.check(page), self.keys(page) if self.ordered else (), None

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return the items as they are."""
        return items


class Identifiers(_Plain):
    """Items that are bare identifiers: text, not empty, without control characters, and what a rule adds."""

    def __init__(self, noun: str, rule: Rule | None = None) -> None:
        self.noun = noun
        self._rule = identifier(noun) if rule is None else both(identifier(noun), rule)

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which identifiers."""
        return _broken(self._rule, page)

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return what is wrong with which identifiers, and many as one object: its JSON shows it too."""
        try:
            kept = self.kept(page)
        except TypeError:  # something among them cannot be written
            kept = page
        problems = _broken(self._rule, page, kept)
        return problems, self.keys(page) if self.ordered else (), None if problems else kept

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the identifiers themselves."""
        return cast("Sequence[str]", page)

    def key(self, item: object, /) -> str:
        """Return the identifier itself."""
        return item if isinstance(item, str) else ""

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return many identifiers as one object."""
        return cast("Sequence[Item]", Texts(cast("Sequence[str]", items))) if len(items) >= _MANY else items


class WholeNumbers(_Plain):
    """Items that are whole numbers, such as the id of a message."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._rule = whole_number(noun)

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return which items are no whole numbers."""
        return _broken(self._rule, page)

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the numbers as text."""
        return [str(item) for item in page]

    def key(self, item: object, /) -> str:
        """Return the number as text."""
        return "" if self._rule.problem(item) else str(item)


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

    @property
    def only_texts(self) -> bool:
        """True where its rule alone lets through nothing but texts that are not empty."""
        return self.rule is not None and self.rule.only_texts


#: Says what is wrong with a row as a whole, given by the vendor's names, or None.
RowRule: TypeAlias = Callable[[Mapping[str, object]], str | None]


class Rows(Generic[T]):
    """Items that are rows: instances of an attrs class, or mappings by the vendor's own names.

    A mapping is checked by the same rules as the class; an instance's fields were checked when it was made.
    """

    ordered = True

    def __init__(  # noqa: PLR0913 - what tells one kind of row from another
        self,
        row: type[T],
        *,
        key: str | Sequence[str],
        noun: str = "ext id",
        folded: Collection[str] = (),
        rule: RowRule | None = None,
        apart: bool = False,
    ) -> None:
        """State what the rows are.

        Args:
            row: The attrs class of the rows.
            key: The field that names the user, or several of which the first that is set does.
            noun: What the key is called in a message.
            folded: Those of the key's fields that the vendor compares without regard to case.
            rule: What must hold for a row as a whole; asked of instances and of mappings.
            apart: Whether two rows of one key must never go in one request.
        """
        self.noun = noun
        self.row = row
        self.apart = apart
        #: The names of the fields that may be the key, the first that is set being it.
        self.key_names = (key,) if isinstance(key, str) else tuple(key)
        self.rule = rule
        attributes = attrs.fields(cast("type[attrs.AttrsInstance]", row))
        self._wire_names = {field.name: field.metadata.get("wire", field.name) for field in attributes}
        self._wire_keys: tuple[str, ...] = tuple(self._wire_names[name] for name in self.key_names)
        self._wire_key = self._wire_keys[0]
        self._folded = frozenset(self._wire_names[name] for name in folded)
        #: One field that is always there and never folded: its keys are read the quick way.
        self._simple = len(self._wire_keys) == 1 and not self._folded

    def ruled(self, rule: RowRule | None) -> Rows[T]:
        """Return the same kind of rows under another rule for the row as a whole."""
        other = copy.copy(self)
        other.rule = rule
        return other

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The row's fields, read from the class when they are first needed."""
        hints = typing.get_type_hints(self.row)
        return tuple(
            Field(
                name=attribute.name,
                wire=self._wire_names[attribute.name],
                required=attribute.default is attrs.NOTHING,
                types=frozenset(_plain_types(hints[attribute.name])),
                rule=attribute.validator if isinstance(attribute.validator, Rule) else None,
            )
            for attribute in attrs.fields(cast("type[attrs.AttrsInstance]", self.row))
        )

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
        columns = self._columns(page)
        problems = self._problems(page, fine=columns is not None)
        if problems:
            return problems, (), None
        keys: Sequence[str] = ()
        if columns:
            keys = self._key_column(columns)
        elif columns is not None and self._simple:
            keys = tuple(map(attrgetter(self.key_names[0]), page))  # instances, all of them
        return problems, keys or self.keys(page), None

    def _problems(self, page: Sequence[object], *, fine: bool) -> Mapping[int, InvalidItem]:
        problems: dict[int, str] = {} if fine else dict(self._wrong(page))
        if self.rule is not None:
            for index, item in enumerate(page):
                if index not in problems and (problem := self.rule(self.mapping(cast("T", item)))):
                    problems[index] = problem
        return {index: InvalidItem(problem) for index, problem in problems.items()} or _FINE

    def _wrong(self, page: Sequence[object]) -> Iterator[tuple[int, str]]:
        """Give what is wrong with which rows, those of the same columns asked together."""
        alike: dict[tuple[object, ...] | None, list[int]] = {}
        for index, item in enumerate(page):
            columns = tuple(cast("dict[object, object]", item)) if type(item) is dict else None
            alike.setdefault(columns, []).append(index)
        for places in alike.values():
            if len(alike) == 1 or not self._sound([page[index] for index in places]):
                yield from _search(page, places, self._sound, self._problem)

    def _sound(self, rows: Sequence[object]) -> bool:
        return self._columns(rows) is not None

    def _columns(self, page: Sequence[object]) -> Mapping[str, Sequence[object]] | None:
        """Return the columns of a page with which surely nothing is wrong, asked by column and not by row.

        None where something may be wrong; no column where the rows are instances, which were checked before.
        """
        if not page or (type(page[0]) is self.row and _all_of((self.row,), page)):
            return {}
        rows = cast("Sequence[dict[str, object]]", page)
        try:
            # A table's rows have the same columns: those of the first, or the slow way is taken.
            given = [self._fields_by_wire_name[name] for name in rows[0]]
            if sum(field.required for field in given) != self._required:
                return None
            # Tuples, for that is what is made of the column of keys while its rows are on their way.
            columns = [tuple(map(itemgetter(field.wire), rows)) for field in given]
            if list(map(len, rows)).count(len(given)) != len(rows):
                return None
        except (KeyError, TypeError, IndexError):
            return None
        for field, column in zip(given, columns, strict=True):
            rule = field.rule
            if not field.only_texts and not _all_of(field.types, column):
                return None
            if rule is not None and not rule.fine(column):
                return None
        return {field.wire: column for field, column in zip(given, columns, strict=True)}

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
            return [key.lower() for key in keys] if wire in self._folded else keys
        return ()

    def _problem(self, item: object) -> str | None:
        """Return what is wrong with one row, or None."""
        if isinstance(item, self.row):
            return None
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
                    return f"The row has no {field.wire!r}, which the vendor requires"
                continue
            # Most values have a type that is named; the others may be of a kind of it, true is no number.
            if type(value) not in field.types and (
                isinstance(value, bool) or not isinstance(value, tuple(field.types))
            ):
                wanted = " or ".join(sorted(kind.__name__ for kind in field.types))
                return f"The row's {field.wire!r} must be {wanted}, not {type(value).__name__}"
            if field.rule is not None and (problem := field.rule.problem(value)):
                return problem
        if strange := len(mapping.keys() - self._fields_by_wire_name.keys()):
            known = ", ".join(self._fields_by_wire_name)
            return f"The row has {strange} more fields than the vendor documents, which are {known}"
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
                return str(value).lower() if wire in self._folded else str(value)
        return ""


class Nothing(_Plain):
    """An operation that takes no item."""

    noun = "request"

    def check(self, _page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Find nothing wrong with nothing."""
        return _FINE

    def keys(self, _page: Sequence[object], /) -> Sequence[str]:
        """Return no keys."""
        return ()

    def key(self, _item: object, /) -> str:
        """Return no key."""
        return ""


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
