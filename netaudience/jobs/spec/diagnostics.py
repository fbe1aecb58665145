"""What is wrong with a job file, all of it at once, each with the file's line and the remedy.

It collects and tells; what is right is known by `parse` and `validate`. A value of the file is not
repeated, for it may be a secret or a person's.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from netaudience.errors import ConfigurationError, column_name
from netaudience.jobs.spec.model import Share
from netaudience.jobs.spec.toml_lines import KeyPath, Lines

#: A value of the file with the path at which it stands.
Placed: TypeAlias = tuple[object, KeyPath]

#: Names under which people write credentials down.
_SECRETS = (
    "apikey",
    "passcode",
    "password",
    "passwd",
    "secret",
    "token",
    "accountid",
    "credential",
    "bearer",
)

#: What a first job file has in the place of a column's name.
COLUMN = "COLUMN"

#: Units of time from a minute up: its name, its seconds, and the same of what remains.
_UNITS = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))
#: Names become folders and files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PERCENT = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%\s*")


class Problems:
    """Collects problems by line."""

    def __init__(self, shown: str, lines: Lines | None) -> None:
        #: What the file is called in front of a line's number.
        self._shown = shown
        self._lines = lines
        self._found: list[tuple[int, str]] = []
        self._paths = set[KeyPath]()

    def __len__(self) -> int:
        return len(self._found)

    def in_section(self, name: str) -> bool:
        """Return whether one was found in a section of the file."""
        return any(path[:1] == (name,) for path in self._paths)

    def add(self, path: KeyPath, sentence: str) -> None:
        """Take note of a problem with the key at this path, or with one that is missing from there."""
        self._paths.add(path)
        line = 0 if self._lines is None else self._lines.of(*path)
        if (line, sentence) not in self._found:
            self._found.append((line, sentence))

    def at_line(self, line: int, sentence: str) -> None:
        """Take note of a problem with a line."""
        self._found.append((line, sentence))

    def tell(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            ConfigurationError: each problem is a line of its message.
        """
        if not self._found:
            return
        lines = [
            f"{self._shown}:{line}: {sentence}" if line else f"{self._shown}: {sentence}"
            for line, sentence in sorted(self._found, key=lambda problem: problem[0])
        ]
        if len(lines) == 1:
            raise ConfigurationError(lines[0])
        head = f"the job file has {len(lines)} problems; nothing was sent"
        raise ConfigurationError("\n".join([head, *lines]))


class Section:
    """A table of the file, read key by key; dashes and underscores in names are the same."""

    def __init__(
        self,
        values: Mapping[str, object],
        path: KeyPath,
        problems: Problems,
        *,
        known: Iterable[str],
        name: str,
    ) -> None:
        self.path = path
        self.problems = problems
        #: What it is called in a sentence.
        self.name = name
        self._values: dict[str, Placed] = {}
        #: The keys that were probably meant by those that there are none of.
        self.meant = set[str]()
        names = tuple(known)
        for key, value in values.items():
            plain = key.replace("-", "_")
            if plain not in names:
                problems.add((*path, key), _unknown(key, names, name))
                self.meant.add(_like(key, names))
            elif plain in self._values:
                twice = f"{key} is there twice, with a dash and with an underscore: keep one"
                problems.add((*path, key), twice)
            else:
                self._values[plain] = (value, (*path, key))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def place(self, key: str) -> KeyPath:
        """Return where a key stands, or would stand."""
        return self._values[key][1] if key in self._values else (*self.path, key)

    def get(self, key: str) -> object:
        """Return a value as it is, None where it is not set."""
        return self._values[key][0] if key in self._values else None

    def wrong(self, key: str, sentence: str) -> None:
        """Take note of a problem with a key."""
        self.problems.add(self.place(key), sentence)

    def text(self, key: str) -> str | None:
        """Return text that is not empty."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f'{key} must be text that is not empty, such as {key} = "…"')
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return one text, or a list of them, as a tuple."""
        value = self.get(key)
        if value is None:
            return ()
        given = cast("list[object]", value) if isinstance(value, list) else [value]
        texts = [text for text in given if isinstance(text, str) and text.strip()]
        if len(texts) != len(given) or not texts:
            self.wrong(key, f'{key} must be text, or a list of texts, such as {key} = ["…", "…"]')
            return ()
        return tuple(texts)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(key, f"{key} must be true or false, without quotation marks")
            return default
        return value

    def whole(self, key: str) -> int | None:
        """Return a whole number above 0."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.wrong(key, f"{key} must be a whole number of at least 1, without quotation marks")
            return None
        return value

    def number(self, key: str) -> float | None:
        """Return a finite number above 0."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            self.wrong(key, f"{key} must be a number above 0, without quotation marks")
            return None
        return float(value)

    def choice(self, key: str, choices: Iterable[str]) -> str | None:
        """Return one of several words."""
        value = self.text(key)
        names = tuple(choices)
        if value is None or value in names:
            return value
        self.wrong(key, f"{key} must be one of {', '.join(names)}{nearest(value, names)}")
        return None

    def table(self, key: str) -> dict[str, object]:
        """Return a table, empty where it is not set."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            header = ".".join(_names(self.place(key)))
            self.wrong(key, f"{key} must be a table: [{header}], or {key} = {{ … }}")
            return {}
        return cast("dict[str, object]", value)

    def section(self, key: str, known: Iterable[str]) -> Section:
        """Return a table to be read key by key, empty where it is not set."""
        return Section(self.table(key), self.place(key), self.problems, known=known, name=f"[{key}]")

    def share(self, key: str, *, counts: bool = True) -> Share | None:
        """Return ``"5%"`` as a share, and, where rows are counted, a whole number as such."""
        value = self.get(key)
        if value is None:
            return None
        if counts and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return Share(count=value)
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found and (float(found.group(1)) <= 100 or not counts):
            return Share(share=float(found.group(1)) / 100)
        number = " or a number of rows, such as 100" if counts else ""
        self.wrong(key, f'{key.replace("_", "-")} must be a percentage, such as "5%"{number}')
        return None

    def name_of_folder(self, key: str, *, default: str) -> str | None:
        """Return a name that can be a folder's."""
        name = self.text(key) or default
        if _NAME.fullmatch(name):
            return name
        self.wrong(
            key,
            f"{key} becomes the name of a folder: begin with a letter or digit, and use letters, digits, "
            f'dots, dashes and underscores, such as {key} = "nightly"',
        )
        return None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that names what was probably meant; nothing where nothing is near."""
    found = _like(name, known)
    return f": did you mean {found}?" if found else ""


def _like(name: str, known: Iterable[str]) -> str:
    by_plain = {plain(one): one for one in known}
    meant = _MEANT.get(plain(name), "")
    if plain(meant) in by_plain:
        return meant
    found = difflib.get_close_matches(plain(name), by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else ""


def plain(name: str) -> str:
    """Return a name as it is compared: no case, no punctuation."""
    return "".join(letter for letter in name.casefold() if letter not in "_- .")


def duration(seconds: float) -> str:
    """Return a span of time in the units that people would use, two of them at the most."""
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    unit, length, part, shorter = next(one for one in _UNITS if whole >= one[1])
    rest = whole % length // shorter
    return f"{whole // length:,} {unit}" + (f" {rest} {part}" if rest else "")


def listed(names: Iterable[str], most: int = 30) -> str:
    """Return names as a sentence lists them."""
    given = list(names)
    rest = len(given) - most
    return ", ".join(given[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def no_column(name: str, columns: Iterable[str]) -> str:
    """Return the sentence about a column that a source does not have, as it goes on behind a colon."""
    known = [column_name(one) for one in columns]
    if name == COLUMN:
        return (
            f"write the name of a column in the place of {COLUMN}: the source has {listed(known) or 'none'}"
        )
    meant = nearest(name, known) or f": it has {listed(known) or 'none'}"
    return f"the source has no column {name!r}{meant}"


def _names(path: KeyPath) -> list[str]:
    return [part for part in path if isinstance(part, str)]


#: What people call a key whose own name is not like it.
_MEANT = {
    **dict.fromkeys(("path", "paths", "location", "glob", "urls", "input"), "files"),
    **dict.fromkeys(("query", "statement", "select"), "sql"),
    **dict.fromkeys(("sep", "separator"), "delimiter"),
    **dict.fromkeys(("charset", "codec"), "encoding"),
    "tz": "time_zone",
    "endpoint": "operation",
    "action": "operation",
}


def _unknown(key: str, known: tuple[str, ...], where: str) -> str:
    if any(secret in plain(key) for secret in _SECRETS):
        return (
            f"{key} looks like a credential, which does not belong into a file: take it out, and set the "
            "vendor's NETAUDIENCE_… variable (or …_FILE) instead"
        )
    return f"there is no {key} in {where}{nearest(key, known) or f': {_has(known)}'}"


def _has(known: tuple[str, ...]) -> str:
    return f"it may have {listed(known)}" if known else "leave it out"
