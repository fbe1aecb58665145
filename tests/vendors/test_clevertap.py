"""What is special about CleverTap: what a record may hold, cursors that go to the letter, nights, one pool.

Source: https://developer.clevertap.com/docs/upload-user-profiles-api
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from scripted_vendors import Scripted, clevertap, reply

from netaudience import (
    AnswerLost,
    CleverTapClient,
    ConfigurationError,
    InDoubt,
    InvalidItem,
    Rejected,
    Settings,
    Unavailable,
    Unreadable,
)
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import mask
from netaudience.model.wire import Prepared, Response, dump_json, structure
from netaudience.vendors.clevertap import client as module
from netaudience.vendors.clevertap.models import (
    EventUpload,
    Platform,
    Profile,
    ProfileUpload,
    SubscriptionUpdate,
    TokenUpload,
    Unprocessed,
    Uploaded,
)

OPERATIONS = CleverTapClient.operations()


def problem(operation: str, item: Any) -> str | None:
    """Return what the operation says about an item before it is sent."""
    client, _ = clevertap()
    found = client.kind(OPERATIONS[operation]).check([item])
    return str(found[0]) if found else None


def profile(**data: Any) -> dict[str, Any]:
    return {"identity": "id1", "profileData": data}


# Properties.

FINE: list[dict[str, Any]] = [
    {"Name": "x"},
    {"Customer Type": "x", "MSG-sms": False, "MSG-email": True},
    {"n" * 120: "v" * 512},
    {"ğ" * 60: "ü" * 256},
    {"DOB": "$D_630720000"},
    {"DOB": "$D_-630720000"},
    {"DOB": "$D_0"},
    {"DOB": "1980-01-01", "Price": "$5", "Dollars": "$$$$$", "D": "$d_x"},
    {"Tags": ["a"] * 100},
    {"Tags": {"$remove": ["a"]}},
    {"Email": {"$delete": 1}, "Phone": {"$delete": 1}, "Gender": {"$delete": 1}},
    {"Phone": 905321234567},
    {"Age": 34, "Score": 1.5, "Nothing": None},
    {f"k{number}": 1 for number in range(256)},
]
# Data, and a word of the sentence.
WRONG: list[tuple[Any, str]] = [
    ({}, "at least one"),
    ({"": 1}, "name"),
    ({"n" * 121: 1}, "120 bytes"),
    ({"ğ" * 61: 1}, "120 bytes"),
    *(({f"a{character}b": 1}, "forbids") for character in "%><!|&.:;$'\"\\#"),
    ({"Name": "v" * 513}, "512 bytes"),
    ({"Name": "ü" * 257}, "512 bytes"),
    ({"Tags": ["v" * 513]}, "512 bytes"),
    ({"Tags": {"$remove": ["v" * 513]}}, "512 bytes"),
    ({"Tags": ["a"] * 101}, "100 values"),
    ({"Tags": {"$remove": ["a"] * 101}}, "100 values"),
    ({"DOB": "$D_"}, "seconds since 1970"),
    ({"DOB": "$D_1980-01-01"}, "seconds since 1970"),
    ({"DOB": "$D_1457271567000"}, "seconds since 1970"),
    ({"DOB": ["$D_x"]}, "seconds since 1970"),
    ({f"k{number}": 1 for number in range(257)}, "257 names"),
]


@pytest.mark.parametrize("data", FINE)
def test_properties_that_fit(data) -> None:
    assert problem("upload_profiles", {"identity": "id1", "profileData": data}) is None
    assert problem("upload_events", {"identity": "id1", "evtName": "e", "evtData": data}) is None
    assert ProfileUpload(identity="id1", profile_data=data).profile_data == data


@pytest.mark.parametrize(("data", "word"), WRONG)
def test_properties_that_do_not_fit(data, word) -> None:
    assert word in (problem("upload_profiles", {"identity": "id1", "profileData": data}) or "")
    if data:
        assert word in (problem("upload_events", {"identity": "id1", "evtName": "e", "evtData": data}) or "")
    with pytest.raises(InvalidItem, match=word):
        ProfileUpload(identity="id1", profile_data=data)


def test_an_event_needs_no_properties() -> None:
    assert problem("upload_events", {"identity": "id1", "evtName": "e", "evtData": {}}) is None
    assert problem("upload_events", {"identity": "id1", "evtName": "e"}) is None


@pytest.mark.parametrize("operation", ["upload_profiles", "upload_events"])
@pytest.mark.parametrize("ts", [0, -1, 1457271567000, 1.0, "1457271567", True])
def test_a_moment_is_in_seconds(operation, ts) -> None:
    row = {**profile(a=1), "ts": ts} if operation == "upload_profiles" else event("e", ts=ts)
    assert problem(operation, row)


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"identity": "id1", "evtName": name, **more}


# Who is meant.


@pytest.mark.parametrize("operation", ["upload_profiles", "upload_profile_changes", "upload_events"])
@pytest.mark.parametrize(
    ("named", "fine"),
    [
        ({}, False),
        ({"identity": "a", "objectId": "b"}, False),
        ({"FBID": "a", "GPID": "b"}, False),
        ({"identity": "a", "objectId": "b", "FBID": "c", "GPID": "d"}, False),
        *(({name: "a"}, True) for name in ("identity", "objectId", "FBID", "GPID")),
    ],
)
def test_a_row_names_its_user_exactly_once(operation, named, fine) -> None:
    rest = {"evtName": "e"} if operation == "upload_events" else {"profileData": {"a": 1}}
    told = problem(operation, {**named, **rest})
    assert (told is None) is fine
    if told:
        assert "exactly one of identity, objectId, FBID, GPID" in told


@pytest.mark.parametrize("time", [[], {}, ["a"], {"a": 1}])
@pytest.mark.asyncio
async def test_a_time_that_is_none_hides_nothing_else_that_is_wrong(time) -> None:
    rows = [event("e", ts=1_700_000_000), {**event("e"), "evtName": None, "ts": time}]
    report = await quick(Lossy()).upload_events(rows).settled()
    (rejected,) = (outcome for outcome in report.undelivered if isinstance(outcome, Rejected))
    assert rejected.position == 1
    assert "'evtName' must be str" in str(rejected)


RELATIVE = [{"$incr": 1}, {"$decr": 1}, {"$remove": ["a"], "$incr": 1}, {"$set": 1}]


@pytest.mark.parametrize("operator", RELATIVE)
def test_what_adds_to_a_value_has_an_operation_that_is_not_repeated(operator) -> None:
    row = profile(Name="x", Value=operator)
    assert "use upload_profile_changes" in (problem("upload_profiles", row) or "")
    instance = ProfileUpload(identity="id1", profile_data={"Value": operator})
    assert "use upload_profile_changes" in (problem("upload_profiles", instance) or "")
    assert problem("upload_profile_changes", row) is None
    assert not OPERATIONS["upload_profile_changes"].facts.idempotent


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        ("upload_device_tokens", {"objectId": "o", "id": "t", "type": "FCM"}),
        ("upload_device_tokens", {"objectId": "o", "id": "t", "type": "pigeon"}),
        ("upload_device_tokens", {"objectId": "o", "id": "", "type": "fcm"}),
        ("upload_device_tokens", {"identity": "o", "id": "t", "type": "fcm"}),
        ("set_subscription", {"type": "Phone", "value": "+905321234567", "status": "Unsubscribe"}),
        ("set_subscription", {"type": "email", "value": "a@example.com", "status": "unsubscribe"}),
        ("set_subscription", {"type": "email", "value": "", "status": "Unsubscribe"}),
        ("set_subscription", {"type": "email", "status": "Unsubscribe"}),
    ],
)
def test_the_vendors_own_words_are_taken_to_the_letter(operation, row) -> None:
    assert problem(operation, row)


# Telephone numbers.

NO_NUMBER = ["05321234567", "+44+441234", "abc", "", "+90", "5"]


@pytest.mark.parametrize("number", NO_NUMBER)
@pytest.mark.parametrize(
    ("operation", "row"),
    [
        ("upload_profiles", lambda number: profile(Phone=number)),
        ("upload_profile_changes", lambda number: profile(Phone=number)),
        ("set_subscription", lambda number: {"type": "phone", "value": number, "status": "Unsubscribe"}),
        ("set_subscription", lambda number: {"type": "whatsapp", "value": number, "status": "Unsubscribe"}),
        ("disassociate_phone_numbers", lambda number: number),
    ],
)
@pytest.mark.asyncio
async def test_what_is_no_number_is_rejected_and_sinks_no_other(operation, row, number) -> None:
    client, transport = clevertap(reply(200, {"status": "success", "processed": 1, "unprocessed": []}))
    good = row("+90 532 123 45 67")
    report = await getattr(client, operation)([row(number), good]).settled()
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(0, Rejected)]
    assert isinstance(report.undelivered[0].reason, InvalidItem)
    assert (report.delivered, len(transport.sent)) == (1, 1)
    assert b'"+905321234567"' in (transport.sent[0].body or b"")


# Pages of profiles.

FIRST = "https://in1.api.clevertap.com/1/profiles.json"
ASKED: dict[str, Any] = {"event_name": "App Launched", "from_date": 20150810, "to_date": 20151025}


def started(cursor: str = "ZiZi%3D%3D") -> Response:
    return reply(200, {"status": "success", "cursor": cursor})


def page(*identities: str, following: str | None = None) -> Response:
    records = {"records": [{"identity": name} for name in identities]} if identities else {}
    return reply(200, {"status": "success", "next_cursor": following, **records})


async def read(client: CleverTapClient) -> list[str | None]:
    return [row.identity async for row in client.get_profiles(**ASKED)]


@pytest.mark.asyncio
async def test_a_cursor_goes_back_to_the_letter() -> None:
    # The vendor's own example: one cursor has %2F and %3D, the other neither.
    client, transport = clevertap(
        started("ZiZi%2F%3D%3D"), page("1", "2", following="plain/+=="), page("3", following="%C3%BC"), page()
    )
    assert await read(client) == ["1", "2", "3"]
    assert [(sent.method, str(sent.url), sent.body) for sent in transport.sent[1:]] == [
        ("GET", f"{FIRST}?cursor=ZiZi%2F%3D%3D", None),
        ("GET", f"{FIRST}?cursor=plain/+==", None),
        ("GET", f"{FIRST}?cursor=%C3%BC", None),
    ]
    assert "Content-Type" not in transport.sent[1].headers
    assert transport.sent[1].headers["X-CleverTap-Account-Id"] == "PROJECT"


@pytest.mark.parametrize(
    "answers",
    [
        # No cursor at the beginning.
        [reply(200, {"status": "success"})],
        [started("")],
        # The cursor that was asked with.
        [started("a"), page("1", following="a")],
        [started("a"), page("1", following="b"), page("2", following="b")],
        # What would end the query, or the line.
        *(
            [started(cursor)]
            for cursor in ("a&batch_size=1", "a#b", "a b", "a\r\nHost: x", "ü", "a?b", "a\n")
        ),
    ],
)
@pytest.mark.asyncio
async def test_a_cursor_that_leads_nowhere_further_is_told(answers) -> None:
    client, transport = clevertap(*answers)
    with pytest.raises(Unreadable, match="no cursor that leads further"):
        await read(client)
    assert len(transport.sent) == len(answers)


def quick(transport: Any) -> CleverTapClient:
    """Make a client that asks three times, without waiting."""
    settings = Settings(retry=RetryPolicy(attempts=3, first_wait=0))
    return CleverTapClient("P", "C", region="in1", settings=settings, transport=transport)


@pytest.mark.asyncio
async def test_a_page_that_is_not_ready_is_asked_for_again() -> None:
    not_ready = reply(200, {"status": "fail", "error": "Request still in progress", "code": 2})
    transport = Scripted(started("a"), not_ready, not_ready, page("1"))
    assert await read(quick(transport)) == ["1"]
    assert [str(sent.url.query_string) for sent in transport.sent[1:]] == ["cursor=a"] * 3  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match="not ready yet"):
        await read(quick(Scripted(started("a"), *[not_ready] * 3)))


class Lossy(Scripted):
    """Loses the answer to the first request."""

    async def send(self, request: Prepared, /) -> Response:
        self.sent.append(request)
        if len(self.sent) == 1:
            raise AnswerLost("No answer came")
        return self.answers.pop(0)


@pytest.mark.asyncio
async def test_the_question_for_the_first_page_may_be_repeated() -> None:
    transport = Lossy(started("a"), page("1"))
    assert await read(quick(transport)) == ["1"]
    assert [sent.method for sent in transport.sent] == ["POST", "POST", "GET"]


@pytest.mark.parametrize(
    "changed",
    [
        {"event_name": ""},
        {"event_name": None},
        {"from_date": 20151026},
        {"from_date": 20150230},
        {"from_date": 0},
        {"to_date": 1445731200},
        {"to_date": "2015-10-25"},
        {"to_date": "20151025"},
        {"to_date": 201511},
        {"from_date": 2015},
        {"from_date": 20150810.0},
        {"from_date": None},
        {"page_size": 0},
        {"page_size": 5001},
    ],
)
def test_what_is_asked_for_is_checked(changed) -> None:
    client, _ = clevertap()
    with pytest.raises(ConfigurationError):
        client.get_profiles(**{**ASKED, **changed})


@pytest.mark.parametrize("options", [{}, {"confirm": False}, {"confirm": 1}, {"confirm": "yes"}])
def test_a_deletion_is_asked_for_twice(options) -> None:
    client, _ = clevertap()
    with pytest.raises(ConfigurationError, match="confirm=True"):
        client.delete_profiles(["a"], **options)


@pytest.mark.parametrize("by", ["", "objectId", "identity,guid", None])
def test_a_deletion_has_one_selector(by) -> None:
    client, _ = clevertap()
    with pytest.raises(ConfigurationError, match="identity, guid"):
        client.delete_profiles(["a"], by=by, confirm=True)


# Nights.


class Clock(datetime):
    """Stands still."""

    moment: datetime

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.moment.astimezone(tz)


#: Two hours east of Greenwich.
ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("operation", "hour", "minute", "repeated"),
    [
        ("demerge", 12, 0, True),
        ("demerge", 3, 54, True),
        ("demerge", 3, 56, False),  # five minutes on, the night begins
        ("demerge", 4, 0, False),
        ("demerge", 6, 59, False),
        ("demerge", 7, 0, True),
        ("demerge", 2, 30, True),
        ("delete_profiles", 1, 54, True),
        ("delete_profiles", 1, 56, False),
        ("delete_profiles", 3, 59, False),
        ("delete_profiles", 4, 0, True),
        ("delete_profiles", 5, 0, True),
        ("upload_events", 12, 0, False),
        ("upload_profile_changes", 12, 0, False),
        ("upload_profiles", 5, 0, True),
        ("get_profiles", 3, 0, True),
    ],
)
def test_what_is_worked_off_at_night_is_repeated_by_day_alone(
    monkeypatch, operation, hour, minute, repeated
) -> None:
    monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(
        Clock, "moment", datetime(2026, 3, 1, hour, minute, tzinfo=ZONE).astimezone(UTC), False
    )
    client = CleverTapClient("P", "C", region="in1", account_time_zone=ZONE, transport=Scripted())
    assert client.may_repeat(OPERATIONS[operation], 0.0) is repeated
    without = CleverTapClient("P", "C", region="in1", transport=Scripted())
    if operation in {"demerge", "delete_profiles"}:
        assert not client.may_repeat(OPERATIONS[operation], 301.0)
        assert not without.may_repeat(OPERATIONS[operation], 0.0)


@pytest.mark.asyncio
async def test_a_lost_event_is_in_doubt_and_a_lost_profile_is_sent_again() -> None:
    answer = reply(200, {"status": "success", "processed": 1, "unprocessed": []})
    lost = await quick(Lossy()).upload_events([event("e")]).settled()
    assert [type(outcome) for outcome in lost.undelivered] == [InDoubt]
    assert (await quick(Lossy(answer)).upload_profiles([profile(a=1)]).settled()).delivered == 1


# One pool.


class Counting:
    """Answers when it is let, and counts what is under way."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.full = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, request: Prepared, /) -> Response:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == 12:
            self.full.set()
        await self.go.wait()
        self.under_way -= 1
        count = (request.body or b"").count(b'"type":"profile"') + (request.body or b"").count(
            b'"type":"event"'
        )
        return reply(200, {"status": "success", "processed": count, "unprocessed": []})

    async def aclose(self) -> None:
        pass


@pytest.mark.asyncio
async def test_all_kinds_of_records_share_what_may_be_in_flight() -> None:
    transport = Counting()
    client = CleverTapClient("P", "C", region="in1", settings=Settings(max_rows=1), transport=transport)
    rows = [{"identity": str(number), "profileData": {"a": 1}} for number in range(20)]
    events = [{"identity": str(number), "evtName": "e"} for number in range(20)]
    runs = asyncio.gather(client.upload_profiles(rows).settled(), client.upload_events(events).settled())
    await asyncio.wait_for(transport.full.wait(), 5)
    for _ in range(100):
        await asyncio.sleep(0)
    assert transport.under_way == 12
    transport.go.set()
    assert [report.delivered for report in await runs] == [20, 20]
    assert transport.most == 12


@pytest.mark.asyncio
async def test_two_rows_of_one_user_never_go_in_one_request() -> None:
    success = reply(200, {"status": "success", "processed": 1, "unprocessed": []})
    client, transport = clevertap(success, success)
    assert (await client.upload_profiles([profile(a=1), profile(a=2)]).settled()).delivered == 2
    assert [b'"a":1' in (sent.body or b"") for sent in transport.sent] == [True, False]
    both = reply(200, {"status": "success", "processed": 2, "unprocessed": []})
    client, transport = clevertap(both)
    assert (await client.upload_events([event("e"), event("f")]).settled()).delivered == 2
    assert len(transport.sent) == 1


# What is shown.


def test_no_row_and_no_answer_shows_who_it_is_about() -> None:
    shown = [
        ProfileUpload(identity="customer-77", profile_data={"Email": "a.b@example.com"}),
        EventUpload(fbid="customer-77", name="e", data={"Email": "a.b@example.com"}),
        TokenUpload("customer-77", "token-88", "fcm", {"auth": "token-88"}),
        SubscriptionUpdate("email", "a.b@example.com", "Unsubscribe"),
        Uploaded(unprocessed=(Unprocessed(error="customer-77"),)),
        Profile(identity="customer-77", email="a.b@example.com", profile_data={"a": "customer-77"}),
        Platform(push_token="token-88", object_id="customer-77"),
    ]
    for told in map(repr, shown):
        assert "customer" not in told
        assert "token-88" not in told
        assert "@" not in told
    assert mask("customer-77") in repr(shown[0])


def test_nobodys_record_is_in_the_result_of_another() -> None:
    told = {"status": "fail", "code": 515, "error": "Email", "record": {"identity": "customer-77"}}
    read = structure({"status": "partial", "processed": 1, "unprocessed": [told]}, Uploaded)
    assert read == Uploaded("partial", 1, (Unprocessed("fail", 515, "Email"),))
    assert b"customer" not in dump_json(read)


def test_a_profile_is_read_from_the_vendors_own_example() -> None:
    told = {
        "identity": 5555555555,
        "email": "jack@example.com",
        "profileData": {"Last Score": 308, "Replayed": True},
        "events": {"App Launched": {"count": 10, "first_seen": 1457271567, "last_seen": 1458041215}},
        "platformInfo": [{"platform": "Web", "objectId": "a8ffcbc9"}, {"platform": "iOS", "make": "Apple"}],
        "new": 1,
    }
    read = structure(told, Profile)
    assert (read.identity, read.profile_data["Last Score"], read.unknown) == ("5555555555", 308, {"new": 1})
    assert read.events["App Launched"].count == 10
    assert [platform.platform for platform in read.platforms] == ["Web", "iOS"]
