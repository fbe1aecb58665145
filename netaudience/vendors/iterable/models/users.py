"""Iterable's users: their profiles, addresses and merges, and what is known of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    flag,
)
from netaudience.model.value_forms import RowValue, Unset, unset_by, written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.iterable.rules import (
    ARRAY_MERGE,
    EMAIL,
    UNKNOWN,
    USER_ID,
    USERS_FIELDS,
    identifying,
    masked,
)
from netaudience.vendors.iterable.values import VALUES


@attrs.frozen(kw_only=True)
class UserUpdate:
    """A user's profile to create or update; fields that are not named keep their values."""

    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")
    #: Field names and values. A field's type may never change. A date is text such as
    #: ``2026-01-31 09:00:00 +00:00``, a ``phoneNumber`` is E.164 such as ``+905321234567``.
    data_fields: Mapping[str, RowValue] | None = attrs.field(
        default=None,
        validator=USERS_FIELDS,
        # Null is reported to take a field off the profile.
        metadata={**written_as(VALUES, "dataFields"), **unset_by(Unset())},
        repr=False,
    )
    #: In an email-based project, creates a profile with a placeholder address for a userId that is not
    #: known; ignored in other projects.
    prefer_user_id: bool | None = attrs.field(
        default=None, validator=flag("preferUserId"), metadata=wire_name("preferUserId")
    )
    #: Merges objects at the top level of `data_fields`; they are replaced if not set.
    merge_nested_objects: bool | None = attrs.field(
        default=None, validator=flag("mergeNestedObjects"), metadata=wire_name("mergeNestedObjects")
    )


class UserUpdateDict(TypedDict):
    """`UserUpdate` by the vendor's names."""

    email: NotRequired[str]
    userId: NotRequired[str]
    dataFields: NotRequired[Mapping[str, RowValue]]
    preferUserId: NotRequired[bool]
    mergeNestedObjects: NotRequired[bool]


@attrs.frozen(kw_only=True)
class UserReference:
    """A user, by one identifier."""

    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")


class UserReferenceDict(TypedDict):
    """`UserReference` by the vendor's names."""

    email: NotRequired[str]
    userId: NotRequired[str]


@attrs.frozen(kw_only=True)
class EmailChange:
    """A user's new e-mail address, in an email-based project."""

    #: The address from now on.
    new_email: str = attrs.field(validator=EMAIL, metadata=wire_name("newEmail"), repr=mask)
    #: The address so far.
    current_email: str | None = identifying(EMAIL, "currentEmail")
    #: The userId, in place of the address so far.
    current_user_id: str | None = identifying(USER_ID, "currentUserId")


class EmailChangeDict(TypedDict):
    """`EmailChange` by the vendor's names."""

    newEmail: str
    currentEmail: NotRequired[str]
    currentUserId: NotRequired[str]


@attrs.frozen(kw_only=True)
class Merge:
    """A user to be merged into another one, and gone then."""

    source_email: str | None = identifying(EMAIL, "sourceEmail")
    source_user_id: str | None = identifying(USER_ID, "sourceUserId")
    destination_email: str | None = identifying(EMAIL, "destinationEmail")
    destination_user_id: str | None = identifying(USER_ID, "destinationUserId")
    #: Which lists of the two become one, such as ``{"field": "cart", "dedupeBy": "sku"}``; others are the
    #: destination's.
    array_merge: Sequence[Mapping[str, str]] | None = attrs.field(
        default=None, validator=ARRAY_MERGE, metadata=wire_name("arrayMerge")
    )


class MergeDict(TypedDict):
    """`Merge` by the vendor's names."""

    sourceEmail: NotRequired[str]
    sourceUserId: NotRequired[str]
    destinationEmail: NotRequired[str]
    destinationUserId: NotRequired[str]
    arrayMerge: NotRequired[Sequence[Mapping[str, str]]]


@attrs.frozen(kw_only=True)
class User:
    """A user's profile."""

    email: str | None = attrs.field(default=None, repr=masked)
    user_id: str | None = attrs.field(default=None, metadata=wire_name("userId"), repr=masked)
    #: Field names and values, the vendor's own fields among them.
    data_fields: Mapping[str, JsonValue] = attrs.field(
        factory=dict[str, JsonValue], metadata=wire_name("dataFields"), repr=False
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class GetUserResponse:
    """The answer to the question for a user."""

    #: None where there is no such user.
    user: User | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class SentMessages:
    """Messages that were sent to a user; what one holds is not documented where it could be read."""

    messages: Sequence[Mapping[str, JsonValue]] = attrs.field(default=(), repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
