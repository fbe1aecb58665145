"""Reads pages of items from whatever the caller gives: iterables, async iterables, async pages, single items.

A source that raises loses nothing that it gave before: the items read so far come out first, then the
error is reported as in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar, cast

from netaudience.engine.cancellation import is_being_cancelled
from netaudience.errors import ConfigurationError
from netaudience.model.taking import Taken, Writer, joined, text_of
from netaudience.model.texts import RowTexts

Item = TypeVar("Item")

Items: TypeAlias = Iterable[Item] | AsyncIterable[Item] | AsyncIterable[list[Item]]
"""What a run reads: any iterable or async iterable of items, or an async iterable of lists of items. Pages of
rows that are JSON texts already (`RowTexts`) are not named: a type checker would know no list apart then."""


def check_source(items: object, operation: str, noun: str) -> None:
    """Refuse what can be iterated and is never meant as a source.

    Raises:
        ConfigurationError: a text, bytes, a mapping, a table, or nothing that can be iterated.
    """
    if _is_table(items):
        raise ConfigurationError(
            f"{operation} was given a table, which is no list of items: give one of its columns where the "
            "items are ids, frame['customer_id'], or its rows, frame.to_dict('records'), or use a job"
        )
    if isinstance(items, str | bytes | bytearray | Mapping):
        given = cast("object", items)
        raise ConfigurationError(
            f"{operation} was given one {type(given).__name__}, not a list of items: "
            f"write [{noun.replace(' ', '_')}] for a single {noun}"
        )
    if not isinstance(items, Iterable | AsyncIterable):
        raise ConfigurationError(
            f"{operation} was given a value of type {type(items).__name__}, "
            "which cannot be read item by item: give an iterable or an async iterable"
        )


def _is_table(items: object) -> bool:
    """Return whether something has columns, which is what iterating over it would give."""
    kind = type(items)
    if hasattr(kind, "__dataframe__") or getattr(items, "ndim", 1) != 1:
        return True
    named = hasattr(kind, "columns"), hasattr(kind, "schema")
    return all(named) or (any(named) and hasattr(kind, "__arrow_c_stream__"))


def _plain(items: Iterable[object]) -> Iterator[object]:
    """Iterate over items; over a column of numpy or Arrow as over Python's own values."""
    own = getattr(items, "tolist", None) or getattr(items, "to_pylist", None)
    if isinstance(items, Sequence) or own is None:
        return iter(items)
    return iter(cast("list[object]", own()))


_MIXED = (
    "The source yields pages of RowTexts and something else behind them: give all rows as one or the other"
)


def _length(items: object) -> int | None:
    """Return how many items there are, where that is known."""
    if not isinstance(items, Sized):
        return None
    if isinstance(items, Sequence) and items and isinstance(items[0], RowTexts):
        return sum(map(len, cast("Sequence[RowTexts]", items)))
    return len(cast("Sequence[object]", items))


class Source(Generic[Item]):
    """A stream of items, read page by page."""

    def __init__(self, items: Items[Item], write: Writer | None = None, *, sized: bool = True) -> None:
        """Begin to read.

        Args:
            items: The items.
            write: Writes values of rows that JSON has no type for; None where the items are no rows.
            sized: Whether to ask how many there are, which may read them all.
        """
        self._write = write
        self._sync: Iterator[object] | None = None
        self._async: AsyncIterator[object] | None = None
        #: The position of the next item.
        self.position = 0
        #: True when there is nothing more to read.
        self.exhausted = False
        #: What was read of the page that is being read: items, or pages of texts; and how many items that is.
        self._unfinished: list[Any] | Taken[Any] = self._page()
        self._count = 0
        #: Whether the source yields pages of rows that are texts, and not items; None before the first.
        self._in_texts: bool | None = None
        #: The types of which no instance is a page: items of a source that waits for each are asked once.
        self._single: set[type] = set()
        #: What the source raised, if it did; a `CancelledError` too, where it was not this reading's.
        self.error: BaseException | None = None
        #: How many items there are, where the source knows.
        self.length: int | None = _length(items) if sized else None
        try:
            if isinstance(items, RowTexts):
                self._sync = iter((items,))
            elif isinstance(items, AsyncIterable):
                self._async = aiter(cast("AsyncIterable[object]", items))
            else:
                self._sync = _plain(cast("Iterable[object]", items))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)

    @property
    def immediate(self) -> bool:
        """True where reading never waits."""
        return self._async is None

    def read_now(self, most: int) -> Sequence[Item]:
        """Read the next page of a source that never waits; one that is shorter is its last."""
        source, read = self._sync, self._unfinished
        if source is None:
            return ()
        try:
            if self._in_texts is None:  # the first item says what the others are
                self._add(next(source))
                read = self._unfinished
            if self._in_texts:
                while self._count < most:
                    self._add_texts(next(source))
            else:
                # Unlike list(islice(...)), extend keeps what came before an error.
                read.extend(islice(source, most - len(read)))
        except StopIteration:
            self.exhausted = True
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)
        page = self.abandon()
        if len(page) < most:
            self.exhausted = True
        return page

    def _page(self) -> list[Any] | Taken[Any]:
        """Return a page without items: rows are taken by value."""
        return [] if self._write is None else Taken(self._write)

    def _add(self, item: object) -> None:
        """Add the source's first item, or one of a source that waits for each."""
        if self._in_texts is None and isinstance(item, RowTexts):
            self._in_texts, self._unfinished = True, []
        if self._in_texts:
            self._add_texts(item)
            return
        self._in_texts = False
        self._unfinished.append(item)

    def _add_texts(self, page: object) -> None:
        """Add a page of texts; nothing else may come behind one."""
        if not isinstance(page, RowTexts):
            raise ConfigurationError(_MIXED)
        self._unfinished.append(page)
        self._count += len(page)

    async def read(self, enough: int, *, leftover: bool = False) -> Sequence[Item]:  # noqa: ARG002 - a pushed source asks
        """Read items of a source that waits until there are enough, or it ends.

        A page of the source is never divided: all that it yielded is in what is returned.

        Args:
            enough: How many items fill a request.
            leftover: Whether items that were read before wait for a request to fill.
        """
        source = cast("AsyncIterator[object]", self._async)
        page: Any = self._unfinished  # a list, or what keeps rows as texts: both take items in
        single = self._single
        try:
            async for item in source:
                if type(item) in single:
                    page.append(item)
                elif isinstance(item, Taken):
                    page = joined(page, cast("Taken[Item]", item))
                    self._unfinished = page
                elif isinstance(item, list) and not self._in_texts:
                    page.extend(cast("list[object]", item))
                else:
                    self._add(item)  # pyright: ignore[reportUnknownArgumentType] # of any type
                    page = self._unfinished
                    if not self._in_texts:
                        single.add(type(item))  # pyright: ignore[reportUnknownArgumentType] # of any type
                if (self._count if self._in_texts else len(page)) >= enough:
                    break
            else:
                self.exhausted = True
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            self._end(error)
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)
        return self.abandon()

    def positions(self, count: int) -> range | list[int]:
        """Return the positions in the source of the last `count` items that were read."""
        return range(self.position - count, self.position)

    def take_due(self, *, leftover: bool) -> bool:  # noqa: ARG002 - a pushed source asks
        """Return whether what is left of the page last read is to be sent now, fill it a request or not."""
        return False

    def wake(self) -> None:
        """Take note that something that was read may be sent from now on, and could not before."""

    def abandon(self) -> Sequence[Item]:
        """Return what was read so far of a page whose reading was cancelled."""
        read: Sequence[Any] = self._unfinished
        self._unfinished, self._count = [] if self._in_texts else self._page(), 0
        page = cast("Sequence[Item]", joined(*read) if self._in_texts and read else read)
        self.position += len(page)
        return page

    def _end(self, error: BaseException) -> None:
        self.error = error
        self.exhausted = True


class PushSource(Source[Item]):
    """Items that are handed in one at a time, for a batcher.

    They wait here until a request is full, or until the first of them has waited for the linger. What waits
    can still be taken back or replaced. `open` and `end` may follow one another.
    """

    def __init__(self, linger: float, write: Writer | None = None) -> None:
        super().__init__((), write)
        self.length = None
        self._linger = linger
        #: What waits, by its position.
        self._waiting: dict[int, Item] = {}
        #: The text that each had when it was put, where they are rows.
        self._texts: dict[int, bytes | str] = {}
        self._positions: range | list[int] = range(0)
        self._wanted = 1
        #: Whether the reader has items that wait for a request to fill.
        self._leftover = False
        self._due = False
        #: Who asks that nothing lingers.
        self._flushes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def immediate(self) -> bool:
        """False: somebody has to hand the items in."""
        return False

    def open(self) -> None:
        """Begin to be read."""
        self.exhausted = False

    def end(self) -> None:
        """Let the reading end when what waits is read; what is put afterwards waits for the next `open`."""
        self.exhausted = True
        self._wake()

    def put(self, item: Item) -> int:
        """Take an item in; return its position."""
        position = self.position
        self.position += 1
        self._keep(position, item)
        if self._timer is None:
            self._arm()
        if self._reader is not None and (self._flushes or len(self._waiting) >= self._wanted):
            self._wake()
        return position

    def find(self, position: int) -> Item | None:
        """Return an item that waits; None where it does not any more."""
        return self._waiting.get(position)

    def replace(self, position: int, item: Item) -> None:
        """Put another item in the place of one that waits."""
        self._keep(position, item)

    def _keep(self, position: int, item: Item) -> None:
        self._waiting[position] = item
        if self._write is not None:
            self._texts[position] = text_of(item, self._write)

    def withdraw(self, position: int) -> None:
        """Take back an item that waits: it is never sent."""
        del self._waiting[position]
        self._texts.pop(position, None)

    def flush_begins(self) -> None:
        """Let nothing linger until `flush_ends` is called as often."""
        self._flushes += 1
        self._wake()

    def flush_ends(self) -> None:
        """Let items linger again."""
        self._flushes -= 1

    def go(self) -> None:
        """Send what waits now."""
        self._due = True
        self._wake()

    def wake(self) -> None:
        """Let what was read wait no longer than the linger from now on."""
        self._leftover = True
        if self._flushes:
            self._wake()
        elif self._timer is None:
            self._arm()

    async def read(self, enough: int, *, leftover: bool = False) -> Sequence[Item]:
        """Read what was put, when it fills a request or has waited long enough."""
        self._wanted, self._leftover = enough, leftover
        while len(self._waiting) < enough and not self.exhausted:
            if self._due or self._flushes:
                if self._waiting or self._leftover:
                    break
                self._due = False
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.abandon()

    def positions(self, count: int) -> range | list[int]:  # noqa: ARG002 - as the base has it
        """Return the positions of the items that were read last."""
        return self._positions

    def take_due(self, *, leftover: bool) -> bool:
        """Return whether what is left of the page last read is to be sent now."""
        due, self._due = self._due or self._flushes > 0, False
        if due or not leftover:
            self.close()  # the next item is the first of a request: it has all of the linger before it
        return due

    def abandon(self) -> Sequence[Item]:
        """Return what waits, as read."""
        waiting, self._waiting = self._waiting, {}
        self._positions = positions = list(waiting)
        if positions and positions[-1] - positions[0] == len(positions) - 1:
            self._positions = range(positions[0], positions[-1] + 1)
        if self._write is None:
            return list(waiting.values())
        texts, self._texts = self._texts, {}
        page: Taken[Item] = Taken(self._write)
        for at, item in waiting.items():
            page.put(item, texts[at])
        return page

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if not self._due:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self._lingered)

    def _lingered(self) -> None:
        self._timer = None
        if self._reader is None or self._waiting or self._leftover:
            self.go()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
