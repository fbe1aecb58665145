"""What MoEngage can do for each verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import cast

import attrs

from netaudience.dead_letter import plain
from netaudience.model.verb_facts import (
    Channel,
    Effect,
    Identity,
    LookUpFacts,
    Question,
    Verb,
    VerbFacts,
    Verbs,
    Way,
    key_of,
)
from netaudience.model.wire import JsonValue
from netaudience.vendors.moengage.audiences import COHORTS
from netaudience.vendors.moengage.consent_models import GdprAccepted, Preferences
from netaudience.vendors.moengage.consents import GDPR, V5
from netaudience.vendors.moengage.models import GetUsersResponse
from netaudience.vendors.moengage.rules import SPECIFICATION

_A_WEEK = timedelta(days=7)


_COHORT = (
    "an audience is a cohort of the source netaudience, which is made if there is none: a file segment is "
    "filled from a file at a URL that MoEngage can reach, which replace_segment_users does"
)


def _receipt(answer: object) -> str | None:
    return cast("GdprAccepted", answer).request_id


#: By which identity preferences are asked for, and what that is called there.
_BY: Sequence[tuple[Identity, str]] = (("id", "uid"), ("email", "email"))
#: The channels of which preferences are kept.
_PREFERRED: Sequence[Channel] = ("email", "sms")


def _preference(channel: Channel, *, off: bool) -> VerbFacts:
    return VerbFacts(
        effect="suppressed" if off else "allowed",
        ways=tuple(
            Way(
                operation="set_subscription_preferences",
                takes=takes,
                field="user_identifier_value",
                arguments={"by": by, "channel": channel, **({} if off else {"lift_unsubscribes": True})},
                constants=lambda _: {"is_globally_unsubscribed": off},
                within=None,
                unknown="accepted",
                as_stored=takes == "email",
            )
            for takes, by in _BY
        ),
        docs=V5,
    )


def _push(action: str, effect: Effect) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        ways=(
            Way(
                operation="manage_devices",
                takes="id",
                field="user_identifier_value",
                arguments={"action": action, "all_devices": True},
                within=None,
                unknown="accepted",
            ),
        ),
        notes=("all devices that the user has now; a device that comes later is not among them",),
        docs=SPECIFICATION,
    )


def _whatsapp(*, allowed: bool) -> VerbFacts:
    return VerbFacts(
        effect="allowed" if allowed else "suppressed",
        ways=(
            Way(
                operation="import_users",
                takes="id",
                field="customer_id",
                constants=lambda _: {"attributes.moe_wa_subscription": allowed},
                within=None,
                unknown="accepted",
                reaches="an id that MoEngage does not know becomes a user",
            ),
        ),
        docs=SPECIFICATION,
    )


def _membership(operation: str, effect: Effect) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        ways=(
            Way(
                operation=operation,
                takes="id",
                field="customer_id",
                arguments={"partner": "netaudience"},
                places=("cohort_id", "cohort_name"),
                within=None,
                unknown="accepted",
            ),
        ),
        notes=(_COHORT,),
        docs=COHORTS,
    )


def _changed(effect: Effect, *notes: str, **arguments: JsonValue) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        ways=(
            Way(
                operation="import_users",
                takes="id",
                field="customer_id",
                arguments=arguments,
                entries="attributes",
                within=None,
                unknown="accepted",
                reaches="" if arguments else "an id that MoEngage does not know becomes a user",
            ),
        ),
        notes=("what is wrong with a single user is never reported", *notes),
        docs=SPECIFICATION,
    )


def _consents(verb: Verb, *, off: bool) -> Verbs:
    effect: Effect = "suppressed" if off else "allowed"
    return {
        **{key_of(verb, channel): _preference(channel, off=off) for channel in _PREFERRED},
        key_of(verb, "push"): _push("block" if off else "unblock", effect),
        key_of(verb, "whatsapp"): _whatsapp(allowed=not off),
    }


VERBS: Verbs = {
    **_consents("suppress", off=True),
    **_consents("unsuppress", off=False),
    "join": _membership("add_cohort_members", "joined"),
    "leave": _membership("remove_cohort_members", "left"),
    "set": _changed("set"),
    "unset": _changed(
        "unset",
        "MoEngage enables it for a workspace, early access: NETAUDIENCE_MOENGAGE_UNSET_ATTRIBUTES",
        update_existing_only=True,
    ),
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
            ),
            Way(
                operation="request_erasure",
                takes="email",
                field="email",
                within=_A_WEEK,
                unknown="accepted",
                receipt=_receipt,
                as_stored=True,
                reaches="all users who share the e-mail address are erased",
            ),
            Way(
                operation="request_erasure",
                takes="phone",
                field="mobile",
                within=_A_WEEK,
                unknown="accepted",
                receipt=_receipt,
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
    fields = attrs.asdict(data, filter=_is_told)
    return {name: plain(value) for name, value in fields.items() if value not in ((), [])}


def _is_told(field: attrs.Attribute[object], value: object) -> bool:
    return field.name != "unknown" and value is not None


def _permits(channel: Channel) -> Callable[[object], Mapping[Channel, bool]]:
    """Return what says whether a channel is allowed; single categories may be opted out of besides."""

    def permitted(answer: object) -> Mapping[Channel, bool]:
        data = cast("Preferences", answer).data
        off = None if data is None else data.is_globally_unsubscribed
        return {} if off is None else {channel: not off}

    return permitted


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
                permits=_permits(channel),
                channel=channel,
            )
            for channel in _PREFERRED
            for takes, by in _BY
        ),
    ),
    not_shown="events, devices, cohorts and segments",
)
