"""The sandbox's own routes are for whoever was told of it, and not for a page of another site."""

import asyncio

import aiohttp
import pytest

from netaudience.cli import sandbox as command
from netaudience.sandbox import Sandbox

ROUTES = [
    ("GET", "/_sandbox/", b""),
    ("GET", "/_sandbox/live", b""),
    ("GET", "/_sandbox/requests", b""),
    ("GET", "/_sandbox/state/netmera/users/jane", b""),
    ("POST", "/_sandbox/faults", b"[]"),
    ("POST", "/_sandbox/clock", b'{"advance": 1}'),
    ("POST", "/_sandbox/delay", b"{}"),
    ("POST", "/_sandbox/check?vendor=netmera&operation=tag_users", b""),
    ("POST", "/_sandbox/state/netmera", b"{}"),
    ("POST", "/_sandbox/reset", b""),
]
REFUSED = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "rebind.evil.example"},
    {"Host": "rebind.evil.example:8765"},
    {"Host": "127.0.0.1.evil.example:8765"},
]
TAKEN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Host": "localhost:8765"},
    {"Host": "LOCALHOST"},
    {"Host": "[::1]:8765"},
    {"Host": "192.168.1.7:8765"},
]


def statuses(headers):
    async def go():
        found = []
        async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
            for method, path, body in ROUTES:
                url = sandbox.url() + path
                text = {"Content-Type": "text/plain", **headers}  # what needs no preflight
                async with session.request(method, url, data=body or None, headers=text) as answer:
                    found.append(answer.status)
        return found

    return asyncio.run(go())


@pytest.mark.parametrize("headers", REFUSED, ids=str)
def test_what_a_page_of_another_site_sends_is_refused_on_every_route(headers):
    assert set(statuses(headers)) == {403}


@pytest.mark.parametrize("headers", TAKEN, ids=str)
def test_what_a_person_or_a_program_sends_is_taken(headers):
    assert 403 not in statuses(headers)


def test_the_page_s_own_requests_are_taken():
    async def go():
        async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
            own = {"Origin": sandbox.url(), "Sec-Fetch-Site": "same-origin"}
            async with session.post(sandbox.url() + "/_sandbox/reset", headers=own) as answer:
                return answer.status

    assert asyncio.run(go()) == 200


@pytest.mark.parametrize(
    ("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False), ("192.168.1.7", True)]
)
def test_a_host_that_others_reach_is_warned_of(host, warned, monkeypatch, capsys):
    sandbox = Sandbox(host=host)
    monkeypatch.setattr(Sandbox, "port", 8765)
    command._announce(sandbox)
    captured = capsys.readouterr()
    assert ("without a password" in captured.out + captured.err) is warned
