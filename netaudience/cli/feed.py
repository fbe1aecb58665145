"""Feeds a run with items from records, and remembers every record until its fate is known.

Records that do not become items are handed to `on_bad` and cost no request. What is remembered is what is
under way, so memory does not grow with the source. Reading that may wait happens in a thread, so that the
loop, and with it the answers and Ctrl-C, goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import islice

from netaudience.cli.mapping import Mapped
from netaudience.cli.sources import BadRow, Record, Records
from netaudience.cli.values import BadValue
from netaudience.errors import SourceFailed
from netaudience.jobs.threads import Threads

__all__ = ["Feed"]


class Feed:
    """The items of one source on their way into a run."""

    def __init__(
        self,
        records: Records,
        mapped: Mapped,
        on_bad: Callable[[Sequence[BadRow]], None],
        *,
        page_rows: int,
        most: int | None = None,
    ) -> None:
        self._records = records
        self._mapped = mapped
        self._on_bad = on_bad
        self._page_rows = page_rows
        #: More rows than this are not read: somebody counted them before.
        self._most = most
        self._stopped = False
        self._threads = Threads()
        #: Rows read so far, the bad ones included.
        self.rows = 0
        #: Items given to the run so far.
        self.given = 0
        #: True when the source was read to its end.
        self.ended = False
        #: What was given and has no outcome yet, by its position among the given.
        self.under_way: dict[int, Record] = {}

    def stop(self) -> None:
        """Read nothing more; what was given already is settled."""
        self._stopped = True

    @property
    def share_read(self) -> float | None:
        """How much of the source was read, 0 to 1, where its size is known."""
        size = self._records.size
        return None if not size else min(1.0, self._records.bytes_read / size)

    async def pages(self) -> AsyncGenerator[list[object], None]:
        """Read pages of items.

        Raises:
            SourceFailed: the source broke; what it gave before is under way.
        """
        while not self._stopped:
            if self._records.regular:
                page, error = self._read_page()
            else:
                page, error = await self._threads.call(self._read_page)
            if page:
                yield self._items(page)
            if error is not None:
                raise error
            if not page:
                self.ended = True
                return
            await asyncio.sleep(0)  # a long stretch of bad rows must not hold up the loop

    def _read_page(self) -> tuple[list[Record | BadRow], SourceFailed | None]:
        page: list[Record | BadRow] = []
        self._records.being_read = True
        try:
            # Unlike list(islice(...)), extend keeps what came before an error.
            page.extend(islice(self._records, self._page_rows))
        except SourceFailed as error:
            return page, error
        finally:
            self._records.being_read = False
        return page, None

    def _items(self, page: list[Record | BadRow]) -> list[object]:
        items: list[object] = []
        bad: list[BadRow] = []
        for record in page:
            if self._most is not None and self.rows >= self._most:
                self._on_bad(bad)
                raise SourceFailed("The file has more rows than were counted: it is still being written")
            self.rows += 1
            if isinstance(record, BadRow):
                bad.append(record)
                continue
            try:
                item = self._mapped.item(record)
            except BadValue as error:
                bad.append(BadRow(record.row, record.line, record.value, str(error)))
                continue
            self.under_way[self.given] = record
            self.given += 1
            items.append(item)
        if bad:
            self._on_bad(bad)
        return items
