"""What Iterable's operations take and answer: rows that are checked, answers that tolerate.

A row is an attrs class with Python names, or a plain dict with the vendor's own; both are checked alike.
How many identifiers a row must have depends on the operation and the project: that rule stands with the
operations. An answer keeps what the vendor adds in ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

import attrs

from netaudience.errors import mask
from netaudience.rules import Rule, both, flag, identifier, rule, text, whole_number
from netaudience.wire import JsonValue, wire_name

__all__ = [
    "EMAIL",
    "USER_ID",
    "DeviceReference",
    "DeviceReferenceDict",
    "DeviceRegistration",
    "DeviceRegistrationDict",
    "EmailChange",
    "EmailChangeDict",
    "Event",
    "EventDict",
    "EventWithoutId",
    "EventWithoutIdDict",
    "FailedUpdates",
    "GetUserResponse",
    "IterableResponse",
    "SubscriptionUpdate",
    "SubscriptionUpdateDict",
    "SubscriptionsResult",
    "TrackResult",
    "User",
    "UserBulkResult",
    "UserReference",
    "UserReferenceDict",
    "UserUpdate",
    "UserUpdateDict",
]

_UNKNOWN: Mapping[str, JsonValue] = {}
_LONGEST_USER_ID = 52
_LONGEST_EVENT_ID = 512

#: Iterable checks the format; what it checks is not documented. The rule here only tells a column of
#: something else, and keeps a path segment from being read as a step up.
EMAIL: Rule = both(
    identifier("profile's email"),
    rule(
        "A profile's email must have an @: look at the column that it came from",
        lambda value: isinstance(value, str) and "@" in value,
    ),
)


def _is_user_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_USER_ID
        and value.isascii()
        and value.isprintable()
        and not value.endswith(" ")
    )


#: Source: https://support.iterable.com/hc/articles/9216719179796
USER_ID: Rule = both(
    identifier("profile's userId"),
    rule(
        f"A profile's userId has at most {_LONGEST_USER_ID} characters, each of them printable ASCII, "
        "and no space at its end: clean the column that it came from",
        _is_user_id,
    ),
)

#: There is no FCM: Firebase goes by GCM, the name it had.
_PLATFORMS = ("APNS", "APNS_SANDBOX", "GCM")
_PLATFORM = rule(
    f"A device's platform must be {', '.join(_PLATFORMS[:-1])} or {_PLATFORMS[-1]}, in capitals; "
    "Firebase goes by GCM",
    lambda value: isinstance(value, str) and value in _PLATFORMS,
)

#: Nothing to set is no mistake: the vendor takes an empty object.
_DATA_FIELDS = rule(
    "The dataFields must be a mapping of names to values", lambda value: isinstance(value, Mapping)
)

_EVENT_ID = both(
    text("event's id"),
    rule(
        f"An event's id has at most {_LONGEST_EVENT_ID} bytes",
        lambda value: len(str(value).encode(errors="replace")) <= _LONGEST_EVENT_ID,
    ),
)


def _are_ids(value: object) -> bool:
    numbers = whole_number("id")
    return isinstance(value, list | tuple) and all(
        numbers.problem(one) is None for one in cast("Sequence[object]", value)
    )


def _ids(noun: str) -> Rule:
    """Demand a list of ids; an empty one is a list, too: it overwrites with nothing."""
    return rule(f"The {noun} must be a list of whole numbers; it may be empty", _are_ids)


def _masked(key: object) -> str:
    return "None" if key is None else mask(key)


def _identifying(rule_of_it: Rule, wire: str) -> Any:  # noqa: ANN401 - attrs gives a field the type of its annotation
    """Return the field of an identifier, of which a row has at least one."""
    return attrs.field(default=None, validator=rule_of_it, metadata=wire_name(wire), repr=_masked)


# What is sent.


@attrs.frozen(kw_only=True)
class UserUpdate:
    """A user's profile to create or update; fields that are not named keep their values."""

    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")
    #: Field names and values. A field's type may never change. A date is text such as
    #: ``2026-01-31 09:00:00 +00:00``.
    data_fields: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=_DATA_FIELDS, metadata=wire_name("dataFields"), repr=False
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
    dataFields: NotRequired[Mapping[str, JsonValue]]
    preferUserId: NotRequired[bool]
    mergeNestedObjects: NotRequired[bool]


@attrs.frozen(kw_only=True)
class UserReference:
    """A user, by one identifier."""

    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")


class UserReferenceDict(TypedDict):
    """`UserReference` by the vendor's names."""

    email: NotRequired[str]
    userId: NotRequired[str]


@attrs.frozen(kw_only=True)
class DeviceRegistration:
    """A device that may receive push messages, and whose it is."""

    #: The push token.
    token: str = attrs.field(validator=identifier("device token"), repr=mask)
    #: ``APNS``, ``APNS_SANDBOX`` or ``GCM``; Firebase is ``GCM``.
    platform: str = attrs.field(validator=_PLATFORM)
    #: The push integration's name in Iterable.
    application_name: str = attrs.field(
        validator=text("device's applicationName"), metadata=wire_name("applicationName")
    )
    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")
    #: What is known about the device; merged with what is known already.
    data_fields: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=_DATA_FIELDS, metadata=wire_name("dataFields"), repr=False
    )
    #: As in `UserUpdate`.
    prefer_user_id: bool | None = attrs.field(
        default=None, validator=flag("preferUserId"), metadata=wire_name("preferUserId")
    )


class DeviceRegistrationDict(TypedDict):
    """`DeviceRegistration` by the vendor's names, flat."""

    token: str
    platform: str
    applicationName: str
    email: NotRequired[str]
    userId: NotRequired[str]
    dataFields: NotRequired[Mapping[str, JsonValue]]
    preferUserId: NotRequired[bool]


@attrs.frozen(kw_only=True)
class DeviceReference:
    """A device's token, and on whose profile it is meant."""

    #: The push token.
    token: str = attrs.field(validator=identifier("device token"), repr=mask)
    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")


class DeviceReferenceDict(TypedDict):
    """`DeviceReference` by the vendor's names."""

    token: str
    email: NotRequired[str]
    userId: NotRequired[str]


@attrs.frozen(kw_only=True)
class SubscriptionUpdate:
    """What a user is subscribed to from now on. What is given **overwrites**; None leaves as it is.

    An empty list is not the same as None: it overwrites with nothing.
    """

    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")
    #: The lists that the user is on.
    email_list_ids: Sequence[int] | None = attrs.field(
        default=None, validator=_ids("emailListIds"), metadata=wire_name("emailListIds")
    )
    #: The channels that the user gets nothing from.
    unsubscribed_channel_ids: Sequence[int] | None = attrs.field(
        default=None, validator=_ids("unsubscribedChannelIds"), metadata=wire_name("unsubscribedChannelIds")
    )
    #: The message types that the user does not get.
    unsubscribed_message_type_ids: Sequence[int] | None = attrs.field(
        default=None,
        validator=_ids("unsubscribedMessageTypeIds"),
        metadata=wire_name("unsubscribedMessageTypeIds"),
    )
    #: The message types that the user has opted in to; needs a feature that the vendor turns on.
    subscribed_message_type_ids: Sequence[int] | None = attrs.field(
        default=None,
        validator=_ids("subscribedMessageTypeIds"),
        metadata=wire_name("subscribedMessageTypeIds"),
    )
    #: The campaign that unsubscribes are attributed to.
    campaign_id: int | None = attrs.field(
        default=None, validator=whole_number("campaignId"), metadata=wire_name("campaignId")
    )
    #: The template that unsubscribes are attributed to.
    template_id: int | None = attrs.field(
        default=None, validator=whole_number("templateId"), metadata=wire_name("templateId")
    )
    #: False lets message types be subscribed to whose channel is not; True if not set.
    validate_channel_alignment: bool | None = attrs.field(
        default=None,
        validator=flag("validateChannelAlignment"),
        metadata=wire_name("validateChannelAlignment"),
    )


class SubscriptionUpdateDict(TypedDict):
    """`SubscriptionUpdate` by the vendor's names; leave out what shall stay as it is."""

    email: NotRequired[str]
    userId: NotRequired[str]
    emailListIds: NotRequired[Sequence[int]]
    unsubscribedChannelIds: NotRequired[Sequence[int]]
    unsubscribedMessageTypeIds: NotRequired[Sequence[int]]
    subscribedMessageTypeIds: NotRequired[Sequence[int]]
    campaignId: NotRequired[int]
    templateId: NotRequired[int]
    validateChannelAlignment: NotRequired[bool]


@attrs.frozen(kw_only=True)
class EmailChange:
    """A user's new e-mail address, in an email-based project."""

    #: The address from now on.
    new_email: str = attrs.field(validator=EMAIL, metadata=wire_name("newEmail"), repr=mask)
    #: The address so far.
    current_email: str | None = _identifying(EMAIL, "currentEmail")
    #: The userId, in place of the address so far.
    current_user_id: str | None = _identifying(USER_ID, "currentUserId")


class EmailChangeDict(TypedDict):
    """`EmailChange` by the vendor's names."""

    newEmail: str
    currentEmail: NotRequired[str]
    currentUserId: NotRequired[str]


@attrs.frozen(kw_only=True)
class EventWithoutId:
    """Something that a user did. Without an id of its own it is stored once more each time it is sent."""

    event_name: str = attrs.field(validator=text("event's name"), metadata=wire_name("eventName"))
    email: str | None = _identifying(EMAIL, "email")
    user_id: str | None = _identifying(USER_ID, "userId")
    #: When it happened, in seconds since 1970; when it was received if not set.
    created_at: int | None = attrs.field(
        default=None, validator=whole_number("event's createdAt"), metadata=wire_name("createdAt")
    )
    #: Field names and values of the event.
    data_fields: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=_DATA_FIELDS, metadata=wire_name("dataFields"), repr=False
    )
    #: The campaign that it is attributed to.
    campaign_id: int | None = attrs.field(
        default=None, validator=whole_number("campaignId"), metadata=wire_name("campaignId")
    )
    #: The template that it is attributed to.
    template_id: int | None = attrs.field(
        default=None, validator=whole_number("templateId"), metadata=wire_name("templateId")
    )


class EventWithoutIdDict(TypedDict):
    """`EventWithoutId` by the vendor's names."""

    eventName: str
    email: NotRequired[str]
    userId: NotRequired[str]
    createdAt: NotRequired[int]
    dataFields: NotRequired[Mapping[str, JsonValue]]
    campaignId: NotRequired[int]
    templateId: NotRequired[int]


@attrs.frozen(kw_only=True)
class Event(EventWithoutId):
    """Something that a user did, with an id: sent again, it replaces itself."""

    #: Your own id of the event, at most 512 bytes.
    id: str = attrs.field(validator=_EVENT_ID, repr=mask)


class EventDict(EventWithoutIdDict):
    """`Event` by the vendor's names."""

    id: str


# What comes back.


def _names(wire: str) -> Any:  # noqa: ANN401 - attrs gives a field the type of its annotation
    """Return the field of a list that may hold identifiers of people."""
    return attrs.field(default=(), metadata=wire_name(wire), repr=False)


@attrs.frozen(kw_only=True)
class IterableResponse:
    """The envelope of an answer about one user."""

    #: ``Success``. Required: without it the answer is not Iterable's.
    code: str
    #: May repeat what was sent.
    msg: str = attrs.field(default="", repr=False)
    params: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class FailedUpdates:
    """The users that an answer blames, by the reason; other lists of that kind are in ``unknown``."""

    conflict_emails: Sequence[str] = _names("conflictEmails")
    conflict_user_ids: Sequence[str] = _names("conflictUserIds")
    forgotten_emails: Sequence[str] = _names("forgottenEmails")
    forgotten_user_ids: Sequence[str] = _names("forgottenUserIds")
    invalid_data_emails: Sequence[str] = _names("invalidDataEmails")
    invalid_data_user_ids: Sequence[str] = _names("invalidDataUserIds")
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Those who are not on the list, for calls about lists.
    not_found_emails: Sequence[str] = _names("notFoundEmails")
    not_found_user_ids: Sequence[str] = _names("notFoundUserIds")
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


_NO_FAILED_UPDATES = FailedUpdates()


@attrs.frozen(kw_only=True)
class UserBulkResult:
    """The answer about many users, of bulk updates and of lists."""

    success_count: int | None = attrs.field(default=None, metadata=wire_name("successCount"))
    fail_count: int | None = attrs.field(default=None, metadata=wire_name("failCount"))
    failed_updates: FailedUpdates = attrs.field(
        default=_NO_FAILED_UPDATES, metadata=wire_name("failedUpdates"), repr=False
    )
    #: Fields that the request has added to the project's schema.
    created_fields: Sequence[str] = attrs.field(default=(), metadata=wire_name("createdFields"))
    #: Fields that were dropped; a run tells them as a warning.
    filtered_out_fields: Sequence[str] = attrs.field(default=(), metadata=wire_name("filteredOutFields"))
    #: Of older answers, which have no `failed_updates`.
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Users whom the request has changed nothing of; reported, not in the vendor's documents.
    no_op_emails: Sequence[str] = _names("noOpEmails")
    no_op_user_ids: Sequence[str] = _names("noOpUserIds")
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class TrackResult(UserBulkResult):
    """The answer about many events."""

    #: Names of events that the project does not take.
    disallowed_event_names: Sequence[str] = attrs.field(
        default=(), metadata=wire_name("disallowedEventNames")
    )


@attrs.frozen(kw_only=True)
class SubscriptionsResult:
    """The answer about the subscriptions of many users."""

    success_count: int | None = attrs.field(default=None, metadata=wire_name("successCount"))
    fail_count: int | None = attrs.field(default=None, metadata=wire_name("failCount"))
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Users who are valid and on whom the vendor failed; they are sent again.
    valid_email_failures: Sequence[str] = _names("validEmailFailures")
    valid_user_id_failures: Sequence[str] = _names("validUserIdFailures")
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class User:
    """A user's profile."""

    email: str | None = attrs.field(default=None, repr=_masked)
    user_id: str | None = attrs.field(default=None, metadata=wire_name("userId"), repr=_masked)
    #: Field names and values, the vendor's own fields among them.
    data_fields: Mapping[str, JsonValue] = attrs.field(
        factory=dict[str, JsonValue], metadata=wire_name("dataFields"), repr=False
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class GetUserResponse:
    """The answer to the question for a user."""

    #: None where there is no such user.
    user: User | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
