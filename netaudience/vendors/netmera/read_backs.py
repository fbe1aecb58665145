"""Netmera: which look-up shows the effect of which operation, and what cannot be read back.

No operation reads tags, nor the permission of a channel but push. Source: the reference, of which each row
names the page of its look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from netaudience.model.limits import assumed, documented
from netaudience.operations.readback import Ask, Found, NotReadable, ReadBack, equal, holds, lacks
from netaudience.vendors.netmera.facts import REFERENCE
from netaudience.vendors.netmera.models import CategoryPreferences, DeviceList, Profile

_PROFILE = f"{REFERENCE}/profile-attributes/get-profile-attributes"
_PREFERENCES = f"{REFERENCE}/category-preferences/get-category-preferences"
_DEVICES = f"{REFERENCE}/devices/get-user-devices"
_CHANNELS = f"{REFERENCE}/channels-and-permissions"
_SOON = assumed(60, "how long the vendor's queue takes is not documented")


def _profile(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask | None:
    for name, by in (("extId", "ext_id"), ("deviceToken", "device_token")):
        if name in row:
            return Ask(operation="get_profile_attributes", item=row[name], arguments={"by": by})
    return None


def _values(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", row.get("profile") or {})


def _found(answer: Profile | None) -> Mapping[str, Any] | None:
    return None if answer is None else answer.profile


def _set(row: Mapping[str, Any], _: Mapping[str, Any], answer: Profile | None) -> Found:
    return holds(_values(row), _found(answer))


def _unset(row: Mapping[str, Any], _: Mapping[str, Any], answer: Profile | None) -> Found:
    return lacks(row["profile"], _found(answer))


def _pushed(row: Mapping[str, Any], _: Mapping[str, Any], answer: Profile | None) -> Found:
    found = _found(answer)
    if found is None:
        return "gone"
    there = all(_all_in(values, found.get(name)) for name, values in _values(row).items())
    return "landed" if there else "different"


def _pulled(row: Mapping[str, Any], _: Mapping[str, Any], answer: Profile | None) -> Found:
    found = _found(answer) or {}
    there = any(_any_in(values, found.get(name)) for name, values in _values(row).items())
    return "different" if there else "landed"


def _all_in(values: Sequence[object], held: object) -> bool:
    listed = cast("list[object]", held) if isinstance(held, list) else []
    return all(any(equal(value, one) for one in listed) for value in values)


def _any_in(values: Sequence[object], held: object) -> bool:
    listed = cast("list[object]", held) if isinstance(held, list) else []
    return any(equal(value, one) for value in values for one in listed)


def _erased(_ext_id: str, _: Mapping[str, Any], answer: Profile | None) -> Found:
    return "landed" if answer is None or not answer.profile else "different"


def _preferred(row: Mapping[str, Any], _: Mapping[str, Any], answer: CategoryPreferences | None) -> Found:
    if answer is None:
        return "gone"
    category, channel = row["category"], row.get("channel")
    found = answer.categories.get(category)
    if channel is not None:
        found = answer.channels.get(category, {}).get(str(channel).upper())
    return "landed" if found is row["enable"] else "different"


def _permits(permitted: bool) -> Any:  # noqa: ANN401, FBT001 - a judge
    def judge(_ext_id: str, _: Mapping[str, Any], answer: DeviceList | None) -> Found:
        devices = () if answer is None else answer.devices
        if not devices:
            return "gone"
        return "landed" if all(one.push_permitted is permitted for one in devices) else "different"

    return judge


def _devices(ext_id: str, arguments: Mapping[str, Any]) -> Ask | None:
    if arguments.get("by", "ext_id") != "ext_id":
        return None  # whose device a token is, nobody tells by the token alone
    return Ask(operation="get_devices", item=ext_id)


def _by_id(ext_id: str, _: Mapping[str, Any]) -> Ask:
    return Ask(operation="get_profile_attributes", item=ext_id)


_NO_TAGS = NotReadable("no operation of Netmera reads the tags of a user", f"{REFERENCE}/tags")
_NO_PERMISSION = NotReadable("no operation of Netmera reads the permission of this channel", _CHANNELS)
_NO_CONTACT = NotReadable(
    "no operation of Netmera is documented to read an address or a number back", _CHANNELS
)

READ_BACKS: Mapping[str, ReadBack | NotReadable] = {
    "set_profile_attributes": ReadBack(ask=_profile, judge=_set, settles=_SOON, docs=_PROFILE),
    "register_users": ReadBack(
        ask=lambda row, arguments: _profile(row, arguments) if row.get("profile") else None,
        judge=_set,
        settles=_SOON,
        docs=_PROFILE,
    ),
    "unset_profile_attributes": ReadBack(ask=_profile, judge=_unset, settles=_SOON, docs=_PROFILE),
    "push_profile_attributes": ReadBack(ask=_profile, judge=_pushed, settles=_SOON, docs=_PROFILE),
    "pull_profile_attributes": ReadBack(ask=_profile, judge=_pulled, settles=_SOON, docs=_PROFILE),
    "delete_users_permanently": ReadBack(
        ask=_by_id,
        judge=_erased,
        settles=documented(60, f"{REFERENCE}/users/delete-users-permanently"),
        docs=_PROFILE,
        proves=False,  # of whom it has never known it shows the same empty profile
    ),
    "set_category_preferences": ReadBack(
        ask=lambda row, _: Ask(operation="get_category_preferences", item=row["extId"]),
        judge=_preferred,
        settles=_SOON,
        docs=_PREFERENCES,
    ),
    "enable_push": ReadBack(ask=_devices, judge=_permits(True), settles=_SOON, docs=_DEVICES),  # noqa: FBT003
    "disable_push": ReadBack(ask=_devices, judge=_permits(False), settles=_SOON, docs=_DEVICES),  # noqa: FBT003
    **dict.fromkeys(("tag_users", "untag_users"), _NO_TAGS),
    **dict.fromkeys(
        ("enable_mail", "disable_mail", "enable_sms", "disable_sms", "enable_whats_app", "disable_whats_app"),
        _NO_PERMISSION,
    ),
    **dict.fromkeys(
        ("update_email", "update_msisdn", "update_whats_app", "remove_email", "remove_msisdn",
         "remove_whats_app", "add_email", "add_msisdn"),
        _NO_CONTACT,
    ),
    "delete_users": NotReadable(
        "a user who is no longer tracked can be read as before", f"{REFERENCE}/users/delete-users"
    ),
    **dict.fromkeys(
        ("create_segment", "update_segment", "delete_segment", "reopen_segment", "send_push_approval",
         "delete_profile_attributes_of_all_users", "delete_profile_attribute_value_of_all_users"),
        NotReadable("it is about no single user", REFERENCE),
    ),
    "add_promotion_codes": NotReadable("no operation of Netmera reads promotion codes", REFERENCE),
    "add_testers": NotReadable("no operation of Netmera reads the test devices", REFERENCE),
    "fire_events": NotReadable("no operation of Netmera reads the events of a user", f"{REFERENCE}/events"),
}  # fmt: skip
