"""A long answer in a temporary file: what would not fit into memory is read line by line, as often as wanted.

The file has no name and is gone with the answer.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator

from netaudience.errors import ConfigurationError

_AT_ONCE = 1 << 16


class Spooled:
    """The body of an answer."""

    def __init__(self) -> None:
        """Make the file.

        Raises:
            ConfigurationError: the folder of temporary files takes none.
        """
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when nobody reads it any more
        except OSError as error:
            raise _full(error) from None
        weakref.finalize(self, self._file.close)

    def write(self, part: bytes) -> None:
        """Add to it.

        Raises:
            ConfigurationError: there is no room for it.
        """
        try:
            self._file.write(part)
        except OSError as error:
            raise _full(error) from None

    def lines(self) -> Iterator[str]:
        """Read it from its beginning, without lines that are empty.

        Raises:
            ValueError: it is no text.
        """
        at, rest = 0, b""
        while part := self._part(at):
            at += len(part)
            *whole, rest = (rest + part).split(b"\n")
            yield from filter(None, (line.rstrip(b"\r").decode() for line in whole))
        if last := rest.rstrip(b"\r").decode():
            yield last

    def _part(self, at: int) -> bytes:
        self._file.seek(at)  # others may read it as well
        return self._file.read(_AT_ONCE)


def _full(error: OSError) -> ConfigurationError:
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    return ConfigurationError(
        f"The answer is long and is kept in the folder of temporary files, which takes no more ({why}): make "
        "room there, or name another folder by TMPDIR"
    )
