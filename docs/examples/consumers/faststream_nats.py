"""FastStream over NATS JetStream to Netmera: every event at least once, each user's in order.

Copy it and change `operation_of`. Run one process per consumer, under something that starts it again when
it ends with an error: it then begins at the first event that is not acknowledged. It carries one batch after
the other; `nats_jetstream.py` beside it takes new events in while others are on their way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated

from faststream import AckPolicy, Context, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from nats.errors import NoServersError
from nats.js.api import AckPolicy as ServersAckPolicy
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Rejected, Settings
from netaudience.consumers import DeadLetters, Given, Progress

URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
STREAM = os.environ.get("STREAM", "AUDIENCE")
SUBJECT = os.environ.get("SUBJECT", "audience.>")
DURABLE = os.environ.get("DURABLE", "netaudience")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events of a batch, and the longest that one waits to be full, in seconds.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
LINGER = float(os.environ.get("LINGER", "0.2"))
#: Seconds without a word from us after which the server delivers an event again.
ACK_WAIT = float(os.environ.get("ACK_WAIT", "30"))
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
    """Carries events in order, and knows which deliveries there should be."""

    def __init__(self, netmera: NetmeraClient, dead_letters: DeadLetters) -> None:
        self.netmera = netmera
        self.dead_letters = dead_letters
        self.sink = netmera.batcher(linger=LINGER, max_pending=MAX_PENDING)
        self.progress = Progress(dead_letters, self.behind, every=TELL_EVERY)
        #: The newest event of the stream that is settled, and the deliveries of the consumer so far.
        self.newest = 0
        self.deliveries = 0
        #: Why the process has to begin again at the first event that is not acknowledged.
        self.comes_again = ""

    async def carry(self, events: Iterable[tuple[int, bytes]]) -> bool:
        """Carry events to their end; return whether all of them may be acknowledged."""
        on_their_way = []
        for sequence, body in events:
            self.progress.taken += 1
            reference = f"{STREAM}:{sequence}"
            try:
                given, item = operation_of(self.netmera, body)
            except InvalidItem as reason:
                await self.dead_letters.keep(Rejected(0, body, reason), None, reference)
                self.progress.settled += 1
            else:
                on_their_way.append((reference, given, await self.sink.put(given, item)))
        await self.sink.flush()
        for reference, given, future in on_their_way:
            outcome = await future
            if not await self.dead_letters.may_acknowledge(outcome, given, reference):
                self.comes_again = f"Event {reference} was not delivered: {outcome}"
                return False
            self.progress.settled += 1
        return True

    async def behind(self) -> int | None:
        """Return how many events the server has not given out yet."""
        js = (await broker.connect()).jetstream()
        return (await js.consumer_info(STREAM, DURABLE)).num_pending

    async def catch_up(self) -> None:
        """Carry first what an earlier process had in hand: its copies come late, after newer events."""
        js = (await broker.connect()).jetstream()
        try:
            await js.stream_info(STREAM)
        except NotFoundError:
            sys.exit(
                f"There is no stream {STREAM}: set STREAM to its name, or make it where events are produced"
            )
        try:
            info = await js.consumer_info(STREAM, DURABLE)
        except NotFoundError:
            return  # the first process of all
        sequence, newest = info.ack_floor.stream_seq, info.delivered.stream_seq
        events: list[tuple[int, bytes]] = []
        while sequence < newest:
            try:
                read = await js.get_msg(STREAM, sequence + 1, subject=SUBJECT, next=True)
            except NotFoundError:
                break
            sequence = read.seq
            if sequence <= newest:
                events.append((sequence, read.data or b""))
        self.newest, self.deliveries = newest, info.delivered.consumer_seq
        if not await self.carry(events):
            sys.exit(self.comes_again)


broker = NatsBroker(URL, graceful_timeout=300)
carrier: Carrier


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Open what events are carried with, and close it after the last one."""
    global carrier  # noqa: PLW0603 - one for the whole process, as the broker is
    settings = Settings(rate=float(RATE) if RATE else None)
    async with (
        NetmeraClient.from_environment(settings=settings) as netmera,
        DeadLetters(DEAD_LETTERS) as dead_letters,
    ):
        carrier = Carrier(netmera, dead_letters)
        async with carrier.sink, carrier.progress:
            await carrier.catch_up()
            yield


app = FastStream(broker, lifespan=lifespan)


@broker.subscriber(
    SUBJECT,
    stream=JStream(STREAM, declare=False),
    durable=DURABLE,
    pull_sub=PullSub(batch_size=MAX_PENDING, timeout=LINGER, batch=True),
    # Twice what is ever in hand: what a crash has left unacknowledged leaves room for what is new.
    config=ConsumerConfig(
        ack_policy=ServersAckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_ack_pending=2 * MAX_PENDING
    ),
    ack_policy=AckPolicy.MANUAL,
)
async def consume(message: Annotated[NatsBatchMessage, Context()]) -> None:
    """Carry a batch, and acknowledge it when all of it is settled."""
    if carrier.comes_again:
        return
    events = []
    for delivered in message.raw_message:
        sequence = delivered.metadata.sequence
        carrier.deliveries += 1
        if sequence.consumer != carrier.deliveries:
            carrier.comes_again = "Events of this consumer were delivered to somebody else, or lost"
        if sequence.stream > carrier.newest:  # the others are copies of what is settled
            carrier.newest = sequence.stream
            events.append((sequence.stream, delivered.data))
    holding = asyncio.create_task(hold(message))
    try:
        if not carrier.comes_again and await carrier.carry(events):
            await message.ack()
        else:
            app.exit()
    except BaseException as error:
        carrier.comes_again = f"{type(error).__name__}: {error}"
        app.exit()
        raise
    finally:
        holding.cancel()


async def hold(message: NatsBatchMessage) -> None:
    """Tell the server that what waits for the vendor is in good hands, before it delivers it again."""
    while True:
        await asyncio.sleep(ACK_WAIT / 3)
        await message.in_progress()


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        await app.run()
    except NoServersError as error:
        sys.exit(f"NATS does not answer ({type(error).__name__}): set NATS_URL to it, or start it")
    if carrier.comes_again:
        sys.exit(carrier.comes_again)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))
