"""What an operation is on a client that blocks: the same parameters, and the result itself.

Nothing here knows HTTP or a vendor: these are the bound operations of `declare`, run in the client's loop
while the calling thread waits. The caller's items are read in the caller's thread, a page at a time, for a
database cursor belongs there and must not hold up the loop that all threads share.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from netaudience.engine.run import Run
from netaudience.engine.source import Items, Source, check_source
from netaudience.errors import ConfigurationError
from netaudience.model.taking import Writer, joined
from netaudience.operations.described import described
from netaudience.operations.dispatch import NONE, Arguments, BlockingClientPort, Operation
from netaudience.outcomes import Outcome, Report, RunFailed, SettledChunk

if TYPE_CHECKING:  # who never blocks, or keeps no journal, need not load it
    from netaudience.engine.journal import OnDoubt
    from netaudience.engine.loop_thread import Caller, Conversation

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)
Page = TypeVar("Page")
Row = TypeVar("Row")

#: What reading cannot hold up, and so needs no thread of the caller's.
_IN_MEMORY = (list, tuple, set, frozenset, deque, range)
#: What no run takes for a source.
_REFUSED = (str, bytes, bytearray, Mapping)
#: Items that the caller's thread reads at once, and the seconds after which it hands over what it has.
_PAGE = 1000
_STRIDE = 32
_LONGEST_PAGE = 0.1


class Start(Protocol[Item, P]):
    """A batch operation, or a call over many items, as the client's loop runs it."""

    def __call__(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        """Return a run."""
        ...


class Ask(Protocol[Item_contra, P, T_co]):
    """A call as the client's loop runs it."""

    def __call__(
        self, item: Item_contra, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[object, object, T_co]:
        """Send one item."""
        ...


@described(Report)
class BlockingBatch(Generic[Item, P]):
    """An operation over many items. Calling it carries them all, and returns when that is done."""

    __slots__ = ("_host", "_journaled", "_name", "_operation", "_start")

    def __init__(
        self,
        host: BlockingClientPort,
        name: str,
        operation: Operation,
        start: Start[Item, P],
        journaled: Callable[[Run[Item]], Run[Item]] | None = None,
    ) -> None:
        self._host = host
        self._name = name
        self._operation = operation
        self._start = start
        self._journaled = journaled

    def __repr__(self) -> str:
        return f"<Blocking {self._name}>"

    @property
    def __name__(self) -> str:
        return self.described[0].name

    @property
    def described(self) -> tuple[Operation, Arguments]:
        """The operation, and the arguments that it was given."""
        return self._operation, NONE

    def __call__(self, items: Iterable[Item], *args: P.args, **kwargs: P.kwargs) -> Report:
        """Carry every item to its end and return the report.

        Raises:
            RunFailed: not every item was delivered; it carries the report.
            NotSent: nothing at all was sent: there was no time, no room, or nobody there.
            EmptySource: the source gave no item at all.
            ConfigurationError: the arguments are wrong, or the items are no collection of items.
            AnswerLost: another thread closed the client.
        """
        reading = _Reading(items, self._name, self._operation.kind.default)

        async def carry(caller: Caller) -> Report:
            return await self._run(reading.source(caller), *args, **kwargs)

        return reading.counted(self._host.conversation(carry))

    def settled(self, items: Iterable[Item], *args: P.args, **kwargs: P.kwargs) -> Report:
        """Carry every item to its end and return the report, whatever became of the items.

        Look at ``report.ok`` and ``report.stopped``: an early end of the run is reported there.

        Raises:
            ConfigurationError: the arguments are wrong, or the items are no collection of items.
            AnswerLost: another thread closed the client.
        """
        reading = _Reading(items, self._name, self._operation.kind.default)

        async def carry(caller: Caller) -> Report:
            return await self._run(reading.source(caller), *args, **kwargs).settled()

        return reading.counted(self._host.conversation(carry))

    def outcomes(self, items: Iterable[Item], *args: P.args, **kwargs: P.kwargs) -> BlockingRun[Item]:
        """Return a run whose outcomes are read as they settle: ``with ... as outcomes``.

        Nothing is sent before the block is entered, and no further than its reader follows.
        """
        reading = _Reading(items, self._name, self._operation.kind.default)
        return BlockingRun(
            self._name,
            lambda: BlockingOutcomes(
                self._host, lambda caller: self._run(reading.source(caller), *args, **kwargs), reading.count
            ),
        )

    def journaled(self, path: str | Path, *, source: str = "", on_doubt: OnDoubt = "tell") -> Self:
        """Return the operation with a memory of its run in a file; see `Run.journaled`."""
        return type(self)(
            self._host,
            self._name,
            self._operation,
            self._start,
            lambda run: run.journaled(path, source=source, on_doubt=on_doubt),
        )

    def _run(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        run = self._start(items, *args, **kwargs)
        return run if self._journaled is None else self._journaled(run)


@described()
class BlockingCall(Generic[Item, P, T]):
    """An operation that sends one item and returns the answer."""

    __slots__ = ("_ask", "_host", "each")

    def __init__(self, host: BlockingClientPort, ask: Ask[Item, P, T], each: BlockingBatch[Item, P]) -> None:
        self._host = host
        self._ask = ask
        #: The operation over many items, one request for each.
        self.each = each

    def __repr__(self) -> str:
        return repr(self.each)

    @property
    def __name__(self) -> str:
        return self.each.__name__

    @property
    def described(self) -> tuple[Operation, Arguments]:
        """The operation, and the arguments that it was given."""
        return self.each.described

    def __call__(self, item: Item, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send one item and return the answer.

        Raises:
            InvalidItem: the item breaks a documented rule; it was not sent.
            TransportError: no answer came.
            VendorError: the answer is not a success.
        """
        return self._host.conversation(lambda _: self._ask(item, *args, **kwargs)).run()


class BlockingPages(Generic[Page, Row]):
    """The rows of all pages, one request per page as they are read: ``for row in ...``."""

    def __init__(
        self,
        host: BlockingClientPort,
        name: str,
        pages: Callable[[], AsyncIterator[Page]],
        rows: Callable[[Page], Iterable[Row]],
    ) -> None:
        self._host = host
        self._name = name
        self._pages = pages
        self._rows = rows

    def __repr__(self) -> str:
        return f"<Blocking pages of {self._name}>"

    def __iter__(self) -> Iterator[Row]:
        """Read row by row.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        for page in self.pages():
            yield from self._rows(page)

    def pages(self) -> Iterator[Page]:
        """Read page by page, with what the vendor says about the whole.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        pages = self._pages()

        async def following(_: Caller) -> Page | None:
            return await anext(pages, None)

        while (page := self._host.conversation(following).run()) is not None:
            yield page


class BlockingRun(Generic[Item]):
    """Many items on their way to a vendor, in a ``with`` block. Nothing is sent before it is entered."""

    def __init__(self, name: str, start: Callable[[], BlockingOutcomes[Item]]) -> None:
        self._name = name
        self._start: Callable[[], BlockingOutcomes[Item]] | None = start
        self._outcomes: BlockingOutcomes[Item] | None = None

    def __repr__(self) -> str:
        return f"<Blocking run of {self._name}>"

    def __enter__(self) -> BlockingOutcomes[Item]:
        """Start the run and stream its outcomes, in the order in which they settle."""
        start, self._start = self._start, None
        if start is None:
            raise ConfigurationError(
                f"The run of {self._name} was read already: a run is read once; call the operation again"
            )
        self._outcomes = start()
        self._outcomes.open()
        return self._outcomes

    def __exit__(self, *_: object) -> None:
        """Leave the run: what is under way is cancelled and counted."""
        if self._outcomes is not None:
            self._outcomes.close()

    def __del__(self) -> None:
        if getattr(self, "_start", None) is not None:
            warnings.warn(
                f"The run of {self._name} was never read, so nothing was sent: "
                "use it in 'with', or call the operation itself",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )


class BlockingOutcomes(Generic[Item]):
    """The outcomes of a run, each item's or chunk by chunk.

    When all are read, the error that stopped the run early is raised, if there was one.
    """

    def __init__(
        self, host: BlockingClientPort, start: Callable[[Caller], Run[Item]], count: Callable[[Report], None]
    ) -> None:
        self._start = start
        self._count = count
        self._conversation = host.conversation(self._drive)
        self._report: Report | None = None
        self._unread: deque[SettledChunk[Item]] = deque()
        self._current: Iterator[Outcome[Item]] = iter(())
        self._left = False

    @property
    def report(self) -> Report:
        """The counts so far."""
        if self._report is None:
            raise ConfigurationError("The run has not begun: enter its `with` block first")
        return self._report

    def __iter__(self) -> Self:
        """Read one outcome per item."""
        return self

    def __next__(self) -> Outcome[Item]:
        while True:
            for outcome in self._current:
                return outcome
            chunk = self._next_chunk()
            if chunk is None:
                raise StopIteration
            self._current = iter(chunk)

    def chunks(self) -> Iterator[SettledChunk[Item]]:
        """Read settled chunks: the cheapest reading. Iterate over one for its items' outcomes."""
        return iter(self._next_chunk, None)

    def open(self) -> None:
        """Start the run."""
        try:
            self._conversation.start()
            while self._report is None and self._conversation.turn():
                pass
        except BaseException:
            self._conversation.leave()
            raise
        if self._report is None:
            self._conversation.result()

    def close(self) -> None:
        """End the run: what was settled and not read yet is given up."""
        self._conversation.leave()
        self._left = True
        self._count(self.report)

    def _next_chunk(self) -> SettledChunk[Item] | None:
        if self._left:
            return None
        try:
            while not self._unread:
                if not self._conversation.turn():
                    self.close()
                    return self._conversation.result()
        except BaseException:
            self._conversation.leave()
            raise
        return self._unread.popleft()

    async def _drive(self, caller: Caller) -> None:
        """Hand the settled chunks over, one ahead of the reader."""
        async with self._start(caller) as outcomes:
            await caller.ask(partial(setattr, self, "_report", outcomes.report))
            async for chunk in outcomes.chunks():
                await caller.ask(partial(self._unread.append, chunk))


class _Reading(Generic[Item]):
    """The caller's items on their way into the loop, read page by page in the caller's thread."""

    def __init__(self, items: Iterable[Item], name: str, write: Writer | None) -> None:
        self._items = items
        self._write = write
        self._source: Source[Item] | None = None
        self._name = name
        self._caller: Caller | None = None
        self._exhausted = False
        self._error: BaseException | None = None
        #: Items that were read, and have not come to the run.
        self._late = 0

    def source(self, caller: Caller) -> Items[Item]:
        """Return what the run reads; what can be no source is left to the run, which says so.

        Raises:
            ConfigurationError: the items come asynchronously.
        """
        if isinstance(self._items, AsyncIterable):
            raise ConfigurationError(
                f"{self._name} was given an async iterable, which a blocking client cannot read: "
                "give an iterable, or use the client of the same name from netaudience itself"
            )
        if _needs_no_thread(self._items):
            return self._items
        check_source(self._items, self._name, "item")
        self._caller = caller
        return cast("AsyncIterable[list[Item]]", self)

    def counted(self, conversation: Conversation[Report]) -> Report:
        """Run a run to its end and return its report, whole."""
        try:
            report = conversation.run()
        except RunFailed as error:
            self.count(error.report)
            raise
        self.count(report)
        return report

    def count(self, report: Report) -> None:
        """Count what was being read while the run was stopped, and so came too late to be sent."""
        late, self._late = self._late, 0
        report.items += late
        report.counts.unsent += late

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Item]:
        if self._caller is not None and not self._exhausted:
            page = await self._caller.ask(self._read)
            self._late -= len(page)
            if page:
                return page
        match self._error:
            case None:
                raise StopAsyncIteration
            case StopIteration() | StopAsyncIteration():  # would pass for the end here
                raise RuntimeError(f"The source raised {type(self._error).__name__}") from self._error
            case _:
                raise self._error

    def _read(self) -> Sequence[Item]:
        """Read a page in the caller's thread; an empty one is the end, so some is read however late."""
        pages: list[Sequence[Item]] = []
        count, until = 0, time.monotonic() + _LONGEST_PAGE
        if self._source is None:
            self._source = Source(self._items, self._write, sized=False)
        while True:
            pages.append(self._source.read_now(min(_STRIDE, _PAGE - count)))
            count += len(pages[-1])
            if self._source.exhausted or count >= _PAGE or time.monotonic() >= until:
                break
        self._exhausted, self._error = self._source.exhausted, self._source.error
        self._late += count
        return joined(*pages)


def _needs_no_thread(items: object) -> bool:
    """Return whether reading it cannot hold up the loop, or the run refuses to read it."""
    return type(items) in _IN_MEMORY or isinstance(items, _REFUSED) or not isinstance(items, Iterable)
