"""The rows of a workbook's sheet, as the cells show them: days are days, and a whole number has no fraction.

It is read with python-calamine, or with openpyxl where that is not installed. A row with a cell whose value
no reader gives (an error, a formula without its result, one that is merged with a cell above) is none.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.formats import PROBLEM, Asked
from netaudience.jobs.formats._sheet_xml import Oddities, oddities_of
from netaudience.jobs.formats._titles import header_of, title_problem

SUFFIXES = (".xlsx",)

_REMEDY = "is an Excel file: pip install 'netaudience[xlsx]', or save it as CSV in UTF-8"
#: Whole numbers up to here have a floating number of their own.
_EXACT = 2**53
#: Rows that are looked at to understand the first one.
_ROWS = 200
_EMPTY = {None, ""}
_Cells: TypeAlias = Sequence[object]
_Row: TypeAlias = tuple[int, _Cells]
"""A row of a sheet: its number, counted from 0, and its cells."""


class _Sheet(NamedTuple):
    """A sheet that was opened."""

    #: The first column that its rows have.
    left: int
    rows: Iterator[_Row]
    oddities: Oddities


def notes(path: Path, name: str, asked: Asked) -> list[str]:
    """Return what is worth reporting of a workbook: that it has further sheets."""
    seen, _, close = _book(path, name)
    close()
    if asked.sheet is not None or len(seen) < 2:
        return []
    return [f"{name} has {len(seen):,} sheets, of which {seen[0]!r} is read: say sheet if another is meant"]


def rows(path: Path, name: str, asked: Asked) -> Iterator[Mapping[str, object]]:
    """Give the rows of a sheet.

    Raises:
        ConfigurationError: nothing can read it, there is no such sheet, or it has no header.
        SourceFailed: it cannot be read.
    """
    sheet = _sheet(path, name, asked.sheet)
    # A reader gives an empty cell for an error, so that such a row looks as if there were none.
    odd = {row for row, _ in (*sheet.oddities.errors, *sheet.oddities.unevaluated)}
    filled = (
        (number, cells)
        for number, cells in sheet.rows
        if number >= asked.skip_lines and (number in odd or not _EMPTY.issuperset(cells))
    )
    first = next(filled, None)
    if first is None:
        _check_sheets(path, name, asked)
        return
    below = list(islice(filled, _ROWS))
    names = _names(name, asked, first, below)
    following = chain(below, filled)
    if asked.header is False or isinstance(asked.header, tuple):
        following = chain([first], following)
    for number, cells in following:
        yield _record(names, number, cells, sheet)


def _check_sheets(path: Path, name: str, asked: Asked) -> None:
    """Refuse an empty sheet that nobody has named, where there are others."""
    seen, _, close = _book(path, name)
    close()
    if asked.sheet is None and len(seen) > 1:
        others = ", ".join(seen[1:])
        raise ConfigurationError(
            f"{name}: its first sheet, {seen[0]!r}, is empty: say which one is meant of {others} (sheet, "
            "--sheet in a command), or say that one if it may be",
            key="sheet",
        )


def _record(names: Sequence[str], number: int, cells: _Cells, sheet: _Sheet) -> Mapping[str, object]:
    # A column may be empty in all rows, and is one all the same.
    record = dict[str, object].fromkeys(filter(None, names))
    problem = ""
    for at, cell in enumerate(cells):
        place = (number, sheet.left + at)
        name = names[at] if at < len(names) else ""
        oddity = _problem(place, sheet.oddities)
        if oddity and name:
            problem = problem or f"the column {name!r} {oddity}"
            cell = sheet.oddities.errors.get(place, cell)  # noqa: PLW2901 - what the dead letter shows
        if cell in _EMPTY:
            continue
        if not name:
            problem = problem or "a cell beyond the columns that have a name holds a value"
            name = f"column{at + 1}"
        record[name] = _shown(cell, sheet.oddities.digits.get(place, 0))
    if problem:
        record[PROBLEM] = problem
    return record


def _problem(place: tuple[int, int], oddities: Oddities) -> str:
    """Return what is wrong with a cell, as the rest of a sentence; empty where nothing is."""
    if place in oddities.errors:
        return "holds an error of the spreadsheet: mend its formula, or empty the cell"
    if place in oddities.unevaluated:
        return "holds a formula without its result: open the file in a spreadsheet, and save it"
    if place in oddities.covered:
        return "is merged with a cell of a row above: split it, and fill in both"
    return ""


def _names(name: str, asked: Asked, header: _Row, below: Sequence[_Row]) -> list[str]:
    """Return the names of the columns, empty where a column has none, and no value."""
    if isinstance(asked.header, tuple):
        return list(asked.header)
    row, first = header
    where = "the sheet's first row" if row == 0 else f"row {row + 1:,} of the sheet"
    if asked.header is False:
        return [f"column{at}" for at in range(1, len(first) + 1)]
    if asked.header is None and (oddity := title_problem(first, below)):
        raise ConfigurationError(f"{name}: {oddity}")
    names = ["" if cell in _EMPTY else str(_shown(cell)).strip() for cell in first]
    instead = f"name all columns yourself with {header_of(names)} and skip-lines = {row + 1}"
    for at, cell in enumerate(first):
        if asked.header is None and cell not in _EMPTY and not isinstance(cell, str):
            raise ConfigurationError(
                f"{name}: cell {at + 1} of {where} is no text: write header = true if that row names the "
                "columns, or header = false if it is data"
            )
        if not names[at] and any(at < len(cells) and cells[at] not in _EMPTY for _, cells in below):
            raise ConfigurationError(
                f"{name}: column {at + 1} has no name in {where}, and holds values: give it one, or "
                f"{instead}; header = false if that row is data"
            )
    folded = Counter(given.casefold() for given in names)
    if twice := next((given for given in names if given and folded[given.casefold()] > 1), None):
        raise ConfigurationError(
            f"{name}: the column {twice!r} stands twice in {where}: rename one, or {instead}"
        )
    return names


def _shown(cell: object, digits: int = 0) -> object:
    """Return a cell as a person sees it.

    Args:
        cell: Its value.
        digits: How many digits its number is shown with, zeros before it among them.
    """
    match cell:
        case float() if cell.is_integer() and abs(cell) < _EXACT:
            return f"{int(cell):0{digits}d}" if digits else int(cell)
        case int() if digits and not isinstance(cell, bool):
            return f"{cell:0{digits}d}"
        case dt.datetime() if cell.time() == dt.time.min:
            return cell.date()
        case dt.timedelta():
            return str(cell)
        case _:
            return cell


def _book(path: Path, name: str) -> tuple[list[str], Any, Any]:
    """Return the sheets of a workbook that are shown, its reader, and what closes it."""
    for module, read in (("python_calamine", _by_calamine), ("openpyxl", _by_openpyxl)):
        try:
            found = import_module(module)
        except ImportError:
            continue
        return read(found, path, name)
    raise ConfigurationError(f"{name} {_REMEDY}")


def _sheet(path: Path, name: str, asked: str | None) -> _Sheet:
    seen, open_sheet, close = _book(path, name)
    if not seen:  # openpyxl passes over what is written as "Strict Open XML"
        close()
        raise _broken(name)
    try:
        sheet = asked or seen[0]
        left, rows = open_sheet(sheet)
    except KeyError:
        close()
        raise ConfigurationError(
            f"{name} has no sheet {asked!r}: it has {', '.join(seen)}", key="sheet"
        ) from None
    try:
        with path.open("rb") as file:
            oddities = oddities_of(file, sheet)
    except ValueError as error:
        raise _broken(name) from error
    return _Sheet(left, _closing(rows, close), oddities)


def _closing(rows: Iterator[_Row], close: Any) -> Iterator[_Row]:  # noqa: ANN401 - the reader's own
    try:
        yield from rows
    finally:
        close()


def _broken(name: str) -> SourceFailed:
    return SourceFailed(f"{name} cannot be read as an Excel file: save it anew")


def _by_calamine(module: Any, path: Path, name: str) -> tuple[list[str], Any, Any]:  # noqa: ANN401 - the module
    try:
        book = module.CalamineWorkbook.from_path(str(path))
    except module.CalamineError as error:
        raise _broken(name) from error
    shown = module.SheetVisibleEnum.Visible
    seen = [one.name for one in book.sheets_metadata if one.visible == shown] or list(book.sheet_names)

    def open_sheet(asked: str) -> tuple[int, Iterator[_Row]]:
        if asked not in book.sheet_names:
            raise KeyError(asked)
        try:
            sheet = book.get_sheet_by_name(asked)
        except module.CalamineError as error:
            raise _broken(name) from error
        # These are all rows from the first, empty ones too, without the empty columns on the left.
        rows: Iterator[_Cells] = sheet.iter_rows()
        return (sheet.start or (0, 0))[1], enumerate(rows)

    return seen, open_sheet, book.close


def _by_openpyxl(module: Any, path: Path, name: str) -> tuple[list[str], Any, Any]:  # noqa: ANN401 - the module
    file = path.open("rb")  # a name of openpyxl's must end as it expects
    try:
        book = module.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:
        file.close()
        raise _broken(name) from error
    seen = [one.title for one in book.worksheets if one.sheet_state == "visible"] or list(book.sheetnames)

    def open_sheet(asked: str) -> tuple[int, Iterator[_Row]]:
        rows: Iterator[_Cells] = book[asked].iter_rows(values_only=True)
        return 0, enumerate(rows)

    def close() -> None:
        book.close()
        file.close()

    return seen, open_sheet, close
