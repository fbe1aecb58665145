"""Netmera's devices, as its answers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from netaudience.errors import mask
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.netmera.rules import UNKNOWN


@attrs.frozen
class Device:
    """A device that receives push messages."""

    #: ``IOS``, ``ANDROID``, and whatever the vendor adds.
    platform: str | None = None
    #: The push token.
    token: str | None = attrs.field(default=None, repr=False)
    model: str | None = attrs.field(default=None, metadata=wire_name("deviceModel"))
    push_permitted: bool | None = attrs.field(default=None, metadata=wire_name("pushPermitted"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class DeviceToken:
    """An installation of the app, whatever its state: uninstalled ones and those without a token too."""

    installation_id: str | None = attrs.field(default=None, metadata=wire_name("installationId"))
    platform: str | None = None
    #: Your own id of its user; None where it has no user with an id.
    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"), repr=mask)
    #: The push token; None where there is none. Older installations call it ``token``.
    device_token: str | None = attrs.field(
        default=None, metadata=wire_name("deviceToken", "token"), repr=False
    )
    #: Of older installations alone, like the next.
    model: str | None = attrs.field(default=None, metadata=wire_name("deviceModel"))
    push_permitted: bool | None = attrs.field(default=None, metadata=wire_name("pushPermitted"))
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class DeviceList:
    """A user's devices."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"), repr=mask)
    devices: Sequence[Device] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class DeviceTokenPage:
    """A page of all installations of the app."""

    #: Where the next page is; absent on the last one.
    next_page: str | None = attrs.field(default=None, metadata=wire_name("nextPage"))
    #: How many there are in all, as the vendor estimates.
    total: int | None = None
    devices: Sequence[DeviceToken] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
