"""The rows of one step on their way into its run, from the one reading that all steps share.

A few pages wait at most: a slow step makes the reader wait, and with it the others. What is under way is
remembered page by page until it is settled, so memory does not grow with the source.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from netaudience.jobs.state.checkpoint import Past, Undelivered

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import SourceRow
    from netaudience.jobs.map.items import MappedPage, RejectedRow

#: Pages that wait for a step.
_WAITING = 2


class RowQueue:
    """What one step is given."""

    def __init__(
        self,
        past: Callable[[], Past] | None,
        on_bad: Callable[[Sequence[RejectedRow]], object],
        on_past: Callable[[SourceRow, Undelivered | None], object],
    ) -> None:
        """Say who is told of rows that are never given to the run.

        Args:
            past: Opens what earlier attempts have told, where something remembers them.
            on_bad: Called with rows that do not become items.
            on_past: Called with each row that an earlier attempt has settled, and why it was not delivered.
        """
        self._open_past = past
        self._on_bad = on_bad
        self._on_past = on_past
        self._waiting: deque[MappedPage] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._under_way: list[MappedPage] = []
        #: Pages that came too late to be given to the run.
        self._late: list[MappedPage] = []
        #: True when nothing more is taken; what comes is counted.
        self.closed = False
        #: True when no more pages come.
        self.ended = False
        #: True when the reading ended before the source did.
        self.cut = False
        #: Rows of the step that were read.
        self.rows = 0
        #: Rows that do not become items, as far as they were looked at.
        self.bad = 0
        #: Items that were given to the run.
        self.given = 0
        #: The last row that was given, or found to be wrong.
        self.reached = 0

    async def put(self, page: MappedPage) -> None:
        """Add a page; waits while enough of them wait."""
        while not self.closed and len(self._waiting) >= _WAITING:
            await self._wait()
        self.rows += page.whole[1]  # not before: who waits may be cancelled, and nobody would be told of them
        (self._late if self.closed else self._waiting).append(page)
        self._wake()

    def pass_by(self, rows: int) -> None:
        """Count rows that a closed feed is not given."""
        self.rows += rows

    def end(self, *, cut: bool = False) -> None:
        """Say that there are no more pages.

        Args:
            cut: True where there should have been more: the source broke.
        """
        self.ended, self.cut = True, cut
        self._wake()

    def close(self) -> None:
        """Take nothing more, not even what waits."""
        self.closed = True
        self._late.extend(self._waiting)
        self._waiting.clear()
        self._wake()

    @property
    def complete(self) -> bool:
        """True when every row of the source was given, or found to be wrong."""
        return self.ended and not self.cut and not self.closed and not self._waiting

    @property
    def left_at(self) -> int | None:
        """The last row that was given, or found to be wrong; None where that is all of them."""
        return None if self.complete else self.reached

    async def pages(self) -> AsyncGenerator[Sequence[object], None]:
        """Give the items, page by page."""
        past: Past | None = None
        try:
            while True:
                while not (self.closed or self.ended or self._waiting):
                    await self._wait()
                if not self._waiting:
                    return
                page = self._waiting.popleft()
                self._wake()
                if past is None and self._open_past is not None:
                    # The engine has opened the journal before it asks for the first page.
                    past = self._open_past()
                self._take(page, past)
                if page.items:
                    yield page.items
        finally:
            if past is not None:
                past.close()

    def left(self) -> Iterator[tuple[SourceRow, object]]:
        """Give the rows that were read and whose fate is not known, with what they became."""
        for page in [*self._under_way, *self._late]:
            for at, done in enumerate(page.done):
                if not done:
                    yield page.rows[at], page.items[at]

    def _take(self, page: MappedPage, past: Past | None) -> None:
        page.start = self.given
        self.given += len(page.items)
        self.bad += len(page.bad)
        self.reached = page.whole[0] or self.reached
        if page.bad:
            self._on_bad(page.bad)
        if past is not None:
            self._pass_over(page, past)
        if page.left:
            self._under_way.append(page)

    def _pass_over(self, page: MappedPage, past: Past) -> None:
        """Tell of what an earlier attempt has settled."""
        for first, last in past.settled_of(page):
            page.settle(first, last)
            undelivered = {before.position: before for before in past.undelivered(first, last)}
            for position in range(first, last):
                self._on_past(page.rows[position - page.start], undelivered.get(position))

    def rows_of(self, positions: Sequence[int]) -> Iterator[SourceRow]:
        """Give the rows of positions that are not settled yet."""
        for position in positions:
            page = self._page(position)
            if page is not None:
                yield page.rows[position - page.start]

    def numbers_of(self, positions: Sequence[int]) -> Iterator[int]:
        """Give the numbers of the rows of positions that are not settled yet."""
        page: MappedPage | None = None
        numbers: Sequence[int] = ()
        for position in positions:
            if page is None or not 0 <= position - page.start < len(numbers):
                page = self._page(position)
                if page is None:
                    continue
                numbers = page.numbers
            yield numbers[position - page.start]

    def settled(self, positions: Sequence[int]) -> None:
        """Forget rows whose fate is known."""
        if not isinstance(positions, range):
            positions = sorted(positions)
        at, count = 0, len(positions)
        while at < count:
            page = self._page(positions[at])
            if page is None:
                at += 1
                continue
            stop = page.start + len(page.items)
            # Most chunks are whole: the last one tells about all of them.
            until = count if positions[-1] < stop else bisect_right(positions, stop - 1, at)
            if isinstance(positions, range):
                page.settle(positions[at], positions[until - 1] + 1)
            else:
                for position in positions[at:until]:
                    page.settle(position, position + 1)
            if page.left <= 0:
                self._under_way.remove(page)
            at = until

    async def _wait(self) -> None:
        """Wait until something has changed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        await future

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for future in waiters:
            if not future.done():
                future.set_result(None)

    def _page(self, position: int) -> MappedPage | None:
        pages = self._under_way
        at = bisect_right(pages, position, key=lambda page: page.start) - 1
        if at < 0 or position >= pages[at].start + len(pages[at].items):
            return None
        return pages[at]
