"""Carry audience changes to customer-engagement services at the vendor's limits.

::

    async with NetmeraClient.from_environment() as netmera:
        report = await netmera.tag_users(["id1", "id2"], tag="Sport")

See `Run` for the three readings of a run, `errors` for what can go wrong.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaudience.client import Client
    from netaudience.engine.batcher import Batcher
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
        GuardRefused,
        InvalidItem,
        ItemTooLarge,
        JournalFailed,
        LimitReached,
        Misconfigured,
        NetaudienceError,
        NotFound,
        NotSent,
        QuotaExhausted,
        QuotasLost,
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
    from netaudience.operations.batch_router import ClientBatcher
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
    from netaudience.settings import Settings
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
    "GuardRefused",
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
    "QuotasLost",
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

#: Where the public names are made, besides those of errors, outcomes, and the vendors' clients, which their
#: own registry knows. Nothing is imported before it is asked for: `netaudience --help` needs no HTTP.
_HOMES = {
    "client": ("Client",),
    "settings": ("Settings",),
    "operations.batch_router": ("ClientBatcher",),
    "engine.batcher": ("Batcher",),
    "engine.retry": ("RetryPolicy",),
    "engine.run": ("Outcomes", "Run"),
    "engine.transport": ("AiohttpTransport",),
}


def __dir__() -> list[str]:
    """List what is imported later as well, for whoever looks around."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name.endswith("Client") and name != "Client":
        from netaudience.vendors import clients  # noqa: PLC0415 - loads the base of all clients

        for client in clients(name):
            return client
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = [home for home, names in _HOMES.items() if name in names] or ["errors", "outcomes"]
    found = (import_module(f"{__name__}.{home}") for home in homes)
    globals()[name] = made = next(getattr(home, name) for home in found if hasattr(home, name))
    return made
