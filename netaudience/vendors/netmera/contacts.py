"""Netmera: e-mail addresses and telephone numbers, and whether they may be written to.

An empty address or number is refused before it is sent, for the vendor would store it, or do nothing: what
is to be removed has an operation of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.phone import as_e164, with_e164
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import batch, call
from netaudience.settings import Settings
from netaudience.vendors.netmera.facts import (
    DOCS,
    ENTRIES,
    EXT_IDS,
    IDS,
    ONE,
    REFERENCE,
    REQUESTS,
    one_of,
)
from netaudience.vendors.netmera.models import (
    EmailUpdate,
    EmailUpdateDict,
    MsisdnUpdate,
    MsisdnUpdateDict,
    WhatsAppUpdate,
    WhatsAppUpdateDict,
)
from netaudience.vendors.netmera.rules import EMAIL, MSISDN, STORED_NUMBER, WP_NUMBERS

#: Addresses and numbers in place of ext ids are matched as they are stored, to the letter.
_BY_EMAIL = Identifiers("user", by={"email": EMAIL})
_BY_MSISDN = Identifiers("user", by={"msisdn": STORED_NUMBER})
_BY_WP_NUMBER = Identifiers("user", by={"wp_number": MSISDN})
_MSISDNS = Rows(MsisdnUpdate, key="ext_id")
_WP_NUMBERS = Rows(WhatsAppUpdate, key="ext_id")
_CHANNELS = f"{REFERENCE}/channels-and-permissions"
_QUEUED = "Queued, and applied within seconds. The user, the permission and the other fields stay."
_NOBODY = "a user that it does not know, or who has none, is left as it is"
_CONTACTS = (
    "For lists of people who are no users yet: what a user has already makes no second one. The vendor "
    "speaks of a limit in KB and does not say how many."
)
_LOST = "what cannot be queued is lost"
_IGNORED = "ids and {} that it does not know do nothing"
_TAKEN = "a user that it does not know is left as it is"
_IYS = "With the IYS connector on, Netmera forwards the change to the Turkish consent registry at once."


class Contacts:
    """The operations on addresses, numbers and permissions."""

    settings: Settings
    #: Whether the installation is an older private one, which takes a list of WhatsApp numbers.
    older_installation: bool

    @batch(
        "POST",
        "/rest/3.0/enableMail",
        items=_BY_EMAIL,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="disable_mail",
        note=f"Everybody who has an address is meant by it. {_IYS}",
        unsaid=_IGNORED.format("addresses"),
        docs=f"{_CHANNELS}/email/enable-email-permission",
    )
    def enable_mail(
        self, users: Sequence[str], *, by: Literal["ext_id", "email"] = "ext_id"
    ) -> Request[None]:
        """Opt users in to e-mail.

        Args:
            users: Your own ids of the users, or e-mail addresses.
            by: Which of the two they are.
        """
        return Request(json={one_of(by, ext_id="extIds", email="emailList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableMail",
        items=_BY_EMAIL,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="enable_mail",
        note=f"Everybody who has an address is meant by it. {_IYS}",
        unsaid=_IGNORED.format("addresses"),
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
        return Request(json={one_of(by, ext_id="extIds", email="emailList"): users})

    @call(
        "POST",
        "/rest/3.0/updateEmail",
        items=Rows(EmailUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        note="Another user who has the address loses it, unless the app lets several users have one.",
        unsaid=f"{_TAKEN}, and the form of the address is not checked",
        docs=f"{_CHANNELS}/email/update-email-address",
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
        items=_BY_MSISDN,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="disable_sms",
        note=f"Numbers must be written as they are stored. {_IYS}",
        unsaid=_IGNORED.format("numbers"),
        docs=f"{DOCS}#enable-sms-permission",
    )
    def enable_sms(
        self, users: Sequence[str], *, by: Literal["ext_id", "msisdn"] = "ext_id"
    ) -> Request[None]:
        """Opt users in to text messages.

        Args:
            users: Your own ids of the users, or phone numbers exactly as they are stored.
            by: Which of the two they are.
        """
        return Request(json={one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableSms",
        items=_BY_MSISDN,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="enable_sms",
        note=f"Numbers must be written as they are stored. {_IYS}",
        unsaid=_IGNORED.format("numbers"),
        docs=f"{_CHANNELS}/sms/disable-sms-permission",
    )
    def disable_sms(
        self, users: Sequence[str], *, by: Literal["ext_id", "msisdn"] = "ext_id"
    ) -> Request[None]:
        """Opt users out of text messages.

        Args:
            users: Your own ids of the users, or phone numbers exactly as they are stored.
            by: Which of the two they are.
        """
        return Request(json={one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @call(
        "POST",
        "/rest/3.0/updateMsisdn",
        items=_MSISDNS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        note="Another user who has the number loses it, unless the app keeps numbers by ext id.",
        unsaid=_TAKEN,
        docs=f"{_CHANNELS}/sms/update-phone-number",
    )
    def update_msisdn(self, update: MsisdnUpdate | MsisdnUpdateDict) -> Request[None]:
        """Replace a user's phone number.

        Args:
            update: The user and the new number.
        """
        given = _MSISDNS.mapping(cast("MsisdnUpdate", update))
        return Request(json=with_e164(given, "msisdn"))

    @batch(
        "POST",
        "/rest/3.0/enableWhatsApp",
        items=_BY_WP_NUMBER,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        unsaid=_IGNORED.format("numbers"),
        docs=f"{_CHANNELS}/whatsapp/enable-whatsapp-permission",
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
            users: Your own ids of the users, or WhatsApp numbers with ``+`` and country code, which are
                written as E.164.
            by: Which of the two they are.
            wp_numbers: Numbers to send besides ext ids, in every request. Whether the vendor joins or
                pairs the two is not known: leave it out unless you know.
        """
        return Request(json=_whats_app(users, by, wp_numbers, odd=self.settings.odd_identifiers == "send"))

    @batch(
        "POST",
        "/rest/3.0/disableWhatsApp",
        items=_BY_WP_NUMBER,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        unsaid=_IGNORED.format("numbers"),
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
            users: Your own ids of the users, or WhatsApp numbers with ``+`` and country code, which are
                written as E.164.
            by: Which of the two they are.
            wp_numbers: Numbers to send besides ext ids, in every request. Whether the vendor joins or
                pairs the two is not known: leave it out unless you know.
        """
        return Request(json=_whats_app(users, by, wp_numbers, odd=self.settings.odd_identifiers == "send"))

    @call(
        "POST",
        "/rest/3.0/updateWhatsApp",
        items=_WP_NUMBERS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        note="Another user who has the number loses it. An older private installation takes it in a list: "
        "see `older_installation` of the client.",
        unsaid=_TAKEN,
        docs=f"{_CHANNELS}/whatsapp/update-whatsapp-number",
    )
    def update_whats_app(self, update: WhatsAppUpdate | WhatsAppUpdateDict) -> Request[None]:
        """Replace a user's WhatsApp number.

        Args:
            update: The user and the new number.
        """
        given = with_e164(_WP_NUMBERS.mapping(cast("WhatsAppUpdate", update)), "wpNumber")
        if self.older_installation:
            return Request(json={"extId": given["extId"], "wpNumbers": [given["wpNumber"]]})
        return Request(json=given)

    @call(
        "POST",
        "/rest/3.0/removeEmail",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        note=_QUEUED,
        unsaid=_NOBODY,
        docs=f"{_CHANNELS}/email/remove-email-address",
    )
    def remove_email(self, ext_id: str) -> Request[None]:
        """Remove a user's e-mail address.

        Args:
            ext_id: Your own id of the user.
        """
        return Request(json={"extId": ext_id})

    @call(
        "POST",
        "/rest/3.0/removeMsisdn",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        note=_QUEUED,
        unsaid=_NOBODY,
        docs=f"{_CHANNELS}/sms/remove-phone-number",
    )
    def remove_msisdn(self, ext_id: str) -> Request[None]:
        """Remove a user's phone number.

        Args:
            ext_id: Your own id of the user.
        """
        return Request(json={"extId": ext_id})

    @call(
        "POST",
        "/rest/3.0/removeWhatsApp",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        note=_QUEUED,
        unsaid=_NOBODY,
        docs=f"{_CHANNELS}/whatsapp/remove-whatsapp-number",
    )
    def remove_whats_app(self, ext_id: str) -> Request[None]:
        """Remove a user's WhatsApp number.

        Args:
            ext_id: Your own id of the user.
        """
        return Request(json={"extId": ext_id})

    @batch(
        "POST",
        "/rest/3.0/addEmail",
        items=Identifiers("email", EMAIL),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        note=_CONTACTS,
        unsaid=_LOST,
        docs=f"{_CHANNELS}/email/add-email-addresses",
    )
    def add_email(self, emails: Sequence[str]) -> Request[None]:
        """Add e-mail addresses of people who are no users yet.

        Args:
            emails: The addresses.
        """
        return Request(json={"emailList": emails})

    @batch(
        "POST",
        "/rest/3.0/addMsisdn",
        items=Identifiers("msisdn", MSISDN),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        note=_CONTACTS,
        unsaid=_LOST,
        docs=f"{_CHANNELS}/sms/add-phone-numbers",
    )
    def add_msisdn(self, numbers: Sequence[str]) -> Request[None]:
        """Add phone numbers of people who are no users yet.

        Args:
            numbers: Numbers with ``+`` and country code, which the vendor demands; they are written as E.164.
        """
        return Request(json={"msisdnList": list(map(as_e164, numbers))})


def _whats_app(
    users: Sequence[str], by: str, wp_numbers: Sequence[str], *, odd: bool
) -> Mapping[str, JsonValue]:
    name = one_of(by, ext_id="extIds", wp_number="wpNumbers")
    selected: dict[str, JsonValue] = {name: list(map(as_e164, users)) if by == "wp_number" else users}
    if wp_numbers:
        if by == "wp_number":
            raise ConfigurationError("The users are WhatsApp numbers already: leave wp_numbers out")
        if problem := ((odd and WP_NUMBERS.lenient) or WP_NUMBERS).why_invalid(wp_numbers):
            raise ConfigurationError(problem)
        selected["wpNumbers"] = list(map(as_e164, wp_numbers))
    return selected
