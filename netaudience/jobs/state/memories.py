"""Which file remembers what a step has delivered: one for each account and address of a server.

A run against a test account says nothing of the real one. Where a memory is there that may be of the same
account, for the key or the base URL alone is another, somebody has to say whether it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Literal, TypeAlias

from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs.state.run_folder import file_name

Home: TypeAlias = tuple[str, str]
"""What tells a server and an account from others, without showing them."""
SameAccount: TypeAlias = Literal["same", "other"]
"""Whether an account that is not known by this key or base URL is one that is."""
Form: TypeAlias = Literal["duckdb", "spark"]
"""Who keeps what was delivered: this package in a file, or a cluster in a folder of Parquet."""


def _path(folder: Path, step: str, home: Home, form: Form) -> Path:
    server, account = home
    return folder / "snapshots" / f"{file_name(step)}@{server}-{account}.{form}"


def _memories(folder: Path, step: str, form: Form) -> list[Path]:
    """Return all memories of a step, that which was used last at the end."""
    found: list[tuple[int, Path]] = []
    for path in (folder / "snapshots").glob(f"{escape(file_name(step))}@*-*.{form}"):
        with suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _alike(paths: Sequence[Path], home: Home) -> list[Path]:
    """Return memories of another account of the same server, or of the same account at another one."""
    homes = [tuple(path.stem.rpartition("@")[2].split("-", 1)) for path in paths]
    return [path for path, other in zip(paths, homes, strict=True) if set(home) & set(other)]


def find_memory(
    folder: Path, step: str, home: Home, answer: SameAccount | None, *, form: Form = "duckdb"
) -> Path:
    """Return the file that remembers what a step has delivered to an account, which need not be there yet.

    Args:
        folder: The job's folder, which nobody else uses.
        step: The step's name.
        home: The server and the account.
        answer: What the caller says of an account that is not known.
        form: A file of DuckDB, or a folder of a cluster's.

    Raises:
        GuardRefused: it may be one that is, by another key or base URL.
        ConfigurationError: the step was carried the other way before.
    """
    own = _path(folder, step, home, form)
    other: Form = "spark" if form == "duckdb" else "duckdb"
    if _memories(folder, step, other):
        before, now = ("on Spark", "without it") if other == "spark" else ("without Spark", "on it")
        raise ConfigurationError(
            f"{step} was carried {before} so far, and what was delivered {now} would not be known there: go "
            "on as before, or give the job another folder, whose first run sends all rows; nothing was sent"
        )
    alike = [] if own.exists() else _alike(_memories(folder, step, form), home)
    if not alike or answer == "other":
        return own
    if answer is None:
        raise GuardRefused(
            f"{step} remembers what it has delivered with another key, or at another base URL, and the rest "
            "is as it was. Say --account same if it is the same account by a new key or address, which goes "
            "on with what is known, or --account other if it is another one, which is sent all rows; nothing "
            "was sent"
        )
    alike[-1].rename(own)
    log = alike[-1].with_name(f"{alike[-1].name}.wal")
    with suppress(FileNotFoundError):
        log.rename(own.with_name(f"{own.name}.wal"))
    return own


def memory_to_plan_with(folder: Path, step: str, home: Home | None) -> Path | None:
    """Return the memory that a plan compares with: the account's own, or else the last that may be it.

    Args:
        folder: The job's folder.
        step: The step's name.
        home: The server and the account; None where nobody has said which.
    """
    known = _memories(folder, step, "duckdb")
    if home is None:
        return known[-1] if known else None
    own = _path(folder, step, home, "duckdb")
    alike = [own] if own in known else _alike(known, home)
    return alike[-1] if alike else None
