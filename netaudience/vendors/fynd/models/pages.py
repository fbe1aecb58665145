"""Where one of Fynd's pages stands among the others, and what all its answers have in common."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from netaudience.errors import mask
from netaudience.model.wire import JsonValue, wire_name

UNKNOWN: Mapping[str, JsonValue] = {}


@attrs.frozen
class NumberPage:
    """Where a page stands among pages that have numbers."""

    type: str | None = None
    #: The page's number.
    current: int | None = None
    size: int | None = None
    #: Rows on all pages; seen to be 0 where there were some.
    item_total: int | None = None
    has_next: bool | None = None
    has_previous: bool | None = None
    #: Known from the vendor's SDKs.
    total: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class CursorPage:
    """Where a page stands among pages that follow one another by cursors."""

    type: str | None = None
    current: int | None = None
    size: int | None = None
    has_next: bool | None = None
    #: The vendor's name for it differs from that of `NumberPage`.
    has_previous: bool | None = attrs.field(default=None, metadata=wire_name("has_prev"))
    next_cursor: str | None = attrs.field(default=None, repr=mask)
    prev_cursor: str | None = attrs.field(default=None, repr=mask)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Deleted:
    """What was deleted, as the vendor says it."""

    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    success: bool | str | None = None
    #: Known from the vendor's SDKs, of a group.
    id: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Done:
    """What was done, as the vendor says it."""

    #: Not in the repr: it may repeat what it was sent.
    message: str | None = attrs.field(default=None, repr=False)
    success: bool | str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
