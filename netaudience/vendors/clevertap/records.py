"""The records of CleverTap's lists: which rows there are, and how each is nested as the vendor wants it.

Pure functions from a row to a record. They write telephone numbers as E.164, refuse those that cannot be,
and leave everything else as it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from netaudience.items import Rows
from netaudience.phone import e164
from netaudience.vendors.clevertap.models import (
    EventUpload,
    EventUploadDict,
    ProfileUpload,
    ProfileUploadDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TokenUpload,
    TokenUploadDict,
)
from netaudience.vendors.clevertap.rules import exactly_one_identifier, only_repeatable
from netaudience.wire import JsonValue

__all__ = [
    "CHANGES",
    "EVENTS",
    "PROFILES",
    "SUBSCRIPTIONS",
    "TOKENS",
    "Record",
    "event_record",
    "listed",
    "phone_record",
    "profile_record",
    "subscription_record",
    "token_record",
]

Record: TypeAlias = Mapping[str, JsonValue]

_IDENTIFIERS = ("identity", "object_id", "fbid", "gpid")
#: Apart, for the vendor blames records by giving them back: one user's two could not be told apart.
PROFILES = Rows(
    ProfileUpload,
    key=_IDENTIFIERS,
    noun="identity",
    rule=only_repeatable("upload_profile_changes"),
    apart=True,
)
CHANGES = PROFILES.ruled(exactly_one_identifier)
#: Not apart, for a user has many events: they are told apart by what they hold, and by their number.
EVENTS = Rows(EventUpload, key=_IDENTIFIERS, noun="identity", rule=exactly_one_identifier)
TOKENS = Rows(TokenUpload, key="object_id", noun="object id", apart=True)
SUBSCRIPTIONS = Rows(SubscriptionUpdate, key="value", noun="address", apart=True)


def profile_record(row: ProfileUpload | ProfileUploadDict) -> Record:
    """Return the record of a profile, its telephone number as E.164.

    Raises:
        InvalidItem: the number has no country code, or is none.
    """
    given = PROFILES.mapping(cast("ProfileUpload", row))
    record = cast("dict[str, JsonValue]", {"type": "profile", **given})
    data = cast("Mapping[str, JsonValue]", record["profileData"])
    phone = data.get("Phone")
    if isinstance(phone, str):
        record["profileData"] = {**data, "Phone": e164(phone)}
    return record


def event_record(row: EventUpload | EventUploadDict) -> Record:
    """Return the record of an event."""
    return cast("Record", {"type": "event", **EVENTS.mapping(cast("EventUpload", row))})


def token_record(row: TokenUpload | TokenUploadDict) -> Record:
    """Return the record of a token."""
    given = dict(cast("Mapping[str, JsonValue]", TOKENS.mapping(cast("TokenUpload", row))))
    object_id = given.pop("objectId")
    return {"type": "token", "objectId": object_id, "tokenData": given}


def subscription_record(row: SubscriptionUpdate | SubscriptionUpdateDict) -> Record:
    """Return the record of a subscription, a telephone number as E.164.

    Raises:
        InvalidItem: the number has no country code, or is none.
    """
    given = cast("Mapping[str, str]", SUBSCRIPTIONS.mapping(cast("SubscriptionUpdate", row)))
    return given if given["type"] == "email" else {**given, "value": e164(given["value"])}


def phone_record(number: str) -> Record:
    """Return the record of a telephone number, as E.164.

    Raises:
        InvalidItem: it has no country code, or is none.
    """
    return {"type": "phone", "value": e164(number)}


def listed(records: Sequence[Record]) -> Mapping[str, JsonValue]:
    """Return the body that all of the vendor's lists of records have."""
    return {"d": records}
