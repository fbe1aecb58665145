"""What an item of a run is: a bare identifier, or a row with a key; how it is checked and named.

Checking happens before anything is sent, for a whole page of items at once: the common page, in which
nothing is wrong, costs a few operations on the page and none per item.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import UnionType
from typing import Generic, Protocol, TypeVar, Union, cast

import attrs

from netaudience.errors import InvalidItem
from netaudience.rules import Rule, identifier, whole_number

__all__ = [
    "Field",
    "Identifiers",
    "Kind",
    "Nothing",
    "Rows",
    "WholeNumbers",
]

T = TypeVar("T")
#: No page has a problem, most of the time: one shared answer for it.
_FINE: Mapping[int, InvalidItem] = {}


class Kind(Protocol):
    """What the pipeline asks about the items of an operation."""

    #: What one item is called in a message, for example ``ext id``.
    noun: str
    #: True where an item carries a value, so that the order of one key's items matters.
    ordered: bool

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which items of the page, by index."""
        ...

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the key of each item of a page that was checked."""
        ...

    def key(self, item: object, /) -> str:
        """Return one item's key for a message, whatever is wrong with the item."""
        ...


def _problems(rule: Rule, page: Sequence[object]) -> Mapping[int, InvalidItem]:
    """Return what is wrong with which values, by index."""
    if rule.fine(page):
        return _FINE
    problems = {index: rule.problem(item) for index, item in enumerate(page)}
    return {index: InvalidItem(problem) for index, problem in problems.items() if problem}


class Identifiers:
    """Items that are bare identifiers: text, not empty, without control characters."""

    ordered = False

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._rule = identifier(noun)

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which identifiers."""
        return _problems(self._rule, page)

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the identifiers themselves."""
        return cast("Sequence[str]", page)

    def key(self, item: object, /) -> str:
        """Return the identifier itself."""
        return item if isinstance(item, str) else ""


class WholeNumbers:
    """Items that are whole numbers, such as the id of a message."""

    ordered = False

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._rule = whole_number(noun)

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return which items are no whole numbers."""
        return _problems(self._rule, page)

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the numbers as text."""
        return [str(item) for item in page]

    def key(self, item: object, /) -> str:
        """Return the number as text."""
        return "" if self._rule.problem(item) else str(item)


@attrs.frozen
class Field:
    """One field of a row: its names, whether it must be there, and what it may hold."""

    name: str
    wire: str
    required: bool
    #: The plain types that its JSON values have; nothing else is let through.
    types: frozenset[type]
    #: What it must hold besides its type.
    rule: Rule | None


class Rows(Generic[T]):
    """Items that are rows: instances of an attrs class, or mappings by the vendor's own names.

    A mapping is checked by the same rules as the class; an instance was checked when it was made.
    """

    ordered = True

    def __init__(self, row: type[T], *, key: str, noun: str = "ext id") -> None:
        self.noun = noun
        #: The attrs class of the rows.
        self.row = row
        self.key_name = key
        attributes = attrs.fields(cast("type[attrs.AttrsInstance]", row))
        self._wire_key: str = getattr(attributes, key).metadata.get("wire", key)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The row's fields, read from the class when they are first needed."""
        hints = typing.get_type_hints(self.row)
        return tuple(
            Field(
                name=attribute.name,
                wire=attribute.metadata.get("wire", attribute.name),
                required=attribute.default is attrs.NOTHING,
                types=frozenset(_plain_types(hints[attribute.name])),
                rule=attribute.validator if isinstance(attribute.validator, Rule) else None,
            )
            for attribute in attrs.fields(cast("type[attrs.AttrsInstance]", self.row))
        )

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which rows."""
        if self._fine(page):
            return _FINE
        problems = {index: self._problem(item) for index, item in enumerate(page)}
        return {index: InvalidItem(problem) for index, problem in problems.items() if problem}

    def _fine(self, page: Sequence[object]) -> bool:
        """Return whether surely nothing is wrong, asked column by column instead of row by row."""
        if not page or {self.row}.issuperset(map(type, page)):
            return True
        required = [field for field in self.fields if field.required]
        rows = cast("Sequence[dict[str, object]]", page)
        try:
            columns = [[row[field.wire] for row in rows] for field in required]
            if sum(map(len, rows)) != len(rows) * len(required):
                return False  # optional fields, or unknown ones
        except (KeyError, TypeError, IndexError):
            return False
        return all(
            field.types.issuperset(map(type, column)) and (field.rule is None or field.rule.fine(column))
            for field, column in zip(required, columns, strict=True)
        )

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
            if field.wire not in mapping:
                if field.required:
                    return f"The row has no {field.wire!r}, which the vendor requires"
                continue
            value = mapping[field.wire]
            if not isinstance(value, tuple(field.types)) or (
                isinstance(value, bool) and bool not in field.types
            ):
                wanted = " or ".join(sorted(kind.__name__ for kind in field.types))
                return f"The row's {field.wire!r} must be {wanted}, not {type(value).__name__}"
            if field.rule is not None and (problem := field.rule.problem(value)):
                return problem
        known = [field.wire for field in self.fields]
        if strange := len(mapping.keys() - set(known)):
            return (
                f"The row has {strange} more fields than the vendor documents, which are {', '.join(known)}"
            )
        return None

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return each row's key."""
        wire, name = self._wire_key, self.key_name
        try:
            return [item[wire] for item in cast("Sequence[dict[str, str]]", page)]
        except TypeError:  # not all of them are mappings
            return [
                cast("dict[str, str]", item)[wire] if type(item) is dict else getattr(item, name)
                for item in page
            ]

    def key(self, item: object, /) -> str:
        """Return a row's key for a message, whatever is wrong with the row."""
        if isinstance(item, Mapping):
            return str(cast("Mapping[str, object]", item).get(self._wire_key, ""))
        return str(getattr(item, self.key_name, ""))


class Nothing:
    """An operation that takes no item."""

    noun = "request"
    ordered = False

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
