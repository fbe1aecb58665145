"""State put in from outside: JSON of the admin route, and a little for somebody who looks around.

It refuses what it does not understand with a sentence, and then has added nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from netaudience.sandbox.netmera.definitions import Attribute, Event
from netaudience.sandbox.netmera.reads import device_json
from netaudience.sandbox.netmera.state import App, Device, NetmeraState, User
from netaudience.sandbox.protocol import Json, SandboxUsageError

_Row = dict[str, Json]

#: The panel of somebody who looks around: what the documentation's pages write, and what files often have.
_PANEL = [
    *map(Attribute, ("name", "city", "country", "gender", "language", "source", "tier")),
    *(Attribute(code, "INT") for code in ("age", "points")),
    Attribute("score", "DOUBLE"),
    Attribute("vip", "BOOLEAN"),
    Attribute("birthday", "DATE"),
    Attribute("lastSeen", "TIME_STAMP"),
    *(Attribute(code, array=True) for code in ("lastVisitedCategories", "favouriteBrands")),
]
_EVENTS = [
    Event("Purchase", attributes=(Attribute("product"), Attribute("price", "DOUBLE"))),
    Event("Login", standard=True),
]


def seed(state: NetmeraState, document: Json) -> None:
    """Add users, segments, messages, attributes, events, and how the app is set up; raises `ValueError`."""
    if not isinstance(document, dict) or not document:
        raise SandboxUsageError("Netmera is seeded with a JSON object of users, segments and messages.")
    steps: list[Callable[[], object]] = []
    for collection, value in document.items():
        if collection == "app":
            steps.append(_app(state, _row(value, collection)))
        elif not isinstance(value, list):
            raise SandboxUsageError(f"{collection!r} is a list.")
        else:
            steps += _steps(state, collection, value)
    for step in steps:
        step()


def _steps(state: NetmeraState, collection: str, value: list[Json]) -> list[Callable[[], object]]:
    match collection:
        case "users":
            return [_user(state, _row(item, collection)) for item in value]
        case "segments":
            return [_segment(state, _row(item, collection)) for item in value]
        case "messages":
            return [_message(state, item) for item in value]
        case "attributes":
            return [_defined(state, [_attribute(_row(item, collection)) for item in value])]
        case "events":
            return [_raised(state, [_event(_row(item, collection)) for item in value])]
        case "categories":
            names = _Reader({collection: value}, "Netmera").texts(collection)
            return [lambda: state.define_categories(names)]
        case _:
            known = "users, segments, messages, attributes, events, categories and app"
            raise SandboxUsageError(f"Netmera has {known} to seed, not {collection!r}.")


def demo(state: NetmeraState) -> None:
    """What a panel defines, three users, two devices, a segment and a message that waits for approval."""
    _defined(state, _PANEL)()
    _raised(state, _EVENTS)()
    state.define_categories(["Shopping", "Promotion"])
    state.add_user(
        "id1",
        tags=["Sport"],
        profile={"name": "John", "age": 34, "lastVisitedCategories": ["shopping"]},
        email="john.brown@example.com",
        msisdn="+905312345678",
        devices=[Device("token-1"), Device("token-2", "IOS", "iPhone 15", push_permitted=False)],
    )
    state.add_user("id2", profile={"name": "Ada"}, wp_number="+1234567890")
    state.add_user("id3", email="user@example.com")
    state.add_segment(5883, "segment", ["id1", "id2"])
    state.add_message(1)


def user_json(ext_id: str, user: User | None) -> object:
    """A user as the admin route shows it."""
    if user is None:
        return None
    return {
        "extId": ext_id,
        "tags": sorted(user.tags),
        "profile": dict(user.profile),
        "categories": {name: dict(states) for name, states in user.categories.items()},
        "devices": [device_json(device) for device in user.devices],
        "msisdn": user.msisdn,
        "wpNumber": user.wp_number,
        "mailPermitted": user.permissions.get("mail"),
        "smsPermitted": user.permissions.get("sms"),
        "whatsAppPermitted": user.permissions.get("whatsapp"),
        "tracked": user.tracked,
    }


@attrs.frozen
class _Reader:
    """Takes typed values out of one JSON object and refuses what is left over."""

    row: _Row
    what: str

    def text(self, name: str, default: str | None = None) -> str:
        value = self.row.pop(name, default)
        if not isinstance(value, str):
            raise SandboxUsageError(f"{self.what} needs {name!r} as a text.")
        return value

    def maybe_text(self, name: str) -> str | None:
        return self.text(name) if self.row.get(name) is not None else None

    def texts(self, name: str) -> list[str]:
        value = self.row.pop(name, [])
        found = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        if not isinstance(value, list) or len(found) < len(value):
            raise SandboxUsageError(f"{self.what} needs {name!r} as a list of texts.")
        return found

    def whole(self, name: str) -> int:
        return _whole(self.row.pop(name, None), f"{self.what}'s {name!r}")

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.row.pop(name, default)
        if not isinstance(value, bool):
            raise SandboxUsageError(f"{self.what} needs {name!r} as true or false.")
        return value

    def finish(self) -> None:
        if self.row:
            raise SandboxUsageError(f"{self.what} has no {', '.join(map(repr, self.row))}.")


def _user(state: NetmeraState, row: _Row) -> Callable[[], object]:
    reader = _Reader(row, "A user")
    ext_id = reader.text("extId")
    tags, wp_number = reader.texts("tags"), reader.maybe_text("wpNumber")
    email, msisdn = reader.maybe_text("email"), reader.maybe_text("msisdn")
    profile = _row(row.pop("profile", {}), "profile")
    listed = row.pop("devices", [])
    if not isinstance(listed, list):
        raise SandboxUsageError("A user needs 'devices' as a list.")
    devices = [_device(_row(item, "devices")) for item in listed]
    reader.finish()
    return lambda: state.add_user(
        ext_id,
        tags=tags,
        profile=profile,
        devices=devices,
        email=email,
        msisdn=msisdn,
        wp_number=wp_number,
    )


def _device(row: _Row) -> Device:
    reader = _Reader(row, "A device")
    device = Device(
        reader.maybe_text("token"),
        reader.text("platform", "ANDROID"),
        reader.text("deviceModel", "Pixel 5"),
        reader.flag("pushPermitted", default=True),
        reader.flag("installed", default=True),
    )
    reader.finish()
    return device


def _segment(state: NetmeraState, row: _Row) -> Callable[[], object]:
    reader = _Reader(row, "A segment")
    segment_id, name, ext_ids = reader.whole("id"), reader.text("name"), reader.texts("extIds")
    segment_type = reader.text("type", "STANDARD")
    reader.finish()
    return lambda: state.add_segment(segment_id, name, ext_ids, segment_type=segment_type)


def _attribute(row: _Row) -> Attribute:
    reader = _Reader(row, "An attribute")
    attribute = Attribute(
        reader.text("code"),
        reader.text("dataType", "STRING"),
        reader.flag("array", default=False),
        reader.text("name", ""),
        reader.flag("mandatory", default=False),
    )
    reader.finish()
    return attribute


def _event(row: _Row) -> Event:
    listed = row.pop("attributes", [])
    reader = _Reader(row, "An event")
    if not isinstance(listed, list):
        raise SandboxUsageError("An event needs 'attributes' as a list.")
    attributes = tuple(_attribute(_row(item, "attributes")) for item in listed)
    event = Event(
        reader.text("code"), reader.text("name", ""), attributes, reader.flag("standard", default=False)
    )
    reader.finish()
    return event


def _defined(state: NetmeraState, attributes: list[Attribute]) -> Callable[[], object]:
    def add() -> None:
        state.attributes = {**(state.attributes or {}), **{each.code: each for each in attributes}}

    return add


def _raised(state: NetmeraState, events: list[Event]) -> Callable[[], object]:
    def add() -> None:
        state.event_definitions = {**(state.event_definitions or {}), **{each.code: each for each in events}}

    return add


def _app(state: NetmeraState, row: _Row) -> Callable[[], object]:
    """How the app is set up, by the names of `App`."""
    known: dict[str, type[object]] = {name: type(value) for name, value in attrs.asdict(App()).items()}
    for name, value in row.items():
        if name not in known:
            raise SandboxUsageError(f"An app has no {name!r}; it has {', '.join(known)}.")
        wanted = known[name]
        if not isinstance(value, wanted) and not (wanted is float and type(value) is int):
            raise SandboxUsageError(f"An app's {name!r} is a {wanted.__name__}.")

    def change() -> None:
        for name, value in row.items():
            setattr(state.app, name, value)

    return change


def _message(state: NetmeraState, item: Json) -> Callable[[], object]:
    message_id = _whole(item, "A message")
    return lambda: state.add_message(message_id)


def _whole(value: Json, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SandboxUsageError(f"{what} is a whole number.")
    return value


def _row(value: Json, collection: str) -> _Row:
    if not isinstance(value, dict):
        raise SandboxUsageError(f"Every entry of {collection!r} is a JSON object.")
    return dict(value)
