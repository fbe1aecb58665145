"""What a run of a job would do, found out without sending anything: counts, requests, time, the first body.

The whole source is read once and every row is mapped and checked as in a run; only the requests are reckoned
from the first of them. It works without credentials and then says so. It refuses what a run would refuse.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from netaudience.client import Client, Settings
from netaudience.errors import ConfigurationError
from netaudience.items import Kind
from netaudience.jobs.checking import check_source, open_checked
from netaudience.jobs.finishing import rows_before
from netaudience.jobs.guards import GuardRefused, RejectedGuard, check_removals, check_rows
from netaudience.jobs.mapping import MappedRow, RejectedRow, kept_fields, make_items, make_removals
from netaudience.jobs.matching import find_operation, find_vendor
from netaudience.jobs.reckoning import Load, client_of, reckon
from netaudience.jobs.rundir import JobLock, job_folder, snapshot_path
from netaudience.jobs.snapshot import Snapshot
from netaudience.jobs.sources import Page, Table
from netaudience.jobs.words import JobFile, Step
from netaudience.wire import JsonValue
from netaudience.work import Operation

__all__ = ["Load", "Plan", "StepPlan", "plan_job"]

#: Reasons for rejections that are told apart.
_REASONS = 20


@attrs.frozen(kw_only=True)
class StepPlan:
    """What one step would do."""

    name: str
    vendor: str
    operation: str
    mode: str
    #: Rows of the source that meet the step's condition.
    rows: int
    #: Rows that do not map, or break a documented rule.
    rejected: int
    #: The most frequent reasons, with how many rows each.
    reasons: Mapping[str, int]
    #: Rows that are new, that differ from, and that are like what was last delivered; 0 where all are sent.
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Keys that are gone from the source and would be taken back.
    removed: int = 0
    #: Keys that this job has put there, as far as it knows.
    known: int = 0
    sends: Load
    removes: Load | None = None
    #: The flag that a run needs because data is lost; empty where none is.
    consent: str = ""
    #: What the plan could not know, in sentences.
    notes: tuple[str, ...] = ()

    @property
    def loads(self) -> tuple[Load, ...]:
        """What it sends, and what it takes back."""
        return (self.sends,) if self.removes is None else (self.sends, self.removes)


@attrs.frozen(kw_only=True)
class Plan:
    """What a run of a job would do."""

    job: str
    #: Rows of the source.
    rows: int
    steps: tuple[StepPlan, ...]
    #: The shortest time for all of it, operations that share an allowance after one another.
    seconds: float
    #: What tells this plan from others: the job, the source and all counts.
    digest: str
    #: Why a run would stop before it sends anything, in sentences.
    stops: tuple[str, ...] = ()

    @property
    def items(self) -> int:
        """All items that would be sent."""
        return sum(load.items for step in self.steps for load in step.loads)

    @property
    def requests(self) -> int:
        """All requests."""
        return sum(load.requests for step in self.steps for load in step.loads)

    def to_json(self) -> JsonValue:
        """Return the plan as JSON can say it."""
        told: dict[str, JsonValue] = attrs.asdict(self)
        return {**told, "items": self.items, "requests": self.requests}


def plan_job(job: JobFile, table: Table | None = None) -> Plan:
    """Read the source and say what a run would send.

    Args:
        job: The job.
        table: The source, where it is open already, or is Python's own data; it stays open. Whoever gives
            it holds the job, so that no run changes what is known to be delivered.

    Raises:
        ConfigurationError: the source cannot be read as the job says.
        SourceFailed: it cannot be read to its end.
    """
    if table is None:
        with open_checked(job) as opened:
            return _plan(job, opened, held=False)
    check_source(job, table)
    return _plan(job, table, held=True)


def _plan(job: JobFile, table: Table, *, held: bool) -> Plan:
    planners = [_Planner(job, step, table, held=held) for step in job.steps]
    steps = tuple(planner.plan() for planner in planners)
    # A step that takes every row has counted them.
    whole = next((plan.rows for plan, step in zip(steps, job.steps, strict=True) if step.where is None), None)
    rows = table.count() if whole is None else whole
    shared: dict[tuple[str, str], float] = {}
    for planner, step in zip(planners, steps, strict=True):
        for operation, load in zip(planner.operations, step.loads, strict=True):
            key = (step.vendor, operation.facts.quota.name)
            shared[key] = shared.get(key, 0.0) + load.seconds
    return Plan(
        job=job.name,
        rows=rows,
        steps=steps,
        seconds=max(shared.values(), default=0.0),
        digest=_digest(job, table.fingerprint(), rows, steps),
        stops=tuple(_stops(job, rows, steps)),
    )


def _digest(job: JobFile, fingerprint: str, rows: int, steps: Sequence[StepPlan]) -> str:
    """Return what two plans have in common only if they would send the same."""
    told = {
        "source": attrs.asdict(job.source),
        "steps": [attrs.asdict(step) for step in job.steps],
        "guards": attrs.asdict(job.guards),
        "fingerprint": fingerprint,
        "rows": rows,
        "counts": [
            [
                step.rows,
                step.rejected,
                step.added,
                step.changed,
                step.unchanged,
                step.removed,
                step.sends.items,
            ]
            for step in steps
        ],
    }
    written = json.dumps(told, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _stops(job: JobFile, rows: int, steps: Sequence[StepPlan]) -> Iterator[str]:
    """Say which guards would stop a run as things are."""
    guards = job.guards
    try:
        check_rows(rows, guards, rows_before(job_folder(job)))
    except GuardRefused as refusal:
        yield str(refusal)
    for step in steps:
        try:
            check_removals(step.name, step.removed, step.known, guards)
        except GuardRefused as refusal:
            yield str(refusal)
        if RejectedGuard(guards.max_rejected).refuses(step.rejected, step.rows) is not None:
            yield (
                f"{step.name} would reject {step.rejected:,} of {step.rows:,} rows, which is more than "
                "max-rejected allows: look at the reasons, or raise max-rejected in [guards]"
            )


class _Planner:
    """Plans one step."""

    def __init__(self, job: JobFile, step: Step, table: Table, *, held: bool) -> None:
        self._held = held
        self._job = job
        self._step = step
        self._table = table
        self._rows = 0
        self._rejected = 0
        self._reasons: Counter[str] = Counter()
        self._notes: list[str] = []
        vendor = find_vendor(step.vendor)
        if vendor is None:
            raise ConfigurationError(f"There is no vendor {step.vendor!r}: netaudience operations lists them")
        settings = Settings(rate=step.rate, in_flight=step.in_flight, max_rows=step.max_rows)
        self._client, missing = client_of(vendor, settings)
        if missing is not None:
            self._notes.append(f"planned without an account: {missing}")
        names = [step.operation, *([step.removal] if step.removal and step.mode == "mirror" else [])]
        #: What is sent, and what takes back.
        self.operations = [_operation(vendor, name) for name in names]

    def plan(self) -> StepPlan:
        """Read the source for this step."""
        step, operation = self._step, self.operations[0]
        counts = {"added": 0, "changed": 0, "unchanged": 0, "removed": 0}
        removes: Load | None = None
        if step.mode == "all":
            pages = self._counted(self._table.rows(step.fields, step.where))
            sends = self._load(operation, step.arguments, self._items(pages, operation))
            known = 0
        else:
            with self._snapshot() as snapshot:
                removal = self.operations[1] if len(self.operations) > 1 else None
                kept = kept_fields(step, removal) if removal is not None else ()
                differences = snapshot.differences(self._table, step, "plan", kept)
                known = snapshot.delivered()
                counts = {name: getattr(differences, name) for name in counts}
                self._rows = differences.total
                sends = self._load(operation, step.arguments, self._items(differences.rows(), operation))
                if removal is not None:
                    pages = differences.removals()
                    removes = self._load(removal, step.removal_arguments, self._removals(pages, removal))
                if differences.held_back:
                    self._notes.append(
                        f"{differences.held_back:,} removals wait until every row of the source can be read"
                    )
        if step.where is not None and not self._rows:
            self._notes.append("the step's where holds for no row of the source")
        return StepPlan(
            name=step.name,
            vendor=step.vendor,
            operation=operation.name,
            mode=step.mode,
            rows=self._rows,
            known=known,
            rejected=self._rejected,
            reasons=dict(self._reasons.most_common(_REASONS)),
            **counts,
            sends=sends,
            removes=removes,
            consent=_consent(self.operations, (sends, removes)),
            notes=tuple(self._notes),
        )

    @contextmanager
    def _snapshot(self) -> Generator[Snapshot, None, None]:
        """Give a file beside that of what is known to be delivered: a plan changes nothing there."""
        kept = snapshot_path(job_folder(self._job), self._step.name)
        with tempfile.TemporaryDirectory(prefix="netaudience-", ignore_cleanup_errors=True) as scratch:
            lock = None if self._held else JobLock(job_folder(self._job), self._job.name)
            known = kept if kept.exists() else None
            with Snapshot(Path(scratch) / kept.name, known=known, held=lock) as snapshot:
                yield snapshot

    def _counted(self, pages: Iterable[Page]) -> Iterator[Page]:
        for page in pages:
            self._rows += len(page)
            yield page

    def _load(
        self, operation: Operation, arguments: Mapping[str, JsonValue], pages: Iterator[list[object]]
    ) -> Load:
        load, problem = reckon(self._client, operation, arguments, pages)
        if problem is not None:
            self._notes.append(f"{operation.name}: {problem}")
        return load

    def _items(self, pages: Iterable[Page], operation: Operation) -> Iterator[list[object]]:
        """Give the items that a run would send, page by page; count the other rows."""
        kind = self._client.kind(operation)
        for page in pages:
            yield self._judged(make_items(page, self._step, operation, kind), kind)

    def _removals(self, pages: Iterable[Page], removal: Operation) -> Iterator[list[object]]:
        """Give the items that take back what is gone from the source."""
        kind = self._client.kind(removal)
        for page in pages:
            yield self._judged(make_removals(page, self._step, removal, kind), kind)

    def _judged(self, made: tuple[list[MappedRow], list[RejectedRow]], kind: Kind) -> list[object]:
        rows, rejected = made
        for row in rejected:
            self._reject(row.reason)
        items = [row.item for row in rows]
        problems = kind.check(items)
        for problem in problems.values():
            self._reject(str(problem))
        return [item for index, item in enumerate(items) if index not in problems] if problems else items

    def _reject(self, reason: str) -> None:
        self._rejected += 1
        if reason in self._reasons or len(self._reasons) < 1000:  # a reason may name a row
            self._reasons[reason] += 1


def _operation(vendor: type[Client], name: str) -> Operation:
    found = find_operation(vendor, name)
    if isinstance(found, str):
        raise ConfigurationError(found)
    return found


def _consent(operations: Sequence[Operation], loads: Sequence[Load | None]) -> str:
    """Return the flag without which a run refuses to lose data."""
    lost = [
        (operation.facts, load.items)
        for operation, load in zip(operations, loads, strict=False)
        if load is not None and operation.facts.destructive
    ]
    if any(facts.irreversible for facts, _ in lost):
        count = sum(items for facts, items in lost if facts.irreversible)
        also = " --yes" if any(not facts.irreversible for facts, _ in lost) else ""
        return f"--yes-delete {count}{also}"
    return "--yes" if lost else ""
