"""What MoEngage refuses, in the documented words of each route, and without changing anything."""

from __future__ import annotations

import pytest
from asking_moengage import ACCEPTED, CUSTOMER, DEVICE, EVENT, OPERATIONS, authorization, path, post

from netaudience.sandbox import Credentials

pytestmark = pytest.mark.asyncio

MISMATCH = "App Secret key mismatch. Please login to the dashboard to verify key"
SUSPENDED = "Your account is suspended. Please contact MoEngage team."
UNEXPECTED = "An unexpected error was encountered while processing this request. Please contact MoEngage Team"
MISSING = "MissingAttributeError"

#: A route, a body that it refuses, and the type, message and attribute of the refusal.
REFUSED = [
    ("customer", {"type": "customer"}, MISSING, "customer_id is not found in the payload", "customer_id"),
    ("customer", {**CUSTOMER, "customer_id": 5}, MISSING, None, "customer_id"),
    (
        "customer",
        {**CUSTOMER, "customer_id": ""},
        MISSING,
        "customer_id can not be empty Unicode String",
        "customer_id",
    ),
    ("customer", {**CUSTOMER, "customer_id": "guest"}, "ValueError", None, "customer_id"),
    ("customer", {**CUSTOMER, "customer_id": "7"}, "ValueError", None, "customer_id"),
    ("customer", {**CUSTOMER, "type": "Customer"}, "AttributeError", None, "type"),
    ("customer", {**CUSTOMER, "attributes": []}, "ValueError", None, "attributes"),
    ("customer", {**CUSTOMER, "update_existing_only": "yes"}, "ValueError", None, "update_existing_only"),
    (
        "customer",
        {
            **CUSTOMER,
            "attributes": {
                "addValueToArrayField": {"first_name": ["a"]},
                "removeValueFromArrayField": {"first_name": ["b"]},
            },
        },
        "ArrayFieldError",
        "Cannot add and remove 'first_name' at the same time",
        "addValueToArrayField",
    ),
    (
        "customer",
        {**CUSTOMER, "attributes": {"platforms": [{"platform": "iOS", "active": True}]}},
        "ValueError",
        None,
        "platforms",
    ),
    (
        "customer",
        {**CUSTOMER, "attributes": {"platforms": [{"platform": "TV", "active": "true"}]}},
        "ValueError",
        None,
        "platform",
    ),
    (
        "device",
        {**DEVICE, "customer_id": None},
        MISSING,
        "'customer_id' is not found in the payload",
        "customer_id",
    ),
    ("device", {**DEVICE, "attributes": {}}, MISSING, "'platform' is not found in payload", "platform"),
    (
        "device",
        {**DEVICE, "attributes": {"platform": "android"}},
        "ValueError",
        "'platform' is not a valid platform.",
        "platform",
    ),
    ("device", {**DEVICE, "device_id": None}, MISSING, None, "device_id"),
    (
        "event",
        {**EVENT, "customer_id": None},
        MISSING,
        "customer_id is not found in the payload",
        "customer_id",
    ),
    ("event", {**EVENT, "actions": [{}]}, MISSING, "action is not found in the payload", "action"),
    ("event", {**EVENT, "actions": [{"action": 5}]}, MISSING, None, "action"),
    ("event", {**EVENT, "actions": []}, MISSING, None, "action"),
    (
        "event",
        {**EVENT, "actions": [{"action": "a", "current_time": "2999-01-01T00:00:00Z"}]},
        "ValueError",
        None,
        "current_time",
    ),
    (
        "event",
        {**EVENT, "actions": [{"action": "a", "current_time": "32503680000000"}]},
        "ValueError",
        None,
        "current_time",
    ),
    (
        "transition",
        {"type": "transition", "elements": []},
        MISSING,
        "'elements cannot be empty array",
        "elements",
    ),
    ("transition", {"type": "transition"}, MISSING, "'elements cannot be empty array", "elements"),
    ("transition", {"type": "transition", "elements": [CUSTOMER, 5]}, "ValueError", None, "elements"),
    (
        "transition",
        {"type": "transition", "elements": [CUSTOMER, {"type": "user", "customer_id": "id9"}]},
        "AttributeError",
        None,
        "type",
    ),
    (
        "transition",
        {"type": "transition", "elements": [CUSTOMER, {"type": "customer"}]},
        MISSING,
        "'customer_id not found in the payload",
        "customer_id",
    ),
    (
        "transition",
        {"type": "transition", "elements": [CUSTOMER, {**EVENT, "actions": [{}]}]},
        MISSING,
        "'action not found in the payload",
        "action",
    ),
    (
        "transition",
        {"type": "transition", "elements": [CUSTOMER, {**DEVICE, "attributes": {}}]},
        MISSING,
        "'platform' is not found in payload",
        "platform",
    ),
    (
        "transition",
        b'{"type": ',
        "Malformed JSON",
        "'Could not decode the request body. The JSON was incorrect or not decoded as UTF-8.",
        None,
    ),
    ("transition", [CUSTOMER], "Body type is not JSON", None, None),
    ("customer", b"", "Empty request body", None, None),
    (
        "customer/delete",
        {"identity_type": "customer_id", "identity_value": "nobody"},
        "Not Found",
        None,
        None,
    ),
    ("customer/delete", {"identity_value": "id1"}, MISSING, None, "identity_type"),
    ("customer/delete", {"identity_type": 5, "identity_value": "id1"}, "ValueError", None, "identity_type"),
    ("customer/merge", {"merge_data": []}, MISSING, None, "merge_data"),
    ("customer/merge", {"merge_data": [{"merged_user": "id2"}]}, MISSING, None, "retained_user"),
    (
        "customer/merge",
        {"merge_data": [{"merged_user": "id2", "retained_user": "id1"}] * 51},
        "LimitBreached",
        None,
        "merge_data",
    ),
    ("customers/export", {}, MISSING, None, "data"),
    (
        "customers/export",
        {"data": {"identifiers": [{"identifier_type": "customer_id", "identifier": "id1"}] * 21}},
        "LimitBreached",
        None,
        "identifiers",
    ),
    (
        "customers/export",
        {
            "data": {
                "identifiers": [{"identifier_type": "customer_id", "identifier": "id1"}],
                "user_fields_to_export": "u_fn",
            }
        },
        "ValueError",
        None,
        "user_fields_to_export",
    ),
    (
        "devices/manage",
        {
            "user_identifier_type": "customer_id",
            "user_identifier_value": "nobody",
            "action_type": "block",
        },
        "Not Found",
        None,
        None,
    ),
    (
        "devices/manage",
        {"user_identifier_type": "customer_id", "user_identifier_value": "id1", "action_type": "stop"},
        "ValueError",
        None,
        "action_type",
    ),
    (
        "devices/manage",
        {
            "user_identifier_type": "customer_id",
            "user_identifier_value": "id1",
            "action_type": "block",
            "device_identifiers": [],
        },
        "ValueError",
        None,
        "device_identifiers",
    ),
]


@pytest.mark.parametrize(("route", "body", "kind", "message", "attribute"), REFUSED)
async def test_a_refusal_has_the_documented_body_and_changes_nothing(
    running, route, body, kind, message, attribute
):
    async with running(demo=True) as box:
        before = [customer.to_json() for customer in box.sandbox.moengage.customers.values()]
        reply = await post(box, route, body)
        assert (reply.status, reply.json["status"]) == (400, "fail"), reply.body
        error = reply.json["error"]
        assert (error["type"], error.get("attribute")) == (kind, attribute)
        assert message in (None, error["message"])
        assert error["request_id"]
        assert [customer.to_json() for customer in box.sandbox.moengage.customers.values()] == before
        assert not any(box.sandbox.ledger.applied.values())


@pytest.mark.parametrize("route", OPERATIONS)
async def test_every_route_wants_the_key_of_its_workspace(running, route):
    keys = {"sandbox": "sandbox", "two": "second"}
    # The documents have another status for this one route.
    status = 409 if route == "customer/merge" else 401
    async with running(credentials=Credentials(moengage_keys=keys)) as box:
        reply = await box.send("POST", path(route), json={})
        assert reply.status == status
        error = reply.json["error"]
        assert set(error) == {"message", "type", "request_id"}
        assert error["message"] == "Authentication Header Required"
        for given in (
            authorization(key="wrong"),
            authorization("unknown"),
            {"Authorization": "Bearer sandbox"},
            {"Authorization": "Basic ü"},
            {"Authorization": "Basic"},
        ):
            reply = await box.send("POST", path(route), json={}, headers=given)
            error = reply.json["error"]
            words = (
                MISMATCH
                if given == authorization(key="wrong")
                else "Invalid APP_ID used in Authentication Header"
            )
            assert (reply.status, error["message"]) == (status, words), given
            assert error["type"] == "Authentication required"
        other = authorization("two", "second")
        reply = await box.send("POST", path(route), json=CUSTOMER, headers=other)
        assert (reply.status, reply.json["error"]["type"]) == (409, "Authentication Mismatch")
        reply = await box.send("POST", path(route, "nobodys"), json=CUSTOMER, headers=other)
        assert (reply.status, reply.json["error"]["type"]) == (400, "InvalidParams")


@pytest.mark.parametrize(
    "kind", ["BlockedClient", "Account Suspended", "Account Temporarily Suspended", "Blacklisted"]
)
async def test_a_suspended_account_is_refused_everywhere(running, kind):
    async with running() as box:
        box.sandbox.moengage.seed({"suspended": kind})
        for route in OPERATIONS:
            reply = await post(box, route, CUSTOMER)
            assert reply.status == (400 if route == "customer/merge" or kind == "Blacklisted" else 403)
            assert reply.json["error"]["type"] == kind
        box.sandbox.moengage.seed({"suspended": None})
        assert (await post(box, "customer", CUSTOMER)).json == ACCEPTED


@pytest.mark.parametrize("route", OPERATIONS)
async def test_content_type_and_size_are_checked_before_the_body(running, route):
    async with running() as box:
        reply = await post(box, route, b"{", **{"Content-Type": "text/plain"})
        error = reply.json["error"]
        assert reply.status == 415
        assert (error["type"], error["message"]) == (
            ("Unsupported media type", "Content type is not supported")
            if route == "event"
            else ("MediaTypeError", "Unsupported Media Type")
        )
        kilobytes = 100 if route == "transition" else 128
        for size, status in ((kilobytes * 1000, 400), (kilobytes * 1000 + 1, 413)):
            reply = await post(box, route, b"x" * size)
            assert reply.status == status
        error = reply.json["error"]
        assert error["type"] == "PayloadTooLarge"
        assert error["message"] == f"Payload size exceeds {kilobytes} KB"


@pytest.mark.parametrize("route", [route for route in OPERATIONS if "/" in route])
async def test_a_route_without_a_workspace_in_its_path_wants_an_app_id(running, route):
    async with running(demo=True) as box:
        for query in ("", "?app_id="):
            url = f"/moengage/v1/{route}{query}"
            reply = await box.send("POST", url, json={}, headers=authorization())
            assert (reply.status, reply.json["error"]["type"]) == (400, "ParamsRequired")


@pytest.mark.parametrize(
    ("route", "fault", "status", "error"),
    [
        ("customer", "status=429", 429, ("RateLimitError", "Rate limit exceeded")),
        (
            "device",
            "status=429",
            429,
            ("Rate Limits Exceeded", "Rate limits for customers exceeded. Please Try After Some Time"),
        ),
        ("customer", "status=400", 400, ("AttributeError", "Bad Request")),
        ("customer", "status=500", 500, ("ServerError", "Internal Server Error")),
        (
            "event",
            "status=500",
            500,
            ("ServerError", UNEXPECTED),
        ),
        ("customer", "status=401", 401, ("Authentication required", MISMATCH)),
        ("customer", "status=403", 403, ("BlockedClient", SUSPENDED)),
        ("customer/merge", "status=409", 409, ("Authentication required", MISMATCH)),
        ("transition", "status=413", 413, ("PayloadTooLarge", "Payload size exceeds 100 KB")),
        ("device", "status=413", 413, ("PayloadTooLarge", "Payload size exceeds 128 KB")),
    ],
)
async def test_a_fault_answers_in_the_words_of_the_route(running, route, fault, status, error):
    async with running(faults=[fault]) as box:
        reply = await post(box, route, CUSTOMER)
        assert reply.status == status
        assert (reply.json["error"]["type"], reply.json["error"]["message"]) == error


async def test_two_failures_of_delete_have_the_other_shape(running):
    async with running() as box:
        body = {"identity_type": "customer_id", "identity_value": "id1"}
        for status, title in ((429, "Rate limit exceeded"), (500, "Internal Server Error")):
            box.sandbox.set_faults([f"status={status}"])
            reply = await post(box, "customer/delete", body)
            assert (reply.status, set(reply.json)) == (status, {"status", "title", "description"})
            assert reply.json["title"] == title
        box.sandbox.set_faults(["status=503"])
        assert (await post(box, "customer/delete", body)).body == b"503 Service Unavailable"
