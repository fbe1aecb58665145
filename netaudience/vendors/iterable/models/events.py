"""What users of Iterable's did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    epoch_seconds,
    flag,
    text,
    whole_number,
)
from netaudience.model.value_forms import RowValue, written_as
from netaudience.model.wire import wire_name
from netaudience.vendors.iterable.rules import DATA_FIELDS, EMAIL, EVENT_ID, USER_ID, identifying
from netaudience.vendors.iterable.values import SECONDS, VALUES, in_seconds


@attrs.frozen(kw_only=True)
class EventWithoutId:
    """Something that a user did. Without an id of its own it is stored once more each time it is sent."""

    event_name: str = attrs.field(validator=text("event's name"), metadata=wire_name("eventName"))
    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")
    #: When it happened, a `datetime` or seconds since 1970; when it was received if not set.
    created_at: int | None = attrs.field(
        default=None,
        converter=in_seconds,
        validator=epoch_seconds("event's createdAt"),
        metadata=written_as(SECONDS, "createdAt"),
    )
    #: Field names and values of the event.
    data_fields: Mapping[str, RowValue] | None = attrs.field(
        default=None, validator=DATA_FIELDS, metadata=written_as(VALUES, "dataFields"), repr=False
    )
    #: The campaign that it is attributed to.
    campaign_id: int | None = attrs.field(
        default=None, validator=whole_number("campaignId"), metadata=wire_name("campaignId")
    )
    #: The template that it is attributed to.
    template_id: int | None = attrs.field(
        default=None, validator=whole_number("templateId"), metadata=wire_name("templateId")
    )
    #: Whether fields that are new to events of this name are added, or dropped; the project's setting if not
    #: set.
    create_new_fields: bool | None = attrs.field(
        default=None, validator=flag("createNewFields"), metadata=wire_name("createNewFields")
    )


class EventWithoutIdDict(TypedDict):
    """`EventWithoutId` by the vendor's names."""

    eventName: str
    email: NotRequired[str]
    userId: NotRequired[str]
    createdAt: NotRequired[int | dt.date]
    dataFields: NotRequired[Mapping[str, RowValue]]
    campaignId: NotRequired[int]
    templateId: NotRequired[int]
    createNewFields: NotRequired[bool]


@attrs.frozen(kw_only=True)
class Event(EventWithoutId):
    """Something that a user did, with an id: sent again, it replaces itself."""

    #: Your own id of the event, at most 512 bytes.
    id: str = attrs.field(validator=EVENT_ID, repr=mask)


class EventDict(EventWithoutIdDict):
    """`Event` by the vendor's names."""

    id: str
