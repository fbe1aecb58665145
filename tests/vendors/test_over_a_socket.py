"""What only a real socket shows: encodings, empty and chunked bodies, no body on GET, no redirect."""

from __future__ import annotations

import gzip
import zlib

import pytest
from answering import Answer, answering
from scripted_vendors import AT_ONCE

from netaudience import (
    CleverTapClient,
    InDoubt,
    Misconfigured,
    NetmeraClient,
    Refused,
    Rejected,
    Unreadable,
)
from netaudience.vendors.netmera.models import Device, DeviceList

JSON = {"Content-Type": "application/json"}
DEVICES = b'{"extId":"id1","devices":[{"platform":"IOS"}]}'
READ = DeviceList("id1", (Device("IOS"),))


def netmera(url: str) -> NetmeraClient:
    return NetmeraClient("the-rest-key", base_url=url, settings=AT_ONCE)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, JSON, DEVICES),
        Answer(200, JSON, DEVICES, chunked=True),
        Answer(200, {}, DEVICES),
        Answer(200, {"Content-Type": "application/json;charset=UTF-8"}, DEVICES),
        Answer(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(DEVICES)),
        Answer(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(DEVICES), chunked=True),
        Answer(200, {**JSON, "Content-Encoding": "deflate"}, zlib.compress(DEVICES)),
    ],
)
@pytest.mark.asyncio
async def test_an_answer_is_read_however_it_is_carried(answer) -> None:
    async with answering(answer) as server, netmera(server.url) as client:
        assert await client.get_devices("id1") == READ


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Length": "0"}),
        Answer(200, {}, chunked=True),
        Answer(200, JSON),
        Answer(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"")),
    ],
)
@pytest.mark.asyncio
async def test_an_empty_success_delivers(answer) -> None:
    async with answering(answer) as server, netmera(server.url) as client:
        report = await client.tag_users(["id1", "id2"], tag="Sport")
    assert (report.delivered, report.requests) == (2, 1)


@pytest.mark.asyncio
async def test_a_get_carries_neither_body_nor_content_type() -> None:
    async with answering(Answer(200, JSON, b"{}")) as server, netmera(server.url) as client:
        await client.get_category_preferences("exid", push_permitted=False)
    (asked,) = server.requests
    assert asked.method == "GET"
    assert asked.body == b""
    assert asked.query == {"externalId": "exid", "pushPermitted": "false"}
    assert "Content-Type" not in asked.headers
    assert "Transfer-Encoding" not in asked.headers
    assert asked.headers["X-netmera-api-key"] == "the-rest-key"


@pytest.mark.asyncio
async def test_a_post_says_that_it_is_json() -> None:
    async with answering(Answer(200, {})) as server, netmera(f"{server.url}/behind/a/proxy/") as client:
        await client.tag_users(["a+b", 'ü\\"'], tag="Sport")
    (asked,) = server.requests
    assert asked.path == "/behind/a/proxy/rest/3.0/tagUsers"
    assert asked.body.decode() == '{"tag":"Sport","extIds":["a+b","ü\\\\\\""]}'
    assert asked.headers.getall("Content-Type") == ["application/json"]
    assert asked.headers["Content-Length"] == str(len(asked.body))


@pytest.mark.parametrize("item", ["a b", "a+b", "a&x=1", "ü/ğ", "100%41", "a#b", "+90", "☃"])
@pytest.mark.asyncio
async def test_any_id_arrives_as_it_is(item) -> None:
    async with answering(Answer(200, JSON, b"{}")) as server, netmera(server.url) as client:
        await client.get_devices(item)
        await client.get_profile_attributes(item, by="device_token")
    assert [asked.query for asked in server.requests] == [{"extId": item}, {"deviceToken": item}]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.asyncio
async def test_the_key_follows_no_redirect(status) -> None:
    async with (
        answering(Answer(200, {})) as elsewhere,
        answering(Answer(status, {"Location": elsewhere.url})) as server,
        netmera(server.url) as client,
    ):
        report = await client.tag_users(["id1"], tag="Sport").settled()
    assert isinstance(report.stopped, Misconfigured)
    assert elsewhere.requests == []


@pytest.mark.asyncio
async def test_a_captive_page_is_never_a_success() -> None:
    page = Answer(200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
    async with answering(page) as server, netmera(server.url) as client:
        report = await client.tag_users(["id1"], tag="Sport").settled()
        with pytest.raises(Unreadable):
            await client.get_devices("id1")
    assert [type(outcome) for outcome in report.undelivered] == [InDoubt]


@pytest.mark.asyncio
async def test_one_unknown_user_is_found_and_told_with_its_code() -> None:
    unknown = Answer(400, JSON, b'{"code":5016,"error":"External id not found"}')
    async with (
        answering(unknown, Answer(200, {}), unknown) as server,
        netmera(server.url) as client,
    ):
        report = await client.tag_users(["known", "customer-77"], tag="Sport").settled()
    (outcome,) = report.undelivered
    assert isinstance(outcome, Rejected)
    assert (outcome.position, report.delivered) == (1, 1)
    assert str(outcome) == ('Item 1 (…77) rejected by Netmera: HTTP 400, code 5016, "External id not found"')


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, JSON, b'{"status":"fail","error":"Malformed request","code":400}'), Refused),
        (Answer(400, JSON, b'{"status":"fail","error":"Malformed request","code":400}'), Refused),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>"), Unreadable),
        (Answer(200, JSON, b""), Unreadable),
    ],
)
@pytest.mark.asyncio
async def test_clevertaps_failures_are_failures_whatever_the_status(answer, kind) -> None:
    async with answering(answer) as server:
        client = CleverTapClient("A", "B", base_url=server.url, settings=AT_ONCE)
        async with client:
            report = await client.demerge(["client-1"]).settled()
    assert report.delivered == 0
    assert [type(outcome.reason) for outcome in report.undelivered] == [kind]


@pytest.mark.asyncio
async def test_an_answer_that_does_not_fit_names_the_vendor() -> None:
    async with answering(Answer(200, JSON, b'{"devices":5}')) as server, netmera(server.url) as client:
        report = await client.get_devices.each(["id1"]).settled()
    assert "Netmera" in str(report.undelivered[0].reason)
