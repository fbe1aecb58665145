"""The sandbox without its sockets: vendors, routes, faults, meters and the ledger.

It decides which handler serves a route and what a run is judged by; it refuses to guess, and a
route that nobody serves stays visible as one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import attrs

from netaudience.sandbox.clevertap import CleverTap
from netaudience.sandbox.faults import Fault, FaultPlan
from netaudience.sandbox.invariants import CheckReport, examine
from netaudience.sandbox.ledger import Ledger, Place
from netaudience.sandbox.limits import Meter
from netaudience.sandbox.netmera import Netmera
from netaudience.sandbox.words import (
    Credentials,
    Operation,
    Route,
    SandboxLimits,
    SandboxUsageError,
    Vendor,
)


@attrs.frozen
class Served:
    """An operation with the vendor that serves it."""

    vendor: Vendor
    operation: Operation

    @property
    def place(self) -> Place:
        """Where the ledger counts this operation's requests."""
        return self.vendor.name, self.operation.name


@attrs.frozen
class Endpoint:
    """A mounted route, and who serves it, if anybody does."""

    route: Route
    served: Served | None

    @property
    def names(self) -> tuple[str, ...]:
        """What the operation may be called: the caller's label, the vendor's name, and that in snake_case."""
        label = self.route.operation
        if self.served is None:
            return (label,)
        name = self.served.operation.name
        return (label, name, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


class SandboxCore:
    """Everything that a sandbox is, apart from the port it listens on."""

    def __init__(  # noqa: PLR0913 - every argument is one independent setting
        self,
        routes: Iterable[Route] | None = None,
        *,
        faults: Iterable[Fault | str] = (),
        seed: int = 0,
        limits: Mapping[str, SandboxLimits] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        order_attribute: str | None = None,
        credentials: Credentials | None = None,
        known_categories: Iterable[str] | None = None,
        demo: bool = False,
    ) -> None:
        """Set up a sandbox.

        `routes` are the caller's operations (None: all that have a handler), `limits` are by
        vendor, `order_attribute` is watched for values that fall, `known_categories` are Netmera's
        (None: every category is known), `demo` adds a little state to explore.
        """
        credentials = credentials or Credentials()
        self.netmera = Netmera(credentials.netmera_keys, known_categories)
        self.clevertap = CleverTap(credentials.clevertap_passcodes)
        vendors: tuple[Vendor, ...] = (self.netmera, self.clevertap)
        self.vendors: Mapping[str, Vendor] = {vendor.name: vendor for vendor in vendors}
        self.host = host
        self._wanted_port = port
        self._seed = seed
        self._order_attribute = order_attribute
        self._demo = demo
        self._limits = {name: vendor.limits for name, vendor in self.vendors.items()}
        for name, vendor_limits in (limits or {}).items():
            self._limits[self.vendor(name).name] = vendor_limits
        self.endpoints = self._mount(routes)
        self.ledger = Ledger(order_attribute)
        self.started = time.monotonic()
        self._meters: dict[tuple[str, str, str], Meter] = {}
        self.plan = FaultPlan((), seed)
        self.set_faults(faults)
        self.reset()

    def vendor(self, name: str) -> Vendor:
        """The vendor of that name; raises `ValueError` with a sentence."""
        vendor = self.vendors.get(name)
        if vendor is None:
            raise ValueError(f"The sandbox has no vendor {name!r}; it has {', '.join(self.vendors)}.")
        return vendor

    def unserved(self) -> tuple[Route, ...]:
        """The mounted routes that no handler serves: each answers 501."""
        return tuple(point.route for point in self.endpoints if point.served is None)

    def limits_of(self, vendor: str) -> SandboxLimits:
        """The limits that one account of a vendor has."""
        return self._limits[self.vendor(vendor).name]

    def meter(self, served: Served, account: str) -> Meter:
        """The meter that counts an account's requests."""
        key = (served.vendor.name, self._scope(served), account)
        if key not in self._meters:
            self._meters[key] = Meter(self._limits[served.vendor.name])
        return self._meters[key]

    def set_faults(self, faults: Iterable[Fault | str]) -> None:
        """Replace the faults; their requests are counted anew."""
        given = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        for fault in given:
            if fault.vendor is not None:
                self.vendor(fault.vendor)
        self.plan = FaultPlan(given, self._seed)

    def reset(self) -> None:
        """Forget state, requests, counts and peaks; routes, limits and faults stay."""
        for vendor in self.vendors.values():
            vendor.reset()
            if self._demo:
                vendor.demo()
        self.ledger = Ledger(self._order_attribute)
        self._meters.clear()
        self.plan = FaultPlan(self.plan.faults, self._seed)

    def check(self, vendor: str, operation: str, expected: Iterable[str] | None = None) -> CheckReport:
        """Judge what reached an operation; `expected` are the keys that should have been applied.

        `operation` is the vendor's name or the route's label; raises `ValueError` for another one.
        """
        self.vendor(vendor)
        points = [point for point in self.endpoints if point.route.vendor == vendor]
        for point in points:
            if operation in point.names and point.served is not None:
                return self._judge(point.served, expected)
        known = [point.route.operation for point in points if point.served is not None]
        nearest = ", ".join(get_close_matches(operation, known, n=1, cutoff=0.0)) or "none"
        raise SandboxUsageError(f"{vendor} serves no operation {operation!r}; the nearest is {nearest}.")

    def _judge(self, served: Served, expected: Iterable[str] | None) -> CheckReport:
        scope = (served.vendor.name, self._scope(served))
        meters = [meter for key, meter in self._meters.items() if key[:2] == scope]
        return examine(self.ledger, meters, served.place, expected)

    def _scope(self, served: Served) -> str:
        """What an account's allowance is for: one operation, or everything."""
        return served.operation.name if served.vendor.limits_per_operation else ""

    def _mount(self, routes: Iterable[Route] | None) -> Sequence[Endpoint]:
        handlers = {
            (vendor.name, operation.method, operation.path): Served(vendor, operation)
            for vendor in self.vendors.values()
            for operation in vendor.operations
        }
        if routes is None:
            routes = [
                Route(name, served.operation.name, method, path)
                for (name, method, path), served in handlers.items()
            ]
        return tuple(
            Endpoint(route, handlers.get((route.vendor, route.method, route.path))) for route in routes
        )
