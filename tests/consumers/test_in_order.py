"""Events that a broker hands over one by one, and the RabbitMQ recipe with FastStream's own test broker."""

from __future__ import annotations

import asyncio
import importlib.util
from types import SimpleNamespace
from unittest.mock import AsyncMock

import faststream.rabbit.testing
import pytest
from event_streams import RECIPES, REFUSED, UNREADABLE, vendor
from faststream import TestApp
from faststream.rabbit import TestRabbitBroker
from faststream.rabbit.message import RabbitMessage

from netaudience import NetmeraClient, RetryPolicy, Settings
from netaudience.consumers import DeadLetter, DeadLetters, InOrder, Progress


class Line:
    """A line with its parts, and what was acknowledged."""

    def __init__(self, url, path, **settings) -> None:
        self.netmera = NetmeraClient("sandbox", base_url=url, settings=Settings(rate=1000, **settings))
        self.letters = DeadLetters(path)
        self.acknowledged: list[str] = []
        self.gave_up = 0

    async def __aenter__(self):
        await self.netmera.__aenter__()
        await self.letters.__aenter__()
        self.sink = await self.netmera.batcher(linger=0.01).__aenter__()
        self.line = InOrder(self.sink, self.letters, Progress(self.letters, None), self.give_up)
        await self.line.__aenter__()
        return self

    async def __aexit__(self, *error) -> None:
        await self.line.__aexit__(*error)
        await self.sink.aclose()
        await self.letters.aclose()
        await self.netmera.aclose()

    def give_up(self) -> None:
        self.gave_up += 1

    async def take(self, user, **given) -> None:
        async def acknowledge():
            self.acknowledged.append(user)

        def read(body):
            return self.netmera.tag_users.given(tag="vip"), body.decode()

        await self.line.take(given.get("read", read), user.encode(), given.get("ack", acknowledge), user)


def test_the_end_waits_for_what_is_in_hand_and_takes_no_more(tmp_path):
    async def main(url):
        async with Line(url, tmp_path / "letters") as it:
            for user in ("id1", REFUSED, "id2"):
                await it.take(user)
            await it.line.end()
            assert it.acknowledged == ["id1", REFUSED, "id2"]
            await it.take("id3")
            await it.line.end()
        assert (it.gave_up, it.line.problem) == (0, "")
        return it.acknowledged

    with vendor(f"poison={REFUSED}") as (sandbox, _):
        assert asyncio.run(main(sandbox.url("netmera"))) == ["id1", REFUSED, "id2"]
        assert "id3" not in sandbox.netmera.users
    assert [letter.reference for letter in DeadLetter.read(tmp_path / "letters")] == [REFUSED]


@pytest.mark.parametrize("what", ["the vendor", "the acknowledgement", "the reading"])
def test_after_an_event_that_is_not_settled_nothing_newer_is_acknowledged(what, tmp_path):
    async def broken(*_):
        raise OSError("the connection is lost")

    def mistaken(_):
        raise KeyError("a bug of whoever reads")

    given = {"the acknowledgement": {"ack": broken}, "the reading": {"read": mistaken}}.get(what, {})

    async def main(url):
        async with Line(url, tmp_path / "letters", retry=RetryPolicy(attempts=1)) as it:
            await it.take("id1")
            await it.sink.flush()
            await it.take("down-1", **given)
            await it.take("id2")
            await it.take("id3")
        return it

    with vendor("status=503,ids=down-1") as (sandbox, _):
        it = asyncio.run(main(sandbox.url("netmera")))
    assert it.acknowledged == ["id1"]
    assert it.gave_up == 1
    assert it.line.problem.startswith("Event down-1 ")


def test_the_recipe_of_rabbitmq_goes_by_the_numbers_of_deliveries(monkeypatch, tmp_path):
    acknowledged = []
    made = faststream.rabbit.testing.build_message

    async def numbered(*args, **options):
        message = await made(*args, **options)
        object.__setattr__(message, "delivery_tag", options["headers"].get("number"))
        return message

    async def ack(self, multiple=False):
        acknowledged.append(self.raw_message.delivery_tag)

    monkeypatch.setattr(faststream.rabbit.testing, "build_message", numbered)
    monkeypatch.setattr(RabbitMessage, "ack", ack)
    connection = SimpleNamespace(close_callbacks=set())
    monkeypatch.setattr(TestRabbitBroker, "_fake_connect", AsyncMock(return_value=connection))
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
    monkeypatch.setenv("DEAD_LETTERS", str(tmp_path / "letters"))
    monkeypatch.setenv("LINGER", "0.01")

    async def main(recipe):
        async with TestRabbitBroker(recipe.broker) as broker, TestApp(recipe.app):

            async def publish(number, body):
                await broker.publish(body, "audience", headers={"number": number})

            await publish(2, b'{"user": "customer-1", "tag": "second"}')
            await publish(1, b'{"user": "customer-1", "untag": "second"}')
            await publish(3, UNREADABLE)
            assert connection.close_callbacks == {recipe.carrier.lost}
            await recipe.carrier.end()
            assert not connection.close_callbacks  # with nothing in hand it may close

    with vendor() as (sandbox, _):
        sandbox.seed("netmera", {"users": [{"extId": "customer-1"}]})
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
        spec = importlib.util.spec_from_file_location("rabbitmq_recipe", RECIPES / "faststream_rabbitmq.py")
        recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recipe)
        asyncio.run(main(recipe))
        assert sandbox.netmera.users["customer-1"].tags == {"second"}
    assert acknowledged == [1, 2, 3]
    (letter,) = DeadLetter.read(tmp_path / "letters")
    assert letter.row == UNREADABLE.decode()
