"""The transport on real sockets: what answers, lies, hangs up and stays silent."""

import asyncio
import gzip
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from aioresponses import aioresponses

from netaudience.engine.transport import AiohttpTransport, make_url
from netaudience.errors import AnswerLost, ConfigurationError, ConnectionFailed
from netaudience.model.wire import Prepared

pytestmark = pytest.mark.asyncio


class RawServer:
    """Answers every request with the same bytes, or does what it is told with the connection."""

    def __init__(self, answer=b"", *, hold=False, drop=False):
        self.answer, self.hold, self.drop = answer, hold, drop
        self.requests = []
        self.released = asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.released.set()
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            self.requests.append(head + await reader.readexactly(length))
            if self.drop:
                writer.transport.abort()
                return
            writer.write(self.answer)
            await writer.drain()
            if self.hold:
                await self.released.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as it may
        finally:
            writer.close()


def answer(body=b"", status="200 OK", **headers):
    lines = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def request(url, *, timeout=5.0, most=1_000_000, body=b'{"a":1}', method="POST", headers=None):
    return Prepared(
        method, make_url(url, "/x", {}), headers or {"Content-Type": "application/json"}, body, timeout, most
    )


async def send(url, **options):
    transport = AiohttpTransport()
    try:
        return await transport.send(request(url, **options))
    finally:
        await transport.aclose()


@pytest.mark.parametrize(
    ("raw", "status", "body", "truncated"),
    [
        (answer(), 200, b"", False),
        (answer(b"<html>", Content_Type="text/html"), 200, b"<html>", False),
        (answer(b'{"code":2010}', status="403 Forbidden"), 403, b'{"code":2010}', False),
        (answer(gzip.compress(b"unzipped"), Content_Encoding="gzip"), 200, b"unzipped", False),
        (answer(b"x" * 5000), 200, b"x" * 1000, True),
        (answer(gzip.compress(b"x" * 500_000), Content_Encoding="gzip"), 200, b"x" * 1000, True),
        (answer(status="302 Found", Location="https://elsewhere.example/"), 302, b"", False),
    ],
)
async def test_whatever_answers_comes_back_whole_or_as_truncated(raw, status, body, truncated):
    async with RawServer(raw) as server:
        response = await send(server.url, most=1000)
    assert (response.status, response.body, response.truncated) == (status, body, truncated)
    assert len(server.requests) == 1
    assert server.requests[0].startswith(b"POST /x HTTP/1.1\r\n")
    assert server.requests[0].endswith(b'{"a":1}')


@pytest.mark.parametrize("apart", [False, True], ids=["with its headers", "after its headers"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_an_answer_that_was_read_gives_its_connection_back(apart, encoding):
    opened = 0
    body = gzip.compress(b"taken") if encoding == "gzip" else b"taken"
    whole = answer(body, Connection="keep-alive", Content_Encoding=encoding)

    async def serve(reader, writer):
        nonlocal opened
        opened += 1
        try:
            while await reader.readuntil(b'{"a":1}'):
                if apart:
                    writer.write(whole[: -len(body)])
                    for _ in range(5):  # so many turns of the loop in which the client may read the headers
                        await asyncio.sleep(0)
                writer.write(whole[-len(body) :] if apart else whole)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = AiohttpTransport()
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for _ in range(5):
            response = await transport.send(request(url))
            assert (response.body, response.truncated) == (b"taken", False)
        await transport.aclose()
    assert opened == 1


@pytest.mark.parametrize(
    "options",
    [
        {"drop": True},
        {"answer": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"},
        {"answer": b"not http at all\r\n\r\n"},
        {"answer": answer(b"not gzip", Content_Encoding="gzip")},
    ],
    ids=["reset", "cut short", "no http", "broken gzip"],
)
async def test_a_lost_answer_is_told_as_lost(options):
    async with RawServer(**options) as server:
        with pytest.raises(AnswerLost, match=r"no whole answer came back \([A-Z].*\): look at the network"):
            await send(server.url)
    assert len(server.requests) == 1


async def test_a_silent_vendor_is_given_up_after_the_timeout():
    async with RawServer(hold=True) as server:
        with pytest.raises(AnswerLost, match=r"within 0\.1 s"):
            await send(server.url, timeout=0.1)


async def test_a_caller_that_cancels_is_cancelled_and_not_told_of_a_timeout():
    async with RawServer(hold=True) as server:
        transport = AiohttpTransport()
        task = asyncio.create_task(transport.send(request(server.url, timeout=60)))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.aclose()


async def test_a_timeout_inside_a_caller_s_own_timeout():
    async with RawServer(hold=True) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await send(server.url, timeout=60)


async def test_nobody_listens(unused_tcp_port):
    with pytest.raises(ConnectionFailed, match=r"No connection to 127\.0\.0\.1 could be made"):
        await send(f"http://127.0.0.1:{unused_tcp_port}")


async def test_a_server_that_speaks_no_tls():
    async def refuse(reader, writer):
        await reader.read(1)
        writer.write(answer(status="400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        with pytest.raises(ConnectionFailed):
            await send(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_large_body_arrives_whole_and_warns_nobody():
    body = b'"' + b"x" * 4_000_000 + b'"'
    async with RawServer(answer()) as server:
        await send(server.url, body=body)
    assert server.requests[0].endswith(body)


async def test_a_session_of_the_caller_s_own_is_used_and_left_open():
    async with RawServer(answer()) as server, aiohttp.ClientSession(headers={"X-Own": "1"}) as session:
        transport = AiohttpTransport(session=session)
        await transport.send(request(server.url))
        await transport.aclose()
        assert not session.closed
    assert b"X-Own: 1" in server.requests[0]


async def test_closing_twice_and_opening_again():
    transport = AiohttpTransport()
    await transport.aclose()
    async with RawServer(answer()) as server:
        await transport.send(request(server.url))
        await transport.aclose()
        await transport.aclose()
        await transport.send(request(server.url))
        await transport.aclose()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "restapi.netmera.com",
        "ftp://host",
        "http://",
        "https://user:secret@host",
        "https://host?key=1",
        "http://[::1",
    ],
)
async def test_a_malformed_base_url_names_the_remedy_and_no_secret(url):
    with pytest.raises(ConfigurationError, match="base URL is malformed") as caught:
        make_url(url, "/x", {})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "path", "query", "url"),
    [
        ("https://host", "/a", {}, "https://host/a"),
        ("https://host/", "/a", {}, "https://host/a"),
        ("https://host/prefix/", "/a", {}, "https://host/prefix/a"),
        ("http://127.0.0.1:80/p", "/u/a%2Fb", {}, "http://127.0.0.1:80/p/u/a%2Fb"),
        ("https://host", "/a", {"q": "a b&c=d+é"}, "https://host/a?q=a+b%26c%3Dd%2B%C3%A9"),
    ],
)
async def test_urls_are_joined_to_the_letter(base, path, query, url):
    assert str(make_url(base, path, query)) in {url, url.replace(":80/", "/")}


# aioresponses at its own seam: its responses lack an argument that aiohttp demands since 3.14.


class _ShimmedResponse(aiohttp.ClientResponse):
    def __init__(self, *args, **options):
        options.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **options)


async def test_aiohttp_s_own_errors_are_told_apart():
    cases = [
        (aiohttp.ConnectionTimeoutError(), ConnectionFailed),
        (aiohttp.ClientHttpProxyError(None, (), status=407), ConnectionFailed),
        (aiohttp.ServerDisconnectedError(), AnswerLost),
        (aiohttp.SocketTimeoutError(), AnswerLost),
        (aiohttp.ClientPayloadError(), AnswerLost),
        (ssl.SSLError("record layer failure"), AnswerLost),
        (aiohttp.InvalidURL("x"), ConfigurationError),
    ]
    for raised, told in cases:
        with aioresponses() as mocked:
            mocked.post("http://vendor.example/x", exception=raised)
            with pytest.raises(told) as caught:
                await send("http://vendor.example")
            # What these say is a URL, which may hold an identifier or a password: no traceback shows it.
            assert type(caught.value.__cause__) is (
                ssl.SSLError if type(raised) is ssl.SSLError else type(None)
            )
            assert caught.value.__context__ is None


async def test_a_mocked_answer_is_read_like_a_real_one():
    with aioresponses() as mocked:
        mocked.post("http://vendor.example/x", status=202, body=b"taken", response_class=_ShimmedResponse)
        response = await send("http://vendor.example")
    assert (response.status, response.body) == (202, b"taken")
