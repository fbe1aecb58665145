"""One attempt at a run, from its first guard to its last file, whatever is kept of it.

Everything that can be refused is refused before anything is sent. Afterwards whatever happens ends in a
summary: nothing that was sent is forgotten, and the same run can be gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from netaudience.client import Client, ClientFactory, from_environment
from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.events import Hook, hooks
from netaudience.jobs.deliver.fan_out import FanOut
from netaudience.jobs.deliver.keeping import Keeping
from netaudience.jobs.deliver.order import Order
from netaudience.jobs.deliver.prepare import Preparation, Prepared, Taking
from netaudience.jobs.deliver.signals import Interruption
from netaudience.jobs.deliver.step import StepRunner
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent, RejectedGuard, accepts
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.jobs.extract.page import Page
    from netaudience.jobs.extract.table import Table

OnProgress: TypeAlias = Callable[[Summary], object]
#: Seconds between two looks at the counts, and between two writings of what was measured.
_LOOK, _SAVE = 0.5, 5.0


async def carry_out(  # noqa: PLR0913 - the options of a run
    keeping: Keeping,
    *,
    table: Table | None,
    on_progress: OnProgress | None,
    consent: Consent,
    grace: float,
    client_factory: ClientFactory | None,
    plan_digest: str | None = None,
    in_doubt: OnDoubt = "tell",
    on_event: Hook | None = None,
    signals: bool = True,
    first: float | None = None,
) -> Summary:
    """Carry what a run has to carry, and keep of it what it keeps; else as `run_job`.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    with keeping.locked():
        if (finished := keeping.find()) is not None:
            return finished
        async with contextlib.AsyncExitStack() as stack:
            run = _JobRun(keeping, stack, in_doubt, on_progress, first)
            try:
                await run.open(_watched(client_factory or from_environment, on_event), table, consent)
                await run.prepare(consent, plan_digest)
                try:
                    await run.carry(grace, signals=signals)
                except Exception as error:  # noqa: BLE001 - a mistake of ours ends as everything else does
                    run.crash(error)
                finally:
                    await run.finish()
            finally:
                await run.wait()
    return run.summary


async def ask_guards(  # noqa: PLR0913, PLR0917 - what guards look at
    keeping: Keeping,
    table: Table | None,
    consent: Consent,
    client_factory: ClientFactory | None,
    plan_digest: str | None,
    opened_in: contextlib.AsyncExitStack,
) -> Table | None:
    """Ask everybody who may refuse a run, forget the run, and return its source, which is read once.

    Raises:
        NetaudienceError: somebody refuses.
    """
    with keeping.locked():
        if keeping.find() is not None:
            return table
        async with contextlib.AsyncExitStack() as stack:
            run = _JobRun(keeping, stack, "tell", None, None)
            try:
                await run.open(client_factory or from_environment, table, consent, opened_in)
                try:
                    await run.ask_guards(consent, plan_digest)
                finally:
                    keeping.drop()
            finally:
                await run.wait()
            return run.opened


def rows_of_first(first: float, prepared: Prepared) -> int:
    """Return how many rows of a step are its first ones."""
    return math.ceil(first * max(0, prepared.rows - prepared.unchanged)) if first < 1 else int(first)


def _watched(factory: ClientFactory, hook: Hook | None) -> ClientFactory:
    """Return what makes clients whose events a hook of the caller's sees as well."""
    if hook is None:
        return factory

    def make(vendor: type[Client], settings: Settings) -> Client:
        both = hook if settings.on_event is None else hooks(settings.on_event, hook)
        return factory(vendor, attrs.evolve(settings, on_event=both))

    return make


class _Peeked(Iterator[list["Page"]]):
    """Pages of which the first was looked at; what reads them is closed as if it had not been."""

    def __init__(self, first: list[Page], pages: Iterator[list[Page]]) -> None:
        self._first = [first] if first else []
        self._pages = pages

    def __next__(self) -> list[Page]:
        return self._first.pop() if self._first else next(self._pages)

    def close(self) -> None:
        """Give free what the reading holds."""
        close: Callable[[], object] | None = getattr(self._pages, "close", None)
        if close is not None:  # a generator has it, another iterator need not
            close()


class _JobRun:
    """One attempt at a run."""

    def __init__(
        self,
        keeping: Keeping,
        stack: contextlib.AsyncExitStack,
        in_doubt: OnDoubt,
        on_progress: OnProgress | None,
        first: float | None,
    ) -> None:
        self._keeping = keeping
        #: The number of rows of each step that are sent, or such a share below 1; None where all are.
        self._first = first
        self._stack = stack
        self._in_doubt: OnDoubt = in_doubt
        self._on_progress = on_progress
        #: The job, and the rows where they are not its source's.
        self._job, self._table = keeping.rows()
        self._threads = Threads()
        self._preparation = Preparation(self._job, keeping, stack)
        self._runners: list[StepRunner] = []
        #: What takes back, when all before it went well.
        self._later: list[tuple[Prepared, Taking, StepRunner]] = []
        self._stage: FanOut | None = None
        self._stages: list[FanOut] = []

    async def open(
        self,
        factory: ClientFactory,
        table: Table | None,
        consent: Consent,
        opened_in: contextlib.AsyncExitStack | None = None,
    ) -> None:
        """Make the clients, and open the source unless it is open.

        Args:
            factory: Makes them.
            table: The source, where it is open; it stays so.
            consent: What the caller agrees to.
            opened_in: Closes the source, where it outlives this run.

        Raises:
            ConfigurationError: the environment or the source is wrong.
            GuardRefused: it is not known from where the source is to be read.
        """
        await self._preparation.make_clients(factory, self._keeping.metrics())
        if self._table is not None:
            return
        if table is None:
            from netaudience.jobs.connectors.rows import Stop  # noqa: PLC0415 - needs the extra `cli`
            from netaudience.jobs.connectors.watermark import EVERYTHING  # noqa: PLC0415 - likewise
            from netaudience.jobs.plan.validate_source import open_checked  # noqa: PLC0415 - likewise

            keeping, stop = self._keeping, Stop()
            kept, beside, since = keeping.kept_source, keeping.beside, EVERYTHING
            if self._job.source.incremental is not None:
                since = await self._threads.call(lambda: self._preparation.since(consent))
            try:
                # Standard input may never end: nobody waits for that.
                table = await Threads().call(
                    lambda: open_checked(self._job, kept=kept, beside=beside, stop=stop, since=since)
                )
            except BaseException:
                stop()
                raise
            (opened_in or self._stack).callback(table.close)
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
        preparation, table = self._preparation, self.opened
        keeping = self._keeping
        try:
            source, count = await self.ask_guards(consent, plan_digest)
            fetched: Path | None = getattr(table, "fetched", None)  # dead letters have none
            if fetched is not None:
                await self._threads.call(functools.partial(keeping.keep_source, fetched))
            self.summary = keeping.begin(count)
            self.summary.is_part = table.is_part
            await self._open_stage(source)
            await self._threads.call(lambda: preparation.open_memories(is_open=True))
            await self._threads.call(keeping.sending)
        except BaseException:
            if self._stage is not None:
                await self._stage.close()
            keeping.drop()
            raise

    async def ask_guards(self, consent: Consent, plan_digest: str | None) -> tuple[str, int | None]:
        """Ask the guards; return what tells the rows from others, and how many there are.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        preparation, table, keeping = self._preparation, self.opened, self._keeping
        source = await self._threads.call(lambda: keeping.source(table))
        keeping.start(
            source,
            {each.step.name: each.digest for each in preparation.steps},
            {each.step.name: each.client.account for each in preparation.steps},
        )
        planned = preparation.is_planned(plan_digest)
        if planned:  # a plan is counted with what the vendor tells
            await preparation.ask_vendors(table.columns)
        count = await self._threads.call(lambda: preparation.guard(table, consent, plan_digest))
        if not planned:
            await preparation.ask_vendors(table.columns)
        return source, count

    @property
    def opened(self) -> Table:
        """The source.

        Raises:
            ConfigurationError: it is not open.
        """
        if self._table is None:
            raise ConfigurationError("The source is not open")
        return self._table

    async def _open_stage(self, source: str) -> None:
        steps = self._preparation.steps
        earlier = self._keeping.costs()
        for prepared in steps:
            self._runners.append(self._runner(prepared, None, source, earlier))
        from netaudience.jobs.deliver import mappers  # noqa: PLC0415 - needs the extra `cli`

        makers = [mappers.mapper_of(prepared) for prepared in steps]
        pages = self.opened.read([mappers.selection_of_items(prepared) for prepared in steps])
        if self.opened.columns:  # dead letters have none, and were looked at when they were rows
            pages = await self._threads.call(lambda: self._looked_at(pages))
        most = None if self._first is None else [rows_of_first(self._first, each) for each in steps]
        await self._open(FanOut(self._runners, pages, makers, self._threads, most=most))
        for prepared in steps:
            for taking in prepared.takings():
                runner = self._runner(prepared, taking, source, earlier)
                runner.summary.takes_back = True
                self._later.append((prepared, taking, runner))
        self.summary.steps = [runner.summary for runner in self._all]

    def _looked_at(self, pages: Iterator[list[Page]]) -> Iterator[list[Page]]:
        """Look at the first rows of steps that take ids, and give them all the same.

        Raises:
            ConfigurationError: they are e-mail addresses.
        """
        from netaudience.jobs.plan.validate_source import check_first, takes_for_ids  # noqa: PLC0415 - needs the extra `files`

        steps = self._preparation.steps
        if not any(takes_for_ids(each.step, each.operation) for each in steps):
            return pages
        none: list[Page] = []
        first = next(pages, none)
        for prepared, page in zip(steps, first, strict=False):
            check_first(prepared.step, prepared.operation, page)
        return _Peeked(first, pages)

    def _runner(
        self,
        prepared: Prepared,
        taking: Taking | None,
        source: str,
        earlier: Mapping[str, StepSummary],
    ) -> StepRunner:
        step = prepared.step
        name = step.name if taking is None else taking.name
        order = Order(
            name=name,
            client=prepared.client,
            operation=prepared.operation if taking is None else taking.operation,
            arguments=step.arguments if taking is None else taking.arguments,
            mode=step.mode,
            journal=self._keeping.journal(name),
            notes=self._keeping.notes,
            source=f"{source}:{prepared.digest}",
            in_doubt=self._in_doubt,
            guard=RejectedGuard(name, self._job.guards.max_rejected),
            known=self._keeping.known(name),
            rows=prepared.rows if taking is None else taking.rows,
            unchanged=prepared.unchanged if taking is None else 0,
            remembers=prepared.snapshot is not None,
            again=self._keeping.again is not None,
            time_zone=self._job.source.time_zone,
            on_answer=self._keeping.on_answer,
            on_row=self._keeping.on_row,
            earlier=earlier.get(name),
        )
        self._keeping.rejects.on_broken = self._stop
        return StepRunner(order, self._keeping.rejects, self._stop)

    @property
    def _all(self) -> list[StepRunner]:
        return [*self._runners, *(runner for *_, runner in self._later)]

    async def carry(self, grace: float, *, signals: bool) -> None:
        """Carry all rows to their end, or to an interruption; then take back what is gone."""
        from netaudience.jobs.deliver import mappers  # noqa: PLC0415 - needs the extra `cli`

        now = asyncio.get_running_loop().time()
        for prepared in self._preparation.steps:
            prepared.metrics.resume(now)  # one time for all steps
        watching = asyncio.create_task(self._watch(), name="netaudience progress")
        interruption = Interruption(self._interrupted, self._leave, grace=grace)
        try:
            with interruption if signals else contextlib.nullcontext():
                await self._run_stage()
                for prepared, taking, runner in self._later:
                    if self._goes_on(prepared):
                        mapper = mappers.removal_mapper_of(prepared, runner.order.operation)
                        await self._open(FanOut([runner], prepared.removals(taking), [mapper], self._threads))
                        await self._threads.call(self._keeping.opened)
                        await self._run_stage()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _open(self, stage: FanOut) -> None:
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
        for runner in self._all:
            runner.count(at_the_end=True)
        own = self._own_runner(prepared).summary
        guarded = any(runner.summary.stopped_code == ExitCode.GUARDED for runner in self._all)
        return self.summary.signal is None and own.exhausted and own.stopped is None and not guarded

    def _own_runner(self, prepared: Prepared) -> StepRunner:
        return self._runners[self._preparation.steps.index(prepared)]

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
                self._save()
                await self._remember()

    def _look(self) -> None:
        for runner in self._all:
            runner.count(at_the_end=False)
        if self._on_progress is not None:
            self._on_progress(self.summary)

    def _save(self) -> None:
        metrics = {each.step.name: each.metrics for each in self._preparation.steps}
        self._keeping.save(self.summary, metrics)

    async def _remember(self) -> bool:
        """Write down which rows were delivered, for the next run; return whether all of them are."""
        owned = [(prepared, self._own_runner(prepared)) for prepared in self._preparation.steps]
        later = [(prepared, runner) for prepared, _, runner in self._later]
        for prepared, runner in [*owned, *later]:
            if prepared.snapshot is None:
                continue
            delivered, doubtful = runner.take_delivered()
            if runner in self._runners:
                settled = {"delivered": delivered, "doubtful": doubtful}
            else:
                settled = {"removed": delivered}
            commit = prepared.snapshot.commit if self._keeping.again is None else prepared.snapshot.recall
            try:
                await self._threads.call(functools.partial(commit, **settled))  # type: ignore[arg-type] # keys or numbers, as the runner takes them
            except NetaudienceError as error:
                if str(error) not in self.summary.unwritten:
                    self.summary.unwritten.append(str(error))
        return not self.summary.unwritten

    def _is_settled(self) -> bool:
        """Return whether nothing that was read, or is to be taken back, has to be sent once more."""
        if self._job.source.incremental is None or self._keeping.again is not None:
            return False
        held = any(one.differences and one.differences.held_back for one in self._preparation.steps)
        settled = all(one.summary.finished and not one.summary.in_doubt for one in self._all)
        return settled and not held and self.summary.signal is None

    def crash(self, error: Exception) -> None:
        """Stop every step that has not come to its end, for a mistake of ours."""
        for runner in self._all:
            runner.count(at_the_end=True)
            if not runner.summary.finished:
                runner.crash(error)

    async def finish(self) -> None:
        """Tell what became of the run; what cannot be written is reported in the summary."""
        summary, keeping = self.summary, self._keeping
        for runner in self._all:
            runner.count(at_the_end=True)
            keeping.left(runner)
        if await self._remember():
            with contextlib.suppress(NetaudienceError):  # the next run then asks what became of this one
                await self._threads.call(lambda: self._preparation.open_memories(is_open=False))
                if self._is_settled():
                    await self._threads.call(
                        lambda: self._preparation.keep_reading(self.opened, summary.started)
                    )
        for runner in self._all:
            done = runner.summary
            done.accepted = bool(done.rejected) and accepts(done.rejected, done.total, self._job.guards)
            runner.order.known.save(whole=done.exhausted and not self.summary.is_part)
        for prepared in self._preparation.steps:
            done = self._own_runner(prepared).summary
            done.notes = prepared.notes()
            if prepared.differences is not None:
                done.added, done.changed = prepared.differences.added, prepared.differences.changed
        table = self._table  # the undelivered rows of a run, where those are sent again, have no lines
        summary.notes = list(getattr(table, "notes", ()))
        summary.source_lines = getattr(table, "lines", None)
        self._save()
        summary.ended = datetime.now(UTC).isoformat(timespec="seconds")
        keeping.finish(summary, {runner.summary.name: runner.feed.left_at for runner in self._all})
        try:
            await self._threads.call(lambda: keeping.publish(summary))
        except SourceFailed:  # there is no thread for it, and nothing is left that it could hold up
            keeping.publish(summary)
        if self._on_progress is not None:
            self._on_progress(summary)
