"""Where data goes: standard output, or the rejects file. Written at once: a full disk must be noticed.

An outlet that breaks says so once and is not written to again; what it could not take goes elsewhere or is
counted, but never lost in silence.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import attrs
import orjson

from netaudience.errors import ConfigurationError, NetaudienceError, mask, visible


def json_line(value: object) -> bytes:
    """Write a value as one line of JSON, answers by the vendor's own names."""
    try:
        return orjson.dumps(value, default=_answer, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a number beyond 64 bits, or half a character: the caller's own data all the same
        return json.dumps(value, default=_answer).encode() + b"\n"


def csv_lines(rows: Iterable[Iterable[object]]) -> list[bytes]:
    """Write rows as lines of CSV; what is None is left empty."""
    lines: list[bytes] = []
    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        lines.append(text.getvalue().encode())
    return lines


def _answer(value: object) -> dict[str, object]:
    """Return a typed answer by the vendor's names: with what it added, without what it left out."""
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    record: dict[str, object] = {}
    unknown: object = None
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
        part: object = getattr(value, field.name)
        if field.name == "unknown":
            unknown = part
        elif part is not None:
            record[field.metadata.get("wire", field.name)] = part
    return {**record, **cast("dict[str, object]", unknown or {})}


def width_of_output() -> int | None:
    """Return how many letters a line of standard output has; None where nobody looks at it."""
    seen = sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
    return shutil.get_terminal_size().columns if seen else None


class Outlet:
    """Takes lines until it breaks."""

    #: What it is called in a sentence.
    name = "the output"

    def __init__(self) -> None:
        #: Why nothing more can be written, if so.
        self.broken: str | None = None
        #: True where the reader went away, which is no mishap.
        self.unread = False
        #: Lines written.
        self.written = 0

    def write(self, lines: Sequence[bytes]) -> bool:
        """Write lines; return whether all of them were taken."""
        if self.broken is not None or self.unread:
            return False
        if not lines:
            return True
        try:
            self._write(b"".join(lines))
        except BrokenPipeError:
            self.unread = True
            return False
        except OSError as error:
            self.broken = error.strerror or type(error).__name__
            return False
        self.written += len(lines)
        return True

    def write_all(self, lines: Sequence[bytes]) -> None:
        """Write lines that are what somebody has asked for.

        Raises:
            NetaudienceError: they cannot be written.
        """
        self.write(lines)
        if self.broken is not None:
            name = self.name[:1].upper() + self.name[1:]
            raise NetaudienceError(f"{name} cannot be written: {self.broken}")

    def close(self) -> None:
        """Give the outlet back."""

    def _write(self, data: bytes) -> None:
        raise NotImplementedError


class StandardOutput(Outlet):
    """Standard output, as bytes."""

    name = "standard output"

    def _write(self, data: bytes) -> None:
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
            raise OSError(errno.EBADF, "it is closed")
        stream = sys.stdout.buffer
        if stream.isatty():
            data = visible(data.decode("utf-8", "replace")).encode()
        stream.write(data)
        stream.flush()


class FileOutlet(Outlet):
    """A file of its own, readable by its owner only, for it holds what the source held."""

    def __init__(self, path: Path, source: str | None) -> None:
        """Open the file.

        Raises:
            ConfigurationError: it cannot be opened, is the source, or has content already.
        """
        super().__init__()
        self.name = str(path)
        _refuse_loss(path, source)
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"The rejects file {path} cannot be written: {error.strerror}: name another one"
            ) from error

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _refuse_loss(path: Path, source: str | None) -> None:
    try:
        status = path.stat()
    except OSError:
        return  # not there yet, or told when it is opened
    if is_source(path, source):
        raise ConfigurationError("The rejects file is the source itself: name another one")
    if stat.S_ISREG(status.st_mode) and status.st_size:
        raise ConfigurationError(
            f"The rejects file {path} has content already, which may be items still to be sent: "
            "move it away, or name another one"
        )


class Rejected:
    """Takes the rows that were not delivered; where their own outlet breaks, another takes them."""

    def __init__(self, own: Outlet, other: Outlet) -> None:
        self._own = own
        self._other = other

    @property
    def broken(self) -> str | None:
        """What happened to the outlet, in a sentence."""
        own = self._own
        if own.unread:
            return (
                f"Nobody reads {own.name} any more, so reading was stopped; what was under way was settled."
            )
        if own.broken is None:
            return None
        rest = "" if own is self._other else " Further ones went to standard output."
        return (
            f"{own.name} cannot be written ({own.broken}), so reading was stopped and what was under way was "
            f"settled.{rest} Mend it, and send the rows that follow."
        )

    def write(self, lines: Sequence[bytes]) -> bool:
        """Write lines; return whether their own outlet took all of them."""
        if self._own.write(lines):
            return True
        if self._own is not self._other:
            self._other.write(lines)
        return False


def is_source(path: Path, source: str | None) -> bool:
    """Return whether a file is the source, which must not be written to."""
    try:
        return source not in {None, "-"} and path.samefile(str(source))
    except OSError:
        return False


def masked(value: object, user: str = "") -> object:
    """Return a value of the same form whose texts and numbers are hidden but for their last two signs.

    Args:
        value: The value.
        user: An identifier that is hidden as well where it is a name.
    """
    match value:
        case Mapping():
            named = cast("Mapping[str, object]", value).items()
            return {mask(name) if name == user else name: masked(part, user) for name, part in named}
        case list() | tuple():
            return [masked(part, user) for part in cast("Sequence[object]", value)]
        case bool() | None:
            return value
        case _:
            return mask(value)
