"""What became of the rows of a request to Iterable: its envelope, and who was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.iterable.rules import UNKNOWN


def _names(wire: str) -> Any:  # noqa: ANN401 - attrs gives a field the type of its annotation
    """Return the field of a list that may hold identifiers of people."""
    return attrs.field(default=(), metadata=wire_name(wire), repr=False)


@attrs.frozen(kw_only=True)
class IterableResponse:
    """The envelope of an answer about one user."""

    #: ``Success``. Required: without it the answer is not Iterable's.
    code: str
    #: May repeat what was sent.
    msg: str = attrs.field(default="", repr=False)
    params: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class FailedUpdates:
    """The users that an answer blames, by the reason; other lists of that kind are in ``unknown``."""

    conflict_emails: Sequence[str] = _names("conflictEmails")
    conflict_user_ids: Sequence[str] = _names("conflictUserIds")
    forgotten_emails: Sequence[str] = _names("forgottenEmails")
    forgotten_user_ids: Sequence[str] = _names("forgottenUserIds")
    invalid_data_emails: Sequence[str] = _names("invalidDataEmails")
    invalid_data_user_ids: Sequence[str] = _names("invalidDataUserIds")
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Those who are not on the list, for calls about lists.
    not_found_emails: Sequence[str] = _names("notFoundEmails")
    not_found_user_ids: Sequence[str] = _names("notFoundUserIds")
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


_NO_FAILED_UPDATES = FailedUpdates()


@attrs.frozen(kw_only=True)
class UserBulkResult:
    """The answer about many users, of bulk updates and of lists."""

    success_count: int | None = attrs.field(default=None, metadata=wire_name("successCount"))
    fail_count: int | None = attrs.field(default=None, metadata=wire_name("failCount"))
    failed_updates: FailedUpdates = attrs.field(
        default=_NO_FAILED_UPDATES, metadata=wire_name("failedUpdates"), repr=False
    )
    #: Fields that the request has added to the project's schema.
    created_fields: Sequence[str] = attrs.field(default=(), metadata=wire_name("createdFields"))
    #: Fields that were dropped; a run tells them as a warning.
    filtered_out_fields: Sequence[str] = attrs.field(default=(), metadata=wire_name("filteredOutFields"))
    #: Of older answers, which have no `failed_updates`.
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Users whom the request has changed nothing of; reported, not in the vendor's documents.
    no_op_emails: Sequence[str] = _names("noOpEmails")
    no_op_user_ids: Sequence[str] = _names("noOpUserIds")
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen(kw_only=True)
class TrackResult(UserBulkResult):
    """The answer about many events."""

    #: Names of events that the project does not take.
    disallowed_event_names: Sequence[str] = attrs.field(
        default=(), metadata=wire_name("disallowedEventNames")
    )


@attrs.frozen(kw_only=True)
class SubscriptionsResult:
    """The answer about the subscriptions of many users."""

    success_count: int | None = attrs.field(default=None, metadata=wire_name("successCount"))
    fail_count: int | None = attrs.field(default=None, metadata=wire_name("failCount"))
    invalid_emails: Sequence[str] = _names("invalidEmails")
    invalid_user_ids: Sequence[str] = _names("invalidUserIds")
    #: Users who are valid and on whom the vendor failed; they are sent again.
    valid_email_failures: Sequence[str] = _names("validEmailFailures")
    valid_user_id_failures: Sequence[str] = _names("validUserIdFailures")
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
