"""Iterable: the devices and browsers that a user gets push messages on."""

from __future__ import annotations

from netaudience.errors import InvalidItem
from netaudience.model.wire import Request
from netaudience.operations.declare import call
from netaudience.vendors.iterable.facts import (
    BROWSERS,
    DEVICES,
    DISABLE_DEVICE,
    DOCS,
    ONE,
    REGISTER_BROWSER,
    REGISTER_DEVICE,
    SPECIFICATION,
    TOKENS,
    some_identifier,
)
from netaudience.vendors.iterable.models import (
    BrowserRegistration,
    BrowserRegistrationDict,
    DeviceReference,
    DeviceReferenceDict,
    DeviceRegistration,
    DeviceRegistrationDict,
    IterableResponse,
)

_OF_THE_DEVICE = ("token", "platform", "applicationName", "dataFields")


class Devices:
    """The operations on devices."""

    @call(
        "POST",
        "/api/users/registerDeviceToken",
        items=DEVICES,
        limit=ONE,
        quota=REGISTER_DEVICE,
        idempotent=True,
        acknowledges="applied",
        note="A profile holds 500 devices; one more is refused.",
        docs=DOCS,
    )
    def register_device_token(
        self, device: DeviceRegistration | DeviceRegistrationDict
    ) -> Request[IterableResponse]:
        """Register a device token with a user, and so enable push messages to it.

        Args:
            device: The device, and the user by an email or a userId. The vendor's page says not both, and
                its sample has both: those go where the client was made with ``both_identifiers``.
        """
        row = DEVICES.mapping(device)
        body: dict[str, object] = {name: value for name, value in row.items() if name not in _OF_THE_DEVICE}
        body["device"] = {name: row[name] for name in _OF_THE_DEVICE if name in row}
        return Request(json=body, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/disableDevice",
        items=TOKENS,
        limit=ONE,
        quota=DISABLE_DEVICE,
        idempotent=True,
        acknowledges="applied",
        note="Without a user it acts on every profile that holds the token: ask for that with everywhere.",
        docs=DOCS,
    )
    def disable_device(
        self, device: DeviceReference | DeviceReferenceDict, *, everywhere: bool = False
    ) -> Request[IterableResponse]:
        """Disable a device on a user's profile, or on every profile that holds its token.

        Args:
            device: The token, and the user by an email or a userId.
            everywhere: Must be True where a row names no user, which is about every profile with the token.
        """
        row = TOKENS.mapping(device)
        if everywhere is not True and some_identifier(row):
            raise InvalidItem(
                "The row names no user, so that every profile with this token would lose the device: "
                "give it an email or a userId, or pass everywhere=True if that is meant"
            )
        return Request(json=device, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/registerBrowserToken",
        items=BROWSERS,
        limit=ONE,
        quota=REGISTER_BROWSER,
        idempotent=True,
        acknowledges="applied",
        note="A profile holds 500 browser tokens; one more is refused.",
        docs=SPECIFICATION,
    )
    def register_browser_token(
        self, browser: BrowserRegistration | BrowserRegistrationDict
    ) -> Request[IterableResponse]:
        """Register a browser's token with a user, and so enable web push messages to it.

        Args:
            browser: The token, and the user by an email or a userId.
        """
        return Request(json=browser, answer=IterableResponse)
