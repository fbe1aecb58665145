"""CleverTap: profiles, events and tokens in bulk, subscriptions, and the demerge of user profiles.

Facts only. CleverTap limits requests in flight per account and API, not requests per time; a failure may
come under HTTP 200; a demerge and a deletion are *accepted* and done in the account's night.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import ClassVar, Literal, Self, TypeAlias, cast, get_args

from netaudience.client import Client, Settings, confirmed, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import ConfigurationError, Unreadable, VendorError
from netaudience.items import Identifiers
from netaudience.limits import Limit, Quota, assumed, documented
from netaudience.operations import batch, pages
from netaudience.rules import text
from netaudience.vendors.clevertap.answers import blame_list, blame_records, classify
from netaudience.vendors.clevertap.models import (
    EventUpload,
    EventUploadDict,
    ListTaken,
    Profile,
    ProfilePage,
    ProfileUpload,
    ProfileUploadDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TokenUpload,
    TokenUploadDict,
    Uploaded,
)
from netaudience.vendors.clevertap.records import (
    CHANGES,
    EVENTS,
    PROFILES,
    SUBSCRIPTIONS,
    TOKENS,
    event_record,
    listed,
    phone_record,
    profile_record,
    subscription_record,
    token_record,
)
from netaudience.wire import Request, Response
from netaudience.work import Operation

__all__ = ["CleverTapClient", "Region"]

_SITE = "https://developer.clevertap.com/docs"
DOCS = f"{_SITE}/demerge-user-profile-api"
LIMITS = f"{_SITE}/api-request-limit"
_PROFILES = f"{_SITE}/upload-user-profiles-api"
_EVENTS = f"{_SITE}/upload-events-api"
_TOKENS = f"{_SITE}/upload-device-tokens-api"
_DELETE = f"{_SITE}/delete-user-profile-api"
_READ = f"{_SITE}/get-user-profiles-api"
_SUBSCRIBE = f"{_SITE}/subscribe-api"
_DISASSOCIATE = f"{_SITE}/disassociate-api"

Region: TypeAlias = Literal["eu", "in1", "sg1", "us1", "aps3", "mec1"]
"""Where an account is kept. Source: https://developer.clevertap.com/docs/common-api-components"""

_HOSTS: Mapping[str, str] = {
    "eu": "https://api.clevertap.com",
    **{region: f"https://{region}.api.clevertap.com" for region in get_args(Region) if region != "eu"},
}

_BYTES = assumed(1_000_000, "no figure is documented")
#: "A maximum of 100 identities are allowed in one request."
IDENTITIES = Limit(keys=documented(100, DOCS), rows=documented(100, DOCS), bytes=_BYTES)
DELETIONS = Limit(keys=documented(100, _DELETE), rows=documented(100, _DELETE), bytes=_BYTES)
_OF_THREE = assumed(2, f"one less than the 3 that are documented at {LIMITS}, shared by all partners")
#: Three in flight are documented for each; one is left to others, for all partners of an account share them.
DEMERGE = Quota("clevertap demerge", in_flight=_OF_THREE)
DELETE = Quota("clevertap delete", in_flight=_OF_THREE)
READ = Quota("clevertap profiles", in_flight=_OF_THREE)
#: Fifteen in flight are documented for each kind of record; whether the one path has them three times is
#: not known, so all kinds share them once.
UPLOAD = Quota(
    "clevertap upload",
    in_flight=assumed(12, f"three less than the 15 that are documented at {LIMITS}, shared by all partners"),
)
#: "There is no limit on the number of requests to the API."
SUBSCRIBE = Quota("clevertap subscribe", in_flight=assumed(2, "no figure is documented"))
DISASSOCIATE = Quota("clevertap disassociate", in_flight=assumed(2, "no figure is documented"))
#: What a cursor is made of, percent-encoded or not: nothing that would end a query or a line.
_CURSOR = re.compile(r"[A-Za-z0-9%+/=._~-]+")
#: The most profiles of a page.
_LARGEST_PAGE = 5000
#: After this many seconds the sending again of what was lost is no longer "prompt".
_PROMPT = 300.0
#: The hours of the account's night in which the lists that were taken are worked off.
_NIGHTS: Mapping[str, tuple[int, int]] = {"demerge": (4, 7), "delete_profiles": (2, 4)}


def _records(most: int, url: str) -> Limit:
    return Limit(rows=documented(most, url), bytes=_BYTES)


class CleverTapClient(Client):
    """One CleverTap account.

    Args:
        account_id: The project id.
        passcode: A passcode of the account.
        region: Where the account is kept; there is no default, for valid credentials get a 401
            from every other region.
        base_url: A host of your own in place of the region's.
        account_time_zone: The account's time zone, such as ``Europe/Istanbul``. With it, a demerge or a
            deletion whose answer is lost is sent again at once outside the account's night; without it,
            such items are in doubt.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: a credential, the region, the time zone or the base URL is wrong.
    """

    vendor: ClassVar[str] = "CleverTap"
    slug: ClassVar[str] = "clevertap"

    def __init__(  # noqa: PLR0913 - what a vendor needs
        self,
        account_id: str,
        passcode: str,
        *,
        region: Region | None = None,
        base_url: str | None = None,
        account_time_zone: str | tzinfo | None = None,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if (region is None) == (base_url is None):
            raise ConfigurationError(
                "CleverTap needs either a region or a base_url, one of the two: the region is in the "
                f"dashboard's address; it is one of {', '.join(_HOSTS)}"
            )
        if region is not None and region not in _HOSTS:
            raise ConfigurationError(
                f"CleverTap has no region of that name: it is one of {', '.join(_HOSTS)}"
            )
        self._headers = {
            "X-CleverTap-Account-Id": secret(account_id, "CleverTap account id"),
            "X-CleverTap-Passcode": secret(passcode, "CleverTap passcode"),
        }
        self._zone = _zone(account_time_zone)
        super().__init__(
            base_url=base_url or _HOSTS[cast("str", region)],
            account=account_id,
            settings=settings,
            transport=transport,
        )

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_CLEVERTAP_…``.

        The names are ``ACCOUNT_ID``, ``PASSCODE``, ``REGION`` or ``BASE_URL``, and ``TIME_ZONE``.
        """
        return cls(
            required(cls.slug, "account_id", "the CleverTap project id", environ),
            required(cls.slug, "passcode", "a passcode of the CleverTap account", environ),
            region=cast("Region | None", optional(cls.slug, "region", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            account_time_zone=optional(cls.slug, "time_zone", environ),
            settings=settings,
        )

    def headers(self) -> Mapping[str, str]:
        """Return the account's headers. Source: the page of common components."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    def may_repeat(self, operation: Operation, seconds: float) -> bool:
        """Return whether a request whose answer is lost may be sent again.

        A demerge or a deletion that is repeated within the same day does no harm; repeated after the
        night in which it was worked off, and after a new login, it would strip the fresh identity, or
        delete the new profile.
        """
        if operation.facts.idempotent:
            return True
        night = _NIGHTS.get(operation.name)
        if night is None or self._zone is None or seconds > _PROMPT:
            return False
        now = datetime.now(self._zone)
        return not any(
            night[0] <= moment.hour < night[1]
            for moment in (now - timedelta(seconds=seconds), now, now + timedelta(seconds=_PROMPT))
        )

    @batch(
        "POST",
        "/1/demerge/profiles.json",
        items=Identifiers("identity"),
        limit=IDENTITIES,
        quota=DEMERGE,
        idempotent=False,
        divisible=True,
        blame=blame_list,
        note="Taken now and worked off in the account's night; event data may be lost.",
        docs=DOCS,
    )
    def demerge(self, identities: Sequence[str]) -> Request[None]:
        """Split user profiles into one per device, without identity or e-mail address.

        Args:
            identities: Your own identities of the users.
        """
        return Request(json={"identities": identities})

    @batch(
        "POST",
        "/1/upload",
        items=PROFILES,
        limit=_records(1000, _PROFILES),
        quota=UPLOAD,
        idempotent=True,
        coalesces="merge",
        divisible=True,
        blame=blame_records(profile_record),
        acknowledges="applied",
        note="An identity that is not known makes a new profile. What adds to a value is refused here.",
        docs=_PROFILES,
    )
    def upload_profiles(self, profiles: Sequence[ProfileUpload | ProfileUploadDict]) -> Request[Uploaded]:
        """Set properties of user profiles.

        Safe to repeat, for which a row may hold no ``$add`` and no ``$incr``: `upload_profile_changes`
        takes those.

        Args:
            profiles: One row per user, each with exactly one identifier. Later rows of one user come later.
        """
        return Request(json=listed([profile_record(row) for row in profiles]), answer=Uploaded)

    @batch(
        "POST",
        "/1/upload",
        items=CHANGES,
        limit=_records(1000, _PROFILES),
        quota=UPLOAD,
        idempotent=False,
        divisible=True,
        blame=blame_records(profile_record),
        acknowledges="applied",
        note="$add, $incr and $remove are reported to work; sent twice, the first two count twice.",
        docs=_PROFILES,
    )
    def upload_profile_changes(
        self, profiles: Sequence[ProfileUpload | ProfileUploadDict]
    ) -> Request[Uploaded]:
        """Set properties of user profiles, or add to what they hold.

        A property's value may be an operator, such as ``{"$incr": 1}`` or ``{"$add": ["gold"]}``.
        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            profiles: One row per user, each with exactly one identifier. Later rows of one user come later.
        """
        return Request(json=listed([profile_record(row) for row in profiles]), answer=Uploaded)

    @batch(
        "POST",
        "/1/upload",
        items=EVENTS,
        limit=_records(1000, _EVENTS),
        quota=UPLOAD,
        idempotent=False,
        # Either the vendor counts what it took, or it refuses the request as a whole.
        divisible=True,
        blame=blame_records(event_record),
        acknowledges="applied",
        note="Sent twice, an event happened twice.",
        docs=_EVENTS,
    )
    def upload_events(self, events: Sequence[EventUpload | EventUploadDict]) -> Request[Uploaded]:
        """Record events of users.

        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            events: One row per event, each with exactly one identifier; one user's rows keep their order.
        """
        return Request(json=listed([event_record(row) for row in events]), answer=Uploaded)

    @batch(
        "POST",
        "/1/upload",
        items=TOKENS,
        # One page says 100 and another 1000.
        limit=_records(100, _TOKENS),
        quota=UPLOAD,
        idempotent=True,
        divisible=True,
        blame=blame_records(token_record),
        acknowledges="applied",
        docs=_TOKENS,
    )
    def upload_device_tokens(self, tokens: Sequence[TokenUpload | TokenUploadDict]) -> Request[Uploaded]:
        """Add push tokens to devices.

        Args:
            tokens: One row per device, by CleverTap's id of it.
        """
        return Request(json=listed([token_record(row) for row in tokens]), answer=Uploaded)

    @batch(
        "POST",
        "/1/delete/profiles.json",
        items=Identifiers("user"),
        limit=DELETIONS,
        quota=DELETE,
        idempotent=False,
        divisible=True,
        blame=blame_list,
        destructive=True,
        irreversible=True,
        note="Taken now and worked off in the account's night; final within 48 hours.",
        docs=_DELETE,
    )
    def delete_profiles(
        self, users: Sequence[str], *, by: Literal["identity", "guid"] = "identity", confirm: bool = False
    ) -> Request[ListTaken]:
        """Delete user profiles with everything that is known of them, for good.

        The answer means *accepted*: the vendor does not confirm the deletion of a single profile.

        Args:
            users: Your own identities of the users, or CleverTap's ids of them.
            by: Which of the two they are.
            confirm: Must be True; this cannot be undone.
        """
        if by not in {"identity", "guid"}:
            raise ConfigurationError("by must be one of identity, guid, one at a time")
        confirmed(confirm, "deletes profiles for good")
        return Request(json={by: users}, answer=ListTaken)

    @pages(
        "POST",
        "/1/profiles.json",
        rows=lambda page: _profiles(page),  # noqa: PLW0108 - defined below
        following=lambda request, page: _next_page(request, page),  # noqa: PLW0108 - defined below
        quota=READ,
        acknowledges="answered",
        timeout=120.0,
        max_answer_bytes=256_000_000,
        note="A page that is not ready is asked for again. A cursor is reported to live for four days.",
        docs=_READ,
    )
    def get_profiles(
        self, *, event_name: str, from_date: int, to_date: int, page_size: int = 1150
    ) -> Request[ProfilePage]:
        """Read the profiles of the users who raised an event, page by page.

        Args:
            event_name: The event, such as ``App Launched``.
            from_date: The first day, as in 20260131.
            to_date: The last day, as in 20260131.
            page_size: Profiles per page, at most 5000. The vendor advises multiples of 23.
        """
        if text("event_name").problem(event_name):
            raise ConfigurationError("event_name must be text that is not empty")
        if _day(from_date, "from_date") > _day(to_date, "to_date"):
            raise ConfigurationError("from_date must not be after to_date")
        if not 1 <= page_size <= _LARGEST_PAGE:
            raise ConfigurationError(f"page_size must be from 1 to {_LARGEST_PAGE:,}")
        return Request(
            json={"event_name": event_name, "from": from_date, "to": to_date},
            query={"batch_size": page_size},
            answer=ProfilePage,
        )

    @batch(
        "POST",
        "/1/subscribe",
        items=SUBSCRIPTIONS,
        limit=_records(1000, _SUBSCRIBE),
        quota=SUBSCRIBE,
        idempotent=True,
        divisible=True,
        blame=blame_records(subscription_record),
        note=(
            "Acts on the number or address, and so on everyone who shares it; for one user alone set "
            "MSG-sms or MSG-email of the profile to false."
        ),
        docs=_SUBSCRIBE,
    )
    def set_subscription(
        self, subscriptions: Sequence[SubscriptionUpdate | SubscriptionUpdateDict]
    ) -> Request[Uploaded]:
        """Unsubscribe telephone numbers and addresses, or subscribe them again, whoever they belong to.

        Args:
            subscriptions: One row per number or address; later rows of one come later.
        """
        return Request(json=listed([subscription_record(row) for row in subscriptions]), answer=Uploaded)

    @batch(
        "POST",
        "/1/disassociate",
        items=Identifiers("phone number"),
        limit=_records(1000, _DISASSOCIATE),
        quota=DISASSOCIATE,
        idempotent=True,
        divisible=True,
        blame=blame_records(phone_record),
        note="Only where the phone number is the identity of the profile.",
        docs=_DISASSOCIATE,
    )
    def disassociate_phone_numbers(self, numbers: Sequence[str]) -> Request[Uploaded]:
        """Take telephone numbers from the profiles whose identity they are, before they change hands.

        Args:
            numbers: Numbers with ``+`` and country code; they are written as E.164.
        """
        return Request(json=listed([phone_record(number) for number in numbers]), answer=Uploaded)


def _profiles(page: ProfilePage) -> Sequence[Profile]:
    return page.records


def _day(day: int, name: str) -> date:
    try:
        year, rest = divmod(day, 10_000)
        return date(year, *divmod(rest, 100))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} must be a day as in 20260131") from error


def _next_page(request: Request[ProfilePage], page: ProfilePage) -> Request[ProfilePage] | None:
    """Ask with the cursor, to the letter: it comes percent-encoded, and encoding it again breaks it.

    Raises:
        Unreadable: there is no cursor where there must be one, it is the one that was asked with, or it
            holds what no percent-encoded text does.
    """
    first = not request.encoded_query
    cursor = page.cursor if first else page.next_cursor
    if not cursor and not first:
        return None
    query = f"cursor={cursor}"
    if not cursor or query == request.encoded_query or not _CURSOR.fullmatch(cursor):
        remedy = "The answer names no cursor that leads further, so the profiles after it are not read"
        raise Unreadable("CleverTap", 200, remedy=remedy)
    return Request(method="GET", encoded_query=query, answer=request.answer)


def _zone(zone: str | tzinfo | None) -> tzinfo | None:
    if not isinstance(zone, str):
        return zone
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - costs a program's start

    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            "The account's time zone is not known: give a name such as Europe/Istanbul"
        ) from error
