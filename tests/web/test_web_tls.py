"""TLS with real certificates: an authority of our own, a client certificate, and what is wrong with them."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest
from parts import Authority, client_of, vendor

from netaudience import ConnectionFailed

pytestmark = pytest.mark.asyncio
OURS, OTHER = Authority(), Authority()


def limited(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("client", [None, OTHER], ids=["server only", "client too"])
async def test_an_authority_of_ones_own_and_a_client_certificate(version, client) -> None:
    async with (
        vendor(limited(OURS.server(client=client), version)) as server,
        client_of(server.url, tls=OURS.trusted(show=client)) as netmera,
    ):
        devices = await netmera.get_devices("id1")
    assert devices.ext_id == "id1"
    (request,) = server.requests
    assert request.transport is None or request.scheme == "https"


@pytest.mark.parametrize(
    ("names", "tls", "why"),
    [
        (["localhost"], None, "unable to get local issuer certificate|self.signed certificate"),
        (["localhost"], OTHER.trusted(), "unable to get local issuer certificate|self.signed certificate"),
        (["elsewhere.example"], OURS.trusted(), "Hostname mismatch"),
    ],
    ids=["unknown authority", "another authority", "another host"],
)
async def test_a_certificate_that_is_not_trusted_names_the_remedy(names, tls, why) -> None:
    async with vendor(OURS.server(*names)) as server, client_of(server.url, tls=tls) as netmera:
        with pytest.raises(ConnectionFailed, match=why) as caught:
            await netmera.get_devices("id1")
    assert not server.requests
    told = str(caught.value)
    assert told.startswith("The certificate of localhost is not trusted (")
    assert "nothing was sent. Give Settings(tls=…)" in told


@contextmanager
def strict_server(context: ssl.SSLContext):
    """A server that says why it refuses a handshake and hears the client out; asyncio's only hangs up."""

    ended = threading.Event()

    def refuse() -> None:
        while True:  # aiohttp asks again where nothing is changed by asking
            connection, _ = listener.accept()
            if ended.is_set():
                connection.close()
                return
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
                try:
                    secured.do_handshake()
                except ssl.SSLError:
                    secured.shutdown(socket.SHUT_WR)
                with suppress(OSError):
                    while secured.recv(4096):
                        pass

    with socket.create_server(("localhost", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        address = listener.getsockname()
        yield f"https://localhost:{address[1]}"
        ended.set()
        socket.create_connection(address).close()
        thread.join()


@pytest.mark.parametrize(
    ("version", "show", "why"),
    [
        (ssl.TLSVersion.TLSv1_2, None, r"No TLS connection to localhost could be made \(.*handshake failure"),
        (ssl.TLSVersion.TLSv1_2, OURS, r"No TLS connection to localhost could be made \(.*unknown ca"),
        (ssl.TLSVersion.TLSv1_3, None, "localhost demands a client certificate, or another one"),
        (ssl.TLSVersion.TLSv1_3, OURS, "localhost demands a client certificate, or another one"),
    ],
)
async def test_a_server_that_wants_another_client_certificate(version, show, why) -> None:
    with strict_server(limited(OURS.server(client=OTHER), version)) as url:
        async with client_of(url, tls=OURS.trusted(show=show)) as netmera:
            with pytest.raises(ConnectionFailed, match=why) as caught:
                await netmera.get_devices("id1")
    assert "nothing was sent. Give Settings(tls=…)" in str(caught.value)


async def test_a_server_without_tls() -> None:
    async with vendor() as server, client_of(server.url.replace("http:", "https:")) as netmera:
        with pytest.raises(ConnectionFailed, match="No TLS connection to localhost could be made"):
            await netmera.get_devices("id1")
