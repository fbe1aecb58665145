"""How jobs look: a plan as text, the progress of every step, and the list of runs.

Data goes to standard output, progress to standard error; nothing is counted here.
"""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from netaudience.errors import ConfigurationError
from netaudience.jobs.rundir import RunFolder
from netaudience.jobs.summary import StepSummary, Summary, read_summary
from netaudience.wire import JsonValue

if TYPE_CHECKING:
    from netaudience.jobs.planning import Plan, StepPlan
    from netaudience.jobs.reckoning import Load

__all__ = ["duration", "plan_lines", "progress_of", "run_row", "runs_table", "step_line"]

Row: TypeAlias = dict[str, JsonValue]
_REASONS = 5
#: Seconds between two lines where nobody looks at a terminal.
_PAUSE = 5.0


def plan_lines(plan: Plan, path: Path) -> Iterator[str]:
    """Return a plan as people read it."""
    yield f"{plan.job}: {_many(plan.rows, 'row')}"
    for step in plan.steps:
        yield ""
        yield f"{step.name} ({step.vendor} {step.operation}, {step.mode})"
        yield from (f"  {line}" for line in _step_lines(step))
    yield ""
    yield (
        f"All in all {_many(plan.items, 'item')} in {_many(plan.requests, 'request')}, "
        f"{duration(plan.seconds)} at least"
    )
    yield from (f"A run would stop: {sentence}" for sentence in plan.stops)
    flags = sorted({flag for step in plan.steps for flag in step.consent.split("--") if flag})
    agreed = "".join(f" --{flag.strip()}" for flag in flags)
    if plan.stops:
        return
    yield f"Send just this: netaudience run {shlex.quote(str(path))} --plan {plan.digest}{agreed}"


def _step_lines(step: StepPlan) -> Iterator[str]:
    counts = [f"{step.rows:,}"]
    if step.mode != "all":
        counts.append(f"{step.added:,} added, {step.changed:,} changed, {step.unchanged:,} unchanged")
    if step.mode == "mirror":
        counts.append(f"{step.removed:,} of {step.known:,} removed")
    yield f"rows      {'; '.join(counts)}"
    if step.rejected:
        yield f"rejected  {step.rejected:,}"
        yield from (
            f"          {count:,} x {reason}" for reason, count in list(step.reasons.items())[:_REASONS]
        )
    yield from _load_lines(step.sends, "sends   ")
    if step.removes is not None and step.removes.items:
        yield from _load_lines(step.removes, "removes ")
    if step.consent:
        yield f"needs     {step.consent}, because data is lost"
    yield from (f"note      {note}" for note in step.notes)


def _load_lines(load: Load, what: str) -> Iterator[str]:
    about = "about " if load.about else ""
    yield (
        f"{what}  {_many(load.items, 'item')} by {load.operation} in "
        f"{about}{_many(load.requests, 'request')}, about {_size(load.bytes)}"
    )
    if not load.items:
        return
    yield f"time      {duration(load.seconds)} at least: {load.binds}"
    if load.body is not None:
        yield f"body      of the first request, with few of its {_many(load.rows_per_request, 'item')}:"
        text = json.dumps(load.body, indent=2, ensure_ascii=False)
        yield from (f"            {line}" for line in text.splitlines())


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return ""


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{seconds:,.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400:,} d {whole % 86_400 // 3600} h"


def step_line(step: StepSummary) -> str:
    """Return how a step is doing, in one line."""
    done = step.accounted - step.skipped
    parts = [f"{step.name}: {done:,} of {max(step.rows, done):,} rows"]
    if step.seconds:
        parts.append(f"{max(0, done - step.resumed - step.unchanged) / step.seconds:,.0f}/s")
    if step.waiting_share:
        parts.append(f"{step.waiting_share:.0%} of the time waiting for the limit")
    if step.throttles:
        parts.append(f"throttled {step.throttles:,} times")
    for count, name in ((step.rejected, "rejected"), (step.failed, "failed"), (step.in_doubt, "in doubt")):
        if count:
            parts.append(f"{count:,} {name}")
    if step.stopped is not None:
        parts.append("stopped")
    return ", ".join(parts)


@contextlib.contextmanager
def progress_of(*, quiet: bool, grace: float) -> Generator[Callable[[Summary], None], None, None]:
    """Give what shows the counts: bars on a terminal, a line for each step now and then elsewhere."""
    shown: _Lines | _Bars
    if quiet:
        shown = _Lines(math.inf, grace)
    elif sys.stderr.isatty():
        shown = _Bars(grace)
    else:
        shown = _Lines(_PAUSE, grace)
    try:
        yield shown
    finally:
        shown.close()


class _Interrupted:
    """Says once that the run was interrupted."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._told = False

    def tell(self, summary: Summary) -> None:
        if summary.signal is None or self._told:
            return
        self._told = True
        sys.stderr.write(
            f"interrupted: what is under way has {self._grace:g} s to come to its end; "
            "interrupt once more to leave it\n"
        )
        sys.stderr.flush()


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
            sys.stderr.write("".join(f"{step_line(step)}\n" for step in summary.steps))
        self._next = time.monotonic() + self._pause

    def close(self) -> None:
        """Do nothing: lines stay."""


class _Bars:
    """A bar for each step on a terminal; `rich` keeps to NO_COLOR by itself."""

    def __init__(self, grace: float) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs a program's start
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

        self._bars: Any = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._tasks: dict[str, Any] = {}
        self._interrupted = _Interrupted(grace)
        self._bars.start()

    def __call__(self, summary: Summary) -> None:
        """Look at the counts."""
        for step in summary.steps:
            if step.name not in self._tasks:
                self._tasks[step.name] = self._bars.add_task("", total=None)
            self._bars.update(
                self._tasks[step.name],
                description=step_line(step),
                total=step.rows or None,
                completed=step.accounted - step.skipped,
            )
        self._bars.refresh()
        self._interrupted.tell(summary)

    def close(self) -> None:
        """Leave the bars as they are."""
        self._bars.stop()


def run_row(run: RunFolder) -> Row:
    """Return what is known of a run, as one line of a list."""
    row: Row = {"run": run.id, "folder": str(run.path.resolve()), "started": run.started.isoformat()}
    try:
        row["job"] = run.start().job
        summary = read_summary(run.summary)
    except ConfigurationError as error:
        return {**row, "state": "unreadable", "problem": str(error)}
    if summary is None:
        return {**row, "state": "under way or killed"}
    steps = summary.steps
    return {
        **row,
        "state": "finished" if summary.finished else "unfinished",
        "ended": summary.ended,
        "rows": sum(step.rows for step in steps),
        "delivered": sum(step.delivered for step in steps),
        "unchanged": sum(step.unchanged for step in steps),
        "undelivered": sum(step.undelivered for step in steps),
        "exit_code": summary.exit_code,
    }


def runs_table(rows: list[Row]) -> None:
    """Print runs as a table."""
    from rich.console import Console  # noqa: PLC0415 - costs a program's start
    from rich.table import Table  # noqa: PLC0415

    columns = ("run", "job", "state", "rows", "delivered", "unchanged", "undelivered", "exit code")
    table = Table()
    for name in columns:
        table.add_column(name, justify="left" if name in columns[:3] else "right", overflow="fold")
    for row in rows:
        counts = [row.get(name.replace(" ", "_")) for name in columns[3:]]
        shown = ["" if count is None else f"{count:,}" for count in counts]
        table.add_row(str(row["run"]), str(row.get("job", "")), str(row["state"]), *shown)
    # Nothing is folded where nobody looks at it: a line of a pipe has no width.
    Console(width=None if sys.stdout.isatty() else 240).print(table)
