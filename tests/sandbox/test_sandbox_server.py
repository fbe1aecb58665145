"""The server itself: routes, loud answers, the admin's routes, its life, and what it may import."""

from __future__ import annotations

import ast
import asyncio
import base64
import hashlib
import os
import signal
import socket
import urllib.request
from pathlib import Path

import aiohttp
import orjson
import pytest

import netaudience.sandbox
from netaudience.cli.sandbox import every_route
from netaudience.sandbox import BackgroundSandbox, Credentials, Fault, Route, Sandbox, serve
from netaudience.sandbox.overview import standing

HOME = Path(netaudience.sandbox.__file__).parent
TAG = {"tag": "A", "extIds": ["id1"]}
ROUTES = [
    Route("netmera", "tag_users", "POST", "/rest/3.0/tagUsers"),
    Route("netmera", "track_devices", "POST", "/rest/3.0/trackDevices"),
    Route("otherwise", "track", "GET", "/things/{thing}"),
]


@pytest.mark.asyncio
async def test_a_route_without_a_handler_is_loud_and_listed(running):
    async with running(ROUTES) as box:
        assert box.sandbox.unserved() == tuple(ROUTES[1:])
        reply = await box.post("trackDevices", {})
        assert reply.status == 501
        error = "netmera track-devices (POST /rest/3.0/trackDevices) has no handler in the sandbox."
        assert reply.json == {"error": error}
        assert (await box.send("GET", "/otherwise/things/5")).status == 501
        with pytest.raises(ValueError, match="serves no operation 'track_devices'"):
            box.sandbox.check("netmera", "track_devices")


@pytest.mark.asyncio
async def test_a_callers_label_and_the_vendors_name_mean_the_same_operation(running):
    async with running(ROUTES, faults=["status=503,operation=tag_users,first=1"]) as box:
        assert (await box.post("tagUsers", TAG)).status == 503
        assert (await box.post("tagUsers", TAG)).status == 200
        for name in ("tag_users", "tagUsers"):
            assert box.sandbox.check("netmera", name, ["id1"]).ok


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        (
            "POST",
            "/netmera/rest/3.0/tagUser",
            (
                "The sandbox has no POST /netmera/rest/3.0/tagUser; "
                "the nearest is POST /netmera/rest/3.0/tagUsers (tagUsers)."
            ),
        ),
        (
            "GET",
            "/netmera/rest/3.0/tagUsers",
            (
                "The sandbox has no GET /netmera/rest/3.0/tagUsers; "
                "that path takes POST /netmera/rest/3.0/tagUsers."
            ),
        ),
    ],
)
async def test_an_unknown_url_names_what_it_may_have_meant(running, method, path, error):
    async with running() as box:
        reply = await box.send(method, path)
        assert (reply.status, reply.json) == (501, {"error": error})


@pytest.mark.asyncio
async def test_where_callers_say_their_names_it_speaks_of_commands(running):
    async with running(every_route()) as box:
        reply = await box.send("POST", "/netmera/rest/3.0/tagUser")
        assert reply.json["error"].endswith("the nearest is POST /netmera/rest/3.0/tagUsers (tag-users).")
        called = standing(box.sandbox)["vendors"]["fynd"]["commands"]["getUserAttributeById"]
        assert called == ["get-user-attribute", "get-user-attribute-by-id"]  # two paths of one name


@pytest.mark.asyncio
async def test_without_routes_every_url_is_unknown(running):
    async with running([]) as box:
        reply = await box.post("tagUsers", TAG)
        assert reply.status == 501
        assert reply.json["error"].endswith("no route is mounted.")


@pytest.mark.asyncio
async def test_the_overview_shows_routes_rules_limits_faults_and_counts(running):
    credentials = Credentials(netmera_keys=frozenset({"hush"}))
    async with running(faults=["status=503,share=0"], demo=True, credentials=credentials) as box:
        await box.post("tagUsers", TAG, key="hush")
        overview = (await box.send("GET", "/_sandbox/")).json
        served = [operation for vendor in box.sandbox.vendors.values() for operation in vendor.operations]
        assert len(overview["routes"]) == len(served)
        assert all(route["served"] for route in overview["routes"])
        assert overview["faults"][0]["kind"] == "status"
        assert overview["requests"] == {"netmera tagUsers": {"200": 1}}
        assert overview["applied"] == {"netmera tagUsers": 1}
        assert overview["vendors"]["clevertap"]["limits"]["in_flight"] == 3
        assert overview["vendors"]["netmera"]["state"]["users"] == 3
        for vendor in overview["vendors"].values():
            for rule in vendor["rules"]:
                assert rule["provenance"] in {"documented", "reported", "assumed"}
                assert rule["url"].startswith("https://")
                assert rule["text"].endswith(".") or rule["text"].endswith(").")
        assert overview["allowances"][0]["account"] == 1
        assert "hush" not in str(overview)


@pytest.mark.asyncio
async def test_the_page_brings_everything_with_it_and_may_ask_only_its_own_server(running):
    async with running() as box:
        reply = await box.send("GET", "/")
        assert reply.headers["Content-Type"].startswith("text/html")
        policy = dict(
            part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";")
        )
        assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
        (script,) = reply.body.partition(b"<script>")[2].split(b"</script>")[:-1]
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert policy["script-src"] == f"'sha256-{digest}'"


@pytest.mark.asyncio
async def test_the_log_holds_neither_keys_nor_bodies_and_stays_short(running):
    async with running() as box:
        for _ in range(3):
            await box.post("tagUsers", {"tag": "secret-tag", "extIds": ["secret-id", "b"]})
        reply = await box.send("GET", "/_sandbox/requests")
        entries = reply.json
        assert b"secret" not in reply.body
        assert [entry["ordinal"] for entry in entries] == [1, 2, 3]
        assert entries[0]["keys"] == 2
        assert entries[0]["arrived"] <= entries[1]["arrived"]
        assert box.sandbox.ledger.requests.maxlen == 1000


@pytest.mark.asyncio
async def test_a_check_over_http_takes_keys_by_line(running):
    async with running() as box:
        await box.post("tagUsers", {"tag": "A", "extIds": ["a\u2028b", "ü"]})
        path = "/_sandbox/check?vendor=netmera&operation=tagUsers"
        report = (await box.send("POST", path, data="a\u2028b\r\nü\n".encode())).json
        assert (report["ok"], report["expected"], report["applied"]) == (True, 2, 2)
        report = (await box.send("POST", path, data=b"a\n")).json
        assert (report["ok"], report["missing"]) == (False, ["a"])
        report = (await box.send("POST", path)).json
        assert [check["name"] for check in report["checks"]] == ["order", "overlap", "limit"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("check", b"", "Say vendor and operation in the query"),
        ("check?vendor=x&operation=y", b"", "The sandbox has no vendor 'x'"),
        ("check?vendor=netmera&operation=tagUsers", b"\xff", "'utf-8' codec"),
        ("faults", b"{}", "Faults are a JSON list"),
        ("faults", b'["boom"]', "There is no fault 'boom'"),
        ("faults", b'["status,vendor=x"]', "The sandbox has no vendor 'x'"),
        ("faults", b"[", "unexpected end of data"),
        ("state/netmera", b"[]", "Netmera is seeded with"),
        (
            "state/netmera",
            b'{"user": []}',
            "Netmera has users, segments, messages, attributes, events, categories and app",
        ),
        ("state/netmera", b'{"users": {}}', "'users' is a list."),
        ("state/netmera", b'{"users": ["id1"]}', "Every entry of 'users' is a JSON object."),
        ("state/netmera", b'{"users": [{}]}', "A user needs 'extId' as a text."),
        ("state/netmera", b'{"users": [{"extId": "a", "tag": "b"}]}', "A user has no 'tag'."),
        (
            "state/netmera",
            b'{"users": [{"extId": "a", "tags": "b"}]}',
            "A user needs 'tags' as a list",
        ),
        (
            "state/netmera",
            b'{"users": [{"extId": "a", "devices": [{"token": 5}]}]}',
            "A device needs 'token'",
        ),
        ("state/netmera", b'{"messages": ["1"]}', "A message is a whole number."),
        ("state/netmera", b'{"segments": [{"name": "a"}]}', "A segment's 'id' is a whole number."),
        ("state/clevertap", b"{}", "CleverTap is seeded with"),
        ("state/x", b"{}", "The sandbox has no vendor 'x'"),
    ],
)
async def test_a_mistake_in_an_admin_request_is_a_sentence(running, path, body, sentence):
    async with running() as box:
        reply = await box.send("POST", f"/_sandbox/{path}", data=body)
        assert reply.status == 400
        assert reply.json["error"].startswith(sentence)
        assert box.sandbox.netmera.users == {}


@pytest.mark.asyncio
async def test_state_is_seeded_looked_at_and_forgotten(running):
    document = {
        "users": [
            {
                "extId": "id1",
                "tags": ["A"],
                "profile": {"age": 3},
                "email": "a@b",
                "msisdn": "+1",
                "wpNumber": "+2",
                "devices": [{"token": "t", "platform": "IOS", "pushPermitted": False}],
            }
        ],
        "segments": [{"id": 5, "name": "five", "extIds": ["id1"]}],
        "messages": [1],
    }
    async with running(demo=True) as box:
        assert (await box.send("POST", "/_sandbox/reset")).json == {"reset": True}
        assert set(box.sandbox.netmera.users) == {"id1", "id2", "id3"}
    async with running() as box:
        counts = (await box.send("POST", "/_sandbox/state/netmera", json=document)).json
        some = {"users": 1, "devices": 1, "segments": 1, "messages": 1, "categories": 0}
        assert counts.items() >= some.items()
        user = (await box.send("GET", "/_sandbox/state/netmera/users/id1")).json
        assert user["profile"] == {"age": 3, "email": "a@b"}
        assert user["devices"][0]["platform"] == "IOS"
        listed = (await box.send("GET", "/_sandbox/state/netmera/users?containing=D1")).json
        assert listed == {"keys": ["id1"], "more": False}
        assert (await box.send("GET", "/_sandbox/state/netmera/users?containing=zz")).json["keys"] == []
        device = (await box.send("GET", "/_sandbox/state/netmera/devices/t")).json
        assert device["push_permitted"] is False
        await box.send("POST", "/_sandbox/state/clevertap", json={"demerged": ["a"]})
        assert box.sandbox.clevertap.demerged == {"a"}
        await box.send("POST", "/_sandbox/faults", json=["status=503", {"kind": "html"}])
        assert [fault.kind for fault in box.sandbox.plan.faults] == ["status", "html"]
        assert (await box.post("tagUsers", TAG)).status == 503
        await box.send("POST", "/_sandbox/reset")
        assert box.sandbox.netmera.users == {}
        assert box.sandbox.clevertap.demerged == set()
        assert len(box.sandbox.ledger.requests) == 0
        for path in ("users/id1", "devices/t", "contacts/x", "segments/5", "cats/1"):
            assert (await box.send("GET", f"/_sandbox/state/netmera/{path}")).status == 404


@pytest.mark.asyncio
async def test_serve_runs_until_a_signal_comes():
    ports: list[int] = []

    def ready(sandbox: Sandbox) -> None:
        ports.append(sandbox.port)
        os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(serve(Sandbox(), ready), timeout=5)
    with pytest.raises(OSError, match=r"111|refused"):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=1)


@pytest.mark.asyncio
async def test_serve_runs_until_it_is_cancelled():
    opened = asyncio.Event()
    task = asyncio.create_task(serve(Sandbox(), lambda _: opened.set()))
    await asyncio.wait_for(opened.wait(), timeout=5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_a_sandbox_closes_while_requests_are_in_flight(running):
    async with running(faults=["latency=30"]) as box:
        request = asyncio.create_task(box.post("tagUsers", TAG))
        while not box.sandbox._meters:
            await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientError):
        await request
    assert box.sandbox.ledger.requests[-1].status is None
    assert box.sandbox.netmera.users == {}


@pytest.mark.asyncio
async def test_the_port_can_be_chosen_and_a_taken_one_is_an_error(running):
    async with running() as box:
        port = box.sandbox.port
        with pytest.raises(OSError, match="address already in use"):
            async with running(port=port):
                pass
        with pytest.raises(RuntimeError, match="running already"):
            await box.sandbox.__aenter__()
    async with running(port=port) as box:
        assert box.sandbox.url("clevertap") == f"http://127.0.0.1:{port}/clevertap"
    with pytest.raises(RuntimeError, match="not running"):
        box.sandbox.url("netmera")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"limits": {"x": None}}, "The sandbox has no vendor 'x'"),
        ({"faults": ["boom"]}, "There is no fault 'boom'"),
        ({"faults": [Fault("html", vendor="x")]}, "The sandbox has no vendor 'x'"),
    ],
)
def test_a_bad_setting_is_refused_at_once(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Sandbox(**settings)


def test_a_sandbox_in_the_background_raises_what_the_server_raised():
    with (
        BackgroundSandbox() as running,
        pytest.raises(OSError, match="address already in use"),
        BackgroundSandbox(Sandbox(port=int(running.url().rpartition(":")[2]))),
    ):
        pass


def test_a_sandbox_in_the_background_answers_only_while_it_runs():
    sandbox = BackgroundSandbox()
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.reset()
    with sandbox:
        sandbox.reset()
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.check("netmera", "tagUsers")


def test_a_sandbox_in_the_background_has_the_same_clock():
    with BackgroundSandbox() as sandbox:
        sandbox.set_delay({"iterable": 60.0})
        request = urllib.request.Request(
            sandbox.url("iterable") + "/api/users/update",
            b'{"email": "a@b.c", "dataFields": {"name": "A"}}',
            {"Api-Key": "sandbox", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
        assert sandbox.pending()["iterable"] == 1
        assert sandbox.iterable.counts()["users"] == 0
        sandbox.advance(60)
        assert sandbox.now() >= 60
        assert sandbox.pending()["iterable"] == 0
        assert sandbox.iterable.counts()["users"] == 1
    # What it held can still be read.
    assert sandbox.iterable.counts()["users"] == 1


def test_secrets_are_in_no_repr():
    credentials = Credentials(
        netmera_keys=frozenset({"hush-1"}),
        clevertap_passcodes={"account": "hush-2"},
        iterable_keys=frozenset({"hush-3"}),
        moengage_keys={"workspace": "hush-4"},
        fynd_clients={"client": "hush-5"},
    )
    assert "hush" not in repr(credentials)
    assert "hush" not in repr(Sandbox(credentials=credentials))


def test_every_exported_name_exists_and_another_does_not():
    for name in netaudience.sandbox.__all__:
        assert getattr(netaudience.sandbox, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        netaudience.sandbox.nothing  # noqa: B018 - the access is the test


def test_the_sandbox_imports_nothing_of_the_library_outside_itself():
    for file in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                assert not name.startswith("netaudience") or name.startswith("netaudience.sandbox"), file


SECRETS = {
    "client_secret": "hidden-1",
    "nested": {"apiKey": 'hidden-"2', "Password": 4711, "x-passcode": "hidden-3"},
    "token": "of a device",
    "name": "secret",
}


@pytest.mark.asyncio
async def test_what_the_last_requests_carried_is_shown_without_secrets(running):
    async with running() as box:
        await box.post("tagUsers", SECRETS)
        shown = (await box.send("GET", "/_sandbox/requests/1")).json
        assert orjson.loads(shown["text"]) == {
            "client_secret": "…",
            "nested": {"apiKey": "…", "Password": "…", "x-passcode": "…"},
            "token": "of a device",
            "name": "secret",
        }
        assert shown["whole"]
        key = {"X-netmera-api-key": "sandbox"}
        await box.send("POST", "/netmera/rest/3.0/tagUsers", data=b"x" * 20_000, headers=key)
        cut = (await box.send("GET", "/_sandbox/requests/2")).json
        assert (cut["size"], len(cut["text"]), cut["whole"]) == (20_000, 16_384, False)
        form = {"grant_type": "client_credentials", "client_secret": "hidden-4"}
        await box.send("POST", "/netmera/rest/3.0/tagUsers", data=form, headers=key)
        assert (await box.send("GET", "/_sandbox/requests/3")).json["text"].endswith("client_secret=…")
        token = "/fynd/service/panel/authentication/v1.0/company/1/oauth/token"
        assert (await box.send("POST", token, json={"client": "hidden-5"})).status == 401
        assert (await box.send("GET", "/_sandbox/requests/4")).status == 404
        for _ in range(50):
            await box.post("tagUsers", {"tag": "Sport", "extIds": ["id1"]})
        assert (await box.send("GET", "/_sandbox/requests/1")).status == 404
        live = (await box.send("GET", "/_sandbox/live")).json
        assert all(entry["body"] for entry in live["last_requests"])
