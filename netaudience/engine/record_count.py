"""How many records a database must hold, in a small file beside it: what is lost of a database is noticed.

SQLite keeps what was written last in a file of its own beside the database, and passes over whatever is
damaged or missing there. For a memory of what must not be sent twice that would be worse than none.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from netaudience.engine.lease import make_private

_DIGITS = 20


class RecordCount:
    """The file with the number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __repr__(self) -> str:
        return f"<RecordCount {self._path.name}>"

    def read(self) -> int | None:
        """Return the number; None where there is no file.

        Raises:
            ValueError: it holds no number.
            OSError: it cannot be read.
        """
        try:
            return int(self._path.read_bytes())
        except FileNotFoundError:
            return None

    def open(self, count: int) -> None:
        """Write the first number, and have the file and its name on the disk.

        Raises:
            OSError: it cannot be written.
        """
        self.close()
        self._file = os.open(make_private(self._path), os.O_WRONLY)
        self.write(count)
        os.fsync(self._file)
        keep_name(self._path)

    def write(self, count: int) -> None:
        """Write a number, after the records that it counts: one that lags behind says nothing wrong.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is not None:
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, b"%0*d\n" % (_DIGITS, count))

    def remove(self) -> None:
        """Take the file away: the database is whole by itself."""
        self.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):
                os.close(file)


def keep_name(path: Path) -> None:
    """Have a new file's name on disk as well, where the system knows how."""
    with suppress(OSError):
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
