"""A run of a job from its first guard to its last file: what Python calls, and the command as well.

Everything that can be refused is refused before anything is sent. Afterwards whatever happens ends in a
summary: nothing that was sent is forgotten, and the same run can be gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from netaudience.client import Client, Settings
from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.carrying import Carrier, Order
from netaudience.jobs.feed import MappedPage
from netaudience.jobs.finishing import (
    draw_report,
    finished_already,
    prune_runs,
    tell_build,
    write_summary,
)
from netaudience.jobs.guards import Consent, RejectedGuard
from netaudience.jobs.metrics import read_metrics, write_metrics
from netaudience.jobs.preparing import ClientFactory, Preparation, Prepared, removal_name
from netaudience.jobs.rejects import Rejects
from netaudience.jobs.retrying import retry_of
from netaudience.jobs.rundir import JobLock, RunFolder, RunStart, find_run, job_folder, new_run
from netaudience.jobs.signals import Interruption
from netaudience.jobs.stage import Stage
from netaudience.jobs.summary import StepSummary, Summary, read_costs, write_costs
from netaudience.jobs.threads import Threads
from netaudience.jobs.words import JobFile
from netaudience.work import Operation

if TYPE_CHECKING:
    from netaudience.jobs.sources import Page, Table

__all__ = ["Consent", "OnProgress", "run_job"]

OnProgress: TypeAlias = Callable[[Summary], object]
_log = logging.getLogger("netaudience")
#: Seconds between two looks at the counts, and between two writings of what was measured.
_LOOK, _SAVE = 0.5, 5.0


async def run_job(  # noqa: PLR0913 - what a run may be told
    job: JobFile,
    *,
    resume: str | None = None,
    retry: str | None = None,
    on_progress: OnProgress | None = None,
    consent: Consent | None = None,
    plan_digest: str | None = None,
    in_doubt: OnDoubt = "tell",
    grace: float = 20.0,
    client_factory: ClientFactory | None = None,
    table: Table | None = None,
    signals: bool = True,
    report: bool = True,
) -> Summary:
    """Run a job, or go on with one of its runs, and return what became of every row.

    The arguments are those of `Job.run`, which is the door for programs and says what each means.

    Raises:
        ConfigurationError: the job, the environment or the run to go on with is wrong; nothing was sent.
        GuardRefused: a guard refused; nothing was sent.
        JournalFailed: the run's folder cannot be written; nothing was sent.
    """
    folder = job_folder(job)
    with JobLock(folder, job.name):
        async with contextlib.AsyncExitStack() as stack:
            run = _JobRun(job, folder, stack, in_doubt, on_progress)
            try:
                if (finished := run.find(resume, retry)) is not None:
                    return finished
                await run.open(client_factory or _client, table)
                await run.prepare(consent or Consent(), plan_digest)
                try:
                    await run.carry(grace, signals=signals)
                finally:
                    await run.finish(report=report)
            finally:
                await run.wait()
    return run.summary


def _client(vendor: type[Client], settings: Settings) -> Client:
    return vendor.from_environment(settings=settings)


class _JobRun:
    """One attempt at a run."""

    def __init__(
        self,
        job: JobFile,
        folder: Path,
        stack: contextlib.AsyncExitStack,
        in_doubt: OnDoubt,
        on_progress: OnProgress | None,
    ) -> None:
        self._job = job
        self._folder = folder
        self._stack = stack
        self._in_doubt: OnDoubt = in_doubt
        self._on_progress = on_progress
        #: The run to go on with, and the one whose undelivered rows are the source.
        self._resumed: RunFolder | None = None
        self._again: RunFolder | None = None
        self._table: Table | None = None
        self._threads = Threads()
        self._preparation = Preparation(job, folder, stack)
        self._carriers: list[Carrier] = []
        #: What takes back, when all before it went well.
        self._later: list[tuple[Prepared, Carrier]] = []
        self._stage: Stage | None = None
        self._stages: list[Stage] = []

    def find(self, resume: str | None, retry: str | None) -> Summary | None:
        """Find the runs that this one has to do with; return what became of it, if nothing of it is left.

        Raises:
            ConfigurationError: there is none of that name, it is of another job, or has nothing to send.
        """
        if resume is not None:
            self._resumed = self._own(resume)
            if (finished := finished_already(self._resumed, self._in_doubt)) is not None:
                return finished
            retry = self._resumed.start().again
        if retry is not None:
            self._again = again = self._own(retry)
            self._job, self._table = retry_of(again, self._job, self._in_doubt)
            self._preparation = Preparation(self._job, self._folder, self._stack)
        return None

    def _own(self, name: str) -> RunFolder:
        run = find_run(name, [self._folder])
        start = run.start()
        if start.job != self._job.name:
            raise ConfigurationError(
                f"The run {run.id} is of the job {start.job!r}, not of {self._job.name!r}"
            )
        return run

    async def open(self, factory: ClientFactory, table: Table | None) -> None:
        """Make the clients, and open the source unless it is open.

        Raises:
            ConfigurationError: the environment or the source is wrong.
        """
        before = {}
        if self._resumed is not None:
            with contextlib.suppress(ConfigurationError):  # the report then begins with this attempt
                before = read_metrics(self._resumed.path)
        await self._preparation.make_clients(factory, before)
        if self._again is not None:
            return
        if table is None:
            from netaudience.jobs.sources import open_source  # noqa: PLC0415 - needs the extra `files`

            job = self._job
            # Standard input may never end: nobody waits for that.
            table = await Threads().call(lambda: open_source(job.source, job.path.parent))
            self._stack.callback(table.close)
        self._table = table

    async def wait(self) -> None:
        """Wait until nobody reads any more: what is read is closed after this."""
        await self._threads.wait(self._hasten)
        for stage in self._stages:
            stage.forget()

    def _hasten(self) -> None:
        """End what a thread reads or compares: nobody waits for it any more."""
        table: Callable[[], object] | None = getattr(self._table, "interrupt", None)
        if table is not None:  # the undelivered rows of a run are soon read
            table()
        self._preparation.interrupt()

    async def prepare(self, consent: Consent, plan_digest: str | None) -> None:
        """Ask the guards, and open the run's folder and journals.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        preparation, table = self._preparation, self._opened
        source = await self._threads.call(table.fingerprint)
        start = preparation.start(source, self._resumed, self._again, now=_now())
        run = self._resumed or new_run(self._folder)
        try:
            count = await self._threads.call(lambda: preparation.guard(table, run, consent, plan_digest))
            if (again := self._again) is not None:
                await self._threads.call(lambda: preparation.recall(again))
            start.attempts += 1
            run.remember(start)
            self._begin(run, start, count)
            await self._open_stage(source)
            start.sending = True
            run.remember(start)
        except BaseException:
            if self._stage is not None:
                await self._stage.close()
            if self._resumed is None:
                run.delete()
            raise

    @property
    def _opened(self) -> Table:
        if self._table is None:
            raise ConfigurationError("The source is not open")
        return self._table

    def _begin(self, run: RunFolder, start: RunStart, rows: int) -> None:
        self._run = run
        self._rejects = Rejects(run.rejects)
        self.summary = Summary(
            run=run.id,
            job=self._job.name,
            file=str(self._job.path),
            folder=str(run.path),
            started=start.started,
            attempts=start.attempts,
            source_rows=rows,
            again=start.again,
        )

    async def _open_stage(self, source: str) -> None:
        steps = self._preparation.steps
        earlier = _earlier(self._resumed)
        for prepared in steps:
            self._carriers.append(
                self._carrier(prepared, prepared.step.name, prepared.operation, source, earlier)
            )
        mappers = [_mapper(prepared, prepared.operation, removes=False) for prepared in steps]
        pages = self._opened.read([prepared.selection() for prepared in steps])
        await self._open(Stage(self._carriers, pages, mappers, self._threads))
        for prepared in steps:
            if prepared.removal is not None and prepared.removed:
                name = removal_name(prepared.step.name)
                carrier = self._carrier(prepared, name, prepared.removal, source, earlier)
                self._later.append((prepared, carrier))
        self.summary.steps = [carrier.summary for carrier in self._all]

    def _carrier(
        self,
        prepared: Prepared,
        name: str,
        operation: Operation,
        source: str,
        earlier: Mapping[str, StepSummary],
    ) -> Carrier:
        step, removes = prepared.step, name != prepared.step.name
        order = Order(
            name=name,
            client=prepared.client,
            operation=operation,
            arguments=step.removal_arguments if removes else step.arguments,
            mode=step.mode,
            journal=self._run.journal(name),
            source=f"{source}:{prepared.digest}",
            in_doubt=self._in_doubt,
            guard=RejectedGuard(self._job.guards.max_rejected),
            rows=prepared.removed if removes else prepared.rows,
            unchanged=0 if removes else prepared.unchanged,
            remembers=prepared.snapshot is not None,
            again=self._again is not None,
            earlier=earlier.get(name),
        )
        return Carrier(order, self._rejects, self._stop)

    @property
    def _all(self) -> list[Carrier]:
        return [*self._carriers, *(carrier for _, carrier in self._later)]

    async def carry(self, grace: float, *, signals: bool) -> None:
        """Carry all rows to their end, or to an interruption; then take back what is gone."""
        now = asyncio.get_running_loop().time()
        for prepared in self._preparation.steps:
            prepared.metrics.resume(now)  # one time for all steps
        watching = asyncio.create_task(self._watch(), name="netaudience progress")
        interruption = Interruption(self._interrupted, self._leave, grace=grace)
        try:
            with interruption if signals else contextlib.nullcontext():
                await self._run_stage()
                for prepared, carrier in self._later:
                    if self._goes_on(prepared):
                        mapper = _mapper(prepared, carrier.order.operation, removes=True)
                        await self._open(Stage([carrier], prepared.removals(), [mapper], self._threads))
                        await self._run_stage()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _open(self, stage: Stage) -> None:
        self._stages.append(stage)
        self._stage = stage
        await stage.open()

    async def _run_stage(self) -> None:
        stage = self._stage
        if stage is not None:
            try:
                await stage.run()
            finally:
                await stage.close()

    def _goes_on(self, prepared: Prepared) -> bool:
        """Return whether a step's removals may follow: only what came to its end in order takes back."""
        for carrier in self._all:
            carrier.count(at_the_end=True)
        own = self._own_carrier(prepared).summary
        guarded = any(carrier.summary.stopped_by == "GuardRefused" for carrier in self._all)
        return self.summary.signal is None and own.exhausted and own.stopped is None and not guarded

    def _own_carrier(self, prepared: Prepared) -> Carrier:
        return self._carriers[self._preparation.steps.index(prepared)]

    def _stop(self) -> None:
        if self._stage is not None:
            self._stage.stop()

    def _leave(self) -> None:
        if self._stage is not None:
            self._stage.leave()

    def _interrupted(self, number: int) -> None:
        self.summary.signal = int(number)
        self._stop()
        self._look()

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        saved = clock()
        while True:
            await asyncio.sleep(_LOOK)
            self._look()
            if clock() - saved >= _SAVE:
                saved = clock()
                self._rejects.flush()
                self._save_metrics()
                await self._remember()

    def _look(self) -> None:
        for carrier in self._all:
            carrier.count(at_the_end=False)
        if self._on_progress is not None:
            self._on_progress(self.summary)

    def _save_metrics(self) -> None:
        try:
            write_metrics(self._run.path, {each.step.name: each.metrics for each in self._preparation.steps})
            write_costs(self._run.costs, self.summary.steps)
        except OSError as error:
            _log.warning("What was measured could not be written: %s", error.strerror)

    async def _remember(self) -> None:
        """Write down which rows were delivered, for the next run."""
        owned = [(prepared, self._own_carrier(prepared)) for prepared in self._preparation.steps]
        for prepared, carrier in [*owned, *self._later]:
            if prepared.snapshot is None:
                continue
            delivered, doubtful = carrier.take_delivered()
            if carrier in self._carriers:
                told = {"delivered": delivered, "doubtful": doubtful}
            else:
                told = {"removed": delivered}
            commit = prepared.snapshot.commit if self._again is None else prepared.snapshot.recall
            try:
                await self._threads.call(functools.partial(commit, **told))  # type: ignore[arg-type] # keys or numbers, as the carrier was told
            except NetaudienceError as error:
                if str(error) not in self.summary.unwritten:
                    self.summary.unwritten.append(str(error))

    async def finish(self, *, report: bool) -> None:
        """Write down what became of the run; what cannot be written is told in the summary."""
        summary, run = self.summary, self._run
        for carrier in self._all:
            carrier.count(at_the_end=True)
        await self._remember()
        for prepared in self._preparation.steps:
            if prepared.held_back:
                words = "removals held back, for rows that could not be read may be theirs"
                self._own_carrier(prepared).summary.warnings[words] = prepared.held_back
        self._rejects.close({carrier.summary.name: carrier.feed.left_at for carrier in self._all})
        if self._rejects.broken is not None:
            summary.unwritten.append(self._rejects.broken)
        self._save_metrics()
        summary.ended = _now()
        write_summary(run, summary)
        if report:
            await self._threads.call(lambda: draw_report(run.path))
        tell_build(summary)
        prune_runs(self._job, self._folder, run.id)
        if self._on_progress is not None:
            self._on_progress(summary)


def _mapper(prepared: Prepared, operation: Operation, *, removes: bool) -> Callable[[Page], MappedPage]:
    """Return what makes items of a page of rows."""
    from netaudience.jobs.mapping import make_items, make_removals  # noqa: PLC0415 - needs the extra `files`

    make = make_removals if removes else make_items
    kind = prepared.client.kind(operation)

    def mapped(page: Page) -> MappedPage:
        made, bad = make(page, prepared.step, operation, kind)
        rows = {row["row"]: row for row in page}
        return MappedPage([one.item for one in made], [rows[one.row] for one in made], bad)

    return mapped


def _earlier(run: RunFolder | None) -> Mapping[str, StepSummary]:
    """Return what earlier attempts at the run have cost, as far as they came to tell."""
    return {} if run is None else read_costs(run.costs)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
