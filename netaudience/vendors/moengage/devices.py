"""MoEngage's operations on devices: tracked, imported, blocked and unblocked.

Facts only; the rows are in `models`, and how one becomes an element in `elements`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from netaudience.errors import ConfigurationError, InvalidItem
from netaudience.model.limits import Limit
from netaudience.model.validators import text
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.moengage.elements import (
    DEVICES,
    SELECTIONS,
    device_element,
)
from netaudience.vendors.moengage.facts import (
    ACCEPTED_WHOLE,
    BLOCKS,
    DROPPED_OF_DEVICES,
    ELEMENTS,
    IMPORTED_DEVICES,
    ONE,
    ONE_ROW,
    OTHER_BYTES,
    TRACKED_DEVICES,
)
from netaudience.vendors.moengage.in_workspace import InWorkspace, bulk
from netaudience.vendors.moengage.models import (
    Accepted,
    Device,
    DeviceDict,
    DeviceSelection,
    DeviceSelectionDict,
)
from netaudience.vendors.moengage.rules import SPECIFICATION

_WORKSPACE = "/{workspace_id}"


class Devices(InWorkspace):
    """The operations on devices."""

    @call(
        "POST",
        f"/v1/device{_WORKSPACE}",
        items=DEVICES,
        limit=ONE,
        quota=TRACKED_DEVICES,
        idempotent=True,
        unsaid=DROPPED_OF_DEVICES,
        docs=SPECIFICATION,
    )
    def track_device(self, device: Device | DeviceDict) -> Request[Accepted]:
        """Add a device to a user that exists, or update it.

        The answer means *accepted*: a device of a user that does not exist is dropped, and that is never
        reported. A new push token does not make an uninstalled device reachable.

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
        note=ACCEPTED_WHOLE,
        unsaid=DROPPED_OF_DEVICES,
        docs=SPECIFICATION,
    )
    def import_devices(self, devices: Sequence[Device | DeviceDict]) -> Request[Accepted]:
        """Add many devices to users that exist, or update them.

        The answer means *accepted*: a device of a user that does not exist is dropped, and that is never
        reported. A refusal concerns all devices of a request, which is then halved to find the one.

        Args:
            devices: One row per device; the rows of one user keep their order.
        """
        return Request(json=bulk([device_element(device) for device in devices]), answer=Accepted)

    @call(
        "POST",
        "/v1/devices/manage",
        items=SELECTIONS,
        limit=Limit(rows=ONE_ROW, bytes=OTHER_BYTES),
        quota=BLOCKS,
        idempotent=True,
        note="Without device_identifiers all devices of the user are meant: that takes all_devices. Push "
        "alone is blocked.",
        unsaid="devices that are not the user's are passed over",
        docs=SPECIFICATION,
    )
    def manage_devices(  # noqa: PLR0913 - what the vendor takes
        self,
        selection: DeviceSelection | DeviceSelectionDict,
        *,
        action: Literal["block", "unblock"],
        all_devices: bool = False,
        by: str = "customer_id",
        reason: str | None = None,
        client_reference_id: str | None = None,
    ) -> Request[Accepted]:
        """Block devices of a user, so that no push message reaches them, or unblock them.

        Args:
            selection: The user, and the devices that are meant.
            action: Whether they are blocked or unblocked.
            all_devices: A user of whom no device is named is meant with all devices; without this such a
                user is refused.
            by: What the user's identifier is, such as ``customer_id``.
            reason: Why, for the vendor's records.
            client_reference_id: A handle of your own.
        """
        if action not in {"block", "unblock"}:
            raise ConfigurationError("action is either block or unblock")
        asked = SELECTIONS.mapping(selection)
        _devices_are_meant(asked, all_devices=all_devices)
        body = {"user_identifier_type": _kind_of_identifier(by), **asked, "action_type": action}
        said = {"reason": reason, "client_reference_id": client_reference_id}
        body |= {name: value for name, value in said.items() if value is not None}
        return Request(json=body, query=self._app_id(), answer=Accepted)


def _kind_of_identifier(by: str) -> str:
    """Return what an identifier is; open, for the vendor's documents differ on the names."""
    if problem := text("by").why_invalid(by):
        raise ConfigurationError(f"{problem}, such as customer_id")
    return by


def _devices_are_meant(asked: Mapping[str, object], *, all_devices: bool) -> None:
    if "device_identifiers" not in asked and all_devices is not True:
        raise InvalidItem(
            "The row names no device, and MoEngage would take all devices of the user: name them in "
            "device_identifiers, or say all_devices=True if that is meant"
        )
