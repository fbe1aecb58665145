"""What Netmera can do for each verb."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from netaudience.model.verb_facts import Look, LookUpFacts, Question, VerbFacts, Verbs, Way
from netaudience.vendors.netmera.facts import REFERENCE
from netaudience.vendors.netmera.models import CategoryPreferences, DeviceList, Profile

__all__ = ["LOOK_UP", "VERBS"]

_NOT_ACTIVATED = (
    "an app for which permanent deletion was not activated in the panel only stops tracking, with the same "
    "answer: attributes that a second look still shows are the only sign of it"
)

VERBS: Verbs = {
    "erase": VerbFacts(
        effect="erased",
        ways=(
            Way(
                operation="delete_users_permanently",
                takes="id",
                field="ext_id",
                within=timedelta(minutes=1),
                unknown="told",
                look=Look(
                    operation="get_profile_attributes",
                    empty=lambda answer: not cast("Profile", answer).profile,
                    # A user may have had no attribute, and what is not defined any more is not shown.
                    proves=False,
                ),
            ),
        ),
        comes_back="registering or changing the same id makes a user again",
        notes=(_NOT_ACTIVATED,),
        docs=f"{REFERENCE}/users/delete-users-permanently",
    ),
}

LOOK_UP = LookUpFacts(
    questions=(
        Question(
            operation="get_profile_attributes",
            takes="id",
            about="profile",
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
