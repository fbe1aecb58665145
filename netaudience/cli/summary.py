"""The last words of a run, on standard error: counts that add up, what it cost, and the commonest reasons."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from netaudience.cli.outlet import json_line
from netaudience.cli.tally import Tally

__all__ = ["show", "summary_lines", "write_report"]

_MOST_REASONS = 5


def write_report(tally: Tally, path: Path) -> None:
    """Write the summary as one JSON object; where it cannot be written, the tally says so."""
    report = tally.report
    told = {
        "vendor": report.vendor,
        "operation": report.operation,
        "acknowledges": report.acknowledges,
        "rows": tally.rows,
        "delivered": tally.delivered,
        "rejected": tally.rejected,
        "failed": tally.failed,
        "in_doubt": tally.in_doubt,
        "never_sent": tally.skipped,
        "requests": report.requests,
        "repeated": report.retries,
        "throttled": report.throttles,
        "seconds": round(report.seconds, 3),
        "reasons": dict(tally.reasons.most_common()),
        "warnings": dict(report.warnings.most_common()),
        "stopped": None if tally.stopped is None else str(tally.stopped),
        "read_whole": tally.read_whole,
        "exit_code": tally.exit_code(),
    }
    try:
        path.write_bytes(json_line(told))
    except OSError as error:
        tally.unwritten = f"The report {path} cannot be written: {error.strerror}"
        sys.stderr.write(f"  {tally.unwritten}\n")


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
    yield from (f"  {line}" for line in _reasons(tally))
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


def _reasons(tally: Tally) -> Iterator[str]:
    """Say the commonest reasons why rows were not delivered, and what was lost of those that were."""
    yield from (f"{count:,} x {reason}" for reason, count in tally.reasons.most_common(_MOST_REASONS))
    warnings = tally.report.warnings
    yield from (f"warning, {count:,} x {words}" for words, count in warnings.most_common(_MOST_REASONS))
    if len(warnings) > _MOST_REASONS:
        yield f"and {len(warnings) - _MOST_REASONS:,} more warnings, which --report writes down"


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
    for line in _reasons(tally):
        console.print(Text(line))
    for sentence in _sentences(tally):
        console.print(Text(sentence))
