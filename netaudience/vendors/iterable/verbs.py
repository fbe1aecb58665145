"""What Iterable can do for each verb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from netaudience.model.verb_facts import Look, LookUpFacts, Question, VerbFacts, Verbs, Way
from netaudience.model.wire import JsonValue
from netaudience.vendors.iterable.facts import SPECIFICATION
from netaudience.vendors.iterable.models import GetUserResponse

__all__ = ["LOOK_UP", "VERBS"]


def _nobody(answer: object) -> bool:
    return cast("GetUserResponse", answer).user is None


_TYPE = (
    "which id the project takes is its type, NETAUDIENCE_ITERABLE_PROJECT_TYPE: where that is not set, both "
    "are sent, and one of them may be refused"
)

VERBS: Verbs = {
    "erase": VerbFacts(
        effect="erased",
        # A hybrid project may hold two profiles of a person, one by each; others have one of the ways.
        taken="every",
        ways=(
            Way(
                operation="forget_user",
                takes="email",
                field="email",
                within=None,
                unknown="accepted",
                look=Look(operation="get_user", empty=_nobody, proves=True),
            ),
            Way(
                operation="forget_user_by_user_id",
                takes="id",
                field="user_id",
                within=None,
                unknown="accepted",
                look=Look(operation="get_user_by_user_id", empty=_nobody, proves=True),
            ),
        ),
        notes=(
            _TYPE,
            "whatever comes later for the same person is refused, until unforget_user lifts that",
            "1,000 people a day: what is left is sent by going on with the run the next day",
        ),
        docs=SPECIFICATION,
    ),
}


def _fields(answer: object) -> Mapping[str, JsonValue]:
    user = cast("GetUserResponse", answer).user
    if user is None:
        return {}
    return {"email": user.email, "userId": user.user_id, **user.data_fields}


LOOK_UP = LookUpFacts(
    questions=(
        Question(operation="get_user", takes="email", about="profile of the address", held=_fields),
        Question(operation="get_user_by_user_id", takes="id", about="profile of the id", held=_fields),
    ),
    not_shown="events, and messages that were sent",
)
