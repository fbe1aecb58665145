"""MoEngage's operations on what people agreed to: erasure, preferences, resubscription.

Facts only, from the vendor's own specifications, read in November 2026. Preferences have no neutral value, so
whoever changes one says what becomes of the others.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

from netaudience.errors import ConfigurationError, InvalidItem
from netaudience.model.kinds import Identifiers, Kind
from netaudience.model.limits import Limit, Quota, assumed, documented, per_day, per_minute
from netaudience.model.rows import Rows
from netaudience.model.validators import email, text
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import batch, call, query
from netaudience.vendors.moengage.consent_models import (
    Acknowledged,
    CategoryPreference,
    CategoryPreferenceDict,
    ChannelPreference,
    ChannelPreferenceDict,
    Connection,
    ErasureSubject,
    ErasureSubjectDict,
    GdprAccepted,
    OptIn,
    OptInDict,
    Preferences,
    PreferencesAccepted,
    ResubscribeAccepted,
    SubscriptionCategories,
)
from netaudience.vendors.moengage.facts import IN_FLIGHT, ONE_ROW, OTHER_BYTES, RATES, SHARE
from netaudience.vendors.moengage.rules import OVERVIEW

_SPECIFICATIONS = "https://github.com/moengage/moengage-documentation/blob/"
GDPR = f"{_SPECIFICATIONS}12e8cd2/api/gdpr-ccpa/gdpr-ccpa.yaml"
V5 = f"{_SPECIFICATIONS}00e3014/subscription-categories-v5.yaml"
_COPIES = "https://github.com/api-evangelist/moengage/blob/f728ba3/openapi/"
CATEGORIES = f"{_COPIES}moengage-subscription-categories-openapi.yml"
SUBSCRIPTION = f"{_COPIES}moengage-email-subscription-openapi.yml"

Channel: TypeAlias = Literal["email", "sms"]
"""The channels of which preferences are kept. Source: subscription categories V5"""
UserIdentifier: TypeAlias = Literal["uid", "moe_user_id", "email"]
"""What may name a user there: your own id, MoEngage's, or an address. Source: subscription categories V5"""

ERASURES = Quota(
    "moengage erasures",
    (per_minute(assumed(300, "no rate is documented"), share=SHARE),),
    in_flight=IN_FLIGHT,
)


def _a_minute_and_a_day(name: str) -> Quota:
    return Quota(
        name,
        (
            per_minute(documented(100, RATES), share=SHARE),
            per_day(documented(360_000, RATES)),
        ),
        in_flight=IN_FLIGHT,
    )


PREFERENCES = _a_minute_and_a_day("moengage preferences")
CATEGORY_PREFERENCES = _a_minute_and_a_day("moengage category preferences")
RESUBSCRIPTIONS = Quota(
    "moengage resubscriptions",
    (
        per_minute(documented(10, RATES), share=SHARE),
        per_day(documented(14_400, RATES)),
    ),
    in_flight=IN_FLIGHT,
)


def _somebody(row: Mapping[str, object]) -> str | None:
    return None if row else "The row names nobody: give at least one of its identifiers"


def _nothing_lifted(row: Mapping[str, object]) -> str | None:
    if row.get("unsubscribe_all") is False:
        return (
            "The row's unsubscribe_all is false, which may lift an unsubscribe: say lift_unsubscribes=True "
            "if the user agreed to that, or leave it out"
        )
    return _something(row)


def _something(row: Mapping[str, object]) -> str | None:
    if row.keys() & {"categories", "unsubscribe_all"}:
        return None
    return "The row changes nothing: give categories, or unsubscribe_all"


_SUBJECTS = Rows(
    ErasureSubject,
    key=("customer_id", "user_secondary_id", "email", "mobile", "gaid", "idfa"),
    noun="user",
    rule=_somebody,
)
_PREFERENCES = Rows(ChannelPreference, key="user_identifier_value", noun="user")
_CATEGORIES = Rows(CategoryPreference, key="customer_id", noun="customer id", rule=_nothing_lifted)


def lifted(kind: Kind) -> Kind:
    """Return category preferences as they may be where unsubscribes may be lifted."""
    return cast("Rows[CategoryPreference]", kind).ruled(_something)


_USERS = Identifiers("user", by={"email": email("user's email")})
_NO_NEUTRAL = (
    "There is no neutral value: true unsubscribes from the whole channel and categories are ignored, false "
    "lifts a global unsubscribe. change_categories reads first and sends back what it found."
)


def _opts(row: Mapping[str, object]) -> str | None:
    if not row.keys() & {"customer_id", "email_id"}:
        return "The row names nobody: give it a customer_id or an email_id"
    if row.keys() & {"opt_in_status", "categories"}:
        return None
    return "The row changes nothing: give an opt_in_status, or categories"


#: Of the two the address wins.
_OPT_INS = Rows(OptIn, key=("email_id", "customer_id"), noun="user", rule=_opts)
_ONE_USER = Limit(rows=ONE_ROW, bytes=OTHER_BYTES)
OPT_IN_STATUS = Quota(
    "moengage opt-ins",
    (per_minute(documented(1000, RATES), share=SHARE), per_day(documented(360_000, RATES))),
    in_flight=IN_FLIGHT,
)
CONNECTION = Quota(
    "moengage connection",
    (per_minute(assumed(60, "no rate is documented"), share=SHARE),),
    in_flight=assumed(1, "no figure is documented, and one is enough"),
)


class Consents:
    """The operations on what people agreed to."""

    _workspace_id: str
    _project_code: str | None

    @call(
        "POST",
        "/v1/opengdpr_requests/{workspace_id}",
        items=_SUBJECTS,
        limit=Limit(rows=ONE_ROW, bytes=documented(100_000, GDPR)),
        quota=ERASURES,
        # Asked for twice it erases once; each request gets an id of its own.
        idempotent=True,
        destructive=True,
        irreversible=True,
        consent="erases people for good",
        note="Done within 7 days, in logs and backups within 60. An e-mail address that several users share "
        "erases all of them. The request id is the receipt.",
        unsaid="a person whom MoEngage does not know is accepted as well",
        docs=GDPR,
    )
    def request_erasure(
        self,
        subject: ErasureSubject | ErasureSubjectDict,
        *,
        submitted_time: str | dt.datetime | None = None,
        confirm: bool = False,
    ) -> Request[GdprAccepted]:
        """Ask for the erasure of a person's data, as the GDPR and the CCPA have it.

        The answer means *accepted*, and has the request's id, which is the receipt. `export_users` shows
        later whether the user is gone.

        Args:
            subject: What the person is known by, one identifier or several.
            submitted_time: When the person asked for it: ISO 8601 in UTC with ``Z``, or a `datetime`; now
                if it is not given.
            confirm: Must be True; this cannot be undone.
        """
        identities = [
            {"identity_type": name, "identity_value": value}
            for name, value in _SUBJECTS.mapping(subject).items()
        ]
        return Request(
            json={
                "request_type": "erasure",
                "submitted_time": _in_utc(submitted_time),
                "identities": identities,
                "api_version": "1.0",
            },
            answer=GdprAccepted,
        )

    @query(
        "GET",
        "/v5/subscription-categories",
        quota=PREFERENCES,
        docs=V5,
    )
    def list_subscription_categories(self, *, channel: Channel = "email") -> Request[SubscriptionCategories]:
        """Read the active categories of a channel.

        Args:
            channel: ``email`` or ``sms``.
        """
        return Request(
            query={"channel": _channel(channel)}, headers=self._named(), answer=SubscriptionCategories
        )

    @call(
        "GET",
        "/v5/subscription-preferences",
        items=_USERS,
        limit=Limit(rows=ONE_ROW),
        quota=PREFERENCES,
        docs=V5,
    )
    def get_subscription_preferences(
        self, user: str, *, by: UserIdentifier = "uid", channel: Channel = "email"
    ) -> Request[Preferences]:
        """Read what a user agreed to on a channel: the whole of it, and category by category.

        A user that MoEngage does not know is reported as `NotFound`.

        Args:
            user: The user.
            by: What that is: ``uid`` for your own id, ``moe_user_id`` for MoEngage's, or ``email``.
            channel: ``email`` or ``sms``.
        """
        asked = {
            "user_identifier_type": _identifier(by),
            "user_identifier_value": user,
            "channel": _channel(channel),
        }
        return Request(query=asked, headers=self._named(), answer=Preferences)

    @call(
        "PATCH",
        "/v5/subscription-preferences",
        items=_PREFERENCES,
        limit=Limit(rows=ONE_ROW, bytes=OTHER_BYTES),
        quota=PREFERENCES,
        # By contract: a key goes along, under which the same change is made once.
        idempotent=True,
        note=_NO_NEUTRAL,
        unsaid="categories are ignored where the whole channel is unsubscribed from",
        docs=V5,
    )
    def set_subscription_preferences(
        self,
        preference: ChannelPreference | ChannelPreferenceDict,
        *,
        by: UserIdentifier = "uid",
        channel: Channel = "email",
        lift_unsubscribes: bool = False,
    ) -> Request[PreferencesAccepted]:
        """Set what a user agreed to on a channel, as a whole and category by category.

        The answer means *accepted*: `get_subscription_preferences` shows it later. A row with
        ``is_globally_unsubscribed`` false opts its user in again, if need be, and is refused unless
        `lift_unsubscribes` says that this is meant.

        Args:
            preference: The user, whether the channel is off as a whole, and the categories that change.
            by: What the user's identifier is: ``uid``, ``moe_user_id`` or ``email``.
            channel: ``email`` or ``sms``.
            lift_unsubscribes: Whether a global unsubscribe may be lifted; the user must have agreed to that.
        """
        row = _PREFERENCES.mapping(preference)
        if row["is_globally_unsubscribed"] is False and lift_unsubscribes is not True:
            raise InvalidItem(
                "The row's is_globally_unsubscribed is false, which would lift the user's unsubscribe: say "
                "lift_unsubscribes=True if the user agreed to that, or change single categories by "
                "change_categories"
            )
        body = {"user_identifier_type": _identifier(by), **row, "channel": _channel(channel)}
        headers = {**self._named(), "Idempotency-Key": self._new_id()}
        return Request(json=body, headers=headers, answer=PreferencesAccepted)

    @batch(
        "POST",
        "/v1/category-subscription/user-preferences",
        items=_CATEGORIES,
        limit=Limit(rows=documented(50, CATEGORIES), bytes=OTHER_BYTES),
        quota=CATEGORY_PREFERENCES,
        idempotent=True,
        note="Older than set_subscription_preferences. A 409 means that no API secret is set in "
        "the dashboard.",
        unsaid="users and categories that MoEngage does not know are passed over",
        docs=CATEGORIES,
    )
    def set_category_preferences(
        self,
        preferences: Sequence[CategoryPreference | CategoryPreferenceDict],
        *,
        lift_unsubscribes: bool = False,
    ) -> Request[Acknowledged]:
        """Set the e-mail categories of many users.

        The vendor's samples have ``unsubscribe_all`` in every row. Where it is false, what becomes of a user
        who has unsubscribed from all is not documented: the row is refused unless `lift_unsubscribes` says
        that this is meant.

        Args:
            preferences: One row per user; the rows of one user keep their order.
            lift_unsubscribes: Whether ``unsubscribe_all`` may be false; each user must have agreed to that.
        """
        rows = [_CATEGORIES.mapping(row) for row in preferences]
        return Request(
            json={"channel": "email", "user_preferences": rows}, headers=self._named(), answer=Acknowledged
        )

    @batch(
        "POST",
        "/emails/v1.0/bulk-resubscribe",
        items=Identifiers("recipient", email("recipient")),
        limit=Limit(rows=documented(100, SUBSCRIPTION), bytes=OTHER_BYTES),
        quota=RESUBSCRIPTIONS,
        idempotent=False,
        consent="lifts unsubscribes, for which each person must have agreed anew",
        unsaid="an address that had not unsubscribed, or that MoEngage does not know, is passed over",
        docs=SUBSCRIPTION,
    )
    def resubscribe(
        self,
        recipients: Sequence[str],
        *,
        update_esp: bool = False,
        request_id: str | None = None,
        confirm: bool = False,
    ) -> Request[ResubscribeAccepted]:
        """Lift the unsubscribes of e-mail addresses.

        The answer means *accepted*. Not repeated by itself: what a person says in between counts.

        Args:
            recipients: The addresses.
            update_esp: Whether SendGrid is told, too.
            request_id: A handle of your own for all requests of the run; a new one for each if not given.
            confirm: Must be True: each person must have agreed to it.
        """
        body = {
            "recipients": recipients,
            "esp": "SENDGRID",
            "update_esp": update_esp,
            "request_id": request_id or self._new_id(),
        }
        return Request(json=body, headers=self._named(), answer=ResubscribeAccepted)

    @call(
        "PUT",
        "/v1.0/opt-in-management/user-preferences",
        items=_OPT_INS,
        limit=_ONE_USER,
        quota=OPT_IN_STATUS,
        idempotent=True,
        acknowledges="applied",
        note="By an address it is about every user who has it. All categories false make it OPTED_OUT.",
        docs=SUBSCRIPTION,
    )
    def set_opt_in_status(self, opt_in: OptIn | OptInDict) -> Request[Acknowledged]:
        """Say whether a user has opted in to e-mail.

        Opting somebody in again has legal weight: only where the person said so.

        Args:
            opt_in: The user, and the status, or the categories.
        """
        row = {**_OPT_INS.mapping(opt_in), "channel": "email"}
        return Request(json={"user_preferences": row}, headers=self._named(), answer=Acknowledged)

    @query(
        "POST",
        "/v1/integrations/authentication",
        quota=CONNECTION,
        idempotent=True,
        acknowledges="answered",
        docs=OVERVIEW,
    )
    def test_connection(self) -> Request[Connection]:
        """Ask whether workspace and key are let in, and what the workspace is called."""
        return Request(headers=self._named(), answer=Connection)

    def _named(self) -> Mapping[str, str]:
        """Return the headers that name workspace and project, which these routes require."""
        named = {"MOE-APPKEY": self._workspace_id}
        return named if self._project_code is None else {**named, "MOE-PROJECT-CODE": self._project_code}

    def _new_id(self) -> str:
        return str(uuid.uuid4())


def _in_utc(moment: str | dt.datetime | None) -> JsonValue:
    from netaudience.vendors.moengage.values import as_time  # noqa: PLC0415 - it imports the rules

    moment = dt.datetime.now(dt.UTC) if moment is None else moment
    if isinstance(moment, str) and (problem := text("submitted_time").why_invalid(moment)):
        raise ConfigurationError(problem)
    return cast("JsonValue", as_time(moment))


def _channel(channel: str) -> str:
    if channel not in {"email", "sms"}:
        raise ConfigurationError("channel is either email or sms")
    return channel


def _identifier(by: str) -> str:
    if by not in {"uid", "moe_user_id", "email"}:
        raise ConfigurationError("by is one of uid, moe_user_id, email")
    return by
