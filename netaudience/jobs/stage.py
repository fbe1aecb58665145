"""One reading of a source that feeds several steps at once, until all of them are done or are stopped.

A step that stops does not stop the others; a signal stops them all. Reading happens in a thread, so that
the loop, and with it the answers and the signals, goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from netaudience.errors import NetaudienceError, SourceFailed
from netaudience.jobs.carrying import Carrier
from netaudience.jobs.feed import MappedPage
from netaudience.jobs.threads import Threads

if TYPE_CHECKING:
    from netaudience.jobs.sources import Page

__all__ = ["Stage"]


class Stage:
    """Carriers, and the pages that feed them: one page for each of them at a time."""

    def __init__(
        self,
        carriers: Sequence[Carrier],
        pages: Iterator[Sequence[Page]],
        mappers: Sequence[Callable[[Page], MappedPage]],
        threads: Threads,
    ) -> None:
        self._carriers = carriers
        self._pages = pages
        self._mappers = mappers
        self._threads = threads
        self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open every journal, or none: nothing is sent where one of them is refused.

        Raises:
            NetaudienceError: one was refused.
        """
        try:
            for carrier in self._carriers:
                await carrier.open()
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """Carry all rows; returns when every carrier has come to its end, or `leave` was called."""
        self._tasks = [
            asyncio.create_task(carrier.carry(), name=f"netaudience step {carrier.order.name}")
            for carrier in self._carriers
        ]
        reading = asyncio.create_task(self._read(), name="netaudience reader")
        try:
            await asyncio.wait(self._tasks)
        finally:
            self._stopped = True
            reading.cancel()  # it waits for a feed that is closed, or for a thread that nobody needs now
            self.leave()
            told = await asyncio.gather(*self._tasks, reading, return_exceptions=True)
        for problem in told:
            if isinstance(problem, BaseException) and not isinstance(problem, asyncio.CancelledError):
                raise problem

    def stop(self) -> None:
        """Read nothing more; what is under way goes on to its end."""
        self._stopped = True
        for carrier in self._carriers:
            carrier.feed.close()

    def leave(self) -> None:
        """Leave what is under way."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close every journal."""
        for carrier in self._carriers:
            await carrier.close()

    def forget(self) -> None:
        """Give free what the reading holds; call it when nobody reads any more."""
        close: Callable[[], object] | None = getattr(self._pages, "close", None)
        if close is not None:  # a generator has it, another iterator need not
            close()

    async def _read(self) -> None:
        feeds = [carrier.feed for carrier in self._carriers]
        cut = False
        try:
            while not self._stopped and not all(feed.closed for feed in feeds):
                pages = await self._threads.call(self._next)
                if pages is None:
                    break
                for feed, page in zip(feeds, pages, strict=True):
                    if isinstance(page, int):
                        feed.pass_by(page)
                    elif page.whole[1]:
                        await feed.put(page)
        except Exception as error:  # noqa: BLE001 - a source may raise anything
            cut = True
            for carrier in self._carriers:
                carrier.summary.stop(_told(error))
        for feed in feeds:
            feed.end(cut=cut)

    def _next(self) -> list[MappedPage | int] | None:
        """Read and map the next pages; the number of rows alone where a step takes no more."""
        pages = next(self._pages, None)
        if pages is None:
            return None
        return [
            len(page) if carrier.feed.closed else mapped(page)
            for carrier, page, mapped in zip(self._carriers, pages, self._mappers, strict=True)
        ]


def _told(error: Exception) -> NetaudienceError:
    if isinstance(error, NetaudienceError):
        return error
    told = SourceFailed(
        f"The source raised {type(error).__name__} while it was read; what it gave before is settled. Mend "
        "it, and start a new run"
    )
    told.__cause__ = error
    return told
