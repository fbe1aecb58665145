"""The records of CleverTap's lists: which rows there are, and how each is nested as the vendor wants it.

Pure functions from a row to a record. They write telephone numbers as E.164, refuse those that cannot be,
and leave everything else as it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from netaudience.model.phone import as_e164, with_e164
from netaudience.model.rows import Rows
from netaudience.model.value_forms import given
from netaudience.model.wire import JsonValue
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
from netaudience.vendors.clevertap.rules import (
    address_of_its_type,
    any_address,
    exactly_one_identifier,
    only_repeatable,
)
from netaudience.vendors.clevertap.values import VALUES

Record: TypeAlias = Mapping[str, JsonValue]

_IDENTIFIERS = ("identity", "object_id", "fbid", "gpid")
#: Apart, for the vendor blames records by giving them back: one user's two could not be told apart.
PROFILES = Rows(
    ProfileUpload,
    key=_IDENTIFIERS,
    noun="identity",
    rule=only_repeatable("upload_profile_changes"),
    unique_per_request=True,
)
CHANGES = PROFILES.ruled(exactly_one_identifier)
#: Not apart, for a user has many events: they are told apart by what they hold, and by their number.
EVENTS = Rows(EventUpload, key=_IDENTIFIERS, noun="identity", rule=exactly_one_identifier)
TOKENS = Rows(TokenUpload, key="object_id", noun="object id", unique_per_request=True)
SUBSCRIPTIONS = Rows(
    SubscriptionUpdate,
    key="value",
    noun="address",
    rule=address_of_its_type,
    lenient=any_address,
    unique_per_request=True,
)


def profile_record(row: ProfileUpload | ProfileUploadDict) -> Record:
    """Return the record of a profile, its telephone number as E.164."""
    given = PROFILES.mapping(cast("ProfileUpload", row))
    record = cast("dict[str, JsonValue]", {"type": "profile", **given})
    data = cast("Mapping[str, JsonValue]", record["profileData"])
    if changed := _lists(data, "profileData"):
        data = {**data, **changed}
    record["profileData"] = with_e164(data, "Phone")
    return record


def event_record(row: EventUpload | EventUploadDict) -> Record:
    """Return the record of an event."""
    record = cast("dict[str, JsonValue]", {"type": "event", **EVENTS.mapping(cast("EventUpload", row))})
    data = cast("Mapping[str, JsonValue]", record.get("evtData") or {})
    if changed := _lists(data, "evtData"):
        record["evtData"] = {**data, **changed}
    return record


def _lists(data: Mapping[str, JsonValue], noun: str) -> dict[str, JsonValue]:
    """Return the values that hold lists as the vendor keeps them: texts, each of them once."""
    return {
        name: given(VALUES, value, noun) for name, value in data.items() if type(value) in {list, tuple, dict}
    }


def token_record(row: TokenUpload | TokenUploadDict) -> Record:
    """Return the record of a token."""
    given = dict(cast("Mapping[str, JsonValue]", TOKENS.mapping(cast("TokenUpload", row))))
    object_id = given.pop("objectId")
    return {"type": "token", "objectId": object_id, "tokenData": given}


def subscription_record(row: SubscriptionUpdate | SubscriptionUpdateDict) -> Record:
    """Return the record of a subscription, a telephone number as E.164."""
    given = cast("Mapping[str, str]", SUBSCRIPTIONS.mapping(cast("SubscriptionUpdate", row)))
    return given if given["type"] == "email" else with_e164(given, "value")


def phone_record(number: str) -> Record:
    """Return the record of a telephone number, as E.164."""
    return {"type": "phone", "value": as_e164(number)}


def listed(records: Sequence[Record]) -> Mapping[str, JsonValue]:
    """Return the body that all of the vendor's lists of records have."""
    return {"d": records}
