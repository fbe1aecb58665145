"""Fynd: user attributes and user groups of an application ("Audience"), and how its clients get a token.

The vendor's page prints no paths: they come from its SDKs, and a user may set others. It marks no answer as
partial: what a file does, row by row, is not reported.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import ClassVar, Self
from urllib.parse import quote

from netaudience.client import TIMEOUT, Client, secret, shared
from netaudience.credentials import optional, required
from netaudience.engine.bearer_token import Signer, TokenTransport
from netaudience.engine.transport import Transport, make_url
from netaudience.errors import ConfigurationError, VendorError
from netaudience.model.facts import Probe
from netaudience.model.wire import Prepared, Response, dump_json
from netaudience.operations.dispatch import Operation
from netaudience.operations.readback import NotReadable, ReadBack
from netaudience.operations.schemas import Schema
from netaudience.settings import Settings
from netaudience.vendors.fynd.answers import classify, read_token
from netaudience.vendors.fynd.attributes import Attributes
from netaudience.vendors.fynd.customers import Customers
from netaudience.vendors.fynd.definitions import SCHEMAS
from netaudience.vendors.fynd.facts import PREFIX
from netaudience.vendors.fynd.groups import Groups
from netaudience.vendors.fynd.jobs import Jobs
from netaudience.vendors.fynd.paths import part_of_path
from netaudience.vendors.fynd.read_backs import READ_BACKS
from netaudience.vendors.fynd.routes import read_routes, routes_of, unconfirmed

#: Source: https://docs.fynd.com/partners/commerce/headless/authentication
_TOKEN_PATH = "/service/panel/authentication/v1.0/company/{company_id}/oauth/token"  # noqa: S105 - a path
#: The answer to the request for a token is short.
_LONGEST_TOKEN_ANSWER = 1_000_000


class FyndClient(Jobs, Customers, Groups, Attributes, Client):
    """One application of a company at Fynd.

    A token is fetched with the first request and renewed by itself.

    Args:
        client_id: The id of the company's own client (grant ``client_credentials``).
        client_secret: Its secret.
        company_id: The company's id.
        application_id: The id of the application (the sales channel).
        base_url: The vendor's host, or that of another environment of it.
        routes: Other paths of operations, by the operation's name: ``METHOD /path`` or ``/path``. A path
            stands behind the prefix, unless it begins with ``/service/``. Three operations have no known
            path and refuse to be sent without one: list_group_tags, list_categorised_groups and
            refresh_group.
        prefix: What paths begin with; ``{company_id}`` and ``{application_id}`` are filled in.
        signer: Makes the headers of a signature, for environments that demand one: it is given the
            method, the URL, the headers and the body of every request.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: a credential, an id, a route, the prefix or the base URL is malformed.
    """

    vendor: ClassVar[str] = "Fynd"
    slug: ClassVar[str] = "fynd"
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = READ_BACKS
    read: ClassVar[str] = "2026-11"
    probe: ClassVar[Probe | None] = Probe("list_groups")
    schemas: ClassVar[tuple[Schema, ...]] = SCHEMAS

    def __init__(  # noqa: PLR0913 - what a vendor needs
        self,
        client_id: str,
        client_secret: str,
        company_id: str,
        application_id: str,
        *,
        base_url: str = "https://api.fynd.com",
        routes: Mapping[str, str] | None = None,
        prefix: str = PREFIX,
        signer: Signer | None = None,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if ":" in secret(client_id, "Fynd client id"):
            raise ConfigurationError(
                "The Fynd client id holds a colon, which no client id can: copy it again"
            )
        pair = f"{client_id}:{secret(client_secret, 'Fynd client secret')}"
        self._basic = f"Basic {b64encode(pair.encode()).decode()}"
        self._company = part_of_path(company_id, "company id")
        self._signer = signer
        self._routes = routes_of(type(self).operations(), routes or {}, prefix)
        super().__init__(
            base_url=base_url,
            account=f"{company_id}/{application_id}",
            path={
                "company_id": company_id,
                "application_id": part_of_path(application_id, "application id"),
            },
            settings=settings,
            transport=transport,
        )

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_FYND_…``.

        The names are ``CLIENT_ID``, ``CLIENT_SECRET``, ``COMPANY_ID``, ``APPLICATION_ID``, ``BASE_URL``,
        ``PREFIX``, and ``ROUTES``: a JSON object of the operation's name to its route.
        """
        base_url = optional(cls.slug, "base_url", environ)
        return cls(
            required(cls.slug, "client_id", "the id of the company's client", environ),
            required(cls.slug, "client_secret", "the secret of the company's client", environ),
            required(cls.slug, "company_id", "the company's id", environ),
            required(cls.slug, "application_id", "the id of the application", environ),
            base_url=base_url or "https://api.fynd.com",
            routes=read_routes(optional(cls.slug, "routes", environ)),
            prefix=optional(cls.slug, "prefix", environ) or PREFIX,
            settings=shared(settings, environ),
        )

    def headers(self) -> Mapping[str, str]:
        """Return no header: the token is added when a request is sent."""
        return {}

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    def authorized(self, transport: Transport) -> Transport:
        """Return a transport that adds the client's token."""
        return TokenTransport(transport, ask=self._ask_token, read=read_token, signer=self._signer)

    def route(self, operation: Operation) -> tuple[str, str]:
        """Return where the operation is: as the user has set it, or as it is known.

        Raises:
            ConfigurationError: it is not known, and the user has not set it.
        """
        route = self._routes[operation.name]
        if route is None:
            raise unconfirmed(operation)
        return route

    def _ask_token(self) -> Prepared:
        path = _TOKEN_PATH.replace("{company_id}", quote(self._company, safe=""))
        return Prepared(
            "POST",
            make_url(self.base_url, path, {}),
            {"Authorization": self._basic, "Content-Type": "application/json"},
            dump_json({"grant_type": "client_credentials"}),
            self.settings.timeout or TIMEOUT,
            _LONGEST_TOKEN_ANSWER,
        )
