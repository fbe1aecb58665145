"""What comes before a run sends anything: clients, counts, differences, and everybody who may refuse.

All of it may be done again and again without harm. What it refuses is reported with what to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from netaudience.client import Client, ClientFactory
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs.deliver.keeping import Keeping
from netaudience.jobs.plan.notes import missing_ids, notes_of
from netaudience.jobs.spec.guards import Consent, check_consent, check_removals, check_rows
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.jobs.state.memories import find_memory
from netaudience.jobs.state.metrics import Metrics
from netaudience.jobs.state.repeating import touched
from netaudience.jobs.state.run_folder import RunFolder, private_folder
from netaudience.model.kinds import Kind
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.jobs.columns.selection import Selection
    from netaudience.jobs.connectors.watermark import Since
    from netaudience.jobs.extract.page import Page
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.plan.plan import Plan
    from netaudience.jobs.plan.preflight import Preflight
    from netaudience.jobs.state.snapshot import Differences, Old, Snapshot
    from netaudience.operations.schemas import Answers


@attrs.define
class Prepared:
    """A step, ready to be carried."""

    step: Step
    operation: Operation
    client: Client
    metrics: Metrics
    #: What tells the step from others, for its journal.
    digest: str
    #: What takes back, for a mirror.
    removal: Operation | None = None
    #: What the vendor has told of its schema; None where it was not asked.
    preflight: Preflight | None = None
    #: The zone of points in time that say none.
    time_zone: str | None = None
    #: Rows behind which another one of their user stands, where only the last is sent.
    earlier: Sequence[int] = ()
    #: Sentences about rows that lack what the vendor knows people by.
    missing: Sequence[str] = ()
    #: Its rows, those that are unchanged among them.
    rows: int = 0
    snapshot: Snapshot | None = None
    differences: Differences | None = None

    @property
    def unchanged(self) -> int:
        """Rows that are at the vendor as they are."""
        return len(self.earlier) if self.differences is None else self.differences.unchanged

    @property
    def removed(self) -> int:
        """Rows that are taken back."""
        return 0 if self.differences is None else self.differences.removed

    @property
    def old(self) -> tuple[Old, ...]:
        """What is taken back of what earlier runs did by other arguments."""
        if self.differences is None or not self.step.take_back_old:
            return ()
        return tuple(old for old in self.differences.old if old.removal == self.step.removal)

    def kind(self, operation: Operation, arguments: Mapping[str, JsonValue]) -> Kind:
        """Return what the items of an operation are, as the account and the source are set up."""
        from netaudience.jobs.map.items import zoned  # noqa: PLC0415 - needs the extra `cli`

        kind = self.client.kind(operation, arguments)
        if self.preflight is not None and operation is self.operation:
            kind = self.preflight.kind(kind)
        return zoned(kind, self.time_zone)

    def selection(self) -> Selection:
        """Return what is read of the source."""
        from netaudience.jobs.state.same_user import all_but  # noqa: PLC0415 - needs the extra `cli`
        from netaudience.jobs.state.snapshot import selection_of  # noqa: PLC0415 - likewise

        if self.differences is not None:
            return self.differences.selection
        selection = selection_of(self.step)
        return attrs.evolve(selection, only=all_but(self.earlier)) if self.earlier else selection

    def notes(self) -> list[str]:
        """Say what is not sent, and what is not taken back."""
        asked = () if self.preflight is None else self.preflight.notes
        return [*notes_of(self.step, self.differences, len(self.earlier)), *self.missing, *asked]

    def takings(self) -> Iterator[Taking]:
        """Give what is taken back: what no row asks for, and on request what was done by other arguments."""
        if self.removal is None:
            return
        name = f"{self.step.name} removal"
        if self.removed:
            yield Taking(name, self.removal, self.step.removal_arguments, self.removed, None)
        for number, old in enumerate(self.old, 1):
            of_old = f"{name} of old" if number == 1 else f"{name} of old {number}"
            yield Taking(of_old, self.removal, old.removal_arguments, old.users, old)

    def removals(self, taking: Taking) -> Iterator[list[Page]]:
        """Read the rows that are taken back."""
        if self.differences is not None:
            for page in self.differences.removals(taking.old):
                yield [page]


@attrs.frozen
class Taking:
    """Rows that are taken back with the same arguments."""

    #: Its name in the summary.
    name: str
    operation: Operation
    arguments: Mapping[str, JsonValue]
    rows: int
    #: What of earlier runs it is, if it is.
    old: Old | None


class Preparation:
    """The steps of one job on their way to a run."""

    def __init__(self, job: JobFile, keeping: Keeping, stack: contextlib.AsyncExitStack) -> None:
        self._job = job
        self._keeping = keeping
        #: Closes what is opened here.
        self._stack = stack
        self.steps: list[Prepared] = []

    async def make_clients(self, factory: ClientFactory, before: Mapping[str, Metrics]) -> None:
        """Make every step's client; nothing is opened before its first request.

        Raises:
            ConfigurationError: a vendor, an operation or the environment is wrong.
        """
        quotas = store_of(self._job.quotas)
        for step in self._job.steps:
            vendor, operation = self._keeping.operation(step.vendor, step.operation)
            metrics = before.get(step.name) or Metrics()
            metrics.counting = False  # until rows are sent
            settings = Settings(
                rate=step.rate,
                in_flight=step.in_flight,
                max_rows=step.max_rows,
                allow_empty=True,  # the guards look at the source, and a condition may hold for no row
                odd_identifiers=self._job.guards.odd_identifiers,
                quotas=quotas,
                account=self._job.quotas.account,
                on_event=metrics,
                retry=RetryPolicy(outage_patience=self._job.patience),
            )
            client = await self._stack.enter_async_context(factory(vendor, settings))
            metrics.limited_by(client.quota(operation))
            prepared = Prepared(step, operation, client, metrics, step.digest)
            prepared.time_zone = self._job.source.time_zone
            if step.mode == "mirror" and step.removal is not None:
                _, prepared.removal = self._keeping.operation(step.vendor, step.removal)
            self.steps.append(prepared)

    def since(self, consent: Consent) -> Since:
        """Return from where the source is to be read.

        Raises:
            GuardRefused: it is not known whether the account is one that is known.
            ConfigurationError: what is known cannot be opened.
        """
        from netaudience.jobs.state.readings import since_of  # noqa: PLC0415 - needs the extra `cli`

        folder = self._keeping.folder
        return since_of(
            self._job,
            [find_memory(folder, one.step.name, one.client.home, consent.account) for one in self.steps],
        )

    def keep_reading(self, table: Table, started: str) -> None:
        """Write down how far the source was read, whose rows are all settled.

        Raises:
            JournalFailed: it cannot be written.
        """
        from netaudience.jobs.state.readings import keep_reading  # noqa: PLC0415 - needs the extra `cli`

        leavers = self._job.source.tells_who_left
        for prepared in self.steps:
            found = prepared.differences
            # A row without a key may ask for what seems gone: the changes are read again until it has one.
            if found is not None and found.keyless and prepared.removal is not None and leavers:
                continue
            if prepared.snapshot is not None and table.reached is not None:
                whole = None if table.is_part else started
                keep_reading(self._job, prepared.step, prepared.snapshot, table.reached, whole)

    async def ask_vendors(self, columns: Mapping[str, str]) -> None:
        """Ask every step's vendor for its schema, once each, and hold the step to it.

        Args:
            columns: DuckDB's types of the source's columns.

        Raises:
            GuardRefused: something of what is sent would be lost; nothing was sent.
        """
        if not self._job.guards.preflight:
            return
        from netaudience.jobs.plan.preflight import ask_vendor, refuse  # noqa: PLC0415 - needs the extra `cli`

        answers: Answers = {}
        for prepared in self.steps:
            asked = await ask_vendor(prepared.client, prepared.step, answers)
            kind = prepared.client.kind(prepared.operation, prepared.step.arguments)
            refuse(prepared.step.name, asked.findings(kind, columns))
            prepared.preflight = asked

    def guard(self, table: Table, consent: Consent, plan_digest: str | None) -> int | None:
        """Ask everybody who may refuse; return the rows of the source, where it can be counted.

        This reads it, so it may take long.


        Raises:
            GuardRefused: somebody refused; nothing was sent.
            ConfigurationError: the source cannot be read as the job says.
        """
        if self._keeping.again is not None:
            self._check_account(self._keeping.again, consent)
        count = self._keeping.count(table)
        if count is not None and not table.is_part:
            check_rows(count, self._job.guards, self._keeping.rows_before())
        plan = self._plan(table, plan_digest)
        for prepared in self.steps:
            step = prepared.step
            prepared.missing = missing_ids(self._job, step, table)
            if step.mode != "all":
                self._compare(prepared, table, count if step.where is None else None, consent)
            else:
                self._check_last_run(prepared)
                prepared.rows = (count or 0) if step.where is None else table.count(step.where)
                if step.duplicates == "last":
                    prepared.earlier = _earlier(prepared, table)
        self._check_consent(plan, consent)
        if self._keeping.again is not None:
            self._recall(self._keeping.again, consent)
        return count

    def open_memories(self, *, is_open: bool) -> None:
        """Write down in the memories of the steps that this run begins to send, or has come to its end.

        Raises:
            JournalFailed: one cannot be written.
        """
        for prepared in self.steps:
            if prepared.snapshot is not None and self._keeping.again is None:
                prepared.snapshot.open_run(is_open=is_open)

    def interrupt(self) -> None:
        """End what another thread compares."""
        for prepared in self.steps:
            if prepared.snapshot is not None:
                prepared.snapshot.interrupt()

    def _check_account(self, run: RunFolder, consent: Consent) -> None:
        """Refuse to send the undelivered rows of a run to an account that is not its own.

        Raises:
            GuardRefused: it is another one, and the caller has not said that it is the same.
        """
        accounts = run.start().accounts
        for prepared in self.steps:
            before = accounts.get(prepared.step.name)
            if before is not None and before != prepared.client.account and consent.account != "same":
                raise GuardRefused(
                    f"The run {run.id} was sent to another account, or to another base URL: set those back, "
                    "or say --account same if it is the same one by a new key or address; nothing was sent"
                )

    def _recall(self, run: RunFolder, consent: Consent) -> None:
        """Open what the steps know as delivered, where an earlier run, whose rows these are, was the last.

        Raises:
            ConfigurationError: it is in use, or damaged.
        """
        from netaudience.jobs.state.snapshot import Snapshot  # noqa: PLC0415 - needs the extra `cli`

        with contextlib.suppress(ConfigurationError):  # it was deleted: nobody knows the first one then
            while (again := run.start().again) is not None:
                run = RunFolder(run.path.with_name(again))
        for prepared in self.steps:
            path = find_memory(
                self._keeping.folder, prepared.step.name, prepared.client.home, consent.account
            )
            if path.exists():
                snapshot = Snapshot(path)
                self._stack.callback(snapshot.close)
                if snapshot.run == run.id:
                    prepared.snapshot = snapshot

    def is_planned(self, digest: str | None) -> bool:
        """Return whether the run is planned once more, because somebody has to agree to what it sends."""
        return digest is not None or any(each.operation.facts.irreversible for each in self.steps)

    def _plan(self, table: Table, digest: str | None) -> Plan | None:
        """Plan the run where somebody has to agree to what it sends."""
        if not self.is_planned(digest):
            return None
        from netaudience.jobs.plan.plan import plan_job  # noqa: PLC0415 - only where it is asked for

        plan = plan_job(self._job, table, asked=[prepared.preflight for prepared in self.steps])
        if digest is not None and plan.digest != digest:
            raise GuardRefused(
                f"This is not the plan {digest} but {plan.digest}: the job, the source or what was delivered "
                "has changed since; nothing was sent. Look at netaudience plan again"
            )
        return plan

    def _check_consent(self, plan: Plan | None, consent: Consent) -> None:
        lost: dict[str, tuple[Operation, int]] = {}
        for at, prepared in enumerate(self.steps):
            found = prepared.differences
            sent = prepared.rows if found is None else found.added + found.changed
            if plan is not None:
                sent = plan.steps[at].sends.items  # without the rows that do not map
            lost[prepared.step.name] = (prepared.operation, sent)
            for taking in prepared.takings():
                lost[taking.name] = (taking.operation, taking.rows)
        check_consent(lost, consent)

    def _compare(self, prepared: Prepared, table: Table, rows: int | None, consent: Consent) -> None:
        """Find what differs from what the step has delivered."""
        from netaudience.jobs.state.remembered import effect_of  # noqa: PLC0415 - needs the extra `cli`
        from netaudience.jobs.state.snapshot import Snapshot  # noqa: PLC0415 - likewise

        step, run = prepared.step, self._keeping.run
        path = find_memory(self._keeping.folder, step.name, prepared.client.home, consent.account)
        private_folder(path.parent)
        prepared.snapshot = snapshot = Snapshot(path)
        self._stack.callback(self._close, snapshot, step.name)
        if self._keeping.sent and snapshot.run != run:
            raise ConfigurationError(
                f"A newer run of {step.name} has begun since the run {run}, so the differences are no "
                "longer those that it has counted: start a new run, which sends whatever is not delivered"
            )
        self._check_last_run(prepared, snapshot.run if snapshot.is_open else "")
        effect = effect_of(step, prepared.operation, prepared.removal)
        found = snapshot.differences(table, step, run, effect, rows)
        if step.duplicates == "last" and found.repeated is None:
            found = snapshot.pass_over(table, found, _earlier(prepared, table))
        prepared.differences = found
        prepared.rows = found.total
        check_removals(step.name, found.removed, found.known, self._job.guards)

    def _close(self, snapshot: Snapshot, step: str) -> None:
        journal = self._keeping.journal(step)
        if journal is not None and touched(journal):
            snapshot.close()
        else:
            snapshot.forget_if_empty()

    def _check_last_run(self, prepared: Prepared, memory: str = "") -> None:
        """Refuse to repeat what the last run has sent, or may have, where that must not be."""
        name = prepared.step.name
        operations = {name: prepared.operation}
        if prepared.removal is not None:
            operations[f"{name} removal"] = prepared.removal
        self._keeping.check_last(prepared.step, operations, memory)


def _earlier(prepared: Prepared, table: Table) -> Sequence[int]:
    """Read the source for rows behind which another one of their user stands."""
    from netaudience.jobs.state.same_user import earlier_of  # noqa: PLC0415 - needs the extra `cli`

    return earlier_of(table, prepared.step, prepared.kind(prepared.operation, prepared.step.arguments))
