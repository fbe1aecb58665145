"""Kafka to Netmera: every event at least once, each user's in the order of its partition.

Copy it and change `operation_of`. The producer keys its events by user, so that one user's are in one
partition. Run as many processes as there are partitions at most, under something that starts them again when
they end with an error: they then begin at the first event that is not committed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Outcome, Rejected, Settings
from netaudience.consumers import DeadLetters, Given, OffsetTracker, Progress, Taken

SERVERS = os.environ.get("KAFKA_SERVERS", "127.0.0.1:9092")
TOPIC = os.environ.get("TOPIC", "audience")
GROUP = os.environ.get("GROUP", "netmera")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events in hand at most: as many as fill the requests of a few seconds. A crash makes them come again.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
#: The longest that an event waits for others to fill its request, in seconds.
LINGER = float(os.environ.get("LINGER", "0.2"))
RATE = os.environ.get("RATE")
#: Seconds from one line of the log to the next: how fast it goes, and how far it is behind.
TELL_EVERY = float(os.environ.get("TELL_EVERY", "60"))
#: Seconds that the group waits for this process when events are held up.
LONGEST_WAIT = int(os.environ.get("LONGEST_WAIT", "1200"))
#: Events read at once. What is in hand is one page read, eight that wait for the vendor, and one settled.
PAGE = max(1, MAX_PENDING // 10)

Records = Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]

log = logging.getLogger(__name__)


def operation_of(netmera: NetmeraClient, body: bytes) -> tuple[Given, object]:
    """Return the operation with its arguments, and the item, that an event means."""
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    match event:
        case dict() if len({"set", "tag", "untag"} & event.keys()) > 1:
            raise InvalidItem("The event holds several changes, of which one would be lost: write one each")
        case {"user": str(user), "set": dict(profile)}:
            return netmera.set_profile_attributes, {"extId": user, "profile": profile}
        case {"user": str(user), "tag": str(tag)} if tag:
            return netmera.tag_users.given(tag=tag), user
        case {"user": str(user), "untag": str(tag)} if tag:
            return netmera.untag_users.given(tag=tag), user
    raise InvalidItem("The event is none of those that this consumer knows")


class ComesAgain(Exception):
    """An event is not settled: go back to the first that is not committed."""


class Event(NamedTuple):
    """An event in hand."""

    taken: Taken
    given: Given
    outcome: asyncio.Future[Outcome[object]]
    reference: str


class Consumer(ConsumerRebalanceListener):
    """Carries the events of the partitions that this process has, each partition's in order."""

    def __init__(self, netmera: NetmeraClient, dead_letters: DeadLetters, kafka: AIOKafkaConsumer) -> None:
        self.netmera = netmera
        self.dead_letters = dead_letters
        self.kafka = kafka
        self.stop = asyncio.Event()
        self.tracker: OffsetTracker[TopicPartition] = OffsetTracker()
        self.pages: asyncio.Queue[list[Event]] = asyncio.Queue(8)
        #: Held while events are taken in, so that none is when partitions are taken away.
        self.taking = asyncio.Lock()
        self.sink = netmera.batcher(linger=LINGER, max_pending=MAX_PENDING)
        self.progress = Progress(dead_letters, self.behind, every=TELL_EVERY)
        self.settling: asyncio.Task[None]

    async def run(self) -> None:
        """Consume until `stop` is set, then settle and commit what is in hand."""
        self.kafka.subscribe([TOPIC], listener=self)
        async with self.sink, self.progress, asyncio.TaskGroup() as tasks:
            self.settling = tasks.create_task(self.settle_pages())
            while not self.stop.is_set():
                # It waits for a rebalance to end, whatever its timeout is, and the rebalance may wait for us.
                records = await self.kafka.getmany(timeout_ms=500, max_records=PAGE)
                async with self.taking:
                    await self.take(records)
            await self.settle_all()
            self.settling.cancel()

    async def take(self, records: Records) -> None:
        """Hand records to the batcher; one that cannot be read is a dead letter at once."""
        page: list[Event] = []
        for record in chain.from_iterable(records.values()):
            taken = self.tracker.take(TopicPartition(record.topic, record.partition), record.offset)
            if taken is None:
                continue
            self.progress.taken += 1
            reference = f"{record.topic}/{record.partition}:{record.offset}"
            try:
                given, item = operation_of(self.netmera, record.value or b"")
            except InvalidItem as reason:
                await self.dead_letters.keep(Rejected(0, record.value, reason), None, reference)
                self.settle(taken)
            else:
                page.append(Event(taken, given, await self.sink.put(given, item), reference))
        if records:
            await self.pages.put(page)

    async def settle_pages(self) -> None:
        """Settle what was taken in, and commit after each page."""
        while True:
            for event in await self.pages.get():
                try:
                    outcome = await event.outcome
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():
                        raise  # this process is about to end
                    # Somebody else's. A task group takes no notice of it, and all would wait.
                    raise ComesAgain("An event was given up by somebody else") from None
                if not await self.dead_letters.may_acknowledge(outcome, event.given, event.reference):
                    raise ComesAgain(f"Event {event.reference} was not delivered: {outcome}")
                self.settle(event.taken)
            await self.commit()
            self.pages.task_done()

    def settle(self, taken: Taken) -> None:
        """Note that an event is delivered, or a dead letter."""
        self.tracker.settle(taken)
        self.progress.settled += 1

    async def settle_all(self) -> None:
        """Settle and commit what is in hand; return early where that has failed."""
        await self.sink.flush()
        settled = asyncio.ensure_future(self.pages.join())
        await asyncio.wait((settled, self.settling), return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        await self.commit()  # once more, if the last one failed

    async def commit(self) -> None:
        """Commit up to where everything is settled."""
        offsets = self.tracker.committable()
        if not offsets:
            return
        try:
            await self.kafka.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            # Somebody else has the partitions by now: what is not committed comes to them again.
            log.warning("A commit came too late: the group was rebalanced meanwhile")
        else:
            self.tracker.committed(offsets)

    async def behind(self) -> int | None:
        """Return how many events the brokers have not given out yet, in the partitions of this process."""
        ends = await self.kafka.end_offsets(self.kafka.assignment())
        if not ends:
            return None  # the group has not given it any yet
        return sum([end - await self.kafka.position(partition) for partition, end in ends.items()])

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Settle and commit what is in hand, before somebody else begins where this process ends."""
        async with self.taking:
            await self.settle_all()
            for partition in revoked:
                self.tracker.forget(partition)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Begin where the last commit ends, which may be before what this process has seen."""
        for partition in assigned:
            self.tracker.forget(partition)


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(rate=float(RATE) if RATE else None)
    async with (
        NetmeraClient.from_environment(settings=settings) as netmera,
        DeadLetters(DEAD_LETTERS) as dead_letters,
    ):
        kafka = AIOKafkaConsumer(
            bootstrap_servers=SERVERS,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # A vendor that is down holds events up: the group must wait that long before it gives them away.
            max_poll_interval_ms=LONGEST_WAIT * 1000,
            rebalance_timeout_ms=LONGEST_WAIT * 1000,
        )
        consumer = Consumer(netmera, dead_letters, kafka)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, consumer.stop.set)
        try:
            await kafka.start()
        except KafkaConnectionError as error:
            await kafka.stop()
            sys.exit(f"Kafka does not answer ({type(error).__name__}): set KAFKA_SERVERS to it, or start it")
        try:
            if TOPIC not in await kafka.topics():
                sys.exit(
                    f"There is no topic {TOPIC}: set TOPIC to its name, or make it where events are produced"
                )
            await consumer.run()
        finally:
            await kafka.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))
