"""Iterable's devices and browsers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.validators import (
    flag,
    identifier,
    text,
)
from netaudience.model.value_forms import RowValue, written_as
from netaudience.model.wire import wire_name
from netaudience.vendors.iterable.rules import DATA_FIELDS, EMAIL, PLATFORM, USER_ID, identifying
from netaudience.vendors.iterable.values import VALUES


@attrs.frozen(kw_only=True)
class DeviceRegistration:
    """A device that may receive push messages, and whose it is."""

    #: The push token.
    token: str = attrs.field(validator=identifier("device token"), repr=mask)
    #: ``APNS``, ``APNS_SANDBOX`` or ``GCM``; Firebase is ``GCM``.
    platform: str = attrs.field(validator=PLATFORM)
    #: The push integration's name in Iterable.
    application_name: str = attrs.field(
        validator=text("device's applicationName"), metadata=wire_name("applicationName")
    )
    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")
    #: What is known about the device; merged with what is known already.
    data_fields: Mapping[str, RowValue] | None = attrs.field(
        default=None, validator=DATA_FIELDS, metadata=written_as(VALUES, "dataFields"), repr=False
    )
    #: As in `UserUpdate`.
    prefer_user_id: bool | None = attrs.field(
        default=None, validator=flag("preferUserId"), metadata=wire_name("preferUserId")
    )


class DeviceRegistrationDict(TypedDict):
    """`DeviceRegistration` by the vendor's names, flat."""

    token: str
    platform: str
    applicationName: str
    email: NotRequired[str]
    userId: NotRequired[str]
    dataFields: NotRequired[Mapping[str, RowValue]]
    preferUserId: NotRequired[bool]


@attrs.frozen(kw_only=True)
class DeviceReference:
    """A device's token, and on whose profile it is meant."""

    #: The push token.
    token: str = attrs.field(validator=identifier("device token"), repr=mask)
    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")


class DeviceReferenceDict(TypedDict):
    """`DeviceReference` by the vendor's names."""

    token: str
    email: NotRequired[str]
    userId: NotRequired[str]


@attrs.frozen(kw_only=True)
class BrowserRegistration:
    """A browser that may receive web push messages, and whose it is."""

    #: The browser's push token.
    browser_token: str = attrs.field(
        validator=identifier("browser token"), metadata=wire_name("browserToken"), repr=mask
    )
    email: str | None = identifying(EMAIL, "email")
    user_id: str | None = identifying(USER_ID, "userId")


class BrowserRegistrationDict(TypedDict):
    """`BrowserRegistration` by the vendor's names."""

    browserToken: str
    email: NotRequired[str]
    userId: NotRequired[str]
