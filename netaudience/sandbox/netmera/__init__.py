"""Netmera's REST API as a server: the operations of its page and their neighbours over one state.

This module holds the table of operations and what they share: the key and the shapes of failures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

import attrs

from netaudience.sandbox.netmera import fields, seeding
from netaudience.sandbox.netmera.bulk import Bulk
from netaudience.sandbox.netmera.contacts import Contacts
from netaudience.sandbox.netmera.provenance import RULES
from netaudience.sandbox.netmera.reads import Reads
from netaudience.sandbox.netmera.segments import Segments
from netaudience.sandbox.netmera.state import NetmeraState
from netaudience.sandbox.netmera.writes import Writes
from netaudience.sandbox.protocol import Call, Change, Json, Operation, SandboxLimits, Setup, dated
from netaudience.sandbox.responses import Answer, json_answer, reason, text_answer


class Netmera(NetmeraState):
    """Netmera's state, with the operations that read and change it."""

    name = "netmera"
    variables = ("API_KEY",)
    rules = dated("2026-11", RULES)
    limits = SandboxLimits()
    limits_per_operation = False

    def __init__(self, keys: Collection[str], known_categories: Iterable[str] | None = None) -> None:
        super().__init__(known_categories)
        self._keys = frozenset(keys)
        self.operations = (
            *_writes(Writes(self), Contacts(self), Bulk(self)),
            *_reads(Reads(self), Segments(self)),
        )

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

    def keys(self, collection: str) -> Iterable[str]:
        """What `look` finds in a collection."""
        held: Mapping[str, Iterable[object]] = {
            "users": self.users,
            "devices": self.devices,
            "segments": self.segments,
            "contacts": self.contacts,
            "promotions": self.promotions,
            "testers": self.testers,
            "events": self.events,
        }
        return map(str, held.get(collection, ()))

    def look(self, collection: str, key: str) -> object:
        """One user, device, segment or contact, or the events of a user."""
        match collection:
            case "users":
                return seeding.user_json(key, self.users.get(key))
            case "devices":
                device = self.devices.get(key)
                return None if device is None else attrs.asdict(device)
            case "segments":
                segment = self.segments.get(int(key)) if key.isdecimal() else None
                return None if segment is None else attrs.asdict(segment)
            case "contacts":
                permissions = self.contacts.get(key)
                return None if permissions is None else {"contact": key, "permissions": permissions}
            case "promotions":
                held = self.promotions.get(key)
                return None if held is None else attrs.asdict(held)
            case "testers":
                return {"tester": key} if key in self.testers else None
            case "events":
                return dict(self.events[key]) if key in self.events else None
            case _:
                return None


def make(setup: Setup) -> Netmera:
    """Make the vendor; the sandbox finds this by the name of its room."""
    return Netmera(setup.credentials.netmera_keys, setup.known_categories)


def _get(name: str, prepare: Callable[[Call], Change]) -> Operation:
    return Operation(name, "GET", f"/rest/3.0/{name}", prepare)


def _post(name: str, prepare: Callable[[Call], Change], *, rows: bool = False) -> Operation:
    return Operation(name, "POST", f"/rest/3.0/{name}", prepare, rows=rows)


_rows = partial(_post, rows=True)


def _writes(writes: Writes, contacts: Contacts, bulk: Bulk) -> tuple[Operation, ...]:
    mail = partial(contacts.permission, channel="mail", addresses="emailList")
    sms = partial(contacts.permission, channel="sms", addresses="msisdnList")
    whatsapp = partial(contacts.permission, channel="whatsapp", addresses="wpNumbers", both=True)
    return (
        _post("deleteUsersPermanently", writes.delete_users_permanently),
        _post("enablePush", partial(writes.push, permitted=True)),
        _post("disablePush", partial(writes.push, permitted=False)),
        _post("promotion/add", writes.promotion),
        _post("addTesters", writes.testers),
        _post("tagUsers", writes.tag),
        _post("untagUsers", writes.untag),
        _rows("setCategoryPreferences", writes.category_preferences),
        _rows("setProfileAttributes", writes.set_attributes),
        _rows("unsetProfileAttributes", writes.unset_attributes),
        _rows("pushProfileAttributes", writes.push_values),
        _rows("pullProfileAttributes", writes.pull_values),
        _post("deleteProfileAttributes", writes.delete_attributes),
        _post("deleteProfileAttributeValue", writes.delete_attribute_value),
        _post("sendPushApproval", writes.push_approval),
        _post("enableMail", partial(mail, permitted=True)),
        _post("disableMail", partial(mail, permitted=False)),
        _rows("updateEmail", partial(contacts.update, channel="mail", field="email")),
        _post("enableSms", partial(sms, permitted=True)),
        _post("disableSms", partial(sms, permitted=False)),
        _rows("updateMsisdn", partial(contacts.update, channel="sms", field="msisdn")),
        _post("enableWhatsApp", partial(whatsapp, permitted=True)),
        _post("disableWhatsApp", partial(whatsapp, permitted=False)),
        _rows("updateWhatsApp", contacts.update_whatsapp),
        _rows("registerUsers", bulk.register),
        _post("deleteUsers", writes.delete_users),
        _post("removeEmail", partial(contacts.remove, channel="mail")),
        _post("removeMsisdn", partial(contacts.remove, channel="sms")),
        _post("removeWhatsApp", partial(contacts.remove, channel="whatsapp")),
        _post("addEmail", contacts.add_email),
        _post("addMsisdn", contacts.add_msisdn),
        _post("fireEvents", bulk.fire_events),
    )


def _reads(reads: Reads, segments: Segments) -> tuple[Operation, ...]:
    return (
        _get("getCategoryPreferences", reads.category_preferences),
        _get("getProfileAttributes", reads.profile_attributes),
        _get("getDevices", reads.devices),
        _get("getDeviceTokens", reads.device_tokens),
        _get("count-user", reads.count_users),
        _get("app/profile-attributes", reads.attribute_definitions),
        _get("app/events", reads.event_definitions),
        _get("getPushCategories", reads.push_categories),
        _get("getSegments", segments.listed),
        _get("getSegmentUsers", segments.users),
        _get("getSegment", segments.one),
        _post("createSegment", segments.create),
        _post("updateSegment", segments.update),
        _post("changeSegmentStatus", segments.change_status),
        _post("targeting/count", segments.count_targeted),
        _post("targeting/count-batch", segments.count_by_value),
    )
