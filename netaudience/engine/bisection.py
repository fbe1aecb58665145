"""What becomes of one chunk: delivered whole, or taken apart until every refusal has an address.

Items that an answer names are rejected, and the others are sent without them. A refusal that names nobody
halves the chunk, in order, so that one wrong item in a thousand costs about twenty requests and no innocent
item. Where half after half is refused for the same reason it is the request that is wrong, not its items: a
bounded number of refusals without one success ends the search.
"""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar, cast

from netaudience.engine.chunker import Chunk, Chunker, Divided
from netaudience.engine.retry import Waits
from netaudience.engine.run_plan import RunPlan
from netaudience.engine.sender import Failure, Sender
from netaudience.errors import (
    NetaudienceError,
    NotFound,
    Refused,
    ServerFault,
    Unreadable,
    VendorError,
    leave_out,
)
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.surprises import not_read
from netaudience.model.taking import chosen
from netaudience.model.wire import Response, words_in
from netaudience.outcomes import Failed, InDoubt, Rejected, Report, SettledChunk, Undelivered, all_alike

Item = TypeVar("Item")
#: Refusals in a row for one reason, without one success in the run, after which the run stops.
_RUN_PATIENCE = 100
#: The same within one chunk, besides the two requests per halving that one wrong item costs.
_CHUNK_PATIENCE = 20


class Bisector(Generic[Item]):
    """Delivers the chunks of one run."""

    def __init__(
        self,
        plan: RunPlan,
        chunker: Chunker[Item],
        sender: Sender,
        decode: Callable[[Response], object],
        tally: Report,
    ) -> None:
        self._plan = plan
        self._chunker = chunker
        self._sender = sender
        self._decode = decode
        self._tally = tally
        #: Refusals in a row of chunks that are not divided.
        self._refusals = _Refusals()
        #: Counts the requests that were taken: was any, since a search began?
        self._taken_count = 0

    async def deliver(self, chunk: Chunk[Item]) -> Sequence[SettledChunk[Item]]:
        """Send a chunk and settle each of its items, all together or part by part."""
        answer = await self._sender.send(chunk.prepared)
        blamed = NOTHING
        if type(answer) is Response:
            self._note_success()
            blamed = NOTHING if self._plan.blame is None else self._item_errors(answer, chunk)
            if blamed is NOTHING or not blamed:
                return (self._taken(chunk, answer),)
        elif not self._searches(chunk, cast("Failure", answer)):
            self._note_failure(chunk, cast("Failure", answer))
            return (self._given_up(chunk, cast("Failure", answer)),)
        return await self._divide(chunk, answer, blamed)

    def _item_errors(self, answer: Response, part: Chunk[Item]) -> ItemErrors:
        """Read what an answer says about single items."""
        if self._plan.blame is None:
            return NOTHING
        try:
            return self._plan.blame(answer, part.items)
        except Exception as error:  # noqa: BLE001 - an answer may be anything
            return ItemErrors(unread=not_read(error, self._tally.vendor, answer.status))

    def interrupted(
        self, chunk: Chunk[Item], reason: NetaudienceError
    ) -> tuple[Sequence[SettledChunk[Item]], Sequence[Chunk[Item]]]:
        """Settle a chunk whose delivery was cancelled: what was out is in doubt; the rest is given back."""
        settled = list(chunk.divided.settled) if chunk.divided else []
        unsent: list[Chunk[Item]] = []
        for part in reversed(chunk.divided.waiting) if chunk.divided else [chunk]:
            if part.prepared.in_doubt or part.open:
                settled.append(self._all(InDoubt, part, reason))
            else:
                unsent.append(part)
        return settled, unsent

    async def _divide(
        self, whole: Chunk[Item], answer: Response | Failure, blamed: ItemErrors
    ) -> Sequence[SettledChunk[Item]]:
        """Send part after part until every item has a verdict, first half first."""
        divided = whole.divided = Divided()
        patience = 2 * math.ceil(math.log2(max(2, len(whole)))) + _CHUNK_PATIENCE
        search = _Search(divided, patience, self._taken_count)
        if type(answer) is Response:
            await self._apply_item_errors(whole, answer, blamed, search)
        else:
            self._take_apart(whole, cast("Failure", answer), search)
        while divided.waiting:
            answer = await self._sender.send(divided.waiting[-1].prepared)
            part = divided.waiting.pop()
            if type(answer) is Response:
                await self._apply_item_errors(part, answer, self._item_errors(answer, part), search)
                continue
            failure = cast("Failure", answer)
            if self._searches(part, failure):
                self._take_apart(part, failure, search)
            else:
                refusal = failure.error
                counts = failure.sent and not self._is_gone(refusal)
                if counts and isinstance(refusal, Refused | ServerFault):
                    search.refusals.add(refusal)
                divided.settled.append(self._given_up(part, failure))
        whole.divided = None
        if search.refusals.last is not None and self._taken_count == search.taken_before:
            self._note_refusals(search.refusals.last, search.refusals.count)
        return divided.settled

    async def _apply_item_errors(
        self, part: Chunk[Item], answer: Response, blamed: ItemErrors, search: _Search[Item]
    ) -> None:
        """Settle a part that the vendor took, but for the items of which its answer says otherwise."""
        taken = self._taken(part, answer)
        settled = search.divided.settled
        if not blamed or taken.undelivered:  # it blames nobody, or cannot be read all the same
            search.refusals.count = 0
            self._note_success()
            settled.append(taken)
            return
        if blamed.unread is not None:
            kind = InDoubt[Item] if part.prepared.in_doubt else Failed[Item]
            if blamed.refused:
                rejected = self._rejected(part, blamed.refused)
                named = self._chunker.part(part, sorted(blamed.refused))
                settled.append(SettledChunk(named.items, named.positions, None, rejected))
            others = [index for index in range(len(part)) if index not in blamed.refused]
            settled.append(self._all(kind, self._chunker.part(part, others), blamed.unread))
            return
        sent = words_in(part.items) if blamed.warnings else set[str]()
        taken.warnings = [leave_out(warning, sent) for warning in blamed.warnings]
        open_items = set(blamed.retryable)
        if blamed.unattributed is not None:
            open_items.update(range(len(part)))
            open_items -= blamed.refused.keys()
        if len(open_items) < len(part):
            closed = [index for index in range(len(part)) if index not in open_items]
            taken.items = chosen(part.items, closed)
            taken.positions = [part.positions[index] for index in closed]
            taken.undelivered = self._rejected(part, blamed.refused)
            settled.append(taken)
        unattributed = sorted(open_items - blamed.retryable.keys())
        if blamed.unattributed is None:
            search.refusals.count = 0
            self._note_success()
        elif unattributed:
            self._leave_open(part, unattributed, blamed.unattributed, search)
        if blamed.retryable:
            await self._ask_again(part, blamed.retryable, search)

    def _leave_open(
        self, sent: Chunk[Item], unattributed: Sequence[int], error: VendorError, search: _Search[Item]
    ) -> None:
        """Find those that failed among items of which the answer names none."""
        part = self._chunker.part(sent, unattributed)
        divided = search.divided
        if len(sent) == 1:
            # It was asked alone, and one failed.
            divided.settled.append(self._alone(part, error))
        elif not self._plan.idempotent or search.refusals.add(error) >= search.patience:
            divided.settled.append(self._all(InDoubt, part, _with_remedy(error, _NOT_NAMED)))
        else:
            # One that is left over is asked alone too: a counter that is wrong must not condemn it.
            part.open = True
            if len(part) > 1:
                self._divide_further(part, error, divided)
            else:
                divided.waiting.append(part)

    def _alone(self, part: Chunk[Item], error: VendorError) -> SettledChunk[Item]:
        """Settle an item that was asked alone and has failed."""
        if error.may_have_happened:
            return self._all(InDoubt, part, error)
        return self._all(Rejected if isinstance(error, Refused) else Failed, part, error)

    async def _ask_again(
        self, part: Chunk[Item], again: Mapping[int, VendorError], search: _Search[Item]
    ) -> None:
        """Send again what the vendor says it has not done, a few times and after a pause."""
        search.rounds += 1
        search.waits = search.waits or Waits(self._plan.retry)
        wait = search.waits.next()
        late = self._sender.now() + wait >= self._sender.deadline
        if search.rounds >= self._plan.retry.attempts or self._sender.halted is not None or late:
            for index, error in again.items():
                search.divided.settled.append(self._all(Failed, self._chunker.part(part, [index]), error))
            return
        search.divided.waiting.append(self._chunker.part(part, sorted(again)))
        self._tally.retries += 1
        await asyncio.sleep(wait)

    def _take_apart(self, part: Chunk[Item], failure: Failure, search: _Search[Item]) -> None:
        """Put the parts of a part that was not taken in line, or give up the search."""
        divided = search.divided
        error = cast("VendorError", failure.error)
        # An erasure that was done before is refused all the way down: that is not a wrong request.
        if not self._is_gone(error) and search.refusals.add(error) >= search.patience:
            divided.settled.extend(self._stop_searching([*divided.waiting, part], error, search))
            divided.waiting.clear()
        elif named := self._named(part, failure):
            refused = self._chunker.part(part, sorted(named))
            divided.settled.append(
                SettledChunk(refused.items, refused.positions, None, self._rejected(part, named))
            )
            others = [index for index in range(len(part)) if index not in named]
            if others:
                self._tally.divisions += 1
                divided.waiting.append(self._chunker.part(part, others))
        else:
            self._divide_further(part, error, divided)

    def _divide_further(self, part: Chunk[Item], error: VendorError, divided: Divided[Item]) -> None:
        """Put the halves of a part in line, the first half to be sent next."""
        perhaps = part.open or part.prepared.in_doubt or error.may_have_happened
        if perhaps and self._chunker.of_one_user(part):
            # The last of them may be there already: to send an earlier one again, alone, would undo it.
            divided.settled.append(self._all(InDoubt, part, _with_remedy(error, _NOT_APART)))
        else:
            self._tally.divisions += 1
            # The first half comes last: the next to be sent is taken from the end.
            divided.waiting.extend(reversed(self._chunker.split(part)))

    def _named(self, part: Chunk[Item], failure: Failure) -> Mapping[int, VendorError]:
        """Return the items that a refusal names as the reason why it refused all of them."""
        if self._plan.blame is None or failure.response is None or not isinstance(failure.error, Refused):
            return {}
        return self._item_errors(failure.response, part).refused

    def _rejected(self, part: Chunk[Item], refused: Mapping[int, VendorError]) -> Sequence[Undelivered[Item]]:
        """Make the outcomes of the items that an answer names."""
        rejected: list[Undelivered[Item]] = []
        for index, error in sorted(refused.items()):
            if self._is_gone(error):
                continue
            item = part.items[index]
            key = self._chunker.key(item)
            rejected.append(Rejected(part.positions[index], item, error.without({key, *words_in(item)}), key))
        return rejected

    def _is_gone(self, error: NetaudienceError) -> bool:
        return self._plan.erases and isinstance(error, NotFound)

    def _searches(self, chunk: Chunk[Item], failure: Failure) -> bool:
        """Return whether the item at fault is to be searched for; stop the run where that is of no use."""
        error = failure.error
        if failure.stops:
            self._sender.halt(error)
        if not failure.sent:
            return False
        # A refusal proves that nothing was done, whatever the operation is: its parts may be sent. What the
        # vendor's program fails on may be one item; what it did before it failed is not known.
        allowed = isinstance(error, Refused) or (isinstance(error, ServerFault) and self._plan.idempotent)
        return len(chunk) > 1 and allowed and self._sender.halted is None

    def _note_success(self) -> None:
        self._taken_count += 1
        self._refusals.count = 0

    def _note_failure(self, chunk: Chunk[Item], failure: Failure) -> None:
        """Count a refused chunk that is not divided."""
        error = failure.error
        if not failure.sent or not isinstance(error, Refused | ServerFault):
            return
        if len(chunk) == 1 and isinstance(error, NotFound):
            return  # names its one item: says nothing about the request
        self._note_refusals(error, 1)

    def _note_refusals(self, error: VendorError, times: int) -> None:
        """Count refusals after which nothing comes of a chunk; stop the run where they are all that comes.

        A chunk that is divided counts when its search has ended and nothing was taken meanwhile: before
        the first of its parts is taken it is refused many times, and as many chunks as there are workers
        may be at that at one time.
        """
        if self._refusals.add(error, times) >= _RUN_PATIENCE:
            self._sender.halt(_wrong_request(error, self._refusals.count))

    def _stop_searching(
        self, waiting: list[Chunk[Item]], error: VendorError, search: _Search[Item]
    ) -> list[SettledChunk[Item]]:
        """Give up the rest of a chunk that is refused again and again; stop the run if all of it is."""
        count = search.refusals.count
        reason = _wrong_request(error, count)
        if self._taken_count == search.taken_before:  # nor was anything else of this run taken meanwhile
            self._sender.halt(reason)
        return [
            self._all(InDoubt if part.prepared.in_doubt or part.open else Failed, part, reason)
            for part in reversed(waiting)
        ]

    def _given_up(self, part: Chunk[Item], failure: Failure) -> SettledChunk[Item]:
        """Settle a part that was not delivered and is not halved."""
        error = failure.error
        if len(part) == 1 and self._is_gone(error):
            return SettledChunk(part.items, part.positions, warnings=(GONE,))
        if failure.sent and len(part) == 1 and isinstance(error, Refused) and not part.prepared.in_doubt:
            return self._all(Rejected, part, error)
        if part.prepared.in_doubt or part.open:
            return self._all(InDoubt, part, error)
        return self._all(Failed, part, error)

    def _all(
        self,
        outcome: type[Rejected[Item] | Failed[Item] | InDoubt[Item]],
        part: Chunk[Item],
        reason: NetaudienceError,
    ) -> SettledChunk[Item]:
        """Settle all items of a part alike."""
        undelivered = all_alike(outcome, part.items, part.positions, reason, self._chunker.key)
        return SettledChunk(part.items, part.positions, None, undelivered)

    def _taken(self, chunk: Chunk[Item], answer: Response) -> SettledChunk[Item]:
        """Settle a chunk that the vendor took."""
        try:
            result = self._decode(answer)
        except ValueError as error:
            unreadable = Unreadable(self._tally.vendor, answer.status, vendor_message=str(error))
            return self._all(InDoubt if chunk.prepared.in_doubt else Failed, chunk, unreadable)
        except Exception as error:  # noqa: BLE001 - an answer may be anything
            unreadable = not_read(error, self._tally.vendor, answer.status)
            return self._all(InDoubt if chunk.prepared.in_doubt else Failed, chunk, unreadable)
        return SettledChunk(chunk.items, chunk.positions, result)


class _Search(Generic[Item]):
    """What is remembered while the items at fault in one chunk are searched for."""

    __slots__ = ("divided", "patience", "refusals", "rounds", "taken_before", "waits")

    def __init__(self, divided: Divided[Item], patience: int, taken_before: int) -> None:
        self.divided = divided
        #: Refusals in a row after which the search is given up.
        self.patience = patience
        #: How many requests of the run had been taken when it began.
        self.taken_before = taken_before
        self.refusals = _Refusals()
        #: How often the vendor has asked for the same items once more.
        self.rounds = 0
        self.waits: Waits | None = None


class _Refusals:
    """Counts refusals in a row for one reason."""

    __slots__ = ("count", "last", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.reason: object = None
        self.last: VendorError | None = None

    def add(self, error: VendorError, times: int = 1) -> int:
        self.last = error
        reason = (error.status, error.vendor_message if error.code is None else error.code)
        if reason != self.reason:
            self.reason, self.count = reason, 0
        self.count += times
        return self.count


#: Warns of an item of an erasure that was not there.
GONE = "Somebody was not there, or had been erased before, which counts as done"
_NOT_APART = (
    "These rows are of one user, and some of them may have been done: one sent again alone could undo a "
    "later one, so none was"
)


_NOT_NAMED = "More items failed than the answer names: which of the others did is not known"


def _with_remedy(error: VendorError, remedy: str) -> VendorError:
    copied = copy.copy(error)
    copied.remedy = remedy
    return copied


def _wrong_request(error: VendorError, count: int) -> VendorError:
    return _with_remedy(
        error,
        f"{count:,} requests in a row were refused for this reason and none was taken: "
        "look at the arguments and at the column that the items come from",
    )
