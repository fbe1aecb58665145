"""The look after a run, and after its first rows: whether the rest may be sent.

What was seen goes into the run's summary and its report. A canary whose rows are something else when they are
read back stops its run as a guard does, and the run can be gone on with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import GuardRefused
from netaudience.jobs.deliver.verify import verify_run
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.state.finalize import write_summary
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.operations.readback import ReadBack
from netaudience.plurals import many

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.state.summary import StepSummary, Summary
    from netaudience.jobs.state.verified import StepVerified

#: The longest that a run waits by itself: what takes a vendor a day is looked at later.
_LONGEST = 60.0


def settling(job: JobFile) -> float:
    """Return how many seconds a run waits before it looks at what it has delivered: as the vendors say it."""
    found = [0.0]
    for step in job.steps:
        vendor = find_vendor(step.vendor)
        fact = None if vendor is None else vendor.read_backs.get(step.operation)
        if isinstance(fact, ReadBack):
            found.append(fact.settles.value)
    return min(_LONGEST, max(found))


class LookAfter:
    """Looks at what a job's run has delivered."""

    def __init__(
        self, job: JobFile, client_factory: ClientFactory | None, after: float | None, *, report: bool
    ) -> None:
        self._job = job
        self._factory = client_factory
        self._after = after
        self._report = report

    async def lets_go_on(self, summary: Summary) -> bool:
        """Look at the first rows of a run, which were delivered; return whether the rest is to be sent."""
        if summary.signal is not None or any(step.stopped for step in summary.steps) or summary.finished:
            return False
        await self._look(summary, share=1.0)
        seen = {step.name: step for step in summary.verified}
        for step in summary.steps:
            for reason in (self._rejected(step), self._other(step.name, seen.get(step.name))):
                if reason is not None:
                    step.stop(GuardRefused(reason))
        self._write(summary)
        return not any(step.stopped for step in summary.steps)

    async def at_the_end(self, summary: Summary) -> None:
        """Look at what the steps want looked at, when a run has come to its end."""
        wanted = any(step.verify for step in self._job.steps)
        if wanted and summary.run and not any(step.stopped for step in summary.steps):
            await self._look(summary, share=None)
        if summary.verified:  # what was seen of its first rows alone, if nobody looks at the end
            self._write(summary)

    async def _look(self, summary: Summary, share: float | None) -> None:
        if not any(step.delivered for step in summary.steps):
            return
        after = settling(self._job) if self._after is None else self._after
        verified = await verify_run(
            self._job, RunFolder(Path(summary.folder)), share=share, after=after, client_factory=self._factory
        )
        summary.verified = verified.steps

    def _rejected(self, step: StepSummary) -> str | None:
        """Say that too many of the first rows are wrong, if so."""
        bound, judged = self._job.guards.max_rejected, step.delivered + step.rejected
        if bound is None or not bound.exceeded(step.rejected, judged):
            return None
        return (
            f"{step.name}: of the first {many(judged, 'row')} {step.rejected:,} are rejected, which is more "
            "than max-rejected: look at the reasons, and mend the source or the mapping"
        )

    def _other(self, name: str, seen: StepVerified | None) -> str | None:
        """Say that too many of the first rows are something else at the vendor, if so."""
        bound = self._job.guards.max_different
        if bound is None or seen is None or not bound.exceeded(seen.wrong, seen.chosen):
            return None
        return (
            f"{name}: of the first {many(seen.chosen, 'row')} {seen.wrong:,} are something else "
            "when they are read back, which is more than max-different: verify.jsonl in the run's folder "
            "has them. When that is mended, resume sends the rest and verify --repair sends these again; or "
            "start a new run"
        )

    def _write(self, summary: Summary) -> None:
        """Write the summary and the report anew."""
        run = RunFolder(Path(summary.folder))
        write_summary(run, summary)
        if self._report:
            from netaudience.jobs.report.html import draw_report  # noqa: PLC0415 - draws pictures

            draw_report(run.path)
