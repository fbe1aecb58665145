"""What of a run's end is worth an alert: a failure, a guard, new rejects, and that all is well again.

Where all is well, and was before, nobody is told. What was reported last stands beside the runs, so that a
run that is looked at again is reported once.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from netaudience.errors import NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode, of_error
from netaudience.jobs.spec.model import Share
from netaudience.jobs.state.run_folder import private_folder, replace
from netaudience.jobs.state.summary import Summary
from netaudience.model.wire import dump_json, load_json, structure

Event: TypeAlias = Literal["failure", "guard", "rejects", "recovery", "nothing"]


@attrs.frozen(kw_only=True)
class Ended:
    """A run that has ended, or was refused: what a hook is given."""

    job: str
    #: What an alert is about: ``failure``, ``guard``, ``rejects``, ``recovery``, or ``nothing``.
    event: Event
    #: What became of every row; None where the run was refused, and nothing was sent.
    summary: Summary | None = None
    #: Why it was refused.
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """True when every row was delivered, or is at the vendor as it is."""
        return self.summary is not None and self.summary.ok

    @property
    def exit_code(self) -> int:
        """The exit code of the process."""
        if self.summary is not None:
            return int(self.summary.exit_code)
        return int(of_error(self.error) if isinstance(self.error, NetaudienceError) else ExitCode.FAILED)

    @property
    def run(self) -> str:
        """The run's id; empty where it was refused."""
        return "" if self.summary is None else self.summary.run

    def sentences(self) -> list[str]:
        """Say what happened, and what to do."""
        if self.summary is not None:
            return self.summary.sentences()
        if isinstance(self.error, NetaudienceError):
            return [*str(self.error).splitlines(), "Nothing was sent."]
        return [f"netaudience broke down ({type(self.error).__name__}): please report it. Nothing was sent."]

    @classmethod
    def of_summary(cls, summary: Summary, last: LastNotice, new_rejects: Share) -> Ended:
        """Judge a run by its summary."""
        return cls(job=summary.job, event=_event_of(summary, last, new_rejects), summary=summary)

    @classmethod
    def of_error(cls, job: str, error: Exception) -> Ended:
        """Judge a run that was refused."""
        guarded = isinstance(error, NetaudienceError) and of_error(error) == ExitCode.GUARDED
        return cls(job=job, event="guard" if guarded else "failure", error=error)


@attrs.frozen(kw_only=True)
class LastNotice:
    """What was told of the last run."""

    #: What is amiss since then; ``nothing`` where all was well.
    amiss: str = "nothing"
    run: str = ""
    attempt: int = 0


def _event_of(summary: Summary, last: LastNotice, new_rejects: Share) -> Event:
    if (last.run, last.attempt) == (summary.run, summary.attempts):
        return "nothing"
    if summary.exit_code == ExitCode.GUARDED:
        return "guard"
    if summary.exit_code not in {ExitCode.DELIVERED, ExitCode.UNDELIVERED}:
        return "failure"
    if any(step.undelivered - step.rejected for step in summary.steps):
        return "failure"
    # Sent again are rows that were told of before.
    new = 0 if summary.again is not None else sum(step.rejected - step.known for step in summary.steps)
    if new_rejects.exceeded(new, sum(step.total for step in summary.steps)):
        return "rejects"
    return "recovery" if summary.ok and last.amiss != "nothing" else "nothing"


def last_told(folder: Path) -> LastNotice:
    """Return what was reported last of a job."""
    try:
        return structure(load_json(_path(folder).read_bytes()), LastNotice)
    except (OSError, ValueError):
        return LastNotice()


def remember_told(folder: Path, ended: Ended, last: LastNotice) -> None:
    """Write down what was reported; where that fails, the next run's alert says the same once more."""
    amiss = (
        last.amiss if ended.event == "nothing" else "nothing" if ended.event == "recovery" else ended.event
    )
    attempt = 0 if ended.summary is None else ended.summary.attempts
    notice = LastNotice(amiss=amiss, run=ended.run, attempt=attempt)
    if notice != last:
        with contextlib.suppress(OSError):
            private_folder(folder)
            replace(_path(folder), dump_json(attrs.asdict(notice)))


def _path(folder: Path) -> Path:
    return folder / "told.json"
