"""The Kafka recipe against a broker played with the client's own types: kills, rebalances, failed commits."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
from collections import defaultdict

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.util import commit_structure_validate
from event_streams import FAULTS, RECIPES, UNREADABLE, Notes, vendor

from netaudience import InvalidItem, NetmeraClient, RetryPolicy, Settings
from netaudience.consumers import DeadLetter, DeadLetters

TOPIC = "audience"
ONE, TWO = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)


@pytest.fixture
def kafka(monkeypatch):
    """Return the recipe as a module."""
    monkeypatch.setenv("LINGER", "0.02")
    monkeypatch.setenv("MAX_PENDING", "300")
    spec = importlib.util.spec_from_file_location("kafka_recipe", RECIPES / "kafka.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    monkeypatch.setattr(recipe, "PAGE", 50)
    return recipe


class Broker:
    """Partitions, what a group has committed, and how the vendor's notes stood then."""

    def __init__(self) -> None:
        self.log: dict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        self.committed: dict[TopicPartition, int] = {}
        self.commits: list[dict[TopicPartition, int]] = []

    def append(self, partition: TopicPartition, body: bytes, gap: int = 1) -> None:
        log = self.log[partition]
        offset = log[-1].offset + gap if log else 1000
        log.append(
            ConsumerRecord(
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                timestamp=0,
                timestamp_type=0,
                key=None,
                value=body,
                checksum=None,
                serialized_key_size=-1,
                serialized_value_size=len(body),
                headers=(),
            )
        )

    def fill(self, count: int, users: int = 60) -> dict[str, int]:
        """Append events of users to two partitions, with gaps; return each user's last number."""
        last: dict[str, int] = {}
        for number in range(count):
            user = number * 7 % users
            event = {"user": f"customer-{user}", "set": {"n": number}}
            self.append((ONE, TWO)[user % 2], json.dumps(event).encode(), gap=1 + number % 3)
            last[event["user"]] = number
        return last

    def ends(self) -> dict[TopicPartition, int]:
        return {partition: log[-1].offset + 1 for partition, log in self.log.items()}


class Member:
    """A consumer of the group, as much of it as a recipe uses."""

    def __init__(self, broker: Broker, *partitions: TopicPartition) -> None:
        self.broker = broker
        self._assigned = set(partitions)
        self._positions: dict[TopicPartition, int] = {}
        self.commit_fails: list[Exception] = []
        self._balanced = asyncio.Event()
        self._balanced.set()

    def subscribe(self, topics, listener) -> None:
        assert topics == [TOPIC]
        self.listener = listener

    async def getmany(self, *, timeout_ms=0, max_records=None):
        await asyncio.sleep(0)
        await self._balanced.wait()  # as the client does, however long that takes
        found, room = {}, max_records // max(1, len(self._assigned))
        for partition in sorted(self._assigned):
            position = self._positions.get(partition, self.broker.committed.get(partition, 0))
            records = [record for record in self.broker.log[partition] if record.offset >= position][:room]
            if records:
                found[partition] = records
                self._positions[partition] = records[-1].offset + 1
        if not found:
            await asyncio.sleep(timeout_ms / 10_000)
        return found  # at once, with no rebalance in between, as the client does

    async def commit(self, offsets) -> None:
        for partition in commit_structure_validate(offsets):
            if partition not in self._assigned:
                raise IllegalStateError(f"Partition {partition} is not assigned")
        await asyncio.sleep(0)
        if self.commit_fails:
            raise self.commit_fails.pop(0)
        self.broker.commits.append(dict(offsets))
        self.broker.committed.update(offsets)

    async def rebalance(self, *partitions: TopicPartition) -> None:
        self._balanced.clear()
        await self.listener.on_partitions_revoked(frozenset(self._assigned))
        self._assigned = set(partitions)
        self._positions.clear()
        await self.listener.on_partitions_assigned(frozenset(self._assigned))
        self._balanced.set()


def test_the_broker_is_asked_as_the_client_is():
    for name in ("subscribe", "getmany", "commit"):
        theirs = inspect.signature(getattr(AIOKafkaConsumer, name)).parameters
        assert set(inspect.signature(getattr(Member, name)).parameters) <= set(theirs)


class Life:
    """One life of the recipe's process."""

    def __init__(self, kafka, member, url, path, **settings) -> None:
        self.netmera = NetmeraClient("sandbox", base_url=url, settings=Settings(rate=1000, **settings))
        self.letters = DeadLetters(path)
        self.consumer = kafka.Consumer(self.netmera, self.letters, member)

    async def __aenter__(self):
        await self.netmera.__aenter__()
        await self.letters.__aenter__()
        self.task = asyncio.create_task(self.consumer.run())
        return self

    async def __aexit__(self, *error) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait((self.task,))
        await self.letters.aclose()
        await self.netmera.aclose()

    async def until(self, condition) -> None:
        async with asyncio.timeout(30):
            while not condition():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.002)

    async def stopped(self) -> None:
        self.consumer.stop.set()
        await self.task


def assert_in_order(notes: Notes, last: dict[str, int]) -> None:
    for user, number in last.items():
        told = notes.history[user]
        newest, life = -1, 0
        for then, request in told:
            if then != life:
                newest, life = -1, then
            assert request == sorted(request)
            assert request[-1] >= newest
            newest = request[-1]
        assert newest == number


def test_what_is_committed_is_the_offset_to_go_on_from(kafka, tmp_path):
    broker = Broker()
    last = broker.fill(2000)

    async def main(url):
        async with Life(kafka, Member(broker, ONE, TWO), url, tmp_path / "letters") as life:
            await life.until(lambda: broker.committed == broker.ends())
            await life.stopped()

    with vendor(*FAULTS) as (sandbox, notes):
        asyncio.run(main(sandbox.url("netmera")))
        assert_in_order(notes, last)
    for partition, log in broker.log.items():
        known = {record.offset for record in log} | {log[-1].offset + 1}
        assert {commit[partition] for commit in broker.commits if partition in commit} <= known
        assert log[-1].offset + 1 == broker.committed[partition]


def test_a_consumer_that_is_dropped_begins_again_at_what_was_committed(kafka, tmp_path):
    broker = Broker()
    last = broker.fill(3000)

    async def main(url, notes):
        for life_ended_at in (700, 1500, None):
            notes.life += 1
            async with Life(kafka, Member(broker, ONE, TWO), url, tmp_path / "letters") as life:
                if life_ended_at is None:
                    await life.until(lambda: broker.committed == broker.ends())
                    await life.stopped()
                else:
                    await life.until(lambda wanted=life_ended_at: notes.total >= wanted)
                    life.task.cancel()
            applied = notes.seen()
            for partition, resume in broker.committed.items():
                for record in broker.log[partition]:
                    assert record.offset >= resume or json.loads(record.value)["set"]["n"] in applied

    with vendor(*FAULTS) as (sandbox, notes):
        asyncio.run(main(sandbox.url("netmera"), notes))
        assert_in_order(notes, last)


def test_a_rebalance_waits_for_what_is_in_hand_and_nobody_applies_it_twice(kafka, tmp_path):
    broker = Broker()
    last = broker.fill(3000)

    async def main(url, notes):
        first, second = Member(broker, ONE, TWO), Member(broker)
        async with (
            Life(kafka, first, url, tmp_path / "letters") as one,
            Life(kafka, second, url, tmp_path / "others") as two,
        ):
            await one.until(lambda: notes.total >= 500)
            await first.rebalance(ONE)
            assert one.consumer.tracker.pending(TWO) == 0
            handed_over = broker.committed[TWO]
            await second.rebalance(TWO)
            await two.until(lambda: broker.committed == broker.ends())
            await one.stopped()
            await two.stopped()
        return handed_over

    with vendor("latency=0.002,jitter=0.01") as (sandbox, notes):
        assert 1000 < asyncio.run(main(sandbox.url("netmera"), notes)) < broker.ends()[TWO]
        assert_in_order(notes, last)
        assert notes.total == 3000


@pytest.mark.parametrize("error", [CommitFailedError("rebalanced"), IllegalStateError("not assigned")])
def test_a_commit_that_fails_is_made_good_by_the_next(kafka, tmp_path, error):
    broker = Broker()
    broker.fill(500)
    member = Member(broker, ONE, TWO)
    member.commit_fails = [error, error]

    async def main(url):
        async with Life(kafka, member, url, tmp_path / "letters") as life:
            await life.until(lambda: broker.committed == broker.ends())
            await life.stopped()

    with vendor() as (sandbox, _):
        asyncio.run(main(sandbox.url("netmera")))
    assert member.commit_fails == []


def test_a_failed_last_commit_is_made_good_when_it_stops(kafka, tmp_path):
    broker = Broker()
    broker.fill(20)
    member = Member(broker, ONE, TWO)
    member.commit_fails = [CommitFailedError("rebalanced")]

    async def main(url, notes):
        async with Life(kafka, member, url, tmp_path / "letters") as life:
            await life.until(lambda: not member.commit_fails)
            await life.stopped()

    with vendor() as (sandbox, notes):
        asyncio.run(main(sandbox.url("netmera"), notes))
    assert broker.committed == broker.ends()


def test_an_event_that_is_not_delivered_is_not_committed_and_ends_the_process(kafka, tmp_path):
    broker = Broker()
    broker.fill(10)

    async def main(url):
        hasty = RetryPolicy(attempts=2, first_wait=0.01)
        async with Life(kafka, Member(broker, ONE, TWO), url, tmp_path / "letters", retry=hasty) as life:
            with pytest.raises(ExceptionGroup) as raised:
                await life.task
        return raised.value

    with vendor("status=503") as (sandbox, _):
        group = asyncio.run(main(sandbox.url("netmera")))
    (error,) = group.exceptions
    assert isinstance(error, kafka.ComesAgain)
    assert "was not delivered" in str(error)
    assert broker.committed == {}


def recipe_of(name):
    spec = importlib.util.spec_from_file_location(f"{name}_recipe", RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("recipe", ["kafka", "nats_jetstream", "redis_streams"])
def test_a_foreign_cancellation_ends_the_recipe_and_hangs_nobody(recipe):
    module = recipe_of(recipe)
    consumer = object.__new__(module.Consumer)

    async def main():
        consumer.pages = asyncio.Queue()
        given_up = asyncio.get_running_loop().create_future()
        given_up.cancel()
        fields = dict.fromkeys(module.Event._fields, b"1-0") | {"outcome": given_up}
        await consumer.pages.put([module.Event(**fields)])
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            tasks.create_task(consumer.settle_pages())
            await asyncio.Event().wait()  # as one that waits for room in the queue

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    (error,) = raised.value.exceptions
    assert isinstance(error, module.ComesAgain)


@pytest.mark.parametrize(
    "recipe", ["kafka", "nats_jetstream", "redis_streams", "faststream_nats", "faststream_rabbitmq"]
)
@pytest.mark.parametrize(
    "body", [b'{"user": "u", "set": {"n": 1}, "tag": "vip"}', b'{"user": "u", "tag": "a", "untag": "b"}']
)
def test_an_event_of_several_changes_loses_none_of_them(recipe, body):
    module = recipe_of(recipe)
    netmera = NetmeraClient("sandbox")
    with pytest.raises(InvalidItem, match="several changes"):  # which makes a dead letter of it, whole
        module.operation_of(netmera, body)
    given, item = module.operation_of(netmera, b'{"user": "u", "tag": "vip", "time": 1}')
    assert (given.operation.name, item) == ("tag_users", "u")
    page = (RECIPES.parent.parent / "consumers.md").read_text(encoding="utf-8")
    shown = [line.encode() for line in page.splitlines() if line.startswith('{"user"')]
    names = [module.operation_of(netmera, line)[0].operation.name for line in shown]
    assert names == ["set_profile_attributes", "tag_users", "untag_users"]


def test_a_rebalance_does_not_wait_for_a_consumer_that_has_failed(kafka, tmp_path):
    broker = Broker()
    broker.fill(10)
    member = Member(broker, ONE, TWO)

    async def main(url):
        hasty = RetryPolicy(attempts=2, first_wait=0.01)
        async with Life(kafka, member, url, tmp_path / "letters", retry=hasty) as life:
            await life.until(lambda: life.consumer.tracker.pending(ONE))
            await member.rebalance(ONE)
            with pytest.raises(ExceptionGroup):
                await life.task

    with vendor("status=503") as (sandbox, _):
        asyncio.run(main(sandbox.url("netmera")))
    assert broker.committed == {}


def test_what_cannot_be_read_is_a_dead_letter_and_is_committed(kafka, tmp_path):
    broker = Broker()
    broker.append(ONE, UNREADABLE)
    broker.append(ONE, b'{"user": "customer-1", "tag": "vip"}', gap=5)
    broker.append(ONE, b"")

    async def main(url):
        async with Life(kafka, Member(broker, ONE), url, tmp_path / "letters") as life:
            await life.until(lambda: broker.committed == broker.ends())
            await life.stopped()

    with vendor() as (sandbox, _):
        asyncio.run(main(sandbox.url("netmera")))
        assert sandbox.netmera.users["customer-1"].tags == {"vip"}
    assert [letter.reference for letter in DeadLetter.read(tmp_path / "letters")] == [
        "audience/0:1000",
        "audience/0:1006",
    ]
