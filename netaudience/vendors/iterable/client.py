"""Iterable: users, devices, lists, subscriptions and events, one at a time and in bulk.

Facts only; the limits are in `facts`, the rows in `models`, and how answers are read in `answers` and
`blame`. What is refused before it is sent: a row that names its user twice
or not at all, and whatever would widen an effect without being asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias, cast
from urllib.parse import quote, urlencode

from netaudience.client import Client, secret, shared
from netaudience.credentials import optional, required, switch
from netaudience.engine.transport import Transport
from netaudience.errors import ConfigurationError, VendorError
from netaudience.model.facts import Probe
from netaudience.model.kinds import Kind
from netaudience.model.rows import Rows
from netaudience.model.wire import Request, Response
from netaudience.operations.declare import batch, call
from netaudience.operations.dispatch import Operation
from netaudience.operations.readback import NotReadable, ReadBack
from netaudience.operations.schemas import Schema as SchemaFacts
from netaudience.settings import Settings
from netaudience.vendors.iterable.answers import classify
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.definitions import SCHEMAS
from netaudience.vendors.iterable.devices import Devices
from netaudience.vendors.iterable.events import Events
from netaudience.vendors.iterable.exports import Exports
from netaudience.vendors.iterable.facts import (
    BULK_UPDATE,
    CHANGES,
    DEVICES,
    DOCS,
    EITHER_ID,
    EMAILS,
    GET_BY_EMAIL,
    GET_BY_USER_ID,
    MANY_USERS,
    ONE,
    SENT_MESSAGES,
    SPECIFICATION,
    TOKENS,
    UPDATE,
    UPDATE_EMAIL,
    USER_IDS,
    USERS,
    some_identifier,
    whole,
)
from netaudience.vendors.iterable.lists import Lists
from netaudience.vendors.iterable.models import (
    DeviceReference,
    DeviceRegistration,
    EmailChange,
    EmailChangeDict,
    GetUserResponse,
    IterableResponse,
    SentMessages,
    UserBulkResult,
    UserUpdate,
    UserUpdateDict,
)
from netaudience.vendors.iterable.privacy import Privacy
from netaudience.vendors.iterable.read_backs import READ_BACKS
from netaudience.vendors.iterable.schema import Schema
from netaudience.vendors.iterable.subscriptions import Subscriptions

Region: TypeAlias = Literal["us", "eu"]
"""Where a project is kept. Source: https://support.iterable.com/hc/en-us/articles/41044692130196"""

ProjectType: TypeAlias = Literal["email", "user_id", "hybrid"]
"""What names a user in a project. Source: https://support.iterable.com/hc/articles/9216719179796"""

_HOSTS: Mapping[str, str] = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}
#: The most messages of an answer.
_MOST_MESSAGES = 1000
_PROJECT_TYPES = ("email", "user_id", "hybrid")
#: The type of project that forgets nobody by this operation's identifier, and the operation that it needs.
_NOT_HERE: Mapping[str, tuple[str, str]] = {
    "forget_user": ("user_id", "forget_user_by_user_id"),
    "forget_user_by_user_id": ("email", "forget_user"),
}


# Operations are listed from the last base to the first.
class IterableClient(Exports, Schema, Privacy, Subscriptions, Lists, Events, Devices, Client):
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
        both_identifiers: Whether rows of users and devices may have an email and a userId. In
            `update_user` and `bulk_update_users` that attaches the one to the profile that the other
            finds. Needs `project_type`.
        project: A name of the project, where clients with several of its keys shall share its limits, as
            they do at the vendor; the key stands for the project if it is not given.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: the key, the region, the project's type or the base URL is wrong.
    """

    vendor: ClassVar[str] = "Iterable"
    slug: ClassVar[str] = "iterable"
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = READ_BACKS
    read: ClassVar[str] = "2026-11"
    probe: ClassVar[Probe | None] = Probe("get_channels")
    schemas: ClassVar[tuple[SchemaFacts, ...]] = SCHEMAS

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
        #: Kinds of rows that may have both identifiers, by those that may not.
        self._with_both: Mapping[Kind, Kind] = {}
        if both_identifiers:
            self._with_both = _kinds_with_both(project_type)
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
        return cls(
            required(cls.slug, "api_key", "a server-side API key of the Iterable project", environ),
            region=cast("Region | None", optional(cls.slug, "region", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            project_type=cast("ProjectType | None", optional(cls.slug, "project_type", environ)),
            both_identifiers=switch(cls.slug, "both_identifiers", environ),
            project=optional(cls.slug, "project", environ),
            settings=shared(settings, environ),
        )

    def headers(self) -> Mapping[str, str]:
        """Return the key's header. Source: the vendor's page for getting started."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`. Where it repeats the request, it does not repeat the key."""
        error = classify(response)
        return None if error is None else error.without(self._headers.values())

    def items_of(self, operation: Operation) -> Kind:
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
        return self._with_both.get(operation.kind, operation.kind)

    @call(
        "POST",
        "/api/users/update",
        items=USERS,
        limit=ONE,
        quota=UPDATE,
        idempotent=True,
        coalesces="merge",
        note="Stored asynchronously: allow at least a minute before what depends on it.",
        unsaid="fields that it leaves out, for the project does not have them; bulk_update_users names them",
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

    @call(
        "GET",
        "/api/users/getSentMessages",
        items=EITHER_ID,
        limit=ONE,
        quota=SENT_MESSAGES,
        docs=SPECIFICATION,
    )
    def get_sent_messages(  # noqa: PLR0913 - the vendor's filters
        self,
        user: str,
        *,
        by: Literal["email", "user_id"] = "email",
        limit: int = 10,
        campaign_ids: Sequence[int] = (),
        start: str | None = None,
        end: str | None = None,
        exclude_blast_campaigns: bool | None = None,
        message_medium: str | None = None,
    ) -> Request[SentMessages]:
        """Read which messages were sent to a user.

        Args:
            user: The user's address, or your own id of the user.
            by: Which of the two it is.
            limit: How many messages, from 1 to 1,000.
            campaign_ids: Only messages of these campaigns.
            start: Only messages since then, as ``2026-01-31 00:00:00``.
            end: Only messages until then.
            exclude_blast_campaigns: True leaves out campaigns that went to many at once.
            message_medium: Only messages that go by it, such as ``Email``.
        """
        if by not in {"email", "user_id"}:
            raise ConfigurationError("by must be one of email, user_id")
        if not 1 <= whole(limit, "limit") <= _MOST_MESSAGES:
            raise ConfigurationError(f"limit must be from 1 to {_MOST_MESSAGES:,}")
        asked = [("userId" if by == "user_id" else "email", user), ("limit", str(limit))]
        asked += [("campaignIds", str(whole(one, "campaign_ids"))) for one in campaign_ids]
        query = {"startDateTime": start, "endDateTime": end, "messageMedium": message_medium}
        asked += [(name, value) for name, value in query.items() if value is not None]
        if exclude_blast_campaigns is not None:
            asked.append(("excludeBlastCampaigns", "true" if exclude_blast_campaigns else "false"))
        return Request(encoded_query=urlencode(asked, quote_via=quote), answer=SentMessages)


def _kinds_with_both(project_type: ProjectType | None) -> Mapping[Kind, Kind]:
    """Return rows that may have both identifiers; what finds the profile orders them, too."""
    key = ("email", "user_id") if project_type == "email" else ("user_id", "email")
    users = Rows(
        UserUpdate,
        key=key,
        case_insensitive=("email",),
        noun="user",
        rule=some_identifier,
        unique_per_request=True,
    )
    devices = Rows(
        DeviceRegistration, key=key, case_insensitive=("email",), noun="user", rule=some_identifier
    )
    tokens = Rows(DeviceReference, key="token", noun="device token")
    return {USERS: users, DEVICES: devices, TOKENS: tokens}
