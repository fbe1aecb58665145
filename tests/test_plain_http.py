"""A key goes over the public network without encryption only where somebody has said that this is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netaudience import ConfigurationError, NetmeraClient, Settings
from netaudience.cli import main
from netaudience.vendors import clients

PAGE = Path(__file__).parent.parent / "docs" / "SECURITY.md"
PUBLIC = [
    "http://restapi.netmera.com",
    "http://8.8.8.8",
    "http://[2001:4860:4860::8888]/x",
    "HTTP://V.Example.",
]
PRIVATE = [
    "http://127.0.0.1:8765/netmera", "http://[::1]:8765", "http://localhost", "http://sandbox:8765",
    "http://10.1.2.3", "http://172.16.0.1", "http://192.168.1.7", "http://169.254.1.1", "http://[fd00::1]",
    "http://netmera.shop.svc", "http://vendor.test", "http://printer.local", "http://api.internal",
    "https://restapi.netmera.com", "https://8.8.8.8",
]  # fmt: skip
KEY = "secret-key-41"


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_host_is_refused(url):
    with pytest.raises(ConfigurationError, match="write https://") as refused:
        NetmeraClient(KEY, base_url=url)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("url", PUBLIC)
def test_unless_it_is_meant(url):
    assert NetmeraClient(KEY, base_url=url, settings=Settings(plain_http=True)).base_url == url


@pytest.mark.parametrize("url", PRIVATE)
def test_ones_own_network_is_not(url):
    assert NetmeraClient(KEY, base_url=url).base_url == url


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.slug)
def test_it_is_so_at_every_vendor_and_said_by_one_variable(client, netaudience_sandbox):
    environ = netaudience_sandbox.environment()
    environ[f"NETAUDIENCE_{client.slug.upper()}_BASE_URL"] = "http://vendor.example"
    with pytest.raises(ConfigurationError, match="NETAUDIENCE_PLAIN_HTTP=true"):
        client.from_environment(environ=environ)
    said = client.from_environment(environ={**environ, "NETAUDIENCE_PLAIN_HTTP": "true"})
    assert said.settings.plain_http
    with pytest.raises(ConfigurationError, match="must be true or false"):
        client.from_environment(environ={**environ, "NETAUDIENCE_PLAIN_HTTP": "yes"})


@pytest.mark.parametrize(
    ("flags", "code", "words"), [([], 2, "--plain-http"), (["--plain-http"], 1, "connection")]
)
def test_the_command_has_a_flag(monkeypatch, capsys, flags, code, words):
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", KEY)
    # An address of the documentation's own, to which nothing leads.
    monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", "http://vendor.example:9")
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    words_of_it = ["netmera", "get-push-categories", "--timeout", "1", "--patience", "0", *flags]
    assert main(words_of_it) == code
    told = capsys.readouterr().err
    assert words in told
    assert KEY not in told


def test_the_page_says_so():
    (shown,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    exec(compile(shown, str(PAGE), "exec"), {})


def refuse(*_: object, **__: object):
    raise OSError("no name is looked up in a test")
