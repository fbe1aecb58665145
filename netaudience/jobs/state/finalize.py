"""What a run leaves behind when it ends: its summary, its report, a table for a build, and fewer old runs.

Nothing here stops a run or hides what became of it: a file that cannot be written is reported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.run_folder import RunFolder, prune, replace, runs_of
from netaudience.jobs.state.summary import StepSummary, Summary, read_summary
from netaudience.vendors import client_of

_log = logging.getLogger("netaudience")


def finished_already(run: RunFolder, in_doubt: OnDoubt) -> Summary | None:
    """Return the summary of a run that has come to its end, if going on with it would change nothing.

    Args:
        run: The run.
        in_doubt: ``resend`` sends again what is in doubt, if anything is.
    """
    with suppress(ConfigurationError):
        summary = read_summary(run.summary)
        if summary is None or not summary.finished or summary.unwritten or not summary.reconciles:
            return None
        if summary.attempts != run.start().attempts:  # a later attempt was killed
            return None
        doubt = any(step.in_doubt and (in_doubt == "resend" or _repeatable(step)) for step in summary.steps)
        if not doubt and (run.rejects.exists() or not any(step.undelivered for step in summary.steps)):
            return summary
    return None


def _repeatable(step: StepSummary) -> bool:
    """Return whether what is in doubt is sent again unasked, because that does no harm."""
    operation = client_of(step.vendor).operations().get(step.operation)
    return operation is not None and operation.facts.idempotent


def write_summary(run: RunFolder, summary: Summary) -> None:
    """Write the counts; where that cannot be done, the summary says so."""
    try:
        replace(run.summary, summary.to_json())
    except OSError as error:
        summary.unwritten.append(
            f"{run.summary} could not be written ({error.strerror}): make room, and go on with the run, "
            "which writes it anew"
        )


def tell_build(summary: Summary) -> None:
    """Show the counts on the page of a GitHub build, where this is one."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if not page:
        return
    try:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(summary.markdown())
    except OSError as error:
        _log.warning("The summary of the build could not be written: %s", error.strerror)


def prune_runs(job: JobFile, folder: Path, this: RunFolder) -> list[str]:
    """Delete old runs, never one that is in hand; return their ids."""
    finished = {run.id for run, summary in summaries(folder) if summary.finished}
    return prune(
        folder, keep_runs=job.keep_runs, keep_days=job.keep_days, finished=finished, spared=_in_hand(this)
    )


def _in_hand(run: RunFolder) -> set[str]:
    """Return the run, and those whose undelivered rows it has sent again, which its rows point to."""
    found = {run.id}
    with suppress(ConfigurationError):  # one of them was deleted
        while (again := run.start().again) is not None:
            run = RunFolder(run.path.with_name(again))
            found.add(run.id)
    return found


def summaries(folder: Path) -> Iterator[tuple[RunFolder, Summary]]:
    """Give the runs of a job whose summaries can be read, the newest first."""
    for run in runs_of(folder):
        try:
            summary = read_summary(run.summary)
        except ConfigurationError:
            continue
        if summary is not None:
            yield run, summary


def rows_before(folder: Path) -> list[int]:
    """Return how many rows the source had in the last runs that came to their end."""
    return [
        summary.source_rows
        for _, summary in summaries(folder)
        if summary.source_rows is not None
        and not summary.is_part
        and summary.again is None
        and all(step.exhausted for step in summary.steps)
    ]
