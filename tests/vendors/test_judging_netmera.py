"""How Netmera's answers are judged: each row of its error page, each shape, and what stands in front.

Source: https://user.netmera.com/netmera-developer-guide/api-documentation/rest-api/error-responses.md
"""

from __future__ import annotations

import pytest
from scripted_vendors import reply

from netaudience import (
    AccountError,
    Misconfigured,
    NotFound,
    QuotaExhausted,
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
from netaudience.vendors.netmera.answers import classify

# Status, code, the vendor's text, what it means to us.
ROWS = [
    (500, 2001, "Internal server error", ServerFault),
    # Asking again never helps, whatever it says.
    (400, 2001, "An unexpected error occurred, please retry later", NotFound),
    (500, 2104, "App settings not found", Misconfigured),
    (500, 2105, "Message is not intelligent", Refused),
    (400, 2004, "Field 'notificationKey' should be a text", Refused),
    (400, 2009, "Invalid JSON", Refused),
    (400, 2020, "Missing required parameter", Refused),
    (400, 2021, "Invalid configuration", Misconfigured),
    (403, 2021, "Your IP is not allowed", Unauthorized),
    (403, 2010, "API key is invalid", Unauthorized),
    (403, 2022, "You are not authorized to do this action", Unauthorized),
    (403, 4000, "You are not allowed for this action", Unauthorized),
    (401, 5007, "Please log in", Unauthorized),
    (400, 2103, "Status of this message is not draft", Refused),
    (400, 2106, "Due to time restriction settings message can not be sent", Refused),
    (400, 5003, "Message not found", NotFound),
    (400, 5005, "Invalid message state", Refused),
    (400, 5008, "Approval mechanism not configured", Misconfigured),
    (400, 5016, "User identifier not found", NotFound),
    (400, 5019, "Attribute is null", Refused),
    (400, 5021, "Service usage not allowed", QuotaExhausted),
    (400, 5022, "Usage quota exceeded", QuotaExhausted),
    (400, 5023, "App schema not defined", Misconfigured),
    (400, 5025, "Segment name must be unique", Refused),
    (400, 5042, "Segment not found", NotFound),
    (400, 6000, "Invalid address", Refused),
    # Codes of the panel, and ones that nobody has heard of, go by their status.
    (400, 2101, "Push message size exceed limit", Refused),
    (400, 9999, "Something new", Refused),
    (500, 9999, "Something new", ServerFault),
    (403, 9999, "Something new", Unauthorized),
]
SHAPES = {
    "json": lambda status, code, text: reply(status, {"code": code, "error": text}),
    "json without a type": lambda status, code, text: reply(
        status, b'{"error": "%s", "code": %d}' % (text.encode(), code)
    ),
    "json with a charset": lambda status, code, text: reply(
        status, {"code": code, "error": text}, "application/json;charset=UTF-8"
    ),
}


def judged(response: Response) -> VendorError:
    error = classify(response)
    assert error is not None
    return error


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("status", "code", "text", "kind"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_row_of_the_error_page(status, code, text, kind, shape) -> None:
    error = judged(SHAPES[shape](status, code, text))
    assert type(error) is kind
    assert (error.vendor, error.status, error.code, error.vendor_message) == ("Netmera", status, code, text)
    # Only an error that the vendor does not explain leaves open whether the request was applied.
    assert error.may_have_happened is (kind is ServerFault)
    assert error.retry_after is None
    for told in ("Netmera", f"HTTP {status}", f"code {code}", text):
        assert told in str(error)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[3] in {Unauthorized, QuotaExhausted, Misconfigured}]
)
def test_what_stops_the_run_is_an_account_error_and_says_what_to_do(row) -> None:
    status, code, text, kind = row
    assert issubclass(kind, AccountError)
    error = judged(reply(status, {"code": code, "error": text}))
    explained = {(400, 2021), (500, 2104), (401, 5007), (403, 2022), (403, 4000)}
    assert bool(error.remedy) is ((status, code) not in explained)


# By status alone: body, content type, kind, may have happened.
BARE = [
    (401, Unauthorized, False),
    (403, Unauthorized, False),
    (404, Misconfigured, False),
    (405, Misconfigured, False),
    (501, Misconfigured, False),
    (408, Unavailable, True),
    (425, Unavailable, False),
    (429, Throttled, False),
    (413, TooLarge, False),
    (400, Refused, False),
    (409, Refused, False),
    (415, Refused, False),
    (422, Refused, False),
    (500, Unavailable, True),
    (499, Unavailable, True),
    (502, Unavailable, True),
    (503, Unavailable, True),
    (504, Unavailable, True),
    (520, Unavailable, True),
    (301, Misconfigured, False),
    (302, Misconfigured, False),
    (307, Misconfigured, False),
    (308, Misconfigured, False),
    (204, Unreadable, True),
    (206, Unreadable, True),
]
BODIES = {
    "empty": (b"", ""),
    "html": (b"<html><body><h1>Nginx</h1></body></html>", "text/html; charset=utf-8"),
    "cut json": (b'{"code": 2010, "err', "application/json"),
    "json list": (b"[2010]", "application/json"),
    "json null": (b"null", "application/json"),
    "code as text": (b'{"code": "2010", "error": 5}', "application/json"),
    "no utf-8": (b"\xff\xfe", "text/plain"),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("status", "kind", "may_have_happened"), BARE, ids=[str(row[0]) for row in BARE])
def test_without_a_code_the_status_decides(status, kind, may_have_happened, body) -> None:
    if (status, body) == (204, "empty"):
        assert classify(reply(204)) is None  # an answer, too
        return
    error = judged(reply(status, *BODIES[body]))
    assert type(error) is kind
    assert (error.status, error.code, error.may_have_happened) == (status, None, may_have_happened)
    assert f"HTTP {status}" in str(error)
    assert "<" not in str(error)


def test_problem_details_of_an_unknown_route() -> None:
    problem = {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No static resource rest/3.0/tagUser.",
        "instance": "/rest/3.0/tagUser",
    }
    error = judged(reply(404, problem, "application/problem+json"))
    assert type(error) is Misconfigured
    assert error.vendor_message == "No static resource …"
    assert "look at it" in error.remedy


def test_a_problem_without_detail_gives_its_title() -> None:
    assert judged(reply(400, {"title": "Bad Request", "status": 400})).vendor_message == "Bad Request"


def test_plain_text_is_repeated() -> None:
    error = judged(reply(400, b"Please provide an external id.", "text/plain"))
    assert type(error) is Refused
    assert error.vendor_message == "Please provide an external id."


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"", "application/json"),
        (b"{}", "application/json"),
        (b'{"extId":"code","profile":{"code":2010}}', "application/json"),
        (b'{"profile":{"code":2010,"error":"x"},"extId":"id1"}', "application/json"),
        (b'{"notificationKey":97}', ""),
        (b"true", "application/json"),
    ],
)
def test_success(body, content_type) -> None:
    assert classify(reply(200, body, content_type)) is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Log in to the hotel's network</html>", "text/html"),
        (b'<html><script>{"code":1}</script>', "text/html"),
        (b"Welcome", "text/plain"),
        (b'{"extId":"id1","devi', "application/json"),
        (b'{"code":2010,"err', "application/json"),
        (b"\x1f\x8b\x08", "application/json"),
        (b'{"code":2010,"error":"API key is invalid"}', "application/json"),
    ],
)
def test_a_200_that_is_no_success_leaves_it_open(body, content_type) -> None:
    error = judged(reply(200, body, content_type))
    assert type(error) is Unreadable
    assert error.may_have_happened


@pytest.mark.parametrize("body", [b'{"devices":[', b'{"code":1,"devices":[', b'{"devices":[]}'])
def test_an_answer_longer_than_we_read_is_unreadable(body) -> None:
    response = Response(200, reply(200).headers, body, truncated=True)
    error = judged(response)
    assert type(error) is Unreadable
    assert "longer than" in str(error)


@pytest.mark.parametrize("status", [429, 408, 503, 500, 502])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": " 1.5 "}, 1.5),
        ({"Retry_After": "0"}, 0.0),
        (
            {
                "Retry_After": "Wed, 21 Oct 2015 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:30 GMT",
            },
            0.0,
        ),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
)
def test_what_the_vendor_asks_to_wait_is_kept(status, headers, seconds) -> None:
    assert judged(reply(status, b"", "", **headers)).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "content_type", "secrets"),
    [
        (
            {"code": 5016, "error": "User john.brown@example.com (id 905312345678) not found"},
            "application/json",
            ["john", "brown", "example", "905312345678"],
        ),
        (
            {"code": 2020, "error": "key AbC9dEf0-1234-key is not for extId=77-ab"},
            "application/json",
            ["AbC9dEf0", "77-ab"],
        ),
        (
            {"title": "Bad", "detail": "/rest/3.0/getDevices?extId=customer_77"},
            "application/problem+json",
            ["customer_77", "extId"],
        ),
        (b"Unknown: a.b@example.com,c@example.com", "text/plain", ["a.b", "example", "@"]),
        (b"<p>a.b@example.com</p>", "text/html", ["a.b", "example", "@"]),
    ],
)
def test_nothing_that_names_a_person_or_a_secret_is_told(body, content_type, secrets) -> None:
    error = judged(reply(400, body, content_type))
    for told in (str(error), repr(error), error.reason, error.vendor_message, str(vars(error))):
        assert [secret for secret in secrets if secret in told] == []


def test_a_proxys_page_is_named_by_its_type() -> None:
    assert "html" in str(judged(reply(200, b"<html>", "text/html")))


def test_a_code_that_is_a_phone_number_is_not_told() -> None:
    error = judged(reply(400, {"code": 905312345678, "error": "not found"}))
    assert "905312345678" not in f"{error}{error!r}"


def test_an_error_under_200_is_seen_whatever_the_order_of_its_fields() -> None:
    text = "The external id that was given is not known to this application at all"
    assert classify(reply(200, {"error": text, "code": 5016})) is not None
