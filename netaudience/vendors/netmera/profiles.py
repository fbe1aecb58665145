"""Netmera: the profile attributes of users, and of all users at once.

Two of the operations name no user and act on every one of the app: they are asked for twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.client import confirmed
from netaudience.items import Identifiers, Rows
from netaudience.limits import Provenance
from netaudience.operations import batch, call, query
from netaudience.vendors.netmera.facts import DOCS, ENTRIES, EXT_IDS, IDS, ONE, OPENAPI, REQUESTS
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
from netaudience.wire import Request

__all__ = ["Profiles"]


class Profiles:
    """The operations on profile attributes."""

    @call(
        "GET",
        "/rest/3.0/getProfileAttributes",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=f"{DOCS}#get-profile-attributes",
    )
    def get_profile_attributes(self, ext_id: str) -> Request[Profile]:
        """Read a user's profile attributes.

        Args:
            ext_id: Your own id of the user.
        """
        return Request(query={"extId": ext_id}, answer=Profile)

    @batch(
        "POST",
        "/rest/3.0/setProfileAttributes",
        items=Rows(ProfileUpdate, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="merge",
        note="A user that is not known is reported to be created.",
        docs=f"{DOCS}#set-profile-attributes",
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
        note="It is reported not to clear the e-mail address, which is a field of the system.",
        docs=f"{DOCS}#unset-profile-attributes",
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
        items=Rows(ProfileValues, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=False,
        note="Appends: sent twice, a value may be there twice.",
        docs=f"{DOCS}#push-values-to-array-attributes",
    )
    def push_profile_attributes(self, values: Sequence[ProfileValues | ProfileValuesDict]) -> Request[None]:
        """Append values to profile attributes that are arrays.

        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            values: One row per user, with lists of values by attribute.
        """
        return Request(json=values)

    @batch(
        "POST",
        "/rest/3.0/pullProfileAttributes",
        items=Rows(ProfileValues, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        docs=f"{DOCS}#pull-attributes-from-array-attributes",
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
        docs=f"{DOCS}#delete-profile-attributes-from-all-users",
    )
    def delete_profile_attributes_of_all_users(
        self, keys: Sequence[str], *, confirm: bool = False
    ) -> Request[None]:
        """Delete profile attributes of **all users** of the app.

        Args:
            keys: Names of attributes.
            confirm: Must be True; this acts on every user.
        """
        confirmed(confirm, "deletes attributes of every user of the app")
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
        note="Acts on all users of the app.",
        docs=f"{DOCS}#delete-specific-profile-attributes-from-all-users",
    )
    def delete_profile_attribute_value_of_all_users(
        self, values: Sequence[AttributeValue | AttributeValueDict], *, confirm: bool = False
    ) -> Request[None]:
        """Delete single values of profile attributes of **all users** of the app.

        Args:
            values: Attribute keys and the value to delete of each.
            confirm: Must be True; this acts on every user.
        """
        confirmed(confirm, "deletes values of every user of the app")
        return Request(json=values)

    @query(
        "GET",
        "/rest/3.0/app/profile-attributes",
        quota=REQUESTS,
        provenance=Provenance.REPORTED,
        docs=OPENAPI,
    )
    def get_attribute_definitions(self) -> Request[AttributeDefinitions]:
        """Read which profile attributes the app has, and what they hold: good to know before a run."""
        return Request(answer=AttributeDefinitions)
