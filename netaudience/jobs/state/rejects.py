"""The rows of a run that were not delivered, a dead letter for each.

The lines are fit to be mended and sent again. An attempt writes a file of its own and puts it in the place
of the last one's when it ends, so that a killed one leaves the last one's behind. It holds customers' rows
and is readable for its owner only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from netaudience.dead_letter import DeadLetter
from netaudience.errors import ConfigurationError
from netaudience.model.digests import digest_of
from netaudience.model.wire import JsonValue


class Rejects:
    """Writes the undelivered rows of one attempt."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: BinaryIO | None = None
        #: Called by what nothing else remembers, when it cannot be written any more.
        self.on_broken: Callable[[], object] = lambda: None
        #: How many lines were written.
        self.written = 0
        #: Why lines could not be written, if so.
        self.broken: str | None = None

    def write(self, letter: DeadLetter) -> None:
        """Write down a row that was not delivered."""
        if self.broken is None:
            line = letter.to_line()
            self._guarded(lambda: self._line(line))

    def flush(self) -> None:
        """Hand to the system what was written."""
        if self._file is not None:
            self._guarded(self._file.flush)

    def close(self, reached: Mapping[str, int | None]) -> None:
        """Put the file into its place.

        Args:
            reached: By step, the last row that this attempt has come to; None where it came to the end. What
                an earlier attempt has told of later rows is kept.
        """
        if self.broken is None:
            self._guarded(lambda: self._keep(reached))
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if self.broken is None and self.written:
            self._guarded(lambda: os.replace(self._part, self._path))  # noqa: PTH105 - one step of the file system
        elif self.broken is None:
            self._guarded(lambda: self._path.unlink(missing_ok=True))
        if self.broken is not None:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _keep(self, reached: Mapping[str, int | None]) -> None:
        if all(row is None for row in reached.values()):
            return
        with contextlib.suppress(FileNotFoundError, ConfigurationError):
            for letter in DeadLetter.read(self._path):
                last = reached.get(letter.step)
                if last is not None and letter.position > last:
                    self._line(letter.to_line())

    def _line(self, line: bytes) -> None:
        if self._file is None:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=1 << 16)
        self._file.write(line)
        self.written += 1

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            self.broken = (
                f"{self._path} could not be written ({error.strerror}). Nothing is lost: the journals of the "
                "run know the rows; make room and go on with the run, which writes the file anew"
            )


def row_digest(row: JsonValue) -> str:
    """Return what tells a row of a letter from others, in whatever order its fields stand."""
    written = json.dumps(row, sort_keys=True)
    return digest_of(written)
