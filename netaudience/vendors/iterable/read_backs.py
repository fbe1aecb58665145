"""Iterable: which look-up shows the effect of which operation, and what cannot be read back.

One user is read by the identifier that the row has. Source: the vendor's specification; that a profile holds
its lists and subscriptions in fields of these names, the page of the project types and the specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from netaudience.model.limits import assumed, documented
from netaudience.operations.readback import Ask, Found, NotReadable, ReadBack, holds
from netaudience.vendors.iterable.facts import DOCS, SPECIFICATION
from netaudience.vendors.iterable.models import GetUserResponse

_MINUTE = documented(60, DOCS)
_NOT_TIMED = assumed(86_400, "the vendor says that it comes later, and not when")
_LISTS = ("emailListIds", "userListIds")
_SUBSCRIBED = (
    "emailListIds",
    "unsubscribedChannelIds",
    "unsubscribedMessageTypeIds",
    "subscribedMessageTypeIds",
)


def _of_row(row: Mapping[str, Any], _: Mapping[str, Any]) -> Ask | None:
    if row.get("userId"):
        return Ask(operation="get_user_by_user_id", item=row["userId"])
    return Ask(operation="get_user", item=row["email"]) if row.get("email") else None


def _by_email(email: str, _: Mapping[str, Any]) -> Ask:
    return Ask(operation="get_user", item=email)


def _by_user_id(user_id: str, _: Mapping[str, Any]) -> Ask:
    return Ask(operation="get_user_by_user_id", item=user_id)


def _fields(answer: GetUserResponse | None) -> Mapping[str, Any] | None:
    return None if answer is None or answer.user is None else answer.user.data_fields


def _updated(row: Mapping[str, Any], _: Mapping[str, Any], answer: GetUserResponse | None) -> Found:
    return holds(cast("Mapping[str, Any]", row.get("dataFields") or {}), _fields(answer))


def _gone(_: str, __: Mapping[str, Any], answer: GetUserResponse | None) -> Found:
    return "landed" if _fields(answer) is None else "different"


def _on_list(_: Mapping[str, Any], arguments: Mapping[str, Any], answer: GetUserResponse | None) -> Found:
    fields = _fields(answer)
    if fields is None:
        return "gone"
    return "landed" if _listed(arguments, fields) else "different"


def _off_list(_: Mapping[str, Any], arguments: Mapping[str, Any], answer: GetUserResponse | None) -> Found:
    fields = _fields(answer)
    return "different" if fields is not None and _listed(arguments, fields) else "landed"


def _listed(arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return any(arguments["list_id"] in _numbers(fields.get(name)) for name in _LISTS)


def _numbers(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()


def _subscribed(row: Mapping[str, Any], _: Mapping[str, Any], answer: GetUserResponse | None) -> Found:
    fields = _fields(answer)
    if fields is None:
        return "gone"
    sent = {name: _numbers(row[name]) for name in _SUBSCRIBED if name in row}
    same = all(set(value) == set(_numbers(fields.get(name))) for name, value in sent.items())
    return "landed" if same else "different"


_GONE_BY_EMAIL = ReadBack(ask=_by_email, judge=_gone, settles=_NOT_TIMED, docs=SPECIFICATION)
_GONE_BY_USER_ID = ReadBack(ask=_by_user_id, judge=_gone, settles=_NOT_TIMED, docs=SPECIFICATION)
_OF_A_USER = ReadBack(ask=_of_row, judge=_updated, settles=_MINUTE, docs=SPECIFICATION)


def _not(why: str) -> NotReadable:
    return NotReadable(why, SPECIFICATION)


READ_BACKS: Mapping[str, ReadBack | NotReadable] = {
    "update_user": _OF_A_USER,
    "bulk_update_users": _OF_A_USER,
    "subscribe_to_list": ReadBack(ask=_of_row, judge=_on_list, settles=_MINUTE, docs=SPECIFICATION),
    "unsubscribe_from_list": ReadBack(ask=_of_row, judge=_off_list, settles=_MINUTE, docs=SPECIFICATION),
    **dict.fromkeys(
        ("update_subscriptions", "bulk_update_subscriptions"),
        ReadBack(ask=_of_row, judge=_subscribed, settles=_MINUTE, docs=SPECIFICATION),
    ),
    "delete_user": _GONE_BY_EMAIL,
    "forget_user": _GONE_BY_EMAIL,
    "delete_user_by_user_id": _GONE_BY_USER_ID,
    "forget_user_by_user_id": _GONE_BY_USER_ID,
    **dict.fromkeys(
        ("change_subscription", "subscribe_to_double_opt_in", "subscribe_user",
         "subscribe_user_by_user_id", "unsubscribe_user", "unsubscribe_user_by_user_id"),
        _not("how a profile shows a single subscription depends on the type's policy, which no page states"),
    ),
    **dict.fromkeys(
        ("register_device_token", "register_browser_token", "disable_device"),
        _not("how a profile shows its devices is not documented"),
    ),
    **dict.fromkeys(
        ("track_event", "track_event_without_id", "track_events", "track_events_without_ids"),
        _not("no look-up by user and event was documented"),
    ),
    **dict.fromkeys(
        ("unforget_user", "unforget_user_by_user_id"), _not("whether somebody is collected again shows later")
    ),
    **dict.fromkeys(("merge_users", "update_email"), _not("two users are concerned: look at each of them")),
    **dict.fromkeys(
        ("create_list", "delete_list", "cancel_export"), _not("it is about no user; its answer has said it")
    ),
}  # fmt: skip
