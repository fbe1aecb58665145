"""Every rule of the CleverTap sandbox with its provenance; the other modules do what this one says.

Where the documents are silent a rule is marked assumed and names the page that is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from netaudience.sandbox.protocol import Rule

DEMERGE_PAGE = "https://developer.clevertap.com/docs/demerge-user-profile-api"
LIMITS_PAGE = "https://developer.clevertap.com/docs/api-request-limit"
ERRORS_PAGE = "https://developer.clevertap.com/docs/api-errors"
HEADERS_PAGE = "https://developer.clevertap.com/docs/common-api-components"
PROFILES_PAGE = "https://developer.clevertap.com/docs/upload-user-profiles-api"
EVENTS_PAGE = "https://developer.clevertap.com/docs/upload-events-api"
TOKENS_PAGE = "https://developer.clevertap.com/docs/upload-device-tokens-api"
DELETE_PAGE = "https://developer.clevertap.com/docs/delete-user-profile-api"
CONSIDERATIONS = "https://docs.clevertap.com/docs/platform-considerations"
READ_PAGE = "https://developer.clevertap.com/docs/get-user-profiles-api"
SUBSCRIBE_PAGE = "https://developer.clevertap.com/docs/subscribe-api"
DISASSOCIATE_PAGE = "https://developer.clevertap.com/docs/disassociate-api"
#: The vendor's own example answers.
SNIPPETS = "https://github.com/CleverTap/clevertap-support-snippets"
#: Live answers of the upload, recorded by the authors of a client.
RECORDINGS = "https://github.com/tradeo/clevertap-ruby"
UPLOADER = "https://github.com/ankit-arora/clevertap-data-upload"
DOCS_COPY = "https://github.com/gitsgulabjamun/clevertap-docs-site"
CUSTOM_LIST_PAGE = "https://developer.clevertap.com/docs/custom-list-endpoints"
CREATE_PAGE = "https://developer.clevertap.com/docs/create-segment-api"
UPDATE_PAGE = "https://developer.clevertap.com/docs/update-segment-api"
TRANSFORMER = "https://github.com/rudderlabs/rudder-transformer"
READER = "https://github.com/leanderp/clevertap-mcp"

#: Entries of one list of identities, and records of one upload.
MAX_IDENTITIES = 100
MAX_RECORDS = 1000
MAX_TOKENS = 100
MAX_BATCH = 5000
DEFAULT_BATCH = 50
#: Seconds that a cursor lives.
CURSOR_LIFETIME = 4 * 86_400.0
EVENT_CURSOR_LIFETIME = 4 * 3600.0
#: How many events are kept for an export.
KEPT_EVENTS = 10_000

KEY_BYTES = 120
VALUE_BYTES = 512
PROFILE_KEYS = 256
EVENT_PROPERTIES = 256
LIST_ITEMS = 100
FORBIDDEN_IN_KEYS = frozenset("%><!|&.:;$'\"\\#")

#: The body's code of a read that is not ready.
IN_PROGRESS = 2
SERVER_ERROR = 555

#: What a record's code says; the sentence ends where the number of the record begins.
RECORD_ERRORS: Mapping[int, str] = MappingProxyType(
    {
        509: "Event name is mandatory.",
        512: "Event structure is invalid.",
        513: "A restricted system event was raised.",
        514: "Profile data is incorrect. Gender is not valid.",
        515: "Profile data is incorrect. Email is not valid.",
        516: "Profile data is incorrect. Phone number is not valid.",
        517: "Profile data is incorrect. Employed needs to be Y/N.",
        518: "Profile data is incorrect. Education is not valid.",
        519: "Profile data is incorrect. Married needs to be Y/N.",
        520: "Profile data is incorrect. Age is invalid.",
        522: "Event properties limit exceeded.",
        523: "Identity is missing.",
        524: "Data is neither event nor profile.",
        525: "Timestamp should be present in the Unix Epoch format. ",
        526: "objectId is not valid.",
        528: "A discarded event was raised.",
        530: "objectId is not valid.",
        531: "Token data is not valid.",
        532: "Token id is not present.",
        533: "Token type is not present.",
        534: "Token type is not valid for objectId.",
        535: "Token data is not valid.",
        SERVER_ERROR: "Miscellaneous server error.",
    }
)

_EVERYWHERE = (
    Rule(
        "X-CleverTap-Account-Id and X-CleverTap-Passcode are required on every call.",
        "documented",
        HEADERS_PAGE,
    ),
    Rule("Wrong credentials answer HTTP 401.", "documented", ERRORS_PAGE),
    Rule(
        'The body of a 401 is {"status":"fail","error":"Invalid Credentials","code":401}.',
        "reported",
        TRANSFORMER,
    ),
    Rule("Missing credentials answer as wrong ones do.", "assumed", ERRORS_PAGE),
    Rule(
        'A body that is not JSON answers 400 {"status":"fail","error":"Malformed request",...}.',
        "reported",
        UPLOADER,
    ),
    Rule("Every account has an allowance per API.", "documented", LIMITS_PAGE),
    Rule("At most 3 requests are in flight, and 15 of the upload.", "documented", LIMITS_PAGE),
    Rule("The upload has one allowance for its three kinds of record.", "assumed", LIMITS_PAGE),
    Rule("Subscribe and disassociate have 3 in flight, as the others.", "assumed", LIMITS_PAGE),
    Rule("There is no limit per second, minute or day.", "documented", LIMITS_PAGE),
    Rule("Above the limit: HTTP 429, Too many concurrent requests.", "documented", LIMITS_PAGE),
    Rule("The body of a 429 has the shape of other failures.", "assumed", ERRORS_PAGE),
    Rule(
        "A whole request may be refused with HTTP 200 and a fail body (fault fail-200).",
        "reported",
        TRANSFORMER,
    ),
    Rule("The code inside a fail body of HTTP 200 is 400 here.", "assumed", ERRORS_PAGE),
    Rule(
        'An upload refused so answers {"status":"fail","processed":0,"unprocessed":[]}.',
        "reported",
        UPLOADER,
    ),
)

_DEMERGE = (
    Rule(f"At most {MAX_IDENTITIES} identities stand in one request.", "documented", DEMERGE_PAGE),
    Rule("More than 100 identities answer HTTP 400 with a fail body.", "assumed", DEMERGE_PAGE),
    Rule("An empty or missing list answers HTTP 400 with a fail body.", "assumed", DEMERGE_PAGE),
    Rule(
        "A text instead of a list, or an entry that is no text, answers HTTP 400 with a fail body.",
        "assumed",
        DEMERGE_PAGE,
    ),
    Rule(
        'Success is HTTP 200 {"status":"success"}, without a word per identity.',
        "documented",
        DEMERGE_PAGE,
    ),
    Rule("Unknown and repeated identities are taken like any other.", "assumed", DEMERGE_PAGE),
    Rule("The effect comes after the sandbox's delay instead of at night.", "assumed", DEMERGE_PAGE),
)

_DELETE = (
    Rule("Exactly one of identity and guid is given; both answer 400.", "documented", DELETE_PAGE),
    Rule("Neither of them answers 400.", "assumed", DELETE_PAGE),
    Rule("Each is a text or a list of texts.", "documented", DELETE_PAGE),
    Rule(f"At most {MAX_IDENTITIES} stand in one request.", "documented", DELETE_PAGE),
    Rule("More than 100, or an entry that is no text, answer 400.", "assumed", DELETE_PAGE),
    Rule('Success is {"status":"success"}, as that of demerge.', "assumed", DELETE_PAGE),
    Rule("Unknown profiles are taken like any other.", "assumed", DELETE_PAGE),
    Rule("guid is the objectId.", "assumed", DELETE_PAGE),
)

_UPLOAD = (
    Rule("The body is d, a list of profile, event and token records.", "documented", PROFILES_PAGE),
    Rule(f"At most {MAX_RECORDS} records stand in one request.", "documented", PROFILES_PAGE),
    Rule(f"At most {MAX_TOKENS} token records stand in one request.", "documented", TOKENS_PAGE),
    Rule("More records answer HTTP 400 with a fail body.", "assumed", PROFILES_PAGE),
    Rule(
        "An empty list answers a fail without unprocessed records; a missing one 400.",
        "assumed",
        PROFILES_PAGE,
    ),
    Rule(
        "The answer is status (success, partial, fail), processed, and unprocessed with status, code, "
        "error and record, under HTTP 200.",
        "documented",
        SNIPPETS,
    ),
    Rule(
        "An error ends in the number of the record in d, from 1, as in "
        '"Profile data is incorrect. Email is not valid.Skipped record number : 2".',
        "reported",
        RECORDINGS,
    ),
    Rule(
        "record is not always what was sent: a telephone number comes back as a number once it "
        "was read, and an identity inside profileData as a text.",
        "reported",
        RECORDINGS,
    ),
    Rule("The record codes 509 to 535 and 555 mean what the errors page says.", "documented", ERRORS_PAGE),
    Rule("The sentences of 515, 516, 519, 520 and 525 are the vendor's.", "reported", RECORDINGS),
    Rule("The sentences of the other codes are their meaning in our words.", "assumed", ERRORS_PAGE),
    Rule("A record is blamed with 555 by the fault blame.", "assumed", ERRORS_PAGE),
    Rule("dryRun=1 answers the same and stores nothing.", "reported", RECORDINGS),
    Rule("A record is of one identity, objectId, FBID or GPID.", "documented", PROFILES_PAGE),
    Rule("Where there are several the first of that order counts.", "assumed", PROFILES_PAGE),
    Rule("An id names one profile, whatever its form; an unknown one creates it.", "assumed", PROFILES_PAGE),
    Rule("ts is in epoch seconds; 0 is none (525).", "reported", RECORDINGS),
    Rule("A ts that is no whole number, or in milliseconds, is none either.", "assumed", PROFILES_PAGE),
    Rule("A telephone number is a text: plus sign and digits.", "documented", PROFILES_PAGE),
    Rule("Gender is M or F, Education School, College or Graduate.", "assumed", PROFILES_PAGE),
    Rule("Married is Y or N.", "reported", RECORDINGS),
    Rule("Employed is Y or N.", "assumed", PROFILES_PAGE),
    Rule("Age is a whole number, also as a text.", "reported", RECORDINGS),
    Rule(
        f"A key has at most {KEY_BYTES} bytes, a text {VALUE_BYTES}, and a key none of "
        f"{''.join(sorted(FORBIDDEN_IN_KEYS))}.",
        "documented",
        PROFILES_PAGE,
    ),
    Rule(f"A profile has at most {PROFILE_KEYS} keys of a record.", "documented", PROFILES_PAGE),
    Rule("A profile's key or value beyond that is blamed with 524.", "assumed", ERRORS_PAGE),
    Rule(f"An event has at most {EVENT_PROPERTIES} properties (522).", "documented", EVENTS_PAGE),
    Rule("An event's key or value beyond the limits is blamed with 512.", "assumed", ERRORS_PAGE),
    Rule("$add, $remove, $incr and $decr change a value, $delete takes it away.", "documented", DOCS_COPY),
    Rule("Removing the last value of a list removes the property.", "documented", DOCS_COPY),
    Rule("A value that is no $D_ is text for ever, however it looks.", "documented", PROFILES_PAGE),
    Rule(
        "Of a property whose type is fixed, a value of another type is dropped.", "documented", CONSIDERATIONS
    ),
    Rule("Another operator, or an object as a value, is blamed with 524.", "assumed", ERRORS_PAGE),
    Rule("$add keeps a value once, and $incr counts from 0.", "assumed", PROFILES_PAGE),
    Rule(f"A list keeps its last {LIST_ITEMS} values.", "documented", PROFILES_PAGE),
    Rule("App Launched is a restricted event (513), unless others are configured.", "assumed", EVENTS_PAGE),
    Rule("No event is discarded (528), unless some are configured.", "assumed", EVENTS_PAGE),
    Rule("A token is of an objectId, with tokenData of id and type.", "documented", TOKENS_PAGE),
    Rule("A token's type is apns, fcm or gcm.", "documented", TOKENS_PAGE),
    Rule("chrome, wns and mpns are types too; another is blamed with 534.", "assumed", TOKENS_PAGE),
    Rule(
        "A token id that is no text, or keys that are no object, are blamed with 535.", "assumed", TOKENS_PAGE
    ),
)

_READ = (
    Rule("event_name, from and to (YYYYMMDD) choose profiles.", "documented", READ_PAGE),
    Rule("A missing or wrong one answers 400.", "assumed", READ_PAGE),
    Rule("Every profile has launched the app in any range.", "assumed", READ_PAGE),
    Rule("The first answer holds a cursor alone.", "documented", SNIPPETS),
    Rule("A cursor comes percent-encoded; it is sent as it came.", "documented", SNIPPETS),
    Rule("previous_cursor comes without percent-encoding.", "documented", SNIPPETS),
    Rule("The last page has no next_cursor.", "documented", READ_PAGE),
    Rule("A full page names a next one, so the last page may have no records.", "assumed", READ_PAGE),
    Rule("A cursor that is not known answers 400.", "assumed", READ_PAGE),
    Rule("A cursor lives 4 days.", "reported", READER),
    Rule(f"batch_size is at most {MAX_BATCH}.", "documented", READ_PAGE),
    Rule(f"A larger batch_size answers 400; without one it is {DEFAULT_BATCH}.", "assumed", READ_PAGE),
    Rule("A page that is not ready has code 2, Request still in progress.", "reported", READER),
    Rule("It comes with HTTP 200 (fault status=200,code=2).", "assumed", READ_PAGE),
)

_SUBSCRIPTIONS = (
    Rule("A record is type, value, and status Unsubscribe or Resubscribe.", "documented", SUBSCRIBE_PAGE),
    Rule("The types are phone and email.", "documented", SUBSCRIBE_PAGE),
    Rule("whatsapp is a type too.", "reported", READER),
    Rule("Everybody who shares the number or address is meant.", "documented", SUBSCRIBE_PAGE),
    Rule("Disassociate takes the type phone alone.", "documented", DISASSOCIATE_PAGE),
    Rule(f"At most {MAX_RECORDS} of these records stand in one request.", "documented", SUBSCRIBE_PAGE),
    Rule("The answers of both are those of the upload.", "assumed", SUBSCRIBE_PAGE),
    Rule(
        "Records are blamed with 515, 516, 523 for the value and 524 for the rest.",
        "assumed",
        SUBSCRIBE_PAGE,
    ),
)

_ONE = (
    Rule("One profile is read by identity, email or objectId, one of them.", "documented", READ_PAGE),
    Rule("Several of them, or none, answer 400.", "assumed", READ_PAGE),
    Rule("A profile that is not known answers a fail under HTTP 200.", "assumed", READ_PAGE),
)

_COUNTS = (
    Rule("Counts take the body of the read of many profiles.", "documented", READ_PAGE),
    Rule('A count that is not ready answers {"status": "partial", "req_id": n}.', "documented", READ_PAGE),
    Rule("It is asked for with req_id until it is there.", "documented", READ_PAGE),
    Rule("A count is ready at once, unless the sandbox is set otherwise.", "assumed", READ_PAGE),
)

_EVENTS = (
    Rule("Events are exported as profiles are: a cursor, then its pages.", "documented", READ_PAGE),
    Rule("A record has profile, ts (yyyyMMddHHmmSS), event_props, session_props.", "documented", READ_PAGE),
    Rule("A cursor of events is good for four hours.", "reported", TRANSFORMER),
    Rule("The last 10,000 uploaded events are exported, in the order of their upload.", "assumed", READ_PAGE),
)

_API_SEGMENTS = (
    Rule("createSegment takes a list of names and customer_segment_id.", "documented", CREATE_PAGE),
    Rule("It answers success and the ids that it made.", "assumed", CREATE_PAGE),
    Rule("An id that is there answers 409.", "assumed", CREATE_PAGE),
    Rule(
        "updateSegment takes users and segments; bad entries are passed over.",
        "documented",
        UPDATE_PAGE,
    ),
    Rule("What adds or removes is not known: the last instruction is kept.", "assumed", UPDATE_PAGE),
)

_CUSTOM_LISTS = (
    Rule("A signed address is given for 24 hours.", "documented", CUSTOM_LIST_PAGE),
    Rule("It refuses headers that it was not signed for, ours among them: 403.", "reported", TRANSFORMER),
    Rule("The file is put there, and then completed by name.", "documented", CUSTOM_LIST_PAGE),
    Rule("Its first line is Type,Identity; i is an identity, g CleverTap's id.", "reported", TRANSFORMER),
    Rule("Profiles that are there become members, others do not.", "reported", TRANSFORMER),
    Rule("A file that cannot be used is a success all the same.", "reported", TRANSFORMER),
    Rule("A name that is there is refused without replace: duplicate_name.", "reported", TRANSFORMER),
    Rule("With replace the members are those of the new file.", "documented", CUSTOM_LIST_PAGE),
)

RULES = (
    *_ONE,
    *_COUNTS,
    *_EVENTS,
    *_API_SEGMENTS,
    *_CUSTOM_LISTS,
    *_EVERYWHERE,
    *_DEMERGE,
    *_DELETE,
    *_UPLOAD,
    *_READ,
    *_SUBSCRIPTIONS,
)
