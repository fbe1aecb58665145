"""Iterable's calls that change one subscription and leave a user's others alone.

The vendor enables them on request, and says nothing about single users in its answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.sandbox.iterable.fields import Identity, need, refusal
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState, Profile
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, text_answer

MANY = "/api/subscriptions/{subscriptionGroup}/{subscriptionGroupId}"
DOUBLE_OPT_IN = "/api/subscriptions/subscribeToDoubleOptIn"
BY_EMAIL = f"{MANY}/user/{{userEmail}}"
BY_USER_ID = f"{MANY}/byUserId/{{userId}}"
_GROUPS = ("emailList", "messageType", "messageChannel")


class Subscriptions:
    """Single subscriptions of one Iterable project."""

    def __init__(self, state: IterableState, manners: Manners) -> None:
        self._state = state
        self._manners = manners

    def many(self, call: Call) -> Change:
        """Change one subscription of many users."""
        body = self._manners.read(call, MANY)
        emails, user_ids = body.texts("users"), body.texts("usersByUserId")
        body.finish()
        action = call.query.get("action", "")
        if action not in {"subscribe", "unsubscribe"}:
            raise refusal("BadParams", "The action must be subscribe or unsubscribe")
        people = [Identity(email) for email in emails] + [Identity(user_id=user_id) for user_id in user_ids]
        return self._change(call, people, on=action == "subscribe")

    def subscribe(self, call: Call) -> Change:
        """Subscribe one user."""
        return self._change(call, [_one(call)], on=True)

    def unsubscribe(self, call: Call) -> Change:
        """Unsubscribe one user."""
        return self._change(call, [_one(call)], on=False)

    def double_opt_in(self, call: Call) -> Change:
        """Ask a user by a text message; nobody here answers it."""
        if not self._state.single_subscriptions:
            raise refusal("NotFound", "Not found", 404)
        body = self._manners.read(call, DOUBLE_OPT_IN)
        identity, kinds = body.identity(), body.numbers("messageTypeIds")
        for name in ("phoneNumber", "brandName"):
            body.text(name)
        body.finish()
        need(identity)
        if not kinds:
            raise refusal("BadParams", "messageTypeIds must name at least one message type")
        key = self._state.key(identity)

        def apply() -> Answer:
            self._state.asked_to_opt_in[key] = kinds
            return text_answer("Accepted", 202)

        return Change([key], apply)

    def _change(self, call: Call, people: Sequence[Identity], *, on: bool) -> Change:
        if not self._state.single_subscriptions:
            raise refusal("NotFound", "Not found", 404)
        group, number = call.path["subscriptionGroup"], call.path["subscriptionGroupId"]
        if group not in _GROUPS or not number.isdigit():
            raise refusal("BadParams", "Invalid subscription group ID")

        def effect() -> None:
            for identity in people:
                profile = self._state.upsert(identity)
                if profile is not None:
                    _set(profile, group, int(number), on=on)

        def apply() -> Answer:
            return text_answer("", 202)

        return Change([self._state.key(identity) for identity in people], apply, effect=effect)


def _one(call: Call) -> Identity:
    return Identity(call.path.get("userEmail"), call.path.get("userId"))


def _set(profile: Profile, group: str, number: int, *, on: bool) -> None:
    """Put a number among those that a user has, or take it from there."""
    if group == "emailList":
        (profile.lists.add if on else profile.lists.discard)(number)
        return
    opposite = "unsubscribedChannelIds" if group == "messageChannel" else "unsubscribedMessageTypeIds"
    held = set(profile.subscriptions.get(opposite, ()))
    (held.discard if on else held.add)(number)
    profile.subscriptions[opposite] = sorted(held)
