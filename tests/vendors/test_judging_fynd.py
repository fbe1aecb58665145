"""How Fynd's answers are judged: status first, the SDKs' error body where there is one, and no false success.

Source: https://github.com/gofynd/fdk-client-python (APIError)
"""

from __future__ import annotations

import math

import pytest
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
from netaudience.errors import VendorError
from netaudience.model.wire import Response
from netaudience.vendors.fynd.answers import classify, read_token


def judged(response: Response) -> VendorError:
    error = classify(response)
    assert error is not None
    return error


def api_error(words: str, code: object = "SOME_CODE") -> dict[str, object]:
    return {
        "code": code,
        "message": words,
        "info": "https://example.com/help",
        "request_id": "4b2f0c",
        "error": "Error",
        "meta": {"user_id": "64f222222222222222222222"},
        "authenticated": True,
    }


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "body",
    [
        {"_id": "1"},
        {"items": [], "page": {}},
        {"message": "Deleted", "success": "true"},
        {"message": "Deleted", "success": True},
        {"message": "Deleted", "success": "ok"},
        {"success": None},
        {"items": [{"success": False}]},
        {},
    ],
)
def test_success(status, body) -> None:
    assert classify(reply(status, body)) is None


# Status, kind, may have happened.
JUDGED = [
    (301, Misconfigured, False),
    (307, Misconfigured, False),
    (400, Refused, False),
    (401, Unauthorized, False),
    (403, Unauthorized, False),
    (405, Misconfigured, False),
    (408, Unavailable, True),
    (409, Refused, False),
    (413, TooLarge, False),
    (422, Refused, False),
    (429, Throttled, False),
    (500, ServerFault, True),
    (502, Unavailable, True),
    (503, Unavailable, True),
    (504, Unavailable, True),
]


@pytest.mark.parametrize(("status", "kind", "may_have_happened"), JUDGED, ids=[str(row[0]) for row in JUDGED])
@pytest.mark.parametrize("told", ["json", "empty", "html", "cut", "text", "list", "cut off"])
def test_the_status_decides_where_it_is_no_success(status, kind, may_have_happened, told) -> None:
    answers = {
        "json": reply(status, api_error("Something is wrong")),
        "empty": reply(status),
        "html": reply(status, b"<html>Something is wrong", "text/html"),
        "cut": reply(status, b'{"message":"Someth', "application/json"),
        "text": reply(status, b"Something is wrong", "text/plain"),
        "list": reply(status, [api_error("Something is wrong")]),
        "cut off": Response(status, reply(status, {}).headers, b'{"message":"x"}', truncated=True),
    }
    error = judged(answers[told])
    # A body that is not the vendor's own comes from what stands before its program.
    assert type(error) is (Unavailable if kind is ServerFault and told != "json" else kind)
    assert (error.vendor, error.status) == ("Fynd", status)
    assert error.may_have_happened is may_have_happened
    assert f"HTTP {status}" in str(error)
    assert "<" not in str(error)
    if told == "json" and status >= 400:
        assert error.vendor_message == "Something is wrong"
        assert "Something is wrong" in str(error)


@pytest.mark.parametrize(
    ("code", "shown"), [("NOT_ALLOWED", "NOT_ALLOWED"), (4001, 4001), ("", None), (None, None), (True, None)]
)
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_the_vendors_code_is_kept(status, code, shown) -> None:
    assert judged(reply(status, api_error("No", code))).code == shown


def test_words_come_from_the_error_where_there_is_no_message() -> None:
    assert judged(reply(400, {"error": "Bad value"})).vendor_message == "Bad value"
    assert judged(reply(400, {"message": None, "error": {"a": 1}})).vendor_message == ""


def test_a_404_of_the_vendors_own_names_what_is_not_there() -> None:
    error = judged(reply(404, api_error("User group not found")))
    assert type(error) is NotFound
    assert "deletion that is sent a second time" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        reply(404),
        reply(404, b"Cannot PATCH /service/platform/user", "text/html"),
        reply(404, b"404 page not found", "text/plain"),
        reply(404, {}),
        reply(404, {"status": "missing"}),
        reply(404, []),
    ],
)
def test_a_404_of_something_else_is_about_the_route_and_stops_the_run(answer) -> None:
    error = judged(answer)
    assert type(error) is Misconfigured
    assert isinstance(error, AccountError)


def test_a_token_that_is_not_accepted_twice_stops_the_run_and_says_where_to_look() -> None:
    error = judged(reply(401, api_error("Unauthorized")))
    assert isinstance(error, AccountError)
    assert "application id" in str(error)
    assert "scopes" in str(judged(reply(403, api_error("Forbidden"))))


@pytest.mark.parametrize("success", [False, "false", "False"])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_what_says_that_it_did_not_succeed_did_not(status, success) -> None:
    error = judged(reply(status, {"success": success, "message": "Nothing was deleted", "code": "NO"}))
    assert type(error) is Refused
    assert (error.status, error.vendor_message, error.code) == (status, "Nothing was deleted", "NO")


@pytest.mark.parametrize(
    ("body", "content_type", "what"),
    [
        (b"", "", "empty"),
        (b"", "application/json", "empty"),
        (b"<html>Log in to the hotel's network</html>", "text/html", "text/html"),
        (b"Welcome", "text/plain", "text/plain"),
        (b'{"items":[', "application/json", "no whole JSON object"),
        (b"[]", "application/json", "no whole JSON object"),
        (b"null", "application/json", "no whole JSON object"),
        (b'"ok"', "application/json", "no whole JSON object"),
        (b'{"a":1}{', "application/json; charset=utf-8", "no whole JSON object"),
        (b"\xff\xfe", "application/octet-stream", "octet-stream"),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_that_the_vendor_would_not_write_leaves_it_open(status, body, content_type, what) -> None:
    error = judged(reply(status, body, content_type))
    assert type(error) is Unreadable
    assert error.may_have_happened
    assert what in str(error)
    assert "<" not in str(error)


def test_an_answer_longer_than_we_read_is_unreadable() -> None:
    response = Response(200, reply(200, {}).headers, b'{"items":[]}', truncated=True)
    error = judged(response)
    assert type(error) is Unreadable
    assert "longer than 12 bytes" in str(error)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("header", "seconds"), [("9", 9.0), ("later", None)])
def test_what_the_vendor_asks_to_wait_is_kept(status, header, seconds) -> None:
    response = reply(status, api_error("Wait", "SLOW"), "", Retry_After=header)
    assert judged(response).retry_after == seconds


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_no_person_and_no_secret_is_ever_told(status) -> None:
    words = (
        "User 64f222222222222222222222 (a.b@example.com, +919999999999) has token eyJhbGciOiJIUzI1NiJ9.e30"
    )
    error = judged(reply(status, {**api_error(words, "u-64f2222@example.com"), "success": False}))
    for told in (str(error), repr(error), str(vars(error))):
        for secret in ("64f2222", "example", "9999999", "eyJhbGci"):
            assert secret not in told


# The answer to the request for a token.


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (3600, 3600.0),
        (7.5, 7.5),
        (None, math.inf),
        (0, math.inf),
        (-5, math.inf),
        (True, math.inf),
        ("soon", math.inf),
        ({}, math.inf),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_the_token_and_its_life(status, expires_in, life) -> None:
    body = {"access_token": "the-token", "expires_in": expires_in, "refresh_token": "other"}
    assert read_token(reply(status, body)) == ("the-token", life)


def test_a_token_without_its_life_is_kept_until_it_is_refused() -> None:
    assert read_token(reply(200, {"access_token": "t"})) == ("t", math.inf)


# Answer, kind.
NO_TOKEN = [
    (reply(200, {}), Unavailable),
    (reply(200, {"access_token": ""}), Unavailable),
    (reply(200, {"access_token": None}), Unavailable),
    (reply(200, {"access_token": 7}), Unavailable),
    (reply(200, {"access_token": "a\r\nX-Other: b"}), Unavailable),
    (reply(200, {"access_token": "a b"}), Unavailable),
    (reply(200, {"access_token": "tökén"}), Unavailable),
    (reply(200, []), Unavailable),
    (reply(200, b"<html>Log in", "text/html"), Unavailable),
    (reply(200), Unavailable),
    (reply(302), Misconfigured),
    (reply(400, api_error("invalid_grant")), Unauthorized),
    (reply(401, api_error("Wrong secret")), Unauthorized),
    (reply(403, api_error("No")), Unauthorized),
    (reply(404, api_error("No company")), Misconfigured),
    (reply(405), Misconfigured),
    (reply(422, api_error("No")), Unauthorized),
    (reply(429, b"", "", Retry_After="4"), Throttled),
    *((reply(status), Unavailable) for status in (408, 500, 502, 503, 504)),
]


@pytest.mark.parametrize(("answer", "kind"), NO_TOKEN)
def test_where_there_is_no_token_nothing_of_the_operation_has_happened(answer, kind) -> None:
    with pytest.raises(VendorError) as caught:
        read_token(answer)
    assert type(caught.value) is kind
    assert not caught.value.may_have_happened
    assert caught.value.status == answer.status
    if kind is Unauthorized:
        assert "client secret" in str(caught.value)
    if kind is Throttled:
        assert caught.value.retry_after == 4.0
