"""How a workspace of MoEngage's is set up, and what its users and events may hold therefore.

What MoEngage would cut, drop or refuse without a word is refused here, with the name of the attribute.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast

import attrs

from netaudience.credentials import set_to
from netaudience.errors import column_name
from netaudience.model.rows import NamesRule
from netaudience.model.scalars import Unwritable
from netaudience.vendors.moengage.rules import ADD, PREFIX, REMOVE, USER_PLATFORMS, filled_with
from netaudience.vendors.moengage.values import RESERVED, VALUES

#: Names that MoEngage blocks. Source: https://www.moengage.com/docs/api/user/track-user
_BLOCKED = frozenset({"", "_id", "id"})
#: Attributes that MoEngage keeps itself and that can neither be created nor updated.
#: Source: https://www.moengage.com/docs/api/data/data-overview
_KEPT_BY_MOENGAGE = frozenset(
    {
        *("t_rev", "t_trans", "u_s_c", "locale_language_display", "locale_country_display"),
        *("uninstall_time", "installed"),
    }
)

_FLAGS = frozenset(
    {
        *("push_preference", "moe_sub_w", "moe_spam", "moe_unsubscribe", "moe_hard_bounce"),
        "moe_wa_subscription",
    }
)
_TEXTS = frozenset(
    {
        *("u_n", "u_fn", "u_ln", "u_gd", "uid", "geo", "publisher_name", "campaign_name"),
        *("moe_gaid", "advertising_identifier", "moe_sms_subscription", "moe_em_unsub_categories"),
        "moe_mweb",
    }
)
_MILLISECONDS = frozenset({"u_l_a", "cr_t"})
_OPT_IN = ("DOUBLE_OPTED_IN", "OPTED_OUT", "OPT_IN_PENDING")
#: Those of the reserved names that the vendor documents for users, and for events.
_USERS_OWN = frozenset(
    {
        "moe_mobile",
        "moe_email_optin_status",
        *(name for name in _FLAGS | _TEXTS if name.startswith(PREFIX)),
    }
)
_EVENTS_OWN = frozenset({"moe_os_type"})

# Source of the four: https://help.moengage.com/hc/en-us/articles/360037314991
_LONGEST_NAME = 200
_LONGEST_VALUE = 512
_MOST_EVENT_ATTRIBUTES = 100
_LINKS = ("http://", "https://")


#: What a user's rule looks at the value of.
_LOOKED_AT = frozenset(
    {"moe_email_optin_status", "u_bd", "platforms", ADD, REMOVE, *_FLAGS, *_TEXTS, *_MILLISECONDS}
)


@attrs.frozen(kw_only=True)
class Workspace:
    """How a workspace is set up, as far as it decides what its rows may hold."""

    #: The identifiers that are activated for Identity Resolution; it is off where there are none.
    identifiers: Sequence[str] = ()
    #: Whether the workspace takes attributes whose values are objects.
    object_attributes: bool = False
    #: Whether MoEngage may cut names and values that are too long.
    allow_truncation: bool = False
    #: Whether attributes can be unset, which is an early-access feature.
    unset_attributes: bool = False

    @property
    def user_rule(self) -> NamesRule:
        """What a user as a whole must hold."""
        return NamesRule(
            self._user_problem, looks_at=_LOOKED_AT.union(self.identifiers), longest=_LONGEST_VALUE
        )

    @property
    def event_rule(self) -> NamesRule:
        """What an event as a whole must hold."""
        return NamesRule(
            self._event_problem, looks_at={"moe_os_type", *self.identifiers}, longest=_LONGEST_VALUE
        )

    def _user_problem(self, row: Mapping[str, object]) -> str | None:
        """Return what is wrong with a user as a whole, or None."""
        attributes = cast("Mapping[str, object]", row.get("attributes") or {})
        if row.get("unset_attributes") is not None and not self.unset_attributes:
            return (
                "The row holds unset_attributes, which do nothing unless MoEngage has enabled them for the "
                f"workspace: say {set_to('moengage', 'unset_attributes')} if it has"
            )
        return self._unnamed(row, attributes, "attributes") or self._user_attributes(attributes)

    def _event_problem(self, row: Mapping[str, object]) -> str | None:
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
                "Resolution takes others, and then the client is given them as identity_resolution"
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
            given = cast("Sequence[object]", values)
            if problem := self._name(name, own) or (self._value(given) if given else None):
                return f"names an attribute that {problem}"
        return None

    def _name(self, name: object, own: Collection[str]) -> str | None:
        if not isinstance(name, str):
            return "has a name that is no text"
        if name in _BLOCKED:
            return "has one of the names that MoEngage blocks, which are id, _id and the empty one: rename it"
        if name in RESERVED:
            return "has one of the names that MoEngage reserves for itself: rename it"
        if name in _KEPT_BY_MOENGAGE:
            return "is one that MoEngage keeps itself and nobody can set: leave it out"
        if name.startswith(PREFIX) and name not in own:
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
                return (
                    "is null, which MoEngage takes for a value and not for unsetting: leave it out, or name "
                    "it in the row's unset_attributes"
                )
            case str():
                return self._text(value)
            case Mapping() if not self.object_attributes:
                return (
                    "is an object, which MoEngage drops unless the workspace takes objects: say "
                    f"{set_to('moengage', 'object_attributes')} if yours does"
                )
            case list() | tuple():
                return self._array(cast("Sequence[object]", value))
            case _:
                return None

    def _array(self, values: Sequence[object]) -> str | None:
        try:
            VALUES.part(values)
        except Unwritable as error:
            return error.reason
        return next((problem for value in values if (problem := self._value(value))), None)

    def _text(self, value: str) -> str | None:
        if len(value) <= _LONGEST_VALUE:
            return None
        if value.startswith(_LINKS):
            return f"is a URL of more than {_LONGEST_VALUE} characters, which MoEngage drops: shorten it"
        if self.allow_truncation:
            return None
        return (
            f"has more than {_LONGEST_VALUE} characters, which MoEngage would cut: shorten it, or say "
            f"{set_to('moengage', 'allow_truncation')} if cutting is meant"
        )


def _about(name: object, problem: str) -> str:
    return f"The attribute {column_name(str(name))!r} {problem}"


def _names_somebody(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _platforms(value: object) -> str | None:
    if filled_with(value, _is_platform):
        return None
    return (
        'must be a list of objects such as {"platform": "ANDROID", "active": true}, with one of '
        f"{', '.join(USER_PLATFORMS)}, written just so"
    )


def _is_platform(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    given = cast("Mapping[str, object]", entry)
    active = given.get("active")
    return (
        set(given) == {"platform", "active"}
        and given["platform"] in USER_PLATFORMS
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
        case _:
            return None


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
