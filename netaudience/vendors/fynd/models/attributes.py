"""Fynd's attributes: their definitions, and the values that users have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypeAlias, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    flag,
    identifier,
    text,
    texts,
)
from netaudience.model.value_forms import RowValue, written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.fynd.models.pages import UNKNOWN, NumberPage
from netaudience.vendors.fynd.rules import DEFINITION_ID, FILE_URL, SEVERAL_VALUES, USER_ID, VALUE
from netaudience.vendors.fynd.values import VALUES, as_value

Value: TypeAlias = str | int | float | bool | Sequence[JsonValue]
"""An attribute's value: neither null nor an object. Which of them fits is up to the definition's type."""


@attrs.frozen
class NewAttributeDefinition:
    """A new attribute that users of the application may have."""

    name: str = attrs.field(validator=text("name"))
    #: What programs call it.
    slug: str = attrs.field(validator=identifier("slug"), repr=mask)
    description: str = attrs.field(validator=text("description"))
    #: ``string``, ``number``, ``boolean``, ``date``, ``dropdown``, ``string_array`` and others.
    type: str = attrs.field(validator=text("type"))


class NewAttributeDefinitionDict(TypedDict):
    """`NewAttributeDefinition` by the vendor's names."""

    name: str
    slug: str
    description: str
    type: str


@attrs.frozen
class AttributeDefinitionUpdate:
    """What is to change in a definition; what is not given stays as it is."""

    definition_id: str = attrs.field(validator=DEFINITION_ID, repr=mask)
    name: str | None = attrs.field(default=None, validator=text("name"))
    description: str | None = attrs.field(default=None, validator=text("description"))
    type: str | None = attrs.field(default=None, validator=text("type"))
    #: Whether customers may change their value themselves.
    customer_editable: bool | None = attrs.field(default=None, validator=flag("customer_editable"))


class AttributeDefinitionUpdateDict(TypedDict):
    """`AttributeDefinitionUpdate` by the vendor's names."""

    definition_id: str
    name: NotRequired[str]
    description: NotRequired[str]
    type: NotRequired[str]
    customer_editable: NotRequired[bool]


@attrs.frozen
class BulkUserAttributes:
    """Values that all users of a file shall have."""

    #: Where the vendor fetches the file: CSV with a column user_id, email or phone_number.
    file_url: str = attrs.field(validator=FILE_URL, repr=False)
    #: Values by the attribute's key.
    attributes: Mapping[str, RowValue] = attrs.field(
        validator=SEVERAL_VALUES, metadata=written_as(VALUES), repr=False
    )


class BulkUserAttributesDict(TypedDict):
    """`BulkUserAttributes` by the vendor's names, but for the attributes: key to value."""

    file_url: str
    attributes: Mapping[str, RowValue]


@attrs.frozen
class UserAttributeValue:
    """The value of one attribute of one user."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    definition_id: str = attrs.field(validator=DEFINITION_ID)
    #: Any JSON value but null and an object.
    value: Value = attrs.field(converter=as_value, validator=VALUE, metadata=written_as(VALUES), repr=False)
    #: Known from the vendor's SDKs, not from its page.
    customer_overridden: bool | None = attrs.field(default=None, validator=flag("customer_overridden"))


class UserAttributeValueDict(TypedDict):
    """`UserAttributeValue` by the vendor's names."""

    user_id: str
    definition_id: str
    value: RowValue
    customer_overridden: NotRequired[bool]


@attrs.frozen
class UserAttributeKey:
    """One attribute of one user."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    definition_id: str = attrs.field(validator=DEFINITION_ID)


class UserAttributeKeyDict(TypedDict):
    """`UserAttributeKey` by the vendor's names."""

    user_id: str
    definition_id: str


@attrs.frozen
class UserAttributeValues:
    """Values of several attributes of one user."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    #: Values by the id of the definition.
    attributes: Mapping[str, RowValue] = attrs.field(
        validator=SEVERAL_VALUES, metadata=written_as(VALUES), repr=False
    )


class UserAttributeValuesDict(TypedDict):
    """`UserAttributeValues` by the vendor's names, but for the attributes: definition id to value."""

    user_id: str
    attributes: Mapping[str, RowValue]


@attrs.frozen
class UserAttributeKeys:
    """Several attributes of one user."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    definition_ids: Sequence[str] = attrs.field(validator=texts("definition_ids"))


class UserAttributeKeysDict(TypedDict):
    """`UserAttributeKeys` by the vendor's names."""

    user_id: str
    definition_ids: Sequence[str]


@attrs.frozen
class AttributeValidation:
    """What the value of an attribute must hold."""

    type: str | None = None
    value: JsonValue = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Switched:
    """A part of a definition that is on or off, such as its masking."""

    enabled: bool | None = None
    type: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinition:
    """An attribute that users of the application may have."""

    id: str | None = attrs.field(default=None, metadata=wire_name("_id"))
    name: str | None = None
    slug: str | None = None
    description: str | None = None
    type: str | None = None
    validations: Sequence[AttributeValidation] = attrs.field(default=())
    default_value: JsonValue = attrs.field(default=None, repr=False)
    encrypted: bool | None = None
    pinned: bool | None = None
    pin_order: float | None = None
    customer_editable: bool | None = None
    is_locked: bool | None = None
    #: Date and time as the vendor writes them.
    created_at: str | None = None
    modified_at: str | None = None
    # Known from the vendor's SDKs.
    application_id: str | None = None
    icon: str | None = None
    ordering_channels: Sequence[str] = attrs.field(default=())
    masking: Switched | None = None
    registration: Switched | None = None
    is_multi_value: bool | None = None
    options: Sequence[str] = attrs.field(default=())
    created_by: str | None = attrs.field(default=None, repr=False)
    updated_by: str | None = attrs.field(default=None, repr=False)
    version: int | None = attrs.field(default=None, metadata=wire_name("__v"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinitionList:
    """A page of definitions."""

    items: Sequence[AttributeDefinition] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class KeyValue:
    """An attribute's key with its value."""

    key: str | None = None
    #: None where the vendor has null.
    value: JsonValue = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class UserAttribute:
    """An attribute of a user."""

    id: str | None = attrs.field(default=None, metadata=wire_name("_id"))
    application_id: str | None = None
    user_id: str | None = attrs.field(default=None, repr=mask)
    user_attribute_definition_id: str | None = None
    attribute: KeyValue | None = None
    type: str | None = None
    updated_by: str | None = attrs.field(default=None, repr=False)
    customer_overridden: bool | None = None
    # Known from the vendor's SDKs.
    name: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class UserAttributeList:
    """A page of a user's attributes."""

    items: Sequence[UserAttribute] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class UserAttributesSet:
    """Several attributes of a user, after they were set."""

    success: bool | str | None = None
    attributes: Sequence[UserAttribute] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class BulkUpdateQueued:
    """A bulk update that will be done later."""

    success: bool | str | None = None
    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    processing_type: str | None = None
    #: The vendor documents no route by which to ask what became of it.
    job_id: str | None = None
    status_code: int | None = None
    #: Holds what older versions of the vendor answer: counts and errors by user.
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
