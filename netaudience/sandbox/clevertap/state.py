"""What CleverTap would remember: profiles with their events and tokens, subscriptions, demerges.

It checks no record; that is done before it is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs

from netaudience.sandbox.clevertap.provenance import KEPT_EVENTS, LIST_ITEMS
from netaudience.sandbox.protocol import Json
from netaudience.sandbox.responses import Answer, json_answer

#: What every profile has done.
APP_LAUNCHED = "App Launched"


@attrs.define
class EventSummary:
    """How often and when a profile raised an event."""

    count: int
    first_seen: int
    last_seen: int


@attrs.define(weakref_slot=False)
class Profile:
    """One user profile."""

    #: The ids by form: identity, objectId, FBID, GPID.
    ids: dict[str, str] = attrs.field(factory=dict[str, str])
    data: Mapping[str, Json] = attrs.field(factory=dict[str, Json])
    events: dict[str, EventSummary] = attrs.field(factory=dict[str, EventSummary])
    #: Token types by token.
    tokens: dict[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class RaisedEvent:
    """One event as it was uploaded."""

    #: What finds its profile.
    key: str
    name: str
    moment: int
    data: Mapping[str, Json]


@attrs.define
class ApiSegment:
    """A segment by API: the last instruction for each user."""

    id: int
    name: str
    instructions: dict[str, Mapping[str, Json]] = attrs.field(factory=dict[str, Mapping[str, Json]])


@attrs.frozen
class Segment:
    """The members of a custom list, as its file named them."""

    id: int
    #: The ids of those who are profiles.
    members: frozenset[str]
    #: Whether the file was one: nobody is told but by e-mail.
    usable: bool


class CleverTapState:
    """Everything stored, with the changes that touch more than one thing."""

    def __init__(self) -> None:
        #: Profiles by the id that made them.
        self.profiles: dict[str, Profile] = {}
        #: Identities whose demerge was accepted.
        self.demerged: set[str] = set()
        #: Identities and objectIds whose deletion was accepted.
        self.deleted: set[str] = set()
        #: Unsubscribe or Resubscribe by type and value.
        self.subscriptions: dict[tuple[str, str], str] = {}
        #: Telephone numbers that were taken from their profiles.
        self.disassociated: set[str] = set()
        #: Events that an upload may not raise, and those that are dropped.
        self.restricted_events: set[str] = set()
        self.discarded_events: set[str] = set()
        #: Segments of custom lists by their names.
        self.segments: dict[str, Segment] = {}
        #: Segments by API, by their customer_segment_id.
        self.api_segments: dict[str, ApiSegment] = {}
        #: The last events that were uploaded.
        self.raised: deque[RaisedEvent] = deque(maxlen=KEPT_EVENTS)
        #: Properties whose type the schema has fixed.
        self.types: dict[str, type] = {}
        #: How often a count is not ready before it is.
        self.slow_counts = 0
        self._by_object: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        for mapping in (
            self.profiles,
            self.subscriptions,
            self.segments,
            self.api_segments,
            self._by_object,
        ):
            mapping.clear()
        self.raised.clear()
        for members in (self.demerged, self.deleted, self.disassociated, self.discarded_events):
            members.clear()
        self.restricted_events = {APP_LAUNCHED}

    def find(self, key: str) -> Profile | None:
        """The profile of an id of any form."""
        return self.profiles.get(self._by_object.get(key, key))

    def profile(self, key: str, ids: Mapping[str, str]) -> Profile:
        """The profile of an id, created if need be; it learns the other ids of its record."""
        key = self._by_object.get(key, key)
        profile = self.profiles.get(key)
        if profile is None:
            profile = self.profiles[key] = Profile()
        profile.ids.update(ids)
        if "objectId" in ids:
            self._by_object[ids["objectId"]] = key
        return profile

    def fitting(self, data: Mapping[str, Json]) -> Mapping[str, Json]:
        """The profile data of a record without the values that are of another type than the schema's."""
        return {
            name: value for name, value in data.items() if isinstance(value, self.types.get(name, object))
        }

    def delete(self, keys: Sequence[str]) -> None:
        """Remove profiles; an unknown one is no error."""
        self.deleted.update(keys)
        for key in keys:
            profile = self.profiles.pop(self._by_object.get(key, key), None)
            if profile is not None:
                self._by_object.pop(profile.ids.get("objectId", ""), None)

    def disassociate(self, phone: str) -> None:
        """Take a telephone number from the profile whose identity it is."""
        self.disassociated.add(phone)
        profile = self.profiles.get(phone)
        if profile is not None:
            profile.data = {name: value for name, value in profile.data.items() if name != "Phone"}


def update(data: Mapping[str, Json], changes: Mapping[str, Json]) -> Mapping[str, Json]:
    """Profile data after a record: values replace, operators change what is there."""
    updated = dict(data)
    for name, change in changes.items():
        match change:
            case {"$add": added}:
                held = _listed(updated.get(name))
                new = [value for value in _listed(added) if value not in held]
                updated[name] = [*held, *new][-LIST_ITEMS:]
            case {"$remove": removed}:
                gone = _listed(removed)
                updated[name] = [value for value in _listed(updated.get(name)) if value not in gone]
                if not updated[name]:  # the last one takes the property with it
                    del updated[name]
            case {"$incr": int() | float() as step}:
                updated[name] = _number(updated.get(name)) + step
            case {"$decr": int() | float() as step}:
                updated[name] = _number(updated.get(name)) - step
            case {"$delete": _}:
                updated.pop(name, None)
            case list():
                updated[name] = change[-LIST_ITEMS:]
            case _:
                updated[name] = change
    return updated


def day(moment: float) -> int:
    """The date of a moment as the reads write it: YYYYMMDD."""
    return int(datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d"))


def fail(status: int, error: str, code: int | None = None) -> Answer:
    """The vendor's fail body."""
    body = {"status": "fail", "error": error, "code": status if code is None else code}
    return json_answer(body, status)


def _number(value: Json) -> int | float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _listed(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
