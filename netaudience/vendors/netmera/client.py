"""Netmera: its client, which has the operations of `users` and its neighbours.

Facts only. Each rule carries the page it comes from; what the vendor does not say is marked as assumed.
Its successes are HTTP 200 with an empty body and say nothing about single items, so they are *accepted*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from netaudience.client import Client, Settings, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import VendorError
from netaudience.vendors.netmera.answers import classify
from netaudience.vendors.netmera.contacts import Contacts
from netaudience.vendors.netmera.devices import Devices
from netaudience.vendors.netmera.profiles import Profiles
from netaudience.vendors.netmera.users import Users
from netaudience.wire import Response

__all__ = ["NetmeraClient"]


# Operations are listed from the last base to the first.
class NetmeraClient(Contacts, Devices, Profiles, Users, Client):
    """One Netmera app.

    Args:
        api_key: The REST API key of the app (panel: Developers > API); no other key works.
        base_url: The public host, or that of a private installation.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: the key or the base URL is malformed.
    """

    vendor: ClassVar[str] = "Netmera"
    slug: ClassVar[str] = "netmera"

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = "https://restapi.netmera.com",
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._headers = {"X-netmera-api-key": secret(api_key, "Netmera API key")}
        super().__init__(base_url=base_url, account=api_key, settings=settings, transport=transport)

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_NETMERA_API_KEY`` and ``NETAUDIENCE_NETMERA_BASE_URL``."""
        key = required(cls.slug, "api_key", "the REST API key of the Netmera app", environ)
        base_url = optional(cls.slug, "base_url", environ)
        if base_url is None:
            return cls(key, settings=settings)
        return cls(key, base_url=base_url, settings=settings)

    def headers(self) -> Mapping[str, str]:
        """Return the key's header. Source: the guide's setup page."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)
