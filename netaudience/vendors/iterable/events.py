"""Iterable: events of users, one at a time and in bulk, with an id of their own or without."""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.facts import (
    EVENTS,
    EVENTS_WITHOUT_ID,
    MANY,
    ONE,
    SPECIFICATION,
    TRACK,
    TRACK_ONE,
)
from netaudience.vendors.iterable.models import (
    Event,
    EventDict,
    EventWithoutId,
    EventWithoutIdDict,
    IterableResponse,
    TrackResult,
)


class Events:
    """The operations on events."""

    # Two operations of one route: whether an event may be sent again is a fact about its having an id, and
    # the engine needs to know it of a whole run before it sends.

    @batch(
        "POST",
        "/api/events/trackBulk",
        items=EVENTS,
        limit=MANY,
        quota=TRACK,
        idempotent=True,
        blame=blame,
        note="An event with the id of an earlier one replaces it.",
        docs=SPECIFICATION,
    )
    def track_events(self, events: Sequence[Event | EventDict]) -> Request[TrackResult]:
        """Store events of users, each with an id, so that none is stored twice.

        Args:
            events: One row per event; events of one user go in requests one after the other.
        """
        return Request(json={"events": events}, answer=TrackResult)

    @batch(
        "POST",
        "/api/events/trackBulk",
        items=EVENTS_WITHOUT_ID,
        limit=MANY,
        quota=TRACK,
        idempotent=False,
        blame=blame,
        note="Without an id an event that is sent again is stored again: prefer track_events.",
        docs=SPECIFICATION,
    )
    def track_events_without_ids(
        self, events: Sequence[EventWithoutId | EventWithoutIdDict]
    ) -> Request[TrackResult]:
        """Store events of users that have no id.

        Not safe to repeat: events whose answer is lost are *in doubt* and are not sent again.

        Args:
            events: One row per event; events of one user go in requests one after the other.
        """
        return Request(json={"events": events}, answer=TrackResult)

    @call(
        "POST",
        "/api/events/track",
        items=EVENTS,
        limit=ONE,
        quota=TRACK_ONE,
        idempotent=True,
        note="An event with the id of an earlier one replaces it. Queued apart from track_events.",
        docs=SPECIFICATION,
    )
    def track_event(self, event: Event | EventDict) -> Request[IterableResponse]:
        """Store one event of a user, with an id, so that it is not stored twice.

        Many go in fewer requests by `track_events`, which the vendor queues apart.

        Args:
            event: The event.
        """
        return Request(json=event, answer=IterableResponse)

    @call(
        "POST",
        "/api/events/track",
        items=EVENTS_WITHOUT_ID,
        limit=ONE,
        quota=TRACK_ONE,
        idempotent=False,
        note="Without an id an event that is sent again is stored again: prefer track_event.",
        docs=SPECIFICATION,
    )
    def track_event_without_id(self, event: EventWithoutId | EventWithoutIdDict) -> Request[IterableResponse]:
        """Store one event of a user, which has no id.

        Not safe to repeat: where its answer is lost it is *in doubt* and is not sent again.

        Args:
            event: The event.
        """
        return Request(json=event, answer=IterableResponse)
