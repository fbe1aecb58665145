"""Reading Netmera's bodies and queries, and refusing them in Netmera's words.

Every function gives a typed value or raises `Refused` with the answer that the rules name for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from netaudience.sandbox.netmera.provenance import MAX_EXT_IDS
from netaudience.sandbox.protocol import Call, Json, decode
from netaudience.sandbox.responses import Refused, json_answer, problem_answer

INTERNAL = 2001
TYPE_MISMATCH = 2004
NOT_JSON = 2009
KEY_INVALID = 2010
MISSING = 2020
NOT_DRAFT = 2103
NO_MESSAGE = 5003
NO_USER = 5016
QUOTA = 5022
NAME_TAKEN = 5025
NO_SEGMENT = 5042
NO_ADDRESS = 6000


def refusal(code: int, error: str, status: int = 400) -> Refused:
    """Netmera's own error shape."""
    return Refused(json_answer({"code": code, "error": error}, status))


def mismatch(name: str, wanted: str) -> Refused:
    """A field that has the wrong type."""
    return refusal(TYPE_MISMATCH, f"Field '{name}' should be a {wanted}")


def missing(name: str) -> Refused:
    """A field that is not there."""
    return refusal(MISSING, f"Required parameter '{name}' is missing")


def document(call: Call) -> Json:
    """The decoded body."""
    content_type = call.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(problem_answer(415, "Send the body as application/json.", call.url))
    try:
        return decode(call.body)
    except ValueError:
        raise refusal(NOT_JSON, "Invalid JSON") from None


def record(call: Call) -> dict[str, Json]:
    """The body of an operation that takes one object."""
    body = document(call)
    if not isinstance(body, dict):
        raise mismatch("body", "JSON object")
    return body


def unexpected(status: int = 400, code: int = INTERNAL) -> Refused:
    """What the vendor answers where it means something else: trying later never helps."""
    return refusal(code, "An unexpected error occurred, please retry later", status)


def listed(call: Call) -> list[Json]:
    """The body of an operation that takes a bare array, whatever is in it."""
    body = document(call)
    if not isinstance(body, list):
        raise refusal(NOT_JSON, "Invalid JSON")
    return body


def records(call: Call) -> list[dict[str, Json]]:
    """The body of an operation that takes a bare array of objects."""
    body = listed(call)
    if not body:
        raise missing("body")
    rows = [row for row in body if isinstance(row, dict)]
    if len(rows) < len(body):
        raise mismatch("body", "list of JSON objects")
    return rows


def present(row: dict[str, Json], name: str) -> Json:
    """A field that must be there; null counts as missing."""
    value = row.get(name)
    if value is None:
        raise missing(name)
    return value


def text(row: dict[str, Json], name: str, *, may_be_empty: bool = False) -> str:
    """A required text."""
    value = present(row, name)
    if not isinstance(value, str):
        raise mismatch(name, "text")
    if not value and not may_be_empty:
        raise missing(name)
    return value


def texts(row: dict[str, Json], name: str, *, may_be_empty: bool = False) -> list[str]:
    """A required list of texts."""
    value = present(row, name)
    if not isinstance(value, list):
        raise mismatch(name, "list")
    found = [item for item in value if isinstance(item, str)]
    if len(found) < len(value):
        raise mismatch(name, "list of texts")
    if not may_be_empty and not (found and all(found)):
        raise missing(name)
    return found


def maybe_flag(row: dict[str, Json], name: str) -> bool:
    """A boolean that is false where it is not given."""
    return flag(row, name) if row.get(name) is not None else False


def flag(row: dict[str, Json], name: str) -> bool:
    """A required boolean."""
    value = present(row, name)
    if not isinstance(value, bool):
        raise mismatch(name, "boolean")
    return value


def mapping(row: dict[str, Json], name: str) -> dict[str, Json]:
    """A required JSON object."""
    value = present(row, name)
    if not isinstance(value, dict):
        raise mismatch(name, "JSON object")
    return value


def count_ids(ext_ids: Collection[str]) -> None:
    """Refuse more than 1000 unique ids; the same id may stand in many rows."""
    if len(ext_ids) > MAX_EXT_IDS and len(set(ext_ids)) > MAX_EXT_IDS:
        raise refusal(TYPE_MISMATCH, f"Maximum {MAX_EXT_IDS} unique external IDs per request")


def asked(call: Call, name: str) -> str:
    """A required parameter of the query."""
    value = call.query.get(name)
    if not value:
        raise missing(name)
    return value


def asked_flag(call: Call, name: str) -> bool | None:
    """An optional boolean of the query, written as true or false."""
    value = call.query.get(name)
    if value is None:
        return None
    if value not in ("true", "false"):
        raise mismatch(name, "boolean")
    return value == "true"


def asked_number(call: Call, name: str, default: int, least: int) -> int:
    """An optional whole number of the query."""
    value = call.query.get(name)
    if value is None:
        return default
    number = whole(value, name)
    if number < least:
        raise mismatch(name, f"number from {least}")
    return number


def asked_list(call: Call, name: str) -> list[str]:
    """An optional list of the query, as repeated parameters or with commas."""
    values: Iterable[str] = call.query.getall(name, [])
    return [item.strip() for value in values for item in value.split(",") if item.strip()]


def whole(value: str, name: str) -> int:
    """A whole number written as text."""
    try:
        return int(value)
    except ValueError:
        raise mismatch(name, "number") from None
