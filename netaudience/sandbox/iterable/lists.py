"""Iterable's lists as things of their own, and what a project has besides: fields, channels, message types.

Lists answer in plain text where they name many. Who is put on a list, or taken off it, is in `bulk`.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.sandbox.iterable.fields import refusal
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState, MadeList, Profile
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, json_answer, text_answer

LISTS = "/api/lists"
_MOST_OF_A_SAMPLE = 5000
_SAMPLE = 1000
#: Id, name, kind and medium.
_CHANNELS = (
    (1, "Marketing", "Marketing", "Email"),
    (2, "Transactional", "Transactional", "Email"),
)
#: Id, name, channel and policy.
_MESSAGE_TYPES = (
    (11, "Newsletter", 1, "OptOut"),
    (12, "Offers", 1, "OptIn"),
    (21, "Receipts", 2, "OptOut"),
)


class Lists:
    """The lists of one Iterable project, and its schema."""

    def __init__(self, state: IterableState, manners: Manners) -> None:
        self._state = state
        self._manners = manners

    def all(self, _call: Call) -> Change:
        """Every list that there is, those with members that nobody has made among them."""

        def apply() -> Answer:
            known = {number for profile in self._state.profiles() for number in profile.lists}
            known.update(self._state.known_lists or ())
            made = {number: MadeList(f"list {number}", "", 0) for number in known} | self._state.lists
            return json_answer({"lists": [_list(number, made[number]) for number in sorted(made)]})

        return Change([], apply)

    def create(self, call: Call) -> Change:
        """Make a static list."""
        body = self._manners.read(call, LISTS)
        name, description = body.wanted("name"), body.text("description") or ""
        body.finish()
        if not name:
            raise refusal("BadParams", "A list needs a name")
        made = MadeList(name, description, round(call.wall * 1000))
        return Change([name], lambda: json_answer({"listId": self._state.make_list(made)}))

    def delete(self, call: Call) -> Change:
        """Delete a list; its members stay users."""
        number = _number(call.path["listId"])

        def apply() -> Answer:
            members = self._state.members(number)
            there = number in self._state.lists or number in (self._state.known_lists or ())
            if not there and not members:
                message = f"Unable to delete list {number} in Project 1, which does not exist."
                raise refusal("BadParams", message)
            self._state.lists.pop(number, None)
            if self._state.known_lists is not None:
                self._state.known_lists -= {number}
            for profile in members:
                profile.lists.discard(number)
            return self._manners.success(f"List {number} in Project 1 was successfully deleted.")

        return Change([str(number)], apply)

    def members(self, call: Call) -> Change:
        """Name all members, one to a line."""
        number = _number(call.query.get("listId", ""))
        return Change([str(number)], lambda: self._named(call, self._of(number)))

    def sample(self, call: Call) -> Change:
        """Name some members."""
        number = _number(call.query.get("listId", ""))
        size = min(_number(call.query.get("size", str(_SAMPLE))), _MOST_OF_A_SAMPLE)
        return Change([str(number)], lambda: self._named(call, self._of(number)[:size]))

    def size(self, call: Call) -> Change:
        """Count the members."""
        number = _number(call.path["listId"])
        return Change([str(number)], lambda: text_answer(str(len(self._of(number))), 200))

    def fields(self, _call: Call) -> Change:
        """The type of each field, by its name."""
        return Change([], lambda: json_answer({"fields": dict(self._state.schema)}))

    def channels(self, _call: Call) -> Change:
        """The channels."""
        names = ("id", "name", "channelType", "messageMedium")
        found = [dict(zip(names, channel, strict=True)) for channel in _CHANNELS]
        return Change([], lambda: json_answer({"channels": found}))

    def message_types(self, _call: Call) -> Change:
        """The message types."""
        names = ("id", "name", "channelId", "subscriptionPolicy")
        found = [dict(zip(names, kind, strict=True)) for kind in _MESSAGE_TYPES]
        return Change([], lambda: json_answer({"messageTypes": found}))

    def _of(self, number: int) -> Sequence[Profile]:
        if not self._state.has_list(number):
            raise refusal("BadParams", "Invalid email list id", params={"listId": str(number)})
        return self._state.members(number)

    def _named(self, call: Call, members: Sequence[Profile]) -> Answer:
        by_user_id = call.query.get("preferUserId") == "true" or self._state.project == "userId"
        pairs = [(member.email or "", member.user_id or "") for member in members]
        names = [(user_id or email) if by_user_id else (email or user_id) for email, user_id in pairs]
        return text_answer("".join(f"{name}\n" for name in names), 200)


def _list(number: int, made: MadeList) -> dict[str, object]:
    return {
        "id": number,
        "name": made.name,
        "description": made.description,
        "createdAt": made.created_at,
        "listType": "Standard",
        "isGlobalSuppressionEnabled": False,
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise refusal("BadParams", "A number is expected")
    return int(text)
