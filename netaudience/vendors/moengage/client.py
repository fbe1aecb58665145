"""MoEngage: users, devices and events, alone and in bulk, and what can be done with users that exist.

Facts only. Nearly every success means that the request was *accepted*: it is worked off later, and no
answer tells what became of a single user. So what can be known to be wrong is refused before it is sent.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias, cast, get_args

from netaudience.client import Client, Settings, confirmed, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import ConfigurationError, InvalidItem, VendorError
from netaudience.items import Identifiers, Kind
from netaudience.limits import Limit, Quota, assumed, documented, per_minute
from netaudience.operations import batch, call
from netaudience.rules import text, texts
from netaudience.vendors.moengage.answers import blame_export, classify
from netaudience.vendors.moengage.elements import (
    DEVICES,
    EVENTS,
    PAIRS,
    SELECTIONS,
    USERS,
    device_element,
    event_element,
    user_element,
)
from netaudience.vendors.moengage.models import (
    Accepted,
    Device,
    DeviceDict,
    DeviceSelection,
    DeviceSelectionDict,
    Event,
    EventDict,
    GetUsersResponse,
    MergePair,
    MergePairDict,
    MergeResponse,
    User,
    UserDict,
)
from netaudience.vendors.moengage.rules import DOCS, OVERVIEW, SPECIFICATION, Workspace
from netaudience.wire import Request, Response
from netaudience.work import Operation

__all__ = ["DataCenter", "MoEngageClient"]

BULK = "https://developers.moengage.com/hc/en-us/articles/4413174113044"

DataCenter: TypeAlias = Literal["01", "02", "03", "04", "05", "06", "101"]
"""Where a workspace is kept. Source: https://www.moengage.com/docs/api/introduction"""

_HOSTS: Mapping[str, str] = {number: f"https://api-{number}.moengage.com" for number in get_args(DataCenter)}

_SHARE = assumed(0.9, "room for whatever else writes to the workspace, and for clocks that differ")
_IN_FLIGHT = assumed(16, "no figure is documented")

#: "Maintain a rate limit of 10,000 user updates per minute."
TRACKED_USERS = Quota(
    "moengage users",
    (per_minute(documented(10_000, DOCS), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
TRACKED_DEVICES = Quota(
    "moengage devices",
    (per_minute(documented(10_000, SPECIFICATION), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
TRACKED_EVENTS = Quota(
    "moengage events",
    (per_minute(documented(30_000, SPECIFICATION), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
#: Two of the vendor's texts give 60,000 of each, and 10,000 users and 30,000 events: the lower is used.
IMPORTED_USERS = Quota(
    "moengage bulk users",
    (per_minute(documented(10_000, BULK), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
IMPORTED_DEVICES = Quota(
    "moengage bulk devices",
    (
        per_minute(
            assumed(10_000, "no figure is documented; as many as users"), counts="records", share=_SHARE
        ),
    ),
    in_flight=_IN_FLIGHT,
)
IMPORTED_EVENTS = Quota(
    "moengage bulk events",
    (per_minute(documented(30_000, BULK), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
DELETES = Quota(
    "moengage deletes",
    (per_minute(documented(5_000, SPECIFICATION), share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
BLOCKS = Quota(
    "moengage device blocks",
    (per_minute(documented(1_000, SPECIFICATION), share=_SHARE),),
    in_flight=_IN_FLIGHT,
)
#: A pair is taken for one user update. One request at a time, for a pair may build on an earlier one.
MERGES = Quota(
    "moengage merges",
    (per_minute(documented(1_000, SPECIFICATION), counts="records", share=_SHARE),),
    in_flight=assumed(1, "no figure is documented; pairs are merged in their order"),
)
EXPORTS = Quota(
    "moengage exports",
    (per_minute(documented(1_000, SPECIFICATION), counts="records", share=_SHARE),),
    in_flight=_IN_FLIGHT,
)

# Whether a KB is 1,000 bytes or 1,024 is not said: the smaller keeps the limit either way.
_BYTES = documented(128_000, OVERVIEW)
_BULK_BYTES = documented(100_000, BULK)
_ONE = documented(1, SPECIFICATION)
ONE = Limit(rows=documented(1, DOCS), bytes=_BYTES)
ELEMENTS = Limit(rows=assumed(1000, "no figure is documented; the bytes come first"), bytes=_BULK_BYTES)

_ACCEPTED_WHOLE = "A bulk request is taken or refused whole; what becomes of single elements is never told."
_WORKSPACE = "/{workspace_id}"


class MoEngageClient(Client):
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
        send_app_key: Whether the header ``MOE-APPKEY`` goes along; the vendor's pages differ on its need.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: a credential, the data center, an identifier or the base URL is wrong.
    """

    vendor: ClassVar[str] = "MoEngage"
    slug: ClassVar[str] = "moengage"

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
        )
        users = USERS.of(self._workspace.identifiers, self._workspace.user_problem)
        events = EVENTS.of(self._workspace.identifiers, self._workspace.event_problem)
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
        ``ALLOW_TRUNCATION`` and ``SEND_APP_KEY`` (``true`` or ``false``).
        """
        identifiers = optional(cls.slug, "identity_resolution", environ) or ""
        return cls(
            required(cls.slug, "workspace_id", "the MoEngage workspace id", environ),
            required(cls.slug, "data_api_key", "the key of the Data tile", environ),
            data_center=cast("DataCenter | None", optional(cls.slug, "data_center", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            identity_resolution=[name.strip() for name in identifiers.split(",")] if identifiers else (),
            object_attributes=_switch("object_attributes", environ, default=False),
            allow_truncation=_switch("allow_truncation", environ, default=False),
            send_app_key=_switch("send_app_key", environ, default=True),
            settings=settings,
        )

    def headers(self) -> Mapping[str, str]:
        """Return the workspace's headers. Source: https://www.moengage.com/docs/api/introduction."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    def kind(self, operation: Operation) -> Kind:
        """Return the operation's items under the rules of the workspace."""
        return self._kinds.get(operation.kind, operation.kind)

    @call(
        "POST",
        f"/v1/customer{_WORKSPACE}",
        items=USERS,
        limit=ONE,
        quota=TRACKED_USERS,
        idempotent=True,
        coalesces="merge",
        note="For more than a few users, import_users takes many in one request.",
        docs=DOCS,
    )
    def track_user(self, user: User | UserDict, *, update_existing_only: bool = False) -> Request[Accepted]:
        """Create or update a user.

        The answer means *accepted*: the user is written later, and whether that succeeds is never told.
        To know, read the user with `export_users`.

        Args:
            user: The user's id, and the attributes to set; others keep their values.
            update_existing_only: Leave out users that MoEngage does not know, instead of creating them.
        """
        return Request(json=user_element(user, update_existing_only=update_existing_only), answer=Accepted)

    @batch(
        "POST",
        f"/v1/transition{_WORKSPACE}",
        items=USERS,
        limit=ELEMENTS,
        quota=IMPORTED_USERS,
        idempotent=True,
        coalesces="merge",
        note=_ACCEPTED_WHOLE,
        docs=BULK,
    )
    def import_users(
        self, users: Sequence[User | UserDict], *, update_existing_only: bool = False
    ) -> Request[Accepted]:
        """Create or update many users.

        The answer means *accepted*: the users are written later, and whether that succeeds is never told
        for a single one. A refusal concerns all users of a request, which is then halved to find the one.

        Args:
            users: One row per user; a later row of the same user is sent later.
            update_existing_only: Leave out users that MoEngage does not know, instead of creating them.
        """
        elements = [user_element(user, update_existing_only=update_existing_only) for user in users]
        return Request(json=_bulk(elements), answer=Accepted)

    @call(
        "POST",
        f"/v1/device{_WORKSPACE}",
        items=DEVICES,
        limit=ONE,
        quota=TRACKED_DEVICES,
        idempotent=True,
        note="A device whose user does not exist is dropped without a word.",
        docs=SPECIFICATION,
    )
    def track_device(self, device: Device | DeviceDict) -> Request[Accepted]:
        """Add a device to a user that exists, or update it.

        The answer means *accepted*: a device of a user that does not exist is dropped, and that is never
        told. A new push token does not make an uninstalled device reachable.

        Args:
            device: The user's id, and the device.
        """
        return Request(json=device_element(device), answer=Accepted)

    @batch(
        "POST",
        f"/v1/transition{_WORKSPACE}",
        items=DEVICES,
        limit=ELEMENTS,
        quota=IMPORTED_DEVICES,
        idempotent=True,
        note=_ACCEPTED_WHOLE,
        docs=BULK,
    )
    def import_devices(self, devices: Sequence[Device | DeviceDict]) -> Request[Accepted]:
        """Add many devices to users that exist, or update them.

        The answer means *accepted*: a device of a user that does not exist is dropped, and that is never
        told. A refusal concerns all devices of a request, which is then halved to find the one.

        Args:
            devices: One row per device; the rows of one user keep their order.
        """
        return Request(json=_bulk([device_element(device) for device in devices]), answer=Accepted)

    @call(
        "POST",
        f"/v1/event{_WORKSPACE}",
        items=EVENTS,
        limit=ONE,
        quota=TRACKED_EVENTS,
        idempotent=False,
        note="Sent twice, an event has happened twice.",
        docs=SPECIFICATION,
    )
    def track_event(self, event: Event | EventDict) -> Request[Accepted]:
        """Record an action of a user.

        The answer means *accepted*. An event whose answer is lost is in doubt and is not sent again.

        Args:
            event: The user's id, what was done, and when; not in the future.
        """
        return Request(json=event_element(event), answer=Accepted)

    @batch(
        "POST",
        f"/v1/transition{_WORKSPACE}",
        items=EVENTS,
        limit=ELEMENTS,
        quota=IMPORTED_EVENTS,
        idempotent=False,
        # A 400 is documented to concern the whole request: none of its events was taken.
        divisible=True,
        note=f"{_ACCEPTED_WHOLE} Sent twice, an event has happened twice.",
        docs=BULK,
    )
    def import_events(self, events: Sequence[Event | EventDict]) -> Request[Accepted]:
        """Record many actions of users.

        The answer means *accepted*: what becomes of a single event is never told. Events whose answer is
        lost are in doubt and are not sent again. A refusal concerns all events of a request, which is then
        halved to find the one.

        Args:
            events: One row per action; the rows of one user keep their order.
        """
        return Request(json=_bulk([event_element(event) for event in events]), answer=Accepted)

    @call(
        "POST",
        "/v1/devices/manage",
        items=SELECTIONS,
        limit=Limit(rows=_ONE, bytes=_BYTES),
        quota=BLOCKS,
        idempotent=True,
        note="Without device_identifiers all devices of the user are meant: that takes all_devices.",
        docs=SPECIFICATION,
    )
    def manage_devices(
        self,
        selection: DeviceSelection | DeviceSelectionDict,
        *,
        action: Literal["block", "unblock"],
        all_devices: bool = False,
        by: str = "customer_id",
        reason: str | None = None,
    ) -> Request[Accepted]:
        """Block devices of a user, so that no push message reaches them, or unblock them.

        Args:
            selection: The user, and the devices that are meant.
            action: Whether they are blocked or unblocked.
            all_devices: A user of whom no device is named is meant with all devices; without this such a
                user is refused.
            by: What the user's identifier is, such as ``customer_id``.
            reason: Why, for the vendor's records.
        """
        if action not in {"block", "unblock"}:
            raise ConfigurationError("action is either block or unblock")
        asked = SELECTIONS.mapping(selection)
        _devices_are_meant(asked, all_devices=all_devices)
        body = {"user_identifier_type": _kind_of_identifier(by), **asked, "action_type": action}
        if reason is not None:
            body["reason"] = reason
        return Request(json=body, query=self._app_id(), answer=Accepted)

    @call(
        "POST",
        "/v1/customer/delete",
        items=Identifiers("user"),
        limit=Limit(rows=_ONE, bytes=assumed(128_000, "no figure is documented; as for other users")),
        quota=DELETES,
        idempotent=True,
        destructive=True,
        irreversible=True,
        note="The user goes after 24 hours, in which it is active and is still seen.",
        docs=SPECIFICATION,
    )
    def delete_user(self, user: str, *, by: str = "customer_id", confirm: bool = False) -> Request[Accepted]:
        """Delete a user for good, after 24 hours.

        The answer means *accepted*. A user that MoEngage does not know is told as `NotFound`.

        Args:
            user: The user's id.
            by: What it is: ``customer_id``, or ``moengage_id`` for MoEngage's own.
            confirm: Must be True; this cannot be undone.
        """
        confirmed(confirm, "deletes users for good")
        return Request(
            json={"identity_type": _kind_of_identifier(by), "identity_value": user},
            query=self._app_id(),
            answer=Accepted,
        )

    @batch(
        "POST",
        "/v1/customer/merge",
        items=PAIRS,
        limit=Limit(rows=documented(50, SPECIFICATION), bytes=documented(128_000, SPECIFICATION)),
        quota=MERGES,
        idempotent=False,
        destructive=True,
        irreversible=True,
        note="A pair that cannot be merged is skipped without a word.",
        docs=SPECIFICATION,
    )
    def merge_users(
        self, pairs: Sequence[MergePair | MergePairDict], *, confirm: bool = False
    ) -> Request[MergeResponse]:
        """Merge pairs of users, the first of each pair into the second, for good.

        The answer means *accepted*: a pair that could not be merged is skipped, and that is never told.
        What a user took over from another does not go on to a third: merge each into the last one.

        Args:
            pairs: One row per user who goes, with the one who stays.
            confirm: Must be True; this cannot be undone.
        """
        confirmed(confirm, "merges users for good")
        if self._workspace.identifiers:
            raise ConfigurationError("merge_users does not work in a workspace with Identity Resolution")
        return Request(json={"merge_data": pairs}, query=self._app_id(), answer=MergeResponse)

    @batch(
        "POST",
        "/v1/customers/export",
        items=Identifiers("user"),
        limit=Limit(
            rows=documented(20, SPECIFICATION),
            bytes=assumed(128_000, "no figure is documented; as for other users"),
        ),
        quota=EXPORTS,
        # A POST that only reads: it may be asked again.
        idempotent=True,
        blame=blame_export,
        acknowledges="answered",
        note="Has to be enabled for the workspace by MoEngage.",
        docs=SPECIFICATION,
    )
    def export_users(
        self, users: Sequence[str], *, user_fields: Sequence[str] | None = None, by: str = "customer_id"
    ) -> Request[GetUsersResponse]:
        """Read users.

        The answer to up to twenty users is one `GetUsersResponse`: read the run's chunks and take their
        `result`, or have each outcome carry the answer that its user is in. A user that MoEngage does
        not know is rejected as `NotFound`.

        Args:
            users: The users' ids.
            user_fields: The attributes to read; all of them if not given. Name ``customer_id`` among
                them to tell the users apart.
            by: What the ids are: ``customer_id``, or ``id`` or ``moengage_id`` for MoEngage's own, for
                which its documents have both names.
        """
        kind = _kind_of_identifier(by)
        data: dict[str, object] = {
            "identifiers": [{"identifier_type": kind, "identifier": user} for user in users]
        }
        if user_fields is not None:
            problem = texts("list of user_fields").problem(user_fields)
            if problem:
                raise ConfigurationError(problem)
            data["user_fields_to_export"] = list(user_fields)
        return Request(json={"data": data}, query=self._app_id(), answer=GetUsersResponse)

    def _app_id(self) -> Mapping[str, str | int | bool]:
        return {"app_id": self._workspace_id}


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


def _switch(name: str, environ: Mapping[str, str] | None, *, default: bool) -> bool:
    value = optional("moengage", name, environ)
    if value is None:
        return default
    if value.lower() not in {"true", "false"}:
        raise ConfigurationError(f"NETAUDIENCE_MOENGAGE_{name.upper()} must be true or false")
    return value.lower() == "true"


def _bulk(elements: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    return {"type": "transition", "elements": elements}


def _kind_of_identifier(by: str) -> str:
    """Return what an identifier is; open, for the vendor's documents differ on the names."""
    if problem := text("by").problem(by):
        raise ConfigurationError(f"{problem}, such as customer_id")
    return by


def _devices_are_meant(asked: Mapping[str, object], *, all_devices: bool) -> None:
    if "device_identifiers" not in asked and all_devices is not True:
        raise InvalidItem(
            "The row names no device, and MoEngage would take all devices of the user: name them in "
            "device_identifiers, or say all_devices=True if that is meant"
        )
