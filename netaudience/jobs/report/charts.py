"""The pictures of a run's report, as SVG to be put into a page. The only door to matplotlib.

A picture names colours by what they mean; the page says what they look like, by day and by night. Text
stays text, in the page's own font. Nothing here knows HTML, and nothing is drawn on a screen.
"""

# The package's own stubs leave the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

import attrs

from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.state.metrics import Attempt, Ceiling, Latencies, Metrics, Slice
from netaudience.outcomes import Counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "KINDS",
    "SEEN_AS",
    "Bar",
    "Reason",
    "available",
    "distribution",
    "outcomes",
    "over_time",
    "reasons",
]

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
_PERCENTILES = ((0.5, "half", "p50", 1.6), (0.95, "95%", "p95", 1.1), (0.99, "99%", "p99", 1.1))
#: What the colours mean; each is drawn in one that stands for nothing and is replaced in the text.
_ROLES = ("ink", "line", *(kind.replace(" ", "-") for kind in KINDS), "throttled", "p50", "p95", "p99")
_COLOURS = {role: f"#0a01{number:02x}" for number, role in enumerate(_ROLES)}
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a reason may hold a $
    "font.family": "DejaVu Sans",  # comes with matplotlib; the page shows its own, which is narrower
    "font.size": 9.5,
    "text.color": _COLOURS["ink"],
    "axes.labelcolor": _COLOURS["ink"],
    "axes.edgecolor": _COLOURS["line"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "grid.color": _COLOURS["line"],
    "grid.linewidth": 0.5,
    "xtick.color": _COLOURS["line"],
    "ytick.color": _COLOURS["line"],
    "xtick.labelcolor": _COLOURS["ink"],
    "ytick.labelcolor": _COLOURS["ink"],
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
}
_WIDTH = 10.0
#: Inches beside a picture's axes, left, right, above and below; and where it has none.
_MARGINS = (0.85, 0.6, 0.4, 0.55)
_BARE = (0.05, 0.05, 0.3, 0.05)
#: Seconds between two marks of time.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


def available() -> bool:
    """Return whether pictures can be drawn: matplotlib is there, and not broken."""
    try:
        import matplotlib.figure  # noqa: PLC0415 - costs a second, and is an extra
    except ImportError:
        return False
    return bool(matplotlib.figure)


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
) -> str:
    """Draw what became of the rows, one bar per step.

    Args:
        bars: The steps.
        roles: The kinds in their order, and the colour of each, by what it stands for elsewhere.
        words: What the picture is, for who cannot see it.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, bar in enumerate(bars):
            left = 0.0
            for kind, share in _shares(bar, tuple(roles)):
                axes.barh(place, share, 0.36, left, color=_colour(roles[kind]))
                left += share
            told = " · ".join(f"{count:,} {kind}" for kind in roles if (count := bar.counts.get(kind, 0)))
            axes.text(
                0, place - 0.22, textwrap.shorten(bar.name, 100, placeholder="…"), weight="bold", va="bottom"
            )
            axes.text(0, place + 0.24, told, va="top")
        axes.set_xlim(0, 1)
        axes.set_ylim(len(bars) - 0.45, -0.5)
        axes.axis("off")
        there = [kind for kind in roles if any(bar.counts.get(kind) for bar in bars)]
        _key(axes, [(kind, _colour(roles[kind])) for kind in there])

    return _drawn(draw, 0.35 + 0.95 * len(bars), words, bare=True)


def reasons(found: Sequence[Reason]) -> str:
    """Draw the commonest reasons why rows were not delivered."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        most = max(reason.rows for reason in found)
        place = 0.0
        for reason in found:
            lines = textwrap.wrap(reason.text, 118)[:2] or ["…"]
            axes.text(0, place, "\n".join(lines), va="top", linespacing=1.25)
            place += 0.5 * len(lines) + 0.2
            share = max(reason.rows / most, _THINNEST)
            axes.barh(place, share, 0.36, color=_colour(reason.kind))
            axes.text(
                share + 0.008, place, f"{reason.rows:,} {reason.kind or 'rows'}", va="center", weight="bold"
            )
            place += 0.55
        axes.set_xlim(0, 1.2)
        axes.set_ylim(place - 0.2, -0.1)
        axes.axis("off")

    lines = sum(min(2, len(textwrap.wrap(reason.text, 118))) for reason in found)
    return _drawn(draw, 0.2 + 0.36 * len(found) + 0.21 * lines, "The commonest reasons", bare=True)


def over_time(metrics: Metrics, name: str) -> str:
    """Draw what went out and came back over time: items, requests against the limit, latencies."""
    width, slices = metrics.coarser(_MOST_SLICES)
    edges = [width * number for number in range(len(slices) + 1)]
    records = [each for each in metrics.ceilings if each.counts == "records" and each.per <= 60]
    requests = [each for each in metrics.ceilings if each.counts == "requests" and each.per <= 60]
    flight = metrics.in_flight if not (records or requests) else None

    def draw(figure: Figure) -> None:
        panels: list[Axes] = list(figure.subplots(3 + (flight is not None), sharex=True))
        items = [part.items / width for part in slices]
        panels[0].stairs(items, edges, fill=True, color=_colour("delivered"))
        panels[0].set_title("Items per second, in requests that were answered with HTTP 2xx")
        _against(panels[0], max(items), records)
        _requests(panels[1], slices, edges, width)
        _against(panels[1], max(part.requests for part in slices) / width, requests)
        if flight is not None:
            busy = [part.seconds / width for part in slices]
            panels[2].stairs(busy, edges, fill=True, color=_colour("unchanged"))
            panels[2].set_title("Requests at one time")
            _against(panels[2], max(busy), [Ceiling(flight)], "at one time")
        _latencies_over_time(panels[-1], slices, edges)
        for panel in panels:
            _pauses(panel, metrics)
            for attempt in metrics.attempts[1:]:
                panel.axvline(attempt.at, color=_colour("ink"), linewidth=1, linestyle=":")
            panel.grid(visible=False, axis="x")
        for attempt in metrics.attempts[1:]:
            panels[0].annotate(
                "resumed",
                (attempt.at, 0.98),
                (3, 0),
                xycoords=panels[0].get_xaxis_transform(),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
            )
        panels[-1].set_xlim(0, edges[-1])
        marks = list(_marks(metrics.attempts, edges[-1]))
        panels[-1].set_xticks([at for at, _ in marks], [text for _, text in marks])
        panels[-1].set_xlabel("time of day (UTC)")

    return _drawn(
        draw, 6.2 + 1.5 * (flight is not None), f"Items, requests and latencies of {name} over time"
    )


def distribution(latencies: Latencies, name: str) -> str:
    """Draw how many of the requests took how long."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edges, counts = latencies.histogram()
        heights = [100 * count / len(latencies) for count in counts]
        axes.stairs(heights, edges, fill=True, color=_colour("unchanged"))
        axes.set_xscale("log")
        axes.set_ylim(0, max(heights) * 1.3)
        axes.set_title("Seconds until the answer: share of the requests in percent")
        for number, (share, words, role, _) in enumerate(_PERCENTILES):
            value = latencies.percentile(share)
            if value is not None:
                axes.axvline(value, color=_colour(role), linewidth=1.4)
                is_left = math.log(value / edges[0]) > 0.75 * math.log(edges[-1] / edges[0])
                axes.annotate(
                    f"{words} within {duration(value)}",
                    (value, 0.97 - 0.13 * number),
                    (-4 if is_left else 4, 0),
                    xycoords=axes.get_xaxis_transform(),
                    textcoords="offset points",
                    ha="right" if is_left else "left",
                    va="top",
                )
        axes.grid(visible=False, axis="x")
        _spell(axes.xaxis, duration)

    return _drawn(draw, 2.3, f"How long the requests of {name} took")


def clock(metrics: Metrics, at: float) -> str:
    """Return what the clock said, in UTC, so many seconds after the start; with the day, if it is another."""
    attempt = next(each for each in reversed(metrics.attempts) if each.at <= at or not each.at)
    moment = datetime.fromtimestamp(attempt.wall + at - attempt.at, UTC)
    began = datetime.fromtimestamp(metrics.attempts[0].wall, UTC)
    return moment.strftime("%H:%M:%S" if moment.date() == began.date() else "%d %b %H:%M:%S")


def _shares(bar: Bar, kinds: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield the width of each part of a bar; all add up to 1, and none is too thin to be seen."""
    rows = bar.rows
    wide = {
        kind: max(count / rows, _THINNEST) for kind in kinds if rows and (count := bar.counts.get(kind, 0))
    }
    whole = sum(wide.values())
    for kind, width in wide.items():
        yield kind, width / whole


def _requests(panel: Axes, slices: Sequence[Slice], edges: Sequence[float], width: float) -> None:
    """Draw the requests by what was answered, one above the other."""
    answers: list[tuple[str, str, Callable[[Slice], int]]] = [
        ("HTTP 2xx", "delivered", lambda part: part.succeeded),
        ("429, slow down", "throttled", lambda part: part.throttled),
        ("refused", "rejected", lambda part: part.refused),
        ("HTTP 5xx", "failed", lambda part: part.faults),
        ("no answer", "in doubt", lambda part: part.unanswered),
    ]
    below = [0.0] * len(slices)
    shown: list[tuple[str, str]] = []
    for words, role, count in answers:
        counts = [count(part) for part in slices]
        if any(counts):
            top = [base + number / width for base, number in zip(below, counts, strict=True)]
            panel.stairs(top, edges, baseline=below, fill=True, color=_colour(role))
            below = top
            shown.append((words, _colour(role)))
    panel.set_title("Requests per second, by what was answered")
    _key(panel, shown)


def _latencies_over_time(panel: Axes, slices: Sequence[Slice], edges: Sequence[float]) -> None:
    shown: list[tuple[str, str]] = []
    for share, words, role, line in reversed(_PERCENTILES):
        found = [Latencies(part.latencies).percentile(share) for part in slices]
        values = [math.nan if value is None else value for value in found]
        panel.stairs(values, edges, baseline=None, color=_colour(role), linewidth=line)
        shown.insert(0, (words, _colour(role)))
    panel.set_yscale("log")
    panel.set_title("Time until the answer, within which so many of the requests ended")
    _spell(panel.yaxis, duration)
    _key(panel, shown)


def _against(panel: Axes, most: float, ceilings: Iterable[Ceiling], unit: str = "/s") -> None:
    """Draw the limits as lines, or say that they are far away."""
    top = most
    for ceiling in ceilings:
        adapts = "adapts up to " if ceiling.adapts else "limit "
        space = "" if unit.startswith("/") else " "
        words = f"{adapts}{ceiling.rate:,.4g}{space}{unit}" + (
            f" ({ceiling.provenance})" if unit == "/s" else ""
        )
        if most and ceiling.rate > 4 * most:
            panel.text(
                1, 1.0, f"{words}, far above", transform=panel.transAxes, ha="right", va="top", fontsize=8.5
            )
            continue
        top = max(top, ceiling.rate)
        panel.axhline(ceiling.rate, color=_colour("ink"), linewidth=1.2, linestyle=(0, (5, 3)))
        panel.annotate(
            words,
            (1, ceiling.rate),
            (0, 2),
            xycoords=panel.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8.5,
        )
    panel.set_ylim(0, top * 1.25 or 1)
    panel.yaxis.set_major_formatter("{x:,.6g}")


def _pauses(panel: Axes, metrics: Metrics) -> None:
    """Shade the pauses, as one shape however many there are; half as high where half of a span was one."""
    end = metrics.seconds
    across: list[float] = []
    up: list[float] = []
    for pause in metrics.pauses:
        if pause.start < end:
            height = pause.seconds / (pause.end - pause.start) if pause.end > pause.start else 0
            stop = min(end, pause.end)
            across += [pause.start, pause.start, stop, stop]
            up += [0, height, height, 0]
    if across:
        panel.fill(
            across,
            up,
            color=_colour("throttled"),
            alpha=0.28,
            linewidth=0,
            transform=panel.get_xaxis_transform(),
            zorder=0.5,
        )


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


def _spell(axis: Any, words: Callable[[float], str]) -> None:  # noqa: ANN401 - an axis of either direction
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - an extra

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
    axis.set_minor_formatter(NullFormatter())

    def spelled(value: float, _: object) -> str:
        return words(value)

    axis.set_major_formatter(spelled)


def _key(axes: Axes, shown: Sequence[tuple[str, str]]) -> None:
    """Say what the colours mean, above the picture at its right."""
    from matplotlib.patches import Patch  # noqa: PLC0415 - an extra

    if shown:
        axes.legend(
            handles=[Patch(color=colour, label=words) for words, colour in shown],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.2,
            ncols=len(shown),
            handlelength=0.9,
            handleheight=0.9,
            columnspacing=1.2,
        )


def _colour(role: str) -> str:
    return _COLOURS.get(role.replace(" ", "-"), _COLOURS["unchanged"])


def _drawn(draw: Callable[[Figure], None], height: float, words: str, *, bare: bool = False) -> str:
    """Draw a picture and return it as an element for a page; the words tell it from others, too.

    Args:
        draw: Draws into the figure.
        height: In inches.
        words: What the picture shows.
        bare: Whether it has no axes, and so nothing beside them.
    """
    import matplotlib as mpl  # noqa: PLC0415 - costs a second, and is an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    text = io.StringIO()
    style: dict[Any, Any] = {**_STYLE, "svg.hashsalt": words}
    with mpl.rc_context(style), warnings.catch_warnings():
        # It says so of a letter that its own font lacks; the page's font draws it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # Margins that are told: to find them out, everything would be drawn once more.
        figure = Figure(figsize=(_WIDTH, height))
        left, right, top, bottom = _BARE if bare else _MARGINS
        figure.subplots_adjust(
            left=left / _WIDTH,
            right=1 - right / _WIDTH,
            top=1 - top / height,
            bottom=bottom / height,
            hspace=0.42,
        )
        draw(figure)
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _for_a_page(text.getvalue(), words)


def _for_a_page(svg: str, words: str) -> str:
    """Make a file's SVG into an element: no ids that two pictures share, colours of the page, less digits."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style .*?</style>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(
        r' d="([^"]+)"',
        lambda found: ' d="' + re.sub(r"(\.\d)\d+", r"\1", found[1]).replace("\n", "") + '"',
        svg,
    )
    for role, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{role})")
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', "", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(words)}" ', 1)
