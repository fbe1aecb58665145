"""The page about consumers says what is so: its code runs, and its variables are those of the recipes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import subprocess
import sys

import attrs
import pytest
from event_streams import RECIPES, ROOT

from netaudience import NetmeraClient, Rejected
from netaudience.consumers import DeadLetter, DeadLetters, Progress, letter_of
from netaudience.errors import InvalidItem, Refused
from netaudience.sandbox import BackgroundSandbox, Sandbox

PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PATTERN, PROGRESS, OFFSETS, AGAIN = (text for language, text in BLOCKS if language == "python")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
    return tmp_path


def test_the_pattern_runs(folder, monkeypatch):
    acknowledged = []

    class Message:
        subject = "audience.1"

        def __init__(self, user):
            self.user = user

        async def ack(self):
            acknowledged.append(self.user)

    async def messages():
        for user in ("id1", "refused", "id2"):
            yield Message(user)
        async with asyncio.timeout(30):
            while len(acknowledged) < 3:  # while the stream goes on: it might have no end
                await asyncio.sleep(0.01)

    names = {}
    exec(PATTERN, names)
    with BackgroundSandbox(Sandbox(faults=["poison=refused"])) as sandbox:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
        asyncio.run(names["carry"](messages()))
        assert {name for name, user in sandbox.netmera.users.items() if user.tags} == {"id1", "id2"}
    assert acknowledged == ["id1", "refused", "id2"]
    assert [letter.row for letter in DeadLetter.read("dead-letters.jsonl")] == ["refused"]


def test_the_line_of_the_log_is_as_it_says(folder):
    code = [sys.executable, "-W", "error", "-c", PROGRESS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=False)
    first, *_ = done.stderr.splitlines()
    told = r"2 events settled \([\d.]+ a second\), 1 in hand, 118,204 behind, 0 dead letters"
    assert re.fullmatch(told, first), done.stderr


def test_a_broker_that_is_away_ends_nothing(folder, caplog):
    caplog.set_level("INFO", "netaudience.consumers.progress")

    async def behind():
        raise OSError("the broker is away")

    async def main():
        async with DeadLetters("letters") as dead_letters, Progress(dead_letters, behind, every=0.001):
            async with asyncio.timeout(30):
                while len(caplog.messages) < 2:
                    await asyncio.sleep(0.001)

    asyncio.run(main())
    assert "1 in hand" not in caplog.messages[0]
    assert "how many are behind is not known" in caplog.messages[1]


def test_what_it_says_about_offsets_is_so():
    exec(OFFSETS, {})


def test_dead_letters_are_sent_again_as_it_says(folder, monkeypatch):
    netmera = NetmeraClient("key")
    wrong = Refused("Netmera", 400, code=5016, vendor_message="user not found")

    async def fill():
        async with DeadLetters("dead-letters.jsonl") as dead_letters:
            await dead_letters.keep(Rejected(0, "id1", wrong), netmera.tag_users.given(tag="Sport"), "a:1")
            row = {"extId": "id2", "profile": {"city": "İzmir"}}
            await dead_letters.keep(Rejected(1, row, wrong), netmera.set_profile_attributes, "a:2")
            await dead_letters.keep(Rejected(2, b"?", InvalidItem("It is none")), None, "a:3")
            await dead_letters.keep(Rejected(3, "no", wrong), netmera.untag_users.given(tag="Sport"), "a:4")

    asyncio.run(fill())
    (folder / "again.py").write_text(AGAIN, encoding="utf-8")
    with BackgroundSandbox(Sandbox(faults=["poison=no"])) as sandbox:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
        runpy.run_path("again.py")
        users = sandbox.netmera.users
        assert users["id1"].tags == {"Sport"}
        assert users["id2"].profile == {"city": "İzmir"}
    assert [(one.row, one.reference) for one in DeadLetter.read("still-dead.jsonl")] == [("no", "a:4")]


def test_the_line_on_the_page_is_one():
    (line,) = (text for language, text in BLOCKS if language == "json")
    told = json.loads(line)
    reason = Refused("Netmera", told["status"], code=told["code"], vendor_message=told["message"])
    given = NetmeraClient("key").tag_users.given(**told["arguments"])
    outcome = Rejected(told["position"], told["row"], reason, told["key"])
    letter = attrs.evolve(letter_of(outcome, given, told["reference"]), time=told["time"])
    assert letter.to_line() == line.encode()


def test_every_variable_on_the_page_is_a_recipes_and_its_default_is_so():
    sources = {path.name: path.read_text(encoding="utf-8") for path in RECIPES.glob("*.py")}
    assert set(re.findall(r"examples/consumers/(\w+\.py)", PAGE)) == set(sources)
    for name, default in re.findall(r"^\| `([A-Z_]+)` \| ([\w.-]*) *\|", PAGE, re.MULTILINE):
        having = [source for source in sources.values() if f'get("{name}"' in source]
        assert having, name
        for source in having:
            assert f'get("{name}"' + (f', "{default}")' if default else ")") in source


def test_the_recipes_read_events_alike():
    sources = [path.read_text(encoding="utf-8") for path in RECIPES.glob("*.py")]
    assert len({source.partition("def operation_of")[2].partition("\n\n\n")[0] for source in sources}) == 1
