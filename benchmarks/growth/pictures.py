"""Draws a growth as an SVG file: a panel beside a panel, the hand-written loop and ours as lines.

The same figures give the same bytes. Text stays text, the ground is white by day and by night, and nothing
is drawn on a screen. Only this module of the benchmarks knows matplotlib.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.growth.results import Growth, Line, Panel, Role

__all__ = ["draw"]

_WIDTH = 10.0
_HEIGHT = 2.9
_COLOURS: dict[Role, str] = {"hand": "#b35900", "ours": "#0b57b0", "control": "#8a9099"}
#: The first line of a role, the second, and the third.
_DASHES = ("-", "--", "-.")
_CONTROLS = (":", (0, (1, 3)), "-.")
_INK = "#24292f"
_PALE = "#d8dde3"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _PALE,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _PALE,
    "grid.linewidth": 0.6,
    "xtick.color": _PALE,
    "ytick.color": _PALE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def draw(growth: Growth) -> str:
    """Return the picture of a growth as the text of an SVG file."""
    columns = 2 if len(growth.panels) in {2, 4} else 3
    rows = math.ceil(len(growth.panels) / columns)
    text = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": growth.name}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT * rows), layout=ConstrainedLayoutEngine(h_pad=0.12))
        places = figure.subplots(rows, columns, squeeze=False).flat
        for panel, axes in zip(growth.panels, places, strict=False):
            _draw_panel(panel, axes)
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _smaller(text.getvalue())


def _draw_panel(panel: Panel, axes: Axes) -> None:
    if panel.is_ratio:
        axes.axhline(1.0, color=_COLOURS["hand"], linewidth=1, linestyle=(0, (5, 3)))
    for line in panel.lines:
        _draw_line(line, axes)
    if panel.x_log:
        axes.set_xscale("log")
    axes.set_xticks(list(panel.ticks), list(panel.ticks.values()))
    axes.set_xticks([], minor=True)
    most = max(max(line.ys) for line in panel.lines)
    if panel.y_log:
        least = min(min(line.ys) for line in panel.lines)
        axes.set_yscale("log")
        # The upper part is the key's.
        axes.set_ylim(least / 1.3, 1.3 * most * (most / least) ** (0.16 * len(panel.lines)))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 100 * least else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        top = max(most, 1.0 if panel.is_ratio else 0.0)
        axes.set_ylim(0, top * (1.08 + 0.13 * len(panel.lines)))
    axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.10g}")
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left", borderaxespad=0, labelspacing=0.35)


def _draw_line(line: Line, axes: Axes) -> None:
    is_control = line.role == "control"
    axes.plot(
        line.xs,
        line.ys,
        color=_COLOURS[line.role],
        label=line.name,
        linewidth=1 if is_control else 1.8,
        linestyle=_CONTROLS[line.place] if is_control else _DASHES[line.place],
        marker="" if is_control else "os^"[line.place],
        markersize=4,
    )


def _smaller(svg: str) -> str:
    """Leave out what nobody sees: names that nothing uses, the file's own words, the third decimal."""
    svg = re.sub(r"<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]).replace("\n", ""), svg)
    return re.sub(r"\n\s*", "\n", svg)
