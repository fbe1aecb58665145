"""Users and settings of the Iterable sandbox put in from outside, as JSON.

It refuses what it does not understand with a sentence, before it has changed anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias, TypeVar

from netaudience.sandbox.iterable.fields import Identity
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState, PushDevice
from netaudience.sandbox.protocol import Json, SandboxUsageError

Value = TypeVar("Value")
_SWITCHES = {"createNewFields": "create_new_fields", "singleSubscriptions": "single_subscriptions"}
_Step: TypeAlias = Callable[[], None]


def seed(state: IterableState, manners: Manners, document: Json) -> None:
    """Add users and forgotten ones, and change settings; raises `ValueError`."""
    if not isinstance(document, dict) or not document:
        raise SandboxUsageError("Iterable is seeded with a JSON object of users, forgotten and settings.")
    steps: list[_Step] = []
    # The project's type decides how users are found, so it is set before they are added.
    for name, value in sorted(document.items(), key=lambda item: item[0] != "project"):
        match name:
            case "users":
                steps += [_user(state, row) for row in _rows(value, name)]
            case "forgotten":
                steps += [partial(_forget, state, text) for text in _list(value, str, name)]
            case "answers" if isinstance(value, dict):
                steps += [_manner(manners, manner, wanted) for manner, wanted in value.items()]
            case _:
                steps.append(_setting(state, name, value))
    for step in steps:
        step()


def demo(state: IterableState) -> None:
    """Two users, a device and a list."""
    fields: dict[str, Json] = {"name": "John", "mySettings": {"mobile": True}}
    device = PushDevice("token-1", "APNS", "Pizza Tracker")
    _add_user(state, Identity("john.brown@example.com", "id1"), fields, [device], [1])
    _add_user(state, Identity("user@example.com"), {"name": "Ada"}, [], [])


def _setting(state: IterableState, name: str, value: Json) -> _Step:
    match name, value:
        case "project", ("email" | "userId" | "hybrid") as project:

            def step() -> None:
                state.project = project

        case ("createNewFields" | "singleSubscriptions") as switch, bool() as wanted:

            def step() -> None:
                setattr(state, _SWITCHES[switch], wanted)

        case "lists", None | list():
            known = None if value is None else frozenset(_list(value, int, name))

            def step() -> None:
                state.known_lists = known

        case "disallowedEvents", list():
            disallowed = frozenset(_list(value, str, name))

            def step() -> None:
                state.disallowed_events = disallowed

        case _:
            raise SandboxUsageError(
                "Iterable is seeded with users, forgotten, project (email, userId, hybrid), createNewFields,"
                f" singleSubscriptions, lists, disallowedEvents and answers; {name!r} is none of them, or has"
                " a wrong value."
            )
    return step


def _manner(manners: Manners, name: str, value: Json) -> _Step:
    match name, value:
        case "params", ("null" | "absent" | "filled") as params:

            def step() -> None:
                manners.params = params

        case "style", ("current" | "legacy") as style:

            def step() -> None:
                manners.style = style

        case "failCount", None | int():
            claimed = None if value is None else int(value)

            def step() -> None:
                manners.fail_count = claimed

        case _:
            raise SandboxUsageError(
                "Iterable's answers have params (null, absent, filled), style (current, legacy) and"
                f" failCount (a number or null); {name!r} is none of them or has a wrong value."
            )
    return step


def _user(state: IterableState, row: dict[str, Json]) -> _Step:
    email, user_id, data_fields = row.get("email"), row.get("userId"), row.get("dataFields") or {}
    identity = Identity(
        email if isinstance(email, str) else None, user_id if isinstance(user_id, str) else None
    )
    known = {"email", "userId", "dataFields", "devices", "lists"}
    nameless = identity == Identity() or identity.malformed is not None
    if nameless or not isinstance(data_fields, dict) or not known.issuperset(row):
        raise SandboxUsageError(
            f"An Iterable user has {', '.join(sorted(known))}, and an email or a userId that are well formed."
        )
    devices = [_device(device) for device in _rows(row.get("devices") or [], "devices")]
    lists = _list(row.get("lists") or [], int, "lists")
    return partial(_add_user, state, identity, data_fields, devices, lists)


def _device(row: dict[str, Json]) -> PushDevice:
    texts = [row.get(name) for name in ("token", "platform", "applicationName")]
    token, platform, application_name = (text if isinstance(text, str) else "" for text in texts)
    if not token or not platform or not application_name:
        raise SandboxUsageError("An Iterable device has a token, a platform and an applicationName.")
    return PushDevice(token, platform, application_name)


def _add_user(
    state: IterableState,
    identity: Identity,
    data_fields: dict[str, Json],
    devices: Iterable[PushDevice],
    lists: Iterable[int],
) -> None:
    profile = state.upsert(identity)
    if profile is None:
        raise SandboxUsageError("A user to seed was forgotten, or has the identifiers of two others.")
    state.schema.update(state.judge(data_fields, create=True, new={}).new)
    state.store(profile, data_fields, merge=False)
    for device in devices:
        state.add_device(profile, device)
    profile.lists.update(lists)


def _forget(state: IterableState, text: str) -> None:
    identity = Identity(email=text) if "@" in text else Identity(user_id=text)
    profile = state.forget(identity)
    state.remove([] if profile is None else [profile])


def _rows(value: Json, name: str) -> list[dict[str, Json]]:
    rows = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(rows) < len(value):
        raise SandboxUsageError(f"{name!r} is a list of JSON objects.")
    return rows


def _list(value: Json, kind: type[Value], name: str) -> list[Value]:
    found = [item for item in value if isinstance(item, kind)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(found) < len(value):
        raise SandboxUsageError(f"{name!r} is a list, and every entry of it is of one kind.")
    return found
