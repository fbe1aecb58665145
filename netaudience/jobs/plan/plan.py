"""What a run of a job would do, found out without sending anything: counts, requests, time, the first body.

The whole source is read once and every row is mapped and checked as in a run; only the requests are reckoned
from the first of them. It works without credentials and then says so. It refuses what a run would refuse.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeAlias

import attrs

from netaudience.client import Client
from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs.connectors.watermark import Since
from netaudience.jobs.extract.page import Page
from netaudience.jobs.extract.scratch import Scratch
from netaudience.jobs.extract.table import Table
from netaudience.jobs.map.items import MappedRow, RejectedRow, make_items, make_removals, zoned
from netaudience.jobs.plan.decisions import decisions
from netaudience.jobs.plan.destinations import find_for_plan
from netaudience.jobs.plan.estimate import Load, NoAccount, client_of, in_turn, reckon
from netaudience.jobs.plan.notes import missing_ids, notes_of
from netaudience.jobs.plan.preflight import Preflight, ask_vendors, refuse
from netaudience.jobs.plan.validate_source import check_first, check_source, open_checked
from netaudience.jobs.spec.audience_section import with_places
from netaudience.jobs.spec.guards import Consent, RejectedGuard, check_removals, check_rows, wants_consent
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.jobs.spec.verb_steps import UNPLACED
from netaudience.jobs.state.fetch_state import fetch_state
from netaudience.jobs.state.finalize import rows_before
from netaudience.jobs.state.known_rejects import KnownRejects
from netaudience.jobs.state.memories import memory_to_plan_with
from netaudience.jobs.state.readings import since_of
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.run_folder import JobLock, job_folder, rejected_path
from netaudience.jobs.state.same_user import all_but, earlier_of
from netaudience.jobs.state.snapshot import Snapshot, selection_of
from netaudience.model.digests import digest_of
from netaudience.model.kinds import Kind
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.settings import Settings

OnLook: TypeAlias = Callable[[str, int], object]
"""Is called with the step that is planned, and how many of its rows were read so far."""

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
    #: Those of them that the last run has rejected for the same reason.
    known_rejects: int = 0
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
    #: What it takes back of what earlier runs did by other arguments.
    removes_old: tuple[Load, ...] = ()
    #: The flags that a run needs for it, and what they agree to; empty where it needs none.
    consent: str = ""
    agrees_to: str = ""
    #: What the plan could not know, in sentences.
    notes: tuple[str, ...] = ()

    @property
    def loads(self) -> tuple[Load, ...]:
        """What it sends, and what it takes back."""
        return (self.sends, *(() if self.removes is None else (self.removes,)), *self.removes_old)


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
    #: Lines of the source's files, where it is made of lines.
    lines: int | None = None
    #: What is worth to be known of the source, in sentences.
    notes: tuple[str, ...] = ()
    #: Why a run would stop before it sends anything, in sentences.
    stops: tuple[str, ...] = ()
    #: The flags that a run needs for all steps.
    consent: str = ""

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
        record: dict[str, JsonValue] = attrs.asdict(self)
        return {**record, "items": self.items, "requests": self.requests}


def plan_job(
    job: JobFile,
    table: Table | None = None,
    on_look: OnLook | None = None,
    asked: Sequence[Preflight | None] | None = None,
) -> Plan:
    """Read the source and say what a run would send.

    Args:
        job: The job.
        table: The source, where it is open already, or is Python's own data; it stays open. Whoever gives
            it holds the job, so that no run changes what is known to be delivered.
        on_look: Called with the step's name and how many of its rows were read, as they are.
        asked: What each step's vendor has told of its schema; it is asked where nobody has.

    Raises:
        ConfigurationError: the source cannot be read as the job says.
        SourceFailed: it cannot be read to its end.
    """
    job, notes = find_for_plan(job)
    if table is None:
        fetch_state(job)
        with open_checked(job, since=_since(job)) as opened:
            plan = _plan(job, opened, on_look, asked, held=False)
    else:
        check_source(job, table)
        plan = _plan(job, table, on_look, asked, held=True)
    return attrs.evolve(plan, notes=(*plan.notes, *notes)) if notes else plan


def _since(job: JobFile) -> Since:
    """Return from where a run would read the source."""
    folder = job_folder(job)
    if job.source.incremental is None or not folder.exists():
        return since_of(job, [])
    memories: list[Path | None] = []
    for step in job.steps:
        vendor = find_vendor(step.vendor)
        client = None if vendor is None else client_of(vendor, Settings())[0]
        home = None if client is None or isinstance(client, NoAccount) else client.home
        memories.append(memory_to_plan_with(folder, step.name, home))
    with JobLock(folder, job.name):
        return since_of(job, memories)


def _plan(
    job: JobFile,
    table: Table,
    on_look: OnLook | None,
    asked: Sequence[Preflight | None] | None,
    *,
    held: bool,
) -> Plan:
    planners = [_Planner(job, step, table, on_look, held=held) for step in job.steps]
    if asked is None:
        asked = [None] * len(planners)
        if job.guards.preflight:
            asked = ask_vendors([planner.account for planner in planners])
    for planner, answers in zip(planners, asked, strict=True):
        planner.preflight = answers
    steps = tuple(planner.plan() for planner in planners)
    # A step that takes every row has counted them.
    whole = next((plan.rows for plan, step in zip(steps, job.steps, strict=True) if step.where is None), None)
    rows = table.count() if whole is None else whole
    shared: dict[tuple[str, str], float] = {}
    for planner, step in zip(planners, steps, strict=True):
        for operation, load in planner.loaded(step):
            key = (step.vendor, operation.facts.quota.name)
            shared[key] = shared.get(key, 0.0) + load.seconds
    return Plan(
        job=job.name,
        rows=rows,
        steps=steps,
        seconds=max(shared.values(), default=0.0),
        digest=_digest(job, table.fingerprint(), rows, steps),
        lines=table.lines,
        notes=tuple(table.notes),
        stops=(
            *_stops(job, None if table.is_part else rows, steps),
            *(stop for planner in planners for stop in planner.stops),
        ),
        consent=Consent.to(lost for planner in planners for lost in planner.lost).flags,
    )


def _digest(job: JobFile, fingerprint: str, rows: int, steps: Sequence[StepPlan]) -> str:
    """Return what two plans have in common only if they would send the same."""
    written_down = job.steps
    if (
        job.audience is not None
    ):  # what is found at vendors is another in front of the first run and behind it
        nowhere = dict.fromkeys(job.audience.found, UNPLACED)
        written_down = with_places(job.steps, job.audience, nowhere)
    record = {
        "source": attrs.asdict(job.source),
        "steps": [attrs.asdict(step) for step in written_down],
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
                *(load.items for load in step.loads),
            ]
            for step in steps
        ],
    }
    written = json.dumps(record, sort_keys=True, default=str, ensure_ascii=False)
    return digest_of(written)


def _stops(job: JobFile, rows: int | None, steps: Sequence[StepPlan]) -> Iterator[str]:
    """Say which guards would stop a run as things are; of rows that are not all there are, none is asked."""
    guards = job.guards
    if rows is not None:
        try:
            check_rows(rows, guards, rows_before(job_folder(job)))
        except GuardRefused as refusal:
            yield str(refusal)
    for step in steps:
        try:
            check_removals(step.name, step.removed, step.known, guards)
        except GuardRefused as refusal:
            yield str(refusal)
        refused = RejectedGuard(step.name, guards.max_rejected).refuses(
            step.rejected,
            step.rows - step.unchanged,
            rows=step.rows,
            unchanged=step.unchanged,
            known=step.known_rejects,
        )
        if refused is not None:
            yield str(refused)


class _Planner:
    """Plans one step."""

    def __init__(self, job: JobFile, step: Step, table: Table, on_look: OnLook | None, *, held: bool) -> None:
        self._held = held
        self._job = job
        self._step = step
        self._table = table
        self._on_look = on_look
        self._rows = 0
        self._rejected = 0
        self._reasons: Counter[str] = Counter()
        self._known = KnownRejects(rejected_path(job_folder(job), step.name))
        self._notes: list[str] = []
        vendor = find_vendor(step.vendor)
        if vendor is None:
            raise ConfigurationError(f"There is no vendor {step.vendor!r}: netaudience operations lists them")
        settings = Settings(
            rate=step.rate,
            in_flight=step.in_flight,
            max_rows=step.max_rows,
            odd_identifiers=job.guards.odd_identifiers,
            quotas=store_of(job.quotas),
            account=job.quotas.account,
        )
        #: What the vendor has told of its schema.
        self.preflight: Preflight | None = None
        #: What of that would stop a run.
        self.stops: list[str] = []
        #: What a run may have to be allowed: operations, each with its items.
        self.lost: list[tuple[Operation, int]] = []
        self._client, missing = client_of(vendor, settings)
        if missing is not None:
            self._notes.append(f"planned without an account: {missing}")
        names = [step.operation, *([step.removal] if step.removal and step.mode == "mirror" else [])]
        #: What is sent, and what takes back.
        self.operations = [_operation(vendor, name) for name in names]

    def loaded(self, plan: StepPlan) -> Iterator[tuple[Operation, Load]]:
        """Give what is sent and what is taken back, each with its operation."""
        yield self.operations[0], plan.sends
        for load in plan.loads[1:]:
            yield self.operations[1], load

    @property
    def account(self) -> tuple[Client | None, Step]:
        """Whom to ask for the schema, and for what; nobody where there is no account."""
        return None if isinstance(self._client, NoAccount) else self._client, self._step

    def _look_at_columns(self) -> None:
        """Compare the step's columns with what the vendor has told."""
        if self.preflight is None:
            return
        kind = self._client.kind(self.operations[0], self._step.arguments)
        try:
            refuse(self._step.name, self.preflight.findings(kind, self._table.columns))
        except GuardRefused as refusal:
            self.stops.append(str(refusal))
        self._notes += self.preflight.planned

    def plan(self) -> StepPlan:
        """Read the source for this step."""
        step, operation = self._step, self.operations[0]
        self._look_at_columns()
        counts = {"added": 0, "changed": 0, "unchanged": 0, "removed": 0, "known": 0}
        removes: Load | None = None
        removes_old: list[Load] = []
        self._look(0)
        if step.mode == "all":
            selection, earlier = selection_of(step), self._earlier()
            if earlier:
                selection = attrs.evolve(selection, only=all_but(earlier))
            pages = self._counted(page for (page,) in self._table.read([selection]) if page)
            sends = self._load(operation, step.arguments, self._items(pages, operation))
            self._rows += len(earlier)
            counts["unchanged"] = len(earlier)
            self._notes.extend(notes_of(step, None, len(earlier)))
        else:
            removal = self.operations[1] if len(self.operations) > 1 else None
            with self._snapshot() as snapshot:
                found = snapshot.differences(self._table, step, "plan", effect_of(step, operation, removal))
                if step.duplicates == "last":
                    found = snapshot.pass_over(self._table, found, self._earlier())
                counts = {name: getattr(found, name) for name in counts}
                self._rows = found.total
                sends = self._load(operation, step.arguments, self._items(found.rows(), operation))
                if removal is not None:
                    gone = self._removals(found.removals(), removal)
                    removes = self._load(removal, step.removal_arguments, gone)
                    for old in found.old if step.take_back_old else ():
                        if old.removal == removal.name:
                            gone = self._removals(found.removals(old), removal)
                            removes_old.append(self._load(removal, old.removal_arguments, gone))
                self._notes.extend(notes_of(step, found))
        self.lost = [(operation, sends.items)]
        # A run of a mirror that takes nothing back asks nobody.
        back = [load.items for load in (*filter(None, (removes,)), *removes_old) if load.items]
        self.lost += [(self.operations[-1], items) for items in back]
        self._notes += missing_ids(self._job, step, self._table)
        self._notes += decisions(step, self._kind, self._table.columns, self._job.source.time_zone)
        if step.where is not None and not self._rows:
            self._notes.append("the step's where holds for no row of the source")
        return StepPlan(
            name=step.name,
            vendor=step.vendor,
            operation=operation.name,
            mode=step.mode,
            rows=self._rows,
            rejected=self._rejected,
            known_rejects=self._known.count,
            reasons=dict(self._reasons.most_common(_REASONS)),
            **counts,
            sends=sends,
            removes=removes,
            removes_old=tuple(removes_old),
            consent=Consent.to(self.lost).flags,
            agrees_to=" and ".join(dict.fromkeys(filter(None, (_loss(one) for one, _ in self.lost)))),
            notes=tuple(self._notes),
        )

    @contextmanager
    def _snapshot(self) -> Generator[Snapshot, None, None]:
        """Give a file beside that of what is known to be delivered: a plan changes nothing there."""
        home = None if isinstance(self._client, NoAccount) else self._client.home
        kept = memory_to_plan_with(job_folder(self._job), self._step.name, home)
        with Scratch(None if kept is None else kept.parent, "plan-") as scratch:
            path = Path(scratch) / "plan.duckdb"
            if kept is not None:
                with nullcontext() if self._held else JobLock(job_folder(self._job), self._job.name):
                    _copy(kept, path)
            with Snapshot(path) as snapshot:
                yield snapshot

    def _counted(self, pages: Iterable[Page]) -> Iterator[Page]:
        for page in pages:
            self._rows += len(page)
            yield page

    def _look(self, rows: int) -> None:
        if self._on_look is not None:
            self._on_look(self._step.name, rows)

    @property
    def _kind(self) -> Kind:
        kind = self._client.kind(self.operations[0], self._step.arguments)
        if self.preflight is not None:
            kind = self.preflight.kind(kind)
        return zoned(kind, self._job.source.time_zone)

    def _earlier(self) -> Sequence[int]:
        """Return the rows that are not sent because another one of their user stands further down."""
        return earlier_of(self._table, self._step, self._kind) if self._step.duplicates == "last" else ()

    def _load(
        self, operation: Operation, arguments: Mapping[str, JsonValue], pages: Iterator[list[object]]
    ) -> Load:
        load, problem = reckon(self._client, operation, arguments, pages)
        if problem is not None:
            self._notes.append(f"{operation.name}: {problem}")
        if load.chains.users:
            self._notes.append(in_turn(load))
        return load

    def _items(self, pages: Iterable[Page], operation: Operation) -> Iterator[list[object]]:
        """Give the items that a run would send, page by page; count the other rows."""
        kind = self._kind
        looked = 0
        for page in pages:
            if not looked:
                check_first(self._step, operation, page)
            looked += len(page)
            self._look(looked)
            yield self._judged(make_items(page, self._step, operation, kind), kind)

    def _removals(self, pages: Iterable[Page], removal: Operation) -> Iterator[list[object]]:
        """Give the items that take back what is gone from the source."""
        kind = zoned(self._client.kind(removal, self._step.removal_arguments), self._job.source.time_zone)
        for page in pages:
            yield self._judged(make_removals(page, self._step, removal, kind), kind)

    def _judged(self, made: tuple[list[MappedRow], list[RejectedRow]], kind: Kind) -> list[object]:
        rows, rejected = made
        for row in rejected:
            self._reject(row.reason, row.key, row.source["fields"])
        items = [row.item for row in rows]
        problems = kind.check(items)
        for index, problem in problems.items():
            self._reject(str(problem), rows[index].key or kind.key(items[index]), {})
        return [item for index, item in enumerate(items) if index not in problems] if problems else items

    def _reject(self, reason: str, key: str, fields: Mapping[str, object]) -> None:
        self._rejected += 1
        self._known.add(key, fields, reason)
        if reason in self._reasons or len(self._reasons) < 1000:  # a reason may name a row
            self._reasons[reason] += 1


def _copy(kept: Path, path: Path) -> None:
    """Copy what is known to be delivered, with what is not in the file itself yet."""
    shutil.copyfile(kept, path)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{kept}.wal", f"{path}.wal")


def _operation(vendor: type[Client], name: str) -> Operation:
    found = find_operation(vendor, name)
    if isinstance(found, str):
        raise ConfigurationError(found)
    return found


def _loss(operation: Operation) -> str:
    """Return what is agreed to with the flags that an operation needs; empty where it needs none."""
    return (operation.facts.consent or "loses data") if wants_consent(operation) else ""
