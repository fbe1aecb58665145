"""What the kept runs of a folder tell of one person: what was sent and when, and what could not be.

A run keeps no row that it has delivered, so its source is read once more beside its journal. Where that is
not what it was, nobody knows whether the person was in it, and just that is reported.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import attrs

from netaudience.client import Client, from_environment
from netaudience.dead_letter import DeadLetter, plain
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.state.run_folder import RunFolder, RunStart, runs_of
from netaudience.jobs.state.summary import read_summary
from netaudience.model.wire import JsonValue
from netaudience.settings import Settings
from netaudience.vendors import client_of, names
from netaudience.verbs.looks import of_person
from netaudience.verbs.people import read_people
from netaudience.verbs.receipts import Key, read_receipts
from netaudience.verbs.run import VERDICTS, read_verdicts
from netaudience.verbs.started import started_by
from netaudience.verbs.subject import Matching, Subject, find_columns

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.deliver.prepare import Taking
    from netaudience.jobs.deliver.sent_rows import SentRow, SentRows
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.model import JobFile, Step
    from netaudience.operations.schemas import Answers

SentOutcome: TypeAlias = Literal["delivered", "taken_back", "as_before"]


@attrs.frozen(kw_only=True)
class Sent:
    """What a step last did for the person."""

    run: str
    #: When the run began and ended, in UTC; what it sent was sent in between.
    started: str
    ended: str | None
    job: str
    step: str
    vendor: str
    operation: str
    #: ``as_before`` is a row that an earlier run has sent, and that has not changed since.
    outcome: SentOutcome
    #: The row, by the operation's own names.
    values: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    #: What all rows of the step share, such as the name of a tag.
    arguments: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])


@attrs.frozen(kw_only=True)
class Done:
    """What a verb came to for the person at one vendor."""

    run: str
    #: When it was known, in UTC.
    time: str
    vendor: str
    verb: str
    channel: str | None = None
    #: What is known now: of the verdict, or of the last look after it.
    status: str
    verify_from: str | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class Undelivered:
    """A row about the person that a run has not delivered, or that was not there when it was looked at."""

    run: str
    step: str
    vendor: str
    operation: str
    outcome: str
    #: Who decided: the vendor, a documented rule, the source or the run.
    by: str
    reason: str
    #: When it was so, or when the run began, where nobody has said it closer; in UTC.
    time: str


@attrs.frozen(kw_only=True)
class Unknown:
    """Runs of which nobody knows whether the person was in them."""

    job: str
    step: str | None = None
    #: The newest of them, and how many they are.
    run: str
    runs: int = 1
    reason: str


@attrs.frozen(kw_only=True)
class History:
    """What is known of a person from what was done here."""

    #: Of each step the last time, the newest first.
    sent: tuple[Sent, ...] = ()
    done: tuple[Done, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@attrs.define
class _Found:
    """What was found so far."""

    sent: list[Sent] = attrs.field(factory=list["Sent"])
    done: dict[tuple[object, ...], Done] = attrs.field(factory=dict["tuple[object, ...]", Done])
    undelivered: list[Undelivered] = attrs.field(factory=list["Undelivered"])
    unknown: dict[tuple[str, str | None, str], Unknown] = attrs.field(
        factory=dict["tuple[str, str | None, str]", Unknown]
    )
    #: Steps of which the last time is known.
    settled: set[tuple[str, str]] = attrs.field(factory=set["tuple[str, str]"])

    def not_known(self, job: str, step: str | None, run: str, reason: str) -> None:
        """Take note of a run that tells nothing."""
        known = self.unknown.get((job, step, reason))
        unknown = Unknown(job=job, step=step, run=run, reason=reason)
        self.unknown[job, step, reason] = attrs.evolve(known, runs=known.runs + 1) if known else unknown


async def history_of(
    subject: Subject,
    folder: Path | None = None,
    *,
    vendors: Iterable[str] | None = None,
    receipts: Path | None = None,
    client_factory: ClientFactory | None = None,
) -> History:
    """Look into the kept runs of a folder, and the receipts, for a person.

    The sources of jobs are read again, and vendors are asked for their schemas where the runs were held to
    them; nothing else is asked, and nothing is sent.

    Args:
        subject: The person.
        folder: Where runs are kept, in ``.netaudience``; the current one if not given.
        vendors: Only these, by their names in commands.
        receipts: A file of receipts, which are looked through where ``NETAUDIENCE_RECEIPTS_KEY`` is set;
            ``.netaudience/receipts.jsonl`` if not given.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: nobody is named, or the receipts cannot be read.
    """
    where = (folder or Path.cwd()) / ".netaudience"
    about, found = Matching(subject), _Found()
    wanted = set(names() if vendors is None else vendors)
    for jobs in sorted(path for path in where.glob("*") if path.is_dir()):
        for run in runs_of(jobs):
            await asyncio.to_thread(_rejects, run, about, wanted, found)
            try:
                await _look(run, about, wanted, found, client_factory)
            except NetaudienceError as error:
                found.not_known(jobs.name, None, run.id, str(error))
    _receipts(receipts or where / "receipts.jsonl", subject, wanted, found)
    return History(
        sent=tuple(sorted(found.sent, key=lambda one: one.started, reverse=True)),
        done=tuple(sorted(found.done.values(), key=lambda one: one.time, reverse=True)),
        undelivered=tuple(found.undelivered),
        unknown=tuple(found.unknown.values()),
    )


def _rejects(run: RunFolder, about: Matching, wanted: set[str], found: _Found) -> None:
    """Find the person among the rows that were not delivered, and those that are not as they were sent."""
    for path in (run.rejects, run.differing):
        with suppress(OSError, ConfigurationError):  # nothing was rejected, or the file was mended badly
            for letter in DeadLetter.read(path):
                if letter.vendor in wanted and about(letter.key, letter.source_key, letter.row):
                    fields = attrs.fields_dict(Undelivered).keys() - {"run", "time"}
                    values = {name: getattr(letter, name) for name in fields}
                    time = letter.time or run.started.isoformat(timespec="seconds")
                    found.undelivered.append(Undelivered(run=run.id, time=time, **values))


async def _look(
    run: RunFolder, about: Matching, wanted: set[str], found: _Found, client_factory: ClientFactory | None
) -> None:
    """Look into one run.

    Raises:
        NetaudienceError: it tells nothing any more.
    """
    start = run.start()
    if not start.sending:
        return  # nothing was sent
    if await asyncio.to_thread(_verdicts, run, start, about, wanted, found):
        return
    if start.again is not None:
        _again(run, start, about, found)
        return
    await _job_run(run, start, about, wanted, found, client_factory)


def _verdicts(run: RunFolder, start: RunStart, about: Matching, wanted: set[str], found: _Found) -> bool:
    """Find the person's verdicts, if it is the run of a verb; return whether it is."""
    from netaudience.verbs.people import open_people  # noqa: PLC0415 - needs the extra `cli`

    started = started_by(run)
    if started is None or started.source is None:
        return False
    verdicts = list(read_verdicts(run.path / VERDICTS))
    with open_people(started.source) as (table, _):
        if table.fingerprint() != (started.people or start.source):
            raise ConfigurationError("the file of people has changed since the run, or is gone")
        columns = find_columns(list(table.columns), names(), started.columns())
        ids = started.before.found
        rows = {
            one.row
            for one in read_people(table, columns)
            if about(*one.known_by.values(), *ids.get(one.row, {}).values())
        }
    for one in verdicts:
        if one.row in rows and one.vendor in wanted:
            fields = {name: getattr(one, name) for name in attrs.fields_dict(Done) if name != "run"}
            found.done[run.id, one.row, one.vendor, one.channel] = Done(run=run.id, **fields)
    if not verdicts and rows:
        found.not_known(start.job, None, run.id, "the run has no verdicts yet: go on with it")
    return True


def _again(run: RunFolder, start: RunStart, about: Matching, found: _Found) -> None:
    """Say that a run has sent the person's rows again, which another one had not delivered."""
    first = RunFolder(run.path.with_name(start.again or ""))
    with suppress(OSError, ConfigurationError):
        if any(about(one.key, one.source_key, one.row) for one in DeadLetter.read(first.rejects)):
            reason = f"it has sent again what the run {first.id} did not deliver, the person among them"
            found.not_known(start.job, None, run.id, reason)


def _job_of(start: RunStart) -> JobFile:
    """Read the file of a run's job.

    Raises:
        ConfigurationError: it is gone, or wrong.
    """
    from netaudience.jobs.spec.parse import read_job  # noqa: PLC0415 - needs the extra `cli`

    path = Path(start.file)
    if not path.is_file():
        raise ConfigurationError("its job file is gone, or a program has made the job")
    return read_job(path)


async def _job_run(  # noqa: PLR0913, PLR0917 - what is looked for, and where
    run: RunFolder,
    start: RunStart,
    about: Matching,
    wanted: set[str],
    found: _Found,
    client_factory: ClientFactory | None,
) -> None:
    """Read the source of a job's run once more, and find the person among the rows that it has sent.

    Raises:
        NetaudienceError: it is not what it was, or cannot be read.
    """
    from netaudience.jobs.deliver import sent_rows as past  # noqa: PLC0415 - needs the extra `cli`
    from netaudience.jobs.plan.destinations import find_or_make  # noqa: PLC0415 - likewise
    from netaudience.jobs.plan.validate_source import open_checked  # noqa: PLC0415 - likewise

    job = await asyncio.to_thread(_job_of, start)
    open_steps = [
        step for step in job.steps if step.vendor in wanted and (start.job, step.name) not in found.settled
    ]
    if not open_steps:
        return
    job = await find_or_make(job, client_factory, make=False)
    chosen = {step.name for step in open_steps}
    summary = read_summary(run.summary)
    answers: Answers = {}
    async with AsyncExitStack() as stack:
        table = await asyncio.to_thread(lambda: open_checked(job, kept=past.kept_source(run, job)))
        stack.callback(table.close)
        fingerprint = await asyncio.to_thread(table.fingerprint)
        for step in (step for step in job.steps if step.name in chosen):
            if (why := past.why_unknown(start, step, fingerprint)) is not None:
                found.not_known(start.job, step.name, run.id, why)
                continue
            vendor = client_of(step.vendor)
            account = await stack.enter_async_context(
                (client_factory or from_environment)(vendor, Settings(account=job.quotas.account))
            )
            ended = None if summary is None else summary.ended
            try:
                last = await _last(job, step, account, run, start, table, about, answers)
            except NetaudienceError as error:
                found.not_known(start.job, step.name, run.id, str(error))
                continue
            if last is not None:
                found.sent.append(attrs.evolve(last, ended=ended))
                found.settled.add((start.job, step.name))


async def _last(  # noqa: PLR0913, PLR0917 - what is looked for, and where
    job: JobFile,
    step: Step,
    account: Client,
    run: RunFolder,
    start: RunStart,
    table: Table,
    about: Matching,
    answers: Answers,
) -> Sent | None:
    """Return what a step did for the person in a run; None where that is nothing.

    Raises:
        NetaudienceError: what it has sent is not known any more.
    """
    from netaudience.jobs.deliver import sent_rows as past  # noqa: PLC0415 - needs the extra `cli`

    prepared = await past.prepare_again(job, step, account, start, answers)
    folder = run.path.parent.parent

    def sent_of(
        operation: str, row: SentRow, arguments: Mapping[str, JsonValue], outcome: SentOutcome
    ) -> Sent:
        return Sent(
            run=run.id,
            started=start.started,
            ended=None,
            job=start.job,
            step=step.name,
            vendor=step.vendor,
            operation=operation,
            outcome=outcome,
            values=cast("dict[str, JsonValue]", plain(row.row["fields"])),
            arguments=cast("dict[str, JsonValue]", plain(arguments)),
        )

    def look() -> Sent | None:
        with closing(past.SentRows(prepared, run, table, folder)) as sent:
            last = _last_of(sent, about)
        if last is None:
            return None
        taking, row, outcome = last
        if taking is None:
            return sent_of(prepared.operation.name, row, step.arguments, outcome)
        return sent_of(taking.operation.name, row, taking.arguments, outcome)

    return await asyncio.to_thread(look)


def _last_of(sent: SentRows, about: Matching) -> tuple[Taking | None, SentRow, SentOutcome] | None:
    """Return the last row of a person, with what took it back if something did.

    Raises:
        ConfigurationError: there are rows of which nobody knows whose they were.
    """
    delivered = [row for row in sent.rows(1) if _is_of(about, row)]
    taken = [
        (taking, row) for taking in sent.takings() for row in sent.taken_back(taking, 1) if _is_of(about, row)
    ]
    if taken:
        return *taken[-1], "taken_back"
    if delivered:
        return None, delivered[-1], "delivered"
    if lost := sent.lost(1):
        raise ConfigurationError(f"the source does not have {lost:,} of the rows any more as they were sent")
    before = [row for row in sent.as_before() if _is_of(about, row)]
    return (None, before[-1], "as_before") if before else None


def _is_of(about: Matching, row: SentRow) -> bool:
    return about(row.key, row.row["key"], row.row["fields"])


def _receipts(path: Path, subject: Subject, wanted: set[str], found: _Found) -> None:
    """Find the person's receipts, and what later looks have shown."""
    key = Key.from_environment()
    if key is None or not os.path.exists(path):  # noqa: PTH110 - a folder without rights is none
        return
    lines = list(read_receipts(path))
    for line in of_person(lines, key.subject_in(lines, subject.named())):
        if line["vendor"] not in wanted:
            continue
        at = line["run"], line["row"], line["vendor"], line.get("channel")
        if line["kind"] == "verdict":
            found.done[at] = Done(**{name: line.get(name) for name in attrs.fields_dict(Done)})  # type: ignore[arg-type]
        elif (before := found.done.get(at)) is not None:
            found.done[at] = attrs.evolve(
                before, status=line["status"], time=line["time"], reason=line.get("reason")
            )
