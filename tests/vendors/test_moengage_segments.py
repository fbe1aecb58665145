"""MoEngage's segments by file: what is settled later is settled by the vendor's own callback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from golden_moengage import moengage

from netaudience import ConfigurationError, InvalidItem, MoEngageClient, NotFound, Refused
from netaudience.operations.later import Callbacks
from netaudience.sandbox import Sandbox
from netaudience.sync import MoEngageClient as BlockingClient
from netaudience.vendors.moengage.segments import FileSegment

URL = "https://files.example/vips.csv"
USERS = [{"customer_id": f"user-{number}"} for number in range(1, 4)]


@asynccontextmanager
async def called_back(client: MoEngageClient) -> AsyncIterator[str]:
    """Serve a web app that hands what it is called back to the client, and give its URL."""

    async def told(request: web.Request) -> web.Response:
        client.receive_segment_callback(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/told", told)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/told"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def set_up(**settings) -> AsyncIterator[tuple[Sandbox, MoEngageClient, str]]:
    async with Sandbox(**settings) as box:
        box.moengage.seed({"users": USERS, "files": {URL: "user-1\nuser-2\nnobody\n"}})
        async with (
            MoEngageClient("sandbox", "sandbox", base_url=box.url("moengage"), db_name="shop") as client,
            called_back(client) as url,
        ):
            yield box, client, url


def segment(callback_url: str, **changed) -> FileSegment:
    stated = {"name": "VIPs", "attribute_name": "customer_id", "attribute_type": "string", "file_url": URL}
    return FileSegment(**{**stated, "expiry_time": 30, "callback_url": callback_url, **changed})


@pytest.mark.asyncio
async def test_a_segment_is_settled_when_its_file_was_worked_off():
    async with set_up(delay={"moengage": 60}) as (box, client, url):
        accepted = await client.create_file_segment(segment(url))
        assert accepted.cs_name == "VIPs"
        later = client.follow_segment("VIPs")
        assert not later.done
        with pytest.raises(TimeoutError, match="not called back"):
            await later.settled(timeout=0.01)
        box.advance(60)
        await box.call_back()
        told = await later.settled(timeout=5)
        assert (told.values_found, told.values_processed, told.user_count) == (3, 2, 2)
        assert await later.settled() == told
        assert box.moengage.look("segments", "VIPs") == ["user-1", "user-2"]


@pytest.mark.asyncio
async def test_the_sandbox_calls_back_by_itself_and_what_comes_early_is_kept():
    async with set_up() as (box, client, url):
        await client.create_file_segment(segment(url))
        first = await client.follow_segment("VIPs").settled(timeout=5)
        assert first.user_count == 2
        box.moengage.seed({"files": {URL: "user-3\n"}})
        await client.replace_segment_users(segment(url))
        assert (await client.follow_segment("VIPs").settled(timeout=5)).user_count == 1
        await client.remove_segment_users(segment(url))
        assert (await client.follow_segment("VIPs").settled(timeout=5)).user_count == 0
        await client.add_segment_users(segment(url))
        assert (await client.follow_segment("VIPs").settled(timeout=5)).user_count == 1
        assert (await client.archive_segment({"name": "VIPs"})).success


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_fetched_fails_with_the_vendors_words():
    async with set_up() as (_, client, url):
        await client.create_file_segment(segment(url, file_url="https://files.example/other.csv"))
        with pytest.raises(Refused, match="File download failed"):
            await client.follow_segment("VIPs").settled(timeout=5)


@pytest.mark.asyncio
async def test_names_that_are_taken_or_unknown_are_refused():
    async with set_up() as (_, client, url):
        with pytest.raises(NotFound):
            await client.add_segment_users(segment(url))
        await client.create_file_segment(segment(url))
        with pytest.raises(Refused, match="already exists") as caught:
            await client.create_file_segment(segment(url))
        assert type(caught.value) is Refused


@pytest.mark.asyncio
async def test_without_the_name_of_its_database_nothing_is_sent():
    client, transport = moengage(db_name=None)
    with pytest.raises(ConfigurationError, match="DB_NAME"):
        await client.archive_segment({"name": "VIPs"})
    assert transport.sent == []


@pytest.mark.parametrize(
    "changed", [{"attribute_type": "int"}, {"file_url": "s3://a"}, {"expiry_time": 0}, {"name": ""}]
)
def test_a_segment_that_breaks_a_rule_is_refused(changed):
    with pytest.raises(InvalidItem):
        segment("https://a.example", **changed)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"segment_name":"VIPs"}'])
@pytest.mark.asyncio
async def test_what_is_no_callback_is_told(body):
    client, _ = moengage()
    with pytest.raises(ValueError, match=r"."):
        client.receive_segment_callback(body)


@pytest.mark.asyncio
async def test_callbacks_go_to_whoever_has_waited_the_longest():
    callbacks: Callbacks[int] = Callbacks("a number", lambda _: None)
    first, second = callbacks.expect("a"), callbacks.expect("a")
    other = callbacks.expect("b")
    waiting = asyncio.create_task(first.settled())
    await asyncio.sleep(0)
    waiting.cancel()  # who gives up takes nothing away
    callbacks.receive("a", 1)
    callbacks.receive("a", 2)
    assert (await first.settled(), await second.settled()) == (1, 2)
    assert "not settled yet" in repr(other)
    assert "settled" in repr(first)


@pytest.mark.asyncio
async def test_what_nobody_follows_is_let_go_of_in_the_end():
    callbacks: Callbacks[int] = Callbacks("a number", lambda _: None)
    for number in range(1001):
        callbacks.receive(str(number), number)
    assert not callbacks.expect("0").done
    assert callbacks.expect("1000").done


def test_code_without_an_event_loop_waits_for_a_callback_of_another_thread():
    client = BlockingClient("sandbox", "sandbox", data_center="01", db_name="shop")
    told = b'{"segment_name": "VIPs", "status": 201, "values_found": 3, "user_count": 2}'
    later, failing = client.follow_segment("VIPs"), client.follow_segment("Lost")
    with pytest.raises(TimeoutError, match="not called back"):
        later.wait(timeout=0.01)
    with ThreadPoolExecutor(1) as threads:  # a worker of a web server
        waiting = threads.submit(later.wait, timeout=5)
        client.receive_segment_callback(told)
        assert waiting.result().user_count == 2
    client.receive_segment_callback(b'{"segment_name": "Lost", "status": 400, "error_message": "No file"}')
    with pytest.raises(Refused, match="No file"):
        failing.wait()
