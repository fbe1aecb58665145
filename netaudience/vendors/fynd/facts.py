"""What all of Fynd's operations have in common: their pages, the prefix of their paths, quota and limits.

The vendor documents no rate, no requests in flight and no bytes: those figures are ours and say so. Its
page prints no paths either; they are those of its SDKs, and three are in none of them.
"""

from __future__ import annotations

from netaudience.model.limits import Limit, Quota, assumed, documented, per_second

VENDOR = "Fynd"
#: The page of the 20 operations.
AUDIENCE = "https://partners.sngz0.de/help/docs/sdk/latest/platform/application/audience"
#: The page of the service's other operations.
USER = "https://partners.fynd.com/help/docs/sdk/latest/platform/application/user"
#: As in https://github.com/gofynd/fdk-client-python and https://github.com/gofynd/fdk-client-javascript
PREFIX = "/service/platform/user/v1.0/company/{company_id}/application/{application_id}"

REQUESTS = Quota(
    "fynd",
    (per_second(assumed(5, "no rate is documented")),),
    in_flight=assumed(4, "no figure is documented"),
)
ONE = Limit(rows=documented(1, AUDIENCE), bytes=assumed(1_000_000, "no figure is documented"))
#: Rows per page: the SDKs' own default is 10 and no maximum is documented, so this is assumed to be taken.
PAGE_SIZE = 100
