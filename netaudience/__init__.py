"""Carry audience changes to customer-engagement services at the vendor's limits.

::

    async with NetmeraClient.from_environment() as netmera:
        report = await netmera.tag_users(["id1", "id2"], tag="Sport")

See `Run` for the three readings of a run, `errors` for what can go wrong.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from netaudience.client import Client, Settings
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.run import Outcomes, Run
from netaudience.engine.transport import AiohttpTransport
from netaudience.errors import (
    AccountError,
    AnswerLost,
    BatcherClosed,
    BatcherFull,
    CircuitOpen,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    EmptySource,
    InvalidItem,
    ItemTooLarge,
    JournalFailed,
    LimitReached,
    Misconfigured,
    NetaudienceError,
    NotFound,
    NotSent,
    QuotaExhausted,
    Refused,
    ServerFault,
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

if TYPE_CHECKING:
    from netaudience.client_batcher import ClientBatcher
    from netaudience.engine.batcher import Batcher
    from netaudience.vendors.clevertap import CleverTapClient
    from netaudience.vendors.fynd import FyndClient
    from netaudience.vendors.iterable import IterableClient
    from netaudience.vendors.moengage import MoEngageClient
    from netaudience.vendors.netmera import NetmeraClient

__all__ = [
    "AccountError",
    "AiohttpTransport",
    "AnswerLost",
    "Batcher",
    "BatcherClosed",
    "BatcherFull",
    "CircuitOpen",
    "CleverTapClient",
    "Client",
    "ClientBatcher",
    "ConfigurationError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Delivered",
    "EmptySource",
    "Failed",
    "FyndClient",
    "InDoubt",
    "InvalidItem",
    "ItemTooLarge",
    "IterableClient",
    "JournalFailed",
    "LimitReached",
    "Misconfigured",
    "MoEngageClient",
    "NetaudienceError",
    "NetmeraClient",
    "NotFound",
    "NotSent",
    "Outcome",
    "Outcomes",
    "QuotaExhausted",
    "Refused",
    "Rejected",
    "Report",
    "RetryPolicy",
    "Run",
    "RunFailed",
    "ServerFault",
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


#: What not every program needs at its start, and where it is.
_LATER = {"Batcher": "netaudience.engine.batcher", "ClientBatcher": "netaudience.client_batcher"}


def __dir__() -> list[str]:
    """List what is imported later as well, for whoever looks around."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> type:
    """Import a vendor's client, or a batcher, when it is first asked for."""
    if name in _LATER:
        from importlib import import_module  # noqa: PLC0415 - as the sentence above says

        made: type = getattr(import_module(_LATER[name]), name)
        globals()[name] = made
        return made
    if name.endswith("Client"):
        from netaudience.vendors import clients  # noqa: PLC0415

        for client in clients(name):
            return client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
