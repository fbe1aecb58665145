"""What Netmera's operations share: the pages, the quota, the limits, and what is asked of arguments.

Facts only. Each figure carries the page it comes from; what the vendor does not say is marked as assumed.
"""

from __future__ import annotations

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, assumed, documented, per_second

_GUIDE = "https://user.netmera.com/netmera-developer-guide/api-documentation"
#: The month in which all of the pages were read.
READ = "2026-11"
#: The API reference: a page for each operation. It outranks the older page but where it is silent.
REFERENCE = f"{_GUIDE}/api-reference"
#: The older page, for what the reference does not say, or has no page of.
DOCS = f"{_GUIDE}/rest-api/user-and-device-management.md"

#: Netmera documents no rate, no requests in flight and no bytes: these are our defaults.
REQUESTS = Quota(
    "netmera",
    (per_second(assumed(10, "no rate is documented; where the adaptive rate starts")),),
    ceiling=assumed(20, "no rate is documented; as far as the adaptive rate goes"),
    in_flight=assumed(8, "no figure is documented"),
)
_BYTES = assumed(500_000, "no figure is documented")
_ROWS = assumed(1000, "no figure is documented; as many as unique ext ids")
#: "Maximum 1000 unique external IDs per request".
EXT_IDS = Limit(keys=documented(1000, DOCS), rows=_ROWS, bytes=_BYTES)
ENTRIES = Limit(rows=_ROWS, bytes=_BYTES)
ONE = Limit(rows=documented(1, DOCS), bytes=_BYTES)

IDS = Identifiers("ext id")


def one_of(by: str, **wire_names: str) -> str:
    """Return the wire name of the one selector that is sent.

    Raises:
        ConfigurationError: it is none of them.
    """
    if by not in wire_names:
        raise ConfigurationError(f"by must be one of {', '.join(wire_names)}, one at a time")
    return wire_names[by]
