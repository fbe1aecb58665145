"""What is known about CleverTap's limits, and the pages that it is known from, read in November 2026.

CleverTap limits requests in flight per account and API, not requests per time.
"""

from __future__ import annotations

from netaudience.model.limits import Limit, Quota, assumed, documented

SITE = "https://developer.clevertap.com/docs"
DOCS = f"{SITE}/demerge-user-profile-api"
LIMITS = f"{SITE}/api-request-limit"
PROFILES_PAGE = f"{SITE}/upload-user-profiles-api"
EVENTS_PAGE = f"{SITE}/upload-events-api"
TOKENS_PAGE = f"{SITE}/upload-device-tokens-api"
DELETE_PAGE = f"{SITE}/delete-user-profile-api"
READ_PAGE = f"{SITE}/get-user-profiles-api"
SUBSCRIBE_PAGE = f"{SITE}/subscribe-api"
DISASSOCIATE_PAGE = f"{SITE}/disassociate-api"
CUSTOM_LIST_PAGE = f"{SITE}/custom-list-endpoints"
CREATE_SEGMENT_PAGE = f"{SITE}/create-segment-api"
UPDATE_SEGMENT_PAGE = f"{SITE}/update-segment-api"

#: What no answer tells. Source: https://docs.clevertap.com/docs/platform-considerations
SILENT = (
    "a value that is dropped for its type, the oldest in a list of more than 100, and an empty member of an "
    "object"
)
#: Demerge and delete answer with their status alone.
NO_SINGLE = "what becomes of a single identity, and whether there is anybody of that name"
BYTES = assumed(1_000_000, "no figure is documented")
#: "A maximum of 100 identities are allowed in one request."
IDENTITIES = Limit(keys=documented(100, DOCS), rows=documented(100, DOCS), bytes=BYTES)
DELETIONS = Limit(keys=documented(100, DELETE_PAGE), rows=documented(100, DELETE_PAGE), bytes=BYTES)
OF_THREE = assumed(2, f"one less than the 3 that are documented at {LIMITS}, shared by all partners")
#: Three in flight are documented for each; one is left to others, for all partners of an account share them.
DEMERGE = Quota("clevertap demerge", in_flight=OF_THREE)
DELETE = Quota("clevertap delete", in_flight=OF_THREE)
READ = Quota("clevertap profiles", in_flight=OF_THREE)
#: Fifteen in flight are documented for each kind of record; whether the one path has them three times is
#: not known, so all kinds share them once.
UPLOAD = Quota(
    "clevertap upload",
    in_flight=assumed(12, f"three less than the 15 that are documented at {LIMITS}, shared by all partners"),
)
#: "There is no limit on the number of requests to the API."
SUBSCRIBE = Quota("clevertap subscribe", in_flight=assumed(2, "no figure is documented"))
DISASSOCIATE = Quota("clevertap disassociate", in_flight=assumed(2, "no figure is documented"))
PROFILE_COUNT = Quota("clevertap profile count", in_flight=OF_THREE)
EVENT_COUNT = Quota("clevertap event count", in_flight=OF_THREE)
EVENT_EXPORT = Quota("clevertap events", in_flight=OF_THREE)
CREATE_SEGMENT = Quota("clevertap create segment", in_flight=OF_THREE)
UPDATE_SEGMENT = Quota("clevertap update segment", in_flight=OF_THREE)
#: How many users an update of a segment takes is not documented.
SEGMENT_USERS = Limit(rows=assumed(100, "no number of rows is documented"), bytes=BYTES)
CUSTOM_LIST = Quota("clevertap custom list", in_flight=OF_THREE)
ONE = Limit(rows=documented(1, READ_PAGE), bytes=BYTES)


def records(most: int, url: str) -> Limit:
    """Return the limit of a list of records."""
    return Limit(rows=documented(most, url), bytes=BYTES)
