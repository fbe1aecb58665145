"""The vendors' documents read a second time, as a server: what a client is tested against.

It listens on a real port, keeps state, counts limits strictly and fails on demand. It imports
nothing of the library outside this package, or the two would agree with themselves.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaudience.sandbox.background import BackgroundSandbox
    from netaudience.sandbox.faults import Fault
    from netaudience.sandbox.invariants import Check, CheckReport
    from netaudience.sandbox.netmera.state import Device
    from netaudience.sandbox.protocol import Credentials, Route, SandboxLimits, Window
    from netaudience.sandbox.server import Sandbox, serve

__all__ = [
    "BackgroundSandbox",
    "Check",
    "CheckReport",
    "Credentials",
    "Device",
    "Fault",
    "Route",
    "Sandbox",
    "SandboxLimits",
    "Window",
    "serve",
]

_HOMES = {
    "BackgroundSandbox": "background",
    "Check": "invariants",
    "CheckReport": "invariants",
    "Credentials": "protocol",
    "Device": "netmera.state",
    "Fault": "faults",
    "Route": "protocol",
    "Sandbox": "server",
    "SandboxLimits": "protocol",
    "Window": "protocol",
    "serve": "server",
}


def __getattr__(name: str) -> object:
    # The pytest plugin is imported by every pytest of an environment that has this package:
    # aiohttp's server, most of the import's cost, is loaded only when somebody uses it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
