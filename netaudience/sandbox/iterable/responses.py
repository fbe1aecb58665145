"""Iterable's successes: the envelope, and bulk answers that name failures by identifier.

What the recordings show in more than one way is a setting here, so that a client can be tested
against each, and against counters that contradict the lists beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.iterable.fields import Fields, Identity, envelope
from netaudience.sandbox.iterable.state import IterableState
from netaudience.sandbox.protocol import Call
from netaudience.sandbox.responses import Answer, json_answer

#: The part of a failure list's name before "Emails" or "UserIds".
Reason: TypeAlias = Literal["conflict", "forgotten", "invalidData", "invalid", "notFound"]

UPDATE_REASONS: tuple[Reason, ...] = ("conflict", "forgotten", "invalidData", "invalid", "notFound")
EVENT_REASONS: tuple[Reason, ...] = ("forgotten", "invalid", "notFound")


@attrs.define
class Manners:
    """How answers are worded where there is more than one way; a reset leaves it as it is."""

    #: The params of a success: null, left out, or an object.
    params: Literal["null", "absent", "filled"] = "null"
    #: Old bulk answers name invalid e-mails only, at the top level, and old refusals of a body repeat
    #: it in their message, with the headers and the key among them.
    style: Literal["current", "legacy"] = "current"
    #: The failCount that every bulk answer claims, whatever its lists say; None: the true one.
    fail_count: int | None = None

    def read(self, call: Call, endpoint: str) -> Fields:
        """The body of a call, which is refused in the chosen style."""
        return Fields.of(call, endpoint, legacy=self.style == "legacy")

    def success(self, message: str = "") -> Answer:
        """The envelope of a success."""
        match self.params:
            case "null":
                return envelope(200, "Success", message)
            case "absent":
                return json_answer({"code": "Success", "msg": message})
            case "filled":
                return envelope(200, "Success", message, {"info": "accepted"})

    def counted(self, taken: int, failed: int) -> dict[str, object]:
        """The two counters of a bulk answer."""
        claimed = failed if self.fail_count is None else self.fail_count
        return {"successCount": max(0, taken + failed - claimed), "failCount": claimed}


class Failures:
    """The failures of one bulk call, by the list that names them."""

    def __init__(self, state: IterableState) -> None:
        self._state = state
        self._lists: dict[str, list[str]] = {}
        self.count = 0

    def add(self, reason: Reason, identity: Identity) -> None:
        """Blame a user; e-mails are named in lower case."""
        self.count += 1
        by = self._state.by_name(identity)
        if reason == "invalid":
            by = "userId" if identity.malformed == "userId" else "email" if identity.malformed else by
        self.name(f"{reason}{'Emails' if by == 'email' else 'UserIds'}", identity, by)

    def name(self, list_name: str, identity: Identity, by: Literal["email", "userId"]) -> None:
        """Name a user in a list."""
        named = identity.folded if by == "email" else identity.user_id
        self._lists.setdefault(list_name, []).append(named or "")

    def of(self, list_name: str) -> Sequence[str]:
        """One list."""
        return self._lists.get(list_name, ())

    def listed(self, reasons: Iterable[Reason]) -> dict[str, Sequence[str]]:
        """The lists of these reasons, empty ones too."""
        names = [f"{reason}{kind}" for reason in reasons for kind in ("Emails", "UserIds")]
        return {name: self.of(name) for name in names}


def update_answer(
    manners: Manners,
    taken: int,
    failures: Failures,
    created: Collection[str] = (),
    dropped: Collection[str] = (),
) -> Answer:
    """The answer of users/bulkUpdate and of the list calls."""
    counted = manners.counted(taken, failures.count)
    if manners.style == "legacy":
        return json_answer({**counted, "invalidEmails": failures.of("invalidEmails")})
    return json_answer(
        {
            **counted,
            "failedUpdates": failures.listed(UPDATE_REASONS),
            "createdFields": sorted(created),
            "filteredOutFields": sorted(dropped),
            **failures.listed(("invalid",)),
        }
    )


def events_answer(manners: Manners, taken: int, failures: Failures, disallowed: Collection[str]) -> Answer:
    """The answer of events/trackBulk."""
    counted = manners.counted(taken, failures.count)
    if manners.style == "legacy":
        return json_answer({**counted, "invalidEmails": failures.of("invalidEmails")})
    return json_answer(
        {
            **counted,
            "failedUpdates": failures.listed(EVENT_REASONS),
            "createdFields": [],
            "filteredOutFields": [],
            "disallowedEventNames": sorted(disallowed),
            **failures.listed(("invalid",)),
        }
    )


def subscriptions_answer(manners: Manners, taken: int, failures: Failures) -> Answer:
    """The answer of users/bulkUpdateSubscriptions."""
    counted = manners.counted(taken, failures.count)
    names = ["invalidEmails", "validEmailFailures"]
    if manners.style == "current":
        names += ["invalidUserIds", "validUserIdFailures"]
    return json_answer({**counted, **{name: failures.of(name) for name in names}})
