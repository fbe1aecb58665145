"""Draws a growth as an SVG file: a panel beside a panel, the hand-written loop and ours as lines.

The same figures give the same bytes. Text stays text, the ground is white by day and by night, and nothing
is drawn on a screen. Only this module of the benchmarks knows matplotlib.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any

from benchmarks.growth.results import Growth, Line, Panel, Role

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["available", "draw"]

_WIDTH = 10.0
_HEIGHT = 2.9
_COLOURS: dict[Role, str] = {"hand": "#b35900", "ours": "#0b57b0", "control": "#8a9099"}
_INK = "#24292f"
_PALE = "#d8dde3"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
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
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def available() -> bool:
    """Return whether pictures can be drawn: matplotlib is there, and not broken."""
    try:
        import matplotlib.figure  # noqa: PLC0415 - an extra
    except ImportError:
        return False
    return bool(matplotlib.figure)


def draw(growth: Growth) -> str:
    """Return the picture of a growth as the text of an SVG file."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = 2 if len(growth.panels) in {2, 4} else 3
    rows = math.ceil(len(growth.panels) / columns)
    text = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": growth.name}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT * rows), layout="constrained")
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
    if panel.y_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.10g}")
    else:
        most = max(max(line.ys) for line in panel.lines)
        axes.set_ylim(0, 1.18 * max(most, 1.0 if panel.is_ratio else 0.0))
        axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.10g}")
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="best")


def _draw_line(line: Line, axes: Axes) -> None:
    is_control = line.role == "control"
    axes.plot(
        line.xs,
        line.ys,
        color=_COLOURS[line.role],
        label=line.name,
        linewidth=1 if is_control else 1.8,
        linestyle=":" if is_control else "--" if line.dashed else "-",
        marker="" if is_control else "s" if line.dashed else "o",
        markersize=4,
    )


def _smaller(svg: str) -> str:
    """Leave out what a picture of this size does not show: its document type, and a hundredth of a point."""
    svg = re.sub(r"<!DOCTYPE.*?>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\n?", "", svg, flags=re.DOTALL)
    return re.sub(
        r' d="([^"]+)"',
        lambda found: ' d="' + re.sub(r"(\.\d\d)\d+", r"\1", found[1]).replace("\n", "") + '"',
        svg,
    )
