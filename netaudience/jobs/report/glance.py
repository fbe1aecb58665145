"""What is read by somebody who reads no more: how much arrived, what was new, and how it was before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from netaudience.jobs.report.charts import Bar, share_of
from netaudience.jobs.report.plot import say
from netaudience.jobs.state.finalize import summaries
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.jobs.state.verified import Verified
from netaudience.plurals import many

#: Runs that are shown beside one another.
_MOST_RUNS = 12


def at_a_glance(body: Element, steps: Sequence[StepSummary], verified: Verified | None) -> None:
    """Add the few figures that stand for all: a large number each, and what it is."""
    found = list(_figures(steps, verified))
    if found:
        box = SubElement(body, "dl", {"class": "glance"})
        for number, words in found:
            each = SubElement(box, "div")
            say(each, "dt", words)
            say(each, "dd", number)


def _figures(steps: Sequence[StepSummary], verified: Verified | None) -> Iterator[tuple[str, str]]:
    rows, there = sum(step.rows for step in steps), sum(step.delivered + step.unchanged for step in steps)
    if rows:
        over = f", over {len(steps)} steps" if len(steps) > 1 else ""
        yield share_of(there, rows), f"delivered or as before, of {many(rows, 'row')}{over}"
        yield f"{sum(step.delivered for step in steps):,}", "sent and delivered"
    for name in ("added", "changed"):
        counts = [count for step in steps if (count := getattr(step, name)) is not None]
        if counts:
            yield f"{sum(counts):,}", f"{name} since the last run"
    if any(step.mode == "mirror" for step in steps):
        yield f"{sum(step.delivered for step in steps if step.takes_back):,}", "removed, for they are gone"
    looked = [] if verified is None else verified.steps
    read = sum(step.chosen - step.unreadable for step in looked)
    if read:
        landed = sum(step.landed for step in looked)
        yield share_of(landed, read), f"there as sent, of {many(read, 'row')} that were read back"


def last_runs(run: Path, summary: Summary) -> list[Bar]:
    """Return what became of the rows of the last runs of a job, this one at the end, over all steps.

    Args:
        run: The folder of this one.
        summary: What became of it.
    """
    found = [summary]
    for other, ended in summaries(run.parent.parent):
        if len(found) == _MOST_RUNS:
            break
        if other.id < run.name and ended.again is None:  # a run is named by its beginning
            found.append(ended)
    bars = [Bar(_when(each), _became(each)) for each in reversed(found)]
    return [bar for bar in bars if bar.rows] if len(found) > 1 else []


def _when(summary: Summary) -> str:
    return f"{summary.started[:10]} {summary.started[11:16]}"


def _became(summary: Summary) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in summary.steps:
        for kind, count in step.shown().items():
            counts[kind] = counts.get(kind, 0) + count
    return counts
