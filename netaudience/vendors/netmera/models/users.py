"""Netmera's users: their registration, what they did, and which categories they want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    flag,
    identifier,
    json_object,
    one_of,
    text,
    texts,
)
from netaudience.model.value_forms import RowValue, written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.netmera.models.profiles import AttributeDefinition
from netaudience.vendors.netmera.rules import ATTRIBUTES, EMAIL, EXT_ID, MSISDN, UNKNOWN
from netaudience.vendors.netmera.values import EVENT_VALUES, VALUES


@attrs.frozen
class CategoryPreference:
    """One user's opt-in or opt-out of one category."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The category's name, to the letter: `get_push_categories` gives them.
    category: str = attrs.field(validator=text("category"))
    #: True to opt in, false to opt out.
    enable: bool = attrs.field(validator=flag("enable"))
    #: One channel of the category; without it all of them change.
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


@attrs.frozen(kw_only=True)
class UserRegistration:
    """A user, or a device, with what is known of them; each has a platform or a phone number."""

    #: Your own id of the user.
    ext_id: str | None = attrs.field(default=None, validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: ``IOS``, ``ANDROID``, and whatever the vendor adds; one that it does not know is refused.
    platform: str | None = attrs.field(default=None, validator=text("platform"))
    #: The push token.
    device_token: str | None = attrs.field(
        default=None, validator=identifier("device token"), metadata=wire_name("deviceToken"), repr=False
    )
    email: str | None = attrs.field(default=None, validator=EMAIL, repr=False)
    #: The number with ``+`` and country code, which is written as E.164.
    msisdn: str | None = attrs.field(default=None, validator=MSISDN, repr=False)
    #: Names of tags.
    tags: Sequence[str] | None = attrs.field(default=None, validator=texts("tags"))
    #: Attribute names and values. A date is a number of milliseconds since 1970.
    profile: Mapping[str, RowValue] | None = attrs.field(
        default=None, validator=json_object("profile"), metadata=written_as(VALUES), repr=False
    )


class UserRegistrationDict(TypedDict):
    """`UserRegistration` by the vendor's names."""

    extId: NotRequired[str]
    platform: NotRequired[str]
    deviceToken: NotRequired[str]
    email: NotRequired[str]
    msisdn: NotRequired[str]
    tags: NotRequired[Sequence[str]]
    profile: NotRequired[Mapping[str, RowValue]]


@attrs.frozen
class UserEvent:
    """Something that a user did."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The event's name or code, as it is in the panel, to the letter.
    name: str = attrs.field(validator=text("event name"))
    #: Names and values of what belongs to the event; they go beside its name, as the vendor has them. A time
    #: is ISO 8601.
    attributes: Mapping[str, RowValue] | None = attrs.field(
        default=None, validator=ATTRIBUTES, metadata=written_as(EVENT_VALUES), repr=False
    )


class UserEventDict(TypedDict):
    """`UserEvent` by the vendor's names, but for its attributes, which the vendor has beside the name."""

    extId: str
    name: str
    attributes: NotRequired[Mapping[str, RowValue]]


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class EventDefinition:
    """What an event is; what has no value is left out, and its fields are not documented one by one."""

    code: str | None = None
    name: str | None = None
    label: str | None = None
    description: str | None = None
    #: Its own attributes and those that it inherits; an event without a mandatory one is refused.
    attributes: Sequence[AttributeDefinition] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class EventDefinitions:
    """All events of the app."""

    standard: Sequence[EventDefinition] = attrs.field(default=(), metadata=wire_name("standardEvents"))
    custom: Sequence[EventDefinition] = attrs.field(default=(), metadata=wire_name("customEvents"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class PushCategories:
    """The categories of the app."""

    #: One mapping for each: its id to its name, which `set_category_preferences` wants to the letter.
    categories: Sequence[Mapping[str, str]] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)

    @property
    def names(self) -> Sequence[str]:
        """The names of all of them."""
        return [name for one in self.categories for name in one.values()]
