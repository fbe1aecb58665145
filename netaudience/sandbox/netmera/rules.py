"""Every rule of the Netmera sandbox with its provenance; the other modules do what this one says.

Where the documents are silent a rule is marked assumed and names the page that is silent.
"""

from __future__ import annotations

from netaudience.sandbox.words import Rule

_GUIDE = "https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api"
USERS_PAGE = f"{_GUIDE}/user-and-device-management.md"
ERRORS_PAGE = f"{_GUIDE}/error-responses.md"
SETUP_PAGE = f"{_GUIDE}/setup.md"
EVENTS_PAGE = "https://user.netmera.com/netmera-developer-guide/rest-api/rest-api-events"
CONTACTS_PAGE = "https://user.netmera.com/netmera-developer-guide/api-documentation/recipes/sending-sms.md"
OPENAPI = "https://github.com/ecemnaz1/netmera-rest-api"

#: Unique external ids of one request.
MAX_EXT_IDS = 1000

RULES = (
    Rule("X-netmera-api-key carries the REST key on every call.", "documented", SETUP_PAGE),
    Rule("A wrong key answers 403 with code 2010.", "documented", ERRORS_PAGE),
    Rule("A missing key answers as a wrong one does.", "assumed", ERRORS_PAGE),
    Rule("Content-Type is application/json whenever a body is sent.", "documented", SETUP_PAGE),
    Rule("Another content type answers 415 with a problem detail.", "assumed", OPENAPI),
    Rule("Framework failures are RFC 9457 problem details.", "reported", OPENAPI),
    Rule('Application errors are {"code": int, "error": str}.', "reported", OPENAPI),
    Rule("A body that is not JSON answers 400 with code 2009.", "documented", ERRORS_PAGE),
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
    Rule("A refusal concerns the whole request; nothing of it is applied.", "assumed", ERRORS_PAGE),
    Rule("setProfileAttributes creates a user it does not know.", "reported", OPENAPI),
    Rule("Every other write that adds something creates the user too.", "assumed", USERS_PAGE),
    Rule("A removal from an unknown user changes nothing.", "assumed", USERS_PAGE),
    Rule("A read of an unknown user answers 400 with code 5016.", "assumed", ERRORS_PAGE),
    Rule("tag is a text.", "documented", USERS_PAGE),
    Rule("tag may be a list of texts.", "reported", OPENAPI),
    Rule("Rows with an unknown category or channel are skipped silently.", "reported", OPENAPI),
    Rule("Every category is known, unless a list of them is configured.", "assumed", USERS_PAGE),
    Rule("A row without a channel changes every channel of its category.", "reported", OPENAPI),
    Rule(
        "categoryPreferences is true where any channel is permitted, and channels= filters "
        "categoryChannelPreferences alone.",
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
    Rule("pushProfileAttributes keeps equal values.", "assumed", USERS_PAGE),
    Rule("pull removes every equal value.", "assumed", USERS_PAGE),
    Rule("push and pull need an array attribute.", "documented", USERS_PAGE),
    Rule("push and pull on another attribute answer 400 with code 2004.", "assumed", USERS_PAGE),
    Rule("unsetProfileAttributes does not clear the e-mail.", "reported", OPENAPI),
    Rule("deleteProfileAttributes does not clear the e-mail either.", "assumed", OPENAPI),
    Rule("The two delete calls for attributes act on all users.", "documented", USERS_PAGE),
    Rule(
        "deleteProfileAttributeValue takes the value out of arrays and removes an attribute that equals it.",
        "assumed",
        USERS_PAGE,
    ),
    Rule("An e-mail of a user shows as the attribute email.", "assumed", USERS_PAGE),
    Rule("An empty e-mail answers 200 and changes nothing.", "reported", OPENAPI),
    Rule("An empty msisdn or an empty list of wpNumbers is stored as empty.", "reported", OPENAPI),
    Rule("extIds, or else emailList or msisdnList.", "documented", USERS_PAGE),
    Rule("Both selectors at once, or none, answer 400 with code 2020.", "assumed", USERS_PAGE),
    Rule("The two WhatsApp permissions take extIds and wpNumbers together.", "documented", USERS_PAGE),
    Rule("Both WhatsApp selectors at once mean all that they name.", "assumed", USERS_PAGE),
    Rule("A permission by address or number is kept for that address alone.", "assumed", USERS_PAGE),
    Rule("enablePush and disablePush by extId set all devices of the user.", "documented", USERS_PAGE),
    Rule("An unknown device token answers 200 and changes nothing.", "assumed", USERS_PAGE),
    Rule("deleteUsersPermanently removes the user and the devices.", "documented", USERS_PAGE),
    Rule("deleteUsersPermanently is activated, and acts at once.", "assumed", USERS_PAGE),
    Rule("pushPermitted=false lists all devices of a user.", "documented", USERS_PAGE),
    Rule("Booleans of a query are the texts true and false.", "documented", USERS_PAGE),
    Rule("getDeviceTokens pages by max (10) and offset (0).", "documented", USERS_PAGE),
    Rule("nextPage is an absolute URL.", "documented", USERS_PAGE),
    Rule("nextPage is absent on the last page.", "assumed", USERS_PAGE),
    Rule("max has no upper bound.", "assumed", USERS_PAGE),
    Rule("getSegments and getSegmentUsers need X-netmera-os.", "documented", USERS_PAGE),
    Rule("X-netmera-os does not change the result.", "assumed", USERS_PAGE),
    Rule("An unknown segment answers 400 with code 5042.", "documented", ERRORS_PAGE),
    Rule("A segment's user shows msisdn and email where they are known.", "assumed", USERS_PAGE),
    Rule("An unknown message answers 400 with code 5003.", "reported", OPENAPI),
    Rule("A second approval of a message answers 400 with code 2103.", "assumed", ERRORS_PAGE),
    Rule(
        "What a write changes shows after the sandbox's delay; there is none by default.",
        "assumed",
        USERS_PAGE,
    ),
    Rule("registerUsers takes rows with platform or msisdn.", "reported", OPENAPI),
    Rule("Its invalid rows are skipped; 400 where all are, or none was sent.", "reported", OPENAPI),
    Rule("That 400 has code 2020, and a field of the wrong type makes a row invalid.", "assumed", OPENAPI),
    Rule("registerUsers adds to what a user has, and keeps a row without extId apart.", "assumed", OPENAPI),
    Rule("deleteUsers does as deleteUsersPermanently.", "assumed", OPENAPI),
    Rule(
        "removeEmail, removeMsisdn and removeWhatsApp answer 200 without a body, for an unknown user too, "
        "take effect later and keep permissions.",
        "reported",
        OPENAPI,
    ),
    Rule("Without extId they answer 400 with a text: Please provide an external id.", "reported", OPENAPI),
    Rule("An extId that is no text counts as missing there.", "assumed", OPENAPI),
    Rule("addEmail and addMsisdn create contacts without a user.", "documented", CONTACTS_PAGE),
    Rule("addMsisdn wants plus sign and country code.", "documented", CONTACTS_PAGE),
    Rule("A number without them answers 400 with code 2004.", "assumed", CONTACTS_PAGE),
    Rule("The two have no limit of entries; one in KB is not known.", "assumed", CONTACTS_PAGE),
    Rule("fireEvents takes rows of extId, name and attributes.", "documented", EVENTS_PAGE),
    Rule("count-user counts the users who permit push.", "reported", OPENAPI),
    Rule("A user permits push with one device that does.", "assumed", OPENAPI),
    Rule(
        "app/profile-attributes lists standard and custom attributes without valueless fields.",
        "reported",
        OPENAPI,
    ),
    Rule("Custom attributes are those that users have; code and name are the same.", "assumed", OPENAPI),
    Rule("No rate is documented: none is enforced, unless it is configured.", "assumed", SETUP_PAGE),
    Rule("A configured limit answers 429 with a text, as a proxy would.", "assumed", ERRORS_PAGE),
)
