"""CleverTap: one profile, the profiles of an event, and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, TypeAlias, TypeVar

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.model.kinds import Identifiers
from netaudience.model.validators import text
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import call, pages, query
from netaudience.operations.dispatch import Steps
from netaudience.vendors.clevertap.facts import (
    EVENT_COUNT,
    EVENT_EXPORT,
    LIMITS,
    ONE,
    PROFILE_COUNT,
    READ,
    READ_PAGE,
)
from netaudience.vendors.clevertap.models import (
    Count,
    EventPage,
    EventRecord,
    Profile,
    ProfileFound,
    ProfilePage,
)
from netaudience.vendors.clevertap.rules import EMAIL

EventProperty: TypeAlias = Mapping[str, JsonValue]
"""What a property of an event must hold, such as ``{"name": "value", "operator": "equals", "value": 3}``."""

_Read = TypeVar("_Read", ProfilePage, EventPage)

#: What a cursor is made of, percent-encoded or not: nothing that would end a query or a line.
_CURSOR = re.compile(r"[A-Za-z0-9%+/=._~-]+")
#: The most profiles of a page.
_LARGEST_PAGE = 5000
_PROFILE_COUNT = "/1/counts/profiles.json"
_EVENT_COUNT = "/1/counts/events.json"
_BY = ("identity", "email", "objectId")
_POLLED = "A count that is not ready is asked for again, with growing pauses."


def _profiles(page: ProfilePage) -> Sequence[Profile]:
    return page.records


def _events(page: EventPage) -> Sequence[EventRecord]:
    return page.records


def _next_profiles(request: Request[ProfilePage], page: ProfilePage) -> Request[ProfilePage] | None:
    return _next_page(request, page)


def _next_events(request: Request[EventPage], page: EventPage) -> Request[EventPage] | None:
    return _next_page(request, page)


def _next_page(request: Request[_Read], page: _Read) -> Request[_Read] | None:
    """Ask with the cursor, to the letter: it comes percent-encoded, and encoding it again breaks it.

    Raises:
        Unreadable: there is no cursor where there must be one, it is the one that was asked with, or it
            holds what no percent-encoded text does.
    """
    first = not request.encoded_query
    cursor = page.cursor if first else page.next_cursor
    if not cursor and not first:
        return None
    query = f"cursor={cursor}"
    if not cursor or query == request.encoded_query or not _CURSOR.fullmatch(cursor):
        remedy = "The answer names no cursor that leads further, so what comes after it is not read"
        raise Unreadable("CleverTap", 200, remedy=remedy)
    return Request(method="GET", encoded_query=query, answer=request.answer)


class Reads:
    """The operations that read."""

    @pages(
        "POST",
        "/1/profiles.json",
        rows=_profiles,
        following=_next_profiles,
        quota=READ,
        acknowledges="answered",
        timeout=120.0,
        max_answer_bytes=256_000_000,
        note="A page that is not ready is asked for again. A cursor is reported to live for four days.",
        docs=READ_PAGE,
    )
    def get_profiles(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        event_name: str,
        from_date: int,
        to_date: int,
        page_size: int = 1150,
        event_properties: Sequence[EventProperty] = (),
        app: bool | None = None,
    ) -> Request[ProfilePage]:
        """Read the profiles of the users who raised an event, page by page.

        Args:
            event_name: The event, such as ``App Launched``.
            from_date: The first day, as in 20260131.
            to_date: The last day, as in 20260131.
            page_size: Profiles per page, at most 5000. The vendor advises multiples of 23.
            event_properties: What the event's properties must hold: objects with name, operator and value.
            app: Whether a record shall hold more of the user's app; left to the vendor if not given.
        """
        raised = _raised(event_name, from_date, to_date, event_properties)
        query: dict[str, int | bool] = {"batch_size": _sized(page_size)}
        if app is not None:
            query["app"] = app
        return Request(json=raised, query=query, answer=ProfilePage)

    @pages(
        "POST",
        "/1/events.json",
        rows=_events,
        following=_next_events,
        quota=EVENT_EXPORT,
        acknowledges="answered",
        timeout=120.0,
        max_answer_bytes=256_000_000,
        note="A page that is not ready is asked for again. A cursor is reported to live for four hours, and "
        "for one in which it is not asked with.",
        docs=LIMITS,
    )
    def get_events(
        self,
        *,
        event_name: str,
        from_date: int,
        to_date: int,
        page_size: int = 5000,
        event_properties: Sequence[EventProperty] = (),
    ) -> Request[EventPage]:
        """Read how often, when and by whom an event was raised, page by page.

        Args:
            event_name: The event, such as ``Charged``.
            from_date: The first day, as in 20260131.
            to_date: The last day, as in 20260131.
            page_size: Events per page, at most 5000.
            event_properties: What the event's properties must hold: objects with name, operator and value.
        """
        raised = _raised(event_name, from_date, to_date, event_properties)
        return Request(json=raised, query={"batch_size": _sized(page_size)}, answer=EventPage)

    @call(
        "GET",
        "/1/profile.json",
        items=Identifiers("user", by={"email": EMAIL}),
        limit=ONE,
        quota=READ,
        note="How an unknown profile is reported is not documented: what says so in words is not found.",
        docs=READ_PAGE,
    )
    def get_profile(
        self, user: str, *, by: Literal["identity", "email", "objectId"] = "identity"
    ) -> Request[ProfileFound]:
        """Read one profile: what is known of a user, and whether the user is there at all.

        Args:
            user: Your own identity of the user, the e-mail address, or CleverTap's id of a device.
            by: Which of the three it is.
        """
        if by not in _BY:
            raise ConfigurationError(f"by must be one of {', '.join(_BY)}")
        return Request(query={by: user}, answer=ProfileFound)

    @query(
        "POST",
        _PROFILE_COUNT,
        quota=PROFILE_COUNT,
        idempotent=True,
        acknowledges="answered",
        note=_POLLED,
        docs=READ_PAGE,
    )
    def count_profiles(
        self,
        *,
        event_name: str,
        from_date: int,
        to_date: int,
        event_properties: Sequence[EventProperty] = (),
    ) -> Steps[Count]:
        """Count the users who raised an event.

        Args:
            event_name: The event, such as ``App Launched``.
            from_date: The first day, as in 20260131.
            to_date: The last day, as in 20260131.
            event_properties: What the event's properties must hold: objects with name, operator and value.
        """
        return _counted(_raised(event_name, from_date, to_date, event_properties))

    @query(
        "POST",
        _EVENT_COUNT,
        quota=EVENT_COUNT,
        idempotent=True,
        acknowledges="answered",
        note=_POLLED,
        docs=READ_PAGE,
    )
    def count_events(
        self,
        *,
        event_name: str,
        from_date: int,
        to_date: int,
        event_properties: Sequence[EventProperty] = (),
    ) -> Steps[Count]:
        """Count how often an event was raised.

        Args:
            event_name: The event, such as ``Charged``.
            from_date: The first day, as in 20260131.
            to_date: The last day, as in 20260131.
            event_properties: What the event's properties must hold: objects with name, operator and value.
        """
        return _counted(_raised(event_name, from_date, to_date, event_properties))


def _counted(raised: Mapping[str, JsonValue]) -> Steps[Count]:
    """Ask for a count, and again while it is not ready."""
    answer: Count = yield Request(json=raised, answer=Count)
    while answer.count is None:
        if answer.req_id is None:
            remedy = "The answer holds neither a count nor what to ask for it with"
            raise Unreadable("CleverTap", 200, remedy=remedy)
        answer = yield Request(method="GET", query={"req_id": answer.req_id}, answer=Count, again=True)
    return answer


def _sized(page_size: int) -> int:
    if not 1 <= page_size <= _LARGEST_PAGE:
        raise ConfigurationError(f"page_size must be from 1 to {_LARGEST_PAGE:,}")
    return page_size


def _raised(
    event_name: str, from_date: int, to_date: int, event_properties: Sequence[EventProperty]
) -> dict[str, JsonValue]:
    """Return the body that chooses by an event.

    Raises:
        ConfigurationError: the event has no name, the days are none, or a property has not its three parts.
    """
    if text("event_name").why_invalid(event_name):
        raise ConfigurationError("event_name must be text that is not empty")
    if _day(from_date, "from_date") > _day(to_date, "to_date"):
        raise ConfigurationError("from_date must not be after to_date")
    raised: dict[str, JsonValue] = {"event_name": event_name, "from": from_date, "to": to_date}
    if event_properties:
        if not all({"name", "operator", "value"} <= one.keys() for one in event_properties):
            raise ConfigurationError("Each of event_properties must be a mapping of name, operator and value")
        raised["event_properties"] = [dict(one) for one in event_properties]
    return raised


def _day(day: int, name: str) -> date:
    try:
        year, rest = divmod(day, 10_000)
        return date(year, *divmod(rest, 100))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} must be a day as in 20260131") from error
