"""Through a real proxy: plain and TLS, with credentials, named by the settings or by the environment."""

from __future__ import annotations

import traceback

import aiohttp
import pytest
from parts import Authority, client_of, proxy_server, vendor

from netaudience import AiohttpTransport, ConfigurationError, ConnectionFailed, NetmeraClient, Settings

pytestmark = pytest.mark.asyncio
OURS = Authority()
PLACES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with proxy_server(tmp_path_factory.mktemp("proxy")) as port:
        yield port


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with proxy_server(tmp_path_factory.mktemp("guarded"), "--basic-auth", "user:pa:ss word") as port:
        yield port


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def context_for(scheme: str):
    return OURS.server() if scheme == "https" else None


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_from_the_settings(proxy, scheme) -> None:
    async with vendor(context_for(scheme)) as server:
        tls = OURS.trusted() if scheme == "https" else None
        async with client_of(server.url, proxy=f"http://localhost:{proxy}", tls=tls) as netmera:
            assert (await netmera.get_devices("id1")).ext_id == "id1"
    (request,) = server.requests
    # The proxy says so where it can read the request, and does not where it is a tunnel.
    assert ("Via" in request.headers) is (scheme == "http")
    assert request.headers["X-netmera-api-key"] == "the-rest-key"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_with_credentials(guarded, scheme) -> None:
    async with vendor(context_for(scheme)) as server:
        tls = OURS.trusted() if scheme == "https" else None
        proxy = f"http://user:pa%3Ass%20word@localhost:{guarded}"
        async with client_of(server.url, proxy=proxy, tls=tls) as netmera:
            assert (await netmera.get_devices("id1")).ext_id == "id1"
            assert (await netmera.get_devices("id1")).ext_id == "id1"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials(guarded, scheme) -> None:
    async with vendor(context_for(scheme)) as server:
        tls = OURS.trusted() if scheme == "https" else None
        settings = {"proxy": f"http://user:hunter2-secret@localhost:{guarded}", "tls": tls}
        async with client_of(server.url, **settings) as netmera:
            with pytest.raises(ConnectionFailed) as caught:
                await netmera.get_devices("id1")
    assert str(caught.value) == (
        "The proxy localhost demands other credentials (HTTP 407): nothing was sent. "
        "Give them in the proxy's URL, as http://user:password@host:port"
    )
    assert not server.requests
    shows_no_secret(caught.value, netmera)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_dead(unused_tcp_port, scheme) -> None:
    settings = {"proxy": f"http://user:hunter2-secret@localhost:{unused_tcp_port}", "plain_http": True}
    async with client_of(f"{scheme}://vendor.example", **settings) as netmera:
        with pytest.raises(ConnectionFailed, match="No connection to the proxy localhost") as caught:
            await netmera.get_devices("id1")
    assert "nothing was sent" in str(caught.value)
    shows_no_secret(caught.value, netmera)


async def test_a_proxy_that_finds_no_way_to_the_vendor(proxy, unused_tcp_port) -> None:
    url = f"https://localhost:{unused_tcp_port}"
    async with client_of(url, proxy=f"http://localhost:{proxy}") as netmera:
        with pytest.raises(ConnectionFailed):
            await netmera.get_devices("id1")


async def test_a_certificate_behind_a_proxy_is_looked_at_all_the_same(proxy) -> None:
    async with vendor(OURS.server()) as server:
        proxy_url = f"http://user:hunter2-secret@localhost:{proxy}"
        async with client_of(server.url, proxy=proxy_url) as netmera:
            with pytest.raises(ConnectionFailed, match="certificate of localhost is not trusted") as caught:
                await netmera.get_devices("id1")
    assert not server.requests
    shows_no_secret(caught.value, netmera)


def shows_no_secret(error: BaseException, client: NetmeraClient) -> None:
    shown = ["".join(traceback.format_exception(error)), repr(client), repr(client.settings)]
    seen: BaseException | None = error
    while seen is not None:
        shown.append(repr(seen))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    assert not [text for text in shown if "hunter2" in text or "aHVudGVyMi" in text]


@pytest.mark.parametrize(
    ("scheme", "environment_of", "through"),
    [
        ("http", {"HTTP_PROXY": "http://localhost:{port}"}, True),
        ("http", {"http_proxy": "localhost:{port}"}, True),
        ("http", {"HTTPS_PROXY": "http://localhost:{port}"}, False),
        ("https", {"HTTPS_PROXY": "http://localhost:{port}"}, True),
        ("https", {"ALL_PROXY": "http://localhost:{port}"}, True),
        ("http", {"HTTP_PROXY": "http://localhost:{port}", "NO_PROXY": "localhost"}, False),
        ("http", {"HTTP_PROXY": "http://localhost:{port}", "NO_PROXY": "*"}, False),
        ("http", {"HTTP_PROXY": "http://localhost:{port}", "NO_PROXY": "other.example"}, True),
    ],
)
async def test_proxies_of_the_environment(proxy, environment, scheme, environment_of, through) -> None:
    for name, value in environment_of.items():
        environment.setenv(name, value.format(port=proxy))
    transports = []
    async with vendor(context_for(scheme)) as server:
        for trust_env in (True, False):
            settings = {"trust_env": trust_env, "tls": OURS.trusted() if scheme == "https" else None}
            async with client_of(server.url, **settings) as netmera:
                await netmera.get_devices("id1")
                transports.append(netmera._opened)
        if scheme == "http":
            assert ["Via" in request.headers for request in server.requests] == [through, False]
    (chosen,) = transports[0]._from_environment.values()
    assert (chosen is not None) is through
    assert not transports[1]._from_environment


async def test_netrc_is_never_read(tmp_path, environment) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password hunter2-secret\n")
    netrc.chmod(0o600)
    environment.setenv("NETRC", str(netrc))
    async with vendor() as server, client_of(server.url, trust_env=True) as netmera:
        await netmera.get_devices("id1")
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "proxy",
    ["", "localhost:3128", "socks5://user:hunter2@host:1080", "http://", "http://user:hunter2@", 8080],
)
async def test_a_malformed_proxy_names_the_remedy_and_no_secret(proxy) -> None:
    with pytest.raises(ConfigurationError, match="The proxy's URL is malformed") as caught:
        Settings(proxy=proxy)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_options_of_a_transport_that_is_not_made_here_are_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError, match="A session of your own brings its own TLS and proxy"):
            AiohttpTransport(session=session, trust_env=True)
        with pytest.raises(ConfigurationError, match="A transport of your own brings its own TLS and proxy"):
            NetmeraClient(
                "key", settings=Settings(trust_env=True), transport=AiohttpTransport(session=session)
            )
