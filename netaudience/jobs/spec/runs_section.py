"""The table [runs] of a job file: where runs are kept, how many and how long, and whose they are."""

from __future__ import annotations

import re

from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import LEASE

RUNS = ("folder", "keep", "keep_days", "patience", "lease")
#: A folder in an object store.
_STORE = re.compile(r"(?:s3|s3a|gs|az|abfs|abfss)://[A-Za-z0-9._@-]+(?:/[A-Za-z0-9._/=-]*)?")
_SHORTEST = 3


def folder_of(runs: Section) -> tuple[str | None, str | None]:
    """Return the folder that runs are kept in, or the object store."""
    folder = runs.text("folder")
    if folder is None or "://" not in folder:
        return folder, None
    if not _STORE.fullmatch(folder):
        runs.wrong(
            "folder",
            "folder must be a path, or name a bucket and a folder in it without anything secret: "
            'folder = "s3://bucket/nightly", or gs:// or az://',
        )
        return None, None
    return None, folder.rstrip("/")


def lease_of(runs: Section, store: str | None) -> float:
    """Return the seconds after which a run that gives no sign of life is another's to go on with."""
    lease = runs.number("lease")
    if lease is None:
        return LEASE
    if store is None:
        runs.wrong(
            "lease", 'lease is for a folder in an object store: leave it out, or say folder = "s3://…"'
        )
    elif lease < _SHORTEST:
        runs.wrong("lease", f"lease must be {_SHORTEST} seconds or more: a store may be away for a moment")
    return lease
