"""Netmera's writes on users, tags, categories and attributes: taken whole, or entry by entry without a word.

Checks of the body's shape come first; what depends on the state is checked when the request is
accepted, where no other request can come between. What was accepted is the change's effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import attrs

from netaudience.sandbox.netmera import fields
from netaudience.sandbox.netmera.state import NetmeraState, User
from netaudience.sandbox.protocol import Call, Change, Json, Partial
from netaudience.sandbox.responses import Answer, json_answer

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
    later: float = 0.0,
) -> Change:
    """A write that answers 200 without a body and takes effect later; `require` may still refuse it."""

    def apply() -> Answer:
        if require is not None:
            require()
        return EMPTY

    return Change(keys, apply, values, effect=effect, later=later)


#: The values of one entry by attribute: anything, or for arrays what is pushed or pulled.
_Values: TypeAlias = Mapping[str, Json]


@attrs.frozen
class _Entry:
    """One entry of a body of attributes that can be read."""

    ext_id: str | None
    #: Where the entry names a device in the place of its user.
    token: str | None
    #: Names of attributes are the keys; of those to be removed there are no values.
    values: _Values

    @property
    def key(self) -> str:
        """What the entry is known by."""
        return self.ext_id or self.token or ""


class Writes:
    """The writes on one Netmera state."""

    def __init__(self, state: NetmeraState) -> None:
        self._state = state

    def delete_users(self, call: Call) -> Change:
        """Track users no longer; nothing of them is lost."""
        body = fields.record(call)
        if body.get("extIds") is None:
            raise fields.unexpected(500)
        ext_ids = ext_ids_of(body)
        return accepted(ext_ids, lambda: self._untrack(ext_ids))

    def delete_users_permanently(self, call: Call) -> Change:
        """Erase users with all they have, in a minute; all of them must be there."""
        ext_ids = ext_ids_of(fields.record(call))
        app = self._state.app
        if not app.erases:
            return accepted(ext_ids, lambda: self._untrack(ext_ids))

        def require() -> None:
            if not self._state.users.keys() >= set(ext_ids):
                raise fields.unexpected(code=app.gone_code)

        def effect() -> None:
            for ext_id in ext_ids:
                self._state.remove_user(ext_id)

        return accepted(ext_ids, effect, (), require, app.erases_after)

    def push(self, call: Call, *, permitted: bool) -> Change:
        """Permit push to a user's devices, or to one device; of both selectors the user's counts."""
        body = fields.record(call)
        given = [name for name in ("extId", "deviceToken") if body.get(name) is not None]
        if not given:
            raise fields.missing("extId")
        key = fields.text(body, given[0])

        def effect() -> None:
            if given[0] == "extId":
                user = self._state.users.get(key)
                devices = () if user is None else user.devices
            else:
                device = self._state.devices.get(key)
                devices = () if device is None else (device,)
            for device in devices:
                device.push_permitted = permitted

        return accepted([key], effect)

    def tag(self, call: Call) -> Change:
        """Add a tag to users."""
        body = fields.record(call)
        tags, ext_ids = frozenset([fields.text(body, "tag")]), ext_ids_of(body)
        users = self._state.user
        return accepted(ext_ids, lambda: self._retag(map(users, ext_ids), lambda before: before | tags))

    def untag(self, call: Call) -> Change:
        """Remove a tag from users; on request those are named who are not there."""
        body = fields.record(call)
        tags, ext_ids = frozenset([fields.text(body, "tag")]), ext_ids_of(body)
        check = fields.maybe_flag(body, "checkExistence")

        def effect() -> None:
            known = (self._state.users.get(ext_id) for ext_id in ext_ids)
            self._retag((user for user in known if user is not None), lambda before: before - tags)

        def answer(gone: frozenset[str]) -> Partial:
            missing = [name for name in ext_ids if name in gone or name not in self._state.users]
            kept = set(missing)
            return Partial(json_answer({"notExist": missing}), [name for name in ext_ids if name not in kept])

        if not check:
            return accepted(ext_ids, effect)
        return Change(ext_ids, lambda: answer(frozenset()), blame=answer, effect=effect)

    def promotion(self, call: Call) -> Change:
        """Give users codes. The body is read as it comes: what stands behind the codes is not seen."""
        body = fields.record(call)
        before = list(body)[: list(body).index("codes")] if "codes" in body else list(body)
        if "name" not in before:
            raise fields.refusal(2009, "name is required")
        name, expiry = fields.text(body, "name"), body.get("expiryDate") if "expiryDate" in before else None
        rows = body.get("codes")
        pairs = [
            (fields.text(row, "extId"), fields.text(row, "code"))
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict)
        ]
        fields.count_ids({ext_id for ext_id, _ in pairs})

        def effect() -> None:
            if isinstance(expiry, int):  # without a date nobody gets a code, and nobody is told
                self._state.add_codes(name, expiry, pairs)

        return accepted([ext_id for ext_id, _ in pairs], effect)

    def testers(self, call: Call) -> Change:
        """Make all devices of users test devices; an entry that names nobody is taken as well."""
        named = [(row.get("extId"), row.get("email")) for row in fields.records(call)]

        def effect() -> None:
            for ext_id, email in named:
                for known, user in self._state.users.items():
                    if known == ext_id or (email and user.address("mail") == email):
                        self._state.testers.add(known)

        return accepted([str(ext_id or email or "") for ext_id, email in named], effect)

    def category_preferences(self, call: Call) -> Change:
        """Set permissions by category; an entry that names no known category or channel does nothing."""
        rows: list[tuple[str, str, bool, str | None]] = []
        for row in fields.records(call):
            ext_id = fields.text(row, "extId")
            if row.get("category") is None:
                continue
            channel = fields.text(row, "channel") if row.get("channel") is not None else None
            rows.append((ext_id, fields.text(row, "category"), fields.flag(row, "enable"), channel))
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
        """Set attributes, and leave the others; what does not fit its definition is dropped."""
        entries = self._entries(call, _object)

        def effect() -> None:
            for entry in entries:
                user = self._state.user(entry.key)
                user.profile = {**user.profile, **self._state.fitting(entry.values)}

        return accepted(_keys(entries), effect, [(entry.key, entry.values) for entry in entries])

    def unset_attributes(self, call: Call) -> Change:
        """Remove attributes; an entry without any removes nothing."""
        entries = self._entries(call, _names)

        def effect() -> None:
            for entry in entries:
                user = self._state.users.get(entry.key)
                if user is not None:
                    user.profile = _without(user.profile, entry.values)

        return accepted(_keys(entries), effect)

    def push_values(self, call: Call) -> Change:
        """Add values to array attributes, which are sets."""
        entries = self._entries(call, _arrays, by_device=True)

        def effect() -> None:
            for entry in entries:
                user = self._user_of(entry)
                if user is not None:
                    joined = self._arrays_of(user, entry, _joined)
                    user.profile = {**user.profile, **self._state.fitting(joined)}

        return accepted(_keys(entries), effect, [(entry.key, entry.values) for entry in entries])

    def pull_values(self, call: Call) -> Change:
        """Remove values from array attributes; the last one leaves an empty list."""
        entries = self._entries(call, _arrays, by_device=True)

        def effect() -> None:
            for entry in entries:
                user = self._state.users.get(entry.ext_id or self._state.owner(entry.key) or "")
                if user is not None:
                    left = self._arrays_of(user, entry, _left)
                    user.profile = {
                        **user.profile,
                        **{name: left[name] for name in left if name in user.profile},
                    }

        return accepted(_keys(entries), effect)

    def delete_attributes(self, call: Call) -> Change:
        """Remove attributes from all users; whatever the body is, it is taken."""
        body = fields.document(call)
        rows = [row for row in body if isinstance(row, dict)] if isinstance(body, list) else []
        named = [name for row in rows for name in _listed(row.get("profile"))]
        names = [name for name in named if isinstance(name, str)]

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

    def _untrack(self, ext_ids: Sequence[str]) -> None:
        for ext_id in ext_ids:
            user = self._state.users.get(ext_id)
            if user is not None:
                user.tracked = False

    def _retag(self, users: Iterable[User], change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        after: dict[frozenset[str], frozenset[str]] = {}
        for user in users:
            before = user.tags
            if before not in after:
                after[before] = self._state.shared_tags(change(before))
            user.tags = after[before]

    def _entries(
        self, call: Call, read: Callable[[Json], _Values | None], *, by_device: bool = False
    ) -> list[_Entry]:
        """The entries that can be read; all of them are refused where none can, or the app wants them all."""
        body = fields.listed(call)
        entries: list[_Entry] = []
        for row in body:
            entry = _entry(row, read, by_device=by_device)
            if entry is not None:
                entries.append(entry)
        if not entries or (self._state.app.rejects_invalid and len(entries) < len(body)):
            raise fields.refusal(fields.NOT_JSON, "Invalid JSON")
        fields.count_ids(_keys(entries))
        return entries

    def _user_of(self, entry: _Entry) -> User | None:
        if entry.ext_id is not None:
            return self._state.user(entry.ext_id)
        return self._state.users.get(self._state.owner(entry.key) or "")

    def _arrays_of(
        self, user: User, entry: _Entry, change: Callable[[list[Json], list[Json]], list[Json]]
    ) -> dict[str, Json]:
        """What becomes of the arrays that an entry names; what is stored as something else stays."""
        stored = ((name, user.profile.get(name, []), value) for name, value in entry.values.items())
        return {
            name: change(before, value)
            for name, before, value in stored
            if isinstance(before, list) and isinstance(value, list)
        }


def ext_ids_of(body: dict[str, Json]) -> list[str]:
    """The ext ids of a body, at most a thousand different ones."""
    ext_ids = fields.texts(body, "extIds")
    fields.count_ids(ext_ids)
    return ext_ids


def _keys(entries: Sequence[_Entry]) -> list[str]:
    return [entry.key for entry in entries]


def _entry(row: Json, read: Callable[[Json], _Values | None], *, by_device: bool) -> _Entry | None:
    """One entry of a body of attributes; None where it is invalid."""
    if not isinstance(row, dict):
        return None
    ext_id, token = row.get("extId"), row.get("deviceToken") if by_device else None
    values = read(row.get("profile"))
    if not isinstance(ext_id, str) or not ext_id:
        ext_id = None
    if not isinstance(token, str) or not token:
        token = None
    if values is None or not (ext_id or token):
        return None
    return _Entry(ext_id, token, values)


def _object(profile: Json) -> _Values | None:
    return profile if isinstance(profile, dict) else None


def _names(profile: Json) -> _Values | None:
    """Names to be removed; none is as good as a list of none."""
    if profile is not None and not isinstance(profile, list):
        return None
    return {name: True for name in profile or () if isinstance(name, str)}


def _arrays(profile: Json) -> _Values | None:
    """Arrays by attribute; one value that is none makes the entry invalid."""
    if not isinstance(profile, dict) or not all(isinstance(value, list) for value in profile.values()):
        return None
    return profile


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _joined(stored: list[Json], added: list[Json]) -> list[Json]:
    joined = list(stored)
    for value in added:
        if not _among(value, joined):
            joined.append(value)
    return joined


def _left(stored: list[Json], gone: list[Json]) -> list[Json]:
    return [value for value in stored if not _among(value, gone)]


def _among(value: Json, others: list[Json]) -> bool:
    """Whether a value is among others; true and 1 are equal in Python and not in JSON."""
    return any(type(value) is type(other) and value == other for other in others)


def _without(profile: Mapping[str, Json], names: Collection[str]) -> Mapping[str, Json]:
    """The profile without these attributes; the e-mail is the system's and stays."""
    return {name: value for name, value in profile.items() if name == "email" or name not in names}
