"""On which line of a TOML file a key stands: the standard library's reader does not keep that.

A tolerant scan beside the reader, which alone judges whether the text is TOML: it follows tables, arrays of
tables, dotted and quoted keys, inline tables and arrays, and reads no value. It refuses nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Names of tables and keys; a number is the place in an array."""

_BLANK = " \t"
_SPACE = " \t\r\n"
#: What ends a bare key, or a value that is neither text, array nor inline table.
_ENDS = frozenset(" \t\r\n.=[]{},#\"'")


class Lines:
    """The lines of a file's keys, counted from 1."""

    def __init__(self, text: str) -> None:
        self._lines = _Scan(text).lines

    def of(self, *path: str | int) -> int:
        """Return the line on which a key stands; for one that is not there, that of what it would be in."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1

    def __contains__(self, path: object) -> bool:
        return path in self._lines

    @property
    def known(self) -> Mapping[KeyPath, int]:
        """All keys that were found."""
        return self._lines


class _Scan:
    """One reading of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self.lines: dict[KeyPath, int] = {}
        #: How many tables an array of tables has so far.
        self._tables: dict[KeyPath, int] = {}
        table: KeyPath = ()
        while self._skip(_SPACE):
            before = self._at
            if self._here("["):
                table = self._header()
            else:
                self._pair(table)
            if self._at == before:  # not TOML; the reader says so
                self._step()

    def _header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]`` and return the path of what follows."""
        line = self._line
        self._step()
        is_array = self._here("[")
        if is_array:
            self._step()
        names = self._names()
        while self._here("]"):
            self._step()
        if not names:
            return ()
        path = self._within((), names[:-1], line)
        last: KeyPath = (*path, names[-1])
        if is_array:
            place = self._tables.get(last, 0)
            self._tables[last] = place + 1
            self.lines.setdefault(last, line)
            last = (*last, place)
        elif last in self._tables:
            last = (*last, self._tables[last] - 1)
        self.lines[last] = line
        return last

    def _pair(self, table: KeyPath) -> None:
        """Read ``a.b = value``."""
        line = self._line
        names = self._names()
        if not names:
            return
        path: KeyPath = (*self._within(table, names[:-1], line), names[-1])
        self.lines.setdefault(path, line)
        self._skip(_BLANK)
        if self._here("="):
            self._step()
            self._skip(_BLANK)
            self._value(path)

    def _within(self, table: KeyPath, names: Sequence[str], line: int) -> KeyPath:
        """Go down by names, in an array of tables to its last one; note tables that have no line yet."""
        for name in names:
            table = (*table, name)
            self.lines.setdefault(table, line)
            if table in self._tables:
                table = (*table, self._tables[table] - 1)
        return table

    def _value(self, path: KeyPath) -> None:
        """Pass over a value, and note the keys inside it."""
        if self._here('"') or self._here("'"):
            self._string()
        elif self._here("["):
            self._array(path)
        elif self._here("{"):
            self._inline_table(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\r\n":
                self._step()

    def _array(self, path: KeyPath) -> None:
        self._step()
        place = 0
        while self._skip(_SPACE) and not self._here("]"):
            before = self._at
            self.lines.setdefault((*path, place), self._line)
            self._value((*path, place))
            self._skip(_SPACE)
            if self._here(","):
                self._step()
                place += 1
            if self._at == before:
                self._step()
        self._step()

    def _inline_table(self, path: KeyPath) -> None:
        self._step()
        while self._skip(_SPACE) and not self._here("}"):
            before = self._at
            self._pair(path)
            self._skip(_SPACE)
            if self._here(","):
                self._step()
            if self._at == before:
                self._step()
        self._step()

    def _names(self) -> list[str]:
        """Read a key: one name, or several with dots between."""
        names: list[str] = []
        while self._skip(_BLANK):
            start = self._at
            if self._here('"') or self._here("'"):
                names.append(_plain(self._string()))
            else:
                while self._at < len(self._text) and self._text[self._at] not in _ENDS:
                    self._step()
                if self._at == start:
                    break
                names.append(self._text[start : self._at])
            self._skip(_BLANK)
            if not self._here("."):
                break
            self._step()
        return names

    def _string(self) -> str:
        """Pass over text in quotes and return it as it stands."""
        start = self._at
        quote = self._text[start]
        end = quote * 3 if self._text.startswith(quote * 3, start) else quote
        self._step(len(end))
        while self._at < len(self._text) and not self._text.startswith(end, self._at):
            if len(end) == 1 and self._here("\n"):
                break  # not closed; the reader says so
            self._step(2 if quote == '"' and self._here("\\") else 1)
        self._step(len(end))
        for _ in range(2):  # text in three quotes may end in one or two more
            if len(end) == 3 and self._here(quote):
                self._step()
        return self._text[start : self._at]

    def _skip(self, what: str) -> bool:
        """Pass over blanks, and over comments where lines may end; return whether something follows."""
        while self._at < len(self._text):
            if self._text[self._at] in what:
                self._step()
            elif "\n" in what and self._here("#"):
                while self._at < len(self._text) and not self._here("\n"):
                    self._step()
            else:
                return True
        return False

    def _here(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _step(self, count: int = 1) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count


def _plain(quoted: str) -> str:
    """Return what text in quotes says."""
    try:
        return str(tomllib.loads(f"x = {quoted}")["x"])
    except tomllib.TOMLDecodeError:
        return quoted.strip("\"'")
