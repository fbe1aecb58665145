"""Packs a stream of items into chunks that keep a request's limits: keys, rows and encoded bytes.

Pure: no clock, no loop, no I/O. Where the order of one key's items matters (an item carries a value), an
item whose key is in a chunk that is not yet settled is held back, in order, until that chunk is released;
all others pass it. Items that break a documented rule come out as a settled chunk and are never sent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from netaudience.engine.in_flight_keys import InFlightKeys
from netaudience.engine.run_plan import RunPlan
from netaudience.errors import ConfigurationError, InvalidItem, ItemTooLarge
from netaudience.model.surprises import not_checked, unwritable
from netaudience.model.taking import chosen, joined
from netaudience.model.texts import RowTexts, Texts
from netaudience.model.wire import Prepared
from netaudience.outcomes import Rejected, SettledChunk

Item = TypeVar("Item")
#: A body this full is not worth encoding the chunk once more for another row.
_FULL_ENOUGH = 0.9


class Chunk(Generic[Item]):
    """Items that go in one request, already encoded."""

    __slots__ = ("divided", "items", "keys", "open", "positions", "prepared")

    def __init__(
        self,
        items: Sequence[Item],
        positions: Sequence[int],
        prepared: Prepared,
        keys: Collection[str] | None = None,
    ) -> None:
        kept: object = items
        if type(kept) is Texts:  # an abstract class is asked at length whether it is one's (benchmark P2)
            kept.let_go(prepared.body)
        self.items = prepared.items = items
        self.positions = positions
        self.prepared = prepared
        prepared.records = len(positions)
        #: The keys that stay busy until the chunk is released; None where order does not matter.
        self.keys = keys
        #: True where an answer took some of its items, nobody knows which: refusals say nothing of them.
        self.open = False
        #: How far its division has come, while the vendor refuses it as a whole.
        self.divided: Divided[Item] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<Chunk of {len(self.items):,} items, {self.prepared.size:,} bytes>"


class Divided(Generic[Item]):
    """A chunk in parts: those still to be settled, the next at the end, and those that are."""

    __slots__ = ("settled", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Chunk[Item]] = []
        self.settled: list[SettledChunk[Item]] = []


class _Line(Generic[Item]):
    """Items in their order, with the position and, where order matters, the key of each; never changed.

    How many there are, its positions tell: a range or a list, where items may have to be asked in Python
    (benchmarks P1 and P2).
    """

    __slots__ = ("items", "keys", "positions")

    def __init__(self, items: Sequence[Item], positions: Sequence[int], keys: Sequence[str]) -> None:
        self.items = items
        self.positions = positions
        self.keys = keys

    def before(self, stop: int) -> _Line[Item]:
        """Return the rows before a position."""
        if stop >= len(self.positions):
            return self
        return _Line(self.items[:stop], self.positions[:stop], self.keys[:stop])

    def behind(self, start: int) -> _Line[Item]:
        """Return the rows from a position on."""
        if start >= len(self.positions):
            return _Line((), range(0), ())
        return _Line(self.items[start:], self.positions[start:], self.keys[start:])

    def chosen(self, indices: Sequence[int]) -> _Line[Item]:
        """Return those at these places."""
        keys = [self.keys[index] for index in indices] if self.keys else ()
        return _Line(chosen(self.items, indices), [self.positions[index] for index in indices], keys)

    def followed_by(self, other: _Line[Item]) -> _Line[Item]:
        """Return these and those behind them."""
        first, second = self.positions, other.positions
        if not first or not second:
            return self if first else other
        if isinstance(first, range) and isinstance(second, range) and first.stop == second.start:
            positions: Sequence[int] = range(first.start, second.stop)
        else:
            positions = [*first, *second]
        return _Line(joined(self.items, other.items), positions, [*self.keys, *other.keys])


class Chunker(Generic[Item]):
    """Feed it pages of items; it gives back chunks, and what it rejected."""

    def __init__(self, plan: RunPlan, encode: Callable[[Sequence[Item]], Prepared]) -> None:
        kind, rows, keys = plan.kind, plan.rows, plan.keys
        self._kind = kind
        self._encode = encode
        #: The most rows that a chunk may have.
        self.rows = rows
        #: Whether items carry values, so that the order of one key's items matters.
        self.keyed = kind.keyed
        self._max_keys = keys if keys is not None and (kind.keyed or keys < rows) else None
        self._max_bytes = plan.max_bytes
        #: The page that a rejected item's reason names.
        self._docs = plan.docs
        # Rows that lately fitted into the bytes: only saves encoding what would not fit anyway.
        self._likely = rows
        self._line: _Line[Item] = _Line((), range(0), ())
        #: Whether no two of the waiting items have one key; None where that is not known.
        self._distinct: bool | None = None
        self._busy = InFlightKeys()
        self._held: _Line[Item] = _Line((), range(0), ())
        self._held_keys: set[str] = set()
        #: Items that had to wait for an earlier one of their key.
        self.in_turn = 0
        #: The positions of those of them that are not settled yet: one may be held back more than once.
        self._waited: set[int] = set()

    def __repr__(self) -> str:
        return f"<Chunker: {len(self._line.positions):,} waiting, {len(self._held.positions):,} held back>"

    @property
    def waiting(self) -> int:
        """Items that were fed and are in no chunk yet, those held back included."""
        return len(self._line.positions) + len(self._held.positions)

    @property
    def holding(self) -> bool:
        """True where items wait for a chunk with their key to be released."""
        return bool(self._held.positions)

    @property
    def packable(self) -> bool:
        """True where items wait that nothing holds back."""
        return bool(self._line.positions)

    @property
    def wanting(self) -> int:
        """How many more items make a chunk, as far as is known."""
        return max(1, self._likely - len(self._line.positions))

    @property
    def full(self) -> bool:
        """True where too many items are held back for more to be fed."""
        return len(self._held.positions) >= self.rows

    def feed(self, page: Sequence[Item], positions: Sequence[int]) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Take a page of items, with the position at which the source yielded each.

        Nobody changes the page any more: chunks may keep it as it is.
        """
        packed: list[Chunk[Item] | SettledChunk[Item]] = []
        try:
            problems, keys, page, kept = self._kind.examine(page)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a rule did not think of is about few of the items
            return self._feed_apart(page, positions, error)
        fed = _Line(page, positions, keys)
        if problems:
            packed.append(self._reject(page, positions, problems))
            fed = fed.chosen([index for index in range(len(page)) if index not in problems])
        self._append(self._hold_back(fed) if self.keyed else fed)
        if (
            len(self._line.positions) > self._likely == self.rows
            and self._max_keys is None
            and self._is_distinct()
        ):
            self._cut_alike(packed)
        if self._line.items is not page:
            kept = None  # others go before them
        while len(self._line.positions) >= self._likely:
            self._cut(packed, kept)
            kept = None
        if self._kind.unique_per_request and self.full:
            # What is held back may wait for what waits here, and not for a chunk that is out.
            packed += self.flush()
        return packed

    def _feed_apart(
        self, page: Sequence[Item], positions: Sequence[int], error: Exception
    ) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Take a page on which a rule has failed: what it failed on is rejected, the rest goes its way."""
        if len(page) == 1:
            return [self._reject(page, positions, {0: not_checked(error)})]
        middle = len(page) // 2
        packed: list[Chunk[Item] | SettledChunk[Item]] = []
        for part in (range(middle), range(middle, len(page))):
            packed += self.feed(chosen(page, part), [positions[at] for at in part])
        return packed

    def flush(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Give out what waits, held-back items excepted: they wait for a release."""
        packed: list[Chunk[Item] | SettledChunk[Item]] = []
        while self._line.positions:
            self._cut(packed)
        return packed

    def release(self, chunk: Chunk[Item]) -> None:
        """Take note that a chunk is settled: items held back for its keys go first from now on."""
        if chunk.keys is None:
            return
        self._busy.remove(chunk.keys)
        if self._waited:
            self._waited.difference_update(chunk.positions)
        if self._held_keys and not self._held_keys.isdisjoint(chunk.keys):
            self._take_back_held()

    def abandon(self) -> SettledChunk[Item]:
        """Give back everything that is in no chunk, with no outcome: the run ends here."""
        left = self._line.followed_by(self._held)
        self._line = self._held = _Line((), range(0), ())
        self._held_keys = set()
        return SettledChunk(left.items, left.positions)

    def part(self, chunk: Chunk[Item], indices: Sequence[int]) -> Chunk[Item]:
        """Make a chunk of some of a chunk's items; its keys are released with the whole."""
        items = self._kind.kept(chosen(chunk.items, indices))
        part = Chunk(items, [chunk.positions[index] for index in indices], self._encode(items))
        part.open = chunk.open
        part.prepared.chunk = chunk.prepared.chunk
        return part

    def split(self, chunk: Chunk[Item]) -> tuple[Chunk[Item], Chunk[Item]]:
        """Halve a chunk, order kept; the halves are released with the whole.

        Rows of one user stay together where there are others: if the first half were done once more and the
        second half never, an earlier row would stand where a later one had been.
        """
        if self.keyed:
            keys = self._keys_of(chunk.items)
            users = list(dict.fromkeys(keys))
            if 1 < len(users) < len(keys):
                first = set(users[: len(users) // 2])
                halves = [index for index, key in enumerate(keys) if key in first]
                others = [index for index, key in enumerate(keys) if key not in first]
                return self.part(chunk, halves), self.part(chunk, others)
        middle = len(chunk) // 2
        return self.part(chunk, range(middle)), self.part(chunk, range(middle, len(chunk)))

    def of_one_user(self, chunk: Chunk[Item]) -> bool:
        """Return whether a chunk has several rows, all of one user."""
        return self.keyed and len(chunk) > 1 and len(set(self._keys_of(chunk.items))) == 1

    def key(self, item: object) -> str:
        """Return an item's key for a message; nothing where it has none that can be read."""
        try:
            return self._kind.key(item)
        except Exception:  # noqa: BLE001 - whatever is wrong with the item is reported in its reason
            return ""

    def _keys_of(self, items: Sequence[Item]) -> Sequence[str]:
        rows: object = items
        return rows.keys if isinstance(rows, RowTexts) else self._kind.keys(items)

    def _append(self, fed: _Line[Item]) -> None:
        self._line = self._line.followed_by(fed)
        self._distinct = None
        if self._kind.unique_per_request and len(set(self._line.keys)) < len(self._line.positions):
            self._hold_repetitions()

    def _take_back_held(self) -> None:
        """Look again at what is held back: some of it may go now."""
        held = self._held
        nothing: _Line[Item] = _Line((), range(0), ())
        self._held, self._held_keys = nothing, set()
        free = self._hold_back(held)
        self._append(free)

    def _hold_repetitions(self) -> None:
        """Hold back all but the first waiting item of each key: two of them never go in one request."""
        seen: set[str] = set()
        first: list[int] = []
        repeated: list[int] = []
        for index, key in enumerate(self._line.keys):
            (repeated if key in seen else first).append(index)
            seen.add(key)
        self._hold(self._line.chosen(repeated))
        self._line = self._line.chosen(first)

    def _hold_back(self, fed: _Line[Item]) -> _Line[Item]:
        """Return what of it may go now; keep the rest, in order, for a release."""
        # A key that is held back is busy: the release of its chunk frees all that is held for it.
        if not self._busy.meets(fed.keys):
            return fed
        taken = self._busy.among(fed.keys)
        self._hold(fed.chosen([index for index, key in enumerate(fed.keys) if key in taken]))
        return fed.chosen([index for index, key in enumerate(fed.keys) if key not in taken])

    def _hold(self, line: _Line[Item]) -> None:
        self._held = self._held.followed_by(line)
        self._held_keys.update(line.keys)
        new = set(line.positions) - self._waited
        self._waited |= new
        self.in_turn += len(new)

    def _cut_alike(self, packed: list[Chunk[Item] | SettledChunk[Item]]) -> None:
        """Cut what waits in chunks of as many rows, up to the first that has to be looked at.

        No two of the waiting items have one key, so that nothing behind a chunk has to wait for it. It is for
        requests of one row, which would be looked after one by one (benchmark P2).
        """
        line, count = self._line, self._likely
        most, keyed, busy, keep = self._max_bytes, self.keyed, self._busy, self._kind.kept
        items, keys, positions = line.items, line.keys, line.positions
        start, stop = 0, count
        while stop <= len(positions):
            part = keep(items[start:stop])
            try:
                prepared = self._encode(part)
            except ConfigurationError:
                raise
            except Exception:  # noqa: BLE001 - told of the item that it is about
                break
            if most is not None and prepared.size > most:
                break
            busy_keys = busy.add(keys[start:stop]) if keyed else None
            packed.append(Chunk(part, positions[start:stop], prepared, busy_keys))
            start, stop = stop, stop + count
        if start:
            self._line = line.behind(start)

    def _is_distinct(self) -> bool:
        """Return whether no two of the waiting items have one key whose order matters."""
        if self._distinct is None:
            self._distinct = not self.keyed or len(set(self._line.keys)) == len(self._line.positions)
        return self._distinct

    def _cut(
        self, packed: list[Chunk[Item] | SettledChunk[Item]], kept: Sequence[Item] | None = None
    ) -> None:
        """Cut the longest chunk that the limits allow off the front of what waits.

        Args:
            packed: Where the chunk goes, or what was rejected in its place.
            kept: All that waits, in the form in which it is written and kept, where that is made already.
        """
        line = self._line
        count = min(self._likely, len(line.positions))
        if self._max_keys is not None and count > self._max_keys:
            listed = line.keys if self.keyed else self._kind.keys(line.items[:count])
            count = _prefix(listed[:count], self._max_keys)
        items = line.items if count == len(line.positions) else line.items[:count]
        if kept is None or count < len(line.positions):
            kept = self._kind.kept(items)
        try:
            prepared = self._encode(kept)
        except ConfigurationError:
            raise
        except Exception:  # noqa: BLE001 - told of the item that it is about
            self._sift(count, packed)
            return
        if self._max_bytes is not None and prepared.size > self._max_bytes:
            count = self._fitting(items, prepared.size)
            if count == 0:
                packed.append(self._too_large(self._encode(items[:1]).size))
                return
            self._likely = count
            kept = self._kind.kept(items[:count])
            prepared = self._encode(kept)
        elif self._likely < self.rows:
            self._likely = min(self.rows, self._likely + self._likely // 8 + 1)
        packed.append(self._chunk(kept, prepared))

    def _chunk(self, items: Sequence[Item], prepared: Prepared) -> Chunk[Item]:
        """Take the first items out as a chunk; its keys are busy from now on."""
        count, line = len(items), self._line
        taken, self._line = line.before(count), line.behind(count)
        busy_keys = self._busy.add(taken.keys) if self.keyed else None
        chunk = Chunk(items, taken.positions, prepared, busy_keys)
        repeats = self.keyed and self._line.positions and not self._distinct
        if repeats and not set(taken.keys).isdisjoint(self._line.keys):
            self._line = self._hold_back(self._line)
        return chunk

    def _fitting(self, items: Sequence[Item], size: int) -> int:
        """Return how many of the first items fit into the bytes of a request.

        A body's size is nearly additive; the true size of every candidate decides.
        """
        assert self._max_bytes is not None  # noqa: S101 - the only caller has asked
        fits, too_many = 0, len(items)
        guess = _guess(items, size, self._max_bytes)
        while too_many - fits > 1:
            size = self._encode(items[:guess]).size
            if size > self._max_bytes:
                too_many = guess
            else:
                fits = guess
                if size > self._max_bytes * _FULL_ENOUGH:
                    break
            guess = (fits + too_many) // 2
        return fits

    def _too_large(self, size: int) -> SettledChunk[Item]:
        limit = self._max_bytes or 0
        reason = ItemTooLarge(
            f"The item alone makes a request of {size:,} bytes and a request may have {limit:,}: "
            "make it smaller, or raise max_bytes if the vendor allows more"
        )
        return self._take_out(0, reason)

    def _sift(self, count: int, packed: list[Chunk[Item] | SettledChunk[Item]]) -> None:
        """Reject those of the first items that cannot be encoded."""
        sifted = 0
        for index in reversed(range(count)):
            try:
                self._encode(self._line.items[index : index + 1])
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - it is about this item alone
                reason = unwritable(error)
                sifted += 1
                packed.append(self._take_out(index, reason))
        if not sifted:
            raise ConfigurationError(
                "The arguments of the operation cannot be written as JSON, though each item alone can"
            )

    def _take_out(self, index: int, reason: InvalidItem) -> SettledChunk[Item]:
        line = self._line
        item, position, keys = line.items[index], line.positions[index], line.keys[index : index + 1]
        self._line = line.chosen([at for at in range(len(line.positions)) if at != index])
        if self._held.positions and not self._held_keys.isdisjoint(keys):
            self._take_back_held()  # they may have waited for this one alone
        self._waited.discard(position)
        rejected = Rejected(position, item, reason.see(self._docs), self.key(item))
        return SettledChunk([item], [position], None, [rejected])

    def _reject(
        self, page: Sequence[Item], positions: Sequence[int], problems: Mapping[int, InvalidItem]
    ) -> SettledChunk[Item]:
        rejected = [
            Rejected(positions[index], page[index], reason.see(self._docs), self.key(page[index]))
            for index, reason in sorted(problems.items())
        ]
        return SettledChunk(
            [outcome.item for outcome in rejected],
            [outcome.position for outcome in rejected],
            None,
            rejected,
        )


def _prefix(keys: Sequence[str], most: int) -> int:
    """Return the length of the longest prefix with at most this number of distinct keys."""
    if len(set(keys)) <= most:
        return len(keys)
    seen: set[str] = set()
    for index, key in enumerate(keys):
        seen.add(key)
        if len(seen) > most:
            return index
    return len(keys)


def _guess(items: Sequence[object], size: int, most: int) -> int:
    """Guess how many of the first items fit into a number of bytes, of which all take more."""
    if isinstance(items, RowTexts):
        sizes = list(accumulate(len(text) + 1 for text in items.texts))
        fits = bisect_right(sizes, most - (size - sizes[-1]))
    else:
        fits = int(len(items) * most / size)
    return max(1, min(len(items) - 1, fits))
