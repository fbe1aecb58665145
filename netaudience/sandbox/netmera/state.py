"""What Netmera would remember: users, devices, segments, messages and permissions by address.

A user's values are replaced and never changed in place, so users with equal tags share one set and
a million of them fit into a test's memory. It checks no request; that is done before it is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.words import Json

#: A channel whose permission a user or an address has.
Channel: TypeAlias = Literal["mail", "sms", "whatsapp"]

_NO_PROFILE: Mapping[str, Json] = MappingProxyType({})
_NO_CATEGORIES: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
_NO_TAGS: frozenset[str] = frozenset()


@attrs.define
class Device:
    """One device that can receive push messages."""

    token: str
    platform: str = "ANDROID"
    device_model: str = "Pixel 5"
    push_permitted: bool = True


@attrs.define(weakref_slot=False)
class User:
    """One user; None as a permission means that it was never set."""

    tags: frozenset[str] = _NO_TAGS
    profile: Mapping[str, Json] = _NO_PROFILE
    #: Category to channel to permission.
    categories: Mapping[str, Mapping[str, bool]] = _NO_CATEGORIES
    devices: tuple[Device, ...] = ()
    msisdn: str | None = None
    wp_numbers: tuple[str, ...] = ()
    mail_permitted: bool | None = None
    sms_permitted: bool | None = None
    whatsapp_permitted: bool | None = None

    @property
    def email(self) -> str | None:
        """The e-mail; it is stored as the profile attribute that the vendor's sample shows."""
        value = self.profile.get("email")
        return value if isinstance(value, str) else None


@attrs.define
class Segment:
    """A segment defined in the panel."""

    id: int
    name: str
    type: str
    ext_ids: tuple[str, ...]


class NetmeraState:
    """Everything stored, with the few changes that touch more than one thing."""

    def __init__(self, known_categories: Iterable[str] | None = None) -> None:
        self._known_categories = None if known_categories is None else tuple(known_categories)
        self.users: dict[str, User] = {}
        #: Devices by token, in the order in which they were added.
        self.devices: dict[str, Device] = {}
        self.segments: dict[int, Segment] = {}
        #: Whether a push message was approved, by its id.
        self.messages: dict[int, bool] = {}
        #: Category ids by name.
        self.categories: dict[str, int] = {}
        #: Permissions that were set for an address or number instead of a user.
        self.addresses: dict[Channel, dict[str, bool]] = {}
        #: E-mails and numbers that were added without a user.
        self.contacts: set[str] = set()
        #: How often each user raised each event.
        self.events: dict[str, Counter[str]] = {}
        self._owners: dict[str, str] = {}
        self._tag_sets: dict[frozenset[str], frozenset[str]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything but the configured categories."""
        for collection in (self.users, self.devices, self.segments, self.messages, self.events):
            collection.clear()
        self.contacts.clear()
        self._owners.clear()
        self._tag_sets.clear()
        self.categories = {name: i for i, name in enumerate(self._known_categories or (), 1)}
        self.addresses = {"mail": {}, "sms": {}, "whatsapp": {}}

    def user(self, ext_id: str) -> User:
        """The user of that id, created if need be."""
        user = self.users.get(ext_id)
        if user is None:
            user = self.users[ext_id] = User()
        return user

    def knows_category(self, name: str) -> bool:
        """Whether a category exists; without a configured list it does from now on."""
        if self._known_categories is None:
            self.categories.setdefault(name, len(self.categories) + 1)
        return name in self.categories

    def shared_tags(self, tags: frozenset[str]) -> frozenset[str]:
        """The one set that all users with these tags share."""
        return self._tag_sets.setdefault(tags, tags)

    def remove_user(self, ext_id: str) -> None:
        """Remove a user with all devices; an unknown one is no error."""
        self.events.pop(ext_id, None)
        user = self.users.pop(ext_id, None)
        for device in user.devices if user else ():
            del self.devices[device.token]
            del self._owners[device.token]

    def add_device(self, ext_id: str | None, device: Device) -> None:
        """Give a user a device, or nobody; a token that was somebody else's moves."""
        owner = self.users.get(self._owners.pop(device.token, ""))
        if owner is not None:
            owner.devices = tuple(kept for kept in owner.devices if kept.token != device.token)
        if ext_id is None:
            self.devices[device.token] = device
            return
        user = self.user(ext_id)
        user.devices = (*user.devices, device)
        self.devices[device.token] = device
        self._owners[device.token] = ext_id

    def add_user(  # noqa: PLR0913 - a user has this many parts
        self,
        ext_id: str,
        *,
        tags: Iterable[str] = (),
        profile: Mapping[str, Json] | None = None,
        devices: Iterable[Device] = (),
        email: str | None = None,
        msisdn: str | None = None,
        wp_numbers: Iterable[str] = (),
    ) -> User:
        """Add a user, or replace the one of that id."""
        self.remove_user(ext_id)
        user = self.user(ext_id)
        user.tags = self.shared_tags(frozenset(tags))
        user.profile = {**(profile or {}), **({} if email is None else {"email": email})}
        user.msisdn = msisdn
        user.wp_numbers = tuple(wp_numbers)
        for device in devices:
            self.add_device(ext_id, device)
        return user

    def add_segment(
        self,
        segment_id: int,
        name: str,
        ext_ids: Iterable[str] = (),
        *,
        segment_type: str = "PRODUCT_SEGMENT",
    ) -> Segment:
        """Add a segment, or replace the one of that id."""
        segment = self.segments[segment_id] = Segment(segment_id, name, segment_type, tuple(ext_ids))
        return segment

    def add_message(self, message_id: int) -> None:
        """Add a push message that waits for approval."""
        self.messages[message_id] = False
