"""What is wrong with a file that cannot be used: told by types and by asking the system, never by words."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Literal, TypeAlias

from netaudience.jobs.columns.duckdb import import_duckdb
from netaudience.model.memory import MORE_MEMORY, lacks_memory

Cause: TypeAlias = Literal["in use", "rights", "space", "memory", "handles", "damaged", "unknown"]

_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}
_SPACE = {errno.ENOSPC, errno.EDQUOT}
_HANDLES = {errno.EMFILE, errno.ENFILE}
#: Where less than this is left on a disk, a database cannot write.
_LEAST_SPACE = 2_000_000
_SQLITE: dict[int, Cause] = {
    sqlite3.SQLITE_BUSY: "in use",
    sqlite3.SQLITE_LOCKED: "in use",
    sqlite3.SQLITE_PERM: "rights",
    sqlite3.SQLITE_READONLY: "rights",
    sqlite3.SQLITE_AUTH: "rights",
    sqlite3.SQLITE_FULL: "space",
    sqlite3.SQLITE_NOMEM: "memory",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}


def cause_of(error: BaseException, path: Path, *, is_ours: bool = True) -> Cause:
    """Return why a database's file cannot be used.

    Args:
        error: What SQLite, DuckDB or the system has raised.
        path: The file.
        is_ours: Whether this process has it open. Its lock, which another opening would end, is not asked
            for then.
    """
    duckdb = import_duckdb()
    if lacks_memory(error):
        return "memory"
    if isinstance(error, sqlite3.Error):
        cause = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if cause is not None:
            return cause
    found = _of_number(getattr(error, "errno", None)) or _asked(path, is_ours=is_ours)
    if found is not None:
        return found
    if isinstance(error, duckdb.ConnectionException):
        return "in use"  # by this process
    damage = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
    # A checksum that is wrong has no type of its own; a file that is no database fails to be opened.
    if type(error) is duckdb.Error or isinstance(error, damage) or _is_none(path):
        return "damaged"
    # Some damage to what was written last shows as a failure to read, though the system reads all of it.
    if isinstance(error, duckdb.IOException) and not is_ours and _can_be_read(log_of(path)):
        return "damaged"
    return "unknown"


def sentence_of(cause: Cause, name: str, *, remembers: str, lost: str) -> str:
    """Return what is wrong, and what to do that makes nothing worse.

    Args:
        cause: Why the file cannot be used.
        name: The file.
        remembers: What it remembers.
        lost: What comes of it where it is lost.
    """
    safe = "what it remembers is safe, so leave it where it is"
    match cause:
        case "in use":
            return f"{name} is in use by another process: a job runs once at a time"
        case "rights":
            return f"{name} may not be read or written by this user: look at its owner and its rights; {safe}"
        case "space":
            return f"{name} cannot be written, for its disk is full: make room; {safe}"
        case "memory":
            return f"There is not enough memory for {name}: {MORE_MEMORY}; {safe}"
        case "handles":
            return f"{name} cannot be opened, for too many files are open: raise ulimit -n; {safe}"
        case "damaged":
            return (
                f"{name}, which remembers {remembers}, is damaged: put back a copy of it, if there is one. "
                f"Else move it away, and keep it: {lost}"
            )
        case "unknown":
            return f"{name} cannot be used, and the system does not say why: try again; {safe}"


def _of_number(number: int | None) -> Cause | None:
    if number in _RIGHTS:
        return "rights"
    if number in _SPACE:
        return "space"
    if number in _HANDLES:
        return "handles"
    return "memory" if number == errno.ENOMEM else None


def _asked(path: Path, *, is_ours: bool) -> Cause | None:
    """Ask the system about a file."""
    there = path.exists()
    files = [one for one in (path, log_of(path)) if one.exists()]
    if not all(os.access(one, os.R_OK | os.W_OK) for one in files or [path.parent]):
        return "rights"
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return _of_number(error.errno)
    if there and not is_ours and _locked(path):
        return "in use"
    return "space" if shutil.disk_usage(path.parent).free < _LEAST_SPACE else None


def log_of(path: Path) -> Path:
    """Return the file beside a database of DuckDB's that holds what was written last."""
    return path.with_name(f"{path.name}.wal")


def _can_be_read(path: Path) -> bool:
    try:
        return path.stat().st_size == len(path.read_bytes())
    except OSError:
        return False


def _locked(path: Path) -> bool:
    """Return whether another process has a file; one that this process has would be given free."""
    try:
        import fcntl  # noqa: PLC0415 - not everywhere
    except ImportError:
        return False
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _is_none(path: Path) -> bool:
    """Return whether a file that is there does not begin as DuckDB's do."""
    try:
        with path.open("rb") as file:
            return path.exists() and file.read(12)[8:] != b"DUCK"
    except OSError:
        return False
