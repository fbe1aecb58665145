"""Where every answer of the MoEngage sandbox comes from, and the numbers that its rules name.

Text only: the handlers beside it do what stands here and refuse to do more.
"""

from __future__ import annotations

from typing import Final

from netaudience.sandbox.protocol import Rule

TRACK_PAGE: Final = "https://www.moengage.com/docs/api/user/track-user"
INTRODUCTION: Final = "https://www.moengage.com/docs/api/introduction"
DATA_PAGE: Final = "https://www.moengage.com/docs/api/data/data-overview"
OPT_IN_PAGE: Final = (
    "https://github.com/api-evangelist/moengage/blob/f728ba3/openapi/moengage-email-subscription-openapi.yml"
)
SPECIFICATION: Final = "https://github.com/moengage/moengage-documentation"
RATES_PAGE: Final = "https://www.moengage.com/docs/api/rate-limits"
V5_PAGE: Final = (
    "https://github.com/moengage/moengage-documentation/blob/00e3014/subscription-categories-v5.yaml"
)
SEGMENTS_PAGE: Final = (
    "https://github.com/moengage/moengage-documentation/blob/0ed1bbd/api/custom-segments/custom-segments.yaml"
)
GDPR_PAGE: Final = (
    "https://github.com/moengage/moengage-documentation/blob/12e8cd2/api/gdpr-ccpa/gdpr-ccpa.yaml"
)
COHORT_PAGE: Final = (
    "https://github.com/moengage/moengage-documentation/blob/05aa064/api/cohort-audience/cohort-audience.yaml"
)
_COPIES: Final = "https://github.com/api-evangelist/moengage/blob/f728ba3/openapi/"
CATEGORIES_PAGE: Final = f"{_COPIES}moengage-subscription-categories-openapi.yml"
SUBSCRIPTION_PAGE: Final = f"{_COPIES}moengage-email-subscription-openapi.yml"
UNSET_PAGE: Final = "https://www.moengage.com/docs/user-guide/data/user-data/unset-user-attributes"
POLICY_PAGE: Final = "https://help.moengage.com/hc/en-us/articles/360037314991"

MINUTE = 60.0
HOUR = 3_600.0
DAY = 86_400.0
#: Bytes of a body, and of one of the bulk route.
MAX_BYTES = 128_000
MAX_BULK_BYTES = 100_000
MAX_EXPORTED = 20
MAX_PAIRS = 50
MAX_CATEGORY_ROWS = 50
MAX_RESUBSCRIBED = 100
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
DEVICE_PLATFORMS = ("ANDROID", "iOS", "web", "TV", "Windows")
USER_PLATFORMS = ("ANDROID", "iOS", "web", "Windows")
BLOCKED_NAMES = ("id", "_id", "")
#: Words that must not be tracked.
RESERVED_NAMES = frozenset(
    {
        *("USER_ATTRIBUTE_UNIQUE_ID", "USER_ATTRIBUTE_USER_EMAIL", "USER_ATTRIBUTE_USER_MOBILE"),
        *("USER_ATTRIBUTE_USER_NAME", "USER_ATTRIBUTE_USER_GENDER", "USER_ATTRIBUTE_USER_FIRST_NAME"),
        *("USER_ATTRIBUTE_USER_LAST_NAME", "USER_ATTRIBUTE_USER_BDAY", "USER_ATTRIBUTE_NOTIFICATION_PREF"),
        *("USER_ATTRIBUTE_OLD_ID", "MOE_TIME_FORMAT", "MOE_TIME_TIMEZONE", "USER_ATTRIBUTE_DND_START_TIME"),
        *("USER_ATTRIBUTE_DND_END_TIME", "MOE_GAID", "INSTALL", "UPDATE", "MOE_ISLAT", "status", "user_id"),
        "source",
    }
)
#: Attributes that cannot be unset.
PROTECTED = frozenset({"uid", "customer_id", "platforms"})
#: The attributes of a device; others are dropped.
DEVICE_ATTRIBUTES = frozenset(
    {
        *("platform", "push_id", "model", "moe_push_opted", "moe_push_provisional_opted", "app_version"),
        *("os_version", "moe_gaid", "idfv", "brand"),
    }
)
#: Only one device of a workspace has a value of these.
DEVICE_KEYS = ("moe_gaid", "idfv", "push_id")
#: Dropped on other platforms.
ONLY_ON_PLATFORM = {"idfv": "iOS", "moe_gaid": "ANDROID"}
#: Attributes that are taken when a user is created and left alone afterwards.
ONLY_ON_CREATION = frozenset(
    {"publisher_name", "campaign_name", "moe_gaid", "advertising_identifier", "moe_mweb", "u_l_a", "cr_t"}
)

RULES = (
    Rule("HTTP Basic carries the workspace id and the data API key.", "documented", TRACK_PAGE),
    Rule("Without the header: 401 Authentication Header Required.", "documented", SPECIFICATION),
    Rule("With a wrong key: 401 App Secret key mismatch.", "documented", SPECIFICATION),
    Rule("With an unknown workspace in it: 401 Invalid APP_ID.", "documented", DATA_PAGE),
    Rule("A path or an app_id that is no workspace's: 400 InvalidParams.", "documented", DATA_PAGE),
    Rule("One of another workspace than the key's: 409 Authentication Mismatch.", "documented", DATA_PAGE),
    Rule("merge answers 409 for authentication, 400 for a suspended account.", "documented", SPECIFICATION),
    Rule("A blocked or suspended account answers 403 with one of three types.", "documented", SPECIFICATION),
    Rule("A blacklisted one answers 400 Blacklisted.", "documented", DATA_PAGE),
    Rule("MOE-APPKEY is neither wanted nor read on the data routes.", "documented", INTRODUCTION),
    Rule("A missing app_id answers 400 ParamsRequired.", "documented", DATA_PAGE),
    Rule('Failures are {"status": "fail", "error": {...}} with a request_id.', "documented", SPECIFICATION),
    Rule("429 and 500 of delete have title and description instead of error.", "documented", SPECIFICATION),
    Rule("The texts of that 500 are the sandbox's.", "assumed", SPECIFICATION),
    Rule(
        "Another content type answers 415; the event route words it differently.", "documented", SPECIFICATION
    ),
    Rule("The platform Windows and a brand of a device are taken as well.", "assumed", SPECIFICATION),
    Rule("opt-in-management sets one user, by customer_id or by every e-mail.", "documented", OPT_IN_PAGE),
    Rule("All categories false: OPTED_OUT; one unknown category fails all.", "documented", OPT_IN_PAGE),
    Rule("A user that is not there answers 400 with title and description.", "documented", OPT_IN_PAGE),
    Rule("Its success is a message alone.", "assumed", OPT_IN_PAGE),
    Rule("The test of a connection answers status and app_name.", "documented", DATA_PAGE),
    Rule("Bodies have at most 128 KB: 413 PayloadTooLarge.", "documented", SPECIFICATION),
    Rule("No content type: 400 Missing header value.", "documented", DATA_PAGE),
    Rule("Bodies of the bulk route have at most 100 KB.", "documented", SPECIFICATION),
    Rule("A KB is 1,000 bytes, and 413 of the bulk route says 100 KB.", "assumed", DATA_PAGE),
    Rule("A bulk body that is not JSON answers 400 Malformed JSON.", "documented", SPECIFICATION),
    Rule("So do the bodies of the other routes.", "documented", DATA_PAGE),
    Rule("An empty body: 400 Empty request body.", "documented", DATA_PAGE),
    Rule("JSON that is no object: 400 Body type is not JSON.", "assumed", DATA_PAGE),
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
    Rule("Of an attribute whose type is pinned, what cannot be cast is dropped.", "documented", POLICY_PAGE),
    Rule("A text of a number is cast where the type is numeric.", "documented", POLICY_PAGE),
    Rule("What is blocked or not taken is dropped without an error.", "assumed", POLICY_PAGE),
    Rule("The 21 reserved names must not be tracked.", "documented", DATA_PAGE),
    Rule("They are dropped without an error.", "assumed", DATA_PAGE),
    Rule("An array of several types is not ingested, an empty one unsets.", "documented", POLICY_PAGE),
    Rule("unset_attributes is off unless the sandbox is set so.", "documented", UNSET_PAGE),
    Rule("Where it is off it does nothing, without an error.", "assumed", UNSET_PAGE),
    Rule("It wins over attributes, and passes over the id and platforms.", "documented", UNSET_PAGE),
    Rule("Rules of it that are not of its form answer 400 ValueError.", "assumed", UNSET_PAGE),
    # Devices and events
    Rule("A device's platform is ANDROID, iOS, web or TV; others answer 400.", "documented", SPECIFICATION),
    Rule("A device's user must exist.", "documented", SPECIFICATION),
    Rule("A device whose user does not exist is dropped without an error.", "assumed", SPECIFICATION),
    Rule("Other attributes of a device than the documented are dropped.", "documented", DATA_PAGE),
    Rule("idfv is dropped unless iOS, moe_gaid unless Android.", "documented", DATA_PAGE),
    Rule("A push_id, moe_gaid or idfv of another device deletes that device.", "documented", DATA_PAGE),
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
    # Consents and cohorts
    Rule("An erasure answers with a request_id, and is done later.", "documented", GDPR_PAGE),
    Rule("It concerns all users of an address; the sandbox waits no seven days.", "assumed", GDPR_PAGE),
    Rule("An erasure of nobody is accepted, too.", "assumed", GDPR_PAGE),
    Rule("The routes of categories, cohorts and resubscription want MOE-APPKEY.", "documented", V5_PAGE),
    Rule("Without it: 401 of type Header required.", "assumed", V5_PAGE),
    Rule(
        "V5 answers {response_id, type, data}, failures {error: {code, message, target}}.",
        "documented",
        V5_PAGE,
    ),
    Rule("A change wants an Idempotency-Key of uuid4 and answers 202.", "documented", V5_PAGE),
    Rule("The same key and body are applied once, another body answers 409.", "documented", V5_PAGE),
    Rule(
        "is_globally_unsubscribed is required; true drops all categories, false lifts it.",
        "documented",
        V5_PAGE,
    ),
    Rule("An unknown category answers 400 BadArgument, an unknown user 404 NotFound.", "documented", V5_PAGE),
    Rule("email has the categories offers and news, sms has offers.", "assumed", V5_PAGE),
    Rule("The older route takes 50 users and answers a message.", "documented", CATEGORIES_PAGE),
    Rule("Unknown users and categories of it are passed over.", "assumed", CATEGORIES_PAGE),
    Rule("Resubscription takes 100 addresses and answers 202.", "documented", SUBSCRIPTION_PAGE),
    Rule("It lifts the global unsubscribe of those who have the address.", "assumed", SUBSCRIPTION_PAGE),
    Rule("A cohort takes users who exist and passes over the others.", "documented", COHORT_PAGE),
    Rule("A cohort's name with a forbidden sign answers 400 ValueError.", "assumed", COHORT_PAGE),
    Rule("Members are a set.", "assumed", COHORT_PAGE),
    Rule(
        "Segments by file want MOE-DBNAME, and answer 202 with cs_name, cs_id.", "documented", SEGMENTS_PAGE
    ),
    Rule("A name that is taken: 409; one that is not known: 404.", "documented", SEGMENTS_PAGE),
    Rule("The end is called back: counts, or a status of 400 and its words.", "documented", SEGMENTS_PAGE),
    Rule("A file is what was seeded under its URL; another cannot be fetched.", "assumed", SEGMENTS_PAGE),
    Rule("Callbacks go to addresses of this machine alone.", "assumed", SEGMENTS_PAGE),
    # Limits
    Rule("Segments by file: 10 requests an hour, 100 a day.", "documented", RATES_PAGE),
    Rule("Categories: 100 requests a minute, 360,000 a day.", "documented", RATES_PAGE),
    Rule(
        "Resubscription: 10 requests a minute, 14,400 a day; cohorts: 300 a minute.", "documented", RATES_PAGE
    ),
    Rule("10,000 user updates a minute.", "documented", TRACK_PAGE),
    Rule("10,000 device updates a minute, 30,000 events a minute.", "documented", SPECIFICATION),
    Rule("Bulk: 60,000 users and 60,000 events a minute, counted apart.", "documented", RATES_PAGE),
    Rule("Bulk: 10,000 devices a minute.", "assumed", RATES_PAGE),
    Rule(
        "Every answer of a limited route but bulk tells its window: x-ratelimit-….", "documented", RATES_PAGE
    ),
    Rule("x-ratelimit-reset is the seconds until the window is empty.", "assumed", RATES_PAGE),
    Rule("merge: 1,000 user updates a minute; export: 1,000 users a minute.", "documented", SPECIFICATION),
    Rule("A pair to merge is one user update.", "assumed", SPECIFICATION),
    Rule("delete: 5,000 requests a minute; devices/manage: 1,000.", "documented", SPECIFICATION),
    Rule("Above a limit: HTTP 429, which the device route words differently.", "documented", SPECIFICATION),
)
