"""What becomes of one chunk: delivered whole, or halved until a refusal has an address.

A refused chunk is halved in order, so that one wrong item in a thousand costs about twenty requests and
no innocent item. Where half after half is refused for the same reason it is the request that is wrong,
not its items: a bounded number of refusals without one success ends the search.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from netaudience.engine.packing import Chunk, Divided, Packer
from netaudience.engine.sender import Failure, Sender
from netaudience.errors import NetaudienceError, NotFound, Refused, TooLarge, Unreadable
from netaudience.outcomes import Failed, InDoubt, Rejected, Report, SettledChunk, Undelivered, all_alike
from netaudience.wire import Response

__all__ = ["Divider"]

Item = TypeVar("Item")
#: Refusals in a row for one reason, without one success in the run, after which the run stops.
_RUN_PATIENCE = 100
#: The same within one chunk, besides the two requests per halving that one wrong item costs.
_CHUNK_PATIENCE = 20


class Divider(Generic[Item]):
    """Delivers the chunks of one run."""

    def __init__(
        self,
        packer: Packer[Item],
        sender: Sender,
        decode: Callable[[Response], object],
        tally: Report,
        *,
        divisible: bool,
    ) -> None:
        self._packer = packer
        self._sender = sender
        self._decode = decode
        self._tally = tally
        self._divisible = divisible
        self._refusals = _Refusals()

    async def deliver(self, chunk: Chunk[Item]) -> SettledChunk[Item]:
        """Send a chunk and settle each of its items."""
        answer = await self._sender.send(chunk.prepared)
        if type(answer) is Response:
            self._refusals.count = 0
            return self._taken(chunk, answer)
        failure = cast("Failure", answer)
        if self._halves(chunk, failure):
            undelivered = await self._divide(chunk, cast("Refused", failure.error))
        else:
            undelivered = self._given_up(chunk, failure)
        return SettledChunk(chunk.items, chunk.positions, None, undelivered)

    def interrupted(self, chunk: Chunk[Item], reason: NetaudienceError) -> tuple[SettledChunk[Item], int]:
        """Settle a chunk whose delivery was cancelled: what was out is in doubt; the rest is counted."""
        undelivered = list(chunk.divided.undelivered) if chunk.divided else []
        unsent = 0
        for part in reversed(chunk.divided.waiting) if chunk.divided else [chunk]:
            if part.prepared.in_doubt:
                undelivered.extend(self._all(InDoubt, part, reason))
            else:
                unsent += len(part)
        # Which of the items are the unsent ones does not matter: this chunk is only counted.
        sent = len(chunk) - unsent
        return SettledChunk(chunk.items[:sent], chunk.positions[:sent], None, undelivered), unsent

    async def _divide(self, whole: Chunk[Item], error: Refused) -> list[Undelivered[Item]]:
        """Halve until every refusal has an address, first half first."""
        divided = whole.divided = Divided()
        refusals = _Refusals()
        refusals.add(error)
        patience = 2 * math.ceil(math.log2(len(whole))) + _CHUNK_PATIENCE
        waiting, undelivered = divided.waiting, divided.undelivered
        waiting.extend(self._split(whole))
        while waiting:
            part = waiting[-1]
            answer = await self._sender.send(part.prepared)
            waiting.pop()
            if type(answer) is Response:
                self._refusals.count = refusals.count = 0
                undelivered.extend(self._taken(part, answer).undelivered)
                continue
            failure = cast("Failure", answer)
            halves = self._halves(part, failure)
            if isinstance(failure.error, Refused) and refusals.add(failure.error) >= patience and halves:
                undelivered.extend(self._stop_searching([*waiting, part], failure.error, refusals.count))
                break
            if halves:
                waiting.extend(self._split(part))
            else:
                undelivered.extend(self._given_up(part, failure))
        whole.divided = None
        return undelivered

    def _split(self, part: Chunk[Item]) -> list[Chunk[Item]]:
        """Halve a chunk; the first half comes last, for the next to be sent is taken from the end."""
        self._tally.divisions += 1
        first, second = self._packer.split(part)
        return [second, first]

    def _halves(self, chunk: Chunk[Item], failure: Failure) -> bool:
        """Take note of a failed chunk; return whether it is to be halved."""
        error = failure.error
        if failure.stops:
            self._sender.halted = error
        if not isinstance(error, Refused):
            return False
        if len(chunk) == 1 and isinstance(error, NotFound):
            return False  # names its one item: says nothing about the request
        if self._refusals.add(error) >= _RUN_PATIENCE:
            self._sender.halted = _wrong_request(error, self._refusals.count)
            return False
        return len(chunk) > 1 and (self._divisible or isinstance(error, TooLarge))

    def _stop_searching(
        self, waiting: list[Chunk[Item]], error: Refused, count: int
    ) -> list[Undelivered[Item]]:
        """Give up the rest of a chunk that is refused again and again; stop the run if all of it is."""
        reason = _wrong_request(error, count)
        if self._refusals.count >= count:  # nor was anything else of this run taken meanwhile
            self._sender.halted = reason
        return [outcome for part in reversed(waiting) for outcome in self._all(Failed, part, reason)]

    def _given_up(self, part: Chunk[Item], failure: Failure) -> list[Undelivered[Item]]:
        """Settle a part that was not delivered and is not halved."""
        error = failure.error
        if part.prepared.in_doubt:
            return self._all(InDoubt, part, error)
        if not isinstance(error, Refused):
            return self._all(Failed, part, error)
        if len(part) == 1:
            return self._all(Rejected, part, error)
        if self._sender.halted is not None:
            return self._all(Failed, part, error)
        # Nobody documents that a refused chunk leaves no trace: asking again could repeat one.
        return self._all(InDoubt, part, _with_remedy(error, _NOT_DIVIDED))

    def _all(
        self,
        outcome: type[Rejected[Item] | Failed[Item] | InDoubt[Item]],
        part: Chunk[Item],
        reason: NetaudienceError,
    ) -> list[Undelivered[Item]]:
        return all_alike(outcome, part.items, part.positions, reason, self._packer.key)

    def _taken(self, chunk: Chunk[Item], answer: Response) -> SettledChunk[Item]:
        """Settle a chunk that the vendor took."""
        try:
            result = self._decode(answer)
        except ValueError as error:
            unreadable = Unreadable(self._tally.vendor, answer.status, words=str(error))
            undelivered = (
                self._all(InDoubt, chunk, unreadable)
                if chunk.prepared.in_doubt
                else self._all(Failed, chunk, unreadable)
            )
            return SettledChunk(chunk.items, chunk.positions, None, undelivered)
        return SettledChunk(chunk.items, chunk.positions, result)


class _Refusals:
    """Counts refusals in a row for one reason."""

    __slots__ = ("count", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.reason: object = None

    def add(self, error: Refused) -> int:
        reason = (error.status, error.words if error.code is None else error.code)
        if reason != self.reason:
            self.reason, self.count = reason, 0
        self.count += 1
        return self.count


_NOT_DIVIDED = (
    "The operation is not safe to repeat, so the request was not divided to find the item at fault: "
    "send it with max_rows=1 to have each item judged alone"
)


def _with_remedy(error: Refused, remedy: str) -> Refused:
    told = copy.copy(error)
    told.remedy = remedy
    return told


def _wrong_request(error: Refused, count: int) -> Refused:
    return _with_remedy(
        error,
        f"{count:,} requests in a row were refused for this reason and none was taken: "
        "look at the arguments and at the column that the items come from",
    )
