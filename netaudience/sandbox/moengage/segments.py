"""MoEngage's segments by file: the file is read later, and the end is called back.

The sandbox fetches nothing: a file is what was seeded under its URL.
"""

from __future__ import annotations

from typing import Literal

from netaudience.sandbox.moengage.provenance import MAX_BYTES
from netaudience.sandbox.moengage.requests import Reader, Row
from netaudience.sandbox.moengage.state import FileSegment, MoEngageState
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, Refused, json_answer


class Segments:
    """The routes about segments by file of one MoEngage workspace."""

    def __init__(self, state: MoEngageState, reader: Reader) -> None:
        self._state = state
        self._reader = reader

    def file(self, call: Call, *, action: Literal["create", "add", "remove", "replace"]) -> Change:
        """Take the URL of a file, and work it off later."""
        body = self._body(call)
        name, attribute, url = (
            self._reader.text(body, each) for each in ("name", "attribute_name", "file_url")
        )
        kinds = ("string", "double")
        days = body.get("expiry_time")  # the schema of a change does not have it
        if body.get("attribute_type") not in kinds or not isinstance(
            days, int if action == "create" else object
        ):
            raise Refused(_titled(400, "Invalid Request", "attribute_type or expiry_time is wrong"))

        def apply() -> Answer:
            if action == "create":
                if name in self._state.segments:
                    raise Refused(_titled(409, "Resource not created", f"Name already exists : {name}"))
                self._state.segments[name] = FileSegment(f"cs{len(self._state.segments)}", name)
            return _taken(self._known(name))

        def effect() -> None:
            self._work_off(self._state.segments[name], attribute, url, action, body.get("callback_url"))

        return Change([name], apply, effect=effect)

    def archive(self, call: Call, *, archived: bool) -> Change:
        """Archive a segment, or bring it back."""
        name = self._reader.text(self._body(call), "name")

        def apply() -> Answer:
            segment = self._known(name)
            segment.archived = archived
            return _taken(segment)

        return Change([name], apply)

    def _known(self, name: str) -> FileSegment:
        segment = self._state.segments.get(name)
        if segment is None:
            words = f"Segment not found with the given name: {name}"
            raise Refused(_titled(404, "Resource not found", words))
        return segment

    def _body(self, call: Call) -> Row:
        if not call.headers.get("MOE-DBNAME"):
            raise Refused(_titled(401, "Header required", "MOE-DBNAME is missing in Header"))
        return self._reader.record(call, "segment", MAX_BYTES)

    def _work_off(
        self, segment: FileSegment, attribute: str, url: str, action: str, callback_url: Json
    ) -> None:
        text = self._state.files.get(url)
        body: dict[str, Json] = {"db_name": "sandbox", "segment_name": segment.name}
        body["request_id"] = segment.cs_id
        if text is None:
            words = "File download failed. Created custom_segment contains 0 users."
            body |= {"status": 400, "error_message": words}
        else:
            values = [line for line in text.splitlines() if line]
            found = [user for value in values if (user := self._state.find(attribute, value)) is not None]
            users = {user.customer_id for user in found}
            match action:
                case "create" | "add":
                    segment.members |= users
                case "remove":
                    segment.members -= users
                case _:
                    segment.members = users
            body |= {
                "status": 201,
                "values_found": len(values),
                "values_processed": len(found),
                "user_count": len(segment.members),
            }
        if isinstance(callback_url, str):
            self._state.callbacks.append((callback_url, body))


def _taken(segment: FileSegment) -> Answer:
    shown = {"message": "Accepted", "success": True, "cs_name": segment.name, "cs_id": segment.cs_id}
    return json_answer(shown, 202)


def _titled(status: int, title: str, description: str) -> Answer:
    return json_answer({"title": title, "description": description}, status)
