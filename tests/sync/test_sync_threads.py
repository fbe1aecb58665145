"""Many threads and one loop: shared limits, interruptions, closing, and code that runs in a loop already."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

import pytest
from held import FREE, AtOnce, Held

from netaudience import AnswerLost, ConfigurationError, Settings
from netaudience.engine.loop_thread import Conversation, portal
from netaudience.sandbox import Sandbox, SandboxLimits
from netaudience.sync import FyndClient, NetmeraClient

FILES = Path("/proc/self/fd")
WHO = ContextVar("WHO", default="nobody")


def loops():
    return [thread for thread in threading.enumerate() if thread.name == "netaudience"]


def in_loop(look):
    """Return what a function sees in the loop's thread, when it has nothing else to do."""

    async def work(_):
        for _turn in range(10):
            await asyncio.sleep(0)
        return look()

    return Conversation(portal(), work).run()


def test_fifty_threads_share_a_client(netaudience_sandbox):
    ids = [[f"user-{thread}-{number}" for number in range(20)] for thread in range(50)]
    together = threading.Barrier(50)

    def tag(part):
        together.wait(timeout=30)
        return netmera.tag_users(iter(part), tag="Sport").delivered

    settings = Settings(rate=1000)
    with NetmeraClient("sandbox", base_url=netaudience_sandbox.url("netmera"), settings=settings) as netmera:
        with ThreadPoolExecutor(50) as pool:
            assert sum(pool.map(tag, ids)) == 1000
        (loop,) = loops()
        assert loop.daemon
    assert netaudience_sandbox.check("netmera", "tag_users", [key for part in ids for key in part]).ok


class TestOneAccount:
    @pytest.fixture
    def make_netaudience_sandbox(self):
        return lambda: Sandbox(limits={"netmera": SandboxLimits.rate(40)})

    def test_fifty_clients_in_fifty_threads_keep_one_limit(self, netaudience_sandbox):
        url, settings = netaudience_sandbox.url("netmera"), Settings(rate=40)
        together = threading.Barrier(50)

        def tag(number):
            with NetmeraClient("sandbox", base_url=url, settings=settings) as netmera:
                together.wait(timeout=30)
                return netmera.tag_users([f"user-{number}"], tag="Sport")

        with ThreadPoolExecutor(50) as pool:
            reports = list(pool.map(tag, range(50)))
        assert len(loops()) == 1
        assert sum(report.throttles for report in reports) == 0
        check = netaudience_sandbox.check("netmera", "tag_users", [f"user-{number}" for number in range(50)])
        assert check.ok, check


def test_ctrl_c_cancels_the_call_before_it_is_raised():
    held = Held()

    def interrupt():
        assert held.came.acquire(timeout=10)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with NetmeraClient("key of the interrupted", settings=FREE, transport=held) as client:
        for call in (
            lambda: client.get_devices("a"),
            lambda: client.tag_users(["a"], tag="x"),
            lambda: client.tag_users(iter("ab"), tag="x"),
            lambda: next(client.tag_users.outcomes(["a"], tag="x").__enter__()),
        ):
            thread = threading.Thread(target=interrupt)
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                call()
            thread.join()
            assert held.under_way == 0
            assert not in_loop(lambda: client._occupant.tasks)
    assert held.cancelled == 4


def test_ctrl_c_while_the_callers_items_are_read_is_the_callers():
    transport = AtOnce()

    def source():
        yield from (f"id{number}" for number in range(600))
        raise KeyboardInterrupt

    with NetmeraClient("key of the source's", settings=FREE, transport=transport) as client:
        with pytest.raises(KeyboardInterrupt):
            client.tag_users(source(), tag="x")
        assert not in_loop(lambda: client._occupant.tasks)


def test_a_closed_client_says_so_to_those_who_wait_and_to_those_who_come_later():
    held = Held()
    told = []

    def call(work):
        try:
            work()
        except AnswerLost as error:
            told.append(error)

    with NetmeraClient("key of the closed", settings=FREE, transport=held) as client:
        works = [
            lambda: client.get_devices("a"),
            lambda: client.tag_users(["a"], tag="x"),
            lambda: client.tag_users.settled(iter("ab"), tag="x"),
            lambda: next(client.tag_users.outcomes(["a"], tag="x").__enter__()),
        ]
        threads = [threading.Thread(target=call, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert held.came.acquire(timeout=10)
        client.close()
        for thread in threads:
            thread.join(timeout=10)
        assert len(told) == 4
        for error in told:
            assert str(error).startswith("The client was closed by another thread")
        for work in works:
            with pytest.raises(ConfigurationError, match="The Netmera client was closed"):
                work()
        client.close()
    assert (held.under_way, held.cancelled) == (0, 4)


def test_a_view_of_a_client_shares_what_that_has_open_and_closes_nothing():
    client = NetmeraClient("key of the viewed", settings=FREE, transport=AtOnce())
    with client.with_options(deadline=5) as view:
        view.remove_email("a")
    del view
    gc.collect()
    client.remove_email("a")
    with client.with_options(deadline=None) as view:
        client.close()
        with pytest.raises(ConfigurationError, match="was closed"):
            view.remove_email("a")


def test_closing_what_was_never_used_opens_nothing():
    client = NetmeraClient("key of the unused", settings=FREE, transport=Held())
    client.close()
    with pytest.raises(ConfigurationError, match="was closed"):
        client.get_devices("a")


@pytest.mark.asyncio
async def test_it_works_inside_a_running_loop(netaudience_sandbox):
    with NetmeraClient("sandbox", base_url=netaudience_sandbox.url("netmera")) as netmera:
        assert netmera.tag_users(["id1"], tag="Sport").ok
        assert (await asyncio.to_thread(netmera.tag_users, ["id2"], tag="Sport")).ok
    assert netaudience_sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok


@pytest.mark.asyncio
async def test_it_is_not_taken_for_the_other_kind():
    client = NetmeraClient("key of the other", settings=FREE, transport=AtOnce())
    with pytest.raises(ConfigurationError, match="use `with` and close"):
        async with client:
            raise AssertionError
    with pytest.raises(ConfigurationError, match="the NetmeraClient of netaudience itself"):
        await client.aclose()
    with pytest.raises(ConfigurationError, match="for batchers"):
        client.batcher(linger=0.1)


def test_its_own_loop_is_told_that_it_would_wait_for_itself():
    told = []

    def hook(_):
        for work in (lambda: client.get_devices("a"), client.close, client.count_users):
            try:
                work()
            except ConfigurationError as error:
                told.append(str(error))

    settings = Settings(rate=1_000_000, on_event=hook)
    with NetmeraClient("key of the hook", settings=settings, transport=AtOnce()) as client:
        assert client.tag_users(["a"], tag="x").ok
    assert told
    assert all("would wait for itself" in sentence for sentence in told)


def test_the_callers_context_is_that_of_the_call():
    transport = AtOnce(WHO.get)
    with NetmeraClient("key of the context", settings=FREE, transport=transport) as client:
        WHO.set("caller")
        client.tag_users(["a"], tag="x")
        client.enable_push.each(iter("a"))
        with client.tag_users.outcomes(["a"], tag="x") as outcomes:
            list(outcomes)
        WHO.set("another")
        client.tag_users(["a"], tag="x")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.tag_users, ["a"], tag="x").result()
    assert transport.seen == ["caller", "caller", "caller", "another", "nobody"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ZeroDivisionError])
def test_whatever_is_raised_in_the_loop_is_raised_here_and_the_loop_goes_on(error):
    def look():
        if broken:
            raise error

    broken = True
    with NetmeraClient("key of the broken", settings=FREE, transport=AtOnce(look)) as client:
        with pytest.raises(error):
            client.remove_email("a")
        broken = False
        client.remove_email("a")
    assert len(loops()) == 1


def sockets():
    found = []
    for file in FILES.iterdir():
        with suppress(OSError):  # the one that lists them
            found.append(str(file.readlink()))
    return sum(name.startswith("socket:") for name in found)


def state():
    """Count what may leak: sockets, threads, tasks of the loop, what clients hold in it, objects."""
    gc.collect()
    tasks = in_loop(lambda: len(asyncio.all_tasks()))
    return sockets(), threading.active_count(), tasks, len(portal().occupants)


@pytest.mark.skipif(not FILES.is_dir(), reason="counts sockets where Linux shows them")
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "forgotten"])
def test_clients_that_come_and_go_leave_nothing_behind(netaudience_sandbox, closed):
    url, settings = netaudience_sandbox.url("netmera"), Settings(rate=1_000_000)

    def use(number):
        client = NetmeraClient("sandbox", base_url=url, settings=settings)
        client.tag_users([f"id{number}"], tag="x")
        if closed:
            client.close()

    use(0)
    before, objects = None, 0
    for number in range(1, 201):
        use(number)
        if number == 100:
            before, objects = state(), len(gc.get_objects())
    after = state()
    # The server's end of a connection is in this process too, and is closed when it comes to that.
    assert after[1:] == before[1:]
    assert after[0] < before[0] + 20
    assert len(gc.get_objects()) - objects < 100 * 5


def test_threads_share_the_token_of_a_client(netaudience_sandbox):
    url = netaudience_sandbox.url("fynd")
    with (
        FyndClient("sandbox", "sandbox", "1", "app", base_url=url, settings=Settings(rate=1000)) as fynd,
        ThreadPoolExecutor(20) as pool,
    ):
        found = list(pool.map(lambda _: fynd.search_customers(q="a"), range(20)))
    assert len(found) == 20
