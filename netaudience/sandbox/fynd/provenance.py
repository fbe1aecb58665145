"""Every rule of the Fynd sandbox with its provenance; the other modules do what this one says.

Where the documents are silent a rule is marked assumed and names the page that is silent.
"""

from __future__ import annotations

from netaudience.sandbox.protocol import Rule

AUDIENCE_PAGE = "https://partners.sngz0.de/help/docs/sdk/latest/platform/application/audience"
USER_PAGE = "https://partners.sngz0.de/help/docs/sdk/latest/platform/application/user"
AUTHENTICATION_PAGE = "https://docs.fynd.com/partners/commerce/headless/authentication"
PYTHON_SDK = "https://github.com/gofynd/fdk-client-python"
JAVASCRIPT_SDK = "https://github.com/gofynd/fdk-client-javascript"

PREFIX = "/service/platform/user/v1.0/company/{company_id}/application/{application_id}"
TOKEN_PATH = "/service/panel/authentication/v1.0/company/{company_id}/oauth/token"  # noqa: S105 - a path

#: Seconds that a token lives, unless the sandbox is set otherwise.
TOKEN_LIFETIME = 3600.0
PAGE_SIZE = 10

_PLAIN_TYPES = (
    "string",
    "string_array",
    "number",
    "number_array",
    "boolean",
    "date",
    "date_time",
    "dropdown",
)
#: The types of an attribute.
ATTRIBUTE_TYPES = frozenset(
    {
        *_PLAIN_TYPES,
        *(f"encrypted_{name}" for name in _PLAIN_TYPES),
        "store_uid_array",
        "platform_user_array",
        "html_string",
        "image_url",
    }
)
#: The categories that somebody has seen.
CATEGORIES = ("l1", "l2")

_ACCESS = (
    Rule("Every call but that for a token carries Authorization: Bearer.", "documented", PYTHON_SDK),
    Rule("Without a token that was issued and has not expired: 401.", "assumed", AUDIENCE_PAGE),
    Rule("A token is good for the company it was issued for, and for no other.", "assumed", AUDIENCE_PAGE),
    Rule(
        "POST oauth/token takes client id and secret as HTTP Basic.",
        "documented",
        AUTHENTICATION_PAGE,
    ),
    Rule("The token's body is JSON.", "documented", PYTHON_SDK),
    Rule("The token's body may be a form.", "documented", JAVASCRIPT_SDK),
    Rule("The answer holds access_token and expires_in in seconds.", "documented", PYTHON_SDK),
    Rule(f"expires_in is {TOKEN_LIFETIME:.0f}, unless it is configured.", "assumed", AUTHENTICATION_PAGE),
    Rule("client_credentials is served; another grant_type answers 400.", "assumed", AUTHENTICATION_PAGE),
    Rule("A wrong client or secret answers 401.", "assumed", AUTHENTICATION_PAGE),
    Rule("A new token does not end the others.", "assumed", AUTHENTICATION_PAGE),
    Rule("Every company and application exists, and all see one state.", "assumed", AUDIENCE_PAGE),
    Rule("Signature headers are neither required nor checked.", "assumed", PYTHON_SDK),
    Rule(
        "The error body is {code, message, info, request_id, error, meta, authenticated}.",
        "documented",
        PYTHON_SDK,
    ),
    Rule("The error's code is the name of its HTTP status.", "assumed", AUDIENCE_PAGE),
    Rule("No rate is documented: none is enforced, unless it is configured.", "assumed", AUDIENCE_PAGE),
    Rule("A configured limit answers 429 with an error body.", "assumed", AUDIENCE_PAGE),
)

_SHAPES = (
    Rule(
        "A page of numbers: type, current, size, item_total, has_next, has_previous.",
        "documented",
        AUDIENCE_PAGE,
    ),
    Rule(
        "A page of cursors: type, current, size, has_next, has_prev, next_cursor, prev_cursor; "
        "a cursor may be null.",
        "documented",
        AUDIENCE_PAGE,
    ),
    Rule(f"page_no is 1 and page_size {PAGE_SIZE} where they are not given.", "documented", PYTHON_SDK),
    Rule("page_size has no upper bound; a value below 1 answers 400.", "assumed", AUDIENCE_PAGE),
    Rule(
        "The cursor is the user id at the page's edge, and direction is next or prev; "
        "another value answers 400.",
        "assumed",
        AUDIENCE_PAGE,
    ),
    Rule("page_no is followed where there is no cursor.", "assumed", AUDIENCE_PAGE),
    Rule(
        "Definitions, attributes and pages may hold properties of any name: each holds one here.",
        "documented",
        AUDIENCE_PAGE,
    ),
    Rule("A definition's default_value and an attribute's value may be null.", "documented", AUDIENCE_PAGE),
    Rule("success of a deleted definition or attribute is a text.", "documented", PYTHON_SDK),
    Rule("success of a deleted group is a boolean, beside its id.", "documented", PYTHON_SDK),
    Rule("name filters by what it contains, in any case; others by equality.", "assumed", PYTHON_SDK),
    Rule("Booleans of a query are the texts true and false; others answer 400.", "assumed", PYTHON_SDK),
    Rule("A body that is not JSON, or lacks a required field, answers 400.", "assumed", AUDIENCE_PAGE),
)

_ATTRIBUTES = (
    Rule("Creating a definition answers 201.", "documented", AUDIENCE_PAGE),
    Rule("name, slug, description and type of a new definition are required.", "documented", AUDIENCE_PAGE),
    Rule("type is one of the enum that the SDK lists.", "documented", PYTHON_SDK),
    Rule("Another type answers 400.", "assumed", AUDIENCE_PAGE),
    Rule("A slug that is taken answers 400.", "assumed", AUDIENCE_PAGE),
    Rule("A definition that is unknown answers 404.", "documented", AUDIENCE_PAGE),
    Rule("A locked definition refuses change and deletion with 400.", "assumed", AUDIENCE_PAGE),
    Rule("A change of a definition replaces the fields it names.", "assumed", AUDIENCE_PAGE),
    Rule("A deleted definition takes its users' attributes along.", "assumed", AUDIENCE_PAGE),
    Rule("The bulk update answers 202 and takes effect later.", "documented", AUDIENCE_PAGE),
    Rule(
        "The bulk update is PATCH here, as the page says; an older SDK sent PUT.",
        "documented",
        AUDIENCE_PAGE,
    ),
    Rule("A bulk update gives all users of the file the same values.", "assumed", AUDIENCE_PAGE),
    Rule("A key of the bulk update is a definition's slug; another answers 400.", "assumed", AUDIENCE_PAGE),
    Rule("processing_type is async and status_code 202.", "assumed", AUDIENCE_PAGE),
    Rule("The attributes of an unknown user are an empty list.", "assumed", AUDIENCE_PAGE),
    Rule("An attribute that is not set answers 404.", "documented", AUDIENCE_PAGE),
    Rule("Setting an attribute answers 201, created or not.", "documented", AUDIENCE_PAGE),
    Rule("An unknown user or definition answers 404 there.", "documented", AUDIENCE_PAGE),
    Rule("A value that does not fit the definition's type answers 400; null fits.", "assumed", AUDIENCE_PAGE),
    Rule("attribute.key is the definition's slug.", "assumed", AUDIENCE_PAGE),
    Rule("POST user_attribute/user/{id} sets several, DELETE removes several.", "documented", PYTHON_SDK),
    Rule("Several attributes are set all, with 200, or none.", "assumed", PYTHON_SDK),
    Rule(
        "Removing several passes over those that are not set; an unknown id answers 404.",
        "assumed",
        PYTHON_SDK,
    ),
    Rule("user_attribute/attribute/{id} gives one value by its own id.", "documented", PYTHON_SDK),
    Rule("An id of a value that nobody has answers 404.", "assumed", PYTHON_SDK),
    Rule("user_attribute/users takes a query of conditions, limit and page.", "documented", PYTHON_SDK),
    Rule("Its conditions must all be fulfilled; eq, ne and in are understood here.", "assumed", PYTHON_SDK),
    Rule("POST customers makes a customer and answers it as user.", "documented", PYTHON_SDK),
    Rule("One without number, address, username and external_id answers 400.", "assumed", PYTHON_SDK),
    Rule("PUT customers/{id} overwrites the fields that it names.", "documented", PYTHON_SDK),
    Rule("customers/activation takes a status and several user_id.", "documented", PYTHON_SDK),
    Rule("status is kept as active, and unknown users are passed over.", "assumed", PYTHON_SDK),
    Rule("customers/archive is reversible; undelete takes back a deletion.", "documented", PYTHON_SDK),
    Rule("undelete also ends being archived.", "assumed", PYTHON_SDK),
    Rule("customers/sessions lists and ends sessions, customers/session ends one.", "documented", PYTHON_SDK),
    Rule("An unknown customer or session answers 404 there.", "assumed", PYTHON_SDK),
    Rule("customers/list takes q and a page, and gives each user's id as _id.", "documented", PYTHON_SDK),
    Rule("A timeline tells delete_on and what happened; an unknown user: 404.", "documented", PYTHON_SDK),
    Rule("What a timeline holds is one entry of the sandbox's own.", "assumed", PYTHON_SDK),
    Rule("users/jobs/import and /export start a job that is inprogress.", "documented", PYTHON_SDK),
    Rule("It ends later as complete, partial or failed, with counts and links.", "documented", PYTHON_SDK),
    Rule("A row of an import without an e-mail address fails.", "assumed", PYTHON_SDK),
    Rule("An export is a CSV file of user_id and email.", "assumed", PYTHON_SDK),
    Rule("customers/search takes q and query and answers users.", "documented", PYTHON_SDK),
    Rule(
        "q is contained in, and query equals, an id, external_id, e-mail or phone; neither answers 400.",
        "assumed",
        PYTHON_SDK,
    ),
)

_GROUPS = (
    Rule(
        "Tags, categorised groups and the refresh stand at paths that were inferred.",
        "assumed",
        AUDIENCE_PAGE,
    ),
    Rule("Categories stand at a path of an older SDK.", "documented", PYTHON_SDK),
    Rule("A category is {name, key, description}.", "documented", PYTHON_SDK),
    Rule("l1 and l2 exist, and every category that a group names.", "assumed", USER_PAGE),
    Rule("Categorised groups are lists of uid by category.", "documented", USER_PAGE),
    Rule("Creating a group answers 201.", "documented", AUDIENCE_PAGE),
    Rule(
        "name, description, category and file_url of a new group are required.", "documented", AUDIENCE_PAGE
    ),
    Rule("A group by conditions needs neither category nor file_url.", "documented", PYTHON_SDK),
    Rule("The sandbox finds no members by conditions.", "assumed", PYTHON_SDK),
    Rule("Two groups may have the same name.", "assumed", AUDIENCE_PAGE),
    Rule("A new group's status is pending.", "documented", JAVASCRIPT_SDK),
    Rule("Once its file is read the status is complete, or partial.", "assumed", AUDIENCE_PAGE),
    Rule("A group's members come from its file, afterwards.", "assumed", AUDIENCE_PAGE),
    Rule(
        "The file is CSV: phone_number, email or user_id, and action (add, remove) for changes.",
        "documented",
        JAVASCRIPT_SDK,
    ),
    Rule(
        "The sandbox fetches nothing: a file is what was seeded under its URL, else it has no rows.",
        "assumed",
        JAVASCRIPT_SDK,
    ),
    Rule("error {count, file_url} tells of rows that were rejected.", "documented", PYTHON_SDK),
    Rule("A row of an unknown user or with another action is rejected.", "assumed", PYTHON_SDK),
    Rule("A group that is unknown answers 404.", "documented", AUDIENCE_PAGE),
    Rule("A change of a group without any field answers 400.", "assumed", AUDIENCE_PAGE),
    Rule("A change of type json may carry user_data, rows as those of a file.", "documented", PYTHON_SDK),
    Rule("PUT replaces a group: name, description, type, file_url, conditions.", "documented", PYTHON_SDK),
    Rule("What a replacement leaves out stays; a file's users are all members.", "assumed", PYTHON_SDK),
    Rule("user_data without that type answers 400.", "assumed", PYTHON_SDK),
    Rule("blacklisted_users=true lists the blacklisted users alone.", "assumed", AUDIENCE_PAGE),
    Rule("A blacklisted user is not listed among the members.", "assumed", AUDIENCE_PAGE),
    Rule("The refresh answers 202 and counts total_users afterwards.", "documented", AUDIENCE_PAGE),
    Rule("total_users is {count}, absent before the first refresh.", "assumed", AUDIENCE_PAGE),
)

RULES = (*_ACCESS, *_SHAPES, *_ATTRIBUTES, *_GROUPS)
