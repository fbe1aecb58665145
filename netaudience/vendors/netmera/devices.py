"""Netmera: push messages, devices and segments.

The link to a next page is read and never followed: the key goes to the configured host alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import attrs

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.items import Identifiers, WholeNumbers
from netaudience.limits import Limit, Provenance, assumed
from netaudience.operations import call, pages, query
from netaudience.vendors.netmera.facts import DOCS, IDS, ONE, OPENAPI, REQUESTS, one_of
from netaudience.vendors.netmera.models import (
    Device,
    DeviceList,
    DeviceTokenPage,
    SegmentList,
    SegmentUsers,
    UserCount,
)
from netaudience.wire import Request

__all__ = ["Devices"]

Os: TypeAlias = Literal["IOS", "ANDROID"]


class Devices:
    """The operations on devices, and those that name whom a message reaches."""

    @call(
        "POST",
        "/rest/3.0/enablePush",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="disable_push",
        docs=f"{DOCS}#enable-push",
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
        docs=f"{DOCS}#get-devices-for-a-user",
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
        note="Pages by offset: where devices change meanwhile, one may come twice or not at all.",
        docs=f"{DOCS}#get-all-device-tokens",
    )
    def get_device_tokens(self, *, page_size: int = 100, offset: int = 0) -> Request[DeviceTokenPage]:
        """Read all devices of the app, page by page.

        Args:
            page_size: Devices per page. The vendor's own default is 10 and its maximum is not known.
            offset: How many devices to leave out at the front.
        """
        if page_size < 1 or offset < 0:
            raise ConfigurationError("page_size must be at least 1 and offset at least 0")
        return Request(query={"max": page_size, "offset": offset}, answer=DeviceTokenPage)

    @query("GET", "/rest/3.0/getSegments", quota=REQUESTS, docs=f"{DOCS}#get-segments")
    def get_segments(self, *, os: Os) -> Request[SegmentList]:
        """Read the segments that are defined in the panel.

        Args:
            os: The platform that the vendor's required header names; whether it changes the
                answer is not known.
        """
        return Request(headers=_os(os), answer=SegmentList)

    @call(
        "GET",
        "/rest/3.0/getSegmentUsers",
        items=Identifiers("segment id"),
        limit=ONE,
        quota=REQUESTS,
        timeout=300.0,
        max_answer_bytes=1_000_000_000,
        note="The whole segment comes in one answer; the vendor documents no paging.",
        docs=f"{DOCS}#get-segment-users",
    )
    def get_segment_users(self, segment_id: str, *, os: Os) -> Request[SegmentUsers]:
        """Read the users of a segment.

        Args:
            segment_id: The segment's id, a number as text.
            os: The platform that the vendor's required header names; whether it changes the
                answer is not known.
        """
        return Request(query={"id": segment_id}, headers=_os(os), answer=SegmentUsers)

    @call(
        "POST",
        "/rest/3.0/sendPushApproval",
        items=WholeNumbers("message id"),
        limit=Limit(rows=assumed(1, "no figure is documented, and each row releases a message")),
        quota=REQUESTS,
        idempotent=False,
        note="Releases a message to real people.",
        docs=f"{DOCS}#push-approval",
    )
    def send_push_approval(self, message_id: int) -> Request[None]:
        """Approve a push message that waits for it, which releases it to its recipients.

        Not safe to repeat: where the answer is lost, look at the panel before asking again.

        Args:
            message_id: The message's id.
        """
        return Request(json=[{"messageId": message_id}])

    @query(
        "GET",
        "/rest/3.0/count-user",
        quota=REQUESTS,
        provenance=Provenance.REPORTED,
        docs=OPENAPI,
    )
    def count_users(self) -> Request[UserCount]:
        """Count the users of the app who permit push messages."""
        return Request(answer=UserCount)


def _devices(page: DeviceTokenPage) -> Sequence[Device]:
    return page.devices


def _os(os: str) -> Mapping[str, str]:
    if os not in {"IOS", "ANDROID"}:
        raise ConfigurationError("os must be IOS or ANDROID")
    return {"X-netmera-os": os}


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
