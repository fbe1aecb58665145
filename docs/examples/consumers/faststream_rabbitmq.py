"""FastStream over RabbitMQ to Netmera: every event at least once, each user's in the order of the queue.

Copy it and change `operation_of`. Run one process per queue, under something that starts it again when it
ends with an error, as it does when the connection is lost: RabbitMQ then gives it first what was not
acknowledged, in order.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from aio_pika import RobustConnection
from aio_pika.exceptions import AMQPConnectionError, ChannelNotFoundEntity
from faststream import AckPolicy, Context, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.rabbit.message import RabbitMessage

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Settings
from netaudience.consumers import DeadLetters, Given, InOrder, Progress

URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")
QUEUE = os.environ.get("QUEUE", "audience")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events in hand at most: as many as fill the requests of a few seconds. A crash makes them come again.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
#: The longest that an event waits for others to fill its request, in seconds.
LINGER = float(os.environ.get("LINGER", "0.2"))
RATE = os.environ.get("RATE")
#: Seconds from one line of the log to the next: how fast it goes, and how far it is behind.
TELL_EVERY = float(os.environ.get("TELL_EVERY", "60"))


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


class Carrier:
    """Takes events in, in the order of the queue: FastStream's tasks overtake one another."""

    def __init__(self, netmera: NetmeraClient, line: InOrder, connection: RobustConnection) -> None:
        self.read = partial(operation_of, netmera)
        self.line = line
        self.connection = connection
        connection.close_callbacks.add(self.lost)
        #: The newest delivery that was taken in, and those that wait for one before them, by their numbers.
        self.newest = 0
        self.early: dict[int, RabbitMessage] = {}

    async def take(self, message: RabbitMessage) -> None:
        """Take an event in, and those that have waited for it."""
        number = message.raw_message.delivery_tag or 0
        if number <= self.newest:
            self.line.fail("There is a new channel, on which events in hand are delivered once more")
        self.early[number] = message
        while (following := self.early.pop(self.newest + 1, None)) is not None:
            self.newest += 1
            event = following.raw_message
            reference = f"{QUEUE}:{event.message_id or self.newest}"  # where the producer gives it an id
            await self.line.take(self.read, event.body, following.ack, reference)

    def lost(self, *_: object) -> None:
        """End the process: the client connects again by itself, and may come back without its consumer."""
        self.line.fail("The connection to RabbitMQ is lost: start again, and what is in hand comes again")

    async def end(self) -> None:
        """Settle and acknowledge what is in hand; from then on the connection may close."""
        await self.line.end()
        self.connection.close_callbacks.discard(self.lost)


# It gives no more than this many without an acknowledgement.
broker = RabbitBroker(URL, default_channel=Channel(prefetch_count=MAX_PENDING), log_level=logging.DEBUG)
carrier: Carrier


async def behind() -> int | None:
    """Return how many events the queue has and has not given out yet."""
    connection = await broker.connect()
    async with connection.channel() as channel:
        queue = await channel.declare_queue(QUEUE, passive=True)
        return queue.declaration_result.message_count


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Open what events are carried with, and close it after the last one."""
    global carrier  # noqa: PLW0603 - one for the whole process, as the broker is
    settings = Settings(rate=float(RATE) if RATE else None)
    async with (
        NetmeraClient.from_environment(settings=settings) as netmera,
        DeadLetters(DEAD_LETTERS) as dead_letters,
        netmera.batcher(linger=LINGER, max_pending=MAX_PENDING) as sink,
        Progress(dead_letters, behind, every=TELL_EVERY) as progress,
        InOrder(sink, dead_letters, progress, app.exit) as line,
    ):
        carrier = Carrier(netmera, line, await broker.connect())
        yield


app = FastStream(broker, lifespan=lifespan)


@app.on_shutdown
async def end() -> None:
    """Settle and acknowledge what is in hand, as long as the broker is there."""
    await carrier.end()


@broker.subscriber(RabbitQueue(QUEUE, declare=False), ack_policy=AckPolicy.MANUAL)
async def consume(message: Annotated[RabbitMessage, Context()]) -> None:
    """Take an event in; it is acknowledged when it is settled."""
    await carrier.take(message)


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        await behind()
    except ChannelNotFoundEntity:
        sys.exit(f"There is no queue {QUEUE}: set QUEUE to its name, or make it where events are produced")
    except AMQPConnectionError as error:
        sys.exit(f"RabbitMQ does not answer ({type(error).__name__}): set RABBITMQ_URL to it, or start it")
    await app.run()
    if carrier.line.problem:
        sys.exit(carrier.line.problem)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))
