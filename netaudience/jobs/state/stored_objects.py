"""The objects in which a job's state is kept: files that are written once, and one that names them.

``state.json`` is only written where it still is what the writer has read. It holds a `StoredState`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.objects import open_store
from netaudience.jobs.connectors.packages import need
from netaudience.model.wire import dump_json, load_json, structure

_FORMAT = "netaudience state 1"
_ROOT = re.compile(r"([a-z0-9]+://[^/]+)/?(.*)")
#: How often a lease is renewed in its time.
BEATS = 6
REMEDY = "look at its name, and at the store's variables (AWS_…, GOOGLE_… or AZURE_…) for the access to it"


@attrs.frozen(kw_only=True)
class StoredFile:
    """One file of a generation."""

    #: The object's name below ``files/``; nobody else ever writes one of that name.
    object: str
    size: int
    #: The local file's time of change; 0 where the object is a copy of one that was being written.
    changed: int
    digest: str


@attrs.define(kw_only=True)
class StoredState:
    """What ``state.json`` holds."""

    job: str
    #: Counts those who have taken the job.
    epoch: int = 0
    #: Who holds it, for people; empty where nobody does.
    holder: str = ""
    #: What tells that holder, and the folder he worked in, from all others.
    token: str = ""
    #: Counts the renewals, so that each writes another object.
    beat: int = 0
    generation: int = 0
    saved: str = ""
    files: dict[str, StoredFile] = attrs.field(factory=dict[str, StoredFile])
    format: str = _FORMAT


class Lost(Exception):
    """Somebody else has written the object meanwhile."""


class StoredObjects:
    """The objects of one job."""

    def __init__(self, url: str, job: str, lease: float) -> None:
        found = _ROOT.fullmatch(url)
        assert found is not None  # noqa: S101 - a job file is held to it
        root, path = found.groups()
        self.url = url
        self._job = job
        self._prefix = path.rstrip("/") + "/" if path.rstrip("/") else ""
        self._obstore = need("obstore", "'netaudience[objects]'", "A folder in an object store")
        self._errors = need("obstore.exceptions", "'netaudience[objects]'", "A folder in an object store")
        limit = timedelta(seconds=max(2.0, lease / BEATS))
        self._store = open_store(root, retry_config={"max_retries": 3, "retry_timeout": limit})

    def read(self) -> tuple[StoredState | None, Mapping[str, str]]:
        """Read who holds the job and what is there, and what its next writing must find.

        Raises:
            ConfigurationError: the store cannot be read, or it holds something else.
        """
        try:
            answer = self._obstore.get(self._store, self._prefix + "state.json")
            body, meta = bytes(answer.bytes()), answer.meta
        except FileNotFoundError:
            return None, {}
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises
            raise self._unreachable(error) from None
        try:
            state = structure(load_json(body), StoredState)
        except ValueError as error:
            raise ConfigurationError(
                f"state.json in {self.url} is none of netaudience's, or it is damaged: name another folder"
            ) from error
        if state.format != _FORMAT:
            raise ConfigurationError(
                f"The state in {self.url} was written by another version of netaudience ({state.format}): "
                "go on with that version, or name another folder"
            )
        if state.job != self._job:
            raise ConfigurationError(
                f"{self.url} holds the state of the job {state.job!r}: give each job a folder of its own"
            )
        return state, _version(meta)

    def write(self, state: StoredState, version: Mapping[str, str]) -> Mapping[str, str]:
        """Write ``state.json`` where it still is what was read.

        Raises:
            Lost: it is not.
            Exception: the store cannot be written.
        """
        name, body = self._prefix + "state.json", dump_json(attrs.asdict(state))
        mode: object = dict(version) if version else "create"
        try:
            return _version(self._obstore.put(self._store, name, body, mode=mode))
        except (self._errors.AlreadyExistsError, self._errors.PreconditionError):
            # A writing that was repeated because its answer was lost finds what it has written itself.
            found, now = self.read()
            if found is not None and (found.token, found.beat) == (state.token, state.beat):
                return now
            raise Lost from None

    def check_conditions(self) -> None:
        """Make sure that the store refuses to write what is there already, and what is not as it was read.

        Some know the one condition and not the other.

        Raises:
            ConfigurationError: it writes all the same.
        """
        name, own = f"{self._prefix}files/condition", secrets.token_bytes(8)
        before = _version(self._obstore.put(self._store, name, own + b"1"))
        self._obstore.put(self._store, name, own + b"2")
        conditions: dict[str, object] = {"If-None-Match": "create", "If-Match": dict(before)}
        for condition, mode in conditions.items():
            with suppress(self._errors.AlreadyExistsError, self._errors.PreconditionError):
                self._obstore.put(self._store, name, own, mode=mode)
                raise ConfigurationError(
                    f"The store of {self.url} overwrites what it has to leave ({condition}), so "
                    "nothing would keep two machines apart: name a folder in a store that keeps to it"
                )

    def put(self, name: str, path: Path) -> None:
        """Write an object that nobody writes over."""
        self._obstore.put(self._store, f"{self._prefix}files/{name}", path)

    def get(self, file: StoredFile, to: Path) -> None:
        """Read an object into a file.

        Raises:
            FileNotFoundError: it is gone, for there is a newer generation.
            ConfigurationError: it is not what was written.
        """
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = hashlib.sha256()
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            for chunk in self._obstore.get(self._store, f"{self._prefix}files/{file.object}").stream():
                digest.update(chunk)
                out.write(chunk)
        if digest.hexdigest() != file.digest:
            raise ConfigurationError(
                f"{file.object} in {self.url} is not what was written there: put the bucket back as it was, "
                "or name another folder, which sends all rows"
            )
        os.utime(to, ns=(file.changed or time.time_ns(), file.changed or time.time_ns()))

    def drop(self, names: list[str]) -> None:
        """Take away what no generation names any more; what stays is taken away later."""
        with suppress(Exception):
            if names:
                self._obstore.delete(self._store, [f"{self._prefix}files/{name}" for name in names])

    def names(self) -> Iterator[str]:
        """Give the names of all objects that files were written into."""
        root = f"{self._prefix}files/"
        for metas in self._obstore.list(self._store, root):
            yield from (str(meta["path"]).removeprefix(root) for meta in metas)

    def _unreachable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"The state in {self.url} cannot be read ({type(error).__name__}): {REMEDY}"
        )


def epoch_of(name: str) -> int:
    """Return who has written an object; a name that is none of ours is as of nobody."""
    first = name.partition("-")[0]
    return int(first) if first.isdecimal() else 1 << 62


def _version(meta: Any) -> Mapping[str, str]:  # noqa: ANN401 - obstore's
    return {name: str(meta[name]) for name in ("e_tag", "version") if meta.get(name) is not None}
