"""What a program calls: the people as a file or as `Subject`, the verb, and what became of everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.model import Source
from netaudience.vendors import names
from netaudience.verbs.people import read_people
from netaudience.verbs.plan import VerbPlan, plan_vendors, plan_verb
from netaudience.verbs.run import Started, VerbResult, run_verb
from netaudience.verbs.subject import Subject, find_columns, rows_of

if TYPE_CHECKING:
    from datetime import datetime

    from netaudience.engine.journal import OnDoubt
    from netaudience.jobs.deliver.prepare import ClientFactory
    from netaudience.jobs.deliver.runner import OnProgress
    from netaudience.jobs.extract.table import Table
    from netaudience.model.verb_facts import Channel, Identity, Verb
    from netaudience.verbs.receipts import Line, Receipts

__all__ = ["carry_action", "erase", "look_again_at", "open_people", "plan_action", "plan_erase"]


@contextmanager
def open_people(people: str | Path | Source | Iterable[Subject]) -> Generator[tuple[Table, Source]]:
    """Open people: a file, a source as a job says it, or subjects.

    Raises:
        ConfigurationError: it cannot be read.
    """
    from netaudience.jobs.extract.table import open_data, open_source  # noqa: PLC0415 - needs the extra `cli`

    if isinstance(people, str | Path):
        people = Source(files=(str(Path(people).expanduser().resolve()),))
    if isinstance(people, Source):
        with open_source(people, Path.cwd()) as table:
            yield table, people
        return
    with open_data(rows_of(people)) as table:
        yield table, Source()


def plan_erase(
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> VerbPlan:
    """Say what erasing people would do at each vendor; see `plan_action`."""
    return plan_action(
        Action(verb="erase"),
        people,
        vendors=vendors,
        columns=columns,
        client_factory=client_factory,
        folder=folder,
    )


def plan_action(  # noqa: PLR0913 - what may be told
    action: Action,
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> VerbPlan:
    """Say what would be done for people at each vendor; nothing is sent.

    The arguments are those of `carry_action`.

    Raises:
        ConfigurationError: a vendor or a column is not there, or the people cannot be read.
    """
    with open_people(people) as (table, source):
        return plan_verb(
            action,
            table,
            source,
            vendors=vendors,
            chosen=columns,
            client_factory=client_factory,
            folder=folder,
        )


async def erase(  # noqa: PLR0913 - what a run may be told
    people: str | Path | Source | Iterable[Subject],
    *,
    agreed: int | None,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    resume: str | None = None,
    in_doubt: OnDoubt = "tell",
    receipts: Receipts | None = None,
    grace: float = 20.0,
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
        resume=resume,
        in_doubt=in_doubt,
        receipts=receipts,
        grace=grace,
        on_progress=on_progress,
        client_factory=client_factory,
        folder=folder,
        signals=signals,
    )


async def carry_action(  # noqa: PLR0913 - what a run may be told
    action: Action,
    people: str | Path | Source | Iterable[Subject],
    *,
    agreed: int | None = None,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    resume: str | None = None,
    in_doubt: OnDoubt = "tell",
    receipts: Receipts | None = None,
    grace: float = 20.0,
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
        resume: The run to go on with: its id, the path of its folder, or ``latest``.
        receipts: Where a receipt is written for everybody at every vendor.
        in_doubt: ``resend`` sends again what was under way when an earlier process died.
        grace: Seconds that requests under way have after the first signal.
        on_progress: Called with the job's counts so far, twice a second.
        client_factory: Makes a vendor's client; from the environment if not given.
        folder: Where runs are kept, in ``.netaudience``; the current one if not given.
        signals: Whether SIGINT and SIGTERM end the run in order.

    Raises:
        GuardRefused: nobody has agreed, or it is for another number of people; nothing was sent.
        ConfigurationError: a vendor, a column or credentials are wrong; nothing was sent.
    """
    with open_people(people) as (table, source):
        plan = await asyncio.to_thread(
            plan_verb,
            action,
            table,
            source,
            vendors=vendors,
            chosen=columns,
            client_factory=client_factory,
            folder=folder,
        )
        started = Started(
            verb=action.verb,
            vendors=list(dict.fromkeys(each.vendor for each in plan.vendors)),
            channels=list(action.channels),
            audience=action.audience,
            places=dict(action.places),
            attributes=dict(action.attributes),
            agreed=agreed,
            source=source if source.files else None,
            chosen={str(name): column for name, column in (columns or {}).items()},
            receipts=None if receipts is None else str(receipts.path.resolve()),
        )
        return await run_verb(
            plan,
            table,
            agreed=agreed,
            started=started,
            resume=resume,
            in_doubt=in_doubt,
            receipts=receipts,
            grace=grace,
            on_progress=on_progress,
            client_factory=client_factory,
            signals=signals,
        )


async def look_again_at(  # noqa: PLR0913 - what may be told
    receipts: Receipts,
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    now: datetime | None = None,
    client_factory: ClientFactory | None = None,
) -> list[Line]:
    """Ask vendors about people for whom it must be done by now, and add the answers to the receipts.

    Args:
        receipts: The file, opened.
        people: Who was meant, once more: receipts name nobody.
        vendors: By their names in commands; those of the environment if not given.
        columns: Columns of a file that their names do not tell.
        now: What the clock says.
        client_factory: Makes a vendor's client; from the environment if not given.

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
