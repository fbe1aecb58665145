"""How CleverTap's answers are judged: status and body together, for failures come under 200 too.

Source: https://developer.clevertap.com/docs/api-errors
"""

from __future__ import annotations

import pytest
from scripted_vendors import reply

from netaudience import (
    AccountError,
    Misconfigured,
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
from netaudience.vendors.clevertap.answers import classify


def judged(response: Response) -> VendorError:
    error = classify(response)
    assert error is not None
    return error


def fail(text: str, code: int | None = None) -> dict[str, object]:
    return {"status": "fail", "error": text} | ({} if code is None else {"code": code})


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "body",
    [
        {"status": "success"},
        {"status": "success", "processed": 2, "unprocessed": []},
        # A count that is not ready: who asked for it asks again.
        {"status": "partial", "req_id": 384649162721759},
    ],
)
def test_success(status, body) -> None:
    assert classify(reply(status, body)) is None


# Status, body, kind, may have happened.
JUDGED = [
    (401, fail("Invalid Credentials", 401), Unauthorized, False),
    (403, fail("Not allowed", 403), Unauthorized, False),
    (400, fail("Malformed request", 400), Refused, False),
    (404, fail("Not found", 404), Misconfigured, False),
    (405, fail("Method not allowed", 405), Misconfigured, False),
    (409, fail("Already exists", 409), Refused, False),
    (413, fail("Too large", 413), TooLarge, False),
    (429, fail("Too many concurrent requests", 429), Throttled, False),
    (500, fail("Internal error", 500), ServerFault, True),
    (502, fail("Bad gateway", 502), Unavailable, True),
    (503, fail("Service unavailable", 503), Unavailable, True),
    (504, fail("Gateway timeout", 504), Unavailable, True),
    (302, fail("Moved"), Misconfigured, False),
]


@pytest.mark.parametrize(
    ("status", "body", "kind", "may_have_happened"), JUDGED, ids=[str(row[0]) for row in JUDGED]
)
@pytest.mark.parametrize("told", ["json", "empty", "html", "cut", "text", "list"])
def test_the_status_decides_where_it_is_no_success(status, body, kind, may_have_happened, told) -> None:
    answers = {
        "json": reply(status, body),
        "empty": reply(status),
        "html": reply(status, b"<html>" + body["error"].encode(), "text/html"),
        "cut": reply(status, b'{"status":"succ', "application/json"),
        "text": reply(status, body["error"].encode(), "text/plain"),
        "list": reply(status, [body]),
    }
    error = judged(answers[told])
    # A body that is not the vendor's own comes from what stands before its program.
    assert type(error) is (Unavailable if kind is ServerFault and told != "json" else kind)
    assert (error.vendor, error.status, error.code) == ("CleverTap", status, None)
    assert error.may_have_happened is may_have_happened
    assert "CleverTap" in str(error)
    assert f"HTTP {status}" in str(error)
    if told in {"json", "text"} and status != 302:
        assert error.vendor_message == body["error"]


def test_success_in_the_body_does_not_outvote_the_status() -> None:
    assert type(judged(reply(500, {"status": "success"}))) is ServerFault
    assert type(judged(reply(503, {"status": "success"}))) is Unavailable


def test_wrong_credentials_stop_the_run_and_the_region_is_named() -> None:
    error = judged(reply(401, fail("Invalid Credentials", 401)))
    assert isinstance(error, AccountError)
    assert "region" in str(error)


@pytest.mark.parametrize(
    ("body", "kind", "may_have_happened"),
    [
        (fail("Malformed request", 400), Refused, False),
        (fail("Refused"), Refused, False),
        ({"status": "fail"}, Refused, False),
        ({"status": "fail", "code": "400", "error": None}, Refused, False),
        (fail("Invalid Credentials", 401), Unauthorized, False),
        (fail("Too many concurrent requests", 429), Throttled, False),
        # A page that is not ready: nothing was refused, and the same is asked again.
        (fail("Request still in progress", 2), Unavailable, False),
        # The one record code that is worth asking again for.
        (fail("Miscellaneous server error", 555), Unavailable, True),
        ({"status": "fail", "processed": 0, "unprocessed": []}, Refused, False),
    ],
)
@pytest.mark.parametrize("status", [200, 202])
def test_a_failure_under_success_is_judged_by_its_body(status, body, kind, may_have_happened) -> None:
    error = judged(reply(status, body))
    assert type(error) is kind
    assert error.status == status
    assert error.may_have_happened is may_have_happened


RECORD_CODES = [509, *range(512, 521), *range(522, 527), 528, *range(530, 536)]


@pytest.mark.parametrize("code", RECORD_CODES)
def test_a_record_code_refuses_the_item_and_is_never_a_status(code) -> None:
    error = judged(reply(200, fail("Identity is missing", code)))
    assert type(error) is Refused
    assert error.code == code
    assert not error.may_have_happened


@pytest.mark.parametrize("code", [None, 2])
def test_the_code_is_the_bodys_own(code) -> None:
    assert judged(reply(200, fail("Refused", code))).code == code


def test_a_success_without_content() -> None:
    assert classify(reply(204)) is None


def test_a_request_timeout_is_no_refusal() -> None:
    assert not isinstance(judged(reply(408)), Refused)


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
        # Without a count and without a record it says nothing.
        (b'{"status":"partial","unprocessed":[]}', "application/json"),
    ],
)
def test_a_200_that_says_neither_leaves_it_open(body, content_type) -> None:
    error = judged(reply(200, body, content_type))
    assert type(error) is Unreadable
    assert error.may_have_happened
    assert "<" not in str(error)


def test_an_answer_longer_than_we_read_is_unreadable() -> None:
    response = Response(200, reply(200).headers, b'{"status":"success"}', truncated=True)
    assert type(judged(response)) is Unreadable


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("header", "seconds"), [("9", 9.0), ("later", None)])
def test_what_the_vendor_asks_to_wait_is_kept(status, header, seconds) -> None:
    assert judged(reply(status, b"", "", Retry_After=header)).retry_after == seconds


RECORD = {"status": "fail", "code": 515, "error": "Email is not valid", "record": {"identity": "4"}}


@pytest.mark.parametrize(
    "body",
    [
        {"status": "partial", "processed": 1, "unprocessed": [RECORD]},
        {"status": "partial", "processed": 0, "unprocessed": []},
        {"status": "partial", "unprocessed": [RECORD]},
        # All records are at fault, or some were taken: neither is a refusal of the request.
        {"status": "fail", "processed": 0, "unprocessed": [RECORD]},
        {"status": "fail", "unprocessed": [RECORD]},
        {"status": "fail", "processed": 3, "unprocessed": []},
        {"status": "fail", "code": 401, "processed": 0, "unprocessed": [RECORD]},
    ],
)
def test_what_is_about_records_is_left_to_the_blame(body) -> None:
    assert classify(reply(200, body)) is None


@pytest.mark.parametrize(
    "body",
    [
        {"status": "fail", "processed": 0, "unprocessed": []},
        {"status": "fail", "processed": 0},
        {"status": "fail", "unprocessed": []},
        {"status": "fail", "processed": 0, "unprocessed": None},
        {"status": "fail", "processed": 3, "unprocessed": "x"},
    ],
)
def test_a_failure_that_speaks_of_no_record_refuses_the_request(body) -> None:
    assert type(judged(reply(200, body))) is Refused


def test_records_do_not_outvote_the_status() -> None:
    body = {"status": "fail", "processed": 0, "unprocessed": [RECORD]}
    assert type(judged(reply(400, body))) is Refused
    assert type(judged(reply(401, body))) is Unauthorized
    assert type(judged(reply(500, body))) is ServerFault


def test_an_identity_in_the_words_is_never_told() -> None:
    error = judged(reply(400, fail("Identity a.b@example.com of client-19827239 is unknown", 400)))
    for told in (str(error), repr(error), str(vars(error))):
        assert "example" not in told
        assert "19827239" not in told
