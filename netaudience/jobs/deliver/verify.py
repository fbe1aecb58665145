"""A look afterwards: what a run has delivered is read back from the vendor and compared with what was sent.

The vendor's success says that it has accepted something. Here a share of the delivered rows, or all of them,
is asked for by the vendor's own look-up, under the same limits. What differs is written down as dead letters,
so that `netaudience retry` sends it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from netaudience.client import Client
from netaudience.dead_letter import Fate, Why
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.letter import letter_of
from netaudience.jobs.deliver.order import Order
from netaudience.jobs.deliver.prepare import ClientFactory, Prepared
from netaudience.jobs.deliver.sent_rows import SentRow, is_chosen, sent_rows
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.extract.fetch import is_fetched, kept_in
from netaudience.jobs.plan.preflight import ask_vendor
from netaudience.jobs.plan.validate_source import open_checked
from netaudience.jobs.spec.guards import RejectedGuard
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.metrics import Metrics
from netaudience.jobs.state.repeating import mark_of
from netaudience.jobs.state.run_folder import RunFolder, RunStart, job_folder
from netaudience.jobs.state.summary import read_summary
from netaudience.jobs.state.verified import StepVerified, Verified, write_verified
from netaudience.operations.dispatch import Operation
from netaudience.operations.readback import Ask, NotReadable, ReadBack
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.operations.schemas import Answers

__all__ = ["FEW", "verify_run"]

#: So many rows at least are looked at, of a small run all.
FEW = 10
#: Rows that wait to be asked for, and questions that are under way; the vendor's own limits hold besides.
_WAITING, _AT_ONCE = 100, 16
_SENTENCES: Mapping[str, str] = {
    "different": "The vendor has taken it, and shows something else",
    "gone": "The vendor has taken it, and shows nobody whom it is about",
    "not_yet": "The vendor does not show it yet, and may still be at it",
}


async def verify_run(  # noqa: PLR0913 - what a look may be told
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
            table = await Threads().call(lambda: open_checked(job, kept=_kept(folder, job)))
            stack.callback(table.close)
        letters = stack.enter_context(_Letters(folder))
        look = _Look(job, folder, start, table, letters, _age(folder, moment))
        factory = client_factory or _client
        for step in job.steps:
            wanted = step.verify if share is None else share
            if wanted is not None:
                verified.steps.append(await look.step(step, wanted, factory, stack))
    write_verified(folder, verified)
    return verified


def _kept(run: RunFolder, job: JobFile) -> Path | None:
    """Return where the rows are that the run has sent, where they are not in files of their own.

    Raises:
        ConfigurationError: they are gone.
    """
    if not is_fetched(job.source):
        return None
    if kept_in(run.source) is None:
        raise ConfigurationError(
            f"What the run {run.id} has read of its source was kept until a newer run came to its end: look "
            "at the newest one"
        )
    return run.source


def _client(vendor: type[Client], settings: Settings) -> Client:
    return vendor.from_environment(settings=settings)


def _age(run: RunFolder, now: datetime) -> float:
    """Return how long ago the run has sent its last row, in seconds."""
    summary = read_summary(run.summary)
    ended = None if summary is None else summary.ended
    return 0.0 if ended is None else (now - datetime.fromisoformat(ended)).total_seconds()


class _Letters:
    """Writes the rows that are not as they were sent, in the place of those of an earlier look."""

    def __init__(self, run: RunFolder) -> None:
        self._path = run.differing
        self._part = run.differing.with_name(f"{run.differing.name}.part")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is not None or not self.written:
            self._part.unlink(missing_ok=True)
        mark_of(self._path).unlink(missing_ok=True)  # the list is another one now
        if kind is None and self.written:
            self._part.replace(self._path)
        elif kind is None:
            self._path.unlink(missing_ok=True)

    def write(self, line: bytes) -> None:
        """Write a line."""
        self._file.write(line)
        self.written += 1


class _Look:
    """A look at one run."""

    def __init__(  # noqa: PLR0913, PLR0917 - what there is to be known
        self,
        job: JobFile,
        run: RunFolder,
        start: RunStart,
        table: Table,
        letters: _Letters,
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
        self._same: bool | None = None
        self._answers: Answers = {}

    async def step(
        self, step: Step, share: float, factory: ClientFactory, stack: contextlib.AsyncExitStack
    ) -> StepVerified:
        """Look at what one step has delivered."""
        vendor, operation = carried_operation(step.vendor, step.operation)
        told = StepVerified(name=step.name, vendor=step.vendor, operation=step.operation)
        told.delivered = self._delivered(step.name)
        fact = vendor.read_backs.get(operation.name)
        if fact is None:
            fact = NotReadable("nobody has said how it is read back", operation.facts.docs)
        told.docs = fact.docs
        if not told.delivered:
            return told
        if isinstance(fact, NotReadable):
            told.chosen = told.unreadable = told.delivered
            told.reasons = {fact.why: told.delivered}
            return told
        if (problem := await self._problem(step)) is not None:
            told.problem = problem
            return told
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
            told.problem = "the run was sent to another account, or to another base URL: set those back"
            return told
        prepared = await self._prepared(step, operation, client)
        rows = sent_rows(prepared, self._run, self._table, job_folder(self._job))
        await self._read_back(prepared, fact, rows, told, max(share, FEW / told.delivered))
        return told

    def _delivered(self, step: str) -> int:
        summary = read_summary(self._run.summary)
        steps = () if summary is None else summary.steps
        return next((one.delivered for one in steps if one.name == step), 0)

    async def _problem(self, step: Step) -> str | None:
        """Say why nobody knows what was sent, if so."""
        if self._start.steps.get(step.name) != step.digest:
            return "the step has changed since the run: put it back as it was"
        if self._same is None:
            fingerprint = await self._threads.call(self._table.fingerprint)
            self._same = fingerprint == self._start.source
        if not self._same:
            return "the source has changed since the run, so what was sent is not known any more"
        return None

    async def _prepared(self, step: Step, operation: Operation, client: Client) -> Prepared:
        prepared = Prepared(step, operation, client, Metrics(), step.digest)
        prepared.time_zone = self._job.source.time_zone
        if step.mode == "mirror" and step.removal is not None:
            _, prepared.removal = carried_operation(step.vendor, step.removal)
        if self._start.preflight:
            prepared.preflight = await ask_vendor(client, step, self._answers)
        return prepared

    async def _read_back(
        self,
        prepared: Prepared,
        fact: ReadBack,
        rows: Generator[SentRow],
        told: StepVerified,
        share: float,
    ) -> None:
        """Ask for rows, as many at a time as the vendor's limits allow."""
        client, step = prepared.client, prepared.step
        queue: asyncio.Queue[SentRow | None] = asyncio.Queue(_WAITING)
        order = _order(prepared, self._job)

        def next_row() -> SentRow | None:
            return next((row for row in rows if is_chosen(self._run.id, row.row["row"], share)), None)

        async def feed() -> None:
            loop = asyncio.get_running_loop()
            with ThreadPoolExecutor(
                1, "netaudience"
            ) as one:  # a journal is read by the thread that opened it
                try:
                    while (row := await loop.run_in_executor(one, next_row)) is not None:
                        await queue.put(row)
                except NetaudienceError as error:
                    told.problem = str(error)
                finally:
                    await loop.run_in_executor(one, rows.close)
            await queue.put(None)

        async def ask() -> None:
            while (row := await queue.get()) is not None:
                told.chosen += 1
                seen, why = await self._seen(client, fact, row, step.arguments, told)
                told.count(seen, why)
                if seen in _SENTENCES:
                    why_not = Why("vendor", _SENTENCES[seen])
                    letter = letter_of(order, row.row, row.key, cast("Fate", seen), why_not)
                    self._letters.write(letter.to_line())
            await queue.put(None)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed())
            for _ in range(_AT_ONCE):
                tasks.create_task(ask())

    async def _seen(
        self,
        client: Client,
        fact: ReadBack,
        row: SentRow,
        arguments: Mapping[str, object],
        told: StepVerified,
    ) -> tuple[str, str]:
        """Return what is seen of a row, and why where it cannot be read."""
        asked = fact.ask(row.item, arguments)
        if asked is None:
            return "unreadable", "the row names nobody who can be asked for"
        told.read_by = asked.operation
        try:
            answer = await _answer(client, asked)
        except NotFound:
            answer = None
        except NetaudienceError as error:
            return "unreadable", str(error)
        seen = fact.judge(row.item, arguments, answer)
        if seen != "landed" and self._age < fact.settles.value:
            return "not_yet", ""
        return seen, ""


def _order(prepared: Prepared, job: JobFile) -> Order:
    step = prepared.step
    return Order(
        name=step.name,
        client=prepared.client,
        operation=prepared.operation,
        arguments=step.arguments,
        mode=step.mode,
        source="",
        guard=RejectedGuard(step.name, job.guards.max_rejected),
        remembers=step.mode != "all",
        time_zone=prepared.time_zone,
    )


async def _answer(client: Client, asked: Ask) -> Any:  # noqa: ANN401 - what the operation answers
    """Ask one question and return the answer: of pages their rows, of a batch that of its request."""
    bound: Any = getattr(client, asked.operation)
    operation = client.operations()[asked.operation]
    if operation.shape == "pages":
        rows: AsyncIterator[object] = bound(**asked.arguments)
        return [row async for row in rows]
    if operation.shape != "batch":
        return await (
            bound(**asked.arguments) if asked.item is None else bound(asked.item, **asked.arguments)
        )
    async with bound([asked.item], **asked.arguments) as outcomes:
        async for chunk in outcomes.chunks():
            for undelivered in chunk.undelivered:
                raise undelivered.reason
            return chunk.result
    return None
