"""What a MoEngage workspace takes, checked before anything is sent, for most of it MoEngage never says.

It accepts a row at once and drops, cuts or misreads later what breaks a rule; so each rule is a sentence
here. What depends on how the workspace is set up is asked of a `Workspace`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import attrs

from netaudience.model.phone import e164
from netaudience.model.validators import (
    Rule,
    both,
    email,
    identifier,
    one_of,
    phone,
    rule,
    text,
    with_entries,
)

DOCS = "https://www.moengage.com/docs/api/user/track-user"
#: Reserved ids and names.
OVERVIEW = "https://www.moengage.com/docs/api/data/data-overview"
#: The vendor's own description of all routes.
SPECIFICATION = (
    "https://github.com/moengage/moengage-documentation/blob/"
    "0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml"
)
#: How long names, values and arrays may be.
POLICY = "https://help.moengage.com/hc/en-us/articles/360037314991"

ADD, REMOVE = "addValueToArrayField", "removeValueFromArrayField"

#: Ids under which broken programs once merged all their users; compared without case.
#: Whether the list's "(empty)" is a word or means the empty text is not said; neither is an id.
#: Source: https://www.moengage.com/docs/api/data/data-overview
_FORBIDDEN_IDS = frozenset(
    {
        *("unknown", "guest", "null", "none", "true", "false", "na", "n/a", '""', "(empty)"),
        *("0", "1", "2", "-1", "-2"),
        *("user_attribute_unique_id", "dummy_seller_code", "user_id", "userid", "uid", "id", "customer_id"),
    }
)

CUSTOMER_ID = both(
    identifier("customer id"),
    both(
        rule(
            "The customer id has one character, and MoEngage takes none so short: "
            "look at the column it came from",
            lambda value: len(value) > 1,
            sql=lambda value: f"length({value}) > 1",
        ),
        rule(
            "The customer id is a placeholder such as null, guest or 0, which MoEngage forbids: "
            "look at the column it came from",
            lambda value: value.casefold() not in _FORBIDDEN_IDS,
            sql=lambda value: f"lower({value}) NOT IN ({', '.join(map(repr, sorted(_FORBIDDEN_IDS)))})",
        ),
    ),
)
MAPPING = rule(
    "The attributes must be a mapping of names to values",
    lambda value: isinstance(value, Mapping),
    sql=lambda _: "true",
)
#: Country code first: none begins with 0, and E.164 has at most 15 digits.
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")


def digits_of(number: str) -> str:
    """Return a phone number as MoEngage wants it: digits, country code first, without the plus.

    Raises:
        InvalidItem: it is neither that nor what becomes E.164; no country is ever guessed.
    """
    return e164(f"+{number}" if _DIGITS.fullmatch(number) else number)[1:]


#: What names or reaches a user, among a user's attributes and among the identifiers of an event's user. How
#: `moe_mobile` is written is not documented, so it is checked and sent as it is given.
PHONE = phone("attribute u_mb", digits_of)
_MOBILE = phone("attribute moe_mobile", digits_of)
_CONTACTS = {
    "u_em": email("attribute u_em"),
    "u_mb": PHONE,
    "moe_mobile": attrs.evolve(
        _MOBILE, meant=None, lenient=_MOBILE.lenient and attrs.evolve(_MOBILE.lenient, meant=None)
    ),
}
USERS_ATTRIBUTES = with_entries(MAPPING, _CONTACTS)
#: "It is a system prefix and using it might result in periodic blacklisting".
#: Source: https://www.moengage.com/docs/api/user/track-user
PREFIX = "moe_"

#: Windows is not in the list of the specification; a vendor that takes it is not to be refused it by us.
USER_PLATFORMS = ("ANDROID", "iOS", "web", "Windows")
_DEVICE_PLATFORMS = (*USER_PLATFORMS, "TV")

#: MoEngage refuses dates in the future; a minute is left for clocks that differ, and to a local time
#: as many seconds as the largest offset has.
_AHEAD = 60.0
_FARTHEST_OFFSET = 54_000
#: Seconds since 1970 have at most this many digits for the next three thousand years.
_DIGITS_OF_SECONDS = 11


def is_milliseconds(number: float) -> bool:
    """Return whether a number since 1970 is too large for seconds."""
    return number >= 10.0**_DIGITS_OF_SECONDS


def exactly(noun: str, *choices: str) -> str:
    """Return the problem of what is none of the choices, letter by letter."""
    return f"The {noun} must be one of {', '.join(choices)}, written just so"


DEVICE_PLATFORM = rule(
    exactly("device's platform", *_DEVICE_PLATFORMS),
    lambda value: value in _DEVICE_PLATFORMS,
)
#: The specification writes it in two ways, so that any case is taken.
EVENT_PLATFORM = one_of("platform", "ANDROID", "IOS", "WEB", "TV", "WINDOWS", "UNKNOWN")
_TV_SYSTEMS = ("ROKU", "WebOS", "AndroidTV", "tvOS", "Tizen", "FireOS", "VizioTV", "Xbox")
TV_SYSTEM = rule(exactly("TV's system", *_TV_SYSTEMS), lambda value: value in _TV_SYSTEMS)
EVENT_NAME = both(
    text("action"),
    rule(
        "The event's name begins with moe_, which MoEngage reserves for itself: rename it",
        lambda value: not value.startswith(PREFIX),
        sql=lambda value: f"NOT starts_with({value}, '{PREFIX}')",
    ),
)
OFFSET = rule(
    f"The time zone's offset must be a number of seconds between -{_FARTHEST_OFFSET} and {_FARTHEST_OFFSET}",
    lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _FARTHEST_OFFSET
    ),
)


def _time(noun: str, ahead: float) -> Rule:
    return both(
        rule(
            f"The {noun} must be ISO 8601, such as 2020-05-31T16:33:35Z, or seconds or milliseconds "
            "since 1970",
            lambda value: _moment(value) is not None,
        ),
        rule(
            f"The {noun} lies in the future, and MoEngage takes no such events: look at its time zone",
            lambda value: (_moment(value) or 0.0) <= time.time() + ahead,
        ),
    )


def _moment(value: object) -> float | None:
    """Return a time in seconds since 1970; one without a zone is UTC, as the vendor reads it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value / 1000 if is_milliseconds(value) else float(value)) if value >= 0 else None
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdigit():
        return float(value) if len(value) <= _DIGITS_OF_SECONDS else float(value) / 1000
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


CURRENT_TIME = _time("current_time", _AHEAD)
USER_TIME = _time("user_time", _AHEAD + _FARTHEST_OFFSET)

_DEVICE_KEYS = ("moe_gaid", "push_id", "unique_id", "device_unique_id")


def _names_a_device(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    given = list(cast("Mapping[object, object]", entry).items())
    return len(given) == 1 and all(
        name in _DEVICE_KEYS and isinstance(value, str) and bool(value) for name, value in given
    )


def filled_with(value: object, holds: Callable[[object], bool]) -> bool:
    """Return whether a value is a list that is not empty, and all of it is as wanted."""
    return (
        isinstance(value, list | tuple)
        and bool(cast("Sequence[object]", value))
        and all(map(holds, cast("Sequence[object]", value)))
    )


#: Source: https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
DEVICE_IDENTIFIERS = rule(
    'The device_identifiers must be a list of objects such as {"push_id": "..."}, one for each device, '
    f"with one of {', '.join(_DEVICE_KEYS)}",
    lambda value: filled_with(value, _names_a_device),
)


_UNSET_TYPES = ("equals", "prefix", "suffix", "contains")


def _unsets(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    given = cast("Mapping[object, object]", entry)
    name = given.get("attr")
    return (
        {"type", "attr"} <= given.keys() <= {"type", "attr", "case_sensitive"}
        and given["type"] in _UNSET_TYPES
        and isinstance(name, str)
        and bool(name.strip())  # every name begins with nothing
        and isinstance(given.get("case_sensitive", True), bool)
    )


#: Source: https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
UNSET_ATTRIBUTES = rule(
    'The unset_attributes must be a list of objects such as {"type": "equals", "attr": "first_name"}, the '
    f"type being one of {', '.join(_UNSET_TYPES)}, with a case_sensitive of true or false where it matters",
    lambda value: filled_with(value, _unsets),
)
