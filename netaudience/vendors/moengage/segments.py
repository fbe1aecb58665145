"""MoEngage's segments by file: membership with a true count, told later by a callback.

Facts only, from the vendor's own specification, read in November 2026. MoEngage fetches the file and counts;
it calls back when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

import attrs

from netaudience.errors import ConfigurationError, Refused, ServerFault, VendorError, mask
from netaudience.model.limits import Limit, Quota, Window, assumed, documented, per_day
from netaudience.model.rows import Rows
from netaudience.model.validators import Rule, both, rule, text, texts
from netaudience.model.wire import JsonValue, Request, Response, decode
from netaudience.operations.declare import call
from netaudience.operations.later import Callbacks, Later
from netaudience.vendors.moengage.facts import ONE_ROW, OTHER_BYTES, RATES, SHARE

SEGMENTS = (
    "https://github.com/moengage/moengage-documentation/blob/0ed1bbd/api/custom-segments/custom-segments.yaml"
)
_UNKNOWN: Mapping[str, JsonValue] = {}

#: Creating, adding and removing are counted together; replacing is taken for one of them.
SEGMENT_FILES = Quota(
    "moengage segment files",
    (Window(documented(10, RATES), 3600.0, share=SHARE), per_day(documented(100, RATES))),
    in_flight=assumed(1, "no figure is documented; the files of one segment are worked off in turn"),
)
_ONE = Limit(rows=ONE_ROW, bytes=OTHER_BYTES)


def _url(noun: str) -> Rule:
    return both(
        text(noun),
        rule(
            f"A {noun} must begin with https:// or http://: MoEngage asks for it itself",
            lambda value: value.lower().startswith(("https://", "http://")),
        ),
    )


_TYPE = rule(
    "The attribute_type must be string or double, written just so",
    lambda value: isinstance(value, str) and value in {"string", "double"},
)
_EXPIRY = rule(
    "The expiry_time must be a whole number of days, more than 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
)


@attrs.frozen(kw_only=True)
class SegmentFile:
    """A segment that exists, and a file of users to put into it or to take out."""

    name: str = attrs.field(validator=text("name"), repr=mask)
    #: What the file's one column holds: an attribute that names one user.
    attribute_name: str = attrs.field(validator=text("attribute_name"))
    #: ``string`` or ``double``.
    attribute_type: str = attrs.field(validator=_TYPE)
    #: A CSV file of one column and less than 150 MB, at a URL that MoEngage can reach: no trailing commas, no
    #: value twice, no empty line.
    file_url: str = attrs.field(validator=_url("file_url"), repr=False)
    #: Where MoEngage calls back; without it only e-mails tell the end.
    callback_url: str | None = attrs.field(default=None, validator=_url("callback_url"), repr=False)
    #: Who gets an e-mail at the end.
    emails: Sequence[str] | None = attrs.field(default=None, validator=texts("emails"), repr=False)
    #: MoEngage's own id of the segment; it wins over the name.
    cs_id: str | None = attrs.field(default=None, validator=text("cs_id"), repr=mask)
    #: As for a new segment; the vendor's schema of a change does not have it.
    expiry_time: int | None = attrs.field(default=None, validator=_EXPIRY)


class SegmentFileDict(TypedDict):
    """`SegmentFile` by the vendor's names."""

    name: str
    attribute_name: str
    attribute_type: Literal["string", "double"]
    file_url: str
    callback_url: NotRequired[str]
    emails: NotRequired[Sequence[str]]
    cs_id: NotRequired[str]
    expiry_time: NotRequired[int]


@attrs.frozen(kw_only=True)
class FileSegment(SegmentFile):
    """A segment to make, and the file that says who is in it."""

    #: Days after which the segment is archived.
    expiry_time: int = attrs.field(validator=_EXPIRY)


class FileSegmentDict(TypedDict):
    """`FileSegment` by the vendor's names."""

    name: str
    attribute_name: str
    attribute_type: Literal["string", "double"]
    file_url: str
    expiry_time: int
    callback_url: NotRequired[str]
    emails: NotRequired[Sequence[str]]
    cs_id: NotRequired[str]


@attrs.frozen
class SegmentName:
    """A segment that exists."""

    name: str = attrs.field(validator=text("name"), repr=mask)
    #: MoEngage's own id of it, which wins over the name.
    cs_id: str | None = attrs.field(default=None, validator=text("cs_id"), repr=mask)


class SegmentNameDict(TypedDict):
    """`SegmentName` by the vendor's names."""

    name: str
    cs_id: NotRequired[str]


@attrs.frozen
class SegmentAccepted:
    """The vendor took the file's URL, and will work it off."""

    message: str | None = attrs.field(default=None, repr=False)
    success: bool | None = None
    cs_name: str | None = None
    cs_id: str | None = attrs.field(default=None, repr=mask)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SegmentCallback:
    """What MoEngage says at the end: how many values the file had, and how many of them are users."""

    db_name: str | None = None
    segment_name: str | None = None
    request_id: str | None = None
    #: 201; 400 or 500 where it failed.
    status: int | None = None
    values_found: int | None = None
    values_processed: int | None = None
    #: How many users are in the segment now.
    user_count: int | None = None
    error_message: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


_NEW = Rows(FileSegment, key="name", noun="name")
_FILES = Rows(SegmentFile, key="name", noun="name")
_NAMES = Rows(SegmentName, key="name", noun="name")
_LATER = (
    "The end, with how many values were found and how many users there are now, is reported later: MoEngage "
    "calls your callback_url, and writes to the emails; no page says how to ask for it."
)
_NOBODY = (
    "values that name no user are passed over, and a file that cannot be fetched, or is too large, leaves 0 "
    "users"
)


class Segments:
    """The operations on segments by file."""

    _db_name: str | None
    _segment_callbacks: Callbacks[SegmentCallback]

    @call(
        "POST",
        "/v2/custom-segments/file-segment",
        items=_NEW,
        limit=_ONE,
        quota=SEGMENT_FILES,
        # A name that is taken is refused: the segment is there.
        idempotent=False,
        note="A name that is taken is refused.",
        unsaid=_NOBODY,
        settles=_LATER,
        docs=SEGMENTS,
    )
    def create_file_segment(self, segment: FileSegment | FileSegmentDict) -> Request[SegmentAccepted]:
        """Create a segment from a file.

        The answer means *accepted*: `follow_segment` gives a handle whose ``settled()`` tells the end.

        Args:
            segment: The segment, and the file.
        """
        return Request(json=_NEW.mapping(segment), headers=self._workspace_db(), answer=SegmentAccepted)

    @call(
        "PUT",
        "/v2/custom-segments/file-segment/add-users",
        items=_FILES,
        limit=_ONE,
        quota=SEGMENT_FILES,
        idempotent=True,
        unsaid=_NOBODY,
        settles=_LATER,
        docs=SEGMENTS,
    )
    def add_segment_users(self, segment: SegmentFile | SegmentFileDict) -> Request[SegmentAccepted]:
        """Put the users of a file into a segment.

        Args:
            segment: The segment, and the file.
        """
        return self._file(segment)

    @call(
        "PUT",
        "/v2/custom-segments/file-segment/remove-users",
        items=_FILES,
        limit=_ONE,
        quota=SEGMENT_FILES,
        idempotent=True,
        unsaid=_NOBODY,
        settles=_LATER,
        docs=SEGMENTS,
    )
    def remove_segment_users(self, segment: SegmentFile | SegmentFileDict) -> Request[SegmentAccepted]:
        """Take the users of a file out of a segment.

        Args:
            segment: The segment, and the file.
        """
        return self._file(segment)

    @call(
        "PUT",
        "/v2/custom-segments/file-segment/replace",
        items=_FILES,
        limit=_ONE,
        quota=SEGMENT_FILES,
        idempotent=True,
        destructive=True,
        note="All who are not in the file leave the segment.",
        unsaid=_NOBODY,
        settles=_LATER,
        docs=SEGMENTS,
    )
    def replace_segment_users(self, segment: SegmentFile | SegmentFileDict) -> Request[SegmentAccepted]:
        """Let a segment have the users of a file, and no others.

        Args:
            segment: The segment, and the file.
        """
        return self._file(segment)

    @call(
        "PATCH",
        "/v2/custom-segments/archive",
        items=_NAMES,
        limit=_ONE,
        quota=SEGMENT_FILES,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        note="Archived segments go for good after 180 days; unarchive_segment brings them back before.",
        docs=SEGMENTS,
    )
    def archive_segment(self, segment: SegmentName | SegmentNameDict) -> Request[SegmentAccepted]:
        """Archive a segment.

        Args:
            segment: The segment.
        """
        return Request(json=_NAMES.mapping(segment), headers=self._workspace_db(), answer=SegmentAccepted)

    @call(
        "PATCH",
        "/v2/custom-segments/unarchive",
        items=_NAMES,
        limit=_ONE,
        quota=SEGMENT_FILES,
        idempotent=True,
        acknowledges="applied",
        docs=SEGMENTS,
    )
    def unarchive_segment(self, segment: SegmentName | SegmentNameDict) -> Request[SegmentAccepted]:
        """Bring a segment back that was archived.

        Args:
            segment: The segment.
        """
        return Request(json=_NAMES.mapping(segment), headers=self._workspace_db(), answer=SegmentAccepted)

    def follow_segment(self, name: str) -> Later[SegmentCallback]:
        """Return a handle of what MoEngage calls back next about a segment.

        Your own route at the ``callback_url`` hands what comes to `receive_segment_callback` on this client,
        in whatever thread; a callback that came before this is called counts. The handle's ``settled()`` is
        awaited, its ``wait()`` is for code without an event loop.

        Args:
            name: The segment's name.
        """
        return self._segment_callbacks.expect(name)

    def receive_segment_callback(self, body: bytes) -> SegmentCallback:
        """Read a callback and hand it to whoever follows its segment; answer MoEngage with 200 then.

        Anybody can call a public route, and MoEngage signs nothing: keep the URL secret.

        Args:
            body: What was posted to the ``callback_url``.

        Raises:
            ValueError: it is no callback.
        """
        callback = _callback(body)
        self._segment_callbacks.receive(callback.segment_name or "", callback)
        return callback

    def _file(self, segment: SegmentFile | SegmentFileDict) -> Request[SegmentAccepted]:
        return Request(json=_FILES.mapping(segment), headers=self._workspace_db(), answer=SegmentAccepted)

    def _workspace_db(self) -> Mapping[str, str]:
        if self._db_name is None:
            raise ConfigurationError(
                "Segments by file need the workspace's db_name; where it stands is not documented, so ask "
                "MoEngage: give it to the client as db_name, or set NETAUDIENCE_MOENGAGE_DB_NAME"
            )
        return {"MOE-DBNAME": self._db_name}


def segment_callbacks() -> Callbacks[SegmentCallback]:
    """Return what brings a client's callbacks to whoever follows their segments."""
    return Callbacks("a segment's file", _failed)


def _callback(body: bytes) -> SegmentCallback:
    callback = decode(Response(200, {}, body), SegmentCallback)
    if callback is None or not callback.segment_name or callback.status is None:
        raise ValueError("What came is no callback of MoEngage's: it names no segment and no status")
    return callback


def _failed(callback: SegmentCallback) -> VendorError | None:
    status = callback.status or 0
    if status < 400:
        return None
    kind = ServerFault if status >= 500 else Refused
    remedy = "The segment may have 0 users now: look at the file and its URL, and replace its users"
    return kind("MoEngage", status, vendor_message=callback.error_message or "", remedy=remedy)
