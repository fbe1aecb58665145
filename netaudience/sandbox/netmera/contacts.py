"""Netmera's addresses, numbers and permissions: what matches nobody is ignored, and a move takes from others.

An address or a number is compared exactly as it is stored: another way of writing it is unknown.
"""

from __future__ import annotations

import re

from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import Channel, NetmeraState
from netaudience.sandbox.netmera.writes import accepted, ext_ids_of
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Refused, text_answer

#: The vendor's own sample masks the number behind the country code, so no more than that is checked.
_MSISDN = re.compile(r"\+[1-9].+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Contacts:
    """These writes on one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def permission(
        self,
        call: Call,
        *,
        channel: Channel,
        addresses: str,
        permitted: bool,
        both: bool = False,
    ) -> Change:
        """Permit or forbid a channel; `both` where the documents' sample sends both selectors."""
        body = fields.record(call)
        given = [name for name in ("extIds", addresses) if body.get(name) is not None]
        if not given or (len(given) > 1 and not both):
            raise fields.refusal(fields.MISSING, f"Give either 'extIds' or '{addresses}'")
        ext_ids = ext_ids_of(body) if "extIds" in given else []
        chosen = fields.texts(body, addresses) if addresses in given else []
        if channel == "mail" and not all(map(_EMAIL.fullmatch, chosen)):
            raise fields.refusal(fields.NO_ADDRESS, "Invalid address")

        def effect() -> None:
            self._permit(channel, ext_ids, set(chosen), permitted=permitted)

        return accepted([*ext_ids, *chosen], effect)

    def update(self, call: Call, *, channel: Channel, field: str) -> Change:
        """Give a user another e-mail or number, and take it from whoever had it."""
        body = fields.record(call)
        ext_id = fields.text(body, "extId")
        address = fields.text(body, field, may_be_empty=True)

        def effect() -> None:
            if address.strip() or channel == "sms":  # an empty e-mail changes nothing
                self._move(ext_id, channel, address)

        return accepted([ext_id], effect)

    def update_whatsapp(self, call: Call) -> Change:
        """Give a user another WhatsApp number; an older installation takes a list."""
        body = fields.record(call)
        ext_id = fields.text(body, "extId")
        if self._state.app.older:
            numbers = fields.texts(body, "wpNumbers", may_be_empty=True)
            return accepted([ext_id], lambda: self._move(ext_id, "whatsapp", numbers[0] if numbers else ""))
        number = body.get("wpNumber")
        if not isinstance(number, str) or not number.startswith("+"):
            raise Refused(text_answer("Please provide a wpNumber.", 400))
        return accepted([ext_id], lambda: self._move(ext_id, "whatsapp", number))

    def remove(self, call: Call, *, channel: Channel) -> Change:
        """Remove a user's e-mail or number; permissions stay."""
        body = fields.document(call)
        ext_id = body.get("extId") if isinstance(body, dict) else None
        if not isinstance(ext_id, str) or not ext_id:
            raise Refused(text_answer("Please provide an external id.", 400))

        def effect() -> None:
            user = self._state.users.get(ext_id)
            if user is not None:
                user.move_to(channel, None)

        return accepted([ext_id], effect)

    def add_email(self, call: Call) -> Change:
        """Add e-mails without a user; they are not looked at."""
        return self._add(fields.texts(fields.record(call), "emailList"), "mail")

    def add_msisdn(self, call: Call) -> Change:
        """Add telephone numbers without a user."""
        numbers = fields.texts(fields.record(call), "msisdnList")
        if not all(_MSISDN.fullmatch(number) for number in numbers):
            raise fields.mismatch("msisdnList", "list of numbers with plus sign and country code")
        return self._add(numbers, "sms")

    def _add(self, contacts: list[str], channel: Channel) -> Change:
        def effect() -> None:
            known = {user.address(channel) for user in self._state.users.values()}
            for contact in contacts:
                if contact not in known:
                    self._state.contacts.setdefault(contact, {})

        return accepted(contacts, effect)

    def _permit(self, channel: Channel, ext_ids: list[str], addresses: set[str], *, permitted: bool) -> None:
        for ext_id in ext_ids:
            user = self._state.users.get(ext_id)
            if user is not None:
                user.permit(channel, permitted)
        if not addresses:
            return
        for user in self._state.users.values():
            if user.address(channel) in addresses:
                user.permit(channel, permitted)
        for contact in addresses & self._state.contacts.keys():
            self._state.contacts[contact][channel] = permitted

    def _move(self, ext_id: str, channel: Channel, address: str) -> None:
        user = self._state.users.get(ext_id)
        if user is None:
            return
        self._state.take_address(channel, address, ext_id)
        user.tracked = True
        user.move_to(channel, address)
        if channel == "sms" and not address:
            user.permit("sms", None)
