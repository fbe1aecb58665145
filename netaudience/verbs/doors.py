"""What a program calls: the people as a file or as `Subject`, the verb, and what became of everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.run_folder import RunFolder, file_name
from netaudience.vendors import names
from netaudience.verbs.beforehand import Beforehand, completed, find_beforehand
from netaudience.verbs.people import open_people, read_people
from netaudience.verbs.plan import VerbPlan, name_of, plan_vendors, plan_verb, slugs_of
from netaudience.verbs.run import VerbResult, run_verb
from netaudience.verbs.started import Started, read_started
from netaudience.verbs.subject import Subject, find_columns

if TYPE_CHECKING:
    from datetime import datetime

    from netaudience.client import ClientFactory
    from netaudience.engine.journal import OnDoubt
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.jobs.extract.table import Table
    from netaudience.model.verb_facts import Channel, Identity, Verb
    from netaudience.verbs.people import Person
    from netaudience.verbs.receipts import Line, Receipts
    from netaudience.verbs.subject import Columns


def plan_erase(  # noqa: PLR0913 - its options
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    look_up: bool = False,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> VerbPlan:
    """Say what erasing people would do at each vendor; see `plan_action`."""
    return plan_action(
        Action(verb="erase"),
        people,
        vendors=vendors,
        columns=columns,
        look_up=look_up,
        client_factory=client_factory,
        folder=folder,
    )


def plan_action(  # noqa: PLR0913 - its options
    action: Action,
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    look_up: bool = False,
    opt_outs: Iterable[str | Path] = (),
    receipts: Receipts | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> VerbPlan:
    """Say what would be done for people at each vendor; nothing is sent.

    The arguments are those of `carry_action`.

    Raises:
        ConfigurationError: a vendor or a column is not there, or the people cannot be read.
    """
    planning = _Planning(action, slugs_of(vendors), columns, client_factory, folder)
    with open_people(people) as (table, source), ThreadPoolExecutor(1) as threads:
        looking = planning.find(table, look_up=look_up, opt_outs=opt_outs, receipts=receipts)
        # The caller may have a loop of its own.
        before = threads.submit(asyncio.run, looking).result()
        with planning.whole(table, before) as whole:
            return planning.plan(whole, source, before, table.name)


@attrs.frozen
class _Planning:
    """What a plan is made of, besides the people."""

    action: Action
    slugs: list[str]
    columns: Mapping[Identity, str | None] | None
    client_factory: ClientFactory | None
    folder: Path | None

    async def find(
        self, table: Table, *, look_up: bool, opt_outs: Iterable[str | Path], receipts: Receipts | None
    ) -> Beforehand:
        """Find what has to be known of the people before."""
        return await find_beforehand(
            self.action,
            table,
            vendors=self.slugs,
            chosen=self.columns,
            look_up=look_up,
            opt_outs=opt_outs,
            receipts=receipts,
            client_factory=self.client_factory,
        )

    async def found(self, table: Table, resume: str) -> Beforehand:
        """Return what was found when a run began: it goes on with that."""
        jobs = (self.folder or Path.cwd()) / ".netaudience" / file_name(name_of(self.action, table.name))
        earlier = await asyncio.to_thread(lambda: read_started(find_run(resume, [jobs])))
        return Beforehand() if earlier is None else earlier.before

    def whole(self, table: Table, before: Beforehand) -> AbstractContextManager[Table]:
        """Open the people with what was found of them."""
        asked = self.action.channels if self.action.verb == "unsuppress" else ()
        return completed(table, before, [f"{slug} {channel}" for slug in self.slugs for channel in asked])

    def plan(self, whole: Table, source: Source, before: Beforehand, name: str) -> VerbPlan:
        """Say what would be done."""
        return plan_verb(
            self.action,
            whole,
            source,
            vendors=self.slugs,
            chosen=self.columns,
            client_factory=self.client_factory,
            folder=self.folder,
            before=before,
            name=name,
        )


async def erase(  # noqa: PLR0913 - the options of a run
    people: str | Path | Source | Iterable[Subject],
    *,
    agreed: int | None,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    look_up: bool = False,
    resume: str | None = None,
    in_doubt: OnDoubt = "tell",
    receipts: Receipts | None = None,
    grace: float = 20.0,
    on_plan: Callable[[VerbPlan], object] | None = None,
    on_progress: OnProgress | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
    signals: bool = True,
) -> VerbResult:
    """Erase people at every vendor, and return what became of each of them there; see `carry_action`.

    Raises:
        GuardRefused: nobody has agreed, or it is for another number of people; nothing was sent.
        ConfigurationError: a vendor, a column or credentials are wrong; nothing was sent.
    """
    return await carry_action(
        Action(verb="erase"),
        people,
        agreed=agreed,
        vendors=vendors,
        columns=columns,
        look_up=look_up,
        resume=resume,
        in_doubt=in_doubt,
        receipts=receipts,
        grace=grace,
        on_plan=on_plan,
        on_progress=on_progress,
        client_factory=client_factory,
        folder=folder,
        signals=signals,
    )


async def carry_action(  # noqa: PLR0913 - the options of a run
    action: Action,
    people: str | Path | Source | Iterable[Subject],
    *,
    agreed: int | None = None,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    look_up: bool = False,
    opt_outs: Iterable[str | Path] = (),
    resume: str | None = None,
    in_doubt: OnDoubt = "tell",
    receipts: Receipts | None = None,
    then: Sequence[Action] = (),
    grace: float = 20.0,
    on_plan: Callable[[VerbPlan], object] | None = None,
    on_progress: OnProgress | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
    signals: bool = True,
) -> VerbResult:
    """Do something for people at every vendor, and return what became of each of them there.

    Look at ``result.ok``: a verdict that leaves something to do raises nothing.

    Args:
        action: What is to be done.
        people: A file with a column for each id, or subjects.
        agreed: For how many people it is meant, as ``plan_action(…).reached`` says; asked of what cannot be
            undone, and of what lets vendors write to people again.
        vendors: By their names in commands; those of the environment if not given.
        columns: Columns of a file that their names do not tell, by ``id``, ``email`` and ``phone``.
        look_up: Whether vendors are asked for ids that are missing, where they know them.
        opt_outs: For ``unsuppress``: files of people who have opted out, with the time.
        resume: The run to go on with: its id, the path of its folder, or ``latest``.
        receipts: Where a receipt is written for everybody at every vendor.
        then: What is to be done for the people afterwards, kept for who goes on with the run.
        in_doubt: ``resend`` sends again what was under way when an earlier process died.
        grace: Seconds that requests under way have after the first signal.
        on_plan: Called with the plan before anything is sent; what it raises ends the run.
        on_progress: Called with the job's counts so far, twice a second.
        client_factory: Makes a vendor's client; from the environment if not given.
        folder: Where runs are kept, in ``.netaudience``; the current one if not given.
        signals: Whether SIGINT and SIGTERM end the run in order.

    Raises:
        GuardRefused: nobody has agreed, or it is for another number of people; nothing was sent.
        ConfigurationError: a vendor, a column or credentials are wrong; nothing was sent.
    """
    planning = _Planning(action, slugs_of(vendors), columns, client_factory, folder)
    with open_people(people) as (table, source):
        before = await (
            planning.find(table, look_up=look_up, opt_outs=opt_outs, receipts=receipts)
            if resume is None
            else planning.found(table, resume)
        )
        with planning.whole(table, before) as whole:
            plan = await asyncio.to_thread(planning.plan, whole, source, before, table.name)
            started = Started(
                action=action,
                vendors=planning.slugs,
                then=list(then),
                agreed=agreed,
                source=source if source.files else None,
                chosen={str(name): column for name, column in (columns or {}).items()},
                receipts=None if receipts is None else str(receipts.path.resolve()),
            )
            return await run_verb(
                plan,
                whole,
                agreed=agreed,
                started=started.knowing(before),
                resume=resume,
                in_doubt=in_doubt,
                receipts=receipts,
                grace=grace,
                on_plan=on_plan,
                on_progress=on_progress,
                client_factory=client_factory,
                signals=signals,
            )


async def look_again_at(  # noqa: PLR0913 - its options
    receipts: Receipts,
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    now: datetime | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> list[Line]:
    """Ask vendors about people for whom it must be done by now, and add the answers to the receipts.

    Args:
        receipts: The file, opened.
        people: Who was meant, once more: receipts name nobody.
        vendors: By their names in commands; those of the environment if not given.
        columns: Columns of a file that their names do not tell.
        now: What the clock says.
        client_factory: Makes a vendor's client; from the environment if not given.
        folder: Where the runs are kept, whose look-ups have found ids; the current one if not given.

    Returns:
        A line for each look, as it stands in the file.

    Raises:
        ConfigurationError: a vendor, a column or credentials are wrong.
        JournalFailed: the receipts cannot be written.
    """
    from netaudience.verbs.looks import look_again  # noqa: PLC0415 - who only erases need not load it

    with open_people(people) as (table, _):
        found = find_columns(list(table.columns), names(), columns)
        read = read_people(table, found)
    found, read = _with_found(receipts, found, read, folder or Path.cwd())
    asked: dict[Verb, dict[Channel, None]] = {}
    for line in receipts.lines:
        channels = asked.setdefault(line["verb"], {})
        if line.get("channel") is not None:
            channels[line["channel"]] = None
    added: list[Line] = []
    for verb, about in asked.items():
        if verb in {"join", "leave", "set", "unset"}:
            continue  # no vendor shows who is in an audience, and receipts hold no attribute
        planned = plan_vendors(Action(verb=verb, channels=list(about)), vendors, found, read, client_factory)
        added += await look_again(
            receipts, read, found, verb, planned, now=now, client_factory=client_factory
        )
    return added


def _with_found(
    receipts: Receipts, columns: Columns, people: list[Person], folder: Path
) -> tuple[Columns, list[Person]]:
    """Return people with the ids that the runs of receipts have found, which no vendor may know any more."""
    kinds = {column: kind for kind, column in columns.named().items()}
    ids: dict[str, tuple[str, str]] = {}
    for run in {str(line["run"]) for line in receipts.lines}:
        for path in (folder / ".netaudience").glob(f"*/runs/{run}") if run else ():
            started = read_started(RunFolder(path))
            for found in () if started is None else started.found.values():
                for column, value in found.items():
                    ids[receipts.key.subject(kinds.get(column, column), value)] = column, value
    if not ids:
        return columns, people
    # Only who is named by nothing else in a receipt is whom it is about: people may share an address.
    found_of: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
    for line in receipts.lines:
        given = frozenset((kind, one) for kind, one in line["subject"].items() if one not in ids)
        subject = dict(ids[one] for one in line["subject"].values() if one in ids)
        if subject and given:
            found_of[given] = subject
    whole = [
        person._replace(
            known_by={
                **found_of.get(frozenset(receipts.key.person(person, columns).items()), {}),
                **person.known_by,
            }
        )
        for person in people
    ]
    named = dict.fromkeys([*columns.named().values(), *(column for column, _ in ids.values())])
    chosen: dict[Identity, str | None] = {"id": columns.id, "email": columns.email, "phone": columns.phone}
    return find_columns(list(named), names(), chosen), whole
