"""Iterable's user API as a server: the calls about one user, the bulk calls, two reads.

This module holds the table of operations with their limits, the key, and the shapes of failures;
the modules beside it do the work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from netaudience.sandbox.answers import Answer, reason, text_answer
from netaudience.sandbox.iterable.answers import Manners
from netaudience.sandbox.iterable.bulk import (
    BULK_SUBSCRIPTIONS,
    BULK_UPDATE,
    SUBSCRIBE,
    TRACK,
    UNSUBSCRIBE,
    Bulk,
)
from netaudience.sandbox.iterable.fields import Identity, envelope, refusal
from netaudience.sandbox.iterable.rules import MAX_BULK_BYTES, RULES
from netaudience.sandbox.iterable.seeding import demo, seed
from netaudience.sandbox.iterable.state import IterableState, Profile, PushDevice
from netaudience.sandbox.iterable.writes import (
    DISABLE_DEVICE,
    FORGET,
    REGISTER_DEVICE,
    UPDATE,
    UPDATE_EMAIL,
    Writes,
)
from netaudience.sandbox.words import Call, Change, Json, Operation, SandboxLimits, Window

__all__ = ["Iterable", "Manners", "Profile", "PushDevice"]

#: The number that messages call the project by.
PROJECT: Final = "1"
#: An address for documentation, https://www.rfc-editor.org/rfc/rfc5737: the vendor tells the caller's.
CALLER_IP: Final = "203.0.113.7"

_CODES: Mapping[int, str] = {
    400: "BadParams",
    403: "Forbidden",
    404: "NotFound",
    409: "ExternalKeyConflict",
    413: "BatchTooLarge",
    500: "GenericError",
}


class Iterable(IterableState):
    """One Iterable project, with the operations that read and change it."""

    name = "iterable"
    rules = RULES
    limits = SandboxLimits()
    limits_per_operation = True

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__()
        self._keys = frozenset(keys)
        #: How successes are worded.
        self.manners = Manners()
        self.operations = _operations(self, self.manners)

    def account(self, call: Call) -> str:
        """The project: its keys share one state and one set of limits."""
        key = call.headers.get("Api-Key", call.headers.get("Api_Key", ""))
        if key not in self._keys:
            endpoint = "/api/" + call.url.partition("/api/")[2]
            params = {"ip": CALLER_IP, "endpoint": endpoint}
            raise refusal("BadApiKey", "Invalid API key", 401, params)
        return PROJECT

    def throttled(self, operation: Operation) -> Answer:
        """The vendor's 429, which names the endpoint."""
        message = f"Exceeded rate limit for endpoint: {operation.path}, project: {PROJECT}"
        return envelope(429, "RateLimitExceeded", message, {})

    def poisoned(self, operation: Operation) -> Answer:
        """A 400 that concerns the whole body and does not say which element it is about."""
        return envelope(400, "BadJsonBody", f"[{operation.path}] Invalid JSON body")

    def failure(self, operation: Operation, status: int, code: int | None) -> Answer:
        """The vendor's envelope, or a proxy's text; any code makes the body's read Success."""
        if status == 429 and code is None:
            return self.throttled(operation)
        if status == 401 and code is None:
            params = {"ip": CALLER_IP, "endpoint": operation.path}
            return envelope(401, "BadApiKey", "Invalid API key", params)
        name = _CODES.get(status) if code is None else "Success"
        if name is None:
            return text_answer(f"{status} {reason(status)}", status)
        return envelope(status, name, reason(status))

    def failure_in_200(self, _operation: Operation) -> None:
        """Iterable is not known to refuse a whole request with HTTP 200."""

    def reset(self) -> None:
        """Forget everything but the settings."""
        self.clear()

    def seed(self, document: Json) -> None:
        """Add users and forgotten ones, and change settings, from JSON."""
        seed(self, self.manners, document)

    def demo(self) -> None:
        """Add two users."""
        demo(self)

    def counts(self) -> Mapping[str, int]:
        """How much of each collection there is."""
        return {
            "users": self.count(),
            "devices": len(self.by_token),
            "events": len(self.events),
            "fields": len(self.schema),
            "forgotten": len(self.forgotten_emails) + len(self.forgotten_user_ids),
        }

    def look(self, collection: str, key: str) -> object:
        """One user by either identifier, the devices of a token, a list, an event, a forgotten user."""
        match collection:
            case "users":
                profile = self.by_email.get(key.lower()) or self.find(Identity(user_id=key))
                return None if profile is None else profile.to_json()
            case "devices":
                holders = self.by_token.get(key, ())
                found = [
                    {"email": holder.email, "userId": holder.user_id, **holder.devices[key].to_json()}
                    for holder in holders
                ]
                return found or None
            case "lists":
                members = [holder for holder in self.profiles() if str(key) in map(str, holder.lists)]
                named = [{"email": holder.email, "userId": holder.user_id} for holder in members]
                return {"subscribers": named} if named else None
            case "events":
                return self.events.get(key)
            case "forgotten":
                known = key.lower() in self.forgotten_emails or key in self.forgotten_user_ids
                return {"forgotten": True} if known else None
            case _:
                return None


def _operations(state: IterableState, manners: Manners) -> tuple[Operation, ...]:
    writes = Writes(state, manners)
    bulk = Bulk(state, manners, writes)
    post = partial(_operation, "POST")
    delete = partial(_operation, "DELETE", limits=SandboxLimits.rate(100))
    get = partial(_operation, "GET", limits=SandboxLimits.rate(100))
    fast = SandboxLimits.rate(500)
    forgetting = SandboxLimits((Window(3), Window(1000, 86_400)))
    return (
        post("update", UPDATE, writes.update, limits=fast, rows=True),
        post("registerDeviceToken", REGISTER_DEVICE, writes.register_device, limits=fast, rows=True),
        post("disableDevice", DISABLE_DEVICE, writes.disable_device),
        post(
            "bulkUpdate",
            BULK_UPDATE,
            bulk.update,
            limits=SandboxLimits.rate(5, body_bytes=MAX_BULK_BYTES),
            rows=True,
        ),
        post("bulkUpdateSubscriptions", BULK_SUBSCRIPTIONS, bulk.subscriptions, rows=True),
        post("subscribe", SUBSCRIBE, bulk.subscribe, rows=True),
        post("unsubscribe", UNSUBSCRIBE, bulk.unsubscribe, rows=True),
        post("forget", FORGET, writes.forget, limits=forgetting),
        post("updateEmail", UPDATE_EMAIL, writes.update_email, rows=True),
        post("trackBulk", TRACK, bulk.track, limits=SandboxLimits.rate(10)),
        delete("delete", "/api/users/{email}", writes.delete_by_email),
        delete("deleteByUserId", "/api/users/byUserId/{userId}", writes.delete_by_user_id),
        get("getByEmail", "/api/users/getByEmail", writes.by_email),
        get("byUserId", "/api/users/byUserId", writes.by_user_id),
    )


def _operation(  # noqa: PLR0913 - an operation has this many parts
    method: str,
    name: str,
    path: str,
    prepare: Callable[[Call], Change],
    *,
    limits: SandboxLimits | None = None,
    rows: bool = False,
) -> Operation:
    return Operation(name, method, path, prepare, rows=rows, limits=limits)
