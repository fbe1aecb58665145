"""Redis Streams to Netmera: every event at least once, each user's in the order of the stream.

Copy it and change `operation_of`. Run one process per consumer group, under something that starts it again
when it ends with an error: it then begins at the first event that is not acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoRedis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Outcome, Rejected, Settings
from netaudience.consumers import DeadLetters, Given, Progress

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
STREAM = os.environ.get("STREAM", "audience")
GROUP = os.environ.get("GROUP", "netmera")
CONSUMER = os.environ.get("CONSUMER", "netaudience")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events in hand at most: as many as fill the requests of a few seconds. A crash makes them come again.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
#: The longest that an event waits for others to fill its request, in seconds.
LINGER = float(os.environ.get("LINGER", "0.2"))
RATE = os.environ.get("RATE")
#: Seconds from one line of the log to the next: how fast it goes, and how far it is behind.
TELL_EVERY = float(os.environ.get("TELL_EVERY", "60"))
#: Events read at once. What is in hand is one page read, eight that wait for the vendor, and one settled.
PAGE = max(1, MAX_PENDING // 10)

#: Entries as the server gives them: an id and the fields; None where an entry is deleted by now.
Entries = Sequence[tuple[bytes | None, Mapping[bytes, bytes] | None]]


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
    """An event is not settled: go back to the first that is not acknowledged."""


class Event(NamedTuple):
    """An event in hand; without an operation where it is a dead letter already."""

    id: bytes
    given: Given | None
    outcome: asyncio.Future[Outcome[object]] | None


class Consumer:
    """Carries the events of one consumer group, in order."""

    def __init__(self, netmera: NetmeraClient, dead_letters: DeadLetters, redis: Redis) -> None:
        self.netmera = netmera
        self.dead_letters = dead_letters
        self.redis = redis
        self.stop = asyncio.Event()
        self.pages: asyncio.Queue[list[Event] | None] = asyncio.Queue(8)
        self.sink = netmera.batcher(linger=LINGER, max_pending=MAX_PENDING)
        self.progress = Progress(dead_letters, self.behind, every=TELL_EVERY)

    async def run(self) -> None:
        """Consume until `stop` is set, then settle and acknowledge what is in hand."""
        try:
            await self.redis.xgroup_create(STREAM, GROUP, id="0")
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # the group is there: so it should be
                raise
        async with self.sink, self.progress, asyncio.TaskGroup() as tasks:
            settling = tasks.create_task(self.settle_pages())
            await self.take_over()
            await self.take_new()
            await self.pages.put(None)
            await settling

    async def take_over(self) -> None:
        """Take first, in order, what an earlier process had in hand, whatever its name was."""
        start = b"0-0"
        while not self.stop.is_set():
            start, entries, *_ = await self.redis.xautoclaim(
                STREAM, GROUP, CONSUMER, min_idle_time=0, start_id=start, count=PAGE
            )
            await self.take(entries)
            if start == b"0-0":
                return

    async def take_new(self) -> None:
        """Take what nobody has had yet."""
        while not self.stop.is_set():
            answer = await self.redis.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=PAGE, block=1000)
            for _, entries in answer:
                await self.take(entries)

    async def take(self, entries: Entries) -> None:
        """Hand entries to the batcher; one that cannot be read is a dead letter at once."""
        page: list[Event] = []
        for name, fields in entries:
            if name is None or fields is None:
                continue
            self.progress.taken += 1
            body = fields.get(b"event", b"")
            try:
                given, item = operation_of(self.netmera, body)
            except InvalidItem as reason:
                await self.dead_letters.keep(Rejected(0, body, reason), None, reference(name))
                page.append(Event(name, None, None))
            else:
                page.append(Event(name, given, await self.sink.put(given, item)))
        if page:
            await self.pages.put(page)

    async def settle_pages(self) -> None:
        """Acknowledge what is settled, page by page and in order."""
        while (page := await self.pages.get()) is not None:
            settled: list[bytes] = []
            try:
                for event in page:
                    await self.settle(event)
                    settled.append(event.id)
            finally:
                if settled:
                    await self.redis.xack(STREAM, GROUP, *settled)
                    self.progress.settled += len(settled)

    async def settle(self, event: Event) -> None:
        """Return when an event may be acknowledged."""
        if event.given is None or event.outcome is None:
            return
        try:
            outcome = await event.outcome
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # this process is about to end
            # Somebody else's. A task group takes no notice of it, and all would wait.
            raise ComesAgain("An event was given up by somebody else") from None
        if not await self.dead_letters.may_acknowledge(outcome, event.given, reference(event.id)):
            raise ComesAgain(f"Event {event.id.decode()} was not delivered: {outcome}")

    async def behind(self) -> int | None:
        """Return how many events the server has not given out yet; before Redis 7 it does not count them."""
        groups = await self.redis.xinfo_groups(STREAM)
        return next((group.get("lag") for group in groups if group["name"] == GROUP.encode()), None)


def reference(name: bytes) -> str:
    """Return where an event is to be found."""
    return f"{STREAM}:{name.decode()}"


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(rate=float(RATE) if RATE else None)
    async with (
        # A reading that is tried again gives what comes next, and nobody has in hand what the first one took.
        Redis.from_url(URL, retry=Retry(NoBackoff(), 0)) as redis,
        NetmeraClient.from_environment(settings=settings) as netmera,
        DeadLetters(DEAD_LETTERS) as dead_letters,
    ):
        try:
            there = await redis.exists(STREAM)
        except NoRedis as error:
            sys.exit(f"Redis does not answer ({type(error).__name__}): set REDIS_URL to it, or start it")
        if not there:
            sys.exit(
                f"There is no stream {STREAM}: set STREAM to its name, or make it where events are produced"
            )
        consumer = Consumer(netmera, dead_letters, redis)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, consumer.stop.set)
        lost = False
        try:
            await consumer.run()
        except* (NoRedis, NoAnswer):
            lost = True
        if lost:
            sys.exit("The connection to Redis is lost: start again, and what is in hand comes again")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))
