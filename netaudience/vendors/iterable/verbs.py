"""What Iterable can do for each verb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import attrs

from netaudience.model.verb_facts import (
    CHANNELS,
    AudienceFacts,
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
from netaudience.vendors.iterable.facts import SPECIFICATION
from netaudience.vendors.iterable.models import GetUserResponse
from netaudience.vendors.iterable.project import GetListsResponse, ListCreated, ListSize

_TYPE = (
    "which id the project takes is its type, NETAUDIENCE_ITERABLE_PROJECT_TYPE: where that is not set, both "
    "are sent, and one of them may be refused"
)

_IDS: tuple[tuple[Identity, str], ...] = (("email", "email"), ("id", "user_id"))
_LIST = "the number of the list, as netaudience iterable get-lists shows it"


#: Nothing takes it back: the app registers the token again.
_DISABLED = Way(
    operation="disable_device",
    takes="device",
    field="token",
    arguments={"everywhere": True},
    within=None,
    unknown="accepted",
    reaches="every profile that holds the token",
)


def _subscription(verb: Verb, action: str, effect: Effect) -> Verbs:
    facts = VerbFacts(
        effect=effect,
        taken="every",
        place="the number of the message channel, as netaudience iterable get-channels shows it",
        ways=tuple(
            Way(
                operation="change_subscription",
                takes=takes,
                field=field,
                arguments={"group": "messageChannel", "action": action},
                places=("group_id",),
                within=None,
                unknown="accepted",
            )
            for takes, field in _IDS
        ),
        notes=(_TYPE, "Iterable enables the change of single subscriptions on request"),
        docs=SPECIFICATION,
    )
    by_channel = {key_of(verb, channel): facts for channel in CHANNELS}
    if verb == "suppress":
        by_channel[key_of(verb, "push")] = attrs.evolve(facts, ways=(*facts.ways, _DISABLED))
    return by_channel


def _membership(operation: str, effect: Effect, **arguments: JsonValue) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        taken="every",
        place=_LIST,
        ways=tuple(
            Way(
                operation=operation,
                takes=takes,
                field=field,
                arguments=arguments,
                places=("list_id",),
                within=None,
                unknown="accepted" if effect == "joined" else "told",
            )
            for takes, field in _IDS
        ),
        notes=(_TYPE, "an audience is a static list"),
        docs=SPECIFICATION,
    )


def _attributes(effect: Effect) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        ways=tuple(
            Way(
                operation="bulk_update_users",
                takes=takes,
                field=field,
                entries="data_fields",
                within=None,
                unknown="accepted",
            )
            for takes, field in _IDS
        ),
        notes=(
            "by the address where there is one: give a project that names users by userId a file without any",
            "the first value of a field that is new to the project fixes its type for ever",
        ),
        docs=SPECIFICATION,
    )


VERBS: Verbs = {
    **_subscription("suppress", "unsubscribe", "suppressed"),
    **_subscription("unsuppress", "subscribe", "allowed"),
    # Whom Iterable does not know, it would make: somebody who was erased among them.
    "join": _membership("subscribe_to_list", "joined", update_existing_users_only=True),
    "leave": _membership("unsubscribe_from_list", "left"),
    "set": _attributes("set"),
    "unset": _attributes("unset"),
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
            ),
            Way(
                operation="forget_user_by_user_id",
                takes="id",
                field="user_id",
                within=None,
                unknown="accepted",
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


def _known_by(answer: object, _: str) -> Mapping[Identity, str | None]:
    user = cast("GetUserResponse", answer).user
    return {} if user is None else {"id": user.user_id, "email": user.email}


LOOK_UP = LookUpFacts(
    questions=(
        Question(
            operation="get_user",
            takes="email",
            about="profile of the address",
            held=_fields,
            known_by=_known_by,
        ),
        Question(
            operation="get_user_by_user_id",
            takes="id",
            about="profile of the id",
            held=_fields,
            known_by=_known_by,
        ),
    ),
    not_shown="events, and messages that were sent",
)


def _lists(answer: object) -> Iterator[tuple[str | None, str]]:
    """Give the lists that people can be put on: a dynamic one has its members by itself."""
    for one in cast("GetListsResponse", answer).lists:
        if one.list_type in {None, "Standard"}:
            yield one.name, str(one.id)


AUDIENCES = AudienceFacts(
    listed="get_lists",
    found=_lists,
    made="create_list",
    made_id=lambda answer: str(cast("ListCreated", answer).list_id),
    sized="get_list_size",
    counted=lambda answer: cast("ListSize", answer).count,
)
