"""The vendors, one file each. A new vendor is a file here and one word in `VENDORS`."""

from __future__ import annotations

from netaudience.client import Client
from netaudience.vendors.clevertap import CleverTapClient
from netaudience.vendors.netmera import NetmeraClient

__all__ = ["VENDORS"]

#: Every vendor's client; commands, sandbox routes and the reference come from here.
VENDORS: tuple[type[Client], ...] = (NetmeraClient, CleverTapClient)
