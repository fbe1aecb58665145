"""Netmera: segments and how many users there are.

A segment is calculated some time after it was made or changed: ask `get_segment` until it is ``READY``. The
link to a next page is read and never followed: the key goes to the configured host alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast
from urllib.parse import quote, urlsplit

import attrs

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.model.kinds import WholeNumbers
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import call, pages, query
from netaudience.vendors.netmera.facts import ONE, REFERENCE, REQUESTS
from netaudience.vendors.netmera.models import SegmentList, SegmentUser, SegmentUsers, UserCount
from netaudience.vendors.netmera.segment_models import (
    SegmentChange,
    SegmentChangeDict,
    SegmentDefinition,
    SegmentDefinitionDict,
    SegmentState,
    ValueCounts,
    segment_problem,
)

#: A name, several of which one is enough, or ``$and``, ``$or`` and ``$not`` over such.
Target: TypeAlias = str | Sequence[str] | Mapping[str, JsonValue]

_PAGES = f"{REFERENCE}/segments-and-targeting"
_CALCULATED = "It is calculated later: ask get_segment until its calculation is READY."
_DEFINITIONS = Rows(SegmentDefinition, key="name", noun="segment name", rule=segment_problem)
_CHANGES = Rows(SegmentChange, key=("segment_id", "name"), noun="segment id", rule=segment_problem)
_SEGMENT = WholeNumbers("segment id")
#: What stands within ``segment`` on the wire.
_OWN = ("segmentId", "segmentName", "segmentDescription", "tagConditionType", "profileConditionType")
#: The vendor reads no such header any more, and its older pages demand it: it does no harm.
_OS = {"X-netmera-os": "IOS"}
_LEAST, _MOST = 100, 1000


class Segments:
    """The operations on segments."""

    @query(
        "GET",
        "/rest/3.0/getSegments",
        quota=REQUESTS,
        note="Only segments that are active and calculated; at most the newest 1000.",
        docs=f"{_PAGES}/list-segments",
    )
    def get_segments(self) -> Request[SegmentList]:
        """Read the segments of the app, newest first."""
        return Request(headers=_OS, answer=SegmentList)

    @call("GET", "/rest/3.0/getSegment", items=_SEGMENT, limit=ONE, quota=REQUESTS, docs=_PAGES)
    def get_segment(self, segment_id: int) -> Request[SegmentState]:
        """Read a segment, and how far its calculation is.

        Args:
            segment_id: The segment's id.
        """
        return Request(query={"id": segment_id}, answer=SegmentState)

    @pages(
        "GET",
        "/rest/3.0/getSegmentUsers",
        rows=lambda page: _users(page),  # noqa: PLW0108 - defined below
        following=lambda request, page: _next_page(request, page),  # noqa: PLW0108 - defined below
        quota=REQUESTS,
        timeout=300.0,
        note="A segment of a connector is refused: the vendor does not list its users.",
        docs=f"{_PAGES}/list-segment-users",
    )
    def get_segment_users(self, *, segment_id: int, page_size: int = _MOST) -> Request[SegmentUsers]:
        """Read all users of a segment, page by page.

        Args:
            segment_id: The segment's id.
            page_size: Users per page, from 100 to 1000.
        """
        if problem := _SEGMENT.check([segment_id]):
            raise ConfigurationError(str(problem[0]))
        if not _LEAST <= page_size <= _MOST:
            raise ConfigurationError(f"page_size must be from {_LEAST} to {_MOST}")
        return Request(encoded_query=_page(segment_id, page_size), headers=_OS, answer=SegmentUsers)

    @call(
        "POST",
        "/rest/3.0/createSegment",
        items=_DEFINITIONS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="accepted",
        note="Sent twice, it is refused the second time, for its name is taken then.",
        settles=_CALCULATED,
        docs=f"{_PAGES}/create-segment",
    )
    def create_segment(self, segment: SegmentDefinition | SegmentDefinitionDict) -> Request[SegmentState]:
        """Make a segment, which is calculated later.

        Not safe to repeat: where the answer is lost, look for its name among the segments.

        Args:
            segment: Its name and its conditions.
        """
        return Request(
            json=_segment(_DEFINITIONS.mapping(cast("SegmentDefinition", segment))), answer=SegmentState
        )

    @call(
        "POST",
        "/rest/3.0/updateSegment",
        items=_CHANGES,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        note="Its conditions are replaced, all of them.",
        settles=_CALCULATED,
        docs=f"{_PAGES}/update-segment",
    )
    def update_segment(self, segment: SegmentChange | SegmentChangeDict) -> Request[SegmentState]:
        """Replace a segment's name and conditions, and have it calculated anew.

        Args:
            segment: Its id, and what it is to be.
        """
        return Request(json=_segment(_CHANGES.mapping(cast("SegmentChange", segment))), answer=SegmentState)

    @call(
        "POST",
        "/rest/3.0/changeSegmentStatus",
        items=_SEGMENT,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="reopen_segment",
        note="A segment of an active campaign is refused. One that was deleted can be reopened.",
        docs=f"{_PAGES}/change-segment-status",
    )
    def delete_segment(self, segment_id: int) -> Request[SegmentState]:
        """Delete a segment; its users stay, and it can be reopened.

        Args:
            segment_id: The segment's id.
        """
        return Request(query={"id": segment_id, "status": "DELETED"}, answer=SegmentState)

    @call(
        "POST",
        "/rest/3.0/changeSegmentStatus",
        items=_SEGMENT,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="delete_segment",
        note="It counts against the segments of the package again.",
        settles=_CALCULATED,
        docs=f"{_PAGES}/change-segment-status",
    )
    def reopen_segment(self, segment_id: int) -> Request[SegmentState]:
        """Reopen a segment that was deleted.

        Args:
            segment_id: The segment's id.
        """
        return Request(query={"id": segment_id, "status": "ACTIVE"}, answer=SegmentState)

    @query(
        "POST",
        "/rest/3.0/targeting/count",
        quota=REQUESTS,
        idempotent=True,
        acknowledges="answered",
        note="Two or three hours old.",
        docs=f"{_PAGES}/count-targeted-users",
    )
    def count_targeted_users(
        self,
        *,
        tag: Target | None = None,
        segment: Target | None = None,
        profile: Mapping[str, JsonValue] | None = None,
    ) -> Request[UserCount]:
        """Count the users whom all that is given means.

        Args:
            tag: The name of a tag, several of which one is enough, or ``$and``, ``$or`` and ``$not``.
            segment: The same of segments.
            profile: Attributes and their values, which may be lists and such words too.
        """
        given = {"profile": profile, "tag": tag, "segment": segment}
        target = {name: value for name, value in given.items() if value}
        if not target:
            raise ConfigurationError("Give at least one of tag, segment and profile")
        return Request(json={"target": target}, answer=UserCount)

    @query(
        "POST",
        "/rest/3.0/targeting/count-batch",
        quota=REQUESTS,
        idempotent=True,
        acknowledges="answered",
        note="Of another store than the other counts, which may differ. At most 10,000 values.",
        docs=f"{_PAGES}/count-users-per-attribute-value",
    )
    def count_users_by_value(
        self, *, profile: str | None = None, installation: str | None = None, values: Sequence[str] = ()
    ) -> Request[ValueCounts]:
        """Count the users by the values of an attribute, or of a field of their installations.

        Args:
            profile: The attribute's code.
            installation: The field of an installation in its place.
            values: Only these values; all of them if not given.
        """
        if (profile is None) == (installation is None):
            raise ConfigurationError("Give either profile or installation, one of the two")
        group = {"profile": profile} if profile is not None else {"installation": installation}
        return Request(
            json={"groupBy": group, **({"values": list(values)} if values else {})}, answer=ValueCounts
        )

    @query("GET", "/rest/3.0/count-user", quota=REQUESTS, docs=f"{_PAGES}/count-users-with-push-permission")
    def count_users(self) -> Request[UserCount]:
        """Count the users of the app who permit push messages on a device at least."""
        return Request(answer=UserCount)


def _segment(row: Mapping[str, object]) -> Mapping[str, object]:
    """Return a segment as the vendor has it: what it is apart from what its users are."""
    own = {name: row[name] for name in _OWN if name in row}
    return {"segment": own, **{name: value for name, value in row.items() if name not in own}}


def _users(page: SegmentUsers) -> Sequence[SegmentUser]:
    return page.users


def _page(segment_id: object, size: object, token: str = "") -> str:
    return f"id={segment_id}&max={size}" + (f"&offset={token}" if token else "")


def _next_page(request: Request[SegmentUsers], page: SegmentUsers) -> Request[SegmentUsers] | None:
    """Copy the token out of the link, to the letter, and ask the configured host for it.

    Raises:
        Unreadable: the link has no token that leads further.
    """
    if not page.next_page:
        return None
    asked = _parts(request.encoded_query)
    try:
        token = _parts(urlsplit(page.next_page).query).get("offset", "")
    except ValueError:
        token = ""
    token = quote(token, safe="%+/=-_.~!*'(),:@")
    if not token or token == asked.get("offset"):
        remedy = "The link to the next page names no place further on, so the users after it are not read"
        raise Unreadable("Netmera", 200, remedy=remedy)
    return attrs.evolve(request, encoded_query=_page(asked["id"], asked["max"], token))


def _parts(query_text: str) -> dict[str, str]:
    """Return the parameters of a query as they stand there, percent-encoded."""
    named = (part.partition("=") for part in query_text.split("&"))
    return {name: value for name, _, value in named if name}
