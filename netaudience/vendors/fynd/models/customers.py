"""Fynd's customers: who they are, what became of them, and the jobs that import and export them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import attrs

from netaudience.errors import mask
from netaudience.model.validators import email, identifier, json_object, phone, rule, text
from netaudience.model.value_forms import written_as
from netaudience.model.wire import JsonValue, wire_name
from netaudience.vendors.fynd.models.pages import UNKNOWN, NumberPage
from netaudience.vendors.fynd.rules import FILE_URL, USER_ID, number_as_given
from netaudience.vendors.fynd.values import VALUES, as_value

#: Digits, with what groups them: no digit is made of a letter.
_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]*")


def _are_objects(value: object) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(one, Mapping) for one in cast("Sequence[object]", value)
    )


_EMAILS = rule("The emails must be a list of objects with email", _are_objects)
_PHONE_NUMBERS = rule(
    "The phone_numbers must be a list of objects with phone, text without a letter in it, and country_code",
    lambda value: (
        _are_objects(value)
        and all(
            isinstance(one.get("phone"), str) and _NUMBER.fullmatch(cast("str", one["phone"]))
            for one in cast("Sequence[Mapping[str, object]]", value)
        )
    ),
)


@attrs.frozen
class NewCustomer:
    """A customer who is not there yet; known from the vendor's SDKs, which mark nothing as required."""

    #: How the vendor writes telephone numbers here is not documented: it goes as it is given.
    phone_number: str | None = attrs.field(
        default=None, validator=phone("phone_number", number_as_given), repr=False
    )
    email: str | None = attrs.field(default=None, validator=email("email"), repr=False)
    username: str | None = attrs.field(default=None, validator=text("username"), repr=False)
    #: Your own id of the customer.
    external_id: str | None = attrs.field(default=None, validator=identifier("external_id"), repr=mask)
    rr_id: str | None = attrs.field(default=None, validator=identifier("rr_id"), repr=mask)
    first_name: str | None = attrs.field(default=None, validator=text("first_name"), repr=False)
    last_name: str | None = attrs.field(default=None, validator=text("last_name"), repr=False)
    gender: str | None = attrs.field(default=None, validator=text("gender"), repr=False)
    #: The day of birth, which goes as an ISO date.
    dob: str | None = attrs.field(
        default=None,
        converter=as_value,
        validator=text("dob"),
        metadata=written_as(VALUES),
        repr=False,
    )
    #: What you keep with the customer, as a JSON object.
    meta: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=json_object("meta"), repr=False
    )


class NewCustomerDict(TypedDict):
    """`NewCustomer` by the vendor's names."""

    phone_number: NotRequired[str]
    email: NotRequired[str]
    username: NotRequired[str]
    external_id: NotRequired[str]
    rr_id: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    gender: NotRequired[str]
    dob: NotRequired[str | dt.date]
    meta: NotRequired[Mapping[str, JsonValue]]


@attrs.frozen
class CustomerUpdate:
    """What is to change of a customer; what is not given stays as it is."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    external_id: str | None = attrs.field(default=None, validator=identifier("external_id"), repr=mask)
    rr_id: str | None = attrs.field(default=None, validator=identifier("rr_id"), repr=mask)
    first_name: str | None = attrs.field(default=None, validator=text("first_name"), repr=False)
    last_name: str | None = attrs.field(default=None, validator=text("last_name"), repr=False)
    gender: str | None = attrs.field(default=None, validator=text("gender"), repr=False)
    #: The day of birth, which goes as an ISO date.
    dob: str | None = attrs.field(
        default=None,
        converter=as_value,
        validator=text("dob"),
        metadata=written_as(VALUES),
        repr=False,
    )
    meta: Mapping[str, JsonValue] | None = attrs.field(
        default=None, validator=json_object("meta"), repr=False
    )
    #: All addresses, as objects with ``email`` and perhaps ``primary``, ``verified`` and ``active``.
    emails: Sequence[Mapping[str, JsonValue]] | None = attrs.field(
        default=None, validator=_EMAILS, repr=False
    )
    #: All numbers, as objects with ``phone``, ``country_code`` and perhaps the same three.
    phone_numbers: Sequence[Mapping[str, JsonValue]] | None = attrs.field(
        default=None, validator=_PHONE_NUMBERS, repr=False
    )


class CustomerUpdateDict(TypedDict):
    """`CustomerUpdate` by the vendor's names."""

    user_id: str
    external_id: NotRequired[str]
    rr_id: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    gender: NotRequired[str]
    dob: NotRequired[str | dt.date]
    meta: NotRequired[Mapping[str, JsonValue]]
    emails: NotRequired[Sequence[Mapping[str, JsonValue]]]
    phone_numbers: NotRequired[Sequence[Mapping[str, JsonValue]]]


@attrs.frozen
class CustomerUndeletion:
    """A customer whose deletion is to be taken back, and why."""

    user_id: str = attrs.field(validator=USER_ID, repr=mask)
    reason: str | None = attrs.field(default=None, validator=text("reason"), repr=False)
    reason_id: str | None = attrs.field(default=None, validator=text("reason_id"))


class CustomerUndeletionDict(TypedDict):
    """`CustomerUndeletion` by the vendor's names."""

    user_id: str
    reason: NotRequired[str]
    reason_id: NotRequired[str]


@attrs.frozen
class SessionKey:
    """One session of a customer."""

    #: The customer's ``user_id``.
    id: str = attrs.field(validator=identifier("user id"), repr=mask)
    session_id: str = attrs.field(validator=identifier("session id"), repr=mask)


class SessionKeyDict(TypedDict):
    """`SessionKey` by the vendor's names."""

    id: str
    session_id: str


@attrs.frozen
class NewImport:
    """A file of customers to import."""

    #: Where the vendor fetches it.
    absolute_url: str = attrs.field(validator=FILE_URL, repr=False)
    #: Such as ``csv``.
    file_format: str = attrs.field(validator=text("file_format"))
    relative_url: str | None = attrs.field(default=None, validator=text("relative_url"), repr=False)


class NewImportDict(TypedDict):
    """`NewImport` by the vendor's names."""

    absolute_url: str
    file_format: str
    relative_url: NotRequired[str]


@attrs.frozen
class Email:
    """An e-mail address of a user."""

    email: str | None = attrs.field(default=None, repr=False)
    primary: bool | None = None
    verified: bool | None = None
    active: bool | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class PhoneNumber:
    """A telephone number of a user."""

    phone: str | None = attrs.field(default=None, repr=False)
    country_code: int | None = None
    verified: bool | None = None
    primary: bool | None = None
    active: bool | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


def _own_id(user: UserSummary) -> str | None:
    return user.id


@attrs.frozen
class UserSummary:
    """A user, as lists and searches show it."""

    id: str | None = attrs.field(default=None, repr=mask, metadata=wire_name("_id"), kw_only=True)
    #: The vendor's own id of the user; `id` where it gives that alone.
    user_id: str | None = attrs.field(default=attrs.Factory(_own_id, takes_self=True), repr=mask)
    emails: Sequence[Email] = attrs.field(default=())
    phone_numbers: Sequence[PhoneNumber] = attrs.field(default=())
    #: Your own id of the user. This and what follows is known of customers, from the vendor's SDKs.
    external_id: str | None = attrs.field(default=None, repr=mask)
    rr_id: str | None = attrs.field(default=None, repr=mask)
    application_id: str | None = None
    username: str | None = attrs.field(default=None, repr=mask)
    first_name: str | None = attrs.field(default=None, repr=False)
    last_name: str | None = attrs.field(default=None, repr=False)
    gender: str | None = attrs.field(default=None, repr=False)
    #: ISO date.
    dob: str | None = attrs.field(default=None, repr=False)
    profile_pic_url: str | None = attrs.field(default=None, repr=False)
    account_type: str | None = None
    active: bool | None = None
    #: Whether the customer is archived, which can be undone.
    archive: bool | None = None
    status: str | None = None
    #: When the customer was deleted.
    deleted_on: str | None = None
    #: Whose ``privacy_policy`` was agreed to; it can be read only.
    consent: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    meta: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    created_at: str | None = None
    updated_at: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class CustomerSearch:
    """The customers that a search found."""

    users: Sequence[UserSummary] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class CustomerList:
    """A page of customers."""

    items: Sequence[UserSummary] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Customer:
    """A customer, after it was made or changed."""

    user: UserSummary | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class FilteredUsers:
    """A page of the users whose attributes fulfil conditions."""

    items: Sequence[UserSummary] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Session:
    """A session of a customer: where somebody is logged in."""

    session_id: str | None = attrs.field(default=None, repr=mask)
    user_agent: str | None = attrs.field(default=None, repr=False)
    ip: str | None = attrs.field(default=None, repr=False)
    domain: str | None = None
    expire_in: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Sessions:
    """The sessions of a customer."""

    items: Sequence[Session] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class SessionsEnded:
    """The sessions of a customer that were ended."""

    user_id: str | None = attrs.field(default=None, repr=mask)
    session_id: str | None = attrs.field(default=None, repr=mask)
    session_ids: Sequence[str] = attrs.field(default=(), repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class TimelineEntry:
    """What happened to a customer."""

    date: str | None = None
    title: str | None = attrs.field(default=None, repr=False)
    sub_title: str | None = attrs.field(default=None, repr=False)
    type: str | None = None
    visible: bool | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Timeline:
    """What happened to a customer, and what will."""

    #: The day on which the customer will be deleted; None where no deletion is under way.
    delete_on: str | None = None
    timeline: Sequence[TimelineEntry] = attrs.field(default=())
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class JobCount:
    """How many rows a job had, and what became of them."""

    total: int | None = None
    success: int | None = None
    error: int | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class JobLink:
    """Where a file of a job is."""

    absolute_url: str | None = attrs.field(default=None, repr=False)
    relative_url: str | None = attrs.field(default=None, repr=False)
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class JobLinks:
    """The files of a job; that of the failed rows holds personal data."""

    file: JobLink | None = None
    error: JobLink | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)


@attrs.frozen
class Job:
    """An import or an export of customers."""

    id: str | None = attrs.field(default=None, metadata=wire_name("_id"))
    file_name: str | None = attrs.field(default=None, repr=False)
    file_format: str | None = None
    action_type: str | None = None
    created_by: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    count: JobCount | None = None
    #: ``inprogress``, ``failed``, ``complete`` or ``partial``.
    status: str | None = attrs.field(default=None, repr=False)
    links: JobLinks | None = None
    application_id: str | None = None
    company_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)

    @property
    def done(self) -> bool:
        """Whether the job has ended, however it ended."""
        return self.status not in {None, "inprogress"}


@attrs.frozen
class JobList:
    """A page of jobs."""

    items: Sequence[Job] = attrs.field(default=())
    page: NumberPage | None = None
    unknown: Mapping[str, JsonValue] = attrs.field(default=UNKNOWN, repr=False)
