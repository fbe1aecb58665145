"""The vendors, a room each. A new vendor is a file or a folder here and one line below."""

from __future__ import annotations

from importlib import import_module

from netaudience.client import Client
from netaudience.errors import ConfigurationError

__all__ = ["client_of", "clients"]

#: The file of each vendor and its client; commands, sandbox routes and the reference come from here.
_CLIENTS = {
    "netmera": "NetmeraClient",
    "iterable": "IterableClient",
    "clevertap": "CleverTapClient",
    "moengage": "MoEngageClient",
    "fynd": "FyndClient",
}


def clients(*names: str) -> tuple[type[Client], ...]:
    """Return the clients of these class names, or of all; each is imported when it is asked for."""
    return tuple(_load(slug) for slug, name in _CLIENTS.items() if not names or name in names)


def client_of(slug: str) -> type[Client]:
    """Return the client of the vendor that goes by this name in commands and variables.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    if slug not in _CLIENTS:
        raise ConfigurationError(f"There is no such vendor: it is one of {', '.join(_CLIENTS)}")
    return _load(slug)


def _load(slug: str) -> type[Client]:
    client: type[Client] = getattr(import_module(f"{__name__}.{slug}"), _CLIENTS[slug])
    return client
