"""MoEngage's customers, devices and events, alone on their routes or together in a bulk body.

An element is checked by the same rules in both places and is stored later; a bulk body is taken
or refused whole, and its answer never says which element was at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeAlias

import attrs

from netaudience.sandbox.limits import StrictWindow
from netaudience.sandbox.moengage.provenance import (
    DEVICE_PLATFORMS,
    MAX_BULK_BYTES,
    MAX_BYTES,
    MINUTE,
    USER_PLATFORMS,
)
from netaudience.sandbox.moengage.requests import Place, Reader, Row, accepted
from netaudience.sandbox.moengage.state import ADD, REMOVE, MoEngageState, UnsetRule
from netaudience.sandbox.protocol import Call, Change, Json, Window
from netaudience.sandbox.responses import Answer, Refused

Kind: TypeAlias = Literal["customer", "device", "event"]

#: Seconds that an event may be ahead of the sandbox's clock.
FUTURE = 60.0
#: A number with more of them counts milliseconds.
DIGITS_OF_SECONDS = 11


@attrs.frozen
class Element:
    """One customer, device or event, checked and not yet stored."""

    kind: Kind
    key: str
    store: Callable[[], None]
    #: What it counts for a limit: the actions of an event, else 1.
    weight: int = 1
    values: Mapping[str, Json] = attrs.field(factory=dict[str, Json], repr=False)


class Elements:
    """The routes that take elements into one MoEngage workspace."""

    def __init__(self, state: MoEngageState, reader: Reader, throttled: Callable[[], Answer]) -> None:
        self._state = state
        self._reader = reader
        self._throttled = throttled
        #: What a bulk route takes of each kind in a minute.
        self.bulk_limits: dict[Kind, int] = {"customer": 60_000, "device": 10_000, "event": 60_000}
        self._windows: dict[tuple[str, Kind], StrictWindow] = {}

    def forget_windows(self) -> None:
        """Count the elements of bulk bodies anew."""
        self._windows.clear()

    def alone(self, call: Call, *, kind: Kind) -> Change:
        """One element on its own route."""
        row = self._reader.record(call, kind, MAX_BYTES)
        self._reader.typed(row, kind)
        element = self._element(row, kind, kind, call)
        return self._change([element])

    def bulk(self, call: Call) -> Change:
        """Elements of any kind, taken together or not at all."""
        body = self._reader.record(call, "transition", MAX_BULK_BYTES)
        self._reader.typed(body, "transition")
        refusals = self._reader.refusals
        if not body.get("elements"):
            # The one quote is the vendor's.
            refusals.missing("elements", "'elements cannot be empty array")
        elements: list[Element] = []
        for row in self._reader.rows(body, "elements"):
            match row.get("type"):
                case ("customer" | "device" | "event") as kind:
                    elements.append(self._element(row, kind, "transition", call))
                case _:
                    refusals.refuse("AttributeError", "'type' must be customer, event or device", "type")
        self._weigh(elements, call)
        return self._change(elements)

    def _change(self, elements: Sequence[Element]) -> Change:
        def effect() -> None:
            for element in elements:
                element.store()

        return Change(
            [element.key for element in elements],
            accepted,
            [(element.key, element.values) for element in elements],
            effect=effect,
            records=sum(element.weight for element in elements),
        )

    def _weigh(self, elements: Sequence[Element], call: Call) -> None:
        """Count each kind apart, which the windows of an allowance cannot."""
        weights: dict[Kind, int] = {}
        for element in elements:
            weights[element.kind] = weights.get(element.kind, 0) + element.weight
        windows: list[tuple[StrictWindow, int]] = []
        for kind, weight in weights.items():
            limit = Window(self.bulk_limits[kind], MINUTE, "records")
            window = self._windows.get((call.account, kind))
            if window is None or window.window != limit:
                window = self._windows[call.account, kind] = StrictWindow(limit)
            windows.append((window, weight))
        fitting = [window.fits(call.now, weight) for window, weight in windows]
        if not all(fitting):
            raise Refused(self._throttled())
        for window, weight in windows:
            window.accept(call.now, weight)

    def _element(self, row: Row, kind: Kind, place: Place, call: Call) -> Element:
        match kind:
            case "customer":
                return self._customer(row, place)
            case "device":
                return self._device(row, place)
            case "event":
                return self._event(row, place, call)

    def _customer(self, row: Row, place: Place) -> Element:
        attributes = self._reader.mapping(row, "attributes")
        identifier = self._reader.identifier(row, self._state.identifiers)
        customer_id = identifier if identifier is not None and row.get("customer_id") is None else None
        if customer_id is None:
            customer_id = self._reader.customer_id(row, place)
        existing_only = row.get("update_existing_only")
        if not isinstance(existing_only, bool | None):
            self._reader.refusals.wrong("update_existing_only", "a boolean")
        added, removed = (self._reader.mapping(attributes, name) for name in (ADD, REMOVE))
        for name in added:
            if name in removed:
                text = f"Cannot add and remove '{name}' at the same time"
                self._reader.refusals.refuse("ArrayFieldError", text, ADD)
        self._platforms(attributes)
        unset = self._unset_rules(row)
        store = partial(
            self._state.write, customer_id, attributes, existing_only=existing_only or False, unset=unset
        )
        return Element("customer", customer_id, store, values=attributes)

    def _unset_rules(self, row: Row) -> list[UnsetRule]:
        found: list[UnsetRule] = []
        for entry in self._reader.rows(row, "unset_attributes") if "unset_attributes" in row else ():
            match entry:
                case {"type": "equals" | "prefix" | "suffix" | "contains" as how, "attr": str() as name}:
                    found.append(UnsetRule(how, name, entry.get("case_sensitive") is not False))
                case _:
                    self._reader.refusals.wrong("unset_attributes", "objects with type and attr")
        return found

    def _device(self, row: Row, place: Place) -> Element:
        customer_id = self._reader.customer_id(row, place)
        device_id = self._reader.text(row, "device_id")
        attributes = self._reader.mapping(row, "attributes")
        platform = attributes.get("platform")
        if platform is None:
            self._reader.refusals.missing("platform", "'platform' is not found in payload")
        self._platform(platform, DEVICE_PLATFORMS)
        store = partial(self._state.add_device, customer_id, device_id, attributes)
        return Element("device", customer_id, store, values=attributes)

    def _event(self, row: Row, place: Place, call: Call) -> Element:
        customer_id = self._reader.customer_id(row, place)
        actions = row.get("actions")
        found = (
            [action for action in actions if isinstance(action, dict)] if isinstance(actions, list) else []
        )
        names = [action.get("action") for action in found]
        if not found or not all(isinstance(name, str) and name for name in names):
            text = "'action not found in the payload" if place == "transition" else None
            self._reader.refusals.missing("action", text)
        for action in found:
            moment = _moment(action.get("current_time"))
            if moment is not None and moment >= call.wall + FUTURE:
                self._reader.refusals.wrong("current_time", "in the past")
        store = partial(self._state.add_events, customer_id, found)
        return Element("event", customer_id, store, weight=len(found))

    def _platforms(self, attributes: Row) -> None:
        platforms = attributes.get("platforms")
        if platforms is None:
            return
        for entry in self._reader.rows(attributes, "platforms"):
            self._platform(entry.get("platform"), USER_PLATFORMS)
            if entry.get("active") not in ("true", "false"):
                self._reader.refusals.wrong("platforms", 'active as the text "true" or "false"')

    def _platform(self, platform: Json, known: Sequence[str]) -> None:
        if platform not in known:
            text = "'platform' is not a valid platform."
            self._reader.refusals.refuse("ValueError", text, "platform")


def _moment(value: Json) -> float | None:
    """Seconds since 1970 of an event's time: ISO 8601, or seconds or milliseconds as a number or a text."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if value is None or isinstance(value, bool | list | dict):
            return None
        number = float(value)
        return number if number < 10.0**DIGITS_OF_SECONDS else number / 1000
    except (ValueError, OverflowError):
        return None
