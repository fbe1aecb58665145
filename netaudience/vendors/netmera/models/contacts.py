"""Netmera's addresses and numbers of users."""

from __future__ import annotations

from typing import TypedDict

import attrs

from netaudience.errors import mask
from netaudience.model.wire import wire_name
from netaudience.vendors.netmera.rules import EMAIL, EXT_ID, MSISDN


@attrs.frozen
class EmailUpdate:
    """A user's new e-mail address."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The address. An empty one is refused here: the vendor would answer 200 and change nothing.
    email: str = attrs.field(validator=EMAIL, repr=False)


class EmailUpdateDict(TypedDict):
    """`EmailUpdate` by the vendor's names."""

    extId: str
    email: str


@attrs.frozen
class MsisdnUpdate:
    """A user's new phone number."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The number with ``+`` and country code, which is written as E.164. An empty one is refused: it would
    #: be stored as empty, and would reset the permission.
    msisdn: str = attrs.field(validator=MSISDN, repr=False)


class MsisdnUpdateDict(TypedDict):
    """`MsisdnUpdate` by the vendor's names."""

    extId: str
    msisdn: str


@attrs.frozen
class WhatsAppUpdate:
    """A user's new WhatsApp number."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=EXT_ID, metadata=wire_name("extId"), repr=mask)
    #: The number with ``+`` and country code, which is written as E.164.
    wp_number: str = attrs.field(validator=MSISDN, metadata=wire_name("wpNumber"), repr=False)


class WhatsAppUpdateDict(TypedDict):
    """`WhatsAppUpdate` by the vendor's names."""

    extId: str
    wpNumber: str
