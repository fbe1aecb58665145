"""MoEngage's operations on events: tracked and imported.

Facts only; the rows are in `models`, and how one becomes an element in `elements`.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.moengage.elements import (
    EVENTS,
    event_element,
)
from netaudience.vendors.moengage.facts import (
    ACCEPTED_WHOLE,
    DROPPED_OF_EVENTS,
    ELEMENTS,
    IMPORTED_EVENTS,
    ONE,
    TRACKED_EVENTS,
    TWICE,
)
from netaudience.vendors.moengage.in_workspace import InWorkspace, bulk
from netaudience.vendors.moengage.models import (
    Accepted,
    Event,
    EventDict,
)
from netaudience.vendors.moengage.rules import SPECIFICATION

_WORKSPACE = "/{workspace_id}"


class Events(InWorkspace):
    """The operations on events."""

    @call(
        "POST",
        f"/v1/event{_WORKSPACE}",
        items=EVENTS,
        limit=ONE,
        quota=TRACKED_EVENTS,
        idempotent=False,
        note=TWICE,
        unsaid=DROPPED_OF_EVENTS,
        docs=SPECIFICATION,
    )
    def track_event(self, event: Event | EventDict) -> Request[Accepted]:
        """Record an action of a user.

        The answer means *accepted*. An event whose answer is lost is in doubt and is not sent again.

        Args:
            event: The user's id, what was done, and when; not in the future.
        """
        return Request(json=event_element(event), query=self._project(), answer=Accepted)

    @batch(
        "POST",
        f"/v1/transition{_WORKSPACE}",
        items=EVENTS,
        limit=ELEMENTS,
        quota=IMPORTED_EVENTS,
        idempotent=False,
        note=f"{ACCEPTED_WHOLE} {TWICE}",
        unsaid=DROPPED_OF_EVENTS,
        docs=SPECIFICATION,
    )
    def import_events(self, events: Sequence[Event | EventDict]) -> Request[Accepted]:
        """Record many actions of users.

        The answer means *accepted*: what becomes of a single event is never reported. Events whose answer is
        lost are in doubt and are not sent again. A refusal concerns all events of a request, which is then
        halved to find the one.

        Args:
            events: One row per action; the rows of one user keep their order.
        """
        elements = [event_element(event) for event in events]
        return Request(json=bulk(elements), query=self._project(), answer=Accepted)
