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
#: Line breaks and the control characters that exports are found to hold; looking for each in a page
#: costs a tenth of a microsecond.
_CONTROLS = ("\n", "\r", "\t", "\x00", "\x0b", "\x0c", "\x1a", "\x1b", "\x7f", "\x85", "\u2028", "\u2029")
#: JSON of most languages ends here.
_LARGEST = 2**63
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
    if _holds_control(value):
        return f"{_an(noun)} holds a line break or another control character: clean the column it came from"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{_an(noun)} holds half a character (a lone surrogate): read the source as UTF-8"
    return None


def _holds_control(text: str) -> bool:
    for control in _CONTROLS:  # noqa: SIM110 - any() would cost as much as the looking
        if control in text:
            return True
    return False


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
            if all(page) and not _holds_control(joined) and _encodes(joined):
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
        return str(item) if isinstance(item, int) and abs(item) < _LARGEST else ""


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
    #: Returns whether nothing is wrong with any of many values of the right type; the cheap question.
    fine: Callable[[Sequence[Any]], bool]

    def __call__(self, _row: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - whatever a caller gives
        """Check the field of a row that is being made.

        Raises:
            InvalidItem: the value breaks the rule.
        """
        if value is None and attribute.default is None:
            return
        if problem := self.problem(value):
            raise InvalidItem(problem)


def _rule(
    wanted: str, holds: Callable[[Any], bool], fine: Callable[[Sequence[Any]], bool] | None = None
) -> Rule:
    return Rule(
        lambda value: None if holds(value) else wanted,
        fine or (lambda values: all(map(holds, values))),
    )


def identifier(noun: str) -> Rule:
    """Demand an identifier: text, not empty, without control characters."""
    return Rule(
        lambda value: _identifier_problem(value, noun), lambda values: not Identifiers(noun).check(values)
    )


def text(noun: str) -> Rule:
    """Demand text that is not empty."""
    wanted = f"{_an(noun)} must be text that is not empty"
    return _rule(
        wanted,
        lambda value: isinstance(value, str) and bool(value) and _encodes(value),
        lambda values: all(values) and _encodes("".join(values)),
    )


def texts(noun: str) -> Rule:
    """Demand a list of texts, at least one, none of them empty."""
    return _rule(
        f"{_an(noun)} must be a list of texts, at least one and none of them empty",
        lambda value: (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes)
            and bool(cast("object", value))
            and all(
                isinstance(part, str) and part and _encodes(part) for part in cast("Sequence[object]", value)
            )
        ),
    )


def flag(noun: str) -> Rule:
    """Demand true or false."""
    return _rule(f"{_an(noun)} must be true or false", lambda value: isinstance(value, bool))


def whole_number(noun: str) -> Rule:
    """Demand a whole number that is not negative."""
    return _rule(
        f"{_an(noun)} must be a whole number that is not negative",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST,
    )


def one_of(noun: str, *choices: str) -> Rule:
    """Demand one of these words, in any case."""
    return _rule(
        f"{_an(noun)} must be one of {', '.join(choices)}",
        lambda value: isinstance(value, str) and value.upper() in choices,
    )


def json_object(noun: str) -> Rule:
    """Demand a mapping with at least one entry."""
    # That the names are texts is found out when the row is written as JSON.
    return _rule(
        f"{_an(noun)} must be a mapping of at least one name to a value",
        lambda value: isinstance(value, Mapping) and bool(cast("object", value)),
        all,
    )


def _is_full_list(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(cast("object", value))


def value_lists(noun: str) -> Rule:
    """Demand a mapping of names to lists of values."""
    named = json_object(noun)
    return _rule(
        f"{_an(noun)} must be a mapping of at least one name to a list of values",
        lambda value: (
            named.problem(value) is None
            and all(map(_is_full_list, cast("Mapping[str, object]", value).values()))
        ),
    )


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
        kinds = set(map(type, page))
        if kinds == {self.row} or not kinds:
            return True
        required = [field for field in self.fields if field.required]
        if kinds != {dict}:
            return False
        rows = cast("Sequence[dict[str, object]]", page)
        if set(map(len, rows)) != {len(required)}:
            return False  # optional fields, or unknown ones
        for field in required:
            try:
                column = [row[field.wire] for row in rows]
            except KeyError:
                return False
            if not field.types.issuperset(map(type, column)):
                return False
            if field.rule is not None and not field.rule.fine(column):
                return False
        return True

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
