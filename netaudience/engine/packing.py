"""Packs a stream of items into chunks that keep a request's limits: keys, rows and encoded bytes.

Pure: no clock, no loop, no I/O. Where the order of one key's items matters (an item carries a value), an
item whose key is in a chunk that is not yet settled is held back, in order, until that chunk is released;
all others pass it. Items that break a documented rule come out as a settled chunk and are never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from netaudience.engine.busy import Busy
from netaudience.errors import ConfigurationError, InvalidItem, ItemTooLarge
from netaudience.items import Kind
from netaudience.outcomes import Rejected, SettledChunk
from netaudience.wire import Prepared, Texts

__all__ = ["Chunk", "Divided", "Packer"]

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
        if isinstance(kept, Texts):
            kept.let_go(prepared.body)
        self.items = prepared.items = items
        self.positions = positions
        self.prepared = prepared
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


class Packer(Generic[Item]):
    """Feed it pages of items; it gives back chunks, and what it rejected."""

    def __init__(  # noqa: PLR0913 - every argument is one independent bound
        self,
        kind: Kind,
        encode: Callable[[Sequence[Item]], Prepared],
        *,
        rows: int,
        keys: int | None = None,
        max_bytes: int | None = None,
        docs: str = "",
    ) -> None:
        self._kind = kind
        self._encode = encode
        #: The most rows that a chunk may have.
        self.rows = rows
        #: Whether items carry values, so that the order of one key's items matters.
        self.ordered = kind.ordered
        self._max_keys = keys if keys is not None and (kind.ordered or keys < rows) else None
        self._max_bytes = max_bytes
        #: The page that a rejected item's reason names.
        self._docs = docs
        # Rows that lately fitted into the bytes: only saves encoding what would not fit anyway.
        self._likely = rows
        self._items: list[Item] = []
        self._positions: range | list[int] = range(0)
        #: The keys of the waiting items, where their order matters; read once, for it costs per item.
        self._keys: Sequence[str] = ()
        #: Whether no two of them are the same; None where that is not known.
        self._distinct: bool | None = None
        self._busy = Busy()
        self._held: list[Item] = []
        self._held_positions: list[int] = []
        self._held_keys: set[str] = set()

    def __repr__(self) -> str:
        return f"<Packer: {len(self._items):,} waiting, {len(self._held):,} held back>"

    @property
    def waiting(self) -> int:
        """Items that were fed and are in no chunk yet, those held back included."""
        return len(self._items) + len(self._held)

    @property
    def holding(self) -> bool:
        """True where items wait for a chunk with their key to be released."""
        return bool(self._held)

    @property
    def packable(self) -> bool:
        """True where items wait that nothing holds back."""
        return bool(self._items)

    @property
    def wanting(self) -> int:
        """How many more items make a chunk, as far as is known."""
        return max(1, self._likely - len(self._items))

    @property
    def full(self) -> bool:
        """True where so many items are held back that nothing more should be fed."""
        return len(self._held) >= self.rows

    def feed(
        self, page: list[Item], positions: range | list[int], *, lent: bool = False
    ) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Take a page of items, with the position at which the source yielded each.

        Args:
            page: The items; the list is kept, and changed, unless it is lent.
            positions: Where they were, as many.
            lent: Whether the list is the caller's own, who may fill it with other items afterwards.
        """
        packed: list[Chunk[Item] | SettledChunk[Item]] = []
        given = page
        problems, keys, kept = self._kind.examine(page)
        if problems:
            packed.append(self._reject(page, positions, problems))
            good = [index for index in range(len(page)) if index not in problems]
            page = [page[index] for index in good]
            positions = [positions[index] for index in good]
            keys = self._kind.keys(page)
        if self.ordered:
            self._append(*self._hold_back(page, positions, keys))
        else:
            self._append(page, positions, ())
        if len(self._items) > self._likely == self.rows and self._max_keys is None and self._is_distinct():
            self._cut_alike(packed)
        if self._items is not page:
            kept = None  # others go before them
        while len(self._items) >= self._likely:
            self._cut(packed, kept)
            kept = None
        if self._kind.apart and self.full:
            # What is held back may wait for what waits here, and not for a chunk that is out.
            packed += self.flush()
        if lent:
            self._give_back(given, packed)
        return packed

    def flush(self) -> list[Chunk[Item] | SettledChunk[Item]]:
        """Give out what waits, held-back items excepted: they wait for a release."""
        packed: list[Chunk[Item] | SettledChunk[Item]] = []
        while self._items:
            self._cut(packed)
        return packed

    def release(self, chunk: Chunk[Item]) -> None:
        """Take note that a chunk is settled: items held back for its keys go first from now on."""
        if chunk.keys is None:
            return
        self._busy.remove(chunk.keys)
        if self._held and not self._held_keys.isdisjoint(chunk.keys):
            self._take_back_held()

    def abandon(self) -> SettledChunk[Item]:
        """Give back everything that is in no chunk, with no outcome: the run ends here."""
        items = [*self._items, *self._held]
        positions = [*self._positions, *self._held_positions]
        self._items, self._positions, self._keys = [], range(0), ()
        self._held, self._held_positions, self._held_keys = [], [], set()
        return SettledChunk(items, positions)

    def part(self, chunk: Chunk[Item], indices: Sequence[int]) -> Chunk[Item]:
        """Make a chunk of some of a chunk's items; its keys are released with the whole."""
        items = self._kind.kept([chunk.items[index] for index in indices])
        part = Chunk(items, [chunk.positions[index] for index in indices], self._encode(items))
        part.open = chunk.open
        part.prepared.chunk = chunk.prepared.chunk
        return part

    def split(self, chunk: Chunk[Item]) -> tuple[Chunk[Item], Chunk[Item]]:
        """Halve a chunk, order kept; the halves are released with the whole.

        Rows of one user stay together where there are others: if the first half were done once more and the
        second half never, an earlier row would stand where a later one had been.
        """
        if self.ordered:
            keys = self._kind.keys(chunk.items)
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
        return self.ordered and len(chunk) > 1 and len(set(self._kind.keys(chunk.items))) == 1

    def key(self, item: object) -> str:
        """Return an item's key for a message."""
        return self._kind.key(item)

    def _give_back(self, page: list[Item], packed: list[Chunk[Item] | SettledChunk[Item]]) -> None:
        """Keep a list of our own in place of a page that was lent, where it is kept as it was given.

        Identifiers mostly are not, and a copy for nothing goes through all of them twice more.
        """
        if self._items is page:
            self._items = list(page)
        for part in packed:
            if isinstance(part, Chunk) and part.items is page:
                own = list(page)
                part.items, part.prepared.items = own, own

    def _append(self, page: list[Item], positions: range | list[int], keys: Sequence[str]) -> None:
        held = self._positions
        if not self._items:
            self._items, self._positions, self._keys = page, positions, keys
        else:
            # A new list: what is known of the old one does not hold for this one.
            self._keys = [*self._keys, *keys]
            self._items.extend(page)
            if isinstance(held, range) and isinstance(positions, range) and held.stop == positions.start:
                self._positions = range(held.start, positions.stop)
            else:
                self._positions = [*held, *positions]
        self._distinct = None
        if self._kind.apart and len(set(self._keys)) < len(self._keys):
            self._hold_repetitions()

    def _take_back_held(self) -> None:
        """Look again at what is held back: some of it may go now."""
        items, positions = self._held, self._held_positions
        self._held, self._held_positions, self._held_keys = [], [], set()
        self._append(*self._hold_back(items, positions, self._kind.keys(items)))

    def _hold_repetitions(self) -> None:
        """Hold back all but the first waiting item of each key: two of them never go in one request."""
        seen: set[str] = set()
        repeated: list[bool] = []
        for key in self._keys:
            repeated.append(key in seen)
            seen.add(key)
        waiting = list(zip(self._items, self._positions, self._keys, repeated, strict=True))
        for item, position, key, again in waiting:
            if again:
                self._held.append(item)
                self._held_positions.append(position)
                self._held_keys.add(key)
        self._items = [item for item, _, _, again in waiting if not again]
        self._positions = [position for _, position, _, again in waiting if not again]
        self._keys = [key for _, _, key, again in waiting if not again]

    def _hold_back(
        self, page: list[Item], positions: range | list[int], keys: Sequence[str]
    ) -> tuple[list[Item], range | list[int], Sequence[str]]:
        """Return the part of the page that may go now; keep the rest, in order, for a release."""
        # A key that is held back is busy: the release of its chunk frees all that is held for it.
        if not self._busy.meets(keys):
            return page, positions, keys
        taken = self._busy.among(keys)
        free: list[Item] = []
        free_positions: list[int] = []
        free_keys: list[str] = []
        for item, position, key in zip(page, positions, keys, strict=True):
            if key in taken:
                self._held.append(item)
                self._held_positions.append(position)
                self._held_keys.add(key)
            else:
                free.append(item)
                free_positions.append(position)
                free_keys.append(key)
        return free, free_positions, free_keys

    def _cut_alike(self, packed: list[Chunk[Item] | SettledChunk[Item]]) -> None:
        """Cut what waits in chunks of as many rows, up to the first that has to be looked at.

        No two of the waiting items have one key, so that nothing behind a chunk has to wait for it.
        """
        items, positions, keys, count = self._items, self._positions, self._keys, self._likely
        most, ordered, kind, busy = self._max_bytes, self.ordered, self._kind, self._busy
        start, stop = 0, count
        while stop <= len(items):
            part = kind.kept(items[start:stop])
            try:
                prepared = self._encode(part)
            except ConfigurationError:
                raise
            except (TypeError, ValueError, InvalidItem):
                break
            if most is not None and prepared.size > most:
                break
            busy_keys = busy.add(keys[start:stop]) if ordered else None
            packed.append(Chunk(part, positions[start:stop], prepared, busy_keys))
            start, stop = stop, stop + count
        if start:
            self._items, self._positions, self._keys = items[start:], positions[start:], keys[start:]

    def _is_distinct(self) -> bool:
        """Return whether no two of the waiting items have one key whose order matters."""
        if self._distinct is None:
            self._distinct = not self.ordered or len(set(self._keys)) == len(self._keys)
        return self._distinct

    def _cut(
        self, packed: list[Chunk[Item] | SettledChunk[Item]], kept: Sequence[Item] | None = None
    ) -> None:
        """Cut the longest chunk that the limits allow off the front of what waits.

        Args:
            packed: Where the chunk goes, or what was rejected in its place.
            kept: All that waits, in the form in which it is written and kept, where that is made already.
        """
        count = min(self._likely, len(self._items))
        if self._max_keys is not None and count > self._max_keys:
            listed = self._keys if self.ordered else self._kind.keys(self._items[:count])
            count = _prefix(listed[:count], self._max_keys)
        items = self._items if count == len(self._items) else self._items[:count]
        if kept is None or count < len(self._items):
            kept = self._kind.kept(items)
        try:
            prepared = self._encode(kept)
        except ConfigurationError:
            raise
        except (TypeError, ValueError, InvalidItem):
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
        count, positions, keys = len(items), self._positions, self._keys
        if count == len(self._items):
            self._items, self._positions, self._keys = [], range(0), ()
        else:
            positions = positions[:count]
            self._items, self._positions = self._items[count:], self._positions[count:]
            keys, self._keys = keys[:count], keys[count:]
        busy_keys = self._busy.add(keys) if self.ordered else None
        chunk = Chunk(items, positions, prepared, busy_keys)
        if self.ordered and self._items and not self._distinct and not set(keys).isdisjoint(self._keys):
            waiting = self._items, self._positions, self._keys
            self._items, self._positions, self._keys = self._hold_back(*waiting)
        return chunk

    def _fitting(self, items: list[Item], size: int) -> int:
        """Return how many of the first items fit into the bytes of a request.

        A body's size is nearly additive; the true size of every candidate decides.
        """
        assert self._max_bytes is not None  # noqa: S101 - the only caller has asked
        fits, too_many = 0, len(items)
        guess = max(1, min(too_many - 1, int(too_many * self._max_bytes / size)))
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
                self._encode(self._items[index : index + 1])
            except (TypeError, ValueError, InvalidItem) as error:
                reason = (
                    error
                    if isinstance(error, InvalidItem)
                    else InvalidItem(f"The item cannot be written as JSON: {error}")
                )
                sifted += 1
                packed.append(self._take_out(index, reason))
        if not sifted:
            raise ConfigurationError(
                "The arguments of the operation cannot be written as JSON, though each item alone can"
            )

    def _take_out(self, index: int, reason: InvalidItem) -> SettledChunk[Item]:
        item, position = self._items.pop(index), self._positions[index]
        keys = self._keys[index : index + 1]
        self._keys = [*self._keys[:index], *self._keys[index + 1 :]]
        self._positions = [*self._positions[:index], *self._positions[index + 1 :]]
        if self._held and not self._held_keys.isdisjoint(keys):
            self._take_back_held()  # they may have waited for this one alone
        rejected = Rejected(position, item, reason.see(self._docs), self.key(item))
        return SettledChunk([item], [position], None, [rejected])

    def _reject(
        self, page: list[Item], positions: Sequence[int], problems: Mapping[int, InvalidItem]
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
    """Return the length of the longest prefix with at most so many distinct keys."""
    if len(set(keys)) <= most:
        return len(keys)
    seen: set[str] = set()
    for index, key in enumerate(keys):
        seen.add(key)
        if len(seen) > most:
            return index
    return len(keys)
