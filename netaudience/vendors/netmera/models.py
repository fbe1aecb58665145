"""What Netmera's operations take and answer: rows that are checked, answers that tolerate.

A row is an attrs class with Python names, or a plain dict with the vendor's own; both are checked alike.
An answer's fields are all optional, for the vendor marks none as required; what it adds is kept in
``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import attrs

from netaudience.errors import mask
from netaudience.rules import flag, identifier, json_object, one_of, rule, text, texts, value_lists
from netaudience.wire import JsonValue, wire_name

__all__ = [
    "AttributeDefinition",
    "AttributeDefinitions",
    "AttributeValue",
    "AttributeValueDict",
    "CategoryPreference",
    "CategoryPreferenceDict",
    "CategoryPreferences",
    "Device",
    "DeviceList",
    "DeviceTokenPage",
    "EmailUpdate",
    "EmailUpdateDict",
    "MsisdnUpdate",
    "MsisdnUpdateDict",
    "Profile",
    "ProfileKeys",
    "ProfileKeysDict",
    "ProfileUpdate",
    "ProfileUpdateDict",
    "ProfileValues",
    "ProfileValuesDict",
    "Segment",
    "SegmentList",
    "SegmentUser",
    "SegmentUsers",
    "UserCount",
    "UserEvent",
    "UserEventDict",
    "UserRegistration",
    "UserRegistrationDict",
    "WhatsAppUpdate",
    "WhatsAppUpdateDict",
    "event_problem",
    "registration_problem",
]


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


_EXT_ID = identifier("ext id")
_ATTRIBUTES = rule("The attributes must be a mapping of names to values", _is_mapping)
_UNKNOWN: Mapping[str, JsonValue] = {}


# What is sent.


@attrs.frozen
class ProfileUpdate:
    """Profile attributes to set for one user; others keep their values."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and values. A date is a number of milliseconds since 1970.
    profile: Mapping[str, JsonValue] = attrs.field(validator=json_object("profile"), repr=False)


class ProfileUpdateDict(TypedDict):
    """`ProfileUpdate` by the vendor's names."""

    extId: str
    profile: Mapping[str, JsonValue]


@attrs.frozen
class ProfileKeys:
    """Profile attributes to remove from one user."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Names of attributes.
    profile: Sequence[str] = attrs.field(validator=texts("profile"), repr=False)


class ProfileKeysDict(TypedDict):
    """`ProfileKeys` by the vendor's names."""

    extId: str
    profile: Sequence[str]


@attrs.frozen
class ProfileValues:
    """Values to append to, or to remove from, attributes of one user that are arrays."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and lists of values; each attribute must be an array.
    profile: Mapping[str, Sequence[JsonValue]] = attrs.field(validator=value_lists("profile"), repr=False)


class ProfileValuesDict(TypedDict):
    """`ProfileValues` by the vendor's names."""

    extId: str
    profile: Mapping[str, Sequence[JsonValue]]


@attrs.frozen
class CategoryPreference:
    """One user's opt-in or opt-out of one category."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The category's name, to the letter; rows with an unknown one are skipped without a word.
    category: str = attrs.field(validator=text("category"))
    #: True to opt in, false to opt out.
    enable: bool = attrs.field(validator=flag("enable"))
    #: One channel of the category; without it all of them change. Reported, not in the vendor's guide.
    channel: str | None = attrs.field(
        default=None,
        validator=one_of("channel", "MOBILE", "SMS", "EMAIL", "WHATS_APP", "IN_APP", "WEB"),
    )


class CategoryPreferenceDict(TypedDict):
    """`CategoryPreference` by the vendor's names."""

    extId: str
    category: str
    enable: bool
    channel: NotRequired[str]


@attrs.frozen
class AttributeValue:
    """One value of one attribute, to be removed from all users."""

    #: The attribute's name.
    key: str = attrs.field(validator=identifier("attribute key"))
    #: The value to remove.
    value: str = attrs.field(validator=text("value"), repr=False)


class AttributeValueDict(TypedDict):
    """`AttributeValue` by the vendor's names."""

    key: str
    value: str


@attrs.frozen
class EmailUpdate:
    """A user's new e-mail address."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The address. An empty one is refused here: the vendor would answer 200 and change nothing.
    email: str = attrs.field(validator=text("email"), repr=False)


class EmailUpdateDict(TypedDict):
    """`EmailUpdate` by the vendor's names."""

    extId: str
    email: str


@attrs.frozen
class MsisdnUpdate:
    """A user's new phone number."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The number with ``+`` and country code. An empty one is refused: it would be stored as empty.
    msisdn: str = attrs.field(validator=text("msisdn"), repr=False)


class MsisdnUpdateDict(TypedDict):
    """`MsisdnUpdate` by the vendor's names."""

    extId: str
    msisdn: str


@attrs.frozen
class WhatsAppUpdate:
    """A user's new WhatsApp number."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Numbers with ``+`` and country code; give one, for what more than one means is not known.
    wp_numbers: Sequence[str] = attrs.field(
        validator=texts("wp_numbers"), metadata=wire_name("wpNumbers"), repr=False
    )


class WhatsAppUpdateDict(TypedDict):
    """`WhatsAppUpdate` by the vendor's names."""

    extId: str
    wpNumbers: Sequence[str]


@attrs.frozen(kw_only=True)
class UserRegistration:
    """A user, or a device, with what is known of them; each has a platform or a phone number."""

    #: Your own id of the user.
    ext_id: str | None = attrs.field(default=None, validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: ``IOS``, ``ANDROID``, and whatever the vendor adds.
    platform: str | None = attrs.field(default=None, validator=text("platform"))
    #: The push token.
    device_token: str | None = attrs.field(
        default=None, validator=identifier("device token"), metadata=wire_name("deviceToken"), repr=False
    )
    email: str | None = attrs.field(default=None, validator=text("email"), repr=False)
    #: The number with ``+`` and country code, which is written as E.164.
    msisdn: str | None = attrs.field(default=None, validator=text("msisdn"), repr=False)
    #: Names of tags.
    tags: Sequence[str] | None = attrs.field(default=None, validator=texts("tags"))
    #: Attribute names and values. A date is a number of milliseconds since 1970.
    profile: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=json_object("profile"), repr=False
    )


class UserRegistrationDict(TypedDict):
    """`UserRegistration` by the vendor's names."""

    extId: NotRequired[str]
    platform: NotRequired[str]
    deviceToken: NotRequired[str]
    email: NotRequired[str]
    msisdn: NotRequired[str]
    tags: NotRequired[Sequence[str]]
    profile: NotRequired[Mapping[str, JsonValue]]


def registration_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a registration: the vendor would skip it without a word."""
    if not row.keys() & {"platform", "msisdn"}:
        return "The row needs a platform or an msisdn: Netmera skips it without a word otherwise"
    if not row.keys() & {"extId", "deviceToken", "email", "msisdn"}:
        return "The row names nobody: it needs an extId, a deviceToken, an email or an msisdn"
    return None


@attrs.frozen
class UserEvent:
    """Something that a user did."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=_EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The event's name, as it is in the panel.
    name: str = attrs.field(validator=text("event name"))
    #: Names and values of what belongs to the event; they go beside its name, as the vendor has them.
    attributes: Mapping[str, JsonValue] | None = attrs.field(default=None, validator=_ATTRIBUTES, repr=False)


class UserEventDict(TypedDict):
    """`UserEvent` by the vendor's names, but for its attributes, which the vendor has beside the name."""

    extId: str
    name: str
    attributes: NotRequired[Mapping[str, JsonValue]]


def event_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with an event: an attribute must not take the place of its user or its name."""
    attributes = row.get("attributes")
    if isinstance(attributes, Mapping) and not {"extId", "name"}.isdisjoint(
        cast("Mapping[str, object]", attributes)
    ):
        return "The row's attributes must not be named extId or name: these are the event's own"
    return None


# What comes back.


@attrs.frozen
class CategoryPreferences:
    """A user's categories."""

    #: Category to whether any channel of it is permitted; the names are given as they are.
    categories: Mapping[str, bool] = attrs.field(
        factory=dict[str, bool], metadata=wire_name("categoryPreferences")
    )
    #: Category to channel to whether it is permitted; may be absent.
    channels: Mapping[str, Mapping[str, bool]] = attrs.field(
        factory=dict[str, Mapping[str, bool]], metadata=wire_name("categoryChannelPreferences")
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Profile:
    """A user's profile attributes."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and values; dates come as milliseconds since 1970.
    profile: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Device:
    """A device that receives push messages."""

    #: ``IOS``, ``ANDROID``, and whatever the vendor adds.
    platform: str | None = None
    #: The push token.
    token: str | None = attrs.field(default=None, repr=False)
    model: str | None = attrs.field(default=None, metadata=wire_name("deviceModel"))
    push_permitted: bool | None = attrs.field(default=None, metadata=wire_name("pushPermitted"))
    installation_id: str | None = attrs.field(default=None, metadata=wire_name("installationId"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class DeviceList:
    """A user's devices."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"), repr=mask)
    devices: Sequence[Device] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class DeviceTokenPage:
    """A page of all devices of the app."""

    #: Where the next page is; absent on the last one.
    next_page: str | None = attrs.field(default=None, metadata=wire_name("nextPage"))
    #: How many devices there are in all.
    total: int | None = None
    devices: Sequence[Device] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Segment:
    """A segment that is defined in the panel."""

    id: int | None = None
    name: str | None = None
    user_count: int | None = attrs.field(default=None, metadata=wire_name("userCount"))
    #: ``PRODUCT_SEGMENT`` and others.
    type: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SegmentList:
    """All segments."""

    segments: Sequence[Segment] = attrs.field(default=(), metadata=wire_name("list"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SegmentUser:
    """A user in a segment; any of the three may be missing."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("externalId"), repr=mask)
    msisdn: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SegmentUsers:
    """The users of a segment."""

    name: str | None = None
    users: Sequence[SegmentUser] = attrs.field(default=(), metadata=wire_name("list"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class UserCount:
    """How many users permit push messages."""

    count: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinition:
    """What a profile attribute is; the vendor leaves out what has no value."""

    code: str | None = None
    #: The type of its values, by the vendor's word.
    data_type: str | None = attrs.field(default=None, metadata=wire_name("dataType"))
    name: str | None = None
    label: str | None = None
    description: str | None = None
    locked: bool | None = None
    #: Whether it holds a list: only then values can be pushed and pulled.
    array: bool | None = None
    private_info: bool | None = attrs.field(default=None, metadata=wire_name("privateInfo"))
    mandatory: bool | None = None
    required_for_recommendations: bool | None = attrs.field(
        default=None, metadata=wire_name("recommRequired")
    )
    calculated: bool | None = None
    order: int | None = None
    #: The values that it may have, in the vendor's own form.
    options: JsonValue = None
    unit: JsonValue = None
    create_date: JsonValue = attrs.field(default=None, metadata=wire_name("createDate"))
    update_date: JsonValue = attrs.field(default=None, metadata=wire_name("updateDate"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinitions:
    """All profile attributes of the app."""

    standard: Sequence[AttributeDefinition] = attrs.field(
        default=(), metadata=wire_name("standardProfileAttributes")
    )
    custom: Sequence[AttributeDefinition] = attrs.field(
        default=(), metadata=wire_name("customProfileAttributes")
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
