"""Whether a first line names columns, or is the title of a report, and how somebody names them instead."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from netaudience.plurals import many

#: This many columns are named one by one in a sentence.
_FEW = 12

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


def header_of(names: Sequence[str]) -> str:
    """Return the setting that names all columns, each by a name of its own where it has none, or another's.

    Args:
        names: The names of the columns, empty where one has none.
    """
    said: list[str] = []
    for at, name in enumerate(names, 1):
        own, further = name, at
        while not own or own.casefold() in map(str.casefold, said):
            own, further = f"column{further}", further + 1
        said.append(own)
    return "header = " + json.dumps(said if len(said) <= _FEW else [*said[:3], "…"], ensure_ascii=False)
