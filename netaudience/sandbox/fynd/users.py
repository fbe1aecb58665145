"""Fynd's users as its answers show them, and what names one."""

from __future__ import annotations

from netaudience.sandbox.fynd import requests
from netaudience.sandbox.fynd.state import FyndUser


def user_json(user_id: str, user: FyndUser) -> dict[str, object]:
    """A user as a group's list shows it."""
    return {
        "user_id": user_id,
        "emails": [
            {"email": email, "primary": place == 0, "verified": True, "active": True}
            for place, email in enumerate(user.emails)
        ],
        "phone_numbers": [
            {
                "phone": phone.number,
                "country_code": phone.country_code,
                "verified": True,
                "primary": place == 0,
                "active": True,
            }
            for place, phone in enumerate(user.phones)
        ],
    }


def named(user_id: str, user: FyndUser, part: str) -> bool:
    """Whether a text is part of a user's id, e-mail or telephone number."""
    return any(requests.contains(each, part) for each in user.called(user_id))


def searched_by(user_id: str, user: FyndUser) -> tuple[str, ...]:
    """What a search of customers finds a user by."""
    external = user.details.get("external_id")
    return (*user.called(user_id), *([external] if isinstance(external, str) else []))


def customer_json(user_id: str, user: FyndUser) -> dict[str, object]:
    """A customer as a search shows it: whether somebody is archived, or gone, is reported there."""
    shown: dict[str, object] = {**user.details, **user_json(user_id, user), "archive": user.archived}
    if user.activation is not None:
        shown["active"] = user.activation
    return shown
