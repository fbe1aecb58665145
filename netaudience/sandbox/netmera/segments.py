"""Netmera's segments: made, changed, deleted and reopened, calculated later, and read page by page.

Conditions on tags and attributes are calculated; others are stored and match nobody, for the documents do
not say what they mean.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping

from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.matching import matches, targeted
from netaudience.sandbox.netmera.state import NetmeraState, Segment
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, json_answer

#: The conditions of which a segment needs at least one.
_CRITERIA = ("tags", "profile", "behaviors", "behaviorAggregations", "response", "pushEnabled", "targetJson")
#: The least, and the most, users of a page.
_PAGE = (100, 1000)
_MOST_LISTED = 1000
_MOST_VALUES = 10_000
#: The host that serves a page is not the one that was asked, and it is named in the link to the next.
SERVED_BY = "https://node-7.netmera.invalid/rest/3.0"


class Segments:
    """The segments of one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def listed(self, _call: Call) -> Change:
        """The segments that are active and calculated, newest first."""

        def apply() -> Answer:
            ready = [
                {
                    "id": segment.id,
                    "name": segment.name,
                    "userCount": self._count(segment),
                    "type": segment.type,
                }
                for segment in reversed(self._state.segments.values())
                if segment.status == "ACTIVE" and segment.calculation == "READY"
            ]
            return json_answer({"list": ready[:_MOST_LISTED]})

        return Change([], apply)

    def users(self, call: Call) -> Change:
        """One page of a segment's users."""
        text = fields.asked(call, "id")
        segment_id = fields.whole(text, "id")
        least, most = _PAGE
        size = min(max(fields.asked_number(call, "max", least, 1), least), most)
        first = _place(call.query.get("offset"))

        def apply() -> Answer:
            segment = self._found(segment_id)
            if segment.type == "CONNECTORS_SEGMENT":
                raise fields.unexpected()
            ext_ids = segment.ext_ids[first : first + size]
            answer: dict[str, object] = {"name": segment.name, "list": [self._row(name) for name in ext_ids]}
            if first + size < len(segment.ext_ids):
                token = urlsafe_b64encode(f"at+{first + size}".encode()).decode().replace("=", "%3D")
                answer["nextPage"] = f"{SERVED_BY}/getSegmentUsers?id={segment_id}&max={size}&offset={token}"
            return json_answer(answer)

        return Change([text], apply)

    def one(self, call: Call) -> Change:
        """One segment."""
        text = fields.asked(call, "id")
        segment_id = fields.whole(text, "id")
        return Change([text], lambda: self._shown(self._found(segment_id)))

    def create(self, call: Call) -> Change:
        """Make a segment; its name must be new, and it needs a condition."""
        body = fields.record(call)
        name = fields.text(fields.mapping(body, "segment"), "segmentName")
        _require_criteria(body)
        made = Segment(0, name, calculation="WAITING_CALCULATE", created_by="REST", criteria=body)

        def apply() -> Answer:
            self._require_room(name)
            made.id = max(self._state.segments, default=0) + 1
            self._state.segments[made.id] = made
            return self._shown(made)

        return Change([name], apply, effect=lambda: self._calculate(made))

    def update(self, call: Call) -> Change:
        """Replace a segment's conditions, which are calculated anew."""
        body = fields.record(call)
        stated = fields.mapping(body, "segment")
        segment_id, name = fields.present(stated, "segmentId"), fields.text(stated, "segmentName")
        if not isinstance(segment_id, int) or isinstance(segment_id, bool):
            raise fields.mismatch("segmentId", "number")
        _require_criteria(body)

        def apply() -> Answer:
            segment = self._found(segment_id)
            self._require_name(name, segment)
            segment.name, segment.criteria, segment.calculation = name, body, "WAITING_CALCULATE"
            return self._shown(segment)

        def effect() -> None:
            segment = self._state.segments.get(segment_id)
            if segment is not None:
                self._calculate(segment)

        return Change([str(segment_id)], apply, effect=effect)

    def change_status(self, call: Call) -> Change:
        """Delete a segment, or reopen a deleted one."""
        text, status = fields.asked(call, "id"), fields.asked(call, "status")
        segment_id = fields.whole(text, "id")
        if status not in {"ACTIVE", "DELETED"}:
            raise fields.mismatch("status", "text ACTIVE or DELETED")

        def apply() -> Answer:
            segment = self._found(segment_id)
            if status == "DELETED":
                segment.status, segment.calculation = "DELETED", "WAITING_DELETED"
            elif segment.status == "DELETED":
                self._require_room(segment.name, segment)
                segment.status, segment.calculation = "ACTIVE", "WAITING_CALCULATE"
            return self._shown(segment)

        def effect() -> None:
            segment = self._state.segments.get(segment_id)
            if segment is not None:
                self._calculate(segment)

        return Change([text], apply, effect=effect)

    def count_targeted(self, call: Call) -> Change:
        """How many tracked users a target has."""
        target = fields.mapping(fields.record(call), "target")
        known = {"profile", "tag", "segment"}
        if not target or not target.keys() <= known:
            raise fields.missing("target")

        def apply() -> Answer:
            users = self._state.tracked_users()
            return json_answer({"count": sum(targeted(self._state, *each, target) for each in users)})

        return Change([], apply)

    def count_by_value(self, call: Call) -> Change:
        """How many tracked users have each value of an attribute, or of an installation's field."""
        body = fields.record(call)
        group = fields.mapping(body, "groupBy")
        if ("profile" in group) is ("installation" in group):
            raise fields.missing("groupBy")
        wanted = set(fields.texts(body, "values")) if body.get("values") is not None else None
        name = fields.text(group, "profile" if "profile" in group else "installation")

        def apply() -> Answer:
            counts: Counter[str] = Counter()
            for _, user in self._state.tracked_users():
                values: list[Json] = [user.profile.get(name)]
                if "installation" in group:
                    values = [device.platform for device in user.devices if name == "platform"]
                counts.update(_texts(values))
            shown = counts.most_common(_MOST_VALUES)
            return json_answer({"counts": {key: n for key, n in shown if wanted is None or key in wanted}})

        return Change([], apply)

    def _found(self, segment_id: int) -> Segment:
        segment = self._state.segments.get(segment_id)
        if segment is None:
            raise fields.refusal(fields.NO_SEGMENT, "Segment not found")
        return segment

    def _require_name(self, name: str, own: Segment | None = None) -> None:
        others = (each for each in self._state.segments.values() if each is not own)
        if any(each.name == name and each.status == "ACTIVE" for each in others):
            raise fields.refusal(fields.NAME_TAKEN, "Segment name must be unique")

    def _require_room(self, name: str, own: Segment | None = None) -> None:
        self._require_name(name, own)
        active = sum(each.status == "ACTIVE" for each in self._state.segments.values())
        if active >= self._state.app.segments:
            raise fields.refusal(fields.QUOTA, "Usage quota exceeded")

    def _calculate(self, segment: Segment) -> None:
        if segment.status == "DELETED":
            return
        if segment.criteria is not None:
            segment.ext_ids = tuple(
                ext_id
                for ext_id, user in self._state.tracked_users()
                if matches(self._state, user, segment.criteria)
            )
        segment.calculation = "READY"

    def _count(self, segment: Segment) -> int | None:
        return None if segment.type == "CONNECTORS_SEGMENT" else len(segment.ext_ids)

    def _shown(self, segment: Segment) -> Answer:
        ready = segment.calculation == "READY"
        return json_answer(
            {
                "id": segment.id,
                "name": segment.name,
                "status": segment.status,
                "segmentStatus": segment.calculation,
                "userCount": self._count(segment) if ready else None,
                "createdBy": segment.created_by,
            }
        )

    def _row(self, ext_id: str) -> dict[str, str]:
        user = self._state.users.get(ext_id)
        row = {"externalId": ext_id}
        if user is not None and user.msisdn is not None:
            row["msisdn"] = user.msisdn.removeprefix("+")
        if user is not None and user.email is not None:
            row["email"] = user.email
        return row


def _place(token: str | None) -> int:
    """The place that an opaque token stands for."""
    if token is None:
        return 0
    try:
        return int(urlsafe_b64decode(token).removeprefix(b"at+"))
    except ValueError:
        raise fields.mismatch("offset", "token of a link to a page") from None


def _require_criteria(body: Mapping[str, Json]) -> None:
    if not any(body.get(name) for name in _CRITERIA):
        raise fields.refusal(fields.MISSING, "Empty criteria")


def _texts(values: list[Json]) -> list[str]:
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in flat if one is not None]
