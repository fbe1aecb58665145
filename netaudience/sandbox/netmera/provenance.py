"""Every rule of the Netmera sandbox with its provenance; the other modules do what this one says.

Where the documents are silent a rule is marked assumed and names the page that is silent.
"""

from __future__ import annotations

from netaudience.sandbox.protocol import Rule

_GUIDE = "https://user.netmera.com/netmera-developer-guide/api-documentation"
#: The API reference: a page for each operation. It outranks the older page but where it is silent.
REFERENCE = f"{_GUIDE}/api-reference"
USERS_PAGE = f"{_GUIDE}/rest-api/user-and-device-management.md"
ERRORS_PAGE = f"{_GUIDE}/rest-api/error-responses.md"
SETUP_PAGE = f"{_GUIDE}/rest-api/setup.md"
OPENAPI = "https://github.com/ecemnaz1/netmera-rest-api"

_USERS = f"{REFERENCE}/users"
_PUSH = f"{REFERENCE}/channels-and-permissions/push/enable-push-permission"
_EMAIL = f"{REFERENCE}/channels-and-permissions/email"
_SMS = f"{REFERENCE}/channels-and-permissions/sms"
_WHATSAPP = f"{REFERENCE}/channels-and-permissions/whatsapp"
_ATTRIBUTES = f"{REFERENCE}/profile-attributes"
_SEGMENTS = f"{REFERENCE}/segments-and-targeting"
_TOKENS = f"{REFERENCE}/devices/list-device-tokens"
_EVENTS = f"{REFERENCE}/events/fire-events"
_PROMOTIONS = f"{REFERENCE}/promotion-codes/assign-promotion-codes"
_TESTERS = f"{REFERENCE}/devices/add-test-devices"
_LISTS = f"{REFERENCE}/application-data"

#: Unique external ids of one request.
MAX_EXT_IDS = 1000

RULES = (
    Rule("promotion/add reads name, expiryDate and codes in this order.", "documented", _PROMOTIONS),
    Rule("No name before the codes: 400/2009. No date: 200, and no code.", "documented", _PROMOTIONS),
    Rule("A promotion that is there keeps its date.", "documented", _PROMOTIONS),
    Rule("A code of an unknown user is dropped.", "assumed", _PROMOTIONS),
    Rule("addTesters answers 200 for any entry, and takes all devices of a user.", "documented", _TESTERS),
    Rule("X-netmera-api-key carries the REST key on every call.", "documented", SETUP_PAGE),
    Rule("A wrong key answers 403 with code 2010.", "documented", ERRORS_PAGE),
    Rule("A missing key answers as a wrong one does.", "assumed", ERRORS_PAGE),
    Rule("Content-Type is application/json whenever a body is sent.", "documented", SETUP_PAGE),
    Rule("Another content type answers 415 with a problem detail.", "assumed", OPENAPI),
    Rule("Framework failures are RFC 9457 problem details.", "reported", OPENAPI),
    Rule('Application errors are {"code": int, "error": str}.', "reported", OPENAPI),
    Rule("A body that is not JSON answers 400 with code 2009.", "documented", ERRORS_PAGE),
    Rule("A single object where an array is due answers 400 with code 2009.", "documented", _ATTRIBUTES),
    Rule("A missing parameter answers 400 with code 2020.", "documented", ERRORS_PAGE),
    Rule("An empty list or an empty external id counts as missing.", "assumed", ERRORS_PAGE),
    Rule("A parameter of the wrong type answers 400 with code 2004.", "reported", OPENAPI),
    Rule("At most 1000 unique external ids stand in one request.", "documented", USERS_PAGE),
    Rule("More than 1000 unique ids answer 400 with code 2004.", "assumed", USERS_PAGE),
    Rule("Lists of addresses and numbers have no limit here.", "assumed", USERS_PAGE),
    Rule("A write answers 200 without a body.", "reported", OPENAPI),
    Rule(
        "deleteProfileAttributes, deleteProfileAttributeValue and sendPushApproval answer "
        "200 without a body, as other writes do.",
        "assumed",
        OPENAPI,
    ),
    Rule("Where no page says otherwise a refusal concerns the whole request.", "assumed", ERRORS_PAGE),
    Rule("setProfileAttributes creates a user it does not know.", "reported", OPENAPI),
    Rule("tagUsers, pushProfileAttributes and fireEvents create the user too.", "assumed", USERS_PAGE),
    Rule("Whatever changes a user tracks it again.", "documented", f"{_USERS}/delete-users"),
    Rule("tag is one text.", "reported", OPENAPI),
    Rule(
        "untagUsers ignores unknown ids, and with checkExistence names them in notExist.",
        "documented",
        f"{REFERENCE}/tags/remove-tags-from-users",
    ),
    Rule("notExist is a list of texts in the order of the request.", "assumed", f"{REFERENCE}/tags"),
    Rule(
        "An entry without a category, or with an unknown category or channel, does nothing and answers 200.",
        "documented",
        f"{REFERENCE}/category-preferences/set-category-preferences",
    ),
    Rule("Every category is known, unless a list of them is configured.", "assumed", USERS_PAGE),
    Rule(
        "An entry without a channel changes every channel of its category.",
        "documented",
        f"{REFERENCE}/category-preferences/set-category-preferences",
    ),
    Rule(
        "categoryPreferences is true where any channel is permitted; a category that supports none of the "
        "asked channels is left out.",
        "reported",
        OPENAPI,
    ),
    Rule("Only categories that were set for the user are listed.", "assumed", USERS_PAGE),
    Rule("A category's id is its place in the order of first sight, from 1.", "assumed", OPENAPI),
    Rule(
        "pushPermitted of getCategoryPreferences keeps the categories whose value it equals.",
        "assumed",
        USERS_PAGE,
    ),
    Rule(
        "Attributes that are not defined, values of another type and null are dropped, and answer 200.",
        "documented",
        f"{_ATTRIBUTES}/set-profile-attributes",
    ),
    Rule("Every attribute is defined, unless a list of them is seeded.", "assumed", _ATTRIBUTES),
    Rule("A date is a number of milliseconds since 1970.", "documented", USERS_PAGE),
    Rule(
        "An invalid entry is skipped; 400 with code 2009 where all are.",
        "documented",
        f"{_ATTRIBUTES}/set-profile-attributes",
    ),
    Rule(
        "An app that is set to reject invalid entries answers one of them with 400 and code 2009, and "
        "applies nothing.",
        "documented",
        f"{_ATTRIBUTES}/set-profile-attributes",
    ),
    Rule("Such an app does not reject values that would be dropped.", "assumed", _ATTRIBUTES),
    Rule(
        "pushProfileAttributes adds to a set: a value that is there is not added again.",
        "documented",
        f"{_ATTRIBUTES}/add-values-to-array-attributes",
    ),
    Rule(
        "pullProfileAttributes leaves an empty list when the last value goes.",
        "documented",
        f"{_ATTRIBUTES}/remove-values-from-array-attributes",
    ),
    Rule(
        "push and pull name a user by extId or by deviceToken; an entry with a value that is no array is "
        "invalid.",
        "documented",
        f"{_ATTRIBUTES}/add-values-to-array-attributes",
    ),
    Rule("push and pull leave what is stored as something else than a list.", "assumed", _ATTRIBUTES),
    Rule(
        "unsetProfileAttributes without names removes nothing, and does not clear the e-mail.",
        "documented",
        f"{_ATTRIBUTES}/unset-profile-attributes",
    ),
    Rule("deleteProfileAttributes does not clear the e-mail either.", "assumed", OPENAPI),
    Rule(
        "deleteProfileAttributes does not look at its body: whatever it is answers 200.",
        "documented",
        f"{_ATTRIBUTES}/delete-profile-attribute-from-all-users",
    ),
    Rule(
        "deleteProfileAttributeValue takes the value out of arrays and removes an attribute that equals it.",
        "assumed",
        USERS_PAGE,
    ),
    Rule("getProfileAttributes of an unknown user answers 400 with code 5016.", "assumed", _ATTRIBUTES),
    Rule(
        "getProfileAttributes by deviceToken has null in the place of extId, and shows defined ones alone.",
        "documented",
        f"{_ATTRIBUTES}/get-profile-attributes",
    ),
    Rule("An e-mail of a user shows as the attribute email.", "assumed", USERS_PAGE),
    Rule("Permissions take extIds, or else emailList or msisdnList.", "documented", USERS_PAGE),
    Rule("Both selectors at once, or none, answer 400 with code 2020.", "assumed", USERS_PAGE),
    Rule("The two WhatsApp permissions take extIds and wpNumbers together.", "documented", USERS_PAGE),
    Rule("Both WhatsApp selectors at once mean all that they name.", "assumed", _WHATSAPP),
    Rule(
        "Permissions ignore unknown ids and addresses; an address means everybody who has it.",
        "documented",
        f"{_EMAIL}/enable-email-permission",
    ),
    Rule(
        "One address that is no e-mail refuses all of enableMail and disableMail.",
        "documented",
        f"{_EMAIL}/enable-email-permission",
    ),
    Rule("That refusal is 400 with code 6000.", "assumed", ERRORS_PAGE),
    Rule("Numbers are compared exactly as they are stored.", "documented", f"{_SMS}/disable-sms-permission"),
    Rule(
        "updateEmail, updateMsisdn and updateWhatsApp ignore an unknown user, and take the address or number "
        "from whoever has it, unless the app lets users share one.",
        "documented",
        f"{_EMAIL}/update-email-address",
    ),
    Rule("An empty e-mail changes nothing.", "documented", f"{_EMAIL}/update-email-address"),
    Rule(
        "An empty msisdn is stored and resets the permission.",
        "documented",
        f"{_SMS}/update-phone-number",
    ),
    Rule(
        "updateWhatsApp takes wpNumber with a plus sign; without it 400 with a text: Please provide a "
        "wpNumber.",
        "documented",
        f"{_WHATSAPP}/update-whatsapp-number",
    ),
    Rule("An older installation takes a list, wpNumbers, in its place.", "documented", USERS_PAGE),
    Rule("enablePush and disablePush by extId set all devices of the user.", "documented", USERS_PAGE),
    Rule("Of both selectors extId counts; who is unknown is ignored.", "documented", _PUSH),
    Rule(
        "deleteUsers leaves users untracked: readable, not counted, and tracked again by the next write.",
        "documented",
        f"{_USERS}/delete-users",
    ),
    Rule("deleteUsers without extIds answers 500 with code 2001.", "documented", f"{_USERS}/delete-users"),
    Rule(
        "deleteUsersPermanently erases about a minute later, and is deleteUsers where it is not activated.",
        "documented",
        f"{_USERS}/delete-users-permanently",
    ),
    Rule(
        "deleteUsersPermanently with anybody who is not there answers 400 with code 2001, newer builds 5016.",
        "documented",
        f"{_USERS}/delete-users-permanently",
    ),
    Rule("It is activated, unless the app is seeded otherwise.", "assumed", _USERS),
    Rule(
        "getDevices of an unknown user is an empty list, and never shows uninstalled devices.",
        "documented",
        f"{REFERENCE}/devices/get-user-devices",
    ),
    Rule("getDevices leaves out installations without a token.", "assumed", f"{REFERENCE}/devices"),
    Rule("pushPermitted=false lists all devices of a user.", "documented", USERS_PAGE),
    Rule("Booleans of a query are the texts true and false.", "documented", USERS_PAGE),
    Rule("getDeviceTokens pages by max (10) and offset (0).", "documented", USERS_PAGE),
    Rule("getDeviceTokens shows every installation, and leaves out what it has not.", "documented", _TOKENS),
    Rule("An older installation shows token, deviceModel and pushPermitted.", "documented", USERS_PAGE),
    Rule("nextPage is an absolute URL on the host that served the request.", "documented", _TOKENS),
    Rule("nextPage is absent on the last page.", "assumed", USERS_PAGE),
    Rule("max of getDeviceTokens has no upper bound.", "assumed", _TOKENS),
    Rule("X-netmera-os is not asked for.", "documented", f"{_SEGMENTS}/list-segments"),
    Rule(
        "getSegments lists at most 1000 active and calculated segments, newest first.",
        "documented",
        f"{_SEGMENTS}/list-segments",
    ),
    Rule(
        "getSegmentUsers pages by max, 100 to 1000, and an opaque offset.",
        "documented",
        f"{_SEGMENTS}/list-segment-users",
    ),
    Rule("A max outside of that is taken for the nearest.", "assumed", _SEGMENTS),
    Rule(
        "A segment of a connector has no userCount, and its users answer 400 with code 2001.",
        "documented",
        f"{_SEGMENTS}/list-segment-users",
    ),
    Rule("An unknown segment answers 400 with code 5042.", "documented", ERRORS_PAGE),
    Rule("A segment's user shows msisdn and email where they are known.", "assumed", USERS_PAGE),
    Rule(
        "createSegment needs a condition and a new name (5025), and is calculated later.",
        "documented",
        f"{_SEGMENTS}/create-segment",
    ),
    Rule("Without a condition it answers 400: Empty criteria.", "reported", OPENAPI),
    Rule(
        "updateSegment replaces the conditions and calculates anew.",
        "documented",
        f"{_SEGMENTS}/update-segment",
    ),
    Rule(
        "changeSegmentStatus deletes and reopens; reopened, a segment counts and is calculated anew.",
        "documented",
        f"{_SEGMENTS}/change-segment-status",
    ),
    Rule("More segments than the package has answer 400 with code 5022.", "reported", OPENAPI),
    Rule("Conditions other than tags, attributes and pushEnabled match nobody.", "assumed", _SEGMENTS),
    Rule(
        "targeting/count joins profile, tag and segment by AND; a list means any of them.",
        "documented",
        f"{_SEGMENTS}/count-targeted-users",
    ),
    Rule(
        "targeting/count-batch needs groupBy and gives at most 10,000 values, the commonest first.",
        "documented",
        f"{_SEGMENTS}/count-users-per-attribute-value",
    ),
    Rule(
        "count-user counts the tracked users with an installation that permits push.",
        "documented",
        f"{_SEGMENTS}/count-users-with-push-permission",
    ),
    Rule("An unknown message answers 400 with code 5003.", "reported", OPENAPI),
    Rule("A second approval of a message answers 400 with code 2103.", "assumed", ERRORS_PAGE),
    Rule(
        "What a write changes shows after the sandbox's delay; there is none by default.",
        "assumed",
        USERS_PAGE,
    ),
    Rule(
        "registerUsers takes all rows or none: each has a known platform or a msisdn, tags in an array, and "
        "a profile that is an object.",
        "documented",
        f"{_USERS}/register-users",
    ),
    Rule("An empty array answers 400 with code 2020.", "documented", f"{_USERS}/register-users"),
    Rule("An invalid row has the same code.", "assumed", f"{_USERS}/register-users"),
    Rule("The known platforms are ANDROID, IOS, WEB and HUAWEI.", "assumed", f"{_USERS}/register-users"),
    Rule("registerUsers adds to what a user has, and keeps a row without extId apart.", "assumed", OPENAPI),
    Rule(
        "removeEmail, removeMsisdn and removeWhatsApp answer 200 for an unknown user too, take effect later "
        "and keep permissions.",
        "documented",
        f"{_EMAIL}/remove-email-address",
    ),
    Rule("Without extId they answer 400 with a text: Please provide an external id.", "reported", OPENAPI),
    Rule("An extId that is no text counts as missing there.", "assumed", OPENAPI),
    Rule(
        "addEmail and addMsisdn make contacts without an id, and none of what a user has already.",
        "documented",
        f"{_EMAIL}/add-email-addresses",
    ),
    Rule("addMsisdn wants plus sign and country code.", "documented", f"{_SMS}/add-phone-numbers"),
    Rule("A number without them answers 400 with code 2004.", "assumed", f"{_SMS}/add-phone-numbers"),
    Rule("The two have no limit of entries; one in KB is not known.", "assumed", _EMAIL),
    Rule("fireEvents takes rows of extId, name and attributes.", "documented", _EVENTS),
    Rule(
        "An event that is not defined, or lacks a mandatory attribute, is rejected; names go by case.",
        "documented",
        _EVENTS,
    ),
    Rule("That refuses the whole request, with 400.", "assumed", _EVENTS),
    Rule("Every event is defined, unless a list of them is seeded.", "assumed", _EVENTS),
    Rule(
        "app/profile-attributes lists standard and custom attributes without valueless fields.",
        "documented",
        f"{_LISTS}/list-profile-attribute-definitions",
    ),
    Rule(
        "app/events lists standard and custom events with their attributes.",
        "documented",
        f"{_LISTS}/list-event-definitions",
    ),
    Rule(
        "getPushCategories lists each category as its id and its name.",
        "documented",
        f"{_LISTS}/list-push-categories",
    ),
    Rule("Where nothing is defined, what users have is listed.", "assumed", _LISTS),
    Rule("No rate is documented: none is enforced, unless it is configured.", "assumed", SETUP_PAGE),
    Rule("A configured limit answers 429 with a text, as a proxy would.", "assumed", ERRORS_PAGE),
)
