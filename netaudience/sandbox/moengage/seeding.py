"""Users and settings of the MoEngage sandbox put in from outside, as JSON.

It refuses what it does not understand with a sentence, before it has changed anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from netaudience.sandbox.protocol import Json, SandboxUsageError

if TYPE_CHECKING:
    from netaudience.sandbox.moengage import MoEngage

_Step: TypeAlias = Callable[[], None]


def seed(moengage: MoEngage, document: dict[str, Json]) -> None:
    """Add `{"users": [...]}` and change settings; raises `ValueError`."""
    steps: list[_Step] = []
    for name, value in document.items():
        match name, value:
            case "users", list():
                steps += [_user(moengage, row) for row in value]
            case "files", dict():
                steps += [partial(_file, moengage, url, text) for url, text in value.items()]
            case _:
                steps.append(_setting(moengage, name, value))
    for step in steps:
        step()


def _file(moengage: MoEngage, url: str, text: Json) -> None:
    moengage.files[url] = str(text)


def _user(moengage: MoEngage, row: Json) -> _Step:
    match row:
        case {"customer_id": str() as customer_id, **rest} if customer_id:
            attributes, devices = rest.pop("attributes", {}), rest.pop("devices", {})
            if isinstance(attributes, dict) and isinstance(devices, dict) and not rest:
                known = {name: device for name, device in devices.items() if isinstance(device, dict)}

                def step() -> None:
                    moengage.write(customer_id, attributes, existing_only=False)
                    for name, device in known.items():
                        moengage.add_device(customer_id, name, device)

                return step
        case _:
            pass
    raise SandboxUsageError("A MoEngage user has a customer_id, attributes, and devices by their ids.")


def _setting(moengage: MoEngage, name: str, value: Json) -> _Step:
    match name, value:
        case "suspended", (
            None | "BlockedClient" | "Account Suspended" | "Account Temporarily Suspended" | "Blacklisted"
        ) as suspended:

            def step() -> None:
                moengage.suspended = suspended

        case "identifiers", list():
            identifiers = tuple(str(item) for item in value)

            def step() -> None:
                moengage.identifiers = identifiers

        case "unset_attributes", bool():

            def step() -> None:
                moengage.unset_attributes = value

        case _:
            raise SandboxUsageError(
                "MoEngage is seeded with users, files (texts by URL), identifiers (attribute names),"
                " unset_attributes (true or false) and suspended (a type of its refusals, or null);"
                f" {name!r} is none of them or has a wrong value."
            )
    return step
