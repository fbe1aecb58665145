"""The rows of a run that were not delivered, one line of JSON for each: what is wrong, and the row itself.

The lines are fit to be mended and sent again. An attempt writes a file of its own and puts it in the place
of the last one's when it ends, so that a killed one leaves the last one's behind. It holds customers' rows
and is readable for its owner only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from netaudience.errors import ConfigurationError, NetaudienceError, VendorError
from netaudience.jobs.past import Undelivered
from netaudience.jobs.values import BadValue
from netaudience.wire import JsonValue, dump_json, load_json

__all__ = ["Origin", "Rejects", "digest_of_fields", "read_rejects"]


class Origin(NamedTuple):
    """What a row was in the source of the run that has read it there."""

    #: Its key.
    key: str
    #: What tells its fields from mended ones; None where they are as they were read now.
    digest: str | None


class Rejects:
    """Writes the undelivered rows of one attempt."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: BinaryIO | None = None
        #: How many lines were written.
        self.written = 0
        #: Why lines could not be written, if so.
        self.broken: str | None = None

    def wrong(  # noqa: PLR0913, PLR0917 - what a line tells
        self,
        step: str,
        row: int,
        key: str,
        reason: str,
        fields: Mapping[str, object],
        origin: Origin | None = None,
    ) -> None:
        """Write down a row that does not become an item."""
        self._write(step, row, key, "rejected", (None, None, None), reason, fields, origin)

    def undelivered(  # noqa: PLR0913, PLR0917 - what a line tells
        self,
        step: str,
        row: int,
        key: str,
        kind: str,
        reason: NetaudienceError,
        fields: Mapping[str, object],
        origin: Origin | None = None,
    ) -> None:
        """Write down a row that was not delivered."""
        answer: tuple[int | None, int | str | None, str | None] = (None, None, None)
        if isinstance(reason, VendorError):
            answer = (reason.status, reason.code, reason.words or None)
        self._write(step, row, key, kind, answer, str(reason), fields, origin)

    def undelivered_before(
        self,
        step: str,
        row: int,
        before: Undelivered,
        fields: Mapping[str, object],
        origin: Origin | None = None,
    ) -> None:
        """Write down a row that an earlier attempt has not delivered."""
        self._write(step, row, before.key, before.kind, before.answer, before.reason, fields, origin)

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
            for line in read_rejects(self._path):
                last = reached.get(str(line.get("step")))
                row = line.get("row")
                if last is not None and isinstance(row, int) and row > last:
                    self._line(dump_json(line))

    def _write(  # noqa: PLR0913, PLR0917 - what a line tells
        self,
        step: str,
        row: int,
        key: str,
        kind: str,
        answer: tuple[int | None, int | str | None, str | None],
        reason: str,
        fields: Mapping[str, object],
        origin: Origin | None,
    ) -> None:
        if self.broken is not None:
            return
        status, code, words = answer
        told: dict[str, object] = {
            "step": step,
            "row": row,
            "key": key,
            "kind": kind,
            "status": status,
            "code": code,
            "words": words,
            "reason": reason,
            "fields": {name: _plain(value) for name, value in fields.items()},
        }
        try:
            line = dump_json(told)
        except (TypeError, ValueError):
            told["fields"] = {}
            line = dump_json(told)
        if origin is not None:
            digest = digest_of_fields(load_json(line)) if origin.digest is None else origin.digest
            line = dump_json({**told, "origin": {"key": origin.key, "digest": digest}})
        self._guarded(lambda: self._line(line))

    def _line(self, line: bytes) -> None:
        if self._file is None:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=1 << 16)
        self._file.write(line + b"\n")
        self.written += 1

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            self.broken = (
                f"{self._path} could not be written ({error.strerror}). Nothing is lost: the journals of the "
                "run know the rows; make room and go on with the run, which writes the file anew"
            )


def read_rejects(path: Path) -> Iterator[Mapping[str, JsonValue]]:
    """Read the lines of a file.

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: a line is no JSON object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                told = load_json(line)
            except ValueError:
                told = None
            if not isinstance(told, dict):
                raise ConfigurationError(
                    f"Line {number:,} of {path} is no JSON object: mend it, or delete the line"
                )
            yield told


def digest_of_fields(line: JsonValue) -> str:
    """Return what tells the fields of a line from others, in whatever order they stand."""
    fields = line.get("fields") if isinstance(line, dict) else None
    written = json.dumps(fields, sort_keys=True)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(value: object) -> object:
    """Return a value as JSON, with nothing in the place of one that could not be sent."""
    return None if isinstance(value, BadValue) else value
