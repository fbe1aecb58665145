"""`netaudience quotas`: who holds what, in sentences; a pause, its end, and what is wrong with the place."""

import asyncio
import json

import pytest

from netaudience.cli import main
from netaudience.model.limits import Quota, Window, assumed, per_second
from netaudience.quotas import SqliteQuotas

ASK = {
    "id": "web-1 4711 c0ffee", "epoch": "", "lease": 3.0, "in_flight": 2, "slots": 2, "idle": 0,
    "holds": [2, 2], "answered": [], "urgent": [], "bulk": [1, 1, 1], "ahead": 0.05, "successes": 0,
    "throttled": 0, "pause": 0.0, "alone": False,
}  # fmt: skip
ACCOUNT = "3fa21c9988776655"
DAY = Window(assumed(1000, "test"), 86_400.0)
QUOTA = Quota("fynd", (per_second(assumed(5, "test")), DAY), in_flight=assumed(4, "test"))


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETAUDIENCE_QUOTAS", raising=False)
    monkeypatch.setattr("netaudience.quotas.sqlite.clock", lambda: 1000.0)  # a slow machine changes nothing
    return tmp_path / "quotas.db"


def use(file, quota=QUOTA, **asked):
    async def go():
        store = SqliteQuotas(file)
        reply = await store.exchange(f"{ACCOUNT}/fynd", quota, {**ASK, **asked})
        await store.aclose()
        return reply

    return asyncio.run(go())


def test_it_says_who_holds_what(file, capsys):
    use(file)
    assert main(["quotas", "show", str(file)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        "fynd, account 3fa21c: 3 of 5 requests per second, 998 of 1000 requests per day, 2 of 4 at one time "
        "are free.\n  It is paused: nothing is sent for another "
    )
    assert (
        "Process 4711 on web-1 holds 2 and 2 tickets and 2 requests at one time, waits for more, and" in told
    )
    assert ACCOUNT not in told
    assert "c0ffee" not in told


def test_one_is_said_as_one(file, capsys):
    one = Quota("fynd", (per_second(assumed(5, "test")),), in_flight=assumed(4, "test"))
    use(file, one, holds=[1], slots=1, in_flight=1, bulk=[])
    assert main(["quotas", "show", str(file)]) == 0
    assert "Process 4711 on web-1 holds 1 ticket and 1 request at one time" in capsys.readouterr().out


def test_it_says_so_as_json_too(file, capsysbinary, monkeypatch):
    use(file)
    monkeypatch.setenv("NETAUDIENCE_QUOTAS", str(file))
    assert main(["quotas", "show", "--json"]) == 0
    (line,) = capsysbinary.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["windows"][0] == {"counts": "requests per second", "free": 3, "of": 5}
    (process,) = told["processes"]
    assert (process["host"], process["process"], process["tickets"]) == ("web-1", "4711", [2, 2])


def test_a_pause_holds_all_until_it_is_ended(file, capsys):
    use(file)
    assert main(["quotas", "pause", str(file), "--seconds", "90"]) == 0
    assert "Nothing is sent of 1 quota for 1 min 30 s" in capsys.readouterr().err
    assert 89 < use(file)["pause"] <= 90
    assert main(["quotas", "pause", str(file), "--seconds", "0"]) == 0
    assert use(file)["pause"] == 0


def test_what_is_cleared_counts_as_used(file, capsys):
    before = use(file)
    assert main(["quotas", "clear", str(file)]) == 0
    assert "1 quota is forgotten" in capsys.readouterr().err
    assert main(["quotas", "show", str(file)]) == 0
    assert "Nothing is kept" in capsys.readouterr().err

    async def go():
        store = SqliteQuotas(file)
        reply = await store.exchange(f"{ACCOUNT}/fynd", QUOTA, {**ASK, "epoch": before["epoch"]})
        (kept,) = await store.read()
        await store.aclose()
        return reply, kept

    reply, kept = asyncio.run(go())
    assert reply["epoch"] != before["epoch"]
    assert all(window["free"] <= 0 for window in kept.state["windows"])


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["show"], 2, "set NETAUDIENCE_QUOTAS"),
        (["show", "mongodb://u:hush-hush@cache/0"], 2, "no other kind of URL"),
        (["show", "redis://:hush-hush@127.0.0.1:9/0"], 1, "cannot be reached"),
        (["show", "redis://:hush-hush@127.0.0.1:port/0"], 2, "malformed"),
        (["show", "postgresql://u:hush-hush@127.0.0.1:9/d"], 1, "cannot be reached"),
        (["show", "postgresql://u:hush-hush@127.0.0.1:port/d"], 2, "malformed"),
        (["show", "none/quotas.db"], 1, "cannot be used"),
        (["pause", "quotas.db", "--seconds", "-1"], 2, "0 ends a pause"),
    ],
)
def test_what_is_wrong_is_told_without_a_password(file, capsys, words, code, sentence):
    assert main(["quotas", *words]) == code
    told = capsys.readouterr()
    assert sentence in told.err
    assert "hush-hush" not in told.err + told.out
    assert told.err.count("\n") == 1
