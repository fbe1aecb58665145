"""Netmera's segments and counts, as its answers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from netaudience.errors import mask
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.netmera.rules import UNKNOWN


@attrs.frozen
class Segment:
    """A segment that is active and calculated."""

    id: int | None = None
    name: str | None = None
    #: As it was calculated last; None for a segment of a connector.
    user_count: int | None = attrs.field(default=None, metadata=wire_name("userCount"))
    #: ``STANDARD``, ``CONNECTORS_SEGMENT`` and others.
    type: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class SegmentList:
    """The newest segments, at most a thousand: there are no pages."""

    segments: Sequence[Segment] = attrs.field(default=(), metadata=wire_name("list"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class SegmentUser:
    """A user in a segment; any of the three may be missing."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("externalId"), repr=mask)
    msisdn: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class SegmentUsers:
    """A page of the users of a segment."""

    #: The segment's.
    name: str | None = None
    users: Sequence[SegmentUser] = attrs.field(default=(), metadata=wire_name("list"))
    #: Where the next page is; absent on the last one.
    next_page: str | None = attrs.field(default=None, metadata=wire_name("nextPage"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class UserCount:
    """How many users there are of the sort that was asked for."""

    count: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
