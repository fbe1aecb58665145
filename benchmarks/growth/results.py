"""What a growth gives back: its points as rows of a table, and the lines of its picture.

Nothing here measures or draws. A row or a line holds what was found, in the units that its heading names.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import aiohttp
import attrs

from benchmarks.measure import SLICE
from benchmarks.plan import CONTROL_BAND, Plan

__all__ = [
    "CONTROL",
    "Column",
    "Growth",
    "GrowthPlan",
    "Line",
    "Panel",
    "Points",
    "Role",
    "Table",
    "circumstances",
    "headings",
    "markdown",
]

Role: TypeAlias = Literal["hand", "ours", "control"]
"""Whose line it is: the hand-written loop's, ours, or that of the hand-written loop against itself."""


@attrs.frozen(kw_only=True)
class GrowthPlan(Plan):
    """How thoroughly to measure a growth."""

    #: Only so many of the smallest points of each growth; all if None.
    points: int | None = None
    #: Seconds of a slice where its work is not fixed.
    slice_seconds: float = SLICE


@attrs.frozen(kw_only=True)
class Line:
    """One line of a picture."""

    name: str
    role: Role
    xs: Sequence[float]
    ys: Sequence[float]
    #: Tells the lines of one role apart: 0, 1 or 2.
    place: int = 0


@attrs.frozen(kw_only=True)
class Panel:
    """One part of a picture, with axes of its own."""

    title: str
    #: What the axes show, with their units.
    x: str
    y: str
    lines: Sequence[Line]
    #: What stands at the points of the x axis.
    ticks: Mapping[float, str]
    #: Whether a step of the axis is a multiple; what includes 0 has no such axis.
    x_log: bool = True
    y_log: bool = False
    #: Whether 1 is the bar, so that a line is drawn there.
    is_ratio: bool = False


@attrs.frozen(kw_only=True)
class Table:
    """Rows under their headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@attrs.frozen(kw_only=True)
class Growth:
    """How the cost grows with one thing."""

    #: The name of the files.
    name: str
    #: As in "How the cost grows with ...".
    grows_with: str
    #: What was done, in sentences.
    done: str
    tables: Sequence[Table]
    panels: Sequence[Panel]


@attrs.frozen
class Column:
    """A column of figures."""

    heading: str
    #: The name of the figure.
    figure: str
    #: How it is written, as in a format string.
    form: str = ".3f"


#: Marked where the row beside it is worth nothing.
CONTROL = Column("control", "control")


@attrs.frozen
class Points:
    """What was found at each point of one series, in the order in which they grow."""

    #: What the points are called.
    names: Mapping[float, str]
    found: list[tuple[float, Mapping[str, float]]] = attrs.field(
        factory=list[tuple[float, Mapping[str, float]]]
    )

    def add(self, at: float, figures: Mapping[str, float]) -> None:
        """Add a point with all its figures."""
        self.found.append((at, figures))

    def line(self, figure: str, name: str, role: Role, *, place: int = 0) -> Line:
        """Return one figure as a line."""
        return Line(
            name=name,
            role=role,
            xs=[at for at, _ in self.found],
            ys=[figures[figure] for _, figures in self.found],
            place=place,
        )

    def rows(self, columns: Sequence[Column], *, before: Sequence[str] = ()) -> list[list[str]]:
        """Return the points as rows of a table, those words before each."""
        return [
            [*before, self.names[at], *(_cell(figures[column.figure], column) for column in columns)]
            for at, figures in self.found
        ]

    def table(self, what: str, columns: Sequence[Column]) -> Table:
        """Return the points as a table."""
        return Table(headings=[what, *headings(columns)], rows=self.rows(columns))

    @property
    def ticks(self) -> Mapping[float, str]:
        """What stands at the points that were measured."""
        return {at: self.names[at] for at, _ in self.found}


def headings(columns: Sequence[Column]) -> list[str]:
    """Return what stands above the columns."""
    return [column.heading for column in columns]


def _cell(figure: float, column: Column) -> str:
    text = format(figure, column.form)
    restless = column is CONTROL and not CONTROL_BAND[0] <= figure <= CONTROL_BAND[1]
    return f"{text} !" if restless else text


def circumstances(plan: GrowthPlan) -> str:
    """Return how it was measured, for below the table."""
    thoroughness = "with --quick" if plan.quick else "in full"
    return (
        f"Measured {thoroughness}, {plan.pairs} rounds where the table names no other number, "
        f"event loop {plan.loop}, Python {platform.python_version()}, aiohttp {aiohttp.__version__}, "
        f"{platform.system()}. Figures of ours in µs or per second are those of the hand-written loop times "
        "the median ratio of the rounds. A control outside 0.90 to 1.10 has a ! beside it: its "
        "row says nothing."
    )


def _lines(table: Table) -> list[str]:
    """Return a table in Markdown, with an empty line after it."""
    return [
        f"| {' | '.join(table.headings)} |",
        f"|{'|'.join(['---'] + ['---:'] * (len(table.headings) - 1))}|",
        *(f"| {' | '.join(row)} |" for row in table.rows),
        "",
    ]


def markdown(growth: Growth, plan: GrowthPlan) -> str:
    """Return the table as a page of Markdown, with its picture."""
    heading = f"How the cost grows with {growth.grows_with}"
    lines = [
        f"# {heading}",
        "",
        growth.done,
        "",
        f"![{heading}]({growth.name}.svg)",
        "",
        *(line for table in growth.tables for line in _lines(table)),
        circumstances(plan) + " Drawn and written by `python -m benchmarks.growth`.",
    ]
    return "\n".join(lines) + "\n"
