"""What Netmera can do for each verb."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from netaudience.model.verb_facts import (
    Channel,
    Identity,
    LookUpFacts,
    Question,
    Verb,
    VerbFacts,
    Verbs,
    Way,
    key_of,
)
from netaudience.vendors.netmera.facts import REFERENCE
from netaudience.vendors.netmera.models import CategoryPreferences, DeviceList, Profile

_NOT_ACTIVATED = (
    "an app for which permanent deletion was not activated in the panel only stops tracking, with the same "
    "answer: attributes that a second look still shows are the only sign of it"
)

_CHANNELS = f"{REFERENCE}/channels-and-permissions"
_IYS = "with the IYS connector on, Netmera forwards the change to the Turkish consent registry at once"
_ONE_DEVICE = "by the id all devices of the user, by a push token that one alone"
_AS_STORED = (
    "everybody who has the number, exactly as Netmera has stored it: written otherwise it does nothing"
)
#: By channel: how its operations end, the identity that they take besides an id, and what that is called.
_CONTACTS: tuple[tuple[Channel, str, Identity, str, str], ...] = (
    ("email", "mail", "email", "email", "everybody who has the address"),
    ("sms", "sms", "phone", "msisdn", _AS_STORED),
    ("whatsapp", "whats_app", "phone", "wp_number", _AS_STORED),
)


def _permission(verb: Verb, does: str, channel: Channel, called: str, *more: Way) -> tuple[str, VerbFacts]:
    by_id = Way(operation=f"{does}_{called}", takes="id", field="user", within=None, unknown="accepted")
    return key_of(verb, channel), VerbFacts(
        effect="suppressed" if verb == "suppress" else "allowed",
        ways=(by_id, *more),
        notes=(_ONE_DEVICE,) if channel == "push" else (_IYS,),
        docs=_CHANNELS,
    )


def _permissions(verb: Verb, does: str) -> Verbs:
    return dict(
        (
            _permission(
                verb,
                does,
                "push",
                "push",
                Way(
                    operation=f"{does}_push",
                    takes="device",
                    field="user",
                    arguments={"by": "device_token"},
                    within=None,
                    unknown="accepted",
                ),
            ),
            *(
                _permission(
                    verb,
                    does,
                    channel,
                    called,
                    Way(
                        operation=f"{does}_{called}",
                        takes=takes,
                        field="user",
                        arguments={"by": by},
                        within=None,
                        unknown="accepted",
                        as_stored=takes == "email",
                        reaches=reaches,
                    ),
                )
                for channel, called, takes, by, reaches in _CONTACTS
            ),
        )
    )


VERBS: Verbs = {
    **_permissions("suppress", "disable"),
    **_permissions("unsuppress", "enable"),
    "join": VerbFacts(
        effect="joined",
        ways=(
            Way(
                operation="tag_users",
                takes="id",
                field="ext_id",
                places=("tag",),
                within=None,
                unknown="accepted",
            ),
        ),
        notes=("an audience is a tag",),
        docs=f"{REFERENCE}/tags",
    ),
    "leave": VerbFacts(
        effect="left",
        ways=(
            Way(
                operation="untag_users",
                takes="id",
                field="ext_id",
                places=("tag",),
                within=None,
                unknown="told",
            ),
        ),
        notes=("an audience is a tag",),
        docs=f"{REFERENCE}/tags/remove-tags-from-users",
    ),
    "set": VerbFacts(
        effect="set",
        ways=(
            Way(
                operation="set_profile_attributes",
                takes="id",
                field="ext_id",
                entries="profile",
                within=None,
                unknown="accepted",
                reaches="an id that Netmera does not know is reported to become a user",
            ),
        ),
        notes=("an attribute that is not defined is dropped without a word: the run asks which are, first",),
        docs=f"{REFERENCE}/profile-attributes/set-profile-attributes",
    ),
    "unset": VerbFacts(
        effect="unset",
        ways=(
            Way(
                operation="unset_profile_attributes",
                takes="id",
                field="ext_id",
                listed="profile",
                within=None,
                unknown="accepted",
            ),
        ),
        docs=f"{REFERENCE}/profile-attributes/unset-profile-attributes",
    ),
    "erase": VerbFacts(
        effect="erased",
        ways=(
            Way(
                operation="delete_users_permanently",
                takes="id",
                field="ext_id",
                within=timedelta(minutes=1),
                unknown="told",
            ),
        ),
        comes_back="registering or changing the same id makes a user again",
        notes=(_NOT_ACTIVATED,),
        docs=f"{REFERENCE}/users/delete-users-permanently",
    ),
}


def _permits(answer: object) -> Mapping[Channel, bool]:
    """Read whether any device takes push messages; somebody without one is not told of."""
    permits = [device.push_permitted for device in cast("DeviceList", answer).devices]
    return {"push": any(permits)} if permits and None not in permits else {}


LOOK_UP = LookUpFacts(
    questions=(
        Question(
            operation="get_profile_attributes",
            takes="id",
            about="profile",
            held=lambda answer: cast("Profile", answer).profile,
        ),
        Question(
            operation="get_profile_attributes",
            takes="device",
            about="profile",
            arguments={"by": "device_token"},
            held=lambda answer: cast("Profile", answer).profile,
        ),
        Question(
            operation="get_devices",
            takes="id",
            about="devices",
            held=lambda answer: {
                f"device {number}": device.token or device.model
                for number, device in enumerate(cast("DeviceList", answer).devices, 1)
            },
            permits=_permits,
            channel="push",
        ),
        Question(
            operation="get_category_preferences",
            takes="id",
            about="categories",
            held=lambda answer: cast("CategoryPreferences", answer).categories,
        ),
    ),
    not_shown="tags, and the permissions of e-mail, SMS and WhatsApp",
)
