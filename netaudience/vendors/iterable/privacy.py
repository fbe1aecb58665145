"""Iterable: users deleted, forgotten for good, taken back, and merged into others."""

from __future__ import annotations

from netaudience.model.wire import Request
from netaudience.operations.declare import call, query
from netaudience.vendors.iterable.facts import (
    DELETE_BY_EMAIL,
    DELETE_BY_USER_ID,
    EMAILS,
    FORGET,
    FORGOTTEN,
    FORGOTTEN_USER_IDS,
    MERGE,
    MERGES,
    ONE,
    PATH_USER_IDS,
    SPECIFICATION,
    UNFORGET,
    USER_IDS,
)
from netaudience.vendors.iterable.models import IterableResponse, Merge, MergeDict
from netaudience.vendors.iterable.project import Forgotten

_A_THOUSAND_A_DAY = "1,000 a day, of both ways together: a longer run stops when they are used up."
_NOBODY = "whether there was anybody of that name"
_NO_DATA = f"The data does not come back. {_A_THOUSAND_A_DAY}"


class Privacy:
    """The operations on who is known at all."""

    @call(
        "DELETE",
        "/api/users/{email}",
        items=EMAILS,
        limit=ONE,
        quota=DELETE_BY_EMAIL,
        idempotent=True,
        destructive=True,
        note="Deleted asynchronously, and created again by whatever comes later for the same address.",
        docs=SPECIFICATION,
    )
    def delete_user(self, email: str) -> Request[IterableResponse]:
        """Delete the user with an e-mail address.

        The answer means *accepted*. Of a user who is not there it is the error `NotFound`: nothing is left
        to be done, but a mistyped address is not to be reported as deleted.

        Args:
            email: The user's address.
        """
        return Request(path={"email": email}, answer=IterableResponse)

    @call(
        "DELETE",
        "/api/users/byUserId/{userId}",
        items=PATH_USER_IDS,
        limit=ONE,
        quota=DELETE_BY_USER_ID,
        idempotent=True,
        destructive=True,
        note="Deletes every profile with this userId. Deleted asynchronously; it may be created again later.",
        docs=SPECIFICATION,
    )
    def delete_user_by_user_id(self, user_id: str) -> Request[IterableResponse]:
        """Delete every user with a userId; several profiles may share one.

        The answer means *accepted*. Where there is no such user it is the error `NotFound`, as in
        `delete_user`.

        Args:
            user_id: Your own id of the user.
        """
        return Request(path={"userId": user_id}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/forget",
        items=EMAILS,
        limit=ONE,
        quota=FORGET,
        idempotent=True,
        destructive=True,
        note=_A_THOUSAND_A_DAY,
        unsaid=_NOBODY,
        docs=SPECIFICATION,
    )
    def forget_user(self, email: str) -> Request[IterableResponse]:
        """Delete a user by e-mail address, and refuse whatever comes for it from now on (GDPR).

        Not for projects that name their users by userId alone: see `forget_user_by_user_id`.

        Args:
            email: The user's address.
        """
        return Request(json={"email": email}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/forget",
        items=USER_IDS,
        limit=ONE,
        quota=FORGET,
        idempotent=True,
        destructive=True,
        note=_A_THOUSAND_A_DAY,
        unsaid=_NOBODY,
        docs=SPECIFICATION,
    )
    def forget_user_by_user_id(self, user_id: str) -> Request[IterableResponse]:
        """Delete a user by userId, and refuse whatever comes for it from now on (GDPR).

        Not for email-based projects: see `forget_user`.

        Args:
            user_id: Your own id of the user.
        """
        return Request(json={"userId": user_id}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/unforget",
        items=EMAILS,
        limit=ONE,
        quota=UNFORGET,
        idempotent=True,
        note=_NO_DATA,
        docs=SPECIFICATION,
    )
    def unforget_user(self, email: str) -> Request[IterableResponse]:
        """Let data about a user who was forgotten be collected again, by e-mail address.

        Args:
            email: The user's address.
        """
        return Request(json={"email": email}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/unforget",
        items=USER_IDS,
        limit=ONE,
        quota=UNFORGET,
        idempotent=True,
        note=_NO_DATA,
        docs=SPECIFICATION,
    )
    def unforget_user_by_user_id(self, user_id: str) -> Request[IterableResponse]:
        """Let data about a user who was forgotten be collected again, by userId.

        Args:
            user_id: Your own id of the user.
        """
        return Request(json={"userId": user_id}, answer=IterableResponse)

    @query(
        "GET",
        "/api/users/forgotten",
        quota=FORGOTTEN,
        max_answer_bytes=512_000_000,
        note="Of email-based and hybrid projects. The form of the list is not documented: two are read.",
        docs=SPECIFICATION,
    )
    def get_forgotten_users(self) -> Request[Forgotten]:
        """Read which addresses are forgotten, as hashes: ``"a@example.com" in answer``."""
        return Request(answer=Forgotten)

    @query(
        "GET",
        "/api/users/forgottenUserIds",
        quota=FORGOTTEN_USER_IDS,
        max_answer_bytes=512_000_000,
        note="Of userID-based and hybrid projects. UserIds that differ in case alone have one hash.",
        docs=SPECIFICATION,
    )
    def get_forgotten_user_ids(self) -> Request[Forgotten]:
        """Read which userIds are forgotten, as hashes: ``"id1" in answer``."""
        return Request(answer=Forgotten)

    @call(
        "POST",
        "/api/users/merge",
        items=MERGES,
        limit=ONE,
        quota=MERGE,
        idempotent=False,
        destructive=True,
        irreversible=True,
        acknowledges="applied",
        consent="merges users for good",
        note="The source is gone then. A destination that is not known renames the source.",
        docs=SPECIFICATION,
    )
    def merge_users(self, merge: Merge | MergeDict, *, confirm: bool = False) -> Request[IterableResponse]:
        """Merge a user into another one: all fields and events move, and the source is gone.

        Not safe to repeat, and not to be undone. The key must be a server-side one.

        Args:
            merge: The two users, each by one identifier.
            confirm: Must be True; this cannot be undone.
        """
        return Request(json=merge, answer=IterableResponse)
