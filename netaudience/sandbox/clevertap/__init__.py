"""CleverTap's REST API as a server: uploads record by record, lists of identities taken whole, reads.

This module holds the table of operations, the account and the shapes of failures. An accepted
demerge or deletion takes effect after the sandbox's delay, while the vendor works at night.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from hmac import compare_digest

import attrs

from netaudience.sandbox.clevertap.api_segments import ApiSegments
from netaudience.sandbox.clevertap.custom_lists import CustomLists
from netaudience.sandbox.clevertap.provenance import IN_PROGRESS, MAX_IDENTITIES, RECORD_ERRORS, RULES
from netaudience.sandbox.clevertap.reads import Reads, record_json
from netaudience.sandbox.clevertap.records import Blame, Good, Judge
from netaudience.sandbox.clevertap.state import CleverTapState, fail
from netaudience.sandbox.clevertap.upload import Uploads, envelope
from netaudience.sandbox.protocol import (
    Call,
    Change,
    Json,
    Operation,
    SandboxLimits,
    SandboxUsageError,
    Setup,
    dated,
    decode,
)
from netaudience.sandbox.responses import Answer, Refused, json_answer, reason

#: Requests of one account that may be in flight at the upload.
UPLOADS_IN_FLIGHT = 15

#: The operations whose answers have the upload's envelope.
_ENVELOPED = frozenset({"upload", "subscribe", "disassociate"})

_PROFILE_COUNT = "/1/counts/profiles.json"
_EVENT_COUNT = "/1/counts/events.json"
_LIST_ADDRESS = "/get_custom_list_segment_url"
_LISTS = ("demerged", "profiles", "restricted_events", "discarded_events")


class CleverTap(CleverTapState):
    """CleverTap's state, with the operations that read and change it."""

    name = "clevertap"
    variables = ("ACCOUNT_ID", "PASSCODE")
    rules = dated("2026-11", RULES)
    limits = SandboxLimits(in_flight=3)
    limits_per_operation = True

    def __init__(self, passcodes: Mapping[str, str]) -> None:
        super().__init__()
        self._passcodes = passcodes
        self._uploads = Uploads(self)
        self._reads = Reads(self)
        self._custom_lists = CustomLists(self)
        api_segments = ApiSegments(self)
        uploads = SandboxLimits(in_flight=UPLOADS_IN_FLIGHT)
        self.operations = (
            Operation("demerge", "POST", "/1/demerge/profiles.json", self._demerge),
            Operation("upload", "POST", "/1/upload", self._uploads.upload, rows=True, limits=uploads),
            Operation("deleteProfiles", "POST", "/1/delete/profiles.json", self._delete),
            # Both halves of one read are one API, so they share its allowance.
            Operation("beginProfiles", "POST", "/1/profiles.json", self._reads.begin, allowance="profiles"),
            Operation("getProfiles", "GET", "/1/profiles.json", self._reads.page, allowance="profiles"),
            Operation("subscribe", "POST", "/1/subscribe", self._uploads.subscribe, rows=True),
            Operation("disassociate", "POST", "/1/disassociate", self._uploads.disassociate),
            Operation("getProfile", "GET", "/1/profile.json", self._reads.one, allowance="profiles"),
            Operation("countProfiles", "POST", _PROFILE_COUNT, self._reads.count, allowance="profile count"),
            Operation(
                "profileCount", "GET", _PROFILE_COUNT, self._reads.count_again, allowance="profile count"
            ),
            Operation(
                "countEvents",
                "POST",
                _EVENT_COUNT,
                partial(self._reads.count, events=True),
                allowance="event count",
            ),
            Operation("eventCount", "GET", _EVENT_COUNT, self._reads.count_again, allowance="event count"),
            Operation("beginEvents", "POST", "/1/events.json", self._reads.begin_events, allowance="events"),
            Operation("getEvents", "GET", "/1/events.json", self._reads.events, allowance="events"),
            Operation("createSegment", "POST", "/api/createSegment", api_segments.create),
            Operation("updateSegment", "POST", "/api/updateSegment", api_segments.update),
            Operation("customListAddress", "POST", _LIST_ADDRESS, self._custom_lists.address),
            Operation("putCustomList", "PUT", "/signed/{name}", self._custom_lists.put, public=True),
            Operation(
                "completeCustomList",
                "POST",
                "/upload_custom_list_segment_completed",
                self._custom_lists.complete,
            ),
        )

    def account(self, call: Call, /) -> str:
        """The account id, if the passcode is its own."""
        account = call.headers.get("X-CleverTap-Account-Id", "")
        passcode = call.headers.get("X-CleverTap-Passcode", "")
        expected = self._passcodes.get(account)
        if expected is None or not compare_digest(passcode.encode(), expected.encode()):
            raise Refused(fail(401, "Invalid Credentials"))
        return account

    def throttled(self, _operation: Operation, /) -> Answer:
        """The documented text in the shape of other failures."""
        return fail(429, "Too many concurrent requests")

    def poisoned(self, _operation: Operation, /) -> Answer:
        """A 400 that concerns the whole list."""
        return fail(400, "Request refused because of one of its identities")

    def failure(self, _operation: Operation, status: int, code: int | None, /) -> Answer:
        """The vendor's fail shape; code 2 is a read that is not ready."""
        return fail(status, "Request still in progress" if code == IN_PROGRESS else reason(status), code)

    def failure_in_200(self, operation: Operation, /) -> Answer:
        """A fail body under HTTP 200; an upload names no record in it."""
        if operation.name in _ENVELOPED:
            return envelope(0, [])
        return fail(200, "Request refused", 400)

    def reset(self) -> None:
        """Forget everything."""
        self.clear()
        self._reads.clear()
        self._custom_lists.clear()

    def seed(self, document: Json) -> None:
        """Add accepted identities, profiles and the names of events from JSON."""
        given = document if isinstance(document, dict) else {}
        lists = {
            name: entries for name, entries in given.items() if name in _LISTS and isinstance(entries, list)
        }
        if not lists or len(lists) < len(given):
            shape = ", ".join(f'"{name}": [...]' for name in _LISTS)
            raise SandboxUsageError(
                f"CleverTap is seeded with {{{shape}}}; a profile is a record of an upload."
            )
        judge = Judge(set(), set())
        good: list[Good] = []
        for record in lists.get("profiles", []):
            verdict = judge(record)
            if isinstance(verdict, Blame):
                raise SandboxUsageError(f"CleverTap takes no such profile: {RECORD_ERRORS[verdict.code]}")
            good.append(verdict)
        for profile in good:
            self._uploads.store(profile, 0)
        for name, members in (
            ("demerged", self.demerged),
            ("restricted_events", self.restricted_events),
            ("discarded_events", self.discarded_events),
        ):
            members.update(str(entry) for entry in lists.get(name, []))

    def demo(self) -> None:
        """Two profiles, one of them with a device."""
        self.seed(
            {
                "profiles": [
                    {
                        "type": "profile",
                        "identity": "client-19827239",
                        "objectId": "a8ffcbc9-a747-4ee3-a791-c5e58ad03097",
                        "profileData": {"Email": "john.brown@example.com", "favoriteFood": "pizza"},
                    },
                    {
                        "type": "profile",
                        "identity": "5555555555",
                        "profileData": {"favoriteColor": "blue"},
                    },
                ]
            }
        )

    def counts(self) -> Mapping[str, int]:
        """How much of each collection there is."""
        return {
            "profiles": len(self.profiles),
            "demerged": len(self.demerged),
            "deleted": len(self.deleted),
            "subscriptions": len(self.subscriptions),
            "disassociated": len(self.disassociated),
            "segments": len(self.segments),
            "api_segments": len(self.api_segments),
        }

    def keys(self, collection: str) -> Iterable[str]:
        """What `look` finds in a collection."""
        held: Mapping[str, Iterable[object]] = {
            "profiles": self.profiles,
            "demerged": self.demerged,
            "deleted": self.deleted,
            "subscriptions": dict.fromkeys(value for _, value in self.subscriptions),
            "segments": self.segments,
            "api_segments": self.api_segments,
            "disassociated": self.disassociated,
        }
        return map(str, held.get(collection, ()))

    def look(self, collection: str, key: str) -> object:
        """One profile, accepted identity, number or address."""
        match collection:
            case "profiles":
                profile = self.find(key)
                if profile is None:
                    return None
                events = {name: attrs.asdict(summary) for name, summary in profile.events.items()}
                return {**record_json(profile), "events": events, "tokens": dict(profile.tokens)}
            case "demerged" if key in self.demerged:
                return {"identity": key, "demerge": "accepted"}
            case "deleted" if key in self.deleted:
                return {"identity": key, "delete": "accepted"}
            case "subscriptions":
                found = {kind: status for (kind, value), status in self.subscriptions.items() if value == key}
                return found or None
            case "segments" if key in self.segments:
                segment = self.segments[key]
                return {"id": segment.id, "members": sorted(segment.members), "usable": segment.usable}
            case "api_segments" if key in self.api_segments:
                return attrs.asdict(self.api_segments[key])
            case "disassociated" if key in self.disassociated:
                return {"phone": key}
            case _:
                return None

    def _demerge(self, call: Call) -> Change:
        identities = _object(call).get("identities")
        if not isinstance(identities, list) or not identities:
            raise Refused(fail(400, "identities must be a list with at least one identity"))
        keys = _identities(identities)
        return Change(keys, _success, effect=lambda: self.demerged.update(keys))

    def _delete(self, call: Call) -> Change:
        body = _object(call)
        given = [name for name in ("identity", "guid") if body.get(name) not in (None, [], "")]
        if len(given) != 1:
            raise Refused(fail(400, "Give either identity or guid"))
        value = body[given[0]]
        keys = _identities(value if isinstance(value, list) else [value])
        return Change(keys, _success, effect=lambda: self.delete(keys))


def make(setup: Setup) -> CleverTap:
    """Make the vendor; the sandbox finds this by the name of its room."""
    return CleverTap(setup.credentials.clevertap_passcodes)


def _object(call: Call) -> dict[str, Json]:
    try:
        document = decode(call.body)
    except ValueError:
        raise Refused(fail(400, "Malformed request")) from None
    return document if isinstance(document, dict) else {}


def _identities(entries: list[Json]) -> list[str]:
    if len(entries) > MAX_IDENTITIES:
        raise Refused(fail(400, f"A maximum of {MAX_IDENTITIES} identities are allowed"))
    keys = [identity for identity in entries if isinstance(identity, str) and identity]
    if len(keys) < len(entries):
        raise Refused(fail(400, "Every identity must be a text"))
    return keys


def _success() -> Answer:
    return json_answer({"status": "success"})
