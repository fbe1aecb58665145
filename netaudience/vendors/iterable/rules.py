"""What Iterable lets into a row: identifiers, platforms, ids and fields.

How many identifiers a row must have depends on the operation and the project: that stands in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    Rule,
    both,
    email,
    identifier,
    phone,
    rule,
    text,
    whole_number,
    with_entries,
)
from netaudience.model.wire import JsonValue, wire_name

UNKNOWN: Mapping[str, JsonValue] = {}
_LONGEST_USER_ID = 52
_LONGEST_EVENT_ID = 512

#: Iterable checks the format; what it checks is not documented.
EMAIL: Rule = email("profile's email")


def _is_user_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_USER_ID
        and value.isascii()
        and value.isprintable()
        and not value.endswith(" ")
    )


#: Source: https://support.iterable.com/hc/articles/9216719179796
USER_ID: Rule = both(
    identifier("profile's userId"),
    rule(
        f"A profile's userId has at most {_LONGEST_USER_ID} characters, each of them printable ASCII, "
        "and no space at its end: clean the column that it came from",
        _is_user_id,
        sql=lambda value: f"strlen({value}) <= {_LONGEST_USER_ID}",  # plain is what the other rule asks for
    ),
)

#: There is no FCM: Firebase goes by GCM, the name it had.
_PLATFORMS = ("APNS", "APNS_SANDBOX", "GCM")
PLATFORM = rule(
    f"A device's platform must be {', '.join(_PLATFORMS[:-1])} or {_PLATFORMS[-1]}, in capitals; "
    "Firebase goes by GCM",
    lambda value: isinstance(value, str) and value in _PLATFORMS,
)

#: Nothing to set is no mistake: the vendor takes an empty object.
DATA_FIELDS = rule(
    "The dataFields must be a mapping of names to values",
    lambda value: isinstance(value, Mapping),
    sql=lambda _: "true",
)
#: A text message goes to `phoneNumber` as E.164, and rows go to Iterable as they are.
USERS_FIELDS = with_entries(
    DATA_FIELDS, {"email": EMAIL, "phoneNumber": phone("profile's phoneNumber", as_it_is=True)}
)

EVENT_ID = both(
    text("event's id"),
    rule(
        f"An event's id has at most {_LONGEST_EVENT_ID} bytes",
        lambda value: len(str(value).encode(errors="replace")) <= _LONGEST_EVENT_ID,
        sql=lambda value: f"strlen({value}) <= {_LONGEST_EVENT_ID}",
    ),
)


def _are_merges(value: object) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(one, Mapping) and isinstance(cast("Mapping[str, object]", one).get("field"), str)
        for one in cast("Sequence[object]", value)
    )


ARRAY_MERGE = rule("The arrayMerge must be a list of mappings that each name a field", _are_merges)


def _are_ids(value: object) -> bool:
    numbers = whole_number("id")
    return isinstance(value, list | tuple) and all(
        numbers.why_invalid(one) is None for one in cast("Sequence[object]", value)
    )


def ids(noun: str) -> Rule:
    """Demand a list of ids; an empty one is a list, too: it overwrites with nothing."""
    return rule(f"The {noun} must be a list of whole numbers; it may be empty", _are_ids)


def some_ids(noun: str) -> Rule:
    """Demand a list of ids that is not empty."""
    return rule(
        f"The {noun} must be a list of at least one whole number",
        lambda value: bool(value) and _are_ids(value),
    )


def masked(key: object) -> str:
    """Return an identifier as a repr shows it."""
    return "None" if key is None else mask(key)


def identifying(rule_of_it: Rule, wire: str) -> Any:  # noqa: ANN401 - attrs gives a field the type of its annotation
    """Return the field of an identifier, of which a row has at least one."""
    return attrs.field(default=None, validator=rule_of_it, metadata=wire_name(wire), repr=masked)
