"""What CleverTap lets into a record: the names, texts, dates and numbers of properties, and one identifier.

Each rule is a sentence about a value; what the vendor only says in its answers is left to it.
Source: https://developer.clevertap.com/docs/upload-user-profiles-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from netaudience.errors import column_name
from netaudience.model.rows import NamesRule
from netaudience.model.validators import Rule, email, phone, rule

EMAIL = email("email")
PHONE = phone("phone number")


def _phone_problem(value: object) -> str | None:
    # The vendor's own sample has a number of JSON: it lost its + alone, and goes as it is.
    return None if isinstance(value, int) and not isinstance(value, bool) else PHONE.why_invalid(value)


def _any_phone_problem(value: object) -> str | None:
    lenient = cast("Rule", PHONE.lenient)
    return None if isinstance(value, int) and not isinstance(value, bool) else lenient.why_invalid(value)


#: `Phone` among a profile's properties.
PHONE_PROPERTY = Rule(
    _phone_problem,
    lambda values: not any(map(_phone_problem, values)),
    lenient=Rule(
        _any_phone_problem, lambda values: not any(map(_any_phone_problem, values)), meant=PHONE.meant
    ),
    meant=PHONE.meant,
)

#: What takes a property away. Source: the vendor's sample of a profile's upload.
_REMOVED: Mapping[str, int] = {"$delete": 1}


def removable(one: Rule) -> Rule:
    """Demand what a rule demands, or that the property is taken away on purpose."""

    def problem(value: object) -> str | None:
        return None if value == _REMOVED else one.why_invalid(value)

    return Rule(
        problem,
        lambda values: one.all_valid(values) or not any(map(problem, values)),
        lenient=None if one.lenient is None else removable(one.lenient),
        meant=one.meant,
        sql=one.sql,
    )


_KEY_BYTES = 120
#: One page says bytes, another characters: bytes are the stricter reading, and what passes fits both.
_VALUE_BYTES = 512
FORBIDDEN = frozenset("%><!|&.:;$'\"\\#")
MOST_ENTRIES = 100
_DATE = "$D_"
_SECONDS = re.compile(r"-?[0-9]{1,11}")
#: Seconds have fewer digits for the next three thousand years; as many are milliseconds.
_MILLISECONDS = 100_000_000_000
_IDENTIFIERS = ("identity", "objectId", "FBID", "GPID")
#: The operators that may be sent twice: the values of a list are unique, and what is gone stays so.
#: Source: https://docs.clevertap.com/docs/platform-considerations
_REPEATABLE = frozenset({"$add", "$remove", "$delete"})


def properties(noun: str, most: int, *, may_be_empty: bool = False) -> Rule:
    """Demand properties as the vendor takes them: not too many names, each with a value that fits."""

    def problem(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"The {noun} must be a mapping of names to values"
        named = cast("Mapping[object, object]", value)
        if not named and not may_be_empty:
            return f"The {noun} must be a mapping of at least one name to a value"
        if len(named) > most:
            return f"The {noun} has {len(named):,} names, and CleverTap takes {most} at most"
        try:
            for name, one in named.items():
                if reason := _name_problem(name) or _value_problem(one):
                    return f"The {noun} {reason}"
        except RecursionError:
            return f"The {noun} holds a value that is nested beyond measure"
        return None

    return Rule(
        problem,
        lambda values: not any(map(problem, values)),
        sql_of_texts=lambda value: f"strlen({value}) <= {_VALUE_BYTES} AND NOT starts_with({value}, '$')",
    )


def _name_problem(name: object) -> str | None:
    if not isinstance(name, str) or not name:
        return "has a name that is no text, or empty"
    if not FORBIDDEN.isdisjoint(name):
        return (
            f"has the name {column_name(name)!r} with one of % > < ! | & . : ; $ ' \" \\ #, which CleverTap "
            "forbids: give it another one"
        )
    if len(name) * 4 > _KEY_BYTES and _bytes(name) > _KEY_BYTES:
        return f"has a name of more than {_KEY_BYTES} bytes"
    return None


def _value_problem(value: object) -> str | None:
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, list | tuple):
        entries = cast("Sequence[object]", value)
        if len(entries) > MOST_ENTRIES:
            # The vendor keeps the last hundred and says nothing of the others.
            return f"has a list of more than {MOST_ENTRIES} values, of which CleverTap keeps the last"
        return next((reason for entry in entries if (reason := _value_problem(entry))), None)
    if isinstance(value, Mapping):  # an operator such as {"$add": [...]}, or an event's list of objects
        parts = cast("Mapping[object, object]", value).values()
        return next((reason for part in parts if (reason := _value_problem(part))), None)
    return None


def _text_problem(text: str) -> str | None:
    if text.startswith(_DATE):
        seconds = text.removeprefix(_DATE)
        if not _SECONDS.fullmatch(seconds) or abs(int(seconds)) >= _MILLISECONDS:
            return "has a date that is not $D_ and seconds since 1970, such as $D_1457271567"
    if len(text) * 4 > _VALUE_BYTES and _bytes(text) > _VALUE_BYTES:
        return f"has a text of more than {_VALUE_BYTES} bytes"
    return None


def _bytes(text: str) -> int:
    return len(text.encode(errors="replace"))


def exactly_one_word(noun: str, *words: str) -> Rule:
    """Demand one of these words to the letter: the vendor's own are not told apart by case alone."""
    return rule(
        f"The {noun} must be one of {', '.join(words)}",
        lambda value: isinstance(value, str) and value in words,
        sql=lambda value: f"{value} IN ({', '.join(map(repr, words))})",
    )


def address_of_its_type(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a subscription's value as the address, or the number, that its type says."""
    return (EMAIL if row["type"] == "email" else PHONE).why_invalid(row["value"])


def any_address(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a subscription's value where the vendor judges whether it is an address."""
    lenient = (EMAIL if row["type"] == "email" else PHONE).lenient
    return None if lenient is None else lenient.why_invalid(row["value"])


@NamesRule
def exactly_one_identifier(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a row that does not name its user exactly once."""
    given = sum(name in row for name in _IDENTIFIERS)
    if given == 1:
        return None
    return f"The row must have exactly one of {', '.join(_IDENTIFIERS)}, and it has {given or 'none'}"


def only_repeatable(other: str) -> NamesRule:
    """Refuse rows that change a value relative to what it is: sent twice, they would change it twice.

    Args:
        other: The operation that takes them.
    """

    @NamesRule
    def problem(row: Mapping[str, object]) -> str | None:
        if reason := exactly_one_identifier(row):
            return reason
        data = row.get("profileData")
        if isinstance(data, Mapping) and any(map(_is_relative, cast("Mapping[str, object]", data).values())):
            return (
                f"The row's profileData counts a value up or down ($incr, $decr), so it is not repeatable: "
                f"use {other}"
            )
        return None

    return problem


def _is_relative(value: object) -> bool:
    """Return whether a value holds an operator other than those that may be repeated."""
    if not isinstance(value, Mapping):
        return False
    names = cast("Mapping[object, object]", value)
    return any(isinstance(name, str) and name.startswith("$") and name not in _REPEATABLE for name in names)
