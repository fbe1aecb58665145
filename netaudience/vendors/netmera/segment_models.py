"""What Netmera's operations on segments take and answer.

A segment's conditions go as the vendor has them: their names, and what more there is to them, are in its
reference, https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import attrs

from netaudience.errors import mask
from netaudience.model.validators import flag, json_object, rule, text, whole_number
from netaudience.model.wire import JsonValue, wire_name

_UNKNOWN: Mapping[str, JsonValue] = {}
#: The conditions of which a segment needs at least one, by the vendor's names.
_CRITERIA = {"tags", "profile", "behaviors", "behaviorAggregations", "response", "pushEnabled", "targetJson"}


def _are_objects(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(cast("object", value))
        and all(isinstance(part, Mapping) for part in cast("Sequence[object]", value))
    )


_CONDITIONS = rule("The conditions must be a list of JSON objects, at least one", _are_objects)
_ID = whole_number("segment id")


@attrs.frozen(kw_only=True)
class SegmentDefinition:
    """A segment to be made: a name that no other has, and at least one condition."""

    name: str = attrs.field(validator=text("segment name"), metadata=wire_name("segmentName"), repr=mask)
    description: str | None = attrs.field(
        default=None, validator=text("description"), metadata=wire_name("segmentDescription")
    )
    #: Conditions on tags, as ``{"type": "TAG", "logic": ..., "code": 12}``; the code is the tag's id.
    tags: Sequence[Mapping[str, JsonValue]] | None = attrs.field(default=None, validator=_CONDITIONS)
    #: How they are joined, by the vendor's word.
    tag_condition_type: str | None = attrs.field(
        default=None, validator=text("tag condition type"), metadata=wire_name("tagConditionType")
    )
    #: Conditions on attributes, as
    #: ``{"type": "PROFILE", "expression": {"code": "city", "operator": "CONTAINS", "values": ["Izmir"]}}``.
    profile: Sequence[Mapping[str, JsonValue]] | None = attrs.field(default=None, validator=_CONDITIONS)
    #: How they are joined, by the vendor's word.
    profile_condition_type: str | None = attrs.field(
        default=None, validator=text("profile condition type"), metadata=wire_name("profileConditionType")
    )
    behaviors: Sequence[Mapping[str, JsonValue]] | None = attrs.field(default=None, validator=_CONDITIONS)
    behavior_aggregations: Sequence[Mapping[str, JsonValue]] | None = attrs.field(
        default=None, validator=_CONDITIONS, metadata=wire_name("behaviorAggregations")
    )
    response: Mapping[str, JsonValue] | None = attrs.field(default=None, validator=json_object("response"))
    push_enabled: bool | None = attrs.field(
        default=None, validator=flag("push enabled"), metadata=wire_name("pushEnabled")
    )
    #: A tree of conditions, as ``{"id": ..., "type": "GROUP", "logic": "AND", "conditions": [...]}``.
    target: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=json_object("target"), metadata=wire_name("targetJson")
    )
    time_zone: str | None = attrs.field(
        default=None, validator=text("time zone"), metadata=wire_name("timeZone")
    )


class SegmentDefinitionDict(TypedDict):
    """`SegmentDefinition` by the vendor's names; those that stand in ``segment`` there stand here beside."""

    segmentName: str
    segmentDescription: NotRequired[str]
    tags: NotRequired[Sequence[Mapping[str, JsonValue]]]
    tagConditionType: NotRequired[str]
    profile: NotRequired[Sequence[Mapping[str, JsonValue]]]
    profileConditionType: NotRequired[str]
    behaviors: NotRequired[Sequence[Mapping[str, JsonValue]]]
    behaviorAggregations: NotRequired[Sequence[Mapping[str, JsonValue]]]
    response: NotRequired[Mapping[str, JsonValue]]
    pushEnabled: NotRequired[bool]
    targetJson: NotRequired[Mapping[str, JsonValue]]
    timeZone: NotRequired[str]


@attrs.frozen(kw_only=True)
class SegmentChange(SegmentDefinition):
    """What a segment is to be: its name and its conditions replace what it had."""

    segment_id: int = attrs.field(validator=_ID, metadata=wire_name("segmentId"), repr=mask)


class SegmentChangeDict(SegmentDefinitionDict):
    """`SegmentChange` by the vendor's names."""

    segmentId: int


def segment_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a segment: the vendor refuses one without a condition."""
    if not row.keys() & _CRITERIA:
        return f"The row needs a condition, one of {', '.join(sorted(_CRITERIA))}"
    return None


@attrs.frozen
class SegmentState:
    """A segment, and how far its calculation is."""

    id: int | None = None
    name: str | None = None
    #: ``ACTIVE`` or ``DELETED``.
    status: str | None = attrs.field(default=None, repr=False)
    #: ``WAITING_CALCULATE``, ``READY`` or ``WAITING_DELETED``: only a ready one has users.
    calculation: str | None = attrs.field(default=None, metadata=wire_name("segmentStatus"))
    #: None until it was calculated.
    user_count: int | None = attrs.field(default=None, metadata=wire_name("userCount"))
    #: ``REST`` for one that was made by this API.
    created_by: str | None = attrs.field(default=None, metadata=wire_name("createdBy"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ValueCounts:
    """How many users have each value."""

    #: Value to number, the most frequent first; at most 10,000 of them.
    counts: Mapping[str, int] = attrs.field(factory=dict[str, int])
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
