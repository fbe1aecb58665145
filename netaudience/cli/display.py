"""How a run looks while it goes, and what is said when it has ended: one for commands and for jobs.

It goes to standard error, which may be closed; nothing is counted here.
"""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from netaudience.errors import visible
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.outcomes import commonest
from netaudience.plurals import many

_REASONS = 5
#: Seconds between two lines where nobody looks at a terminal.
_PAUSE = 5.0
#: Letters of a step's name that are kept whatever else has to go.
_NAME = 12
#: Seconds without an answer that are reported.
_SILENT = 5.0
#: A share of the time below this is none.
_SHARE = 0.005
#: A command within a sentence: its words are names, flags and files, and none is plain English.
_COMMAND = re.compile(r"netaudience [a-z][a-z-]*(?: (?:[A-Z]+\b|[a-z]*[-/._0-9='\"]\S*|latest\b))*")
_GLUE = "\x1f"
#: Columns of a terminal from which on everything is reported.
_WIDE = 160


def tell(text: str) -> None:
    """Write a text to standard error, if there is one; on a terminal, in lines that fit it."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
        return
    text = visible(text)
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns
            lines = (wrapped(line, "", width) or [""] for line in text.split("\n"))
            text = "\n".join(part for line in lines for part in line)
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def tell_summary(summary: Summary, *, quiet: bool) -> None:
    """Say what became of a run; nothing where all is well and nobody wants to hear it."""
    if quiet and summary.ok:
        return
    rest = iter(summary.steps)
    for sentence in summary.sentences():  # those of the steps come first
        tell(sentence)
        step = next(rest, None)
        if step is not None:
            seen = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
            width = shutil.get_terminal_size().columns if seen else None
            for line in _step_lines(step):
                for part in wrapped(line, "  ", width):
                    tell(part)


def _step_lines(step: StepSummary) -> Iterator[str]:
    """Say what a step has cost, why rows were not delivered, and what was lost of those that were."""
    yield ", ".join(_cost(step))
    for count, outcome, reason in commonest(step.reasons)[:_REASONS]:
        yield f"{count:,} x {outcome}: {reason}"
    warnings = sorted(step.warnings.items(), key=lambda pair: -pair[1])
    yield from (f"warning, {count:,} x {words}" for words, count in warnings[:_REASONS])
    if len(warnings) > _REASONS:
        yield f"and {len(warnings) - _REASONS:,} more warnings, which the summary as JSON lists"
    vendor = find_vendor(step.vendor)
    operation = None if vendor is None else vendor.operations().get(step.operation)
    if operation is not None and step.delivered and operation.facts.settles:
        yield operation.facts.settles


def _cost(step: StepSummary) -> Iterator[str]:
    yield many(step.requests, "request")
    if step.retries:
        yield f"{step.retries:,} of them repeated"
    if step.throttles:
        yield f"throttled {_times(step.throttles)}"
    yield f"{step.seconds:,.1f} s"
    if step.waiting_share >= _SHARE:
        yield f"{step.waiting_share:.0%} of it waiting for the limit"


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def wrapped(text: str, first: str, width: int | None) -> list[str]:
    """Return a text in lines; no word of it is broken, and no command, which somebody copies.

    Args:
        text: The text.
        first: What stands before it; further lines are set as far to the right.
        width: Letters of a line; None where there is no bound.
    """
    lines = textwrap.wrap(
        _COMMAND.sub(lambda found: found.group().replace(" ", _GLUE), text),
        sys.maxsize if width is None else max(40, width),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def step_line(step: StepSummary, width: int | None = None) -> str:
    """Return how a step is doing, in one line.

    Args:
        step: The step.
        width: How many letters there are, if there is a bound: what matters least is left out then.
    """
    done = step.rows - step.unsent
    rows = max(step.total, done)
    parts = list(_doing(step, done, rows))
    if width is None:
        return ", ".join([f"{step.name}: {done:,} of {many(rows, 'row')}", *parts])
    rest = ", ".join([f": {done / rows:.0%}" if rows else ": 0%", *parts])
    while len(rest) > width - min(_NAME, len(step.name)) and len(parts) > 1:
        rest = rest.removesuffix(f", {parts.pop()}")
    room = max(1, width - len(rest))
    name = step.name if len(step.name) <= room else f"{step.name[: room - 1]}…"
    return visible(f"{name}{rest}")


def _doing(step: StepSummary, done: int, rows: int) -> Iterator[str]:
    """Say how a step is doing, what matters most first."""
    if step.stopped is not None:
        yield "stopped"
    if step.silent_seconds is not None and step.silent_seconds >= _SILENT:
        # Not told at once: a single request that gets no answer is no outage.
        end = _about(step.gives_up_in or 0)
        yield f"does not answer since {_about(step.silent_seconds)}, giving up in {end}"
    for count, name in ((step.rejected, "rejected"), (step.failed, "failed"), (step.in_doubt, "in doubt")):
        if count:
            yield f"{count:,} {name}"
    if step.throttles:
        yield f"throttled {_times(step.throttles)}"
    pace = max(0, done - step.resumed - step.unchanged) / step.seconds if step.seconds else 0.0
    if pace and done < rows and step.stopped is None:
        yield f"{duration((rows - done) / pace)} left"
    if pace:
        yield f"{pace:,.0f}/s"
    if step.waiting_share >= _SHARE:
        yield f"{step.waiting_share:.0%} of the time waiting for the limit"


@contextlib.contextmanager
def progress_of(*, quiet: bool, grace: float) -> Generator[Callable[[Summary], None], None, None]:
    """Give what shows the counts: bars on a terminal, a line for each step now and then elsewhere."""
    shown: _Lines | _Bars
    if quiet or sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
        shown = _Lines(math.inf, grace)
    elif sys.stderr.isatty():
        shown = _Bars(grace)
    else:
        shown = _Lines(_PAUSE, grace)
    try:
        yield shown
    finally:
        shown.close()


@contextlib.contextmanager
def looking(*, quiet: bool) -> Generator[Callable[[str, int], object] | None, None, None]:
    """Say on a terminal that a source is read, until it is; give what shows how many rows were."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
        yield None
        return
    with contextlib.closing(_Looking()) as shown:
        yield shown


class _Looking:
    """A line on a terminal that goes on moving while a source is read, and is gone afterwards."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs a program's start
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (SpinnerColumn("line"), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        self._line: Any = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: Any = self._line.add_task("reading the source", total=None)
        self._line.start()

    def __call__(self, step: str, rows: int) -> None:
        """Show how many rows of a step were read."""
        text = f"{many(rows, 'row')} read for {step}" if rows else f"reading the source for {step}"
        self._line.update(self._task, description=text)

    def close(self) -> None:
        """Leave nothing on the terminal."""
        self._line.stop()


class _Interrupted:
    """Says once that the run was interrupted."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._notified = False

    def tell(self, summary: Summary) -> None:
        if summary.signal is None or self._notified:
            return
        self._notified = True
        tell(
            f"interrupted: what is under way has {self._grace:g} s to come to its end; "
            "interrupt once more to leave it"
        )


class _Lines:
    """A plain line for each step now and then, for logs."""

    def __init__(self, pause: float, grace: float) -> None:
        self._pause = pause
        self._next = time.monotonic() + pause
        self._interrupted = _Interrupted(grace)

    def __call__(self, summary: Summary) -> None:
        """Look at the counts."""
        self._interrupted.tell(summary)
        if summary.ended is None and time.monotonic() < self._next:
            return
        if self._pause < math.inf:
            for step in summary.steps:
                tell(step_line(step))
        self._next = time.monotonic() + self._pause

    def close(self) -> None:
        """Do nothing: lines stay."""


class _Bars:
    """A bar for each step on a terminal; `rich` keeps to NO_COLOR by itself."""

    def __init__(self, grace: float) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs a program's start
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

        console = Console(stderr=True)
        wide = console.width > _WIDE
        bar = 20 if wide else 8
        #: Letters beside the bar; a line that a terminal cuts off loses what matters.
        self._width = None if wide else console.width - bar - 2
        self._bars: Any = Progress(
            BarColumn(bar_width=bar),
            TextColumn("{task.description}", markup=False),
            console=console,
            auto_refresh=False,
        )
        self._tasks: dict[str, Any] = {}
        self._interrupted = _Interrupted(grace)
        #: What is shown until there is something to count.
        self._looking: _Looking | None = _Looking()

    def __call__(self, summary: Summary) -> None:
        """Look at the counts."""
        if self._looking is not None:
            self._begin(self._looking)
        for step in summary.steps:
            if step.name not in self._tasks:
                self._tasks[step.name] = self._bars.add_task("", total=None)
            self._bars.update(
                self._tasks[step.name],
                description=step_line(step, self._width),
                total=step.total or None,
                completed=step.rows - step.unsent,
            )
        self._bars.refresh()
        self._interrupted.tell(summary)

    def _begin(self, looking: _Looking) -> None:
        looking.close()
        self._looking = None
        self._bars.start()

    def close(self) -> None:
        """Leave the bars as they are."""
        if self._looking is not None:
            self._looking.close()
        else:
            self._bars.stop()
