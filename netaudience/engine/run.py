"""A run and its three readings: awaited, settled, or streamed.

`await run` raises unless every item was delivered; `await run.settled()` never raises for items;
`async with run as outcomes` streams what happened to each. A run starts when it is read, and only once.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from netaudience.engine.pipeline import Pipeline
from netaudience.errors import ConfigurationError, EmptySource, NotSent
from netaudience.outcomes import Outcome, Report, RunFailed, SettledChunk

if TYPE_CHECKING:
    from netaudience.engine.journal import OnDoubt
    from netaudience.engine.recorder import Notes

Item = TypeVar("Item")


class Run(Generic[Item]):
    """Many items on their way to a vendor. Nothing is sent before it is read."""

    def __init__(
        self,
        name: str,
        start: Callable[[bool, Notes | None], Pipeline[Item]],
        facts: Mapping[str, str],
        *,
        repeatable: bool,
    ) -> None:
        self._name = name
        self._start: Callable[[bool, Notes | None], Pipeline[Item]] | None = start
        self._pipeline: Pipeline[Item] | None = None
        #: What tells this run from others.
        self._facts = facts
        self._repeatable = repeatable
        self._journal: Callable[[], Notes] | None = None

    def __repr__(self) -> str:
        return f"<Run of {self._name}>"

    def journaled(self, path: str | Path, *, source: str = "", on_doubt: OnDoubt = "tell") -> Self:
        """Keep the run's memory in a file, so that after a crash the same run goes on from it.

        Call the operation again with the same arguments and the same items in the same order, and with the
        same file: what is settled is passed over and stands in the counts, what has failed is sent again.
        Where an operation must not be repeated, the items that were being sent when the process died are
        reported as in doubt, and each note of them is on the disk before they are sent. The file holds the
        items that were not delivered.

        One run at a time has the file, of whatever process: it is held by a lock while the run lives. While
        it lives, and after a crash, files whose names begin like this one's belong to it: copy them together.
        It needs a local disk, or a volume that one machine has at a time.

        Args:
            path: The file; it is made where it does not exist.
            source: What tells the source from others, such as a file's digest; the file refuses another.
            on_doubt: ``resend`` sends what is in doubt again; it may then be there twice. What may be
                repeated without harm is sent again in any case.
        """
        from netaudience.engine.journal import Journal  # noqa: PLC0415 - most programs need no SQLite

        facts = {**self._facts, "source": source}
        once = not self._repeatable
        self._journal = lambda: Journal(Path(path), facts, on_doubt=on_doubt, once=once)
        return self

    def noted(self, notes: Notes) -> Self:
        """Keep the run's memory in something else that does what a journal does, and is open."""
        self._journal = lambda: notes
        return self

    def __await__(self) -> Generator[object, None, Report]:
        """Carry every item to its end and return the report.

        Raises:
            RunFailed: not every item was delivered; it carries the report.
            EmptySource: the source gave no item at all.
            NotSent: nothing at all was sent: there was no time, no room, or nobody there.
        """
        return self._delivered().__await__()

    async def settled(self) -> Report:
        """Carry every item to its end and return the report, whatever became of the items.

        Look at ``report.ok`` and ``report.stopped``: an early end of the run is reported there.
        """
        pipeline = self._open(streamed=False)
        try:
            await pipeline.finished()
        finally:
            await pipeline.aclose()
        return pipeline.report

    async def __aenter__(self) -> Outcomes[Item]:
        """Start the run and stream its outcomes, in the order in which they settle."""
        self._pipeline = self._open(streamed=True)
        return Outcomes(self._pipeline)

    async def __aexit__(self, *_: object) -> None:
        """Leave the run: what is under way is cancelled and counted, and no task stays behind."""
        if self._pipeline is not None:
            await self._pipeline.aclose()

    async def _delivered(self) -> Report:
        report = await self.settled()
        if report.ok:
            return report
        stopped = report.stopped
        if isinstance(stopped, EmptySource) or (isinstance(stopped, NotSent) and not report.requests):
            raise stopped
        raise RunFailed(report) from report.stopped

    def _open(self, *, streamed: bool) -> Pipeline[Item]:
        start, self._start = self._start, None
        if start is None:
            raise ConfigurationError(
                f"The run of {self._name} was read already: a run is read once; call the operation again"
            )
        journal = None if self._journal is None else self._journal()
        return start(streamed, journal)

    def __del__(self) -> None:
        if getattr(self, "_start", None) is not None:
            warnings.warn(
                f"The run of {self._name} was never read, so nothing was sent: "
                "await it, or use it in 'async with'",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )


class Outcomes(Generic[Item]):
    """The outcomes of a run, each item's or chunk by chunk.

    When all are read, the error that stopped the run early is raised, if there was one.
    """

    def __init__(self, pipeline: Pipeline[Item]) -> None:
        self._pipeline = pipeline
        self._chunks = _Chunks(pipeline)
        self._current: Iterator[Outcome[Item]] = iter(())

    @property
    def report(self) -> Report:
        """The counts so far."""
        return self._pipeline.report

    def __aiter__(self) -> AsyncIterator[Outcome[Item]]:
        """Read one outcome per item."""
        return self

    async def __anext__(self) -> Outcome[Item]:
        for outcome in self._current:
            return outcome
        while True:
            self._current = iter(await anext(self._chunks))
            for outcome in self._current:
                return outcome

    def chunks(self) -> AsyncIterator[SettledChunk[Item]]:
        """Read settled chunks: the cheapest reading. Iterate over one for its items' outcomes."""
        return self._chunks


class _Chunks(Generic[Item]):
    def __init__(self, pipeline: Pipeline[Item]) -> None:
        self._pipeline = pipeline

    def __aiter__(self) -> _Chunks[Item]:
        return self

    async def __anext__(self) -> SettledChunk[Item]:
        settled = self._pipeline.take_settled()
        if settled is None:
            settled = await self._pipeline.next_settled()
        if settled is not None:
            return settled
        if self._pipeline.report.stopped is not None:
            raise self._pipeline.report.stopped
        raise StopAsyncIteration
