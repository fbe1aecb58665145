"""MoEngage's operations on users: tracked, imported, deleted, merged and read.

Facts only; the rows are in `models`, and how one becomes an element in `elements`.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, documented
from netaudience.model.validators import text, texts
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.moengage.answers import blame_export
from netaudience.vendors.moengage.elements import (
    PAIRS,
    USERS,
    user_element,
)
from netaudience.vendors.moengage.facts import (
    ACCEPTED_WHOLE,
    DELETES,
    DROPPED_OF_USERS,
    ELEMENTS,
    EXPORTS,
    IMPORTED_USERS,
    MERGES,
    ONE,
    ONE_ROW,
    OTHER_BYTES,
    TRACKED_USERS,
)
from netaudience.vendors.moengage.in_workspace import InWorkspace, bulk
from netaudience.vendors.moengage.models import (
    Accepted,
    GetUsersResponse,
    MergePair,
    MergePairDict,
    MergeResponse,
    User,
    UserDict,
)
from netaudience.vendors.moengage.rules import DOCS, SPECIFICATION

_WORKSPACE = "/{workspace_id}"


class Users(InWorkspace):
    """The operations on users."""

    @call(
        "POST",
        f"/v1/customer{_WORKSPACE}",
        items=USERS,
        limit=ONE,
        quota=TRACKED_USERS,
        idempotent=True,
        coalesces="merge",
        note="For more than a few users, import_users takes many in one request.",
        unsaid=DROPPED_OF_USERS,
        docs=DOCS,
    )
    def track_user(self, user: User | UserDict, *, update_existing_only: bool = False) -> Request[Accepted]:
        """Create or update a user.

        The answer means *accepted*: the user is written later, and whether that succeeds is never reported.
        To know, read the user with `export_users`.

        Args:
            user: The user's id, and the attributes to set; others keep their values.
            update_existing_only: Leave out users that MoEngage does not know, instead of creating them.
        """
        element = user_element(user, update_existing_only=update_existing_only)
        return Request(json=element, query=self._project(), answer=Accepted)

    @batch(
        "POST",
        f"/v1/transition{_WORKSPACE}",
        items=USERS,
        limit=ELEMENTS,
        quota=IMPORTED_USERS,
        idempotent=True,
        coalesces="merge",
        note=ACCEPTED_WHOLE,
        unsaid=DROPPED_OF_USERS,
        docs=SPECIFICATION,
    )
    def import_users(
        self, users: Sequence[User | UserDict], *, update_existing_only: bool = False
    ) -> Request[Accepted]:
        """Create or update many users.

        The answer means *accepted*: the users are written later, and whether that succeeds is never reported
        for a single one. A refusal concerns all users of a request, which is then halved to find the one.

        Args:
            users: One row per user; a later row of the same user is sent later.
            update_existing_only: Leave out users that MoEngage does not know, instead of creating them.
        """
        elements = [user_element(user, update_existing_only=update_existing_only) for user in users]
        return Request(json=bulk(elements), query=self._project(), answer=Accepted)

    @call(
        "POST",
        "/v1/customer/delete",
        items=Identifiers("user"),
        limit=Limit(rows=ONE_ROW, bytes=OTHER_BYTES),
        quota=DELETES,
        idempotent=True,
        destructive=True,
        irreversible=True,
        note="The user goes after 24 hours, in which it is active, is still seen and can be changed; then "
        "its events are out of reach.",
        unsaid="events of the user are not deleted, and the same id coming again makes a new user",
        docs=SPECIFICATION,
        consent="deletes users for good",
    )
    def delete_user(self, user: str, *, by: str = "customer_id", confirm: bool = False) -> Request[Accepted]:
        """Delete a user for good, after 24 hours.

        The answer means *accepted*. A user that MoEngage does not know is reported as `NotFound`.

        Args:
            user: The user's id.
            by: What it is: ``customer_id``, or ``moengage_id`` for MoEngage's own.
            confirm: Must be True; this cannot be undone.
        """
        return Request(
            json={"identity_type": _kind_of_identifier(by), "identity_value": user},
            query=self._app_id(),
            answer=Accepted,
        )

    @batch(
        "POST",
        "/v1/customer/merge",
        items=PAIRS,
        limit=Limit(rows=documented(50, SPECIFICATION), bytes=documented(128_000, SPECIFICATION)),
        quota=MERGES,
        idempotent=False,
        destructive=True,
        irreversible=True,
        note="Done within 30 minutes; events of the last 30 days move along; wait two hours after an id was "
        "changed.",
        unsaid="a pair that cannot be merged is skipped",
        docs=SPECIFICATION,
        consent="merges users for good",
    )
    def merge_users(
        self, pairs: Sequence[MergePair | MergePairDict], *, confirm: bool = False
    ) -> Request[MergeResponse]:
        """Merge pairs of users, the first of each pair into the second, for good.

        The answer means *accepted*: a pair that could not be merged is skipped, and that is never reported.
        What a user took over from another does not go on to a third: merge each into the last one.

        Args:
            pairs: One row per user who goes, with the one who stays.
            confirm: Must be True; this cannot be undone.
        """
        if self._workspace.identifiers:
            raise ConfigurationError("merge_users does not work in a workspace with Identity Resolution")
        return Request(json={"merge_data": pairs}, query=self._app_id(), answer=MergeResponse)

    @batch(
        "POST",
        "/v1/customers/export",
        items=Identifiers("user"),
        limit=Limit(
            rows=documented(20, SPECIFICATION),
            bytes=OTHER_BYTES,
        ),
        quota=EXPORTS,
        # A POST that only reads: it may be asked again.
        idempotent=True,
        blame=blame_export,
        acknowledges="answered",
        note="Has to be enabled for the workspace by MoEngage.",
        docs=SPECIFICATION,
    )
    def export_users(
        self, users: Sequence[str], *, user_fields: Sequence[str] | None = None, by: str = "customer_id"
    ) -> Request[GetUsersResponse]:
        """Read users.

        The answer to up to twenty users is one `GetUsersResponse`: read the run's chunks and take their
        `result`, or have each outcome carry the answer that its user is in. A user that MoEngage does
        not know is rejected as `NotFound`.

        Args:
            users: The users' ids.
            user_fields: The attributes to read; all of them if not given. Name ``customer_id`` among
                them to tell the users apart.
            by: What the ids are: ``customer_id``, or ``id`` or ``moengage_id`` for MoEngage's own, for
                which its documents have both names.
        """
        kind = _kind_of_identifier(by)
        data: dict[str, object] = {
            "identifiers": [{"identifier_type": kind, "identifier": user} for user in users]
        }
        if user_fields is not None:
            problem = texts("list of user_fields").why_invalid(user_fields)
            if problem:
                raise ConfigurationError(problem)
            data["user_fields_to_export"] = list(user_fields)
        return Request(json={"data": data}, query=self._app_id(), answer=GetUsersResponse)


def _kind_of_identifier(by: str) -> str:
    """Return what an identifier is; open, for the vendor's documents differ on the names."""
    if problem := text("by").why_invalid(by):
        raise ConfigurationError(f"{problem}, such as customer_id")
    return by
