"""What a MoEngage workspace takes, checked before anything is sent, for most of it MoEngage never says.

It accepts a row at once and drops, cuts or misreads later what breaks a rule; so each rule is a sentence
here. What depends on how the workspace is set up is asked of a `Workspace`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import attrs

from netaudience.errors import InvalidItem, scrub
from netaudience.phone import e164
from netaudience.rules import Rule, both, identifier, one_of, rule, text

__all__ = [
    "ADD",
    "CURRENT_TIME",
    "CUSTOMER_ID",
    "DEVICE_IDENTIFIERS",
    "DEVICE_PLATFORM",
    "DOCS",
    "EVENT_NAME",
    "EVENT_PLATFORM",
    "MAPPING",
    "OFFSET",
    "OVERVIEW",
    "POLICY",
    "REMOVE",
    "SPECIFICATION",
    "TV_SYSTEM",
    "USER_TIME",
    "Workspace",
    "digits_of",
]

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
        ),
        rule(
            "The customer id is a placeholder such as null, guest or 0, which MoEngage forbids: "
            "look at the column it came from",
            lambda value: value.casefold() not in _FORBIDDEN_IDS,
        ),
    ),
)
MAPPING = rule(
    "The attributes must be a mapping of names to values", lambda value: isinstance(value, Mapping)
)

#: Names that MoEngage blocks. Source: https://www.moengage.com/docs/api/user/track-user
_BLOCKED = frozenset({"", "_id", "id"})
#: "It is a system prefix and using it might result in periodic blacklisting".
#: Source: https://www.moengage.com/docs/api/user/track-user
_RESERVED = "moe_"

_FLAGS = frozenset(
    {
        *("push_preference", "moe_sub_w", "moe_spam", "moe_unsubscribe", "moe_hard_bounce"),
        "moe_wa_subscription",
    }
)
_TEXTS = frozenset(
    {
        *("u_n", "u_fn", "u_ln", "u_gd", "u_em", "uid", "geo", "publisher_name", "campaign_name"),
        *("moe_gaid", "advertising_identifier", "moe_sms_subscription", "moe_em_unsub_categories"),
    }
)
_MILLISECONDS = frozenset({"u_l_a", "cr_t"})
_OPT_IN = ("DOUBLE_OPTED_IN", "OPTED_OUT", "OPT_IN_PENDING")
#: Those of the reserved names that the vendor documents for users, and for events.
_USERS_OWN = frozenset(
    {
        "moe_mobile",
        "moe_email_optin_status",
        *(name for name in _FLAGS | _TEXTS if name.startswith(_RESERVED)),
    }
)
_EVENTS_OWN = frozenset({"moe_os_type"})

# Source of the five: https://help.moengage.com/hc/en-us/articles/360037314991
_LONGEST_NAME = 200
_LONGEST_VALUE = 512
_LONGEST_ARRAY = 50
_MOST_EVENT_ATTRIBUTES = 100
_LINKS = ("http://", "https://")

_USER_PLATFORMS = ("ANDROID", "iOS", "web")
_DEVICE_PLATFORMS = (*_USER_PLATFORMS, "TV")

#: MoEngage refuses dates in the future; a minute is left for clocks that differ, and to a local time
#: as many seconds as the largest offset has.
_AHEAD = 60.0
_FARTHEST_OFFSET = 54_000
#: Seconds since 1970 have at most this many digits for the next three thousand years.
_DIGITS_OF_SECONDS = 11
#: Country code first: none begins with 0, and E.164 has at most 15 digits.
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")


def _exactly(noun: str, *choices: str) -> str:
    return f"The {noun} must be one of {', '.join(choices)}, written just so"


DEVICE_PLATFORM = rule(
    _exactly("device's platform", *_DEVICE_PLATFORMS),
    lambda value: value in _DEVICE_PLATFORMS,
)
#: The specification writes it in two ways, so that any case is taken.
EVENT_PLATFORM = one_of("platform", "ANDROID", "IOS", "WEB", "TV", "UNKNOWN")
_TV_SYSTEMS = ("ROKU", "WebOS", "AndroidTV", "tvOS", "Tizen", "FireOS", "VizioTV", "Xbox")
TV_SYSTEM = rule(_exactly("TV's system", *_TV_SYSTEMS), lambda value: value in _TV_SYSTEMS)
EVENT_NAME = both(
    text("action"),
    rule(
        "The event's name begins with moe_, which MoEngage reserves for itself: rename it",
        lambda value: not value.startswith(_RESERVED),
    ),
)
OFFSET = rule(
    f"The time zone's offset must be a whole number of seconds between -{_FARTHEST_OFFSET} "
    f"and {_FARTHEST_OFFSET}",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _FARTHEST_OFFSET,
)


def _time(noun: str, ahead: float) -> Rule:
    return both(
        rule(
            f"The {noun} must be ISO 8601, such as 2020-05-31T16:33:35Z, or seconds or milliseconds "
            "since 1970 as text",
            lambda value: _moment(value) is not None,
        ),
        rule(
            f"The {noun} lies in the future, and MoEngage takes no such events: look at its time zone",
            lambda value: (_moment(value) or 0.0) <= time.time() + ahead,
        ),
    )


def _moment(value: object) -> float | None:
    """Return a time in seconds since 1970; one without a zone is UTC, as the vendor reads it."""
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


def _filled_with(value: object, holds: Callable[[object], bool]) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(cast("Sequence[object]", value))
        and all(map(holds, cast("Sequence[object]", value)))
    )


#: Source: https://github.com/moengage/moengage-documentation/blob/0adc526045fbb7392b2774804147c1796f957109/api/data/data.yaml
DEVICE_IDENTIFIERS = rule(
    'The device_identifiers must be a list of objects such as {"push_id": "..."}, one for each device, '
    f"with one of {', '.join(_DEVICE_KEYS)}",
    lambda value: _filled_with(value, _names_a_device),
)


def digits_of(number: str) -> str:
    """Return a phone number as MoEngage wants it: digits, country code first, without the plus.

    Raises:
        InvalidItem: it is neither that nor E.164; no country is ever guessed.
    """
    if number.startswith("+"):
        return e164(number)[1:]
    if not _DIGITS.fullmatch(number):
        raise InvalidItem(
            "The attribute 'u_mb' must be a phone number with its country's code first, "
            "such as 918888444411 or +918888444411"
        )
    return number


@attrs.frozen(kw_only=True)
class Workspace:
    """How a workspace is set up, as far as it decides what its rows may hold."""

    #: The identifiers that are activated for Identity Resolution; it is off where there are none.
    identifiers: Sequence[str] = ()
    #: Whether the workspace takes attributes whose values are objects.
    object_attributes: bool = False
    #: Whether MoEngage may cut names and values that are too long.
    allow_truncation: bool = False

    def user_problem(self, row: Mapping[str, object]) -> str | None:
        """Return what is wrong with a user as a whole, or None."""
        attributes = cast("Mapping[str, object]", row.get("attributes") or {})
        return self._unnamed(row, attributes, "attributes") or self._user_attributes(attributes)

    def event_problem(self, row: Mapping[str, object]) -> str | None:
        """Return what is wrong with an event as a whole, or None."""
        identifiers = cast("Mapping[str, object]", row.get("user_identifiers") or {})
        if problem := self._unnamed(row, identifiers, "user_identifiers"):
            return problem
        if not identifiers.keys() <= set(self.identifiers):
            return (
                "The user_identifiers hold a name that is not one of the workspace's: "
                "name it in the client's identity_resolution, or leave it out"
            )
        if row.get("moe_os_type") is not None and str(row.get("platform")).upper() != "TV":
            return "The moe_os_type is that of a TV, so it stands only beside the platform TV"
        attributes = cast("Mapping[str, object]", row.get("attributes") or {})
        if len(attributes) > _MOST_EVENT_ATTRIBUTES:
            return f"The event has more than {_MOST_EVENT_ATTRIBUTES} attributes: leave some out"
        for name, value in attributes.items():
            if problem := self._name(name, _EVENTS_OWN) or self._value(value):
                return _about(name, problem)
        return None

    def _unnamed(
        self, row: Mapping[str, object], identifiers: Mapping[str, object], field: str
    ) -> str | None:
        """Return what is wrong where a row names no user."""
        if row.get("customer_id") is not None or any(
            _names_somebody(identifiers.get(name)) for name in self.identifiers
        ):
            return None
        if not self.identifiers:
            return (
                "The row has no 'customer_id', which the vendor requires: only a workspace with Identity "
                "Resolution takes others, and then the client is told them as identity_resolution"
            )
        return (
            f"The row has neither a 'customer_id' nor, in its {field}, one of the workspace's identifiers "
            f"({', '.join(self.identifiers)})"
        )

    def _user_attributes(self, attributes: Mapping[str, object]) -> str | None:
        own = _USERS_OWN.union(self.identifiers)
        for name, value in attributes.items():
            match name:
                case "platforms":
                    problem = _platforms(value)
                case "addValueToArrayField" | "removeValueFromArrayField":
                    problem = self._array_changes(value, attributes, own)
                case _:
                    problem = self._name(name, own) or self._value(value) or _standard(name, value)
            if problem:
                return _about(name, problem)
        added, removed = (cast("Mapping[str, object]", attributes.get(name) or {}) for name in (ADD, REMOVE))
        if not added.keys().isdisjoint(removed):
            return f"The row both adds to and removes from one attribute: write two rows, {ADD} in one"
        return None

    def _array_changes(
        self, changes: object, attributes: Mapping[str, object], own: Collection[str]
    ) -> str | None:
        if not isinstance(changes, Mapping):
            return "must be a mapping of names to lists of values"
        for name, values in cast("Mapping[str, object]", changes).items():
            if name in attributes:
                return "names an attribute that the same row sets: write two rows"
            if name == "platforms":
                return "names platforms, which is MoEngage's own: it can only be set"
            if not isinstance(values, list | tuple):
                return "must be a mapping of names to lists of values"
            if problem := self._name(name, own) or self._value(cast("object", values)):
                return f"names an attribute that {problem}"
        return None

    def _name(self, name: object, own: Collection[str]) -> str | None:
        if not isinstance(name, str):
            return "has a name that is no text"
        if name in _BLOCKED:
            return "has one of the names that MoEngage blocks, which are id, _id and the empty one: rename it"
        if name.startswith(_RESERVED) and name not in own:
            return (
                "begins with moe_, which MoEngage reserves for itself: rename it, or name it in the "
                "client's identity_resolution if it is an identifier of the workspace"
            )
        if len(name) > _LONGEST_NAME and not self.allow_truncation:
            return f"has a name of more than {_LONGEST_NAME} characters, which MoEngage would cut: shorten it"
        return None

    def _value(self, value: object) -> str | None:
        match value:
            case None:
                return "is null, for which MoEngage documents no meaning: leave it out"
            case str():
                return self._text(value)
            case Mapping() if not self.object_attributes:
                return (
                    "is an object, which MoEngage drops unless the workspace takes objects: say "
                    "object_attributes=True if yours does"
                )
            case list() | tuple():
                return self._array(cast("Sequence[object]", value))
            case _:
                return None

    def _text(self, value: str) -> str | None:
        if len(value) <= _LONGEST_VALUE:
            return None
        if value.startswith(_LINKS):
            return f"is a URL of more than {_LONGEST_VALUE} characters, which MoEngage drops: shorten it"
        if self.allow_truncation:
            return None
        return (
            f"has more than {_LONGEST_VALUE} characters, which MoEngage would cut: shorten it, or say "
            "allow_truncation=True if cutting is meant"
        )

    def _array(self, values: Sequence[object]) -> str | None:
        if len(values) > _LONGEST_ARRAY:
            return f"is an array of more than {_LONGEST_ARRAY} elements: leave some out"
        if len({_json_type(value) for value in values}) > 1:
            return "is an array of elements of different types: MoEngage takes one type"
        return next((problem for value in values if (problem := self._value(value))), None)


def _about(name: object, problem: str) -> str:
    return f"The attribute {scrub(str(name))!r} {problem}"


def _names_somebody(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _json_type(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return type(value).__name__


def _platforms(value: object) -> str | None:
    if _filled_with(value, _is_platform):
        return None
    return (
        'must be a list of objects such as {"platform": "ANDROID", "active": true}, with one of '
        f"{', '.join(_USER_PLATFORMS)}, written just so"
    )


def _is_platform(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    given = cast("Mapping[str, object]", entry)
    active = given.get("active")
    return (
        set(given) == {"platform", "active"}
        and given["platform"] in _USER_PLATFORMS
        and (isinstance(active, bool) or active in ("true", "false"))
    )


def _standard(name: str, value: object) -> str | None:
    """Return what is wrong with the value of an attribute that MoEngage documents."""
    if name in _FLAGS:
        return None if isinstance(value, bool) else "must be true or false, and not as text"
    if name in _TEXTS:
        return None if isinstance(value, str) and value else "must be text that is not empty"
    if name in _MILLISECONDS:
        holds = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if holds else "must be a whole number of milliseconds since 1970"
    match name:
        case "moe_email_optin_status":
            return None if value in _OPT_IN else f"must be one of {', '.join(_OPT_IN)}"
        case "u_bd":
            return None if _is_date(value) else "must be a date by ISO 8601, such as 2019-05-21T03:47:35Z"
        case "u_mb":
            return _phone(value)
        case _:
            return None


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _phone(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text, with the country's code first"
    try:
        digits_of(value)
    except InvalidItem:
        return "must be a phone number with its country's code first, such as 918888444411 or +918888444411"
    return None
