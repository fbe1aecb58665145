"""What a sheet holds that its values do not show: errors, formulas without a result, zeros before numbers.

The readers of workbooks give an empty cell for the first two, and 1067 where a person sees 01067. So the
sheet's own XML is looked through once, cell by cell, and nothing of it is kept but such cells.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from posixpath import join, normpath
from typing import IO, BinaryIO, TypeAlias
from xml.parsers import expat

import attrs

Place: TypeAlias = tuple[int, int]
"""A row and a column, counted from 0."""

_CHUNK = 1 << 20
_BOOK = "xl/workbook.xml"
_CELL = re.compile(r"([A-Z]+)([0-9]+)")
_RANGE = re.compile(r"([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)")
#: A number is shown with this many digits, and with zeros before where it has fewer.
_ZEROS = re.compile(r"0{2,}")


@attrs.frozen
class Oddities:
    """The cells of a sheet that are not what a reader gives for them."""

    #: The error that stands in a cell, such as ``#N/A``.
    errors: Mapping[Place, str]
    #: Cells with a formula whose result was never written.
    unevaluated: frozenset[Place]
    #: The number of digits that a cell shows, where its number has a format of zeros.
    digits: Mapping[Place, int]
    #: Cells that are merged with one of a row above, which alone has the value.
    covered: frozenset[Place]


_Start: TypeAlias = Callable[[str, Mapping[str, str]], None]


def _plain(name: str) -> str:
    """Return the name of an element or an attribute without its namespace."""
    return name.rpartition(" ")[2]


def _read(file: IO[bytes], start: _Start, end: Callable[[str], None], text: Callable[[str], None]) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def started(name: str, attributes: dict[str, str]) -> None:
        start(_plain(name), attributes)

    parser.StartElementHandler = started
    parser.EndElementHandler = lambda name: end(_plain(name))
    parser.CharacterDataHandler = text
    while chunk := file.read(_CHUNK):
        parser.Parse(chunk, False)  # noqa: FBT003 - Python's own function
    parser.Parse(b"", True)  # noqa: FBT003


def _attributes(archive: zipfile.ZipFile, part: str, wanted: str) -> list[dict[str, str]]:
    """Return the attributes of all elements of a name, without namespaces."""
    found: list[dict[str, str]] = []

    def start(name: str, given: Mapping[str, str]) -> None:
        if name == wanted:
            found.append({_plain(key): value for key, value in given.items()})

    with archive.open(part) as file:
        _read(file, start, lambda _: None, lambda _: None)
    return found


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the file in a workbook that a sheet is."""
    wanted = [one["id"] for one in _attributes(archive, _BOOK, "sheet") if one.get("name") == sheet]
    for one in _attributes(archive, "xl/_rels/workbook.xml.rels", "Relationship"):
        if one["Id"] in wanted:
            target = one["Target"]
            return target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
    return None


def _padded(archive: zipfile.ZipFile) -> dict[str, int]:
    """Return the styles of cells that show numbers with zeros before them, and how many digits they show."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    codes: dict[str, str] = {}
    formats: list[str] = []
    within: list[str] = []

    def start(name: str, given: Mapping[str, str]) -> None:
        within.append(name)
        if name == "numFmt":
            codes[given.get("numFmtId", "")] = given.get("formatCode", "")
        elif name == "xf" and "cellXfs" in within:
            formats.append(given.get("numFmtId", ""))

    def end(_: str) -> None:
        within.pop()

    with archive.open("xl/styles.xml") as file:
        _read(file, start, end, lambda _: None)
    return {
        str(at): len(codes[one])
        for at, one in enumerate(formats)
        if one in codes and _ZEROS.fullmatch(codes[one])
    }


class _Cells:
    """Takes note of odd cells while a sheet's XML goes by."""

    def __init__(self, padded: Mapping[str, int]) -> None:
        self._padded = padded
        self._row = self._column = -1
        self._kind = self._style = ""
        self._formula = self._in_value = False
        self._value: list[str] = []
        self.errors: dict[Place, str] = {}
        self.unevaluated: set[Place] = set()
        self.digits: dict[Place, int] = {}
        self.covered: set[Place] = set()

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "c":
            self._column += 1
            if found := _CELL.fullmatch(given.get("r", "")):
                self._row, self._column = int(found[2]) - 1, _number(found[1])
            self._kind, self._style = given.get("t", "n"), given.get("s", "")
            self._formula, self._value = False, []
        elif name == "row":
            self._row = int(given["r"]) - 1 if "r" in given else self._row + 1
            self._column = -1
        elif name == "f":
            self._formula = True
        elif name == "mergeCell" and (found := _RANGE.fullmatch(given.get("ref", ""))):
            left, top, right, bottom = _number(found[1]), int(found[2]), _number(found[3]), int(found[4])
            self.covered.update(
                (row, column) for row in range(top, bottom) for column in range(left, right + 1)
            )
        elif name == "v":
            self._in_value = True

    def text(self, text: str) -> None:
        if self._in_value:
            self._value.append(text)

    def end(self, name: str) -> None:
        if name == "v":
            self._in_value = False
        elif name == "c":
            place, value = (self._row, self._column), "".join(self._value)
            if self._kind == "e":
                self.errors[place] = value
            elif self._formula and not value and self._kind != "str":
                self.unevaluated.add(place)
            elif self._kind == "n" and self._style in self._padded:
                self.digits[place] = self._padded[self._style]


def _number(letters: str) -> int:
    """Return the number of a column by its letters: A is 0, and AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def oddities_of(file: BinaryIO, sheet: str) -> Oddities:
    """Look through a sheet.

    Args:
        file: The workbook.
        sheet: The sheet's name.

    Raises:
        ValueError: it is no workbook as the standard has it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            cells = _Cells(_padded(archive))
            part = _part_of(archive, sheet)
            if part is not None and part in archive.namelist():
                with archive.open(part) as stream:
                    _read(stream, cells.start, cells.end, cells.text)
    except (zipfile.BadZipFile, expat.ExpatError, KeyError, EOFError) as error:
        raise ValueError from error
    return Oddities(cells.errors, frozenset(cells.unevaluated), cells.digits, frozenset(cells.covered))
