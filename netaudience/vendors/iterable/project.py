"""What Iterable answers about a project itself: its lists, their members, its fields, channels and messages.

Lists of people come as plain text, one identifier to a line. An answer keeps what the vendor adds in
``unknown``.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NotRequired, Self, TypedDict, TypeVar

import attrs

from netaudience.errors import mask
from netaudience.model.validators import text
from netaudience.model.wire import JsonValue, LongAnswer, load_json, wire_name

_UNKNOWN: Mapping[str, JsonValue] = {}
Lines = TypeVar("Lines", bound=Collection[str])


# What is sent.


@attrs.frozen(kw_only=True)
class NewList:
    """A static list to make."""

    #: What it is called; nothing keeps two from having one name.
    name: str = attrs.field(validator=text("list's name"), repr=mask)
    #: What it is for.
    description: str | None = attrs.field(default=None, validator=text("list's description"))


class NewListDict(TypedDict):
    """`NewList` by the vendor's names."""

    name: str
    description: NotRequired[str]


# What comes back.


@attrs.frozen(kw_only=True)
class ListCreated:
    """The number of a list that was made."""

    list_id: int = attrs.field(metadata=wire_name("listId"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class IterableList:
    """A list, static or dynamic."""

    id: int
    name: str | None = None
    description: str | None = None
    #: In milliseconds since 1970.
    created_at: int | None = attrs.field(default=None, metadata=wire_name("createdAt"))
    #: ``Standard``, ``Dynamic``, ``Suppression`` or ``Internal``.
    list_type: str | None = attrs.field(default=None, metadata=wire_name("listType"))
    is_global_suppression_enabled: bool | None = attrs.field(
        default=None, metadata=wire_name("isGlobalSuppressionEnabled")
    )
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class GetListsResponse:
    """All lists of a project."""

    #: Required: without them the answer is no list of lists.
    lists: Sequence[IterableList]
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ListMembers:
    """Those who are on a list, each by one identifier."""

    #: E-mail addresses or userIds, as the project names its users; those of a long list are in a temporary
    #: file, and are read from it each time.
    identifiers: Collection[str] = attrs.field(repr=False)

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Read one identifier from each line.

        Raises:
            ValueError: the body is no text, or JSON.
        """
        return cls(_no_json([line for line in body.decode().splitlines() if line]))

    @classmethod
    def from_lines(cls, body: LongAnswer) -> Self:
        """Read one identifier from each line, when somebody goes through them.

        Raises:
            ValueError: the body is no text, or JSON.
        """
        return cls(_no_json(_Lines(body)))


def _no_json(lines: Lines) -> Lines:
    """Refuse what is no list: something between here and the vendor has answered in its place."""
    if next(iter(lines), "").startswith("{"):
        raise ValueError("the answer is a JSON object, and no list of members")
    return lines


class _Lines(Collection[str]):
    """The lines of a long answer."""

    def __init__(self, body: LongAnswer) -> None:
        self._body = body

    def __iter__(self) -> Iterator[str]:
        return self._body.lines()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, line: object) -> bool:
        return any(line == one for one in self)


@attrs.frozen
class ListSize:
    """How many users are on a list."""

    count: int

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Read the number.

        Raises:
            ValueError: the body is none.
        """
        written = body.decode().strip()
        if not (written.isascii() and written.isdigit()):
            raise ValueError("the answer is no number")
        return cls(int(written))


@attrs.frozen
class Forgotten:
    """Those about whom nothing is stored any more, each by a hash."""

    #: SHA-256 of each identifier in lower case, in hexadecimal digits, sorted.
    hashes: Sequence[str] = attrs.field(repr=False)

    def __contains__(self, identifier: str) -> bool:
        """Return whether somebody is forgotten; userIds that differ in case alone cannot be told apart."""
        wanted = hashlib.sha256(identifier.strip().lower().encode()).hexdigest()
        at = bisect_left(self.hashes, wanted)
        return at < len(self.hashes) and self.hashes[at] == wanted

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Read the list, or the one list in an object.

        Raises:
            ValueError: the body holds no list of texts.
        """
        found = load_json(body)
        if isinstance(found, Mapping):
            lists = [value for value in found.values() if isinstance(value, list)]
            found = lists[0] if len(lists) == 1 else None
        hashes = [part for part in found if isinstance(part, str)] if isinstance(found, list) else None
        if hashes is None or not isinstance(found, list) or len(hashes) < len(found):
            raise ValueError("the answer is no list of hashes")
        return cls(sorted(one.lower() for one in hashes))


@attrs.frozen(kw_only=True)
class GetFieldsResponse:
    """The fields of a project's users."""

    #: The type of each field, by its name: ``string``, ``long``, ``date`` and so on.
    fields: Mapping[str, str]
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class ExportStarted:
    """The number of an export."""

    job_id: int = attrs.field(metadata=wire_name("jobId"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class ExportFile:
    """A file of an export, of 10 MB at most."""

    file: str
    #: Good for half an hour, for whoever has it.
    url: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class ExportStatus:
    """How far an export is, and the files that there are so far."""

    job_id: int = attrs.field(metadata=wire_name("jobId"))
    #: ``Enqueued``, ``Running``, ``Completed`` or ``Failed``; it may fall back from running to enqueued.
    job_state: str = attrs.field(metadata=wire_name("jobState"))
    #: Whether more than 100 GB were to be exported, of which the rest is left out.
    export_truncated: bool = attrs.field(default=False, metadata=wire_name("exportTruncated"))
    files: Sequence[ExportFile] = ()
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class ExportJobs:
    """The exports of an organisation; what one holds is not documented where it could be read."""

    jobs: Sequence[Mapping[str, JsonValue]] = ()
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class Channel:
    """A channel that messages go by."""

    id: int
    name: str | None = None
    #: ``Marketing`` or ``Transactional``.
    channel_type: str | None = attrs.field(default=None, metadata=wire_name("channelType"))
    #: ``Email``, ``SMS``, ``Push`` and so on.
    message_medium: str | None = attrs.field(default=None, metadata=wire_name("messageMedium"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class ChannelsResponse:
    """The channels of a project."""

    channels: Sequence[Channel]
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class MessageType:
    """A kind of message, which users opt in to or out of."""

    id: int
    name: str | None = None
    channel_id: int | None = attrs.field(default=None, metadata=wire_name("channelId"))
    #: ``OptIn`` or ``OptOut``.
    subscription_policy: str | None = attrs.field(default=None, metadata=wire_name("subscriptionPolicy"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class MessageTypesResponse:
    """The message types of a project."""

    message_types: Sequence[MessageType] = attrs.field(metadata=wire_name("messageTypes"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
