"""A run of a job, and all around it: who is notified, what is made first, what is looked at afterwards.

`Job.run` calls it, for Python and for the command.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from netaudience.client import ClientFactory
from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError
from netaudience.events import Hook
from netaudience.jobs.deliver.carry_out import OnProgress, ask_guards, carry_out
from netaudience.jobs.deliver.kept import Kept
from netaudience.jobs.deliver.stored import keep_state, stored
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.deliver.whole_lists import replace_lists
from netaudience.jobs.plan.destinations import find_or_make, unplaced
from netaudience.jobs.plan.own_opt_outs import ask_for_opt_outs
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.refused import remember_refused
from netaudience.jobs.state.run_folder import job_folder
from netaudience.jobs.state.summary import Summary

if TYPE_CHECKING:
    from netaudience.jobs.deliver.elsewhere import Elsewhere
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.state_store import StateStore


async def run_job(  # noqa: C901, PLR0913 - the options of a run, in its order
    job: JobFile,
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
    on: Elsewhere | None = None,
) -> Summary:
    """Run a job, or go on with one of its runs, and return what became of every row.

    The arguments are those of `Job.run`, which is the door for programs and says what each means.

    Raises:
        ConfigurationError: the job, the environment or the run to go on with is wrong; nothing was sent.
        GuardRefused: a guard refused; nothing was sent.
        JournalFailed: the run's folder cannot be written; nothing was sent.
    """
    from netaudience.jobs.notify.notifier import Notifier  # noqa: PLC0415 - costs a program's start

    if job.source.suppression is not None and (retry is not None or table is not None):
        raise ConfigurationError(
            "A job with [suppression] reads its own source alone, for only there it knows who is held "
            "back: run it anew, which with changed-only or mirror sends again what was not delivered"
        )
    if on is not None:
        alone: dict[str, object] = {"resume": resume, "retry": retry, "on_event": on_event, "table": table}
        alone |= {"plan_digest": plan_digest, "client_factory": client_factory, "first": first}
        alone |= {"verify_after": verify_after, "in_doubt": None if in_doubt == "tell" else in_doubt}
        on.check(job, [name for name, value in alone.items() if value is not None])
    notifier, threads = Notifier(job), Threads()

    async def failed(error: Exception) -> None:
        if resume is None:  # a run that was to be gone on with has a folder of its own
            remember_refused(job_folder(job), job.name, error)
        await threads.call(lambda: notifier.failed(error))

    async def attempt(store: StateStore | None, resume: str | None, first: float | None) -> Summary:
        kept = Kept(job, resume=resume, retry=retry, in_doubt=in_doubt, report=report, store=store)
        if on is not None:
            return await on.carry(kept, consent or Consent(), on_progress)
        return await carry_out(
            kept,
            table=table,
            on_progress=on_progress,
            on_event=on_event,
            consent=consent or Consent(),
            plan_digest=plan_digest,
            in_doubt=in_doubt,
            grace=grace,
            client_factory=client_factory,
            signals=signals,
            first=first,
        )

    await threads.call(notifier.begin)
    async with contextlib.AsyncExitStack() as stack:
        try:
            job = await find_or_make(job, client_factory, make=False)
            store = await stack.enter_async_context(stored(job))
            await ask_for_opt_outs(job, client_factory, resume=resume)
            if unplaced(job):  # whoever refuses does so before anything is made at a vendor
                trial = Kept(job, resume=resume, retry=retry, in_doubt=in_doubt, report=False)
                agreed = consent or Consent()
                table = await ask_guards(trial, table, agreed, client_factory, plan_digest, stack)
                job = await find_or_make(job, client_factory)
            summary = await attempt(store, resume, first)
        except Exception as error:
            await failed(error)
            raise
        if first is not None or any(step.verify for step in job.steps):
            from netaudience.jobs.deliver.canary import LookAfter  # noqa: PLC0415 - only where somebody looks

            look = LookAfter(job, client_factory, verify_after, report=report)
            if first is not None and await look.lets_go_on(summary):
                seen = summary.verified
                try:
                    summary = await attempt(store, summary.folder, None)
                except Exception as error:
                    await threads.call(functools.partial(notifier.failed, error))
                    raise
                summary.verified = seen
            await look.at_the_end(summary)
        await replace_lists(job, summary, table, client_factory)
        if job.results is not None:
            from netaudience.jobs.results.write import keep_results  # noqa: PLC0415 - needs the extra `cli`

            await threads.call(lambda: keep_results(job, summary))
        await keep_state(store, summary)
        await threads.call(lambda: notifier.ended(summary))
    return summary
