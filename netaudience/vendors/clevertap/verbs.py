"""What CleverTap can do for each verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import cast

from netaudience.model.verb_facts import (
    CHANNELS,
    Channel,
    Effect,
    Identity,
    LookUpFacts,
    Question,
    Verb,
    VerbFacts,
    Verbs,
    Way,
    WholeList,
    key_of,
)
from netaudience.model.wire import JsonValue
from netaudience.vendors.clevertap.facts import DELETE_PAGE, PROFILES_PAGE, SUBSCRIBE_PAGE
from netaudience.vendors.clevertap.models import ProfileFound

#: By channel: the property of a profile, and what stands for it where an address or a number is meant.
_FLAGS: tuple[tuple[Channel, Identity | None, str], ...] = (
    ("email", "email", "email"),
    ("sms", "phone", "phone"),
    ("push", None, ""),
    ("whatsapp", None, ""),
)
#: By what a profile is deleted, and what that is called there: a guid is CleverTap's object id.
_DELETED_BY: tuple[tuple[Identity, str], ...] = (("id", "identity"), ("device", "guid"))
_MAKES = "an id that CleverTap does not know becomes a profile"
#: The property that has the names of the audiences whom a profile is in.
_AUDIENCES = "Audiences"
_IN_A_PROPERTY = (
    f"an audience is a name in the property {_AUDIENCES}, which a segment of the panel asks for: lists in "
    "[audience] keeps a custom list besides, which is replaced as a whole; segments by API are a private beta"
)


def _uploads(
    constants: Callable[[str], Mapping[str, JsonValue]] = lambda _: {}, *, entries: str = ""
) -> tuple[Way, ...]:
    """Return the ways of writing into a profile: by your own identity, and by CleverTap's id of a device."""
    kinds: tuple[tuple[Identity, str], ...] = (("id", "identity"), ("device", "object_id"))
    return tuple(
        Way(
            operation="upload_profiles",
            takes=takes,
            field=field,
            constants=constants,
            entries=entries,
            within=None,
            unknown="accepted",
            reaches=_MAKES,
        )
        for takes, field in kinds
    )


def _always(held: Mapping[str, JsonValue]) -> Callable[[str], Mapping[str, JsonValue]]:
    return lambda _: held


def _consent(verb: Verb, status: str, *, allowed: bool) -> Verbs:
    found: dict[str, VerbFacts] = {}
    for channel, takes, kind in _FLAGS:
        ways = _uploads(_always({f"profile_data.MSG-{channel}": allowed}))
        if takes is not None:
            of_all = Way(
                operation="set_subscription",
                takes=takes,
                field="value",
                constants=_always({"type": kind, "status": status}),
                within=None,
                unknown="accepted",
                as_stored=takes == "email",
                reaches="everybody who shares it",
            )
            ways = (of_all, *ways)
        found[key_of(verb, channel)] = VerbFacts(
            effect="allowed" if allowed else "suppressed",
            ways=ways,
            docs=PROFILES_PAGE if takes is None else SUBSCRIBE_PAGE,
        )
    return found


def _membership(effect: Effect, operator: str) -> VerbFacts:
    return VerbFacts(
        effect=effect,
        ways=_uploads(lambda name: {f"profile_data.{_AUDIENCES}": {operator: [name]}}),
        notes=(_IN_A_PROPERTY,),
        docs=PROFILES_PAGE,
    )


def _attributes(effect: Effect) -> VerbFacts:
    return VerbFacts(effect=effect, ways=_uploads(entries="profile_data"), docs=PROFILES_PAGE)


VERBS: Verbs = {
    **_consent("suppress", "Unsubscribe", allowed=False),
    **_consent("unsuppress", "Resubscribe", allowed=True),
    "join": _membership("joined", "$add"),
    "leave": _membership("left", "$remove"),
    "set": _attributes("set"),
    "unset": _attributes("unset"),
    "erase": VerbFacts(
        effect="erased",
        # Before somebody logs in, the profile of the device is another than that of the identity.
        taken="every",
        ways=tuple(
            Way(
                operation="delete_profiles",
                takes=takes,
                field="user",
                arguments={"by": by},
                within=timedelta(hours=48),
                unknown="accepted",
                # That a profile is not there is reported as an error; an answer always is about somebody.
            )
            for takes, by in _DELETED_BY
        ),
        comes_back="the next login or upload makes the profile again",
        notes=("deleted in the night of the account, from 02:00 to 04:00; backups are kept for 60 days",),
        docs=DELETE_PAGE,
    ),
}


WHOLE_LIST = WholeList(
    operation="replace_custom_list",
    by={"id": "identity", "device": "guid"},
    needs=("email", "creator"),
    unsaid="how many of them it found CleverTap writes to the e-mail address alone",
)


def _record(answer: object) -> Mapping[str, JsonValue]:
    record = cast("ProfileFound", answer).record
    counts: dict[str, JsonValue] = {f"event {name}": event.count for name, event in record.events.items()}
    return {"identity": record.identity, "email": record.email, **record.profile_data, **counts}


def _known_by(answer: object, _: str) -> Mapping[Identity, str | None]:
    record = cast("ProfileFound", answer).record
    return {"id": record.identity, "email": record.email}


def _permits(answer: object) -> Mapping[Channel, bool]:
    """Read the flags of the profile; an address that is unsubscribed as such is none of them."""
    profile = cast("ProfileFound", answer).record.profile_data
    flags: dict[Channel, JsonValue] = {channel: profile.get(f"MSG-{channel}") for channel in CHANNELS}
    return {channel: flag for channel, flag in flags.items() if isinstance(flag, bool)}


LOOK_UP = LookUpFacts(
    questions=(
        Question(
            operation="get_profile",
            takes="id",
            about="profile",
            held=_record,
            known_by=_known_by,
            permits=_permits,
        ),
        Question(
            operation="get_profile",
            takes="email",
            about="profile",
            arguments={"by": "email"},
            held=_record,
            known_by=_known_by,
            permits=_permits,
        ),
        Question(
            operation="get_profile",
            takes="device",
            about="profile",
            arguments={"by": "objectId"},
            held=_record,
            known_by=_known_by,
            permits=_permits,
        ),
    ),
    not_shown="subscriptions of an address or a number as such, and lists and segments",
)
