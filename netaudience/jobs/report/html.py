"""The report of a run as one HTML file that needs no network: pictures first, then tables.

It is made from the run's ``summary.json`` and ``metrics.json`` and runs no script. It shows counts, times
and reasons, and no identifier.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import attrs

from netaudience.errors import NetaudienceError
from netaudience.jobs.report import charts
from netaudience.jobs.report.charts import Bar, Reason
from netaudience.jobs.report.glance import at_a_glance, last_runs
from netaudience.jobs.report.plot import say
from netaudience.jobs.report.wording import MEANINGS, Verdict, times, without_names
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.state.metrics import ACCURACY, Latencies, Metrics, read_metrics
from netaudience.jobs.state.run_folder import RunFolder, replace
from netaudience.jobs.state.summary import StepSummary, Summary, read_summary
from netaudience.jobs.state.verified import SEEN, Verified, read_verified
from netaudience.outcomes import commonest
from netaudience.plurals import many, rounded

_log = logging.getLogger("netaudience")

#: A page may do nothing but show itself.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_MOST_BARS = 8
_MOST_REASONS = 100
#: A table of more rows is closed until somebody opens it.
_OPEN_ROWS = 20
#: Columns in which a number is worth a look.
_TROUBLE = ("rejected", "failed", "in doubt", "not sent")
#: Rows of a table: cells, of which numbers stand at the right.
_Row = Sequence[str | int]


def draw_report(folder: Path) -> None:
    """Write the page with the pictures; a run is as good without it."""
    try:
        write_report(folder)
    except (OSError, NetaudienceError) as error:
        _log.warning("The report of the run could not be written: %s", error)


def write_report(folder: Path) -> Path:
    """Write the report of the run in a folder beside its summary, and return its path.

    Raises:
        ConfigurationError: there is no run in the folder, or its files cannot be read.
        OSError: the folder cannot be written.
    """
    run = RunFolder(folder)
    summary = _summary(run)
    page = _Page(summary, read_metrics(folder), read_verified(run), last_runs(folder, summary))
    replace(run.report, page.html().encode())
    return run.report


def _summary(run: RunFolder) -> Summary:
    """Return what became of a run, or what is known of one that is under way or whose process was killed."""
    summary = read_summary(run.summary)
    if summary is not None and not (run.path / "run.json").is_file():
        return summary
    start = run.start()
    if summary is not None and summary.attempts >= start.attempts:
        return summary
    # A later attempt than the summary's, or the first, has not come to its end.
    known = {} if summary is None else {step.name: step for step in summary.steps}
    steps = [
        StepSummary(name=name, vendor=known[name].vendor, operation=known[name].operation)
        if name in known
        else StepSummary(name=name, vendor="", operation="")
        for name in start.steps
    ]
    return Summary(
        run=run.id,
        job=start.job,
        file=start.file,
        folder=str(run.path),
        started=start.started,
        attempts=start.attempts,
        steps=steps,
    )


class _Page:
    """A page under way: elements, so that whatever is written is text, and pictures in their places."""

    def __init__(
        self, summary: Summary, metrics: dict[str, Metrics], verified: Verified | None, last: Sequence[Bar]
    ) -> None:
        self._summary = summary
        #: What became of the rows of the runs before, and of this one.
        self._last = last
        self._verified = verified
        self._metrics = metrics
        self._steps = summary.steps
        for step in self._steps:
            if step.name in metrics:
                _take_limits(metrics[step.name], step)

    def html(self) -> str:
        """Return the page."""
        root = Element("html", lang="en")
        head, body = SubElement(root, "head"), SubElement(root, "body")
        SubElement(head, "meta", charset="utf-8")
        SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
        SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
        say(head, "title", f"{self._summary.job} {self._summary.run}")
        SubElement(head, "link", rel="icon", href="data:,")
        say(head, "style", (files("netaudience.jobs.report") / "report.css").read_text(encoding="utf-8"))
        self._header(body)
        at_a_glance(body, self._steps, self._verified)
        self._what_became(body)
        self._what_was_seen(body)
        for step in self._steps:
            self._over_time(body, step)
        self._tables(body)
        return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html")

    def _header(self, body: Element) -> None:
        summary, verdict = self._summary, Verdict.of(self._summary)
        header = SubElement(body, "header", {"class": f"verdict {verdict.level}"})
        say(header, "p", f"Job {summary.job}, run {summary.run}. {times(summary)}", "quiet")
        say(header, "h1", verdict.headline)
        for sentence in verdict.sentences:
            say(header, "p", sentence)
        for words, command in verdict.commands:
            say(say(header, "p", f"{words} ", "next"), "code", command)

    def _what_became(self, body: Element) -> None:
        steps = [step for step in self._steps if step.rows]
        if steps:
            bars = [Bar(_title(step), step.shown()) for step in steps]
            said = sorted({step.acknowledges for step in steps} & set(MEANINGS))
            meanings = " ".join(f"Where a step says {word}, {MEANINGS[word]}." for word in said)
            caption = f"What is too few to be seen is drawn wider. {meanings}"
            say(body, "h2", "What became of the rows")
            _picture(body, charts.outcomes(bars), caption)
            silent = {(step.vendor, step.operation, step.unsaid) for step in steps if step.unsaid}
            for vendor, name, what in sorted(silent):
                say(body, "p", f"Not reported by {vendor} {name}: {what}.", "quiet")
        if self._last:
            say(body, "h2", "The last runs")
            _picture(body, charts.runs(self._last), "The share is what is at the vendor, over all steps.")
        found = self._reasons()
        if found:
            shown = [
                attrs.evolve(reason, text=f"{name}: {reason.text}" if len(self._steps) > 1 else reason.text)
                for name, reason in found[:_MOST_BARS]
            ]
            more = f", {len(found) - len(shown):,} more in the table" if len(found) > len(shown) else ""
            say(body, "h2", "Why rows were not delivered")
            caption = f"The commonest reasons{more}."
            _picture(body, charts.reasons(shown), caption)

    def _what_was_seen(self, body: Element) -> None:
        """Show what a look afterwards has found, if somebody has looked."""
        verified = self._verified
        if verified is None:
            return
        say(body, "h2", "What was read back")
        steps = [step for step in verified.steps if step.chosen]
        if steps:
            bars = [
                Bar(
                    f"{step.name}: {step.chosen:,} of {step.delivered:,} delivered rows",
                    {words: getattr(step, name) for name, words in SEEN.items()},
                )
                for step in steps
            ]
            caption = (
                f"Read back at {verified.time} by the vendor's own look-up, and compared with what was sent. "
                "What is not there yet may still come; rows that differ are in verify.jsonl."
            )
            words = "What was read back, by step"
            _picture(body, charts.outcomes(bars, charts.SEEN_AS, words), caption)
        for step in verified.steps:
            say(body, "p", f"{step.sentence()}.")
        _table(
            body,
            "Why rows cannot be read back",
            ("step", "reason", "rows"),
            [(step.name, reason, count) for step in verified.steps for reason, count in step.reasons.items()],
        )
        _table(
            body,
            "What is not compared, for no page says how the vendor shows it",
            ("step", "column", "rows"),
            [(step.name, name, count) for step in verified.steps for name, count in step.passed_over.items()],
        )

    def _over_time(self, body: Element, step: StepSummary) -> None:
        metrics = self._metrics.get(step.name)
        say(body, "h2", _title(step))
        if metrics is None or not metrics.slices:
            say(body, "p", "No request was measured.", "quiet")
            return
        for sentence in _pace(metrics):
            say(body, "p", sentence)
        caption = "Each request stands at the moment when it was sent."
        if metrics.pauses:
            caption += " Shaded: pauses, in which nothing leaves because the vendor asked to slow down."
        if len(metrics.attempts) > 1:
            caption += " Dotted: the run was resumed; the time between two attempts is left out."
        _picture(body, charts.over_time(metrics, step.name), caption)
        if metrics.total().latencies:
            latencies = Latencies(metrics.total().latencies)
            caption = (
                "Every attempt at a request counts, those without an answer too. "
                f"Percentiles are exact within {ACCURACY:.0%}."
            )
            _picture(body, charts.distribution(latencies, step.name), caption)

    def _tables(self, body: Element) -> None:
        say(body, "h2", "All figures")
        _table(
            body,
            "Rows by what became of them",
            ("step", "a success is", "rows", *charts.KINDS),
            [(_title(step), step.acknowledges, step.total, *step.shown().values()) for step in self._steps],
        )
        _table(
            body,
            "Requests",
            ("step", "limit", "requests", "repeated", "asked to slow down", "paused", "sent", *_PERCENTILES),
            [self._cost(step) for step in self._steps],
        )
        reasons = [(name, each.kind, each.text, each.rows) for name, each in self._reasons()]
        _table(
            body,
            "Reasons",
            ("step", "outcome", "reason", "rows"),
            reasons[:_MOST_REASONS],
            more=len(reasons) - _MOST_REASONS,
        )
        warnings = [
            (step.name, without_names(words), count)
            for step in self._steps
            for words, count in sorted(step.warnings.items(), key=lambda each: -each[1])
        ]
        _table(body, "What the vendor lost although it took the rows", ("step", "words", "answers"), warnings)
        measured = [(step, self._metrics[step.name]) for step in self._steps if step.name in self._metrics]
        answers = [
            (step.name, "no answer" if status is None else f"HTTP {status}", count)
            for step, metrics in measured
            for status, count in sorted(metrics.statuses.items(), key=lambda each: -each[1])
        ]
        _table(body, "Answers", ("step", "answer", "requests"), answers)
        slow = [
            (
                step.name,
                charts.clock(metrics, request.at),
                "no answer" if request.status is None else f"HTTP {request.status}",
                f"{request.seconds:,.3f} s",
                request.records,
                f"{request.size:,} bytes",
                "again" if request.repeated else "first",
            )
            for step, metrics in measured
            for request in metrics.slowest
        ]
        names = ("step", "sent at (UTC)", "answer", "took", "items", "body", "attempt")
        _table(body, "The slowest requests", names, slow)

    def _cost(self, step: StepSummary) -> _Row:
        metrics = self._metrics.get(step.name)
        row = (_title(step), "" if metrics is None else _limits(metrics))
        if metrics is None:
            return (*row, step.requests, step.retries, step.throttles, *[""] * (2 + len(_PERCENTILES)))
        total = metrics.total()
        latencies = Latencies(total.latencies)
        return (
            *row,
            # The summary's counts are those of the last attempt alone.
            total.requests,
            total.repeated,
            metrics.throttles,
            duration(sum(pause.seconds for pause in metrics.pauses)),
            f"{total.size / 1e6:,.1f} MB",
            *(_span(latencies.percentile(share)) for share in _PERCENTILES.values()),
        )

    def _reasons(self) -> list[tuple[str, Reason]]:
        """Return why rows were not delivered, the commonest first, each with its step's name."""
        found = [
            (step.name, Reason(outcome, without_names(reason), rows))
            for step in self._steps
            for rows, outcome, reason in commonest(step.reasons)
        ]
        return sorted(found, key=lambda each: -each[1].rows)


_PERCENTILES = {"half within": 0.5, "95% within": 0.95, "99% within": 0.99}


def _take_limits(metrics: Metrics, step: StepSummary) -> None:
    """Add the limits that are known of the operation, where the run took no note of its own."""
    if metrics.in_flight is None:
        client = find_vendor(step.vendor)
        operation = None if client is None else client.operations().get(step.operation.replace("-", "_"))
        if operation is not None:
            metrics.limited_by(operation.facts.quota)


def _limits(metrics: Metrics) -> str:
    limits = [f"{'up to ' if one.adapts else ''}{one.label} ({one.provenance})" for one in metrics.ceilings]
    if metrics.in_flight is not None:
        limits.append(f"{metrics.in_flight:,} at one time")
    return "; ".join(limits)


def _pace(metrics: Metrics) -> Iterator[str]:
    """Say how fast it went, and what set the pace."""
    total, seconds = metrics.total(), metrics.seconds
    if not total.requests:
        return
    waited, took = total.waited / total.requests, total.seconds / total.requests
    yield (
        f"{many(total.requests, 'request')} carried {many(total.items, 'item')} in {duration(seconds)}: "
        f"{rounded(total.items / seconds)} items and {rounded(total.requests / seconds)} requests a second. "
        f"On average a request waited {duration(waited)} for the limit and {duration(took)} for its answer."
    )
    if metrics.pauses:
        paused = sum(min(pause.seconds, max(0.0, seconds - pause.start)) for pause in metrics.pauses)
        often = "once" if metrics.throttles == 1 else f"{metrics.throttles:,} times"
        yield (
            f"The vendor asked {often} to slow down: nothing left for "
            f"{duration(paused)}, {paused / seconds:.0%} of the time."
        )
    faults = [
        f"{sum(counts):,} {words} {_when(metrics, counts)}"
        for words, counts in (
            ("without an answer", [part.unanswered for part in metrics.slices]),
            ("answered with HTTP 5xx", [part.faults for part in metrics.slices]),
            ("refused", [part.refused for part in metrics.slices]),
        )
        if any(counts)
    ]
    if faults:
        yield f"Requests that went wrong: {', '.join(faults)}."


def _when(metrics: Metrics, counts: Sequence[int]) -> str:
    """Say between which times of day something happened."""
    found = [number for number, count in enumerate(counts) if count]
    first = charts.clock(metrics, found[0] * metrics.width)
    last = charts.clock(metrics, (found[-1] + 1) * metrics.width)
    return f"(between {first} and {last})"


def _title(step: StepSummary) -> str:
    client = find_vendor(step.vendor)
    vendor = step.vendor if client is None else client.vendor
    operation = f"{vendor} {step.operation.replace('_', '-')}".strip()
    return f"{step.name} ({operation})" if operation else step.name


def _span(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _picture(body: Element, picture: Element, caption: str) -> None:
    figure = SubElement(body, "figure")
    figure.append(picture)
    say(figure, "figcaption", caption)


def _table(body: Element, title: str, names: Sequence[str], rows: Iterable[_Row], *, more: int = 0) -> None:
    """Add a table, where there is anything in it."""
    rows = list(rows)
    if not rows:
        return
    if len(rows) > _OPEN_ROWS:
        body = SubElement(body, "details")
        say(body, "summary", f"{title} ({many(len(rows) + max(0, more), 'line')})")
    else:
        say(body, "h3", title)
    table = SubElement(SubElement(body, "div", {"class": "scroll"}), "table")
    line = SubElement(SubElement(table, "thead"), "tr")
    for name, cell in zip(names, rows[0], strict=True):
        say(line, "th", name, "number" if isinstance(cell, int) else "")
    content = SubElement(table, "tbody")
    for row in rows:
        line = SubElement(content, "tr")
        for name, cell in zip(names, row, strict=True):
            troubled = isinstance(cell, int) and cell and name in _TROUBLE
            kind = "number trouble" if troubled else "number" if isinstance(cell, int) else ""
            element = say(line, "td", f"{cell:,}" if isinstance(cell, int) else cell, kind)
            element.set("data-name", name)  # stands beside it where the page is too narrow for columns
    if more > 0:
        say(body, "p", f"{more:,} more are in the summary.json of the run.", "quiet")
