"""Fynd's customers: search, list, creation and change, who is blocked, archived or logged in.

Everything is applied at once; what the documents do not say is among the rules, as assumed.
"""

from __future__ import annotations

from collections.abc import Callable

from netaudience.sandbox.fynd import requests
from netaudience.sandbox.fynd.provenance import PAGE_SIZE
from netaudience.sandbox.fynd.requests import NumberPage, refusal
from netaudience.sandbox.fynd.state import FyndState, FyndUser, Phone
from netaudience.sandbox.fynd.users import customer_json, named, searched_by
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, json_answer


class Customers:
    """The operations on the customers of one Fynd state."""

    def __init__(self, state: FyndState) -> None:
        self._state = state

    def listed(self, call: Call) -> Change:
        """One page of customers."""
        page, part = NumberPage.asked(call), call.query.get("q")

        def apply() -> Answer:
            found = [
                (user_id, user)
                for user_id, user in self._state.users.items()
                if not part or named(user_id, user, part)
            ]
            # A list calls the id otherwise than a group's does.
            return page.cut(found, lambda each: {"_id": each[0], **_without_id(customer_json(*each))})

        return Change([], apply)

    def timeline(self, call: Call) -> Change:
        """What became of a customer."""
        user_id = call.path["user_id"]

        def apply() -> Answer:
            user = self._state.users.get(user_id)
            if user is None:
                raise refusal(404, "The user was not found")
            entry = {
                "date": requests.moment(call.wall),
                "title": "Registered",
                "type": "registered",
                "visible": True,
                "sub_title": None,
            }
            return json_answer({"delete_on": user.delete_on, "timeline": [entry]})

        return Change([user_id], apply)

    def search(self, call: Call) -> Change:
        """The users that a text or one of several texts names, by your own id as well."""
        part = call.query.get("q")
        exact = {*call.query.getall("query", []), *call.query.getall("query[]", [])}
        if not part and not exact:
            raise refusal(400, "q or query is required")

        def apply() -> Answer:
            found = [
                customer_json(user_id, user)
                for user_id, user in self._state.users.items()
                for called in (searched_by(user_id, user),)
                if (part and any(requests.contains(each, part) for each in called))
                or not exact.isdisjoint(called)
            ]
            return json_answer({"users": found})

        return Change([], apply)

    def create(self, call: Call) -> Change:
        """Add a customer."""
        body = requests.record(call)
        requests.asked_flag(call, "verified")
        names = [
            requests.maybe_text(body, name) for name in ("phone_number", "email", "username", "external_id")
        ]
        if not any(names):
            raise refusal(400, "phone_number or email is required")
        number, email, *_ = names

        def apply() -> Answer:
            user_id = self._state.new_id()
            user = self._state.add_user(
                user_id, emails=[email] if email else [], phones=[Phone(0, number)] if number else []
            )
            user.details.update({name: value for name, value in body.items() if name in _DETAILS})
            return json_answer({"user": customer_json(user_id, user)})

        return Change([next(name for name in names if name)], apply)

    def update(self, call: Call) -> Change:
        """Replace what the body names; addresses and numbers as a whole."""
        body, user_id = requests.record(call), call.path["user_id"]
        emails = _entries(body, "emails")
        phones = _entries(body, "phone_numbers")
        addresses = None if emails is None else [requests.text(entry, "email") for entry in emails]
        numbers = None if phones is None else [_number(entry) for entry in phones]

        def apply() -> Answer:
            user = self._known(user_id)
            user.details.update({name: value for name, value in body.items() if name in _DETAILS})
            self._state.rename(user_id, addresses, numbers)
            return json_answer({"user": customer_json(user_id, user)})

        return Change([user_id], apply)

    def activate(self, call: Call) -> Change:
        """Give customers a status; those who are not known are passed over."""
        body = requests.record(call)
        status = requests.present(body, "status")
        if not isinstance(status, bool):
            raise refusal(400, "status must be true or false")
        user_ids = requests.texts(body, "user_id")

        def apply() -> Answer:
            for user_id in user_ids:
                if (user := self._state.users.get(user_id)) is not None:
                    user.activation = status
            return json_answer({"success": True})

        return Change(user_ids, apply)

    def archive(self, call: Call) -> Change:
        """Archive a customer."""
        return self._marked(call, _archived)

    def undelete(self, call: Call) -> Change:
        """Take back the deletion of a customer, and that it is archived."""
        return self._marked(call, _undeleted)

    def sessions(self, call: Call) -> Change:
        """Where a customer is logged in."""
        user_id = _asked(call, "id")

        def apply() -> Answer:
            found = [{"session_id": each, "domain": "example.com"} for each in self._known(user_id).sessions]
            return json_answer({"items": found})

        return Change([user_id], apply)

    def end_sessions(self, call: Call) -> Change:
        """End all sessions of a customer."""
        user_id = _asked(call, "id")

        def apply() -> Answer:
            user = self._known(user_id)
            ended, user.sessions = user.sessions, []
            return json_answer({"user_id": user_id, "session_ids": ended})

        return Change([user_id], apply)

    def end_session(self, call: Call) -> Change:
        """End one session of a customer."""
        user_id, session_id = _asked(call, "id"), _asked(call, "session_id")

        def apply() -> Answer:
            user = self._known(user_id)
            if session_id not in user.sessions:
                raise refusal(404, "The session was not found")
            user.sessions.remove(session_id)
            return json_answer({"user_id": user_id, "session_id": session_id})

        return Change([user_id], apply)

    def _known(self, user_id: str) -> FyndUser:
        user = self._state.users.get(user_id)
        if user is None:
            raise refusal(404, "The user was not found")
        return user

    def _marked(self, call: Call, mark: Callable[[FyndUser], None]) -> Change:
        user_id = requests.text(requests.record(call), "user_id")

        def apply() -> Answer:
            mark(self._known(user_id))
            return json_answer({"success": True})

        return Change([user_id], apply)

    def filtered(self, call: Call) -> Change:
        """One page of the users whose attributes fulfil all conditions; eq, ne and in are understood."""
        query = requests.mapping(requests.record(call), "query")
        page = NumberPage(
            requests.maybe_whole(query, "page", 1), requests.maybe_whole(query, "limit", PAGE_SIZE)
        )
        conditions = _entries(query, "conditions") or []
        for condition in conditions:
            requests.text(condition, "definition_id")
            if requests.text(condition, "type") not in _UNDERSTOOD:
                raise refusal(400, "the sandbox understands eq, ne and in")

        def apply() -> Answer:
            found = [
                (user_id, user)
                for user_id, user in self._state.users.items()
                if requests.equals(bool(user.emails), query.get("has_email"))
                and requests.equals(bool(user.phones), query.get("has_phone"))
                and (query.get("email") is None or query["email"] in user.emails)
                and (query.get("phone") is None or query["phone"] in [each.number for each in user.phones])
                and all(_fulfils(user, condition) for condition in conditions)
            ]
            return page.cut(found, lambda each: customer_json(*each))

        return Change([], apply)


_NAMES = ("phone_number", "email", "username", "external_id")
_UNDERSTOOD = ("eq", "ne", "in")
#: What is kept of a customer's fields as it came.
_DETAILS = frozenset(
    {*("first_name", "last_name", "gender", "username", "meta", "external_id", "rr_id", "dob")}
)


def _fulfils(user: FyndUser, condition: dict[str, Json]) -> bool:
    held = user.attributes.get(str(condition["definition_id"]))
    value, wanted = None if held is None else held.value, condition.get("value")
    match condition["type"]:
        case "ne":
            return value != wanted
        case "in":
            return isinstance(wanted, list) and value in wanted
        case _:
            return value == wanted


def _entries(body: dict[str, Json], name: str) -> list[dict[str, Json]] | None:
    return requests.mappings(body, name) if body.get(name) else None


def _number(entry: dict[str, Json]) -> Phone:
    code = str(entry.get("country_code") or "0")
    if not code.isdigit():
        raise refusal(400, "country_code must be a number")
    return Phone(int(code), requests.text(entry, "phone"))


def _asked(call: Call, name: str) -> str:
    value = call.query.get(name)
    if not value:
        raise refusal(400, f"{name} is required")
    return value


def _archived(user: FyndUser) -> None:
    user.archived = True


def _undeleted(user: FyndUser) -> None:
    user.archived, user.delete_on = False, None


def _without_id(user: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in user.items() if name != "user_id"}
