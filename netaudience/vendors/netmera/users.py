"""Netmera: users, their tags and categories, and what they did.

Its successes say nothing about single users, and rows that it does not like it skips without a word: what
can be known of a row beforehand is checked before it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

from netaudience.errors import ConfigurationError
from netaudience.model.phone import with_e164
from netaudience.model.rows import Rows
from netaudience.model.validators import text
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import batch, call, query
from netaudience.vendors.netmera.answers import blame_missing
from netaudience.vendors.netmera.facts import DOCS, EXT_IDS, IDS, ONE, REFERENCE, REQUESTS
from netaudience.vendors.netmera.models import (
    CategoryPreference,
    CategoryPreferenceDict,
    CategoryPreferences,
    EventDefinitions,
    PushCategories,
    UserEvent,
    UserEventDict,
    UserRegistration,
    UserRegistrationDict,
)
from netaudience.vendors.netmera.rules import event_problem, registration_problem

Channel: TypeAlias = Literal["MOBILE", "SMS", "EMAIL", "WHATS_APP", "IN_APP", "WEB"]

_REGISTRATIONS = Rows(
    UserRegistration, key=("ext_id", "msisdn", "email", "device_token"), rule=registration_problem
)
_EVENTS = Rows(UserEvent, key="ext_id", rule=event_problem, beside="attributes")
_NO_ID = "an id that it does not know does nothing"


class Users:
    """The operations on users."""

    @batch(
        "POST",
        "/rest/3.0/registerUsers",
        items=_REGISTRATIONS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="All or nothing: one row that Netmera cannot register refuses its request, which is then "
        "halved. Users are matched by ext id; tags are added, attributes merged.",
        unsaid="attributes that are not defined, or of another type, are left out",
        docs=f"{REFERENCE}/users/register-users",
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
        note="Nothing is erased: users are no longer tracked. They can be read, and are in no audience and "
        "no count until they are registered or changed again.",
        unsaid=_NO_ID,
        docs=f"{REFERENCE}/users/delete-users",
        consent="takes users out of every audience",
    )
    def delete_users(self, ext_ids: Sequence[str], *, confirm: bool = False) -> Request[None]:
        """Stop tracking users; nothing of them is erased, whatever the vendor calls it.

        The answer means *accepted*: the vendor does not confirm a single user.

        Args:
            ext_ids: Your own ids of the users.
            confirm: Must be True; they are in no audience any more.
        """
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
        erases=True,
        note="Irreversible; done about a minute later. One id that is not there refuses the whole request, "
        "which is then halved; one that is not there counts as done.",
        unsaid="an app for which permanent deletion was not activated in the panel only stops tracking",
        docs=f"{REFERENCE}/users/delete-users-permanently",
        consent="deletes users permanently",
    )
    def delete_users_permanently(self, ext_ids: Sequence[str], *, confirm: bool = False) -> Request[None]:
        """Delete users with their devices, profile attributes and event history, for good.

        The answer means *accepted*: the vendor does not confirm the deletion of a single user.

        Args:
            ext_ids: Your own ids of the users.
            confirm: Must be True; this cannot be undone.
        """
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
        note="What becomes of ids that it does not know is not documented.",
        docs=f"{DOCS}#add-tags-to-users",
    )
    def tag_users(self, ext_ids: Sequence[str], *, tag: str) -> Request[None]:
        """Add a tag to users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
        """
        return Request(json={"tag": _tag(tag), "extIds": ext_ids})

    @batch(
        "POST",
        "/rest/3.0/untagUsers",
        items=IDS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        coalesces="replace",
        opposite="tag_users",
        blame=blame_missing,
        note="The vendor is asked to name the ids that it does not know: they are rejected as not found.",
        docs=f"{REFERENCE}/tags/remove-tags-from-users",
    )
    def untag_users(self, ext_ids: Sequence[str], *, tag: str) -> Request[None]:
        """Remove a tag from users.

        Args:
            ext_ids: Your own ids of the users.
            tag: The tag's name.
        """
        return Request(json={"tag": _tag(tag), "extIds": ext_ids, "checkExistence": True})

    @batch(
        "POST",
        "/rest/3.0/setCategoryPreferences",
        items=Rows(CategoryPreference, key="ext_id"),
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=True,
        note="Kept by category and channel. `get_push_categories` gives the names.",
        unsaid="a row whose category or channel it does not know does nothing",
        docs=f"{REFERENCE}/category-preferences/set-category-preferences",
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
        docs=f"{REFERENCE}/category-preferences/get-category-preferences",
    )
    def get_category_preferences(
        self,
        ext_id: str,
        *,
        push_permitted: bool | None = None,
        category_ids: Sequence[int] = (),
        channels: Sequence[Channel] = (),
    ) -> Request[CategoryPreferences]:
        """Read a user's category preferences.

        Args:
            ext_id: Your own id of the user.
            push_permitted: Only categories with this push permission; all of them if not given.
            category_ids: Only categories of these ids, as `get_push_categories` gives them.
            channels: Only these channels, and only categories that have one of them.
        """
        asked: dict[str, str | int | bool] = {"externalId": ext_id}
        if push_permitted is not None:
            asked["pushPermitted"] = push_permitted
        if category_ids:
            asked["categoryIds"] = ",".join(map(str, category_ids))
        if channels:
            asked["channels"] = ",".join(channels)
        return Request(query=asked, answer=CategoryPreferences)

    @query(
        "GET",
        "/rest/3.0/getPushCategories",
        quota=REQUESTS,
        docs=f"{REFERENCE}/application-data/list-push-categories",
    )
    def get_push_categories(self) -> Request[PushCategories]:
        """Read which categories the app has, by their ids."""
        return Request(answer=PushCategories)

    @batch(
        "POST",
        "/rest/3.0/fireEvents",
        items=_EVENTS,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=False,
        note="Sent twice, an event happened twice. Events and their attributes are defined in the panel, and "
        "go by the case of their names: an event that is not defined is refused. Times are ISO 8601.",
        unsaid="attributes in another case are left out, and events may be lost in its queue",
        docs=f"{REFERENCE}/events/fire-events",
    )
    def fire_events(self, events: Sequence[UserEvent | UserEventDict]) -> Request[None]:
        """Record events of users.

        Not safe to repeat: items whose answer is lost are *in doubt* and are not sent again.

        Args:
            events: One row per event; the rows of one user keep their order. A dict may have what belongs to
                an event beside its name, as the vendor has it.
        """
        return Request(json=[_event(event) for event in events])

    @query(
        "GET",
        "/rest/3.0/app/events",
        quota=REQUESTS,
        docs=f"{REFERENCE}/application-data/list-event-definitions",
    )
    def get_event_definitions(self) -> Request[EventDefinitions]:
        """Read which events the app has, and what belongs to them."""
        return Request(answer=EventDefinitions)


def _registration(row: UserRegistration | UserRegistrationDict) -> Mapping[str, JsonValue]:
    """Return a row with its telephone number as E.164: a row in another form might be skipped."""
    given = cast("Mapping[str, JsonValue]", _REGISTRATIONS.mapping(cast("UserRegistration", row)))
    return with_e164(given, "msisdn")


def _event(row: UserEvent | UserEventDict) -> Mapping[str, JsonValue]:
    """Return an event as the vendor has it: its attributes beside its user and its name."""
    given = dict(cast("Mapping[str, JsonValue]", _EVENTS.mapping(cast("UserEvent", row))))
    attributes = cast("Mapping[str, JsonValue]", given.pop("attributes", {}))
    return {**given, **attributes}


def _tag(tag: str) -> JsonValue:
    if text("tag").why_invalid(tag):
        raise ConfigurationError("A tag must be text that is not empty")
    return tag
