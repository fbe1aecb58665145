"""The second look: whether the people whom a vendor took for erasure are gone when it said so.

Receipts name nobody, so the people are given once more. What a look shows is a line of the same file, beside
the receipt that it is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import attrs

from netaudience.client import Client, from_environment
from netaudience.errors import NetaudienceError, NotFound
from netaudience.operations.readback import ReadBack, answer_to
from netaudience.settings import Settings
from netaudience.vendors import client_of
from netaudience.verbs.asking import sent_for
from netaudience.verbs.receipts import Line, Receipts

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.model.verb_facts import Verb, Way
    from netaudience.verbs.people import Person
    from netaudience.verbs.plan import Part, VendorPlan
    from netaudience.verbs.subject import Columns
    from netaudience.verbs.verdicts import Status

Answer: TypeAlias = Literal["done", "nothing_shown", "not_yet", "not_done", "no_answer"]
"""What a look shows: that it was done; nothing, which proves nothing; that it was not, which is early;
that it was not; no answer at all."""

#: From the worst to the best: of several looks for a person the worst counts.
_WORST: Sequence[Answer] = ("not_done", "no_answer", "not_yet", "nothing_shown", "done")
_BECOMES: Mapping[Answer, Status] = {
    "done": "applied",
    "nothing_shown": "accepted",
    "not_yet": "accepted",
    "not_done": "failed",
    "no_answer": "accepted",
}
_NOT_DONE = "the vendor does not show it as done, after the time in which it says that it does it"
#: Looks that are under way at one time; the account's limits decide how many of them are sent.
_AT_ONE_TIME = 20


@attrs.define
class Case:
    """One person at one vendor, as the receipts have it: the verdict, and what the last look has shown."""

    verdict: Line
    last: Line | None = None

    @property
    def status(self) -> str:
        """What is known now."""
        return str((self.last or self.verdict)["status"])

    @property
    def is_open(self) -> bool:
        """Whether a look may still show something that is not known."""
        if self.verdict["status"] not in {"accepted", "in_doubt"} or "verify_from" not in self.verdict:
            return False
        return self.last is None or self.last["answer"] in {"not_done", "not_yet", "no_answer"}

    def is_due(self, now: datetime) -> bool:
        """Whether the vendor's own time is over."""
        return self.is_open and datetime.fromisoformat(self.verdict["verify_from"]) <= now


def cases_of(lines: Iterable[Line]) -> list[Case]:
    """Return the cases by their first receipts; of a run that went on the last verdict counts."""
    cases: dict[tuple[object, ...], Case] = {}
    for line in lines:
        if line["kind"] == "verdict":
            cases[_about(line)] = Case(line)
        elif (case := cases.get(_about(line))) is not None:
            case.last = line
    return list(cases.values())


def _about(line: Line) -> tuple[object, ...]:
    """Return what a receipt and the looks that belong to it have in common."""
    return line["run"], line["row"], line["vendor"], line.get("channel")


class _Looked(NamedTuple):
    case: Case
    answer: Answer
    reason: str | None


async def look_again(  # noqa: PLR0913 - what a look is made of
    receipts: Receipts,
    people: Sequence[Person],
    columns: Columns,
    verb: Verb,
    vendors: Sequence[VendorPlan],
    *,
    now: datetime | None = None,
    client_factory: ClientFactory | None = None,
) -> list[Line]:
    """Look at everybody whose time has come, and add to the receipts what was seen; return the new lines.

    Args:
        receipts: The file, opened.
        people: Who may be meant by receipts; whose receipts are not theirs is passed over.
        columns: What the people are known by.
        verb: The verb whose receipts are looked at.
        vendors: What was planned for them, which says how each vendor is looked at.
        now: What the clock says.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: credentials are missing.
        JournalFailed: the receipts cannot be written.
    """
    now = now or datetime.now(UTC)
    known = [(receipts.key.person(person, columns), person) for person in people]
    by_digest = {digest: person for digests, person in known for digest in digests.values()}
    added: list[Line] = []
    for vendor in vendors:
        due = [
            (case, person, parts)
            for case in cases_of(receipts.lines)
            if case.verdict["vendor"] == vendor.vendor
            and (case.verdict["verb"], case.verdict.get("channel")) == (verb, vendor.channel)
            and case.is_due(now)
            for person in (_whose(case.verdict, by_digest),)
            if person is not None
            for parts in (_looked_by(case.verdict, vendor, person),)
            if parts
        ]
        if not due:
            continue
        client = client_of(vendor.vendor)
        made = client_factory or from_environment
        async with made(client, Settings()) as account:
            for start in range(0, len(due), _AT_ONE_TIME):
                looked = await asyncio.gather(
                    *(_look(account, now, *each) for each in due[start : start + _AT_ONE_TIME])
                )
                added += receipts.add(_line(one, now) for one in looked)
    return added


def _whose(verdict: Line, by_digest: Mapping[str, Person]) -> Person | None:
    """Return whose receipt it is, if it is one of these people's."""
    return next((by_digest[each] for each in verdict["subject"].values() if each in by_digest), None)


def _looked_by(verdict: Line, vendor: VendorPlan, person: Person) -> list[Part]:
    """Return what a person is looked at by: every identity that the vendor was asked with, or nothing."""
    asked = set(cast("list[str]", verdict.get("identities", [])))
    parts = [part for part in vendor.parts if part.way.takes in asked and part.column in person.known_by]
    whole = {part.way.takes for part in parts} == asked and all(part.shown_by for part in parts)
    return parts if whole else []


async def _look(account: Client, now: datetime, case: Case, person: Person, parts: Sequence[Part]) -> _Looked:
    age = (now - datetime.fromisoformat(case.verdict["time"])).total_seconds()
    seen = [await _ask(account, part.way, person.known_by[part.column], age) for part in parts]
    answer, reason = min(seen, key=lambda each: _WORST.index(each[0]))
    return _Looked(case, answer, reason)


async def _ask(account: Client, way: Way, name: str, age: float) -> tuple[Answer, str | None]:
    """Ask a vendor whether a way was done for somebody; it was asked for a number of seconds ago."""
    sent = sent_for(type(account), way, name)
    fact = account.read_backs.get(way.operation)
    ask = fact.ask(sent, way.arguments) if isinstance(fact, ReadBack) else None
    if not isinstance(fact, ReadBack) or ask is None:
        return "no_answer", "the vendor has no look-up by this identity"
    try:
        answer = await answer_to(account, ask)
    except NotFound:
        answer = None
    except NetaudienceError as error:
        return "no_answer", str(error)
    match fact.judge(sent, way.arguments, answer):
        case "landed":
            return ("done" if fact.proves else "nothing_shown"), None
        case "gone":
            return "nothing_shown", "the vendor knows nobody of that name"
        case _ if way.within is None and age < fact.settles.value:
            return "not_yet", None
        case _:
            return "not_done", _NOT_DONE


def _line(looked: _Looked, now: datetime) -> dict[str, Any]:
    verdict = looked.case.verdict
    line: dict[str, Any] = {
        "kind": "look",
        "run": verdict["run"],
        "row": verdict["row"],
        "vendor": verdict["vendor"],
        "verb": verdict["verb"],
        **({"channel": verdict["channel"]} if "channel" in verdict else {}),
        "subject": verdict["subject"],
        "answer": looked.answer,
        "status": _BECOMES[looked.answer],
        "time": now.isoformat(timespec="seconds"),
    }
    return line if looked.reason is None else {**line, "reason": looked.reason}


def of_person(lines: Iterable[Line], wanted: Mapping[str, str]) -> Iterator[Line]:
    """Give the lines about a person.

    Args:
        lines: The receipts.
        wanted: By what the person is known by, what stands for it in receipts.
    """
    for line in lines:
        subject = cast("dict[str, str]", line["subject"])
        if any(subject.get(kind) == digest for kind, digest in wanted.items()):
            yield line
