"""Evidence of what was done for whom: a file of receipts, chained and sealed, that names nobody.

A person is in it as an HMAC with the controller's own key, so only who holds the key can say whose a receipt
is. Each line has the SHA-256 of the line before it, so that none can be taken out unseen, and a seal by the
key, so that none can be written anew. What is missing at the end is seen by a second file, the count.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

from netaudience.credentials import optional
from netaudience.engine.lease import FileLock
from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.state.run_folder import replace
from netaudience.model.wire import JsonValue, load_json
from netaudience.plurals import many
from netaudience.verbs.people import Person
from netaudience.verbs.subject import Columns, same

_FORMAT = "netaudience receipt 1"
_FIRST = "0" * 64
#: Letters of a key: a short one can be found by trying.
_SHORTEST = 32
#: How a key is made.
HOW = "make one with: openssl rand -hex 32"

Line = dict[str, Any]
"""One line of the file."""


class Key:
    """The controller's own key; it is shown nowhere."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        """Take a key.

        Raises:
            ConfigurationError: it is so short that it can be found by trying.
        """
        if len(key) < _SHORTEST:
            raise ConfigurationError(f"The key of receipts must have {_SHORTEST} characters at least: {HOW}")
        self._key = key.encode()

    def __repr__(self) -> str:
        return "<Key>"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Key | None:
        """Return the key of ``NETAUDIENCE_RECEIPTS_KEY``, or of the file that ``…_FILE`` names, if it is set.

        Raises:
            ConfigurationError: it cannot be read, or is too short.
        """
        key = optional("receipts", "key", environ)
        return None if key is None else cls(key)

    def subject(self, kind: str, value: str) -> str:
        """Return what stands for somebody's id in receipts.

        Args:
            kind: ``id``, ``email``, ``phone``, ``VENDOR_id`` or ``VENDOR_device``.
            value: The id; in whatever case an address is, and however a number is grouped, it is the same.
        """
        return self._mac(f"subject\0{kind}\0{same(kind, value)}".encode())

    def person(self, person: Person, columns: Columns) -> dict[str, str]:
        """Return what stands for a person, by all that the person is known by."""
        return {
            kind: self.subject(kind, person.known_by[column])
            for kind, column in columns.named().items()
            if column in person.known_by
        }

    def subject_in(self, lines: Iterable[Line], known_by: Mapping[str, str]) -> dict[str, str]:
        """Return what stands for a person in receipts; an id may be the one at all vendors, or at one.

        Args:
            lines: The receipts.
            known_by: What the person is known by.
        """
        kinds = {kind for line in lines for kind in line["subject"]}
        return {
            kind: self.subject(kind, value)
            for name, value in known_by.items()
            for kind in kinds
            if kind == name or (name == "id" and kind.endswith("_id"))
        }

    def seal(self, body: bytes) -> str:
        """Return what nobody can write without the key."""
        return self._mac(b"seal\0" + body)

    def _mac(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


class Receipts:
    """A file of receipts that lines are added to. It is one process's while it is open."""

    def __init__(self, path: Path, key: Key) -> None:
        """Open or make the file, and look whether it is whole.

        Raises:
            ConfigurationError: another process has it, or something in it was changed.
            JournalFailed: it cannot be read or written.
        """
        self.path = path
        self.key = key
        self._lock = FileLock(path.with_name(f"{path.name}-lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            free = self._lock.take()
        except OSError as error:
            raise JournalFailed(f"{path} cannot be written: {error.strerror}") from error
        if not free:
            raise ConfigurationError(f"Another process writes to {path}: wait until it is over")
        try:
            self._drop_torn_line()
            _refuse(path, check_receipts(path, key))
            self.lines = list(read_receipts(path))
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Receipts {self.path.name}: {len(self.lines):,} lines>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes write."""
        self._lock.release()

    def add(self, records: Iterable[Mapping[str, JsonValue]]) -> list[Line]:
        """Add lines, and return them as they stand there; they are on the disk then.

        Raises:
            JournalFailed: they cannot be written.
        """
        previous = _digest(_bytes(self.lines[-1])) if self.lines else _FIRST
        added: list[Line] = []
        for one in records:
            line: Line = {"format": _FORMAT, **one, "previous": previous}
            line["seal"] = self.key.seal(_bytes(line))
            previous = _digest(_bytes(line))
            added.append(line)
        if not added:
            return added
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(b"".join(_bytes(line) + b"\n" for line in added))
                file.flush()
                os.fsync(file.fileno())
            self.lines += added
            head = {"lines": len(self.lines), "last": previous}
            replace(_head(self.path), _bytes({**head, "seal": self.key.seal(_bytes(head))}))
        except OSError as error:
            raise JournalFailed(f"The receipts {self.path} cannot be written: {error.strerror}") from error
        return added

    def _drop_torn_line(self) -> None:
        """Take away what a process that was killed has written of a line."""
        try:
            body = self.path.read_bytes()
        except FileNotFoundError:
            return
        if body and not body.endswith(b"\n"):
            os.truncate(self.path, body.rfind(b"\n") + 1)


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise ConfigurationError(
            f"{problems[0]}. Nothing is added to {path}: find out what happened to it, or name another file; "
            "nothing was sent"
        )


def read_receipts(path: Path) -> Iterator[Line]:
    """Give the lines of a file of receipts.

    Raises:
        ConfigurationError: there is no such file, or a line is none.
    """
    for number, line in enumerate(_lines(path), 1):
        parsed = _line(line)
        if parsed is None:
            raise ConfigurationError(f"Line {number:,} of {path} is no receipt")
        yield parsed


def check_receipts(path: Path, key: Key | None) -> list[str]:
    """Return what is wrong with a file of receipts, in a sentence each; nothing where it is whole.

    Args:
        path: The file.
        key: The controller's key; without it anybody can have written the whole file anew.

    Raises:
        ConfigurationError: it cannot be read.
    """
    problems: list[str] = []
    previous = _FIRST
    count = 0
    digests: list[str] = []
    for count, line in enumerate(_lines(path), 1):
        parsed = _line(line)
        if parsed is None:
            problems.append(f"Line {count:,} of {path} is no receipt")
            previous = _digest(line)
            digests.append(previous)
            continue
        if parsed.get("previous") != previous:
            problems.append(f"Before line {count:,} of {path} something was taken out, put in or changed")
        if key is not None and not _sealed(parsed, key):
            problems.append(f"Line {count:,} of {path} was changed, or was written with another key")
        previous = _digest(line)
        digests.append(previous)
    return [*problems, *_check_head(path, key, count, digests)]


def _check_head(path: Path, key: Key | None, count: int, digests: Sequence[str]) -> Iterator[str]:
    """Say what the count of lines tells: whether any is missing at the end."""
    try:
        body = _head(path).read_bytes()
    except FileNotFoundError:
        if count:
            yield f"{_head(path)} is missing, so nobody knows whether lines at the end of {path} are"
        return
    except OSError as error:
        raise ConfigurationError(f"{_head(path)} cannot be read: {error.strerror}") from error
    head = _line(body)
    if head is None or not isinstance(head.get("lines"), int):
        yield f"{_head(path)} is damaged"
        return
    if key is not None and not _sealed(head, key):
        yield f"{_head(path)} was changed, or was written with another key"
    lines: int = head["lines"]
    # A process that was killed may have added lines without counting them; none can be fewer.
    if lines > count:
        yield f"{lines - count:,} of {many(lines, 'line')} are missing at the end of {path}"
    elif lines and digests[lines - 1] != head.get("last"):
        yield f"Line {lines:,} of {path} is not the one that was counted"


def _sealed(line: Line, key: Key) -> bool:
    rest = {name: value for name, value in line.items() if name != "seal"}
    return hmac.compare_digest(str(line.get("seal")), key.seal(_bytes(rest)))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _line(line: bytes) -> Line | None:
    try:
        parsed = load_json(line)
    except ValueError:
        return None
    return cast("Line", parsed) if isinstance(parsed, dict) else None


def _head(path: Path) -> Path:
    return path.with_name(f"{path.name}.head")


def _bytes(record: Mapping[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
