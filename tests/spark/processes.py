"""What processes have started, and a wait for what they do."""

from __future__ import annotations

import time
from pathlib import Path


def children(of):
    """Return the processes that a process has started, and theirs."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, left = set(), {of}
    while left:
        left = {child for child, parent in parents.items() if parent in left} - found
        found |= left
    return found


def workers(of):
    """Return Python's workers among the processes that a process has started."""
    mine = children(of)
    daemons = {pid for pid in mine if b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    return {pid for daemon in daemons for pid in children(daemon)}


def wait_until(holds, seconds=120.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "It did not come to that"
        time.sleep(0.02)
