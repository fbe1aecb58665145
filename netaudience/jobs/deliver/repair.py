"""What a look afterwards has found to be different is sent again, under the guards of the run.

Many rows that differ are no accident: then nothing is sent, and somebody has to find out why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from netaudience.errors import GuardRefused
from netaudience.jobs.deliver.carry_out import carry_out
from netaudience.jobs.deliver.unkept import Unkept
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.repeating import sending_again
from netaudience.jobs.state.replay import letters_as_source
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.jobs.state.letters import Outlet
    from netaudience.jobs.state.run_folder import RunFolder
    from netaudience.jobs.state.summary import Summary
    from netaudience.jobs.state.verified import Verified


async def repair_run(  # noqa: PLR0913 - the options of a run
    job: JobFile,
    run: RunFolder,
    verified: Verified,
    outlet: Outlet | None = None,
    *,
    on_progress: OnProgress | None = None,
    consent: Consent | None = None,
    grace: float = 20.0,
    client_factory: ClientFactory | None = None,
    signals: bool = True,
) -> Summary:
    """Send the rows of a run again that a look has found to be different, or whose users are gone.

    Args:
        job: The run's job, whose guards hold.
        run: The run.
        verified: What the look has shown.
        outlet: Takes the rows that are not delivered this time either, as dead letters; ``repair.jsonl`` in
            the run's folder if not given.
        on_progress: Called with the counts so far.
        consent: What the caller agrees to, for operations that lose data.
        grace: Seconds that requests under way have after the first signal.
        client_factory: Makes a step's client; from the environment if not given.
        signals: Whether SIGINT and SIGTERM end it in order.

    Raises:
        GuardRefused: too many rows differ, or nothing does; nothing was sent.
        ConfigurationError: the list of what differs cannot be read.
    """
    bound = job.guards.max_rejected
    for step in verified.steps:
        if bound is not None and bound.exceeded(step.wrong, step.chosen):
            raise GuardRefused(
                f"{step.name}: {step.wrong:,} of {many(step.chosen, 'row')} are something else when they are "
                "read back, which is more than max-rejected: find out why before they are sent again, "
                "or raise max-rejected in [guards]; nothing was sent"
            )
    held = job.guards.preflight and run.start().preflight
    with sending_again(run.differing) as again:
        letters, table = letters_as_source(run.differing)
        letters = attrs.evolve(
            letters,
            guards=attrs.evolve(letters.guards, preflight=held),
            steps=tuple(_paced(step, job) for step in letters.steps),
            quotas=job.quotas,
            patience=job.patience,
        )
        summary = await carry_out(
            Unkept(letters, outlet or Rejects(run.unrepaired), on_sending=again.begin),
            table=table,
            on_progress=on_progress,
            consent=consent or Consent(),
            grace=grace,
            client_factory=client_factory,
            signals=signals,
        )
        again.end(summary)
    return summary


def _paced(step: Step, job: JobFile) -> Step:
    """Return a step with the pace of the job's own: two clients of one account must not differ in that."""
    own = next(
        (one for one in job.steps if step.name == one.name or step.name.startswith(f"{one.name} removal")),
        None,
    )
    if own is None:
        return step
    return attrs.evolve(step, rate=own.rate, in_flight=own.in_flight, max_rows=own.max_rows)
