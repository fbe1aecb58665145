"""Netmera: push messages and devices.

The link to a next page is read and never followed: the key goes to the configured host alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import attrs

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.model.kinds import Identifiers, WholeNumbers
from netaudience.model.limits import Limit, Provenance, assumed
from netaudience.model.wire import Request
from netaudience.operations.declare import call, pages
from netaudience.vendors.netmera.facts import DOCS, IDS, ONE, REFERENCE, REQUESTS, one_of
from netaudience.vendors.netmera.models import DeviceList, DeviceToken, DeviceTokenPage

_UNKNOWN = "an id or a token that it does not know does nothing"


class Devices:
    """The operations on devices."""

    @call(
        "POST",
        "/rest/3.0/enablePush",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="disable_push",
        unsaid=_UNKNOWN,
        docs=f"{REFERENCE}/channels-and-permissions/push/enable-push-permission",
    )
    def enable_push(self, user: str, *, by: Literal["ext_id", "device_token"] = "ext_id") -> Request[None]:
        """Opt in all devices of a user, or a single device, to push messages.

        Args:
            user: Your own id of the user, or a device token.
            by: Which of the two it is.
        """
        return Request(json={one_of(by, ext_id="extId", device_token="deviceToken"): user})  # noqa: S106

    @call(
        "POST",
        "/rest/3.0/disablePush",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="enable_push",
        unsaid=_UNKNOWN,
        docs=f"{DOCS}#disable-push",
    )
    def disable_push(self, user: str, *, by: Literal["ext_id", "device_token"] = "ext_id") -> Request[None]:
        """Opt out all devices of a user, or a single device, from push messages.

        Args:
            user: Your own id of the user, or a device token.
            by: Which of the two it is.
        """
        return Request(json={one_of(by, ext_id="extId", device_token="deviceToken"): user})  # noqa: S106

    @call(
        "GET",
        "/rest/3.0/getDevices",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        note="A user that is not known has no devices. Uninstalled ones are not shown.",
        docs=f"{REFERENCE}/devices/get-user-devices",
    )
    def get_devices(self, ext_id: str, *, only_push_permitted: bool = False) -> Request[DeviceList]:
        """Read a user's devices.

        Args:
            ext_id: Your own id of the user.
            only_push_permitted: Only devices that permit push messages; all of them if False.
        """
        asked: dict[str, str | int | bool] = {"extId": ext_id}
        if only_push_permitted:  # the vendor's false means "all", not "those without"
            asked["pushPermitted"] = True
        return Request(query=asked, answer=DeviceList)

    @pages(
        "GET",
        "/rest/3.0/getDeviceTokens",
        rows=lambda page: _devices(page),  # noqa: PLW0108 - defined below
        following=lambda request, page: _next_page(request, page),  # noqa: PLW0108 - defined below
        quota=REQUESTS,
        note="Every installation, uninstalled ones and those without a token too. There is no order, and "
        "pages go by offset: one may come twice or not at all. The total is an estimate.",
        docs=f"{REFERENCE}/devices/list-device-tokens",
    )
    def get_device_tokens(self, *, page_size: int = 100, offset: int = 0) -> Request[DeviceTokenPage]:
        """Read all installations of the app, page by page.

        Args:
            page_size: Devices per page. The vendor's own default is 10 and its maximum is not known.
            offset: How many devices to leave out at the front.
        """
        if page_size < 1 or offset < 0:
            raise ConfigurationError("page_size must be at least 1 and offset at least 0")
        return Request(query={"max": page_size, "offset": offset}, answer=DeviceTokenPage)

    @call(
        "POST",
        "/rest/3.0/sendPushApproval",
        items=WholeNumbers("message id"),
        limit=Limit(rows=assumed(1, "no figure is documented, and each row releases a message")),
        quota=REQUESTS,
        idempotent=False,
        provenance=Provenance.WITHDRAWN,
        note="Releases a message to real people. Netmera's API reference does not have it any more, the "
        "older page does.",
        docs=f"{DOCS}#push-approval",
    )
    def send_push_approval(self, message_id: int) -> Request[None]:
        """Approve a push message that waits for it, which releases it to its recipients.

        Not safe to repeat: where the answer is lost, look at the panel before asking again.

        Args:
            message_id: The message's id.
        """
        return Request(json=[{"messageId": message_id}])


def _devices(page: DeviceTokenPage) -> Sequence[DeviceToken]:
    return page.devices


def _next_page(request: Request[DeviceTokenPage], page: DeviceTokenPage) -> Request[DeviceTokenPage] | None:
    """Read the offset out of the link, and ask the configured host for it: the key follows no link.

    Raises:
        Unreadable: the link names no offset further on, so that following it would never end.
    """
    if not page.next_page:
        return None
    here = request.query["offset"]
    try:
        link = parse_qs(urlsplit(page.next_page).query)
        offset = int(link["offset"][0])
        size = int(link.get("max", [str(request.query["max"])])[0])
    except (KeyError, ValueError):
        offset, size = -1, 0
    if offset <= int(here) or size < 1:
        remedy = "The link to the next page names no offset further on, so the pages after it are not read"
        raise Unreadable("Netmera", 200, remedy=remedy)
    return attrs.evolve(request, query={"max": size, "offset": offset})
