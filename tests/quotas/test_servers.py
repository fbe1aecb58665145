"""The stores on real servers: what they answer, who shares them, and what is reported where they fail."""

import asyncio
import math
import pickle
import random
import traceback

import pytest
from redis.asyncio import Redis
from store_servers import postgresql_server, redis_server

from netaudience import ConfigurationError, QuotasLost
from netaudience.model.limits import Quota, Window, assumed
from netaudience.quotas import PostgresqlQuotas, RedisQuotas, SqliteQuotas, quotas_at
from netaudience.quotas.redis import _facts, _packed, _unpacked
from netaudience.quotas.step import exchange

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def postgresql():
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["redis", "postgresql", "sqlite"])
def where(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "quotas.db")
    return request.getfixturevalue(request.param).url


def quota(draw):
    windows = tuple(
        Window(
            assumed(draw.choice([0.5, 3, 7, 50, 2.5]), "test"),
            draw.choice([1.0, 60.0]),
            draw.choice(["requests", "records"]),
            draw.choice([None, assumed(0.9, "test")]),
        )
        for _ in range(draw.choice([0, 1, 1, 2]))
    )
    ceiling = assumed(100, "test") if len(windows) == 1 and draw.random() < 0.4 else None
    reserve = draw.choice([0.0, 0.1, 0.4])
    return Quota("test", windows, assumed(draw.choice([1, 4, 20]), "test"), ceiling, reserve)


class Teller:
    """A process that tells whatever comes into its mind, not always the truth."""

    def __init__(self, name, windows):
        self.name, self.windows = name, windows
        self.epoch, self.slots, self.holds = "", 0, 0

    def ask(self, draw):
        numbers = lambda: [draw.randrange(4) for _ in range(self.windows)]  # noqa: E731
        return {
            "id": self.name, "epoch": self.epoch if draw.random() < 0.95 else "other", "lease": 3.0,
            "in_flight": draw.randrange(3), "slots": max(0, self.slots - draw.randrange(2)),
            "idle": draw.randrange(2),
            "holds": [max(0, self.holds - draw.randrange(3)) for _ in range(self.windows)],
            "answered": [
                (draw.choice([0.01, 0.02, 0.9, 70.0, -1.0]), numbers()) for _ in range(draw.randrange(3))
            ],
            "urgent": [draw.randrange(1, 4) for _ in range(draw.randrange(3))],
            "bulk": [draw.randrange(1, 60) for _ in range(draw.randrange(6))],
            "ahead": draw.choice([0.05, 0.2]), "successes": draw.randrange(3),
            "throttled": int(draw.random() < 0.1), "pause": draw.choice([0.0] * 10 + [0.3]),
            "alone": draw.random() < 0.03,
        }  # fmt: skip

    def hear(self, reply):
        self.epoch, self.slots = reply["epoch"], reply["slots"]
        self.holds = len(reply["urgent"]) + len(reply["bulk"])


@pytest.mark.parametrize("seeds", [range(150), range(150, 300)])
def test_the_script_answers_what_the_step_answers(redis, seeds):
    async def go():
        async with Redis.from_url(redis.url) as server:
            script = server.register_script(RedisQuotas(redis.url)._script)
            for seed in seeds:
                draw = random.Random(seed)
                shared, state, now = quota(draw), None, 1_700_000_000.0
                tellers = [Teller(name, len(shared.windows)) for name in "abc"]
                await server.delete("{test}")
                for turn in range(60):
                    now += draw.choice([0.0, 0.001, 0.05, 0.4, 4.0]) * draw.random()
                    if draw.random() < 0.02:
                        now -= 100.0
                    if draw.random() < 0.02:
                        state = None
                        await server.delete("{test}")
                    teller = draw.choice(tellers)
                    ask, epoch = teller.ask(draw), f"{seed}-{turn}"
                    words = [_packed(_facts(shared)), _packed({**ask, "now": now}), epoch, 60_000]
                    answer = _unpacked(await script(keys=["{test}"], args=words))
                    answer.setdefault("again", None)
                    state, reply = exchange(state, now, shared, ask, epoch=epoch)
                    assert answer == reply, (seed, turn)
                    teller.hear(reply)
                    left = _unpacked(await server.get("{test}"))
                    left["leases"] = left["leases"] or {}
                    for window in [*left["windows"], *state["windows"]]:
                        window["back"] = [tuple(each) for each in window["back"]]
                    assert left == state, (seed, turn)

    asyncio.run(go())


ASK = {
    "id": "shop 1 a", "epoch": "", "lease": 3.0, "in_flight": 0, "slots": 0, "idle": 0, "holds": [0],
    "answered": [], "urgent": [], "bulk": [1, 1, 1], "ahead": 1.0, "successes": 0, "throttled": 0,
    "pause": 0.0, "alone": False,
}  # fmt: skip
THREE = Quota("test", (Window(assumed(3, "test"), 2.0),), in_flight=assumed(8, "test"))


async def granted(store, key, **more):
    """Exchange after nobody is waited for any more."""
    await store.exchange(key, THREE, {**ASK, "bulk": []})
    await asyncio.sleep(1.05)
    return await store.exchange(key, THREE, {**ASK, **more})


def test_what_one_is_lent_the_next_does_not_get_in_any_loop(where):
    async def first():
        store = quotas_at(where)
        reply = await granted(store, "a/first")
        await store.aclose()
        return reply

    async def second(store):
        reply = await store.exchange("a/first", THREE, {**ASK, "id": "shop 2 b"})
        await store.aclose()
        return reply

    reply = asyncio.run(first())
    assert reply["bulk"] == [0.0, 0.0, 0.0]
    assert reply["slots"] == 3
    assert math.isclose(reply["rate"], 3)
    store = quotas_at(where)
    for _ in range(2):  # the second loop finds what the first has left
        again = asyncio.run(second(store))
        assert again["bulk"] == []
        assert again["epoch"] == reply["epoch"]


def test_it_is_read_paused_and_cleared(where):
    async def go():
        store = quotas_at(where)
        await store.clear()
        assert await store.read() == []
        await granted(store, "abc/test")
        (kept,) = await store.read()
        assert await store.pause(60) == 1
        paused = await store.exchange("abc/test", THREE, {**ASK, "id": "shop 2 b"})
        assert await store.pause(0) == 1
        ended = await store.exchange("abc/test", THREE, {**ASK, "id": "shop 2 b"})
        assert await store.clear() == 1
        lost = await store.exchange("abc/test", THREE, {**ASK, "epoch": kept.state["epoch"]})
        await store.aclose()
        return kept, paused, ended, lost

    kept, paused, ended, lost = asyncio.run(go())
    assert (kept.account, kept.quota) == ("abc", "test")
    assert kept.state["leases"]["shop 1 a"]["out"] == [3]
    assert 0 < kept.state["leases"]["shop 1 a"]["until"] - kept.now <= 3
    assert 59 < paused["pause"] <= 60
    assert ended["pause"] == 0
    assert lost["epoch"] != kept.state["epoch"]
    assert lost["bulk"] == []


def test_other_figures_are_refused_in_every_store(where):
    async def go():
        store = quotas_at(where)
        await store.exchange("a/other", THREE, {**ASK, "holds": [1]})
        more = Quota("test", (Window(assumed(4, "test"), 2.0),), in_flight=assumed(8, "test"))
        with pytest.raises(ConfigurationError, match="with other figures"):
            await store.exchange("a/other", more, {**ASK, "id": "shop 2 b"})
        await store.aclose()

    asyncio.run(go())


def test_a_script_that_the_server_has_forgotten_is_sent_again(redis):
    async def go():
        store = RedisQuotas(redis.url)
        await store.exchange("a/script", THREE, dict(ASK))
        async with store._server() as server:
            await server.script_flush()
        reply = await store.exchange("a/script", THREE, dict(ASK))
        await store.aclose()
        return reply

    assert asyncio.run(go())["epoch"]


def test_a_server_that_is_gone_is_lost_and_found(tmp_path):
    with redis_server(tmp_path) as server:
        store = RedisQuotas(server.url)

        async def go():
            await store.exchange("a/gone", THREE, dict(ASK))
            server.kill()
            with pytest.raises(QuotasLost, match="cannot be reached"):
                await store.exchange("a/gone", THREE, dict(ASK))
            server.start()
            reply = await store.exchange("a/gone", THREE, {**ASK, "epoch": "before"})
            await store.aclose()
            return reply

        assert asyncio.run(go())["bulk"] == []


def test_a_database_that_is_gone_is_lost_and_found(postgresql):
    store = PostgresqlQuotas(postgresql.url)

    async def go():
        await store.exchange("a/gone", THREE, dict(ASK))
        postgresql.stop()
        with pytest.raises(QuotasLost, match="cannot be reached"):
            await store.exchange("a/gone", THREE, dict(ASK))
        postgresql.start()
        reply = await store.exchange("a/gone", THREE, {**ASK, "epoch": "before"})
        await store.aclose()
        return reply

    assert asyncio.run(go())["bulk"] == []


def told(error):
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_a_password_that_is_refused_is_a_mistake_and_is_not_shown(request, kind):
    url = request.getfixturevalue(kind).url.replace("pass-of", "wrong-word")

    async def go():
        store = quotas_at(url)
        assert "wrong-word" not in repr(store)
        with pytest.raises(ConfigurationError, match="refuses the user") as caught:
            await store.exchange("a/test", THREE, dict(ASK))
        await store.aclose()
        return told(caught.value)

    assert "wrong-word" not in asyncio.run(go())


def test_exchanges_of_many_tasks_keep_their_turn(where):
    async def go():
        store = quotas_at(where)
        await store.exchange("a/many", THREE, {**ASK, "bulk": []})
        await asyncio.sleep(1.05)
        replies = await asyncio.gather(
            *(store.exchange("a/many", THREE, {**ASK, "id": f"shop {n} x"}) for n in range(20))
        )
        await store.aclose()
        return sum(len(reply["bulk"]) for reply in replies)

    assert asyncio.run(go()) == 3


def test_two_that_name_one_server_are_one_and_are_not_pickled(redis):
    assert RedisQuotas(redis.url) == quotas_at(redis.url) != RedisQuotas(redis.url, lease=5)
    assert hash(RedisQuotas(redis.url)) == hash(quotas_at(redis.url))
    assert quotas_at("postgresql://u:p@h/d") == PostgresqlQuotas("postgresql://u:p@h/d")
    for store in (quotas_at(redis.url), quotas_at("postgresql://u:p@h/d")):
        with pytest.raises(ConfigurationError, match="not pickled"):
            pickle.dumps(store)
    file = SqliteQuotas("quotas.db", when_lost="share", share=0.5)
    assert pickle.loads(pickle.dumps(file)) == file
