"""Iterable's calls about who may be known at all: unforget, the forgotten, and the merge of two users."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

from netaudience.sandbox.iterable.fields import Identity, need, refusal
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState, Profile
from netaudience.sandbox.iterable.writes import forgotten
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, json_answer

UNFORGET = "/api/users/unforget"
MERGE = "/api/users/merge"


class Privacy:
    """The forgotten of one Iterable project, and merges."""

    def __init__(self, state: IterableState, manners: Manners) -> None:
        self._state = state
        self._manners = manners

    def unforget(self, call: Call) -> Change:
        """Let data about a user be collected again."""
        body = self._manners.read(call, UNFORGET)
        identity = body.identity()
        body.finish()
        need(identity)

        def apply() -> Answer:
            self._state.unforget(identity)
            return self._manners.success()

        return Change([self._state.key(identity)], apply)

    def emails(self, _call: Call) -> Change:
        """The hashes of the addresses that are forgotten."""
        return self._hashed("userId", lambda: self._state.forgotten_emails)

    def user_ids(self, _call: Call) -> Change:
        """The hashes of the userIds that are forgotten."""
        return self._hashed("email", lambda: self._state.forgotten_user_ids)

    def merge(self, call: Call) -> Change:
        """Move what one user has to another."""
        body = self._manners.read(call, MERGE)
        source = Identity(body.text("sourceEmail"), body.text("sourceUserId"))
        into = Identity(body.text("destinationEmail"), body.text("destinationUserId"))
        body.finish()
        need(source)
        need(into)

        def apply() -> Answer:
            if "forgotten" in {self._state.objection(one) for one in (source, into)}:
                raise forgotten()
            moving = self._state.find(source)
            if moving is None:
                raise refusal("BadParams", "The source user does not exist")
            staying = self._state.find(into)
            if staying is None:
                # Nobody to merge with: the source becomes that one.
                staying = self._state.upsert(into)
            if staying is not None and staying is not moving:
                self._move(moving, staying)
            return self._manners.success()

        return Change([self._state.key(source)], apply)

    def _move(self, moving: Profile, staying: Profile) -> None:
        staying.data_fields = {**moving.data_fields, **staying.data_fields}
        staying.lists |= moving.lists
        for device in list(moving.devices.values()):
            self._state.add_device(staying, device)
        self._state.remove([moving])

    def _hashed(self, wrong: str, found: Callable[[], Collection[str]]) -> Change:
        if self._state.project == wrong:
            raise refusal("BadParams", f"This project identifies its users by {wrong}")
        return Change(
            [],
            lambda: json_answer(
                [hashlib.sha256(one.strip().lower().encode()).hexdigest() for one in sorted(found())]
            ),
        )
