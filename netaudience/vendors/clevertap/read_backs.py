"""CleverTap: which look-up shows the effect of which operation, and what cannot be read back.

One profile is read by its identity. How the vendor shows values that are no texts, numbers or truths is not
documented, so dates, lists and objects cannot be compared, and are told by their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from netaudience.model.limits import assumed, documented
from netaudience.operations.readback import Ask, Found, NotReadable, ReadBack, holds, lacks
from netaudience.vendors.clevertap.facts import DELETE_PAGE, READ_PAGE
from netaudience.vendors.clevertap.models import ProfileFound

_DATE = "$D_"
_DELETE = {"$delete": 1}


def _uploaded(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask | None:
    for name in ("identity", "objectId"):
        if row.get(name):
            return Ask(operation="get_profile", item=row[name], arguments={"by": name})
    return None


def _values(row: Mapping[str, Any]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", row["profileData"])


def _unread(value: object) -> str | None:
    match value:
        case str() if value.startswith(_DATE):
            return "a date"
        case list() | tuple():
            return "a list"
        case Mapping() if value != _DELETE:
            return "an object"
        case _:
            return None


def _set(row: Mapping[str, Any], _: Mapping[str, Any], answer: ProfileFound | None) -> Found:
    found = None if answer is None else answer.record.profile_data
    values = {name: value for name, value in _values(row).items() if _unread(value) is None}
    sent = {name: value for name, value in values.items() if value != _DELETE}
    there = holds(sent, found)
    return lacks(values.keys() - sent.keys(), found) if there == "landed" else there


def _deleted(identity: str, arguments: Mapping[str, Any]) -> Ask:
    by = "objectId" if arguments.get("by") == "guid" else "identity"
    return Ask(operation="get_profile", item=identity, arguments={"by": by})


def _gone(_: str, __: Mapping[str, Any], answer: ProfileFound | None) -> Found:
    return "landed" if answer is None else "different"


def _token(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask:
    return Ask(operation="get_profile", item=row["objectId"], arguments={"by": "objectId"})


def _registered(row: Mapping[str, Any], _: Mapping[str, Any], answer: ProfileFound | None) -> Found:
    if answer is None:
        return "gone"
    tokens = {device.push_token for device in answer.record.platforms}
    return "landed" if row["id"] in tokens else "different"


READ_BACKS: Mapping[str, ReadBack | NotReadable] = {
    "upload_profiles": ReadBack(
        ask=_uploaded,
        judge=_set,
        settles=assumed(60, "no figure is documented"),
        docs=READ_PAGE,
        entries=_values,
        unread=_unread,
    ),
    # A device of a profile shows its token: platformInfo of the same page.
    "upload_device_tokens": ReadBack(
        ask=_token, judge=_registered, settles=assumed(60, "no figure is documented"), docs=READ_PAGE
    ),
    "delete_profiles": ReadBack(
        ask=_deleted, judge=_gone, settles=documented(172_800, DELETE_PAGE), docs=READ_PAGE
    ),
    **dict.fromkeys(
        ("create_api_segment", "update_api_segment"),
        NotReadable("what is skipped shows in the panel's Error Stream alone", READ_PAGE),
    ),
    "upload_profile_changes": NotReadable("what was there before the change is not known", READ_PAGE),
    "set_subscription": NotReadable("it is about everybody with the address, whom nothing lists", READ_PAGE),
    **dict.fromkeys(
        ("upload_events", "demerge", "disassociate_phone_numbers"),
        NotReadable("no look-up shows it for one user", READ_PAGE),
    ),
}
