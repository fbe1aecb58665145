"""Whether an address without encryption leaves the house: a key that goes over it can be read on the way.

It refuses nothing itself. A host is private by its address or by a name that no public one can have; a name
is never looked up.
"""

from __future__ import annotations

from ipaddress import ip_address

#: Names that no public host has, most of them by https://www.iana.org/assignments/special-use-domain-names.
_PRIVATE = (".localhost", ".local", ".internal", ".home.arpa", ".test", ".svc", ".lan")


def leaves_the_house(scheme: str, host: str) -> bool:
    """Return whether requests to a host go unencrypted over a network that is not one's own.

    Args:
        scheme: ``http`` or ``https``.
        host: A name or an address, without a port.
    """
    if scheme != "http":
        return False
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        name = host.lower().rstrip(".")
        # A name without a dot is one of the own network's, such as a container's.
        return "." in name and not name.endswith(_PRIVATE)
    return address.is_global
