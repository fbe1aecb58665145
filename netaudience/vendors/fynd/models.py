"""What Fynd's operations take and answer: rows that are checked, answers that tolerate.

A row is flat, so that the columns of a table are its fields; where the vendor nests, the encoder does. An
answer's fields are all optional, for the vendor marks none as required; what it adds is kept in
``unknown``. Fields that its SDKs know and its page does not stand below the others and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypeAlias, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.rules import both, flag, identifier, json_object, rule, text, texts
from netaudience.wire import JsonValue, wire_name

__all__ = [
    "AttributeDefinition",
    "AttributeDefinitionList",
    "AttributeDefinitionUpdate",
    "AttributeDefinitionUpdateDict",
    "AttributeValidation",
    "BulkUpdateQueued",
    "BulkUserAttributes",
    "BulkUserAttributesDict",
    "CategorisedGroups",
    "CursorPage",
    "CustomerSearch",
    "Deleted",
    "Email",
    "Group",
    "GroupCategories",
    "GroupCategory",
    "GroupCondition",
    "GroupFileError",
    "GroupList",
    "GroupTags",
    "GroupUpdate",
    "GroupUpdateDict",
    "GroupUsers",
    "KeyValue",
    "NewAttributeDefinition",
    "NewAttributeDefinitionDict",
    "NewGroup",
    "NewGroupDict",
    "NumberPage",
    "PhoneNumber",
    "RefreshStarted",
    "Switched",
    "UserAttribute",
    "UserAttributeKey",
    "UserAttributeKeyDict",
    "UserAttributeKeys",
    "UserAttributeKeysDict",
    "UserAttributeList",
    "UserAttributeValue",
    "UserAttributeValueDict",
    "UserAttributeValues",
    "UserAttributeValuesDict",
    "UserAttributesSet",
    "UserSummary",
    "Value",
    "in_path",
]

_UNKNOWN: Mapping[str, JsonValue] = {}

Value: TypeAlias = str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue]
"""An attribute's value: any JSON value but null. Which of them fits is up to the definition's type."""

#: An id that is only dots, or that holds a slash, could make a path lead to another operation: the deletion
#: of a user's attribute would become that of its definition.
in_path = rule(
    "An id must not be . or .. and must hold no slash: it becomes a part of the request's path",
    lambda value: isinstance(value, str) and value not in {".", ".."} and {"/", "\\"}.isdisjoint(value),
)
_USER_ID = both(identifier("user id"), in_path)
_DEFINITION_ID = both(identifier("definition id"), in_path)
_GROUP_ID = both(identifier("group id"), in_path)
_FILE_URL = both(
    text("file_url"),
    rule(
        "A file_url must begin with https:// or http://: the vendor fetches the file itself",
        lambda value: isinstance(value, str) and value.lower().startswith(("https://", "http://")),
    ),
)
_VALUE = rule(
    "A value must be a JSON value other than null: to remove an attribute, delete it",
    lambda value: isinstance(value, str | int | float | Mapping | list | tuple),
)
_VALUES = both(
    json_object("attributes"),
    rule(
        "The attributes must have values other than null: to remove an attribute, delete it",
        lambda values: all(name and value is not None for name, value in values.items()),
    ),
)


# What is sent.


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

    definition_id: str = attrs.field(validator=_DEFINITION_ID, repr=mask)
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
    file_url: str = attrs.field(validator=_FILE_URL, repr=False)
    #: Values by the attribute's key.
    attributes: Mapping[str, JsonValue] = attrs.field(validator=_VALUES, repr=False)


class BulkUserAttributesDict(TypedDict):
    """`BulkUserAttributes` by the vendor's names, but for the attributes: key to value."""

    file_url: str
    attributes: Mapping[str, JsonValue]


@attrs.frozen
class UserAttributeValue:
    """The value of one attribute of one user."""

    user_id: str = attrs.field(validator=_USER_ID, repr=mask)
    definition_id: str = attrs.field(validator=_DEFINITION_ID)
    #: Any JSON value but null.
    value: Value = attrs.field(validator=_VALUE, repr=False)
    #: Known from the vendor's SDKs, not from its page.
    customer_overridden: bool | None = attrs.field(default=None, validator=flag("customer_overridden"))


class UserAttributeValueDict(TypedDict):
    """`UserAttributeValue` by the vendor's names."""

    user_id: str
    definition_id: str
    value: Value
    customer_overridden: NotRequired[bool]


@attrs.frozen
class UserAttributeKey:
    """One attribute of one user."""

    user_id: str = attrs.field(validator=_USER_ID, repr=mask)
    definition_id: str = attrs.field(validator=_DEFINITION_ID)


class UserAttributeKeyDict(TypedDict):
    """`UserAttributeKey` by the vendor's names."""

    user_id: str
    definition_id: str


@attrs.frozen
class UserAttributeValues:
    """Values of several attributes of one user."""

    user_id: str = attrs.field(validator=_USER_ID, repr=mask)
    #: Values by the id of the definition.
    attributes: Mapping[str, JsonValue] = attrs.field(validator=_VALUES, repr=False)


class UserAttributeValuesDict(TypedDict):
    """`UserAttributeValues` by the vendor's names, but for the attributes: definition id to value."""

    user_id: str
    attributes: Mapping[str, JsonValue]


@attrs.frozen
class UserAttributeKeys:
    """Several attributes of one user."""

    user_id: str = attrs.field(validator=_USER_ID, repr=mask)
    definition_ids: Sequence[str] = attrs.field(validator=texts("definition_ids"))


class UserAttributeKeysDict(TypedDict):
    """`UserAttributeKeys` by the vendor's names."""

    user_id: str
    definition_ids: Sequence[str]


@attrs.frozen
class NewGroup:
    """A new group; its members are those of the file."""

    name: str = attrs.field(validator=text("name"), repr=mask)
    description: str = attrs.field(validator=text("description"))
    #: The key of a category, such as ``l1``.
    category: str = attrs.field(validator=text("category"))
    #: Where the vendor fetches the file: CSV with a column user_id, email or phone_number.
    file_url: str = attrs.field(validator=_FILE_URL, repr=False)


class NewGroupDict(TypedDict):
    """`NewGroup` by the vendor's names."""

    name: str
    description: str
    category: str
    file_url: str


@attrs.frozen
class GroupUpdate:
    """What is to change in a group; what is not given stays as it is."""

    group_id: str = attrs.field(validator=_GROUP_ID, repr=mask)
    name: str | None = attrs.field(default=None, validator=text("name"))
    description: str | None = attrs.field(default=None, validator=text("description"))
    #: A file as for a new group, with a column ``action`` (``add`` or ``remove``) besides.
    file_url: str | None = attrs.field(default=None, validator=_FILE_URL, repr=False)


class GroupUpdateDict(TypedDict):
    """`GroupUpdate` by the vendor's names."""

    group_id: str
    name: NotRequired[str]
    description: NotRequired[str]
    file_url: NotRequired[str]


# What comes back.


@attrs.frozen
class NumberPage:
    """Where a page stands among pages that have numbers."""

    type: str | None = None
    #: The page's number.
    current: int | None = None
    size: int | None = None
    #: Rows on all pages; seen to be 0 where there were some.
    item_total: int | None = None
    has_next: bool | None = None
    has_previous: bool | None = None
    #: Known from the vendor's SDKs.
    total: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class CursorPage:
    """Where a page stands among pages that follow one another by cursors."""

    type: str | None = None
    current: int | None = None
    size: int | None = None
    has_next: bool | None = None
    #: The vendor's name for it differs from that of `NumberPage`.
    has_previous: bool | None = attrs.field(default=None, metadata=wire_name("has_prev"))
    next_cursor: str | None = attrs.field(default=None, repr=mask)
    prev_cursor: str | None = attrs.field(default=None, repr=mask)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class AttributeValidation:
    """What the value of an attribute must hold."""

    type: str | None = None
    value: JsonValue = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Switched:
    """A part of a definition that is on or off, such as its masking."""

    enabled: bool | None = None
    type: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class AttributeDefinitionList:
    """A page of definitions."""

    items: Sequence[AttributeDefinition] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class KeyValue:
    """An attribute's key with its value."""

    key: str | None = None
    #: None where the vendor has null.
    value: JsonValue = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class UserAttributeList:
    """A page of a user's attributes."""

    items: Sequence[UserAttribute] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class UserAttributesSet:
    """Several attributes of a user, after they were set."""

    success: bool | str | None = None
    attributes: Sequence[UserAttribute] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Deleted:
    """What was deleted, as the vendor says it."""

    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    success: bool | str | None = None
    #: Known from the vendor's SDKs, of a group.
    id: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupTags:
    """All tags that groups have."""

    items: Sequence[str] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupCategory:
    """A category of groups; its fields are known from an older SDK, the page shows none."""

    name: str | None = None
    key: str | None = None
    description: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupCategories:
    """The categories of groups."""

    items: Sequence[GroupCategory] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class CategorisedGroups:
    """Groups by category."""

    #: The page does not show what it holds; the storefront's has lists of `Group.uid` by category.
    user_groups: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupCondition:
    """A condition that the users of a group fulfil; known from the vendor's SDKs."""

    user_attribute_definition_id: str | None = None
    type: str | None = None
    value: JsonValue = attrs.field(default=None, repr=False)
    key: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupFileError:
    """How many rows of a group's file were rejected, and where they are; known from the vendor's SDKs."""

    count: int | None = None
    file_url: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Group:
    """A group of users."""

    id: str | None = attrs.field(default=None, metadata=wire_name("_id"))
    #: Another id than `id`; the filter ``group_uid`` means this one.
    uid: int | None = None
    name: str | None = None
    description: str | None = None
    file_url: str | None = attrs.field(default=None, repr=False)
    application_id: str | None = None
    #: ``bulk`` or ``conditional``, by the vendor's SDKs.
    type: str | None = None
    status: str | None = None
    category: str | None = None
    tags: Sequence[str] = attrs.field(default=())
    #: An object whose shape the page does not show.
    total_users: JsonValue = None
    #: Date and time as the vendor writes them.
    created_at: str | None = None
    modified_at: str | None = None
    is_active: bool | None = None
    version: int | None = attrs.field(default=None, metadata=wire_name("__v"))
    # Known from the vendor's SDKs.
    conditions: Sequence[GroupCondition] = attrs.field(default=())
    blacklisted_users: Sequence[str] = attrs.field(default=(), repr=False)
    #: The only word there is on single rows of a group's file.
    error: GroupFileError | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupList:
    """A page of groups."""

    items: Sequence[Group] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Email:
    """An e-mail address of a user."""

    email: str | None = attrs.field(default=None, repr=False)
    primary: bool | None = None
    verified: bool | None = None
    active: bool | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class PhoneNumber:
    """A telephone number of a user."""

    phone: str | None = attrs.field(default=None, repr=False)
    country_code: int | None = None
    verified: bool | None = None
    primary: bool | None = None
    active: bool | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class UserSummary:
    """A user, as lists show it."""

    user_id: str | None = attrs.field(default=None, repr=mask)
    emails: Sequence[Email] = attrs.field(default=())
    phone_numbers: Sequence[PhoneNumber] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class GroupUsers:
    """A page of a group's users."""

    items: Sequence[UserSummary] = attrs.field(default=())
    page: CursorPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class CustomerSearch:
    """The customers that a search found."""

    #: What the vendor tells of each besides these fields is in their ``unknown``.
    users: Sequence[UserSummary] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class RefreshStarted:
    """A count of a group's users that will be done later."""

    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    #: The group's `Group.uid`.
    uid: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
