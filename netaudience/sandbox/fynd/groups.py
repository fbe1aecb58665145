"""Fynd's user groups: their lists, their members, and files that take effect later.

A change is answered at once; what a file or a refresh does is the change's effect, which the
sandbox runs when the vendor's delay has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netaudience.sandbox.fynd import requests
from netaudience.sandbox.fynd.requests import CursorPage, NumberPage, refusal
from netaudience.sandbox.fynd.state import FyndState, FyndUser, Group
from netaudience.sandbox.fynd.users import named, user_json
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, json_answer


class Groups:
    """The operations on groups of one Fynd state."""

    def __init__(self, state: FyndState) -> None:
        self._state = state

    def tags(self, _call: Call) -> Change:
        """All tags that groups have."""

        def apply() -> Answer:
            tags = {tag for group in self._state.groups.values() for tag in group.tags}
            return json_answer({"items": sorted(tags)})

        return Change([], apply)

    def categories(self, call: Call) -> Change:
        """All categories, or the one of a key."""
        wanted = call.query.get("category")

        def apply() -> Answer:
            found = [
                {"name": name, "key": key, "description": ""}
                for key, name in self._state.categories.items()
                if requests.equals(key, wanted)
            ]
            return json_answer({"items": found})

        return Change([], apply)

    def categorised(self, _call: Call) -> Change:
        """The numbers of all groups by category."""

        def apply() -> Answer:
            found: dict[str, list[int]] = {}
            for group in self._state.groups.values():
                found.setdefault(group.category, []).append(group.uid)
            return json_answer({"user_groups": found})

        return Change([], apply)

    def groups(self, call: Call) -> Change:
        """One page of groups."""
        page = NumberPage.asked(call)
        name, tag = call.query.get("name"), call.query.get("tags")
        status, category, type_ = (call.query.get(each) for each in ("status", "category", "type"))
        uid = call.query.get("group_uid")

        def apply() -> Answer:
            found = [
                group
                for group in self._state.groups.values()
                if requests.contains(group.name, name)
                and requests.equals(group.status, status)
                and requests.equals(group.category, category)
                and requests.equals(group.type, type_)
                and requests.equals(str(group.uid), uid)
                and (tag is None or tag in group.tags)
            ]
            return page.cut(found, lambda group: group_json(group, call))

        return Change([], apply)

    def create(self, call: Call) -> Change:
        """Add a group; its members come from the file, later."""
        body = requests.record(call)
        name, description = (requests.text(body, each) for each in ("name", "description"))
        conditions = requests.mappings(body, "conditions") if "conditions" in body else []
        if not conditions:
            category, file_url = (requests.text(body, each) for each in ("category", "file_url"))
        else:
            category, file_url = requests.maybe_text(body, "category") or "", ""
        made: list[Group] = []

        def apply() -> Answer:
            group = self._state.add_group(
                name,
                requests.moment(call.wall),
                description=description,
                category=category,
                file_url=file_url,
            )
            if conditions:
                group.conditions, group.type = conditions, "conditional"
            made.append(group)
            return json_answer(group_json(group, call), 201)

        def effect() -> None:
            for group in made if file_url else ():
                self._state.load(group, self._state.rows(file_url))

        return Change([name], apply, effect=effect)

    def group(self, call: Call) -> Change:
        """One group."""
        group_id = call.path["group_id"]
        return Change([group_id], lambda: json_answer(group_json(self._known(group_id), call)))

    def patch(self, call: Call) -> Change:
        """Change what the body names; members of a file or of rows change later."""
        body = requests.record(call)
        name, description, file_url = (
            requests.maybe_text(body, each) for each in ("name", "description", "file_url")
        )
        given = requests.mappings(body, "user_data") if "user_data" in body else None
        if given is not None and body.get("type") != "json":
            raise refusal(400, "user_data is taken with the type json alone")
        if name is None and description is None and file_url is None and given is None:
            raise refusal(400, "name, description, file_url or user_data is required")
        group_id = call.path["group_id"]

        def apply() -> Answer:
            group = self._known(group_id)
            group.name = name or group.name
            group.description = description or group.description
            if file_url is not None:
                group.file_url = file_url
            if file_url is not None or given is not None:
                group.status = "pending"
            group.modified_at = requests.moment(call.wall)
            group.version += 1
            return json_answer(group_json(group, call))

        def effect() -> None:
            group = self._state.groups.get(group_id)
            if group is None or (file_url is None and given is None):
                return
            rows: list[Mapping[str, Json]] = [*(given or ())]
            if file_url is not None:
                rows.extend(self._state.rows(file_url))
            self._state.load(group, rows)

        return Change([group_id], apply, effect=effect)

    def replace(self, call: Call) -> Change:
        """Replace what the body names; a file's users are the members afterwards, and no others."""
        body, group_id = requests.record(call), call.path["group_id"]
        name, description, type_, file_url = (
            requests.maybe_text(body, each) for each in ("name", "description", "type", "file_url")
        )
        conditions = requests.mappings(body, "conditions") if "conditions" in body else None

        def apply() -> Answer:
            group = self._known(group_id)
            group.name, group.description = name or group.name, description or group.description
            group.type = type_ or ("conditional" if conditions else group.type)
            if conditions is not None:
                group.conditions = conditions
            if file_url is not None:
                group.file_url, group.status = file_url, "pending"
            group.modified_at = requests.moment(call.wall)
            group.version += 1
            return json_answer(group_json(group, call))

        def effect() -> None:
            group = self._state.groups.get(group_id)
            if group is not None and file_url is not None:
                group.members = ()
                self._state.load(group, self._state.rows(file_url))

        return Change([group_id], apply, effect=effect)

    def delete(self, call: Call) -> Change:
        """Remove a group."""
        group_id = call.path["group_id"]

        def apply() -> Answer:
            del self._state.groups[self._known(group_id).id]
            return json_answer({"id": group_id, "message": "User group deleted", "success": True})

        return Change([group_id], apply)

    def users(self, call: Call) -> Change:
        """One page of a group's users."""
        page = CursorPage.asked(call)
        part = call.query.get("q")
        blacklisted = requests.asked_flag(call, "blacklisted_users") is True
        group_id = call.path["group_id"]

        def apply() -> Answer:
            group = self._known(group_id)
            ids: Sequence[str]
            if blacklisted:
                ids = sorted(group.blacklisted)
            elif group.blacklisted:
                ids = [each for each in group.members if each not in group.blacklisted]
            else:
                ids = group.members
            users = self._state.users
            if part:
                ids = [each for each in ids if named(each, users.get(each, FyndUser()), part)]
            return page.cut(ids, lambda each: user_json(each, users.get(each, FyndUser())))

        return Change([group_id], apply)

    def refresh(self, call: Call) -> Change:
        """Count a group's users, later."""
        group_id = call.path["group_id"]

        def apply() -> Answer:
            group = self._known(group_id)
            return json_answer({"message": "The refresh has started", "uid": group.uid}, 202)

        def effect() -> None:
            group = self._state.groups.get(group_id)
            if group is not None:
                group.total_users = len(frozenset(group.members) - group.blacklisted)

        return Change([group_id], apply, effect=effect)

    def _known(self, group_id: str) -> Group:
        group = self._state.groups.get(group_id)
        if group is None:
            raise refusal(404, "The user group was not found")
        return group


def group_json(group: Group, call: Call) -> dict[str, object]:
    """A group as the vendor's samples show it; what is not known yet is left out."""
    shown: dict[str, object] = {
        "_id": group.id,
        "uid": group.uid,
        "name": group.name,
        "description": group.description,
        "file_url": group.file_url,
        "application_id": call.path["application_id"],
        "type": group.type,
        "status": group.status,
        "category": group.category,
        "tags": list(group.tags),
        "created_at": group.created_at,
        "modified_at": group.modified_at,
        "is_active": True,
        "__v": group.version,
    }
    if group.conditions:
        shown["conditions"] = list(group.conditions)
    if group.total_users is not None:
        shown["total_users"] = {"count": group.total_users}
    if group.error is not None:
        shown["error"] = group.error
    return shown
