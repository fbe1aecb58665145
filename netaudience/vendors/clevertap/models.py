"""What CleverTap's operations take and answer: rows that are checked, answers that tolerate.

A row is flat, an attrs class with Python names or a plain dict with the vendor's own; `profile_record` and
its kin nest it as the vendor wants it. An answer's fields are all optional; what is not known is kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import epoch_seconds, identifier, json_object, text, trimmed, with_entries
from netaudience.model.value_forms import RowValue, Unset, unset_by, written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.clevertap.rules import EMAIL, PHONE_PROPERTY, exactly_one_word, properties, removable
from netaudience.vendors.clevertap.values import SECONDS, VALUES, in_seconds

__all__ = [
    "ApiSegment",
    "Count",
    "CustomList",
    "EventPage",
    "EventRecord",
    "EventSummary",
    "EventUpload",
    "EventUploadDict",
    "ListTaken",
    "NewApiSegment",
    "NewApiSegmentDict",
    "Platform",
    "Profile",
    "ProfileFound",
    "ProfilePage",
    "ProfileUpload",
    "ProfileUploadDict",
    "SignedAddress",
    "SubscriptionUpdate",
    "SubscriptionUpdateDict",
    "TokenUpload",
    "TokenUploadDict",
    "Unprocessed",
    "Uploaded",
]

_UNKNOWN: Mapping[str, JsonValue] = {}
_MOST_PROFILE_KEYS = 256
_MOST_EVENT_PROPERTIES = 256


# What is sent.


@attrs.frozen(kw_only=True)
class ProfileUpload:
    """A user's properties to set; exactly one of the four identifiers names the user."""

    #: Your own id of the user.
    identity: str | None = attrs.field(default=None, validator=identifier("identity"), repr=mask)
    #: CleverTap's id of a device.
    object_id: str | None = attrs.field(
        default=None, validator=identifier("object id"), metadata=wire_name("objectId"), repr=mask
    )
    #: Facebook's id of the user.
    fbid: str | None = attrs.field(
        default=None, validator=identifier("Facebook id"), metadata=wire_name("FBID"), repr=mask
    )
    #: Google's id of the user.
    gpid: str | None = attrs.field(
        default=None, validator=identifier("Google id"), metadata=wire_name("GPID"), repr=mask
    )
    #: Names and values. A date goes as ``$D_`` and seconds since 1970; ``Phone`` is written as E.164.
    profile_data: Mapping[str, RowValue] = attrs.field(
        validator=with_entries(
            properties("profileData", _MOST_PROFILE_KEYS),
            {"Email": removable(EMAIL), "Phone": removable(PHONE_PROPERTY)},
        ),
        metadata={**written_as(VALUES, "profileData"), **unset_by(Unset({"$delete": 1}))},
        repr=False,
    )
    #: When it became so, a `datetime` or seconds since 1970; now if not given.
    ts: int | None = attrs.field(
        default=None, converter=in_seconds, validator=epoch_seconds("ts", 1), metadata=written_as(SECONDS)
    )


class ProfileUploadDict(TypedDict):
    """`ProfileUpload` by the vendor's names."""

    identity: NotRequired[str]
    objectId: NotRequired[str]
    FBID: NotRequired[str]
    GPID: NotRequired[str]
    profileData: Mapping[str, RowValue]
    ts: NotRequired[int | dt.date]


@attrs.frozen(kw_only=True)
class EventUpload:
    """Something that a user did; exactly one of the four identifiers names the user."""

    #: Your own id of the user.
    identity: str | None = attrs.field(default=None, validator=identifier("identity"), repr=mask)
    #: CleverTap's id of a device.
    object_id: str | None = attrs.field(
        default=None, validator=identifier("object id"), metadata=wire_name("objectId"), repr=mask
    )
    #: Facebook's id of the user.
    fbid: str | None = attrs.field(
        default=None, validator=identifier("Facebook id"), metadata=wire_name("FBID"), repr=mask
    )
    #: Google's id of the user.
    gpid: str | None = attrs.field(
        default=None, validator=identifier("Google id"), metadata=wire_name("GPID"), repr=mask
    )
    #: The event's name.
    name: str = attrs.field(validator=text("event name"), metadata=wire_name("evtName"))
    #: Names and values of what belongs to the event.
    data: Mapping[str, RowValue] | None = attrs.field(
        default=None,
        validator=properties("evtData", _MOST_EVENT_PROPERTIES, may_be_empty=True),
        metadata=written_as(VALUES, "evtData"),
        repr=False,
    )
    #: When it happened, a `datetime` or seconds since 1970; now if not given.
    ts: int | None = attrs.field(
        default=None, converter=in_seconds, validator=epoch_seconds("ts", 1), metadata=written_as(SECONDS)
    )


class EventUploadDict(TypedDict):
    """`EventUpload` by the vendor's names."""

    identity: NotRequired[str]
    objectId: NotRequired[str]
    FBID: NotRequired[str]
    GPID: NotRequired[str]
    evtName: str
    evtData: NotRequired[Mapping[str, RowValue]]
    ts: NotRequired[int | dt.date]


@attrs.frozen
class TokenUpload:
    """The push token of a device."""

    #: CleverTap's id of the device.
    object_id: str = attrs.field(validator=identifier("object id"), metadata=wire_name("objectId"), repr=mask)
    #: The token.
    token: str = attrs.field(validator=identifier("token"), metadata=wire_name("id"), repr=False)
    #: Who delivers to it. The last three are in the vendor's samples and not in its list.
    type: str = attrs.field(validator=exactly_one_word("type", "apns", "fcm", "gcm", "chrome", "wns", "mpns"))
    #: The keys of a browser's subscription.
    keys: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=json_object("keys"), repr=False
    )


class TokenUploadDict(TypedDict):
    """`TokenUpload` by the vendor's names."""

    objectId: str
    id: str
    type: str
    keys: NotRequired[Mapping[str, JsonValue]]


@attrs.frozen
class SubscriptionUpdate:
    """Whether a number or an address may be written to, whoever it belongs to."""

    #: ``phone`` or ``email``; ``whatsapp`` is reported to work.
    type: str = attrs.field(validator=exactly_one_word("type", "phone", "email", "whatsapp"))
    #: The address, or the number with ``+`` and country code, which is written as E.164.
    value: str = attrs.field(validator=trimmed(identifier("value")), repr=mask)
    #: ``Unsubscribe`` or ``Resubscribe``.
    status: str = attrs.field(validator=exactly_one_word("status", "Unsubscribe", "Resubscribe"))


class SubscriptionUpdateDict(TypedDict):
    """`SubscriptionUpdate` by the vendor's names."""

    type: str
    value: str
    status: str


@attrs.frozen
class NewApiSegment:
    """A segment by API to make."""

    #: Unique within the request; the vendor advises against blanks and special characters.
    segment_name: str = attrs.field(validator=text("segment_name"))
    #: Your own id of it, unique for ever: the only handle that survives a lost answer.
    customer_segment_id: str = attrs.field(validator=identifier("customer_segment_id"), repr=mask)


class NewApiSegmentDict(TypedDict):
    """`NewApiSegment` by the vendor's names."""

    segment_name: str
    customer_segment_id: str


# What comes back.


@attrs.frozen
class Unprocessed:
    """Why a record was not taken.

    The record that the vendor gives back is left out: the answer belongs to all items of the request, and
    nobody's data is to be found in the result of somebody else's.
    """

    status: str | None = None
    #: 509 to 535 for good, 555 for trouble of the vendor's own.
    code: int | None = None
    error: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Uploaded:
    """What became of the records of one request."""

    #: ``success``, ``partial`` or ``fail``.
    status: str | None = None
    #: How many records were taken.
    processed: int | None = None
    unprocessed: Sequence[Unprocessed] = ()
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ListTaken:
    """A list was taken; nothing is said about its entries."""

    #: ``success``.
    status: str | None = None
    error: str | None = attrs.field(default=None, repr=False)
    code: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class EventSummary:
    """How often a user raised an event, and when."""

    count: int | None = None
    #: In seconds since 1970.
    first_seen: int | None = None
    #: In seconds since 1970.
    last_seen: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Platform:
    """A device, or a browser, of a user."""

    #: ``iOS``, ``Android``, ``Web``, and whatever the vendor adds.
    platform: str | None = None
    os_version: str | None = None
    app_version: str | None = None
    make: str | None = None
    model: str | None = None
    push_token: str | None = attrs.field(default=None, repr=False)
    object_id: str | None = attrs.field(default=None, metadata=wire_name("objectId"), repr=mask)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Profile:
    """A user's profile."""

    identity: str | None = attrs.field(default=None, repr=mask)
    email: str | None = attrs.field(default=None, repr=False)
    #: Names and values.
    profile_data: Mapping[str, JsonValue] = attrs.field(
        factory=dict[str, JsonValue], metadata=wire_name("profileData"), repr=False
    )
    #: Event names, and what is known of each.
    events: Mapping[str, EventSummary] = attrs.field(factory=dict[str, EventSummary], repr=False)
    platforms: Sequence[Platform] = attrs.field(default=(), metadata=wire_name("platformInfo"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ProfileFound:
    """The answer to the question for one profile."""

    #: ``success``.
    status: str | None = None
    #: Required: without it the answer is about nobody.
    record: Profile = attrs.field(kw_only=True)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Count:
    """A count, or the handle of one that is not ready."""

    #: ``success``, or ``partial`` while it is counted.
    status: str | None = None
    count: int | None = None
    req_id: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class EventRecord:
    """Something that a user did, as an export shows it."""

    #: Who it was: ``objectId``, ``platform``, ``email``, ``name``, ``phone`` and what else is known.
    profile: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    #: When it was, as a number of the digits ``yyyyMMddHHmmSS``.
    ts: int | None = None
    event_props: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    session_props: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ApiSegment:
    """A segment by API that was made; the shape of the answer is not documented where it could be read."""

    #: ``success``.
    status: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SignedAddress:
    """Where a file may be put; whoever has the address may put one."""

    status: str | None = None
    url: str | None = attrs.field(default=None, metadata=wire_name("presignedS3URL"), repr=False)
    #: For people.
    expiry: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class CustomList:
    """A custom list that was taken; whether its file was one is reported by e-mail."""

    #: ``success``.
    status: str | None = None
    segment_id: int | None = attrs.field(default=None, metadata=wire_name("Segment ID"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ProfilePage:
    """A page of profiles; the first answer has a cursor alone."""

    #: ``success``.
    status: str | None = None
    #: Where the first page is, percent-encoded already.
    cursor: str | None = attrs.field(default=None, repr=False)
    #: Where the next page is; absent on the last one.
    next_cursor: str | None = attrs.field(default=None, repr=False)
    previous_cursor: str | None = attrs.field(default=None, repr=False)
    #: May be missing on the last page.
    records: Sequence[Profile] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class EventPage:
    """A page of events; the first answer has a cursor alone."""

    #: ``success``.
    status: str | None = None
    #: As in `ProfilePage`.
    cursor: str | None = attrs.field(default=None, repr=False)
    next_cursor: str | None = attrs.field(default=None, repr=False)
    previous_cursor: str | None = attrs.field(default=None, repr=False)
    #: May be missing on the last page.
    records: Sequence[EventRecord] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
