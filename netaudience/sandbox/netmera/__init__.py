"""Netmera's REST API as a server: the 28 operations of the page and ten of its neighbours over one state.

This module holds the table of operations and what they share: the key and the shapes of failures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

import attrs

from netaudience.sandbox.answers import Answer, json_answer, reason, text_answer
from netaudience.sandbox.netmera import fields, seeding
from netaudience.sandbox.netmera.bulk import Bulk
from netaudience.sandbox.netmera.reads import Reads
from netaudience.sandbox.netmera.rules import RULES
from netaudience.sandbox.netmera.state import Device, NetmeraState, Segment, User
from netaudience.sandbox.netmera.writes import Writes
from netaudience.sandbox.words import Call, Change, Json, Operation, SandboxLimits

__all__ = ["Device", "Netmera", "Segment", "User"]


class Netmera(NetmeraState):
    """Netmera's state, with the operations that read and change it."""

    name = "netmera"
    rules = RULES
    limits = SandboxLimits()
    limits_per_operation = False

    def __init__(self, keys: Collection[str], known_categories: Iterable[str] | None = None) -> None:
        super().__init__(known_categories)
        self._keys = frozenset(keys)
        self.operations = _operations(Reads(self), Writes(self), Bulk(self))

    def account(self, call: Call, /) -> str:
        """The key is the account; a wrong one answers 403."""
        key = call.headers.get("X-netmera-api-key", "")
        if key not in self._keys:
            raise fields.refusal(fields.KEY_INVALID, "API key is invalid", 403)
        return key

    def throttled(self, _operation: Operation, /) -> Answer:
        """As a proxy would: the documents know no 429."""
        return text_answer("429 Too Many Requests", 429)

    def poisoned(self, _operation: Operation, /) -> Answer:
        """A 400 that concerns the whole request."""
        return fields.refusal(fields.TYPE_MISMATCH, "One of the external ids is refused").answer

    def failure(self, _operation: Operation, status: int, code: int | None, /) -> Answer:
        """The vendor's own shape where there is a code, else a proxy's text."""
        if status == 500 and code is None:
            code = 2001
        if code is None:
            return text_answer(f"{status} {reason(status)}", status)
        return json_answer({"code": code, "error": reason(status)}, status)

    def failure_in_200(self, _operation: Operation, /) -> None:
        """Netmera is not known to refuse with HTTP 200."""

    def reset(self) -> None:
        """Forget everything."""
        self.clear()

    def seed(self, document: Json) -> None:
        """Add users, segments and messages from JSON."""
        seeding.seed(self, document)

    def demo(self) -> None:
        """Add a little of everything."""
        seeding.demo(self)

    def counts(self) -> Mapping[str, int]:
        """How much of each collection there is."""
        return {
            "users": len(self.users),
            "devices": len(self.devices),
            "segments": len(self.segments),
            "messages": len(self.messages),
            "categories": len(self.categories),
            "contacts": len(self.contacts),
            "events": sum(counts.total() for counts in self.events.values()),
        }

    def look(self, collection: str, key: str) -> object:
        """One user, device, address or contact, or the events of a user."""
        match collection:
            case "users":
                return seeding.user_json(key, self.users.get(key))
            case "devices":
                device = self.devices.get(key)
                return None if device is None else attrs.asdict(device)
            case "addresses":
                permissions = {
                    channel: known[key] for channel, known in self.addresses.items() if key in known
                }
                return permissions or None
            case "contacts":
                return {"contact": key} if key in self.contacts else None
            case "events":
                return dict(self.events[key]) if key in self.events else None
            case _:
                return None


def _operations(reads: Reads, writes: Writes, bulk: Bulk) -> tuple[Operation, ...]:
    def get(name: str, prepare: Callable[[Call], Change]) -> Operation:
        return Operation(name, "GET", f"/rest/3.0/{name}", prepare)

    def post(name: str, prepare: Callable[[Call], Change]) -> Operation:
        return Operation(name, "POST", f"/rest/3.0/{name}", prepare)

    def rows(name: str, prepare: Callable[[Call], Change]) -> Operation:
        return Operation(name, "POST", f"/rest/3.0/{name}", prepare, rows=True)

    mail = partial(writes.permission, channel="mail", addresses="emailList")
    sms = partial(writes.permission, channel="sms", addresses="msisdnList")
    whatsapp = partial(writes.permission, channel="whatsapp", addresses="wpNumbers", both=True)
    return (
        post("deleteUsersPermanently", writes.delete_users),
        post("enablePush", partial(writes.push, permitted=True)),
        post("disablePush", partial(writes.push, permitted=False)),
        post("tagUsers", partial(writes.tag, add=True)),
        post("untagUsers", partial(writes.tag, add=False)),
        rows("setCategoryPreferences", writes.category_preferences),
        get("getCategoryPreferences", reads.category_preferences),
        get("getProfileAttributes", reads.profile_attributes),
        rows("setProfileAttributes", writes.set_attributes),
        rows("unsetProfileAttributes", writes.unset_attributes),
        rows("pushProfileAttributes", writes.push_values),
        rows("pullProfileAttributes", writes.pull_values),
        post("deleteProfileAttributes", writes.delete_attributes),
        post("deleteProfileAttributeValue", writes.delete_attribute_value),
        get("getDevices", reads.devices),
        get("getDeviceTokens", reads.device_tokens),
        get("getSegments", reads.segments),
        get("getSegmentUsers", reads.segment_users),
        post("sendPushApproval", writes.push_approval),
        post("enableMail", partial(mail, permitted=True)),
        post("disableMail", partial(mail, permitted=False)),
        rows("updateEmail", writes.update_email),
        post("enableSms", partial(sms, permitted=True)),
        post("disableSms", partial(sms, permitted=False)),
        rows("updateMsisdn", writes.update_msisdn),
        post("enableWhatsApp", partial(whatsapp, permitted=True)),
        post("disableWhatsApp", partial(whatsapp, permitted=False)),
        rows("updateWhatsApp", writes.update_whatsapp),
        rows("registerUsers", bulk.register),
        post("deleteUsers", writes.delete_users),
        post("removeEmail", partial(bulk.remove, channel="mail")),
        post("removeMsisdn", partial(bulk.remove, channel="sms")),
        post("removeWhatsApp", partial(bulk.remove, channel="whatsapp")),
        post("addEmail", bulk.add_email),
        post("addMsisdn", bulk.add_msisdn),
        post("fireEvents", bulk.fire_events),
        get("count-user", reads.count_users),
        get("app/profile-attributes", reads.attribute_definitions),
    )
