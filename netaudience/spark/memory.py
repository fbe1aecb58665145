"""What earlier attempts at a task have delivered, told by digests of rows, for their order may differ."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping

from netaudience.spark.storage import Storage

__all__ = ["DIGEST", "FILES", "SIZE", "Memory", "digest_of_row"]

#: Bytes of a digest: of a row alone; or where what was delivered is remembered from run to run, those of its
#: key and of what is sent of it.
SIZE = 16 + 8
#: The column in which rows bring theirs.
DIGEST = "netaudience digest"
#: What the names of the files end with.
FILES = ".digests"
#: Digests are written after so many, or so many seconds.
_MANY, _SECONDS = 20_000, 1.0


def digest_of_row(row: Mapping[str, object]) -> bytes:
    """Return what tells a row from others."""
    text = json.dumps(row, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


class Memory:
    """The memory of one partition, written by one attempt and read by the next."""

    def __init__(self, place: str, task: str, attempt: int) -> None:
        """Read what earlier attempts have noted.

        Args:
            place: The folder.
            task: What tells the partition from others, and from the same of other batches.
            attempt: The number of this attempt, which no other has.
        """
        self._storage = Storage(place)
        self._name = f"{task}-{attempt}"
        self._files = 0
        self._open: list[bytes] = []
        self._written = time.monotonic()
        #: How many rows of each digest were delivered: rows that are alike are rows all the same.
        self._known: dict[bytes, int] = {}
        for name in self._storage.names(f"{task}-"):
            content = self._storage.read(name)
            for at in range(0, len(content) - len(content) % SIZE, SIZE):
                digest = content[at : at + SIZE]
                self._known[digest] = self._known.get(digest, 0) + 1

    def knows(self, digest: bytes) -> bool:
        """Return whether an earlier attempt has delivered such a row, once for each that it has."""
        left = self._known.get(digest, 0)
        if left:
            self._known[digest] = left - 1
        return left > 0

    def note(self, digest: bytes) -> None:
        """Note a row that was delivered."""
        self._open.append(digest)
        if len(self._open) >= _MANY or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if self._open:
            self._storage.write(f"{self._name}-{self._files:06d}{FILES}", b"".join(self._open))
            self._files += 1
            self._open = []
        self._written = time.monotonic()
