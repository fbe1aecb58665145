"""The last words of a run, on standard error: counts that add up, what it cost, and the commonest reasons."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from netaudience.cli.tally import Tally

__all__ = ["show", "summary_lines"]

_MOST_REASONS = 5


def show(tally: Tally) -> None:
    """Write the summary: a table on a terminal, plain text elsewhere."""
    if sys.stderr.isatty():
        _show_table(tally)
        return
    sys.stderr.write("".join(f"{line}\n" for line in summary_lines(tally)))


def summary_lines(tally: Tally) -> Iterator[str]:
    """Return the summary as plain lines."""
    report = tally.report
    yield f"{report.vendor} {report.operation}: {', '.join(_counts(tally))}"
    yield f"  {_cost(tally)}"
    yield from (f"  {count:,} x {reason}" for reason, count in tally.reasons.most_common(_MOST_REASONS))
    yield from (f"  {sentence}" for sentence in _sentences(tally))


def _named_counts(tally: Tally) -> list[tuple[str, int]]:
    return [
        (tally.report.acknowledges, tally.delivered),
        ("rejected", tally.rejected),
        ("failed", tally.failed),
        ("in doubt", tally.in_doubt),
        ("never sent", tally.skipped),
    ]


def _counts(tally: Tally) -> Iterator[str]:
    yield f"{tally.rows:,} {'row' if tally.rows == 1 else 'rows'}"
    yield from (f"{count:,} {name}" for name, count in _named_counts(tally))


def _cost(tally: Tally) -> str:
    report = tally.report
    return (
        f"{report.requests:,} requests, {report.retries:,} of them repeated, "
        f"throttled {report.throttles:,} times, "
        f"{report.seconds:,.1f} s, {report.waiting_share:.0%} of it waiting for the limit"
    )


def _sentences(tally: Tally) -> Iterator[str]:
    if tally.signal is not None:
        yield "The run was interrupted: what was under way was settled or is told above."
    if tally.stopped is not None:
        yield f"The run stopped early: {tally.stopped}"
    if tally.unwritten is not None:
        yield tally.unwritten
    if not tally.read_whole and tally.rows:
        yield f"Rows after the first {tally.rows:,} were not read."
    if tally.written:
        yield f"{tally.written:,} undelivered rows were written to {tally.written_to}."


def _show_table(tally: Tally) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs a program's start
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    report = tally.report
    table = Table(title=f"{report.vendor} {report.operation}", title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{tally.rows:,}", "rows")
    colours = {"rejected": "yellow", "failed": "red", "in doubt": "red", "never sent": "yellow"}
    for name, count in _named_counts(tally):
        table.add_row(f"{count:,}", name, style=colours.get(name, "green") if count else "dim")
    console = Console(stderr=True)
    console.print(table)
    console.print(Text(_cost(tally)))
    for reason, count in tally.reasons.most_common(_MOST_REASONS):
        console.print(Text(f"{count:,} x {reason}"))
    for sentence in _sentences(tally):
        console.print(Text(sentence))
