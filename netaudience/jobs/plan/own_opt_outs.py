"""The opt-outs that vendors tell of themselves, and those of a job's people, asked for before each run.

Whoever left by a link of a vendor's own stands on no list of ours. What vendors tell is kept in the job's
folder as a list beside those that the job names, so going on with a run holds back the same rows.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs

from netaudience.client import Client, ClientFactory, from_environment
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound
from netaudience.jobs.plan.destinations import settings_of
from netaudience.jobs.spec.model import Expression
from netaudience.jobs.spec.people_section import column_of
from netaudience.jobs.state.run_folder import job_folder, replace
from netaudience.model.verb_facts import CHANNELS
from netaudience.operations.readback import answer_to, asked
from netaudience.settings import Settings
from netaudience.vendors import client_of, look_up_of

if TYPE_CHECKING:
    from pathlib import Path

    from netaudience.jobs.spec.model import JobFile, Source
    from netaudience.model.verb_facts import Channel, Identity, Question

T = TypeVar("T")
_AT_ONE_TIME = 20


def told_by(slug: str) -> set[Channel]:
    """Return the channels of which a vendor tells whether somebody has opted out."""
    shown: set[Channel] = set()
    for question in _questions(slug):
        shown |= {*CHANNELS} if question.channel is None else {question.channel}
    return shown


def _questions(slug: str) -> list[Question]:
    facts = look_up_of(client_of(slug))
    return [one for one in (() if facts is None else facts.questions) if one.permits is not None]


async def own_opt_outs(
    slug: str,
    people: Sequence[tuple[T, Channel]],
    known_as: Callable[[T, Identity], str | None],
    client_factory: ClientFactory | None,
    settings: Settings | None = None,
) -> list[tuple[T, Channel, bool | str]]:
    """Ask a vendor who has opted out there: true or false where it tells, or why it gave no answer.

    Args:
        slug: The vendor's name in commands.
        people: Whom to ask about, and on which channel.
        known_as: What somebody is known by at the vendor, None where that is nothing.
        client_factory: Makes a vendor's client; from the environment if not given.
        settings: Those of the vendor's client.

    Returns:
        An entry for each of whom the vendor tells something, or gave no answer.
    """
    vendor, questions, settings = client_of(slug), _questions(slug), settings or Settings()
    if not questions or not people:
        return []
    found: list[tuple[T, Channel, bool | str]] = []
    try:
        made = (client_factory or from_environment)(vendor, settings)
    except ConfigurationError as error:
        return [(*each, str(error)) for each in people]
    async with made as account:
        for start in range(0, len(people), _AT_ONE_TIME):
            some = people[start : start + _AT_ONE_TIME]
            answers = await asyncio.gather(*(_ask(account, *each, questions, known_as) for each in some))
            found += [(*each, off) for each, off in zip(some, answers, strict=True) if off is not None]
    return found


async def _ask(
    account: Client,
    person: T,
    channel: Channel,
    questions: Sequence[Question],
    known_as: Callable[[T, Identity], str | None],
) -> bool | str | None:
    """Return whether the vendor shows an opt-out by any id; None where it tells nothing of the person."""
    reply: bool | str | None = None
    for question in questions:
        name = known_as(person, question.takes)
        if question.permits is None or name is None or question.channel not in {None, channel}:
            continue
        try:
            answer = await answer_to(account, asked(question, name))
        except NotFound:
            continue
        except NetaudienceError as error:
            reply = reply if reply is not None else str(error)
            continue
        allowed = question.permits(answer).get(channel)
        if allowed is False:
            return True
        if allowed is True and reply is None:
            reply = False
    return reply


def held_by(job: JobFile) -> Source:
    """Return the source of a job, which knows where what vendors have told of its people is kept."""
    held = job.source.suppression
    if held is None or not held.ask:
        return job.source
    return attrs.evolve(job.source, suppression=attrs.evolve(held, vendors_own=_kept(job)))


def _kept(job: JobFile) -> Path:
    return job_folder(job) / "opt-outs.csv"


async def ask_for_opt_outs(job: JobFile, client_factory: ClientFactory | None, *, resume: str | None) -> None:
    """Ask the vendors that a job names for the opt-outs of everybody in its source, and keep the list.

    The source is read once more for it. A run that is gone on with holds back whom it has held back.

    Raises:
        ConfigurationError: the source cannot be read, or a vendor gave no answer: nobody knows who has left.
        SourceFailed: the source cannot be read.
    """
    held = job.source.suppression
    if held is None or not held.ask or resume is not None:
        return
    people = await asyncio.to_thread(_people, job)
    lines: list[list[str]] = []
    for slug in held.ask:
        channels: list[Channel] = [one for one in held.channels or CHANNELS if one in told_by(slug)]

        def known_as(person: dict[str, str], takes: Identity, vendor: str = slug) -> str | None:
            return person.get(column_of(held.columns, vendor, takes) or "")

        about: list[tuple[dict[str, str], Channel]] = [(one, each) for one in people for each in channels]
        replies = await own_opt_outs(slug, about, known_as, client_factory, settings_of(job))
        silent = [off for _, _, off in replies if isinstance(off, str)]
        if silent:
            raise ConfigurationError(
                f"{client_of(slug).vendor} gave no answer to {len(silent):,} of {len(about):,} questions for "
                f"its own opt-outs, and nobody who may have left is written to; nothing was sent: {silent[0]}"
            )
        lines += [
            [*(person.get(one, "") for one in held.match), channel] for person, channel, off in replies if off
        ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[*held.match, "channel"], *lines])
    path = _kept(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text.getvalue().encode())


def _people(job: JobFile) -> list[dict[str, str]]:
    """Read what everybody in the source is known by, by the column."""
    from netaudience.jobs.extract.table import open_source  # noqa: PLC0415 - needs the extra `cli`

    held = job.source.suppression
    columns = {} if held is None else dict.fromkeys([*held.columns.values(), *held.match])
    wanted = {column: Expression(column=column) for column in columns}
    with open_source(attrs.evolve(job.source, suppression=None), job.path.parent) as table:
        return [
            {
                column: str(value)
                for column, value in row["fields"].items()
                if value is not None and str(value).strip()
            }
            for page in table.rows(wanted)
            for row in page
            if not row.get("problem")
        ]
