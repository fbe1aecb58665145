"""What MoEngage documents of its limits, and what it takes and drops: figures, quotas, notes.

Facts only, each with its page; read in November 2026.
"""

from __future__ import annotations

from netaudience.model.limits import Limit, Quota, assumed, documented, per_minute
from netaudience.vendors.moengage.rules import DOCS, OVERVIEW, SPECIFICATION

#: How many records and requests a workspace may send.
RATES = "https://www.moengage.com/docs/api/rate-limits"

SHARE = assumed(0.9, "room for whatever else writes to the workspace, and for clocks that differ")
IN_FLIGHT = assumed(16, "no figure is documented")

#: "Maintain a rate limit of 10,000 user updates per minute."
TRACKED_USERS = Quota(
    "moengage users",
    (per_minute(documented(10_000, DOCS), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)
TRACKED_DEVICES = Quota(
    "moengage devices",
    (per_minute(documented(10_000, SPECIFICATION), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)
TRACKED_EVENTS = Quota(
    "moengage events",
    (per_minute(documented(30_000, SPECIFICATION), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)
#: Of all bulk requests together, users and events counted apart.
IMPORTED_USERS = Quota(
    "moengage bulk users",
    (per_minute(documented(60_000, RATES), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)
IMPORTED_DEVICES = Quota(
    "moengage bulk devices",
    (
        per_minute(
            assumed(10_000, "no figure is documented; as many as one by one"), counts="records", share=SHARE
        ),
    ),
    in_flight=IN_FLIGHT,
)
IMPORTED_EVENTS = Quota(
    "moengage bulk events",
    (per_minute(documented(60_000, RATES), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)
DELETES = Quota(
    "moengage deletes",
    (per_minute(documented(5_000, SPECIFICATION), share=SHARE),),
    in_flight=IN_FLIGHT,
)
BLOCKS = Quota(
    "moengage device blocks",
    (per_minute(documented(1_000, SPECIFICATION), share=SHARE),),
    in_flight=IN_FLIGHT,
)
#: A pair is taken for one user update. One request at a time, for a pair may build on an earlier one.
MERGES = Quota(
    "moengage merges",
    (per_minute(documented(1_000, SPECIFICATION), counts="records", share=SHARE),),
    in_flight=assumed(1, "no figure is documented; pairs are merged in their order"),
)
EXPORTS = Quota(
    "moengage exports",
    (per_minute(documented(1_000, SPECIFICATION), counts="records", share=SHARE),),
    in_flight=IN_FLIGHT,
)

# Whether a KB is 1,000 bytes or 1,024 is not said: the smaller keeps the limit either way.
BYTES = documented(128_000, OVERVIEW)
#: Of routes that no page gives a size for.
OTHER_BYTES = assumed(128_000, "no figure is documented; as for users, devices and events")
BULK_BYTES = documented(100_000, SPECIFICATION)
ONE_ROW = documented(1, SPECIFICATION)
ONE = Limit(rows=documented(1, DOCS), bytes=BYTES)
ELEMENTS = Limit(rows=assumed(1000, "no figure is documented; the bytes come first"), bytes=BULK_BYTES)

ACCEPTED_WHOLE = "A bulk request is taken or refused whole; the fate of single elements is never reported."
#: What is answered with success and not stored, or stored otherwise. Sources: `OVERVIEW`, `POLICY`.
DROPPED_OF_USERS = (
    "values that cannot be cast to a pinned type, attributes beyond the workspace's 256, users over the "
    "fair-use limits and, with update_existing_only, unknown users are dropped, and a date in a form that is "
    "not documented becomes text"
)
DROPPED_OF_DEVICES = (
    "devices whose user does not exist, idfv unless iOS and moe_gaid unless Android are dropped, another "
    "device with the same push_id, moe_gaid or idfv is deleted, and a user with more than 1,000 devices is "
    "blocked"
)
TWICE = "Sent twice, an event has happened twice."
DROPPED_OF_EVENTS = (
    "events of users over the fair-use limits, event names beyond the workspace's 512 and values that cannot "
    "be cast to a pinned type are dropped"
)
