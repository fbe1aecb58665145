"""CleverTap's custom lists: a signed address, a file that is put there, and its completion by name.

The address is of another host than the API at the vendor; here it is a path of the sandbox's own, and just as
there it takes no header that it was not signed for.
"""

from __future__ import annotations

import csv
import io

from netaudience.sandbox.clevertap.state import CleverTapState, Segment, fail
from netaudience.sandbox.protocol import Call, Change, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer, text_answer

#: Seconds that a signed address lives.
LIFETIME = 86_400.0
_HEADER = ["Type", "Identity"]
_FORBIDDEN = ("X-CleverTap-Account-Id", "X-CleverTap-Passcode", "Authorization")


class CustomLists:
    """The custom lists of one CleverTap state."""

    def __init__(self, state: CleverTapState) -> None:
        self._state = state
        #: When each address ends, and what was put there, by its last segment.
        self._ends: dict[str, float] = {}
        self._files: dict[str, bytes] = {}
        self._made = 0

    def clear(self) -> None:
        """Forget all addresses and files."""
        self._ends.clear()
        self._files.clear()

    def address(self, call: Call) -> Change:
        """Give an address that a file may be put to."""

        def apply() -> Answer:
            self._made += 1
            name = f"{self._made:06d}"
            self._ends[name] = call.now + LIFETIME
            url = f"{call.url.rpartition('/')[0]}/signed/{name}.csv?X-Amz-Signature={name * 8}"
            answer = {"presignedS3URL": url, "expiry": "tomorrow", "expiryEpoch": int(call.wall + LIFETIME)}
            return json_answer({"status": "success", **answer})

        return Change([], apply)

    def put(self, call: Call) -> Change:
        """Take a file."""
        name = call.path["name"].removesuffix(".csv")
        signed = call.query.get("X-Amz-Signature") == name * 8
        if not signed or any(header in call.headers for header in _FORBIDDEN):
            raise Refused(text_answer("SignatureDoesNotMatch", 403))

        def apply() -> Answer:
            if self._ends.get(name, 0.0) <= call.now:
                raise Refused(text_answer("Request has expired", 403))
            self._files[name] = call.body
            return Answer(200, b"")

        return Change([name], apply)

    def complete(self, call: Call) -> Change:
        """Make a segment of a file that was put, or replace one's members."""
        body = _object(call)
        texts = {name: body.get(name) for name in ("name", "email", "filename", "creator", "url")}
        missing = [name for name, value in texts.items() if not isinstance(value, str) or not value]
        if missing:
            raise Refused(fail(400, f"{missing[0]} is required"))
        name = str(texts["name"])
        file = str(texts["url"]).partition("?")[0].rpartition("/")[2].removesuffix(".csv")

        def apply() -> Answer:
            known = self._state.segments.get(name)
            if known is not None and body.get("replace") is not True:
                raise Refused(fail(400, "duplicate_name"))
            usable, members = self._members(self._files.get(file, b""))
            number = len(self._state.segments) + 1 if known is None else known.id
            self._state.segments[name] = Segment(number, frozenset(members), usable)
            return json_answer({"status": "success", "Segment ID": number})

        return Change([name], apply)

    def _members(self, file: bytes) -> tuple[bool, set[str]]:
        rows = list(csv.reader(io.StringIO(file.decode(errors="replace"))))
        if not rows or rows[0] != _HEADER:
            return False, set()
        named = {row[1] for row in rows[1:] if len(row) == len(_HEADER) and row[0] in {"i", "g"}}
        return True, {name for name in named if self._state.find(name) is not None}


def _object(call: Call) -> dict[str, Json]:
    try:
        document = decode(call.body)
    except ValueError:
        raise Refused(fail(400, "Malformed request")) from None
    return document if isinstance(document, dict) else {}
