"""What MoEngage can do for each verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import cast

import attrs

from netaudience.dead_letter import plain
from netaudience.model.verb_facts import Identity, Look, LookUpFacts, Question, VerbFacts, Verbs, Way
from netaudience.model.wire import JsonValue
from netaudience.vendors.moengage.consent_models import GdprAccepted, Preferences
from netaudience.vendors.moengage.consents import GDPR
from netaudience.vendors.moengage.models import GetUsersResponse

__all__ = ["LOOK_UP", "VERBS"]

_A_WEEK = timedelta(days=7)


def _receipt(answer: object) -> str | None:
    return cast("GdprAccepted", answer).request_id


VERBS: Verbs = {
    "erase": VerbFacts(
        effect="erased",
        ways=(
            Way(
                operation="request_erasure",
                takes="id",
                field="customer_id",
                within=_A_WEEK,
                unknown="accepted",
                receipt=_receipt,
                look=Look(
                    operation="export_users",
                    empty=lambda answer: not cast("GetUsersResponse", answer).data.users,
                    proves=True,
                ),
            ),
            Way(
                operation="request_erasure",
                takes="email",
                field="email",
                within=_A_WEEK,
                unknown="accepted",
                receipt=_receipt,
                look=None,
                reaches="all users who share the e-mail address are erased",
            ),
            Way(
                operation="request_erasure",
                takes="phone",
                field="mobile",
                within=_A_WEEK,
                unknown="accepted",
                receipt=_receipt,
                look=None,
                reaches="whether all users who share the number are erased is not documented",
            ),
        ),
        comes_back="what comes later for the same id makes a new user",
        notes=("logs and backups are erased within 60 days",),
        docs=GDPR,
    ),
}


def _attributes(answer: object) -> Mapping[str, JsonValue]:
    users = cast("GetUsersResponse", answer).data.users
    return {name: value for user in users for name, value in user.user_attributes.items()}


def _preferences(answer: object) -> Mapping[str, JsonValue]:
    data = cast("Preferences", answer).data
    if data is None:
        return {}
    told = attrs.asdict(data, filter=_is_told)
    return {name: plain(value) for name, value in told.items() if value not in ((), [])}


def _is_told(field: attrs.Attribute[object], value: object) -> bool:
    return field.name != "unknown" and value is not None


#: By which identity preferences are asked for, and what that is called there.
_BY: Sequence[tuple[Identity, str]] = (("id", "uid"), ("email", "email"))


LOOK_UP = LookUpFacts(
    questions=(
        Question(operation="export_users", takes="id", about="profile", held=_attributes),
        *(
            Question(
                operation="get_subscription_preferences",
                takes=takes,
                about=f"preferences of {channel}",
                arguments={"by": by, "channel": channel},
                held=_preferences,
            )
            for channel in ("email", "sms")
            for takes, by in _BY
        ),
    ),
    not_shown="events, devices, cohorts and segments",
)
