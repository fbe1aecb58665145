"""What the MoEngage sandbox remembers: users with their devices, events, and who has to go.

Writing follows the vendor's policy: what is too long is cut and what is blocked is dropped, both
without a word. Nothing here refuses a request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.moengage.provenance import (
    BLOCKED_NAMES,
    DAY,
    DEVICE_ATTRIBUTES,
    DEVICE_KEYS,
    MAX_ATTRIBUTES,
    MAX_ELEMENTS,
    MAX_NAME,
    MAX_VALUE,
    ONLY_ON_CREATION,
    ONLY_ON_PLATFORM,
    PROTECTED,
    RESERVED_NAMES,
)
from netaudience.sandbox.protocol import Json

#: The types of a 403, and one of a 400.
Suspension: TypeAlias = Literal[
    "BlockedClient", "Account Suspended", "Account Temporarily Suspended", "Blacklisted"
]

ADD, REMOVE = "addValueToArrayField", "removeValueFromArrayField"


@attrs.frozen
class UnsetRule:
    """Which attributes a write unsets."""

    how: Literal["equals", "prefix", "suffix", "contains"]
    name: str
    case_sensitive: bool

    def matches(self, attribute: str) -> bool:
        """Whether an attribute is meant."""
        name, wanted = (
            (attribute, self.name) if self.case_sensitive else (attribute.casefold(), self.name.casefold())
        )
        match self.how:
            case "equals":
                return name == wanted
            case "prefix":
                return name.startswith(wanted)
            case "suffix":
                return name.endswith(wanted)
            case "contains":
                return wanted in name


@attrs.define
class Customer:
    """One user."""

    customer_id: str
    moengage_id: str
    attributes: dict[str, Json] = attrs.field(factory=dict[str, Json], repr=False)
    #: Device attributes by device id.
    devices: dict[str, dict[str, Json]] = attrs.field(factory=dict[str, dict[str, Json]], repr=False)
    #: Devices that must not be reached.
    blocked: set[str] = attrs.field(factory=set[str], repr=False)
    #: When the user goes, on the sandbox's clock.
    deleted_at: float | None = None

    def to_json(self) -> dict[str, object]:
        """The user as the admin route shows it."""
        return {
            "customer_id": self.customer_id,
            "moengage_id": self.moengage_id,
            "attributes": self.attributes,
            "devices": {
                device_id: {**device, "blocked": device_id in self.blocked}
                for device_id, device in self.devices.items()
            },
            "deletion_pending": self.deleted_at is not None,
        }


@attrs.define
class Preference:
    """What a user agreed to on a channel."""

    globally_unsubscribed: bool = False
    #: By name, whether the user is subscribed; those that are not named are.
    categories: dict[str, bool] = attrs.field(factory=dict[str, bool])


@attrs.define
class FileSegment:
    """A segment whose members were in a file."""

    cs_id: str
    name: str
    members: set[str] = attrs.field(factory=set[str])
    archived: bool = False


class MoEngageState:
    """The state of one workspace, and the settings that decide what it takes."""

    def __init__(
        self, now: Callable[[], float] | None, callbacks: list[tuple[str, dict[str, Json]]] | None = None
    ) -> None:
        self._now = now
        #: What is to be called back: the URL, and the JSON.
        self.callbacks = [] if callbacks is None else callbacks
        #: Activated identifiers of Identity Resolution; it is off where there are none.
        self.identifiers: tuple[str, ...] = ()
        #: Whether values may be objects.
        self.object_attributes = False
        #: Attributes whose type is pinned: ``number``, ``text`` or ``truth``.
        self.types: dict[str, Literal["number", "text", "truth"]] = {}
        #: The categories of each channel.
        self.categories: dict[str, tuple[str, ...]] = {"email": ("offers", "news"), "sms": ("offers",)}
        #: Whether attributes can be unset by name; what asks for it does nothing else.
        self.unset_attributes = False
        self.max_attributes = MAX_ATTRIBUTES
        self.clear()

    def clear(self) -> None:
        """Forget everything but the settings."""
        self.customers: dict[str, Customer] = {}
        #: What users agreed to, by channel and customer id.
        self.preferences: dict[tuple[str, str], Preference] = {}
        #: The changes of them that were made, by their idempotency key: what was asked.
        self.changes: dict[str, str] = {}
        #: Members by cohort id.
        self.cohorts: dict[str, set[str]] = {}
        #: Segments by file, by their name.
        self.segments: dict[str, FileSegment] = {}
        #: CSV texts by URL: the sandbox's stand-in for the internet.
        self.files: dict[str, str] = {}
        #: Erasures that were asked for, by their request id: the customers who are meant.
        self.erasures: dict[str, list[str]] = {}
        #: Events by customer id, in their order.
        self.events: dict[str, list[dict[str, Json]]] = {}
        #: Every attribute that any user ever had.
        self.names: set[str] = set()
        self._leaving: set[str] = set()
        self._numbered = 0

    def settle(self, now: float | None = None) -> None:
        """Remove the users whose 24 hours are over."""
        if now is None:
            now = None if self._now is None else self._now()
        if now is None or not self._leaving:
            return
        for customer_id in list(self._leaving):
            customer = self.customers.get(customer_id)
            if customer is None or (customer.deleted_at is not None and customer.deleted_at <= now):
                self._leaving.discard(customer_id)
                self.customers.pop(customer_id, None)
                self.events.pop(customer_id, None)

    def find(self, identifier_type: str, identifier: str) -> Customer | None:
        """The user with an identifier: the customer id, MoEngage's own, or an attribute."""
        if identifier_type in ("customer_id", "id"):
            return self.customers.get(identifier)
        for customer in self.customers.values():
            found = customer.moengage_id
            if identifier_type != "moengage_id":
                found = str(customer.attributes.get(identifier_type, ""))
            if found == identifier:
                return customer
        return None

    def write(
        self,
        customer_id: str,
        attributes: Mapping[str, Json],
        *,
        existing_only: bool,
        unset: Sequence[UnsetRule] = (),
    ) -> None:
        """Create or update a user."""
        customer = self._known(customer_id, attributes)
        if customer is None and existing_only:
            return
        created = customer is None
        if customer is None:
            customer = self._new(customer_id)
        for name, values in _arrays(attributes, ADD):
            before = _array(customer.attributes.get(name))
            added = [value for value in values if value not in before]
            self._store(customer, name, [*before, *added])
        for name, values in _arrays(attributes, REMOVE):
            left = [value for value in _array(customer.attributes.get(name)) if value not in values]
            if name in customer.attributes:
                self._store(customer, name, left)
        for name, value in attributes.items():
            if name not in (ADD, REMOVE) and (created or name not in ONLY_ON_CREATION):
                self._store(customer, name, value)
        self._unset(customer, unset)

    def _unset(self, customer: Customer, rules: Sequence[UnsetRule]) -> None:
        if self.unset_attributes:
            for name in list(customer.attributes):
                if name not in PROTECTED and any(rule.matches(name) for rule in rules):
                    del customer.attributes[name]

    def add_device(self, customer_id: str, device_id: str, attributes: Mapping[str, Json]) -> None:
        """Give a user a device; one whose user does not exist is dropped."""
        customer = self.customers.get(customer_id)
        if customer is None:
            return
        platform = attributes.get("platform")
        taken = {
            name: value
            for name, value in attributes.items()
            if name in DEVICE_ATTRIBUTES and platform == ONLY_ON_PLATFORM.get(name, platform)
        }
        for owner in self.customers.values():
            for other, device in list(owner.devices.items()):
                same = any(taken.get(name) and device.get(name) == taken[name] for name in DEVICE_KEYS)
                if same and (owner is not customer or other != device_id):
                    del owner.devices[other]
        customer.devices[device_id] = {**customer.devices.get(device_id, {}), **taken}

    def add_events(self, customer_id: str, actions: Iterable[dict[str, Json]]) -> None:
        """Append to a user's events."""
        self.events.setdefault(customer_id, []).extend(actions)

    def preference(self, channel: str, customer_id: str) -> Preference:
        """What a user agreed to; all of it where nothing was ever said."""
        return self.preferences.setdefault((channel, customer_id), Preference())

    def block(self, customer: Customer, device_ids: Iterable[str], *, blocked: bool) -> None:
        """Block devices, or unblock them."""
        for device_id in device_ids:
            if blocked and device_id in customer.devices:
                customer.blocked.add(device_id)
            elif not blocked:
                customer.blocked.discard(device_id)

    def delete(self, customer_id: str, now: float) -> None:
        """Let a user go in 24 hours."""
        customer = self.customers.get(customer_id)
        if customer is not None and customer.deleted_at is None:
            customer.deleted_at = now + DAY
            self._leaving.add(customer_id)

    def merge(self, merged_id: str, retained_id: str) -> None:
        """Bring two users together, if both are still there."""
        merged, retained = self.customers.get(merged_id), self.customers.get(retained_id)
        if merged is None or retained is None or merged is retained:
            return
        del self.customers[merged_id]
        retained.attributes = {**merged.attributes, **retained.attributes}
        retained.devices = {**merged.devices, **retained.devices}
        retained.blocked |= merged.blocked
        self.add_events(retained_id, self.events.pop(merged_id, []))

    def _known(self, customer_id: str, attributes: Mapping[str, Json]) -> Customer | None:
        customer = self.customers.get(customer_id)
        for name in self.identifiers:
            value = attributes.get(name)
            if customer is None and isinstance(value, str | int) and value != "":
                customer = self.find(name, str(value))
        return customer

    def _new(self, customer_id: str) -> Customer:
        self._numbered += 1
        customer = self.customers[customer_id] = Customer(customer_id, f"{self._numbered:024x}")
        return customer

    def _store(self, customer: Customer, name: str, value: Json) -> None:
        name = name[:MAX_NAME]
        full = name not in self.names and len(self.names) >= self.max_attributes
        long_text = isinstance(value, str) and len(value) > MAX_VALUE
        long_link = long_text and str(value).startswith(("http://", "https://"))
        an_object = isinstance(value, dict) and not self.object_attributes
        mixed = isinstance(value, list) and len(set(map(type, value))) > 1
        if name in BLOCKED_NAMES or name in RESERVED_NAMES or full or long_link or an_object or mixed:
            return
        if value == []:
            customer.attributes.pop(name, None)
            return
        if name in self.types and (value := _cast(value, self.types[name])) is None:
            return
        self.names.add(name)
        customer.attributes[name] = _cut(value)


def _cast(value: Json, kind: Literal["number", "text", "truth"]) -> Json:
    """A value in the type that its attribute is pinned to; None where it has none."""
    if kind == "number" and isinstance(value, str):
        try:
            return json.loads(value) if isinstance(json.loads(value), int | float) else None
        except ValueError:
            return None
    is_truth = isinstance(value, bool)
    fits = {"number": isinstance(value, int | float) and not is_truth, "text": isinstance(value, str)}
    return value if fits.get(kind, is_truth) else None


def _cut(value: Json) -> Json:
    if isinstance(value, str):
        return value[:MAX_VALUE]
    if isinstance(value, list):
        return [_cut(item) for item in value[:MAX_ELEMENTS]]
    return value


def _arrays(attributes: Mapping[str, Json], operation: str) -> Iterable[tuple[str, list[Json]]]:
    by_name = attributes.get(operation)
    for name, values in by_name.items() if isinstance(by_name, dict) else ():
        yield name, _array(values)


def _array(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
