"""Several verbs for the same people, one after the other: opted out and taken out first, erased last.

A vendor takes up to a week to erase somebody, and writes to whoever is not opted out until then. Each verb is
a run of its own; it keeps what comes after it, so that going on with it goes on with the rest as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.model import Source
from netaudience.verbs.doors import carry_action, plan_action
from netaudience.verbs.plan import VerbPlan
from netaudience.verbs.run import VerbResult, check_agreed
from netaudience.verbs.subject import Subject

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.engine.journal import OnDoubt
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.model.verb_facts import Channel, Identity
    from netaudience.verbs.receipts import Receipts


def erasure(
    channels: Sequence[Channel] = (),
    audiences: Iterable[str] = (),
    places: Mapping[str, str] | None = None,
) -> list[Action]:
    """Return what is done for people who are to be erased: opted out, taken out of audiences, erased.

    Args:
        channels: What they are opted out of first.
        audiences: What they are taken out of then, by name.
        places: What a vendor calls an audience or a channel, as `Action.places` has it.
    """
    at = dict(places or {})
    leaving = [Action(verb="leave", audience=one, places=at) for one in audiences]
    suppressing = [Action(verb="suppress", channels=channels, places=at)] if channels else []
    return [*suppressing, *leaving, Action(verb="erase")]


def plan_in_order(  # noqa: PLR0913 - its options
    actions: Sequence[Action],
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    look_up: bool = False,
    opt_outs: Iterable[str | Path] = (),
    receipts: Receipts | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
) -> list[VerbPlan]:
    """Say what each of several verbs would do for people; nothing is sent. See `plan_action`.

    Raises:
        ConfigurationError: a vendor or a column is not there, or the people cannot be read.
    """
    meant, given = None if vendors is None else list(vendors), _kept(people)
    return [
        plan_action(
            action,
            given,
            vendors=meant,
            columns=columns,
            look_up=look_up,
            opt_outs=opt_outs,
            receipts=receipts,
            client_factory=client_factory,
            folder=folder,
        )
        for action in actions
    ]


async def carry_in_order(  # noqa: PLR0913, D417 - the options of a run; the rest are carry_action's
    actions: Sequence[Action],
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
    grace: float = 20.0,
    on_plan: Callable[[VerbPlan], object] | None = None,
    on_result: Callable[[VerbResult], object] | None = None,
    on_progress: OnProgress | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
    signals: bool = True,
) -> list[VerbResult]:
    """Carry out several verbs for the same people, and return what became of everybody, verb by verb.

    A verb whose run did not come to its end ends it: there are fewer results than actions, and the last run
    is to be gone on with, by the actions from it on and `resume`. People for whom one verb failed are
    reported so, and the next is done for them all the same.

    Args:
        actions: What is done, in this order, such as `erasure` returns.
        people: A file with a column for each id, or subjects.
        agreed: For how many people the last of them is meant; asked before anything is sent.
        on_result: Called with each result as soon as there is one.
        resume: The run to go on with, which is of the first of the actions.

    The other arguments are those of `carry_action`.

    Raises:
        GuardRefused: nobody has agreed, or it is for another number of people; nothing was sent.
        ConfigurationError: a vendor, a column or credentials are wrong; nothing was sent.
    """
    if not actions:
        raise ConfigurationError("Say what is to be done: there is no action")
    meant, given = None if vendors is None else list(vendors), _kept(people)
    if len(actions) > 1:
        last = actions[-1]
        [plan] = await asyncio.to_thread(
            plan_in_order,
            [last],
            given,
            vendors=meant,
            columns=columns,
            look_up=look_up,
            client_factory=client_factory,
            folder=folder,
        )
        if plan.job.steps:
            check_agreed(plan, agreed)
    results: list[VerbResult] = []
    for at, action in enumerate(actions):
        result = await carry_action(
            action,
            given,
            agreed=agreed,
            vendors=meant,
            columns=columns,
            look_up=look_up,
            opt_outs=opt_outs,
            resume=resume if at == 0 else None,
            in_doubt=in_doubt,
            receipts=receipts,
            then=actions[at + 1 :],
            grace=grace,
            on_plan=on_plan,
            on_progress=on_progress,
            client_factory=client_factory,
            folder=folder,
            signals=signals,
        )
        results.append(result)
        if on_result is not None:
            on_result(result)
        if result.summary is not None and result.summary.resume_command is not None:
            break
    return results


def _kept(people: str | Path | Source | Iterable[Subject]) -> str | Path | Source | list[Subject]:
    """Return people who can be read more than once."""
    return people if isinstance(people, str | Path | Source) else list(people)
