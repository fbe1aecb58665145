"""One client and many event loops: one after the other, at the same time, and closed without care."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from examples import mostly_slow
from parts import ONCE, client_of, open_files, sandbox_process, vendor

from netaudience import AiohttpTransport, AnswerLost, ConfigurationError, FyndClient, NetmeraClient, Settings
from netaudience.engine import rate_limiter as pacing
from netaudience.engine import transport

try:
    from uvloop import new_event_loop as new_uvloop
except ImportError:  # there is none for Windows
    LOOPS = [asyncio.new_event_loop]
else:
    LOOPS = [asyncio.new_event_loop, new_uvloop]

each_loop = pytest.mark.parametrize(
    "new_loop", mostly_slow(LOOPS, LOOPS[:1]), ids=["asyncio", "uvloop"][: len(LOOPS)]
)


@pytest.fixture(scope="module")
def sandbox_url():
    with sandbox_process() as url:
        yield f"{url}/netmera"


def run(coroutine, new_loop=asyncio.new_event_loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(coroutine)


def sandbox_client(url: str) -> NetmeraClient:
    return NetmeraClient("sandbox", base_url=url, settings=Settings(retry=ONCE))


async def ask(client: NetmeraClient) -> None:
    assert (await client.tag_users(["id1"], tag="Sport")).delivered == 1


@each_loop
def test_a_client_made_at_import_meets_one_loop_after_the_other(sandbox_url, new_loop) -> None:
    client = sandbox_client(sandbox_url)
    run(ask(client), new_loop)
    before = open_files()
    loops = []

    async def asking() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await ask(client)

    for _ in range(5):
        run(asking(), new_loop)
        assert len(client._opened._here) == len(client._held) == 1, "nothing is left of the loop before"
    assert open_files() == before, "each loop's connections ended with it"
    gc.collect()  # and no warning comes
    assert [loop() is None for loop in loops] == [True, True, True, True, False]


@each_loop
def test_a_loop_that_is_closed_without_care_breaks_nothing(sandbox_url, new_loop) -> None:
    client = sandbox_client(sandbox_url)
    loop = new_loop()
    loop.run_until_complete(ask(client))
    # It closes no connection, and the loop's own transports say so.
    with pytest.warns(ResourceWarning, match="unclosed"):  # noqa: PT031 - where the warning comes from differs
        loop.close()
        run(ask(client), new_loop)
        gc.collect()


@each_loop
def test_a_client_that_was_forgotten_is_told_of_and_closed_with_its_loop(sandbox_url, new_loop) -> None:
    async def forgetting() -> None:
        client = sandbox_client(sandbox_url)
        await ask(client)
        del client
        gc.collect()  # whenever that is

    before = open_files()
    with pytest.warns(ResourceWarning, match="A client of netaudience was forgotten") as warned:
        run(forgetting(), new_loop)
    gc.collect()
    assert len(warned) == 1
    assert open_files() == before


@each_loop
def test_a_client_that_was_forgotten_is_closed_when_the_next_one_opens(sandbox_url, new_loop) -> None:
    async def forgetting() -> list[int]:
        opened = []
        for _ in range(3):
            client = sandbox_client(sandbox_url)
            await ask(client)
            opened.append(open_files())
            with pytest.warns(ResourceWarning, match="forgotten"):  # noqa: PT031 - at once, or by the collector
                del client
                gc.collect()
        async with sandbox_client(sandbox_url) as client:
            await ask(client)
        assert not transport._forgotten
        return opened

    first, *others = run(forgetting(), new_loop)
    assert others == [first, first]


@each_loop
def test_many_threads_with_a_loop_each_share_one_client(sandbox_url, new_loop) -> None:
    client = sandbox_client(sandbox_url)
    run(ask(client), new_loop)
    before = open_files()
    together = threading.Barrier(6)
    sessions = set()

    async def asking() -> None:
        await asyncio.gather(*(ask(client) for _ in range(5)))
        sessions.add(id(client._opened._here[asyncio.get_running_loop()].session))
        together.wait()  # all loops are alive at the same time
        await asyncio.gather(*(ask(client) for _ in range(5)))
        assert id(client._opened._here[asyncio.get_running_loop()].session) in sessions

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(run, asking(), new_loop) for _ in range(6)]:
            done.result()
    assert len(sessions) == 6
    assert open_files() == before
    run(client.aclose())
    gc.collect()


def test_closing_in_one_loop_leaves_the_others_alone(sandbox_url) -> None:
    client = sandbox_client(sandbox_url)

    async def asking() -> None:
        await ask(client)
        await asyncio.to_thread(run, closing())
        await ask(client)
        await client.aclose()

    async def closing() -> None:
        await ask(client)
        await client.aclose()
        await client.aclose()

    run(asking())
    assert not client._opened._here
    assert not client._held


def test_a_session_of_another_loop_is_told_with_a_sentence(sandbox_url) -> None:
    async def opening() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    first = asyncio.new_event_loop()
    session = first.run_until_complete(opening())
    client = NetmeraClient("sandbox", base_url=sandbox_url, transport=AiohttpTransport(session=session))
    with pytest.raises(ConfigurationError, match="belongs to another event loop: make one in this loop"):
        run(client.get_devices("id1"))
    first.run_until_complete(ask(client))
    first.run_until_complete(client.aclose())
    assert not session.closed, "it is the caller's"
    first.run_until_complete(session.close())
    with pytest.raises(ConfigurationError, match="was given is closed: close the client first"):
        first.run_until_complete(client.get_devices("id1"))
    first.close()


def test_a_client_dies_without_the_garbage_collector(sandbox_url) -> None:
    async def leaving(client) -> weakref.ref[object]:
        async with client:
            await client.get_devices("id1")
        return weakref.ref(client)

    async def all_of_them() -> None:
        gone = await leaving(sandbox_client(sandbox_url))
        assert gone() is None

    gc.disable()
    try:
        run(all_of_them())
    finally:
        gc.enable()


def test_what_pacers_know_of_a_loop_ends_with_it(sandbox_url) -> None:
    loops = []

    async def asking() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        async with sandbox_client(sandbox_url) as client:
            await ask(client)

    for _ in range(3):
        run(asking())
    gc.collect()
    assert [loop() is None for loop in loops] == [True, True, False]
    assert len([loop for loop in pacing._limiters if loop.is_closed()]) <= 1


@pytest.mark.asyncio
async def test_closing_while_a_call_is_out_leaves_nothing_open() -> None:
    async with vendor() as server:
        server.answer.clear()
        client = client_of(server.url)
        call = asyncio.create_task(client.get_devices("id1"))
        await server.asked.wait()
        await client.aclose()
        with pytest.raises(AnswerLost):
            await call
        await client.aclose()
        server.answer.set()
    assert not client._opened._here


def test_a_client_with_a_token_dies_with_the_collector() -> None:
    client = FyndClient("id", "secret", "1", "app", settings=Settings(retry=ONCE))
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
