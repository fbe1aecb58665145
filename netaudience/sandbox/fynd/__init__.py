"""Fynd's Audience as a server: attribute definitions, users' attributes, groups, and their tokens.

This module holds the table of operations and the shapes of failures; the sandbox has no users until
somebody seeds or creates them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import attrs

from netaudience.sandbox.fynd import seeding
from netaudience.sandbox.fynd.attributes import Attributes
from netaudience.sandbox.fynd.customers import Customers
from netaudience.sandbox.fynd.groups import Groups
from netaudience.sandbox.fynd.jobs import Jobs
from netaudience.sandbox.fynd.provenance import PREFIX, RULES, TOKEN_PATH
from netaudience.sandbox.fynd.requests import error
from netaudience.sandbox.fynd.state import FyndState
from netaudience.sandbox.fynd.tokens import Tokens
from netaudience.sandbox.protocol import Call, Change, Json, Operation, SandboxLimits, Setup, dated
from netaudience.sandbox.responses import Answer, reason


class Fynd(FyndState):
    """Fynd's state, with the operations that read and change it."""

    name = "fynd"
    variables = ("CLIENT_ID", "CLIENT_SECRET", "COMPANY_ID", "APPLICATION_ID")
    rules = dated("2026-11", RULES)
    limits = SandboxLimits()
    limits_per_operation = False

    def __init__(self, clients: Mapping[str, str]) -> None:
        super().__init__()
        self.tokens = Tokens(clients)
        self.operations = _operations(
            self.tokens, Attributes(self), Groups(self), Customers(self), Jobs(self)
        )

    @property
    def token_lifetime(self) -> float:
        """Seconds that a token lives; set it for tokens that are issued from then on."""
        return self.tokens.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: float) -> None:
        self.tokens.lifetime = seconds

    def revoke(self) -> None:
        """End all tokens: every call answers 401 until a new one is issued."""
        self.tokens.revoke()

    def account(self, call: Call, /) -> str:
        """Company and application, if the call carries a token that is good now."""
        self.tokens.check(call)
        return f"{call.path['company_id']}/{call.path['application_id']}"

    def throttled(self, _operation: Operation, /) -> Answer:
        """The vendor's error body: the documents know no 429."""
        return error(429, "Too many requests")

    def poisoned(self, _operation: Operation, /) -> Answer:
        """A 400 that concerns the whole request."""
        return error(400, "One of the values is refused")

    def failure(self, _operation: Operation, status: int, code: int | None, /) -> Answer:
        """The vendor's error body."""
        return error(status, reason(status), None if code is None else str(code))

    def failure_in_200(self, _operation: Operation, /) -> None:
        """Fynd is not known to refuse with HTTP 200."""

    def reset(self) -> None:
        """Forget everything, tokens too."""
        self.clear()
        self.tokens.revoke()

    def seed(self, document: Json) -> None:
        """Add users, definitions, groups and files from JSON."""
        seeding.seed(self, document)

    def demo(self) -> None:
        """Add a little of everything."""
        seeding.demo(self)

    def counts(self) -> Mapping[str, int]:
        """How much of each collection there is."""
        return {
            "users": len(self.users),
            "definitions": len(self.definitions),
            "groups": len(self.groups),
            "jobs": len(self.jobs),
            "files": len(self.files),
        }

    def keys(self, collection: str) -> Iterable[str]:
        """What `look` finds in a collection."""
        held: Mapping[str, Iterable[object]] = {
            "users": self.users,
            "definitions": self.definitions,
            "groups": self.groups,
            "jobs": self.jobs,
            "files": self.files,
        }
        return map(str, held.get(collection, ()))

    def look(self, collection: str, key: str) -> object:
        """One user, definition, group or file; a definition also by its slug."""
        match collection:
            case "users":
                return self._user_json(key)
            case "definitions":
                definition = self.definitions.get(key) or self.by_slug(key)
                return None if definition is None else attrs.asdict(definition)
            case "groups":
                group = self.groups.get(key)
                if group is None:
                    return None
                return {**attrs.asdict(group), "blacklisted": sorted(group.blacklisted)}
            case "jobs":
                job = self.jobs.get(key)
                return None if job is None else attrs.asdict(job)
            case "files":
                return self.files.get(key)
            case _:
                return None

    def _user_json(self, user_id: str) -> object:
        user = self.users.get(user_id)
        if user is None:
            return None
        return {
            "user_id": user_id,
            "emails": user.emails,
            "phone_numbers": [attrs.asdict(phone) for phone in user.phones],
            "details": user.details,
            "activation": user.activation,
            "archived": user.archived,
            "delete_on": user.delete_on,
            "sessions": user.sessions,
            "attributes": {
                self.definitions[definition_id].slug: attribute.value
                for definition_id, attribute in user.attributes.items()
            },
            "groups": [group.id for group in self.groups.values() if user_id in group.members],
        }


def make(setup: Setup) -> Fynd:
    """Make the vendor; the sandbox finds this by the name of its room."""
    return Fynd(setup.credentials.fynd_clients)


def _operations(
    tokens: Tokens, attributes: Attributes, groups: Groups, customers: Customers, jobs: Jobs
) -> tuple[Operation, ...]:
    def at(
        method: str, path: str, name: str, prepare: Callable[[Call], Change], *, rows: bool = False
    ) -> Operation:
        return Operation(name, method, f"{PREFIX}/{path}", prepare, rows=rows)

    definitions = "user_attribute/definition"
    definition = f"{definitions}/{{definition_id}}"
    held = f"{definition}/user/{{user_id}}"
    several = "user_attribute/user/{user_id}"
    group = "user_group/{group_id}"
    return (
        Operation("getAccessToken", "POST", TOKEN_PATH, tokens.issue, public=True),
        at("GET", definitions, "getUserAttributeDefinitions", attributes.definitions),
        at("POST", definitions, "createUserAttributeDefinition", attributes.create_definition),
        at("GET", definition, "getUserAttributeDefinitionById", attributes.definition),
        at("PUT", definition, "updateUserAttributeDefinition", attributes.update_definition),
        at("DELETE", definition, "deleteUserAttributeDefinitionById", attributes.delete_definition),
        at("PATCH", "user_attribute/bulk_update", "bulkUpdateUserAttributes", attributes.bulk_update),
        at("GET", several, "getUserAttributesForUser", attributes.of_user),
        at("GET", held, "getUserAttributeById", attributes.one_of_user),
        at("PUT", held, "updateUserAttribute", attributes.set_one, rows=True),
        at("DELETE", held, "deleteUserAttribute", attributes.delete_one),
        at("POST", several, "updateUserAttributes", attributes.set_several, rows=True),
        at("DELETE", several, "deleteUserAttributes", attributes.delete_several),
        at("GET", "customers/search", "searchUsers", customers.search),
        at("POST", "user_attribute/users", "filterUsersByAttributes", customers.filtered),
        at("GET", "user_attribute/attribute/{attribute_id}", "getUserAttributeById", attributes.by_its_id),
        at("POST", "customers", "createUser", customers.create),
        at("PUT", "customers/activation", "blockOrUnblockUsers", customers.activate),
        at("PUT", "customers/archive", "archiveUser", customers.archive),
        at("PUT", "customers/undelete", "unDeleteUser", customers.undelete),
        at("GET", "customers/sessions", "getActiveSessions", customers.sessions),
        at("DELETE", "customers/sessions", "deleteActiveSessions", customers.end_sessions),
        at("DELETE", "customers/session", "deleteSession", customers.end_session),
        at("PUT", "customers/{user_id}", "updateUser", customers.update),
        at("GET", "customers/list", "getCustomers", customers.listed),
        at("GET", "customers/{user_id}/timeline", "getUserTimeline", customers.timeline),
        at("POST", "users/jobs/import", "createBulkUserImport", jobs.start_import),
        at("GET", "users/jobs/import", "getBulkUserImports", partial(jobs.jobs, action="import")),
        at("POST", "users/jobs/export", "createBulkUserExport", jobs.start_export),
        at("GET", "users/jobs/export", "getBulkUserExports", partial(jobs.jobs, action="export")),
        at("GET", "users/jobs/{job_id}", "getUserBulkJob", jobs.job),
        at("GET", "user_group/tags", "getUserGroupTags", groups.tags),
        at("GET", "user_group/categories", "getUserGroupCategories", groups.categories),
        at("GET", "user_group/categorised", "getCategorisedUserGroups", groups.categorised),
        at("GET", "user_group", "getUserGroups", groups.groups),
        at("POST", "user_group", "createUserGroup", groups.create),
        at("GET", group, "getUserGroupById", groups.group),
        at("PUT", group, "replaceUserGroup", groups.replace),
        at("PATCH", group, "updateUserGroup", groups.patch),
        at("DELETE", group, "deleteUserGroup", groups.delete),
        at("GET", f"{group}/users", "getUsersByByGroupId", groups.users),
        at("POST", f"{group}/refresh", "refreshTotalUsers", groups.refresh),
    )
