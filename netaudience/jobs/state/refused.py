"""Runs that were refused before they had a folder: kept beside the runs, so that no night is missing.

A list that cannot be read or written hinders nobody: the refusal itself was shown where the run was started.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import attrs

from netaudience.errors import NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode, of_error
from netaudience.jobs.state.run_folder import private_folder, replace
from netaudience.model.wire import dump_json, load_json, structure

#: Refusals that are kept of a job.
_KEPT = 100


@attrs.frozen(kw_only=True)
class Refused:
    """A run that was refused; nothing was sent."""

    job: str
    #: When, in UTC.
    time: str
    #: Why, in a sentence.
    reason: str
    #: The exit code of the process.
    exit_code: int


def remember_refused(folder: Path, job: str, error: Exception) -> None:
    """Write down that a run was refused."""
    reason, code = f"netaudience broke down ({type(error).__name__})", ExitCode.FAILED
    if isinstance(error, NetaudienceError):
        reason, code = str(error), of_error(error)
    # Later than a run that began in the same second, whose time is whole seconds.
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    refused = Refused(job=job, time=time, reason=reason, exit_code=code)
    kept = [*refused_runs(folder), refused][-_KEPT:]
    with contextlib.suppress(OSError):
        private_folder(folder)
        replace(_path(folder), b"".join(dump_json(attrs.asdict(one)) + b"\n" for one in kept))


def refused_runs(folder: Path) -> list[Refused]:
    """Return the runs of a job that were refused, the oldest first."""
    try:
        lines = _path(folder).read_bytes().splitlines()
        return [structure(load_json(line), Refused) for line in lines]
    except (OSError, ValueError):
        return []


def _path(folder: Path) -> Path:
    return folder / "refused.jsonl"
