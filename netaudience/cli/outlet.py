"""Where data goes: standard output, or the rejects file. Written at once: a full disk must be noticed.

An outlet that breaks says so once and is not written to again; what it could not take goes elsewhere or is
counted, but never lost in silence.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import attrs
import orjson

from netaudience.errors import ConfigurationError

__all__ = ["FileOutlet", "Outlet", "StandardOutput", "is_source", "json_line"]


def json_line(value: object) -> bytes:
    """Write a value as one line of JSON, answers by the vendor's own names."""
    try:
        return orjson.dumps(value, default=_answer, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a number beyond 64 bits, or half a character: the caller's own data all the same
        return json.dumps(value, default=_answer).encode() + b"\n"


def _answer(value: object) -> dict[str, object]:
    """Return a typed answer by the vendor's names: with what it added, without what it left out."""
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    told: dict[str, object] = {}
    unknown: object = None
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
        part: object = getattr(value, field.name)
        if field.name == "unknown":
            unknown = part
        elif part is not None:
            told[field.metadata.get("wire", field.name)] = part
    return {**told, **cast("dict[str, object]", unknown or {})}


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

    def close(self) -> None:
        """Give the outlet back."""

    def _write(self, data: bytes) -> None:
        raise NotImplementedError


class StandardOutput(Outlet):
    """Standard output, as bytes."""

    name = "standard output"

    def _write(self, data: bytes) -> None:
        stream = sys.stdout.buffer
        stream.write(data)
        stream.flush()


class FileOutlet(Outlet):
    """A file of its own, readable by its owner only, for it holds what the source held."""

    def __init__(self, path: Path, source: str) -> None:
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


def _refuse_loss(path: Path, source: str) -> None:
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


def is_source(path: Path, source: str) -> bool:
    """Return whether a file is the source, which must not be written to."""
    try:
        return source != "-" and path.samefile(source)
    except OSError:
        return False
