"""What Netmera would remember: users, devices, segments, contacts, and what is defined in the panel.

A user's values are replaced and never changed in place, so users with equal tags share one set and
a million of them fit into a test's memory. It checks no request; that is done before it is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.netmera.definitions import STANDARD, Attribute, Event
from netaudience.sandbox.protocol import Json

#: A channel whose permission a user has.
Channel: TypeAlias = Literal["mail", "sms", "whatsapp"]

_NO_PROFILE: Mapping[str, Json] = MappingProxyType({})
_NO_CATEGORIES: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
_NO_TAGS: frozenset[str] = frozenset()
_NO_PERMISSIONS: Mapping[Channel, bool] = MappingProxyType({})


@attrs.define
class Device:
    """One installation of the app; it has a token only where the app was given one."""

    token: str | None
    platform: str = "ANDROID"
    device_model: str = "Pixel 5"
    push_permitted: bool = True
    installed: bool = True
    #: Made where none is given.
    installation_id: str = ""

    @property
    def key(self) -> str:
        """What the sandbox knows it by."""
        return self.token or self.installation_id


@attrs.define(weakref_slot=False)
class User:
    """One user; a channel that is not among the permissions was never set."""

    tags: frozenset[str] = _NO_TAGS
    profile: Mapping[str, Json] = _NO_PROFILE
    #: Category to channel to permission.
    categories: Mapping[str, Mapping[str, bool]] = _NO_CATEGORIES
    devices: tuple[Device, ...] = ()
    msisdn: str | None = None
    wp_number: str | None = None
    permissions: Mapping[Channel, bool] = _NO_PERMISSIONS
    #: False after deleteUsers: readable, and left out of audiences and counts.
    tracked: bool = True

    @property
    def email(self) -> str | None:
        """The e-mail; it is stored as the profile attribute that the vendor's sample shows."""
        value = self.profile.get("email")
        return value if isinstance(value, str) else None

    def address(self, channel: Channel) -> str | None:
        """What the user is reached at in a channel."""
        match channel:
            case "mail":
                return self.email
            case "sms":
                return self.msisdn
            case "whatsapp":
                return self.wp_number

    def move_to(self, channel: Channel, address: str | None) -> None:
        """Give the user another address, or none."""
        match channel:
            case "mail":
                kept = {name: value for name, value in self.profile.items() if name != "email"}
                self.profile = kept if address is None else {**kept, "email": address}
            case "sms":
                self.msisdn = address
            case "whatsapp":
                self.wp_number = address

    def permit(self, channel: Channel, permitted: bool | None) -> None:  # noqa: FBT001 - a value, no switch
        """Set or reset a permission."""
        permissions = dict(self.permissions)
        permissions.pop(channel, None)
        if permitted is not None:
            permissions[channel] = permitted
        self.permissions = permissions


@attrs.define
class Segment:
    """A segment: its members as they were last calculated, or given."""

    id: int
    name: str
    type: str = "STANDARD"
    ext_ids: tuple[str, ...] = ()
    status: Literal["ACTIVE", "DELETED"] = "ACTIVE"
    calculation: Literal["WAITING_CALCULATE", "READY", "WAITING_DELETED"] = "READY"
    created_by: str | None = None
    #: The body by which it was made; None where its members were given.
    criteria: Mapping[str, Json] | None = None


@attrs.define
class App:
    """How this app is set up, where apps and installations of Netmera differ."""

    #: Whether permanent deletion was activated; it is deleteUsers where it was not.
    erases: bool = True
    #: Seconds until the job that erases runs.
    erases_after: float = 60.0
    #: The code of a request that names somebody who is not there: 2001, and 5016 in newer builds.
    gone_code: int = 2001
    #: Whether one invalid entry of attributes refuses the request instead of being skipped.
    rejects_invalid: bool = False
    #: Whether several users may have one address, or one number.
    shared_addresses: bool = False
    #: An older private installation: updateWhatsApp takes a list, devices have their older shape.
    older: bool = False
    #: How many segments the package includes.
    segments: int = 1000


@attrs.define
class Promotion:
    """The codes of one promotion."""

    #: In milliseconds since 1970.
    expiry: int
    #: By the user's ext id.
    codes: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])


class NetmeraState:
    """Everything stored, with the few changes that touch more than one thing."""

    def __init__(self, known_categories: Iterable[str] | None = None) -> None:
        self._known_categories = None if known_categories is None else tuple(known_categories)
        #: Whether only the categories that are there count; otherwise each is made by its first use.
        self.tells_categories = False
        self.app = App()
        self.users: dict[str, User] = {}
        #: Installations by token, or by their own id where they have none, in the order of their adding.
        self.devices: dict[str, Device] = {}
        self.segments: dict[int, Segment] = {}
        #: Whether a push message was approved, by its id.
        self.messages: dict[int, bool] = {}
        #: Category ids by name.
        self.categories: dict[str, int] = {}
        #: Tag ids by name, in the order of first sight.
        self.tag_ids: dict[str, int] = {}
        #: People without an id, by what they were added with, and their permissions.
        self.contacts: dict[str, dict[Channel, bool]] = {}
        #: How often each user raised each event.
        self.events: dict[str, Counter[str]] = {}
        #: What is defined in the panel; None: every attribute, or event, is.
        self.attributes: dict[str, Attribute] | None = None
        self.event_definitions: dict[str, Event] | None = None
        #: Codes by the promotion's name, and who has test devices.
        self.promotions: dict[str, Promotion] = {}
        self.testers: set[str] = set()
        self._owners: dict[str, str] = {}
        self._tag_sets: dict[frozenset[str], frozenset[str]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything but the configured categories."""
        for collection in (self.users, self.devices, self.segments, self.messages, self.events):
            collection.clear()
        self.testers.clear()
        for others in (self.promotions, self.contacts, self.tag_ids, self._owners, self._tag_sets):
            others.clear()
        self.categories, self.tells_categories = {}, False
        if self._known_categories is not None:
            self.define_categories(self._known_categories)
        self.attributes = self.event_definitions = None
        self.app = App()

    def user(self, ext_id: str) -> User:
        """The user of that id, created if need be, and tracked from now on."""
        user = self.users.get(ext_id)
        if user is None:
            user = self.users[ext_id] = User()
        user.tracked = True
        return user

    def tracked_users(self) -> Iterator[tuple[str, User]]:
        """The users whom audiences and counts know."""
        return ((ext_id, user) for ext_id, user in self.users.items() if user.tracked)

    def owner(self, key: str) -> str | None:
        """The ext id of a device's user."""
        return self._owners.get(key)

    def define_categories(self, names: Iterable[str]) -> None:
        """Let these be categories, and what is not defined be none."""
        self.tells_categories = True
        for name in names:
            self.categories.setdefault(name, len(self.categories) + 1)

    def knows_category(self, name: str) -> bool:
        """Whether a category exists; where none is defined it does from now on."""
        if not self.tells_categories:
            self.categories.setdefault(name, len(self.categories) + 1)
        return name in self.categories

    def attribute(self, code: str) -> Attribute | None:
        """What an attribute is defined as; None where it is not, or where everything is."""
        return None if self.attributes is None else self.attributes.get(code, STANDARD.get(code))

    def fitting(self, profile: Mapping[str, Json]) -> dict[str, Json]:
        """What of a profile is kept: a value that is null, not defined or of another type is not."""
        given: dict[str, Json] = {code: value for code, value in profile.items() if value is not None}
        if self.attributes is None:
            return given
        kept = ((code, value, self.attribute(code)) for code, value in given.items())
        return {code: value for code, value, known in kept if known is not None and known.fits(value)}

    def shared_tags(self, tags: frozenset[str]) -> frozenset[str]:
        """The one set that all users with these tags share."""
        for tag in tags - self.tag_ids.keys():
            self.tag_ids[tag] = len(self.tag_ids) + 1
        return self._tag_sets.setdefault(tags, tags)

    def add_codes(self, promotion: str, expiry: int, codes: Iterable[tuple[str, str]]) -> None:
        """Give known users codes; a promotion that is there keeps its date."""
        held = self.promotions.setdefault(promotion, Promotion(expiry))
        for ext_id, code in codes:
            if ext_id in self.users:
                held.codes.setdefault(ext_id, []).append(code)

    def remove_user(self, ext_id: str) -> None:
        """Remove a user with all devices; an unknown one is no error."""
        self.events.pop(ext_id, None)
        user = self.users.pop(ext_id, None)
        for device in user.devices if user else ():
            del self.devices[device.key]
            del self._owners[device.key]

    def take_address(self, channel: Channel, address: str, ext_id: str) -> None:
        """Take an address from everybody else who has it, unless the app lets users share one."""
        if self.app.shared_addresses or not address:
            return
        for name, user in self.users.items():
            if name != ext_id and user.address(channel) == address:
                user.move_to(channel, None)

    def add_device(self, ext_id: str | None, device: Device) -> None:
        """Give a user a device, or nobody; a token that was somebody else's moves."""
        device.installation_id = device.installation_id or f"installation-{len(self.devices) + 1}"
        owner = self.users.get(self._owners.pop(device.key, ""))
        if owner is not None:
            owner.devices = tuple(kept for kept in owner.devices if kept.key != device.key)
        self.devices[device.key] = device
        if ext_id is None:
            return
        user = self.user(ext_id)
        user.devices = (*user.devices, device)
        self._owners[device.key] = ext_id

    def add_user(  # noqa: PLR0913 - a user has this many parts
        self,
        ext_id: str,
        *,
        tags: Iterable[str] = (),
        profile: Mapping[str, Json] | None = None,
        devices: Iterable[Device] = (),
        email: str | None = None,
        msisdn: str | None = None,
        wp_number: str | None = None,
    ) -> User:
        """Add a user, or replace the one of that id."""
        self.remove_user(ext_id)
        user = self.user(ext_id)
        user.tags = self.shared_tags(frozenset(tags))
        user.profile = {**(profile or {}), **({} if email is None else {"email": email})}
        user.msisdn = msisdn
        user.wp_number = wp_number
        for device in devices:
            self.add_device(ext_id, device)
        return user

    def add_segment(
        self,
        segment_id: int,
        name: str,
        ext_ids: Iterable[str] = (),
        *,
        segment_type: str = "STANDARD",
    ) -> Segment:
        """Add a segment whose members are given, or replace the one of that id."""
        segment = self.segments[segment_id] = Segment(segment_id, name, segment_type, tuple(ext_ids))
        return segment

    def add_message(self, message_id: int) -> None:
        """Add a push message that waits for approval."""
        self.messages[message_id] = False
