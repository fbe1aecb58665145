"""The pictures of a run's report, as elements of its page: bars are boxes of it, curves are plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement

import attrs

from netaudience.jobs.report.plot import Plot, Scale, key, say
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.state.metrics import Attempt, Ceiling, Latencies, Metrics, Slice
from netaudience.outcomes import Counts
from netaudience.plurals import rounded

#: The kinds of outcome, in the order in which they stand in a bar.
KINDS: Final = tuple(Counts().shown())
_OUTCOMES: Final[Mapping[str, str]] = {kind: kind for kind in KINDS}
#: The kinds of what a look afterwards shows, in the colours of outcomes.
SEEN_AS: Final[Mapping[str, str]] = {
    "landed": "delivered",
    "not yet": "throttled",
    "different": "failed",
    "gone": "rejected",
    "cannot be read": "unchanged",
}
#: Slices that a picture shows: more than that are narrower than what can be seen.
_MOST_SLICES = 240
#: The share of a bar that the smallest part takes, so that three rows of a million can be seen.
_THINNEST = 0.006
_PERCENTILES = ((0.5, "half", "p50"), (0.95, "95%", "p95"), (0.99, "99%", "p99"))
#: Seconds between two marks of time.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


def share_of(part: int, whole: int) -> str:
    """Return a share in percent; all, and only all, is 100%, and nothing, and only that, is 0%."""
    percent = 100 * part / whole
    if 0 < part < whole:
        percent = min(max(percent, 0.01), 99.99)
    return f"{percent:.2f}".rstrip("0").rstrip(".") + "%"


@attrs.frozen
class Bar:
    """What became of one step's rows."""

    name: str
    #: Rows by kind; see `KINDS`.
    counts: dict[str, int]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@attrs.frozen
class Reason:
    """Why rows were not delivered."""

    kind: str
    text: str
    rows: int


def outcomes(
    bars: Sequence[Bar], roles: Mapping[str, str] = _OUTCOMES, words: str = "What became of the rows, by step"
) -> Element:
    """Draw what became of the rows, one bar per step.

    Args:
        bars: The steps.
        roles: The kinds in their order, and the colour of each, by what it stands for elsewhere.
        words: What the picture is, for who cannot see it.
    """
    chart = _chart(words)
    there = [kind for kind in roles if any(bar.counts.get(kind) for bar in bars)]
    key(chart, [(kind, roles[kind], "area") for kind in there])
    for bar in bars:
        say(chart, "div", bar.name, "title")
        line = SubElement(chart, "div", {"class": "bar"})
        for kind, share in _shares(bar, tuple(roles)):
            _part(line, share, roles[kind]).set("title", f"{bar.counts[kind]:,} {kind}")
        label = " · ".join(f"{count:,} {kind}" for kind in roles if (count := bar.counts.get(kind, 0)))
        say(chart, "div", label, "told")
    return chart


def runs(bars: Sequence[Bar]) -> Element:
    """Draw what became of the rows of run after run, each as long as it has rows."""
    chart = _chart("What became of the rows, run by run")
    there = [kind for kind in KINDS if any(bar.counts.get(kind) for bar in bars)]
    key(chart, [(kind, kind, "area") for kind in there])
    most = max(bar.rows for bar in bars)
    table = SubElement(chart, "div", {"class": "runs"})
    for bar in bars:
        say(table, "div", bar.name, "when")
        there_now = bar.counts.get("delivered", 0) + bar.counts.get("unchanged", 0)
        say(table, "div", f"{share_of(there_now, bar.rows)} of {bar.rows:,}", "told")
        line = SubElement(SubElement(table, "div"), "div", {"class": "bar"})
        line.set("style", f"width: {max(bar.rows / most, _THINNEST):.3%}")
        for kind, share in _shares(bar, KINDS):
            _part(line, share, kind).set("title", f"{bar.counts[kind]:,} {kind}")
    return chart


def reasons(found: Sequence[Reason]) -> Element:
    """Draw the commonest reasons why rows were not delivered."""
    chart = _chart("The commonest reasons")
    most = max(reason.rows for reason in found)
    for reason in found:
        say(chart, "div", reason.text, "reason")
        line = SubElement(chart, "div", {"class": "bar"})
        # Room at the right for the number.
        _part(line, 0.75 * max(reason.rows / most, _THINNEST), reason.kind or "unchanged")
        say(line, "strong", f"{reason.rows:,} {reason.kind or 'rows'}")
    return chart


def over_time(metrics: Metrics, name: str) -> Element:
    """Draw what went out and came back over time: items, requests against the limit, latencies."""
    width, slices = metrics.coarser(_MOST_SLICES)
    edges = [width * number for number in range(len(slices) + 1)]
    across = Scale(0, edges[-1])
    records = [each for each in metrics.ceilings if each.counts == "records" and each.per <= 60]
    requests = [each for each in metrics.ceilings if each.counts == "requests" and each.per <= 60]
    chart = _chart(f"Items, requests and latencies of {name} over time")
    plots: list[Plot] = []

    def panel(title: str, values: Sequence[float], ceilings: Iterable[Ceiling], unit: str = "/s") -> Plot:
        most = max(values)
        bounds = [(_words(each, unit), each.rate) for each in ceilings]
        near = [rate for _, rate in bounds if not _is_far(rate, most)]
        plot = Plot(chart, title, across, Scale(0, max(most, *near, 0.0) * 1.1 or 1), _mark)
        for words, rate in bounds:
            plot.means(f"{words}, far above" if _is_far(rate, most) else words, "ink", "dashed")
        plots.append(plot)
        _pauses(plot, metrics)
        return plot

    items = [part.items / width for part in slices]
    plot = panel("Items per second, in requests that were answered with HTTP 2xx", items, records)
    plot.area(edges, items, "delivered")
    _levels(plot, items, records)
    sent = [part.requests / width for part in slices]
    plot = panel("Requests per second, by what was answered", sent, requests)
    _requests(plot, slices, edges, width)
    _levels(plot, sent, requests)
    if metrics.in_flight is not None and not (records or requests):
        busy, bound = [part.seconds / width for part in slices], [Ceiling(metrics.in_flight)]
        plot = panel("Requests at one time", busy, bound, " at one time")
        plot.area(edges, busy, "unchanged")
        _levels(plot, busy, bound)
    plots.append(_latencies_over_time(chart, slices, edges, across))
    _pauses(plots[-1], metrics)
    for plot in plots:
        for attempt in metrics.attempts[1:]:
            plot.moment(attempt.at)
    if len(metrics.attempts) > 1:
        plots[0].means("resumed", "ink", "dotted")
    for plot in plots[:-1]:
        plot.end()
    plots[-1].end(_marks(metrics.attempts, edges[-1]), "time of day (UTC)")
    return chart


def distribution(latencies: Latencies, name: str) -> Element:
    """Draw how many of the requests took how long."""
    chart = _chart(f"How long the requests of {name} took")
    edges, counts = latencies.histogram()
    heights = [100 * count / len(latencies) for count in counts]
    across = Scale(edges[0], edges[-1], is_log=True)
    title = "Seconds until the answer: share of the requests in percent"
    plot = Plot(chart, title, across, Scale(0, max(heights) * 1.1), lambda share: f"{rounded(share)}%")
    plot.area(edges, heights, "unchanged")
    for share, words, role in _PERCENTILES:
        value = latencies.percentile(share)
        if value is not None:
            plot.moment(value, role, "curve")
            plot.means(f"{words} within {duration(value)}", role, "curve")
    plot.end([(mark, duration(mark)) for mark in across.marks()])
    return chart


def clock(metrics: Metrics, at: float) -> str:
    """Return what the clock said, in UTC, some seconds after the start; with the day, if it is another."""
    attempt = next(each for each in reversed(metrics.attempts) if each.at <= at or not each.at)
    moment = datetime.fromtimestamp(attempt.wall + at - attempt.at, UTC)
    began = datetime.fromtimestamp(metrics.attempts[0].wall, UTC)
    return moment.strftime("%H:%M:%S" if moment.date() == began.date() else "%d %b %H:%M:%S")


def _chart(words: str) -> Element:
    """Begin a picture; the words tell it to who cannot see it."""
    return Element("div", {"class": "chart", "role": "group", "aria-label": words})


def _part(line: Element, share: float, role: str) -> Element:
    """Add a part of a bar that is so wide."""
    style = f"width: {share:.3%}; background: var(--{role.replace(' ', '-')})"
    return SubElement(line, "span", {"style": style})


def _shares(bar: Bar, kinds: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield the width of each part of a bar; all add up to 1, and none is too thin to be seen."""
    rows = bar.rows
    wide = {
        kind: max(count / rows, _THINNEST) for kind in kinds if rows and (count := bar.counts.get(kind, 0))
    }
    whole = sum(wide.values())
    for kind, width in wide.items():
        yield kind, width / whole


def _requests(plot: Plot, slices: Sequence[Slice], edges: Sequence[float], width: float) -> None:
    """Draw the requests by what was answered, one above the other."""
    answers: list[tuple[str, str, Callable[[Slice], int]]] = [
        ("HTTP 2xx", "delivered", lambda part: part.succeeded),
        ("429, slow down", "throttled", lambda part: part.throttled),
        ("refused", "rejected", lambda part: part.refused),
        ("HTTP 5xx", "failed", lambda part: part.faults),
        ("no answer", "in doubt", lambda part: part.unanswered),
    ]
    below = [0.0] * len(slices)
    for words, role, count in answers:
        counts = [count(part) for part in slices]
        if any(counts):
            top = [base + number / width for base, number in zip(below, counts, strict=True)]
            plot.area(edges, top, role, below)
            plot.means(words, role)
            below = top


def _latencies_over_time(
    chart: Element, slices: Sequence[Slice], edges: Sequence[float], across: Scale
) -> Plot:
    lines: list[tuple[str, str, list[float]]] = []
    for share, words, role in _PERCENTILES:
        found = [Latencies(part.latencies).percentile(share) for part in slices]
        lines.append((words, role, [math.nan if value is None else value for value in found]))
    values = [value for _, _, line in lines for value in line if value == value]  # noqa: PLR0124 - no gap
    up = Scale(min(values) / 1.2, max(values) * 1.2, is_log=True)
    title = "Response times: the share of requests that were answered within them"
    plot = Plot(chart, title, across, up, duration)
    for words, role, line in lines:
        plot.means(words, role, "curve")
        plot.stairs(edges, line, role)
    return plot


def _is_far(rate: float, most: float) -> bool:
    """Whether a line for a limit would press all else to the ground, so far is it from what was reached."""
    return bool(most) and rate > 4 * most


def _mark(value: float) -> str:
    """Return what stands beside a line of the axis."""
    return rounded(value, 6)


def _words(ceiling: Ceiling, unit: str) -> str:
    label = f"{'adapts up to' if ceiling.adapts else 'limit'} {rounded(ceiling.rate, 4)}{unit}"
    return f"{label} ({ceiling.provenance})" if unit == "/s" else label


def _levels(plot: Plot, values: Sequence[float], ceilings: Iterable[Ceiling]) -> None:
    """Draw the limits as lines, above what they bound."""
    for ceiling in ceilings:
        if not _is_far(ceiling.rate, max(values)):
            plot.level(ceiling.rate)


def _pauses(plot: Plot, metrics: Metrics) -> None:
    """Shade the pauses; half as high where half of a span was one."""
    end = metrics.seconds
    spans = [
        (pause.start, min(end, pause.end), min(1.0, pause.seconds / (pause.end - pause.start)))
        for pause in metrics.pauses
        if pause.start < end and pause.end > pause.start
    ]
    plot.shade(spans, "throttled")


def _marks(attempts: Sequence[Attempt], end: float) -> Iterator[tuple[float, str]]:
    """Yield moments with round times of day, and what the clock said."""
    step = next((step for step in _STEPS if end / step <= 9), _STEPS[-1] * math.ceil(end / 8 / _STEPS[-1]))
    form = "%H:%M:%S" if step < 60 else "%H:%M" if end < 2 * 86_400 else "%d %b %H:%M"
    for attempt, stop in zip(attempts, [*(each.at for each in attempts[1:]), end], strict=True):
        at = attempt.at + -attempt.wall % step
        while at <= stop:
            # Half a millisecond more, for the sum of two floats may be just below a whole second.
            moment = datetime.fromtimestamp(attempt.wall + at - attempt.at + 0.0005, UTC)
            yield at, moment.strftime(form)
            at += step
