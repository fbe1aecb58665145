"""Reads pages of items from whatever the caller gives: iterables, async iterables, async pages.

A source that raises loses nothing that it gave before: the items read so far come out first, then the
error is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Generic, TypeAlias, TypeVar, cast

from netaudience.errors import ConfigurationError

__all__ = ["Items", "Source", "check_source"]

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

    async def read(self, enough: int) -> list[Item]:
        """Read items of a source that waits until there are enough, or it ends.

        A page of the source is never divided: all that it yielded is in the list.
        """
        page = self._unfinished
        source = cast("AsyncIterator[Item | list[Item]]", self._async)
        try:
            async for item in source:
                if isinstance(item, list):
                    page.extend(cast("list[Item]", item))
                else:
                    page.append(item)
                if len(page) >= enough:
                    break
            else:
                self.exhausted = True
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            self._end(error)
        return self.abandon()

    def abandon(self) -> list[Item]:
        """Return what was read so far of a page whose reading was cancelled."""
        page, self._unfinished = self._unfinished, []
        self.position += len(page)
        return page

    def _end(self, error: Exception) -> None:
        self.error = error
        self.exhausted = True
