"""What the command verify does: looks at what a run has delivered, says what it saw, and sends it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from netaudience.cli.display import progress_of, tell, tell_summary
from netaudience.cli.output import Rejected, StandardOutput, json_line
from netaudience.errors import NetaudienceError
from netaudience.jobs import Job
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.model.wire import load_json

if TYPE_CHECKING:
    from netaudience.cli.job_options import Agreement, Manner
    from netaudience.jobs.state.verified import Verified


def look_at_run(  # noqa: PLR0913 - the options of a look
    name: str, share: float, after: float, agreement: Agreement, manner: Manner, *, repair: bool
) -> int:
    """Read back what a run has delivered, and send again what differs where that is wanted.

    Raises:
        NetaudienceError: nothing could be looked at, for the reason that it tells.
    """
    run = find_run(name)
    job = Job.load(name if name.endswith(".toml") else run.start().file)
    if after and not manner.quiet:
        tell(f"waiting for {after:g} s before looking")
    verified = asyncio.run(job.verify(str(run.path), share=share, after=after))
    _draw(run)
    if not (manner.quiet and verified.ok):
        for sentence in verified.sentences():
            tell(sentence)
    if manner.json:
        StandardOutput().write([json_line(load_json(verified.to_json()))])
    if verified.ok or not repair:
        if not verified.ok:
            tell(f"What differs is in {run.differing}: netaudience verify {run.id} --repair sends it again")
        return verified.exit_code
    return _repair(job, run, verified, agreement, manner)


def _repair(job: Job, run: RunFolder, verified: Verified, agreement: Agreement, manner: Manner) -> int:
    output = StandardOutput()
    consent = Consent(yes=agreement.yes, yes_delete=agreement.yes_delete, account=agreement.account)
    with progress_of(quiet=manner.quiet, grace=manner.grace) as shown:
        outlet = Rejected(output, output)
        summary = asyncio.run(
            job.repair(verified, outlet=outlet, on_progress=shown, consent=consent, grace=manner.grace)
        )
    tell_summary(summary, quiet=manner.quiet)
    if summary.exit_code == ExitCode.DELIVERED:
        tell(f"Look again when it has settled: netaudience verify {run.id} --all")
    return summary.exit_code


def _draw(run: RunFolder) -> None:
    """Write the report anew, with what was seen; the look is as good without it."""
    from netaudience.jobs.report.html import draw_report  # noqa: PLC0415 - draws pictures

    try:
        draw_report(run.path)
    except NetaudienceError as error:
        tell(f"The report was not written anew: {error}")
