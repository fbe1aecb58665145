"""CleverTap's read of many profiles: a first answer with a cursor, then page after page.

A cursor stands for a list of profiles as it was when the read began; it is good for four days of
the sandbox's clock, and asking twice with one cursor gives the same page twice.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import attrs

from netaudience.sandbox.clevertap.provenance import (
    CURSOR_LIFETIME,
    DEFAULT_BATCH,
    EVENT_CURSOR_LIFETIME,
    MAX_BATCH,
)
from netaudience.sandbox.clevertap.state import APP_LAUNCHED, CleverTapState, Profile, RaisedEvent, day, fail
from netaudience.sandbox.protocol import Call, Change, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer


@attrs.frozen
class _Page:
    """Where a cursor points."""

    read: int
    keys: Sequence[str]
    start: int
    size: int
    ends: float
    #: Of a read of events: all of them.
    events: Sequence[object] = ()


class Reads:
    """The reads of one CleverTap state."""

    def __init__(self, state: CleverTapState) -> None:
        self._state = state
        self._pages: dict[str, _Page] = {}
        #: Counts that are not ready, and how often they will not be, by their handles.
        self._counts: dict[str, tuple[int, int]] = {}
        self._reads = 0

    def clear(self) -> None:
        """Forget all cursors."""
        self._pages.clear()
        self._counts.clear()

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

    def begin_events(self, call: Call) -> Change:
        """Choose events by their name and give a cursor."""
        event, first, last = _range(call)
        size = _batch_size(call)

        def apply() -> Answer:
            self._reads += 1
            found = [
                event_json(self._state, one)
                for one in self._state.raised
                if one.name == event and first <= day(one.moment) <= last
            ]
            cursor = self._cursor(_Page(self._reads, (), 0, size, call.now + EVENT_CURSOR_LIFETIME, found))
            return json_answer({"status": "success", "cursor": quote(cursor, safe="")})

        return Change([], apply)

    def events(self, call: Call) -> Change:
        """The events of a cursor."""
        cursor = call.query.get("cursor", "")

        def apply() -> Answer:
            page = self._pages.get(cursor)
            if page is None or page.ends <= call.now:
                raise Refused(fail(400, "Invalid cursor"))
            shown = page.events[page.start : page.start + page.size]
            body: dict[str, object] = {"status": "success"}
            if len(shown) == page.size:
                following = self._cursor(attrs.evolve(page, start=page.start + page.size))
                body["next_cursor"] = quote(following, safe="")
            if shown:
                body["records"] = shown
            return json_answer(body)

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

    def one(self, call: Call) -> Change:
        """One profile, by one of three ids."""
        given = [(name, call.query[name]) for name in ("identity", "email", "objectId") if name in call.query]
        if len(given) != 1:
            raise Refused(fail(400, "Give one of identity, email and objectId"))
        ((name, value),) = given

        def apply() -> Answer:
            found = next(
                (profile for profile in self._state.profiles.values() if _has(profile, name, value)), None
            )
            if found is None:
                raise Refused(json_answer({"status": "fail", "error": "Profile does not exist"}))
            return json_answer({"status": "success", "record": record_json(found)})

        return Change([value], apply)

    def count(self, call: Call, *, events: bool = False) -> Change:
        """Count the profiles that raised an event, or how often it was raised."""
        event, first, last = _range(call)

        def apply() -> Answer:
            raised = [one for one in self._state.profiles.values() if _raised(one, event, first, last)]
            times = [one.events[event].count if event in one.events else 1 for one in raised]
            return self._ready(sum(times) if events else len(raised), self._state.slow_counts)

        return Change([], apply)

    def count_again(self, call: Call) -> Change:
        """Ask for a count that was not ready."""
        handle = call.query.get("req_id", "")

        def apply() -> Answer:
            if handle not in self._counts:
                raise Refused(fail(400, "Invalid req_id"))
            count, left = self._counts.pop(handle)
            return self._ready(count, left - 1)

        return Change([], apply)

    def _ready(self, count: int, left: int) -> Answer:
        if left <= 0:
            return json_answer({"status": "success", "count": count})
        self._reads += 1
        handle = 384_649_162_721_759 + self._reads
        self._counts[str(handle)] = (count, left)
        return json_answer({"status": "partial", "req_id": handle})

    def _cursor(self, page: _Page) -> str:
        # As many bytes as make base64 end in "==": a client that encodes it once more finds out.
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


def event_json(state: CleverTapState, event: RaisedEvent) -> dict[str, object]:
    """An event as the vendor's samples show it."""
    profile = state.find(event.key)
    who: dict[str, object] = {"platform": "Android"}
    if profile is not None:
        who["objectId"] = profile.ids.get("objectId", "")
        who.update({form: profile.data[name] for name, form in _SHOWN if name in profile.data})
    ts = int(datetime.fromtimestamp(event.moment, UTC).strftime("%Y%m%d%H%M%S"))
    return {"profile": who, "ts": ts, "event_props": dict(event.data), "session_props": {}}


_SHOWN = (("Email", "email"), ("Name", "name"), ("Phone", "phone"))


def _has(profile: Profile, name: str, value: str) -> bool:
    return profile.data.get("Email") == value if name == "email" else profile.ids.get(name) == value


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
