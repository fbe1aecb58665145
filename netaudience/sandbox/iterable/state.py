"""What the Iterable sandbox remembers: profiles, devices, lists, the schema, who was forgotten.

It finds, makes and changes profiles as the project's type says, and judges whether a user may be
changed; how a refusal is worded is not its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.iterable.fields import Identity
from netaudience.sandbox.iterable.provenance import MAX_FIELDS
from netaudience.sandbox.protocol import Json

ProjectType: TypeAlias = Literal["email", "userId", "hybrid"]
#: Why one user cannot be changed.
Objection: TypeAlias = Literal["invalid", "forgotten", "conflict", "unknown"]

PLACEHOLDER = "placeholder.email"


@attrs.define
class PushDevice:
    """One device of one profile."""

    token: str
    platform: str
    application_name: str
    data_fields: dict[str, Json] = attrs.field(factory=dict[str, Json], repr=False)
    endpoint_enabled: bool = True

    def to_json(self) -> dict[str, object]:
        """The device as a read gives it."""
        return {
            "token": self.token,
            "platform": self.platform,
            "applicationName": self.application_name,
            "endpointEnabled": self.endpoint_enabled,
            **({"dataFields": self.data_fields} if self.data_fields else {}),
        }


@attrs.define(eq=False)
class Profile:
    """One user."""

    email: str | None
    user_id: str | None
    data_fields: dict[str, Json] = attrs.field(factory=dict[str, Json], repr=False)
    devices: dict[str, PushDevice] = attrs.field(factory=dict[str, PushDevice], repr=False)
    browser_tokens: list[str] = attrs.field(factory=list[str], repr=False)
    lists: set[int] = attrs.field(factory=set[int], repr=False)
    #: The subscription fields that a request gave, by their wire names.
    subscriptions: dict[str, list[int]] = attrs.field(factory=dict[str, list[int]], repr=False)
    #: Whether an unsubscribe took the user off the whole channel.
    channel_unsubscribed: bool = False

    def to_json(self) -> dict[str, object]:
        """The profile as a read gives it."""
        extras: dict[str, object] = {
            "devices": [device.to_json() for device in self.devices.values()],
            "browserTokens": list(self.browser_tokens),
            "emailListIds": sorted(self.lists),
            "channelUnsubscribed": self.channel_unsubscribed,
            **self.subscriptions,
        }
        identifiers = {"email": self.email, "userId": self.user_id}
        return {
            **{name: value for name, value in identifiers.items() if value is not None},
            "dataFields": {**self.data_fields, **{name: value for name, value in extras.items() if value}},
        }


@attrs.frozen
class MadeList:
    """A static list."""

    name: str
    description: str
    #: In milliseconds since 1970.
    created_at: int


@attrs.frozen
class Judged:
    """Fields of one update after the schema had its say."""

    #: What is stored.
    kept: Mapping[str, Json]
    #: Unknown fields that were dropped.
    dropped: Sequence[str]
    #: Names and types that are new to the schema.
    new: Mapping[str, str]
    #: Fields whose type is another one than the schema's.
    mismatched: Sequence[str]


class IterableState:
    """The state of one project, and the settings that decide what it takes."""

    def __init__(self) -> None:
        #: How the project identifies its users.
        self.project: ProjectType = "hybrid"
        #: The project's setting for requests that leave createNewFields out.
        self.create_new_fields = True
        #: The lists that exist; None: all do.
        self.known_lists: frozenset[int] | None = None
        #: Events of these names fail.
        self.disallowed_events: frozenset[str] = frozenset()
        #: Whether the vendor has enabled the calls that change one subscription.
        self.single_subscriptions = True
        self.max_fields = MAX_FIELDS
        self.clear()

    def clear(self) -> None:
        """Forget everything but the settings."""
        self.by_email: dict[str, Profile] = {}
        self.by_user_id: dict[str, list[Profile]] = {}
        self.by_token: dict[str, list[Profile]] = {}
        #: The type of each user field that was ever stored.
        self.schema: dict[str, str] = {}
        self.forgotten_emails: set[str] = set()
        self.forgotten_user_ids: set[str] = set()
        #: The lists that were made, by their number.
        self.lists: dict[int, MadeList] = {}
        self._next_list = 1001
        #: Events by their id, or by a number where they have none.
        self.events: dict[str, dict[str, Json]] = {}
        #: Who was asked to opt in, and to what.
        self.asked_to_opt_in: dict[str, list[int]] = {}

    def profiles(self) -> Iterator[Profile]:
        """Every profile once."""
        yield from self.by_email.values()
        for shared in self.by_user_id.values():
            yield from (profile for profile in shared if profile.email is None)

    def count(self) -> int:
        """How many profiles there are."""
        return sum(1 for _ in self.profiles())

    def make_list(self, made: MadeList) -> int:
        """Add a list and give its number."""
        number, self._next_list = self._next_list, self._next_list + 1
        self.lists[number] = made
        return number

    def has_list(self, number: int | None) -> bool:
        """Whether there is a list of that number: all are there where the sandbox was told of none."""
        return self.known_lists is None or number in self.known_lists or number in self.lists

    def members(self, number: int) -> Sequence[Profile]:
        """Those who are on a list."""
        return [profile for profile in self.profiles() if number in profile.lists]

    def unforget(self, identity: Identity) -> None:
        """Take data about a user again from now on."""
        self.forgotten_emails.discard(identity.folded or "")
        self.forgotten_user_ids.discard(identity.user_id or "")

    def by_name(self, identity: Identity) -> Literal["email", "userId"]:
        """Which of a user's identifiers decides, and names the user in an answer."""
        preferred_missing = identity.user_id is None or (
            self.project == "email" and identity.email is not None
        )
        return "email" if preferred_missing else "userId"

    def key(self, identity: Identity) -> str:
        """The identifier that decides, as the request gave it."""
        deciding = identity.email if self.by_name(identity) == "email" else identity.user_id
        return deciding or ""

    def find(self, identity: Identity) -> Profile | None:
        """The profile that a request speaks of, if there is exactly one answer to that."""
        return None if self._conflict(identity) else self._found(identity)

    def of_user_id(self, user_id: str) -> Sequence[Profile]:
        """All profiles with this userId."""
        return tuple(self.by_user_id.get(user_id, ()))

    def objection(
        self, identity: Identity, *, prefer_user_id: bool = False, existing_only: bool = False
    ) -> Objection | None:
        """Why this user cannot be changed."""
        if identity.malformed is not None:
            return "invalid"
        if identity.folded in self.forgotten_emails or identity.user_id in self.forgotten_user_ids:
            return "forgotten"
        if self._conflict(identity):
            return "conflict"
        if self._found(identity) is None:
            nameless = self.project == "email" and identity.email is None and not prefer_user_id
            if existing_only or nameless:
                return "unknown"
        return None

    def upsert(self, identity: Identity) -> Profile | None:
        """The profile of a user, made if there is none; None if another change came in between."""
        if self.objection(identity, prefer_user_id=True) is not None:
            return None
        profile = self._found(identity)
        email = identity.folded
        if profile is None and email is None and self.project == "email":
            email = f"{identity.user_id}@{PLACEHOLDER}".lower()
            profile = self.by_email.get(email)
        if profile is None:
            profile = Profile(None, None)
        self._identify(profile, email or profile.email, identity.user_id or profile.user_id)
        return profile

    def rename(self, profile: Profile, email: str) -> None:
        """Give a profile another e-mail."""
        self._identify(profile, email.lower(), profile.user_id)

    def add_device(self, profile: Profile, device: PushDevice) -> None:
        """Give a profile a device, or replace the one with its token; data fields are merged."""
        before = profile.devices.get(device.token)
        if before is None:
            self.by_token.setdefault(device.token, []).append(profile)
        else:
            device.data_fields = {**before.data_fields, **device.data_fields}
        profile.devices[device.token] = device

    def remove(self, profiles: Iterable[Profile]) -> None:
        """Remove profiles with all they have."""
        for profile in list(profiles):
            self._identify(profile, None, None)
            for token in profile.devices:
                self.by_token[token] = [other for other in self.by_token[token] if other is not profile]
            profile.devices.clear()

    def add_event(self, event_id: str | None, event: dict[str, Json]) -> None:
        """Store an event; one with a known id replaces it."""
        self.events[event_id if event_id is not None else f"#{len(self.events) + 1}"] = event

    def forget(self, identity: Identity) -> Profile | None:
        """Refuse a user from now on, under both identifiers; gives the profile that has to go."""
        profile = self.find(identity)
        emails = {identity.folded, None if profile is None else profile.email}
        user_ids = {identity.user_id, None if profile is None else profile.user_id}
        self.forgotten_emails.update(email for email in emails if email is not None)
        self.forgotten_user_ids.update(user_id for user_id in user_ids if user_id is not None)
        return profile

    def judge(self, data_fields: Mapping[str, Json], *, create: bool, new: Mapping[str, str]) -> Judged:
        """Hold fields against the schema; `new` are those that this request has added before."""
        kept: dict[str, Json] = {}
        dropped: list[str] = []
        added: dict[str, str] = {}
        mismatched: list[str] = []
        for name, value in data_fields.items():
            known = self.schema.get(name) or new.get(name)
            found = type_name(value, name)
            if known is None and not create:
                dropped.append(name)
                continue
            if known is None and found is not None:
                added[name] = found
            elif known is not None and found not in {None, known} and (found, known) != ("long", "double"):
                # A whole number is a decimal too; the other way round it is of another type.
                mismatched.append(name)
            kept[name] = value
        return Judged(kept, dropped, added, mismatched)

    def store(self, profile: Profile, data_fields: Mapping[str, Json], *, merge: bool) -> None:
        """Write fields onto a profile."""
        for name, value in data_fields.items():
            stored = profile.data_fields.get(name)
            if value is None:
                profile.data_fields.pop(name, None)
            elif merge and isinstance(stored, dict) and isinstance(value, dict):
                profile.data_fields[name] = {**stored, **value}
            else:
                profile.data_fields[name] = value

    def _deciding_first(self, identity: Identity) -> tuple[Profile | None, Profile | None]:
        by_email = self.by_email.get(identity.folded) if identity.folded is not None else None
        shared = self.by_user_id.get(identity.user_id, []) if identity.user_id is not None else []
        by_user_id = by_email if by_email in shared else next(iter(shared), None)
        return (by_email, by_user_id) if self.by_name(identity) == "email" else (by_user_id, by_email)

    def _conflict(self, identity: Identity) -> bool:
        if identity.email is None or identity.user_id is None or self.project == "email":
            return False
        by_user_id, by_email = self._deciding_first(identity)
        if by_user_id is None:
            return by_email is not None and by_email.user_id is not None
        return by_email is not None and by_email is not by_user_id

    def _found(self, identity: Identity) -> Profile | None:
        first, second = self._deciding_first(identity)
        # In an email-based project an unknown e-mail is a new user, whoever shares the userId.
        other_counts = self.project != "email"
        return second if first is None and other_counts else first

    def _identify(self, profile: Profile, email: str | None, user_id: str | None) -> None:
        if profile.email is not None:
            self.by_email.pop(profile.email, None)
        if profile.user_id is not None:
            shared = [other for other in self.by_user_id[profile.user_id] if other is not profile]
            if shared:
                self.by_user_id[profile.user_id] = shared
            else:
                del self.by_user_id[profile.user_id]
        profile.email, profile.user_id = email, user_id
        if email is not None:
            self.by_email[email] = profile
        if user_id is not None:
            self.by_user_id.setdefault(user_id, []).append(profile)


#: The texts that are dates; any other is a string, for ever.
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?: [+-]\d\d:\d\d)?|T\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d))?"
)


def type_name(value: Json, field: str = "") -> str | None:
    """The type that a field has from now on; None where the value does not say."""
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            return "long"
        case float():
            return "double"
        case str():
            return "date" if _DATE.fullmatch(value) else "string"
        case {"lat": int() | float(), "lon": int() | float()} if field.endswith("_geo_location"):
            return "geo_location"
        case dict():
            return "object"
        case list() if value and all(isinstance(part, dict) for part in value):
            return "nested"
        case list():
            # A list has the type of its elements, as in a search index.
            return next((name for name in map(type_name, value) if name is not None), None)
