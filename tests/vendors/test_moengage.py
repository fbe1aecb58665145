"""What is special about MoEngage: rows that it would drop or cut without a word never leave.

It accepts nearly everything at once, so what is refused here is the only refusal that anybody gets.
"""

from __future__ import annotations

import orjson
import pytest
from golden_moengage import ACCEPTED, moengage
from scripted_vendors import reply

from netaudience import (
    AccountError,
    CleverTapClient,
    ConfigurationError,
    Delivered,
    FyndClient,
    InvalidItem,
    IterableClient,
    MoEngageClient,
    NotFound,
    Rejected,
    Settings,
    Unauthorized,
)
from netaudience.engine.retry import RetryPolicy
from netaudience.model.limits import Provenance
from netaudience.vendors.moengage.models import Device, Event, GetUsersResponse, MergePair, User

TAKEN = reply(200, orjson.loads(ACCEPTED))
LONG = "x" * 513
WORD = "ə" * 512


def refusal(operation: str, item: object, **options: object) -> str:
    """Return what is wrong with an item, or its making, before it is sent; nothing if nothing is."""
    client, _ = moengage(**options)
    try:
        item = item() if callable(item) else item
    except InvalidItem as error:
        return str(error)
    problems = client.kind(client.operations()[operation]).check((item,))
    return str(problems[0]) if problems else ""


# Users' ids.


@pytest.mark.parametrize(
    "customer_id",
    [
        *("unknown", "guest", "null", "0", "1", "true", "false", "user_attribute_unique_id", "(empty)"),
        *("na", "n/a", '""', "dummy_seller_code", "user_id", "id", "customer_id", "uid", "userid"),
        *("none", "-2", "-1", "2", "NULL", "Guest", "N/A", "None", "x", "ə", ""),
    ],
)
@pytest.mark.parametrize(
    ("operation", "rest"),
    [
        ("track_user", {}),
        ("import_users", {}),
        ("track_device", {"device_id": "d", "platform": "iOS", "push_id": "t"}),
        ("import_devices", {"device_id": "d", "platform": "iOS", "push_id": "t"}),
        ("track_event", {"action": "a"}),
        ("import_events", {"action": "a"}),
    ],
)
def test_an_id_that_stands_for_nobody_is_never_sent(operation, rest, customer_id) -> None:
    assert refusal(operation, {"customer_id": customer_id, **rest})
    with pytest.raises(InvalidItem):
        {"track_user": User, "import_users": User}.get(operation, Device if "device" in operation else Event)(
            customer_id=customer_id, **rest
        )


@pytest.mark.parametrize("user", ["x", "guest", "0"])
@pytest.mark.asyncio
async def test_what_should_not_be_there_can_be_removed(user) -> None:
    client, transport = moengage(TAKEN)
    await client.delete_user(user, confirm=True)
    assert len(transport.sent) == 1


# Attributes.


def attribute(name: str, value: object) -> dict[str, object]:
    return {"customer_id": "user-1", "attributes": {name: value}}


WRONG = [
    ("id", "x", "blocks"),
    ("_id", "x", "blocks"),
    ("", "x", "blocks"),
    ("moe_points", 5, "reserves"),
    ("moe_", 5, "reserves"),
    ("n" * 201, 5, "cut"),
    ("notes", LONG, "cut"),
    ("page", "https://example.com/" + LONG, "drops"),
    ("tags", ["a"] * 51, "50 values"),
    ("tags", [], "empties"),
    ("tags", (), "empties"),
    ("user_id", "x", "reserves"),
    ("MOE_GAID", "x", "reserves"),
    ("t_rev", 1, "keeps itself"),
    ("tags", ["a", 5], "different types"),
    ("tags", [True, 1], "different types"),
    ("tags", [LONG], "cut"),
    ("tags", [{"a": 1}], "object_attributes"),
    ("address", {"city": "Baku"}, "object_attributes"),
    ("address", None, "null"),
    ("tags", [None], "null"),
    ("u_em", "", "u_em"),
    ("u_em", "nobody", "e-mail address"),
    ("u_fn", 5, "text"),
    ("moe_spam", "true", "true or false"),
    ("push_preference", 1, "true or false"),
    ("cr_t", "1767092989259", "milliseconds"),
    ("u_l_a", True, "milliseconds"),
    ("moe_email_optin_status", "IN", "DOUBLE_OPTED_IN"),
    ("u_bd", "31.12.1990", "ISO 8601"),
    ("u_mb", 918888444411, "text"),
    ("u_mb", "0888444411", "country's code"),
    ("u_mb", "91 8888 444411", "country's code"),
    ("u_mb", "918888444411 (Ali)", "letters"),
    ("u_mb", "+9188", "digits for its country"),
    ("u_mb", "+", "not plainly one number"),
    ("platforms", "ANDROID", "platforms"),
    ("platforms", [], "platforms"),
    ("platforms", [{"platform": "ANDROID"}], "platforms"),
    ("platforms", [{"platform": "android", "active": True}], "platforms"),
    ("platforms", [{"platform": "TV", "active": True}], "platforms"),
    ("platforms", [{"platform": "iOS", "active": "True"}], "platforms"),
    ("platforms", [{"platform": "iOS", "active": 1}], "platforms"),
    ("platforms", [{"platform": "iOS", "active": True, "more": 1}], "platforms"),
    ("platforms", [{"platform": ["iOS"], "active": True}], "platforms"),
    ("addValueToArrayField", ["a"], "lists of values"),
    ("addValueToArrayField", {"tags": "a"}, "lists of values"),
    ("addValueToArrayField", {"id": ["a"]}, "blocks"),
    ("addValueToArrayField", {"moe_x": ["a"]}, "reserves"),
    ("addValueToArrayField", {"platforms": ["a"]}, "platforms"),
    ("removeValueFromArrayField", {"tags": ["a"] * 51}, "50 values"),
]


@pytest.mark.parametrize(("name", "value", "word"), WRONG)
def test_what_moengage_would_drop_or_cut_is_never_sent(name, value, word) -> None:
    for operation in ("track_user", "import_users"):
        assert word in refusal(operation, attribute(name, value))
        assert word in refusal(operation, lambda: User("user-1", {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("name", "x"), ("points", 20), ("points", 0.5), ("super_user", True), ("ə" * 200, WORD)),
        *(
            ("tags", ["a"] * 50),
            ("addValueToArrayField", {"tags": []}),
            ("tags", [1, 0.5]),
            ("empty", ""),
            ("Id", "x"),
            ("moe", 1),
        ),
        *(("u_mb", "918888444411"), ("u_mb", "+918888444411"), ("u_bd", "2019-05-21T03:47:35Z")),
        *(("moe_mobile", "918888444411"), ("moe_spam", True), ("moe_sms_subscription", "active")),
        *(("moe_gaid", "x"), ("cr_t", 1767092989259), ("geo", "88.90 89.00")),
        *(("moe_email_optin_status", "OPTED_OUT"), ("addValueToArrayField", {})),
        ("platforms", [{"platform": "web", "active": "false"}, {"platform": "iOS", "active": True}]),
        ("removeValueFromArrayField", {"tags": ["a", "b"]}),
    ],
)
def test_what_is_documented_passes(name, value) -> None:
    assert not refusal("track_user", attribute(name, value))


def test_an_array_is_changed_in_one_way_at_a_time() -> None:
    both = {"addValueToArrayField": {"tags": ["a"]}, "removeValueFromArrayField": {"tags": ["b"]}}
    assert "both adds" in refusal("track_user", {"customer_id": "user-1", "attributes": both})
    for change in both:
        row = {"customer_id": "user-1", "attributes": {change: {"tags": ["a"]}, "tags": ["b"]}}
        assert "same row sets" in refusal("track_user", row)


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("object_attributes", "address", {"city": "Baku"}),
        ("object_attributes", "addresses", [{"city": "Baku"}]),
        ("allow_truncation", "notes", LONG),
        ("allow_truncation", "n" * 201, 5),
    ],
)
def test_what_depends_on_the_workspace_is_told_to_the_client(option, name, value) -> None:
    assert refusal("track_user", attribute(name, value))
    assert not refusal("track_user", attribute(name, value), **{option: True})


def test_a_url_that_is_too_long_is_dropped_whatever_is_allowed() -> None:
    row = attribute("page", "https://example.com/" + LONG)
    assert "drops" in refusal("track_user", row, allow_truncation=True)


def test_a_sentence_names_the_attribute_and_no_person() -> None:
    assert "'notes'" in refusal("track_user", attribute("notes", LONG))
    for name, value in (("a.b@example.com", LONG), ("notes", f"a.b@example.com {LONG}")):
        assert "example" not in refusal("track_user", attribute(name, value))


# Identity Resolution.

MOBILE = {"attributes": {"moe_mobile": "918888444411", "first_name": "John"}}


@pytest.mark.asyncio
async def test_an_identifier_stands_for_the_id_where_the_workspace_has_it() -> None:
    client, transport = moengage(TAKEN, TAKEN, identity_resolution=["moe_mobile"])
    await client.track_user(MOBILE)
    await client.track_event({"action": "seen", "user_identifiers": {"moe_mobile": "918888444411"}})
    assert [orjson.loads(sent.body) for sent in transport.sent] == [
        {"type": "customer", **MOBILE},
        {
            "type": "event",
            "user_identifiers": {"moe_mobile": "918888444411"},
            "actions": [{"action": "seen"}],
        },
    ]


@pytest.mark.parametrize("row", [MOBILE, User(attributes={"moe_mobile": "918888444411"}), {}, User()])
def test_without_identity_resolution_the_id_is_required(row) -> None:
    assert "identity_resolution" in refusal("track_user", row)
    assert "identity_resolution" in refusal("track_event", Event(action="seen"))


@pytest.mark.parametrize("attributes", [{}, {"first_name": "John"}, {"loyalty": ""}, {"moe_mobile": None}])
def test_with_it_the_id_or_an_identifier_is_required(attributes) -> None:
    options = {"identity_resolution": ("loyalty", "moe_mobile")}
    assert "loyalty, moe_mobile" in refusal("track_user", {"attributes": attributes}, **options)
    assert not refusal("track_user", {"customer_id": "user-1", "attributes": {}}, **options)
    assert not refusal("track_user", {"attributes": {"loyalty": 77}}, **options)


def test_an_identifier_of_the_workspace_may_have_a_reserved_name() -> None:
    row = attribute("moe_loyalty_id", "77")
    assert refusal("track_user", row)
    assert not refusal("track_user", row, identity_resolution=["moe_loyalty_id"])
    event = {"customer_id": "user-1", "action": "seen", "user_identifiers": {"moe_x": "77"}}
    assert "not one of the workspace's" in refusal("track_event", event, identity_resolution=["moe_mobile"])


@pytest.mark.parametrize(
    ("operation", "field", "rest"),
    [("track_user", "attributes", {}), ("track_event", "user_identifiers", {"action": "seen"})],
)
def test_rows_are_told_apart_by_what_names_their_user(operation, field, rest) -> None:
    """Rows of one key wait for each other: without a key of their own all would."""
    client, _ = moengage(identity_resolution=["moe_mobile", "loyalty"])
    kind = client.kind(client.operations()[operation])
    rows = [
        {"customer_id": "user-1", **rest},
        {field: {"moe_mobile": "1"}, **rest},
        {field: {"loyalty": "2"}, **rest},
        kind.row(**{field: {"loyalty": "3"}}, **rest),
    ]
    assert list(kind.keys(rows)) == ["user-1", "1", "2", "3"]
    assert [kind.key(row) for row in rows] == ["user-1", "1", "2", "3"]
    assert kind.key({field: "nonsense"}) == ""


@pytest.mark.parametrize("names", ["moe_mobile", [""], [5]])
def test_identifiers_are_a_list_of_names(names) -> None:
    with pytest.raises(ConfigurationError, match="identity_resolution"):
        moengage(identity_resolution=names)


# Events and devices.


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"current_time": "2999-01-01T00:00:00Z"}, "future"),
        ({"current_time": "2999-01-01"}, "future"),
        ({"current_time": "32472144000"}, "future"),
        ({"current_time": "32472144000000"}, "future"),
        ({"user_time": "2999-01-01T00:00:00+04:00"}, "future"),
        ({"current_time": "yesterday"}, "ISO 8601"),
        ({"current_time": "31.12.2020"}, "ISO 8601"),
        ({"current_time": ""}, "ISO 8601"),
        ({"current_time": "-5"}, "ISO 8601"),
        ({"user_timezone_offset": 54_001}, "offset"),
        ({"current_time": 32472144000}, "future"),
        ({"current_time": 32472144000000}, "future"),
        ({"current_time": -5}, "ISO 8601"),
        ({"user_timezone_offset": True}, "float or int"),
        ({"platform": "Symbian"}, "platform"),
        ({"moe_os_type": "Xbox"}, "TV"),
        ({"moe_os_type": "Xbox", "platform": "iOS"}, "TV"),
        ({"moe_os_type": "xbox", "platform": "TV"}, "Xbox"),
        ({"action": "moe_seen"}, "reserves"),
        ({"action": ""}, "action"),
        ({"attributes": {"moe_price": 5}}, "reserves"),
        ({"attributes": {"notes": LONG}}, "cut"),
        ({"attributes": {f"a{number}": 1 for number in range(101)}}, "100 attributes"),
        ({"user_identifiers": {"loyalty": "5"}}, "identity_resolution"),
    ],
)
def test_an_event_that_moengage_would_not_take_is_never_sent(fields, word) -> None:
    row = {"customer_id": "user-1", "action": "seen", **fields}
    for operation in ("track_event", "import_events"):
        assert word in refusal(operation, row)


@pytest.mark.parametrize(
    "fields",
    [
        *({"current_time": "2020-05-31T16:33:35Z"}, {"current_time": "2020-05-31T16:33:35"}),
        *({"current_time": "1590404615"}, {"current_time": "1708939453396"}, {"platform": "Android"}),
        *({"user_timezone_offset": -54_000}, {"platform": "tv", "moe_os_type": "ROKU"}),
        {"attributes": {f"a{number}": 1 for number in range(100)}},
    ],
)
def test_an_event_as_it_is_documented_passes(fields) -> None:
    assert not refusal("track_event", {"customer_id": "user-1", "action": "seen", **fields})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (1590404615, 1590404615),
        (1590404615.5, 1590404615.5),
        (1708939453396, "1708939453396"),
        ("1590404615", "1590404615"),
    ],
)
@pytest.mark.asyncio
async def test_a_time_that_is_a_number_goes_as_the_schema_has_it(given, sent) -> None:
    client, transport = moengage(TAKEN, TAKEN)
    await client.track_event({"customer_id": "user-1", "action": "seen", "current_time": given})
    await client.track_event(Event(customer_id="user-1", action="seen", user_time=given))
    (first,), (second,) = (orjson.loads(request.body)["actions"] for request in transport.sent)
    assert (first["current_time"], second["user_time"]) == (sent, sent)


def test_unsetting_is_said_to_the_client_and_never_widened() -> None:
    rule = {"type": "equals", "attr": "first_name", "case_sensitive": False}
    row = {"customer_id": "user-1", "unset_attributes": [rule]}
    assert "unset_attributes=True" in refusal("track_user", row, unset_attributes=False)
    assert not refusal("import_users", row, unset_attributes=True)
    wide = {"type": "prefix", "attr": ""}
    for wrong in (wide, {"type": "prefix", "attr": " "}, {"attr": "a"}, {**rule, "type": "regex"}):
        row = {"customer_id": "user-1", "unset_attributes": [rule, wrong]}
        assert "unset_attributes" in refusal("track_user", row, unset_attributes=True)
    for wrong in ({**rule, "case_sensitive": "no"}, {**rule, "more": 1}):
        row = {"customer_id": "user-1", "unset_attributes": [wrong]}
        assert "unset_attributes" in refusal("track_user", row, unset_attributes=True)
    assert refusal("track_user", {**row, "unset_attributes": []}, unset_attributes=True)


@pytest.mark.asyncio
async def test_a_project_goes_as_a_query_where_users_and_events_are_written() -> None:
    client, transport = moengage(*[TAKEN] * 4, project_code="P-1")
    event = {"customer_id": "user-1", "action": "seen"}
    await client.track_user({"customer_id": "user-1"})
    await client.import_users([{"customer_id": "user-1"}])
    await client.track_event(event)
    await client.import_events([event])
    assert {request.url.query_string for request in transport.sent} == {
        "app_id=VJ0GSMESHMQA3L7WV1EEK3UR&project_code=P-1"
    }
    with pytest.raises(ConfigurationError, match="project_code"):
        moengage(project_code="")


@pytest.mark.parametrize(
    "kind", ["InvalidParams", "ParamsRequired", "Authentication Mismatch", "Blacklisted"]
)
@pytest.mark.asyncio
async def test_what_is_wrong_with_the_account_stops_a_run_at_the_first_answer(kind) -> None:
    answer = reply(400, {"status": "fail", "error": {"type": kind, "message": "as it is reported"}})
    client, transport = moengage(*[answer] * 3)
    rows = [{"customer_id": f"user-{number}"} for number in range(17)]
    report = await client.import_users(rows).settled()
    assert len(transport.sent) == 1
    assert isinstance(report.stopped, AccountError)
    assert (report.rejected, report.delivered) == (0, 0)


def test_the_users_own_clock_may_be_ahead_of_utc(monkeypatch) -> None:
    monkeypatch.setattr("netaudience.vendors.moengage.rules.time.time", lambda: 1590404615.0)
    row = {"customer_id": "user-1", "action": "seen"}
    hours_ahead = str(1590404615 + 14 * 3600)
    assert not refusal("track_event", {**row, "user_time": hours_ahead})
    assert "future" in refusal("track_event", {**row, "current_time": hours_ahead})
    assert not refusal("track_event", {**row, "current_time": str(1590404615 + 59)})
    assert "future" in refusal("track_event", {**row, "current_time": str(1590404615 + 61)})


@pytest.mark.parametrize(
    "fields",
    [
        *({"platform": "ios"}, {"platform": "Symbian"}, {"push_id": ""}, {"device_id": ""}),
        *({"moe_push_opted": "yes"}, {"moe_push_opted": 1}, {"model": ""}),
    ],
)
def test_a_device_that_moengage_would_not_take_is_never_sent(fields) -> None:
    row = {"customer_id": "user-1", "device_id": "d", "platform": "iOS", "push_id": "t", **fields}
    assert refusal("track_device", row)
    with pytest.raises(InvalidItem):
        Device(**row)


@pytest.mark.parametrize("opted", [True, False])
@pytest.mark.asyncio
async def test_a_truth_value_is_written_as_each_field_wants_it(opted) -> None:
    client, transport = moengage(TAKEN, TAKEN)
    await client.track_device(Device("user-1", "d", "iOS", "t", moe_push_opted=opted))
    platforms = [{"platform": "iOS", "active": opted}]
    await client.track_user(User("user-1", {"platforms": platforms, "super_user": opted}))
    device, user = (orjson.loads(sent.body)["attributes"] for sent in transport.sent)
    assert device["moe_push_opted"] == str(opted)
    assert user["platforms"][0]["active"] == str(opted).lower()
    assert user["super_user"] is opted
    assert platforms == [{"platform": "iOS", "active": opted}]


#: Whose answers name what they leave undone, or of which no page says that anything is.
OF_ITERABLE = {
    *("track_events", "track_events_without_ids", "track_event", "track_event_without_id"),
    *("subscribe_to_list", "unsubscribe_from_list", "bulk_update_subscriptions", "update_subscriptions"),
    *("subscribe_to_double_opt_in", "delete_user", "delete_user_by_user_id", "unforget_user"),
    *("unforget_user_by_user_id", "bulk_update_users", "update_email"),
}


def test_whatever_is_only_accepted_says_what_it_leaves_undone() -> None:
    for client, silent in (
        (MoEngageClient, set[str]()),
        (FyndClient, {"start_user_export", "refresh_group"}),
        (CleverTapClient, {"set_subscription", "disassociate_phone_numbers"}),
        (IterableClient, OF_ITERABLE),
    ):
        operations = client.operations().items()
        accepted = {name for name, one in operations if one.facts.acknowledges == "accepted"}
        assert {name for name in accepted if not client.operations()[name].facts.unsaid} == silent
    client, _ = moengage()
    report = client.operations()["import_users"].report(client)
    assert "more than 1,000 devices" not in report.unsaid
    assert "pinned type" in report.unsaid


# What reaches more than was named, and what is gone for good.


@pytest.mark.asyncio
async def test_all_devices_of_a_user_are_meant_only_where_that_is_said() -> None:
    client, transport = moengage(TAKEN)
    with pytest.raises(InvalidItem, match="all_devices=True"):
        await client.manage_devices({"user_identifier_value": "user-1"}, action="block")
    rows = [
        {"user_identifier_value": "user-1"},
        {"user_identifier_value": "user-2", "device_identifiers": [{"push_id": "t"}]},
    ]
    report = await client.manage_devices.each(rows, action="block").settled()
    assert [(type(outcome), outcome.position) for outcome in report.undelivered] == [(Rejected, 0)]
    assert b"user-2" in transport.sent[0].body
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "identifiers",
    [
        [],
        ["t"],
        [{}],
        [{"push_id": ""}],
        [{"push_id": 5}],
        [{"idfa": "t"}],
        [{"push_id": "t", "unique_id": "u"}],
    ],
)
@pytest.mark.asyncio
async def test_a_list_of_devices_that_names_none_is_never_sent(identifiers) -> None:
    client, transport = moengage()
    row = {"user_identifier_value": "user-1", "device_identifiers": identifiers}
    with pytest.raises(InvalidItem, match="device_identifiers"):
        await client.manage_devices(row, action="block", all_devices=True)
    assert transport.sent == []


@pytest.mark.parametrize("options", [{"action": "BLOCK"}, {"action": ""}, {"action": "block", "by": ""}])
@pytest.mark.asyncio
async def test_an_action_is_one_of_two(options) -> None:
    client, transport = moengage()
    row = {"user_identifier_value": "user-1", "device_identifiers": [{"push_id": "t"}]}
    with pytest.raises(ConfigurationError):
        await client.manage_devices(row, **options)
    assert transport.sent == []


@pytest.mark.parametrize("confirm", [False, 1, "yes"])
@pytest.mark.asyncio
async def test_what_is_gone_for_good_is_asked_for_twice(confirm) -> None:
    client, transport = moengage()
    with pytest.raises(ConfigurationError, match="confirm=True"):
        await client.delete_user("user-1", confirm=confirm)
    with pytest.raises(ConfigurationError, match="confirm=True"):
        await client.delete_user.each(["user-1"], confirm=confirm)
    with pytest.raises(ConfigurationError, match="confirm=True"):
        await client.merge_users([MergePair("a1", "b1")], confirm=confirm)
    assert transport.sent == []


@pytest.mark.asyncio
async def test_a_user_who_is_not_known_is_told() -> None:
    body = {"status": "fail", "error": {"type": "Not Found", "message": "User doesn't exists"}}
    client, _ = moengage(reply(400, body), TAKEN)
    async with client.delete_user.each(["user-1", "user-2"], confirm=True) as outcomes:
        settled = sorted([outcome async for outcome in outcomes], key=lambda outcome: outcome.position)
    assert [type(outcome) for outcome in settled] == [Rejected, Delivered]
    assert type(settled[0].reason) is NotFound


@pytest.mark.asyncio
async def test_merging_is_off_with_identity_resolution() -> None:
    client, transport = moengage(identity_resolution=["moe_mobile"])
    with pytest.raises(ConfigurationError, match="Identity Resolution"):
        await client.merge_users([MergePair("a1", "b1")], confirm=True)
    assert transport.sent == []


def test_nobody_is_merged_into_himself() -> None:
    for pair in (MergePair("a1", "a1"), {"merged_user": "a1", "retained_user": "a1"}):
        assert "itself" in refusal("merge_users", pair)


# In bulk.

REFUSED = reply(400, {"status": "fail", "error": {"type": "MissingAttributeError", "message": "no"}})


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        ("import_users", {}),
        ("import_devices", {"device_id": "d", "platform": "iOS", "push_id": "t"}),
        ("import_events", {"action": "seen"}),
    ],
)
@pytest.mark.asyncio
async def test_a_refused_request_is_halved_until_the_one_is_found(operation, row) -> None:
    """A 400 is documented to concern the whole request: even events may be sent again in halves."""
    rows = [{"customer_id": f"user-{number}", **row} for number in range(4)]
    client, transport = moengage(REFUSED, TAKEN, REFUSED, REFUSED, TAKEN)
    report = await getattr(client, operation)(rows).settled()
    assert [outcome.position for outcome in report.undelivered] == [2]
    assert (report.delivered, report.rejected) == (3, 1)
    sizes = [len(orjson.loads(sent.body)["elements"]) for sent in transport.sent]
    assert sizes == [4, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("operation", "row", "attempts"),
    [
        ("import_users", {"customer_id": "user-1"}, 2),
        ("import_devices", {"customer_id": "u1", "device_id": "d", "platform": "web", "push_id": "t"}, 2),
        ("import_events", {"customer_id": "user-1", "action": "seen"}, 1),
        ("merge_users", {"merged_user": "a1", "retained_user": "b1"}, 1),
    ],
)
@pytest.mark.asyncio
async def test_what_may_have_happened_is_sent_again_only_where_that_does_no_harm(
    operation, row, attempts
) -> None:
    fault = reply(500, {"status": "fail", "error": {"type": "ServerError", "message": "Internal"}})
    patient = Settings(rate=1_000_000, retry=RetryPolicy(attempts=2, first_wait=0))
    client, transport = moengage(*[fault] * attempts, settings=patient)
    options = {"confirm": True} if operation == "merge_users" else {}
    report = await getattr(client, operation)([row], **options).settled()
    assert (report.in_doubt, len(transport.sent)) == (1, attempts)


@pytest.mark.asyncio
async def test_a_bulk_request_keeps_its_hundred_kilobytes() -> None:
    client, transport = moengage(*[TAKEN] * 40)
    rows = [User(f"user-{number}", {"notes": "x" * 500}) for number in range(600)]
    report = await client.import_users(rows)
    assert report.delivered == 600
    assert len(transport.sent) == 4
    assert max(sent.size for sent in transport.sent) <= 100_000
    assert sum(sent.records for sent in transport.sent) == 600


@pytest.mark.asyncio
async def test_a_single_user_keeps_128_kilobytes() -> None:
    client, transport = moengage()
    attributes = {f"a{number}": "x" * 500 for number in range(300)}
    report = await client.track_user.each([User("user-1", attributes)]).settled()
    assert report.rejected == 1
    assert "128,000" in str(report.undelivered[0])
    assert transport.sent == []


# Reading users.


def exported(*names: str, missing: tuple[str, ...] = ()):
    users = [{"user_attributes": {"customer_id": name, "name": "John"}} for name in names]
    unknown = [{"identifier_type": "customer_id", "identifier": name} for name in missing]
    data = {"users": users, "users_not_found": unknown}
    return reply(200, {"status": "success", "type": "export_users", "data": data})


@pytest.mark.asyncio
async def test_users_are_read_twenty_at_a_time_and_the_unknown_are_told() -> None:
    names = [f"user-{number}" for number in range(21)]
    client, transport = moengage(exported(*names[1:20], missing=("user-0",)), exported("user-20"))
    read = []
    async with client.export_users(names) as outcomes:
        async for chunk in outcomes.chunks():
            if isinstance(chunk.result, GetUsersResponse):
                read += [user.user_attributes["customer_id"] for user in chunk.result.data.users]
        report = outcomes.report
    assert sorted(read) == sorted(names[1:])
    assert [(outcome.position, type(outcome.reason)) for outcome in report.undelivered] == [(0, NotFound)]
    assert (report.delivered, report.acknowledges, len(transport.sent)) == (20, "answered", 2)


@pytest.mark.asyncio
async def test_a_user_of_whom_nothing_is_said_is_not_counted_as_read() -> None:
    client, transport = moengage(exported("a1"), exported("a1"), exported())
    report = await client.export_users(["a1", "b1"]).settled()
    assert (report.delivered, report.rejected, len(transport.sent)) == (1, 1, 3)
    assert report.undelivered[0].position == 1


@pytest.mark.parametrize(
    "options", [{"user_fields": []}, {"user_fields": "name"}, {"user_fields": [""]}, {"by": ""}]
)
def test_the_fields_to_read_are_a_list_of_names(options) -> None:
    client, _ = moengage()
    with pytest.raises(ConfigurationError):
        client.export_users(["a1"], **options)


@pytest.mark.asyncio
async def test_personal_data_is_in_no_repr() -> None:
    client, _ = moengage(exported("user-77"))
    async with client.export_users(["user-77"]) as outcomes:
        (outcome,) = [outcome async for outcome in outcomes]
    shown = [
        repr(outcome.result),
        repr(User("user-7777", {"u_em": "a@example.com"})),
        repr(Device("user-7777", "device-7777", "iOS", "the-token")),
        repr(Event(customer_id="user-7777", action="seen", attributes={"u_em": "a@example.com"})),
        repr(MergePair("user-7777", "user-7778")),
    ]
    for told in shown:
        assert "John" not in told
        assert "7777" not in told
        assert "example" not in told
        assert "the-token" not in told


# The account.


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05", "06", "101"])
def test_the_data_center_chooses_the_host(number) -> None:
    assert MoEngageClient("w", "k", data_center=number).base_url == f"https://api-{number}.moengage.com"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data_center": "01", "base_url": "https://api-01.moengage.com"},
        *({"data_center": given} for given in ("1", "07", 1, "us", "")),
        *({"base_url": given} for given in ("api-01.moengage.com", "https://u:p@api-01.moengage.com")),
    ],
)
def test_where_a_workspace_is_kept_is_never_guessed(options) -> None:
    with pytest.raises(ConfigurationError):
        MoEngageClient("workspace", "key", **options)


@pytest.mark.parametrize("value", ["", " s3cret", "s3cret\n", "s3\tcret", "s3crét", None, 5])
def test_credentials_are_checked_and_never_shown(value) -> None:
    for credentials in ((value, "key"), ("workspace", value)):
        with pytest.raises(ConfigurationError) as caught:
            MoEngageClient(*credentials, data_center="01")
        assert "s3" not in str(caught.value)


def test_a_colon_would_shift_the_key() -> None:
    with pytest.raises(ConfigurationError, match="colon"):
        MoEngageClient("work:space", "key", data_center="01")


def test_the_client_shows_no_credential() -> None:
    client = MoEngageClient("the-workspace", "the-secret", data_center="01")
    assert "the-" not in repr(client)


@pytest.mark.asyncio
async def test_the_app_key_can_be_left_out() -> None:
    client, transport = moengage(TAKEN, send_app_key=False)
    await client.track_user(User("user-1"))
    assert "MOE-APPKEY" not in transport.sent[0].headers


@pytest.mark.asyncio
async def test_another_data_center_is_named_as_a_cause() -> None:
    body = {"status": "fail", "error": {"type": "Authentication required", "message": "mismatch"}}
    client, _ = moengage(reply(401, body))
    with pytest.raises(Unauthorized, match="data center"):
        await client.track_user(User("user-1"))


ENVIRON = {
    "NETAUDIENCE_MOENGAGE_WORKSPACE_ID": "workspace",
    "NETAUDIENCE_MOENGAGE_DATA_API_KEY": "key",
    "NETAUDIENCE_MOENGAGE_DATA_CENTER": "03",
}


def test_the_environment_makes_the_same_client() -> None:
    client = MoEngageClient.from_environment(
        environ={
            **ENVIRON,
            "NETAUDIENCE_MOENGAGE_IDENTITY_RESOLUTION": "moe_mobile, loyalty",
            "NETAUDIENCE_MOENGAGE_OBJECT_ATTRIBUTES": "true",
            "NETAUDIENCE_MOENGAGE_ALLOW_TRUNCATION": "True",
            "NETAUDIENCE_MOENGAGE_SEND_APP_KEY": "false",
        }
    )
    assert client.base_url == "https://api-03.moengage.com"
    assert "MOE-APPKEY" not in client.headers()
    kind = client.kind(client.operations()["track_user"])
    assert not kind.check(({"attributes": {"loyalty": "7", "o": {}, "notes": LONG}},))
    plain = MoEngageClient.from_environment(environ=ENVIRON)
    assert plain.kind(plain.operations()["track_user"]).check(({"attributes": {"loyalty": "7"}},))
    assert plain.headers()["MOE-APPKEY"] == "workspace"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {**ENVIRON, "NETAUDIENCE_MOENGAGE_DATA_CENTER": ""},
        {**ENVIRON, "NETAUDIENCE_MOENGAGE_BASE_URL": "https://x.example"},
        {**ENVIRON, "NETAUDIENCE_MOENGAGE_SEND_APP_KEY": "no"},
        {**ENVIRON, "NETAUDIENCE_MOENGAGE_IDENTITY_RESOLUTION": "moe_mobile,,x"},
    ],
)
def test_an_environment_that_says_too_little_or_too_much_is_told(environ) -> None:
    with pytest.raises(ConfigurationError):
        MoEngageClient.from_environment(environ=environ)


def test_the_size_of_a_request_is_documented_where_a_page_gives_it() -> None:
    limits = {name: one.facts.limit.bytes for name, one in MoEngageClient.operations().items()}
    told = {name for name, figure in limits.items() if figure and figure.provenance is Provenance.DOCUMENTED}
    # The data overview, the bulk route's specification, those of merging, cohorts and the GDPR; read 2026-11.
    assert told == {
        *("track_user", "track_device", "track_event", "import_users", "import_devices", "import_events"),
        *("merge_users", "add_cohort_members", "remove_cohort_members", "request_erasure"),
    }
