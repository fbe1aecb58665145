"""Carry audience changes to customer-engagement services at the vendor's limits.

::

    async with NetmeraClient.from_environment() as netmera:
        report = await netmera.tag_users(["id1", "id2"], tag="Sport")

See `Run` for the three readings of a run, `errors` for what can go wrong.
"""

from __future__ import annotations

import logging

from netaudience.client import Settings
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.run import Outcomes, Run
from netaudience.errors import (
    AccountError,
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    EmptySource,
    InvalidItem,
    ItemTooLarge,
    Misconfigured,
    NetaudienceError,
    NotFound,
    QuotaExhausted,
    Refused,
    SourceFailed,
    Throttled,
    TooLarge,
    TransportError,
    Unauthorized,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.outcomes import (
    Delivered,
    Failed,
    InDoubt,
    Outcome,
    Rejected,
    Report,
    RunFailed,
    SettledChunk,
)
from netaudience.vendors.clevertap import CleverTapClient
from netaudience.vendors.netmera import NetmeraClient

__all__ = [
    "AccountError",
    "AnswerLost",
    "CleverTapClient",
    "ConfigurationError",
    "ConnectionFailed",
    "Delivered",
    "EmptySource",
    "Failed",
    "InDoubt",
    "InvalidItem",
    "ItemTooLarge",
    "Misconfigured",
    "NetaudienceError",
    "NetmeraClient",
    "NotFound",
    "Outcome",
    "Outcomes",
    "QuotaExhausted",
    "Refused",
    "Rejected",
    "Report",
    "RetryPolicy",
    "Run",
    "RunFailed",
    "Settings",
    "SettledChunk",
    "SourceFailed",
    "Throttled",
    "TooLarge",
    "TransportError",
    "Unauthorized",
    "Unavailable",
    "Unreadable",
    "VendorError",
]

# The application decides where logs go; without a handler nothing is printed.
logging.getLogger("netaudience").addHandler(logging.NullHandler())
