"""A verb at work: a job's run that knows of every person what became of them at every vendor.

Engine, journal, guards and dead letters are the job's own. What is added is who is meant by a row, and what
the outcome of the row's request means for the person.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

import attrs

from netaudience.errors import ConfigurationError, GuardRefused, JournalFailed
from netaudience.jobs.deliver.kept import Kept
from netaudience.jobs.spec.action import AGREED_BY
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent, wants_consent
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.refused import remember_refused
from netaudience.jobs.state.run_folder import RunFolder, replace
from netaudience.model.verb_facts import Channel, Identity, Verb
from netaudience.model.wire import load_json, structure
from netaudience.verbs.beforehand import Beforehand
from netaudience.verbs.plan import Part, VendorPlan, VerbPlan
from netaudience.verbs.verdicts import Status, Verdict, count_verdicts

if TYPE_CHECKING:
    from netaudience.engine.journal import OnDoubt
    from netaudience.jobs.deliver.order import RowFate
    from netaudience.jobs.deliver.prepare import ClientFactory
    from netaudience.jobs.deliver.runner import OnProgress
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.summary import Summary
    from netaudience.verbs.people import Person
    from netaudience.verbs.receipts import Receipts

__all__ = ["VERDICTS", "Started", "VerbResult", "read_started", "read_verdicts", "run_verb", "started_by"]

#: In a run's folder: what the verb was started with, what vendors have told beside success, and the verdicts.
_STARTED, _TOLD, VERDICTS = "verb.json", "told.jsonl", "verdicts.jsonl"


@attrs.frozen(kw_only=True)
class Started:
    """What a run of a verb was started with, so that it can be gone on with."""

    verb: Verb
    vendors: list[str]
    channels: list[Channel] = attrs.field(factory=list["Channel"])
    audience: str | None = None
    places: dict[str, str] = attrs.field(factory=dict[str, str])
    attributes: dict[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    #: For how many people somebody has agreed to it.
    agreed: int | None = None
    #: None where the people were given by a program.
    source: Source | None = None
    chosen: dict[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    #: The file of receipts, if there is one.
    receipts: str | None = None
    #: For ``unsuppress``: the column of consents.
    consent: str | None = None
    #: What was found of the people before, by the row: see `Beforehand`.
    found: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]], repr=False)
    added: list[str] = attrs.field(factory=list[str])
    refused: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]], repr=False)
    #: What tells the people from others as they were given, where something was found.
    people: str | None = None

    @property
    def before(self) -> Beforehand:
        """What was found of the people."""
        return Beforehand(
            found={int(row): ids for row, ids in self.found.items()},
            added=tuple(self.added),
            refused={int(row): why for row, why in self.refused.items()},
            source=self.people,
        )

    def knowing(self, before: Beforehand) -> Self:
        """Return the same with what was found of the people."""
        return attrs.evolve(
            self,
            found={str(row): ids for row, ids in before.found.items()},
            added=list(before.added),
            refused={str(row): why for row, why in before.refused.items()},
            people=before.source,
        )

    def columns(self) -> Mapping[Identity, str | None]:
        """Return the columns that somebody has named."""
        return cast("Mapping[Identity, str | None]", self.chosen)


@attrs.frozen(kw_only=True)
class VerbResult:
    """What became of every person at every vendor."""

    plan: VerbPlan
    #: By person, and for each by vendor.
    verdicts: Sequence[Verdict]
    #: Of the job that carried it; None where nothing could be sent.
    summary: Summary | None

    @property
    def ok(self) -> bool:
        """True when nothing is left to do but, perhaps, a second look."""
        return self.exit_code == ExitCode.DELIVERED

    @property
    def exit_code(self) -> int:
        """The number for the shell: 3 where a verdict leaves something to do."""
        told = ExitCode.DELIVERED if self.summary is None else self.summary.exit_code
        if told not in {ExitCode.DELIVERED, ExitCode.UNDELIVERED}:
            return told
        return ExitCode.DELIVERED if all(each.done for each in self.verdicts) else ExitCode.UNDELIVERED

    @property
    def counts(self) -> dict[str, dict[Status, int]]:
        """How many people have which verdict, by vendor."""
        return count_verdicts(self.verdicts)


class _Told(NamedTuple):
    """What a vendor has told of a row besides that it took it."""

    receipt: str | None
    not_there: bool


class _VerbRun(Kept):
    """The run of a verb's job, which hears of every row."""

    def __init__(
        self,
        plan: VerbPlan,
        *,
        started: Started,
        resume: str | None,
        in_doubt: OnDoubt,
        receipts: Receipts | None,
    ) -> None:
        super().__init__(plan.job, resume=resume, retry=None, in_doubt=in_doubt, report=False)
        self._plan = plan
        self._started_with = started
        self._receipts = receipts
        self._parts = {part.step.name: part for each in plan.vendors for part in each.parts}
        self._fates: dict[tuple[str, int], RowFate] = {}
        #: Of this attempt and of earlier ones.
        self._told: dict[tuple[str, int], _Told] = {}
        self.verdicts: list[Verdict] = []
        self.on_row = self._heard

    def sending(self) -> None:
        """Take note of what goes on with the run, and of what earlier attempts were told."""
        path = self._own.path
        replace(path / _STARTED, json.dumps(attrs.asdict(self._started_with)).encode())
        self._told |= dict(_read_told(path / _TOLD))
        super().sending()

    def _heard(self, fate: RowFate) -> None:
        at = (fate.step, fate.row)
        self._fates[at] = fate._replace(result=None)
        read = self._parts[fate.step].way.receipt
        receipt = None if read is None or fate.result is None else read(fate.result)
        if receipt is None and not fate.not_there:
            return
        self._told[at] = _Told(receipt, fate.not_there)
        line = json.dumps([*at, receipt, fate.not_there]).encode() + b"\n"
        descriptor = os.open(self._own.path / _TOLD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def finish(self, summary: Summary, reached: Mapping[str, int | None]) -> None:
        """Write the verdicts before the summary: where there is one, there are they."""
        stopped = {step.name: step.stopped for step in summary.steps}
        self.verdicts = list(_judge(self._plan, self._fates, self._told, stopped))
        lines = b"".join(json.dumps(each.to_json()).encode() + b"\n" for each in self.verdicts)
        try:
            replace(self._own.path / VERDICTS, lines)
        except OSError as error:
            summary.unwritten.append(f"The verdicts could not be written: {error.strerror}")
        if self._receipts is not None:
            try:
                add_verdicts(self._receipts, self._plan, self.verdicts, self.run)
            except JournalFailed as error:
                summary.unwritten.append(str(error))
        super().finish(summary, reached)


def add_verdicts(receipts: Receipts, plan: VerbPlan, verdicts: Iterable[Verdict], run: str) -> None:
    """Add a receipt for each verdict, but for those that an earlier attempt at the run has written alike.

    Raises:
        JournalFailed: they cannot be written.
    """
    before = {
        (line["row"], line["vendor"], line.get("channel")): line["status"]
        for line in receipts.lines
        if line["kind"] == "verdict" and line["run"] == run
    }
    people = {person.row: person for person in plan.people if person.problem is None}
    receipts.add(
        [
            {
                "kind": "verdict",
                "run": run,
                **verdict.to_json(),
                "subject": dict(receipts.key.person(people[verdict.row], plan.columns)),
            }
            for verdict in verdicts
            if verdict.row in people
            and before.get((verdict.row, verdict.vendor, verdict.channel)) != verdict.status
        ]
    )


def _read_told(path: Path) -> Iterator[tuple[tuple[str, int], _Told]]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            step, row, receipt, not_there = cast("list[Any]", load_json(line))
        except ValueError:
            continue  # the process was killed while it wrote the line
        yield (step, row), _Told(receipt, not_there)


def _judge(
    plan: VerbPlan,
    fates: Mapping[tuple[str, int], RowFate],
    told: Mapping[tuple[str, int], _Told],
    stopped: Mapping[str, str | None],
) -> Iterator[Verdict]:
    """Give the verdict of every person at every vendor."""
    now = datetime.now(UTC)
    for person in plan.people:
        for vendor in plan.vendors:
            parts = vendor.parts_of(person)
            if vendor.cannot is not None or person.problem is not None or not parts:
                yield _without_sending(plan, vendor, person, now)
                continue
            yield _all_in_all(
                [
                    _of_fate(part, person, fates.get(at), told.get(at), stopped, now)
                    for part in parts
                    for at in ((part.step.name, person.row),)
                ],
                plan,
                vendor,
                person,
                now,
            )


def _without_sending(plan: VerbPlan, vendor: VendorPlan, person: Person, now: datetime) -> Verdict:
    """Return the verdict of somebody for whom nothing was to be sent."""

    def verdict(status: Status, reason: str) -> Verdict:
        return Verdict(
            row=person.row,
            vendor=vendor.vendor,
            verb=plan.verb,
            channel=vendor.channel,
            status=status,
            time=_text(now),
            reason=reason,
        )

    if vendor.cannot is not None:
        by_hand = f"; by hand: {vendor.facts.by_hand}" if vendor.facts and vendor.facts.by_hand else ""
        return verdict("cannot", f"{vendor.cannot}{by_hand}")
    if (why := vendor.refusal(person)) is not None:
        return verdict("cannot", why)
    if person.problem is not None:
        return verdict("failed", f"the line is no row: {person.problem}")
    return verdict("missing_id", f"the row has no {vendor.takes} for the vendor")


class _OfPart(NamedTuple):
    """What became of one request for a person."""

    part: Part
    status: Status
    due: datetime | None
    receipt: str | None
    reason: str | None


_ODD = (
    "the vendor took it, and may compare addresses letter by letter: this one is not in lower case. Give the "
    "id, or the address as the vendor shows it, and do it again"
)
_ODD_UNKNOWN = (
    "the vendor knows nobody of the address and may compare letter by letter: it is not in lower case. Give "
    "the id, or the address as the vendor shows it, and do it again"
)


def _of_fate(  # noqa: PLR0913, PLR0917 - what there is to be known
    part: Part,
    person: Person,
    fate: RowFate | None,
    told: _Told | None,
    stopped: Mapping[str, str | None],
    now: datetime,
) -> _OfPart:
    """Return what the fate of a row means for whom it names."""
    way = part.way
    not_there = told is not None and told.not_there
    reason: str | None = None if fate is None or fate.why is None else fate.why.reason
    match None if fate is None else fate.outcome:
        case "delivered":
            applied = part.operation.facts.acknowledges == "applied"
            status: Status = "nothing_there" if not_there else "applied" if applied else "accepted"
            if part.is_odd(person):
                status, reason = "in_doubt", _ODD_UNKNOWN if not_there else _ODD
        case "in_doubt":
            status = "in_doubt"
        case "rejected" if not_there:
            status, reason = ("in_doubt", _ODD_UNKNOWN) if part.is_odd(person) else ("nothing_there", reason)
        case None:
            status, reason = "failed", stopped.get(part.step.name) or "the run ended before it was sent"
        case _:
            status = "failed"
    due = None
    if status in {"accepted", "in_doubt"} and part.shown_by is not None:
        due = now if way.within is None else now + way.within
    return _OfPart(part, status, due, None if told is None else told.receipt, reason)


#: Of several requests for a person the first of these that occurs is the verdict.
_WORST: Sequence[Status] = ("failed", "in_doubt", "accepted", "applied", "nothing_there")


def _all_in_all(
    found: Sequence[_OfPart], plan: VerbPlan, vendor: VendorPlan, person: Person, now: datetime
) -> Verdict:
    """Make one verdict of what became of all requests for a person at a vendor."""
    worst = min(found, key=lambda each: _WORST.index(each.status))
    due = max((each.due for each in found if each.due is not None), default=None)
    return Verdict(
        row=person.row,
        vendor=vendor.vendor,
        verb=plan.verb,
        channel=vendor.channel,
        status=worst.status,
        identities=[each.part.way.takes for each in found],
        operations=[each.part.way.operation for each in found],
        time=_text(now),
        verify_from=None if due is None else _text(due),
        receipts=[each.receipt for each in found if each.receipt is not None],
        reason=worst.reason,
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


_WHY: Mapping[Verb, str] = {
    "erase": "cannot be undone",
    "unsuppress": "lets vendors write to people again, who must have agreed to that,",
}


def check_agreed(plan: VerbPlan, agreed: int | None) -> Consent:
    """Return what the job's guards are told, once somebody has said for how many people it is meant.

    Raises:
        GuardRefused: the number is missing, or is another.
    """
    operations = [part.operation for each in plan.vendors for part in each.parts]
    flag = AGREED_BY.get(plan.verb)
    if flag is None:
        return Consent(yes=any(wants_consent(operation) for operation in operations))
    count = plan.reached
    people = f"{count:,} {'person' if count == 1 else 'people'}"
    if agreed is None:
        raise GuardRefused(
            f"{plan.verb} {_WHY[plan.verb]} and is for {people}: look at --plan, and add {flag} {count} "
            "if that is meant; nothing was sent"
        )
    if agreed != count:
        raise GuardRefused(
            f"{flag} says {agreed:,}, and {plan.verb} is for {people}: look at the source again; "
            "nothing was sent"
        )
    final = sum(
        step.sends.items
        for step, operation in zip(plan.sends.steps if plan.sends else (), operations, strict=True)
        if operation.facts.irreversible
    )
    return Consent(yes=True, yes_delete=final)


async def run_verb(  # noqa: PLR0913 - what a run may be told
    plan: VerbPlan,
    table: Table,
    *,
    agreed: int | None,
    started: Started | None = None,
    receipts: Receipts | None = None,
    resume: str | None = None,
    in_doubt: OnDoubt = "tell",
    grace: float = 20.0,
    on_plan: Callable[[VerbPlan], object] | None = None,
    on_progress: OnProgress | None = None,
    client_factory: ClientFactory | None = None,
    signals: bool = True,
) -> VerbResult:
    """Carry a verb out as it was planned, and return what became of every person at every vendor.

    Args:
        plan: What is to be done.
        table: The people whom it was planned for.
        agreed: For how many people it is meant, where it cannot be undone.
        started: What goes on with the run; nothing does where it is not given.
        receipts: Where a receipt is written for everybody at every vendor.
        resume: The run to go on with.
        in_doubt: Whether what was being sent when a process died is told, or sent again.
        grace: Seconds that requests under way have after the first signal.
        on_plan: Called with the plan before anything is sent.
        on_progress: Called with the counts so far.
        client_factory: Makes a vendor's client; from the environment if not given.
        signals: Whether SIGINT and SIGTERM end the run in order.

    Raises:
        GuardRefused: nobody has agreed, or a guard of the job refuses; nothing was sent.
        ConfigurationError: credentials or the run to go on with are wrong; nothing was sent.
    """
    from netaudience.jobs.deliver.runner import carry_out  # noqa: PLC0415 - needs the vendors

    consent = check_agreed(plan, agreed) if plan.job.steps else None
    if on_plan is not None:
        on_plan(plan)
    if consent is None:
        told = list(_judge(plan, {}, {}, {}))
        if receipts is not None:
            add_verdicts(receipts, plan, told, "")
        return VerbResult(plan=plan, verdicts=told, summary=None)
    started = started or Started(verb=plan.verb, vendors=[each.vendor for each in plan.vendors])
    keeping = _VerbRun(plan, started=started, resume=resume, in_doubt=in_doubt, receipts=receipts)
    try:
        summary = await carry_out(
            keeping,
            table=table,
            on_progress=on_progress,
            consent=consent,
            in_doubt=in_doubt,
            grace=grace,
            client_factory=client_factory,
            signals=signals,
        )
    except Exception as error:
        if resume is None:  # a run that was to be gone on with has a folder of its own
            remember_refused(keeping.folder, plan.job.name, error)
        raise
    verdicts: Sequence[Verdict] = keeping.verdicts
    if not verdicts:  # the run had come to its end before
        verdicts = list(read_verdicts(Path(summary.folder) / VERDICTS))
    return VerbResult(plan=plan, verdicts=verdicts, summary=summary)


def read_verdicts(path: Path) -> Iterable[Verdict]:
    """Read the verdicts of a run; none where it has not come to its end.

    Raises:
        ConfigurationError: they cannot be read.
    """
    try:
        return [structure(load_json(line), Verdict) for line in path.read_bytes().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def started_by(run: RunFolder) -> Started | None:
    """Return what the run of a verb was started with; None where it is the run of a job.

    Raises:
        ConfigurationError: it cannot be read, or a program has given the people.
    """
    started = read_started(run)
    if started is not None and started.source is None:
        raise ConfigurationError(
            f"The run {run.id} is one of a program, which gave the people: go on with it there, by resume="
        )
    return started


def read_started(run: RunFolder) -> Started | None:
    """Return what the run of a verb was started with, whoever gave the people; else as `started_by`.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return structure(load_json((run.path / _STARTED).read_bytes()), Started)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{run.path / _STARTED} cannot be read: start a new run") from error
