"""Phone numbers in the one form that vendors demand: E.164, ``+`` and the country's code first.

What only spells a number in groups is taken off; a number that holds anything else is refused, for digits
that are made of letters, or of what stands behind a number, are somebody else's. The door to phonenumbers,
which is imported when the first number needs it, for it costs a program's start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar, cast

from netaudience.errors import InvalidItem

T = TypeVar("T")

_BEGINS = re.compile(r"(?:tel: ?)?\(?(?:\+|00)", re.IGNORECASE)
#: Digits in groups: in brackets, and between two a blank, a hyphen or a full stop.
_SPELT = re.compile(r" ?(?:\(?[0-9]++\)? ?(?:[-.] ?)?)+")
_HYPHENS = re.compile("[\u2010-\u2015\u2212]")
_LAST = (*"0123456789", ")")
_NO_DIGITS = re.compile("[^0-9]+")
_WANTED = "The phone number must be written with + and the country's code, such as +90 532 123 45 67"


@lru_cache(maxsize=10_000)
def e164(number: str) -> str:
    """Return a phone number as E.164, such as ``+905321234567``; what groups its digits is left out.

    Raises:
        InvalidItem: it is not plainly one number, it has no country code, or its country has no numbers of
            that length.
    """
    given = _HYPHENS.sub("-", " ".join(number.split()))
    begins = _BEGINS.match(given)
    rest = given[begins.end() :] if begins else given
    if any(map(str.isalpha, rest)):
        raise InvalidItem(
            "The phone number holds letters: keep a name, an extension or a spreadsheet's 9.05E+11 out of "
            "its column, for no digit is made of a letter"
        )
    if rest.endswith(".0"):
        raise InvalidItem(
            "The phone number ends as a fraction does, so it was kept as a number: export its column as text"
        )
    if begins is None:
        raise InvalidItem(_WANTED)
    if not _SPELT.fullmatch(rest) or not rest.endswith(_LAST) or given.count("(") != given.count(")"):
        raise InvalidItem(
            "The phone number is not plainly one number: keep one in its column, its digits in groups at most"
        )
    import phonenumbers  # noqa: PLC0415 - costs a program's start

    try:
        parsed = phonenumbers.parse("+" + _NO_DIGITS.sub("", rest), None)
    except phonenumbers.NumberParseException as error:
        raise InvalidItem(_WANTED) from error
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidItem("The phone number has too few or too many digits for its country")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def as_e164(number: str) -> str:
    """Return a phone number as E.164, and what is none as it is, for the vendor to judge."""
    try:
        return e164(number)
    except InvalidItem:
        return number


def with_e164(row: Mapping[str, T], name: str) -> Mapping[str, T]:
    """Return a row whose number, or list of numbers, of this name is as `as_e164` gives it."""
    match row.get(name):
        case str() as number:
            return {**row, name: cast("T", as_e164(number))}
        case list() | tuple() as numbers:  # pyright: ignore[reportUnknownVariableType] # whatever they hold
            return {**row, name: cast("T", list(map(as_e164, cast("Sequence[str]", numbers))))}
        case _:
            return row
