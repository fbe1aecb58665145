"""Iterable: what users are subscribed to, overwritten as a whole or changed one by one.

The calls that change one subscription and leave the others alone are enabled by the vendor on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from netaudience.errors import ConfigurationError
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.facts import (
    BULK_SUBSCRIPTIONS,
    DOUBLE_OPT_IN,
    EMAILS,
    MANY,
    ONE,
    OPT_INS,
    PATH_USER_IDS,
    REFERENCES,
    SINGLE_SUBSCRIPTIONS,
    SPECIFICATION,
    SUBSCRIPTIONS,
    UPDATE_SUBSCRIPTIONS,
    whole,
)
from netaudience.vendors.iterable.models import (
    DoubleOptIn,
    DoubleOptInDict,
    IterableResponse,
    SubscriptionsResult,
    SubscriptionUpdate,
    SubscriptionUpdateDict,
    UserReference,
    UserReferenceDict,
)

SubscriptionGroup: TypeAlias = Literal["emailList", "messageType", "messageChannel"]
"""What is subscribed to. Source: https://github.com/Iterable/api-client"""

_ENABLED = "Changes this subscription alone. Iterable enables it on request."
_NO_SINGLE = "what became of a single user, and whether there is one of that name"
_MANY = "/api/subscriptions/{subscriptionGroup}/{subscriptionGroupId}"


class Subscriptions:
    """The operations on subscriptions."""

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

    @call(
        "POST",
        "/api/users/updateSubscriptions",
        items=SUBSCRIPTIONS,
        limit=ONE,
        quota=UPDATE_SUBSCRIPTIONS,
        idempotent=True,
        coalesces="replace",
        note="Overwrites what is given: an empty list leaves the user with nothing of that kind.",
        docs=SPECIFICATION,
    )
    def update_subscriptions(
        self, update: SubscriptionUpdate | SubscriptionUpdateDict
    ) -> Request[IterableResponse]:
        """Overwrite what a user is subscribed to.

        Args:
            update: The user, and what is to be overwritten; a list that is not given stays as it is.
        """
        return Request(json=update, answer=IterableResponse)

    @call(
        "POST",
        "/api/subscriptions/subscribeToDoubleOptIn",
        items=OPT_INS,
        limit=ONE,
        quota=DOUBLE_OPT_IN,
        idempotent=True,
        note="Iterable enables it on request. The person decides, by answering the text message.",
        docs=SPECIFICATION,
    )
    def subscribe_to_double_opt_in(self, user: DoubleOptIn | DoubleOptInDict) -> Request[None]:
        """Ask a user by a text message whether to opt in.

        Args:
            user: The user, and the message types that are meant.
        """
        return Request(json=user)

    @batch(
        "PUT",
        _MANY,
        items=REFERENCES,
        limit=MANY,
        quota=SINGLE_SUBSCRIPTIONS,
        idempotent=True,
        note=_ENABLED,
        unsaid=_NO_SINGLE,
        docs=SPECIFICATION,
    )
    def change_subscription(
        self,
        users: Sequence[UserReference | UserReferenceDict],
        *,
        group: SubscriptionGroup,
        group_id: int,
        action: Literal["subscribe", "unsubscribe"],
    ) -> Request[None]:
        """Subscribe many users to one list, message type or channel, or unsubscribe them from it.

        Args:
            users: One row per user.
            group: What it is: ``emailList``, ``messageType`` or ``messageChannel``.
            group_id: Its number.
            action: ``subscribe`` or ``unsubscribe``.
        """
        if action not in {"subscribe", "unsubscribe"}:
            raise ConfigurationError("action must be one of subscribe, unsubscribe")
        rows = [REFERENCES.mapping(user) for user in users]
        named = {
            name: [row[field] for row in rows if field in row]
            for name, field in (("users", "email"), ("usersByUserId", "userId"))
        }
        return Request(
            json={name: found for name, found in named.items() if found},
            path=_group(group, group_id),
            query={"action": action},
        )

    @call(
        "PATCH",
        f"{_MANY}/user/{{userEmail}}",
        items=EMAILS,
        limit=ONE,
        quota=SINGLE_SUBSCRIPTIONS,
        idempotent=True,
        note=_ENABLED,
        unsaid=_NO_SINGLE,
        docs=SPECIFICATION,
    )
    def subscribe_user(self, email: str, *, group: SubscriptionGroup, group_id: int) -> Request[None]:
        """Subscribe a user to one list, message type or channel.

        Args:
            email: The user's address.
            group: What it is: ``emailList``, ``messageType`` or ``messageChannel``.
            group_id: Its number.
        """
        return Request(path={**_group(group, group_id), "userEmail": email})

    @call(
        "PATCH",
        f"{_MANY}/byUserId/{{userId}}",
        items=PATH_USER_IDS,
        limit=ONE,
        quota=SINGLE_SUBSCRIPTIONS,
        idempotent=True,
        note=_ENABLED,
        unsaid=_NO_SINGLE,
        docs=SPECIFICATION,
    )
    def subscribe_user_by_user_id(
        self, user_id: str, *, group: SubscriptionGroup, group_id: int
    ) -> Request[None]:
        """Subscribe a user, by userId, to one list, message type or channel.

        Args:
            user_id: Your own id of the user.
            group: What it is: ``emailList``, ``messageType`` or ``messageChannel``.
            group_id: Its number.
        """
        return Request(path={**_group(group, group_id), "userId": user_id})

    @call(
        "DELETE",
        f"{_MANY}/user/{{userEmail}}",
        items=EMAILS,
        limit=ONE,
        quota=SINGLE_SUBSCRIPTIONS,
        idempotent=True,
        note=_ENABLED,
        unsaid=_NO_SINGLE,
        docs=SPECIFICATION,
    )
    def unsubscribe_user(self, email: str, *, group: SubscriptionGroup, group_id: int) -> Request[None]:
        """Unsubscribe a user from one list, message type or channel.

        Args:
            email: The user's address.
            group: What it is: ``emailList``, ``messageType`` or ``messageChannel``.
            group_id: Its number.
        """
        return Request(path={**_group(group, group_id), "userEmail": email})

    @call(
        "DELETE",
        f"{_MANY}/byUserId/{{userId}}",
        items=PATH_USER_IDS,
        limit=ONE,
        quota=SINGLE_SUBSCRIPTIONS,
        idempotent=True,
        note=_ENABLED,
        unsaid=_NO_SINGLE,
        docs=SPECIFICATION,
    )
    def unsubscribe_user_by_user_id(
        self, user_id: str, *, group: SubscriptionGroup, group_id: int
    ) -> Request[None]:
        """Unsubscribe a user, by userId, from one list, message type or channel.

        Args:
            user_id: Your own id of the user.
            group: What it is: ``emailList``, ``messageType`` or ``messageChannel``.
            group_id: Its number.
        """
        return Request(path={**_group(group, group_id), "userId": user_id})


def _group(group: str, group_id: int) -> dict[str, str]:
    if group not in get_args(SubscriptionGroup):
        raise ConfigurationError(f"group must be one of {', '.join(get_args(SubscriptionGroup))}")
    return {"subscriptionGroup": group, "subscriptionGroupId": str(whole(group_id, "group_id"))}
