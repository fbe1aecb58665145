"""Reading Fynd's bodies and queries, refusing them in Fynd's shape, and cutting lists into pages.

Every function gives a typed value or raises `Refused` with the answer that the rules name for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import attrs

from netaudience.sandbox.fynd.provenance import PAGE_SIZE
from netaudience.sandbox.protocol import Call, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer, reason

Item = TypeVar("Item")

#: The documents allow further properties: a client that breaks on one should find out here.
FURTHER: Mapping[str, object] = {"sandbox_property": {"any": ["value", None]}}


def error(status: int, message: str, code: str | None = None) -> Answer:
    """Fynd's error body."""
    name = reason(status)
    return json_answer(
        {
            "code": code or name.upper().replace(" ", "_"),
            "message": message,
            "info": None,
            "request_id": "sandbox",
            "error": name,
            "meta": {},
            "authenticated": status != 401,
        },
        status,
    )


def refusal(status: int, message: str) -> Refused:
    """A request that is not applied."""
    return Refused(error(status, message))


def record(call: Call) -> dict[str, Json]:
    """The body, which is always one JSON object."""
    try:
        body = decode(call.body)
    except ValueError:
        raise refusal(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise refusal(400, "The body must be a JSON object")
    return body


def present(body: dict[str, Json], name: str) -> Json:
    """A field that must be there; null counts as a value."""
    if name not in body:
        raise refusal(400, f"{name} is required")
    return body[name]


def text(body: dict[str, Json], name: str) -> str:
    """A required text."""
    value = present(body, name)
    if not isinstance(value, str) or not value:
        raise refusal(400, f"{name} must be a text that is not empty")
    return value


def maybe_text(body: dict[str, Json], name: str) -> str | None:
    """A text that may be left out."""
    return text(body, name) if name in body else None


def maybe_flag(body: dict[str, Json], name: str) -> bool | None:
    """A boolean that may be left out."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise refusal(400, f"{name} must be true or false")
    return value


def maybe_whole(body: dict[str, Json], name: str, default: int) -> int:
    """A number from 1 that may be left out."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise refusal(400, f"{name} must be a whole number from 1")
    return value


def mapping(body: dict[str, Json], name: str) -> dict[str, Json]:
    """A required JSON object."""
    value = present(body, name)
    if not isinstance(value, dict):
        raise refusal(400, f"{name} must be an object")
    return value


def mappings(body: dict[str, Json], name: str) -> list[dict[str, Json]]:
    """A required list of JSON objects, at least one."""
    value = present(body, name)
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or not rows or len(rows) < len(value):
        raise refusal(400, f"{name} must be a list of objects that is not empty")
    return rows


def texts(body: dict[str, Json], name: str) -> list[str]:
    """A required list of texts, at least one."""
    value = present(body, name)
    found = [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []
    if not isinstance(value, list) or not found or len(found) < len(value):
        raise refusal(400, f"{name} must be a list of texts that is not empty")
    return found


def asked_flag(call: Call, name: str) -> bool | None:
    """An optional boolean of the query, written as true or false."""
    value = call.query.get(name)
    if value not in (None, "true", "false"):
        raise refusal(400, f"{name} must be true or false")
    return None if value is None else value == "true"


def asked_whole(call: Call, name: str, default: int) -> int:
    """An optional number of the query, from 1."""
    value = call.query.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise refusal(400, f"{name} must be a whole number from 1")
    return int(value)


def contains(value: str, wanted: str | None) -> bool:
    """Whether a name passes a filter."""
    return wanted is None or wanted.casefold() in value.casefold()


def equals(value: object, wanted: object) -> bool:
    """Whether a value passes a filter."""
    return wanted is None or value == wanted


@attrs.frozen
class NumberPage:
    """A page asked for by its number."""

    number: int
    size: int

    @classmethod
    def asked(cls, call: Call) -> NumberPage:
        """The page that a query names."""
        return cls(asked_whole(call, "page_no", 1), asked_whole(call, "page_size", PAGE_SIZE))

    def cut(self, items: Sequence[Item], render: Callable[[Item], object]) -> Answer:
        """Answer with this page of a list."""
        start = (self.number - 1) * self.size
        end = start + self.size
        page: dict[str, object] = {
            "type": "number",
            "current": self.number,
            "size": self.size,
            "item_total": len(items),
            "has_next": end < len(items),
            "has_previous": self.number > 1,
            **FURTHER,
        }
        return json_answer({"items": [render(item) for item in items[start:end]], "page": page})


@attrs.frozen
class CursorPage:
    """A page asked for by the entry before it or after it, or by its number."""

    plain: NumberPage
    cursor: str | None
    backwards: bool

    @classmethod
    def asked(cls, call: Call) -> CursorPage:
        """The page that a query names."""
        direction = call.query.get("direction", "next")
        if direction not in ("next", "prev"):
            raise refusal(400, "direction must be next or prev")
        return cls(NumberPage.asked(call), call.query.get("cursor") or None, direction == "prev")

    def cut(self, ids: Sequence[str], render: Callable[[str], object]) -> Answer:
        """Answer with this page of a list; raises `Refused` for a cursor that is not in it."""
        size = self.plain.size
        start = (self.plain.number - 1) * size
        end = start + size
        if self.cursor is not None:
            try:
                edge = ids.index(self.cursor)
            except ValueError:
                raise refusal(400, "The cursor is not one of this list") from None
            start, end = (max(0, edge - size), edge) if self.backwards else (edge + 1, edge + 1 + size)
        shown = ids[start:end]
        has_next = end < len(ids)
        has_previous = bool(shown) and start > 0
        page: dict[str, object] = {
            "type": "cursor",
            "current": start // size + 1,
            "size": size,
            "has_next": has_next,
            "has_prev": has_previous,
            "next_cursor": shown[-1] if has_next else None,
            "prev_cursor": shown[0] if has_previous else None,
            **FURTHER,
        }
        return json_answer({"items": [render(each) for each in shown], "page": page})


def moment(wall: float) -> str:
    """A date and time as the vendor's samples write it."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
