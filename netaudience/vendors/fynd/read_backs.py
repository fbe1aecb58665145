"""Fynd: which look-up shows the effect of which operation, and what cannot be read back.

A user's attributes are read all at once, as texts; how a list looks then is not documented. Source: the
vendor's page. The members of a group are told by an older path, and later, so they are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from netaudience.model.limits import assumed
from netaudience.operations.readback import Ask, Found, NotReadable, ReadBack, equal
from netaudience.vendors.fynd.facts import AUDIENCE, USER
from netaudience.vendors.fynd.models import UserAttribute

_AT_ONCE = assumed(5, "its answers mean applied")


def _of_user(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask:
    return Ask(operation="list_user_attributes", arguments={"user_id": row["user_id"]})


def _held(answer: Sequence[UserAttribute] | None) -> Mapping[str, object] | None:
    if answer is None:
        return None
    return {
        one.user_attribute_definition_id or "": None if one.attribute is None else one.attribute.value
        for one in answer
    }


def _same(sent: object, found: object) -> bool:
    """Return whether a value is there; the vendor shows values as text."""
    if isinstance(found, str) and not isinstance(sent, str):
        if isinstance(sent, bool):
            return found == str(sent).lower()
        try:
            return Decimal(found) == Decimal(str(sent))
        except InvalidOperation:
            return False
    return equal(sent, found)


def _unread(value: object) -> str | None:
    return "a list" if isinstance(value, list | tuple) else None


def _one(row: Mapping[str, Any]) -> Mapping[str, object]:
    return {row["definition_id"]: row["value"]}


def _many(row: Mapping[str, Any]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", row["attributes"])


def _set(values: Mapping[str, object], held: Mapping[str, object] | None) -> Found:
    if held is None:
        return "gone"
    compared = {name: value for name, value in values.items() if _unread(value) is None}
    same = all(name in held and _same(value, held[name]) for name, value in compared.items())
    return "landed" if same else "different"


def _one_set(row: Mapping[str, Any], _: Mapping[str, Any], answer: Sequence[UserAttribute] | None) -> Found:
    return _set(_one(row), _held(answer))


def _many_set(row: Mapping[str, Any], _: Mapping[str, Any], answer: Sequence[UserAttribute] | None) -> Found:
    return _set(_many(row), _held(answer))


def _removed(row: Mapping[str, Any], _: Mapping[str, Any], answer: Sequence[UserAttribute] | None) -> Found:
    names = row.get("definition_ids") or [row["definition_id"]]
    held = _held(answer) or {}
    return "different" if any(name in held for name in names) else "landed"


_REMOVED = ReadBack(ask=_of_user, judge=_removed, settles=_AT_ONCE, docs=AUDIENCE)
_NO_USER = NotReadable("it is about no single user; its answer has said it", AUDIENCE)

READ_BACKS: Mapping[str, ReadBack | NotReadable] = {
    "set_user_attribute": ReadBack(
        ask=_of_user, judge=_one_set, settles=_AT_ONCE, docs=AUDIENCE, entries=_one, unread=_unread
    ),
    "set_user_attributes": ReadBack(
        ask=_of_user, judge=_many_set, settles=_AT_ONCE, docs=USER, entries=_many, unread=_unread
    ),
    "delete_user_attribute": _REMOVED,
    "delete_user_attributes": _REMOVED,
    "bulk_update_user_attributes": NotReadable("whom the file names is not known here", AUDIENCE),
    **dict.fromkeys(
        ("add_group_users", "remove_group_users"),
        NotReadable("the members of a group are reported later, and by an older path", USER),
    ),
    **dict.fromkeys(
        ("create_attribute_definition", "update_attribute_definition", "delete_attribute_definition",
         "create_group", "update_group", "replace_group", "delete_group", "refresh_group",
         "start_user_import"),
        _NO_USER,
    ),
    **dict.fromkeys(
        ("create_customer", "update_customer", "set_customer_activation", "archive_customer",
         "undelete_customer", "end_customer_sessions", "end_customer_session"),
        NotReadable("the search for customers finds by text, and shows no single change", USER),
    ),
}  # fmt: skip
