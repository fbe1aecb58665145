"""What stops a run before it does harm: an empty source, many removals, many rejected rows, odd numbers.

A guard asks nobody, for a job at night has nobody to answer. It refuses, says what it saw, and says what to
change if that is meant.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

import attrs

from netaudience.errors import GuardRefused
from netaudience.jobs.spec.model import Guards, Share
from netaudience.operations.dispatch import Operation
from netaudience.plurals import many

#: A share of fewer rows than this says nothing yet; a number of rows counts at once.
_ENOUGH = 200
#: Runs whose median a number of rows is compared with.
PAST_RUNS = 10


@attrs.frozen(kw_only=True)
class Consent:
    """What the caller agreed to."""

    yes: bool = False
    #: The number of rows that may be lost for good.
    yes_delete: int | None = None
    #: Whether an account that is not known by its key and base URL is one that is known by others.
    account: Literal["same", "other"] | None = None

    @classmethod
    def to(cls, lost: Iterable[tuple[Operation, int]]) -> Self:
        """Return what a run needs for operations, each with its number of rows."""
        asked = [(operation.facts, rows) for operation, rows in lost if wants_consent(operation)]
        final = [rows for facts, rows in asked if facts.irreversible]
        return cls(yes=len(final) < len(asked), yes_delete=sum(final) if final else None)

    @property
    def flags(self) -> str:
        """How a command says so."""
        final = [] if self.yes_delete is None else [f"--yes-delete {self.yes_delete}"]
        return " ".join([*(["--yes"] if self.yes else []), *final])


def wants_consent(operation: Operation) -> bool:
    """Return whether an operation is asked for twice."""
    return operation.facts.destructive or bool(operation.facts.consent)


def refusal(operation: Operation) -> GuardRefused:
    """Return what is said to somebody who has not agreed to what an operation does."""
    facts = operation.facts
    whom = "every user of the app" if facts.app_wide else "what is named"
    does = f"deletes data of {whom}" if facts.destructive else f"reaches {whom}"
    return GuardRefused(f"{operation.name} {does}: add --yes if that is meant; nothing was sent")


def no_rows() -> GuardRefused:
    """Return what is said of a source without any row."""
    return GuardRefused(
        "The source has no row at all, and nothing was sent: look at where it comes from, or say "
        "--allow-empty, in a job file allow-empty = true in [guards], if that is meant"
    )


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
        raise no_rows()
    if guards.max_deviation is None or not before:
        return
    usual = statistics.median(before[:PAST_RUNS])
    if usual and abs(rows - usual) / usual > guards.max_deviation:
        way = "more" if rows > usual else "fewer"
        raise GuardRefused(
            f"The source has {many(rows, 'row')}, {abs(rows - usual) / usual:.0%} {way} than the "
            f"{usual:,.0f} of the last runs, and max-deviation is {guards.max_deviation:.0%}; nothing was "
            "sent. Look at the source; if it is as it should be, raise max-deviation in [guards] for this run"
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
        f"{step} would remove {removed:,} of the {many(known, 'row')} that this job has put there, and "
        f"max-removals is {_shown(bound)}; nothing was sent. Look whether the source is whole; if it is, "
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
    for operation, _ in steps.values():
        if wants_consent(operation) and not operation.facts.irreversible and not consent.yes:
            raise refusal(operation)
    if not final:
        return
    names = " and ".join(final)
    count = sum(final.values())
    if consent.yes_delete is None:
        raise GuardRefused(
            f"{names} cannot be undone and is for {many(count, 'row')}: add --yes-delete {count} if that "
            "is meant; nothing was sent"
        )
    if consent.yes_delete != count:
        raise GuardRefused(
            f"--yes-delete says {consent.yes_delete:,}, and {names} is for {many(count, 'row')}: look at the "
            "source again; nothing was sent"
        )


class RejectedGuard:
    """Judges the rejected rows of a step: of a plan, and of a run while it goes on."""

    def __init__(self, step: str, bound: Share | None) -> None:
        self._step = step
        self._bound = bound

    def refuses(
        self, rejected: int, judged: int, *, rows: int | None = None, unchanged: int = 0, known: int = 0
    ) -> GuardRefused | None:
        """Return why the step must stop, or None where it may go on.

        The bound is a share of all rows of the step. It is certainly exceeded when that many are rejected,
        and taken to be when the rows that are still to come are like those that were judged. Rows that the
        last run has rejected as well say nothing about those to come.

        Args:
            rejected: Rows that are wrong.
            judged: Rows of which it is known whether they are.
            rows: The rows of the step, where they were counted.
            unchanged: Those of them that are at the vendor as they are.
            known: Rejected rows that the last run has rejected for the same reason.
        """
        bound = self._bound
        if bound is None or not rejected:
            return None
        whole = rows is not None and judged + unchanged >= rows
        every = judged if rows is None else max(rows, judged + unchanged)
        expected = float(rejected)
        if judged - known >= _ENOUGH:
            expected += (rejected - known) / (judged - known) * (every - unchanged - judged)
        share = attrs.evolve(bound, share=bound.share if rows is not None or judged >= _ENOUGH else None)
        if not share.exceeded(rejected, every) and not attrs.evolve(share, count=None).exceeded(
            expected, every
        ):
            return None
        first = "" if whole else "the first "
        of = f"{every:,}" if whole else f"{judged:,}"
        as_before = f" ({known:,} of them as in the last run)" if known else ""
        return GuardRefused(
            f"{self._step}: {rejected:,} of {first}{of} rows are rejected{as_before}, and max-rejected is "
            f"{_shown(bound)}: look at the reasons and mend the source or the mapping, or raise max-rejected "
            "in [guards]"
        )


def accepts(rejected: int, rows: int, guards: Guards) -> bool:
    """Return whether this number of rejected rows of a step is no failure."""
    return guards.accept_rejected is not None and not guards.accept_rejected.exceeded(rejected, rows)


def _shown(bound: Share) -> str:
    parts = [] if bound.count is None else [many(bound.count, "row")]
    parts += [] if bound.share is None else [f"{bound.share * 100:g}%"]
    return " or ".join(parts)
