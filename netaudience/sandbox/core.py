"""The sandbox without its sockets: vendors, routes, faults, meters, the ledger and the clock.

It decides which handler serves a route and what a run is judged by; it refuses to guess, and a
route that nobody serves stays visible as one.
"""

from __future__ import annotations

import re
from collections import abc
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

import attrs

import netaudience.sandbox
from netaudience.sandbox.clevertap import CleverTap
from netaudience.sandbox.clock import Clock, Effects
from netaudience.sandbox.faults import Fault, FaultPlan
from netaudience.sandbox.fynd import Fynd
from netaudience.sandbox.invariants import CheckReport, examine
from netaudience.sandbox.iterable import Iterable
from netaudience.sandbox.ledger import Ledger, Place
from netaudience.sandbox.limits import Meter
from netaudience.sandbox.moengage import MoEngage
from netaudience.sandbox.netmera import Netmera
from netaudience.sandbox.protocol import (
    Credentials,
    Operation,
    Route,
    SandboxLimits,
    SandboxUsageError,
    Setup,
    Vendor,
)

V = TypeVar("V")


@attrs.frozen
class Served:
    """An operation with the vendor that serves it."""

    vendor: Vendor
    operation: Operation

    @property
    def place(self) -> Place:
        """Where the ledger counts this operation's requests."""
        return self.vendor.name, self.operation.name

    @property
    def allowance(self) -> str:
        """What an account's allowance is for: some operations, this one, or everything ("")."""
        own = self.vendor.limits_per_operation or self.operation.limits is not None
        return self.operation.allowance or (self.operation.name if own else "")


@attrs.frozen
class Endpoint:
    """One method and path: what its callers call it, and who serves it, if anybody does."""

    routes: tuple[Route, ...]
    served: Served | None

    @property
    def vendor(self) -> str:
        """The vendor's name."""
        return self.routes[0].vendor

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.routes[0].method

    @property
    def path(self) -> str:
        """The path's template under the vendor's base URL, with the names that the handler reads."""
        return self.routes[0].path if self.served is None else self.served.operation.path

    @property
    def commands(self) -> tuple[str, ...]:
        """What its callers' command calls it; empty where they did not say, as for a token's route."""
        own = None if self.served is None else self.served.operation.name
        labels = (route.operation for route in self.routes if route.operation != own)
        return tuple(label.replace("_", "-") for label in labels)

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: its callers' labels, the vendor's name, and that in snake_case."""
        labels = tuple(route.operation for route in self.routes)
        if self.served is None:
            return labels
        name = self.served.operation.name
        return (*labels, name, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


class SandboxCore:
    """Everything that a sandbox is, apart from the port it listens on."""

    def __init__(  # noqa: PLR0913 - every argument is one independent setting
        self,
        routes: abc.Iterable[Route] | None = None,
        *,
        faults: abc.Iterable[Fault | str] = (),
        seed: int = 0,
        limits: Mapping[str, SandboxLimits] | None = None,
        delay: Mapping[str, float] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        order_attribute: str | None = None,
        credentials: Credentials | None = None,
        known_categories: abc.Iterable[str] | None = None,
        demo: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Set up a sandbox.

        `routes` are the caller's operations (None: all that have a handler), `limits` replace the
        documented ones of a vendor ("iterable") or of one of its allowances ("iterable/forget"),
        `delay` is by vendor the seconds until what was accepted shows, `order_attribute` is watched
        for values that fall, `known_categories` are Netmera's (None: every category is known),
        `demo` adds a little state to explore, `clock` counts the windows (None: real time).
        """
        self.clock = clock or Clock()
        self.effects = Effects(self.clock)
        setup = Setup(credentials or Credentials(), known_categories, self.clock.now)
        self.callbacks = setup.callbacks
        self.vendors: Mapping[str, Vendor] = {vendor.name: vendor for vendor in self._make_vendors(setup)}
        self.host = host
        self._wanted_port = port
        self._seed = seed
        self._order_attribute = order_attribute
        self._demo = demo
        self._served = [
            Served(vendor, operation) for vendor in self.vendors.values() for operation in vendor.operations
        ]
        self._limits = self._table_of_limits(limits or {})
        self.endpoints = self._mount(routes)
        self.ledger = Ledger(order_attribute)
        self._meters: dict[tuple[str, str, str], Meter] = {}
        self.plan = FaultPlan((), seed)
        self.set_delay(delay or {})
        self.set_faults(faults)
        self.reset()

    @property
    def netmera(self) -> Netmera:
        """Netmera's state as of now."""
        return self._state(Netmera)

    @property
    def iterable(self) -> Iterable:
        """Iterable's state as of now."""
        return self._state(Iterable)

    @property
    def clevertap(self) -> CleverTap:
        """CleverTap's state as of now."""
        return self._state(CleverTap)

    @property
    def moengage(self) -> MoEngage:
        """MoEngage's state as of now."""
        return self._state(MoEngage)

    @property
    def fynd(self) -> Fynd:
        """Fynd's state as of now."""
        return self._state(Fynd)

    def vendor(self, name: str) -> Vendor:
        """The vendor of that name with its state as of now; raises `ValueError` with a sentence."""
        vendor = self.vendors.get(name)
        if vendor is None:
            raise SandboxUsageError(f"The sandbox has no vendor {name!r}; it has {', '.join(self.vendors)}.")
        self.effects.settle()
        return vendor

    def unserved(self) -> tuple[Route, ...]:
        """The mounted routes that no handler serves: each answers 501."""
        return tuple(route for point in self.endpoints if point.served is None for route in point.routes)

    def limits_of(self, vendor: str, allowance: str = "") -> SandboxLimits:
        """The limits that one account of a vendor has for one of its allowances."""
        return self._limits[self.vendor(vendor).name, allowance]

    def allowances(self, vendor: str) -> Sequence[str]:
        """What a vendor's accounts have limits for, each apart; "" is everything that has none of its own."""
        return [allowance for name, allowance in self._limits if name == vendor]

    def meters(self) -> Mapping[tuple[str, str, str], Meter]:
        """The meters in use by vendor, allowance and account."""
        return self._meters

    def meter(self, served: Served, account: str) -> Meter:
        """The meter that counts an account's requests."""
        key = (served.vendor.name, served.allowance, account)
        if key not in self._meters:
            self._meters[key] = Meter(self._limits[key[:2]])
        return self._meters[key]

    def now(self) -> float:
        """The sandbox's clock: seconds since it was made, and those by which it was advanced."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Let a number of seconds pass at once: for windows, delays and the lifetimes of tokens."""
        self.clock.advance(seconds)
        self.effects.settle()

    def set_delay(self, delay: Mapping[str, float]) -> None:
        """Delay what these vendors accept from now on; the other vendors stay as they are."""
        for name in delay:
            self.vendor(name)
        for name, seconds in delay.items():
            self.effects.set_delay(name, seconds)

    def pending(self) -> Mapping[str, int]:
        """How many accepted changes do not show yet, by vendor."""
        self.effects.settle()
        return {name: self.effects.pending(name) for name in self.vendors}

    def set_faults(self, faults: abc.Iterable[Fault | str]) -> None:
        """Replace the faults; their requests are counted anew."""
        given = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        for fault in given:
            if fault.vendor is not None:
                self.vendor(fault.vendor)
        self.plan = FaultPlan(given, self._seed)

    def reset(self) -> None:
        """Forget state, requests, counts and peaks; routes, limits, faults, delays and the clock stay."""
        self.effects.clear()
        self.callbacks.clear()
        for vendor in self.vendors.values():
            vendor.reset()
            if self._demo:
                vendor.demo()
        self.ledger = Ledger(self._order_attribute)
        self._meters.clear()
        self.plan = FaultPlan(self.plan.faults, self._seed)

    def check(self, vendor: str, operation: str, expected: abc.Iterable[str] | None = None) -> CheckReport:
        """Judge what reached an operation; `expected` are the keys that should have been applied.

        `operation` is the vendor's name or the route's label; raises `ValueError` for another one.
        """
        self.vendor(vendor)
        points = [point for point in self.endpoints if point.vendor == vendor]
        for point in points:
            if operation in point.names and point.served is not None:
                return self._judge(point.served, expected)
        known = [name for point in points if point.served is not None for name in point.names]
        nearest = ", ".join(get_close_matches(operation, known, n=1, cutoff=0.0)) or "none"
        raise SandboxUsageError(f"{vendor} serves no operation {operation!r}; the nearest is {nearest}.")

    def _make_vendors(self, setup: Setup) -> abc.Iterable[Vendor]:
        """Make all vendors: each folder beside this file is one, with a function ``make``."""
        for room in iter_modules(netaudience.sandbox.__path__):
            if room.ispkg:
                yield import_module(f"netaudience.sandbox.{room.name}").make(setup)

    def _state(self, kind: type[V]) -> V:
        """A vendor by its class, with its state as of now."""
        self.effects.settle()
        return next(vendor for vendor in self.vendors.values() if isinstance(vendor, kind))

    def _judge(self, served: Served, expected: abc.Iterable[str] | None) -> CheckReport:
        scope = (served.vendor.name, served.allowance)
        meters = [meter for key, meter in self._meters.items() if key[:2] == scope]
        return examine(self.ledger, meters, served.place, expected)

    def _table_of_limits(self, replaced: Mapping[str, SandboxLimits]) -> dict[tuple[str, str], SandboxLimits]:
        """The limits by vendor and allowance: the nearest replacement, or what is documented."""
        documented = {(name, ""): vendor.limits for name, vendor in self.vendors.items()}
        for served in self._served:
            own = served.operation.limits
            place = (served.vendor.name, served.allowance)
            limits = served.vendor.limits if own is None else own
            if documented.setdefault(place, limits) != limits:
                raise SandboxUsageError(f"The operations of {'/'.join(place)} disagree on their limits.")
        known = {name if not allowance else f"{name}/{allowance}" for name, allowance in documented}
        for name in replaced:
            if name not in known:
                vendor = self.vendor(name.partition("/")[0]).name
                own_names = ", ".join(sorted(each for each in known if each.partition("/")[0] == vendor))
                raise SandboxUsageError(f"The sandbox has no limits {name!r}; {vendor} has {own_names}.")
        return {
            (name, allowance): replaced.get(f"{name}/{allowance}", replaced.get(name, limits))
            for (name, allowance), limits in documented.items()
        }

    def _mount(self, routes: abc.Iterable[Route] | None) -> Sequence[Endpoint]:
        handlers: dict[tuple[str, str, str], Served] = {}
        for served in self._served:
            name, operation = served.vendor.name, served.operation
            handlers[name, operation.method, _shape(operation.path)] = served
        wanted = None if routes is None else list(routes)
        vendors = {route.vendor for route in wanted or ()}
        documented = [
            Route(name, served.operation.name, method, served.operation.path)
            for (name, method, _), served in handlers.items()
            # A token route is no operation of anybody's, and without it no client could log in.
            if wanted is None or (served.operation.public and name in vendors)
        ]
        places: dict[tuple[str, str, str], list[Route]] = {}
        for route in (*(wanted or ()), *documented):
            places.setdefault((route.vendor, route.method, _shape(route.path)), []).append(route)
        return tuple(Endpoint(tuple(group), handlers.get(place)) for place, group in places.items())


def _shape(path: str) -> str:
    """A path's template without its query, whatever its parameters are called."""
    return re.sub(r"\{[^{}]*\}", "{}", path.partition("?")[0])
