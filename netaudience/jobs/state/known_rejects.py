"""Which rows the last run has rejected, and why: what is known is told apart from what is new.

It holds a number for each, made of the row's key and the reason; a million of them are remembered at most.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from netaudience.jobs.columns.effects import canonical

_MOST = 1_000_000
_log = logging.getLogger("netaudience")


class KnownRejects:
    """The rejected rows of one step: those of the last run, and those of this one."""

    def __init__(self, path: Path | None = None, own: Path | None = None) -> None:
        """Read what the last run has left; nothing is known where it has left nothing.

        Args:
            path: The file; None where nothing is remembered.
            own: Where the run keeps what was left to it: when it is gone on with, the file holds its own
                rejects, and these are not the last run's.
        """
        self._path = path
        self._own = own
        self._before = array("Q")
        self._now = array("Q")
        #: Rows of this run that the last one has rejected for the same reason.
        self.count = 0
        left = own if own is not None and own.exists() else path
        try:
            if left is not None:
                self._before.frombytes(left.read_bytes())
        except (OSError, ValueError):  # the first run, or a file that was cut: every reject is new
            self._before = array("Q")

    def add(self, key: str, fields: Mapping[str, object], reason: str) -> bool:
        """Take a rejected row, and return whether the last run has rejected it for the same reason."""
        # A sentence may name another row, whose number changes from night to night.
        text = f"{key or canonical(fields)}\n{re.sub(r'[0-9]+', '#', reason)}"
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if len(self._now) < _MOST:
            self._now.append(number)
        at = bisect_left(self._before, number)
        known = at < len(self._before) and self._before[at] == number
        self.count += known
        return known

    def save(self, *, whole: bool) -> None:
        """Leave the rejected rows to the next run.

        Args:
            whole: Whether the run came to its end; else what it has not come to is kept as it was.
        """
        if self._path is None:
            return
        kept = array("Q", sorted({*self._now, *(() if whole else self._before)}))
        try:
            if self._own is not None:  # first: once the other is written, nobody knows it any more
                _write(self._own, self._before)
            _write(self._path, kept)
        except OSError as error:
            _log.warning("Which rows were rejected could not be written down: %s", error.strerror)


def _write(path: Path, numbers: array[int]) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(numbers.tobytes())
    part.replace(path)
