"""Iterable: lists of users, and who is on them.

Who is on a list is read in plain text, a long one by way of a temporary file; the vendor lets it be asked
five times a minute.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from netaudience.errors import ConfigurationError
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call, pages, query
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.facts import (
    CREATE_LIST,
    DELETE_LIST,
    GET_LISTS,
    LIST_IDS,
    LIST_SAMPLE,
    LIST_SIZE,
    LIST_USERS,
    MANY,
    NEW_LISTS,
    ONE,
    REFERENCES,
    SPECIFICATION,
    SUBSCRIBE,
    SUBSCRIBERS,
    UNSUBSCRIBE,
    whole,
)
from netaudience.vendors.iterable.models import (
    IterableResponse,
    UserBulkResult,
    UserReference,
    UserReferenceDict,
    UserUpdate,
    UserUpdateDict,
)
from netaudience.vendors.iterable.project import (
    GetListsResponse,
    ListCreated,
    ListMembers,
    ListSize,
    NewList,
    NewListDict,
)

_SAMPLE = 5000
_SLOWLY = "Five requests a minute; a 503 says that it took too long, and is asked again."


def _members(answer: ListMembers) -> Collection[str]:
    return answer.identifiers


def _no_other(_: Request[ListMembers], __: ListMembers) -> None:
    return None


class Lists:
    """The operations on lists."""

    #: Whether a user is named by e-mail alone; None where that is not known.
    _email_based: bool | None

    @batch(
        "POST",
        "/api/lists/subscribe",
        items=SUBSCRIBERS,
        limit=MANY,
        quota=SUBSCRIBE,
        idempotent=True,
        blame=blame,
        note="An email that is not known creates a user.",
        docs=SPECIFICATION,
    )
    def subscribe_to_list(
        self,
        users: Sequence[UserUpdate | UserUpdateDict],
        *,
        list_id: int,
        update_existing_users_only: bool | None = None,
    ) -> Request[UserBulkResult]:
        """Put users on a list.

        Args:
            users: One row per user, with fields of the profile to set where wanted.
            list_id: The number of the list.
            update_existing_users_only: True refuses users who do not exist instead of creating them; for
                projects that are not email-based.
        """
        if update_existing_users_only is not None and self._email_based:
            raise ConfigurationError(
                "update_existing_users_only is for projects that are not email-based: leave it out"
            )
        body: dict[str, object] = {"listId": whole(list_id, "list_id"), "subscribers": users}
        if update_existing_users_only is not None:
            body["updateExistingUsersOnly"] = update_existing_users_only
        return Request(json=body, answer=UserBulkResult)

    @batch(
        "POST",
        "/api/lists/unsubscribe",
        items=REFERENCES,
        limit=MANY,
        quota=UNSUBSCRIBE,
        idempotent=True,
        blame=blame,
        note="With channel_unsubscribe the user gets nothing more from the whole channel.",
        docs=SPECIFICATION,
    )
    def unsubscribe_from_list(
        self,
        users: Sequence[UserReference | UserReferenceDict],
        *,
        list_id: int,
        channel_unsubscribe: bool = False,
        campaign_id: int | None = None,
    ) -> Request[UserBulkResult]:
        """Take users off a list.

        Who is not on the list, or does not exist, is rejected as not found.

        Args:
            users: One row per user.
            list_id: The number of the list.
            channel_unsubscribe: True unsubscribes from the whole channel of the list, which is nearly an
                opt-out of everything; what is meant is always sent.
            campaign_id: The number of the campaign that the unsubscribes are attributed to.
        """
        body: dict[str, object] = {
            "listId": whole(list_id, "list_id"),
            "channelUnsubscribe": channel_unsubscribe is True,
            "subscribers": users,
        }
        if campaign_id is not None:
            body["campaignId"] = whole(campaign_id, "campaign_id")
        return Request(json=body, answer=UserBulkResult)

    @query("GET", "/api/lists", quota=GET_LISTS, docs=SPECIFICATION)
    def get_lists(self) -> Request[GetListsResponse]:
        """Read which lists the project has."""
        return Request(answer=GetListsResponse)

    @call(
        "POST",
        "/api/lists",
        items=NEW_LISTS,
        limit=ONE,
        quota=CREATE_LIST,
        idempotent=False,
        acknowledges="applied",
        note="Not safe to repeat: sent twice, there are two lists of one name. Look with get_lists first.",
        docs=SPECIFICATION,
    )
    def create_list(self, new: NewList | NewListDict) -> Request[ListCreated]:
        """Make a static list, and give its number.

        Args:
            new: Its name, and what it is for.
        """
        return Request(json=new, answer=ListCreated)

    @call(
        "DELETE",
        "/api/lists/{listId}",
        items=LIST_IDS,
        limit=ONE,
        quota=DELETE_LIST,
        idempotent=True,
        destructive=True,
        acknowledges="applied",
        note="Its members stay users. A list that is in use is refused with a 409.",
        docs=SPECIFICATION,
    )
    def delete_list(self, list_id: int) -> Request[IterableResponse]:
        """Delete a list.

        Args:
            list_id: The number of the list.
        """
        return Request(path={"listId": str(list_id)}, answer=IterableResponse)

    @pages(
        "GET",
        "/api/lists/getUsers",
        rows=_members,
        following=_no_other,
        quota=LIST_USERS,
        timeout=300.0,
        max_answer_bytes=16_000_000_000,
        spooled=True,
        note=_SLOWLY,
        docs=SPECIFICATION,
    )
    def get_list_users(self, *, list_id: int, prefer_user_id: bool = False) -> Request[ListMembers]:
        """Read who is on a list, one identifier after the other.

        Args:
            list_id: The number of the list.
            prefer_user_id: Whether to name them by userId where they have one.
        """
        chosen = _listed(whole(list_id, "list_id"), prefer_user_id=prefer_user_id)
        return Request(query=chosen, answer=ListMembers)

    @call(
        "GET",
        "/api/lists/previewUsers",
        items=LIST_IDS,
        limit=ONE,
        quota=LIST_SAMPLE,
        timeout=300.0,
        note=_SLOWLY,
        docs=SPECIFICATION,
    )
    def preview_list_users(
        self, list_id: int, *, size: int = 1000, prefer_user_id: bool = False
    ) -> Request[ListMembers]:
        """Read some of those who are on a list, chosen at random.

        Args:
            list_id: The number of the list.
            size: How many, at most 5,000.
            prefer_user_id: Whether to name them by userId where they have one.
        """
        if not 1 <= whole(size, "size") <= _SAMPLE:
            raise ConfigurationError(f"size must be from 1 to {_SAMPLE:,}")
        chosen = {**_listed(list_id, prefer_user_id=prefer_user_id), "size": size}
        return Request(query=chosen, answer=ListMembers)

    @call(
        "GET",
        "/api/lists/{listId}/size",
        items=LIST_IDS,
        limit=ONE,
        quota=LIST_SIZE,
        timeout=300.0,
        note=_SLOWLY,
        docs=SPECIFICATION,
    )
    def get_list_size(self, list_id: int) -> Request[ListSize]:
        """Count those who are on a list.

        Args:
            list_id: The number of the list.
        """
        return Request(path={"listId": str(list_id)}, answer=ListSize)


def _listed(list_id: int, *, prefer_user_id: bool) -> dict[str, int | bool]:
    return {"listId": list_id, "preferUserId": True} if prefer_user_id else {"listId": list_id}
