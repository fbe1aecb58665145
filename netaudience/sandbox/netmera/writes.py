"""Netmera's 22 writes of the page: a body is checked whole, then accepted whole, or nothing of it is.

Checks of the body's shape come first; what depends on the state is checked when the request is
accepted, where no other request can come between. What was accepted is the change's effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from netaudience.sandbox.answers import Answer
from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import Channel, NetmeraState
from netaudience.sandbox.words import Call, Change, Json

Profile = TypeVar("Profile")

EMPTY = Answer()

CHANNELS = ("MOBILE", "SMS", "EMAIL", "WHATS_APP", "IN_APP", "WEB")
#: One mapping for all users, because a row without a channel sets them all.
_EVERY_CHANNEL: Mapping[bool, Mapping[str, bool]] = {
    state: MappingProxyType(dict.fromkeys(CHANNELS, state)) for state in (True, False)
}


def accepted(
    keys: Sequence[str],
    effect: Callable[[], None],
    values: Sequence[tuple[str, Mapping[str, Json]]] = (),
    require: Callable[[], None] | None = None,
) -> Change:
    """A write that answers 200 without a body and takes effect later; `require` may still refuse it."""

    def apply() -> Answer:
        if require is not None:
            require()
        return EMPTY

    return Change(keys, apply, values, effect=effect)


class Writes:
    """The writes on one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def delete_users(self, call: Call) -> Change:
        """Remove users with all they have."""
        ext_ids = _ext_ids(fields.record(call))

        def effect() -> None:
            for ext_id in ext_ids:
                self._state.remove_user(ext_id)

        return accepted(ext_ids, effect)

    def push(self, call: Call, *, permitted: bool) -> Change:
        """Permit push to a user's devices, or to one device."""
        body = fields.record(call)
        name = _one_selector(body, "extId", "deviceToken")
        key = fields.text(body, name)

        def effect() -> None:
            if name == "extId":
                user = self._state.users.get(key)
                devices = () if user is None else user.devices
            else:
                device = self._state.devices.get(key)
                devices = () if device is None else (device,)
            for device in devices:
                device.push_permitted = permitted

        return accepted([key], effect)

    def tag(self, call: Call, *, add: bool) -> Change:
        """Add tags to users, or remove them."""
        body = fields.record(call)
        one_or_more = fields.present(body, "tag")
        many = isinstance(one_or_more, list)
        tags = frozenset(fields.texts(body, "tag") if many else [fields.text(body, "tag")])
        ext_ids = _ext_ids(body)

        def effect() -> None:
            state = self._state
            after: dict[frozenset[str], frozenset[str]] = {}
            for ext_id in ext_ids:
                user = state.user(ext_id) if add else state.users.get(ext_id)
                if user is None:
                    continue
                before = user.tags
                if before not in after:
                    after[before] = state.shared_tags(before | tags if add else before - tags)
                user.tags = after[before]

        return accepted(ext_ids, effect)

    def category_preferences(self, call: Call) -> Change:
        """Set permissions by category; unknown categories and channels are skipped."""
        rows: list[tuple[str, str, bool, str | None]] = []
        for row in fields.records(call):
            channel = fields.text(row, "channel") if row.get("channel") is not None else None
            ext_id, category = fields.text(row, "extId"), fields.text(row, "category")
            rows.append((ext_id, category, fields.flag(row, "enable"), channel))
        ext_ids = [row[0] for row in rows]
        fields.count_ids(ext_ids)

        def effect() -> None:
            for ext_id, category, enable, channel in rows:
                known_channel = channel is None or channel.upper() in CHANNELS
                if not known_channel or not self._state.knows_category(category):
                    continue
                user = self._state.user(ext_id)
                states = _EVERY_CHANNEL[enable]
                if channel is not None:
                    states = {**user.categories.get(category, {}), channel.upper(): enable}
                user.categories = {**user.categories, category: states}

        return accepted(ext_ids, effect)

    def set_attributes(self, call: Call) -> Change:
        """Set attributes, and leave the others."""
        rows = _profile_rows(call, fields.mapping)

        def effect() -> None:
            for ext_id, profile in rows:
                user = self._state.user(ext_id)
                user.profile = {**user.profile, **profile}

        return accepted([ext_id for ext_id, _ in rows], effect, rows)

    def unset_attributes(self, call: Call) -> Change:
        """Remove attributes."""
        rows = _profile_rows(call, fields.texts)

        def effect() -> None:
            for ext_id, names in rows:
                user = self._state.users.get(ext_id)
                if user is not None:
                    user.profile = _without(user.profile, names)

        return accepted([ext_id for ext_id, _ in rows], effect)

    def push_values(self, call: Call) -> Change:
        """Append values to array attributes."""
        rows = _profile_rows(call, _arrays)

        def effect() -> None:
            for ext_id, arrays in rows:
                user = self._state.user(ext_id)
                appended: dict[str, Json] = {
                    name: [*_array(user.profile, name), *values]
                    for name, values in arrays.items()
                    # It was an array when this was accepted; another write may have come between.
                    if isinstance(user.profile.get(name, []), list)
                }
                user.profile = {**user.profile, **appended}

        keys = [ext_id for ext_id, _ in rows]
        values: list[tuple[str, dict[str, Json]]] = [(key, {**arrays}) for key, arrays in rows]
        return accepted(keys, effect, values, lambda: self._require_arrays(rows))

    def pull_values(self, call: Call) -> Change:
        """Remove values from array attributes."""
        rows = _profile_rows(call, _arrays)

        def effect() -> None:
            for ext_id, arrays in rows:
                user = self._state.users.get(ext_id)
                if user is None:
                    continue
                left: dict[str, Json] = {
                    name: [value for value in _array(user.profile, name) if not _among(value, gone)]
                    for name, gone in arrays.items()
                    if isinstance(user.profile.get(name), list)
                }
                user.profile = {**user.profile, **left}

        return accepted([ext_id for ext_id, _ in rows], effect, (), lambda: self._require_arrays(rows))

    def delete_attributes(self, call: Call) -> Change:
        """Remove attributes from all users."""
        names = [name for row in fields.records(call) for name in fields.texts(row, "profile")]

        def effect() -> None:
            for user in self._state.users.values():
                user.profile = _without(user.profile, names)

        return accepted(names, effect)

    def delete_attribute_value(self, call: Call) -> Change:
        """Remove one value of an attribute from all users."""
        rows = [
            (fields.text(row, "key"), fields.text(row, "value", may_be_empty=True))
            for row in fields.records(call)
        ]

        def effect() -> None:
            for user in self._state.users.values():
                for name, value in rows:
                    stored = user.profile.get(name)
                    if isinstance(stored, list) and value in stored:
                        left: list[Json] = [item for item in stored if item != value]
                        user.profile = {**user.profile, name: left}
                    elif stored == value:
                        user.profile = {k: v for k, v in user.profile.items() if k != name}

        return accepted([name for name, _ in rows], effect)

    def push_approval(self, call: Call) -> Change:
        """Approve messages, each once."""
        ids: list[int] = []
        for row in fields.records(call):
            message_id = fields.present(row, "messageId")
            if not isinstance(message_id, int) or isinstance(message_id, bool):
                raise fields.mismatch("messageId", "number")
            ids.append(message_id)

        def apply() -> Answer:
            messages = self._state.messages
            for message_id in ids:
                if message_id not in messages:
                    text = "Message with given messageId could not be found"
                    raise fields.refusal(fields.NO_MESSAGE, text)
                if messages[message_id]:
                    text = "Status of this message is not draft"
                    raise fields.refusal(fields.NOT_DRAFT, text)
            messages.update(dict.fromkeys(ids, True))
            return EMPTY

        return Change([str(message_id) for message_id in ids], apply)

    def permission(
        self,
        call: Call,
        *,
        channel: Channel,
        addresses: str,
        permitted: bool,
        both: bool = False,
    ) -> Change:
        """Permit or forbid a channel; `both` where the documents' sample sends both selectors."""
        body = fields.record(call)
        given = [name for name in ("extIds", addresses) if body.get(name) is not None]
        if not both or not given:
            given = [_one_selector(body, "extIds", addresses)]
        ext_ids = _ext_ids(body) if "extIds" in given else []
        chosen = fields.texts(body, addresses) if addresses in given else []

        def effect() -> None:
            for ext_id in ext_ids:
                user = self._state.user(ext_id)
                match channel:
                    case "mail":
                        user.mail_permitted = permitted
                    case "sms":
                        user.sms_permitted = permitted
                    case "whatsapp":
                        user.whatsapp_permitted = permitted
            self._state.addresses[channel].update(dict.fromkeys(chosen, permitted))

        return accepted([*ext_ids, *chosen], effect)

    def update_email(self, call: Call) -> Change:
        """Replace the e-mail; an empty one changes nothing."""
        body = fields.record(call)
        ext_id = fields.text(body, "extId")
        email = fields.text(body, "email", may_be_empty=True)

        def effect() -> None:
            if email:
                user = self._state.user(ext_id)
                user.profile = {**user.profile, "email": email}

        return accepted([ext_id], effect)

    def update_msisdn(self, call: Call) -> Change:
        """Replace the number; an empty one is stored."""
        body = fields.record(call)
        ext_id = fields.text(body, "extId")
        msisdn = fields.text(body, "msisdn", may_be_empty=True)

        def effect() -> None:
            self._state.user(ext_id).msisdn = msisdn

        return accepted([ext_id], effect)

    def update_whatsapp(self, call: Call) -> Change:
        """Replace the WhatsApp numbers; an empty list is stored."""
        body = fields.record(call)
        ext_id = fields.text(body, "extId")
        numbers = tuple(fields.texts(body, "wpNumbers", may_be_empty=True))

        def effect() -> None:
            self._state.user(ext_id).wp_numbers = numbers

        return accepted([ext_id], effect)

    def _require_arrays(self, rows: list[tuple[str, dict[str, list[Json]]]]) -> None:
        """Refuse the whole request if one row names an attribute that is no array."""
        for ext_id, arrays in rows:
            user = self._state.users.get(ext_id)
            for name in arrays:
                if user is not None and not isinstance(user.profile.get(name, []), list):
                    raise fields.mismatch(name, "list")


def _ext_ids(body: dict[str, Json]) -> list[str]:
    ext_ids = fields.texts(body, "extIds")
    fields.count_ids(ext_ids)
    return ext_ids


def _one_selector(body: dict[str, Json], first: str, second: str) -> str:
    given = [name for name in (first, second) if body.get(name) is not None]
    if len(given) != 1:
        raise fields.refusal(fields.MISSING, f"Give either '{first}' or '{second}'")
    return given[0]


def _profile_rows(call: Call, read: Callable[[dict[str, Json], str], Profile]) -> list[tuple[str, Profile]]:
    rows = [(fields.text(row, "extId"), read(row, "profile")) for row in fields.records(call)]
    fields.count_ids([ext_id for ext_id, _ in rows])
    return rows


def _arrays(row: dict[str, Json], name: str) -> dict[str, list[Json]]:
    arrays: dict[str, list[Json]] = {}
    for key, value in fields.mapping(row, name).items():
        if not isinstance(value, list):
            raise fields.mismatch(key, "list")
        arrays[key] = value
    return arrays


def _array(profile: Mapping[str, Json], name: str) -> list[Json]:
    value = profile.get(name)
    return value if isinstance(value, list) else []


def _among(value: Json, others: list[Json]) -> bool:
    """Whether a value is among others; true and 1 are equal in Python and not in JSON."""
    return any(type(value) is type(other) and value == other for other in others)


def _without(profile: Mapping[str, Json], names: list[str]) -> Mapping[str, Json]:
    """The profile without these attributes; the e-mail is the system's and stays."""
    return {name: value for name, value in profile.items() if name == "email" or name not in names}
