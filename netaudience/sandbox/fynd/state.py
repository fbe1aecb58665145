"""What Fynd would remember: users, attribute definitions, groups and the files that they name.

It checks no request; that is done before it is asked. It fetches nothing: a file is a text that
somebody has put under its URL.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import attrs

from netaudience.sandbox.fynd.provenance import CATEGORIES
from netaudience.sandbox.protocol import Json

#: The columns that may name a user, in the order in which they are asked.
_SELECTORS = ("user_id", "email", "phone_number")


@attrs.define
class Definition:
    """One attribute that users may have."""

    id: str
    name: str
    slug: str
    description: str
    type: str
    created_at: str
    modified_at: str
    customer_editable: bool = True
    pinned: bool = False
    pin_order: int = 0
    is_locked: bool = False

    @property
    def encrypted(self) -> bool:
        """Whether the vendor encrypts its values."""
        return self.type.startswith("encrypted_")


@attrs.define(weakref_slot=False)
class Attribute:
    """The value of one attribute of one user."""

    id: str
    value: Json
    customer_overridden: bool = False


@attrs.frozen
class Phone:
    """A telephone number."""

    country_code: int
    number: str

    @property
    def spellings(self) -> tuple[str, str]:
        """What a file or a search may call it."""
        return self.number, f"+{self.country_code}{self.number}"


@attrs.define(weakref_slot=False)
class FyndUser:
    """One customer of the application."""

    emails: tuple[str, ...] = ()
    phones: tuple[Phone, ...] = ()
    #: The day on which the user will be deleted.
    delete_on: str | None = None
    #: What else a customer has: names, day of birth, the company's own id and such.
    details: dict[str, Json] = attrs.field(factory=dict[str, Json])
    #: The last status that blocked or let in; None where nobody did either.
    activation: bool | None = None
    archived: bool = False
    #: By the session's id.
    sessions: list[str] = attrs.field(factory=list[str])
    #: By the definition's id.
    attributes: dict[str, Attribute] = attrs.field(factory=dict[str, Attribute])

    def called(self, user_id: str) -> tuple[str, ...]:
        """Everything that names this user: the id, the e-mails, the telephone numbers."""
        phones = (spelling for phone in self.phones for spelling in phone.spellings)
        return (user_id, *self.emails, *phones)


@attrs.define
class Group:
    """One group of users."""

    id: str
    uid: int
    name: str
    description: str
    category: str
    file_url: str
    created_at: str
    modified_at: str
    status: str = "pending"
    tags: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    blacklisted: frozenset[str] = frozenset()
    #: None before the first refresh.
    total_users: int | None = None
    #: Rejected rows of the last file, and where they are told.
    error: Mapping[str, Json] | None = None
    #: ``bulk`` or ``conditional``.
    type: str = "bulk"
    #: What the attributes of members hold; the sandbox keeps them and finds nobody by them.
    conditions: Sequence[Json] = ()
    version: int = 0


@attrs.define
class Job:
    """An import or an export of users."""

    id: str
    action: str
    file_format: str
    created_at: str
    file_url: str
    status: str = "inprogress"
    success: int = 0
    failed: int = 0
    #: The rows that failed.
    error_url: str = ""


class FyndState:
    """Everything stored, with the changes that touch more than one thing."""

    def __init__(self) -> None:
        self.users: dict[str, FyndUser] = {}
        self.definitions: dict[str, Definition] = {}
        self.groups: dict[str, Group] = {}
        self.jobs: dict[str, Job] = {}
        #: CSV texts by URL: the sandbox's stand-in for the internet.
        self.files: dict[str, str] = {}
        #: Names by key.
        self.categories: dict[str, str] = {}
        self._selected: dict[tuple[str, str], str] = {}
        self._ids = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        for collection in (
            self.users,
            self.definitions,
            self.groups,
            self.jobs,
            self.files,
            self._selected,
        ):
            collection.clear()
        self.categories = {key: key.upper() for key in CATEGORIES}
        self._ids = 0

    def new_id(self) -> str:
        """An id as the vendor's samples have them: 24 hexadecimal digits."""
        self._ids += 1
        return f"64f{self._ids:021x}"

    def add_user(
        self,
        user_id: str,
        *,
        emails: Iterable[str] = (),
        phones: Iterable[Phone] = (),
    ) -> FyndUser:
        """Add a user, or replace the one of that id."""
        user = self.users[user_id] = FyndUser(tuple(emails), tuple(phones))
        self._select(user_id, user)
        return user

    def rename(self, user_id: str, emails: Sequence[str] | None, phones: Sequence[Phone] | None) -> None:
        """Replace all addresses, or all numbers, of a known user."""
        user = self.users[user_id]
        known = {key: each for key, each in self._selected.items() if each != user_id}
        self._selected.clear()
        self._selected.update(known)
        user.emails = user.emails if emails is None else tuple(emails)
        user.phones = user.phones if phones is None else tuple(phones)
        self._select(user_id, user)

    def _select(self, user_id: str, user: FyndUser) -> None:
        self._selected.update({("email", email): user_id for email in user.emails})
        for phone in user.phones:
            self._selected.update({("phone_number", spelling): user_id for spelling in phone.spellings})

    def add_definition(  # noqa: PLR0913 - a definition has this many parts
        self,
        slug: str,
        created_at: str,
        *,
        name: str = "",
        description: str = "",
        type: str = "string",  # noqa: A002 - the vendor's word
        is_locked: bool = False,
        definition_id: str | None = None,
    ) -> Definition:
        """Add a definition, or replace the one of that id."""
        definition = Definition(
            definition_id or self.new_id(),
            name or slug,
            slug,
            description,
            type,
            created_at,
            created_at,
            pin_order=len(self.definitions),
            is_locked=is_locked,
        )
        self.definitions[definition.id] = definition
        return definition

    def add_group(  # noqa: PLR0913 - a group has this many parts
        self,
        name: str,
        created_at: str,
        *,
        description: str = "",
        category: str = CATEGORIES[0],
        file_url: str = "",
        tags: Iterable[str] = (),
        members: Iterable[str] = (),
        blacklisted: Iterable[str] = (),
        status: str = "pending",
        group_id: str | None = None,
    ) -> Group:
        """Add a group, or replace the one of that id."""
        self.categories.setdefault(category, category)
        group = Group(
            group_id or self.new_id(),
            max((group.uid for group in self.groups.values()), default=0) + 1,
            name,
            description,
            category,
            file_url,
            created_at,
            created_at,
            status,
            tuple(tags),
            tuple(dict.fromkeys(members)),
            frozenset(blacklisted),
        )
        self.groups[group.id] = group
        return group

    def add_job(self, action: str, file_format: str, created_at: str, file_url: str) -> Job:
        """Add a job that has not ended."""
        job = Job(self.new_id(), action, file_format, created_at, file_url)
        self.jobs[job.id] = job
        return job

    def import_users(self, job: Job) -> None:
        """Add the users of a job's file; a row without an e-mail or a phone number fails."""
        failed: list[Mapping[str, Json]] = []
        for row in self.rows(job.file_url):
            if email := row.get("email"):
                self.add_user(self.new_id(), emails=[email])
            else:
                failed.append(row)
        job.failed = len(failed)
        job.success = len(self.rows(job.file_url)) - job.failed
        job.status = "complete" if not failed else "partial" if job.success else "failed"
        if failed:
            job.error_url = f"https://files.example/{job.id}/failed.csv"
            self.files[job.error_url] = _csv(failed)

    def export_users(self, job: Job) -> None:
        """Write all users into a file."""
        job.file_url = f"https://files.example/{job.id}/users.csv"
        rows = [
            {"user_id": user_id, "email": next(iter(user.emails), "")} for user_id, user in self.users.items()
        ]
        self.files[job.file_url] = _csv(rows)
        job.success, job.status = len(rows), "complete"

    def by_slug(self, slug: str) -> Definition | None:
        """The definition of that slug."""
        return next((each for each in self.definitions.values() if each.slug == slug), None)

    def remove_definition(self, definition_id: str) -> None:
        """Remove a definition with the values that users have."""
        del self.definitions[definition_id]
        for user in self.users.values():
            user.attributes.pop(definition_id, None)

    def set_attribute(
        self, user_id: str, definition_id: str, value: Json, *, overridden: bool = False
    ) -> Attribute:
        """Give a known user a value; the attribute keeps its id."""
        attributes = self.users[user_id].attributes
        known = attributes.get(definition_id)
        attribute = Attribute(self.new_id() if known is None else known.id, value, overridden)
        attributes[definition_id] = attribute
        return attribute

    def rows(self, file_url: str) -> list[dict[str, str]]:
        """The rows of a file; one that nobody has put there has none."""
        reader = csv.DictReader(io.StringIO(self.files.get(file_url, "")))
        return [
            {name: value for name, value in row.items() if isinstance(name, str) and isinstance(value, str)}
            for row in reader
        ]

    def selected(self, row: Mapping[str, Json]) -> str | None:
        """The id of the user that a row names."""
        for selector in _SELECTORS:
            value = row.get(selector)
            if isinstance(value, str) and value:
                if selector == "user_id":
                    return value if value in self.users else None
                return self._selected.get((selector, value))
        return None

    def load(self, group: Group, rows: Sequence[Mapping[str, Json]]) -> None:
        """Add and remove the members that rows name, and tell of the rows that name nobody."""
        members = dict.fromkeys(group.members)
        rejected: list[Mapping[str, Json]] = []
        for row in rows:
            user_id = self.selected(row)
            action = row.get("action") or "add"
            if user_id is None or action not in ("add", "remove"):
                rejected.append(row)
            elif action == "add":
                members[user_id] = None
            else:
                members.pop(user_id, None)
        group.members = tuple(members)
        group.status = "partial" if rejected else "complete"
        group.error = None
        if rejected:
            url = f"https://files.example/{group.id}/rejected.csv"
            self.files[url] = _csv(rejected)
            group.error = {"count": len(rejected), "file_url": url}


def _csv(rows: Sequence[Mapping[str, Json]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
