"""What comes before a run sends anything: clients, counts, differences, and everybody who may refuse.

All of it may be done again and again without harm. What it refuses is told with what to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from netaudience.client import Client, Settings
from netaudience.errors import ConfigurationError
from netaudience.jobs.finishing import rows_before
from netaudience.jobs.guards import Consent, GuardRefused, check_consent, check_removals, check_rows
from netaudience.jobs.matching import find_operation, find_vendor
from netaudience.jobs.metrics import Metrics
from netaudience.jobs.past import check_journal
from netaudience.jobs.rundir import RunFolder, RunStart, snapshot_path
from netaudience.jobs.summary import read_summary
from netaudience.jobs.words import JobFile, Step
from netaudience.work import Operation

if TYPE_CHECKING:
    from netaudience.jobs.planning import Plan
    from netaudience.jobs.selecting import Selection
    from netaudience.jobs.snapshot import Differences, Snapshot
    from netaudience.jobs.sources import Page, Table

__all__ = ["ClientFactory", "Preparation", "Prepared", "removal_name"]

ClientFactory: TypeAlias = Callable[[type[Client], Settings], Client]
"""Makes a step's client."""


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
    #: Its rows, those that are unchanged among them.
    rows: int = 0
    snapshot: Snapshot | None = None
    differences: Differences | None = None

    @property
    def unchanged(self) -> int:
        """Rows that are at the vendor as they are."""
        return 0 if self.differences is None else self.differences.unchanged

    @property
    def removed(self) -> int:
        """Rows that are taken back."""
        return 0 if self.differences is None else self.differences.removed

    @property
    def held_back(self) -> int:
        """Rows that would be taken back, were it sure that they are gone."""
        return 0 if self.differences is None else self.differences.held_back

    def selection(self) -> Selection:
        """Return what is read of the source."""
        from netaudience.jobs.snapshot import selection_of  # noqa: PLC0415 - needs the extra `files`

        return selection_of(self.step) if self.differences is None else self.differences.selection

    def removals(self) -> Iterator[list[Page]]:
        """Read the rows that are taken back."""
        if self.differences is not None:
            for page in self.differences.removals():
                yield [page]


def removal_name(step: str) -> str:
    """Return the name of a step's removals in the summary."""
    return f"{step} removal"


class Preparation:
    """The steps of one job on their way to a run."""

    def __init__(self, job: JobFile, folder: Path, stack: contextlib.AsyncExitStack) -> None:
        self._job = job
        self._folder = folder
        #: Closes what is opened here.
        self._stack = stack
        self.steps: list[Prepared] = []
        #: Whether an earlier attempt at the run may have sent something.
        self._sent = False

    async def make_clients(self, factory: ClientFactory, before: Mapping[str, Metrics]) -> None:
        """Make every step's client; nothing is opened before its first request.

        Raises:
            ConfigurationError: a vendor, an operation or the environment is wrong.
        """
        for step in self._job.steps:
            vendor = find_vendor(step.vendor)
            if vendor is None:
                raise ConfigurationError(
                    f"There is no vendor {step.vendor!r}: netaudience operations lists them"
                )
            operation = _operation(vendor, step.operation)
            metrics = before.get(step.name) or Metrics()
            settings = Settings(
                rate=step.rate,
                in_flight=step.in_flight,
                max_rows=step.max_rows,
                allow_empty=True,  # the guards look at the source, and a condition may hold for no row
                on_event=metrics,
            )
            client = await self._stack.enter_async_context(factory(vendor, settings))
            metrics.limited_by(client.quota(operation))
            prepared = Prepared(step, operation, client, metrics, _digest(step))
            if step.mode == "mirror" and step.removal is not None:
                prepared.removal = _operation(vendor, step.removal)
            self.steps.append(prepared)

    def start(self, source: str, resumed: RunFolder | None, again: RunFolder | None, *, now: str) -> RunStart:
        """Return what the run is started with.

        Args:
            source: What tells the rows from others.
            resumed: The run to go on with.
            again: The run whose undelivered rows are the source.
            now: The time.

        Raises:
            ConfigurationError: the run to go on with was started with something else, or its memory is lost.
        """
        job, steps = self._job, {prepared.step.name: prepared.digest for prepared in self.steps}
        if resumed is None:
            file = str(job.path.resolve())
            retried = None if again is None else again.id
            return RunStart(job=job.name, file=file, started=now, source=source, steps=steps, again=retried)
        start = resumed.start()
        if start.steps != steps:
            names = sorted(start.steps.keys() | steps.keys())
            other = ", ".join(name for name in names if start.steps.get(name) != steps.get(name))
            raise ConfigurationError(
                f"The job has changed since the run {resumed.id} began, in {other}: vendor, operation, "
                "arguments, fields, condition and mode of a step must be as they were. Put them back, or "
                "start a new run"
            )
        if start.source != source:
            raise ConfigurationError(
                f"The source has changed since the run {resumed.id} began at {start.started}, so its rows "
                "are no longer those that the run has counted. Put the files back as they were (content and "
                "time of change), or start a new run"
            )
        self._sent = start.sending
        if start.sending:
            for prepared in self.steps:
                check_journal(resumed.journal(prepared.step.name), resumed.id)
        return start

    def guard(self, table: Table, run: RunFolder, consent: Consent, plan_digest: str | None) -> int:
        """Ask everybody who may refuse; return the rows of the source. This reads it, so it may take long.

        Raises:
            GuardRefused: somebody refused; nothing was sent.
            ConfigurationError: the source cannot be read as the job says.
        """
        count = table.count()
        check_rows(count, self._job.guards, rows_before(self._folder))
        plan = self._plan(table, plan_digest)
        for prepared in self.steps:
            step = prepared.step
            if step.mode != "all":
                self._compare(prepared, table, run)
            else:
                prepared.rows = count if step.where is None else table.count(step.where)
        self._check_consent(plan, consent)
        return count

    def interrupt(self) -> None:
        """End what another thread compares."""
        for prepared in self.steps:
            if prepared.snapshot is not None:
                prepared.snapshot.interrupt()

    def recall(self, run: RunFolder) -> None:
        """Open what the steps know as delivered, where an earlier run, whose rows these are, was the last.

        Raises:
            ConfigurationError: it is in use, or damaged.
        """
        from netaudience.jobs.snapshot import Snapshot  # noqa: PLC0415 - needs the extra `files`

        with contextlib.suppress(ConfigurationError):  # it was deleted: nobody knows the first one then
            while (again := run.start().again) is not None:
                run = RunFolder(run.path.with_name(again))
        for prepared in self.steps:
            path = snapshot_path(self._folder, prepared.step.name)
            if path.exists():
                snapshot = Snapshot(path)
                self._stack.callback(snapshot.close)
                if snapshot.run == run.id:
                    prepared.snapshot = snapshot

    def _plan(self, table: Table, digest: str | None) -> Plan | None:
        """Plan the run where somebody has to agree to what it sends."""
        final = any(each.operation.facts.irreversible for each in self.steps)
        if digest is None and not final:
            return None
        from netaudience.jobs.planning import plan_job  # noqa: PLC0415 - only where it is asked for

        plan = plan_job(self._job, table)
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
            if prepared.removal is not None and prepared.removed:
                lost[removal_name(prepared.step.name)] = (prepared.removal, prepared.removed)
        check_consent(lost, consent)

    def _compare(self, prepared: Prepared, table: Table, run: RunFolder) -> None:
        """Find what differs from what the step has delivered."""
        from netaudience.jobs.mapping import kept_fields  # noqa: PLC0415 - needs the extra `files`
        from netaudience.jobs.snapshot import Snapshot  # noqa: PLC0415 - likewise

        step = prepared.step
        path = snapshot_path(self._folder, step.name)
        path.parent.mkdir(exist_ok=True)
        prepared.snapshot = snapshot = Snapshot(path)
        self._stack.callback(snapshot.close)
        if self._sent and snapshot.run != run.id:
            raise ConfigurationError(
                f"A newer run of {step.name} has begun since the run {run.id}, so the differences are no "
                "longer those that it has counted: start a new run, which sends whatever is not delivered"
            )
        self._check_last_run(prepared, snapshot.run, run.id)
        kept = () if prepared.removal is None else kept_fields(step, prepared.removal)
        prepared.differences = found = snapshot.differences(table, step, run.id, kept)
        prepared.rows = found.total
        check_removals(step.name, found.removed, snapshot.delivered(), self._job.guards)

    def _check_last_run(self, prepared: Prepared, last: str, this: str) -> None:
        """Refuse to forget what a killed run may have sent, where sending it again would repeat it."""
        run = RunFolder(self._folder / "runs" / last)
        if not last or last == this or prepared.operation.facts.idempotent:
            return
        with contextlib.suppress(ConfigurationError):
            start, summary = run.start(), read_summary(run.summary)
            if start.sending and (summary is None or summary.attempts < start.attempts):
                raise GuardRefused(
                    f"The last run of {prepared.step.name}, {last}, was killed, and "
                    f"{prepared.operation.name} must not be repeated: go on with that run first, then start "
                    f"a new one; nothing was sent. netaudience resume {last}"
                )


def _operation(vendor: type[Client], name: str) -> Operation:
    operation = find_operation(vendor, name)
    if isinstance(operation, str):
        raise ConfigurationError(operation)
    return operation


def _digest(step: Step) -> str:
    """Return what tells the rows of a step from those of others; its pace is no part of it."""
    told = attrs.asdict(step)
    for name in ("name", "rate", "in_flight", "max_rows"):
        del told[name]
    written = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]
