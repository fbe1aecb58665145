"""MoEngage's rows and the elements that they become: which row is which user's, and how it is nested.

The same element goes alone to a route of its own, or with others to the bulk route. Nothing is checked
here, that was done before; and nothing is renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self, TypeAlias, TypeVar, cast

from netaudience.model.rows import RowRule, Rows
from netaudience.vendors.moengage.models import (
    Device,
    DeviceDict,
    DeviceSelection,
    Event,
    EventDict,
    MergePair,
    User,
    UserDict,
)
from netaudience.vendors.moengage.rules import PHONE, is_milliseconds
from netaudience.vendors.moengage.workspace import Workspace

T = TypeVar("T")
#: An object of the vendor's JSON.
Element: TypeAlias = dict[str, object]


class UserRows(Rows[T]):
    """Rows about users who are named by a customer id or, in its place, by an identifier in a mapping."""

    def __init__(self, row: type[T], *, rule: RowRule, holder: str) -> None:
        """State what the rows are.

        Args:
            row: The attrs class of the rows.
            rule: What must hold for a row as a whole.
            holder: The field that holds the identifiers that may name the user.
        """
        super().__init__(row, key="customer_id", noun="customer id", rule=rule)
        self._holder = holder
        self._identifiers: Sequence[str] = ()

    def of(self, identifiers: Sequence[str], rule: RowRule) -> Self:
        """Return the same kind of rows as a workspace with these identifiers has them."""
        other = cast("Self", self.ruled(rule))
        other._identifiers = identifiers  # noqa: SLF001 - of a copy of itself
        return other

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return each row's user."""
        return [self.key(item) for item in page] if self._identifiers else super().keys(page)

    def key(self, item: object, /) -> str:
        """Return a row's user for a message, whatever is wrong with the row."""
        key = super().key(item)
        if key or not self._identifiers:
            return key
        holder: object = (
            cast("Mapping[str, object]", item).get(self._holder)
            if isinstance(item, Mapping)
            else getattr(item, self._holder, None)
        )
        if not isinstance(holder, Mapping):
            return ""
        values = cast("Mapping[str, object]", holder)
        return next((str(values[name]) for name in self._identifiers if values.get(name)), "")


def _not_oneself(pair: Mapping[str, object]) -> str | None:
    if pair["merged_user"] == pair["retained_user"]:
        return "The row merges a user into itself: the retained user must be another"
    return None


USERS = UserRows(User, rule=Workspace().user_rule, holder="attributes")
DEVICES = Rows(Device, key="customer_id", noun="customer id")
EVENTS = UserRows(Event, rule=Workspace().event_rule, holder="user_identifiers")
PAIRS = Rows(MergePair, key="merged_user", noun="merged user", rule=_not_oneself)
SELECTIONS = Rows(DeviceSelection, key="user_identifier_value", noun="user")


def user_element(row: User | UserDict, *, update_existing_only: bool) -> Element:
    """Return a user as MoEngage wants it."""
    element: Element = {"type": "customer", **_mapping(USERS, row)}
    if update_existing_only:  # false is the vendor's default
        element["update_existing_only"] = True
    attributes = cast("Mapping[str, object] | None", element.get("attributes"))
    if attributes:
        element["attributes"] = _written(attributes)
    return element


def _written(attributes: Mapping[str, object]) -> Mapping[str, object]:
    """Return attributes with those that the vendor wants written in another way than they are given."""
    number = attributes.get("u_mb")
    if "platforms" not in attributes and not isinstance(number, str):
        return attributes
    written = dict(attributes)
    if isinstance(number, str):
        written["u_mb"] = cast("Callable[[str], str]", PHONE.meant)(number)
    if "platforms" in attributes:
        platforms = cast("Sequence[Mapping[str, object]]", attributes["platforms"])
        written["platforms"] = [{**entry, "active": str(entry["active"]).lower()} for entry in platforms]
    return written


def device_element(row: Device | DeviceDict) -> Element:
    """Return a device as MoEngage wants it: all but the two ids are its attributes."""
    attributes = dict(_mapping(DEVICES, row))
    ids = {name: attributes.pop(name) for name in ("customer_id", "device_id")}
    if "moe_push_opted" in attributes:
        attributes["moe_push_opted"] = str(attributes["moe_push_opted"])  # the text "True" or "False"
    return {"type": "device", **ids, "attributes": attributes}


_OF_THE_USER = ("customer_id", "device_id", "user_identifiers")


def event_element(row: Event | EventDict) -> Element:
    """Return an event as MoEngage wants it: a list of one action."""
    action = dict(_mapping(EVENTS, row))
    who = {name: action.pop(name) for name in _OF_THE_USER if name in action}
    if identifiers := cast("Mapping[str, object]", who.get("user_identifiers") or {}):
        who["user_identifiers"] = _written(identifiers)
    for name in ("current_time", "user_time"):
        moment = action.get(name)
        if isinstance(moment, int | float) and is_milliseconds(moment):
            action[name] = str(int(moment))  # documented as a number of seconds, and as text of either
    return {"type": "event", **who, "actions": [action]}


def _mapping(rows: Rows[T], row: T | Mapping[str, object]) -> Mapping[str, object]:
    return rows.mapping(row)
