"""Netmera: e-mail addresses and telephone numbers, and whether they may be written to.

An empty address or number is refused before it is sent, for the vendor would store it, or do nothing: what
is to be removed has an operation of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from netaudience.errors import ConfigurationError
from netaudience.items import Identifiers, Rows
from netaudience.limits import Provenance
from netaudience.operations import batch, call
from netaudience.phone import e164
from netaudience.rules import texts
from netaudience.vendors.netmera.facts import (
    CONTACTS,
    DOCS,
    ENTRIES,
    EXT_IDS,
    IDS,
    ONE,
    ONE_REPORTED,
    OPENAPI,
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
from netaudience.wire import JsonValue, Request

__all__ = ["Contacts"]

_QUEUED = "Queued, and applied within seconds; a user that is not known is a success too. Permissions stay."
_CONTACTS = (
    "Makes users that have nothing but the contact; what a repeated one does is not documented. The vendor "
    "speaks of a limit in KB and does not say how many."
)
_IYS = "With the IYS connector on, Netmera forwards the change to the Turkish consent registry at once."


class Contacts:
    """The operations on addresses, numbers and permissions."""

    @batch(
        "POST",
        "/rest/3.0/enableMail",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="disable_mail",
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
        return Request(json={one_of(by, ext_id="extIds", email="emailList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableMail",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="enable_mail",
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
        return Request(json={one_of(by, ext_id="extIds", email="emailList"): users})

    @call(
        "POST",
        "/rest/3.0/updateEmail",
        items=Rows(EmailUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
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
        coalesces="replace",
        opposite="disable_sms",
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
        return Request(json={one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @batch(
        "POST",
        "/rest/3.0/disableSms",
        items=Identifiers("user"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="enable_sms",
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
        return Request(json={one_of(by, ext_id="extIds", msisdn="msisdnList"): users})

    @call(
        "POST",
        "/rest/3.0/updateMsisdn",
        items=Rows(MsisdnUpdate, key="ext_id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
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
        coalesces="replace",
        docs=f"{DOCS}#update-whatsapp-number",
    )
    def update_whats_app(self, update: WhatsAppUpdate | WhatsAppUpdateDict) -> Request[None]:
        """Replace a user's WhatsApp number.

        Args:
            update: The user and the new number.
        """
        return Request(json=update)

    @call(
        "POST",
        "/rest/3.0/removeEmail",
        items=IDS,
        limit=ONE_REPORTED,
        quota=REQUESTS,
        idempotent=True,
        provenance=Provenance.REPORTED,
        note=_QUEUED,
        docs=OPENAPI,
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
        limit=ONE_REPORTED,
        quota=REQUESTS,
        idempotent=True,
        provenance=Provenance.REPORTED,
        note=_QUEUED,
        docs=OPENAPI,
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
        limit=ONE_REPORTED,
        quota=REQUESTS,
        idempotent=True,
        provenance=Provenance.REPORTED,
        note=_QUEUED,
        docs=OPENAPI,
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
        items=Identifiers("email"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=False,
        note=_CONTACTS,
        docs=CONTACTS,
    )
    def add_email(self, emails: Sequence[str]) -> Request[None]:
        """Add e-mail addresses of people who are no users yet.

        Not taken for safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            emails: The addresses.
        """
        return Request(json={"emailList": emails})

    @batch(
        "POST",
        "/rest/3.0/addMsisdn",
        items=Identifiers("msisdn"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=False,
        note=_CONTACTS,
        docs=CONTACTS,
    )
    def add_msisdn(self, numbers: Sequence[str]) -> Request[None]:
        """Add phone numbers of people who are no users yet.

        Not taken for safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            numbers: Numbers with ``+`` and country code, which the vendor demands; they are written as E.164.
        """
        return Request(json={"msisdnList": [e164(number) for number in numbers]})


def _whats_app(users: Sequence[str], by: str, wp_numbers: Sequence[str]) -> Mapping[str, JsonValue]:
    selected: dict[str, JsonValue] = {one_of(by, ext_id="extIds", wp_number="wpNumbers"): users}
    if wp_numbers:
        if by == "wp_number":
            raise ConfigurationError("The users are WhatsApp numbers already: leave wp_numbers out")
        if not isinstance(wp_numbers, list | tuple) or texts("wp_number").problem(wp_numbers):
            raise ConfigurationError("wp_numbers must be a list of texts, none of them empty")
        selected["wpNumbers"] = wp_numbers
    return selected
