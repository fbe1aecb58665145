"""CleverTap: profiles, events and tokens in bulk, subscriptions, and the demerge of user profiles.

Facts only. CleverTap limits requests in flight per account and API, not requests per time; a failure may
come under HTTP 200; a demerge and a deletion are *accepted* and done in the account's night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Literal, Self, TypeAlias, cast, get_args

from netaudience.client import Client, secret, shared
from netaudience.credentials import optional, required
from netaudience.engine.transport import Transport
from netaudience.errors import ConfigurationError, VendorError
from netaudience.model.facts import Probe
from netaudience.model.kinds import Identifiers
from netaudience.model.wire import Request, Response
from netaudience.operations.declare import batch
from netaudience.operations.dispatch import Operation
from netaudience.operations.readback import NotReadable, ReadBack
from netaudience.settings import Settings
from netaudience.vendors.clevertap.answers import blame_list, blame_records, classify
from netaudience.vendors.clevertap.api_segments import ApiSegments
from netaudience.vendors.clevertap.custom_lists import CustomLists
from netaudience.vendors.clevertap.facts import (
    DELETE,
    DELETE_PAGE,
    DELETIONS,
    DEMERGE,
    DISASSOCIATE,
    DISASSOCIATE_PAGE,
    DOCS,
    EVENTS_PAGE,
    IDENTITIES,
    NO_SINGLE,
    PROFILES_PAGE,
    SILENT,
    SUBSCRIBE,
    SUBSCRIBE_PAGE,
    TOKENS_PAGE,
    UPLOAD,
    records,
)
from netaudience.vendors.clevertap.models import (
    EventUpload,
    EventUploadDict,
    ListTaken,
    ProfileUpload,
    ProfileUploadDict,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TokenUpload,
    TokenUploadDict,
    Uploaded,
)
from netaudience.vendors.clevertap.read_backs import READ_BACKS
from netaudience.vendors.clevertap.reads import Reads
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
from netaudience.vendors.clevertap.rules import PHONE

Region: TypeAlias = Literal["eu", "in1", "sg1", "us1", "aps3", "mec1"]
"""Where an account is kept. Source: https://developer.clevertap.com/docs/common-api-components"""

_HOSTS: Mapping[str, str] = {
    "eu": "https://api.clevertap.com",
    **{region: f"https://{region}.api.clevertap.com" for region in get_args(Region) if region != "eu"},
}

#: After this many seconds the sending again of what was lost is no longer "prompt".
_PROMPT = 300.0
#: The hours of the account's night in which the lists that were taken are worked off.
_NIGHTS: Mapping[str, tuple[int, int]] = {"demerge": (4, 7), "delete_profiles": (2, 4)}


# Operations are listed from the last base to the first.
class CleverTapClient(ApiSegments, CustomLists, Reads, Client):
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
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = READ_BACKS
    read: ClassVar[str] = "2026-11"
    probe: ClassVar[Probe | None] = Probe("get_profile", item="netaudience-doctor")

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
            settings=shared(settings, environ),
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
        blame=blame_list,
        note="Taken now and worked off in the account's night; event data may be lost.",
        unsaid=NO_SINGLE,
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
        limit=records(1000, PROFILES_PAGE),
        quota=UPLOAD,
        idempotent=True,
        coalesces="merge",
        blame=blame_records(profile_record),
        acknowledges="applied",
        unsaid=SILENT,
        docs=PROFILES_PAGE,
    )
    def upload_profiles(self, profiles: Sequence[ProfileUpload | ProfileUploadDict]) -> Request[Uploaded]:
        """Set properties of user profiles.

        Safe to repeat, for which a row may hold no ``$incr`` and no ``$decr``: `upload_profile_changes`
        takes those. ``{"$add": [...]}`` and ``{"$remove": [...]}`` change a list of unique values,
        ``{"$delete": 1}`` takes a property away (documented for name and gender alone).

        Args:
            profiles: One row per user, each with exactly one identifier. Later rows of one user come later.
        """
        return Request(json=listed([profile_record(row) for row in profiles]), answer=Uploaded)

    @batch(
        "POST",
        "/1/upload",
        items=CHANGES,
        limit=records(1000, PROFILES_PAGE),
        quota=UPLOAD,
        idempotent=False,
        blame=blame_records(profile_record),
        acknowledges="applied",
        note="$incr and $decr, sent twice, count twice.",
        unsaid=SILENT,
        docs=PROFILES_PAGE,
    )
    def upload_profile_changes(
        self, profiles: Sequence[ProfileUpload | ProfileUploadDict]
    ) -> Request[Uploaded]:
        """Set properties of user profiles, or add to what they hold.

        A property's value may be an operator, such as ``{"$incr": 1}``, ``{"$decr": 1}`` or
        ``{"$add": ["gold"]}``; where none counts up or down, use `upload_profiles`, which is repeatable.
        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            profiles: One row per user, each with exactly one identifier. Later rows of one user come later.
        """
        return Request(json=listed([profile_record(row) for row in profiles]), answer=Uploaded)

    @batch(
        "POST",
        "/1/upload",
        items=EVENTS,
        limit=records(1000, EVENTS_PAGE),
        quota=UPLOAD,
        idempotent=False,
        blame=blame_records(event_record),
        acknowledges="applied",
        note="Sent twice, an event happened twice.",
        unsaid=SILENT,
        docs=EVENTS_PAGE,
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
        limit=records(100, TOKENS_PAGE),
        quota=UPLOAD,
        idempotent=True,
        blame=blame_records(token_record),
        acknowledges="applied",
        docs=TOKENS_PAGE,
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
        blame=blame_list,
        destructive=True,
        irreversible=True,
        note="Taken now and worked off in the account's night; final within 48 hours.",
        unsaid=NO_SINGLE,
        docs=DELETE_PAGE,
        consent="deletes profiles for good",
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
        return Request(json={by: users}, answer=ListTaken)

    @batch(
        "POST",
        "/1/subscribe",
        items=SUBSCRIPTIONS,
        limit=records(1000, SUBSCRIBE_PAGE),
        quota=SUBSCRIBE,
        idempotent=True,
        blame=blame_records(subscription_record),
        note=(
            "Acts on the number or address, and so on everyone who shares it; for one user alone set "
            "MSG-sms or MSG-email of the profile to false. What is reported of one that nobody has is not "
            "documented."
        ),
        docs=SUBSCRIBE_PAGE,
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
        items=Identifiers("phone number", PHONE),
        limit=records(1000, DISASSOCIATE_PAGE),
        quota=DISASSOCIATE,
        idempotent=True,
        blame=blame_records(phone_record),
        note=(
            "Only where the phone number is the identity of the profile. What is reported of one that nobody "
            "has is not documented."
        ),
        docs=DISASSOCIATE_PAGE,
    )
    def disassociate_phone_numbers(self, numbers: Sequence[str]) -> Request[Uploaded]:
        """Take telephone numbers from the profiles whose identity they are, before they change hands.

        Args:
            numbers: Numbers with ``+`` and country code; they are written as E.164.
        """
        return Request(json=listed([phone_record(number) for number in numbers]), answer=Uploaded)


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
