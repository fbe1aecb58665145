"""A verb at work: a job's run that knows of every person what became of them at every vendor.

Engine, journal, guards and dead letters are the job's own. What is added is who is meant by a row, and what
the outcome of the row's request means for the person.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from netaudience.errors import ConfigurationError, GuardRefused, JournalFailed
from netaudience.jobs.deliver.kept import Kept
from netaudience.jobs.spec.action import AGREED_BY
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent, wants_consent
from netaudience.jobs.state.refused import remember_refused
from netaudience.jobs.state.run_folder import replace
from netaudience.model.wire import load_json, structure
from netaudience.plurals import many
from netaudience.verbs.judging import Reported, judge
from netaudience.verbs.started import Started
from netaudience.verbs.verdicts import Status, Verdict, count_verdicts

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.engine.journal import OnDoubt
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.jobs.deliver.order import RowFate
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.summary import Summary
    from netaudience.model.verb_facts import Verb
    from netaudience.verbs.plan import VerbPlan
    from netaudience.verbs.receipts import Receipts

#: In a run's folder: what vendors have told beside success, and the verdicts.
_TOLD, VERDICTS = "told.jsonl", "verdicts.jsonl"


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
        code = ExitCode.DELIVERED if self.summary is None else self.summary.exit_code
        if code not in {ExitCode.DELIVERED, ExitCode.UNDELIVERED}:
            return code
        return ExitCode.DELIVERED if all(each.done for each in self.verdicts) else ExitCode.UNDELIVERED

    @property
    def counts(self) -> dict[str, dict[Status, int]]:
        """How many people have which verdict, by vendor."""
        return count_verdicts(self.verdicts)


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
        self._reported: dict[tuple[str, int], Reported] = {}
        self.verdicts: list[Verdict] = []
        self.on_row = self._heard

    def sending(self) -> None:
        """Take note of what goes on with the run, and of what earlier attempts were told."""
        self._started_with.keep(self._own)
        self._reported |= dict(_read_told(self._own.path / _TOLD))
        super().sending()

    def _heard(self, fate: RowFate) -> None:
        at = (fate.step, fate.row)
        self._fates[at] = fate._replace(result=None)
        read = self._parts[fate.step].way.receipt
        receipt = None if read is None or fate.result is None else read(fate.result)
        if receipt is None and not fate.not_there:
            return
        self._reported[at] = Reported(receipt, fate.not_there)
        line = json.dumps([*at, receipt, fate.not_there]).encode() + b"\n"
        descriptor = os.open(self._own.path / _TOLD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def finish(self, summary: Summary, reached: Mapping[str, int | None]) -> None:
        """Write the verdicts before the summary: where there is one, there are they."""
        stopped = {step.name: step.stopped for step in summary.steps}
        self.verdicts = list(judge(self._plan, self._fates, self._reported, stopped))
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


def _read_told(path: Path) -> Iterator[tuple[tuple[str, int], Reported]]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            step, row, receipt, not_there = cast("list[Any]", load_json(line))
        except ValueError:
            continue  # the process was killed while it wrote the line
        yield (step, row), Reported(receipt, not_there)


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
    people = many(count, "person")
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


async def run_verb(  # noqa: PLR0913 - the options of a run
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
        in_doubt: Whether what was being sent when a process died is reported, or sent again.
        grace: Seconds that requests under way have after the first signal.
        on_plan: Called with the plan before anything is sent.
        on_progress: Called with the counts so far.
        client_factory: Makes a vendor's client; from the environment if not given.
        signals: Whether SIGINT and SIGTERM end the run in order.

    Raises:
        GuardRefused: nobody has agreed, or a guard of the job refuses; nothing was sent.
        ConfigurationError: credentials or the run to go on with are wrong; nothing was sent.
    """
    from netaudience.jobs.deliver.carry_out import carry_out  # noqa: PLC0415 - needs the vendors

    consent = check_agreed(plan, agreed) if plan.job.steps else None
    if on_plan is not None:
        on_plan(plan)
    if consent is None:
        judged = list(judge(plan, {}, {}, {}))
        if receipts is not None:
            add_verdicts(receipts, plan, judged, "")
        return VerbResult(plan=plan, verdicts=judged, summary=None)
    started = started or Started(action=plan.action, vendors=[each.vendor for each in plan.vendors])
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
