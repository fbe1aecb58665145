"""What the outcome of requests means for whom they were about: a verdict for everybody at every vendor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from netaudience.verbs.plan import Part, VendorPlan, VerbPlan
from netaudience.verbs.verdicts import Status, Verdict

if TYPE_CHECKING:
    from netaudience.jobs.deliver.order import RowFate
    from netaudience.verbs.people import Person


class Reported(NamedTuple):
    """What a vendor has told of a row besides that it took it."""

    receipt: str | None
    not_there: bool


def judge(
    plan: VerbPlan,
    fates: Mapping[tuple[str, int], RowFate],
    reported: Mapping[tuple[str, int], Reported],
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
                    _of_fate(part, person, fates.get(at), reported.get(at), stopped, now)
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
    reported: Reported | None,
    stopped: Mapping[str, str | None],
    now: datetime,
) -> _OfPart:
    """Return what the fate of a row means for whom it names."""
    way = part.way
    not_there = reported is not None and reported.not_there
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
    return _OfPart(part, status, due, None if reported is None else reported.receipt, reason)


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
