"""CleverTap's judgement on one record: what it says if it is good, which code it gets if it is not.

Nothing is stored here. The checks stand in the order that recorded answers show, because what was
read before a fault was found comes back changed in the blamed record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import attrs

from netaudience.sandbox.clevertap.provenance import (
    EVENT_PROPERTIES,
    FORBIDDEN_IN_KEYS,
    KEY_BYTES,
    PROFILE_KEYS,
    RECORD_ERRORS,
    VALUE_BYTES,
)
from netaudience.sandbox.protocol import Json

_IDS = ("identity", "objectId", "FBID", "GPID")
_TOKEN_TYPES = frozenset({"apns", "fcm", "gcm", "chrome", "wns", "mpns"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}")
#: Epoch seconds have at most this many digits until the year 2286; milliseconds have more.
_SECONDS_DIGITS = 10


@attrs.frozen
class Blame:
    """A record that is not taken."""

    code: int
    #: The record as the vendor gives it back.
    record: Json

    def to_json(self, number: int) -> dict[str, object]:
        """The entry of `unprocessed`; `number` is the record's place in the body, from 1."""
        error = f"{RECORD_ERRORS[self.code]}Skipped record number : {number}"
        return {"status": "fail", "code": self.code, "error": error, "record": self.record}


@attrs.frozen
class ProfileRecord:
    """A change of a profile's data."""

    key: str
    ids: Mapping[str, str]
    data: Mapping[str, Json]


@attrs.frozen
class EventRecord:
    """An event that a profile raised."""

    key: str
    ids: Mapping[str, str]
    name: str
    data: Mapping[str, Json]
    #: None: now.
    ts: int | None


@attrs.frozen
class TokenRecord:
    """A device token of a profile."""

    key: str
    ids: Mapping[str, str]
    token: str
    type: str
    data: Mapping[str, Json] = attrs.field(factory=dict[str, Json])


@attrs.frozen
class AddressRecord:
    """A telephone number or address, with what shall hold for it."""

    key: str
    type: str
    #: None: it is taken from its profile.
    status: str | None
    data: Mapping[str, Json] = attrs.field(factory=dict[str, Json])


Uploaded: TypeAlias = ProfileRecord | EventRecord | TokenRecord
Good: TypeAlias = Uploaded | AddressRecord


@attrs.frozen
class Judge:
    """Judges uploaded records; the events are those that an account has set apart."""

    restricted_events: set[str]
    discarded_events: set[str]

    def __call__(self, record: Json) -> Uploaded | Blame:
        """Read a record, or say why it is not taken."""
        if not isinstance(record, dict):
            return Blame(524, record)
        data = record.get("profileData")
        match record.get("type"):
            case "token":
                return _token(record)
            case "profile" if isinstance(data, dict):
                return self._with_id(record, lambda key, ids: _profile(record, key, ids, data))
            case "event":
                return self._with_id(record, lambda key, ids: self._event(record, key, ids))
            case _:
                return Blame(524, record)

    def _with_id(
        self, record: dict[str, Json], read: Callable[[str, Mapping[str, str]], Uploaded | Blame]
    ) -> Uploaded | Blame:
        if not _is_moment(record.get("ts")):
            return Blame(525, record)
        if "objectId" in record and _id(record["objectId"]) is None:
            return Blame(526, record)
        ids = {form: found for form in _IDS if (found := _id(record.get(form))) is not None}
        if not ids:
            return Blame(523, record)
        return read(next(iter(ids.values())), ids)

    def _event(self, record: dict[str, Json], key: str, ids: Mapping[str, str]) -> Uploaded | Blame:
        name, data, ts = record.get("evtName"), record.get("evtData", {}), record.get("ts")
        if not isinstance(name, str) or not name:
            return Blame(509, record)
        if not isinstance(data, dict):
            return Blame(512, record)
        if name in self.restricted_events:
            return Blame(513, record)
        if name in self.discarded_events:
            return Blame(528, record)
        if len(data) > EVENT_PROPERTIES:
            return Blame(522, record)
        if not _within_bounds(data):
            return Blame(512, record)
        return EventRecord(key, ids, name, data, ts if isinstance(ts, int) else None)


def subscription(record: Json) -> AddressRecord | Blame:
    """Read a record of subscribe, or say why it is not taken."""
    status = record.get("status") if isinstance(record, dict) else None
    if not isinstance(record, dict) or status not in ("Unsubscribe", "Resubscribe"):
        return Blame(524, record)
    return _address(record, ("phone", "email", "whatsapp"), str(status))


def disassociation(record: Json) -> AddressRecord | Blame:
    """Read a record of disassociate, or say why it is not taken."""
    return _address(record, ("phone",), None) if isinstance(record, dict) else Blame(524, record)


def _address(record: dict[str, Json], kinds: Collection[str], status: str | None) -> AddressRecord | Blame:
    kind, value = record.get("type"), record.get("value")
    if not isinstance(kind, str) or kind not in kinds:
        return Blame(524, record)
    if not isinstance(value, str) or not value:
        return Blame(523, record)
    if kind == "email" and not _EMAIL.fullmatch(value):
        return Blame(515, record)
    if kind != "email" and not _PHONE.fullmatch(value):
        return Blame(516, record)
    return AddressRecord(value, kind, status)


def _token(record: dict[str, Json]) -> Uploaded | Blame:
    object_id, data = _id(record.get("objectId")), record.get("tokenData")
    if object_id is None:
        return Blame(530, record)
    if not isinstance(data, dict):
        return Blame(531, record)
    token, kind = data.get("id"), data.get("type")
    if token in (None, ""):
        return Blame(532, record)
    if kind in (None, ""):
        return Blame(533, record)
    if not isinstance(kind, str) or kind not in _TOKEN_TYPES:
        return Blame(534, record)
    if not isinstance(token, str) or not isinstance(data.get("keys", {}), dict):
        return Blame(535, record)
    return TokenRecord(object_id, {"objectId": object_id}, token, kind)


def _profile(
    record: dict[str, Json], key: str, ids: Mapping[str, str], data: dict[str, Json]
) -> Uploaded | Blame:
    read = dict(data)
    for name, code, is_good in _FIELDS:
        if data.get(name) == {"$delete": 1}:
            continue
        if name in data and not is_good(data[name]):
            return Blame(code, {**record, "profileData": read})
        # What was read comes back changed, if a later field is at fault.
        if name == "Phone" and name in data:
            read[name] = int(str(data[name]))
        if name == "Married" and "identity" in data:
            read["identity"] = str(data["identity"])
    bounded = len(data) <= PROFILE_KEYS and _within_bounds(data)
    if not bounded or not all(_is_value(value) for value in data.values()):
        return Blame(524, {**record, "profileData": read})
    return ProfileRecord(key, ids, data)


def _is_email(value: Json) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def _is_phone(value: Json) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def _is_age(value: Json) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _one_of(*values: str) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, str) and value in values


_FIELDS: tuple[tuple[str, int, Callable[[Json], bool]], ...] = (
    ("Email", 515, _is_email),
    ("Gender", 514, _one_of("M", "F")),
    ("Phone", 516, _is_phone),
    ("Employed", 517, _one_of("Y", "N")),
    ("Education", 518, _one_of("School", "College", "Graduate")),
    ("Married", 519, _one_of("Y", "N")),
    ("Age", 520, _is_age),
)


def _id(value: Json) -> str | None:
    """An id as a text; whole numbers are ids too."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _is_moment(value: Json) -> bool:
    if value is None:
        return True
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value > 0 and len(str(value)) <= _SECONDS_DIGITS


def _is_value(value: Json) -> bool:
    """Whether a profile may have a value; an object is an operator or nothing."""
    if not isinstance(value, dict):
        return True
    match value:
        case {"$add": operand, **others} | {"$remove": operand, **others}:
            return not others and not isinstance(operand, dict)
        case {"$incr": bool()} | {"$decr": bool()}:
            return False
        case {"$incr": int() | float(), **others} | {"$decr": int() | float(), **others}:
            return not others
        case {"$delete": 1, **others}:
            return not others
        case _:
            return False


def _within_bounds(data: Mapping[str, Json]) -> bool:
    return all(
        len(name.encode()) <= KEY_BYTES
        and FORBIDDEN_IN_KEYS.isdisjoint(name)
        and (not isinstance(value, str) or len(value.encode()) <= VALUE_BYTES)
        for name, value in data.items()
    )
