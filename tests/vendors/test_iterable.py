"""What is special about Iterable: who a row is about, what widens an effect, and answers that blame.

What is refused here is refused before anything is sent.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import orjson
import pytest
from golden_iterable import iterable
from scripted_vendors import AT_ONCE, reply

from netaudience import (
    ConfigurationError,
    Delivered,
    Failed,
    InDoubt,
    InvalidItem,
    IterableClient,
    Misconfigured,
    NotFound,
    Refused,
    Rejected,
    Settings,
    Unauthorized,
    Unreadable,
)
from netaudience.engine.retry import RetryPolicy
from netaudience.model.texts import RowTexts
from netaudience.vendors.iterable.models import (
    DeviceReference,
    DeviceRegistration,
    EmailChange,
    Event,
    GetUserResponse,
    IterableResponse,
    SubscriptionUpdate,
    User,
    UserUpdate,
)

A, B, C = "a@example.com", "b@example.com", "c@example.com"
OK = {"code": "Success", "msg": "", "params": None}
PATIENT = attrs.evolve(AT_ONCE, retry=RetryPolicy(attempts=3, first_wait=0))


def taken(count: int, failed: int = 0, **lists: Any) -> Any:
    return reply(200, {"successCount": count, "failCount": failed, **lists})


def bodies(transport) -> list[Any]:
    return [orjson.loads(sent.body) for sent in transport.sent]


async def outcomes_of(run) -> list[Any]:
    async with run as stream:
        found = [outcome async for outcome in stream]
    return sorted(found, key=lambda outcome: outcome.position)


# The project.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"region": "us", "base_url": "https://api.iterable.com"},
        {"region": "EU"},
        {"region": "de"},
        {"base_url": "api.iterable.com"},
        {"region": "us", "project_type": "userId"},
        {"region": "us", "project_type": ""},
        {"region": "us", "both_identifiers": True},
        # The European data centre offers none of them.
        {"region": "eu", "project_type": "email"},
    ],
)
def test_what_a_project_is_is_never_guessed(options) -> None:
    with pytest.raises(ConfigurationError):
        IterableClient("key", **options)


@pytest.mark.parametrize(
    ("region", "host"), [("us", "https://api.iterable.com"), ("eu", "https://api.eu.iterable.com")]
)
def test_the_region_chooses_the_host(region, host) -> None:
    assert IterableClient("key", region=region).base_url == host


def test_no_client_shows_its_key() -> None:
    client = IterableClient("secret-key", region="us", project="secret-project")
    assert "secret" not in f"{client!r}{client}"


def test_an_answer_that_repeats_the_key_is_not_repeated() -> None:
    client, _ = iterable()
    error = client.classify(reply(401, {"code": "BadApiKey", "msg": "Invalid API key the-project-key."}))
    assert error is not None
    assert "Invalid API key" in str(error)
    assert "the-project-key" not in f"{error}{error!r}{vars(error)}"


def test_keys_of_one_project_share_its_limits() -> None:
    def account(key: str, **options: Any) -> str:
        return IterableClient(key, **{"region": "us", **options})._account

    assert account("a", project="shop") == account("b", project="shop")
    assert account("a") != account("b")
    assert account("a", project="shop") != account("a", project="blog")
    assert account("a", project="shop") != account("a", project="shop", region="eu")
    # A project that is called like a key is not that key's.
    assert account("a") != account("b", project="a")


def test_the_client_comes_from_the_environment() -> None:
    prefix = "NETAUDIENCE_ITERABLE_"
    environ = {
        f"{prefix}{name}": value
        for name, value in {
            "API_KEY": "key",
            "REGION": "us",
            "PROJECT_TYPE": "hybrid",
            "PROJECT": "shop",
            "BOTH_IDENTIFIERS": "true",
        }.items()
    }
    made = IterableClient.from_environment(environ=environ)
    wanted = IterableClient("other", region="us", project="shop")
    assert (made.base_url, made._account) == (wanted.base_url, wanted._account)
    assert made.headers() == {"Api-Key": "key"}
    assert made.kind(IterableClient.update_user).check([{"email": A, "userId": "1"}]) == {}
    with pytest.raises(ConfigurationError, match="BOTH_IDENTIFIERS"):
        IterableClient.from_environment(environ={**environ, f"{prefix}BOTH_IDENTIFIERS": "yes"})
    with pytest.raises(ConfigurationError, match="API_KEY"):
        IterableClient.from_environment(environ={f"{prefix}REGION": "us"})
    with pytest.raises(ConfigurationError, match="region"):
        IterableClient.from_environment(environ={f"{prefix}API_KEY": "key"})


# Who a row is about.

DEVICE = {"token": "t", "platform": "APNS", "applicationName": "App"}
#: Every operation whose rows name a user, with the rest of such a row and the options it needs.
ABOUT_USERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("update_user", {}, {}),
    ("bulk_update_users", {}, {}),
    ("register_device_token", DEVICE, {}),
    ("bulk_update_subscriptions", {}, {}),
    ("subscribe_to_list", {}, {"list_id": 1}),
    ("unsubscribe_from_list", {}, {"list_id": 1}),
    ("track_events", {"eventName": "x", "id": "1"}, {}),
    ("track_events_without_ids", {"eventName": "x"}, {}),
]
OF_BOTH = ("update_user", "bulk_update_users", "register_device_token")


async def rejected(client, operation: str, row: Any, options: Any) -> str:
    """Carry one row and return why it is rejected."""
    bound = getattr(client, operation)
    run = bound.each([row], **options) if hasattr(bound, "each") else bound([row], **options)
    (outcome,) = await outcomes_of(run)
    assert type(outcome) is Rejected
    assert isinstance(outcome.reason, InvalidItem)
    return str(outcome.reason)


@pytest.mark.parametrize(("operation", "rest", "options"), ABOUT_USERS)
@pytest.mark.asyncio
async def test_a_row_names_its_user_once(operation, rest, options) -> None:
    client, transport = iterable()
    assert "names no user" in await rejected(client, operation, rest, options)
    sentence = await rejected(client, operation, {**rest, "email": A, "userId": "1"}, options)
    assert "both an email and a userId" in sentence
    assert ("both_identifiers" in sentence) is (operation in OF_BOTH)
    assert transport.sent == []


@pytest.mark.parametrize(("operation", "rest", "options"), ABOUT_USERS)
@pytest.mark.parametrize("project_type", ["email", "user_id", "hybrid"])
@pytest.mark.asyncio
async def test_two_names_go_where_the_client_says_so_and_nowhere_else(
    operation, rest, options, project_type
) -> None:
    client, transport = iterable(reply(200, OK), project_type=project_type, both_identifiers=True)
    row = {**rest, "email": A, "userId": "1"}
    if operation in OF_BOTH:
        kind = client.kind(IterableClient.operations()[operation])
        assert kind.check([row]) == {}
        assert kind.check([rest])
        # What finds the profile is what keeps its rows in order.
        assert kind.key(row) == (A if project_type == "email" else "1")
    else:
        assert "both" in await rejected(client, operation, row, options)
    assert transport.sent == []


@pytest.mark.asyncio
async def test_both_names_are_sent_as_they_are() -> None:
    client, transport = iterable(reply(200, OK), project_type="hybrid", both_identifiers=True)
    await client.update_user(UserUpdate(email=A, user_id="1"))
    assert bodies(transport) == [{"email": A, "userId": "1"}]


@pytest.mark.parametrize(
    ("user_id", "fine"),
    [
        ("a", True),
        ("a" * 52, True),
        ("a" * 53, False),
        ("", False),
        (" a", False),
        ("a ", False),
        ("a b~!", True),
        ("ü", False),
        ("a\x00", False),
        ("a\n", False),
        ("a\x7f", False),
        (5, False),
        (None, False),
    ],
)
@pytest.mark.asyncio
async def test_a_user_id_is_what_the_vendor_takes(user_id, fine) -> None:
    client, transport = iterable(reply(200, OK), reply(200, {}))
    for carry in (client.update_user({"userId": user_id}), client.get_user_by_user_id(user_id)):
        if fine:
            await carry
        else:
            with pytest.raises(InvalidItem):
                await carry
    assert len(transport.sent) == 2 * fine


@pytest.mark.parametrize("email", ["", "user", "a\n@example.com", 5])
@pytest.mark.asyncio
async def test_an_email_without_an_at_sign_is_another_column(email) -> None:
    client, transport = iterable()
    for carry in (client.update_user({"email": email}), client.get_user(email), client.delete_user(email)):
        with pytest.raises(InvalidItem):
            await carry
    assert transport.sent == []


@pytest.mark.parametrize("user_id", [".", ".."])
@pytest.mark.asyncio
async def test_no_deletion_climbs_up_its_path(user_id) -> None:
    client, transport = iterable()
    with pytest.raises(InvalidItem):
        await client.delete_user_by_user_id(user_id)
    assert transport.sent == []


@pytest.mark.asyncio
async def test_rows_of_one_address_in_two_cases_go_one_after_the_other() -> None:
    client, transport = iterable(taken(2), taken(1))
    rows = [
        {"email": A, "dataFields": {"age": 1}},
        {"email": A.upper(), "dataFields": {"age": 2}},
        {"userId": "u"},
    ]
    await client.bulk_update_users(rows)
    assert bodies(transport) == [{"users": [rows[0], rows[2]]}, {"users": [rows[1]]}]


@pytest.mark.parametrize(
    "row",
    [
        {"email": A, "mergedNestedObjects": True},  # as the vendor's page calls it once, by mistake
        {"email": A, "dataFields": []},
        {"email": A, "dataFields": None},
        {"email": A, "preferUserId": "true"},
        {"email": None, "userId": "1"},
    ],
)
@pytest.mark.asyncio
async def test_a_row_has_the_fields_that_are_documented(row) -> None:
    client, transport = iterable()
    await rejected(client, "bulk_update_users", row, {})
    assert transport.sent == []


# What widens an effect.


@pytest.mark.parametrize("row", [{"token": "t"}, DeviceReference(token="t")])
@pytest.mark.asyncio
async def test_a_device_is_disabled_for_everybody_only_if_that_is_asked_for(row) -> None:
    client, transport = iterable(reply(200, OK), reply(200, OK))
    for options in ({}, {"everywhere": False}, {"everywhere": 1}):
        with pytest.raises(InvalidItem, match="everywhere=True"):
            await client.disable_device(row, **options)
        assert "everywhere=True" in await rejected(client, "disable_device", row, options)
    assert transport.sent == []
    await client.disable_device(row, everywhere=True)
    # Who names a user means that one, whatever is agreed to.
    await client.disable_device({"token": "t", "email": A}, everywhere=True)
    assert bodies(transport) == [{"token": "t"}, {"token": "t", "email": A}]


@pytest.mark.asyncio
async def test_one_row_without_a_user_sinks_no_other() -> None:
    client, transport = iterable(reply(200, OK))
    rows = [{"token": "t"}, {"token": "u", "userId": "1"}]
    settled = await outcomes_of(client.disable_device.each(rows))
    assert [type(outcome) for outcome in settled] == [Rejected, Delivered]
    assert bodies(transport) == [rows[1]]


@pytest.mark.asyncio
async def test_a_device_to_disable_has_one_user() -> None:
    client, transport = iterable()
    for options in ({}, {"everywhere": True}):
        with pytest.raises(InvalidItem, match="both"):
            await client.disable_device({"token": "t", "email": A, "userId": "1"}, **options)
    assert transport.sent == []


@pytest.mark.parametrize("given", [False, 0, "yes", 1])
@pytest.mark.asyncio
async def test_a_whole_channel_is_left_only_by_true(given) -> None:
    client, transport = iterable(taken(1))
    await client.unsubscribe_from_list([{"email": A}], list_id=1, channel_unsubscribe=given)
    assert bodies(transport)[0]["channelUnsubscribe"] is False


@pytest.mark.parametrize("number", [-1, True, "5", 1.0, None])
@pytest.mark.asyncio
async def test_a_list_is_a_number(number) -> None:
    client, transport = iterable()
    for carry in (client.subscribe_to_list, client.unsubscribe_from_list):
        with pytest.raises(ConfigurationError, match="list_id"):
            carry([{"email": A}], list_id=number)
    with pytest.raises(ConfigurationError, match="campaign_id"):
        client.unsubscribe_from_list([{"email": A}], list_id=1, campaign_id=-1)
    assert transport.sent == []


def test_nothing_and_nothing_said_are_two_things() -> None:
    client, _ = iterable()
    updates = [SubscriptionUpdate(email=A, email_list_ids=[]), SubscriptionUpdate(email=B)]
    operation = IterableClient.bulk_update_subscriptions
    body = client.prepare(operation, operation.function(client, updates)).body
    assert orjson.loads(body or b"") == {
        "updateSubscriptionsRequests": [{"email": A, "emailListIds": []}, {"email": B}]
    }


@pytest.mark.parametrize("ids", ["12", [1, "2"], [True], [-1], 5, None])
@pytest.mark.asyncio
async def test_ids_are_a_list_of_numbers(ids) -> None:
    client, transport = iterable()
    await rejected(client, "bulk_update_subscriptions", {"email": A, "emailListIds": ids}, {})
    assert transport.sent == []


# What a project of a type cannot do.


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"region": "us"}, set()),
        ({"region": "us", "project_type": "email"}, {"forget_user_by_user_id", "subscribe_to_list"}),
        ({"region": "us", "project_type": "hybrid"}, {"update_email"}),
        ({"region": "us", "project_type": "user_id"}, {"update_email", "forget_user"}),
        ({"region": "eu"}, {"update_email"}),
        ({"region": "eu", "project_type": "hybrid"}, {"update_email"}),
    ],
)
@pytest.mark.parametrize(
    ("operation", "item", "arguments"),
    [
        ("update_email", EmailChange(new_email=B, current_email=A), {}),
        ("forget_user", A, {}),
        ("forget_user_by_user_id", "1", {}),
        ("subscribe_to_list", {"email": A}, {"list_id": 1, "update_existing_users_only": True}),
    ],
)
@pytest.mark.asyncio
async def test_what_the_project_cannot_do_is_refused_at_once(
    options, refused, operation, item, arguments
) -> None:
    client, transport = iterable(taken(1) if "list_id" in arguments else reply(200, OK), **options)
    bound = getattr(client, operation)
    start = getattr(bound, "each", bound)
    if operation in refused:
        with pytest.raises(ConfigurationError):
            start([item], **arguments)  # not when the run is read
        assert transport.sent == []
    else:
        assert (await start([item], **arguments)).delivered == 1


@pytest.mark.parametrize(
    "row",
    [
        {"newEmail": B},
        {"newEmail": B, "currentEmail": A, "currentUserId": "1"},
        {"currentEmail": A},
        {"newEmail": "b", "currentEmail": A},
    ],
)
@pytest.mark.asyncio
async def test_a_change_of_address_names_its_user_once(row) -> None:
    client, transport = iterable()
    with pytest.raises(InvalidItem):
        await client.update_email(row)
    assert transport.sent == []


@pytest.mark.parametrize("platform", ["FCM", "apns", "", "GCM ", None])
@pytest.mark.asyncio
async def test_a_platform_is_one_of_three_and_firebase_is_gcm(platform) -> None:
    client, transport = iterable()
    with pytest.raises(InvalidItem):
        await client.register_device_token({**DEVICE, "platform": platform, "email": A})
    with pytest.raises(InvalidItem, match="GCM"):
        DeviceRegistration(token="t", platform=platform, application_name="App", email=A)
    assert transport.sent == []


# Events.


@pytest.mark.parametrize(
    ("event_id", "fine"), [("x" * 512, True), ("x" * 513, False), ("ü" * 256, True), ("ü" * 257, False)]
)
@pytest.mark.asyncio
async def test_an_id_of_an_event_is_counted_in_bytes(event_id, fine) -> None:
    client, transport = iterable(taken(1))
    report = await client.track_events([{"eventName": "x", "email": A, "id": event_id}]).settled()
    assert (report.delivered, len(transport.sent)) == (fine, fine)


@pytest.mark.asyncio
async def test_who_sends_events_says_whether_they_have_ids() -> None:
    client, transport = iterable()
    assert "'id'" in await rejected(client, "track_events", {"eventName": "x", "email": A}, {})
    row = {"eventName": "x", "email": A, "id": "1"}
    assert "1 field more than" in await rejected(client, "track_events_without_ids", row, {})
    assert transport.sent == []


@pytest.mark.asyncio
async def test_events_of_unknown_fate_are_sent_again_only_where_they_have_ids() -> None:
    rows = [{"eventName": "x", "email": email} for email in (A, B)]
    client, transport = iterable(reply(502), taken(2), settings=PATIENT)
    await client.track_events([{**row, "id": str(index)} for index, row in enumerate(rows)])
    assert len(transport.sent) == 2
    client, transport = iterable(reply(502), settings=PATIENT)
    settled = await outcomes_of(client.track_events_without_ids(rows))
    assert [type(outcome) for outcome in settled] == [InDoubt, InDoubt]
    assert len(transport.sent) == 1


@pytest.mark.asyncio
async def test_failures_without_a_name_are_searched_for_only_among_events_with_ids() -> None:
    rows = [{"eventName": "x", "email": email, "id": email} for email in (A, B, C)]
    client, _ = iterable(taken(2, 1), taken(1), taken(1, 1), taken(1), taken(0, 1))
    settled = await outcomes_of(client.track_events(rows))
    assert [type(outcome) for outcome in settled] == [Delivered, Delivered, Rejected]
    without = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    client, transport = iterable(taken(1, 2, invalidEmails=[A]))
    settled = await outcomes_of(client.track_events_without_ids(without))
    assert [type(outcome) for outcome in settled] == [Rejected, InDoubt, InDoubt]
    assert len(transport.sent) == 1


# Answers.


@pytest.mark.asyncio
async def test_who_is_blamed_is_rejected_and_the_others_are_delivered() -> None:
    answer = {"failedUpdates": {"forgottenEmails": [A], "notFoundUserIds": ["u"]}, "filteredOutFields": ["x"]}
    client, transport = iterable(taken(1, 2, **answer))
    rows: list[Any] = [{"email": A.upper()}, UserUpdate(email=B), UserUpdate(user_id="u")]
    report = await client.subscribe_to_list(rows, list_id=1).settled()
    assert [(outcome.position, type(outcome.reason)) for outcome in report.undelivered] == [
        (0, Refused),
        (2, NotFound),
    ]
    assert (report.delivered, report.rejected, len(transport.sent)) == (1, 2, 1)
    assert ["x" in warning for warning in report.warnings] == [True]


@pytest.mark.asyncio
async def test_valid_users_on_whom_the_vendor_failed_are_sent_again() -> None:
    failed = taken(1, 1, invalidEmails=[], validEmailFailures=[B])
    client, transport = iterable(failed, taken(1), settings=PATIENT)
    await client.bulk_update_subscriptions([{"email": A}, {"email": B}])
    assert [body["updateSubscriptionsRequests"] for body in bodies(transport)] == [
        [{"email": A}, {"email": B}],
        [{"email": B}],
    ]


@pytest.mark.asyncio
async def test_valid_users_on_whom_the_vendor_fails_again_and_again_are_failed() -> None:
    failed = [taken(0, 1, validEmailFailures=[A]) for _ in range(3)]
    client, transport = iterable(*failed, settings=PATIENT)
    (outcome,) = await outcomes_of(client.bulk_update_subscriptions([{"email": A}]))
    assert type(outcome) is Failed
    assert len(transport.sent) == 3


@pytest.mark.asyncio
async def test_one_wrong_field_sinks_its_row_alone() -> None:
    told = {"code": "BadJsonBody", "msg": "x", "params": {"obj.users[1].dataFields": "Object expected"}}
    client, transport = iterable(reply(400, told), taken(2))
    settled = await outcomes_of(client.bulk_update_users([{"email": A}, {"email": B}, {"email": C}]))
    assert [type(outcome) for outcome in settled] == [Delivered, Rejected, Delivered]
    assert bodies(transport)[1] == {"users": [{"email": A}, {"email": C}]}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": "BadApiKey", "msg": "", "params": {"ip": "203.0.113.7"}}, Unauthorized),
        (400, {"code": "UniqueFieldsLimitExceeded", "msg": ""}, Misconfigured),
        (400, {"code": "Success", "msg": "error.lists.invalidListId"}, Misconfigured),
    ],
)
@pytest.mark.asyncio
async def test_what_no_other_item_could_mend_ends_the_run(status, body, kind) -> None:
    client, transport = iterable(reply(status, body), settings=attrs.evolve(AT_ONCE, in_flight=1, max_rows=1))
    report = await client.subscribe_to_list([{"email": A}, {"email": B}], list_id=1).settled()
    assert type(report.stopped) is kind
    assert (report.delivered, len(transport.sent)) == (0, 1)


@pytest.mark.asyncio
async def test_a_success_that_says_nothing_of_its_items_delivers_none() -> None:
    client, _ = iterable(*[reply(200, OK)] * 3)
    report = await client.bulk_update_users([{"email": A}, {"email": B}]).settled()
    assert (report.delivered, report.failed + report.in_doubt) == (0, 2)


@pytest.mark.parametrize("body", [{}, {"user": {}}, {"successCount": 1, "failCount": 0}])
@pytest.mark.asyncio
async def test_an_answer_without_its_code_is_no_envelope(body) -> None:
    client, _ = iterable(reply(200, body))
    with pytest.raises(Unreadable):
        await client.update_user({"email": A})


@pytest.mark.asyncio
async def test_who_is_not_there_is_not_told_to_be_deleted() -> None:
    gone = reply(404, {"code": "error.users.noUserWithIdExists", "msg": "", "params": None})
    client, _ = iterable(gone)
    with pytest.raises(NotFound):
        await client.delete_user_by_user_id("1")
    # Nor does it stop a run, however many of them there are.
    client, transport = iterable(*[gone] * 120, reply(200, OK))
    report = await client.delete_user_by_user_id.each([str(number) for number in range(121)]).settled()
    assert (report.rejected, report.delivered, report.stopped, len(transport.sent)) == (120, 1, None, 121)


@pytest.mark.asyncio
async def test_a_deletion_that_was_done_at_the_first_of_two_attempts_is_not_in_doubt() -> None:
    gone = reply(404, {"code": "NotFound", "msg": "", "params": None})
    client, _ = iterable(reply(502), gone, settings=PATIENT)
    (outcome,) = await outcomes_of(client.delete_user.each([A]))
    assert (type(outcome), type(outcome.reason)) == (Rejected, NotFound)


@pytest.mark.asyncio
async def test_who_does_not_exist_is_read_as_nobody() -> None:
    client, _ = iterable(reply(200, {}), reply(200, {"user": {"email": A, "signupDate": "2026"}, "more": 1}))
    assert await client.get_user(A) == GetUserResponse()
    found = await client.get_user(A)
    assert found.user is not None
    assert (found.user.email, dict(found.user.unknown), dict(found.unknown)) == (
        A,
        {"signupDate": "2026"},
        {"more": 1},
    )


def test_nothing_personal_is_in_a_repr() -> None:
    shown = [
        UserUpdate(email="jimmy@example.com", data_fields={"cat": "jimmy"}),
        UserUpdate(user_id="customer-jimmy-77"),
        DeviceRegistration(
            token="token-jimmy-1", platform="GCM", application_name="App", user_id="u-jimmy-1"
        ),
        EmailChange(new_email="jimmy@example.com", current_email="jimmy@example.org"),
        Event(event_name="bought", id="jimmy-1", email="jimmy@example.com", data_fields={"cat": "jimmy"}),
        IterableResponse(code="Success", msg="jimmy", params={"x": "jimmy"}),
        GetUserResponse(user=User(email="jimmy@example.com", data_fields={"cat": "jimmy"})),
    ]
    assert "jimmy" not in repr(shown)


@pytest.mark.asyncio
async def test_a_rate_of_ones_own_leaves_the_count_of_the_day() -> None:
    client, _ = iterable(settings=Settings(rate=1))
    windows = client.quota(IterableClient.forget_user).windows
    assert [(window.most, window.per) for window in windows] == [(1, 1), (1000, 86_400)]


@pytest.mark.parametrize(
    "body",
    [
        {"code": "error.users.noUserWithIdExists", "msg": "", "params": None},
        {"code": "RequestFieldsTypesMismatched", "msg": "", "params": None},
        {"code": "BadParams", "msg": "No users with userId 12345 exist", "params": None},
        {"code": "SomethingNew", "msg": "", "params": None},
    ],
)
@pytest.mark.asyncio
async def test_what_the_vendor_says_of_a_row_under_a_500_never_counts_as_an_outage(body) -> None:
    client, transport = iterable(*[reply(500, body)] * 20)
    report = await client.get_user_by_user_id.each([f"u{number}" for number in range(20)]).settled()
    assert len(transport.sent) == 20
    assert (report.stopped, report.delivered, len(report.undelivered)) == (None, 0, 20)
    assert client.outage() is None


@pytest.mark.parametrize(
    "row", [{"dataFields": {"city": None}}, UserUpdate(email=A, data_fields={"city": None})]
)
@pytest.mark.asyncio
async def test_null_goes_out_for_it_is_reported_to_unset_a_field(row) -> None:
    client, transport = iterable(reply(200, OK))
    given = row if isinstance(row, UserUpdate) else {"email": A, **row}
    await client.update_user(given)
    assert bodies(transport) == [{"email": A, "dataFields": {"city": None}}]


@pytest.mark.parametrize("operation", ["track_events", "track_events_without_ids"])
@pytest.mark.asyncio
async def test_milliseconds_are_no_time_of_an_event(operation) -> None:
    client, transport = iterable()
    row = {"email": A, "eventName": "bought", "createdAt": 1_700_000_000_000}
    if operation == "track_events":
        row["id"] = "e1"
    assert "not milliseconds" in await rejected(client, operation, row, {})
    assert transport.sent == []


def test_a_row_that_is_text_goes_out_alone_to_its_last_digit():
    text = b'{"email":"a@example.com","dataFields":{"amount":0.12345678901234567890123}}'
    client, transport = iterable(reply(200, OK))
    assert asyncio.run(outcomes_of(client.update_user.each(RowTexts([A], [text]))))
    assert [request.body for request in transport.sent] == [text]
