"""Netmera: the 28 operations of its user and device management, and how its answers are judged.

Facts only. Each rule carries the page it comes from; what the vendor does not say is marked as assumed.
Its successes are HTTP 200 with an empty body and say nothing about single items, so they are *accepted*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

import attrs

from netaudience.client import Client, Settings, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import ConfigurationError, Unreadable, VendorError
from netaudience.items import Identifiers, Rows, WholeNumbers
from netaudience.limits import Limit, Quota, assumed, documented
from netaudience.operations import batch, call, pages, query
from netaudience.rules import text, texts
from netaudience.vendors.netmera_answers import classify
from netaudience.vendors.netmera_models import (
    AttributeValue,
    AttributeValueDict,
    CategoryPreference,
    CategoryPreferenceDict,
    CategoryPreferences,
    Device,
    DeviceList,
    DeviceTokenPage,
    EmailUpdate,
    EmailUpdateDict,
    MsisdnUpdate,
    MsisdnUpdateDict,
    Profile,
    ProfileKeys,
    ProfileKeysDict,
    ProfileUpdate,
    ProfileUpdateDict,
    ProfileValues,
    ProfileValuesDict,
    SegmentList,
    SegmentUsers,
    WhatsAppUpdate,
    WhatsAppUpdateDict,
)
from netaudience.wire import JsonValue, Request, Response

__all__ = ["NetmeraClient"]

_GUIDE = "https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api"
DOCS = f"{_GUIDE}/user-and-device-management.md"

Os: TypeAlias = Literal["IOS", "ANDROID"]

#: Netmera documents no rate, no requests in flight and no bytes: these are our defaults.
REQUESTS = Quota(
    "netmera",
    rate=assumed(10, "no rate is documented; where the adaptive rate starts"),
    ceiling=assumed(20, "no rate is documented; as far as the adaptive rate goes"),
    in_flight=assumed(8, "no figure is documented"),
)
_BYTES = assumed(500_000, "no figure is documented")
_ROWS = assumed(1000, "no figure is documented; as many as unique ext ids")
#: "Maximum 1000 unique external IDs per request".
EXT_IDS = Limit(keys=documented(1000, DOCS), rows=_ROWS, bytes=_BYTES)
ENTRIES = Limit(rows=_ROWS, bytes=_BYTES)
ONE = Limit(rows=documented(1, DOCS), bytes=_BYTES)

_IDS = Identifiers("ext id")
_NEVER_UNDONE = "Irreversible; needs to be activated in the panel, and is reported to do less without that."
_IYS = "With the IYS connector on, Netmera forwards the change to the Turkish consent registry at once."


class NetmeraClient(Client):
    """One Netmera app.

    Args:
        api_key: The REST API key of the app (panel: Developers > API); no other key works.
        base_url: The public host, or that of a private installation.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: the key or the base URL is malformed.
    """

    vendor: ClassVar[str] = "Netmera"
    slug: ClassVar[str] = "netmera"

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = "https://restapi.netmera.com",
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._headers = {"X-netmera-api-key": secret(api_key, "Netmera API key")}
        super().__init__(base_url=base_url, account=api_key, settings=settings, transport=transport)

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_NETMERA_API_KEY`` and ``NETAUDIENCE_NETMERA_BASE_URL``."""
        key = required(cls.slug, "api_key", "the REST API key of the Netmera app", environ)
        base_url = optional(cls.slug, "base_url", environ)
        if base_url is None:
            return cls(key, settings=settings)
        return cls(key, base_url=base_url, settings=settings)

    def headers(self) -> Mapping[str, str]:
        """Return the key's header. Source: the guide's setup page."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    @batch(
        "POST",
        "/rest/3.0/deleteUsersPermanently",
        items=_IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        irreversible=True,
        note=_NEVER_UNDONE,
        docs=f"{DOCS}#user-deletion",
    )
    def delete_users_permanently(self, ext_ids: Sequence[str], *, confirm: bool = False) -> Request[None]:
        """Delete users with their devices, profile attributes and event history, for good.

        The answer means *accepted*: the vendor does not confirm the deletion of a single user.

        Args:
            ext_ids: Your own ids of the users.
            confirm: Must be True; this cannot be undone.
        """
        _confirmed(confirm, "deletes users permanently")
        return Request(json={"extIds": ext_ids})

    @call(
        "POST",
        "/rest/3.0/enablePush",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#enable-push",
    )
    def enable_push(self, user: str, *, by: Literal["ext_id", "device_token"] = "ext_id") -> Request[None]:
        """Opt in all devices of a user, or a single device, to push messages.

        Args:
            user: Your own id of the user, or a device token.
            by: Which of the two it is.
        """
        return Request(json={_one_of(by, ext_id="extId", device_token="deviceToken"): user})  # noqa: S106

    @call(
        "POST",
        "/rest/3.0/disablePush",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#disable-push",
    )
    def disable_push(self, user: str, *, by: Literal["ext_id", "device_token"] = "ext_id") -> Request[None]:
        """Opt out all devices of a user, or a single device, from push messages.

        Args:
            user: Your own id of the user, or a device token.
            by: Which of the two it is.
        """
        return Request(json={_one_of(by, ext_id="extId", device_token="deviceToken"): user})  # noqa: S106

    @batch(
        "POST",
        "/rest/3.0/tagUsers",
        items=_IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#add-tags-to-users",
    )
    def tag_users(self, ext_ids: Sequence[str], *, tag: str, more_tags: Sequence[str] = ()) -> Request[None]:
        """Add a tag to users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
            more_tags: Further tags in the same request. This sends a list, which is reported to work
                but is not in the vendor's guide.
        """
        return Request(json={"tag": _tags(tag, more_tags), "extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/untagUsers",
        items=_IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#remove-tags-from-users",
    )
    def untag_users(
        self, ext_ids: Sequence[str], *, tag: str, more_tags: Sequence[str] = ()
    ) -> Request[None]:
        """Remove a tag from users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
            more_tags: Further tags in the same request. This sends a list, which is reported to work
                but is not in the vendor's guide.
        """
        return Request(json={"tag": _tags(tag, more_tags), "extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/setCategoryPreferences",
        items=Rows(CategoryPreference, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="Rows with an unknown category or channel are reported to be skipped without a word.",
        docs=f"{DOCS}#category-preferences",
    )
    def set_category_preferences(
        self, preferences: Sequence[CategoryPreference | CategoryPreferenceDict]
    ) -> Request[None]:
        """Opt users in to, or out of, categories of messages.

        Args:
            preferences: One row per user and category; the rows of one user keep their order.
        """
        return Request(json=preferences)

    @call(
        "GET",
        "/rest/3.0/getCategoryPreferences",
        items=_IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=f"{DOCS}#category-preferences",
    )
    def get_category_preferences(
        self, ext_id: str, *, push_permitted: bool | None = None
    ) -> Request[CategoryPreferences]:
        """Read a user's category preferences.

        Args:
            ext_id: Your own id of the user.
            push_permitted: Only categories with this push permission; all of them if not given.
        """
        asked: dict[str, str | int | bool] = {"externalId": ext_id}
        if push_permitted is not None:
            asked["pushPermitted"] = push_permitted
        return Request(query=asked, answer=CategoryPreferences)

    @call(
        "GET",
        "/rest/3.0/getProfileAttributes",
        items=_IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=f"{DOCS}#get-profile-attributes",
    )
    def get_profile_attributes(self, ext_id: str) -> Request[Profile]:
        """Read a user's profile attributes.

        Args:
            ext_id: Your own id of the user.
        """
        return Request(query={"extId": ext_id}, answer=Profile)

    @batch(
        "POST",
        "/rest/3.0/setProfileAttributes",
        items=Rows(ProfileUpdate, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="A user that is not known is reported to be created.",
        docs=f"{DOCS}#set-profile-attributes",
    )
    def set_profile_attributes(self, updates: Sequence[ProfileUpdate | ProfileUpdateDict]) -> Request[None]:
        """Set profile attributes of users.

        Args:
            updates: One row per user; a later row of the same user is applied later.
        """
        return Request(json=updates)

    @batch(
        "POST",
        "/rest/3.0/unsetProfileAttributes",
        items=Rows(ProfileKeys, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="It is reported not to clear the e-mail address, which is a field of the system.",
        docs=f"{DOCS}#unset-profile-attributes",
    )
    def unset_profile_attributes(self, keys: Sequence[ProfileKeys | ProfileKeysDict]) -> Request[None]:
        """Remove profile attributes from users.

        Args:
            keys: One row per user, with the names of the attributes.
        """
        return Request(json=keys)

    @batch(
        "POST",
        "/rest/3.0/pushProfileAttributes",
        items=Rows(ProfileValues, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=False,
        note="Appends: sent twice, a value may be there twice.",
        docs=f"{DOCS}#push-values-to-array-attributes",
    )
    def push_profile_attributes(self, values: Sequence[ProfileValues | ProfileValuesDict]) -> Request[None]:
        """Append values to profile attributes that are arrays.

        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            values: One row per user, with lists of values by attribute.
        """
        return Request(json=values)

    @batch(
        "POST",
        "/rest/3.0/pullProfileAttributes",
        items=Rows(ProfileValues, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#pull-attributes-from-array-attributes",
    )
    def pull_profile_attributes(self, values: Sequence[ProfileValues | ProfileValuesDict]) -> Request[None]:
        """Remove values from profile attributes that are arrays.

        Args:
            values: One row per user, with lists of values by attribute.
        """
        return Request(json=values)

    @batch(
        "POST",
        "/rest/3.0/deleteProfileAttributes",
        items=Identifiers("attribute key"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        app_wide=True,
        note="Acts on all users of the app.",
        docs=f"{DOCS}#delete-profile-attributes-from-all-users",
    )
    def delete_profile_attributes_of_all_users(
        self, keys: Sequence[str], *, confirm: bool = False
    ) -> Request[None]:
        """Delete profile attributes of **all users** of the app.

        Args:
            keys: Names of attributes.
            confirm: Must be True; this acts on every user.
        """
        _confirmed(confirm, "deletes attributes of every user of the app")
        return Request(json=[{"profile": keys}])

    @batch(
        "POST",
        "/rest/3.0/deleteProfileAttributeValue",
        items=Rows(AttributeValue, key="key", noun="attribute key"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        app_wide=True,
        note="Acts on all users of the app.",
        docs=f"{DOCS}#delete-specific-profile-attributes-from-all-users",
    )
    def delete_profile_attribute_value_of_all_users(
        self, values: Sequence[AttributeValue | AttributeValueDict], *, confirm: bool = False
    ) -> Request[None]:
        """Delete single values of profile attributes of **all users** of the app.

        Args:
            values: Attribute keys and the value to delete of each.
            confirm: Must be True; this acts on every user.
        """
        _confirmed(confirm, "deletes values of every user of the app")
        return Request(json=values)

    @call(
        "GET",
        "/rest/3.0/getDevices",
        items=_IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=f"{DOCS}#get-devices-for-a-user",
    )
    def get_devices(self, ext_id: str, *, only_push_permitted: bool = False) -> Request[DeviceList]:
        """Read a user's devices.

        Args:
            ext_id: Your own id of the user.
            only_push_permitted: Only devices that permit push messages; all of them if False.
        """
        asked: dict[str, str | int | bool] = {"extId": ext_id}
        if only_push_permitted:  # the vendor's false means "all", not "those without"
            asked["pushPermitted"] = True
        return Request(query=asked, answer=DeviceList)

    @pages(
        "GET",
        "/rest/3.0/getDeviceTokens",
        rows=lambda page: _devices(page),  # noqa: PLW0108 - defined below
        following=lambda request, page: _next_page(request, page),  # noqa: PLW0108 - defined below
        quota=REQUESTS,
        note="Pages by offset: where devices change meanwhile, one may come twice or not at all.",
        docs=f"{DOCS}#get-all-device-tokens",
    )
    def get_device_tokens(self, *, page_size: int = 100, offset: int = 0) -> Request[DeviceTokenPage]:
        """Read all devices of the app, page by page.

        Args:
            page_size: Devices per page. The vendor's own default is 10 and its maximum is not known.
            offset: How many devices to leave out at the front.
        """
        if page_size < 1 or offset < 0:
            raise ConfigurationError("page_size must be at least 1 and offset at least 0")
        return Request(query={"max": page_size, "offset": offset}, answer=DeviceTokenPage)

    @query("GET", "/rest/3.0/getSegments", quota=REQUESTS, docs=f"{DOCS}#get-segments")
    def get_segments(self, *, os: Os) -> Request[SegmentList]:
        """Read the segments that are defined in the panel.

        Args:
            os: The platform that the vendor's required header names; whether it changes the
                answer is not known.
        """
        return Request(headers=_os(os), answer=SegmentList)

    @call(
        "GET",
        "/rest/3.0/getSegmentUsers",
        items=Identifiers("segment id"),
        limit=ONE,
        quota=REQUESTS,
        timeout=300.0,
        max_answer_bytes=1_000_000_000,
        note="The whole segment comes in one answer; the vendor documents no paging.",
        docs=f"{DOCS}#get-segment-users",
    )
    def get_segment_users(self, segment_id: str, *, os: Os) -> Request[SegmentUsers]:
        """Read the users of a segment.

        Args:
            segment_id: The segment's id, a number as text.
            os: The platform that the vendor's required header names; whether it changes the
                answer is not known.
        """
        return Request(query={"id": segment_id}, headers=_os(os), answer=SegmentUsers)

    @call(
        "POST",
        "/rest/3.0/sendPushApproval",
        items=WholeNumbers("message id"),
        limit=Limit(rows=assumed(1, "no figure is documented, and each row releases a message")),
        quota=REQUESTS,
        idempotent=False,
        note="Releases a message to real people.",
        docs=f"{DOCS}#push-approval",
    )
    def send_push_approval(self, message_id: int) -> Request[None]:
        """Approve a push message that waits for it, which releases it to its recipients.

        Not safe to repeat: where the answer is lost, look at the panel before asking again.

        Args:
            message_id: The message's id.
        """
        return Request(json=[{"messageId": message_id}])

    @batch(
        "POST",
        "/rest/3.0/enableMail",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=_IYS,
        docs=f"{DOCS}#enable-email-permission",
    )
    def enable_mail(
        self, users: Sequence[str], *, by: Literal["ext_id", "email"] = "ext_id"
    ) -> Request[None]:
        """Opt users in to e-mail.

        Args:
            users: Your own ids of the users, or e-mail addresses.
            by: Which of the two they are.
        """
        return Request(json={_one_of(by, ext_id="extIds", email="emailList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableMail",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=_IYS,
        docs=f"{DOCS}#disable-email-permission",
    )
    def disable_mail(
        self, users: Sequence[str], *, by: Literal["ext_id", "email"] = "ext_id"
    ) -> Request[None]:
        """Opt users out of e-mail.

        Args:
            users: Your own ids of the users, or e-mail addresses.
            by: Which of the two they are.
        """
        return Request(json={_one_of(by, ext_id="extIds", email="emailList"): users})

    @call(
        "POST",
        "/rest/3.0/updateEmail",
        items=Rows(EmailUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#update-email-address",
    )
    def update_email(self, update: EmailUpdate | EmailUpdateDict) -> Request[None]:
        """Replace a user's e-mail address.

        Args:
            update: The user and the new address.
        """
        return Request(json=update)

    @batch(
        "POST",
        "/rest/3.0/enableSms",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=_IYS,
        docs=f"{DOCS}#enable-sms-permission",
    )
    def enable_sms(
        self, users: Sequence[str], *, by: Literal["ext_id", "msisdn"] = "ext_id"
    ) -> Request[None]:
        """Opt users in to text messages.

        Args:
            users: Your own ids of the users, or phone numbers with ``+`` and country code.
            by: Which of the two they are.
        """
        return Request(json={_one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableSms",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=_IYS,
        docs=f"{DOCS}#disable-sms-permission",
    )
    def disable_sms(
        self, users: Sequence[str], *, by: Literal["ext_id", "msisdn"] = "ext_id"
    ) -> Request[None]:
        """Opt users out of text messages.

        Args:
            users: Your own ids of the users, or phone numbers with ``+`` and country code.
            by: Which of the two they are.
        """
        return Request(json={_one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @call(
        "POST",
        "/rest/3.0/updateMsisdn",
        items=Rows(MsisdnUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#update-msisdn",
    )
    def update_msisdn(self, update: MsisdnUpdate | MsisdnUpdateDict) -> Request[None]:
        """Replace a user's phone number.

        Args:
            update: The user and the new number.
        """
        return Request(json=update)

    @batch(
        "POST",
        "/rest/3.0/enableWhatsApp",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#enable-whatsapp-permission",
    )
    def enable_whats_app(
        self,
        users: Sequence[str],
        *,
        by: Literal["ext_id", "wp_number"] = "ext_id",
        wp_numbers: Sequence[str] = (),
    ) -> Request[None]:
        """Opt users in to WhatsApp.

        Args:
            users: Your own ids of the users, or WhatsApp numbers with ``+`` and country code.
            by: Which of the two they are.
            wp_numbers: Numbers to send besides ext ids, in every request. Whether the vendor joins or
                pairs the two is not known: leave it out unless you know.
        """
        return Request(json=_whats_app(users, by, wp_numbers))

    @batch(
        "POST",
        "/rest/3.0/disableWhatsApp",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#disable-whatsapp-permission",
    )
    def disable_whats_app(
        self,
        users: Sequence[str],
        *,
        by: Literal["ext_id", "wp_number"] = "ext_id",
        wp_numbers: Sequence[str] = (),
    ) -> Request[None]:
        """Opt users out of WhatsApp.

        Args:
            users: Your own ids of the users, or WhatsApp numbers with ``+`` and country code.
            by: Which of the two they are.
            wp_numbers: Numbers to send besides ext ids, in every request. Whether the vendor joins or
                pairs the two is not known: leave it out unless you know.
        """
        return Request(json=_whats_app(users, by, wp_numbers))

    @call(
        "POST",
        "/rest/3.0/updateWhatsApp",
        items=Rows(WhatsAppUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#update-whatsapp-number",
    )
    def update_whats_app(self, update: WhatsAppUpdate | WhatsAppUpdateDict) -> Request[None]:
        """Replace a user's WhatsApp number.

        Args:
            update: The user and the new number.
        """
        return Request(json=update)


def _devices(page: DeviceTokenPage) -> Sequence[Device]:
    return page.devices


def _confirmed(confirm: bool, what: str) -> None:  # noqa: FBT001 - handed on as it was given
    if confirm is not True:
        raise ConfigurationError(f"This operation {what}: pass confirm=True if that is meant")


def _one_of(by: str, **wire_names: str) -> str:
    """Return the wire name of the one selector that is sent."""
    if by not in wire_names:
        raise ConfigurationError(f"by must be one of {', '.join(wire_names)}, one at a time")
    return wire_names[by]


def _tags(tag: str, more: Sequence[str]) -> JsonValue:
    if not isinstance(more, list | tuple):  # what is used up by reading would be empty in the next request
        raise ConfigurationError("more_tags must be a list of texts")
    tags = [tag, *more]
    if any(text("tag").problem(one) for one in tags):
        raise ConfigurationError("A tag must be text that is not empty")
    return tags if more else tag


def _whats_app(users: Sequence[str], by: str, wp_numbers: Sequence[str]) -> Mapping[str, JsonValue]:
    selected: dict[str, JsonValue] = {_one_of(by, ext_id="extIds", wp_number="wpNumbers"): users}
    if wp_numbers:
        if by == "wp_number":
            raise ConfigurationError("The users are WhatsApp numbers already: leave wp_numbers out")
        if not isinstance(wp_numbers, list | tuple) or texts("wp_number").problem(wp_numbers):
            raise ConfigurationError("wp_numbers must be a list of texts, none of them empty")
        selected["wpNumbers"] = wp_numbers
    return selected


def _os(os: str) -> Mapping[str, str]:
    if os not in {"IOS", "ANDROID"}:
        raise ConfigurationError("os must be IOS or ANDROID")
    return {"X-netmera-os": os}


def _next_page(request: Request[DeviceTokenPage], page: DeviceTokenPage) -> Request[DeviceTokenPage] | None:
    """Read the offset out of the link, and ask the configured host for it: the key follows no link.

    Raises:
        Unreadable: the link names no offset further on, so that following it would never end.
    """
    if not page.next_page:
        return None
    here = request.query["offset"]
    try:
        link = parse_qs(urlsplit(page.next_page).query)
        offset = int(link["offset"][0])
        size = int(link.get("max", [str(request.query["max"])])[0])
    except (KeyError, ValueError):
        offset, size = -1, 0
    if offset <= int(here) or size < 1:
        remedy = "The link to the next page names no offset further on, so the pages after it are not read"
        raise Unreadable("Netmera", 200, remedy=remedy)
    return attrs.evolve(request, query={"max": size, "offset": offset})
