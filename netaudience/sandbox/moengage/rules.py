"""Where every answer of the MoEngage sandbox comes from, and the numbers that its rules name.

Text only: the handlers beside it do what stands here and refuse to do more.
"""

from __future__ import annotations

from typing import Final

from netaudience.sandbox.words import Rule

TRACK_PAGE: Final = "https://www.moengage.com/docs/api/user/track-user"
INTRODUCTION: Final = "https://www.moengage.com/docs/api/introduction"
DATA_PAGE: Final = "https://www.moengage.com/docs/api/data/data-overview"
SPECIFICATION: Final = "https://github.com/moengage/moengage-documentation"
BULK_PAGE: Final = "https://developers.moengage.com/hc/en-us/articles/4413174113044"
POLICY_PAGE: Final = "https://help.moengage.com/hc/en-us/articles/360037314991"

MINUTE = 60.0
DAY = 86_400.0
#: Bytes of a body, and of one of the bulk route.
MAX_BYTES = 128_000
MAX_BULK_BYTES = 100_000
MAX_EXPORTED = 20
MAX_PAIRS = 50
MAX_ATTRIBUTES = 256
MAX_NAME = 200
MAX_VALUE = 512
MAX_ELEMENTS = 50

FORBIDDEN_IDS = frozenset(
    {
        *("unknown", "guest", "null", "0", "1", "true", "false", "user_attribute_unique_id", "na", "n/a"),
        *('""', "dummy_seller_code", "user_id", "id", "customer_id", "uid", "userid", "none"),
        *("-2", "-1", "2"),
    }
)
DEVICE_PLATFORMS = ("ANDROID", "iOS", "web", "TV")
USER_PLATFORMS = ("ANDROID", "iOS", "web")
BLOCKED_NAMES = ("id", "_id", "")
#: Attributes that are taken when a user is created and left alone afterwards.
ONLY_ON_CREATION = frozenset(
    {"publisher_name", "campaign_name", "moe_gaid", "advertising_identifier", "u_l_a", "cr_t"}
)

RULES = (
    Rule("HTTP Basic carries the workspace id and the data API key.", "documented", TRACK_PAGE),
    Rule("Without the header: 401 Authentication Header Required.", "documented", SPECIFICATION),
    Rule("With a wrong key: 401 App Secret key mismatch.", "documented", SPECIFICATION),
    Rule("A path or an app_id of another workspace answers as a wrong key does.", "assumed", SPECIFICATION),
    Rule("merge answers 409 for authentication, 400 for a suspended account.", "documented", SPECIFICATION),
    Rule("A blocked or suspended account answers 403 with one of three types.", "documented", SPECIFICATION),
    Rule("MOE-APPKEY is neither wanted nor read.", "documented", INTRODUCTION),
    Rule("A missing app_id answers 400 MissingAttributeError.", "assumed", SPECIFICATION),
    Rule('Failures are {"status": "fail", "error": {...}} with a request_id.', "documented", SPECIFICATION),
    Rule("429 and 500 of delete have title and description instead of error.", "documented", SPECIFICATION),
    Rule("The texts of that 500 are the sandbox's.", "assumed", SPECIFICATION),
    Rule(
        "Another content type answers 415; the event route words it differently.", "documented", SPECIFICATION
    ),
    Rule("Bodies have at most 128 KB: 413 PayloadTooLarge.", "documented", SPECIFICATION),
    Rule("Bodies of the bulk route have at most 100 KB.", "documented", BULK_PAGE),
    Rule("A KB is 1,000 bytes, and 413 of the bulk route says 100 KB.", "assumed", DATA_PAGE),
    Rule("A bulk body that is not JSON answers 400 Malformed JSON.", "documented", SPECIFICATION),
    Rule("So do the bodies of the other routes, and JSON that is no object.", "assumed", SPECIFICATION),
    Rule("502, 503 and 504 come as a proxy's text.", "assumed", INTRODUCTION),
    # Users
    Rule(
        "Success says that the request was accepted and will be processed soon.", "documented", SPECIFICATION
    ),
    Rule("What was accepted shows later (the sandbox's delay).", "documented", SPECIFICATION),
    Rule("type is the route's own word, case-sensitive.", "documented", TRACK_PAGE),
    Rule("Another type answers 400 AttributeError.", "assumed", SPECIFICATION),
    Rule("A missing or empty customer_id answers 400 MissingAttributeError.", "documented", SPECIFICATION),
    Rule("A customer_id that is no text counts as missing.", "assumed", SPECIFICATION),
    Rule("Some customer_ids are forbidden, and those of one character.", "documented", DATA_PAGE),
    Rule("They answer 400 ValueError.", "assumed", DATA_PAGE),
    Rule(
        "With Identity Resolution an activated identifier in attributes may replace it.",
        "documented",
        TRACK_PAGE,
    ),
    Rule("Identity Resolution is off unless the sandbox is given identifiers.", "assumed", TRACK_PAGE),
    Rule("Users whom an identifier brings together are not merged here.", "assumed", TRACK_PAGE),
    Rule("update_existing_only drops unknown users without an error.", "documented", TRACK_PAGE),
    Rule("An attribute to add to and remove from: 400 ArrayFieldError.", "documented", SPECIFICATION),
    Rule("Adding to an array and removing from it work as on sets.", "assumed", SPECIFICATION),
    Rule("platforms is a list of platform and active, both texts.", "documented", TRACK_PAGE),
    Rule("Another platform, or an active that is no text, answers 400 ValueError.", "assumed", TRACK_PAGE),
    Rule("attributes, or an array field, that is no object answers 400 ValueError.", "assumed", TRACK_PAGE),
    Rule("Some attributes are taken on creation only.", "documented", SPECIFICATION),
    Rule("The attributes id, _id and the empty one are blocked.", "documented", TRACK_PAGE),
    Rule("Names are cut at 200 characters and values at 512, without an error.", "documented", POLICY_PAGE),
    Rule(
        "Arrays have 50 elements, a workspace 256 attributes; objects are not taken.",
        "documented",
        POLICY_PAGE,
    ),
    Rule("URLs that are too long are not taken.", "documented", POLICY_PAGE),
    Rule("What is blocked or not taken is dropped without an error.", "assumed", POLICY_PAGE),
    # Devices and events
    Rule("A device's platform is ANDROID, iOS, web or TV; others answer 400.", "documented", SPECIFICATION),
    Rule("A device's user must exist.", "documented", SPECIFICATION),
    Rule("A device whose user does not exist is dropped without an error.", "assumed", SPECIFICATION),
    Rule("A missing device_id answers 400 MissingAttributeError.", "assumed", SPECIFICATION),
    Rule("An action without a name answers 400 MissingAttributeError.", "documented", SPECIFICATION),
    Rule("Missing or empty actions answer as a missing action does.", "assumed", SPECIFICATION),
    Rule("An event in the future is refused.", "documented", SPECIFICATION),
    Rule("It is so with 400 ValueError, where it is a minute ahead or more.", "assumed", SPECIFICATION),
    Rule("An event of an unknown user is kept.", "assumed", SPECIFICATION),
    # Bulk
    Rule("A bulk answer says nothing of its elements: taken or refused whole.", "documented", SPECIFICATION),
    Rule("No elements, an element without customer_id or action: 400.", "documented", SPECIFICATION),
    Rule("An element that is no customer, event or device: 400 AttributeError.", "documented", SPECIFICATION),
    Rule(
        "The text of that 400, and of a missing action in bulk, is the sandbox's.", "assumed", SPECIFICATION
    ),
    Rule("Devices and array fields are checked in bulk as alone.", "assumed", SPECIFICATION),
    # Neighbours
    Rule("A deleted user goes 24 hours after the request was processed.", "documented", SPECIFICATION),
    Rule("Deleting an unknown user answers 400 of type Not Found.", "documented", SPECIFICATION),
    Rule("The text of that 400 is the sandbox's.", "assumed", SPECIFICATION),
    Rule("A change within the 24 hours does not save the user.", "assumed", SPECIFICATION),
    Rule("merge takes 50 pairs, skips those that fail and answers created.", "documented", SPECIFICATION),
    Rule("More pairs answer 400 LimitBreached.", "assumed", SPECIFICATION),
    Rule("The retained user's values win over the merged one's.", "assumed", SPECIFICATION),
    Rule("merge is off with Identity Resolution.", "documented", SPECIFICATION),
    Rule("It then answers 400 AttributeError.", "assumed", SPECIFICATION),
    Rule("More than 20 users in an export answer 400 LimitBreached.", "documented", SPECIFICATION),
    Rule("An export gives users and users_not_found.", "documented", SPECIFICATION),
    Rule(
        "users_not_found holds identifiers; user_attributes holds the customer_id too.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("devices/manage without device_identifiers concerns all devices.", "documented", SPECIFICATION),
    Rule("It answers as an accepted request does.", "assumed", SPECIFICATION),
    Rule("An unknown user of it answers as an unknown one of delete does.", "assumed", SPECIFICATION),
    Rule(
        "Other missing or wrong fields answer 400 MissingAttributeError or ValueError.",
        "assumed",
        SPECIFICATION,
    ),
    # Limits
    Rule("10,000 user updates a minute.", "documented", TRACK_PAGE),
    Rule("10,000 device updates a minute, 30,000 events a minute.", "documented", SPECIFICATION),
    Rule("Bulk: 10,000 users and 30,000 events a minute, the lower of two texts.", "documented", BULK_PAGE),
    Rule("Bulk: 10,000 devices a minute; each type of element is counted apart.", "assumed", BULK_PAGE),
    Rule("merge: 1,000 user updates a minute; export: 1,000 users a minute.", "documented", SPECIFICATION),
    Rule("A pair to merge is one user update.", "assumed", SPECIFICATION),
    Rule("delete: 5,000 requests a minute; devices/manage: 1,000.", "documented", SPECIFICATION),
    Rule("Above a limit: HTTP 429, which the device route words differently.", "documented", SPECIFICATION),
)
