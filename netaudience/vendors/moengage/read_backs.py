"""MoEngage: which look-up shows the effect of which operation, and what cannot be read back.

The export of users has to be enabled for the workspace; without it nothing of users can be read back. In
which form it shows dates, lists and objects is not documented: those are told by their names, and the rest
is compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from netaudience.model.limits import assumed, documented
from netaudience.operations.readback import Ask, Found, NotReadable, ReadBack, holds, lacks
from netaudience.vendors.moengage.consent_models import Preferences
from netaudience.vendors.moengage.consents import GDPR, SUBSCRIPTION, V5
from netaudience.vendors.moengage.models import GetUsersResponse
from netaudience.vendors.moengage.rules import SPECIFICATION

#: The forms in which a text is a date for the vendor.
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?")


def _user(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask | None:
    named = row.get("customer_id")
    return Ask(operation="export_users", item=named) if named else None


def _attributes(answer: GetUsersResponse | None) -> Mapping[str, Any] | None:
    if answer is None or not answer.data.users:
        return None
    return answer.data.users[0].user_attributes


def _values(row: Mapping[str, Any]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", row.get("attributes") or {})


def _unread(value: object) -> str | None:
    match value:
        case str() if _DATE.fullmatch(value):
            return "a date"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return None


def _as_held(sent: object, found: object) -> object:
    """Return a value as the vendor holds it: a text becomes a number where the attribute is one."""
    if isinstance(sent, str) and isinstance(found, int | float) and not isinstance(found, bool):
        with suppress(ValueError):
            return float(sent) if float(sent) == found else sent
    return sent


def _set(row: Mapping[str, Any], _: Mapping[str, Any], answer: GetUsersResponse | None) -> Found:
    found = _attributes(answer)
    sent = {name: value for name, value in _values(row).items() if _unread(value) is None}
    there = holds({name: _as_held(value, (found or {}).get(name)) for name, value in sent.items()}, found)
    taken = cast("list[Mapping[str, object]]", row.get("unset_attributes") or [])
    names = [str(one["attr"]) for one in taken if one["type"] == "equals"]
    return lacks(names, found) if there == "landed" else there


def _deleted(user: str, arguments: Mapping[str, Any]) -> Ask:
    by = {"by": arguments["by"]} if "by" in arguments else {}
    return Ask(operation="export_users", item=user, arguments=by)


def _erased(subject: Mapping[str, Any], _: Mapping[str, Any]) -> Ask | None:
    return Ask(operation="export_users", item=subject["ID"]) if set(subject) == {"ID"} else None


def _gone(_: object, __: Mapping[str, Any], answer: GetUsersResponse | None) -> Found:
    return "landed" if _attributes(answer) is None else "different"


def _preferences(row: Mapping[str, Any], arguments: Mapping[str, Any]) -> Ask:
    asked = {name: arguments[name] for name in ("by", "channel") if name in arguments}
    return Ask(operation="get_subscription_preferences", item=row["user_identifier_value"], arguments=asked)


def _preferred(row: Mapping[str, Any], _: Mapping[str, Any], answer: Preferences | None) -> Found:
    data = None if answer is None else answer.data
    if data is None:
        return "gone"
    if data.is_globally_unsubscribed is not row["is_globally_unsubscribed"]:
        return "different"
    found = {one.name: one.status == "subscribed" for one in data.categories}
    named = None if row["is_globally_unsubscribed"] else row.get("categories")
    wanted = cast("Mapping[str, bool]", named or {})
    return "landed" if all(found.get(name) is value for name, value in wanted.items()) else "different"


_SOON = assumed(60, "no figure is documented")
_USERS = ReadBack(ask=_user, judge=_set, settles=_SOON, docs=SPECIFICATION, entries=_values, unread=_unread)


def _not(why: str, docs: str = SPECIFICATION) -> NotReadable:
    return NotReadable(why, docs)


READ_BACKS: Mapping[str, ReadBack | NotReadable] = {
    "track_user": _USERS,
    "import_users": _USERS,
    "delete_user": ReadBack(
        ask=_deleted, judge=_gone, settles=documented(86_400, SPECIFICATION), docs=SPECIFICATION
    ),
    "set_subscription_preferences": ReadBack(ask=_preferences, judge=_preferred, settles=_SOON, docs=V5),
    "set_category_preferences": _not("the older categories have no look-up of their own"),
    "set_opt_in_status": _not("no look-up is documented to show it", SUBSCRIPTION),
    "resubscribe": _not("no look-up shows what the e-mail provider has"),
    **dict.fromkeys(
        ("create_file_segment", "add_segment_users", "remove_segment_users", "replace_segment_users",
         "archive_segment", "unarchive_segment"),
        _not("the vendor reports it by its callback, for the file as a whole"),
    ),
    **dict.fromkeys(("add_cohort_members", "remove_cohort_members"), _not("the export shows no cohorts")),
    # One request is for all users of an address or a number, whom nothing lists.
    "request_erasure": ReadBack(ask=_erased, judge=_gone, settles=documented(604_800, GDPR), docs=GDPR),
    **dict.fromkeys(
        ("track_device", "import_devices", "manage_devices"), _not("no look-up shows the devices of a user")
    ),
    **dict.fromkeys(("track_event", "import_events"), _not("no look-up shows the events of a user")),
    "merge_users": _not("two users are concerned: look at each of them"),
}  # fmt: skip
