"""From a recorded request back to the call that makes it: which operation, which items, which options.

Where several operations share a route, the body chooses. It knows the vendors' routes and nothing of answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs
from scripted_vendors import Table
from tables import TABLES

from netaudience.operations.dispatch import Operation

__all__ = ["Replay", "operations_for", "replay_of"]

Case = Mapping[str, Any]


@attrs.frozen
class Replay:
    """A call that makes a recorded request."""

    operation: Operation
    #: The items, one for a call; nothing where it takes none.
    items: list[Any] | None
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


def shape(path: str) -> str:
    """Return a template without the names of its parameters, which differ from client to client."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


_TABLES: Mapping[str, Table] = {table.vendor.slug: table for table in TABLES}


def operations_for(case: Case) -> dict[str, Operation]:
    """Return our operations on the case's route, by name."""
    method, _, path = case["operation"].partition(" ")
    return {
        name: operation
        for name, operation in _TABLES[case["vendor"]].vendor.operations().items()
        if (operation.facts.method, shape(operation.facts.path)) == (method, shape(path))
    }


def replay_of(case: Case) -> Replay:
    """Return the call of a case; where no request was recorded, a golden request asks for the answer."""
    operations = operations_for(case)
    request = case["request"]
    recorded = (
        request["body"] is not None or re.search(r"\{(email|userId|listId)\}", case["operation"]) is not None
    )
    if recorded or request.get("query"):
        name, items, options = _RECORDED[case["vendor"]](case, set(operations))
        return Replay(operations[name], items, options)
    return _example(_TABLES[case["vendor"]], operations)


def _example(table: Table, operations: Mapping[str, Operation]) -> Replay:
    golden = next(golden for golden in table.golden if golden.operation in operations)
    operation = operations[golden.operation]
    items = list(golden.arguments)
    if operation.shape == "batch":
        (items,) = golden.arguments
    return Replay(operation, items if golden.arguments else None, golden.options)


Call = tuple[str, list[Any] | None, dict[str, Any]]

# Netmera: how its own fields come back as our arguments.
_BY = {
    **{name: ("ext_id", name) for name in ("extIds", "extId")},
    "deviceToken": ("device_token", "deviceToken"),
    "emailList": ("email", "emailList"),
    "msisdnList": ("msisdn", "msisdnList"),
    "wpNumbers": ("wp_number", "wpNumbers"),
}


def _netmera(case: Case, names: set[str]) -> Call:
    (name,) = names
    request = case["request"]
    body, query = request["body"], request["query"]
    options: dict[str, Any] = {"confirm": True} if name.startswith("delete_") else {}
    match name:
        case "get_segment_users":
            # The recording has the page's placeholder, and knew no pages.
            return name, None, {"segment_id": 5883}
        case "get_category_preferences":
            return name, [query["externalId"]], {"push_permitted": query["pushPermitted"] == "true"}
        case "get_devices":
            return name, [query["extId"]], {"only_push_permitted": query.get("pushPermitted") == "true"}
        case "get_device_tokens":
            return name, None, {"page_size": int(query["max"]), "offset": int(query["offset"])}
        case "count_targeted_users":
            return name, None, body["target"]
        case "count_users_by_value":
            return name, None, {**body["groupBy"], "values": body["values"]}
        case "tag_users" | "untag_users":
            return name, body["extIds"], {"tag": body["tag"]}
        case "add_email" | "add_msisdn":
            (items,) = body.values()
            # The recording masks a number's digits, and what is left is no number.
            return name, [item.replace("xxxxxxxx", "5321234567") for item in items], options
        case "remove_email" | "remove_msisdn" | "remove_whats_app":
            return name, [body["extId"]], options
        case _ if isinstance(body, list):
            return name, body, options
        case "update_whats_app":  # the recording is of an older installation
            return name, [{"extId": body["extId"], "wpNumber": body["wpNumbers"][0]}], options
        case _ if name.startswith("update_"):
            return name, [body], options
    by, field = next(_BY[key] for key in body)
    if not name.startswith("delete_"):
        options["by"] = by
    if "wpNumbers" in body and field != "wpNumbers":
        options["wp_numbers"] = body["wpNumbers"]
    items = body[field]
    return name, items if isinstance(items, list) else [items], options


def _iterable(case: Case, names: set[str]) -> Call:
    body, url = case["request"]["body"], case["request"]["url"]
    if body is None:
        (name,) = names
        if name == "get_list_users":
            return name, None, {"list_id": int(case["request"]["query"]["listId"])}
        if name == "get_sent_messages":
            return name, [case["request"]["query"]["email"]], {}
        if name == "delete_list":
            return name, [int(url.rpartition("/")[2])], {}
        return name, [unquote(url.rpartition("/")[2])], {}
    if "forget_user" in names:
        name, field = ("forget_user", "email") if "email" in body else ("forget_user_by_user_id", "userId")
        return name, [body[field]], {}
    if "track_event" in names:
        return "track_event" if "id" in body else "track_event_without_id", [body], {}
    if "track_events" in names:
        with_ids = all("id" in event for event in body["events"])
        return "track_events" if with_ids else "track_events_without_ids", body["events"], {}
    (name,) = names
    match name:
        case "register_device_token":
            return name, [{**body["device"], **{k: v for k, v in body.items() if k != "device"}}], {}
        case "disable_device":
            return name, [body], {"everywhere": not {"email", "userId"} & body.keys()}
        case "bulk_update_users":
            return name, body["users"], {}
        case "bulk_update_subscriptions":
            return name, body["updateSubscriptionsRequests"], {}
        case "subscribe_to_list" | "unsubscribe_from_list":
            return name, body["subscribers"], {"list_id": body["listId"]}
        case _:
            return name, [body], {}


def _clevertap(case: Case, names: set[str]) -> Call:
    body = case["request"]["body"]
    if body is None:
        (by,) = case["request"]["query"]
        return "get_profile", [case["request"]["query"][by]], {"by": by}
    if "d" not in body:
        (name,) = names & {"count_profiles", "count_events", "get_events"}
        since = {"event_name": body["event_name"], "from_date": body["from"], "to_date": body["to"]}
        if properties := body.get("event_properties"):
            since["event_properties"] = properties
        return name, None, since
    records = body["d"]
    kinds = {"profile": "upload_profiles", "event": "upload_events", "token": "upload_device_tokens"}
    name = kinds[records[0]["type"]]
    assert name in names
    return name, [{key: value for key, value in record.items() if key != "type"} for record in records], {}


def _moengage(case: Case, names: set[str]) -> Call:
    body = case["request"]["body"]
    if "identity_value" in body:
        (name,) = names
        return name, [body["identity_value"]], {"by": body["identity_type"], "confirm": True}
    elements = body.get("elements", [body])
    kind = elements[0]["type"]
    # A run carries elements of one type; those of another in the same recorded request are another run.
    rows = [_moengage_row(element) for element in elements if element["type"] == kind]
    thing = {"customer": "user", "device": "device", "event": "event"}[kind]
    (name,) = names & {f"track_{thing}", f"import_{thing}s"}
    return name, rows, {}


def _moengage_row(element: Mapping[str, Any]) -> dict[str, Any]:
    who = {key: value for key, value in element.items() if key not in {"type", "actions", "attributes"}}
    match element["type"]:
        case "event":
            (action,) = element["actions"]
            return {**who, **action}
        case "device":
            return {**who, **element["attributes"]}
        case _:
            return {**who, "attributes": element["attributes"]}


_RECORDED: Mapping[str, Callable[[Case, set[str]], Call]] = {
    "netmera": _netmera,
    "iterable": _iterable,
    "clevertap": _clevertap,
    "moengage": _moengage,
}
