"""NATS JetStream to Netmera: every event at least once, each user's in the order of the stream.

Copy it and change `operation_of`. Run one process per consumer, under something that starts it again when
it ends with an error: it then begins at the first event that is not acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import NamedTuple

import nats
from nats.aio.msg import Msg
from nats.errors import NoServersError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Outcome, Rejected, Settings
from netaudience.consumers import DeadLetters, Given, Progress

URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
STREAM = os.environ.get("STREAM", "AUDIENCE")
SUBJECT = os.environ.get("SUBJECT", "audience.>")
DURABLE = os.environ.get("DURABLE", "netaudience")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events in hand at most: as many as fill the requests of a few seconds. A crash makes them come again.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
#: Seconds without a word from us after which the server delivers an event again.
ACK_WAIT = float(os.environ.get("ACK_WAIT", "30"))
#: The longest that an event waits for others to fill its request, in seconds.
LINGER = float(os.environ.get("LINGER", "0.2"))
RATE = os.environ.get("RATE")
#: Seconds from one line of the log to the next: how fast it goes, and how far it is behind.
TELL_EVERY = float(os.environ.get("TELL_EVERY", "60"))
#: Events read at once. What is in hand is one page read, eight that wait for the vendor, and one settled.
PAGE = max(1, MAX_PENDING // 10)


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
    """An event is not settled, or the order is in danger: go back to the first that is not acknowledged."""


class Event(NamedTuple):
    """An event in hand."""

    sequence: int
    #: Acknowledges it; None where the server will deliver a copy, which is acknowledged then.
    message: Msg | None
    given: Given
    outcome: asyncio.Future[Outcome[object]]


class Consumer:
    """Carries the events of one stream, in order."""

    def __init__(self, netmera: NetmeraClient, dead_letters: DeadLetters, js: JetStreamContext) -> None:
        self.netmera = netmera
        self.dead_letters = dead_letters
        self.js = js
        self.stop = asyncio.Event()
        self.pages: asyncio.Queue[list[Event] | None] = asyncio.Queue(8)
        #: What was delivered to us and is not acknowledged, by its sequence in the stream.
        self.in_hand: dict[int, Msg] = {}
        self.sink = netmera.batcher(linger=LINGER, max_pending=MAX_PENDING)

        self.progress = Progress(dead_letters, self.behind, every=TELL_EVERY)

    async def run(self) -> None:
        """Consume until `stop` is set, then settle and acknowledge what is in hand."""
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_ack_pending=MAX_PENDING)
        subscription = await self.js.pull_subscribe(SUBJECT, DURABLE, STREAM, config)
        info = await subscription.consumer_info()
        async with self.sink, self.progress, asyncio.TaskGroup() as tasks:
            await self.catch_up(info)
            holding = tasks.create_task(self.hold())
            settling = tasks.create_task(self.settle_pages())
            await self.take_in(subscription, info)
            await self.pages.put(None)
            await settling
            holding.cancel()

    async def catch_up(self, info: ConsumerInfo) -> None:
        """Carry first what an earlier process had in hand: its copies come late, after newer events."""
        page = [event async for event in self.unsettled(info)]
        await self.sink.flush()
        await self.settle(page)

    async def unsettled(self, info: ConsumerInfo) -> AsyncIterator[Event]:
        """Read what was delivered to anybody since the first event that is not acknowledged."""
        sequence = info.ack_floor.stream_seq
        while sequence < info.delivered.stream_seq and not self.stop.is_set():
            try:
                read = await self.js.get_msg(STREAM, sequence + 1, subject=SUBJECT, next=True)
            except NotFoundError:
                return
            sequence = read.seq
            if sequence <= info.delivered.stream_seq:
                event = await self.event(sequence, read.data or b"", None)
                if event is not None:
                    yield event

    async def take_in(self, subscription: JetStreamContext.PullSubscription, info: ConsumerInfo) -> None:
        """Take events in, each once and in the order of the stream."""
        newest, deliveries = info.delivered.stream_seq, info.delivered.consumer_seq
        while not self.stop.is_set():
            try:
                messages = await subscription.fetch(PAGE, timeout=1)
            except TimeoutError:
                continue  # nothing new
            page: list[Event] = []
            for message in messages:
                sequence = message.metadata.sequence
                deliveries += 1
                if sequence.consumer != deliveries:
                    raise ComesAgain("Events of this consumer were delivered to somebody else, or lost")
                if sequence.stream > newest:
                    newest = sequence.stream
                    self.in_hand[newest] = message
                    event = await self.event(newest, message.data, message)
                    if event is not None:
                        page.append(event)
                elif sequence.stream not in self.in_hand:
                    await message.ack()  # a copy of one that is settled
            await self.pages.put(page)

    async def event(self, sequence: int, body: bytes, message: Msg | None) -> Event | None:
        """Hand an event to the batcher; one that cannot be read is a dead letter at once."""
        self.progress.taken += 1
        try:
            given, item = operation_of(self.netmera, body)
        except InvalidItem as reason:
            await self.dead_letters.keep(Rejected(0, body, reason), None, f"{STREAM}:{sequence}")
            await self.acknowledge(sequence, message)
            return None
        return Event(sequence, message, given, await self.sink.put(given, item))

    async def settle_pages(self) -> None:
        """Settle what was taken in, in order."""
        while (page := await self.pages.get()) is not None:
            await self.settle(page)

    async def settle(self, page: list[Event]) -> None:
        """Acknowledge every event of a page whose outcome allows it."""
        for event in page:
            reference = f"{STREAM}:{event.sequence}"
            try:
                outcome = await event.outcome
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise  # this process is about to end
                # Somebody else's. A task group takes no notice of it, and all would wait.
                raise ComesAgain("An event was given up by somebody else") from None
            if not await self.dead_letters.may_acknowledge(outcome, event.given, reference):
                raise ComesAgain(f"Event {event.sequence:,} was not delivered: {outcome}")
            await self.acknowledge(event.sequence, event.message)

    async def acknowledge(self, sequence: int, message: Msg | None) -> None:
        """Tell the server that an event is settled."""
        self.progress.settled += 1
        if message is not None:
            await message.ack()
            del self.in_hand[sequence]

    async def hold(self) -> None:
        """Tell the server that what waits for the vendor is in good hands, before it delivers it again."""
        while True:
            await asyncio.sleep(ACK_WAIT / 3)
            for sequence, message in list(self.in_hand.items()):
                if sequence in self.in_hand:
                    await message.in_progress()

    async def behind(self) -> int | None:
        """Return how many events the server has not given out yet."""
        return (await self.js.consumer_info(STREAM, DURABLE)).num_pending


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(rate=float(RATE) if RATE else None)
    try:
        connection = await nats.connect(URL)
    except NoServersError as error:
        sys.exit(f"NATS does not answer ({type(error).__name__}): set NATS_URL to it, or start it")
    try:
        try:
            await connection.jetstream().stream_info(STREAM)
        except NotFoundError:
            sys.exit(
                f"There is no stream {STREAM}: set STREAM to its name, or make it where events are produced"
            )
        async with (
            NetmeraClient.from_environment(settings=settings) as netmera,
            DeadLetters(DEAD_LETTERS) as dead_letters,
        ):
            consumer = Consumer(netmera, dead_letters, connection.jetstream())
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, consumer.stop.set)
            await consumer.run()
        await connection.flush()  # acknowledgements leave before the connection closes
    finally:
        await connection.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))
