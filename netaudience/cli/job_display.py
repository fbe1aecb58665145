"""How jobs look: a plan as text, and the list of runs. Nothing is counted here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from netaudience.cli.display import wrapped
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.state.markdown import cell
from netaudience.jobs.state.refused import Refused
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import read_summary
from netaudience.model.wire import JsonValue
from netaudience.outcomes import Counts
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.jobs.plan.estimate import Load
    from netaudience.jobs.plan.plan import Plan, StepPlan

Row: TypeAlias = dict[str, JsonValue]
#: Stands before a line that is shown as it is, however long.
_AS_IT_IS = " "
_REASONS = 5


def plan_lines(plan: Plan, path: Path, width: int | None = None, *, held: bool = True) -> Iterator[str]:
    """Return a plan as people read it.

    Args:
        plan: The plan.
        path: The job file.
        held: Whether it was held to the vendor's schema, as the run will be.
        width: Letters of a line, None where there is no bound; the first body and commands are not parted.
    """
    lines = "" if plan.lines is None else f" in {many(plan.lines, 'line')}"
    yield f"{plan.job}: {many(plan.rows, 'row')}{lines}"
    for note in plan.notes:
        yield from wrapped(note, "", width)
    for step in plan.steps:
        yield ""
        yield f"{step.name} ({step.vendor} {step.operation}, {step.mode})"
        for name, text in _step_lines(step):
            first = f"  {name:10}"
            yield from [f"{first}{text}"] if name == _AS_IT_IS else wrapped(text, first, width)
    yield ""
    yield (
        f"All in all {many(plan.items, 'item')} in {many(plan.requests, 'request')}, "
        f"{duration(plan.seconds)} at least"
    )
    for sentence in plan.stops:
        yield from wrapped(f"A run would stop: {sentence}", "", width)
    agreed = f" {plan.consent}" if plan.consent else ""
    agreed += "" if held else " --no-preflight"
    if plan.stops:
        return
    yield f"Send just this: netaudience run {shlex.quote(str(path))} --plan {plan.digest}{agreed}"


def _step_lines(step: StepPlan) -> Iterator[tuple[str, str]]:
    """Give what is planned for a step: what it is about, and what there is to say of it."""
    counts = [f"{step.rows:,}"]
    if step.mode != "all":
        counts.append(f"{step.added:,} added, {step.changed:,} changed, {step.unchanged:,} unchanged")
    if step.mode == "mirror":
        counts.append(f"{step.removed:,} of {step.known:,} removed")
    yield "rows", "; ".join(counts)
    if step.rejected:
        yield "rejected", f"{step.rejected:,}"
        yield from (("", f"{count:,} x {reason}") for reason, count in list(step.reasons.items())[:_REASONS])
    yield from _load_lines(step.sends, "sends")
    if step.removes is not None and step.removes.items:
        yield from _load_lines(step.removes, "removes")
    if step.consent:
        yield "needs", f"{step.consent}, because it {step.agrees_to}"
    yield from (("note", note) for note in step.notes)


def _load_lines(load: Load, what: str) -> Iterator[tuple[str, str]]:
    about = "about " if load.about else ""
    requests = f"{about}{many(load.requests, 'request')}, about {_size(load.bytes)}"
    yield what, f"{many(load.items, 'item')} by {load.operation} in {requests}"
    if not load.items:
        return
    yield "time", f"{duration(load.seconds)} at least: {load.binds}"
    if load.body is not None:
        items = many(load.rows_per_request, "item")
        few = f", with few of its {items}" if load.rows_per_request > 1 else ""
        yield "body", f"of the first request{few}:"
        text = json.dumps(load.body, indent=2, ensure_ascii=False)
        yield from ((_AS_IT_IS, f"  {line}") for line in text.splitlines())


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return ""


def plan_markdown(plan: Plan, path: Path, *, held: bool = True) -> Iterator[str]:
    """Return a plan as a page of Markdown for a pull request; no value of a row is in it.

    Args:
        plan: The plan.
        path: The job file.
        held: As in `plan_lines`.
    """
    *_, last = plan_lines(plan, path, held=held)
    state = "a run would stop" if plan.stops else "nothing to send" if not plan.items else "ready"
    yield f"### netaudience plan: {cell(plan.job)} ({state})"
    yield ""
    yield (
        f"{many(plan.rows, 'row')}, {many(plan.items, 'item')} in {many(plan.requests, 'request')}, "
        f"{duration(plan.seconds)} at least"
    )
    yield ""
    names = ("rows", "added", "changed", "unchanged", "removed", "rejected", "requests", "at least")
    yield f"| step | {' | '.join(names)} |"
    yield f"| --- |{' ---: |' * len(names)}"
    for step in plan.steps:
        compared = (step.added, step.changed, step.unchanged, step.removed)
        cells = [f"{step.rows:,}", *(f"{count:,}" if step.mode != "all" else "" for count in compared)]
        cells += [f"{step.rejected:,}", f"{sum(load.requests for load in step.loads):,}"]
        cells.append(duration(sum(load.seconds for load in step.loads)))
        named = cell(f"{step.name} ({step.vendor} {step.operation}, {step.mode})")
        yield f"| {named} | {' | '.join(cells)} |"
    for step in plan.steps:
        details = [f"{count:,} rejected: {reason}" for reason, count in list(step.reasons.items())[:_REASONS]]
        details += [f"needs {step.consent}, because it {step.agrees_to}"] if step.consent else []
        details += step.notes
        if details:
            yield from ["", f"**{cell(step.name)}**", "", *(f"- {cell(one)}" for one in details)]
    yield from (f"\n> A run would stop: {cell(sentence)}" for sentence in plan.stops)
    if not plan.stops:
        yield from ["", "```console", f"$ {last.partition(': ')[2]}", "```"]


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
    counts = Counts()
    for step in summary.steps:
        counts.add(step)
    return {
        **row,
        "state": "finished" if summary.finished else "unfinished",
        "ended": summary.ended,
        "rows": counts.rows,
        **counts.named(),
        "undelivered": counts.undelivered,
        "exit_code": summary.exit_code,
    }


def refused_row(refused: Refused, folder: Path) -> Row:
    """Return a run that was refused before it had a folder, as one line of a list."""
    return {
        "run": "",
        "folder": str(folder.resolve()),
        "started": refused.time,
        "job": refused.job,
        "state": "refused",
        "problem": refused.reason,
        "exit_code": refused.exit_code,
    }


#: What a list of runs shows, and which of it is left out first where a terminal is too narrow.
_COLUMNS = ("run", "job", "state", "rows", "delivered", "unchanged", "undelivered", "exit")
_LEFT_OUT = ("unchanged", "delivered", "rows")


def run_lines(rows: Sequence[Row], width: int | None) -> Iterator[str]:
    """Give runs as people read them: a table, no wider than may be, and below a run why it was none.

    Args:
        rows: The runs.
        width: Letters of a line, None where there is no bound. What matters least is left out; where not
            even the rest fits, each run takes two lines. A name is never broken.
    """
    cells = [_cells(row) for row in rows]
    shown = list(_COLUMNS)
    widths = {name: max(len(name), *(len(one[name]) for one in cells)) for name in shown}
    for name in _LEFT_OUT:
        if width is not None and sum(widths[one] + 2 for one in shown) - 2 > width:
            shown.remove(name)
    tall = width is not None and sum(widths[one] + 2 for one in shown) - 2 > width
    if not tall:
        yield _aligned({name: name for name in shown}, widths)
    for row, told_of in zip(rows, cells, strict=True):
        if tall:
            yield f"{told_of['run']}  {told_of['state']}, exit {told_of['exit'] or '-'}"
            undelivered = f", {told_of['undelivered']} undelivered" if told_of["undelivered"] else ""
            yield f"  {told_of['job']}{undelivered}"
        else:
            yield _aligned({name: told_of[name] for name in shown}, widths)
        if problem := row.get("problem"):
            yield from wrapped(str(problem), "  ", width)


def _cells(row: Row) -> dict[str, str]:
    """Return what a table shows of a run; one without a folder is known by its time."""
    counts = {name: row.get(name) for name in ("rows", "delivered", "unchanged", "undelivered")}
    started = datetime.fromisoformat(str(row["started"]))
    return {
        "run": str(row["run"]) or f"{started:%Y%m%d-%H%M%S}",
        "job": str(row.get("job", "")),
        "state": str(row["state"]),
        "exit": str(row.get("exit_code", "")),
        **{name: "" if count is None else f"{count:,}" for name, count in counts.items()},
    }


def _aligned(cells: Mapping[str, str], widths: Mapping[str, int]) -> str:
    """Return a line of a table: names at the left, numbers at the right."""
    texts = (
        f"{text:{widths[name]}}" if name in _COLUMNS[:3] else f"{text:>{widths[name]}}"
        for name, text in cells.items()
    )
    return "  ".join(texts).rstrip()
