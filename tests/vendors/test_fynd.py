"""What is special about Fynd: its token, its routes, its two styles of pages, and what is refused unsent."""

from __future__ import annotations

import base64
import logging
from typing import Any

import orjson
import pytest
from golden_fynd import CONFIRMED, HOST, TOKEN_URL, P, fynd
from scripted_vendors import AT_ONCE, reply
from yarl import URL

from netaudience import (
    ConfigurationError,
    FyndClient,
    InDoubt,
    InvalidItem,
    NotFound,
    Rejected,
    Unauthorized,
    Unreadable,
)
from netaudience.errors import AnswerLost, ConnectionFailed
from netaudience.model.limits import Provenance
from netaudience.model.wire import Response, structure
from netaudience.vendors.fynd.models import (
    AttributeDefinitionUpdate,
    GroupList,
    GroupUpdate,
    GroupUsers,
    NewGroup,
    UserAttributeValue,
    UserAttributeValues,
    UserSummary,
)

DELETED = {"message": "Deleted", "success": True}
VALUE = {"user_id": "u1", "definition_id": "d1", "value": "gold"}


# The token.


@pytest.mark.asyncio
async def test_the_token_is_asked_for_as_the_vendor_says_and_only_once() -> None:
    client, transport = fynd(*[reply(200, {})] * 3)
    await client.get_group("g1")
    await client.get_group.each(["g2", "g3"])
    (asked,) = transport.tokens
    assert (asked.method, str(asked.url)) == ("POST", TOKEN_URL)
    assert dict(asked.headers) == {
        "Authorization": "Basic " + base64.b64encode(b"client-1:the-secret").decode(),
        "Content-Type": "application/json",
    }
    assert orjson.loads(asked.body or b"") == {"grant_type": "client_credentials"}


@pytest.mark.asyncio
async def test_a_401_is_met_with_a_fresh_token_and_a_second_one_stops_the_run() -> None:
    client, transport = fynd(reply(401), reply(200, {}))
    await client.get_group("g1")
    assert (len(transport.sent), len(transport.tokens)) == (2, 2)
    client, transport = fynd(*[reply(401)] * 6)
    report = await client.delete_group.each(["g1", "g2", "g3"]).settled()
    assert isinstance(report.stopped, Unauthorized)
    assert report.delivered == 0


@pytest.mark.parametrize("answer", [reply(401), reply(400, {"message": "invalid client"})])
@pytest.mark.asyncio
async def test_wrong_credentials_are_told_and_nothing_is_sent(answer) -> None:
    client, transport = fynd()
    transport.token_answers = [answer]
    with pytest.raises(Unauthorized, match="client secret"):
        await client.create_group(NewGroup("n", "d", "l1", "https://x.example/a.csv"))
    assert transport.sent == []


class Broken:
    """A transport that loses every answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def send(self, request: Any, /) -> Response:
        raise self.error

    async def aclose(self) -> None:
        pass


@pytest.mark.asyncio
async def test_a_lost_token_leaves_nothing_in_doubt() -> None:
    client = FyndClient("a", "b", "1", "2", settings=AT_ONCE, transport=Broken(AnswerLost("reset")))
    with pytest.raises(ConnectionFailed, match="no token"):
        await client.create_group(NewGroup("n", "d", "l1", "https://x.example/a.csv"))


@pytest.mark.asyncio
async def test_the_signer_signs_every_request() -> None:
    seen = []

    def signer(method, url, headers, body):
        seen.append((method, url, body))
        return {"x-fp-signature": f"v1.1:{len(seen)}"}

    client, transport = fynd(reply(201, {}), signer=signer)
    await client.set_user_attribute(VALUE)
    assert seen[0][:2] == ("POST", TOKEN_URL)
    assert seen[1] == (
        "PUT",
        f"{P}/user_attribute/definition/d1/user/u1",
        b'{"attribute":{"value":"gold"}}',
    )
    assert transport.sent[0].headers["x-fp-signature"] == "v1.1:2"


@pytest.mark.asyncio
async def test_no_secret_is_shown(caplog) -> None:
    caplog.set_level(logging.DEBUG)
    client, transport = fynd(reply(401), reply(401))
    with pytest.raises(Unauthorized) as caught:
        await client.get_group("g1")
    shown = [repr(client), repr(client._transport), repr(transport.sent), str(caught.value), caplog.text]
    for text in shown:
        for secret in ("the-secret", "the-token", "Basic ", "Bearer "):
            assert secret not in text


# Routes.

INFERRED = {"list_group_tags": (), "list_categorised_groups": (), "refresh_group": ("g1",)}


@pytest.mark.parametrize("operation", INFERRED)
@pytest.mark.asyncio
async def test_an_inferred_path_is_not_sent_to_before_it_is_confirmed(operation) -> None:
    client, transport = fynd(routes={})
    route = CONFIRMED[operation].removeprefix("GET ").removeprefix("POST ")
    with pytest.raises(ConfigurationError, match="inferred") as caught:
        await getattr(client, operation)(*INFERRED[operation])
    assert f" {route}'" in str(caught.value)
    assert "NETAUDIENCE_FYND_ROUTES" in str(caught.value)
    assert (transport.sent, transport.tokens) == ([], [])


@pytest.mark.asyncio
async def test_a_run_on_an_inferred_path_is_refused_as_a_whole() -> None:
    client, transport = fynd(routes={})
    with pytest.raises(ConfigurationError, match="inferred"):
        await client.refresh_group.each(["g1", "g2"])
    assert (transport.sent, transport.tokens) == ([], [])


@pytest.mark.asyncio
async def test_the_sentence_on_an_inferred_path_can_be_followed_to_the_letter() -> None:
    client, _ = fynd(routes={})
    with pytest.raises(ConfigurationError) as caught:
        await client.refresh_group("g1")
    routes = orjson.loads(str(caught.value).partition("routes=")[2].partition(", or set")[0])
    client, transport = fynd(reply(202, {}), routes=routes)
    await client.refresh_group("g1")
    assert (transport.sent[0].method, str(transport.sent[0].url)) == ("POST", f"{P}/user_group/g1/refresh")


def test_where_each_path_is_known_from() -> None:
    operations = FyndClient.operations()
    known = {name: operation.facts.provenance for name, operation in operations.items()}
    older = {"bulk_update_user_attributes", "list_group_categories", "list_group_users"}
    assert {name for name in known if known[name] is Provenance.ASSUMED} == set(INFERRED)
    assert {name for name in known if known[name] is Provenance.REPORTED} == older
    assert len(operations) == 20 + 24


# Route of get_group, prefix; what is sent.
ROUTES = [
    ("/groups/{group_id}", None, "GET", f"{P}/groups/g1"),
    ("GET /groups/{group_id}/all", None, "GET", f"{P}/groups/g1/all"),
    ("POST /groups/{group_id}", None, "POST", f"{P}/groups/g1"),
    (
        "/service/platform/audience/v2.0/{application_id}/{group_id}",
        None,
        "GET",
        f"{HOST}/service/platform/audience/v2.0/64b000000000000000000001/g1",
    ),
    (None, "/v9/c/{company_id}", "GET", f"{HOST}/v9/c/559/user_group/g1"),
    ("/groups/{group_id}", "/v9/{application_id}", "GET", f"{HOST}/v9/64b000000000000000000001/groups/g1"),
]


@pytest.mark.parametrize(("route", "prefix", "method", "url"), ROUTES)
@pytest.mark.asyncio
async def test_a_user_may_set_other_paths(route, prefix, method, url) -> None:
    options: dict[str, Any] = {"routes": {} if route is None else {"get_group": route}}
    if prefix is not None:
        options["prefix"] = prefix
    client, transport = fynd(reply(200, {}), **options)
    await client.get_group("g1")
    assert (transport.sent[0].method, str(transport.sent[0].url)) == (method, url)
    assert str(transport.tokens[0].url) == TOKEN_URL


@pytest.mark.parametrize(
    ("routes", "sentence"),
    [
        ({"get_groups": "/a"}, "no operation 'get_groups'"),
        ({"get_group": ""}, "malformed"),
        ({"get_group": "user_group/{group_id}"}, "malformed"),
        ({"get_group": "get /user_group/{group_id}"}, "malformed"),
        ({"get_group": "/user_group/{group_id}?a=1"}, "malformed"),
        ({"get_group": "/user group/{group_id}"}, "malformed"),
        ({"get_group": "https://elsewhere.example/{group_id}"}, "malformed"),
        ({"get_group": "//elsewhere.example/{group_id}"}, "malformed"),
        ({"get_group": "/{group_id}/"}, "malformed"),
        ({"get_group": "FETCH /user_group/{group_id}"}, "unknown method"),
        ({"delete_group": "/user_group"}, r"\{group_id\}"),
        ({"delete_group": "/user_group/{id}"}, r"\{group_id\}"),
        ({"delete_group": "/user_group/{group_id}/{user_id}"}, r"\{group_id\}"),
        ({"delete_group": "GET /user_group/{group_id}"}, "must not be GET"),
        ({"list_groups": "/user_group/{group_id}"}, "none"),
    ],
)
def test_a_route_that_cannot_be_meant_is_refused(routes, sentence) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        fynd(routes=routes)


@pytest.mark.parametrize("prefix", ["", "v1", "/v1/{group_id}", "/v1?x", "/v1/", "//host"])
def test_a_prefix_that_cannot_be_meant_is_refused(prefix) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        fynd(prefix=prefix)


# The environment.

ENVIRONMENT = {
    "NETAUDIENCE_FYND_CLIENT_ID": "client-1",
    "NETAUDIENCE_FYND_CLIENT_SECRET": "the-secret",
    "NETAUDIENCE_FYND_COMPANY_ID": "559",
    "NETAUDIENCE_FYND_APPLICATION_ID": "app",
}


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_each_variable_is_missed_by_its_name(missing) -> None:
    environ = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        FyndClient.from_environment(environ=environ)


def test_routes_come_from_the_environment_or_from_a_file(tmp_path) -> None:
    text = '{"list_group_tags": "/tags", "get_group": "GET /g/{group_id}"}'
    file = tmp_path / "routes.json"
    file.write_text(text)
    for more in ({"NETAUDIENCE_FYND_ROUTES": text}, {"NETAUDIENCE_FYND_ROUTES_FILE": str(file)}):
        environ = {
            **ENVIRONMENT,
            **more,
            "NETAUDIENCE_FYND_BASE_URL": "https://api.example.com",
            "NETAUDIENCE_FYND_PREFIX": "/p/{company_id}",
        }
        client = FyndClient.from_environment(environ=environ)
        operations = client.operations()
        assert client.route(operations["list_group_tags"]) == ("GET", "/p/{company_id}/tags")
        assert client.route(operations["get_group"]) == ("GET", "/p/{company_id}/g/{group_id}")
        assert client.base_url == "https://api.example.com"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"get_group": 7}', '{"get_group": null}', "null", '"a"'])
def test_routes_that_are_no_object_of_texts_are_refused(text) -> None:
    environ = {**ENVIRONMENT, "NETAUDIENCE_FYND_ROUTES": text}
    if not text:  # as good as not set
        FyndClient.from_environment(environ=environ)
        return
    with pytest.raises(ConfigurationError, match="JSON object"):
        FyndClient.from_environment(environ=environ)


@pytest.mark.parametrize(
    "credentials",
    [
        ("a:b", "s", "1", "2"),
        ("", "s", "1", "2"),
        ("a", "", "1", "2"),
        ("a", "s\n", "1", "2"),
        ("a", "s", "", "2"),
        ("a", "s", "1/../2", "2"),
        ("a", "s", "1", ".."),
        ("a", "s", 559, "2"),
    ],
)
def test_credentials_that_cannot_be_meant_are_refused(credentials) -> None:
    with pytest.raises(ConfigurationError) as caught:
        FyndClient(*credentials)
    assert "a:b" not in str(caught.value)


def test_applications_of_one_company_have_quotas_of_their_own() -> None:
    one, same, other = (FyndClient("a", secret, "1", app) for secret, app in ("b2", "b2", "c3"))
    assert one._account == same._account != other._account


# What is refused before it is sent.

BAD_IDS = ["", ".", "..", "a/b", "../definition", "a\\b", "a\nb"]


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.asyncio
async def test_an_id_that_would_change_the_path_is_refused(bad) -> None:
    client, transport = fynd()
    calls = [
        lambda: client.get_group(bad),
        lambda: client.delete_group(bad),
        lambda: client.delete_attribute_definition(bad, confirm=True),
        lambda: client.get_user_attribute(bad, definition_id="d1"),
        lambda: client.get_user_attribute("u1", definition_id=bad),
        lambda: client.delete_user_attribute({"user_id": bad, "definition_id": "d1"}),
        lambda: client.delete_user_attribute({"user_id": "u1", "definition_id": bad}),
        lambda: client.delete_user_attributes({"user_id": bad, "definition_ids": ["d1"]}),
        lambda: client.set_user_attribute({**VALUE, "user_id": bad}),
        lambda: client.update_group({"group_id": bad, "name": "n"}),
        lambda: anext(aiter(client.list_user_attributes(user_id=bad))),
        lambda: anext(aiter(client.list_group_users(group_id=bad))),
    ]
    for refused in calls:
        with pytest.raises((InvalidItem, ConfigurationError)):
            await refused()
    assert (transport.sent, transport.tokens) == ([], [])


ROWS = [
    ("update_group", {"group_id": "g1"}, "changes nothing"),
    ("update_group", GroupUpdate("g1"), "changes nothing"),
    ("update_attribute_definition", {"definition_id": "d1"}, "changes nothing"),
    ("update_attribute_definition", AttributeDefinitionUpdate("d1"), "changes nothing"),
    ("create_group", {"name": "n", "description": "d", "category": "l1"}, "file_url"),
    (
        "create_group",
        {"name": "n", "description": "d", "category": "l1", "file_url": "members.csv"},
        "the vendor fetches the file itself",
    ),
    ("create_attribute_definition", {"name": "n", "slug": "s", "type": "string"}, "description"),
    ("set_user_attribute", {**VALUE, "value": None}, "value"),
    ("set_user_attribute", {"user_id": "u1", "definition_id": "d1"}, "value"),
    ("set_user_attribute", {**VALUE, "value": float("nan")}, "not a number"),
    ("set_user_attribute", {**VALUE, "extra": 1}, "1 field more than"),
    ("set_user_attributes", {"user_id": "u1", "attributes": {}}, "at least one"),
    ("set_user_attributes", {"user_id": "u1", "attributes": {"d1": None}}, "neither null"),
    ("set_user_attributes", {"user_id": "u1", "attributes": {"d1": {"a": 1}}}, "nor objects"),
    ("create_group", {"name": "n", "description": "d", "category": "l1"}, "conditions"),
    ("create_group", {"name": "n", "description": "d", "conditions": []}, "conditions"),
    ("create_group", {"name": "n", "description": "d", "conditions": [{"type": "eq"}]}, "conditions"),
    ("delete_user_attributes", {"user_id": "u1", "definition_ids": []}, "at least one"),
    (
        "bulk_update_user_attributes",
        {"file_url": "https://x.example/a", "attributes": {"": 1}},
        "neither null",
    ),
]


@pytest.mark.parametrize(("operation", "row", "sentence"), ROWS)
@pytest.mark.asyncio
async def test_a_row_that_breaks_a_rule_is_refused(operation, row, sentence) -> None:
    client, transport = fynd()
    with pytest.raises(InvalidItem, match=sentence):
        await getattr(client, operation)(row)
    report = await getattr(client, operation).each([row]).settled()
    assert [type(outcome) for outcome in report.undelivered] == [Rejected]
    assert transport.sent == []


def test_an_instance_is_checked_when_it_is_made() -> None:
    with pytest.raises(InvalidItem, match="null"):
        UserAttributeValue("u1", "d1", None)
    with pytest.raises(InvalidItem, match="null"):
        UserAttributeValues("u1", {"d1": None})
    with pytest.raises(InvalidItem, match="slash"):
        GroupUpdate("a/b", name="n")


@pytest.mark.parametrize("value", ["", "gold", 0, False, 1.5, [], ["a"], [1, 2]])
@pytest.mark.asyncio
async def test_every_value_but_null_goes_out_as_it_is(value) -> None:
    client, transport = fynd(*[reply(201, {})] * 2)
    await client.set_user_attribute({**VALUE, "value": value})
    await client.set_user_attribute(UserAttributeValue("u1", "d1", value))
    assert [orjson.loads(sent.body or b"") for sent in transport.sent] == [
        {"attribute": {"value": value}}
    ] * 2


@pytest.mark.parametrize("options", [{}, {"q": ""}, {"query": []}, {"query": "ab"}, {"query": [""]}])
@pytest.mark.asyncio
async def test_a_search_without_a_question_is_refused(options) -> None:
    client, transport = fynd()
    with pytest.raises(ConfigurationError):
        await client.search_customers(**options)
    assert transport.sent == []


# What is done only once.


@pytest.mark.parametrize(
    ("operation", "item"),
    [
        ("create_group", NewGroup("n", "d", "l1", "https://x.example/a.csv")),
        ("update_group", GroupUpdate("g1", file_url="https://x.example/a.csv")),
        ("bulk_update_user_attributes", {"file_url": "https://x.example/a.csv", "attributes": {"a": 1}}),
        ("refresh_group", "g1"),
        (
            "create_attribute_definition",
            {"name": "n", "slug": "s", "description": "d", "type": "string"},
        ),
    ],
)
@pytest.mark.parametrize("answer", [reply(500), reply(504), reply(200, b"<html>", "text/html")])
@pytest.mark.asyncio
async def test_what_must_not_be_repeated_is_in_doubt_after_an_open_end(operation, item, answer) -> None:
    client, transport = fynd(answer)
    bound = getattr(client, operation)
    report = await bound.each([item]).settled()
    assert [type(outcome) for outcome in report.undelivered] == [InDoubt]
    assert len(transport.sent) == 1
    assert "Not safe to repeat" in client.operations()[operation].facts.note


@pytest.mark.asyncio
async def test_a_404_for_a_deletion_is_told_and_never_counted_as_done() -> None:
    # A wrong id looks the same as one that was deleted before: nobody but the caller can tell them apart.
    missing = {"code": "NOT_FOUND", "message": "User group not found"}
    client, _ = fynd(reply(404, missing), reply(200, DELETED))
    report = await client.delete_group.each(["g1", "g2"]).settled()
    (outcome,) = report.undelivered
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.reason, NotFound)
    assert report.delivered == 1


@pytest.mark.parametrize("confirm", [False, 1, "yes"])
@pytest.mark.asyncio
async def test_a_definition_is_deleted_only_on_purpose(confirm) -> None:
    client, transport = fynd()
    with pytest.raises(ConfigurationError, match="confirm=True"):
        await client.delete_attribute_definition("d1", confirm=confirm)
    with pytest.raises(ConfigurationError, match="confirm=True"):
        await client.delete_attribute_definition.each(["d1"], confirm=confirm)
    assert transport.sent == []


# Pages.


def numbered(*names: str, **page: object) -> Response:
    return reply(200, {"items": [{"_id": name} for name in names], "page": page})


def by_cursor(*names: str, **page: object) -> Response:
    return reply(200, {"items": [{"user_id": name} for name in names], "page": page})


@pytest.mark.asyncio
async def test_numbered_pages_are_read_to_the_end_under_the_same_filters() -> None:
    client, transport = fynd(
        numbered("a", "b", current=1, has_next=True),
        numbered("c", "d", current=2, has_next=True, item_total=0),
        numbered(current=3, has_next=False),
    )
    found = client.list_groups(name="n", page_size=2)
    assert [group.id async for group in found] == ["a", "b", "c", "d"]
    assert [dict(URL(str(sent.url)).query) for sent in transport.sent] == [
        {"page_no": str(number), "page_size": "2", "name": "n"} for number in (1, 2, 3)
    ]


@pytest.mark.asyncio
async def test_a_list_of_a_user_keeps_its_path_from_page_to_page() -> None:
    client, transport = fynd(numbered("a", has_next=True), numbered("b", has_next=False))
    pages = [page async for page in client.list_user_attributes(user_id="u1", page_no=0).pages()]
    assert [page.page.has_next for page in pages if page.page] == [True, False]
    assert [str(sent.url.with_query(None)) for sent in transport.sent] == [f"{P}/user_attribute/user/u1"] * 2
    assert [sent.url.query["page_no"] for sent in transport.sent] == ["0", "1"]


# Answers; how many rows come before the error.
ENDLESS = [
    ([numbered("a", current=1, has_next=True), numbered("a", current=1, has_next=True)], 2),
    ([numbered("a", has_next=True), numbered(has_next=True)], 1),
    ([numbered("a")], 1),
    ([reply(200, {"items": [{"_id": "a"}]})], 1),
    ([reply(200, {"items": [{"_id": "a"}], "page": None})], 1),
]


@pytest.mark.parametrize(("answers", "rows"), ENDLESS)
@pytest.mark.asyncio
async def test_numbered_pages_that_would_not_end_or_say_nothing_are_an_error(answers, rows) -> None:
    client, _ = fynd(*answers)
    read = []
    with pytest.raises(Unreadable):
        async for group in client.list_groups(page_size=1):
            read.append(group)
    assert len(read) == rows


@pytest.mark.parametrize("answer", [reply(200, {"items": [{"_id": "a"}]}), reply(200, {}), numbered("a")])
@pytest.mark.asyncio
async def test_a_page_that_is_not_full_is_the_last_where_nothing_is_said(answer) -> None:
    client, transport = fynd(answer)
    assert len([group async for group in client.list_groups(page_size=2)]) <= 1
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "options", [{"page_size": 0}, {"page_size": -1}, {"page_no": -1}, {"page_no": True}, {"page_no": "1"}]
)
def test_a_page_that_cannot_be_is_refused(options) -> None:
    client, _ = fynd()
    for ask in (client.list_groups, client.list_attribute_definitions):
        with pytest.raises(ConfigurationError):
            ask(**options)
    with pytest.raises(ConfigurationError):
        client.list_group_users(group_id="g1", **options)


@pytest.mark.asyncio
async def test_cursors_are_followed_and_numbers_left_behind() -> None:
    client, transport = fynd(
        by_cursor("a", "b", has_next=True, has_prev=False, next_cursor="b", current=1),
        by_cursor("c", has_next=True, has_prev=True, next_cursor="c", prev_cursor="c"),
        by_cursor("d", has_next=False, has_prev=True, next_cursor=None),
    )
    users = client.list_group_users(group_id="g1", page_no=1, page_size=2, blacklisted_users=False)
    assert [user.user_id async for user in users] == ["a", "b", "c", "d"]
    asked = {"page_size": "2", "blacklisted_users": "false"}
    assert [dict(sent.url.query) for sent in transport.sent] == [
        {**asked, "page_no": "1"},
        {**asked, "cursor": "b", "direction": "next"},
        {**asked, "cursor": "c", "direction": "next"},
    ]
    assert {str(sent.url.with_query(None)) for sent in transport.sent} == {f"{P}/user_group/g1/users"}


@pytest.mark.asyncio
async def test_backwards_follows_the_other_cursor() -> None:
    client, transport = fynd(
        by_cursor("b", has_next=True, has_prev=True, next_cursor="b", prev_cursor="x"),
        by_cursor("a", has_next=True, has_prev=False, next_cursor="a", prev_cursor=None),
    )
    users = client.list_group_users(group_id="g1", cursor="c", direction="prev")
    assert [user.user_id async for user in users] == ["b", "a"]
    assert [sent.url.query["cursor"] for sent in transport.sent] == ["c", "x"]
    with pytest.raises(ConfigurationError, match="direction"):
        client.list_group_users(group_id="g1", direction="back")


@pytest.mark.parametrize(
    "page",
    [
        {"has_next": False, "next_cursor": "more"},
        {"has_next": False, "next_cursor": None},
        {"next_cursor": None},
        {"next_cursor": ""},
        {},
    ],
)
@pytest.mark.asyncio
async def test_the_last_page_is_the_one_that_says_so_or_has_no_cursor(page) -> None:
    client, transport = fynd(by_cursor("a", **page))
    assert [user async for user in client.list_group_users(group_id="g1", page_size=1)] == [UserSummary("a")]
    assert len(transport.sent) == 1


@pytest.mark.asyncio
async def test_a_cursor_is_followed_where_nothing_else_is_said() -> None:
    client, _ = fynd(by_cursor("a", next_cursor="a"), by_cursor("b"))
    assert len([user async for user in client.list_group_users(group_id="g1")]) == 2


@pytest.mark.parametrize(
    "answer", [by_cursor("a", has_next=True), by_cursor("a", has_next=True, next_cursor=None)]
)
@pytest.mark.asyncio
async def test_more_without_a_cursor_is_an_error_and_no_silent_end(answer) -> None:
    client, _ = fynd(answer)
    with pytest.raises(Unreadable, match="no cursor"):
        [user async for user in client.list_group_users(group_id="g1")]


@pytest.mark.parametrize("lead", [0, 1, 2, 5])
@pytest.mark.parametrize("circle", [1, 2, 3, 7])
@pytest.mark.parametrize("start", [None, "c0"])
@pytest.mark.asyncio
async def test_cursors_that_run_in_a_circle_are_found(lead, circle, start) -> None:
    class Circle:
        """Answers without end, its cursors running in a circle after some that do not."""

        sent = 0

        async def send(self, request: Any, /) -> Response:
            if str(request.url).endswith("/token"):
                return reply(200, {"access_token": "t"})
            self.sent += 1
            step = self.sent if self.sent < lead else lead + (self.sent - lead) % circle
            return by_cursor(f"u{self.sent}", has_next=True, next_cursor=f"c{step}")

        async def aclose(self) -> None:
            pass

    vendor = Circle()
    client = FyndClient("a", "b", "1", "2", settings=AT_ONCE, transport=vendor)
    with pytest.raises(Unreadable, match="repeats"):
        [user async for user in client.list_group_users(group_id="g1", cursor=start)]
    assert vendor.sent <= 3 * (lead + circle) + 3


@pytest.mark.asyncio
async def test_a_thousand_pages_are_no_circle() -> None:
    class Long:
        sent = 0

        async def send(self, request: Any, /) -> Response:
            if str(request.url).endswith("/token"):
                return reply(200, {"access_token": "t"})
            self.sent += 1
            return by_cursor(f"u{self.sent}", has_next=self.sent < 1000, next_cursor=f"c{self.sent}")

        async def aclose(self) -> None:
            pass

    client = FyndClient("a", "b", "1", "2", settings=AT_ONCE, transport=Long())
    assert len([user async for user in client.list_group_users(group_id="g1")]) == 1000


def test_both_styles_have_one_name_for_what_came_before() -> None:
    numbers = structure({"page": {"has_previous": True}}, GroupList).page
    cursors = structure({"page": {"has_prev": True}}, GroupUsers).page
    assert numbers is not None
    assert cursors is not None
    assert (numbers.has_previous, cursors.has_previous) == (True, True)


# Answers tolerate.


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_id": None, "uid": None, "tags": None, "total_users": None, "error": None, "__v": None},
        {"total_users": 7, "conditions": [{"value": ["a"]}], "new": {"a": 1}},
        {"total_users": {"count": 7}, "blacklisted_users": ["u1"]},
    ],
)
@pytest.mark.asyncio
async def test_a_group_is_read_whatever_is_missing_or_new(body) -> None:
    client, _ = fynd(reply(200, body))
    group = await client.get_group("g1")
    assert group.total_users == body.get("total_users")
    assert dict(group.unknown) == ({"new": {"a": 1}} if "new" in body else {})


@pytest.mark.asyncio
async def test_persons_are_not_shown_by_answers_and_rows() -> None:
    user = {
        "user_id": "64f2customer77",
        "emails": [{"email": "a.b@example.com"}],
        "phone_numbers": [{"phone": "9999999999"}],
        "first_name": "Ada",
    }
    client, _ = fynd(reply(200, {"users": [user]}), reply(200, {"attribute": {"key": "k", "value": "Ada"}}))
    shown = [
        repr(await client.search_customers(q="ada")),
        repr(await client.get_user_attribute("64f2customer77", definition_id="d1")),
        repr(UserAttributeValue("64f2customer77", "d1", "Ada")),
        repr(UserAttributeValues("64f2customer77", {"d1": "Ada"})),
        repr(NewGroup("n", "d", "l1", "https://x.example/signed-Ada")),
    ]
    for text in shown:
        for secret in ("64f2", "example", "9999", "Ada"):
            assert secret not in text
