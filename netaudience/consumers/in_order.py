"""Carries the events of one stream in their order, and acknowledges each after all that came before it.

For brokers that deliver one event after the other and take an acknowledgement for each, as RabbitMQ does. It
refuses to go on after an event that is not settled: nothing newer is acknowledged, so that a new process
begins at that event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

from netaudience.consumers.dead_letters import DeadLetters, Given
from netaudience.consumers.progress import Progress
from netaudience.engine.cancellation import is_being_cancelled
from netaudience.errors import InvalidItem
from netaudience.operations.batch_router import ClientBatcher
from netaudience.outcomes import Outcome, Rejected

#: What to do; the words of an error are left out, for they may hold an address.
_AGAIN = "start again, and it comes again"


class _Event(NamedTuple):
    """An event in hand; without an operation where it is a dead letter already."""

    acknowledge: Callable[[], Awaitable[object]]
    reference: str
    given: Given | None = None
    outcome: asyncio.Future[Outcome[Any]] | None = None


class InOrder:
    """The line of a consumer's events, from the broker to the batcher and back.

    ::

        async with InOrder(sink, dead_letters, progress, app.exit) as line:
            ...
            await line.take(read, message.body, message.ack, "orders:41204")
        if line.problem:
            sys.exit(line.problem)
    """

    def __init__(
        self,
        sink: ClientBatcher,
        dead_letters: DeadLetters,
        progress: Progress,
        give_up: Callable[[], object],
    ) -> None:
        """Say what events are carried with.

        Args:
            sink: The client's batcher.
            dead_letters: Where those go that cannot be read, or are refused.
            progress: Counts them.
            give_up: Called once where an event is not settled: it ends the consumer.
        """
        self._sink = sink
        self._dead_letters = dead_letters
        self._progress = progress
        self._give_up = give_up
        self._ending = False
        #: Held while an event is taken in: those that come together are taken in one after the other.
        self._taking = asyncio.Lock()
        self._line: asyncio.Queue[_Event | None] = asyncio.Queue()
        self._settling: asyncio.Task[None] | None = None
        #: Why the process has to begin again at the first event that is not acknowledged; or empty.
        self.problem = ""

    def __repr__(self) -> str:
        return f"<InOrder: {self.problem or 'all is well'}>"

    async def __aenter__(self) -> Self:
        """Begin to settle."""
        self._settling = asyncio.create_task(self._settle_all(), name="netaudience events in order")
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, as `end` does."""
        await self.end()

    async def end(self) -> None:
        """Take no more events, and return when those in hand are settled and acknowledged."""
        self._ending = True
        async with self._taking:
            settling, self._settling = self._settling, None
        if settling is None:
            return
        if not self.problem:
            await self._sink.flush()
        self._line.put_nowait(None)
        await settling

    async def take(
        self,
        read: Callable[[bytes], tuple[Given, object]],
        body: bytes,
        acknowledge: Callable[[], Awaitable[object]],
        reference: str = "",
    ) -> None:
        """Take an event in when there is room for it; it returns before the event is settled.

        One that comes after the end, or after a problem, is left to the next process.

        Args:
            read: Returns the operation with its arguments, and the item, that a body means; where it raises
                `InvalidItem`, the event is a dead letter.
            body: The event.
            acknowledge: Acknowledges it to the broker.
            reference: Where it is from, in the consumer's own words.
        """
        async with self._taking:
            if self._ending or self.problem:
                return
            self._progress.taken += 1
            try:
                self._line.put_nowait(await self._event(read, body, acknowledge, reference))
            except Exception as error:  # noqa: BLE001 - whatever it is, the event is not in hand
                self.fail(f"Event {reference} could not be taken in ({type(error).__name__}): {_AGAIN}")

    def fail(self, problem: str) -> None:
        """End the consumer, because an event is not settled or the order is in danger."""
        if not self.problem:
            self.problem = problem
            self._give_up()

    async def _event(
        self,
        read: Callable[[bytes], tuple[Given, object]],
        body: bytes,
        acknowledge: Callable[[], Awaitable[object]],
        reference: str,
    ) -> _Event:
        try:
            given, item = read(body)
        except InvalidItem as reason:
            await self._dead_letters.keep(Rejected(0, body, reason), None, reference)
            return _Event(acknowledge, reference)
        return _Event(acknowledge, reference, given, await self._sink.put(given, item))

    async def _settle_all(self) -> None:
        while (event := await self._line.get()) is not None:
            if self.problem:
                continue
            try:
                await self._settle(event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the event is not acknowledged
                self.fail(f"Event {event.reference} was not acknowledged ({type(error).__name__}): {_AGAIN}")

    async def _settle(self, event: _Event) -> None:
        """Acknowledge an event if its outcome allows it."""
        if event.outcome is not None and event.given is not None:
            try:
                outcome = await event.outcome
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                self.fail(f"Event {event.reference} was given up by somebody else")
                return
            if not await self._dead_letters.may_acknowledge(outcome, event.given, event.reference):
                self.fail(f"Event {event.reference} was not delivered: {outcome}")
                return
        await event.acknowledge()
        self._progress.settled += 1
