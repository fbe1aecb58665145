"""The store in a file: who names it shares it, and a file that cannot be used lets nothing out."""

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

import netaudience.sync
from netaudience import ConfigurationError, DeadlineExceeded, NetmeraClient, QuotasLost, Settings
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.model.limits import Quota, assumed, per_second
from netaudience.quotas import SqliteQuotas
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits, Window

ASK = {
    "id": "1", "epoch": "", "lease": 3.0, "in_flight": 0, "slots": 0, "idle": 0, "holds": [0], "answered": [],
    "urgent": [], "bulk": [1, 1, 1], "ahead": 0.05, "successes": 0, "throttled": 0, "pause": 0.0,
    "alone": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Nobody waits for those who may have known a state before."""
    monkeypatch.setattr("netaudience.quotas.step._SETTLING", 0.0)


def quota(rate=5):
    return Quota("test", (per_second(assumed(rate, "test")),), in_flight=assumed(8, "test"))


def test_what_one_is_lent_the_next_does_not_get(tmp_path):
    async def go():
        stores = [SqliteQuotas(tmp_path / "quotas.db") for _ in range(2)]
        replies = [
            await store.exchange("a/test", quota(3), {**ASK, "id": name, "ahead": 1.0})
            for store, name in zip(stores, "12", strict=True)
        ]
        for store in stores:
            await store.aclose()
        return replies

    first, second = asyncio.run(go())
    assert first["bulk"] == [0.0, 0.0, 0.0]
    assert second["bulk"] == []
    assert first["epoch"] == second["epoch"]


def test_the_file_holds_no_key(tmp_path):
    async def go():
        file = tmp_path / "quotas.db"
        settings = Settings(quotas=SqliteQuotas(file), deadline=0.2)
        async with NetmeraClient(
            "secret-key-of-shop", base_url="http://127.0.0.1:9", settings=settings
        ) as client:
            with pytest.raises(Exception, match="127"):
                await client.get_devices("someone-by-name")
        return b"".join(each.read_bytes() for each in tmp_path.iterdir())

    kept = asyncio.run(go())
    assert b"epoch" in kept
    assert b"secret-key" not in kept
    assert b"someone" not in kept


@pytest.mark.parametrize("spoilt", ["a folder", "no database", "a folder that is not there"])
def test_a_file_that_cannot_be_used_lets_nothing_out(tmp_path, caplog, spoilt):
    file = tmp_path / "quotas.db"
    if spoilt == "a folder":
        file.mkdir()
    elif spoilt == "no database":
        file.write_bytes(b"x" * 5000)
    else:
        file = tmp_path / "none" / "quotas.db"

    async def go():
        store = SqliteQuotas(file)
        with pytest.raises(QuotasLost, match="cannot be used"):
            await store.exchange("a/test", quota(), dict(ASK))
        limiter = RateLimiter(quota(), store, "a")
        with pytest.raises(DeadlineExceeded):
            await limiter.acquire(deadline=asyncio.get_running_loop().time() + 0.3)
        assert limiter.in_flight == 0
        await limiter.aclose()

    asyncio.run(go())
    assert "Nothing is sent until it is back" in caplog.text


def test_a_file_that_another_holds_is_waited_for_and_then_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("netaudience.quotas.sqlite.PATIENCE", 0.05)
    file = tmp_path / "quotas.db"

    async def go():
        store = SqliteQuotas(file)
        await store.exchange("a/test", quota(), dict(ASK))
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QuotasLost, match="held by another process"):
            await store.exchange("a/test", quota(), dict(ASK))
        other.execute("COMMIT")
        reply = await store.exchange("a/test", quota(), dict(ASK))
        state = json.loads(other.execute("SELECT state FROM quotas").fetchone()[0])
        other.close()
        await store.aclose()
        return reply, state

    reply, state = asyncio.run(go())
    assert reply["epoch"] == state["epoch"]


def test_the_environment_names_the_file_of_all(tmp_path):
    environ = {"NETAUDIENCE_NETMERA_API_KEY": "k" * 20, "NETAUDIENCE_QUOTAS": str(tmp_path / "quotas.db")}
    client = NetmeraClient.from_environment(environ=environ)
    assert client.settings.quotas == SqliteQuotas(tmp_path / "quotas.db")
    assert client.quota(NetmeraClient.operations()["tag_users"]).reserve == 0.1
    own = SqliteQuotas(tmp_path / "own.db", lease=5)
    assert (
        NetmeraClient.from_environment(settings=Settings(quotas=own), environ=environ).settings.quotas is own
    )
    with pytest.raises(ConfigurationError, match="no other kind of URL"):
        NetmeraClient.from_environment(environ={**environ, "NETAUDIENCE_QUOTAS": "mongodb://cache/0"})


def test_a_name_in_place_of_the_key_makes_two_keys_one_account():
    named = Settings(account="shop-tr")
    first, second = (NetmeraClient(key * 20, settings=named) for key in "kl")
    assert first.account == second.account
    assert first.account != NetmeraClient("k" * 20).account
    with pytest.raises(ConfigurationError, match="account is a name"):
        Settings(account=" ")


@pytest.mark.parametrize("lease", [0.1, 0, float("nan")])
def test_a_lease_is_long_enough_to_be_renewed(lease):
    with pytest.raises(ConfigurationError, match=r"at least 0\.5"):
        SqliteQuotas("quotas.db", lease=lease)


def test_blocking_clients_batchers_and_runs_of_many_loops_share_one_file(tmp_path):
    """Each on a loop of its own, two of them in threads: the vendor refuses nobody."""
    settings = Settings(rate=20, quotas=SqliteQuotas(tmp_path / "quotas.db"), account="shop-tr", max_rows=1)
    limits = {"netmera": SandboxLimits(windows=(Window(20, 1.0),))}

    with BackgroundSandbox(Sandbox(limits=limits)) as sandbox:
        url = sandbox.url("netmera")

        async def run(name):
            async with NetmeraClient("sandbox", base_url=url, settings=settings) as client:
                async with client.batcher(linger=0.01) as batcher:
                    for number in range(4):
                        await batcher.put(client.tag_users.given(tag="b"), f"{name}{number}")
                report = await client.tag_users([f"{name}{n}" for n in range(6)], tag="a").settled()
                return report.throttles

        def block():
            with netaudience.sync.NetmeraClient("sandbox", base_url=url, settings=settings) as client:
                return client.tag_users.settled([f"s{n}" for n in range(10)], tag="a").throttles

        with ThreadPoolExecutor() as pool:
            blocking = [pool.submit(block) for _ in range(2)]
            others = [pool.submit(asyncio.run, run(name)) for name in "xy"]
            throttles = [each.result() for each in blocking] + [each.result() for each in others]
        assert throttles == [0, 0, 0, 0]
