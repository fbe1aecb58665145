"""What Netmera's API reference says of its answers, and what becomes of the items, against a scripted server.

Source: https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference (read 2026-11). What
the sandbox does about the same statements is asked in `test_sandbox_netmera_facts`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from scripted_vendors import AT_ONCE, Scripted, netmera, reply
from yarl import URL

from netaudience import ConfigurationError, NetmeraClient, NotFound, Refused, Rejected, Unreadable
from netaudience.errors import InvalidItem, VendorError
from netaudience.model.wire import Prepared, Response, load_json
from netaudience.outcomes import Report
from netaudience.vendors.netmera.models import DeviceToken

LATER = {"code": 2001, "error": "An unexpected error occurred, please retry later"}
GONE = {"code": 5016, "error": "The external id is not found or was already deleted"}


class Server(Scripted):
    """Answers by what it is asked."""

    def __init__(self, answer: Callable[[Any], Response]) -> None:
        super().__init__()
        self.answer = answer

    async def send(self, request: Prepared, /) -> Response:
        self.sent.append(request)
        return self.answer(load_json(request.body or b"null"))


async def asked(
    answer: Callable[[Any], Response], operation: str, *given: Any, **options: Any
) -> tuple[Report, Server]:
    server = Server(answer)
    client = NetmeraClient("the-rest-key", settings=AT_ONCE, transport=server)
    return await getattr(client, operation)(*given, **options).settled(), server


def told(report: Report) -> list[tuple[int, type, type]]:
    return [(one.position, type(one), type(one.reason)) for one in report.undelivered]


# Who is not there.


@pytest.mark.parametrize("error", [LATER, GONE], ids=["2001", "5016"])
@pytest.mark.asyncio
async def test_who_is_not_there_is_erased_and_sinks_nobody(error: dict[str, object]) -> None:
    there = {f"id{number}" for number in range(1000)} - {"id7", "id500"}

    def erase(body: Any) -> Response:
        return reply() if there.issuperset(body["extIds"]) else reply(400, error)

    ids = [f"id{number}" for number in range(1000)]
    report, server = await asked(erase, "delete_users_permanently", ids, confirm=True)
    assert (report.delivered, report.stopped, report.ok) == (1000, None, True)
    assert sum(report.warnings.values()) == 2
    assert "counts as done" in str(report)
    assert len(server.sent) < 50
    assert report.retries == 0


@pytest.mark.parametrize("error", [LATER, GONE], ids=["2001", "5016"])
@pytest.mark.asyncio
async def test_an_erasure_that_is_repeated_is_done_and_stops_no_run(error: dict[str, object]) -> None:
    ids = [f"id{number}" for number in range(300)]
    report, server = await asked(lambda _: reply(400, error), "delete_users_permanently", ids, confirm=True)
    assert (report.delivered, report.stopped, told(report)) == (300, None, [])
    assert sum(report.warnings.values()) == 300
    assert len(server.sent) == 599


@pytest.mark.asyncio
async def test_an_erasure_that_is_refused_for_another_reason_is_refused() -> None:
    error = {"code": 2020, "error": "Missing required parameter"}
    report, _ = await asked(lambda _: reply(400, error), "delete_users_permanently", ["a"], confirm=True)
    assert told(report) == [(0, Rejected, Refused)]


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ({"notExist": ["b", "d"]}, [1, 3]),
        ({"notExist": []}, []),
        ({"notExist": None}, []),
        ({}, []),
        (b"", []),
        ({"notExist": ["b", "b"], "more": 1}, [1]),
    ],
)
@pytest.mark.asyncio
async def test_ids_that_do_not_exist_are_told_one_by_one(answer: Any, refused: list[int]) -> None:
    report, server = await asked(
        lambda _: reply(200, answer), "untag_users", ["a", "b", "c", "d"], tag="Sport"
    )
    assert told(report) == [(position, Rejected, NotFound) for position in refused]
    assert report.delivered == 4 - len(refused)
    assert len(server.sent) == 1


@pytest.mark.parametrize("named", [lambda one: {"extId": one}, lambda one: f"other-{one}"])
@pytest.mark.asyncio
async def test_a_name_that_cannot_be_read_is_looked_for_one_by_one(named: Callable[[str], Any]) -> None:
    """Of the answer no more is documented than the name of its list: what is in it may be anything."""

    def untag(body: Any) -> Response:
        return reply(200, {"notExist": [named(one) for one in body["extIds"] if one == "c"]})

    report, server = await asked(untag, "untag_users", ["a", "b", "c", "d"], tag="Sport")
    assert told(report) == [(2, Rejected, NotFound)]
    assert len(server.sent) > 1


@pytest.mark.asyncio
async def test_a_user_who_is_not_there_has_no_devices() -> None:
    client, _ = netmera(reply(200, {"extId": "nobody", "devices": []}))
    assert (await client.get_devices("nobody")).devices == ()


# All or nothing, and entry by entry.


@pytest.mark.asyncio
async def test_one_registration_that_is_refused_sinks_no_other() -> None:
    def register(body: Any) -> Response:
        bad = any(row.get("platform") == "BEOS" for row in body)
        return reply(400, {"code": 2020, "error": "Missing required parameter"}) if bad else reply()

    rows = [{"extId": f"id{number}", "platform": "BEOS" if number == 3 else "IOS"} for number in range(8)]
    report, _ = await asked(register, "register_users", rows)
    assert told(report) == [(3, Rejected, Refused)]
    assert report.delivered == 7


@pytest.mark.parametrize("operation", ["set_profile_attributes", "push_profile_attributes"])
@pytest.mark.asyncio
async def test_an_app_that_rejects_is_asked_by_halves(operation: str) -> None:
    def take(body: Any) -> Response:
        bad = any("Age" in row["profile"] for row in body)
        return reply(400, {"code": 2009, "error": "Invalid JSON"}) if bad else reply()

    rows = [
        {"extId": f"id{number}", "profile": {"Age" if number == 3 else "age": [1]}} for number in range(8)
    ]
    report, _ = await asked(take, operation, rows)
    assert told(report) == [(3, Rejected, Refused)]


@pytest.mark.parametrize("operation", ["tag_users", "enable_mail", "add_email", "set_profile_attributes"])
def test_what_a_success_leaves_undone_is_said_by_operation_and_report(operation: str) -> None:
    client, _ = netmera()
    facts = NetmeraClient.operations()[operation].facts
    report = NetmeraClient.operations()[operation].report(client)
    assert report.unsaid == facts.unsaid
    assert bool(facts.unsaid) is (operation != "tag_users")


def test_whatever_netmera_only_accepts_says_what_it_leaves_undone() -> None:
    """The others answer with a body, or their page says nothing of it."""
    silent = {
        name
        for name, operation in NetmeraClient.operations().items()
        if operation.facts.acknowledges == "accepted" and not operation.facts.unsaid
    }
    assert silent == {
        *("tag_users", "untag_users", "send_push_approval"),
        "delete_profile_attribute_value_of_all_users",
        *("create_segment", "update_segment", "delete_segment", "reopen_segment"),
    }


# Segments.


def page(token: str | None, *users: str) -> Response:
    link = (
        {}
        if token is None
        else {"nextPage": f"https://node-7/rest/3.0/getSegmentUsers?max=1000&offset={token}&id=5"}
    )
    return reply(200, {"name": "five", "list": [{"externalId": user} for user in users], **link})


@pytest.mark.parametrize("token", ["eyJ+a/b==", "eyJ%2Ba%2Fb%3D%3D", "a.b_c~d-1", "12%7C34"])
@pytest.mark.asyncio
async def test_all_pages_of_a_segment_are_read_and_the_token_goes_to_the_letter(token: str) -> None:
    client, transport = netmera(page(token, "a", "b"), page("second", "c"), page(None, "d"))
    rows = [row.ext_id async for row in client.get_segment_users(segment_id=5)]
    assert rows == ["a", "b", "c", "d"]
    urls = [sent.url for sent in transport.sent]
    assert all(isinstance(url, URL) and url.host == "restapi.netmera.com" for url in urls)
    queries = [str(url).partition("?")[2] for url in urls]
    assert queries == ["id=5&max=1000", f"id=5&max=1000&offset={token}", "id=5&max=1000&offset=second"]


@pytest.mark.parametrize(
    "link", ["?max=1000", "?offset=", "nonsense", "http://[/?offset=a", "https://node-7/?offset=first"]
)
@pytest.mark.asyncio
async def test_a_link_that_leads_nowhere_further_ends_in_an_error(link: str) -> None:
    answer = reply(200, {"name": "five", "list": [{"externalId": "b"}], "nextPage": link})
    client, transport = netmera(page("first", "a"), answer)
    rows: list[str | None] = []
    with pytest.raises(Unreadable):
        rows.extend([row.ext_id async for row in client.get_segment_users(segment_id=5)])
    assert len(transport.sent) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"segment_id": "5"},
        {"segment_id": -1},
        {"segment_id": 5, "page_size": 99},
        {"segment_id": 5, "page_size": 1001},
    ],
)
def test_a_segment_is_asked_for_by_its_number_in_pages_of_a_size(options: dict[str, Any]) -> None:
    client, _ = netmera()
    with pytest.raises(ConfigurationError):
        client.get_segment_users(**options)


@pytest.mark.asyncio
async def test_a_segment_of_a_connector_says_that_asking_later_does_not_help() -> None:
    client, transport = netmera(reply(400, LATER))
    with pytest.raises(NotFound, match=r"segment of a connector.*asking later does not help"):
        [row async for row in client.get_segment_users(segment_id=5)]
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "row", [{"segmentName": "a"}, {"segmentName": "", "pushEnabled": True}, {"pushEnabled": True}]
)
@pytest.mark.asyncio
async def test_a_segment_without_name_or_condition_is_not_sent(row: dict[str, Any]) -> None:
    client, transport = netmera()
    with pytest.raises(InvalidItem):
        await client.create_segment(row)  # type: ignore[arg-type]
    assert transport.sent == []


@pytest.mark.parametrize("given", [{}, {"tag": ""}, {"profile": {}}])
@pytest.mark.asyncio
async def test_a_count_needs_somebody_to_be_counted(given: dict[str, Any]) -> None:
    client, _ = netmera()
    with pytest.raises(ConfigurationError):
        await client.count_targeted_users(**given)
    with pytest.raises(ConfigurationError):
        await client.count_users_by_value()


# Numbers.


@pytest.mark.asyncio
async def test_an_older_installation_gets_a_list_of_numbers() -> None:
    transport = Scripted(reply())
    client = NetmeraClient("key", older_installation=True, settings=AT_ONCE, transport=transport)
    await client.update_whats_app({"extId": "id1", "wpNumber": "+90 532 123 45 67"})
    assert load_json(transport.sent[0].body or b"") == {"extId": "id1", "wpNumbers": ["+905321234567"]}


@pytest.mark.parametrize(("value", "older"), [("true", True), ("false", False), (None, False)])
def test_an_older_installation_is_said_by_the_environment(value: str | None, older: bool) -> None:
    environ = {"NETAUDIENCE_NETMERA_API_KEY": "key"}
    if value is not None:
        environ["NETAUDIENCE_NETMERA_OLDER_INSTALLATION"] = value
    assert NetmeraClient.from_environment(environ=environ).older_installation is older
    with pytest.raises(ConfigurationError, match="true or false"):
        NetmeraClient.from_environment(environ={**environ, "NETAUDIENCE_NETMERA_OLDER_INSTALLATION": "1"})


@pytest.mark.parametrize("number", ["+905321234567", "905321234567", "05321234567"])
@pytest.mark.parametrize("operation", ["enable_sms", "disable_sms"])
@pytest.mark.asyncio
async def test_a_number_that_must_equal_a_stored_one_is_sent_as_it_is(operation: str, number: str) -> None:
    report, server = await asked(lambda _: reply(), operation, [number], by="msisdn")
    assert report.ok
    assert load_json(server.sent[0].body or b"") == {"msisdnList": [number]}


@pytest.mark.asyncio
async def test_a_refusal_of_an_older_field_is_read() -> None:
    client, _ = netmera(reply(400, b"Please provide a wpNumber.", "text/plain"))
    with pytest.raises(VendorError, match="Please provide a wpNumber"):
        await client.update_whats_app({"extId": "id1", "wpNumber": "+905321234567"})


@pytest.mark.parametrize(
    "row", [{"profile": {"a": [1]}}, {"extId": "a", "deviceToken": "t", "profile": {"a": [1]}}]
)
@pytest.mark.asyncio
async def test_values_name_their_user_in_one_way(row: dict[str, Any]) -> None:
    client, transport = netmera()
    report = await client.push_profile_attributes([row]).settled()  # type: ignore[list-item]
    assert [type(one.reason) for one in report.undelivered] == [InvalidItem]
    assert transport.sent == []


def test_an_installation_shows_nobody() -> None:
    shown = repr(DeviceToken("i-1", "IOS", "customer-77", "token-88"))
    assert "customer" not in shown
    assert "token-88" not in shown
    assert attrs.fields(DeviceToken).device_token.metadata["others"] == ("token",)
