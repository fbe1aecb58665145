"""Reading MoEngage's bodies, and the answers that refuse them; each failure has its own request id.

Content type, size and JSON are checked here for every route, before a handler sees the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn, TypeAlias

import attrs

from netaudience.sandbox.moengage.provenance import FORBIDDEN_IDS
from netaudience.sandbox.protocol import Call, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer

#: Where an element stands: the routes word a missing customer_id in three ways.
Place: TypeAlias = Literal["customer", "device", "event", "transition"]

Row: TypeAlias = dict[str, Json]

_NO_CUSTOMER: Mapping[Place, str] = {
    "customer": "customer_id is not found in the payload",
    "device": "'customer_id' is not found in the payload",
    "event": "customer_id is not found in the payload",
    # The one quote is the vendor's.
    "transition": "'customer_id not found in the payload",
}

FOREIGN = "App Secret key mismatch. Please login to the dashboard to verify key"
ACCEPTED = "Your request has been accepted and will be processed soon."


def accepted() -> Answer:
    """The success of nearly every route, which proves nothing."""
    return json_answer({"status": "success", "message": ACCEPTED, "request_id": "kXwpDESb"})


@attrs.define
class Refusals:
    """MoEngage's failures, numbered."""

    _number: int = 0

    def answer(self, status: int, kind: str, message: str, attribute: str | None = None) -> Answer:
        """A failure in the usual shape."""
        self._number += 1
        about = {} if attribute is None else {"attribute": attribute}
        error = {**about, "message": message, "type": kind, "request_id": f"sb{self._number:06}"}
        return json_answer({"status": "fail", "error": error}, status)

    def refuse(self, kind: str, message: str, attribute: str | None = None, status: int = 400) -> NoReturn:
        """Refuse a request."""
        raise Refused(self.answer(status, kind, message, attribute))

    def missing(self, name: str, message: str | None = None) -> NoReturn:
        """Refuse a body for what is not in it."""
        self.refuse("MissingAttributeError", message or f"{name} is not found in the payload", name)

    def wrong(self, name: str, wanted: str) -> NoReturn:
        """Refuse a body for a value."""
        self.refuse("ValueError", f"'{name}' must be {wanted}.", name)


@attrs.frozen
class Reader:
    """Reads bodies, and refuses them."""

    refusals: Refusals

    def record(self, call: Call, place: str, most_bytes: int) -> Row:
        """The body as an object."""
        content_type = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not content_type:
            self.refusals.refuse("Missing header value", "The Content-Type Header is required")
        if content_type != "application/json":
            if place == "event":
                text = "Content type is not supported"
                self.refusals.refuse("Unsupported media type", text, status=415)
            self.refusals.refuse("MediaTypeError", "Unsupported Media Type", status=415)
        if len(call.body) > most_bytes:
            text = f"Payload size exceeds {most_bytes // 1000} KB"
            self.refusals.refuse("PayloadTooLarge", text, status=413)
        if not call.body:
            self.refusals.refuse("Empty request body", "A valid JSON document is required")
        try:
            document = decode(call.body)
        except ValueError:
            # The one quote is the vendor's.
            text = "'Could not decode the request body. The JSON was incorrect or not decoded as UTF-8."
            self.refusals.refuse("Malformed JSON", text)
        if not isinstance(document, dict):
            self.refusals.refuse("Body type is not JSON", "A valid JSON document is required.")
        return document

    def typed(self, row: Row, wanted: str) -> None:
        """Refuse another type than the route's own."""
        if row.get("type") != wanted:
            self.refusals.refuse("AttributeError", f"'type' must be {wanted}", "type")

    def text(self, row: Row, name: str) -> str:
        """A text that must be there."""
        value = row.get(name)
        if value is None or value == "":
            self.refusals.missing(name)
        if not isinstance(value, str):
            self.refusals.wrong(name, "a text")
        return value

    def mapping(self, row: Row, name: str, *, required: bool = False) -> Row:
        """An object."""
        value = row.get(name)
        if value is None and required:
            self.refusals.missing(name)
        if not isinstance(value, dict | None):
            self.refusals.wrong(name, "an object")
        return value or {}

    def rows(self, row: Row, name: str) -> list[Row]:
        """A list of objects with one at least."""
        value = row.get(name)
        if value is None or value == []:
            self.refusals.missing(name)
        found = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
        if not isinstance(value, list) or len(found) < len(value):
            self.refusals.wrong(name, "a list of objects")
        return found

    def customer_id(self, row: Row, place: Place) -> str:
        """The customer_id, if it is one that MoEngage takes."""
        value = row.get("customer_id")
        if not isinstance(value, str):
            self.refusals.missing("customer_id", _NO_CUSTOMER[place])
        if not value:
            self.refusals.missing("customer_id", "customer_id can not be empty Unicode String")
        if len(value) == 1 or value in FORBIDDEN_IDS:
            self.refusals.wrong("customer_id", "an id that is not on the list of forbidden ones")
        return value

    def identifier(self, row: Row, identifiers: Sequence[str]) -> str | None:
        """The value of the first of these attributes that is there."""
        attributes = self.mapping(row, "attributes")
        for name in identifiers:
            value = attributes.get(name)
            if isinstance(value, str | int) and value != "":
                return str(value)
        return None
