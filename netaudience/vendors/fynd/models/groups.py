"""Fynd's groups of users, and who is put into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    email,
    identifier,
    phone,
    text,
)
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.fynd.models.customers import UserSummary
from netaudience.vendors.fynd.models.pages import UNKNOWN, CursorPage, NumberPage
from netaudience.vendors.fynd.rules import CONDITIONS, FILE_URL, GROUP_ID, number_as_given


@attrs.frozen
class NewGroup:
    """A new group; its members are those of the file, or those who fulfil the conditions."""

    name: str = attrs.field(validator=text("name"), repr=mask)
    description: str = attrs.field(validator=text("description"))
    #: The key of a category, such as ``l1``; the vendor's page requires it, its SDKs do not know it.
    category: str | None = attrs.field(default=None, validator=text("category"))
    #: Where the vendor fetches the file: CSV with a column user_id, email or phone_number.
    file_url: str | None = attrs.field(default=None, validator=FILE_URL, repr=False)
    #: ``bulk`` or ``conditional``. This and the conditions are known from the vendor's SDKs.
    type: str | None = attrs.field(default=None, validator=text("type"))
    #: Instead of a file: what the attributes of a member hold. Objects with ``user_attribute_definition_id``,
    #: ``type`` (``eq``, ``in``, ``btw`` …), ``value`` and perhaps ``ignore_year``.
    conditions: Sequence[Mapping[str, JsonValue]] | None = attrs.field(
        default=None, validator=CONDITIONS, repr=False
    )


class NewGroupDict(TypedDict):
    """`NewGroup` by the vendor's names."""

    name: str
    description: str
    category: NotRequired[str]
    file_url: NotRequired[str]
    type: NotRequired[str]
    conditions: NotRequired[Sequence[Mapping[str, JsonValue]]]


@attrs.frozen
class GroupMember:
    """A user who is put into a group, or taken out of it; one of the three names the user."""

    #: The vendor's own id of the user.
    user_id: str | None = attrs.field(default=None, validator=identifier("user id"), repr=mask)
    email: str | None = attrs.field(default=None, validator=email("email"), repr=False)
    #: How the vendor writes telephone numbers here is not documented: it goes as it is given.
    phone_number: str | None = attrs.field(
        default=None, validator=phone("phone number", number_as_given), repr=False
    )


class GroupMemberDict(TypedDict):
    """`GroupMember` by the vendor's names."""

    user_id: NotRequired[str]
    email: NotRequired[str]
    phone_number: NotRequired[str]


@attrs.frozen
class GroupUpdate:
    """What is to change in a group; what is not given stays as it is."""

    group_id: str = attrs.field(validator=GROUP_ID, repr=mask)
    name: str | None = attrs.field(default=None, validator=text("name"))
    description: str | None = attrs.field(default=None, validator=text("description"))
    #: A file as for a new group, with a column ``action`` (``add`` or ``remove``) besides.
    file_url: str | None = attrs.field(default=None, validator=FILE_URL, repr=False)


class GroupUpdateDict(TypedDict):
    """`GroupUpdate` by the vendor's names."""

    group_id: str
    name: NotRequired[str]
    description: NotRequired[str]
    file_url: NotRequired[str]


@attrs.frozen
class GroupReplacement:
    """What a group is to be instead of what it was; known from the vendor's SDKs."""

    group_id: str = attrs.field(validator=GROUP_ID, repr=mask)
    name: str | None = attrs.field(default=None, validator=text("name"))
    description: str | None = attrs.field(default=None, validator=text("description"))
    #: ``bulk`` or ``conditional``.
    type: str | None = attrs.field(default=None, validator=text("type"))
    file_url: str | None = attrs.field(default=None, validator=FILE_URL, repr=False)
    #: As for a new group.
    conditions: Sequence[Mapping[str, JsonValue]] | None = attrs.field(
        default=None, validator=CONDITIONS, repr=False
    )


class GroupReplacementDict(TypedDict):
    """`GroupReplacement` by the vendor's names."""

    group_id: str
    name: NotRequired[str]
    description: NotRequired[str]
    type: NotRequired[str]
    file_url: NotRequired[str]
    conditions: NotRequired[Sequence[Mapping[str, JsonValue]]]


@attrs.frozen
class GroupTags:
    """All tags that groups have."""

    items: Sequence[str] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupCategory:
    """A category of groups; its fields are known from an older SDK, the page shows none."""

    name: str | None = None
    key: str | None = None
    description: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupCategories:
    """The categories of groups."""

    items: Sequence[GroupCategory] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class CategorisedGroups:
    """Groups by category."""

    #: The page does not show what it holds; the storefront's has lists of `Group.uid` by category.
    user_groups: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupCondition:
    """A condition that the users of a group fulfil; known from the vendor's SDKs."""

    user_attribute_definition_id: str | None = None
    type: str | None = None
    value: JsonValue = attrs.field(default=None, repr=False)
    key: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupFileError:
    """How many rows of a group's file were rejected, and where they are; known from the vendor's SDKs."""

    count: int | None = None
    file_url: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


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
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupList:
    """A page of groups."""

    items: Sequence[Group] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class GroupUsers:
    """A page of a group's users."""

    items: Sequence[UserSummary] = attrs.field(default=())
    page: CursorPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class RefreshStarted:
    """A count of a group's users that will be done later."""

    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    #: The group's `Group.uid`.
    uid: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
