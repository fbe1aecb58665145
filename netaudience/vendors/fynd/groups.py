"""Fynd's operations on groups of users: lists, creation, change, deletion, members and their count.

Facts only. Paths are those of the vendor's SDKs, current or older; three are in none, are inferred, and are
not sent to before a user has set them.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.items import Identifiers, Rows
from netaudience.limits import Provenance
from netaudience.operations import call, pages, query
from netaudience.vendors.fynd.facts import AUDIENCE, ONE, PAGE_SIZE, PREFIX, REQUESTS
from netaudience.vendors.fynd.models import (
    CategorisedGroups,
    Deleted,
    Group,
    GroupCategories,
    GroupList,
    GroupTags,
    GroupUpdate,
    GroupUpdateDict,
    GroupUsers,
    NewGroup,
    NewGroupDict,
    RefreshStarted,
    UserSummary,
    in_path,
)
from netaudience.vendors.fynd.pages import Direction, first_by_cursor, given, next_by_cursor, next_by_number
from netaudience.vendors.fynd.paths import part_of_path, split
from netaudience.wire import Request

__all__ = ["Groups"]

_GROUP_IDS = Identifiers("group id", in_path)
_NEW = Rows(NewGroup, key="name", noun="name")
_UPDATES = Rows(
    GroupUpdate,
    key="group_id",
    noun="group id",
    rule=lambda row: (
        None if len(row) > 1 else "The row changes nothing: give at least one field besides the group_id"
    ),
)

_GROUPS = f"{PREFIX}/user_group"
_GROUP = f"{_GROUPS}/{{group_id}}"

_INFERRED = (
    "The vendor's documents and SDKs name no path; this one is inferred, and nothing is sent before "
    "you have set the operation's route."
)
_OLDER = "The path is that of an older SDK of the vendor."


def _listed(page: GroupList) -> Sequence[Group]:
    return page.items


def _users(page: GroupUsers) -> Sequence[UserSummary]:
    return page.items


class Groups:
    """The operations on groups of users."""

    @query(
        "GET",
        f"{_GROUPS}/tags",
        quota=REQUESTS,
        provenance=Provenance.ASSUMED,
        note=_INFERRED,
        docs=AUDIENCE,
    )
    def list_group_tags(self) -> Request[GroupTags]:
        """Read all tags that groups have.

        The vendor calls it ``getUserGroupTags``. Its path is inferred: set its route to use it.
        """
        return Request(answer=GroupTags)

    @query(
        "GET",
        f"{_GROUPS}/categories",
        quota=REQUESTS,
        provenance=Provenance.REPORTED,
        note=_OLDER,
        docs=AUDIENCE,
    )
    def list_group_categories(self, *, category: str | None = None) -> Request[GroupCategories]:
        """Read the categories of groups.

        The vendor calls it ``getUserGroupCategories``.

        Args:
            category: Only the category of this key, such as ``l1``.
        """
        return Request(query=given(category=category), answer=GroupCategories)

    @query(
        "GET",
        f"{_GROUPS}/categorised",
        quota=REQUESTS,
        provenance=Provenance.ASSUMED,
        note=_INFERRED,
        docs=AUDIENCE,
    )
    def list_categorised_groups(self) -> Request[CategorisedGroups]:
        """Read which groups each category has.

        The vendor calls it ``getCategorisedUserGroups``. Its path is inferred: set its route to use it.
        """
        return Request(answer=CategorisedGroups)

    @pages("GET", _GROUPS, rows=_listed, following=next_by_number, quota=REQUESTS, docs=AUDIENCE)
    def list_groups(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the vendor's name
        name: str | None = None,
        group_uid: str | None = None,
        tags: str | None = None,
        category: str | None = None,
        page_no: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Request[GroupList]:
        """Read the groups, page by page.

        The vendor calls it ``getUserGroups``. What is not given does not filter.

        Args:
            status: Only groups of this status.
            type: Only groups of this type, such as ``bulk``.
            name: Only groups of this name.
            group_uid: Only the group whose ``uid`` this is; that is not its ``id``.
            tags: Only groups with this tag.
            category: Only groups of the category of this key, such as ``l1``.
            page_no: The page to begin with; the first is 1.
            page_size: Groups per page. The SDKs' default is 10 and the maximum is not known.
        """
        asked = given(
            page_no=page_no,
            page_size=page_size,
            status=status,
            type=type,
            name=name,
            group_uid=group_uid,
            tags=tags,
            category=category,
        )
        return Request(query=asked, answer=GroupList)

    @call(
        "POST",
        _GROUPS,
        items=_NEW,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="applied",
        note="Not safe to repeat: look the group up by its name before sending it again, for there may be "
        "two of one name. The members are loaded from the file afterwards.",
        docs=AUDIENCE,
    )
    def create_group(self, group: NewGroup | NewGroupDict) -> Request[Group]:
        """Create a group of users from a file.

        The vendor calls it ``createUserGroup``. The answer means that the group exists; its members come
        later, and rows that were rejected are told in `Group.error` only. Where the answer is lost it is
        in doubt whether there is a group: `list_groups` by its name tells.

        Args:
            group: Name, description, category and the URL of the file, all of them.
        """
        return Request(json=group, answer=Group)

    @call("GET", _GROUP, items=_GROUP_IDS, limit=ONE, quota=REQUESTS, docs=AUDIENCE)
    def get_group(self, group_id: str) -> Request[Group]:
        """Read a group: its status, its count of users, and what became of its file.

        The vendor calls it ``getUserGroupById``.

        Args:
            group_id: The group's ``id``, not its ``uid``.
        """
        return Request(path={"group_id": group_id}, answer=Group)

    @call(
        "PATCH",
        _GROUP,
        items=_UPDATES,
        limit=ONE,
        quota=REQUESTS,
        # Name and description may be sent again; a file starts work, and one operation has one mark.
        idempotent=False,
        acknowledges="applied",
        note="Not safe to repeat with a file: look at the group's status before sending it again. What the "
        "file says is done afterwards.",
        docs=AUDIENCE,
    )
    def update_group(self, update: GroupUpdate | GroupUpdateDict) -> Request[Group]:
        """Change a group: its name, its description, or its members by a file.

        The vendor calls it ``updateUserGroup``, and ``updateUserGroupPartially`` in its SDKs. Name and
        description are applied at once; the file's rows, with an ``action`` of add or remove each, later.

        Args:
            update: The group's id and at least one field that is to change.
        """
        path, fields = split(_UPDATES, update, "group_id")
        return Request(path=path, json=fields, answer=Group)

    @call(
        "DELETE",
        _GROUP,
        items=_GROUP_IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        note="A deletion that is sent again is answered with 404: what is told as not found is gone as well.",
        docs=AUDIENCE,
    )
    def delete_group(self, group_id: str) -> Request[Deleted]:
        """Delete a group of users.

        The vendor calls it ``deleteUserGroup``.

        Args:
            group_id: The group's ``id``, not its ``uid``.
        """
        return Request(path={"group_id": group_id}, answer=Deleted)

    @pages(
        "GET",
        f"{_GROUP}/users",
        rows=_users,
        following=next_by_cursor,
        quota=REQUESTS,
        provenance=Provenance.REPORTED,
        note=_OLDER,
        docs=AUDIENCE,
    )
    def list_group_users(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        group_id: str,
        q: str | None = None,
        blacklisted_users: bool | None = None,
        cursor: str | None = None,
        direction: Direction | None = None,
        page_no: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Request[GroupUsers]:
        """Read the users of a group, page by page.

        The vendor calls it ``getUsersByByGroupId``. It knows page numbers and cursors for it; the pages
        after the first are asked for by cursor.

        Args:
            group_id: The group's ``id``, not its ``uid``.
            q: Only users that this text names.
            blacklisted_users: Whether the blacklisted users are meant.
            cursor: Where to begin, from an earlier page.
            direction: Where to go from there; ``next`` is documented, ``prev`` is assumed.
            page_no: The page to begin with, where there is no cursor.
            page_size: Users per page. The SDKs' default is 10 and the maximum is not known.
        """
        return first_by_cursor(
            {"group_id": part_of_path(group_id, "group id")},
            size=page_size,
            cursor=cursor,
            direction=direction,
            q=q,
            blacklisted_users=blacklisted_users,
            page_no=page_no,
        )

    @call(
        "POST",
        f"{_GROUP}/refresh",
        items=_GROUP_IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="accepted",
        provenance=Provenance.ASSUMED,
        note=f"Not safe to repeat: it starts a count. {_INFERRED}",
        docs=AUDIENCE,
    )
    def refresh_group(self, group_id: str) -> Request[RefreshStarted]:
        """Have the users of a group counted anew, later; `get_group` then has `Group.total_users`.

        The vendor's page gives it no name but "Refresh total users". Its path is inferred: set its route
        to use it.

        Args:
            group_id: The group's ``id``, not its ``uid``.
        """
        return Request(path={"group_id": group_id}, answer=RefreshStarted)
