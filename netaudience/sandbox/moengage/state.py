"""What the MoEngage sandbox remembers: users with their devices, events, and who has to go.

Writing follows the vendor's policy: what is too long is cut and what is blocked is dropped, both
without a word. Nothing here refuses a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.moengage.rules import (
    BLOCKED_NAMES,
    DAY,
    MAX_ATTRIBUTES,
    MAX_ELEMENTS,
    MAX_NAME,
    MAX_VALUE,
    ONLY_ON_CREATION,
)
from netaudience.sandbox.words import Json

#: The types of a 403.
Suspension: TypeAlias = Literal["BlockedClient", "Account Suspended", "Account Temporarily Suspended"]

ADD, REMOVE = "addValueToArrayField", "removeValueFromArrayField"


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


class MoEngageState:
    """The state of one workspace, and the settings that decide what it takes."""

    def __init__(self, now: Callable[[], float] | None) -> None:
        self._now = now
        #: Activated identifiers of Identity Resolution; it is off where there are none.
        self.identifiers: tuple[str, ...] = ()
        #: Whether values may be objects.
        self.object_attributes = False
        self.max_attributes = MAX_ATTRIBUTES
        self.clear()

    def clear(self) -> None:
        """Forget everything but the settings."""
        self.customers: dict[str, Customer] = {}
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

    def write(self, customer_id: str, attributes: Mapping[str, Json], *, existing_only: bool) -> None:
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

    def add_device(self, customer_id: str, device_id: str, attributes: Mapping[str, Json]) -> None:
        """Give a user a device; one whose user does not exist is dropped."""
        customer = self.customers.get(customer_id)
        if customer is not None:
            customer.devices[device_id] = {**customer.devices.get(device_id, {}), **attributes}

    def add_events(self, customer_id: str, actions: Iterable[dict[str, Json]]) -> None:
        """Append to a user's events."""
        self.events.setdefault(customer_id, []).extend(actions)

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
        if name in BLOCKED_NAMES or full or long_link or an_object:
            return
        self.names.add(name)
        customer.attributes[name] = _cut(value)


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
