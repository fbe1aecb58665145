"""Folders for temporary files, which hold customers' rows: private, and gone after the process.

A process that is killed cannot take its folder away. So each holds a lock in it, and whoever makes the next
folder takes away those that nobody holds any more.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from netaudience.engine.lease import FileLock

_HELD = "held"


class Scratch(tempfile.TemporaryDirectory[str]):
    """A folder for temporary files that only its owner may look into; it goes when it is closed."""

    def __init__(self, beside: Path | None = None, prefix: str = "netaudience-") -> None:
        """Make it, and take away those that killed processes have left.

        Args:
            beside: The folder that it is made in; the system's for temporary files where it is None.
            prefix: How its name begins.
        """
        self._held: FileLock | None = None
        sweep(Path(tempfile.gettempdir()) if beside is None else beside, prefix)
        super().__init__(prefix=prefix, dir=beside, ignore_cleanup_errors=True)
        while not self._hold():  # somebody took it for one that nobody holds, before it was held
            super().cleanup()
            super().__init__(prefix=prefix, dir=beside, ignore_cleanup_errors=True)

    def _hold(self) -> bool:
        """Hold it; return whether it is still there."""
        lock = FileLock(Path(self.name) / _HELD)
        with suppress(OSError, sqlite3.Error):  # without it, nobody takes it away after a kill
            if not lock.take():
                return False
            self._held = lock
        return Path(self.name).is_dir()

    def cleanup(self) -> None:
        """Take it away."""
        if self._held is not None:
            self._held.release()
        super().cleanup()


def sweep(folder: Path, prefix: str) -> None:
    """Take away folders of ours that no living process holds."""
    for path in folder.glob(f"{prefix}*"):
        lock = FileLock(path / _HELD)
        with suppress(OSError, sqlite3.Error):
            if not _is_ours(path) or not lock.take():
                continue
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                lock.release()


def _is_ours(path: Path) -> bool:
    status = path.lstat()
    getuid = getattr(os, "getuid", None)
    mine = getuid is None or status.st_uid == getuid()
    return mine and not path.is_symlink() and (path / _HELD).is_file()
