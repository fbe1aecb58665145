"""What MoEngage's operations take and answer: rows that are checked, answers that tolerate.

A row is flat: where the vendor nests a device's or an event's attributes, its encoder does. A row is an
attrs class or a plain dict with the vendor's own names; both are checked alike. An answer's fields are all
optional, for the vendor marks none as required; what it adds is kept in ``unknown``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import flag, identifier, text
from netaudience.model.value_forms import RowValue, Unset, unset_by, written_as
from netaudience.model.wire import JsonValue
from netaudience.vendors.moengage.rules import (
    CURRENT_TIME,
    CUSTOMER_ID,
    DEVICE_IDENTIFIERS,
    DEVICE_PLATFORM,
    EVENT_NAME,
    EVENT_PLATFORM,
    MAPPING,
    OFFSET,
    TV_SYSTEM,
    UNSET_ATTRIBUTES,
    USER_TIME,
    USERS_ATTRIBUTES,
)
from netaudience.vendors.moengage.values import TIME, VALUES, as_time

__all__ = [
    "Accepted",
    "Device",
    "DeviceDict",
    "DeviceSelection",
    "DeviceSelectionDict",
    "Event",
    "EventDict",
    "ExportedUser",
    "ExportedUsers",
    "GetUsersResponse",
    "MergePair",
    "MergePairDict",
    "MergeResponse",
    "UnsetRule",
    "User",
    "UserDict",
]

_UNKNOWN: Mapping[str, JsonValue] = {}


# What is sent.


class UnsetRule(TypedDict):
    """Which attributes of a user are unset."""

    type: Literal["equals", "prefix", "suffix", "contains"]
    #: The whole name, or the part of it.
    attr: str
    #: True if it is not said.
    case_sensitive: NotRequired[bool]


@attrs.frozen
class User:
    """A user to create or update; attributes that are not named keep their values."""

    #: Your own id of the user; may be left out where the workspace has Identity Resolution and
    #: `attributes` hold one of its identifiers.
    customer_id: str | None = attrs.field(default=None, validator=CUSTOMER_ID, repr=mask)
    #: Names and values: text, numbers, truth values, dates as ISO 8601, arrays of one of these. A truth
    #: value as `active` in ``platforms`` is written as the vendor wants it, and so is E.164 as ``u_mb``.
    attributes: Mapping[str, RowValue] | None = attrs.field(
        default=None,
        validator=USERS_ATTRIBUTES,
        metadata={**written_as(VALUES), **unset_by(Unset(listed_in="unset_attributes"))},
        repr=False,
    )
    #: What to unset, by name or by a part of it: objects with ``type`` (``equals``, ``prefix``, ``suffix`` or
    #: ``contains``), ``attr`` and perhaps ``case_sensitive``. It wins over `attributes` of the same row.
    #: An early-access feature: the client must be told that the workspace has it.
    #: Source: https://www.moengage.com/docs/user-guide/data/user-data/unset-user-attributes
    unset_attributes: Sequence[UnsetRule] | None = attrs.field(
        default=None, validator=UNSET_ATTRIBUTES, repr=False
    )


class UserDict(TypedDict):
    """`User` by the vendor's names."""

    customer_id: NotRequired[str]
    attributes: NotRequired[Mapping[str, RowValue]]
    unset_attributes: NotRequired[Sequence[UnsetRule]]


@attrs.frozen
class Device:
    """A device of a user that exists."""

    #: Your own id of the user.
    customer_id: str = attrs.field(validator=CUSTOMER_ID, repr=mask)
    #: Your own id of the device.
    device_id: str = attrs.field(validator=identifier("device id"), repr=mask)
    #: ``ANDROID``, ``iOS``, ``web``, ``Windows`` or ``TV``.
    platform: str = attrs.field(validator=DEVICE_PLATFORM)
    #: The push token. A new one does not revive a device that is uninstalled.
    push_id: str = attrs.field(validator=text("push id"), repr=False)
    model: str | None = attrs.field(default=None, validator=text("model"))
    #: Who made it; not in the list of the specification, whose vendor drops what it does not know.
    brand: str | None = attrs.field(default=None, validator=text("brand"))
    #: Whether the user lets the device be reached; written as the vendor's ``"True"`` or ``"False"``.
    moe_push_opted: bool | None = attrs.field(default=None, validator=flag("moe_push_opted"))
    #: Whether the user lets it be reached provisionally (iOS); the vendor documents no values for the text.
    moe_push_provisional_opted: str | None = attrs.field(
        default=None, validator=text("moe_push_provisional_opted")
    )
    app_version: str | None = attrs.field(default=None, validator=text("app version"))
    os_version: str | None = attrs.field(default=None, validator=text("OS version"))
    #: The advertising id of Android.
    moe_gaid: str | None = attrs.field(default=None, validator=text("advertising id"), repr=False)
    #: The vendor id of iOS.
    idfv: str | None = attrs.field(default=None, validator=text("vendor id"), repr=False)


class DeviceDict(TypedDict):
    """`Device` by the vendor's names."""

    customer_id: str
    device_id: str
    platform: Literal["ANDROID", "iOS", "web", "Windows", "TV"]
    push_id: str
    model: NotRequired[str]
    brand: NotRequired[str]
    moe_push_opted: NotRequired[bool]
    moe_push_provisional_opted: NotRequired[str]
    app_version: NotRequired[str]
    os_version: NotRequired[str]
    moe_gaid: NotRequired[str]
    idfv: NotRequired[str]


@attrs.frozen(kw_only=True)
class Event:
    """One action of a user."""

    #: Your own id of the user; may be left out where the workspace has Identity Resolution and
    #: `user_identifiers` hold one of its identifiers.
    customer_id: str | None = attrs.field(default=None, validator=CUSTOMER_ID, repr=mask)
    #: The event's name.
    action: str = attrs.field(validator=EVENT_NAME)
    #: Names and values that belong to the event.
    attributes: Mapping[str, RowValue] | None = attrs.field(
        default=None, validator=MAPPING, metadata=written_as(VALUES), repr=False
    )
    #: Where it happened: ANDROID, iOS, web, TV, Windows or unknown.
    platform: str | None = attrs.field(default=None, validator=EVENT_PLATFORM)
    app_version: str | None = attrs.field(default=None, validator=text("app version"))
    #: When it happened, in UTC: a `datetime`, ISO 8601, or seconds or milliseconds since 1970, as a number or
    #: as text. Without it the vendor takes the time at which it got the request.
    current_time: str | int | float | None = attrs.field(
        default=None, converter=as_time, validator=CURRENT_TIME, metadata=written_as(TIME)
    )
    #: When it happened by the user's clock, written likewise.
    user_time: str | int | float | None = attrs.field(
        default=None, converter=as_time, validator=USER_TIME, metadata=written_as(TIME)
    )
    #: Seconds between the user's clock and UTC.
    user_timezone_offset: int | float | None = attrs.field(default=None, validator=OFFSET)
    #: Your own id of the device; the vendor takes the customer id without it.
    device_id: str | None = attrs.field(default=None, validator=identifier("device id"), repr=mask)
    #: The system of a TV, beside the platform TV.
    moe_os_type: str | None = attrs.field(default=None, validator=TV_SYSTEM)
    #: Identifiers of the workspace with their values, in place of `customer_id`.
    user_identifiers: Mapping[str, str] | None = attrs.field(
        default=None, validator=USERS_ATTRIBUTES, repr=False
    )


class EventDict(TypedDict):
    """`Event` by the vendor's names."""

    customer_id: NotRequired[str]
    action: str
    attributes: NotRequired[Mapping[str, RowValue]]
    platform: NotRequired[str]
    app_version: NotRequired[str]
    current_time: NotRequired[str | float | dt.date]
    user_time: NotRequired[str | float | dt.date]
    user_timezone_offset: NotRequired[float]
    device_id: NotRequired[str]
    moe_os_type: NotRequired[str]
    user_identifiers: NotRequired[Mapping[str, str]]


@attrs.frozen
class DeviceSelection:
    """A user, and those of the user's devices that are meant."""

    #: The user's id, or another identifier of the user.
    user_identifier_value: str = attrs.field(validator=identifier("user"), repr=mask)
    #: An object for each device, with one of ``moe_gaid``, ``push_id``, ``unique_id`` and
    #: ``device_unique_id``, the last being your own device id.
    device_identifiers: Sequence[Mapping[str, str]] | None = attrs.field(
        default=None, validator=DEVICE_IDENTIFIERS, repr=False
    )


class DeviceSelectionDict(TypedDict):
    """`DeviceSelection` by the vendor's names."""

    user_identifier_value: str
    device_identifiers: NotRequired[Sequence[Mapping[str, str]]]


@attrs.frozen
class MergePair:
    """Two users who are one person."""

    #: The id of the user who goes.
    merged_user: str = attrs.field(validator=identifier("merged user"), repr=mask)
    #: The id of the user who stays and takes over the other's data.
    retained_user: str = attrs.field(validator=identifier("retained user"), repr=mask)


class MergePairDict(TypedDict):
    """`MergePair` by the vendor's names."""

    merged_user: str
    retained_user: str


# What comes back.


@attrs.frozen
class Accepted:
    """The vendor took the request and will work it off; it proves nothing about the outcome."""

    #: ``success``.
    status: str | None = None
    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    #: What the vendor knows the request by, where it says so.
    request_id: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class MergeResponse:
    """The vendor took the pairs; a pair that could not be merged is skipped and not named."""

    #: ``success``.
    status: str | None = None
    #: ``created``.
    operation: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ExportedUser:
    """A user that was found."""

    #: The fields that were asked for, as far as the user has them; all of them if none was named.
    user_attributes: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ExportedUsers:
    """The users of one answer."""

    users: Sequence[ExportedUser] = attrs.field(default=())
    #: Those that the vendor does not know: objects of ``identifier_type`` and ``identifier``.
    users_not_found: Sequence[JsonValue] = attrs.field(default=(), repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GetUsersResponse:
    """What was asked about up to twenty users, in no stated order."""

    #: ``success``.
    status: str | None = None
    #: ``export_users``.
    type: str | None = None
    data: ExportedUsers = attrs.field(factory=ExportedUsers)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
