"""How Iterable's answers are judged, and which items they blame: by identifier, by index, or by count.

The answers are written after the vendor's specification and after published ones; those that are hostile
are ours. No item that an answer blames, in whatever way, may be counted as delivered.
"""

from __future__ import annotations

from typing import Any

import pytest
from scripted_vendors import reply

from netaudience import (
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
from netaudience.model.item_errors import ItemErrors
from netaudience.model.wire import Response
from netaudience.vendors.iterable.answers import classify
from netaudience.vendors.iterable.blame import blame
from netaudience.vendors.iterable.models import Event, UserReference, UserUpdate


def judged(response: Response) -> VendorError:
    error = classify(response)
    assert error is not None
    return error


def envelope(code: str, msg: str = "", params: Any = None) -> dict[str, Any]:
    return {"code": code, "msg": msg, "params": params}


HTML = b"<!doctype html><html><body>Log in</body></html>"


@pytest.mark.parametrize(
    "body",
    [
        envelope("Success"),
        {"code": "Success", "msg": "All users associated with 1 were successfully deleted"},
        {"successCount": 0, "failCount": 1, "invalidEmails": ["user@"]},
        {"user": {"email": "a@example.com"}},
        {},
        {"lists": []},
        {"listId": 61931},
        {"fields": {}},
        ["5e88489"],
        [],
    ],
)
def test_success(body) -> None:
    assert classify(reply(200, body)) is None


def test_a_success_in_plain_text_or_without_a_body() -> None:
    assert classify(reply(200, b"a@example.com\n", "text/plain")) is None
    assert classify(reply(200, b"", "text/plain")) is None
    assert classify(reply(202, b"")) is None


def test_single_subscriptions_that_are_not_enabled_say_so() -> None:
    error = judged(reply(404, HTML, "text/html"))
    assert type(error) is Misconfigured
    assert "enabled on request" in error.remedy


# Status, body, kind, may have happened.
JUDGED = [
    (400, envelope("InvalidEmailAddressError", "Invalid email: foo@"), Refused, False),
    (400, envelope("InvalidUserIdError"), Refused, False),
    (400, envelope("BadParams"), Refused, False),
    (400, envelope("BadJsonBody"), Refused, False),
    (400, envelope("RequestFieldsTypesMismatched"), Refused, False),
    (400, envelope("NeverHeardOf"), Refused, False),
    (400, envelope("GenericError"), Refused, False),
    (400, envelope("UnknownUserIdError"), NotFound, False),
    (400, envelope("UnknownEmailError"), NotFound, False),
    (400, envelope("NotFound"), NotFound, False),
    (404, envelope("NotFound"), NotFound, False),
    (404, envelope("error.users.noUserWithIdExists"), NotFound, False),
    (404, envelope("NeverHeardOf"), Misconfigured, False),
    # The status goes first: a failure is known to come with a code that reads Success.
    (400, envelope("Success"), Refused, False),
    (500, envelope("Success"), ServerFault, True),
    (401, envelope("Success"), Unauthorized, False),
    (400, envelope("Success", "error.lists.invalidListId"), Misconfigured, False),
    (400, envelope("BadParams", "error.lists.invalidListId: 5"), Misconfigured, False),
    (400, envelope("UniqueFieldsLimitExceeded"), Misconfigured, False),
    (401, envelope("BadApiKey", "Invalid API key", {"ip": "203.0.113.7"}), Unauthorized, False),
    (401, envelope("InvalidJwtPayload"), Unauthorized, False),
    (403, envelope("Forbidden"), Unauthorized, False),
    (403, envelope("NeverHeardOf"), Unauthorized, False),
    (400, envelope("BadApiKey"), Unauthorized, False),
    (401, envelope("NotFound"), Unauthorized, False),
    (403, envelope("UnknownEmailError"), Unauthorized, False),
    (413, envelope("NotFound"), TooLarge, False),
    (429, envelope("NotFound"), Throttled, False),
    (409, envelope("ForgottenUserError"), Refused, False),
    (409, envelope("ExternalKeyConflict"), Refused, False),
    (409, envelope("NeverHeardOf"), Refused, False),
    (413, envelope("NeverHeardOf"), TooLarge, False),
    (400, envelope("BatchTooLarge"), TooLarge, False),
    (429, envelope("RateLimitExceeded", "Exceeded rate limit", {}), Throttled, False),
    (400, envelope("RateLimitExceeded"), Throttled, False),
    (403, envelope("RateLimitExceeded"), Throttled, False),
    (429, envelope("NeverHeardOf"), Throttled, False),
    (500, envelope("GenericError"), ServerFault, True),
    (500, envelope("DatabaseError"), ServerFault, True),
    (400, envelope("DatabaseError"), ServerFault, True),
    (500, envelope("NeverHeardOf"), ServerFault, True),
    (503, envelope("NeverHeardOf"), Unavailable, True),
    (503, envelope("GenericError"), ServerFault, True),
    # The vendor's own code is believed under a 500, too: it has looked at the row, and refused it.
    (503, envelope("RateLimitExceeded"), Throttled, False),
    (500, envelope("error.users.noUserWithIdExists"), NotFound, False),
    (500, envelope("RequestFieldsTypesMismatched"), Refused, False),
    (500, envelope("GenericError", "123 error.lists.invalidListId abc"), Misconfigured, False),
    (500, envelope("InvalidEmailAddressError", "Invalid email: "), Refused, False),
    (500, envelope("BadApiKey"), Unauthorized, False),
    # A code that stands for much: what it is, its words say.
    (400, envelope("BadParams", "No users with userId 12345 exist"), NotFound, False),
    (400, envelope("BadParams", "No user exists with userId 12345"), NotFound, False),
    (
        400,
        envelope("BadParams", "Unable to delete list 61933 in Project 2158, which does not exist."),
        NotFound,
        False,
    ),
    (400, envelope("BadParams", "Invalid email list id", {"listId": "42"}), NotFound, False),
    (400, envelope("BadParams", "Either email or userId must be specified"), Refused, False),
    (400, envelope("InvalidEmailAddressError", "No users with email a@b exist"), Refused, False),
    (302, envelope("Success"), Misconfigured, False),
    (400, {"code": 5, "msg": ["x"], "params": "y"}, Refused, False),
    (400, [], Refused, False),
    (400, None, Refused, False),
    (500, {}, Unavailable, True),
]


@pytest.mark.parametrize(("status", "body", "kind", "may_have_happened"), JUDGED)
def test_status_and_code_decide(status, body, kind, may_have_happened) -> None:
    error = judged(reply(status, body))
    assert type(error) is kind
    assert (error.vendor, error.status) == ("Iterable", status)
    assert bool(getattr(error, "may_have_happened", False)) is may_have_happened


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind"),
    [
        (404, HTML, "text/html", Misconfigured),
        (400, HTML, "text/html", Refused),
        (429, HTML, "text/html", Throttled),
        (502, HTML, "text/html", Unavailable),
        (500, b"", "", Unavailable),
        (400, b"No user with that id exists!", "text/plain", NotFound),
        (400, b'{"code":"NotFou', "application/json", Refused),
        # A success that Iterable would not have written so.
        (200, HTML, "text/html", Unreadable),
        (200, b"", "", Unreadable),
        (204, b"", "", Unreadable),
        (200, b'{"code":"Succe', "application/json", Unreadable),
        (200, b"[5]", "application/json", Unreadable),
        (200, b"[{}]", "application/json", Unreadable),
        (202, HTML, "text/html", Unreadable),
        (200, b"null", "application/json", Unreadable),
        (200, b'"Success"', "application/json", Unreadable),
        (200, b'{"status":"ok"}', "application/json", Unreadable),
        (200, b'{"code":"BadParams","msg":""}', "application/json", Unreadable),
        (200, b'{"code":true}', "application/json", Unreadable),
    ],
)
def test_what_is_no_envelope_is_judged_all_the_same(status, body, content_type, kind) -> None:
    error = judged(reply(status, body, content_type))
    assert type(error) is kind
    assert "<" not in str(error)


def test_an_answer_longer_than_we_read_is_unreadable() -> None:
    response = Response(200, reply(200).headers, b'{"code":"Success"}', truncated=True)
    assert type(judged(response)) is Unreadable


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (401, "BadApiKey", "region"),
        (403, "Forbidden", "region"),
        (409, "ForgottenUserError", "forgotten"),
        (400, "UniqueFieldsLimitExceeded", "fields"),
        (409, "ExternalKeyConflict", "different users"),
    ],
)
def test_a_failure_says_what_to_do(status, code, word) -> None:
    assert word in judged(reply(status, envelope(code))).remedy


@pytest.mark.parametrize("code", ["Success", "error.users.noUserWithIdExists", "jimmy the cat", "a1b2", 5])
def test_a_code_is_told_only_where_it_is_one(code) -> None:
    assert judged(reply(400, envelope(code))).code is None
    assert judged(reply(400, envelope("BadParams"))).code == "BadParams"


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize(("header", "seconds"), [("9", 9.0), ("later", None)])
def test_what_the_vendor_asks_to_wait_is_kept(status, header, seconds) -> None:
    code = {400: "RateLimitExceeded", 500: "GenericError"}.get(status, "NeverHeardOf")
    assert judged(reply(status, envelope(code), Retry_After=header)).retry_after == seconds


ECHO = (
    '[/api/users/disableDevice] body: {"userId":"jimmy", "dataFields": "catName" }, hdrs: '
    "ArrayBuffer((X-Forwarded-For,203.0.113.7), (Api-Key,s3cret), (Host,api.iterable.com) )"
)


@pytest.mark.parametrize(
    "body",
    [
        envelope("BadJsonBody", ECHO, {"obj.userId": [{"msg": "error.expected.jsstring", "args": []}]}),
        envelope("BadApiKey", "Invalid API key s3cret", {"ip": "203.0.113.7", "endpoint": "jimmy"}),
        envelope("InvalidEmailAddressError", "Invalid currentEmail jimmy"),
        envelope("InvalidUserIdError", "Invalid userId: jimmy"),
        envelope("ForgottenUserError", "jimmy was forgotten"),
        envelope(
            "RequestFieldsTypesMismatched",
            "jimmy has other types",
            {"validationErrors": {"age": {"expectedType": "long", "offendingValue": "jimmy"}}},
        ),
        envelope("GenericError", "Unable to register token to user Some(jimmy)"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 409, 500])
def test_what_the_vendor_repeats_is_never_told(status, body) -> None:
    error = judged(reply(status, body))
    for told in (str(error), repr(error), str(vars(error))):
        for secret in ("jimmy", "catName", "203", "s3cret"):
            assert secret not in told


def test_a_field_of_another_type_is_named_with_the_type_that_it_must_have() -> None:
    errors = {"age": {"expectedType": "long", "offendingValue": "x"}, "city": {}}
    error = judged(reply(400, envelope("RequestFieldsTypesMismatched", "", {"validationErrors": errors})))
    assert "age must be long" in str(error)
    assert "city" in str(error)


@pytest.mark.parametrize(
    ("message", "params", "told"),
    [
        # As clients have recorded them; the headers and values are masked.
        (
            '[/api/events/track] body: {"name":null}, hdrs: ArrayBuffer((User-Agent,Ruby))',
            {"obj.eventName": [{"msg": "error.path.missing", "args": []}]},
            "[/api/events/track] eventName: error.path.missing",
        ),
        (
            "[/api/users/bulkUpdate] Invalid JSON body",
            {"obj.users[1].preferUserId": "Boolean value expected"},
            "[/api/users/bulkUpdate] Invalid JSON body preferUserId: Boolean value expected",
        ),
        (
            "Invalid JSON body",
            {"endpoint": "/api", "obj.a": [], "obj.b": [[]], "obj.c": None},
            "Invalid JSON body",
        ),
        ("Invalid JSON body", None, "Invalid JSON body"),
    ],
)
def test_the_field_of_a_body_that_is_wrong_is_named_and_how(message, params, told) -> None:
    assert judged(reply(400, envelope("BadJsonBody", message, params))).vendor_message == told


# Blame.

A, B, C = "a@example.com", "b@example.com", "User-3"
ROWS: list[Any] = [{"email": A}, UserUpdate(email="B@Example.com"), UserReference(user_id=C)]


def told(body: Any, items: Any = ROWS, status: int = 200) -> ItemErrors:
    return blame(reply(status, body), items)


def verdicts(found: ItemErrors) -> tuple[dict[int, str], dict[int, str], str]:
    """Return who is refused and why, who is to be asked again, and what kind of unknown is left."""
    unattributed = "" if found.unattributed is None else type(found.unattributed).__name__
    if found.unread is not None:
        assert type(found.unread) is Unreadable
        unattributed += "unread"
    return (
        {index: type(error).__name__ for index, error in found.refused.items()},
        {index: type(error).__name__ for index, error in found.retryable.items()},
        unattributed,
    )


def counted(taken: Any, failed: Any, **lists: Any) -> dict[str, Any]:
    return {"successCount": taken, "failCount": failed, **lists}


def updates(taken: Any, failed: Any, **lists: Any) -> dict[str, Any]:
    empty: dict[str, list[str]] = {
        f"{reason}{by}": []
        for reason in ("conflict", "forgotten", "invalidData", "invalid", "notFound")
        for by in ("Emails", "UserIds")
    }
    return counted(taken, failed, failedUpdates={**empty, **lists}, invalidEmails=[], invalidUserIds=[])


R, N, F = "Refused", "NotFound", "ServerFault"
# The body, who is refused, who is asked again, what is unknown of the rest.
BLAMED = [
    # Nobody.
    (updates(3, 0), {}, {}, ""),
    (counted(3, 0, invalidEmails=[]), {}, {}, ""),
    (counted(3, 0), {}, {}, ""),
    (counted(3, 0, failedUpdates=None, invalidEmails=None), {}, {}, ""),
    (counted(3, 0, createdFields=["x"], invalidEmails=[]), {}, {}, ""),
    # More profiles than items: a userId may be that of several.
    (counted(5, 0), {}, {}, ""),
    # Each list.
    (updates(2, 1, conflictEmails=[A]), {0: R}, {}, ""),
    (updates(2, 1, forgottenEmails=[A]), {0: R}, {}, ""),
    (updates(2, 1, invalidDataEmails=[A]), {0: R}, {}, ""),
    (updates(2, 1, invalidEmails=[A]), {0: R}, {}, ""),
    (updates(2, 1, notFoundEmails=[A]), {0: N}, {}, ""),
    (updates(2, 1, conflictUserIds=[C]), {2: R}, {}, ""),
    (updates(2, 1, forgottenUserIds=[C]), {2: R}, {}, ""),
    (updates(2, 1, invalidDataUserIds=[C]), {2: R}, {}, ""),
    (updates(2, 1, invalidUserIds=[C]), {2: R}, {}, ""),
    (updates(2, 1, notFoundUserIds=[C]), {2: N}, {}, ""),
    # A list that is not documented is one of failures all the same.
    (updates(2, 1, failedEmails=[A]), {0: R}, {}, ""),
    # The e-mail in whatever case; the userId to the letter.
    (updates(2, 1, invalidEmails=[B]), {1: R}, {}, ""),
    (updates(2, 1, invalidEmails=["B@EXAMPLE.COM"]), {1: R}, {}, ""),
    (updates(2, 1, invalidUserIds=[C.lower()]), {}, {}, R),
    # An address among the userIds is not the address of a row.
    (updates(2, 1, invalidUserIds=[A]), {}, {}, R),
    # Older answers, and newer ones, which name some twice.
    (counted(2, 1, invalidEmails=[A]), {0: R}, {}, ""),
    (counted(2, 1, invalidUserIds=[C]), {2: R}, {}, ""),
    ({**updates(2, 1, invalidEmails=[A]), "invalidEmails": [A]}, {0: R}, {}, ""),
    # The vendor's own trouble with valid users.
    (counted(1, 2, validEmailFailures=[B], validUserIdFailures=[C]), {}, {1: F, 2: F}, ""),
    (counted(1, 2, invalidEmails=[A], validEmailFailures=[B]), {0: R}, {1: F}, ""),
    # In both: what is refused would be refused again.
    (counted(2, 1, invalidEmails=[A], validEmailFailures=[A]), {0: R}, {}, ""),
    # Users of whom nothing had to be changed are no failures, whether they are counted or not.
    (counted(3, 0, noOpEmails=[A]), {}, {}, ""),
    (counted(1, 0, noOpEmails=[A], noOpUserIds=[C]), {}, {}, ""),
    (counted(1, 0, noOpEmails=[A]), {}, {}, "Unreadable"),
    # More failed than are named.
    (updates(1, 2, invalidEmails=[A]), {0: R}, {}, R),
    (updates(0, 3), {}, {}, R),
    (counted(2, 1), {}, {}, R),
    # A list that is filled wins over a counter that says 0.
    (updates(3, 0, invalidEmails=[A]), {0: R}, {}, ""),
    (counted(3, 0, validEmailFailures=[A]), {}, {0: F}, ""),
    # One name more than there are failures: what became of all of them is counted.
    (updates(2, 1, invalidEmails=[A, "z@example.com"]), {0: R}, {}, ""),
    (updates(1, 2, invalidEmails=[A, B, "z@example.com"]), {0: R, 1: R}, {}, ""),
    (updates(2, 1, invalidEmails=[A], somebody=["?"]), {0: R}, {}, ""),
    (counted(2, 1, invalidEmails=["z@example.com"], validEmailFailures=[B]), {}, {1: F}, ""),
    # A name of nobody's.
    (updates(2, 1, invalidEmails=["z@example.com"]), {}, {}, R),
    (updates(3, 0, invalidEmails=["z@example.com"]), {}, {}, R),
    (updates(1, 2, invalidEmails=[A, "z@example.com"]), {0: R}, {}, R),
    # Fewer than were sent.
    (counted(1, 0), {}, {}, "Unreadable"),
    (counted(0, 0), {}, {}, "Unreadable"),
    (updates(1, 1, invalidEmails=[A]), {0: R}, {}, "Unreadable"),
    # All of them are blamed: nothing is left to be unknown.
    (updates(0, 9, invalidEmails=[A, B], invalidUserIds=[C]), {0: R, 1: R, 2: R}, {}, ""),
    # Wrong types, and answers that are none of this kind.
    (counted("3", 0), {}, {}, "unread"),
    (counted(3, None), {}, {}, "unread"),
    (counted(3, True), {}, {}, "unread"),
    (counted(3, -1), {}, {}, "unread"),
    (counted(3.0, 0.0), {}, {}, "unread"),
    ({}, {}, {}, "unread"),
    (envelope("Success"), {}, {}, "unread"),
    ({"invalidEmails": [A]}, {0: R}, {}, "unread"),
    (counted(3, 0, invalidEmails=A), {}, {}, R),
    (counted(3, 0, invalidEmails={"0": A}), {}, {}, R),
    (counted(3, 0, invalidEmails=[5]), {}, {}, R),
    (counted(3, 0, invalidEmails=[A, None]), {0: R}, {}, R),
    (counted(3, 0, failedUpdates=[A]), {}, {}, R),
    (counted(3, 0, failedUpdates={"somebody": [A]}), {}, {}, R),
    (counted(3, 0, failedUpdates={"somebody": []}), {}, {}, ""),
]


@pytest.mark.parametrize(("body", "refused", "again", "unattributed"), BLAMED)
def test_failures_are_matched_by_identifier(body, refused, again, unattributed) -> None:
    assert verdicts(told(body)) == (refused, again, unattributed)


@pytest.mark.parametrize(
    ("body", "refused", "again", "unattributed"),
    [
        (counted(1, 0), {}, {}, ""),
        (counted(0, 0, noOpEmails=[A]), {}, {}, ""),
        # Of one item it can only mean that one, whatever it calls it.
        (counted(0, 1), {0: R}, {}, ""),
        (counted(0, 2), {0: R}, {}, ""),
        (counted(0, 1, invalidEmails=["z@example.com"]), {0: R}, {}, ""),
        (counted(1, 0, invalidUserIds=["z"]), {0: R}, {}, ""),
        (counted(0, 1, validEmailFailures=["z@example.com"]), {}, {0: F}, ""),
        (counted(0, 1, failedUpdates=["?"]), {0: R}, {}, ""),
        (counted(0, 0), {}, {}, "Unreadable"),
        ({}, {}, {}, "unread"),
    ],
)
def test_what_is_said_of_a_single_item_is_said_of_it(body, refused, again, unattributed) -> None:
    assert verdicts(told(body, [{"email": A}])) == (refused, again, unattributed)


BOTH: list[Any] = [{"email": A, "userId": "1"}, {"email": B, "userId": "2"}, {"userId": "1"}]


@pytest.mark.parametrize(
    ("body", "refused", "unattributed"),
    [
        (updates(2, 1, conflictEmails=[A]), {0: R}, ""),
        (updates(2, 1, conflictUserIds=["2"]), {1: R}, ""),
        # One item, named twice: one failure.
        (updates(2, 1, conflictEmails=[B], conflictUserIds=["2"]), {1: R}, ""),
        # The name of two items: which of them failed is asked, not guessed.
        (updates(2, 1, conflictUserIds=["1"]), {}, R),
    ],
)
def test_an_item_with_both_identifiers_goes_by_either(body, refused, unattributed) -> None:
    assert verdicts(told(body, BOTH)) == (refused, {}, unattributed)


EVENTS: list[Any] = [
    {"email": A, "eventName": "bought", "id": "1"},
    Event(user_id=C, event_name="left", id="2"),
    {"email": B, "eventName": "bought", "id": "3"},
]


@pytest.mark.parametrize(
    ("body", "refused", "unattributed"),
    [
        (counted(3, 0, disallowedEventNames=[]), {}, ""),
        (counted(2, 1, disallowedEventNames=["left"]), {1: R}, ""),
        # The name is that of both events.
        (counted(1, 2, disallowedEventNames=["bought"]), {0: R, 2: R}, ""),
        (counted(3, 0, disallowedEventNames=["bought"]), {0: R, 2: R}, ""),
        (counted(2, 1, disallowedEventNames=["never"]), {}, R),
        (counted(3, 0, disallowedEventNames=["never"]), {}, R),
        (counted(3, 0, disallowedEventNames="left"), {}, R),
        (updates(1, 2, notFoundUserIds=[C]) | {"disallowedEventNames": ["bought"]}, {0: R, 1: N, 2: R}, ""),
    ],
)
def test_events_are_blamed_by_user_and_by_name(body, refused, unattributed) -> None:
    assert verdicts(told(body, EVENTS)) == (refused, {}, unattributed)


@pytest.mark.parametrize(
    ("code", "params", "refused"),
    [
        ("BadJsonBody", {"obj.users[1].preferUserId": "Boolean value expected"}, {1}),
        ("BadJsonBody", {"obj.users[0]": "x", "obj.users[2].dataFields.a.b": "y"}, {0, 2}),
        (
            "BadJsonBody",
            {
                "obj.events[0].eventName": [{"msg": ["error.expected.jsstring"], "args": []}],
                "obj.events[1].eventName": [{"msg": "error.path.missing", "args": []}],
            },
            {0, 1},
        ),
        ("BadJsonBody", {"obj.users[1].a": [], "obj.users[2].a": [[]], "obj.users[0].a": None}, {0, 1, 2}),
        # Nobody in particular: the chunk is halved.
        ("BadJsonBody", {"obj.createNewFields": "Boolean value expected"}, set()),
        (
            "BadJsonBody",
            {"obj.users[3].email": "x", "obj.users[-1]": "x", "obj.users[99999999999]": "x"},
            set(),
        ),
        ("BadJsonBody", {"users[1]": "x", "obj.users": "x", "obj.users[1": "x"}, set()),
        ("BadParams", None, set()),
        ("BadParams", [], set()),
        ("Success", {"obj.users[1].email": "x"}, {1}),
    ],
)
def test_a_refusal_of_all_names_items_by_their_place(code, params, refused) -> None:
    found = told(envelope(code, "x", params), status=400)
    assert found.refused.keys() == refused
    assert (found.retryable, found.unattributed) == ({}, None)


def test_a_refused_place_says_what_is_wrong_with_which_field() -> None:
    params = {
        "obj.users[1].preferUserId": "Boolean value expected",
        "obj.users[2].email": [{"msg": ["error.expected.jsstring"], "args": []}],
    }
    refused = told(envelope("BadJsonBody", "x", params), status=400).refused
    assert "preferUserId: Boolean value expected" in str(refused[1])
    assert "email: expected jsstring" in str(refused[2])


@pytest.mark.parametrize("body", [HTML, b"", b"[5]", b'{"successCount":3'])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_no_object_blames_nobody_and_is_no_success(status, body) -> None:
    response = reply(status, body, "application/json")
    assert not blame(response, ROWS)
    assert classify(response) is not None


def test_dropped_fields_are_a_warning_whoever_is_blamed() -> None:
    dropped = {"filteredOutFields": ["city", "age", "jimmy@example.com"]}
    for body in (updates(3, 0) | dropped, updates(2, 1, invalidEmails=[A]) | dropped):
        (warning,) = told(body).warnings
        assert "age, city" in warning
        assert "jimmy" not in warning
    assert not told(updates(3, 0) | {"filteredOutFields": []}).warnings


def test_fields_that_were_added_are_told_for_their_types_stay() -> None:
    added = {
        "createdFields": ["points", "age", "mySettings.mobile", "visits_2024", "a\nb"],
        "filteredOutFields": [f"field{number:02}" for number in range(30)],
    }
    dropped, made = told(updates(3, 0) | added).warnings
    assert "dropped" in dropped
    assert dropped.endswith(", field18, field19 and 10 more")
    assert made.endswith(": …, age, mySettings.mobile, points, visits_2024")
    assert "for ever" in made
    assert "city" not in made


@pytest.mark.parametrize("case", BLAMED)
def test_no_error_tells_an_identifier(case) -> None:
    found = told(case[0])
    errors = [*found.refused.values(), *found.retryable.values(), found.unattributed]
    for error in errors:
        for identifier in ("example", C):
            assert identifier not in f"{error}{error!r}"
