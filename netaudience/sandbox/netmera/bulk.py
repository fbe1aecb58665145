"""Netmera's registrations, taken whole or not at all, and its events.

An attribute that does not fit its definition is dropped here as elsewhere; an event that is not defined is
rejected, and with it, as far as is known, the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import Device, NetmeraState
from netaudience.sandbox.netmera.writes import accepted
from netaudience.sandbox.protocol import Call, Change, Json

#: The fields of a row that are texts, where they are given.
_TEXTS = ("extId", "platform", "deviceToken", "email", "msisdn")
#: The platforms that the vendor's texts name.
PLATFORMS = frozenset({"ANDROID", "IOS", "WEB", "HUAWEI"})


@attrs.frozen
class _Registration:
    """One row that can be registered."""

    ext_id: str | None
    platform: str | None
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
        """Register users; one row that cannot be registered refuses them all."""
        body = fields.listed(call)
        rows = [row for item in body if (row := _registration(item)) is not None]
        if not body or len(rows) < len(body):
            raise fields.refusal(fields.MISSING, "A row cannot be registered")
        fields.count_ids([row.ext_id for row in rows if row.ext_id is not None])

        def effect() -> None:
            for row in rows:
                self._register(row)

        return accepted([row.key for row in rows], effect, [(row.key, row.profile) for row in rows])

    def fire_events(self, call: Call) -> Change:
        """Count events of users."""
        rows = [(fields.text(row, "extId"), fields.text(row, "name"), row) for row in fields.records(call)]
        ext_ids = [ext_id for ext_id, _, _ in rows]
        fields.count_ids(ext_ids)

        def effect() -> None:
            for ext_id, name, _ in rows:
                self._state.user(ext_id)
                self._state.events.setdefault(ext_id, Counter())[name] += 1

        def require() -> None:
            for _, name, row in rows:
                self._require_defined(name, row)

        return accepted(ext_ids, effect, [(ext_id, row) for ext_id, _, row in rows], require)

    def _require_defined(self, name: str, row: Mapping[str, Json]) -> None:
        defined = self._state.event_definitions
        if defined is None:
            return
        event = next((event for event in defined.values() if event.known_as(name)), None)
        if event is None:
            raise fields.refusal(fields.TYPE_MISMATCH, "Event is not defined")
        for attribute in event.attributes:
            if attribute.mandatory and attribute.code not in row:
                raise fields.missing(attribute.code)

    def _has_one_without_token(self, row: _Registration) -> bool:
        """Whether a user has the installation already that a row without a token speaks of."""
        user = self._state.users.get(row.ext_id or "")
        known = () if user is None or row.token is not None else user.devices
        return any(device.token is None and device.platform == row.platform for device in known)

    def _register(self, row: _Registration) -> None:
        state = self._state
        if row.platform is not None and not self._has_one_without_token(row):
            state.add_device(row.ext_id, Device(row.token, row.platform))
        if row.ext_id is None:
            for each in (row.email, row.msisdn):
                if each is not None:
                    state.contacts.setdefault(each, {})
            return
        user = state.user(row.ext_id)
        user.tags = state.shared_tags(user.tags | row.tags)
        email = {} if row.email is None else {"email": row.email}
        user.profile = {**user.profile, **state.fitting(row.profile), **email}
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
    if texts.get("platform", "IOS").upper() not in PLATFORMS:
        return None
    return _Registration(
        texts.get("extId"),
        texts.get("platform"),
        texts.get("deviceToken"),
        texts.get("email"),
        texts.get("msisdn"),
        frozenset(named),
        profile,
    )
