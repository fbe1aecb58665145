"""A job that can be read, planned and run: the door for programs.

The command goes through it, and so does a task of a scheduler. What a job says is in `spec.model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from netaudience.jobs.spec.model import JobFile

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.engine.journal import OnDoubt
    from netaudience.events import Hook
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.jobs.deliver.elsewhere import Elsewhere, Session
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.plan.plan import OnLook, Plan
    from netaudience.jobs.spec.guards import Consent
    from netaudience.jobs.state.letters import Outlet
    from netaudience.jobs.state.summary import Summary
    from netaudience.jobs.state.verified import Verified


@attrs.frozen(kw_only=True)
class Job(JobFile):
    """A job file, ready to be planned and run."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a job file.

        Raises:
            ConfigurationError: something in it is wrong; all of it is reported at once, by line.
        """
        from netaudience.jobs.spec.parse import read_job  # noqa: PLC0415 - costs a program's start

        job = read_job(path)
        return cls(**{field.name: getattr(job, field.name) for field in attrs.fields(cls)})

    def plan(self, *, on_look: OnLook | None = None) -> Plan:
        """Look at the source and say what a run would send; nothing is sent.

        Args:
            on_look: Called with the step that is planned and how many of its rows were read so far.

        Raises:
            ConfigurationError: the source cannot be read as the job says.
        """
        from netaudience.jobs.plan.plan import plan_job  # noqa: PLC0415 - needs the vendors

        return plan_job(self, on_look=on_look)

    async def run(  # noqa: PLR0913 - the options of a run
        self,
        *,
        resume: str | None = None,
        retry: str | None = None,
        on_progress: OnProgress | None = None,
        on_event: Hook | None = None,
        consent: Consent | None = None,
        plan_digest: str | None = None,
        in_doubt: OnDoubt = "tell",
        grace: float = 20.0,
        client_factory: ClientFactory | None = None,
        table: Table | None = None,
        signals: bool = True,
        report: bool = True,
        first: float | None = None,
        verify_after: float | None = None,
        on: Session | None = None,
    ) -> Summary:
        """Run the job and return what became of every row.

        Look at ``summary.ok``, or call ``summary.raise_for_undelivered()``: rows that were not delivered, and
        a run that was stopped or interrupted, raise nothing here.

        Args:
            resume: The run to go on with: its id, the path of its folder, or ``latest``.
            retry: The run whose undelivered rows are sent again, by a run of their own.
            on_progress: Called with the counts so far, twice a second, at a signal and at the end.
            on_event: Called with the events of all steps' clients, as `Settings.on_event` is.
            consent: What the caller agrees to, for operations that lose data.
            plan_digest: Refuse to run what is not this plan.
            in_doubt: ``resend`` sends again what was under way when an earlier process died; it may then be
                there twice.
            grace: Seconds that requests under way have after the first signal.
            client_factory: Makes a step's client; from the environment if not given.
            table: The source, opened already, or Python's own data; it stays open.
            signals: Whether SIGINT and SIGTERM end the run in order, where it is run in the main thread.
            report: Whether ``report.html`` is written.
            first: Rows of each step, or a share of them below 1, that are delivered and read back before the
                rest is sent; where too many of them are something else, the run stops there.
            verify_after: Seconds to wait before delivered rows are read back; as long as the vendor says
                that it takes, and a minute at the most, if not given.
            on: A SparkSession, whose executors send the rows: the source is a table, a query or files that
                it reads. What a job cannot have there is refused.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        from netaudience.jobs.deliver.runner import run_job  # noqa: PLC0415 - needs the vendors

        engine: Elsewhere | None = None
        if on is not None:
            from netaudience.jobs.spark.cluster import Cluster  # noqa: PLC0415 - only who has a session needs it

            engine = Cluster(on)
        return await run_job(
            self,
            resume=resume,
            retry=retry,
            on_progress=on_progress,
            on_event=on_event,
            consent=consent,
            plan_digest=plan_digest,
            in_doubt=in_doubt,
            grace=grace,
            client_factory=client_factory,
            table=table,
            signals=signals,
            report=report,
            first=first,
            verify_after=verify_after,
            on=engine,
        )

    async def verify(
        self,
        run: str = "latest",
        *,
        share: float = 0.01,
        after: float = 0.0,
        client_factory: ClientFactory | None = None,
    ) -> Verified:
        """Read back what a run has delivered, and compare it with what was sent.

        What differs is in the run's ``verify.jsonl``, as dead letters that ``netaudience retry`` sends again.

        Args:
            run: The run: its id, the path of its folder, or ``latest``.
            share: The share of the delivered rows that are looked at, 0 to 1; a few at least.
            after: Seconds to wait before.
            client_factory: Makes a step's client; from the environment if not given.

        Raises:
            ConfigurationError: there is no such run, or its source cannot be read.
        """
        from netaudience.jobs.deliver.stored import stored  # noqa: PLC0415 - costs a program's start
        from netaudience.jobs.deliver.verify import verify_run  # noqa: PLC0415 - needs the vendors
        from netaudience.jobs.plan.destinations import find_or_make  # noqa: PLC0415 - likewise

        job = await find_or_make(self, client_factory, make=False)
        async with stored(job):
            return await verify_run(job, run, share=share, after=after, client_factory=client_factory)

    async def repair(  # noqa: PLR0913 - the options of a run
        self,
        verified: Verified,
        *,
        outlet: Outlet | None = None,
        on_progress: OnProgress | None = None,
        consent: Consent | None = None,
        grace: float = 20.0,
        client_factory: ClientFactory | None = None,
        signals: bool = True,
    ) -> Summary:
        """Send the rows again that a look has found to be different, or whose users are gone.

        Look again when it has settled: what has landed then is landed.

        Args:
            verified: What `verify` has returned, the last look at its run.
            outlet: Takes the rows that are not delivered this time either, as lines of dead letters;
                ``repair.jsonl`` in the run's folder if not given.
            on_progress: Called with the counts so far, twice a second, at a signal and at the end.
            consent: What the caller agrees to, for operations that lose data.
            grace: Seconds that requests under way have after the first signal.
            client_factory: Makes a step's client; from the environment if not given.
            signals: Whether SIGINT and SIGTERM end it in order, where it is run in the main thread.

        Raises:
            GuardRefused: more rows differ than the job's ``max-rejected``, or nothing does, or they were sent
                again before; nothing was sent.
            ConfigurationError: there is no such run, or the list of what differs cannot be read.
        """
        from netaudience.jobs.deliver.repair import repair_run  # noqa: PLC0415 - needs the vendors
        from netaudience.jobs.deliver.stored import stored  # noqa: PLC0415 - costs a program's start
        from netaudience.jobs.plan.destinations import find_or_make  # noqa: PLC0415 - likewise
        from netaudience.jobs.state.find_run import find_run  # noqa: PLC0415 - likewise
        from netaudience.jobs.state.run_folder import job_folder  # noqa: PLC0415 - likewise

        job = await find_or_make(self, client_factory, make=False)
        async with stored(job):
            return await repair_run(
                job,
                find_run(verified.run, [job_folder(job)]),
                verified,
                outlet,
                on_progress=on_progress,
                consent=consent,
                grace=grace,
                client_factory=client_factory,
                signals=signals,
            )
