"""Jobs: a source, one or more operations over its rows, and what stops them.

::

    summary = Job.load(Path("nightly.toml")).run()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaudience.jobs.job import Job
    from netaudience.jobs.notify.events import Ended
    from netaudience.jobs.report.lineage import Lineage

__all__ = ["Ended", "Job", "Lineage"]

_HOMES = {
    "Ended": "netaudience.jobs.notify.events",
    "Job": "netaudience.jobs.job",
    "Lineage": "netaudience.jobs.report.lineage",
}


def __getattr__(name: str) -> object:
    """Import the public name when it is first asked for: a part of a job needs not all of it."""
    if name in _HOMES:
        found: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
