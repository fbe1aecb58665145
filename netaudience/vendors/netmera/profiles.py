"""Netmera: the profile attributes of users, and of all users at once.

Two of the operations name no user and act on every one of the app: they are asked for twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Provenance
from netaudience.model.rows import Rows
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call, query
from netaudience.vendors.netmera.facts import DOCS, ENTRIES, EXT_IDS, ONE, REFERENCE, REQUESTS, one_of
from netaudience.vendors.netmera.models import (
    AttributeDefinitions,
    AttributeValue,
    AttributeValueDict,
    Profile,
    ProfileKeys,
    ProfileKeysDict,
    ProfileUpdate,
    ProfileUpdateDict,
    ProfileValues,
    ProfileValuesDict,
)
from netaudience.vendors.netmera.rules import values_problem

_PAGES = f"{REFERENCE}/profile-attributes"
_VALUES = Rows(ProfileValues, key=("ext_id", "device_token"), rule=values_problem)
#: What Netmera does with attributes that it cannot use.
_DROPPED = (
    "attributes that are not defined in the panel to the letter, values of another type and null are left "
    "out, and a row that it cannot read is skipped"
)
_REJECTING = "An app may be set to refuse a whole request for one row that it cannot read: it is then halved."


class Profiles:
    """The operations on profile attributes."""

    @call(
        "GET",
        "/rest/3.0/getProfileAttributes",
        items=Identifiers("user"),
        limit=ONE,
        quota=REQUESTS,
        note="Attributes that are not defined any more are not shown; users who are no longer tracked are.",
        docs=f"{_PAGES}/get-profile-attributes",
    )
    def get_profile_attributes(
        self, user: str, *, by: Literal["ext_id", "device_token"] = "ext_id"
    ) -> Request[Profile]:
        """Read a user's profile attributes.

        Args:
            user: Your own id of the user, or the token of a device of theirs.
            by: Which of the two it is.
        """
        name = one_of(by, ext_id="extId", device_token="deviceToken")  # noqa: S106
        return Request(query={name: user}, answer=Profile)

    @batch(
        "POST",
        "/rest/3.0/setProfileAttributes",
        items=Rows(ProfileUpdate, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="merge",
        note=f"A user that is not known is reported to be created. Lists are replaced whole. {_REJECTING}",
        unsaid=_DROPPED,
        docs=f"{_PAGES}/set-profile-attributes",
    )
    def set_profile_attributes(self, updates: Sequence[ProfileUpdate | ProfileUpdateDict]) -> Request[None]:
        """Set profile attributes of users.

        Args:
            updates: One row per user; a later row of the same user is applied later.
        """
        return Request(json=updates)

    @batch(
        "POST",
        "/rest/3.0/unsetProfileAttributes",
        items=Rows(ProfileKeys, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="It does not clear the e-mail address, which is a field of the system.",
        unsaid="a row that it cannot read is skipped",
        docs=f"{_PAGES}/unset-profile-attributes",
    )
    def unset_profile_attributes(self, keys: Sequence[ProfileKeys | ProfileKeysDict]) -> Request[None]:
        """Remove profile attributes from users.

        Args:
            keys: One row per user, with the names of the attributes.
        """
        return Request(json=keys)

    @batch(
        "POST",
        "/rest/3.0/pushProfileAttributes",
        items=_VALUES,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=f"The values are a set: one that is there is not added again. {_REJECTING}",
        unsaid=_DROPPED,
        docs=f"{_PAGES}/add-values-to-array-attributes",
    )
    def push_profile_attributes(self, values: Sequence[ProfileValues | ProfileValuesDict]) -> Request[None]:
        """Add values to profile attributes that are arrays.

        Args:
            values: One row per user, with lists of values by attribute.
        """
        return Request(json=values)

    @batch(
        "POST",
        "/rest/3.0/pullProfileAttributes",
        items=_VALUES,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note=f"What loses its last value is an empty list. {_REJECTING}",
        unsaid=_DROPPED,
        docs=f"{_PAGES}/remove-values-from-array-attributes",
    )
    def pull_profile_attributes(self, values: Sequence[ProfileValues | ProfileValuesDict]) -> Request[None]:
        """Remove values from profile attributes that are arrays.

        Args:
            values: One row per user, with lists of values by attribute.
        """
        return Request(json=values)

    @batch(
        "POST",
        "/rest/3.0/deleteProfileAttributes",
        items=Identifiers("attribute key"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        app_wide=True,
        note="Acts on all users of the app.",
        unsaid="a key that no attribute has does nothing",
        docs=f"{_PAGES}/delete-profile-attribute-from-all-users",
        consent="deletes attributes of every user of the app",
    )
    def delete_profile_attributes_of_all_users(
        self, keys: Sequence[str], *, confirm: bool = False
    ) -> Request[None]:
        """Delete profile attributes of **all users** of the app.

        Args:
            keys: Names of attributes.
            confirm: Must be True; this acts on every user.
        """
        return Request(json=[{"profile": keys}])

    @batch(
        "POST",
        "/rest/3.0/deleteProfileAttributeValue",
        items=Rows(AttributeValue, key="key", noun="attribute key"),
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        app_wide=True,
        provenance=Provenance.WITHDRAWN,
        note="Acts on all users of the app. Netmera's API reference does not have it any more, the older "
        "page does.",
        docs=f"{DOCS}#delete-specific-profile-attributes-from-all-users",
        consent="deletes values of every user of the app",
    )
    def delete_profile_attribute_value_of_all_users(
        self, values: Sequence[AttributeValue | AttributeValueDict], *, confirm: bool = False
    ) -> Request[None]:
        """Delete single values of profile attributes of **all users** of the app.

        Args:
            values: Attribute keys and the value to delete of each.
            confirm: Must be True; this acts on every user.
        """
        return Request(json=values)

    @query(
        "GET",
        "/rest/3.0/app/profile-attributes",
        quota=REQUESTS,
        note="The code of a definition is the key in a profile.",
        docs=f"{REFERENCE}/application-data/list-profile-attribute-definitions",
    )
    def get_attribute_definitions(self) -> Request[AttributeDefinitions]:
        """Read which profile attributes the app has, and what they hold: good to know before a run."""
        return Request(answer=AttributeDefinitions)
