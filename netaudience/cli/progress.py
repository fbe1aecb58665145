"""Shows on standard error how a run is doing: a bar on a terminal, a line now and then elsewhere.

It only looks: it counts nothing itself and writes nothing to standard output.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from netaudience.cli.tally import Tally

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["Lines", "Progress", "Silence", "progress_for"]

_Clock = Callable[[], float]


class Progress(Protocol):
    """Something that shows how a run is doing."""

    #: Seconds between two looks.
    interval: float

    def update(self, tally: Tally, share_read: float | None) -> None:
        """Show the counts."""
        ...

    def close(self, tally: Tally, share_read: float | None) -> None:
        """Show the counts for the last time."""
        ...


class Silence:
    """Shows nothing."""

    interval = 3600.0

    def update(self, tally: Tally, share_read: float | None) -> None:
        """Show nothing."""

    def close(self, tally: Tally, share_read: float | None) -> None:
        """Show nothing."""


class Lines:
    """A plain line now and then, for logs."""

    def __init__(
        self, write: Callable[[str], object], *, interval: float = 5.0, clock: _Clock = time.monotonic
    ) -> None:
        self.interval = interval
        self._write = write
        self._clock = clock
        self._started = clock()

    def update(self, tally: Tally, share_read: float | None) -> None:
        """Write a line."""
        self._write(f"{describe(tally, share_read, self._clock() - self._started)}\n")

    def close(self, tally: Tally, share_read: float | None) -> None:
        """Write the last line."""
        self.update(tally, share_read)


class _Bar:
    """A bar on a terminal; `rich` keeps to NO_COLOR by itself."""

    interval = 0.2

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs a program's start
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        self._started = time.monotonic()
        self._bar: RichProgress = Bar(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._bar.start()

    def update(self, tally: Tally, share_read: float | None) -> None:
        text = describe(tally, share_read, time.monotonic() - self._started)
        share = share_done(tally, share_read)
        self._bar.update(
            self._task, description=text, total=None if share is None else 1.0, completed=share or 0
        )
        self._bar.refresh()

    def close(self, tally: Tally, share_read: float | None) -> None:
        self.update(tally, share_read)
        self._bar.stop()


def progress_for(*, quiet: bool) -> Progress:
    """Return what suits standard error."""
    if quiet:
        return Silence()
    return _Bar() if sys.stderr.isatty() else Lines(sys.stderr.write)


def share_done(tally: Tally, share_read: float | None) -> float | None:
    """Return the share of the source that is settled, 0 to 1, where its size is known."""
    if share_read is None or not tally.rows:
        return None
    return min(1.0, share_read * (tally.report.settled + tally.bad_rows) / tally.rows)


def describe(tally: Tally, share_read: float | None, seconds: float) -> str:
    """Return the counts in one line."""
    report = tally.report
    settled = report.settled + tally.bad_rows
    parts = [f"{settled:,} items", f"{settled / seconds if seconds else 0:,.0f}/s"]
    parts.append(f"{report.waiting_share:.0%} of the time waiting for the limit")
    if report.throttles:
        parts.append(f"throttled {report.throttles:,} times")
    if tally.rejected:
        parts.append(f"{tally.rejected:,} rejected")
    if tally.failed or tally.in_doubt:
        parts.append(f"{tally.failed:,} failed, {tally.in_doubt:,} in doubt")
    share = share_done(tally, share_read)
    if share and share < 1:
        parts.append(f"{_duration(seconds * (1 - share) / share)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
