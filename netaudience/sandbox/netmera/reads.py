"""Netmera's reads: queries in, the documents' answers out.

They change nothing, and they give back what was stored exactly as it was stored.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.definitions import STANDARD
from netaudience.sandbox.netmera.segments import SERVED_BY
from netaudience.sandbox.netmera.state import Device, NetmeraState, User
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, json_answer, text_answer

#: No documented answer: this app has no panel in which anything would be defined.
_NOT_TOLD = text_answer("404 Not Found", 404)


class Reads:
    """The reads of one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def category_preferences(self, call: Call) -> Change:
        """A user's permissions by category."""
        ext_id = fields.asked(call, "externalId")
        permitted = fields.asked_flag(call, "pushPermitted")
        ids = {fields.whole(text, "categoryIds") for text in fields.asked_list(call, "categoryIds")}
        channels = {name.upper() for name in fields.asked_list(call, "channels")}

        def answer(user: User) -> Answer:
            by_category: dict[str, bool] = {}
            by_channel: dict[str, dict[str, bool]] = {}
            for category, states in user.categories.items():
                any_permitted = any(states.values())
                if ids and self._state.categories[category] not in ids:
                    continue
                if permitted is not None and any_permitted is not permitted:
                    continue
                shown = {name: state for name, state in states.items() if not channels or name in channels}
                if not shown:
                    continue
                by_category[category] = any_permitted
                by_channel[category] = shown
            return json_answer({"categoryPreferences": by_category, "categoryChannelPreferences": by_channel})

        return self._about(ext_id, answer)

    def profile_attributes(self, call: Call) -> Change:
        """A user's attributes that are still defined, by the user's id or by a device."""
        ext_id, token = call.query.get("extId"), call.query.get("deviceToken")
        if not (ext_id or token):
            raise fields.missing("extId")
        name = ext_id or self._state.owner(token or "") or ""

        def answer(user: User) -> Answer:
            return json_answer({"extId": ext_id, "profile": self._state.fitting(user.profile)})

        return self._about(name, answer)

    def devices(self, call: Call) -> Change:
        """A user's devices, or only those that permit push; nobody has none."""
        ext_id = fields.asked(call, "extId")
        only_permitted = fields.asked_flag(call, "pushPermitted") is True

        def apply() -> Answer:
            user = self._state.users.get(ext_id)
            listed = [
                device_json(device)
                for device in (() if user is None else user.devices)
                if device.installed
                and device.token is not None
                and (device.push_permitted or not only_permitted)
            ]
            return json_answer({"extId": ext_id, "devices": listed})

        return Change([ext_id], apply)

    def device_tokens(self, call: Call) -> Change:
        """One page of all installations, whatever their state."""
        size = fields.asked_number(call, "max", 10, least=1)
        offset = fields.asked_number(call, "offset", 0, least=0)

        def apply() -> Answer:
            total = len(self._state.devices)
            page = islice(self._state.devices.values(), offset, offset + size)
            show = device_json if self._state.app.older else self._installation
            answer: dict[str, object] = {"total": total, "devices": [show(device) for device in page]}
            if offset + size < total:
                answer["nextPage"] = f"{SERVED_BY}/getDeviceTokens?offset={offset + size}&max={size}"
            return json_answer(answer)

        return Change([], apply)

    def count_users(self, _call: Call) -> Change:
        """How many users push messages reach."""

        def apply() -> Answer:
            reached = sum(
                any(device.push_permitted for device in user.devices)
                for _, user in self._state.tracked_users()
            )
            return json_answer({"count": reached})

        return Change([], apply)

    def attribute_definitions(self, _call: Call) -> Change:
        """The attributes that are defined; a sandbox that takes every attribute does not tell any."""

        def apply() -> Answer:
            defined = self._state.attributes
            if defined is None:
                return _NOT_TOLD
            own = [each.to_json() for code, each in defined.items() if code not in STANDARD]
            standard = [each.to_json() for each in STANDARD.values()]
            return json_answer({"standardProfileAttributes": standard, "customProfileAttributes": own})

        return Change([], apply)

    def event_definitions(self, _call: Call) -> Change:
        """The events that are defined; a sandbox that takes every event does not tell any."""

        def apply() -> Answer:
            defined = self._state.event_definitions
            if defined is None:
                return _NOT_TOLD
            standard = [event.to_json() for event in defined.values() if event.standard]
            own = [event.to_json() for event in defined.values() if not event.standard]
            return json_answer({"standardEvents": standard, "customEvents": own})

        return Change([], apply)

    def push_categories(self, _call: Call) -> Change:
        """The categories by their ids; a sandbox that takes every category does not tell any."""
        if not self._state.tells_categories:
            return Change([], lambda: _NOT_TOLD)
        categories = self._state.categories
        return Change(
            [],
            lambda: json_answer({"categories": [{str(number): name} for name, number in categories.items()]}),
        )

    def _installation(self, device: Device) -> dict[str, object]:
        """An installation as the list of all shows it: what it has not is left out."""
        shown: dict[str, object] = {
            "installationId": device.installation_id,
            "platform": device.platform,
            "extId": self._state.owner(device.key),
            "deviceToken": device.token,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _about(self, ext_id: str, answer: Callable[[User], Answer]) -> Change:
        def apply() -> Answer:
            user = self._state.users.get(ext_id)
            if user is None:
                raise fields.refusal(
                    fields.NO_USER, "The external id is not found in the current application"
                )
            return answer(user)

        return Change([ext_id], apply)


def device_json(device: Device) -> dict[str, object]:
    """A device as the vendor's samples show it."""
    return {
        "platform": device.platform,
        "token": device.token,
        "deviceModel": device.device_model,
        "pushPermitted": device.push_permitted,
    }
