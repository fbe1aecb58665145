"""Iterable: users, devices, lists, subscriptions and events, one at a time and in bulk.

Facts only; the limits are in `facts`, the rows in `models`, and how answers are read in `answers` and
`blame`. What is refused before it is sent: a row that names its user twice
or not at all, and whatever would widen an effect without being asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias, cast

from netaudience.client import Client, Settings, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import ConfigurationError, InvalidItem, VendorError
from netaudience.items import Kind, Rows
from netaudience.operations import batch, call
from netaudience.rules import whole_number
from netaudience.vendors.iterable.answers import classify
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.facts import (
    BULK_SUBSCRIPTIONS,
    BULK_UPDATE,
    CHANGES,
    DELETE_BY_EMAIL,
    DELETE_BY_USER_ID,
    DEVICES,
    DISABLE_DEVICE,
    DOCS,
    EMAILS,
    EVENTS,
    EVENTS_WITHOUT_ID,
    FORGET,
    GET_BY_EMAIL,
    GET_BY_USER_ID,
    MANY,
    MANY_USERS,
    ONE,
    PATH_USER_IDS,
    REFERENCES,
    REGISTER_DEVICE,
    SPECIFICATION,
    SUBSCRIBE,
    SUBSCRIBERS,
    SUBSCRIPTIONS,
    TOKENS,
    TRACK,
    UNSUBSCRIBE,
    UPDATE,
    UPDATE_EMAIL,
    USER_IDS,
    USERS,
    some_identifier,
)
from netaudience.vendors.iterable.models import (
    DeviceReference,
    DeviceReferenceDict,
    DeviceRegistration,
    DeviceRegistrationDict,
    EmailChange,
    EmailChangeDict,
    Event,
    EventDict,
    EventWithoutId,
    EventWithoutIdDict,
    GetUserResponse,
    IterableResponse,
    SubscriptionsResult,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    TrackResult,
    UserBulkResult,
    UserReference,
    UserReferenceDict,
    UserUpdate,
    UserUpdateDict,
)
from netaudience.wire import JsonValue, Request, Response
from netaudience.work import Operation

__all__ = ["IterableClient", "ProjectType", "Region"]

Region: TypeAlias = Literal["us", "eu"]
"""Where a project is kept. Source: https://support.iterable.com/hc/en-us/articles/41044692130196"""

ProjectType: TypeAlias = Literal["email", "user_id", "hybrid"]
"""What names a user in a project. Source: https://support.iterable.com/hc/articles/9216719179796"""

_HOSTS: Mapping[str, str] = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}
_PROJECT_TYPES = ("email", "user_id", "hybrid")
#: The type of project that forgets nobody by this operation's identifier, and the operation that it needs.
_NOT_HERE: Mapping[str, tuple[str, str]] = {
    "forget_user": ("user_id", "forget_user_by_user_id"),
    "forget_user_by_user_id": ("email", "forget_user"),
}
_A_THOUSAND_A_DAY = "1,000 a day, of both ways together: a longer run stops when they are used up."
_OF_THE_DEVICE = ("token", "platform", "applicationName", "dataFields")


class IterableClient(Client):
    """One Iterable project.

    Where a row may name its user by two identifiers, the project's type decides which of them finds the
    profile: the email in an email-based project, the userId in the others. So a row has exactly one of
    them, unless the client is told otherwise.

    Args:
        api_key: A server-side API key of the project.
        region: The project's data centre, ``us`` or ``eu``; there is no default, for a key gets a 401
            from the data centre that is not its own.
        base_url: A host of your own in place of the region's.
        project_type: What the project names its users by: ``email``, ``user_id`` or ``hybrid`` (either).
            With it, what such a project cannot do is refused before it is sent.
        both_identifiers: Whether `update_user` and `bulk_update_users` take rows with an email and a
            userId, which attaches the one to the profile that the other finds. Needs `project_type`.
        project: A name of the project, where clients with several of its keys shall share its limits, as
            they do at the vendor; the key stands for the project if it is not given.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: the key, the region, the project's type or the base URL is wrong.
    """

    vendor: ClassVar[str] = "Iterable"
    slug: ClassVar[str] = "iterable"

    def __init__(  # noqa: PLR0913 - what a vendor needs
        self,
        api_key: str,
        *,
        region: Region | None = None,
        base_url: str | None = None,
        project_type: ProjectType | None = None,
        both_identifiers: bool = False,
        project: str | None = None,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if (region is None) == (base_url is None):
            raise ConfigurationError(
                "Iterable needs either a region or a base_url, one of the two: the region is us or eu, as "
                "the address of the project's dashboard shows"
            )
        if region is not None and region not in _HOSTS:
            raise ConfigurationError("Iterable has no region of that name: it is us or eu")
        if project_type is not None and project_type not in _PROJECT_TYPES:
            raise ConfigurationError(f"project_type must be one of {', '.join(_PROJECT_TYPES)}")
        if region == "eu" and project_type == "email":
            raise ConfigurationError("Iterable's data centre eu has no email-based projects")
        if both_identifiers and project_type is None:
            raise ConfigurationError(
                "both_identifiers needs the project_type: it decides which of the two finds the profile"
            )
        self._headers = {"Api-Key": secret(api_key, "Iterable API key")}
        #: An eu project has users without an email, whichever of the two other types it is.
        self._email_based = None if project_type is None and region != "eu" else project_type == "email"
        self._project_type = project_type
        self._users = _users_with_both(project_type) if both_identifiers else USERS
        super().__init__(
            base_url=base_url or _HOSTS[cast("str", region)],
            account=f"key {api_key}" if project is None else f"project {project}",
            settings=settings,
            transport=transport,
        )

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_ITERABLE_…``.

        The names are ``API_KEY``, ``REGION`` or ``BASE_URL``, ``PROJECT_TYPE``, ``PROJECT``, and
        ``BOTH_IDENTIFIERS``, which is ``true`` or ``false``.
        """
        both = optional(cls.slug, "both_identifiers", environ) or "false"
        if both not in {"true", "false"}:
            raise ConfigurationError("NETAUDIENCE_ITERABLE_BOTH_IDENTIFIERS must be true or false")
        return cls(
            required(cls.slug, "api_key", "a server-side API key of the Iterable project", environ),
            region=cast("Region | None", optional(cls.slug, "region", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            project_type=cast("ProjectType | None", optional(cls.slug, "project_type", environ)),
            both_identifiers=both == "true",
            project=optional(cls.slug, "project", environ),
            settings=settings,
        )

    def headers(self) -> Mapping[str, str]:
        """Return the key's header. Source: the vendor's page for getting started."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`. Where it repeats the request, it does not repeat the key."""
        error = classify(response)
        return None if error is None else error.without(self._headers.values())

    def kind(self, operation: Operation) -> Kind:
        """Return what the operation's items are in a project of this type.

        Raises:
            ConfigurationError: the operation is none for such a project.
        """
        if operation.name == "update_email" and self._email_based is False:
            raise ConfigurationError(
                "updateEmail is for email-based projects: in others the email is a field of the profile, "
                "which update_user sets"
            )
        project_type, other = _NOT_HERE.get(operation.name, ("", ""))
        if project_type and project_type == self._project_type:
            raise ConfigurationError(f"The project does not name its users so: forget them with {other}")
        return self._users if operation.kind is USERS else operation.kind

    @call(
        "POST",
        "/api/users/update",
        items=USERS,
        limit=ONE,
        quota=UPDATE,
        idempotent=True,
        coalesces="merge",
        note="Stored asynchronously: allow at least a minute before what depends on it.",
        docs=DOCS,
    )
    def update_user(
        self, user: UserUpdate | UserUpdateDict, *, create_new_fields: bool | None = None
    ) -> Request[IterableResponse]:
        """Create or update a user's profile.

        The answer means *accepted*. Do not mix it with `bulk_update_users` for one user: the vendor
        queues the two apart, so that the later one may be stored first.

        Args:
            user: The user, and the fields to set; others keep their values.
            create_new_fields: Whether fields that are new to the project are added to it, or dropped;
                the project's setting if not given.
        """
        if create_new_fields is None:
            return Request(json=user, answer=IterableResponse)
        body = {**USERS.mapping(user), "createNewFields": create_new_fields}
        return Request(json=body, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/registerDeviceToken",
        items=DEVICES,
        limit=ONE,
        quota=REGISTER_DEVICE,
        idempotent=True,
        acknowledges="applied",
        note="A profile holds 500 devices; one more is refused.",
        docs=DOCS,
    )
    def register_device_token(
        self, device: DeviceRegistration | DeviceRegistrationDict
    ) -> Request[IterableResponse]:
        """Register a device token with a user, and so enable push messages to it.

        Args:
            device: The device, and the user by an email or a userId; never both, even where the client
                takes both elsewhere.
        """
        row = DEVICES.mapping(device)
        body: dict[str, object] = {name: value for name, value in row.items() if name not in _OF_THE_DEVICE}
        body["device"] = {name: row[name] for name in _OF_THE_DEVICE if name in row}
        return Request(json=body, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/disableDevice",
        items=TOKENS,
        limit=ONE,
        quota=DISABLE_DEVICE,
        idempotent=True,
        acknowledges="applied",
        note="Without a user it acts on every profile that holds the token: ask for that with everywhere.",
        docs=DOCS,
    )
    def disable_device(
        self, device: DeviceReference | DeviceReferenceDict, *, everywhere: bool = False
    ) -> Request[IterableResponse]:
        """Disable a device on a user's profile, or on every profile that holds its token.

        Args:
            device: The token, and the user by an email or a userId.
            everywhere: Must be True where a row names no user, which is about every profile with the token.
        """
        row = TOKENS.mapping(device)
        if everywhere is not True and some_identifier(row):
            raise InvalidItem(
                "The row names no user, so that every profile with this token would lose the device: "
                "give it an email or a userId, or pass everywhere=True if that is meant"
            )
        return Request(json=device, answer=IterableResponse)

    @batch(
        "POST",
        "/api/users/bulkUpdate",
        items=USERS,
        limit=MANY_USERS,
        quota=BULK_UPDATE,
        idempotent=True,
        coalesces="merge",
        blame=blame,
        note="Stored asynchronously. Fields that the project does not have may be dropped: see the warnings.",
        docs=SPECIFICATION,
    )
    def bulk_update_users(
        self, users: Sequence[UserUpdate | UserUpdateDict], *, create_new_fields: bool | None = None
    ) -> Request[UserBulkResult]:
        """Create or update the profiles of many users.

        The answer means *accepted*, and names the users whom it refuses. Do not mix it with `update_user`
        for one user: the vendor queues the two apart.

        Args:
            users: One row per user; a later row of the same user goes in a later request.
            create_new_fields: Whether fields that are new to the project are added to it, or dropped;
                the project's setting if not given.
        """
        body: dict[str, object] = {"users": users}
        if create_new_fields is not None:
            body["createNewFields"] = create_new_fields
        return Request(json=body, answer=UserBulkResult)

    @batch(
        "POST",
        "/api/users/bulkUpdateSubscriptions",
        items=SUBSCRIPTIONS,
        limit=MANY,
        quota=BULK_SUBSCRIPTIONS,
        idempotent=True,
        coalesces="replace",
        blame=blame,
        note="Overwrites what is given: an empty list leaves the user with nothing of that kind.",
        docs=SPECIFICATION,
    )
    def bulk_update_subscriptions(
        self, updates: Sequence[SubscriptionUpdate | SubscriptionUpdateDict]
    ) -> Request[SubscriptionsResult]:
        """Overwrite what many users are subscribed to.

        Args:
            updates: One row per user. A list that is not given stays as it is; one that is given replaces
                what there was, an empty one too.
        """
        return Request(json={"updateSubscriptionsRequests": updates}, answer=SubscriptionsResult)

    @batch(
        "POST",
        "/api/lists/subscribe",
        items=SUBSCRIBERS,
        limit=MANY,
        quota=SUBSCRIBE,
        idempotent=True,
        blame=blame,
        note="An email that is not known creates a user.",
        docs=SPECIFICATION,
    )
    def subscribe_to_list(
        self,
        users: Sequence[UserUpdate | UserUpdateDict],
        *,
        list_id: int,
        update_existing_users_only: bool | None = None,
    ) -> Request[UserBulkResult]:
        """Put users on a list.

        Args:
            users: One row per user, with fields of the profile to set where wanted.
            list_id: The number of the list.
            update_existing_users_only: True refuses users who do not exist instead of creating them; for
                projects that are not email-based.
        """
        if update_existing_users_only is not None and self._email_based:
            raise ConfigurationError(
                "update_existing_users_only is for projects that are not email-based: leave it out"
            )
        body: dict[str, object] = {"listId": _whole(list_id, "list_id"), "subscribers": users}
        if update_existing_users_only is not None:
            body["updateExistingUsersOnly"] = update_existing_users_only
        return Request(json=body, answer=UserBulkResult)

    @batch(
        "POST",
        "/api/lists/unsubscribe",
        items=REFERENCES,
        limit=MANY,
        quota=UNSUBSCRIBE,
        idempotent=True,
        blame=blame,
        note="With channel_unsubscribe the user gets nothing more from the whole channel.",
        docs=SPECIFICATION,
    )
    def unsubscribe_from_list(
        self,
        users: Sequence[UserReference | UserReferenceDict],
        *,
        list_id: int,
        channel_unsubscribe: bool = False,
        campaign_id: int | None = None,
    ) -> Request[UserBulkResult]:
        """Take users off a list.

        Who is not on the list, or does not exist, is rejected as not found.

        Args:
            users: One row per user.
            list_id: The number of the list.
            channel_unsubscribe: True unsubscribes from the whole channel of the list, which is nearly an
                opt-out of everything; what is meant is always sent.
            campaign_id: The number of the campaign that the unsubscribes are attributed to.
        """
        body: dict[str, object] = {
            "listId": _whole(list_id, "list_id"),
            "channelUnsubscribe": channel_unsubscribe is True,
            "subscribers": users,
        }
        if campaign_id is not None:
            body["campaignId"] = _whole(campaign_id, "campaign_id")
        return Request(json=body, answer=UserBulkResult)

    @call(
        "DELETE",
        "/api/users/{email}",
        items=EMAILS,
        limit=ONE,
        quota=DELETE_BY_EMAIL,
        idempotent=True,
        destructive=True,
        note="Deleted asynchronously, and created again by whatever comes later for the same address.",
        docs=SPECIFICATION,
    )
    def delete_user(self, email: str) -> Request[IterableResponse]:
        """Delete the user with an e-mail address.

        The answer means *accepted*. Of a user who is not there it is the error `NotFound`: nothing is left
        to be done, but a mistyped address is not to be reported as deleted.

        Args:
            email: The user's address.
        """
        return Request(path={"email": email}, answer=IterableResponse)

    @call(
        "DELETE",
        "/api/users/byUserId/{userId}",
        items=PATH_USER_IDS,
        limit=ONE,
        quota=DELETE_BY_USER_ID,
        idempotent=True,
        destructive=True,
        note="Deletes every profile with this userId. Deleted asynchronously; it may be created again later.",
        docs=SPECIFICATION,
    )
    def delete_user_by_user_id(self, user_id: str) -> Request[IterableResponse]:
        """Delete every user with a userId; several profiles may share one.

        The answer means *accepted*. Where there is no such user it is the error `NotFound`, as in
        `delete_user`.

        Args:
            user_id: Your own id of the user.
        """
        return Request(path={"userId": user_id}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/forget",
        items=EMAILS,
        limit=ONE,
        quota=FORGET,
        idempotent=True,
        destructive=True,
        note=_A_THOUSAND_A_DAY,
        docs=SPECIFICATION,
    )
    def forget_user(self, email: str) -> Request[IterableResponse]:
        """Delete a user by e-mail address, and refuse whatever comes for it from now on (GDPR).

        Not for projects that name their users by userId alone: see `forget_user_by_user_id`.

        Args:
            email: The user's address.
        """
        return Request(json={"email": email}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/forget",
        items=USER_IDS,
        limit=ONE,
        quota=FORGET,
        idempotent=True,
        destructive=True,
        note=_A_THOUSAND_A_DAY,
        docs=SPECIFICATION,
    )
    def forget_user_by_user_id(self, user_id: str) -> Request[IterableResponse]:
        """Delete a user by userId, and refuse whatever comes for it from now on (GDPR).

        Not for email-based projects: see `forget_user`.

        Args:
            user_id: Your own id of the user.
        """
        return Request(json={"userId": user_id}, answer=IterableResponse)

    @call(
        "POST",
        "/api/users/updateEmail",
        items=CHANGES,
        limit=ONE,
        quota=UPDATE_EMAIL,
        idempotent=False,
        note="Not safe to repeat. Changes that build on each other (a to b, b to c) need runs of their own.",
        docs=SPECIFICATION,
    )
    def update_email(self, change: EmailChange | EmailChangeDict) -> Request[IterableResponse]:
        """Give a user of an email-based project another e-mail address.

        Not safe to repeat: once done, the address so far is nobody's.

        Args:
            change: The user, by the address so far or by a userId, and the new address.
        """
        return Request(json=change, answer=IterableResponse)

    # Two operations of one route: whether an event may be sent again is a fact about its having an id, and
    # the engine needs to know it of a whole run before it sends.

    @batch(
        "POST",
        "/api/events/trackBulk",
        items=EVENTS,
        limit=MANY,
        quota=TRACK,
        idempotent=True,
        blame=blame,
        note="An event with the id of an earlier one replaces it.",
        docs=SPECIFICATION,
    )
    def track_events(self, events: Sequence[Event | EventDict]) -> Request[TrackResult]:
        """Store events of users, each with an id, so that none is stored twice.

        Args:
            events: One row per event; events of one user go in requests one after the other.
        """
        return Request(json={"events": events}, answer=TrackResult)

    @batch(
        "POST",
        "/api/events/trackBulk",
        items=EVENTS_WITHOUT_ID,
        limit=MANY,
        quota=TRACK,
        idempotent=False,
        divisible=True,
        blame=blame,
        note="Without an id an event that is sent again is stored again: prefer track_events.",
        docs=SPECIFICATION,
    )
    def track_events_without_ids(
        self, events: Sequence[EventWithoutId | EventWithoutIdDict]
    ) -> Request[TrackResult]:
        """Store events of users that have no id.

        Not safe to repeat: events whose answer is lost are *in doubt* and are not sent again.

        Args:
            events: One row per event; events of one user go in requests one after the other.
        """
        return Request(json={"events": events}, answer=TrackResult)

    @call(
        "GET",
        "/api/users/getByEmail",
        items=EMAILS,
        limit=ONE,
        quota=GET_BY_EMAIL,
        docs=SPECIFICATION,
    )
    def get_user(self, email: str) -> Request[GetUserResponse]:
        """Read the user with an e-mail address.

        Args:
            email: The user's address.
        """
        return Request(query={"email": email}, answer=GetUserResponse)

    @call(
        "GET",
        "/api/users/byUserId",
        items=USER_IDS,
        limit=ONE,
        quota=GET_BY_USER_ID,
        docs=SPECIFICATION,
    )
    def get_user_by_user_id(self, user_id: str) -> Request[GetUserResponse]:
        """Read the user with a userId.

        Args:
            user_id: Your own id of the user.
        """
        return Request(query={"userId": user_id}, answer=GetUserResponse)


def _users_with_both(project_type: ProjectType | None) -> Rows[UserUpdate]:
    """Return rows of users that may have both identifiers; what finds the profile orders them, too."""
    return Rows(
        UserUpdate,
        key=("email", "user_id") if project_type == "email" else ("user_id", "email"),
        folded=("email",),
        noun="user",
        rule=some_identifier,
        apart=True,
    )


def _whole(number: int, what: str) -> JsonValue:
    if problem := whole_number(what).problem(number):
        raise ConfigurationError(f"{problem}: it is the number that Iterable shows")
    return number
