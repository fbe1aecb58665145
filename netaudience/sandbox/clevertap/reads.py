"""CleverTap's read of many profiles: a first answer with a cursor, then page after page.

A cursor stands for a list of profiles as it was when the read began; it is good for four days of
the sandbox's clock, and asking twice with one cursor gives the same page twice.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import quote

import attrs

from netaudience.sandbox.answers import Answer, Refused, json_answer
from netaudience.sandbox.clevertap.rules import CURSOR_LIFETIME, DEFAULT_BATCH, MAX_BATCH
from netaudience.sandbox.clevertap.state import APP_LAUNCHED, CleverTapState, Profile, day, fail
from netaudience.sandbox.words import Call, Change, Json, decode


@attrs.frozen
class _Page:
    """Where a cursor points."""

    read: int
    keys: Sequence[str]
    start: int
    size: int
    ends: float


class Reads:
    """The reads of one CleverTap state."""

    def __init__(self, state: CleverTapState) -> None:
        self._state = state
        self._pages: dict[str, _Page] = {}
        self._reads = 0

    def clear(self) -> None:
        """Forget all cursors."""
        self._pages.clear()

    def begin(self, call: Call) -> Change:
        """Choose profiles by an event and give a cursor."""
        event, first, last = _range(call)
        size = _batch_size(call)

        def apply() -> Answer:
            self._reads += 1
            keys = [
                key for key, profile in self._state.profiles.items() if _raised(profile, event, first, last)
            ]
            cursor = self._cursor(_Page(self._reads, keys, 0, size, call.now + CURSOR_LIFETIME))
            return json_answer({"status": "success", "cursor": quote(cursor, safe="")})

        return Change([], apply)

    def page(self, call: Call) -> Change:
        """The page of a cursor."""
        cursor = call.query.get("cursor", "")

        def apply() -> Answer:
            page = self._pages.get(cursor)
            if page is None or page.ends <= call.now:
                raise Refused(fail(400, "Invalid cursor"))
            keys = page.keys[page.start : page.start + page.size]
            body: dict[str, object] = {"status": "success", "previous_cursor": cursor}
            if len(keys) == page.size:
                following = self._cursor(attrs.evolve(page, start=page.start + page.size))
                body["next_cursor"] = quote(following, safe="")
            profiles = [self._state.profiles[key] for key in keys if key in self._state.profiles]
            if keys:
                body["records"] = [record_json(profile) for profile in profiles]
            return json_answer(body)

        return Change([], apply)

    def _cursor(self, page: _Page) -> str:
        # So many bytes that base64 ends in "==": a client that encodes it once more finds out.
        cursor = b64encode(f"cursor-{page.read:07d}-{page.start:010d}".encode()).decode()
        self._pages[cursor] = page
        return cursor


def record_json(profile: Profile) -> dict[str, object]:
    """A profile as the vendor's samples show it."""
    record: dict[str, object] = {form: value for form, value in profile.ids.items() if form != "objectId"}
    record["profileData"] = dict(profile.data)
    object_id = profile.ids.get("objectId")
    if object_id is not None:
        device: dict[str, object] = {"platform": "Android", "objectId": object_id}
        if profile.tokens:
            device["push_token"] = next(reversed(profile.tokens))
        record["platformInfo"] = [device]
    return record


def _raised(profile: Profile, event: str, first: int, last: int) -> bool:
    if event == APP_LAUNCHED:
        return True
    summary = profile.events.get(event)
    return summary is not None and day(summary.first_seen) <= last and day(summary.last_seen) >= first


def _range(call: Call) -> tuple[str, int, int]:
    """Event and dates of a body."""
    try:
        document = decode(call.body)
    except ValueError:
        raise Refused(fail(400, "Malformed request")) from None
    body = document if isinstance(document, dict) else {}
    event = body.get("event_name")
    if not isinstance(event, str) or not event:
        raise Refused(fail(400, "event_name is required"))
    return event, _date(body, "from"), _date(body, "to")


def _date(body: dict[str, Json], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or len(str(value)) != len("YYYYMMDD"):
        raise Refused(fail(400, f"{name} must be a date as YYYYMMDD"))
    return value


def _batch_size(call: Call) -> int:
    text = call.query.get("batch_size", str(DEFAULT_BATCH))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_BATCH:
        raise Refused(fail(400, f"batch_size must be from 1 to {MAX_BATCH}"))
    return int(text)
