"""Netmera's reads: queries in, the documents' answers out.

They change nothing, and they give back what was stored exactly as it was stored.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from netaudience.sandbox.answers import Answer, json_answer
from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import Device, NetmeraState, User
from netaudience.sandbox.words import Call, Change, Json


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
                by_category[category] = any_permitted
                by_channel[category] = {
                    channel: state for channel, state in states.items() if not channels or channel in channels
                }
            return json_answer({"categoryPreferences": by_category, "categoryChannelPreferences": by_channel})

        return self._about(ext_id, answer)

    def profile_attributes(self, call: Call) -> Change:
        """A user's attributes."""
        ext_id = fields.asked(call, "extId")
        return self._about(ext_id, lambda user: json_answer({"extId": ext_id, "profile": dict(user.profile)}))

    def devices(self, call: Call) -> Change:
        """A user's devices, or only those that permit push."""
        ext_id = fields.asked(call, "extId")
        only_permitted = fields.asked_flag(call, "pushPermitted") is True
        return self._about(
            ext_id,
            lambda user: json_answer(
                {
                    "extId": ext_id,
                    "devices": [
                        device_json(device)
                        for device in user.devices
                        if device.push_permitted or not only_permitted
                    ],
                }
            ),
        )

    def device_tokens(self, call: Call) -> Change:
        """One page of all devices."""
        size = fields.asked_number(call, "max", 10, least=1)
        offset = fields.asked_number(call, "offset", 0, least=0)

        def apply() -> Answer:
            total = len(self._state.devices)
            page = islice(self._state.devices.values(), offset, offset + size)
            answer: dict[str, object] = {
                "total": total,
                "devices": [device_json(device) for device in page],
            }
            if offset + size < total:
                answer["nextPage"] = f"{call.url}?offset={offset + size}&max={size}"
            return json_answer(answer)

        return Change([], apply)

    def segments(self, call: Call) -> Change:
        """All segments."""
        _require_os(call)
        return Change(
            [],
            lambda: json_answer(
                {
                    "list": [
                        {
                            "id": segment.id,
                            "name": segment.name,
                            "userCount": len(segment.ext_ids),
                            "type": segment.type,
                        }
                        for segment in self._state.segments.values()
                    ]
                }
            ),
        )

    def segment_users(self, call: Call) -> Change:
        """The users of a segment."""
        _require_os(call)
        text = fields.asked(call, "id")
        segment_id = fields.whole(text, "id")

        def apply() -> Answer:
            segment = self._state.segments.get(segment_id)
            if segment is None:
                raise fields.refusal(fields.NO_SEGMENT, "Segment not found")
            rows = [self._segment_row(ext_id) for ext_id in segment.ext_ids]
            return json_answer({"name": segment.name, "list": rows})

        return Change([text], apply)

    def count_users(self, _call: Call) -> Change:
        """How many users push messages reach."""

        def apply() -> Answer:
            reached = sum(
                1
                for user in self._state.users.values()
                if any(device.push_permitted for device in user.devices)
            )
            return json_answer({"count": reached})

        return Change([], apply)

    def attribute_definitions(self, _call: Call) -> Change:
        """The attributes that the app knows; here these are the attributes that users have."""

        def apply() -> Answer:
            found: dict[str, Json] = {}
            for user in self._state.users.values():
                for name, value in user.profile.items():
                    if found.get(name) in (None, []):
                        found[name] = value
            custom = [_definition(name, value) for name, value in found.items() if name != "email"]
            standard = [_definition("email", ""), _definition("msisdn", "")]
            return json_answer({"standardProfileAttributes": standard, "customProfileAttributes": custom})

        return Change([], apply)

    def _segment_row(self, ext_id: str) -> dict[str, str]:
        user = self._state.users.get(ext_id)
        row = {"externalId": ext_id}
        if user is not None and user.msisdn is not None:
            row["msisdn"] = user.msisdn
        if user is not None and user.email is not None:
            row["email"] = user.email
        return row

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


def _definition(name: str, value: Json) -> dict[str, object]:
    """An attribute as the app's list shows it; what has no value is left out."""
    one = value[0] if isinstance(value, list) and value else value
    match one:
        case bool():
            data_type = "BOOLEAN"
        case int() | float():
            data_type = "NUMBER"
        case _:
            data_type = "STRING"
    shown: dict[str, object] = {"code": name, "dataType": data_type, "name": name, "label": name}
    if isinstance(value, list):
        shown["array"] = True
    return shown


def _require_os(call: Call) -> None:
    system = call.headers.get("X-netmera-os")
    if not system:
        raise fields.missing("X-netmera-os")
    if system not in ("IOS", "ANDROID"):
        raise fields.mismatch("X-netmera-os", "text IOS or ANDROID")
