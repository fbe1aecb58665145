"""A folder that the driver and all executors reach: of a disk or a mount, or in an object store.

Its files hold identifiers, so nobody but their owner reads them where they are on a disk.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from netaudience.engine.record_count import keep_name
from netaudience.jobs.columns.duckdb import import_arrow


class Storage:
    """Files that are written once and whole."""

    def __init__(self, place: str) -> None:
        """Name a folder; one with a scheme is reached by Arrow.

        Args:
            place: A path, or a URL such as ``s3://lake/runs/42``.
        """
        self.place = place.removeprefix("file://").rstrip("/")
        self._remote: Any = None
        if "://" in self.place:
            self._remote, self._base = import_arrow("fs").FileSystem.from_uri(self.place)

    def path(self, name: str) -> str:
        """Return what a file is called, for Spark."""
        return f"{self.place}/{name}"

    def write(self, name: str, content: bytes) -> None:
        """Write a file: it is there as a whole, or not at all."""
        if self._remote is not None:
            with self._remote.open_output_stream(f"{self._base}/{name}") as stream:
                stream.write(content)
            return
        folder = Path(self.place)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f".{name}.{os.getpid()}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
        keep_name(folder / name)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        if self._remote is not None:
            with self._remote.open_input_stream(f"{self._base}/{name}") as stream:
                return bytes(stream.read())
        return (Path(self.place) / name).read_bytes()

    def remove(self, name: str) -> None:
        """Take a file or a folder away, if it is there."""
        if self._remote is not None:
            path = f"{self._base}/{name}"
            kind = self._remote.get_file_info(path).type.name
            if kind != "NotFound":
                (self._remote.delete_dir if kind == "Directory" else self._remote.delete_file)(path)
            return
        place = Path(self.place) / name
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        place.unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """Return the files whose names begin so."""
        if self._remote is not None:
            selector = import_arrow("fs").FileSelector(self._base, allow_not_found=True)
            found = [str(info.base_name) for info in self._remote.get_file_info(selector)]
        else:
            folder = Path(self.place)
            found = [file.name for file in folder.iterdir()] if folder.is_dir() else []
        return sorted(name for name in found if name.startswith(prefix))
