"""What is known about Iterable's limits and about how its rows name a user.

Rates are counted per project and endpoint, whatever the number of keys. A documented rate is used to nine
tenths, for others draw on it too; what is counted by the day is used whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from netaudience.credentials import set_to
from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers, WholeNumbers
from netaudience.model.limits import Limit, Quota, assumed, documented, per_day, per_minute, per_second
from netaudience.model.rows import NamesRule, Rows
from netaudience.model.validators import both, rule, whole_number
from netaudience.vendors.iterable.models import (
    BrowserRegistration,
    DeviceReference,
    DeviceRegistration,
    DoubleOptIn,
    EmailChange,
    Event,
    EventWithoutId,
    Merge,
    SubscriptionUpdate,
    UserReference,
    UserUpdate,
)
from netaudience.vendors.iterable.project import NewList
from netaudience.vendors.iterable.rules import EMAIL, USER_ID

DOCS = "https://support.iterable.com/hc/articles/205730249"
SPECIFICATION = "https://github.com/Iterable/api-client"
"""The repository of the vendor's own client, with its specification in ``api-docs.json``."""

_SHARE = assumed(0.9, "nobody documents how exactly the vendor counts, and others may use the project")
_MANY_AT_ONCE = assumed(50, "no figure is documented")
#: Bodies may have megabytes: fewer of them are held at one time.
_FEW_AT_ONCE = assumed(16, "no figure is documented")


def _stated(name: str, per_second_: int, *, bulk: bool = False) -> Quota:
    """Return a quota whose rate is documented."""
    window = per_second(documented(per_second_, SPECIFICATION), share=_SHARE)
    return Quota(f"iterable {name}", (window,), in_flight=_FEW_AT_ONCE if bulk else _MANY_AT_ONCE)


def _felt(name: str, start: int, *, bulk: bool = False) -> Quota:
    """Return a quota whose rate is not documented: it adapts."""
    return Quota(
        f"iterable {name}",
        (per_second(assumed(start, "no rate is documented; where the adaptive rate starts")),),
        ceiling=assumed(2 * start, "no rate is documented; as far as the adaptive rate goes"),
        in_flight=_FEW_AT_ONCE if bulk else _MANY_AT_ONCE,
    )


UPDATE = _stated("users/update", 500)
REGISTER_DEVICE = _stated("users/registerDeviceToken", 500)
DISABLE_DEVICE = _felt("users/disableDevice", 100)
REGISTER_BROWSER = _felt("users/registerBrowserToken", 10)
UPDATE_SUBSCRIPTIONS = _felt("users/updateSubscriptions", 10)
DOUBLE_OPT_IN = _felt("subscriptions/subscribeToDoubleOptIn", 10)
TRACK_ONE = _stated("events/track", 2000)
SENT_MESSAGES = _stated("users/getSentMessages", 3)
EXPORT_JOBS = _felt("export/jobs", 1)
BULK_UPDATE = _stated("users/bulkUpdate", 5, bulk=True)
TRACK = _stated("events/trackBulk", 10, bulk=True)
BULK_SUBSCRIPTIONS = _felt("users/bulkUpdateSubscriptions", 10, bulk=True)
SUBSCRIBE = _felt("lists/subscribe", 10, bulk=True)
UNSUBSCRIBE = _felt("lists/unsubscribe", 10, bulk=True)
UPDATE_EMAIL = _felt("users/updateEmail", 10)
DELETE_BY_EMAIL = _stated("DELETE users/{email}", 100)
DELETE_BY_USER_ID = _stated("DELETE users/byUserId/{userId}", 100)
GET_BY_EMAIL = _stated("GET users/getByEmail", 100)
GET_BY_USER_ID = _stated("GET users/byUserId", 100)
FORGET = Quota(
    "iterable users/forget",
    (
        per_second(documented(3, SPECIFICATION), share=_SHARE),
        per_day(documented(1000, SPECIFICATION)),
    ),
    in_flight=_MANY_AT_ONCE,
)


def _a_minute(name: str, per_minute_: int) -> Quota:
    """Return a quota of a slow read, whose rate is documented by the minute."""
    window = per_minute(documented(per_minute_, SPECIFICATION), share=_SHARE)
    return Quota(f"iterable {name}", (window,), in_flight=_MANY_AT_ONCE)


UNFORGET = Quota(
    "iterable users/unforget",
    (
        per_second(documented(3, SPECIFICATION), share=_SHARE),
        per_day(documented(1000, SPECIFICATION)),
    ),
    in_flight=_MANY_AT_ONCE,
)
#: Counted by key, where the others are by project.
MERGE = _stated("users/merge", 50)
FORGOTTEN = _stated("users/forgotten", 3)
FORGOTTEN_USER_IDS = _stated("users/forgottenUserIds", 3)
GET_FIELDS = _stated("users/getFields", 3)
GET_LISTS = _stated("GET lists", 100)
GET_CHANNELS = _stated("channels", 100)
GET_MESSAGE_TYPES = _stated("messageTypes", 100)
#: Counted by organisation, where the others are by project.
START_EXPORT = _stated("export/start", 1)
EXPORT_FILES = _stated("export/files", 1)
CANCEL_EXPORT = _stated("DELETE export", 1)
CREATE_LIST = _felt("POST lists", 10)
DELETE_LIST = _felt("DELETE lists", 10)
LIST_USERS = _a_minute("lists/getUsers", 5)
LIST_SAMPLE = _a_minute("lists/previewUsers", 5)
LIST_SIZE = _a_minute("lists/size", 5)
SINGLE_SUBSCRIPTIONS = _felt("subscriptions", 10)

ONE = Limit(
    rows=documented(1, DOCS),
    bytes=assumed(4_000_000, "no figure is documented; that of users/bulkUpdate"),
)
#: Wrappers of the API count 50 users and others 1,600; the vendor documents bytes alone.
_ROWS = assumed(1000, "no number of rows is documented")
MANY_USERS = Limit(rows=_ROWS, bytes=documented(4_000_000, SPECIFICATION))
MANY = Limit(rows=_ROWS, bytes=assumed(4_000_000, "no figure is documented; that of users/bulkUpdate"))


@NamesRule
def one_identifier(row: Mapping[str, object]) -> str | None:
    """Demand that a row names its user once: which of two names counts depends on the project."""
    if "email" in row and "userId" in row:
        return "The row has both an email and a userId: give one of the two"
    return some_identifier(row)


@NamesRule
def one_or_both_by_choice(row: Mapping[str, object]) -> str | None:
    """Demand one identifier; of operations that take both where the client is told so."""
    if "email" in row and "userId" in row:
        return (
            "The row has both an email and a userId: give one of the two, or make the client with "
            f"{set_to('iterable', 'both_identifiers')} and the project_type, which decides what the two mean"
        )
    return some_identifier(row)


@NamesRule
def some_identifier(row: Mapping[str, object]) -> str | None:
    """Demand that a row names its user."""
    if "email" in row or "userId" in row:
        return None
    return "The row names no user: give it an email or a userId"


def _one_current_identifier(row: Mapping[str, object]) -> str | None:
    if ("currentEmail" in row) == ("currentUserId" in row):
        return "The row must name its user once: give it a currentEmail or a currentUserId"
    return None


def _one_source_and_one_destination(row: Mapping[str, object]) -> str | None:
    if ("sourceEmail" in row) == ("sourceUserId" in row):
        return "The row must name the user to be merged once: give it a sourceEmail or a sourceUserId"
    if ("destinationEmail" in row) == ("destinationUserId" in row):
        return "The row must name whom to merge it into once: give it a destinationEmail or destinationUserId"
    return None


def _at_most_one_identifier(row: Mapping[str, object]) -> str | None:
    # Without one it is about every profile with the token: whether that is meant is asked by the operation.
    return one_or_both_by_choice(row) if "email" in row or "userId" in row else None


_KEY = ("email", "user_id")
_CASE_INSENSITIVE = ("email",)
USERS = Rows(
    UserUpdate,
    key=_KEY,
    case_insensitive=_CASE_INSENSITIVE,
    noun="user",
    rule=one_or_both_by_choice,
    unique_per_request=True,
)
SUBSCRIBERS = USERS.ruled(one_identifier)
REFERENCES = Rows(
    UserReference,
    key=_KEY,
    case_insensitive=_CASE_INSENSITIVE,
    noun="user",
    rule=one_identifier,
    unique_per_request=True,
)
SUBSCRIPTIONS = Rows(
    SubscriptionUpdate,
    key=_KEY,
    case_insensitive=_CASE_INSENSITIVE,
    noun="user",
    rule=one_identifier,
    unique_per_request=True,
)
EVENTS = Rows(
    Event,
    key=_KEY,
    case_insensitive=_CASE_INSENSITIVE,
    noun="user",
    rule=one_identifier,
    unique_per_request=True,
)
EVENTS_WITHOUT_ID = Rows(
    EventWithoutId,
    key=_KEY,
    case_insensitive=_CASE_INSENSITIVE,
    noun="user",
    rule=one_identifier,
    unique_per_request=True,
)
DEVICES = Rows(
    DeviceRegistration, key=_KEY, case_insensitive=_CASE_INSENSITIVE, noun="user", rule=one_or_both_by_choice
)
BROWSERS = Rows(
    BrowserRegistration, key=_KEY, case_insensitive=_CASE_INSENSITIVE, noun="user", rule=one_identifier
)
OPT_INS = Rows(DoubleOptIn, key=_KEY, case_insensitive=_CASE_INSENSITIVE, noun="user", rule=one_identifier)
EITHER_ID = Identifiers("email", EMAIL, by={"user_id": USER_ID})
TOKENS = Rows(DeviceReference, key="token", noun="device token", rule=_at_most_one_identifier)
MERGES = Rows(
    Merge,
    key=("source_email", "source_user_id"),
    case_insensitive=("source_email",),
    noun="user",
    rule=_one_source_and_one_destination,
    unique_per_request=True,
)
CHANGES = Rows(
    EmailChange,
    key=("current_email", "current_user_id"),
    case_insensitive=("current_email",),
    noun="user",
    rule=_one_current_identifier,
)
EMAILS = Identifiers("email", EMAIL)
USER_IDS = Identifiers("userId", USER_ID)


def whole(number: int, what: str) -> int:
    """Return a number that is an argument of a whole run.

    Raises:
        ConfigurationError: it is no whole number.
    """
    if problem := whole_number(what).why_invalid(number):
        raise ConfigurationError(f"{problem}: it is the number that Iterable shows")
    return number


LIST_IDS = WholeNumbers("list id")
JOB_IDS = WholeNumbers("job id")
NEW_LISTS = Rows(NewList, key="name", noun="list")
#: As the last segment of a path these two would be read as steps, however they are encoded.
PATH_USER_IDS = Identifiers(
    "userId",
    both(
        USER_ID,
        rule(
            "A userId of one or two dots cannot stand in a path: delete that user by its email",
            lambda value: value not in {".", ".."},
        ),
    ),
)
