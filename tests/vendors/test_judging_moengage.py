"""How MoEngage's answers are judged: by the error's type first, for two routes misuse the statuses.

The bodies are those of its own description; then come those of whatever stands in front of it.
"""

from __future__ import annotations

import pickle

import orjson
import pytest
from golden_moengage import ACCEPTED
from scripted_vendors import reply

from netaudience import (
    AccountError,
    Misconfigured,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from netaudience.model.wire import Response
from netaudience.vendors.moengage.answers import blame_export, classify


def fail(kind: object, message: object = "", attribute: str | None = None) -> dict[str, object]:
    about = {} if attribute is None else {"attribute": attribute}
    return {"status": "fail", "error": {**about, "message": message, "type": kind, "request_id": "ZbPXtKFL"}}


def judged(response: Response):
    error = classify(response)
    assert error is not None
    assert error.vendor == "MoEngage"
    assert error.status == response.status
    return error


SUSPENDED = "Your account is suspended. Please contact MoEngage team."
DOCUMENTED = [
    (400, "MissingAttributeError", "customer_id is not found in the payload", Refused),
    (400, "ArrayFieldError", "Cannot add and remove 'first_name' at the same time", Refused),
    (400, "ValueError", "'platform' is not a valid platform.", Refused),
    (400, "AttributeError", "'type' must be customer", Refused),
    (400, "Malformed JSON", "'Could not decode the request body.", Refused),
    (400, "LimitBreached", "max limit allowed is 20", Refused),
    (400, "Not Found", "User doesn't exists with customer id b3XSJ7iXvqlCcrYGd5SB5m2m93eG9==", NotFound),
    (401, "Authentication required", "App Secret key mismatch.", Unauthorized),
    (401, "Authentication required", "Authentication Header Required", Unauthorized),
    (403, "BlockedClient", SUSPENDED, Misconfigured),
    (403, "Account Suspended", SUSPENDED, Misconfigured),
    (403, "Account Temporarily Suspended", SUSPENDED, Misconfigured),
    (413, "PayloadTooLarge", "Payload size exceeds 128 KB", TooLarge),
    (413, "Payload too large", "Payload cannot exceed 128KB", TooLarge),
    (415, "MediaTypeError", "Unsupported Media Type", Misconfigured),
    (415, "Unsupported media type", "Content type is not supported", Misconfigured),
    (429, "RateLimitError", "Rate limit exceeded", Throttled),
    (429, "Rate Limits Exceeded", "Rate limits for customers exceeded.", Throttled),
    (500, "ServerError", "Internal Server Error", ServerFault),
    (500, "Server Error", "An unexpected error was encountered", ServerFault),
    # The merge's own: authentication as 409, a suspended account as 400, full stops.
    (409, "Authentication required.", "App key mismatch in params and authentication.", Unauthorized),
    (409, "Conflict", "App Secret key is not set.", Unauthorized),
    (400, "Account Suspended", "Account Suspended.", Misconfigured),
    (400, "Blacklisted", "Your account is blacklisted, Please contact MoEngage.", Misconfigured),
    (400, "Missing header value", "The Content-Type Header is required.", Misconfigured),
    (403, "Account Temporarily Suspended.", "Account Temporarily Suspended.", Misconfigured),
]


@pytest.mark.parametrize(("status", "kind", "message", "wanted"), DOCUMENTED)
def test_a_documented_failure(status, kind, message, wanted) -> None:
    error = judged(reply(status, fail(kind, message)))
    assert type(error) is wanted
    assert not isinstance(error, AccountError) or error.remedy


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 502])
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("Authentication required", Unauthorized),
        ("Account Suspended", Misconfigured),
        ("RateLimitError", Throttled),
        ("PayloadTooLarge", TooLarge),
        ("MissingAttributeError", Refused),
        ("InvalidParams", Misconfigured),
        ("ParamsRequired", Misconfigured),
        ("Blacklisted", Misconfigured),
        ("Authentication Mismatch", Unauthorized),
        ("TypeError", Refused),
    ],
)
def test_the_type_counts_before_the_status(status, kind, wanted) -> None:
    assert type(judged(reply(status, fail(kind)))) is wanted


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (400, "BadArgument", Refused),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Unauthorized),
        (404, "NotFound", NotFound),
        (409, "Conflict", Refused),
        (429, "TooManyRequests", Throttled),
    ],
)
def test_a_code_of_the_routes_about_consents_counts_as_it_is_documented(status, code, wanted) -> None:
    error = judged(reply(status, {"error": {"code": code, "message": "as it is told", "target": "email"}}))
    assert type(error) is wanted
    assert error.code == code


#: Samples of the vendor's own files about opt-ins, resubscriptions and categories: the status, the body, what
#: it is, and the word that is told. https://github.com/moengage/moengage-documentation/tree/main/api
_DATA_IS = {"code": "400 Bad Request", "message": "Request Data is invalid"}
_NOBODY = "No users found with the provided customer_id or email_id. Please check the same."
_PROJECT = "MOE-PROJECT-CODE header missing in request"
SAMPLES = [
    (
        400,
        {"error": {**_DATA_IS, "details": {"target": "customer_id", "message": _NOBODY}}},
        NotFound,
        "No users",
    ),
    (
        400,
        {"error": {**_DATA_IS, "details": {"target": "categories", "message": "Categories are inactive"}}},
        Refused,
        "inactive",
    ),
    (
        400,
        {"response_id": "r", "error": {"message": _PROJECT, "err_code": "InvalidHeaderValue"}},
        Misconfigured,
        "project_code",
    ),
    (400, {"title": "MOE-PROJECT-CODE", "description": _PROJECT}, Misconfigured, "project_code"),
    (400, {"title": "Payload Limit Exceeded", "description": "Payload limit is set to 50"}, Refused, "50"),
    (
        401,
        {"response_id": "r", "error": {"message": "No match", "err_code": "HeaderMismatch"}},
        Unauthorized,
        "key",
    ),
    (401, {"title": "Header required", "description": "MOE-APPKEY missing in Header"}, Unauthorized, "key"),
    (
        405,
        {"response_id": "r", "error": {"message": "Only POST", "err_code": "MethodNotAllowed"}},
        Misconfigured,
        "base URL",
    ),
    (409, {"title": "API SECRET not configured", "description": "no secret"}, Unauthorized, "key"),
    (
        415,
        {"response_id": "r", "error": {"message": "No header", "err_code": "HeaderMissing"}},
        Misconfigured,
        "Content-Type",
    ),
    (
        429,
        {"title": "Rate-Limit Reached", "description": "Exceeded rate limit for this url"},
        Throttled,
        "limit",
    ),
    (
        500,
        {"response_id": "r", "error": {"message": "Oh", "err_code": "INTERNAL_SERVER_ERROR"}},
        ServerFault,
        "Oh",
    ),
]


@pytest.mark.parametrize(("status", "body", "wanted", "word"), SAMPLES)
def test_a_failure_in_the_vendors_files_is_what_it_says_there(status, body, wanted, word) -> None:
    error = judged(reply(status, body))
    assert type(error) is wanted
    assert word in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {"response_id": "r", "type": "t", "data": {"message": "Accepted"}},
        {"message": "Accepted", "response_id": "r"},
        {"message": "Accepted"},
    ],
)
def test_a_success_of_the_routes_about_consents_is_one(body) -> None:
    assert classify(reply(202, body)) is None


def test_a_type_that_is_not_known_is_judged_by_its_status_and_told() -> None:
    error = judged(reply(400, fail("NewError", "given app_id is invalid/blocked")))
    assert type(error) is Refused
    assert "NewError" in str(error)
    assert type(judged(reply(403, fail("Forbidden", "no")))) is Unauthorized
    assert type(judged(reply(503, fail("Overloaded", "later")))) is Unavailable


def test_an_unknown_route_is_not_an_unknown_user() -> None:
    assert type(judged(reply(404, fail("Not Found", "no such route")))) is Misconfigured
    assert type(judged(reply(405))) is Misconfigured


# The route of the delete has a title and a description in place of an error.
TITLED = {"status": "fail", "title": "Rate limit exceeded", "description": "Exceeded rate limit for this url"}
FAULT = {"status": "fail", "title": "Internal Error", "description": "Please contact the MoEngage team."}


def test_the_other_shape_of_a_failure() -> None:
    throttled, fault = judged(reply(429, TITLED, Retry_After="7")), judged(reply(500, FAULT))
    assert (type(throttled), type(fault)) == (Throttled, ServerFault)
    assert throttled.retry_after == 7.0
    assert "Exceeded rate limit" in str(throttled)
    assert fault.may_have_happened


def test_a_fault_of_its_program_leaves_open_what_was_done() -> None:
    assert judged(reply(500, fail("ServerError"))).may_have_happened


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("header", "seconds"), [("9", 9.0), ("later", None)])
def test_what_the_vendor_asks_to_wait_is_kept(status, header, seconds) -> None:
    assert judged(reply(status, b"", "", Retry_After=header)).retry_after == seconds
    assert judged(reply(429, fail("RateLimitError"), Retry_After=header)).retry_after == seconds


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "body",
    [
        orjson.loads(ACCEPTED),
        {"status": "success", "operation": "created"},
        {"status": "success", "type": "export_users", "data": {"users": []}},
        {"status": "Success"},
    ],
)
def test_a_success(status, body) -> None:
    assert classify(reply(status, body)) is None


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (fail("MissingAttributeError", "customer_id is not found"), Refused),
        (fail("Authentication required", "mismatch"), Unauthorized),
        (fail("Not Found", "no user"), NotFound),
        ({"status": "fail"}, Refused),
        ({"status": "failure", "message": "no"}, Refused),
        (TITLED, Throttled),
        # An error that calls itself a success is an error.
        ({"status": "success", "error": {"type": "ValueError", "message": "x"}}, Refused),
    ],
)
def test_a_failure_under_200_is_a_failure(body, wanted) -> None:
    assert type(judged(reply(200, body))) is wanted


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"<html>Log in to the hotel's network</html>", "text/html"),
        (b"Welcome", "text/plain"),
        (b'{"status":"succ', "application/json"),
        (b"{}", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"success"', "application/json"),
        (b'{"status":true}', "application/json"),
        (b'{"status":["success"]}', "application/json"),
        (b'{"message":"Your request has been accepted","more":1}', "application/json"),
        # Nothing documents a part of a success, so what it would mean is not known.
        (b'{"status":"partial"}', "application/json"),
    ],
)
def test_a_200_that_says_neither_leaves_it_open(body, content_type) -> None:
    error = judged(reply(200, body, content_type))
    assert type(error) is Unreadable
    assert error.may_have_happened
    assert "<" not in str(error)


def test_an_answer_longer_than_we_read_is_unreadable() -> None:
    assert type(judged(Response(200, reply().headers, ACCEPTED.encode(), truncated=True))) is Unreadable


@pytest.mark.parametrize(
    ("status", "body", "content_type", "wanted"),
    [
        (301, b"", "", Misconfigured),
        (400, b"<html>Bad Request</html>", "text/html", Refused),
        (400, b'{"error":"text"}', "application/json", Refused),
        (400, b'{"status":"fail","error":{"type":5,"message":["x"]}}', "application/json", Refused),
        (400, b'{"status":"fail","err', "application/json", Refused),
        (401, b"", "", Unauthorized),
        (403, b"<html>Forbidden</html>", "text/html", Unauthorized),
        (404, b"not found", "text/plain", Misconfigured),
        (408, b"", "", Unavailable),
        (413, b"<html>Too Large</html>", "text/html", TooLarge),
        (429, b"slow down", "text/plain", Throttled),
        # A proxy's own 500 is no fault of a single request.
        (500, b"<html>Error</html>", "text/html", Unavailable),
        (500, b'{"title":"Internal Server Error"}', "application/json", Unavailable),
        (502, b"502 Bad Gateway", "text/plain", Unavailable),
        (503, b'{"title":"Service Unavailable","status":503}', "application/json", Unavailable),
        (504, b"", "", Unavailable),
    ],
)
def test_what_stands_in_front_is_judged_by_its_status(status, body, content_type, wanted) -> None:
    error = judged(reply(status, body, content_type))
    assert type(error) is wanted
    assert "<" not in str(error)


def test_no_identifier_and_no_request_id_is_told() -> None:
    message = "User a.b@example.com with id b3XSJ7iXvqlCcrYGd5SB5m2m93eG9-9e9HPXd9 doesn't exists"
    error = judged(reply(400, fail("Not Found", message)))
    for told in (str(error), repr(error), str(vars(error))):
        assert "example" not in told
        assert "b3XSJ7" not in told
        # New in every answer, so that no two refusals would count as one reason.
        assert "ZbPXtKFL" not in told
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# Who was not found.


def found(count: int, *missing: object) -> Response:
    users = [{"user_attributes": {"name": "John"}}] * count
    data = {"users": users, "users_not_found": list(missing)}
    return reply(200, {"status": "success", "type": "export_users", "data": data})


def unknown(identifier: str) -> dict[str, str]:
    return {"identifier_type": "customer_id", "identifier": identifier}


@pytest.mark.parametrize(
    ("response", "refused", "unattributed"),
    [
        (found(3), set(), False),
        (found(2, unknown("b1")), {1}, False),
        (found(2, "b1"), {1}, False),
        (found(0, unknown("a1"), unknown("b1"), "c1"), {0, 1, 2}, False),
        # One is missing, and nobody says who.
        (found(2), set(), True),
        (found(1, unknown("b1")), {1}, True),
        (found(0), set(), True),
        # Somebody is named whom nobody asked about, or in a form that nobody knows.
        (found(2, unknown("B1")), set(), True),
        (found(2, {"identifier": 5}), set(), True),
        (found(2, ["b1"]), set(), True),
        (found(1, unknown("b1"), unknown("x")), {1}, True),
        # What became of all of them is counted, whoever else is named.
        (found(2, unknown("b1"), unknown("x")), {1}, False),
        (reply(200, {"status": "success", "data": {"users": {}, "users_not_found": {}}}), set(), True),
    ],
)
def test_who_is_not_found_is_named_or_looked_for(response, refused, unattributed) -> None:
    assert classify(response) is None
    blame = blame_export(response, ["a1", "b1", "c1"])
    assert set(blame.refused) == refused
    assert all(type(error) is NotFound for error in blame.refused.values())
    assert (blame.unattributed is not None) == unattributed
    assert not blame.retryable


@pytest.mark.parametrize("body", [{"status": "success"}, {"status": "success", "data": []}])
def test_an_answer_without_users_is_not_asked_for_one_by_one(body) -> None:
    blame = blame_export(reply(200, body), ["a1", "b1"])
    assert type(blame.unread) is Unreadable
    assert (blame.refused, blame.unattributed) == ({}, None)


def test_one_user_asked_about_twice_is_one_user() -> None:
    assert not blame_export(found(2), ["a1", "b1", "a1"])
    assert set(blame_export(found(1, unknown("a1")), ["a1", "b1", "a1"]).refused) == {0, 2}


def test_more_users_than_were_asked_for_are_told() -> None:
    blame = blame_export(found(3), ["a1", "b1"])
    assert blame.warnings
    assert not blame.refused


def test_a_refusal_of_an_export_names_nobody() -> None:
    assert not blame_export(reply(400, fail("LimitBreached", "max limit allowed is 20", "users")), ["a1"])
