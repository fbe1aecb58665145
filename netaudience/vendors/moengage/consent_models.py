"""What MoEngage's operations on consents take and answer: rows that are checked, answers that tolerate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import attrs

from netaudience.errors import mask
from netaudience.model.validators import Rule, email, flag, identifier, phone, rule, text
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.moengage.rules import CUSTOMER_ID, digits_of

_UNKNOWN: Mapping[str, JsonValue] = {}
_MOST_ATTRIBUTES, _LONGEST_NAME, _LONGEST_VALUE = 5, 50, 255


def _chosen(value: object) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    entries = cast("Mapping[object, object]", value).items()
    return all(isinstance(name, str) and bool(name) and isinstance(on, bool) for name, on in entries)


_CATEGORIES = rule(
    'The categories must be a mapping of their names to true or false, such as {"offers": false}', _chosen
)


def _noted(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    entries = cast("Mapping[object, object]", value).items()
    return len(entries) <= _MOST_ATTRIBUTES and all(
        isinstance(name, str) and len(name) <= _LONGEST_NAME and len(str(one)) <= _LONGEST_VALUE
        for name, one in entries
    )


#: Source: https://github.com/moengage/moengage-documentation/blob/00e3014/subscription-categories-v5.yaml
_EVENT_ATTRIBUTES = rule(
    f"The event_attributes must be a mapping of at most {_MOST_ATTRIBUTES} names, of at most {_LONGEST_NAME} "
    f"characters, to values of at most {_LONGEST_VALUE}",
    _noted,
)


def _as_it_is(number: str) -> str:
    digits_of(number)
    return number


#: How it is written is not documented: it is checked, and sent as it is given.
_MOBILE: Rule = phone("mobile", _as_it_is)


# What is sent.


@attrs.frozen(kw_only=True)
class ErasureSubject:
    """A person whose data is to be erased, by all that the person is known by."""

    #: Your own id of the user.
    customer_id: str | None = attrs.field(
        default=None, validator=identifier("customer id"), metadata=wire_name("ID"), repr=mask
    )
    user_secondary_id: str | None = attrs.field(
        default=None, validator=identifier("user_secondary_id"), repr=mask
    )
    #: All users who share the address are erased.
    email: str | None = attrs.field(default=None, validator=email("email"), repr=False)
    mobile: str | None = attrs.field(default=None, validator=_MOBILE, repr=False)
    #: The advertising id of Android.
    gaid: str | None = attrs.field(
        default=None,
        validator=identifier("advertising id"),
        metadata=wire_name("google_advertising_id"),
        repr=mask,
    )
    #: The advertising id of iOS.
    idfa: str | None = attrs.field(
        default=None,
        validator=identifier("advertising id"),
        metadata=wire_name("advertising_identifier"),
        repr=mask,
    )


class ErasureSubjectDict(TypedDict):
    """`ErasureSubject` by the vendor's names."""

    ID: NotRequired[str]
    user_secondary_id: NotRequired[str]
    email: NotRequired[str]
    mobile: NotRequired[str]
    google_advertising_id: NotRequired[str]
    advertising_identifier: NotRequired[str]


@attrs.frozen
class ChannelPreference:
    """What a user agreed to on a channel."""

    #: The user, by what the operation's `by` says.
    user_identifier_value: str = attrs.field(validator=identifier("user"), repr=mask)
    #: True unsubscribes from the whole channel, false lifts such an unsubscribe.
    is_globally_unsubscribed: bool = attrs.field(validator=flag("is_globally_unsubscribed"), kw_only=True)
    #: By the category's name, whether the user gets its messages; the others stay. Ignored where the whole
    #: channel is off.
    categories: Mapping[str, bool] | None = attrs.field(default=None, validator=_CATEGORIES, kw_only=True)
    #: What the event of the change is to hold.
    event_attributes: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=_EVENT_ATTRIBUTES, repr=False, kw_only=True
    )
    #: A handle of your own.
    request_id: str | None = attrs.field(default=None, validator=text("request_id"), kw_only=True)


class ChannelPreferenceDict(TypedDict):
    """`ChannelPreference` by the vendor's names."""

    user_identifier_value: str
    is_globally_unsubscribed: bool
    categories: NotRequired[Mapping[str, bool]]
    event_attributes: NotRequired[Mapping[str, JsonValue]]
    request_id: NotRequired[str]


@attrs.frozen
class CategoryPreference:
    """Which e-mail categories a user gets."""

    customer_id: str = attrs.field(validator=CUSTOMER_ID, repr=mask)
    #: By the category's name, whether the user gets its messages.
    categories: Mapping[str, bool] | None = attrs.field(default=None, validator=_CATEGORIES)
    #: True unsubscribes from all of them; false may lift an unsubscribe: the operation asks whether it may.
    unsubscribe_all: bool | None = attrs.field(default=None, validator=flag("unsubscribe_all"))


class CategoryPreferenceDict(TypedDict):
    """`CategoryPreference` by the vendor's names."""

    customer_id: str
    categories: NotRequired[Mapping[str, bool]]
    unsubscribe_all: NotRequired[bool]


_STATUSES = ("DOUBLE_OPTED_IN", "OPTED_OUT", "OPT_IN_PENDING")
_STATUS = rule(
    f"The opt_in_status must be one of {', '.join(_STATUSES)}",
    # In whatever case: the vendor's own error says so.
    lambda value: isinstance(value, str) and value.upper() in _STATUSES,
)


@attrs.frozen
class OptIn:
    """Whether a user has opted in to e-mail; with an address it is about every user who has it.

    Of customer id and address one names the user; where both are given, the address does.
    """

    customer_id: str | None = attrs.field(default=None, validator=CUSTOMER_ID, repr=mask)
    email_id: str | None = attrs.field(default=None, validator=email("email_id"), repr=mask)
    #: ``DOUBLE_OPTED_IN``, ``OPTED_OUT`` or ``OPT_IN_PENDING``.
    opt_in_status: str | None = attrs.field(default=None, validator=_STATUS)
    #: Names of categories, and whether the user gets each; all of them false make it ``OPTED_OUT``.
    categories: Mapping[str, bool] | None = attrs.field(default=None, validator=_CATEGORIES)


class OptInDict(TypedDict):
    """`OptIn` by the vendor's names."""

    customer_id: NotRequired[str]
    email_id: NotRequired[str]
    opt_in_status: NotRequired[str]
    categories: NotRequired[Mapping[str, bool]]


# What comes back.


@attrs.frozen
class GdprAccepted:
    """The vendor took an erasure, and will do it within seven days."""

    status: str | None = None
    message: str | None = attrs.field(default=None, repr=False)
    #: The receipt.
    request_id: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SubscriptionCategory:
    """A category that people may subscribe to."""

    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    channel: str | None = None
    group: str | None = None
    status: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class SubscriptionCategories:
    """The active categories of a channel."""

    response_id: str | None = None
    type: str | None = None
    data: Sequence[SubscriptionCategory] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class CategoryStatus:
    """A user's subscription to one category."""

    name: str | None = None
    channel: str | None = None
    group: str | None = None
    #: ``subscribed`` or ``unsubscribed``.
    status: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class PreferenceData:
    """What a user agreed to on a channel."""

    user_id: str | None = attrs.field(default=None, repr=mask)
    is_globally_unsubscribed: bool | None = None
    categories: Sequence[CategoryStatus] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Preferences:
    """The answer that has what a user agreed to."""

    response_id: str | None = None
    type: str | None = None
    data: PreferenceData | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class PreferencesAccepted:
    """The vendor took a change of preferences."""

    response_id: str | None = None
    type: str | None = None
    data: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class ResubscribeAccepted:
    """The vendor took addresses whose unsubscribes are lifted."""

    message: str | None = attrs.field(default=None, repr=False)
    response_id: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Acknowledged:
    """What the vendor says of a request that it took."""

    message: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)


@attrs.frozen
class Connection:
    """A workspace that lets its key in."""

    #: ``success``.
    status: str | None = None
    app_name: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=_UNKNOWN, repr=False)
