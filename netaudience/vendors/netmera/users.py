"""Netmera: users, their tags and categories, and what they did.

Its successes say nothing about single users, and rows that it does not like it skips without a word: what
can be known of a row beforehand is checked before it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from netaudience.client import confirmed
from netaudience.errors import ConfigurationError
from netaudience.items import Rows
from netaudience.limits import Provenance
from netaudience.operations import batch, call
from netaudience.phone import e164
from netaudience.rules import text
from netaudience.vendors.netmera.facts import DOCS, EVENTS, EXT_IDS, IDS, ONE, OPENAPI, REQUESTS
from netaudience.vendors.netmera.models import (
    CategoryPreference,
    CategoryPreferenceDict,
    CategoryPreferences,
    UserEvent,
    UserEventDict,
    UserRegistration,
    UserRegistrationDict,
    event_problem,
    registration_problem,
)
from netaudience.wire import JsonValue, Request

__all__ = ["Users"]

_REGISTRATIONS = Rows(
    UserRegistration, key=("ext_id", "msisdn", "email", "device_token"), rule=registration_problem
)
_EVENTS = Rows(UserEvent, key="ext_id", rule=event_problem)
_NEVER_UNDONE = "Irreversible; needs to be activated in the panel, and is reported to do less without that."


class Users:
    """The operations on users."""

    @batch(
        "POST",
        "/rest/3.0/registerUsers",
        items=_REGISTRATIONS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        provenance=Provenance.REPORTED,
        note="Invalid rows are reported to be skipped without a word, unless all of a request are invalid.",
        docs=OPENAPI,
    )
    def register_users(self, users: Sequence[UserRegistration | UserRegistrationDict]) -> Request[None]:
        """Register users, or devices, with their addresses, tags and attributes.

        The answer means *accepted for processing*: the vendor does not confirm a single row.

        Args:
            users: One row per user or device; each has a platform or a phone number.
        """
        return Request(json=[_registration(user) for user in users])

    @batch(
        "POST",
        "/rest/3.0/deleteUsers",
        items=IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        provenance=Provenance.REPORTED,
        note="Whether it can be undone is not known.",
        docs=OPENAPI,
    )
    def delete_users(self, ext_ids: Sequence[str], *, confirm: bool = False) -> Request[None]:
        """Delete users.

        The answer means *accepted*: the vendor does not confirm the deletion of a single user.

        Args:
            ext_ids: Your own ids of the users.
            confirm: Must be True; whether this can be undone is not known.
        """
        confirmed(confirm, "deletes users")
        return Request(json={"extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/deleteUsersPermanently",
        items=IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        destructive=True,
        irreversible=True,
        note=_NEVER_UNDONE,
        docs=f"{DOCS}#user-deletion",
    )
    def delete_users_permanently(self, ext_ids: Sequence[str], *, confirm: bool = False) -> Request[None]:
        """Delete users with their devices, profile attributes and event history, for good.

        The answer means *accepted*: the vendor does not confirm the deletion of a single user.

        Args:
            ext_ids: Your own ids of the users.
            confirm: Must be True; this cannot be undone.
        """
        confirmed(confirm, "deletes users permanently")
        return Request(json={"extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/tagUsers",
        items=IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="untag_users",
        docs=f"{DOCS}#add-tags-to-users",
    )
    def tag_users(self, ext_ids: Sequence[str], *, tag: str, more_tags: Sequence[str] = ()) -> Request[None]:
        """Add a tag to users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
            more_tags: Further tags in the same request. This sends a list, which is reported to work
                but is not in the vendor's guide.
        """
        return Request(json={"tag": _tags(tag, more_tags), "extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/untagUsers",
        items=IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="tag_users",
        docs=f"{DOCS}#remove-tags-from-users",
    )
    def untag_users(
        self, ext_ids: Sequence[str], *, tag: str, more_tags: Sequence[str] = ()
    ) -> Request[None]:
        """Remove a tag from users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
            more_tags: Further tags in the same request. This sends a list, which is reported to work
                but is not in the vendor's guide.
        """
        return Request(json={"tag": _tags(tag, more_tags), "extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/setCategoryPreferences",
        items=Rows(CategoryPreference, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="Rows with an unknown category or channel are reported to be skipped without a word.",
        docs=f"{DOCS}#category-preferences",
    )
    def set_category_preferences(
        self, preferences: Sequence[CategoryPreference | CategoryPreferenceDict]
    ) -> Request[None]:
        """Opt users in to, or out of, categories of messages.

        Args:
            preferences: One row per user and category; the rows of one user keep their order.
        """
        return Request(json=preferences)

    @call(
        "GET",
        "/rest/3.0/getCategoryPreferences",
        items=IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=f"{DOCS}#category-preferences",
    )
    def get_category_preferences(
        self, ext_id: str, *, push_permitted: bool | None = None
    ) -> Request[CategoryPreferences]:
        """Read a user's category preferences.

        Args:
            ext_id: Your own id of the user.
            push_permitted: Only categories with this push permission; all of them if not given.
        """
        asked: dict[str, str | int | bool] = {"externalId": ext_id}
        if push_permitted is not None:
            asked["pushPermitted"] = push_permitted
        return Request(query=asked, answer=CategoryPreferences)

    @batch(
        "POST",
        "/rest/3.0/fireEvents",
        items=_EVENTS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=False,
        note="Sent twice, an event happened twice. Its attributes are defined in the panel.",
        docs=EVENTS,
    )
    def fire_events(self, events: Sequence[UserEvent | UserEventDict]) -> Request[None]:
        """Record events of users.

        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            events: One row per event; the rows of one user keep their order.
        """
        return Request(json=[_event(event) for event in events])


def _registration(row: UserRegistration | UserRegistrationDict) -> Mapping[str, JsonValue]:
    """Return a row with its telephone number as E.164: a row in another form might be skipped."""
    given = cast("Mapping[str, JsonValue]", _REGISTRATIONS.mapping(cast("UserRegistration", row)))
    msisdn = given.get("msisdn")
    return {**given, "msisdn": e164(msisdn)} if isinstance(msisdn, str) else given


def _event(row: UserEvent | UserEventDict) -> Mapping[str, JsonValue]:
    """Return an event as the vendor has it: its attributes beside its user and its name."""
    given = dict(cast("Mapping[str, JsonValue]", _EVENTS.mapping(cast("UserEvent", row))))
    attributes = cast("Mapping[str, JsonValue]", given.pop("attributes", {}))
    return {**given, **attributes}


def _tags(tag: str, more: Sequence[str]) -> JsonValue:
    if not isinstance(more, list | tuple):  # what is used up by reading would be empty in the next request
        raise ConfigurationError("more_tags must be a list of texts")
    tags = [tag, *more]
    if any(text("tag").problem(one) for one in tags):
        raise ConfigurationError("A tag must be text that is not empty")
    return tags if more else tag
