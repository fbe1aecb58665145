"""One reading of a source that feeds several steps at once, until all of them are done or are stopped.

A step that stops does not stop the others; a signal stops them all. Reading happens in a thread, so that
the loop, and with it the answers and the signals, goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from netaudience.errors import NetaudienceError, SourceFailed
from netaudience.jobs.deliver.step import StepRunner
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.map.items import MappedPage
from netaudience.model.memory import MORE_MEMORY, lacks_memory

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import Page


class FanOut:
    """Runners, and the pages that feed them: one page for each of them at a time."""

    def __init__(
        self,
        runners: Sequence[StepRunner],
        pages: Iterator[Sequence[Page]],
        mappers: Sequence[Callable[[Page], MappedPage]],
        threads: Threads,
        *,
        most: Sequence[int] | None = None,
    ) -> None:
        """Say who is fed.

        Args:
            runners: The steps.
            pages: Gives a page for each of them at a time.
            mappers: What makes items of each step's pages.
            threads: Where pages are read.
            most: The rows of each step that are carried, and it ends as if it had been cut there; all of
                them where it is None.
        """
        self._most = None if most is None else list(most)
        self._runners = runners
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
            for runner in self._runners:
                await runner.open()
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """Carry all rows; returns when every runner has come to its end, or `leave` was called."""
        self._tasks = [
            asyncio.create_task(runner.carry(), name=f"netaudience step {runner.order.name}")
            for runner in self._runners
        ]
        reading = asyncio.create_task(self._read(), name="netaudience reader")
        try:
            await asyncio.wait(self._tasks)
        finally:
            self._stopped = True
            reading.cancel()  # it waits for a feed that is closed, or for a thread that nobody needs now
            self.leave()
            results = await asyncio.gather(*self._tasks, reading, return_exceptions=True)
        for problem in results:
            if isinstance(problem, BaseException) and not isinstance(problem, asyncio.CancelledError):
                raise problem

    def stop(self) -> None:
        """Read nothing more; what is under way goes on to its end."""
        self._stopped = True
        for runner in self._runners:
            runner.feed.close()

    def leave(self) -> None:
        """Leave what is under way."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close every journal."""
        for runner in self._runners:
            await runner.close()

    def forget(self) -> None:
        """Give free what the reading holds; call it when nobody reads any more."""
        close: Callable[[], object] | None = getattr(self._pages, "close", None)
        if close is not None:  # a generator has it, another iterator need not
            close()

    async def _read(self) -> None:
        feeds = [runner.feed for runner in self._runners]
        cut = False
        try:
            while not self._stopped and not all(feed.closed for feed in feeds):
                if self._most is not None and not any(self._most):
                    cut = True
                    break
                # Asked here and not in the thread, which may begin after a stop: what is read for a step that
                # took it when it was asked for is handed to it, and told.
                closed = [feed.closed for feed in feeds]
                pages = await self._threads.call(partial(self._next, closed))
                if pages is None:
                    break
                await self._hand_out(pages)
        except (Exception, asyncio.CancelledError) as error:
            if self._stopped and isinstance(error, asyncio.CancelledError):
                raise
            cut = True
            for runner in self._runners:
                runner.summary.stop(_failure(error))
        for feed in feeds:
            feed.end(cut=cut)

    async def _hand_out(self, pages: Sequence[MappedPage | int | Exception]) -> None:
        for runner, page in zip(self._runners, pages, strict=True):
            if isinstance(page, Exception):
                runner.crash(page)
            elif isinstance(page, int):
                runner.feed.pass_by(page)
            elif page.whole[1]:
                await runner.feed.put(page)

    def _next(self, closed: Sequence[bool]) -> list[MappedPage | int | Exception] | None:
        """Read and map the next pages; the number of rows alone where a step takes no more."""
        pages = next(self._pages, None)
        if pages is None:
            return None
        if self._most is not None:
            pages = [self._cut(at, page) for at, page in enumerate(pages)]
        return [
            len(page) if shut else _mapped(mapper, page)
            for shut, page, mapper in zip(closed, pages, self._mappers, strict=True)
        ]

    def _cut(self, at: int, page: Page) -> Page:
        """Return what of a page belongs to the first rows of a step."""
        most = cast("list[int]", self._most)
        left = most[at]
        most[at] = max(0, left - len(page))
        if len(page) <= left:
            return page
        without: Callable[[Sequence[int]], Page] | None = getattr(page, "without", None)
        # Of what SQL has made of the rows that are left nothing is made anew.
        return list(page)[:left] if without is None else without(range(left, len(page)))


def _mapped(mapper: Callable[[Page], MappedPage], page: Page) -> MappedPage | Exception:
    """Map a page; a mistake of ours is told to the step that it is of."""
    try:
        return mapper(page)
    except NetaudienceError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a mistake of ours
        return error


def _failure(error: BaseException) -> NetaudienceError:
    if isinstance(error, NetaudienceError):
        return error
    if lacks_memory(error):
        failure = SourceFailed(
            "There is not enough memory to read the source; what it gave before is settled: "
            f"{MORE_MEMORY}, and go on"
        )
        failure.__cause__ = error
        return failure
    failure = SourceFailed(
        f"The source raised {type(error).__name__} while it was read; what it gave before is settled. Mend "
        "it, and start a new run"
    )
    failure.__cause__ = error
    return failure
