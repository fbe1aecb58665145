"""MoEngage's routes about consents and cohorts: erasure, preferences, resubscription, membership.

The newer ones have envelopes of their own, and one of them takes a key under which a change is made once.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import NoReturn

from netaudience.sandbox.moengage.provenance import MAX_BYTES, MAX_CATEGORY_ROWS, MAX_RESUBSCRIBED
from netaudience.sandbox.moengage.requests import Reader, accepted
from netaudience.sandbox.moengage.state import Customer, MoEngageState
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, Refused, json_answer

_ERASED_BY = {
    "ID": "customer_id",
    "email": "u_em",
    "mobile": "u_mb",
    "google_advertising_id": "moe_gaid",
    "advertising_identifier": "advertising_identifier",
    "user_secondary_id": "user_secondary_id",
}
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_FOUND_BY = {"uid": "customer_id", "moe_user_id": "moengage_id", "email": "u_em"}
_OPT_IN_STATUSES = ("DOUBLE_OPTED_IN", "OPTED_OUT", "OPT_IN_PENDING")
_FORBIDDEN_IN_A_NAME = frozenset('|*?\\:<>=$"')


class Consents:
    """The routes about consents and cohorts of one MoEngage workspace."""

    def __init__(self, state: MoEngageState, reader: Reader) -> None:
        self._state = state
        self._reader = reader

    def erase(self, call: Call) -> Change:
        """Take an erasure, and give its receipt."""
        body = self._reader.record(call, "gdpr", MAX_BYTES)
        if body.get("request_type") != "erasure":
            self._reader.refusals.wrong("request_type", "erasure")
        for name in ("submitted_time", "api_version"):
            self._reader.text(body, name)
        asked: list[tuple[str, str]] = []
        for row in self._reader.rows(body, "identities"):
            kind = self._reader.text(row, "identity_type")
            if kind not in _ERASED_BY:
                self._reader.refusals.wrong("identity_type", "one of the documented")
            asked.append((_ERASED_BY[kind], self._reader.text(row, "identity_value")))
        receipt = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{len(self._state.erasures)}"))

        def apply() -> Answer:
            everyone = self._state.customers.values()
            meant = [one.customer_id for one in everyone if any(_is(one, *each) for each in asked)]
            self._state.erasures[receipt] = meant
            taken = "Your request has been accepted and will be processed soon."
            return json_answer({"status": "success", "message": taken, "request_id": receipt})

        def effect() -> None:
            for customer_id in self._state.erasures.get(receipt, ()):
                self._state.customers.pop(customer_id, None)
                self._state.events.pop(customer_id, None)

        return Change([value for _, value in asked], apply, effect=effect)

    def categories(self, call: Call) -> Change:
        """The categories of a channel."""
        self._named(call)
        channel = self._channel(call.query.get("channel", "email"))

        def apply() -> Answer:
            shown = [
                {"name": name, "display_name": name.title(), "channel": channel, "status": "active"}
                for name in self._state.categories[channel]
            ]
            return _v5("subscription_categories", shown)

        return Change([], apply)

    def preferences(self, call: Call) -> Change:
        """What a user agreed to."""
        self._named(call)
        channel = self._channel(call.query.get("channel", "email"))
        kind, value = (call.query.get(f"user_identifier_{each}", "") for each in ("type", "value"))

        def apply() -> Answer:
            customer = self._found(kind, value)
            return _v5("subscription_preferences", self._shown(channel, customer))

        return Change([value], apply)

    def change(self, call: Call) -> Change:
        """Change what a user agreed to, once for each key."""
        self._named(call)
        body = self._reader.record(call, "preferences", MAX_BYTES)
        key = call.headers.get("Idempotency-Key", "")
        if not _UUID4.fullmatch(key):
            _bad("BadArgument", "The header Idempotency-Key must be a uuid4", "Idempotency-Key")
        channel = self._channel(body.get("channel", "email"))
        unsubscribed, categories = body.get("is_globally_unsubscribed"), body.get("categories", {})
        if not isinstance(unsubscribed, bool):
            _bad("BadArgument", "is_globally_unsubscribed is required", "is_globally_unsubscribed")
        chosen = self._chosen(categories, channel)
        kind, value = (str(body.get(f"user_identifier_{each}", "")) for each in ("type", "value"))
        asked = call.body.decode()

        def apply() -> Answer:
            customer = self._found(kind, value)
            before = self._state.changes.get(key)
            if before not in (None, asked):
                _bad("Conflict", "The key was used with another body", "Idempotency-Key", 409)
            if before is None:
                self._state.changes[key] = asked
                preference = self._state.preference(channel, customer.customer_id)
                preference.globally_unsubscribed = unsubscribed
                if unsubscribed:
                    preference.categories = dict.fromkeys(self._state.categories[channel], False)
                else:
                    preference.categories |= chosen
            return _v5("subscription_preferences", {"message": "Accepted"}, 202)

        return Change([value], apply)

    def category_preferences(self, call: Call) -> Change:
        """Set the e-mail categories of several users."""
        self._named(call)
        body = self._reader.record(call, "categories", MAX_BYTES)
        rows = self._reader.rows(body, "user_preferences")
        if body.get("channel") != "email" or len(rows) > MAX_CATEGORY_ROWS:
            raise Refused(_titled(400, "Invalid Request", "channel or user_preferences is wrong"))
        keys = [self._reader.text(row, "customer_id") for row in rows]
        known = self._state.categories["email"]

        def effect() -> None:
            for customer_id, row in zip(keys, rows, strict=True):
                if customer_id not in self._state.customers:
                    continue
                preference = self._state.preference("email", customer_id)
                if row.get("unsubscribe_all") is True:
                    preference.categories = dict.fromkeys(known, False)
                given = self._reader.mapping(row, "categories")
                preference.categories |= {name: bool(on) for name, on in given.items() if name in known}

        return Change(keys, lambda: json_answer({"message": "Accepted"}), effect=effect)

    def opt_in(self, call: Call) -> Change:
        """Say whether a user, or everybody with an address, has opted in to e-mail."""
        self._named(call)
        body = self._reader.record(call, "opt-in", MAX_BYTES)
        row = self._reader.mapping(body, "user_preferences", required=True)
        address, own = row.get("email_id"), row.get("customer_id")
        categories, status = self._reader.mapping(row, "categories"), row.get("opt_in_status")
        status = status.upper() if isinstance(status, str) else status
        if row.get("channel") != "email" or status not in (None, *_OPT_IN_STATUSES):
            raise Refused(_detailed("opt_in_status", "Opt-In status can only be one of the three"))
        if not categories.keys() <= set(self._state.categories["email"]):
            raise Refused(_detailed("categories", "A category is either inactive or not there"))
        if categories and not any(categories.values()):
            status = "OPTED_OUT"

        def apply() -> Answer:
            meant = [
                one
                for one in self._state.customers.values()
                if (one.attributes.get("u_em") == address if address else one.customer_id == own)
            ]
            if not meant:
                words = "No users found with the provided customer_id or email_id. Please check the same."
                raise Refused(_detailed("customer_id or email_id", words))
            for one in meant:
                if status is not None:
                    one.attributes["moe_email_optin_status"] = status
                preference = self._state.preference("email", one.customer_id)
                preference.categories |= {name: bool(on) for name, on in categories.items()}
            return json_answer({"message": "Updated"})

        return Change([str(address or own)], apply)

    def connection(self, call: Call) -> Change:
        """Say what the workspace is called."""
        self._named(call)
        return Change([], lambda: json_answer({"status": "success", "app_name": "sandbox"}))

    def resubscribe(self, call: Call) -> Change:
        """Lift the unsubscribes of addresses."""
        self._named(call)
        body = self._reader.record(call, "resubscribe", MAX_BYTES)
        recipients = body.get("recipients")
        texts = [one for one in recipients if isinstance(one, str)] if isinstance(recipients, list) else []
        if not texts or len(texts) > MAX_RESUBSCRIBED or body.get("esp") != "SENDGRID":
            _coded("Please provide at most 100 recipients and the esp SENDGRID")
        if not isinstance(body.get("request_id"), str):
            _coded("request_id is required")

        def effect() -> None:
            for customer in self._state.customers.values():
                if customer.attributes.get("u_em") in texts:
                    customer.attributes["moe_unsubscribe"] = False
                    self._state.preference("email", customer.customer_id).globally_unsubscribed = False

        taken = json_answer({"message": "Accepted", "response_id": "sb-resubscribe"}, 202)
        return Change(texts, lambda: taken, effect=effect)

    def cohort(self, call: Call) -> Change:
        """Put users into a cohort, or take them out."""
        self._named(call)
        body = self._reader.record(call, "cohort", MAX_BYTES)
        action = self._reader.text(body, "action")
        if action not in ("add_members", "remove_members"):
            self._reader.refusals.wrong("action", "add_members or remove_members")
        self._reader.text(body, "partner")
        parameters = self._reader.mapping(body, "parameters", required=True)
        name, cohort_id = (self._reader.text(parameters, each) for each in ("cohort_name", "cohort_id"))
        if name.startswith(".") or not _FORBIDDEN_IN_A_NAME.isdisjoint(name):
            self._reader.refusals.wrong("cohort_name", "free of the forbidden signs")
        users = [self._reader.text(row, "uid") for row in self._reader.rows(parameters, "members")]

        def effect() -> None:
            members = self._state.cohorts.setdefault(cohort_id, set())
            if action == "add_members":
                members.update(user for user in users if user in self._state.customers)
            else:
                members.difference_update(users)

        return Change(users, accepted, effect=effect)

    def _named(self, call: Call) -> None:
        given = call.headers.get("MOE-APPKEY")
        if not given:
            self._reader.refusals.refuse("Header required", "MOE-APPKEY is missing in Header", status=401)
        if given != call.account:
            text = "App key mismatch in params and authentication"
            self._reader.refusals.refuse("Authentication Mismatch", text, status=401)

    def _channel(self, channel: Json) -> str:
        if not isinstance(channel, str) or channel not in self._state.categories:
            _bad("BadArgument", "channel must be email or sms", "channel")
        return channel

    def _chosen(self, categories: Json, channel: str) -> dict[str, bool]:
        known = self._state.categories[channel]
        chosen = categories if isinstance(categories, dict) else {}
        found = {name: on for name, on in chosen.items() if name in known and isinstance(on, bool)}
        if not isinstance(categories, dict) or len(found) < len(categories):
            _bad("BadArgument", "A category is not known", "categories")
        return found

    def _found(self, kind: str, value: str) -> Customer:
        if kind not in _FOUND_BY:
            _bad("BadArgument", "user_identifier_type is wrong", "user_identifier_type")
        customer = self._state.find(_FOUND_BY[kind], value)
        if customer is None:
            _bad("NotFound", "The user was not found", "user_identifier_value", 404)
        return customer

    def _shown(self, channel: str, customer: Customer) -> Mapping[str, object]:
        preference = self._state.preference(channel, customer.customer_id)
        return {
            "user_id": customer.moengage_id,
            "is_globally_unsubscribed": preference.globally_unsubscribed,
            "categories": [
                {
                    "name": name,
                    "channel": channel,
                    "group": "",
                    "status": "subscribed" if preference.categories.get(name, True) else "unsubscribed",
                }
                for name in self._state.categories[channel]
            ],
        }


def _is(customer: Customer, name: str, value: str) -> bool:
    return value == (customer.customer_id if name == "customer_id" else customer.attributes.get(name))


def _v5(kind: str, data: Sequence[object] | Mapping[str, object], status: int = 200) -> Answer:
    return json_answer({"response_id": "sb-response", "type": kind, "data": data}, status)


def _bad(code: str, message: str, target: str, status: int = 400) -> NoReturn:
    error = {"code": code, "message": message, "target": target}
    raise Refused(json_answer({"error": error}, status))


def _coded(message: str) -> NoReturn:
    raise Refused(
        json_answer(
            {"response_id": "sb-refused", "error": {"message": message, "err_code": "BadRequest"}}, 400
        )
    )


def _detailed(target: str, words: str) -> Answer:
    """An error of the route about opt-ins, whose details say what it is."""
    details = {"target": target, "message": words}
    error = {"code": "400 Bad Request", "message": "Request Data is invalid", "details": details}
    return json_answer({"error": error}, 400)


def _titled(status: int, title: str, description: str) -> Answer:
    return json_answer({"title": title, "description": description}, status)
