"""Where every answer of the Iterable sandbox comes from, and the numbers that its rules name.

Text only: the handlers beside it do what stands here and refuse to do more.
"""

from __future__ import annotations

from typing import Final

from netaudience.sandbox.protocol import Rule

MOBILE_PAGE: Final = "https://support.iterable.com/hc/articles/205730249"
PROJECTS_PAGE: Final = "https://support.iterable.com/hc/articles/9216719179796"
IDENTITY_PAGE: Final = "https://support.iterable.com/hc/en-us/articles/29156459027348"
START_PAGE: Final = "https://support.iterable.com/hc/en-us/articles/41044692130196"
SPECIFICATION: Final = "https://github.com/Iterable/api-client"
FIELDS_PAGE: Final = "https://support.iterable.com/hc/en-us/articles/208183076"
NULL_REQUEST: Final = "https://gitlab.com/mtchavez/iterable/-/merge_requests/74"
GO_CLIENT: Final = "https://github.com/block/iterable-go"
RUBY_CLIENT: Final = "https://github.com/mtchavez/iterable-api-client"
RUDDERSTACK: Final = "https://github.com/rudderlabs/rudder-transformer"
FIVETRAN: Final = (
    "https://fivetran.com/docs/connectors/applications/iterable/troubleshooting/kb-iterable-rate-limit"
)

MAX_USER_ID = 52
MAX_DEVICES = 500
MAX_MESSAGES = 1000
MAX_FIELDS = 1000
MAX_EVENT_ID_BYTES = 512
MAX_BULK_BYTES = 4_000_000
PLATFORMS = ("APNS", "APNS_SANDBOX", "GCM")

RULES = (
    Rule("The key stands in the header Api-Key; Api_Key is accepted too.", "documented", START_PAGE),
    Rule("A wrong key answers HTTP 401.", "documented", SPECIFICATION),
    Rule("A missing key answers as a wrong one does.", "assumed", SPECIFICATION),
    Rule("A 401 says BadApiKey with the caller's ip and the endpoint in params.", "reported", RUDDERSTACK),
    Rule("All keys are of one project: they see one state and share its limits.", "documented", START_PAGE),
    Rule(
        'Answers have the shape {"code", "msg", "params"}; params may be null or left out.',
        "documented",
        SPECIFICATION,
    ),
    Rule("The params of a success are null, unless the sandbox is set otherwise.", "reported", RUBY_CLIENT),
    Rule("A body is read as JSON whatever its Content-Type says.", "assumed", START_PAGE),
    Rule("A body that is not JSON answers 400 BadJsonBody.", "assumed", SPECIFICATION),
    Rule(
        "A field of the wrong type answers 400 BadJsonBody for the whole body, its path in params.",
        "reported",
        RUDDERSTACK,
    ),
    Rule(
        "A required field that is missing or null answers as one of the wrong type.", "reported", RUBY_CLIENT
    ),
    Rule(
        "An older refusal of a body repeats it and the headers, the key among them (style = legacy).",
        "reported",
        RUBY_CLIENT,
    ),
    Rule(
        "The texts in those params are the sandbox's, but for a boolean's, and an older text's.",
        "assumed",
        RUDDERSTACK,
    ),
    Rule("An optional field that is null counts as left out.", "assumed", SPECIFICATION),
    # Identity
    Rule(
        "A project identifies by email, by userId, or by both (hybrid); hybrid unless set otherwise here.",
        "documented",
        PROJECTS_PAGE,
    ),
    Rule(
        "Of two identifiers, email wins in an email-based project, userId in the others.",
        "documented",
        MOBILE_PAGE,
    ),
    Rule("E-mails are compared in lower case; answers name them in lower case.", "reported", GO_CLIENT),
    Rule(
        f"A userId is case-sensitive, ASCII, printable, 1 to {MAX_USER_ID} characters, no space at its end.",
        "documented",
        PROJECTS_PAGE,
    ),
    Rule("An e-mail needs one @ with something on both sides, and no space.", "assumed", RUBY_CLIENT),
    Rule(
        'A malformed e-mail answers 400 InvalidEmailAddressError, "Invalid email: " and the address.',
        "reported",
        RUBY_CLIENT,
    ),
    Rule("A malformed userId answers 400 InvalidUserIdError.", "assumed", SPECIFICATION),
    Rule(
        "No identifier at all answers 400 BadParams; in a bulk body, for the whole body.",
        "assumed",
        SPECIFICATION,
    ),
    Rule(
        "An unknown e-mail creates a profile; so does an unknown userId outside email-based projects.",
        "documented",
        PROJECTS_PAGE,
    ),
    Rule(
        "In an email-based project it does so with preferUserId only, at @placeholder.email.",
        "documented",
        IDENTITY_PAGE,
    ),
    Rule("Without preferUserId that answers 400 UnknownUserIdError.", "assumed", SPECIFICATION),
    Rule(
        "The second of two identifiers is attached to the profile that the first one names.",
        "reported",
        RUDDERSTACK,
    ),
    Rule("Two identifiers of two profiles conflict: HTTP 409.", "documented", SPECIFICATION),
    Rule(
        "In an email-based project several profiles may share a userId: no conflict there.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("The code of a conflict is ExternalKeyConflict.", "assumed", SPECIFICATION),
    Rule("A forgotten user answers HTTP 409.", "documented", SPECIFICATION),
    Rule("The code of that 409 is ForgottenUserError.", "assumed", SPECIFICATION),
    # Users
    Rule("Fields left out of an update stay on the profile.", "documented", MOBILE_PAGE),
    Rule(
        "mergeNestedObjects merges top-level objects; without it they are replaced.",
        "documented",
        MOBILE_PAGE,
    ),
    Rule("An update is stored later: allow a minute (the sandbox's delay).", "documented", SPECIFICATION),
    Rule(
        "Bulk calls, list calls, subscriptions, forget, delete and events take effect after the delay too.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("A delete is asynchronous and does not prevent re-creation.", "documented", SPECIFICATION),
    Rule("A field's type never changes: HTTP 400.", "documented", SPECIFICATION),
    Rule(
        "That 400 says RequestFieldsTypesMismatched with validationErrors by field, the value among them.",
        "reported",
        GO_CLIENT,
    ),
    Rule(
        "Types: string, long, double, boolean, date, geo_location (its name says so), object, nested.",
        "documented",
        FIELDS_PAGE,
    ),
    Rule(
        "Dates: yyyy-MM-dd, with a blank and HH:mm:ss, and ±hh:mm; or with T, milliseconds and Z or ±hh:mm.",
        "documented",
        FIELDS_PAGE,
    ),
    Rule("Any other text is a string for ever, however it looks.", "documented", FIELDS_PAGE),
    Rule("A whole number fits a double, a decimal no long.", "assumed", FIELDS_PAGE),
    Rule("A field that is null is taken off the profile.", "reported", NULL_REQUEST),
    Rule(f"A project holds {MAX_FIELDS} unique user fields.", "documented", SPECIFICATION),
    Rule("One more answers 400 UniqueFieldsLimitExceeded and changes nothing.", "assumed", SPECIFICATION),
    Rule(
        "With createNewFields false an unknown field is dropped without an error.",
        "documented",
        SPECIFICATION,
    ),
    Rule(
        "Where createNewFields is left out, the project's setting holds: true here.", "assumed", SPECIFICATION
    ),
    Rule(
        "A read gives dataFields with the profile's devices, lists and subscriptions among them.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("A user who does not exist reads as {}.", "documented", SPECIFICATION),
    Rule(
        "updateEmail is for email-based projects; currentEmail wins over currentUserId.",
        "documented",
        SPECIFICATION,
    ),
    Rule("Elsewhere it answers 400 BadParams.", "assumed", SPECIFICATION),
    Rule(
        "A malformed currentEmail answers 400 InvalidEmailAddressError, named in msg.",
        "reported",
        RUDDERSTACK,
    ),
    Rule(
        "An unknown current user answers 400 UnknownEmailError or UnknownUserIdError.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("A newEmail that exists answers HTTP 409.", "documented", SPECIFICATION),
    Rule("Its code is EmailAlreadyExists.", "assumed", SPECIFICATION),
    Rule(
        "forget takes the identifier of the project's type; a wrong one answers 400 BadParams.",
        "assumed",
        SPECIFICATION,
    ),
    Rule(
        "Who is forgotten is refused at once, and the profile goes after the delay.", "assumed", SPECIFICATION
    ),
    Rule("Deleting a user who does not exist answers 404; by e-mail NotFound.", "assumed", SPECIFICATION),
    Rule("By userId its code is error.users.noUserWithIdExists.", "reported", GO_CLIENT),
    Rule("A profile is forgotten under both its identifiers.", "assumed", SPECIFICATION),
    Rule("A userId that several profiles share deletes them all.", "documented", SPECIFICATION),
    Rule("unforget takes either identifier, and lets collecting begin again.", "documented", SPECIFICATION),
    Rule("Unforgetting somebody who is not forgotten succeeds.", "assumed", SPECIFICATION),
    Rule(
        "forgotten and forgottenUserIds list the SHA-256 of each, lower-cased and trimmed.",
        "documented",
        SPECIFICATION,
    ),
    Rule(
        "Of the other type of project each of them answers 400 BadParams.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("merge moves all fields; the source is gone then.", "documented", SPECIFICATION),
    Rule("A destination that is not known makes the source that one.", "documented", SPECIFICATION),
    Rule("A source that is not known answers HTTP 400.", "documented", SPECIFICATION),
    Rule("Where both have a field, the destination keeps its own.", "assumed", SPECIFICATION),
    # Lists
    Rule("A list is made with a name; the answer is its number.", "documented", SPECIFICATION),
    Rule("An empty name answers 400 BadParams.", "assumed", SPECIFICATION),
    Rule(
        'Deleting a list that is not there answers 400 BadParams, "Unable to delete list …".',
        "reported",
        RUBY_CLIENT,
    ),
    Rule("Members come as plain text, one identifier to a line, all at once.", "documented", SPECIFICATION),
    Rule("preferUserId names them by their userId.", "documented", SPECIFICATION),
    Rule('A list that is not there answers 400 BadParams, "Invalid email list id".', "reported", RUBY_CLIENT),
    Rule("A list's size comes as plain text.", "documented", SPECIFICATION),
    # Subscriptions one by one
    Rule("Those routes are to be enabled by the vendor: 404 before that.", "documented", SPECIFICATION),
    Rule("They are enabled here, unless set otherwise (singleSubscriptions).", "assumed", SPECIFICATION),
    Rule("They change one subscription and leave the others: HTTP 202.", "documented", SPECIFICATION),
    Rule("Nothing is said about single users.", "documented", SPECIFICATION),
    # Schema
    Rule("getFields gives each field's type by its name.", "documented", SPECIFICATION),
    Rule("The two channels and three message types are the sandbox's own.", "assumed", SPECIFICATION),
    # Exports
    Rule(
        "An export is started with its data and form; the answer is a jobId.",
        "documented",
        SPECIFICATION,
    ),
    Rule("Dates are yyyy-MM-dd HH:mm:ss, with an offset or without.", "documented", SPECIFICATION),
    Rule(
        "Its files come as it goes; an address lives half an hour.",
        "documented",
        SPECIFICATION,
    ),
    Rule("It is running when it is first asked for, and completed then.", "assumed", SPECIFICATION),
    Rule("A job that is not there answers 400 BadParams.", "assumed", SPECIFICATION),
    Rule(
        "The address of a file refuses the key's header.",
        "assumed",
        SPECIFICATION,
    ),
    Rule("Cancelling answers the envelope.", "assumed", SPECIFICATION),
    # Devices
    Rule("registerDeviceToken takes email or userId, not both.", "documented", MOBILE_PAGE),
    Rule("Both answer 400 BadParams.", "assumed", SPECIFICATION),
    Rule(f"The platform is {', '.join(PLATFORMS)}.", "documented", SPECIFICATION),
    Rule("Another one answers 400 BadParams.", "assumed", SPECIFICATION),
    Rule(f"A profile holds {MAX_DEVICES} devices; one more answers HTTP 400.", "documented", SPECIFICATION),
    Rule("The code of that 400 is BadParams.", "assumed", SPECIFICATION),
    Rule("An empty token answers 500 GenericError, with the user in msg.", "reported", RUBY_CLIENT),
    Rule(
        "A token is registered and disabled at once, and a device's dataFields are merged.",
        "assumed",
        MOBILE_PAGE,
    ),
    Rule("A token registered again is enabled again.", "assumed", MOBILE_PAGE),
    Rule(
        "disableDevice without an identifier disables the token on every profile.", "documented", MOBILE_PAGE
    ),
    Rule("disableDevice with both identifiers wants a profile that has both.", "assumed", MOBILE_PAGE),
    Rule("disableDevice of an unknown token or user succeeds.", "assumed", MOBILE_PAGE),
    Rule(
        "registerBrowserToken takes email or userId; 500 tokens a profile.",
        "documented",
        SPECIFICATION,
    ),
    Rule("It is applied at once, and a token sent again changes nothing.", "assumed", SPECIFICATION),
    # One at a time
    Rule(
        "updateSubscriptions overwrites what is not null; 409 as in bulk.",
        "documented",
        SPECIFICATION,
    ),
    Rule("subscribeToDoubleOptIn answers 202 as text; the person decides.", "documented", SPECIFICATION),
    Rule("It is enabled as the single subscriptions are.", "assumed", SPECIFICATION),
    Rule("events/track stores one event: 2,000 requests a second.", "documented", SPECIFICATION),
    Rule("getSentMessages takes a limit to 1,000: 3 requests a second.", "documented", SPECIFICATION),
    Rule("Nothing was ever sent here: its messages are none.", "assumed", SPECIFICATION),
    Rule("export/jobs lists the exports, or those of one jobState.", "documented", SPECIFICATION),
    Rule("What it says of one is the sandbox's own.", "assumed", SPECIFICATION),
    # Bulk
    Rule(
        "Bulk answers count successes and failures, and name failures by identifier.",
        "documented",
        SPECIFICATION,
    ),
    Rule(
        "An older answer names invalid e-mails at its top level and nothing else (style = legacy).",
        "reported",
        RUBY_CLIENT,
    ),
    Rule(
        "bulkUpdate without users answers 400 InvalidEmailAddressError; other empty lists succeed.",
        "reported",
        RUBY_CLIENT,
    ),
    Rule(
        "filteredOutFields names what createNewFields dropped, createdFields what is new.",
        "documented",
        SPECIFICATION,
    ),
    Rule(
        "In bulk a wrong field type is invalidData; an unknown userId is invalid, or notFound in list calls.",
        "assumed",
        SPECIFICATION,
    ),
    Rule(
        "An unknown list fails with error.lists.invalidListId in msg, and its code may read Success.",
        "reported",
        GO_CLIENT,
    ),
    Rule("A fault's failure reads Success too, where the fault has a code.", "reported", GO_CLIENT),
    Rule("Every list exists, unless the sandbox is given lists.", "assumed", SPECIFICATION),
    Rule(
        "updateExistingUsersOnly, and every unsubscribe, names unknown users in notFound lists.",
        "reported",
        RUDDERSTACK,
    ),
    Rule(
        "bulkUpdateSubscriptions overwrites what is not null and lists four kinds of failure.",
        "documented",
        SPECIFICATION,
    ),
    Rule("It may answer HTTP 409.", "documented", SPECIFICATION),
    Rule(
        "It does so for the whole body where one user is forgotten or has conflicting identifiers.",
        "assumed",
        SPECIFICATION,
    ),
    Rule(
        "A blamed subscription stands in validEmailFailures or validUserIdFailures.", "assumed", SPECIFICATION
    ),
    Rule(
        "trackBulk needs an eventName in every event; a repeated id replaces the event.",
        "documented",
        SPECIFICATION,
    ),
    Rule(f"An event's id has at most {MAX_EVENT_ID_BYTES} bytes.", "documented", SPECIFICATION),
    Rule("A longer one answers 400 BadParams for the whole body.", "assumed", SPECIFICATION),
    Rule(
        "disallowedEventNames names what the sandbox was set to disallow; those events fail.",
        "assumed",
        SPECIFICATION,
    ),
    # Limits
    Rule("users/update and registerDeviceToken: 500 requests a second.", "documented", SPECIFICATION),
    Rule("bulkUpdate: 5 requests a second, and a body of 4 MB.", "documented", SPECIFICATION),
    Rule("4 MB are 4,000,000 bytes.", "reported", RUDDERSTACK),
    Rule("A larger body answers HTTP 413.", "reported", GO_CLIENT),
    Rule("trackBulk: 10 requests a second.", "documented", SPECIFICATION),
    Rule("Deleting and reading one user: 100 requests a second each.", "documented", SPECIFICATION),
    Rule("forget: 3 requests a second and 1,000 in 24 hours.", "documented", SPECIFICATION),
    Rule("unforget: the same, counted apart.", "documented", SPECIFICATION),
    Rule("getFields, forgotten and forgottenUserIds: 3 requests a second.", "documented", SPECIFICATION),
    Rule("lists, channels and messageTypes: 100 requests a second.", "documented", SPECIFICATION),
    Rule("Members, sample and size of a list: 5 requests a minute each.", "documented", SPECIFICATION),
    Rule("merge: 50 requests a second.", "documented", SPECIFICATION),
    Rule("export: 1 request a second for each of its three.", "documented", SPECIFICATION),
    Rule("Where no rate is documented, there is none here.", "assumed", SPECIFICATION),
    Rule(
        "Above a limit: HTTP 429 RateLimitExceeded, naming the endpoint and the project.",
        "reported",
        FIVETRAN,
    ),
)
