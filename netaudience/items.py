"""What an item of a run is: a bare identifier, or a row with a key; how it is checked and named.

Checking happens before anything is sent, for a whole page of items at once: the common page, in which
nothing is wrong, costs a few operations on the page and none per item.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import UnionType
from typing import Any, Generic, Protocol, TypeVar, Union, cast

import attrs

from netaudience.errors import InvalidItem

__all__ = [
    "Field",
    "Identifiers",
    "Kind",
    "Nothing",
    "Rows",
    "Rule",
    "WholeNumbers",
    "flag",
    "identifier",
    "json_object",
    "one_of",
    "text",
    "texts",
    "value_lists",
    "whole_number",
]

T = TypeVar("T")
_CONTROLS = ("\n", "\r", "\x00", "\t")
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


def _identifier_problem(value: object, noun: str) -> str | None:
    """Return what is wrong with an identifier, or None."""
    if not isinstance(value, str):
        return (
            f"{_an(noun)} must be text, not {type(value).__name__}: write it as a string, "
            "so that leading zeros and long numbers survive"
        )
    if not value:
        return f"{_an(noun)} is empty: leave the row out, or look at the column it came from"
    if "\n" in value or "\r" in value or "\t" in value or "\x00" in value:
        return f"{_an(noun)} holds a line break or another control character: clean the column it came from"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{_an(noun)} holds half a character (a lone surrogate): read the source as UTF-8"
    return None


def _an(noun: str) -> str:
    return f"An {noun}" if noun[0] in "aeiou" else f"A {noun}"


class Identifiers:
    """Items that are bare identifiers: text, not empty, without control characters."""

    ordered = False

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which identifiers."""
        try:
            joined = "".join(cast("Sequence[str]", page))
        except TypeError:
            pass
        else:
            if all(page) and not any(control in joined for control in _CONTROLS) and _encodes(joined):
                return _FINE
        problems = {index: _identifier_problem(item, self.noun) for index, item in enumerate(page)}
        return {index: InvalidItem(problem) for index, problem in problems.items() if problem}

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

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return which items are no whole numbers."""
        problems = {index: whole_number(self.noun).problem(item) for index, item in enumerate(page)}
        return {index: InvalidItem(problem) for index, problem in problems.items() if problem} or _FINE

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the numbers as text."""
        return [str(item) for item in page]

    def key(self, item: object, /) -> str:
        """Return the number as text."""
        return str(item)


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@attrs.frozen
class Rule:
    """A rule for one field of a row, run as its attrs validator and on mappings alike."""

    #: Returns what is wrong with a value as a sentence, or None.
    problem: Callable[[object], str | None]

    def __call__(self, instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - whatever a caller gives
        """Check the field of a row that is being made.

        Raises:
            InvalidItem: the value breaks the rule.
        """
        if value is None and attribute.default is None:
            return
        if problem := self.problem(value):
            raise InvalidItem(problem)


def identifier(noun: str) -> Rule:
    """Demand an identifier: text, not empty, without control characters."""
    return Rule(lambda value: _identifier_problem(value, noun))


def text(noun: str) -> Rule:
    """Demand text that is not empty."""
    wanted = f"{_an(noun)} must be text that is not empty"
    return Rule(lambda value: None if isinstance(value, str) and value else wanted)


def texts(noun: str) -> Rule:
    """Demand a list of texts, at least one, none of them empty."""
    wanted = f"{_an(noun)} must be a list of texts, at least one and none of them empty"

    def problem(value: object) -> str | None:
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            return wanted
        parts = cast("Sequence[object]", value)
        return None if all(isinstance(part, str) and part for part in parts) else wanted

    return Rule(problem)


def flag(noun: str) -> Rule:
    """Demand true or false."""
    return Rule(lambda value: None if isinstance(value, bool) else f"{_an(noun)} must be true or false")


def whole_number(noun: str) -> Rule:
    """Demand a whole number that is not negative."""
    wanted = f"{_an(noun)} must be a whole number that is not negative"
    return Rule(
        lambda value: (
            None if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else wanted
        )
    )


def one_of(noun: str, *choices: str) -> Rule:
    """Demand one of these words, in any case."""
    wanted = f"{_an(noun)} must be one of {', '.join(choices)}"
    return Rule(
        lambda value: None if isinstance(value, str) and value.upper() in choices else wanted,
    )


def json_object(noun: str) -> Rule:
    """Demand a mapping with at least one entry, its names being texts that are not empty."""
    wanted = f"{_an(noun)} must be a mapping of at least one name to a value"

    def problem(value: object) -> str | None:
        # That the names are texts is found out when the row is written as JSON.
        fits = type(value) is dict or isinstance(value, Mapping)
        return None if fits and value and "" not in value else wanted  # type: ignore[operator] # pyright: ignore[reportOperatorIssue] # a mapping

    return Rule(problem)


def value_lists(noun: str) -> Rule:
    """Demand a mapping of names to lists of values."""
    wanted = f"{_an(noun)} must be a mapping of at least one name to a list of values"
    named = json_object(noun)

    def problem(value: object) -> str | None:
        if named.problem(value):
            return wanted
        lists = cast("Mapping[str, object]", value).values()
        return None if all(isinstance(part, (list, tuple)) and part for part in lists) else wanted

    return Rule(problem)


@attrs.frozen
class Field:
    """One field of a row: its names, whether it must be there, and what it may hold."""

    name: str
    wire: str
    required: bool
    #: The plain types that its JSON values have; nothing else is let through unchecked.
    types: tuple[type, ...]
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
        self._identifiers = Identifiers(noun)
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
                types=_plain_types(hints[attribute.name]),
                rule=attribute.validator if isinstance(attribute.validator, Rule) else None,
            )
            for attribute in attrs.fields(cast("type[attrs.AttrsInstance]", self.row))
        )

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which rows."""
        problems: dict[int, InvalidItem] = {}
        row, key, plain = self.row, self._wire_key, self._plain
        names, required = self._names, self._required
        keys: list[str] = []
        for index, item in enumerate(page):
            if type(item) is dict:
                mapping: dict[str, Any] = item
                for wire, types, problem_of in plain:
                    value: Any = mapping.get(wire)
                    if type(value) in types:
                        if wire == key:  # checked below, all of them at once
                            keys.append(value)
                        elif problem_of is not None and (problem := problem_of(value)):
                            problems[index] = InvalidItem(problem)
                            break
                    elif value is not None or wire in required:
                        problems[index] = InvalidItem(self._misfit(wire, mapping))
                        break
                else:
                    if not names.issuperset(mapping):
                        problems[index] = InvalidItem(self._stranger(mapping))
            elif not isinstance(item, row):
                problems[index] = InvalidItem(
                    f"A row must be a {row.__name__} or a dict by the vendor's names, "
                    f"not {type(item).__name__}"
                )
        if self._identifiers.check(keys):
            for index, item in enumerate(page):
                if index not in problems and isinstance(item, dict):
                    problem = _identifier_problem(cast("dict[str, object]", item)[key], self.noun)
                    if problem:
                        problems[index] = InvalidItem(problem)
        return problems or _FINE

    @cached_property
    def _plain(self) -> list[tuple[str, tuple[type, ...], Callable[[object], str | None] | None]]:
        """The fields as the loop over a page wants them."""
        return [
            (field.wire, field.types, None if field.rule is None else field.rule.problem)
            for field in self.fields
        ]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(field.wire for field in self.fields)

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(field.wire for field in self.fields if field.required)

    def _stranger(self, mapping: Mapping[str, object]) -> str:
        known = ", ".join(field.wire for field in self.fields)
        strange = len(self._names.symmetric_difference(mapping) - self._names)
        return f"The row has {strange} more fields than the vendor documents, which are {known}"

    def _misfit(self, wire: str, mapping: Mapping[str, object]) -> str:
        if wire not in mapping:
            return f"The row has no {wire!r}, which the vendor requires"
        field = next(field for field in self.fields if field.wire == wire)
        wanted = " or ".join(kind.__name__ for kind in field.types)
        return f"The row's {wire!r} must be {wanted}, not {type(mapping[wire]).__name__}"

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

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Find nothing wrong with nothing."""
        return _FINE

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return no keys."""
        return ()

    def key(self, item: object, /) -> str:
        """Return no key."""
        return ""


def _plain_types(hint: object) -> tuple[type, ...]:
    origin = typing.get_origin(hint)
    if origin in {Union, UnionType}:
        return tuple(kind for part in typing.get_args(hint) for kind in _plain_types(part))
    if origin is typing.Literal:
        return tuple({type(value) for value in typing.get_args(hint)})
    plain = origin or hint
    if plain is type(None):
        return ()
    if plain is float:
        return (float, int)
    if isinstance(plain, type) and issubclass(plain, Mapping):
        return (dict,)
    if plain is not str and isinstance(plain, type) and issubclass(plain, Sequence):
        return (list, tuple)
    return (cast("type", plain),)
