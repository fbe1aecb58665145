"""What stops a run before it does harm: an empty source, many removals, many rejected rows, odd numbers.

A guard asks nobody, for a job at night has nobody to answer. It refuses, says what it saw, and says what to
change if that is meant.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import attrs

from netaudience.errors import NetaudienceError
from netaudience.jobs.words import Guards, Share
from netaudience.work import Operation

__all__ = [
    "Consent",
    "GuardRefused",
    "RejectedGuard",
    "check_consent",
    "check_removals",
    "check_rows",
]

#: A share of fewer rows than this says nothing yet; a number of rows counts at once.
_ENOUGH = 200
#: Runs whose median a number of rows is compared with.
PAST_RUNS = 10


class GuardRefused(NetaudienceError):
    """A guard stopped the run: look at what it saw, and change the guard only if that is meant."""


@attrs.frozen(kw_only=True)
class Consent:
    """What the caller agreed to."""

    yes: bool = False
    #: The number of rows that may be lost for good.
    yes_delete: int | None = None


def check_rows(rows: int, guards: Guards, before: Sequence[int]) -> None:
    """Refuse an empty source, and one whose number of rows is far from that of the last runs.

    Args:
        rows: Rows of the source.
        guards: What the job says.
        before: Rows of the last runs.

    Raises:
        GuardRefused: nothing was sent.
    """
    if not rows and not guards.allow_empty:
        raise GuardRefused(
            "The source has no row at all, and nothing was sent: look at where it comes from, or set "
            "allow-empty = true in [guards] if that is meant"
        )
    if guards.max_deviation is None or not before:
        return
    usual = statistics.median(before[:PAST_RUNS])
    if usual and abs(rows - usual) / usual > guards.max_deviation:
        way = "more" if rows > usual else "fewer"
        raise GuardRefused(
            f"The source has {rows:,} rows, {abs(rows - usual) / usual:.0%} {way} than the {usual:,.0f} of "
            f"the last runs, and max-deviation is {guards.max_deviation:.0%}; nothing was sent. Look at the "
            "source; if it is as it should be, raise max-deviation in [guards] for this run"
        )


def check_removals(step: str, removed: int, known: int, guards: Guards) -> None:
    """Refuse to take back more than is allowed.

    Args:
        step: The step's name.
        removed: Rows to be taken back.
        known: Rows that this job has put there.
        guards: What the job says.

    Raises:
        GuardRefused: nothing was sent.
    """
    bound = guards.max_removals
    if bound is None or not bound.exceeded(removed, known):
        return
    raise GuardRefused(
        f"{step} would remove {removed:,} of the {known:,} rows that this job has put there, and "
        f"max-removals is {_told(bound)}; nothing was sent. Look whether the source is whole; if it is, "
        "raise max-removals in [guards] for this run"
    )


def check_consent(steps: Mapping[str, tuple[Operation, int]], consent: Consent) -> None:
    """Let operations pass that lose data, or refuse.

    Args:
        steps: By the step's name, its operation and how many rows it is for.
        consent: What the caller agreed to.

    Raises:
        GuardRefused: the consent is missing, or is for another number of rows; nothing was sent.
    """
    final = {name: rows for name, (operation, rows) in steps.items() if operation.facts.irreversible}
    for name, (operation, _) in steps.items():
        if operation.facts.destructive and not operation.facts.irreversible and not consent.yes:
            whom = "of every user of the app" if operation.facts.app_wide else "of the users named"
            raise GuardRefused(
                f"{name}: {operation.name} deletes data {whom}: add --yes if that is meant; nothing was sent"
            )
    if not final:
        return
    names = " and ".join(final)
    count = sum(final.values())
    if consent.yes_delete is None:
        raise GuardRefused(
            f"{names} cannot be undone and is for {count:,} rows: add --yes-delete {count} if that is meant; "
            "nothing was sent"
        )
    if consent.yes_delete != count:
        raise GuardRefused(
            f"--yes-delete says {consent.yes_delete:,}, and {names} is for {count:,} rows: look at the "
            "source again; nothing was sent"
        )


class RejectedGuard:
    """Watches the rejected rows of a step while it runs."""

    def __init__(self, bound: Share | None) -> None:
        self._bound = bound

    def refuses(self, rejected: int, judged: int) -> GuardRefused | None:
        """Return why the step must stop, or None where it may go on.

        Args:
            rejected: Rows that are wrong.
            judged: Rows of which it is known whether they are.
        """
        bound = self._bound
        if bound is None or not rejected:
            return None
        share = attrs.evolve(bound, share=bound.share if judged >= _ENOUGH else None)
        if not share.exceeded(rejected, judged):
            return None
        return GuardRefused(
            f"{rejected:,} of the first {judged:,} rows were rejected, and max-rejected is {_told(bound)}: "
            "nothing more was sent. Look at the reasons in rejects.jsonl and mend the source or the mapping; "
            "or raise max-rejected in [guards] and go on with the run"
        )


def _told(bound: Share) -> str:
    parts = [] if bound.count is None else [f"{bound.count:,} rows"]
    parts += [] if bound.share is None else [f"{bound.share:.0%}"]
    return " or ".join(parts)
