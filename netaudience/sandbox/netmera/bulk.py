"""Netmera's writes beside those of the page: registering users, contacts without a user, events.

They read their bodies more leniently than the others do, because the documents say so: a row that
cannot be registered is skipped, and a missing user id is told in plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import attrs

from netaudience.sandbox.answers import Refused, text_answer
from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import Channel, Device, NetmeraState
from netaudience.sandbox.netmera.writes import accepted
from netaudience.sandbox.words import Call, Change, Json

#: The vendor's own sample masks the number behind the country code, so no more than that is checked.
_MSISDN = re.compile(r"\+[1-9].+")
#: The fields of a row that are texts, where they are given.
_TEXTS = ("extId", "platform", "deviceToken", "email", "msisdn")


@attrs.frozen
class _Registration:
    """One row that can be registered."""

    ext_id: str | None
    platform: str
    token: str | None
    email: str | None
    msisdn: str | None
    tags: frozenset[str]
    profile: Mapping[str, Json]

    @property
    def key(self) -> str:
        """What the row is known by: the user's id, or else what it brings."""
        return self.ext_id or self.msisdn or self.token or self.email or ""


class Bulk:
    """These writes on one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def register(self, call: Call) -> Change:
        """Register users; rows that cannot be registered are skipped."""
        body = fields.document(call)
        if not isinstance(body, list):
            raise fields.mismatch("body", "list")
        rows = [row for item in body if (row := _registration(item)) is not None]
        if not rows:
            raise fields.refusal(fields.MISSING, "No row can be registered")
        fields.count_ids([row.ext_id for row in rows if row.ext_id is not None])

        def effect() -> None:
            for row in rows:
                self._register(row)

        return accepted([row.key for row in rows], effect, [(row.key, row.profile) for row in rows])

    def remove(self, call: Call, *, channel: Channel) -> Change:
        """Remove a user's e-mail or number; permissions stay."""
        body = fields.document(call)
        ext_id = body.get("extId") if isinstance(body, dict) else None
        if not isinstance(ext_id, str) or not ext_id:
            raise Refused(text_answer("Please provide an external id.", 400))

        def effect() -> None:
            user = self._state.users.get(ext_id)
            if user is None:
                return
            match channel:
                case "mail":
                    user.profile = {name: value for name, value in user.profile.items() if name != "email"}
                case "sms":
                    user.msisdn = None
                case "whatsapp":
                    user.wp_numbers = ()

        return accepted([ext_id], effect)

    def add_email(self, call: Call) -> Change:
        """Add e-mails without a user."""
        return self._add(fields.texts(fields.record(call), "emailList"))

    def add_msisdn(self, call: Call) -> Change:
        """Add telephone numbers without a user."""
        numbers = fields.texts(fields.record(call), "msisdnList")
        if not all(_MSISDN.fullmatch(number) for number in numbers):
            raise fields.mismatch("msisdnList", "list of numbers with plus sign and country code")
        return self._add(numbers)

    def fire_events(self, call: Call) -> Change:
        """Count events of users."""
        rows = [(fields.text(row, "extId"), fields.text(row, "name"), row) for row in fields.records(call)]
        ext_ids = [ext_id for ext_id, _, _ in rows]
        fields.count_ids(ext_ids)

        def effect() -> None:
            for ext_id, name, _ in rows:
                self._state.user(ext_id)
                self._state.events.setdefault(ext_id, Counter())[name] += 1

        return accepted(ext_ids, effect, [(ext_id, row) for ext_id, _, row in rows])

    def _add(self, contacts: list[str]) -> Change:
        return accepted(contacts, lambda: self._state.contacts.update(contacts))

    def _register(self, row: _Registration) -> None:
        state = self._state
        if row.token is not None:
            state.add_device(row.ext_id, Device(row.token, row.platform))
        if row.ext_id is None:
            state.contacts.update(each for each in (row.email, row.msisdn) if each is not None)
            return
        user = state.user(row.ext_id)
        user.tags = state.shared_tags(user.tags | row.tags)
        email = {} if row.email is None else {"email": row.email}
        user.profile = {**user.profile, **row.profile, **email}
        if row.msisdn is not None:
            user.msisdn = row.msisdn


def _registration(row: Json) -> _Registration | None:
    """A row that can be registered; None for any other."""
    if not isinstance(row, dict):
        return None
    texts: dict[str, str] = {}
    for name in _TEXTS:
        value = row.get(name)
        if isinstance(value, str) and value:
            texts[name] = value
        elif value is not None:
            return None
    tags, profile = row.get("tags", []), row.get("profile", {})
    if not isinstance(tags, list) or not isinstance(profile, dict):
        return None
    named = [tag for tag in tags if isinstance(tag, str)]
    if len(named) < len(tags) or not ("platform" in texts or "msisdn" in texts):
        return None
    return _Registration(
        texts.get("extId"),
        texts.get("platform", "ANDROID"),
        texts.get("deviceToken"),
        texts.get("email"),
        texts.get("msisdn"),
        frozenset(named),
        profile,
    )
