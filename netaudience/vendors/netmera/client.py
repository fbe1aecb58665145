"""Netmera: its client, which has the operations of `users` and its neighbours.

Facts only. Each rule carries the page it comes from; what the vendor does not say is marked as assumed.
Its successes are HTTP 200 with an empty body and say nothing about single items, so they are *accepted*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from netaudience.client import Client, secret, shared
from netaudience.credentials import optional, required, switch
from netaudience.engine.transport import Transport
from netaudience.errors import VendorError
from netaudience.model.facts import Probe
from netaudience.model.wire import Response
from netaudience.operations.readback import NotReadable, ReadBack
from netaudience.operations.schemas import Schema
from netaudience.settings import Settings
from netaudience.vendors.netmera.answers import classify
from netaudience.vendors.netmera.contacts import Contacts
from netaudience.vendors.netmera.definitions import SCHEMAS
from netaudience.vendors.netmera.devices import Devices
from netaudience.vendors.netmera.facts import READ
from netaudience.vendors.netmera.profiles import Profiles
from netaudience.vendors.netmera.promotions import Promotions
from netaudience.vendors.netmera.read_backs import READ_BACKS
from netaudience.vendors.netmera.segments import Segments
from netaudience.vendors.netmera.users import Users

PUBLIC_HOST = "https://restapi.netmera.com"


# Operations are listed from the last base to the first.
class NetmeraClient(Promotions, Contacts, Segments, Devices, Profiles, Users, Client):
    """One Netmera app.

    Args:
        api_key: The REST API key of the app (panel: Developers > API); no other key works.
        base_url: The public host, or that of a private installation.
        older_installation: Whether a private installation is so old that `update_whats_app` takes a list.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: the key or the base URL is malformed.
    """

    vendor: ClassVar[str] = "Netmera"
    slug: ClassVar[str] = "netmera"
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = READ_BACKS
    read: ClassVar[str] = READ
    probe: ClassVar[Probe | None] = Probe("count_users")
    schemas: ClassVar[tuple[Schema, ...]] = SCHEMAS

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = PUBLIC_HOST,
        older_installation: bool = False,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.older_installation = older_installation
        self._headers = {"X-netmera-api-key": secret(api_key, "Netmera API key")}
        super().__init__(base_url=base_url, account=api_key, settings=settings, transport=transport)

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_NETMERA_…``.

        The names are ``API_KEY``, ``BASE_URL``, and ``OLDER_INSTALLATION``, which is ``true`` or ``false``.
        """
        older = switch(cls.slug, "older_installation", environ)
        return cls(
            required(cls.slug, "api_key", "the REST API key of the Netmera app", environ),
            base_url=optional(cls.slug, "base_url", environ) or PUBLIC_HOST,
            older_installation=older,
            settings=shared(settings, environ),
        )

    def headers(self) -> Mapping[str, str]:
        """Return the key's header. Source: the guide's setup page."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)
