"""A job's folder as a copy of what a store holds: which files go there, and how they come back."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.state.run_folder import private_folder, replace
from netaudience.jobs.state.stored_objects import StoredFile, StoredObjects, StoredState
from netaudience.model.wire import dump_json, load_json, structure

#: What is of one machine and one process alone, or half written.
_LOCAL = re.compile(
    r"lock\.sqlite.*|store\.sqlite.*|store\.json|running\.json|\.gitignore|.*(-lock|-shm|-wal|-count|\.part)"
)
_BLOCK = 1 << 20
_ALL = 1 << 62


@attrs.frozen(kw_only=True)
class Here:
    """What a local folder remembers of the store."""

    #: With which of these the store holds nothing that the folder has not.
    tokens: tuple[str, ...] = ()
    #: The generation that was only looked at, as ``epoch.generation``.
    copied: str = ""


def bring(objects: StoredObjects, state: StoredState, folder: Path) -> None:
    """Make a folder what a generation holds: all of it is there before anything of it takes a place.

    Raises:
        OSError: an object is gone, or the folder cannot be written.
    """
    write_here(folder, Here())  # until all of it is there
    part = folder / "store.part"
    shutil.rmtree(part, ignore_errors=True)
    private_folder(part)
    for name, file in state.files.items():
        objects.get(file, part / _checked(name, objects.url))
    for name, path in list(local_files(folder)):
        if name not in state.files:
            path.unlink(missing_ok=True)
    for name in state.files:
        target = folder / name
        private_folder(target.parent)
        for beside in ("-wal", "-shm", "-count"):  # of the file that was there
            target.with_name(target.name + beside).unlink(missing_ok=True)
        (part / name).replace(target)
    for run in (folder / "runs").glob("*"):
        if run.is_dir() and not any(name.startswith(f"runs/{run.name}/") for name in state.files):
            shutil.rmtree(run, ignore_errors=True)
    shutil.rmtree(part, ignore_errors=True)


def local_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of a job's folder that other machines need."""
    found = [*folder.glob("*"), *(folder / "snapshots").glob("*"), *(folder / "runs").glob("*/**/*")]
    for path in sorted(found):
        if path.is_file() and not path.is_symlink() and not _LOCAL.fullmatch(path.name):
            name = path.relative_to(folder).as_posix()
            if ".part/" not in name and ".tmp/" not in name:
                yield name, path


def is_as_known(path: Path, known: StoredFile) -> bool:
    """Return whether a local file is what an object holds, as far as its size and time tell."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    beside = path.with_name(f"{path.name}-wal")
    return (stat.st_size, stat.st_mtime_ns) == (known.size, known.changed) and not beside.exists()


def copy_journal(path: Path, to: Path) -> None:
    """Copy a journal that is open; nobody holds the copy.

    What is sent after it was copied is not in it. So whoever goes on from the copy has all that is not
    settled there as what was being sent: reported as in doubt where it must not be repeated, else sent once
    more.
    """
    to.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as source,
        closing(sqlite3.connect(to, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("DELETE FROM lease")
        copy.execute("INSERT INTO sending (start, stop) VALUES (0, ?)", (_ALL,))
        copy.execute("UPDATE written SET closed = 1")  # the count beside it is of another file


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_here(folder: Path) -> Here:
    """Read what a folder remembers of the store; nothing where it has never seen it."""
    try:
        return structure(load_json((folder / "store.json").read_bytes()), Here)
    except (OSError, ValueError):
        return Here()


def write_here(folder: Path, here: Here) -> None:
    """Remember it."""
    replace(folder / "store.json", dump_json(attrs.asdict(here)))


def _checked(name: str, url: str) -> str:
    if name.startswith("/") or ".." in Path(name).parts or _LOCAL.fullmatch(Path(name).name):
        raise ConfigurationError(f"state.json in {url} names files that no run writes: name another folder")
    return name
