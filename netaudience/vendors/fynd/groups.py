"""Fynd's operations on groups of users: lists, creation, change, deletion, members and their count.

Facts only. Paths are those of the vendor's SDKs, current or older; three are in none, are inferred, and are
not sent to before a user has set them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Provenance, assumed
from netaudience.model.rows import NamesRule, Rows
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call, pages, query
from netaudience.vendors.fynd.facts import AUDIENCE, ONE, PAGE_SIZE, PREFIX, REQUESTS, USER
from netaudience.vendors.fynd.models import (
    CategorisedGroups,
    Deleted,
    Group,
    GroupCategories,
    GroupList,
    GroupMember,
    GroupMemberDict,
    GroupReplacement,
    GroupReplacementDict,
    GroupTags,
    GroupUpdate,
    GroupUpdateDict,
    GroupUsers,
    NewGroup,
    NewGroupDict,
    RefreshStarted,
    UserSummary,
)
from netaudience.vendors.fynd.pages import Direction, first_by_cursor, given, next_by_cursor, next_by_number
from netaudience.vendors.fynd.paths import part_of_path, split
from netaudience.vendors.fynd.rules import in_path

_GROUP_IDS = Identifiers("group id", in_path)
_NEW = Rows(
    NewGroup,
    key="name",
    noun="name",
    rule=lambda row: (
        None
        if row.get("file_url") is not None or row.get("conditions") is not None
        else "The row has neither a 'file_url' nor 'conditions': a group has its members from one of them"
    ),
)


@NamesRule
def _one_name(row: Mapping[str, object]) -> str | None:
    if len(row) == 1:
        return None
    return "The row must name its user once: by user_id, by email or by phone_number"


_MEMBERS = Rows(GroupMember, key=("user_id", "email", "phone_number"), noun="user", rule=_one_name)
_SOME_MEMBERS = Limit(
    rows=assumed(100, "no figure is documented"), bytes=assumed(1_000_000, "no figure is documented")
)
_MEMBERS_LATER = (
    "Whether the members change at once is not documented. An entry that is sent again changes nothing more "
    "(inferred)."
)
_SETTLES = "Members change later: ask get_group, which has the group's status, its total_users and its error."
_ROWS_LOST = "rows that name nobody are left out, and counted in the group's error alone"


def _changes_something(row: Mapping[str, object]) -> str | None:
    return None if len(row) > 1 else "The row changes nothing: give at least one field besides the group_id"


_UPDATES = Rows(GroupUpdate, key="group_id", noun="group id", rule=_changes_something)
_REPLACEMENTS = Rows(GroupReplacement, key="group_id", noun="group id", rule=_changes_something)

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
        group_uid: str | int | None = None,
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
        unsaid=_ROWS_LOST,
        note="Not safe to repeat: look the group up by its name before sending it again, for there may be "
        "two of one name.",
        settles=_SETTLES,
        docs=AUDIENCE,
    )
    def create_group(self, group: NewGroup | NewGroupDict) -> Request[Group]:
        """Create a group of users from a file, or of those who fulfil conditions.

        The vendor calls it ``createUserGroup``. The answer means that the group exists; its members come
        later, and rows that were rejected are reported in `Group.error` only. Where the answer is lost it is
        in doubt whether there is a group: `list_groups` by its name tells.

        Args:
            group: Name and description, and the URL of a file with a category, or conditions.
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
        unsaid=_ROWS_LOST,
        note="Not safe to repeat with a file: look at the group's status before sending it again.",
        settles=_SETTLES,
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
        "PUT",
        _GROUP,
        items=_REPLACEMENTS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="applied",
        destructive=True,
        unsaid=_ROWS_LOST,
        note="Overwrites the group: whether what is left out stays is not documented. Not repeatable with "
        "a file: look at the group's status before sending it again.",
        settles=_SETTLES,
        docs=USER,
    )
    def replace_group(self, group: GroupReplacement | GroupReplacementDict) -> Request[Group]:
        """Replace a group: what it is called, and its members by a file or by conditions.

        The vendor's SDKs call it ``updateUserGroup``; `update_group` changes what it names alone.

        Args:
            group: The group's id, and all that it is to be.
        """
        path, fields = split(_REPLACEMENTS, group, "group_id")
        return Request(path=path, json=fields, answer=Group)

    @batch(
        "PATCH",
        _GROUP,
        items=_MEMBERS,
        limit=_SOME_MEMBERS,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="accepted",
        note=_MEMBERS_LATER,
        unsaid=_ROWS_LOST,
        settles=_SETTLES,
        docs=USER,
    )
    def add_group_users(
        self, users: Sequence[GroupMember | GroupMemberDict], *, group_id: str
    ) -> Request[Group]:
        """Put users into a group, without a file.

        The vendor calls it ``updateUserGroupPartially``, with ``user_data``.

        Args:
            users: One row per user, who is named by one field.
            group_id: The group's ``id``, not its ``uid``.
        """
        return _with_members(users, group_id, "add")

    @batch(
        "PATCH",
        _GROUP,
        items=_MEMBERS,
        limit=_SOME_MEMBERS,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="accepted",
        note=_MEMBERS_LATER,
        unsaid=_ROWS_LOST,
        settles=_SETTLES,
        docs=USER,
    )
    def remove_group_users(
        self, users: Sequence[GroupMember | GroupMemberDict], *, group_id: str
    ) -> Request[Group]:
        """Take users out of a group, without a file.

        The vendor calls it ``updateUserGroupPartially``, with ``user_data``.

        Args:
            users: One row per user, who is named by one field.
            group_id: The group's ``id``, not its ``uid``.
        """
        return _with_members(users, group_id, "remove")

    @call(
        "DELETE",
        _GROUP,
        items=_GROUP_IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        note="A deletion that is sent again is answered with 404: what is not found is gone as well.",
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
        settles="The count is reported later: ask get_group, which has it in total_users.",
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


def _with_members(
    users: Sequence[GroupMember | GroupMemberDict], group_id: str, action: Literal["add", "remove"]
) -> Request[Group]:
    entries = [{**_MEMBERS.mapping(user), "action": action} for user in users]
    return Request(
        path={"group_id": part_of_path(group_id, "group id")},
        json={"type": "json", "user_data": entries},
        answer=Group,
    )
