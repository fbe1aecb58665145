"""A look afterwards: what a run has delivered is read back from the vendor and compared with what was sent.

The vendor's success says that it has accepted something. Here a share of the delivered rows, or all of them,
is asked for by the vendor's own look-up, under the same limits. What differs is written down as dead letters,
so that `netaudience retry` sends it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from netaudience.client import Client, ClientFactory, from_environment
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound
from netaudience.jobs.deliver.differing import Differing, order_of
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.prepare import Prepared, Taking
from netaudience.jobs.deliver.sent_rows import SentRow, SentRows, kept_source, prepare_again, why_unknown
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.plan.validate_source import open_checked
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.run_folder import RunFolder, RunStart, job_folder
from netaudience.jobs.state.summary import read_summary
from netaudience.jobs.state.verified import StepVerified, Verified, write_verified
from netaudience.operations.readback import NotReadable, ReadBack, Sent, answer_to
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.operations.schemas import Answers

#: This many rows at least are looked at, of a small run all.
FEW = 10
#: Rows that wait to be asked for, and questions that are under way; the vendor's own limits hold besides.
_WAITING, _AT_ONCE = 100, 16
_LOST = "the source has changed since the run, and does not have the row any more as it was sent"


async def verify_run(  # noqa: PLR0913 - the options of a look
    job: JobFile,
    run: str | RunFolder = "latest",
    *,
    share: float | None = 0.01,
    after: float = 0.0,
    client_factory: ClientFactory | None = None,
    table: Table | None = None,
    now: datetime | None = None,
) -> Verified:
    """Read back what a run has delivered, and compare it with what was sent.

    Args:
        job: The run's job.
        run: The run: its folder, its id, or ``latest``.
        share: The share of the delivered rows that are looked at, 0 to 1, and a few at least; None where
            the steps say it, of which others are not looked at.
        after: Seconds to wait before.
        client_factory: Makes a step's client; from the environment if not given.
        table: The source, opened already; it stays open.
        now: What the clock says.

    Raises:
        ConfigurationError: there is no such run, or its source cannot be read.
    """
    folder = run if isinstance(run, RunFolder) else find_run(run, [job_folder(job)])
    start = folder.start()
    if start.job != job.name:
        raise ConfigurationError(f"The run {folder.id} is of the job {start.job!r}, not of {job.name!r}")
    if start.again is not None:
        raise ConfigurationError(
            f"The run {folder.id} has sent what the run {start.again} did not deliver: look at that one"
        )
    if after > 0:
        await asyncio.sleep(after)
    moment = now or datetime.now(UTC)
    verified = Verified(run=folder.id, time=moment.isoformat(timespec="seconds"))
    async with contextlib.AsyncExitStack() as stack:
        if table is None:
            table = await Threads().call(lambda: open_checked(job, kept=kept_source(folder, job)))
            stack.callback(table.close)
        letters = stack.enter_context(Differing(folder))
        look = _Look(job, folder, start, table, letters, _age(folder, moment))
        factory = client_factory or from_environment
        for step in job.steps:
            wanted = step.verify if share is None else share
            if wanted is not None:
                verified.steps += await look.step(step, wanted, factory, stack)
    write_verified(folder, verified)
    return verified


def _age(run: RunFolder, now: datetime) -> float:
    """Return how long ago the run has sent its last row, in seconds."""
    summary = read_summary(run.summary)
    ended = None if summary is None else summary.ended
    return 0.0 if ended is None else (now - datetime.fromisoformat(ended)).total_seconds()


class _Look:
    """A look at one run."""

    def __init__(  # noqa: PLR0913, PLR0917 - what there is to be known
        self,
        job: JobFile,
        run: RunFolder,
        start: RunStart,
        table: Table,
        letters: Differing,
        age: float,
    ) -> None:
        self._job = job
        self._run = run
        self._start = start
        self._table = table
        self._letters = letters
        self._age = age
        self._threads = Threads()
        self._quotas = store_of(job.quotas)  # the limits that processes share hold for reads as well
        self._fingerprint: str | None = None
        self._answers: Answers = {}

    async def step(
        self, step: Step, share: float, factory: ClientFactory, stack: contextlib.AsyncExitStack
    ) -> list[StepVerified]:
        """Look at what one step has delivered, and at what it has taken back if it is a mirror."""
        vendor, _ = carried_operation(step.vendor, step.operation)
        looked = self._looks(step, vendor)
        open_ones = [
            outcome for outcome in looked if _fact(vendor, outcome) is not None and outcome.delivered
        ]
        if not open_ones:
            return looked
        problem = await self._problem(step)
        if problem is None:
            retry = RetryPolicy(outage_patience=self._job.patience)
            settings = Settings(
                rate=step.rate,
                in_flight=step.in_flight,
                retry=retry,
                quotas=self._quotas,
                account=self._job.quotas.account,
            )
            client = await stack.enter_async_context(factory(vendor, settings))
            if self._start.accounts.get(step.name, client.account) != client.account:
                problem = "the run was sent to another account, or to another base URL: set those back"
            else:
                prepared = await prepare_again(self._job, step, client, self._start, self._answers)
                await self._compare(prepared, share, open_ones)
        for outcome in open_ones if problem is not None else ():
            outcome.problem = problem
        return looked

    def _looks(self, step: Step, vendor: type[Client]) -> list[StepVerified]:
        """Return what the looks at a step, and at what it took back, are reported in."""
        summary = read_summary(self._run.summary)
        outcome = () if summary is None else summary.steps
        looks = [StepVerified(name=step.name, vendor=step.vendor, operation=step.operation)]
        for one in outcome:
            if one.name == step.name:
                looks[0].delivered = one.delivered
            elif one.takes_back and one.delivered and one.name.startswith(f"{step.name} removal"):
                more = StepVerified(name=one.name, vendor=one.vendor, operation=one.operation)
                more.takes_back, more.delivered = True, one.delivered
                looks.append(more)
        for look in looks:
            _fill_in(look, vendor)
        return looks

    async def _problem(self, step: Step) -> str | None:
        """Say why nobody knows what was sent, if so."""
        if self._fingerprint is None:
            self._fingerprint = await self._threads.call(self._table.fingerprint)
        return why_unknown(self._start, step, self._fingerprint)

    async def _compare(self, prepared: Prepared, share: float, looked: list[StepVerified]) -> None:
        """Find out what was sent, and read it back."""
        loop, folder = asyncio.get_running_loop(), job_folder(self._job)
        # What was sent is read by the thread that has opened it.
        with ThreadPoolExecutor(1, "netaudience") as one:
            try:
                sent = await loop.run_in_executor(
                    one, partial(SentRows, prepared, self._run, self._table, folder)
                )
            except NetaudienceError as error:
                for outcome in looked:
                    outcome.problem = str(error)
                return
            try:
                takings = {taking.name: taking for taking in await loop.run_in_executor(one, sent.takings)}
                for outcome in looked:
                    taking = takings.get(outcome.name)
                    if taking is None and sent.delivered is not None:
                        outcome.delivered = sent.delivered
                    enough = max(share, FEW / max(outcome.delivered, 1))
                    rows = sent.rows(enough) if taking is None else sent.taken_back(taking, enough)
                    await self._read_back(prepared, taking, rows, outcome, one)
                    if taking is None:
                        lost = await loop.run_in_executor(one, partial(sent.lost, enough))
                        outcome.chosen += lost
                        outcome.count("unreadable", _LOST if lost else "", lost)
            finally:
                await loop.run_in_executor(one, sent.close)

    async def _read_back(
        self,
        prepared: Prepared,
        taking: Taking | None,
        rows: Generator[SentRow],
        outcome: StepVerified,
        one: ThreadPoolExecutor,
    ) -> None:
        """Ask for rows, as many at a time as the vendor's limits allow."""
        client, step = prepared.client, prepared.step
        arguments = step.arguments if taking is None else taking.arguments
        fact = _fact(type(client), outcome)
        queue: asyncio.Queue[SentRow | None] = asyncio.Queue(_WAITING)
        order = order_of(prepared, taking, self._job)

        async def feed() -> None:
            loop = asyncio.get_running_loop()
            try:
                while (row := await loop.run_in_executor(one, next, rows, None)) is not None:
                    await queue.put(row)
            except NetaudienceError as error:
                outcome.problem = str(error)
            finally:
                await loop.run_in_executor(one, rows.close)
            await queue.put(None)

        async def ask() -> None:
            while (row := await queue.get()) is not None:
                outcome.chosen += 1
                seen, why = await self._seen(client, fact, row, arguments, outcome)
                outcome.count(seen, why)
                self._letters.tell(order, row, seen, takes_back=outcome.takes_back)
            await queue.put(None)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed())
            for _ in range(_AT_ONCE):
                tasks.create_task(ask())

    async def _seen(
        self,
        client: Client,
        fact: ReadBack | None,
        row: SentRow,
        arguments: Mapping[str, object],
        outcome: StepVerified,
    ) -> tuple[str, str]:
        """Return what is seen of a row, and why where it cannot be read."""
        asked = None if fact is None else fact.ask(row.item, arguments)
        if fact is None or asked is None:
            return "unreadable", "the row names nobody who can be asked for"
        outcome.read_by = asked.operation
        try:
            answer = await answer_to(client, asked)
        except NotFound:
            answer = None
        except NetaudienceError as error:
            return "unreadable", str(error)
        seen = fact.judge(row.item, arguments, answer)
        names, is_all = fact.passed_over(cast("Sent", row.item))
        outcome.pass_over(names)
        if seen != "landed" and self._age < fact.settles.value:
            outcome.settles_in = fact.settles.value - self._age
            return "not_yet", ""
        if seen == "landed" and is_all:
            return "unreadable", "nothing of the row can be compared"
        return seen, ""


def _fill_in(look: StepVerified, vendor: type[Client]) -> None:
    """Say by which page a look goes, and all of it where nothing can be read back."""
    operation = look.operation.replace("-", "_")
    docs = vendor.operations()[operation].facts.docs
    fact = vendor.read_backs.get(operation) or NotReadable("nobody has said how it is read back", docs)
    look.docs = fact.docs
    if isinstance(fact, NotReadable) and look.delivered:
        look.chosen = look.delivered
        look.count("unreadable", fact.why, look.delivered)


def _fact(vendor: type[Client], outcome: StepVerified) -> ReadBack | None:
    """Return the look-up that shows what was sent, if there is one."""
    fact = vendor.read_backs.get(outcome.operation.replace("-", "_"))
    return fact if isinstance(fact, ReadBack) else None
