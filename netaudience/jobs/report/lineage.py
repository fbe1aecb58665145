"""Events of a run for OpenLineage (https://openlineage.io): what was read, where it went, and how it ended.

A `Lineage` is what a run tells its progress to. It refuses what could name a person: files, operations and
counts are reported, never a row. An event that cannot be sent is logged, and changes nothing about the run.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

try:
    import attr
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import (
        JobFacet,
        OutputDatasetFacet,
        RunFacet,
        error_message_run,
        input_statistics_input_dataset,
        job_type_job,
        output_statistics_output_dataset,
        processing_engine_run,
        sql_job,
    )
except ImportError as missing:
    raise ImportError(
        "Events of lineage need OpenLineage's client: pip install 'netaudience[openlineage]'"
    ) from missing

if TYPE_CHECKING:
    from netaudience.jobs.spec.model import JobFile
    from netaudience.jobs.state.summary import StepSummary, Summary

_PRODUCER = "netaudience"
#: Seconds that the last event has to be sent, when the run is over.
_PATIENCE = 10.0
_log = logging.getLogger("netaudience")


@attr.define
class _CountsFacet(OutputDatasetFacet):
    """What became of the rows of a step, in the words of the summary."""

    delivered: int = 0
    unchanged: int = 0
    rejected: int = 0
    failed: int = 0
    in_doubt: int = 0
    unsent: int = 0

    @staticmethod
    def _get_schema() -> str:
        return "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/OutputDatasetFacet"


class Lineage:
    """Tells OpenLineage of a run: ``await job.run(on_progress=Lineage(job))``.

    The run's START comes when it begins to send, and COMPLETE, FAIL or ABORT at its end: COMPLETE where every
    row was delivered, ABORT where a signal ended it. A run that a guard has refused has no event.
    """

    def __init__(
        self, job: JobFile, *, client: OpenLineageClient | None = None, namespace: str | None = None
    ) -> None:
        """Prepare the events of one run; nothing is sent yet.

        Args:
            job: The job.
            client: Sends the events; one that is set up by ``OPENLINEAGE_URL``, ``OPENLINEAGE_CONFIG`` and so
                on if not given.
            namespace: Where the job is in the lineage; ``OPENLINEAGE_NAMESPACE``, or ``netaudience``.
        """
        self._job = job
        self._client = client or OpenLineageClient()
        self._namespace = namespace or os.environ.get("OPENLINEAGE_NAMESPACE") or "netaudience"
        # One thread, so that no event overtakes another, and the loop waits for none.
        self._sending = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netaudience-lineage")
        self._started = False
        self._ended = False

    def __repr__(self) -> str:
        return f"<Lineage of {self._namespace}>"

    def __call__(self, summary: Summary) -> None:
        """Look at how a run is doing; send an event where it has begun or ended."""
        if not self._started:
            self._started = True
            self._sending.submit(self._emit, self._event(summary, RunState.START))
        if summary.ended is not None and not self._ended:
            self._ended = True
            state = RunState.COMPLETE if summary.ok else RunState.FAIL
            last = self._sending.submit(
                self._emit, self._event(summary, state if summary.signal is None else RunState.ABORT)
            )
            self._sending.shutdown(wait=False)
            try:
                last.result(_PATIENCE)
            except TimeoutError:
                _log.warning("OpenLineage did not take the event of the run's end within %g s", _PATIENCE)

    def _emit(self, event: RunEvent) -> None:
        try:
            self._client.emit(event)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises, the run goes on
            _log.warning("OpenLineage did not take the event of the run: %s", type(error).__name__)

    def _event(self, summary: Summary, state: RunState) -> RunEvent:
        started = state == RunState.START
        run: dict[str, RunFacet] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=version("netaudience"), name="netaudience"
            )
        }
        if not started and state != RunState.COMPLETE:
            run["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message=" ".join(step.sentence() for step in summary.steps), programmingLanguage="Python"
            )
        job: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet(
                processingType="BATCH", integration="NETAUDIENCE", jobType="JOB"
            )
        }
        source = self._job.source
        if source.sql is not None:
            job["sql"] = sql_job.SQLJobFacet(query=source.sql)
        moment = summary.started if started else summary.ended
        return RunEvent(
            eventType=state,
            eventTime=moment or datetime.now(UTC).isoformat(timespec="seconds"),
            # Each attempt at a run is the same run.
            run=Run(str(uuid5(NAMESPACE_URL, f"netaudience:{summary.job}:{summary.run}")), run),
            job=Job(self._namespace, summary.job, job),
            inputs=self._inputs(summary),
            outputs=[_output(step, ended=not started) for step in summary.steps],
            producer=_PRODUCER,
        )

    def _inputs(self, summary: Summary) -> list[InputDataset]:
        """Return the source's files by where they are; a glob is reported as it stands."""
        source, folder = self._job.source, self._job.path.parent
        names = [name for name in source.files if name != "-"]
        names += [source.database] if source.database is not None else []
        counted = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=summary.source_rows
        )
        facets = {} if summary.source_rows is None or len(names) > 1 else {"inputStatistics": counted}
        return [InputDataset("file", str(folder / name), dict(facets)) for name in names]


def _output(step: StepSummary, *, ended: bool) -> OutputDataset:
    """Return what a step writes to: an operation of a vendor."""
    facets: dict[str, OutputDatasetFacet] = {}
    if ended:
        facets["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=step.delivered
        )
        facets["netaudience_counts"] = _CountsFacet(
            delivered=step.delivered,
            unchanged=step.unchanged,
            rejected=step.rejected,
            failed=step.failed,
            in_doubt=step.in_doubt,
            unsent=step.unsent,
        )
    return OutputDataset(step.vendor, step.operation, facets)
