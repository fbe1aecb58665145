"""Whether a first line names columns, or is the title of a report whose table begins further down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from netaudience.plurals import many

__all__ = ["title_problem"]

_Row: TypeAlias = Sequence[object]


def title_problem(first: _Row, rows: Sequence[tuple[int, _Row]]) -> str | None:
    """Return why a line is taken for a title: most of the rows below it are wider; None where it is none.

    Args:
        first: The cells of the line.
        rows: Rows below, each with the number of lines of the file before it.
    """
    width = _width(first)
    widths = Counter(_width(row) for _, row in rows if _width(row))
    usual = max(widths, key=lambda one: (widths[one], one), default=0)
    if usual <= width or widths[usual] < 2 or widths[usual] * 2 < widths.total():
        return None
    before = next((line for line, row in rows if _width(row) >= usual and _filled(row) >= usual - 1), None)
    known = "" if before is None else f", such as skip-lines = {before}"
    cells = many(width, "cell")
    return (
        f"its first line has {cells}, and most of those below have {usual:,}: if the names of the columns "
        f"stand further down, say how many lines come before them{known} (--skip-lines in a command); if "
        "that line names them, say header = true (--header)"
    )


def _width(cells: _Row) -> int:
    """Return how many cells a row has, without empty ones at its end."""
    return max((at for at, cell in enumerate(cells, 1) if str(cell or "").strip()), default=0)


def _filled(cells: _Row) -> int:
    return sum(bool(str(cell or "").strip()) for cell in cells)
