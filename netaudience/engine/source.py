"""Reads pages of items from whatever the caller gives: iterables, async iterables, async pages, single items.

A source that raises loses nothing that it gave before: the items read so far come out first, then the
error is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Generic, TypeAlias, TypeVar, cast

from netaudience.errors import ConfigurationError

__all__ = ["Items", "Pushed", "Source", "check_source"]

Item = TypeVar("Item")

Items: TypeAlias = Iterable[Item] | AsyncIterable[Item] | AsyncIterable[list[Item]]
"""What a run reads: any iterable or async iterable of items, or an async iterable of lists of items."""


def check_source(items: object, operation: str, noun: str) -> None:
    """Refuse what can be iterated and is never meant as a source.

    Raises:
        ConfigurationError: a text, bytes, a mapping, or nothing that can be iterated.
    """
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


class Source(Generic[Item]):
    """A stream of items, read page by page."""

    def __init__(self, items: Items[Item]) -> None:
        self._sync: Iterator[Item] | None = None
        self._async: AsyncIterator[Item] | AsyncIterator[list[Item]] | None = None
        #: The position of the next item.
        self.position = 0
        #: True when there is nothing more to read.
        self.exhausted = False
        #: The page that is being read.
        self._unfinished: list[Item] = []
        #: Whether the page that was read last is the list that the source yielded, and so the caller's own.
        self.lent = False
        #: What the source raised, if it did.
        self.error: Exception | None = None
        #: How many items there are, where the source knows.
        self.length: int | None = len(items) if hasattr(items, "__len__") else None  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # it was asked
        try:
            if isinstance(items, AsyncIterable):
                self._async = cast("AsyncIterator[Item]", aiter(items))
            else:
                self._sync = iter(items)
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)

    @property
    def immediate(self) -> bool:
        """True where reading never waits."""
        return self._async is None

    def read_now(self, most: int) -> list[Item]:
        """Read the next page of a source that never waits; shorter only at its end."""
        page: list[Item] = []
        if self._sync is None:
            return page
        try:
            # Unlike list(islice(...)), extend keeps what came before an error.
            page.extend(islice(self._sync, most))
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)
        if len(page) < most:
            self.exhausted = True
        self.position += len(page)
        return page

    async def read(self, enough: int, *, leftover: bool = False) -> list[Item]:  # noqa: ARG002 - a pushed source asks
        """Read items of a source that waits until there are enough, or it ends.

        A page of the source is never divided: all that it yielded is in the list.

        Args:
            enough: How many items fill a request.
            leftover: Whether items that were read before wait for a request to fill.
        """
        page, self.lent = self._unfinished, False
        source = cast("AsyncIterator[Item | list[Item]]", self._async)
        try:
            async for item in source:
                if isinstance(item, list):
                    whole = cast("list[Item]", item)
                    if not page and len(whole) >= enough and whole.__class__ is list:
                        self._unfinished, self.lent = whole, True
                        break
                    page.extend(whole)
                else:
                    page.append(item)
                if len(page) >= enough:
                    break
            else:
                self.exhausted = True
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)
        return self.abandon()

    def positions(self, count: int) -> range | list[int]:
        """Return where the source yielded the so many items that were read last."""
        return range(self.position - count, self.position)

    def take_due(self, *, leftover: bool) -> bool:  # noqa: ARG002 - a pushed source asks
        """Return whether what is left of the page last read is to be sent now, fill it a request or not."""
        return False

    def stir(self) -> None:
        """Take note that something that was read may be sent from now on, and could not before."""

    def abandon(self) -> list[Item]:
        """Return what was read so far of a page whose reading was cancelled."""
        page, self._unfinished = self._unfinished, []
        self.position += len(page)
        return page

    def _end(self, error: Exception) -> None:
        self.error = error
        self.exhausted = True


class Pushed(Source[Item]):
    """Items that are handed in one at a time, for a batcher.

    They wait here until a request is full, or until the first of them has waited for the linger. What waits
    can still be taken back or replaced. `open` and `end` may follow one another.
    """

    def __init__(self, linger: float) -> None:
        super().__init__(())
        self.length = None
        self._linger = linger
        #: What waits, by its position.
        self._waiting: dict[int, Item] = {}
        self._positions: range | list[int] = range(0)
        self._wanted = 1
        #: Whether the reader has items that wait for a request to fill.
        self._leftover = False
        self._due = False
        #: Who asks that nothing lingers.
        self._hurry = 0
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
        self._waiting[position] = item
        if self._timer is None:
            self._arm()
        if self._reader is not None and (self._hurry or len(self._waiting) >= self._wanted):
            self._wake()
        return position

    def find(self, position: int) -> Item | None:
        """Return an item that waits; None where it does not any more."""
        return self._waiting.get(position)

    def replace(self, position: int, item: Item) -> None:
        """Put another item in the place of one that waits."""
        self._waiting[position] = item

    def withdraw(self, position: int) -> None:
        """Take back an item that waits: it is never sent."""
        del self._waiting[position]

    def hurry(self) -> None:
        """Let nothing linger until `calm` is called as often."""
        self._hurry += 1
        self._wake()

    def calm(self) -> None:
        """Let items linger again."""
        self._hurry -= 1

    def go(self) -> None:
        """Send what waits now."""
        self._due = True
        self._wake()

    def stir(self) -> None:
        """Let what was read wait no longer than the linger from now on."""
        self._leftover = True
        if self._hurry:
            self._wake()
        elif self._timer is None:
            self._arm()

    async def read(self, enough: int, *, leftover: bool = False) -> list[Item]:
        """Read what was put, when it fills a request or has waited long enough."""
        self._wanted, self._leftover = enough, leftover
        while len(self._waiting) < enough and not self.exhausted:
            if self._due or self._hurry:
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
        due, self._due = self._due or self._hurry > 0, False
        if due or not leftover:
            self.close()  # the next item is the first of a request: it has all of the linger before it
        return due

    def abandon(self) -> list[Item]:
        """Return what waits, as read."""
        waiting, self._waiting = self._waiting, {}
        self._positions = positions = list(waiting)
        if positions and positions[-1] - positions[0] == len(positions) - 1:
            self._positions = range(positions[0], positions[-1] + 1)
        return list(waiting.values())

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
