"""What users of Iterable's are subscribed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import attrs

from netaudience.model.validators import (
    flag,
    phone,
    text,
    whole_number,
)
from netaudience.model.wire import wire_name
from netaudience.vendors.iterable.rules import EMAIL, USER_ID, identifying, ids, some_ids


@attrs.frozen(kw_only=True)
class DoubleOptIn:
    """A user who is asked by a text message whether to opt in."""

    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")
    #: The message types, of text messages, that are meant.
    message_type_ids: Sequence[int] = attrs.field(
        validator=some_ids("messageTypeIds"), metadata=wire_name("messageTypeIds")
    )
    #: The number to ask, as E.164; that of the profile if not given.
    phone_number: str | None = attrs.field(
        default=None,
        validator=phone("phoneNumber", as_it_is=True),
        metadata=wire_name("phoneNumber"),
        repr=False,
    )
    #: What the message calls the sender.
    brand_name: str | None = attrs.field(
        default=None, validator=text("brandName"), metadata=wire_name("brandName")
    )


class DoubleOptInDict(TypedDict):
    """`DoubleOptIn` by the vendor's names."""

    messageTypeIds: Sequence[int]
    email: NotRequired[str]
    userId: NotRequired[str]
    phoneNumber: NotRequired[str]
    brandName: NotRequired[str]


@attrs.frozen(kw_only=True)
class SubscriptionUpdate:
    """What a user is subscribed to from now on. What is given **overwrites**; None leaves as it is.

    An empty list is not the same as None: it overwrites with nothing.
    """

    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")
    #: The lists that the user is on.
    email_list_ids: Sequence[int] | None = attrs.field(
        default=None, validator=ids("emailListIds"), metadata=wire_name("emailListIds")
    )
    #: The channels that the user gets nothing from.
    unsubscribed_channel_ids: Sequence[int] | None = attrs.field(
        default=None, validator=ids("unsubscribedChannelIds"), metadata=wire_name("unsubscribedChannelIds")
    )
    #: The message types that the user does not get.
    unsubscribed_message_type_ids: Sequence[int] | None = attrs.field(
        default=None,
        validator=ids("unsubscribedMessageTypeIds"),
        metadata=wire_name("unsubscribedMessageTypeIds"),
    )
    #: The message types that the user has opted in to; needs a feature that the vendor turns on.
    subscribed_message_type_ids: Sequence[int] | None = attrs.field(
        default=None,
        validator=ids("subscribedMessageTypeIds"),
        metadata=wire_name("subscribedMessageTypeIds"),
    )
    #: The campaign that unsubscribes are attributed to.
    campaign_id: int | None = attrs.field(
        default=None, validator=whole_number("campaignId"), metadata=wire_name("campaignId")
    )
    #: The template that unsubscribes are attributed to.
    template_id: int | None = attrs.field(
        default=None, validator=whole_number("templateId"), metadata=wire_name("templateId")
    )
    #: False lets message types be subscribed to whose channel is not; True if not set.
    validate_channel_alignment: bool | None = attrs.field(
        default=None,
        validator=flag("validateChannelAlignment"),
        metadata=wire_name("validateChannelAlignment"),
    )


class SubscriptionUpdateDict(TypedDict):
    """`SubscriptionUpdate` by the vendor's names; leave out what shall stay as it is."""

    email: NotRequired[str]
    userId: NotRequired[str]
    emailListIds: NotRequired[Sequence[int]]
    unsubscribedChannelIds: NotRequired[Sequence[int]]
    unsubscribedMessageTypeIds: NotRequired[Sequence[int]]
    subscribedMessageTypeIds: NotRequired[Sequence[int]]
    campaignId: NotRequired[int]
    templateId: NotRequired[int]
    validateChannelAlignment: NotRequired[bool]
