"""MoEngage's Data API as a server: users, devices and events, alone and in bulk, and their neighbours.

This module holds the table of operations with their limits, the key, and the shapes of failures;
the modules beside it do the work.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hmac import compare_digest

from netaudience.sandbox.moengage.consents import Consents
from netaudience.sandbox.moengage.elements import Elements, Kind
from netaudience.sandbox.moengage.provenance import DAY, HOUR, MAX_BULK_BYTES, MAX_BYTES, MINUTE, RULES
from netaudience.sandbox.moengage.requests import FOREIGN, Reader, Refusals
from netaudience.sandbox.moengage.seeding import seed
from netaudience.sandbox.moengage.segments import Segments
from netaudience.sandbox.moengage.state import MoEngageState, Suspension
from netaudience.sandbox.moengage.users import Users
from netaudience.sandbox.protocol import (
    Call,
    Change,
    Json,
    Operation,
    SandboxLimits,
    SandboxUsageError,
    Setup,
    Window,
    dated,
)
from netaudience.sandbox.responses import Answer, Refused, json_answer, reason, text_answer

MERGE = "/v1/customer/merge"
_NAMED_IN_THE_QUERY = ("customer/", "customers/", "devices/")

_SUSPENDED: Mapping[Suspension, str] = {
    "BlockedClient": "Your account is suspended. Please contact MoEngage team.",
    "Account Suspended": "Your account is suspended. Please contact MoEngage team.",
    "Account Temporarily Suspended": "Your account is temporarily suspended. Please contact MoEngage team.",
    "Blacklisted": "Your account is blacklisted, Please contact MoEngage.",
}
_UNEXPECTED = (
    "An unexpected error was encountered while processing this request. Please contact MoEngage Team"
)


class MoEngage(MoEngageState):
    """One MoEngage state, with the operations that read and change it."""

    name = "moengage"
    variables = ("WORKSPACE_ID", "DATA_API_KEY")
    rules = dated("2026-11", RULES)
    limits = SandboxLimits()
    limits_per_operation = True

    def __init__(
        self,
        keys: Mapping[str, str],
        now: Callable[[], float] | None = None,
        callbacks: list[tuple[str, dict[str, Json]]] | None = None,
    ) -> None:
        """Let in these workspaces by their keys; `now` is the clock that ends the 24 hours of a delete.

        Without a clock they end with the first request after them.
        """
        super().__init__(now, callbacks)
        self._keys = keys
        #: Every request is refused as of such an account.
        self.suspended: Suspension | None = None
        self._refusals = Refusals()
        reader = Reader(self._refusals)
        self._elements = Elements(self, reader, self._rate_limited)
        self.operations = _operations(
            self._elements, Users(self, reader), Consents(self, reader), Segments(self, reader)
        )

    @property
    def bulk_limits(self) -> dict[Kind, int]:
        """How many elements of each kind a workspace may send in bulk in a minute."""
        return self._elements.bulk_limits

    def account(self, call: Call) -> str:
        """The workspace id, if the key is its own."""
        merging = call.url.endswith(MERGE)
        status = 409 if merging else 401
        given = call.headers.get("Authorization")
        if given is None:
            raise Refused(self._unauthorised("Authentication Header Required", status))
        workspace, key = _basic(given)
        expected = self._keys.get(workspace)
        if expected is None:
            raise Refused(self._unauthorised("Invalid APP_ID used in Authentication Header", status))
        if not compare_digest(key.encode(), expected.encode()):
            raise Refused(self._unauthorised(FOREIGN, status))
        self._check_workspace(call, workspace)
        if self.suspended is not None:
            status = 400 if merging or self.suspended == "Blacklisted" else 403
            self._refusals.refuse(self.suspended, _SUSPENDED[self.suspended], status=status)
        self.settle(call.now)
        return workspace

    def _check_workspace(self, call: Call, workspace: str) -> None:
        """Refuse a request that names another workspace than its key is of, in its path or its query."""
        named = call.path.get("workspace_id") or call.query.get("app_id") or None
        if named is None and any(f"/v1/{route}" in call.url for route in _NAMED_IN_THE_QUERY):
            text = "app_id is required in path/query params."
            self._refusals.refuse("ParamsRequired", text)
        if named is not None and named not in self._keys:
            self._refusals.refuse("InvalidParams", "Given app_id is invalid.")
        if named is not None and named != workspace:
            text = "App key mismatch in params and authentication"
            self._refusals.refuse("Authentication Mismatch", text, status=409)

    def throttled(self, operation: Operation) -> Answer:
        """The route's own 429."""
        if operation.name == "deleteUser":
            return _titled(429, "Rate limit exceeded", "Exceeded rate limit for this url")
        if operation.name == "device":
            text = "Rate limits for customers exceeded. Please Try After Some Time"
            return self._refusals.answer(429, "Rate Limits Exceeded", text)
        return self._rate_limited()

    def poisoned(self, _operation: Operation) -> Answer:
        """A 400 that concerns the whole body and does not say which element it is about."""
        return self._refusals.answer(400, "AttributeError", "One of the values is refused")

    def failure(self, operation: Operation, status: int, _code: int | None) -> Answer:
        """The failure in the route's own shape; a proxy's text for what only a proxy answers."""
        merging = operation.path == MERGE
        match status:
            case 401:
                return self._unauthorised(FOREIGN, 401)
            case 403:
                return self._refusals.answer(403, "BlockedClient", _SUSPENDED["BlockedClient"])
            case 409 if merging:
                return self._unauthorised(FOREIGN, 409)
            case 413:
                most = MAX_BULK_BYTES if operation.name == "transition" else MAX_BYTES
                text = f"Payload size exceeds {most // 1000} KB"
                return self._refusals.answer(413, "PayloadTooLarge", text)
            case 429:
                return self.throttled(operation)
            case 500 if operation.name == "deleteUser":
                return _titled(500, "Internal Server Error", "The request could not be processed")
            case 500:
                text = _UNEXPECTED if operation.name == "event" else "Internal Server Error"
                return self._refusals.answer(500, "ServerError", text)
            case 400:
                return self._refusals.answer(400, "AttributeError", reason(status))
            case _:
                return text_answer(f"{status} {reason(status)}", status)

    def failure_in_200(self, _operation: Operation) -> None:
        """MoEngage is not known to refuse with HTTP 200."""

    def reset(self) -> None:
        """Forget everything but the settings."""
        self.clear()
        self._elements.forget_windows()

    def seed(self, document: Json) -> None:
        """Add users, and change settings, from JSON."""
        if not isinstance(document, dict) or not document:
            raise SandboxUsageError("MoEngage is seeded with a JSON object of users and settings.")
        seed(self, document)

    def demo(self) -> None:
        """Add two users and a device."""
        attributes: dict[str, Json] = {"u_fn": "John", "u_em": "john.brown@example.com", "points": 20}
        self.write("id1", attributes, existing_only=False)
        self.add_device("id1", "device-1", {"platform": "ANDROID", "push_id": "token-1"})
        self.write("id2", {"u_fn": "Ada"}, existing_only=False)

    def counts(self) -> Mapping[str, int]:
        """How much of each collection there is."""
        self.settle()
        return {
            "users": len(self.customers),
            "devices": sum(len(customer.devices) for customer in self.customers.values()),
            "events": sum(len(actions) for actions in self.events.values()),
            "attributes": len(self.names),
            "cohorts": len(self.cohorts),
            "erasures": len(self.erasures),
            "segments": len(self.segments),
        }

    def keys(self, collection: str) -> Iterable[str]:
        """What `look` finds in a collection."""
        self.settle()
        held: Mapping[str, Iterable[object]] = {
            "users": self.customers,
            "events": self.events,
            "cohorts": self.cohorts,
            "segments": self.segments,
            "erasures": self.erasures,
        }
        return map(str, held.get(collection, ()))

    def look(self, collection: str, key: str) -> object:
        """One user with the devices, or the events of one."""
        self.settle()
        match collection:
            case "users":
                customer = self.customers.get(key)
                return None if customer is None else customer.to_json()
            case "events":
                return self.events.get(key)
            case "cohorts":
                members = self.cohorts.get(key)
                return None if members is None else sorted(members)
            case "segments":
                segment = self.segments.get(key)
                return None if segment is None else sorted(segment.members)
            case "erasures":
                return self.erasures.get(key)
            case _:
                return None

    def _unauthorised(self, text: str, status: int) -> Answer:
        return self._refusals.answer(status, "Authentication required", text)

    def _rate_limited(self) -> Answer:
        return self._refusals.answer(429, "RateLimitError", "Rate limit exceeded")


def make(setup: Setup) -> MoEngage:
    """Make the vendor; the sandbox finds this by the name of its room."""
    return MoEngage(setup.credentials.moengage_keys, setup.now, setup.callbacks)


def _operations(
    elements: Elements, users: Users, consents: Consents, segments: Segments
) -> tuple[Operation, ...]:
    def records(count: int) -> SandboxLimits:
        return SandboxLimits((Window(count, MINUTE, "records"),), shown=True)

    def requests(count: int) -> SandboxLimits:
        return SandboxLimits((Window(count, MINUTE),), shown=True)

    def data(name: Kind, count: int) -> Operation:
        prepare = partial(elements.alone, kind=name)
        path = f"/v1/{name}/{{workspace_id}}"
        # Order matters for users and their devices; events carry their own time.
        return Operation(name, "POST", path, prepare, rows=name != "event", limits=records(count))

    def about(name: str, path: str, prepare: Callable[[Call], Change], limits: SandboxLimits) -> Operation:
        return Operation(name, "POST", f"/v1/{path}", prepare, limits=limits)

    def a_day(minute: int, day: int) -> SandboxLimits:
        return SandboxLimits((Window(minute, MINUTE), Window(day, DAY)), shown=True)

    hourly = SandboxLimits((Window(10, HOUR), Window(100, DAY)), shown=True)

    def of_files(name: str, method: str, path: str, prepare: Callable[[Call], Change]) -> Operation:
        path = f"/v2/custom-segments/{path}"
        return Operation(name, method, path, prepare, allowance="files", limits=hourly)

    file, archive = segments.file, segments.archive
    preferences = "/v5/subscription-preferences"
    shared = a_day(100, 360_000)
    return (
        Operation("gdprRequest", "POST", "/v1/opengdpr_requests/{workspace_id}", consents.erase),
        Operation(
            "subscriptionCategories",
            "GET",
            "/v5/subscription-categories",
            consents.categories,
            allowance="preferences",
            limits=shared,
        ),
        Operation(
            "getPreferences",
            "GET",
            preferences,
            consents.preferences,
            allowance="preferences",
            limits=shared,
        ),
        Operation(
            "setPreferences",
            "PATCH",
            preferences,
            consents.change,
            rows=True,
            allowance="preferences",
            limits=shared,
        ),
        Operation(
            "categoryPreferences",
            "POST",
            "/v1/category-subscription/user-preferences",
            consents.category_preferences,
            rows=True,
            limits=a_day(100, 360_000),
        ),
        Operation(
            "bulkResubscribe",
            "POST",
            "/emails/v1.0/bulk-resubscribe",
            consents.resubscribe,
            limits=a_day(10, 14_400),
        ),
        Operation(
            "optInStatus",
            "PUT",
            "/v1.0/opt-in-management/user-preferences",
            consents.opt_in,
            rows=True,
            limits=a_day(1000, 360_000),
        ),
        about("testConnection", "integrations/authentication", consents.connection, SandboxLimits()),
        of_files("createSegment", "POST", "file-segment", partial(file, action="create")),
        of_files("addToSegment", "PUT", "file-segment/add-users", partial(file, action="add")),
        of_files("removeFromSegment", "PUT", "file-segment/remove-users", partial(file, action="remove")),
        of_files("replaceSegment", "PUT", "file-segment/replace", partial(file, action="replace")),
        of_files("archiveSegment", "PATCH", "archive", partial(archive, archived=True)),
        of_files("unarchiveSegment", "PATCH", "unarchive", partial(archive, archived=False)),
        about("cohortSync", "integrations/cohortsync", consents.cohort, requests(300)),
        data("customer", 10_000),
        data("device", 10_000),
        data("event", 30_000),
        Operation("transition", "POST", "/v1/transition/{workspace_id}", elements.bulk, rows=True),
        about("deleteUser", "customer/delete", users.delete, requests(5_000)),
        about("mergeUsers", "customer/merge", users.merge, records(1_000)),
        about("exportUsers", "customers/export", users.export, records(1_000)),
        about("manageDevices", "devices/manage", users.manage_devices, requests(1_000)),
    )


def _basic(header: str) -> tuple[str, str]:
    """The user and password of an Authorization header; empty where it has none."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return "", ""
    user, _, password = decoded.partition(":")
    return (user, password) if scheme.lower() == "basic" else ("", "")


def _titled(status: int, title: str, description: str) -> Answer:
    """The other shape of a failure, without an error object."""
    return json_answer({"status": "fail", "title": title, "description": description}, status)
