"""Netmera's profile attributes: what is set, added and removed, and how they are defined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    identifier,
    json_object,
    text,
    texts,
    value_lists,
)
from netaudience.model.value_forms import RowValue, written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.netmera.rules import EXT_ID, UNKNOWN
from netaudience.vendors.netmera.values import VALUES


@attrs.frozen
class ProfileUpdate:
    """Profile attributes to set for one user; others keep their values."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and values. A date is a number of milliseconds since 1970.
    profile: Mapping[str, RowValue] = attrs.field(
        validator=json_object("profile"), metadata=written_as(VALUES), repr=False
    )


class ProfileUpdateDict(TypedDict):
    """`ProfileUpdate` by the vendor's names."""

    extId: str
    profile: Mapping[str, RowValue]


@attrs.frozen
class ProfileKeys:
    """Profile attributes to remove from one user."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Names of attributes.
    profile: Sequence[str] = attrs.field(validator=texts("profile"), repr=False)


class ProfileKeysDict(TypedDict):
    """`ProfileKeys` by the vendor's names."""

    extId: str
    profile: Sequence[str]


@attrs.frozen
class ProfileValues:
    """Values to add to, or to remove from, attributes of one user that are arrays."""

    #: Your own id of the user.
    ext_id: str | None = attrs.field(default=None, validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and lists of values; each attribute must be an array, and is a set.
    profile: Mapping[str, Sequence[RowValue]] = attrs.field(
        kw_only=True, validator=value_lists("profile"), metadata=written_as(VALUES), repr=False
    )
    #: A device of the user's in the place of the id.
    device_token: str | None = attrs.field(
        default=None, validator=identifier("device token"), metadata=wire_name("deviceToken"), repr=False
    )


class ProfileValuesDict(TypedDict):
    """`ProfileValues` by the vendor's names."""

    extId: NotRequired[str]
    deviceToken: NotRequired[str]
    profile: Mapping[str, Sequence[RowValue]]


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
class Profile:
    """A user's profile attributes."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"), repr=mask)
    #: Attribute names and values; dates come as milliseconds since 1970.
    profile: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinitions:
    """All profile attributes of the app."""

    standard: Sequence[AttributeDefinition] = attrs.field(
        default=(), metadata=wire_name("standardProfileAttributes")
    )
    custom: Sequence[AttributeDefinition] = attrs.field(
        default=(), metadata=wire_name("customProfileAttributes")
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
