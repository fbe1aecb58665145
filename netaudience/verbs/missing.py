"""Ids of people that a file does not have, asked of the vendors that can be asked; no id is ever guessed.

A vendor is asked for somebody of whom it is known by one identity and not by another one. What two vendors
tell differently of an address is reported, and not written down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.client import Client, from_environment
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound
from netaudience.jobs.spec.model import Source
from netaudience.model.verb_facts import Identity, Question
from netaudience.operations.readback import answer_to, asked
from netaudience.settings import Settings
from netaudience.vendors import client_of, look_up_of, names
from netaudience.verbs.asking import vendors_here
from netaudience.verbs.people import Person, open_people, read_people
from netaudience.verbs.subject import Columns, Subject, find_columns

if TYPE_CHECKING:
    from netaudience.client import ClientFactory

#: Questions that are under way at one time; the account's limits decide how many of them are sent.
_AT_ONE_TIME = 20


@attrs.frozen(kw_only=True)
class LookedUp:
    """How many ids one vendor could tell."""

    #: The vendor's name in commands, and as people write it.
    vendor: str
    name: str
    #: People of whom something was found, who are not known there, and of whom no answer came.
    found: int = 0
    nothing_there: int = 0
    no_answer: int = 0
    #: Why there was no answer, once each.
    reasons: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Completed:
    """What was found of people."""

    #: By the number of the row, the new values by the column that they belong into.
    found: Mapping[int, Mapping[str, str]] = attrs.field(repr=False)
    #: Columns that the file does not have, in their order.
    added: tuple[str, ...]
    vendors: tuple[LookedUp, ...]
    #: Rows of which vendors tell different addresses: none was taken.
    disputed: int

    @property
    def ok(self) -> bool:
        """True where every vendor has answered."""
        return not any(vendor.no_answer for vendor in self.vendors)


async def look_up_missing(
    people: str | Path | Source | Iterable[Subject],
    *,
    vendors: Iterable[str] | None = None,
    columns: Mapping[Identity, str | None] | None = None,
    client_factory: ClientFactory | None = None,
) -> Completed:
    """Ask vendors for the ids of people that are missing.

    Args:
        people: A file with a column for each id, or subjects.
        vendors: By their names in commands; those of the environment if not given.
        columns: Columns of a file that their names do not tell.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: a vendor or a column is not there, or credentials are missing.
    """
    slugs = list(vendors or vendors_here())
    if not slugs:
        raise ConfigurationError("No vendor is set up here: set the credentials of those that are meant")
    with open_people(people) as (table, _):
        known = find_columns(list(table.columns), names(), columns)
        read = await asyncio.to_thread(read_people, table, known)
    if broken := next((person for person in read if person.problem is not None), None):
        raise ConfigurationError(f"Row {broken.row} cannot be read: {broken.problem}; mend it first")
    return await complete(read, known, slugs, client_factory)


async def complete(
    read: Sequence[Person], known: Columns, slugs: Sequence[str], client_factory: ClientFactory | None
) -> Completed:
    """Ask vendors for the ids of people who have been read; else as `look_up_missing`."""
    replies = [await _ask_vendor(client_of(slug), read, known, client_factory) for slug in slugs]
    found: dict[int, dict[str, str]] = {}
    addresses: dict[int, dict[str, set[str]]] = {}
    for slug, (_, answers) in zip(slugs, replies, strict=True):
        for row, ids in answers.items():
            for identity, value in ids.items():
                if identity == "id":
                    found.setdefault(row, {})[known.own.get(f"{slug}_id", f"{slug}_id")] = value
                else:
                    column = known.column(identity, slug) or identity
                    addresses.setdefault(row, {}).setdefault(column, set()).add(value)
    disputed = 0
    for row, by_column in addresses.items():
        for column, values in by_column.items():
            disputed += len(values) > 1
            if len(values) == 1:
                found.setdefault(row, {})[column] = values.pop()
    _keep_own_ids(read, known, found, slugs)
    there = set(known.named().values())
    added = dict.fromkeys(name for values in found.values() for name in values if name not in there)
    return Completed(
        found=found,
        added=tuple(sorted(added)),
        vendors=tuple(counted for counted, _ in replies),
        disputed=disputed,
    )


def _keep_own_ids(
    people: Sequence[Person], known: Columns, found: dict[int, dict[str, str]], slugs: Sequence[str]
) -> None:
    """Write ids into a new column of one vendor's: once it is there, the column of ids counts for nothing."""
    made = {name for values in found.values() for name in values}
    for slug in slugs:
        column = f"{slug}_id"
        if column in known.own or column not in made or known.id is None:
            continue
        for person in people:
            if known.id in person.known_by:
                found.setdefault(person.row, {}).setdefault(column, person.known_by[known.id])


async def _ask_vendor(
    vendor: type[Client], people: Sequence[Person], known: Columns, client_factory: ClientFactory | None
) -> tuple[LookedUp, dict[int, dict[Identity, str]]]:
    """Ask one vendor for everybody of whom it may know more."""
    facts = look_up_of(vendor)
    questions = [one for one in (() if facts is None else facts.questions) if one.known_by is not None]
    asked = [
        (person, question) for person in people for question in _questions(person, questions, known, vendor)
    ]
    counted = LookedUp(vendor=vendor.slug, name=vendor.vendor)
    if not asked:
        return counted, {}
    found: dict[int, dict[Identity, str]] = {}
    reasons: dict[str, None] = {}
    make = client_factory or from_environment
    async with make(vendor, Settings()) as account:
        for start in range(0, len(asked), _AT_ONE_TIME):
            some = asked[start : start + _AT_ONE_TIME]
            answers = await asyncio.gather(*(_ask(account, *each, known) for each in some))
            for (person, _), answer in zip(some, answers, strict=True):
                if isinstance(answer, str):
                    reasons[answer] = None
                    counted = attrs.evolve(counted, no_answer=counted.no_answer + 1)
                elif answer:
                    found[person.row] = answer
                    counted = attrs.evolve(counted, found=counted.found + 1)
                else:
                    counted = attrs.evolve(counted, nothing_there=counted.nothing_there + 1)
    return attrs.evolve(counted, reasons=tuple(reasons)), found


def _questions(
    person: Person, questions: Sequence[Question], known: Columns, vendor: type[Client]
) -> list[Question]:
    """Return the one question for a person, if there is something that the file does not have."""
    has: set[Identity] = {
        question.takes
        for question in questions
        if (column := known.column(question.takes, vendor.slug)) is not None and column in person.known_by
    }
    missing = not {"id", "email"} <= has
    fitting = [question for question in questions if question.takes in has]
    return fitting[:1] if missing else []


async def _ask(
    account: Client, person: Person, question: Question, known: Columns
) -> dict[Identity, str] | str:
    """Return what a vendor tells of a person besides what is known, or why it tells nothing."""
    name = person.known_by[known.column(question.takes, account.slug) or ""]
    try:
        answer = await answer_to(account, asked(question, name))
    except NotFound:
        return {}
    except NetaudienceError as error:
        return str(error)
    identities: Mapping[Identity, str | None] = {}
    if question.known_by is not None:
        identities = question.known_by(answer, name)
    return {
        identity: value
        for identity, value in identities.items()
        if value and known.column(identity, account.slug) not in person.known_by
    }
