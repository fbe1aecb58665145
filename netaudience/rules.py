"""What one field of a row must hold: rules that say in a sentence what is wrong with a value.

A rule is asked in two ways: what is wrong with this value, and, far cheaper, whether nothing is wrong with
any of a thousand. It knows no row and no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import attrs

from netaudience.errors import InvalidItem
from netaudience.wire import Texts

__all__ = [
    "Rule",
    "both",
    "flag",
    "identifier",
    "json_object",
    "one_of",
    "rule",
    "text",
    "texts",
    "value_lists",
    "whole_number",
]

#: Line breaks and the control characters that exports are found to hold; looking for each in a page
#: costs a tenth of a microsecond.
_CONTROLS = ("\n", "\r", "\t", "\x00", "\x0b", "\x0c", "\x1a", "\x1b", "\x7f", "\x85", "\u2028", "\u2029")
#: JSON of most languages ends here.
_LARGEST = 2**63


@attrs.frozen(eq=False, repr=False)
class Rule:
    """A rule for one field of a row, run as its attrs validator and on mappings alike."""

    #: Returns what is wrong with a value as a sentence, or None.
    problem: Callable[[object], str | None]
    #: Returns whether nothing is wrong with any of many values of the right type; the cheap question.
    fine: Callable[[Sequence[Any]], bool]
    #: Whether the cheap question lets through nothing but texts that are not empty: what may be a key.
    only_texts: bool = False

    def __call__(self, _row: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - whatever a caller gives
        """Check the field of a row that is being made.

        Raises:
            InvalidItem: the value breaks the rule.
        """
        if value is None and attribute.default is None:
            return
        if problem := self.problem(value):
            raise InvalidItem(problem)


def both(first: Rule, second: Rule) -> Rule:
    """Demand what two rules demand; the first is asked first."""
    return Rule(
        lambda value: first.problem(value) or second.problem(value),
        lambda values: first.fine(values) and second.fine(values),
        first.only_texts or second.only_texts,
    )


def rule(
    wanted: str, holds: Callable[[Any], bool], fine: Callable[[Sequence[Any]], bool] | None = None
) -> Rule:
    """Demand what a predicate says.

    Args:
        wanted: The sentence about a value that does not hold.
        holds: Whether one value, of whatever type, holds.
        fine: Whether surely all of many values of the right type hold, where that is cheaper to ask.
    """
    return Rule(
        lambda value: None if holds(value) else wanted,
        fine or (lambda values: all(map(holds, values))),
    )


def identifier(noun: str) -> Rule:
    """Demand an identifier: text, not empty, without control characters."""
    return Rule(lambda value: _identifier_problem(value, noun), _all_identifiers, only_texts=True)


def text(noun: str) -> Rule:
    """Demand text that is not empty."""
    wanted = f"{_an(noun)} must be text that is not empty"
    return rule(
        wanted,
        lambda value: isinstance(value, str) and bool(value) and _encodes(value),
        lambda values: all(values) and _encodes("".join(values)),
    )


def texts(noun: str) -> Rule:
    """Demand a list of texts, at least one, none of them empty."""
    return rule(
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
    return rule(f"{_an(noun)} must be true or false", lambda value: isinstance(value, bool))


def whole_number(noun: str) -> Rule:
    """Demand a whole number that is not negative."""
    return rule(
        f"{_an(noun)} must be a whole number that is not negative",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST,
    )


def one_of(noun: str, *choices: str) -> Rule:
    """Demand one of these words, in any case."""
    return rule(
        f"{_an(noun)} must be one of {', '.join(choices)}",
        lambda value: isinstance(value, str) and value.upper() in choices,
    )


def json_object(noun: str) -> Rule:
    """Demand a mapping with at least one entry."""
    # That the names are texts is found out when the row is written as JSON.
    return rule(
        f"{_an(noun)} must be a mapping of at least one name to a value",
        lambda value: isinstance(value, Mapping) and bool(cast("object", value)),
        all,
    )


def _is_full_list(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(cast("object", value))


def value_lists(noun: str) -> Rule:
    """Demand a mapping of names to lists of values."""
    named = json_object(noun)
    return rule(
        f"{_an(noun)} must be a mapping of at least one name to a list of values",
        lambda value: (
            named.problem(value) is None
            and all(map(_is_full_list, cast("Mapping[str, object]", value).values()))
        ),
    )


def _all_identifiers(values: Sequence[Any]) -> bool:
    if isinstance(values, Texts) and values.plain:
        return True  # their JSON is written anyway, and shows it
    try:
        joined = "".join(values)
    except TypeError:
        return False
    return all(values) and not _holds_control(joined) and _encodes(joined)


def _identifier_problem(value: object, noun: str) -> str | None:
    if not isinstance(value, str):
        return (
            f"{_an(noun)} must be text, not {type(value).__name__}: write it as a string, "
            "so that leading zeros and long numbers survive"
        )
    if not value:
        return f"{_an(noun)} is empty: leave the row out, or look at the column it came from"
    if _holds_control(value):
        return f"{_an(noun)} holds a line break or another control character: clean the column it came from"
    if not _encodes(value):
        return f"{_an(noun)} holds half a character (a lone surrogate): read the source as UTF-8"
    return None


def _holds_control(text: str) -> bool:
    for control in _CONTROLS:  # noqa: SIM110 - any() would cost as much as the looking
        if control in text:
            return True
    return False


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _an(noun: str) -> str:
    by_sound = noun[0] in "aeiou" and not noun.startswith("use")
    return f"An {noun}" if by_sound else f"A {noun}"
