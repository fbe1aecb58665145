"""What Iterable's operations take and answer: rows that are checked, answers that tolerate.

A row is an attrs class with Python names, or a plain dict with the vendor's own; both are checked alike.
How many identifiers a row must have depends on the operation and the project: that rule stands with the
operations. An answer keeps what the vendor adds in ``unknown``.
"""

from __future__ import annotations

from netaudience.vendors.iterable.models.devices import (
    BrowserRegistration,
    BrowserRegistrationDict,
    DeviceReference,
    DeviceReferenceDict,
    DeviceRegistration,
    DeviceRegistrationDict,
)
from netaudience.vendors.iterable.models.events import Event, EventDict, EventWithoutId, EventWithoutIdDict
from netaudience.vendors.iterable.models.results import (
    FailedUpdates,
    IterableResponse,
    SubscriptionsResult,
    TrackResult,
    UserBulkResult,
)
from netaudience.vendors.iterable.models.subscriptions import (
    DoubleOptIn,
    DoubleOptInDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
)
from netaudience.vendors.iterable.models.users import (
    EmailChange,
    EmailChangeDict,
    GetUserResponse,
    Merge,
    MergeDict,
    SentMessages,
    User,
    UserReference,
    UserReferenceDict,
    UserUpdate,
    UserUpdateDict,
)

__all__ = [
    "BrowserRegistration",
    "BrowserRegistrationDict",
    "DeviceReference",
    "DeviceReferenceDict",
    "DeviceRegistration",
    "DeviceRegistrationDict",
    "DoubleOptIn",
    "DoubleOptInDict",
    "EmailChange",
    "EmailChangeDict",
    "Event",
    "EventDict",
    "EventWithoutId",
    "EventWithoutIdDict",
    "FailedUpdates",
    "GetUserResponse",
    "IterableResponse",
    "Merge",
    "MergeDict",
    "SentMessages",
    "SubscriptionUpdate",
    "SubscriptionUpdateDict",
    "SubscriptionsResult",
    "TrackResult",
    "User",
    "UserBulkResult",
    "UserReference",
    "UserReferenceDict",
    "UserUpdate",
    "UserUpdateDict",
]
