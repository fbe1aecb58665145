"""Tells whoever watches a run what happens in it: makes the events, and calls the hook with them.

Loaded where there is a hook, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from netaudience.engine.transport import host_of, port_of
from netaudience.errors import NetaudienceError
from netaudience.events import (
    ChunkEnded,
    ChunkStarted,
    CircuitChanged,
    Event,
    Hook,
    Paused,
    RequestEnded,
    RunEnded,
    RunStarted,
    next_run,
)
from netaudience.model.wire import Prepared, Response
from netaudience.outcomes import Counts, Failed, InDoubt, Rejected, Report, SettledChunk, log_fields

_log = logging.getLogger("netaudience")

Item = TypeVar("Item")


class EventNotifier:
    """Tells a hook of one run, which it gives a number."""

    def __init__(self, hook: Hook, report: Report, clock: Callable[[], float]) -> None:
        self._hook = hook
        self._report = report
        self._names = report.vendor, report.operation
        self._clock = clock
        #: The run's number, unique in the process.
        self.run = next_run()

    def run_started(self, *, lasting: bool = False) -> None:
        """Tell that the run begins."""
        self._tell(RunStarted(self.run, *self._names, lasting))

    def run_ended(self, before: Counts | None = None, *, error: str | None = None) -> None:
        """Tell that the run is over.

        Args:
            before: What an earlier attempt at the run had settled: it was reported then.
            error: The class of what was raised; where there is none, of what stopped the run.
        """
        report, before = self._report, before or Counts()
        if error is None and report.stopped is not None:
            error = type(report.stopped).__name__
        self._tell(
            RunEnded(
                self.run,
                *self._names,
                report.seconds,
                max(0, report.items - report.resumed),  # who stops early has not passed all of them again
                report.delivered - before.delivered,
                report.rejected - before.rejected,
                report.failed,
                report.in_doubt - before.in_doubt,
                report.unsent,
                error,
            )
        )

    def chunk_started(self, chunk: int, records: int) -> None:
        """Tell that a chunk is on its way."""
        self._tell(ChunkStarted(self.run, chunk, *self._names, records))

    def chunk_ended(self, chunk: int, seconds: float, settled: Sequence[SettledChunk[Item]]) -> None:
        """Tell what became of a chunk."""
        kinds = [type(outcome) for part in settled for outcome in part.undelivered]
        others = (kinds.count(Rejected), kinds.count(Failed), kinds.count(InDoubt)) if kinds else (0, 0, 0)
        delivered = sum(map(len, settled)) - len(kinds)
        self._tell(ChunkEnded(self.run, chunk, *self._names, seconds, delivered, *others))

    def request_ended(  # noqa: PLR0913 - what there is to tell
        self,
        prepared: Prepared,
        sent: float,
        waited: float,
        response: Response | None,
        error: NetaudienceError | None,
        *,
        repeated: bool,
    ) -> None:
        """Tell of an attempt that is over: an answer, an error, or neither where it was left."""
        ended = "CancelledError" if response is None else None
        self._tell(
            RequestEnded(
                *self._names,
                sent,
                self._clock() - sent,
                None if response is None else response.status,
                prepared.records,
                prepared.size,
                waited,
                repeated,
                self.run,
                prepared.chunk,
                prepared.method,
                host_of(prepared.url),
                ended if error is None else type(error).__name__,
                port_of(prepared.url),
                "" if response is None else response.headers.get("Date", ""),
            )
        )

    def paused(self, seconds: float) -> None:
        """Tell that nothing of the quota leaves for so long."""
        self._tell(Paused(*self._names, self._clock(), seconds))

    def circuit_changed(self, *, is_open: bool) -> None:
        """Tell that the vendor counts as down from now on, or is back."""
        self._tell(CircuitChanged(*self._names, self._clock(), is_open))

    def _tell(self, event: Event) -> None:
        try:
            self._hook(event)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a watcher's mistake is not the run's
            _log.exception("The hook for events raised", extra=log_fields(self._report, self.run))
