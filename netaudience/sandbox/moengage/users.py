"""MoEngage's calls about users that exist: delete, merge, export, and blocking their devices.

Each names its workspace in the query. Only the export says what it found; the others answer that
they were accepted, and a pair that cannot be merged is skipped without a word.
"""

from __future__ import annotations

from typing import NoReturn

from netaudience.sandbox.moengage.provenance import MAX_BYTES, MAX_EXPORTED, MAX_PAIRS
from netaudience.sandbox.moengage.requests import Reader, Row, accepted
from netaudience.sandbox.moengage.state import Customer, MoEngageState
from netaudience.sandbox.protocol import Call, Change, Json, Partial
from netaudience.sandbox.responses import Answer, json_answer


class Users:
    """The calls about the users of one MoEngage workspace."""

    def __init__(self, state: MoEngageState, reader: Reader) -> None:
        self._state = state
        self._reader = reader

    def delete(self, call: Call) -> Change:
        """Let one user go, 24 hours later."""
        body = self._body(call)
        kind, identifier = self._reader.text(body, "identity_type"), self._reader.text(body, "identity_value")
        found: list[str] = []

        def apply() -> Answer:
            found.append(self._existing(kind, identifier).customer_id)
            return accepted()

        def effect() -> None:
            for customer_id in found:
                self._state.delete(customer_id, call.now)

        return Change([identifier], apply, effect=effect)

    def merge(self, call: Call) -> Change:
        """Bring pairs of users together."""
        body = self._body(call)
        if self._state.identifiers:
            text = "Merging is not available with Identity Resolution"
            self._reader.refusals.refuse("AttributeError", text)
        pairs = [
            (self._reader.text(row, "merged_user"), self._reader.text(row, "retained_user"))
            for row in self._reader.rows(body, "merge_data")
        ]
        if len(pairs) > MAX_PAIRS:
            self._limit_breached("merge_data", f"{MAX_PAIRS} pairs")
        taken: list[tuple[str, str]] = []

        def apply() -> Partial:
            known, gone = self._state.customers, set[str]()
            for merged, retained in pairs:
                both = {merged, retained}
                if len(both) == 2 and known.keys() >= both and gone.isdisjoint(both):
                    taken.append((merged, retained))
                    gone.add(merged)
            answer = json_answer({"status": "success", "operation": "created"})
            return Partial(answer, [merged for merged, _ in taken])

        def effect() -> None:
            for merged, retained in taken:
                self._state.merge(merged, retained)

        return Change([merged for merged, _ in pairs], apply, effect=effect)

    def export(self, call: Call) -> Change:
        """Read users; this changes nothing."""
        data = self._reader.mapping(self._body(call), "data", required=True)
        asked = [
            (self._reader.text(row, "identifier_type"), self._reader.text(row, "identifier"))
            for row in self._reader.rows(data, "identifiers")
        ]
        if len(asked) > MAX_EXPORTED:
            self._limit_breached("identifiers", f"{MAX_EXPORTED} users")
        wanted = data.get("user_fields_to_export")
        if not isinstance(wanted, list | None):
            self._reader.refusals.wrong("user_fields_to_export", "a list")

        def apply() -> Answer:
            users: list[Json] = []
            missing: list[Json] = []
            for kind, identifier in asked:
                customer = self._state.find(kind, identifier)
                if customer is None:
                    missing.append(identifier)
                else:
                    users.append({"user_attributes": _exported(customer, wanted)})
            data = {"users": users, "users_not_found": missing}
            return json_answer({"status": "success", "type": "export_users", "data": data})

        return Change([identifier for _, identifier in asked], apply)

    def manage_devices(self, call: Call) -> Change:
        """Block a user's devices, or unblock them: some, or all of them."""
        body = self._body(call)
        kind = self._reader.text(body, "user_identifier_type")
        identifier = self._reader.text(body, "user_identifier_value")
        action = self._reader.text(body, "action_type")
        if action not in ("block", "unblock"):
            self._reader.refusals.wrong("action_type", "block or unblock")
        listed = body.get("device_identifiers")
        device_ids = None if listed is None else _device_ids(listed)
        if device_ids is not None and not device_ids:
            self._reader.refusals.wrong("device_identifiers", "a list of device ids")
        found: list[Customer] = []

        def apply() -> Answer:
            found.append(self._existing(kind, identifier))
            return accepted()

        def effect() -> None:
            for customer in found:
                chosen = list(customer.devices) if device_ids is None else device_ids
                self._state.block(customer, chosen, blocked=action == "block")

        return Change([identifier], apply, effect=effect)

    def _body(self, call: Call) -> Row:
        return self._reader.record(call, "user", MAX_BYTES)

    def _existing(self, kind: str, identifier: str) -> Customer:
        customer = self._state.find(kind, identifier)
        if customer is None:
            self._reader.refusals.refuse("Not Found", "User not found")
        return customer

    def _limit_breached(self, name: str, most: str) -> NoReturn:
        self._reader.refusals.refuse("LimitBreached", f"At most {most} stand in one request", name)


def _exported(customer: Customer, wanted: list[Json] | None) -> dict[str, Json]:
    every = {"customer_id": customer.customer_id, **customer.attributes}
    return every if wanted is None else {name: value for name, value in every.items() if name in wanted}


def _device_ids(listed: Json) -> list[str]:
    """The ids of a list of texts, or of objects that hold them: the documents do not say which."""
    ids: list[str] = []
    for entry in listed if isinstance(listed, list) else []:
        values = entry.values() if isinstance(entry, dict) else [entry]
        ids += [value for value in values if isinstance(value, str)]
    return ids
