"""Files in an object store (S3, GCS, Azure): found by name, and copied to where they are read as files are.

Credentials are those that the environment holds for the store (``AWS_…``, ``GOOGLE_…``, ``AZURE_…``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.connectors.telling import telling_of

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss")
_NAME = re.compile(rf"({'|'.join(SCHEMES)})://([^/]+)/?(.*)")
_SIGNS = re.compile(r"[*?\[]")
_REMEDY = "look at its name, and at the store's variables (AWS_…, GOOGLE_… or AZURE_…) for the access to it"


@attrs.frozen
class Copied:
    """An object that was copied into a file."""

    #: Its name, relative to where it was copied to.
    path: str
    #: What tells its content from another.
    version: str


def is_object(name: str) -> bool:
    """Return whether a name is that of an object in a store."""
    return _NAME.fullmatch(name) is not None


def open_store(root: str, **options: object) -> Any:  # noqa: ANN401 - obstore's
    """Open a store by the URL of its bucket.

    Args:
        root: The URL.
        options: What its client is told besides.

    Raises:
        ConfigurationError: the package is missing.
    """
    module = need("obstore.store", "'netaudience[objects]'", "A file in an object store")
    allowed = {"client_options": {"allow_http": True}} if root.startswith("s3") else {}
    return module.from_url(root, **allowed, **options)


def copy_objects(pattern: str, to: Path, stop: Stop) -> list[Copied]:
    """Copy the objects that a pattern names, in the order of their names.

    Args:
        pattern: A URL whose path may hold ``*``, ``?`` and ``[…]``; of stars only two go beyond a slash.
        to: The folder that they are copied to, by their own names.
        stop: Ends the copying.

    Raises:
        ConfigurationError: it names none, or the store does not let them be read.
        SourceFailed: the copying was ended.
    """
    copied: list[Copied] = []
    obstore, store, found = _found(pattern, stop)
    with telling_of(f"{pattern} cannot be read", stop, key="files", remedy=_REMEDY):
        for meta in found:
            stop.check()
            target = to / str(meta["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            answer = obstore.get(store, meta["path"])
            with target.open("wb") as file:
                for chunk in answer.stream():
                    stop.check()
                    file.write(chunk)
            answered = answer.meta
            copied.append(Copied(str(meta["path"]), str(answered.get("e_tag") or answered["last_modified"])))
    if not copied:
        raise ConfigurationError(f"{pattern} names no object: look at the bucket and the path", key="files")
    return copied


def find_objects(pattern: str, stop: Stop) -> list[str]:
    """Return the names of the objects that a pattern names; nothing is copied.

    Args:
        pattern: As `copy_objects` takes it.
        stop: Ends the looking.

    Raises:
        ConfigurationError: the store does not let itself be asked.
        SourceFailed: the looking was ended.
    """
    _, _, found = _found(pattern, stop)
    return [str(meta["path"]) for meta in found]


def _found(pattern: str, stop: Stop) -> tuple[Any, Any, list[Any]]:
    """Return what reads objects, their store, and what that tells of them, in the order of their names."""
    name = _NAME.fullmatch(pattern)
    if name is None:
        raise ConfigurationError(f"{pattern} is no name in an object store", key="files")
    scheme, bucket, path = name.groups()
    obstore = need("obstore", "'netaudience[objects]'", "A file in an object store")
    with telling_of(f"{pattern} cannot be read", stop, key="files", remedy=_REMEDY):
        store = open_store(f"{scheme}://{bucket}")
        return obstore, store, sorted(_matching(obstore, store, path), key=lambda one: str(one["path"]))


def _matching(obstore: Any, store: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - obstore's
    if not _SIGNS.search(path):
        try:
            yield obstore.head(store, path)
        except FileNotFoundError:
            return
        return
    wanted = re.compile(_pattern(path))
    prefix = _SIGNS.split(path)[0].rpartition("/")[0]
    for metas in obstore.list(store, prefix or None):
        yield from (meta for meta in metas if wanted.fullmatch(str(meta["path"])))


def _pattern(path: str) -> str:
    """Return a pattern of names as a regular expression."""
    signs = {"*": "[^/]*", "?": "[^/]", "**/": "(?:[^/]+/)*"}
    parts = re.split(r"(\*\*/|\*|\?|\[!?[^\]]+\])", path)
    return "".join(
        signs.get(
            part, part.replace("[!", "[^") if part.startswith("[") and len(part) > 1 else re.escape(part)
        )
        for part in parts
    )
