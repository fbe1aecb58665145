"""MoEngage: users, devices and events, alone and in bulk, and what can be done with users that exist.

Facts only. Nearly every success means that the request was *accepted*: it is worked off later, and no
answer tells what became of a single user. So what can be known to be wrong is refused before it is sent.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import ClassVar, Literal, Self, TypeAlias, cast, get_args

from netaudience.client import Client, secret, shared
from netaudience.credentials import optional, required, switch
from netaudience.engine.transport import Transport
from netaudience.errors import ConfigurationError, VendorError
from netaudience.model.facts import Probe
from netaudience.model.kinds import Kind
from netaudience.model.validators import text
from netaudience.model.wire import Response
from netaudience.operations.dispatch import Operation
from netaudience.operations.readback import NotReadable, ReadBack
from netaudience.settings import Settings
from netaudience.vendors.moengage.answers import classify
from netaudience.vendors.moengage.audiences import Audiences
from netaudience.vendors.moengage.consent_models import ChannelPreference, PreferencesAccepted
from netaudience.vendors.moengage.consents import Channel, Consents, UserIdentifier, lifted
from netaudience.vendors.moengage.devices import Devices
from netaudience.vendors.moengage.elements import (
    EVENTS,
    USERS,
)
from netaudience.vendors.moengage.events import Events
from netaudience.vendors.moengage.read_backs import READ_BACKS
from netaudience.vendors.moengage.segments import Segments, segment_callbacks
from netaudience.vendors.moengage.users import Users
from netaudience.vendors.moengage.workspace import Workspace

DataCenter: TypeAlias = Literal["01", "02", "03", "04", "05", "06", "101"]
"""Where a workspace is kept. Source: https://www.moengage.com/docs/api/introduction"""

_HOSTS: Mapping[str, str] = {number: f"https://api-{number}.moengage.com" for number in get_args(DataCenter)}


_NO_ARGUMENTS: Mapping[str, object] = {}


class MoEngageClient(Consents, Audiences, Segments, Events, Devices, Users, Client):
    """One MoEngage workspace.

    Args:
        workspace_id: The workspace id, formerly app id (Settings > Account > APIs).
        data_api_key: The key of the Data tile on the same page; those of other tiles do not work.
        data_center: Where the workspace is kept, the number in the dashboard's address; there is no
            default, for no other data center knows the workspace.
        base_url: A host of your own in place of the data center's.
        identity_resolution: The identifiers that are activated in the workspace, such as ``moe_mobile``;
            with them a row may leave out the customer id where it holds one of these.
        object_attributes: Whether the workspace takes attributes whose values are objects.
        allow_truncation: Whether MoEngage may cut names of more than 200 characters and values of more
            than 512; without it such rows are rejected, for it cuts without a word.
        unset_attributes: Whether MoEngage has enabled unsetting for the workspace, an early-access feature;
            without it rows that hold ``unset_attributes`` are rejected.
        project_code: The project that users and events belong to, in a workspace with Portfolio; without it
            an attribute there becomes one of the whole portfolio.
        db_name: The workspace's ``db_name``, which segments by file need.
        send_app_key: Whether the header ``MOE-APPKEY`` goes along where the vendor does not require it.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: a credential, the data center, an identifier or the base URL is wrong.
    """

    vendor: ClassVar[str] = "MoEngage"
    slug: ClassVar[str] = "moengage"
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = READ_BACKS
    read: ClassVar[str] = "2026-11"
    probe: ClassVar[Probe | None] = Probe(
        "list_subscription_categories",
        needs="it needs the scope read:subscriptions, which the key of the Data tile may lack",
    )

    def __init__(  # noqa: PLR0913 - what a vendor needs
        self,
        workspace_id: str,
        data_api_key: str,
        *,
        data_center: DataCenter | None = None,
        base_url: str | None = None,
        identity_resolution: Collection[str] = (),
        object_attributes: bool = False,
        allow_truncation: bool = False,
        unset_attributes: bool = False,
        project_code: str | None = None,
        db_name: str | None = None,
        send_app_key: bool = True,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if (data_center is None) == (base_url is None):
            raise ConfigurationError(
                "MoEngage needs either a data_center or a base_url, one of the two: the data center is the "
                f"number in the dashboard's address; it is one of {', '.join(_HOSTS)}"
            )
        if data_center is not None and data_center not in _HOSTS:
            raise ConfigurationError(
                f"MoEngage has no data center of that name: it is one of {', '.join(_HOSTS)}, as text"
            )
        self._workspace_id = secret(workspace_id, "MoEngage workspace id")
        if ":" in workspace_id:
            raise ConfigurationError(
                "The MoEngage workspace id holds a colon: copy it again, without the key"
            )
        self._headers = _headers(workspace_id, secret(data_api_key, "MoEngage data API key"), send_app_key)
        self._workspace = Workspace(
            identifiers=_identifiers(identity_resolution),
            object_attributes=object_attributes,
            allow_truncation=allow_truncation,
            unset_attributes=unset_attributes,
        )
        for noun, value in (("project_code", project_code), ("db_name", db_name)):
            if value is not None and (problem := text(noun).why_invalid(value)):
                raise ConfigurationError(problem)
        self._project_code, self._db_name = project_code, db_name
        self._segment_callbacks = segment_callbacks()
        users = USERS.of(self._workspace.identifiers, self._workspace.user_rule)
        events = EVENTS.of(self._workspace.identifiers, self._workspace.event_rule)
        self._kinds: Mapping[Kind, Kind] = {USERS: users, EVENTS: events}
        super().__init__(
            base_url=base_url or _HOSTS[cast("str", data_center)],
            account=workspace_id,
            path={"workspace_id": workspace_id},
            settings=settings,
            transport=transport,
        )

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_MOENGAGE_…``.

        The names are ``WORKSPACE_ID``, ``DATA_API_KEY``, ``DATA_CENTER`` or ``BASE_URL``; where they are
        needed, ``IDENTITY_RESOLUTION`` (names separated by commas), and ``OBJECT_ATTRIBUTES``,
        ``ALLOW_TRUNCATION``, ``UNSET_ATTRIBUTES`` and ``SEND_APP_KEY`` (``true`` or ``false``), and
        ``PROJECT_CODE`` and ``DB_NAME``.
        """
        identifiers = optional(cls.slug, "identity_resolution", environ) or ""
        return cls(
            required(cls.slug, "workspace_id", "the MoEngage workspace id", environ),
            required(cls.slug, "data_api_key", "the key of the Data tile", environ),
            data_center=cast("DataCenter | None", optional(cls.slug, "data_center", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            identity_resolution=[name.strip() for name in identifiers.split(",")] if identifiers else (),
            object_attributes=switch(cls.slug, "object_attributes", environ),
            allow_truncation=switch(cls.slug, "allow_truncation", environ),
            unset_attributes=switch(cls.slug, "unset_attributes", environ),
            project_code=optional(cls.slug, "project_code", environ),
            db_name=optional(cls.slug, "db_name", environ),
            send_app_key=switch(cls.slug, "send_app_key", environ, default=True),
            settings=shared(settings, environ),
        )

    def headers(self) -> Mapping[str, str]:
        """Return the workspace's headers. Source: https://www.moengage.com/docs/api/introduction."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    def items_of(self, operation: Operation) -> Kind:
        """Return the operation's items under the rules of the workspace."""
        return self._kinds.get(operation.kind, operation.kind)

    def kind(self, operation: Operation, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> Kind:
        """Return what the operation's items are, as these arguments and the workspace have them."""
        kind = super().kind(operation, arguments)
        lifting = operation.name == "set_category_preferences" and arguments.get("lift_unsubscribes") is True
        return lifted(kind) if lifting else kind

    async def change_categories(
        self,
        user: str,
        categories: Mapping[str, bool],
        *,
        by: UserIdentifier = "uid",
        channel: Channel = "email",
    ) -> PreferencesAccepted | None:
        """Subscribe a user to categories or unsubscribe the user from them, and leave all else as it is.

        What the user said of the channel as a whole is read first and sent back. That is two requests: what
        changes between them is lost.

        Args:
            user: The user.
            categories: By the category's name, whether the user gets its messages.
            by: What the user's identifier is: ``uid``, ``moe_user_id`` or ``email``.
            channel: ``email`` or ``sms``.

        Returns:
            None where the user has unsubscribed from the whole channel: MoEngage ignores categories then, so
            nothing was sent.

        Raises:
            NotFound: MoEngage does not know the user.
            ConfigurationError: what the user said is not in the answer.
        """
        found = await self.get_subscription_preferences(user, by=by, channel=channel)
        unsubscribed = None if found.data is None else found.data.is_globally_unsubscribed
        if unsubscribed is None:
            raise ConfigurationError(
                "MoEngage does not say whether the user has unsubscribed from the channel, so nothing was "
                "changed"
            )
        if unsubscribed:
            return None
        row = ChannelPreference(user, is_globally_unsubscribed=False, categories=categories)
        return await self.set_subscription_preferences(row, by=by, channel=channel, lift_unsubscribes=True)


def _headers(workspace_id: str, key: str, send_app_key: bool) -> Mapping[str, str]:  # noqa: FBT001 - as given
    basic = base64.b64encode(f"{workspace_id}:{key}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return {**headers, "MOE-APPKEY": workspace_id} if send_app_key else headers


def _identifiers(names: Collection[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):  # pyright: ignore[reportUnnecessaryIsInstance] # callers without a type checker
        raise ConfigurationError(
            "identity_resolution must be a list of the identifiers' names, such as ['moe_mobile']"
        )
    return tuple(names)
