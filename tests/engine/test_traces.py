"""What is left of a failed request: no URL, key or address in any message, cause, context or pickle."""

import asyncio
import copy
import logging
import pickle
import socket
import ssl
import traceback

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from leak_watch import Watch
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from netaudience import (
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    FyndClient,
    IterableClient,
    NetaudienceError,
    NetmeraClient,
    RetryPolicy,
    Settings,
    TransportError,
)
from netaudience.engine.transport import AiohttpTransport
from netaudience.model.wire import Prepared
from netaudience.sync import NetmeraClient as BlockingNetmera
from netaudience.vendors import clients

WHO = "jane.doe"
ADDRESS = f"https://vendor.example/users/{WHO}%40example.com"
KEY = ConnectionKey("vendor.example", 443, True, True, None, None, None)
INFO = aiohttp.RequestInfo(
    URL(ADDRESS), "GET", CIMultiDictProxy(CIMultiDict({"Api-Key": f"{WHO}-key"})), URL(ADDRESS)
)

WRONG_VERSION = ssl.SSLError(1, f"[SSL] wrong version of {WHO}")
WRONG_VERSION.reason = "WRONG_VERSION_NUMBER"
REFUSED = OSError(111, f"Connect call failed ('{WHO}', 443)")
RAISED = [
    (aiohttp.ConnectionTimeoutError(f"Connection timeout to host {ADDRESS}"), ConnectionFailed),
    (
        aiohttp.ClientConnectorError(KEY, REFUSED),
        ConnectionFailed,
    ),
    (aiohttp.ClientConnectorError(KEY, socket.gaierror(-2, "Name or service not known")), ConnectionFailed),
    (aiohttp.ClientConnectorError(KEY, WRONG_VERSION), ConnectionFailed),
    (aiohttp.ClientOSError(None, f"Can not write request body for {ADDRESS}"), AnswerLost),
    (aiohttp.ClientOSError(32, f"Can not write request body for {ADDRESS}"), AnswerLost),
    (aiohttp.ServerDisconnectedError(f"HTTP/1.1 200 {WHO}"), AnswerLost),
    (aiohttp.ServerTimeoutError(f"Timeout on reading data from {ADDRESS}"), AnswerLost),
    (aiohttp.ClientPayloadError(f"Response payload is not completed: {WHO}"), AnswerLost),
    (aiohttp.ClientResponseError(INFO, (), status=400, message=f"bad header {WHO}"), AnswerLost),
    (aiohttp.ClientHttpProxyError(INFO, (), status=502, message=WHO), ConnectionFailed),
    (OSError(5, f"something about {WHO}"), AnswerLost),
    (ConnectionResetError(104, f"reset by {WHO}"), AnswerLost),
    (TimeoutError(f"while waiting for {WHO}"), AnswerLost),
    (aiohttp.InvalidURL(ADDRESS), ConfigurationError),
    (ValueError(f"header of {WHO}"), ConfigurationError),
]


def everything(error):
    """Return all that an error can show of itself, and of whatever stands behind it."""
    texts = ["".join(traceback.format_exception(error)), pickle.dumps(error).decode("latin-1")]
    behind = error
    while behind is not None:
        texts += [str(behind), repr(behind), repr(behind.args)]
        assert behind.__context__ is None or behind.__context__ is behind.__cause__
        behind = behind.__cause__
    return "\n".join(texts)


class Broken:
    closed = False

    def __init__(self, error):
        self.error = error
        self._loop = asyncio.get_running_loop()

    async def request(self, *_, **__):
        raise self.error


@pytest.mark.parametrize(
    ("raised", "kind"), RAISED, ids=lambda one: getattr(one, "__name__", type(one).__name__)
)
def test_nothing_of_what_aiohttp_says_is_left(raised, kind):
    async def go():
        transport = AiohttpTransport(session=Broken(raised))
        with pytest.raises(kind) as caught:
            await transport.send(Prepared("GET", URL(ADDRESS), {"Api-Key": f"{WHO}-key"}, None, 5.0, 1000))
        return caught.value

    error = asyncio.run(go())
    shown = everything(error).replace(__file__, "")
    lines = [line for line in shown.splitlines() if WHO in line and "await " not in line]
    assert lines == []
    if not isinstance(error, ConfigurationError) and "proxy" not in str(error):
        assert "vendor.example" in str(error)


def test_an_answer_that_comes_to_nothing_within_the_timeout_leaves_nothing():
    class Silent(Broken):
        async def request(self, *_, **__):
            await asyncio.sleep(10)

    async def go():
        transport = AiohttpTransport(session=Silent(None))
        with pytest.raises(AnswerLost, match=r"within 0\.05 s") as caught:
            await transport.send(Prepared("GET", URL(ADDRESS), {}, None, 0.05, 1000))
        await transport.aclose()
        return caught.value

    assert everything(asyncio.run(go())).count("example.com") == 0


def test_a_connection_that_times_out_leaks_nothing_through_a_client(caplog):
    caplog.set_level(logging.DEBUG, "netaudience")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    filling = [socket.socket() for _ in range(4)]  # a backlog that is full drops what comes
    for one in filling:
        one.setblocking(False)
        one.connect_ex(listener.getsockname())

    async def go():
        settings = Settings(timeout=0.4, retry=RetryPolicy(attempts=1))
        async with IterableClient("KEY", base_url=url, project_type="hybrid", settings=settings) as client:
            with pytest.raises(TransportError) as caught:
                await client.get_user("jane.doe@example.com")
        return caught.value

    try:
        error = asyncio.run(go())
    finally:
        for one in (listener, *filling):
            one.close()
    shown = [line for line in everything(error).splitlines() if "await " not in line]
    assert not [line for line in shown if WHO in line]
    assert WHO not in caplog.text


def test_the_watch_of_the_suite_sees_causes_and_pickles():
    watch = Watch()
    error = NetaudienceError("nothing is wrong here")
    error.__cause__ = aiohttp.ConnectionTimeoutError("Connection timeout to https://x/jane@example.com")
    watch.error(error)
    assert any("the traceback of NetaudienceError" in one for one in watch.found())
    watch, error = Watch(), NetaudienceError("nothing is wrong here")
    error.hidden = "jane@example.com"
    watch.error(error)
    assert any("the pickle of NetaudienceError" in one for one in watch.found())


@pytest.mark.parametrize("vendor", clients(), ids=lambda one: one.slug)
def test_a_client_is_not_pickled_for_it_holds_a_key(vendor):
    client = object.__new__(vendor)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ConfigurationError, match="is not pickled, for it holds a key"):
            write(client)


@pytest.mark.parametrize("make", [NetmeraClient, BlockingNetmera])
def test_neither_is_what_belongs_to_it_and_a_view_works_all_the_same(make):
    client = make("key")
    view = client.with_options(deadline=3)
    for held in (client, view, client.tag_users, [client]):
        with pytest.raises(ConfigurationError, match="is not pickled"):
            pickle.dumps(held)
    assert (view.settings.deadline, client.settings.deadline) == (3, None)
    assert type(view) is type(client)
    fynd = FyndClient("id", "secret", "1", "app", base_url="https://x.example")
    with pytest.raises(ConfigurationError, match="is not pickled"):
        pickle.dumps(fynd)
