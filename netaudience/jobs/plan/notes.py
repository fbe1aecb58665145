"""What a plan and a run both tell of a step's differences, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.verb_steps import has_sql
from netaudience.model.wire import dump_json
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.snapshot import Differences, Old


def missing_ids(job: JobFile, step: Step, table: Table) -> list[str]:
    """Say how many rows a step of an audience leaves out, for they have no id that its vendor takes."""
    if job.audience is None or job.audience.steps.get(step.vendor) != step.name:
        return []
    column = next(one.column for one in step.fields.values() if one.column is not None)
    count = table.count(f"not ({has_sql(column)})")
    return [f"{many(count, 'row is')} in no audience here, without {column}"] if count else []


def notes_of(step: Step, found: Differences | None, repeated: int = 0) -> Iterator[str]:
    """Give the sentences about what a step does not send and does not take back.

    Args:
        step: The step.
        found: Its differences; None where it sends all rows.
        repeated: Rows that are not sent because another one of their user stands further down.
    """
    repeated = repeated if found is None else found.repeated or 0
    if repeated:
        yield (
            f"{many(repeated, 'row stands again further down for the same user, and counts as unchanged')}: "
            "of each user only the last row is sent"
        )
    if found is None:
        return
    if found.nothing:
        also = "; what they had is taken back" if step.mode == "mirror" else ""
        yield (
            f"{many(found.nothing, 'row has nothing to send and counts as unchanged')}, for every entry is "
            f"empty{also}"
        )
    if found.held_back:
        since = f", for {many(found.held_runs, 'run')} in a row now" if found.held_runs > 1 else ""
        yield (
            f"{many(found.held_back, 'removal is')} held back{since}: the key of some rows cannot be read, "
            "and they may be theirs. Mend these rows, which rejects.jsonl names"
        )
    for old in found.old:
        if step.take_back_old and old.removal == step.removal:
            continue
        differing, was, users = _differing(step, old), "were" if len(old.arguments) > 1 else "was", old.users
        how = (
            "take-back-old = true in the step takes it back"
            if old.removal == step.removal
            else f"{old.removal} takes it back"
        )
        yield f"{differing} {was} in earlier runs, and {many(users, 'user keeps')} it: {how}"


def _differing(step: Step, old: Old) -> str:
    """Say which arguments were other ones."""
    changed = {
        name: value
        for name, value in (old.arguments or old.removal_arguments).items()
        if step.arguments.get(name) != value
    }
    return (
        ", ".join(f"{name} = {dump_json(value).decode()}" for name, value in changed.items())
        or "the arguments"
    )
