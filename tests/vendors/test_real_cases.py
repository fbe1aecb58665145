"""Real answers of the vendors, replayed over a real socket: what was published must read as it was meant.

The cases are not ours and are not in the project; NETAUDIENCE_CASES names their folder. A case whose
operation we do not have is skipped by its name.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest
from answering import Answer, answering
from scripted_vendors import AT_ONCE

from netaudience import CleverTapClient, Delivered, NetmeraClient, Refused, Rejected
from netaudience.vendors import VENDORS

FOLDER = os.environ.get("NETAUDIENCE_CASES", "")
OURS = {
    f"{operation.facts.method} {operation.facts.path}": operation
    for vendor in VENDORS
    for operation in vendor.operations().values()
}


def cases() -> list[Any]:
    if not FOLDER:
        return [pytest.param(None, marks=pytest.mark.skip(reason="NETAUDIENCE_CASES is not set"))]
    files = [Path(FOLDER) / f"{vendor.slug}.json" for vendor in VENDORS]
    return [
        pytest.param(
            case,
            id=case["id"],
            marks=()
            if case["operation"] in OURS
            else pytest.mark.skip(reason=f"{case['operation']} is not one of our operations"),
        )
        for file in files
        for case in orjson.loads(file.read_bytes())["cases"]
    ]


CASES = cases()

# How the vendor's own fields come back as our arguments: items, options.
_BY = {
    **{name: ("ext_id", name) for name in ("extIds", "extId")},
    "deviceToken": ("device_token", "deviceToken"),
    "emailList": ("email", "emailList"),
    "msisdnList": ("msisdn", "msisdnList"),
    "wpNumbers": ("wp_number", "wpNumbers"),
}


def call_of(case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the item or items of a case and the options of the call."""
    name, body = OURS[case["operation"]].name, case["request"]["body"]
    if body is None:
        return read_of(name, case["request"])
    options: dict[str, Any] = {"confirm": True} if name.startswith("delete_") else {}
    match name:
        case "demerge":
            return body["identities"], options
        case "tag_users" | "untag_users":
            return body["extIds"], {"tag": body["tag"]}
        case _ if isinstance(body, list) or name.startswith("update_"):
            return body, options
    by, field = next(_BY[key] for key in body)
    if not name.startswith("delete_"):
        options["by"] = by
    if "wpNumbers" in body and field != "wpNumbers":
        options["wp_numbers"] = body["wpNumbers"]
    return body[field], options


def read_of(name: str, request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the item and the options of a call without a body."""
    query = request["query"]
    match name:
        case "get_segment_users":
            return query["id"], {"os": request["headers"]["X-netmera-os"]}
        case "get_category_preferences":
            return query["externalId"], {"push_permitted": query["pushPermitted"] == "true"}
        case "get_devices":
            return query["extId"], {"only_push_permitted": query.get("pushPermitted") == "true"}
        case _:
            return None, {"page_size": int(query["max"]), "offset": int(query["offset"])}


def answer_of(case: dict[str, Any]) -> Answer:
    response = case["response"]
    body = response["body"]
    raw = b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)
    # A masked body is of another length than the recorded one.
    headers = {name: value for name, value in response["headers"].items() if name.lower() != "content-length"}
    return Answer(response["status"], headers, raw)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.asyncio
async def test_a_published_answer_is_read_as_it_was_meant(case) -> None:
    operation = OURS[case["operation"]]
    item, options = call_of(case)
    async with answering(answer_of(case)) as server:
        client: Any
        if case["vendor"] == "netmera":
            client = NetmeraClient("key", base_url=server.url, settings=AT_ONCE)
        else:
            client = CleverTapClient("a", "b", base_url=server.url, settings=AT_ONCE)
        async with client:
            bound = getattr(client, operation.name)
            if operation.shape == "pages":
                async with aclosing(bound(**options).pages()) as pages:
                    page = await anext(pages)
                assert len(page.devices) == len(case["response"]["body"]["devices"])
                outcomes = []
            elif operation.shape == "query":
                await bound(**options)
                outcomes = []
            else:
                items = item if operation.shape == "batch" else [item]
                run = bound(items, **options) if operation.shape == "batch" else bound.each(items, **options)
                async with run as stream:
                    outcomes = [outcome async for outcome in stream]
                assert [outcome.item for outcome in outcomes] == list(items)
    judge(case, outcomes)
    (request,) = server.requests
    assert f"{request.method} {request.path}" == case["operation"]
    assert (orjson.loads(request.body) if request.body else None) == case["request"]["body"]
    assert request.query == case["request"]["query"]


def judge(case: dict[str, Any], outcomes: list[Any]) -> None:
    """Compare the outcomes with the meaning that the case gives."""
    kinds = {type(outcome) for outcome in outcomes}
    match case["meaning"]["outcome"]:
        case "success" | "accepted":
            assert kinds <= {Delivered}
        case "rejected" | "all_items_failed":
            assert kinds == {Rejected}
            assert all(isinstance(outcome.reason, Refused) for outcome in outcomes)
        case other:
            pytest.fail(f"no test says what {other!r} means for {case['operation']}")


@pytest.mark.skipif(not FOLDER, reason="NETAUDIENCE_CASES is not set")
def test_most_of_the_cases_of_netmera_are_ours() -> None:
    told = [case.values[0]["operation"] for case in CASES]
    assert len([name for name in told if name in OURS]) >= 20
