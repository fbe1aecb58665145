"""What CleverTap's operations take and answer: rows that are checked, answers that tolerate.

A row is flat, an attrs class with Python names or a plain dict with the vendor's own; `profile_record` and
its kin nest it as the vendor wants it. An answer's fields are all optional; what is not known is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.rules import identifier, json_object, text
from netaudience.vendors.clevertap.rules import epoch_seconds, exactly_one_word, properties
from netaudience.wire import JsonValue, wire_name

__all__ = [
    "EventSummary",
    "EventUpload",
    "EventUploadDict",
    "ListTaken",
    "Platform",
    "Profile",
    "ProfilePage",
    "ProfileUpload",
    "ProfileUploadDict",
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
    #: Names and values. A date is ``$D_`` and seconds since 1970; ``Phone`` is written as E.164.
    profile_data: Mapping[str, JsonValue] = attrs.field(
        validator=properties("profileData", _MOST_PROFILE_KEYS), metadata=wire_name("profileData"), repr=False
    )
    #: When it became so, in seconds since 1970; now if not given.
    ts: int | None = attrs.field(default=None, validator=epoch_seconds("ts"))


class ProfileUploadDict(TypedDict):
    """`ProfileUpload` by the vendor's names."""

    identity: NotRequired[str]
    objectId: NotRequired[str]
    FBID: NotRequired[str]
    GPID: NotRequired[str]
    profileData: Mapping[str, JsonValue]
    ts: NotRequired[int]


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
    data: Mapping[str, JsonValue] | None = attrs.field(
        default=None,
        validator=properties("evtData", _MOST_EVENT_PROPERTIES, may_be_empty=True),
        metadata=wire_name("evtData"),
        repr=False,
    )
    #: When it happened, in seconds since 1970; now if not given.
    ts: int | None = attrs.field(default=None, validator=epoch_seconds("ts"))


class EventUploadDict(TypedDict):
    """`EventUpload` by the vendor's names."""

    identity: NotRequired[str]
    objectId: NotRequired[str]
    FBID: NotRequired[str]
    GPID: NotRequired[str]
    evtName: str
    evtData: NotRequired[Mapping[str, JsonValue]]
    ts: NotRequired[int]


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
    value: str = attrs.field(validator=identifier("value"), repr=mask)
    #: ``Unsubscribe`` or ``Resubscribe``.
    status: str = attrs.field(validator=exactly_one_word("status", "Unsubscribe", "Resubscribe"))


class SubscriptionUpdateDict(TypedDict):
    """`SubscriptionUpdate` by the vendor's names."""

    type: str
    value: str
    status: str


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
