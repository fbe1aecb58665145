"""Takes changes of several operations of one client, one at a time, and keeps each user's in their order.

Every operation, with its arguments, is a lane of its own: a batcher. A change waits until the earlier ones
of its user in other lanes are settled. Who a user is, the keys tell: where two operations name him
differently (an id and an e-mail address), their order is not known here.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Hashable, Mapping
from contextvars import copy_context
from copy import deepcopy
from typing import Any, Generic, TypeVar

from netaudience.engine.batcher import Batcher, Futures, copied
from netaudience.engine.batcher_base import BatcherBase, WhenFull
from netaudience.engine.pipeline import UNSENT
from netaudience.errors import BatcherClosed, BatcherFull, ConfigurationError, NetaudienceError
from netaudience.operations.bound import BoundBatch, BoundCall
from netaudience.operations.dispatch import OperationRunner
from netaudience.outcomes import Failed, Outcome, Report, SettledChunk

Item = TypeVar("Item")
#: Lanes that are kept although nothing is on its way in them.
_KEPT_LANES = 64


class ClientBatcher(BatcherBase):
    """A sink for single changes of many operations. Use it as an async context manager, or call `aclose`.

    ::

        async with netmera.batcher(linger=0.2) as sink:
            await sink.put(netmera.tag_users.given(tag="Sport"), "id1")
            future = await sink.put(netmera.set_profile_attributes, {"extId": "id1", "profile": {"a": 1}})

    Changes of one user are made in the order in which they were put, whatever their operations are.
    """

    def __init__(
        self, account: str, *, linger: float, max_pending: int, when_full: WhenFull, coalesce: bool
    ) -> None:
        """Prepare a batcher; nothing is started before the first change.

        Raises:
            ConfigurationError: a figure makes no sense.
        """
        super().__init__(linger=linger, max_pending=max_pending, when_full=when_full)
        self._account = account
        self._coalesce = coalesce
        self._lanes: dict[tuple[str, Hashable], _Lane[Any]] = {}
        self._turns: dict[str, _Turn] = {}
        self._past: dict[str, Report] = {}
        #: Lanes are made when they are first needed, in the context of the batcher's maker all the same.
        self._context = copy_context()
        self._flushes = 0
        self._coalesced = 0
        self._closed = False
        #: Set when lines are not carried on: what waits in them has failed.
        self._abandoned = False
        self._empty: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<ClientBatcher: {state}, {len(self._lanes):,} lanes, {self.pending:,} pending>"

    @property
    def coalesced(self) -> int:
        """Changes that never went out by themselves, because another one stood for them as well."""
        return self._coalesced + sum(lane.batcher.coalesced for lane in self._lanes.values())

    @property
    def reports(self) -> Mapping[str, Report]:
        """What became of the changes so far, by the operation's name."""
        reports = {name: deepcopy(report) for name, report in self._past.items()}
        for lane in self._lanes.values():
            _absorb(reports, lane.batcher, lane.work.operation.name)
        return reports

    async def put(
        self, operation: BoundBatch[Item, ...] | BoundCall[Item, ..., Any], item: Item
    ) -> asyncio.Future[Outcome[Item]]:
        """Take a change when there is room, and return the future of its outcome.

        The future never raises: it gives `Delivered`, `Rejected`, `Failed` or `InDoubt`. Cancelling it does
        not take the change back.

        Args:
            operation: One of the client, with its arguments: ``netmera.tag_users.given(tag="Sport")``.
            item: What the operation takes one of.

        Raises:
            ConfigurationError: the operation is another account's, or its arguments are wrong.
            BatcherFull: there is no room, and the batcher was told to raise then.
            BatcherClosed: it takes nothing more. The change was not taken.
        """
        lane = self._lane(operation)
        lane.batcher.check()
        if self._room.crowded and not self._closed:
            if self._when_full == "raise":
                raise BatcherFull(
                    f"The batcher holds {self._room.most:,} changes that are not settled: "
                    "wait for some of their futures, or raise max_pending"
                )
            self._send_if_nothing_moves()
            await self._room.enter()
            if not self._closed:  # the lane may have been put away meanwhile, or closed
                lane = self._lane(operation)
                lane.batcher.check()
        if self._closed:
            raise BatcherClosed("The batcher is closed: it takes nothing more")
        future: asyncio.Future[Outcome[Item]] = asyncio.get_running_loop().create_future()
        self._room.taken += 1
        self._stand_in_line(_Change(lane, item, [future]))
        return future

    async def flush(self) -> None:
        """Send what waits without lingering, and return when all that was put before is settled."""
        futures = [future for lane in self._lanes.values() for future in lane.batcher.unsettled()]
        for turn in self._turns.values():
            futures.extend(future for change in turn.line for future in change.futures if not future.done())
        if futures:
            self._flushes += 1
            for lane in self._lanes.values():
                lane.batcher.flush_begins()
            try:
                await asyncio.wait(futures)
            finally:
                self._flushes -= 1
                for lane in self._lanes.values():
                    lane.batcher.flush_ends()

    async def aclose(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it settles what is left
        """Take nothing more, send what waits without lingering, and settle every change.

        Args:
            timeout: Seconds after which it waits no longer: what is on its way is in doubt then, and what
                was not sent has failed. None waits as long as the vendor may need.
        """
        self._closed = True
        self._room.open()
        self._flushes += 1
        for lane in self._lanes.values():
            lane.batcher.flush_begins()
        try:
            if self.pending:
                self._empty = self._empty or asyncio.get_running_loop().create_future()
                await asyncio.wait((self._empty,), timeout=timeout)
        finally:
            await self._end()

    async def _end(self) -> None:
        """End every lane; what is left then is cut short."""
        self._abandoned = True
        for turn in list(self._turns.values()):
            while turn.line:
                self._give_up(turn.line.popleft(), UNSENT)
        problems = await asyncio.gather(
            *(lane.batcher.aclose(0 if self.pending else None) for lane in self._lanes.values()),
            return_exceptions=True,
        )
        for problem in problems:
            if isinstance(problem, BaseException):
                raise problem

    def _lane(self, operation: BoundBatch[Item, ...] | BoundCall[Item, ..., Any]) -> _Lane[Item]:
        """Return the lane of an operation with its arguments."""
        identity = operation.identity
        lane = self._lanes.get(identity)
        if lane is None:
            if operation.host.account != self._account:
                raise ConfigurationError(
                    "The operation is of another client: a batcher takes changes of one account"
                )
            if len(self._lanes) >= _KEPT_LANES:
                self._put_idle_lanes_away()
            lane = self._context.run(self._new_lane, identity, operation)
            for _ in range(self._flushes):
                lane.batcher.flush_begins()
            self._lanes[identity] = lane
        return lane

    def _new_lane(
        self,
        identity: tuple[str, Hashable],
        operation: BoundBatch[Item, ...] | BoundCall[Item, ..., Any],
    ) -> _Lane[Item]:
        return _Lane(identity, operation.work(), self, linger=self._linger, coalesce=self._coalesce)

    def _put_idle_lanes_away(self) -> None:
        for identity, lane in list(self._lanes.items()):
            if lane.batcher.idle and not lane.standing:
                _absorb(self._past, lane.batcher, lane.work.operation.name)
                self._coalesced += lane.batcher.coalesced
                del self._lanes[identity]

    def _stand_in_line(self, change: _Change[Any]) -> None:
        """Let a change go at once, or after the earlier ones of its user."""
        key = change.lane.work.key(change.item)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = _Turn(change.lane)
        elif self._coalesce and self._absorbs(turn, change):
            return
        if turn.line or (turn.out and turn.lane is not change.lane):
            change.item = copied(change.item)  # its owner may change it before its turn comes
            turn.line.append(change)
            change.lane.standing += 1
        else:
            self._send(turn, change)

    def _absorbs(self, turn: _Turn, change: _Change[Any]) -> bool:
        """Let the last change of a user and a new one become one; return whether the new one is in it."""
        while turn.line:
            last = turn.line[-1]
            if last.lane is change.lane:
                both = change.lane.work.combine(last.item, change.item)
                if both is None:
                    return False
                last.item = both
                last.futures.extend(change.futures)
                return True
            if not last.lane.undone_by(change.lane):
                return False
            last.lane.standing -= 1
            change.futures[:0] = turn.line.pop().futures
        if turn.out and turn.lane is not change.lane and turn.lane.undone_by(change.lane):
            futures = turn.lane.batcher.take_back(turn.last)
            if futures is not None:
                turn.out -= 1
                change.futures[:0] = futures
        return False

    def _send(self, turn: _Turn, change: _Change[Any]) -> None:
        """Put a change into its lane."""
        lane = change.lane
        turn.lane = lane
        try:
            position = lane.batcher.take(change.item, change.futures)
        except BatcherClosed as error:
            self._give_up(change, error)
            if not turn.out:
                self._next(turn, lane.work.key(change.item))
            return
        # The same position as before: an item that waited there stands for both.
        if not turn.out or position != turn.last:
            turn.out += 1
        turn.last = position

    def settled(self, lane: _Lane[Any], chunk: SettledChunk[Any], futures: int) -> None:
        """Take note of a settled chunk of a lane: let those go who stand behind."""
        for outcome in chunk:
            key = lane.work.key(outcome.item)
            turn = self._turns.get(key)
            if turn is not None and turn.lane is lane:
                turn.out -= 1
                if not turn.out:
                    self._next(turn, key)
        self._left(futures)

    def _next(self, turn: _Turn, key: str) -> None:
        """Let the next changes of a user go, as many as are in one lane."""
        if self._turns.get(key) is not turn or turn.out:
            return
        if not turn.line:
            del self._turns[key]
            return
        if self._abandoned:
            return
        lane = turn.line[0].lane
        while turn.line and turn.line[0].lane is lane:
            lane.standing -= 1
            self._send(turn, turn.line.popleft())

    def _give_up(self, change: _Change[Any], reason: NetaudienceError) -> None:
        """Settle a change that never came into its lane."""
        key = change.lane.work.key(change.item)
        failed = Failed(0, change.item, reason, key)
        chunk = SettledChunk([change.item], [0], None, [failed])
        report = self._past.setdefault(
            change.lane.work.operation.name, deepcopy(change.lane.batcher.blank_report)
        )
        report.items += 1
        report.count(chunk)
        for future in change.futures:
            if not future.done():
                future.set_result(failed)
        self._left(len(change.futures))

    def _left(self, count: int) -> None:
        """Let some out."""
        self._room.leave(count)
        if not self._room.taken and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _send_if_nothing_moves(self) -> None:
        """Let nothing linger where everything waits for more, and nothing more can come."""
        if all(lane.batcher.still for lane in self._lanes.values()):
            for lane in self._lanes.values():
                lane.batcher.go()


class _Lane(Generic[Item]):
    """One operation with its arguments, and what is on its way in it."""

    __slots__ = ("batcher", "identity", "standing", "work")

    def __init__(
        self,
        identity: tuple[str, Hashable],
        work: OperationRunner[Item],
        owner: ClientBatcher,
        *,
        linger: float,
        coalesce: bool,
    ) -> None:
        self.identity = identity
        self.work = work
        #: Changes that stand in a line for it.
        self.standing = 0
        self.batcher: Batcher[Item] = work.batcher(
            linger=linger,
            max_pending=sys.maxsize,  # the owner counts them all
            when_full="wait",
            coalesce=coalesce and work.operation.facts.coalesces is not None,
            watch=lambda chunk, futures: owner.settled(self, chunk, futures),
        )

    def undone_by(self, other: _Lane[Any]) -> bool:
        """Return whether the other one does the opposite with the same arguments."""
        return other.identity == (self.work.operation.facts.opposite, self.identity[1])


class _Change(Generic[Item]):
    """One change, and the futures of those who wait for it."""

    __slots__ = ("futures", "item", "lane")

    def __init__(self, lane: _Lane[Item], item: Item, futures: Futures[Item]) -> None:
        self.lane = lane
        self.item = item
        self.futures = futures


class _Turn:
    """One user: how many of his changes are in which lane, and those that stand behind."""

    __slots__ = ("lane", "last", "line", "out")

    def __init__(self, lane: _Lane[Any]) -> None:
        self.lane = lane
        self.out = 0
        #: The position of the last one in the lane.
        self.last = -1
        self.line: deque[_Change[Any]] = deque()


def _absorb(reports: dict[str, Report], batcher: Batcher[Any], name: str) -> None:
    """Add what became of a lane's changes."""
    reports.setdefault(name, deepcopy(batcher.blank_report)).absorb(batcher.report)
