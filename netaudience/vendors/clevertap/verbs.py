"""What CleverTap can do for each verb."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from netaudience.model.verb_facts import Look, LookUpFacts, Question, VerbFacts, Verbs, Way
from netaudience.model.wire import JsonValue
from netaudience.vendors.clevertap.facts import DELETE_PAGE
from netaudience.vendors.clevertap.models import ProfileFound

__all__ = ["LOOK_UP", "VERBS"]

VERBS: Verbs = {
    "erase": VerbFacts(
        effect="erased",
        ways=(
            Way(
                operation="delete_profiles",
                takes="id",
                field="user",
                within=timedelta(hours=48),
                unknown="accepted",
                # That a profile is not there is told as an error; an answer always is about somebody.
                look=Look(operation="get_profile", empty=lambda _: False, proves=True),
            ),
        ),
        comes_back="the next login or upload makes the profile again",
        notes=("deleted in the night of the account, from 02:00 to 04:00; backups are kept for 60 days",),
        docs=DELETE_PAGE,
    ),
}


def _record(answer: object) -> Mapping[str, JsonValue]:
    record = cast("ProfileFound", answer).record
    counts: dict[str, JsonValue] = {f"event {name}": event.count for name, event in record.events.items()}
    return {"identity": record.identity, "email": record.email, **record.profile_data, **counts}


LOOK_UP = LookUpFacts(
    questions=(
        Question(operation="get_profile", takes="id", about="profile", held=_record),
        Question(
            operation="get_profile", takes="email", about="profile", arguments={"by": "email"}, held=_record
        ),
    ),
    not_shown="subscriptions of an address or a number as such, and lists and segments",
)
