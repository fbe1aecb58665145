"""Iterable's user API as a server: the calls about one user, the bulk calls, two reads.

This module holds the table of operations with their limits, the key, and the shapes of failures;
the modules beside it do the work.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from netaudience.sandbox.iterable.bulk import (
    BULK_SUBSCRIPTIONS,
    BULK_UPDATE,
    ONE_SUBSCRIPTION,
    SUBSCRIBE,
    TRACK,
    TRACK_ONE,
    UNSUBSCRIBE,
    Bulk,
)
from netaudience.sandbox.iterable.exports import FILES as EXPORT_FILES
from netaudience.sandbox.iterable.exports import JOBS as EXPORT_JOBS
from netaudience.sandbox.iterable.exports import ONE as ONE_EXPORT
from netaudience.sandbox.iterable.exports import START as EXPORT
from netaudience.sandbox.iterable.exports import Exports
from netaudience.sandbox.iterable.fields import Identity, envelope, refusal
from netaudience.sandbox.iterable.lists import LISTS, Lists
from netaudience.sandbox.iterable.privacy import MERGE, UNFORGET, Privacy
from netaudience.sandbox.iterable.provenance import MAX_BULK_BYTES, RULES
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.seeding import demo, seed
from netaudience.sandbox.iterable.state import IterableState
from netaudience.sandbox.iterable.subscriptions import (
    BY_EMAIL,
    BY_USER_ID,
    DOUBLE_OPT_IN,
    MANY,
    Subscriptions,
)
from netaudience.sandbox.iterable.writes import (
    DISABLE_DEVICE,
    FORGET,
    REGISTER_BROWSER,
    REGISTER_DEVICE,
    UPDATE,
    UPDATE_EMAIL,
    Writes,
)
from netaudience.sandbox.protocol import Call, Change, Json, Operation, SandboxLimits, Setup, Window, dated
from netaudience.sandbox.responses import Answer, reason, text_answer

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
    variables = ("API_KEY",)
    rules = dated("2026-11", RULES)
    limits = SandboxLimits()
    limits_per_operation = True

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__()
        self._keys = frozenset(keys)
        #: How successes are worded.
        self.manners = Manners()
        self._exports = Exports(self, self.manners)
        self.operations = _operations(self, self.manners, self._exports)

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
        self._exports.clear()

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

    def keys(self, collection: str) -> abc.Iterable[str]:
        """What `look` finds in a collection."""
        held: Mapping[str, abc.Iterable[object]] = {
            "users": (profile.email or profile.user_id for profile in self.profiles()),
            "devices": self.by_token,
            "events": self.events,
            "forgotten": (*self.forgotten_emails, *self.forgotten_user_ids),
        }
        return map(str, held.get(collection, ()))

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


def make(setup: Setup) -> Iterable:
    """Make the vendor; the sandbox finds this by the name of its room."""
    return Iterable(setup.credentials.iterable_keys)


def _operations(state: IterableState, manners: Manners, exports: Exports) -> tuple[Operation, ...]:
    writes = Writes(state, manners)
    bulk = Bulk(state, manners, writes)
    lists, privacy = Lists(state, manners), Privacy(state, manners)
    single = Subscriptions(state, manners)
    post = partial(_operation, "POST")
    delete = partial(_operation, "DELETE", limits=SandboxLimits.rate(100))
    get = partial(_operation, "GET", limits=SandboxLimits.rate(100))
    fast = SandboxLimits.rate(500)
    forgetting = SandboxLimits((Window(3), Window(1000, 86_400)))
    read = partial(_operation, "GET")
    slow, few = SandboxLimits.rate(3), SandboxLimits.rate(5, 60.0)
    return (
        post("update", UPDATE, writes.update, limits=fast, rows=True),
        post("registerDeviceToken", REGISTER_DEVICE, writes.register_device, limits=fast, rows=True),
        post("registerBrowserToken", REGISTER_BROWSER, writes.register_browser, rows=True),
        post("updateSubscriptions", ONE_SUBSCRIPTION, bulk.subscription, rows=True),
        post("trackEvent", TRACK_ONE, bulk.track_one, limits=SandboxLimits.rate(2000)),
        post("subscribeToDoubleOptIn", DOUBLE_OPT_IN, single.double_opt_in),
        read("getSentMessages", "/api/users/getSentMessages", writes.sent_messages, limits=slow),
        read("getExportJobs", EXPORT_JOBS, exports.all),
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
        post("unforget", UNFORGET, privacy.unforget, limits=forgetting),
        read("forgotten", "/api/users/forgotten", privacy.emails, limits=slow),
        read("forgottenUserIds", "/api/users/forgottenUserIds", privacy.user_ids, limits=slow),
        post("merge", MERGE, privacy.merge, limits=SandboxLimits.rate(50)),
        get("getLists", LISTS, lists.all),
        post("createList", LISTS, lists.create),
        _operation("DELETE", "deleteList", f"{LISTS}/{{listId}}", lists.delete),
        read("getListUsers", f"{LISTS}/getUsers", lists.members, limits=few),
        read("previewListUsers", f"{LISTS}/previewUsers", lists.sample, limits=few),
        read("getListSize", f"{LISTS}/{{listId}}/size", lists.size, limits=few),
        _operation("PUT", "changeSubscription", MANY, single.many),
        _operation("PATCH", "subscribeUser", BY_EMAIL, single.subscribe),
        _operation("PATCH", "subscribeUserByUserId", BY_USER_ID, single.subscribe),
        _operation("DELETE", "unsubscribeUser", BY_EMAIL, single.unsubscribe),
        _operation("DELETE", "unsubscribeUserByUserId", BY_USER_ID, single.unsubscribe),
        read("getFields", "/api/users/getFields", lists.fields, limits=slow),
        get("getChannels", "/api/channels", lists.channels),
        get("getMessageTypes", "/api/messageTypes", lists.message_types),
        post("startExport", EXPORT, exports.start, limits=SandboxLimits.rate(1)),
        read("getExportFiles", EXPORT_FILES, exports.files, limits=SandboxLimits.rate(1)),
        _operation("DELETE", "cancelExport", ONE_EXPORT, exports.cancel, limits=SandboxLimits.rate(1)),
        Operation("exportedFile", "GET", "/exported/{name}", exports.file, public=True),
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
