"""How far a source was read, kept with what was delivered of it, and from where the next run reads.

It stands in the memory of each step, so that it is lost, and belongs to another account, only together with
that. It is written when all that was read is settled, and whatever is in doubt leads to reading everything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import attrs

from netaudience.jobs.connectors.watermark import EVERYTHING, Since, Watermark
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.state.snapshot import Snapshot
from netaudience.model.digests import digest_of
from netaudience.model.wire import dump_json, load_json, structure
from netaudience.plurals import many


@attrs.frozen(kw_only=True)
class _Reading:
    """What a step knows of how far the source was read."""

    #: What tells the source and the step from others.
    about: str
    watermark: Watermark
    #: When everything was read the last time, in UTC.
    whole: str


def since_of(job: JobFile, memories: Sequence[Path | None]) -> Since:
    """Return from where a job's source is to be read.

    Args:
        job: The job, which is held, so that nobody else has its memories.
        memories: By step, the file that remembers what was delivered; None where there is none.

    Raises:
        ConfigurationError: one cannot be opened.
    """
    source = job.source
    if source.incremental is None:
        return EVERYTHING
    if source.full:
        return Since(why="--full says so")
    found = [_known(path) for path in memories]
    known = [reading for reading in found if reading is not None]
    if len(known) < len(job.steps):
        return Since(why="it is not known yet how far it was read")
    if any(one.about != _about(job, step) for one, step in zip(known, job.steps, strict=True)):
        return Since(why="the source, a step or its account is another one than before")
    whole, now = min(dt.datetime.fromisoformat(one.whole) for one in known), dt.datetime.now(dt.UTC)
    if source.full_days is not None and not whole <= now < whole + dt.timedelta(days=source.full_days):
        return Since(why=f"the last time was {many((now - whole).days, 'day')} ago")
    marks = {one.watermark for one in known}
    # The names of snapshots have no order; the others were written down while a process died.
    if len(marks) > 1 and any(mark.kind == "snapshot" for mark in marks):
        return Since(why="its steps do not know the same of how far it was read")
    return Since(min(marks, key=lambda mark: mark.native))  # type: ignore[arg-type,return-value] # of one kind


def keep_reading(job: JobFile, step: Step, snapshot: Snapshot, reached: Watermark, whole: str | None) -> None:
    """Write down how far the source was read, for all rows that were are settled.

    Args:
        job: The job.
        step: One of its steps.
        snapshot: What remembers what the step has delivered.
        reached: How far.
        whole: When everything was read, in UTC; None where only what is new was.

    Raises:
        JournalFailed: it cannot be written.
    """
    before = _reading(snapshot)
    since = whole or (None if before is None else before.whole)
    if since is not None:
        reading = _Reading(about=_about(job, step), watermark=reached, whole=since)
        snapshot.keep_reading(dump_json(attrs.asdict(reading)).decode())


def _known(path: Path | None) -> _Reading | None:
    if path is None or not path.exists():
        return None
    with Snapshot(path) as snapshot:
        return _reading(snapshot)


def _reading(snapshot: Snapshot) -> _Reading | None:
    reading = snapshot.reading
    return structure(load_json(reading.encode()), _Reading) if reading else None


def _about(job: JobFile, step: Step) -> str:
    record = attrs.asdict(job.source)
    for name in ("overlap", "full_days", "full"):
        del record[name]
    return digest_of(f"{sorted(record.items())} {step.digest}")
