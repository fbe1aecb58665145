"""CleverTap's segments by API: made by name, filled with users by an instruction that is not known here.

So the last instruction for each user is kept as it came, and whether somebody is a member is nobody's word.
"""

from __future__ import annotations

from netaudience.sandbox.clevertap.state import ApiSegment, CleverTapState, fail
from netaudience.sandbox.protocol import Call, Change, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer

_FIELDS = ("customer_segment_id", "segment_name")


class ApiSegments:
    """The segments by API of one CleverTap state."""

    def __init__(self, state: CleverTapState) -> None:
        self._state = state

    def create(self, call: Call) -> Change:
        """Make segments, all of the list or none."""
        rows = _rows(_body(call))
        named = [
            (str(row.get("customer_segment_id") or ""), str(row.get("segment_name") or "")) for row in rows
        ]
        if not named or not all(own and name for own, name in named):
            raise Refused(fail(400, "segment_name and customer_segment_id are required"))

        def apply() -> Answer:
            if any(own in self._state.api_segments for own, _ in named):
                raise Refused(fail(409, "customer_segment_id already exists"))
            for own, name in named:
                self._state.api_segments[own] = ApiSegment(len(self._state.api_segments) + 1, name)
            made = [
                {"customer_segment_id": own, "ct_segment_id": self._state.api_segments[own].id}
                for own, _ in named
            ]
            return json_answer({"status": "success", "segments": made})

        return Change([own for own, _ in named], apply)

    def update(self, call: Call) -> Change:
        """Keep an instruction for each user and segment; entries that name nothing known are passed over."""
        body = _body(call)
        bulk = _rows(body.get("bulk_profiles") if isinstance(body, dict) else None)
        if not bulk:
            raise Refused(fail(400, "bulk_profiles must be a list with at least one entry"))
        users = [
            str(user.get("identity") or user.get("guid") or "")
            for one in bulk
            for user in _rows(one.get("user_profiles"))
        ]

        def apply() -> Answer:
            for one in bulk:
                for segment in _rows(one.get("segments")):
                    held = self._of(segment)
                    for user in _rows(one.get("user_profiles")) if held is not None else ():
                        if held is not None and self._state.find(_key(user)) is not None:
                            held.instructions[_key(user)] = _instruction(segment)
            return json_answer({"status": "success"})

        return Change(users, apply)

    def _of(self, row: dict[str, Json]) -> ApiSegment | None:
        own = row.get("customer_segment_id")
        if isinstance(own, str):
            return self._state.api_segments.get(own)
        wanted = str(row.get("ct_segment_id"))
        return next((one for one in self._state.api_segments.values() if str(one.id) == wanted), None)


def _key(user: dict[str, Json]) -> str:
    return str(user.get("identity") or user.get("guid") or "")


def _instruction(row: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in row.items() if not name.endswith("_segment_id")}


def _body(call: Call) -> Json:
    try:
        return decode(call.body)
    except ValueError:
        raise Refused(fail(400, "Malformed request")) from None


def _rows(value: Json) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
